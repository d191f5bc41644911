"""How much of a spread can be taken: the depth of all legs, in whole lots of each, above every minimum. Exact.

Amounts of an asset are integers of 1e-18 ("atto"), so that lots, fees and values of different listings compare
without rounding; what must be rounded is rounded against us.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import NamedTuple

from oneprice.core.listing import Listing
from oneprice.core.specs import PPB, ListingSpec
from oneprice.core.states import Miss

BUY, SELL = 1, -1
LADDER_MAX = 200


class Leg(NamedTuple):
    """One order: whole lots at a limit. `value` is what the fills are worth, the sum of ticks times lots."""

    listing: int
    side: int
    limit_ticks: int
    lots: int
    value: int


class Sized(NamedTuple):
    """A trade of all legs. `net_atto`: what is left after fees, in quote (or start) asset times 1e18."""

    legs: tuple[Leg, ...]
    gross_bps: float
    net_bps: float
    net_atto: int


class Missed(NamedTuple):
    """Why nothing can be traded, and at which listing."""

    miss: Miss
    listing: int


def ladder(listing: Listing, side: int) -> Iterator[tuple[int, int]]:
    """`(ticks, lots)` that an order of `side` meets, best first: the top, then the book behind it."""
    top, spec = listing.top, listing.spec
    ticks, lots = (top.ask_ticks, top.ask_lots) if side == BUY else (top.bid_ticks, top.bid_lots)
    if not lots:
        return
    yield ticks, lots
    if not spec.depth:
        return
    book = listing.asks if side == BUY else listing.bids
    left = LADDER_MAX - 1
    for level, quantity in book.best(2 * LADDER_MAX):
        if left and (level > ticks if side == BUY else level < ticks):
            yield level, quantity
            left -= 1


def size_pair(buy_id: int, buy: Listing, sell_id: int, sell: Listing, edge: float) -> Sized | Missed:
    """Buy at one listing, sell the same base quantity at another, as deep as each lot still nets `edge` (a ratio)."""
    wanted = _profitable_base(buy, sell, edge)
    spec_buy, spec_sell = buy.spec, sell.spec
    step_buy, step_sell = (
        spec_buy.lot_base_atto * spec_buy.order_lots,
        spec_sell.lot_base_atto * spec_sell.order_lots,
    )
    common = step_buy * step_sell // gcd(step_buy, step_sell)
    wanted -= wanted % common
    for spec, listing, side in ((spec_buy, buy, BUY), (spec_sell, sell, SELL)):
        if wanted and spec.max_value:
            fill = _fill(listing, side, wanted // spec.lot_base_atto)
            assert fill is not None
            worst = fill[0] if side == BUY else next(ladder(listing, side))[0]
            wanted = min(wanted, spec.max_value // worst * spec.lot_base_atto)
            wanted -= wanted % common
    if not wanted:
        return Missed(Miss.LOT, buy_id if step_buy >= step_sell else sell_id)
    legs = []
    for number, listing, side in ((buy_id, buy, BUY), (sell_id, sell, SELL)):
        leg = _leg(number, listing, side, wanted // listing.spec.lot_base_atto)
        if isinstance(leg, Missed):
            return leg
        legs.append(leg)
    paid = legs[0].value * spec_buy.value_unit_atto
    got = legs[1].value * spec_sell.value_unit_atto
    cost = paid + _ceil_share(paid, spec_buy.fee_ppb)
    proceeds = got - _ceil_share(got, spec_sell.fee_ppb)
    return Sized((legs[0], legs[1]), _bps(got, paid), _bps(proceeds, cost), proceeds - cost)


def size_cycle(legs: list[tuple[int, Listing, int]]) -> Sized | Missed:
    """The start amount of a cycle that earns most, by search over lots of the first leg.

    Each leg spends what the leg before left after its fee, rounded down to whole lots. Profit as a function of size
    rises while every level nets, then falls: the search doubles until it stops rising, then narrows.
    """
    first_id, first, side = legs[0]
    deepest = sum(lots for _, lots in ladder(first, side))
    if first.spec.max_value and deepest:
        deepest = min(deepest, first.spec.max_value // next(ladder(first, side))[0])
    step = first.spec.order_lots
    low, high = 1, max(deepest // step, 1)
    while high - low > 2:
        third = (high - low) // 3
        left, right = _cycle_net(legs, (low + third) * step), _cycle_net(legs, (high - third) * step)
        if right is None or left is not None and left >= right:
            high = high - third
        else:
            low = low + third
    best, best_net = 0, 0
    for lots in range(low, high + 1):
        net = _cycle_net(legs, lots * step)
        if net is not None and net > best_net:
            best, best_net = lots * step, net
    if not best:
        return Missed(Miss.LOT, first_id)
    return _cycle_sized(legs, best)


def _profitable_base(buy: Listing, sell: Listing, edge: float) -> int:
    """Base quantity in atto that trades at a profit, level against level."""
    asks, bids = ladder(buy, BUY), ladder(sell, SELL)
    ask_rate, bid_rate = ask_factor(buy.spec), bid_factor(sell.spec)
    ask, bid = next(asks, None), next(bids, None)
    ask_left = ask[1] * buy.spec.lot_base_atto if ask else 0
    bid_left = bid[1] * sell.spec.lot_base_atto if bid else 0
    total = 0
    while ask and bid and bid[0] * bid_rate > ask[0] * ask_rate * edge:
        step = min(ask_left, bid_left)
        total += step
        ask_left -= step
        bid_left -= step
        if not ask_left:
            ask = next(asks, None)
            ask_left = ask[1] * buy.spec.lot_base_atto if ask else 0
        if not bid_left:
            bid = next(bids, None)
            bid_left = bid[1] * sell.spec.lot_base_atto if bid else 0
    return total


def bid_factor(spec: ListingSpec) -> float:
    """What one tick of a bid brings per base coin, after the fee. For ranking only."""
    return spec.price_factor * (1.0 - spec.fee_ppb / PPB)


def ask_factor(spec: ListingSpec) -> float:
    """What one tick of an ask costs per base coin, with the fee. For ranking only."""
    return spec.price_factor * (1.0 + spec.fee_ppb / PPB)


def _fill(listing: Listing, side: int, lots: int) -> tuple[int, int] | None:
    """`(limit ticks, value)` of taking `lots`; None when the depth ends before."""
    value = limit = 0
    for ticks, available in ladder(listing, side):
        taken = min(lots, available)
        value += ticks * taken
        limit = ticks
        lots -= taken
        if not lots:
            return limit, value
    return None


def _leg(number: int, listing: Listing, side: int, lots: int) -> Leg | Missed:
    fill = _fill(listing, side, lots)
    if fill is None:
        return Missed(Miss.LOT, number)
    return _order(number, listing, side, lots, *fill)


def _order(number: int, listing: Listing, side: int, lots: int, worst: int, value: int) -> Leg | Missed:
    """The order that fills down to the level `worst`, if the listing's rules allow it.

    A limit off the order tick is moved so that it still reaches that level. A sale's notional is counted at its
    limit, as venues do.
    """
    spec = listing.spec
    if lots < spec.min_lots:
        return Missed(Miss.MIN_QUANTITY, number)
    limit = worst - worst % spec.order_ticks if side == SELL else worst + -worst % spec.order_ticks
    if (value if side == BUY else limit * lots) < spec.min_value:
        return Missed(Miss.MIN_NOTIONAL, number)
    return Leg(number, side, limit, lots, value)


def _spend(listing: Listing, side: int, amount_atto: int) -> int:
    """Whole lots that `amount_atto` buys (quote) or is (base)."""
    spec = listing.spec
    if side == SELL:
        lots = amount_atto // spec.lot_base_atto
        return lots - lots % spec.order_lots
    lots, left = 0, amount_atto // spec.value_unit_atto
    for ticks, available in ladder(listing, BUY):
        taken = min(available, left // ticks)
        lots += taken
        left -= taken * ticks
        if taken < available:
            break
    return lots - lots % spec.order_lots


def _after_fee(listing: Listing, side: int, lots: int, value: int) -> int:
    """What a leg leaves in hand, in atto of the asset received."""
    spec = listing.spec
    gross = lots * spec.lot_base_atto if side == BUY else value * spec.value_unit_atto
    return gross - _ceil_share(gross, spec.fee_ppb)


def _cycle_fills(legs: list[tuple[int, Listing, int]], lots: int) -> list[tuple[int, int, int]] | None:
    """`(lots, limit, value)` of every leg when the first takes `lots`; None where depth, amount or a cap ends."""
    fills: list[tuple[int, int, int]] = []
    for index, (_, listing, side) in enumerate(legs):
        if index:
            before = legs[index - 1]
            lots = _spend(listing, side, _after_fee(before[1], before[2], fills[-1][0], fills[-1][2]))
        fill = _fill(listing, side, lots) if lots else None
        if fill is None or listing.spec.max_value and fill[1] > listing.spec.max_value:
            return None
        fills.append((lots, *fill))
    return fills


def _cycle_flow(legs: list[tuple[int, Listing, int]], fills: list[tuple[int, int, int]]) -> tuple[int, int]:
    """`(spent, received)` in atto of the start asset."""
    _, first, side = legs[0]
    lots, _, value = fills[0]
    spent = value * first.spec.value_unit_atto if side == BUY else lots * first.spec.lot_base_atto
    _, last, side = legs[-1]
    return spent, _after_fee(last, side, fills[-1][0], fills[-1][2])


def _cycle_net(legs: list[tuple[int, Listing, int]], lots: int) -> int | None:
    fills = _cycle_fills(legs, lots)
    if fills is None:
        return None
    spent, received = _cycle_flow(legs, fills)
    return received - spent


def _cycle_sized(legs: list[tuple[int, Listing, int]], lots: int) -> Sized | Missed:
    fills = _cycle_fills(legs, lots)
    assert fills is not None
    orders: list[Leg] = []
    fees = 1.0
    for (number, listing, side), (leg_lots, worst, value) in zip(legs, fills, strict=True):
        order = _order(number, listing, side, leg_lots, worst, value)
        if isinstance(order, Missed):
            return order
        orders.append(order)
        fees *= 1.0 - listing.spec.fee_ppb / PPB
    spent, received = _cycle_flow(legs, fills)
    return Sized(tuple(orders), (received / spent / fees - 1.0) * 1e4, _bps(received, spent), received - spent)


def _ceil_share(amount: int, ppb: int) -> int:
    return -(-amount * ppb // PPB)


def _bps(numerator: int, denominator: int) -> float:
    return (numerator / denominator - 1.0) * 1e4
