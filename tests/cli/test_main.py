"""The front door: help, lazy loading, and errors turned into exit codes."""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

import oneprice
from oneprice import errors
from oneprice.cli.main import COMMANDS, EXIT_CODES, CommandTable, Entry, exit_code


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> CommandTable:
    """A command table with one command, `raise`, that raises `raising.error`."""

    @click.command()
    def fail() -> None:
        raise table.error  # type: ignore[attr-defined]

    monkeypatch.setattr(sys.modules[__name__], "fail", fail, raising=False)
    monkeypatch.setitem(COMMANDS, "raise", Entry(f"{__name__}:fail", "Raises."))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    table = CommandTable("table")
    return table


def test_every_command_of_the_table_is_there() -> None:
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), name
        assert entry.line.endswith(".")


def test_help_lists_every_command_without_loading_any() -> None:
    code = (
        "import sys\n"
        "from oneprice.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print('LOADED', *(name for name in sys.modules if name.startswith('oneprice')))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    text, _, loaded = printed.partition("LOADED")
    for name in COMMANDS:
        assert f"\n  {name} " in text
    rooms = {"oneprice", "oneprice.cli", "oneprice.cli.main", "oneprice.errors"}
    assert set(loaded.split()) == rooms


def test_help_is_quick() -> None:
    """In processor time: other work on the machine does not count."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "oneprice", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.2


def test_version(invoke) -> None:
    assert invoke("--version").output == f"oneprice, version {oneprice.__version__}\n"


def test_unknown_command_is_a_usage_error(invoke) -> None:
    result = invoke("trade")
    assert result.exit_code == 2
    assert "trade" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("min_net_bps is 'x'; a number is allowed"), 2),
        (errors.NotSupported("no funding on spot"), 2),
        (errors.RecordingError("a.gz: line 3 has no time"), 2),
        (errors.NetworkError("no route"), 3),
        (errors.RateLimitError("gate", "slow down", retry_after_ms=1_000), 3),
        (errors.VenueUnavailableError("mexc", "maintenance"), 3),
        (errors.InvariantError("a LIVE book is crossed"), 1),
    ],
)
def test_errors_become_one_line_and_an_exit_code(raising, error: errors.OnePriceError, code: int) -> None:
    raising.error = error
    result = CliRunner().invoke(raising, ["raise"])
    assert result.exit_code == code
    assert result.stderr == f"error: {error}\n"
    assert result.stdout == ""


def test_errors_of_tasks_are_told_one_by_one(raising) -> None:
    raising.error = ExceptionGroup(
        "tasks", [errors.NetworkError("a"), ExceptionGroup("more", [errors.ConfigError("b")])]
    )
    result = CliRunner().invoke(raising, ["raise"])
    assert result.exit_code == 3
    assert result.stderr == "error: a\nerror: b\n"


def test_a_group_with_a_bug_in_it_is_not_hidden(raising) -> None:
    raising.error = ExceptionGroup("tasks", [errors.NetworkError("a"), ZeroDivisionError("bug")])
    result = CliRunner().invoke(raising, ["raise"])
    assert isinstance(result.exception, ExceptionGroup)


def test_a_bug_is_not_hidden(raising) -> None:
    raising.error = ZeroDivisionError("bug")
    assert isinstance(CliRunner().invoke(raising, ["raise"]).exception, ZeroDivisionError)


def test_ctrl_c_exits_with_130(raising) -> None:
    raising.error = KeyboardInterrupt()
    assert CliRunner().invoke(raising, ["raise"]).exit_code == 130


def test_every_error_has_an_exit_code() -> None:
    def kinds(root: type[errors.OnePriceError]) -> Iterator[type[errors.OnePriceError]]:
        yield root
        for kind in root.__subclasses__():
            yield from kinds(kind)

    for kind in kinds(errors.OnePriceError):
        assert exit_code(kind.__new__(kind)) in EXIT_CODES.values()


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m oneprice --help | true"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr
