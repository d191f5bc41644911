"""Real loops, a real loopback, and listeners that remember."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import picows
import pytest
import uvloop

from oneprice.live import LiveClock, LiveNetwork, NetworkLimits, client_context
from oneprice.live.websocket import LiveWebSocket
from oneprice.sim.authority import TestCertificates, make_certificates

_PATIENCE_S = 10.0


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Ear:
    """A websocket listener that keeps what it hears."""

    def __init__(self) -> None:
        self.frames: list[tuple[bytes, bool]] = []
        self.reasons: list[str] = []
        self._changed = asyncio.Event()

    def on_frame(self, payload: memoryview, binary: bool) -> None:
        self.frames.append((bytes(payload), binary))
        self._changed.set()

    def on_closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until it has heard enough."""
        async with asyncio.timeout(_PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def frame_count(self, count: int) -> list[tuple[bytes, bool]]:
        await self.until(lambda: len(self.frames) >= count)
        return self.frames

    async def end(self) -> str:
        await self.until(lambda: bool(self.reasons))
        return self.reasons[0]


class Peer(picows.WSListener):
    """The server's side of one connection. `greeting` is called once it is open."""

    def __init__(self, greeting: Callable[[Peer], None]) -> None:
        self.greeting = greeting
        self.heard: list[tuple[int, bytes]] = []
        self.gone = asyncio.Event()
        self._changed = asyncio.Event()

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self.greeting(self)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self.heard.append((int(frame.msg_type.value), frame.get_payload_as_bytes()))
        self._changed.set()
        if frame.msg_type is picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.gone.set()

    def raw(self, data: bytes) -> None:
        """Bytes past all framing."""
        self.transport.underlying_transport.write(data)

    async def heard_count(self, count: int) -> list[tuple[int, bytes]]:
        async with asyncio.timeout(_PATIENCE_S):
            while len(self.heard) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.heard

    async def disconnected(self) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            await self.gone.wait()


def frame(opcode: int, payload: bytes, *, fin: bool = True, flags: int = 0) -> bytes:
    """A frame as a server sends it."""
    size = len(payload)
    if size < 126:
        head = bytes([size])
    elif size < 1 << 16:
        head = b"\x7e" + size.to_bytes(2, "big")
    else:
        head = b"\x7f" + size.to_bytes(8, "big")
    return bytes([opcode | (0x80 if fin else 0) | flags]) + head + payload


class Loopback:
    """Servers on 127.0.0.1 and clients to them, all closed at the end."""

    def __init__(self) -> None:
        self.network = LiveNetwork(LiveClock(), NetworkLimits(closing_timeout_ms=50))
        self.peers: list[Peer] = []
        self._servers: list[asyncio.AbstractServer] = []

    async def serve(self, greeting: Callable[[Peer], None] = lambda _: None, tls: ssl.SSLContext | None = None) -> str:
        """Start a websocket server; its URL."""

        def accept(_request: picows.WSUpgradeRequest) -> Peer:
            self.peers.append(Peer(greeting))
            return self.peers[-1]

        server = await picows.ws_create_server(
            accept, "127.0.0.1", 0, ssl=tls, enable_auto_pong=False, max_frame_size=1 << 26
        )
        self._servers.append(server)
        port = server.sockets[0].getsockname()[1]
        return f"{'ws' if tls is None else 'wss'}://127.0.0.1:{port}/stream"

    async def serve_tcp(
        self,
        handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        tls: ssl.SSLContext | None = None,
    ) -> str:
        """Start a server that speaks whatever `handle` does; its host and port."""
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def dial(self, url: str, ear: Any = None, **options: Any) -> tuple[LiveWebSocket, Ear]:
        """Open a websocket."""
        ear = ear or Ear()
        settings = {"headers": {}, "timeout_s": 5.0, "message_bytes_max": 1 << 20, **options}
        return await self.network.open_websocket(url, lambda: ear, **settings), ear

    async def get(self, url: str, **options: Any) -> Any:
        """An HTTP request."""
        settings = {"headers": {}, "body": b"", "timeout_s": 5.0, "bytes_max": 1 << 20, **options}
        return await self.network.request(settings.pop("method", "GET"), url, **settings)

    async def close(self) -> None:
        await self.network.close()
        for server in self._servers:
            server.close()
        for peer in self.peers:
            if hasattr(peer, "transport"):
                peer.transport.disconnect(graceful=False)


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    """With the rule that nothing may reach the loop's exception handler unless a test says so."""
    faults: list[dict[str, Any]] = []

    def note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context["message"] != "SSL handshake failed":  # the test's own server, refused by us as it should be
            faults.append(context)

    asyncio.get_running_loop().set_exception_handler(note)
    made = Loopback()
    made.faults = faults  # type: ignore[attr-defined]
    yield made
    await made.close()
    assert not faults


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> TestCertificates:
    pytest.importorskip("cryptography", reason="certificates are made with cryptography")
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def trusting(certificates: TestCertificates) -> ssl.SSLContext:
    """A client that trusts the test's authority only."""
    return client_context(certificates.authority)


@pytest.fixture(scope="session")
def server_context(certificates: TestCertificates) -> Callable[[str], ssl.SSLContext]:
    """A server's context by the name of its certificate."""

    def make(name: str) -> ssl.SSLContext:
        files = getattr(certificates, name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context

    return make


@pytest.fixture
def make_frame() -> Callable[..., bytes]:
    return frame


@pytest.fixture
def missing(tmp_path: Path) -> Path:
    return tmp_path / "missing.pem"
