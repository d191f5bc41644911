"""Whatever a client sends, the simulated Gate answers in the venue's words and keeps the connection."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_plus, urlencode

import aiohttp
import msgspec
import pytest
from yarl import URL

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
SEED = 20_261_123
REST = [
    ("POST", "/spot/orders"),
    ("POST", "/spot/batch_orders"),
    ("POST", "/spot/cancel_batch_orders"),
    ("POST", "/spot/amend_batch_orders"),
    ("POST", "/spot/countdown_cancel_all"),
    ("PATCH", "/spot/orders/t-a"),
    ("DELETE", "/spot/orders/1"),
    ("DELETE", "/spot/orders"),
    ("GET", "/spot/orders"),
    ("GET", "/spot/my_trades"),
    ("GET", "/spot/account_book"),
    ("POST", "/futures/usdt/orders"),
    ("POST", "/futures/usdt/batch_orders"),
    ("POST", "/futures/usdt/batch_cancel_orders"),
    ("POST", "/futures/usdt/batch_amend_orders"),
    ("PUT", "/futures/usdt/orders/t-a"),
    ("GET", "/futures/usdt/orders"),
    ("GET", "/futures/usdt/my_trades"),
    ("GET", "/futures/usdt/account_book"),
    ("POST", "/futures/usdt/positions/BTC_USDT/leverage"),
    ("POST", "/futures/usdt/dual_mode"),
    ("POST", "/account/stp_groups"),
    ("GET", "/wallet/withdraw_status"),
    ("GET", "/wallet/total_balance"),
]
COMMANDS = ("place", "batch_place", "cancel", "cancel_ids", "cancel_cp", "amend", "status", "list")
NAMES = [
    *("currency_pair", "contract", "text", "side", "amount", "price", "size", "type"),
    *("account", "time_in_force", "tif", "iceberg", "stp_act", "action_mode"),
    *("status", "limit", "page", "from", "to", "order_id", "last_id"),
    *("id", "currency", "leverage", "dual_mode", "close", "reduce_only", "auto_size", "timeout"),
]
VALUES: list[Any] = [
    *("", "0", "-1", "1", "1e5", "abc", "BTC_USDT", "t-a", "t-", "open", "finished", "buy", "sell", "market", "ioc"),
    *("poc", "true", None, True, 0, -3, 2.5, 1e300, [], {}, ["x"], {"a": 1}, "9" * 30, "NaN", "\u0663", "\x00"),
]


def odd(chance: random.Random) -> dict[str, Any]:
    """Half an order, half nonsense."""
    found = {name: chance.choice(VALUES) for name in chance.sample(NAMES, chance.randint(0, 5))}
    if chance.random() < 0.7:
        found |= {"currency_pair": "BTC_USDT", "contract": "BTC_USDT", "side": "buy", "tif": "ioc", "text": "t-a"}
        found |= {"amount": "0.001", "size": chance.choice([1, -2]), "price": chance.choice(["0", "60000", "150000"])}
    return found


def sign(text: str) -> str:
    return hmac.new(DEFAULT_SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()


async def test_rest(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    gate = await start_venue("gate", instruments=("BTC/USDT",))
    chance = random.Random(SEED)
    for _ in range(600):
        method, path = chance.choice(REST)
        query = urlencode({name: value for name, value in odd(chance).items() if isinstance(value, str)})
        body = b""
        if method in ("POST", "PUT", "PATCH"):
            bodies = (odd(chance), odd(chance), [odd(chance), odd(chance)], chance.choice(VALUES))
            body = msgspec.json.encode(chance.choice(bodies))
        now_s = str(gate.now_ms() // 1_000)
        digest = hashlib.sha512(body).hexdigest()
        text = f"{method}\n/api/v4{path}\n{unquote_plus(query)}\n{digest}\n{now_s}"
        url = URL(f"{gate.url}/api/v4{path}?{query}", encoded=True)
        headers = {"KEY": DEFAULT_KEY, "Timestamp": now_s, "SIGN": sign(text)}
        async with http.request(method, url, data=body, headers=headers) as answer:
            told = await answer.json()
            assert answer.status < 500, (method, path, query, body, told)
            assert answer.status < 400 or told["label"].isupper()


@pytest.mark.parametrize(("product", "path"), [("spot", "/ws/v4/"), ("futures", "/v4/ws/usdt")])
async def test_websocket(start_venue: StartVenue, http: aiohttp.ClientSession, product: str, path: str) -> None:
    gate = await start_venue("gate", instruments=("BTC/USDT",))
    chance = random.Random(SEED)
    async with http.ws_connect(gate.url + path) as socket:
        now_s = gate.now_ms() // 1_000
        login = {"api_key": DEFAULT_KEY, "timestamp": str(now_s), "signature": sign(f"api\n{product}.login\n\n{now_s}")}
        await socket.send_json({"time": now_s, "channel": f"{product}.login", "event": "api", "payload": login})
        for number in range(400):
            parameters = chance.choice((odd(chance), [odd(chance)], chance.choice(VALUES)))
            payload = chance.choice(({"req_id": str(number), "req_param": parameters}, parameters))
            channel = f"{product}.order_{chance.choice(COMMANDS)}"
            event = chance.choice(("api", "api", "subscribe", "dance"))
            request = {"time": now_s, "channel": channel, "event": event, "payload": payload}
            await socket.send_str(msgspec.json.encode(request).decode())
        await socket.send_json({"time": now_s, "channel": f"{product}.ping"})
        while True:
            message = await socket.receive(timeout=10)
            assert message.type is aiohttp.WSMsgType.TEXT, message
            if msgspec.json.decode(message.data).get("channel") == f"{product}.pong":
                break
