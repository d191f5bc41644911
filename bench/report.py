"""What all benchmarks print and write alike: the machine, tables, JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def arguments(question: str) -> argparse.ArgumentParser:
    """A parser that knows `--json FILE`."""
    parser = argparse.ArgumentParser(description=question, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    return parser


def machine(*packages: str) -> dict[str, Any]:
    """The conditions of a run."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load_1min_before": round(os.getloadavg()[0], 2),
        "empty_loop_ns": round(empty_loop_ns(), 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "compiler": _first_line("cc", "--version"),
        "rustc": _first_line("rustc", "--version"),
        "packages": {name: _version(name) for name in packages},
    }


def empty_loop_ns() -> float:
    """One turn of an empty Python loop, best of many: how fast the machine is just now. 8 to 10 when it is quiet."""
    turns, best = 2_000, float("inf")
    for _ in range(200):
        began = time.thread_time_ns()
        for _ in range(turns):
            pass
        best = min(best, (time.thread_time_ns() - began) / turns)
    return best


def say_conditions(conditions: dict[str, Any]) -> None:
    """One line of them."""
    about = f"{conditions['cpu']}, {conditions['cores']} cores, Python {conditions['python']}"
    load, loop_ns = conditions["load_1min_before"], conditions["empty_loop_ns"]
    print(f"{about}; load {load}, an empty loop takes {loop_ns} ns a turn")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns; the first one to the left, figures to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        line = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(line).rstrip())


def verdict(text: str, met: bool) -> dict[str, Any]:
    """A target and whether it is met, printed and for the JSON."""
    print(f"{'met   ' if met else 'MISSED'}  {text}")
    return {"target": text, "met": met}


def write(path: Path | None, result: dict[str, Any]) -> None:
    """As JSON, when asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written: {path}")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "none"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
