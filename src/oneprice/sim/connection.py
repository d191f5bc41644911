"""One websocket of a simulated exchange, and the topics its subscribers share.

A connection never makes the market wait: frames go into a bounded queue that one task writes out. A client
too slow for its queue is cut off, as the venues do.
"""

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Callable, Hashable
from typing import Protocol

import msgspec
from aiohttp import WSMsgType, web

from oneprice.sim.faults import FaultBoard, FaultKind
from oneprice.sim.limits import RollingCounter

_PINGS_REMEMBERED = 16

Frame = str | bytes
"""Text frames are str, binary frames are bytes."""


class SocketPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a venue treats its websockets. A limit of None is off; times are seconds."""

    ping_interval_s: float | None = None
    pong_timeout_s: float | None = None
    ping_payload: Callable[[int], bytes] = lambda now_ns: str(now_ns // 1_000_000).encode()
    messages_per_s: int | None = None
    too_many_code: int = 1008
    too_many_reason: str = "Too many requests"
    lifetime_s: float | None = 86_400.0
    lifetime_code: int = 1001
    idle_timeout_s: float | None = None
    streams_max: int = 1_024
    queue_frames_max: int = 5_000


class Session(Protocol):
    """What a dialect does with a connection. All calls are synchronous; answers go out by `send`."""

    def on_message(self, frame: Frame) -> None:
        """A text (str) or binary (bytes) frame came in."""
        ...

    def on_close(self) -> None:
        """The connection is gone; release what was subscribed."""
        ...


class Connection:
    """The server's end of one websocket, as a dialect sees it.

    `reply` sends answers (errors, subscription acks, application pongs); `send_data` sends public stream data and is
    where freeze, gap and garbage strike. `answer` and `report` are for trading: the answer to a command that changes
    orders, and a private event. Each has its own faults, and neither waits for the other: with a late answer the
    fill is there before the ack. `wrap`, when set, turns a topic's frame into this connection's form.
    """

    def __init__(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        policy: SocketPolicy,
        faults: FaultBoard,
        clock: Callable[[], int],
    ) -> None:
        self.request = request
        self.policy = policy
        self.topics: dict[str, Topic] = {}
        self.wrap: Callable[[str, Frame], Frame] | None = None
        self.opened_ns = clock()
        self.last_received_ns = self.opened_ns
        self.ping_sent_ns: int | None = None
        self.last_ping_ns = self.opened_ns
        self.frames_sent = 0
        self._pings: deque[bytes] = deque(maxlen=_PINGS_REMEMBERED)
        self._socket = socket
        self._faults = faults
        self._clock = clock
        self._queue: deque[tuple[int, Frame | _Ping | _Pong | _Close]] = deque()
        self._late: list[_Late] = []
        self._held: _Late | None = None
        self._report_due_ns = 0
        self._wake = asyncio.Event()
        self._rate: RollingCounter | None = None
        if policy.messages_per_s is not None:
            self._rate = RollingCounter(policy.messages_per_s, 1.0, clock)
        self.is_closing = False

    # ---- for dialects ---------------------------------------------------------------------------------

    def reply(self, frame: Frame) -> None:
        """Send an answer."""
        self._enqueue(frame)

    def send_data(self, frame: Frame, name: str = "", *, is_diff: bool = False) -> None:
        """Send stream data of the stream `name`; `is_diff` marks depth diffs, which the gap fault skips."""
        faults = self._faults
        if faults.active(FaultKind.FREEZE, name) is not None:
            return
        if is_diff and faults.hit(FaultKind.GAP, name) is not None:
            return
        if faults.hit(FaultKind.GARBAGE, name) is not None:
            frame = _mangle(frame)
        self._enqueue(frame)

    def loses(self, name: str) -> bool:
        """Whether the command `name` got lost on its way in: then do nothing, and do not answer."""
        return self._faults.hit(FaultKind.LOST_REQUEST, name) is not None

    def answer(self, frame: Frame, name: str = "") -> None:
        """Send the answer to the command `name`, which changed orders (or was refused to)."""
        faults = self._faults
        if faults.hit(FaultKind.LOST_ACK, name) is not None:
            return
        late = faults.hit(FaultKind.LATE_ACK, name)
        copies = 1 if faults.hit(FaultKind.DOUBLE_ACK, name) is None else 2
        for _ in range(copies):
            self._send_at(frame, 0 if late is None else self._clock() + late.delay_ms * 1_000_000)

    def report(self, frame: Frame, name: str = "") -> None:
        """Send a private event of the kind `name` (the venue's word for it: executionReport, spot.orders, ...)."""
        faults = self._faults
        if faults.active(FaultKind.FREEZE, name) is not None:
            return
        if faults.hit(FaultKind.LOST_REPORT, name) is not None:
            return
        if faults.hit(FaultKind.GARBAGE, name) is not None:
            frame = _mangle(frame)
        now_ns = self._clock()
        self.release(now_ns)  # what has become due since the last tick goes first
        late = faults.hit(FaultKind.LATE_REPORT, name)
        due_ns = now_ns if late is None else now_ns + late.delay_ms * 1_000_000
        if self._held is None and (swap := faults.hit(FaultKind.REORDER_REPORT, name)) is not None:
            self._held = _Late(due_ns + swap.delay_ms * 1_000_000, frame)
            return
        # Reports overtake each other by REORDER_REPORT only: one that comes while others are late waits for them.
        due_ns = self._report_due_ns = max(due_ns, self._report_due_ns)
        self._send_at(frame, due_ns)
        if faults.hit(FaultKind.DOUBLE_REPORT, name) is not None:
            self._send_at(frame, due_ns)
        if self._held is not None:
            held, self._held = self._held, None
            self._send_at(held.frame, due_ns)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame after what is queued."""
        if not self.is_closing:
            self._enqueue(_Close(code, reason))
            self.is_closing = True

    def abort(self) -> None:
        """Cut the TCP connection without a goodbye."""
        self.is_closing = True
        self._wake.set()
        transport = self.request.transport
        if transport is not None:
            transport.abort()

    def subscribe(self, topic: "Topic") -> bool:
        """Join a topic; False when the connection has all the streams it may have."""
        if topic.name in self.topics:
            return True
        if len(self.topics) >= self.policy.streams_max:
            return False
        self.topics[topic.name] = topic
        topic.add(self)
        return True

    def unsubscribe(self, name: str) -> bool:
        """Leave a topic; False when it was not joined."""
        topic = self.topics.pop(name, None)
        if topic is None:
            return False
        topic.remove(self)
        return True

    # ---- for the server -------------------------------------------------------------------------------

    def count_message(self) -> bool:
        """Count an incoming frame (pings and pongs too); False and closing when there are too many."""
        self.last_received_ns = self._clock()
        if self._rate is None or self._rate.add():
            return True
        self.close(self.policy.too_many_code, self.policy.too_many_reason)
        return False

    def ping(self, payload: bytes) -> None:
        """Send a protocol ping."""
        self.last_ping_ns = self._clock()
        if self.ping_sent_ns is None:
            self.ping_sent_ns = self.last_ping_ns
        self._pings.append(payload)
        self._enqueue(_Ping(payload))

    def take_pong(self, payload: bytes) -> None:
        """Count a pong as the answer only when it repeats a ping's payload; others keep nothing alive."""
        if bytes(payload) in self._pings:
            self._pings.clear()
            self.ping_sent_ns = None

    def pong(self, payload: bytes) -> None:
        """Answer a protocol ping."""
        self._enqueue(_Pong(payload))

    def release(self, now_ns: int) -> None:
        """Send the late answers and reports that are due."""
        if self._held is not None and now_ns >= self._held.due_ns:
            held, self._held = self._held, None
            self._send_at(held.frame, self._report_due_ns)
        if self._late and now_ns >= self._late[0].due_ns:
            due = [late for late in self._late if now_ns >= late.due_ns]
            self._late = [late for late in self._late if now_ns < late.due_ns]
            for late in due:
                self._enqueue(late.frame)

    def leave_all(self) -> None:
        """Leave every topic."""
        for name in list(self.topics):
            self.unsubscribe(name)

    def set_reading(self, reading: bool) -> None:
        """Pause or resume reading from the socket (the half_open fault)."""
        transport = self.request.transport
        if transport is None or transport.is_closing() or not isinstance(transport, asyncio.Transport):
            return
        if reading:
            transport.resume_reading()
        else:
            transport.pause_reading()

    async def write_out(self, may_write: asyncio.Event) -> None:
        """Write the queue out until the connection closes. `may_write` is cleared while half open."""
        while True:
            while self._queue:
                due_ns, frame = self._queue[0]
                wait_ns = due_ns - self._clock()
                if wait_ns > 0:
                    await asyncio.sleep(wait_ns / 1e9)
                await may_write.wait()
                self._queue.popleft()
                if not await self._write(frame):
                    return
            if self.is_closing:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _write(self, frame: "Frame | _Ping | _Pong | _Close") -> bool:
        """Write one frame; False when the connection is over."""
        socket = self._socket
        try:
            if isinstance(frame, str):
                await socket.send_frame(frame.encode(), WSMsgType.TEXT)
            elif isinstance(frame, bytes):
                await socket.send_frame(frame, WSMsgType.BINARY)
            elif isinstance(frame, _Ping):
                await socket.ping(frame.payload)
            elif isinstance(frame, _Pong):
                await socket.pong(frame.payload)
            else:
                await socket.close(code=frame.code, message=frame.reason.encode())
                return False
        except ConnectionError:
            # The client went away; its reader ends the session.
            self.is_closing = True
            return False
        self.frames_sent += 1
        return True

    def _send_at(self, frame: Frame, due_ns: int) -> None:
        """Send now, or when `due_ns` has come; what is late for the same time goes in the order it was given."""
        if due_ns <= self._clock():
            self._enqueue(frame)
        elif not self.is_closing:
            insort(self._late, _Late(due_ns, frame), key=lambda late: late.due_ns)
            if len(self._late) > self.policy.queue_frames_max:
                self.abort()

    def _enqueue(self, frame: "Frame | _Ping | _Pong | _Close") -> None:
        if self.is_closing:
            return
        if len(self._queue) >= self.policy.queue_frames_max:
            self.abort()
            return
        due_ns = 0
        slow = self._faults.active(FaultKind.SLOW)
        if slow is not None:
            due_ns = self._clock() + slow.delay_ms * 1_000_000
        self._queue.append((due_ns, frame))
        self._wake.set()


class _Late(msgspec.Struct, frozen=True):
    due_ns: int
    frame: Frame


class _Ping(msgspec.Struct, frozen=True):
    payload: bytes


class _Pong(msgspec.Struct, frozen=True):
    payload: bytes


class _Close(msgspec.Struct, frozen=True):
    code: int
    reason: str


def _mangle(frame: Frame) -> Frame:
    """Half of the frame with its middle overwritten: not JSON, not a message."""
    half = frame[: max(1, len(frame) // 2)]
    return half + "\x00}]garbage" if isinstance(half, str) else half + b"\xff\xff\xffgarbage"


class Topic:
    """One stream and its subscribers: the source runs only while somebody listens.

    `attach` starts the source and returns what stops it. A frame is made once for all subscribers.
    """

    def __init__(self, name: str, attach: Callable[["Topic"], Callable[[], None]]) -> None:
        self.name = name
        self.subscribers: dict[Connection, None] = {}
        self._attach = attach
        self._detach: Callable[[], None] | None = None

    def add(self, connection: Connection) -> None:
        """Add a subscriber; the source starts with the first one."""
        self.subscribers[connection] = None
        if self._detach is None:
            self._detach = self._attach(self)

    def remove(self, connection: Connection) -> None:
        """Drop a subscriber; the source stops with the last one."""
        self.subscribers.pop(connection, None)
        if not self.subscribers and self._detach is not None:
            self._detach()
            self._detach = None

    def publish(self, frame: Frame, *, is_diff: bool = False) -> None:
        """Send one frame to everybody."""
        wrapped: dict[Hashable, Frame] = {}
        for connection in list(self.subscribers):
            out = frame
            if connection.wrap is not None:
                if connection.wrap not in wrapped:
                    wrapped[connection.wrap] = connection.wrap(self.name, frame)
                out = wrapped[connection.wrap]
            connection.send_data(out, self.name, is_diff=is_diff)
