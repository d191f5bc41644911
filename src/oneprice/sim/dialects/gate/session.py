"""Gate's websocket manners, the same for spot and perpetuals: requests, acks, errors, pings, streams.

A request is `{"time": s, "id": n, "channel": "spot.trades", "event": "subscribe", "payload": [..]}`; the ack
repeats channel and event with `result.status` success, or carries `error` with code 1 (bad format), 2 (bad
argument), 3 (server error) or 4 (authentication). A request more than 60 s off the server's time fails. A private
channel wants `auth` in the request. The event "api" is order entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.connection import Connection, Frame, SocketPolicy, Topic
from oneprice.sim.dialects.gate.caller import Right, check_right
from oneprice.sim.dialects.gate.order_entry import EntryDesk, OrderEntry
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.faults import FaultKind
from oneprice.sim.server import SimServer

__all__ = ["ArgumentError", "ChannelTable", "PrivatePlanner", "PrivateSide", "Stream", "serve_socket"]

BAD_FORMAT: Final = 1
BAD_ARGUMENT: Final = 2
SERVER_ERROR: Final = 3
AUTHENTICATION: Final = 4
CONNECTIONS_PER_ADDRESS: Final = 300
_TIME_GAP_S: Final = 60

# Neither a life time nor a number of subscriptions is documented; the latter is our own bound.
POLICY: Final = SocketPolicy(ping_interval_s=15.0, pong_timeout_s=60.0, lifetime_s=None, streams_max=10_000)


class ArgumentError(Exception):
    """The payload of a subscription is refused with code 2."""


class Stream(msgspec.Struct, frozen=True):
    """One subscribable stream.

    `greeting` makes the first frame of a new subscriber; an `is_exclusive` stream refuses a second
    subscription on the same connection with the text `label`.
    """

    topic: Topic
    greeting: Callable[[], str] | None = None
    is_exclusive: bool = False
    label: str = ""


Planner = Callable[[Sequence[str], bool], list[Stream]]
"""From a payload, and whether the client wants decimal sizes, to streams; raises ArgumentError."""
ChannelTable = Mapping[str, Planner]
PrivatePlanner = Callable[[Account, Sequence[str], bool], list[Stream]]
"""The same for an account that has signed."""


class PrivateSide(msgspec.Struct, frozen=True):
    """What a product offers to those who sign: its private channels, and order entry."""

    channels: Mapping[str, PrivatePlanner]
    entry: EntryDesk


class _Auth(msgspec.Struct, rename={"key": "KEY", "sign": "SIGN"}):
    method: str = ""
    key: str = ""
    sign: str = ""


class _Request(msgspec.Struct):
    time: int
    channel: str
    event: str = ""
    id: int | str | None = None
    payload: msgspec.Raw = msgspec.Raw()
    auth: _Auth | None = None

    def names(self) -> list[str]:
        """The payload of a subscription. Raises msgspec.ValidationError when it is no list of names and numbers."""
        if not bytes(self.payload):
            return []
        found = msgspec.json.decode(self.payload, type=list[str | int] | None)
        return [str(item) for item in found or ()]


def serve_socket(
    server: SimServer,
    paths: Sequence[str],
    product: str,
    channels: ChannelTable,
    decimal_sizes: Callable[[Connection], bool],
    private: PrivateSide | None = None,
) -> None:
    """Serve a product's websocket; `product` is the channels' prefix (spot, futures)."""
    shared = _Shared(server, product, channels, {}, count(1), private)

    def make(connection: Connection) -> GateSession:
        return GateSession(shared, connection, decimal_sizes(connection))

    for path in paths:
        server.websocket(path, make, POLICY)


class _Shared(msgspec.Struct, frozen=True):
    """What the connections of a product share."""

    server: SimServer
    product: str
    channels: ChannelTable
    per_address: dict[str, int]
    ids: Iterator[int]
    private: PrivateSide | None


class GateSession:
    """One connection's requests."""

    def __init__(self, shared: _Shared, connection: Connection, decimal_sizes: bool) -> None:
        self._server = shared.server
        self._connection = connection
        self._product = shared.product
        self._channels = shared.channels
        self._decimal_sizes = decimal_sizes
        self._per_address = shared.per_address
        self._address = connection.request.remote or ""
        self._connection_id = f"{next(shared.ids):016x}"
        self._private = shared.private
        self._entry: OrderEntry | None = None
        if shared.private is not None:
            self._entry = OrderEntry(shared.private.entry, connection, self._connection_id, decimal=decimal_sizes)
        self._requests = 0
        used = self._per_address[self._address] = self._per_address.get(self._address, 0) + 1
        if used > CONNECTIONS_PER_ADDRESS:
            connection.close(1008, "too many connections")

    def on_message(self, frame: Frame) -> None:
        self._requests += 1
        try:
            request = msgspec.json.decode(frame, type=_Request)
            names = [] if request.event == "api" else request.names()
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._send({"channel": "", "event": "", "error": _error(BAD_FORMAT, "invalid request format")})
            return
        if request.channel.endswith(".ping"):
            self._send({"channel": f"{self._product}.pong", "event": "", "error": None, "result": None})
        elif request.event == "api" and self._entry is not None:
            self._entry.take(request.channel, request.payload)
        elif abs(self._server.now_ms() // 1_000 - request.time) > _TIME_GAP_S:
            self._refuse(request, BAD_ARGUMENT, "time is more than 60 seconds away from the server's")
        elif request.event == "subscribe":
            self._subscribe(request, names)
        elif request.event == "unsubscribe":
            self._unsubscribe(request, names)
        else:
            self._refuse(request, BAD_ARGUMENT, f"unknown event {request.event}")

    def on_close(self) -> None:
        self._per_address[self._address] -= 1
        if not self._per_address[self._address]:
            del self._per_address[self._address]

    def _subscribe(self, request: _Request, names: list[str]) -> None:
        streams = self._plan(request, names)
        if streams is None:
            return
        for stream in streams:
            if self._server.faults.hit(FaultKind.REJECT_SUBSCRIBE, stream.topic.name) is not None:
                self._refuse(request, SERVER_ERROR, "internal server error")
                return
            if stream.is_exclusive and stream.topic.name in self._connection.topics:
                self._refuse(request, BAD_ARGUMENT, f"Alert sub {stream.label}")
                return
        self._accept(request)
        for stream in streams:
            if self._connection.subscribe(stream.topic) and stream.greeting is not None:
                self._connection.send_data(stream.greeting(), stream.topic.name)

    def _unsubscribe(self, request: _Request, names: list[str]) -> None:
        streams = self._plan(request, names)
        if streams is None:
            return
        for stream in streams:
            self._connection.unsubscribe(stream.topic.name)
        self._accept(request)

    def _plan(self, request: _Request, names: list[str]) -> list[Stream] | None:
        planner = self._channels.get(request.channel)
        private = None if self._private is None else self._private.channels.get(request.channel)
        try:
            if planner is not None:
                return planner(names, self._decimal_sizes)
            if private is not None:
                return private(self._signed_in(request), names, self._decimal_sizes)
        except ArgumentError as error:
            self._refuse(request, BAD_ARGUMENT, str(error))
            return None
        except RefusedError as refusal:
            text = msgspec.json.encode(refusal.body).decode() + "\n"
            code = SERVER_ERROR if refusal.status >= 500 else AUTHENTICATION
            self._refuse(request, code, text)
            return None
        self._refuse(request, BAD_ARGUMENT, f"unknown channel {request.channel}")
        return None

    def _signed_in(self, request: _Request) -> Account:
        """Who has signed the request. Raises RefusedError."""
        assert self._private is not None, "private channels have a private side"
        if self._server.faults.hit(FaultKind.MAINTENANCE, request.channel) is not None:
            raise RefusedError("TOO_BUSY", "System is busy. Please try again later", 503)
        auth = request.auth or _Auth()
        signatures = self._private.entry.signatures
        account, key = signatures.of_subscription(auth.key, auth.sign, request.channel, request.event, request.time)
        check_right(key, Right.READ)
        return account

    def _accept(self, request: _Request) -> None:
        self._answer(request, None, "success")

    def _refuse(self, request: _Request, code: int, message: str) -> None:
        self._answer(request, _error(code, message), "fail")

    def _answer(self, request: _Request, error: dict[str, object] | None, status: str) -> None:
        trace = f"{self._connection_id}{self._requests:016x}"
        answer: dict[str, object] = {} if request.id is None else {"id": request.id}
        answer |= {
            "conn_id": self._connection_id,
            "trace_id": trace,
            "channel": request.channel,
            "event": request.event,
            "payload": request.payload if bytes(request.payload) else None,
            "error": error,
            "result": {"status": status},
            "requestId": trace,
        }
        self._send(answer)

    def _send(self, answer: dict[str, object]) -> None:
        now_ms = self._server.now_ms()
        stamped = {"time": now_ms // 1_000, "time_ms": now_ms} | answer
        self._connection.reply(msgspec.json.encode(stamped).decode())


def _error(code: int, message: str) -> dict[str, object]:
    return {"code": code, "message": message}
