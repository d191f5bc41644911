"""Stories of a deal, each ended at any of its steps; then another engine goes on with what is left.

python -m tests.trade.killing --steps              all stories at all their steps
python -m tests.trade.killing --steps cross 12     one story at one step
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.trade.invariants import check
from tests.trade.killing_edges import ENDED, MortalWorld, Part, mortal
from tests.trade.stage import Stage, engine
from tests.trade.test_stories_strategies import CYCLES, HEDGE, HOLDS, MAKES, POST, TRIANGLE, quotes

from oneprice.ledger.records import OrderIntended
from oneprice.model.deals import ADDS_RISK, DealOutcome, DealState, Purpose
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind
from oneprice.sim.orders import OrderState
from oneprice.trade.kill import FILE
from oneprice.trade.settings import Strategies

SPOT, OTHER, PERPETUAL = "gate-spot", "binance-spot", "binance-usdm"
TRADES_WITHIN_S = 5.0
SETTLES_WITHIN_S = 12.0
PROVOKE_EVERY_S = 0.25


async def nothing(stage: Stage) -> None:
    """As it is."""


@dataclass(frozen=True)
class Story:
    """`prepare` is done before steps are counted, `act` is what is ended at each of them, `provoke` is what makes the
    next engine trade: called again and again until it does. `rests`: orders stay open when all is well. `earlier`: what
    an engine did that died before the one of this story, whose steps count from its start then."""

    name: str
    markets: tuple[str, ...]
    act: Part
    provoke: Part
    strategies: Strategies = field(default_factory=Strategies)
    symbols: tuple[str, ...] = ("BTC/USDT",)
    prepare: Part = nothing
    rests: bool = False
    earlier: Part | None = None


# ---------------------------------------------------------------------- what happens in them


def _world(stage: Stage) -> MortalWorld:
    assert isinstance(stage.world, MortalWorld)
    return stage.world


async def spread(stage: Stage) -> None:
    """Both legs are filled."""
    stage.world.spread(SPOT, OTHER)
    await stage.settled()


async def cheaper(stage: Stage) -> None:
    """Somebody sells for less than others pay; what they still offer is offered anew. Not while a deal is unequal: it
    is to find buyers."""
    world = _world(stage)
    if any(deal.residual() for deal in stage.ledger.deals.values()):
        return
    offer = world.offer
    if offer is None or offer.state is not OrderState.OPEN:
        world.offer = world.ask_down(SPOT)
    else:
        assert offer.price_ticks is not None
        world.other_cancels(SPOT, offer)
        left, price = offer.left_lots * offer.listing.lot_scale.step, offer.price_ticks * offer.listing.instrument.tick
        world.offer = world.other_order(SPOT, Side.SELL, left, price)


async def rejected(stage: Stage) -> None:
    """The second leg is rejected, and the first one hedged."""
    stage.before(0, lambda: stage.world.fault(OTHER, FaultKind.REJECT_ORDER))
    await spread(stage)


async def lost_answer(stage: Stage) -> None:
    """The second leg's answer is lost, with all reports of it."""
    stage.before(0, lambda: stage.world.fault(OTHER, FaultKind.LOST_ACK))
    stage.before(1, lambda: stage.world.fault(OTHER, FaultKind.LOST_REPORT, count=4))
    await spread(stage)


async def lost_request(stage: Stage) -> None:
    """The second leg never comes to its exchange, and nobody says so."""
    stage.before(0, lambda: stage.world.fault(OTHER, FaultKind.LOST_REQUEST))
    await spread(stage)


async def no_answer(stage: Stage) -> None:
    """As `lost_answer`, and both orders have just left."""
    stage.before(0, lambda: stage.world.fault(OTHER, FaultKind.LOST_ACK))
    stage.before(1, lambda: stage.world.fault(OTHER, FaultKind.LOST_REPORT, count=4))
    stage.world.spread(SPOT, OTHER)
    await stage.sent(2)


async def settled(stage: Stage) -> None:
    """What was open is over."""
    await stage.settled()


