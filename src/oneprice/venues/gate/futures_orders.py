"""Orders, fills and positions of the perpetuals: sizes are contracts, and their sign is the side.

`fill_price` is an average here. Times are seconds with decimals in answers, milliseconds on the stream.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.errors import NotSupported
from oneprice.model import Fill, MarketKind, NewOrder, Order, OrderStatus, OrderType, Position, Side, SymbolInfo
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
from oneprice.venues.gate.spot_orders import POINT
from oneprice.venues.kit import BodyError, Number, ns_of, plain, positive

SETTLE = "USDT"
MILLIS_FROM = 10**11  # in seconds this would be the year 5138, in milliseconds it is 1973
STATES = {"open": True, "finished": False}


class FuturesOrder(msgspec.Struct, kw_only=True):
    """An order as answers and the stream tell it. `price` 0: a market order. Only the stream has `.._ms`."""

    id: int = 0
    contract: str = ""
    text: str = ""
    status: str = ""
    size: Number | None = None
    left: Number | None = None
    price: Number | None = None
    fill_price: Number | None = None
    tif: str = ""
    finish_as: str = ""
    is_reduce_only: bool | None = None
    create_time: Number | None = None
    update_time: Number | None = None
    finish_time: Number | None = None
    create_time_ms: Number | None = None
    finish_time_ms: Number | None = None
    succeeded: bool = True
    label: str = ""
    message: str = ""
    detail: str = ""

    @property
    def reason(self) -> str:
        """Why it was refused."""
        return self.message or self.detail

    @property
    def symbol(self) -> str:
        """The contract."""
        return self.contract


class FuturesFill(msgspec.Struct, kw_only=True):
    """A match. The fee is in the settlement asset. `/my_trades_timerange` says `trade_id` for `id`."""

    id: str | int = ""
    trade_id: str | int = ""
    order_id: str | int
    contract: str
    size: Number
    price: Number
    create_time: Number
    create_time_ms: Number | None = None
    text: str = ""
    role: str = ""
    fee: Number | None = None
    point_fee: Number | None = None

    @property
    def symbol(self) -> str:
        """The contract."""
        return self.contract


class PositionRow(msgspec.Struct, kw_only=True):
    """A row of `/positions`, or of the stream, which alone has `time_ms`.

    `leverage` 0: cross margin, limited by `cross_leverage_limit`. `mode`: single, dual_long, dual_short.
    """

    contract: str
    size: Number
    entry_price: Number | None = None
    mark_price: Number | None = None
    liq_price: Number | None = None
    unrealised_pnl: Number | None = None
    leverage: Number | None = None
    cross_leverage_limit: Number | None = None
    update_time: Number | None = None
    time_ms: Number | None = None
    mode: str = ""

    @property
    def is_hedged(self) -> bool:
        """Whether it is one of the two that hedge mode has for a listing."""
        return self.mode.startswith("dual")


def order_body(order: NewOrder) -> dict[str, object]:
    """As REST and order entry take it. Sizes go as texts, which every contract takes."""
    if order.quote_quantity is not None and order.type is OrderType.MARKET:
        raise NotSupported("gate-usdm has no market orders by quote")
    check(order, MarketKind.USDM)
    assert order.quantity is not None, "checked above"
    size, price = plain(order.quantity), order.price
    told: dict[str, object] = {
        "text": PREFIX + order.client_order_id,
        "contract": order.listing.venue_symbol,
        "size": size if order.side is Side.BUY else "-" + size,
    }
    if order.reduce_only:
        told["reduce_only"] = True
    if price is None:
        told["price"], told["tif"] = "0", "ioc"
        return told
    told["price"] = plain(price)
    told["tif"] = POST_ONLY if order.type is OrderType.LIMIT_MAKER else WORDS[order.time_in_force]
    return told


def order_of(row: FuturesOrder, listing: SymbolInfo) -> Order:
    """A state that is not documented is UNKNOWN, with the venue's word as reason. Raises BodyError for one without an
    id or a state."""
    if not row.id or not row.status:
        raise BodyError("an order has no id, or no status")
    is_open = STATES.get(row.status)
    quantity = None if row.size is None else abs(row.size)
    filled = _filled(row, quantity)
    return Order(
        listing=listing,
        venue_order_id=str(row.id),
        client_order_id=client_id(row.text),
        status=OrderStatus.UNKNOWN if is_open is None else status_of(is_open, row.finish_as, filled, quantity),
        side=None if not row.size else Side.BUY if row.size > 0 else Side.SELL,
        type=None if row.price is None else order_type("limit" if row.price else "market", row.tif),
        time_in_force=time_in_force(row.tif),
        price=row.price or None,
        quantity=quantity,
        filled_quantity=filled,
        filled_quote=_worth(row.fill_price, filled, listing),
        reduce_only=row.is_reduce_only,
        reason=row.status if is_open is None else "" if is_open else row.finish_as,
        time_ns=_time_ns(row),
        created_ns=_either(row.create_time_ms, row.create_time),
    )


def fill_of(row: FuturesFill, listing: SymbolInfo) -> Fill:
    """Raises BodyError for one without an id, and for a size of 0."""
    number = str(row.id or row.trade_id)
    if not number or not row.size:
        raise BodyError(f"a trade has the id {number!r} and the size {row.size}")
    return Fill(
        listing=listing,
        venue_fill_id=number,
        venue_order_id=str(row.order_id),
        client_order_id=client_id(row.text),
        side=Side.BUY if row.size > 0 else Side.SELL,
        price=positive(row.price, "a price"),
        quantity=abs(row.size),
        time_ns=_either(row.create_time_ms, row.create_time),
        fees=None if row.fee is None else fees(listing, (SETTLE, row.fee), (POINT, row.point_fee)),
        is_maker={"maker": True, "taker": False}.get(row.role),
    )


def position_of(row: PositionRow, listing: SymbolInfo) -> Position:
    """A price of 0 stands for none. The stream's `liq_price` is documented as given up: it is not believed."""
    return Position(
        listing=listing,
        quantity=row.size,
        entry_price=row.entry_price or None,
        mark_price=row.mark_price or None,
        liquidation_price=row.liq_price or None if row.time_ms is None else None,
        unrealised_pnl=row.unrealised_pnl,
        leverage=row.leverage or row.cross_leverage_limit or row.leverage,
        time_ns=_either(row.time_ms, row.update_time),
    )


