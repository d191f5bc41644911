"""`oneprice demo`, run as a user runs it: processes, sockets, signals."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import pytest
from rich.console import Console
from tests.cli.test_board import board

from oneprice.cli.board import Board
from oneprice.cli.demo import MARKETS, Options, Run, _screen
from oneprice.core import backend
from oneprice.market import MarketView
from oneprice.observe import News, Tally

pytestmark = pytest.mark.timeout(120)
DEMO = (sys.executable, "-m", "oneprice", "demo")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run with faults says at its end. It is ended once there has been enough to see, however fast the machine
    is: three deals, an exchange that drops its connections, and all books live again after it."""
    folder = tmp_path_factory.mktemp("runs")
    command = [*DEMO, "--folder", str(folder), "--seed", "7", "--faults", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            read = _until_enough(process.stderr)
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=60)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 130, read + rest
    found: dict[str, Any] = json.loads(out)
    found["stderr"] = read + rest
    return found


def _until_enough(lines: TextIO) -> str:
    read, deals, after_drop = "", 0, -1
    while deals < 3 or after_drop < 2:
        line = lines.readline()
        assert line, read
        read += line
        deals += line.lstrip().startswith("deal ")
        if " drops all its connections" in line and "takes none" not in line:
            after_drop = 0
        elif after_drop >= 0 and " frames/s " in line and (not after_drop or "books 31 live" in line):
            after_drop += 1  # the first line after it may be from before it was noticed
    return read


def test_json_is_one_object_and_progress_goes_to_stderr(told) -> None:
    assert told["mode"] == "simulated"
    assert told["seed"] == 7
    assert told["core"].startswith(backend)
    assert told["interrupted"] is True
    assert "books " in told["stderr"]


def test_all_markets_are_watched_with_all_their_books(told) -> None:
    assert sorted(row["name"] for row in told["markets"]) == sorted(MARKETS)
    assert all(row["frames"] > 0 for row in told["markets"])
    assert len(told["books"]) == 31
    assert {row["reason"] for row in told["refused"]} == {"not listed there"}


def test_spreads_are_found_and_none_lasts_for_ever(told) -> None:
    pairs = told["pairs"]
    assert sum(pair["count"] for pair in pairs) > 0
    assert told["opportunities"] >= sum(pair["count"] for pair in pairs)
    assert all(pair["best_net_bps"] > 0 for pair in pairs)


def test_deals_are_made_and_our_profit_is_the_change_of_the_balances(told) -> None:
    assert told["deals"] == sum(told["deals_by_outcome"].values())
    assert told["deals"] >= 3
    assert told["pnl_quote"] == told["venue_balance_change_quote"]
    assert Decimal(told["pnl_quote"]).is_finite()


def test_what_is_left_is_told_with_its_reason(told) -> None:
    for row in told["open_residuals"]:
        assert Decimal(row["amount"])
        assert row["why"]
        assert row.get("asset") or row.get("listing")


def test_a_report_is_written_beside_the_journal(told) -> None:
    page = Path(told["report"])
    names = {path.name for path in page.parent.iterdir()}
    assert {"report.html", "report.md", "deals.csv", "equity.csv", "opportunities.csv", "summary.json"} <= names
    assert "</html>" in page.read_text()
    summary = json.loads((page.parent / "summary.json").read_text())
    assert Decimal(summary["pnl"]) == Decimal(told["pnl_quote"])
    assert summary["deals"] == told["deals"]


def test_dropped_connections_are_seen_and_come_back(told) -> None:
    fault = next(fault for fault in told["faults"] if fault["kind"] == "drop")
    markets = {row["name"]: row for row in told["markets"]}
    for kind in ("spot", "usdm"):
        assert markets[f"{fault['venue']}-{kind}"]["reconnects"] >= 1
    news = told["stderr"]
    assert f"fault: {fault['venue']} drops all its connections" in news


def test_sigterm_ends_it_cleanly_with_the_summary(tmp_path: Path) -> None:
    command = [*DEMO, "--plain", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        read = ""
        while "opportunities" not in read:
            line = process.stdout.readline()
            assert line, "the demo ended by itself"
            read += line
        children = _children(process.pid)
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    _check_summary(rest)
    assert len(children) == 3
    assert _gone(children)


def test_it_ends_by_itself_when_its_time_is_over(shell, tmp_path: Path) -> None:
    result = shell("demo", "--calm", "--for", "2s", "--folder", str(tmp_path), timeout_s=100)
    assert result.returncode == 0, result.stderr
    assert "for 2 s, Ctrl-C stops" in result.stdout
    assert "\x1b" not in result.stdout
    _check_summary(result.stdout)


def _check_summary(text: str) -> None:
    assert "markets at the end" in text
    assert "closing what is held" in text
    assert "by the exchanges' balances: equal" in text
    assert "left: " in text
    assert "SIMULATED: prices, books and profits above are not real." in text


def test_a_wrong_duration_is_a_usage_error(invoke) -> None:
    for wrong in ("soon", "0s", "-3s"):
        result = invoke("demo", "--for", wrong)
        assert result.exit_code == 2
        assert "such as 30s" in result.stderr


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if f"\nPPid:\t{parent}\n" in status.read_text():
                found.append(int(status.parent.name))
    return found


def _gone(pids: list[int]) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not any(_alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_terminal_that_hangs_holds_up_nothing_else() -> None:
    """The screen is written to a file that blocks; views are taken and the loop runs on."""
    hanging = _Hanging()
    console = Console(file=hanging, force_terminal=True, width=120, height=40)
    options = Options(0.0, 1, faults=False, calm=True, folder=Path("unused"), as_json=False, plain=False)
    run = Run(options, Tally(), News(), trading=_Idle())  # type: ignore[arg-type]
    market = _Still()
    drawing = asyncio.create_task(_screen(market, run, console))  # type: ignore[arg-type]
    assert await asyncio.to_thread(hanging.reached.wait, 5.0)
    turns = 0
    for _ in range(100):
        await asyncio.sleep(0)
        turns += 1
    assert turns == 100
    assert not drawing.done()
    hanging.go_on.set()
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing


class _Hanging(io.StringIO):
    """A terminal whose reader has stopped, as after Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        if "SIMULATED" in text:
            self.reached.set()
            assert self.go_on.wait(10.0)
        return super().write(text)


class _Idle:
    """An engine to which nothing happens."""

    heard = SimpleNamespace(new_deals=list, new_alarms=list)

    def board(self) -> Board:
        return board()


class _Still:
    """A market that always shows the same."""

    def view(self, nearest: int, history: int) -> MarketView:
        return MarketView(
            wall_ns=1_700_000_000_000_000_000,
            running_s=1.0,
            core="python",
            markets=(),
            books=(),
            opportunities=(),
            history=(),
            opportunities_seen=nearest * history,
            nearest=(),
            refused=(),
            events_lost=0,
        )
