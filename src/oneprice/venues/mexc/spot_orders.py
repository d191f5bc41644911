"""MEXC's spot orders: what is asked, and what is told of them.

There is no time in force: immediate-or-cancel and fill-or-kill are types. `timeInForce` would be ignored silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from oneprice.errors import ExchangeAPIError
from oneprice.model import NewOrder, Order, OrderRef, OrderStatus, OrderType, Side, SymbolInfo, TimeInForce
from oneprice.venues.kit import BodyError, Millis, Number, Response, plain
from oneprice.venues.mexc.errors import SPOT_TABLE
from oneprice.venues.mexc.orders import require_id, require_sense, unsupported

MS = 1_000_000
MARKET = SPOT_TABLE.venue
BATCH_MAX = 20

SIDES: Mapping[Side, str] = {Side.BUY: "BUY", Side.SELL: "SELL"}
SIDES_TOLD: Mapping[str, Side] = {word: side for side, word in SIDES.items()}
LIMITS: Mapping[TimeInForce, str] = {
    TimeInForce.GTC: "LIMIT",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
TYPES_TOLD: Mapping[str, tuple[OrderType, TimeInForce | None]] = {
    **{word: (OrderType.LIMIT, force) for force, word in LIMITS.items()},
    "LIMIT_MAKER": (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    "MARKET": (OrderType.MARKET, None),
}
STATUSES: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PARTIALLY_CANCELED": OrderStatus.CANCELED,
}


class AckRow(msgspec.Struct, rename="camel"):
    """The answer to a new order. It has neither status nor fills nor our id: it says that the order was taken."""

    symbol: str
    order_id: str | int
    price: Number | None = None
    orig_qty: Number | None = None
    type: str | None = None
    side: str | None = None
    transact_time: Millis | None = None


class BatchRow(msgspec.Struct, rename="camel"):
    """What became of one order of a batch: an id, or a code."""

    symbol: str | None = None
    order_id: str | int | None = None
    new_client_order_id: str | None = None
    code: int | None = None
    msg: str = ""


class OrderRow(msgspec.Struct, rename="camel"):
    """An order of the answers to queries, lists and cancels. The documentation spells two fields in two ways."""

    symbol: str
    order_id: str | int
    status: str = ""
    client_order_id: str | None = None
    orig_client_order_id: str | None = None
    price: Number | None = None
    orig_qty: Number | None = None
    qty: Number | None = msgspec.field(name="Qty", default=None)
    executed_qty: Number | None = None
    cummulative_quote_qty: Number | None = None
    cumulative_quote_qty: Number | None = None
    orig_quote_order_qty: Number | None = None
    type: str | None = None
    side: str | None = None
    time: Millis | None = None
    update_time: Millis | None = None
    cancel_reason: str | None = None


def parameters(order: NewOrder) -> tuple[tuple[str, str], ...]:
    """The fields of a new order. Raises NotSupported and InvalidOrderError (NOT_SENT)."""
    require_sense(order, MARKET)
    if order.reduce_only:
        raise unsupported(MARKET, "reduce-only is for perpetuals")
    first = (("symbol", order.listing.venue_symbol), ("side", SIDES[order.side]))
    own = ("newClientOrderId", order.client_order_id)
    if order.type is OrderType.MARKET:
        return (*first, ("type", "MARKET"), _market_amount(order), own)
    word = "LIMIT_MAKER" if order.type is OrderType.LIMIT_MAKER else LIMITS[order.time_in_force]
    assert order.quantity is not None
    assert order.price is not None
    return (*first, ("type", word), ("quantity", plain(order.quantity)), ("price", plain(order.price)), own)


def _market_amount(order: NewOrder) -> tuple[str, str]:
    if order.side is Side.BUY:
        if order.quote_quantity is None:
            raise unsupported(MARKET, "buying at market takes an amount in quote asset, not a quantity")
        return "quoteOrderQty", plain(order.quote_quantity)
    if order.quantity is None:
        raise unsupported(MARKET, "selling at market takes a quantity, not an amount in quote asset")
    return "quantity", plain(order.quantity)


def reference(ref: OrderRef) -> tuple[tuple[str, str], ...]:
    """The fields that name an order. Raises InvalidOrderError (NOT_SENT) when there are none."""
    require_id(ref, MARKET)
    symbol = ("symbol", ref.listing.venue_symbol)
    if ref.venue_order_id:
        return symbol, ("orderId", ref.venue_order_id)
    return symbol, ("origClientOrderId", ref.client_order_id)


def accepted(row: AckRow, order: NewOrder) -> Order:
    """The order that was asked for, as far as the answer tells: NEW stands for accepted, filled or not."""
    _require_symbol(row.symbol, order.listing)
    kind, force = TYPES_TOLD.get(row.type or "", (None, None))
    at_ns = (row.transact_time or 0) * MS
    return Order(
        listing=order.listing,
        venue_order_id=str(row.order_id),
        status=OrderStatus.NEW,
        client_order_id=order.client_order_id,
        side=SIDES_TOLD.get(row.side or ""),
        type=kind,
        time_in_force=force,
        price=None if kind is OrderType.MARKET else row.price or None,
        quantity=row.orig_qty or None,
        time_ns=at_ns,
        created_ns=at_ns,
    )


def batch(orders: Sequence[NewOrder]) -> str:
    """The list of a batch. Raises NotSupported and InvalidOrderError (NOT_SENT)."""
    if not 0 < len(orders) <= BATCH_MAX:
        raise unsupported(MARKET, f"a batch has 1 to {BATCH_MAX} orders, not {len(orders)}")
    if len({order.listing.venue_symbol for order in orders}) > 1:
        raise unsupported(MARKET, "a batch is of one symbol")
    return msgspec.json.encode([dict(parameters(order)) for order in orders]).decode()


def batch_results(rows: Sequence[BatchRow], orders: Sequence[NewOrder]) -> list[Order | ExchangeAPIError]:
    """One result for each order: they come in the orders' order, and where an id is echoed it must be that one's."""
    if len(rows) != len(orders):
        raise BodyError(f"{len(rows)} results of {len(orders)} orders")
    return [_batch_result(row, order) for row, order in zip(rows, orders, strict=True)]


def _batch_result(row: BatchRow, order: NewOrder) -> Order | ExchangeAPIError:
    if row.new_client_order_id not in (None, "", order.client_order_id):
        raise BodyError(f"a result of {row.new_client_order_id!r} where that of {order.client_order_id!r} should be")
    if row.order_id is not None:
        return accepted(AckRow(row.symbol or order.listing.venue_symbol, row.order_id), order)
    if row.code is None:
        raise BodyError("a result with neither an id nor a code")
    return SPOT_TABLE.error(Response(200, {}, b""), str(row.code), row.msg)


def order_of(row: OrderRow, listing: SymbolInfo) -> Order:
    """An order that the venue has told of. One that is not in the table is UNKNOWN, with the venue's word as reason."""
    _require_symbol(row.symbol, listing)
    if not row.status:
        raise BodyError("an order without status")
    kind, force = TYPES_TOLD.get(row.type or "", (None, None))
    status = STATUSES.get(row.status, OrderStatus.UNKNOWN)
    quote_quantity = row.orig_quote_order_qty or None if kind is OrderType.MARKET else None
    quantity = row.qty if row.orig_qty is None else row.orig_qty
    return Order(
        listing=listing,
        venue_order_id=str(row.order_id),
        status=status,
        client_order_id=row.orig_client_order_id or row.client_order_id or "",
        side=SIDES_TOLD.get(row.side or ""),
        type=kind,
        time_in_force=force,
        price=None if kind is OrderType.MARKET else row.price or None,
        quantity=None if quote_quantity else quantity or None,
        quote_quantity=quote_quantity,
        filled_quantity=row.executed_qty,
        filled_quote=row.cumulative_quote_qty if row.cummulative_quote_qty is None else row.cummulative_quote_qty,
        reason=_reason(row, status),
        time_ns=(row.update_time or row.time or 0) * MS,
        created_ns=(row.time or 0) * MS,
    )


def _reason(row: OrderRow, status: OrderStatus) -> str:
    if status is OrderStatus.UNKNOWN:
        return row.status
    return (row.cancel_reason or "") if status is OrderStatus.CANCELED else ""


def _require_symbol(told: str, listing: SymbolInfo) -> None:
    if told != listing.venue_symbol:
        raise BodyError(f"it is of {told!r}, asked for was {listing.venue_symbol!r}")
