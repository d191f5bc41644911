"""The trading half of `oneprice demo`: an engine on the exchanges' demo accounts, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from oneprice.cli.heard import Heard
from oneprice.cli.simulated import Truth, balance_change, read_truth, simulated_accounts

if TYPE_CHECKING:
    from oneprice.app import Ports
    from oneprice.cli.board import Board
    from oneprice.market import MarketData, MarketRow
    from oneprice.report import RunSummary
    from oneprice.sim.cluster import SimCluster
    from oneprice.trade.settings import TradeSettings
    from oneprice.trade.trader import Trader

HOME = "USDT"
RUNS = "oneprice-runs"
STOP_WITHIN_S = 20.0
TELL_EVERY_S = 3.0
ORDER_FAULTS = (
    "lost_ack",
    "partial_fill",
    "reject_order",
    "late_report",
    "double_report",
    "late_ack",
    "reorder_report",
    "lost_report",
    "double_ack",
)
FAULT_EVERY_S = 1.5
FAULT_DELAY_MS = 200


def demo_settings() -> TradeSettings:
    """All strategies, with limits of a small desk; what is held is closed within a demo's time."""
    from oneprice.trade.settings import (
        CarrySettings,
        CrossSettings,
        MakerSettings,
        RiskLimits,
        Strategies,
        TradeSettings,
        TriangularSettings,
    )

    return TradeSettings(
        risk=RiskLimits(
            order_notional_max=Decimal(2_000),
            venue_exposure_max=Decimal(40_000),
            position_notional_max=Decimal(20_000),
            unhedged_notional_max=Decimal(5_000),
            orders_per_minute_max=2_000,
            daily_loss_max=Decimal(500),
            open_deals_max=12,
            cooldown_ms=100,
            cooldown_after_loss_ms=1_000,
            book_age_ms_max=1_000,
        ),
        strategies=Strategies(
            cross=CrossSettings(min_net_bps=1.0),
            triangular=TriangularSettings(enabled=True, min_net_bps=1.0),
            carry=CarrySettings(enabled=True, min_net_bps=1.0, hold_s_expected=20.0, hold_s_max=20.0),
            maker=MakerSettings(
                enabled=True,
                post=("gate-spot",),
                hedge=("binance-spot", "mexc-spot"),
                symbols=("BTC/USDT", "ETH/USDT"),
                order_notional=Decimal(500),
            ),
        ),
        audit_every_s=5.0,
    )


