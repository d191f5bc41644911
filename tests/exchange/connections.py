"""Websockets that exist in memory only, for what is said over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.exchange.conftest import VirtualClock

from oneprice.errors import NetworkError
from oneprice.ports import WebSocketListener


class Socket:
    """Our end of a connection; the test is the other one."""

    def __init__(self, net: Net, url: str, listener: WebSocketListener) -> None:
        self.net, self.url, self.listener = net, url, listener
        self.opened_ns = self.last_pong_ns = net.clock.now_ns
        self.sent: list[bytes] = []
        self.closed: str | None = None
        self.answers_pings = True

    def send(self, payload: bytes) -> None:
        if self.closed is not None:
            raise NetworkError("the connection is closed")
        self.sent.append(payload)
        self.net.on_sent(self, payload)

    def ping(self) -> None:
        if self.answers_pings:
            self.last_pong_ns = self.net.clock.now_ns

    def close(self, reason: str = "") -> None:
        self.closed = reason

    def say(self, text: str) -> None:
        """The venue sends this."""
        self.listener.on_frame(text.encode(), False)

    def drop(self, reason: str = "closed by the venue") -> None:
        """The venue ends the connection."""
        self.listener.on_closed(reason)


class Net:
    """Opens connections, or refuses to while `refusals` has something. `on_sent` is the venue."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sockets: list[Socket] = []
        self.attempts_ns: list[int] = []
        self.refusals: list[str] = []
        self.headers: Mapping[str, str] = {}
        self.on_sent: Callable[[Socket, bytes], None] = lambda socket, payload: None
        self.on_open: Callable[[Socket], None] = lambda socket: None

    async def open_websocket(
        self, url: str, make_listener: Callable[[], WebSocketListener], **settings: object
    ) -> Socket:
        self.attempts_ns.append(self.clock.now_ns)
        self.headers = settings["headers"]  # type: ignore[assignment]
        await self.clock.sleep(0.01)
        if self.refusals:
            raise NetworkError(self.refusals.pop(0))
        socket = Socket(self, url, make_listener())
        self.sockets.append(socket)
        self.on_open(socket)
        return socket

    @property
    def pauses_s(self) -> list[float]:
        """Between attempts to connect."""
        return [(b - a) / 1e9 for a, b in zip(self.attempts_ns, self.attempts_ns[1:], strict=False)]
