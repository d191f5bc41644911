"""What differs between Gate's two markets: a table of facts and readers, and what their bodies share."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from decimal import Decimal

import msgspec

from oneprice.core.describe import Snapshot, Stream
from oneprice.model import (
    AssetName,
    FundingRate,
    Kline,
    KlineInterval,
    MarketKind,
    OrderBook,
    Symbol,
    SymbolInfo,
    Ticker,
    Trade,
)
from oneprice.venues.kit import BodyError, Call, Channel, Number, Reader, Request, Support, blank, multiple, ns_of, one

BASE_INTERVALS: Mapping[KlineInterval, str] = {
    KlineInterval.MINUTE_1: "1m",
    KlineInterval.MINUTE_5: "5m",
    KlineInterval.MINUTE_15: "15m",
    KlineInterval.MINUTE_30: "30m",
    KlineInterval.HOUR_1: "1h",
    KlineInterval.HOUR_4: "4h",
    KlineInterval.DAY_1: "1d",
    KlineInterval.MONTH_1: "30d",
}
"""All but the week, whose word differs. 30d is a natural month."""


class TickerRow(msgspec.Struct, kw_only=True):
    """A row of `/tickers`; each market gives the first three fields its own names. "" is an empty side."""

    symbol: str
    volume: str | None = None
    quote_volume: str | None = None
    last: str | None = None
    highest_bid: str | None = None
    highest_size: str | None = None
    lowest_ask: str | None = None
    lowest_size: str | None = None
    high_24h: str | None = None
    low_24h: str | None = None


def read_ticker(reader: Reader, request: Request, form: type[Sequence[TickerRow]], listing: SymbolInfo) -> Call[Ticker]:
    """The only row of an answer about one listing."""

    def convert(rows: Sequence[TickerRow]) -> Ticker:
        row = one(rows, "tickers")
        if row.symbol != listing.venue_symbol:
            raise BodyError(f"it is of {row.symbol!r}, asked for was {listing.venue_symbol!r}")
        return _ticker(row, listing.symbol)

    return reader.call(request, form, convert)


def read_tickers(
    reader: Reader, request: Request, form: type[Sequence[TickerRow]], listings: Sequence[SymbolInfo]
) -> Call[list[Ticker]]:
    """The rows of `listings`."""
    symbols = {listing.venue_symbol: listing.symbol for listing in listings}

    def convert(rows: Sequence[TickerRow]) -> list[Ticker]:
        return [_ticker(row, symbols[row.symbol]) for row in rows if row.symbol in symbols]

    return reader.call(request, form, convert)


def _ticker(row: TickerRow, symbol: Symbol) -> Ticker:
    return Ticker(
        symbol=symbol,
        last=blank(row.last, "last"),
        bid=blank(row.highest_bid, "highest_bid"),
        bid_quantity=blank(row.highest_size, "highest_size"),
        ask=blank(row.lowest_ask, "lowest_ask"),
        ask_quantity=blank(row.lowest_size, "lowest_size"),
        high=blank(row.high_24h, "high_24h"),
        low=blank(row.low_24h, "low_24h"),
        volume=blank(row.volume, "the volume"),
        quote_volume=blank(row.quote_volume, "the quote volume"),
    )


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One market. `word` begins its channels' names. `symbol_key` names a listing in queries.

    `snapshot` reads the books of whoever follows `order_book_update`. Limits are rows of one answer.
    """

    kind: MarketKind
    word: str
    prefix: str
    symbol_key: str
    listings_path: str
    stream_url: str
    stream_path: str
    headers: tuple[tuple[str, str], ...] = ()
    taker_fee_bps: float
    sizes_in_coins: bool
    intervals: Mapping[KlineInterval, str]
    book_levels_max: int = 100
    trades_max: int = 1_000
    klines_max: int
    channels: frozenset[Channel]
    stream: Stream
    snapshot: Snapshot
    capabilities: Sequence[Support]
    listings: Callable[[Reader, Request], Call[list[SymbolInfo]]]
    order_book: Callable[[Reader, Request, Symbol], Call[OrderBook]]
    trades: Callable[[Reader, Request, Symbol], Call[list[Trade]]]
    tickers: type[Sequence[TickerRow]]
    klines: Callable[[Reader, Request, Symbol, KlineInterval], Call[list[Kline]]]
    funding: Callable[[Reader, Request, Symbol], Call[FundingRate]] | None = None


def asset(name: str, names: Container[str]) -> tuple[AssetName, Decimal]:
    """`multiple`, unless what it finds is among this market's `names` too: no two listings get one name."""
    found, coins = multiple(name)
    return (AssetName(name), Decimal(1)) if coins != 1 and found in names else (found, coins)


class Clock(msgspec.Struct):
    """`/spot/time`, in milliseconds."""

    server_time: Number


def clock_ns(told: Clock) -> int:
    """Raises BodyError."""
    return ns_of(told.server_time, "ms")
