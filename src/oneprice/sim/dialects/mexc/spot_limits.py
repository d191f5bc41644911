"""MEXC's spot rate limits: weights of an address and of an account, orders a second, and bans.

The stricter of the two documented limits holds, with its weights: 300 weight in 10 s for an address, 500 for an
account, and one bucket of 12 a second for all that places and cancels. Above them HTTP 429 with Retry-After; who goes
on regardless is banned with HTTP 418 for two minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web

from oneprice.sim.dialects.mexc.refusals import banned, too_many
from oneprice.sim.limits import WindowCounter

__all__ = ["BAN_S", "SpotLimits"]

WEIGHT_PER_WINDOW: Final = 300
ACCOUNT_WEIGHT_PER_WINDOW: Final = 500
WINDOW_S: Final = 10
BAN_AFTER_WEIGHT: Final = 2 * WEIGHT_PER_WINDOW
BAN_AFTER_REFUSALS: Final = 30
BAN_S: Final = 120


class SpotLimits:
    """Counts requests. Each `check` returns the refusal to answer with, or None."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._addresses = WindowCounter(WEIGHT_PER_WINDOW, WINDOW_S, clock)
        self._accounts = WindowCounter(ACCOUNT_WEIGHT_PER_WINDOW, WINDOW_S, clock)
        self._ignored = WindowCounter(BAN_AFTER_REFUSALS, WINDOW_S, clock)
        self._banned_until_ns: dict[str, int] = {}
        self.orders = WindowCounter(12, 1, clock)
        self.batches = WindowCounter(2, 1, clock)
        self.accounts_read = WindowCounter(2, 1, clock)

    def check_address(self, address: str, weight: int) -> web.Response | None:
        """Count a request of an address."""
        now_ns = self._clock()
        banned_until = self._banned_until_ns.get(address, 0)
        if now_ns < banned_until:
            return banned(-(-(banned_until - now_ns) // 1_000_000_000))
        used = self._addresses.add(address, weight)
        if used > BAN_AFTER_WEIGHT:
            return self._ban(address)
        if used > WEIGHT_PER_WINDOW:
            return self._refuse(address, self._addresses)
        return None

    def check_account(
        self, address: str, uid: int, weight: int, counters: Iterable[WindowCounter]
    ) -> web.Response | None:
        """Count a request of an account, in its weights and in the counters of the endpoint."""
        if self._accounts.add(str(uid), weight) > ACCOUNT_WEIGHT_PER_WINDOW:
            return self._refuse(address, self._accounts)
        for counter in counters:
            if counter.add(str(uid), 1) > counter.limit:
                return self._refuse(address, counter)
        return None

    def _refuse(self, address: str, counter: WindowCounter) -> web.Response:
        if self._ignored.add(address, 1) > BAN_AFTER_REFUSALS:
            return self._ban(address)
        return too_many(counter.retry_after_s())

    def _ban(self, address: str) -> web.Response:
        now_ns = self._clock()
        bans = {known: until for known, until in self._banned_until_ns.items() if until > now_ns}
        self._banned_until_ns = bans | {address: now_ns + BAN_S * 1_000_000_000}
        return banned(BAN_S)
