"""Ends an engine at a chosen step of its life, in the test's own process: at a write to its journal, at a message that
leaves for a venue, at one that comes from there.

What the dead engine still does is without effect: no byte leaves it any more, and the next one starts on a copy of its
folder as it was at that very moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from tests.trade.stage import Crash, Stage, World, engine
from tests.trade.witness import WatchedDisk, Witness

from oneprice.exchange import PrivateExchange
from oneprice.ledger.records import AnyRecord
from oneprice.market import MarketData
from oneprice.ports import DiskFile, HttpLine, HttpResponse, Network, WebSocket, WebSocketListener
from oneprice.sim.orders import SimOrder

RECORDS = [kind.__name__ for kind in get_args(AnyRecord)]

ENDED = "when all of it is over"
"""The step after the last."""

LEAVES_WITHIN_S = 0.5

Part = Callable[[Stage], Awaitable[None]]


class Life:
    """One engine's, from its start to its end at step number `at`, or at the first that begins with these words; 0: it
    is not ended by its steps. `steps`: those there were while `counts`, in words. `over` is set when it is dead; what
    it has in `folder` then is copied to `grave`."""

    def __init__(self, folder: Path, grave: Path, at: int | str, *, counts: bool) -> None:
        self.at, self.counts = at, counts
        self.steps: list[str] = []
        self.over = asyncio.Event()
        self.sockets: list[WebSocket] = []
        self._folder, self._grave = folder, grave

    @property
    def is_dead(self) -> bool:
        """For good."""
        return self.over.is_set()

    def is_last(self, step: str) -> bool:
        """Whether this one would be the last."""
        if isinstance(self.at, str):
            return self.counts and step.startswith(self.at)
        return self.counts and len(self.steps) + 1 == self.at

    def is_end(self, step: str) -> bool:
        """Whether it does not live to take this step."""
        if self.counts and not self.is_dead:
            is_last = self.is_last(step)
            self.steps.append(step)
            if is_last:
                self.die()
        return self.is_dead

    def step(self, step: str) -> None:
        """Raises Crash where `is_end`."""
        if self.is_end(step):
            raise Crash(step)

    def die(self) -> None:
        """Nothing that it does from now on has an effect."""
        shutil.copytree(self._folder, self._grave)
        self.over.set()


class Reaper(Witness):
    """A witness of one life after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(Path(), Path(), 0, counts=False)

    def watch(self, account: PrivateExchange, market: MarketData, age_ns_max: int) -> None:
        """See its messages as well."""
        super().watch(account, market, age_ns_max)
        network = _TappedNetwork(account.rest._network, self.life, f"{account.name}-{account.market.value}")
        account.rest._network = network
        account.following.stream_session._network = network
        account.following.entry_session._network = network


