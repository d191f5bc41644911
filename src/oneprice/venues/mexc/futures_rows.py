"""Fills, positions and balances of MEXC's perpetuals, as the answers and the private stream have them."""

from __future__ import annotations

import msgspec

from oneprice.model import AssetBalance, AssetName, Fee, Fill, Position, SymbolInfo
from oneprice.venues.kit import BodyError, Millis, Number, positive
from oneprice.venues.mexc.exact import total
from oneprice.venues.mexc.futures_orders import SIDES_TOLD

MS = 1_000_000
LONG, SHORT = 1, 2


class FillRow(msgspec.Struct, rename="camel"):
    """One match. Whether we took is told by either of two fields, or by none."""

    id: str | int
    symbol: str
    order_id: str | int
    side: int
    vol: Number
    price: Number
    timestamp: Millis
    fee: Number | None = None
    fee_currency: str | None = None
    external_oid: str | None = None
    is_taker: bool | None = None
    taker: bool | None = None


class PositionRow(msgspec.Struct, rename="camel"):
    """A position; one that was closed has no contracts left."""

    symbol: str
    position_type: int
    hold_vol: Number
    hold_avg_price: Number | None = None
    liquidate_price: Number | None = None
    leverage: Number | None = None
    update_time: Millis | None = None


class AssetRow(msgspec.Struct, rename="camel"):
    """An asset. The stream has neither equity nor unrealised profit."""

    currency: str
    available_balance: Number
    frozen_balance: Number
    position_margin: Number
    equity: Number | None = None
    unrealized: Number | None = None


def fill_of(row: FillRow, listing: SymbolInfo) -> Fill:
    """A fill; its fee is negative for a rebate. Raises BodyError."""
    if row.symbol != listing.venue_symbol:
        raise BodyError(f"it is of {row.symbol!r}, asked for was {listing.venue_symbol!r}")
    if row.side not in SIDES_TOLD:
        raise BodyError(f"side {row.side}")
    took = row.taker if row.is_taker is None else row.is_taker
    fees = None
    if row.fee is not None and row.fee_currency:
        fees = (Fee(AssetName(row.fee_currency), row.fee),)
    return Fill(
        listing=listing,
        venue_fill_id=str(row.id),
        venue_order_id=str(row.order_id),
        side=SIDES_TOLD[row.side],
        price=positive(row.price, "a price"),
        quantity=positive(row.vol, "a quantity"),
        time_ns=row.timestamp * MS,
        client_order_id=row.external_oid or "",
        fees=fees,
        is_maker=None if took is None else not took,
    )


def position_of(row: PositionRow, listing: SymbolInfo, time_ns: int = 0) -> Position:
    """A position, short ones negative. Raises BodyError."""
    if row.position_type not in (LONG, SHORT):
        raise BodyError(f"positionType {row.position_type}")
    return Position(
        listing=listing,
        quantity=row.hold_vol if row.position_type == LONG else row.hold_vol.copy_negate(),
        entry_price=row.hold_avg_price or None,
        liquidation_price=row.liquidate_price or None,
        leverage=row.leverage,
        time_ns=row.update_time * MS if row.update_time else time_ns,
    )


def balance_of(row: AssetRow, time_ns: int = 0) -> AssetBalance:
    """The wallet balance is equity less unrealised profit. Where these are missing it is the sum of its parts, in which
    the profit of cross positions may be contained (unverified)."""
    if row.equity is not None and row.unrealized is not None:
        amount = total(row.equity, row.unrealized.copy_negate())
    else:
        amount = total(total(row.available_balance, row.frozen_balance), row.position_margin)
    return AssetBalance(asset=AssetName(row.currency), total=amount, free=row.available_balance, time_ns=time_ns)
