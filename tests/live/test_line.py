"""The order path's HTTP over real sockets: what is sent, what comes back, and what is known of what failed."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable

import pytest

from oneprice.errors import ConfigError, NetworkError, Outcome

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class RawServer:
    """Answers each request with the next line of a script; keeps what it got. None: closes instead."""

    def __init__(self, script: list[bytes | None]) -> None:
        self.script, self.got = script, list[bytes]()
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while head := await _head(reader):
                length = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                self.got.append(head + (await reader.readexactly(length[0]) if length else b""))
                answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@pytest.fixture
async def raw(loopback) -> AsyncIterator[Callable[..., object]]:
    servers = []

    async def start(*script: bytes | None) -> RawServer:
        server = RawServer(list(script))
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        servers.append((listening, server))
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        return server

    yield start
    await loopback.network.close()
    for listening, server in servers:
        listening.close()
        for writer in server.writers:
            writer.close()


async def until(holds: Callable[[], bool]) -> None:
    """Give the loop its turns until it holds."""
    async with asyncio.timeout(5):
        for _ in range(5_000):
            if holds():
                return
            await asyncio.sleep(0.001)


async def ask(line, method="GET", target="/x", headers=(), body=b"", timeout_s=5.0, bytes_max=10_000):
    return await line.request(method, target, headers, body, timeout_s=timeout_s, bytes_max=bytes_max)


async def test_a_request_is_sent_byte_by_byte_as_given(loopback, raw) -> None:
    server = await raw(OK)
    line = loopback.network.open_line(server.url + "/base", connections=1)
    answer = await ask(line, "POST", "/order?a=%2C&b=1", (("X-Key", "k"),), b'{"q":1}')
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"{}", "2")
    head, _, body = server.got[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /base/order?a=%2C&b=1 HTTP/1.1"
    assert {b"X-Key: k", b"Content-Length: 7", f"Host: {server.url[7:]}".encode()} <= set(lines)
    assert body == b'{"q":1}'


async def test_connections_are_kept_and_reuse_is_told(loopback, raw) -> None:
    server = await raw(OK)
    line = loopback.network.open_line(server.url, connections=2)
    answers = [await ask(line) for _ in range(3)]
    assert [one.reused for one in answers] == [False, True, True]
    assert (server.connections, line.opened) == (1, 1)


async def test_warming_opens_all_connections_ahead_and_once(loopback, raw) -> None:
    server = await raw(OK)
    line = loopback.network.open_line(server.url, connections=3)
    await line.warm()
    await line.warm()
    await asyncio.gather(*(ask(line) for _ in range(3)))
    assert server.connections == 3


async def test_more_requests_than_connections_wait_for_a_free_one(loopback, raw) -> None:
    server = await raw(OK)
    line = loopback.network.open_line(server.url, connections=2)
    answers = await asyncio.gather(*(ask(line) for _ in range(12)))
    assert [one.status for one in answers] == [200] * 12
    assert server.connections == 2


@pytest.mark.parametrize("size", [1, 7])
async def test_an_answer_may_come_in_any_pieces(loopback, raw, size) -> None:
    whole = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nx-a: 1\r\nx-a: 2\r\n\r\n"
    whole += b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    server = await raw(OK)

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.writers.append(writer)
        await _head(reader)
        for start in range(0, len(whole), size):
            writer.write(whole[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)

    server.serve = dribble
    listening = await asyncio.start_server(dribble, "127.0.0.1", 0)
    line = loopback.network.open_line(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", connections=1)
    answer = await ask(line)
    listening.close()
    assert (answer.status, answer.body, answer.headers["x-a"]) == (201, b"abcde", "2")


async def test_an_answer_that_is_compressed_unasked_is_read_within_its_limit(loopback, raw) -> None:
    packed = gzip.compress(b"a" * 5_000)
    server = await raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    )
    line = loopback.network.open_line(server.url, connections=1)
    assert (await ask(line)).body == b"a" * 5_000
    with pytest.raises(NetworkError, match="too large"):
        await ask(line, bytes_max=4_999)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "closed the connection"),
        (b"garbage\r\n\r\n", "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000, "too large|are allowed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "no answer within"),
        (
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000 + b"Content-Length: 0\r\n\r\n",
            "too large",
        ),
    ],
)
async def test_after_the_sending_every_failure_leaves_the_outcome_unknown(loopback, raw, answer, told) -> None:
    server = await raw(answer)
    line = loopback.network.open_line(server.url, connections=1)
    with pytest.raises(NetworkError, match=told) as failed:
        await ask(line, timeout_s=0.3)
    assert failed.value.outcome is Outcome.UNKNOWN
    assert len(server.got) == 1, "nothing is ever sent twice"


async def test_a_connection_that_failed_is_replaced_and_no_late_answer_is_mistaken(loopback, raw) -> None:
    late = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"
    server = await raw(OK)
    waits: list[asyncio.StreamWriter] = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.writers.append(writer)
        await _head(reader)
        waits.append(writer)
        if len(waits) > 1:
            writer.write(OK)

    listening = await asyncio.start_server(slow, "127.0.0.1", 0)
    line = loopback.network.open_line(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", connections=1)
    with pytest.raises(NetworkError, match="no answer"):
        await ask(line, timeout_s=0.1)
    waits[0].write(late)
    assert (await ask(line)).body == b"{}"
    listening.close()


async def test_a_request_given_up_by_its_caller_takes_its_connection_along(loopback, raw) -> None:
    server = await raw(OK)
    hold, arrived = asyncio.Event(), asyncio.Event()

    async def held(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.writers.append(writer)
        await _head(reader)
        server.connections += 1
        arrived.set()
        if server.connections == 1:
            await hold.wait()
        writer.write(OK)

    listening = await asyncio.start_server(held, "127.0.0.1", 0)
    line = loopback.network.open_line(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", connections=1)
    asking = asyncio.ensure_future(ask(line))
    await arrived.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (await ask(line)).body == b"{}"
    hold.set()
    listening.close()
    assert server.connections == 2


async def test_nothing_listens_means_nothing_was_sent(loopback, raw) -> None:
    line = loopback.network.open_line("http://127.0.0.1:9", connections=1)
    for attempt in (ask(line), line.warm()):
        with pytest.raises(NetworkError, match="cannot connect") as failed:
            await attempt
        assert failed.value.outcome is Outcome.NOT_SENT


async def test_a_server_that_closes_idle_connections_costs_nothing(loopback, raw) -> None:
    server = await raw(OK)
    line = loopback.network.open_line(server.url, connections=1)
    await ask(line)
    server.writers[0].close()
    await server.writers[0].wait_closed()
    await until(lambda: not line._connections)
    assert (await ask(line)).status == 200
    assert server.connections == 2


async def test_a_server_that_says_close_is_believed(loopback, raw) -> None:
    server = await raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    line = loopback.network.open_line(server.url, connections=1)
    assert [(await ask(line)).reused for _ in range(2)] == [False, False]
    assert server.connections == 2


async def test_a_closed_line_sends_nothing(loopback, raw) -> None:
    server = await raw(OK)
    line = loopback.network.open_line(server.url, connections=1)
    await line.warm()
    await line.close()
    with pytest.raises(NetworkError, match="closed") as failed:
        await ask(line)
    assert failed.value.outcome is Outcome.NOT_SENT
    assert not server.got


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:80", "http://"])
async def test_a_url_that_is_none_is_refused(loopback, url) -> None:
    with pytest.raises(ConfigError, match="must be http"):
        loopback.network.open_line(url, connections=1)
