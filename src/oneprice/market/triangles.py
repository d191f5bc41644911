"""Cycles of three listings of one venue that lead from an asset back to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import msgspec

from oneprice.core.sizing import BUY, SELL

Legs = list[tuple[int, int]]
START_FIRST = ("USDT", "USDC", "USD", "BTC", "ETH")  # cycles start from what profits are wanted in


class Pair(msgspec.Struct, frozen=True):
    """A spot listing by its number in the hub."""

    number: int
    base: str
    quote: str


def triangles(pairs: Sequence[Pair]) -> list[Legs]:
    """Every cycle of three listings, in both directions, as `(number, 1 to buy or -1 to sell)`.

    A cycle starts from the asset that comes first in USDT, USDC, USD, BTC, ETH, then the alphabet.
    """
    between: dict[frozenset[str], list[Pair]] = {}
    neighbours: dict[str, set[str]] = {}
    for pair in pairs:
        between.setdefault(frozenset((pair.base, pair.quote)), []).append(pair)
        neighbours.setdefault(pair.base, set()).add(pair.quote)
        neighbours.setdefault(pair.quote, set()).add(pair.base)
    found: list[Legs] = []
    for start in sorted(neighbours, key=_rank):
        later = sorted((asset for asset in neighbours[start] if _rank(asset) > _rank(start)), key=_rank)
        for one, other in combinations(later, 2):
            if other not in neighbours[one]:
                continue
            for route in ((start, one, other, start), (start, other, one, start)):
                found += _legs(route, between)
    return found


def _legs(route: tuple[str, ...], between: dict[frozenset[str], list[Pair]]) -> list[Legs]:
    """All ways along the route: assets may be joined by more than one listing."""
    ways: list[Legs] = [[]]
    for held, wanted in pairwise(route):
        steps = [(pair.number, BUY if pair.base == wanted else SELL) for pair in between[frozenset((held, wanted))]]
        ways = [[*way, step] for way in ways for step in steps]
    return ways


def _rank(asset: str) -> tuple[int, str]:
    return (START_FIRST.index(asset) if asset in START_FIRST else len(START_FIRST), asset)
