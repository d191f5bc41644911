"""Binance's REST bodies, both markets: Structs of the fields that are used, and what they become.

Times are in milliseconds. Source: binance-spot-api-docs rest-api.md; USDⓈ-M market data endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from oneprice.model import (
    FundingRate,
    Kline,
    KlineInterval,
    OrderBook,
    Side,
    Symbol,
    SymbolInfo,
    Ticker,
    Trade,
)
from oneprice.venues.kit import BodyError, Millis, Number, Sequenced, blank, book_side, positive

MS = 1_000_000
ZERO = Decimal(0)
FUNDING_INTERVAL_S = 28_800
"""Of every perpetual that `fundingInfo` does not name."""

INTERVALS: Mapping[KlineInterval, str] = dict(
    zip(KlineInterval, ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1M"), strict=True)
)


class ServerTime(msgspec.Struct):
    """`/time`."""

    server_ms: Millis = msgspec.field(name="serverTime")


class Filter(msgspec.Struct, rename="camel"):
    """One of a symbol's filters; which figures it has depends on `filter_type`. 0 says that a rule is off."""

    filter_type: str
    tick_size: Number = ZERO
    step_size: Number = ZERO
    min_qty: Number = ZERO
    max_qty: Number = ZERO
    min_notional: Number = ZERO
    notional: Number = ZERO


class ListedSymbol(msgspec.Struct, rename="camel"):
    """A symbol in `exchangeInfo`. The last three are of perpetuals."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[Filter]
    base_asset_precision: int = 8
    quote_asset_precision: int = 8
    is_spot_trading_allowed: bool = True
    contract_type: str = ""
    margin_asset: str = ""


class ExchangeInfo(msgspec.Struct):
    """`/exchangeInfo`."""

    symbols: list[ListedSymbol]


class Depth(msgspec.Struct):
    """`/depth`. Spot tells no time."""

    last: Sequenced = msgspec.field(name="lastUpdateId")
    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]
    event_ms: Millis = msgspec.field(name="E", default=0)


class TradeRow(msgspec.Struct):
    """A row of `/trades`."""

    id: Sequenced
    price: Number
    qty: Number
    time: Millis
    buyer_is_maker: bool = msgspec.field(name="isBuyerMaker")


class DayTicker(msgspec.Struct, rename="camel"):
    """`/ticker/24hr`. Futures tell no best bid and ask."""

    symbol: str
    last_price: Number
    open_price: Number
    high_price: Number
    low_price: Number
    volume: Number
    quote_volume: Number
    close_time: Millis
    bid_price: Number | None = None
    bid_qty: Number | None = None
    ask_price: Number | None = None
    ask_qty: Number | None = None


class BookTicker(msgspec.Struct, rename="camel"):
    """A row of `/ticker/bookTicker`. Spot tells no time."""

    symbol: str
    bid_price: Number
    bid_qty: Number
    ask_price: Number
    ask_qty: Number
    time: Millis = 0


class KlineRow(msgspec.Struct, array_like=True):
    """A row of `/klines`."""

    open_ms: Millis
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    close_ms: Millis
    quote_volume: Number


class PremiumIndex(msgspec.Struct, rename="camel"):
    """`/premiumIndex` of one symbol."""

    symbol: str
    mark_price: Number
    index_price: Number
    last_funding_rate: Number
    next_funding_time: Millis


class PastFunding(msgspec.Struct, rename="camel"):
    """A row of `/fundingRate`: a settlement, a few milliseconds after the hour. Old ones have no mark price."""

    symbol: str
    funding_rate: Number
    funding_time: Millis
    mark_price: str | None = None


class FundingInfo(msgspec.Struct, rename="camel"):
    """A row of `/fundingInfo`: perpetuals whose funding is not the default one."""

    symbol: str
    funding_interval_hours: int


def order_book(told: Depth, listing: SymbolInfo, levels: int) -> OrderBook:
    """A book cut to `levels` a side. Raises BodyError."""
    return OrderBook(
        symbol=listing.symbol,
        bids=book_side(told.bids, bids=True)[:levels],
        asks=book_side(told.asks, bids=False)[:levels],
        sequence=told.last,
        time_ns=told.event_ms * MS,
    )


def trades(rows: Sequence[TradeRow], symbol: Symbol) -> list[Trade]:
    """Trades, oldest first as they come. The taker sold when the buyer was the maker. Raises BodyError."""
    return [
        Trade(
            symbol=symbol,
            price=positive(row.price, "a trade's price"),
            quantity=positive(row.qty, "a trade's quantity"),
            side=Side.SELL if row.buyer_is_maker else Side.BUY,
            time_ns=row.time * MS,
            id=str(row.id),
        )
        for row in rows
    ]


def ticker(told: DayTicker, listing: SymbolInfo) -> Ticker:
    """One ticker; a price of 0 stands for none. Raises BodyError when it is another symbol's."""
    _require_symbol(told.symbol, listing)
    return _ticker(told, listing.symbol)


