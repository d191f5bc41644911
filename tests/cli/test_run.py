"""`oneprice run` as a user runs it, and the commands that talk to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.config.bad import text_of

from oneprice.app import live_ports
from oneprice.cli.running import Order, require_safe_keys, set_aside
from oneprice.config import parse
from oneprice.errors import ConfigError
from oneprice.ledger.journal import Journal
from oneprice.ledger.records import RunStarted
from oneprice.live.disk import LiveDisk
from oneprice.model import KeyPermissions
from oneprice.trade.control import ask
from oneprice.venues.kit import Credentials

pytestmark = pytest.mark.timeout(90)

WILLING = {
    "strategy.cross.min_net_bps": "1",
    "risk.book_age_ms_max": "5000",
    "risk.orders_per_minute_max": "1000",
    "risk.cooldown_ms": "100",
    "risk.cooldown_after_loss_ms": "100",
    "venues.binance.fees.spot_taker_bps": "0",
    "venues.gate.fees.spot_taker_bps": "0",
    "symbols": '["BTC/USDT", "ETH/USDT"]',
}
"""Deals are found within seconds."""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def arguments(sims: dict[str, str], tmp_path: Path) -> list[str]:
    """Of a paper run on the simulated exchanges."""
    (tmp_path / "oneprice.toml").write_text(text_of(WILLING))
    urls = [part for venue, url in sims.items() for part in ("--sim", f"{venue}={url}")]
    return ["run", "--config", str(tmp_path / "oneprice.toml"), *urls]


@pytest.fixture
def start(arguments: list[str], tmp_path: Path) -> Iterator[Start]:
    """Start it as a process of its own; its books are live when this returns."""
    running: list[subprocess.Popen[str]] = []

    def begin(*more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "oneprice", *arguments, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ONEPRICE_DATA_DIR": str(tmp_path / "data")},
        )
        running.append(process)
        lines = process.stderr if "--json" in more else process.stdout
        assert lines is not None
        read = ""
        while "books 4/4 live" not in (line := lines.readline()):
            read += line
            assert line, read + "".join(process.communicate())
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def told(invoke: Callable[..., Any], *arguments: str) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_run_trades_and_is_asked_about_and_stopped(start: Start, invoke, tmp_path: Path) -> None:
    process = start("--json")
    status = told(invoke, "status")
    assert (status["running"], status["mode"], status["armed"], status["books"]) == (True, "paper", True, {"live": 4})
    assert sorted(status["accounts"]) == ["binance-spot", "gate-spot"]
    assert invoke("status", "--health").exit_code == 0
    deadline_s = time.monotonic() + 30
    while not told(invoke, "deals")["deals"]:
        assert time.monotonic() < deadline_s, told(invoke, "status")
        time.sleep(0.1)
    assert "orders" in told(invoke, "orders")
    assert told(invoke, "pnl")["home"] == "USDT"
    for command in ("status", "orders", "deals", "pnl"):
        assert invoke(command).exit_code == 0
    meanwhile = told(invoke, "report", "--out", str(tmp_path / "out"))
    assert meanwhile["running"] is True
    assert "This run still goes on" in Path(meanwhile["report"]).read_text()
    second = invoke("run", "--config", str(tmp_path / "oneprice.toml"), "--sim", "gate=http://127.0.0.1:9")
    assert second.exit_code == 2
    assert f"an engine runs on {tmp_path / 'data'}: `oneprice stop` ends it" in second.stderr
    assert told(invoke, "stop", "--reason", "enough")["ended"] is True
    out, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    end = json.loads(out)
    assert end["mode"] == "paper"
    assert end["exit_code"] == 0
    assert end["deals_settled"] == sum(end["deals_by_outcome"].values()) > 0
    assert "</html>" in Path(end["report"]).read_text()

    number = told(invoke, "deals")["deals"][0]["deal"]
    parts = told(invoke, "why", str(number))["split"]
    assert parts["achieved"]
    seen = told(invoke, "why")["opportunities"]
    assert seen
    assert f"opportunity o{seen[0]['number']}" in invoke("why", f"o{seen[0]['number']}").stdout
    status = told(invoke, "status")
    assert (status["running"], status["ended_well"], status["deals_open"]) == (False, True, {})
    after = told(invoke, "report")
    assert (after["report"], after["missing"]) == (end["report"], "")
    assert Decimal(after["pnl"]) == Decimal(end["pnl"]["total"])


def test_a_killed_run_ends_with_4_and_so_does_the_next(start: Start, invoke, arguments: list[str]) -> None:
    process = start()
    killed = told(invoke, "kill", "--reason", "enough of this")
    assert (killed["running"], killed["killed"], killed["orders_open"]) == (True, "enough of this", 0)
    out, errors = process.communicate(timeout=40)
    assert process.returncode == 4, errors
    assert "stopped by risk: enough of this" in errors
    assert "\x1b" not in out + errors
    assert invoke("status", "--health").exit_code == 4

    again = invoke(*arguments)  # it opens its accounts, settles what was left, and never trades
    assert again.exit_code == 4
    assert "KILL is there: enough of this" in again.stderr
    assert "not armed  books" in again.stdout
    assert "armed  " not in again.stdout.replace("not armed", "")


def test_sigterm_ends_it_in_an_orderly_way(invoke, arguments: list[str], tmp_path: Path) -> None:
    """In this process; the signal is sent once it is armed, and so is listened to."""

    def send() -> None:
        deadline_s = time.monotonic() + 40
        while not (ask(tmp_path / "data", "status") or {}).get("armed"):
            if time.monotonic() > deadline_s:
                return
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=send)
    sender.start()
    result = invoke(*arguments, "--for", "60s")
    sender.join()
    assert result.exit_code == 130, result.output
    assert "ended: interrupted" in result.stdout
    assert told(invoke, "status")["ended_well"]


def test_paper_money_and_simulated_money_share_no_journal(invoke, tmp_path: Path) -> None:
    journal, _ = Journal.open(LiveDisk(), str(tmp_path / "data" / "journal"), build="test")
    journal.append(RunStarted(1, 1, "paper", "test", "c0ffee", "{}"))
    journal.close()
    (tmp_path / "oneprice.toml").write_text(text_of({"mode": '"simulated"'}))
    result = invoke("run", "--config", str(tmp_path / "oneprice.toml"), "--for", "1s")
    assert result.exit_code == 2
    assert "holds paper runs, and mode is simulated: name another folder with --data-dir" in result.stderr


def test_a_mode_without_its_exchanges_is_refused(invoke, tmp_path: Path) -> None:
    (tmp_path / "oneprice.toml").write_text(text_of({"mode": '"simulated"'}))
    result = invoke("run", "--config", str(tmp_path / "oneprice.toml"), "--sim", "gate=http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--sim: mode is simulated, so binance-spot need one too" in result.stderr
    result = invoke("run", "--config", str(tmp_path / "oneprice.toml"), "--sim", "mexc=http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--sim mexc: no market of that venue is watched" in result.stderr


def test_exchanges_that_are_new_get_new_books(tmp_path: Path) -> None:
    journal, _ = Journal.open(LiveDisk(), str(tmp_path / "journal"), build="test")
    journal.append(RunStarted(1, 1, "simulated", "test", "c0ffee", "{}"))
    journal.close()
    (tmp_path / "runs").mkdir()
    loaded = parse(text_of({"mode": '"simulated"'}), tmp_path / "oneprice.toml", {})
    order = Order(loaded, tmp_path, 0.0, (), 42, as_json=False)
    for number in (1, 2):
        set_aside(order)
        assert not (tmp_path / "journal").exists()
        (tmp_path / f"before-000{number}" / "journal").rename(tmp_path / "journal")
    assert (tmp_path / "before-0001" / "runs").is_dir()


async def test_a_key_that_can_withdraw_by_now_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passed the check, and was given more rights since."""
    closed = []

    class Account:
        async def permissions(self) -> KeyPermissions:
            return KeyPermissions(can_trade=True, can_withdraw=True)

        async def close(self) -> None:
            closed.append(self)

    monkeypatch.setattr("oneprice.app.build_account", lambda *_: Account())
    loaded = parse(text_of({"mode": '"live"', "live.allow_withdraw_keys": '["gate"]'}), tmp_path / "x", {})
    order = Order(loaded, tmp_path, 0.0, (), 42, as_json=False)
    keys = {venue: Credentials("key", "secret") for venue in ("binance", "gate")}
    with pytest.raises(ConfigError) as told:
        await require_safe_keys(order, keys, live_ports())
    lines = str(told.value).splitlines()
    assert lines[0] == "live trading does not start"
    assert [line.split()[0] for line in lines[1:]] == ["binance-spot:"]
    assert len(closed) == 2
