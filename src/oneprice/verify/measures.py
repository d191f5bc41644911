"""Small sums that cards do with prices, sizes and times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from oneprice.model import OrderBook

MS = 1_000_000


def is_on_grid(value: Decimal, step: Decimal) -> bool:
    """Whether it is a whole number of steps."""
    return value % step == 0


def off_grid(values: Iterable[Decimal], step: Decimal) -> list[Decimal]:
    """Those that are no whole number of steps."""
    return [value for value in values if value % step]


def plain(value: Decimal | None) -> str:
    """Without an exponent and without zeros at its end; "-" where there is none."""
    if value is None:
        return "-"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def spread_bps(bid: Decimal, ask: Decimal) -> float:
    """Basis points of the middle."""
    return float((ask - bid) * 20_000 / (ask + bid))


def top_of(book: OrderBook) -> str:
    """`64012.1 / 64012.2`."""
    bid = book.bids[0].price if book.bids else None
    ask = book.asks[0].price if book.asks else None
    return f"{plain(bid)} / {plain(ask)}"


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of them does not exceed. There must be one at least."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def repeated(values: Iterable[object]) -> list[object]:
    """What occurs more than once."""
    seen: set[object] = set()
    twice: dict[object, None] = {}
    for value in values:
        if value in seen:
            twice[value] = None
        seen.add(value)
    return list(twice)


def first_few(values: Iterable[object], count: int = 3) -> str:
    """The first of them, in words."""
    rows = [str(value) for value in values]
    more = f" and {len(rows) - count} more" if len(rows) > count else ""
    return ", ".join(rows[:count]) + more
