"""Events of an account of perpetuals, and what they become. Source: USDⓈ-M user data streams."""

from __future__ import annotations

import msgspec

from oneprice.model import AssetBalance, AssetName, Fee, Fill, Order, Position
from oneprice.model import SymbolInfo as Listing
from oneprice.venues.binance.bodies import MS, ZERO
from oneprice.venues.binance.holdings import ONE_WAY
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
    PositionUpdate,
    Refusal,
    Sequenced,
    UserEvent,
)

_MOVES = frozenset(
    (
        *("DEPOSIT", "WITHDRAW", "ADMIN_DEPOSIT", "ADMIN_WITHDRAW", "ASSET_TRANSFER"),
        *("COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW", "OPTIONS_TRANSFER"),
    )
)
"""Reasons of an ACCOUNT_UPDATE that bring assets into the wallet or out of it."""
_MATCHES = frozenset({"TRADE", "CALCULATED"})
"""Executions with a fill; the second is a liquidation's."""


class ChangedOrder(msgspec.Struct):
    """The `o` of ORDER_TRADE_UPDATE. The average price is rounded, and so not used."""

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
    trade_id: Sequenced = msgspec.field(name="t")
    reduce_only: bool | None = msgspec.field(name="R", default=None)
    commission: Number | None = msgspec.field(name="n", default=None)
    commission_asset: str | None = msgspec.field(name="N", default=None)
    is_maker: bool | None = msgspec.field(name="m", default=None)
    expiry_reason: str | int = msgspec.field(name="er", default="")


class OrderTradeUpdate(msgspec.Struct):
    """`ORDER_TRADE_UPDATE`."""

    order: ChangedOrder = msgspec.field(name="o")


class ChangedAsset(msgspec.Struct):
    """An asset in ACCOUNT_UPDATE. `change`: without profit and commission."""

    asset: str = msgspec.field(name="a")
    wallet: Number = msgspec.field(name="wb")
    change: Number | None = msgspec.field(name="bc", default=None)


class ChangedPosition(msgspec.Struct):
    """A position in ACCOUNT_UPDATE."""

    symbol: str = msgspec.field(name="s")
    quantity: Number = msgspec.field(name="pa")
    entry_price: Number | None = msgspec.field(name="ep", default=None)
    unrealised_pnl: Number | None = msgspec.field(name="up", default=None)
    position_side: str = msgspec.field(name="ps", default=ONE_WAY)


class Changes(msgspec.Struct):
    """The `a` of ACCOUNT_UPDATE."""

    reason: str = msgspec.field(name="m", default="")
    assets: list[ChangedAsset] = msgspec.field(name="B", default_factory=list)
    positions: list[ChangedPosition] = msgspec.field(name="P", default_factory=list)


class AccountUpdate(msgspec.Struct):
    """`ACCOUNT_UPDATE`: only what changed."""

    time: Millis = msgspec.field(name="T")
    changes: Changes = msgspec.field(name="a")


def order_update(told: OrderTradeUpdate, names: Names) -> list[UserEvent]:
    """The order, and before it the fill, if there is one. Raises BodyError."""
    row = told.order
    listing = names.listing(row.symbol)
    reason = str(row.expiry_reason)
    status, reason = status_of(row.status, "" if reason in ("0", "NONE") else reason)
    type_, time_in_force = type_of(row.type, row.time_in_force)
    order = Order(
        listing=listing,
        venue_order_id=str(row.order_id),
        status=status,
        client_order_id=row.client_order_id,
        side=SIDES.get(row.side),
        type=type_,
        time_in_force=time_in_force,
        price=above_0(row.price),
        quantity=above_0(row.quantity),
        filled_quantity=checked(row.filled, row.quantity),
        filled_quote=ZERO
        if not row.filled
        else row.last_price * row.filled
        if row.filled == row.last_quantity and row.last_price
        else None,
        reduce_only=row.reduce_only,
        reason=reason,
        time_ns=row.time * MS,
    )
    if row.execution not in _MATCHES or not row.last_quantity:
        return [OrderUpdate(order)]
    return [FillUpdate(_fill(row, listing, fill_fees(row.commission_asset, row.commission, names))), OrderUpdate(order)]


def account_update(told: AccountUpdate, names: Names) -> list[UserEvent]:
    """What moved, then balances, then positions.

    A position of hedge mode makes the stream useless: orders here are those of one-way mode.
    """
    changes, time_ns = told.changes, told.time * MS
    events: list[UserEvent] = []
    if changes.reason in _MOVES:
        events += [
            BalanceMoved(AssetName(row.asset), format(row.change, "f"), time_ns, changes.reason)
            for row in changes.assets
            if row.change
        ]
    if changes.assets:
        balances = [
            AssetBalance(asset=AssetName(row.asset), total=row.wallet, time_ns=time_ns) for row in changes.assets
        ]
        events.append(BalanceUpdate(tuple(balances), changes.reason))
    for row in changes.positions:
        if row.position_side == ONE_WAY:
            events.append(PositionUpdate(_position(row, names, time_ns)))
        elif row.quantity:
            events.append(Refusal(f"{row.symbol} has a {row.position_side} position: the account is in hedge mode"))
    return events


def _position(row: ChangedPosition, names: Names, time_ns: int) -> Position:
    return Position(
        listing=names.listing(row.symbol),
        quantity=row.quantity,
        entry_price=above_0(row.entry_price),
        unrealised_pnl=row.unrealised_pnl,
        time_ns=time_ns,
    )


def _fill(row: ChangedOrder, listing: Listing, fees: tuple[Fee, ...] | None) -> Fill:
    side = SIDES.get(row.side)
    if side is None or row.last_quantity <= 0 or row.last_price <= 0:
        raise BodyError(f"fill {row.trade_id}: {row.side!r} {row.last_quantity} at {row.last_price}")
    return Fill(
        listing=listing,
        venue_fill_id=str(row.trade_id),
        venue_order_id=str(row.order_id),
        side=side,
        price=row.last_price,
        quantity=row.last_quantity,
        time_ns=row.time * MS,
        client_order_id=row.client_order_id,
        fees=fees,
        is_maker=row.is_maker,
    )
