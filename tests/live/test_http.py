"""Real HTTP over loopback: answers, limits, and what is known of a request that failed."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from oneprice.errors import ConfigError, NetworkError, Outcome

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve(loopback):
    """Start an HTTP server with one handler for everything; its base URL."""
    runners = []

    async def start(handler: Handler) -> str:
        runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    await loopback.network.close()
    for runner in runners:
        await runner.cleanup()


async def test_an_answer_comes_whole_with_lower_case_headers(loopback, serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        assert await request.read() == b'{"a":1}'
        assert request.headers["X-Key"] == "k"
        assert "Content-Type" not in request.headers
        answer = web.Response(status=418, body=b"teapot", headers={"X-MBX-USED-WEIGHT-1M": "12"})
        answer.headers.add("Vary", "a")
        answer.headers.add("Vary", "b")
        return answer

    base = await serve(handle)
    answer = await loopback.get(f"{base}/x", method="POST", headers={"X-Key": "k"}, body=b'{"a":1}')
    assert (answer.status, answer.body) == (418, b"teapot")
    assert answer.headers["x-mbx-used-weight-1m"] == "12"
    assert answer.headers["vary"] == "a, b"


async def test_the_url_is_sent_byte_by_byte_as_given(loopback, serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=request.raw_path)

    path = "/api?symbols=%5B%22A%22%5D&plus=1%2B1&space=a%20b&bare=~-_.&odd=%41%2d"
    assert (await loopback.get(await serve(handle) + path)).body.decode() == path


async def test_connections_are_kept_and_used_again(loopback, serve) -> None:
    seen = set()

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.add(request.transport.get_extra_info("peername"))
        return web.Response()

    base = await serve(handle)
    for _ in range(5):
        await loopback.get(base)
    assert len(seen) == 1


async def test_compressed_answers_are_unpacked(loopback, serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        assert "gzip" in request.headers["Accept-Encoding"]
        return web.Response(body=gzip.compress(b"x" * 10_000), headers={"Content-Encoding": "gzip"})

    assert (await loopback.get(await serve(handle))).body == b"x" * 10_000


async def test_redirects_and_cookies_are_left_alone(loopback, serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        assert not request.cookies
        answer = web.Response(status=302, headers={"Location": "/elsewhere"})
        answer.set_cookie("session", "1")
        return answer

    base = await serve(handle)
    for _ in range(2):
        assert (await loopback.get(base)).status == 302


# ---- limits


@pytest.mark.parametrize("told", [True, False], ids=["length-told", "chunked"])
async def test_an_answer_over_the_limit_is_refused_while_reading(loopback, serve, told) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if told:
            answer.content_length = 100_000_000
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 50_000)
        except ConnectionError:
            return answer

    with pytest.raises(NetworkError, match="200000 are allowed") as large:
        await loopback.get(await serve(handle), bytes_max=200_000)
    assert large.value.outcome is Outcome.UNKNOWN


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused(loopback, serve) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    with pytest.raises(NetworkError, match="200000 are allowed"):
        await loopback.get(await serve(handle), bytes_max=200_000)


async def test_an_answer_of_just_the_limit_is_fine(loopback, serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1_000)

    base = await serve(handle)
    assert len((await loopback.get(base, bytes_max=1_000)).body) == 1_000
    with pytest.raises(NetworkError):
        await loopback.get(base, bytes_max=999)
    assert len((await loopback.get(base, bytes_max=1_000)).body) == 1_000


# ---- failures: what may have been sent


async def test_no_answer_in_time_leaves_it_open_what_happened(loopback, serve) -> None:
    never = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    with pytest.raises(NetworkError, match=r"no answer within 0.05 s") as late:
        await loopback.get(await serve(handle), timeout_s=0.05)
    assert late.value.outcome is Outcome.UNKNOWN


async def test_half_an_answer_leaves_it_open_what_happened(loopback) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    with pytest.raises(NetworkError) as broken:
        await loopback.get(f"http://{await loopback.serve_tcp(half)}/")
    assert broken.value.outcome is Outcome.UNKNOWN


async def test_a_connection_dropped_after_the_request_leaves_it_open_what_happened(loopback) -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    with pytest.raises(NetworkError) as dropped:
        await loopback.get(f"http://{await loopback.serve_tcp(drop)}/", method="POST")
    assert dropped.value.outcome is Outcome.UNKNOWN


async def test_an_answer_that_is_no_http_is_an_error(loopback) -> None:
    async def mumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\x01\x02\r\n\r\n")
        await writer.drain()
        writer.close()

    with pytest.raises(NetworkError) as strange:
        await loopback.get(f"http://{await loopback.serve_tcp(mumble)}/")
    assert strange.value.outcome is Outcome.UNKNOWN


async def test_nobody_listening_means_nothing_was_sent(loopback, unused_tcp_port) -> None:
    with pytest.raises(NetworkError, match="cannot connect") as refused:
        await loopback.get(f"http://127.0.0.1:{unused_tcp_port}/")
    assert refused.value.outcome is Outcome.NOT_SENT


async def test_an_unknown_host_means_nothing_was_sent(loopback) -> None:
    with pytest.raises(NetworkError, match="cannot connect") as unknown:
        await loopback.get("http://no-such-host.invalid/")
    assert unknown.value.outcome is Outcome.NOT_SENT


async def test_waiting_for_a_connection_in_vain_means_nothing_was_sent(loopback) -> None:
    """A handshake that hangs: the TCP connection stands, but TLS does not."""
    release = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    with pytest.raises(NetworkError, match="no answer within") as late:
        await loopback.get(f"https://{await loopback.serve_tcp(hang)}/", timeout_s=0.05)
    assert late.value.outcome is Outcome.NOT_SENT
    release.set()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "nonsense"])
async def test_a_url_that_is_none_is_an_error_and_nothing_is_sent(loopback, url) -> None:
    with pytest.raises(NetworkError) as wrong:
        await loopback.get(url)
    assert wrong.value.outcome is Outcome.NOT_SENT


async def test_a_time_limit_must_be_one(loopback) -> None:
    with pytest.raises(ConfigError, match="timeout_s = 0"):
        await loopback.get("http://127.0.0.1/", timeout_s=0)


async def test_errors_carry_no_query(loopback, unused_tcp_port) -> None:
    with pytest.raises(NetworkError) as refused:
        await loopback.get(f"http://127.0.0.1:{unused_tcp_port}/order?signature=secret", headers={"X-Key": "secret"})
    assert "secret" not in str(refused.value)
