"""`oneprice kill`."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import click

from oneprice.cli.asking import Told, engine_options, killed
from oneprice.cli.places import engine_folder
from oneprice.cli.plain import say
from oneprice.errors import ConfigError, NetworkError

CANCELLED_WITHIN_S = 5.0
LOOK_EVERY_S = 0.05


@click.command()
@click.option("--reason", default="oneprice kill", show_default=True, help="Kept in the journal and in the file.")
@click.option("--lift", is_flag=True, help="The opposite: let the next run trade again.")
@engine_options
def kill(reason: str, lift: bool, config: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """Stop at once: nothing that adds risk is sent any more, and all our orders are cancelled. What is
    unequal is hedged.

    It makes the file KILL in the data folder, so that a new run does not trade either, until --lift. Exit code 1 when
    orders are still open after 5 s.
    """
    folder = engine_folder(data_dir, config)
    if lift:
        _lift(folder, as_json)
        return 0
    answer = _pull(folder, reason)
    told: Told = {"running": answer is not None, "data": str(folder), "killed": killed(folder) or reason}
    if answer is not None:
        told["orders_open"] = _wait_cancelled(folder)
    if as_json:
        say(told)
    else:
        click.echo(f"killed: {told['killed']}")
        if answer is None:
            click.echo(f"no engine runs on {folder}; the next one does not trade before `oneprice kill --lift`")
        elif told["orders_open"]:
            click.echo(f"{told['orders_open']} orders are still open: `oneprice orders` shows them", err=True)
        else:
            click.echo("no order is open")
    return 1 if told.get("orders_open") else 0


def _pull(folder: Path, reason: str) -> Told | None:
    """The engine's answer, None where none answers. The file is there in any case. Raises ConfigError where it cannot
    be made and no engine was told."""
    from oneprice.live.disk import LiveDisk
    from oneprice.trade.control import ask
    from oneprice.trade.kill import FILE

    answer = None
    with contextlib.suppress(NetworkError):  # it may hang: the file reaches it, and whoever starts after it
        answer = ask(folder, "kill", {"reason": reason}, timeout_s=2.0)
    path = folder / FILE
    if not path.exists():
        disk = LiveDisk()
        try:
            disk.make_folder(str(folder))
            disk.write(str(path), f"{reason}\n".encode())
        except OSError as error:
            words = f"{path} cannot be made: {error.strerror}"
            if answer is None:
                raise ConfigError(words) from error
            click.echo(f"warning: {words}; the engine is killed, but a new one would trade", err=True)
    return answer


def _wait_cancelled(folder: Path) -> int:
    """How many orders are open in the end; 0 once the engine has ended."""
    from oneprice.trade.control import ask

    deadline_s = time.monotonic() + CANCELLED_WITHIN_S
    while True:
        status = ask(folder, "status")
        count = 0 if status is None else int(status["orders_open"])
        if not count or time.monotonic() > deadline_s:
            return count
        time.sleep(LOOK_EVERY_S)


def _lift(folder: Path, as_json: bool) -> None:
    """Raises ConfigError while an engine runs: a kill is for good in its run."""
    from oneprice.cli.ending import is_running
    from oneprice.trade.kill import FILE

    path = folder / FILE
    was = killed(folder)
    if was and is_running(folder):
        raise ConfigError(
            f"an engine runs on {folder}, and it stays killed: `oneprice stop`, then --lift, then run again"
        )
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be removed: {error.strerror}") from error
    if as_json:
        say({"data": str(folder), "lifted": was})
    else:
        click.echo(f"lifted ({was}): the next run trades" if was else f"{folder} was not killed: nothing to lift")
