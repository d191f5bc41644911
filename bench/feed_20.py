"""How many frames a second go from 20 venues' sockets into books and scan on one core, and how soon is a top known?

A C program (`native/blast.c`) on another core is the 20 venues: it sends generated frames (16 % depth with 50 levels
in the mean, 61 % best bid and ask, 23 % trades; 10 symbols a venue) over loopback websockets. The client is what the
engine has: `live.LiveNetwork`, one `market.Connection` a venue, one hub with 200 books in groups of 20, drained and
ticked as in `market.MarketData`.

- pushed: every connection sends as fast as it is read. What is then taken in is the highest rate that can be held: the
  sockets hold the venues back, and nothing queues up in the client. Told per second of wall time, and per second of the
  client's CPU time, which other work on the machine does not change.
- steady: so many frames a second, each sent alone. From sending to top known (two trips through the kernel and a
  wake-up included), and from the transport's callback to top known. `--busy-poll`: the loop never sleeps.
- memory: what books take, as growth of the resident set of a fresh process.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from feed_venues import Engine, TimedConnection, hub_config
from generated import Market, generate
from oneprice.core import backend
from oneprice.core.states import BookState
from oneprice.live import run
from report import arguments, machine, say_conditions, table, verdict, write

BLAST = Path(__file__).parent / "native" / "blast.c"
VENUES, SYMBOLS = 20, 10
DEPTH_FRAMES = 300
STEADY_SECONDS_MAX = 60
RATE_STEADY = 20_000
BOOKS_OF_A_VENUE = 500
ALL_IN_WITHIN_S = 300
MODULES = {"rust": "oneprice._core", "python": "oneprice.core.hub"}
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
MEMORY_SIZES = ((1, BOOKS_OF_A_VENUE, 1_000), (2, BOOKS_OF_A_VENUE, 1_000), (1, BOOKS_OF_A_VENUE, 100))
MEMORY = ("mb", "mb_per_venue", "mb_per_1000_books")


def main() -> int:
    """Run, print, perhaps write."""
    options = _options()
    if options.memory_of:
        print(json.dumps(_grown(options.core, *options.memory_of)))
        return 0
    conditions = machine("picows", "uvloop")
    say_conditions(conditions)
    print(f"core: {options.core}")
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0], "conditions": conditions}
    result["core"] = options.core
    if shutil.which("cc"):
        result |= _sockets(options)
    else:
        print("no C compiler (cc) on the PATH: nothing can send that fast; only the memory is measured")
    result["memory"] = _memory(options.core)
    result["targets"] = _targets(result)
    write(options.json, result)
    return 0


def _options() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("--core", choices=sorted(MODULES), default=backend)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=RATE_STEADY, help=f"steady frames a second (default {RATE_STEADY})")
    parser.add_argument("--busy-poll", action="store_true", help="the loop never sleeps: sooner, for a whole core")
    parser.add_argument("--memory-of", type=int, nargs=3, metavar=("VENUES", "BOOKS", "LEVELS"), help="used by itself")
    return parser.parse_args()


# ---------------------------------------------------------------------- sockets


def _sockets(options: argparse.Namespace) -> dict[str, Any]:
    """Both runs over sockets, each several times."""
    markets = [generate(f"S{number:03d}USDT", DEPTH_FRAMES, seed=number, circle=True) for number in range(SYMBOLS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["cc", "-O3", "-march=native", "-o", folder / "blast", BLAST], check=True)
        (folder / "frames").write_bytes(_interleaved(markets))
        markets = [replace(market, frames=[]) for market in markets]  # nothing for the garbage collector to walk over
        with (folder / "stamps").open("wb") as stamps:
            stamps.truncate(8 * max(options.rate, RATE_STEADY) * STEADY_SECONDS_MAX)
        pushed = [run(_pushed(folder, markets, options)) for _ in range(options.rounds)]
        _tell_pushed(pushed)
        steady = [run(_steady(folder, markets, options), busy_poll=options.busy_poll) for _ in range(options.rounds)]
        _tell_steady(steady, options)
    return {"pushed": pushed, "steady": steady, "busy_poll": options.busy_poll}


def _interleaved(markets: Sequence[Market]) -> bytes:
    """All markets' frames, spread evenly: frame, and by how much its numbers rise each time around."""
    placed = [
        (index / len(market.frames), number, frame.payload, market.span)
        for number, market in enumerate(markets)
        for index, frame in enumerate(market.frames)
    ]
    return b"".join(struct.pack("<II", len(frame), span) + frame for _, _, frame, span in sorted(placed))


