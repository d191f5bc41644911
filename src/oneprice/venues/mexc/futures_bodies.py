"""MEXC's perpetual REST bodies, `{"success", "code", "data"}`, and what they become. Numbers come bare."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Generic, Literal, TypeVar

import msgspec

from oneprice.model import (
    AssetName,
    ExchangeName,
    FundingRate,
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
from oneprice.venues.kit import BodyError, Millis, Number, Sequenced, book_side, multiple, positive
from oneprice.venues.mexc.errors import VENUE_NAME

T = TypeVar("T")

MS = 1_000_000
SECOND_NS = 1_000_000_000
STATES = {0: "enabled", 1: "delivery", 2: "delivered", 3: "offline", 4: "paused"}
PERPETUAL = 1


class Answer(msgspec.Struct, Generic[T]):
    """Any good answer."""

    success: Literal[True]
    code: Literal[0]
    data: T


class ContractRow(msgspec.Struct, rename="camel"):
    """A row of `/detail`. `vol_unit` is the lot, `price_unit` the tick, quantities in contracts."""

    symbol: str
    base_coin: str
    quote_coin: str
    settle_coin: str
    contract_size: Number
    price_unit: Number
    vol_unit: Number
    min_vol: Number
    max_vol: Number | None = None
    taker_fee_rate: Number | None = None
    maker_fee_rate: Number | None = None
    state: int = 0
    api_allowed: bool = False
    future_type: int = PERPETUAL


class BookData(msgspec.Struct):
    """`/depth`; a level is `[price, contracts, orders]`."""

    version: Sequenced
    bids: list[list[Number]]
    asks: list[list[Number]]
    timestamp: Millis | None = None


class DealRow(msgspec.Struct):
    """A row of `/deals`: T is 1 when the taker bought, 2 when it sold."""

    p: Number
    v: Number
    T: Literal[1, 2]
    t: Millis
    i: str | int | None = None


class TickerRow(msgspec.Struct, rename={"lower24_price": "lower24Price", "high24_price": "high24Price"}):
    """A row of `/ticker`: no sizes, volumes in contracts and in quote asset."""

    symbol: str
    last: Number | None = msgspec.field(name="lastPrice", default=None)
    bid1: Number | None = None
    ask1: Number | None = None
    high24_price: Number | None = None
    lower24_price: Number | None = None
    volume24: Number | None = None
    amount24: Number | None = None
    timestamp: Millis = 0


class Candles(msgspec.Struct):
    """`/kline`: a list for each column, times in seconds."""

    time: list[int]
    open: list[Number]
    high: list[Number]
    low: list[Number]
    close: list[Number]
    vol: list[Number]
    amount: list[Number]


class FundingRow(msgspec.Struct, rename="camel"):
    """`/funding_rate`; the cycle in hours."""

    symbol: str
    funding_rate: Number
    next_settle_time: Millis
    collect_cycle: int | None = None


TimeAnswer = Answer[Millis]
ContractsAnswer = Answer[list[ContractRow] | ContractRow]
BookAnswer = Answer[BookData]
DealsAnswer = Answer[list[DealRow]]
TickerAnswer = Answer[TickerRow]
TickersAnswer = Answer[list[TickerRow]]
CandlesAnswer = Answer[Candles]
FundingAnswer = Answer[FundingRow]


def server_time(answer: Answer[int]) -> int:
    """In nanoseconds."""
    return answer.data * MS


def listings(answer: Answer[list[ContractRow] | ContractRow]) -> list[SymbolInfo]:
    """Perpetuals in USDT. One without tick, lot or size cannot be priced and is left out."""
    rows = answer.data if isinstance(answer.data, list) else [answer.data]
    rows = [
        row
        for row in rows
        if row.quote_coin == row.settle_coin == "USDT"
        and row.future_type == PERPETUAL
        and min(row.price_unit, row.vol_unit, row.contract_size) > 0
    ]
    plain = {row.base_coin for row in rows}
    return [_listing(row, plain) for row in rows]


def _listing(row: ContractRow, plain: set[str]) -> SymbolInfo:
    base, multiplier = multiple(row.base_coin)
    if multiplier != 1 and base in plain:
        base, multiplier = AssetName(row.base_coin), Decimal(1)
    status = STATES.get(row.state, f"state {row.state}")
    return SymbolInfo(
        venue=ExchangeName(VENUE_NAME),
        market=MarketKind.USDM,
        symbol=Symbol(base, AssetName(row.quote_coin), is_futures=True),
        venue_symbol=row.symbol,
        tick_size=row.price_unit,
        lot_size=row.vol_unit,
        min_quantity=row.min_vol,
        max_quantity=row.max_vol or None,
        contract_size=row.contract_size,
        multiplier=multiplier,
        taker_fee=row.taker_fee_rate,
        maker_fee=row.maker_fee_rate,
        tradable=row.state == 0 and row.api_allowed,
        status=status if row.api_allowed else f"{status}, not open to the API",
    )


def order_book(answer: Answer[BookData], symbol: Symbol, levels: int) -> OrderBook:
    """Raises BodyError."""
    told = answer.data
    return OrderBook(
        symbol,
        book_side(map(_level, told.bids), bids=True)[:levels],
        book_side(map(_level, told.asks), bids=False)[:levels],
        told.version,
        (told.timestamp or 0) * MS,
    )


def _level(row: list[Decimal]) -> tuple[Decimal, Decimal]:
    if len(row) < 2:
        raise BodyError("a level without quantity")
    return row[0], row[1]


def trades(answer: Answer[list[DealRow]], symbol: Symbol) -> list[Trade]:
    """Oldest first; MEXC has the newest first. Raises BodyError."""
    rows = list(reversed(answer.data))
    rows.sort(key=lambda row: row.t)
    return [
        Trade(
            symbol,
            positive(row.p, "a price"),
            positive(row.v, "a quantity"),
            Side.BUY if row.T == 1 else Side.SELL,
            row.t * MS,
            "" if row.i is None else str(row.i),
        )
        for row in rows
    ]


def ticker(answer: Answer[TickerRow], listing: SymbolInfo) -> Ticker:
    """Raises BodyError when it is another contract's."""
    _require_symbol(answer.data.symbol, listing)
    return _ticker(answer.data, listing.symbol)


