"""A run from its first connection to its end: exchanges, feeds, accounts, engine, control socket, and what is told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneprice.cli.plain import figure, money, say
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from decimal import Decimal

    from oneprice.app import Ports
    from oneprice.cli.heard import Heard
    from oneprice.cli.watching import Shown
    from oneprice.config import Loaded
    from oneprice.ledger.ledger import Ledger
    from oneprice.market import MarketData
    from oneprice.report import RunSummary
    from oneprice.trade.account import TradingAccount
    from oneprice.trade.trader import Trader
    from oneprice.venues.kit import Credentials, Hosts

EXIT_HALTED, EXIT_INTERRUPTED = 4, 130

Accounts = Callable[["MarketData", "Ledger"], Mapping[str, "TradingAccount"]]


@dataclass(frozen=True)
class Order:
    """What the command line asked for. `seconds` 0: until it is stopped."""

    loaded: Loaded
    folder: Path
    seconds: float
    sims: tuple[str, ...]
    seed: int
    as_json: bool
    plain: bool = False
    busy_poll: bool = False

    @property
    def shows_screen(self) -> bool:
        """Whether somebody sits at a terminal and wants one."""
        return not (self.plain or self.as_json) and sys.stdout.isatty()


async def trade(order: Order) -> int:
    """The exit code. Raises what keeps a run from starting, and what breaks it."""
    from oneprice.app import build_market, live_ports
    from oneprice.cli.feeds import until_answered
    from oneprice.cli.grounds import hosts_for, keys_for

    settings, ended = order.loaded.settings, Ended(order)
    _require_free(order.folder)
    if settings.mode == "simulated" and not order.sims:
        set_aside(order)
    ports = live_ports()
    try:
        async with hosts_for(settings, order.sims, order.seed) as hosts:
            keys = {} if settings.mode == "paper" else keys_for(settings, hosts, os.environ)
            if settings.mode == "live":
                await require_safe_keys(order, keys, ports)
            _say(order, f"{settings.mode.upper()}  {', '.join(settings.markets)}  data {order.folder}")
            async with build_market(settings.market_config, ports, hosts=hosts) as market:
                for line in await until_answered(market):
                    click.echo(f"warning: {line}", err=True)
                accounts = _accounts(order, hosts, keys, ports)
                async with open_engine(order, market, ports, accounts) as trader:
                    code = await _oversee(order, trader, ended)
        ended.write()
        return code
    finally:
        await ports.network.close()


@contextlib.asynccontextmanager
async def open_engine(order: Order, market: MarketData, ports: Ports, accounts: Accounts) -> AsyncIterator[Trader]:
    """The engine, reconciled. Raises JournalError, ConfigError."""
    from oneprice.live.disk import LiveDisk
    from oneprice.trading import TradeRun, open_trader

    settings = order.loaded.settings
    risk, busy = settings.trade_settings, order.busy_poll
    run = TradeRun(settings.mode, order.folder, risk, settings.text, settings.hash, accounts, busy, _complain)
    async with open_trader(run, market, ports, LiveDisk()) as trader:
        yield trader


def _complain(text: str) -> None:
    click.echo(text, err=True)


async def require_safe_keys(order: Order, keys: Mapping[str, Credentials], ports: Ports) -> None:
    """What a key may do can have changed since the check. Raises ConfigError for one that may not be used."""
    from oneprice.app import build_account
    from oneprice.cli.checking import judge_key

    wrong = []
    for name in order.loaded.settings.markets:
        venue = name.rpartition("-")[0]
        account = build_account(name, keys[venue], ports)
        try:
            permissions = await account.permissions()
        finally:
            await account.close()
        failures, _ = judge_key(permissions, venue, order.loaded.settings, ports.clock.wall_ns())
        wrong += [f"  {name}: {text}" for text in failures]
    if wrong:
        raise ConfigError("live trading does not start\n" + "\n".join(wrong))


def _accounts(order: Order, hosts: Mapping[str, Hosts], keys: Mapping[str, Credentials], ports: Ports) -> Accounts:
    """How the accounts of this mode are made, once the journal is read."""
    settings = order.loaded.settings

    def make(market: MarketData, ledger: Ledger) -> Mapping[str, TradingAccount]:
        _require_same_mode(ledger, settings.mode, order.folder)
        if settings.mode == "paper":
            return {name: _paper(name, order, market, ledger, ports) for name in settings.markets}
        from oneprice.app import build_account

        return {
            name: build_account(
                name, keys[name.rpartition("-")[0]], ports, hosts=hosts.get(name), config=settings.account
            )
            for name in settings.markets
        }

    return make


def _require_same_mode(ledger: Ledger, mode: str, folder: Path) -> None:
    """Invented money and real money never share a journal. Raises ConfigError."""
    if ledger.mode and ledger.mode != mode:
        raise ConfigError(f"{folder} holds {ledger.mode} runs, and mode is {mode}: name another folder with --data-dir")


def _paper(name: str, order: Order, market: MarketData, ledger: Ledger, ports: Ports) -> TradingAccount:
    from oneprice.trade.paper import PaperAccount

    settings = order.loaded.settings
    funds: dict[str, Decimal] = settings.paper.funds
    if name.endswith("-usdm"):
        quotes = {symbol.partition("/")[2] for symbol in settings.symbols}
        funds = {asset: amount for asset, amount in funds.items() if asset in quotes}
    maker_bps = settings.maker_fee_bps.get(name)
    return PaperAccount(
        name,
        market,
        ports.clock,
        ports.chance,
        funds=funds,
        latency_ms=settings.paper.latency_ms,
        maker_fee=None if maker_bps is None else maker_bps / 10_000,
        ledger=ledger,
    )


def _require_free(folder: Path) -> None:
    """Told before anything is started; the journal's own lock is what really keeps a second engine out."""
    from oneprice.cli.ending import is_running

    if is_running(folder):
        raise ConfigError(f"an engine runs on {folder}: `oneprice stop` ends it, --data-dir names another folder")


