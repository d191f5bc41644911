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

import msgspec
import pytest
import pytest_asyncio
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

from oneprice.errors import InsufficientBalanceError, NetworkError, NotSupported, Outcome
from oneprice.exchange import AccountConfig
from oneprice.model import MarketKind, NewOrder, Order, OrderStatus, OrderType, Side, SymbolInfo, TimeInForce
from oneprice.sim.faults import FaultKind
from oneprice.venues.kit import Credentials, find_venue

pytestmark = pytest.mark.asyncio(loop_scope="module", loop_factories=["uvloop"])

LATE_MS, LATER_MS, HASTY_MS, PATIENT_MS = 20, 40, 50, 5_000
LONG_AGO_NS = 60_000_000_000


class Kind(NamedTuple):
    """A kind of order by its row of the capability matrix. `rests`: until somebody else trades with it."""

    capability: str
    rests: bool = False
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    by_quote: bool = False
    reduce_only: bool = False

    def __str__(self) -> str:
        return self.capability.removeprefix("order: ")


KINDS = (
    Kind("order: limit GTC", rests=True),
    Kind("order: limit IOC", time_in_force=TimeInForce.IOC),
    Kind("order: limit FOK", time_in_force=TimeInForce.FOK),
    Kind("order: post-only", rests=True, type=OrderType.LIMIT_MAKER),
    Kind("order: market by base", type=OrderType.MARKET),
    Kind("order: market by quote", type=OrderType.MARKET, by_quote=True),
    Kind("order: reduce-only", time_in_force=TimeInForce.IOC, reduce_only=True),
)

ON_TIME, LOST, LATE, DOUBLED, GONE = "on time", "lost", "late", "doubled", "request lost"
BEFORE, AFTER, NEVER = "filled before", "filled after", "not filled"


class Case(NamedTuple):
    """What happens on the way, and the right outcome.

    `raises`: what may be concluded from the error of `place`; None where it gives the order. `exists`: whether the
    exchange has the order, so that `find` gives it. `tells`: statuses of ours, not the venue's, that listeners
    hear.
    """

    reply: str
    fill: str
    faults: tuple[tuple[FaultKind, int], ...]
    raises: Outcome | None
    exists: bool
    tells: tuple[OrderStatus, ...] = ()

    def __str__(self) -> str:
        said = "accepted" if self.exists else "refused" if self.faults[0][0] is FaultKind.REJECT_ORDER else ""
        return ", ".join(part for part in (said, self.reply, self.fill) if part)


F = FaultKind
UNKNOWN, REJECTED = OrderStatus.UNKNOWN, OrderStatus.REJECTED
NO, NONE = (REJECTED,), (UNKNOWN, REJECTED)
REFUSED = (F.REJECT_ORDER, 0)
TWICE = ((F.DOUBLE_ACK, 0), (F.DOUBLE_REPORT, 0))
# fmt: off
CASES = (
    # reply       fill    what goes wrong, with its delay                              error             there  we tell
    Case(ON_TIME, AFTER,  ((F.LATE_REPORT, LATE_MS),),                                 None,             True),
    Case(LATE,    BEFORE, ((F.LATE_ACK, LATE_MS),),                                    None,             True),
    Case(LATE,    AFTER,  ((F.LATE_ACK, LATE_MS), (F.LATE_REPORT, LATER_MS)),          None,             True),
    Case(DOUBLED, BEFORE, (*TWICE, (F.LATE_ACK, LATE_MS)),                             None,             True),
    Case(DOUBLED, AFTER,  (*TWICE, (F.LATE_REPORT, LATE_MS)),                          None,             True),
    Case(LOST,    BEFORE, ((F.LOST_ACK, 0),),                                          Outcome.UNKNOWN,  True),
    Case(LOST,    AFTER,  ((F.LOST_ACK, 0), (F.LATE_REPORT, HASTY_MS + LATE_MS)),      Outcome.UNKNOWN,  True),
    Case(ON_TIME, NEVER,  (REFUSED,),                                                  Outcome.REJECTED, False, NO),
    Case(LATE,    NEVER,  (REFUSED, (F.LATE_ACK, LATE_MS)),                            Outcome.REJECTED, False, NO),
    Case(DOUBLED, NEVER,  (REFUSED, (F.DOUBLE_ACK, 0)),                                Outcome.REJECTED, False, NO),
    Case(LOST,    NEVER,  (REFUSED, (F.LOST_ACK, 0)),                                  Outcome.UNKNOWN,  False, NONE),
    Case(GONE,    NEVER,  ((F.LOST_REQUEST, 0),),                                      Outcome.UNKNOWN,  False, NONE),
)
# fmt: on

TELL_AVERAGES = ("gate-usdm", "mexc-usdm")
"""These tell what was traded as a rounded average price; the fills are exact everywhere."""

ENDS_OF_RANK = {OrderStatus.UNKNOWN: 0, OrderStatus.NEW: 1, OrderStatus.PARTIALLY_FILLED: 2, OrderStatus.FILLED: 3}

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    opened = House()
    yield opened
    await opened.close()


def wanted(kind: Kind, rules: SymbolInfo, bid: Decimal, ask: Decimal) -> NewOrder:
    """An order of this kind that fills wholly, at once or when somebody trades with it."""
    sells = kind.reduce_only or (kind.type is OrderType.MARKET and not kind.by_quote)
    side = Side.SELL if sells else Side.BUY  # spot markets buy by quote, and sell by base
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


