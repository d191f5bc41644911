"""What other processes may ask of a running trader: `Controlled` over it."""

from __future__ import annotations

import asyncio

import msgspec

from oneprice.trade import telling
from oneprice.trade.control import Answer
from oneprice.trade.trader import Trader


class Steering:
    """`home`: the asset that profit is counted in. `endings`: the orderly ends that were asked for."""

    def __init__(self, trader: Trader, home: str) -> None:
        self._trader, self._home = trader, home
        self._started_ns = trader.desk.clock.monotonic_ns()
        self.endings: list[asyncio.Task[bool]] = []
        self._flattens = False

    def status(self) -> Answer:
        """As `telling.status`, with how long it runs and today's profit."""
        clock = self._trader.desk.clock
        now_ns = clock.monotonic_ns()
        return {
            "running": True,
            "running_s": round((now_ns - self._started_ns) / 1e9, 3),
            "home": self._home,
            "realised_today": str(self._trader.ledger.realised_today(clock.wall_ns())),
            "ending": self._trader.ended,
            **telling.status(self._trader, now_ns),
        }

    def orders(self) -> Answer:
        """Open ones, ours and those of other hands."""
        return {"orders": telling.orders(self._trader)}

    def deals(self, count: int) -> Answer:
        """Open ones, then the last settled."""
        return {"deals": telling.deals(self._trader, count)}

    def pnl(self) -> Answer:
        """At the marks of now, and what is held that was not held at first."""
        told: Answer = msgspec.to_builtins(telling.pnl(self._trader, self._home))
        return {**told, "held": telling.residuals(self._trader, self._home)}

    def stop(self, reason: str) -> Answer:
        """No more entries; deals come to their end, and then the run does."""
        return self._end(reason, flatten=False)

    def flatten(self, reason: str) -> Answer:
        """As `stop`, and what deals hold is closed."""
        return self._end(reason, flatten=True)

    def kill(self, reason: str) -> Answer:
        """At once, and for good."""
        self._trader.kill(reason)
        return {"killed": self._trader.desk.switches.kill}

    def _end(self, reason: str, *, flatten: bool) -> Answer:
        if not self.endings or flatten and not self._flattens:
            self._flattens = flatten
            self.endings.append(asyncio.get_running_loop().create_task(self._trader.stop(reason, flatten=flatten)))
        return {"stopping": reason, "deals_open": len(self._trader.ledger.deals)}
