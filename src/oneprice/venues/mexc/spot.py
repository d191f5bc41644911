"""MEXC's spot market: `/api/v3`, much like Binance's, with other meanings in the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from oneprice.venues.mexc import errors, spot_bodies, streams

REST_URL = "https://api.mexc.com"
STREAM_URL = "wss://wbs-api.mexc.com"
BOOK_LEVELS_MAX = 5_000
SNAPSHOT_LEVELS = 1_000
TRADES_MAX = 1_000
KLINES_MAX = 500
MS = 1_000_000

INTERVALS: Mapping[KlineInterval, str] = {
    KlineInterval.MINUTE_1: "1m",
    KlineInterval.MINUTE_5: "5m",
    KlineInterval.MINUTE_15: "15m",
    KlineInterval.MINUTE_30: "30m",
    KlineInterval.HOUR_1: "60m",
    KlineInterval.HOUR_4: "4h",
    KlineInterval.DAY_1: "1d",
    KlineInterval.WEEK_1: "1W",
    KlineInterval.MONTH_1: "1M",
}


class MexcSpot:
    """The public side; PublicMarket says what each method promises. Weights are the stricter of MEXC's two sites'."""

    venue = errors.VENUE_NAME
    kind = MarketKind.SPOT
    budgets: Mapping[str, Budget] = {"default": Budget(300, 10.0)}
    taker_fee_bps = 5.0
    sizes_in_coins = True
    limits: StreamLimits = streams.SPOT_LIMITS
    stream_headers: Mapping[str, str] = {}
    capabilities: Sequence[Support] = (
        Support("listings", True),
        Support("order book", True),
        Support("ticker", True),
        Support("tickers", True),
        Support("trades", True, "without ids"),
        Support("klines", True),
        Support("funding", False, "spot has none"),
        Support("stream: depth", True, f"all levels, protobuf, every {streams.SPEED}"),
        Support("stream: quote", True, f"protobuf, every {streams.SPEED}"),
        Support("stream: trades", True, f"protobuf, every {streams.SPEED}"),
    )

    def __init__(self, hosts: Hosts | None = None) -> None:
        self.rest_url = hosts.rest if hosts else REST_URL
        self.stream_urls: Mapping[str, str] = {streams.PATH: f"{hosts.stream if hosts else STREAM_URL}/ws"}
        self._reader = Reader(errors.SPOT_TABLE.venue, self.error)

    # ------------------------------------------------------------------ REST

    def server_time(self) -> Call[int]:
        """In nanoseconds."""
        return self._reader.call(_request("time"), spot_bodies.ServerTime, lambda told: told.server_time * MS)

    def listings(self) -> Call[list[SymbolInfo]]:
        """All of them, also those that the API may not trade."""
        return self._reader.call(_request("exchangeInfo", weight=25), spot_bodies.ExchangeInfo, spot_bodies.listings)

    def order_book(self, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
        """At most 5,000 levels a side."""
        return self._reader.call(
            self._book_request(listing, levels),
            spot_bodies.BookBody,
            lambda told: spot_bodies.order_book(told, listing.symbol),
        )

    def trades(self, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
        """At most 1,000."""
        limit = str(min(count, TRADES_MAX))
        return self._reader.call(
            _request("trades", ("symbol", listing.venue_symbol), ("limit", limit), weight=5),
            list[spot_bodies.TradeRow],
            lambda rows: spot_bodies.trades(rows, listing.symbol),
        )

    def ticker(self, listing: SymbolInfo) -> Call[Ticker]:
        """The last 24 hours."""
        return self._reader.call(
            _request("ticker/24hr", ("symbol", listing.venue_symbol)),
            spot_bodies.DayRow,
            lambda row: spot_bodies.ticker(row, listing),
        )

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """The last 24 hours of all."""
        return self._reader.call(
            _request("ticker/24hr", weight=40),
            list[spot_bodies.DayRow],
            lambda rows: spot_bodies.tickers(rows, listings),
        )

    def klines(
        self, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None = None
    ) -> Call[list[Kline]]:
        """At most 500."""
        if interval not in INTERVALS:
            raise NotSupported(f"mexc-spot has no candles of {interval!r}")
        wanted = min(count, KLINES_MAX)
        query = [("symbol", listing.venue_symbol), ("interval", INTERVALS[interval]), ("limit", str(wanted))]
        if start_ns is not None:
            start_ms = -(-start_ns // MS)
            end_ms = start_ms + wanted * int(interval) * 1_000 - 1
            query += [("startTime", str(start_ms)), ("endTime", str(end_ms))]
        return self._reader.call(
            _request("klines", *query),
            list[spot_bodies.CandleRow],
            lambda rows: spot_bodies.klines(rows, listing.symbol, interval),
        )

    def funding(self, listing: SymbolInfo) -> Call[FundingRate]:
        """Not on spot."""
        raise NotSupported("mexc-spot has no funding: only perpetuals have")

    def funding_intervals(self) -> Call[Mapping[str, int]] | None:
        """None: there is no funding."""
        return None

    def error(self, response: Response) -> ExchangeAPIError | None:
        """By code."""
        return errors.spot_error(response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Not told in headers."""
        return {}

    # ------------------------------------------------------------------ streams

    def stream(self, path: str) -> Stream:
        """There is one kind of connection."""
        return streams.SPOT_STREAM

    def snapshot(self) -> Snapshot | None:
        """Its `lastUpdateId` is on the stream's version counter."""
        return streams.SPOT_SNAPSHOT

    def snapshot_request(self, listing: SymbolInfo) -> Request:
        """1,000 levels; it may lag behind the stream, and is then asked for again."""
        return self._book_request(listing, SNAPSHOT_LEVELS)

    def subscription(self, listing: SymbolInfo, channel: Channel) -> Subscription:
        """All channels."""
        return streams.spot_subscription(listing, channel)

    def subscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name."""
        return streams.spot_request("SUBSCRIPTION", names, number)

    def unsubscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """One message for each name."""
        return streams.spot_request("UNSUBSCRIPTION", names, number)

    def control(self, payload: bytes, binary: bool) -> list[Control]:
        """Binary frames that are no data have no body, and say nothing."""
        return streams.spot_control(payload, binary)

    def ping(self, wall_ns: int) -> bytes | None:
        """Needed: the venue closes a connection that is silent for 60 s."""
        return b'{"method":"PING"}'

    def _book_request(self, listing: SymbolInfo, levels: int) -> Request:
        limit = str(min(levels, BOOK_LEVELS_MAX))
        return _request("depth", ("symbol", listing.venue_symbol), ("limit", limit), weight=3)


def _request(path: str, *query: tuple[str, str], weight: int = 1) -> Request:
    return Request(path=f"/api/v3/{path}", query=query, weight=weight)
