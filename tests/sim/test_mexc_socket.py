"""MEXC's public websockets as its documents describe them; frames are read with ccxt's generated classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import msgspec
import pytest
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
from google.protobuf.json_format import MessageToDict
from tests.sim.binance_caller import Clock
from tests.sim.flows import Still

from oneprice.sim.dialects.mexc.protobuf import encode
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
Book = dict[str, dict[Decimal, Decimal]]
SPOT, EDGE = "/ws", "/edge"
DEPTH = "spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT"
TOP = "spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT"
DEALS = "spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT"


class Wire:
    """A raw client: control frames as JSON, binary frames decoded."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, **request: Any) -> None:
        await self.socket.send_str(msgspec.json.encode(request).decode())

    async def read(self) -> Any:
        message = await self.socket.receive(timeout=10)
        if message.type is aiohttp.WSMsgType.TEXT:
            return msgspec.json.decode(message.data)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        assert message.data[0] == 0x0A  # what tells protobuf from JSON
        frame = PushDataV3ApiWrapper()
        frame.ParseFromString(message.data)
        return MessageToDict(frame)

    async def subscribe(self, *channels: str, request_id: int = 1) -> Any:
        """Spot: the ack."""
        await self.send(method="SUBSCRIPTION", params=list(channels), id=request_id)
        while (frame := await self.read()).get("id") != request_id:
            continue
        return frame

    async def sub(self, stream: str, **param: Any) -> Any:
        """Perpetuals: the answer."""
        await self.send(method=f"sub.{stream}", param=param, gzip=False)
        while not (frame := await self.read())["channel"].startswith("rs."):
            continue
        return frame

    async def push(self, channel: str) -> Any:
        while (frame := await self.read()).get("channel") != channel:
            continue
        return frame


@pytest.fixture
async def mexc(start_venue: StartVenue) -> SimServer:
    return await start_venue("mexc", instruments=("BTC/USDT", "ETH/USDT"))


@pytest.fixture
async def still(start_venue: StartVenue) -> SimServer:
    """Whose books are always the same."""
    return await start_venue("mexc", instruments=("BTC/USDT", "ETH/USDT"), still=True)


@asynccontextmanager
async def connected(server: SimServer, http: aiohttp.ClientSession, path: str) -> AsyncIterator[Wire]:
    async with http.ws_connect(server.url + path) as socket:
        yield Wire(socket)


def listing(server: SimServer, path: str) -> SimListing:
    if path == SPOT:
        return server.markets["spot"].listings["BTC/USDT"]
    return server.markets["futures"].listings["BTC/USDT:USDT"]


def engine_book(item: SimListing) -> Book:
    return {
        name: {item.price_scale.value(price): item.lot_scale.value(lots) for price, lots in item.engine.levels(side)}
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }


def apply(book: Book, levels: dict[str, Any]) -> None:
    """Levels come as objects (spot stream), pairs (spot REST) or triples of numbers (perpetuals)."""
    for side in ("bids", "asks"):
        for level in levels.get(side, []):
            price, size = (level["price"], level["quantity"]) if isinstance(level, dict) else level[:2]
            if Decimal(str(size)):
                book[side][Decimal(str(price))] = Decimal(str(size))
            else:
                book[side].pop(Decimal(str(price)), None)


# ---- spot: control ------------------------------------------------------------------------------------


async def test_a_subscription_is_acknowledged_by_its_channels(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, SPOT) as wire:
        assert await wire.subscribe(DEPTH, request_id=5) == {"id": 5, "code": 0, "msg": DEPTH}
        assert (await wire.subscribe(TOP, DEALS))["msg"] == f"{TOP},{DEALS}"


