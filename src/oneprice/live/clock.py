"""The machine's clocks."""

from __future__ import annotations

import asyncio
import time


class LiveClock:
    """`monotonic_ns` never goes back; `wall_ns` is the system's idea of the time of day."""

    __slots__ = ()

    monotonic_ns = staticmethod(time.monotonic_ns)
    wall_ns = staticmethod(time.time_ns)

    async def sleep(self, seconds: float) -> None:
        """Sleep at least this long; give way once when it is zero or less.

        Timers of uvloop are rounded to milliseconds and may fire early, so the clock decides, not the timer.
        """
        deadline_ns = time.monotonic_ns() + round(seconds * 1e9)
        left_ns = deadline_ns - time.monotonic_ns()
        while True:
            await asyncio.sleep(left_ns / 1e9)
            left_ns = deadline_ns - time.monotonic_ns()
            if left_ns <= 0:
                return
