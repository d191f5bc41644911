"""Kills a real engine, `oneprice run` in a process of its own, again and again, on exchanges that live on.

    python -m tests.trade.killing 200              so many kills; exit code 1 when anything was lost
    python -m tests.trade.killing 1 7 33           once, as kill 33 of seed 7 was
    python -m tests.trade.killing --steps          in one process, at each step of each story (killing_steps.py)

The faults of the demo are on, and another customer offers something worth taking again and again. A third of the kills
comes while the engine starts, the others within a second of the first deal that it has sent. Now and then, and at the
end, an engine comes to an orderly end, and what the exchanges say is held against its journal. Which moment it is
follows from the seed and the kill's number alone.
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
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.trade.killing_offers import offers
from tests.trade.killing_truth import Findings, Truth, judge

from oneprice.cli.demo_trading import order_faults
from oneprice.ledger.journal import read
from oneprice.ledger.records import AnyRecord, DealOpened, RunStarted, Switched
from oneprice.live.disk import LiveDisk
from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.cluster import SimCluster
from oneprice.trade.control import SOCKET
from oneprice.trading import journal_folder

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
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
quotes_per_minute_max = 5000
daily_loss_max = 5000
open_deals_max = 12
cooldown_ms = 20
cooldown_after_loss_ms = 20
book_age_ms_max = 1000
"""
STARTS_WITHIN_S = 30.0
DEALS_WITHIN_S = 30.0
"""What is waited for, at most. What is wanted: 5 s from the start to the first deal."""
TRADES_WITHIN_S = 5.0
WHILE_STARTING, STARTED_S_MAX, TRADING_S_MAX = 1 / 3, 3.0, 1.0
LOOK_EVERY = 50
STARTS_A_MINUTE = 9
"""Binance lets an address ask for 6,000 a minute, and a start asks for about 500 of it."""
LOOK_S = 0.03
KNOWN_WITHIN_S, ENDS_WITHIN_S = 40.0, 60.0
LOG_CHARACTERS = 3_000


@dataclass
class Killed:
    """One kill. `started_ns`: when its engine was started, wall; then after how many seconds it was armed, and had sent
    the first deal that takes (None: it did not live to do that, or was the first one, which goes on with nothing)."""

    number: int
    moment: str
    started_ns: int
    armed_s: float | None = None
    dealt_s: float | None = None


@dataclass
class Toll:
    """What a series of kills has come to."""

    seed: int
    killed: list[Killed] = field(default_factory=list)
    found: Findings = field(default_factory=Findings)
    truths: list[Truth] = field(default_factory=list)
    records: list[AnyRecord] = field(default_factory=list)

    def late(self) -> list[Killed]:
        """Those whose engine sent its first deal later than is wanted."""
        return [one for one in self.killed if one.dealt_s is not None and one.dealt_s > TRADES_WITHIN_S]

    def lines(self) -> Iterator[str]:
        """For people."""
        found, killed = self.found, self.killed
        trading = sum(one.moment.endswith("deal") for one in killed)
        yield f"{len(killed)} kills of seed {self.seed}: {trading} while it traded, {len(killed) - trading} before"
        yield f"{found.orders} orders, {found.fills} fills, {found.deals} deals settled"
        yield (
            f"{len(found.orphans)} orphans, {len(found.lost)} lost, {len(found.doubled)} doubled, "
            f"{len(found.unexplained)} unexplained"
        )
        yield f"alarms: {', '.join(f'{count} {kind}' for kind, count in found.alarms.most_common()) or 'none'}"
        yield f"armed after           {_spread([one.armed_s for one in killed])}"
        yield f"next deal sent after  {_spread([one.dealt_s for one in killed])}"
        for one in self.late():
            yield f"LATE: kill {one.number} ({one.moment}): its engine sent a deal after {one.dealt_s:.2f} s"
        yield from found.lines()


