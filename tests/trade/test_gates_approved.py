"""An approved plan comes from the gates alone; where a hedge may go and how much of it; what gates know of listings."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal, getcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trade.gate_desk import FINE, LISTINGS, MS, PERPETUAL, PRICES, REST, D, GateDesk, info

from oneprice.core.states import Reason
from oneprice.errors import InvariantError
from oneprice.ledger.records import TransferTold
from oneprice.model import AssetName, OrderStatus, Side
from oneprice.model.deals import Purpose
from oneprice.trade.approved import ApprovedPlan, Refusal
from oneprice.trade.checks.amounts import balance
from oneprice.trade.figures import ceil_div, shown, signed
from oneprice.trade.gates import Gates
from oneprice.trade.switches import VenueHealth

BUY, SELL = Side.BUY, Side.SELL
replace = msgspec.structs.replace


def approved() -> ApprovedPlan:
    desk = GateDesk()
    told = desk.ask(desk.cross())
    assert isinstance(told, ApprovedPlan)
    return told


def test_nobody_else_makes_an_approved_plan() -> None:
    desk = GateDesk()
    plan = desk.cross()
    for seal in (None, object(), plan, True):
        with pytest.raises(InvariantError, match=r"only Gates\.approve"):
            ApprovedPlan(plan, desk.now_ns, seal)
    with pytest.raises(InvariantError, match=r"only Gates\.approve"):
        ApprovedPlan(plan, desk.now_ns)
    with pytest.raises(InvariantError, match="no other kinds"):
        type("Mine", (ApprovedPlan,), {})
    with pytest.raises(AttributeError):
        _ = object.__new__(ApprovedPlan).plan  # an empty one is good for nothing


def test_an_approved_plan_is_neither_changed_nor_copied() -> None:
    told = approved()
    with pytest.raises(InvariantError, match="not changed: plan"):
        told.plan = GateDesk().cross("mexc-spot")
    with pytest.raises(InvariantError, match="not changed: other"):
        told.other = 1  # type: ignore[attr-defined]
    with pytest.raises(InvariantError, match="not changed"):
        del told.plan
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(InvariantError, match="neither copied nor kept"):
            copying(told)


def test_it_says_when_it_was_approved() -> None:
    desk = GateDesk()
    told = desk.gates.approve(desk.cross(), desk.now_ns + 7)
    assert isinstance(told, ApprovedPlan)
    assert told.approved_ns == desk.now_ns + 7


def test_the_callers_arithmetic_is_left_as_it_was() -> None:
    desk, before = GateDesk(), getcontext()
    assert isinstance(desk.ask(desk.cross()), ApprovedPlan)
    assert isinstance(desk.ask(desk.plan()), Refusal)
    assert getcontext() is before
    broken = replace(desk.cross(), legs=(None,))  # type: ignore[arg-type]  # no plan at all
    with pytest.raises(AttributeError):
        desk.ask(broken)
    assert getcontext() is before


def test_gates_of_one_desk_do_not_know_what_others_sent() -> None:
    desk = GateDesk(orders_per_minute_max=2)
    told = desk.ask(desk.cross())
    assert isinstance(told, ApprovedPlan)
    desk.gates.sent(told, desk.now_ns)
    desk.stops(desk.cross(), "orders_per_minute")
    desk.gates = Gates(desk.desk)
    desk.passes(desk.cross())


# ---------------------------------------------------------------------- where a hedge may go


def test_why_a_listing_cannot_take_a_hedge() -> None:
    desk = GateDesk()
    number, (bought, _) = desk.send(desk.cross())
    desk.fill_all(bought)
    book = desk.book("mexc-spot")

    def why(side: Side = SELL, ticks: int = 500_000) -> str:
        return desk.gates.why_unusable(book, side, ticks, number, desk.now_ns)

    assert why() == why(BUY) == ""
    desk.switches.kill = desk.switches.halt = "x"
    desk.now_ns += 5_000 * MS
    assert why() == ""  # what guards entries is not asked
    desk.standings["mexc-spot"] = replace(FINE, banned_ns=1_000 * MS)
    assert "silence for 1.0 s" in why()
    desk.standings["mexc-spot"] = FINE
    desk.send(desk.plan(desk.leg("mexc-spot", BUY, "49990", **REST), group="x"))
    assert why() == ""
    assert "our own resting order at 49990" in why(ticks=499_900)
    desk.switches.health["mexc-spot"] = (VenueHealth.REDUCE_ONLY, "ill")
    assert why() == ""
    desk.switches.health["mexc-spot"] = (VenueHealth.FLAT, "ill")
    assert why() == ""
    assert "being left" in why(BUY)
    book.doubted = "another asset"
    assert "another asset" in why()
    book.doubted = ""
    desk.hub.lose(book.number, int(Reason.SEQUENCE), desk.now_ns)
    assert "did not follow" in why()


def test_how_much_a_listing_can_take_by_what_is_free_there() -> None:
    desk = GateDesk()
    spot, perpetual = desk.book("mexc-spot"), desk.book("gate-usdm")

    def room(book: object, side: Side, price: object = 50_000) -> Decimal:
        return desk.gates.room(book, side, D(str(price)), desk.now_ns)  # type: ignore[arg-type]

    assert room(spot, SELL) == 1
    assert room(spot, BUY) == D("0.199800199800199800")  # 10,000 with the fee of 0.1 %
    desk.desk.taker_fees["mexc-spot:BTCUSDT"] = D(0)
    assert room(spot, BUY) == D("0.2")
    assert room(spot, BUY, 40_000) == D("0.25")
    desk.send(desk.cross("mexc-spot", "mexc-spot", quantity="0.1"))
    assert room(spot, BUY) == D("0.1")
    assert room(spot, SELL) == D("0.9")
    assert room(perpetual, BUY) == room(perpetual, SELL) == D("0.8")  # 40,000 at a quarter
    desk.hold("gate-usdm", 2_000)
    assert room(perpetual, BUY) == D("0.6")
    assert room(perpetual, SELL) == D("0.8")  # closes 0.2, and 0.6 the other way
    perpetual.price = None
    assert room(perpetual, BUY) == 0
    assert room(perpetual, SELL) == D("0.2")
    desk.ledger.apply(TransferTold(wall_ns=1, account="mexc-spot", asset="BTC", amount=D(-2), why="gone"))
    desk.ledger.apply(TransferTold(wall_ns=1, account="mexc-spot", asset="USDT", amount=D(-20_000), why="gone"))
    assert room(spot, SELL) == room(spot, BUY) == 0


def test_margin_that_costs_nothing_leaves_room_for_much() -> None:
    desk = GateDesk(margin_share=0.0)
    assert desk.gates.room(desk.book("gate-usdm"), BUY, D(50_000), desk.now_ns) >= 10**6


@given(st.sampled_from(["mexc-spot", "gate-usdm", "binance-usdm"]), st.sampled_from([BUY, SELL]), st.integers(0, 3))
def test_a_hedge_of_all_the_room_passes_the_balance_gate(market: str, side: Side, scene: int) -> None:
    desk = GateDesk()
    if scene & 1:
        desk.hold("gate-usdm", 777)
        desk.send(desk.cross(market, market, quantity="0.01" if market != "gate-usdm" else 100))
    if scene & 2:
        account = TransferTold(wall_ns=1, account=market, asset="USDT", amount=D("-9000.5"), why="gone")
        desk.ledger.apply(account)
    book = desk.book(market)
    room = desk.gates.room(book, side, D(50_000), desk.now_ns)
    lots = int(room / (book.info.lot_size * book.info.contract_size))
    leg = replace(desk.leg(market, side, quantity=1, purpose=Purpose.HEDGE), lots=lots, value=D(0))
    told = desk.ask(desk.plan(leg))
    assert isinstance(told, Refusal)
    assert told.gate in ("reduces", "legal")  # the balance comes after
    case = desk.gates._case(desk.plan(leg), desk.now_ns)
    assert balance(case) == ""


# ---------------------------------------------------------------------- what gates know of listings


def test_a_listing_that_is_new_is_compared_with_its_group_within_a_second() -> None:
    desk = GateDesk([LISTINGS[1], LISTINGS[2]])
    desk.passes(desk.cross("gate-spot", "mexc-spot"))
    fine = info("binance-spot", tick_size=D("0.001"))
    desk.add(fine)
    desk.passes(desk.cross("gate-spot", "binance-spot"))
    desk.book("mexc-spot").price = D(50_600)
    leg = replace(desk.leg("mexc-spot", BUY, 50_600), value=D(0))
    desk.stops(desk.plan(leg), "price_band", "the median of the other venues")
    desk.now_ns += 1_000 * MS
    desk.refresh()
    desk.stops(desk.plan(leg), "price_band")
    desk.passes(desk.cross("gate-spot", "binance-spot"))


def test_a_book_with_a_finer_grid_is_counted_by_it() -> None:
    desk = GateDesk()
    book = desk.book("gate-spot")
    desk.passes(desk.cross("mexc-spot"))
    book.tick_size = D("0.01")
    desk.books.register_again(book, desk.now_ns)
    desk.quote(book, D("49999.99"), D("50000.01"))
    desk.stops(desk.cross("gate-spot"), "book_live")  # not bound yet
    desk.hub.bind(desk.stream, "quote", "gate-spot:BTCUSDT", book.number)
    desk.quote(book, D("49999.99"), D("50000.01"))
    desk.passes(desk.cross("gate-spot"))
    desk.passes(desk.cross("mexc-spot"))
    desk.now_ns += 1_000 * MS
    desk.refresh()
    desk.passes(desk.cross("gate-spot"))
    desk.passes(desk.cross("mexc-spot"))


def test_the_dearest_listing_says_what_a_quote_asset_is_worth() -> None:
    desk = GateDesk(order_notional_max=D("51"))
    desk.book("mexc-spot").price = D(51_000)
    leg = desk.leg("gate-spot", BUY, quantity="0.02", symbol="ETH/BTC")
    plan = desk.plan(leg, home=AssetName("BTC"))
    desk.passes(plan)
    desk.book("mexc-spot").price = D("51000.1")
    desk.stops(plan, "order_notional", "51.0001")


def test_a_position_in_another_quote_asset_counts_at_its_price() -> None:
    PRICES["USDC/USDT"], PRICES["BTC/USDC"] = D("0.98"), D(51_000)
    try:
        usdc = [
            info("gate-spot", "USDC", tick_size=D("0.0001"), lot_size=D("0.1")),
            info("gate-usdm", "BTC", "USDC", contract_size=D("0.0001"), **PERPETUAL),
        ]
        desk = GateDesk([*LISTINGS, *usdc], venue_exposure_max=D(100))
        desk.fund("gate-usdm", "USDC", 1_000)
        leg = desk.leg("gate-usdm", BUY, quantity=10, symbol="BTC/USDC")
        key = "gate-usdm:BTCUSDC"
        number, (name,) = desk.send(desk.plan(leg, group="x"))
        desk.fill_all(name)
        assert desk.ledger.position(key) == 10  # 49.98 USDT
        desk.passes(desk.plan(desk.leg("gate-spot", BUY, quantity="0.001")))
        desk.passes(desk.plan(desk.leg("gate-usdm", BUY, quantity=10), group="y"))
        desk.ledger.apply(TransferTold(wall_ns=1, account="gate-usdm", asset="USDC", amount=D("-990"), why="gone"))
        desk.passes(desk.plan(desk.leg("gate-usdm", BUY, quantity=10), group="y"))  # another wallet
        desk.book("gate-spot", "USDC/USDT").price = None
        desk.stops(desk.plan(desk.leg("gate-spot", BUY, quantity="0.001")), "venue_exposure", "no price of a listing")
        assert number
    finally:
        del PRICES["USDC/USDT"], PRICES["BTC/USDC"]


def test_an_order_that_is_told_of_after_its_deal_was_settled_still_counts() -> None:
    desk = GateDesk(venue_exposure_max=D(60))
    number, (name,) = desk.send(desk.plan(desk.leg("gate-spot", BUY, **REST)))
    desk.tell(name, OrderStatus.CANCELED)
    desk.settle(number)
    desk.passes(desk.plan(desk.leg("gate-spot", BUY)))
    assert desk.ledger.awaited() == []


@given(st.decimals(0, 1000, places=6), st.decimals("0.0001", 10, places=4))
def test_steps_are_rounded_up(value: Decimal, step: Decimal) -> None:
    whole = ceil_div(value, step)
    assert (whole - 1) * step < value <= whole * step or (not value and not whole)


def test_figures_for_people() -> None:
    assert shown(D("50.5000")) == "50.5"
    assert shown(D("1E+3")) == "1000"
    assert shown(D("-0.000")) == signed(D("0E-9")) == "0"
    assert signed(D("0.10")) == "+0.1"
    assert signed(D("-3.0")) == "-3"
