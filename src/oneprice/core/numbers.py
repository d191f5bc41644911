"""Exact numbers: decimal text to whole ticks and lots, never through a float.

A grid is `unit * 10**-decimals`: tick 0.5 is decimals 1, unit 5; tick 10 is decimals 0, unit 10.
"""

from __future__ import annotations

import re
from decimal import Decimal

MANTISSA_MAX = 10**18
TEXT_LENGTH_MAX = 64
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?", re.ASCII)


class NumberError(ValueError):
    """The text is not a non-negative decimal, or too large to hold exactly."""


class OffGrid(NumberError):
    """A valid number that is no multiple of the grid."""


class Grid:
    """A tick or lot size. Raises ValueError when the step is not positive or needs more than 18 decimals."""

    __slots__ = ("decimals", "step", "unit")

    def __init__(self, step: Decimal | str) -> None:
        self.step = Decimal(step)
        if not self.step.is_finite() or self.step <= 0:
            raise ValueError(f"a tick or lot size must be a positive number, got {step!r}")
        digits = self.step.normalize().as_tuple()
        exponent = int(digits.exponent)
        mantissa = int("".join(map(str, digits.digits)))
        self.decimals = max(0, -exponent)
        self.unit = mantissa * 10 ** max(0, exponent)
        if self.decimals > 18 or self.unit >= MANTISSA_MAX:
            raise ValueError(f"a tick or lot size of {step!r} cannot be held exactly")

    def count(self, text: str) -> int:
        """Whole steps in a decimal text. Raises OffGrid, or NumberError when it is no number or too large."""
        mantissa, decimals = parse_decimal(text)
        shift = self.decimals - decimals
        if shift >= 0:
            mantissa *= int(10**shift)
        else:
            mantissa, rest = divmod(mantissa, int(10**-shift))
            if rest:
                raise OffGrid(f"{text} has more decimals than the step {self.step}")
        if mantissa >= MANTISSA_MAX:
            raise NumberError(f"{text} is too large")
        count, rest = divmod(mantissa, self.unit)
        if rest:
            raise OffGrid(f"{text} is not a multiple of {self.step}")
        return count

    def value(self, count: int) -> Decimal:
        """The number that `count` steps make."""
        return self.step * count


def parse_decimal(text: str) -> tuple[int, int]:
    """`(mantissa, decimals)` of a non-negative decimal; value = mantissa * 10**-decimals, exact."""
    match = _DECIMAL.fullmatch(text) if len(text) <= TEXT_LENGTH_MAX else None
    if match is None:
        raise NumberError(f"{text[:TEXT_LENGTH_MAX]!r} is not a plain decimal number")
    whole, fraction, exponent = match.groups()
    mantissa = int(whole + (fraction or ""))
    decimals = len(fraction or "") - int(exponent or 0)
    if decimals < 0:
        mantissa, decimals = mantissa * int(10**-decimals), 0
    while decimals and mantissa % 10 == 0 and mantissa:
        mantissa, decimals = mantissa // 10, decimals - 1
    if mantissa == 0:
        decimals = 0
    if mantissa >= MANTISSA_MAX:
        raise NumberError(f"{text} is too large")
    return mantissa, decimals


def parse_id(text: str) -> int:
    """A sequence number: decimal digits, below 2**63. Raises NumberError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or (value := int(text)) >= 1 << 63:
        raise NumberError(f"{text[:TEXT_LENGTH_MAX]!r} is not a sequence number")
    return value


_TIME_DECIMALS = {"s": 9, "ms": 6, "us": 3, "ns": 0}


def parse_time_ns(text: str, unit: str) -> int:
    """A time with optional fraction in `unit`, as whole nanoseconds (what is finer is cut off)."""
    plain = len(text) <= 19 and text.isascii() and text.isdigit()
    mantissa, decimals = (int(text), 0) if plain else parse_decimal(text)
    shift = _TIME_DECIMALS[unit] - decimals
    value = mantissa * int(10**shift) if shift >= 0 else mantissa // int(10**-shift)
    if value >= 1 << 63:
        raise NumberError(f"{text} is not a time")
    return value
