"""A venue that only answers: what is sent to it is neither checked nor matched. For `order_rtt.py`.

`python order_venue.py [--core N]` prints one JSON line with its two ports: HTTP and websocket.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "baseCommissionPrecision": 8,
    "quoteCommissionPrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
    "icebergAllowed": True,
    "ocoAllowed": True,
    "otoAllowed": True,
    "quoteOrderQtyMarketAllowed": True,
    "allowTrailingStop": True,
    "cancelReplaceAllowed": True,
    "amendAllowed": True,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.0",
            "applyMinToMarket": True,
            "maxNotional": "9000000.0",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ],
    "permissions": [],
    "permissionSets": [["SPOT"]],
    "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
    "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
}
ANSWERS: dict[str, Any] = {
    "/api/v3/exchangeInfo": {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "symbols": [SYMBOL]},
    "/api/v3/openOrders": [],
    "/api/v3/account": {"balances": [], "canTrade": True, "permissions": ["SPOT"], "updateTime": 0},
}


def placed(fields: dict[str, Any], number: int) -> dict[str, Any]:
    """An order that rests, as FULL answers tell it."""
    return {
        "symbol": fields["symbol"],
        "orderId": number,
        "orderListId": -1,
        "clientOrderId": fields.get("newClientOrderId", "x"),
        "transactTime": time.time_ns() // 1_000_000,
        "price": fields["price"],
        "origQty": fields["quantity"],
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": fields["side"],
        "workingTime": time.time_ns() // 1_000_000,
        "fills": [],
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


class Http(asyncio.Protocol):
    """Requests come whole, one at a time: these clients send no faster."""

    orders = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if not end or len(body) < length:
            return
        self._buffer = b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        parts = urlsplit(target)
        answer: Any
        if method == "POST" and parts.path == "/api/v3/order":
            Http.orders += 1
            answer = placed(dict(parse_qsl(parts.query or body.decode())), Http.orders)
        elif parts.path == "/api/v3/time":
            answer = {"serverTime": time.time_ns() // 1_000_000}
        else:
            answer = ANSWERS.get(parts.path, {})
        text = json.dumps(answer, separators=(",", ":")).encode()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n"
            b"Connection: keep-alive\r\nx-mbx-uuid: 3f0c9f0e-0f2f-4bb1-9d43-6c1c3d2f9a11\r\n"
            b"x-mbx-used-weight: 1\r\nx-mbx-used-weight-1m: 1\r\nx-mbx-order-count-10s: 1\r\n"
            b"x-mbx-order-count-1d: 1\r\nStrict-Transport-Security: max-age=31536000; includeSubdomains\r\n"
            b"X-Frame-Options: SAMEORIGIN\r\nCache-Control: no-cache, no-store, must-revalidate\r\n\r\n%b"
            % (len(text), text)
        )


class Socket(WSListener):
    """The WS API: orders, and the subscription to an account's events."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            return
        if frame.msg_type is not WSMsgType.TEXT:
            return
        asked = json.loads(frame.get_payload_as_bytes())
        result: Any = {"subscriptionId": 0}
        if asked["method"] == "order.place":
            Http.orders += 1
            result = placed(asked["params"], Http.orders)
        limits = [
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 1},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000, "count": 1},
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000, "count": 1},
        ]
        answer = {"id": asked["id"], "status": 200, "result": result, "rateLimits": limits}
        transport.send(WSMsgType.TEXT, json.dumps(answer, separators=(",", ":")).encode())


async def serve() -> None:
    loop = asyncio.get_running_loop()
    http = await loop.create_server(Http, "127.0.0.1", 0)

    def listen(request: WSUpgradeRequest) -> WSListener:
        return Socket()

    sockets = await ws_create_server(listen, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (http, sockets)]
    print(json.dumps({"http": ports[0], "websocket": ports[1]}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, default=-1)
    core = parser.parse_args().core
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    uvloop.run(serve())


if __name__ == "__main__":
    main()