async def cycle(stage: Stage) -> None:
    """Three orders at one exchange."""
    stage.world.ask_down(SPOT)
    await stage.settled()


async def until_funded(stage: Stage) -> None:
    """A carry is not entered before."""
    await stage.until(lambda: stage.trader._funding.rates, why="funding rates")


async def enter_and_leave(stage: Stage) -> None:
    """A position is held, and closed when that pays."""
    stage.world.ask_down(SPOT)
    await stage.until(lambda: [one.state for one in stage.ledger.deals.values()] == [DealState.HOLDING], why="held")
    _world(stage).bid = stage.world.bid_up(SPOT, "0.8")
    await stage.settled()


async def cheaper_or_dearer(stage: Stage) -> None:
    """What makes it enter, or leave what it holds."""
    world = _world(stage)
    if any(deal.state is DealState.HOLDING for deal in stage.ledger.deals.values()):
        world.bid = world.bid_up(SPOT, "0.8")
        return
    if world.bid is not None and world.bid.state is OrderState.OPEN:
        world.other_cancels(SPOT, world.bid)
    await cheaper(stage)


async def take_a_quote(stage: Stage) -> None:
    """A quote is filled and hedged."""
    world = stage.world
    world.take(POST, world.desk(POST).open_orders(world.account(POST))[0])
    await stage.settled()


async def take_what_stands(stage: Stage) -> None:
    """Whatever quote there is."""
    world = stage.world
    if standing := world.desk(POST).open_orders(world.account(POST)):
        world.take(POST, standing[0])


async def requote(stage: Stage) -> None:
    """Both quotes follow the hedge's book."""
    desk, account = stage.world.desk(POST), stage.world.account(POST)
    first = {one.client_order_id for one in desk.open_orders(account)}
    stage.world.bid_up(HEDGE, "0.3")
    await stage.until(
        lambda: first.isdisjoint(now := {one.client_order_id for one in desk.open_orders(account)}) and len(now) == 2,
        why="both quotes are new",
    )


async def kill(stage: Stage) -> None:
    """Both quotes are cancelled."""
    desk, account = stage.world.desk(POST), stage.world.account(POST)
    stage.trader.kill("the story says so")
    stage.world.witness.killed = "the story says so"
    await stage.until(lambda: not desk.open_orders(account), why="cancelled")
    await stage.until(lambda: all(one.is_over for one in stage.ledger.orders.values()), why="told to be cancelled")


MAKER = {"markets": (POST, HEDGE), "strategies": MAKES, "prepare": quotes, "provoke": take_what_stands, "rests": True}
STORIES = {
    story.name: story
    for story in (
        Story("cross", (SPOT, OTHER), spread, cheaper),
        Story("hedge", (SPOT, OTHER), rejected, cheaper),
        Story("lost-answer", (SPOT, OTHER), lost_answer, cheaper),
        Story("lost-request", (SPOT, OTHER), lost_request, cheaper),
        Story("cycle", (SPOT,), cycle, cheaper, strategies=CYCLES, symbols=TRIANGLE),
        Story("carry", (SPOT, PERPETUAL), enter_and_leave, cheaper_or_dearer, strategies=HOLDS, prepare=until_funded),
        Story("quote", act=take_a_quote, **MAKER),  # type: ignore[arg-type]
        Story("requote", act=requote, **MAKER),  # type: ignore[arg-type]
        Story("kill", act=kill, **MAKER),  # type: ignore[arg-type]
        Story("recovery", (SPOT, OTHER), settled, cheaper, earlier=no_answer),
    )
}


# ---------------------------------------------------------------------- playing them


async def play(story: Story, at: int | str, place: Path) -> tuple[list[str], float]:
    """One story, ended at its step `at` as `Life` has it, or where it is over. Gives its steps until then in words, and
    after how many seconds the next engine has sent an order that is no hedge.

    Raises AssertionError for what does not hold.
    """
    folders = [place / name for name in ("first", "second", "third")]
    async with mortal(folders[0], *story.markets, symbols=story.symbols) as world:
        if story.earlier is not None:
            await world.live(folders[0], folders[1], 0, story.earlier, strategies=story.strategies)
            del folders[0]
        counts = story.earlier is not None
        steps = await world.live(
            folders[0], folders[1], at, _counted(story), counts=counts, strategies=story.strategies
        )
        try:
            return steps, await _go_on(story, world, folders[1])
        except BaseException as error:
            error.add_note(f"{story.name}, ended at step {len(steps)}: {steps[-1] if steps else 'none'}")
            raise