def tickers(rows: Sequence[DayTicker], listings: Sequence[SymbolInfo]) -> list[Ticker]:
    """Those of the listings, in the venue's order."""
    known = {listing.venue_symbol: listing.symbol for listing in listings}
    return [_ticker(row, known[row.symbol]) for row in rows if row.symbol in known]


def quotes(rows: Sequence[BookTicker], listings: Sequence[SymbolInfo]) -> list[Ticker]:
    """Best bids and asks of the listings, in the venue's order; a price of 0 stands for an empty side."""
    known = {listing.venue_symbol: listing.symbol for listing in listings}
    return [_quote(row, known[row.symbol]) for row in rows if row.symbol in known]


def klines(rows: Sequence[KlineRow], symbol: Symbol, interval: KlineInterval) -> list[Kline]:
    """Candles, oldest first as they come. The last one may still run: it counts as open. Raises BodyError."""
    for before, row in pairwise(rows):
        if row.open_ms <= before.open_ms:
            raise BodyError(f"candles are not in order at {row.open_ms}")
    return [
        Kline(
            symbol=symbol,
            interval=interval,
            open_time_ns=row.open_ms * MS,
            open=positive(row.open, "a candle's open"),
            high=positive(row.high, "a candle's high"),
            low=positive(row.low, "a candle's low"),
            close=positive(row.close, "a candle's close"),
            volume=row.volume,
            quote_volume=row.quote_volume,
            closed=index < len(rows) - 1,
        )
        for index, row in enumerate(rows)
    ]


def funding(told: PremiumIndex, listing: SymbolInfo) -> FundingRate:
    """The rate that is paid next, with the default interval. Raises BodyError when it is another symbol's."""
    _require_symbol(told.symbol, listing)
    return FundingRate(
        symbol=listing.symbol,
        rate=told.last_funding_rate,
        next_time_ns=told.next_funding_time * MS,
        interval_s=FUNDING_INTERVAL_S,
        mark_price=_price(told.mark_price),
        index_price=_price(told.index_price),
    )


def funding_history(rows: Sequence[PastFunding], listing: SymbolInfo) -> list[FundingRate]:
    """Settlements, oldest first. Raises BodyError when one is another symbol's."""
    for row in rows:
        _require_symbol(row.symbol, listing)
    return [
        FundingRate(
            symbol=listing.symbol,
            rate=row.funding_rate,
            next_time_ns=0,
            mark_price=_price(blank(row.mark_price, "markPrice")),
            time_ns=row.funding_time * MS,
        )
        for row in sorted(rows, key=lambda row: row.funding_time)
    ]


def funding_intervals(rows: Sequence[FundingInfo]) -> Mapping[str, int]:
    """Seconds by symbol. Raises BodyError when an interval is not positive."""
    for row in rows:
        if row.funding_interval_hours < 1:
            raise BodyError(f"{row.symbol} pays funding every {row.funding_interval_hours} hours")
    return {row.symbol: row.funding_interval_hours * 3_600 for row in rows}


def _ticker(told: DayTicker, symbol: Symbol) -> Ticker:
    bid, ask = _price(told.bid_price), _price(told.ask_price)
    return Ticker(
        symbol=symbol,
        last=_price(told.last_price),
        bid=bid,
        bid_quantity=None if bid is None else told.bid_qty,
        ask=ask,
        ask_quantity=None if ask is None else told.ask_qty,
        open=_price(told.open_price),
        high=_price(told.high_price),
        low=_price(told.low_price),
        volume=told.volume,
        quote_volume=told.quote_volume,
        time_ns=told.close_time * MS,
    )


def _quote(told: BookTicker, symbol: Symbol) -> Ticker:
    bid, ask = _price(told.bid_price), _price(told.ask_price)
    return Ticker(
        symbol=symbol,
        bid=bid,
        bid_quantity=None if bid is None else told.bid_qty,
        ask=ask,
        ask_quantity=None if ask is None else told.ask_qty,
        time_ns=told.time * MS,
    )


def _price(told: Decimal | None) -> Decimal | None:
    return told if told is not None and told > 0 else None


def _require_symbol(told: str, listing: SymbolInfo) -> None:
    if told != listing.venue_symbol:
        raise BodyError(f"it is of {told!r}, asked for was {listing.venue_symbol!r}")