def tickers(answer: Answer[list[TickerRow]], wanted: Sequence[SymbolInfo]) -> list[Ticker]:
    """Those of the wanted listings."""
    symbols = {listing.venue_symbol: listing.symbol for listing in wanted}
    return [_ticker(row, symbols[row.symbol]) for row in answer.data if row.symbol in symbols]


def _ticker(row: TickerRow, symbol: Symbol) -> Ticker:
    return Ticker(
        symbol=symbol,
        last=row.last,
        bid=row.bid1 or None,
        ask=row.ask1 or None,
        high=row.high24_price,
        low=row.lower24_price,
        volume=row.volume24,
        quote_volume=row.amount24,
        time_ns=row.timestamp * MS,
    )


def klines(answer: Answer[Candles], symbol: Symbol, interval: KlineInterval) -> list[Kline]:
    """The last one may still run, and counts as open. Raises BodyError when the columns differ in length."""
    told = answer.data
    columns = (told.time, told.open, told.high, told.low, told.close, told.vol, told.amount)
    if len({len(column) for column in columns}) != 1:
        raise BodyError("the columns are not of one length")
    last = max(told.time, default=None)
    candles = [
        Kline(symbol, interval, at * SECOND_NS, open_, high, low, close, volume, amount, at != last)
        for at, open_, high, low, close, volume, amount in zip(*columns, strict=True)
    ]
    return sorted(candles, key=lambda candle: candle.open_time_ns)


def funding(answer: Answer[FundingRow], listing: SymbolInfo) -> FundingRate:
    """Raises BodyError when it is another contract's."""
    told = answer.data
    _require_symbol(told.symbol, listing)
    interval_s = None if told.collect_cycle is None else told.collect_cycle * 3_600
    return FundingRate(listing.symbol, told.funding_rate, told.next_settle_time * MS, interval_s)


def _require_symbol(told: str, listing: SymbolInfo) -> None:
    if told != listing.venue_symbol:
        raise BodyError(f"it is of {told!r}, asked for was {listing.venue_symbol!r}")
