"""An order sent twice under one id: the refusal of the second is evidence of the first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.exchange.accounts import House, bitcoin, lots_of_worth, on_tick, ref_of

from oneprice.errors import DuplicateOrderError, NetworkError
from oneprice.exchange import AccountConfig
from oneprice.model import NewOrder, OrderStatus, Side
from oneprice.sim.faults import FaultKind


@pytest.mark.parametrize("market", ["binance-spot", "binance-usdm"])
async def test_a_refused_duplicate_does_not_make_the_first_order_a_refused_one(market: str) -> None:
    house = House()
    try:
        venue = await house.venue(market)
        member = await house.member(market, AccountConfig(order_path="rest", order_timeout_ms=50))
        rules = await member.exchange.public.rules(bitcoin(market))
        book = await member.exchange.public.order_book(bitcoin(market), 5)
        price = on_tick(rules, book.bids[0].price * Decimal("0.99"))
        order = NewOrder(
            listing=rules,
            side=Side.BUY,
            client_order_id="twice-1",
            quantity=lots_of_worth(rules, price),
            price=price,
        )
        await member.exchange.following.stop()  # nobody tells of the order but the answers
        venue.fault(FaultKind.LOST_ACK, count=1)
        with pytest.raises(NetworkError):
            await member.exchange.place(order)
        with pytest.raises(DuplicateOrderError):
            await member.exchange.place(order)
        assert member.status(ref_of(order)) is OrderStatus.UNKNOWN
        found = await member.exchange.find(ref_of(order))
        assert found is not None
        assert member.status(ref_of(order)) is OrderStatus.NEW
    finally:
        await house.close()
