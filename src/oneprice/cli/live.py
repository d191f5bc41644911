"""The live half of `oneprice scan`: public feeds for a while, then what was found."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import click
import msgspec

from oneprice.cli.feeds import config_of, hosts_of, until_answered

if TYPE_CHECKING:
    from rich.console import Console

    from oneprice.market import MarketData, MarketView
    from oneprice.observe import News, Tally

LOOK_EVERY_S = 0.25
LINE_EVERY_S = 2.0
HISTORY = 400
NEAREST = 10
PLAIN_WIDTH = 132


@dataclass(frozen=True)
class LiveScan:
    """What the command line asked for."""

    markets: str
    symbols: str
    seconds: float
    fees_bps: Decimal | None
    sims: Sequence[str]
    as_json: bool


async def live_scan(asked: LiveScan) -> int:
    """Watch for the time asked for, or until Ctrl-C; then tell. Raises NetworkErrors when no venue answers."""
    from rich.console import Console

    from oneprice.app import build_market, live_ports
    from oneprice.observe import News, Tally

    config = config_of(asked.markets, asked.symbols, asked.fees_bps)
    hosts = hosts_of(asked.sims, config.markets)
    plain = asked.as_json or not sys.stdout.isatty()
    console = Console(stderr=asked.as_json, width=PLAIN_WIDTH if plain else None)
    seen = _Seen("SIMULATED exchanges" if asked.sims else "LIVE public data", Tally(), News())
    interrupted = False
    ports = live_ports()
    try:
        async with build_market(config, ports, hosts=hosts) as data:
            console.print(f"asking {', '.join(data.feeds)} for their rules ...", highlight=False)
            for line in await until_answered(data):
                click.echo(f"warning: {line}", err=True)
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(asked.seconds):
                        await (_lines if plain else _screen)(data, seen, console, f"{asked.seconds:g} s")
            finally:
                seen.look(data)
    except asyncio.CancelledError:
        # Ctrl-C or SIGTERM: everything is closed by now; what was found is told all the same.
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        interrupted = True
    finally:
        await ports.network.close()
    _tell(seen, console, asked.as_json)
    return 130 if interrupted else 0


@dataclass
class _Seen:
    """What was seen so far."""

    what: str
    tally: Tally
    news: News
    last: MarketView | None = None

    def look(self, data: MarketData) -> list[str]:
        """Take a view in; gives what is new, in words."""
        self.last = view = data.view(nearest=NEAREST, history=HISTORY)
        self.tally.take(view)
        return [tiding.text for tiding in self.news.take(view)]


async def _screen(data: MarketData, seen: _Seen, console: Console, ending: str) -> None:
    from rich.live import Live

    from oneprice.observe import draw

    title = f"{seen.what}  for {ending}, Ctrl-C stops"
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            seen.look(data)
            assert seen.last is not None
            picture = draw(seen.last, seen.news.tidings, title, *console.size)
            await asyncio.to_thread(live.update, picture, refresh=True)
            await asyncio.sleep(LOOK_EVERY_S)


async def _lines(data: MarketData, seen: _Seen, console: Console, ending: str) -> None:
    from oneprice.observe import progress_line

    console.print(f"{seen.what} for {ending}", highlight=False)
    next_line_s = 0.0
    while True:
        for text in seen.look(data):
            console.print(f"          {text}", highlight=False, markup=False, soft_wrap=True)
        assert seen.last is not None
        if seen.last.running_s >= next_line_s:
            console.print(progress_line(seen.last), highlight=False, markup=False, soft_wrap=True)
            next_line_s = seen.last.running_s + LINE_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)


def _tell(seen: _Seen, console: Console, as_json: bool) -> None:
    from oneprice.observe import WIDE, markets_table, summary_table

    view = seen.last
    if view is None:
        console.print("stopped before anything was seen", highlight=False)
        return
    totals = seen.tally.totals()
    if as_json:
        told = {
            "mode": "live",
            "core": view.core,
            "running_s": round(view.running_s, 3),
            "markets": view.markets,
            "books": view.books,
            "opportunities": totals,
            "near_misses": view.nearest,
            "refused": view.refused,
        }
        click.echo(msgspec.json.encode(told).decode())
        return
    wide = console.width >= WIDE
    console.print(markets_table(view.markets, title="markets at the end", wide=wide))
    if totals:
        count = sum(total.count for total in totals)
        console.print(summary_table(totals, f"{count} opportunities in {view.running_s:.0f} s, after fees", wide=wide))
    else:
        console.print(f"no opportunity after fees in {view.running_s:.0f} s", highlight=False)
    for near in view.nearest:
        console.print(
            f"  {near.net_bps:+.1f} bps net: {near.symbol} {near.where}: {near.why}", highlight=False, markup=False
        )
    for refused in view.refused:
        console.print(f"  not used: {refused.name}: {refused.reason}", highlight=False, markup=False)
