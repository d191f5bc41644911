"""The faults that `demo --faults` makes, one exchange after the other."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import aiohttp
import msgspec

from oneprice.sim.cluster import SimCluster

FIRST_AFTER_S = 6.0
EVERY_S = 8.0
KINDS = (("drop", 0.0), ("freeze", 5.0), ("half_open", 7.0), ("refuse", 3.0))


class Fault(msgspec.Struct, frozen=True):
    """One fault that was made. `seconds`: how long it lasts, 0 for a blow."""

    at_s: float
    venue: str
    kind: str
    seconds: float

    def words(self) -> str:
        """As the screen shows it."""
        return {
            "refuse": f"fault: {self.venue} drops all its connections, and takes none for {self.seconds:g} s",
            "freeze": f"fault: {self.venue} sends no frames for {self.seconds:g} s, but answers pings",
            "half_open": f"fault: {self.venue} neither reads nor writes for {self.seconds:g} s; sockets stay open",
            "drop": f"fault: {self.venue} drops all its connections",
        }[self.kind]


async def make_faults(cluster: SimCluster, now_s: Callable[[], float], tell: Callable[[Fault, str], None]) -> None:
    """For ever: each exchange gets each kind in turn. `tell` hears of each, with what went wrong with it, if so."""
    await asyncio.sleep(FIRST_AFTER_S)
    for turn in itertools.count():
        venues = list(cluster.exchanges)
        kind, seconds = KINDS[turn % len(KINDS)]
        venue = venues[(turn + turn // len(KINDS)) % len(venues)]
        fault = Fault(round(now_s(), 1), venue, kind, seconds)
        tell(fault, await _make(cluster, fault))
        await asyncio.sleep(EVERY_S)


async def _make(cluster: SimCluster, fault: Fault) -> str:
    try:
        if fault.kind == "refuse":
            await cluster.fault(fault.venue, "drop")
        await cluster.fault(fault.venue, fault.kind, seconds=fault.seconds or None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""
