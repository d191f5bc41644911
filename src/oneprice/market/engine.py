"""`MarketData`: live feeds of many venue markets into one hub, and what they show.

    async with MarketData(config, markets, ...) as data:
        await data.until_live(10.0)
        print(data.view())

An error in any task or callback ends the body of the context and comes out of it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TypeVar

import msgspec

from oneprice.core import Hub
from oneprice.core.specs import HubConfig
from oneprice.core.states import BookState
from oneprice.errors import ConfigError
from oneprice.market.books import MS, Book, Books
from oneprice.market.budget import ConnectBudget, tightest
from oneprice.market.config import MarketConfig
from oneprice.market.context import Context, market_name
from oneprice.market.feed import MarketFeed
from oneprice.market.identity import doubt
from oneprice.market.opportunities import Opportunities
from oneprice.market.picture import picture
from oneprice.market.recorder import Recorder
from oneprice.market.rest import Fetch
from oneprice.market.supervisor import Supervisor
from oneprice.market.triangles import Pair, triangles
from oneprice.market.view import MarketView
from oneprice.model import MarketKind, SymbolInfo
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit import PublicMarket

T = TypeVar("T")
LOOK_EVERY_S = 0.05
DOUBT_EVERY_NS = 1_000 * MS


class MarketData:
    """`hub`, `books`, `feeds` (by VENUE-MARKET) and `opportunities` are for reading. `on_opportunity`, where set, is
    called with the monotonic time of each frame that opened, changed or closed opportunities, in the frame's own turn;
    `on_opportunity_over` with each that ended, as the hub tells of it, soon after.

    `exchanges` makes the REST side of a market. Raises ConfigError for a configuration that cannot work; entering
    raises what a task raises, such as ConfigError for a symbol that no market lists.
    """

    def __init__(
        self,
        config: MarketConfig,
        markets: list[PublicMarket],
        *,
        network: Network,
        clock: Clock,
        chance: Chance,
        exchanges: Callable[[PublicMarket], Fetch],
        recorder: Recorder | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.config = config.checked()
        self.hub = Hub(msgspec.json.encode(hub_config(config)))
        self.books = Books(self.hub, config)
        self.opportunities = Opportunities(self.hub, self.books, config.opportunities_kept)
        self.clock = clock
        self.started_ns = clock.monotonic_ns()
        self._supervisor = Supervisor()
        self.on_opportunity: Callable[[int], None] | None = None
        self.on_opportunity_over: Callable[[tuple[object, ...], int], None] | None = None
        self._drain_due = False
        self._doubted_ns = self.started_ns
        self._watched_cycles: set[tuple[tuple[int, int], ...]] = set()
        context = Context(
            config=config,
            hub=self.hub,
            network=network,
            clock=clock,
            chance=chance,
            supervisor=self._supervisor,
            on_change=self._drain_soon,
            on_opportunity=self._on_opportunity,
            recorder=recorder,
            tls=tls,
        )
        connects = _by_venue(markets, lambda group: ConnectBudget(tightest([m.limits.connects for m in group]), clock))
        snapshots = _by_venue(markets, lambda group: asyncio.Semaphore(config.snapshots_at_once))
        self.feeds: dict[str, MarketFeed] = {}
        for market in markets:
            self.feeds[market_name(market)] = MarketFeed(
                context,
                market,
                exchanges(market),
                self.books,
                connects[market.venue],
                snapshots[market.venue],
                self._on_books,
            )

    async def __aenter__(self) -> MarketData:
        self.started_ns = self.clock.monotonic_ns()
        await self._supervisor.__aenter__()
        self._supervisor.spawn(self._tick(), "ticks")
        for feed in self.feeds.values():
            self._supervisor.spawn(feed.run(), feed.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for feed in self.feeds.values():
            await feed.session.close()
        await self._supervisor.__aexit__(kind, error, trace)

    async def until_live(self, seconds: float) -> bool:
        """Wait until every market has answered and every book that is traded is LIVE; False when it took too long."""
        until_ns = self.clock.monotonic_ns() + int(seconds * 1e9)
        while not self._all_live():
            if self.clock.monotonic_ns() > until_ns:
                return False
            await self.clock.sleep(LOOK_EVERY_S)
        return True

    def listings(self) -> list[SymbolInfo]:
        """The rules of all watched listings, as far as they are known."""
        return [book.info for book in self.books]

    def state(self, book: Book) -> BookState:
        """The state of a book."""
        return BookState(self.hub.state(book.number))

    def view(self, nearest: int = 10, history: int = 50) -> MarketView:
        """A picture of now, with at most so many near misses and ended opportunities."""
        return picture(self, nearest, history)

    # ------------------------------------------------------------------ inside

    def _all_live(self) -> bool:
        return all(feed.known for feed in self.feeds.values()) and all(
            self.state(book) is BookState.LIVE for book in self.books if not book.closed and not book.doubted
        )

    async def _tick(self) -> None:
        """Let time pass in the hub, and do what is due."""
        while True:
            now_ns = self.clock.monotonic_ns()
            self.hub.tick(now_ns)
            self._drain()
            for feed in self.feeds.values():
                feed.look(now_ns)
            if now_ns - self._doubted_ns > DOUBT_EVERY_NS:
                self._doubt(now_ns)
            await self.clock.sleep(self.config.tick_every_ms / 1e3)

    def _on_opportunity(self, now_ns: int) -> None:
        if self.on_opportunity is not None:
            self.on_opportunity(now_ns)

    def _drain_soon(self) -> None:
        """The hub has news: look at them as soon as what runs now is done."""
        if not self._drain_due:
            self._drain_due = True
            asyncio.get_running_loop().call_soon(self._drain_guarded)

    def _drain_guarded(self) -> None:
        try:
            self._drain()
            now_ns = self.clock.monotonic_ns()
            for feed in self.feeds.values():
                feed.recovery.look(now_ns)
        except BaseException as error:
            self._supervisor.fail(error)
            raise

    def _drain(self) -> None:
        """Take the hub's events."""
        self._drain_due = False
        to_wall_ns = self.clock.wall_ns() - self.clock.monotonic_ns()
        for event in self.hub.events():
            match event:
                case ("state", int(now_ns), int(number), int(state), int(reason)):
                    self.opportunities.on_state(number, state, reason, now_ns)
                    book = self.books[number]
                    if book.number == number:
                        self.feeds[book.market].recovery.note(book, BookState(state), now_ns)
                case ("opened", *_):
                    self.opportunities.on_opened()
                case ("closed", int(now_ns), tuple(told)):
                    self.opportunities.on_closed(told, now_ns, to_wall_ns)
                    if self.on_opportunity_over is not None:
                        self.on_opportunity_over(told, now_ns)

    def _doubt(self, now_ns: int) -> None:
        """Are the listings of a group the same asset, by their prices."""
        self._doubted_ns = now_ns
        for book in doubt(self.books, self.hub, self.config.price_gap_percent_max):
            self.books.set_halted(book, now_ns)

    def _on_books(self, feed: MarketFeed) -> None:
        """A market's books are known, or some have new numbers: doubts, cycles, and what was asked for in vain."""
        self._doubt(self.clock.monotonic_ns())
        if self.config.triangles and feed.market.kind is MarketKind.SPOT:
            pairs = [
                Pair(book.number, str(book.info.symbol.base), str(book.info.symbol.quote))
                for book in feed.books.values()
                if not book.closed
            ]
            for legs in triangles(pairs):
                if tuple(legs) not in self._watched_cycles:
                    self._watched_cycles.add(tuple(legs))
                    number = self.hub.add_cycle(legs)
                    assert number == len(self.opportunities.cycles), "only this adds cycles"
                    self.opportunities.cycles.append(legs)
        if all(other.known for other in self.feeds.values()):
            nowhere = set.intersection(*(set(other.missing) for other in self.feeds.values()))
            if nowhere:
                names = ", ".join(self.feeds)
                raise ConfigError(f"symbols: {', '.join(sorted(nowhere))} not listed by any of {names}")


def hub_config(config: MarketConfig) -> HubConfig:
    """The hub's part of the configuration."""
    return HubConfig(
        silent_after_ns=config.silent_after_ms * MS,
        stale_after_ns=config.stale_after_ms * MS,
        crossed_after_ns=config.crossed_after_ms * MS,
        min_net_bps=config.min_net_bps,
    )


def _by_venue(markets: list[PublicMarket], make: Callable[[list[PublicMarket]], T]) -> Mapping[str, T]:
    venues: dict[str, list[PublicMarket]] = {}
    for market in markets:
        venues.setdefault(market.venue, []).append(market)
    return {venue: make(group) for venue, group in venues.items()}
