"""Exact arithmetic of money: every result that would need more digits than it may have raises instead of rounding.

Python's own operators round to 28 digits without a word; amounts of cheap coins in large numbers come near that.
"""

from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)

_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
_ROUNDING = Context(prec=100, traps=[InvalidOperation, Overflow, DivisionByZero])
_ADJUSTED_MAX = 30
"""Numbers of clients beyond 10^30 or below 10^-30 are no amounts of anything."""
_DIGITS_MAX = 40

ZERO = Decimal(0)


def plus(left: Decimal, right: Decimal) -> Decimal:
    """The sum. Raises decimal.Inexact where 100 digits do not hold it."""
    return _EXACT.add(left, right)


def minus(left: Decimal, right: Decimal) -> Decimal:
    """The difference, as exact as `plus`."""
    return _EXACT.subtract(left, right)


def times(left: Decimal | int, right: Decimal | int) -> Decimal:
    """The product, as exact as `plus`."""
    return _EXACT.multiply(Decimal(left), Decimal(right))


def negated(value: Decimal) -> Decimal:
    """The same below zero; the minus sign alone would round to 28 digits."""
    return value.copy_negate()


def total(values: list[Decimal]) -> Decimal:
    """The sum of all, 0 of none."""
    result = ZERO
    for value in values:
        result = _EXACT.add(result, value)
    return result


def fee(amount: Decimal, rate: Decimal, decimals: int) -> Decimal:
    """The rate's share of an amount, rounded up to `decimals` (a rebate, being negative, shrinks)."""
    return _EXACT.multiply(amount, rate).quantize(_unit(decimals), ROUND_CEILING, _ROUNDING)


def share(amount: Decimal, part: int, whole: int, decimals: int) -> Decimal:
    """`amount * part / whole`, exact when it is the whole, else rounded to `decimals`."""
    if part == whole:
        return amount
    quotient = _ROUNDING.divide(_EXACT.multiply(amount, Decimal(part)), Decimal(whole))
    return quotient.quantize(_unit(decimals), ROUND_HALF_EVEN, _ROUNDING)


def divided_up(amount: Decimal, by: int, decimals: int) -> Decimal:
    """`amount / by` rounded up to `decimals`: what is asked for, margins."""
    return _ROUNDING.divide(amount, Decimal(by)).quantize(_unit(decimals), ROUND_CEILING, _ROUNDING)


def floored(amount: Decimal, decimals: int) -> Decimal:
    """The amount rounded down to `decimals`: what is granted."""
    return amount.quantize(_unit(decimals), ROUND_FLOOR, _ROUNDING)


def is_amount(value: Decimal) -> bool:
    """Whether a client's number is above 0 and of a size that money has."""
    if not value.is_finite() or value <= 0 or abs(value.adjusted()) > _ADJUSTED_MAX:
        return False
    return len(value.as_tuple().digits) <= _DIGITS_MAX


def whole_steps(value: Decimal, step: Decimal) -> int | None:
    """How many whole steps make the value, None when they do not."""
    if not value.is_finite() or abs(value.adjusted()) > _ADJUSTED_MAX:
        return None
    numerator, denominator = value.as_integer_ratio()
    step_numerator, step_denominator = step.as_integer_ratio()
    steps, rest = divmod(numerator * step_denominator, denominator * step_numerator)
    return None if rest else steps


def whole_parts(amount: Decimal, part: Decimal) -> int:
    """How many whole times `part` goes into `amount`; both positive."""
    numerator, denominator = amount.as_integer_ratio()
    part_numerator, part_denominator = part.as_integer_ratio()
    return numerator * part_denominator // (denominator * part_numerator)


def _unit(decimals: int) -> Decimal:
    return Decimal((0, (1,), -decimals))


def plain(value: Decimal) -> str:
    """All its digits, without trailing zeros and without an exponent."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
