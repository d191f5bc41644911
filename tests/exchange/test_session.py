"""A private connection is kept: opened anew after every end, later each time, and never doubted for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.exchange.conftest import MiddleChance, VirtualClock
from tests.exchange.connections import Net, Socket

from oneprice.errors import AuthenticationError, InvalidResponseError, NetworkError, Outcome, VenueUnavailableError
from oneprice.exchange import ConnectionConfig
from oneprice.exchange.interfaces import SessionState
from oneprice.exchange.session import HangUp, Session

CONFIG = ConnectionConfig(
    ping_every_ms=1_000,
    pong_within_ms=2_000,
    reconnect_first_ms=100,
    reconnect_max_ms=1_600,
    renew_before_s=10.0,
    ready_within_ms=3_000,
)
OPEN, RECONNECTING = SessionState.OPEN, SessionState.RECONNECTING


class ScriptedTalk:
    """Ready as soon as the venue says "ready"; whatever else it hears is raised or kept."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.url = "wss://venue.invalid/private"
        self.lifetime_s, self.ping_every_s = line.lifetime_s, line.ping_every_s
        self.heard_texts: list[str] = []
        self.reason: str | None = None
        self._acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def opened(self, send: Callable[[bytes], None]) -> None:
        send(b"log in")

    def heard(self, payload: bytes, binary: bool) -> None:
        text = payload.decode()
        if text == "ready":
            self._acknowledged.set_result(None)
        elif text in self._line.raises:
            raise self._line.raises[text]
        else:
            self.heard_texts.append(text)

    def ping(self) -> bytes | None:
        return self._line.ping

    async def ready(self) -> None:
        await self._acknowledged

    async def upkeep(self) -> None:
        await self._line.clock.sleep(self._line.upkeep_s)
        raise self._line.upkeep_error

    def ended(self, reason: str) -> None:
        self.reason = reason
        self._acknowledged.cancel()


