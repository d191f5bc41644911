"""Each switchable fault, as a client of the exchange sees it."""

import asyncio
import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from oneprice.sim.faults import FaultBoard, FaultKind, FaultOrder

ONE = ("BTC/USDT",)


async def switch_on(http: aiohttp.ClientSession, server: Any, kind: str, **options: Any) -> None:
    """Switch a fault on, and let the server notice it."""
    async with http.post(server.url + "/_sim/fault", json={"kind": kind, **options}) as response:
        assert response.status == 200, await response.text()
    server.tick(server.now_ns())


async def clear(http: aiohttp.ClientSession, server: Any) -> None:
    """End all faults, and let the server notice it."""
    async with http.post(server.url + "/_sim/clear") as response:
        assert response.status == 200
    server.tick(server.now_ns())


def test_fault_lasts_for_its_time_or_its_count() -> None:
    now = [0]
    board = FaultBoard(lambda: now[0])
    board.switch_on(FaultOrder(FaultKind.FREEZE, seconds=2))
    board.switch_on(FaultOrder(FaultKind.GAP, count=2, target="btc"))
    assert board.hit(FaultKind.GAP, "ethusdt@depth") is None
    assert board.hit(FaultKind.GAP, "btcusdt@depth") is not None
    assert board.hit(FaultKind.GAP, "btcusdt@depth") is not None
    assert board.hit(FaultKind.GAP, "btcusdt@depth") is None
    now[0] = 1_999_999_999
    assert board.active(FaultKind.FREEZE) is not None
    now[0] = 2_000_000_000
    assert board.active(FaultKind.FREEZE) is None
    assert board.status() == []
    assert board.hits == {"gap": 2}


@pytest.mark.parametrize("options", [{"seconds": 0}, {"seconds": 1e9}, {"count": 0}])
def test_senseless_faults_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        FaultBoard(time.time_ns).switch_on(FaultOrder(FaultKind.SLOW, **options))


@pytest.mark.parametrize("kind", [FaultKind.FREEZE, FaultKind.HALT, FaultKind.CLOCK_SKEW])
def test_what_is_on_or_off_cannot_be_counted(kind: FaultKind) -> None:
    with pytest.raises(ValueError, match="takes no count"):
        FaultBoard(time.time_ns).switch_on(FaultOrder(kind, count=3))


def test_faults_that_are_on_are_bounded() -> None:
    now = [0]
    board = FaultBoard(lambda: now[0])
    for _ in range(100):
        board.switch_on(FaultOrder(FaultKind.HALT, seconds=1))
    with pytest.raises(ValueError, match="clear them first"):
        board.switch_on(FaultOrder(FaultKind.HALT))
    now[0] = 1_000_000_000
    board.switch_on(FaultOrder(FaultKind.HALT))
    assert len(board.status()) == 1


def test_the_manual_tells_of_every_fault_and_which_hit_once() -> None:
    manual = Path(__file__).resolve().parents[2] / "docs" / "simulator.md"
    told = dict(re.findall(r"^\| `(\w+)` \|( 1)? \|", manual.read_text(), re.MULTILINE))
    board = FaultBoard(lambda: 0)
    hits_once = {kind.value: board.switch_on(FaultOrder(kind)).remaining == 1 for kind in FaultKind}
    assert {kind: bool(mark) for kind, mark in told.items()} == hits_once


