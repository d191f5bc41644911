"""Stories of each strategy on the one path: cycles, positions that are held, and quotes."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from tests.trade.invariants import check
from tests.trade.stage import Stage, staged

from oneprice.ledger.records import FundingPaid
from oneprice.model.deals import DealOutcome, DealState
from oneprice.sim.faults import FaultKind
from oneprice.sim.orders import EndedBy
from oneprice.trade.settings import CarrySettings, CrossSettings, MakerSettings, Strategies, TriangularSettings

NO_CROSS = CrossSettings(enabled=False)
CYCLES = Strategies(cross=NO_CROSS, triangular=TriangularSettings(enabled=True))
HOLDS = Strategies(cross=NO_CROSS, carry=CarrySettings(enabled=True, exit_net_bps=1.0, hold_s_expected=60.0))


def makes(post: str, hedge: str) -> Strategies:
    """Quotes on `post`, hedged on `hedge`."""
    return Strategies(
        cross=NO_CROSS,
        maker=MakerSettings(
            enabled=True,
            post=(post,),
            hedge=(hedge,),
            symbols=("BTC/USDT",),
            order_notional=Decimal(1_000),
            min_net_bps=3.0,
            requote_bps=2.0,
            rest_ms_min=20,
            requotes_per_minute_max=600,
        ),
    )


POST, HEDGE = "gate-spot", "binance-spot"
MAKES = makes(POST, HEDGE)
makers = pytest.mark.parametrize(("post", "hedge"), [(POST, HEDGE), (HEDGE, POST)])
TELL_FUNDING = ("binance-usdm", "gate-usdm")
"""Their private streams say why a balance has moved; MEXC's does not."""
TRIANGLE = ("BTC/USDT", "ETH/USDT", "ETH/BTC")


# ---------------------------------------------------------------------- cycles


@pytest.mark.parametrize("market", ["binance-spot", "gate-spot"])
async def test_a_cycle_is_taken(tmp_path: Path, market: str) -> None:
    async with staged(tmp_path, market, symbols=TRIANGLE, strategies=CYCLES) as stage:
        stage.world.ask_down(market)
        await stage.settled()
        await check(stage)
        [deal] = stage.ledger.settled
        assert (deal.strategy, deal.outcome) == ("triangular", DealOutcome.CAPTURED)
        assert deal.net > 0


@pytest.mark.parametrize("leg", [0, 1, 2])
async def test_a_leg_of_a_cycle_is_rejected(tmp_path: Path, leg: int) -> None:
    market = "gate-spot"
    async with staged(tmp_path, market, symbols=TRIANGLE, strategies=CYCLES) as stage:
        stage.before(leg, lambda: stage.world.fault(market, FaultKind.REJECT_ORDER))
        stage.world.ask_down(market)
        await stage.until(lambda: stage.ledger.settled, why="a deal ends")
        await check(stage)
        assert stage.ledger.settled[0].outcome is DealOutcome.HEDGED


# ---------------------------------------------------------------------- held


async def enter(stage: Stage, spot: str, perpetual: str) -> None:
    stage.world.ask_down(spot)
    await stage.until(
        lambda: [deal.state for deal in stage.ledger.deals.values()] == [DealState.HOLDING], why=f"{perpetual} is held"
    )


@pytest.mark.parametrize("perpetual", ["binance-usdm", "gate-usdm", "mexc-usdm"])
async def test_a_carry_is_entered_held_and_left(tmp_path: Path, perpetual: str) -> None:
    """Funding comes meanwhile, and is the deal's."""
    spot = "gate-spot"
    async with staged(tmp_path, spot, perpetual, strategies=HOLDS) as stage:
        world = stage.world
        await stage.until(lambda: stage.trader._funding.rates, why="funding rates")
        await enter(stage, spot, perpetual)
        await check(stage)
        if perpetual in TELL_FUNDING:
            desk = world.desk(perpetual)
            desk.settle_funding(world.venue(perpetual).server.now_ns(), Decimal("0.0001"))
            await stage.until(lambda: stage.of(FundingPaid), why="funding is told")
            [funding] = stage.of(FundingPaid)
            assert isinstance(funding, FundingPaid)
            assert funding.amount > 0, "who is short is paid"
            assert funding.deal == 1
        world.bid_up(spot, "0.8")
        await stage.settled()
        await check(stage)
        assert not stage.ledger.open_positions()
        [deal] = stage.ledger.settled
        assert deal.net > 0


@pytest.mark.parametrize(
    ("perpetual", "what"),
    [
        ("binance-usdm", FaultKind.REJECT_ORDER),
        ("binance-usdm", FaultKind.LOST_ACK),
        ("binance-usdm", FaultKind.LOST_REQUEST),
        ("binance-usdm", FaultKind.DOUBLE_REPORT),
        ("gate-usdm", FaultKind.PARTIAL_FILL),
        ("gate-usdm", FaultKind.LOST_ACK),
    ],
)
async def test_a_carry_whose_perpetual_leg_goes_wrong(tmp_path: Path, perpetual: str, what: FaultKind) -> None:
    """It is made equal, and held or given up."""
    spot = "gate-spot" if perpetual.startswith("binance") else "binance-spot"
    async with staged(tmp_path, spot, perpetual, strategies=HOLDS) as stage:
        await stage.until(lambda: stage.trader._funding.rates, why="funding rates")
        stage.before(0, lambda: stage.world.fault(perpetual, what, count=20 if what is FaultKind.DOUBLE_REPORT else 1))
        stage.world.ask_down(spot)
        await stage.until(lambda: stage.ledger.settled or _holds(stage), why="it is equal again")
        await check(stage)