@asynccontextmanager
async def _connected(
    folder: Path, markets: list[Market], options: argparse.Namespace, *, timed: bool
) -> AsyncIterator[tuple[Engine, Venues]]:
    engine = Engine(importlib.import_module(MODULES[options.core]).Hub(hub_config()), markets, timed)
    for number in range(VENUES):
        engine.add_venue(number)
    venues = await Venues.start(folder)
    try:
        async with engine:
            await engine.open(venues.port)
            yield engine, venues
    finally:
        await venues.end()


class Venues:
    """The program that sends, on the last core; this process keeps to the first one."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process, self.port = process, port

    @classmethod
    async def start(cls, folder: Path) -> Venues:
        """Start it and learn its port."""
        process = await asyncio.create_subprocess_exec(
            *(folder / "blast", folder / "frames", folder / "stamps", str(VENUES)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        if len(CORES) > 1:
            os.sched_setaffinity(process.pid, {CORES[-1]})
            os.sched_setaffinity(0, {CORES[0]})
        return cls(process, int(await process.stdout.readline()))

    async def send(self, command: str) -> dict[str, Any]:
        """Have it done; gives what was sent."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command.encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the sending program is gone: a connection was closed (its own words are above)")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def _all_in(engine: Engine, expected: int) -> None:
    """Wait until so many frames have been taken in. Raises RuntimeError when they do not come."""
    until = time.monotonic() + ALL_IN_WITHIN_S
    while engine.frames < expected:
        if time.monotonic() > until:
            raise RuntimeError(f"{engine.frames} of {expected} frames came; closed: {engine.closed()}")
        await asyncio.sleep(0.001)


async def _pushed(folder: Path, markets: list[Market], options: argparse.Namespace) -> dict[str, Any]:
    async with _connected(folder, markets, options, timed=False) as (engine, venues):
        warm = await venues.send("push 0.5")
        await _all_in(engine, warm["frames"])
        cpu, began = time.process_time(), time.perf_counter()
        sent = await venues.send(f"push {options.seconds}")
        await _all_in(engine, warm["frames"] + sent["frames"])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
        return {
            "frames": sent["frames"],
            "frames_per_s": sent["frames"] / wall,
            "frames_per_cpu_s": sent["frames"] / cpu,
            "us_per_frame": 1e6 * cpu / sent["frames"],
            **_proof(engine),
        }


async def _steady(folder: Path, markets: list[Market], options: argparse.Namespace) -> dict[str, Any]:
    seconds = min(options.seconds, STEADY_SECONDS_MAX)
    async with _connected(folder, markets, options, timed=True) as (engine, venues):
        warm = await venues.send("push 0.3")
        await _all_in(engine, warm["frames"])
        timed = [venue.connection for venue in engine.venues if isinstance(venue.connection, TimedConnection)]
        for connection in timed:
            del connection.known_ns[:], connection.taken_ns[:]
        cpu, began = time.process_time(), time.perf_counter()
        sent = await venues.send(f"steady {options.rate} {seconds}")
        backlog = warm["frames"] + sent["frames"] - engine.frames
        await _all_in(engine, warm["frames"] + sent["frames"])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
        proof = _proof(engine)
    stamps = array("Q")
    with (folder / "stamps").open("rb") as file:
        stamps.fromfile(file, sent["frames"])
    sent_to_known = [
        known - stamps[VENUES * index + number]
        for number, connection in enumerate(timed)
        for index, known in enumerate(connection.known_ns)
    ]
    return {
        "rate": options.rate,
        "frames": sent["frames"],
        "sent_per_s": sent["frames"] / sent["seconds"],
        "backlog_at_end": backlog,
        "cpu_share": cpu / wall,
        "us_per_frame": 1e6 * cpu / sent["frames"],
        "sent_to_known_us": _percentiles(sent_to_known),
        "received_to_known_us": _percentiles([taken for connection in timed for taken in connection.taken_ns]),
        "sender_late_ms_max": sent["late_ns_max"] / 1e6,
        **proof,
    }


def _proof(engine: Engine) -> dict[str, Any]:
    """That the work was done: books still certain, nothing dropped, book and quotes agree."""
    states = {BookState(state).name: count for state, count in engine.states().items()}
    told = {name: engine.count(name) for name in ("applied", "quotes", "dropped", "gaps", "disagreements")}
    return {"books": states, **told, "events": dict(engine.happened)}


