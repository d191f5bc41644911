"""How much is traded: whole lots of every leg, inside the depth, above the minimums, at a profit to the last lot.

Every figure of a sized trade is worked out a second time here, in fractions, from the books and the rules alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, lcm
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.dialects import RAW, Change

from oneprice.core.describe import encode
from oneprice.core.specs import ListingSpec
from oneprice.core.states import Miss

ATTO = 10**18
PPB = 10**9
BUY, SELL = 1, -1
Levels = list[tuple[int, int]]


@dataclass(frozen=True)
class Place:
    """One listing: its rules and its book."""

    spec: ListingSpec
    bids: Levels
    asks: Levels

    def ladder(self, side: int) -> Levels:
        return self.asks if side == BUY else self.bids

    def value(self, side: int, lots: int) -> int | None:
        """Ticks times lots of taking `lots`; None when the depth ends before."""
        value = 0
        for ticks, available in self.ladder(side):
            taken = min(lots, available)
            value += ticks * taken
            lots -= taken
        return None if lots else value

    def worst(self, side: int, lots: int) -> int:
        """Ticks of the last level that `lots` reach."""
        for ticks, available in self.ladder(side):
            lots -= available
            if lots <= 0:
                return ticks
        raise AssertionError("the depth ends before")


@st.composite
def specs(draw: st.DrawFn, key: str, group: str = "x", small: bool = False) -> ListingSpec:
    lot = draw(st.sampled_from((10**14, 10**15, 25 * 10**14, 10**16, 3 * 10**15) if not small else (10**13, 10**14)))
    return ListingSpec(
        key=key,
        price_decimals=2,
        price_unit=1,
        quantity_decimals=5 if small else 3,
        quantity_unit=1,
        lot_base_atto=lot,
        value_unit_atto=lot // 100,
        price_factor=0.01,
        order_ticks=draw(st.sampled_from((1, 1, 1, 5))),
        order_lots=draw(st.sampled_from((1, 1, 2, 10))),
        min_lots=draw(st.sampled_from((1, 1, 1, 30))),
        min_value=draw(st.sampled_from((0, 0, 0, 10_000, 10**6))),
        max_value=draw(st.sampled_from((0, 0, 0, 50_000, 3 * 10**6) if not small else (0, 0, 200_000, 10**6))),
        fee_ppb=draw(st.sampled_from((0, 0, 1, 123_457, 1_000_000))),
        group=group,
    )


@st.composite
def places(draw: st.DrawFn, key: str, middle: int, group: str = "x", small: bool = False) -> Place:
    spec = draw(specs(key, group, small))
    middle += draw(st.integers(-40, 40))
    lots = st.integers(1, 5_000 if small else 500)
    gaps = st.lists(st.tuples(st.integers(1, 15), lots), min_size=1, max_size=5)
    sides = []
    for sign in (-1, 1):
        ticks, levels = middle, []
        for gap, quantity in draw(gaps):
            ticks += sign * gap
            levels.append((ticks, quantity))
        sides.append(levels)
    return Place(spec, *sides)


def hub_of(hub_class: Any, *listings: Place, min_net_bps: float = 0.0, cycle: Any = None) -> Any:
    """A hub with these live books."""
    hub = hub_class(msgspec.json.encode({"min_net_bps": min_net_bps}))
    hub.add_snapshot(encode(RAW.snapshot))
    for place in listings:
        hub.add_listing(msgspec.json.encode(place.spec))
    if cycle:
        hub.add_cycle(cycle)
    for number, place in enumerate(listings):
        sides = [
            [(f"{ticks}e-2", f"{lots}e-{place.spec.quantity_decimals}") for ticks, lots in side]
            for side in (place.bids, place.asks)
        ]
        body = RAW.body(Change("", 0, 1, sides[0], sides[1], True, 1))
        hub.on_snapshot(number, 0, body, 1)
        assert hub.state(number) == 0
    return hub


def check_orders(legs: Any, listings: tuple[Place, ...]) -> None:
    """Every order obeys its listing's rules and uses no more than the depth."""
    for number, side, limit, lots, value in legs:
        place = listings[number]
        spec = place.spec
        assert lots > 0
        assert lots % spec.order_lots == 0
        assert limit % spec.order_ticks == 0
        assert lots >= spec.min_lots
        assert value == place.value(side, lots)
        worst = place.worst(side, lots)
        assert abs(limit - worst) < spec.order_ticks
        assert limit >= worst if side == BUY else limit <= worst
        assert (value if side == BUY else limit * lots) >= spec.min_value
        assert not spec.max_value or value <= spec.max_value


