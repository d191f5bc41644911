"""`oneprice record`: raw frames of live venues into files, as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from oneprice.cli.durations import DURATION
from oneprice.cli.feeds import config_of, hosts_of, until_answered

if TYPE_CHECKING:
    from oneprice.market import MarketData
    from oneprice.market.recording import Recorder

LINE_EVERY_S = 5.0
SYMBOLS = "BTC/USDT,ETH/USDT"
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Asked:
    """What the command line asked for. `seconds` 0: until Ctrl-C."""

    folder: Path
    markets: str
    symbols: str
    seconds: float
    sims: Sequence[str]
    file_bytes_max: int
    as_json: bool


@click.command()
@click.option("--markets", default="", metavar="VENUE-MARKET,..", help="Which markets. [default: all]")
@click.option("--symbols", default=SYMBOLS, show_default=True, metavar="BASE/QUOTE,..", help="Which symbols.")
@click.option("--for", "seconds", type=DURATION, default=None, help="How long. [default: until Ctrl-C]")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder for the files.")
@click.option(
    "--file-mb", type=click.IntRange(1, 4096), default=256, show_default=True, help="Begin a new file at this size."
)
@click.option("--sim", "sims", multiple=True, metavar="VENUE=URL", help="A simulated exchange instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output at the end.")
def record(
    markets: str,
    symbols: str,
    seconds: float | None,
    folder: Path | None,
    file_mb: int,
    sims: tuple[str, ...],
    as_json: bool,
) -> int:
    """Record raw frames with their receive times, snapshots and rules, never parsed on the way.

    A file for each market and hour, packed with zstd. `oneprice scan --replay FOLDER` and `oneprice replay
    FOLDER` read them.
    """
    from oneprice.cli.loop import run
    from oneprice.cli.places import recordings_dir

    asked = Asked(folder or recordings_dir(), markets, symbols, seconds or 0.0, sims, file_mb * MEGABYTE, as_json)
    return run(_record(asked))


async def _record(asked: Asked) -> int:
    from oneprice.app import build_market, live_ports
    from oneprice.market.recording import Recorder

    config = config_of(asked.markets, asked.symbols, None)
    hosts = hosts_of(asked.sims, config.markets)
    interrupted = False
    ports = live_ports()
    with Recorder(asked.folder, file_bytes_max=asked.file_bytes_max) as recorder:
        try:
            async with build_market(config, ports, hosts=hosts, recorder=recorder) as data:
                for line in await until_answered(data):
                    click.echo(f"warning: {line}", err=True)
                click.echo(f"recording into {asked.folder}", err=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(asked.seconds or None):
                        await _watch(data, recorder)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            interrupted = True
        finally:
            await ports.network.close()
    _tell(recorder, asked.as_json)
    return 130 if interrupted else 0


async def _watch(data: MarketData, recorder: Recorder) -> None:
    """A line now and then; an error of the disk ends the recording at once."""
    while recorder.failure is None:
        await asyncio.sleep(LINE_EVERY_S)
        states = [data.state(book).name for book in data.books]
        click.echo(
            f"{recorder.frames:,} frames, {recorder.bytes / MEGABYTE:,.1f} MB, "
            f"{states.count('LIVE')} of {len(states)} books live"
            + (f", {recorder.lost:,} LOST" if recorder.lost else ""),
            err=True,
        )


def _tell(recorder: Recorder, as_json: bool) -> None:
    files = [{"path": str(path), "bytes": path.stat().st_size} for path in recorder.files]
    if as_json:
        told = {"frames": recorder.frames, "frame_bytes": recorder.bytes, "lost": recorder.lost, "files": files}
        click.echo(msgspec.json.encode(told).decode())
        return
    for file in files:
        click.echo(f"{file['path']}  {file['bytes']:,} bytes")
    click.echo(f"{recorder.frames:,} frames, {recorder.bytes:,} bytes before packing, {recorder.lost:,} lost")
