"""How MEXC writes spot orders and fills, by REST and in private frames.

Order ids are text (`C02__` and digits). Statuses say partly filled in two ways: PARTIALLY_CANCELED (5 on the stream) is
over, with fills. A market order shows a protective price, five per cent beyond the last one, that no fill ever had.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from oneprice.sim.dialects.mexc.desk_rules import SPOT_PRICE_BAND
from oneprice.sim.dialects.mexc.listed import plain, spot_symbol
from oneprice.sim.dialects.mexc.protobuf import Value
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.keeping import keep_newest
from oneprice.sim.orders import EndedBy, OrderState, SimFill, SimOrder

__all__ = ["STP_MODES", "MarketPrices", "order_id_text", "order_number", "type_text"]

_ORDER_ID: Final = re.compile(r"C02__([0-9]{1,19})([0-9]{3})")
_TYPES: Final = {
    TimeInForce.GTC: ("LIMIT", 1),
    TimeInForce.POST_ONLY: ("LIMIT_MAKER", 2),
    TimeInForce.IOC: ("IMMEDIATE_OR_CANCEL", 3),
    TimeInForce.FOK: ("FILL_OR_KILL", 4),
}
_MARKET: Final = ("MARKET", 5)
_STATUS_NUMBERS: Final = {"NEW": 1, "FILLED": 2, "PARTIALLY_FILLED": 3, "CANCELED": 4, "PARTIALLY_CANCELED": 5}

_PRICES_KEPT: Final = 100_000

STP_MODES: Final[Mapping[str, SelfTrade]] = {
    "": SelfTrade.NONE,
    "cancel_taker": SelfTrade.CANCEL_TAKER,
    "cancel_maker": SelfTrade.CANCEL_MAKER,
    "cancel_both": SelfTrade.CANCEL_BOTH,
}
_STP_TEXTS: Final = {mode: text for text, mode in STP_MODES.items()}


def order_id_text(order: SimOrder) -> str:
    """`C02__` and digits, as on the wire."""
    return f"C02__{order.order_id}{order.order_id % 1_000:03d}"


def order_number(text: str) -> int | None:
    """The desk's number of an order id; None when it is none of MEXC's."""
    found = _ORDER_ID.fullmatch(text)
    if found is None or int(found[1]) % 1_000 != int(found[2]):
        return None
    return int(found[1])


def type_text(order: SimOrder) -> str:
    """LIMIT, MARKET and so on."""
    return (_MARKET if order.is_market else _TYPES[order.time_in_force])[0]


class MarketPrices:
    """Writes orders; remembers the protective prices of market orders, which are made up when first asked for."""

    def __init__(self) -> None:
        self._prices: dict[int, str] = {}

    def price(self, order: SimOrder) -> str:
        """The limit price, or the protective one."""
        listing = order.listing
        if order.price_ticks is not None:
            return listing.price_text(order.price_ticks)
        found = self._prices.get(order.order_id)
        if found is None:
            last = listing.day().last_ticks
            beyond = int(last * SPOT_PRICE_BAND)
            found = listing.price_text(last + (beyond if order.side is Side.BUY else -beyond))
            self._prices[order.order_id] = found
            keep_newest(self._prices, _PRICES_KEPT)
        return found

    def accepted(self, order: SimOrder) -> dict[str, object]:
        """The answer to a new order: neither its status nor fills nor the client's id. A market order gets the lean
        form; both are documented."""
        answer = self.accepted_lean(order)
        if order.is_market:
            return answer
        return answer | {
            "price": self.price(order),
            "origQty": quantity(order),
            "type": type_text(order),
            "side": order.side.name,
            "stpMode": _STP_TEXTS[order.self_trade],
            "transactTime": order.created_ns // 1_000_000,
        }

    def accepted_lean(self, order: SimOrder) -> dict[str, object]:
        """The least answer to a new order."""
        return {"symbol": spot_symbol(order.listing), "orderId": order_id_text(order), "orderListId": -1}

    def row(self, order: SimOrder) -> dict[str, object]:
        """A queried or listed order."""
        by_quote = order.quote_quantity
        return {
            "symbol": spot_symbol(order.listing),
            "orderId": order_id_text(order),
            "orderListId": -1,
            "clientOrderId": order.client_order_id or None,
            "price": self.price(order),
            "origQty": quantity(order),
            "executedQty": order.listing.lots_text(order.filled_lots),
            "cummulativeQuoteQty": plain(order.filled_quote),
            "status": status(order),
            "timeInForce": None,
            "type": type_text(order),
            "side": order.side.name,
            "stopPrice": None,
            "icebergQty": None,
            "time": order.created_ns // 1_000_000,
            "updateTime": order.updated_ns // 1_000_000,
            "stpMode": _STP_TEXTS[order.self_trade],
            "cancelReason": "stp_cancel" if order.ended_by is EndedBy.SELF_TRADE else "",
            "isWorking": True,
            "origQuoteOrderQty": None if by_quote is None else plain(by_quote),
        }

    def cancelled(self, order: SimOrder, new_client_id: str = "") -> dict[str, object]:
        """The answer to a cancel."""
        return {
            "symbol": spot_symbol(order.listing),
            "origClientOrderId": order.client_order_id or None,
            "orderId": order_id_text(order),
            "clientOrderId": new_client_id or None,
            "price": self.price(order),
            "origQty": quantity(order),
            "executedQty": order.listing.lots_text(order.filled_lots),
            "cummulativeQuoteQty": plain(order.filled_quote),
            "status": status(order),
            "timeInForce": None,
            "type": type_text(order),
            "side": order.side.name,
        }

    def frame(self, order: SimOrder, fill: SimFill | None) -> dict[str, Value]:
        """The body `privateOrders` of a frame."""
        listing = order.listing
        left = listing.base_amount(order.left_lots)
        worth = order.quote_quantity or Decimal(0)
        left_worth = worth - order.filled_quote if order.state is OrderState.OPEN else Decimal(0)
        if order.price_ticks is not None and order.lots is not None:
            worth = listing.quote_amount(order.price_ticks, order.lots)
            left_worth = listing.quote_amount(order.price_ticks, order.left_lots)
        body: dict[str, Value] = {
            "id": order_id_text(order),
            "clientId": order.client_order_id,
            "price": self.price(order),
            "quantity": quantity(order),
            "amount": plain(worth),
            "avgPrice": average(order),
            "orderType": (_MARKET if order.is_market else _TYPES[order.time_in_force])[1],
            "tradeType": 1 if order.side is Side.BUY else 2,
            "isMaker": fill is not None and fill.is_maker,
            "remainAmount": plain(max(left_worth, Decimal(0))),
            "remainQuantity": plain(left),
            "cumulativeQuantity": listing.lots_text(order.filled_lots),
            "cumulativeAmount": plain(order.filled_quote),
            "status": _STATUS_NUMBERS[status(order)],
            "createTime": order.created_ns // 1_000_000,
        }
        if fill is not None:
            body["lastDealQuantity"] = listing.lots_text(fill.lots)
        return body


def quantity(order: SimOrder) -> str:
    """What was ordered in base; of a market order by quote what it got."""
    return order.listing.lots_text(order.filled_lots if order.lots is None else order.lots)


def average(order: SimOrder) -> str:
    """The mean price of the fills, two decimals finer than the tick; "0" without any."""
    if not order.filled_lots:
        return "0"
    mean = order.filled_quote / order.listing.base_amount(order.filled_lots)
    return plain(Decimal(f"{mean:.{order.listing.price_scale.decimals + 2}f}"))


def status(order: SimOrder) -> str:
    """The status of REST."""
    if order.state is OrderState.FILLED:
        return "FILLED"
    if order.state is OrderState.OPEN:
        return "PARTIALLY_FILLED" if order.filled_lots else "NEW"
    return "PARTIALLY_CANCELED" if order.filled_lots else "CANCELED"


def trade_id(fill: SimFill) -> str:
    """A fill's id; public trades are numbered in another form. The two sides of a trade with oneself differ."""
    return f"{fill.fill_id}X{1 if fill.order.side is Side.BUY else 2}"


