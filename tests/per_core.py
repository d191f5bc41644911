"""Runs the suite once per core: all of it on the Rust core where that is built, and on the Python reference.

Arguments go to pytest. The second run leaves out what touches no core. With `ONEPRICE_CORE` set to rust or
python only that core is run. Exit code: 0 when every run passed, else that of the first that did not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

ASK = "from oneprice.core import backend, backend_note; print(f'{backend} ({backend_note})')"


def core_built() -> str:
    """What the default choice gives, such as `rust (version 0.1.0)`."""
    environment = {name: value for name, value in os.environ.items() if name != "ONEPRICE_CORE"}
    return subprocess.run(
        [sys.executable, "-c", ASK], check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()


def run(core: str, arguments: list[str]) -> tuple[int, float]:
    """pytest's exit code and the seconds it took."""
    print(f"\n== suite on the {core} core", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", *arguments]
    code = subprocess.run(command, check=False, env={**os.environ, "ONEPRICE_CORE": core}).returncode
    return code, time.monotonic() - started


def main() -> int:
    """Choose the cores, run them, and close with one line a core."""
    built = core_built()
    print(f"core: {built}")
    wanted = os.environ.get("ONEPRICE_CORE", "auto")
    cores = [wanted] if wanted in ("rust", "python") else ["rust", "python"]
    if wanted == "auto" and not built.startswith("rust"):
        cores = ["python"]
    given = sys.argv[1:]
    results = []
    for place, core in enumerate(cores):
        code, seconds = run(core, ["-m", "not coreless", *given] if place else given)
        results.append((core, code, seconds))
    print()
    for core, code, seconds in results:
        result = "passed" if code == 0 else f"FAILED (pytest exit code {code})"
        print(f"{core} core: {result} in {seconds:.0f} s")
    return next((code for _, code, _ in results if code), 0)


if __name__ == "__main__":
    sys.exit(main())
