"""Reduce-only orders: together they never come to more than the position that they close."""

from __future__ import annotations

from decimal import Decimal

from oneprice.ledger.exact import ZERO, minus, plus, times
from oneprice.model import Side, SymbolInfo
from oneprice.trade.paper.money import PerpetualMoney, SpotMoney
from oneprice.trade.paper.orders import Orders, PaperOrder


def room(money: SpotMoney | PerpetualMoney, orders: Orders, listing: SymbolInfo, side: Side) -> Decimal:
    """Contracts that one more reduce-only order may have."""
    left = _closable(money, listing, side)
    for order in _reducing(orders, listing, side):
        left = minus(left, order.left)
    return max(ZERO, left)


def excess(money: PerpetualMoney, orders: Orders, listing: SymbolInfo) -> list[tuple[PaperOrder, Decimal]]:
    """Orders that have become too large, newest first, with what each may still have."""
    found = []
    for side in Side:
        reducing = _reducing(orders, listing, side)
        over = _closable(money, listing, side).copy_negate()
        for order in reducing:
            over = plus(over, order.left)
        for order in reversed(reducing):
            if over <= 0:
                break
            cut = min(over, order.left)
            over = minus(over, cut)
            found.append((order, minus(order.left, cut)))
    return found


def _reducing(orders: Orders, listing: SymbolInfo, side: Side) -> list[PaperOrder]:
    return [order for order in orders.open_at(listing) if order.new.reduce_only and order.new.side is side]


def _closable(money: SpotMoney | PerpetualMoney, listing: SymbolInfo, side: Side) -> Decimal:
    """Contracts that orders of a side can close; none on spot."""
    if isinstance(money, SpotMoney):
        return ZERO
    return max(ZERO, times(money.quantity(listing), Decimal(-int(side))))
