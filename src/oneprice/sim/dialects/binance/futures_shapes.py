"""Futures orders, fills and positions as Binance writes them (REST, WS API and user stream, 2026-07)."""

from decimal import Decimal

import msgspec

from oneprice.sim.accounts import Account, SimPosition
from oneprice.sim.dialects.binance.rules import futures_decimals, symbol_of
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.spot_shapes import SELF_TRADE_NAMES, money, status_of
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Change, EndedBy, OrderReport, OrderState, SimFill, SimOrder

_EXECUTIONS = {
    Change.NEW: "NEW",
    Change.TRADE: "TRADE",
    Change.CANCELED: "CANCELED",
    Change.EXPIRED: "EXPIRED",
    Change.AMENDED: "AMENDMENT",
}
_EXPIRY_REASONS = {EndedBy.SELF_TRADE: "1", EndedBy.IOC: "2", EndedBy.NO_LIQUIDITY: "2", EndedBy.REDUCE_ONLY: "4"}


class Extras(msgspec.Struct, frozen=True):
    """What an order was sent with that the desk does not keep. `good_till_ms`: 0 unless GTD."""

    price_match: str = "NONE"
    good_till_ms: int = 0
    modified: int = 0


NO_EXTRAS = Extras()


def price_text(listing: SimListing, ticks: int | None) -> str:
    """A price with the symbol's pricePrecision."""
    return listing.price_text(ticks or 0, futures_decimals(listing)[0])


def lots_text(listing: SimListing, lots: int) -> str:
    """A quantity with the symbol's quantityPrecision."""
    return listing.lots_text(lots, futures_decimals(listing)[1])


def _time_in_force(order: SimOrder, extras: Extras) -> str:
    if order.is_market:
        return "GTC"
    if extras.good_till_ms:
        return "GTD"
    return "GTX" if order.time_in_force is TimeInForce.POST_ONLY else order.time_in_force.name


def _original(order: SimOrder) -> int:
    return order.filled_lots if order.lots is None else order.lots


def _average(order: SimOrder) -> Decimal:
    if not order.filled_lots:
        return Decimal(0)
    return order.filled_quote / order.listing.base_amount(order.filled_lots)


def average_text(order: SimOrder) -> str:
    """The average price of what is filled, with more decimals than prices have."""
    return f"{_average(order):.{max(5, futures_decimals(order.listing)[0])}f}"


def side_text(order: SimOrder) -> str:
    """BUY or SELL."""
    return "BUY" if order.side is Side.BUY else "SELL"


def _status(order: SimOrder, extras: Extras) -> str:
    ended_by_time = order.ended_by is EndedBy.VENUE and extras.good_till_ms
    return "EXPIRED" if ended_by_time else status_of(order)


def commanded(order: SimOrder, extras: Extras, *, before_matching: bool = False) -> Fields:
    """The answer to a new, changed or cancelled order; since 2026-07 without avgPrice and cumQuote.

    `before_matching`: as the order came in, which is all that ACK tells.
    """
    listing = order.listing
    filled = lots_text(listing, 0 if before_matching else order.filled_lots)
    kind = "MARKET" if order.is_market else "LIMIT"
    return {
        "orderId": order.order_id,
        "symbol": symbol_of(listing),
        "status": "NEW" if before_matching else _status(order, extras),
        "clientOrderId": order.client_order_id,
        "price": price_text(listing, order.price_ticks),
        "origQty": lots_text(listing, _original(order)),
        "executedQty": filled,
        "cumQty": filled,
        "timeInForce": _time_in_force(order, extras),
        "type": kind,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": side_text(order),
        "positionSide": "BOTH",
        "stopPrice": price_text(listing, 0),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": kind,
        "priceMatch": extras.price_match,
        "selfTradePreventionMode": SELF_TRADE_NAMES[order.self_trade],
        "goodTillDate": extras.good_till_ms,
        "updateTime": order.updated_ns // 1_000_000,
    }


def queried(order: SimOrder, extras: Extras) -> Fields:
    """An order as queries have it: with avgPrice, cumQuote and time."""
    row = commanded(order, extras)
    del row["cumQty"]
    return row | {
        "avgPrice": average_text(order),
        "cumQuote": _trimmed(order.filled_quote),
        "time": order.created_ns // 1_000_000,
    }


