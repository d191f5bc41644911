"""Paper against the simulated exchange: the same orders on the same book come to the same."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sim.trading_room import PERPETUAL, RULES, Room
from tests.trade.paper_scene import BUY, FOK, GTC, IOC, SELL, TAKER, Scene

from oneprice.errors import InvalidOrderError
from oneprice.model import MarketKind, OrderRef, OrderStatus, Side, TimeInForce
from oneprice.sim import engine as sim
from oneprice.sim.accounts import Account
from oneprice.sim.orders import DeskRules, OrderState, Refused

SPOT, USDM = MarketKind
TICK, LOT = Decimal("0.1"), Decimal("0.001")
MIDDLE = 1_000
POST_ONLY = "post only"

Level = tuple[int, int]
Outcome = tuple[str, list[Level]]
"""In a word, and the matches as (ticks, lots)."""


class Command(NamedTuple):
    """An order; `ticks` None for a market order."""

    side: Side
    lots: int
    ticks: int | None
    tif: TimeInForce | str


levels = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 50)), min_size=1, max_size=6, unique_by=lambda one: one[0]
)
commands = st.builds(
    Command,
    st.sampled_from([BUY, SELL]),
    st.integers(60, 200),  # worth more than the minimum
    st.one_of(st.none(), st.integers(MIDDLE - 12, MIDDLE + 12), st.integers(MIDDLE - 12, MIDDLE + 12)),
    st.sampled_from([GTC, IOC, FOK, POST_ONLY]),
)
WORDS = {
    sim.PlaceStatus.FILLED: "filled",
    sim.PlaceStatus.EXPIRED: "ended",
    sim.PlaceStatus.REJECTED: "refused",
    sim.PlaceStatus.RESTING: "rests",
}
IN_FORCE = {
    GTC: sim.TimeInForce.GTC,
    IOC: sim.TimeInForce.IOC,
    FOK: sim.TimeInForce.FOK,
    POST_ONLY: sim.TimeInForce.POST_ONLY,
}


def sides(bids: Sequence[Level], asks: Sequence[Level]) -> tuple[list[Level], list[Level]]:
    """In ticks and lots, best first."""
    return (
        sorted(((MIDDLE - 1 - down, lots) for down, lots in bids), reverse=True),
        sorted((MIDDLE + up, lots) for up, lots in asks),
    )


def by_engine(bids: list[Level], asks: list[Level], story: Sequence[Command]) -> list[Outcome]:
    """On the simulated exchange's engine; what rests is cancelled after each."""
    engine = sim.Engine()
    for ticks, lots in bids:
        engine.place("maker", sim.Side.BUY, lots, ticks)
    for ticks, lots in asks:
        engine.place("maker", sim.Side.SELL, lots, ticks)
    trades: list[Level] = []
    engine.listeners.append(
        lambda event: trades.append((event.price_ticks, event.lots)) if isinstance(event, sim.TradePrint) else None
    )
    outcomes: list[Outcome] = []
    for one in story:
        trades.clear()
        side = sim.Side.BUY if one.side is BUY else sim.Side.SELL
        tif = sim.TimeInForce.IOC if one.ticks is None else IN_FORCE[one.tif]
        placed = engine.place("us", side, one.lots, one.ticks, tif)
        engine.cancel(placed.order_id)
        outcomes.append((WORDS[placed.status], list(trades)))
    return outcomes


async def on_paper(scene: Scene, story: Sequence[Command]) -> list[Outcome]:
    """The same with a paper account."""
    outcomes: list[Outcome] = []
    for one in story:
        scene.events.clear()
        is_post_only = one.tif == POST_ONLY and one.ticks is not None
        tif = one.tif if isinstance(one.tif, TimeInForce) and one.ticks is not None else GTC
        price = None if one.ticks is None else one.ticks * TICK
        try:
            order = await scene.place(one.side, one.lots * LOT, price, tif, post_only=is_post_only)
        except InvalidOrderError:
            outcomes.append(("refused", []))
            continue
        word = "rests"
        if order.is_over:
            word = "filled" if order.status is OrderStatus.FILLED else "ended"
        else:
            await scene.account.cancel(OrderRef(listing=scene.info, venue_order_id=order.venue_order_id))
        outcomes.append((word, [(int(fill.price / TICK), int(fill.quantity / LOT)) for fill in scene.fills]))
    return outcomes


