"""Binance's orders: what is asked, and what its answers become. Both markets.

Source: binance-spot-api-docs rest-api.md "New order", enums.md; USDⓈ-M "New Order", "Query Order".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

import msgspec

from oneprice.errors import InvalidOrderError, NotSupported, Outcome
from oneprice.model import Fee, Fill, MarketKind, NewOrder, Order, OrderRef, OrderStatus, OrderType, Side, TimeInForce
from oneprice.model import SymbolInfo as Listing
from oneprice.venues.binance.bodies import MS, ZERO
from oneprice.venues.binance.names import Names
from oneprice.venues.kit import CLIENT_ID, BodyError, Millis, Number, Sequenced, is_amount, nonsense, plain

STATUSES: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.NEW,
    "PENDING_NEW": OrderStatus.PENDING_NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "PENDING_CANCEL": OrderStatus.PENDING_CANCEL,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
SIDES: Mapping[str, Side] = {"BUY": Side.BUY, "SELL": Side.SELL}
_TYPES: Mapping[str, OrderType] = {
    "LIMIT": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "LIMIT_MAKER": OrderType.LIMIT_MAKER,
}
_RESTING: Mapping[str, TimeInForce] = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.GTC,
}
TEMPLATES_MAX = 4_096
_SIDE_WORDS = {Side.BUY: "BUY", Side.SELL: "SELL"}
_TIME_WORDS = {told: told.name for told in TimeInForce}


# ---------------------------------------------------------------------- asked


def parameters(order: NewOrder, venue: str, kind: MarketKind) -> dict[str, str]:
    """The order in Binance's words, in the order in which REST sends them.

    Spot answers FULL: with the fills of its taking part. Futures answer RESULT: after matching. Raises NotSupported,
    and InvalidOrderError for what makes no sense; nothing was sent.
    """
    _check(order, venue)
    told = {"symbol": order.listing.venue_symbol, "side": _SIDE_WORDS[order.side]}
    is_spot = kind is MarketKind.SPOT
    if order.type is OrderType.MARKET:
        told["type"] = "MARKET"
    elif order.type is OrderType.LIMIT:
        told["type"], told["timeInForce"] = "LIMIT", _TIME_WORDS[order.time_in_force]
    elif is_spot:
        told["type"] = "LIMIT_MAKER"
    else:
        told["type"], told["timeInForce"] = "LIMIT", "GTX"
    if order.quantity is not None:
        told["quantity"] = plain(order.quantity)
    elif order.quote_quantity is not None and is_spot:
        told["quoteOrderQty"] = plain(order.quote_quantity)
    else:
        raise NotSupported(f"{venue} takes no market order by its amount in quote asset")
    if order.price is not None:
        told["price"] = plain(order.price)
    if order.reduce_only:
        if is_spot:
            raise NotSupported(f"{venue} has no positions to reduce")
        told["reduceOnly"] = "true"
    told["newClientOrderId"] = order.client_order_id
    told["newOrderRespType"] = "FULL" if is_spot else "RESULT"
    return told


def fits_template(order: NewOrder, venue: str) -> bool:
    """Whether nothing but time, id, price and quantity of it is its own. Raises InvalidOrderError for nonsense."""
    price, quantity = order.price, order.quantity
    if price is None or quantity is None or order.type is OrderType.MARKET or order.quote_quantity is not None:
        return False
    if not (is_amount(price) and is_amount(quantity) and CLIENT_ID.fullmatch(order.client_order_id)):
        _check(order, venue)
    return True


class OrderForms:
    """Orders of one account as forms, from templates: what does not change from order to order is prepared once."""

    __slots__ = ("_kind", "_templates", "_venue")

    def __init__(self, venue: str, kind: MarketKind) -> None:
        self._venue, self._kind = venue, kind
        self._templates: dict[tuple[str, Side, OrderType, TimeInForce, bool], tuple[str, str]] = {}

    def form(self, order: NewOrder) -> bytes:
        """`parameters` as a form, in another order. Raises as `parameters`."""
        price, quantity = order.price, order.quantity
        if price is None or quantity is None or not fits_template(order, self._venue):
            return form_of(parameters(order, self._venue, self._kind)).encode()
        key = (order.listing.venue_symbol, order.side, order.type, order.time_in_force, order.reduce_only)
        head, tail = self._templates.get(key) or self._template(key, order)
        text = f"{head}{plain(quantity)}&price={plain(price)}&newClientOrderId={order.client_order_id}{tail}"
        return text.encode()

    def _template(self, key: tuple[str, Side, OrderType, TimeInForce, bool], order: NewOrder) -> tuple[str, str]:
        told = parameters(order, self._venue, self._kind)
        for own in ("quantity", "price", "newClientOrderId"):
            del told[own]
        last = told.pop("newOrderRespType")
        if len(self._templates) >= TEMPLATES_MAX:
            self._templates.clear()
        self._templates[key] = template = f"{form_of(told)}&quantity=", f"&newOrderRespType={last}"
        return template


def form_of(told: dict[str, str]) -> str:
    """Parameters as a form. All values but some symbols are unreserved characters already."""
    symbol = told["symbol"]
    if not (symbol.isalnum() and symbol.isascii()):
        told["symbol"] = quote(symbol, safe="")
    return "&".join(map("=".join, told.items()))


def which(ref: OrderRef, venue: str) -> tuple[tuple[str, str], ...]:
    """The order that is meant. Binance's own id is the faster one. Raises InvalidOrderError without any."""
    symbol = ("symbol", ref.listing.venue_symbol)
    if ref.venue_order_id:
        return symbol, ("orderId", ref.venue_order_id)
    if ref.client_order_id:
        return symbol, ("origClientOrderId", ref.client_order_id)
    raise InvalidOrderError(venue, "the reference names no order: neither id is given", outcome=Outcome.NOT_SENT)


