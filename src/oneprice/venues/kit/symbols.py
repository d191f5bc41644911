"""Names of assets that stand for many coins: 1000PEPE is a thousand PEPE."""

from __future__ import annotations

import re
from decimal import Decimal

from oneprice.model import AssetName

_MULTIPLE = re.compile(r"1(0{3,9}|M)([A-Z][A-Z0-9]{2,})", re.ASCII)


def multiple(name: str) -> tuple[AssetName, Decimal]:
    """`(asset, how many of its coins the name stands for)`: 1000PEPE is 1,000 PEPE, 1MBABYDOGE a million.

    To be used only by venues that name assets so. What follows the number must be a name of three characters
    or more, beginning with a letter: 1INCH, 1MIL and 1000X are assets of their own.
    """
    match = _MULTIPLE.fullmatch(name)
    if match is None:
        return AssetName(name), Decimal(1)
    zeros, asset = match.groups()
    return AssetName(asset), Decimal(1_000_000 if zeros == "M" else 10 ** len(zeros))