@settings(max_examples=80)
@given(levels, levels, st.lists(commands, min_size=1, max_size=12))
def test_limit_market_and_post_only_orders_on_a_still_book(
    bids: list[Level], asks: list[Level], story: list[Command]
) -> None:
    own_bids, own_asks = sides(bids, asks)

    async def play(scene: Scene) -> None:
        scene.show([(t * TICK, n * LOT) for t, n in own_bids], [(t * TICK, n * LOT) for t, n in own_asks])
        assert await on_paper(scene, story) == by_engine(own_bids, own_asks, story)

    Scene(SPOT, funds={"USDT": Decimal(10**9), "BTC": Decimal(10**6)}, latency_ms=1.0, min_notional=Decimal(0)).play(
        play
    )


# ---------------------------------------------------------------------- reduce-only, on the perpetual desk


class Close(NamedTuple):
    """An order on a perpetual that takes at once."""

    side: Side
    lots: int
    ticks: int
    tif: TimeInForce
    reduce_only: bool


closings = st.builds(
    Close,
    st.sampled_from([BUY, SELL]),
    st.integers(1, 40),
    st.integers(MIDDLE - 5, MIDDLE + 5),
    st.sampled_from([IOC, FOK]),
    st.booleans(),
)


def by_desk(room: Room, account: Account, one: Close) -> tuple[str, Decimal]:
    """In a word, and what was filled."""
    side = sim.Side.BUY if one.side is BUY else sim.Side.SELL
    try:
        order = room.place(
            account,
            side,
            str(one.lots),
            str(one.ticks * TICK),
            IN_FORCE[one.tif],
            reduce_only=one.reduce_only,
        )
    except Refused:
        return "refused", Decimal(0)
    return ("filled" if order.state is OrderState.FILLED else "ended"), Decimal(order.filled_lots)


async def on_paper_perpetual(scene: Scene, one: Close) -> tuple[str, Decimal]:
    try:
        order = await scene.place(one.side, one.lots, one.ticks * TICK, one.tif, reduce_only=one.reduce_only)
    except InvalidOrderError:
        return "refused", Decimal(0)
    assert order.filled_quantity is not None
    return ("filled" if order.status is OrderStatus.FILLED else "ended"), order.filled_quantity


@settings(max_examples=60)
@given(levels, levels, st.lists(closings, min_size=1, max_size=15))
def test_positions_fees_and_reduce_only_orders_on_a_still_book(
    bids: list[Level], asks: list[Level], story: list[Close]
) -> None:
    own_bids, own_asks = sides(bids, asks)
    room = Room(PERPETUAL, DeskRules(maker_fee=TAKER, taker_fee=TAKER, leverage_default=10, fee_decimals=18))
    assert RULES.leverage_default == 10
    for ticks, lots in own_bids:
        room.house(sim.Side.BUY, str(lots), str(ticks * TICK))
    for ticks, lots in own_asks:
        room.house(sim.Side.SELL, str(lots), str(ticks * TICK))

    async def play(scene: Scene) -> None:
        scene.show([(t * TICK, n) for t, n in own_bids], [(t * TICK, n) for t, n in own_asks])
        for one in story:
            assert await on_paper_perpetual(scene, one) == by_desk(room, room.ann, one)
            position = room.ann.position("BTC/USDT:USDT")
            held = await scene.account.positions()
            assert sum(one.quantity for one in held) == position.lots
            assert (await scene.balance("USDT"))[0] == room.free(room.ann)

    scene = Scene(USDM, funds={"USDT": Decimal(10_000)}, latency_ms=1.0, contract_size=Decimal("0.1"))
    scene.play(play)
