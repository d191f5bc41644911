"""A hub with one connection, for tests that say in a line what came and what is true then.

Prices are ticks of 1 and quantities lots of 1, unless a listing is told otherwise; time is in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from tests.core.dialects import RAW, Best, Change, Dialect

from oneprice.core.describe import encode
from oneprice.core.specs import HubConfig, listing_spec
from oneprice.core.states import BookState, Flag, Reason

Side = Sequence[tuple[Any, Any]]
SECOND = 1_000_000_000
BIDS, ASKS = ((99, 5), (98, 7)), ((101, 5), (102, 7))


class Desk:
    """Speaks one dialect's frames to a hub. Calls give the Flag that the hub gave."""

    def __init__(self, hub_class: Any, dialect: Dialect = RAW, **config: Any) -> None:
        self.hub = hub_class(msgspec.json.encode(HubConfig(**config)))
        self.dialect = dialect
        self.now_ns = 100 * SECOND
        self.symbols: dict[str, int] = {}
        self.stream = self.connect()
        self.body = self.hub.add_snapshot(encode(dialect.snapshot))

    def connect(self) -> int:
        """One more connection of the same description."""
        return int(self.hub.add_stream(encode(self.dialect.stream)))

    def listing(
        self, symbol: str = "A", *, tick: str = "1", lot: str = "1", stream: int | None = None, **rules: Any
    ) -> int:
        """A listing whose frames come over the connection. `rules` as `listing_spec`."""
        spec = listing_spec(symbol, tick_size=Decimal(tick), lot_size=Decimal(lot), **rules)
        number = int(self.hub.add_listing(msgspec.json.encode(spec)))
        self.symbols[symbol] = number
        self.bind(symbol, self.stream if stream is None else stream)
        return number

    def bind(self, symbol: str, stream: int) -> None:
        for message in self.dialect.stream.messages:
            self.hub.bind(stream, message.name, symbol, self.symbols[symbol])

    # ------------------------------------------------------------------ what comes

    def frame(self, frame: bytes, stream: int | None = None) -> Flag:
        return Flag(self.hub.on_frame(self.stream if stream is None else stream, frame, self.now_ns))

    def depth(
        self, previous: int, last: int, bids: Side = (), asks: Side = (), *, symbol: str = "A", whole: bool = False,
        stream: int | None = None, ms: int = 5,
    ) -> Flag:  # fmt: skip
        """The change after `previous` up to `last`, or the whole book."""
        change = Change(symbol, previous, last, _texts(bids), _texts(asks), whole, ms)
        return self.frame(self.dialect.depth(change), stream)

    def quote(self, number: int, bid: Any, ask: Any, *, symbol: str = "A", stream: int | None = None) -> Flag:
        """A best bid and ask; None is an empty side."""
        sides = [(str(side[0]), str(side[1])) if side else ("", "") for side in (bid, ask)]
        return self.frame(self.dialect.quote(Best(symbol, number, sides[0], sides[1], 5)), stream)

    def snapshot(self, last: int, bids: Side = BIDS, asks: Side = ASKS, *, symbol: str = "A") -> Flag:
        """The answer to a request for the whole book."""
        body = self.dialect.body(Change(symbol, last - 1, last, _texts(bids), _texts(asks), True, 5))
        return Flag(self.hub.on_snapshot(self.symbols[symbol], self.body, body, self.now_ns))

    def live(self, symbol: str = "A", last: int = 10, bids: Side = BIDS, asks: Side = ASKS) -> int:
        """A listing with a live book, the frames of which have begun to come."""
        if symbol not in self.symbols:
            self.listing(symbol)
        self.snapshot(last, bids, asks, symbol=symbol)
        self.depth(last, last + 1, symbol=symbol)
        assert self.state(symbol) == (BookState.LIVE, Reason.NONE)
        self.hub.events()
        return self.symbols[symbol]

    def wait(self, seconds: float) -> Flag:
        """Let time pass, and tell the hub."""
        self.now_ns += int(seconds * SECOND)
        return Flag(self.hub.tick(self.now_ns))

    # ------------------------------------------------------------------ what is true

    def state(self, symbol: str = "A") -> tuple[BookState, Reason]:
        number = self.symbols[symbol]
        return BookState(self.hub.state(number)), Reason(self.hub.reason(number))

    def top(self, symbol: str = "A") -> tuple[int, ...]:
        """Bid ticks, bid lots, ask ticks, ask lots."""
        return tuple(self.hub.top(self.symbols[symbol])[:4])

    def levels(self, symbol: str = "A") -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        bids, asks = self.hub.levels(self.symbols[symbol], 1_000)
        return bids, asks

    def counts(self, symbol: str = "A") -> dict[str, int]:
        return dict(self.hub.counts(self.symbols[symbol]))


def _texts(side: Side) -> list[tuple[str, str]]:
    return [(str(price), str(quantity)) for price, quantity in side]
