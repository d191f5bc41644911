"""How long from a frame that makes an opportunity until both orders for it have arrived at their venues?

Two simulated markets (`tick_venues.py`, one spinning process on a core of its own) speak Binance's and Gate's spot wire
over loopback, without TLS. The clock starts just before the `send` of the frame there, and stops when the second of the
two orders has been read from its socket there. Five quiet frames lie between opportunities, 2 ms between frames. Who
answers, one after the other, each in a process of its own on another core, all with both order connections open:

- oneprice, as it trades: frame, book, scan, plan, gates, journal on this disk, signature, both orders by websocket,
  answers, fills, ledger, settled deal. Busy polling, and sleeping in between. Rate limits are set so high that they
  never bind; everything is checked and counted all the same.
- floor: a C program that waits on its sockets, finds the price in the frame, signs, and sends both orders; it keeps no
  book, no account, no journal. Spinning, and blocking.
- ccxt: two `watch_order_book` loops of ccxt.pro, best prices compared net of fees, both orders by `create_order_ws`.

Where oneprice's time goes: `receive` (from the send there to the frame in our hands), `decide` (book, scan, strategy: a
plan), `gate`, `journal`, `sign` (both orders' bytes, signature included), `send` (all else until the last one is handed
to the network), `arrive` (from there to being read; below 0 where the last order is read before its `send` is over).

On a machine with other work an event counts only when neither process had to wait for its core (`tick_cores.py`); what
that leaves out is told as disturbed, and stands in the JSON under `all`. Caches that others have filled are not seen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from report import arguments, machine, say_conditions, table, verdict, write
from tick_cores import DISTURBED_NS

HERE = Path(__file__).parent
VENUES = (sys.executable, HERE / "tick_venues.py")
FLOOR = HERE / "native" / "tick_floor.c"
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
ENDED_WITHIN_S = 30.0
STAGES = ("receive", "decide", "gate", "journal", "sign", "send", "arrive")
PLACES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
CCXT_RATIO_MIN = 10.0
Told = dict[str, Any]


@dataclass
class Contender:
    """`command` starts it, given the venues' ports and an empty folder."""

    name: str
    command: Callable[[Path, Path, str], Sequence[str | Path]]
    rounds: list[Told] = field(default_factory=list)


def oneprice(*options: str) -> Callable[[Path, Path, str], Sequence[str | Path]]:
    """The engine."""
    return lambda build, folder, ports: [
        *(sys.executable, HERE / "tick_oneprice.py", "--ports", ports, "--folder", folder),
        *options,
    ]


def floor(mode: str) -> Callable[[Path, Path, str], Sequence[str | Path]]:
    """The C program."""

    def command(build: Path, folder: Path, ports: str) -> Sequence[str | Path]:
        told = json.loads(ports)
        return [build / "tick_floor", str(told["binance"]), str(told["gate"]), mode]

    return command


CONTENDERS: dict[str, Callable[[Path, Path, str], Sequence[str | Path]]] = {
    "floor-spinning": floor("spin"),
    "oneprice-busy": oneprice("--busy-poll"),
    "floor-blocking": floor("block"),
    "oneprice-sleeping": oneprice(),
    "ccxt": lambda build, folder, ports: [sys.executable, HERE / "tick_ccxt.py", "--ports", ports],
}


def main() -> int:
    """Run, print, perhaps write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=1_000, help="of each contender in each round (default 1000)")
    parser.add_argument("--warm-up", type=int, default=200, help="events before those that count (default 200)")
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), metavar="NAME", help=", ".join(CONTENDERS))
    options = parser.parse_args()
    conditions = machine("ccxt", "picows", "uvloop")
    say_conditions(conditions)
    if len(CORES) < 2:
        print("one core only: the venues take turns with whom they measure, and no figure means anything")
    with tempfile.TemporaryDirectory() as name:
        contenders = list(_contenders(options.only, Path(name)))
        for _ in range(options.rounds):
            for one in contenders:
                one.rounds.append(_turn(one, Path(name), options))
    results = {one.name: _summary(one.rounds) for one in contenders}
    _tell(results)
    result: Told = {"question": (__doc__ or "").splitlines()[0], "conditions": conditions, "results": results}
    result |= {"events": options.events, "rounds": options.rounds, "targets": _targets(results)}
    write(options.json, result)
    return 0


def _contenders(only: Sequence[str] | None, build: Path) -> Iterator[Contender]:
    wanted = [name for name in CONTENDERS if not only or name in only]
    missing = set()
    if not shutil.which("cc"):
        missing |= {name for name in wanted if name.startswith("floor")}
    elif any(name.startswith("floor") for name in wanted):
        subprocess.run(["cc", "-O3", "-march=native", "-o", build / "tick_floor", FLOOR], check=True)
    if find_spec("ccxt") is None:
        missing.add("ccxt")
    for name in wanted:
        if name in missing:
            print(f"{name} is left out: {'ccxt' if name == 'ccxt' else 'a C compiler (cc)'} is not here")
        else:
            yield Contender(name, CONTENDERS[name])


# ---------------------------------------------------------------------- a turn


def _turn(one: Contender, build: Path, options: argparse.Namespace) -> Told:
    """Fresh venues, a fresh contender, and the measured events."""
    with tempfile.TemporaryDirectory(dir=_disk()) as name, _process(CORES[-1], VENUES) as venues:
        ports = _read(venues)
        with _process(CORES[0], one.command(build, Path(name), json.dumps(ports))) as contender:
            _read(contender)
            _ask(venues, f"run {options.warm_up} {contender.pid}")
            events = _ask(venues, f"run {options.events} {contender.pid}")
            told = _ask(contender, "end")
    return _measured(events, told)


def _disk() -> Path:
    """A folder of this checkout: the journal is to be on a real disk, which /tmp may not be."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _process(core: int, command: Sequence[str | Path]) -> Iterator[subprocess.Popen[str]]:
    """A process of ours on one core, gone at the end."""

    def keep_to_core() -> None:
        if len(CORES) > 1:
            os.sched_setaffinity(0, {core})

    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=keep_to_core
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ask(process: subprocess.Popen[str], line: str) -> Any:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    return _read(process)


