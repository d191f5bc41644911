"""User data and the WS API of the simulated Binance as their documents have them, and what faults do to them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.sim.binance_caller import LIMIT, MARKET, Api, Caller, Clock

from oneprice.sim.accounts import ApiKey
from oneprice.sim.faults import FaultKind, FaultOrder

OpenApi = Callable[..., Awaitable[Api]]
SPOT_API, FUTURES_API = "/ws-api/v3", "/ws-fapi/v1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(start_venue: Any, clock: Clock) -> Any:
    return await start_venue("binance", instruments=("BTC/USDT",), clock=clock, still=True)


@pytest.fixture
def caller(http: Any, venue: Any) -> Caller:
    return Caller(http, venue)


@pytest.fixture
async def open_api(http: Any, venue: Any, caller: Caller) -> AsyncIterator[OpenApi]:
    opened: list[Api] = []

    async def open_one(path: str, who: Caller | None = None) -> Api:
        opened.append(Api(who or caller, await http.ws_connect(venue.url + path)))
        return opened[-1]

    yield open_one
    for api in opened:
        await api.socket.close()


async def subscribed(open_api: OpenApi, path: str = SPOT_API) -> Api:
    api = await open_api(path)
    answer = await api.ask("userDataStream.subscribe.signature")
    assert answer["result"] == {"subscriptionId": 0}
    return api


async def keyed(open_api: OpenApi, caller: Caller, form: str = "/private/ws/{}") -> Api:
    """A futures user stream, opened by listen key."""
    _, answer, _ = await caller.send("POST", "/fapi/v1/listenKey", "")
    return await open_api(form.format(answer["listenKey"]))


# ---- user data ----------------------------------------------------------------------------------------


async def test_spot_events_in_their_order(open_api: OpenApi, caller: Caller) -> None:
    api = await subscribed(open_api)
    order = await caller.done("POST", "/api/v3/order", **LIMIT, newClientOrderId="mine")
    await caller.done("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"])
    await caller.done("POST", "/api/v3/order", **MARKET | {"quantity": "0.0001"})
    frames = [await api.next_event() for _ in range(8)]
    assert {frame["subscriptionId"] for frame in frames} == {0}
    events = [frame["event"] for frame in frames]
    assert [event["e"] for event in events] == ["executionReport", "outboundAccountPosition"] * 4
    new, cancelled, market, trade = events[::2]
    assert (new["x"], new["X"], new["c"], new["C"], new["w"], new["N"]) == ("NEW", "NEW", "mine", "", True, None)
    assert (cancelled["x"], cancelled["X"], cancelled["C"], cancelled["i"]) == (
        "CANCELED",
        "CANCELED",
        "mine",
        order["orderId"],
    )
    assert cancelled["c"] != "mine"
    assert (market["x"], market["o"], market["t"]) == ("NEW", "MARKET", -1)
    assert (trade["x"], trade["X"], trade["z"], trade["N"], trade["m"]) == (
        "TRADE",
        "FILLED",
        "0.00010000",
        "BTC",
        False,
    )
    assert Decimal(trade["Y"]) == Decimal(trade["L"]) * Decimal(trade["l"])
    held = events[1]["B"]
    assert held == [{"a": "USDT", "f": "199400.00000000", "l": "600.00000000"}]
    assert {row["a"] for row in events[7]["B"]} == {"BTC", "USDT"}


async def test_deposits_are_balance_updates(open_api: OpenApi, caller: Caller, venue: Any, clock: Clock) -> None:
    api, stream = await subscribed(open_api), await keyed(open_api, caller)
    account = venue.accounts.find(caller.key)[0]
    venue.desks["spot"].deposit(account, "USDT", Decimal(5), clock.now_ns)
    venue.desks["usdm"].deposit(account, "USDT", Decimal(-7), clock.now_ns)
    update, position = (await api.next_event())["event"], (await api.next_event())["event"]
    assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "5.00000000")
    assert position["B"] == [{"a": "USDT", "f": "200005.00000000", "l": "0.00000000"}]
    event = await stream.next_event()
    assert (event["e"], event["a"]["m"], event["a"]["P"]) == ("ACCOUNT_UPDATE", "WITHDRAW", [])
    assert event["a"]["B"] == [{"a": "USDT", "wb": "199993.00000000", "cw": "199993.00000000", "bc": "-7.00000000"}]


@pytest.mark.parametrize("form", ["/private/ws/{}", "/usdm/private/ws?listenKey={}", "/private/stream?streams={}"])
async def test_futures_events(open_api: OpenApi, caller: Caller, form: str) -> None:
    stream = await keyed(open_api, caller, form)
    order = await caller.done("POST", "/fapi/v1/order", **LIMIT)
    await caller.done("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=order["orderId"])
    await caller.done("POST", "/fapi/v1/order", **MARKET | {"quantity": "0.002"})
    await caller.done("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    events: list[Any] = []
    while not events or events[-1]["e"] != "ACCOUNT_CONFIG_UPDATE":
        frame = await stream.next_event()
        events.append(frame["data"] if "stream" in frame else frame)
    updates = [event["o"] for event in events if event["e"] == "ORDER_TRADE_UPDATE"]
    assert [row["x"] for row in updates[:3]] == ["NEW", "CANCELED", "NEW"]
    assert (updates[1]["c"], updates[1]["X"]) == (order["clientOrderId"], "CANCELED")
    done = updates[-1]
    assert (done["x"], done["X"], done["z"], done["N"], done["ps"]) == ("TRADE", "FILLED", "0.002", "USDT", "BOTH")
    lite = next(event for event in events if event["e"] == "TRADE_LITE")
    assert (lite["s"], lite["c"], lite["S"]) == ("BTCUSDT", done["c"], "BUY")
    booked = [event["a"] for event in events if event["e"] == "ACCOUNT_UPDATE"][-1]
    assert (booked["m"], booked["B"][0]["bc"]) == ("ORDER", "0.00000000")
    assert (booked["P"][0]["pa"], booked["P"][0]["mt"], booked["P"][0]["ps"]) == ("0.002", "cross", "BOTH")
    assert events[-1]["ac"] == {"s": "BTCUSDT", "l": 7}


async def test_funding_is_told_and_in_the_income(open_api: OpenApi, caller: Caller, venue: Any, clock: Clock) -> None:
    await caller.done("POST", "/fapi/v1/order", **MARKET)
    stream = await keyed(open_api, caller)
    venue.desks["usdm"].settle_funding(clock.now_ns, Decimal("0.0001"))
    event = await stream.next_event()
    assert (event["e"], event["a"]["m"], event["a"]["P"]) == ("ACCOUNT_UPDATE", "FUNDING_FEE", [])
    (row,) = await caller.done("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
    assert row["income"] == event["a"]["B"][0]["bc"]
    assert Decimal(row["income"]) < 0


async def test_listen_keys_live_for_an_hour(open_api: OpenApi, caller: Caller, venue: Any) -> None:
    path, hour_ms = "/fapi/v1/listenKey", 3_600_000
    assert (await caller.send("PUT", path, ""))[1]["code"] == -1125
    _, first, headers = await caller.send("POST", path, "")
    assert headers["X-MBX-USED-WEIGHT-1M"] == "2"
    assert (await caller.send("POST", path, ""))[1] == first
    assert len(first["listenKey"]) == 64
    stream = await open_api(f"/private/ws/{first['listenKey']}")
    await caller.send("PUT", path, "")
    # The venue's clock jumps: the key's hour is over at once.
    venue.faults.switch_on(FaultOrder(kind=FaultKind.CLOCK_SKEW, delay_ms=hour_ms, seconds=60))
    assert (await caller.send("PUT", path, ""))[1]["code"] == -1125
    event = await stream.next_event()
    assert (event["e"], event["listenKey"]) == ("listenKeyExpired", first["listenKey"])
    _, second, _ = await caller.send("POST", path, "")
    assert second["listenKey"] != first["listenKey"]
    assert (await caller.send("DELETE", path))[1] == {}
    assert (await caller.send("POST", path, "", key=""))[0] == 401


async def test_user_data_of_others_stays_with_them(
    open_api: OpenApi, http: Any, venue: Any, caller: Caller, clock: Clock
) -> None:
    account = venue.accounts.open([ApiKey(key="somebody-else", secret="s")])
    other = await open_api(SPOT_API, Caller(http, venue, "somebody-else", "s"))
    await other.ask("userDataStream.subscribe.signature")
    await caller.done("POST", "/api/v3/order", **MARKET)
    venue.desks["spot"].deposit(account, "USDT", Decimal(1), clock.now_ns)
    assert (await other.next_event())["event"]["e"] == "balanceUpdate"


async def test_events_have_the_recorded_fields(open_api: OpenApi, caller: Caller, shared: Path) -> None:
    def recorded(name: str) -> Any:
        frame = json.loads((shared / "fixtures" / "binance" / f"{name}.json").read_text())
        return frame.get("event", frame)

    spot, futures = await subscribed(open_api), await keyed(open_api, caller)
    for path in ("/api/v3/order", "/fapi/v1/order"):
        await caller.done("POST", path, **MARKET | {"quantity": "0.002"})
    new, position, trade = [(await spot.next_event())["event"] for _ in range(3)]
    assert new.keys() | {"v"} >= recorded("spot_user_execution_report_new").keys()
    assert position.keys() >= recorded("spot_user_account_position").keys()
    assert trade.keys() >= recorded("spot_user_execution_report_trade").keys()
    first, lite, filled, booked = [await futures.next_event() for _ in range(4)]
    of_others = {"AP", "cr", "N", "n"}
    assert first["o"].keys() | of_others >= recorded("futures_user_order_trade_update_new")["o"].keys()
    assert filled["o"].keys() | of_others >= recorded("futures_user_order_trade_update_trade")["o"].keys()
    assert lite.keys() >= recorded("futures_ws_trade_lite").keys()
    theirs = recorded("futures_user_account_update")["a"]
    assert booked["a"]["B"][0].keys() >= theirs["B"][0].keys()
    assert booked["a"]["P"][0].keys() >= theirs["P"][0].keys()


# ---- WS API -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "limits"), [(SPOT_API, [100, 200_000, 6_000]), (FUTURES_API, [300, 1_200, 2_400])])
async def test_orders_by_websocket(open_api: OpenApi, path: str, limits: list[int]) -> None:
    api = await open_api(path)
    placed = await api.ask("order.place", **LIMIT)
    assert (placed["id"], placed["status"], placed["result"]["status"]) == (1, 200, "NEW")
    assert [row["limit"] for row in placed["rateLimits"]] == limits
    assert [row["count"] for row in placed["rateLimits"]][:2] == [1, 1]
    named = {"symbol": "BTCUSDT", "orderId": placed["result"]["orderId"]}
    status = await api.ask("order.status", **named, returnRateLimits="false")
    assert "rateLimits" not in status
    assert status["result"]["origQty"].rstrip("0") == "0.01"
    assert (await api.ask("order.cancel", **named))["result"]["status"] == "CANCELED"
    refused = await api.ask("order.cancel", **named)
    assert (refused["status"], refused["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})
    assert (await api.exchange({"id": "a", "method": "ping"}))["result"] == {}


@pytest.mark.parametrize("path", [SPOT_API, FUTURES_API])
async def test_websocket_requests_are_checked(open_api: OpenApi, caller: Caller, path: str) -> None:
    api = await open_api(path)
    good = caller.request("order.place", **LIMIT)
    cases: list[tuple[dict[str, Any], int, int]] = [
        ({"method": "order.dance"}, 400, -1020),
        ({"params": good["params"] | {"signature": "0" * 64}}, 400, -1022),
        ({"params": good["params"] | {"apiKey": "nobody-knows-me"}}, 401, -2015),
        ({"params": {}}, 401, -2014),
        ({"params": []}, 400, -1135),
    ]
    for change, status, code in cases:
        answer = await api.exchange(good | change)
        assert (answer["status"], answer["error"]["code"]) == (status, code), change
    late = await api.ask("order.place", **LIMIT, timestamp=caller.server.now_ms() - 6_000)
    assert late["error"]["code"] == -1021
    await api.socket.send_str("{")
    answer = await api.socket.receive_json(timeout=5)
    assert (answer["id"], answer["error"]["code"]) == (None, -1135)
    assert (await api.exchange(good))["status"] == 200


async def test_weights_are_shared_and_a_ban_is_told(open_api: OpenApi, caller: Caller, clock: Clock) -> None:
    api = await open_api(SPOT_API)
    await caller.ask("GET", "/api/v3/account")
    answer = await api.exchange({"id": 1, "method": "depth", "params": {"symbol": "BTCUSDT", "limit": 5_000}})
    assert answer["rateLimits"][0]["count"] == 2 + 20 + 250
    for _ in range(23):
        await api.exchange({"id": 1, "method": "depth", "params": {"symbol": "BTCUSDT", "limit": 5_000}})
    answer = await api.ask("order.place", **LIMIT)
    for _ in range(25):
        answer = await api.ask("account.status")
    assert answer["status"] == 418
    assert answer["error"]["data"]["retryAfter"] == clock.now_ns // 1_000_000 + 120_000


async def test_sessions_need_an_ed25519_key(open_api: OpenApi) -> None:
    api = await open_api(SPOT_API)
    assert (await api.ask("session.logon"))["error"]["code"] == -1020
    status = await api.exchange({"id": 1, "method": "session.status"})
    assert status["result"]["apiKey"] is None
    assert (await api.exchange({"id": 1, "method": "userDataStream.subscribe"}))["status"] == 401
    await api.ask("userDataStream.subscribe.signature")
    assert (await api.ask("userDataStream.subscribe.signature"))["error"]["code"] == -2035
    ended = await api.exchange({"id": 1, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": 0}})
    assert ended["result"] == {}
    assert [frame["event"]["e"] for frame in api.events] == ["eventStreamTerminated"]
    assert (await api.ask("userDataStream.subscribe.signature"))["result"] == {"subscriptionId": 1}


async def test_microseconds_where_they_are_asked_for(open_api: OpenApi, clock: Clock) -> None:
    api = await subscribed(open_api, SPOT_API + "?timeUnit=MICROSECOND&returnRateLimits=false")
    placed = await api.ask("order.place", **LIMIT)
    assert placed["result"]["transactTime"] == clock.now_ns // 1_000
    assert "rateLimits" not in placed
    assert api.events[0]["event"]["E"] == clock.now_ns // 1_000


# ---- faults -------------------------------------------------------------------------------------------


async def test_lost_commands_and_answers(open_api: OpenApi, caller: Caller, venue: Any) -> None:
    api = await open_api(SPOT_API)
    venue.faults.switch_on(FaultOrder(kind=FaultKind.LOST_REQUEST, target="order.place"))
    await api.socket.send_json(caller.request("order.place", 7, **LIMIT))
    assert (await api.ask("openOrders.status"))["result"] == []
    venue.faults.switch_on(FaultOrder(kind=FaultKind.LOST_ACK, target="order.place"))
    await api.socket.send_json(caller.request("order.place", 8, **LIMIT))
    answer = await api.ask("openOrders.status")
    assert (answer["id"], len(answer["result"])) == (1, 1)
    venue.faults.switch_on(FaultOrder(kind=FaultKind.LOST_ACK, target="POST /api/v3/order", seconds=60))
    asking = asyncio.create_task(caller.ask("POST", "/api/v3/order", **LIMIT))
    while len(await caller.done("GET", "/api/v3/openOrders")) < 2:
        assert not asking.done()
    assert not asking.done()
    asking.cancel()
    venue.faults.clear()
    venue.faults.switch_on(FaultOrder(kind=FaultKind.DOUBLE_ACK, target="openOrders.cancelAll"))
    await api.ask("openOrders.cancelAll", symbol="BTCUSDT")
    assert len((await api.socket.receive_json(timeout=5))["result"]) == 2


async def test_reports_get_lost_and_double(open_api: OpenApi, caller: Caller, venue: Any) -> None:
    api = await subscribed(open_api)
    venue.faults.switch_on(FaultOrder(kind=FaultKind.LOST_REPORT, target="executionReport"))
    venue.faults.switch_on(FaultOrder(kind=FaultKind.DOUBLE_REPORT, target="outboundAccountPosition"))
    await caller.done("POST", "/api/v3/order", **LIMIT)
    events = [(await api.next_event())["event"]["e"] for _ in range(2)]
    assert events == ["outboundAccountPosition"] * 2


async def test_maintenance_and_restart(open_api: OpenApi, venue: Any, clock: Clock) -> None:
    api = await subscribed(open_api)
    venue.faults.switch_on(FaultOrder(kind=FaultKind.MAINTENANCE, seconds=60))
    assert (await api.ask("order.place", **LIMIT))["error"]["code"] == -1016
    venue.faults.clear()
    venue.faults.switch_on(FaultOrder(kind=FaultKind.RESTART, seconds=5))
    venue.tick(clock.now_ns)
    assert (await api.next_event())["event"]["e"] == "serverShutdown"
