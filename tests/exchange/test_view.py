"""What is known of orders and fills: messages late, twice, and under other names."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from oneprice.exchange.view import OrderView
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    OrderStatus,
    Side,
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
NEW = NewOrder(listing=LISTING, side=Side.BUY, client_order_id="ours-1", quantity=Decimal(2), price=Decimal(100))
TOLD = Order(
    listing=LISTING,
    venue_order_id="17",
    client_order_id="ours-1",
    status=OrderStatus.NEW,
    side=Side.BUY,
    quantity=Decimal(2),
    filled_quantity=Decimal(0),
)
BY_OURS, BY_VENUES = OrderRef(listing=LISTING, client_order_id="ours-1"), OrderRef(listing=LISTING, venue_order_id="17")


@pytest.fixture
def view() -> OrderView:
    view = OrderView()
    view.expect(NEW)
    view.merge(TOLD)
    return view


def test_an_order_keeps_our_id_when_the_venue_names_it_by_its_cancels(view: OrderView) -> None:
    ended = msgspec.structs.replace(TOLD, client_order_id="x-cancel", status=OrderStatus.CANCELED)
    merged = view.merge(ended)
    assert merged is not None
    assert (merged.client_order_id, merged.status) == ("ours-1", OrderStatus.CANCELED)
    assert view.get(BY_OURS) == view.get(BY_VENUES) == merged
    assert not view.open
    assert view.merge(ended) is None


def test_an_order_first_told_by_the_venues_id_alone_gets_our_id_when_it_is_told() -> None:
    view = OrderView()
    view.merge(msgspec.structs.replace(TOLD, client_order_id=""))
    view.merge(TOLD)
    assert [order.client_order_id for order in view.open] == ["ours-1"]
    assert view.get(BY_OURS) == view.get(BY_VENUES)


def test_an_order_that_we_took_for_refused_lives_when_the_venue_tells_of_it() -> None:
    view = OrderView()
    view.expect(NEW)
    settled = view.settle("ours-1", OrderStatus.REJECTED, "the venue has never had it")
    assert settled is not None
    assert settled.is_over
    assert not view.open
    merged = view.merge(TOLD)
    assert merged is not None
    assert (merged.status, merged.reason, merged.price) == (OrderStatus.NEW, "", Decimal(100))
    assert view.open == [merged] == [view.get(BY_OURS)]


def test_an_order_that_the_venue_has_refused_stays_so() -> None:
    view = OrderView()
    view.merge(msgspec.structs.replace(TOLD, status=OrderStatus.REJECTED))
    view.merge(TOLD)
    assert not view.open


def test_an_order_first_told_under_a_strange_name_becomes_the_one_that_was_sent() -> None:
    view = OrderView()
    view.expect(NEW)
    view.merge(msgspec.structs.replace(TOLD, client_order_id="x-cancel", status=OrderStatus.CANCELED))
    view.merge(TOLD)
    assert not view.open
    ended = view.get(BY_OURS)
    assert ended is not None
    assert (ended.status, ended.venue_order_id, ended.client_order_id) == (OrderStatus.CANCELED, "17", "ours-1")
