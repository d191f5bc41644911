"""Why a deal brought what it did: expected against achieved, in parts that sum exactly to the change of balances."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from oneprice.ledger.deals import Deal, Split
from oneprice.ledger.exact import ONE, ZERO, exactly, share, total
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import LegOpened, ListingKnown
from oneprice.model import Side
from oneprice.model.deals import ADDS_RISK, Purpose

__all__ = ["Split", "split", "worth"]

Marks = Mapping[str, Decimal]
"""What one of an asset is worth in a deal's home asset, which is among them. Without a mark it counts as nothing."""


class _Leg:
    """A planned leg and what its own orders did. `cash`: quote that they moved, above 0 for both sides; `coins`
    likewise; `walked`: quote that was paid, or not got, behind the best price that a fill had."""

    __slots__ = ("cash", "coins", "filled", "listing", "planned", "walked")

    def __init__(self, planned: LegOpened) -> None:
        self.planned = planned
        self.filled = self.cash = self.coins = self.walked = ZERO
        self.listing: ListingKnown | None = None

    def take(self, order: TrackedOrder) -> None:
        """One of its orders, which has fills."""
        self.listing = order.listing
        self.filled += order.booked
        self.cash += order.booked_quote
        self.coins += order.coins
        self.walked += abs(order.booked_quote - (order.best or ZERO) * order.booked * order.listing.contract_size)

    def value(self, marks: Marks) -> Decimal:
        """What its trades have brought, coins at their mark, in home."""
        return ZERO if self.listing is None else _value(self.listing, self.planned.side, self.coins, self.cash, marks)


def split(deal: Deal, marks: Marks) -> Split:
    """The parts of what a deal's booked fills have brought.

    `achieved` is the change of all balances by the deal, and of the coins in its perpetual positions, at these marks.
    """
    with exactly():
        return _split(deal, {**marks, deal.opened.home: ONE})


def worth(amounts: Mapping[str, Decimal], marks: Marks) -> Decimal:
    """Of all, at marks. To be called `exactly`."""
    result = ZERO
    for asset, amount in amounts.items():
        result += amount * marks.get(asset, ZERO)
    return result


def _split(deal: Deal, marks: Marks) -> Split:
    opened = deal.opened
    changed, paid = deal.sums()
    achieved, expected = worth(changed, marks), opened.expected_net
    funding = total(amount * marks.get(asset, ZERO) for (_, asset), amount in deal.funding.items())
    legs, hedges, exits = _sorted(deal)
    part, whole = _alike(legs)
    price_moved, depth = _against_plan(legs, part, whole, marks)
    alike, hedge = _beyond(legs, part, whole, marks)
    if hedges:  # a plan of one leg expects its profit from the hedge; of two equal legs this is dust
        gross = share(opened.expected_gross, part, whole)
        hedge += _values(hedges, marks) + alike - price_moved - depth - gross
    price_moved += _values(exits, marks)
    fees = share(opened.expected_fees, part, whole) - worth(paid, marks)
    partial = share(expected, part, whole) - expected
    rounding = achieved - (expected + price_moved + depth + fees + partial + hedge + funding)
    return Split(expected, price_moved, depth, fees, partial, hedge, rounding, funding, achieved)


def _sorted(deal: Deal) -> tuple[list[_Leg], list[TrackedOrder], list[TrackedOrder]]:
    """The legs with what is theirs, and the other orders that have fills: hedges, and what closed a held position."""
    legs = [_Leg(planned) for planned in deal.opened.legs]
    hedges, exits = [], []
    for order in deal.orders:
        if order.booked:
            intent = order.intent
            if intent.purpose in ADDS_RISK and 0 <= intent.leg < len(legs):
                legs[intent.leg].take(order)
            elif intent.purpose is Purpose.EXIT:
                exits.append(order)
            else:
                hedges.append(order)
    return legs, hedges, exits


def _alike(legs: list[_Leg]) -> tuple[Decimal, Decimal]:
    """The part of the plan that all legs filled, as a fraction: `(part, whole)`, at most the whole."""
    part, whole = ONE, ONE
    for leg in legs:
        planned = leg.planned.quantity
        if leg.filled * whole < part * planned:
            part, whole = leg.filled, planned
    return part, whole


def _against_plan(legs: list[_Leg], part: Decimal, whole: Decimal, marks: Marks) -> tuple[Decimal, Decimal]:
    """Of the part that all legs filled: how its price differs from the plan's, as `(price_moved, depth)` in home."""
    price_moved = depth = ZERO
    for leg in legs:
        planned, listing = leg.planned, leg.listing
        if not part or listing is None:
            continue
        mine, all_of_mine = part * planned.quantity, whole * leg.filled
        cash, expected = share(leg.cash, mine, all_of_mine), share(planned.value, part, whole)
        better = expected - cash if planned.side is Side.BUY else cash - expected
        deeper = ZERO
        if planned.best:
            reckoned = abs(planned.value - planned.best * planned.quantity * listing.contract_size)
            deeper = share(reckoned, part, whole) - share(leg.walked, mine, all_of_mine)
        mark = marks.get(listing.quote, ZERO)
        price_moved += (better - deeper) * mark
        depth += deeper * mark
    return price_moved, depth


def _beyond(legs: list[_Leg], part: Decimal, whole: Decimal, marks: Marks) -> tuple[Decimal, Decimal]:
    """What the part that all legs filled has brought, and what legs filled beyond it has; coins at marks, in home."""
    alike = beyond = ZERO
    for leg in legs:
        if leg.filled:
            value = leg.value(marks)
            same = share(value, part * leg.planned.quantity, whole * leg.filled)
            alike += same
            beyond += value - same
    return alike, beyond


def _values(orders: list[TrackedOrder], marks: Marks) -> Decimal:
    return total(_value(order.listing, order.intent.side, order.coins, order.booked_quote, marks) for order in orders)


def _value(listing: ListingKnown, side: Side, coins: Decimal, cash: Decimal, marks: Marks) -> Decimal:
    """What a trade has brought, with its coins at their mark."""
    got, paid = coins * marks.get(listing.base, ZERO), cash * marks.get(listing.quote, ZERO)
    return got - paid if side is Side.BUY else paid - got
