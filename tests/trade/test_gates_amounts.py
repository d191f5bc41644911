"""Amounts: what an order, a venue, an asset and a deal may come to at worst, with all that is open counted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trade.gate_desk import LISTINGS, MS, REST, D, GateDesk, info

from oneprice.errors import InvalidOrderError, NotSupported
from oneprice.exchange.legal import require_legal
from oneprice.ledger.records import TransferTold
from oneprice.model import AssetName, NewOrder, OrderStatus, Side
from oneprice.model.deals import DealState, Plan, Purpose
from oneprice.trade.approved import Refusal

BUY, SELL = Side.BUY, Side.SELL
replace = msgspec.structs.replace


def plenty(**risk: Any) -> GateDesk:
    """Nothing is limited but what is named."""
    wide: dict[str, Any] = {
        "order_notional_max": D(10**9),
        "venue_exposure_max": D(10**9),
        "position_notional_max": D(10**9),
        "unhedged_notional_max": D(10**9),
        "open_deals_max": 1_000,
    }
    return GateDesk(**(wide | risk))


def other(plan: Plan) -> Plan:
    """The same in a group of its own, so that it is another deal."""
    return replace(plan, group="x")


# ---------------------------------------------------------------------- by the listing's rules


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lots": 0}, ("a quantity of 0", "0.00002 is the least", "min_quantity")),
        ({"lots": -5}, ("-0.00005", "min_quantity")),
        ({"lots": 1}, ("0.00001; 0.00002 is the least",)),
        ({"lots": 1_000_001}, ("10.00001; 10 is the most", "max_quantity")),
        ({"price_ticks": 0}, ("0 ticks", "tick_size 0.1")),
        ({"price_ticks": -1}, ("-1 ticks",)),
        ({"lots": 9}, ("0.00009 at 50000 is worth 4.5 USDT; 5 are asked for", "min_notional")),
        ({"reduce_only": True}, ("reduce_only is for perpetuals",)),
    ],
)
def test_an_order_that_breaks_a_rule_of_its_listing_is_refused(change: dict[str, Any], words: tuple[str, ...]) -> None:
    desk = plenty()
    leg = replace(desk.leg("gate-spot", BUY), value=D(0))
    desk.passes(desk.plan(leg))
    desk.stops(desk.plan(replace(leg, **change)), "legal", *words)


@pytest.mark.parametrize("lots", [10, 11, 999_999, 1_000_000])
def test_an_order_at_the_edge_of_its_rules_passes(lots: int) -> None:
    desk = plenty()
    desk.fund("gate-spot", "FDUSD", 0)
    leg = replace(desk.leg("gate-spot", SELL), lots=lots, value=D(0))
    desk.ledger.apply(TransferTold(wall_ns=1, account="gate-spot", asset="BTC", amount=D(100), why=""))
    desk.passes(desk.plan(leg))


def test_a_listing_that_takes_no_orders_is_refused() -> None:
    desk = plenty()
    book = desk.book("gate-spot")
    book.info = replace(book.info, tradable=False, status="BREAK")
    desk.stops(desk.cross(), "legal", "BREAK")


def test_a_minimum_between_two_lots_is_rounded_up() -> None:
    desk = GateDesk([info("gate-spot", min_quantity=D("0.000205"), min_notional=D(0)), LISTINGS[0], LISTINGS[2]])
    desk.stops(desk.plan(desk.leg("gate-spot", BUY, quantity="0.0002")), "legal", "0.00021 is the least")
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, quantity="0.00021")))


def test_what_reduces_a_position_needs_no_minimum_notional() -> None:
    desk = plenty()
    desk.hold("gate-usdm", -1)
    leg = desk.leg("gate-usdm", BUY, quantity=1, purpose=Purpose.FLATTEN, reduce_only=True)
    desk.passes(desk.plan(leg))
    book = desk.book("gate-usdm")
    book.info = replace(book.info, min_notional=D(6))
    leg = replace(leg, listing=book.info)
    desk.passes(desk.plan(leg))
    desk.stops(desk.plan(replace(leg, reduce_only=False)), "legal", "is worth 5 USDT; 6 are asked for")


RULES = st.builds(
    lambda tick, lot, least, most, notional, size: info(
        "gate-usdm",
        tick_size=D(tick),
        lot_size=D(lot),
        min_quantity=D(least),
        max_quantity=None if most is None else D(most),
        min_notional=D(notional),
        contract_size=D(size),
    ),
    st.sampled_from(["0.1", "0.05", "1", "0.0025"]),
    st.sampled_from(["1", "0.003", "0.00001"]),
    st.sampled_from(["0", "1", "0.0047", "2"]),
    st.sampled_from([None, "5", "5.5", "1"]),
    st.sampled_from(["0", "5", "10", "333.3"]),
    st.sampled_from(["1", "0.0001", "10"]),
)


@given(RULES, st.integers(-2, 6_000), st.integers(0, 10_000), st.booleans())
def test_legality_is_that_of_the_order_path(rules: Any, lots: int, ticks: int, reduce_only: bool) -> None:
    desk = plenty()
    book = desk.book("gate-usdm")
    book.info = rules
    leg = replace(desk.leg("gate-usdm", BUY, 1, 1, reduce_only=reduce_only), lots=lots, price_ticks=ticks)
    order = NewOrder(
        listing=rules,
        side=BUY,
        client_order_id="x",
        price=leg.price,
        quantity=leg.quantity,
        reduce_only=reduce_only,
    )
    try:
        require_legal(order)
        is_legal = True
    except (InvalidOrderError, NotSupported):
        is_legal = False
    told = desk.ask(desk.plan(leg))
    assert (isinstance(told, Refusal) and told.gate == "legal") is not is_legal


# ---------------------------------------------------------------------- one order


def test_an_order_may_be_worth_so_much() -> None:
    desk = GateDesk()
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, quantity="0.001")))
    desk.stops(
        desk.plan(desk.leg("gate-spot", BUY, quantity="0.00101")),
        "order_notional", "50.5 USDT; 50 are allowed", "(risk.order_notional_max)",
    )  # fmt: skip


def test_an_order_counts_at_its_worst_price_or_as_expected_where_that_is_more() -> None:
    desk = GateDesk()
    dear = desk.leg("gate-spot", BUY, 50_050, quantity="0.001", value=D(50))
    desk.stops(desk.plan(dear), "order_notional", "50.05")
    sold = desk.leg("gate-spot", SELL, 49_950, quantity="0.001", value=D("50.2"))
    desk.stops(desk.plan(sold), "order_notional", "50.2")
    desk.passes(desk.plan(replace(sold, value=D(50))))


def test_contracts_count_by_their_size() -> None:
    desk = GateDesk()
    desk.passes(desk.plan(desk.leg("gate-usdm", BUY, quantity=10)))
    desk.stops(desk.plan(desk.leg("gate-usdm", BUY, quantity=11)), "order_notional", "55")


def test_orders_paid_in_another_asset_count_by_its_price() -> None:
    desk = GateDesk()
    leg = desk.leg("gate-spot", BUY, quantity="0.02", symbol="ETH/BTC")  # 0.001 BTC
    desk.passes(desk.plan(leg, home=AssetName("BTC")))
    more = desk.leg("gate-spot", BUY, quantity="0.0201", symbol="ETH/BTC")
    desk.stops(desk.plan(more, home=AssetName("BTC")), "order_notional", "50.25 USDT")
    for book in desk.books:
        if book.group == "BTC/USDT":
            book.price = None
    desk.stops(desk.plan(leg, home=AssetName("BTC")), "order_notional", "no price of BTC in USDT", "50")


# ---------------------------------------------------------------------- a venue


def test_a_venue_holds_so_much_at_worst_over_all_its_markets() -> None:
    desk = plenty(venue_exposure_max=D(100))
    desk.send(desk.plan(desk.leg("gate-usdm", BUY, quantity=8, price=50_000, **REST)))
    desk.passes(desk.cross(quantity="0.0012"))
    desk.stops(
        desk.cross(quantity="0.00121"),
        "venue_exposure", "gate: 100.5 USDT at worst with this; 100 are allowed", "(risk.venue_exposure_max)",
    )  # fmt: skip
    desk.passes(desk.cross("mexc-spot", quantity="0.00121"))


def test_legs_at_one_venue_count_together() -> None:
    desk = plenty(venue_exposure_max=D(100))
    legs = desk.leg("gate-spot", BUY, quantity="0.0012"), desk.leg("gate-usdm", SELL, quantity=8)
    desk.passes(desk.plan(*legs))
    desk.stops(desk.plan(legs[0], replace(legs[1], lots=9)), "venue_exposure", "105")
    again = desk.leg("gate-spot", BUY, quantity="0.0008"), desk.leg("gate-spot", BUY, quantity="0.0012")
    desk.passes(desk.plan(*again))
    desk.stops(desk.plan(*again, legs[1]), "venue_exposure", "140")


def test_an_order_that_may_close_a_position_makes_the_venue_hold_no_more() -> None:
    desk = plenty(venue_exposure_max=D(100))
    desk.hold("gate-usdm", -20)  # short, worth 100
    desk.passes(desk.plan(desk.leg("gate-usdm", BUY, quantity=40)))
    desk.stops(desk.plan(desk.leg("gate-usdm", BUY, quantity=41)), "venue_exposure", "105")
    desk.stops(desk.plan(desk.leg("gate-usdm", SELL, quantity=1)), "venue_exposure", "105")
    desk.book("gate-usdm").price = D(60_000)
    desk.stops(desk.plan(desk.leg("gate-usdm", BUY, 60_000, quantity=1)), "price_band")
    desk.book("gate-usdm").price = D(50_400)
    desk.stops(desk.plan(desk.leg("gate-usdm", BUY, quantity=1)), "venue_exposure", "100.8")


def test_what_a_deal_has_bought_on_spot_counts_until_it_is_settled() -> None:
    desk = plenty(venue_exposure_max=D(100))
    number, (bought, sold) = desk.send(desk.cross(quantity="0.0012"))
    desk.fill_all(bought)
    desk.fill_all(sold)
    desk.passes(other(desk.cross(quantity="0.0008")))
    desk.stops(other(desk.cross(quantity="0.00081")), "venue_exposure", "100.5")
    desk.settle(number)
    desk.passes(other(desk.cross(quantity="0.002")))


def test_a_position_without_a_price_stops_entries_at_its_venue() -> None:
    desk = plenty()
    desk.hold("gate-usdm", 1)
    desk.book("gate-usdm").price = None
    desk.stops(desk.cross(), "venue_exposure", "no price of a listing of gate")
    desk.passes(desk.cross("mexc-spot"))


# ---------------------------------------------------------------------- an asset


def test_an_asset_is_held_so_much_net_over_all_venues() -> None:
    desk = plenty(position_notional_max=D(100))
    number, (bought, sold) = desk.send(desk.cross(quantity="0.0012"))
    desk.fill_all(bought)
    desk.passes(other(desk.cross("mexc-spot", quantity="0.0008")))  # 60 held, 60 may be sold: 40 more
    desk.stops(
        other(desk.cross("mexc-spot", quantity="0.00081")),
        "position", "BTC worth 100.5 USDT at worst", "100 are allowed", "(risk.position_notional_max)",
    )  # fmt: skip
    desk.fill_all(sold)
    desk.passes(other(desk.cross("mexc-spot", quantity="0.002")))
    desk.stops(other(desk.cross("mexc-spot", quantity="0.00201")), "position")
    assert desk.ledger.deals[number].exposure() == {}


def test_both_sides_of_open_orders_are_counted_each_for_itself() -> None:
    desk = plenty(position_notional_max=D(100))
    desk.send(desk.cross(quantity="0.0012"))
    desk.passes(other(desk.cross("mexc-spot", quantity="0.0008")))
    desk.stops(other(desk.cross("mexc-spot", quantity="0.00081")), "position")
    desk.stops(other(desk.plan(desk.leg("binance-usdm", SELL, quantity="0.00081"))), "position")


def test_an_order_of_unknown_outcome_keeps_its_worst_until_evidence_comes() -> None:
    desk = plenty(position_notional_max=D(100))
    number, (bought, sold) = desk.send(desk.cross(quantity="0.0012"))
    desk.tell(bought, OrderStatus.UNKNOWN)
    desk.tell(sold, OrderStatus.REJECTED)
    desk.now_ns += 100_000_000 * MS
    desk.refresh()
    plan = other(desk.cross("mexc-spot", quantity="0.00081"))
    desk.stops(plan, "position")
    desk.tell(bought, OrderStatus.REJECTED)
    desk.passes(plan)
    assert number in desk.ledger.deals


def test_what_settled_deals_have_carried_counts() -> None:
    desk = plenty(position_notional_max=D(100))
    number, (bought, sold) = desk.send(desk.cross(quantity="0.0012"))
    desk.fill_all(bought)
    desk.tell(sold, OrderStatus.REJECTED)
    desk.settle(number, carried="0.0002")
    desk.passes(desk.cross(quantity="0.0018"))
    desk.stops(desk.cross(quantity="0.00181"), "position", "100.5")
    desk.stops(desk.plan(desk.leg("mexc-spot", SELL, quantity="0.00221")), "position", "100.5")
    desk.passes(desk.plan(desk.leg("mexc-spot", SELL, quantity="0.0022")))


def test_a_cycle_counts_what_it_pays_with_too() -> None:
    desk = plenty(position_notional_max=D(45))
    cycle = desk.plan(
        desk.leg("gate-spot", BUY, quantity="0.0008"),
        desk.leg("gate-spot", BUY, quantity="0.016", symbol="ETH/BTC"),
        desk.leg("gate-spot", SELL, quantity="0.016", symbol="ETH/USDT"),
        group="USDT",
    )
    desk.passes(cycle)
    desk.send(
        desk.plan(desk.leg("gate-spot", SELL, quantity="0.0021", symbol="ETH/BTC"), group="x", home=AssetName("BTC"))
    )
    desk.stops(cycle, "position")


def test_an_asset_that_is_paid_with_another_counts_in_the_base_currency() -> None:
    desk = plenty(position_notional_max=D(100))
    leg = desk.leg("gate-spot", BUY, quantity="0.02", symbol="ETH/BTC")  # 50
    number, (name,) = desk.send(desk.plan(leg, home=AssetName("BTC"), group="x"))
    desk.fill_all(name)
    again = desk.plan(leg, home=AssetName("BTC"), group="y")
    desk.passes(again)
    more = desk.plan(replace(leg, lots=201), home=AssetName("BTC"), group="y")
    desk.stops(more, "position", "ETH worth 100.25 USDT")
    assert desk.ledger.deals[number].exposure() == {"ETH": D("0.02")}


def test_the_base_currency_itself_is_no_position() -> None:
    desk = plenty(position_notional_max=D(10), unhedged_notional_max=D(40))
    cycle = desk.plan(desk.leg("gate-spot", BUY), group="BTC", home=AssetName("BTC"))
    desk.passes(cycle)
    desk.stops(replace(cycle, legs=(replace(cycle.legs[0], lots=81),)), "unhedged", "40.5")


# ---------------------------------------------------------------------- a deal


def test_a_deal_may_be_left_unequal_by_so_much() -> None:
    desk = plenty(unhedged_notional_max=D(60))
    desk.passes(desk.cross(quantity="0.0012"))
    desk.stops(
        desk.cross(quantity="0.00121"),
        "unhedged", "60.5 USDT would be unhedged at worst", "60 are allowed", "(risk.unhedged_notional_max)",
    )  # fmt: skip
    desk.send(desk.cross("mexc-spot", quantity="0.0012"))
    desk.passes(other(desk.cross(quantity="0.0012")))  # each deal for itself; the asset has its own limit


def test_a_cycle_can_leave_two_assets_unequal() -> None:
    desk = plenty(unhedged_notional_max=D(80))
    legs = (
        desk.leg("gate-spot", BUY, quantity="0.0008"),
        desk.leg("gate-spot", BUY, quantity="0.016", symbol="ETH/BTC"),
        desk.leg("gate-spot", SELL, quantity="0.016", symbol="ETH/USDT"),
    )
    desk.passes(desk.plan(*legs, group="USDT"))
    more = desk.plan(desk.leg("gate-spot", BUY, quantity="0.00081"), *legs[1:], group="USDT")
    desk.stops(more, "unhedged", "80.5")


def test_another_quote_of_a_deal_counts_beside_what_is_still_out() -> None:
    desk = plenty(unhedged_notional_max=D(60))
    quote = desk.plan(desk.leg("gate-spot", BUY, quantity="0.001", **REST))
    number, (name,) = desk.send(quote)
    again = replace(quote, deal=number)
    desk.stops(again, "unhedged", "100 USDT")
    desk.fill(name, "0.0002")
    desk.tell(name, OrderStatus.CANCELED, "0.0002")
    desk.passes(again)
    desk.fill(desk.order(number, desk.leg("gate-spot", BUY, quantity="0.0002")), "0.0002")
    desk.stops(again, "unhedged", "70 USDT")


# ---------------------------------------------------------------------- a day


def test_a_day_may_lose_so_much() -> None:
    desk = plenty(daily_loss_max=D(20), open_deals_max=1_000)

    def lose(usdt: str) -> None:
        number, (bought, sold) = desk.send(desk.cross(quantity="0.01"))
        desk.fill(bought, "0.01", 50_000)
        desk.fill(sold, "0.01", D(50_000) - D(usdt) * 100)
        for name in (bought, sold):
            desk.tell(name, OrderStatus.FILLED, "0.01")
        desk.settle(number)

    lose("19.99")
    desk.passes(desk.cross())
    lose("0.01")
    text = desk.stops(desk.cross(), "daily_loss", "-20 USDT realised today", "(risk.daily_loss_max)")
    assert "ends at -20 until midnight UTC" in text
    number = desk.deal(desk.cross())
    name = desk.order(number, desk.leg("gate-spot", BUY))
    desk.fill_all(name)
    desk.passes(desk.hedge(number, desk.leg("mexc-spot", SELL)))
    desk.settle(number)
    desk.wall_ns += 86_400_000_000_000
    desk.passes(desk.cross())


# ---------------------------------------------------------------------- balances


def test_a_buy_needs_its_worst_worth_and_fee_in_the_quote_asset() -> None:
    desk = plenty()
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, quantity="0.1998")))
    desk.stops(
        desk.plan(desk.leg("gate-spot", BUY, quantity="0.19981")),
        "balance", "gate-spot: 10000.4905 USDT are needed; 10000 are free of 10000", "(the account's balance)",
    )  # fmt: skip
    rebate = desk.leg("gate-spot", BUY, quantity="0.2", fee=D("-0.001"))
    desk.passes(desk.plan(rebate))


def test_a_sale_needs_its_coins() -> None:
    desk = plenty()
    desk.passes(desk.plan(desk.leg("gate-spot", SELL, quantity=1)))
    desk.stops(
        desk.plan(desk.leg("gate-spot", SELL, quantity="1.00001")), "balance", "1.00001 BTC are needed; 1 are free"
    )


def test_legs_of_a_plan_share_a_balance() -> None:
    desk = plenty()
    desk.passes(desk.plan(desk.leg("gate-spot", SELL, quantity="0.6"), desk.leg("gate-spot", SELL, quantity="0.4")))
    desk.stops(
        desk.plan(desk.leg("gate-spot", SELL, quantity="0.6"), desk.leg("gate-spot", SELL, quantity="0.40001")),
        "balance", "1.00001 BTC",
    )  # fmt: skip


def test_open_and_unknown_orders_keep_what_they_may_take() -> None:
    desk = plenty()
    number, (bought, sold) = desk.send(desk.cross("gate-spot", "gate-spot", quantity="0.1"))
    buy, sell = desk.leg("gate-spot", BUY, quantity="0.1"), desk.leg("gate-spot", SELL, quantity="0.9")
    big = desk.leg("gate-spot", SELL, quantity="0.90001")
    desk.passes(other(desk.plan(sell)))
    desk.stops(other(desk.plan(big)), "balance", "0.9 are free of 1")
    desk.stops(other(desk.plan(buy)), "balance", "5000 are free of 10000")
    desk.tell(sold, OrderStatus.UNKNOWN)
    desk.stops(other(desk.plan(big)), "balance")
    desk.tell(sold, OrderStatus.NEW, "0.04")  # told, not booked: the coins are still there, and gone all the same
    desk.stops(other(desk.plan(big)), "balance", "0.9 are free of 1")
    desk.fill(sold, "0.04")
    desk.stops(other(desk.plan(big)), "balance", "0.9 are free of 0.96")
    desk.tell(sold, OrderStatus.CANCELED, "0.05")
    desk.stops(other(desk.plan(replace(big, lots=95_001))), "balance", "0.95 are free of 0.96")
    desk.tell(bought, OrderStatus.REJECTED)
    desk.passes(other(desk.plan(replace(buy, lots=10_000))))
    assert number


def test_a_balance_that_was_taken_from_outside_is_not_there() -> None:
    desk = plenty()
    desk.ledger.apply(TransferTold(wall_ns=1, account="gate-spot", asset="BTC", amount=D("-0.5"), why="gone"))
    desk.stops(desk.plan(desk.leg("gate-spot", SELL, quantity="0.50001")), "balance", "0.5 are free of 0.5")


def test_hedges_need_their_balance_too() -> None:
    desk = plenty()
    number, (bought, sold) = desk.send(desk.cross(quantity="0.0008"))
    desk.fill_all(bought)
    desk.tell(sold, OrderStatus.REJECTED)
    desk.ledger.apply(TransferTold(wall_ns=1, account="mexc-spot", asset="BTC", amount=D("-0.9993"), why="gone"))
    desk.stops(desk.hedge(number, desk.leg("mexc-spot", SELL)), "balance", "0.0007 are free")
    desk.passes(desk.hedge(number, desk.leg("mexc-spot", SELL, quantity="0.0007")))


def test_a_perpetual_needs_a_share_of_its_worth_as_margin() -> None:
    desk = plenty()  # 10,000 USDT, a quarter of the notional
    plan = desk.plan(desk.leg("binance-usdm", BUY, quantity="0.8"))
    desk.passes(plan)
    more = desk.plan(desk.leg("binance-usdm", BUY, quantity="0.80001"))
    desk.stops(
        more,
        "balance",
        "40000.5 USDT of perpetuals",
        "10000.125 of margin; 10000 are there",
        "(risk.margin_share 0.25)",
    )
    half = plenty(margin_share=0.5)
    half.passes(half.plan(half.leg("binance-usdm", BUY, quantity="0.4")))
    half.stops(half.plan(half.leg("binance-usdm", BUY, quantity="0.40001")), "balance")


def test_positions_and_open_orders_of_the_account_need_margin_as_well() -> None:
    desk = plenty()
    desk.hold("binance-usdm", "-0.3")
    desk.send(desk.plan(desk.leg("binance-usdm", SELL, quantity="0.2", **REST)))
    plan = desk.plan(desk.leg("binance-usdm", SELL, quantity="0.3"))
    desk.passes(plan)
    desk.stops(desk.plan(desk.leg("binance-usdm", SELL, quantity="0.30001")), "balance")
    desk.passes(other(desk.plan(desk.leg("binance-usdm", BUY, "49999", quantity="1.1"))))  # turns it round: 0.8 long
    desk.stops(other(desk.plan(desk.leg("binance-usdm", BUY, "49999", quantity="1.2"))), "balance")


def test_what_closes_a_position_needs_no_margin_even_where_too_little_is_there() -> None:
    desk = plenty()
    desk.hold("binance-usdm", 1)
    desk.ledger.apply(TransferTold(wall_ns=1, account="binance-usdm", asset="USDT", amount=D(-9_000), why="gone"))
    desk.stops(desk.plan(desk.leg("binance-usdm", BUY)), "balance")
    closing = desk.leg("binance-usdm", SELL, quantity=1, purpose=Purpose.FLATTEN, reduce_only=True)
    desk.passes(desk.plan(closing))


def test_margin_that_cannot_be_counted_stops_a_hedge_too() -> None:
    desk = plenty()
    number, (bought, sold) = desk.send(desk.cross())
    desk.fill_all(bought)
    desk.tell(sold, OrderStatus.REJECTED)
    desk.hold("binance-usdm", 1)
    desk.book("binance-usdm").price = None
    desk.stops(desk.hedge(number, desk.leg("binance-usdm", SELL)), "balance", "no price", "(risk.margin_share 0.25)")


def test_perpetuals_of_other_accounts_need_no_margin_here() -> None:
    desk = plenty()
    desk.hold("gate-usdm", 10_000)
    desk.passes(desk.plan(desk.leg("binance-usdm", BUY, quantity="0.8")))


# ---------------------------------------------------------------------- what only takes risk away


def test_hedges_pass_every_limit_on_entries() -> None:
    desk = GateDesk()
    number, (bought, sold) = desk.send(desk.cross(quantity="0.02"))
    desk.fill_all(bought)
    desk.tell(sold, OrderStatus.REJECTED)
    desk.passes(desk.hedge(number, desk.leg("mexc-spot", SELL, quantity="0.02")))


def test_a_hedge_takes_away_what_its_deal_left_and_no_more() -> None:
    desk = plenty()
    number, (bought, sold) = desk.send(desk.cross())
    hedge = desk.hedge(number, desk.leg("mexc-spot", SELL))
    desk.stops(hedge, "reduces", "-0.0008 BTC take nothing away", f"deal {number} left 0, -0.0008 are on their way")
    desk.fill_all(bought)
    desk.stops(hedge, "reduces")  # the other leg may still sell as much
    desk.tell(sold, OrderStatus.UNKNOWN)
    desk.stops(hedge, "reduces")
    desk.tell(sold, OrderStatus.CANCELED, "0")
    desk.passes(hedge)
    desk.stops(desk.hedge(number, desk.leg("mexc-spot", SELL, quantity="0.00081")), "reduces", "left +0.0008")
    desk.stops(desk.hedge(number, desk.leg("mexc-spot", BUY)), "reduces", "+0.0008 BTC take nothing away")
    desk.passes(desk.hedge(number, desk.leg("gate-usdm", SELL, quantity=8)))
    desk.order(number, hedge.legs[0])
    desk.stops(hedge, "reduces", "-0.0008 are on their way")


def test_a_buy_that_brings_coins_back_may_be_larger_by_its_fee() -> None:
    desk = plenty()
    held = desk.plan(desk.leg("gate-spot", SELL, quantity="0.1"), desk.leg("binance-usdm", BUY, quantity="0.1"))
    number, names = desk.send(held)
    for name in names:
        desk.fill_all(name)
    exit_leg = desk.leg("gate-spot", BUY, quantity="0.1001", purpose=Purpose.EXIT)
    desk.passes(desk.plan(exit_leg, deal=number))
    desk.passes(desk.plan(replace(exit_leg, lots=10_011), deal=number))
    desk.stops(desk.plan(replace(exit_leg, lots=10_012), deal=number), "reduces")
    desk.stops(desk.plan(replace(exit_leg, fee=D(0)), deal=number), "reduces")


def test_a_hedge_may_be_rounded_to_the_nearer_lot() -> None:
    desk = plenty()
    number, (bought, sold) = desk.send(desk.cross(quantity="0.00086"))
    desk.fill_all(bought)
    desk.tell(sold, OrderStatus.REJECTED)
    desk.passes(desk.hedge(number, desk.leg("gate-usdm", SELL, quantity=9)))
    desk.stops(desk.hedge(number, desk.leg("gate-usdm", SELL, quantity=10)), "reduces")
    small = plenty()
    number, (bought, _) = small.send(small.cross(quantity="0.00012"))
    small.fill(bought, "0.00004")
    for name in small.ledger.orders:
        small.tell(name, OrderStatus.CANCELED, "0.00004" if name == bought else 0)
    small.stops(small.hedge(number, small.leg("gate-usdm", SELL, quantity=1)), "reduces")  # 0.00006 the other way


def test_a_leg_that_was_to_net_what_was_carried_is_not_hedged() -> None:
    desk = plenty()
    plan = replace(
        desk.plan(desk.leg("gate-spot", BUY, quantity="0.0008"), desk.leg("binance-spot", SELL, quantity="0.0009")),
        nets=D("-0.0001"),
    )
    number, (bought, sold) = desk.send(plan)
    desk.fill_all(bought)
    desk.fill_all(sold)
    desk.stops(desk.hedge(number, desk.leg("mexc-spot", BUY, quantity="0.0001")), "reduces", "left 0")


def test_what_deals_have_carried_is_netted_once() -> None:
    desk = plenty()
    net = desk.plan(desk.leg("mexc-spot", SELL, quantity="0.0002", purpose=Purpose.HEDGE), strategy="net")
    desk.stops(net, "reduces", "earlier deals left 0")
    number, names = desk.send(desk.cross())
    for name in names:
        desk.tell(name, OrderStatus.REJECTED)
    desk.settle(number, carried="0.0002")
    desk.passes(net)
    desk.stops(replace(net, legs=(replace(net.legs[0], lots=21),)), "reduces", "left +0.0002")
    desk.deal(replace(net, nets=D("-0.0002")))
    desk.stops(net, "reduces", "earlier deals left 0")


def test_an_exit_closes_what_its_deal_holds() -> None:
    desk = plenty()
    carry = desk.plan(desk.leg("gate-spot", BUY), desk.leg("gate-usdm", SELL, quantity=8), holds=True)
    number, names = desk.send(carry)
    for name in names:
        desk.fill_all(name)
    desk.move(number, DealState.HOLDING)
    coins = desk.leg("gate-spot", SELL, purpose=Purpose.EXIT)
    contracts = desk.leg("gate-usdm", BUY, quantity=8, purpose=Purpose.EXIT, reduce_only=True)
    desk.passes(desk.plan(coins, contracts, deal=number))
    desk.passes(desk.plan(replace(coins, account="mexc-spot", listing=desk.book("mexc-spot").info), deal=number))
    for wrong in (
        replace(coins, lots=81),
        replace(contracts, lots=9),
        replace(contracts, side=SELL),
        replace(coins, side=BUY),
    ):
        desk.stops(desk.plan(wrong, deal=number), "reduces", "only closes what is held")
    desk.stops(desk.plan(desk.leg("binance-usdm", BUY, purpose=Purpose.EXIT), deal=number), "reduces")
    desk.stops(desk.plan(coins), "reduces", "belong to no deal")
    desk.order(number, contracts)
    desk.stops(desk.plan(contracts, deal=number), "reduces")


def test_an_exit_may_also_take_what_is_unequal() -> None:
    desk = plenty()
    number, (bought, sold) = desk.send(
        desk.plan(desk.leg("gate-usdm", BUY, quantity=8), desk.leg("binance-spot", SELL))
    )
    desk.fill_all(bought)
    desk.tell(sold, OrderStatus.REJECTED)
    desk.passes(desk.plan(desk.leg("mexc-spot", SELL, purpose=Purpose.EXIT), deal=number))


def test_a_person_may_close_what_is_there() -> None:
    desk = plenty()
    desk.hold("gate-usdm", -8)
    closing = desk.leg("gate-usdm", BUY, quantity=8, purpose=Purpose.FLATTEN)
    desk.passes(desk.plan(closing))
    desk.stops(desk.plan(replace(closing, lots=9)), "reduces")
    desk.stops(desk.plan(replace(closing, side=SELL)), "reduces")
    desk.send(desk.plan(desk.leg("gate-usdm", BUY, quantity=3, **REST)))
    desk.stops(desk.plan(closing), "reduces")
    desk.passes(desk.plan(replace(closing, lots=5)))
    desk.passes(desk.plan(desk.leg("gate-spot", SELL, purpose=Purpose.FLATTEN)))
    desk.stops(desk.plan(desk.leg("gate-spot", BUY, purpose=Purpose.FLATTEN)), "reduces")


def test_a_hedge_against_another_asset_must_take_that_away_too() -> None:
    desk = plenty()
    cycle = desk.plan(
        desk.leg("gate-spot", BUY, quantity="0.0008"),
        desk.leg("gate-spot", BUY, quantity="0.016", symbol="ETH/BTC"),
        desk.leg("gate-spot", SELL, quantity="0.016", symbol="ETH/USDT"),
        group="USDT",
    )
    number, (first, second, third) = desk.send(cycle)
    desk.fill_all(first)
    desk.fill_all(third)
    desk.tell(second, OrderStatus.REJECTED)
    assert desk.ledger.deals[number].residual() == {"BTC": D("0.0008"), "ETH": D("-0.016")}
    desk.passes(desk.hedge(number, cycle.legs[1]))
    desk.passes(desk.hedge(number, desk.leg("gate-spot", SELL)))
    desk.passes(desk.hedge(number, desk.leg("gate-spot", BUY, quantity="0.016", symbol="ETH/USDT")))
    alone = desk.plan(desk.leg("gate-spot", SELL, quantity="0.016", symbol="ETH/USDT"))
    number, (name,) = desk.send(alone)
    desk.fill_all(name)
    desk.stops(desk.hedge(number, cycle.legs[1]), "reduces", "-0.0008 BTC besides, where 0 are left")


def test_coins_that_were_paid_as_fees_are_brought_back_too() -> None:
    """An exit bought coins and paid for it in coins, then a hedge sold some: all that is missing may be bought."""
    desk = plenty()
    number, (sold, bought) = desk.send(
        desk.plan(
            desk.leg("gate-spot", SELL, quantity="0.0312"), desk.leg("gate-spot", BUY, quantity="0.03123"), holds=True
        )
    )
    desk.fill_all(sold)
    desk.fill(bought, "0.03123", fees=(("BTC", D("0.00003123")),))
    desk.tell(bought, OrderStatus.FILLED, "0.03123")
    leg = desk.leg("mexc-spot", SELL, quantity="0.00820", purpose=Purpose.HEDGE)
    _, (hedge,) = desk.send(desk.plan(leg, deal=number))
    desk.fill_all(hedge)
    back = desk.leg("mexc-spot", BUY, quantity="0.00820", purpose=Purpose.EXIT)
    desk.passes(desk.plan(back, deal=number))
    desk.stops(desk.plan(replace(back, lots=back.lots + 2), deal=number), "reduces", "bring nothing back")
