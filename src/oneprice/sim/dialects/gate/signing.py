"""Gate's signatures, checked: REST requests, websocket subscriptions and the websocket login.

All are lower-case hex HMAC-SHA512 with the key's secret; times are seconds and may be 60 off the server's.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import unquote_plus

from aiohttp import web

from oneprice.sim.accounts import Account, Accounts, ApiKey
from oneprice.sim.dialects.gate.refusals import RefusedError

__all__ = ["Signatures", "login_text", "rest_text", "subscription_text"]

_TIME_GAP_S: Final = 60


def rest_text(method: str, path: str, query: str, body: bytes, timestamp: str) -> str:
    """What a REST request signs: `query` is not url-encoded, `path` begins with /api/v4."""
    return "\n".join((method, path, query, hashlib.sha512(body).hexdigest(), timestamp))


def subscription_text(channel: str, event: str, time_s: int) -> str:
    """What the request of a private channel signs."""
    return f"channel={channel}&event={event}&time={time_s}"


def login_text(channel: str, parameters: str, timestamp: str) -> str:
    """What `spot.login` and `futures.login` sign; `parameters` is req_param as it stands in the request."""
    return "\n".join(("api", channel, parameters, timestamp))


class Signatures:
    """Who sent a request. Every check raises `RefusedError` in the venue's words."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def of_request(self, request: web.Request, body: bytes, now_s: int) -> tuple[Account, ApiKey]:
        """The account and key that signed a REST request."""
        given = {name: request.headers.get(name, "") for name in ("KEY", "Timestamp", "SIGN")}
        for name, value in given.items():
            if not value:
                raise RefusedError("MISSING_REQUIRED_HEADER", f"Missing required header: {name}", 401)
        account, key = self._find(given["KEY"])
        _check_time(given["Timestamp"], now_s)
        query = unquote_plus(request.rel_url.raw_query_string)
        text = rest_text(request.method, request.path, query, body, given["Timestamp"])
        _check(key, text, given["SIGN"])
        return account, key

    def of_subscription(self, key: str, sign: str, channel: str, event: str, time_s: int) -> tuple[Account, ApiKey]:
        """The account and key that signed a subscription."""
        account, found = self._find(key)
        _check(found, subscription_text(channel, event, time_s), sign)
        return account, found

    def of_login(
        self, key: str, sign: str, channel: str, parameters: str, timestamp: str, now_s: int
    ) -> tuple[Account, ApiKey]:
        """The account and key that signed a websocket login."""
        account, found = self._find(key)
        _check_time(timestamp, now_s)
        _check(found, login_text(channel, parameters, timestamp), sign)
        return account, found

    def still_valid(self, key: ApiKey) -> bool:
        """Whether a key that signed in still opens its account."""
        return self._accounts.find(key.key) is not None

    def _find(self, key: str) -> tuple[Account, ApiKey]:
        found = self._accounts.find(key)
        if found is None:
            raise RefusedError("INVALID_KEY", "Invalid key provided", 401)
        return found


def _check(key: ApiKey, text: str, sign: str) -> None:
    expected = hmac.new(key.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
    if not key.secret or not hmac.compare_digest(expected.encode(), sign.encode()):
        raise RefusedError("INVALID_SIGNATURE", "Signature mismatch", 401)


def _check_time(timestamp: str, now_s: int) -> None:
    seconds = timestamp.partition(".")[0]
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 19):
        raise RefusedError("INVALID_PARAM_VALUE", "Invalid parameter `Timestamp`")
    if abs(now_s - int(seconds)) > _TIME_GAP_S:
        raise RefusedError("REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60", 403)
