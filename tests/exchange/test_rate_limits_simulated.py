"""Rate limits against simulated exchanges that enforce them: never above, never inside a ban, and cancels first.

Exchanges and users share a clock that runs faster than the true one, so that windows of ten seconds are soon over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

import pytest
from tests.exchange.accounts import (
    MARKETS,
    PATHS,
    House,
    Member,
    Venue,
    bitcoin,
    fast_ports,
    lots_of_worth,
    on_tick,
    ref_of,
)

from oneprice.errors import Outcome, RateLimitError
from oneprice.exchange import AccountConfig, RequestConfig
from oneprice.model import NewOrder, Order, OrderType, Side, TimeInForce
from oneprice.sim.faults import FaultKind, FaultOrder

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])


class Burst(NamedTuple):
    """So many orders at once are more than our limit, or than the venue's in two windows; how fast the clocks run."""

    ours: int
    venues: int
    faster: int


BURSTS = {
    "binance-spot": Burst(60, 220, 10),  # 50 or 100 in 10 s: documents and records differ
    "binance-usdm": Burst(300, 640, 4),  # 300 in 10 s
    "gate-spot": Burst(15, 25, 4),  # 10 in 1 s, of each market
    "gate-usdm": Burst(110, 230, 1),  # 100 in 1 s
    "mexc-spot": Burst(24, 60, 4),  # 12 in 1 s
    "mexc-usdm": Burst(8, 50, 4),  # 4 or 20 in 2 s: documents differ
}


@pytest.fixture
async def house(market: str) -> AsyncIterator[House]:
    opened = House(fast_ports(BURSTS[market].faster))
    yield opened
    await opened.close()


async def orders_of(member: Member, venue: Venue, market: str, count: int) -> list[NewOrder]:
    """So many that meet nobody: the first rests, the others end at once."""
    rules = await member.exchange.public.rules(bitcoin(market))
    listing = venue.listing(market)
    bid = listing.top.bid_ticks * listing.instrument.tick
    price = on_tick(rules, bid * Decimal("0.9"))
    return [
        NewOrder(
            listing=rules,
            side=Side.BUY,
            client_order_id=f"burst-{number}",
            quantity=lots_of_worth(rules, price),
            price=price,
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC if number else TimeInForce.GTC,
        )
        for number in range(count)
    ]


@pytest.fixture
async def quick() -> AsyncIterator[House]:
    opened = House(fast_ports(40))
    yield opened
    await opened.close()


REST = AccountConfig(order_path="rest")
AT_ONCE = RequestConfig(attempts_max=1, wait_max_ms=0)
"""One try, and no waiting for our own limits."""


@pytest.mark.parametrize(("market", "path"), PATHS)
async def test_a_burst_is_slowed_to_the_venues_limit_and_a_cancel_passes_it(
    house: House, market: str, path: str
) -> None:
    config = AccountConfig(order_path=path, order_timeout_ms=600_000)
    venue, member = await house.venue(market), await house.member(market, config)
    exchange, clock = member.exchange, house.ports.clock
    orders = await orders_of(member, venue, market, BURSTS[market].ours)
    resting = await exchange.place(orders[0])
    began_ns = clock.monotonic_ns()
    burst = [asyncio.ensure_future(exchange.place(order)) for order in orders[1:]]
    await asyncio.sleep(0.05)
    canceled = await exchange.cancel(ref_of(orders[0]))
    cancel_ns = clock.monotonic_ns() - began_ns
    left_then = sum(not one.done() for one in burst)
    results = await asyncio.gather(*burst, return_exceptions=True)
    took_ns = clock.monotonic_ns() - began_ns
    assert [result for result in results if not isinstance(result, Order)] == []
    assert exchange.figures.rate_limited == exchange.figures.venue_errors == 0
    assert canceled is None or canceled.venue_order_id == resting.venue_order_id
    assert left_then > 0, "nothing was slowed"
    assert cancel_ns < took_ns / 2
    assert len(venue.desk(market).orders(member.account)) == len(orders)


