"""A restart gives no limit anew: orders of the last minute and listings that rest are known from the journal."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.trade.gate_desk import MS, GateDesk
from tests.trade.invariants import check
from tests.trade.stage import ROOMY, crashing, engine, exchanges

from oneprice.trade.approved import ApprovedPlan, Refusal
from oneprice.trade.gates import Gates

BUY, SELL = "gate-spot", "binance-spot"
SECOND = 1_000 * MS


@pytest.mark.parametrize(
    ("gate", "limits"), [("orders_per_minute", {"orders_per_minute_max": 3}), ("cooldown", {"cooldown_ms": 60_000})]
)
@pytest.mark.parametrize("how", ["stops", "crashes"])
async def test_what_the_run_before_has_sent_counts(tmp_path: Path, gate: str, limits: dict[str, int], how: str) -> None:
    risk = msgspec.structs.replace(ROOMY, **limits)
    async with exchanges(tmp_path, BUY, SELL) as world:
        async with engine(world, risk=risk) if how == "stops" else crashing(world, risk=risk) as stage:
            world.spread(BUY, SELL)
            await stage.settled()
        world.refresh(BUY, SELL)
        async with engine(world, risk=risk) as stage:
            world.spread(BUY, SELL)
            await stage.until(lambda: stage.trader.refusals[gate], why=f"{gate} refuses; {stage.trader.refusals}")
            assert len(stage.ledger.settled) == 1
            await check(stage)


def after_a_deal() -> GateDesk:
    """Two orders sent and a deal settled, at the desk's time."""
    desk = GateDesk(orders_per_minute_max=2, cooldown_ms=1_000)
    number, names = desk.send(desk.cross())
    for name in names:
        desk.fill_all(name)
    desk.settle(number)
    return desk


def test_what_is_older_than_its_limit_is_forgotten() -> None:
    desk = after_a_deal()
    for age_ns, gate in ((SECOND // 2, "cooldown"), (2 * SECOND, "orders_per_minute"), (61 * SECOND, "")):
        gates = Gates(desk.desk)
        gates.remember(desk.wall_ns + age_ns, desk.now_ns)
        told = gates.approve(desk.cross(), desk.now_ns)
        assert (told.gate if isinstance(told, Refusal) else "") == gate


def test_a_clock_that_was_set_back_makes_no_limit_longer_than_it_is() -> None:
    desk = after_a_deal()
    gates = Gates(desk.desk)
    gates.remember(desk.wall_ns - 3_600 * SECOND, desk.now_ns)
    assert isinstance(gates.approve(desk.cross(), desk.now_ns), Refusal)
    desk.now_ns += 61 * SECOND
    desk.refresh()
    assert isinstance(gates.approve(desk.cross(), desk.now_ns), ApprovedPlan)
