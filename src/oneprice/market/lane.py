"""One connection's worth of subscriptions, and the connections that carry it, one after another.

A connection that is lost is opened again after a random wait that grows with each failure. One that has to go
(lifetime, the venue's notice, silence) is replaced first: its successor carries before it is closed.
"""

from __future__ import annotations

from functools import partial

from oneprice.core.describe import encode
from oneprice.core.states import Reason
from oneprice.errors import NetworkError
from oneprice.exchange.backoff import longest_pause_ms, pause_s
from oneprice.market.budget import ConnectBudget
from oneprice.market.connection import Connection
from oneprice.market.context import Context
from oneprice.market.links import Link, Links
from oneprice.venues.kit import Channel, PublicMarket, Subscription

MS = 1_000_000
LOOK_EVERY_S = 0.05
RENEWAL_SHARE_MAX = 0.2  # of the venue's lifetime, where that is short


class Wire:
    """A subscription and the number in the hub of the listing that it feeds."""

    __slots__ = ("listing", "needed", "subscription")

    def __init__(self, subscription: Subscription, listing: int, needed: bool) -> None:
        self.subscription, self.listing, self.needed = subscription, listing, needed


class Lane:
    """`needed` wires are those without which their book cannot be kept: its depth, or its quotes when it has no depth.

    `failures` counts attempts and short lives in a row; `reconnects` and `replacements` count over the run,
    `frames_before` the frames of connections that are gone.
    """

    def __init__(
        self, context: Context, market: PublicMarket, path: str, wires: list[Wire], budget: ConnectBudget
    ) -> None:
        self.path, self.wires = path, wires
        self.connections: list[Connection] = []
        self.failures = self.reconnects = self.replacements = 0
        self.frames_before = 0
        self.trouble = ""
        self._context, self._market, self._budget = context, market, budget
        self._streams: list[int] = []
        self._free_streams: list[int] = []

    async def run(self) -> None:
        """Keep the subscriptions carried, for ever."""
        current = await self._connect()
        while True:
            await current.until_over()
            if current.closed_reason is not None:
                self._note_end(current)
                self.reconnects += 1
                current = await self._connect()
                continue
            successor = await self._connect()
            if await self._takes_over(successor, current):
                self.replacements += 1
                current.close(f"replaced: {current.replace_reason}")
                current = successor
            else:
                self.failures += 1
                successor.abort("it brought no data")
                current.keep_going()

    def add(self, wires: list[Wire]) -> None:
        """Carry these too, from now on."""
        self.wires += wires
        for stream in self._streams:
            for wire in wires:
                self._bind(stream, wire)
        for connection in self.connections:
            connection.add([Link(wire.subscription, wire.listing) for wire in wires])

    def remove(self, wires: list[Wire]) -> None:
        """Carry these no more. Books that cannot be kept without them are lost."""
        hub, now_ns = self._context.hub, self._context.clock.monotonic_ns()
        self.wires = [wire for wire in self.wires if wire not in wires]
        for stream in self._streams:
            for symbol in _symbols(wires):
                hub.unbind(stream, symbol)
            for wire in self.wires:
                self._bind(stream, wire)
        for connection in self.connections:
            connection.remove({wire.subscription.name for wire in wires})
        for wire in wires:
            if wire.needed:
                hub.lose(wire.listing, int(Reason.REQUESTED), now_ns)

    def stop(self, reason: str) -> None:
        """Close what is open; `run` must have been cancelled."""
        for connection in list(self.connections):
            connection.close(reason)

    def rebind(self, old: int, new: int) -> None:
        """The listing has a new number in the hub."""
        hub = self._context.hub
        wires = [wire for wire in self.wires if wire.listing == old]
        for stream in self._streams:
            for symbol in _symbols(wires):
                hub.unbind(stream, symbol)
        for wire in wires:
            wire.listing = new
            for stream in self._streams:
                self._bind(stream, wire)
        for connection in self.connections:
            connection.links.rebind(old, new)

    # ------------------------------------------------------------------ inside

    async def _connect(self) -> Connection:
        """A new connection, open and subscribing. Tries until it succeeds, within the connect budget."""
        context, config = self._context, self._context.config.connection
        while True:
            await self._back_off()
            await self._budget.take()
            connection = self._prepare()
            try:
                socket = await context.network.open_websocket(
                    self._market.stream_urls[self.path],
                    partial(_same, connection),
                    headers=self._market.stream_headers,
                    timeout_s=config.open_timeout_ms / 1e3,
                    message_bytes_max=config.message_bytes_max,
                    tls=context.tls,
                )
            except NetworkError as error:
                self.failures += 1
                connection.on_closed(f"cannot connect: {error}")
                continue
            connection.start(socket)
            return connection

    async def _back_off(self) -> None:
        config, context = self._context.config.connection, self._context
        if self.failures:
            backoff_s = pause_s(context.chance, self.failures, config.reconnect_first_ms, config.reconnect_max_ms)
            await context.clock.sleep(backoff_s)

    async def _takes_over(self, successor: Connection, current: Connection) -> bool:
        """Wait until `successor` carries all that `current` does. Also when `current` is over meanwhile."""
        clock = self._context.clock
        until_ns = clock.monotonic_ns() + self._context.config.first_data_within_ms * MS
        while not successor.carries():
            if successor.closed_reason is not None:
                return False
            if current.closed_reason is not None:
                return True
            if clock.monotonic_ns() > until_ns:
                return False
            await clock.sleep(LOOK_EVERY_S)
        return successor.closed_reason is None

    def _prepare(self) -> Connection:
        hub = self._context.hub
        if self._free_streams:
            stream = self._free_streams.pop()
            hub.stream_up(stream)
        else:
            stream = hub.add_stream(encode(self._market.stream(self.path)))
            self._streams.append(stream)
            for wire in self.wires:
                self._bind(stream, wire)
        connection = Connection(
            self._context,
            self._market,
            self.path,
            stream,
            Links([Link(wire.subscription, wire.listing) for wire in self.wires]),
            renew_after_s=self._renew_after_s(),
            on_lost=self._on_lost,
        )
        self.connections.append(connection)
        return connection

    def _renew_after_s(self) -> float:
        """The age at which a connection gets its successor, not the same for all; 0 where the venue sets no limit."""
        lifetime_s = self._market.limits.lifetime_s
        before_s = min(self._context.config.connection.renew_before_s, RENEWAL_SHARE_MAX * lifetime_s)
        return lifetime_s - before_s * self._context.chance.uniform(1.0, 2.0)

    def _bind(self, stream: int, wire: Wire) -> None:
        for binding in wire.subscription.bindings:
            self._context.hub.bind(stream, binding.message, binding.symbol, wire.listing)

    def _on_lost(self, connection: Connection) -> None:
        """In the callback in which a connection ends: books that nothing carries any more are lost now.

        The hub only knows which connections a listing is bound to. A successor that has not brought its data yet is
        bound already, but proves nothing.
        """
        self.connections.remove(connection)
        self.frames_before += connection.frames
        self._free_streams.append(connection.stream)
        self.trouble = connection.closed_reason or ""
        if not connection.started or any(other.carries() for other in self.connections):
            return
        now_ns = self._context.clock.monotonic_ns()
        for wire in self.wires:
            carried = any(other.links.hears(wire.listing, wire.subscription.channel) for other in self.connections)
            if wire.needed and not carried:
                self._context.hub.lose(wire.listing, int(Reason.DISCONNECTED), now_ns)
        self._context.on_change()

    def _note_end(self, connection: Connection) -> None:
        """A connection that carried data for longer than the last wait could be starts the waits over."""
        config, waits = self._context.config, self._context.config.connection
        lived_ms = (self._context.clock.monotonic_ns() - connection.opened_ns) // MS
        wait_ms = longest_pause_ms(self.failures, waits.reconnect_first_ms, waits.reconnect_max_ms)
        enough_ms = max(min(wait_ms, config.stable_after_max_ms), config.stable_after_min_ms)
        self.failures = 1 if connection.links.heard_any and lived_ms > enough_ms else self.failures + 1


def _same(connection: Connection) -> Connection:
    return connection


def _symbols(wires: list[Wire]) -> list[str]:
    return sorted({binding.symbol for wire in wires for binding in wire.subscription.bindings})


def needed(subscription: Subscription, channels: tuple[Channel, ...]) -> bool:
    """Whether the book of a listing that has these channels cannot be kept without the subscription."""
    if Channel.DEPTH in channels:
        return subscription.channel is Channel.DEPTH
    return subscription.channel is Channel.QUOTE
