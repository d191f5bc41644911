"""`oneprice replay`: a recording with its timing, or faster, on screen."""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from oneprice.cli.recorded import engine_options
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.research.replay import Replay

SCREEN_EVERY_S = 0.25
LINE_EVERY_S = 2.0
PLAIN_WIDTH = 150


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="[VENUE-MARKET=]PATH...")
@engine_options
@click.option("--speed", type=click.FloatRange(min=0.001), default=None, help="So many times faster. [default: 1]")
@click.option("--fast", is_flag=True, help="As fast as it goes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output at the end.")
def replay(
    places: tuple[str, ...],
    contract_sizes: tuple[str, ...],
    fees_bps: Decimal | None,
    quotes: str,
    symbols: str,
    speed: float | None,
    fast: bool,
    as_json: bool,
) -> int:
    """Play recordings through the engine and watch books and spreads; at the end tell what `scan` tells.

    Recordings of ours say whose they are; others are named as with `scan --replay`.
    """
    if fast and speed is not None:
        raise ConfigError("--fast and --speed exclude each other")
    from oneprice.cli.recorded import open_all, parse_sizes
    from oneprice.research.names import parse_symbols
    from oneprice.research.replay import Replay

    wanted = parse_symbols(symbols)
    played = Replay(
        open_all(places, wanted),
        wanted=wanted,
        quotes=quotes,
        fees_bps=fees_bps,
        contract_sizes=parse_sizes(contract_sizes),
    )
    pace = 0.0 if fast else speed or 1.0
    interrupted = False
    try:
        if as_json or not sys.stdout.isatty():
            _play_lines(played, pace)
        else:
            _play_screen(played, pace)
    except KeyboardInterrupt:
        interrupted = True
    _tell(played, quotes, as_json)
    return 130 if interrupted else 0


def _play_screen(played: Replay, pace: float) -> None:
    from rich.live import Live

    from oneprice.research.moment import moment
    from oneprice.research.pacing import paced

    title = f"REPLAY  {f'x{pace:g}' if pace else 'as fast as it goes'}  Ctrl-C stops"
    with Live(screen=True, auto_refresh=False) as live:

        def look(ns: int) -> None:
            live.update(moment(played, ns, title), refresh=True)

        paced(played.steps(), pace, time.monotonic, time.sleep, look, SCREEN_EVERY_S)


def _play_lines(played: Replay, pace: float) -> None:
    """A line now and then on standard error."""
    from oneprice.research.moment import moment_line
    from oneprice.research.pacing import paced

    def look(ns: int) -> None:
        click.echo(moment_line(played, ns), err=True)

    paced(played.steps(), pace, time.monotonic, time.sleep, look, LINE_EVERY_S)


def _tell(played: Replay, quotes: str, as_json: bool) -> None:
    import msgspec

    from oneprice.research.report import report

    found = report(played, quotes)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    from rich.console import Console

    from oneprice.research.table import tables

    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for part in tables(found):
        console.print(part)
