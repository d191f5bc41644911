"""MEXC's spot websocket manners (`/ws`): JSON control frames, subscriptions, pings, time-outs.

A refused, mistyped or retired channel is answered with code 0 too: only the text says "Not Subscribed
successfully!". A connection without a subscription is closed after 30 s, one without any traffic after 60 s,
any after 24 h. At most 30 subscriptions a connection and 100 client messages a second.

With `?listenKey=` the connection is an account's and may join its private channels; with a key that is not valid it is
told "Invalid listen key" and closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.connection import Connection, Frame, SocketPolicy, Topic
from oneprice.sim.dialects.mexc.keepalive import watch_sessions
from oneprice.sim.dialects.mexc.listen_keys import ListenKeys
from oneprice.sim.dialects.mexc.private_streams import PrivateStreams
from oneprice.sim.faults import FaultKind
from oneprice.sim.server import SimServer

__all__ = ["SUBSCRIPTIONS_MAX", "serve_spot_socket"]

SUBSCRIPTIONS_MAX: Final = 30
UNSUBSCRIBED_S: Final = 30
SILENT_S: Final = 60
_PRIVATE: Final = "spot@private."

POLICY: Final = SocketPolicy(messages_per_s=100, streams_max=SUBSCRIPTIONS_MAX)

FindTopic = Callable[[str], Topic | None]
"""From a channel string to its topic; None when there is no such channel."""


class _Request(msgspec.Struct):
    method: str
    params: list[str] = []
    id: int = 0


def serve_spot_socket(server: SimServer, find: FindTopic, keys: ListenKeys, streams: PrivateStreams | None) -> None:
    """Serve `/ws`; `find` knows the public channels, `streams` the private ones of each account."""
    sessions = watch_sessions(server)

    def make(connection: Connection) -> SpotSession:
        key = connection.request.query.get("listenKey", "")
        account = keys.join(key, connection) if key else None

        def forget() -> None:
            sessions.pop(session)
            keys.leave(key, connection)

        session = SpotSession(server, connection, _of(account, find, streams), forget)
        sessions[session] = None
        if key and account is None:
            connection.reply("Invalid listen key")
            connection.close(1008, "invalid listen key")
        return session

    server.websocket("/ws", make, POLICY)


def _of(account: Account | None, find: FindTopic, streams: PrivateStreams | None) -> FindTopic:
    """The channels that a connection of `account` may join."""

    def find_any(channel: str) -> Topic | None:
        if account is not None and streams is not None and channel.startswith(_PRIVATE):
            return streams.topic(account, channel)
        return find(channel)

    return find_any


class SpotSession:
    """One connection's subscriptions."""

    def __init__(
        self,
        server: SimServer,
        connection: Connection,
        find: FindTopic,
        forget: Callable[[], object],
    ) -> None:
        self._server = server
        self._connection = connection
        self._find = find
        self._forget = forget
        self._without_since_ns = server.now_ns()
        self._frames_seen = 0
        self._flow_ns = server.now_ns()

    def on_message(self, frame: Frame) -> None:
        try:
            request = msgspec.json.decode(frame, type=_Request)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._reply(0, "msg format invalid")
            return
        method = request.method.upper()
        if method == "PING":
            self._reply(0, "PONG")
        elif method == "SUBSCRIPTION":
            self._subscribe(request)
        elif method == "UNSUBSCRIPTION":
            for name in request.params:
                self._connection.unsubscribe(name)
            self._reply(request.id, ",".join(request.params))
        else:
            self._reply(request.id, "msg format invalid")

    def on_close(self) -> None:
        """Stop looking after the connection."""
        self._forget()

    def close_when_idle(self, now_ns: int) -> None:
        """To be called about every second."""
        if self._connection.topics:
            self._without_since_ns = now_ns
        if self._connection.frames_sent != self._frames_seen:
            self._frames_seen, self._flow_ns = self._connection.frames_sent, now_ns
        flow_ns = max(self._flow_ns, self._connection.last_received_ns)
        if now_ns - self._without_since_ns > UNSUBSCRIBED_S * 1_000_000_000:
            self._connection.close(1008, "no subscription")
        elif now_ns - flow_ns > SILENT_S * 1_000_000_000:
            self._connection.close(1008, "no data flow")

    def _subscribe(self, request: _Request) -> None:
        """Channels that work are acknowledged together, those that do not in a second answer."""
        joined: list[Topic] = []
        refused: list[str] = []
        held = set(self._connection.topics)
        for name in request.params:
            topic = self._find(name)
            if topic is None or len(held | {name}) > SUBSCRIPTIONS_MAX or self._is_rejected(name):
                refused.append(name)
            else:
                held.add(name)
                joined.append(topic)
        if joined:
            self._reply(request.id, ",".join(topic.name for topic in joined))
        if refused:
            channels = ",".join(refused)
            self._reply(request.id, f"Not Subscribed successfully! [{channels}]. Reason: Blocked!")
        for topic in joined:
            self._connection.subscribe(topic)

    def _is_rejected(self, name: str) -> bool:
        """Private channels in maintenance too."""
        faults = self._server.faults
        if name.startswith(_PRIVATE) and faults.hit(FaultKind.MAINTENANCE, name) is not None:
            return True
        return faults.hit(FaultKind.REJECT_SUBSCRIBE, name) is not None

    def _reply(self, request_id: int, message: str) -> None:
        answer = {"id": request_id, "code": 0, "msg": message}
        self._connection.reply(msgspec.json.encode(answer).decode())
