"""Whether what says that it only takes risk away does."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import ZERO
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.orders import TrackedOrder
from oneprice.model import Side
from oneprice.model.deals import Plan, PlanLeg, Purpose
from oneprice.trade.case import Case
from oneprice.trade.figures import Figures, signed


def reduces(case: Case) -> str:
    """Each leg takes away from what its deal leaves unequal, from what it holds, or from what earlier deals carried.

    Open orders of the deal that do the same are counted as if they had."""
    plan, ledger = case.plan, case.ledger
    deal = ledger.deals.get(plan.deal)
    for leg, figures, _, _ in case.items:
        if leg.purpose is Purpose.HEDGE:
            text = _hedges(ledger, plan, deal, leg, figures)
        else:
            text = _closes(ledger, deal, leg, figures)
            if text and not _hedges(ledger, plan, deal, leg, figures):
                text = ""
        if text:
            return f"{figures.book.name}: {text}"
    return ""


def shrinks_there(ledger: Ledger, plan: Plan, leg: PlanLeg, figures: Figures) -> bool:
    """Whether a leg leaves less at its account than there was: a smaller position, fewer coins, or coins back that the
    deal had sold there."""
    if not figures.is_spot:
        held = ledger.position(figures.key)
        return held * int(leg.side) < 0 and leg.quantity <= abs(held)
    if leg.side is Side.SELL:
        return True
    deal = ledger.deals.get(plan.deal)
    sold = ZERO if deal is None else -_filled(deal.orders, figures.key)
    return leg.quantity <= sold


def _hedges(ledger: Ledger, plan: Plan, deal: Deal | None, leg: PlanLeg, figures: Figures) -> str:
    """The leg's coins take away what is left of the asset: no more is left than before, nor a whole lot of the other
    sign."""
    residual = _carried(ledger) if deal is None else deal.residual()
    coins = int(leg.side) * leg.lots * figures.lot_coins
    unequal = residual.get(figures.base, ZERO)
    out = ZERO if deal is None else _out(deal, figures.base, leg.side)
    before = unequal + out
    after = before + coins
    if before * coins >= 0 or abs(after) > abs(before) or after * before < 0 and abs(after) >= figures.lot_coins:
        whose = "earlier deals" if deal is None else f"deal {plan.deal}"
        what = f"{signed(coins)} {figures.base} take nothing away"
        return f"{what}: {whose} left {signed(unequal)}, {signed(out)} are on their way (only hedges what is unequal)"
    if figures.is_spot and figures.quote != plan.home:
        quote = -int(leg.side) * leg.price_ticks * leg.lots * figures.unit
        left = residual.get(figures.quote, ZERO)
        if abs(left + quote) > abs(left):
            what = f"{signed(quote)} {figures.quote} besides"
            return f"{what}, where {signed(left)} are left (only hedges what is unequal)"
    return ""


def _closes(ledger: Ledger, deal: Deal | None, leg: PlanLeg, figures: Figures) -> str:
    """The leg closes some of a position, or brings back what was bought or sold on spot."""
    quantity = int(leg.side) * leg.quantity
    if not figures.is_spot:
        held = ledger.position(figures.key) if deal is None else deal.positions().get(figures.key, ZERO)
        orders: Iterable[TrackedOrder] = ledger.orders.values() if deal is None else deal.orders
        left = held + _left(orders, figures.key, leg.side)
        if left * quantity < 0 and abs(quantity) <= abs(left):
            return ""
        return f"{signed(quantity)} close nothing of {signed(left)} contracts (only closes what is held)"
    coins = quantity * figures.contract_size * figures.multiplier
    if deal is None:
        if leg.side is Side.SELL and leg.purpose is Purpose.FLATTEN:
            return ""  # coins that are there; the balance decides how many
        return f"{signed(coins)} {figures.base} belong to no deal (only closes what is held)"
    spot = [one for one in deal.orders if one.listing.base == figures.base and not one.listing.is_perpetual]
    held = sum((_coins(one) for one in spot), ZERO)
    left = held + _out(deal, figures.base, leg.side, spot_only=True)
    kept = coins * (1 - leg.fee) if leg.side is Side.BUY else coins  # a buy's fee is paid in what it buys
    if left * coins < 0 and abs(kept) < abs(left) + figures.lot_coins:
        return ""  # the nearest lot is not a whole one too many
    return f"{signed(coins)} bring nothing back of {signed(left)} {figures.base} (only closes what is held)"


def _carried(ledger: Ledger) -> dict[str, Decimal]:
    """What settled deals have left, less what open ones are to net of it."""
    left = dict(ledger.carried)
    for deal in ledger.deals.values():
        if deal.nets:
            asset = deal.opened.group.partition("/")[0]
            left[asset] = left.get(asset, ZERO) + deal.nets
    return left


def _out(deal: Deal, asset: str, side: Side, *, spot_only: bool = False) -> Decimal:
    """Coins that the deal's open orders of that side may still move, signed."""
    total = ZERO
    for order in deal.orders:
        known, left = order.listing, order.left
        if left and order.intent.side is side and known.base == asset and not (spot_only and known.is_perpetual):
            total += left * known.contract_size * known.multiplier
    return total * int(side)


def _left(orders: Iterable[TrackedOrder], key: str, side: Side) -> Decimal:
    """Contracts that open orders of a listing and side may still move, signed."""
    return sum((int(side) * one.left for one in orders if one.intent.listing == key and one.intent.side is side), ZERO)


def _coins(order: TrackedOrder) -> Decimal:
    """What a spot order has moved, in coins, less what was paid in them as fees."""
    known = order.listing
    return order.moved * known.contract_size * known.multiplier - order.fees.get(known.base, ZERO)


def _filled(orders: Iterable[TrackedOrder], key: str) -> Decimal:
    """What is bought there, less what is sold."""
    return sum((one.moved for one in orders if one.intent.listing == key), ZERO)
