"""Bans and maintenance as websockets meet them, on every simulated venue: handshakes and private commands."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from tests.sim.binance_caller import Api, Caller, signed

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]

PATHS = {
    "binance": ("/ws", "/stream", "/usdm/public/ws", "/usdm/private/ws/anykey", "/ws-api/v3", "/ws-fapi/v1"),
    "gate": ("/ws/v4/", "/v4/ws/usdt"),
    "mexc": ("/ws", "/ws?listenKey=anykey", "/edge"),
}
BANNED = {"binance": 418, "gate": 403, "mexc": 418}


def gate_sign(text: str) -> str:
    return hmac.new(DEFAULT_SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()


@pytest.mark.parametrize(("venue", "path"), [(venue, path) for venue, paths in PATHS.items() for path in paths])
async def test_a_banned_address_opens_no_websocket(
    start_venue: StartVenue, http: aiohttp.ClientSession, venue: str, path: str
) -> None:
    server = await start_venue(venue, instruments=("BTC/USDT",))
    server.faults.switch_on(FaultOrder(FaultKind.BAN, seconds=30.0))
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(server.url + path)
    assert refused.value.status == BANNED[venue]
    assert server.faults.hits == {"ban": 1}
    server.faults.clear()
    async with http.ws_connect(server.url + path) as socket:
        assert not socket.closed


async def test_a_ban_of_a_request_leaves_handshakes_alone(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    server.faults.switch_on(FaultOrder(FaultKind.BAN, seconds=30.0, target="POST /api/v3/order"))
    async with http.ws_connect(server.url + "/ws") as socket:
        assert not socket.closed


@pytest.mark.parametrize(("path", "method"), [("/ws-api/v3", "order.place"), ("/ws-fapi/v1", "account.balance")])
async def test_a_ban_answers_the_ws_api_too(
    start_venue: StartVenue, http: aiohttp.ClientSession, path: str, method: str
) -> None:
    """Weights and bans are the address's, by REST and by websocket."""
    server = await start_venue("binance", instruments=("BTC/USDT",))
    async with http.ws_connect(server.url + path) as socket:
        api = Api(Caller(http, server), socket)
        server.faults.switch_on(FaultOrder(FaultKind.BAN, seconds=30.0))
        answer = await api.ask(method)
        assert (answer["status"], answer["error"]["code"]) == (418, -1003)
        assert 0 < answer["error"]["data"]["retryAfter"] - server.now_ms() <= 31_000


# ---- maintenance --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/ws-api/v3", "order.place"),
        ("/ws-api/v3", "session.logon"),
        ("/ws-api/v3", "userDataStream.subscribe.signature"),
        ("/ws-fapi/v1", "order.cancel"),
        ("/ws-fapi/v1", "userDataStream.start"),
    ],
)
async def test_binance_is_off_service(
    start_venue: StartVenue, http: aiohttp.ClientSession, path: str, method: str
) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    async with http.ws_connect(server.url + path) as socket:
        api = Api(Caller(http, server), socket)
        server.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, count=1))
        answer = await api.ask(method)
        assert (answer["status"], answer["error"]["code"]) == (503, -1016)
        assert server.faults.hits == {"maintenance": 1}
        assert (await api.ask(method))["status"] != 503, "it was to hit once"


async def test_maintenance_is_aimed_at_a_command(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    async with http.ws_connect(server.url + "/ws-api/v3") as socket:
        api = Api(Caller(http, server), socket)
        server.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, seconds=30.0, target="order.cancel"))
        assert (await api.ask("account.status"))["status"] == 200
        assert (await api.ask("order.cancel", symbol="BTCUSDT", orderId=1))["status"] == 503


async def test_gate_is_too_busy(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    server = await start_venue("gate", instruments=("BTC/USDT",))
    async with http.ws_connect(server.url + "/ws/v4/") as socket:
        now = server.now_ms() // 1_000
        server.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, count=2))
        payload = {"api_key": DEFAULT_KEY, "signature": gate_sign(f"api\nspot.login\n\n{now}"), "timestamp": str(now)}
        log_in = {"time": now, "channel": "spot.login", "event": "api", "payload": payload | {"req_id": "in"}}
        await socket.send_json(log_in)
        answer = await socket.receive_json(timeout=5)
        assert (answer["header"]["status"], answer["data"]["errs"]["label"]) == ("503", "TOO_BUSY")
        text = f"channel=spot.balances&event=subscribe&time={now}"
        auth = {"method": "api_key", "KEY": DEFAULT_KEY, "SIGN": gate_sign(text)}
        await socket.send_json({"time": now, "channel": "spot.balances", "event": "subscribe", "auth": auth})
        assert (await socket.receive_json(timeout=5))["error"]["code"] == 3
        assert server.faults.hits == {"maintenance": 2}
        await socket.send_json(log_in)
        assert (await socket.receive_json(timeout=5))["header"]["status"] == "200"


async def test_mexc_refuses_private_channels(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    server = await start_venue("mexc", instruments=("BTC/USDT",))
    query = f"timestamp={server.now_ms()}"
    url = f"{server.url}/api/v3/userDataStream?{query}&signature={signed(DEFAULT_SECRET, query)}"
    async with http.post(url, headers={"X-MEXC-APIKEY": DEFAULT_KEY, "Content-Type": "application/json"}) as answer:
        key = (await answer.json())["listenKey"]
    async with http.ws_connect(f"{server.url}/ws?listenKey={key}") as socket:
        server.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, count=1))
        channel = "spot@private.orders.v3.api.pb"
        for message in (f"Not Subscribed successfully! [{channel}]. Reason: Blocked!", channel):
            await socket.send_json({"method": "SUBSCRIPTION", "params": [channel], "id": 1})
            assert (await socket.receive_json(timeout=5))["msg"] == message


@pytest.mark.parametrize(
    ("method", "param"), [("login", {"apiKey": DEFAULT_KEY}), ("personal.filter", {"filters": []})]
)
async def test_mexc_perpetuals_refuse_private_commands(
    start_venue: StartVenue, http: aiohttp.ClientSession, method: str, param: dict[str, Any]
) -> None:
    server = await start_venue("mexc", instruments=("BTC/USDT",))
    async with http.ws_connect(server.url + "/edge") as socket:
        server.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, count=1))
        for is_down in (True, False):
            await socket.send_json({"method": method, "param": param})
            answer = await socket.receive_json(timeout=5)
            assert answer["channel"] == "rs.error"
            assert ("maintenance" in answer["data"]) is is_down
