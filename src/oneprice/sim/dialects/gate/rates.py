"""Gate's request rates: how many in which window, counted per address or per user, and what is said of them.

A window begins with its first request; what is refused is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.limits import FixedWindows, Quota

__all__ = [
    "DEFAULT_RATE",
    "FUTURES_CANCEL",
    "FUTURES_PLACE",
    "FUTURES_SOCKET",
    "SPOT_CANCEL",
    "SPOT_PLACE",
    "SPOT_SOCKET",
    "WALLET",
    "WITHDRAW",
    "Rate",
    "Rates",
    "TooManyError",
    "quota_headers",
    "too_many",
]


class Rate(msgspec.Struct, frozen=True):
    """So many requests in a window of seconds. Endpoints whose rates have the same name share it."""

    requests: int
    window_s: int
    name: str = ""


DEFAULT_RATE: Final = Rate(200, 10)
SPOT_PLACE: Final = Rate(10, 1, "spot.place")
SPOT_CANCEL: Final = Rate(200, 1, "spot.cancel")
FUTURES_PLACE: Final = Rate(100, 1, "futures.place")
FUTURES_CANCEL: Final = Rate(200, 1, "futures.cancel")
FUTURES_SOCKET: Final = Rate(100, 1, "futures.socket")
SPOT_SOCKET: Final = Rate(10, 1, "spot.socket")
WALLET: Final = Rate(80, 10)
WITHDRAW: Final = Rate(1, 3, "withdraw")


class TooManyError(RefusedError):
    """The rate is used up; `quota` says until when."""

    def __init__(self, path: str, quota: Quota) -> None:
        code = 311 if "futures" in path else 211
        super().__init__("TOO_MANY_REQUESTS", f"Request Rate limit Exceeded ({code})", 429)
        self.quota = quota


def too_many(path: str, now_ns: int) -> TooManyError:
    """The error of a path without its rate having been used (the rate_limit fault)."""
    return TooManyError(path, Quota(False, DEFAULT_RATE.requests, 0, now_ns + DEFAULT_RATE.window_s * 1_000_000_000))


def quota_headers(quota: Quota) -> dict[str, str]:
    """What REST says of a rate; the reset is in seconds."""
    return {
        "X-Gate-RateLimit-Requests-Remain": str(quota.left),
        "X-Gate-RateLimit-Limit": str(quota.limit),
        "X-Gate-RateLimit-Reset-Timestamp": str(-(-quota.resets_ns // 1_000_000_000)),
    }


class Rates:
    """The counters of all rates."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._windows: dict[Rate, FixedWindows] = {}

    def take(self, rate: Rate, who: str, path: str) -> Quota:
        """Count one request of `who`. Raises TooManyError."""
        windows = self._windows.get(rate)
        if windows is None:
            windows = self._windows[rate] = FixedWindows(rate.requests, rate.window_s, self._clock)
        quota = windows.add(who)
        if not quota.is_allowed:
            raise TooManyError(path, quota)
        return quota
