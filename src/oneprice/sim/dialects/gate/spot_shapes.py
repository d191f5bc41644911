"""Spot orders and fills as Gate writes them, on REST and on websockets."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from oneprice.sim.dialects.gate.listed import name_of, plain, quotient
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.orders import EndedBy, OrderState, SimFill, SimOrder

__all__ = ["FEE_FIELDS", "TIMES_IN_FORCE", "spot_fill", "spot_order", "without_fees"]

TIMES_IN_FORCE: Final = {
    "gtc": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "poc": TimeInForce.POST_ONLY,
}
TIME_IN_FORCE_NAMES: Final = {value: name for name, value in TIMES_IN_FORCE.items()}
SELF_TRADES: Final = {"cn": SelfTrade.CANCEL_TAKER, "co": SelfTrade.CANCEL_MAKER, "cb": SelfTrade.CANCEL_BOTH}
SELF_TRADE_NAMES: Final = {value: name for name, value in SELF_TRADES.items()} | {SelfTrade.NONE: "-"}

FEE_FIELDS: Final = frozenset(
    {
        "fee",
        "fee_currency",
        "point_fee",
        "gt_fee",
        "gt_maker_fee",
        "gt_taker_fee",
        "gt_discount",
        "rebated_fee",
        "rebated_fee_currency",
    }
)

_FINISHED: Final = {
    EndedBy.NOTHING: "filled",
    EndedBy.USER: "cancelled",
    EndedBy.IOC: "ioc",
    EndedBy.FOK: "fok",
    EndedBy.POST_ONLY: "poc",
    EndedBy.NO_LIQUIDITY: "depth_not_enough",
    EndedBy.SELF_TRADE: "stp",
    EndedBy.REDUCE_ONLY: "unknown",
    EndedBy.DEAD_MAN: "cancelled",
    EndedBy.VENUE: "cancelled",
}


def side_name(side: Side) -> str:
    """As on the wire."""
    return "buy" if side is Side.BUY else "sell"


def spot_order(order: SimOrder, *, amend_text: str = "-", stp_id: int = 0) -> dict[str, object]:
    """An order as REST and the websocket API give it. `filled_total` and `fill_price` are the total in quote."""
    listing, item = order.listing, order.listing.instrument
    created_ms, updated_ms = order.created_ns // 1_000_000, order.updated_ns // 1_000_000
    filled, total = listing.base_amount(order.filled_lots), plain(order.filled_quote)
    amount, left = _amounts(order)
    fee_asset, other = (item.base, item.quote) if order.side is Side.BUY else (item.quote, item.base)
    return {
        "id": str(order.order_id),
        "text": order.client_order_id,
        "amend_text": amend_text,
        "create_time": str(created_ms // 1_000),
        "update_time": str(updated_ms // 1_000),
        "create_time_ms": created_ms,
        "update_time_ms": updated_ms,
        "status": _status(order),
        "currency_pair": name_of(listing),
        "type": "market" if order.is_market else "limit",
        "account": "spot",
        "side": side_name(order.side),
        "amount": amount,
        "price": "0" if order.price_ticks is None else listing.price_text(order.price_ticks),
        "time_in_force": TIME_IN_FORCE_NAMES[order.time_in_force],
        "iceberg": "0",
        "left": left,
        "filled_amount": plain(filled),
        "fill_price": total,
        "filled_total": total,
        "avg_deal_price": quotient(order.filled_quote, filled, listing.price_scale.decimals + 8),
        "fee": plain(order.fees.get(fee_asset, Decimal(0))),
        "fee_currency": fee_asset,
        "point_fee": "0",
        "gt_fee": "0",
        "gt_maker_fee": "0",
        "gt_taker_fee": "0",
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": other,
        "stp_id": stp_id,
        "stp_act": SELF_TRADE_NAMES[order.self_trade],
        "finish_as": "open" if order.state is OrderState.OPEN else _FINISHED[order.ended_by],
    }


def without_fees(shape: dict[str, object]) -> dict[str, object]:
    """As in the v2 channels and in answers of action_mode RESULT."""
    return {name: value for name, value in shape.items() if name not in FEE_FIELDS}


def spot_fill(fill: SimFill) -> dict[str, object]:
    """A personal trade of `/spot/my_trades`. `sequence_id` counts the market's trades."""
    listing, micros = fill.order.listing, fill.ts_ns // 1_000
    return {
        "id": str(fill.fill_id),
        "create_time": str(micros // 1_000_000),
        "create_time_ms": f"{micros // 1_000}.{micros % 1_000:03d}",
        "currency_pair": name_of(listing),
        "order_id": str(fill.order.order_id),
        "side": side_name(fill.order.side),
        "role": "maker" if fill.is_maker else "taker",
        "amount": listing.lots_text(fill.lots),
        "price": listing.price_text(fill.price_ticks),
        "fee": plain(fill.fee),
        "fee_currency": fill.fee_asset,
        "point_fee": "0",
        "gt_fee": "0",
        "amend_text": "-",
        "sequence_id": str(fill.fill_id - listing.first_trade_id + 1),
        "text": fill.order.client_order_id,
        "deal": plain(fill.quote),
    }


def _status(order: SimOrder) -> str:
    if order.state is OrderState.OPEN:
        return "open"
    return "closed" if order.state is OrderState.FILLED else "cancelled"


def _amounts(order: SimOrder) -> tuple[str, str]:
    """Amount and what is left of it: of market buys in quote, else in base."""
    if order.quote_quantity is not None:
        return plain(order.quote_quantity), plain(order.quote_quantity - order.filled_quote)
    assert order.lots is not None, "an order without a quote amount has lots"
    return order.listing.lots_text(order.lots), order.listing.lots_text(order.left_lots)
