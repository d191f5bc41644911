"""Spot orders, fills and balances as Binance writes them (REST, WS API and user stream, 2026-07)."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from oneprice.sim.accounts import Account
from oneprice.sim.dialects.binance.rules import SPOT_DECIMALS, symbol_of
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.orders import Change, EndedBy, OrderReport, OrderState, SimFill, SimOrder

Time = Callable[[int], int]
"""Nanoseconds in the unit that the client wants."""

SELF_TRADE_NAMES = {
    SelfTrade.NONE: "NONE",
    SelfTrade.CANCEL_TAKER: "EXPIRE_TAKER",
    SelfTrade.CANCEL_MAKER: "EXPIRE_MAKER",
    SelfTrade.CANCEL_BOTH: "EXPIRE_BOTH",
}
_STATUS = {
    OrderState.FILLED: "FILLED",
    OrderState.CANCELED: "CANCELED",
    OrderState.EXPIRED: "EXPIRED",
    OrderState.REJECTED: "REJECTED",
}
_EXECUTIONS = {
    Change.NEW: "NEW",
    Change.TRADE: "TRADE",
    Change.CANCELED: "CANCELED",
    Change.EXPIRED: "EXPIRED",
    Change.AMENDED: "REPLACED",
}
_ZERO = "0.00000000"


def status_of(order: SimOrder) -> str:
    """NEW ... EXPIRED_IN_MATCH, in both markets."""
    if order.state is OrderState.OPEN:
        return "PARTIALLY_FILLED" if order.filled_lots else "NEW"
    if order.ended_by is EndedBy.SELF_TRADE:
        return "EXPIRED_IN_MATCH"
    return _STATUS[order.state]


def type_of(order: SimOrder) -> str:
    """LIMIT, LIMIT_MAKER or MARKET."""
    if order.is_market:
        return "MARKET"
    return "LIMIT_MAKER" if order.time_in_force is TimeInForce.POST_ONLY else "LIMIT"


def _time_in_force(order: SimOrder) -> str:
    kept = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and not order.is_market
    return order.time_in_force.name if kept else "GTC"


def money(value: Decimal) -> str:
    """An amount with the venue's eight decimals."""
    return f"{value:.{SPOT_DECIMALS}f}"


def _price(order: SimOrder) -> str:
    return _ZERO if order.price_ticks is None else order.listing.price_text(order.price_ticks, SPOT_DECIMALS)


def _lots(order: SimOrder, lots: int) -> str:
    return order.listing.lots_text(lots, SPOT_DECIMALS)


def _original(order: SimOrder) -> str:
    # A market order by quote learns its quantity by filling.
    return _lots(order, order.filled_lots if order.lots is None else order.lots)


def _side(order: SimOrder) -> str:
    return "BUY" if order.side is Side.BUY else "SELL"


def acknowledged(order: SimOrder, client_id: str, time: Time) -> Fields:
    """newOrderRespType=ACK."""
    return {
        "symbol": symbol_of(order.listing),
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": client_id,
        "transactTime": time(order.updated_ns),
    }


def _amounts(order: SimOrder) -> Fields:
    return {
        "price": _price(order),
        "origQty": _original(order),
        "executedQty": _lots(order, order.filled_lots),
        "origQuoteOrderQty": money(order.quote_quantity or Decimal(0)),
        "cummulativeQuoteQty": money(order.filled_quote),
        "status": status_of(order),
        "timeInForce": _time_in_force(order),
        "type": type_of(order),
        "side": _side(order),
    }


def placed(order: SimOrder, client_id: str, time: Time) -> Fields:
    """newOrderRespType=RESULT."""
    return (
        acknowledged(order, client_id, time)
        | _amounts(order)
        | {"workingTime": time(order.created_ns), "selfTradePreventionMode": SELF_TRADE_NAMES[order.self_trade]}
    )


def filled(order: SimOrder, client_id: str, time: Time, fills: Iterable[SimFill]) -> Fields:
    """newOrderRespType=FULL."""
    rows = [
        {
            "price": order.listing.price_text(fill.price_ticks, SPOT_DECIMALS),
            "qty": _lots(order, fill.lots),
            "commission": money(fill.fee),
            "commissionAsset": fill.fee_asset,
            "tradeId": fill.fill_id,
        }
        for fill in fills
    ]
    return placed(order, client_id, time) | {"fills": rows}


