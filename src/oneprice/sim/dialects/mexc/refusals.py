"""How MEXC says no: spot and perpetual errors, and the code of every reason that a desk refuses for.

Spot errors are HTTP 400 with `{"code": n, "msg": ".."}`; perpetuals answer HTTP 200 with `{"success": false, "code": n,
"message": ".."}`. Where the documents do not tie a code to a case, the nearest code of the sheet is used and marked
(unverified): the venue's own codes of precision errors, of a repeated client id and of post-only are not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from oneprice.sim.engine import Side
from oneprice.sim.orders import Reason, Refused
from oneprice.sim.server import json_response

__all__ = [
    "FuturesRefusedError",
    "SpotRefusedError",
    "banned",
    "futures_refusal",
    "not_found",
    "refused",
    "spot_refusal",
    "too_many",
    "unavailable",
]


class SpotRefusedError(Exception):
    """An error of spot REST."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def response(self) -> web.Response:
        """The answer on the wire."""
        return json_response({"code": self.code, "msg": self.message}, self.status)


class FuturesRefusedError(Exception):
    """A failure of the perpetual market's REST."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """The answer on the wire."""
        return refused(self.code, self.message)


_SPOT: Final[Mapping[Reason, tuple[int, str]]] = {
    Reason.PRICE_TICK: (30010, "no valid trade price"),  # (unverified)
    Reason.PRICE_BAND: (30087, "Order price exceeds allowed range"),
    Reason.LOT_SIZE: (10096, "amount decimal places is too long"),  # (unverified)
    Reason.MIN_QUANTITY: (30002, "The minimum transaction volume cannot be less than: {bound}"),
    Reason.MAX_QUANTITY: (30003, "The maximum transaction volume cannot be greater than: {bound}"),
    Reason.MIN_NOTIONAL: (30002, "The minimum transaction volume cannot be less than: {bound}"),
    Reason.WOULD_TAKE: (30041, "current order type can not place order"),  # (unverified): orders end instead
    Reason.DUPLICATE_CLIENT_ID: (33333, "newClientOrderId is repeated"),  # (unverified): ids may repeat instead
    Reason.TOO_MANY_ORDERS: (30029, "Cannot exceed the maximum order limit"),
    Reason.HALTED: (30000, "Suspended transaction for the symbol"),
    Reason.REDUCE_ONLY: (30005, "Oversold"),
    Reason.FOK: (30025, "no exist opponent order"),  # (unverified): orders end instead
    Reason.NO_LIQUIDITY: (30025, "no exist opponent order"),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.ORDER_OVER: (-2011, "Unknown order sent."),
    Reason.BAD_LEVERAGE: (33333, "Param Error"),
    Reason.IN_USE: (33333, "Param Error"),
}

_FUTURES: Final[Mapping[Reason, tuple[int, str]]] = {
    Reason.PRICE_TICK: (2015, "Price or quantity accuracy error"),
    Reason.PRICE_BAND: (2003, "Overpriced to pay"),
    Reason.LOT_SIZE: (2015, "Price or quantity accuracy error"),
    Reason.MIN_QUANTITY: (2008, "The quantity is insufficient"),
    Reason.MAX_QUANTITY: (2028, "The maximum order quantity is exceeded"),
    Reason.MIN_NOTIONAL: (2008, "The quantity is insufficient"),
    Reason.INSUFFICIENT_BALANCE: (2005, "Balance insufficient"),
    Reason.WOULD_TAKE: (2007, "Order price error"),  # (unverified): orders end with errorCode 20 instead
    Reason.DUPLICATE_CLIENT_ID: (603, "Repeated requests"),  # (unverified): ids may repeat instead
    Reason.TOO_MANY_ORDERS: (2036, "The orders more than the limit, please contact customer service"),
    Reason.HALTED: (6005, "The trading pair is not available"),
    Reason.REDUCE_ONLY: (2009, "Position is not exists or closed."),
    Reason.FOK: (2007, "Order price error"),  # (unverified): orders end with errorCode 19 instead
    Reason.NO_LIQUIDITY: (2007, "Order price error"),  # (unverified)
    Reason.UNKNOWN_ORDER: (2040, "order not exist"),
    Reason.ORDER_OVER: (2041, "order state cannot be cancelled"),
    Reason.BAD_LEVERAGE: (2006, "Leverage ratio error"),
    Reason.IN_USE: (2019, "There is an active open position or order"),
}


def spot_refusal(refusal: Refused, side: Side | None = None) -> SpotRefusedError:
    """A desk's refusal in spot's words. Who sells what he has not got is told "Oversold"."""
    if refusal.reason is Reason.INSUFFICIENT_BALANCE:
        return SpotRefusedError(30005, "Oversold") if side is Side.SELL else SpotRefusedError(10101, "资金不足")
    code, text = _SPOT[refusal.reason]
    bound = refusal.detail.rpartition(" ")[2]  # a desk names the bound last
    return SpotRefusedError(code, text.format(bound=bound))


def futures_refusal(refusal: Refused, side: Side | None = None) -> FuturesRefusedError:
    """A desk's refusal in the perpetual market's words."""
    if refusal.reason is Reason.HALTED and refusal.detail.startswith("hedge mode"):
        return FuturesRefusedError(6001, f"Trading forbidden: {refusal.detail}")
    if refusal.reason is Reason.PRICE_BAND and side is Side.SELL:
        return FuturesRefusedError(2004, "Low-price for selling")
    code, text = _FUTURES[refusal.reason]
    return FuturesRefusedError(code, text)


def too_many(retry_after_s: int) -> web.Response:
    """HTTP 429 of spot."""
    return json_response({"code": 429, "msg": "Too Many Requests"}, 429, {"Retry-After": str(retry_after_s)})


def banned(seconds: int) -> web.Response:
    """HTTP 418 of spot: the address is banned. The code is that of too many requests (unverified)."""
    return json_response({"code": 429, "msg": "IP banned"}, 418, {"Retry-After": str(seconds)})


def not_found() -> web.Response:
    """HTTP 404 of spot: there is no such endpoint (its body is unverified)."""
    return json_response({"code": 404, "msg": "Not Found"}, 404)


def unavailable() -> web.Response:
    """HTTP 503 of spot."""
    return json_response({"code": 503, "msg": "Service Unavailable"}, 503)


def refused(code: int, message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """The perpetual market's failure envelope."""
    return json_response({"success": False, "code": code, "message": message}, status, headers)
