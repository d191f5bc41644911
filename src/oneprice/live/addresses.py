"""Host names to addresses, remembered for a while; one memory for HTTP and websockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import aiohappyeyeballs
from aiohttp.abc import AbstractResolver, ResolveResult

from oneprice.ports import Clock

Ask = Callable[[str, int, int], Awaitable[list[aiohappyeyeballs.AddrInfoType]]]


async def ask_system(host: str, port: int, family: int) -> list[aiohappyeyeballs.AddrInfoType]:
    """The system's resolver, in a thread. Raises socket.gaierror."""
    loop = asyncio.get_running_loop()
    return list(await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))


def in_words(error: OSError) -> str:
    """What an operating system's error says; some say nothing but their name."""
    return error.strerror or str(error) or type(error).__name__


class _Known(NamedTuple):
    infos: list[aiohappyeyeballs.AddrInfoType]
    until_ns: int


class Addresses(AbstractResolver):
    """Asks the resolver at most every `fresh_s` for a host.

    When the resolver fails, the last known addresses are used: an outage of DNS must not cut us off from
    venues that stand. `hosts_max` bounds the memory.
    """

    def __init__(self, clock: Clock, fresh_s: float = 300.0, hosts_max: int = 256, ask: Ask = ask_system) -> None:
        self._clock, self._fresh_ns, self._hosts_max = clock, round(fresh_s * 1e9), hosts_max
        self._ask = ask
        self._known: dict[tuple[str, int, int], _Known] = {}

    async def lookup(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohappyeyeballs.AddrInfoType]:
        """Raises OSError (socket.gaierror) when the host has never been resolved and cannot be now."""
        key, now_ns = (host, port, int(family)), self._clock.monotonic_ns()
        known = self._known.get(key)
        if known is not None and now_ns < known.until_ns:
            return known.infos
        try:
            infos = await self._ask(host, port, int(family))
        except OSError:
            if known is None:
                raise
            return known.infos
        if len(self._known) >= self._hosts_max:
            self._known.pop(next(iter(self._known)))
        self._known[key] = _Known(infos, now_ns + self._fresh_ns)
        return self._known[key].infos

    def doubt(self, host: str) -> None:
        """Ask the resolver at the next use: nobody answered at the known addresses."""
        for key, known in self._known.items():
            if key[0] == host:
                self._known[key] = known._replace(until_ns=0)

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected TCP socket, the quickest of the host's addresses (RFC 8305). Raises OSError."""
        infos = await self.lookup(host, port)
        try:
            return await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=0.25, interleave=1)
        except OSError:
            self.doubt(host)
            raise

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The same for aiohttp."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=family_found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for family_found, _, protocol, _, address in await self.lookup(host, port, family)
        ]

    async def close(self) -> None:
        """Forget all."""
        self._known.clear()
