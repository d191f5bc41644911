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


def grid_of(step: Decimal) -> tuple[int, int]:
    """`(decimals, unit)` of a tick or lot size. Raises ValueError when it is not positive or cannot be held exactly."""
    if not step.is_finite() or step <= 0:
        raise ValueError(f"a tick or lot size must be a positive number, got {step}")
    digits = step.normalize().as_tuple()
    exponent = int(digits.exponent)
    decimals = max(0, -exponent)
    unit = int("".join(map(str, digits.digits))) * int(10 ** max(0, exponent))
    if decimals > 18 or unit >= MANTISSA_MAX:
        raise ValueError(f"a tick or lot size of {step} cannot be held exactly")
    return decimals, unit


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
