"""Streams shared by Gate's two websocket products: finding listings, frames, timed sources, depth sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from oneprice.sim.connection import Topic
from oneprice.sim.dialects.gate.depth import DepthUpdate, TopLevels
from oneprice.sim.dialects.gate.listed import by_name
from oneprice.sim.dialects.gate.session import ArgumentError, Stream
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.server import SimServer

__all__ = ["Attach", "DepthPlan", "DepthSource", "StreamBook", "exactly", "some"]

Attach = Callable[[Topic], Callable[[], None]]
DepthFrame = Callable[[DepthUpdate, int, bool], str]
"""From an update, the time of its last change (ms) and whether it is the whole view, to the frame."""


class StreamBook:
    """The streams of one product. A stream is made when first asked for and kept; idle ones cost nothing."""

    def __init__(self, server: SimServer, product: str, market: SimMarket, unknown: str) -> None:
        self.server = server
        self.product = product
        self._listings = by_name(market)
        self._unknown = unknown
        self._streams: dict[str, Stream] = {}

    def listing(self, name: str) -> SimListing:
        """The listing of a pair or contract. Raises ArgumentError for one that is not listed."""
        listing = self._listings.get(name)
        if listing is None:
            raise ArgumentError(f"{self._unknown}: {name}")
        return listing

    def stream(self, name: str, make: Callable[[str], Stream]) -> Stream:
        """The stream of this name, made by `make(name)` when it is new."""
        found = self._streams.get(name)
        if found is None:
            found = self._streams[name] = make(name)
        return found

    def plain_stream(self, name: str, attach: Attach) -> Stream:
        """A stream without a greeting."""
        return self.stream(name, lambda new: Stream(Topic(new, attach)))

    def frame(self, channel: str, result: object, event: str = "update") -> str:
        """An update of a channel (named without the product) in the envelope all updates have."""
        now_ms = self.server.now_ms()
        return msgspec.json.encode(
            {
                "time": now_ms // 1_000,
                "time_ms": now_ms,
                "channel": f"{self.product}.{channel}",
                "event": event,
                "result": result,
            }
        ).decode()

    def periodic(self, interval_ms: int, channel: str, result: Callable[[], object]) -> Attach:
        """A source that publishes `result()` at every multiple of the interval."""

        def attach(topic: Topic) -> Callable[[], None]:
            return self.server.every(interval_ms, lambda _: topic.publish(self.frame(channel, result())))

        return attach


class DepthPlan(msgspec.Struct, frozen=True):
    """How a depth channel tells a book; every `whole_every_frames` it sends the whole view."""

    depth: int
    interval_ms: int
    deletes_pushed_out: bool = False
    whole_every_frames: int | None = None


class DepthSource:
    """Pushes a book's best levels to one topic; `greeting` is the whole view as the subscribers have it."""

    def __init__(self, server: SimServer, name: str, listing: SimListing, plan: DepthPlan, frame: DepthFrame) -> None:
        self.topic = Topic(name, self._attach)
        self._server = server
        self._listing = listing
        self._plan = plan
        self._frame = frame
        self._view: TopLevels | None = None
        self._frames = 0

    def greeting(self) -> str:
        """To be called once subscribed."""
        view = self._attached()
        return self._frame(view.told(), self._changed_ms(view), True)

    def _attach(self, topic: Topic) -> Callable[[], None]:
        plan = self._plan
        view = TopLevels(self._listing.engine, plan.depth, deletes_pushed_out=plan.deletes_pushed_out)
        self._listing.on_book.append(view.add)
        stop_timer = self._server.every(plan.interval_ms, self._push)
        self._view, self._frames = view, 0

        def stop() -> None:
            stop_timer()
            self._listing.on_book.remove(view.add)
            self._view = None

        return stop

    def _push(self, now_ns: int) -> None:
        view = self._attached()
        update = view.take()
        if update is None:
            return
        self._frames += 1
        every = self._plan.whole_every_frames
        whole = every is not None and self._frames % every == 0
        if whole:
            told = view.told()
            update = DepthUpdate(update.first_id, update.last_id, told.bids, told.asks)
        self.topic.publish(self._frame(update, self._changed_ms(view), whole), is_diff=True)

    def _changed_ms(self, view: TopLevels) -> int:
        return (view.ts_ns or self._server.now_ns()) // 1_000_000

    def _attached(self) -> TopLevels:
        assert self._view is not None, "a depth source works only while it has subscribers"
        return self._view


def some(payload: Sequence[str]) -> Sequence[str]:
    """The payload, which must not be empty. Raises ArgumentError."""
    if not payload:
        raise ArgumentError("payload is empty")
    return payload


def exactly(payload: Sequence[str], length: int) -> Sequence[str]:
    """The payload, which must have so many items. Raises ArgumentError."""
    if len(payload) != length:
        raise ArgumentError(f"payload must have {length} items, got {len(payload)}")
    return payload
