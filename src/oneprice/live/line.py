"""The order path's HTTP/1.1: a few kept-alive connections to one host, and nothing between a request and its bytes."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections import deque
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import httptools

from oneprice.errors import ConfigError, NetworkError, Outcome
from oneprice.live.addresses import Addresses, in_words
from oneprice.live.http import HttpAnswer
from oneprice.live.tls import refusal

_PORTS = {"http": 80, "https": 443}
_HEADER_BYTES_MAX = 65_536
_HEADER_COST = 64  # so that many short ones count as well
_DECODERS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class LineConnection(asyncio.Protocol):
    """One connection: idle, or with one request on its way. httptools (llhttp) reads the answers."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_bytes_max",
        "_done",
        "_header_bytes",
        "_headers",
        "_line",
        "_parser",
        "_status_seen",
        "_transport",
        "idle_since",
        "served",
    )

    def __init__(self, line: Line) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[HttpAnswer] | None = None
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = self._bytes_max = 0
        self.served = 0
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request may be written."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, bytes_max: int) -> asyncio.Future[HttpAnswer]:
        """Write a request; the future has its answer, or a NetworkError with outcome UNKNOWN."""
        assert self._done is None, "one request at a time"
        assert self._transport is not None, "only an open connection is taken"
        self._bytes_max = bytes_max
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
        if self._done is None:
            self.abort("the server spoke without being asked")
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

    def on_message_begin(self) -> None:
        """A status line begins."""
        self._headers, self._header_bytes = {}, 0
        self._body, self._body_bytes = [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self._header_bytes += len(name) + len(value) + _HEADER_COST
        if self._header_bytes > _HEADER_BYTES_MAX:
            raise ValueError("too many headers")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._bytes_max:
            raise ValueError(f"the answer has {self._body_bytes} bytes or more, {self._bytes_max} are allowed")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        status = self._parser.get_status_code()
        done = self._done
        if status < 200 or done is None:  # 1xx: the answer itself comes after
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        encoding = self._headers.get("content-encoding", "")
        if encoding and encoding != "identity":
            body = _decompressed(body, encoding, self._bytes_max)
        self._done = None
        answer = HttpAnswer(status, self._headers, body, self.served > 0)
        self.served += 1
        keep = self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self) if not keep else self._parser
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

    async def request(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        timeout_s: float,
        bytes_max: int,
    ) -> HttpAnswer:
        """One request, one whole answer, whatever its status."""
        lines = [method, " ", self._prefix, target, self._fixed]
        for name, value in headers:
            lines += (name, ": ", value, "\r\n")
        if body or method not in ("GET", "DELETE"):
            lines.append(f"Content-Length: {len(body)}\r\n")
        lines.append("\r\n")
        head = "".join(lines).encode("latin-1")
        deadline = self.loop.time() + timeout_s
        connection = self._take()
        if connection is None:
            connection = await self._obtain(deadline, timeout_s)
        done = connection.send(head + body if body else head, bytes_max)
        timer = self.loop.call_at(deadline, connection.abort, f"no answer within {timeout_s:g} s")
        try:
            return await done
        except asyncio.CancelledError:
            connection.abort("given up")  # its answer would be taken for the next one's
            raise
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Drop all connections."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(self._unsent("the line is closed"))
        for connection in list(self._connections):
            connection.abort("the line is closed")

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
