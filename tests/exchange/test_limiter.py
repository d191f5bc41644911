"""Who may leave when: the more urgent first, nobody overtaken by an equal, and never above a venue's limit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.conftest import SECOND_NS, VirtualClock

from oneprice.errors import InvariantError
from oneprice.exchange.limiter import PARTS, Leave, Limiter, TooLong, Way
from oneprice.venues.kit.contract import Budget, Charge, Priority

CANCEL, HEDGE, QUERY, ORDER, DATA = Priority
FAR_NS = 1 << 60


def charges(*parts: tuple[str, int]) -> tuple[Charge, ...]:
    return tuple(Charge(*part) for part in parts)


def way_of(priority: Priority) -> Way:
    return Way.POOL if priority in (QUERY, DATA) else Way.SOCKET


ONE = charges(("orders", 1))


class Desk:
    """A limiter under a virtual clock. `asked` notes who was let go, in their order."""

    def __init__(self, budgets: dict[str, Budget], pool: int = 100, line: int = 4) -> None:
        self.clock = VirtualClock()
        self.limiter = Limiter(budgets, 1.0, self.clock, pool=pool, line=line, parts=PARTS)
        self.log: list[tuple[str, float]] = []
        self._began_ns = self.clock.now_ns

    @property
    def now_s(self) -> float:
        return (self.clock.now_ns - self._began_ns) / 1e9

    async def ask(
        self,
        name: str,
        cost: tuple[Charge, ...],
        priority: Priority,
        *,
        hold_s: float = 0.0,
        within_ns: int = FAR_NS,
        way: Way | None = None,
    ) -> Leave:
        way = way_of(priority) if way is None else way
        leave = self.limiter.take(cost, priority, way, name)
        if leave is None:
            leave = await self.limiter.wait(cost, priority, way, self.clock.now_ns + within_ns)
        self.log.append((name, self.now_s))
        if hold_s:
            await self.clock.sleep(hold_s)
        self.limiter.land(leave)
        return leave

    async def run(self, *work: Coroutine[object, object, object]) -> None:
        await self.clock.run(asyncio.gather(*work))

    def fill(self, name: str, weight: int) -> Leave:
        """Use up part of a budget, past every priority's share."""
        leave = self.take(charges((name, weight)))
        assert leave is not None
        return leave

    def take(self, cost: tuple[Charge, ...], priority: Priority = CANCEL) -> Leave | None:
        """Leave at once, or none."""
        return self.limiter.take(cost, priority, way_of(priority), "the test")

    @property
    def order(self) -> list[str]:
        return [name for name, _ in self.log]


def orders(weight: int = 10, seconds: float = 1.0, **more: Budget) -> Desk:
    return Desk({"orders": Budget(weight, seconds), **more})


# ---- turns


async def test_the_more_urgent_go_first_whenever_they_came() -> None:
    desk = orders(1)
    desk.limiter.land(desk.fill("orders", 1))
    names = {"data": DATA, "order": ORDER, "query": QUERY, "hedge": HEDGE, "cancel": CANCEL}
    await desk.run(*(desk.ask(name, ONE, priority) for name, priority in names.items()))
    assert desk.log == [("cancel", 1.0), ("hedge", 2.0), ("query", 3.0), ("order", 4.0), ("data", 5.0)]


async def test_equals_are_served_in_the_order_in_which_they_came() -> None:
    desk = orders(1)
    await desk.run(*(desk.ask(str(number), ONE, ORDER) for number in range(5)))
    assert desk.order == ["0", "1", "2", "3", "4"]


async def test_a_heavy_request_is_not_kept_waiting_by_light_ones() -> None:
    desk = orders(10)
    desk.limiter.land(desk.fill("orders", 5))
    heavy = charges(("orders", 8))
    await desk.run(desk.ask("heavy", heavy, ORDER), *(desk.ask(f"light {n}", ONE, ORDER) for n in range(3)))
    assert desk.order[0] == "heavy"


async def test_who_waits_for_one_budget_does_not_hold_up_another() -> None:
    desk = orders(1, other=Budget(1, 1.0))
    desk.limiter.land(desk.fill("orders", 1))
    await desk.run(desk.ask("waits", ONE, CANCEL), desk.ask("goes", charges(("other", 1)), DATA))
    assert desk.log == [("goes", 0.0), ("waits", 1.0)]


