"""Where the streams of one market come from: a stream name becomes a topic with a source.

A name nobody serves gives no topic: the subscription is acknowledged and stays silent, as at the venue.
"""

import re
from collections.abc import Callable, Mapping

import msgspec

from oneprice.sim.connection import Topic
from oneprice.sim.dialects.binance.aggregates import AggregateTrade, AggregateTrades
from oneprice.sim.dialects.binance.shapes import Fields, Shape
from oneprice.sim.engine import TradePrint
from oneprice.sim.klines import MONTH_MS, WEEK_MS
from oneprice.sim.market import DepthFeed, SimListing, Top
from oneprice.sim.server import SimServer

Attach = Callable[[Topic], Callable[[], None]]
Render = Callable[[str, SimListing, int], Fields]

INTERVALS_MS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "1w": WEEK_MS,
    "1M": MONTH_MS,
}
_DEPTH = re.compile(r"depth(5|10|20)?(?:@(\d{1,4})ms)?")
_KLINE_EVERY_MS = 2_000


def text(value: object) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()


class Feeds:
    """Topics of one market in one shape. `speeds_ms` maps the depth suffix ("" for none) to its interval.

    `label` keeps the topics of different markets and time units apart. `periodic` maps further stream kinds
    to their interval and what they show; a kind starting with "!" covers the whole market in one frame.
    """

    def __init__(
        self,
        label: str,
        server: SimServer,
        listings: Mapping[str, SimListing],
        aggregates: Mapping[str, AggregateTrades],
        shape: Shape,
        speeds_ms: Mapping[str, int],
        periodic: Mapping[str, tuple[int, Render]],
    ) -> None:
        self._label = label
        self._server = server
        self._by_lower = {symbol.lower(): (symbol, listing) for symbol, listing in listings.items()}
        self._aggregates = aggregates
        self._shape = shape
        self._speeds_ms = speeds_ms
        self._periodic = periodic
        self._topics: dict[str, Topic] = {}

    def topic(self, stream: str) -> Topic | None:
        """The topic of a stream name, None when the venue has no such stream."""
        known = self._topics.get(stream)
        if known is None:
            attach = self._source(stream)
            if attach is None:
                return None
            known = self._topics[stream] = Topic(f"{self._label}/{stream}", attach)
        return known

    def _source(self, stream: str) -> Attach | None:
        if stream.startswith("!"):
            return self._whole_market(stream)
        lower, _, kind = stream.partition("@")
        found = self._by_lower.get(lower)
        if found is None:
            return None
        symbol, listing = found
        if kind == "bookTicker":
            return self._book_ticker([(symbol, listing)])
        if kind == "trade":
            return self._trades(symbol, listing)
        if kind == "aggTrade":
            return self._aggregate_trades(symbol, listing)
        if kind.startswith("kline_") and kind[6:] in INTERVALS_MS:
            return self._klines(symbol, listing, kind[6:])
        if (depth := _DEPTH.fullmatch(kind)) is not None and (depth[2] or "") in self._speeds_ms:
            interval_ms = self._speeds_ms[depth[2] or ""]
            if depth[1]:
                return self._partial(symbol, listing, int(depth[1]), max(interval_ms, 100))
            return self._diff(symbol, listing, interval_ms)
        if kind == "rpiDepth@500ms" and "500" in self._speeds_ms:
            # Nobody here posts retail-price-improvement orders, so the book with them is the book.
            return self._diff(symbol, listing, 500)
        if kind in self._periodic:
            every_ms, render = self._periodic[kind]
            return self._every(every_ms, lambda now_ns: render(symbol, listing, now_ns))
        return None

    def _whole_market(self, stream: str) -> Attach | None:
        listings = list(self._by_lower.values())
        if stream in self._periodic:
            every_ms, render = self._periodic[stream]
            return self._every(
                every_ms, lambda now_ns: [render(symbol, listing, now_ns) for symbol, listing in listings]
            )
        if stream == "!bookTicker" and "0" in self._speeds_ms:
            return self._book_ticker(listings)
        return None

    # ---- sources --------------------------------------------------------------------------------------

    def _every(self, interval_ms: int, render: Callable[[int], object]) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            return self._server.every(interval_ms, lambda now_ns: topic.publish(text(render(self._server.now_ns()))))

        return attach

    def _book_ticker(self, listings: list[tuple[str, SimListing]]) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            hears = []
            for symbol, listing in listings:

                def hear(top: Top, symbol: str = symbol, listing: SimListing = listing) -> None:
                    now_ns = self._server.now_ns()
                    topic.publish(text(self._shape.book_ticker(symbol, listing, top, now_ns)))

                listing.on_top.append(hear)
                hears.append((listing, hear))

            def stop() -> None:
                for listing, hear in hears:
                    listing.on_top.remove(hear)

            return stop

        return attach

    def _trades(self, symbol: str, listing: SimListing) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            def hear(trade: TradePrint) -> None:
                topic.publish(text(self._shape.trade(symbol, listing, trade, self._server.now_ns())))

            listing.on_trade.append(hear)
            return lambda: listing.on_trade.remove(hear)

        return attach

    def _aggregate_trades(self, symbol: str, listing: SimListing) -> Attach:
        listeners = self._aggregates[symbol].listeners

        def attach(topic: Topic) -> Callable[[], None]:
            def hear(trade: AggregateTrade) -> None:
                topic.publish(text(self._shape.aggregate(symbol, listing, trade, self._server.now_ns())))

            listeners.append(hear)
            return lambda: listeners.remove(hear)

        return attach

    def _diff(self, symbol: str, listing: SimListing, interval_ms: int) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            feed = DepthFeed(listing)

            def flush(ts_ns: int) -> None:
                delta = feed.take()
                if delta is not None:
                    frame = text(self._shape.depth(symbol, listing, delta, self._server.now_ns()))
                    topic.publish(frame, is_diff=True)

            if interval_ms:
                stop_timer = self._server.every(interval_ms, flush)
            else:
                listing.engine.settled.append(flush)

            def stop() -> None:
                if interval_ms:
                    stop_timer()
                else:
                    listing.engine.settled.remove(flush)
                feed.close()

            return stop

        return attach

    def _partial(self, symbol: str, listing: SimListing, depth: int, interval_ms: int) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            told_id = 0

            def flush(ts_ns: int) -> None:
                nonlocal told_id
                if listing.engine.update_id == told_id:
                    return
                told_id = listing.engine.update_id
                book = listing.book(depth)
                topic.publish(text(self._shape.partial(symbol, listing, book, self._server.now_ns())))

            return self._server.every(interval_ms, flush)

        return attach

    def _klines(self, symbol: str, listing: SimListing, name: str) -> Attach:
        interval_ms = INTERVALS_MS[name]

        def attach(topic: Topic) -> Callable[[], None]:
            running_ms = 0

            def flush(ts_ns: int) -> None:
                nonlocal running_ms
                now_ns = self._server.now_ns()
                rows = listing.klines(interval_ms, 2)
                if rows[0].open_ms == running_ms and len(rows) == 2:
                    topic.publish(text(self._shape.kline(symbol, listing, rows[0], name, True, now_ns)))
                running_ms = rows[-1].open_ms
                topic.publish(text(self._shape.kline(symbol, listing, rows[-1], name, False, now_ns)))

            return self._server.every(_KLINE_EVERY_MS, flush)

        return attach
