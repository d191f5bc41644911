"""All connections of one venue market, as one session: what is subscribed stays so over any number of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from oneprice.errors import InvalidRequestError, NetworkError, Outcome
from oneprice.exchange.interfaces import SessionState
from oneprice.market.budget import ConnectBudget
from oneprice.market.connection import Connection
from oneprice.market.context import Context, market_name
from oneprice.market.lane import Lane, Wire, needed
from oneprice.market.links import Link
from oneprice.model import SymbolInfo
from oneprice.venues.kit import Channel, PublicMarket, Subscription
from oneprice.venues.kit.sharding import shard

LOOK_EVERY_S = 0.02


class MarketSession:
    """A `BaseWebSocketInterface`. `number_of` gives a listing's number in the hub.

    Connections are shared out by the venue's limits; what a listing has on one path stays on one connection.
    """

    def __init__(
        self, context: Context, market: PublicMarket, budget: ConnectBudget, number_of: Callable[[SymbolInfo], int]
    ) -> None:
        self.name = market_name(market)
        self.market = market
        self.lanes: list[Lane] = []
        self._context, self._budget, self._number_of = context, budget, number_of
        self._wanted: dict[tuple[SymbolInfo, Channel], Wire] = {}
        self._running: dict[Lane, asyncio.Task[None]] = {}
        self._closed = False

    # ------------------------------------------------------------------ the interface

    @property
    def state(self) -> SessionState:
        """OPEN when every lane has an open connection with all its subscriptions answered."""
        if self._closed:
            return SessionState.CLOSED
        if all(any(connection.settled() for connection in lane.connections) for lane in self.lanes):
            return SessionState.OPEN
        return SessionState.RECONNECTING if any(lane.reconnects for lane in self.lanes) else SessionState.CONNECTING

    @property
    def subscriptions(self) -> Sequence[tuple[SymbolInfo, Channel]]:
        """What is wanted."""
        return list(self._wanted)

    async def subscribe(self, listings: Sequence[SymbolInfo], channels: Sequence[Channel]) -> None:
        """Subscribe each listing to each channel. Returns when the venue has acknowledged (or sent data of) all.

        Raises NotSupported, InvalidRequestError, NetworkError, as `BaseWebSocketInterface` says.
        """
        self.watch(listings, channels)
        wanted = {self._wanted[listing, channel].subscription.name for listing in listings for channel in channels}
        while True:
            if self._closed:
                raise NetworkError(f"{self.name}: the session is closed")
            links = [link for link in self._links() if link.subscription.name in wanted]
            for link in links:
                if link.refused:
                    raise InvalidRequestError(
                        self.market.venue, f"{link.subscription.name}: {link.refused}", outcome=Outcome.REJECTED
                    )
            if wanted <= {link.subscription.name for link in links if link.acked or link.heard}:
                return
            await self._context.clock.sleep(LOOK_EVERY_S)

    async def unsubscribe(self, listings: Sequence[SymbolInfo], channels: Sequence[Channel]) -> None:
        """Undo. What was not subscribed is no error."""
        wires = [
            wire
            for listing in listings
            for channel in channels
            if (wire := self._wanted.pop((listing, channel), None)) is not None
        ]
        for lane in list(self.lanes):
            leaving = [wire for wire in wires if wire in lane.wires]
            if leaving:
                lane.remove(leaving)
            if not lane.wires:
                self._stop(lane)

    async def close(self) -> None:
        """End the session. Harmless when repeated."""
        self._closed = True
        for lane in list(self.lanes):
            self._stop(lane)

    # ------------------------------------------------------------------ for the engine

    def watch(self, listings: Sequence[SymbolInfo], channels: Sequence[Channel]) -> None:
        """Subscribe without waiting for the answers. Raises NotSupported before anything is sent."""
        if self._closed:
            raise NetworkError(f"{self.name}: the session is closed")
        new: dict[tuple[SymbolInfo, Channel], Subscription] = {}
        for listing in listings:
            for channel in channels:
                if (listing, channel) not in self._wanted:
                    new[listing, channel] = self.market.subscription(listing, channel)
        by_subscription = {id(subscription): key for key, subscription in new.items()}
        for portion in shard(list(new.values()), self.market.limits):
            wires = []
            for subscription in portion.subscriptions:
                key = by_subscription[id(subscription)]
                wire = Wire(subscription, self._number_of(key[0]), needed(subscription, tuple(channels)))
                self._wanted[key] = wire
                wires.append(wire)
            self._carry(portion.path, wires)

    def answered(self, listing: int) -> bool:
        """Whether the venue has answered what the listing's book cannot do without."""
        return any(
            link.acked or link.heard
            for lane in self.lanes
            for wire in lane.wires
            if wire.needed and wire.listing == listing
            for connection in lane.connections
            for link in connection.links.of_listing(listing, wire.subscription.channel)
        )

    def renew(self, listing: int) -> None:
        """Unsubscribe and subscribe a listing, on every connection that has it."""
        for connection in self.connections():
            links = connection.links.of_listing(listing)
            if links and connection.started:
                connection.ask(links, again=True)

    def rebind(self, old: int, new: int) -> None:
        """A listing has a new number in the hub."""
        for lane in self.lanes:
            lane.rebind(old, new)

    def connections(self) -> Iterator[Connection]:
        """Those that are open or being opened."""
        for lane in self.lanes:
            yield from lane.connections

    @property
    def frames(self) -> int:
        """Frames since the start, over all connections."""
        return sum(lane.frames_before + sum(each.frames for each in lane.connections) for lane in self.lanes)

    def refused(self, listing: int) -> str:
        """Why the venue refuses something of the listing, empty when it does not."""
        return next((link.refused for link in self._links() if link.listing == listing and link.refused), "")

    # ------------------------------------------------------------------ inside

    def _links(self) -> Iterator[Link]:
        for connection in self.connections():
            yield from connection.links

    def _carry(self, path: str, wires: list[Wire]) -> None:
        """On a connection with room for all of them, or on a new one."""
        most = self.market.limits.subscriptions_per_connection
        for lane in self.lanes:
            if lane.path == path and len(lane.wires) + len(wires) <= most:
                lane.add(wires)
                return
        lane = Lane(self._context, self.market, path, wires, self._budget)
        self.lanes.append(lane)
        self._running[lane] = self._context.supervisor.spawn(lane.run(), f"{self.name} {path} {len(self.lanes)}")

    def _stop(self, lane: Lane) -> None:
        self.lanes.remove(lane)
        self._running.pop(lane).cancel()
        lane.stop("the session is closed")