async def test_who_waits_for_two_budgets_is_overtaken_in_neither() -> None:
    desk = orders(1, other=Budget(1, 1.0))
    desk.limiter.land(desk.fill("orders", 1))
    both = charges(("orders", 1), ("other", 1))
    await desk.run(desk.ask("both", both, ORDER), desk.ask("other", charges(("other", 1)), ORDER))
    assert desk.log == [("both", 1.0), ("other", 2.0)]


async def test_a_part_of_every_budget_is_left_for_what_is_more_urgent() -> None:
    desk = orders(100)
    taken = {}
    for priority in (DATA, ORDER, QUERY, HEDGE, CANCEL):
        taken[priority] = sum(desk.take(ONE, priority) is not None for _ in range(100))
    assert taken == {DATA: 70, ORDER: 10, QUERY: 10, HEDGE: 5, CANCEL: 5}


async def test_a_query_that_waits_for_a_place_does_not_hold_up_an_order() -> None:
    desk = Desk({"orders": Budget(100, 1.0)}, pool=1)
    await desk.run(
        desk.ask("first query", ONE, QUERY, hold_s=9.0),
        desk.ask("second query", ONE, QUERY),
        desk.ask("order", ONE, ORDER),
        desk.ask("cancel", ONE, CANCEL),
    )
    assert desk.log == [("first query", 0.0), ("order", 0.0), ("cancel", 0.0), ("second query", 9.0)]


async def test_a_query_that_waits_for_a_place_and_a_budget_is_not_overtaken_in_the_budget() -> None:
    desk = Desk({"orders": Budget(1, 1.0)}, pool=1)
    free = charges(("free", 1))
    desk.limiter.add({"free": Budget(100, 1.0)})
    desk.limiter.land(desk.fill("orders", 1))
    await desk.run(
        desk.ask("long", free, QUERY, hold_s=0.5), desk.ask("query", ONE, QUERY), desk.ask("order", ONE, ORDER)
    )
    assert desk.log == [("long", 0.0), ("query", 1.0), ("order", 2.0)]


async def test_places_come_back_when_requests_land() -> None:
    desk = Desk({"orders": Budget(100, 1.0)}, pool=2)
    await desk.run(*(desk.ask(str(number), ONE, DATA, hold_s=1.0) for number in range(5)))
    assert [when for _, when in desk.log] == [0.0, 0.0, 1.0, 1.0, 2.0]


async def test_the_last_place_of_the_order_path_is_kept_for_what_is_more_urgent_than_an_order() -> None:
    desk = Desk({"orders": Budget(100, 1.0)}, line=2)
    await desk.run(
        desk.ask("order", ONE, ORDER, hold_s=5.0, way=Way.LINE),
        desk.ask("second order", ONE, ORDER, way=Way.LINE),
        desk.ask("cancel", ONE, CANCEL, hold_s=1.0, way=Way.LINE),
        desk.ask("hedge", ONE, HEDGE, way=Way.LINE),
    )
    assert desk.log == [("order", 0.0), ("cancel", 0.0), ("hedge", 1.0), ("second order", 5.0)]


# ---- families and plans


async def test_a_family_has_a_budget_for_each_name() -> None:
    desk = Desk({"orders:*": Budget(1, 1.0)})
    bitcoin, ether = charges(("orders:BTC", 1)), charges(("orders:ETH", 1))
    await desk.run(
        desk.ask("btc", bitcoin, CANCEL), desk.ask("btc again", bitcoin, CANCEL), desk.ask("eth", ether, DATA)
    )
    assert desk.log == [("btc", 0.0), ("eth", 0.0), ("btc again", 1.0)]


@pytest.mark.parametrize("name", ["order", "order:BTC", "prices"])
async def test_a_budget_that_the_venue_does_not_have_is_named(name: str) -> None:
    desk = Desk({"orders:*": Budget(1, 1.0)})
    with pytest.raises(InvariantError, match=f"GET /x costs 1 of '{name}'"):
        desk.limiter.take(charges((name, 1)), DATA, Way.POOL, "GET /x")