async def test_control_api_names_what_it_does_not_understand(start_venue: Any, http: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    for body in ({"kind": "earthquake"}, {"kind": "gap", "often": 3}, {"kind": "slow", "seconds": -1}):
        async with http.post(server.url + "/_sim/fault", json=body) as response:
            assert response.status == 400
            assert json.loads(await response.text())["error"]


async def test_freeze_stops_data_but_not_answers(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws/btcusdt@bookTicker")
    await stream.next()
    await switch_on(http, server, "freeze", seconds=60)
    # Passes over what was sent before the fault.
    assert (await stream.ask("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@bookTicker"]
    assert await stream.is_silent(0.3)
    await stream.socket.ping(b"alive")
    message = await stream.socket.receive(timeout=5)
    assert message.type is aiohttp.WSMsgType.PONG
    async with http.get(server.url + "/api/v3/time") as response:
        assert response.status == 200
    await clear(http, server)
    assert "u" in await stream.next()


async def test_half_open_keeps_sockets_and_says_nothing(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws/btcusdt@bookTicker")
    await stream.next()
    await switch_on(http, server, "half_open", seconds=60)
    while not await stream.is_silent(0.3):
        pass
    await stream.socket.ping(b"anyone")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream.socket.receive(), 0.2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(http.get(server.url + "/api/v3/time"), 0.2)
    assert not stream.socket.closed
    await clear(http, server)
    message = await stream.socket.receive(timeout=5)
    while message.type is aiohttp.WSMsgType.TEXT:
        message = await stream.socket.receive(timeout=5)
    assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"anyone")
    assert "u" in await stream.next()


async def test_drop_cuts_every_socket(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    streams = [await connect(server, "/ws/btcusdt@bookTicker") for _ in range(3)]
    await switch_on(http, server, "drop")
    for stream in streams:
        assert await stream.until_closed() in (None, 1006)
    again = await connect(server, "/ws/btcusdt@bookTicker")
    assert "u" in await again.next()


async def test_refuse_turns_new_connections_away_and_keeps_old_ones(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws/btcusdt@bookTicker")
    await switch_on(http, server, "refuse", seconds=60)
    while not await is_refused(server.port):
        pass
    for _ in range(3):
        assert "u" in await stream.next()
    assert await is_refused(server.port)
    server.faults.clear()  # nobody can reach it
    while await is_refused(server.port):
        pass
    again = await connect(server, "/ws/btcusdt@bookTicker")
    assert "u" in await again.next()


async def is_refused(port: int) -> bool:
    """Whether a new connection is turned away; the server's driver notices such a fault at its next turn."""
    await asyncio.sleep(0.005)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # accepted by the system in the moment in which the server stopped to listen
    writer.close()
    return False


async def test_gap_skips_one_diff_and_breaks_the_chain(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT", "ETH/USDT"))
    btc = await connect(server, "/ws/btcusdt@depth@100ms")
    eth = await connect(server, "/ws/ethusdt@depth@100ms")
    before = await btc.next()
    await switch_on(http, server, "gap", target="btcusdt")
    chain = [before] + [await btc.next() for _ in range(5)]
    gaps = [after["U"] - earlier["u"] - 1 for earlier, after in pairwise(chain)]
    assert sum(gap > 0 for gap in gaps) == 1
    other = [await eth.next() for _ in range(5)]
    assert all(after["U"] == earlier["u"] + 1 for earlier, after in pairwise(other))


async def test_garbage_is_one_unreadable_frame(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws/btcusdt@depth@100ms")
    await stream.next()
    await switch_on(http, server, "garbage")
    unreadable = 0
    for _ in range(6):
        try:
            await stream.next()
        except json.JSONDecodeError:
            unreadable += 1
    assert unreadable == 1


async def test_slow_delays_data_and_rest(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws/btcusdt@depth@100ms")
    await stream.next()
    await switch_on(http, server, "slow", seconds=60, delay_ms=300)
    started = time.monotonic()
    async with http.get(server.url + "/api/v3/time") as response:
        assert response.status == 200
    assert time.monotonic() - started >= 0.3
    frame = await stream.next()
    assert time.time_ns() // 1_000_000 - frame["E"] >= 295


async def test_stale_snapshot_is_older_than_the_stream(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws/btcusdt@depth@100ms")
    await switch_on(http, server, "stale_snapshot", seconds=60)
    events = [await stream.next() for _ in range(4)]
    url = server.url + "/api/v3/depth?symbol=BTCUSDT"
    async with http.get(url) as response:
        stale = json.loads(await response.text())
    assert stale["lastUpdateId"] + 1 < events[-1]["U"]
    await clear(http, server)
    async with http.get(url) as response:
        assert json.loads(await response.text())["lastUpdateId"] >= events[-1]["u"]


async def test_reject_subscribe_answers_with_an_error(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws")
    await switch_on(http, server, "reject_subscribe")
    assert (await stream.ask("SUBSCRIBE", ["btcusdt@bookTicker"]))["code"] == 2
    assert (await stream.ask("SUBSCRIBE", ["btcusdt@bookTicker"]))["result"] is None


@pytest.mark.parametrize(("kind", "status", "code"), [("rest_error", 503, -1001), ("rate_limit", 429, -1003)])
async def test_rest_faults_have_the_venues_shape(
    start_venue: Any, http: Any, kind: str, status: int, code: int
) -> None:
    server = await start_venue("binance", instruments=ONE)
    await switch_on(http, server, kind, count=1)
    async with http.get(server.url + "/api/v3/time") as response:
        assert response.status == status
        assert json.loads(await response.text())["code"] == code
        assert ("Retry-After" in response.headers) is (status == 429)
    async with http.get(server.url + "/api/v3/time") as response:
        assert response.status == 200


async def test_client_that_does_not_read_is_cut_off(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    stream = await connect(server, "/ws/btcusdt@bookTicker")
    await stream.next()
    connection = next(iter(server.connections))
    await switch_on(http, server, "half_open", seconds=60)
    for _ in range(connection.policy.queue_frames_max + 1):
        connection.send_data("{}")
    assert connection.is_closing
    assert await stream.until_closed() in (None, 1006)


async def test_status_tells_what_is_on(start_venue: Any, http: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=ONE)
    await connect(server, "/ws/btcusdt@bookTicker")
    await switch_on(http, server, "freeze", seconds=60)
    async with http.get(server.url + "/_sim/status") as response:
        status = json.loads(await response.text())
    assert status["venue"] == "binance"
    assert (status["connections"], status["streams"]) == (1, 1)
    assert [fault["kind"] for fault in status["faults"]] == ["freeze"]
    assert status["instruments"] == {"spot": ["BTC/USDT"], "usdm": ["BTC/USDT:USDT"]}