def _supported(market: str, kind: Kind) -> bool:
    name, _, market_kind = market.partition("-")
    account = find_venue(name).accounts[MarketKind(market_kind)](None, Credentials("k" * 64, "nothing"))
    return {row.name: row.supported for row in account.capabilities}[kind.capability]


WAYS = [(market, path, kind) for kind in KINDS for market, path in PATHS]
TAKEN = [
    pytest.param(*way, case, id=f"{way[0]}-{way[1]}-{way[2]}-{case}")
    for case in CASES
    for way in WAYS
    if _supported(way[0], way[2])
]
"""Markets take turns, so that none comes near its rate limits."""

ONE_SIDED = [way for way in WAYS if way[0] in ("gate-spot", "mexc-spot") and way[2].type is OrderType.MARKET]
LACKING = [pytest.param(*way, id="-".join(map(str, way))) for way in WAYS if not _supported(way[0], way[2])]


@pytest.mark.parametrize(("market", "path", "kind", "case"), TAKEN)
async def test_outcome(house: House, market: str, path: str, kind: Kind, case: Case) -> None:
    hasty = case.raises is Outcome.UNKNOWN
    config = AccountConfig(order_path=path, order_timeout_ms=HASTY_MS if hasty else PATIENT_MS, find_for_s=5.0)
    number = next(_numbers) % 6 if market == "mexc-usdm" else 0  # it takes two orders a second from an account
    venue, member = await house.venue(market), await house.member(market, config, number)
    order = await prepare(venue, member, market, kind)
    hits = dict(venue.server.faults.hits)
    for fault, delay_ms in case.faults:
        many = fault in (F.LATE_REPORT, F.DOUBLE_REPORT)
        venue.fault(fault, count=100 if many else 1, delay_ms=delay_ms)

    filling = asyncio.ensure_future(fill_when_there(venue, member, market, order)) if meets_before(kind, case) else None
    answer, outcome = None, None
    try:
        answer = await member.exchange.place(order)
    except NetworkError as lost:
        outcome = lost.outcome
    except InsufficientBalanceError as refused:
        outcome = refused.outcome
    assert outcome is case.raises
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
        venue.server.faults.clear()
        await fill_when_there(venue, member, market, order)
    await settled(venue, member, market, order, case)
    check_truth(venue, member, market, order, case)
    check_told(member, order, case)
    for fault, _ in case.faults:  # else nothing was tried
        assert (venue.server.faults.hits.get(fault, 0) > hits.get(fault, 0)) is (
            path != "rest" or fault is not F.DOUBLE_ACK
        )


@pytest.mark.parametrize(("market", "path", "kind"), LACKING)
async def test_a_kind_that_a_venue_lacks_is_refused_before_a_byte_leaves(
    house: House, market: str, path: str, kind: Kind
) -> None:
    await refuses_unsent(house, market, path, kind)


@pytest.mark.parametrize(("market", "path", "kind"), ONE_SIDED)
async def test_gate_and_mexc_buy_at_market_by_quote_and_sell_by_base(
    house: House, market: str, path: str, kind: Kind
) -> None:
    await refuses_unsent(house, market, path, kind, Side.SELL if kind.by_quote else Side.BUY)


async def refuses_unsent(house: House, market: str, path: str, kind: Kind, side: Side | None = None) -> None:
    venue, member = await house.venue(market), await house.member(market, AccountConfig(order_path=path))
    order = await prepare(venue, member, market, kind._replace(reduce_only=False))
    order = msgspec.structs.replace(order, reduce_only=kind.reduce_only, side=side or order.side)
    seen, commands = venue.server.requests_seen, member.exchange.figures.requests
    with pytest.raises(NotSupported):
        await member.exchange.place(order)
    assert (venue.server.requests_seen, member.exchange.figures.requests) == (seen, commands)
    assert member.exchange.view.get(ref_of(order)) is None
    assert member.told(order.client_order_id) == []


def meets_before(kind: Kind, case: Case) -> bool:
    return kind.rests and case.fill is BEFORE


async def fill_when_there(venue: Venue, member: Member, market: str, order: NewOrder) -> None:
    """Somebody trades with a resting order as soon as the exchange has it."""
    venue.serve_whole(market, await venue.placed(market, member, order.client_order_id))


def check_answer(answer: Order, order: NewOrder, case: Case) -> None:
    """What `place` gave is right as far as it goes; what was told before it came is in it."""
    assert answer.client_order_id == order.client_order_id
    assert answer.venue_order_id
    assert (answer.side, answer.quote_quantity or answer.quantity) == (
        order.side,
        order.quote_quantity or order.quantity,
    )
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
    if known.filled_quote is not None and market not in TELL_AVERAGES:
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
    if not case.exists:
        assert tuple(statuses) == case.tells
        return
    assert ours == () or (ours == (UNKNOWN,) and case.reply is LOST), statuses
    ranks = [ENDS_OF_RANK[status] for status in statuses]
    assert ranks == sorted(ranks), statuses
    assert statuses[-1] is OrderStatus.FILLED
    filled = [one.filled_quantity or 0 for one in told]
    assert filled == sorted(filled)
    assert len({*map(repr, told)}) == len(told), "a state was told twice"
