"""Who sent a private request: MEXC's signatures, its time windows and the rights of a key.

Spot signs the query string as sent, directly followed by the body. Perpetuals sign key, time and parameters: of a GET
the query sorted by name, of a POST the body's bytes. The websocket login signs key and time. All are lower-case hex
HMAC-SHA256; letters of percent-encodings must be upper case.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote

import msgspec
from aiohttp import web

from oneprice.sim.accounts import Account, Accounts, ApiKey
from oneprice.sim.dialects.mexc.refusals import FuturesRefusedError, SpotRefusedError

__all__ = ["Signed", "check_login", "sign", "signed_futures", "signed_spot"]

AHEAD_MS: Final = 1_000
RECV_WINDOW_MS: Final = 5_000
RECV_WINDOW_MS_MAX: Final = 60_000
FUTURES_WINDOW_S: Final = 10
FUTURES_WINDOW_S_MAX: Final = 60

_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class Signed(msgspec.Struct, frozen=True):
    """A request whose sender is known. `params`: of query and form body; `body`: as sent."""

    account: Account
    key: ApiKey
    params: Mapping[str, str]
    body: bytes


def sign(secret: str, text: str) -> str:
    """The signature of a text."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_spot(accounts: Accounts, request: web.Request, body: bytes, now_ms: int) -> Signed:
    """The sender of a spot request, found by its key and proven by its signature.

    Raises SpotRefusedError: for the content type, a missing or unknown key, the time window, the signature.
    """
    _check_content_type(request, body)
    query, form = request.raw_path.partition("?")[2], body.decode(errors="replace")
    params = _pairs(form) | _pairs(query)
    name = request.headers.get("X-MEXC-APIKEY", "")
    if not name:
        raise SpotRefusedError(400, "api key required")
    found = accounts.find(name)
    if found is None:
        raise SpotRefusedError(10072, "invalid access key")
    _check_window(params, now_ms)
    given = params.get("signature")
    if not given:
        raise _missing("signature")
    account, key = found
    texts = (_without_signature(query) + _without_signature(form), _encoded_again(query) + _encoded_again(form))
    if not _is_signed(key.secret, given, (_upper(texts[0]), texts[1])):
        raise SpotRefusedError(700002, "Signature for this request is not valid.")
    return Signed(account, key, params, body)


def signed_futures(accounts: Accounts, request: web.Request, body: bytes, now_ms: int) -> Signed:
    """The sender of a perpetual request. A POST may put its parameters into the query instead of a body (unverified:
    the documents show bodies only, pymexc sends most of its orders so).

    Raises FuturesRefusedError: without access headers, for an unknown key, the time window, the signature.
    """
    name, sent = request.headers.get("ApiKey", ""), request.headers.get("Request-Time", "")
    given = request.headers.get("Signature", "")
    if not name or not sent or not given:
        raise FuturesRefusedError(401, "Not logged in or login has expired")
    found = accounts.find(name)
    if found is None:
        raise FuturesRefusedError(402, "API Key expired!")
    window = request.headers.get("Recv-Window", str(FUTURES_WINDOW_S))
    window_s = int(window) if _NUMBER.fullmatch(window) else 0
    if not 0 < window_s <= FUTURES_WINDOW_S_MAX:
        raise FuturesRefusedError(600, "Parameter error: Recv-Window")
    if _NUMBER.fullmatch(sent) is None or abs(now_ms - int(sent)) > window_s * 1_000:
        raise FuturesRefusedError(513, "Invalid request, please try again later")
    account, key = found
    query = request.raw_path.partition("?")[2]
    params = _pairs(query)
    if request.method == "POST" and body:
        targets = [body.decode(errors="replace")]
    else:
        encoded = "&".join(f"{field}={quote(value, safe='')}" for field, value in sorted(params.items()))
        plain = "&".join(f"{field}={value}" for field, value in sorted(params.items()))
        targets = [encoded, plain, _upper("&".join(sorted(query.split("&"))))]
    if not _is_signed(key.secret, given, (f"{name}{sent}{target}" for target in targets)):
        raise FuturesRefusedError(602, "Signature verification failed!")
    return Signed(account, key, params, body)


def check_login(accounts: Accounts, name: str, sent: str, given: str, now_ms: int) -> tuple[Account, ApiKey]:
    """Who logs in to the perpetual websocket. Raises FuturesRefusedError."""
    found = accounts.find(name)
    if found is None:
        raise FuturesRefusedError(402, "API Key expired!")
    if _NUMBER.fullmatch(sent) is None or abs(now_ms - int(sent)) > FUTURES_WINDOW_S * 1_000:
        raise FuturesRefusedError(513, "Invalid request, please try again later")
    account, key = found
    if not _is_signed(key.secret, given, (name + sent,)):
        raise FuturesRefusedError(602, "Signature verification failed!")
    return account, key


def _is_signed(secret: str, given: str, texts: Iterable[str]) -> bool:
    return any(hmac.compare_digest(sign(secret, text).encode(), given.encode()) for text in texts)


def _check_content_type(request: web.Request, body: bytes) -> None:
    """A form is fine where there is one; no type at all too, as in the documents' curl examples."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    allowed = ("", "application/json", "application/x-www-form-urlencoded") if body else ("", "application/json")
    if request.method != "GET" and kind not in allowed:
        raise SpotRefusedError(700013, "Invalid content Type.")


def _check_window(params: Mapping[str, str], now_ms: int) -> None:
    sent, window = params.get("timestamp"), params.get("recvWindow", str(RECV_WINDOW_MS))
    if not sent or _NUMBER.fullmatch(sent) is None:
        raise _missing("timestamp")
    if _NUMBER.fullmatch(window) is None or int(window) > RECV_WINDOW_MS_MAX:
        raise SpotRefusedError(700005, "recvWindow must less than 60000")
    if int(sent) >= now_ms + AHEAD_MS or now_ms - int(sent) > int(window):
        raise SpotRefusedError(700003, "Timestamp for this request is outside of the recvWindow.")


def _missing(name: str) -> SpotRefusedError:
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return SpotRefusedError(700004, text)


def _pairs(text: str) -> dict[str, str]:
    """Parameters of a query or a form. A JSON body is signed like a form, but holds none."""
    return {} if text.startswith("{") else dict(parse_qsl(text, keep_blank_values=True))


def _without_signature(text: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


def _encoded_again(text: str) -> str:
    """As a server writes what it has decoded: clients may encode a space as + and sign it as %20."""
    pairs = parse_qsl(_without_signature(text), keep_blank_values=True)
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def _upper(text: str) -> str:
    return _ESCAPE.sub(lambda found: found.group().upper(), text)
