"""Circuit breakers: what a venue's market may be used for, by how it has behaved lately. No clock and no I/O.

OPEN -> REDUCE_ONLY when a figure is beyond its limit, -> FLAT when that lasts, and back to OPEN once nothing bad has
happened for a while. A figure that hovers at its limit does not make the breaker flutter: each bad answer, within the
limits or not, starts the wait anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from oneprice.trade.settings import BreakerLimits
from oneprice.trade.switches import VenueHealth

MS, SECOND = 1_000_000, 1_000_000_000
LATENCIES_KEPT = 1_000
SLOW_MIN = 2
"""One slow answer is chance, however few there are."""


class Change(NamedTuple):
    """A breaker's new state. `reason` in words and figures."""

    account: str
    health: VenueHealth
    reason: str


class Breakers:
    """One for each of the accounts, VENUE-MARKET names. Times are monotonic nanoseconds. Raises KeyError for others."""

    def __init__(self, limits: BreakerLimits, accounts: Iterable[str]) -> None:
        self._breakers = {account: _Breaker(limits) for account in accounts}

    def note(self, account: str, kind: str, latency_ms: float | None, now_ns: int) -> None:
        """What became of a command: `ok`, `reject`, or anything else for an error: network, unavailable, rate limit,
        `unknown` outcome. `latency_ms` from sending to the answer, None where there was none."""
        self._breakers[account].note(kind, latency_ms, now_ns)

    def stream(self, account: str, complete: bool, now_ns: int) -> None:
        """Whether the account's private stream is complete. Until the first word nothing is concluded."""
        self._breakers[account].stream(complete, now_ns)

    def look(self, now_ns: int) -> list[Change]:
        """What has changed. Call it often: states follow the time, not only the notes."""
        changes = []
        for account, breaker in self._breakers.items():
            reason = breaker.look(now_ns)
            if reason:
                changes.append(Change(account, breaker.health, reason))
        return changes


class _Breaker:
    """Of one account. Of errors and rejects only as many are kept as are needed to see that there are too many."""

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._window_ns = round(limits.window_s * SECOND)
        self._errors: deque[int] = deque(maxlen=limits.errors_max + 1)
        self._rejects: deque[int] = deque(maxlen=limits.rejects_max + 1)
        self._latencies: deque[tuple[int, float]] = deque()
        self._slow = 0  # how many of them are beyond the limit
        self._incomplete_ns: int | None = None
        self._unwell_ns = 0  # the last moment at which something was wrong
        self._reduced_ns = 0  # since when it is not OPEN
        self.health = VenueHealth.OPEN

    def note(self, kind: str, latency_ms: float | None, now_ns: int) -> None:
        if kind == "reject":
            self._rejects.append(now_ns)
        elif kind != "ok":
            self._errors.append(now_ns)
        is_slow = latency_ms is not None and latency_ms > self._limits.latency_ms_p90_max
        if latency_ms is not None:
            if len(self._latencies) == LATENCIES_KEPT:
                self._drop_latency()
            self._latencies.append((now_ns, latency_ms))
            self._slow += is_slow
        if kind != "ok" or is_slow:
            self._unwell_ns = now_ns

    def stream(self, complete: bool, now_ns: int) -> None:
        if not complete:
            if self._incomplete_ns is None:
                self._incomplete_ns = now_ns
        elif self._incomplete_ns is not None:
            self._unwell_ns = now_ns
            self._incomplete_ns = None

    def look(self, now_ns: int) -> str:
        """Why the state is another now; "" when it is not."""
        ill = self._illness(now_ns)
        if ill or self._incomplete_ns is not None:
            self._unwell_ns = now_ns
        if self.health is VenueHealth.OPEN:
            if not ill:
                return ""
            self.health, self._reduced_ns = VenueHealth.REDUCE_ONLY, now_ns
            return ill
        well_s, reduced_s = (now_ns - self._unwell_ns) / SECOND, (now_ns - self._reduced_ns) / SECOND
        if well_s >= self._limits.healthy_s:
            self.health = VenueHealth.OPEN
            return f"well for {well_s:.1f} s; {self._limits.healthy_s:g} are wanted"
        if self.health is VenueHealth.REDUCE_ONLY and reduced_s > self._limits.flat_after_s:
            self.health = VenueHealth.FLAT
            now = ill or f"something went wrong {well_s:.1f} s ago"
            return f"reduce-only for {reduced_s:.1f} s; {self._limits.flat_after_s:g} are allowed. {now}"
        return ""

    def _illness(self, now_ns: int) -> str:
        """The first figure that is beyond its limit, in words; "" when all are within."""
        limits, since_ns = self._limits, now_ns - self._window_ns
        for times, most, words in (
            (self._errors, limits.errors_max, "errors and unknown outcomes"),
            (self._rejects, limits.rejects_max, "rejected orders"),
        ):
            if len(times) > most and times[0] > since_ns:
                return f"more than {most} {words} within {limits.window_s:g} s"
        slow = self._slowness(since_ns)
        if slow:
            return slow
        if self._incomplete_ns is not None:
            stale_ms = (now_ns - self._incomplete_ns) / MS
            if stale_ms > limits.stream_stale_ms_max:
                return f"private stream incomplete for {stale_ms:.0f} ms; {limits.stream_stale_ms_max} are allowed"
        return ""

    def _slowness(self, since_ns: int) -> str:
        """Whether the 90th percentile (nearest rank) of the window's latencies is beyond its limit."""
        latencies = self._latencies
        while latencies and latencies[0][0] <= since_ns:
            self._drop_latency()
        above_p90 = len(latencies) // 10
        if self._slow < SLOW_MIN or self._slow <= above_p90:
            return ""
        p90_ms = sorted(latency_ms for _, latency_ms in latencies)[-1 - above_p90]
        return f"p90 from order to answer is {p90_ms:.0f} ms; {self._limits.latency_ms_p90_max} are allowed"

    def _drop_latency(self) -> None:
        _, latency_ms = self._latencies.popleft()
        self._slow -= latency_ms > self._limits.latency_ms_p90_max