async def test_a_request_heavier_than_its_budget_is_an_error_and_not_an_endless_wait() -> None:
    desk = orders(10)
    with pytest.raises(InvariantError, match="costs 11 of 'orders'"):
        desk.limiter.take(charges(("orders", 11)), CANCEL, Way.LINE, "POST /batch")


async def test_what_does_not_fit_whole_takes_nothing_of_any_budget() -> None:
    desk = orders(10, narrow=Budget(1, 1.0))
    desk.fill("narrow", 1)
    both = charges(("orders", 4), ("narrow", 1))
    assert [desk.take(both) for _ in range(5)] == [None] * 5
    assert desk.take(charges(("orders", 10))) is not None


async def test_thousands_of_kinds_of_requests_cost_right() -> None:
    desk = Desk({"orders:*": Budget(2, 1.0)})
    for number in range(5_000):
        assert desk.take(charges((f"orders:{number}", 2))) is not None
        assert desk.take(charges((f"orders:{number}", 1))) is None


# ---- waiting in vain, and leaving


async def test_who_would_come_too_late_hears_at_once_by_how_much() -> None:
    desk = orders(1, 10.0)
    desk.limiter.land(desk.fill("orders", 1))
    with pytest.raises(TooLong) as late:
        await desk.run(desk.ask("order", ONE, ORDER, within_ns=5 * SECOND_NS))
    assert desk.now_s == 0
    assert late.value.wait_ns == 10 * SECOND_NS


async def test_who_waits_for_a_landing_waits_until_the_deadline() -> None:
    desk = Desk({"orders": Budget(100, 1.0)}, pool=1)

    async def in_vain() -> None:
        with pytest.raises(TooLong):
            await desk.ask("second", ONE, DATA, within_ns=2 * SECOND_NS)
        assert desk.now_s == pytest.approx(2.0, abs=1e-6)

    await desk.run(desk.ask("first", ONE, DATA, hold_s=60.0), in_vain())


async def test_who_gives_up_lets_the_next_one_go() -> None:
    desk = orders(10)
    desk.limiter.land(desk.fill("orders", 5))
    heavy = asyncio.ensure_future(desk.ask("heavy", charges(("orders", 8)), ORDER))
    light = asyncio.ensure_future(desk.ask("light", ONE, ORDER))
    await asyncio.sleep(0)
    assert not light.done()
    heavy.cancel()
    await desk.run(asyncio.wait_for(light, None))
    assert desk.log == [("light", 0.0)]


async def test_leave_that_came_as_its_owner_was_leaving_is_given_back() -> None:
    desk = orders(10, 1.0)
    flying = desk.fill("orders", 10)
    waiter = asyncio.ensure_future(desk.ask("leaving", charges(("orders", 10)), CANCEL))
    await asyncio.sleep(0)
    desk.limiter.land(flying)
    desk.clock.now_ns += SECOND_NS
    desk.limiter._serve()  # lets the waiter go
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    desk.clock.now_ns += SECOND_NS
    assert desk.take(charges(("orders", 10))) is not None


async def test_closing_sends_everybody_home() -> None:
    desk = orders(1)
    desk.fill("orders", 1)
    waiting = [asyncio.ensure_future(desk.ask(str(n), ONE, ORDER)) for n in range(3)]
    await asyncio.sleep(0)
    desk.limiter.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [TooLong] * 3
    await asyncio.sleep(0)
    assert not desk.limiter._alarms


async def test_once_closed_nobody_leaves_though_there_is_room() -> None:
    desk = orders(100)
    desk.limiter.close()
    assert desk.take(ONE) is None
    with pytest.raises(TooLong):
        await desk.limiter.wait(ONE, CANCEL, Way.SOCKET, FAR_NS)
    assert not desk.limiter._waiters


async def test_nothing_leaves_while_the_venue_wants_silence() -> None:
    desk = orders(100)
    desk.limiter.still_until_ns = desk.clock.now_ns + 7 * SECOND_NS
    assert desk.take(ONE) is None
    await desk.run(desk.ask("cancel", ONE, CANCEL), desk.ask("data", ONE, DATA))
    assert desk.log == [("cancel", 7.0), ("data", 7.0)]


async def test_a_refusal_without_a_time_pauses_the_budgets_for_a_window() -> None:
    desk = orders(100, 3.0, other=Budget(5, 1.0))
    desk.limiter.block(ONE, desk.clock.now_ns)
    await desk.run(desk.ask("order", ONE, CANCEL), desk.ask("other", charges(("other", 1)), DATA))
    assert desk.log == [("other", 0.0), ("order", 3.0)]


