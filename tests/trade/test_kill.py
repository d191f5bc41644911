"""The kill switch: within 50 ms by the file, at once by a call, once, and over restarts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.market.world import VirtualClock, run

from oneprice.live.clock import LiveClock
from oneprice.live.disk import LiveDisk
from oneprice.trade.kill import REASON_MAX, KillSwitch

MS = 1_000_000
PATH = "data/KILL"


class Memory:
    """A disk of which only whole files are wanted."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.error: OSError | None = None

    def read(self, path: str) -> bytes:
        if self.error is not None:
            raise self.error
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def write(self, path: str, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.files[path] = data


class Scene:
    def __init__(self, disk: Memory | None = None) -> None:
        self.disk, self.clock = disk or Memory(), VirtualClock()
        self.switch = KillSwitch(self.disk, "data", self.clock)  # type: ignore[arg-type]
        self.killed: list[tuple[int, str]] = []

    def on_kill(self, reason: str) -> None:
        self.killed.append((self.clock.monotonic_ns(), reason))

    def play(self, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            watching = asyncio.ensure_future(self.switch.watch(self.on_kill))
            try:
                await story()
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching

        run(whole)


@given(st.floats(0.0, 1.0))
def test_the_file_kills_within_50_ms(appears_s: float) -> None:
    scene = Scene()

    async def story() -> None:
        await scene.clock.sleep(appears_s)
        made_ns = scene.clock.monotonic_ns()
        scene.disk.files[PATH] = b""
        await scene.clock.sleep(1.0)
        assert len(scene.killed) == 1
        killed_ns, reason = scene.killed[0]
        assert killed_ns - made_ns <= 50 * MS
        assert reason == "the file data/KILL is there"

    scene.play(story)


def test_the_file_s_text_is_the_reason() -> None:
    scene = Scene()
    scene.disk.files[PATH] = b"  the market is \n mad \xff\n" + b"x" * 1_000
    assert scene.switch.look().startswith("the file data/KILL is there: the market is mad \ufffd xxx")
    assert len(scene.switch.reason) <= REASON_MAX + len("the file data/KILL is there: ")


def test_a_call_kills_in_its_own_turn_and_leaves_the_file() -> None:
    scene = Scene()

    async def story() -> None:
        await scene.clock.sleep(0.001)
        scene.switch.pull("the operator says so")
        assert [reason for _, reason in scene.killed] == ["the operator says so"]
        assert scene.disk.files[PATH] == b"the operator says so\n"

    scene.play(story)


def test_it_is_pulled_once() -> None:
    scene = Scene()

    async def story() -> None:
        await scene.clock.sleep(0.001)
        scene.switch.pull("first")
        scene.switch.pull("second")
        await scene.clock.sleep(1.0)

    scene.play(story)
    assert [reason for _, reason in scene.killed] == ["first"]
    assert (scene.switch.reason, scene.disk.files[PATH]) == ("first", b"first\n")


def test_it_stays_pulled_when_the_file_is_taken_away() -> None:
    scene = Scene()

    async def story() -> None:
        scene.disk.files[PATH] = b""
        await scene.clock.sleep(0.1)
        del scene.disk.files[PATH]
        await scene.clock.sleep(0.1)
        assert scene.switch.look() != ""

    scene.play(story)
    assert len(scene.killed) == 1


def test_a_restart_is_killed_from_its_first_look_while_the_file_is_there() -> None:
    disk = Memory()
    Scene(disk).switch.pull("before the restart")
    again = Scene(disk)
    assert again.switch.look() == "the file data/KILL is there: before the restart"

    async def story() -> None:
        await again.clock.sleep(0)
        assert len(again.killed) == 1, "at once, though it was seen before anybody watched"

    again.play(story)
    disk.files.clear()
    assert Scene(disk).switch.look() == ""


def test_pulled_before_anybody_watches_it_is_told_as_soon_as_somebody_does() -> None:
    scene = Scene()
    scene.switch.pull("early")

    async def story() -> None:
        await scene.clock.sleep(0)

    scene.play(story)
    assert scene.killed == [(0, "early")]


def test_a_file_that_cannot_be_looked_at_kills() -> None:
    scene = Scene()
    scene.disk.error = PermissionError(13, "no")

    async def story() -> None:
        await scene.clock.sleep(0.1)

    scene.play(story)
    assert [reason for _, reason in scene.killed] == ["data/KILL cannot be looked at: [Errno 13] no"]


def test_a_disk_that_takes_no_file_does_not_keep_it_from_killing() -> None:
    scene = Scene()

    async def story() -> None:
        await scene.clock.sleep(0.001)
        scene.disk.error = OSError(28, "full")
        with pytest.raises(OSError, match="full"):
            scene.switch.pull("now")

    scene.play(story)
    assert [reason for _, reason in scene.killed] == ["now"]


def test_a_signal_pulls_it_on_a_real_loop_and_disk(tmp_path: Path) -> None:
    switch = KillSwitch(LiveDisk(), str(tmp_path), LiveClock())
    killed: list[str] = []

    async def story() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def on_kill(reason: str) -> None:
            killed.append(reason)
            done.set()

        loop.add_signal_handler(signal.SIGUSR2, switch.pull, "signal SIGUSR2")
        watching = asyncio.ensure_future(switch.watch(on_kill))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGUSR2)
        async with asyncio.timeout(5):
            await done.wait()
        loop.remove_signal_handler(signal.SIGUSR2)
        watching.cancel()

    asyncio.run(story())
    assert killed == ["signal SIGUSR2"]
    assert (tmp_path / "KILL").read_text() == "signal SIGUSR2\n"
