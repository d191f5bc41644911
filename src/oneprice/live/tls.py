"""TLS as a client: certificates and host names are always verified, TLS 1.2 is the oldest spoken."""

from __future__ import annotations

import ssl
from pathlib import Path

from oneprice.errors import ConfigError

_EXPIRED, _NOT_YET_VALID = "it has expired", "it is not valid yet (is this machine's clock right?)"
_UNKNOWN = "its authority is not trusted here (SSL_CERT_FILE can name a file of authorities)"
_OTHER_HOST = "it was issued for another host"

# X509_V_ERR_* of OpenSSL's x509_vfy.h, which Python gives as `verify_code`.
_REASONS = {
    9: _NOT_YET_VALID,
    10: _EXPIRED,
    2: _UNKNOWN,
    18: _UNKNOWN,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    23: "it was revoked",
    62: _OTHER_HOST,
    64: _OTHER_HOST,
}


def client_context(authority: Path | None = None) -> ssl.SSLContext:
    """The system's authorities, or only the one in this PEM file (for a test).

    Raises ConfigError when the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    except OSError as error:
        raise ConfigError(f"authority {authority}: {error}; must be a file of PEM certificates") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def require_verifying(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context itself. Raises ConfigError for one that would talk to anybody."""
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        raise ConfigError("this TLS context does not verify certificates and host names; take client_context")
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise ConfigError(f"this TLS context allows {context.minimum_version.name}; it must be TLSv1_2 at least")
    return context


def refusal(error: ssl.SSLError) -> str:
    """What a failed TLS handshake means, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = _REASONS.get(error.verify_code, error.verify_message)
        return f"the server's certificate is refused: {reason}"
    return f"no TLS connection: {error.reason or error}"
