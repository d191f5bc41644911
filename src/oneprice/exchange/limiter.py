"""All rate limits of one market's requests together: who may leave now, and who waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import IntEnum

from oneprice.errors import InvariantError
from oneprice.exchange.budget import WeightBudget
from oneprice.ports import Clock
from oneprice.venues.kit.contract import Budget, Charge, Priority

PARTS: Mapping[Priority, float] = {
    Priority.CANCEL: 1.0,
    Priority.HEDGE: 0.95,
    Priority.QUERY: 0.9,
    Priority.ORDER: 0.8,
    Priority.DATA: 0.7,
}
"""How much of a budget each priority may fill where there is an account: the rest is there when something more urgent
comes."""

ALL: Mapping[Priority, float] = dict.fromkeys(Priority, 1.0)
"""Without an account nothing is more urgent than anything else."""


class Way(IntEnum):
    """How a command travels. SOCKET: over a websocket that takes any number. POOL: one of the library's connections.
    LINE: one of the order path's."""

    SOCKET = 0
    POOL = 1
    LINE = 2


_NEVER_NS = 1 << 62
_NO_LIMIT = 1 << 62
_PLANS_MAX = 4_096
PAUSE_MAX_NS = 60_000_000_000

Charges = tuple[Charge, ...]


Plan = tuple[tuple[WeightBudget, int, int], ...]
"""Budgets with the weight and how much of each its priority may fill."""


class Leave:
    """What one request holds of the budgets, from its sending until `Limiter.land`."""

    __slots__ = ("charges", "plan", "sent_ns", "way")

    def __init__(self, charges: Charges, plan: Plan, sent_ns: int, way: Way) -> None:
        self.charges, self.plan, self.sent_ns, self.way = charges, plan, sent_ns, way


class TooLong(Exception):
    """Leave would come after the deadline only, or never: the limiter is closed. `wait_ns`: from now, at least."""

    def __init__(self, wait_ns: int) -> None:
        super().__init__(wait_ns)
        self.wait_ns = wait_ns


class _Waiter:
    __slots__ = ("charges", "deadline_ns", "granted", "order", "priority", "way")

    def __init__(self, charges: Charges, priority: Priority, way: Way, order: int, deadline_ns: int) -> None:
        self.charges, self.priority, self.way = charges, priority, way
        self.order, self.deadline_ns = order, deadline_ns
        self.granted: asyncio.Future[Leave] = asyncio.get_running_loop().create_future()


