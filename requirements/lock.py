"""Writes the lock files beside it from pyproject.toml: exact versions with hashes, for every platform."""

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
COMPILE = [
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-emit-index-url", "--no-annotate", "--custom-compile-command", "make lock"),
]


def compile_lock(name: str, *sources: str, given: str | None = None, constraints: tuple[str, ...] = ()) -> None:
    """Write `name`.txt. `given`: requirement lines for standard input. CalledProcessError when none fit."""
    limits = [word for lock in constraints for word in ("-c", f"requirements/{lock}.txt")]
    command = [*COMPILE, *limits, *sources, "-o", f"requirements/{name}.txt"]
    subprocess.run(command, check=True, cwd=HERE.parent, text=True, input=given)
    print(f"wrote requirements/{name}.txt")


def main() -> None:
    """Runtime first; the others follow its choices, so that one environment can hold them all."""
    build = "\n".join(tomllib.loads(PROJECT.read_text())["build-system"]["requires"])
    upgrade = sys.argv[1:]  # such as --upgrade, or --upgrade-package NAME
    compile_lock("runtime", "pyproject.toml", *upgrade)
    compile_lock("dev", "pyproject.toml", "--extra", "dev", *upgrade, constraints=("runtime",))
    compile_lock("build", "-", given=build, constraints=("dev",))
    compile_lock("lock", "-", *upgrade, given="uv>=0.13")


if __name__ == "__main__":
    main()
