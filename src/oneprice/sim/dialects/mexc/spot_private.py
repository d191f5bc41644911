"""The door to MEXC's signed spot endpoints: limits of the address, signature, rights of the key, limits of the account.

Endpoints are added with what they cost and need; their handlers get a proven sender and return what goes out as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from aiohttp import web

from oneprice.sim.dialects.mexc.refusals import SpotRefusedError, spot_refusal
from oneprice.sim.dialects.mexc.signing import Signed, signed_spot
from oneprice.sim.dialects.mexc.spot_limits import SpotLimits
from oneprice.sim.limits import WindowCounter
from oneprice.sim.orders import Refused
from oneprice.sim.server import SimServer, json_response

__all__ = ["SpotHandler", "SpotPrivate", "amount_of", "missing", "number", "required"]

_AMOUNT: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")

SpotHandler = Callable[[Signed], object]


class SpotPrivate:
    """Registers signed endpoints of `/api/v3`."""

    def __init__(self, server: SimServer, limits: SpotLimits) -> None:
        self._server = server
        self.limits = limits

    def add(
        self,
        method: str,
        path: str,
        handler: SpotHandler,
        *,
        right: str = "read",
        weight: int = 1,
        counters: Iterable[WindowCounter] = (),
        changes: bool = False,
    ) -> None:
        """Serve `method /api/v3<path>` to keys that have `right`. `changes`: it changes orders."""
        kept = tuple(counters)

        def answer(request: web.Request) -> web.StreamResponse:
            address = request.remote or ""
            refused = self.limits.check_address(address, weight)
            if refused is not None:
                return refused
            try:
                signed = signed_spot(self._server.accounts, request, self._server.body(request), self._server.now_ms())
                if right not in signed.key.rights:
                    raise SpotRefusedError(700007, "No permission to access the endpoint.")
                refused = self.limits.check_account(address, signed.account.uid, weight, kept)
                return refused if refused is not None else json_response(handler(signed))
            except SpotRefusedError as refusal:
                return refusal.response()
            except Refused as refusal:
                return spot_refusal(refusal).response()

        self._server.route(method, f"/api/v3{path}", answer, changes=changes)


def missing(name: str) -> SpotRefusedError:
    """The refusal of a request without a parameter, or with one that cannot be read."""
    return SpotRefusedError(700004, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def required(signed: Signed, name: str) -> str:
    """A parameter that must be there. Raises SpotRefusedError."""
    value = signed.params.get(name)
    if not value:
        raise missing(name)
    return value


def number(signed: Signed, name: str, default: int, low: int, high: int) -> int:
    """A whole number, at least `low`; what is above `high` counts as that: lists are cut without a word (unverified).

    Raises SpotRefusedError.
    """
    text = signed.params.get(name)
    if not text:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else low - 1
    if value < low:
        raise SpotRefusedError(33333, f"Invalid {name}.")
    return min(value, high)


def amount_of(signed: Signed) -> Decimal:
    """The `amount` of money to be moved. Raises SpotRefusedError."""
    text = required(signed, "amount")
    if _AMOUNT.fullmatch(text) is None or not Decimal(text):
        raise SpotRefusedError(10097, "amount is error")
    return Decimal(text)
