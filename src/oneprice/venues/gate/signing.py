"""Gate's three signatures, all HMAC-SHA512 in lower-case hex: of requests, of private subscriptions, of a login."""

from __future__ import annotations

from hashlib import sha512

from oneprice.venues.kit import Credentials

NO_BODY = sha512(b"").hexdigest()


class Signing:
    """Signs with one key. Times in whole seconds of the venue's clock, which may be 60 s off."""

    __slots__ = ("_sign", "api_key")

    def __init__(self, credentials: Credentials) -> None:
        self.api_key = credentials.api_key
        self._sign = credentials.hmac_hex("sha512")

    def request(self, method: str, path: str, query: str, body: bytes, time_s: int) -> str:
        """`path` and `query` without percent-encoding, as the venue's own SDKs sign them."""
        digest = sha512(body).hexdigest() if body else NO_BODY
        return self._sign(f"{method}\n{path}\n{query}\n{digest}\n{time_s}".encode())

    def subscription(self, channel: str, event: str, time_s: int) -> dict[str, str]:
        """What stands under `auth` of a private subscription."""
        text = f"channel={channel}&event={event}&time={time_s}"
        return {"method": "api_key", "KEY": self.api_key, "SIGN": self._sign(text.encode())}

    def login(self, channel: str, time_s: int) -> str:
        """For order entry; there are no parameters to sign."""
        return self._sign(f"api\n{channel}\n\n{time_s}".encode())
