"""What `health_check` says of an account that could trade, and of one that could not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from tests.exchange.accounts import House, bitcoin, lots_of_worth

from oneprice.errors import NetworkError
from oneprice.exchange import AccountConfig, Health
from oneprice.model import Fill, NewOrder, Order, OrderStatus, OrderType, Side
from oneprice.sim.faults import FaultKind, FaultOrder

pytestmark = pytest.mark.asyncio(loop_scope="module", loop_factories=["uvloop"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    opened = House()
    yield opened
    await opened.close()


def bad(health: Health) -> dict[str, str]:
    """What is wrong, by the name of the point."""
    return {point.name: point.told for point in health.points if not point.ok}


@pytest.mark.parametrize("market", ["binance-spot", "gate-usdm", "mexc-spot"])
async def test_an_account_that_stands_is_healthy_in_every_point(house: House, market: str) -> None:
    member = await house.member(market, AccountConfig())
    health = await member.exchange.health_check()
    assert bad(health) == {}
    assert health.ok
    names = [point.name for point in health.points]
    assert names[:4] == ["venue", "clock", "key", "private stream"]
    assert ("order entry" in names) == (market != "mexc-spot")


async def test_a_clock_that_is_off_and_an_order_of_unknown_outcome_are_named(house: House) -> None:
    market = "gate-spot"
    venue = await house.venue(market)
    member = await house.member(market, AccountConfig(order_path="rest", order_timeout_ms=50))
    rules = await member.exchange.public.rules(bitcoin(market))
    price = Decimal(50000)
    order = NewOrder(
        listing=rules,
        side=Side.BUY,
        client_order_id="lost-1",
        type=OrderType.LIMIT_MAKER,
        quantity=lots_of_worth(rules, price),
        price=price,
    )
    venue.fault(FaultKind.LOST_REQUEST)
    with pytest.raises(NetworkError):
        await member.exchange.place(order)
    venue.server.faults.clear()
    venue.server.faults.switch_on(FaultOrder(FaultKind.CLOCK_SKEW, seconds=20, delay_ms=3_000))
    told = bad(await member.exchange.health_check())
    venue.server.faults.clear()
    assert "lost-1" in told["orders"]
    assert "ms off ours" in told["clock"]


async def test_fills_after_their_orders_end_and_answers_to_nobody_are_told(house: House) -> None:
    member = await house.member("gate-spot", AccountConfig(order_path="websocket"))
    rules = await member.exchange.public.rules(bitcoin("gate-spot"))
    view = member.exchange.view
    view.merge(Order(listing=rules, venue_order_id="9", status=OrderStatus.CANCELED, filled_quantity=Decimal(0)))
    assert "fills" not in bad(await member.exchange.health_check())
    view.book(
        Fill(
            listing=rules,
            venue_fill_id="1",
            venue_order_id="9",
            side=Side.BUY,
            price=Decimal(1),
            quantity=Decimal(1),
            time_ns=1,
        )
    )
    member.exchange.figures.unasked += 2
    health = await member.exchange.health_check()
    assert bad(health).keys() == {"fills"}
    told = {point.name: point.told for point in health.points}
    assert told["fills"].startswith("1 came ")
    assert told["order entry"].startswith("ready; 2 answers ")


async def test_a_venue_in_maintenance_is_no_place_to_trade(house: House) -> None:
    venue, member = await house.venue("binance-usdm"), await house.member("binance-usdm", AccountConfig())
    venue.server.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, seconds=20))
    told = bad(await member.exchange.health_check())
    venue.server.faults.clear()
    assert {"venue", "key"} <= told.keys()
