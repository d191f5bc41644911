"""Binance's stream connections: /ws and /stream, live SUBSCRIBE, properties and their errors.

Requests that cannot be read are answered `{"code":n,"msg":"..."}`; subscribing to a stream that does not
exist is acknowledged and stays silent.
"""

from typing import Protocol

import msgspec

from oneprice.sim.connection import Connection, Frame, SocketPolicy, Topic
from oneprice.sim.dialects.binance.feeds import text
from oneprice.sim.faults import FaultKind
from oneprice.sim.limits import RollingCounter
from oneprice.sim.server import SimServer

SPOT_POLICY = SocketPolicy(ping_interval_s=20.0, pong_timeout_s=60.0, messages_per_s=5)
FUTURES_POLICY = SocketPolicy(ping_interval_s=180.0, pong_timeout_s=600.0, messages_per_s=10)
_CONNECTS_PER_5_MIN = 300
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class _RefusedError(Exception):
    """A request with an error answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Streams(Protocol):
    """Where a connection finds its streams by name."""

    def topic(self, stream: str) -> Topic | None:
        """The stream, None when there is none of that name."""
        ...


class StreamSession:
    """One client's stream connection."""

    def __init__(self, connection: Connection, server: SimServer, feeds: Streams, combined: bool) -> None:
        self._connection = connection
        self._server = server
        self._feeds = feeds
        self._names: dict[str, None] = {}
        self._set_combined(combined)

    def open_streams(self, names: list[str]) -> None:
        """Subscribe what the URL asked for."""
        self._subscribe([name for name in names if name])

    def on_message(self, frame: Frame) -> None:
        """Do what the client asks and answer."""
        try:
            request = _read(frame)
            result = self._do(request)
        except _RefusedError as refused:
            self._connection.reply(text({"code": refused.code, "msg": refused.message}))
            return
        self._connection.reply(text({"result": result, "id": request.get("id")}))

    def on_close(self) -> None:
        """Forget the subscriptions."""
        self._names.clear()

    def _do(self, request: dict[str, object]) -> object:
        method = request.get("method")
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._names)
        params = request.get("params")
        if not isinstance(params, list):
            raise _RefusedError(2, "Invalid request: missing field `params`")
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return self._property(method, params)
        if not all(isinstance(name, str) for name in params):
            raise _RefusedError(2, "Invalid request: stream names must be strings")
        if method == "SUBSCRIBE":
            if self._server.faults.hit(FaultKind.REJECT_SUBSCRIBE, " ".join(params)) is not None:
                raise _RefusedError(2, "Invalid request: subscription refused")
            self._subscribe(params)
        else:
            self._unsubscribe(params)
        return None

    def _subscribe(self, names: list[str]) -> None:
        for name in names:
            if name in self._names:
                continue
            if len(self._names) >= self._connection.policy.streams_max:
                self._connection.close(1008, "Too many streams")
                return
            self._names[name] = None
            topic = self._feeds.topic(name)
            if topic is not None:
                self._connection.subscribe(topic)

    def _unsubscribe(self, names: list[str]) -> None:
        for name in names:
            if self._names.pop(name, 0) is None and (topic := self._feeds.topic(name)) is not None:
                self._connection.unsubscribe(topic.name)

    def _property(self, method: object, params: list[object]) -> object:
        if not params or not isinstance(params[0], str):
            raise _RefusedError(2, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise _RefusedError(0, "Unknown property")
        if method == "GET_PROPERTY":
            return self._connection.wrap is not None
        if len(params) != 2 or not isinstance(params[1], bool):
            raise _RefusedError(1, "Invalid value type: expected Boolean")
        self._set_combined(params[1])
        return None

    def _set_combined(self, combined: bool) -> None:
        self._connection.wrap = _combine if combined else None


def _read(frame: Frame) -> dict[str, object]:
    try:
        request = msgspec.json.decode(frame)
    except msgspec.DecodeError as error:
        raise _RefusedError(3, f"Invalid JSON: {error}") from error
    if not isinstance(request, dict):
        raise _RefusedError(2, "Invalid request: expected an object")
    if "method" not in request:
        raise _RefusedError(2, "Invalid request: missing field `method` at line 1 column 1")
    if request["method"] not in _METHODS:
        raise _RefusedError(
            2,
            f"Invalid request: unknown variant `{request['method']}`, expected one of "
            + ", ".join(f"`{name}`" for name in _METHODS),
        )
    request_id = request.get("id")
    if isinstance(request_id, str) and len(request_id) > 36:
        raise _RefusedError(2, "Invalid request: request ID must be at most 36 characters")
    if not isinstance(request_id, str | int | None) or isinstance(request_id, bool):
        raise _RefusedError(2, "Invalid request: request ID must be an integer, a string or null")
    return request


def _combine(topic_name: str, frame: Frame) -> Frame:
    """The combined form; the topic's label before the slash is ours, not the venue's."""
    assert isinstance(frame, str), "Binance's JSON streams are text"
    return f'{{"stream":"{topic_name.partition("/")[2]}","data":{frame}}}'


def announce_shutdown(server: SimServer, connection: Connection) -> None:
    """The event that comes some time before a restart; combined it has a stream name of its own."""
    frame: Frame = text({"e": "serverShutdown", "E": server.now_ms()})
    if connection.wrap is not None:
        frame = connection.wrap("all/!serverShutdown", frame)
    connection.reply(frame)


def serve_streams(
    server: SimServer, prefix: str, feeds: Streams, policy: SocketPolicy, micros: Streams | None = None
) -> None:
    """Serve `prefix`/ws, /ws/<stream> and /stream?streams=; `micros` are the feeds for µs time stamps."""
    attempts = RollingCounter(_CONNECTS_PER_5_MIN, 300.0, server.now_ns)

    def open_session(connection: Connection) -> StreamSession:
        request = connection.request
        wants_micros = request.query.get("timeUnit", "").upper().startswith("MICRO")
        chosen = micros if micros is not None and wants_micros else feeds
        names = request.match_info.get("stream", "") or request.query.get("streams", "")
        session = StreamSession(connection, server, chosen, "/ws" not in request.path)
        if attempts.add():
            session.open_streams(names.split("/"))
        else:
            connection.close(1008, "Too many connection attempts")
        return session

    for path in ("/ws", "/ws/", "/ws/{stream:.+}", "/stream"):
        server.websocket(prefix + path, open_session, policy)


def serve_private_streams(server: SimServer, prefix: str, streams: Streams, policy: SocketPolicy) -> None:
    """User data under `prefix`: as streams are, named by listen key, or with `?listenKey=`."""
    attempts = RollingCounter(_CONNECTS_PER_5_MIN, 300.0, server.now_ns)

    def open_session(connection: Connection) -> StreamSession:
        request = connection.request
        session = StreamSession(connection, server, streams, "/ws" not in request.path)
        names = request.match_info.get("stream", "") or request.query.get("streams", "")
        if attempts.add():
            session.open_streams([*names.split("/"), request.query.get("listenKey", "")])
        else:
            connection.close(1008, "Too many connection attempts")
        return session

    for path in ("/ws", "/ws/", "/ws/{stream:.+}", "/stream"):
        server.websocket(prefix + path, open_session, policy)
