"""HTTP requests over pooled, kept-alive connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from types import SimpleNamespace

import aiohttp
import msgspec
from yarl import URL

from oneprice.errors import NetworkError, Outcome
from oneprice.live.addresses import Addresses, in_words
from oneprice.live.limits import NetworkLimits
from oneprice.live.tls import refusal


class HttpAnswer(msgspec.Struct, frozen=True):
    """A whole answer. Header names in lower case, repeated ones joined by commas; the body decompressed.

    `reused`: the connection had served before.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    reused: bool = False


class HttpClient:
    """One pool of connections for all hosts. Cookies, proxies and redirects are not followed.

    A session belongs to the event loop that runs when it is first used.
    """

    def __init__(self, addresses: Addresses, limits: NetworkLimits) -> None:
        self._addresses, self._limits = addresses, limits
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        bytes_max: int,
        tls: ssl.SSLContext | None,
    ) -> HttpAnswer:
        """Raises NetworkError: outcome NOT_SENT while there was no connection to send on, UNKNOWN after."""
        progress = SimpleNamespace(connected=False, reused=False)
        target = URL(url, encoded=True)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(method, target, headers, body, bytes_max, tls, progress)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a time-out is an OSError
            if isinstance(error, aiohttp.ClientConnectorError):
                self._addresses.doubt(error.host)
            outcome = Outcome.UNKNOWN if progress.connected else Outcome.NOT_SENT
            reason = _reason(error, timeout_s)
            raise NetworkError(f"{method} {target.host}{target.path}: {reason}", outcome) from error

    async def _exchange(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes,
        bytes_max: int,
        tls: ssl.SSLContext | None,
        progress: SimpleNamespace,
    ) -> HttpAnswer:
        if self._session is None:
            self._session = self._open_session()
        async with self._session.request(
            method,
            url,
            headers=headers,
            data=body or None,
            ssl=True if tls is None else tls,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            content = await _read_bounded(response, bytes_max)
            named: dict[str, str] = {}
            for name, value in response.headers.items():
                key = name.lower()
                named[key] = f"{named[key]}, {value}" if key in named else value
            return HttpAnswer(response.status, named, content, progress.reused)

    def _open_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._limits.connections_max,
                limit_per_host=self._limits.connections_per_host_max,
                keepalive_timeout=self._limits.keep_alive_s,
                resolver=self._addresses,
                use_dns_cache=False,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers={"User-Agent": "oneprice"},
            skip_auto_headers=("Content-Type",),
            trace_configs=[_connection_trace()],
        )

    async def close(self) -> None:
        """Close all connections. Harmless when repeated."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


async def _read_bounded(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """The body. Raises ClientPayloadError as soon as it is known to be too large."""
    parts: list[bytes] = []
    size = response.content_length or 0
    if size <= bytes_max:
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > bytes_max:
                break
            parts.append(part)
        else:
            return b"".join(parts)
    response.close()
    raise aiohttp.ClientPayloadError(f"the answer has {size} bytes or more, {bytes_max} are allowed")


def _connection_trace() -> aiohttp.TraceConfig:
    """Notes in the request's context that a connection was there: from then on bytes may have left."""

    async def connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.connected = True

    async def reused(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.connected = context.trace_request_ctx.reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(reused)
    return trace


def _reason(error: Exception, timeout_s: float) -> str:
    """What went wrong, in words."""
    match error:
        case TimeoutError():
            return f"no answer within {timeout_s:g} s"
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLError() as cause):
            return refusal(cause)
        case aiohttp.ClientConnectorError(os_error=ssl.SSLError() as cause):
            return refusal(cause)
        case aiohttp.ClientConnectorError(os_error=cause):
            return f"cannot connect: {in_words(cause)}"
        case _:
            return f"{type(error).__name__}: {error}"
