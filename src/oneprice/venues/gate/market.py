"""The public side of both of Gate's markets; PublicMarket says what each method promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from oneprice.core.describe import Snapshot, Stream
from oneprice.errors import ExchangeAPIError, NotSupported
from oneprice.model import FundingRate, Kline, KlineInterval, MarketKind, OrderBook, SymbolInfo, Ticker, Trade
from oneprice.venues.gate import errors, streams
from oneprice.venues.gate.product import Product, read_ticker, read_tickers
from oneprice.venues.kit import (
    Budget,
    Call,
    Channel,
    Control,
    Hosts,
    Millis,
    Reader,
    Request,
    Response,
    StreamLimits,
    Subscription,
    Support,
)

REST_URL = "https://api.gateio.ws"
BOOK_LEVELS_MAX = 100
TRADES_MAX = 1_000
FUNDING_ROWS_MAX = 1_000
MS = 1_000_000
SECOND_NS = 1_000_000_000


class ServerTime(msgspec.Struct):
    """`/spot/time`."""

    server_time: Millis


class GateMarket:
    """Requests and frames of one product."""

    def __init__(self, product: Product, hosts: Hosts | None = None) -> None:
        self._product = product
        self.venue = errors.VENUE_NAME
        self.kind: MarketKind = product.kind
        self.rest_url = hosts.rest if hosts else REST_URL
        stream_url = hosts.stream if hosts else product.stream_url
        self.stream_urls: Mapping[str, str] = {streams.PATH: stream_url + product.stream_path}
        self.stream_headers: Mapping[str, str] = dict(product.headers)
        self.budgets: Mapping[str, Budget] = errors.BUDGETS
        self.taker_fee_bps = product.taker_fee_bps
        self.limits: StreamLimits = streams.LIMITS
        self.capabilities: Sequence[Support] = product.capabilities
        self.sizes_in_coins = product.sizes_in_coins
        self._errors = errors.TABLES[product.kind]
        self._reader = Reader(self._errors.venue, self.error)

    # ------------------------------------------------------------------ REST

    def server_time(self) -> Call[int]:
        """One clock for both products."""
        return self._reader.call(Request(path="/api/v4/spot/time"), ServerTime, lambda told: told.server_time * MS)

    def listings(self) -> Call[list[SymbolInfo]]:
        """All of them, also those that cannot be traded now."""
        return self._product.listings(self._reader, self._request(self._product.listings_path))

    def order_book(self, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
        """At most 100 levels a side: deeper answers come from a cache that is tens of seconds old."""
        return self._product.order_book(self._reader, self._book_request(listing, levels), listing.symbol)

    def trades(self, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
        """At most 1,000."""
        limit = str(min(count, TRADES_MAX))
        request = self._request("/trades", self._of(listing), ("limit", limit))
        return self._product.trades(self._reader, request, listing.symbol)

    def ticker(self, listing: SymbolInfo) -> Call[Ticker]:
        """From the list of one that Gate answers."""
        request = self._request("/tickers", self._of(listing))
        return read_ticker(self._reader, request, self._product.tickers, listing)

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """In Gate's order."""
        return read_tickers(self._reader, self._request("/tickers"), self._product.tickers, listings)

    def quotes(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """From the tickers, which carry the best prices; sizes only on perpetuals."""
        return self.tickers(listings)

    def klines(
        self, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None = None
    ) -> Call[list[Kline]]:
        """At most 1,000 on spot, 2,000 of perpetuals. Gate takes no count beside times: a start gives a span."""
        word = self._product.intervals.get(interval)
        if word is None:
            raise NotSupported(f"{self._errors.venue} has no candles of {interval!r}")
        wanted = min(count, self._product.klines_max)
        span = [("limit", str(wanted))]
        if start_ns is not None:
            start_s = -(-start_ns // SECOND_NS)
            span = [("from", str(start_s)), ("to", str(start_s + wanted * int(interval) - 1))]
        request = self._request("/candlesticks", self._of(listing), ("interval", word), *span)
        return self._product.klines(self._reader, request, listing.symbol, interval)

    def funding(self, listing: SymbolInfo) -> Call[FundingRate]:
        """From the contract's rules, which have rate, interval and prices together."""
        if self._product.funding is None:
            raise NotSupported(f"{self._errors.venue} has no funding: only perpetuals have")
        path = f"{self._product.listings_path}/{quote(listing.venue_symbol, safe='')}"
        return self._product.funding(self._reader, self._request(path), listing.symbol)

    def funding_history(self, listing: SymbolInfo, count: int) -> Call[list[FundingRate]]:
        """The last settlements, at most 1,000."""
        if self._product.funding_history is None:
            raise NotSupported(f"{self._errors.venue} has no funding: only perpetuals have")
        limit = str(min(count, FUNDING_ROWS_MAX))
        request = self._request("/funding_rate", self._of(listing), ("limit", limit))
        return self._product.funding_history(self._reader, request, listing.symbol)

    def funding_intervals(self) -> Call[Mapping[str, int]] | None:
        """None: `funding` tells the interval."""
        return None

    def error(self, response: Response) -> ExchangeAPIError | None:
        """By label."""
        return errors.error_of(self._errors, response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """From the headers, which speak of one endpoint's window."""
        return errors.used_weight(response)

    # ------------------------------------------------------------------ streams

    def stream(self, path: str) -> Stream:
        """There is one kind of connection."""
        return self._product.stream

    def snapshot(self) -> Snapshot | None:
        """None: the stream brings whole books."""
        return None

    def snapshot_request(self, listing: SymbolInfo) -> Request:
        """For the snapshots in `streams`, which only followers of `order_book_update` need."""
        return self._book_request(listing, BOOK_LEVELS_MAX)

    def subscription(self, listing: SymbolInfo, channel: Channel) -> Subscription:
        """All channels."""
        return streams.subscription(self._product.word, listing, channel)

    def subscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name."""
        return streams.request("subscribe", names, number, wall_ns)

    def unsubscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name."""
        return streams.request("unsubscribe", names, number, wall_ns)

    def control(self, payload: bytes, binary: bool) -> list[Control]:
        """Acknowledgements, pongs and notices, all JSON."""
        return streams.control(self._product.word, self._errors.venue, payload)

    def ping(self, wall_ns: int) -> bytes | None:
        """`spot.ping` or `futures.ping`."""
        return streams.ping(self._product.word, wall_ns)

    # ------------------------------------------------------------------ inside

    def _request(self, path: str, *query: tuple[str, str]) -> Request:
        return Request(path=self._product.prefix + path, query=query, headers=self._product.headers)

    def _of(self, listing: SymbolInfo) -> tuple[str, str]:
        return self._product.symbol_key, listing.venue_symbol

    def _book_request(self, listing: SymbolInfo, levels: int) -> Request:
        limit = str(min(levels, BOOK_LEVELS_MAX))
        return self._request("/order_book", self._of(listing), ("limit", limit), ("with_id", "true"))
