"""`oneprice demo`: three simulated exchanges, real sockets between, and the spreads that are found."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import click
import msgspec

from oneprice.cli.durations import DURATION
from oneprice.errors import VenueUnavailableError

if TYPE_CHECKING:
    from rich.console import Console

    from oneprice.cli.faults import Fault
    from oneprice.market import MarketConfig, MarketData, MarketView
    from oneprice.observe import News, Tally, Tiding
    from oneprice.sim.cluster import SimCluster

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "PEPE/USDT", "ETH/BTC")
MARKETS = ("binance-spot", "binance-usdm", "gate-spot", "gate-usdm", "mexc-spot", "mexc-usdm")
ORDER_NOTIONAL_MAX = Decimal(10_000)
LOOK_EVERY_S = 0.25
LINE_EVERY_S = 2.0
HISTORY = 400  # ended opportunities a view: far more than can end between two looks
PLAIN_WIDTH = 132


@dataclass(frozen=True)
class Options:
    """What the command line asked for. `seconds` 0: until Ctrl-C."""

    seconds: float
    seed: int
    faults: bool
    as_json: bool
    plain: bool


@dataclass
class Run:
    """What is gathered while it runs."""

    options: Options
    tally: Tally
    news: News
    faults: list[Fault] = field(default_factory=list)
    last: MarketView | None = None
    interrupted: bool = False


@click.command()
@click.option("--for", "seconds", type=DURATION, default=None, help="End after this long, such as 60s or 5m.")
@click.option("--seed", type=int, default=42, show_default=True, help="Another seed, other prices.")
@click.option("--faults", is_flag=True, help="Kill, freeze, half-open and drop the exchanges in turn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output at the end.")
@click.option("--plain", is_flag=True, help="Lines instead of a live screen, as without a terminal.")
def demo(seconds: float | None, seed: int, faults: bool, as_json: bool, plain: bool) -> int:
    """Start three simulated exchanges, connect to them, and show what is found.

    The exchanges are processes of their own on 127.0.0.1 and speak the wire protocols of Binance, Gate and MEXC.
    Ends with a table of the opportunities found; Ctrl-C ends it early, with the same table.
    """
    from oneprice.cli.loop import run

    options = Options(seconds or 0.0, seed, faults, as_json, plain or as_json or not sys.stdout.isatty())
    return run(_demo(options))


async def _demo(options: Options) -> int:
    from rich.console import Console

    from oneprice.observe import News, Tally

    console = Console(stderr=options.as_json, width=PLAIN_WIDTH if options.plain else None)
    gathered = Run(options, Tally(), News())
    console.print("starting three simulated exchanges on 127.0.0.1 ...", highlight=False)
    try:
        async with _exchanges(options.seed) as cluster:
            await _watch(cluster, gathered, console)
    except asyncio.CancelledError:
        # Ctrl-C or SIGTERM. Everything is closed by now; what was found is shown all the same.
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        gathered.interrupted = True
    _close(gathered, console)
    return 130 if gathered.interrupted else 0


@contextlib.asynccontextmanager
async def _exchanges(seed: int) -> AsyncIterator[SimCluster]:
    from oneprice.sim.cluster import SimCluster

    cluster = SimCluster(seed=seed)
    try:
        await cluster.__aenter__()
    except RuntimeError as error:
        raise VenueUnavailableError("simulated exchanges", str(error)) from error
    try:
        yield cluster
    finally:
        await cluster.stop()


def market_config() -> MarketConfig:
    """All markets, all symbols, orders of a size that a small desk would send.

    Simulated exchanges are busy and near: a second without a frame is silence.
    """
    from oneprice.market import MarketConfig

    return MarketConfig(markets=MARKETS, symbols=SYMBOLS, order_notional_max=ORDER_NOTIONAL_MAX, silent_after_ms=1_000)


async def _watch(cluster: SimCluster, gathered: Run, console: Console) -> None:
    """Connect, and look until the time is over. Whatever ends it, what stands then is gathered."""
    from oneprice.app import build_market, live_ports, simulated_hosts

    show = _lines if gathered.options.plain else _screen
    hosts = simulated_hosts(MARKETS, {name: exchange.url for name, exchange in cluster.exchanges.items()})
    ports = live_ports()
    try:
        async with build_market(market_config(), ports, hosts=hosts) as market:
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(gathered.options.seconds or None), asyncio.TaskGroup() as tasks:
                        tasks.create_task(show(market, gathered, console))
                        if gathered.options.faults:
                            tasks.create_task(_faults(cluster, market, gathered))
            finally:
                _look(market, gathered)
    finally:
        await ports.network.close()


def _look(market: MarketData, gathered: Run) -> list[Tiding]:
    """Take a view in; gives what is new."""
    view = market.view(nearest=1, history=HISTORY)
    gathered.last = view
    gathered.tally.take(view)
    return gathered.news.take(view)


async def _screen(market: MarketData, gathered: Run, console: Console) -> None:
    """The live screen. It is written in a thread, so that a terminal that hangs holds up nothing else."""
    from rich.live import Live

    from oneprice.observe import draw

    title = f"SIMULATED  seed {gathered.options.seed}  {_ending(gathered.options)}"
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            _look(market, gathered)
            assert gathered.last is not None
            picture = draw(gathered.last, gathered.news.tidings, title, *console.size)
            await asyncio.to_thread(live.update, picture, refresh=True)
            await asyncio.sleep(LOOK_EVERY_S)


async def _lines(market: MarketData, gathered: Run, console: Console) -> None:
    """A line every few seconds, and one for whatever happens."""
    from oneprice.observe import progress_line

    console.print(f"SIMULATED  seed {gathered.options.seed}  {_ending(gathered.options)}", highlight=False)
    next_line_s = 0.0
    while True:
        for tiding in _look(market, gathered):
            console.print(f"          {tiding.text}", highlight=False, markup=False, soft_wrap=True)
        view = gathered.last
        assert view is not None
        if view.running_s >= next_line_s:
            console.print(progress_line(view), highlight=False, markup=False, soft_wrap=True)
            next_line_s = view.running_s + LINE_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)


def _ending(options: Options) -> str:
    return f"for {options.seconds:g} s, Ctrl-C stops" if options.seconds else "Ctrl-C stops"


async def _faults(cluster: SimCluster, market: MarketData, gathered: Run) -> None:
    from oneprice.cli.faults import make_faults

    def tell(fault: Fault, trouble: str) -> None:
        gathered.faults.append(fault)
        view = market.view(nearest=0, history=0)
        gathered.news.tell(view.wall_ns, f"{fault.words()} ({trouble})" if trouble else fault.words())

    await make_faults(cluster, lambda: market.view(nearest=0, history=0).running_s, tell)


def _close(gathered: Run, console: Console) -> None:
    """The summary: a table for people, or one JSON object."""
    from oneprice.observe import WIDE, markets_table, summary_table

    view = gathered.last
    if view is None:
        console.print("stopped before anything was seen", highlight=False)
        return
    totals = gathered.tally.totals()
    if gathered.options.as_json:
        click.echo(msgspec.json.encode(_told(gathered, view)).decode())
        return
    wide = console.width >= WIDE
    console.print()
    console.print(markets_table(view.markets, title="markets at the end", wide=wide))
    console.print()
    if totals:
        count = sum(total.count for total in totals)
        title = f"{count} opportunities in {view.running_s:.0f} s, after taker fees, by pair"
        console.print(summary_table(totals, title, wide=wide))
    else:
        was_live = any(row.books.get("live") for row in view.markets)
        why = "nothing paid the taker fees" if was_live else "no book was live in the end"
        console.print(f"no opportunity in {view.running_s:.0f} s: {why}", highlight=False)
    console.print("\nSIMULATED: prices, books and spreads above are not real.", highlight=False)


def _told(gathered: Run, view: MarketView) -> dict[str, object]:
    return {
        "mode": "simulated",
        "seed": gathered.options.seed,
        "core": view.core,
        "running_s": round(view.running_s, 3),
        "interrupted": gathered.interrupted,
        "opportunities": {"seen": view.opportunities_seen, "standing": len(view.opportunities)},
        "pairs": gathered.tally.totals(),
        "markets": view.markets,
        "books": view.books,
        "refused": view.refused,
        "faults": gathered.faults,
    }
