"""The command line's front door: commands loaded on use, and the one place that turns errors into exit codes.

Exit codes: 0 ok, 1 failed check, 2 usage or config, 3 venue or network, 4 halted by risk, 130 interrupted.
A command returns its exit code, or None for 0. With `--json` standard output holds one object; messages go to
standard error.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import click

from oneprice import __version__
from oneprice.errors import (
    ConfigError,
    ExchangeAPIError,
    InvariantError,
    JournalError,
    NetworkError,
    NotSupported,
    OnePriceError,
    RecordingError,
)

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_VENUE: Final = 3
EXIT_HALTED: Final = 4
EXIT_INTERRUPTED: Final = 130

EXIT_CODES: Final[dict[type[OnePriceError], int]] = {
    ConfigError: EXIT_USAGE,
    NotSupported: EXIT_USAGE,
    RecordingError: EXIT_USAGE,
    JournalError: EXIT_FAILED,
    NetworkError: EXIT_VENUE,
    ExchangeAPIError: EXIT_VENUE,
    InvariantError: EXIT_FAILED,
    OnePriceError: EXIT_FAILED,
}


class Entry(NamedTuple):
    """Where a command is, `module:function`, and its line in the help."""

    target: str
    line: str


COMMANDS: Final[dict[str, Entry]] = {
    "check": Entry("oneprice.cli.check:check", "Check the configuration, and what the venues say to it."),
    "deals": Entry("oneprice.cli.deals:deals", "Open deals and the last settled ones."),
    "demo": Entry("oneprice.cli.demo:demo", "Trade between three simulated exchanges, live."),
    "doctor": Entry("oneprice.cli.doctor:doctor", "Check this machine and installation."),
    "flatten": Entry("oneprice.cli.flatten:flatten", "End a run, and close what its deals hold."),
    "import": Entry("oneprice.cli.import_:import_", "Bring recordings of other tools into our format."),
    "init": Entry("oneprice.cli.init:init", "Write a configuration to start from."),
    "journal": Entry("oneprice.cli.journal:journal", "Check, show or repair what was intended, sent and told."),
    "kill": Entry("oneprice.cli.kill:kill", "Stop at once: cancel everything, add no risk."),
    "orders": Entry("oneprice.cli.orders:orders", "Open orders."),
    "pnl": Entry("oneprice.cli.pnl:pnl", "Profit and loss, by venue, asset and strategy."),
    "record": Entry("oneprice.cli.record:record", "Record raw frames of live venues."),
    "replay": Entry("oneprice.cli.replay:replay", "Play a recording through the engine."),
    "report": Entry("oneprice.cli.report:report", "Write a run's report: page with pictures, Markdown, CSV."),
    "run": Entry("oneprice.cli.run:run", "Trade: on paper, simulated, or live if all agree."),
    "scan": Entry("oneprice.cli.scan:scan", "Find net spreads, on live public data or on recordings."),
    "sim": Entry("oneprice.cli.sim:sim", "Serve simulated exchanges and switch their faults."),
    "status": Entry("oneprice.cli.status:status", "How the engine does, or how it ended."),
    "stop": Entry("oneprice.cli.stop:stop", "End a run in an orderly way."),
    "venues": Entry("oneprice.cli.venues:venues", "What each venue supports."),
    "verify": Entry("oneprice.cli.verify:verify", "Try a venue, simulated or live, card by card."),
    "why": Entry("oneprice.cli.why:why", "Explain a deal, an order or an opportunity."),
}


class CommandTable(click.Group):
    """A group that knows its commands' names and help lines without loading them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command's module now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help's list, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].line) for name in self.list_commands(ctx)])

    def main(  # type: ignore[override]  # click promises NoReturn for standalone_mode=True
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> int:
        """Run, and end the process with the exit code; with `standalone_mode` off give it instead."""
        try:
            given = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            code = given if isinstance(given, int) else EXIT_OK
            sys.stdout.flush()
        except click.Abort:
            code = EXIT_INTERRUPTED
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except BrokenPipeError:
            # The reader of our output is gone (`| head`). Nothing may be flushed into the pipe at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = EXIT_FAILED
        except (OnePriceError, BaseExceptionGroup) as error:
            code = _tell(error)
        if standalone_mode:
            sys.exit(code)
        return code


def _tell(error: OnePriceError | BaseExceptionGroup[BaseException]) -> int:
    """Write the error's lines and give its exit code. A group that holds anything unforeseen is raised on."""
    leaves = list(_leaves(error))
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
        return EXIT_INTERRUPTED
    known = [leaf for leaf in leaves if isinstance(leaf, OnePriceError)]
    if len(known) < len(leaves):
        raise error
    for text in dict.fromkeys(str(leaf) for leaf in known):
        click.echo(f"error: {text}", err=True)
    return exit_code(known[0])


def exit_code(error: OnePriceError) -> int:
    """The code of an error: that of the nearest class in the table."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


@click.group(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `oneprice doctor`, then `oneprice demo`: neither needs keys, a config or a network.",
)
@click.version_option(__version__, prog_name="oneprice")
def main() -> None:
    """Watch many exchanges; find what an order here and an order there would leave after all costs."""
