"""What the table of test_outcomes does not hold: ids used twice, parts of an order, batches, refusals by rule."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest
import pytest_asyncio
from tests.exchange.accounts import MARKETS, PATHS, House, Member, Venue, bitcoin, lots_of_worth, on_tick, ref_of

from oneprice.errors import (
    DuplicateOrderError,
    ExchangeAPIError,
    InvalidRequestError,
    NetworkError,
    Outcome,
)
from oneprice.exchange import AccountConfig
from oneprice.model import NewOrder, Order, OrderStatus, OrderType, Side, TimeInForce
from oneprice.sim.faults import FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module", loop_factories=["uvloop"])

PATIENT = AccountConfig(order_path="rest")
HASTY = AccountConfig(order_path="rest", order_timeout_ms=50)
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    opened = House()
    yield opened
    await opened.close()


async def crossing(member: Member, venue: Venue, market: str, **fields: object) -> NewOrder:
    """A buy that takes at once."""
    venue.server.faults.clear()
    venue.refresh(market)
    rules = await member.exchange.public.rules(bitcoin(market))
    listing = venue.listing(market)
    while not listing.top.ask_ticks:  # the agents quote again after what was taken
        await asyncio.sleep(0.02)
        venue.refresh(market)
    ask = listing.top.ask_ticks * listing.instrument.tick
    order = NewOrder(
        listing=rules,
        side=Side.BUY,
        client_order_id=f"more-{next(_numbers)}",
        quantity=lots_of_worth(rules, ask),
        price=on_tick(rules, ask * Decimal("1.01")),
        time_in_force=TimeInForce.IOC,
    )
    return msgspec.structs.replace(order, **fields)


async def resting(member: Member, venue: Venue, market: str) -> NewOrder:
    """A buy far below, which nobody meets."""
    order = await crossing(member, venue, market, time_in_force=TimeInForce.GTC)
    assert order.price is not None
    price = on_tick(order.listing, order.price * Decimal("0.9"))
    return msgspec.structs.replace(order, price=price, quantity=lots_of_worth(order.listing, price))


@pytest.mark.parametrize("market", MARKETS)
async def test_an_id_is_sent_once_whatever_became_of_it(house: House, market: str) -> None:
    venue, member = await house.venue(market), await house.member(market, HASTY)
    order = await crossing(member, venue, market)
    venue.fault(FaultKind.LOST_ACK)
    with pytest.raises(NetworkError):
        await member.exchange.place(order)
    seen = venue.server.requests_seen
    with pytest.raises(DuplicateOrderError) as refused:
        await member.exchange.place(order)
    assert refused.value.outcome is Outcome.NOT_SENT
    assert venue.server.requests_seen == seen
    found = await member.exchange.find(ref_of(order), sent_ns=time.time_ns() - 60 * 10**9)
    assert found is not None
    assert found.status is OrderStatus.FILLED
    assert len(venue.truth(market, member, order.client_order_id)) == 1


@pytest.mark.parametrize("market", ["binance-spot", "binance-usdm"])
async def test_a_duplicate_that_the_venue_refuses_proves_that_the_first_is_there(house: House, market: str) -> None:
    venue, member = await house.venue(market), await house.member(market, PATIENT)
    order = await resting(member, venue, market)
    venue.fault(FaultKind.FREEZE)  # else the stream tells of the first
    await member.exchange.place(order)
    member.exchange.view.__init__()  # as after a restart: it knows of nothing
    with pytest.raises(DuplicateOrderError):
        await member.exchange.place(order)
    assert member.status(ref_of(order)) is OrderStatus.UNKNOWN
    found = await member.exchange.find(ref_of(order))
    assert found is not None
    assert found.status is OrderStatus.NEW


@pytest.mark.parametrize(("market", "path"), PATHS)
async def test_an_ioc_order_that_is_filled_in_part_ends_with_its_part(house: House, market: str, path: str) -> None:
    config = AccountConfig(order_path=path, order_timeout_ms=50)
    venue, member = await house.venue(market), await house.member(market, config)
    order = await crossing(member, venue, market)
    venue.fault(FaultKind.PARTIAL_FILL)
    venue.fault(FaultKind.LOST_ACK)
    with pytest.raises(NetworkError) as lost:
        await member.exchange.place(order)
    assert lost.value.outcome is Outcome.UNKNOWN
    await member.exchange.find(ref_of(order), sent_ns=time.time_ns() - 60 * 10**9)
    (truth,) = venue.truth(market, member, order.client_order_id)
    expected = len(venue.desk(market).fills(member.account, order_id=truth.order_id))

    def is_over() -> bool:
        known = member.exchange.view.get(ref_of(order))
        return known is not None and known.is_over and len(member.fills(known.venue_order_id)) >= expected

    await member.until(is_over)
    known = member.exchange.view.get(ref_of(order))
    assert known is not None
    assert order.quantity is not None
    assert known.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED)
    assert known.filled_quantity == truth.filled_lots * truth.listing.lot_scale.step
    assert 0 < known.filled_quantity < order.quantity
    assert sum(fill.quantity for fill in member.fills(known.venue_order_id)) == known.filled_quantity
    assert member.exchange.view.late_fills == 0


@pytest.mark.parametrize("market", ["binance-usdm", "gate-spot"])
async def test_an_order_over_the_websocket_is_not_made_ready_for_rest_too(
    house: House, market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, member = await house.venue(market), await house.member(market, AccountConfig(order_path="websocket"))
    order = await crossing(member, venue, market)
    made: list[NewOrder] = []
    monkeypatch.setattr(member.exchange._account, "place", made.append)
    await member.exchange.place(order)
    assert made == []


REFUSALS = {
    "post-only": {"type": OrderType.LIMIT_MAKER, "time_in_force": TimeInForce.GTC},
    "fill-or-kill": {"time_in_force": TimeInForce.FOK},
}


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("market", MARKETS)
async def test_an_order_that_its_own_terms_forbid_is_over_and_unfilled(house: House, market: str, kind: str) -> None:
    """Some venues refuse it, others take it and end it: either way it is over, and both ways it is told."""
    venue, member = await house.venue(market), await house.member(market, PATIENT)
    order = await crossing(member, venue, market, **REFUSALS[kind])
    if kind == "fill-or-kill":
        listing = venue.listing(market)
        best = listing.top.ask_ticks * listing.instrument.tick
        whole = (listing.top.ask_lots + 1) * listing.lot_scale.step
        order = msgspec.structs.replace(order, price=on_tick(order.listing, best), quantity=whole)
    try:
        await member.exchange.place(order)
    except ExchangeAPIError as refused:
        outcome = refused.outcome
    else:
        outcome = None
    assert outcome in (None, Outcome.REJECTED)
    known = await ended(member, order)
    assert known.status in ((OrderStatus.REJECTED,) if outcome else (OrderStatus.CANCELED, OrderStatus.EXPIRED))
    assert not known.filled_quantity
    truth = venue.truth(market, member, order.client_order_id)
    assert [one.filled_lots for one in truth] in ([], [0])


async def ended(member: Member, order: NewOrder) -> Order:
    def is_over() -> bool:
        known = member.exchange.view.get(ref_of(order))
        return known is not None and known.is_over

    await member.until(is_over)
    known = member.exchange.view.get(ref_of(order))
    assert known is not None
    return known


@pytest.mark.parametrize("reply", ["on time", "lost"])
@pytest.mark.parametrize("market", ["binance-usdm", "gate-spot", "gate-usdm", "mexc-spot"])
async def test_orders_of_a_batch_have_an_outcome_each(house: House, market: str, reply: str) -> None:
    venue = await house.venue(market)
    member = await house.member(market, PATIENT if reply == "on time" else HASTY)
    good = [await resting(member, venue, market) for _ in range(2)]
    refused = await resting(member, venue, market)
    venue.fault(FaultKind.REJECT_ORDER)  # hits the first
    if reply == "lost":
        venue.fault(FaultKind.LOST_ACK)
    batch = [refused, *good]
    results = await member.exchange.place_many(batch)
    assert len(results) == 3
    if reply == "on time":
        assert [isinstance(result, Order) for result in results] == [False, True, True]
        assert isinstance(results[0], ExchangeAPIError)
        assert results[0].outcome is Outcome.REJECTED
        assert member.status(ref_of(refused)) is OrderStatus.REJECTED
    else:
        assert [isinstance(result, ExchangeAPIError) and result.outcome for result in results] == [Outcome.UNKNOWN] * 3
    long_ago_ns = time.time_ns() - 60 * 10**9
    found = [await member.exchange.find(ref_of(order), sent_ns=long_ago_ns) for order in batch]
    assert [one is not None for one in found] == [False, True, True]
    for order, count in zip(batch, (0, 1, 1), strict=True):
        assert len(venue.truth(market, member, order.client_order_id)) == count


async def test_a_batch_that_names_an_order_twice_is_not_sent(house: House) -> None:
    venue, member = await house.venue("gate-spot"), await house.member("gate-spot", PATIENT)
    order = await resting(member, venue, "gate-spot")
    seen = venue.server.requests_seen
    with pytest.raises(InvalidRequestError) as refused:
        await member.exchange.place_many([order, order])
    assert refused.value.outcome is Outcome.NOT_SENT
    assert venue.server.requests_seen == seen
    assert member.exchange.view.get(ref_of(order)) is None


async def test_a_caller_who_gives_up_leaves_an_order_of_unknown_outcome(house: House) -> None:
    venue, member = await house.venue("gate-spot"), await house.member("gate-spot", PATIENT)
    order = await crossing(member, venue, "gate-spot")
    venue.fault(FaultKind.LATE_ACK, delay_ms=200)
    venue.fault(FaultKind.LATE_REPORT, count=20, delay_ms=100)
    placing = asyncio.ensure_future(member.exchange.place(order))
    await venue.placed("gate-spot", member, order.client_order_id)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    assert member.status(ref_of(order)) is OrderStatus.UNKNOWN
    assert [one.status for one in member.told(order.client_order_id)] == [OrderStatus.UNKNOWN]
    assert (await ended(member, order)).status is OrderStatus.FILLED
