"""Expected against achieved: each part says what it should, and together they are the change of balances, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.making import (
    BUY,
    CROSSED,
    ETHER,
    NOW_NS,
    PERPETUAL,
    SELL,
    SPOT_A,
    SPOT_B,
    ZERO,
    D,
    fill,
    folded,
    intent,
    leg,
    opened,
    settled,
    told,
)

from oneprice.ledger.attribution import Split, split
from oneprice.ledger.exact import minus, plus, times, total
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import AnyRecord, FundingPaid
from oneprice.model import OrderStatus, Side
from oneprice.model.deals import Purpose

HEDGE, EXIT = Purpose.HEDGE, Purpose.EXIT
MARKS = {"BTC": D("100.5"), "BNB": D(500), "ETH": D(5)}
CROSS = opened(1, leg(SPOT_A, BUY, "1", "100"), leg(SPOT_B, SELL, "1", "101"), gross="1", fees="0.2", net="0.8")
BOUGHT, SOLD = intent("o1"), intent("o2", SPOT_B, SELL, price="101", leg=1)


def parts(split: Split) -> dict[str, Decimal]:
    """Those that are not 0."""
    told = {name: getattr(split, name) for name in Split.__struct_fields__}
    assert total(amount for name, amount in told.items() if name != "achieved") == told["achieved"]
    return {name: amount for name, amount in told.items() if amount}


def of(*records: AnyRecord, marks: dict[str, Decimal] = MARKS) -> dict[str, Decimal]:
    ledger = folded(*records)
    return parts(split(ledger.deals[1], marks))


def test_what_went_as_planned_is_all_expected() -> None:
    found = of(
        CROSS, BOUGHT, SOLD, fill("f1", fees={"USDT": "0.1"}), fill("f2", "o2", "1", "101", key=SPOT_B, side=SELL,
        fees={"USDT": "0.1"}),
    )  # fmt: skip
    assert found == {"expected": D("0.8"), "achieved": D("0.8")}


def test_what_filled_nothing_is_partial() -> None:
    assert of(CROSS, BOUGHT, SOLD) == {"expected": D("0.8"), "partial": D("-0.8")}


def test_prices_that_moved() -> None:
    found = of(CROSS, BOUGHT, SOLD, fill("f1", price="100.3"), fill("f2", "o2", "1", "100.9", key=SPOT_B, side=SELL))
    assert found == {"expected": D("0.8"), "price_moved": D("-0.4"), "fees": D("0.2"), "achieved": D("0.6")}


def test_depth_is_what_lies_behind_the_best_price_beyond_what_was_planned() -> None:
    deal = opened(
        1,
        leg(SPOT_A, BUY, "2", "102", "201", best="100"),
        leg(SPOT_B, SELL, "2", "103", "206", best="103"),
        gross="5",
        net="5",
    )
    orders = [intent("o1", quantity="2", price="102"), intent("o2", SPOT_B, SELL, "2", "103", leg=1)]
    sold = fill("f9", "o2", "2", "103", key=SPOT_B, side=SELL)
    assert of(deal, *orders, sold, fill("f1", price="100"), fill("f2", price="101")) == {
        "expected": 5, "achieved": 5
    }, "walking the book as planned is no loss"  # fmt: skip
    thinner = of(deal, *orders, sold, fill("f1", quantity="0.5", price="100"), fill("f2", quantity="1.5", price="101"))
    assert thinner == {"expected": 5, "depth": D("-0.5"), "achieved": D("4.5")}
    moved = of(deal, *orders, sold, fill("f1", price="100.2"), fill("f2", price="101.2"))
    assert moved == {"expected": 5, "price_moved": D("-0.4"), "achieved": D("4.6")}


def test_without_the_best_price_of_the_plan_all_of_it_is_price() -> None:
    deal = opened(1, leg(SPOT_A, BUY, "2", "102", "201"))
    found = of(deal, intent("o1", quantity="2", price="102"), fill("f1"), fill("f2", price="102"))
    assert found["price_moved"] == -1
    assert "depth" not in found


def test_fees_are_told_against_those_expected_in_any_asset() -> None:
    found = of(
        CROSS, BOUGHT, SOLD, fill("f1", fees={"BNB": "0.0003"}), fill("f2", "o2", "1", "101", key=SPOT_B, side=SELL,
        fees={"USDT": "-0.01"}),
    )  # fmt: skip
    assert found == {"expected": D("0.8"), "fees": D("0.06"), "achieved": D("0.86")}


def test_equal_legs_smaller_than_planned_lose_the_rest_of_the_expectation() -> None:
    found = of(CROSS, BOUGHT, SOLD, fill("f1", quantity="0.25"), fill("f2", "o2", "0.25", "101", key=SPOT_B, side=SELL))
    assert found == {"expected": D("0.8"), "partial": D("-0.6"), "fees": D("0.05"), "achieved": D("0.25")}


def test_a_leg_that_missed_makes_all_of_the_other_a_hedge() -> None:
    hedge = intent("o3", SPOT_A, SELL, price="99", leg=-1, purpose=HEDGE)
    found = of(CROSS, BOUGHT, SOLD, fill("f1"), hedge, fill("f3", "o3", "1", "99", side=SELL))
    assert found == {"expected": D("0.8"), "partial": D("-0.8"), "hedge": -1, "achieved": -1}
    assert of(CROSS, BOUGHT, SOLD, fill("f1"), hedge, fill("f3", "o3", "1", "99", side=SELL), marks={"BTC": D(7)}) == (
        found
    ), "a deal that is flat is worth the same at any mark"


def test_what_a_leg_paid_behind_the_best_price_is_depth_and_no_hedge() -> None:
    deal = opened(1, leg(SPOT_A, BUY, "2", "102", "200", best="100"), leg(SPOT_B, SELL, "2", "103"), gross="6", net="6")
    orders = [intent("o1", quantity="2", price="102"), intent("o2", SPOT_B, SELL, "2", "103", leg=1)]
    found = of(
        deal,
        *orders,
        fill("f1"),
        fill("f2", price="101"),
        fill("f3", "o2", "1", "103", key=SPOT_B, side=SELL),
        intent("o3", SPOT_A, SELL, "1", "99", leg=-1, purpose=HEDGE),
        fill("f4", "o3", "1", "99", side=SELL),
    )
    # One of two is alike: of it half a USDT was walked. The other was bought at 100.5 on average, and sold at 99.
    assert found == {"expected": 6, "partial": -3, "depth": D("-0.5"), "hedge": D("-1.5"), "achieved": 1}


def test_an_unhedged_rest_counts_at_its_mark() -> None:
    found = of(CROSS, BOUGHT, SOLD, fill("f1"))
    assert found == {"expected": D("0.8"), "partial": D("-0.8"), "hedge": D("0.5"), "achieved": D("0.5")}


def test_a_quote_that_was_taken_expects_its_profit_from_the_hedge() -> None:
    deal = opened(1, leg(SPOT_A, BUY, "1", "100"), gross="0.5", net="0.5", strategy="maker")
    hedge = intent("o2", SPOT_B, SELL, price="100", leg=-1, purpose=HEDGE)
    found = of(deal, intent("o1", purpose=Purpose.MAKER), fill("f1"), hedge, fill("f2", "o2", "1", "100.4", key=SPOT_B,
               side=SELL))  # fmt: skip
    assert found == {"expected": D("0.5"), "hedge": D("-0.1"), "achieved": D("0.4")}


def test_a_carry_is_held_through_funding_and_closed_at_other_prices() -> None:
    records = [
        opened(1, leg(SPOT_A, BUY, "1", "100"), leg(PERPETUAL, SELL, "1", "101"), gross="1", net="1", holds=True),
        BOUGHT,
        intent("o2", PERPETUAL, SELL, price="101", leg=1),
        fill("f1"),
        fill("f2", "o2", "1", "101", key=PERPETUAL, side=SELL),
        FundingPaid(NOW_NS, "alpha-usdm", PERPETUAL, "USDT", D("0.03"), 1),
    ]
    held = of(*records)
    assert held == {"expected": 1, "funding": D("0.03"), "achieved": D("1.03")}
    closed = of(
        *records,
        intent("o3", SPOT_A, SELL, price="110", purpose=EXIT),
        intent("o4", PERPETUAL, BUY, price="111", purpose=EXIT, leg=1),
        fill("f3", "o3", "1", "110", side=SELL),
        fill("f4", "o4", "1", "110.2", key=PERPETUAL),
    )
    assert closed == {"expected": 1, "price_moved": D("-0.2"), "funding": D("0.03"), "achieved": D("0.83")}


def test_what_lots_leave_of_a_cycle_is_rounding() -> None:
    deal = opened(
        1,
        leg(SPOT_A, BUY, "1", "100"),
        leg(CROSSED, BUY, "19", "0.05"),
        leg(ETHER, SELL, "19", "5.3"),
        gross="0.7",
        net="0.7",
        group="USDT",
    )
    orders = [BOUGHT, intent("o2", CROSSED, quantity="19", price="0.05", leg=1)]
    orders.append(intent("o3", ETHER, SELL, "19", "5.3", leg=2))
    fills = [
        fill("f1"),
        fill("f2", "o2", "19", "0.05", key=CROSSED),
        fill("f3", "o3", "19", "5.3", key=ETHER, side=SELL),
    ]
    found = of(deal, *orders, *fills, marks={"BTC": D(100), "ETH": D("5.25")})
    assert found == {"expected": D("0.7"), "rounding": D(5), "achieved": D("5.7")}, "0.05 BTC is left, worth 5"


def test_a_plan_of_no_legs_has_parts_too() -> None:
    deal = opened(1, strategy="net")
    found = of(deal, intent("o1", leg=-1, purpose=HEDGE, side=SELL), fill("f1", price="101", side=SELL))
    assert found == {"hedge": D("0.5"), "achieved": D("0.5")}


def test_an_asset_without_a_mark_counts_as_nothing() -> None:
    found = of(CROSS, BOUGHT, fill("f1", fees={"BNB": "1"}), marks={})
    assert found["achieved"] == -100


def test_a_settled_deal_is_explained_at_the_marks_of_its_end() -> None:
    ledger = folded(
        CROSS, BOUGHT, SOLD, told("o2", OrderStatus.EXPIRED), fill("f1"), settled(1, {"BTC": "1"}, {"BTC": "98"})
    )
    explained = ledger.split(1)
    assert explained is not None
    assert parts(explained)["achieved"] == -2 == ledger.settled[-1].net
    assert ledger.split(1, {"BTC": D(103)}) == split_at(ledger, "103")
    assert ledger.split(2) is None
    again = folded(CROSS, BOUGHT)
    assert again.split(1, MARKS) == split(again.deals[1], MARKS)


def split_at(ledger: Ledger, mark: str) -> Split:
    found = ledger.split(1, {"BTC": D(mark)})
    assert found is not None
    assert found.achieved == D(mark) - 100
    return found


# ---------------------------------------------------------------------- any deal

KEYS = [SPOT_A, SPOT_B, PERPETUAL, CROSSED, ETHER]
steps = st.decimals(min_value="0.00001", max_value=9999, places=5, allow_nan=False)
legs = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(Side), steps, steps), max_size=3)
orders = st.lists(
    st.tuples(
        st.sampled_from(KEYS), st.sampled_from(Side), st.integers(-1, 3), st.sampled_from(Purpose),
        st.lists(st.tuples(steps, steps, st.dictionaries(st.sampled_from(["USDT", "BTC", "BNB"]), steps, max_size=2)),
                 max_size=3),
    ),
    max_size=5,
)  # fmt: skip


@given(
    legs,
    orders,
    st.tuples(steps, steps, steps),
    st.fixed_dictionaries({"BTC": steps, "ETH": steps, "BNB": steps}),
    st.lists(steps, max_size=2),
    st.sampled_from(["USDT", "BTC"]),
)
def test_the_parts_of_any_deal_sum_to_the_change_of_balances_at_marks(
    legs: list[tuple[str, Side, Decimal, Decimal]],
    orders: list[tuple[str, Side, int, Purpose, list[tuple[Decimal, Decimal, dict[str, Decimal]]]]],
    expected: tuple[Decimal, Decimal, Decimal],
    marks: dict[str, Decimal],
    funding: list[Decimal],
    home: str,
) -> None:
    planned = [leg(key, side, str(quantity), str(price)) for key, side, quantity, price in legs]
    gross, fees, net = (str(figure) for figure in expected)
    records: list[AnyRecord] = [opened(1, *planned, gross=gross, fees=fees, net=net, home=home)]
    for number, (key, side, place, purpose, fills) in enumerate(orders):
        name = f"o{number}"
        records.append(intent(name, key, side, "9999", leg=place, purpose=purpose))
        for count, (quantity, price, paid) in enumerate(fills):
            fees_paid = {asset: str(amount) for asset, amount in paid.items()}
            one = fill(f"{name}-{count}", name, str(quantity), str(price), key=key, side=side, fees=fees_paid)
            records.append(one)
    records += [FundingPaid(NOW_NS, "alpha-usdm", PERPETUAL, "USDT", amount, 1) for amount in funding]
    ledger = folded(*records)
    worth = {**marks, "USDT": marks["ETH"], home: D(1)}
    found = split(ledger.deals[1], worth)
    parts(found)
    changed = ZERO
    for held in ledger.holdings():
        changed = plus(changed, times(held.total, worth[held.asset]))
    for position in ledger.positions.values():
        equity = minus(times(position.coins, worth["BTC"]), times(position.cost, worth["USDT"]))
        changed = plus(changed, equity)
    assert found.achieved == changed


@pytest.mark.parametrize("filled", ["0.1", "0.333", "0.77777", "1"])
def test_shares_that_are_no_whole_decimals_leave_dust_in_rounding_only(filled: str) -> None:
    deal = opened(1, leg(SPOT_A, BUY, "3", "100"), leg(SPOT_B, SELL, "7", "101"), gross="1", fees="0.2", net="0.8")
    found = of(
        deal,
        intent("o1", quantity="3"),
        intent("o2", SPOT_B, SELL, "7", "101", leg=1),
        fill("f1", quantity="1"),
        fill("f2", "o2", filled, "101", key=SPOT_B, side=SELL),
        intent("o3", SPOT_A, SELL, "9", "99", leg=-1, purpose=HEDGE),
        fill("f3", "o3", "0.1", "99", side=SELL),
    )
    assert abs(found.get("rounding", ZERO)) < D("1e-15")
