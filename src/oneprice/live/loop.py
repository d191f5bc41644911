"""The event loop of a live process: which one, how it waits, and when garbage is collected."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

from oneprice.errors import ConfigError, InvariantError

T = TypeVar("T")
LoopName = Literal["auto", "uvloop", "asyncio"]


def loop_factory(name: LoopName = "auto") -> Callable[[], asyncio.AbstractEventLoop]:
    """`auto` is uvloop where it is installed. Raises ConfigError when uvloop is demanded but missing."""
    if name not in ("auto", "uvloop", "asyncio"):
        raise ConfigError(f"loop = {name!r}: must be auto, uvloop or asyncio")
    installed = importlib.util.find_spec("uvloop") is not None
    if name == "uvloop" and not installed:
        raise ConfigError("loop = 'uvloop': it is not installed; pip install uvloop, or choose asyncio")
    if name == "asyncio" or not installed:
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def run(main: Coroutine[Any, Any, T], *, loop: LoopName = "auto", busy_poll: bool = False) -> T:
    """Run to the end on a new loop, as asyncio.run does. `busy_poll` burns a core to wake sooner: see
    BusyPoll.
    """

    async def supervised() -> T:
        poll = BusyPoll(asyncio.get_running_loop()) if busy_poll else None
        try:
            return await main
        finally:
            if poll is not None:
                poll.stop()

    try:
        factory = loop_factory(loop)
    except ConfigError:
        main.close()
        raise
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(supervised())


class BusyPoll:
    """Keeps the loop from sleeping: one callback that schedules itself, so that polling never waits.

    Costs one whole core. Saves the wake-up of a sleeping process, about 50 us at each frame.
    """

    __slots__ = ("_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.Handle | None = loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._handle = self._loop.call_soon(self._turn)

    def stop(self) -> None:
        """Let the loop sleep again. Harmless when repeated."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class QuietGarbage:
    """Keeps the garbage collector off the hot path.

    `start()` after warming up: everything alive is frozen (never looked at again) and automatic collection is
    off. `collect()` from an idle moment: only the two young generations, so that it stays short. A full
    collection takes about 15 ms for each 100,000 objects; nothing that is created per frame may be part of a
    cycle.
    """

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running = False

    def start(self) -> None:
        """Freeze what is alive; collect nothing more by itself."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._running = True

    def collect(self) -> int:
        """Objects found unreachable.

        Raises InvariantError when somebody has switched automatic collection on (some libraries do).
        """
        if self._running and gc.isenabled():
            raise InvariantError("automatic garbage collection is on again; find who calls gc.enable")
        return gc.collect(1)

    def stop(self) -> None:
        """Back to automatic collection. Harmless when repeated."""
        if self._running:
            self._running = False
            gc.unfreeze()
            gc.enable()
