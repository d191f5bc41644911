"""Stories of two legs: filled whole, in part, or not at all, and told in every way that venues tell it.

Stories of deals are test_stories_*: here and in `unknown` what becomes of orders, in `venues` what venues and other
hands do, in `strategies` cycles, held positions and quotes, in `life` engines that are killed, stopped and started.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.trade.invariants import check
from tests.trade.stage import HASTY, staged

from oneprice.exchange import AccountConfig
from oneprice.model.deals import DealOutcome
from oneprice.sim.faults import FaultKind

PAIRS = (("gate-spot", "binance-spot"), ("binance-spot", "gate-spot"), ("mexc-spot", "binance-spot"))
"""Where is bought, and where sold."""

NEAR = PAIRS[:2]

pairs = pytest.mark.parametrize(("buy", "sell"), PAIRS)
near = pytest.mark.parametrize(("buy", "sell"), NEAR)
roads = pytest.mark.parametrize(
    ("buy", "sell", "road"), [(*pair, road) for pair in NEAR for road in ("rest", "websocket")]
)
"""Both ways that an order can take to a venue."""


def by(road: str) -> AccountConfig:
    """Accounts whose orders go that way."""
    return msgspec.structs.replace(HASTY, order_path=road)


@pairs
async def test_both_legs_fill(tmp_path: Path, buy: str, sell: str) -> None:
    async with staged(tmp_path, buy, sell) as stage:
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        [deal] = stage.ledger.settled
        assert deal.outcome is DealOutcome.CAPTURED
        assert deal.net > 0


@pytest.mark.parametrize(
    ("buy", "sell", "road"), [(*pair, road) for pair in NEAR for road in ("rest", "websocket")] + [(*PAIRS[2], "auto")]
)
async def test_second_leg_is_rejected(tmp_path: Path, buy: str, sell: str, road: str) -> None:
    """What was bought is sold again."""
    async with staged(tmp_path, buy, sell, account=by(road)) as stage:
        stage.before(0, lambda: stage.world.fault(sell, FaultKind.REJECT_ORDER))
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert stage.traded() == [DealOutcome.HEDGED]


@near
async def test_first_leg_is_rejected(tmp_path: Path, buy: str, sell: str) -> None:
    """What was sold is bought back."""
    async with staged(tmp_path, buy, sell) as stage:
        stage.before(0, lambda: stage.world.fault(buy, FaultKind.REJECT_ORDER))
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert stage.traded() == [DealOutcome.HEDGED]


async def test_both_legs_are_rejected(tmp_path: Path) -> None:
    """Nothing happened; the deal tells why, and the next one is made."""
    buy, sell = PAIRS[0]
    async with staged(tmp_path, buy, sell) as stage:
        for market in (buy, sell):
            stage.before(
                0 if market == buy else 1, lambda market=market: stage.world.fault(market, FaultKind.REJECT_ORDER)
            )
        stage.world.spread(buy, sell)
        await stage.missed()
        await asyncio.sleep(0.06)  # the pair rests for so long
        stage.world.ask_down(buy, "0", 300)
        await stage.settled()
        await check(stage)
        assert [one.outcome for one in stage.ledger.settled] == [DealOutcome.MISSED, DealOutcome.CAPTURED]


@pytest.mark.parametrize("which", ["bought", "sold"])
@near
async def test_a_leg_fills_in_part(tmp_path: Path, buy: str, sell: str, which: str) -> None:
    async with staged(tmp_path, buy, sell) as stage:
        world = stage.world
        cheap = world.ask_down(buy)
        if which == "bought":  # the other customer has changed their mind about most of it
            stage.before(0, lambda: (world.other_cancels(buy, cheap), world.ask_down(buy, "0", 400)))
        else:
            stage.before(0, lambda: world.fault(sell, FaultKind.PARTIAL_FILL))
        await stage.settled()
        await check(stage)
        assert stage.traded()[0] in (DealOutcome.HEDGED, DealOutcome.PARTIAL)


async def test_the_price_is_gone_on_both_sides(tmp_path: Path) -> None:
    """Limits hold: nothing is filled at a worse price, and nothing is left."""
    buy, sell = PAIRS[0]
    async with staged(tmp_path, buy, sell) as stage:
        world = stage.world
        cheap = world.ask_down(buy)
        stage.before(0, lambda: (world.other_cancels(buy, cheap), world.ask_down(sell, "0.6")))
        await stage.missed()
        await check(stage)


@pytest.mark.parametrize(
    "kind", [FaultKind.DOUBLE_REPORT, FaultKind.LATE_REPORT, FaultKind.REORDER_REPORT, FaultKind.DOUBLE_ACK]
)
@near
async def test_reports_come_twice_late_or_out_of_order(tmp_path: Path, buy: str, sell: str, kind: FaultKind) -> None:
    async with staged(tmp_path, buy, sell) as stage:
        for market in (buy, sell):
            stage.world.fault(market, kind, count=200, delay_ms=60)
        stage.world.spread(buy, sell)
        await stage.settled()
        await check(stage)
        assert stage.traded() == [DealOutcome.CAPTURED]
