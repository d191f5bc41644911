"""Binance's market streams on raw sockets: books, acks, paths, limits and pings."""

import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.sim.binance_caller import Clock
from tests.sim.flows import Still

from oneprice.sim.engine import Side

PERPETUAL = "BTC/USDT:USDT"


async def get(http: aiohttp.ClientSession, server: Any, path: str) -> Any:
    async with http.get(server.url + path) as response:
        return json.loads(await response.text())


@pytest.mark.parametrize(
    ("socket", "rest", "market", "key"),
    [
        ("/ws/btcusdt@depth@100ms", "/api/v3/depth?symbol=BTCUSDT&limit=5000", "spot", "BTC/USDT"),
        (
            "/usdm/public/ws/btcusdt@depth@100ms",
            "/fapi/v1/depth?symbol=BTCUSDT&limit=1000",
            "usdm",
            PERPETUAL,
        ),
        ("/usdm/public/ws/btcusdt@depth@0ms", "/fapi/v1/depth?symbol=BTCUSDT&limit=1000", "usdm", PERPETUAL),
    ],
)
async def test_documented_procedure_gives_the_engines_book(
    start_venue: Any, http: Any, connect: Any, local_book: Any, socket: str, rest: str, market: str, key: str
) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT", "ETH/USDT"))
    stream = await connect(server, socket)
    buffered = [await stream.next(), await stream.next()]
    book = local_book(await get(http, server, rest))
    listing = server.markets[market].listings[key]
    for event in buffered:
        assert book.apply(event)
    for _ in range(8):
        assert book.apply(await stream.next())
    listing.flow = Still()
    while book.last_id < listing.engine.update_id:
        assert book.apply(await stream.next())
    now = listing.book()
    assert [float(price) for price in sorted(book.bids, key=float, reverse=True)] == [
        float(listing.price_text(ticks)) for ticks, _ in now.bids
    ]
    assert {float(size) for size in book.asks.values()} == {float(listing.lots_text(lots)) for _, lots in now.asks}


@pytest.mark.parametrize(
    ("socket", "fixture"),
    [
        ("/ws/btcusdt@depth@100ms", "spot_ws_depth_diff"),
        ("/ws/btcusdt@depth5@100ms", "spot_ws_depth_partial"),
        ("/ws/btcusdt@bookTicker", "spot_ws_book_ticker"),
        ("/ws/btcusdt@trade", "spot_ws_trade"),
        ("/ws/btcusdt@aggTrade", "spot_ws_agg_trade"),
        ("/ws/btcusdt@referencePrice", "spot_ws_reference_price"),
        ("/usdm/public/ws/btcusdt@depth@100ms", "futures_ws_depth_diff"),
        ("/usdm/public/ws/btcusdt@bookTicker", "futures_ws_book_ticker"),
        ("/usdm/public/ws/!bookTicker", "futures_ws_book_ticker"),
        ("/usdm/market/ws/btcusdt@aggTrade", "futures_ws_agg_trade"),
        ("/usdm/market/ws/btcusdt@markPrice@1s", "futures_ws_mark_price"),
    ],
)
async def test_frames_have_the_recorded_fields(
    start_venue: Any, connect: Any, shared: Path, socket: str, fixture: str
) -> None:
    recorded = json.loads((shared / "fixtures" / "binance" / f"{fixture}.json").read_text())
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, socket)
    for market in server.markets.values():
        for listing in market.listings.values():
            best = listing.engine.best(Side.SELL)
            listing.engine.place("test", Side.BUY, 1, best, ts_ns=server.now_ns())
    frame = await stream.next()
    assert frame.keys() >= recorded.get("data", recorded).keys()


