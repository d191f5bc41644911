"""Kills a real engine, `oneprice run` in a process of its own, again and again, on exchanges that live on.

    python -m tests.trade.killing 200        as many kills, and what was seen; exit code 1 when anything was lost

After each kill the next start must know every order that the exchanges have from us, every fill once, and every balance
to the last unit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from oneprice.ledger.journal import read
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import FillTold, OrderIntended, TransferTold
from oneprice.live.disk import LiveDisk
from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.cluster import SimCluster
from oneprice.trade.control import SOCKET
from oneprice.trading import fold, journal_folder

CONFIG = """
version = 1
mode = "simulated"
symbols = ["BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT"]

[paths]
data = "{folder}"

[venues.binance]
markets = ["spot"]
[venues.gate]
markets = ["spot", "usdm"]
[venues.mexc]
markets = ["spot"]

[strategy.cross]
min_net_bps = 0.0
[strategy.carry]
enabled = true
min_net_bps = 1.0
hold_s_expected = 3.0
hold_s_max = 3.0
[strategy.maker]
enabled = true
post = ["mexc-spot"]
hedge = ["binance-spot", "gate-spot"]
symbols = ["BTC/USDT"]
order_notional = 300
min_net_bps = 0.5

[risk]
order_notional_max = 500
venue_exposure_max = 100000
position_notional_max = 100000
unhedged_notional_max = 5000
orders_per_minute_max = 5000
daily_loss_max = 5000
open_deals_max = 12
cooldown_ms = 20
cooldown_after_loss_ms = 20
book_age_ms_max = 1000
"""
START_WITHIN_S = 20.0


@dataclass
class Toll:
    """What a series of kills has come to. `armed_s`: from a start to the moment when it was armed."""

    kills: int = 0
    deals: int = 0
    orders: int = 0
    fills: int = 0
    cut_bytes: int = 0
    armed_s: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class Victim:
    """The engine's process. `started` is when it was started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.started = process, time.monotonic()

    @classmethod
    async def start(cls, config: Path, urls: dict[str, str], log: Path) -> Victim:
        """Run it on these exchanges."""
        command = [sys.executable, "-m", "oneprice", "run", "--config", str(config)]
        for venue, url in urls.items():
            command += ["--sim", f"{venue}={url}"]
        keys = {}
        for venue in urls:
            keys[f"ONEPRICE_{venue.upper()}_API_KEY"] = DEFAULT_KEY
            keys[f"ONEPRICE_{venue.upper()}_API_SECRET"] = DEFAULT_SECRET
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **keys}
            )
        return cls(process)

    async def kill(self) -> None:
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def end(self) -> None:
        """In an orderly way."""
        self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 60)


async def take_toll(kills: int, seed: int, folder: Path, faults: bool = True) -> Toll:
    """Kill so many times at random moments, then look at what is left."""
    chance, toll = random.Random(seed), Toll()
    data, config, log = folder / "data", folder / "oneprice.toml", folder / "log"
    config.write_text(CONFIG.format(folder=data))
    async with SimCluster(seed=seed, instruments=("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")) as cluster:
        urls = {name: exchange.url for name, exchange in cluster.exchanges.items()}
        for _ in range(kills):
            victim = await Victim.start(config, urls, log)
            armed = await _armed(victim, data, log)
            toll.armed_s.append(armed - victim.started)
            if faults:
                venue = chance.choice(list(urls))
                kind = chance.choice(["lost_ack", "partial_fill", "late_report", "reject_order", "late_ack"])
                with contextlib.suppress(ValueError):
                    await cluster.fault(venue, kind, count=1, delay_ms=200)
            await asyncio.sleep(chance.uniform(0.0, 1.5))
            await victim.kill()
            toll.kills += 1
        for venue in urls:
            await cluster.clear_faults(venue)
        victim = await Victim.start(config, urls, log)
        await _armed(victim, data, log)
        await asyncio.sleep(18)  # orders whose fate takes a venue's whole window to be certain
        await victim.end()
        await _compare(cluster, data, toll)
    return toll


