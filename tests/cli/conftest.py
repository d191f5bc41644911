"""How the command line is run in tests: in this process, and as a user would."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from oneprice.cli.main import main
from oneprice.sim.serve import ServeOptions, start_exchange
from oneprice.sim.server import SimServer

Invoke = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command in this process; its exit code, standard output and standard error."""
    monkeypatch.setenv("ONEPRICE_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), catch_exceptions=False)

    return run


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run a command as a process of its own."""

    def run(*arguments: str, timeout_s: float = 60.0, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "oneprice", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "ONEPRICE_DATA_DIR": str(tmp_path / "data"), **environment},
        )

    return run


@pytest.fixture(scope="session")
def sims() -> Iterator[dict[str, str]]:
    """Two simulated exchanges beside the test, and their URLs. They are the same for all tests: no faults here."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> list[SimServer]:
        t0_ns, listed = time.time_ns(), ("BTC/USDT", "ETH/USDT")
        orders = [ServeOptions(venue=venue, instruments=listed, t0_ns=t0_ns) for venue in ("binance", "gate")]
        return [await start_exchange(order) for order in orders]

    async def stop(servers: list[SimServer]) -> None:
        for server in servers:
            await server.stop()

    servers = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    yield {server.venue: server.url for server in servers}
    asyncio.run_coroutine_threadsafe(stop(servers), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
