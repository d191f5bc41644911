"""The server kit itself, under a dialect of three lines."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from oneprice.sim.connection import Connection, Frame, SocketPolicy
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimInstrument, SimMarket
from oneprice.sim.orders import DeskRules, Ticket
from oneprice.sim.server import SimServer, json_response


class Echo:
    """Answers every frame with itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def on_message(self, frame: Frame) -> None:
        self._connection.reply(frame)

    def on_close(self) -> None:
        self._connection.leave_all()


@pytest.fixture
async def kit() -> Any:
    server = SimServer("kit", {})
    server.route("GET", "/hello", lambda request: json_response({"hello": request.query.get("name")}))
    server.websocket("/echo", Echo, SocketPolicy(idle_timeout_s=60))
    server.websocket("/brief", Echo, SocketPolicy(idle_timeout_s=0.3))
    await server.start()
    yield server
    await server.stop()


async def test_rest_and_sockets_share_the_port(kit: SimServer, http: aiohttp.ClientSession) -> None:
    async with http.get(kit.url + "/hello?name=you") as response:
        assert await response.json() == {"hello": "you"}
    async with http.ws_connect(kit.url + "/echo") as socket:
        await socket.send_str("text")
        assert await socket.receive_str(timeout=5) == "text"
        await socket.send_bytes(b"bytes")
        assert await socket.receive_bytes(timeout=5) == b"bytes"


async def test_plain_get_of_a_socket_path_is_a_bad_request(kit: SimServer, http: Any) -> None:
    async with http.get(kit.url + "/echo") as response:
        assert response.status == 400


async def test_idle_connection_is_closed(kit: SimServer, http: Any) -> None:
    async with http.ws_connect(kit.url + "/brief") as socket:
        message = await socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == 1001


async def test_connections_are_forgotten_when_they_end(kit: SimServer, http: Any) -> None:
    async with http.ws_connect(kit.url + "/echo") as socket:
        await socket.send_str("here")
        await socket.receive_str(timeout=5)
        assert len(kit.connections) == 1
    async with http.get(kit.url + "/_sim/status") as response:
        assert (await response.json())["connections"] == 0


def test_timers_fire_at_whole_multiples_and_do_not_pile_up() -> None:
    now = [1_000_000_003]
    server = SimServer("kit", {}, clock=lambda: now[0])
    fired: list[int] = []
    stop = server.every(100, fired.append)
    for at in (1_050_000_000, 1_100_000_000, 1_101_000_000, 1_450_000_000, 1_499_000_000, 1_500_000_000):
        now[0] = at
        server.tick(at)
    assert fired == [1_100_000_000, 1_450_000_000, 1_500_000_000]
    stop()
    stop()
    server.tick(9_000_000_000)
    assert len(fired) == 3


def test_desks_live_by_the_venues_clock_even_when_that_is_wrong() -> None:
    now = [1_750_000_000_000_000_000]
    coin = SimInstrument("BTC", "USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5))
    market = SimMarket("kit", "spot", [coin], 42, now[0] - 1_000)
    market.start(now[0])
    server = SimServer("kit", {"spot": market}, clock=lambda: now[0])
    server.open_desks({"spot": DeskRules(maker_fee=Decimal(0), taker_fee=Decimal(0))})
    desk, (account,), listing = server.desks["spot"], server.accounts.all(), market.listings["BTC/USDT"]
    price = listing.price_scale.value(listing.top.bid_ticks * 9 // 10)
    ticket = Ticket(side=Side.BUY, quantity=Decimal("0.01"), price=price)
    desk.place(account, listing, ticket, server.now_ns())
    desk.countdown(account, listing, server.now_ns() + 3_000_000_000, server.now_ns())
    server.tick(now[0])
    assert len(desk.open_orders(account)) == 1
    server.faults.switch_on(FaultOrder(FaultKind.CLOCK_SKEW, seconds=60, delay_ms=3_000))
    server.tick(now[0])
    assert desk.open_orders(account) == []


async def test_failure_while_driving_is_not_swallowed() -> None:
    server = SimServer("kit", {})

    def fail(now_ns: int) -> None:
        raise ZeroDivisionError("a broken source")

    server.every(10, fail)
    await server.start()
    async with asyncio.timeout(5):
        while not server.is_broken:  # noqa: ASYNC110 - the driver has no event to wait on
            await asyncio.sleep(0.01)
    with pytest.raises(ZeroDivisionError):
        await server.stop()


def test_clock_is_wall_time_by_default() -> None:
    before_ns = time.time_ns()
    assert before_ns <= SimServer("kit", {}).now_ns() <= time.time_ns()
