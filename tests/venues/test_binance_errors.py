"""Binance's error answers: class, outcome, and when to come back."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import (
    AuthenticationError,
    DuplicateOrderError,
    ExchangeAPIError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidRequestError,
    OrderNotFoundError,
    Outcome,
    RateLimitError,
    TradingDisabledError,
    VenueUnavailableError,
)
from oneprice.model import MarketKind
from oneprice.venues.binance import VENUE
from oneprice.venues.binance.errors import SPOT_ERRORS, USDM_ERRORS
from oneprice.venues.kit import PublicMarket, Response

SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))
both = pytest.mark.parametrize("market", [SPOT, USDM], ids=["spot", "usdm"])


def error_of(market: PublicMarket, status: int, code: int, message: str = "told") -> ExchangeAPIError:
    error = market.error(Response(status, {}, msgspec.json.encode({"code": code, "msg": message})))
    assert error is not None
    return error


@pytest.mark.parametrize("status", [200, 201, 304])
@both
def test_an_answer_below_400_is_no_error(market: PublicMarket, status: int) -> None:
    assert market.error(Response(status, {}, b'{"code":-1121,"msg":"Invalid symbol."}')) is None


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-1003, "Too much request weight used", RateLimitError),
        (-1015, "Too many new orders", RateLimitError),
        (-1021, "Timestamp for this request is outside of the recvWindow.", AuthenticationError),
        (-1121, "Invalid symbol.", InvalidRequestError),
        (-1016, "This service is no longer available.", VenueUnavailableError),
        (-2011, "Unknown order sent.", OrderNotFoundError),
        (-2010, "Account has insufficient balance for requested action.", InsufficientBalanceError),
        (-2010, "Market is closed.", TradingDisabledError),
        (-1013, "Market is closed.", TradingDisabledError),
        (-2010, "This symbol is not permitted for this account.", TradingDisabledError),
        (-2010, "Order would immediately match and take.", InvalidOrderError),
        (-1013, "Filter failure: LOT_SIZE", InvalidOrderError),
        (0, "Service unavailable from a restricted location according to terms.", VenueUnavailableError),
        (-2010, "Duplicate order sent.", DuplicateOrderError),
        (-2011, "Order was not canceled due to cancel restrictions.", InvalidOrderError),
        (-2011, "This account may not place or cancel orders.", TradingDisabledError),
        (-1008, "Server is currently overloaded with other requests.", VenueUnavailableError),
        (-1122, "Invalid symbol status.", TradingDisabledError),
        (-2016, "No trading window could be found for the symbol.", TradingDisabledError),
    ],
)
@both
def test_codes_and_words_decide(market: PublicMarket, code: int, message: str, kind: type[ExchangeAPIError]) -> None:
    error = error_of(market, 400, code, message)
    assert type(error) is kind
    assert (error.venue, error.code, error.message) == (f"binance-{market.kind.value}", str(code), message)
    assert error.outcome is Outcome.REJECTED


@pytest.mark.parametrize("status", [400, 401, 404, 409])
@both
def test_a_code_that_is_in_no_table_proves_nothing(market: PublicMarket, status: int) -> None:
    error = error_of(market, status, -9_999, "Something new.")
    assert (type(error), error.code, error.outcome) == (ExchangeAPIError, "-9999", Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("code", "spot", "usdm"),
    [
        (-2021, InvalidOrderError, InvalidOrderError),
        (-4116, ExchangeAPIError, DuplicateOrderError),
        (-2026, OrderNotFoundError, InvalidOrderError),
        (-2019, ExchangeAPIError, InsufficientBalanceError),
        (-4021, ExchangeAPIError, InvalidRequestError),
        (-2043, InvalidRequestError, ExchangeAPIError),
    ],
)
def test_a_number_may_mean_another_thing_in_the_other_market(
    code: int, spot: type[ExchangeAPIError], usdm: type[ExchangeAPIError]
) -> None:
    assert type(error_of(SPOT, 400, code)) is spot
    assert type(error_of(USDM, 400, code)) is usdm


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, -1003), (503, -1001), (504, -1007), (503, -1013), (400, -1006), (400, -1007), (400, -1000)],
)
@both
def test_outcomes_that_nobody_knows(market: PublicMarket, status: int, code: int) -> None:
    assert error_of(market, status, code).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, RateLimitError),
        (418, RateLimitError),
        (429, RateLimitError),
        (451, VenueUnavailableError),
        (404, ExchangeAPIError),
        (408, VenueUnavailableError),
        (502, VenueUnavailableError),
    ],
)
@both
def test_without_binances_body_the_status_tells(
    market: PublicMarket, status: int, kind: type[ExchangeAPIError]
) -> None:
    for body in (b"", b"<html>busy</html>", b"[1]", b'{"code":"x"}', b"\xff", b"[" * 100_000):
        error = market.error(Response(status, {"retry-after": "7"}, body))
        assert type(error) is kind
        assert (error.code, error.retry_after_ms) == (f"HTTP {status}", 7_000)


@given(st.integers(400, 599), st.binary(max_size=100), st.text(max_size=10))
@both
def test_any_answer_from_400_up_is_some_error(market: PublicMarket, status: int, body: bytes, header: str) -> None:
    error = market.error(Response(status, {"retry-after": header}, body))
    assert isinstance(error, ExchangeAPIError)
    assert status < 500 or error.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-2020, InvalidOrderError),  # unable to fill
        (-2023, TradingDisabledError),  # in liquidation
        (-2027, InvalidOrderError),  # the largest position at this leverage
        (-2028, InvalidOrderError),  # leverage too small for the margin
        (-4013, InvalidOrderError),  # below the least price
        (-4028, InvalidRequestError),  # leverage that is none
        (-4062, InvalidOrderError),  # reduce-only where it cannot be
    ],
)
def test_refusals_of_perpetual_orders_that_were_never_carried_out(code: int, kind: type[ExchangeAPIError]) -> None:
    error = error_of(USDM, 400, code)
    assert (type(error), error.outcome) == (kind, Outcome.REJECTED)


def test_the_tables_have_every_code_of_the_fact_sheet(shared: Path) -> None:
    """Section 15; where a code is of one market only, the sheet marks it with F or S."""
    sheet = (shared / "venues" / "binance.md").read_text(encoding="utf-8")
    section = sheet.partition("## 15. Errors")[2].partition("## 16.")[0]
    for row in section.splitlines():
        if not row.startswith("| "):
            continue
        words = re.sub(r"(-\d{4})…(-\d{4})", _spelled_out, row.replace("/-", ", -"))
        for code in re.findall(r"-\d{4}", words):
            assert code in SPOT_ERRORS.codes or code in USDM_ERRORS.codes, f"{code} in {row[:60]}"
    assert len(re.findall(r"-\d{4}", section)) > 80


def _spelled_out(match: re.Match[str]) -> str:
    first, last = (int(text) for text in match.groups())
    return " ".join(str(code) for code in range(first, last - 1, -1) if code != -1107)


def test_both_markets_know_the_codes_that_public_calls_can_give() -> None:
    public = "-1000 -1001 -1003 -1006 -1007 -1008 -1015 -1016 -1034 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 "
    for code in (public + "-1114 -1115 -1116 -1117 -1118 -1119 -1120 -1121 -1128 -1130").split():
        assert code in SPOT_ERRORS.codes
        assert code in USDM_ERRORS.codes
