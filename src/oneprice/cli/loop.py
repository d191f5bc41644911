"""How commands run a coroutine: on the live loop, with SIGTERM treated as Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from oneprice.live import loop as live

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], loop: live.LoopName = "auto", *, busy_poll: bool = False) -> T:
    """Run to the end. Ctrl-C and SIGTERM cancel `work`, let it clean up, and raise KeyboardInterrupt."""
    told_to_stop = False

    async def stoppable() -> T:
        running, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def stop() -> None:
            nonlocal told_to_stop
            told_to_stop = True
            task.cancel()

        # Not by way of SIGINT: that is ignored in a process which a shell started in the background.
        running.add_signal_handler(signal.SIGTERM, stop)
        return await work

    try:
        return live.run(stoppable(), loop=loop, busy_poll=busy_poll)
    except asyncio.CancelledError:
        if told_to_stop:
            raise KeyboardInterrupt from None
        raise