class MortalWorld(World):
    """A world whose engines end where they are told to. `offer`, `bid`: of another customer, to make them trade."""

    witness: Reaper
    offer: SimOrder | None = None
    bid: SimOrder | None = None

    def __init__(self, folder: Path, markets: tuple[str, ...], symbols: tuple[str, ...]) -> None:
        super().__init__(folder, markets, symbols, witness=Reaper())

    def __post_init__(self) -> None:
        super().__post_init__()
        self.disk = _MortalDisk(self.witness)

    async def live(
        self, folder: Path, grave: Path, at: int | str, act: Part, *, counts: bool = False, **settings: Any
    ) -> list[str]:
        """An engine on `folder` that dies at its step number `at`, at the latest when `act` is over; then `grave` has
        what it leaves. Steps count from the start with `counts`, else from when `act` says so. Gives them in words."""
        life = self.witness.life = Life(folder, grave, at, counts=counts)

        async def run() -> None:
            async with engine(self, folder=folder, **settings) as stage:
                await act(stage)
                if not life.is_dead:
                    life.steps.append(ENDED)
                    life.die()

        living, dying = asyncio.ensure_future(run()), asyncio.ensure_future(life.over.wait())
        await asyncio.wait((living, dying), return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if not life.is_dead:
            await living  # it raises: the story did not come to its end
        while not living.done():  # what a dead engine still waits for may never come
            living.cancel()
            await asyncio.wait((living,), timeout=LEAVES_WITHIN_S)
        if not living.cancelled():
            living.exception()  # whatever it says
        for socket in life.sockets:
            socket.abort("the process is dead")
        self.witness.before_send.clear()
        self.witness.life = Life(grave, Path(), 0, counts=False)
        return life.steps


@contextlib.asynccontextmanager
async def mortal(folder: Path, *markets: str, symbols: tuple[str, ...] = ("BTC/USDT",)) -> AsyncIterator[MortalWorld]:
    """Simulated exchanges, as `stage.exchanges`."""
    world = MortalWorld(folder, markets, symbols)
    try:
        await world.open()
        yield world
    finally:
        await world.close()


# ---------------------------------------------------------------------- the edges of an engine


class _MortalDisk(WatchedDisk):
    def __init__(self, reaper: Reaper) -> None:
        super().__init__(reaper)
        self._reaper = reaper

    def append_to(self, path: str, reserve_bytes: int) -> Any:
        file = super().append_to(path, reserve_bytes)
        return _MortalFile(self._reaper.life, file) if path.endswith(".journal") else file

    def write(self, path: str, data: bytes) -> None:
        self._reaper.life.step(f"before the file {Path(path).name} is there")
        super().write(path, data)
        self._reaper.life.step(f"right after the file {Path(path).name} is there")


class _MortalFile:
    """Each write in three parts: before it, when half of it is written, and when the journal's head is not yet."""

    def __init__(self, life: Life, file: DiskFile) -> None:
        self._life, self._file = life, file

    def append(self, data: bytes) -> None:
        life = self._life
        told = ", ".join(name for name in RECORDS for _ in range(data.count(name.encode())))
        life.step(f"before {told} is in the journal")
        halfway = f"when half of {told} is in the journal"
        if life.is_last(halfway):
            self._file.append(data[: len(data) // 2])
        life.step(halfway)
        self._file.append(data)
        life.step(f"right after {told} is in the journal")

    def sync(self) -> None:
        self._file.sync()

    def close(self) -> None:
        self._file.close()


class _TappedNetwork:
    """An account's: before a message leaves, right after, and before one that has come is read."""

    def __init__(self, inner: Network, life: Life, name: str) -> None:
        self._inner, self._life, self._name = inner, life, name

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> HttpResponse:
        what = f"{self._name} {method} {url.partition('?')[0].partition('://')[2].partition('/')[2]}"
        self._life.step(f"before {what} leaves")
        answer = await self._inner.request(
            method, url, headers=headers, body=body, timeout_s=timeout_s, bytes_max=bytes_max, tls=tls
        )
        self._life.step(f"before the answer to {what} is read")
        return answer

    def open_line(self, url: str, *, connections: int, tls: ssl.SSLContext | None = None) -> HttpLine:
        return _TappedLine(self._inner.open_line(url, connections=connections, tls=tls), self._life, self._name)

    async def open_websocket(
        self,
        url: str,
        listener_factory: Callable[[], WebSocketListener],
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        message_bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> WebSocket:
        self._life.step(f"before {self._name} is connected to")
        socket = await self._inner.open_websocket(
            url,
            lambda: _TappedEars(listener_factory(), self._life, self._name),
            headers=headers,
            timeout_s=timeout_s,
            message_bytes_max=message_bytes_max,
            tls=tls,
        )
        self._life.sockets.append(socket)
        return _TappedSocket(socket, self._life, self._name)

    async def close(self) -> None:
        await self._inner.close()


class _TappedLine:
    def __init__(self, inner: HttpLine, life: Life, name: str) -> None:
        self._inner, self._life, self._name = inner, life, name

    async def warm(self) -> None:
        await self._inner.warm()

    def request(
        self,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        *,
        timeout_s: float,
        bytes_max: int,
    ) -> Awaitable[HttpResponse]:
        what = f"{self._name} {method} {target.partition('?')[0]}"
        self._life.step(f"before {what} leaves")
        waiting = self._inner.request(method, target, headers, body, timeout_s=timeout_s, bytes_max=bytes_max)
        self._life.step(f"right after {what} has left")
        return self._then(waiting, what)

    async def _then(self, waiting: Awaitable[HttpResponse], what: str) -> HttpResponse:
        answer = await waiting
        self._life.step(f"before the answer to {what} is read")
        return answer

    async def close(self) -> None:
        await self._inner.close()


class _TappedEars:
    def __init__(self, inner: WebSocketListener, life: Life, name: str) -> None:
        self._inner, self._life, self._name = inner, life, name

    def on_frame(self, payload: bytes, binary: bool) -> None:
        if not self._life.is_end(f"before {self._name}'s message of {len(payload)} bytes is read"):
            self._inner.on_frame(payload, binary)

    def on_closed(self, reason: str) -> None:
        self._inner.on_closed(reason)


class _TappedSocket:
    def __init__(self, inner: WebSocket, life: Life, name: str) -> None:
        self._inner, self._life, self._name = inner, life, name

    def send(self, payload: bytes) -> None:
        self._life.step(f"before a message of {len(payload)} bytes to {self._name} leaves")
        self._inner.send(payload)
        self._life.step(f"right after a message of {len(payload)} bytes to {self._name} has left")

    def ping(self, payload: bytes = b"") -> None:
        self._inner.ping(payload)

    @property
    def last_pong_ns(self) -> int:
        return self._inner.last_pong_ns

    def close(self, reason: str) -> None:
        if self._life.is_dead:
            self._inner.abort(reason)
        else:
            self._inner.close(reason)

    def abort(self, reason: str) -> None:
        self._inner.abort(reason)
