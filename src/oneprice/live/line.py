"""The order path's HTTP/1.1: a few kept-alive connections to one host, and nothing between a request and its bytes."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections import deque
from collections.abc import Awaitable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import httptools

from oneprice.errors import ConfigError, NetworkError, Outcome
from oneprice.live.addresses import Addresses, in_words
from oneprice.live.http import HttpAnswer
from oneprice.live.tls import refusal

_PORTS = {"http": 80, "https": 443}
_HEADER_BYTES_MAX = 65_536
_HEADS_MAX = 64
_HEADERS_OF_KEPT_MAX = 3  # where a signature is among them there are more
_BODILESS = frozenset({"GET", "DELETE"})
_TIMER_GRAIN_S = 0.001
_DECODERS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class HeaderView(Mapping[str, str]):
    """An answer's headers, made readable when somebody looks. Of a repeated header the last counts."""

    __slots__ = ("_named", "_raw")

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        self._raw = raw
        self._named: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._named is None:
            self._named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._raw.items()}
        return self._named

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        return self._all().get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class LineConnection(asyncio.Protocol):
    """One connection: idle, or with one request on its way. httptools (llhttp) reads the answers."""

    __slots__ = (
        "_body",
        "_bytes_left",
        "_bytes_max",
        "_done",
        "_line",
        "_parser",
        "_raw_headers",
        "_transport",
        "deadline",
        "idle_since",
        "on_body",
        "on_header",
        "served",
    )

    def __init__(self, line: Line) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._raw_headers: dict[bytes, bytes] = {}
        self.on_header = self._raw_headers.__setitem__  # the parser calls these two without any Python between
        self._body: list[bytes] = []
        self.on_body = self._body.append
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[HttpAnswer] | None = None
        self._bytes_max = self._bytes_left = 0
        self.served = 0
        self.idle_since = self.deadline = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request may be written."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits any more for what is on its way."""
        return self._done is not None and self._done.cancelled()

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way."""
        return self._done is not None

    def send(self, request: bytes, bytes_max: int, deadline: float) -> asyncio.Future[HttpAnswer]:
        """Write a request; the future has its answer, or a NetworkError with outcome UNKNOWN."""
        assert self._done is None, "one request at a time"
        assert self._transport is not None, "only an open connection is taken"
        self._bytes_max, self._bytes_left, self.deadline = bytes_max, bytes_max + _HEADER_BYTES_MAX, deadline
        done = self._done = self._line.loop.create_future()
        self._transport.write(request)
        return done

    def abort(self, reason: str) -> None:
        """Drop the connection; what is on its way fails for this reason."""
        self._fail(reason)
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Feed the parser, whose callbacks below put the answer together."""
        self._bytes_left -= len(data)
        if self._done is None:
            self.abort("the server spoke without being asked")
            return
        if self._bytes_left < 0:
            self.abort(f"the answer is too large: {self._bytes_max} bytes are allowed")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            told = error.__context__ if isinstance(error.__context__, ValueError) else error
            self.abort(f"the answer cannot be read: {told}")

    def eof_received(self) -> None:
        """The server has said all; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed it, or the network broke."""
        self._transport = None
        self._fail("the connection broke" if exc is not None else "the server closed the connection")
        self._line.lost(self)

    # ---- httptools

    def on_message_complete(self) -> None:
        """The answer is whole."""
        status = self._parser.get_status_code()
        done, parts = self._done, self._body
        raw = self._raw_headers.copy()
        self._raw_headers.clear()
        if status < 200 or done is None:  # 1xx: the answer itself comes after
            parts.clear()
            return
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        headers = HeaderView(raw)
        if b"Content-Encoding" in raw or b"content-encoding" in raw:
            body = _decompressed(body, headers["content-encoding"], self._bytes_max)
        if len(body) > self._bytes_max:
            raise ValueError(f"the answer is too large: {self._bytes_max} bytes are allowed")
        self._done = None
        answer = HttpAnswer(status, headers, body, self.served > 0)
        self.served += 1
        keep = self._parser.should_keep_alive()
        if not done.done():
            done.set_result(answer)
        if keep and self.is_open:
            self._line.idle(self)
        elif self._transport is not None:
            self._transport.close()

    def _fail(self, reason: str) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_exception(NetworkError(f"{self._line.host}: {reason}", Outcome.UNKNOWN))