CODEC = OrderCodec(
    kind=MarketKind.USDM,
    order=FuturesOrder,
    orders=list[FuturesOrder],
    fill=FuturesFill,
    fills=list[FuturesFill],
    body=order_body,
    order_of=order_of,
    fill_of=fill_of,
)


def _filled(row: FuturesOrder, quantity: Decimal | None) -> Decimal | None:
    """Answers of order entry have no `left`; an order that ended filled tells it nevertheless."""
    if quantity is None:
        return None
    if row.left is not None:
        return quantity - abs(row.left)
    return quantity if row.finish_as == "filled" else None


def _worth(price: Decimal | None, filled: Decimal | None, listing: SymbolInfo) -> Decimal | None:
    """From the average price, which the venue has rounded."""
    return None if price is None or filled is None else price * filled * listing.contract_size


def _time_ns(row: FuturesOrder) -> int:
    """Of this state. The stream's `update_time` is in milliseconds, that of answers in seconds."""
    if row.update_time:
        return ns_of(row.update_time, "ms" if row.update_time >= MILLIS_FROM else "s")
    return _either(row.finish_time_ms, row.finish_time) or _either(row.create_time_ms, row.create_time)


def _either(millis: Decimal | None, seconds: Decimal | None) -> int:
    if millis is not None:
        return ns_of(millis, "ms")
    return ns_of(seconds, "s") if seconds is not None else 0
