"""Texts become whole ticks and lots exactly, or not at all: held against decimal.Decimal, through quotes."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.core.odd_values import NUMBERS

from oneprice.core.describe import Quote, Stream, Time, encode
from oneprice.core.specs import listing_spec
from oneprice.core.states import Flag, Reason

MANTISSA_MAX = 10**18
PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
STEPS = ("1", "0.01", "0.00000001", "0.5", "0.25", "10", "0.000000000000000001", "0.005", "100000")

DESCRIPTION = encode(
    Stream(
        messages=(
            Quote(
                name="quote",
                when=(),
                symbol="s",
                bid_price="b",
                bid_quantity="B",
                ask_price="a",
                ask_quantity="A",
                price="any",
                quantity="any",
                id=("u",),
                time=Time("t", "us"),
            ),
        )
    )
)


def ask(hub_class: Any, step: str, quantity: str, form: str = '"%s"', extra: str = "") -> tuple[int, Any]:
    """A fresh listing with lots of `step`, and what its ask quantity became: flags, and `(lots or reason)`."""
    hub = hub_class(b"{}")
    spec = listing_spec("x", tick_size=Decimal(1), lot_size=Decimal(step), depth=False, base_per_unit=Decimal(10) ** 6)
    listing = hub.add_listing(msgspec.json.encode(spec))
    stream = hub.add_stream(DESCRIPTION)
    hub.bind(stream, "quote", "A", listing)
    frame = f'{{"s":"A","b":"","a":"5","A":{form % quantity},"u":7{extra}}}'
    flags = hub.on_frame(stream, frame.encode(), 1)
    return flags, Reason(hub.reason(listing)) if flags & Flag.MALFORMED else hub.top(listing)[3]


def expected(step: str, text: str) -> int | Reason:
    """What Decimal says: a count of steps, or why it is none."""
    if not PLAIN.fullmatch(text) or len(text) > 64:
        return Reason.MALFORMED
    value = Decimal(text)
    digits = value.normalize()
    exponent = int(digits.as_tuple().exponent)
    mantissa = int(digits.scaleb(-exponent)) if exponent < 0 else int(value)
    if mantissa >= MANTISSA_MAX:
        return Reason.MALFORMED
    decimals = max(0, -int(Decimal(step).normalize().as_tuple().exponent))
    if -exponent > decimals:
        return Reason.OFF_GRID
    if value * 10**decimals >= MANTISSA_MAX:
        return Reason.MALFORMED
    count = value / Decimal(step)
    return int(count) if count == int(count) else Reason.OFF_GRID


def plain_numbers() -> st.SearchStrategy[str]:
    digits = st.text("0123456789", min_size=1, max_size=20)
    fraction = st.one_of(st.just(""), digits.map(lambda text: "." + text))
    exponent = st.one_of(st.just(""), st.just(""), st.integers(-30, 30).map(lambda power: f"e{power}"))
    return st.tuples(digits, fraction, exponent).map("".join)


def counts(step: str) -> st.SearchStrategy[str]:
    """Texts on the grid, written in the usual ways."""
    whole = st.integers(0, min(10**17, int(MANTISSA_MAX * Decimal(step)))).map(
        lambda count: f"{count * Decimal(step):f}"
    )
    return st.one_of(
        whole, whole.map(lambda text: text + "0" if "." in text else text + ".0"), whole.map(lambda text: "0" + text)
    )


CASES = st.sampled_from(STEPS).flatmap(lambda step: st.tuples(st.just(step), st.one_of(plain_numbers(), counts(step))))


@settings(max_examples=200)
@given(case=CASES)
@example(case=("0.01", "99999999.99"))
@example(case=("0.00000001", "99999999.99999999"))
@example(case=("0.00000001", "100000000.00000001"))
@example(case=("0.01", "0.010000000"))
@example(case=("0.01", "0.0100000001"))
@example(case=("0.5", "12345678.5"))
@example(case=("0.5", "12345678.25"))
@example(case=("10", "12345670.00000000"))
@example(case=("10", "5"))
def test_decimals_become_whole_steps_exactly(both: tuple[Any, Any], case: tuple[str, str]) -> None:
    step, text = case
    for hub_class in both:
        assert ask(hub_class, step, text)[1] == expected(step, text)


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("step", ["1", "0.01", "0.00000001"])
def test_odd_texts_are_counted_or_refused_as_decimal_says(hub_class: Any, text: str, step: str) -> None:
    if text in ("nan", "inf", "NaN", "Infinity") or not PLAIN.fullmatch(text):
        assert ask(hub_class, step, text)[1] == Reason.MALFORMED
    else:
        assert ask(hub_class, step, text)[1] == expected(step, text)


@settings(max_examples=80)
@given(value=st.floats(min_value=0, max_value=1e15, allow_nan=False), step=st.sampled_from(STEPS))
def test_bare_numbers_are_read_as_their_text(both: tuple[Any, Any], value: float, step: str) -> None:
    text = repr(value)
    for hub_class in both:
        assert ask(hub_class, step, text, form="%s")[1] == expected(step, text)


@pytest.mark.parametrize("text", ["01", "1.", ".5", "-1", "+1", "0x1", "1e", "--1", "1 2"])
def test_bare_numbers_that_json_forbids_spoil_the_frame(hub_class: Any, text: str) -> None:
    assert ask(hub_class, "1", text, form="%s")[0] & Flag.MALFORMED


TIMES = (
    ("1700000000123456", 1_700_000_000_123_456_000),
    ("17000000001234.5678", 17_000_000_001_234_567),
    ("1.7e15", 1_700_000_000_000_000_000),
    ("0.0009", 0),
    ("9223372036854.5807", 9_223_372_036_854_580),
    ("9223372036854775.9", None),
    ("9223372036854776", None),
    ("-1", None),
    ("1e17", None),
)


@pytest.mark.parametrize(
    ("written", "ns"),
    [
        *TIMES,
        *((f'"{text}"', ns) for text, ns in TIMES),
        *(('"0000001"', 1_000), ('""', 0), ("null", 0)),
        *(("true", None), ("[]", None), ('"soon"', None)),
    ],
)
def test_times_are_whole_nanoseconds(hub_class: Any, written: str, ns: int | None) -> None:
    hub = hub_class(b"{}")
    listing = hub.add_listing(msgspec.json.encode(listing_spec("x", tick_size=Decimal(1), lot_size=Decimal(1))))
    stream = hub.add_stream(DESCRIPTION)
    hub.bind(stream, "quote", "A", listing)
    flags = hub.on_frame(stream, f'{{"s":"A","b":"","a":"","u":7,"t":{written}}}'.encode(), 1)
    if ns is None:
        assert flags & Flag.MALFORMED
    else:
        assert hub.times(listing)[1] == ns


@pytest.mark.parametrize(("least", "lots"), [("0.00015", 2), ("0.0002", 2), ("0.00021", 3), ("0", 1)])
def test_a_minimum_between_two_lots_is_the_larger_one(least: str, lots: int) -> None:
    spec = listing_spec(
        "x", tick_size=Decimal("0.1"), lot_size=Decimal("0.0001"), min_quantity=Decimal(least), min_notional=Decimal(5)
    )
    assert spec.min_lots == lots
    assert spec.min_value == 500_000
    assert listing_spec("x", tick_size=Decimal(2), lot_size=Decimal(3), min_notional=Decimal(7)).min_value == 2
