"""Walks the way of the last plan again and again while nothing happens, so that the next one meets warm caches.

A processor forgets: a few milliseconds after an order the same code takes two to three times as long as right after it.
Where the loop polls without sleeping, the time for it is there. Nothing of a rehearsal is written, counted or sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from oneprice.errors import NotSupported
from oneprice.market.opportunities import Standing
from oneprice.model import NewOrder
from oneprice.model.deals import Plan
from oneprice.ports import Clock
from oneprice.trade.approved import ApprovedPlan
from oneprice.trade.gates import Gates
from oneprice.trade.sender import Sender
from oneprice.trade.strategies import Strategy

STEP_EVERY_NS = 150_000
"""Between two steps, each of which takes 20 to 60 us: a frame that comes meanwhile waits for one step, not for all."""

Command = Callable[[str, NewOrder], None]
"""Does for an order at an account what is done before its bytes leave."""


class Rehearsal:
    """`saw` remembers a plan that was sent; from `start` to `stop` its way is walked in steps. Keeps the loop busy."""

    def __init__(self, gates: Gates, sender: Sender, command: Command, clock: Clock) -> None:
        self._gates, self._sender, self._command, self._clock = gates, sender, command, clock
        self._seen: tuple[Strategy, Standing, Plan] | None = None
        self._approved: ApprovedPlan | None = None
        self._orders: Sequence[tuple[str, NewOrder, bool]] = ()
        self._place, self._next_ns = 0, 0
        self._handle: asyncio.Handle | None = None
        self.rounds = 0

    def saw(self, strategy: Strategy, standing: Standing, plan: Plan, now_ns: int) -> None:
        """A plan has just been sent: it is the one to rehearse from now on."""
        self._seen, self._place, self._next_ns = (strategy, standing, plan), 0, now_ns + STEP_EVERY_NS

    def start(self) -> None:
        """In the running loop."""
        self._handle = asyncio.get_running_loop().call_soon(self._turn)

    def stop(self) -> None:
        """Harmless when repeated."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _turn(self) -> None:
        self._handle = asyncio.get_running_loop().call_soon(self._turn)
        if self._seen is not None:
            now_ns = self._clock.monotonic_ns()
            if now_ns >= self._next_ns:
                self._next_ns = now_ns + STEP_EVERY_NS
                self._step(self._seen, now_ns)

    def _step(self, seen: tuple[Strategy, Standing, Plan], now_ns: int) -> None:
        """One more part of the way: decide, gates, records, then each leg's command."""
        strategy, standing, plan = seen
        place, self._place = self._place, self._place + 1
        if place == 0:
            strategy.on_opportunity(standing, now_ns)
        elif place == 1:
            told = self._gates.approve(msgspec.structs.replace(plan, made_ns=now_ns), now_ns)
            self._approved = told if isinstance(told, ApprovedPlan) else None
        elif place == 2:
            self._orders = () if self._approved is None else self._sender.rehearse(self._approved)
            self._approved = None
        elif place - 3 < len(self._orders):
            account, order, _ = self._orders[place - 3]
            try:
                self._command(account, order)
            except NotSupported:  # it was refused when it was meant, too
                self._seen = None
        else:
            self._place = 0
            self.rounds += 1
