"""Which fills are booked: each counts once, however often it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

FILLS_KEPT = 100_000

FillId = tuple[str, str]
"""Listing, and the venue's id, which is unique within it."""


class FillIds:
    """The last FILLS_KEPT at least, twice as many at most; those that are `kept` are never forgotten.

    In two generations: when the young one is full it becomes the old one, and the old one goes.
    """

    def __init__(self) -> None:
        self._young: dict[FillId, None] = {}
        self._old: dict[FillId, None] = {}

    def __contains__(self, fill: FillId) -> bool:
        return fill in self._young or fill in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __iter__(self) -> Iterator[FillId]:
        yield from self._old
        yield from self._young

    def add(self, fill: FillId) -> bool:
        """Whether it is a new one."""
        if fill in self._young or fill in self._old:
            return False
        self._young[fill] = None
        return True

    @property
    def is_full(self) -> bool:
        """Whether `turn` is due."""
        return len(self._young) >= FILLS_KEPT

    def turn(self, kept: Iterable[FillId]) -> None:
        """The next generation, which begins with what must be kept."""
        self._old, self._young = self._young, dict.fromkeys(kept)
