"""Whether an order may be sent as it is: by the listing's rules, before a byte leaves."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from oneprice.errors import InvalidOrderError, NotSupported, Outcome
from oneprice.model import MarketKind, NewOrder, OrderType
from oneprice.venues.kit import CLIENT_ORDER_ID

_CLIENT_ORDER_ID = re.compile(CLIENT_ORDER_ID, re.ASCII)


def require_legal(order: NewOrder) -> None:
    """Raises InvalidOrderError with outcome NOT_SENT, naming the rule that is broken and its figure."""
    try:
        is_legal = _is_plainly_legal(order)
    except InvalidOperation:  # a number with more digits than any listing has steps
        is_legal = False
    if not is_legal:
        _find_fault(order)


def _is_plainly_legal(order: NewOrder) -> bool:
    """The common case in one look: an order with a price and a quantity that breaks no rule."""
    listing, price, quantity = order.listing, order.price, order.quantity
    return (
        price is not None
        and quantity is not None
        and order.quote_quantity is None
        and order.type is not OrderType.MARKET
        and not order.reduce_only
        and listing.tradable
        and price.is_finite()
        and quantity.is_finite()
        and price > 0
        and quantity > 0
        and quantity >= listing.min_quantity
        and not price % listing.tick_size
        and not quantity % listing.lot_size
        and (listing.max_quantity is None or quantity <= listing.max_quantity)
        and price * quantity * listing.contract_size >= listing.min_notional
        and _CLIENT_ORDER_ID.fullmatch(order.client_order_id) is not None
    )


def _find_fault(order: NewOrder) -> None:
    listing = order.listing
    if not _CLIENT_ORDER_ID.fullmatch(order.client_order_id):
        raise _illegal(order, f"client_order_id {order.client_order_id!r} must be {CLIENT_ORDER_ID}")
    if not listing.tradable:
        raise _illegal(order, f"it is not tradable ({listing.status or 'no reason told'})")
    if order.reduce_only and listing.market is MarketKind.SPOT:
        raise NotSupported(f"{listing.venue}-{listing.market.value}: reduce_only is for perpetuals; not sent")
    _require_price(order)
    if order.quote_quantity is not None:
        if order.quantity is not None or order.type is not OrderType.MARKET:
            raise _illegal(order, "quote_quantity is for MARKET orders, instead of quantity")
        if not order.quote_quantity.is_finite() or not order.quote_quantity > 0:
            raise _illegal(order, f"quote_quantity {order.quote_quantity} must be above 0")
        if order.quote_quantity < listing.min_notional:
            raise _illegal(order, f"quote_quantity {order.quote_quantity} is below min_notional {listing.min_notional}")
    else:
        _require_quantity(order)


def _require_price(order: NewOrder) -> None:
    price, tick = order.price, order.listing.tick_size
    if order.type is OrderType.MARKET:
        if price is not None:
            raise _illegal(order, f"a MARKET order has no price, got {price}")
    elif price is None or not price.is_finite() or not price > 0:
        raise _illegal(order, f"price {price} must be above 0")
    elif not _is_multiple(price, tick):
        raise _illegal(order, f"price {price} is no multiple of tick_size {tick}")


def _require_quantity(order: NewOrder) -> None:
    listing, quantity = order.listing, order.quantity
    if quantity is None or not quantity.is_finite() or not quantity > 0:
        raise _illegal(order, f"quantity {quantity} must be above 0")
    if not _is_multiple(quantity, listing.lot_size):
        raise _illegal(order, f"quantity {quantity} is no multiple of lot_size {listing.lot_size}")
    if quantity < listing.min_quantity:
        raise _illegal(order, f"quantity {quantity} is below min_quantity {listing.min_quantity}")
    if listing.max_quantity is not None and quantity > listing.max_quantity:
        raise _illegal(order, f"quantity {quantity} is above max_quantity {listing.max_quantity}")
    if order.price is not None and not order.reduce_only:
        notional: Decimal = order.price * quantity * listing.contract_size
        if notional < listing.min_notional:
            raise _illegal(order, f"its worth of {notional} is below min_notional {listing.min_notional}")


def _is_multiple(value: Decimal, step: Decimal) -> bool:
    try:
        return not value % step
    except InvalidOperation:  # more than 28 digits of steps
        return False


def _illegal(order: NewOrder, why: str) -> InvalidOrderError:
    listing = order.listing
    name = f"{listing.venue}-{listing.market.value}"
    return InvalidOrderError(name, f"{listing.symbol} {order.side.name}: {why}; not sent", outcome=Outcome.NOT_SENT)
