"""What the two markets of `tick_venues.py` say: Binance's and Gate's spot wire, as much of it as the contenders need.

Each market has one listing, BTC/USDT, and one account. Its book is given from outside, an order is filled whole at the
best price of the other side, and balances follow exactly; nothing is matched, and no signature is checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tick_wire import Peer, Request

FEE = Decimal("0.001")
"""Takers pay it in what they receive."""
USDT, BTC = Decimal(1_000_000), Decimal(20)
Levels = list[tuple[str, str]]


class Placed(NamedTuple):
    """An order that was read whole, not answered yet. `answer` tells it, with its fill, to everybody."""

    market: Market
    side: str
    read_ns: int
    answer: Callable[[], None]


class Market:
    """One listing and one account. `step`: how prices are written; `name`: for people."""

    name = ""

    def __init__(self) -> None:
        self.sequence = 1_000
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.feeds: list[Peer] = []
        self.private: list[Peer] = []
        self.free = {"USDT": USDT, "BTC": BTC}
        self.orders = 0
        self.placed: list[Placed] = []

    def frame(self, bids: Levels, asks: Levels) -> bytes:
        """Change the book; gives the text that tells so."""
        self.sequence += 1
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in levels:
                if Decimal(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)
        return self._frame(bids, asks)

    def sorted_levels(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Bids and asks, the best ones first."""
        bids = sorted(self.bids.items(), key=lambda level: -Decimal(level[0]))
        return bids, sorted(self.asks.items(), key=lambda level: Decimal(level[0]))

    def fill(self, side: str, quantity: str) -> tuple[Decimal, Decimal, str]:
        """Price, fee and the fee's asset; the balances follow."""
        amount, buys = Decimal(quantity), side == "buy"
        price = min(map(Decimal, self.asks)) if buys else max(map(Decimal, self.bids))
        got, asset = (amount, "BTC") if buys else (amount * price, "USDT")
        gone, other = (amount * price, "USDT") if buys else (amount, "BTC")
        fee = got * FEE
        self.free[asset] += got - fee
        self.free[other] -= gone
        self.orders += 1
        return price, fee, asset

    def hear(self, peer: Peer, told: Request | bytes) -> None:
        """A request or a text."""
        if isinstance(told, Request):
            path = urlsplit(told.target)
            asked = dict(parse_qsl(path.query or told.body.decode()))
            peer.answer(_json(self.answer(path.path, asked)))
        else:
            self.on_text(peer, json.loads(told))

    def answer(self, path: str, asked: dict[str, str]) -> Any:
        """The body of a REST answer."""
        raise NotImplementedError

    def on_text(self, peer: Peer, asked: dict[str, Any]) -> None:
        """A websocket's message."""
        raise NotImplementedError

    def _frame(self, bids: Levels, asks: Levels) -> bytes:
        raise NotImplementedError


