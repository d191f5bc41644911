"""MEXC's spot REST bodies and what they become. Times are in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from oneprice.model import (
    AssetName,
    ExchangeName,
    Kline,
    KlineInterval,
    MarketKind,
    OrderBook,
    Side,
    Symbol,
    SymbolInfo,
    Ticker,
    Trade,
)
from oneprice.venues.kit import BodyError, Millis, Number, Sequenced, blank, book_side, multiple, positive
from oneprice.venues.mexc.errors import VENUE_NAME

MS = 1_000_000
DECIMALS_MAX = 18
ONLINE = ("1", "ENABLED")
STATUSES = {"1": "online", "2": "paused", "3": "offline"}
BOTH_SIDES = 1
SIDE_TYPES = {2: "buy only", 3: "sell only", 4: "closed"}


class ServerTime(msgspec.Struct, rename="camel"):
    """`/time`."""

    server_time: Millis


class SymbolRow(msgspec.Struct, rename="camel"):
    """A symbol of `/exchangeInfo`.

    In spite of their names `base_size_precision` is the least quantity and `quote_amount_precision` the least value
    of a limit order; decimals are counted by `quote_precision` (price) and `base_asset_precision` (quantity).
    """

    symbol: str
    status: str
    base_asset: str = ""
    quote_asset: str = ""
    base_asset_precision: int | None = None
    quote_precision: int | None = None
    is_spot_trading_allowed: bool = False
    trade_side_type: int = BOTH_SIDES
    base_size_precision: Number | None = None
    quote_amount_precision: Number | None = None
    maker_commission: Number | None = None
    taker_commission: Number | None = None


class ExchangeInfo(msgspec.Struct):
    """`/exchangeInfo`."""

    symbols: list[SymbolRow]


class BookBody(msgspec.Struct, rename="camel"):
    """`/depth`."""

    last_update_id: Sequenced
    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]
    timestamp: Millis | None = None


class TradeRow(msgspec.Struct, rename="camel"):
    """A row of `/trades`; ids are null."""

    price: Number
    qty: Number
    time: Millis
    is_buyer_maker: bool


class DayRow(msgspec.Struct, rename="camel"):
    """A row of `/ticker/24hr`: quantities may be "", the quote volume null."""

    symbol: str
    last_price: str | None = None
    bid_price: str | None = None
    bid_qty: str | None = None
    ask_price: str | None = None
    ask_qty: str | None = None
    open_price: str | None = None
    high_price: str | None = None
    low_price: str | None = None
    volume: str | None = None
    quote_volume: str | None = None
    close_time: Millis | None = None


class CandleRow(msgspec.Struct, array_like=True):
    """A row of `/klines`."""

    open_ms: Millis
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    close_ms: Millis
    quote_volume: Number


def listings(told: ExchangeInfo) -> list[SymbolInfo]:
    """Those with assets and decimals that can be held. 1000X is X times a thousand unless X is listed too."""
    rows = [row for row in told.symbols if row.base_asset and row.quote_asset]
    plain = {(row.base_asset, row.quote_asset) for row in rows}
    found = []
    for row in rows:
        tick, lot = _step(row.quote_precision), _step(row.base_asset_precision)
        if tick is not None and lot is not None:
            base, multiplier = multiple(row.base_asset)
            if multiplier != 1 and (base, row.quote_asset) in plain:
                base, multiplier = AssetName(row.base_asset), Decimal(1)
            found.append(_listing(row, Symbol(base, AssetName(row.quote_asset)), multiplier, tick, lot))
    return found


def _listing(row: SymbolRow, symbol: Symbol, multiplier: Decimal, tick: Decimal, lot: Decimal) -> SymbolInfo:
    obstacles = [] if row.status in ONLINE else [STATUSES.get(row.status, row.status)]
    if not row.is_spot_trading_allowed:
        obstacles.append("not open to the API")
    if row.trade_side_type != BOTH_SIDES:
        obstacles.append(SIDE_TYPES.get(row.trade_side_type, f"sides {row.trade_side_type}"))
    return SymbolInfo(
        venue=ExchangeName(VENUE_NAME),
        market=MarketKind.SPOT,
        symbol=symbol,
        venue_symbol=row.symbol,
        tick_size=tick,
        lot_size=lot,
        min_quantity=row.base_size_precision or Decimal(0),
        min_notional=row.quote_amount_precision or Decimal(0),
        multiplier=multiplier,
        taker_fee=row.taker_commission,
        maker_fee=row.maker_commission,
        tradable=not obstacles,
        status=", ".join(obstacles) or "online",
    )


def _step(decimals: int | None) -> Decimal | None:
    return Decimal(1).scaleb(-decimals) if decimals is not None and 0 <= decimals <= DECIMALS_MAX else None


def order_book(told: BookBody, symbol: Symbol) -> OrderBook:
    """Raises BodyError."""
    bids, asks = book_side(told.bids, bids=True), book_side(told.asks, bids=False)
    return OrderBook(symbol, bids, asks, told.last_update_id, (told.timestamp or 0) * MS)


def trades(rows: Sequence[TradeRow], symbol: Symbol) -> list[Trade]:
    """Oldest first; MEXC has the newest first. Raises BodyError."""
    ordered = list(reversed(rows))
    ordered.sort(key=lambda row: row.time)
    return [
        Trade(
            symbol,
            positive(row.price, "a price"),
            positive(row.qty, "a quantity"),
            Side.SELL if row.is_buyer_maker else Side.BUY,
            row.time * MS,
        )
        for row in ordered
    ]


def ticker(row: DayRow, listing: SymbolInfo) -> Ticker:
    """Raises BodyError when it is another symbol's."""
    if row.symbol != listing.venue_symbol:
        raise BodyError(f"it is of {row.symbol!r}, asked for was {listing.venue_symbol!r}")
    return _ticker(row, listing.symbol)


def tickers(rows: Sequence[DayRow], wanted: Sequence[SymbolInfo]) -> list[Ticker]:
    """Those of the wanted listings. Raises BodyError."""
    symbols = {listing.venue_symbol: listing.symbol for listing in wanted}
    return [_ticker(row, symbols[row.symbol]) for row in rows if row.symbol in symbols]


def _ticker(row: DayRow, symbol: Symbol) -> Ticker:
    return Ticker(
        symbol=symbol,
        last=blank(row.last_price, "lastPrice"),
        bid=blank(row.bid_price, "bidPrice"),
        bid_quantity=blank(row.bid_qty, "bidQty"),
        ask=blank(row.ask_price, "askPrice"),
        ask_quantity=blank(row.ask_qty, "askQty"),
        open=blank(row.open_price, "openPrice"),
        high=blank(row.high_price, "highPrice"),
        low=blank(row.low_price, "lowPrice"),
        volume=blank(row.volume, "volume"),
        quote_volume=blank(row.quote_volume, "quoteVolume"),
        time_ns=(row.close_time or 0) * MS,
    )


def klines(rows: Sequence[CandleRow], symbol: Symbol, interval: KlineInterval) -> list[Kline]:
    """The last one may still run, and counts as open."""
    last = max((row.open_ms for row in rows), default=None)
    return [
        Kline(
            symbol,
            interval,
            row.open_ms * MS,
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            row.quote_volume,
            row.open_ms != last,
        )
        for row in sorted(rows, key=lambda row: row.open_ms)
    ]
