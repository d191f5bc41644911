"""What is known of an order by its having been sent, and by the answer or the error that came."""

from __future__ import annotations

from oneprice.errors import DuplicateOrderError, ExchangeAPIError, NetworkError, Outcome
from oneprice.exchange.following import Following
from oneprice.exchange.view import OrderView
from oneprice.model import NewOrder, Order, OrderRef, OrderStatus


class Conclusions:
    """Of one account, by its VENUE-MARKET `name`. What they change is told to who follows it."""

    def __init__(self, name: str, view: OrderView, following: Following) -> None:
        self._name, self._view, self._following = name, view, following

    def require_new(self, order: NewOrder) -> None:
        """An id is sent once: some venues would take it for another order. Raises DuplicateOrderError, unsent."""
        if self._view.has(order.client_order_id):
            told = f"an order {order.client_order_id!r} was sent before; `find` looks for it. Not sent"
            raise DuplicateOrderError(self._name, told, outcome=Outcome.NOT_SENT)

    def placed(self, order: NewOrder, told: Order | None) -> Order:
        """What is known after an answer."""
        ref = OrderRef(listing=order.listing, client_order_id=order.client_order_id)
        told = told or Order(listing=order.listing, venue_order_id="", status=OrderStatus.NEW)
        return self._following.told(told, ref)

    def failed(self, order: NewOrder, error: NetworkError | ExchangeAPIError) -> None:
        """Keep what an error proves, and no more. A duplicate proves that the venue has an order of this name."""
        if error.outcome is Outcome.NOT_SENT:
            self._view.drop(order.client_order_id)
            return
        is_refused = error.outcome is Outcome.REJECTED and not isinstance(error, DuplicateOrderError)
        status = OrderStatus.REJECTED if is_refused else OrderStatus.UNKNOWN
        self.settle(order, status, str(error))

    def settle(self, order: NewOrder | OrderRef, status: OrderStatus, reason: str) -> None:
        """Our own conclusion about an order that the venue has told nothing of."""
        settled = self._view.settle(order.client_order_id, status, reason)
        if settled is not None:
            self._following.tell_order(settled)
