"""What MEXC's two order codecs share: which orders make sense."""

from __future__ import annotations

from typing import NoReturn

from oneprice.errors import InvalidOrderError, NotSupported, Outcome
from oneprice.model import NewOrder, OrderRef
from oneprice.venues.kit import nonsense


def require_sense(order: NewOrder, market: str) -> None:
    """Raises InvalidOrderError (NOT_SENT) for an order that no venue could take."""
    why = nonsense(order)
    if why:
        _refuse(market, why)


def unsupported(market: str, what: str) -> NotSupported:
    """The error for what MEXC does not have."""
    return NotSupported(f"{market}: {what}")


def require_id(ref: OrderRef, market: str) -> None:
    """Raises InvalidOrderError (NOT_SENT) for a reference without any id."""
    if not ref.venue_order_id and not ref.client_order_id:
        _refuse(market, "an order is named by its venue's id or by ours, and neither is given")


def _refuse(market: str, why: str) -> NoReturn:
    raise InvalidOrderError(market, why, code="ours", outcome=Outcome.NOT_SENT)
