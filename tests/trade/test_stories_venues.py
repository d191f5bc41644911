"""Stories in which a venue, or somebody else, does what nobody asked for."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.trade.invariants import check
from tests.trade.stage import HASTY, STILL, engine, exchanges, staged
from tests.trade.test_stories_fills import NEAR

from oneprice.ledger.records import FillTold, OrderIntended, Switched, TransferTold
from oneprice.model.deals import DealOutcome
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind
from oneprice.sim.orders import Ticket
from oneprice.trade.settings import BreakerLimits
from oneprice.trade.switches import VenueHealth

near = pytest.mark.parametrize(("buy", "sell"), NEAR)
OFTEN = msgspec.structs.replace(HASTY, measure_clock_every_s=1.0, warm_every_s=1.0)
HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize("how", [FaultKind.HALT, FaultKind.MAINTENANCE])
@near
async def test_a_venue_closes_between_the_legs_and_opens_again(
    tmp_path: Path, buy: str, sell: str, how: FaultKind
) -> None:
    async with staged(tmp_path, buy, sell) as stage:
        stage.before(1, lambda: stage.world.fault(sell, how, seconds=0.8))
        stage.world.spread(buy, sell)
        await stage.settled(within_s=12)
        await check(stage)
        assert stage.traded() == [DealOutcome.HEDGED]


async def test_two_venues_close_and_the_third_takes_the_rest(tmp_path: Path) -> None:
    buy, sell, third = "gate-spot", "binance-spot", "mexc-spot"
    async with staged(tmp_path, buy, sell, third) as stage:

        def close() -> None:
            stage.world.fault(sell, FaultKind.HALT, seconds=20)
            stage.world.fault(buy, FaultKind.HALT, seconds=20)

        stage.before(0, lambda: stage.world.fault(sell, FaultKind.HALT, seconds=20))
        stage.world.spread(buy, sell)
        await stage.sent(2)
        close()
        await stage.settled(within_s=12)
        await check(stage)


async def test_a_venue_restarts_while_nothing_is_out(tmp_path: Path) -> None:
    buy, sell = NEAR[0]
    async with staged(tmp_path, buy, sell) as stage:
        stage.world.fault(sell, FaultKind.DROP)
        stage.world.fault(sell, FaultKind.REFUSE, seconds=0.5)
        await asyncio.sleep(0.3)
        await check(stage)
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)


@near
async def test_money_is_withdrawn_by_other_hands(tmp_path: Path, buy: str, sell: str) -> None:
    """Told of or not, what is there is known soon."""
    async with staged(tmp_path, buy, sell) as stage:
        stage.world.move_funds(buy, "USDT", Decimal(-150000))
        stage.world.move_funds(sell, "BTC", Decimal("0.5"))
        await stage.until(lambda: len(stage.of(TransferTold)) == 2, why="both are told")
        await check(stage)
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert len(stage.of(TransferTold)) == 2


@near
async def test_money_is_withdrawn_just_before_the_orders_come(tmp_path: Path, buy: str, sell: str) -> None:
    """The leg that has nothing to pay with is refused, and the other one is taken back."""
    async with staged(tmp_path, buy, sell) as stage:
        stage.before(0, lambda: stage.world.move_funds(sell, "BTC", Decimal("-1.999")))
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert stage.traded() == [DealOutcome.HEDGED]
        assert len(stage.of(TransferTold)) == 1


@pytest.mark.parametrize("rule", ["min_notional", "lot", "tick"])
@near
async def test_a_rule_changes_between_plan_and_order(tmp_path: Path, buy: str, sell: str, rule: str) -> None:
    """The order is refused by a rule that nobody knew; the other leg is taken back, and it is not tried for ever."""
    new = {"min_notional": Decimal(5_000), "lot": Decimal("0.01"), "tick": Decimal(10)}[rule]
    async with staged(tmp_path, buy, sell) as stage:
        listing = stage.world.listing(sell)

        def change() -> None:
            listing.instrument = msgspec.structs.replace(listing.instrument, **{rule: new})

        old = listing.instrument
        stage.before(0, change)
        stage.world.spread(buy, sell)
        await stage.settled()
        assert len(stage.of(OrderIntended)) <= 4, "it was tried again and again"
        listing.instrument = old
        await check(stage)
        assert stage.traded() == [DealOutcome.HEDGED]


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS])
@near
async def test_our_wall_clock_steps(tmp_path: Path, buy: str, sell: str, step_ns: int) -> None:
    """Nothing that waits or gets stale notices. Signatures do: they go by the venue's time."""
    async with staged(tmp_path, buy, sell) as stage:
        stage.world.clock.step_ns = step_ns
        stage.world.spread(buy, sell)
        await stage.until(lambda: stage.ledger.settled, why="a deal ends")
        await check(stage)
        stage.world.refresh()
        await asyncio.sleep(0.2)
        before = len(stage.traded())
        stage.world.ask_down(buy)
        await stage.settled(before + 1)
        await check(stage)


