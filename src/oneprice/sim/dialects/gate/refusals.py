"""What Gate answers when it says no: labels, texts and HTTP statuses, for spot and for perpetuals.

Bodies are `{"label": .., "message": ..}`; some of the perpetuals' name the text `detail`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from oneprice.sim.dialects.gate.listed import name_of, plain
from oneprice.sim.market import SimListing
from oneprice.sim.orders import OrderState, Reason, Refused

__all__ = ["RefusedError", "futures_refusals", "invalid", "spot_refusals"]


class RefusedError(Exception):
    """An error the venue answers with; `status` is the HTTP status, `field` the name of the text in the body."""

    def __init__(self, label: str, message: str, status: int = 400, field: str = "message") -> None:
        super().__init__(message)
        self.label = label
        self.message = message
        self.status = status
        self.field = field

    @property
    def body(self) -> dict[str, object]:
        """As it goes out."""
        return {"label": self.label, self.field: self.message}


def invalid(name: str, value: object) -> RefusedError:
    """A parameter that cannot be used."""
    return RefusedError("INVALID_PARAM_VALUE", f"Invalid parameter `{name}` with value: {value}")


Words = Callable[[Refused, SimListing | None], RefusedError]


@contextmanager
def spot_refusals(listing: SimListing | None = None) -> Iterator[None]:
    """Turns the desk's refusals into spot's errors."""
    try:
        yield
    except Refused as refused:
        raise _SPOT[refused.reason](refused, listing) from refused


@contextmanager
def futures_refusals(listing: SimListing | None = None) -> Iterator[None]:
    """Turns the desk's refusals into the perpetuals' errors."""
    try:
        yield
    except Refused as refused:
        raise _FUTURES[refused.reason](refused, listing) from refused


def _fixed(label: str, message: str, status: int = 400, field: str = "message") -> Words:
    return lambda refused, listing: RefusedError(label, message, status, field)


def _with_detail(label: str, field: str = "message") -> Words:
    """The desk's own words, which say the figures."""
    return lambda refused, listing: RefusedError(label, refused.detail or refused.reason.value, 400, field)


def _too_small(refused: Refused, listing: SimListing | None) -> RefusedError:
    """As recorded: the order size is said in base when the base is too little, else in quote."""
    if listing is None:
        return RefusedError("INVALID_PARAM_VALUE", "Your order size is too small.")
    item = listing.instrument
    least = (
        f"{plain(item.min_notional)} {item.quote}"
        if refused.reason is Reason.MIN_NOTIONAL
        else f"{plain(item.min_quantity)} {item.base}"
    )
    return RefusedError("INVALID_PARAM_VALUE", f"Your order size is too small. The minimum is {least}")


def _spot_halted(refused: Refused, listing: SimListing | None) -> RefusedError:
    name = "" if listing is None else f" {name_of(listing)}"
    return RefusedError("INVALID_CURRENCY_PAIR", f"Trade of currency pair{name} is disabled")


def _futures_halted(refused: Refused, listing: SimListing | None) -> RefusedError:
    if refused.order is None and "hedge" in refused.detail:
        return RefusedError("INVALID_ARGUMENT", refused.detail)
    return RefusedError("CONTRACT_IN_DELISTING", "contract in delisting: trading is halted")


def _spot_over(refused: Refused, listing: SimListing | None) -> RefusedError:
    filled = refused.order is not None and refused.order.state is OrderState.FILLED
    return (
        RefusedError("ORDER_CLOSED", "Order closed") if filled else RefusedError("ORDER_CANCELLED", "Order cancelled")
    )


def _would_take(refused: Refused, listing: SimListing | None) -> RefusedError:
    detail = refused.detail or "order price would take the counter price"
    return RefusedError("ORDER_POC_IMMEDIATE", detail, 400, "detail")


def _leverage(refused: Refused, listing: SimListing | None) -> RefusedError:
    return RefusedError("LEVERAGE_TOO_HIGH", refused.detail or "leverage is out of range")


def _reduce_only(refused: Refused, listing: SimListing | None) -> RefusedError:
    return RefusedError("INCREASE_POSITION", refused.detail or "reduce-only order would increase position")


_SPOT: Final[dict[Reason, Words]] = {
    Reason.PRICE_TICK: _with_detail("INVALID_PRECISION"),
    Reason.PRICE_BAND: _with_detail("PRICE_THRESHOLD_EXCEEDED"),
    Reason.LOT_SIZE: _with_detail("INVALID_PRECISION"),
    Reason.MIN_QUANTITY: _too_small,
    Reason.MAX_QUANTITY: _with_detail("AMOUNT_TOO_MUCH"),
    Reason.MIN_NOTIONAL: _too_small,
    Reason.INSUFFICIENT_BALANCE: _fixed("BALANCE_NOT_ENOUGH", "Not enough balance"),
    Reason.WOULD_TAKE: _fixed("POC_FILL_IMMEDIATELY", "Order would match and take immediately so its cancelled"),
    Reason.DUPLICATE_CLIENT_ID: _with_detail("DUPLICATE_REQUEST"),
    Reason.TOO_MANY_ORDERS: _with_detail("TOO_MANY_ORDERS"),
    Reason.HALTED: _spot_halted,
    Reason.REDUCE_ONLY: _with_detail("INVALID_PARAM_VALUE"),
    Reason.FOK: _fixed("FOK_NOT_FILL", "Order cannot be filled completely"),
    Reason.NO_LIQUIDITY: _fixed("QUANTITY_NOT_ENOUGH", "Not enough quantity in the order book"),
    Reason.UNKNOWN_ORDER: _fixed("ORDER_NOT_FOUND", "Order not found", 404),
    Reason.ORDER_OVER: _spot_over,
    Reason.BAD_LEVERAGE: _with_detail("INVALID_PARAM_VALUE"),
    Reason.IN_USE: _with_detail("INVALID_PARAM_VALUE"),
}
_FUTURES: Final[dict[Reason, Words]] = {
    Reason.PRICE_TICK: _with_detail("INVALID_PRECISION", "detail"),
    Reason.PRICE_BAND: _with_detail("PRICE_TOO_DEVIATED", "detail"),
    Reason.LOT_SIZE: _with_detail("INVALID_PRECISION", "detail"),
    Reason.MIN_QUANTITY: _with_detail("SIZE_TOO_SMALL", "detail"),
    Reason.MAX_QUANTITY: _with_detail("SIZE_TOO_LARGE", "detail"),
    Reason.MIN_NOTIONAL: _with_detail("SIZE_TOO_SMALL", "detail"),
    Reason.INSUFFICIENT_BALANCE: _fixed("INSUFFICIENT_AVAILABLE", "insufficient available balance"),
    Reason.WOULD_TAKE: _would_take,
    Reason.DUPLICATE_CLIENT_ID: _with_detail("DUPLICATE_REQUEST"),
    Reason.TOO_MANY_ORDERS: _with_detail("TOO_MANY_ORDERS"),
    Reason.HALTED: _futures_halted,
    Reason.REDUCE_ONLY: _reduce_only,
    Reason.FOK: _fixed("ORDER_FOK", "order cannot be filled completely"),
    Reason.NO_LIQUIDITY: _fixed("CONTRACT_NO_COUNTER", "no counter orders"),
    Reason.UNKNOWN_ORDER: _fixed("ORDER_NOT_FOUND", "order not found", 404),
    Reason.ORDER_OVER: _fixed("ORDER_FINISHED", "order finished"),
    Reason.BAD_LEVERAGE: _leverage,
    Reason.IN_USE: _with_detail("POSITION_HOLDING"),
}
