"""What does a change of one listing's top cost, scan included, as venues (2 to 20) and symbols (1 to 1,500) grow?

The Rust scan is driven by a Rust program (`crates/core/examples/scan_update.rs`, built here), so that no call from
Python and no frame is in it; the hub of either core is driven from Python with best-bid-ask frames, each of which moves
the top. Each change is of a listing drawn at random: with many listings most of them are not in the caches. What the
caches cost is told apart by `one group`: as many listings, but all changes in one symbol. Beside it: listings that are
part of two triangles each, BTC/USDT that is part of all triangles of its venue, groups with a standing opportunity, and
what a rescan costs that is not incremental.

Nanoseconds a change; best of many batches.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from oneprice.core.describe import Condition, Quote, Stream, encode
from oneprice.core.specs import listing_spec
from oneprice.core.states import Flag
from report import arguments, machine, say_conditions, table, verdict, write

ROOT = Path(__file__).resolve().parent.parent
VENUES, SYMBOLS = (2, 5, 10, 20), (1, 30, 300, 1_500)
CORNERS = ((2, 1), (20, 1), (2, 1_500), (20, 1_500))
FLAT = 1.5
HUBS = (("Rust core", "oneprice._core", 100_000), ("Python reference", "oneprice.core.hub", 8_000))
QUOTES = Stream(
    messages=(
        Quote(
            name="quote",
            when=(Condition("A", has=True),),
            symbol="s",
            bid_price="b",
            bid_quantity="B",
            ask_price="a",
            ask_quantity="A",
        ),
    )
)
"""Without a number, so that none is older than another."""
Grid = dict[str, float]
"""By `VENUESxSYMBOLS`."""


def main() -> int:
    """Run, print, perhaps write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--batches", type=int, default=200, help="batches of 2,000 changes (default 200)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    conditions = machine()
    say_conditions(conditions)
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0], "conditions": conditions}
    program = _build()
    if program:
        result["rust_ns"] = rust = _rust(program, options)
        _tell_rust(rust)
        result["targets"] = _targets(rust)
    result["hub_ns"] = _hubs()
    write(options.json, result)
    return 0


