"""Exchanges as child processes: start, the common price, faults, restart, and an end without orphans."""

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import aiohttp
import pytest

from oneprice.sim import dialects
from oneprice.sim.cluster import SimCluster
from oneprice.sim.serve import main


def is_running(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def until(condition: Any, within_s: float = 15.0) -> None:
    # Another process is waited for: there is no event to wait on.
    for _ in range(int(within_s / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"not within {within_s} s")


async def test_cluster_starts_takes_faults_restarts_the_dead_and_stops_all(http: Any) -> None:
    async with SimCluster(seed=42, venues=("binance",), instruments=("BTC/USDT",), restart_delay_s=0.1) as cluster:
        first = cluster.exchanges["binance"]
        async with http.get(first.url + "/api/v3/ping") as response:
            assert response.status == 200
        await cluster.fault("binance", "freeze", seconds=60)
        assert [fault["kind"] for fault in (await cluster.status("binance"))["faults"]] == ["freeze"]
        await cluster.clear_faults("binance")
        assert (await cluster.status("binance"))["faults"] == []
        with pytest.raises(ValueError, match="earthquake"):
            await cluster.fault("binance", "earthquake")
        cluster.kill("binance")
        await until(lambda: cluster.exchanges["binance"].restarts == 1)
        second = cluster.exchanges["binance"]
        assert second.url == first.url
        assert second.pid != first.pid
        async with aiohttp.ClientSession() as fresh, fresh.get(second.url + "/api/v3/ping") as response:
            assert response.status == 200
    assert not is_running(first.pid)
    assert not is_running(second.pid)


async def test_cluster_opens_pays_and_looks_at_accounts() -> None:
    async with SimCluster(venues=("binance",), instruments=("BTC/USDT",)) as cluster:
        (first,) = (await cluster.accounts("binance"))["accounts"]
        assert first["wallets"]["spot"]["USDT"] == {"free": "200000", "held": "0"}
        uid = await cluster.open_account("binance", "k", "s", funds={"spot": {"BTC": Decimal("0.5")}}, rights=["read"])
        assert uid == first["uid"] + 1
        truth = await cluster.deposit("binance", uid, "spot", "BTC", Decimal("-0.125"))
        assert truth["wallets"]["spot"]["BTC"]["free"] == "0.375"
        await cluster.settle_funding("binance", "usdm", Decimal("0.0001"))
        assert await cluster.fills("binance", uid) == []
        with pytest.raises(ValueError, match="'k' is taken"):
            await cluster.open_account("binance", "k", "other", funds={})


async def test_exchange_that_cannot_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="NOPE/USDT"):
        async with SimCluster(venues=("binance",), instruments=("NOPE/USDT",)):
            pass


async def test_exchange_ends_when_its_parent_is_gone() -> None:
    parent = (
        "import os,subprocess,sys;"
        "child=subprocess.Popen([sys.executable,'-m','oneprice.sim.serve','--venue','binance',"
        "'--instruments','BTC/USDT','--with-parent',str(os.getpid())],stdout=subprocess.PIPE);"
        "print(child.stdout.readline().decode(),flush=True)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    await process.wait()
    await until(lambda: not is_running(ready["pid"]))


async def test_exchange_stops_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "oneprice.sim.serve", "--venue", "binance", "--instruments", "BTC/USDT"),
        *("--t0-ns", str(time.time_ns() - 600_000_000_000)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    assert ready["ready"] is True
    assert ready["pid"] == process.pid
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 15) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--venue", "nowhere"],
        ["--venue", "binance", "--instruments", "NOPE/USDT"],
        ["--venue", "binance", "--playback", "nonsense"],
        ["--venue", "binance", "--playback", "spot:NOPE/USDT=x.gz"],
        ["--venue", "binance", "--tls-cert", "only.pem"],
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("oneprice.sim.serve: ")


def test_dialects_are_found_by_their_folders() -> None:
    assert "binance" in dialects.names()
    with pytest.raises(ValueError, match="binance"):
        dialects.load("nowhere")


async def test_venues_of_one_seed_quote_one_price(start_venue: Any) -> None:
    t0_ns = 1_795_000_000_000_000_000
    mids = []
    for venue in dialects.names():
        clock = partial(int, t0_ns + 60_000_000_000)
        server = await start_venue(venue, t0_ns=t0_ns, instruments=("BTC/USDT",), clock=clock)
        listing = server.markets["spot"].listings["BTC/USDT"]
        mids.append(float(listing.instrument.tick) * (listing.top.bid_ticks + listing.top.ask_ticks) / 2)
    assert max(mids) / min(mids) - 1.0 < 0.006