def set_aside(order: Order) -> None:
    """Exchanges that are started here know nothing of earlier runs: what the folder holds of those is moved to a folder
    inside. Raises ConfigError where it holds runs of another mode."""
    from oneprice.cli.asking import FromJournal
    from oneprice.trading import journal_folder, runs_folder

    folder = order.folder
    if not Path(journal_folder(folder)).is_dir():
        return
    ledger = FromJournal(folder).ledger
    _require_same_mode(ledger, "simulated", folder)
    names = (f"before-{number:04d}" for number in itertools.count(1))
    aside = next(place for name in names if not (place := folder / name).exists())
    aside.mkdir(mode=0o700)
    for place in (Path(journal_folder(folder)), runs_folder(folder)):
        if place.exists():
            place.rename(aside / place.name)
    _say(order, f"new exchanges, new books: earlier runs are in {aside}")


# ---------------------------------------------------------------------- while it runs


async def _oversee(order: Order, trader: Trader, ended: Ended) -> int:
    """Trade until the time is over or somebody ends it; then tell. The exit code."""
    from oneprice.cli.heard import Heard
    from oneprice.cli.watching import end_when_killed, watch
    from oneprice.trade.control import ControlServer
    from oneprice.trade.steering import Steering

    home = order.loaded.settings.base_currency
    steering, heard = Steering(trader, home), Heard(trader)
    ended.begin(trader)
    interrupted = False
    with _signals(trader):
        async with ControlServer(order.folder, steering):
            beside = [asyncio.create_task(watch(trader, _shown(order, trader, heard)))]
            beside.append(asyncio.create_task(end_when_killed(trader)))
            try:
                await trader.run(order.seconds)
            except asyncio.CancelledError:
                interrupted = True
                _uncancel()
            try:
                reason = trader.ended or "interrupted"
                if not steering.endings and not trader.desk.switches.kill:
                    if not order.shows_screen:
                        _say(order, f"ending: {reason} ...")
                    await trader.stop(reason)
                await asyncio.gather(*steering.endings)
            finally:
                for task in beside:
                    task.cancel()
                over = await asyncio.gather(*beside, return_exceptions=True)
    ended.take(trader)
    for failure in over:  # a screen that broke has not kept the run from its end
        if isinstance(failure, Exception) and not isinstance(failure, OSError):
            raise failure
    return _tell(order, trader, steering, heard, interrupted)


