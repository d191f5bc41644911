"""MEXC's errors: what each answer that is none means."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

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
from oneprice.venues.kit import Call, PublicMarket, Response
from oneprice.venues.mexc import VENUE

T = TypeVar("T")
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, body if isinstance(body, bytes) else msgspec.json.encode(body)))


def fixture(shared: Path, name: str) -> bytes:
    return (shared / "fixtures" / "mexc" / name).read_bytes()


def refused(market: PublicMarket, status: int, body: object) -> ExchangeAPIError:
    told = body if isinstance(body, bytes) else msgspec.json.encode(body)
    error = market.error(Response(status, {}, told))
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "code", "kind", "outcome"),
    [
        (401, 700006, AuthenticationError, Outcome.REJECTED),
        (400, 700003, AuthenticationError, Outcome.REJECTED),
        (400, 10101, InsufficientBalanceError, Outcome.REJECTED),
        (400, 88013, InvalidOrderError, Outcome.REJECTED),
        (400, -2013, OrderNotFoundError, Outcome.REJECTED),
        (400, -1121, InvalidRequestError, Outcome.REJECTED),
        (400, 10007, InvalidRequestError, Outcome.REJECTED),
        (400, 30016, TradingDisabledError, Outcome.REJECTED),
        (429, 429, RateLimitError, Outcome.REJECTED),
        (400, 999999, InvalidRequestError, Outcome.UNKNOWN),
        (200, 700004, InvalidRequestError, Outcome.REJECTED),
        (400, 20002, VenueUnavailableError, Outcome.UNKNOWN),
        (504, 504, VenueUnavailableError, Outcome.UNKNOWN),
        (500, 10101, InsufficientBalanceError, Outcome.UNKNOWN),
    ],
)
def test_spot_codes(status: int, code: int, kind: type[ExchangeAPIError], outcome: Outcome) -> None:
    error = refused(SPOT, status, {"code": code, "msg": "文字"})
    assert (type(error), error.code, error.message, error.outcome) == (kind, str(code), "文字", outcome)


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        (602, AuthenticationError, Outcome.REJECTED),
        (2005, InsufficientBalanceError, Outcome.REJECTED),
        (2015, InvalidOrderError, Outcome.REJECTED),
        (603, DuplicateOrderError, Outcome.UNKNOWN),
        (2040, OrderNotFoundError, Outcome.REJECTED),
        (510, RateLimitError, Outcome.REJECTED),
        (500, VenueUnavailableError, Outcome.UNKNOWN),
        (1001, InvalidRequestError, Outcome.REJECTED),
        (1002, TradingDisabledError, Outcome.REJECTED),
        (999999, ExchangeAPIError, Outcome.UNKNOWN),
    ],
)
def test_perpetual_codes_come_with_status_200(code: int, kind: type[ExchangeAPIError], outcome: Outcome) -> None:
    error = refused(USDM, 200, {"success": False, "code": code, "message": "words"})
    assert (type(error), error.code, error.message, error.outcome) == (kind, str(code), "words", outcome)


def test_the_same_number_means_other_things_on_the_two_markets() -> None:
    assert type(refused(SPOT, 400, {"code": 30002, "msg": ""})) is InvalidOrderError
    assert type(refused(SPOT, 400, {"code": 500, "msg": ""})) is VenueUnavailableError
    assert type(refused(USDM, 200, {"success": False, "code": 30002})) is ExchangeAPIError


@pytest.mark.parametrize("market", [SPOT, USDM], ids=["spot", "usdm"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, RateLimitError),
        (418, RateLimitError),
        (429, RateLimitError),
        (401, AuthenticationError),
        (404, InvalidRequestError),
        (503, VenueUnavailableError),
    ],
)
def test_a_body_that_is_not_mexcs_is_told_by_its_status(
    market: PublicMarket, status: int, kind: type[ExchangeAPIError]
) -> None:
    for body in (b"<HTML>Access Denied</HTML>", b"", b"\xff", b"[]", b"[" * 1_500, b'{"code":"x"}'):
        assert type(refused(market, status, body)) is kind


def test_how_long_a_ban_lasts_is_in_a_header() -> None:
    error = SPOT.error(Response(429, {"retry-after": "120"}, b'{"code":429,"msg":""}'))
    assert error is not None
    assert error.retry_after_ms == 120_000


def test_good_answers_are_no_errors() -> None:
    assert SPOT.error(Response(200, {}, b"[]")) is None
    assert SPOT.error(Response(200, {}, b'{"code":0,"data":[],"msg":"success"}')) is None
    assert USDM.error(Response(200, {}, b'{"success":true,"code":0,"data":1}')) is None
    assert SPOT.used_weight(Response(200, {}, b"")) == {}
    assert USDM.used_weight(Response(200, {}, b"")) == {}


@pytest.mark.parametrize(
    ("market", "status", "name", "kind"),
    [
        (SPOT, 400, "spot_rest_error_insufficient_10101.json", InsufficientBalanceError),
        (SPOT, 400, "spot_rest_error_min_notional_88013.json", InvalidOrderError),
        (SPOT, 400, "spot_rest_error_signature_700002.json", AuthenticationError),
        (SPOT, 400, "spot_rest_error_timestamp_700003.json", AuthenticationError),
        (USDM, 200, "futures_rest_error_500_maintenance.json", VenueUnavailableError),
    ],
)
def test_recorded_errors(
    shared: Path, market: PublicMarket, status: int, name: str, kind: type[ExchangeAPIError]
) -> None:
    assert type(refused(market, status, fixture(shared, name))) is kind
