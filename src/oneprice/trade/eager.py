"""Starts a coroutine in the caller's own turn of the loop: what it does before its first wait happens now."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def start(work: Coroutine[Any, Any, T], name: str) -> asyncio.Future[T]:
    """Run `work` up to its first wait, at once; a task does the rest. An order's bytes are written in this call.

    An exception before the first wait is in the future, as one after it is.
    """
    loop = asyncio.get_running_loop()
    try:
        waits_for = work.send(None)
    except StopIteration as end:
        done: asyncio.Future[T] = loop.create_future()
        done.set_result(end.value)
        return done
    except Exception as error:  # noqa: BLE001  whatever it is, it is whose waits for the future
        failed: asyncio.Future[T] = loop.create_future()
        failed.set_exception(error)
        return failed
    return loop.create_task(_go_on(work, waits_for), name=name)


async def _go_on(work: Coroutine[Any, Any, T], waits_for: object) -> T:
    return await _rest(work, waits_for)


@types.coroutine
def _rest(work: Coroutine[Any, Any, T], waits_for: object) -> Generator[Any, Any, T]:
    """What is left of a coroutine that waits: its waits are handed on, and the answers to it."""
    while True:
        try:
            answer = yield waits_for
        except BaseException as error:  # noqa: BLE001  handed on, as a task would
            step: Callable[[], object] = partial(work.throw, error)
        else:
            step = partial(work.send, answer)
        try:
            waits_for = step()
        except StopIteration as end:
            result: T = end.value
            return result
