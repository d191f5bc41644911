"""A running engine is told to end, in each of the ways that there are; the exchanges say whether it did."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from tests.trade.killing import CONFIG, SYMBOLS, Victim
from tests.trade.killing_offers import offers

from oneprice.ledger.journal import read
from oneprice.ledger.records import AnyRecord, OrderIntended, Switched
from oneprice.live.disk import LiveDisk
from oneprice.model.deals import ADDS_RISK
from oneprice.sim.cluster import SimCluster
from oneprice.trading import journal_folder

pytestmark = [pytest.mark.timeout(90), pytest.mark.coreless]

NOTHING_AFTER_NS = 50_000_000
HOLDS = CONFIG.replace("hold_s_max = 3.0", "hold_s_max = 600.0")
ENDS_WITHIN_S = 30.0


async def command(folder: Path, *words: str) -> tuple[int, dict[str, object]]:
    """An `oneprice` command about the engine of this folder: its exit code, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "oneprice", *words, "--data-dir", str(folder / "data"), "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(said)


async def left(cluster: SimCluster) -> list[str]:
    """Orders and positions of ours that the exchanges have."""
    found = []
    for venue in cluster.exchanges:
        account = (await cluster.accounts(venue))["accounts"][0]
        found += [row["client_order_id"] for row in account["open_orders"]]
        found += [key for key, row in account["positions"].items() if Decimal(row["quantity"])]
    return found


def journal(folder: Path) -> list[AnyRecord]:
    return read(LiveDisk(), journal_folder(folder / "data")).records


async def kill(how: str, victim: Victim, folder: Path) -> int:
    """In one of the ways; gives the wall time after which nothing may be entered any more, in nanoseconds."""
    if how == "command":
        code, told = await command(folder, "kill", "--reason", "the test says so")
        assert (code, told["killed"], told["orders_open"]) == (0, "the test says so", 0)
        [switched] = [one for one in journal(folder) if isinstance(one, Switched) and one.switch == "kill"]
        return switched.wall_ns
    done_ns = time.time_ns()
    if how == "signal":
        victim.process.send_signal(signal.SIGUSR2)
    else:
        (folder / "data" / "KILL").write_text("the test says so")
    return done_ns + NOTHING_AFTER_NS


async def test_each_way_to_end_it(tmp_path: Path) -> None:
    """Killed by command, signal and file, and at last flattened while it holds a perpetual."""
    (tmp_path / "oneprice.toml").write_text(HOLDS.format(folder=tmp_path / "data"))
    async with SimCluster(seed=5, instruments=SYMBOLS) as cluster, offers(cluster, SYMBOLS, 5):
        urls = {name: exchange.url for name, exchange in cluster.exchanges.items()}
        for how, words in (("command", "the test says so"), ("signal", "signal SIGUSR2"), ("file", "KILL is there")):
            victim = await Victim.start(tmp_path, urls)
            await victim.dealt()
            last_ns = await kill(how, victim, tmp_path)
            await asyncio.wait_for(victim.process.wait(), ENDS_WITHIN_S)
            assert victim.process.returncode == 4, victim.said()
            assert "KILLED: " in victim.said()
            assert "stopped by risk: " in victim.said()
            assert words in victim.said()
            entered = [one for one in journal(tmp_path) if isinstance(one, OrderIntended) and one.purpose in ADDS_RISK]
            assert entered
            assert max(one.wall_ns for one in entered) <= last_ns, how
            assert not [name for name in await left(cluster) if name.startswith(("op", "t-op"))], how
            assert (tmp_path / "data" / "KILL").read_text().strip()
            (tmp_path / "data" / "KILL").unlink()

        victim = await Victim.start(tmp_path, urls)
        await victim.until(lambda told: told["deals_open"].get("holding"), ENDS_WITHIN_S, "a position is held")
        assert await left(cluster)
        code, told = await command(tmp_path, "flatten")
        assert (code, told["ended"], told["deals_open"]) == (0, True, {}), victim.said()
        await asyncio.wait_for(victim.process.wait(), ENDS_WITHIN_S)
        assert victim.process.returncode == 0, victim.said()
        assert await left(cluster) == []
