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


class DiskFile(Protocol):
    """A file that only grows. Every failure is an OSError, and after the first one it takes nothing more."""

    def append(self, data: bytes) -> None:
        """Hand all of it to the system in one write: it outlives this process, and soon after the machine's end too.

        Raises OSError, also when what was appended before could not be put on the disk, or not for too long.
        """

    def sync(self) -> None:
        """Return when everything appended is on the disk. Raises OSError."""

    def close(self) -> None:
        """Put everything on the disk and let go. Harmless when repeated. Raises OSError."""


class MappedFile(Protocol):
    """A small file whose bytes are memory: a change outlives this process at once."""

    @property
    def view(self) -> memoryview: ...

    def flush(self) -> None:
        """Return when it is on the disk. Raises OSError."""

    def close(self) -> None:
        """Let go. Harmless when repeated."""


class FolderLock(Protocol):
    """Held by one process. The system lets go when that ends, however it ends."""

    def release(self) -> None:
        """Harmless when repeated."""


class Disk(Protocol):
    """Files that must outlive a crash, for their owner's eyes alone. Every failure is an OSError.

    What creates, renames or cuts returns when that is on the disk.
    """

    def make_folder(self, path: str) -> None:
        """With those above it. Harmless where it is there."""

    def names(self, folder: str) -> list[str]:
        """What is in it, in order; nothing where there is no folder."""

    def read(self, path: str) -> bytes:
        """All of a file. Raises FileNotFoundError."""

    def write(self, path: str, data: bytes) -> None:
        """A whole file, in place of one that is there: a crash leaves the old one or the new one."""

    def rename(self, old: str, new: str) -> None:
        """From one name, perhaps in another folder, to another."""

    def cut(self, path: str, length: int) -> None:
        """Take away all bytes from `length` on."""

    def append_to(self, path: str, reserve_bytes: int) -> DiskFile:
        """A file that is there, to grow by `reserve_bytes`: space is set aside where the system can."""

    def map(self, path: str, length: int) -> MappedFile:
        """The first bytes of a file; made of zeros where it is missing or shorter."""

    def lock(self, path: str) -> FolderLock | int:
        """The lock that this file stands for, or the process id of who holds it (0 when not told)."""

    def holder(self, path: str) -> int | None:
        """Who holds the lock now (0 when not told), None when nobody does."""
