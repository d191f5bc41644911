"""From what the hub sized to orders: exact, within limits, equal in base, in words where it cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.trade.floor import Floor, order_of

from oneprice.exchange.legal import require_legal
from oneprice.market.books import Book
from oneprice.model import OrderType, Side, TimeInForce
from oneprice.model.deals import DealState, Expected, Plan, PlanLeg, Purpose
from oneprice.trade.settings import CrossSettings, RiskLimits, Strategies, TradeSettings
from oneprice.trade.strategies.closing import Closing
from oneprice.trade.strategies.cross import Cross
from oneprice.trade.terms import Listings

D = Decimal


def settings(**risk: Any) -> TradeSettings:
    limits = {"order_notional_max": D(10_000), "unhedged_notional_max": D(10_000), **risk}
    slack = limits.pop("slack_share", 0.5)
    least = limits.pop("min_net_bps", 4.0)
    cross = CrossSettings(min_net_bps=least, slack_share=slack)
    return TradeSettings(risk=RiskLimits(**limits), strategies=Strategies(cross=cross))


def floor(cap: str = "0", **risk: Any) -> Floor:
    return Floor(settings(**risk), cap=cap)


def pair(place: Floor, first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> tuple[Book, Book]:
    """Two listings of ABC/USDT at 100: buy at `a`, sell at `b`."""
    plain = {"tick": "0.01", "lot": "0.001", "fee": "0.001"}
    return (
        place.list("a-spot", "ABC/USDT", **{**plain, **(first or {})}),
        place.list("b-spot", "ABC/USDT", **{**plain, **(second or {})}),
    )


def cross(place: Floor) -> Cross:
    listings = Listings(place.desk)
    return Cross(place.desk, listings, Closing(place.desk, listings))


def made(place: Floor) -> Plan:
    plan = cross(place).on_opportunity(place.standing(), place.clock.now_ns)
    assert isinstance(plan, Plan), plan
    for leg in plan.legs:
        require_legal(order_of(leg))
    return plan


def refused(place: Floor) -> str:
    why = cross(place).on_opportunity(place.standing(), place.clock.now_ns)
    assert isinstance(why, str), why
    return why


def spread(place: Floor, books: tuple[Book, Book], asks: Any = ((100, 5),), bids: Any = ((101, 5),)) -> None:
    place.show(books[0], [(90, 1)], asks)
    place.show(books[1], bids, [(110, 1)])


# ---------------------------------------------------------------------- the plain case


def test_a_spread_becomes_two_orders_taken_at_once() -> None:
    place = floor()
    books = pair(place)
    place.fund_all()
    spread(place, books)
    plan = made(place)
    buy, sell = plan.legs
    assert (plan.strategy, plan.group, plan.home, plan.deal, plan.holds) == ("cross", "ABC/USDT", "USDT", 0, False)
    assert (buy.account, buy.side, sell.account, sell.side) == ("a-spot", Side.BUY, "b-spot", Side.SELL)
    for leg in plan.legs:
        assert leg.type is OrderType.LIMIT
        assert leg.time_in_force is TimeInForce.IOC
        assert leg.purpose is Purpose.ENTRY
        assert not leg.reduce_only
    assert plan.made_ns == place.clock.now_ns


def test_what_it_should_bring_is_exact() -> None:
    place = floor()
    books = pair(place, {"fee": "0.00075"}, {"fee": "0.0002"})
    place.fund_all()
    spread(place, books, asks=[(100, 2), ("100.05", 10)], bids=[(101, 5)])
    plan = made(place)
    buy, sell = plan.legs
    assert (buy.quantity, sell.quantity) == (D("5"), D("4.996"))  # what the buy pays in coins is not sold
    assert buy.value == 2 * D(100) + 3 * D("100.05")
    assert sell.value == D("4.996") * 101
    extra = D("0.004") * D("100.05")  # the coins for the fee, at what the last of them cost
    fees = buy.value * D("0.00075") + sell.value * D("0.0002")
    gross = sell.value - buy.value + extra
    assert plan.expected == Expected(
        gross=gross, fees=fees, net=gross - fees, net_bps=pytest.approx(float((gross - fees) / buy.value * 10_000))
    )


def test_the_accounts_own_fees_count() -> None:
    place = floor()
    books = pair(place)
    place.fund_all()
    spread(place, books, bids=[("100.3", 5)])
    assert made(place).expected.net_bps == pytest.approx(10, abs=0.1)
    for key in list(place.desk.taker_fees):
        place.desk.taker_fees[key] = D("0.002")
    assert refused(place) == "-10.08 bps after fees; 4.00 wanted"


@pytest.mark.parametrize(("bid", "taken"), [("100.1400", True), ("100.1399", False)])
def test_the_threshold_is_tested_exactly(bid: str, taken: bool) -> None:
    place = floor(min_net_bps=4.0)
    books = pair(place, {"fee": "0.001"}, {"fee": "0", "tick": "0.0001"})  # 4 bps and a fee of 10
    place.fund_all()
    spread(place, books, bids=[(bid, "0.1")])
    result = cross(place).on_opportunity(place.standing(), 1)
    assert isinstance(result, Plan) is taken


# ---------------------------------------------------------------------- how large


def test_our_cap_on_one_order_shrinks_both_legs() -> None:
    place = floor(order_notional_max=D(50))
    books = pair(place)
    place.fund_all()
    spread(place, books)
    buy, sell = made(place).legs
    assert buy.quantity == sell.quantity
    assert D(49) < sell.value <= 50
    assert buy.worst_notional <= 50


def test_one_leg_is_never_larger_than_what_may_be_unhedged() -> None:
    place = floor(order_notional_max=D(500), unhedged_notional_max=D(60))
    books = pair(place)
    place.fund_all()
    spread(place, books)
    assert all(max(leg.worst_notional, leg.value) <= 60 for leg in made(place).legs)


@pytest.mark.parametrize(
    ("account", "asset", "amount", "most"),
    [("a-spot", "USDT", 30, "0.3"), ("b-spot", "ABC", "0.4567", "0.456")],
)
def test_what_an_account_has_free_shrinks_both_legs(account: str, asset: str, amount: Any, most: str) -> None:
    place = floor()
    books = pair(place)
    for where, what in (("a-spot", "USDT"), ("b-spot", "ABC")):
        place.fund(where, what, amount if where == account else 10_000)
    spread(place, books)
    buy, sell = made(place).legs
    assert D(most) * D("0.98") < sell.quantity <= D(most)
    assert abs(buy.quantity - sell.quantity) <= D("0.001")
    assert buy.worst_notional * D("1.001") <= 30 if asset == "USDT" else True


def test_what_open_orders_reserve_is_not_free() -> None:
    place = floor()
    books = pair(place)
    place.fund("a-spot", "USDT", 150)
    place.fund("b-spot", "ABC", 100)
    spread(place, books, asks=[(100, 1)])
    first = made(place)
    assert first.legs[0].worst_notional > 99
    place.open(first)
    second = made(place)
    free = 150 - first.legs[0].worst_notional
    assert second.legs[0].worst_notional <= free
    assert second.legs[0].worst_notional > free - 1


def test_the_largest_order_of_a_listing_holds() -> None:
    place = floor()
    books = pair(place, {"max_quantity": "0.7"})
    place.fund_all()
    spread(place, books)
    assert made(place).legs[0].quantity == D("0.7")


def test_where_the_last_levels_do_not_pay_enough_the_top_alone_is_taken() -> None:
    place = floor(min_net_bps=60.0)
    books = pair(place)
    place.fund_all()
    spread(place, books, asks=[(100, 1), ("100.7", 4)])
    plan = made(place)
    assert plan.legs[0].quantity == D(1)
    assert plan.expected.net_bps > 60


def test_depth_that_went_without_the_top_is_seen() -> None:
    place = floor()
    books = pair(place)
    place.fund_all()
    spread(place, books, asks=[(100, 1), ("100.1", 4)])
    old = place.standing()
    spread(place, books, asks=[(100, 1), (105, 4)])
    plan = cross(place).on_opportunity(old, 1)
    assert isinstance(plan, Plan)
    assert plan.legs[0].quantity == D(1)
    spread(place, books, asks=[(100, "0.4")])
    plan = cross(place).on_opportunity(old, 1)
    assert isinstance(plan, Plan)
    assert plan.legs[0].quantity == D("0.4")
    for nothing in ({"asks": []}, {"bids": []}):
        spread(place, books, **nothing)
        assert "nothing is left in its book" in str(cross(place).on_opportunity(old, 1))


# ---------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("rules", "funds", "risk", "words"),
    [
        (
            {"min_notional": "5"},
            ("3", "100"),
            {},
            "3 USDT free at a-spot; a-spot:ABC/USDT takes no fewer than 0.001 or 5",
        ),
        (
            {"min_quantity": "0.1"},
            ("1000", "0.05"),
            {},
            "0.05 ABC free at b-spot; a-spot:ABC/USDT takes no fewer than 0.1",
        ),
        ({"min_notional": "5"}, ("1000", "100"), {"order_notional_max": D(4)}, "risk.order_notional_max is 4 USDT; "),
        (
            {"min_notional": "5"},
            ("1000", "100"),
            {"unhedged_notional_max": D(4)},
            "risk.unhedged_notional_max is 4 USDT; ",
        ),
        ({}, ("0", "100"), {}, "0 USDT free at a-spot; "),
    ],
)
def test_why_it_cannot_be_is_said_with_figures(
    rules: dict[str, str], funds: tuple[str, str], risk: dict[str, Any], words: str
) -> None:
    place = floor(**risk)
    books = pair(place, rules)
    place.fund("a-spot", "USDT", funds[0])
    place.fund("b-spot", "ABC", funds[1])
    spread(place, books)
    assert refused(place).startswith(words)


def test_a_minimum_between_two_lots_is_kept() -> None:
    place = floor()
    books = pair(place, {"lot": "0.01", "min_quantity": "0.015"})
    place.fund("a-spot", "USDT", "1.2")
    place.fund("b-spot", "ABC", 5)
    spread(place, books)
    assert "takes no fewer than 0.02" in refused(place)


def test_a_listing_with_new_rules_is_left_alone() -> None:
    place = floor()
    books = pair(place)
    place.fund_all()
    spread(place, books)
    old = place.standing()
    strategy = cross(place)
    assert isinstance(strategy.on_opportunity(old, 1), Plan)
    place.market.books.register_again(books[0], place.clock.now_ns)
    assert strategy.on_opportunity(old, 1) == "a-spot:ABC/USDT has new rules"


def test_without_an_account_there_is_no_plan() -> None:
    place = floor()
    books = pair(place)
    place.fund_all()
    spread(place, books)
    del place.accounts["b-spot"]
    assert refused(place) == "no account at b-spot"


def test_limits_are_counted_in_the_base_currency() -> None:
    place = floor(order_notional_max=D(50))
    one, other = (place.list(market, "ABC/BTC", tick="0.000001", lot="0.001") for market in ("a-spot", "b-spot"))
    place.fund_all()
    place.show(one, [("0.0019", 9)], [("0.002", 9)])
    place.show(other, [("0.0021", 9)], [("0.0022", 9)])
    assert refused(place) == "no price of BTC in USDT, which limits are in"
    rate = place.list("a-spot", "BTC/USDT")
    place.show(rate, [(49_999, 1)], [(50_001, 1)])
    plan = made(place)
    assert D("0.00098") < plan.legs[1].value <= D("0.001")
    assert plan.home == "BTC"


# ---------------------------------------------------------------------- the worst prices


def test_limits_give_up_their_share_of_the_edge() -> None:
    place = floor(slack_share=0.5)
    books = pair(place, {"tick": "0.0001"}, {"tick": "0.0001"})
    place.fund_all()
    spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
    plan = made(place)
    buy, sell = plan.legs
    worst = sell.worst_notional * D("0.999") - buy.worst_notional * D("1.001") + _extra(plan, D(100), D(101))
    assert worst == pytest.approx(plan.expected.net / 2, rel=D("0.01"))
    assert buy.price > 100
    assert sell.price < 101


def test_without_slack_the_limits_are_the_levels() -> None:
    place = floor(slack_share=0.0)
    books = pair(place)
    place.fund_all()
    spread(place, books, asks=[(100, 1), ("100.1", 1)], bids=[(101, 2)])
    assert [leg.price for leg in made(place).legs] == [D("100.1"), D(101)]


def test_all_of_the_edge_may_be_given_up_and_no_more() -> None:
    place = floor(slack_share=1.0)
    books = pair(place, {"tick": "0.01"}, {"tick": "0.5"})
    place.fund_all()
    spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
    plan = made(place)
    buy, sell = plan.legs
    worst = sell.worst_notional * D("0.999") - buy.worst_notional * D("1.001") + _extra(plan, D(100), D(101))
    assert worst >= 0
    assert (buy.price, sell.price) > (100, 0)


def test_a_book_finer_than_the_rules_is_converted_exactly() -> None:
    place = floor(slack_share=0.0)
    books = pair(place, {"tick": "0.1", "lot": "0.01", "grid": ("0.01", "0.001")})
    place.fund_all()
    spread(place, books, asks=[("100.03", "1.505")], bids=[(101, 5)])
    buy, sell = made(place).legs
    assert buy.price == D("100.1")  # the next step that still reaches the level
    assert (buy.quantity, buy.lots, buy.price_ticks) == (D("1.5"), 150, 1001)
    assert buy.value == D("1.5") * D("100.03")
    assert sell.quantity == D("1.498")


def test_an_off_grid_level_is_not_reached_at_a_loss() -> None:
    place = floor(slack_share=0.5, min_net_bps=1.0)
    books = pair(place, {"tick": "1", "fee": "0", "grid": ("0.01", "0.001")}, {"fee": "0"})
    place.fund_all()
    spread(place, books, asks=[("100.03", 1)], bids=[("100.5", 1)])
    buy, sell = made(place).legs
    assert buy.price == 100  # at 101 it would lose
    assert sell.price <= D("100.5")


def _extra(plan: Plan, ask: D, bid: D) -> D:
    """What one leg has more, at the price of its level."""
    more = plan.legs[0].base_quantity - plan.legs[1].base_quantity
    return more * (ask if more > 0 else bid)


# ---------------------------------------------------------------------- equal in base


def test_contracts_and_multipliers_make_equal_coins() -> None:
    place = floor(min_net_bps=1.0)
    spot = place.list("a-spot", "PEPE/USDT", tick="0.00000001", lot="1", fee="0.0001")
    thousand = place.list("b-spot", "PEPE/USDT", tick="0.0000001", lot="1", fee="0.0001", multiplier="1000")
    place.fund_all(D(10**9))
    place.show(spot, [("0.00001000", 10**7)], [("0.00001010", 5_000_500)])
    place.show(thousand, [("0.0102", 10**4)], [("0.0103", 10**4)])
    buy, sell = made(place).legs
    assert sell.quantity == 4_999
    assert sell.base_quantity == 4_999_000
    assert buy.base_quantity == 4_999_500  # and the fee, in coins
    assert abs(buy.base_quantity * D("0.9999") - sell.base_quantity) <= D("0.5")


def test_coins_for_the_fee_are_bought_only_where_lots_are_fine_enough() -> None:
    for lot, bought, sold in (("0.001", "1", "0.999"), ("0.01", "1", "1")):
        place = floor()
        books = pair(place, {"lot": lot}, {"lot": lot})
        place.fund_all()
        spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
        plan = made(place)
        assert [leg.quantity for leg in plan.legs] == [D(bought), D(sold)]
        assert plan.nets == 0


def test_where_one_coarse_lot_is_all_there_is_the_fine_leg_goes_beyond_the_hubs_size() -> None:
    place = floor(min_net_bps=1.0)
    books = pair(place, {"lot": "0.001"}, {"lot": "1"})
    place.fund_all()
    spread(place, books, asks=[(100, 5)], bids=[(101, "1")])
    assert [leg.quantity for leg in made(place).legs] == [D("1.001"), D(1)]


# ---------------------------------------------------------------------- netting


@pytest.mark.parametrize(
    ("carried", "bought", "sold", "nets"),
    [
        ("0.03", "0.97", "1", "-0.03"),  # too much is there: buy less
        ("-0.03", "1", "0.97", "0.03"),  # too little: sell less
        ("0.004", "1", "1", "0"),  # less than half a lot stays
        ("3", "0.5", "1", "-0.5"),  # half of the plan at most
        ("-3", "1", "0.5", "0.5"),
    ],
)
def test_what_earlier_deals_carried_is_netted(carried: str, bought: str, sold: str, nets: str) -> None:
    place = floor()
    books = pair(place, {"lot": "0.01"}, {"lot": "0.01"})
    place.fund_all()
    spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
    place.ledger.carried["ABC"] = D(carried)
    plan = made(place)
    assert [leg.quantity for leg in plan.legs] == [D(bought), D(sold)]
    assert plan.nets == D(nets)


def test_netting_is_neither_gain_nor_loss() -> None:
    place = floor()
    books = pair(place, {"lot": "0.01"}, {"lot": "0.01"})
    place.fund_all()
    spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
    place.ledger.carried["ABC"] = D("0.1")
    plan = made(place)
    assert plan.expected.gross == D("0.9")  # of the 0.9 that are bought and sold


def test_what_an_open_deal_nets_is_not_netted_again() -> None:
    place = floor()
    books = pair(place, {"lot": "0.01"}, {"lot": "0.01"})
    place.fund_all()
    spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
    place.ledger.carried["ABC"] = D("0.03")
    place.open(made(place), state=DealState.WORKING)
    assert made(place).nets == 0


def test_netting_yields_to_the_smallest_order() -> None:
    place = floor()
    books = pair(place, {"lot": "0.01", "min_quantity": "1"}, {"lot": "0.01"})
    place.fund_all()
    spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
    place.ledger.carried["ABC"] = D("0.03")
    plan = made(place)
    assert plan.nets == 0
    assert plan.legs[0].quantity == 1


def test_deals_settle_without_a_residual_when_they_net() -> None:
    place = floor()
    books = pair(place, {"lot": "0.01", "fee": "0"}, {"lot": "0.01", "fee": "0"})
    place.fund_all()
    spread(place, books, asks=[(100, 1)], bids=[(101, 1)])
    place.ledger.carried["ABC"] = D("0.03")
    deal = place.ledger.deals[place.traded(made(place))]
    assert deal.exposure() == {"ABC": D("-0.03")}
    assert deal.residual() == {}


def test_values_are_of_the_legs_own_figures() -> None:
    place = floor()
    books = pair(place)
    place.fund_all()
    spread(place, books)
    for leg in made(place).legs:
        assert isinstance(leg, PlanLeg)
        assert leg.price == leg.price_ticks * D("0.01")
        assert leg.quantity == leg.lots * D("0.001")
