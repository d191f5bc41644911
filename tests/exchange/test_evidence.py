"""Looking for an order of unknown outcome: what proves that it never was, and what does not."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oneprice.errors import OrderNotFoundError
from oneprice.exchange.evidence import find_order
from oneprice.exchange.view import OrderView
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    Order,
    OrderRef,
    OrderStatus,
    Symbol,
    SymbolInfo,
)

LISTING = SymbolInfo(
    venue=ExchangeName("testvenue"),
    market=MarketKind.SPOT,
    symbol=Symbol(AssetName("BTC"), AssetName("USDT")),
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.001"),
)
STRANGERS = Order(listing=LISTING, venue_order_id="99", status=OrderStatus.NEW)
OURS = Order(listing=LISTING, venue_order_id="17", client_order_id="ours-1", status=OrderStatus.NEW)
REF = OrderRef(listing=LISTING, client_order_id="ours-1")


class NeverFound:
    """An exchange that never finds the order by its id; `open_now` are its open orders."""

    def __init__(self, open_now: Sequence[Order]) -> None:
        self.view, self.asked = OrderView(), 0
        self.rest = SimpleNamespace(venue_clock=SimpleNamespace(offset_ns=0))
        self._open_now = list(open_now)

    async def order(self, ref: OrderRef) -> Order:
        self.asked += 1
        raise OrderNotFoundError("testvenue", "no such order")

    async def open_orders(self, listed: object) -> list[Order]:
        return self._open_now

    async def fills(self, listed: object, since_ns: int) -> list[object]:
        return []


async def look(world: Any, exchange: NeverFound, ref: OrderRef, *, findable_after_s: float, for_s: float) -> Any:
    account = SimpleNamespace(findable_after_s=findable_after_s)
    parts = (cast(Any, exchange), cast(Any, account), exchange.view, cast(Any, exchange.rest), world.clock, ref)
    search = find_order(*parts, sent_ns=world.clock.wall_ns(), for_s=for_s)
    return await world.clock.run(search)


async def test_not_found_proves_nothing_while_the_order_is_young(world) -> None:
    exchange = NeverFound([STRANGERS])
    with pytest.raises(OrderNotFoundError):
        await look(world, exchange, REF, findable_after_s=15.0, for_s=5.0)
    assert exchange.asked > 3


async def test_not_found_is_believed_once_the_venue_has_had_its_time(world) -> None:
    assert await look(world, NeverFound([STRANGERS]), REF, findable_after_s=3.0, for_s=30.0) is None


async def test_an_open_order_is_found_though_its_id_is_not_yet(world) -> None:
    assert await look(world, NeverFound([STRANGERS, OURS]), REF, findable_after_s=15.0, for_s=5.0) == OURS


async def test_an_order_without_our_id_is_not_taken_for_one_that_is_meant_by_the_venues_id(world) -> None:
    ref = OrderRef(listing=LISTING, venue_order_id="17")
    assert await look(world, NeverFound([STRANGERS]), ref, findable_after_s=3.0, for_s=30.0) is None
    assert await look(world, NeverFound([STRANGERS, OURS]), ref, findable_after_s=3.0, for_s=30.0) == OURS
