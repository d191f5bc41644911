"""A rehearsal walks the way of an order, and leaves no trace: not at a venue, in the journal, nor in a limit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from tests.trade.invariants import check
from tests.trade.stage import HASTY, Stage, staged

from oneprice.errors import NotSupported
from oneprice.exchange import PrivateExchange
from oneprice.model import NewOrder
from oneprice.model.deals import DealOutcome
from oneprice.trade.account import TradingAccount
from oneprice.trade.rehearsal import Command
from oneprice.trading import commands_of

BUY, SELL = "gate-spot", "binance-spot"


def counting(accounts: Mapping[str, TradingAccount], heard: list[str]) -> Command:
    """The real command, counted."""
    real = commands_of(accounts)

    def command(account: str, order: NewOrder) -> None:
        heard.append(account)
        real(account, order)

    return command


def traces(stage: Stage) -> list[object]:
    """All that an order would change."""
    found: list[object] = [
        stage.ledger.applied,
        stage.ledger.next_deal,
        len(stage.journal()),
        dict(stage.trader.refusals),
    ]
    for account in stage.trader.desk.accounts.values():
        assert isinstance(account, PrivateExchange)
        entry = account.following.entry
        found.append((account.rest.limiter.room(), account.figures.requests, entry is not None and entry.is_ready))
    found += [len(stage.world.orders(market)) for market in (BUY, SELL)]
    return found


@pytest.mark.parametrize("road", ["websocket", "rest"])
async def test_it_leaves_no_trace_and_the_next_deal_is_as_the_first(tmp_path: Path, road: str) -> None:
    heard: list[str] = []
    async with staged(tmp_path, BUY, SELL, account=msgspec.structs.replace(HASTY, order_path=road)) as stage:
        stage.trader.rehearse(counting(stage.trader.desk.accounts, heard))
        rehearsal = stage.trader.rehearsal
        assert rehearsal is not None
        stage.world.spread(BUY, SELL)
        await stage.settled()
        await stage.until(lambda: len(heard) > 1, why="the gates let it through again")
        before, rounds = traces(stage), rehearsal.rounds
        await stage.until(lambda: rehearsal.rounds > rounds + 20)
        assert set(heard) == {BUY, SELL}
        assert len(heard) > 20
        assert traces(stage) == before
        stage.world.spread(BUY, SELL)
        await stage.settled(2)
        await check(stage)
        assert stage.traded() == [DealOutcome.CAPTURED, DealOutcome.CAPTURED]


async def test_what_an_account_cannot_do_is_not_rehearsed_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def refuse(account: str, order: NewOrder) -> None:
        asked.append(account)
        raise NotSupported("not here")

    async with staged(tmp_path, BUY, SELL) as stage:
        stage.trader.rehearse(refuse)
        stage.world.spread(BUY, SELL)
        await stage.settled()
        await stage.until(lambda: asked)
        stage.world.spread(BUY, SELL)
        await stage.settled(2)
        await stage.until(lambda: len(asked) == 2)
        await check(stage)
