from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.observe.figures import amount, bps, counted, latency, span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("0.021340", "0.02134"),
        ("0.00000123456", "0.0000012346"),
        ("1310.5", "1,310.5"),
        ("2500000", "2,500,000"),
        ("1E+7", "10,000,000"),
        ("-71.2", "-71.2"),
        ("99999.96", "100,000"),
    ],
)
def test_amounts_have_five_digits_and_no_powers_of_ten(value: str, text: str) -> None:
    assert amount(Decimal(value)) == text


@given(st.decimals(min_value="-1e12", max_value="1e12", allow_nan=False, places=12))
def test_an_amount_is_never_off_by_more_than_its_last_digit(value: Decimal) -> None:
    shown = Decimal(amount(value).replace(",", ""))
    assert abs(shown - value) <= abs(value) / Decimal(10_000)
    assert "E" not in amount(value).upper()


def test_basis_points_carry_their_sign() -> None:
    assert bps(4.26) == "+4.3"
    assert bps(-0.24) == "-0.2"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(85.2, "85 ms"), (999.7, "1.0 s"), (1_400, "1.4 s"), (75_000, "75 s"), (720_000, "12 min")],
)
def test_spans_choose_their_unit(milliseconds: float, text: str) -> None:
    assert span(milliseconds) == text


def test_an_unknown_latency_is_a_dash() -> None:
    assert latency(None) == "-"
    assert latency(0.42) == "0.4"
    assert latency(1_234.0) == "1,234"


def test_counts_come_most_first_and_zeros_not_at_all() -> None:
    assert counted({"gap": 1, "silent": 3, "stale": 0}) == "3 silent, 1 gap"
    assert counted({}) == ""
