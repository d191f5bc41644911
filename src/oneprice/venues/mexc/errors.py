"""MEXC's error codes. Their texts are localised and never read; the two markets share numbers, not meanings."""

from __future__ import annotations

from typing import TypeVar

import msgspec

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
from oneprice.venues.kit import ErrorTable, Response, Rule, rules

F = TypeVar("F")

VENUE_NAME = "mexc"
ERROR_BYTES_MAX = 2_000
"""A longer answer is no error: its codes need not be looked for."""

_UNKNOWN = Rule(VenueUnavailableError, Outcome.UNKNOWN)

_SPOT_CODES = rules(
    {
        AuthenticationError: "400 401 602 10072 10073 30020 70011 140002 "
        "700001 700002 700003 700005 700006 700007 730706",
        InsufficientBalanceError: "10101 30004 30005",
        InvalidOrderError: "10095 10096 10097 10102 30002 30003 30010 30025 30029 30032 30087 88013",
        OrderNotFoundError: "-2011 -2013 22222 30026",
        RateLimitError: "429",
        _UNKNOWN: "500 503 504 604 801 11444 20002",
        TradingDisabledError: "10098 30000 30001 30014 30016 30018 30019 30021 30027 30028 30041 60005",
        InvalidRequestError: "26 10007 33333 44444 700004 700008 700013 730001 730002 -1121 -1128",
    }
)

_FUTURES_CODES = rules(
    {
        AuthenticationError: "401 402 406 506 511 513 602 701 702 703 704 1000",
        InsufficientBalanceError: "2005 2018",
        InvalidOrderError: "1004 2003 2004 2007 2008 2009 2011 2015 2028 2030",
        Rule(DuplicateOrderError, Outcome.UNKNOWN): "603",  # a repeated request: its first sending may have worked
        OrderNotFoundError: "2040 2041 5002",
        RateLimitError: "510 2036 2037",
        _UNKNOWN: "500 501 604 801 9999",
        TradingDisabledError: "1002 6001 6002 6004 6005 11444",
        InvalidRequestError: "600 601 1001 2001 2002 2006 2013 2014 2029",
    }
)

# A code that is not in a table proves nothing. 403 is the firewall, mostly: sending less is right whatever its cause.
# 418 is a ban, in STATUSES already.
_STATUSES = {
    400: Rule(InvalidRequestError, Outcome.UNKNOWN),
    401: Rule(AuthenticationError),
    403: Rule(RateLimitError),
}

SPOT_TABLE = ErrorTable(venue="mexc-spot", codes=_SPOT_CODES, statuses=_STATUSES)
FUTURES_TABLE = ErrorTable(venue="mexc-usdm", codes=_FUTURES_CODES, statuses=_STATUSES)


class _SpotBody(msgspec.Struct):
    code: int
    msg: str = ""


class _FuturesBody(msgspec.Struct):
    code: int
    success: bool | None = None
    message: str | None = None


def spot_error(response: Response) -> ExchangeAPIError | None:
    """By code, also where the status is 200; by status where the body is not MEXC's."""
    told = _told(response, _SpotBody)
    if response.status < 400 and (told is None or told.code in (0, 200)):
        return None
    return SPOT_TABLE.error(response, str(told.code), told.msg) if told else SPOT_TABLE.error(response, "", "")


def futures_error(response: Response) -> ExchangeAPIError | None:
    """Errors come with status 200 and `success` false, or without it."""
    told = _told(response, _FuturesBody)
    failed = told is not None and (not told.success if told.success is not None else told.code != 0)
    if response.status < 400 and not failed:
        return None
    if told is None:
        return FUTURES_TABLE.error(response, "", "")
    return FUTURES_TABLE.error(response, str(told.code), told.message or "")


def _told(response: Response, form: type[F]) -> F | None:
    if len(response.body) > ERROR_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(response.body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
