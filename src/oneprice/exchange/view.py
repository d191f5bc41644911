"""What is known of an account's orders and fills, whichever way and in whichever order it was told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from oneprice.model import Fill, NewOrder, Order, OrderRef, OrderStatus, SymbolInfo

ENDED_KEPT = 10_000
FILLS_KEPT = 50_000

_RANK = {
    OrderStatus.UNKNOWN: 0,
    OrderStatus.PENDING_NEW: 1,
    OrderStatus.NEW: 2,
    OrderStatus.PARTIALLY_FILLED: 3,
    OrderStatus.PENDING_CANCEL: 4,
    OrderStatus.REJECTED: 5,
    OrderStatus.EXPIRED: 5,
    OrderStatus.CANCELED: 5,
    OrderStatus.FILLED: 5,
}
"""An order's status never goes down. UNKNOWN is left by any evidence."""


class OrderView:
    """The orders of one account at one market. Messages may come late, twice or in any order: an ended order stays
    ended, what is filled never gets less, and each fill counts once.

    Open orders are kept for as long as they are open; of ended ones and of fills the last ENDED_KEPT and FILLS_KEPT.
    """

    def __init__(self) -> None:
        self._sent: dict[str, NewOrder] = {}  # of these the venue has told nothing yet
        self._open: dict[str, Order] = {}  # by client order id, or by the venue's where that is not ours
        self._ended: OrderedDict[str, Order] = OrderedDict()
        self._names: dict[tuple[str, str], str] = {}  # (venue symbol, venue order id) -> name in the tables
        self._fills: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._booked: OrderedDict[tuple[str, str], Decimal] = OrderedDict()  # by (venue symbol, venue order id)
        self.late_fills = 0

    @property
    def open(self) -> list[Order]:
        """Orders that are not known to be over, those of unknown outcome too."""
        return [_pending(one) for one in self._sent.values()] + list(self._open.values())

    def get(self, ref: OrderRef) -> Order | None:
        """What is known of an order."""
        name = self._name(ref.listing, ref.venue_order_id, ref.client_order_id)
        return self._known(name)

    def _known(self, name: str) -> Order | None:
        known = self._open.get(name) or self._ended.get(name)
        if known is None and (sent := self._sent.get(name)) is not None:
            return _pending(sent)
        return known

    def has(self, client_order_id: str) -> bool:
        """Whether an order of this name was sent, or told of."""
        return client_order_id in self._sent or client_order_id in self._open or client_order_id in self._ended

    def expect(self, order: NewOrder) -> None:
        """An order is about to be sent."""
        self._sent[order.client_order_id] = order

    def settle(self, client_order_id: str, status: OrderStatus, reason: str = "") -> Order | None:
        """Our own conclusion about an order that the venue has told nothing of: REJECTED or UNKNOWN.

        None when the venue has told of it meanwhile, which counts for more.
        """
        known = self._known(client_order_id)
        if known is None or known.status not in (OrderStatus.PENDING_NEW, OrderStatus.UNKNOWN):
            return None
        changed = msgspec.structs.replace(known, status=status, reason=reason)
        self._keep(client_order_id, changed)
        return changed

    def drop(self, client_order_id: str) -> None:
        """An order that was never sent."""
        self._sent.pop(client_order_id, None)

    def merge(self, told: Order) -> Order | None:
        """What is known now, if the message brought anything new; else None."""
        name = self._name(told.listing, told.venue_order_id, told.client_order_id)
        if told.client_order_id and name != told.client_order_id:
            held = self._known(name)
            if held is not None and held.client_order_id and self._known(told.client_order_id) is None:
                # A name that nobody knows does not replace a known one: it may be that of the cancel that ended it.
                told = msgspec.structs.replace(told, client_order_id=held.client_order_id)
            else:
                name = self._rename(name, told.client_order_id)
        if name in self._sent and _is_whole(told):
            merged = told  # the common case: the first that is told, and all that there is to tell
        else:
            known = self._known(name)
            if known is not None and told.venue_order_id and _is_our_conclusion(known):
                known = msgspec.structs.replace(known, status=OrderStatus.UNKNOWN, reason="")
            merged = told if known is None else _merged(known, told)
            if merged == known:
                return None
        self._keep(name, merged)
        return merged

    def book(self, fill: Fill) -> bool:
        """Whether this fill was not known yet. `late_fills` counts those that an order's end did not reckon with."""
        key = (fill.listing.venue_symbol, fill.venue_fill_id)
        if key in self._fills:
            return False
        self._fills[key] = None
        if len(self._fills) > FILLS_KEPT:
            self._fills.popitem(last=False)
        of_order = (fill.listing.venue_symbol, fill.venue_order_id)
        booked = self._booked[of_order] = self._booked.get(of_order, 0) + fill.quantity
        if len(self._booked) > FILLS_KEPT:
            self._booked.popitem(last=False)
        known = self.get(OrderRef(listing=fill.listing, venue_order_id=fill.venue_order_id))
        if known is not None and known.is_over and known.filled_quantity is not None:
            self.late_fills += booked > known.filled_quantity
        return True

    def missing(self, open_now: Iterable[Order], listing: SymbolInfo | None = None) -> list[Order]:
        """Orders that we hold for open and that a list of all open orders (of a listing) does not have."""
        seen = {self._name(one.listing, one.venue_order_id, one.client_order_id) for one in open_now}
        return [
            one
            for one in self.open
            if self._name(one.listing, one.venue_order_id, one.client_order_id) not in seen
            and (listing is None or one.listing.venue_symbol == listing.venue_symbol)
        ]

    # ---- inside

    def _name(self, listing: SymbolInfo, venue_order_id: str, client_order_id: str) -> str:
        by_venue = (listing.venue_symbol, venue_order_id)
        known = self._names.get(by_venue) if venue_order_id else None
        return known or client_order_id or f"{listing.venue_symbol}#{venue_order_id}"

    def _rename(self, name: str, client_order_id: str) -> str:
        """An order that was first told of by the venue's id alone turns out to be one of ours."""
        known = self._open.pop(name, None) or self._ended.pop(name, None)
        if known is not None:
            ours = self._known(client_order_id)
            known = known if ours is None else _merged(ours, known)
            self._keep(client_order_id, msgspec.structs.replace(known, client_order_id=client_order_id))
        return client_order_id

    def _keep(self, name: str, order: Order) -> None:
        self._sent.pop(name, None)
        if order.venue_order_id:
            self._names[(order.listing.venue_symbol, order.venue_order_id)] = name
        if not order.is_over:
            self._ended.pop(name, None)
            self._open[name] = order
            return
        self._open.pop(name, None)
        self._ended[name] = order
        self._ended.move_to_end(name)
        if len(self._ended) > ENDED_KEPT:
            _, oldest = self._ended.popitem(last=False)
            self._names.pop((oldest.listing.venue_symbol, oldest.venue_order_id), None)