def _shown(order: Order, trader: Trader, heard: Heard) -> Shown:
    """A screen, or lines."""
    from oneprice.cli.watching import Lines, Screen

    settings = order.loaded.settings
    if not order.shows_screen:
        return Lines(trader, heard, settings.base_currency, to_stderr=order.as_json)
    from rich.console import Console

    until = f"for {order.seconds:g} s, Ctrl-C ends" if order.seconds else "Ctrl-C ends"
    title = f"{settings.mode.upper()} run {trader.ledger.run}  {until}"
    return Screen(trader, heard, settings.base_currency, title, Console())


@contextlib.contextmanager
def _signals(trader: Trader) -> Any:
    """SIGUSR2 kills, also where the control socket cannot be reached."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR2, trader.kill, "signal SIGUSR2")
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGUSR2)


def _uncancel() -> None:
    """Ctrl-C or SIGTERM was heard: deals are brought to their end all the same. A second one ends it at once."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


def _say(order: Order, text: str) -> None:
    from oneprice.cli.watching import say_line

    say_line(text, to_stderr=order.as_json)


def _tell(order: Order, trader: Trader, steering: Any, heard: Heard, interrupted: bool) -> int:
    """The end: in words, or as one JSON object. Gives the exit code."""
    switches, ledger = trader.desk.switches, trader.ledger
    stopped = switches.kill or switches.halt
    code = EXIT_HALTED if stopped else EXIT_INTERRUPTED if interrupted else 0
    page = str(order.folder / "runs" / f"{ledger.run:06d}" / "report.html")
    if order.as_json:
        told = {**steering.status(), "running": False, "pnl": steering.pnl(), "deals_by_outcome": dict(heard.outcomes)}
        say({**told, "data": str(order.folder), "report": page, "interrupted": interrupted, "exit_code": code})
        return code
    home = order.loaded.settings.base_currency
    told = steering.pnl()
    click.echo(f"ended: {trader.ended or 'interrupted'}")
    click.echo(f"deals: {heard.traded()}; profit since the folder's first run {money(told['total'])} {home}")
    for row in told["held"]:
        click.echo(f"held:  {figure(row['amount'])} {row.get('asset') or row['listing']} ({row['why']})")
    if stopped:
        click.echo(f"stopped by risk: {stopped}", err=True)
    if ledger.deals:
        click.echo(f"open:  {len(ledger.deals)} deals; the next run goes on with them")
    click.echo(f"report: {page}")
    return code


@dataclass
class Ended:
    """What only the engine knew of its run, for the report, which is written once the run's files are whole."""

    order: Order
    total_before: Decimal | None = None
    began_ns: int = 0
    run: int = 0
    summary: RunSummary | None = None

    def begin(self, trader: Trader) -> None:
        """It is armed."""
        from oneprice.trade.telling import pnl

        self.run, self.began_ns = trader.ledger.run, trader.desk.clock.monotonic_ns()
        self.total_before = pnl(trader, self.order.loaded.settings.base_currency).total

    def take(self, trader: Trader) -> None:
        """It is over."""
        import msgspec

        from oneprice.cli.reporting import title_of
        from oneprice.ledger.exact import minus
        from oneprice.report import RunSummary
        from oneprice.trade.telling import pnl, residuals

        assert self.total_before is not None
        settings, clock = self.order.loaded.settings, trader.desk.clock
        home = settings.base_currency
        self.summary = RunSummary(
            title=title_of(settings.mode, self.run),
            home=home,
            seconds=(clock.monotonic_ns() - self.began_ns) / 1e9,
            pnl=minus(pnl(trader, home).total, self.total_before),
            residuals=residuals(trader, home),
            stages=list(trader.stages),
            refusals=dict(trader.refusals),
            markets=[msgspec.to_builtins(row) for row in trader.desk.market.view(nearest=0, history=0).markets],
        )

    def write(self) -> None:
        """The report, into the run's own folder. A disk that cannot take it is told, and nothing else."""
        from oneprice.live.disk import LiveDisk
        from oneprice.report import keep_summary, write_report
        from oneprice.trading import runs_folder

        if self.summary is None:
            return
        disk, own = LiveDisk(), runs_folder(self.order.folder) / f"{self.run:06d}"
        try:
            keep_summary(disk, own, self.summary)
            write_report(disk, self.order.folder, self.summary, run=self.run, out=own)
        except OSError as error:
            click.echo(f"warning: {own}: the report cannot be written: {error.strerror}", err=True)
