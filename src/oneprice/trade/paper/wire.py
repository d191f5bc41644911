"""The way to a venue that is not there, and back: everything takes a while, and what comes back comes in order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from oneprice.ports import Chance, Clock

IN_FLIGHT_MAX = 10_000
_SPREAD = 0.5
"""A way takes the latency, give or take this part of it."""


class Wire:
    """`latency_ms`: one way, on average. `failed` hears what an act raised: nobody else would."""

    def __init__(
        self, clock: Clock, chance: Chance, latency_ms: float, failed: Callable[[BaseException], None]
    ) -> None:
        self._clock, self._chance, self._latency_ns = clock, chance, latency_ms * 1e6
        self._failed = failed
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._last_back_ns = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether more is on its way than anybody could want."""
        return len(self._due) >= IN_FLIGHT_MAX

    def to_venue(self, act: Callable[[], None]) -> None:
        """Done at the venue when it gets there. Two that leave together may arrive the other way round."""
        self._post(self._clock.monotonic_ns() + self._way_ns(), act)

    def from_venue(self, act: Callable[[], None]) -> None:
        """Done here when it gets here, after all that left the venue before."""
        self._last_back_ns = max(self._last_back_ns, self._clock.monotonic_ns() + self._way_ns())
        self._post(self._last_back_ns, act)

    async def close(self) -> None:
        """What is on its way is lost."""
        self._due.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _way_ns(self) -> int:
        return round(self._latency_ns * self._chance.uniform(1.0 - _SPREAD, 1.0 + _SPREAD))

    def _post(self, due_ns: int, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (due_ns, self._count, act))
        task = asyncio.get_running_loop().create_task(self._wait(due_ns), name="paper: on its way")
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    async def _wait(self, due_ns: int) -> None:
        while (left_ns := due_ns - self._clock.monotonic_ns()) > 0:
            await self._clock.sleep(left_ns / 1e9)
        while self._due and self._due[0][0] <= self._clock.monotonic_ns():
            heapq.heappop(self._due)[2]()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
