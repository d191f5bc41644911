"""Opportunities as the hub tells of them, in the words and units of people; those that ended are kept for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from oneprice.core import Hub
from oneprice.core.scan import CYCLE
from oneprice.core.sizing import BUY
from oneprice.core.specs import ATTO
from oneprice.core.states import BookState, Miss, Reason
from oneprice.market.books import MS, Book, Books
from oneprice.market.view import NearRow, OpportunityRow
from oneprice.market.words import MISSES, why_not_live
from oneprice.model import MarketKind

Key = tuple[int, int, int]
SizedLegs = tuple[tuple[int, int, int, int, int], ...]


class Sized(NamedTuple):
    """As the hub gives it: legs are `(listing, side, limit ticks, lots, value)`."""

    legs: SizedLegs
    gross_bps: float
    net_bps: float
    net_atto: int


class Standing(NamedTuple):
    """As the hub gives it."""

    key: Key
    opened_ns: int
    updated_ns: int
    updates: int
    sized: Sized
    best: Sized


class Opportunities:
    """`seen` counts all of the run. `cycles` are the legs `(listing, side)` of each cycle by its number."""

    def __init__(self, hub: Hub, books: Books, kept: int) -> None:
        self.seen = 0
        self.cycles: list[Sequence[tuple[int, int]]] = []
        self._hub, self._books = hub, books
        self._ended: deque[OpportunityRow] = deque(maxlen=kept)
        self._left_live: dict[int, tuple[int, str]] = {}

    def on_state(self, number: int, state: int, reason: int, now_ns: int) -> None:
        """A book changed its state: remember why, since what rests on it ends in the same call."""
        if state == BookState.LIVE:
            self._left_live.pop(number, None)
        else:
            age_ms = (now_ns - self._hub.times(number)[0]) / MS
            self._left_live[number] = (now_ns, why_not_live(BookState(state), Reason(reason), age_ms))

    def on_opened(self) -> None:
        """One more."""
        self.seen += 1

    def on_closed(self, told: tuple[object, ...], now_ns: int, to_wall_ns: int) -> None:
        """One ended."""
        standing = as_standing(told)
        why = "the spread no longer pays the fees"
        for number, *_ in standing.best.legs:
            left_ns, reason = self._left_live.get(number, (-1, ""))
            if left_ns == now_ns:
                why = f"{self._books[number].name}: {reason}"
        self._ended.append(self._row(standing, now_ns, to_wall_ns, is_open=False, why=why))

    def standing(self, now_ns: int, to_wall_ns: int) -> tuple[OpportunityRow, ...]:
        """Those that stand now, best net first."""
        rows = []
        for told in self._hub.opportunities():
            standing = as_standing(told)
            why = f"{standing.sized.net_bps:+.1f} bps left after fees now; all books live"
            rows.append(self._row(standing, now_ns, to_wall_ns, is_open=True, why=why))
        return tuple(sorted(rows, key=lambda row: -row.net_bps))

    def ended(self, count: int) -> tuple[OpportunityRow, ...]:
        """The last that ended, newest first."""
        return tuple(self._ended[index] for index in range(-1, -1 - min(count, len(self._ended)), -1))

    def nearest(self, count: int, now_ns: int) -> tuple[NearRow, ...]:
        """What came near, and what is in the way."""
        return tuple(self._near(told, now_ns) for told in self._hub.near(count))

    # ------------------------------------------------------------------ inside

    def _row(self, standing: Standing, now_ns: int, to_wall_ns: int, *, is_open: bool, why: str) -> OpportunityRow:
        best = standing.best
        number, side, _, lots, value = best.legs[0]
        book, spec = self._books[number], self._books.spec(number)
        base, quote = str(book.info.symbol.base), str(book.info.symbol.quote)
        size = Decimal(lots * spec.lot_base_atto) / ATTO
        paid = Decimal(value * spec.value_unit_atto) / ATTO
        legs = [(leg[0], leg[1]) for leg in best.legs]
        return OpportunityRow(
            key=standing.key,
            kind=self._kind(standing.key, legs),
            symbol=self._symbol(standing.key, legs),
            where=self._where(legs),
            size=size,
            cost=paid if side == BUY else size,
            unit=quote if side == BUY else base,
            gross_bps=best.gross_bps,
            fees_bps=best.gross_bps - best.net_bps,
            net_bps=best.net_bps,
            net=Decimal(best.net_atto) / ATTO,
            opened_wall_ns=standing.opened_ns + to_wall_ns,
            age_ms=((now_ns if is_open else standing.updated_ns) - standing.opened_ns) / MS,
            updates=standing.updates,
            is_open=is_open,
            why=why,
        )

    def _near(self, told: tuple[object, ...], now_ns: int) -> NearRow:
        near = msgspec.convert(told, _Miss)
        legs = self._legs(near.key)
        return NearRow(
            kind=self._kind(near.key, legs),
            symbol=self._symbol(near.key, legs),
            where=self._where(legs),
            gross_bps=near.gross_bps,
            net_bps=near.net_bps,
            why=self._why(Miss(near.miss), near.listing, now_ns),
        )

    def _why(self, miss: Miss, number: int, now_ns: int) -> str:
        book = self._books[number]
        if miss is not Miss.NOT_LIVE:
            return MISSES[miss] if miss in (Miss.FEES, Miss.LOT) else f"{MISSES[miss]} of {book.name}"
        return f"{book.name}: {not_live(book, self._hub, now_ns)}"

    def _legs(self, key: Key) -> Sequence[tuple[int, int]]:
        return self.cycles[key[1]] if key[0] == CYCLE else [(key[1], BUY), (key[2], -BUY)]

    def _where(self, legs: Sequence[tuple[int, int]]) -> str:
        """`buy binance-spot, sell gate-usdm`; in a cycle `on gate-spot buy ETH/USDT, sell ETH/BTC, ...`."""
        books = [self._books[number] for number, _ in legs]
        verbs = ["buy" if side == BUY else "sell" for _, side in legs]
        if len({book.market for book in books}) == 1 and len(books) > 2:
            steps = ", ".join(f"{verb} {book.info.symbol}" for verb, book in zip(verbs, books, strict=True))
            return f"on {books[0].market} {steps}"
        return ", ".join(f"{verb} {book.market}" for verb, book in zip(verbs, books, strict=True))

    def _symbol(self, key: Key, legs: Sequence[tuple[int, int]]) -> str:
        if key[0] != CYCLE:
            return str(self._books[legs[0][0]].info.symbol)
        first = self._books[legs[0][0]].info.symbol
        return str(first.quote if legs[0][1] == BUY else first.base)

    def _kind(self, key: Key, legs: Sequence[tuple[int, int]]) -> str:
        if key[0] == CYCLE:
            return "cycle"
        return "-".join("perp" if self._books[number].info.market is MarketKind.USDM else "spot" for number, _ in legs)


def not_live(book: Book, hub: Hub, now_ns: int) -> str:
    """Why the book may not be used, in words; empty when it may."""
    state = BookState(hub.state(book.number))
    if state is BookState.HALTED:
        return book.closed or book.doubted or "replaced by a listing with new rules"
    return why_not_live(state, Reason(hub.reason(book.number)), (now_ns - hub.times(book.number)[0]) / MS)


class _Miss(NamedTuple):
    """As the hub gives it."""

    key: Key
    gross_bps: float
    net_bps: float
    miss: int
    listing: int


def as_standing(told: tuple[object, ...]) -> Standing:
    """The hub's plain tuples by name."""
    return msgspec.convert(told, Standing)
