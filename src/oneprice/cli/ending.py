"""Asking an engine to end, and waiting until it has."""

from __future__ import annotations

import time
from pathlib import Path

import click

from oneprice.cli.asking import FromJournal, Told
from oneprice.cli.places import engine_folder
from oneprice.cli.plain import say

WAIT_S_MAX = 40.0
LOOK_EVERY_S = 0.1


def end_engine(do: str, reason: str, config: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """`do`: stop or flatten. Gives the exit code. Raises NetworkError when the engine does not answer."""
    from oneprice.trade.control import ask

    folder = engine_folder(data_dir, config)
    answer = ask(folder, do, {"reason": reason})
    if answer is None:
        told: Told = {"running": False, "data": str(folder), "ended": False}
        words = f"no engine runs on {folder}"
        if do == "flatten":
            words += ": `oneprice run` starts one, and what is held can be closed then"
        code = 0 if do == "stop" else 1
    else:
        if not as_json:
            click.echo(f"asked to {do}; {answer['deals_open']} deals are open ...", err=True)
        told, words, code = _ended(folder, do)
    if as_json:
        say(told)
    else:
        click.echo(words, err=code != 0)
    return code


def _ended(folder: Path, do: str) -> tuple[Told, str, int]:
    """Wait, then see what the journal says."""
    deadline_s = time.monotonic() + WAIT_S_MAX
    while is_running(folder):
        if time.monotonic() > deadline_s:
            words = f"it has not ended within {WAIT_S_MAX:.0f} s: `oneprice status` says what it waits for"
            return {"running": True, "data": str(folder), "ended": False}, words, 1
        time.sleep(LOOK_EVERY_S)
    status = FromJournal(folder).status()
    open_deals = status["deals_open"]
    told = {"running": False, "data": str(folder), "ended": True, "deals_open": open_deals}
    if not open_deals:
        return told, "ended; no deal is open", 0
    states = ", ".join(f"{count} {state}" for state, count in open_deals.items())
    return told, f"ended; deals still open: {states}; the next run goes on with them", 1 if do == "flatten" else 0


def is_running(folder: Path) -> bool:
    """Whether an engine holds the folder."""
    from oneprice.ledger.segments import LOCK_NAME
    from oneprice.live.disk import LiveDisk
    from oneprice.trading import journal_folder

    return LiveDisk().holder(f"{journal_folder(folder)}/{LOCK_NAME}") is not None
