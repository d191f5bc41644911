"""Orders over a websocket: every command has one outcome, and what has none when the connection ends is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from tests.exchange.conftest import LISTINGS, World

from oneprice.errors import (
    AuthenticationError,
    InsufficientBalanceError,
    NetworkError,
    NotSupported,
    Outcome,
    RateLimitError,
)
from oneprice.exchange import RestClient
from oneprice.exchange.order_entry import EntryTalk
from oneprice.exchange.session import HangUp
from oneprice.model import NewOrder, Order, OrderRef, OrderStatus, Side, SymbolInfo
from oneprice.venues.kit.account import EntryAnswer, EntryReady, EntryReceived, OrderEntry, PrivateMarket
from oneprice.venues.kit.contract import Charge, Closing, Priority, Refusal, Reply, Request

LISTING = LISTINGS[0]
REF = OrderRef(listing=LISTING, client_order_id="a")


def order(client_order_id: str = "a") -> NewOrder:
    return NewOrder(
        listing=LISTING, side=Side.BUY, client_order_id=client_order_id, price=Decimal(1), quantity=Decimal(1)
    )


def told(client_order_id: str = "a") -> Order:
    return Order(listing=LISTING, venue_order_id="7", client_order_id=client_order_id, status=OrderStatus.NEW)


class ScriptedEntry:
    """The venue's words: what `read` gives is what the test has put there."""

    url, lifetime_s, ping_every_s = "wss://venue.invalid/orders", 0.0, 0.0

    def __init__(self) -> None:
        self.first: list[bytes] = []
        self.events: list[object] = []

    def opening(self, time_ns: int) -> list[bytes]:
        return self.first

    def place(self, new: NewOrder, number: int, time_ns: int) -> bytes:
        if new.reduce_only:
            raise NotSupported("no such orders")
        return f"place {new.client_order_id} {number}".encode()

    def cancel(self, ref: OrderRef, number: int, time_ns: int) -> bytes:
        return f"cancel {ref.client_order_id} {number}".encode()

    def read(self, payload: bytes, binary: bool) -> list[object]:
        events, self.events = self.events, []
        return events

    def ping(self, time_ns: int) -> bytes | None:
        return None


class ScriptedAccount:
    """What commands cost."""

    venue = "testvenue"

    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        return (Charge("small", 1),)


class Desk:
    """An open order connection, and what was sent over it."""

    def __init__(self, world: World, timeout_s: float = 5.0) -> None:
        self.rest: RestClient = world.rest()
        self.rest.venue_clock.sample(world.clock.wall_ns(), world.clock.wall_ns(), 0)
        self.entry = ScriptedEntry()
        self.talk = EntryTalk(
            cast(PrivateMarket, ScriptedAccount()),
            cast(OrderEntry, self.entry),
            self.rest,
            world.clock,
            timeout_s,
        )
        self.sent: list[bytes] = []

    async def opened(self) -> Desk:
        self.talk.opened(self.sent.append)
        await self.talk.ready()
        return self

    async def start(self, work: Coroutine[Any, Any, Order | None]) -> asyncio.Task[Order | None]:
        """Send a command, and come back before its answer."""
        task = asyncio.ensure_future(work)
        for _ in range(3):
            await asyncio.sleep(0)
        return task

    def place(self, client_order_id: str = "a") -> Coroutine[Any, Any, Order | None]:
        return self.talk.place(order(client_order_id), Priority.ORDER)

    def hear(self, *events: object) -> None:
        self.entry.events = list(events)
        self.talk.heard(b"", False)

    @property
    def held(self) -> int:
        """What is on its way, by the budget's count."""
        return self.rest.limiter._budgets["small"]._flying


async def outcome_of(task: asyncio.Task[Order | None]) -> Outcome:
    with pytest.raises(NetworkError) as error:
        await task
    return error.value.outcome


async def test_answers_find_their_commands_in_any_order(world: World) -> None:
    desk = await Desk(world).opened()
    first, second = await desk.start(desk.place("a")), await desk.start(desk.place("b"))
    assert desk.sent == [b"place a 1", b"place b 2"]
    desk.hear(EntryReceived(1), EntryAnswer(2, told("b")))
    assert (await second) == told("b")
    desk.hear(EntryAnswer(1, None))
    assert (await first) is None
    assert desk.held == 0