@pytest.mark.parametrize(
    "channel",
    [
        "spot@public.aggre.depth.v3.api.pb@100ms@btcusdt",  # lower case
        "spot@public.aggre.depth.v3.api.pb@50ms@BTCUSDT",
        "spot@public.aggre.depth.v3.api.pb@100ms@NOPEUSDT",
        "spot@public.deals.v3.api@BTCUSDT",  # JSON channels were switched off
        "spot@public.limit.depth.v3.api.pb@BTCUSDT@7",
        "spot@public.kline.v3.api.pb@BTCUSDT@1m",
        "spot@public.miniTickers.v3.api.pb@UTC+14",
        "spot@private.orders.v3.api.pb",
        "nonsense",
    ],
)
async def test_a_refused_channel_has_code_zero_too(mexc: SimServer, http: aiohttp.ClientSession, channel: str) -> None:
    async with connected(mexc, http, SPOT) as wire:
        answer = await wire.subscribe(channel)
        assert answer["code"] == 0
        assert answer["msg"] == f"Not Subscribed successfully! [{channel}]. Reason: Blocked!"


async def test_good_and_bad_channels_are_answered_apart(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, SPOT) as wire:
        assert (await wire.subscribe("nonsense", TOP))["msg"] == TOP
        assert (await wire.read())["msg"].startswith("Not Subscribed successfully! [nonsense]")
        assert (await wire.push(TOP))["symbol"] == "BTCUSDT"


@pytest.mark.parametrize("method", ["PING", "ping"])
async def test_spot_pings(mexc: SimServer, http: aiohttp.ClientSession, method: str) -> None:
    async with connected(mexc, http, SPOT) as wire:
        await wire.send(method=method)
        assert await wire.read() == {"id": 0, "code": 0, "msg": "PONG"}


