"""The orders and fills of a paper account: what a venue remembers of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from decimal import Decimal

from oneprice.ledger.exact import ZERO
from oneprice.model import Fill, NewOrder, Order, OrderRef, OrderStatus, SymbolInfo
from oneprice.trade.paper.money import Wish, worth_of

ENDED_KEPT = 10_000
FILLS_KEPT = 50_000


class PaperOrder:
    """An order that was taken. `total`: what it is to be, `left`: what may still fill; in the listing's unit."""

    __slots__ = (
        "created_ns",
        "filled",
        "filled_quote",
        "left",
        "new",
        "reason",
        "status",
        "total",
        "updated_ns",
        "venue_id",
    )

    def __init__(self, new: NewOrder, venue_id: str, total: Decimal, now_ns: int) -> None:
        self.new, self.venue_id = new, venue_id
        self.total = self.left = total
        self.status, self.reason = OrderStatus.NEW, ""
        self.filled = self.filled_quote = ZERO
        self.created_ns = self.updated_ns = now_ns

    def told(self) -> Order:
        """As a venue tells it."""
        new = self.new
        return Order(
            listing=new.listing,
            venue_order_id=self.venue_id,
            client_order_id=new.client_order_id,
            status=self.status,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force,
            price=new.price,
            quantity=self.total,
            quote_quantity=new.quote_quantity,
            filled_quantity=self.filled,
            filled_quote=self.filled_quote,
            reduce_only=new.reduce_only,
            reason=self.reason,
            time_ns=self.updated_ns,
            created_ns=self.created_ns,
        )

    def wish(self) -> Wish:
        """What is left of it, as money sees it. Only orders with a price rest."""
        new = self.new
        assert new.price is not None, "a market order never rests"
        return Wish(new.listing, new.side, self.left, worth_of(new.listing, new.price, self.left), new.reduce_only)


class Orders:
    """Open ones in the order of their coming, the last that ended, and the last fills."""

    def __init__(self) -> None:
        self.open: dict[str, PaperOrder] = {}
        self.fills: deque[Fill] = deque(maxlen=FILLS_KEPT)
        self._ended: OrderedDict[str, PaperOrder] = OrderedDict()
        self._names: dict[str, str] = {}  # ours -> the venue's

    def add(self, order: PaperOrder) -> None:
        """A new one."""
        self.open[order.venue_id] = order
        self._names[order.new.client_order_id] = order.venue_id

    def end(self, order: PaperOrder, status: OrderStatus, reason: str) -> None:
        """It does nothing more."""
        order.status, order.reason = status, reason
        self.open.pop(order.venue_id, None)
        self._names[order.new.client_order_id] = order.venue_id
        self._ended[order.venue_id] = order
        if len(self._ended) > ENDED_KEPT:
            _, oldest = self._ended.popitem(last=False)
            self._names.pop(oldest.new.client_order_id, None)

    def find(self, ref: OrderRef) -> PaperOrder | None:
        """By the venue's id, else by ours."""
        venue_id = ref.venue_order_id or self._names.get(ref.client_order_id, "")
        return self.open.get(venue_id) or self._ended.get(venue_id)

    def open_at(self, listing: SymbolInfo) -> list[PaperOrder]:
        """Of one listing, oldest first."""
        return [order for order in self.open.values() if order.new.listing.venue_symbol == listing.venue_symbol]
