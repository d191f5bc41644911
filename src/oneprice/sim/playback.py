"""Feeds a listing's book from a recording instead of agents.

A recording has one frame a line, `<receive time, ns> <raw frame>`, optionally gzipped, in Binance's format:
combined-stream frames of `@depth` and `@trade`, and one REST depth snapshot (`lastUpdateId`). The timing of
the recording is kept; when it ends the book stays as it is.

Recorded levels become one order each of the owner "playback", so the matching engine behind is the same as
with agents. Prices and sizes that are no whole ticks or lots are refused, never rounded.
"""

import gzip
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from oneprice.sim.engine import PlaceStatus, Side, TimeInForce
from oneprice.sim.market import SimListing

_OWNER = "playback"
_FRAMES_BEFORE_SNAPSHOT_MAX = 10_000
Level = tuple[str, str]


class RecordedFrame(msgspec.Struct, frozen=True):
    """One line: when it was received and what it said."""

    ts_ns: int
    raw: bytes


class _Snapshot(msgspec.Struct, frozen=True):
    lastUpdateId: int  # noqa: N815 - the venue's spelling
    bids: list[Level]
    asks: list[Level]


class _Combined(msgspec.Struct, frozen=True):
    stream: str
    data: msgspec.Raw


class _Depth(msgspec.Struct, frozen=True):
    u: int
    b: list[Level]
    a: list[Level]


class _Trade(msgspec.Struct, frozen=True):
    p: str
    q: str
    m: bool


_decode_snapshot = msgspec.json.Decoder(_Snapshot).decode
_decode_combined = msgspec.json.Decoder(_Combined).decode
_decode_depth = msgspec.json.Decoder(_Depth).decode
_decode_trade = msgspec.json.Decoder(_Trade).decode


def read_recording(path: Path) -> Iterator[RecordedFrame]:
    """The lines of a recording, lazily. Raises ValueError for a line that is not `<ns> <frame>`."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            stamp, space, raw = line.rstrip(b"\n").partition(b" ")
            if not space or not stamp.isdigit():
                raise ValueError(f"{path}:{number}: expected '<ns> <frame>', got {line[:40]!r}")
            yield RecordedFrame(int(stamp), raw)


class Playback:
    """An `OrderFlow` that repeats recorded frames with their timing. `conflicts` counts refused levels."""

    def __init__(self, listing: SimListing, frames: Iterator[RecordedFrame]) -> None:
        self._listing = listing
        self._frames = frames
        self._next: RecordedFrame | None = None
        self._waiting: deque[RecordedFrame] = deque()
        self._offset_ns = 0
        self._last_id = 0
        self._orders: dict[tuple[Side, int], int] = {}
        self.conflicts = 0

    def start(self, now_ns: int) -> None:
        """Load the recorded snapshot as of `now_ns`. Raises ValueError when there is none near the start."""
        for frame in self._frames:
            if frame.raw.startswith(b'{"lastUpdateId"'):
                break
            self._waiting.append(frame)
            if len(self._waiting) > _FRAMES_BEFORE_SNAPSHOT_MAX:
                raise ValueError(f"no depth snapshot in the first {_FRAMES_BEFORE_SNAPSHOT_MAX} frames")
        else:
            raise ValueError("the recording has no depth snapshot, so its book cannot be built")
        snapshot = _decode_snapshot(frame.raw)
        self._offset_ns = now_ns - frame.ts_ns
        self._last_id = snapshot.lastUpdateId
        self._apply(snapshot.bids, snapshot.asks, now_ns)
        self._advance()

    def step(self, now_ns: int) -> None:
        """Apply every frame whose time has come."""
        while self._next is not None:
            due_ns = self._next.ts_ns + self._offset_ns
            if due_ns > now_ns:
                return
            self._play(self._next.raw, due_ns)
            self._advance()

    @property
    def is_over(self) -> bool:
        """Whether every frame has been played."""
        return self._next is None

    def _advance(self) -> None:
        self._next = self._waiting.popleft() if self._waiting else next(self._frames, None)

    def _play(self, raw: bytes, ts_ns: int) -> None:
        if raw.startswith(b'{"lastUpdateId"'):
            return
        combined = _decode_combined(raw)
        kind = combined.stream.partition("@")[2]
        if kind.startswith("depth"):
            depth = _decode_depth(combined.data)
            if depth.u > self._last_id:
                self._last_id = depth.u
                self._apply(depth.b, depth.a, ts_ns)
        elif kind == "trade":
            trade = _decode_trade(combined.data)
            lots = _steps(trade.q, self._listing.lot_scale.step, "size", self._listing.key)
            price = _steps(trade.p, self._listing.price_scale.step, "price", self._listing.key)
            if lots and price:
                self._listing.engine.print_trade(price, lots, Side.SELL if trade.m else Side.BUY, ts_ns)

    def _apply(self, bids: list[Level], asks: list[Level], ts_ns: int) -> None:
        """Set levels to recorded totals: what goes is taken off first, so nothing crosses on the way."""
        key = self._listing.key
        price_step, lot_step = self._listing.price_scale.step, self._listing.lot_scale.step
        changes = [
            (side, _steps(price, price_step, "price", key), _steps(size, lot_step, "size", key))
            for side, levels in ((Side.BUY, bids), (Side.SELL, asks))
            for price, size in levels
        ]
        engine = self._listing.engine
        for side, price, lots in changes:
            if lots == 0 and (order_id := self._orders.pop((side, price), None)) is not None:
                engine.cancel(order_id, ts_ns)
        for side, price, lots in changes:
            if lots == 0:
                continue
            known = self._orders.get((side, price))
            if known is not None and engine.resize(known, lots, ts_ns):
                continue
            placed = engine.place(_OWNER, side, lots, price, TimeInForce.POST_ONLY, ts_ns)
            if placed.status is PlaceStatus.RESTING:
                self._orders[(side, price)] = placed.order_id
            else:
                self.conflicts += 1


def _steps(text: str, step: Decimal, what: str, key: str) -> int:
    steps, rest = divmod(Decimal(text), step)
    if rest:
        raise ValueError(f"recorded {what} {text} of {key} is no multiple of {step}")
    return int(steps)
