"""The network of a live process."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from picows import WSError

from oneprice.errors import ConfigError, NetworkError, Outcome
from oneprice.live.addresses import Addresses
from oneprice.live.http import HttpAnswer, HttpClient
from oneprice.live.limits import NetworkLimits
from oneprice.live.line import Line
from oneprice.live.opening import open_websocket
from oneprice.live.tls import client_context, require_verifying
from oneprice.live.websocket import LiveWebSocket
from oneprice.ports import Clock, WebSocketListener

_CLOSED = "the network is closed"


class LiveNetwork:
    """`ports.Network` over aiohttp (HTTP) and picows (websockets). Belongs to one event loop.

    Certificates and host names are always verified; `tls` of a call replaces the system's authorities by a
    test's.
    """

    def __init__(self, clock: Clock, limits: NetworkLimits | None = None) -> None:
        self._clock, self._limits = clock, limits or NetworkLimits()
        self._addresses = Addresses(clock, self._limits.addresses_fresh_s)
        self._context: ssl.SSLContext | None = None
        self._http = HttpClient(self._addresses, self._limits)
        self._open: dict[asyncio.Task[None], LiveWebSocket] = {}
        self._lines: list[Line] = []
        self._closed = False

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
    ) -> HttpAnswer:
        """One request, one whole answer, whatever its status. Raises NetworkError."""
        self._require_open(url)
        return await self._http.request(
            method,
            url,
            headers=headers,
            body=body,
            timeout_s=_positive("timeout_s", timeout_s),
            bytes_max=bytes_max,
            tls=self._verifying(url, tls),
        )

    def open_line(self, url: str, *, connections: int, tls: ssl.SSLContext | None = None) -> Line:
        """Kept-alive connections for the order path; see `live.line`. Raises ConfigError for a URL that is none."""
        line = Line(
            url,
            self._addresses,
            connections=connections,
            keep_alive_s=self._limits.keep_alive_s,
            tls=self._verifying(url, tls),
        )
        self._lines.append(line)
        return line

    async def open_websocket(
        self,
        url: str,
        listener_factory: Callable[[], WebSocketListener],
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        message_bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> LiveWebSocket:
        """An open websocket. Raises NetworkError.

        What a listener raises ends its connection and goes to the loop's exception handler.
        """
        self._require_open(url)
        websocket = LiveWebSocket(self._clock, self._limits, message_bytes_max)
        transport = await open_websocket(
            url,
            websocket,
            listener_factory,
            addresses=self._addresses,
            headers=headers,
            timeout_s=_positive("timeout_s", timeout_s),
            message_bytes_max=message_bytes_max,
            tls=self._verifying(url, tls),
        )
        task = asyncio.get_running_loop().create_task(transport.wait_disconnected())
        self._open[task] = websocket
        task.add_done_callback(self._on_ended)
        if self._closed:  # while this one was being opened
            websocket.abort(_CLOSED)
        return websocket

    def _on_ended(self, task: asyncio.Task[None]) -> None:
        del self._open[task]
        error = None if task.cancelled() else task.exception()
        # A WSError is the server's fault, and on_closed has told it.
        if error is not None and not isinstance(error, WSError):
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a websocket listener failed; its connection is closed", "exception": error}
            )

    async def close(self) -> None:
        """Drop all websockets and close all connections, for good. Harmless when repeated."""
        self._closed = True
        for websocket in list(self._open.values()):
            websocket.abort(_CLOSED)
        if self._open:
            await asyncio.wait(list(self._open))
        for line in self._lines:
            await line.close()
        await self._http.close()

    def _require_open(self, url: str) -> None:
        if self._closed:
            raise NetworkError(f"{urlsplit(url).hostname}: {_CLOSED}", Outcome.NOT_SENT)

    def _verifying(self, url: str, tls: ssl.SSLContext | None) -> ssl.SSLContext | None:
        """The context for a URL, None for a plain one. The system's authorities take 0.2 s to load: when
        needed.
        """
        if tls is not None:
            return require_verifying(tls)
        if self._context is None and url.startswith(("https:", "wss:")):
            self._context = client_context()
        return self._context


def _positive(key: str, value: float) -> float:
    if not value > 0:
        raise ConfigError(f"{key} = {value!r}: must be above 0")
    return value