async def test_best_quote_and_depth_share_one_counter(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms")
    quotes: list[int] = []
    diffs: list[Any] = []
    while len(diffs) < 4:
        frame = await stream.next()
        if frame["stream"] == "btcusdt@bookTicker":
            quotes.append(frame["data"]["u"])
            continue
        assert quotes
        assert quotes == sorted(quotes)
        diffs.append(frame["data"])
        if len(diffs) > 1:  # the first one may have begun before the quotes
            assert all(diffs[-1]["U"] <= quote <= diffs[-1]["u"] for quote in quotes)
        quotes.clear()


async def test_subscribe_list_unsubscribe_and_properties(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/ws")
    assert await stream.ask("SUBSCRIBE", ["btcusdt@bookTicker", "nope@depth"], 7) == {"result": None, "id": 7}
    assert (await stream.ask("LIST_SUBSCRIPTIONS", None, "x"))["result"] == [
        "btcusdt@bookTicker",
        "nope@depth",
    ]
    assert "stream" not in await stream.next()
    await stream.ask("SET_PROPERTY", ["combined", True])
    assert (await stream.ask("GET_PROPERTY", ["combined"]))["result"] is True
    assert (await stream.next())["stream"] == "btcusdt@bookTicker"


async def test_unsubscribed_stream_falls_silent(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/ws/btcusdt@bookTicker")
    await stream.next()
    await stream.ask("UNSUBSCRIBE", ["btcusdt@bookTicker"])
    assert await stream.is_silent(0.5)
    assert not server.markets["spot"].listings["BTC/USDT"].on_top


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{not json", 3),
        ('{"id":1}', 2),
        ('{"method":"DANCE","id":1}', 2),
        ('{"method":"SUBSCRIBE","id":1}', 2),
        ('{"method":"SET_PROPERTY","params":["loud",true],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
        ('{"method":"LIST_SUBSCRIPTIONS","id":1.5}', 2),
    ],
)
async def test_unreadable_requests_are_answered_with_a_code(
    start_venue: Any, connect: Any, sent: str, code: int
) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/ws")
    await stream.socket.send_str(sent)
    answer = await stream.next()
    assert answer["code"] == code
    assert answer["msg"]


@pytest.mark.parametrize(
    "socket",
    [
        "/usdm/market/ws/btcusdt@depth@100ms",
        "/usdm/public/ws/btcusdt@markPrice@1s",
        "/ws/btcusdt@markPrice@1s",
    ],
)
async def test_stream_on_the_wrong_path_is_accepted_and_silent(start_venue: Any, connect: Any, socket: str) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, socket)
    assert (await stream.ask("LIST_SUBSCRIPTIONS"))["result"] == [socket.rpartition("/")[2]]
    assert await stream.is_silent(1.2)


async def test_retired_futures_path_is_gone(start_venue: Any, http: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(server.url + "/usdm/ws")


@pytest.mark.parametrize(("path", "limit"), [("/ws", 5), ("/usdm/public/ws", 10)])
async def test_too_many_messages_a_second_close_the_connection(
    start_venue: Any, connect: Any, path: str, limit: int
) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",), clock=Clock())
    stream = await connect(server, path)
    for number in range(limit):
        await stream.ask("LIST_SUBSCRIPTIONS", None, number)
    await stream.socket.ping(b"one too many")
    assert await stream.until_closed() == 1008


async def test_more_than_1024_streams_close_the_connection(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/ws")
    await stream.ask("SUBSCRIBE", [f"s{number}@trade" for number in range(1_024)])
    await stream.socket.send_json({"method": "SUBSCRIBE", "params": ["one@trade"], "id": 2})
    assert await stream.until_closed() == 1008


async def test_client_ping_gets_a_pong_with_its_payload(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/ws")
    await stream.socket.ping(b"hello")
    message = await stream.socket.receive(timeout=5)
    assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"hello")


async def test_pong_with_the_pings_payload_keeps_the_connection(start_venue: Any, connect: Any) -> None:
    skew = [0]

    def clock() -> int:
        return time.time_ns() + skew[0]

    server = await start_venue("binance", instruments=("BTC/USDT",), clock=clock)
    stream = await connect(server, "/ws")
    for seconds in (21, 42, 63, 84, 105):
        skew[0] = seconds * 1_000_000_000
        message = await stream.socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.PING
        await stream.socket.pong(message.data)
        assert (await stream.ask("LIST_SUBSCRIPTIONS"))["result"] == []


async def test_server_pings_and_cuts_off_who_does_not_answer(start_venue: Any, connect: Any) -> None:
    skew = [0]

    def clock() -> int:
        return time.time_ns() + skew[0]

    server = await start_venue("binance", instruments=("BTC/USDT",), clock=clock)
    stream = await connect(server, "/ws")
    skew[0] = 21_000_000_000
    message = await stream.socket.receive(timeout=5)
    assert message.type is aiohttp.WSMsgType.PING
    await stream.socket.pong(b"")
    await stream.ask("LIST_SUBSCRIPTIONS")
    skew[0] = 82_000_000_000
    assert await stream.until_closed() == 1008


async def test_connection_ends_after_24_hours(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/ws")
    await stream.ask("LIST_SUBSCRIPTIONS")
    for connection in server.connections:
        connection.opened_ns -= 86_400_000_000_000
    assert await stream.until_closed() == 1001


async def test_life_time_can_be_shortened(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",), lifetime_s=0.2)
    stream = await connect(server, "/ws/btcusdt@bookTicker")
    assert await stream.until_closed() == 1001


async def test_microsecond_time_stamps_on_request(start_venue: Any, connect: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    stream = await connect(server, "/ws/btcusdt@depth@100ms?timeUnit=MICROSECOND")
    assert (await stream.next())["E"] > 10**15
