"""Binance's error codes. The same number may mean another thing in the other market.

Sources: binance-spot-api-docs errors.md; USDⓈ-M futures error codes. A code says REJECTED unless Binance
itself calls the execution unknown; a code that is not here says nothing. -1010, -2010 and -2011 mean what their words
say. -1008 is an overload of the venue's, not a count of ours: pausing for a window would keep cancels back too.
"""

from __future__ import annotations

from collections.abc import Mapping

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
from oneprice.venues.kit import ErrorTable, Response, Rule, Words, rules

VENUE_NAME = "binance"

_UNKNOWN = Rule(VenueUnavailableError, Outcome.UNKNOWN)
_BAD_REQUEST = (
    "-1010 -1014 -1020 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1112 -1114 -1115 -1116 -1117 -1118 "
    "-1119 -1120 -1121 -1125 -1127 -1128 -1130"
)

_SPOT_CODES: Mapping[Rule | type[ExchangeAPIError], str] = {
    AuthenticationError: "-1002 -1021 -1022 -1131 -2008 -2014 -2015",
    RateLimitError: "-1003 -1015 -1034",
    _UNKNOWN: "-1000 -1001 -1006 -1007",
    VenueUnavailableError: "-1008 -1016",
    TradingDisabledError: "-1122 -2016",
    InvalidOrderError: "-1013 -1111 -2010 -2011 -2022",
    Rule(InvalidOrderError, Outcome.UNKNOWN): "-2021",  # cancel-replace: one half was done
    OrderNotFoundError: "-2013 -2026",
    InvalidRequestError: _BAD_REQUEST + " -2035 -2043",
}

_USDM_CODES: Mapping[Rule | type[ExchangeAPIError], str] = {
    AuthenticationError: "-1002 -1021 -1022 -1099 -1131 -2008 -2014 -2015 -2017 -5028",
    RateLimitError: "-1003 -1015 -1034",
    _UNKNOWN: "-1000 -1001 -1006 -1007",
    VenueUnavailableError: "-1008 -1016",
    InsufficientBalanceError: "-2018 -2019 -2024 -4050 -4051",
    InvalidOrderError: "-1013 -1111 -2010 -2011 -2020 -2021 -2022 -2025 -2026 -2027 -2028 -4001 -4002 -4003 -4004 "
    "-4005 -4013 -4014 -4016 -4023 -4024 -4045 -4060 -4061 -4062 -4118 -4131 -4164 -4531 -5021 -5022",
    DuplicateOrderError: "-4116",
    OrderNotFoundError: "-2013",
    TradingDisabledError: "-1122 -2016 -2023 -4087 -4088 -4140 -4141 -4192 -4400 -4401 -4402 -4411",
    InvalidRequestError: _BAD_REQUEST + " -1136 -4015 -4021 -4028 -4046 -4055 -4059 -4067 -4068 -4082 -4120 "
    "-4202 -4203 -4205 -4206 -4208 -4403",
}

_WORDS = (
    Words("-2010", "insufficient balance", Rule(InsufficientBalanceError)),
    Words("-2010", "Duplicate order sent", Rule(DuplicateOrderError)),
    Words("-2011", "Unknown order sent", Rule(OrderNotFoundError)),
    Words("", "may not place or cancel orders", Rule(TradingDisabledError)),
    Words("", "action is disabled on this account", Rule(TradingDisabledError)),
    Words("", "not permitted for this account", Rule(TradingDisabledError)),
    Words("", "Market is closed", Rule(TradingDisabledError)),
    Words("", "trading phase", Rule(TradingDisabledError)),
    Words("0", "restricted location", Rule(VenueUnavailableError)),
)

# 403 is the firewall, mostly against floods: sending less is right whatever the cause. 451: region refused.
_STATUSES = {403: Rule(RateLimitError), 451: Rule(VenueUnavailableError)}

SPOT_ERRORS = ErrorTable(venue=f"{VENUE_NAME}-spot", codes=rules(_SPOT_CODES), words=_WORDS, statuses=_STATUSES)
USDM_ERRORS = ErrorTable(venue=f"{VENUE_NAME}-usdm", codes=rules(_USDM_CODES), words=_WORDS, statuses=_STATUSES)


class _Told(msgspec.Struct):
    code: int
    msg: str


def read_error(table: ErrorTable, response: Response) -> ExchangeAPIError | None:
    """The error that an answer is. Without Binance's body, as from its firewall, the status alone tells."""
    if response.status < 400:
        return None
    try:
        told = msgspec.json.decode(response.body, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return table.error(response, "", "")
    return table.error(response, str(told.code), told.msg)
