"""What of the live books is there for paper orders: what one has taken, no other takes until the level changes."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from oneprice.core import Hub
from oneprice.core.states import BookState
from oneprice.ledger.exact import times
from oneprice.market.books import Book
from oneprice.model import Side

LEVELS_MAX = 200
_HALF = Decimal("0.5")


class Level(NamedTuple):
    """On the book's grid. `lots`: what is there for us of `whole`."""

    ticks: int
    lots: int
    whole: int


class Depth:
    """The real venue does not know of our orders, so its levels stay as they were. Of a level that we took from, as
    much as we left is there until its size is another; then all of it is, for that is a new one."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._taken: dict[tuple[Book, Side], dict[int, tuple[int, int]]] = {}  # ticks -> (its lots, taken of them)

    def is_live(self, book: Book) -> bool:
        """Whether the book may be believed. Of another nothing is taken."""
        return self._hub.state(book.number) == BookState.LIVE

    def middle(self, book: Book) -> Decimal | None:
        """Between the best bid and ask, in quote asset; None while the book is not live or has one side only."""
        bid_ticks, bid_lots, ask_ticks, ask_lots, _ = self._hub.top(book.number)
        if not bid_lots or not ask_lots or not self.is_live(book):
            return None
        return times(times(book.tick_size, Decimal(bid_ticks + ask_ticks)), _HALF)

    def reaches(self, book: Book, side: Side, limit_ticks: int) -> bool:
        """Whether the other side's best price is within a limit, whatever is left there. Cheap."""
        bid_ticks, bid_lots, ask_ticks, ask_lots, _ = self._hub.top(book.number)
        if side is Side.BUY:
            return bool(ask_lots) and ask_ticks <= limit_ticks
        return bool(bid_lots) and bid_ticks >= limit_ticks

    def ladder(self, book: Book, side: Side, limit_ticks: int | None) -> list[Level]:
        """What an order of `side` meets within its limit (None: any), best first; nothing of a book not live."""
        if not self.is_live(book):
            return []
        place = (book, side)
        taken, still = self._taken.get(place, {}), {}
        found: list[Level] = []
        for ticks, lots in self._levels(book, side):
            left = lots
            if (known := taken.get(ticks)) is not None and known[0] == lots:
                still[ticks] = known
                left = lots - known[1]
            if left and (limit_ticks is None or (ticks - limit_ticks) * side <= 0):
                found.append(Level(ticks, left, lots))
        self._taken[place] = still
        return found

    def take(self, book: Book, side: Side, level: Level, lots: int) -> None:
        """Lots of a level that `ladder` has given in this very turn."""
        assert lots <= level.lots, "what is taken is there"
        self._taken[book, side][level.ticks] = (level.whole, level.whole - level.lots + lots)

    def _levels(self, book: Book, side: Side) -> list[tuple[int, int]]:
        """The top, which may be newer, then the book behind it."""
        bid_ticks, bid_lots, ask_ticks, ask_lots, _ = self._hub.top(book.number)
        ticks, lots = (ask_ticks, ask_lots) if side is Side.BUY else (bid_ticks, bid_lots)
        if not lots:
            return []
        if not book.has_depth:
            return [(ticks, lots)]
        bids, asks = self._hub.levels(book.number, LEVELS_MAX)
        return [(ticks, lots), *((t, n) for t, n in (asks if side is Side.BUY else bids) if (t - ticks) * side > 0)]
