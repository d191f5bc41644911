"""One websocket: picows' callbacks handed on with as little Python between as can be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from typing import Any, cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport

from oneprice.live.limits import NetworkLimits
from oneprice.ports import Clock, WebSocketListener

_TEXT, _BINARY, _CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
_PONG, _CLOSE = WSMsgType.PONG, WSMsgType.CLOSE
_CLOSE_REASON_BYTES_MAX = 123  # RFC 6455, 5.5: control frames carry up to 125 bytes, two of them are the code

_OnFrame = Callable[[WSTransport, WSFrame], None]


class LiveWebSocket(WSListener):
    """A connection that `opening.open_websocket` makes: picows' listener and our `ports.WebSocket` in one.

    `on_ws_frame` is exchanged as the state changes, so that whole messages, the common case, ask nothing
    about it. Extensions are never offered, so reserved bits are not looked at: what a server compresses
    nevertheless is refused by whoever decodes it. Pings are answered by picows itself, with their payload.
    """

    __slots__ = (
        "_clock",
        "_congested",
        "_fragments",
        "_fragments_binary",
        "_last_pong_ns",
        "_limits",
        "_listener",
        "_message_bytes_max",
        "_ping_payload",
        "_ping_sent_ns",
        "_reason",
        "_receive",
        "_rtt_ns",
        "_timer",
        "_transport",
        "on_ws_frame",
    )

    on_ws_frame: _OnFrame  # type: ignore[assignment]  # looked up on the instance: picows calls what is there now

    def __init__(self, clock: Clock, limits: NetworkLimits, message_bytes_max: int) -> None:
        self._clock, self._limits, self._message_bytes_max = clock, limits, message_bytes_max
        self._transport: WSTransport | None = None
        self._listener: WebSocketListener | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reason = ""
        self._fragments = bytearray()
        self._fragments_binary = False
        self._congested = False
        self._last_pong_ns = self._ping_sent_ns = self._rtt_ns = 0
        self._ping_payload: bytes | None = None
        self._receive: _OnFrame = _ignore
        self.on_ws_frame = _ignore

    # ---- ports.WebSocket

    def send(self, payload: bytes) -> None:
        """Send a text message; drops the connection when the peer has long not taken what was sent."""
        transport = self._transport
        if transport is None:
            return
        transport.send(_TEXT, payload)
        if self._congested:
            unsent = transport.underlying_transport.get_write_buffer_size()
            if unsent > self._limits.unsent_bytes_max:
                self.abort(f"the server does not read: {unsent} bytes are unsent")

    def ping(self, payload: bytes = b"") -> None:
        """Send a protocol ping, up to 125 bytes."""
        if self._transport is not None:
            self._ping_payload, self._ping_sent_ns = payload, self._clock.monotonic_ns()
            self._transport.send_ping(payload)

    @property
    def last_pong_ns(self) -> int:
        """Monotonic time of the last pong, of the opening before the first."""
        return self._last_pong_ns

    @property
    def rtt_ns(self) -> int:
        """From the last answered ping to its pong; 0 before the first."""
        return self._rtt_ns

    def close(self, reason: str) -> None:
        """Say goodbye; no frame is handed on any more. Dropped if the server does not agree soon."""
        if self._transport is not None and not self._reason:
            self._reason = f"closed by us: {reason}"
            self.on_ws_frame = _await_agreement
            told = reason.encode()[:_CLOSE_REASON_BYTES_MAX].decode(errors="ignore")
            self._transport.send_close(WSCloseCode.OK, told)
            self._drop_soon()

    def abort(self, reason: str) -> None:
        """Drop it at once."""
        transport = self._transport
        if transport is not None:
            self._reason = self._reason or f"dropped by us: {reason}"
            self.on_ws_frame = _ignore
            transport.disconnect(graceful=False)

    # ---- what picows tells

    def begin(self, listener: WebSocketListener) -> LiveWebSocket:
        """The upgrade is accepted: from now on `listener` hears."""
        self._listener = listener
        self._receive = self.on_ws_frame = _receiver(listener.on_frame, self._on_other)
        return self

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Ready to send."""
        self._transport = transport
        self._last_pong_ns = self._clock.monotonic_ns()

    def pause_writing(self) -> None:
        """The peer does not take what we send."""
        self._congested = True

    def resume_writing(self) -> None:
        """It does again."""
        self._congested = False

    def stop_receiving(self) -> None:
        """picows has found a fault and ends it soon; until then it would deliver even what is too large."""
        self.on_ws_frame = _ignore

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Tell the listener, and let go of all: what is dead must not wait for the garbage collector."""
        if self._timer is not None:
            self._timer.cancel()
        listener, self._listener, self._transport, self._timer = self._listener, None, None, None
        self.on_ws_frame = self._receive = _ignore
        if listener is not None:
            listener.on_closed(self._reason or _why_disconnected(transport))

    # ---- what is not a whole message

    def _on_other(self, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _PONG:
            self._on_pong(frame.get_payload_as_bytes())
        elif kind is _CLOSE:
            self._on_close(frame.get_payload_as_bytes())
        elif kind is _CONTINUATION:
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "a continuation of no message")
        else:
            self._fragments = bytearray(frame.get_payload_as_memoryview())
            self._fragments_binary = kind is _BINARY
            self.on_ws_frame = self._assemble

    def _assemble(self, transport: WSTransport, frame: WSFrame) -> None:
        """Receive while a fragmented message is open."""
        if frame.msg_type is not _CONTINUATION:
            if frame.msg_type is _TEXT or frame.msg_type is _BINARY:
                raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "a new message within a fragmented one")
            self._on_other(frame)
            return
        if len(self._fragments) + frame.payload_size > self._message_bytes_max:
            raise WSProtocolError(
                WSCloseCode.MESSAGE_TOO_BIG, f"a message of more than {self._message_bytes_max} bytes"
            )
        self._fragments += frame.get_payload_as_memoryview()
        if frame.fin and self._listener is not None:
            message, self._fragments = self._fragments, bytearray()
            self.on_ws_frame = self._receive
            self._listener.on_frame(bytes(message), self._fragments_binary)

    def _on_pong(self, payload: bytes) -> None:
        self._last_pong_ns = self._clock.monotonic_ns()
        if payload == self._ping_payload:
            self._rtt_ns, self._ping_payload = self._last_pong_ns - self._ping_sent_ns, None

    def _on_close(self, payload: bytes) -> None:
        """The server ends it: agree with the same code, and drop the connection."""
        code = int.from_bytes(payload[:2], "big")
        words = payload[2:].decode(errors="replace")
        self._reason = f"closed by the server: {code or 'no code'}{' ' if words else ''}{words}"
        self.on_ws_frame = _ignore
        if self._transport is not None:
            # Codes above 3000 have no member in picows, which takes any number.
            self._transport.send_close(cast(WSCloseCode, code) if code else WSCloseCode.OK)
            self._transport.disconnect()
            self._drop_soon()

    def _drop_soon(self) -> None:
        delay_s = self._limits.closing_timeout_ms / 1e3
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.abort, "no answer to our close")


class Verdicts(logging.LoggerAdapter[logging.Logger]):
    """The logger of one picows connection. A warning or worse is picows' verdict that the connection must
    end.

    Its words go to the debug log only: `on_closed` tells the reason to whom it concerns.
    """

    def __init__(self, websocket: LiveWebSocket) -> None:
        super().__init__(logging.getLogger("oneprice.websocket"), {})
        self._websocket = websocket

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Hear what picows says."""
        if level >= logging.WARNING:
            self._websocket.stop_receiving()
        super().log(min(level, logging.DEBUG), msg, *args, **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add nothing."""
        return msg, kwargs


def _receiver(on_frame: Callable[[bytes, bool], None], on_other: Callable[[WSFrame], None]) -> _OnFrame:
    """The hot path. `msg_type` makes an enum member at each reading (150 ns): it is read once."""

    def receive(_transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:
            on_frame(frame.get_payload_as_bytes(), False)
        elif kind is _BINARY and frame.fin:
            on_frame(frame.get_payload_as_bytes(), True)
        else:
            on_other(frame)

    return receive


def _ignore(_transport: WSTransport, _frame: WSFrame) -> None:
    """After the end, or before the beginning."""


def _await_agreement(transport: WSTransport, frame: WSFrame) -> None:
    """We have said goodbye: only the server's goodbye matters."""
    if frame.msg_type is _CLOSE:
        transport.disconnect()


def _why_disconnected(transport: WSTransport) -> str:
    """The reason where neither side has closed in order."""
    handshake = transport.close_handshake
    sent = None if handshake is None else handshake.sent
    if sent is None:
        return "the connection was lost"
    if sent.code is WSCloseCode.INTERNAL_ERROR:
        return "the listener failed"
    return f"the server broke the protocol: {int(sent.code.value)} {sent.reason}"