class Line:
    """`ports.HttpLine` of a live process. Belongs to one event loop."""

    def __init__(
        self, url: str, addresses: Addresses, *, connections: int, keep_alive_s: float, tls: ssl.SSLContext | None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigError(f"url {url!r}: must be http://HOST[:PORT] or https://HOST[:PORT]")
        if connections < 1:
            raise ConfigError(f"connections = {connections!r}: must be 1 or more")
        self.loop = asyncio.get_running_loop()
        self.host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._tls = tls if parts.scheme == "https" else None
        self._prefix = parts.path.rstrip("/")
        host = parts.netloc.rpartition("@")[2]
        self._fixed = f" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: oneprice\r\nAccept-Encoding: identity\r\n"
        self._addresses, self._keep_alive_s = addresses, keep_alive_s
        self._connections_max = connections
        self._connections: set[LineConnection] = set()
        self._idle: list[LineConnection] = []
        self._waiting: deque[asyncio.Future[LineConnection | None]] = deque()  # None: room for a new one
        self._opening = 0
        self._closed = False
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...]], bytes] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.opened = 0

    async def warm(self) -> None:
        """Open what is missing of the connections, all at once."""
        self._drop_stale()
        missing = self._connections_max - len(self._connections) - self._opening
        if missing > 0:
            found = await asyncio.gather(*(self._open() for _ in range(missing)), return_exceptions=True)
            errors = [one for one in found if isinstance(one, BaseException)]
            for one in found:
                if isinstance(one, LineConnection):
                    self.idle(one)
            if errors and not self._connections:
                raise errors[0]

    def request(
        self,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        *,
        timeout_s: float,
        bytes_max: int,
    ) -> Awaitable[HttpAnswer]:
        """One request, one whole answer, whatever its status. It leaves in this call where a connection is free."""
        head = self._heads.get((method, target, headers)) or self._head(method, target, headers)
        if body or method not in _BODILESS:
            whole = b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        else:
            whole = head + b"\r\n"
        deadline = self.loop.time() + timeout_s
        if self._timer is None or deadline < self._timer_at:
            self._arm(deadline)
        connection = self._take()
        if connection is None:
            return self._later(whole, bytes_max, deadline, timeout_s)
        return connection.send(whole, bytes_max, deadline)

    def _head(self, method: str, target: str, headers: tuple[tuple[str, str], ...]) -> bytes:
        """Request line and headers. Those without a query are likely to come again, and are kept."""
        lines = [method, " ", self._prefix, target, self._fixed]
        for name, value in headers:
            lines += (name, ": ", value, "\r\n")
        head = "".join(lines).encode("latin-1")
        if "?" not in target and len(headers) <= _HEADERS_OF_KEPT_MAX:
            if len(self._heads) >= _HEADS_MAX:
                self._heads.clear()
            self._heads[method, target, headers] = head
        return head

    async def _later(self, whole: bytes, bytes_max: int, deadline: float, timeout_s: float) -> HttpAnswer:
        for one in [one for one in self._connections if one.is_given_up]:
            one.abort("given up")
        connection = await self._obtain(deadline, timeout_s)
        return await connection.send(whole, bytes_max, deadline)

    async def close(self) -> None:
        """Drop all connections."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(self._unsent("the line is closed"))
        for connection in list(self._connections):
            connection.abort("the line is closed")
        if self._timer is not None:
            self._timer.cancel()

    # ---- for connections

    def idle(self, connection: LineConnection) -> None:
        """A connection is free: for who waits longest, else to be kept."""
        if self._tell_next(connection):
            return
        connection.idle_since = self.loop.time()
        self._idle.append(connection)

    def lost(self, connection: LineConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._tell_next(None)

    # ---- inside

    def _arm(self, at: float) -> None:
        """One timer for all requests: it is set for the earliest deadline, and mostly finds nothing to do."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.loop.call_at(at, self._look_at_deadlines)

    def _look_at_deadlines(self) -> None:
        self._timer = None
        now = self.loop.time() + _TIMER_GRAIN_S
        busy = [one for one in self._connections if one.is_busy]
        for one in busy:
            if one.deadline <= now:
                one.abort("no answer within its time")
        left = [one.deadline for one in busy if one.is_busy]
        if left:
            self._arm(min(left))

    def _tell_next(self, connection: LineConnection | None) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _take(self) -> LineConnection | None:
        """The connection that was used last: it is the least likely to be closed by the server just now."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_open:
                continue
            if self.loop.time() - connection.idle_since > self._keep_alive_s:
                connection.abort("idle for too long")
                continue
            return connection
        return None

    def _drop_stale(self) -> None:
        oldest = self.loop.time() - self._keep_alive_s
        for connection in [one for one in self._idle if one.idle_since < oldest]:
            connection.abort("idle for too long")

    async def _obtain(self, deadline: float, timeout_s: float) -> LineConnection:
        """A new connection, or the first that gets free when all are in use. Raises NetworkError (NOT_SENT)."""
        if self._closed:
            raise self._unsent("the line is closed")
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    if len(self._connections) + self._opening < self._connections_max:
                        return await self._open()
                    connection = await self._next_free()
                    if connection is not None and connection.is_open:
                        return connection
        except TimeoutError:
            raise self._unsent(f"no free connection within {timeout_s:g} s") from None

    async def _next_free(self) -> LineConnection | None:
        waiter: asyncio.Future[LineConnection | None] = self.loop.create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (connection := waiter.result()) is not None:
                self.idle(connection)  # it came as we were leaving
            raise

    async def _open(self) -> LineConnection:
        self._opening += 1
        try:
            socket = await self._addresses.connect(self.host, self._port)
            try:
                _, connection = await self.loop.create_connection(
                    lambda: LineConnection(self),
                    sock=socket,
                    ssl=self._tls,
                    server_hostname=self.host if self._tls is not None else None,
                )
            except BaseException:
                socket.close()
                raise
        except ssl.SSLError as error:
            raise self._unsent(refusal(error)) from error
        except OSError as error:
            raise self._unsent(f"cannot connect: {in_words(error)}") from error
        finally:
            self._opening -= 1
        self._connections.add(connection)
        self.opened += 1
        if self._closed:
            connection.abort("the line is closed")
            raise self._unsent("the line is closed")
        return connection

    def _unsent(self, reason: str) -> NetworkError:
        return NetworkError(f"{self.host}: {reason}", Outcome.NOT_SENT)


def _decompressed(body: bytes, encoding: str, bytes_max: int) -> bytes:
    """Raises ValueError for what is not that, or would be too large."""
    if encoding not in _DECODERS:
        raise ValueError(f"the answer is encoded as {encoding!r}, which was not asked for")
    unpacker = zlib.decompressobj(_DECODERS[encoding])
    try:
        plain = unpacker.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise ValueError(f"the answer is not {encoding}: {error}") from None
    if len(plain) > bytes_max or not unpacker.eof:
        raise ValueError("the answer is too large, or cut off")
    return plain