def _read(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"error: {process.args!r} ended; its own words are above")
    return json.loads(line)


# ---------------------------------------------------------------------- figures


def _measured(events: list[list[int]], told: Told) -> Told:
    """One turn's times in nanoseconds: of each event that nobody disturbed, and of each stage."""
    quiet = [event for event in events if event[3] <= DISTURBED_NS]
    whole = [(sent, max(arrived)) for sent, *arrived, _ in quiet if all(arrived)]
    turn: Told = {"disturbed": len(events) - len(quiet), "lost": len(quiet) - len(whole)}
    turn["tick_to_order"] = [end - sent for sent, end in whole]
    turn["all"] = [max(arrived) - sent for sent, *arrived, _ in events if all(arrived)]
    if "stages" in told:
        turn |= _staged(whole, sorted(told["stages"]), sorted(told["made"]))
    return turn | {key: told[key] for key in ("deals", "refusals") if key in told}


def _staged(whole: list[tuple[int, int]], stages: list[list[int]], made: list[list[int]]) -> Told:
    """Each event's time in parts."""
    parts: dict[str, list[int]] = {name: [] for name in STAGES}
    place = taken = 0
    for sent, end in whole:
        while place < len(stages) and stages[place][0] < sent:
            place += 1
        if place == len(stages) or stages[place][0] > end:
            continue
        received, decided, approved, journaled, handed = stages[place]
        while made[taken][0] < journaled:
            taken += 1
        sign = sum(took for began, took in made[taken : taken + 2] if began < handed)
        before = (received - sent, decided - received, approved - decided, journaled - approved)
        for name, took in zip(STAGES, (*before, sign, handed - journaled - sign, end - handed), strict=True):
            parts[name].append(took)
    return dict(parts)


def _summary(rounds: list[Told]) -> Told:
    """All rounds together, in microseconds."""
    told: Told = {name: sum(turn[name] for turn in rounds) for name in ("disturbed", "lost")}
    for name in ("tick_to_order", "all", *STAGES):
        took = [one for turn in rounds for one in turn.get(name, ())]
        if took:
            told[name] = {"events": len(took)} | _percentiles(took)
    for key in ("deals", "refusals"):
        if key in rounds[0]:
            told[key] = [turn[key] for turn in rounds]
    return told


def _percentiles(took_ns: list[int]) -> dict[str, float]:
    ordered = sorted(took_ns)
    return {name: round(ordered[int(len(ordered) * place)] / 1e3, 1) for name, place in PLACES.items()}


def _tell(results: Told) -> None:
    print("\nfrom the frame's send to both orders read, microseconds, of events that nobody else disturbed")
    rows = []
    for name, one in results.items():
        us = one.get("tick_to_order", {})
        rows.append((name, *(us.get(key, "-") for key in ("events", *PLACES)), one["disturbed"], one["lost"]))
    table(("", "events", *PLACES, "disturbed", "lost"), rows)
    for name, one in results.items():
        parts = [(stage, *(one[stage][place] for place in PLACES)) for stage in STAGES if stage in one]
        if parts:
            print(f"\n{name}, by stage")
            table(("", *PLACES), parts)


def _targets(results: Told) -> list[Told]:
    """Ratios within this run."""
    print()
    us = {name: one["tick_to_order"] for name, one in results.items() if "tick_to_order" in one}
    wanted = [
        ("oneprice-busy", "floor-spinning", "p50", 3.0),
        ("oneprice-busy", "floor-spinning", "p99", 4.0),
        ("oneprice-sleeping", "floor-blocking", "p50", 2.0),
    ]
    told = []
    for ours, theirs, place, most in wanted:
        if ours in us and theirs in us:
            ratio = us[ours][place] / us[theirs][place]
            told.append(verdict(f"{ours}: {place} at most {most:g} times {theirs}'s ({ratio:.1f})", ratio <= most))
    for ours in ("oneprice-busy", "oneprice-sleeping"):
        if ours in us and "ccxt" in us:
            ratio = us["ccxt"]["p50"] / us[ours]["p50"]
            text = f"{ours}: at least {CCXT_RATIO_MIN:g} times faster than ccxt (p50, {ratio:.1f})"
            told.append(verdict(text, ratio >= CCXT_RATIO_MIN))
    return told


if __name__ == "__main__":
    sys.exit(main())
