"""The switches that stop trading, and what a venue's breaker says. Plain values: who turns them writes the journal."""

from __future__ import annotations

from enum import IntEnum


class VenueHealth(IntEnum):
    """What a venue's market may be used for. FLAT: what is held there is being closed."""

    OPEN = 0
    REDUCE_ONLY = 1
    FLAT = 2


class Switches:
    """`armed`: entries may be sent. `kill`: nothing that adds risk is ever sent again in this run. `halt`: why entries
    are stopped, "" when they are not; reducing goes on. It is set by `stop_entries`, for whoever has a reason of their
    own, until each of them lets go. `health` by VENUE-MARKET; what is not there is OPEN."""

    def __init__(self) -> None:
        self.armed = False
        self.kill = ""
        self.halt = ""
        self.health: dict[str, tuple[VenueHealth, str]] = {}
        self._halts: dict[str, str] = {}

    def stop_entries(self, who: str, why: str) -> bool:
        """Whether that is news: they may have been stopped by the same one before, and its first reason stays."""
        if who in self._halts:
            return False
        self._halts[who] = why
        self.halt = self.halt or why
        return True

    def resume_entries(self, who: str) -> bool:
        """This one has no reason any more. Whether entries go on now, which they did not before."""
        if self._halts.pop(who, None) is None:
            return False
        self.halt = next(iter(self._halts.values()), "")
        return not self.halt

    def health_of(self, account: str) -> tuple[VenueHealth, str]:
        """State and reason."""
        return self.health.get(account, (VenueHealth.OPEN, ""))
