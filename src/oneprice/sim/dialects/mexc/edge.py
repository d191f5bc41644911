"""MEXC's websocket of USDT perpetuals (`/edge`, JSON): requests, answers, the login, pings.

Requests are `{"method": "sub.depth", "param": {"symbol": ..}}`, answered by `rs.sub.depth` or `rs.error`.
The client must send `{"method": "ping"}`: after 60 s without one the server closes. After a login the same connection
pushes what is the account's own, see `personal`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from oneprice.sim.connection import Connection, Frame, SocketPolicy
from oneprice.sim.dialects.mexc.futures_stream import FuturesStreams, RefusedError, SubscriptionParam
from oneprice.sim.dialects.mexc.keepalive import watch_sessions
from oneprice.sim.dialects.mexc.personal import CHANNELS, Listener, Personal
from oneprice.sim.dialects.mexc.refusals import FuturesRefusedError
from oneprice.sim.dialects.mexc.signing import check_login
from oneprice.sim.faults import FaultKind
from oneprice.sim.market import SimMarket
from oneprice.sim.server import SimServer

__all__ = ["serve_edge"]

POLICY: Final = SocketPolicy(messages_per_s=100)
UNPINGED_S: Final = 60


class _Request(msgspec.Struct):
    method: str
    param: msgspec.Raw = msgspec.Raw(b"{}")
    subscribe: bool = True


class _Login(msgspec.Struct, rename="camel"):
    api_key: str = ""
    req_time: str | int = ""
    signature: str = ""


class _Filter(msgspec.Struct):
    filter: str
    rules: list[str] = []


class _Filters(msgspec.Struct):
    filters: list[_Filter] = []


def serve_edge(server: SimServer, market: SimMarket, personal: Personal) -> None:
    """Serve `/edge`; `personal` pushes to those who log in."""
    streams = FuturesStreams(server, market)
    sessions = watch_sessions(server)

    def make(connection: Connection) -> EdgeSession:
        session = EdgeSession(server, connection, streams, personal, lambda: sessions.pop(session))
        sessions[session] = None
        return session

    server.websocket("/edge", make, POLICY)


class EdgeSession:
    """One connection's requests."""

    def __init__(
        self,
        server: SimServer,
        connection: Connection,
        streams: FuturesStreams,
        personal: Personal,
        forget: Callable[[], object],
    ) -> None:
        self._server = server
        self._connection = connection
        self._streams = streams
        self._personal = personal
        self._listener: Listener | None = None
        self._forget = forget
        self._pinged_ns = server.now_ns()

    def on_message(self, frame: Frame) -> None:
        try:
            request = msgspec.json.decode(frame, type=_Request)
            verb, _, stream = request.method.partition(".")
            if request.method.lower() == "ping":  # pymexc shouts it
                self._pinged_ns = self._server.now_ns()
                pong = {"channel": "pong", "data": self._server.now_ms()}
                self._connection.reply(msgspec.json.encode(pong).decode())
            elif request.method == "login":
                self._check_open(request.method)
                self._log_in(_param(request, _Login), request.subscribe)
            elif request.method == "personal.filter":
                self._check_open(request.method)
                self._filter(_param(request, _Filters))
            elif verb in ("sub", "unsub"):
                self._subscribe(request.method, verb, stream, _param(request, SubscriptionParam))
            else:
                self._answer("rs.error", f"Unknown method {request.method}")
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._answer("rs.error", "Invalid request format")
        except (RefusedError, FuturesRefusedError) as error:
            self._answer("rs.error", str(error))

    def on_close(self) -> None:
        """Stop looking after the connection."""
        self._forget()
        if self._listener is not None:
            self._personal.remove(self._listener)

    def close_when_idle(self, now_ns: int) -> None:
        """Close when the client has not sent its ping in time; to be called about every second."""
        if now_ns - self._pinged_ns > UNPINGED_S * 1_000_000_000:
            self._connection.close(1000, "no ping")

    def _subscribe(self, method: str, verb: str, stream: str, param: SubscriptionParam) -> None:
        topic = self._streams.topic(stream, param)
        if verb == "unsub":
            for name in (topic.name, f"{topic.name}:single"):  # an unsub.depth ends both forms
                self._connection.unsubscribe(name)
        elif self._server.faults.hit(FaultKind.REJECT_SUBSCRIBE, topic.name) is not None:
            self._answer("rs.error", "System error")
            return
        self._answer(f"rs.{method}", "success")
        if verb == "sub":
            self._connection.subscribe(topic)

    def _check_open(self, method: str) -> None:
        if self._server.faults.hit(FaultKind.MAINTENANCE, method) is not None:
            raise FuturesRefusedError(801, "System under maintenance")

    def _log_in(self, param: _Login, subscribe: bool) -> None:
        """A second login replaces the first."""
        account, key = check_login(
            self._server.accounts, param.api_key, str(param.req_time), param.signature, self._server.now_ms()
        )
        if "read" not in key.rights:
            raise FuturesRefusedError(703, "Trading information read access is required")
        if self._listener is not None:
            self._personal.remove(self._listener)
        self._listener = Listener(account, self._connection, None if subscribe else {})
        self._answer("rs.login", "success")
        self._personal.add(self._listener)

    def _filter(self, param: _Filters) -> None:
        """Later filters replace earlier ones; none at all means everything."""
        if self._listener is None:
            raise FuturesRefusedError(401, "Not logged in or login has expired")
        unknown = [item.filter for item in param.filters if item.filter not in CHANNELS]
        if unknown:
            raise FuturesRefusedError(600, f"Parameter error! {unknown[0]}")
        filters = {item.filter: frozenset(item.rules) for item in param.filters}
        self._listener.filters = filters or None
        self._answer("rs.personal.filter", "success")

    def _answer(self, channel: str, data: str) -> None:
        answer = {"channel": channel, "data": data, "ts": self._server.now_ms()}
        self._connection.reply(msgspec.json.encode(answer).decode())


T = TypeVar("T")


def _param(request: _Request, kind: type[T]) -> T:
    """The request's `param`. Raises msgspec.DecodeError; a list (pymexc's empty one) counts as no parameters."""
    raw = b"{}" if bytes(request.param).lstrip().startswith(b"[") else bytes(request.param)
    return msgspec.json.decode(raw, type=kind)
