"""Planted keys: nothing that a test run writes may hold one. Keys and secrets made by `planted` carry a mark; each
test's captured output, log and report, and every file below the run's temporary folder, are searched for the marks.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

KEY_MARK, SECRET_MARK = "K3yCanary", "5ecre7Canary"
_FILE_BYTES_MAX = 64 * 1024 * 1024


def planted(name: object) -> tuple[str, str]:
    """A key and a secret, always the same for a name, of 64 letters and digits as venues make them."""
    digest = hashlib.sha256(str(name).encode()).hexdigest()
    return (KEY_MARK + digest)[:64], (SECRET_MARK + digest[::-1])[:64]


def marks_in(text: str) -> list[str]:
    """The marks that a text holds."""
    return [mark for mark in (KEY_MARK, SECRET_MARK) if mark in text]


class Guard:
    """Plugin of a test run: fails it when a planted key shows anywhere."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.shown: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Search what a test wrote, and how its failure reads."""
        for title, text in [*report.sections, ("report", report.longreprtext)]:
            if marks_in(text):
                self.shown[f"{report.nodeid}: {title}"] = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search the files that tests left; fail the run for whatever was found."""
        factory = getattr(self._config, "_tmp_path_factory", None)
        base: Path | None = getattr(factory, "_basetemp", None)
        for path in sorted(base.rglob("*")) if base is not None and base.is_dir() else []:
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= _FILE_BYTES_MAX:
                content = path.read_bytes()
                if any(mark.encode() in content for mark in (KEY_MARK, SECRET_MARK)):
                    self.shown[f"file {path.relative_to(base)}"] = None
        if self.shown:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where."""
        if self.shown:
            terminalreporter.section("planted keys were shown", red=True)
            for where in self.shown:
                terminalreporter.line(where)
