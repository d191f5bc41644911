"""Several simulated exchanges as child processes with one seed and one price path.

    async with SimCluster(seed=42) as cluster:
        print(cluster.exchanges["binance"].url)
        await cluster.fault("gate", "freeze", seconds=5)

An exchange that dies is started again on its port after `restart_delay_s`; its clients just reconnect. It has
forgotten accounts, orders and fills by then: only the account of `accounts.DEFAULT_KEY` is there, as at first.
"""

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from types import TracebackType
from typing import Any

import aiohttp
import msgspec

VENUES = ("binance", "gate", "mexc")
_READY_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 3.0
_STDERR_LINES = 20


class SimExchange(msgspec.Struct):
    """A running exchange; `restarts` counts how often it had to be started again."""

    venue: str
    url: str
    pid: int
    restarts: int = 0


class _Ready(msgspec.Struct):
    venue: str
    pid: int
    url: str


class SimCluster:
    """Starts, watches and stops exchanges. `t0_ns` 0 means now; extra `arguments` go to every exchange.

    Entering raises RuntimeError with the exchange's own words when one does not come up.
    """

    def __init__(
        self,
        seed: int = 42,
        venues: Sequence[str] = VENUES,
        *,
        instruments: Sequence[str] = (),
        t0_ns: int = 0,
        restart_delay_s: float = 2.0,
        arguments: Sequence[str] = (),
    ) -> None:
        self.seed = seed
        self.t0_ns = t0_ns or time.time_ns()
        self.exchanges: dict[str, SimExchange] = {}
        self._venues = tuple(venues)
        self._instruments = tuple(instruments)
        self._restart_delay_s = restart_delay_s
        self._arguments = tuple(arguments)
        self._children: dict[str, _Child] = {}
        self._session: aiohttp.ClientSession | None = None
        self._is_stopping = False

    async def __aenter__(self) -> "SimCluster":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0))
        try:
            async with asyncio.TaskGroup() as starting:
                for venue in self._venues:
                    starting.create_task(self._start(venue))
        except ExceptionGroup as group:
            await self.stop()
            raise group.exceptions[0] from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End every exchange; safe to call twice."""
        self._is_stopping = True
        watchers = [child.watcher for child in self._children.values() if child.watcher is not None]
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        for child in self._children.values():
            await child.stop()
        self._children.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fault(
        self,
        venue: str,
        kind: str,
        *,
        seconds: float | None = None,
        count: int | None = None,
        delay_ms: int = 500,
        target: str = "",
    ) -> None:
        """Switch on a fault (see `oneprice.sim.faults`). Raises ValueError when the exchange refuses it."""
        order = {"kind": kind, "delay_ms": delay_ms, "target": target}
        if seconds is not None:
            order["seconds"] = seconds
        if count is not None:
            order["count"] = count
        await self._control("POST", venue, "fault", order)

    async def clear_faults(self, venue: str) -> None:
        """End the faults of an exchange."""
        await self._control("POST", venue, "clear", {})

    async def status(self, venue: str) -> dict[str, Any]:
        """What `GET /_sim/status` says."""
        return await self._control("GET", venue, "status", None)

    async def accounts(self, venue: str) -> dict[str, Any]:
        """What the exchange knows of its accounts: {"accounts": [...], "house", "revenue"}; amounts are strings."""
        return await self._control("GET", venue, "accounts", None)

    async def open_account(
        self,
        venue: str,
        key: str,
        secret: str,
        *,
        funds: Mapping[str, Mapping[str, Decimal]],
        rights: Iterable[str] = ("read", "trade"),
    ) -> int:
        """A new account with one key; returns its uid. Raises ValueError for a key that is taken."""
        order = {"key": key, "secret": secret, "funds": funds, "rights": sorted(rights)}
        answer = await self._control("POST", venue, "account", order)
        return int(answer["uid"])

    async def deposit(self, venue: str, uid: int, market: str, asset: str, amount: Decimal) -> dict[str, Any]:
        """Pay in (a negative amount: out), and what the account holds then. Raises ValueError for too much out."""
        order = {"uid": uid, "market": market, "asset": asset, "amount": amount}
        return await self._control("POST", venue, "deposit", order)

    async def settle_funding(self, venue: str, market: str, rate: Decimal | None = None) -> None:
        """Pay funding now on all positions of a market, at the present rate or at `rate` (a fraction)."""
        await self._control("POST", venue, "funding", {"market": market, "rate": rate})

    async def fills(self, venue: str, uid: int) -> list[dict[str, Any]]:
        """All fills of an account, market by market, oldest first."""
        answer = await self._control("GET", venue, f"fills?uid={uid}", None)
        fills: list[dict[str, Any]] = answer["fills"]
        return fills

    def kill(self, venue: str) -> None:
        """Kill an exchange as a crash would; it comes back after the restart delay."""
        self._children[venue].process.kill()

    # ---- inside ---------------------------------------------------------------------------------------

    async def _control(self, method: str, venue: str, what: str, body: object) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("the cluster is not running; use 'async with SimCluster()'")
        if venue not in self.exchanges:
            raise ValueError(f"no exchange {venue!r} in this cluster; there are {', '.join(self.exchanges)}")
        url = f"{self.exchanges[venue].url}/_sim/{what}"
        sent = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        async with self._session.request(method, url, data=sent, headers=headers, ssl=False) as response:
            answer: dict[str, Any] = msgspec.json.decode(await response.read())
            if response.status != 200:
                raise ValueError(f"{venue} refused {what}: {answer.get('error', answer)}")
            return answer

    async def _start(self, venue: str, port: int = 0) -> None:
        command = [
            *(sys.executable, "-m", "oneprice.sim.serve", "--venue", venue),
            *("--port", str(port), "--seed", str(self.seed), "--t0-ns", str(self.t0_ns)),
            *("--instruments", ",".join(self._instruments), "--with-parent", str(os.getpid())),
            *self._arguments,
        ]
        child = await _Child.start(venue, command)
        self._children[venue] = child
        child.watcher = asyncio.create_task(self._watch(venue, child), name=f"sim-watch-{venue}")
        old = self.exchanges.get(venue)
        restarts = 0 if old is None else old.restarts + 1
        self.exchanges[venue] = SimExchange(venue, child.ready.url, child.ready.pid, restarts)

    async def _watch(self, venue: str, child: "_Child") -> None:
        await child.process.wait()
        while not self._is_stopping:
            await asyncio.sleep(self._restart_delay_s)
            port = int(child.ready.url.rpartition(":")[2])
            # The port may still be held for a moment; then the next round tries again.
            with suppress(RuntimeError):
                await self._start(venue, port)
                return


class _Child:
    """One process and the tasks that read its output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.ready = _Ready("", 0, "")
        self.watcher: asyncio.Task[None] | None = None
        self._said: deque[str] = deque(maxlen=_STDERR_LINES)
        self._readers: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, venue: str, command: Sequence[str]) -> "_Child":
        """Start the process and wait until it says that it listens."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        child = cls(process)
        try:
            await child._wait_ready()
        except (TimeoutError, msgspec.DecodeError):
            await child.stop()
            words = " | ".join(child._said) or "nothing"
            raise RuntimeError(f"exchange {venue} did not start; it said: {words}") from None
        except asyncio.CancelledError:
            process.kill()
            raise
        return child

    async def _wait_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers.append(asyncio.create_task(self._drain(self.process.stderr)))
        line = await asyncio.wait_for(self.process.stdout.readline(), _READY_TIMEOUT_S)
        self.ready = msgspec.json.decode(line, type=_Ready)
        self._readers.append(asyncio.create_task(self._drain(self.process.stdout)))

    async def stop(self) -> None:
        """Ask the process to end, then make it."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), _STOP_TIMEOUT_S)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        await asyncio.gather(*self._readers)

    async def _drain(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self._said.append(line.decode(errors="replace").rstrip())
