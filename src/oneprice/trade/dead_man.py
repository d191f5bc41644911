"""Dead man's switches: venues that have one cancel our orders by themselves when we are heard of no more.

Armed and renewed every third of its time. A market that has one switch for all has it armed all the time; one that has
them listing by listing, only where orders of ours rest. What a venue cannot do is asked of it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from oneprice.errors import ExchangeAPIError, NetworkError, NotSupported
from oneprice.model import SymbolInfo
from oneprice.ports import Clock
from oneprice.trade.account import TradingAccount

LOOK_EVERY_S = 0.5
"""An order that comes to rest at a listing without an armed switch is guarded after so long at most."""
RENEWALS_PER_SPAN = 3
AGAIN_AFTER_S = 1.0
"""After a failure."""

Resting = Callable[[str], Collection[SymbolInfo]]
"""The listings of an account where orders of ours rest."""
_Target = SymbolInfo | None


class DeadMan:
    """`alarm` hears a kind and a text when a switch cannot be renewed: at the first failure, and again when it has run
    out, which means that the venue has cancelled our orders. `states`: for people, by account.

    `seconds` 0: none is ever armed.
    """

    def __init__(
        self,
        accounts: Mapping[str, TradingAccount],
        clock: Clock,
        seconds: int,
        alarm: Callable[[str, str], None],
        resting: Resting,
    ) -> None:
        self._seconds = seconds
        self._guards = [_Guard(name, one, clock, seconds, alarm, resting) for name, one in accounts.items()]

    @property
    def states(self) -> dict[str, str]:
        """What stands, in words."""
        return {guard.name: guard.state for guard in self._guards}

    async def run(self) -> None:
        """Renew, for ever. Ending it leaves the switches armed: the venues cancel when their time is up."""
        if not self._seconds:
            return
        tasks = [asyncio.ensure_future(guard.run()) for guard in self._guards]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def disarm(self) -> None:
        """At an orderly end, once `run` has ended and nothing is open. A failure is an alarm, no more."""
        await asyncio.gather(*(guard.disarm() for guard in self._guards))


class _Guard:
    """Of one account. A switch is named by what it covers: a listing, or None for everything."""

    def __init__(
        self,
        name: str,
        account: TradingAccount,
        clock: Clock,
        seconds: int,
        alarm: Callable[[str, str], None],
        resting: Resting,
    ) -> None:
        self.name = name
        self._account, self._clock, self._seconds = account, clock, seconds
        self._alarm, self._resting = alarm, resting
        self._covers_all = True
        self._lacking = ""
        self._armed: dict[_Target, int] = {}  # since when
        self._failing: dict[_Target, _Failure] = {}

    @property
    def state(self) -> str:
        if not self._seconds:
            return "off"
        if self._lacking:
            return f"none: {self._lacking}"
        for failure in self._failing.values():
            return f"failing: {failure.error}"
        if self._armed:
            return "armed"
        return "not armed" if self._covers_all else "armed where orders rest; none does"

    async def run(self) -> None:
        while not self._lacking:
            await self._look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def disarm(self) -> None:
        for target in list(self._armed):
            await self._set(target, 0)

    async def _look(self) -> None:
        """Set what is due, and take back what guards nothing."""
        wanted: Collection[_Target] = (None,) if self._covers_all else self._resting(self.name)
        for target in wanted:
            if self._is_due(target):
                await self._set(target, self._seconds)
        for target in [one for one in self._armed if one not in wanted]:
            if self._ran_out(target):
                del self._armed[target]
                self._failing.pop(target, None)
            elif target not in self._failing or self._is_due(target):
                await self._set(target, 0)

    def _is_due(self, target: _Target) -> bool:
        failure, armed_ns = self._failing.get(target), self._armed.get(target)
        if failure is not None:
            return self._age_s(failure.tried_ns) >= AGAIN_AFTER_S
        return armed_ns is None or self._age_s(armed_ns) >= self._seconds / RENEWALS_PER_SPAN

    def _ran_out(self, target: _Target) -> bool:
        armed_ns = self._armed.get(target)
        return armed_ns is not None and self._age_s(armed_ns) > self._seconds

    def _age_s(self, then_ns: int) -> float:
        return (self._clock.monotonic_ns() - then_ns) / 1e9

    async def _set(self, target: _Target, seconds: int) -> None:
        asked_ns = self._clock.monotonic_ns()
        try:
            await self._account.dead_man(seconds, target)
        except NotSupported as error:
            if target is None:
                self._covers_all = False  # perhaps it has them listing by listing
            else:
                self._lacking = str(error)
        except (NetworkError, ExchangeAPIError) as error:
            self._fails(target, error, asked_ns)
        else:
            self._failing.pop(target, None)
            if seconds:
                self._armed[target] = asked_ns
            else:
                del self._armed[target]

    def _fails(self, target: _Target, error: NetworkError | ExchangeAPIError, asked_ns: int) -> None:
        what = self.name if target is None else str(target.name)
        known = self._failing.get(target)
        told_end = known is not None and known.told_end
        if known is None:
            self._alarm("dead man", f"{what}: the dead man's switch could not be set: {error}")
        if self._ran_out(target) and not told_end:
            told_end = True
            text = f"{what}: the dead man's switch has run out after {self._seconds} s; the venue cancels our orders"
            self._alarm("dead man", text)
        self._failing[target] = _Failure(error=str(error), tried_ns=asked_ns, told_end=told_end)


class _Failure(NamedTuple):
    error: str
    tried_ns: int
    told_end: bool