# ---- in general


class Job(NamedTuple):
    """A request: when it comes and how long its answer takes (ms), its priority and what it costs."""

    at_ms: int
    takes_ms: int
    priority: Priority
    cost: tuple[Charge, ...]


costs = st.sampled_from(
    [
        charges(*parts)
        for parts in ([("a", 1)], [("a", 4)], [("b", 1)], [("b", 3)], [("a", 1), ("b", 1)], [("a", 7), ("b", 2)])
    ]
)
jobs = st.lists(
    st.builds(Job, st.integers(0, 1_500), st.integers(0, 900), st.sampled_from(list(Priority)), costs), max_size=25
)


def play(work: list[Job], budgets: dict[str, Budget]) -> list[tuple[Job, int, int]]:
    """Each job with the moments (ns) when it was let go and when it landed, in the order of the former."""
    done: list[tuple[Job, int, int]] = []

    async def main() -> None:
        desk = Desk(budgets)
        clock, began_ns = desk.clock, desk.clock.now_ns

        async def one(job: Job) -> None:
            if job.at_ms:
                await clock.sleep(job.at_ms / 1e3)
            leave = desk.take(job.cost, job.priority)
            if leave is None:
                leave = await desk.limiter.wait(job.cost, job.priority, way_of(job.priority), clock.now_ns + FAR_NS)
            place = len(done)
            done.append((job, clock.now_ns - began_ns, 0))
            if job.takes_ms:
                await clock.sleep(job.takes_ms / 1e3)
            desk.limiter.land(leave)
            done[place] = (job, done[place][1], clock.now_ns - began_ns)

        await desk.run(*(one(job) for job in work))

    asyncio.run(main())
    return done


@settings(max_examples=150)
@given(jobs)
def test_no_window_of_any_budget_ever_holds_more_than_its_maximum(work: list[Job]) -> None:
    budgets = {"a": Budget(10, 1.0), "b": Budget(4, 0.5)}
    done = play(work, budgets)
    assert len(done) == len(work)  # nobody waits for ever
    for name, budget in budgets.items():
        for moment in (1, 2):  # the venue counts a request when it leaves, or when it is answered
            counted = [(row[moment], weight) for row in done for which, weight in row[0].cost if which == name]
            for end, _ in counted:
                held = sum(weight for at, weight in counted if end - budget.seconds * 1e9 < at <= end)
                assert held <= budget.weight_max


@settings(max_examples=150)
@given(jobs)
def test_nobody_is_let_go_before_one_who_came_earlier_and_is_no_less_urgent(work: list[Job]) -> None:
    done = play(work, {"a": Budget(10, 1.0), "b": Budget(4, 0.5)})
    for job, at_ns, _ in done:
        names = {name for name, _ in job.cost}
        for other, others_ns, _ in done:
            waits = other.at_ms * 1_000_000 < at_ns < others_ns
            if waits and names & {name for name, _ in other.cost}:
                came_first = other.at_ms < job.at_ms
                assert not other.priority < job.priority
                assert not (other.priority == job.priority and came_first)


def test_room_is_that_of_the_budgets_that_orders_draw_on() -> None:
    desk = Desk({"orders": Budget(10, 10.0), "data": Budget(2, 10.0)})
    assert desk.limiter.room() == 1.0
    assert desk.limiter.take(ONE, ORDER, Way.SOCKET, "order") is not None
    assert desk.limiter.room() == pytest.approx(0.9)
    desk.limiter.still_until_ns = desk.clock.now_ns + 1
    assert desk.limiter.room() == 0.0


async def test_how_long_the_last_of_those_who_wait_will_wait() -> None:
    desk = Desk({"orders": Budget(1, 10.0)})
    await desk.ask("first", ONE, ORDER)
    assert desk.limiter.longest_wait_ns() == 0
    waiting = asyncio.ensure_future(desk.ask("second", ONE, ORDER))
    await asyncio.sleep(0)
    assert 9 * SECOND_NS < desk.limiter.longest_wait_ns() <= 11 * SECOND_NS
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert desk.limiter.longest_wait_ns() == 0
