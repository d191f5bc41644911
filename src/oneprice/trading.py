"""Puts a trading engine together from its parts: the second half of the composition root."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from oneprice import __version__
from oneprice.app import Ports
from oneprice.core import backend
from oneprice.errors import JournalError, NetworkError
from oneprice.exchange import PrivateExchange
from oneprice.ledger.blackbox import BlackBox
from oneprice.ledger.journal import Journal, Recovered
from oneprice.ledger.ledger import Ledger
from oneprice.market import MarketData
from oneprice.model import FundingRate, NewOrder, SymbolInfo
from oneprice.ports import Disk
from oneprice.trade.account import TradingAccount
from oneprice.trade.desk import Desk
from oneprice.trade.funding import Ask, Funding
from oneprice.trade.ids import draw_engine, is_engine
from oneprice.trade.kill import KillSwitch
from oneprice.trade.paper import PaperAccount
from oneprice.trade.recorder import Recorder
from oneprice.trade.rehearsal import Command
from oneprice.trade.seeing import Describer
from oneprice.trade.settings import TradeSettings
from oneprice.trade.strategies import make_strategies
from oneprice.trade.switches import Switches
from oneprice.trade.trader import RunFacts, Trader

LOOK_EVERY_S = 0.05
KNOWN_WITHIN_S = 30.0
LIVE_WITHIN_S = 2.0
"""Books that are not live by then come later: no gate lets a plan pass that needs them."""


@dataclass(frozen=True)
class TradeRun:
    """What a trading engine is built from. `folder`: of its data. `config`: as JSON, no secrets, for the journal.
    `accounts` makes them, by VENUE-MARKET, once the market stands; they are not open yet. `busy`: the loop never
    sleeps, and the trader keeps its way warm. `tell` hears why a start takes long."""

    mode: str
    folder: Path
    settings: TradeSettings
    config: str
    config_hash: str
    accounts: Callable[[MarketData, Ledger], Mapping[str, TradingAccount]]
    busy: bool = False
    tell: Callable[[str], None] | None = None


def journal_folder(folder: Path) -> str:
    """Where the journal of a data folder is."""
    return str(folder / "journal")


def runs_folder(folder: Path) -> Path:
    """Where the runs of a data folder are."""
    return folder / "runs"


def read_engine(disk: Disk, folder: Path, ports: Ports) -> str:
    """The name of the engine that a data folder belongs to; drawn for a new one.

    Raises JournalError where the file does not hold a name: orders would not be known again.
    """
    path = str(folder / "engine")
    disk.make_folder(str(folder))
    try:
        name = disk.read(path).decode(errors="replace").strip()
    except FileNotFoundError:
        name = draw_engine(ports.chance)
        disk.write(path, name.encode())
    if not is_engine(name):
        raise JournalError(f"{path} holds {name!r}; it names this folder's orders: 4 of a-z and 0-9")
    return name


@contextlib.asynccontextmanager
async def open_trader(run: TradeRun, market: MarketData, ports: Ports, disk: Disk) -> AsyncIterator[Trader]:
    """A trader over a running market: the journal read, accounts open and reconciled, armed.

    Raises JournalError when the journal is another engine's, damaged, or cannot be written.
    """
    engine = read_engine(disk, run.folder, ports)
    journal, recovered = Journal.open(disk, journal_folder(run.folder), build=build_name())
    try:
        ledger = fold(recovered)
        accounts = run.accounts(market, ledger)
        desk = Desk(run.settings, market, accounts, ledger, Switches(), ports.clock)
        recorder = Recorder(journal, ledger, ports.clock)
        rates: dict[str, FundingRate] = {}
        await _until_known(market, ports)
        for name, account in accounts.items():
            if isinstance(account, PrivateExchange):
                account.public.know(market.feeds[name].rules)  # some venues let them be asked for once in 5 s
        await market.until_live(LIVE_WITHIN_S)
        for account in accounts.values():
            if isinstance(account, PaperAccount):
                account.funding_rates = rates
        funding = Funding([book.info for book in market.books], _asking(market), ports.clock, rates)
        strategies, quoting = make_strategies(desk, rates)
        if recovered.repaired or recovered.lost_records:
            engine = renew_engine(disk, run.folder, ports)  # numbers of runs that are not there any more may come again
        number = ledger.run + 1
        trader = Trader(
            desk,
            recorder,
            RunFacts(run.mode, build_name(), run.config_hash, run.config),
            engine,
            strategies=strategies,
            quoting=quoting,
            blackbox=BlackBox(disk, str(runs_folder(run.folder) / f"{number:06d}"), Describer(market), ports.clock),
            kill=KillSwitch(disk, str(run.folder), ports.clock),
            funding=funding,
            journal=journal,
            tell=run.tell,
        )
    except BaseException:
        journal.close()
        raise
    async with trader:
        if run.busy:
            trader.rehearse(commands_of(accounts))
        yield trader


def commands_of(accounts: Mapping[str, TradingAccount]) -> Command:
    """What a rehearsal does at each account: nothing at one on paper, whose orders are no bytes."""

    def command(account: str, order: NewOrder) -> None:
        found = accounts[account]
        if isinstance(found, PrivateExchange):
            found.following.rehearse(order)

    return command


async def _until_known(market: MarketData, ports: Ports) -> None:
    """Wait for every market's rules: orders of earlier runs cannot be named without them. Raises NetworkError."""
    until_ns = ports.clock.monotonic_ns() + int(KNOWN_WITHIN_S * 1e9)
    while unknown := [feed for feed in market.feeds.values() if not feed.known]:
        if ports.clock.monotonic_ns() > until_ns:
            told = "; ".join(f"{feed.name}: {feed.trouble or 'no answer'}" for feed in unknown)
            raise NetworkError(f"no rules within {KNOWN_WITHIN_S:g} s from {told}")
        await ports.clock.sleep(LOOK_EVERY_S)


def renew_engine(disk: Disk, folder: Path, ports: Ports) -> str:
    """A new name for a data folder that has lost some of its journal; orders under the old one are strangers' then."""
    name = draw_engine(ports.chance)
    disk.write(str(folder / "engine"), name.encode())
    return name


def _asking(market: MarketData) -> Ask:
    async def ask(info: SymbolInfo) -> FundingRate:
        return await market.feeds[f"{info.venue}-{info.market.value}"].funding(info)

    return ask


def fold(recovered: Recovered) -> Ledger:
    """What a journal's records amount to."""
    ledger = Ledger()
    ledger.fold(recovered.records)
    return ledger


def build_name() -> str:
    """Version and core, for the journal's header."""
    return f"oneprice {__version__} ({backend})"


def config_text(settings: TradeSettings) -> str:
    """Settings as JSON."""
    return msgspec.json.encode(settings).decode()