@pytest.mark.parametrize("ahead_ms", [2_000, -2_000])
async def test_a_venues_clock_is_wrong_for_a_while(tmp_path: Path, ahead_ms: int) -> None:
    buy, sell = NEAR[0]
    async with staged(tmp_path, buy, sell, account=OFTEN) as stage:
        stage.world.fault(sell, FaultKind.CLOCK_SKEW, seconds=1.2, delay_ms=ahead_ms)
        await asyncio.sleep(0.1)
        stage.world.spread(buy, sell)
        await asyncio.sleep(1.2)
        account = stage.trader.desk.accounts[sell]
        await stage.until(lambda: abs(account.standing().clock_offset_ns or HOUR_NS) < 100_000_000, why="it is right")
        stage.world.refresh()
        await asyncio.sleep(0.2)
        before = len(stage.traded())
        stage.world.ask_down(buy)
        await stage.settled(before + 1, within_s=12)
        await check(stage)


async def test_other_hands_trade_on_our_account(tmp_path: Path) -> None:
    """Their order is shown and left alone, their fills are booked, and belong to no deal."""
    buy, sell = NEAR[0]
    async with staged(tmp_path, buy, sell) as stage:
        world = stage.world
        for market in (buy, sell):
            listing = world.listing(market)
            price = listing.top.ask_ticks * listing.instrument.tick
            taking = Ticket(side=Side.BUY, quantity=Decimal("0.01"), price=price, client_order_id="t-by-hand")
            resting = Ticket(side=Side.BUY, quantity=Decimal("0.01"), price=price * Decimal("0.9") // 1)
            now_ns = world.venue(market).server.now_ns()
            world.desk(market).place(world.account(market), listing, taking, now_ns)
            world.desk(market).place(world.account(market), listing, resting, now_ns)
        await stage.until(lambda: len(stage.of(FillTold)) >= 2, why="they are booked")
        world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert len(stage.trader.tracker.external.orders) == 2
        assert all(len(world.desk(market).open_orders(world.account(market))) == 1 for market in (buy, sell))


async def test_an_order_with_our_name_that_nobody_remembers_is_cancelled(tmp_path: Path) -> None:
    """As after a journal was lost."""
    market = "gate-spot"
    async with exchanges(tmp_path, market, "binance-spot") as world:
        async with engine(world, strategies=STILL) as stage:
            name = f"op{stage.trader.sender._engine}00100099000"
        listing = world.listing(market)
        price = listing.top.bid_ticks * listing.instrument.tick * Decimal("0.9") // 1
        ticket = Ticket(side=Side.BUY, quantity=Decimal("0.01"), price=price, client_order_id=f"t-{name}")
        world.planted.add(name)
        world.desk(market).place(world.account(market), listing, ticket, world.venue(market).server.now_ns())
        async with engine(world, strategies=STILL) as stage:
            await stage.until(lambda: not world.desk(market).open_orders(world.account(market)), why="it is cancelled")
            await check(stage)
            assert any("orphan" in alarm for alarm in stage.ledger.alarms)


async def test_a_venue_that_refuses_gets_no_entries_for_a_while(tmp_path: Path) -> None:
    """One refusal is too many here. Wherever the hedge goes: what cannot be sold there is sold at the other venue."""
    buy, sell = NEAR[0]
    breaker = BreakerLimits(rejects_max=0, window_s=0.8, healthy_s=0.8)
    async with staged(tmp_path, buy, sell, breaker=breaker) as stage:
        world, switches = stage.world, stage.trader.desk.switches
        stage.before(0, lambda: world.fault(sell, FaultKind.HALT, seconds=60))
        world.ask_down(buy)
        await stage.until(lambda: switches.health_of(sell)[0] is VenueHealth.REDUCE_ONLY, why="it is ill")
        await stage.settled()
        world.calm()
        sent = len(world.witness.sent)
        world.ask_down(buy, "0.1")
        await stage.until(lambda: stage.trader.refusals["breaker"], why="the gate says no")
        assert len(world.witness.sent) == sent
        await stage.until(lambda: switches.health_of(sell)[0] is VenueHealth.OPEN, why="it is well again")
        world.ask_down(buy, "0", 300)
        await stage.settled(2)
        await check(stage)
        turned = [
            one.value for one in stage.of(Switched) if isinstance(one, Switched) and one.switch == f"venue:{sell}"
        ]
        assert turned == ["reduce_only", "open"]
