"""Every kind of order, accepted or refused, with its reply lost, late or doubled, filled before the reply or after:
what `place` says, what `find` gives, what the view has, what listeners heard, and what the exchange has.

Each order is sent once. A reply that is lost tells nothing; the order is found again by its client id.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import NamedTuple

import pytest
import pytest_asyncio

from oneprice.errors import InsufficientBalanceError, NetworkError, NotSupported, Outcome
from oneprice.exchange import AccountConfig
from oneprice.model import MarketKind, NewOrder, Order, OrderStatus, OrderType, Side, SymbolInfo, TimeInForce
from oneprice.sim.faults import FaultKind
from tests.exchange.accounts import (
    PATHS,
    TICK_S,
    WORTH,
    House,
    Member,
    Venue,
    bitcoin,
    lots_of_worth,
    on_tick,
    ref_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module", loop_factories=["uvloop"])

LATE_MS, LATER_MS, HASTY_MS, PATIENT_MS = 25, 50, 60, 5_000
LONG_AGO_NS = 60_000_000_000


class Kind(NamedTuple):
    """A kind of order by its row of the capability matrix. `rests`: until somebody else trades with it."""

    capability: str
    rests: bool = False
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    by_quote: bool = False
    reduce_only: bool = False


KINDS = (
    Kind("order: limit GTC", rests=True),
    Kind("order: limit IOC", time_in_force=TimeInForce.IOC),
    Kind("order: limit FOK", time_in_force=TimeInForce.FOK),
    Kind("order: post-only", rests=True, type=OrderType.LIMIT_MAKER),
    Kind("order: market by base", type=OrderType.MARKET),
    Kind("order: market by quote", type=OrderType.MARKET, by_quote=True),
    Kind("order: reduce-only", time_in_force=TimeInForce.IOC, reduce_only=True),
)

ON_TIME, LOST, LATE, DOUBLED = "on time", "lost", "late", "doubled"
BEFORE, AFTER, NEVER = "filled before", "filled after", "not filled"


class Case(NamedTuple):
    """What happens on the way, and the right outcome.

    `raises`: what may be concluded from the error of `place`; None where it gives the order. `exists`: whether the
    exchange has the order. `found`: whether `find` gives it. `tells`: statuses of ours, not the venue's, that listeners
    hear.
    """

    reply: str
    fill: str
    faults: tuple[tuple[FaultKind, int], ...]
    raises: Outcome | None
    exists: bool
    tells: tuple[OrderStatus, ...] = ()


F = FaultKind
UNKNOWN, REJECTED = OrderStatus.UNKNOWN, OrderStatus.REJECTED
# fmt: off
CASES = (
    #    reply    fill    what goes wrong, with its delay                       error             there  told of it by us
    Case(ON_TIME, AFTER,  ((F.LATE_REPORT, LATE_MS),),                          None,             True),
    Case(LATE,    BEFORE, ((F.LATE_ACK, LATE_MS),),                             None,             True),
    Case(LATE,    AFTER,  ((F.LATE_ACK, LATE_MS), (F.LATE_REPORT, LATER_MS)),   None,             True),
    Case(DOUBLED, BEFORE, ((F.LATE_ACK, LATE_MS), (F.DOUBLE_ACK, 0), (F.DOUBLE_REPORT, 0)), None, True),
    Case(DOUBLED, AFTER,  ((F.DOUBLE_ACK, 0), (F.DOUBLE_REPORT, 0), (F.LATE_REPORT, LATE_MS)), None, True),
    Case(LOST,    BEFORE, ((F.LOST_ACK, 0),),                                   Outcome.UNKNOWN,  True),
    Case(LOST,    AFTER,  ((F.LOST_ACK, 0), (F.LATE_REPORT, HASTY_MS + LATER_MS)), Outcome.UNKNOWN, True, (UNKNOWN,)),
    Case(ON_TIME, NEVER,  ((F.REJECT_ORDER, 0),),                               Outcome.REJECTED, False, (REJECTED,)),
    Case(LATE,    NEVER,  ((F.REJECT_ORDER, 0), (F.LATE_ACK, LATE_MS)),         Outcome.REJECTED, False, (REJECTED,)),
    Case(DOUBLED, NEVER,  ((F.REJECT_ORDER, 0), (F.DOUBLE_ACK, 0)),             Outcome.REJECTED, False, (REJECTED,)),
    Case(LOST,    NEVER,  ((F.REJECT_ORDER, 0), (F.LOST_ACK, 0)),               Outcome.UNKNOWN,  False, (UNKNOWN, REJECTED)),
    Case("never arrived", NEVER, ((F.LOST_REQUEST, 0),),                        Outcome.UNKNOWN,  False, (UNKNOWN, REJECTED)),
)
# fmt: on

ENDS_OF_RANK = {OrderStatus.UNKNOWN: 0, OrderStatus.NEW: 1, OrderStatus.PARTIALLY_FILLED: 2, OrderStatus.FILLED: 3}

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    opened = House()
    yield opened
    await opened.close()


def wanted(kind: Kind, rules: SymbolInfo, bid: Decimal, ask: Decimal) -> NewOrder:
    """An order of this kind that fills wholly, at once or when somebody trades with it."""
    side = Side.SELL if kind.reduce_only else Side.BUY
    if kind.type is OrderType.MARKET:
        price = None
    elif kind.rests:
        price = bid + rules.tick_size
    else:
        price = on_tick(rules, bid * Decimal("0.99") if side is Side.SELL else ask * Decimal("1.01"))
    return NewOrder(
        listing=rules,
        side=side,
        client_order_id=f"outcome-{next(_numbers)}",
        type=kind.type,
        quantity=None if kind.by_quote else lots_of_worth(rules, ask),
        quote_quantity=WORTH if kind.by_quote else None,
        price=price,
        time_in_force=kind.time_in_force,
        reduce_only=kind.reduce_only,
    )


async def prepare(venue: Venue, member: Member, market: str, kind: Kind) -> NewOrder:
    """A fresh book, an order for it, and a position where it is to reduce one."""
    venue.server.faults.clear()
    venue.refresh(market)
    rules = await member.exchange.public.rules(bitcoin(market))
    listing = venue.listing(market)
    top, tick = listing.top, listing.instrument.tick
    order = wanted(kind, rules, top.bid_ticks * tick, top.ask_ticks * tick)
    if kind.reduce_only:
        assert order.quantity is not None
        venue.take_position(market, member, order.quantity)
    return order


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.reply}-{case.fill}-{case.raises and case.raises.value}")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.capability.removeprefix("order: "))
@pytest.mark.parametrize(("market", "path"), PATHS)
async def test_outcome(house: House, market: str, path: str, kind: Kind, case: Case) -> None:
    hasty = case.raises is Outcome.UNKNOWN
    config = AccountConfig(order_path=path, order_timeout_ms=HASTY_MS if hasty else PATIENT_MS, find_for_s=5.0)
    number = next(_numbers) % (3 if hasty else 6)
    venue, member = await house.venue(market), await house.member(market, config, number)
    order = await prepare(venue, member, market, kind)
    if not supports(member, kind):
        if case is CASES[0]:
            await refuses_unsent(venue, member, order)
        return
    for fault, delay_ms in case.faults:
        many = fault in (F.LATE_REPORT, F.DOUBLE_REPORT)
        venue.fault(fault, count=100 if many else 1, delay_ms=delay_ms)

    filling = asyncio.ensure_future(fill_when_there(venue, member, market, order)) if meets_before(kind, case) else None
    answer: Order | None = None
    try:
        answer = await member.exchange.place(order)
    except (NetworkError, InsufficientBalanceError) as error:
        assert error.outcome is case.raises
        assert isinstance(error, NetworkError) == (case.raises is Outcome.UNKNOWN)
    assert (answer is None) == (case.raises is not None)
    if answer is not None:
        check_answer(answer, order, case)
    if filling is not None:
        await filling
    if case.raises is Outcome.UNKNOWN:
        found = await member.exchange.find(ref_of(order), sent_ns=time.time_ns() - LONG_AGO_NS)
        assert (found is not None) == case.exists
        if found is not None:
            assert found.client_order_id == order.client_order_id
            assert found.venue_order_id
    if kind.rests and case.fill is AFTER:
        await fill_when_there(venue, member, market, order)
    await settled(venue, member, market, order, case)
    check_truth(venue, member, market, order, case)
    check_told(member, order, case)


def supports(member: Member, kind: Kind) -> bool:
    rows = {row.name: row.supported for row in member.exchange.capabilities}
    return rows[kind.capability]


async def refuses_unsent(venue: Venue, member: Member, order: NewOrder) -> None:
    """A kind of order that the venue lacks is refused before a byte leaves."""
    seen = venue.server.requests_seen
    with pytest.raises(NotSupported):
        await member.exchange.place(order)
    assert venue.server.requests_seen == seen
    assert member.exchange.view.get(ref_of(order)) is None


def meets_before(kind: Kind, case: Case) -> bool:
    return kind.rests and case.fill is BEFORE


async def fill_when_there(venue: Venue, member: Member, market: str, order: NewOrder) -> None:
    """Somebody trades with a resting order as soon as the exchange has it."""
    async with asyncio.timeout(5):
        while not (there := venue.truth(market, member, order.client_order_id)):
            await asyncio.sleep(0.001)
    venue.serve_whole(market, there[0])


def check_answer(answer: Order, order: NewOrder, case: Case) -> None:
    """What `place` gave is right as far as it goes; what was told before it came is in it."""
    assert answer.client_order_id == order.client_order_id
    assert answer.venue_order_id
    assert (answer.side, answer.quote_quantity or answer.quantity) == (order.side, order.quote_quantity or order.quantity)
    assert answer.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED)
    if case.fill is BEFORE:
        assert answer.status is OrderStatus.FILLED


async def settled(venue: Venue, member: Member, market: str, order: NewOrder, case: Case) -> None:
    """Until everything that the exchange has to tell of the order was told."""
    if case.exists:
        (truth,) = venue.truth(market, member, order.client_order_id)
        expected = len(venue.desk(market).fills(member.account, order_id=truth.order_id))

        def is_over() -> bool:
            known = member.exchange.view.get(ref_of(order))
            return (
                known is not None
                and known.status is OrderStatus.FILLED
                and len(member.fills(known.venue_order_id)) >= expected
            )

        await member.until(is_over)
    venue.server.faults.clear()
    await asyncio.sleep(2 * TICK_S)  # for what comes twice


def check_truth(venue: Venue, member: Member, market: str, order: NewOrder, case: Case) -> None:
    """The exchange has the order once or not at all, and the view agrees to the last unit."""
    truth = venue.truth(market, member, order.client_order_id)
    known = member.exchange.view.get(ref_of(order))
    assert known is not None
    if not case.exists:
        assert truth == []
        assert known.status is OrderStatus.REJECTED
        assert known.reason
        return
    assert len(truth) == 1
    lot = truth[0].listing.lot_scale.step
    assert known.status is OrderStatus.FILLED
    assert known.filled_quantity == truth[0].filled_lots * lot
    if known.filled_quote is not None:
        assert known.filled_quote == truth[0].filled_quote
    assert known not in member.exchange.view.open
    fills = {str(fill.fill_id): fill for fill in venue.desk(market).fills(member.account, order_id=truth[0].order_id)}
    told = member.fills(known.venue_order_id)
    assert len(told) == len({fill.venue_fill_id for fill in told}) == len(fills)
    assert sum(fill.quantity for fill in told) == known.filled_quantity
    assert sum(fill.price * fill.quantity for fill in told) * order.listing.contract_size == truth[0].filled_quote


def check_told(member: Member, order: NewOrder, case: Case) -> None:
    """Listeners heard legal changes only, each state once."""
    told = member.told(order.client_order_id)
    statuses = [one.status for one in told]
    ours = tuple(status for status in statuses if status in (UNKNOWN, REJECTED))
    assert ours == case.tells or (case.raises is Outcome.UNKNOWN and case.exists and ours in ((), (UNKNOWN,)))
    if not case.exists:
        assert statuses == list(case.tells)
        return
    ranks = [ENDS_OF_RANK[status] for status in statuses]
    assert ranks == sorted(ranks), statuses
    assert statuses[-1] is OrderStatus.FILLED
    filled = [one.filled_quantity or 0 for one in told]
    assert filled == sorted(filled)
    assert len({*map(repr, told)}) == len(told), "a state was told twice"


async def test_reduce_only_is_for_perpetuals(house: House) -> None:
    member = await house.member("gate-spot", AccountConfig(order_path="rest"))
    assert member.exchange.market is MarketKind.SPOT
    assert not supports(member, KINDS[-1])