def canceled(order: SimOrder, cancel_id: str, time: Time) -> Fields:
    """The answer to a cancel: the order's own client id has moved to origClientOrderId."""
    return (
        {"symbol": symbol_of(order.listing), "origClientOrderId": order.client_order_id}
        | acknowledged(order, cancel_id, time)
        | _amounts(order)
        | {"selfTradePreventionMode": SELF_TRADE_NAMES[order.self_trade]}
    )


def queried(order: SimOrder, client_id: str, time: Time) -> Fields:
    """An order as queries have it."""
    return {
        "symbol": symbol_of(order.listing),
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": client_id,
        **_amounts(order),
        "stopPrice": _ZERO,
        "icebergQty": _ZERO,
        "time": time(order.created_ns),
        "updateTime": time(order.updated_ns),
        "isWorking": True,
        "workingTime": time(order.created_ns),
        "selfTradePreventionMode": SELF_TRADE_NAMES[order.self_trade],
    }


def trade(fill: SimFill, time: Time) -> Fields:
    """A fill as /myTrades has it."""
    order = fill.order
    return {
        "symbol": symbol_of(order.listing),
        "id": fill.fill_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": order.listing.price_text(fill.price_ticks, SPOT_DECIMALS),
        "qty": _lots(order, fill.lots),
        "quoteQty": money(fill.quote),
        "commission": money(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": time(fill.ts_ns),
        "isBuyer": order.side is Side.BUY,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def balances(account: Account, assets: Iterable[str]) -> list[Fields]:
    """Rows of /account."""
    rows: list[Fields] = []
    for asset in assets:
        balance = account.balance("spot", asset)
        rows.append({"asset": asset, "free": money(balance.free), "locked": money(balance.held)})
    return rows


def execution_report(report: OrderReport, client_id: str, time: Time, now_ns: int, execution_id: int) -> Fields:
    """executionReport. When a client cancels, `c` is the cancel's id and `C` the order's own."""
    order, fill = report.order, report.fill
    by_client = report.change is Change.CANCELED and client_id != order.client_order_id
    prevented = order.ended_by is EndedBy.SELF_TRADE and report.change is not Change.TRADE
    frame: Fields = {
        "e": "executionReport",
        "E": time(now_ns),
        "s": symbol_of(order.listing),
        "c": client_id,
        "S": _side(order),
        "o": type_of(order),
        "f": _time_in_force(order),
        "q": _original(order),
        "p": _price(order),
        "P": _ZERO,
        "F": _ZERO,
        "g": -1,
        "C": order.client_order_id if by_client else "",
        "x": "TRADE_PREVENTION" if prevented else _EXECUTIONS[report.change],
        "X": status_of(order),
        "r": "NONE",
        "i": order.order_id,
        "l": _ZERO if fill is None else _lots(order, fill.lots),
        "z": _lots(order, order.filled_lots),
        "L": _ZERO if fill is None else order.listing.price_text(fill.price_ticks, SPOT_DECIMALS),
        "n": "0" if fill is None else money(fill.fee),
        "N": None if fill is None else fill.fee_asset,
        "T": time(order.updated_ns),
        "t": -1 if fill is None else fill.fill_id,
        "I": execution_id,
        "w": order.state is OrderState.OPEN,
        "m": fill is not None and fill.is_maker,
        "M": fill is not None,
        "O": time(order.created_ns),
        "Z": money(order.filled_quote),
        "Y": _ZERO if fill is None else money(fill.quote),
        "Q": money(order.quote_quantity or Decimal(0)),
        "W": time(order.created_ns),
        "V": SELF_TRADE_NAMES[order.self_trade],
    }
    return frame


def account_position(account: Account, assets: Iterable[str], time: Time, now_ns: int) -> Fields:
    """outboundAccountPosition: the assets that changed."""
    rows: list[Fields] = []
    for asset in assets:
        balance = account.balance("spot", asset)
        rows.append({"a": asset, "f": money(balance.free), "l": money(balance.held)})
    return {"e": "outboundAccountPosition", "E": time(now_ns), "u": time(now_ns), "B": rows}


def balance_update(asset: str, delta: Decimal, time: Time, now_ns: int) -> Fields:
    """balanceUpdate: a deposit, withdrawal or transfer."""
    return {"e": "balanceUpdate", "E": time(now_ns), "a": asset, "d": money(delta), "T": time(now_ns)}