def _build() -> Path | None:
    """The Rust program; None, with the reason told, where it cannot be built."""
    if not shutil.which("cargo"):
        print("cargo is not on the PATH: the Rust scan is left out")
        return None
    command = ["cargo", "build", "--release", "--locked", "--package", "oneprice-core", "--example", "scan_update"]
    answer = subprocess.run([*command, "--message-format=json"], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    built = [each["executable"] for each in told if each.get("target", {}).get("name") == "scan_update"]
    if answer.returncode or not built:
        print("the Rust program does not build here: the Rust scan is left out")
        return None
    return Path(built[-1])


def _rust(program: Path, options: argparse.Namespace) -> dict[str, Grid]:
    """Best nanoseconds a change, by mode and size. Rounds are interleaved, so that a busy minute hits all alike."""
    sizes = [(venues, symbols) for venues in VENUES for symbols in SYMBOLS]
    runs = [(mode, size, options.batches) for mode in ("pairs", "one_group") for size in sizes]
    runs += [("cycles", (venues, symbols), options.batches) for venues, symbols in sizes if symbols > 1]
    runs += [("hub_of_cycles", (20, symbols), 50) for symbols in SYMBOLS[1:]]
    runs += [(mode, (venues, 30), 50) for mode in ("standing", "rescan_group") for venues in VENUES]
    runs += [("rescan_all", (20, symbols), 3) for symbols in SYMBOLS[:3]]
    found: dict[str, Grid] = {}
    for _ in range(options.rounds):
        for mode, (venues, symbols), batches in runs:
            command = [str(program), mode, str(venues), str(symbols), str(batches)]
            answer = subprocess.run(command, capture_output=True, check=True)
            ns, grid, key = json.loads(answer.stdout)["best_ns"], found.setdefault(mode, {}), f"{venues}x{symbols}"
            grid[key] = min(ns, grid.get(key, ns))
    return found


def _tell_rust(found: dict[str, Grid]) -> None:
    for mode, title in (
        ("pairs", "Rust scan, any listing at random"),
        ("one_group", "Rust scan, the same number of listings, all changes in one symbol"),
        ("cycles", "Rust scan, each listing in two triangles, any listing but BTC/USDT at random"),
    ):
        grid = found[mode]
        symbols = [symbols for symbols in SYMBOLS if f"{VENUES[0]}x{symbols}" in grid]
        print(f"\n{title}: ns a change")
        rows = [[f"{venues} venues", *(f"{grid[f'{venues}x{count}']:.0f}" for count in symbols)] for venues in VENUES]
        table(["", *(f"{count} symbols" for count in symbols)], rows)
    print("\nother cases: ns a change")
    for mode, title in (
        ("hub_of_cycles", "BTC/USDT, part of 2 triangles for every other symbol"),
        ("standing", "while an opportunity stands in each group"),
        ("rescan_group", "not incremental: all pairs of the group again"),
        ("rescan_all", "not incremental: all pairs of all groups again"),
    ):
        print(f"  {title}: " + ", ".join(f"{key} {ns:,.0f}" for key, ns in found[mode].items()))


def _targets(found: dict[str, Grid]) -> list[dict[str, Any]]:
    print()
    told = []
    for mode in ("pairs", "one_group", "cycles"):
        most = max(found[mode].values())
        told.append(verdict(f"Rust, {mode}: at most 100 ns a change at every size: {most:.0f}", most <= 100))
        ratio = most / min(found[mode].values())
        told.append(verdict(f"Rust, {mode}: flat over venues and symbols within {FLAT}x: {ratio:.2f}x", ratio <= FLAT))
    return told


def _hubs() -> dict[str, Grid]:
    """Through `on_frame` from Python: decode, quote, top and scan."""
    print("\nthrough the hub from Python, a best-bid-ask frame that moves the top: ns a frame")
    found: dict[str, Grid] = {}
    for title, module, frames in HUBS:
        if find_spec(module) is None:
            print(f"{title}: not built, left out")
            continue
        make = importlib.import_module(module).Hub
        found[title] = {f"{venues}x{symbols}": _hub(make, venues, symbols, frames) for venues, symbols in CORNERS}
    rows = [[name, *(f"{ns:,.0f}" for ns in grid.values())] for name, grid in found.items()]
    table(["", *(f"{venues}x{symbols}" for venues, symbols in CORNERS)], rows)
    return found


def _hub(make: Callable[[bytes], Any], venues: int, symbols: int, frames: int) -> float:
    hub, chance = make(b"{}"), random.Random(1)
    pairs: list[tuple[int, tuple[bytes, bytes]]] = []
    for venue in range(venues):
        stream = hub.add_stream(encode(QUOTES))
        for symbol in range(symbols):
            spec = listing_spec(
                f"V{venue}:S{symbol}",
                tick_size=Decimal("0.01"),
                lot_size=Decimal("0.001"),
                taker_fee=Decimal("0.001"),
                group=f"S{symbol}",
                depth=False,
            )
            hub.bind(stream, "quote", f"S{symbol}USDT", hub.add_listing(msgspec.json.encode(spec)))
            pairs.append((stream, (_quote(symbol, 0), _quote(symbol, 1))))
    turns = [0] * len(pairs)
    best, batch = float("inf"), 200
    gc.disable()
    for _ in range(frames // batch):
        work = []
        for drawn in chance.choices(range(len(pairs)), k=batch):
            turns[drawn] += 1
            work.append((pairs[drawn][0], pairs[drawn][1][turns[drawn] % 2]))
        began = time.thread_time_ns()
        for stream, frame in work:
            flags = hub.on_frame(stream, frame, 5)
        best = min(best, (time.thread_time_ns() - began) / batch)
        assert flags & Flag.TOP, "every frame moves the top"
    gc.enable()
    return best


def _quote(symbol: int, odd: int) -> bytes:
    bid, ask = f"1000.0{odd}000000", f"1000.0{odd + 1}000000"
    return f'{{"s":"S{symbol}USDT","b":"{bid}","B":"4.10700000","a":"{ask}","A":"2.30500000"}}'.encode()


if __name__ == "__main__":
    os.environ.setdefault("CARGO_TERM_QUIET", "true")
    sys.exit(main())
