"""Stories of an engine's life: killed, stopped, crashed, started anew, not alone, and without a disk."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.trade.invariants import check
from tests.trade.stage import ROOMY, STILL, Crash, Stage, World, crashing, engine, exchanges, staged
from tests.trade.test_stories_fills import NEAR
from tests.trade.test_stories_strategies import MAKES
from tests.trade.witness import our_id

from oneprice.errors import JournalError
from oneprice.ledger.records import CancelIntended, OrderIntended, OrderTold, RunEnded, Switched
from oneprice.model.deals import ADDS_RISK, DealOutcome, DealState
from oneprice.sim.faults import FaultKind
from oneprice.trade import residuals, trader

near = pytest.mark.parametrize(("buy", "sell"), NEAR)
BUY, SELL = NEAR[0]


def entries(stage: Stage) -> int:
    return sum(isinstance(one, OrderIntended) and one.purpose in ADDS_RISK for one in stage.journal())


@near
async def test_kill_while_a_deal_is_unequal(tmp_path: Path, buy: str, sell: str) -> None:
    """Nothing is entered any more; what is unequal is made equal."""
    async with staged(tmp_path, buy, sell) as stage:
        stage.before(0, lambda: stage.world.fault(sell, FaultKind.REJECT_ORDER))
        stage.world.spread(buy, sell)
        await stage.sent(2)
        stage.trader.kill("the story says so")
        stage.world.witness.killed = "the story says so"
        await stage.settled()
        stage.world.ask_down(sell)
        await asyncio.sleep(0.3)
        await check(stage, armed=False, killed=True)
        assert entries(stage) == 2
        assert stage.traded() == [DealOutcome.HEDGED]


async def test_kill_cancels_what_rests(tmp_path: Path) -> None:
    async with staged(tmp_path, BUY, SELL, strategies=MAKES) as stage:
        await stage.until(lambda: len(stage.world.desk(BUY).open_orders(stage.world.account(BUY))) == 2)
        stage.trader.kill("the story says so")
        stage.world.witness.killed = "the story says so"
        await stage.until(lambda: not stage.world.desk(BUY).open_orders(stage.world.account(BUY)), 0.5, "cancelled")
        await check(stage, armed=False, killed=True)


async def test_a_killed_engine_stays_killed_when_it_starts_again(tmp_path: Path) -> None:
    """Until a person takes the file away."""
    async with exchanges(tmp_path, BUY, SELL) as world:
        async with engine(world) as stage:
            stage.trader.kill("the story says so")
        async with engine(world) as stage:
            world.spread(BUY, SELL)
            await asyncio.sleep(0.3)
            assert entries(stage) == 0
            await check(stage, armed=False, killed=True)
        (tmp_path / "KILL").unlink()
        async with engine(world) as stage:
            world.ask_down(BUY, "0", 300)
            await stage.settled()
            await check(stage)


@near
async def test_a_stop_lets_deals_end(tmp_path: Path, buy: str, sell: str) -> None:
    async with staged(tmp_path, buy, sell) as stage:
        stage.before(0, lambda: stage.world.fault(sell, FaultKind.REJECT_ORDER))
        stage.world.spread(buy, sell)
        await stage.sent(2)
        assert await stage.trader.stop("enough")
        await check(stage, armed=False)
        assert stage.traded() == [DealOutcome.HEDGED]


@pytest.mark.parametrize("how", ["stops", "crashes"])
@near
async def test_a_restart_goes_on_with_what_is_unequal(tmp_path: Path, buy: str, sell: str, how: str) -> None:
    async with exchanges(tmp_path, buy, sell) as world:
        async with engine(world) if how == "stops" else crashing(world) as stage:
            stage.before(0, lambda: world.fault(sell, FaultKind.HALT, seconds=30))
            world.when_filled(buy, lambda: world.fault(buy, FaultKind.HALT, seconds=30))
            world.spread(buy, sell)
            await stage.until(lambda: any(deal.residual() for deal in stage.ledger.deals.values()))
            if how == "stops":
                assert not await stage.trader.stop("a restart", within_s=0.1)
        world.calm()
        async with engine(world) as stage:
            await stage.settled()
            await check(stage)
            assert stage.traded() == [DealOutcome.HEDGED]


@pytest.mark.parametrize("what", [FaultKind.LOST_ACK, FaultKind.LOST_REQUEST])
@near
async def test_a_restart_finds_what_became_of_an_unknown_order(
    tmp_path: Path, buy: str, sell: str, what: FaultKind
) -> None:
    async with exchanges(tmp_path, buy, sell) as world:
        async with crashing(world) as stage:
            stage.before(0, lambda: world.fault(sell, what))
            stage.before(1, lambda: world.fault(sell, FaultKind.LOST_REPORT, count=100))
            world.spread(buy, sell)
            await stage.sent(2)
            await asyncio.sleep(0.1)
        world.calm()
        async with engine(world) as stage:
            await stage.settled()
            await check(stage)
            assert stage.traded() == [DealOutcome.CAPTURED if what is FaultKind.LOST_ACK else DealOutcome.HEDGED]


async def test_a_crash_right_after_the_intent(tmp_path: Path) -> None:
    """The journal has two orders that never left."""
    async with exchanges(tmp_path, BUY, SELL) as world:
        async with crashing(world) as stage:

            def die() -> None:
                world.disk.fails, world.witness.is_dead = 1, True
                raise Crash

            stage.before(0, die)
            world.spread(BUY, SELL)
            await asyncio.sleep(5)
        async with engine(world) as stage:
            await stage.until(lambda: not stage.ledger.deals, why="nothing of it was ever sent")
            await asyncio.sleep(0.06)  # the pair rests for so long
            world.ask_down(BUY, "0", 300)
            await stage.settled()
            await check(stage)


async def test_a_crash_in_each_of_three_recoveries(tmp_path: Path) -> None:
    async with exchanges(tmp_path, BUY, SELL) as world:
        async with crashing(world) as stage:
            stage.before(0, lambda: world.fault(SELL, FaultKind.LOST_ACK))
            world.spread(BUY, SELL)
            await stage.sent(2)
        for wait_s in (0.0, 0.01, 0.1):
            async with crashing(world):
                await asyncio.sleep(wait_s)
        async with engine(world) as stage:
            await stage.settled()
            await check(stage)
            assert stage.ledger.run == 5


async def test_a_quote_fills_while_nobody_is_there(tmp_path: Path) -> None:
    """The fill is found at the start and hedged; what is left of the quote is found too."""
    async with exchanges(tmp_path, BUY, SELL) as world:
        async with crashing(world, strategies=MAKES) as stage:
            await resting(stage)
        world.take(BUY, world.desk(BUY).open_orders(world.account(BUY))[0], "0.5")
        async with engine(world, strategies=STILL) as stage:
            await stage.trader.stop("quotes are not wanted any more")
            await check(stage, armed=False)
            assert stage.traded() == [DealOutcome.HEDGED]


async def resting(stage: Stage) -> None:
    """Two quotes stand."""
    await stage.until(lambda: len(stage.world.desk(BUY).open_orders(stage.world.account(BUY))) == 2)
    await stage.until(lambda: all(one.venue_order_id for one in stage.ledger.orders.values()))


async def test_a_second_engine_on_the_account_is_noticed(tmp_path: Path) -> None:
    async with exchanges(tmp_path, BUY, SELL) as world, engine(world, strategies=STILL) as stage:
        async with engine(world, folder=tmp_path / "other") as other:
            world.spread(BUY, SELL)
            await other.settled()
            await other.trader.stop("that was the story")
            theirs = {our_id(one.client_order_id) for market in world.markets for one in world.orders(market)}
        world.planted |= theirs
        await check(stage, halted=True)
        assert any("two engines" in alarm for alarm in stage.ledger.alarms)
        halts = [one for one in stage.journal() if isinstance(one, Switched) and one.switch == "halt"]
        assert len(halts) == 2  # one for each account


async def test_a_cancel_is_intended_once_however_long_it_takes(tmp_path: Path) -> None:
    """Orders that never came are not found to cancel, and an engine that stops wants them gone in each turn."""
    async with staged(tmp_path, BUY, SELL) as stage:
        stage.before(0, lambda: stage.world.fault(BUY, FaultKind.LOST_REQUEST))
        stage.before(1, lambda: stage.world.fault(SELL, FaultKind.LOST_REQUEST))
        stage.world.spread(BUY, SELL)
        await stage.sent(2)
        assert await stage.trader.stop("that was the story")
        await check(stage, armed=False)
        cancels = Counter(one.client_order_id for one in stage.journal() if isinstance(one, CancelIntended))
        assert set(cancels.values()) == {1}


async def test_two_engines_do_not_share_a_folder(tmp_path: Path) -> None:
    async with exchanges(tmp_path, BUY, SELL) as world, engine(world, strategies=STILL) as stage:
        with pytest.raises(JournalError):
            async with engine(world):
                raise AssertionError("it opened")
        await check(stage)


async def test_an_account_that_takes_long_to_open_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trader, "SLOW_S", 0.1)
    told: list[str] = []
    async with exchanges(tmp_path, BUY, SELL) as world:
        world.fault(SELL, FaultKind.SLOW, delay_ms=120)
        async with engine(world, strategies=STILL, tell=told.append) as stage:
            world.calm()
            assert [text.partition(":")[0] for text in told] == [SELL]
            assert "not open after 0.1 s: not started" in told[0]
            await check(stage)


async def until_the_disk_is_full(world: World, after: str) -> None:
    async with engine(world) as stage:
        if after == "the plan":
            world.disk.fails = 1
        elif after == "one order":
            stage.before(1, lambda: setattr(world.disk, "fails", 1))
        else:
            stage.when_told(OrderTold, lambda: setattr(world.disk, "fails", 1))
        world.spread(BUY, SELL)
        await asyncio.sleep(5)


@pytest.mark.parametrize("after", ["the plan", "one order", "one answer"])
async def test_the_disk_takes_nothing_more(tmp_path: Path, after: str) -> None:
    """What cannot be written down is not done: nothing is entered, what rests is cancelled, and the engine ends."""
    async with exchanges(tmp_path, BUY, SELL) as world:
        with pytest.raises(JournalError):
            await until_the_disk_is_full(world, after)
        sent = len(world.witness.sent)
        world.disk.fails = 0
        async with engine(world) as stage:
            await stage.until(lambda: not stage.ledger.deals, why="what was open is found")
            await check(stage)
            assert len(world.witness.sent) - sent <= 1
            assert not any(isinstance(one, RunEnded) for one in stage.journal())


async def until_no_quote_can_be_moved(world: World) -> None:
    async with engine(world, strategies=MAKES) as stage:
        await resting(stage)
        world.disk.fails = 1
        world.bid_up(SELL, "0.3")
        await asyncio.sleep(5)


async def test_a_full_disk_leaves_no_quote_behind(tmp_path: Path) -> None:
    async with exchanges(tmp_path, BUY, SELL) as world:
        with pytest.raises(JournalError):
            await until_no_quote_can_be_moved(world)
        assert not world.desk(BUY).open_orders(world.account(BUY))
        world.disk.fails = 0
        async with engine(world, strategies=STILL) as stage:
            await check(stage)


async def test_a_halted_deal_goes_on_when_a_venue_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries stop meanwhile, in all other groups too."""
    monkeypatch.setattr(residuals, "HALTED_AGAIN_MS", 300)
    hasty = msgspec.structs.replace(ROOMY, unhedged_ms_max=400)
    async with staged(tmp_path, BUY, SELL, symbols=("BTC/USDT", "ETH/USDT"), risk=hasty) as stage:
        world = stage.world
        stage.before(0, lambda: world.fault(SELL, FaultKind.HALT, seconds=60, target="BTC"))
        world.when_filled(BUY, lambda: world.fault(BUY, FaultKind.HALT, seconds=60, target="BTC"))
        world.spread(BUY, SELL)
        await stage.until(lambda: stage.trader.desk.switches.halt, 6, "entries stop")
        assert [deal.state for deal in stage.ledger.deals.values()] in ([DealState.HALTED], [DealState.HEDGING])
        before = entries(stage)
        world.ask_down(BUY, base="ETH")
        await asyncio.sleep(0.2)
        assert entries(stage) == before, "it entered while it was halted"
        world.calm()
        await stage.settled(within_s=12)
        await check(stage)
        assert any("unhedged" in alarm for alarm in stage.ledger.alarms)