class Binance(Market):
    """Spot REST v3, streams (wrapped under /stream, plain elsewhere), WS API."""

    name = "binance"

    def _frame(self, bids: Levels, asks: Levels) -> bytes:
        told = {"e": "depthUpdate", "E": _ms(), "s": "BTCUSDT", "U": self.sequence, "u": self.sequence}
        text = _json(told | {"b": bids, "a": asks})
        if self.feeds and self.feeds[-1].path.startswith("/stream"):
            return b'{"stream":"btcusdt@depth@100ms","data":' + text + b"}"
        return text

    def answer(self, path: str, asked: dict[str, str]) -> Any:
        if path == "/api/v3/depth":
            bids, asks = self.sorted_levels()
            return {"lastUpdateId": self.sequence, "bids": bids, "asks": asks}
        if path == "/api/v3/time":
            return {"serverTime": _ms()}
        if path == "/api/v3/exchangeInfo":
            return {"timezone": "UTC", "serverTime": _ms(), "rateLimits": [], "symbols": [SYMBOL]}
        if path == "/api/v3/ticker/24hr":
            return [TICKER]
        if path == "/api/v3/account":
            balances = [{"asset": asset, "free": f"{free:f}", "locked": "0"} for asset, free in self.free.items()]
            return {"canTrade": True, "updateTime": _ms(), "accountType": "SPOT", "balances": balances, "uid": 1}
        if path == "/api/v3/account/commission":
            none = {"maker": "0", "taker": "0", "buyer": "0", "seller": "0"}
            usual = none | {"maker": str(FEE), "taker": str(FEE)}
            off = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0"}
            told = {"standardCommission": usual, "specialCommission": none, "taxCommission": none, "discount": off}
            return {"symbol": "BTCUSDT"} | told
        return []

    def on_text(self, peer: Peer, asked: dict[str, Any]) -> None:
        method = asked["method"]
        if method == "order.place":
            self.placed.append(
                Placed(self, asked["params"]["side"].lower(), peer.read_ns, lambda: self._place(peer, asked))
            )
        elif method == "SUBSCRIBE":
            self.feeds.append(peer)
            peer.tell(_json({"result": None, "id": asked["id"]}))
        else:
            if method.startswith("userDataStream"):
                self.private.append(peer)
            peer.tell(_json({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}))

    def _place(self, peer: Peer, asked: dict[str, Any]) -> None:
        order, now_ms = asked["params"], _ms()
        price, fee, asset = self.fill(order["side"].lower(), order["quantity"])
        number, client_id = self.orders, order["newClientOrderId"]
        quantity, spent = order["quantity"], f"{Decimal(order['quantity']) * price:f}"
        fill = {"price": f"{price:f}", "qty": quantity, "commission": f"{fee:f}", "commissionAsset": asset}
        words = {"status": "FILLED", "timeInForce": "IOC", "type": "LIMIT", "side": order["side"]}
        amounts = {"price": order["price"], "origQty": quantity, "executedQty": quantity}
        result = {
            "symbol": "BTCUSDT",
            "orderId": number,
            "orderListId": -1,
            "clientOrderId": client_id,
            "transactTime": now_ms,
            "workingTime": now_ms,
            "selfTradePreventionMode": "EXPIRE_MAKER",
            **words | amounts | {"origQuoteOrderQty": "0", "cummulativeQuoteQty": spent},
            "fills": [fill | {"tradeId": number}],
        }
        peer.tell(_json({"id": asked["id"], "status": 200, "result": result, "rateLimits": []}))
        report = {
            "e": "executionReport",
            "E": now_ms,
            "s": "BTCUSDT",
            "c": client_id,
            "S": order["side"],
            "o": "LIMIT",
            "f": "IOC",
            "q": quantity,
            "p": order["price"],
            "P": "0",
            "F": "0",
            "g": -1,
            "C": "",
            "r": "NONE",
            "i": number,
            "T": now_ms,
            "w": False,
            "m": False,
            "M": False,
            "O": now_ms,
            "Q": "0",
            "W": now_ms,
        }
        fresh = {"x": "NEW", "X": "NEW", "l": "0", "z": "0", "L": "0", "n": "0", "N": None, "t": -1, "Z": "0", "Y": "0"}
        taken = {"x": "TRADE", "X": "FILLED", "l": quantity, "z": quantity, "L": f"{price:f}", "n": f"{fee:f}"}
        taken |= {"N": asset, "t": number, "Z": spent, "Y": spent}
        balances = [{"a": name, "f": f"{free:f}", "l": "0"} for name, free in self.free.items()]
        position = {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": balances}
        for event in (report | fresh, report | taken, position):
            for one in self.private:
                one.tell(_json({"subscriptionId": 0, "event": event}))


class Gate(Market):
    """Spot REST v4, the public and private channels, and orders over the websocket."""

    name = "gate"

    def _frame(self, bids: Levels, asks: Levels) -> bytes:
        now_ms = _ms()
        result: dict[str, Any] = {"t": now_ms, "s": "ob.BTC_USDT.50", "u": self.sequence, "U": self.sequence}
        result |= {"b": bids} if bids else {}
        result |= {"a": asks} if asks else {}
        return _json(_event("spot.obu", "update", now_ms, result))

    def answer(self, path: str, asked: dict[str, str]) -> Any:
        name = path.removeprefix("/api/v4/")
        if name == "spot/time":
            return {"server_time": _ms()}
        if name == "spot/currency_pairs":
            return [PAIR]
        if name == "spot/tickers":
            return [PAIR_TICKER]
        if name == "spot/accounts":
            rows = self.free.items()
            return [
                {"currency": asset, "available": f"{free:f}", "locked": "0", "update_id": 0} for asset, free in rows
            ]
        if name == "wallet/fee":
            rates = {"taker_fee": str(FEE), "maker_fee": str(FEE), "gt_taker_fee": "0", "gt_maker_fee": "0"}
            return {"user_id": 1, "gt_discount": False} | rates
        if name == "spot/countdown_cancel_all":
            return {"triggerTime": str(_ms() + 30_000)}
        return []

    def on_text(self, peer: Peer, asked: dict[str, Any]) -> None:
        channel, now_ms = asked["channel"], _ms()
        if channel == "spot.ping":
            peer.tell(_json(_event("spot.pong", "", now_ms, None)))
        elif channel == "spot.login":
            peer.tell(_json(_reply(asked, now_ms, {"api_key": asked["payload"]["api_key"], "uid": "1"})))
        elif channel == "spot.order_place":
            side = asked["payload"]["req_param"]["side"]
            self.placed.append(Placed(self, side, peer.read_ns, lambda: self._place(peer, asked)))
        elif asked["event"] == "subscribe":
            about = {"id": asked.get("id"), "payload": asked.get("payload"), "error": None}
            peer.tell(_json(_event(channel, "subscribe", now_ms, {"status": "success"}) | about))
            if channel == "spot.obu":
                bids, asks = self.sorted_levels()
                whole = {"t": now_ms, "s": "ob.BTC_USDT.50", "u": self.sequence, "full": True, "b": bids, "a": asks}
                peer.tell(_json(_event(channel, "update", now_ms, whole)))
                self.feeds.append(peer)
            elif channel == "spot.orders":
                self.private.append(peer)

    def _place(self, peer: Peer, asked: dict[str, Any]) -> None:
        order, now_ms = asked["payload"]["req_param"], _ms()
        peer.tell(_json(_reply(asked, now_ms, asked["payload"]) | {"ack": True}))
        price, fee, asset = self.fill(order["side"], order["amount"])
        number, amount = str(self.orders), order["amount"]
        row = {
            "id": number,
            "text": order["text"],
            "currency_pair": "BTC_USDT",
            "side": order["side"],
            "type": "limit",
            "account": "spot",
            "time_in_force": order["time_in_force"],
            "amount": amount,
            "price": order["price"],
            "left": "0",
            "filled_amount": amount,
            "avg_deal_price": f"{price:f}",
            "filled_total": f"{Decimal(amount) * price:f}",
            "fee": f"{fee:f}",
            "fee_currency": asset,
            "create_time_ms": now_ms,
            "update_time_ms": now_ms,
            "finish_as": "filled",
            "iceberg": "0",
        }
        peer.tell(_json(_reply(asked, now_ms, row | {"status": "closed"}) | {"ack": False}))
        fill = {
            "id": self.orders,
            "order_id": number,
            "text": order["text"],
            "currency_pair": "BTC_USDT",
            "create_time_ms": str(now_ms),
            "side": order["side"],
            "amount": amount,
            "role": "taker",
            "price": f"{price:f}",
            "fee": f"{fee:f}",
            "fee_currency": asset,
            "point_fee": "0",
            "gt_fee": "0",
        }
        balances = [
            {"currency": name, "timestamp_ms": str(now_ms), "total": f"{free:f}", "available": f"{free:f}"}
            | {"change": "0", "change_type": "order-match", "user": "1"}
            for name, free in self.free.items()
        ]
        told = {"spot.orders": [row | {"event": "finish"}], "spot.usertrades": [fill], "spot.balances": balances}
        for channel, rows in told.items():
            for one in self.private:
                one.tell(_json(_event(channel, "update", now_ms, rows)))


def _event(channel: str, event: str, now_ms: int, result: Any) -> dict[str, Any]:
    return {"time": now_ms // 1_000, "time_ms": now_ms, "channel": channel, "event": event, "result": result}


def _reply(asked: dict[str, Any], now_ms: int, result: Any) -> dict[str, Any]:
    header = {"response_time": str(now_ms), "status": "200", "channel": asked["channel"], "event": "api"}
    return {"request_id": asked["payload"]["req_id"], "header": header, "data": {"result": result}}


def _json(told: Any) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def _ms() -> int:
    return time.time_ns() // 1_000_000


SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
    "quoteOrderQtyMarketAllowed": True,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5.0", "applyMinToMarket": True, "maxNotional": "9000000.0"},
    ],
    "permissions": [],
    "permissionSets": [["SPOT"]],
}
TICKER = {
    "symbol": "BTCUSDT",
    "lastPrice": "60000.00",
    "bidPrice": "59999.00",
    "askPrice": "60001.00",
    "count": 9,
    "bidQty": "1",
    "askQty": "1",
    "volume": "500",
    "quoteVolume": "30000000",
    "openPrice": "60000.00",
    "highPrice": "60000.00",
    "lowPrice": "60000.00",
    "openTime": 1,
    "closeTime": 2,
    "firstId": 1,
    "lastId": 9,
}
PAIR = {
    "id": "BTC_USDT",
    "base": "BTC",
    "base_name": "BTC",
    "quote": "USDT",
    "quote_name": "USDT",
    "fee": "0.1",
    "min_base_amount": "0.00001",
    "min_quote_amount": "3",
    "max_quote_amount": "3000000",
    "amount_precision": 6,
    "precision": 1,
    "trade_status": "tradable",
    "sell_start": 1,
    "buy_start": 1,
    "type": "normal",
}
PAIR_TICKER = {
    "currency_pair": "BTC_USDT",
    "last": "60000",
    "lowest_ask": "60001",
    "highest_bid": "59999",
    "change_percentage": "0",
    "base_volume": "500",
    "quote_volume": "30000000",
    "high_24h": "60000",
    "low_24h": "60000",
}
