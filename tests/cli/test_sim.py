"""`oneprice sim`: a served exchange is told what to do from another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, FIRST_UID
from oneprice.sim.faults import FaultKind


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A simulated exchange in a process of its own."""
    command = [sys.executable, "-m", "oneprice", "sim", "serve", "binance", "--instruments", "BTC/USDT"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield ready["url"]
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


def test_status_tells_what_it_serves(invoke, url: str) -> None:
    status = json.loads(invoke("sim", "status", url).stdout)
    assert status["venue"] == "binance"
    assert status["faults"] == []


def test_the_key_is_told_and_a_port_in_use_is_named(invoke, url: str) -> None:
    port = url.rpartition(":")[2]
    result = invoke("sim", "serve", "binance", "--instruments", "BTC/USDT", "--port", port)
    assert result.exit_code == 2
    assert f"API key {DEFAULT_KEY}, secret {DEFAULT_SECRET}" in result.stderr
    assert f"error: port {port} is in use" in result.stderr


def test_a_fault_is_switched_on_and_cleared(invoke, url: str) -> None:
    assert invoke("sim", "fault", url, "freeze", "--seconds", "60").exit_code == 0
    assert json.loads(invoke("sim", "status", url).stdout)["faults"][0]["kind"] == "freeze"
    assert invoke("sim", "clear", url).exit_code == 0
    assert json.loads(invoke("sim", "status", url).stdout)["faults"] == []


def test_a_refused_fault_says_why(invoke, url: str) -> None:
    result = invoke("sim", "fault", url, "freeze", "--seconds", "-1")
    assert result.exit_code == 2
    assert "seconds must be above 0" in result.stderr


def test_an_unknown_fault_names_the_known_ones(invoke, url: str) -> None:
    result = invoke("sim", "fault", url, "earthquake")
    assert result.exit_code == 2
    assert "half_open" in result.stderr


def test_every_fault_is_named_in_the_help(invoke) -> None:
    told = invoke("sim", "fault", "--help").stdout.replace(",", " ").split()
    assert [kind.value for kind in FaultKind if kind.value not in told] == []


def test_a_clock_may_be_skewed_backwards(invoke, url: str) -> None:
    assert invoke("sim", "fault", url, "clock_skew", "--delay-ms", "-1500", "--seconds", "60").exit_code == 0
    assert json.loads(invoke("sim", "status", url).stdout)["faults"][0]["delay_ms"] == -1500
    assert invoke("sim", "clear", url).exit_code == 0


def test_accounts_are_told_without_their_secrets(invoke, url: str) -> None:
    told = invoke("sim", "accounts", url).stdout
    assert [account["uid"] for account in json.loads(told)["accounts"]] == [FIRST_UID]
    assert DEFAULT_SECRET not in told


def test_nobody_there_is_a_network_error(invoke) -> None:
    result = invoke("sim", "status", "127.0.0.1:1")
    assert result.exit_code == 3
    assert "127.0.0.1:1" in result.stderr


def test_an_unknown_exchange_names_the_known_ones(invoke) -> None:
    result = invoke("sim", "serve", "nasdaq")
    assert result.exit_code == 2
    assert "binance" in result.stderr
