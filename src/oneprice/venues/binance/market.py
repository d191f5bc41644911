"""A market of Binance: the venue contract over a table of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oneprice.core.describe import Snapshot, Stream
from oneprice.errors import ExchangeAPIError, NotSupported
from oneprice.model import FundingRate, Kline, KlineInterval, OrderBook, SymbolInfo, Ticker, Trade
from oneprice.venues.binance import bodies
from oneprice.venues.binance.errors import VENUE_NAME, read_error
from oneprice.venues.binance.facts import Facts, step
from oneprice.venues.binance.streams import read_control, request
from oneprice.venues.kit import (
    Binding,
    Call,
    Channel,
    Control,
    Hosts,
    Reader,
    Request,
    Response,
    Subscription,
)

SNAPSHOT_LEVELS = 1_000  # spot has 5,000, at five times the weight
ROWS_MAX = 1_000


class BinanceMarket:
    """Spot or perpetuals, as `facts` say."""

    def __init__(self, facts: Facts, hosts: Hosts | None = None) -> None:
        self._facts = facts
        self._reader = Reader(facts.errors.venue, self.error)
        hosts = hosts or Hosts(facts.rest_url, facts.stream_url)
        self.venue = VENUE_NAME
        self.kind = facts.kind
        self.rest_url = hosts.rest
        self.stream_urls: Mapping[str, str] = {path: hosts.stream + told for path, told in facts.stream_paths.items()}
        self.stream_headers: Mapping[str, str] = {}
        self.budgets = facts.budgets
        self.taker_fee_bps = facts.taker_fee_bps
        self.sizes_in_coins = True
        self.limits = facts.limits
        self.capabilities = facts.capabilities

    # ------------------------------------------------------------------ REST

    def server_time(self) -> Call[int]:
        """Nanoseconds since 1970, of whole milliseconds."""
        return self._reader.call(self._get("/time"), bodies.ServerTime, lambda told: told.server_ms * bodies.MS)

    def listings(self) -> Call[list[SymbolInfo]]:
        """All listings of the market with their rules."""
        asked = self._get("/exchangeInfo", *self._facts.listings_query)
        return self._reader.call(asked, bodies.ExchangeInfo, self._facts.read_listings)

    def order_book(self, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
        """The best levels."""
        asked = self._depth_request(listing, levels)
        return self._reader.call(asked, bodies.Depth, lambda told: bodies.order_book(told, listing, levels))

    def trades(self, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
        """The last trades, at most 1,000."""
        asked = self._get("/trades", _symbol(listing), ("limit", str(min(count, ROWS_MAX))))
        return self._reader.call(asked, list[bodies.TradeRow], lambda rows: bodies.trades(rows, listing.symbol))

    def ticker(self, listing: SymbolInfo) -> Call[Ticker]:
        """The last 24 hours."""
        asked = self._get("/ticker/24hr", _symbol(listing))
        return self._reader.call(asked, bodies.DayTicker, lambda told: bodies.ticker(told, listing))

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """The last 24 hours of the listings given."""
        asked = self._get("/ticker/24hr", weight=self._facts.tickers_weight)
        return self._reader.call(asked, list[bodies.DayTicker], lambda rows: bodies.tickers(rows, listings))

    def quotes(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """Best bid and ask of the listings given."""
        asked = self._get("/ticker/bookTicker", weight=self._facts.quotes_weight)
        return self._reader.call(asked, list[bodies.BookTicker], lambda rows: bodies.quotes(rows, listings))

    def klines(
        self, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None = None
    ) -> Call[list[Kline]]:
        """Candles, at most 1,000."""
        most, weight = step(self._facts.klines, count)
        start = () if start_ns is None else (("startTime", str(start_ns // bodies.MS)),)
        query = (_symbol(listing), ("interval", bodies.INTERVALS[interval]), *start)
        asked = self._get("/klines", *query, ("limit", str(min(count, most))), weight=weight)
        return self._reader.call(
            asked, list[bodies.KlineRow], lambda rows: bodies.klines(rows, listing.symbol, interval)
        )

    def funding(self, listing: SymbolInfo) -> Call[FundingRate]:
        """The rate that is paid next; the interval is the default one, see `funding_intervals`."""
        self._require_funding()
        asked = self._get("/premiumIndex", _symbol(listing))
        return self._reader.call(asked, bodies.PremiumIndex, lambda told: bodies.funding(told, listing))

    def funding_history(self, listing: SymbolInfo, count: int) -> Call[list[FundingRate]]:
        """The last settlements, at most 1,000; from the budget that `fundingInfo` draws on too."""
        self._require_funding()
        limit = str(min(count, ROWS_MAX))
        asked = self._get("/fundingRate", _symbol(listing), ("limit", limit), budget="funding")
        return self._reader.call(asked, list[bodies.PastFunding], lambda rows: bodies.funding_history(rows, listing))

    def funding_intervals(self) -> Call[Mapping[str, int]] | None:
        """Intervals that are not the default one."""
        if not self._facts.pays_funding:
            return None
        asked = self._get("/fundingInfo", budget="funding")
        return self._reader.call(asked, list[bodies.FundingInfo], bodies.funding_intervals)

    def error(self, response: Response) -> ExchangeAPIError | None:
        """The error that an answer is."""
        return read_error(self._facts.errors, response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Of the clock's minute."""
        text = response.headers.get("x-mbx-used-weight-1m", "")
        return {"default": int(text)} if text.isascii() and text.isdigit() and len(text) < 10 else {}

    # ------------------------------------------------------------------ streams

    def stream(self, path: str) -> Stream:
        """Combined frames."""
        return self._facts.streams[path]

    def snapshot(self) -> Snapshot | None:
        """How `/depth` is read."""
        return self._facts.snapshot

    def snapshot_request(self, listing: SymbolInfo) -> Request:
        """1,000 levels a side."""
        return self._depth_request(listing, SNAPSHOT_LEVELS)

    def subscription(self, listing: SymbolInfo, channel: Channel) -> Subscription:
        """Stream names have the symbol in lower case, frames in upper."""
        told, symbol = self._facts.channels[channel], listing.venue_symbol
        bindings = tuple(Binding(message, symbol) for message in told.messages)
        return Subscription(listing, channel, f"{symbol.lower()}@{told.suffix}", told.path, bindings)

    def subscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for all names."""
        return [request("SUBSCRIBE", names, number)]

    def unsubscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for all names."""
        return [request("UNSUBSCRIBE", names, number)]

    def control(self, payload: bytes, binary: bool) -> list[Control]:
        """Read a control frame. Raises InvalidResponseError."""
        return read_control(payload, binary, self._facts.errors.venue)

    def ping(self, wall_ns: int) -> bytes | None:
        """None: the venue pings by protocol frames, which the transport answers."""
        return None

    # ------------------------------------------------------------------ inside

    def _require_funding(self) -> None:
        if not self._facts.pays_funding:
            raise NotSupported(f"{self._facts.errors.venue} has no funding: perpetuals have")

    def _get(self, path: str, *query: tuple[str, str], weight: int | None = None, budget: str = "default") -> Request:
        weight = self._facts.weights.get(path, 1) if weight is None else weight
        return Request(path=self._facts.prefix + path, query=query, weight=weight, budget=budget)

    def _depth_request(self, listing: SymbolInfo, levels: int) -> Request:
        most, weight = step(self._facts.depth, levels)
        limit = most if self._facts.depth_exact else min(levels, most)
        return self._get("/depth", _symbol(listing), ("limit", str(limit)), weight=weight)


def _symbol(listing: SymbolInfo) -> tuple[str, str]:
    return "symbol", listing.venue_symbol
