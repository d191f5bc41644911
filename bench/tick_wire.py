"""HTTP and websocket frames of a server that spins: plain sockets, no event loop, each chunk timed as it is read.

For `tick_venues.py`. Clients are well-behaved and few; what they send is not checked.
"""

from __future__ import annotations

import base64
import hashlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

READ_MAX = 1 << 16
ACCEPT_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING = 1, 8, 9


class Request(NamedTuple):
    """HTTP. `target` with its query."""

    method: str
    target: str
    body: bytes


class Peer:
    """One connection. `path`: of the websocket, "" while it is HTTP. `read_ns`: when its last chunk was read."""

    def __init__(self, sock: socket.socket, market: object) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.market, self.path, self.read_ns = sock, market, "", 0
        self.wraps = False
        self._buffer = b""

    def read(self) -> bytes | None:
        """A chunk, None at the end."""
        try:
            chunk = self.sock.recv(READ_MAX, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
        except OSError:
            return None
        self.read_ns = time.monotonic_ns()
        return chunk or None

    def take(self, chunk: bytes) -> Iterator[Request | bytes]:
        """What a chunk completes: HTTP requests, or texts of the websocket. Handshakes and pings are answered here."""
        self._buffer += chunk
        while (found := self._frame() if self.path else self._request()) is not None:
            if found:
                yield found

    def answer(self, body: bytes) -> None:
        """To an HTTP request."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.send(head % len(body) + body)

    def tell(self, text: bytes) -> None:
        """Over the websocket."""
        self.send(framed(text))

    def send(self, chunk: bytes) -> None:
        """Whole. A peer that has gone is noticed at its next reading."""
        try:
            self.sock.sendall(chunk)
        except OSError:
            self.sock.close()

    def _request(self) -> Request | bytes | None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.split(b"\r\n")
        told = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        method, target, _ = first.decode().split(" ")
        if told.get(b"upgrade", b"").lower() == b"websocket":
            accept = base64.b64encode(hashlib.sha1(told[b"sec-websocket-key"] + ACCEPT_MAGIC).digest())
            self._buffer, self.path = rest, target
            self.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            return b""
        length = int(told.get(b"content-length", b"0"))
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        return Request(method, target, rest[:length])

    def _frame(self) -> bytes | None:
        data = self._buffer
        if len(data) < 6:
            return None
        length, at = data[1] & 127, 2
        if length >= 126:
            wide = 2 if length == 126 else 8
            length, at = int.from_bytes(data[2 : 2 + wide], "big"), 2 + wide
        end = at + 4 + length
        if len(data) < end:
            return None
        self._buffer = data[end:]
        text = unmasked(data[at + 4 : end], data[at : at + 4])
        kind = data[0] & 15
        if kind == TEXT:
            return text
        if kind == PING:
            self.send(framed(text, 10))
        elif kind == CLOSE:
            self.send(framed(text[:2], CLOSE))
        return b""


def framed(text: bytes, kind: int = TEXT) -> bytes:
    """As a server's frame."""
    length = len(text)
    if length < 126:
        return bytes((0x80 | kind, length)) + text
    return bytes((0x80 | kind, 126)) + length.to_bytes(2, "big") + text


def unmasked(text: bytes, mask: bytes) -> bytes:
    """What a client meant."""
    length = len(text)
    whole = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(text, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")


class Sockets:
    """All of them, watched by one epoll. `others`: file descriptors besides, with what to call when they are ready."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._peers: dict[int, Peer] = {}
        self._listening: dict[int, tuple[socket.socket, object]] = {}
        self._others: dict[int, Callable[[], None]] = {}

    def listen(self, market: object) -> int:
        """A port of its own for a market."""
        sock = socket.create_server(("127.0.0.1", 0))
        self._listening[sock.fileno()] = sock, market
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        return int(sock.getsockname()[1])

    def watch(self, descriptor: int, call: Callable[[], None]) -> None:
        """Something that is no socket."""
        self._others[descriptor] = call
        self._epoll.register(descriptor, select.EPOLLIN)

    def poll(self, timeout_s: float = 0.0) -> list[tuple[Peer, bytes]]:
        """Chunks that were there; of a peer that has gone, none any more."""
        chunks = []
        for descriptor, _ in self._epoll.poll(timeout_s):
            peer = self._peers.get(descriptor)
            if peer is None:
                self._other(descriptor)
                continue
            chunk = peer.read()
            if chunk is None:
                self._epoll.unregister(descriptor)
                del self._peers[descriptor]
                peer.sock.close()
            elif chunk:
                chunks.append((peer, chunk))
        return chunks

    def _other(self, descriptor: int) -> None:
        if descriptor in self._others:
            self._others[descriptor]()
            return
        listening, market = self._listening[descriptor]
        sock, _ = listening.accept()
        self._peers[sock.fileno()] = Peer(sock, market)
        self._epoll.register(sock.fileno(), select.EPOLLIN)
