"""A world in memory under virtual time: a clock that jumps, a network, and servers of the toy venue with faults."""

from __future__ import annotations

import asyncio
import json
import math
import random
import selectors
import ssl
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from tests.market.toy import ToyMarket

from oneprice.errors import NetworkError
from oneprice.exchange import RestFigures
from oneprice.market import MarketConfig, MarketData
from oneprice.market.books import Book
from oneprice.ports import WebSocketListener
from oneprice.venues.kit import Request, Response

T = TypeVar("T")
DELAY_S = 0.01
START_WALL_NS = 1_700_000_000_000_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when nothing is left to do, and then at once to the next timer."""

    def __init__(self) -> None:
        self.now_ns = 0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now_ns / 1e9


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everything waits and nothing will ever happen"
        self._loop.now_ns += math.ceil(max(timeout, 0) * 1e9)
        return super().select(0)


def run(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run under virtual time. What a callback raises is raised in the end."""
    loop, loose = VirtualLoop(), []
    loop.set_exception_handler(lambda _, context: loose.append(context))
    try:
        result = loop.run_until_complete(scenario())
    finally:
        loop.close()
    assert not loose, loose
    return result


class VirtualClock:
    def __init__(self) -> None:
        self.wall_step_ns = 0

    def monotonic_ns(self) -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop.now_ns

    def wall_ns(self) -> int:
        return START_WALL_NS + self.monotonic_ns() + self.wall_step_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SeededChance:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


class Instrument:
    """A book at the toy venue: two levels a side around `middle`."""

    def __init__(self, base: str, quote: str, middle: Decimal, tick: str, lot: str) -> None:
        self.base, self.quote, self.middle, self.tick, self.lot = base, quote, middle, Decimal(tick), Decimal(lot)
        self.tradable, self.multiplier = True, Decimal(1)
        self.sequence = 100
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        for step in (1, 2):
            self.bids[middle - step * self.tick] = self.asks[middle + step * self.tick] = 100 * self.lot

    @property
    def symbol(self) -> str:
        return self.base + self.quote

    def rules(self) -> dict[str, object]:
        return {
            "symbol": self.symbol,
            "base": self.base,
            "quote": self.quote,
            "tick": str(self.tick),
            "lot": str(self.lot),
            "multiplier": str(self.multiplier),
            "tradable": self.tradable,
        }

    def levels(self, side: dict[Decimal, Decimal], best_high: bool) -> list[list[str]]:
        return [[str(price), str(side[price])] for price in sorted(side, reverse=best_high)]

    def snapshot(self) -> dict[str, object]:
        return {"id": self.sequence, "b": self.levels(self.bids, True), "a": self.levels(self.asks, False)}

    def quote_frame(self) -> dict[str, object]:
        bid, ask = max(self.bids), min(self.asks)
        return {
            "s": self.symbol,
            "id": self.sequence,
            "bp": str(bid),
            "bq": str(self.bids[bid]),
            "ap": str(ask),
            "aq": str(self.asks[ask]),
        }


