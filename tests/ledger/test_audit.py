"""The venues' balances against ours."""

from __future__ import annotations

from decimal import Decimal

from tests.ledger.making import BUY, CROSSED, PERPETUAL, SELL, SPOT_A, D, balance, fill, folded, intent, opened, told

from oneprice.ledger.audit import Difference, compare
from oneprice.ledger.records import AnyRecord
from oneprice.model import OrderStatus


def differences(
    account: str, balances: dict[str, str], positions: dict[str, str] | None = None, records: tuple[AnyRecord, ...] = ()
) -> list[Difference]:
    ledger = folded(
        balance("alpha-spot", "USDT", "1000"),
        balance("alpha-spot", "BTC", "2"),
        balance("alpha-usdm", "USDT", "500"),
        *records,
    )
    theirs = {asset: Decimal(amount) for asset, amount in balances.items()}
    held = {key: Decimal(quantity) for key, quantity in (positions or {}).items()}
    return compare(ledger, account, theirs, held)


def test_equal_books_have_no_differences() -> None:
    assert differences("alpha-spot", {"USDT": "1000.00", "BTC": "2", "DOGE": "0"}) == []
    assert differences("alpha-usdm", {"USDT": "500"}) == []


def test_what_nothing_explains_is_told_as_such() -> None:
    found = differences("alpha-spot", {"USDT": "990", "DOGE": "7"})
    assert found == [
        Difference("BTC", D(0), D(2), D(-2), ""),
        Difference("DOGE", D(7), D(0), D(7), ""),
        Difference("USDT", D(990), D(1000), D(-10), ""),
    ]


def test_an_order_that_is_out_may_have_filled() -> None:
    records = (opened(), intent("o1"), intent("o2"))
    found = differences("alpha-spot", {"USDT": "900", "BTC": "3", "BNB": "1"}, records=records)
    assert [(one.asset, one.explained) for one in found] == [
        ("BNB", ""),
        ("BTC", "a fill may not be told yet: order o1 and 1 more"),
        ("USDT", "a fill may not be told yet: order o1 and 1 more"),
    ]


def test_an_order_that_is_over_with_all_its_fills_explains_nothing() -> None:
    over = (opened(), intent("o1"), told("o1", OrderStatus.CANCELED))
    assert differences("alpha-spot", {"USDT": "900", "BTC": "2"}, records=over)[0].explained == ""
    lacking = (opened(), intent("o1"), told("o1", OrderStatus.CANCELED, "0.5"))
    assert "order o1" in differences("alpha-spot", {"USDT": "950", "BTC": "2"}, records=lacking)[0].explained


def test_orders_elsewhere_explain_nothing() -> None:
    records = (opened(), intent("o1", PERPETUAL), intent("o2", CROSSED))
    assert differences("alpha-spot", {"USDT": "999", "BTC": "2"}, records=records)[0].explained == ""


def test_the_venues_rounding_of_costs_is_understood_while_a_part_of_a_position_is_closed() -> None:
    closed = (
        fill("f1", "", "3", "100", key=PERPETUAL),
        fill("f2", "", "4", "101.37", key=PERPETUAL),
        fill("f3", "", "1", "100.3", key=PERPETUAL, side=SELL),
    )
    ours = folded(balance("alpha-usdm", "USDT", "500"), *closed).total("alpha-usdm", "USDT")
    theirs = ours.quantize(D("1e-8"))
    assert theirs != ours
    found = differences("alpha-usdm", {"USDT": str(theirs)}, {PERPETUAL: "6"}, closed)
    assert [one.explained for one in found] == ["the venue's rounding of the cost of an open position"]
    much = differences("alpha-usdm", {"USDT": str(theirs + 1)}, {PERPETUAL: "6"}, closed)
    assert [one.explained for one in much] == [""]
    flat = (*closed, fill("f4", "", "6", "102", key=PERPETUAL, side=SELL))
    found = differences("alpha-usdm", {"USDT": str(theirs)}, {}, flat)
    assert [one.explained for one in found] == [""], "flat, there is nothing left to round"
    assert folded(balance("alpha-usdm", "USDT", "500"), *flat).total("alpha-usdm", "USDT") == D("506.82")


def test_a_position_that_differs_is_told_and_never_adopted() -> None:
    found = differences("alpha-usdm", {"USDT": "500"}, {PERPETUAL: "-2"})
    assert [(one.asset, one.amount, one.is_position) for one in found] == [(PERPETUAL, -2, True)]
    assert "nothing is adopted" in found[0].explained
    records = (opened(), intent("o1", PERPETUAL, BUY))
    assert "order o1" in differences("alpha-usdm", {"USDT": "500"}, {PERPETUAL: "1"}, records)[0].explained
    elsewhere = (opened(), intent("o1", SPOT_A, BUY))
    assert "adopted" in differences("alpha-usdm", {"USDT": "500"}, {PERPETUAL: "1"}, elsewhere)[0].explained