def _percentiles(taken_ns: list[int]) -> dict[str, float]:
    ordered = sorted(taken_ns)
    places = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    found = {name: ordered[int(len(ordered) * place)] / 1e3 for name, place in places.items()}
    return found | {"max": ordered[-1] / 1e3}


def _tell_pushed(runs: list[dict[str, Any]]) -> None:
    print("\npushed: as fast as they are taken")
    rows = [
        [f"round {number}", f"{each['frames_per_s']:,.0f}", f"{each['frames_per_cpu_s']:,.0f}",
         f"{each['us_per_frame']:.2f}", each["books"], each["gaps"], each["dropped"]]
        for number, each in enumerate(runs, 1)
    ]  # fmt: skip
    table(["", "frames/s", "frames/s of CPU", "us/frame", "books", "gaps", "dropped"], rows)


def _tell_steady(runs: list[dict[str, Any]], options: argparse.Namespace) -> None:
    print(f"\nsteady: {options.rate:,} frames/s{', busy polling' if options.busy_poll else ''}; microseconds")
    rows = []
    for number, each in enumerate(runs, 1):
        for title, key in (("sent to known", "sent_to_known_us"), ("received to known", "received_to_known_us")):
            figures = [f"{us:,.1f}" for us in each[key].values()]
            rows.append([f"round {number}, {title}", *figures, f"{each['cpu_share']:.0%}", each["backlog_at_end"]])
    table(["", "p50", "p99", "p99.9", "max", "CPU", "backlog"], rows)


# ---------------------------------------------------------------------- memory


def _memory(core: str) -> list[dict[str, Any]]:
    """Growth of a fresh process for each size."""
    print("\nmemory of books, MB")
    found = []
    for size in MEMORY_SIZES:
        command = [sys.executable, __file__, "--core", core, "--memory-of", *map(str, size)]
        found.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    head = ["", "levels a side", "all", "per venue", "per 1,000 books"]
    table(head, [[f"{m['venues']} x {m['books']}", m["levels"], *(f"{m[k]:.1f}" for k in MEMORY)] for m in found])
    return found


def _grown(core: str, venues: int, books: int, levels: int) -> dict[str, Any]:
    """Books with their connection, in this process."""
    market = generate("S000USDT", 20)
    snapshot = json.loads(market.snapshot)
    for side in ("bids", "asks"):
        del snapshot[side][levels:]
    body = json.dumps(snapshot, separators=(",", ":")).encode()
    markets = [Market(f"S{number:03d}USDT", body, [], 0) for number in range(books)]

    async def grow() -> float:
        engine = Engine(importlib.import_module(MODULES[core]).Hub(hub_config()), markets)
        before = _resident_mb()
        for number in range(venues):
            engine.add_venue(number)
            for frame in market.frames:
                for listed in markets:
                    engine.hub.on_frame(number, frame.payload.replace(b"S000USDT", listed.symbol.encode()), 2)
            engine.hub.events()
        grown = _resident_mb() - before
        assert engine.states() == {int(BookState.LIVE): venues * books}, "all books are live"
        await engine.network.close()
        return grown

    grown = asyncio.run(grow())
    about = {"venues": venues, "books": books, "levels": levels}
    return about | {"mb": grown, "mb_per_venue": grown / venues, "mb_per_1000_books": grown * 1_000 / books / venues}


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _targets(result: dict[str, Any]) -> list[dict[str, Any]]:
    print()
    told = []
    if "pushed" in result:
        rate = max(each["frames_per_cpu_s"] for each in result["pushed"])
        wall = max(each["frames_per_s"] for each in result["pushed"])
        text = f"at least 400,000 frames/s on one core: {rate:,.0f} per second of CPU, {wall:,.0f} of wall time"
        told.append(verdict(text, rate >= 400_000))
        best = min(result["steady"], key=lambda each: float(each["sent_to_known_us"]["p99"]))
        p99, rate = best["sent_to_known_us"]["p99"], best["rate"]
        told.append(verdict(f"steady {rate:,}/s: p99 from sending to top known below 1 ms: {p99:,.0f} us", p99 < 1_000))
        backlog = min(each["backlog_at_end"] for each in result["steady"])
        told.append(verdict(f"steady {rate:,}/s: keeps up: {backlog} frames behind at the end", backlog < rate / 100))
    most = max(each["mb_per_venue"] for each in result["memory"])
    told.append(verdict(f"below 100 MB a venue with {BOOKS_OF_A_VENUE} books: {most:.0f} MB", most < 100))
    return told


if __name__ == "__main__":
    sys.exit(main())
