"""The private side is as deterministic as the prices: same seed, same start, same commands, same bytes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from tests.sim.binance_caller import NOW_NS, Caller, Clock, signed

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
Transcript = list[object]
NOW_MS = NOW_NS // 1_000_000
STEP_NS = 20_000_000


class Scribe:
    """Sends commands and writes down what comes back, headers included, but for the date of the HTTP library."""

    def __init__(self, server: SimServer, http: aiohttp.ClientSession, clock: Clock) -> None:
        self.server, self.http, self.clock = server, http, clock
        self.written: Transcript = []

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Any:
        url = aiohttp.client.URL(self.server.url + path, encoded=True)
        async with self.http.request(method, url, headers=headers, data=body or None) as answer:
            text = await answer.text()
            shown = {name: value for name, value in answer.headers.items() if name != "Date"}
            self.written.append((method, answer.status, shown, text))
        self.clock.now_ns += STEP_NS
        self.server.tick(self.clock.now_ns)
        return json.loads(text)

    async def hear(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Everything that was sent before the answer to a ping of ours."""
        await socket.ping(b"so far")
        while (message := await socket.receive(timeout=5)).type is not aiohttp.WSMsgType.PONG:
            assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
            self.written.append(message.data)


async def binance(scribe: Scribe, http: aiohttp.ClientSession) -> None:
    caller = Caller(http, scribe.server)

    async def ask(method: str, path: str, **params: object) -> Any:
        text = "&".join(f"{name}={value}" for name, value in ({"timestamp": scribe.server.now_ms()} | params).items())
        query = f"{path}?{text}&signature={signed(DEFAULT_SECRET, text)}"
        return await scribe.ask(method, query, {"X-MBX-APIKEY": DEFAULT_KEY})

    key = (await scribe.ask("POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": DEFAULT_KEY}))["listenKey"]
    spot, usdm = await http.ws_connect(scribe.server.url + "/ws-api/v3", autoping=False), f"/usdm/private/ws/{key}"
    await spot.send_json(caller.request("userDataStream.subscribe.signature"))
    await scribe.hear(spot)
    async with spot, http.ws_connect(scribe.server.url + usdm, autoping=False) as futures:
        for path in ("/api/v3/order", "/fapi/v1/order"):
            limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            order = await ask("POST", path, **limit, quantity="0.01", price="60000")
            await ask("POST", path, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
            await ask("DELETE", path, symbol="BTCUSDT", orderId=order["orderId"])
        await scribe.hear(spot)
        await scribe.hear(futures)


async def gate(scribe: Scribe, http: aiohttp.ClientSession) -> None:
    def sign(text: str) -> str:
        return hmac.new(DEFAULT_SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()

    async def ask(method: str, path: str, query: str = "", **body: object) -> Any:
        sent, now = json.dumps(body).encode() if body else b"", str(scribe.server.now_ms() // 1_000)
        text = f"{method}\n/api/v4{path}\n{query}\n{hashlib.sha512(sent).hexdigest()}\n{now}"
        headers = {"KEY": DEFAULT_KEY, "Timestamp": now, "SIGN": sign(text), "Content-Type": "application/json"}
        return await scribe.ask(method, f"/api/v4{path}" + (f"?{query}" if query else ""), headers, sent)

    async with http.ws_connect(scribe.server.url + "/ws/v4/", autoping=False) as socket:
        now = scribe.server.now_ms() // 1_000
        for channel in ("spot.orders", "spot.usertrades", "spot.balances"):
            auth = {"KEY": DEFAULT_KEY, "SIGN": sign(f"channel={channel}&event=subscribe&time={now}")}
            await socket.send_json(
                {"time": now, "channel": channel, "event": "subscribe", "payload": ["!all"], "auth": auth}
            )
        await scribe.hear(socket)
        limit = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": "60000"}
        order = await ask("POST", "/spot/orders", **limit)
        await ask("POST", "/spot/orders", **limit | {"type": "market", "amount": "100", "time_in_force": "ioc"})
        await ask("DELETE", f"/spot/orders/{order['id']}", "currency_pair=BTC_USDT")
        await ask("POST", "/futures/usdt/orders", contract="BTC_USDT", size=10, price="0", tif="ioc")
        await scribe.hear(socket)


async def mexc(scribe: Scribe, http: aiohttp.ClientSession) -> None:
    async def ask(method: str, path: str, **params: object) -> Any:
        text = "&".join(f"{name}={value}" for name, value in ({"timestamp": scribe.server.now_ms()} | params).items())
        query = f"/api/v3{path}?{text}&signature={signed(DEFAULT_SECRET, text)}"
        return await scribe.ask(method, query, {"X-MEXC-APIKEY": DEFAULT_KEY, "Content-Type": "application/json"})

    key = (await ask("POST", "/userDataStream"))["listenKey"]
    async with http.ws_connect(f"{scribe.server.url}/ws?listenKey={key}", autoping=False) as socket:
        channels = [f"spot@private.{name}.v3.api.pb" for name in ("orders", "deals", "account")]
        await socket.send_json({"method": "SUBSCRIPTION", "params": channels, "id": 1})
        await scribe.hear(socket)
        order = await ask("POST", "/order", symbol="BTCUSDT", side="BUY", type="LIMIT", quantity="0.01", price="60000")
        await ask("POST", "/order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="100")
        await ask("DELETE", "/order", symbol="BTCUSDT", orderId=order["orderId"])
        await scribe.hear(socket)


@pytest.mark.parametrize("trade", [binance, gate, mexc])
async def test_same_commands_same_bytes(
    start_venue: StartVenue, http: aiohttp.ClientSession, trade: Callable[..., Awaitable[None]]
) -> None:
    async def transcript() -> Transcript:
        clock = Clock()
        server = await start_venue(trade.__name__, instruments=("BTC/USDT",), seed=7, clock=clock)
        scribe = Scribe(server, http, clock)
        await trade(scribe, http)
        return scribe.written

    first, second = await asyncio.gather(transcript(), transcript())
    assert len(first) > 8
    assert first == second
