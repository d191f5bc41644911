"""Counters for request weights, orders, messages and connection attempts, and bans, as venues keep them.

`WindowCounter`: windows aligned to the clock, for all keys at once. `FixedWindows`: the window of a key begins with
its first request. `RollingWindows`: the last so many seconds. A key says who and where: an address, or a
(uid, endpoint). All take a clock of nanoseconds; none keeps for long what is over.
"""

from collections import deque
from collections.abc import Callable, Hashable

import msgspec

_SECOND_NS = 1_000_000_000
_KEYS_BEFORE_SWEEP = 1_000


class WindowCounter:
    """Adds up weights per key (an IP address) in windows aligned to the clock, as Binance's are."""

    def __init__(self, limit: int, window_s: int, clock: Callable[[], int]) -> None:
        _check(limit, window_s)
        self.limit = limit
        self.window_s = window_s
        self._clock = clock
        self._window = -1
        self._used: dict[Hashable, int] = {}

    def add(self, key: Hashable, weight: int) -> int:
        """Count `weight` and return what the key has used in the present window."""
        self._turn()
        used = self._used.get(key, 0) + weight
        self._used[key] = used
        return used

    def give_back(self, key: Hashable, weight: int) -> int:
        """Take off `weight`, as a fill does from the unfilled orders; never below 0. Returns what is used."""
        self._turn()
        used = max(0, self._used.get(key, 0) - weight)
        self._used[key] = used
        return used

    def used(self, key: Hashable) -> int:
        """What the key has used in the present window."""
        self._turn()
        return self._used.get(key, 0)

    def retry_after_s(self) -> int:
        """Whole seconds until the window turns, at least 1."""
        now_s = self._clock() / 1e9
        return max(1, int(self.window_s - now_s % self.window_s) + 1)

    def _turn(self) -> None:
        window = self._clock() // (self.window_s * _SECOND_NS)
        if window != self._window:
            self._window = window
            self._used.clear()


class Quota(msgspec.Struct, frozen=True):
    """Where a key stands after a request. `resets_ns`: wall time when it has everything again (fixed windows) or at
    least one more (rolling ones)."""

    is_allowed: bool
    limit: int
    left: int
    resets_ns: int


class FixedWindows:
    """So much per key in a window that begins with the key's first request (Gate). What is refused is not counted."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], int]) -> None:
        _check(limit, window_s)
        self.limit = limit
        self._window_ns = int(window_s * _SECOND_NS)
        self._clock = clock
        self._windows: dict[Hashable, tuple[int, int]] = {}  # key -> when it ends, what is used

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, key: Hashable, weight: int = 1) -> Quota:
        """Count `weight` if it fits, and tell."""
        now_ns = self._clock()
        if len(self._windows) >= _KEYS_BEFORE_SWEEP:
            self._windows = {known: window for known, window in self._windows.items() if now_ns < window[0]}
        ends_ns, used = self._windows.get(key, (0, 0))
        if now_ns >= ends_ns:
            ends_ns, used = now_ns + self._window_ns, 0
        fits = used + weight <= self.limit
        if fits:
            used += weight
        self._windows[key] = (ends_ns, used)
        return Quota(fits, self.limit, self.limit - used, ends_ns)


class RollingWindows:
    """So much per key in the last `window_s` seconds (MEXC). What is refused is not counted."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], int]) -> None:
        _check(limit, window_s)
        self.limit = limit
        self._window_ns = int(window_s * _SECOND_NS)
        self._clock = clock
        self._spent: dict[Hashable, deque[tuple[int, int]]] = {}  # key -> (when, weight), oldest first

    def __len__(self) -> int:
        return len(self._spent)

    def add(self, key: Hashable, weight: int = 1) -> Quota:
        """Count `weight` if it fits, and tell."""
        now_ns = self._clock()
        since_ns = now_ns - self._window_ns
        if len(self._spent) >= _KEYS_BEFORE_SWEEP:
            self._spent = {known: spent for known, spent in self._spent.items() if spent and spent[-1][0] > since_ns}
        spent = self._spent.setdefault(key, deque())
        while spent and spent[0][0] <= since_ns:
            spent.popleft()
        used = sum(one for _, one in spent)
        fits = used + weight <= self.limit
        if fits:
            spent.append((now_ns, weight))
            used += weight
        oldest_ns = spent[0][0] if spent else now_ns
        return Quota(fits, self.limit, self.limit - used, oldest_ns + self._window_ns)


class RollingCounter:
    """Counts events in the last `window_s` seconds; True from `add` means within the limit. Refused ones count too."""

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


class Bans:
    """Until when each client address is shut out. A ban only ever gets longer."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._until_ns: dict[str, int] = {}

    def ban(self, address: str, seconds: float) -> int:
        """Shut an address out from now on for so long; returns until when, in nanoseconds."""
        until_ns = max(self._clock() + int(seconds * _SECOND_NS), self._until_ns.get(address, 0))
        self._until_ns[address] = until_ns
        return until_ns

    def until_ns(self, address: str) -> int | None:
        """When the address is let in again; None when it is."""
        until_ns = self._until_ns.get(address)
        if until_ns is not None and self._clock() >= until_ns:
            del self._until_ns[address]
            return None
        return until_ns

    def left_s(self, address: str) -> int:
        """Whole seconds, rounded up, for which the address stays out: for Retry-After. 0 when it is in."""
        until_ns = self.until_ns(address)
        return 0 if until_ns is None else -((self._clock() - until_ns) // _SECOND_NS)


def _check(limit: int, window_s: float) -> None:
    if limit < 1 or window_s <= 0:
        raise ValueError(f"limit and window must be positive, got {limit} per {window_s} s")
