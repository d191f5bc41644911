"""The control socket: what a running engine answers, and to whom."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from oneprice.errors import ConfigError, NetworkError
from oneprice.trade.control import LINE_BYTES_MAX, SOCKET, Answer, ControlServer, ask


class Engine:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def status(self) -> Answer:
        return {"mode": "paper"}

    def orders(self) -> Answer:
        return {"orders": []}

    def deals(self, count: int) -> Answer:
        return {"deals": [{"deal": number} for number in range(count)]}

    def pnl(self) -> Answer:
        raise ConfigError("no home")

    def stop(self, reason: str) -> Answer:
        self.told.append(("stop", reason))
        return {"stopping": reason}

    def kill(self, reason: str) -> Answer:
        self.told.append(("kill", reason))
        return {"killed": reason}

    def flatten(self, reason: str) -> Answer:
        self.told.append(("flatten", reason))
        return {"stopping": reason}


async def asked(folder: Path, do: str, arguments: dict[str, object] | None = None, **more: Any) -> Answer | None:
    return await asyncio.to_thread(ask, folder, do, arguments or {}, **more)


def raw(folder: Path, *lines: bytes) -> list[Answer]:
    """What these lines are answered with, over one connection."""
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(5.0)
        made.connect(str(folder / SOCKET))
        made.sendall(b"".join(lines))
        file = made.makefile("rb")
        return [json.loads(file.readline()) for _ in lines]


async def test_each_command_reaches_the_engine_with_its_arguments(tmp_path: Path) -> None:
    engine = Engine()
    async with ControlServer(tmp_path, engine):
        assert await asked(tmp_path, "status") == {"mode": "paper"}
        assert await asked(tmp_path, "orders") == {"orders": []}
        assert await asked(tmp_path, "deals", {"count": 2}) == {"deals": [{"deal": 0}, {"deal": 1}]}
        for do in ("stop", "kill", "flatten"):
            await asked(tmp_path, do, {"reason": "why not"})
    assert engine.told == [("stop", "why not"), ("kill", "why not"), ("flatten", "why not")]


async def test_what_the_engine_refuses_is_told(tmp_path: Path) -> None:
    async with ControlServer(tmp_path, Engine()):
        with pytest.raises(NetworkError, match="refuses: pnl: no home"):
            await asked(tmp_path, "pnl")
        with pytest.raises(NetworkError, match='"do" must be one of status, orders, deals, pnl, stop, kill, flatten'):
            await asked(tmp_path, "arm")
        with pytest.raises(NetworkError, match="unknown field `cuont`"):
            await asked(tmp_path, "deals", {"cuont": 3})


async def test_lines_that_are_no_orders_are_refused_and_the_connection_goes_on(tmp_path: Path) -> None:
    lines = [b"nonsense\n", b"[1]\n", b'{"do": 7}\n', b'{"do": "deals", "count": "x"}\n', b'{"do": "status"}\n']
    async with ControlServer(tmp_path, Engine()):
        answers = await asyncio.to_thread(raw, tmp_path, *lines)
    assert [answer["ok"] for answer in answers] == [False, False, False, False, True]
    assert answers[0]["error"] == "the line is no JSON"


async def test_a_line_without_end_is_cut_off(tmp_path: Path) -> None:
    async with ControlServer(tmp_path, Engine()):
        (answer,) = await asyncio.to_thread(raw, tmp_path, b"x" * (2 * LINE_BYTES_MAX) + b"\n")
        assert "at most" in answer["error"]
        assert await asked(tmp_path, "status")


async def test_only_the_owner_can_connect_and_the_socket_goes_with_the_engine(tmp_path: Path) -> None:
    async with ControlServer(tmp_path, Engine()):
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
    assert not (tmp_path / SOCKET).exists()
    assert await asked(tmp_path, "status") is None


async def test_without_an_engine_there_is_no_answer(tmp_path: Path) -> None:
    assert await asked(tmp_path, "status") is None
    assert await asked(tmp_path / "none", "status") is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET))
    assert await asked(tmp_path, "status") is None


async def test_a_socket_that_a_crash_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET))
    async with ControlServer(tmp_path, Engine()):
        assert await asked(tmp_path, "status")


async def test_a_folder_with_a_long_name_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    assert await asked(folder, "status") is None
    assert await asked(folder / "none", "status") is None
    async with ControlServer(folder, Engine()):
        assert await asked(folder, "status")


async def test_an_engine_that_hangs_is_told_after_the_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / SOCKET))
        hanging.listen()
        with pytest.raises(NetworkError, match=r"does not answer status within 0\.05 s"):
            await asked(tmp_path, "status", timeout_s=0.05)


async def test_connections_beyond_the_most_are_closed_and_others_served(tmp_path: Path) -> None:
    async with ControlServer(tmp_path, Engine()):
        idle = [await asyncio.open_unix_connection(str(tmp_path / SOCKET)) for _ in range(16)]
        assert await asked(tmp_path, "status") is None  # closed at once
        idle[0][1].close()
        await idle[0][1].wait_closed()
        for _ in range(100):
            if await asked(tmp_path, "status"):
                break
        else:
            pytest.fail("a place that is free again is not given to another")


async def test_the_end_does_not_wait_for_who_is_connected(tmp_path: Path) -> None:
    async with ControlServer(tmp_path, Engine()):
        reader, _ = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
        await asked(tmp_path, "status")
    assert await asyncio.wait_for(reader.read(), 2.0) == b""
