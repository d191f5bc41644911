"""Sums and products of told amounts, without rounding: the usual context keeps 28 digits, and coins come with more."""

from __future__ import annotations

from decimal import Context, Decimal

_DIGITS = 512  # of the longest sum of two numbers as `kit.bodies` takes them, and of three factors


def total(first: Decimal, second: Decimal) -> Decimal:
    """The exact sum."""
    return Context(prec=_DIGITS).add(first, second)


def product(*factors: Decimal) -> Decimal:
    """The exact product."""
    context, result = Context(prec=_DIGITS), Decimal(1)
    for factor in factors:
        result = context.multiply(result, factor)
    return result
