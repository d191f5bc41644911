"""The faults of commands, their answers and private events, over real sockets under a dialect of a few lines."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from oneprice.sim.connection import Connection, Frame, SocketPolicy
from oneprice.sim.faults import FaultBoard, FaultKind, FaultOrder
from oneprice.sim.server import SimServer, json_response

START_NS = 1_750_000_000_000_000_000
MS = 1_000_000


class Venue:
    """Takes orders by REST and by websocket, and tells all sockets of each. Its clock is set by hand."""

    def __init__(self) -> None:
        self.clock_ns = START_NS
        self.carried_out: list[str] = []
        self.server = SimServer("toy", {}, clock=lambda: self.clock_ns)
        self.server.route("POST", "/orders", self._post, changes=True)
        self.server.route("DELETE", "/orders", self._post, changes=True)
        self.server.route("GET", "/time", lambda _: json_response({"now_ms": self.server.now_ms()}))
        self.server.fault_answer = self._fault_answer
        policy = SocketPolicy(queue_frames_max=50)
        self.server.websocket("/ws", lambda connection: Desk(self, connection), policy)

    def fault(self, kind: FaultKind, **options: Any) -> None:
        self.server.faults.switch_on(FaultOrder(kind, **options))

    def pass_ms(self, ms: int) -> None:
        self.clock_ns += ms * MS

    def carry_out(self, order: str) -> None:
        self.carried_out.append(order)
        for connection in self.server.connections:
            connection.report(json.dumps({"report": order}), "executionReport")

    def _post(self, request: web.Request) -> web.Response:
        order = json.loads(self.server.body(request))["order"]
        self.carry_out(order)
        return json_response({"ack": order})

    def _fault_answer(self, request: web.Request, kind: FaultKind) -> web.Response:
        return json_response({"error": kind.value}, 418, {"Retry-After": str(self.server.faults.left_s(kind))})


class Desk:
    """{"order": name} is carried out and answered; {"report": name} only tells this socket."""

    def __init__(self, venue: Venue, connection: Connection) -> None:
        self._venue = venue
        self._connection = connection

    def on_message(self, frame: Frame) -> None:
        message = json.loads(frame)
        if "report" in message:
            self._connection.report(json.dumps(message), "balances")
            return
        if self._connection.loses("order.place"):
            return
        self._connection.answer(json.dumps({"ack": message["order"]}), "order.place")
        self._venue.carry_out(message["order"])

    def on_close(self) -> None:
        self._connection.leave_all()


class Client:
    """A websocket that speaks JSON; `ask` sends and does not wait."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def ask(self, **message: str) -> None:
        await self.socket.send_json(message)

    async def take(self, count: int) -> list[dict[str, str]]:
        return [json.loads(await self.socket.receive_str(timeout=5)) for _ in range(count)]

    async def so_far(self) -> list[dict[str, str]]:
        """What is there when a marker sent now has come back."""
        found = []
        await self.ask(report="marker")
        while (message := (await self.take(1))[0]) != {"report": "marker"}:
            found.append(message)
        return found


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    made = Venue()
    await made.server.start()
    yield made
    await made.server.stop()


@pytest.fixture
async def client(venue: Venue, http: aiohttp.ClientSession) -> AsyncIterator[Client]:
    async with http.ws_connect(venue.server.url + "/ws") as socket:
        yield Client(socket)


def post(http: aiohttp.ClientSession, venue: Venue, order: str) -> Any:
    return http.post(venue.server.url + "/orders", json={"order": order})


async def struck(venue: Venue) -> None:
    """Until a fault has struck: by then the request has arrived, and what it changes is changed."""
    while not venue.server.faults.hits:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0.005)


# ---- commands by REST -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "carried_out"), [(FaultKind.LOST_REQUEST, []), (FaultKind.LOST_ACK, ["a"])])
async def test_client_cannot_tell_a_lost_request_from_a_lost_ack(
    venue: Venue, http: aiohttp.ClientSession, kind: FaultKind, carried_out: list[str]
) -> None:
    venue.fault(kind, target="POST /orders")
    asking = asyncio.create_task(post(http, venue, "a"))
    await struck(venue)
    assert venue.carried_out == carried_out
    async with post(http, venue, "b") as response:
        assert await response.json() == {"ack": "b"}
    assert not asking.done()
    asking.cancel()
    assert venue.server.faults.hits == {kind: 1}


