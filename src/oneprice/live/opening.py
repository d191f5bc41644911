"""Opening websockets, and saying exactly why one could not be opened."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from picows import WSHandshakeError, WSTransport, ws_connect

from oneprice.errors import ConfigError, NetworkError, Outcome
from oneprice.live.addresses import Addresses, in_words
from oneprice.live.tls import refusal
from oneprice.live.websocket import LiveWebSocket, Verdicts
from oneprice.ports import WebSocketListener

_PORTS = {"ws": 80, "wss": 443}


async def open_websocket(
    url: str,
    websocket: LiveWebSocket,
    listener_factory: Callable[[], WebSocketListener],
    *,
    addresses: Addresses,
    headers: Mapping[str, str],
    timeout_s: float,
    message_bytes_max: int,
    tls: ssl.SSLContext | None,
) -> WSTransport:
    """Connect and upgrade within `timeout_s`. Raises ConfigError for a URL that is none, else NetworkError.

    Outcome NOT_SENT before the connection stood (TLS included), REJECTED when the server refused the upgrade,
    UNKNOWN otherwise. The listener may hear frames, even the end, before this returns.
    """
    host, port = _parts(url)
    shown = f"{url.partition('://')[0]}://{host}:{port}"  # a path or query may hold a listen key
    connection: socket.socket | None = None
    opened = False
    outcome = Outcome.NOT_SENT
    try:
        async with asyncio.timeout(timeout_s):
            connection = await addresses.connect(host, port)
            outcome = Outcome.UNKNOWN
            transport, accepted = await ws_connect(
                lambda _request, _response: websocket.begin(listener_factory()),
                url,
                ssl_context=tls,
                websocket_handshake_timeout=None,
                logger_name=Verdicts(websocket),
                max_frame_size=message_bytes_max,
                extra_headers=headers,
                max_redirects=0,
                socket_factory=lambda _url: connection,
            )
            opened = accepted is not None
    except TimeoutError as error:
        raise NetworkError(f"{shown}: not open within {timeout_s:g} s", outcome) from error
    except ssl.SSLError as error:
        raise NetworkError(f"{shown}: {refusal(error)}", Outcome.NOT_SENT) from error
    except WSHandshakeError as error:
        raise NetworkError(f"{shown}: {_refused(error)}", Outcome.REJECTED) from error
    except OSError as error:
        raise NetworkError(f"{shown}: cannot connect: {in_words(error)}", outcome) from error
    finally:
        if connection is not None and not opened:
            _hang_up(connection)
    if not opened:
        raise NetworkError(f"{shown}: the server hung up during the upgrade", Outcome.UNKNOWN)
    return transport


def _parts(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"websocket url {url!r}: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigError(f"websocket url {url!r}: must be ws://HOST[:PORT]/... or wss://HOST[:PORT]/...")
    return parts.hostname, port or _PORTS[parts.scheme]


def _hang_up(connection: socket.socket) -> None:
    """End a connection that its transport may still own: it reads the end and closes in order."""
    with contextlib.suppress(OSError):  # it may be closed by now, which is what is wanted
        connection.shutdown(socket.SHUT_RDWR)


def _refused(error: WSHandshakeError) -> str:
    response = error.response
    if response is None:
        return f"the upgrade failed: {error}"
    after = response.headers.get("Retry-After")
    told = f"the upgrade was refused: HTTP {int(response.status)}"
    return f"{told}, retry after {after} s" if after else told
