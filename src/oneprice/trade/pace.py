"""What gates must remember: how many entries and quotes left within a minute, and which listings rest after a deal."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from oneprice.trade.settings import RiskLimits

MS = 1_000_000
MINUTE_NS = 60_000 * MS
GROUPS_MAX = 4_096


class Rest(NamedTuple):
    """The listings of a deal that is over, and until when they rest (monotonic)."""

    listings: frozenset[str]
    until_ns: int
    lost: bool


class Minute:
    """What has left within a minute: times (monotonic), never earlier than those before."""

    __slots__ = ("_sent_ns",)

    def __init__(self) -> None:
        self._sent_ns: deque[int] = deque()

    def add(self, count: int, now_ns: int) -> None:
        """So many leave now."""
        self.count(now_ns)
        self._sent_ns.extend([now_ns] * count)

    def count(self, now_ns: int) -> int:
        """How many have."""
        sent_ns = self._sent_ns
        while sent_ns and now_ns - sent_ns[0] >= MINUTE_NS:
            sent_ns.popleft()
        return len(sent_ns)


class Pace:
    """Changed by `Gates.sent`, `Gates.deal_over` and `Gates.remember` alone."""

    def __init__(self, limits: RiskLimits) -> None:
        self._limits = limits
        self.entries, self.quotes = Minute(), Minute()
        self._rests: dict[str, list[Rest]] = {}

    @property
    def longest_rest_ns(self) -> int:
        """Deals that have ended before that have no listing rest any more."""
        return max(self._limits.cooldown_ms, self._limits.cooldown_after_loss_ms) * MS

    def deal_over(self, group: str, listings: Collection[str], net: Decimal, now_ns: int) -> None:
        """Let its listings rest; longer when it lost."""
        lost = net < 0
        pause_ms = self._limits.cooldown_after_loss_ms if lost else self._limits.cooldown_ms
        resting = [rest for rest in self._rests.pop(group, []) if rest.until_ns > now_ns]
        resting.append(Rest(frozenset(listings), now_ns + pause_ms * MS, lost))
        self._rests[group] = resting
        if len(self._rests) > GROUPS_MAX:
            self._rests = {name: rests for name, rests in self._rests.items() if rests[-1].until_ns > now_ns}

    def has_rests(self, group: str) -> bool:
        """Whether there may be any."""
        return group in self._rests

    def resting(self, group: str, listings: Collection[str], now_ns: int) -> Rest | None:
        """The longest rest that these listings are in: they are all of a deal's, or some of them, or have them all."""
        wanted, rests = frozenset(listings), self._rests.get(group, [])
        found = [one for one in rests if one.until_ns > now_ns and (wanted <= one.listings or one.listings <= wanted)]
        return max(found, key=lambda one: one.until_ns, default=None)