class Line:
    """A session with a venue that the test plays."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.net = Net(self.clock)
        self.net.on_sent = self._on_sent
        self.lets_in = True
        self.raises: dict[str, Exception] = {}
        self.lifetime_s = self.ping_every_s = 0.0
        self.ping: bytes | None = None
        self.upkeep_s = 1e9
        self.upkeep_error: Exception = NetworkError("the ticket could not be renewed")
        self.talks: list[ScriptedTalk] = []
        self.make_errors: list[Exception] = []
        self.changes: list[tuple[SessionState, str]] = []
        self.session = Session(
            "the venue's private stream",
            self.net,  # type: ignore[arg-type]
            self.clock,
            MiddleChance(),
            CONFIG,
            self._make,
            changed=lambda state, reason: self.changes.append((state, reason)),
            headers={"X-Size": "1"},
        )

    async def _make(self) -> ScriptedTalk:
        if self.make_errors:
            raise self.make_errors.pop(0)
        self.talks.append(ScriptedTalk(self))
        return self.talks[-1]

    def _on_sent(self, socket: Socket, payload: bytes) -> None:
        if payload == b"log in" and self.lets_in:
            asyncio.get_running_loop().call_soon(socket.say, "ready")

    async def live(self, seconds: float, *then: Callable[[], None]) -> None:
        """Run for so long; after each equal part of it one of `then` happens."""
        task = asyncio.ensure_future(self.session.run())

        async def pass_time() -> None:
            parts = len(then) + 1
            for act in (*then, None):
                await self.clock.sleep(seconds / parts)
                if act is not None:
                    act()

        await self.clock.run(pass_time())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.session.close()

    @property
    def states(self) -> list[SessionState]:
        return [state for state, _ in self.changes]

    @property
    def reasons(self) -> list[str]:
        return [reason for state, reason in self.changes if state is RECONNECTING]

    @property
    def last(self) -> Socket:
        return self.net.sockets[-1]


@pytest.fixture
def line() -> Line:
    return Line()


async def test_it_is_open_once_it_is_ready_and_closed_in_the_end(line: Line) -> None:
    await line.live(5.0, lambda: line.last.say("event"))
    assert line.states == [OPEN, RECONNECTING, SessionState.CLOSED]
    assert line.talks[0].heard_texts == ["event"]
    assert line.net.headers == {"X-Size": "1"}
    assert line.session.connects == 1
    assert line.last.closed is not None


async def test_a_lost_connection_is_replaced_and_its_talk_told_why(line: Line) -> None:
    await line.live(20.0, lambda: line.last.drop("reset by peer"))
    assert line.states[:3] == [OPEN, RECONNECTING, OPEN]
    assert line.talks[0].reason == "reset by peer"
    assert len(line.net.sockets) == 2
    assert line.net.sockets[0].closed is not None


async def test_one_that_lived_long_is_replaced_at_once(line: Line) -> None:
    await line.live(20.0, lambda: line.last.drop())
    assert line.net.pauses_s == [pytest.approx(10.0, abs=0.02)]


async def test_pauses_double_up_to_their_limit_while_nothing_works(line: Line) -> None:
    line.net.refusals = ["refused"] * 8
    await line.live(10.0)
    assert line.net.pauses_s[:8] == pytest.approx([0.06, 0.11, 0.21, 0.41, 0.81, 0.81, 0.81, 0.81], abs=0.01)
    assert line.states[0] is RECONNECTING
    assert line.states[1] is OPEN


async def test_connects_in_any_minute_are_few_when_every_connection_dies_young(line: Line) -> None:
    line.net.on_open = lambda socket: asyncio.get_running_loop().call_soon(socket.drop)  # type: ignore[assignment]
    await line.live(60.0)
    assert 60 < len(line.net.attempts_ns) < 90


async def test_what_cannot_be_made_is_tried_again(line: Line) -> None:
    line.make_errors = [VenueUnavailableError("venue", "maintenance"), NetworkError("no route")]
    await line.live(5.0)
    assert line.reasons[:2] == ["venue: maintenance", "no route"]
    assert line.states[2] is OPEN


async def test_a_login_without_an_answer_ends_in_time(line: Line) -> None:
    line.lets_in = False
    await line.live(4.0)
    assert "not logged in within 3000 ms" in line.reasons[0]
    assert OPEN not in line.states


async def test_a_refusal_ends_the_connection_and_is_kept_as_the_error_that_it_is(line: Line) -> None:
    line.lets_in = False
    line.raises = {"no": AuthenticationError("venue", "bad key", outcome=Outcome.REJECTED)}
    await line.live(1.0, lambda: line.last.say("no"), lambda: None)
    assert line.reasons[0] == "venue: bad key"
    assert line.talks[0].reason == "venue: bad key"
    assert isinstance(line.session.error, AuthenticationError)


async def test_an_error_is_forgotten_when_the_next_connection_stands(line: Line) -> None:
    line.net.refusals = ["refused"]
    await line.live(5.0)
    assert line.session.error is None


@pytest.mark.parametrize(
    "error", [HangUp("the venue restarts"), InvalidResponseError("venue", "nonsense")], ids=["closing", "nonsense"]
)
async def test_a_message_that_ends_the_connection_leads_to_a_new_one(line: Line, error: Exception) -> None:
    line.raises = {"last": error}
    await line.live(20.0, lambda: line.last.say("last"))
    assert line.reasons[0] == str(error)
    assert line.states[:3] == [OPEN, RECONNECTING, OPEN]


async def test_a_connection_that_answers_no_ping_is_given_up_in_time(line: Line) -> None:
    def go_silent() -> None:
        line.last.answers_pings = False

    await line.live(16.0, go_silent)
    given_up_s = (line.net.attempts_ns[1] - line.net.sockets[0].opened_ns) / 1e9
    assert 8.0 + 3.0 <= given_up_s <= 8.0 + 3.0 + 2 * 1.0
    assert "no pong for" in line.reasons[0]


async def test_it_is_replaced_before_the_venue_ends_it(line: Line) -> None:
    line.lifetime_s = 60.0
    await line.live(55.0)
    assert (line.net.attempts_ns[1] - line.net.sockets[0].opened_ns) / 1e9 == pytest.approx(51.0, abs=1.1)
    assert "lifetime" in line.reasons[0]


async def test_the_venues_own_pings_are_sent_as_often_as_it_wants(line: Line) -> None:
    line.ping_every_s, line.ping = 7.0, b"ping"
    await line.live(30.0)
    assert line.last.sent == [b"log in"] + [b"ping"] * 4


async def test_upkeep_that_fails_ends_the_connection(line: Line) -> None:
    line.upkeep_s = 5.0
    await line.live(6.0)
    assert line.reasons[0] == "the ticket could not be renewed"
    assert len(line.net.sockets) == 2


async def test_nothing_is_left_running_when_it_is_cancelled(line: Line) -> None:
    await line.live(5.0)
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
