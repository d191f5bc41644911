"""The control side of a simulated exchange, over its HTTP API."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import msgspec

from oneprice.errors import ConfigError
from oneprice.ports import Network

TIMEOUT_S = 5.0
BYTES_MAX = 16 << 20


class SimFaults:
    """`Faults` of the simulated exchange at `url`. `network` should not be the one under test, whose connections
    faults cut. Raises NetworkError where nobody answers, ConfigError for what the exchange refuses."""

    def __init__(self, network: Network, url: str, tls: ssl.SSLContext | None = None) -> None:
        self._network, self._url, self._tls = network, url.rstrip("/"), tls

    async def switch(
        self,
        kind: str,
        *,
        seconds: float | None = None,
        count: int | None = None,
        delay_ms: int = 500,
        target: str = "",
    ) -> None:
        """Switch a fault on: for `seconds`, or for `count` hits; without both as long as its kind lasts by itself."""
        order = {"kind": kind, "seconds": seconds, "count": count, "delay_ms": delay_ms, "target": target}
        await self._ask("POST", "fault", {name: value for name, value in order.items() if value is not None})

    async def clear(self) -> None:
        """End all faults."""
        await self._ask("POST", "clear", {})

    async def truth(self) -> Mapping[str, Any]:
        """What the exchange itself has."""
        return await self._ask("GET", "accounts", None)

    async def status(self) -> Mapping[str, Any]:
        """Connections, faults and their hits, instruments."""
        return await self._ask("GET", "status", None)

    async def _ask(self, method: str, what: str, body: Mapping[str, object] | None) -> Mapping[str, Any]:
        answer = await self._network.request(
            method,
            f"{self._url}/_sim/{what}",
            headers={"Content-Type": "application/json"},
            body=b"" if body is None else msgspec.json.encode(body),
            timeout_s=TIMEOUT_S,
            bytes_max=BYTES_MAX,
            tls=self._tls,
        )
        if answer.status != 200:
            raise ConfigError(f"{self._url} refuses {what}: HTTP {answer.status}, {answer.body[:200]!r}")
        told: Mapping[str, Any] = msgspec.json.decode(answer.body)
        return told
