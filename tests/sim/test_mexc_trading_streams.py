"""MEXC's private streams: listen keys, protobuf frames of spot (read by ccxt's generated classes), `push.personal`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
from google.protobuf.json_format import MessageToDict

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, Account, ApiKey
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Ticket
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
ORDERS, DEALS, ACCOUNT = (f"spot@private.{name}.v3.api.pb" for name in ("orders", "deals", "account"))


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.ns = 1_795_000_000_000_000_000

    def __call__(self) -> int:
        return self.ns


class Wire:
    """One websocket: protobuf frames come as (channel, symbol, body), JSON ones as they are."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self) -> Any:
        message = await asyncio.wait_for(self.socket.receive(), 5)
        if message.type is aiohttp.WSMsgType.BINARY:
            wrapper = PushDataV3ApiWrapper()
            wrapper.ParseFromString(message.data)
            shown = MessageToDict(wrapper, preserving_proto_field_name=True)
            (body,) = (shown[name] for name in ("privateOrders", "privateDeals", "privateAccount") if name in shown)
            return shown["channel"], shown.get("symbol"), body
        if message.type is aiohttp.WSMsgType.TEXT:
            return json.loads(message.data) if message.data.startswith("{") else message.data
        raise ConnectionError(f"{message.type.name} {message.data}")

    async def take(self, count: int) -> list[Any]:
        return [await self.next() for _ in range(count)]

    async def until_closed(self) -> int | None:
        while True:
            message = await asyncio.wait_for(self.socket.receive(), 5)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return int(message.data)
            if message.type is aiohttp.WSMsgType.CLOSED:
                return self.socket.close_code


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def mexc(start_venue: StartVenue, clock: Clock) -> SimServer:
    return await start_venue("mexc", instruments=("BTC/USDT",), clock=clock, still=True)


@pytest.fixture
async def open_wire(mexc: SimServer, http: aiohttp.ClientSession) -> AsyncIterator[Callable[[str], Awaitable[Wire]]]:
    wires: list[Wire] = []

    async def connect(path: str) -> Wire:
        wires.append(Wire(await http.ws_connect(mexc.url + path)))
        return wires[-1]

    yield connect
    for wire in wires:
        await wire.socket.close()