async def test_hanging_connection_is_cut_when_the_faults_time_is_over(venue: Venue, http: Any) -> None:
    venue.fault(FaultKind.LOST_ACK, seconds=2)
    asking = asyncio.create_task(post(http, venue, "a"))
    await struck(venue)
    venue.pass_ms(1_999)
    await asyncio.sleep(0.03)
    assert not asking.done()
    venue.pass_ms(1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await asking


async def test_fault_is_aimed_at_method_and_path(venue: Venue, http: aiohttp.ClientSession) -> None:
    venue.fault(FaultKind.LOST_REQUEST, target="DELETE /orders")
    async with post(http, venue, "a") as response:
        assert response.status == 200
    asking = asyncio.create_task(http.delete(venue.server.url + "/orders", json={"order": "b"}))
    await struck(venue)
    async with post(http, venue, "c") as response:
        assert response.status == 200
    assert venue.carried_out == ["a", "c"]
    assert not asking.done()
    asking.cancel()


async def test_late_ack_comes_after_the_fill(venue: Venue, http: aiohttp.ClientSession, client: Client) -> None:
    venue.fault(FaultKind.LATE_ACK, delay_ms=400)
    asking = asyncio.create_task(post(http, venue, "a"))
    assert await client.take(1) == [{"report": "a"}]
    assert not asking.done()
    venue.pass_ms(400)
    async with await asking as response:
        assert await response.json() == {"ack": "a"}


async def test_stopping_does_not_wait_for_hanging_requests(venue: Venue, http: aiohttp.ClientSession) -> None:
    venue.fault(FaultKind.LOST_ACK)
    asking = asyncio.create_task(post(http, venue, "a"))
    await struck(venue)
    async with asyncio.timeout(5):  # the fault has no end: who waited for the request would wait for ever
        await venue.server.stop()
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_queries_are_not_lost(venue: Venue, http: aiohttp.ClientSession) -> None:
    venue.fault(FaultKind.LOST_ACK, seconds=5)
    venue.fault(FaultKind.LOST_REQUEST, seconds=5)
    async with http.get(venue.server.url + "/time") as response:
        assert await response.json() == {"now_ms": START_NS // MS}


# ---- commands by websocket ------------------------------------------------------------------------------


async def test_lost_command_changes_nothing(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.LOST_REQUEST, target="order.place")
    await client.ask(order="a")
    assert await client.so_far() == []
    await client.ask(order="b")
    assert await client.take(2) == [{"ack": "b"}, {"report": "b"}]
    assert venue.carried_out == ["b"]


async def test_lost_answer_leaves_the_report(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.LOST_ACK, target="order.place")
    await client.ask(order="a")
    assert await client.so_far() == [{"report": "a"}]


async def test_late_answer_holds_nothing_else_up(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.LATE_ACK, delay_ms=250)
    await client.ask(order="a")
    await client.ask(order="b")
    assert await client.take(3) == [{"report": "a"}, {"ack": "b"}, {"report": "b"}]
    venue.pass_ms(249)
    assert await client.so_far() == []
    venue.pass_ms(1)
    assert await client.take(1) == [{"ack": "a"}]


async def test_later_answers_may_overtake_late_ones(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.LATE_ACK, delay_ms=300, count=1)
    await client.ask(order="a")
    assert await client.so_far() == [{"report": "a"}]
    venue.fault(FaultKind.LATE_ACK, delay_ms=100, count=1)
    await client.ask(order="b")
    assert await client.so_far() == [{"report": "b"}]
    venue.pass_ms(300)
    assert await client.take(2) == [{"ack": "b"}, {"ack": "a"}]


async def test_double_answer_comes_twice(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.DOUBLE_ACK)
    await client.ask(order="a")
    assert await client.so_far() == [{"ack": "a"}, {"ack": "a"}, {"report": "a"}]
    assert venue.carried_out == ["a"]


# ---- private events -------------------------------------------------------------------------------------


async def test_lost_report_leaves_the_answer(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.LOST_REPORT, target="executionReport")
    await client.ask(order="a")
    assert await client.so_far() == [{"ack": "a"}]
    await client.ask(order="b")
    assert await client.so_far() == [{"ack": "b"}, {"report": "b"}]


async def test_double_report_comes_twice(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.DOUBLE_REPORT)
    await client.ask(report="a")
    assert await client.so_far() == [{"report": "a"}, {"report": "a"}]


async def test_late_reports_keep_their_order(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.LATE_REPORT, count=1, delay_ms=300)
    for name in ("a", "b"):
        await client.ask(report=name)
    await client.ask(order="c")
    assert await client.take(1) == [{"ack": "c"}]
    venue.pass_ms(300)
    assert await client.take(3) == [{"report": "a"}, {"report": "b"}, {"report": "c"}]


async def test_late_reports_that_are_due_are_not_overtaken(venue: Venue, client: Client) -> None:
    """Between two ticks the time of a late report may have come, and the next one is there before the tick."""
    venue.fault(FaultKind.LATE_REPORT, count=1, delay_ms=100)
    (connection,) = venue.server.connections
    connection.report('{"report": "late"}')
    venue.pass_ms(100)
    connection.report('{"report": "next"}')
    assert await client.take(2) == [{"report": "late"}, {"report": "next"}]


async def test_reordered_report_comes_after_the_next_one(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.REORDER_REPORT)
    for name in ("a", "b", "c"):
        await client.ask(report=name)
    assert await client.take(3) == [{"report": "b"}, {"report": "a"}, {"report": "c"}]


async def test_reordered_report_does_not_wait_for_ever(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.REORDER_REPORT, target="executionReport")
    await client.ask(order="a")
    assert await client.take(1) == [{"ack": "a"}]
    venue.pass_ms(500)
    assert await client.take(1) == [{"report": "a"}]


async def test_frozen_streams_lose_reports_and_garbage_spoils_one(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.FREEZE, seconds=1)
    await client.ask(order="a")
    assert await client.take(1) == [{"ack": "a"}]
    venue.pass_ms(1_000)
    venue.fault(FaultKind.GARBAGE, target="executionReport")
    await client.ask(order="b")
    assert await client.take(1) == [{"ack": "b"}]
    with pytest.raises(json.JSONDecodeError):
        await client.take(1)


async def test_late_frames_are_bounded_like_the_queue(venue: Venue, client: Client) -> None:
    venue.fault(FaultKind.LATE_REPORT, seconds=60, delay_ms=60_000)
    (connection,) = venue.server.connections
    for _ in range(connection.policy.queue_frames_max + 1):
        connection.report("{}")
    assert connection.is_closing
    message = await client.socket.receive(timeout=5)
    assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


# ---- the venue as a whole -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.MAINTENANCE, FaultKind.BAN, FaultKind.REST_ERROR, FaultKind.RATE_LIMIT])
async def test_dialect_answers_in_the_place_of_the_handler(
    venue: Venue, http: aiohttp.ClientSession, kind: FaultKind
) -> None:
    venue.fault(kind, seconds=90, target="/orders")
    venue.pass_ms(500)
    async with post(http, venue, "a") as response:
        assert (response.status, await response.json()) == (418, {"error": kind.value})
        assert response.headers["Retry-After"] == "90"
    async with http.get(venue.server.url + "/time") as response:
        assert response.status == 200
    assert venue.carried_out == []


async def test_ban_goes_before_maintenance(venue: Venue, http: aiohttp.ClientSession) -> None:
    venue.fault(FaultKind.MAINTENANCE, seconds=5)
    venue.fault(FaultKind.BAN, seconds=5)
    async with http.get(venue.server.url + "/time") as response:
        assert await response.json() == {"error": "ban"}


@pytest.mark.parametrize("skew_ms", [1_500, -4_000])
async def test_skewed_clock_is_what_the_venue_shows(venue: Venue, http: aiohttp.ClientSession, skew_ms: int) -> None:
    venue.fault(FaultKind.CLOCK_SKEW, seconds=2, delay_ms=skew_ms)
    async with http.get(venue.server.url + "/time") as response:
        assert (await response.json())["now_ms"] == START_NS // MS + skew_ms
    venue.pass_ms(2_000)
    async with http.get(venue.server.url + "/time") as response:
        assert (await response.json())["now_ms"] == START_NS // MS + 2_000


@pytest.mark.parametrize(
    ("kind", "delay_ms"), [(FaultKind.LATE_ACK, -1), (FaultKind.CLOCK_SKEW, -3_600_001), (FaultKind.SLOW, 3_600_001)]
)
def test_delays_out_of_range_are_refused(kind: FaultKind, delay_ms: int) -> None:
    with pytest.raises(ValueError, match="delay_ms must be"):
        FaultBoard(time.time_ns).switch_on(FaultOrder(kind, delay_ms=delay_ms))


def test_retry_after_is_whole_seconds_and_at_least_one() -> None:
    now = [0]
    board = FaultBoard(lambda: now[0])
    assert board.left_s(FaultKind.BAN) == 1
    board.switch_on(FaultOrder(FaultKind.BAN, seconds=3))
    now[0] = 1
    assert board.left_s(FaultKind.BAN) == 3
    now[0] = 2_500_000_000
    assert board.left_s(FaultKind.BAN) == 1
