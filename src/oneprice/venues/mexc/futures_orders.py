"""MEXC's perpetual orders: what is asked, and what is told of them. Quantities are contracts.

A side says buy or sell and open or close; with one net position, opening is what changes it and closing what may only
shrink it. Numbers stand bare in JSON and are written digit by digit from the decimals.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from oneprice.errors import ExchangeAPIError, OrderNotFoundError, Outcome
from oneprice.model import NewOrder, Order, OrderRef, OrderStatus, OrderType, Side, SymbolInfo, TimeInForce
from oneprice.venues.kit import BodyError, Millis, Number, Response, one, plain
from oneprice.venues.mexc.errors import FUTURES_TABLE
from oneprice.venues.mexc.exact import product
from oneprice.venues.mexc.orders import require_id, require_sense, unsupported

MS = 1_000_000
MARKET = FUTURES_TABLE.venue
CROSS = 2
ONE_WAY = 2

OPENING: Mapping[Side, int] = {Side.BUY: 1, Side.SELL: 3}
CLOSING: Mapping[Side, int] = {Side.BUY: 2, Side.SELL: 4}
SIDES_TOLD: Mapping[int, Side] = {number: side for numbers in (OPENING, CLOSING) for side, number in numbers.items()}
LIMITS: Mapping[TimeInForce, int] = {TimeInForce.GTC: 1, TimeInForce.IOC: 3, TimeInForce.FOK: 4}
POST_ONLY, AT_MARKET = 2, 5
TYPES_TOLD: Mapping[int, tuple[OrderType, TimeInForce | None]] = {
    **{number: (OrderType.LIMIT, force) for force, number in LIMITS.items()},
    POST_ONLY: (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    AT_MARKET: (OrderType.MARKET, None),
    6: (OrderType.MARKET, None),  # a limit order that was turned into a market one
}
UNINFORMED, OPEN, COMPLETED, CANCELLED, INVALID = 1, 2, 3, 4, 5
REASONS = (
    *("", "parameter_error", "balance_insufficient", "no_position", "position_insufficient", "liquidation_price"),
    *("fair_price", "risk_level_limit", "sys_cancel", "position_mode_not_match", "reduce_only_liq"),
    *("contract_not_enable", "delivery_cancel", "position_liq_cancel", "adl_cancel", "black_user_cancel"),
    *("settle_funding_cancel", "position_im_change_cancel", "ioc_cancel", "fok_cancel", "post_only_cancel"),
    "market_cancel",
)
"""An order's `errorCode`, from 0 on. The names of the first six are ours."""


class OrderBody(msgspec.Struct, rename="camel", omit_defaults=True):
    """What `order/create` takes."""

    symbol: str
    vol: msgspec.Raw
    side: int
    type: int
    open_type: int
    external_oid: str
    position_mode: int
    price: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    reduce_only: bool = False


class CancelBody(msgspec.Struct, rename="camel"):
    """What `order/cancel_with_external` takes."""

    symbol: str
    external_oid: str


class CreatedRow(msgspec.Struct, rename="camel"):
    """The answer to a new order: it was taken, and no more."""

    order_id: str | int
    ts: Millis = 0


class CancelRow(msgspec.Struct, rename="camel"):
    """What became of one cancel. `success` above it says nothing of that."""

    error_code: int | str = 0
    error_msg: str | None = None


class OrderRow(msgspec.Struct, rename="camel"):
    """An order of the answers to queries and lists, and of the stream."""

    order_id: str | int
    symbol: str
    state: int
    side: int
    vol: Number
    order_type: int | None = None
    external_oid: str | None = None
    price: Number | None = None
    deal_vol: Number | None = None
    deal_avg_price: Number | None = None
    reduce_only: bool | None = None
    error_code: int | None = None
    create_time: Millis | None = None
    update_time: Millis | None = None


_ENCODER = msgspec.json.Encoder()