def fee(amount: int, spec: ListingSpec) -> int:
    """Rounded against us."""
    return ceil(Fraction(amount * spec.fee_ppb, PPB))


def pair_net(buy: Place, sell: Place, base_atto: int) -> int:
    """What is left in quote, times 1e18, of buying and selling a base quantity."""
    bought = buy.value(BUY, base_atto // buy.spec.lot_base_atto)
    sold = sell.value(SELL, base_atto // sell.spec.lot_base_atto)
    assert bought is not None
    assert sold is not None
    paid, got = bought * buy.spec.value_unit_atto, sold * sell.spec.value_unit_atto
    return got - fee(got, sell.spec) - paid - fee(paid, buy.spec)


def profitable_base(buy: Place, sell: Place, edge: Fraction) -> int:
    """Base in atto up to which each further bit nets more than the edge."""
    total = 0
    asks = [(ticks, lots * buy.spec.lot_base_atto) for ticks, lots in buy.asks]
    bids = [(ticks, lots * sell.spec.lot_base_atto) for ticks, lots in sell.bids]
    while asks and bids:
        cost = Fraction(asks[0][0]) * (1 + Fraction(buy.spec.fee_ppb, PPB)) * edge
        if Fraction(bids[0][0]) * (1 - Fraction(sell.spec.fee_ppb, PPB)) <= cost:
            break
        step = min(asks[0][1], bids[0][1])
        total += step
        for side in (asks, bids):
            side[0] = (side[0][0], side[0][1] - step)
            if not side[0][1]:
                side.pop(0)
    return total


PAIRS = st.tuples(places("buy", 10_000), places("sell", 10_060))


@settings(max_examples=150)
@given(pair=PAIRS, min_net_bps=st.sampled_from((0.0, 0.0, 1.5)))
def test_a_pair_is_sized_exactly(both: tuple[Any, Any], pair: tuple[Place, Place], min_net_bps: float) -> None:
    buy, sell = pair
    edge = 1 + Fraction(min_net_bps) / 10_000
    base = profitable_base(buy, sell, edge)
    common = lcm(buy.spec.lot_base_atto * buy.spec.order_lots, sell.spec.lot_base_atto * sell.spec.order_lots)
    for hub_class in both:
        hub = hub_of(hub_class, buy, sell, min_net_bps=min_net_bps)
        found = [each for each in hub.opportunities() if each[0] == (0, 0, 1)]
        if not found:
            assert_missed(hub, base, common, pair)
            continue
        legs, gross_bps, net_bps, net_atto = found[0][4]
        check_orders(legs, pair)
        (_, _, _, bought, _), (_, _, _, sold, _) = legs
        quantity = bought * buy.spec.lot_base_atto
        assert quantity == sold * sell.spec.lot_base_atto
        assert quantity % common == 0
        assert quantity <= base
        assert net_atto == pair_net(buy, sell, quantity) > 0
        paid = legs[0][4] * buy.spec.value_unit_atto
        got = legs[1][4] * sell.spec.value_unit_atto
        assert gross_bps == float_of(Fraction(got, paid))
        assert net_bps == float_of(Fraction(got - fee(got, sell.spec), paid + fee(paid, buy.spec)))
        capped = [place.spec.max_value for place in pair if place.spec.max_value]
        if quantity + common <= base:
            assert capped


def float_of(ratio: Fraction) -> Any:
    """The ratio in basis points, to the last digits."""
    return Near((ratio - 1) * 10_000)


class Near:
    """Equal to floats that are the same to nine digits."""

    def __init__(self, value: Fraction) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, float)
        return abs(Fraction(other) - self.value) <= Fraction(1, 10**9) * max(1, abs(self.value))

    def __hash__(self) -> int:
        return hash(self.value)


def assert_missed(hub: Any, base: int, common: int, pair: tuple[Place, Place]) -> None:
    """There was a reason not to trade, and it is the one that is told."""
    told = [near for near in hub.near(10) if near[0] == (0, 0, 1)]
    assert told or hub.opportunities() or hub.near(10)
    if not told:
        return
    miss, listing = Miss(told[0][3]), told[0][4]
    spec = pair[listing].spec
    assert (miss is Miss.FEES) == (base == 0)
    if miss is Miss.LOT:
        assert base < common or any(place.spec.max_value for place in pair)
    elif miss is Miss.MIN_QUANTITY:
        assert spec.min_lots > 1
    elif miss is Miss.MIN_NOTIONAL:
        assert spec.min_value > 0
    else:
        assert miss is Miss.FEES


# ---------------------------------------------------------------------- cycles


def after_fee(place: Place, side: int, lots: int, value: int) -> int:
    """What a leg leaves in hand, in atto of the asset received."""
    gross = lots * place.spec.lot_base_atto if side == BUY else value * place.spec.value_unit_atto
    return gross - fee(gross, place.spec)


def spend(place: Place, side: int, amount: int) -> int:
    """Whole lots that an amount is, or buys down the ladder."""
    spec = place.spec
    if side == SELL:
        lots = amount // spec.lot_base_atto
    else:
        lots, left = 0, amount // spec.value_unit_atto
        for ticks, available in place.asks:
            taken = min(available, left // ticks)
            lots, left = lots + taken, left - taken * ticks
            if taken < available:
                break
    return lots - lots % spec.order_lots


def walk(cycle: list[tuple[Place, int]], lots: int) -> tuple[int, list[int]] | None:
    """Net in atto of the start asset, and the lots of every leg. None where a leg cannot be done."""
    amounts: list[int] = []
    hand = spent = 0
    for number, (place, side) in enumerate(cycle):
        if number:
            lots = spend(place, side, hand)
        value = place.value(side, lots)
        if not lots or value is None or place.spec.max_value and value > place.spec.max_value:
            return None
        if not number:
            spent = value * place.spec.value_unit_atto if side == BUY else lots * place.spec.lot_base_atto
        hand = after_fee(place, side, lots, value)
        amounts.append(lots)
    return hand - spent, amounts


LEGS = [(0, BUY), (1, BUY), (2, SELL)]  # quote -> X, X -> Y, Y -> quote
CYCLES = st.tuples(
    places("XQ", 500, "", small=True), places("YX", 300, "", small=True), places("YQ", 1_700, "", small=True)
)


@settings(max_examples=150)
@given(places_of=CYCLES)
def test_a_cycle_is_sized_exactly(both: tuple[Any, Any], places_of: tuple[Place, ...]) -> None:
    cycle = [(places_of[number], side) for number, side in LEGS]
    for hub_class in both:
        hub = hub_of(hub_class, *places_of, cycle=LEGS)
        for key, _, _, _, sized, _ in hub.opportunities():
            assert key == (1, 0, 0)
            legs, _, net_bps, net_atto = sized
            check_orders(legs, places_of)
            walked = walk(cycle, legs[0][3])
            assert walked is not None
            assert walked == (net_atto, [leg[3] for leg in legs])
            assert net_atto > 0
            assert net_bps > 0
            step = cycle[0][0].spec.order_lots
            depth = sum(lots for _, lots in cycle[0][0].asks)
            for lots in (legs[0][3] + step, *range(step, depth, max(1, depth // 30 // step) * step)):
                other = walk(cycle, lots)
                assert other is None or other[0] - net_atto <= dust(cycle)


def dust(cycle: list[tuple[Place, int]]) -> int:
    """What rounding each leg down to whole lots can cost, in atto of the start asset (the quote of all but YX)."""
    (first, _), (second, _), (third, _) = cycle
    whole_x = second.asks[-1][0] * second.spec.order_lots * second.spec.value_unit_atto
    whole_y = third.spec.order_lots * third.spec.lot_base_atto
    x_price, y_price = first.asks[-1][0], third.bids[0][0]
    return 2 * (whole_x * x_price + whole_y * y_price) // 100
