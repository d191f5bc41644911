"""MEXC's public websocket of USDT perpetuals (`/edge`, JSON): requests, answers, pings.

Requests are `{"method": "sub.depth", "param": {"symbol": ..}}`, answered by `rs.sub.depth` or `rs.error`.
The client must send `{"method": "ping"}`: after 60 s without one the server closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from oneprice.sim.connection import Connection, Frame, SocketPolicy
from oneprice.sim.dialects.mexc.futures_stream import FuturesStreams, RefusedError, SubscriptionParam
from oneprice.sim.dialects.mexc.keepalive import watch_sessions
from oneprice.sim.faults import FaultKind
from oneprice.sim.market import SimMarket
from oneprice.sim.server import SimServer

__all__ = ["serve_edge"]

POLICY: Final = SocketPolicy(messages_per_s=100)
UNPINGED_S: Final = 60


class _Request(msgspec.Struct):
    method: str
    param: SubscriptionParam = msgspec.field(default_factory=SubscriptionParam)


def serve_edge(server: SimServer, market: SimMarket) -> None:
    """Serve `/edge`."""
    streams = FuturesStreams(server, market)
    sessions = watch_sessions(server)

    def make(connection: Connection) -> EdgeSession:
        session = EdgeSession(server, connection, streams, lambda: sessions.pop(session))
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
        forget: Callable[[], object],
    ) -> None:
        self._server = server
        self._connection = connection
        self._streams = streams
        self._forget = forget
        self._pinged_ns = server.now_ns()

    def on_message(self, frame: Frame) -> None:
        try:
            request = msgspec.json.decode(frame, type=_Request)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._answer("rs.error", "Invalid request format")
            return
        if request.method == "ping":
            self._pinged_ns = self._server.now_ns()
            pong = {"channel": "pong", "data": self._server.now_ms()}
            self._connection.reply(msgspec.json.encode(pong).decode())
            return
        verb, _, stream = request.method.partition(".")
        if verb not in ("sub", "unsub"):
            self._answer("rs.error", f"Unknown method {request.method}")
            return
        try:
            topic = self._streams.topic(stream, request.param)
        except RefusedError as error:
            self._answer("rs.error", str(error))
            return
        if verb == "unsub":
            for name in (topic.name, f"{topic.name}:single"):  # an unsub.depth ends both forms
                self._connection.unsubscribe(name)
        elif self._server.faults.hit(FaultKind.REJECT_SUBSCRIBE, topic.name) is not None:
            self._answer("rs.error", "System error")
            return
        self._answer(f"rs.{request.method}", "success")
        if verb == "sub":
            self._connection.subscribe(topic)

    def on_close(self) -> None:
        """Stop looking after the connection."""
        self._forget()

    def close_when_idle(self, now_ns: int) -> None:
        """Close when the client has not sent its ping in time; to be called about every second."""
        if now_ns - self._pinged_ns > UNPINGED_S * 1_000_000_000:
            self._connection.close(1000, "no ping")

    def _answer(self, channel: str, data: str) -> None:
        answer = {"channel": channel, "data": data, "ts": self._server.now_ms()}
        self._connection.reply(msgspec.json.encode(answer).decode())