def _check(order: NewOrder, venue: str) -> None:
    why = nonsense(order)
    if why:
        raise InvalidOrderError(venue, why, outcome=Outcome.NOT_SENT)


# ---------------------------------------------------------------------- told


class FillRow(msgspec.Struct, rename="camel"):
    """A fill inside the answer to a spot order."""

    price: Number
    qty: Number
    commission: Number
    commission_asset: str
    trade_id: Sequenced


class OrderRow(msgspec.Struct, rename="camel"):
    """An order in any answer of either market; what an answer does not have keeps its default.

    Cancels on spot carry the order's id in `orig_client_order_id`, and that of the cancel in the other. The double m
    is Binance's.
    """

    symbol: str
    order_id: Sequenced
    client_order_id: str = ""
    orig_client_order_id: str = ""
    status: str = ""
    side: str = ""
    type: str = ""
    time_in_force: str = ""
    price: Number | None = None
    orig_qty: Number | None = None
    orig_quote_order_qty: Number | None = None
    executed_qty: Number | None = None
    cummulative_quote_qty: Number | None = None
    cum_quote: Number | None = None
    reduce_only: bool | None = None
    expiry_reason: str = ""
    fills: list[FillRow] = []
    time: Millis = 0
    update_time: Millis = 0
    transact_time: Millis = 0


class CancelledRow(OrderRow):
    """One of the answer to a cancel of all: an order, or a list of orders (OCO) with its reports."""

    order_id: Sequenced = 0
    order_reports: list[OrderRow] = msgspec.field(default_factory=list)


class BatchRow(OrderRow):
    """One of the answer to a batch: an order, or an error."""

    symbol: str = ""
    order_id: Sequenced = 0
    code: int | None = None
    msg: str = ""