async def listen_key(
    http: aiohttp.ClientSession, server: SimServer, method: str = "POST", status: int = 200, key: str = ""
) -> Any:
    query = (f"listenKey={key}&" if key else "") + f"timestamp={server.now_ms()}"
    signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
    url = f"{server.url}/api/v3/userDataStream?{query}&signature={signature}"
    headers = {"X-MEXC-APIKEY": DEFAULT_KEY, "Content-Type": "application/json"}
    async with http.request(method, url, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


def account_of(server: SimServer) -> Account:
    found = server.accounts.find(DEFAULT_KEY)
    assert found is not None
    return found[0]


def place(server: SimServer, market: str, **ticket: Any) -> Any:
    (item,) = server.markets[market].listings.values()
    return server.desks[market].place(account_of(server), item, Ticket(**ticket), server.now_ns())


def listing(server: SimServer, market: str) -> SimListing:
    (item,) = server.markets[market].listings.values()
    return item


@pytest.fixture
async def private(mexc: SimServer, http: aiohttp.ClientSession, open_wire: Callable[[str], Awaitable[Wire]]) -> Wire:
    """A spot connection that has joined all private channels."""
    wire = await open_wire(f"/ws?listenKey={(await listen_key(http, mexc))['listenKey']}")
    await wire.socket.send_json({"method": "SUBSCRIPTION", "params": [ORDERS, DEALS, ACCOUNT], "id": 7})
    assert await wire.next() == {"id": 7, "code": 0, "msg": f"{ORDERS},{DEALS},{ACCOUNT}"}
    return wire


# ---- spot ---------------------------------------------------------------------------------------------


async def test_a_resting_order_is_told_with_what_it_holds(mexc: SimServer, private: Wire) -> None:
    order = place(mexc, "spot", side=Side.BUY, quantity=Decimal("0.01"), price=Decimal(50_000), client_order_id="me")
    told, balance = await private.take(2)
    now = str(mexc.now_ms())
    assert told == (
        ORDERS,
        "BTCUSDT",
        {
            "id": f"C02__{order.order_id}{order.order_id % 1000:03d}",
            "clientId": "me",
            "price": "50000",
            "quantity": "0.01",
            "amount": "500",
            "avgPrice": "0",
            "orderType": 1,
            "tradeType": 1,
            "remainAmount": "500",
            "remainQuantity": "0.01",
            "cumulativeQuantity": "0",
            "cumulativeAmount": "0",
            "status": 1,
            "createTime": now,
        },
    )
    assert balance[:2] == (ACCOUNT, None)
    coin = balance[2].pop("coinId")
    assert len(coin) == 32
    assert balance[2] == {
        "vcoinName": "USDT",
        "balanceAmount": "199500",
        "balanceAmountChange": "-500",
        "frozenAmount": "500",
        "frozenAmountChange": "500",
        "type": "ENTRUST_PLACE",
        "time": now,
    }
    mexc.desks["spot"].cancel(order, mexc.now_ns())
    told, balance = await private.take(2)
    assert (told[2]["status"], balance[2]["type"], balance[2]["frozenAmountChange"]) == (4, "ENTRUST_CANCEL", "-500")


async def test_fills_come_with_deals_and_balances(mexc: SimServer, private: Wire) -> None:
    item = listing(mexc, "spot")
    ticks = item.top.ask_ticks - 1
    order = place(mexc, "spot", side=Side.BUY, quantity=Decimal("0.01"), price=item.price_scale.value(ticks))
    await private.take(2)
    item.engine.place("test", Side.SELL, 400_000, ticks, ts_ns=mexc.now_ns())
    told, deal, *balances = await private.take(4)
    assert (told[2]["status"], told[2]["isMaker"], told[2]["lastDealQuantity"]) == (3, True, "0.004")
    assert (told[2]["cumulativeQuantity"], told[2]["remainQuantity"]) == ("0.004", "0.006")
    assert told[2]["avgPrice"] == told[2]["price"] == item.price_text(ticks)
    assert (deal[2]["orderId"], deal[2]["quantity"], deal[2]["isMaker"]) == (told[2]["id"], "0.004", True)
    assert (deal[2]["feeAmount"], deal[2]["feeCurrency"]) == ("0", "BTC")
    assert {balance[2]["vcoinName"]: balance[2]["type"] for balance in balances} == {
        "USDT": "ENTRUST",
        "BTC": "ENTRUST",
    }
    mexc.desks["spot"].cancel(order, mexc.now_ns())
    assert (await private.next())[2]["status"] == 5  # partly cancelled is over


async def test_a_market_order_by_quote_fills(mexc: SimServer, private: Wire) -> None:
    place(mexc, "spot", side=Side.BUY, quote_quantity=Decimal(100))
    frames = await private.take(2)
    while frames[-1][0] != DEALS:
        frames.append(await private.next())
    first, *_, last = [frame[2] for frame in frames if frame[0] == ORDERS]
    assert (first["status"], first["orderType"], first["amount"], first["quantity"]) == (1, 5, "100", "0")
    assert (last["status"], last["remainAmount"], last["quantity"]) == (2, "0", last["cumulativeQuantity"])
    assert Decimal(frames[-1][2]["feeAmount"]) > 0


async def test_frames_have_the_recorded_fields(mexc: SimServer, private: Wire, edge: Wire, shared: Path) -> None:
    """What is zero or empty is left out on the wire, there and here."""
    place(mexc, "spot", side=Side.SELL, quantity=Decimal("0.001"))
    bodies = {frame[0]: frame[2] for frame in await private.take(6)}
    for fixture, field, channel in (
        ("orders_filled", "privateOrders", ORDERS),
        ("deals", "privateDeals", DEALS),
        ("account_order_placed", "privateAccount", ACCOUNT),
    ):
        sample = json.loads((shared / "fixtures" / "mexc" / f"spot_ws_private_{fixture}.json").read_text())[field]
        told = {name for name, value in sample.items() if value not in ("", False)}
        assert told - set(bodies[channel]) - {"frozenAmount"} == set()
    place(mexc, "futures", side=Side.BUY, quantity=Decimal(1))
    pushes = {frame["channel"]: frame["data"] for frame in await edge.take(6)}
    for name in ("order", "order.deal", "asset"):
        path = shared / "fixtures" / "mexc" / f"futures_ws_push_personal_{name.replace('.', '_')}.json"
        sample = json.loads(path.read_text())
        assert set(sample["data"]) - set(pushes[sample["channel"]]) == set()


@pytest.mark.parametrize(("amount", "why"), [("5", "DEPOSIT"), ("-5", "WITHDRAW")])
async def test_deposits(mexc: SimServer, private: Wire, amount: str, why: str) -> None:
    mexc.desks["spot"].deposit(account_of(mexc), "USDT", Decimal(amount), mexc.now_ns())
    _, _, body = await private.next()
    assert (body["type"], body["balanceAmountChange"]) == (why, amount)
    assert (body["frozenAmount"], body["frozenAmountChange"]) == ("0", "0")


async def test_reports_can_be_lost_doubled_and_swapped(mexc: SimServer, private: Wire) -> None:
    small = {"side": Side.BUY, "quantity": Decimal("0.001"), "price": Decimal(50_000)}
    mexc.faults.switch_on(FaultOrder(FaultKind.LOST_REPORT, target="private.orders"))
    mexc.faults.switch_on(FaultOrder(FaultKind.DOUBLE_REPORT, target="private.account"))
    place(mexc, "spot", **small)
    once, again = await private.take(2)
    assert once[0] == ACCOUNT
    assert once == again
    mexc.faults.switch_on(FaultOrder(FaultKind.REORDER_REPORT))
    place(mexc, "spot", **small)
    assert [frame[0] for frame in await private.take(2)] == [ACCOUNT, ORDERS]


async def test_private_channels_need_a_listen_key(mexc: SimServer, open_wire: Callable[[str], Awaitable[Wire]]) -> None:
    wire = await open_wire("/ws")
    await wire.socket.send_json({"method": "SUBSCRIPTION", "params": [ORDERS]})
    assert (await wire.next())["msg"].startswith("Not Subscribed successfully!")
    wire = await open_wire("/ws?listenKey=made-up")
    assert await wire.next() == "Invalid listen key"
    assert await wire.until_closed() == 1008


async def test_a_listen_key_lives_an_hour_from_its_last_extension(
    mexc: SimServer, http: aiohttp.ClientSession, clock: Clock, open_wire: Callable[[str], Awaitable[Wire]]
) -> None:
    key = (await listen_key(http, mexc))["listenKey"]
    assert len(key) == 64
    assert await listen_key(http, mexc, "GET") == {"listenKey": [key]}
    clock.ns += 3_000_000_000_000
    assert await listen_key(http, mexc, "PUT", key=key) == {"listenKey": key}
    wire = await open_wire(f"/ws?listenKey={key}")
    await wire.socket.send_json({"method": "SUBSCRIPTION", "params": [DEALS]})
    assert (await wire.next())["msg"] == DEALS
    for _ in range(70):  # it pings, else the connection would end for want of traffic
        clock.ns += 50_000_000_000
        await wire.socket.send_json({"method": "PING"})
        assert (await wire.next())["msg"] == "PONG"
    assert await listen_key(http, mexc, "GET") == {"listenKey": [key]}
    clock.ns += 101_000_000_000
    assert await wire.until_closed() == 1008
    assert (await listen_key(http, mexc, "PUT", 400, key))["code"] == 33333


async def test_listen_keys_are_counted_and_closed(
    mexc: SimServer, http: aiohttp.ClientSession, open_wire: Callable[[str], Awaitable[Wire]]
) -> None:
    keys = [(await listen_key(http, mexc))["listenKey"] for _ in range(60)]
    assert len(set(keys)) == 60
    assert (await listen_key(http, mexc, status=400))["code"] == 33333
    wires = [await open_wire(f"/ws?listenKey={keys[0]}") for _ in range(6)]
    assert await wires[5].next() == "Invalid listen key"
    assert await listen_key(http, mexc, "DELETE", key=keys[0]) == {"listenKey": keys[0]}
    assert await wires[0].until_closed() == 1008
    assert len((await listen_key(http, mexc, "GET"))["listenKey"]) == 59


# ---- perpetuals ---------------------------------------------------------------------------------------


def login(server: SimServer, secret: str = DEFAULT_SECRET, key: str = DEFAULT_KEY, off_ms: int = 0) -> dict[str, Any]:
    sent = str(server.now_ms() + off_ms)
    signature = hmac.new(secret.encode(), (key + sent).encode(), hashlib.sha256).hexdigest()
    return {"method": "login", "param": {"apiKey": key, "reqTime": sent, "signature": signature}}


@pytest.fixture
async def edge(mexc: SimServer, open_wire: Callable[[str], Awaitable[Wire]]) -> Wire:
    """A connection that has logged in."""
    wire = await open_wire("/edge")
    await wire.socket.send_json(login(mexc))
    assert await wire.next() == {"channel": "rs.login", "data": "success", "ts": mexc.now_ms()}
    return wire


async def test_pushes_of_an_order_from_open_to_filled(mexc: SimServer, edge: Wire) -> None:
    item = listing(mexc, "futures")
    ticks = item.top.ask_ticks - 1
    price = item.price_scale.value(ticks)
    place(mexc, "futures", side=Side.BUY, quantity=Decimal(10), price=price, client_order_id="ext-1")
    opened, asset = await edge.take(2)
    assert (opened["channel"], asset["channel"]) == ("push.personal.order", "push.personal.asset")
    data = opened["data"]
    assert (data["side"], data["state"], data["orderType"], data["externalOid"]) == (1, 2, 1, "ext-1")
    assert (data["vol"], data["dealVol"], data["remainVol"], data["version"]) == (10, 0, 10, 1)
    assert set(asset["data"]) == {"availableBalance", "bonus", "currency", "frozenBalance", "positionMargin"}
    assert asset["data"]["frozenBalance"] > 0
    item.engine.place("test", Side.SELL, 4, ticks, ts_ns=mexc.now_ns())
    frames = await edge.take(4)
    names = [frame["channel"].removeprefix("push.personal.") for frame in frames]
    assert names == ["order", "order.deal", "asset", "position"]
    order, deal, _, position = (frame["data"] for frame in frames)
    assert (order["state"], order["dealVol"], order["remainVol"]) == (2, 4, 6)
    assert order["version"] > data["version"]
    assert (deal["orderId"], deal["vol"], deal["isTaker"], deal["fee"]) == (order["orderId"], 4, False, 0)
    assert (position["positionType"], position["holdVol"], position["openType"]) == (1, 4, 2)
    assert position["holdAvgPrice"] == float(price)
    assert position["positionId"] == order["positionId"]


async def test_a_position_that_turns_over_is_closed_and_another_opened(mexc: SimServer, edge: Wire) -> None:
    place(mexc, "futures", side=Side.BUY, quantity=Decimal(1))
    place(mexc, "futures", side=Side.SELL, quantity=Decimal(3))
    positions: list[Any] = []
    while len(positions) < 3:
        frame = await edge.next()
        if frame["channel"] == "push.personal.position":
            positions.append(frame["data"])
    long, closed, short = positions
    assert [item["state"] for item in positions] == [1, 3, 1]
    assert long["positionId"] == closed["positionId"] != short["positionId"]
    assert (short["positionType"], short["holdVol"], closed["holdVol"], closed["closeVol"]) == (2, 2, 0, 1)


async def test_errors_of_ended_orders_are_told(mexc: SimServer, edge: Wire) -> None:
    item = listing(mexc, "futures")
    ask = item.price_scale.value(item.top.ask_ticks)
    await edge.socket.send_json({"method": "personal.filter", "param": {"filters": [{"filter": "order"}]}})
    assert (await edge.next())["channel"] == "rs.personal.filter"
    for times, quantity in ((TimeInForce.POST_ONLY, 1), (TimeInForce.FOK, item.top.ask_lots + 1), (TimeInForce.IOC, 1)):
        price = ask if times is not TimeInForce.IOC else ask / 2
        price = item.price_scale.value(item.price_scale.nearest(float(price)))
        place(mexc, "futures", side=Side.BUY, quantity=Decimal(quantity), price=price, time_in_force=times)
    frames = await edge.take(6)
    assert {frame["channel"] for frame in frames} == {"push.personal.order"}
    assert [(frame["data"]["state"], frame["data"]["errorCode"]) for frame in frames] == [
        (2, 0), (4, 20), (2, 0), (4, 19), (2, 0), (4, 18)
    ]  # fmt: skip


async def test_later_filters_replace_earlier_ones(mexc: SimServer, edge: Wire) -> None:
    for filters in ([{"filter": "asset"}], [{"filter": "order.deal", "rules": ["ETH_USDT"]}], [{"filter": "position"}]):
        await edge.socket.send_json({"method": "personal.filter", "param": {"filters": filters}})
        assert (await edge.next())["data"] == "success"
        if filters[0]["filter"] != "position":
            place(mexc, "futures", side=Side.BUY, quantity=Decimal(1), price=Decimal(50_000))
            if filters[0]["filter"] == "asset":
                assert (await edge.next())["channel"] == "push.personal.asset"
    place(mexc, "futures", side=Side.BUY, quantity=Decimal(1))
    assert (await edge.next())["channel"] == "push.personal.position"


async def test_a_login_may_keep_silent_until_filters_come(
    mexc: SimServer, open_wire: Callable[[str], Awaitable[Wire]]
) -> None:
    wire = await open_wire("/edge")
    await wire.socket.send_json(login(mexc) | {"subscribe": False})
    assert (await wire.next())["channel"] == "rs.login"
    place(mexc, "futures", side=Side.BUY, quantity=Decimal(1))
    await wire.socket.send_json({"method": "ping"})
    assert (await wire.next())["channel"] == "pong"
    await wire.socket.send_json({"method": "personal.filter", "param": {"filters": []}})
    assert (await wire.next())["channel"] == "rs.personal.filter"
    mexc.desks["futures"].deposit(account_of(mexc), "USDT", Decimal(1), mexc.now_ns())
    assert (await wire.next())["channel"] == "push.personal.asset"


async def test_logins_that_fail(mexc: SimServer, open_wire: Callable[[str], Awaitable[Wire]]) -> None:
    mexc.accounts.open([ApiKey(key="blind", secret="canary", rights=frozenset())])
    wire = await open_wire("/edge")
    for request in (
        login(mexc, "wrong"),
        login(mexc, key="nobody"),
        login(mexc, off_ms=-11_000),
        login(mexc, "canary", "blind"),
        {"method": "login", "param": {"apiKey": 7}},
        {"method": "personal.filter", "param": {"filters": []}},
    ):
        await wire.socket.send_json(request)
        assert (await wire.next())["channel"] == "rs.error"
    mexc.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, seconds=5))
    await wire.socket.send_json(login(mexc))
    assert (await wire.next())["data"] == "System under maintenance"
    place(mexc, "futures", side=Side.BUY, quantity=Decimal(1))
    await wire.socket.send_json({"method": "ping"})
    assert (await wire.next())["channel"] == "pong"  # nothing private was pushed
