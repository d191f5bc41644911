"""Gate's public websockets as their documents describe them, with books rebuilt by the published rules."""

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
from tests.sim.flows import Still

from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
Book = dict[str, dict[Decimal, Decimal]]
SPOT, FUTURES = "/ws/v4/", "/v4/ws/usdt"


class Wire:
    """A raw client: requests out, decoded frames in."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, server: SimServer) -> None:
        self.socket = socket
        self.server = server

    async def ask(self, channel: str, payload: list[str], event: str = "subscribe", **more: Any) -> None:
        request = {"time": self.server.now_ms() // 1_000, "channel": channel, "event": event}
        await self.socket.send_str(msgspec.json.encode(request | {"payload": payload} | more).decode())

    async def read(self) -> Any:
        message = await self.socket.receive(timeout=10)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return msgspec.json.decode(message.data)

    async def update(self, channel: str) -> Any:
        """The result of the next update of a channel."""
        while True:
            frame = await self.read()
            if frame["channel"] == channel and frame["event"] == "update":
                assert frame["time"] == frame["time_ms"] // 1_000
                return frame["result"]

    async def answer(self, channel: str, payload: list[str], event: str = "subscribe", **more: Any) -> Any:
        await self.ask(channel, payload, event, **more)
        while True:
            frame = await self.read()
            if frame["event"] != "update":
                return frame


@pytest.fixture
async def gate(start_venue: StartVenue) -> SimServer:
    return await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"))


@pytest.fixture
async def still(start_venue: StartVenue) -> SimServer:
    """Whose books are always the same."""
    return await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"), still=True)


@asynccontextmanager
async def connected(server: SimServer, http: aiohttp.ClientSession, path: str, **headers: str) -> AsyncIterator[Wire]:
    async with http.ws_connect(server.url + path, headers=headers) as socket:
        yield Wire(socket, server)


def listing(server: SimServer, path: str, base: str = "BTC") -> SimListing:
    market, key = ("spot", f"{base}/USDT") if path == SPOT else ("futures", f"{base}/USDT:USDT")
    return server.markets[market].listings[key]


def engine_book(item: SimListing, depth: int) -> Book:
    return {
        name: {
            item.price_scale.value(price): item.lot_scale.value(lots) for price, lots in item.engine.levels(side, depth)
        }
        for name, side in (("b", Side.BUY), ("a", Side.SELL))
    }


def apply(book: Book, side: str, levels: list[Any]) -> None:
    for level in levels:
        price, size = (level["p"], level["s"]) if isinstance(level, dict) else level
        if Decimal(size):
            book[side][Decimal(price)] = Decimal(size)
        else:
            book[side].pop(Decimal(price), None)


def prune(book: Book, depth: int) -> None:
    for side, highest_first in (("b", True), ("a", False)):
        kept = sorted(book[side], reverse=highest_first)[:depth]
        book[side] = {price: book[side][price] for price in kept}


# ---- requests and answers -----------------------------------------------------------------------------


async def test_a_subscription_is_acknowledged_before_its_data(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        await wire.ask("spot.book_ticker", ["BTC_USDT", "ETH_USDT"], id=7)
        ack = await wire.read()
        assert ack["channel"] == "spot.book_ticker"
        assert (ack["event"], ack["id"], ack["error"]) == ("subscribe", 7, None)
        assert ack["result"] == {"status": "success"}
        assert ack["payload"] == ["BTC_USDT", "ETH_USDT"]
        pairs: set[str] = set()
        while len(pairs) < 2:
            frame = await wire.read()
            assert frame["event"] == "update"
            pairs.add(frame["result"]["s"])
        assert pairs == {"BTC_USDT", "ETH_USDT"}


async def test_unsubscribing_stops_the_stream(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        await wire.answer("spot.book_ticker", ["BTC_USDT"])
        await wire.update("spot.book_ticker")
        done = await wire.answer("spot.book_ticker", ["BTC_USDT"], "unsubscribe")
        assert done["result"] == {"status": "success"}
        with pytest.raises(asyncio.TimeoutError):
            await wire.socket.receive(timeout=0.5)


@pytest.mark.parametrize(("path", "product"), [(SPOT, "spot"), (FUTURES, "futures")])
async def test_pings(gate: SimServer, http: aiohttp.ClientSession, path: str, product: str) -> None:
    async with connected(gate, http, path) as wire:
        pong = await wire.answer(f"{product}.ping", [], "")
        assert pong["channel"] == f"{product}.pong"
        assert (pong["error"], pong["result"]) == (None, None)


async def test_the_server_pings(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    server = await start_venue("gate", instruments=("BTC/USDT",))
    async with http.ws_connect(server.url + SPOT, autoping=False) as socket:
        (connection,) = server.connections
        server.tick(server.now_ns() + 16_000_000_000)
        assert connection.ping_sent_ns is not None
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.PING


async def test_connections_per_address_are_limited(
    gate: SimServer, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oneprice.sim.dialects.gate.session.CONNECTIONS_PER_ADDRESS", 1)
    async with connected(gate, http, SPOT) as first, connected(gate, http, SPOT) as second:
        assert (await second.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert (await first.answer("spot.ping", [], ""))["channel"] == "spot.pong"


@pytest.mark.parametrize(
    ("channel", "payload", "message"),
    [
        ("spot.book_ticker", ["NO_PAIR"], "unknown currency pair: NO_PAIR"),
        ("spot.book_ticker", [], "payload is empty"),
        ("spot.order_book_update", ["BTC_USDT", "50ms"], "invalid interval: 50ms"),
        ("spot.order_book_update", ["BTC_USDT"], "payload must have 2 items, got 1"),
        ("spot.obu", ["ob.BTC_USDT.100"], "invalid payload: ob.BTC_USDT.100"),
        ("spot.candlesticks", ["7m", "BTC_USDT"], "invalid interval: 7m"),
        ("spot.nonsense", ["BTC_USDT"], "unknown channel spot.nonsense"),
    ],
)
async def test_bad_arguments_have_code_two(
    gate: SimServer, http: aiohttp.ClientSession, channel: str, payload: list[str], message: str
) -> None:
    async with connected(gate, http, SPOT) as wire:
        answer = await wire.answer(channel, payload)
        assert answer["error"] == {"code": 2, "message": message}
        assert answer["result"] == {"status": "fail"}
        assert (answer["channel"], answer["event"]) == (channel, "subscribe")


async def test_futures_levels_are_checked(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, FUTURES) as wire:
        answer = await wire.answer("futures.order_book_update", ["BTC_USDT", "20ms", "100"])
        assert answer["error"]["code"] == 2  # 20ms goes with 20 levels only
        answer = await wire.answer("futures.trades", ["X_USDT"])
        assert answer["error"] == {"code": 2, "message": "unknown contract: X_USDT"}


async def test_garbage_has_code_one(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        for text in ("not json", "[]", '{"channel": "spot.trades"}'):
            await wire.socket.send_str(text)
            assert (await wire.read())["error"]["code"] == 1


async def test_a_minute_of_clock_difference_fails(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        late = await wire.answer("spot.trades", ["BTC_USDT"], time=gate.now_ms() // 1_000 - 62)
        assert late["error"]["code"] == 2
        fine = await wire.answer("spot.trades", ["BTC_USDT"], time=gate.now_ms() // 1_000 - 58)
        assert fine["error"] is None


async def test_reject_subscribe_is_a_server_error(gate: SimServer, http: aiohttp.ClientSession) -> None:
    gate.faults.switch_on(FaultOrder(FaultKind.REJECT_SUBSCRIBE, count=1))
    async with connected(gate, http, SPOT) as wire:
        assert (await wire.answer("spot.trades", ["BTC_USDT"]))["error"]["code"] == 3
        assert (await wire.answer("spot.trades", ["BTC_USDT"]))["error"] is None


# ---- books --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "payload", "depth"),
    [
        (SPOT, ["BTC_USDT", "100ms"], 100),
        (SPOT, ["BTC_USDT", "20ms"], 20),
        (FUTURES, ["BTC_USDT", "100ms", "50"], 50),
        (FUTURES, ["BTC_USDT", "20ms", "20"], 20),
    ],
)
async def test_snapshot_and_updates_give_the_engines_book(
    gate: SimServer, http: aiohttp.ClientSession, path: str, payload: list[str], depth: int
) -> None:
    product = "spot" if path == SPOT else "futures"
    item, channel = listing(gate, path), f"{product}.order_book_update"
    async with connected(gate, http, path) as wire:
        assert (await wire.answer(channel, payload))["error"] is None
        buffered = [await wire.update(channel)]
        while True:  # 2. and 5.: snapshots until one is not older than what is buffered
            snapshot = await fetch_book(http, gate, product, depth)
            if snapshot["id"] + 1 >= buffered[0]["U"]:
                break
            buffered.append(await wire.update(channel))
        book: Book = {"b": {}, "a": {}}
        apply(book, "b", snapshot["bids"])
        apply(book, "a", snapshot["asks"])
        local = snapshot["id"]
        stop_at, used = gate.now_ms() + 600, 0
        while used < 5 or local < item.engine.update_id or gate.now_ms() < stop_at:
            if used >= 5 and gate.now_ms() >= stop_at:
                item.flow = Still()
            frame = buffered.pop(0) if buffered else await wire.update(channel)
            if frame["u"] < local + 1:
                continue
            assert frame["U"] <= local + 1 <= frame["u"]
            assert used == 0 or frame["U"] == local + 1
            apply(book, "b", frame["b"])
            apply(book, "a", frame["a"])
            prune(book, depth)
            local, used = frame["u"], used + 1
            assert frame["l"] == str(depth)
        assert local == item.engine.update_id
        assert book == engine_book(item, depth)


async def fetch_book(http: aiohttp.ClientSession, server: SimServer, product: str, depth: int) -> Any:
    query = "currency_pair=BTC_USDT" if product == "spot" else "contract=BTC_USDT"
    prefix = "/spot" if product == "spot" else "/futures/usdt"
    url = f"{server.url}/api/v4{prefix}/order_book?{query}&limit={depth}&with_id=true"
    async with http.get(url) as answer:
        return await answer.json()


@pytest.mark.parametrize("path", [SPOT, FUTURES])
@pytest.mark.parametrize("levels", ["50", "400"])
async def test_obu_gives_the_engines_book_without_a_snapshot(
    gate: SimServer, http: aiohttp.ClientSession, path: str, levels: str
) -> None:
    product = "spot" if path == SPOT else "futures"
    item, channel, name = listing(gate, path), f"{product}.obu", f"ob.BTC_USDT.{levels}"
    async with connected(gate, http, path) as first, connected(gate, http, path) as wire:
        await first.answer(channel, [name])
        await first.update(channel)
        await wire.ask(channel, [name])
        assert (await wire.read())["error"] is None
        full = await wire.read()
        assert full["result"]["full"] is True
        assert full["result"]["s"] == name
        book: Book = {"b": {}, "a": {}}
        apply(book, "b", full["result"]["b"])
        apply(book, "a", full["result"]["a"])
        local, frames = full["result"]["u"], 0
        while frames < 5 or local < item.engine.update_id:
            if frames >= 5:
                item.flow = Still()
            frame = await wire.update(channel)
            assert "full" not in frame
            assert frame["U"] == local + 1
            apply(book, "b", frame.get("b", []))
            apply(book, "a", frame.get("a", []))
            local, frames = frame["u"], frames + 1
        assert book == engine_book(item, int(levels))


async def test_obu_refuses_a_second_subscription(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        await wire.answer("spot.obu", ["ob.BTC_USDT.400"], id=1)
        again = await wire.answer("spot.obu", ["ob.BTC_USDT.400"], id=1)
        assert again["error"] == {"code": 2, "message": "Alert sub ob.BTC_USDT.400"}
        assert again["result"] == {"status": "fail"}
        await wire.answer("spot.obu", ["ob.BTC_USDT.400"], "unsubscribe")
        assert (await wire.answer("spot.obu", ["ob.BTC_USDT.400"]))["error"] is None


async def test_a_gap_shows_in_the_ids(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as wire:
        await wire.answer("spot.obu", ["ob.BTC_USDT.50"])
        local = (await wire.update("spot.obu"))["u"]
        gate.faults.switch_on(FaultOrder(FaultKind.GAP, count=1))
        frame = await wire.update("spot.obu")
        while frame["U"] == local + 1:
            local, frame = frame["u"], await wire.update("spot.obu")
        assert frame["U"] > local + 1


async def test_the_snapshot_channel(still: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(still, SPOT)
    async with connected(still, http, SPOT) as wire:
        await wire.answer("spot.order_book", ["BTC_USDT", "5", "100ms"])
        result = await wire.update("spot.order_book")
        assert result["lastUpdateId"] == item.engine.update_id
        assert len(result["bids"]) == len(result["asks"]) == 5
        assert (result["s"], result["l"]) == ("BTC_USDT", "5")


async def test_a_whole_view_comes_now_and_then(
    gate: SimServer, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oneprice.sim.dialects.gate import spot_stream
    from oneprice.sim.dialects.gate.streams import DepthPlan

    monkeypatch.setitem(spot_stream._UPDATE_PLANS, "20ms", DepthPlan(20, 20, whole_every_frames=3))
    async with connected(gate, http, SPOT) as wire:
        await wire.answer("spot.order_book_update", ["BTC_USDT", "20ms"])
        frames = [await wire.update("spot.order_book_update") for _ in range(6)]
    assert ["full" in frame for frame in frames] == [False, False, True, False, False, True]
    assert len(frames[2]["b"]) == len(frames[2]["a"]) == 20
    assert all(later["U"] == earlier["u"] + 1 for earlier, later in pairwise(frames))


# ---- best bid and ask, trades, tickers, klines --------------------------------------------------------


@pytest.mark.parametrize("path", [SPOT, FUTURES])
async def test_book_ticker_is_the_top_with_the_books_id(
    gate: SimServer, http: aiohttp.ClientSession, path: str
) -> None:
    product = "spot" if path == SPOT else "futures"
    item = listing(gate, path)
    async with connected(gate, http, path) as wire:
        await wire.answer(f"{product}.book_ticker", ["BTC_USDT"])
        last = 0
        for _ in range(2):
            frame = await wire.update(f"{product}.book_ticker")
            assert frame["u"] > last
            last = frame["u"]
        item.flow = Still()
        while frame["u"] != item.top.update_id:
            frame = await wire.update(f"{product}.book_ticker")
        assert frame["b"] == item.price_text(item.top.bid_ticks)
        assert Decimal(frame["A"]) == item.lot_scale.value(item.top.ask_lots)
        assert frame["t"] == item.top.ts_ns // 1_000_000


async def test_an_empty_side_has_no_price(gate: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(gate, FUTURES)
    async with connected(gate, http, FUTURES) as wire:
        await wire.answer("futures.book_ticker", ["BTC_USDT"])
        item.flow = Still()
        everything = sum(order.lots for order in item.engine.reachable(Side.BUY, None))
        item.engine.place("test", Side.BUY, everything, None, ts_ns=gate.now_ns())
        frame = await wire.update("futures.book_ticker")
        while frame["a"]:
            frame = await wire.update("futures.book_ticker")
        assert (frame["a"], frame["A"]) == ("", 0)
        assert frame["b"] != ""


async def test_trades(still: SimServer, http: aiohttp.ClientSession) -> None:
    spot, perpetual = listing(still, SPOT), listing(still, FUTURES)
    async with connected(still, http, SPOT) as one, connected(still, http, FUTURES) as two:
        await one.answer("spot.trades", ["BTC_USDT"])
        await two.answer("futures.trades", ["BTC_USDT"])
        for item in (spot, perpetual):
            item.engine.place("test", Side.SELL, 3, None, ts_ns=still.now_ns())
        result = await one.update("spot.trades")
        made = spot.trades[-1]
        assert (result["id"], result["side"], result["amount"]) == (made.trade_id, "sell", "0.000003")
        assert result["price"] == spot.price_text(made.price_ticks)
        assert result["create_time_ms"].startswith(f"{made.ts_ns // 1_000_000}.")
        (print_,) = await two.update("futures.trades")
        assert (print_["size"], print_["contract"]) == (-3, "BTC_USDT")
        assert print_["create_time_ms"] == perpetual.trades[-1].ts_ns // 1_000_000


async def test_decimal_sizes_are_asked_for_at_the_handshake(still: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(still, FUTURES, "ETH")
    header = {"X-Gate-Size-Decimal": "1"}
    async with connected(still, http, FUTURES) as plain, connected(still, http, FUTURES, **header) as exact:
        for wire in (plain, exact):
            await wire.answer("futures.trades", ["ETH_USDT"])
        item.engine.place("test", Side.SELL, 14, None, ts_ns=still.now_ns())
        assert (await plain.update("futures.trades"))[0]["size"] == -1  # towards zero
        assert (await exact.update("futures.trades"))[0]["size"] == "-1.4"


async def test_tickers_and_candlesticks(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with connected(gate, http, SPOT) as one, connected(gate, http, FUTURES) as two:
        await one.answer("spot.tickers", ["BTC_USDT"])
        await one.answer("spot.candlesticks", ["1m", "BTC_USDT"])
        await two.answer("futures.tickers", ["BTC_USDT"])
        await two.answer("futures.candlesticks", ["5m", "BTC_USDT"])
        ticker, kline = await one.update("spot.tickers"), await one.update("spot.candlesticks")
        assert ticker["currency_pair"] == "BTC_USDT"
        assert Decimal(ticker["highest_bid"]) < Decimal(ticker["lowest_ask"])
        assert kline["n"] == "1m_BTC_USDT"
        assert int(kline["t"]) % 60 == 0
        (ticker,), (kline,) = await two.update("futures.tickers"), await two.update("futures.candlesticks")
        assert ticker["contract"] == "BTC_USDT"
        assert Decimal(ticker["low_24h"]) <= Decimal(ticker["last"]) <= Decimal(ticker["high_24h"])
        assert (kline["n"], kline["t"] % 300) == ("5m_BTC_USDT", 0)
