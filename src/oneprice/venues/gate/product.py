"""What differs between Gate's two markets: a table of facts and readers, and what their bodies share."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from decimal import Decimal

import msgspec

from oneprice.core.describe import Stream
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
from oneprice.venues.kit import BodyError, Call, Reader, Request, Support, blank, multiple, one

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
    """A price of 0 stands for none."""
    bid, ask = (blank(text, "a price") or None for text in (row.highest_bid, row.lowest_ask))
    return Ticker(
        symbol=symbol,
        last=blank(row.last, "last") or None,
        bid=bid,
        bid_quantity=blank(row.highest_size, "highest_size") if bid else None,
        ask=ask,
        ask_quantity=blank(row.lowest_size, "lowest_size") if ask else None,
        high=blank(row.high_24h, "high_24h") or None,
        low=blank(row.low_24h, "low_24h") or None,
        volume=blank(row.volume, "the volume"),
        quote_volume=blank(row.quote_volume, "the quote volume"),
    )


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One market. `word` begins its channels' names. `symbol_key` names a listing in queries.

    `klines_max`: rows of one answer.
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
    klines_max: int
    stream: Stream
    capabilities: Sequence[Support]
    listings: Callable[[Reader, Request], Call[list[SymbolInfo]]]
    order_book: Callable[[Reader, Request, Symbol], Call[OrderBook]]
    trades: Callable[[Reader, Request, Symbol], Call[list[Trade]]]
    tickers: type[Sequence[TickerRow]]
    klines: Callable[[Reader, Request, Symbol, KlineInterval], Call[list[Kline]]]
    funding: Callable[[Reader, Request, Symbol], Call[FundingRate]] | None = None
    funding_history: Callable[[Reader, Request, Symbol], Call[list[FundingRate]]] | None = None


def asset(name: str, names: Container[str]) -> tuple[AssetName, Decimal]:
    """`multiple`, unless what it finds is among this market's `names` too: no two listings get one name."""
    found, coins = multiple(name)
    return (AssetName(name), Decimal(1)) if coins != 1 and found in names else (found, coins)
