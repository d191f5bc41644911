"""What every venue's order codec does alike: exact texts, and which orders make sense anywhere."""

from __future__ import annotations

import re
from decimal import Decimal

from oneprice.model import NewOrder, OrderType
from oneprice.venues.kit.account import CLIENT_ORDER_ID

CLIENT_ID = re.compile(CLIENT_ORDER_ID, re.ASCII)


def plain(value: Decimal) -> str:
    """Digits without exponent, and without zeros at the end, which a venue would count as decimals beyond its step."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." not in text or text[-1] != "0":
        return text
    return text.rstrip("0").rstrip(".")


def is_amount(value: Decimal | None) -> bool:
    """Whether it is a price or quantity that can be, or none at all."""
    return value is None or (value.is_finite() and value > 0)


def nonsense(order: NewOrder) -> str:
    """Why no venue could take the order; "" where one could. Ticks, lots and minimums are not looked at."""
    quantity, quote_quantity, price = order.quantity, order.quote_quantity, order.price
    if not CLIENT_ID.fullmatch(order.client_order_id):
        return f"client_order_id {order.client_order_id!r} is not of the form {CLIENT_ORDER_ID}"
    if not (is_amount(quantity) and is_amount(quote_quantity) and is_amount(price)):
        return f"quantity {quantity}, quote_quantity {quote_quantity} and price {price} must be above 0 where given"
    if order.type is OrderType.MARKET:
        if price is None and (quantity is None) != (quote_quantity is None):
            return ""
        return "a MARKET order takes no price, and either quantity or quote_quantity"
    if price is not None and quantity is not None and quote_quantity is None:
        return ""
    return f"a {order.type.name} order takes price and quantity, and no quote_quantity"
