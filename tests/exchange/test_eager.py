"""A coroutine that starts at once: in a task of its own from its first step, whoever calls."""

from __future__ import annotations

import asyncio

import pytest

from oneprice.exchange.eager import start


async def test_the_first_step_is_taken_in_the_call() -> None:
    seen: list[str] = []

    async def work() -> int:
        seen.append("first")
        await asyncio.sleep(0)
        seen.append("second")
        return 7

    started = start(work(), "work")
    assert seen == ["first"]
    assert await started == 7
    assert seen == ["first", "second"]


async def test_what_ends_without_a_wait_is_over_in_the_call() -> None:
    async def ends() -> int:
        return 7

    async def fails() -> int:
        raise ValueError("no")

    assert start(ends(), "ends").result() == 7
    assert isinstance(start(fails(), "fails").exception(), ValueError)


async def test_the_first_step_may_ask_for_a_timeout_and_the_timeout_ends_only_it() -> None:
    async def slow() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "gave up"
        return "waited"

    mine = asyncio.current_task()
    assert await start(slow(), "slow") == "gave up"
    assert asyncio.current_task() is mine
    assert mine is not None
    assert not mine.cancelling()


async def test_a_callback_that_is_in_no_task_starts_one() -> None:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[asyncio.Future[str]] = loop.create_future()

    async def named() -> str:
        async with asyncio.timeout(1):
            first = asyncio.current_task()
            await asyncio.sleep(0)
            assert asyncio.current_task() is first
        assert first is not None
        return first.get_name()

    loop.call_soon(lambda: told.set_result(start(named(), "named")))
    assert await (await told) == "named"


async def test_it_can_be_cancelled_and_what_it_raises_is_handed_on() -> None:
    async def waits() -> None:
        await asyncio.sleep(60)

    async def fails_later() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    started = start(waits(), "waits")
    started.cancel()
    with pytest.raises(asyncio.CancelledError):
        await started
    with pytest.raises(ValueError, match="later"):
        await start(fails_later(), "fails")
