"""MEXC's perpetuals margined in USDT: `/api/v1/contract`. Quantities are contracts of `contractSize` coins.

Answers are `{"success", "code", "data"}` with bare numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar
from urllib.parse import quote

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
from oneprice.venues.kit import (
    BodyError,
    Budget,
    Call,
    Millis,
    Number,
    Reader,
    Request,
    Sequenced,
    Support,
    book_side,
    multiple,
    positive,
)
from oneprice.venues.mexc.errors import FUTURES_TABLE, VENUE_NAME, futures_error
from oneprice.venues.mexc.market import Product
from oneprice.venues.mexc.streams import FUTURES_WIRE

T = TypeVar("T")
Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**11)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=10**4)]

MS = 1_000_000
SECOND_NS = 1_000_000_000
BOOK_LEVELS_MAX = 1_000
TRADES_MAX = 100
KLINES_MAX = 2_000
FUNDING_ROWS_MAX = 1_000
DETAIL_BUDGET = "detail"
STATES = {0: "enabled", 1: "delivery", 2: "delivered", 3: "offline", 4: "paused"}
PERPETUAL = 1

INTERVALS: Mapping[KlineInterval, str] = {
    KlineInterval.MINUTE_1: "Min1",
    KlineInterval.MINUTE_5: "Min5",
    KlineInterval.MINUTE_15: "Min15",
    KlineInterval.MINUTE_30: "Min30",
    KlineInterval.HOUR_1: "Min60",
    KlineInterval.HOUR_4: "Hour4",
    KlineInterval.DAY_1: "Day1",
    KlineInterval.WEEK_1: "Week1",
    KlineInterval.MONTH_1: "Month1",
}


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

    time: list[Seconds]
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
    collect_cycle: Hours | None = None


class SettledRow(msgspec.Struct, rename="camel"):
    """A row of `/funding_rate/history`: the rate of a settlement and the cycle it had, in hours."""

    symbol: str
    funding_rate: Number
    settle_time: Millis
    collect_cycle: Hours | None = None


class SettledPage(msgspec.Struct, rename="camel"):
    """A page of `/funding_rate/history`, newest first."""

    result_list: list[SettledRow]


def _request(path: str, *query: tuple[str, str]) -> Request:
    return Request(path=f"/api/v1/contract/{path}", query=query)


def _path(word: str, listing: SymbolInfo) -> str:
    return f"{word}/{quote(listing.venue_symbol, safe='')}"


def server_time(reader: Reader) -> Call[int]:
    """In nanoseconds."""
    return reader.call(_request("ping"), Answer[Millis], lambda answer: answer.data * MS)


def listings(reader: Reader) -> Call[list[SymbolInfo]]:
    """Perpetuals in USDT. One without tick, lot or size cannot be priced and is left out."""

    def convert(answer: Answer[list[ContractRow] | ContractRow]) -> list[SymbolInfo]:
        rows = [
            row
            for row in (answer.data if isinstance(answer.data, list) else [answer.data])
            if row.quote_coin == row.settle_coin == "USDT"
            and row.future_type == PERPETUAL
            and min(row.price_unit, row.vol_unit, row.contract_size) > 0
        ]
        plain = {row.base_coin for row in rows}
        return [_listing(row, plain) for row in rows]

    request = Request(path="/api/v1/contract/detail", budget=DETAIL_BUDGET)
    return reader.call(request, Answer[list[ContractRow] | ContractRow], convert)


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


def book_request(listing: SymbolInfo, levels: int) -> Request:
    """Also of the stream's snapshot."""
    return _request(_path("depth", listing), ("limit", str(min(levels, BOOK_LEVELS_MAX))))


