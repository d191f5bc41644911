"""Balances and positions: exact, in any asset, by each market's own rules."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.making import (
    CROSSED,
    NOW_NS,
    PERPETUAL,
    SELL,
    SPOT_A,
    SPOT_B,
    D,
    apply_all,
    balance,
    fill,
    folded,
    intent,
    listing,
    opened,
)

from oneprice.errors import InvariantError
from oneprice.ledger.balances import Position
from oneprice.ledger.exact import EXACT, exactly, share, total
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import FundingPaid, PositionOpened, TransferTold


def test_spot_moves_both_assets_and_pays_its_fee_where_it_is_told() -> None:
    ledger = folded(
        balance("alpha-spot", "USDT", "1000"),
        balance("alpha-spot", "BTC", "2"),
        balance("alpha-spot", "BNB", "1"),
        fill("f1", "", "0.5", "100", fees={"BTC": "0.0005"}),
        fill("f2", "", "0.25", "104", side=SELL, fees={"USDT": "0.026"}),
        fill("f3", "", "0.1", "100", fees={"BNB": "0.0000123"}),
        fill("f4", "", "0.1", "100", fees={"USDT": "-0.002"}),
    )
    assert ledger.total("alpha-spot", "BTC") == D("2.4495")
    assert ledger.total("alpha-spot", "USDT") == D("955.976")
    assert ledger.total("alpha-spot", "BNB") == D("0.9999877")
    assert ledger.total("beta-spot", "BTC") == 0


def test_a_quote_asset_other_than_home_moves_as_well() -> None:
    ledger = folded(fill("f1", "", "2", "0.05", key=CROSSED))
    assert (ledger.total("alpha-spot", "ETH"), ledger.total("alpha-spot", "BTC")) == (2, D("-0.1"))


def test_a_multiplier_counts_in_coins_and_a_contract_in_both() -> None:
    ledger = folded(listing("alpha-spot:1000PEPEUSDT", multiplier="1000"))
    ledger = folded(fill("f1", "", "3", "0.02", key="alpha-spot:1000PEPEUSDT"), into=ledger)
    assert ledger.total("alpha-spot", "1000PEPE") == 3_000
    assert ledger.total("alpha-spot", "USDT") == D("-0.06")
    ledger = folded(listing("beta-usdm:BTCUSDT", contract_size="0.0001"))
    ledger.apply(fill("f2", "", "50", "60000", key="beta-usdm:BTCUSDT"))
    position = ledger.positions["beta-usdm:BTCUSDT"]
    assert (position.quantity, position.coins, position.cost) == (50, D("0.005"), 300)


def test_the_same_fill_twice_counts_once() -> None:
    one = fill("f1", fees={"USDT": "0.1"})
    once, twice = folded(opened(), intent("o1"), one), folded(opened(), intent("o1"), one, one)
    assert once.has_fill(SPOT_A, "f1")
    assert not once.has_fill(SPOT_B, "f1"), "ids are unique within a listing only"
    assert once.total("alpha-spot", "USDT") == twice.total("alpha-spot", "USDT") == D("-100.1")
    assert twice.orders["o1"].booked == 1
    assert twice.fills_booked("alpha-spot") == 1
    assert folded(one, fill("f1", "", key=SPOT_B)).total("beta-spot", "BTC") == 1


def test_transfers_and_funding_change_what_is_held() -> None:
    ledger = folded(
        balance("alpha-usdm", "USDT", "50"),
        TransferTold(NOW_NS, "alpha-usdm", "USDT", D(7), "deposit"),
        FundingPaid(NOW_NS, "alpha-usdm", PERPETUAL, "USDT", D("-0.25"), 0),
    )
    assert ledger.total("alpha-usdm", "USDT") == D("56.75")
    assert ledger.accounts == {"alpha-usdm"}


def test_a_book_is_opened_once() -> None:
    ledger = folded(balance("alpha-spot", "USDT", "1"), fill("f1", ""))
    with pytest.raises(InvariantError, match="was opened before"):
        ledger.apply(balance("alpha-spot", "USDT", "2"))
    ledger.apply(balance("alpha-spot", "BTC", "5"))
    assert ledger.total("alpha-spot", "BTC") == 6, "an asset may be found after it was traded"
    apply_all(ledger, [PositionOpened(NOW_NS, PERPETUAL, D(3), D(100))])
    with pytest.raises(InvariantError, match="position was opened before"):
        ledger.apply(PositionOpened(NOW_NS, PERPETUAL, D(3), D(100)))
    with pytest.raises(InvariantError, match="has no positions"):
        ledger.apply(PositionOpened(NOW_NS, SPOT_A, D(3), D(100)))


def test_a_listing_that_turns_into_another_thing_counts_as_what_it_was() -> None:
    ledger = folded(fill("f1", ""))
    ledger.apply(msgspec.structs.replace(listing(SPOT_A), base="XYZ", symbol="XYZ/USDT"))
    assert "is told to be" in ledger.untold[0]
    ledger.apply(fill("f2", ""))
    assert ledger.total("alpha-spot", "BTC") == 2


def test_a_contract_that_changes_while_a_position_is_open_is_told() -> None:
    ledger = folded(fill("f1", "", "10", "100", key=PERPETUAL))
    ledger.apply(listing(PERPETUAL, contract_size="0.1"))
    assert "a contract of alpha-usdm:BTCUSDT was 1 and is 0.1" in ledger.untold[0]
    ledger.apply(fill("f2", "", "10", "100", key=PERPETUAL))
    assert ledger.positions[PERPETUAL].coins == 11


# ---------------------------------------------------------------------- perpetuals


def test_average_cost_realises_what_is_closed() -> None:
    ledger = folded(
        balance("alpha-usdm", "USDT", "1000"),
        fill("f1", "", "1", "100", key=PERPETUAL),
        fill("f2", "", "1", "110", key=PERPETUAL),
        fill("f3", "", "1", "120", key=PERPETUAL, side=SELL, fees={"USDT": "0.06"}),
    )
    position = ledger.positions[PERPETUAL]
    assert (position.quantity, position.cost, position.realised) == (1, 105, 15)
    assert ledger.total("alpha-usdm", "USDT") == D("1014.94")
    assert ledger.position(PERPETUAL) == 1


def test_a_position_may_go_through_flat_in_one_fill() -> None:
    ledger = folded(
        fill("f1", "", "3", "100", key=PERPETUAL),
        fill("f2", "", "7", "103", key=PERPETUAL, side=SELL),
    )
    position = ledger.positions[PERPETUAL]
    assert (position.quantity, position.cost, position.realised) == (-4, -412, 9)


def test_a_position_that_was_there_counts_from_its_price() -> None:
    ledger = folded(PositionOpened(NOW_NS, PERPETUAL, D(-2), D(100)), fill("f1", "", "2", "90", key=PERPETUAL))
    assert ledger.total("alpha-usdm", "USDT") == 20
    assert ledger.open_positions() == []


amounts = st.decimals(min_value="0.00001", max_value="99999", places=5, allow_nan=False)
trades = st.lists(st.tuples(st.booleans(), amounts, amounts), min_size=1, max_size=40)


def filled(position: Position, made: list[tuple[bool, Decimal, Decimal]]) -> Iterator[Decimal]:
    """Signed worth of each fill, when the position has it."""
    for is_buy, quantity, price in made:
        size = quantity if is_buy else -quantity
        position.fill(size, size, size * price)
        yield size * price


@given(trades)
def test_realised_and_the_cost_of_what_is_left_are_what_was_paid_exactly(
    made: list[tuple[bool, Decimal, Decimal]],
) -> None:
    position, paid = Position(), Decimal(0)
    with exactly():
        for worth in filled(position, made):
            paid += worth
            assert position.cost - position.realised == paid
            assert bool(position.quantity) or not position.cost
        left = position.quantity
        if left:  # closed at any price, it has realised the sum of all that was paid and got
            position.fill(-left, -left, left * -7)
        assert position.quantity == position.cost == position.coins == 0
        assert position.realised == left * 7 - paid


@given(trades)
def test_average_cost_is_that_of_fractions_but_for_the_last_of_18_decimals(
    made: list[tuple[bool, Decimal, Decimal]],
) -> None:
    position, held, cost = Position(), Fraction(0), Fraction(0)
    with exactly():
        for told in filled(position, made):
            worth, after = Fraction(told), Fraction(position.quantity)
            if held * worth >= 0:
                cost += worth
            elif held * after > 0:
                cost = cost * after / held
            else:
                cost = worth * after / (after - held)
            held = after
            assert abs(Fraction(position.cost) - cost) < Fraction(1, 10**16)


def test_money_is_never_rounded_without_a_word() -> None:
    with pytest.raises(decimal.Inexact):
        EXACT.add(Decimal("1e99"), Decimal("1e-9"))
    assert share(D(1), D(1), D(3)) == D("0.333333333333333333")
    assert share(D("0.123"), D(7), D(7)) == D("0.123")
    assert total([]) == 0


def test_a_fold_is_exact_whatever_the_callers_context_and_leaves_that_as_it_was() -> None:
    many = [fill(f"f{place}", "", "123456789.123456789", "98765.4321012345") for place in range(3)]
    with decimal.localcontext(decimal.Context(prec=5)) as rounding:
        one_by_one, together, at_once = Ledger(), Ledger(), Ledger()
        for ledger in (one_by_one, together, at_once):
            ledger.apply(listing(SPOT_A))
        for one in many:
            one_by_one.apply(one)
        together.apply(*many)
        at_once.fold(many)
        assert decimal.getcontext() is rounding
        assert one_by_one.digest() == together.digest() == at_once.digest()
    assert at_once.total("alpha-spot", "BTC") == D("370370367.370370367")
    assert at_once.total("alpha-spot", "USDT") == D("-36579789370827.5922523093029180615")
    with pytest.raises(InvariantError):
        at_once.apply(intent("o1"))
    assert at_once.applied == len(many) + 2
    assert decimal.getcontext().prec == 28
