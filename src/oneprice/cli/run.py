"""`oneprice run`: trade. On paper unless the configuration says otherwise; live only when everything agrees."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneprice.cli.durations import DURATION
from oneprice.cli.places import required_config
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.cli.guards import LiveWord
    from oneprice.config import Loaded


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration. [default: ./oneprice.toml, or the user's own]",
)
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Journal and runs are kept here.")
@click.option("--for", "seconds", type=DURATION, default=None, help="End after this long, such as 60s or 8h.")
@click.option("--live", is_flag=True, help="With your money. Needs mode = live, keys, and a fresh check as well.")
@click.option("--i-understand", "amount", default="", metavar="AMOUNT", help="Live: what may be at stake, as 600USDT.")
@click.option("--sim", "sims", multiple=True, metavar="VENUE=URL", help="A simulated exchange instead of the venue.")
@click.option("--seed", type=int, default=42, show_default=True, help="Of simulated exchanges that are started here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output at the end.")
@click.option("--busy-poll", is_flag=True, help="Never sleep: takes a whole core, and answers sooner.")
@click.option("--plain", is_flag=True, help="Lines instead of a live screen, as without a terminal.")
def run(
    config: Path | None,
    data_dir: Path | None,
    seconds: float | None,
    live: bool,
    amount: str,
    sims: tuple[str, ...],
    seed: int,
    as_json: bool,
    busy_poll: bool,
    plain: bool,
) -> int:
    """Trade as the configuration says, until Ctrl-C, `oneprice stop`, or the time is over.

    Mode paper trades invented money on real prices. Mode live wants all of: mode = "live" in the file, --live, keys,
    --i-understand AMOUNT, and an `oneprice check` that passed within 24 h. Exit code 4 when risk has stopped it.
    """
    from oneprice.cli.check import data_folder
    from oneprice.cli.guards import LiveWord
    from oneprice.cli.loop import run as run_loop
    from oneprice.cli.running import Order, trade
    from oneprice.config import load

    loaded = load(required_config(config), os.environ)
    folder = data_folder(data_dir, loaded)
    _guard(loaded, LiveWord(live, amount), sims, folder)
    order = Order(loaded, folder, seconds or 0.0, sims, seed, as_json, plain, busy_poll)
    return run_loop(trade(order), busy_poll=busy_poll)


def _guard(loaded: Loaded, word: LiveWord, sims: tuple[str, ...], folder: Path) -> None:
    """Raises ConfigError with all that is missing before money may be traded."""
    from oneprice.cli.grounds import keys_for
    from oneprice.cli.guards import refusals

    if loaded.settings.mode != "live" and not word.live and not word.amount:
        return
    missing = refusals(loaded, word, keys_for(loaded.settings, {}, os.environ), folder, time.time_ns())
    if sims:
        missing.append("no --sim: simulated exchanges are for the modes simulated and paper")
    if missing:
        lines = "\n".join(f"  {text}" for text in missing)
        paper = "\non paper instead: ONEPRICE__MODE=paper oneprice run" if loaded.settings.mode == "live" else ""
        raise ConfigError(f"live trading does not start; it also needs\n{lines}{paper}")