async def test_numbers_are_never_used_twice(world: World) -> None:
    desk = await Desk(world).opened()
    for number in range(1, 6):
        task = await desk.start(desk.talk.cancel(REF))
        desk.hear(EntryAnswer(number, None))
        await task
    assert [text.split()[-1] for text in desk.sent] == [b"1", b"2", b"3", b"4", b"5"]


async def test_a_refusal_is_raised_where_the_command_was_given(world: World) -> None:
    desk = await Desk(world).opened()
    task = await desk.start(desk.place())
    desk.hear(EntryAnswer(1, InsufficientBalanceError("testvenue", "no money", outcome=Outcome.REJECTED)))
    with pytest.raises(InsufficientBalanceError):
        await task
    assert desk.rest.figures.venue_errors == 1
    assert desk.held == 0


async def test_an_answer_that_comes_twice_or_unasked_changes_nothing(world: World) -> None:
    desk = await Desk(world).opened()
    task = await desk.start(desk.place())
    desk.hear(EntryAnswer(1, told()), EntryAnswer(1, told()), EntryAnswer(99, told()))
    assert (await task) == told()
    assert desk.rest.figures.unasked == 2
    assert desk.held == 0


async def test_no_answer_in_time_is_an_unknown_outcome(world: World) -> None:
    desk = await Desk(world, timeout_s=0.02).opened()
    task = await desk.start(desk.place())
    assert await outcome_of(task) is Outcome.UNKNOWN
    assert desk.rest.figures.network_failures == 1
    assert desk.held == 0
    desk.hear(EntryAnswer(1, told()))
    assert desk.rest.figures.unasked == 1


async def test_an_answer_and_the_deadline_in_one_turn_of_the_loop_are_one_outcome(world: World) -> None:
    desk = await Desk(world).opened()
    task = await desk.start(desk.place())
    desk.hear(EntryAnswer(1, told()))
    desk.talk._late(1)  # the timer's turn comes before the waiting task's
    assert (await task) == told()
    assert desk.rest.figures.network_failures == 0
    assert desk.held == 0


async def test_what_is_on_its_way_when_the_connection_ends_has_an_unknown_outcome(world: World) -> None:
    desk = await Desk(world).opened()
    tasks = [await desk.start(desk.place(name)) for name in "abc"]
    desk.hear(EntryAnswer(2, told("b")))
    desk.talk.ended("reset by peer")
    assert await outcome_of(tasks[0]) is Outcome.UNKNOWN
    assert (await tasks[1]) == told("b")
    assert await outcome_of(tasks[2]) is Outcome.UNKNOWN
    assert not desk.talk.is_ready
    assert desk.held == 0
    assert len(desk.sent) == 3


async def test_after_its_end_nothing_is_sent(world: World) -> None:
    desk = await Desk(world).opened()
    desk.talk.ended("reset by peer")
    assert await outcome_of(await desk.start(desk.place())) is Outcome.NOT_SENT
    assert desk.sent == []
    assert desk.held == 0


async def test_a_command_that_cannot_be_made_holds_nothing(world: World) -> None:
    desk = await Desk(world).opened()
    with pytest.raises(NotSupported):
        await desk.talk.place(msgspec.structs.replace(order(), reduce_only=True), Priority.ORDER)
    assert desk.sent == []
    assert desk.held == 0
    assert desk.talk._waiting == {}


async def test_a_caller_who_gives_up_leaves_nothing_behind(world: World) -> None:
    desk = await Desk(world).opened()
    task = await desk.start(desk.place())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.held == 0
    desk.hear(EntryAnswer(1, told()))
    assert desk.rest.figures.unasked == 1


async def test_where_a_login_is_needed_it_is_ready_after_its_answer(world: World) -> None:
    desk = Desk(world)
    desk.entry.first = [b"log in"]
    desk.talk.opened(desk.sent.append)
    ready = asyncio.ensure_future(desk.talk.ready())
    await asyncio.sleep(0)
    assert desk.sent == [b"log in"]
    assert not desk.talk.is_ready
    desk.hear(EntryReady())
    await ready
    assert desk.talk.is_ready


