"""Clocks, chance, loops and the garbage collector of a live process."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

from oneprice.errors import ConfigError, InvariantError
from oneprice.live import BusyPoll, LiveChance, LiveClock, QuietGarbage, loop_factory, run
from oneprice.ports import Chance, Clock


async def test_a_sleep_is_never_shorter_than_asked() -> None:
    clock: Clock = LiveClock()
    for seconds in (0.0, 0.0004, 0.0015, 0.01):
        began_ns = clock.monotonic_ns()
        await clock.sleep(seconds)
        assert clock.monotonic_ns() - began_ns >= seconds * 1e9


async def test_even_no_sleep_gives_way() -> None:
    turns = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await LiveClock().sleep(-1.0)
    assert turns == [1]


def test_the_clocks_are_the_machines() -> None:
    clock = LiveClock()
    assert abs(clock.wall_ns() - time.time_ns()) < 1_000_000_000
    assert clock.monotonic_ns() <= clock.monotonic_ns()


def test_chance_stays_within_and_repeats_from_a_seed() -> None:
    chance: Chance = LiveChance(7)
    drawn = [chance.uniform(2.0, 3.0) for _ in range(100)]
    assert all(2.0 <= number <= 3.0 for number in drawn)
    again = LiveChance(7)
    assert [again.uniform(2.0, 3.0) for _ in range(100)] == drawn
    assert LiveChance().uniform(0, 1) != LiveChance().uniform(0, 1)


@pytest.mark.parametrize("name", ["uvloop", "asyncio"])
@pytest.mark.parametrize("busy", [False, True])
def test_a_program_runs_on_the_loop_of_its_choice(name, busy) -> None:
    async def main() -> str:
        await asyncio.sleep(0)
        return type(asyncio.get_running_loop()).__module__.split(".")[0]

    assert run(main(), loop=name, busy_poll=busy) == name


def test_uvloop_is_the_default_where_it_is_installed(monkeypatch) -> None:
    import uvloop

    assert loop_factory() is uvloop.new_event_loop
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert loop_factory() is asyncio.new_event_loop
    with pytest.raises(ConfigError, match="not installed"):
        loop_factory("uvloop")


def test_an_unknown_loop_is_refused_by_name() -> None:
    async def main() -> None: ...

    with pytest.raises(ConfigError, match="loop = 'trio'"):
        run(main(), loop="trio")  # type: ignore[arg-type]


def test_busy_polling_never_waits_until_stopped(monkeypatch) -> None:
    loop = asyncio.new_event_loop()
    waits: list[float | None] = []
    selector = loop._selector  # type: ignore[attr-defined]
    select = selector.select

    def watched(timeout: float | None = None) -> object:
        waits.append(timeout)
        return select(timeout)

    monkeypatch.setattr(selector, "select", watched)
    try:
        poll = BusyPoll(loop)
        loop.run_until_complete(asyncio.sleep(0.002))
        assert set(waits) == {0}
        poll.stop()
        poll.stop()
        loop.run_until_complete(asyncio.sleep(0.002))
        assert max(wait or 0 for wait in waits) > 0
    finally:
        loop.close()


def test_while_garbage_is_quiet_nothing_is_collected_by_itself() -> None:
    quiet = QuietGarbage()
    quiet.start()
    try:
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert quiet.collect() >= 1
        gc.enable()
        with pytest.raises(InvariantError, match=r"gc\.enable"):
            quiet.collect()
    finally:
        quiet.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    quiet.stop()
