"""Real randomness, or a seeded one that can be repeated."""

from __future__ import annotations

import random


class LiveChance:
    """Seeded from the operating system unless a seed is given. Not for secrets."""

    __slots__ = ("_random",)

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        return self._random.uniform(low, high)
