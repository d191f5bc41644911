"""Gate's private channels and websocket order entry, frame by frame, as the documents describe them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, Account, ApiKey
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
SPOT, FUTURES = "/ws/v4/", "/v4/ws/usdt"
DECIMAL = {"X-Gate-Size-Decimal": "1"}


def sign(text: str, secret: str = DEFAULT_SECRET) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


class Wire:
    """A raw client that signs by the documents' words."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, server: SimServer) -> None:
        self.socket, self.server = socket, server
        self.key, self.secret = DEFAULT_KEY, DEFAULT_SECRET

    @property
    def now_s(self) -> int:
        return self.server.now_ms() // 1_000

    async def send(self, channel: str, event: str, **more: Any) -> None:
        request = {"time": self.now_s, "channel": channel, "event": event} | more
        await self.socket.send_str(msgspec.json.encode(request).decode())

    async def read(self) -> Any:
        message = await self.socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return msgspec.json.decode(message.data)

    async def is_silent(self, seconds: float = 0.15) -> bool:
        try:
            await self.socket.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False

    async def subscribe(self, channel: str, payload: list[Any] | None = None, event: str = "subscribe") -> Any:
        """The answer to a signed subscription."""
        text = f"channel={channel}&event={event}&time={self.now_s}"
        auth = {"method": "api_key", "KEY": self.key, "SIGN": sign(text, self.secret)}
        await self.send(channel, event, auth=auth, **({} if payload is None else {"payload": payload}))
        return await self.read()

    async def update(self, channel: str) -> Any:
        """The only row of the next update, which must be of that channel."""
        frame = await self.read()
        assert (frame["channel"], frame["event"]) == (channel, "update")
        (row,) = frame["result"]
        return row

    async def log_in(self, product: str) -> Any:
        now = str(self.now_s)
        signature = sign(f"api\n{product}.login\n\n{now}", self.secret)
        payload = {"api_key": self.key, "signature": signature, "timestamp": now, "req_id": "in"}
        await self.send(f"{product}.login", "api", payload=payload)
        return await self.read()

    async def command(self, channel: str, parameters: Any, request_id: str = "r", **header: str) -> None:
        payload: dict[str, Any] = {"req_id": request_id, "req_param": parameters}
        await self.send(channel, "api", payload=payload | ({"req_header": header} if header else {}))

    async def result(self, channel: str, parameters: Any, **header: str) -> Any:
        """The answer that counts: the result, or errs; receipts are passed over."""
        await self.command(channel, parameters, **header)
        while True:
            frame = await self.read()
            if "request_id" in frame and not frame.get("ack"):
                assert frame["request_id"] == "r"
                return frame["data"].get("result", frame["data"].get("errs"))


class Clock:
    """Time that only moves when told to."""

    def __init__(self) -> None:
        self.ns = 1_795_000_000_000_000_000

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
async def gate(start_venue: StartVenue) -> SimServer:
    return await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"), clock=Clock(), still=True)


@asynccontextmanager
async def connected(server: SimServer, http: aiohttp.ClientSession, path: str, **headers: str) -> AsyncIterator[Wire]:
    async with http.ws_connect(server.url + path, headers=headers) as socket:
        yield Wire(socket, server)


def listing(server: SimServer, key: str) -> SimListing:
    return server.markets["futures" if key.endswith(":USDT") else "spot"].listings[key]


def user(server: SimServer) -> Account:
    return server.accounts.all()[0]


