"""The one place that catches everything: the first error of any task or callback ends the run and comes out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType


class Supervisor:
    """Tasks that live and die together.

    As a context: leaving it cancels what still runs. When a task raises, or `fail` is called, the body is cancelled
    and the first error is raised from the context.
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: dict[asyncio.Task[None], None] = {}  # in the order in which they began
        self._error: BaseException | None = None
        self._failed = asyncio.Event()

    async def __aenter__(self) -> Supervisor:
        await self._group.__aenter__()
        self.spawn(self._raise_failure(), "failures of callbacks")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):
            task.cancel()
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from (group if len(group.exceptions) > 1 else None)

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run `work` until it ends or the supervisor does."""
        task = self._group.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    def fail(self, error: BaseException) -> None:
        """End the run with `error`: for callbacks, whose caller would only log it."""
        if self._error is None:
            self._error = error
            self._failed.set()

    async def _raise_failure(self) -> None:
        await self._failed.wait()
        assert self._error is not None
        raise self._error
