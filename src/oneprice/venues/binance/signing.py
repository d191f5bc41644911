"""Binance's two ways to sign: REST text in the order that is sent, websocket parameters sorted by name.

REST: the payload is the query or the form body exactly as it goes out, percent-encoded, without `signature`. WS API:
the parameters but `signature`, sorted by name, raw. Source: binance-spot-api-docs, "Signed endpoint security".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from oneprice.venues.kit import Credentials, Request, Wire

RECV_WINDOW_MS = 3_000
"""A request that reaches Binance's matching later than this after its timestamp is refused, never carried out late."""

_MS = 1_000_000
_PLAIN = re.compile(r"[A-Za-z0-9_.~=&-]*", re.ASCII)
_IN_BODY = frozenset({"POST", "PUT"})

Parameters = dict[str, str | int]


class Signing:
    """Signs for one account, with HMAC-SHA256 or Ed25519 as the key is. `key_only`: paths that take the key alone."""

    __slots__ = ("_api_key", "_bare", "_form", "_key_only", "_sign", "is_ed25519")

    def __init__(self, credentials: Credentials, key_only: frozenset[str] = frozenset()) -> None:
        self.is_ed25519 = credentials.is_ed25519
        self._sign = credentials.ed25519_base64() if self.is_ed25519 else credentials.hmac_hex("sha256")
        self._api_key = credentials.api_key
        self._key_only = key_only
        self._bare = (("X-MBX-APIKEY", credentials.api_key),)
        self._form = (*self._bare, ("Content-Type", "application/x-www-form-urlencoded"))

    def wire(self, request: Request, time_ns: int) -> Wire:
        """A REST request as it goes out: POST and PUT with a form body, the rest with a query."""
        if not request.signed or request.path in self._key_only:
            headers = self._bare if request.signed else request.headers
            text = encoded(request.query)
            return Wire(request.method, f"{request.path}?{text}" if text else request.path, headers, request.body)
        if request.method in _IN_BODY:
            more = request.body + b"&" if request.body else b""
            payload = b"timestamp=%d&%brecvWindow=%d" % (time_ns // _MS, more, RECV_WINDOW_MS)
            body = b"%b&signature=%b" % (payload, self._told(payload).encode())
            return Wire(request.method, request.path, self._form, body)
        query = encoded(request.query) + "&" if request.query else ""
        text = f"timestamp={time_ns // _MS}&{query}recvWindow={RECV_WINDOW_MS}"
        return Wire(request.method, f"{request.path}?{text}&signature={self._told(text.encode())}", self._bare)

    def parameters(self, asked: Mapping[str, str | int], time_ns: int) -> Parameters:
        """WS API parameters with key, time and signature. Numbers stay numbers in JSON and are signed as they read."""
        told = self.unsigned(asked, time_ns)
        payload = "&".join([f"{name}={told[name]}" for name in sorted(told)])
        told["signature"] = self._sign(payload.encode())
        return told

    def unsigned(self, asked: Mapping[str, str | int], time_ns: int) -> Parameters:
        """The same but for the signature."""
        return {"apiKey": self._api_key, **asked, "recvWindow": RECV_WINDOW_MS, "timestamp": time_ns // _MS}

    def signature(self, payload: bytes) -> str:
        """Of parameters that are sorted by name."""
        return self._sign(payload)

    def dated(self, asked: Mapping[str, str | int], time_ns: int) -> Parameters:
        """WS API parameters of a connection that has logged in."""
        return {**asked, "recvWindow": RECV_WINDOW_MS, "timestamp": time_ns // _MS}

    def _told(self, payload: bytes) -> str:
        """The signature as it stands in a URL: base64 has characters that do not stand there bare."""
        told = self._sign(payload)
        return quote(told, safe="") if self.is_ed25519 else told


def encoded(query: tuple[tuple[str, str], ...]) -> str:
    """The query in its order, percent-encoded where a character is not unreserved."""
    text = "&".join([f"{name}={value}" for name, value in query])
    is_plain = _PLAIN.fullmatch(text) and text.count("=") == len(query) and text.count("&") == max(0, len(query) - 1)
    return text if is_plain else urlencode(query, quote_via=quote, safe="")


def form(fields: tuple[tuple[str, str], ...]) -> bytes:
    """A form body, to be signed by `Signing.wire`."""
    return encoded(fields).encode()
