"""Whether our book and the venue's own answer are the same book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from oneprice.model import BookLevel, OrderBook

Sides = tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]]
FLEETING_MAX = 0.3
"""Of the levels compared between two numbers: the part that may have come and gone without our seeing it."""


class Likeness(NamedTuple):
    """`compared` levels of both sides, of which `different` are not the same. `exact`: at the very same sequence
    number; else between two of ours, and a level counts as the same if it is that of one of them."""

    exact: bool
    compared: int
    different: tuple[str, ...]

    @property
    def same(self) -> bool:
        """No level is different."""
        return not self.different

    def __str__(self) -> str:
        where = "at the same number" if self.exact else "between two numbers"
        if self.same:
            return f"{self.compared} levels are the same {where}"
        return f"{len(self.different)} of {self.compared} levels differ {where}: {'; '.join(self.different[:2])}"


def not_ours(found: Sequence[Likeness]) -> list[Likeness]:
    """Those that show another book than ours. At the same number every difference does; between two numbers they do
    when too many of all their levels differ, as one moment alone may have been a long one."""
    wrong = [one for one in found if one.exact and not one.same]
    between = [one for one in found if not one.exact]
    fleeting, compared = sum(len(one.different) for one in between), sum(one.compared for one in between)
    return wrong + ([one for one in between if not one.same] if fleeting > FLEETING_MAX * compared else [])


def likeness(history: Mapping[int, Sides], told: OrderBook) -> Likeness | None:
    """Ours by sequence number against one that was told. None where ours does not reach around its number (yet)."""
    before = max((number for number in history if number <= told.sequence), default=None)
    after = min((number for number in history if number >= told.sequence), default=None)
    if not told.sequence or before is None or after is None:
        return None
    compared, different = 0, []
    for side, rows in enumerate((told.bids, told.asks)):
        ours, theirs = (history[before][side], history[after][side]), rows
        if not (ours[0] and ours[1] and theirs):
            continue
        known = [dict(levels) for levels in ours]
        for level in theirs:
            if not _within(level.price, side, ours):
                break
            compared += 1
            if level.quantity not in (known[0].get(level.price), known[1].get(level.price)):
                mine = known[1].get(level.price)
                different.append(f"{level.price}: {level.quantity} there, {mine or 'nothing'} here")
        different += _missing(ours, theirs, side)
    return Likeness(before == after, compared, tuple(different)) if compared else None


def _within(price: Decimal, side: int, ours: tuple[tuple[BookLevel, ...], ...]) -> bool:
    """Whether our levels, as far as they are kept, reach to this price."""
    ends = [levels[-1].price for levels in ours]
    return price >= max(ends) if side == 0 else price <= min(ends)


def _missing(ours: tuple[tuple[BookLevel, ...], ...], theirs: tuple[BookLevel, ...], side: int) -> list[str]:
    """Levels that both of ours have alike and the other does not, as far as it reaches."""
    told, end = {level.price for level in theirs}, theirs[-1].price
    held = set(ours[0]) & set(ours[1])
    return [
        f"{level.price}: nothing there, {level.quantity} here"
        for level in sorted(held)
        if level.price not in told and (level.price >= end if side == 0 else level.price <= end)
    ]
