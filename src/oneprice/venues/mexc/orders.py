"""What MEXC's two order codecs share: which orders make sense, and how numbers are written."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NoReturn

from oneprice.errors import InvalidOrderError, NotSupported, Outcome
from oneprice.model import NewOrder, OrderRef, OrderType
from oneprice.venues.kit import CLIENT_ORDER_ID

_CLIENT_ORDER_ID = re.compile(CLIENT_ORDER_ID, re.ASCII)


def plain(value: Decimal) -> str:
    """All its digits, never an exponent."""
    return format(value, "f")


def require_sense(order: NewOrder, market: str) -> None:
    """Raises InvalidOrderError (NOT_SENT) for an order that no venue could take."""
    if order.type is OrderType.MARKET:
        if order.price is not None:
            _refuse(market, "a market order has no price")
        if (order.quantity is None) == (order.quote_quantity is None):
            _refuse(market, "a market order has either a quantity or an amount in quote asset")
    elif order.price is None or order.quantity is None or order.quote_quantity is not None:
        _refuse(market, "a limit order has a price and a quantity, and no amount in quote asset")
    for value in (order.price, order.quantity, order.quote_quantity):
        if value is not None and not (value.is_finite() and value > 0):
            _refuse(market, f"{value} is no price or quantity")
    if not _CLIENT_ORDER_ID.fullmatch(order.client_order_id):
        _refuse(market, f"client_order_id {order.client_order_id!r} is not 1 to 28 of A-Z, a-z, 0-9, _ and -")


def unsupported(market: str, what: str) -> NotSupported:
    """The error for what MEXC does not have."""
    return NotSupported(f"{market}: {what}")


def require_id(ref: OrderRef, market: str) -> None:
    """Raises InvalidOrderError (NOT_SENT) for a reference without any id."""
    if not ref.venue_order_id and not ref.client_order_id:
        _refuse(market, "an order is named by its venue's id or by ours, and neither is given")


def _refuse(market: str, why: str) -> NoReturn:
    raise InvalidOrderError(market, why, code="ours", outcome=Outcome.NOT_SENT)
