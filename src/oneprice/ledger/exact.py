"""Exact arithmetic of money: what 100 digits do not hold raises instead of being rounded.

Python's own operators round to 28 digits without a word; the worth of many cheap coins comes near that. So what may be
called from anywhere uses `plus`, `minus` and `times`. What runs `exactly` uses the operators, which are twice as fast
there.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from contextlib import AbstractContextManager
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import TypeVar

EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_ROUNDING = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_UNIT = Decimal("1e-18")

ZERO = Decimal(0)
ONE = Decimal(1)

plus = EXACT.add
minus = EXACT.subtract
times = EXACT.multiply

K = TypeVar("K")


def exactly() -> AbstractContextManager[Context]:
    """Where it is entered, the operators are exact."""
    return localcontext(EXACT)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of all, 0 of none."""
    result = ZERO
    for amount in amounts:
        result = plus(result, amount)
    return result


def add(amounts: MutableMapping[K, Decimal], name: K, amount: Decimal) -> None:
    """Add to an entry, made when it is not there."""
    before = amounts.get(name)
    amounts[name] = amount if before is None else plus(before, amount)


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`amount * part / whole`: exact when part is the whole, else rounded to 18 decimals. What is rounded away is for
    the caller to keep: `amount` less the share is exact."""
    if part == whole:
        return amount
    return _ROUNDING.quantize(_ROUNDING.divide(times(amount, part), whole), _UNIT)
