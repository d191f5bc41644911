"""Starts a coroutine in the caller's own turn of the loop: what it does before its first wait happens now."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")

_ENDED = object()


def start(work: Coroutine[Any, Any, T], name: str) -> asyncio.Future[T]:
    """Run `work` up to its first wait, at once; its task does the rest. An order's bytes are written in this call.

    The first step is that task's, too, as far as asyncio can tell: a timeout in it is a timeout of the task. (From
    Python 3.12 on asyncio has eager tasks; this is the same by the means that it documents for other tasks than its
    own.) What ends without a wait is done when this returns; an exception is in the future, whenever it came.
    """
    loop = asyncio.get_running_loop()
    begun = _Begun(work)
    task = loop.create_task(begun, name=name)
    if (current := asyncio.current_task(loop)) is not None:
        _leave_task(loop, current)
    _enter_task(loop, task)
    try:
        begun.first_wait = work.send(None)
    except StopIteration as end:
        done: asyncio.Future[T] = loop.create_future()
        done.set_result(end.value)
        return done
    except Exception as error:  # noqa: BLE001  whatever it is, it is whose waits for the future
        failed: asyncio.Future[T] = loop.create_future()
        failed.set_exception(error)
        return failed
    finally:
        _leave_task(loop, task)
        if current is not None:
            _enter_task(loop, current)
    return task


class _Begun(Coroutine[Any, Any, T]):
    """A coroutine that has taken its first step: to its task it looks as if it took it now."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self._is_handed_on = False
        self.first_wait: object = _ENDED

    def send(self, answer: Any) -> Any:
        if self._is_handed_on:
            return self._work.send(answer)
        self._is_handed_on = True
        if self.first_wait is _ENDED:
            raise StopIteration  # how it ended was told then
        return self.first_wait

    def throw(self, *error: Any) -> Any:
        self._is_handed_on = True
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, T]:
        raise RuntimeError("its task alone waits for it")
