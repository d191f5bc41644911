"""`oneprice scan`: net spreads, on recordings or on live public data."""

from __future__ import annotations

from decimal import Decimal

import click

from oneprice.cli.durations import DURATION
from oneprice.cli.recorded import engine_options
from oneprice.errors import ConfigError

LIVE_SYMBOLS = "BTC/USDT,ETH/USDT"
LIVE_SECONDS = 30.0
PLAIN_WIDTH = 150


@click.command()
@click.option(
    "--replay",
    "places",
    multiple=True,
    metavar="VENUE-MARKET=PATH",
    help="A recording: file or folder, ours, lines of '<receive ns> <frame>', or a table of quotes.",
)
@engine_options
@click.option("--markets", default="", metavar="VENUE-MARKET,..", help="Live: which markets. [default: all]")
@click.option("--for", "seconds", type=DURATION, default=None, help="Live: how long. [default: 30s]")
@click.option("--sim", "sims", multiple=True, metavar="VENUE=URL", help="Live: a simulated exchange instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def scan(
    places: tuple[str, ...],
    contract_sizes: tuple[str, ...],
    fees_bps: Decimal | None,
    quotes: str,
    symbols: str,
    markets: str,
    seconds: float | None,
    sims: tuple[str, ...],
    as_json: bool,
) -> int:
    """Find the spreads that survive taker fees. No keys, no orders.

    On recordings: `oneprice scan --replay binance-spot=DIR --replay binance-usdm=DIR`. Without --replay: on
    live public data of the venues.
    """
    if not places:
        if contract_sizes or quotes != "bba":
            raise ConfigError("--contract-size and --quotes belong to --replay: live scans have rules and books")
        return _live(symbols, markets, seconds, fees_bps, sims, as_json)
    if markets or seconds or sims:
        raise ConfigError("--markets, --for and --sim belong to live scans, not to --replay")
    return _recorded(places, contract_sizes, fees_bps, quotes, symbols, as_json)


def _recorded(
    places: tuple[str, ...],
    contract_sizes: tuple[str, ...],
    fees_bps: Decimal | None,
    quotes: str,
    symbols: str,
    as_json: bool,
) -> int:
    import msgspec

    from oneprice.cli.progress import ShareDone
    from oneprice.cli.recorded import open_all, parse_sizes
    from oneprice.research.names import parse_symbols
    from oneprice.research.replay import Replay
    from oneprice.research.report import report

    wanted = parse_symbols(symbols)
    with ShareDone("scanning") as done:
        replay = Replay(
            open_all(places, wanted),
            wanted=wanted,
            quotes=quotes,
            fees_bps=fees_bps,
            contract_sizes=parse_sizes(contract_sizes),
        )
        replay.run(done)
    found = report(replay, quotes)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return 0
    from rich.console import Console

    from oneprice.research.table import tables

    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for part in tables(found):
        console.print(part)
    return 0


def _live(
    symbols: str, markets: str, seconds: float | None, fees_bps: Decimal | None, sims: tuple[str, ...], as_json: bool
) -> int:
    from oneprice.cli.live import LiveScan, live_scan
    from oneprice.cli.loop import run

    return run(
        live_scan(
            LiveScan(
                markets=markets,
                symbols=symbols or LIVE_SYMBOLS,
                seconds=seconds or LIVE_SECONDS,
                fees_bps=fees_bps,
                sims=sims,
                as_json=as_json,
            )
        )
    )
