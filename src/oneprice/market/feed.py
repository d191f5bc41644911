"""One venue market from its rules to its live books: session, recovery, periodic rules, the venue's clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal

from oneprice.core.states import BookState
from oneprice.errors import ExchangeAPIError, NetworkError, NotSupported
from oneprice.exchange.backoff import pause_s
from oneprice.market.books import MS, Book, Books
from oneprice.market.budget import ConnectBudget
from oneprice.market.catalog import Catalog, choose, same_rules
from oneprice.market.clockwatch import ClockWatch
from oneprice.market.context import Context, market_name
from oneprice.market.recording import RecordedListing
from oneprice.market.rest import Fetch, Rest
from oneprice.market.resync import Recovery
from oneprice.market.session import MarketSession
from oneprice.model import FundingRate, SymbolInfo
from oneprice.venues.kit import Channel, PublicMarket

AGES_KEPT = 1_024
BASIS_POINT = Decimal("0.0001")


class MarketFeed:
    """`books` by listing, once the rules are known (`known`). `trouble`: the last thing that failed, in words.

    `missing`: wanted symbols that it does not list; `unwatched`: listings that cannot be watched, with the reason.
    `rules`: of all the market's listings, as they were last told. `on_books` is called when books were added or got new
    numbers.
    """

    def __init__(
        self,
        context: Context,
        market: PublicMarket,
        exchange: Fetch,
        books: Books,
        connects: ConnectBudget,
        snapshots: asyncio.Semaphore,
        on_books: Callable[[MarketFeed], None],
    ) -> None:
        self.name, self.market = market_name(market), market
        self.books: dict[SymbolInfo, Book] = {}
        self.known = False
        self.rules: list[SymbolInfo] = []
        self.trouble = ""
        self.missing: list[str] = []
        self.unwatched: dict[str, str] = {}
        self.ages_ms: deque[float] = deque(maxlen=AGES_KEPT)
        self.delays_ms: deque[float] = deque(maxlen=AGES_KEPT)
        self.frames_per_s = 0.0
        self._frames, self._counted_ns = 0, context.clock.monotonic_ns()
        self._context, self._all_books, self._on_books = context, books, on_books
        rest = self._rest = Rest(self.name, exchange, context.clock, context.recorder)
        self._catalog = Catalog(market, rest)
        self.session = MarketSession(context, market, connects, lambda listing: self.books[listing].number)
        self.recovery = Recovery(context, self._catalog, rest, self.session, snapshots, self._register_again)
        self.clock = ClockWatch(market, rest, context.clock, context.config.clock_every_s)

    async def run(self) -> None:
        """Learn the rules, watch the listings, and look at the rules again now and then; for ever."""
        await self._open()
        self._context.supervisor.spawn(self.clock.run(), f"{self.name}: clock")
        while True:
            await self._context.clock.sleep(self._context.config.rules_every_s)
            try:
                self.rules = await self._catalog.rules()
                self._compare(self.rules)
            except (NetworkError, ExchangeAPIError) as error:
                self.trouble = f"rules: {error}"

    async def funding(self, info: SymbolInfo) -> FundingRate:
        """A perpetual's funding rate. Raises NetworkError, ExchangeAPIError; NotSupported on spot."""
        return await self._rest.run(self.market.funding(info))

    def look(self, now_ns: int) -> None:
        """At every tick: start recoveries, take samples of ages."""
        for book in self.books.values():
            if book.doubted:  # halted: the hub tells of no change of its state
                self.recovery.note(book, BookState.SYNCING, now_ns)
        self.recovery.look(now_ns)
        hub, to_wall_ns = self._context.hub, self._context.clock.wall_ns() - now_ns
        offset_ns = self.clock.offset_ns
        for book in self.books.values():
            if hub.state(book.number) == BookState.LIVE:
                updated_ns, event_ns = hub.times(book.number)
                self.ages_ms.append((now_ns - updated_ns) / MS)
                if event_ns and offset_ns is not None:
                    self.delays_ms.append((updated_ns + to_wall_ns + offset_ns - event_ns) / MS)
        if now_ns - self._counted_ns >= 1_000 * MS:
            frames = self.session.frames
            self.frames_per_s = (frames - self._frames) * 1e9 / (now_ns - self._counted_ns)
            self._frames, self._counted_ns = frames, now_ns

    # ------------------------------------------------------------------ inside

    async def _open(self) -> None:
        """Rules and prices, tried until they come; then everything is registered and subscribed."""
        config, failures = self._context.config, 0
        while True:
            try:
                self.rules = await self._catalog.rules()
                chosen = choose(self.rules, config.symbols_at(self.name))
                prices = await self._catalog.prices(chosen) if chosen else {}
                break
            except (NetworkError, ExchangeAPIError) as error:
                self.trouble = f"rules: {error}"
                failures += 1
                backoff_s = pause_s(self._context.chance, failures, config.backoff_first_ms, config.backoff_max_ms)
                await self._context.clock.sleep(backoff_s)
        self.trouble = ""
        now_ns = self._context.clock.monotonic_ns()
        for info in chosen:
            try:
                channels = self._channels(info)
            except NotSupported as error:
                self.unwatched[str(info.name)] = str(error)
                continue
            book = Book(info, self.name, channels, self._fee(info))
            book.price = prices.get(info)
            book.closed = _closed(info)
            self._all_books.add(book, now_ns)
            self.books[info] = book
        known = {str(info.symbol) for info in chosen}
        self.missing = [symbol for symbol in config.symbols_at(self.name) if symbol not in known]
        self.known = True
        self._record_rules()
        self._on_books(self)
        for book in self.books.values():
            self.recovery.note(book, BookState.SYNCING, now_ns)
        for channels in sorted({book.channels for book in self.books.values()}):
            self.session.watch([info for info, book in self.books.items() if book.channels == channels], channels)

    def _channels(self, info: SymbolInfo) -> tuple[Channel, ...]:
        """Those of the wanted channels that the venue has for the listing. Raises NotSupported when none is a book."""
        found = []
        reasons = []
        for channel in self._context.config.channels:
            try:
                self.market.subscription(info, channel)
            except NotSupported as error:
                reasons.append(str(error))
            else:
                found.append(channel)
        if Channel.DEPTH not in found and Channel.QUOTE not in found:
            raise NotSupported(f"{info.name}: none of the wanted channels shows prices. {' '.join(reasons)}")
        return tuple(found)

    def _fee(self, info: SymbolInfo) -> Decimal:
        """The taker fee as a fraction: the configured one, the rules', or the venue's usual one."""
        configured = self._context.config.taker_fee_bps.get(self.name)
        if configured is not None:
            return configured * BASIS_POINT
        return info.taker_fee if info.taker_fee is not None else Decimal(str(self.market.taker_fee_bps)) * BASIS_POINT

    def _compare(self, rules: list[SymbolInfo]) -> None:
        """New rules against those in use: halts, and what the hub must be told anew."""
        now_ns = self._context.clock.monotonic_ns()
        fresh = {(info.name, info.venue_symbol): info for info in rules}
        for book in list(self.books.values()):
            info = fresh.get((book.info.name, book.info.venue_symbol))
            if info is None:
                book.closed = "the venue lists it no more"
                self._all_books.set_halted(book, now_ns)
                continue
            book.closed = _closed(info)
            if same_rules(info, book.info):
                self._all_books.set_halted(book, now_ns)
            else:
                book.tick_size = _kept(book.tick_size, info.tick_size)
                book.lot_size = _kept(book.lot_size, info.lot_size)
                book.info, book.taker_fee = info, self._fee(info)
                self._register_again(book)
        self.trouble = ""

    def _register_again(self, book: Book) -> None:
        """The book's rules or grid changed: a new listing in the hub takes its place."""
        now_ns = self._context.clock.monotonic_ns()
        old = self._all_books.register_again(book, now_ns)
        self.session.rebind(old, book.number)
        self.recovery.note(book, BookState.SYNCING, now_ns)
        self._record_rules()
        self._on_books(self)

    def _record_rules(self) -> None:
        if self._context.recorder is not None:
            listings = [
                RecordedListing(info=book.info, tick_size=book.tick_size, lot_size=book.lot_size)
                for book in self.books.values()
            ]
            wall_ns = self._context.clock.wall_ns()
            self._context.recorder.on_rules(self.market.venue, self.market.kind, listings, wall_ns)


def _closed(info: SymbolInfo) -> str:
    return "" if info.tradable else f"the venue takes no orders on it ({info.status or 'not tradable'})"


def _kept(grid: Decimal, step: Decimal) -> Decimal:
    """The grid of the book, where the new step of the rules lies on it."""
    return grid if step % grid == 0 else step
