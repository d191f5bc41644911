"""What all benchmarks print and write alike: the machine, tables, JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
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
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "compiler": _first_line("cc", "--version"),
        "rustc": _first_line("rustc", "--version"),
        "packages": {name: _version(name) for name in packages},
    }


def say_conditions(conditions: dict[str, Any]) -> None:
    """One line of them."""
    busy = conditions["load_1min_before"]
    print(f"{conditions['cpu']}, {conditions['cores']} cores, load {busy}, Python {conditions['python']}")


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
