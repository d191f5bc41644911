"""Gate's error labels. Messages are not read, but for two: labels are the documented codes, texts change."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from oneprice.errors import (
    AuthenticationError,
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
from oneprice.venues.kit import Budget, ErrorTable, Response, Rule, Words, rules

VENUE_NAME = "gate"
WINDOW_MS = 10_000
BUDGETS: Mapping[str, Budget] = {"default": Budget(200, WINDOW_MS / 1_000)}
"""Documented is this for each endpoint; all of them share it here, which is never too much."""

LABELS = rules(
    {
        AuthenticationError: (
            "INVALID_CREDENTIALS INVALID_KEY IP_FORBIDDEN READ_ONLY FORBIDDEN MISSING_REQUIRED_HEADER ACCOUNT_LOCKED"
            " SUB_ACCOUNT_LOCKED AUTHENTICATION_FAILED REQUEST_FORBIDDEN INVALID_SIGNATURE REQUEST_EXPIRED"
        ),
        InsufficientBalanceError: (
            "BALANCE_NOT_ENOUGH MARGIN_BALANCE_NOT_ENOUGH FUTURES_BALANCE_NOT_ENOUGH INSUFFICIENT_AVAILABLE"
        ),
        InvalidOrderError: (
            "AMOUNT_TOO_LITTLE AMOUNT_TOO_MUCH QUANTITY_NOT_ENOUGH INVALID_PRECISION SIZE_TOO_SMALL"
            " SIZE_TOO_LARGE PRICE_TOO_DEVIATED PRICE_THRESHOLD_EXCEEDED ERR_QUOTA_LOWER_LIMIT"
            " POC_FILL_IMMEDIATELY ORDER_POC_IMMEDIATE FOK_NOT_FILL ORDER_FOK TOO_MANY_ORDERS"
            " TOO_MANY_CURRENCY_PAIRS MIXED_ACCOUNT_TYPE PRICE_OVER_LIQUIDATION PRICE_OVER_BANKRUPT"
            " LIQUIDATE_IMMEDIATELY INCREASE_POSITION POSITION_EMPTY RISK_LIMIT_EXCEEDED CONTRACT_NO_COUNTER"
        ),
        OrderNotFoundError: (
            "ORDER_NOT_FOUND CLIENT_ID_NOT_FOUND ORDER_CLOSED ORDER_CANCELLED ORDER_FINISHED ORDER_NOT_OWNED"
        ),
        RateLimitError: "TOO_MANY_REQUESTS TOO_FAST",
        Rule(VenueUnavailableError, Outcome.UNKNOWN): "TOO_BUSY INTERNAL SERVER_ERROR TIMEOUT",
        TradingDisabledError: (
            "TRADE_RESTRICTED USER_NOT_FOUND CONTRACT_IN_DELISTING ORDER_BOOK_NOT_FOUND POSITION_IN_LIQUIDATION"
            " POSITION_IN_CLOSE"
        ),
        InvalidRequestError: (
            "INVALID_CURRENCY INVALID_CURRENCY_PAIR CONTRACT_NOT_FOUND INVALID_PARAM_VALUE INVALID_PROTOCOL"
            " INVALID_ARGUMENT INVALID_REQUEST_BODY INVALID_CONTENT_TYPE NOT_ACCEPTABLE MISSING_REQUIRED_PARAM"
            " BAD_REQUEST METHOD_NOT_ALLOWED NOT_FOUND NO_CHANGE LEVERAGE_TOO_HIGH LEVERAGE_TOO_LOW POSITION_HOLDING"
            " POSITION_CROSS_MARGIN RISK_LIMIT_NOT_MULTIPLE RISK_LIMIT_TOO_HIGH RISK_LIMIT_TOO_LOW"
        ),
    }
)
"""Gate refuses no client id twice, so nothing here is a DuplicateOrderError."""

WORDS = (
    Words("INVALID_PARAM_VALUE", "too small", Rule(InvalidOrderError)),
    Words("INVALID_CURRENCY_PAIR", "is disabled", Rule(TradingDisabledError)),
)
"""Labels that mean several things: seen live for an order below the least notional, and for a pair that is halted."""

STATUSES = {
    401: Rule(AuthenticationError, Outcome.UNKNOWN),
    403: Rule(AuthenticationError, Outcome.UNKNOWN),
    400: Rule(InvalidRequestError, Outcome.UNKNOWN),
}
"""For labels that are not in the table. Who has made up such an answer is not known, nor what came before it."""

TABLES = {
    kind: ErrorTable(venue=f"{VENUE_NAME}-{kind.value}", codes=LABELS, words=WORDS, statuses=STATUSES)
    for kind in MarketKind
}


class ErrorBody(msgspec.Struct):
    """Perpetuals sometimes say `detail` instead of `message`."""

    label: str
    message: str = ""
    detail: str = ""


def error_of(table: ErrorTable, response: Response) -> ExchangeAPIError | None:
    """The error that an answer is. Any answer of 2xx is none: Gate's errors have a status of their own."""
    if 200 <= response.status < 300:
        return None
    try:
        told = msgspec.json.decode(response.body, type=ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = ErrorBody(label="")
    error = table.error(response, told.label, told.message or told.detail)
    if isinstance(error, RateLimitError) and error.retry_after_ms is None:
        error.retry_after_ms = _until_reset_ms(response.headers)
    return error


def used_weight(response: Response) -> Mapping[str, int]:
    """What the answer's headers say of its endpoint's window."""
    limit = _number(response.headers, "x-gate-ratelimit-limit")
    left = _number(response.headers, "x-gate-ratelimit-requests-remain")
    return {} if limit is None or left is None or left > limit else {"default": limit - left}


def _until_reset_ms(headers: Mapping[str, str]) -> int:
    """From the venue's own clock to its reset, both in the headers; a whole window where it does not tell."""
    reset_s = _number(headers, "x-gate-ratelimit-reset-timestamp")
    now_us = _number(headers, "x-out-time")
    if reset_s is None or now_us is None:
        return WINDOW_MS
    return min(max(0, reset_s * 1_000 - now_us // 1_000), WINDOW_MS)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
