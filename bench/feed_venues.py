"""Venues as the engine has them: books in one hub, and for each venue the engine's own `market.Connection`.

Every venue speaks Binance spot's dialect and lists the same symbols, so that a symbol is one group over all venues.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic_ns
from types import TracebackType
from typing import Any

import msgspec

from generated import LOT, TICK, Market
from oneprice.app import find_market
from oneprice.core.describe import encode
from oneprice.core.specs import HubConfig
from oneprice.exchange import ConnectionConfig
from oneprice.live import LiveChance, LiveClock, LiveNetwork
from oneprice.market.config import MarketConfig
from oneprice.market.connection import Connection
from oneprice.market.context import Context
from oneprice.market.links import Link, Links
from oneprice.market.supervisor import Supervisor
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import Channel, PublicMarket, Subscription

PATH = "stream"
PATIENT = ConnectionConfig(ping_every_ms=600_000, pong_within_ms=600_000)  # a slow core is to be measured as well
FEE = Decimal("0.001")
CHANNELS = (Channel.DEPTH, Channel.QUOTE, Channel.TRADES)
TICK_EVERY_S = 0.1


class TimedConnection(Connection):
    """Notes when each frame's top was known, and how long that took from when the transport handed it over."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.known_ns = array("q")
        self.taken_ns = array("q")

    def on_frame(self, payload: bytes, binary: bool) -> None:
        began_ns = monotonic_ns()
        super().on_frame(payload, binary)
        known_ns = monotonic_ns()
        self.known_ns.append(known_ns)
        self.taken_ns.append(known_ns - began_ns)


@dataclass
class Venue:
    """One venue's connection and its listings' numbers in the hub."""

    connection: Connection
    listings: list[int]


@dataclass
class Engine:
    """A hub with books of all venues, driven as `market.MarketData` drives it: drained on news, ticked every 100 ms."""

    hub: Any
    markets: list[Market]
    timed: bool = False
    clock: LiveClock = field(default_factory=LiveClock)
    venues: list[Venue] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.network = LiveNetwork(self.clock)
        self.supervisor = Supervisor()
        self.market: PublicMarket = find_market("binance-spot")
        config = MarketConfig(markets=("binance-spot",), symbols=("A/USDT",), channels=CHANNELS, connection=PATIENT)
        self.context = Context(
            config=config,
            hub=self.hub,
            network=self.network,
            clock=self.clock,
            chance=LiveChance(0),
            supervisor=self.supervisor,
            on_change=self._drain_soon,
        )
        described = self.market.snapshot()
        assert described is not None, "Binance spot has snapshots by REST"
        self.snapshot = self.hub.add_snapshot(encode(described))
        self._drain_due = False

    def add_venue(self, number: int) -> Venue:
        """Its books, loaded from their snapshots, and its connection, not yet open."""
        stream = self.hub.add_stream(encode(self.market.stream(PATH)))
        links: list[Link] = []
        listings = []
        for market in self.markets:
            info = symbol_info(number, market.symbol)
            spec = info.spec(taker_fee=FEE, group=str(info.symbol))
            listing = self.hub.add_listing(msgspec.json.encode(spec))
            listings.append(listing)
            for subscription in _subscriptions(self.market, info):
                links.append(Link(subscription, listing))
                for binding in subscription.bindings:
                    self.hub.bind(stream, binding.message, binding.symbol, listing)
            self.hub.begin_sync(listing, self.clock.monotonic_ns())
            self.hub.on_snapshot(listing, self.snapshot, market.snapshot, self.clock.monotonic_ns())
        make = TimedConnection if self.timed else Connection
        connection = make(
            self.context, self.market, PATH, stream, Links(links), renew_after_s=0.0, on_lost=lambda connection: None
        )
        self.venues.append(Venue(connection, listings))
        return self.venues[-1]

    async def open(self, port: int) -> None:
        """Open all connections."""
        for number, venue in enumerate(self.venues):
            await self._open(venue.connection, f"ws://127.0.0.1:{port}/{number}")

    async def _open(self, connection: Connection, url: str) -> None:
        socket = await self.network.open_websocket(
            url, lambda: connection, headers={}, timeout_s=5.0, message_bytes_max=4 << 20
        )
        connection.start(socket)

    @property
    def frames(self) -> int:
        """Received so far."""
        return sum(venue.connection.frames for venue in self.venues)

    def states(self) -> Counter[int]:
        """How many books are in which state."""
        return Counter(self.hub.state(listing) for venue in self.venues for listing in venue.listings)

    def closed(self) -> set[str]:
        """Why connections are closed."""
        return {str(each.connection.closed_reason) for each in self.venues if each.connection.closed_reason is not None}

    def count(self, name: str) -> int:
        """One of the books' counters, over all."""
        return sum(self.hub.counts(listing)[name] for venue in self.venues for listing in venue.listings)

    async def __aenter__(self) -> Engine:
        await self.supervisor.__aenter__()
        self.supervisor.spawn(self._tick(), "ticks")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for venue in self.venues:
            venue.connection.close("done")
        await self.supervisor.__aexit__(kind, error, trace)
        await self.network.close()

    def _drain_soon(self) -> None:
        if not self._drain_due:
            self._drain_due = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        self._drain_due = False
        for event in self.hub.events():
            self.happened[event[0]] += 1

    async def _tick(self) -> None:
        while True:
            self.hub.tick(self.clock.monotonic_ns())
            self._drain()
            await self.clock.sleep(TICK_EVERY_S)


def hub_config() -> bytes:
    """Limits as the engine has them; a busy machine may freeze us for longer than a feed may be silent."""
    return msgspec.json.encode(HubConfig(silent_after_ns=600 * 10**9, stale_after_ns=600 * 10**9))


def symbol_info(venue: int, venue_symbol: str) -> SymbolInfo:
    """A listing of one of our venues."""
    return SymbolInfo(
        venue=ExchangeName(f"venue{venue}"),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName(venue_symbol.removesuffix("USDT")), AssetName("USDT")),
        venue_symbol=venue_symbol,
        tick_size=TICK,
        lot_size=LOT,
        min_quantity=LOT,
        min_notional=Decimal(5),
    )


def _subscriptions(market: PublicMarket, info: SymbolInfo) -> Iterator[Subscription]:
    return (market.subscription(info, channel) for channel in CHANNELS)
