"""The engine that trades live, trading on paper: against the books of simulated exchanges, which never hear of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path

from tests.trade.stage import ROOMY, World, exchanges

from oneprice.app import build_market, simulated_hosts
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import BalanceChecked, TransferTold
from oneprice.market import MarketConfig, MarketData
from oneprice.model.deals import DealOutcome
from oneprice.trade.account import TradingAccount
from oneprice.trade.paper import PaperAccount
from oneprice.trade.settings import TradeSettings
from oneprice.trade.trader import Trader
from oneprice.trading import TradeRun, open_trader

BUY, SELL = "gate-spot", "binance-spot"
FUNDS = {"USDT": Decimal(10_000), "BTC": Decimal(1)}


@contextlib.asynccontextmanager
async def on_paper(world: World) -> AsyncIterator[Trader]:
    """An engine with paper accounts at the world's markets."""
    hosts = simulated_hosts(world.markets, {name: venue.server.url for name, venue in world.venues.items()})

    def accounts(market: MarketData, ledger: Ledger) -> Mapping[str, TradingAccount]:
        return {
            name: PaperAccount(
                name, market, world.ports.clock, world.ports.chance, funds=FUNDS, latency_ms=2.0, ledger=ledger
            )
            for name in world.markets
        }

    never_ms = 600_000
    config = MarketConfig(
        markets=world.markets,
        symbols=world.symbols,
        triangles=False,
        stale_after_ms=never_ms,
        silent_after_ms=never_ms,
        renew_silent_after_ms=never_ms,
        renew_stale_after_ms=never_ms,
    )
    settings = TradeSettings(risk=ROOMY, audit_every_s=0.1, dead_man_s=0)
    run = TradeRun("paper", world.folder, settings, "{}", "test", accounts)
    async with (
        build_market(config, world.ports, hosts=hosts) as market,
        open_trader(run, market, world.ports, world.disk) as trader,
    ):
        yield trader


async def until_settled(trader: Trader, count: int) -> None:
    clock = trader.desk.clock
    for _ in range(2_000):
        if len(trader.ledger.settled) >= count:
            return
        await clock.sleep(0.005)
    raise AssertionError(
        f"no {count} deals: {trader.refusals}, {list(trader.ledger.deals)}, {list(trader.ledger.alarms)}"
    )


async def totals(trader: Trader) -> dict[tuple[str, str], Decimal]:
    return {
        (name, str(one.asset)): one.total
        for name, account in trader.desk.accounts.items()
        for one in await account.balances()
    }


def real(world: World) -> list[tuple[str, str, Decimal]]:
    """What our accounts at the exchanges hold."""
    return [
        (name, asset, balance.total)
        for name in world.markets
        for wallet in world.account(name).wallets.values()
        for asset, balance in wallet.items()
    ]


async def test_a_deal_is_captured_and_the_ledger_agrees_with_paper_also_after_a_restart(tmp_path: Path) -> None:
    async with exchanges(tmp_path, BUY, SELL) as world:
        before = real(world)
        async with on_paper(world) as trader:
            heard: list[object] = []
            trader.recorder.listeners.append(heard.append)
            world.spread(BUY, SELL)
            await until_settled(trader, 1)
            deal = trader.ledger.settled[0]
            assert deal.outcome is DealOutcome.CAPTURED
            await trader.desk.clock.sleep(0.5)
            assert trader.auditor.checks > 2
            assert not [record for record in heard if isinstance(record, BalanceChecked | TransferTold)]
            held = await totals(trader)
            for (name, asset), total in held.items():
                assert trader.ledger.total(name, asset) == total
            assert held[BUY, "BTC"] > 1 > held[SELL, "BTC"]
        async with on_paper(world) as trader:
            assert await totals(trader) == held, "it goes on from its journal"
            assert list(trader.ledger.alarms) == []
        assert real(world) == before, "nobody else heard of it"
