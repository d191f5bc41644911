"""Orders, fills and what they cost: what is asked of a venue, and what it tells about it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.model.codes import OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.instrument import AssetName, SymbolInfo

ENDED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
"""Statuses after which an order does nothing more."""


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is wanted.

    `client_order_id`: 1 to 28 of `[A-Za-z0-9_-]`, ours, never used twice. `quantity`: in the listing's unit (coins, or
    contracts). `quote_quantity`: a MARKET order's amount in quote asset, to spend or to receive, instead of
    `quantity`. `price`: in quote asset; None for MARKET. `time_in_force` counts for LIMIT alone: MARKET never rests,
    LIMIT_MAKER always does. `reduce_only`: perpetuals only.
    """

    listing: SymbolInfo
    side: Side
    client_order_id: str
    type: OrderType = OrderType.LIMIT
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False


class OrderRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which order is meant. One of the two ids is enough; the venue's own finds it for longer, and faster."""

    listing: SymbolInfo
    client_order_id: str = ""
    venue_order_id: str = ""


class Fee(msgspec.Struct, frozen=True):
    """Paid in `asset`; negative for a rebate."""

    asset: AssetName
    amount: Decimal


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One match of an order of ours.

    `venue_fill_id` is unique within the listing. `quantity` in the listing's unit. `fees`: None where the message does
    not tell them. `client_order_id`: "" where not told, or not ours. `time_ns`: the venue's, since 1970.
    """

    listing: SymbolInfo
    venue_fill_id: str
    venue_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    time_ns: int
    client_order_id: str = ""
    fees: tuple[Fee, ...] | None = None
    is_maker: bool | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order, as the venue told it at one moment.

    `client_order_id`: "" for an order that is not ours. `filled_quantity`: in the listing's unit; `filled_quote`: what
    that was worth in quote asset, None when not told. `quantity`: None for MARKET by quote. `fills`: those that came
    with this message, if any; not a whole history. `reason`: the venue's word for why the order ended. `time_ns`: of
    this state, by the venue's clock, 0 when not told. A field that the message does not have is None.
    """

    listing: SymbolInfo
    venue_order_id: str
    status: OrderStatus
    client_order_id: str = ""
    side: Side | None = None
    type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    filled_quantity: Decimal | None = None
    filled_quote: Decimal | None = None
    reduce_only: bool | None = None
    fills: tuple[Fill, ...] = ()
    reason: str = ""
    time_ns: int = 0
    created_ns: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the order does nothing more."""
        return self.status in ENDED

    @property
    def average_price(self) -> Decimal | None:
        """Quote per priced unit of what is filled, rounded to 28 digits; None when nothing is, or it is not told."""
        if not self.filled_quantity or self.filled_quote is None:
            return None
        return self.filled_quote / (self.filled_quantity * self.listing.contract_size)
