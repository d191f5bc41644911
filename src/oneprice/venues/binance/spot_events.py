"""Events of a spot account, and what they become. Source: binance-spot-api-docs user-data-stream.md."""

from __future__ import annotations

import msgspec

from oneprice.model import Fill, Order
from oneprice.venues.binance.bodies import MS
from oneprice.venues.binance.holdings import spot_balance
from oneprice.venues.binance.names import Names
from oneprice.venues.binance.orders import SIDES, above_0, checked, fill_fees, status_of, type_of
from oneprice.venues.kit import (
    BalanceMoved,
    BalanceUpdate,
    BodyError,
    FillUpdate,
    Millis,
    Number,
    OrderUpdate,
    Sequenced,
    UserEvent,
)

_NO_REASON = "NONE"


class ExecutionReport(msgspec.Struct):
    """`executionReport`. `original_id` is the order's id when `client_order_id` is that of a cancel."""

    symbol: str = msgspec.field(name="s")
    client_order_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    type: str = msgspec.field(name="o")
    time_in_force: str = msgspec.field(name="f")
    quantity: Number = msgspec.field(name="q")
    price: Number = msgspec.field(name="p")
    execution: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    order_id: Sequenced = msgspec.field(name="i")
    filled: Number = msgspec.field(name="z")
    time: Millis = msgspec.field(name="T")
    last_quantity: Number = msgspec.field(name="l")
    last_price: Number = msgspec.field(name="L")
    trade_id: int = msgspec.field(name="t", default=-1)
    original_id: str = msgspec.field(name="C", default="")
    reject_reason: str = msgspec.field(name="r", default=_NO_REASON)
    expiry_reason: str = msgspec.field(name="eR", default="")
    filled_quote: Number | None = msgspec.field(name="Z", default=None)
    quote_quantity: Number | None = msgspec.field(name="Q", default=None)
    commission: Number | None = msgspec.field(name="n", default=None)
    commission_asset: str | None = msgspec.field(name="N", default=None)
    is_maker: bool | None = msgspec.field(name="m", default=None)
    created: Millis = msgspec.field(name="O", default=0)


class ChangedAsset(msgspec.Struct):
    """An asset in `outboundAccountPosition`."""

    asset: str = msgspec.field(name="a")
    free: Number = msgspec.field(name="f")
    locked: Number = msgspec.field(name="l")


class AccountPosition(msgspec.Struct):
    """`outboundAccountPosition`: the assets that may have changed. `updated`: when."""

    updated: Millis = msgspec.field(name="u")
    balances: list[ChangedAsset] = msgspec.field(name="B")


class BalanceChange(msgspec.Struct):
    """`balanceUpdate`: a deposit, a withdrawal or a transfer between wallets."""

    asset: str = msgspec.field(name="a")
    change: Number = msgspec.field(name="d")
    time: Millis = msgspec.field(name="T")


def execution(told: ExecutionReport, names: Names) -> list[UserEvent]:
    """The order, and before it the fill, if there is one. Raises BodyError."""
    listing, side = names.listing(told.symbol), SIDES.get(told.side)
    if side is None:
        raise BodyError(f"the side is {told.side!r}")
    client_order_id = told.original_id or told.client_order_id
    reason = told.expiry_reason or ("" if told.reject_reason == _NO_REASON else told.reject_reason)
    status, reason = status_of(told.status, reason)
    type_, time_in_force = type_of(told.type, told.time_in_force)
    quote_quantity = above_0(told.quote_quantity)
    quote = told.filled_quote
    order = Order(
        listing=listing,
        venue_order_id=str(told.order_id),
        status=status,
        client_order_id=client_order_id,
        side=side,
        type=type_,
        time_in_force=time_in_force,
        price=above_0(told.price),
        quantity=None if quote_quantity else above_0(told.quantity),
        quote_quantity=quote_quantity,
        filled_quantity=checked(told.filled, None if quote_quantity else told.quantity),
        filled_quote=None if quote is None or quote < 0 or (told.filled and not quote) else quote,
        reason=reason,
        time_ns=told.time * MS,
        created_ns=told.created * MS,
    )
    if told.execution != "TRADE" or not told.last_quantity:
        return [OrderUpdate(order)]
    if told.last_quantity < 0 or told.last_price <= 0 or told.trade_id < 0:
        raise BodyError(f"fill {told.trade_id} of {told.last_quantity} at {told.last_price}")
    fill = Fill(
        listing=listing,
        venue_fill_id=str(told.trade_id),
        venue_order_id=order.venue_order_id,
        side=side,
        price=told.last_price,
        quantity=told.last_quantity,
        time_ns=order.time_ns,
        client_order_id=client_order_id,
        fees=fill_fees(told.commission_asset, told.commission, names),
        is_maker=told.is_maker,
    )
    return [FillUpdate(fill), OrderUpdate(order)]


def account_position(told: AccountPosition, names: Names) -> list[UserEvent]:
    """Balances as they are now."""
    time_ns = told.updated * MS
    return [
        BalanceUpdate(tuple(spot_balance(row.asset, row.free, row.locked, time_ns, names) for row in told.balances))
    ]


def balance_change(told: BalanceChange, names: Names) -> list[UserEvent]:
    """What moved in or out."""
    asset, coins = names.asset(told.asset)
    return [BalanceMoved(asset, format(told.change * coins, "f"), told.time * MS, "balanceUpdate")]