def new_folder(base: Path, seed: int) -> Path:
    """Where a demo keeps its journal and report: a folder of its own each time."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for number in itertools.count(1):
        folder = base / f"{stamp}-demo-{seed}{'' if number == 1 else f'-{number}'}"
        if not folder.exists():
            return folder
    raise AssertionError("there is always another number")


@dataclass
class Trading:
    """A running engine, and what the exchanges said before it traded."""

    trader: Trader
    cluster: SimCluster
    before: Truth
    began_ns: int
    heard: Heard

    def headline(self) -> str:
        """For a plain line."""
        from oneprice.trade.telling import pnl

        traded = self.heard.outcomes.total() - self.heard.outcomes["missed"]
        open_deals = len(self.trader.ledger.deals)
        return f"{traded} deals  {pnl(self.trader, HOME).total:+.2f} {HOME}  {open_deals} open"

    def board(self) -> Board:
        """For the screen."""
        from oneprice.cli.board import board_of

        return board_of(self.trader, self.heard, HOME)

    async def end(self, tell: Callable[[str], None]) -> Ended:
        """Stop, close what is held, and hold the exchanges' balances against ours. `tell` hears what it waits for."""
        from oneprice.trade.telling import pnl, residuals

        for venue in self.cluster.exchanges:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                await self.cluster.clear_faults(venue)
        waiting = asyncio.create_task(self._tell_waiting(tell))
        try:
            await self.trader.stop("the demo is over", flatten=True, within_s=STOP_WITHIN_S)
        finally:
            waiting.cancel()
        after = await read_truth(self.cluster)
        view = pnl(self.trader, HOME)
        change = balance_change(self.before, after, lambda asset: self.trader.marks.price(asset, HOME))
        seconds = (self.trader.desk.clock.monotonic_ns() - self.began_ns) / 1e9
        return Ended(
            seconds=seconds,
            stages=list(self.trader.stages),
            refusals=dict(self.trader.refusals),
            outcomes=dict(self.heard.outcomes),
            pnl=view.total,
            balance_change=change,
            residuals=residuals(self.trader, HOME),
            unfinished=self.unfinished(),
        )

    async def _tell_waiting(self, tell: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            for line in self.unfinished():
                tell(f"  waiting for {line}")

    def unfinished(self) -> list[str]:
        """Deals that are not settled, and what each waits for."""
        from oneprice.trade.residuals import held

        lines = []
        for number, deal in self.trader.ledger.deals.items():
            orders = [order for order in deal.orders if not order.is_over]
            waits = [f"{one.intent.client_order_id} is {one.status.name.lower()}" for one in orders]
            waits += [f"{amount:+f} {listing} is held" for listing, amount in sorted(held(deal).items())]
            waits += [f"{amount:+f} {asset} is not equal" for asset, amount in deal.residual().items() if amount]
            told = "; ".join(waits) or "fills that the venue has not told"
            lines.append(f"deal {number} {deal.opened.group} {deal.state.value}: {told}")
        return lines


@dataclass(frozen=True)
class Ended:
    """What came of it, in quote asset. `balance_change` is the exchanges' own word, `unfinished` what is open."""

    seconds: float
    stages: Sequence[tuple[int, int, int, int, int]]
    refusals: dict[str, int]
    outcomes: dict[str, int]
    pnl: Decimal
    balance_change: Decimal
    residuals: list[dict[str, object]]
    unfinished: Sequence[str] = ()

    @property
    def deals(self) -> int:
        """Settled ones."""
        return sum(self.outcomes.values())

    def summary(self, seed: int, markets: Sequence[MarketRow]) -> RunSummary:
        """For the report."""
        from oneprice.report import RunSummary

        return RunSummary(
            title=f"Demo on simulated exchanges, seed {seed}",
            home=HOME,
            seconds=self.seconds,
            pnl=self.pnl,
            balance_change=self.balance_change,
            residuals=self.residuals,
            stages=self.stages,
            refusals=self.refusals,
            markets=[msgspec.to_builtins(row) for row in markets],
        )

    def told(self) -> dict[str, object]:
        """For programs: amounts are texts, exact."""
        return {
            "deals": self.deals,
            "deals_by_outcome": self.outcomes,
            "pnl_quote": f"{self.pnl.normalize():f}",
            "venue_balance_change_quote": f"{self.balance_change.normalize():f}",
            "open_residuals": self.residuals,
        }


@contextlib.asynccontextmanager
async def trading(
    cluster: SimCluster, market: MarketData, ports: Ports, markets: tuple[str, ...], folder: Path
) -> AsyncIterator[Trading]:
    """An engine on the demo accounts of a cluster."""
    from oneprice.live.disk import LiveDisk
    from oneprice.trading import TradeRun, config_text, open_trader

    settings = demo_settings()
    urls = {name: exchange.url for name, exchange in cluster.exchanges.items()}
    accounts = simulated_accounts(markets, urls, ports)
    run = TradeRun("simulated", folder, settings, config_text(settings), "demo", accounts)
    before = await read_truth(cluster)
    async with open_trader(run, market, ports, LiveDisk()) as trader:
        yield Trading(trader, cluster, before, ports.clock.monotonic_ns(), Heard(trader))


async def order_faults(cluster: SimCluster) -> None:
    """For ever, at a low rate: each exchange in turn loses, delays, doubles or refuses something."""
    for turn in itertools.count():
        await asyncio.sleep(FAULT_EVERY_S)
        venue = list(cluster.exchanges)[turn % len(cluster.exchanges)]
        kind = ORDER_FAULTS[turn // len(cluster.exchanges) % len(ORDER_FAULTS)]
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):  # it may be down by another fault
            await cluster.fault(venue, kind, count=1, delay_ms=FAULT_DELAY_MS)
