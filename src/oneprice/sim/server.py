"""The HTTP and websocket kit that dialects are written on: one port of one simulated exchange.

A dialect registers REST handlers with `route` and websockets with `websocket`, asks for periodic work with
`every`, and reads the time from `now_ns` only. The server drives the markets, keeps the connections (pings,
limits, life time) and applies the faults; `/_sim/status` and `/_sim/fault` control it from loopback.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from oneprice.sim.connection import Connection, Frame, Session, SocketPolicy
from oneprice.sim.faults import FaultBoard, FaultKind, FaultOrder
from oneprice.sim.market import SimMarket

RestHandler = Callable[[web.Request], web.StreamResponse]
SessionFactory = Callable[[Connection], Session]
FaultAnswer = Callable[[web.Request, FaultKind], web.StreamResponse]

TICK_S = 0.005
_CONTROL = "/_sim/"
_BODY_BYTES_MAX = 1_000_000
_SOCKETS_MAX = 2_000
_MESSAGE_BYTES_MAX = 1_000_000


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
        self._add_control()

    # ---- for dialects ---------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Wall time in nanoseconds."""
        return self._clock()

    def now_ms(self) -> int:
        """Wall time in milliseconds."""
        return self._clock() // 1_000_000

    def route(self, method: str, path: str, handler: RestHandler) -> None:
        """Answer `method path` (aiohttp pattern) with a synchronous handler."""

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.can_read_body:
                await request.read()
            return handler(request)

        self._app.router.add_route(method, path, answer)

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

    def tick(self, now_ns: int) -> None:
        """Advance markets, timers and connections to `now_ns`: the whole of the server's work in time."""
        for market in self.markets.values():
            market.step(now_ns)
        for timer in list(self._timers):
            if now_ns >= timer.due_ns:
                timer.due_ns = (now_ns // timer.interval_ns + 1) * timer.interval_ns
                timer.work(now_ns)
        self._apply_faults()
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
        if request.path.startswith(_CONTROL):
            return await handler(request)
        self.requests_seen += 1
        await self._may_write.wait()
        slow = self.faults.active(FaultKind.SLOW, request.path)
        if slow is not None:
            await asyncio.sleep(slow.delay_ms / 1e3)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            for kind in (FaultKind.REST_ERROR, FaultKind.RATE_LIMIT):
                if self.faults.hit(kind, request.path) is not None:
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

    # ---- control --------------------------------------------------------------------------------------

    def _add_control(self) -> None:
        self._app.router.add_get("/_sim/status", self._control_status)
        self._app.router.add_post("/_sim/fault", self._control_fault)
        self._app.router.add_post("/_sim/clear", self._control_clear)

    async def _control_status(self, request: web.Request) -> web.Response:
        if (refusal := _only_loopback(request)) is not None:
            return refusal
        return json_response(
            {
                "venue": self.venue,
                "connections": len(self.connections),
                "streams": sum(len(connection.topics) for connection in self.connections),
                "requests": self.requests_seen,
                "faults": self.faults.status(),
                "fault_hits": self.faults.hits,
                "instruments": {name: list(market.listings) for name, market in self.markets.items()},
            }
        )

    async def _control_fault(self, request: web.Request) -> web.Response:
        if (refusal := _only_loopback(request)) is not None:
            return refusal
        try:
            order = msgspec.json.decode(await request.read(), type=FaultOrder)
            self.faults.switch_on(order)
        except (msgspec.DecodeError, ValueError) as error:
            return json_response({"error": str(error)}, status=400)
        if request.transport is not None:
            # Dropping the connection that asked for the drop would lose the answer.
            self._control_transport = request.transport
        return json_response({"faults": self.faults.status()})

    async def _control_clear(self, request: web.Request) -> web.Response:
        if (refusal := _only_loopback(request)) is not None:
            return refusal
        self.faults.clear()
        return json_response({"faults": []})


def _only_loopback(request: web.Request) -> web.Response | None:
    if request.remote in ("127.0.0.1", "::1"):
        return None
    return json_response({"error": "the control API answers loopback only"}, status=403)


def _say_nothing(connection: Connection) -> None:
    """Most venues do not announce a restart; a dialect whose venue does sets `announce_restart`."""


def _plain_fault_answer(request: web.Request, kind: FaultKind) -> web.StreamResponse:
    """Used until a dialect sets `fault_answer` to its venue's shapes."""
    return web.Response(status=429 if kind is FaultKind.RATE_LIMIT else 503, text=kind.value)
