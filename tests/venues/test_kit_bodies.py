"""Bodies become exact, typed values, or InvalidResponseError and nothing else."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import ExchangeAPIError, InvalidResponseError, Outcome, RateLimitError
from oneprice.venues.kit import (
    BodyError,
    Call,
    Millis,
    Number,
    Reader,
    Request,
    Response,
    Sequenced,
    blank,
    book_side,
    decode,
    ns_of,
    one,
    positive,
)


class Row(msgspec.Struct):
    price: Number
    number: Sequenced = 0
    time: Millis = 0
    maybe: Number | None = None
    pairs: list[tuple[Number, Number]] = []


def read(body: bytes) -> Row:
    return decode(body, Row, venue="test", what="GET /row")


decimals = st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**15), max_value=10**15)


@given(decimals)
def test_a_number_is_the_same_digits_quoted_or_bare(value: Decimal) -> None:
    text = f"{value:f}"
    for body in (f'{{"price":"{text}"}}', f'{{"price":{text}}}'):
        price = read(body.encode()).price
        assert type(price) is Decimal
        assert (price, str(price)) == (Decimal(text), str(Decimal(text)))


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1234567890123456789012345", "0.1234567890123456789012345"), ("1e-7", "1E-7"), ("7", "7"), ("-0.5", "-0.5")],
)
def test_bare_numbers_never_pass_through_a_float(text: str, value: str) -> None:
    assert str(read(f'{{"price":{text}}}'.encode()).price) == value


@pytest.mark.parametrize(
    "price",
    [
        *('"NaN"', '"Infinity"', '"-Infinity"', '""', '" 1"', '"1 "', '"0x10"', '"1_000"', '"1,5"', '".5"', '"5."'),
        *('"+1"', '"\\u0661"', "true", "null", "[]", "{}", "NaN", "1e999", '"1e999"', "9" * 65, f'"{"9" * 65}"'),
    ],
)
def test_what_is_no_plain_number_is_refused(price: str) -> None:
    with pytest.raises(InvalidResponseError):
        read(f'{{"price":{price}}}'.encode())


def test_the_error_names_the_request_the_field_and_the_beginning() -> None:
    with pytest.raises(InvalidResponseError) as caught:
        read(b'{"price":"1","pairs":[["1","2"],["1","oops"]]}' + b" " * 500)
    text = str(caught.value)
    assert "GET /row" in text
    assert "$.pairs[1][1]" in text
    assert '{"price":"1"' in text
    assert len(text) < 400
    assert caught.value.venue == "test"
    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"<html>", b'{"price":"1"}x', b'{"price":"\xff"}', b'{"other":1}'),
        *(b'{"price":"1","number":-1}', b'{"price":"1","number":9223372036854775808}', b'{"price":"1","number":"5"}'),
        *(b'{"price":"1","time":9223372036855}', b'{"price":"1","pairs":[["1"]]}'),
        *(b'{"price":"1","pairs":[["1","2","3"]]}', b'{"price":' + b"[" * 100_000),
    ],
)
def test_bodies_of_another_shape_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        read(body)


def call(failure: ExchangeAPIError | None = None) -> Call[Decimal]:
    reader = Reader("test", lambda response: failure)
    return reader.call(Request(path="/row"), Row, lambda row: positive(row.price, "the price"))


def test_a_call_gives_what_the_conversion_gives() -> None:
    assert call().read(Response(200, {}, b'{"price":1.5}')) == Decimal("1.5")


def test_a_call_raises_the_venues_error_before_it_looks_at_the_body() -> None:
    with pytest.raises(RateLimitError):
        call(RateLimitError("test", "too much")).read(Response(429, {}, b"<html>"))


def test_a_body_that_cannot_be_true_is_an_invalid_response() -> None:
    with pytest.raises(InvalidResponseError, match=r"GET /row.*the price is 0"):
        call().read(Response(200, {}, b'{"price":0}'))


def levels(*pairs: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]


def test_a_book_side_keeps_its_order() -> None:
    side = book_side(levels(("2", "1"), ("1", "0")), bids=True)
    assert [(level.price, level.quantity) for level in side] == levels(("2", "1"), ("1", "0"))


@pytest.mark.parametrize(
    ("pairs", "bids"),
    [
        ([("1", "1"), ("2", "1")], True),
        ([("2", "1"), ("1", "1")], False),
        ([("1", "1"), ("1", "1")], False),
        ([("0", "1")], False),
        ([("-1", "1")], True),
        ([("1", "-1")], True),
    ],
)
def test_a_book_side_that_cannot_be_is_refused(pairs: list[tuple[str, str]], bids: bool) -> None:
    with pytest.raises(BodyError):
        book_side(levels(*pairs), bids=bids)


def test_blank_is_none_and_else_a_number() -> None:
    assert blank("", "bid") is None
    assert blank(None, "bid") is None
    assert blank("0.10", "bid") == Decimal("0.10")
    with pytest.raises(BodyError, match="bid"):
        blank("NaN", "bid")


def test_times_with_a_fraction_become_exact_nanoseconds() -> None:
    assert ns_of(Decimal("1684930167.241"), "s") == 1_684_930_167_241_000_000
    assert ns_of(Decimal("1548000000123.456"), "ms") == 1_548_000_000_123_456_000
    for value in ("-1", "1e60"):
        with pytest.raises(BodyError):
            ns_of(Decimal(value), "s")


def test_one_is_the_only_element() -> None:
    assert one([7], "rows") == 7
    for rows in ([], [1, 2]):
        with pytest.raises(BodyError, match="rows"):
            one(rows, "rows")


def test_numbers_that_are_equal_keep_their_own_digits() -> None:
    for text in ("0.0", "0.000000000000", "1.10", "1.1"):
        assert str(read(f'{{"price":{text}}}'.encode()).price) == str(Decimal(text))
        assert str(read(f'{{"price":"{text}"}}'.encode()).price) == str(Decimal(text))
