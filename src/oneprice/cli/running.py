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
    from oneprice.config import Loaded
    from oneprice.ledger.ledger import Ledger
    from oneprice.market import MarketData
    from oneprice.trade.account import TradingAccount
    from oneprice.trade.trader import Trader
    from oneprice.venues.kit import Credentials, Hosts

EXIT_HALTED, EXIT_INTERRUPTED = 4, 130
LOOK_EVERY_S = 0.25
LINE_EVERY_S = 10.0
KILLED_WITHIN_S = 20.0
DEALS_TOLD_MAX = 20
"""Of one look; a run that settles more in a quarter of a second shows the last."""

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


async def trade(order: Order) -> int:
    """The exit code. Raises what keeps a run from starting, and what breaks it."""
    from oneprice.app import build_market, live_ports
    from oneprice.cli.feeds import until_answered
    from oneprice.cli.grounds import hosts_for, keys_for

    settings = order.loaded.settings
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
                    return await _oversee(order, trader)
    finally:
        await ports.network.close()


@contextlib.asynccontextmanager
async def open_engine(order: Order, market: MarketData, ports: Ports, accounts: Accounts) -> AsyncIterator[Trader]:
    """The engine, reconciled. Raises JournalError, ConfigError."""
    from oneprice.live.disk import LiveDisk
    from oneprice.trading import TradeRun, open_trader

    settings = order.loaded.settings
    run = TradeRun(settings.mode, order.folder, settings.trade_settings, settings.text, settings.hash, accounts)
    async with open_trader(run, market, ports, LiveDisk()) as trader:
        yield trader


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


async def _oversee(order: Order, trader: Trader) -> int:
    """Trade until the time is over or somebody ends it; then tell."""
    from oneprice.trade.control import ControlServer
    from oneprice.trade.steering import Steering

    home = order.loaded.settings.base_currency
    steering = Steering(trader, home)
    interrupted = False
    with _signals(trader):
        async with ControlServer(order.folder, steering):
            lines = asyncio.create_task(_lines(order, trader, steering))
            try:
                await trader.run(order.seconds)
            except asyncio.CancelledError:
                interrupted = True
                _uncancel()
            try:
                ended = trader.ended or "interrupted"
                if not steering.endings and not trader.desk.switches.kill:
                    _say(order, f"ending: {ended} ...")
                    await trader.stop(ended)
                await asyncio.gather(*steering.endings)
            finally:
                lines.cancel()
                await asyncio.gather(lines, return_exceptions=True)
    return _tell(order, trader, steering, interrupted)


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


async def _lines(order: Order, trader: Trader, steering: Any) -> None:
    """Deals as they are settled, how it stands now and then; and the end of a run that was killed, once it is quiet."""
    clock, ledger, switches = trader.desk.clock, trader.ledger, trader.desk.switches
    told, next_line_ns, killed_ns, halted = ledger.deals_settled, 0, 0, ""
    while True:
        now_ns = clock.monotonic_ns()
        fresh = min(ledger.deals_settled - told, DEALS_TOLD_MAX)
        for deal in list(ledger.settled)[len(ledger.settled) - fresh :] if fresh else []:
            _say(order, _deal_line(deal))
        told = ledger.deals_settled
        if switches.halt != halted:
            halted = switches.halt
            click.echo(f"HALTED: {halted}" if halted else "no longer halted", err=True)
        if now_ns >= next_line_ns:
            next_line_ns = now_ns + round(LINE_EVERY_S * 1e9)
            _say(order, _state_line(trader, order.loaded.settings.base_currency))
        if switches.kill:
            if not killed_ns:
                killed_ns = now_ns
                click.echo(f"KILLED: {switches.kill}", err=True)
            quiet = not ledger.deals and all(one.is_over for one in ledger.orders.values())
            if quiet or (now_ns - killed_ns) / 1e9 > KILLED_WITHIN_S:
                trader.end()
        await clock.sleep(LOOK_EVERY_S)


def _deal_line(deal: Any) -> str:
    took_ms = (deal.settled_ns - deal.opened_ns) / 1e6
    return (
        f"deal {deal.deal}  {deal.strategy} {deal.group}  {deal.outcome.value}  {money(deal.net)} {deal.home}, "
        f"expected {money(deal.expected_net)}, {took_ms:,.0f} ms" + (f"  ({deal.reason})" if deal.reason else "")
    )


def _state_line(trader: Trader, home: str) -> str:
    from oneprice.trade.telling import pnl

    ledger, market = trader.ledger, trader.desk.market
    states = [market.state(book).name for book in market.books]
    books = f"books {states.count('LIVE')}/{len(states)} live"
    armed = "armed" if trader.desk.switches.armed else "not armed"
    stopped = ", ".join(f"{gate} {count}" for gate, count in trader.refusals.most_common(3))
    return (
        f"{armed}  {books}  deals {ledger.deals_settled} settled, {len(ledger.deals)} open  "
        f"{money(pnl(trader, home).total)} {home}" + (f"  stopped by {stopped}" if stopped else "")
    )


def _say(order: Order, text: str) -> None:
    click.echo(text, err=order.as_json)
    (sys.stderr if order.as_json else sys.stdout).flush()


def _tell(order: Order, trader: Trader, steering: Any, interrupted: bool) -> int:
    """The end: in words, or as one JSON object. Gives the exit code."""
    from collections import Counter

    switches, ledger = trader.desk.switches, trader.ledger
    outcomes = dict(Counter(one.outcome.value for one in ledger.settled))
    stopped = switches.kill or switches.halt
    code = EXIT_HALTED if stopped else EXIT_INTERRUPTED if interrupted else 0
    if order.as_json:
        told = {**steering.status(), "running": False, "pnl": steering.pnl(), "deals_by_outcome": outcomes}
        say({**told, "data": str(order.folder), "interrupted": interrupted, "exit_code": code})
        return code
    settled = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) or "none"
    home = order.loaded.settings.base_currency
    click.echo(f"ended: {trader.ended or 'interrupted'}")
    click.echo(f"deals: {settled}; profit since the folder's first run {money(steering.pnl()['total'])} {home}")
    for row in steering.pnl()["held"]:
        click.echo(f"held:  {figure(row['amount'])} {row.get('asset') or row['listing']} ({row['why']})")
    if stopped:
        click.echo(f"stopped by risk: {stopped}", err=True)
    if ledger.deals:
        click.echo(f"open:  {len(ledger.deals)} deals; the next run goes on with them")
    return code
