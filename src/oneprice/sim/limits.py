"""Counters for request weights, message rates and connection attempts, as venues keep them."""

from collections import deque
from collections.abc import Callable


class WindowCounter:
    """Adds up weights per key (an IP address) in windows aligned to the clock, as request weights are."""

    def __init__(self, limit: int, window_s: int, clock: Callable[[], int]) -> None:
        if limit < 1 or window_s < 1:
            raise ValueError(f"limit and window must be positive, got {limit} per {window_s} s")
        self.limit = limit
        self.window_s = window_s
        self._clock = clock
        self._window = -1
        self._used: dict[str, int] = {}

    def add(self, key: str, weight: int) -> int:
        """Count `weight` and return what the key has used in the present window."""
        self._turn()
        used = self._used.get(key, 0) + weight
        self._used[key] = used
        return used

    def used(self, key: str) -> int:
        """What the key has used in the present window."""
        self._turn()
        return self._used.get(key, 0)

    def retry_after_s(self) -> int:
        """Whole seconds until the window turns, at least 1."""
        now_s = self._clock() / 1e9
        return max(1, int(self.window_s - now_s % self.window_s) + 1)

    def _turn(self) -> None:
        window = self._clock() // (self.window_s * 1_000_000_000)
        if window != self._window:
            self._window = window
            self._used.clear()


class RollingCounter:
    """Counts events in the last `window_s` seconds; True from `add` means within the limit."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], int]) -> None:
        self.limit = limit
        self._window_ns = int(window_s * 1e9)
        self._clock = clock
        self._times: deque[int] = deque(maxlen=limit + 1)

    def add(self) -> bool:
        """Count an event now."""
        now = self._clock()
        self._times.append(now)
        while self._times and self._times[0] <= now - self._window_ns:
            self._times.popleft()
        return len(self._times) <= self.limit
