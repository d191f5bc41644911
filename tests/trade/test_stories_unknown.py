"""Stories in which nobody can say for a while what became of an order: nothing is concluded without evidence, nothing
is sent twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.trade.invariants import check
from tests.trade.stage import Stage, staged
from tests.trade.test_stories_fills import NEAR, by, roads
from tests.trade.test_stories_strategies import makers, makes, quotes
from tests.trade.witness import our_id

from oneprice.ledger.records import OrderTold
from oneprice.model import OrderStatus
from oneprice.model.deals import DealOutcome
from oneprice.sim.faults import FaultKind
from oneprice.sim.orders import EndedBy
from oneprice.trade import netting

near = pytest.mark.parametrize(("buy", "sell"), NEAR)


def unknown(stage: Stage) -> list[str]:
    """Orders that were of unknown outcome at some time."""
    told = [one for one in stage.journal() if isinstance(one, OrderTold)]
    return [one.client_order_id for one in told if one.status is OrderStatus.UNKNOWN]


@roads
async def test_an_ack_is_lost_and_the_order_has_filled(tmp_path: Path, buy: str, sell: str, road: str) -> None:
    """The private stream, or a question, tells of it."""
    async with staged(tmp_path, buy, sell, account=by(road)) as stage:
        stage.before(0, lambda: stage.world.fault(sell, FaultKind.LOST_ACK))
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert stage.traded() == [DealOutcome.CAPTURED]


def silence(stage: Stage, market: str) -> None:
    """An exchange answers the next order with nothing, and tells nothing of any."""
    stage.world.fault(market, FaultKind.LOST_ACK)
    stage.world.fault(market, FaultKind.LOST_REPORT, count=100)


@roads
async def test_an_ack_and_all_reports_are_lost_and_the_order_has_filled(
    tmp_path: Path, buy: str, sell: str, road: str
) -> None:
    """Only a question by its id finds it."""
    async with staged(tmp_path, buy, sell, account=by(road)) as stage:
        stage.before(0, lambda: silence(stage, sell))
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert unknown(stage) == [stage.world.witness.sent[1]]
        assert stage.traded() == [DealOutcome.CAPTURED]


@roads
async def test_an_ack_is_lost_and_the_order_has_not_filled(tmp_path: Path, buy: str, sell: str, road: str) -> None:
    """It came too late for its price. Once that is certain, what the other leg bought is sold."""
    async with staged(tmp_path, buy, sell, account=by(road)) as stage:
        stage.before(0, lambda: (silence(stage, sell), stage.world.ask_down(sell, "0.6")))
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        second = stage.world.witness.sent[1]
        assert unknown(stage)[0] == second
        [truth] = [one for one in stage.world.orders(sell) if our_id(one.client_order_id) == second]
        assert truth.filled_lots == 0
        assert stage.traded() == [DealOutcome.HEDGED]


@roads
async def test_a_request_is_lost(tmp_path: Path, buy: str, sell: str, road: str) -> None:
    """It never came: once that is certain, what the other leg bought is sold."""
    async with staged(tmp_path, buy, sell, account=by(road)) as stage:
        stage.before(0, lambda: stage.world.fault(sell, FaultKind.LOST_REQUEST))
        stage.world.spread(buy, sell)
        await stage.until(lambda: unknown(stage), why="its outcome is unknown")
        await stage.settled()
        await check(stage)
        assert stage.traded() == [DealOutcome.HEDGED]
        assert len(stage.world.orders(sell)) == 1  # the hedge; the first order was not sent again


async def test_both_requests_are_lost(tmp_path: Path) -> None:
    buy, sell = NEAR[0]
    async with staged(tmp_path, buy, sell) as stage:
        for market in (buy, sell):
            stage.world.fault(market, FaultKind.LOST_REQUEST)
        stage.world.spread(buy, sell)
        await stage.missed()
        await check(stage)


@roads
async def test_too_many_requests_between_the_legs(tmp_path: Path, buy: str, sell: str, road: str) -> None:
    """429 for the second leg: it was not taken, and the exchange is left in peace for a while."""
    async with staged(tmp_path, buy, sell, account=by(road)) as stage:
        stage.before(0, lambda: stage.world.fault(sell, FaultKind.RATE_LIMIT, count=1, target="order"))
        stage.world.spread(buy, sell)
        await stage.settled(within_s=15)
        await check(stage)
        assert stage.world.venue(sell).server.faults.hits[FaultKind.RATE_LIMIT] == 1
        assert stage.traded() == [DealOutcome.HEDGED]


@near
async def test_the_private_stream_dies_during_the_fills(tmp_path: Path, buy: str, sell: str) -> None:
    """What it did not tell is asked for when it is there again."""
    async with staged(tmp_path, buy, sell) as stage:

        def cut() -> None:
            stage.world.fault(sell, FaultKind.LOST_REPORT, count=100)
            stage.world.fault(sell, FaultKind.DROP)

        stage.before(1, cut)
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)


async def test_the_private_stream_tells_nothing_and_stays_open(tmp_path: Path) -> None:
    """The fills are asked for."""
    buy, sell = NEAR[0]
    async with staged(tmp_path, buy, sell) as stage:
        for market in (buy, sell):
            stage.world.fault(market, FaultKind.LOST_REPORT, count=100)
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert stage.traded() == [DealOutcome.CAPTURED]


async def test_connections_hang_while_both_orders_are_out(tmp_path: Path) -> None:
    """Half-open: nothing is read, written or closed for a second."""
    buy, sell = NEAR[0]
    async with staged(tmp_path, buy, sell) as stage:
        stage.world.fault(sell, FaultKind.HALF_OPEN, seconds=0.6)
        await asyncio.sleep(0.02)
        stage.world.spread(buy, sell)
        await stage.until(lambda: unknown(stage), why="its outcome is unknown")
        await stage.settled()
        await check(stage)


@pytest.mark.parametrize("when", ["at once", "later"])
@makers
async def test_a_fill_comes_after_the_end_of_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, post: str, hedge: str, when: str
) -> None:
    """A venue says canceled, and fills it all the same: it is booked, told as an alarm, and made equal."""
    monkeypatch.setattr(netting, "NET_AFTER_MS", 100)
    async with staged(tmp_path, post, hedge, strategies=makes(post, hedge)) as stage:
        world, tracker = stage.world, stage.trader.tracker
        await quotes(stage, post)
        truth = world.desk(post).open_orders(world.account(post))[0]
        name = our_id(truth.client_order_id)
        known = stage.ledger.orders[name]
        stage.trader.desk.switches.stop_entries("the story", "no more quotes")
        lie = stage.trader.desk.accounts[post].view.get(tracker.ref(known))  # type: ignore[attr-defined]
        tracker.on_order(post, msgspec.structs.replace(lie, status=OrderStatus.CANCELED, reason="so it says"))
        assert known.intent.deal not in stage.ledger.deals, "nothing was filled: it is settled at once"
        if when == "later":
            await asyncio.sleep(0.3)
        world.take(post, truth, "0.5")
        world.desk(post).cancel(truth, world.venue(post).server.now_ns(), EndedBy.VENUE)
        await stage.until(lambda: known.filled, why="the fill is known")
        await stage.until(lambda: abs(stage.ledger.carried.get("BTC", 0)) < Decimal("0.0001"), why="it is made equal")
        await stage.trader.stop("enough")
        stage.trader.desk.switches.resume_entries("the story")
        await check(stage, armed=False)
        assert any("late" in alarm for alarm in stage.ledger.alarms)