def spot(server: SimServer, **more: Any) -> dict[str, Any]:
    """A buy that rests."""
    item = listing(server, "BTC/USDT")
    price = item.price_text(item.top.bid_ticks * 9 // 10)
    return {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": price} | more


def taking(server: SimServer, **more: Any) -> dict[str, Any]:
    """A buy for little more than the least, which the best ask always has."""
    item = listing(server, "BTC/USDT")
    lots = int(Decimal("3.3") / item.quote_amount(item.top.ask_ticks, 1))
    return spot(server, price=item.price_text(item.top.ask_ticks), amount=item.lots_text(lots), **more)


def future(server: SimServer, **more: Any) -> dict[str, Any]:
    item = listing(server, "ETH/USDT:USDT")
    return {"contract": "ETH_USDT", "size": "2.5", "price": item.price_text(item.top.bid_ticks * 9 // 10)} | more


# ---- private channels ---------------------------------------------------------------------------------


async def test_spot_orders_are_put_updated_and_finished(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire, connected(gate, http, SPOT) as trader:
        answer = await wire.subscribe("spot.orders", ["BTC_USDT"])
        assert (answer["event"], answer["error"], answer["result"]) == ("subscribe", None, {"status": "success"})
        await trader.log_in("spot")
        made = await trader.result("spot.order_place", spot(gate, text="t-x"))
        put = await wire.update("spot.orders")
        assert (put["id"], put["event"], put["finish_as"], put["left"]) == (made["id"], "put", "open", "0.01")
        assert (put["user"], put["text"], put["account"]) == (user(gate).uid, "t-x", "spot")
        assert put["create_time_ms"] == str(gate.now_ms())
        await trader.result("spot.order_amend", {"order_id": "t-x", "currency_pair": "BTC_USDT", "amount": "0.02"})
        update = await wire.update("spot.orders")
        assert (update["event"], update["amount"]) == ("update", "0.02")
        await trader.result("spot.order_cancel", {"order_id": "t-x", "currency_pair": "BTC_USDT"})
        finish = await wire.update("spot.orders")
        assert (finish["event"], finish["finish_as"], finish["left"]) == ("finish", "cancelled", "0.02")


async def test_a_fill_is_told_on_every_channel(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire, connected(gate, http, SPOT) as trader:
        channels = ("orders", "orders_v2", "usertrades", "usertrades_v2")
        for channel in channels:
            await wire.subscribe(f"spot.{channel}", ["!all"])
        await wire.subscribe("spot.balances")
        await trader.log_in("spot")
        made = await trader.result("spot.order_place", taking(gate, time_in_force="ioc"))
        await trader.result("spot.order_status", {"order_id": made["id"], "currency_pair": "BTC_USDT"})
        rows: dict[str, list[Any]] = {}
        names = [f"spot.{channel}" for channel in channels]
        while not set(names) <= set(rows) or "BTC" not in [row["currency"] for row in rows.get("spot.balances", [])]:
            frame = await wire.read()
            rows.setdefault(frame["channel"], []).extend(frame["result"])
        assert [row["event"] for row in rows["spot.orders"]] == ["put", "finish"]
        assert rows["spot.orders"][-1]["finish_as"] == "filled"
        (trade,) = rows["spot.usertrades"]
        assert (trade["order_id"], trade["role"], trade["amount"]) == (made["id"], "taker", made["filled_amount"])
        assert trade["fee"] == rows["spot.orders"][-1]["fee"] == made["fee"]
        assert "fee" not in rows["spot.usertrades_v2"][0]
        assert "fee" not in rows["spot.orders_v2"][0]
        kinds = [(row["currency"], row["change_type"]) for row in rows["spot.balances"]]
        assert kinds[0] == ("USDT", "order-create")
        assert ("BTC", "order-match") in kinds
        changes = sum(Decimal(row["change"]) for row in rows["spot.balances"] if row["currency"] == "BTC")
        assert changes == Decimal(made["filled_amount"]) - Decimal(made["fee"])
        last = [row for row in rows["spot.balances"] if row["currency"] == "USDT"][-1]
        assert Decimal(last["total"]) == user(gate).balance("spot", "USDT").total


async def test_channels_tell_only_their_account_and_pair(gate: SimServer, http: aiohttp.ClientSession) -> None:
    gate.accounts.open([ApiKey(key="other", secret="o")], {"spot": {"USDT": Decimal(10_000)}})
    async with connected(gate, http, SPOT) as wire, connected(gate, http, SPOT) as trader:
        await wire.subscribe("spot.orders", ["ETH_USDT"])
        wire.key, wire.secret = "other", "o"
        await wire.subscribe("spot.orders", ["!all"])
        await trader.log_in("spot")
        await trader.result("spot.order_place", spot(gate))
        assert await wire.is_silent()


async def test_perpetual_channels(gate: SimServer, http: aiohttp.ClientSession) -> None:
    uid = str(user(gate).uid)
    async with connected(gate, http, FUTURES, **DECIMAL) as wire, connected(gate, http, FUTURES, **DECIMAL) as trader:
        for channel in ("orders", "usertrades", "positions"):
            assert (await wire.subscribe(f"futures.{channel}", [uid, "ETH_USDT"]))["error"] is None
        await wire.subscribe("futures.balances", [uid])
        await trader.log_in("futures")
        made = await trader.result("futures.order_place", future(gate, size="0.2", price="0", tif="ioc", text="t-f"))
        assert (made["status"], made["size"]) == ("finished", "0.2")
        rows: dict[str, list[Any]] = {}
        while "finished" not in [row["status"] for row in rows.get("futures.orders", [])] or len(rows) < 4:
            frame = await wire.read()
            rows.setdefault(frame["channel"], []).extend(frame["result"])
        new, last = rows["futures.orders"][0], rows["futures.orders"][-1]
        assert (new["finish_as"], new["status"], new["left"]) == ("_new", "open", "0.2")
        assert (last["finish_as"], last["left"], last["text"], last["id"]) == ("filled", "0", "t-f", made["id"])
        assert isinstance(last["fill_price"], float)
        (trade,) = rows["futures.usertrades"]
        assert (trade["order_id"], trade["size"], trade["role"]) == (str(made["id"]), "0.2", "taker")
        (position,) = rows["futures.positions"]
        assert (position["size"], position["mode"], position["user"]) == ("0.2", "single", uid)
        assert position["entry_price"] == last["fill_price"]
        (paid,) = rows["futures.balances"]
        assert (paid["type"], paid["change"], paid["text"]) == ("fee", -trade["fee"], f"ETH_USDT:{made['id']}")


async def test_sizes_without_the_header_are_whole(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, FUTURES) as wire, connected(gate, http, FUTURES, **DECIMAL) as trader:
        await wire.subscribe("futures.orders", [user(gate).uid, "!all"])
        await trader.log_in("futures")
        assert (await trader.result("futures.order_place", future(gate)))["size"] == "2.5"
        assert (await wire.update("futures.orders"))["size"] == 2


async def test_subscriptions_that_are_refused(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        await wire.send("spot.orders", "subscribe", payload=["!all"])
        missing = await wire.read()
        assert missing["error"]["code"] == 4
        assert "INVALID_KEY" in missing["error"]["message"]
        assert (await wire.subscribe("spot.orders", ["X_Y"]))["error"]["code"] == 2
        assert (await wire.subscribe("spot.orders", []))["error"]["code"] == 2
        gate.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, seconds=60))
        assert (await wire.subscribe("spot.orders", ["!all"]))["error"]["code"] == 3
        gate.faults.clear()
        wire.secret = "wrong"
        wrong = await wire.subscribe("spot.orders", ["!all"])
        assert msgspec.json.decode(wrong["error"]["message"])["label"] == "INVALID_SIGNATURE"
        assert wrong["result"] == {"status": "fail"}
    async with connected(gate, http, FUTURES) as wire:
        assert (await wire.subscribe("futures.orders", ["1", "!all"]))["error"]["code"] == 2


async def test_unsubscribing_ends_the_events(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire, connected(gate, http, SPOT) as trader:
        await wire.subscribe("spot.orders", ["!all"])
        assert (await wire.subscribe("spot.orders", ["!all"], "unsubscribe"))["result"] == {"status": "success"}
        await trader.log_in("spot")
        await trader.result("spot.order_place", spot(gate))
        assert await wire.is_silent()


async def test_private_events_are_struck_by_their_faults(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire, connected(gate, http, SPOT) as trader:
        await wire.subscribe("spot.orders", ["!all"])
        await trader.log_in("spot")
        gate.faults.switch_on(FaultOrder(FaultKind.LOST_REPORT, count=1, target="spot.orders"))
        await trader.result("spot.order_place", spot(gate))
        gate.faults.switch_on(FaultOrder(FaultKind.DOUBLE_REPORT, count=1, target="spot.orders"))
        made = await trader.result("spot.order_place", spot(gate))
        assert (await wire.update("spot.orders"))["id"] == made["id"]
        assert (await wire.update("spot.orders"))["id"] == made["id"]


# ---- order entry --------------------------------------------------------------------------------------


async def test_placing_is_answered_twice(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        hello = await wire.log_in("spot")
        assert (hello["request_id"], hello["header"]["status"]) == ("in", "200")
        assert hello["data"]["result"] == {"api_key": DEFAULT_KEY, "uid": str(user(gate).uid)}
        order = spot(gate, text="t-w")
        await wire.command("spot.order_place", order, "mine")
        receipt, result = await wire.read(), await wire.read()
        assert (receipt["request_id"], receipt["ack"]) == ("mine", True)
        assert receipt["data"]["result"] == {"req_id": "mine", "req_header": None, "req_param": order}
        assert (result["request_id"], "ack" in result) == ("mine", False)
        assert (result["data"]["result"]["text"], result["data"]["result"]["status"]) == ("t-w", "open")
        header = result["header"]
        assert (header["channel"], header["event"], header["status"]) == ("spot.order_place", "api", "200")
        assert header["x_out_time"] >= header["x_in_time"] == gate.now_ns() // 1_000
        assert (header["x_gate_ratelimit_requests_remain"], header["x_gate_ratelimit_limit"]) == (9, 10)
        assert header["x_gat_ratelimit_reset_timestamp"] == (gate.now_ns() + 1_000_000_000) // 1_000_000


async def test_the_eleventh_order_is_one_too_many(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        await wire.log_in("spot")
        for _ in range(10):
            assert (await wire.result("spot.order_place", spot(gate)))["text"] == "apiv4-ws"
        await wire.command("spot.order_place", spot(gate))
        limited = await wire.read()
        assert limited["header"]["status"] == "429"
        assert limited["header"]["x_gate_ratelimit_reset_timestamp"] > gate.now_ms()
        assert limited["data"]["errs"] == {
            "label": "TOO_MANY_REQUESTS",
            "message": "Request Rate limit Exceeded (211)",
        }


async def test_who_has_not_logged_in_may_do_nothing(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        await wire.command("spot.order_place", spot(gate))
        refused = await wire.read()
        assert refused["header"]["status"] == "400"
        assert refused["data"]["errs"] == {"label": "AUTHENTICATION_FAILED", "message": "Not login"}
        wire.secret = "wrong"
        assert (await wire.log_in("spot"))["data"]["errs"]["label"] == "INVALID_SIGNATURE"
        wire.key = "nobody"
        assert (await wire.log_in("spot"))["data"]["errs"]["label"] == "INVALID_KEY"


async def test_spot_commands(gate: SimServer, http: aiohttp.ClientSession) -> None:
    pair = {"currency_pair": "BTC_USDT"}
    async with connected(gate, http, SPOT) as wire:
        await wire.log_in("spot")
        batch = await wire.result("spot.order_place", [spot(gate, text="t-1"), spot(gate, text="t-2", amount="500")])
        assert [item["succeeded"] for item in batch] == [True, False]
        first = batch[0]["id"]
        assert (await wire.result("spot.order_status", pair | {"order_id": first}))["status"] == "open"
        assert len(await wire.result("spot.order_list", pair | {"status": "open"})) == 1
        cancelled = await wire.result("spot.order_cancel_ids", [pair | {"id": first}, pair | {"id": "5"}])
        assert [item["succeeded"] for item in cancelled] == [True, False]
        await wire.result("spot.order_place", spot(gate))
        (ended,) = await wire.result("spot.order_cancel_cp", pair)
        assert ended["status"] == "cancelled"
        assert (await wire.result("spot.order_cancel", pair | {"order_id": first}))["label"] == "ORDER_CANCELLED"
        past = str(gate.now_ms() - 1)
        late = await wire.result("spot.order_place", spot(gate), **{"X-Gate-Exptime": past})
        assert late["label"] == "REQUEST_EXPIRED"
        poor = await wire.result("spot.order_place", spot(gate, amount="500"))
        assert poor == {"label": "BALANCE_NOT_ENOUGH", "message": "Not enough balance"}
        assert (await wire.result("spot.order_dance", {}))["label"] == "INVALID_ARGUMENT"


async def test_perpetual_commands(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, FUTURES, **DECIMAL) as wire:
        await wire.log_in("futures")
        first, second = await wire.result("futures.order_batch_place", [future(gate), future(gate, text="t-2")])
        assert first["succeeded"] is second["succeeded"] is True
        assert (await wire.result("futures.order_status", {"order_id": "t-2"}))["id"] == second["id"]
        amended = await wire.result("futures.order_amend", {"order_id": str(first["id"]), "size": "4"})
        assert (amended["size"], amended["left"]) == ("4", "4")
        assert len(await wire.result("futures.order_list", {"contract": "ETH_USDT", "status": "open"})) == 2
        (gone,) = await wire.result("futures.order_cancel_ids", [str(first["id"])])
        assert gone == {"user_id": user(gate).uid, "id": str(first["id"]), "succeeded": True, "message": ""}
        (ended,) = await wire.result("futures.order_cancel_cp", {"contract": "ETH_USDT"})
        assert (ended["id"], ended["finish_as"]) == (second["id"], "cancelled")
        assert (await wire.result("futures.order_cancel", {"order_id": "9"}))["label"] == "ORDER_NOT_FOUND"


async def test_command_faults(gate: SimServer, http: aiohttp.ClientSession) -> None:
    desk = gate.desks["spot"]
    async with connected(gate, http, SPOT) as wire:
        await wire.log_in("spot")
        gate.faults.switch_on(FaultOrder(FaultKind.LOST_REQUEST, count=1, target="spot.order_place"))
        await wire.command("spot.order_place", spot(gate))
        assert await wire.is_silent()
        assert desk.open_orders(user(gate)) == []
    async with connected(gate, http, SPOT) as wire:
        await wire.log_in("spot")
        gate.faults.switch_on(FaultOrder(FaultKind.LOST_ACK, count=1, target="spot.order_place"))
        await wire.command("spot.order_place", spot(gate))
        assert (await wire.read())["ack"] is True  # the receipt still comes: it proves nothing
        assert await wire.is_silent()
        assert len(desk.open_orders(user(gate))) == 1
    gate.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, seconds=60))
    async with connected(gate, http, SPOT) as wire:
        assert (await wire.log_in("spot"))["data"]["errs"]["label"] == "TOO_BUSY"


# ---- shapes -------------------------------------------------------------------------------------------


async def test_frames_have_every_documented_field(gate: SimServer, http: aiohttp.ClientSession, shared: Path) -> None:
    samples = shared / "fixtures" / "gate"
    if not samples.is_dir():
        pytest.skip("no recorded frames of gate beside the checkout")

    def sample(name: str) -> Any:
        return msgspec.json.decode((samples / name).read_bytes())

    async with connected(gate, http, SPOT) as wire:
        for channel in ("orders", "usertrades", "balances"):
            await wire.subscribe(f"spot.{channel}", ["!all"])
        hello = await wire.log_in("spot")
        assert set(sample("spot_wsapi_login_response.json")["header"]) <= set(hello["header"])
        await wire.command("spot.order_place", taking(gate))
        frames = [await wire.read() for _ in range(7)]
        told = {frame.get("channel", "result"): frame for frame in frames if not frame.get("ack")}
        for channel, name in (
            ("spot.orders", "spot_ws_orders_put.json"),
            ("spot.usertrades", "spot_ws_usertrades.json"),
            ("spot.balances", "spot_ws_balances.json"),
        ):
            documented = sample(name)["result"][0]
            row = told[channel]["result"][0]
            assert {field: type(value) for field, value in documented.items()} == {
                field: type(row[field]) for field in documented
            }
        documented = sample("spot_wsapi_order_place_result_full.json")
        assert set(documented["header"]) <= set(told["result"]["header"])
        assert set(documented["data"]["result"]) <= set(told["result"]["data"]["result"])
