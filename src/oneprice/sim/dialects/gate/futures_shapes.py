"""Perpetual orders and fills as Gate writes them. Sizes are contracts, signed; prices of orders are strings on REST
and numbers in websocket events; times are seconds with decimals, in websocket events beside milliseconds.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from oneprice.sim.dialects.gate.futures_rest import contract_size
from oneprice.sim.dialects.gate.listed import name_of, plain, quotient
from oneprice.sim.dialects.gate.spot_shapes import SELF_TRADE_NAMES, TIME_IN_FORCE_NAMES
from oneprice.sim.engine import Side
from oneprice.sim.orders import EndedBy, OrderState, SimFill, SimOrder

__all__ = ["futures_fill", "futures_order", "seconds", "signed_size"]

_FINISHED: Final = {
    EndedBy.NOTHING: "filled",
    EndedBy.USER: "cancelled",
    EndedBy.IOC: "ioc",
    EndedBy.FOK: "ioc",
    EndedBy.POST_ONLY: "cancelled",
    EndedBy.NO_LIQUIDITY: "ioc",
    EndedBy.SELF_TRADE: "stp",
    EndedBy.REDUCE_ONLY: "reduce_only",
    EndedBy.DEAD_MAN: "cancelled",
    EndedBy.VENUE: "cancelled",
}


def seconds(ns: int) -> float:
    """A time in seconds with milliseconds."""
    return ns // 1_000_000 / 1_000


def signed_size(order: SimOrder, lots: int, *, decimal: bool) -> str | int:
    """So many lots of an order in contracts: negative for sells."""
    return contract_size(order.listing, lots if order.side is Side.BUY else -lots, decimal=decimal)


def average_price(order: SimOrder) -> str:
    """What was paid on average, "0" before the first fill."""
    base = order.listing.base_amount(order.filled_lots)
    return quotient(order.filled_quote, base, order.listing.price_scale.decimals + 8)


def finish_as(order: SimOrder) -> str:
    """How a finished order ended."""
    return _FINISHED[order.ended_by]


def futures_order(
    order: SimOrder, maker_fee: Decimal, taker_fee: Decimal, *, decimal: bool, extras: dict[str, object] | None = None
) -> dict[str, object]:
    """An order as REST and the websocket API give it; `fill_price` is the average."""
    lots = order.lots or 0
    shape: dict[str, object] = {
        "id": order.order_id,
        "id_string": str(order.order_id),
        "user": order.account.uid,
        "contract": name_of(order.listing),
        "create_time": seconds(order.created_ns),
        "update_time": seconds(order.updated_ns),
        "size": signed_size(order, lots, decimal=decimal),
        "iceberg": "0" if decimal else 0,
        "left": signed_size(order, order.left_lots, decimal=decimal),
        "price": "0" if order.price_ticks is None else order.listing.price_text(order.price_ticks),
        "fill_price": average_price(order),
        "mkfr": plain(maker_fee),
        "tkfr": plain(taker_fee),
        "tif": TIME_IN_FORCE_NAMES[order.time_in_force],
        "refu": 0,
        "refr": "0",
        "reduce_only": order.reduce_only,
        "is_reduce_only": order.reduce_only,
        "is_close": False,
        "is_liq": False,
        "text": order.client_order_id,
        "status": "open" if order.state is OrderState.OPEN else "finished",
        "stp_id": 0,
        "stp_act": SELF_TRADE_NAMES[order.self_trade],
        "amend_text": "-",
        "biz_info": "-",
    }
    if order.state is not OrderState.OPEN:
        shape |= {"finish_time": seconds(order.updated_ns), "finish_as": finish_as(order)}
    return shape | (extras or {})


def futures_fill(fill: SimFill, *, decimal: bool) -> dict[str, object]:
    """A personal trade of `/futures/usdt/my_trades`."""
    return {
        "id": fill.fill_id,
        "create_time": seconds(fill.ts_ns),
        "contract": name_of(fill.order.listing),
        "order_id": str(fill.order.order_id),
        "size": signed_size(fill.order, fill.lots, decimal=decimal),
        "close_size": "0" if decimal else 0,
        "price": fill.order.listing.price_text(fill.price_ticks),
        "role": "maker" if fill.is_maker else "taker",
        "text": fill.order.client_order_id,
        "fee": plain(fill.fee),
        "point_fee": "0",
        "trade_value": plain(fill.quote),
    }