def trade(fill: SimFill) -> Fields:
    """A fill as /userTrades has it."""
    order, listing = fill.order, fill.order.listing
    quantity = lots_text(listing, fill.lots)
    return {
        "symbol": symbol_of(listing),
        "pair": symbol_of(listing),
        "id": fill.fill_id,
        "orderId": order.order_id,
        "side": side_text(order),
        "price": price_text(listing, fill.price_ticks),
        "qty": quantity,
        "baseQty": quantity,
        "realizedPnl": money(fill.realised),
        "marginAsset": listing.instrument.quote,
        "quoteQty": _trimmed(fill.quote),
        "commission": money(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.ts_ns // 1_000_000,
        "positionSide": "BOTH",
        "buyer": order.side is Side.BUY,
        "maker": fill.is_maker,
    }


def order_update(report: OrderReport, extras: Extras, now_ns: int) -> Fields:
    """ORDER_TRADE_UPDATE."""
    order, fill, listing = report.order, report.fill, report.order.listing
    kind = "MARKET" if order.is_market else "LIMIT"
    status = _status(order, extras)
    inner: Fields = {
        "s": symbol_of(listing),
        "c": order.client_order_id,
        "S": side_text(order),
        "o": kind,
        "f": _time_in_force(order, extras),
        "q": lots_text(listing, _original(order)),
        "p": price_text(listing, order.price_ticks),
        "ap": average_text(order) if order.filled_lots else "0",
        "sp": "0",
        "x": "EXPIRED" if status.startswith("EXPIRED") else _EXECUTIONS[report.change],
        "X": status,
        "i": order.order_id,
        "l": lots_text(listing, 0 if fill is None else fill.lots),
        "z": lots_text(listing, order.filled_lots),
        "L": price_text(listing, None if fill is None else fill.price_ticks),
        "T": order.updated_ns // 1_000_000,
        "t": 0 if fill is None else fill.fill_id,
        "b": _open_worth(order, Side.BUY),
        "a": _open_worth(order, Side.SELL),
        "m": fill is not None and fill.is_maker,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": kind,
        "ps": "BOTH",
        "cp": False,
        "rp": "0" if fill is None else money(fill.realised),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": SELF_TRADE_NAMES[order.self_trade],
        "pm": extras.price_match,
        "gtd": extras.good_till_ms,
        "er": _EXPIRY_REASONS.get(order.ended_by, "0"),
    }
    if fill is not None:
        inner |= {"n": money(fill.fee), "N": fill.fee_asset}
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": order.updated_ns // 1_000_000,
        "E": now_ns // 1_000_000,
        "o": inner,
    }


def trade_lite(fill: SimFill, now_ns: int) -> Fields:
    """TRADE_LITE: a fill told before its ORDER_TRADE_UPDATE, and in addition to it."""
    order, listing = fill.order, fill.order.listing
    return {
        "e": "TRADE_LITE",
        "E": now_ns // 1_000_000,
        "T": fill.ts_ns // 1_000_000,
        "s": symbol_of(listing),
        "q": lots_text(listing, _original(order)),
        "p": price_text(listing, order.price_ticks),
        "m": fill.is_maker,
        "c": order.client_order_id,
        "S": side_text(order),
        "L": price_text(listing, fill.price_ticks),
        "l": lots_text(listing, fill.lots),
        "t": fill.fill_id,
        "i": order.order_id,
    }


def account_update(
    account: Account, reason: str, assets: dict[str, Decimal], position: Fields | None, wallet: str, now_ns: int
) -> Fields:
    """ACCOUNT_UPDATE: balances that changed (`assets` with the change that is no trade's) and a position."""
    rows = []
    for asset, change in assets.items():
        held = money(account.balance(wallet, asset).total)
        rows.append({"a": asset, "wb": held, "cw": held, "bc": money(change)})
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now_ns // 1_000_000,
        "T": now_ns // 1_000_000,
        "a": {"m": reason, "B": rows, "P": [] if position is None else [position]},
    }


def stream_position(listing: SimListing, position: SimPosition, unrealised: Decimal, fee: Decimal) -> Fields:
    """A row of ACCOUNT_UPDATE's P."""
    return {
        "s": symbol_of(listing),
        "pa": lots_text(listing, position.lots),
        "ep": entry_text(listing, position),
        "bep": entry_text(listing, position, fee),
        "cr": money(position.realised),
        "up": money(unrealised),
        "mt": "cross",
        "iw": "0",
        "ps": "BOTH",
    }


def entry_text(listing: SimListing, position: SimPosition, fee: Decimal = Decimal(0)) -> str:
    """Average price of the position; with `fee` the price at which it would be even after that."""
    if not position.lots:
        return "0.0"
    entry = position.cost / listing.base_amount(position.lots)
    even = entry * (1 + (fee if position.lots > 0 else -fee))
    return _trimmed(round(even, 8))


def _open_worth(order: SimOrder, side: Side) -> str:
    if order.side is not side or order.state is not OrderState.OPEN or order.price_ticks is None:
        return "0"
    return _trimmed(order.listing.quote_amount(order.price_ticks, order.left_lots))


def _trimmed(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