def _counted(story: Story) -> Part:
    async def act(stage: Stage) -> None:
        await story.prepare(stage)
        _world(stage).witness.life.counts = True
        await story.act(stage)

    return act


async def _go_on(story: Story, world: MortalWorld, folder: Path) -> float:
    """What the next engine makes of it; where the one before was killed for good, the one after a person has lifted
    that."""
    kill_file = folder / FILE
    if kill_file.exists():
        async with engine(world, folder=folder, strategies=story.strategies) as stage:
            await story.provoke(stage)
            await stage.until(lambda: stage.trader.desk.switches.kill, why="it heeds the file")
            await check(stage, armed=False, killed=True)
            assert not any(one.purpose in ADDS_RISK for one in _sent(stage)), "it trades though it was killed"
        kill_file.unlink()
    world.witness.killed = ""
    began_s = time.monotonic()
    async with engine(world, folder=folder, strategies=story.strategies) as stage:
        took_s = await _trades(story, stage, began_s)
        if story.rests:
            await stage.trader.stop("enough")
        await check(stage, armed=not story.rests)
    return took_s


async def _trades(story: Story, stage: Stage, began_s: float) -> float:
    """After how many seconds an order is sent that is no hedge. Returns when its deal has come to its end, or holds."""
    took_s = 0.0
    while not _is_done(stage):
        await story.provoke(stage)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROVOKE_EVERY_S):
                while not _is_done(stage):
                    took_s = took_s or (time.monotonic() - began_s if _sent(stage) else 0.0)
                    await asyncio.sleep(0.002)
        late_s = time.monotonic() - began_s
        assert took_s or late_s < TRADES_WITHIN_S, f"it sends nothing within {TRADES_WITHIN_S} s; {stage.picture()}"
        assert late_s < SETTLES_WITHIN_S, f"it settles nothing within {SETTLES_WITHIN_S} s; {stage.picture()}"
    return took_s


def _sent(stage: Stage) -> list[OrderIntended]:
    """By this engine, but for hedges."""
    return [one for one in stage.heard if isinstance(one, OrderIntended) and one.purpose is not Purpose.HEDGE]


def _is_done(stage: Stage) -> bool:
    entered = {one.deal for one in _sent(stage) if one.purpose in ADDS_RISK}
    held = {number for number, deal in stage.ledger.deals.items() if deal.state is DealState.HOLDING}
    settled = {one.deal for one in stage.ledger.settled if one.outcome is not DealOutcome.MISSED}
    return bool(entered & held or {one.deal for one in _sent(stage)} & settled)


def play_all(names: list[str], at: int | str = 0) -> int:
    """Stories at each of their steps, or at one. Prints what does not hold; gives how many times something did not."""
    failed, worst_s, played = 0, 0.0, 0
    for name in names or STORIES:
        reaches, place = True, at or 1
        while reaches:
            played += 1
            with tempfile.TemporaryDirectory() as folder:
                try:
                    steps, took_s = asyncio.run(play(STORIES[name], place, Path(folder)))
                except AssertionError as error:
                    failed += 1
                    print("\n".join([f"FAILED {name} {place}: {error}", *error.__notes__]), flush=True)
                    reaches = not any(ENDED in note for note in error.__notes__)
                else:
                    worst_s, reaches = max(worst_s, took_s), steps[-1:] != [ENDED]
            if at:
                break
            place += 1  # type: ignore[operator]  # a number where it is not one step alone
        print(f"{name}: {place if at else place - 1} engines", flush=True)
    print(f"{played} engines ended, {failed} times something did not hold; sends again after {worst_s:.2f} s at worst")
    return failed
