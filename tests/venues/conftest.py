"""What the venue tests share: bodies spoilt in every place, and books followed through a hub."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest

from oneprice.core import Hub
from oneprice.core.describe import Snapshot, Stream, encode
from oneprice.core.specs import listing_spec
from oneprice.core.states import BookState, Flag
from oneprice.errors import InvalidResponseError
from oneprice.venues.kit import Call, Response

SPOILERS: tuple[object, ...] = (None, True, -1, 1.5, 10**40, "", "NaN", "-5", "1e999", "x" * 200, [], {}, [[]])
Mangle = Callable[[bytes], Iterator[bytes]]


def _places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


def _put(value: object, path: tuple[str | int, ...], new: object, delete: bool) -> object:
    if not path:
        return new
    spoilt = copy.deepcopy(value)
    parent: object = spoilt
    for key in path[:-1]:
        parent = parent[key]  # type: ignore[index]
    if delete:
        del parent[path[-1]]  # type: ignore[attr-defined]
    else:
        parent[path[-1]] = new  # type: ignore[index]
    return spoilt


def mangled_bodies(body: bytes, places_max: int = 80) -> Iterator[bytes]:
    """The body with each of its first values replaced or removed, then cut short, and with bytes changed."""
    whole = msgspec.json.decode(body)
    for _, path in zip(range(places_max), _places(whole), strict=False):
        for spoiler in SPOILERS:
            yield msgspec.json.encode(_put(whole, path, spoiler, delete=False))
        if path:
            yield msgspec.json.encode(_put(whole, path, None, delete=True))
    step = max(1, len(body) // 60)
    for cut in range(0, len(body), step):
        yield body[:cut]
        yield body[:cut] + b"\xff" + body[cut + 1 :]
        yield body[:cut] + b"[" * 3_000
    yield from (b"", b"null", b"<html>busy</html>", b"[" * 100_000)


@pytest.fixture
def survives_mangling() -> Callable[[Call[object], bytes], None]:
    """Reading a spoilt body gives a value or InvalidResponseError, never anything else."""

    def check(call: Call[object], body: bytes) -> None:
        call.read(Response(200, {}, body))
        refused: list[InvalidResponseError] = []
        for spoilt in mangled_bodies(body):
            try:
                call.read(Response(200, {}, spoilt))
            except InvalidResponseError as error:
                refused.append(error)
        assert len(refused) > 20
        assert all(error.venue and len(str(error)) < 1_000 for error in refused)

    return check


class Followed:
    """One listing's books, quotes and trades in a hub."""

    def __init__(
        self, stream: Stream, symbol: str, messages: Sequence[str], tick: str, lot: str, snapshot: Snapshot | None
    ) -> None:
        self.tick, self.lot = Decimal(tick), Decimal(lot)
        self.hub = Hub(b"{}")
        spec = listing_spec("test:A/B", tick_size=self.tick, lot_size=self.lot)
        self.listing = self.hub.add_listing(msgspec.json.encode(spec))
        self.stream = self.hub.add_stream(encode(stream))
        self.snapshot = None if snapshot is None else self.hub.add_snapshot(encode(snapshot))
        for message in messages:
            self.hub.bind(self.stream, message, symbol, self.listing)
        self.now_ns = 0

    def frame(self, frame: bytes | Mapping[str, object]) -> Flag:
        """Give the hub a frame."""
        self.now_ns += 1_000_000
        payload = frame if isinstance(frame, bytes) else msgspec.json.encode(frame)
        return Flag(self.hub.on_frame(self.stream, payload, self.now_ns))

    def rest(self, body: bytes) -> Flag:
        """Give the hub a REST book."""
        assert self.snapshot is not None
        self.now_ns += 1_000_000
        return Flag(self.hub.on_snapshot(self.listing, self.snapshot, body, self.now_ns))

    def state(self) -> BookState:
        return BookState(self.hub.state(self.listing))

    @property
    def counts(self) -> dict[str, int]:
        return self.hub.counts(self.listing)

    def levels(self, count: int) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """The best bids and asks as decimals."""
        bids, asks = self.hub.levels(self.listing, count)
        return self._decimals(bids), self._decimals(asks)

    def quote(self) -> tuple[Decimal, Decimal, Decimal, Decimal, int]:
        """Bid price and quantity, ask price and quantity, number."""
        bid, bid_lots, ask, ask_lots, number = self.hub.quote(self.listing)
        return bid * self.tick, bid_lots * self.lot, ask * self.tick, ask_lots * self.lot, number

    def trades(self) -> list[tuple[Decimal, Decimal, object, object, object]]:
        """Price, quantity, side, id and venue time of the trades since the last call."""
        told = [cast(tuple[Any, ...], event) for event in self.hub.events() if event[0] == "trade"]
        return [(event[3] * self.tick, event[4] * self.lot, *event[5:8]) for event in told]

    def _decimals(self, side: list[tuple[int, int]]) -> list[tuple[Decimal, Decimal]]:
        return [(ticks * self.tick, lots * self.lot) for ticks, lots in side]


@pytest.fixture(scope="session")
def follow() -> type[Followed]:
    """Makes a hub of one listing on one described stream."""
    return Followed
