"""The public side of both of MEXC's markets; PublicMarket says what each method promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from oneprice.core.describe import Snapshot, Stream
from oneprice.errors import ExchangeAPIError, NotSupported
from oneprice.model import FundingRate, Kline, KlineInterval, MarketKind, OrderBook, SymbolInfo, Ticker, Trade
from oneprice.venues.kit import (
    Binding,
    Budget,
    Call,
    Channel,
    Control,
    Hosts,
    Reader,
    Request,
    Response,
    Subscription,
    Support,
)
from oneprice.venues.mexc.errors import VENUE_NAME
from oneprice.venues.mexc.streams import Wire

PATH = "public"
REST_URL = "https://api.mexc.com"
SNAPSHOT_LEVELS = 1_000


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One market: its facts, and the functions that make its calls."""

    name: str
    kind: MarketKind
    stream_url: str
    stream_path: str
    budgets: Mapping[str, Budget]
    taker_fee_bps: float
    sizes_in_coins: bool
    capabilities: Sequence[Support]
    wire: Wire
    error: Callable[[Response], ExchangeAPIError | None]
    server_time: Callable[[Reader], Call[int]]
    listings: Callable[[Reader], Call[list[SymbolInfo]]]
    book_request: Callable[[SymbolInfo, int], Request]
    order_book: Callable[[Reader, SymbolInfo, int], Call[OrderBook]]
    trades: Callable[[Reader, SymbolInfo, int], Call[list[Trade]]]
    ticker: Callable[[Reader, SymbolInfo], Call[Ticker]]
    tickers: Callable[[Reader, Sequence[SymbolInfo]], Call[list[Ticker]]]
    quotes: Callable[[Reader, Sequence[SymbolInfo]], Call[list[Ticker]]]
    klines: Callable[[Reader, SymbolInfo, KlineInterval, int, int | None], Call[list[Kline]]]
    funding: Callable[[Reader, SymbolInfo], Call[FundingRate]] | None = None
    funding_history: Callable[[Reader, SymbolInfo, int], Call[list[FundingRate]]] | None = None


class MexcMarket:
    """Requests and frames of one product."""

    def __init__(self, product: Product, hosts: Hosts | None = None) -> None:
        self._product, self._wire = product, product.wire
        hosts = hosts or Hosts(REST_URL, product.stream_url)
        self.venue = VENUE_NAME
        self.kind = product.kind
        self.rest_url = hosts.rest
        self.stream_urls: Mapping[str, str] = {PATH: hosts.stream + product.stream_path}
        self.stream_headers: Mapping[str, str] = {}
        self.budgets = product.budgets
        self.taker_fee_bps = product.taker_fee_bps
        self.sizes_in_coins = product.sizes_in_coins
        self.limits = product.wire.limits
        self.capabilities = product.capabilities
        self._reader = Reader(product.name, self.error)

    # ------------------------------------------------------------------ REST

    def server_time(self) -> Call[int]:
        """Of whole milliseconds."""
        return self._product.server_time(self._reader)

    def listings(self) -> Call[list[SymbolInfo]]:
        """All of them, also those that the API may not trade. For perpetuals once in 5 s, by a budget of its own."""
        return self._product.listings(self._reader)

    def order_book(self, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
        """At most 5,000 levels a side on spot, 1,000 of perpetuals."""
        return self._product.order_book(self._reader, listing, levels)

    def trades(self, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
        """At most 1,000 on spot, 100 of perpetuals."""
        return self._product.trades(self._reader, listing, count)

    def ticker(self, listing: SymbolInfo) -> Call[Ticker]:
        """The last 24 hours."""
        return self._product.ticker(self._reader, listing)

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """The last 24 hours of all."""
        return self._product.tickers(self._reader, listings)

    def quotes(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """Of perpetuals from the tickers, which have no quantities."""
        return self._product.quotes(self._reader, listings)

    def klines(
        self, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None = None
    ) -> Call[list[Kline]]:
        """At most 500 on spot, 2,000 of perpetuals."""
        return self._product.klines(self._reader, listing, interval, count, start_ns)

    def funding(self, listing: SymbolInfo) -> Call[FundingRate]:
        """The rate that is paid next, and its interval, which differs by contract."""
        if self._product.funding is None:
            raise NotSupported(f"{self._product.name} has no funding: only perpetuals have")
        return self._product.funding(self._reader, listing)

    def funding_history(self, listing: SymbolInfo, count: int) -> Call[list[FundingRate]]:
        """The last settlements, at most 1,000, each with the interval that it had."""
        if self._product.funding_history is None:
            raise NotSupported(f"{self._product.name} has no funding: only perpetuals have")
        return self._product.funding_history(self._reader, listing, count)

    def funding_intervals(self) -> Call[Mapping[str, int]] | None:
        """None: `funding` tells the interval."""
        return None

    def error(self, response: Response) -> ExchangeAPIError | None:
        """By code."""
        return self._product.error(response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Not told."""
        return {}

    # ------------------------------------------------------------------ streams

    def stream(self, path: str) -> Stream:
        """There is one kind of connection."""
        return self._wire.stream

    def snapshot(self) -> Snapshot | None:
        """Its number is on the stream's counter; it may lag behind the stream, and is then asked for again."""
        return self._wire.snapshot

    def snapshot_request(self, listing: SymbolInfo) -> Request:
        """1,000 levels."""
        return self._product.book_request(listing, SNAPSHOT_LEVELS)

    def subscription(self, listing: SymbolInfo, channel: Channel) -> Subscription:
        """Of perpetuals no quotes: their ticker tells prices without quantities, once a second."""
        if channel not in self._wire.channels:
            raise NotSupported(f"{self._product.name} has no {channel.value} stream with quantities: depth serves")
        message, name = self._wire.channels[channel]
        symbol = listing.venue_symbol
        return Subscription(listing, channel, name + symbol, PATH, (Binding(message, symbol),))

    def subscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name."""
        return [self._wire.request(True, name, number) for name in names]

    def unsubscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name."""
        return [self._wire.request(False, name, number) for name in names]

    def control(self, payload: bytes, binary: bool) -> list[Control]:
        """Acknowledgements and pongs, all JSON. Spot's binary frames without a body of ours say nothing."""
        return [] if binary and self._wire.stream.format == "protobuf" else self._wire.control(payload)

    def ping(self, wall_ns: int) -> bytes | None:
        """Needed: MEXC closes connections that are silent, or have not pinged, for 60 s."""
        return self._wire.ping
