"""Reduce-only orders: together they never come to more than the position that they close."""

from oneprice.sim.accounts import Account
from oneprice.sim.engine import Side
from oneprice.sim.market import SimListing
from oneprice.sim.order_store import OrderStore
from oneprice.sim.orders import SimOrder


def closable(account: Account, listing: SimListing, side: Side) -> int:
    """Lots that orders of a side can close."""
    position = account.positions.get(listing.key)
    if position is None:
        return 0
    return max(0, -position.lots if side is Side.BUY else position.lots)


def room(store: OrderStore, account: Account, listing: SimListing, side: Side) -> int:
    """Lots that one more reduce-only order may have."""
    open_orders = store.open_orders(account, listing.key, side)
    taken = sum(order.left_lots for order in open_orders if order.reduce_only)
    return max(0, closable(account, listing, side) - taken)


def excess(store: OrderStore, account: Account, listing: SimListing) -> list[tuple[SimOrder, int]]:
    """Orders that have become too large, newest first, with the lots that each may still have."""
    found = []
    for side in Side:
        orders = [order for order in store.open_orders(account, listing.key, side) if order.reduce_only]
        over = sum(order.left_lots for order in orders) - closable(account, listing, side)
        for order in reversed(orders):
            if over <= 0:
                break
            cut = min(over, order.left_lots)
            over -= cut
            found.append((order, order.left_lots - cut))
    return found