async def _armed(victim: Victim, data: Path, log: Path) -> float:
    """When it has said that it is armed."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if victim.process.returncode is not None:
            raise AssertionError(f"the engine ended by itself: {_tail(log)}")
        with contextlib.suppress(OSError, ValueError):
            if (await _ask(data))["armed"]:
                return time.monotonic()
        await asyncio.sleep(0.05)
    raise AssertionError(f"not armed within {START_WITHIN_S} s: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text()[-3_000:]


async def _ask(data: Path) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(data / SOCKET))
    try:
        writer.write(b'{"do": "status"}\n')
        told: dict[str, Any] = json.loads(await reader.readline())
        return told
    finally:
        writer.close()


async def _compare(cluster: SimCluster, data: Path, toll: Toll) -> None:
    """The exchanges' own word against the journal's."""
    recovered = read(LiveDisk(), journal_folder(data))
    ledger = fold(recovered)
    intended = {one.client_order_id for one in recovered.records if isinstance(one, OrderIntended)}
    booked = [(one.listing, one.venue_fill_id) for one in recovered.records if isinstance(one, FillTold)]
    toll.deals, toll.orders, toll.fills = ledger.deals_settled, len(intended), len(booked)
    if len(booked) != len(set(booked)):
        toll.lost.append("a fill is in the journal twice")
    for one in recovered.records:
        if isinstance(one, TransferTold):
            toll.lost.append(f"{one.account}: {one.amount} {one.asset} {one.why}")
    if ledger.switches.get("halt", ("off",))[0] == "on":
        toll.lost.append(f"a halt is left: {ledger.switches['halt']}")
    for name, order in ledger.orders.items():
        if not order.is_over:
            toll.lost.append(f"order {name} is still {order.status.name}")
    for venue in cluster.exchanges:
        told = (await cluster.accounts(venue))["accounts"][0]
        toll.lost += [f"{venue}: order {row['client_order_id']} is open" for row in told["open_orders"]]
        fills = await cluster.fills(venue, told["uid"])
        mine = sum(listing.startswith(f"{venue}-") for listing, _ in booked)
        if len(fills) != mine:
            toll.lost.append(f"{venue} has {len(fills)} fills of ours, the journal {mine}")
        for fill in fills:
            if not any(fill["client_order_id"].endswith(name) for name in intended):
                toll.lost.append(f"{venue}: a fill of {fill['client_order_id']}, which was never intended")
        _compare_wallets(ledger, venue, told, toll)


def _compare_wallets(ledger: Ledger, venue: str, told: dict[str, Any], toll: Toll) -> None:
    for wallet, assets in told["wallets"].items():
        account = f"{venue}-{'spot' if wallet == 'spot' else 'usdm'}"
        if account not in ledger.accounts:
            continue
        has_position = any(key.startswith(account) for key, _ in ledger.open_positions())
        for asset, held in assets.items():
            theirs, ours = Decimal(held["free"]) + Decimal(held["held"]), ledger.total(account, asset)
            if theirs != ours and not (has_position and abs(theirs - ours) < Decimal("0.000001")):
                toll.lost.append(f"{account}: the exchange has {theirs} {asset}, the ledger {ours}")


def main() -> int:
    """Kill as often as the command line says."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as place:
        toll = asyncio.run(take_toll(kills, int(sys.argv[2]) if len(sys.argv) > 2 else 1, Path(place)))
    armed = sorted(toll.armed_s)
    print(
        f"{toll.kills} kills, {toll.orders} orders, {toll.fills} fills, {toll.deals} deals settled; "
        f"armed again after {armed[len(armed) // 2]:.2f} s (median), {armed[-1]:.2f} s (worst)"
    )
    for line in toll.lost:
        print(f"LOST: {line}")
    return 1 if toll.lost else 0


if __name__ == "__main__":
    sys.exit(main())