def _spread(values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "never"
    p95 = known[min(len(known) - 1, len(known) * 95 // 100)]
    return f"{known[len(known) // 2]:.2f} s median, {p95:.2f} s p95, {known[-1]:.2f} s at most, of {len(known)}"


# ---------------------------------------------------------------------- the engine's process


class Victim:
    """The engine's process. `started_ns`: wall."""

    def __init__(self, process: asyncio.subprocess.Process, data: Path, log: Path) -> None:
        self.process, self._data, self._log = process, data, log
        self.started_ns = time.time_ns()

    @classmethod
    async def start(cls, folder: Path, urls: dict[str, str], planted: str = "") -> Victim:
        """Run it on these exchanges. `planted`: Python that is run in it first."""
        code = f"{planted}\nfrom oneprice.cli.main import main\nmain()"
        command = [sys.executable, "-c", code, "run", "--config", str(folder / "oneprice.toml")]
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for venue, url in urls.items():
            command += ["--sim", f"{venue}={url}"]
            environment[f"ONEPRICE_{venue.upper()}_API_KEY"] = DEFAULT_KEY
            environment[f"ONEPRICE_{venue.upper()}_API_SECRET"] = DEFAULT_SECRET
        log = folder / "log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, env=environment
            )
        return cls(process, folder / "data", log)

    async def kill(self) -> None:
        """As a crash would. Raises AssertionError where it had ended already."""
        self.require_alive()
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def end(self) -> None:
        """In an orderly way, holding nothing. Raises AssertionError."""
        await self.until(lambda status: not status["orders_unknown"], KNOWN_WITHIN_S, "what became of each order")
        await self.ask("flatten", reason="a look at what there is")
        await asyncio.wait_for(self.process.wait(), ENDS_WITHIN_S)
        assert self.process.returncode == 0, f"it ended with {self.process.returncode}: {self.said()}"

    def require_alive(self) -> None:
        """Raises AssertionError."""
        assert self.process.returncode is None, f"it ended by itself, with {self.process.returncode}: {self.said()}"

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-LOG_CHARACTERS:]

    async def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """By its socket. Raises OSError while there is none."""
        reader, writer = await asyncio.open_unix_connection(str(self._data / SOCKET), limit=1 << 24)
        try:
            writer.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            told: dict[str, Any] = json.loads(await reader.readline())
            return told
        finally:
            writer.close()

    async def until(
        self, holds: Callable[[dict[str, Any]], object], within_s: float, what: str, do: str = "status", **asked: object
    ) -> None:
        """Ask it until it says so. Raises AssertionError with its last word."""
        told: dict[str, Any] = {}
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            self.require_alive()
            with contextlib.suppress(OSError, ValueError):
                told = await self.ask(do, **asked)
                if holds(told):
                    return
            await asyncio.sleep(LOOK_S)
        with contextlib.suppress(OSError, ValueError):
            told = await self.ask("status")
        raise AssertionError(f"{what}: not within {within_s:g} s. It says {told}, and said {self.said()}")

    async def armed(self) -> None:
        """It trades."""
        await self.until(lambda told: told["armed"], STARTS_WITHIN_S, "armed")

    async def dealt(self) -> None:
        """It has sent a deal that takes."""
        await self.until(self._has_dealt, DEALS_WITHIN_S, "a deal", "deals", count=3)

    def _has_dealt(self, told: dict[str, Any]) -> bool:
        return any(row["strategy"] != "maker" and row["opened_wall_ns"] > self.started_ns for row in told["deals"])


# ---------------------------------------------------------------------- killing it


async def take_toll(
    kills: int, seed: int, folder: Path, *, first: int = 1, planted: str = "", tell: Callable[[str], None] | None = None
) -> Toll:
    """Kill it so many times, looking at what is left now and then. `first`: the number of the first kill. `planted`:
    as `Victim.start`. `tell` hears of each kill. Raises AssertionError for an engine that ends by itself, does not
    start, or does not trade."""
    toll = Toll(seed)
    (folder / "oneprice.toml").write_text(CONFIG.format(folder=folder / "data"))
    async with SimCluster(seed=seed, instruments=SYMBOLS) as cluster, offers(cluster, SYMBOLS, seed):
        urls = {name: exchange.url for name, exchange in cluster.exchanges.items()}
        pace = _Pace()
        for start in range(first, first + kills, LOOK_EVERY):
            async with _faulty(cluster):
                for number in range(start, min(start + LOOK_EVERY, first + kills)):
                    await pace.wait()
                    victim = await Victim.start(folder, urls, planted)
                    moment = await _kill(victim, random.Random(f"{seed}:{number}"))
                    toll.killed.append(Killed(number, moment, victim.started_ns))
                    if tell is not None:
                        tell(f"kill {number} of seed {seed}, {moment}")
            await pace.wait()
            victim = await Victim.start(folder, urls, planted)
            await victim.armed()
            await victim.end()
            await _look(cluster, folder, toll)
            if toll.found.lines():
                break
    return toll


class _Pace:
    """As many starts as a venue's limits allow."""

    def __init__(self) -> None:
        self._starts: deque[float] = deque(maxlen=STARTS_A_MINUTE)

    async def wait(self) -> None:
        """Until the next one may be."""
        now_s = time.monotonic()
        if len(self._starts) == STARTS_A_MINUTE:
            await asyncio.sleep(max(0.0, self._starts[0] + 60.0 - now_s))
        self._starts.append(time.monotonic())


@contextlib.asynccontextmanager
async def _faulty(cluster: SimCluster) -> AsyncIterator[None]:
    """With the demo's faults."""
    making = asyncio.create_task(order_faults(cluster))
    try:
        yield
    finally:
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
    for venue in cluster.exchanges:
        await cluster.clear_faults(venue)


async def _kill(victim: Victim, chance: random.Random) -> str:
    """At a moment by chance; gives which it was."""
    if chance.random() < WHILE_STARTING:
        after_s = chance.uniform(0.0, STARTED_S_MAX)
        what = "its start"
    else:
        after_s = chance.uniform(0.0, TRADING_S_MAX)
        what = "its first deal"
        await victim.dealt()
    await asyncio.sleep(after_s)
    await victim.kill()
    return f"{after_s:.3f} s after {what}"


async def _look(cluster: SimCluster, folder: Path, toll: Toll) -> None:
    """What there is now, by both sides' word."""
    toll.truths = []
    for venue in cluster.exchanges:
        account = (await cluster.accounts(venue))["accounts"][0]  # ours was there first
        toll.truths.append(Truth(venue, account, await cluster.fills(venue, account["uid"])))
    toll.records = read(LiveDisk(), journal_folder(folder / "data")).records
    toll.found = judge(toll.truths, toll.records)
    _time(toll)


def _time(toll: Toll) -> None:
    """When each engine was armed, and sent its first deal, by its own journal."""
    mine: Killed | None = None
    for record in toll.records:
        if isinstance(record, RunStarted):
            before = [one for one in toll.killed if one.started_ns < record.wall_ns]
            mine = before[-1] if len(before) > 1 else None
        if mine is None:
            continue
        after_s = (record.wall_ns - mine.started_ns) / 1e9
        if isinstance(record, Switched) and (record.switch, record.value) == ("armed", "on"):
            mine.armed_s = mine.armed_s or after_s
        if isinstance(record, DealOpened) and record.strategy != "maker":
            mine.dealt_s = mine.dealt_s or after_s


def main(arguments: list[str]) -> int:
    """As the command line says."""
    if arguments[:1] == ["--steps"]:
        from tests.trade.killing_steps import play_all

        at = arguments[2] if len(arguments) > 2 else "0"
        return 1 if play_all(arguments[1:2], int(at) if at.isdigit() else at) else 0
    kills, seed, first = (int(text) for text in (*arguments, *("200", "1", "1")[len(arguments) :]))
    with tempfile.TemporaryDirectory() as place:
        toll = asyncio.run(take_toll(kills, seed, Path(place), first=first, tell=lambda text: print(text, flush=True)))
    print(*toll.lines(), sep="\n")
    return 1 if toll.found.lines() or toll.late() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
