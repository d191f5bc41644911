"""Lost books of one venue market are brought back, one by one, within a budget of snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal

from oneprice.core.describe import encode
from oneprice.core.states import BookState, Reason
from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.market.books import MS, Book
from oneprice.market.catalog import Catalog
from oneprice.market.context import Context
from oneprice.market.rest import Rest
from oneprice.market.session import MarketSession

LOST = (BookState.GAP, BookState.SYNCING)
REFINEMENTS_MAX = 6
LEVELS_LOOKED_AT = 5_000  # the odd sizes are the oldest orders, far from the top
RENEWAL_TAKES_MS = 2_000
ANSWER_LOOK_S = 0.05
STALE_DOUBLINGS_MAX = 6
RELAPSES_FREE = 2


class Recovery:
    """`on_new_rules(book)` registers a book again, after its rules or its grid changed.

    `at_once` bounds the snapshots under way at the venue. Errors of requests are kept in `trouble` and tried again.
    """

    def __init__(
        self,
        context: Context,
        catalog: Catalog,
        rest: Rest,
        session: MarketSession,
        at_once: asyncio.Semaphore,
        on_new_rules: Callable[[Book], None],
    ) -> None:
        self.trouble = ""
        self._context, self._catalog, self._rest, self._session = context, catalog, rest, session
        self._at_once, self._on_new_rules = at_once, on_new_rules
        self._market = session.market
        description = self._market.snapshot()
        self._snapshot = None if description is None else context.hub.add_snapshot(encode(description))
        self._wanted: dict[Book, None] = {}  # in the order in which they came
        self._running: set[Book] = set()
        self._stale: dict[Book, tuple[int, int]] = {}
        self._recovered: dict[Book, tuple[int, int]] = {}

    def note(self, book: Book, state: BookState, now_ns: int) -> None:
        """The book is in this state now."""
        if state in LOST and book.has_depth:
            self._wanted[book] = None
        elif state is BookState.STALE:
            self._stale.setdefault(book, (now_ns, 0))

    def look(self, now_ns: int) -> None:
        """Start what can be started; called often."""
        for book in [book for book in self._wanted if book not in self._running]:
            if not self._lost(book):
                self._wanted.pop(book, None)
            elif self._session.answered(book.number):
                self._wanted.pop(book, None)
                self._running.add(book)
                self._context.supervisor.spawn(self._recover(book), f"resync of {book.name}")
        for book, (since_ns, times) in list(self._stale.items()):
            if self._state(book) is not BookState.STALE:
                del self._stale[book]
            elif now_ns - since_ns > self._context.config.renew_stale_after_ms * MS * 2**times:
                self._stale[book] = (now_ns, min(times + 1, STALE_DOUBLINGS_MAX))
                self._session.renew(book.number)

    # ------------------------------------------------------------------ inside

    async def _recover(self, book: Book) -> None:
        """Try until the book is not lost any more; pauses double from try to try."""
        config = self._context.config
        tries = 0
        await self._brake(book)
        while self._lost(book):
            if not self._session.answered(book.number):
                await self._context.clock.sleep(ANSWER_LOOK_S)
                continue
            longest_ms = config.snapshot_again_after_max_ms
            try:
                if self._reason(book) is Reason.OFF_GRID:
                    await self._refine(book)
                if self._snapshot is None:
                    longest_ms = config.backoff_max_ms
                    await self._renew(book, tries)
                else:
                    await self._load(book, self._snapshot)
                self.trouble = ""
            except (NetworkError, ExchangeAPIError) as error:
                self.trouble = str(error)
                longest_ms = config.backoff_max_ms
            if self._lost(book):
                pause_ms = min(config.snapshot_again_after_ms * 2 ** min(tries, 30), longest_ms)
                await self._context.clock.sleep(pause_ms / 1e3)
            tries += 1
        self._recovered[book] = (self._recovered[book][0], self._context.clock.monotonic_ns())
        self._running.discard(book)

    async def _brake(self, book: Book) -> None:
        """A book that is lost again soon after each recovery is recovered ever more rarely.

        Not so when it was its connection that was lost: the waits between connections are brake enough.
        """
        if self._reason(book) in (Reason.DISCONNECTED, Reason.WAITING):
            self._recovered.setdefault(book, (0, 0))
            return
        config, clock = self._context.config, self._context.clock
        relapses, recovered_ns = self._recovered.get(book, (0, -config.stable_after_max_ms * MS))
        relapsed = clock.monotonic_ns() - recovered_ns < config.stable_after_max_ms * MS
        relapses = relapses + 1 if relapsed else 0
        self._recovered[book] = (relapses, recovered_ns)
        if relapses > RELAPSES_FREE:
            doublings = min(relapses - RELAPSES_FREE, 30)
            await clock.sleep(min(config.snapshot_again_after_ms * 2**doublings, config.backoff_max_ms) / 1e3)

    async def _load(self, book: Book, snapshot: int) -> None:
        """A snapshot by REST; the hub puts the changes that it held on top.

        One that arrives after the connection went is thrown away: nothing would keep that book true.
        """
        hub, clock, number = self._context.hub, self._context.clock, book.number
        async with self._at_once:
            if not self._lost(book):
                return
            if self._reason(book) not in (Reason.WAITING, Reason.SNAPSHOT_OLD):
                hub.begin_sync(number, clock.monotonic_ns())
            response = await self._rest.fetch(self._market.snapshot_request(book.info))
        if number == book.number and self._lost(book) and self._session.answered(number):
            book.resyncs += 1
            hub.on_snapshot(number, snapshot, response.body, clock.monotonic_ns())

    async def _renew(self, book: Book, tries: int) -> None:
        """The stream itself brings whole books, at the start of a subscription."""
        if tries or self._reason(book) not in (Reason.WAITING, Reason.DISCONNECTED):
            self._session.renew(book.number)
        until_ns = self._context.clock.monotonic_ns() + RENEWAL_TAKES_MS * MS
        while self._lost(book) and self._context.clock.monotonic_ns() < until_ns:
            await self._context.clock.sleep(ANSWER_LOOK_S)
        if not self._lost(book):
            book.resyncs += 1

    async def _refine(self, book: Book) -> None:
        """A figure came that is finer than the grid: new rules, or old orders from before them. Register it anew."""
        rules = await self._catalog.rules()
        same = (info for info in rules if info.venue_symbol == book.info.venue_symbol and info.name == book.info.name)
        fresh = next(same, book.info)
        seen = await self._rest.run(self._market.order_book(fresh, LEVELS_LOOKED_AT))
        levels = (*seen.bids, *seen.asks)
        tick = finest(min(book.tick_size, fresh.tick_size), [level.price for level in levels])
        lot = finest(min(book.lot_size, fresh.lot_size), [level.quantity for level in levels])
        if (tick, lot) == (book.tick_size, book.lot_size):
            tick, lot = finer(tick), finer(lot)
        book.refinements += 1
        if book.refinements > REFINEMENTS_MAX:
            book.closed = f"its prices or sizes stay finer than {book.tick_size} and {book.lot_size}"
        else:
            book.info, book.tick_size, book.lot_size = fresh, tick, lot
        self._on_new_rules(book)

    def _lost(self, book: Book) -> bool:
        """Whether its continuity is not proven; a book in doubt is kept too, for its price tells when doubt ends."""
        return self._reason(book) is not Reason.NONE and not book.closed

    def _state(self, book: Book) -> BookState:
        return BookState(self._context.hub.state(book.number))

    def _reason(self, book: Book) -> Reason:
        return Reason(self._context.hub.reason(book.number))


def finest(step: Decimal, numbers: Iterable[Decimal]) -> Decimal:
    """The coarsest of `step` and powers of ten below it on which all `numbers` lie."""
    off = [number for number in numbers if number % step]
    if not off:
        return step
    return Decimal(1).scaleb(min(_exponent(number) for number in (*off, step)))


def finer(step: Decimal) -> Decimal:
    """The next finer power of ten."""
    power = Decimal(1).scaleb(_exponent(step))
    return power if power < step else power / 10


def _exponent(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "prices and sizes are finite"
    return exponent
