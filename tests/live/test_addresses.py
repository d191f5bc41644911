"""Hosts are resolved rarely, and an outage of the resolver does not cut us off."""

from __future__ import annotations

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


class Resolver:
    """Notes who is asked for; answers, or fails while `broken`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False

    async def __call__(self, host, port, family):
        self.asked.append(host)
        if self.broken:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"10.0.0.{len(self.asked)}", port))]


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def resolver() -> Resolver:
    return Resolver()


def hosts(infos) -> list[str]:
    return [info[4][0] for info in infos]


async def test_a_host_is_asked_for_once_while_fresh(clock, resolver) -> None:
    addresses = Addresses(clock, 300.0, ask=resolver)
    for _ in range(3):
        assert hosts(await addresses.lookup("a.test", 443)) == ["10.0.0.1"]
    clock.now_ns = 300 * 10**9
    assert hosts(await addresses.lookup("a.test", 443)) == ["10.0.0.2"]


async def test_an_outage_of_the_resolver_leaves_what_was_known(clock, resolver) -> None:
    addresses = Addresses(clock, 300.0, ask=resolver)
    await addresses.lookup("a.test", 443)
    clock.now_ns, resolver.broken = 10**12, True
    assert hosts(await addresses.lookup("a.test", 443)) == ["10.0.0.1"]
    with pytest.raises(OSError, match="Temporary failure"):
        await addresses.lookup("b.test", 443)


async def test_a_doubted_host_is_asked_for_again(clock, resolver) -> None:
    addresses = Addresses(clock, 300.0, ask=resolver)
    await addresses.lookup("a.test", 443)
    await addresses.lookup("b.test", 443)
    addresses.doubt("a.test")
    await addresses.lookup("a.test", 443)
    await addresses.lookup("b.test", 443)
    assert resolver.asked == ["a.test", "b.test", "a.test"]


async def test_an_address_where_nobody_answers_is_doubted(clock, unused_tcp_port) -> None:
    asked = 0

    async def here(host, port, family):
        nonlocal asked
        asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", unused_tcp_port))]

    addresses = Addresses(clock, 300.0, ask=here)
    for _ in range(2):
        with pytest.raises(OSError, match=r".+"):
            await addresses.connect("a.test", 443)
    assert asked == 2


async def test_the_memory_is_bounded(clock, resolver) -> None:
    addresses = Addresses(clock, 300.0, hosts_max=2, ask=resolver)
    for host in ("a", "b", "c", "b", "c", "a"):
        await addresses.lookup(host, 443)
    assert resolver.asked == ["a", "b", "c", "a"]


async def test_aiohttp_gets_the_same_addresses(clock, resolver) -> None:
    addresses = Addresses(clock, 300.0, ask=resolver)
    assert [(one["host"], one["port"], one["hostname"]) for one in await addresses.resolve("a.test", 443)] == [
        ("10.0.0.1", 443, "a.test")
    ]
