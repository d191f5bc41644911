"""A budget of connection attempts, shared by everything that talks to one venue."""

from __future__ import annotations

import asyncio
from collections import deque

from oneprice.ports import Clock
from oneprice.venues.kit import Budget

SHARE = 0.8  # the rest is for whoever else connects from this address


class ConnectBudget:
    """At most SHARE of `budget.weight_max` attempts in any window of `budget.seconds`; first come, first served."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        assert budget.weight_max > 0, "a venue that allows no connection"
        self._clock = clock
        self._window_ns = int(budget.seconds * 1e9)
        self._taken_ns: deque[int] = deque(maxlen=max(1, int(SHARE * budget.weight_max)))
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait until one more attempt is allowed, and take it."""
        async with self._turn:
            while len(self._taken_ns) == self._taken_ns.maxlen:
                free_ns = self._taken_ns[0] + self._window_ns - self._clock.monotonic_ns()
                if free_ns < 0:
                    break
                await self._clock.sleep((free_ns + 1) / 1e9)
            self._taken_ns.append(self._clock.monotonic_ns())


def tightest(budgets: list[Budget]) -> Budget:
    """The budget with the lowest rate: what a venue's markets share when they count by address."""
    return min(budgets, key=lambda budget: budget.weight_max / budget.seconds)
