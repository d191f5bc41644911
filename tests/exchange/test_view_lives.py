"""In whichever order, however often and however late an order's messages come, what is known in the end is the same."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.exchange import view as view_module
from oneprice.exchange.view import OrderView
from oneprice.model import (
    AssetName,
    ExchangeName,
    Fill,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)

LISTING = SymbolInfo(
    venue=ExchangeName("testvenue"),
    market=MarketKind.SPOT,
    symbol=Symbol(AssetName("BTC"), AssetName("USDT")),
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(1),
)
PRICE = Decimal(100)
WANTED = NewOrder(listing=LISTING, side=Side.BUY, client_order_id="ours", quantity=Decimal(10), price=PRICE)
REF = OrderRef(listing=LISTING, client_order_id="ours")
RANKS = {
    OrderStatus.UNKNOWN: 0,
    OrderStatus.PENDING_NEW: 0,
    OrderStatus.NEW: 1,
    OrderStatus.PARTIALLY_FILLED: 2,
    OrderStatus.CANCELED: 3,
    OrderStatus.EXPIRED: 3,
    OrderStatus.FILLED: 3,
}


class Life(NamedTuple):
    """The messages of an order's life in their own order, and how it ends."""

    messages: list[Order | Fill]
    status: OrderStatus
    filled: Decimal


def state(status: OrderStatus, filled: int, at: int, **fields: object) -> Order:
    whole = Order(
        listing=LISTING,
        venue_order_id="17",
        client_order_id="ours",
        status=status,
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=PRICE,
        quantity=Decimal(10),
        filled_quantity=Decimal(filled),
        filled_quote=filled * PRICE,
        time_ns=at,
        created_ns=1,
    )
    return msgspec.structs.replace(whole, **fields)


TERSE = {
    "as it is": {},
    "by the venue's id alone": {"client_order_id": ""},
    "without what was asked for": {"side": None, "type": None, "time_in_force": None, "price": None, "quantity": None},
    "without a time": {"time_ns": 0, "created_ns": 0},
}
"""Not every venue tells everything in every message."""


@st.composite
def lives(draw: st.DrawFn) -> Life:
    sizes = draw(st.lists(st.integers(1, 4), max_size=4))
    while sum(sizes) > 10:
        sizes.pop()
    filled, at = 0, 1
    messages: list[Order | Fill] = [state(OrderStatus.NEW, 0, at)]
    if draw(st.booleans()):  # an answer that tells no more than that the order was taken
        messages.append(state(OrderStatus.NEW, 0, 0, filled_quantity=None, filled_quote=None, created_ns=0))
    for number, size in enumerate(sizes):
        filled, at = filled + size, at + 1
        status = OrderStatus.FILLED if filled == 10 else OrderStatus.PARTIALLY_FILLED
        messages.append(state(status, filled, at))
        messages.append(
            Fill(
                listing=LISTING,
                venue_fill_id=f"f{number}",
                venue_order_id="17",
                side=Side.BUY,
                price=PRICE,
                quantity=Decimal(size),
                time_ns=at,
            )
        )
    end = OrderStatus.FILLED
    if filled < 10:
        end = draw(st.sampled_from([OrderStatus.CANCELED, OrderStatus.EXPIRED]))
        messages.append(state(end, filled, at + 1, reason="ended"))
    told = [
        msgspec.structs.replace(one, **TERSE[draw(st.sampled_from(list(TERSE)))]) if isinstance(one, Order) else one
        for one in messages[1:]
    ]
    told = [messages[0], *told]  # one message at least names it by our id
    return Life(told, end, Decimal(filled))


@st.composite
def tellings(draw: st.DrawFn) -> tuple[Life, list[Order | Fill]]:
    """A life, and its messages as they come: all of them, in any order, some again."""
    life = draw(lives())
    again = draw(st.lists(st.sampled_from(life.messages), max_size=6))
    return life, draw(st.permutations([*life.messages, *again]))


def tell(view: OrderView, messages: list[Order | Fill]) -> tuple[list[Order], list[Fill]]:
    """What listeners hear."""
    orders, fills = [], []
    for message in messages:
        if isinstance(message, Fill):
            if view.book(message):
                fills.append(message)
        elif (merged := view.merge(message)) is not None:
            orders.append(merged)
    return orders, fills


