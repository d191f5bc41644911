"""A paper venue does not outlive the process: at the next start it is what the journal says that it was."""

from __future__ import annotations

from collections.abc import Iterable

from oneprice.ledger.ledger import Ledger
from oneprice.model import NewOrder, OrderStatus, SymbolInfo
from oneprice.trade.desk import listing_key
from oneprice.trade.paper.money import Held, PerpetualMoney
from oneprice.trade.paper.orders import PaperOrder
from oneprice.trade.paper.venue import PaperVenue


def resume(venue: PaperVenue, name: str, ledger: Ledger, listings: Iterable[SymbolInfo]) -> None:
    """Balances and positions as journaled. Orders that were open have ended, filled as far as is booked: what was not
    journaled has not happened here."""
    by_key = {listing_key(info): info for info in listings}
    venue.money.totals = {held.asset: held.total for held in ledger.holdings() if held.account == name}
    if isinstance(venue.money, PerpetualMoney):
        for key, known in ledger.positions.items():
            if key in by_key:
                venue.money.positions[by_key[key].venue_symbol] = Held(known.quantity, known.cost)
                venue.money.listings[by_key[key].venue_symbol] = by_key[key]
    for order in ledger.orders.values():
        info = by_key.get(order.intent.listing)
        if info is None or order.is_over or not (order.booked or order.venue_order_id):
            continue
        intent = order.intent
        new = NewOrder(
            listing=info,
            side=intent.side,
            client_order_id=intent.client_order_id,
            type=intent.type,
            quantity=intent.quantity,
            price=intent.price,
            time_in_force=intent.time_in_force,
            reduce_only=intent.reduce_only,
        )
        ended = PaperOrder(new, order.venue_order_id or intent.client_order_id, intent.quantity, intent.wall_ns)
        ended.filled, ended.filled_quote = order.booked, order.booked_quote
        venue.orders.end(ended, OrderStatus.CANCELED, "the paper venue was started anew")