def trade(fill: SimFill, is_self_trade: bool) -> dict[str, object]:
    """A fill of `myTrades`."""
    order, listing = fill.order, fill.order.listing
    return {
        "symbol": spot_symbol(listing),
        "id": trade_id(fill),
        "orderId": order_id_text(order),
        "orderListId": -1,
        "price": listing.price_text(fill.price_ticks),
        "qty": listing.lots_text(fill.lots),
        "quoteQty": plain(fill.quote),
        "commission": plain(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.ts_ns // 1_000_000,
        "isBuyer": order.side is Side.BUY,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
        "isSelfTrade": is_self_trade,
        "clientOrderId": order.client_order_id or None,
    }


def trade_frame(fill: SimFill) -> dict[str, Value]:
    """The body `privateDeals` of a frame."""
    order, listing = fill.order, fill.order.listing
    return {
        "price": listing.price_text(fill.price_ticks),
        "quantity": listing.lots_text(fill.lots),
        "amount": plain(fill.quote),
        "tradeType": 1 if order.side is Side.BUY else 2,
        "isMaker": fill.is_maker,
        "isSelfTrade": False,
        "tradeId": trade_id(fill),
        "clientOrderId": order.client_order_id,
        "orderId": order_id_text(order),
        "feeAmount": plain(fill.fee),
        "feeCurrency": fill.fee_asset,
        "time": fill.ts_ns // 1_000_000,
    }
