"""How long from the bytes of a frame, handed over from Python, until the book is updated and its top is known?

Depth frames and best-bid-ask frames; Rust core and Python reference (one `on_frame` call a frame, as the engine makes
it), a C program that does nothing else and trusts its input as the floor, and ccxt.pro's own handler. All get the same
frames in the same run, in interleaved rounds, and must end with the same top. Binance's recordings where they are
present (`shared/` beside the checkout, or ONEPRICE_SHARED), otherwise frames that `generated.py` makes.

`best`: of each batch of 200 frames the best pass, then the mean. `median`: the median round.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections import defaultdict
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import msgspec

from contenders import Case, Ccxt, Contender, Floor, HubContender, Pass, Top, best_of
from generated import LOT, TICK, generate
from oneprice.venues.binance.streams import SPOT_RAW, SPOT_SNAPSHOT, USDM_SNAPSHOT
from oneprice.venues.kit import wrapped
from recorded import RECORDINGS, Recording, read, recordings_folder
from report import arguments, machine, say_conditions, table, verdict, write

RUST, RUST_READ, PYTHON, FLOOR, CCXT = "Rust core", "Rust core, top read", "Python reference", "C floor", "ccxt.pro"


JOBS = ("depth", "quotes")
Passes = dict[tuple[str, str, str], list[Pass]]
"""By job, case and contender: a pass for each round, the best of its repeats."""


class _Levels(msgspec.Struct):
    b: list[tuple[msgspec.Raw, msgspec.Raw]]
    a: list[tuple[msgspec.Raw, msgspec.Raw]]


class _Frame(msgspec.Struct):
    data: _Levels


def main() -> int:
    """Run, print, perhaps write. 1 when the contenders disagree."""
    options = _options()
    conditions = machine("ccxt", "orjson", "msgspec")
    say_conditions(conditions)
    cases, source = _cases(options)
    print(f"{source}; {options.rounds} rounds")
    with ExitStack() as stack:
        contenders = _contenders(stack, options.only)
        passes = _rounds(cases, contenders, options.rounds)
    agree = all(_agree(job, case, passes) for job in JOBS for case in cases)
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0], "conditions": conditions}
    result |= {"source": source, "rounds": options.rounds, "tops_agree": agree}
    for job in JOBS:
        result[job] = _figures(job, cases, contenders, passes)
        _tell(job, cases, result[job])
    result["targets"] = _targets(result)
    write(options.json, result)
    return 0 if agree else 1


def _options() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quotes", type=int, default=8_000, help="best-bid-ask frames of each listing (default 8000)")
    parser.add_argument("--generated", action="store_true", help="generated frames even where recordings are present")
    parser.add_argument("--only", nargs="*", default=(), help="contenders whose name holds one of these words")
    return parser.parse_args()


def _cases(options: argparse.Namespace) -> tuple[list[Case], str]:
    folder = None if options.generated else recordings_folder()
    if folder is None:
        market = generate("BTCUSDT", 3_000)
        like = Recording("spot/generated", SPOT_RAW, market.symbol, TICK, LOT)
        return [_case(like, market.snapshot, market.of("depth"), market.of("quote"), options)], "generated frames"
    cases = [_case(recording, *read(folder / recording.path), options) for recording in RECORDINGS]
    return cases, "recorded frames of Binance, 2024-08-08"


def _case(
    recording: Recording, snapshot: bytes, depth: list[bytes], quotes: list[bytes], options: argparse.Namespace
) -> Case:
    market, _, file = recording.path.partition("/")
    decoder = msgspec.json.Decoder(_Frame)
    changes = [decoder.decode(frame).data for frame in depth]
    return Case(
        name=f"{market} {file.split('usdt')[0]}",
        market=market,
        symbol=recording.symbol,
        stream=wrapped(recording.raw, "data"),
        snapshot_described=SPOT_SNAPSHOT if market == "spot" else USDM_SNAPSHOT,
        tick=recording.tick,
        lot=recording.lot,
        snapshot=snapshot,
        depth=depth,
        quotes=quotes[: options.quotes],
        levels=sum(len(change.b) + len(change.a) for change in changes),
    )


def _contenders(stack: ExitStack, only: list[str]) -> list[Contender]:
    """Those that can run here, the floor first; who cannot is told."""
    found: list[Contender] = []
    if shutil.which("cc"):
        found.append(stack.enter_context(Floor(FLOOR)))
    else:
        print("no C compiler (cc) on the PATH: no floor")
    if find_spec("oneprice._core"):
        found.append(HubContender(RUST, "oneprice._core", 3))
        found.append(HubContender(RUST_READ, "oneprice._core", 3, read_top=True))
    else:
        print("the Rust core is not built: left out")
    found.append(HubContender(PYTHON, "oneprice.core.hub", 1))
    if find_spec("ccxt"):
        found.append(Ccxt(CCXT))
    else:
        print("ccxt is not installed: left out")
    return [each for each in found if not only or any(word in each.name for word in only)]


def _rounds(cases: list[Case], contenders: list[Contender], rounds: int) -> Passes:
    passes: Passes = defaultdict(list)
    for _ in range(rounds):
        for case in cases:
            for contender in contenders:
                for job in JOBS:
                    made = [getattr(contender, job)(case) for _ in range(contender.repeats)]
                    best = best_of([each.batches_ns for each in made])
                    passes[job, case.name, contender.name].append(Pass(best, made[-1].top))
    return passes


def _agree(job: str, case: Case, passes: Passes) -> bool:
    """Whether all contenders end with the same top in all rounds."""
    tops: dict[Top, set[str]] = defaultdict(set)
    for (done, name, contender), made in passes.items():
        if (done, name) == (job, case.name):
            for each in made:
                if each.top is not None:
                    tops[each.top].add(contender)
    if len(tops) > 1:
        print(f"{case.name}, {job}: the tops differ: {dict(tops)}", file=sys.stderr)
    return len(tops) <= 1


def _figures(job: str, cases: list[Case], contenders: list[Contender], passes: Passes) -> dict[str, Any]:
    """Nanoseconds a frame: of each contender over all cases, weighed by frames, and by case."""
    counts = {case.name: len(case.depth if job == "depth" else case.quotes) for case in cases}
    total, levels = sum(counts.values()), sum(case.levels for case in cases)
    figures: dict[str, Any] = {}
    for contender in contenders:
        made_of = {case.name: passes[job, case.name, contender.name] for case in cases}
        best = {name: _mean(best_of([made.batches_ns for made in each])) for name, each in made_of.items()}
        rounds = zip(*made_of.values(), strict=True)
        means = [
            sum(_mean(each.batches_ns) * counts[case.name] for each, case in zip(made, cases, strict=True)) / total
            for made in rounds
        ]
        overall = sum(best[name] * counts[name] for name in counts) / total
        figures[contender.name] = {"best_ns": overall, "median_ns": statistics.median(means), "best_ns_by_case": best}
        if job == "depth":
            figures[contender.name]["best_ns_per_level"] = overall * total / levels
    for name, figure in figures.items():
        for other in (FLOOR, CCXT):
            if other in figures and other != name:
                figure[f"times_{other}"] = figure["best_ns"] / figures[other]["best_ns"]
    return {"frames": total, "levels": levels if job == "depth" else 0, "contenders": figures}


def _mean(batches: list[float]) -> float:
    return sum(batches) / len(batches)


def _tell(job: str, cases: list[Case], figures: dict[str, Any]) -> None:
    frames, levels = figures["frames"], figures["levels"]
    what = f"depth frames, {levels / frames:.0f} levels in the mean" if levels else "best-bid-ask frames"
    print(f"\n{frames} {what}: microseconds a frame")
    head = ["", "best", "median", *(case.name for case in cases), "ns/level", "x floor", "ccxt / it"]
    rows = []
    for name, figure in figures["contenders"].items():
        by_case = [f"{ns / 1e3:.3f}" for ns in figure["best_ns_by_case"].values()]
        per_level = f"{figure['best_ns_per_level']:.1f}" if levels else ""
        floor, ccxt = figure.get(f"times_{FLOOR}"), figure.get(f"times_{CCXT}")
        ratios = [f"{floor:.2f}" if floor else "", f"{1 / ccxt:.0f}" if ccxt else ""]
        overall = [f"{figure[key] / 1e3:.3f}" for key in ("best_ns", "median_ns")]
        rows.append([name, *overall, *by_case, per_level, *ratios])
    table(head, rows)


def _targets(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What the figures were to be; only what has been measured."""
    print()
    depth, quotes = result["depth"]["contenders"], result["quotes"]["contenders"]
    told = []
    if RUST in depth and FLOOR in depth:
        times = depth[RUST][f"times_{FLOOR}"]
        told.append(verdict(f"Rust core, depth: at most 2x the floor: {times:.2f}x", times <= 2.0))
    if RUST in quotes:
        us = quotes[RUST]["best_ns"] / 1e3
        told.append(verdict(f"Rust core, best bid and ask: at most 0.25 us: {us:.3f}", us <= 0.25))
    if RUST in depth and CCXT in depth:
        for job, figures in (("depth", depth), ("best bid and ask", quotes)):
            times = 1 / figures[RUST][f"times_{CCXT}"]
            told.append(verdict(f"Rust core, {job}: at least 40x faster than ccxt.pro: {times:.0f}x", times >= 40))
    if PYTHON in depth:
        us = depth[PYTHON]["best_ns"] / 1e3
        told.append(verdict(f"Python reference, depth: at most 40 us: {us:.1f}", us <= 40.0))
    return told


if __name__ == "__main__":
    sys.exit(main())