def order_of(row: OrderRow, listing: Listing, names: Names, ours: str = "") -> Order:
    """The order. `ours`: its client order id where we know it better: a cancelled spot order goes by its cancel's.

    Raises BodyError for an order of another symbol, and for amounts that cannot be.
    """
    if row.symbol != listing.venue_symbol:
        raise BodyError(f"the order is of {row.symbol}, not of {listing.venue_symbol}")
    venue_order_id = str(row.order_id)
    client_order_id = ours or row.orig_client_order_id or row.client_order_id
    time_ns = (row.transact_time or row.update_time) * MS
    side = SIDES.get(row.side)
    status, reason = STATUSES.get(row.status), row.expiry_reason
    if status is None or status is OrderStatus.EXPIRED:
        status, reason = status_of(row.status, reason)
    type_, time_in_force = _KINDS.get((row.type, row.time_in_force)) or type_of(row.type, row.time_in_force)
    quantity, quote_quantity, filled = row.orig_qty, row.orig_quote_order_qty, row.executed_qty
    if filled:
        checked(filled, None if quote_quantity else quantity)
    fills: tuple[Fill, ...] = ()
    if row.fills:
        if side is None:
            raise BodyError("fills of an order without a side")
        ids = venue_order_id, client_order_id
        fills = tuple(_fill(told, listing, names, side, ids, time_ns) for told in row.fills)
    return Order(
        listing=listing,
        venue_order_id=venue_order_id,
        status=status,
        client_order_id=client_order_id,
        side=side,
        type=type_,
        time_in_force=time_in_force,
        price=row.price or None,  # Binance writes 0 for none, here and below
        quantity=None if quote_quantity else quantity or None,
        quote_quantity=quote_quantity or None,
        filled_quantity=filled,
        filled_quote=_filled_quote(row, filled),
        reduce_only=row.reduce_only,
        fills=fills,
        reason=reason,
        time_ns=time_ns,
        created_ns=row.time * MS,
    )


def status_of(word: str, reason: str) -> tuple[OrderStatus, str]:
    """Status and reason. An answer without a status (ACK) has accepted the order; what became of it is not told.

    A word that is not in the table is the reason for not knowing.
    """
    if not word:
        return OrderStatus.PENDING_NEW, reason
    if word == "EXPIRED_IN_MATCH":
        return OrderStatus.EXPIRED, reason or word
    return STATUSES.get(word, OrderStatus.UNKNOWN), reason if word in STATUSES else word


def type_of(word: str, time_in_force: str) -> tuple[OrderType | None, TimeInForce | None]:
    """Type and time in force; None for stops and whatever else is not ours. GTX is post-only."""
    told = OrderType.LIMIT_MAKER if time_in_force == "GTX" and word == "LIMIT" else _TYPES.get(word)
    return told, _RESTING.get(time_in_force)


_KINDS: Mapping[tuple[str, str], tuple[OrderType | None, TimeInForce | None]] = {
    ("LIMIT", word): type_of("LIMIT", word) for word in ("GTC", "IOC", "FOK", "GTX")
}
"""`type_of` of what is common."""


def above_0(value: Decimal | None) -> Decimal | None:
    """The value, or None where Binance writes 0 for nothing."""
    return value or None


def checked(filled: Decimal | None, quantity: Decimal | None) -> Decimal | None:
    """The filled quantity. Raises BodyError when it is below 0 or above the order's own."""
    if filled is not None and (filled < 0 or (quantity and filled > quantity)):
        raise BodyError(f"{filled} of {quantity} filled")
    return filled


def fill_fees(asset: str | None, amount: Decimal | None, names: Names) -> tuple[Fee, ...] | None:
    """The commission; none where it is 0, None where it is not told."""
    if amount is None:
        return None
    if not asset:
        return () if not amount else None
    return (names.fee(asset, amount),)


def _filled_quote(row: OrderRow, filled: Decimal | None) -> Decimal | None:
    """Binance writes a negative amount for one that it has lost."""
    told = row.cum_quote if row.cummulative_quote_qty is None else row.cummulative_quote_qty
    if told is None:
        return ZERO if filled is not None and not filled else None
    return None if told < 0 or (filled and not told) else told


def _fill(row: FillRow, listing: Listing, names: Names, side: Side, ids: tuple[str, str], time_ns: int) -> Fill:
    if row.price <= 0 or row.qty <= 0:
        raise BodyError(f"a fill of {row.qty} at {row.price}")
    return Fill(
        listing=listing,
        venue_fill_id=str(row.trade_id),
        venue_order_id=ids[0],
        side=side,
        price=row.price,
        quantity=row.qty,
        time_ns=time_ns,
        client_order_id=ids[1],
        fees=fill_fees(row.commission_asset, row.commission, names),
        is_maker=False,  # only what a new order takes comes with its answer
    )
