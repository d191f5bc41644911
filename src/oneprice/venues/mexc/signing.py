"""MEXC's signatures: of spot and wallet requests, of perpetuals' requests, and of the perpetuals' websocket log-in.

Both are lower-case hex HMAC-SHA256. Spot signs the query string as it is sent, everything being in it, also of
changes; perpetuals sign the key, the time and either the sorted query or the body.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from oneprice.errors import ConfigError
from oneprice.venues.kit import Credentials, Request, Wire

MS = 1_000_000
RECV_WINDOW_MS = 5_000
SPOT_PATHS = "/api/v3/"
_JSON = ("Content-Type", "application/json")  # another type is refused, even without a body
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-"
_WINDOW = f"recvWindow={RECV_WINDOW_MS}&timestamp="


class Signing:
    """Signs with one key. Spot's paths are told by their beginning, so that both accounts can ask for the wallet."""

    def __init__(self, credentials: Credentials) -> None:
        if credentials.is_ed25519:
            raise ConfigError("MEXC takes no Ed25519 keys: make an HMAC one, of which the secret is a plain string")
        self._key, self._sign = credentials.api_key, credentials.hmac_hex("sha256")
        self._spot_headers = (("X-MEXC-APIKEY", self._key), _JSON)

    def wire(self, request: Request, time_ns: int) -> Wire:
        """The request as it goes out at `time_ns` of the venue's clock."""
        if not request.signed:
            text = encoded(request.query)
            target = f"{request.path}?{text}" if text else request.path
            return Wire(request.method, target, request.headers, request.body)
        if request.path.startswith(SPOT_PATHS):
            return self._spot(request, time_ns // MS)
        return self._futures(request, str(time_ns // MS))

    def _spot(self, request: Request, time_ms: int) -> Wire:
        text = encoded(request.query)
        text = f"{text}&{_WINDOW}{time_ms}" if text else f"{_WINDOW}{time_ms}"
        target = f"{request.path}?{text}&signature={self._sign(text.encode())}"
        return Wire(request.method, target, self._spot_headers)

    def _futures(self, request: Request, time_ms: str) -> Wire:
        if request.method == "POST":
            target, payload = request.path, request.body
        else:
            text = encoded(tuple(sorted(request.query)))
            target, payload = f"{request.path}?{text}" if text else request.path, text.encode()
        signature = self._sign(self._key.encode() + time_ms.encode() + payload)
        headers = (("ApiKey", self._key), ("Request-Time", time_ms), ("Signature", signature), _JSON)
        return Wire(request.method, target, headers, request.body)

    def login(self, time_ns: int) -> bytes:
        """The message that logs in to the perpetuals' websocket."""
        time_ms = str(time_ns // MS)
        signature = self._sign((self._key + time_ms).encode())
        param = {"apiKey": self._key, "reqTime": time_ms, "signature": signature}
        return msgspec.json.encode({"method": "login", "param": param})


def encoded(query: tuple[tuple[str, str], ...]) -> str:
    """The query string; values percent-encoded with upper-case digits. Names are ours, and plain.

    An order's values are plain too, and are not slowed by being encoded.
    """
    if "".join([value for _, value in query]).encode().translate(None, _PLAIN):
        return "&".join([f"{name}={quote(value, safe='')}" for name, value in query])
    return "&".join([f"{name}={value}" for name, value in query])