async def test_thirty_subscriptions_are_the_most(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    channels = [
        f"spot@public.{kind}@{symbol}"
        for symbol in ("BTCUSDT", "ETHUSDT")
        for kind in (
            *(
                f"aggre.{data}.v3.api.pb@{speed}"
                for data in ("depth", "bookTicker", "deals")
                for speed in ("10ms", "100ms")
            ),
            "bookTicker.batch.v3.api.pb",
        )
    ]
    channels += [
        f"spot@public.kline.v3.api.pb@{symbol}@{interval}"
        for symbol in ("BTCUSDT", "ETHUSDT")
        for interval in ("Min1", "Min5", "Min15", "Min30", "Min60", "Hour4", "Hour8", "Day1", "Week1")
    ]
    async with connected(mexc, http, SPOT) as wire:
        await wire.send(method="SUBSCRIPTION", params=channels)
        accepted, refused = await wire.read(), await wire.read()
        assert accepted["msg"] == ",".join(channels[:30])
        assert refused["msg"].startswith(f"Not Subscribed successfully! [{channels[30]}")
        await wire.send(method="UNSUBSCRIPTION", params=[channels[0]])
        assert (await wire.subscribe(channels[31]))["msg"] == channels[31]


async def test_unsubscribing_stops_the_stream(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, SPOT) as wire:
        await wire.subscribe(TOP)
        await wire.push(TOP)
        await wire.send(method="UNSUBSCRIPTION", params=[TOP], id=3)
        while "msg" not in (frame := await wire.read()):
            continue
        assert frame == {"id": 3, "code": 0, "msg": TOP}
        with pytest.raises(asyncio.TimeoutError):
            await wire.socket.receive(timeout=0.5)


async def test_bad_requests_are_named(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, SPOT) as wire:
        for text in ("not json", '{"method": "NONSENSE"}', "[]"):
            await wire.socket.send_str(text)
            assert (await wire.read())["msg"] == "msg format invalid"


async def test_a_hundred_messages_a_second_are_the_most(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    mexc = await start_venue("mexc", instruments=("BTC/USDT",), clock=Clock())
    async with connected(mexc, http, SPOT) as wire:
        for _ in range(101):
            await wire.send(method="PING")
        pongs = 0
        while (message := await wire.socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pongs += 1
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert pongs == 100


async def test_without_a_subscription_thirty_seconds(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, SPOT) as idle, connected(mexc, http, SPOT) as used:
        await used.subscribe(TOP)
        mexc.tick(mexc.now_ns() + 31_000_000_000)
        assert (await idle.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert (await used.push(TOP))["symbol"] == "BTCUSDT"


async def test_a_minute_without_traffic(still: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(still, http, SPOT) as wire:
        await wire.subscribe(DEALS)
        start_ns = still.now_ns()
        still.tick(start_ns + 2_000_000_000)  # notices the acknowledgement, the last traffic
        still.tick(start_ns + 61_000_000_000)
        assert [connection.is_closing for connection in still.connections] == [False]
        still.tick(start_ns + 64_000_000_000)
        assert (await wire.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_reject_subscribe_blocks_one(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    mexc.faults.switch_on(FaultOrder(FaultKind.REJECT_SUBSCRIBE, count=1))
    async with connected(mexc, http, SPOT) as wire:
        assert (await wire.subscribe(TOP))["msg"].startswith("Not Subscribed")
        assert (await wire.subscribe(TOP))["msg"] == TOP


# ---- spot: data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", ["10ms", "100ms"])
async def test_snapshot_and_depth_give_the_engines_book(
    mexc: SimServer, http: aiohttp.ClientSession, speed: str
) -> None:
    channel, item = DEPTH.replace("10ms", speed), listing(mexc, SPOT)
    async with connected(mexc, http, SPOT) as wire:
        await wire.subscribe(channel)
        buffered = [await wire.push(channel)]
        snapshot: dict[str, Any] = {"lastUpdateId": 0}
        while snapshot["lastUpdateId"] < int(buffered[0]["publicAggreDepths"]["fromVersion"]):
            async with http.get(f"{mexc.url}/api/v3/depth?symbol=BTCUSDT&limit=5000") as answer:
                snapshot = await answer.json()
            buffered.append(await wire.push(channel))
        book: Book = {"bids": {}, "asks": {}}
        apply(book, snapshot)
        local, used = snapshot["lastUpdateId"], 0
        while used < 8 or local < item.engine.update_id:
            if used >= 8:
                item.flow = Still()
            frame = buffered.pop(0) if buffered else await wire.push(channel)
            assert frame["symbol"] == "BTCUSDT"
            push = frame["publicAggreDepths"]
            first, last = int(push["fromVersion"]), int(push["toVersion"])
            assert push["eventType"] == channel.removesuffix("@BTCUSDT")
            if last <= local:
                continue
            assert first <= local + 1 <= last
            assert used == 0 or first == local + 1
            apply(book, push)
            local, used = last, used + 1
        assert book == engine_book(item)


async def test_a_gap_shows_in_the_versions(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, SPOT) as wire:
        await wire.subscribe(DEPTH)
        before = (await wire.push(DEPTH))["publicAggreDepths"]
        mexc.faults.switch_on(FaultOrder(FaultKind.GAP, count=1))
        after = (await wire.push(DEPTH))["publicAggreDepths"]
        while int(after["fromVersion"]) == int(before["toVersion"]) + 1:
            before, after = after, (await wire.push(DEPTH))["publicAggreDepths"]
        assert int(after["fromVersion"]) > int(before["toVersion"]) + 1


async def test_a_resting_book_sends_a_frame_without_a_body(still: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(still, http, SPOT) as wire:
        await wire.subscribe(DEPTH)
        frame = await wire.push(DEPTH)
        while "publicAggreDepths" in frame:
            frame = await wire.push(DEPTH)
        assert set(frame) == {"channel", "symbol", "sendTime"}


async def test_book_ticker_is_the_top(still: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(still, SPOT)
    batch = "spot@public.bookTicker.batch.v3.api.pb@BTCUSDT"
    async with connected(still, http, SPOT) as wire:
        await wire.subscribe(TOP, batch)
        frames = {frame["channel"]: frame for frame in (await wire.read(), await wire.read())}
        top = {
            "bidPrice": item.price_text(item.top.bid_ticks),
            "bidQuantity": item.lots_text(item.top.bid_lots),
            "askPrice": item.price_text(item.top.ask_ticks),
            "askQuantity": item.lots_text(item.top.ask_lots),
        }
        assert frames[TOP]["publicAggreBookTicker"] == top
        assert frames[batch]["publicBookTickerBatch"]["items"] == [top]


async def test_deals(still: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(still, SPOT)
    async with connected(still, http, SPOT) as wire:
        await wire.subscribe(DEALS)
        best = item.engine.total_lots(Side.BUY, item.engine.best(Side.BUY) or 0)
        item.engine.place("test", Side.SELL, best + 1, None, ts_ns=still.now_ns())
        push = (await wire.push(DEALS))["publicAggreDeals"]
        assert push["eventType"] == "spot@public.aggre.deals.v3.api.pb@10ms"
        assert [deal["tradeType"] for deal in push["deals"]] == [2, 2]
        assert push["deals"][-1]["quantity"] == "0.00000001"
        assert int(push["deals"][0]["time"]) == item.trades[-1].ts_ns // 1_000_000


async def test_limit_depth_klines_and_mini_tickers(still: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(still, SPOT)
    limit = "spot@public.limit.depth.v3.api.pb@BTCUSDT@5"
    kline = "spot@public.kline.v3.api.pb@BTCUSDT@Min5"
    mini, minis = (f"spot@public.miniTicker{form}@UTC+8" for form in (".v3.api.pb@BTCUSDT", "s.v3.api.pb"))
    async with connected(still, http, SPOT) as wire:
        await wire.subscribe(limit, kline, mini, minis)
        frames: dict[str, Any] = {}
        while len(frames) < 4:
            frame = await wire.read()
            frames[frame["channel"]] = frame
        depth = frames[limit]["publicLimitDepths"]
        assert int(depth["version"]) == item.engine.update_id
        assert [level["price"] for level in depth["asks"]] == [
            item.price_text(price) for price, _ in item.engine.levels(Side.SELL, 5)
        ]
        assert depth["eventType"] == "spot@public.limit.depth.v3.api.pb"
        row = frames[kline]["publicSpotKline"]
        assert (row["interval"], int(row["windowEnd"]) - int(row["windowStart"])) == ("Min5", 300)
        assert Decimal(row["lowestPrice"]) <= Decimal(row["closingPrice"]) <= Decimal(row["highestPrice"])
        assert frames[mini]["publicMiniTicker"]["symbol"] == "BTCUSDT"
        symbols = [one["symbol"] for one in frames[minis]["publicMiniTickers"]["items"]]
        assert symbols == ["BTCUSDT", "ETHUSDT"]


def test_recorded_values_give_the_recorded_frames(shared: Any) -> None:
    """The fixtures' frames come from another writer: ours must hold the same messages."""
    folder = shared / "fixtures" / "mexc"
    compared = 0
    for path in sorted(folder.glob("spot_ws_public_*.pb")):
        theirs = PushDataV3ApiWrapper()
        theirs.ParseFromString(path.read_bytes())
        ours = encode("PushDataV3ApiWrapper", _numbers(msgspec.json.decode(path.with_suffix(".json").read_bytes())))
        mine = PushDataV3ApiWrapper()
        mine.ParseFromString(ours)
        assert mine == theirs, path.name
        compared += 1
    assert compared


def _numbers(value: Any, name: str = "") -> Any:
    """int64 fields are shown as text in the fixtures."""
    if isinstance(value, dict):
        return {key: _numbers(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return int(value) if name in ("sendTime", "createTime", "time") else value


# ---- perpetuals ---------------------------------------------------------------------------------------


async def test_edge_pings_answers_and_errors(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, EDGE) as wire:
        before_ms = mexc.now_ms()
        await wire.send(method="ping")
        pong = await wire.read()
        assert pong["channel"] == "pong"
        assert before_ms <= pong["data"] <= mexc.now_ms()
        ack = await wire.sub("depth", symbol="BTC_USDT")
        assert (ack["channel"], ack["data"]) == ("rs.sub.depth", "success")
        for stream, param, text in (
            ("deal", {"symbol": "X_USDT"}, "Contract doesn't exist!"),
            ("nonsense", {}, "Unknown method sub.nonsense"),
            ("depth.full", {"symbol": "BTC_USDT", "limit": 7}, "Unknown limit 7"),
            ("kline", {"symbol": "BTC_USDT", "interval": "1m"}, "Unknown interval 1m"),
        ):
            answer = await wire.sub(stream, **param)
            assert (answer["channel"], answer["data"]) == ("rs.error", text)


async def test_edge_closes_without_a_ping(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, EDGE) as wire:
        await wire.sub("ticker", symbol="BTC_USDT")
        mexc.tick(mexc.now_ns() + 61_000_000_000)
        message = await wire.socket.receive(timeout=5)
        while message.type is aiohttp.WSMsgType.TEXT:
            message = await wire.socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("compress", [True, False])
async def test_contract_depth_gives_the_engines_book(
    mexc: SimServer, http: aiohttp.ClientSession, compress: bool
) -> None:
    item = listing(mexc, EDGE)
    async with connected(mexc, http, EDGE) as wire:
        await wire.sub("depth", symbol="BTC_USDT", compress=compress)
        buffered = [(await wire.push("push.depth"))["data"]]
        async with http.get(f"{mexc.url}/api/v1/contract/depth/BTC_USDT?limit=1000") as answer:
            snapshot = msgspec.json.decode(await answer.read())["data"]
        book: Book = {"bids": {}, "asks": {}}
        apply(book, snapshot)
        local, used, merged = snapshot["version"], 0, 0
        while used < 8 or local < item.engine.update_id:
            if used >= 8:
                item.flow = Still()
            push = buffered.pop(0) if buffered else (await wire.push("push.depth"))["data"]
            first, last = push.get("begin", push["version"]), push.get("end", push["version"])
            assert last == push["version"]
            if last <= local:
                continue
            assert first <= local + 1 <= last
            assert used == 0 or first == local + 1
            merged += first < last
            apply(book, push)
            local, used = last, used + 1
        assert book == engine_book(item)
        assert (merged > 0) == compress


async def test_a_single_depth_push_has_one_level(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(mexc, http, EDGE) as wire:
        await wire.sub("depth", symbol="BTC_USDT", compress=False)
        (connection,) = mexc.connections
        assert set(connection.topics) == {"depth:BTC_USDT:single"}
        pushes = [await wire.push("push.depth") for _ in range(6)]
        for frame in pushes:
            assert frame["symbol"] == "BTC_USDT"
            (level,) = frame["data"]["asks"] + frame["data"]["bids"]
            assert (level[1] == 0) == (level[2] == 0)  # contracts and orders
        versions = [frame["data"]["version"] for frame in pushes]
        assert all(after == before + 1 for before, after in pairwise(versions))
        await wire.send(method="unsub.depth", param={"symbol": "BTC_USDT"})
        await wire.push("rs.unsub.depth")
        assert not connection.topics


async def test_contract_streams(still: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(still, EDGE)
    async with connected(still, http, EDGE) as wire:
        for stream in ("deal", "ticker", "index.price", "fair.price"):
            await wire.sub(stream, symbol="BTC_USDT")
        await wire.sub("depth.full", symbol="BTC_USDT", limit=5)
        await wire.sub("kline", symbol="BTC_USDT", interval="Min1")
        await wire.sub("tickers")
        item.engine.place("test", Side.BUY, 2, None, ts_ns=still.now_ns())
        names = ("deal", "ticker", "index.price", "fair.price", "depth.full", "kline", "tickers")
        frames: dict[str, Any] = {}
        while set(frames) != {f"push.{name}" for name in names}:
            frame = await wire.read()
            frames[frame["channel"]] = frame
        (deal,) = frames["push.deal"]["data"]
        assert (deal["T"], deal["v"], deal["i"]) == (1, 2, str(item.trades[-1].trade_id))
        assert frames["push.ticker"]["data"]["bid1"] < frames["push.ticker"]["data"]["ask1"]
        assert len(frames["push.depth.full"]["data"]["asks"]) == 5
        assert frames["push.kline"]["data"]["interval"] == "Min1"
        assert frames["push.kline"]["data"]["t"] % 60 == 0
        assert [row["symbol"] for row in frames["push.tickers"]["data"]] == ["BTC_USDT", "ETH_USDT"]
        assert frames["push.index.price"]["data"]["price"] > 0
        await wire.send(method="unsub.ticker", param={"symbol": "BTC_USDT"})
        while (frame := await wire.read())["channel"] != "rs.unsub.ticker":
            continue
        assert frame["data"] == "success"