class ToyServer:
    """One market of the toy venue, and the switches of its faults."""

    def __init__(self, world: World, market: ToyMarket, instruments: list[Instrument]) -> None:
        self.world, self.market = world, market
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.sockets: list[FakeSocket] = []
        self.messages: list[dict[str, Any]] = []
        self.connects_ns: list[int] = []
        self.requests: list[tuple[int, str]] = []
        self.frozen = self.half_open = self.refusing = self.rest_down = False
        self.lost_names: set[str] = set()  # no ack and no data for these, once
        self.silent_names: set[str] = set()  # acknowledged, but no data
        self.refused_names: dict[str, str] = {}
        self.rest_turn_s = 0.0  # what our own rate limits keep a request waiting
        self.skip_frames = 0
        self.stale_snapshots: list[dict[str, object]] = []
        self.frames_of: dict[str, int] = {}

    # ---- REST

    def answer(self, path: str, query: Mapping[str, str]) -> bytes:
        self.requests.append((self.world.clock.monotonic_ns(), path))
        if path == "/time":
            body: object = self.world.clock.wall_ns() + self.world.venue_clock_ns
        elif path == "/rules":
            body = [instrument.rules() for instrument in self.instruments.values()]
        elif path == "/tickers":
            body = {symbol: str(instrument.middle) for symbol, instrument in self.instruments.items()}
        elif self.stale_snapshots:
            body = self.stale_snapshots.pop(0)
        else:
            body = self.instruments[query["symbol"]].snapshot()
        return json.dumps(body).encode()

    # ---- websocket

    def on_message(self, socket: FakeSocket, payload: bytes) -> None:
        message = json.loads(payload)
        self.messages.append(message)
        names = message.get("names", [])
        if message["do"] == "unsubscribe":
            socket.names -= set(names)
            socket.deliver({"ack": message["n"]})
        elif message["do"] == "subscribe":
            lost = self.lost_names & set(names)
            self.lost_names -= lost
            refused = {name: self.refused_names[name] for name in names if name in self.refused_names}
            taken = [name for name in names if name not in lost and name not in refused]
            socket.names |= set(taken)
            if not lost:
                socket.deliver({"ack": message["n"], "refused": refused})
            if self.market.whole:
                for name in taken:
                    self._send_whole(socket, name)

    def change(self, symbol: str, price: Decimal | None = None, lots: Decimal | None = None) -> None:
        """Change the quantity of the best bid (or of a bid at `price`) and tell everybody."""
        book = self.instruments[symbol]
        book.sequence += 1
        price = price or max(book.bids)
        book.bids[price] = lots if lots is not None else (1 + book.sequence % 50) * book.lot
        self.tell(book, [[str(price), str(book.bids[price])]], [])

    def shift(self, symbol: str, middle: Decimal) -> None:
        """Move the whole book."""
        book = self.instruments[symbol]
        old = (list(book.bids), list(book.asks))
        book.middle, book.bids, book.asks = middle, {}, {}
        for step in (1, 2):
            book.bids[middle - step * book.tick] = book.asks[middle + step * book.tick] = 100 * book.lot
        book.sequence += 1
        gone = [
            [[str(price), "0"] for price in side if price not in now]
            for side, now in zip(old, (book.bids, book.asks), strict=True)
        ]
        self.tell(book, gone[0] + book.levels(book.bids, True), gone[1] + book.levels(book.asks, False))

    def tell(self, book: Instrument, bids: list[list[str]], asks: list[list[str]]) -> None:
        depth = {
            "s": book.symbol,
            "U": book.sequence,
            "u": book.sequence,
            "b": bids,
            "a": asks,
            "t": (self.world.clock.wall_ns() + self.world.venue_clock_ns) // 1_000_000,
        }
        if self.skip_frames:
            self.skip_frames -= 1
            return
        for socket in self.sockets:
            self._tell(socket, f"{book.symbol}@depth", depth)
            self._tell(socket, f"{book.symbol}@quote", book.quote_frame())

    async def bustle(self, every_s: float = 0.05) -> None:
        """Change every book now and then, for ever."""
        while True:
            for symbol in self.instruments:
                self.change(symbol)
            await asyncio.sleep(every_s)

    def drop_all(self) -> None:
        for socket in list(self.sockets):
            socket.end("reset by peer")

    def _send_whole(self, socket: FakeSocket, name: str) -> None:
        symbol, _, channel = name.partition("@")
        book = self.instruments[symbol]
        if channel == "depth":
            whole = {"s": symbol, "U": book.sequence, "u": book.sequence, "full": True}
            socket.deliver(whole | {"b": book.levels(book.bids, True), "a": book.levels(book.asks, False)})

    def _tell(self, socket: FakeSocket, name: str, frame: dict[str, object]) -> None:
        if name in socket.names and name not in self.silent_names and not self.frozen:
            socket.deliver(frame)


class FakeSocket:
    """`ports.WebSocket` in memory. What is on its way arrives after DELAY_S, in order."""

    def __init__(self, server: ToyServer, listener: WebSocketListener) -> None:
        self.server, self.listener = server, listener
        self.names: set[str] = set()
        self.open = True
        self.last_pong_ns = server.world.clock.monotonic_ns()
        self.sent_ns: list[int] = []

    def send(self, payload: bytes) -> None:
        self.sent_ns.append(self.server.world.clock.monotonic_ns())
        self._later(lambda: self.server.on_message(self, payload))

    def ping(self, payload: bytes = b"") -> None:
        self._later(self._pong)

    def close(self, reason: str) -> None:
        self.end(f"closed by us: {reason}")

    def abort(self, reason: str) -> None:
        self.end(f"dropped by us: {reason}")

    def end(self, reason: str) -> None:
        if self.open:
            self.open = False
            self.server.sockets.remove(self)
            asyncio.get_running_loop().call_soon(self.listener.on_closed, reason)

    def deliver(self, frame: dict[str, Any] | bytes) -> None:
        payload = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        self._later(lambda: self.listener.on_frame(payload, False))

    def _pong(self) -> None:
        self.last_pong_ns = self.server.world.clock.monotonic_ns()

    def _later(self, act: Callable[[], None]) -> None:
        def arrive() -> None:
            if self.open and not self.server.half_open:
                act()

        asyncio.get_running_loop().call_later(DELAY_S, arrive)