def _holds(stage: Stage) -> bool:
    return any(deal.state is DealState.HOLDING for deal in stage.ledger.deals.values())


async def test_what_is_held_is_flattened_on_demand(tmp_path: Path) -> None:
    spot, perpetual = "gate-spot", "binance-usdm"
    async with staged(tmp_path, spot, perpetual, strategies=HOLDS) as stage:
        await stage.until(lambda: stage.trader._funding.rates, why="funding rates")
        await enter(stage, spot, perpetual)
        stage.world.refresh()
        assert await stage.trader.stop("enough", flatten=True)
        await check(stage, armed=False)
        assert not stage.ledger.open_positions()


async def test_two_perpetuals_are_held_against_each_other(tmp_path: Path) -> None:
    long, short = "gate-usdm", "binance-usdm"
    async with staged(tmp_path, long, short, strategies=HOLDS) as stage:
        await stage.until(lambda: len(stage.trader._funding.rates) == 2, why="funding rates")
        await enter(stage, long, short)
        await check(stage)
        stage.world.bid_up(long, "0.8")
        await stage.settled()
        await check(stage)
        assert not stage.ledger.open_positions()


# ---------------------------------------------------------------------- quotes


async def quotes(stage: Stage, post: str = POST) -> None:
    """One stands on each side."""
    account = stage.world.account(post)
    await stage.until(lambda: len(stage.world.desk(post).open_orders(account)) == 2, why="two quotes stand")
    await stage.until(lambda: all(one.venue_order_id for one in stage.ledger.orders.values()))


@pytest.mark.parametrize("part", ["0.3", "1"])
@pytest.mark.parametrize("side", [0, 1])
async def test_a_quote_is_taken_and_hedged(tmp_path: Path, part: str, side: int) -> None:
    async with staged(tmp_path, POST, HEDGE, strategies=MAKES) as stage:
        world = stage.world
        await quotes(stage)
        quote = world.desk(POST).open_orders(world.account(POST))[side]
        world.take(POST, quote, part)
        if part == "1":
            await stage.settled()
        else:
            await stage.until(lambda: any(order.intent.purpose == 4 and order.is_over for order in orders(stage)))
        await check(stage, resting=True)
        await stage.trader.stop("enough")
        await check(stage, armed=False)
        assert DealOutcome.HEDGED in stage.traded()


def orders(stage: Stage) -> list:  # type: ignore[type-arg]
    return list(stage.ledger.orders.values())


async def test_a_quote_follows_the_hedges_book(tmp_path: Path) -> None:
    async with staged(tmp_path, POST, HEDGE, strategies=MAKES) as stage:
        await quotes(stage)
        first = {one.client_order_id for one in stage.world.desk(POST).open_orders(stage.world.account(POST))}
        stage.world.bid_up(HEDGE, "0.3")
        await stage.until(
            lambda: first.isdisjoint(
                one.client_order_id for one in stage.world.desk(POST).open_orders(stage.world.account(POST))
            ),
            why="both quotes are new",
        )
        await stage.trader.stop("enough")
        await check(stage, armed=False)


@makers
async def test_a_fill_meets_the_cancel_of_its_quote(tmp_path: Path, post: str, hedge: str) -> None:
    """The fill was there first, and is told last."""
    async with staged(tmp_path, post, hedge, strategies=makes(post, hedge)) as stage:
        world = stage.world
        await quotes(stage, post)
        world.fault(post, FaultKind.LATE_REPORT, count=50, delay_ms=200)
        quote = world.desk(post).open_orders(world.account(post))[0]
        world.take(post, quote, "0.5")
        await stage.trader.stop("enough")
        await check(stage, armed=False)
        assert DealOutcome.HEDGED in stage.traded()


async def test_the_hedge_venue_is_away_while_a_quote_fills(tmp_path: Path) -> None:
    """Quotes are pulled when nothing could hedge them; a fill that comes before that is hedged later."""
    async with staged(tmp_path, POST, HEDGE, strategies=MAKES) as stage:
        world = stage.world
        await quotes(stage)
        world.fault(HEDGE, FaultKind.HALT, seconds=0.5)
        quote = world.desk(POST).open_orders(world.account(POST))[0]
        world.take(POST, quote)
        await asyncio.sleep(0.5)
        await stage.settled()
        await stage.trader.stop("enough")
        await check(stage, armed=False)


async def test_the_venue_cancels_quotes_by_itself(tmp_path: Path) -> None:
    """As a dead man's switch does that fires on us: an end like any other, and they are posted anew."""
    async with staged(tmp_path, POST, HEDGE, strategies=MAKES) as stage:
        world = stage.world
        await quotes(stage)
        first = {one.client_order_id for one in world.orders(POST)}
        world.desk(POST).cancel_all(world.account(POST), None, world.venue(POST).server.now_ns(), by=EndedBy.DEAD_MAN)
        await stage.until(lambda: len(first) == 2 and len(world.orders(POST)) == 4, why="two new quotes")
        await stage.trader.stop("enough")
        await check(stage, armed=False)


async def test_the_post_venues_stream_is_away_while_a_quote_fills(tmp_path: Path) -> None:
    """The fill is caught up with and hedged."""
    async with staged(tmp_path, POST, HEDGE, strategies=MAKES) as stage:
        world = stage.world
        await quotes(stage)
        world.fault(POST, FaultKind.LOST_REPORT, count=100)
        world.take(POST, world.desk(POST).open_orders(world.account(POST))[0])
        world.fault(POST, FaultKind.DROP)
        await asyncio.sleep(0.1)
        world.calm()
        await stage.settled()
        await stage.trader.stop("enough")
        await check(stage, armed=False)
        assert DealOutcome.HEDGED in stage.traded()