@given(tellings(), st.booleans())
def test_every_telling_of_a_life_ends_the_same(telling: tuple[Life, list[Order | Fill]], lost: bool) -> None:
    life, messages = telling
    view = OrderView()
    view.expect(WANTED)
    if lost:
        view.settle("ours", OrderStatus.UNKNOWN, "no answer")
    _, fills = tell(view, messages)
    known = view.get(REF)
    assert known is not None
    assert (known.status, known.filled_quantity) == (life.status, life.filled)
    assert known.filled_quote == life.filled * PRICE
    assert (known.client_order_id, known.venue_order_id) == ("ours", "17")
    assert (known.side, known.price, known.quantity) == (Side.BUY, PRICE, Decimal(10))
    assert known.reason == ("" if life.status is OrderStatus.FILLED else "ended")
    assert view.open == []
    assert view.get(OrderRef(listing=LISTING, venue_order_id="17")) == known
    assert sorted(fill.venue_fill_id for fill in fills) == sorted(
        one.venue_fill_id for one in life.messages if isinstance(one, Fill)
    )
    assert view.late_fills == 0


@given(tellings())
def test_listeners_hear_legal_changes_only_and_none_twice(telling: tuple[Life, list[Order | Fill]]) -> None:
    _, messages = telling
    view = OrderView()
    view.expect(WANTED)
    orders, _ = tell(view, messages)
    ranks = [RANKS[one.status] for one in orders]
    assert ranks == sorted(ranks)
    filled = [one.filled_quantity or Decimal(0) for one in orders]
    assert filled == sorted(filled)
    assert all(one != other for one, other in itertools.pairwise(orders))


@given(tellings(), st.integers(0, 3))
def test_our_own_conclusion_yields_to_what_the_venue_tells(
    telling: tuple[Life, list[Order | Fill]], place: int
) -> None:
    life, messages = telling
    view = OrderView()
    view.expect(WANTED)
    tell(view, messages[:place])
    view.settle("ours", OrderStatus.UNKNOWN, "no answer")
    tell(view, messages[place:])
    known = view.get(REF)
    assert known is not None
    assert (known.status, known.filled_quantity) == (life.status, life.filled)


@given(tellings())
def test_what_a_list_of_open_orders_lacks_is_found(telling: tuple[Life, list[Order | Fill]]) -> None:
    _, messages = telling
    view = OrderView()
    view.expect(WANTED)
    tell(view, messages[:2])
    assert view.missing([]) == view.open
    listed = state(OrderStatus.NEW, 0, 1)
    view.merge(listed)  # as every answer is
    assert view.missing([listed]) == []
    assert view.missing([msgspec.structs.replace(listed, client_order_id="")]) == []


def fill(number: int, quantity: int) -> Fill:
    return Fill(
        listing=LISTING,
        venue_fill_id=f"f{number}",
        venue_order_id="17",
        side=Side.BUY,
        price=PRICE,
        quantity=Decimal(quantity),
        time_ns=9,
    )


def test_a_fill_that_an_orders_end_did_not_reckon_with_is_booked_and_counted() -> None:
    view = OrderView()
    view.merge(state(OrderStatus.CANCELED, 3, 5))
    assert view.book(fill(1, 3))
    assert view.late_fills == 0
    assert view.book(fill(2, 1))
    assert view.late_fills == 1
    assert not view.book(fill(2, 1))
    assert view.late_fills == 1


def test_the_same_fill_id_at_another_listing_is_another_fill() -> None:
    view = OrderView()
    elsewhere = msgspec.structs.replace(LISTING, venue_symbol="ETHUSDT")
    assert view.book(fill(1, 1))
    assert view.book(msgspec.structs.replace(fill(1, 1), listing=elsewhere))


def test_an_order_that_was_never_sent_is_not_there() -> None:
    view = OrderView()
    view.expect(WANTED)
    assert [one.status for one in view.open] == [OrderStatus.PENDING_NEW]
    view.drop("ours")
    assert view.open == []
    assert view.get(REF) is None
    assert not view.has("ours")


def test_memory_is_bounded_by_what_is_kept_of_ended_orders_and_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "ENDED_KEPT", 10)
    monkeypatch.setattr(view_module, "FILLS_KEPT", 20)
    view = OrderView()
    for number in range(100):
        view.merge(state(OrderStatus.CANCELED, 0, 1, client_order_id=f"o{number}", venue_order_id=str(number)))
        view.book(msgspec.structs.replace(fill(number, 1), venue_order_id=str(number)))
    assert len(view._ended) == len(view._names) == 10
    assert len(view._fills) == 20
    assert len(view._booked) <= 20
    assert view.get(OrderRef(listing=LISTING, client_order_id="o99")) is not None
    assert view.get(OrderRef(listing=LISTING, venue_order_id="5")) is None
