"""One side of a book: price in ticks to quantity in lots, with the best price at hand."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

Change = tuple[int, int]


class Side:
    """Levels of one side. Bids hold their ticks negated in the heap, so that the smallest is the best."""

    __slots__ = ("_heap", "levels", "sign")

    def __init__(self, bids: bool) -> None:
        self.sign = -1 if bids else 1
        self.levels: dict[int, int] = {}
        self._heap: list[int] = []

    def apply(self, changes: Iterable[Change]) -> None:
        """Set levels to absolute quantities; 0 removes, and removing what is not there is normal."""
        levels, heap, sign = self.levels, self._heap, self.sign
        for ticks, lots in changes:
            if lots:
                if ticks not in levels:
                    heapq.heappush(heap, sign * ticks)
                levels[ticks] = lots
            else:
                levels.pop(ticks, None)
        if len(heap) > 2 * len(levels) + 1024:
            self._rebuild()

    def replace(self, changes: Iterable[Change]) -> None:
        """Forget all levels and take these."""
        self.levels = {}
        self._heap = []
        self.apply(changes)

    def prune(self, levels_max: int) -> None:
        """Keep only the best `levels_max` levels."""
        if len(self.levels) > levels_max:
            self.levels = dict(self.best(levels_max))
            self._rebuild()

    def top(self) -> Change | None:
        """Best `(ticks, lots)`, None when the side is empty."""
        heap, levels, sign = self._heap, self.levels, self.sign
        while heap:
            ticks = sign * heap[0]
            lots = levels.get(ticks)
            if lots is not None:
                return ticks, lots
            heapq.heappop(heap)
        return None

    def best(self, count: int) -> list[Change]:
        """The best `count` levels, best first."""
        return sorted(self.levels.items(), key=lambda level: self.sign * level[0])[:count]

    def _rebuild(self) -> None:
        self._heap = [self.sign * ticks for ticks in self.levels]
        heapq.heapify(self._heap)
