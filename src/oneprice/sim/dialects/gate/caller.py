"""Who calls and with what: one private command, by REST or by websocket."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.dialects.gate.fields import Fields, items
from oneprice.sim.dialects.gate.refusals import RefusedError, invalid

__all__ = ["Call", "Right", "check_expiry", "check_right"]


class Right(StrEnum):
    """What an endpoint needs of a key."""

    READ = "read"
    TRADE = "trade"
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A signed command. `query` holds the parameters of query and path; `decimal`: perpetual sizes are written as
    decimal strings; `by_socket`: it came by websocket."""

    account: Account
    key: ApiKey
    now_ns: int
    query: Mapping[str, str] = {}
    body: object = None
    decimal: bool = False
    by_socket: bool = False

    def fields(self) -> Fields:
        """All parameters together; those of the path win. A list has none of its own."""
        return Fields(None if isinstance(self.body, list) else self.body, self.query)

    def rows(self) -> list[object]:
        """The body, which must be a list."""
        return items(self.body)


def check_right(key: ApiKey, right: Right) -> None:
    """Raises RefusedError when the key may not."""
    if right.value in key.rights:
        return
    if right is Right.TRADE:
        raise RefusedError("READ_ONLY", "API key is read-only", 403)
    raise RefusedError("FORBIDDEN", f"API key has no permission: {right.value}", 403)


def check_expiry(text: str, now_ns: int) -> None:
    """The header x-gate-exptime: a time in ms after which the venue must not act. Raises RefusedError."""
    if not text:
        return
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid("x-gate-exptime", text)
    if int(text) * 1_000_000 < now_ns:
        raise RefusedError("REQUEST_EXPIRED", "request expired: x-gate-exptime has passed", 403)