def body(order: NewOrder) -> bytes:
    """A new order. Raises NotSupported and InvalidOrderError (NOT_SENT)."""
    require_sense(order, MARKET)
    if order.quantity is None:
        raise unsupported(MARKET, "orders take a quantity in contracts, not an amount in quote asset")
    price: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    if order.price is not None:
        price = msgspec.Raw(plain(order.price))
    if order.type is OrderType.LIMIT:
        kind = LIMITS[order.time_in_force]
    else:
        kind = POST_ONLY if order.type is OrderType.LIMIT_MAKER else AT_MARKET
    return _ENCODER.encode(
        OrderBody(
            symbol=order.listing.venue_symbol,
            price=price,
            vol=msgspec.Raw(plain(order.quantity)),
            side=(CLOSING if order.reduce_only else OPENING)[order.side],
            type=kind,
            open_type=CROSS,
            external_oid=order.client_order_id,
            position_mode=ONE_WAY,
            reduce_only=order.reduce_only,
        )
    )


def cancel_body(ref: OrderRef) -> bytes:
    """A list of one id, or symbol and our id. Raises InvalidOrderError (NOT_SENT) when there is no id."""
    require_id(ref, MARKET)
    if not ref.venue_order_id:
        return _ENCODER.encode(CancelBody(ref.listing.venue_symbol, ref.client_order_id))
    told = ref.venue_order_id
    return _ENCODER.encode([int(told) if told.isascii() and told.isdigit() else told])


def created(data: CreatedRow | int | str, order: NewOrder) -> Order:
    """The order that was asked for: NEW stands for accepted, filled or not. Its number may stand bare."""
    row = data if isinstance(data, CreatedRow) else CreatedRow(data)
    at_ns = row.ts * MS
    return Order(
        listing=order.listing,
        venue_order_id=str(row.order_id),
        status=OrderStatus.NEW,
        client_order_id=order.client_order_id,
        time_ns=at_ns,
        created_ns=at_ns,
    )


def cancelled(data: list[CancelRow] | CancelRow | None) -> None:
    """Nothing when it was done. Raises the error of the one order's own code."""
    if data is None:
        return
    row = one(data, "results of a cancel") if isinstance(data, list) else data
    if str(row.error_code) != "0":
        raise refusal(str(row.error_code), row.error_msg or "")


def refusal(code: str, message: str) -> ExchangeAPIError:
    """The error of an order in an answer that is good as a whole."""
    return FUTURES_TABLE.error(Response(200, {}, b""), code, message)


def not_found() -> OrderNotFoundError:
    """The error for a good answer without an order."""
    return OrderNotFoundError(MARKET, "no such order", code="no data", outcome=Outcome.REJECTED)


def order_of(row: OrderRow, listing: SymbolInfo) -> Order:
    """An order that the venue has told of. `filled_quote` is from the average price, which the venue rounds."""
    if row.symbol != listing.venue_symbol:
        raise BodyError(f"it is of {row.symbol!r}, asked for was {listing.venue_symbol!r}")
    if row.side not in SIDES_TOLD:
        raise BodyError(f"side {row.side}")
    kind, force = TYPES_TOLD.get(row.order_type or 0, (None, None))
    status, reason = _status(row)
    filled_quote = None
    if row.deal_vol is not None and row.deal_avg_price is not None:
        filled_quote = product(row.deal_vol, listing.contract_size, row.deal_avg_price)
    return Order(
        listing=listing,
        venue_order_id=str(row.order_id),
        status=status,
        client_order_id=row.external_oid or "",
        side=SIDES_TOLD[row.side],
        type=kind,
        time_in_force=force,
        price=None if kind is OrderType.MARKET else row.price or None,
        quantity=row.vol,
        filled_quantity=row.deal_vol,
        filled_quote=filled_quote,
        reduce_only=row.side in CLOSING.values() or row.reduce_only,
        reason=reason,
        time_ns=(row.update_time or row.create_time or 0) * MS,
        created_ns=(row.create_time or 0) * MS,
    )


def _status(row: OrderRow) -> tuple[OrderStatus, str]:
    """Status and reason. A completed order that is not filled wholly has ended, and so is CANCELED."""
    filled = row.deal_vol or 0
    code = row.error_code or 0
    reason = REASONS[code] if 0 <= code < len(REASONS) else f"errorCode {code}"
    if row.state in (UNINFORMED, OPEN):
        return (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW), ""
    if row.state == COMPLETED:
        return (OrderStatus.FILLED if filled >= row.vol else OrderStatus.CANCELED), reason
    if row.state == CANCELLED:
        return OrderStatus.CANCELED, reason
    if row.state == INVALID:
        return OrderStatus.REJECTED, reason or "invalid"
    return OrderStatus.UNKNOWN, f"state {row.state}"
