"""The ports: everything ambient that the engine needs. `oneprice.live` has the real ones.

Times are integer nanoseconds. Nothing outside an implementation of these reads a clock, opens a socket or file, or
draws a random number.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol


class Clock(Protocol):
    """Two scales: `monotonic_ns` for ages and deadlines, `wall_ns` (since 1970) for what is written or sent."""

    def monotonic_ns(self) -> int: ...

    def wall_ns(self) -> int: ...

    async def sleep(self, seconds: float) -> None: ...


class Chance(Protocol):
    """The only source of randomness."""

    def uniform(self, low: float, high: float) -> float: ...


class HttpResponse(Protocol):
    """A whole answer; `headers` in lower case. `reused`: the connection had served before."""

    @property
    def reused(self) -> bool: ...

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class HttpLine(Protocol):
    """Kept-alive connections to one host for requests that must leave at once: the order path.

    A request has its connection to itself until the answer is there. Nothing is ever sent twice.
    """

    async def warm(self) -> None:
        """Have the connections open that were asked for. Raises NetworkError (NOT_SENT) when none can be."""

    def request(
        self,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        *,
        timeout_s: float,
        bytes_max: int,
    ) -> Awaitable[HttpResponse]:
        """`target`: path and query as sent. It leaves in this call where a connection is free.

        Raises NetworkError when awaited: NOT_SENT while nothing was written, then UNKNOWN.
        """

    async def close(self) -> None:
        """Drop all connections. Harmless when repeated."""


class WebSocketListener(Protocol):
    """Who hears of one websocket. Called on the event loop; must not block."""

    def on_frame(self, payload: bytes, binary: bool) -> None:
        """A whole message, the receiver's to keep."""

    def on_closed(self, reason: str) -> None:
        """The connection is over, once, for whatever reason."""


class WebSocket(Protocol):
    """An open websocket."""

    def send(self, payload: bytes) -> None:
        """Send a text message. Silently does nothing once closed: `on_closed` tells."""

    def ping(self, payload: bytes = b"") -> None:
        """Send a protocol ping."""

    @property
    def last_pong_ns(self) -> int:
        """Monotonic time of the last pong (or of opening)."""

    def close(self, reason: str) -> None:
        """Close; the listener hears of it."""

    def abort(self, reason: str) -> None:
        """Drop the connection without a handshake; the listener hears of it."""


class Network(Protocol):
    """Connections out. Raises NetworkError; certificates are always verified (`tls` adds a test authority)."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> HttpResponse: ...

    def open_line(self, url: str, *, connections: int, tls: ssl.SSLContext | None = None) -> HttpLine:
        """A line to the host of `url`, of up to so many connections; none is opened yet."""

    async def open_websocket(
        self,
        url: str,
        listener_factory: Callable[[], WebSocketListener],
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        message_bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> WebSocket: ...

    async def close(self) -> None: ...
