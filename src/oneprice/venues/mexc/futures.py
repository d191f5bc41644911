"""MEXC's perpetuals margined in USDT: `/api/v1/contract`. Quantities are contracts of `contractSize` coins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from oneprice.core.describe import Snapshot, Stream
from oneprice.errors import ExchangeAPIError, NotSupported
from oneprice.model import FundingRate, Kline, KlineInterval, MarketKind, OrderBook, SymbolInfo, Ticker, Trade
from oneprice.venues.kit import (
    Budget,
    Call,
    Channel,
    Control,
    Hosts,
    Reader,
    Request,
    Response,
    StreamLimits,
    Subscription,
    Support,
)
from oneprice.venues.mexc import errors, streams
from oneprice.venues.mexc import futures_bodies as bodies

REST_URL = "https://api.mexc.com"
STREAM_URL = "wss://contract.mexc.com"
SNAPSHOT_LEVELS = 1_000
TRADES_MAX = 100
KLINES_MAX = 2_000
SECOND_NS = 1_000_000_000
DETAIL_BUDGET = "detail"

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


class MexcFutures:
    """The public side; PublicMarket says what each method promises."""

    venue = errors.VENUE_NAME
    kind = MarketKind.USDM
    budgets: Mapping[str, Budget] = {  # documented for each endpoint; all but one share theirs here
        "default": Budget(20, 2.0),
        DETAIL_BUDGET: Budget(1, 5.0),
    }
    taker_fee_bps = 6.0
    sizes_in_coins = False
    limits: StreamLimits = streams.FUTURES_LIMITS
    stream_headers: Mapping[str, str] = {}
    capabilities: Sequence[Support] = (
        Support("listings", True, "once in 5 s"),
        Support("order book", True),
        Support("ticker", True, "no sizes, no opening price"),
        Support("tickers", True, "no sizes, no opening price"),
        Support("trades", True, f"at most {TRADES_MAX}"),
        Support("klines", True),
        Support("funding", True),
        Support("stream: depth", True, "all levels, each version a frame"),
        Support("stream: quote", False, "the ticker has no quantities: the depth stream serves"),
        Support("stream: trades", True),
    )

    def __init__(self, hosts: Hosts | None = None) -> None:
        self.rest_url = hosts.rest if hosts else REST_URL
        self.stream_urls: Mapping[str, str] = {streams.PATH: f"{hosts.stream if hosts else STREAM_URL}/edge"}
        self._reader = Reader(errors.FUTURES_TABLE.venue, self.error)

    # ------------------------------------------------------------------ REST

    def server_time(self) -> Call[int]:
        """In nanoseconds."""
        return self._reader.call(_request("ping"), bodies.TimeAnswer, bodies.server_time)

    def listings(self) -> Call[list[SymbolInfo]]:
        """Once in 5 s, by a budget of its own."""
        request = Request(path="/api/v1/contract/detail", budget=DETAIL_BUDGET)
        return self._reader.call(request, bodies.ContractsAnswer, bodies.listings)

    def order_book(self, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
        """In contracts."""
        return self._reader.call(
            _book_request(listing, levels),
            bodies.BookAnswer,
            lambda answer: bodies.order_book(answer, listing.symbol, levels),
        )

    def trades(self, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
        """At most 100."""
        return self._reader.call(
            _request(_path("deals", listing), ("limit", str(min(count, TRADES_MAX)))),
            bodies.DealsAnswer,
            lambda answer: bodies.trades(answer, listing.symbol),
        )

    def ticker(self, listing: SymbolInfo) -> Call[Ticker]:
        """The last 24 hours."""
        return self._reader.call(
            _request("ticker", ("symbol", listing.venue_symbol)),
            bodies.TickerAnswer,
            lambda answer: bodies.ticker(answer, listing),
        )

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """The last 24 hours of all."""
        return self._reader.call(
            _request("ticker"), bodies.TickersAnswer, lambda answer: bodies.tickers(answer, listings)
        )

    def klines(
        self, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None = None
    ) -> Call[list[Kline]]:
        """At most 2,000. There is no count to ask by: without a start the newest of the answer are taken."""
        if interval not in INTERVALS:
            raise NotSupported(f"mexc-usdm has no candles of {interval!r}")
        wanted = min(count, KLINES_MAX)
        query = [("interval", INTERVALS[interval])]
        if start_ns is not None:
            start_s = -(-start_ns // SECOND_NS)
            query += [("start", str(start_s)), ("end", str(start_s + (wanted - 1) * int(interval)))]
        return self._reader.call(
            _request(_path("kline", listing), *query),
            bodies.CandlesAnswer,
            lambda answer: bodies.klines(answer, listing.symbol, interval)[-wanted:],
        )

    def funding(self, listing: SymbolInfo) -> Call[FundingRate]:
        """The rate that is paid next; the interval differs by contract."""
        return self._reader.call(
            _request(_path("funding_rate", listing)),
            bodies.FundingAnswer,
            lambda answer: bodies.funding(answer, listing),
        )

    def funding_intervals(self) -> Call[Mapping[str, int]] | None:
        """None: `funding` tells the interval."""
        return None

    def error(self, response: Response) -> ExchangeAPIError | None:
        """By code; the status is mostly 200."""
        return errors.futures_error(response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Not told in headers."""
        return {}

    # ------------------------------------------------------------------ streams

    def stream(self, path: str) -> Stream:
        """There is one kind of connection."""
        return streams.FUTURES_STREAM

    def snapshot(self) -> Snapshot | None:
        """Its version is on the stream's counter."""
        return streams.FUTURES_SNAPSHOT

    def snapshot_request(self, listing: SymbolInfo) -> Request:
        """1,000 levels."""
        return _book_request(listing, SNAPSHOT_LEVELS)

    def subscription(self, listing: SymbolInfo, channel: Channel) -> Subscription:
        """Depth and trades."""
        return streams.futures_subscription(listing, channel)

    def subscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name; the protocol has no place for a number."""
        return streams.futures_request("sub", names)

    def unsubscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name."""
        return streams.futures_request("unsub", names)

    def control(self, payload: bytes, binary: bool) -> list[Control]:
        """Acknowledgements and pongs, all JSON."""
        return streams.futures_control(payload)

    def ping(self, wall_ns: int) -> bytes | None:
        """Needed: the venue closes a connection that has not sent one for 60 s."""
        return b'{"method":"ping"}'


def _request(path: str, *query: tuple[str, str]) -> Request:
    return Request(path=f"/api/v1/contract/{path}", query=query)


def _path(word: str, listing: SymbolInfo) -> str:
    return f"{word}/{quote(listing.venue_symbol, safe='')}"


def _book_request(listing: SymbolInfo, levels: int) -> Request:
    return _request(_path("depth", listing), ("limit", str(min(levels, SNAPSHOT_LEVELS))))
