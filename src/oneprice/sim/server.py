"""The HTTP and websocket kit that dialects are written on: one port of one simulated exchange.

A dialect registers REST handlers with `route` and websockets with `websocket`, asks for periodic work with
`every`, and reads the time from `now_ns` only. The server drives the markets, keeps the connections (pings,
limits, life time) and applies the faults; `control` serves `/_sim/...` to loopback.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from oneprice.sim.accounts import DEFAULT_FUNDS, DEFAULT_KEY, DEFAULT_SECRET, Accounts, ApiKey
from oneprice.sim.connection import Connection, Frame, Session, SocketPolicy
from oneprice.sim.control import CONTROL_PATH, Control, assets_of
from oneprice.sim.desk import TradingDesk
from oneprice.sim.faults import ANSWERED, Fault, FaultBoard, FaultKind
from oneprice.sim.market import SimMarket
from oneprice.sim.orders import DeskRules

RestHandler = Callable[[web.Request], web.StreamResponse]
SessionFactory = Callable[[Connection], Session]
FaultAnswer = Callable[[web.Request, FaultKind], web.StreamResponse]

TICK_S = 0.005
_BODY_BYTES_MAX = 1_000_000
_SOCKETS_MAX = 2_000
_MESSAGE_BYTES_MAX = 1_000_000
_HANG_CHECK_S = 0.02
_BODY = web.RequestKey("body", bytes)


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer; Decimals go out as strings."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json", headers=headers
    )


class _Timer:
    """Work at whole multiples of an interval of the clock, as conflated streams have it."""

    def __init__(self, interval_ns: int, work: Callable[[int], None], now_ns: int) -> None:
        self.interval_ns = interval_ns
        self.work = work
        self.due_ns = (now_ns // interval_ns + 1) * interval_ns


class SimServer:
    """One simulated exchange on one port. `clock` gives wall time in nanoseconds.

    `lifetime_s` shortens the life of websockets (at the venues mostly 24 h) so that it can be tried out.
    """

    def __init__(
        self,
        venue: str,
        markets: Mapping[str, SimMarket],
        *,
        clock: Callable[[], int] = time.time_ns,
        tls: ssl.SSLContext | None = None,
        lifetime_s: float | None = None,
    ) -> None:
        self.venue = venue
        self.markets = markets
        self.faults = FaultBoard(clock)
        self.accounts = Accounts()
        self.desks: dict[str, TradingDesk] = {}
        self.connections: dict[Connection, None] = {}
        self.requests_seen = 0
        self.fault_answer: FaultAnswer = _plain_fault_answer
        self.announce_restart: Callable[[Connection], None] = _say_nothing
        self.port = 0
        self._clock = clock
        self._tls = tls
        self._lifetime_s = lifetime_s
        self._timers: list[_Timer] = []
        self._app = web.Application(client_max_size=_BODY_BYTES_MAX, middlewares=[self._guard])
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | web.TCPSite | None = None
        self._host = "127.0.0.1"
        self._driver: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._snapshots_frozen = False
        self._restarting = False
        self._control_transport: asyncio.BaseTransport | None = None
        Control(self).add_to(self._app.router)

    def open_desks(self, rules: Mapping[str, DeskRules]) -> None:
        """Trading in the markets that have rules, and the account that DEFAULT_KEY opens. Call it once."""
        for name, market in self.markets.items():
            if name in rules:
                self.desks[name] = TradingDesk(market, self.accounts, rules[name], self.faults)
        funds = {name: _default_funds(market) for name, market in self.markets.items() if name in self.desks}
        self.accounts.open([ApiKey(key=DEFAULT_KEY, secret=DEFAULT_SECRET)], funds)

    # ---- for dialects ---------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """The venue's wall time in nanoseconds, which the fault clock_skew shifts."""
        return self._clock() + self._skew_ns()

    def now_ms(self) -> int:
        """The venue's wall time in milliseconds."""
        return self.now_ns() // 1_000_000

    def route(self, method: str, path: str, handler: RestHandler, *, changes: bool = False) -> None:
        """Answer `method path` (aiohttp pattern) with a synchronous handler; `body` gives it the request's body.

        `changes`: the handler changes orders, so that lost_request, lost_ack and late_ack strike.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            request[_BODY] = await request.read() if request.can_read_body else b""
            if not changes:
                return handler(request)
            name = f"{request.method} {request.path}"
            if (lost := self.faults.hit(FaultKind.LOST_REQUEST, name)) is not None:
                return await self._hang(request, lost)
            response = handler(request)
            if (lost := self.faults.hit(FaultKind.LOST_ACK, name)) is not None:
                return await self._hang(request, lost)
            if (late := self.faults.hit(FaultKind.LATE_ACK, name)) is not None:
                await self._until(self._clock() + late.delay_ms * 1_000_000)
            return response

        self._app.router.add_route(method, path, answer)

    def body(self, request: web.Request) -> bytes:
        """The body of a request that a handler of `route` was given."""
        return request[_BODY]

    def websocket(self, path: str, factory: SessionFactory, policy: SocketPolicy) -> None:
        """Serve websockets at `path`; `factory` makes the session of each new connection.

        A GET that is no websocket handshake gets HTTP 400, as at the venues' edges.
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve_socket(request, factory, policy)

        self._app.router.add_get(path, serve)

    def every(self, interval_ms: int, work: Callable[[int], None]) -> Callable[[], None]:
        """Call `work(now_ns)` at each multiple of the interval; the returned function stops it."""
        timer = _Timer(interval_ms * 1_000_000, work, self._clock())
        self._timers.append(timer)

        def stop() -> None:
            with suppress(ValueError):
                self._timers.remove(timer)

        return stop

    # ---- running --------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen and start driving the markets (which must have been started). Port 0 picks a free one."""
        self._host = host
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.5, handle_signals=False)
        await self._runner.setup()
        await self._listen(port)
        self._driver = asyncio.create_task(self._drive(), name=f"sim-{self.venue}-driver")

    async def stop(self) -> None:
        """Close everything; safe to call twice. Raises what broke the driver, if something did."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.cancel()
        self._may_write.set()
        for connection in list(self.connections):
            connection.abort()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if driver is not None:
            with suppress(asyncio.CancelledError):
                await driver

    @property
    def url(self) -> str:
        """Where REST answers; websockets are at the same host and port."""
        return f"{'https' if self._tls is not None else 'http'}://{self._host}:{self.port}"

    @property
    def is_broken(self) -> bool:
        """Whether driving the markets failed; `stop` then raises what went wrong."""
        return self._driver is not None and self._driver.done()

    def spare(self, request: web.Request) -> None:
        """The drop fault leaves the connection of this request alone: it carries the answer to who asked for it."""
        self._control_transport = request.transport

    def tick(self, now_ns: int) -> None:
        """Advance markets, timers and connections to `now_ns`: the whole of the server's work in time."""
        for market in self.markets.values():
            market.step(now_ns)
        for desk in self.desks.values():
            desk.tick(now_ns + self._skew_ns())
        for timer in list(self._timers):
            if now_ns >= timer.due_ns:
                timer.due_ns = (now_ns // timer.interval_ns + 1) * timer.interval_ns
                timer.work(now_ns)
        self._apply_faults()
        for connection in list(self.connections):
            connection.release(now_ns)
        if self._may_write.is_set():
            for connection in list(self.connections):
                self._look_after(connection, now_ns)

    # ---- inside ---------------------------------------------------------------------------------------

    async def _listen(self, port: int) -> None:
        assert self._runner is not None
        site = web.TCPSite(self._runner, self._host, port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self._site = site
        address = self._runner.addresses[0]
        self.port = address[1]

    async def _drive(self) -> None:
        refusing = False
        while True:
            self.tick(self._clock())
            refuse = self.faults.active(FaultKind.REFUSE) is not None
            if refuse and not refusing and self._site is not None:
                await self._site.stop()
            elif refusing and not refuse:
                await self._listen(self.port)
            refusing = refuse
            await asyncio.sleep(TICK_S)

    def _apply_faults(self) -> None:
        half_open = self.faults.active(FaultKind.HALF_OPEN) is not None
        if half_open == self._may_write.is_set():
            for connection in self.connections:
                connection.set_reading(not half_open)
                connection.last_received_ns = self._clock()
                connection.ping_sent_ns = None
            if half_open:
                self._may_write.clear()
            else:
                self._may_write.set()
        stale = self.faults.active(FaultKind.STALE_SNAPSHOT) is not None
        if stale != self._snapshots_frozen:
            self._snapshots_frozen = stale
            for market in self.markets.values():
                for listing in market.listings.values():
                    listing.freeze_snapshot(stale)
        restarting = self.faults.active(FaultKind.RESTART) is not None
        if restarting != self._restarting:
            self._restarting = restarting
            for connection in list(self.connections):
                if restarting:
                    self.announce_restart(connection)
                else:
                    connection.close(WSCloseCode.SERVICE_RESTART, "restart")
        if self.faults.hit(FaultKind.DROP) is not None:
            self._drop_all()

    def _skew_ns(self) -> int:
        skew = self.faults.active(FaultKind.CLOCK_SKEW)
        return 0 if skew is None else skew.delay_ms * 1_000_000

    async def _until(self, due_ns: int) -> None:
        """Wait for the server's own clock, which need not be the loop's."""
        while self._clock() < due_ns:  # noqa: ASYNC110 - tests set the clock by hand
            await asyncio.sleep(TICK_S)

    async def _hang(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        """Say nothing until the client gives up or the fault's time is over, then cut the connection."""
        while request.transport is not None and not request.transport.is_closing():
            if fault.until_ns is not None and self._clock() >= fault.until_ns:
                request.transport.abort()
                break
            await asyncio.sleep(_HANG_CHECK_S)
        return web.Response(status=499)

    def _drop_all(self) -> None:
        for connection in list(self.connections):
            connection.abort()
        if self._runner is not None and self._runner.server is not None:
            for handler in list(self._runner.server.connections):
                if handler.transport is not None and handler.transport is not self._control_transport:
                    handler.transport.abort()

    def _look_after(self, connection: Connection, now_ns: int) -> None:
        """Pings, pong deadline, idle time and life time of one connection."""
        policy = connection.policy
        lifetime_s = self._lifetime_s if self._lifetime_s is not None else policy.lifetime_s
        if lifetime_s is not None and now_ns - connection.opened_ns > lifetime_s * 1e9:
            connection.close(policy.lifetime_code, "connection life time reached")
        elif policy.idle_timeout_s is not None and (now_ns - connection.last_received_ns > policy.idle_timeout_s * 1e9):
            connection.close(WSCloseCode.GOING_AWAY, "idle")
        elif (
            policy.pong_timeout_s is not None
            and connection.ping_sent_ns is not None
            and (now_ns - connection.ping_sent_ns > policy.pong_timeout_s * 1e9)
        ):
            connection.close(WSCloseCode.POLICY_VIOLATION, "pong timeout")
        elif policy.ping_interval_s is not None and (now_ns - connection.last_ping_ns >= policy.ping_interval_s * 1e9):
            connection.ping(policy.ping_payload(now_ns))

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Let the faults at every request before its handler."""
        if request.path.startswith(CONTROL_PATH):
            return await handler(request)
        self.requests_seen += 1
        await self._may_write.wait()
        name = f"{request.method} {request.path}"
        slow = self.faults.active(FaultKind.SLOW, name)
        if slow is not None:
            await asyncio.sleep(slow.delay_ms / 1e3)
        is_handshake = request.headers.get("Upgrade", "").lower() == "websocket"
        for kind in (FaultKind.BAN,) if is_handshake else ANSWERED:
            if self.faults.hit(kind, name) is not None:
                return self.fault_answer(request, kind)
        return await handler(request)

    async def _serve_socket(
        self, request: web.Request, factory: SessionFactory, policy: SocketPolicy
    ) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            autoping=False, autoclose=True, compress=False, max_msg_size=_MESSAGE_BYTES_MAX, timeout=1.0
        )
        if not socket.can_prepare(request):
            return web.Response(status=400, text="Bad Request: a websocket handshake is expected here")
        if len(self.connections) >= _SOCKETS_MAX:
            return web.Response(status=503, text="too many connections")
        try:
            await socket.prepare(request)
        except ConnectionResetError:
            return web.Response(status=400, text="Bad Request: the client left during the handshake")
        connection = Connection(request, socket, policy, self.faults, self._clock)
        self.connections[connection] = None
        writer = asyncio.create_task(connection.write_out(self._may_write), name=f"sim-{self.venue}-writer")
        session = factory(connection)
        try:
            await self._read(socket, connection, session)
        finally:
            connection.is_closing = True
            self.connections.pop(connection, None)
            connection.leave_all()
            session.on_close()
            writer.cancel()
        return socket

    async def _read(self, socket: web.WebSocketResponse, connection: Connection, session: Session) -> None:
        async for message in socket:
            if connection.is_closing or not connection.count_message():
                continue
            if message.type is WSMsgType.PING:
                connection.pong(message.data)
            elif message.type is WSMsgType.PONG:
                connection.take_pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                frame: Frame = message.data
                session.on_message(frame)


def _default_funds(market: SimMarket) -> dict[str, Decimal]:
    """DEFAULT_FUNDS of the assets that the market has. Whatever a venue calls it, what is not spot is "usdm" there."""
    given = DEFAULT_FUNDS["spot" if market.market == "spot" else "usdm"]
    assets = assets_of(market)
    return {asset: amount for asset, amount in given.items() if asset in assets}


def _say_nothing(connection: Connection) -> None:
    """Most venues do not announce a restart; a dialect whose venue does sets `announce_restart`."""


def _plain_fault_answer(request: web.Request, kind: FaultKind) -> web.StreamResponse:
    """Used until a dialect sets `fault_answer` to its venue's shapes."""
    return web.Response(status=429 if kind is FaultKind.RATE_LIMIT else 503, text=kind.value)