class Limiter:
    """Budgets, and the queue for them: the more urgent first, then first come, first served. Nobody is overtaken by an
    equal that wants the same budget, so a heavy request is not kept waiting for ever by light ones.

    `pool` and `line`: how many requests may be on their way at a time over these; of the line's places one is kept for
    what is more urgent than an order. A request that waits for a place is not signed yet.
    """

    def __init__(
        self,
        budgets: Mapping[str, Budget],
        share: float,
        clock: Clock,
        *,
        pool: int,
        line: int,
        parts: Mapping[Priority, float] = ALL,
    ) -> None:
        self._share, self._clock, self._parts = share, clock, parts
        self._places = [_NO_LIMIT, pool, line]  # by Way
        self._kept = 1 if line > 1 else 0
        self._budgets: dict[str, WeightBudget] = {}
        self._families: dict[str, Budget] = {}
        self._orders_draw_on: dict[str, WeightBudget] = {}
        self._plans: dict[tuple[Charges, Priority], Plan] = {}
        self._waiters: list[_Waiter] = []
        self._arrived = 0
        self._alarms: set[asyncio.Task[None]] = set()
        self._alarm_ns = _NEVER_NS
        self.still_until_ns = 0
        self.is_closed = False
        self.add(budgets)

    def add(self, budgets: Mapping[str, Budget]) -> None:
        """Further budgets. One that is there stays as it is."""
        for name, budget in budgets.items():
            if name.endswith(":*"):
                self._families[name[:-2]] = budget
            elif name not in self._budgets:
                self._budgets[name] = WeightBudget(budget, self._share)

    def _one_of_a_family(self, name: str) -> WeightBudget | None:
        """The budget `orders:BTC_USDT` where there is one named `orders:*`, made on its first use."""
        pattern = self._families.get(name.partition(":")[0])
        if pattern is None:
            return None
        found = self._budgets[name] = WeightBudget(pattern, self._share)
        return found

    def require(self, charges: Charges, who: str) -> None:
        """Raises InvariantError for a request that its venue's own budgets do not allow for."""
        for name, weight in charges:
            budget = self._budgets.get(name) or self._one_of_a_family(name)
            if budget is None or weight > budget.weight_max:
                known = {name: budget.weight_max for name, budget in self._budgets.items()}
                raise InvariantError(f"{who} costs {weight} of {name!r}; budgets are {known}")

    def _plan(self, charges: Charges, priority: Priority, who: str) -> Plan:
        """Raises as `require`."""
        self.require(charges, who)
        part = self._parts[priority]
        plan = tuple(
            (budget, weight, max(weight, int(budget.usable * part)))
            for budget, weight in ((self._budgets[name], weight) for name, weight in charges)
        )
        if priority is Priority.ORDER:
            self._orders_draw_on.update((name, self._budgets[name]) for name, _ in charges)
        if len(self._plans) >= _PLANS_MAX:
            self._plans.clear()
        self._plans[charges, priority] = plan
        return plan

    def take(self, charges: Charges, priority: Priority, way: Way, who: str) -> Leave | None:
        """Leave at once, or None: also once closed. `who` wants it, for the message. Raises InvariantError for charges
        that the venue's own budgets do not allow for."""
        plan = self._plans.get((charges, priority)) or self._plan(charges, priority, who)
        if self._waiters and any(one.priority <= priority and _meet(one.charges, charges) for one in self._waiters):
            return None
        now_ns = self._clock.monotonic_ns()
        if self.is_closed or now_ns < self.still_until_ns or not self._has_place(priority, way):
            return None
        for place, (budget, weight, usable) in enumerate(plan):
            if not budget.take(weight, now_ns, usable):
                for taken, held, _ in plan[:place]:
                    taken.give_back(held)
                return None
        self._places[way] -= 1
        return Leave(charges, plan, now_ns, way)

    def rehearse(self, charges: Charges, priority: Priority, way: Way, who: str) -> None:
        """`take`, and give all of it back: nothing is sent for it. Raises InvariantError as `take`."""
        leave = self.take(charges, priority, way, who)
        if leave is not None:
            for budget, weight, _ in leave.plan:
                budget.give_back(weight)
            self._places[way] += 1

    def _has_place(self, priority: Priority, way: Way) -> bool:
        kept = self._kept if way is Way.LINE and priority >= Priority.ORDER else 0
        return self._places[way] > kept

    async def wait(self, charges: Charges, priority: Priority, way: Way, deadline_ns: int) -> Leave:
        """Leave, as soon as there is. Raises TooLong, as soon as that is clear: at once when closed."""
        if self.is_closed:
            raise TooLong(1)
        self._arrived += 1
        waiter = _Waiter(charges, priority, way, self._arrived, deadline_ns)
        self._waiters.append(waiter)
        self._waiters.sort(key=lambda one: (one.priority, one.order))
        self._serve()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.exception() is None:
                self.land(waiter.granted.result())  # it came as the caller was leaving
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                self._serve()

    def room(self) -> float:
        """The part that is free now of the tightest budget that orders have ever drawn on, 0 to 1; 0 while nothing may
        be sent, 1 before the first order."""
        now_ns = self._clock.monotonic_ns()
        if self.is_closed or now_ns < self.still_until_ns:
            return 0.0
        free = [
            0.0 if now_ns < budget.blocked_until_ns else 1.0 - budget.used(now_ns) / budget.usable
            for budget in self._orders_draw_on.values()
        ]
        return max(0.0, min(free, default=1.0))

    def longest_wait_ns(self) -> int:
        """How long the last of those that wait will still do so, as far as the budgets tell."""
        now_ns = self._clock.monotonic_ns()
        return max((self._ready_ns(one.charges, one.priority, now_ns) - now_ns for one in self._waiters), default=0)

    def land(self, leave: Leave) -> int:
        """The answer is here, or will not come. Gives the monotonic time of now."""
        now_ns = self._clock.monotonic_ns()
        for budget, weight, _ in leave.plan:
            budget.land(weight, now_ns)
        self._places[leave.way] += 1
        if self._waiters:
            self._serve()
        return now_ns

    def hear(self, used: Mapping[str, int], leave: Leave, now_ns: int) -> None:
        """The venue's own figures, with the answer to a request that has landed."""
        for name, weight in used.items():
            budget = self._budgets.get(name)
            if budget is not None:
                budget.hear(weight, leave.sent_ns, now_ns)

    def block(self, charges: Charges, now_ns: int, for_ns: int | None = None) -> None:
        """The venue said too many: these budgets pause for so long. Where it did not say how long, for a whole window,
        or for `PAUSE_MAX_NS` where that is shorter: which budget it meant is not told, and one may be that of a day."""
        for name, _ in charges:
            budget = self._budgets[name]
            budget.block(now_ns + (min(budget.window_ns, PAUSE_MAX_NS) if for_ns is None else for_ns))

    def close(self) -> None:
        """Nobody leaves any more; who waits gets TooLong now."""
        self.is_closed = True
        for alarm in self._alarms:
            alarm.cancel()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.granted.done():
                waiter.granted.set_exception(TooLong(1))

    # ---- inside

    def _ready_ns(self, charges: Charges, priority: Priority, now_ns: int) -> int:
        """When leave is possible as far as the budgets tell."""
        ready_ns = max(now_ns, self.still_until_ns)
        part = self._parts[priority]
        for name, weight in charges:
            ready_ns = max(ready_ns, self._budgets[name].ready_ns(weight, now_ns, part))
        return ready_ns

    def _grant(self, waiter: _Waiter, now_ns: int) -> Leave:
        plan = self._plans.get((waiter.charges, waiter.priority)) or self._plan(
            waiter.charges, waiter.priority, "a waiter"
        )
        self._places[waiter.way] -= 1
        for budget, weight, _ in plan:
            budget.send(weight)
        return Leave(waiter.charges, plan, now_ns, waiter.way)

    def _serve(self) -> None:
        """Let go whoever may, in order; then see to it that somebody looks again in time."""
        now_ns = self._clock.monotonic_ns()
        look_again_ns = _NEVER_NS
        taken: set[str] = set()
        for waiter in list(self._waiters):
            if waiter.granted.done():
                continue
            ready_ns = self._ready_ns(waiter.charges, waiter.priority, now_ns)
            is_first = taken.isdisjoint(name for name, _ in waiter.charges)
            if is_first and ready_ns <= now_ns and self._has_place(waiter.priority, waiter.way):
                waiter.granted.set_result(self._grant(waiter, now_ns))
            elif ready_ns > waiter.deadline_ns or now_ns > waiter.deadline_ns:
                waiter.granted.set_exception(TooLong(max(1, ready_ns - now_ns)))
            else:
                if not is_first or ready_ns > now_ns:  # who waits for a place alone holds up no budget
                    taken.update(name for name, _ in waiter.charges)
                wake_ns = ready_ns if is_first and ready_ns > now_ns else _NEVER_NS
                look_again_ns = min(look_again_ns, wake_ns, waiter.deadline_ns + 1)
                continue
            self._waiters.remove(waiter)
        if look_again_ns < min(self._alarm_ns, _NEVER_NS):
            self._alarm_ns = look_again_ns
            alarm = asyncio.ensure_future(self._look_again(look_again_ns, now_ns))
            self._alarms.add(alarm)
            alarm.add_done_callback(self._alarms.discard)

    async def _look_again(self, at_ns: int, now_ns: int) -> None:
        await self._clock.sleep(max(1, at_ns - now_ns) / 1e9)
        if self._alarm_ns == at_ns:
            self._alarm_ns = _NEVER_NS
        self._serve()


def _meet(some: Charges, others: Charges) -> bool:
    """Whether they draw on a common budget."""
    names = {name for name, _ in some}
    return any(name in names for name, _ in others)
