"""An account's keys, and signing with them. A secret is in no repr, no error and no pickle."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from typing import NoReturn, Protocol

from oneprice.errors import ConfigError

_PEM = "-----BEGIN"
_SHOWN = 4
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Signer(Protocol):
    """Signs a payload; the result is the text that goes into the request."""

    def __call__(self, payload: bytes) -> str:
        """The signature."""


class Credentials:
    """An API key and its secret. `passphrase`: where a venue has one.

    `secret` is a plain string, or the PEM of an Ed25519 private key where a venue takes such keys. Raises ConfigError
    for what cannot be a key; the message never repeats it.
    """

    __slots__ = ("_passphrase", "_secret", "api_key")

    def __init__(self, api_key: str, secret: str, passphrase: str = "") -> None:
        for name, text in (("api_key", api_key), ("secret", secret)):
            if not text.strip():
                raise ConfigError(f"{name} is empty")
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ConfigError("api_key holds characters that no key has: check for quotes or line breaks around it")
        self.api_key = api_key
        self._secret = secret.strip() if secret.startswith(_PEM) else secret
        self._passphrase = passphrase

    def __repr__(self) -> str:
        return f"Credentials(...{self.api_key[-_SHOWN:] if len(self.api_key) > 2 * _SHOWN else ''})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not to be copied into a file")

    @property
    def is_ed25519(self) -> bool:
        """Whether the secret is a private key in PEM."""
        return self._secret.startswith(_PEM)

    def shows_in(self, text: str) -> bool:
        """Whether a text gives the secret or the passphrase away: for tests of what is told to people."""
        return self._secret in text or bool(self._passphrase and self._passphrase in text)

    def hmac_hex(self, digest: str) -> Signer:
        """Lower-case hex HMAC (RFC 2104) with `digest` ("sha256", "sha512").

        Both hash states that depend on the key alone are prepared once, which halves the cost of a signature.
        """
        new = partial(hashlib.new, digest)
        block = new().block_size
        key = self._secret.encode()
        key = (new(key).digest() if len(key) > block else key).ljust(block, b"\0")
        inner, outer = new(key.translate(_INNER)), new(key.translate(_OUTER))

        def sign(payload: bytes) -> str:
            first, second = inner.copy(), outer.copy()
            first.update(payload)
            second.update(first.digest())
            return second.hexdigest()

        return sign

    def ed25519_base64(self) -> Signer:
        """Base64 Ed25519 signature. Raises ConfigError when `cryptography` is missing or the key is of another kind."""
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ImportError as error:
            raise ConfigError("an Ed25519 key needs the extra: pip install 'oneprice[ed25519]'") from error
        try:
            key = load_pem_private_key(self._secret.encode(), password=None)
        except (ValueError, TypeError):
            raise ConfigError("the secret is no unencrypted private key in PEM") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError("the secret is a private key, but not an Ed25519 one")
        return lambda payload: base64.b64encode(key.sign(payload)).decode()
