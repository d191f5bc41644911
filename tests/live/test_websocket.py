"""A real websocket over loopback: what a server may do, and what a listener hears of it."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from picows import WSMsgType

from oneprice.errors import ConfigError, NetworkError, Outcome

TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def saying(*data: bytes):
    """A server that says these bytes, all at once, to whoever connects."""
    return lambda peer: peer.raw(b"".join(data))


# ---- messages


async def test_text_and_binary_messages_arrive_whole_and_in_order(loopback, make_frame) -> None:
    sizes = [0, 1, 125, 126, 300, 65_535, 65_536, 200_000]
    frames = [make_frame(TEXT if n % 2 else BINARY, bytes([n]) * size) for n, size in enumerate(sizes)]
    _, ear = await loopback.dial(await loopback.serve(saying(*frames)))
    heard = await ear.frame_count(len(sizes))
    assert heard == [(bytes([n]) * size, n % 2 == 0) for n, size in enumerate(sizes)]


async def test_what_we_send_arrives(loopback) -> None:
    websocket, _ = await loopback.dial(await loopback.serve())
    for text in (b"a", b"b" * 70_000):
        websocket.send(text)
    assert await loopback.peers[0].heard_count(2) == [(TEXT, b"a"), (TEXT, b"b" * 70_000)]


async def test_headers_are_sent_with_the_upgrade(loopback) -> None:
    await loopback.dial(await loopback.serve(), headers={"X-Gate-Size-Decimal": "1"})
    assert loopback.peers[0].transport.request.headers["x-gate-size-decimal"] == "1"


async def test_a_message_in_fragments_is_put_together(loopback, make_frame) -> None:
    script = saying(
        make_frame(TEXT, b'{"a":', fin=False),
        make_frame(MORE, b"1", fin=False),
        make_frame(PING, b"between"),
        make_frame(MORE, b"}"),
        make_frame(BINARY, b"\x00", fin=False),
        make_frame(MORE, b"\x01"),
        make_frame(TEXT, b"whole"),
    )
    _, ear = await loopback.dial(await loopback.serve(script))
    assert await ear.frame_count(3) == [(b'{"a":1}', False), (b"\x00\x01", True), (b"whole", False)]
    assert await loopback.peers[0].heard_count(1) == [(PONG, b"between")]


async def test_a_message_cut_anywhere_by_the_network_arrives(loopback, make_frame) -> None:
    data = make_frame(TEXT, b"x" * 300) + make_frame(BINARY, b"y" * 200)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()
        writer.close()

    _, ear = await loopback.dial(f"ws://{await loopback.serve_tcp(trickle)}/")
    assert await ear.frame_count(2) == [(b"x" * 300, False), (b"y" * 200, True)]


# ---- limits


async def test_a_message_over_the_limit_is_never_handed_on(loopback, make_frame) -> None:
    script = saying(make_frame(TEXT, b"x" * 2_001), make_frame(TEXT, b"after"))
    _, ear = await loopback.dial(await loopback.serve(script), message_bytes_max=2_000)
    assert "1009" in await ear.end()
    assert not ear.frames
    assert (await loopback.peers[0].heard_count(1))[0][1][:2] == (1009).to_bytes(2, "big")


async def test_a_message_of_just_the_limit_is_handed_on(loopback, make_frame) -> None:
    _, ear = await loopback.dial(await loopback.serve(saying(make_frame(TEXT, b"x" * 2_000))), message_bytes_max=2_000)
    assert len((await ear.frame_count(1))[0][0]) == 2_000


async def test_fragments_together_over_the_limit_end_the_connection(loopback, make_frame) -> None:
    script = saying(
        make_frame(TEXT, b"x" * 900, fin=False),
        make_frame(MORE, b"x" * 900, fin=False),
        make_frame(MORE, b"x" * 900),
        make_frame(TEXT, b"after"),
    )
    _, ear = await loopback.dial(await loopback.serve(script), message_bytes_max=2_000)
    assert await ear.end() == "the server broke the protocol: 1009 a message of more than 2000 bytes"
    assert not ear.frames


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([(MORE, b"x", True)], "a continuation of no message"),
        ([(TEXT, b"x", False), (TEXT, b"y", True)], "a new message within a fragmented one"),
        ([(TEXT, b"x", False), (BINARY, b"y", False)], "a new message within a fragmented one"),
        ([(3, b"x", True)], "invalid opcode"),
        ([(PING, b"x" * 126, True)], "control frame with payload size > 125"),
        ([(PING, b"x", False)], "fragmented control frame"),
    ],
    ids=["stray", "nested", "nested-open", "opcode", "long-ping", "cut-ping"],
)
async def test_a_server_that_breaks_the_protocol_is_left(loopback, make_frame, frames, reason) -> None:
    data = [make_frame(opcode, payload, fin=fin) for opcode, payload, fin in frames]
    _, ear = await loopback.dial(await loopback.serve(saying(*data, make_frame(TEXT, b"after"))))
    end = await ear.end()
    assert end.startswith("the server broke the protocol: 1002")
    assert reason in end
    assert not ear.frames


async def test_a_server_that_does_not_read_is_left_before_memory_fills(loopback) -> None:
    release = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await release.wait()
        writer.close()

    websocket, ear = await loopback.dial(f"ws://{await loopback.serve_tcp(deaf)}/")
    for _ in range(2_000):
        websocket.send(b"x" * 10_000)
        if ear.reasons:
            break
    assert "does not read" in await ear.end()
    release.set()


# ---- pings


async def test_pings_are_answered_with_their_own_payload(loopback, make_frame) -> None:
    script = saying(make_frame(PING, b""), make_frame(PING, b"1700000000123"))
    await loopback.dial(await loopback.serve(script))
    assert await loopback.peers[0].heard_count(2) == [(PONG, b""), (PONG, b"1700000000123")]


async def test_our_ping_is_timed_by_its_pong(loopback, make_frame) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    opened_ns = websocket.last_pong_ns
    peer = loopback.peers[0]
    assert (opened_ns > 0, websocket.rtt_ns) == (True, 0)
    websocket.ping(b"7")
    assert await peer.heard_count(1) == [(PING, b"7")]
    assert websocket.last_pong_ns == opened_ns
    peer.raw(make_frame(PONG, b"7") + make_frame(TEXT, b"mark"))
    await ear.frame_count(1)
    assert websocket.last_pong_ns > opened_ns
    assert 0 < websocket.rtt_ns < 10_000_000_000


async def test_a_pong_that_nobody_asked_for_is_a_sign_of_life_but_times_nothing(loopback, make_frame) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    opened_ns = websocket.last_pong_ns
    websocket.ping(b"mine")
    loopback.peers[0].raw(make_frame(PONG, b"other") + make_frame(TEXT, b"mark"))
    await ear.frame_count(1)
    assert websocket.last_pong_ns > opened_ns
    assert websocket.rtt_ns == 0


async def test_on_a_half_open_connection_the_last_pong_stays_old(loopback) -> None:
    """Nothing comes, nothing fails: who watches `last_pong_ns` finds out, and drops it at once."""
    websocket, ear = await loopback.dial(await loopback.serve())
    opened_ns = websocket.last_pong_ns
    websocket.ping()
    await loopback.peers[0].heard_count(1)  # the peer of these tests answers no ping
    assert websocket.last_pong_ns == opened_ns
    websocket.abort("no pong")
    assert await ear.end() == "dropped by us: no pong"
    await loopback.peers[0].disconnected()
    assert loopback.peers[0].heard == [(PING, b"")]


# ---- ends


@pytest.mark.parametrize(
    ("payload", "reason", "answer"),
    [
        ((1001).to_bytes(2, "big") + b"going away", "closed by the server: 1001 going away", 1001),
        ((4001).to_bytes(2, "big"), "closed by the server: 4001", 4001),
        (b"", "closed by the server: no code", 1000),
    ],
    ids=["words", "code", "empty"],
)
async def test_a_close_is_answered_and_its_reason_told(loopback, make_frame, payload, reason, answer) -> None:
    script = saying(make_frame(CLOSE, payload), make_frame(TEXT, b"after"))
    _, ear = await loopback.dial(await loopback.serve(script))
    assert await ear.end() == reason
    await loopback.peers[0].disconnected()
    assert loopback.peers[0].heard == [(CLOSE, answer.to_bytes(2, "big"))]
    assert not ear.frames


async def test_a_close_of_ours_is_agreed_upon(loopback) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    websocket.close("enough")
    assert await ear.end() == "closed by us: enough"
    assert loopback.peers[0].heard == [(CLOSE, (1000).to_bytes(2, "big") + b"enough")]


async def test_after_our_close_nothing_is_handed_on(loopback, make_frame) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    websocket.close("enough")
    loopback.peers[0].raw(make_frame(TEXT, b"late"))
    await ear.end()
    assert not ear.frames


async def test_a_server_that_never_agrees_to_close_is_dropped(loopback) -> None:
    async def stubborn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await reader.read()
        writer.close()

    websocket, ear = await loopback.dial(f"ws://{await loopback.serve_tcp(stubborn)}/")
    websocket.close("enough")
    assert await ear.end() == "closed by us: enough"


async def test_a_long_reason_is_cut_to_what_a_close_may_carry(loopback) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    websocket.close("ä" * 100)
    await ear.end()
    assert loopback.peers[0].heard[0][1][2:] == "ä".encode() * 61


async def test_a_lost_connection_is_told_as_lost(loopback) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    loopback.peers[0].transport.disconnect(graceful=False)
    assert await ear.end() == "the connection was lost"
    assert (ear.reasons, websocket.last_pong_ns > 0) == (["the connection was lost"], True)


async def test_after_the_end_everything_is_harmless_and_the_end_is_told_once(loopback) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    websocket.abort("first")
    websocket.abort("second")
    assert await ear.end() == "dropped by us: first"
    websocket.send(b"x")
    websocket.ping()
    websocket.close("third")
    websocket.abort("fourth")
    await loopback.peers[0].disconnected()
    assert (ear.reasons, loopback.peers[0].heard) == (["dropped by us: first"], [])


@pytest.mark.parametrize("end", ["abort", "close"])
async def test_who_ends_it_from_within_a_frame_hears_no_frame_behind_it(loopback, make_frame, end) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    hear = ear.on_frame

    def end_at_first(payload: memoryview, binary: bool) -> None:
        hear(payload, binary)
        getattr(websocket, end)("heard enough")

    ear.on_frame = end_at_first
    websocket.begin(ear)
    loopback.peers[0].raw(b"".join(make_frame(TEXT, text) for text in (b"1", b"2", b"3")))
    assert "heard enough" in await ear.end()
    assert ear.frames == [(b"1", False)]


async def test_the_network_drops_what_is_open_when_it_closes_and_opens_nothing_more(loopback) -> None:
    url = await loopback.serve()
    ears = [(await loopback.dial(url))[1] for _ in range(3)]
    await loopback.network.close()
    await loopback.network.close()
    assert [ear.reasons for ear in ears] == [["dropped by us: the network is closed"]] * 3
    for attempt in (loopback.dial(url), loopback.get("http://127.0.0.1/")):
        with pytest.raises(NetworkError, match="the network is closed") as refused:
            await attempt
        assert refused.value.outcome is Outcome.NOT_SENT


async def test_what_was_being_opened_when_the_network_closed_is_dropped(loopback) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await go_on.wait()
        await upgrade(reader, writer)
        await reader.read()
        writer.close()

    opening = asyncio.ensure_future(loopback.dial(f"ws://{await loopback.serve_tcp(slow)}/"))
    await arrived.wait()
    await loopback.network.close()
    go_on.set()
    _, ear = await opening
    assert await ear.end() == "dropped by us: the network is closed"


async def test_a_listener_that_fails_ends_its_connection_and_is_reported(loopback, make_frame) -> None:
    _, ear = await loopback.dial(await loopback.serve())

    def fail(_payload: memoryview, _binary: bool) -> None:
        raise ZeroDivisionError("a fault of the listener")

    class Failing:
        on_frame = staticmethod(fail)
        on_closed = ear.on_closed

    url = await loopback.serve(saying(make_frame(TEXT, b"1"), make_frame(TEXT, b"2")))
    await loopback.dial(url, Failing())
    assert await ear.end() == "the listener failed"
    for _ in range(20):
        await asyncio.sleep(0)
    assert [type(fault["exception"]) for fault in loopback.faults] == [ZeroDivisionError]
    loopback.faults.clear()


async def test_a_dead_connection_needs_no_garbage_collector(loopback) -> None:
    websocket, ear = await loopback.dial(await loopback.serve())
    gc.collect()
    gc.disable()
    try:
        dead = weakref.ref(websocket)
        del websocket
        loopback.peers[0].transport.disconnect(graceful=False)
        await ear.end()
        for _ in range(20):
            await asyncio.sleep(0)
        assert dead() is None
    finally:
        gc.enable()


# ---- opening


async def test_a_refused_upgrade_tells_the_status_and_when_to_come_back(loopback) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    with pytest.raises(NetworkError, match="HTTP 429, retry after 30 s") as refused:
        await loopback.dial(f"ws://{await loopback.serve_tcp(refuse)}/")
    assert refused.value.outcome is Outcome.REJECTED


async def test_redirects_are_not_followed(loopback) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    with pytest.raises(NetworkError, match="HTTP 302"):
        await loopback.dial(f"ws://{await loopback.serve_tcp(redirect)}/")


async def test_a_server_that_hangs_up_during_the_upgrade(loopback) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    with pytest.raises(NetworkError, match="hung up") as lost:
        await loopback.dial(f"ws://{await loopback.serve_tcp(hang_up)}/")
    assert lost.value.outcome is Outcome.UNKNOWN


async def test_a_server_that_does_not_answer_the_upgrade_is_left_in_time(loopback) -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()
        writer.close()

    with pytest.raises(NetworkError, match=r"not open within 0.05 s") as late:
        await loopback.dial(f"ws://{await loopback.serve_tcp(silent)}/", timeout_s=0.05)
    assert late.value.outcome is Outcome.UNKNOWN
    async with asyncio.timeout(5):
        await left.wait()


async def test_a_cancelled_opening_hangs_up(loopback) -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        left.set()
        writer.close()

    opening = asyncio.ensure_future(loopback.dial(f"ws://{await loopback.serve_tcp(silent)}/"))
    await arrived.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with asyncio.timeout(5):
        await left.wait()


async def test_nobody_listening_means_nothing_was_sent(loopback, unused_tcp_port) -> None:
    with pytest.raises(NetworkError, match="cannot connect") as refused:
        await loopback.dial(f"ws://127.0.0.1:{unused_tcp_port}/")
    assert refused.value.outcome is Outcome.NOT_SENT


async def test_an_unknown_host_means_nothing_was_sent(loopback) -> None:
    with pytest.raises(NetworkError, match="cannot connect") as unknown:
        await loopback.dial("ws://no-such-host.invalid/")
    assert unknown.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws:///path", "127.0.0.1:80", "ws://127.0.0.1:99999/"])
async def test_a_url_that_is_none_is_refused_by_name(loopback, url) -> None:
    with pytest.raises(ConfigError, match="websocket url"):
        await loopback.dial(url)


async def test_the_end_may_come_before_the_opening_has_returned(loopback, make_frame) -> None:
    script = saying(make_frame(TEXT, b"hello"), make_frame(CLOSE, (1000).to_bytes(2, "big")))
    websocket, ear = await loopback.dial(await loopback.serve(script))
    assert await ear.end() == "closed by the server: 1000"
    assert ear.frames == [(b"hello", False)]
    websocket.send(b"into the void")


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server's half of the opening handshake (RFC 6455, 4.2.2)."""
    import base64
    import hashlib

    request = await reader.readuntil(b"\r\n\r\n")
    lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if line)
    accept = hashlib.sha1(lines[b"Sec-WebSocket-Key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n\r\n"
    )


def test_opcodes_are_those_of_the_transport() -> None:
    assert [int(kind.value) for kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE)] == [1, 2, 8]