class World:
    """Servers by their market's name, and the ports to reach them. Also the REST side that the engine wants."""

    def __init__(self, seed: int = 1) -> None:
        self.clock, self.chance = VirtualClock(), SeededChance(seed)
        self.servers: dict[str, ToyServer] = {}
        self.venue_clock_ns = 0

    def add(self, market: ToyMarket | None = None, instruments: list[Instrument] | None = None) -> ToyServer:
        market = market or ToyMarket()
        server = ToyServer(self, market, instruments or [btc(), eth()])
        self.servers[f"{market.venue}-{market.kind.value}"] = server
        return server

    def engine(self, **settings: Any) -> MarketData:
        settings = {"markets": tuple(self.servers), "symbols": ("BTC/USDT", "ETH/USDT"), **settings}
        recorder = settings.pop("recorder", None)
        return MarketData(
            MarketConfig(**settings),
            [server.market for server in self.servers.values()],  # type: ignore[misc]
            network=self,
            clock=self.clock,
            chance=self.chance,
            exchanges=lambda market: Exchange(self, market),  # type: ignore[arg-type]
            recorder=recorder,
        )

    async def request(self, method: str, url: str, **_: Any) -> Any:
        raise AssertionError("the engine uses its exchanges for REST")

    async def open_websocket(
        self,
        url: str,
        listener_factory: Callable[[], WebSocketListener],
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        message_bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> FakeSocket:
        server = self.servers[url.partition("//")[2]]
        server.connects_ns.append(self.clock.monotonic_ns())
        if server.half_open:
            await asyncio.sleep(timeout_s)
            raise NetworkError("no answer")
        await asyncio.sleep(2 * DELAY_S)
        if server.refusing:
            raise NetworkError("connection refused")
        socket = FakeSocket(server, listener_factory())
        server.sockets.append(socket)
        return socket

    async def close(self) -> None:
        """Nothing to close."""


class Exchange:
    """The engine's `Fetch`."""

    def __init__(self, world: World, market: ToyMarket) -> None:
        self._world, self._market = world, market
        self.figures = RestFigures()

    async def fetch(self, request: Request) -> Response:
        server = self._world.servers[f"{self._market.venue}-{self._market.kind.value}"]
        await asyncio.sleep(server.rest_turn_s)
        sent_ns = self._world.clock.monotonic_ns()
        await asyncio.sleep(DELAY_S)
        if server.half_open:
            await asyncio.sleep(5.0)
            raise NetworkError("no answer")
        body = server.answer(request.path, dict(request.query))
        await asyncio.sleep(DELAY_S)
        self.figures.answered(self._world.clock.monotonic_ns() - sent_ns, len(body))
        response = Response(503 if server.rest_down else 200, {}, body)
        error = self._market.error(response)
        if error is not None:
            raise error
        return response


def btc() -> Instrument:
    return Instrument("BTC", "USDT", Decimal(50000), "0.1", "0.001")


def eth() -> Instrument:
    return Instrument("ETH", "USDT", Decimal(3000), "0.01", "0.01")


def book_of(data: MarketData, name: str) -> Book:
    return next(book for book in data.books if book.name == name)


def agrees(data: MarketData, server: ToyServer, name: str) -> bool:
    """Whether a book equals the venue's own."""
    book = book_of(data, name)
    own = server.instruments[book.info.venue_symbol]
    levels = data.hub.levels(book.number, 100)
    for side, venue, high in zip(levels, (own.bids, own.asks), (True, False), strict=True):
        told = [(ticks * book.tick_size, lots * book.lot_size) for ticks, lots in side]
        if told != [(price, venue[price]) for price in sorted(venue, reverse=high) if venue[price]]:
            return False
    return data.hub.sequence(book.number) == own.sequence