@pytest.mark.parametrize(("market", "path"), PATHS)
async def test_the_same_burst_without_our_limits_is_refused_by_the_venue(house: House, market: str, path: str) -> None:
    config = AccountConfig(order_path=path, order_timeout_ms=600_000)
    venue, member = await house.venue(market), await house.member(market, config)
    orders = await orders_of(member, venue, market, BURSTS[market].venues)
    limiter = member.exchange.rest.limiter
    await member.exchange.place(orders[0])
    for budget in limiter._budgets.values():
        budget.usable = 1_000_000
    limiter._plans.clear()
    results = await asyncio.gather(*map(member.exchange.place, orders[1:]), return_exceptions=True)
    refused = [result for result in results if isinstance(result, RateLimitError)]
    assert [one for one in refused if one.outcome is Outcome.REJECTED]
    assert member.exchange.figures.rate_limited > 0


@pytest.mark.parametrize("market", [market for market in MARKETS if not market.startswith("gate")])
async def test_nothing_is_sent_while_banned(quick: House, market: str) -> None:
    venue, member = await quick.venue(market), await quick.member(market, REST, requests=AT_ONCE)
    exchange = member.exchange
    order, other = await orders_of(member, venue, market, 2)
    await exchange.place(order)
    with silenced(venue, FaultKind.BAN), pytest.raises(RateLimitError) as told:
        await exchange.order(ref_of(order))
    assert told.value.outcome is Outcome.REJECTED
    seen = venue.server.requests_seen
    results = await asyncio.gather(
        exchange.place(other),
        exchange.cancel(ref_of(order)),
        exchange.order(ref_of(order)),
        exchange.balances(),
        exchange.open_orders(bitcoin(market)),
        exchange.public.server_time(),
        return_exceptions=True,
    )
    assert [type(one) for one in results] == [RateLimitError] * 6
    assert {one.outcome for one in results if isinstance(one, RateLimitError)} == {Outcome.NOT_SENT}
    assert exchange.view.get(ref_of(other)) is None
    assert venue.server.requests_seen == seen
    found = await as_soon_as_told(quick, lambda: exchange.order(ref_of(order)))
    assert found.client_order_id == order.client_order_id
    assert venue.server.requests_seen == seen + 1


@pytest.mark.parametrize("market", MARKETS)
async def test_a_request_that_was_one_too_many_waits(quick: House, market: str) -> None:
    venue, member = await quick.venue(market), await quick.member(market, REST, requests=AT_ONCE)
    exchange = member.exchange
    (order,) = await orders_of(member, venue, market, 1)
    await exchange.place(order)
    with silenced(venue, FaultKind.RATE_LIMIT), pytest.raises(RateLimitError) as told:
        await exchange.order(ref_of(order))
    assert told.value.outcome is Outcome.REJECTED
    seen = venue.server.requests_seen
    with pytest.raises(RateLimitError) as refused:
        await exchange.order(ref_of(order))
    assert refused.value.outcome is Outcome.NOT_SENT
    assert venue.server.requests_seen == seen
    found = await as_soon_as_told(quick, lambda: exchange.order(ref_of(order)))
    assert found.client_order_id == order.client_order_id


@pytest.mark.parametrize("market", [market for market, path in PATHS if path == "websocket"])
async def test_what_rest_heard_holds_for_orders_over_the_websocket_too(quick: House, market: str) -> None:
    config = AccountConfig(order_path="websocket", order_timeout_ms=10)
    venue, member = await quick.venue(market), await quick.member(market, config)
    exchange, clock = member.exchange, quick.ports.clock
    (order,) = await orders_of(member, venue, market, 1)
    exchange.rest.limiter.still_until_ns = clock.monotonic_ns() + 3_600_000_000_000
    for call in (exchange.place(order), exchange.cancel(ref_of(order))):
        with pytest.raises(RateLimitError) as refused:
            await call
        assert refused.value.outcome is Outcome.NOT_SENT
    assert venue.desk(market).orders(member.account) == []


@contextlib.contextmanager
def silenced(venue: Venue, kind: FaultKind) -> Iterator[None]:
    """The venue answers so to everything, and asks for silence for up to ten seconds."""
    venue.server.faults.switch_on(FaultOrder(kind, seconds=10.0))
    yield
    venue.server.faults.clear()


async def as_soon_as_told(house: House, ask: Callable[[], Awaitable[Order]]) -> Order:
    """The answer, waiting whenever our own limits say so, and as long as they say."""
    for _ in range(100):
        try:
            return await ask()
        except RateLimitError as told:
            refused = told
        assert refused.outcome is Outcome.NOT_SENT
        assert refused.retry_after_ms
        await house.ports.clock.sleep(refused.retry_after_ms / 1e3)
    raise AssertionError("never let go")
