"""Hosts are resolved rarely, and an outage of the resolver does not cut us off."""

from __future__ import annotations

import asyncio
import socket

import pytest

from oneprice.live.addresses import Addresses


class StandingClock:
    """Moved by the test only."""

    now_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    wall_ns = monotonic_ns

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


@pytest.fixture
def asked(monkeypatch):
    """Questions to the resolver; it answers with the address or raises the error in `asked.answer`."""

    class Asked(list[str]):
        answer: str | Exception = "10.0.0.1"

    questions = Asked()

    def getaddrinfo(host, port, *_rest, **_more):
        questions.append(host)
        if isinstance(questions.answer, Exception):
            raise questions.answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (questions.answer, port))]

    async def resolve(_loop, host, port, **_more):
        return getaddrinfo(host, port)

    monkeypatch.setattr(type(asyncio.get_event_loop_policy().new_event_loop()), "getaddrinfo", resolve, raising=False)
    return questions
