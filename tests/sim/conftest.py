"""Simulated exchanges inside the test's event loop, and a minimal Binance client to look at them with."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from tests.sim.flows import keep_moving, stand_still

from oneprice.sim.serve import ServeOptions, start_exchange
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]


class Stream:
    """One websocket with helpers that time out instead of hanging."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def ask(self, method: str, params: list[Any] | None = None, request_id: Any = 1) -> Any:
        """Send a request and return its answer, passing over data frames."""
        request = {"method": method, "id": request_id}
        if params is not None:
            request["params"] = params
        await self.socket.send_json(request)
        while True:
            frame = await self.next()
            if "result" in frame or "code" in frame:
                return frame

    async def next(self, within_s: float = 5.0) -> Any:
        """The next JSON frame; pings are answered on the way."""
        while True:
            message = await asyncio.wait_for(self.socket.receive(), within_s)
            if message.type is aiohttp.WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                return json.loads(message.data)
            else:
                raise ConnectionError(f"{message.type.name} {message.data} {message.extra}")

    async def until_closed(self, within_s: float = 5.0) -> int | None:
        """Read until the server closes; the close code, None for an abrupt end."""
        while True:
            message = await asyncio.wait_for(self.socket.receive(), within_s)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return self.socket.close_code

    async def is_silent(self, seconds: float) -> bool:
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False


class Book:
    """A local book; `apply` returns False for a gap."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.last_id: int = snapshot["lastUpdateId"]
        self.bids = dict(snapshot["bids"])
        self.asks = dict(snapshot["asks"])
        self._linked = False

    def apply(self, event: dict[str, Any]) -> bool:
        if event["u"] < self.last_id or (event["u"] == self.last_id and "pu" not in event):
            return True
        if "pu" in event:
            fits = event["pu"] == self.last_id or (not self._linked and event["U"] <= self.last_id <= event["u"])
        else:
            fits = event["U"] <= self.last_id + 1
        if not fits:
            return False
        self._linked = True
        self.last_id = event["u"]
        for side, levels in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, size in levels:
                if float(size) == 0.0:
                    side.pop(price, None)
                else:
                    side[price] = size
        return True


@pytest.fixture
async def start_venue() -> AsyncIterator[StartVenue]:
    """`await start_venue("binance", instruments=("BTC/USDT",))` gives a running server. Its books surely move; with
    `still=True` they are always the same, and with a `clock` of the test's own it is left to that what moves."""
    servers: list[SimServer] = []

    async def start(venue: str, still: bool = False, **options: object) -> SimServer:
        server = await start_exchange(ServeOptions(venue=venue, **options))  # type: ignore[arg-type]
        servers.append(server)
        if still:
            stand_still(server)
        elif "clock" not in options:
            keep_moving(server)
        return server

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP and websocket client that answers pings only when told to."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
async def connect(http: aiohttp.ClientSession) -> AsyncIterator[Callable[..., Awaitable[Stream]]]:
    """`await connect(server, "/ws/btcusdt@depth")` opens a websocket."""
    open_streams: list[Stream] = []

    async def open_stream(server: SimServer, path: str) -> Stream:
        stream = Stream(await http.ws_connect(server.url + path, autoping=False))
        open_streams.append(stream)
        return stream

    yield open_stream
    for stream in open_streams:
        await stream.socket.close()


@pytest.fixture
def local_book() -> type[Book]:
    """The class of a local book kept by Binance's documented rules."""
    return Book
