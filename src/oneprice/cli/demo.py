"""`oneprice demo`: three simulated exchanges, real sockets between, and an engine that trades what it finds there."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from oneprice.cli.demo_trading import HOME, RUNS, Ended, Trading, new_folder, order_faults, trading
from oneprice.cli.durations import DURATION
from oneprice.cli.heard import deal_line
from oneprice.errors import VenueUnavailableError

if TYPE_CHECKING:
    from rich.console import Console

    from oneprice.cli.faults import Fault
    from oneprice.market import MarketConfig, MarketData, MarketView
    from oneprice.observe import News, Tally, Tiding
    from oneprice.sim.cluster import SimCluster

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "PEPE/USDT", "ETH/BTC")
MARKETS = ("binance-spot", "binance-usdm", "gate-spot", "gate-usdm", "mexc-spot", "mexc-usdm")
ORDER_NOTIONAL_MAX = Decimal(2_000)
LIVE_WITHIN_S = 15.0
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
    calm: bool
    folder: Path
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
    trading: Trading | None = None
    ended: Ended | None = None
    report: Path | None = None
    interrupted: bool = False


@click.command()
@click.option("--for", "seconds", type=DURATION, default=None, help="End after this long, such as 60s or 5m.")
@click.option("--seed", type=int, default=42, show_default=True, help="Another seed, other prices.")
@click.option("--faults", is_flag=True, help="Freeze, half-open, drop and shut off the exchanges in turn, too.")
@click.option("--calm", is_flag=True, help="No faults at all: nothing is lost, late, doubled or refused.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=RUNS,
    show_default=True,
    help="Where the run's own folder is made, with its journal and report.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output at the end.")
@click.option("--plain", is_flag=True, help="Lines instead of a live screen, as without a terminal.")
def demo(seconds: float | None, seed: int, faults: bool, calm: bool, folder: Path, as_json: bool, plain: bool) -> int:
    """Start three simulated exchanges, trade between them, and show what comes of it.

    The exchanges are processes of their own on 127.0.0.1 and speak the wire protocols of Binance, Gate and MEXC. They
    lose, delay, double and refuse an order's messages now and then. Ends with what is held closed, the deals, the
    profit by our books and by the exchanges' balances, and a report; Ctrl-C ends it early, the same way.
    """
    from oneprice.cli.loop import run

    shows_lines = plain or as_json or not sys.stdout.isatty()
    options = Options(seconds or 0.0, seed, faults, calm, new_folder(folder, seed), as_json, shows_lines)
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
        _uncancel()  # before anything was traded; everything is closed by now
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
    """Connect, and trade until the time is over or Ctrl-C; then what is held is closed, and all is gathered."""
    from oneprice.app import build_market, live_ports, simulated_hosts

    options = gathered.options
    hosts = simulated_hosts(MARKETS, {name: exchange.url for name, exchange in cluster.exchanges.items()})
    ports = live_ports()
    try:
        async with build_market(market_config(), ports, hosts=hosts) as market:
            console.print("reconciling six accounts ...", highlight=False)
            await market.until_live(LIVE_WITHIN_S)
            async with trading(cluster, market, ports, MARKETS, options.folder) as engine:
                gathered.trading = engine
                try:
                    await _show(cluster, market, gathered, console)
                except asyncio.CancelledError:
                    _uncancel()
                    gathered.interrupted = True
                finally:
                    _look(market, gathered)
                console.print("closing what is held ...", highlight=False)
                gathered.ended = await engine.end(lambda line: console.print(line, highlight=False, markup=False))
                _look(market, gathered)
    finally:
        await ports.network.close()


async def _show(cluster: SimCluster, market: MarketData, gathered: Run, console: Console) -> None:
    options = gathered.options
    show = _lines if options.plain else _screen
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(options.seconds or None), asyncio.TaskGroup() as tasks:
            tasks.create_task(show(market, gathered, console))
            if not options.calm:
                tasks.create_task(order_faults(cluster))
            if options.faults:
                tasks.create_task(_faults(cluster, market, gathered))


def _uncancel() -> None:
    """Ctrl-C or SIGTERM was heard: what is left to do is done all the same."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


def _look(market: MarketData, gathered: Run) -> list[Tiding]:
    """Take a view in; gives what is new."""
    view = market.view(nearest=1, history=HISTORY)
    gathered.last = view
    gathered.tally.take(view)
    assert gathered.trading is not None
    for deal in gathered.trading.heard.new_deals():
        if gathered.options.plain:  # the screen shows deals in a table
            gathered.news.tell(view.wall_ns, deal_line(deal), good=deal.net > 0)
    for text in gathered.trading.heard.new_alarms():
        gathered.news.tell(view.wall_ns, text)
    return gathered.news.take(view)


async def _screen(market: MarketData, gathered: Run, console: Console) -> None:
    """The live screen. It is written in a thread, so that a terminal that hangs holds up nothing else."""
    from rich.live import Live

    from oneprice.cli.board import draw_board

    title = f"SIMULATED seed {gathered.options.seed}  {_ending(gathered.options)}"
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            _look(market, gathered)
            assert gathered.last is not None
            assert gathered.trading is not None
            board = gathered.trading.board()
            picture = draw_board(board, gathered.last, gathered.news.tidings, title, *console.size)
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
            assert gathered.trading is not None
            line = f"{progress_line(view)}  {gathered.trading.headline()}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
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
    from oneprice.live.disk import LiveDisk
    from oneprice.observe import WIDE, markets_table, summary_table
    from oneprice.report import keep_summary, write_report
    from oneprice.trading import runs_folder

    view = gathered.last
    if view is None or gathered.ended is None:
        console.print("stopped before anything was traded", highlight=False)
        return
    options = gathered.options
    disk, summary = LiveDisk(), gathered.ended.summary(options.seed, view.markets)
    keep_summary(disk, runs_folder(options.folder) / "000001", summary)
    gathered.report = write_report(disk, options.folder, summary)
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
    console.print()
    for line in ending_lines(gathered.ended):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"report {gathered.report}", highlight=False, markup=False, soft_wrap=True)
    console.print("\nSIMULATED: prices, books and profits above are not real.", highlight=False)


def ending_lines(ended: Ended) -> list[str]:
    """Deals, profit by our books and by the exchanges' balances, and what is still held."""
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(ended.outcomes.items()))
    from oneprice.report import held_line

    equal = "equal" if ended.pnl == ended.balance_change else "NOT EQUAL"
    ours, theirs = (f"{value.normalize():+f}" for value in (ended.pnl, ended.balance_change))
    lines = [
        f"{ended.deals} deals settled: {outcomes or 'none'}",
        f"profit {ours} {HOME} by our books, {theirs} {HOME} by the exchanges' balances: {equal}",
    ]
    lines += [f"left: {held_line(row)}" for row in ended.residuals] or ["left: nothing"]
    lines += [f"not closed: {line}" for line in ended.unfinished]
    return lines


def _told(gathered: Run, view: MarketView) -> dict[str, object]:
    assert gathered.ended is not None
    return {
        "mode": "simulated",
        "seed": gathered.options.seed,
        "core": view.core,
        "running_s": round(view.running_s, 3),
        "interrupted": gathered.interrupted,
        **gathered.ended.told(),
        "opportunities": view.opportunities_seen,
        "report": str(gathered.report),
        "pairs": gathered.tally.totals(),
        "markets": view.markets,
        "books": view.books,
        "refused": view.refused,
        "faults": gathered.faults,
    }