def order_book(reader: Reader, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
    """A book in contracts."""

    def convert(answer: Answer[BookData]) -> OrderBook:
        told = answer.data
        bids, asks = book_side(map(_level, told.bids), bids=True), book_side(map(_level, told.asks), bids=False)
        return OrderBook(listing.symbol, bids[:levels], asks[:levels], told.version, (told.timestamp or 0) * MS)

    return reader.call(book_request(listing, levels), Answer[BookData], convert)


def _level(row: list[Decimal]) -> tuple[Decimal, Decimal]:
    if len(row) < 2:
        raise BodyError("a level without quantity")
    return row[0], row[1]


def trades(reader: Reader, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
    """Oldest first; MEXC has the newest first."""

    def convert(row: DealRow) -> Trade:
        side, number = Side.BUY if row.T == 1 else Side.SELL, "" if row.i is None else str(row.i)
        price, quantity = positive(row.p, "a price"), positive(row.v, "a quantity")
        return Trade(listing.symbol, price, quantity, side, row.t * MS, number)

    request = _request(_path("deals", listing), ("limit", str(min(count, TRADES_MAX))))
    return reader.call(
        request,
        Answer[list[DealRow]],
        lambda answer: sorted(map(convert, reversed(answer.data)), key=lambda trade: trade.time_ns),
    )


def ticker(reader: Reader, listing: SymbolInfo) -> Call[Ticker]:
    """Of one contract."""

    def convert(answer: Answer[TickerRow]) -> Ticker:
        _require_symbol(answer.data.symbol, listing)
        return _ticker(answer.data, listing.symbol)

    return reader.call(_request("ticker", ("symbol", listing.venue_symbol)), Answer[TickerRow], convert)


def tickers(reader: Reader, wanted: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
    """Those of the wanted listings."""
    symbols = {listing.venue_symbol: listing.symbol for listing in wanted}

    def convert(answer: Answer[list[TickerRow]]) -> list[Ticker]:
        return [_ticker(row, symbols[row.symbol]) for row in answer.data if row.symbol in symbols]

    return reader.call(_request("ticker"), Answer[list[TickerRow]], convert)


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


def klines(
    reader: Reader, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None
) -> Call[list[Kline]]:
    """The last one may still run, and counts as open. There is no count to ask by: the newest are taken."""
    wanted = min(count, KLINES_MAX)
    query = [("interval", INTERVALS[interval])]
    if start_ns is not None:
        start_s = -(-start_ns // SECOND_NS)
        query += [("start", str(start_s)), ("end", str(start_s + wanted * int(interval) - 1))]

    def convert(answer: Answer[Candles]) -> list[Kline]:
        told = answer.data
        columns = (told.time, told.open, told.high, told.low, told.close, told.vol, told.amount)
        if len({len(column) for column in columns}) != 1:
            raise BodyError("the columns are not of one length")
        last = max(told.time, default=None)
        candles = [
            Kline(listing.symbol, interval, at * SECOND_NS, open_, high, low, close, volume, amount, at != last)
            for at, open_, high, low, close, volume, amount in zip(*columns, strict=True)
        ]
        return sorted(candles, key=lambda candle: candle.open_time_ns)[-wanted:]

    return reader.call(_request(_path("kline", listing), *query), Answer[Candles], convert)


def funding(reader: Reader, listing: SymbolInfo) -> Call[FundingRate]:
    """The rate that is paid next."""

    def convert(answer: Answer[FundingRow]) -> FundingRate:
        told = answer.data
        _require_symbol(told.symbol, listing)
        next_ns, interval_s = told.next_settle_time * MS, _seconds(told.collect_cycle)
        return FundingRate(listing.symbol, told.funding_rate, next_ns, interval_s)

    return reader.call(_request(_path("funding_rate", listing)), Answer[FundingRow], convert)


def funding_history(reader: Reader, listing: SymbolInfo, count: int) -> Call[list[FundingRate]]:
    """The first page, oldest first."""

    def convert(answer: Answer[SettledPage]) -> list[FundingRate]:
        rows = sorted(answer.data.result_list, key=lambda row: row.settle_time)
        for row in rows:
            _require_symbol(row.symbol, listing)
        return [
            FundingRate(listing.symbol, row.funding_rate, 0, _seconds(row.collect_cycle), time_ns=row.settle_time * MS)
            for row in rows
        ]

    size = str(min(count, FUNDING_ROWS_MAX))
    query = (("symbol", listing.venue_symbol), ("page_num", "1"), ("page_size", size))
    return reader.call(_request("funding_rate/history", *query), Answer[SettledPage], convert)


def _seconds(hours: int | None) -> int | None:
    return None if hours is None else hours * 3_600


def _require_symbol(told: str, listing: SymbolInfo) -> None:
    if told != listing.venue_symbol:
        raise BodyError(f"it is of {told!r}, asked for was {listing.venue_symbol!r}")


FUTURES = Product(
    name=FUTURES_TABLE.venue,
    kind=MarketKind.USDM,
    stream_url="wss://contract.mexc.com",
    stream_path="/edge",
    budgets={"default": Budget(20, 2.0), DETAIL_BUDGET: Budget(1, 5.0)},  # documented each endpoint has its own
    taker_fee_bps=6.0,
    sizes_in_coins=False,
    capabilities=(
        Support("listings", True, "once in 5 s"),
        Support("order book", True),
        Support("ticker", True, "no sizes, no opening price"),
        Support("tickers", True, "no sizes, no opening price"),
        Support("quotes", True, "best prices of the tickers, no sizes"),
        Support("trades", True, f"at most {TRADES_MAX}"),
        Support("klines", True),
        Support("funding", True),
        Support("funding history", True, "with the interval of each"),
        Support("stream: depth", True, "all levels, each version a frame"),
        Support("stream: quote", False, "the ticker has no quantities: the depth stream serves"),
        Support("stream: trades", True),
    ),
    wire=FUTURES_WIRE,
    error=futures_error,
    server_time=server_time,
    listings=listings,
    book_request=book_request,
    order_book=order_book,
    trades=trades,
    ticker=ticker,
    tickers=tickers,
    quotes=tickers,
    klines=klines,
    funding=funding,
    funding_history=funding_history,
)