def _pending(order: NewOrder) -> Order:
    """An order as we know it before the venue has told anything."""
    return Order(
        listing=order.listing,
        venue_order_id="",
        client_order_id=order.client_order_id,
        status=OrderStatus.PENDING_NEW,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        price=order.price,
        quantity=order.quantity,
        quote_quantity=order.quote_quantity,
        reduce_only=order.reduce_only,
    )


def _is_our_conclusion(known: Order) -> bool:
    """Whether it ended because we took it to: an order that the venue tells of nevertheless is as the venue says."""
    return known.status is OrderStatus.REJECTED and not known.venue_order_id


def _is_whole(told: Order) -> bool:
    """Whether nothing that we asked for would be lost by believing this message alone."""
    return (
        told.quantity is not None
        and told.side is not None
        and told.type is not None
        and told.filled_quantity is not None
        and told.client_order_id != ""
        and told.status is not OrderStatus.UNKNOWN
        and not told.fills
    )


def _merged(known: Order, told: Order) -> Order:
    """Both messages together. Of what both tell, the one that is further on is right."""
    told_rank, known_rank = _RANK[told.status], _RANK[known.status]
    told_filled, known_filled = told.filled_quantity, known.filled_quantity
    is_newer = told_rank > known_rank or (
        told_rank == known_rank and (told_filled or 0) >= (known_filled or 0) and told.time_ns >= known.time_ns
    )
    newer, older = (told, known) if is_newer else (known, told)
    fields = {
        name: value
        for name in _INHERITED
        if (value := getattr(newer, name)) in (None, "", 0) and (value := getattr(older, name)) not in (None, "")
    }
    if older.status is OrderStatus.UNKNOWN:
        fields.pop("reason", None)  # our own, for not knowing
    more = told if (told_filled or 0) > (known_filled or 0) else known
    fewer = known if more is told else told
    if more.filled_quantity is not None:
        fields["filled_quantity"] = more.filled_quantity
        same = more.filled_quantity == fewer.filled_quantity
        fields["filled_quote"] = more.filled_quote if more.filled_quote is not None or not same else fewer.filled_quote
    fields["fills"] = ()
    fields["time_ns"] = max(known.time_ns, told.time_ns)
    fields["created_ns"] = known.created_ns or told.created_ns
    return msgspec.structs.replace(newer, **fields)


_INHERITED = (
    "venue_order_id",
    "client_order_id",
    "side",
    "type",
    "time_in_force",
    "price",
    "quantity",
    "quote_quantity",
    "reduce_only",
    "reason",
)
