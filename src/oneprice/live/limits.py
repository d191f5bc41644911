"""Limits of the live network."""

from __future__ import annotations

import msgspec

from oneprice.errors import ConfigError


class NetworkLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What connections may cost.

    `connections_max`, `connections_per_host_max`: HTTP connections open at a time. `keep_alive_s`: how long
    an idle one is kept. `addresses_fresh_s`: how long a resolved host is not asked for again.
    `closing_timeout_ms`: how long a websocket that we close waits for the server to agree.
    `unsent_bytes_max`: what a websocket may hold unsent before it is given up.
    """

    connections_max: int = 100
    connections_per_host_max: int = 16
    keep_alive_s: float = 60.0
    addresses_fresh_s: float = 300.0
    closing_timeout_ms: int = 1_000
    unsent_bytes_max: int = 1024 * 1024

    def __post_init__(self) -> None:
        for key in self.__struct_fields__:
            value = getattr(self, key)
            if value <= 0:
                raise ConfigError(f"NetworkLimits.{key} = {value!r}: must be above 0")
