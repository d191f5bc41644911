"""Orders and fills of the spot market: `/spot/orders`, `/spot/my_trades`, and the same rows on the stream.

Traps: a market buy's `amount` and `left` are in quote asset; `fill_price` is a total, not a price.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from oneprice.errors import NotSupported
from oneprice.model import Fill, MarketKind, NewOrder, Order, OrderStatus, OrderType, Side, SymbolInfo
from oneprice.venues.gate.orders import (
    POST_ONLY,
    PREFIX,
    WORDS,
    OrderCodec,
    check,
    client_id,
    fees,
    order_type,
    status_of,
    time_in_force,
)
from oneprice.venues.kit import BodyError, Number, ns_of, plain, positive

GT, POINT = "GT", "POINT"
STATES = {"open": True, "put": True, "update": True, "closed": False, "cancelled": False, "finish": False}
"""Whether an order lives on: `status` of answers, `event` of the stream."""


class SpotOrder(msgspec.Struct, kw_only=True):
    """An order as answers and the stream tell it. Acknowledgements have ids alone, refused ones of a batch none."""

    id: str = ""
    text: str = ""
    currency_pair: str = ""
    status: str = ""
    event: str = ""
    side: Literal["buy", "sell"] | None = None
    type: str = ""
    time_in_force: str = ""
    amount: Number | None = None
    price: Number | None = None
    left: Number | None = None
    filled_amount: Number | None = None
    filled_total: Number | None = None
    finish_as: str = ""
    create_time_ms: Number | None = None
    update_time_ms: Number | None = None
    succeeded: bool = True
    label: str = ""
    message: str = ""

    @property
    def reason(self) -> str:
        """Why it was refused."""
        return self.message

    @property
    def symbol(self) -> str:
        """Not told in acknowledgements."""
        return self.currency_pair


class SpotFill(msgspec.Struct, kw_only=True):
    """A match. The time is a text with fractions of a millisecond; `fee_currency` may be missing on the stream."""

    id: str | int
    order_id: str | int
    side: Literal["buy", "sell"]
    amount: Number
    price: Number
    create_time_ms: Number
    currency_pair: str = ""
    text: str = ""
    role: str = ""
    fee: Number | None = None
    fee_currency: str = ""
    gt_fee: Number | None = None
    point_fee: Number | None = None

    @property
    def symbol(self) -> str:
        """Not told in answers about one pair."""
        return self.currency_pair


def order_body(order: NewOrder) -> dict[str, object]:
    """As REST and order entry take it. FULL: the answer waits for the match and tells what was filled.

    Without `account` Gate takes spot, or unified where the account is such a one.
    """
    if order.reduce_only:
        raise NotSupported("gate-spot has no reduce-only orders")
    check(order, MarketKind.SPOT)
    buy, quantity, price = order.side is Side.BUY, order.quantity, order.price
    told: dict[str, object] = {
        "text": PREFIX + order.client_order_id,
        "currency_pair": order.listing.venue_symbol,
        "side": "buy" if buy else "sell",
        "action_mode": "FULL",
    }
    if quantity is not None and price is not None:
        told["type"], told["amount"], told["price"] = "limit", plain(quantity), plain(price)
        told["time_in_force"] = POST_ONLY if order.type is OrderType.LIMIT_MAKER else WORDS[order.time_in_force]
        return told
    amount = order.quote_quantity if buy else quantity
    if amount is None:
        wanted, other = ("quote", "base") if buy else ("base", "quote")
        raise NotSupported(f"gate-spot: a market {order.side.name.lower()} is by {wanted}, not by {other}")
    told["type"], told["amount"], told["time_in_force"] = "market", plain(amount), "ioc"
    return told


def order_of(row: SpotOrder, listing: SymbolInfo) -> Order:
    """A state that is not documented is UNKNOWN, with the venue's word as reason. Raises BodyError for one without an
    id."""
    if not row.id:
        raise BodyError("an order has no id")
    by_quote = row.type == "market" and row.side == "buy"
    filled = _filled(row, by_quote)
    quantity = None if by_quote else row.amount
    return Order(
        listing=listing,
        venue_order_id=row.id,
        client_order_id=client_id(row.text),
        status=_status(row, filled, quantity),
        side=None if row.side is None else Side.BUY if row.side == "buy" else Side.SELL,
        type=order_type(row.type, row.time_in_force),
        time_in_force=time_in_force(row.time_in_force),
        price=row.price or None,
        quantity=quantity,
        quote_quantity=row.amount if by_quote else None,
        filled_quantity=filled,
        filled_quote=row.filled_total,
        reason=_reason(row),
        time_ns=_time_ns(row.update_time_ms),
        created_ns=_time_ns(row.create_time_ms),
    )


def fill_of(row: SpotFill, listing: SymbolInfo) -> Fill:
    """Where the fee's asset is not told it is base for a buy and quote for a sell; GT and points have fields."""
    base, _, quote = listing.venue_symbol.partition("_")
    asset = row.fee_currency or (base if row.side == "buy" else quote)
    return Fill(
        listing=listing,
        venue_fill_id=str(row.id),
        venue_order_id=str(row.order_id),
        client_order_id=client_id(row.text),
        side=Side.BUY if row.side == "buy" else Side.SELL,
        price=positive(row.price, "a price"),
        quantity=positive(row.amount, "an amount"),
        time_ns=ns_of(row.create_time_ms, "ms"),
        fees=None if row.fee is None else fees(listing, (asset, row.fee), (GT, row.gt_fee), (POINT, row.point_fee)),
        is_maker={"maker": True, "taker": False}.get(row.role),
    )


CODEC = OrderCodec(
    kind=MarketKind.SPOT,
    order=SpotOrder,
    orders=list[SpotOrder],
    fill=SpotFill,
    fills=list[SpotFill],
    body=order_body,
    order_of=order_of,
    fill_of=fill_of,
)


def _status(row: SpotOrder, filled: Decimal | None, quantity: Decimal | None) -> OrderStatus:
    word = row.status or row.event
    if not word:
        return OrderStatus.PENDING_NEW
    if word not in STATES:
        return OrderStatus.UNKNOWN
    is_whole = quantity is None or filled is None or filled >= quantity
    if word == "closed" and is_whole:
        return OrderStatus.FILLED
    return status_of(STATES[word], row.finish_as, filled, quantity)


def _reason(row: SpotOrder) -> str:
    word = row.status or row.event
    if word and word not in STATES:
        return word
    return "" if STATES.get(word) else row.finish_as


def _filled(row: SpotOrder, by_quote: bool) -> Decimal | None:
    """In base. `left` tells it, but for market buys, where it is in quote.

    `filled_amount` comes second: the documented sample of a fresh order on the stream has 812.8 there.
    """
    if not by_quote:
        return row.filled_amount if row.amount is None or row.left is None else row.amount - row.left
    return row.filled_amount if row.filled_total else row.filled_total


def _time_ns(told: Decimal | None) -> int:
    return ns_of(told, "ms") if told is not None else 0
