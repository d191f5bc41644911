"""Where a venue's API key comes from: the environment, or files that it names. Nothing here ever shows one.

Names that start with ONEPRICE_TESTNET_ are for venues' test exchanges; they are never read here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from oneprice.errors import ConfigError
from oneprice.venues.kit import Credentials


def credentials_of(venue: str, environment: Mapping[str, str]) -> Credentials | None:
    """From ONEPRICE_<VENUE>_API_KEY and _API_SECRET, or the files named by the same with _FILE; None without both.

    Raises ConfigError for half of a pair, for both forms of one at once, or for a file that cannot be read; the
    message names variables and files, never what they hold.
    """
    prefix = f"ONEPRICE_{venue.upper()}_"
    key, secret = (_value(prefix + name, environment) for name in ("API_KEY", "API_SECRET"))
    if not key and not secret:
        return None
    if not key or not secret:
        missing = "API_KEY" if not key else "API_SECRET"
        raise ConfigError(f"{prefix}{missing} is missing: a key needs its secret (or {prefix}{missing}_FILE)")
    return Credentials(key, secret, _value(prefix + "PASSPHRASE", environment))


def key_mark(credentials: Credentials) -> str:
    """Tells one key from another and gives neither away: 16 hex digits."""
    return hashlib.sha256(f"oneprice key {credentials.api_key}".encode()).hexdigest()[:16]


def _value(name: str, environment: Mapping[str, str]) -> str:
    """The variable, or what its file holds without the line break at its end; "" where neither is set."""
    given, file = environment.get(name, ""), environment.get(f"{name}_FILE", "")
    if given and file:
        raise ConfigError(f"{name} and {name}_FILE are both set: set one of them")
    if not file:
        return given
    try:
        return Path(file).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"{name}_FILE: {file} cannot be read: {reason}") from None