async def test_a_reply_goes_back_at_once(world: World) -> None:
    desk = await Desk(world).opened()
    desk.hear(Reply(b"pong"))
    assert desk.sent == [b"pong"]


async def test_what_ends_the_connection_is_raised_for_the_session(world: World) -> None:
    desk = await Desk(world).opened()
    with pytest.raises(HangUp, match="restart"):
        desk.hear(Closing("restart"))
    with pytest.raises(AuthenticationError, match="no such user"):
        desk.hear(Refusal("no such user"))


async def test_one_too_many_stops_what_follows(world: World) -> None:
    desk = await Desk(world).opened()
    task = await desk.start(desk.place())
    desk.hear(EntryAnswer(1, RateLimitError("testvenue", "slow down", outcome=Outcome.REJECTED, retry_after_ms=60_000)))
    with pytest.raises(RateLimitError):
        await task
    with pytest.raises(RateLimitError) as unsent:
        await desk.place()
    assert unsent.value.outcome is Outcome.NOT_SENT
    assert len(desk.sent) == 1


async def test_a_ban_over_the_websocket_stops_the_whole_market(world: World) -> None:
    desk = await Desk(world).opened()
    task = await desk.start(desk.place())
    banned = RateLimitError("testvenue", "banned", outcome=Outcome.REJECTED, retry_after_ms=60_000)
    banned.is_ban = True
    desk.hear(EntryAnswer(1, banned))
    with pytest.raises(RateLimitError):
        await task
    for work in (desk.talk.cancel(REF), desk.rest.fetch(Request(path="/of-another-budget"))):
        with pytest.raises(RateLimitError, match="banned") as unsent:
            await work
        assert (unsent.value.outcome, unsent.value.retry_after_ms) == (Outcome.NOT_SENT, 60_000)
    assert (len(desk.sent), world.network.sent) == (1, [])


async def test_a_command_after_the_end_of_all_is_not_sent(world: World) -> None:
    desk = await Desk(world).opened()
    desk.rest.close()
    with pytest.raises(NetworkError, match="closed") as closed:
        await desk.place()
    assert closed.value.outcome is Outcome.NOT_SENT
    assert desk.sent == []


async def test_a_refused_signature_makes_us_doubt_our_idea_of_the_venues_time(world: World) -> None:
    desk = await Desk(world).opened()
    task = await desk.start(desk.place())
    desk.hear(EntryAnswer(1, AuthenticationError("testvenue", "timestamp", outcome=Outcome.REJECTED)))
    with pytest.raises(AuthenticationError):
        await task
    assert not desk.rest.venue_clock.is_known


async def test_a_used_up_budget_is_waited_for_and_a_cancel_goes_first(world: World) -> None:
    desk = await Desk(world, timeout_s=60.0).opened()
    tasks = [await desk.start(desk.place(str(number))) for number in range(9)]  # of 10, less what we leave to others
    for number in range(1, 10):
        desk.hear(EntryAnswer(number, None))
    await asyncio.gather(*tasks)
    waiting = [await desk.start(desk.place("late")), await desk.start(desk.talk.cancel(REF))]
    assert len(desk.sent) == 9
    await world.clock.run(world.clock.sleep(10.1))
    assert desk.sent[9:] == [b"cancel a 10", b"place late 11"]
    desk.hear(EntryAnswer(10, None), EntryAnswer(11, None))
    await asyncio.gather(*waiting)


async def test_what_would_wait_for_longer_than_an_order_may_is_not_sent(world: World) -> None:
    desk = await Desk(world, timeout_s=1.0).opened()
    desk.rest.limiter.block(ScriptedAccount().entry_charges("place", LISTING), world.clock.now_ns, 30_000_000_000)
    with pytest.raises(RateLimitError) as unsent:
        await desk.place()
    assert unsent.value.outcome is Outcome.NOT_SENT
    assert unsent.value.retry_after_ms == 30_000
    assert desk.sent == []
