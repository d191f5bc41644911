"""Who asks, and whether it is really them: API keys, signatures and time windows.

REST signs the query followed by the body as they were sent, without `signature`. The WS API signs all params sorted
by name, values as they are. HMAC-SHA256 in hex, or Ed25519 and RSA in base64 for keys that have a public key.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from oneprice.sim.accounts import Account, Accounts, ApiKey
from oneprice.sim.dialects.binance.refusals import (
    BAD_KEY_FORMAT,
    BAD_SIGNATURE,
    REJECTED_KEY,
    TOO_EARLY,
    TOO_LATE,
    RequestError,
    missing,
)

_KEY_FORMAT = re.compile(r"[A-Za-z0-9_-]{8,128}")
_RAW = re.compile(r'[\[\]{}" \x80-\U0010ffff]')
_WINDOW = re.compile(r"[0-9]{1,20}(\.[0-9]{1,3})?")
_WINDOW_DEFAULT_US = 5_000_000
_WINDOW_MAX_US = 60_000_000
_AHEAD_MAX_US = 1_000_000
_FIRST_MICROS = 100_000_000_000_000


def sent_parameters(query: str, body: str) -> dict[str, str]:
    """Query and form body together; where both name a parameter the query wins. Raises RequestError."""
    values: dict[str, str] = {}
    for part in (body, query):
        names = set()
        for name, value in parse_qsl(part, keep_blank_values=True):
            if name in names:
                raise RequestError(-1101, "Duplicate values for a parameter detected.")
            names.add(name)
            values[name] = value
    return values


def rest_payload(query: str, body: str) -> str:
    """What a REST request signs."""
    return _unsigned(query) + _unsigned(body)


def check_encoding(payload: str) -> None:
    """Spot takes a payload only percent-encoded, since 2026-01-15. Raises RequestError."""
    if _RAW.search(payload) is not None:
        raise RequestError(*BAD_SIGNATURE)


def _unsigned(part: str) -> str:
    return "&".join(pair for pair in part.split("&") if not pair.startswith("signature="))


def socket_payload(values: Mapping[str, str]) -> str:
    """What a WS API request signs."""
    return "&".join(f"{name}={values[name]}" for name in sorted(values) if name != "signature")


def check_window(values: Mapping[str, str], now_ns: int) -> None:
    """Refuse a `timestamp` (ms or µs) too far from now. Raises RequestError."""
    stamp = values.get("timestamp", "")
    if not stamp:
        raise missing("timestamp")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 20):
        raise RequestError(-1100, "Illegal characters found in parameter 'timestamp'; legal range is '^[0-9]{1,20}$'.")
    sent_us = int(stamp) if int(stamp) >= _FIRST_MICROS else int(stamp) * 1_000
    window_us = _window_us(values.get("recvWindow"))
    now_us = now_ns // 1_000
    if sent_us >= now_us + _AHEAD_MAX_US:
        raise RequestError(*TOO_EARLY)
    if now_us - sent_us > window_us:
        raise RequestError(*TOO_LATE)


def _window_us(text: str | None) -> int:
    if text is None:
        return _WINDOW_DEFAULT_US
    if _WINDOW.fullmatch(text) is None:
        raise RequestError(
            -1100, "Illegal characters found in parameter 'recvWindow'; legal range is '^[0-9]{1,20}(\\.[0-9]{1,3})?$'."
        )
    whole, _, part = text.partition(".")
    window_us = int(whole) * 1_000 + int(part.ljust(3, "0"))
    if window_us > _WINDOW_MAX_US:
        raise RequestError(-1131, "recvWindow must be less than 60000.")
    return window_us


def find_key(accounts: Accounts, key: str) -> tuple[Account, ApiKey]:
    """The account of an API key. Raises RequestError (HTTP 401)."""
    if _KEY_FORMAT.fullmatch(key) is None:
        raise RequestError(*BAD_KEY_FORMAT, status=401)
    found = accounts.find(key)
    if found is None:
        raise RequestError(*REJECTED_KEY, status=401)
    return found


def check_right(key: ApiKey, right: str) -> None:
    """Refuse a key that may not do this. Raises RequestError (HTTP 401)."""
    if right not in key.rights:
        raise RequestError(*REJECTED_KEY, status=401)


def check_signature(key: ApiKey, payload: str, signature: str) -> None:
    """Raises RequestError unless the key signed the payload."""
    if not signature:
        raise missing("signature")
    good = _verifies(key.public_key, payload, signature) if key.public_key else _matches(key.secret, payload, signature)
    if not good:
        raise RequestError(*BAD_SIGNATURE)


def _matches(secret: str, payload: str, signature: str) -> bool:
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.lower().encode())


def _verifies(public_key: str, payload: str, signature: str) -> bool:
    """Ed25519 or RSA (PKCS#1 v1.5, SHA-256), as the PEM says. Needs the `cryptography` package."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        raw = base64.b64decode(signature, validate=True)
    except binascii.Error:
        return False
    try:
        key = load_pem_public_key(public_key.encode())
    except ValueError:
        return False  # what is no key verifies nothing
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(raw, payload.encode())
        elif isinstance(key, RSAPublicKey):
            key.verify(raw, payload.encode(), PKCS1v15(), SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True
