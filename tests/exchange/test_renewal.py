"""Tickets of private streams: renewed in time, through failures, until the venue refuses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from oneprice.errors import InvalidRequestError, NetworkError, Outcome, VenueUnavailableError
from oneprice.exchange.account_stream import StreamTalk
from oneprice.venues.kit import Call, Request, Ticket

RENEWAL = Call(Request(path="/ticket", method="PUT"), lambda _: None)


class Renewals:
    """Answers to renewals, one after the other; `times_s` is when each was asked for."""

    def __init__(self, clock: Any, answers: list[Exception | None]) -> None:
        self._clock, self._answers, self._began_ns = clock, answers, clock.monotonic_ns()
        self.times_s: list[float] = []

    async def run(self, call: object) -> None:
        self.times_s.append((self._clock.monotonic_ns() - self._began_ns) / 1e9)
        answer = self._answers.pop(0)
        if answer is not None:
            raise answer


async def test_a_renewal_that_fails_on_its_way_is_tried_again_and_the_stream_stands(world) -> None:
    over = InvalidRequestError("testvenue", "this ticket does not exist", code="-1125")
    lost = NetworkError("lost", Outcome.UNKNOWN)
    rest = Renewals(world.clock, [None, lost, VenueUnavailableError("testvenue", "busy"), None, over])
    account = SimpleNamespace(
        renew_every_s=1_500.0, renew=lambda ticket: RENEWAL, user_stream=lambda ticket: SimpleNamespace()
    )
    parts: Any = (account, Ticket("abc"), rest, world.clock)
    talk = StreamTalk(*parts, cast(Any, None), cast(Any, None))
    with pytest.raises(InvalidRequestError):
        await world.clock.run(talk.upkeep())
    assert rest.times_s == [1_500, 3_000, 3_060, 3_120, 4_620]