async def test_a_halt_is_over_when_the_next_run_has_no_reason_for_it(tmp_path: Path) -> None:
    """The engine dies while it waits for an order that would make a deal equal. The next one finds it."""
    hasty = msgspec.structs.replace(ROOMY, unhedged_ms_max=100)
    async with exchanges(tmp_path, BUY, SELL) as world:
        async with crashing(world, risk=hasty) as stage:
            stage.before(0, lambda: world.fault(SELL, FaultKind.LOST_ACK))
            stage.before(1, lambda: world.fault(SELL, FaultKind.LOST_REPORT, count=100))
            world.spread(BUY, SELL)
            await stage.until(lambda: stage.trader.desk.switches.halt, 6, "entries stop")
        world.calm()
        async with engine(world) as stage:
            await stage.settled()
            await check(stage)
            assert stage.ledger.switches["halt"][0] == "off"


async def test_a_loss_beyond_the_days_limit_stops_entries(tmp_path: Path) -> None:
    strict = msgspec.structs.replace(ROOMY, daily_loss_max=Decimal("0.01"))
    async with staged(tmp_path, BUY, SELL, risk=strict) as stage:
        world = stage.world
        cheap = world.ask_down(BUY)
        stage.before(0, lambda: world.other_cancels(BUY, cheap))
        await stage.settled()
        await check(stage)
        assert stage.ledger.settled[0].net < 0
        before = entries(stage)
        world.ask_down(BUY, "0.1")
        await asyncio.sleep(0.3)
        assert entries(stage) == before
        await check(stage)
