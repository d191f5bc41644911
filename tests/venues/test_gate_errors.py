"""Gate's errors: what each answer that is none means."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from oneprice.errors import (
    AuthenticationError,
    ExchangeAPIError,
    InvalidOrderError,
    InvalidRequestError,
    OrderNotFoundError,
    Outcome,
    RateLimitError,
    TradingDisabledError,
    VenueUnavailableError,
)
from oneprice.model import MarketKind
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import Call, PublicMarket, Response

T = TypeVar("T")
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))
both = pytest.mark.parametrize("market", [SPOT, USDM], ids=["spot", "usdm"])


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, body if isinstance(body, bytes) else msgspec.json.encode(body)))


def fixture(shared: Path, name: str) -> bytes:
    return (shared / "fixtures" / "gate" / name).read_bytes()


def refused(status: int, body: object, headers: dict[str, str] | None = None) -> ExchangeAPIError:
    told = body if isinstance(body, bytes) else msgspec.json.encode(body)
    error = SPOT.error(Response(status, headers or {}, told))
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "label", "kind", "outcome"),
    [
        (401, "INVALID_KEY", AuthenticationError, Outcome.REJECTED),
        (403, "REQUEST_EXPIRED", AuthenticationError, Outcome.REJECTED),
        (400, "INVALID_SIGNATURE", AuthenticationError, Outcome.REJECTED),
        (400, "AMOUNT_TOO_LITTLE", InvalidOrderError, Outcome.REJECTED),
        (404, "CLIENT_ID_NOT_FOUND", OrderNotFoundError, Outcome.REJECTED),
        (400, "INVALID_CURRENCY_PAIR", InvalidRequestError, Outcome.REJECTED),
        (400, "CONTRACT_NOT_FOUND", InvalidRequestError, Outcome.REJECTED),
        (400, "CONTRACT_IN_DELISTING", TradingDisabledError, Outcome.REJECTED),
        (400, "SOME_NEW_LABEL", InvalidRequestError, Outcome.UNKNOWN),
        (403, "SOME_NEW_LABEL", AuthenticationError, Outcome.UNKNOWN),
        (400, "TOO_MANY_ORDERS", InvalidOrderError, Outcome.REJECTED),
        (400, "ORDER_FINISHED", OrderNotFoundError, Outcome.REJECTED),
        (400, "TOO_BUSY", VenueUnavailableError, Outcome.UNKNOWN),
        (500, "SERVER_ERROR", VenueUnavailableError, Outcome.UNKNOWN),
        (500, "INVALID_KEY", AuthenticationError, Outcome.UNKNOWN),
    ],
)
def test_labels(status: int, label: str, kind: type[ExchangeAPIError], outcome: Outcome) -> None:
    error = refused(status, {"label": label, "message": "words"})
    assert (type(error), error.code, error.message, error.outcome) == (kind, label, "words", outcome)


def test_a_pair_that_is_halted_is_told_by_its_words() -> None:
    words = "Trade of currency pair BTC_USDT is disabled"
    assert type(refused(400, {"label": "INVALID_CURRENCY_PAIR", "message": words})) is TradingDisabledError


def test_perpetuals_may_say_detail_for_message() -> None:
    assert refused(400, {"label": "NOT_FOUND", "detail": "no such thing"}).message == "no such thing"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(502, VenueUnavailableError), (403, AuthenticationError), (429, RateLimitError), (404, InvalidRequestError)],
)
def test_a_body_that_is_not_gates_is_told_by_its_status(status: int, kind: type[ExchangeAPIError]) -> None:
    for body in (b"<html>busy</html>", b"", b"\xff", b"[]", b'{"label":null}'):
        assert type(refused(status, body)) is kind


def test_the_wait_is_counted_on_the_venues_own_clock() -> None:
    body = {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (211)"}
    headers = {"x-gate-ratelimit-reset-timestamp": "1700000007", "x-out-time": "1700000003250000"}
    assert refused(429, body, headers).retry_after_ms == 3_750
    assert refused(429, body).retry_after_ms == 10_000
    assert refused(429, body, headers | {"x-out-time": "1"}).retry_after_ms == 10_000
    assert refused(429, body, headers | {"retry-after": "2"}).retry_after_ms == 2_000


def test_an_answer_of_200_is_no_error() -> None:
    assert SPOT.error(Response(200, {}, b"[]")) is None


@both
def test_used_weight_comes_from_the_headers(market: PublicMarket) -> None:
    headers = {"x-gate-ratelimit-limit": "200", "x-gate-ratelimit-requests-remain": "188"}
    assert market.used_weight(Response(200, headers, b"")) == {"default": 12}
    assert market.used_weight(Response(200, {}, b"")) == {}
    assert market.used_weight(Response(200, headers | {"x-gate-ratelimit-limit": "many"}, b"")) == {}
    assert market.used_weight(Response(200, headers | {"x-gate-ratelimit-limit": "3"}, b"")) == {}
    assert set(market.budgets) == {"default"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("spot_rest_error_invalid_param.json", InvalidRequestError),
        ("spot_rest_error_order_too_small.json", InvalidOrderError),
        ("spot_rest_error_client_id_not_found.json", OrderNotFoundError),
        ("spot_rest_error_order_not_found.json", OrderNotFoundError),
    ],
)
def test_recorded_errors(shared: Path, name: str, kind: type[ExchangeAPIError]) -> None:
    assert type(refused(400, fixture(shared, name))) is kind
