"""Spot's private protobuf frames by their field numbers (the venue's .proto files of 2026-06), and what they say.

Fields that are not declared here are skipped, since MEXC adds some without notice. Empty values are not sent, so that
a missing number is 0 and a missing text is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import TypeVar

import msgspec

from oneprice.model import (
    AssetBalance,
    AssetName,
    Fee,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Side,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.kit import (
    BalanceMoved,
    BalanceUpdate,
    BodyError,
    FillUpdate,
    Millis,
    OrderUpdate,
    UserEvent,
    blank,
    fee_of,
    positive,
)
from oneprice.venues.mexc.exact import product, total
from oneprice.venues.mexc.protobuf import fields

F = TypeVar("F", bound=msgspec.Struct)
ListingOf = Callable[[str], SymbolInfo]
CoinsOf = Callable[[str], tuple[AssetName, Decimal]]
"""The asset that the venue's word means, and how many coins of it are in one."""

MS = 1_000_000
BODIES_FROM = 300
"""The wrapper's fields from here on are messages, all others texts or numbers."""

BUY, SELL = 1, 2
SIDES: Mapping[int, Side] = {BUY: Side.BUY, SELL: Side.SELL}
TYPES: Mapping[int, tuple[OrderType, TimeInForce | None]] = {
    1: (OrderType.LIMIT, TimeInForce.GTC),
    2: (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    3: (OrderType.LIMIT, TimeInForce.IOC),
    4: (OrderType.LIMIT, TimeInForce.FOK),
    5: (OrderType.MARKET, None),
}
STATUSES: Mapping[int, OrderStatus] = {
    1: OrderStatus.NEW,
    2: OrderStatus.FILLED,
    3: OrderStatus.PARTIALLY_FILLED,
    4: OrderStatus.CANCELED,
    5: OrderStatus.CANCELED,  # filled in part, then cancelled: it is over
}
MOVES = frozenset({"WITHDRAW", "WITHDRAW_FEE", "DEPOSIT", "DEPOSIT_FEE", "SUGAR", "CONTRACT_TRANSFER", "ETF_INDEX"})
"""Reasons of a balance's change that are no trading."""


class Wrapper(msgspec.Struct):
    """Every frame. One without a body occurs and says nothing."""

    symbol: str = msgspec.field(name="3", default="")
    sent: Millis = msgspec.field(name="6", default=0)
    orders: bytes | None = msgspec.field(name="304", default=None)
    deals: bytes | None = msgspec.field(name="306", default=None)
    account: bytes | None = msgspec.field(name="307", default=None)


class OrderPush(msgspec.Struct):
    """PrivateOrdersV3Api. Of a market order `amount` is what it spends, and `price` a bound of the venue's."""

    id: str = msgspec.field(name="1")
    client_id: str = msgspec.field(name="2", default="")
    price: str = msgspec.field(name="3", default="")
    quantity: str = msgspec.field(name="4", default="")
    amount: str = msgspec.field(name="5", default="")
    order_type: int = msgspec.field(name="7", default=0)
    trade_type: int = msgspec.field(name="8", default=0)
    cumulative_quantity: str = msgspec.field(name="13", default="")
    cumulative_amount: str = msgspec.field(name="14", default="")
    status: int = msgspec.field(name="15", default=0)
    created: Millis = msgspec.field(name="16", default=0)


class DealPush(msgspec.Struct):
    """PrivateDealsV3Api: one match."""

    price: str = msgspec.field(name="1")
    quantity: str = msgspec.field(name="2")
    trade_id: str = msgspec.field(name="7")
    order_id: str = msgspec.field(name="9")
    trade_type: int = msgspec.field(name="4", default=0)
    is_maker: int = msgspec.field(name="5", default=0)
    client_order_id: str = msgspec.field(name="8", default="")
    fee_amount: str = msgspec.field(name="10", default="")
    fee_currency: str = msgspec.field(name="11", default="")
    time: Millis = msgspec.field(name="12", default=0)


class AccountPush(msgspec.Struct):
    """PrivateAccountV3Api: the one asset that changed. `balance` is what is free."""

    asset: str = msgspec.field(name="1")
    balance: str = msgspec.field(name="3", default="")
    balance_change: str = msgspec.field(name="4", default="")
    frozen: str = msgspec.field(name="5", default="")
    frozen_change: str = msgspec.field(name="6", default="")
    reason: str = msgspec.field(name="7", default="")
    time: Millis = msgspec.field(name="8", default=0)


def events(frame: bytes, listing_of: ListingOf, coins_of: CoinsOf) -> list[UserEvent]:
    """What a frame says. Raises ValueError for one that is not as declared."""
    wrapper = message(frame, Wrapper)
    if wrapper.orders is not None:
        return [OrderUpdate(_order(message(wrapper.orders, OrderPush), wrapper, listing_of))]
    if wrapper.deals is not None:
        return [FillUpdate(_fill(message(wrapper.deals, DealPush), wrapper, listing_of))]
    if wrapper.account is not None:
        return _balance(message(wrapper.account, AccountPush), coins_of)
    return []


def message(data: bytes, form: type[F]) -> F:
    """A message's declared fields. Raises ValueError when one is missing, stands twice, or is of another type."""
    declared, found = _declared(form), dict[str, object]()
    for number, value in fields(data):
        key = str(number)
        if key not in declared:
            continue
        if key in found:
            raise ValueError(f"field {number} stands twice")
        found[key] = value.decode() if isinstance(value, bytes) and number < BODIES_FROM else value
    return msgspec.convert(found, form)


@cache
def _declared(form: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(form.__struct_encode_fields__)


def _order(told: OrderPush, wrapper: Wrapper, listing_of: ListingOf) -> Order:
    kind, force = TYPES.get(told.order_type, (None, None))
    status = STATUSES.get(told.status, OrderStatus.UNKNOWN)
    at_market = kind is OrderType.MARKET
    by_quote = at_market and told.trade_type == BUY  # the quantity told of it, if any, is a guess of the venue's
    return Order(
        listing=_listing(wrapper, listing_of),
        venue_order_id=told.id,
        status=status,
        client_order_id=told.client_id,
        side=SIDES.get(told.trade_type),
        type=kind,
        time_in_force=force,
        price=None if at_market else blank(told.price, "price") or None,
        quantity=None if by_quote else blank(told.quantity, "quantity") or None,
        quote_quantity=blank(told.amount, "amount") or None if by_quote else None,
        filled_quantity=blank(told.cumulative_quantity, "cumulativeQuantity"),
        filled_quote=blank(told.cumulative_amount, "cumulativeAmount"),
        reason=f"status {told.status}" if status is OrderStatus.UNKNOWN else "",
        time_ns=wrapper.sent * MS,
        created_ns=told.created * MS,
    )


def _fill(told: DealPush, wrapper: Wrapper, listing_of: ListingOf) -> Fill:
    if told.trade_type not in SIDES:
        raise BodyError(f"tradeType {told.trade_type}")
    price, quantity, fee = (blank(text, "a number") for text in (told.price, told.quantity, told.fee_amount))
    if price is None or quantity is None:
        raise BodyError("a deal without price or quantity")
    return Fill(
        listing=_listing(wrapper, listing_of),
        venue_fill_id=told.trade_id,
        venue_order_id=told.order_id,
        side=SIDES[told.trade_type],
        price=positive(price, "a price"),
        quantity=positive(quantity, "a quantity"),
        time_ns=told.time * MS,
        client_order_id=told.client_order_id,
        fees=_fees(_listing(wrapper, listing_of), told.fee_currency, fee),
        is_maker=told.is_maker != 0,
    )


def _fees(listing: SymbolInfo, asset: str, amount: Decimal | None) -> tuple[Fee, ...] | None:
    """None where a fee was taken of which the asset is not told."""
    if amount is None or (amount and not asset):
        return None
    return (fee_of(listing, asset, amount),) if asset else ()


def _balance(told: AccountPush, coins_of: CoinsOf) -> list[UserEvent]:
    free, frozen = blank(told.balance, "balanceAmount"), blank(told.frozen, "frozenAmount")
    if free is None or frozen is None:
        raise BodyError("a balance without amounts")
    (asset, coins), time_ns = coins_of(told.asset), told.time * MS
    whole = product(total(free, frozen), coins)
    balance = AssetBalance(asset=asset, total=whole, free=product(free, coins), time_ns=time_ns)
    found: list[UserEvent] = [BalanceUpdate((balance,), told.reason)]
    if told.reason in MOVES:
        changes = [blank(text, "a change") for text in (told.balance_change, told.frozen_change)]
        change = total(*(change or Decimal(0) for change in changes))
        if change:
            found.append(BalanceMoved(asset, format(product(change, coins), "f"), time_ns, told.reason))
    return found


def _listing(wrapper: Wrapper, listing_of: ListingOf) -> SymbolInfo:
    if not wrapper.symbol:
        raise BodyError("a frame without symbol")
    return listing_of(wrapper.symbol)
