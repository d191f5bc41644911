"""Exact money: the arithmetic against fractions, and what a market order by quote gets against trying it lot by lot."""

from decimal import Decimal, Inexact, localcontext
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sim.trading_room import BUY, SELL, Room

from oneprice.sim import money
from oneprice.sim.orders import OrderState, Reason, Refused, SimOrder

amounts = st.decimals(min_value=-(10**15), max_value=10**15, places=18)
rates = st.decimals(min_value=Decimal("-0.01"), max_value=Decimal("0.01"), places=6)
books = st.lists(st.tuples(st.integers(900, 1_100), st.integers(1, 3_000)), min_size=1, max_size=6)


@given(amounts, amounts)
def test_sums_and_products_are_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(money.plus(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(money.minus(left, right)) == Fraction(left) - Fraction(right)
    assert Fraction(money.times(left, right)) == Fraction(left) * Fraction(right)
    assert Fraction(money.total([left, right, left])) == 2 * Fraction(left) + Fraction(right)
    assert Fraction(money.negated(left)) == -Fraction(left)


def test_what_cannot_be_exact_is_an_error_whatever_the_context_of_the_caller() -> None:
    with pytest.raises(Inexact):
        money.plus(Decimal("1E+60"), Decimal("1E-60"))
    with localcontext(prec=3):
        assert money.plus(Decimal("123456.7"), Decimal("0.00000001")) == Decimal("123456.70000001")


@given(amounts, rates, st.integers(0, 12))
def test_fee_is_the_least_multiple_of_its_unit_that_covers_the_rate(
    amount: Decimal, rate: Decimal, decimals: int
) -> None:
    exact = Fraction(amount) * Fraction(rate) * 10**decimals
    assert Fraction(money.fee(amount, rate, decimals)) * 10**decimals == ceil(exact)


@given(amounts, st.integers(1, 10**12), st.integers(0, 10**12), st.integers(0, 12))
def test_share_is_within_half_a_unit_and_the_whole_is_exact(
    amount: Decimal, part: int, rest: int, decimals: int
) -> None:
    whole = part + rest
    share = money.share(amount, part, whole, decimals)
    if rest == 0:
        assert share == amount
    else:
        assert abs(Fraction(share) - Fraction(amount) * part / whole) <= Fraction(1, 2 * 10**decimals)


@given(amounts, st.integers(1, 125), st.integers(0, 12))
def test_margin_is_rounded_up_and_what_is_granted_down(amount: Decimal, leverage: int, decimals: int) -> None:
    unit = 10**decimals
    assert Fraction(money.divided_up(amount, leverage, decimals)) * unit == ceil(Fraction(amount) / leverage * unit)
    assert Fraction(money.floored(amount, decimals)) * unit == floor(Fraction(amount) * unit)


@given(st.integers(-(10**20), 10**20), st.sampled_from(["0.00000001", "0.001", "0.5", "1", "1000", "0.025"]))
def test_whole_steps_are_counted_and_others_are_not(steps: int, text: str) -> None:
    step = Decimal(text)
    value = money.times(steps, step)
    assert money.whole_steps(value, step) == steps
    assert money.whole_steps(money.plus(value, step / 3), step) is None


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+31", "1E-31", "9E+999999"])
def test_numbers_that_no_money_has_are_no_amounts(text: str) -> None:
    assert money.whole_steps(Decimal(text), Decimal("0.01")) is None
    assert not money.is_amount(Decimal(text))


def by_hand(asks: list[tuple[int, int]], quote: Decimal) -> tuple[int, Decimal]:
    """Lots and cost, bought one by one from the cheapest on while the money lasts."""
    lots, left = 0, quote
    for price, level_lots in sorted(asks):
        for _ in range(level_lots):
            cost = Decimal(price) / 10_000
            if cost > left:
                return lots, quote - left
            lots, left = lots + 1, left - cost
    return lots, quote - left


@settings(max_examples=60, deadline=None)
@given(books, st.integers(500, 60_000))
def test_market_buy_by_quote_gets_as_much_as_lots_bought_one_by_one(asks: list[tuple[int, int]], cents: int) -> None:
    room, quote = Room(), Decimal(cents) / 100
    for price, lots in asks:
        room.engine.place("maker", SELL, lots, price)
    order = room.place(room.ann, BUY, None, quote=str(quote))
    assert (order.filled_lots, order.filled_quote) == by_hand(asks, quote)
    spent = 10_000 - room.free(room.ann)
    assert spent == order.filled_quote <= quote
    assert room.held(room.ann) == 0
    everything = sum(lots for _, lots in asks)
    assert (order.state is OrderState.FILLED) == (order.filled_lots < everything or spent == quote)


@settings(max_examples=60, deadline=None)
@given(books, st.integers(50, 9_000))
def test_market_buy_by_quantity_holds_exactly_what_it_costs(asks: list[tuple[int, int]], lots: int) -> None:
    room = Room()
    for price, level_lots in asks:
        room.engine.place("maker", SELL, level_lots, price)
    cost, left = Decimal(0), lots
    for price, level_lots in sorted(asks):
        taken = min(left, level_lots)
        cost, left = cost + Decimal(price) * taken / 10_000, left - taken
    room.desk.deposit(room.ann, "USDT", cost - 10_000, room.now)
    order: SimOrder | None = None
    try:
        order = room.place(room.ann, BUY, str(Decimal(lots) / 1_000))
    except Refused as refused:
        assert refused.reason is Reason.MIN_NOTIONAL  # noqa: PT017 - small orders are none of this test's
    if order is not None:
        assert order.filled_quote == cost
        assert room.free(room.ann) == room.held(room.ann) == 0
