"""Gate's public REST as its documents describe it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.sim.binance_caller import Clock

from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
BTC = ("BTC/USDT", "ETH/USDT")


@pytest.fixture
async def gate(start_venue: StartVenue) -> SimServer:
    return await start_venue("gate", instruments=BTC, clock=Clock(), still=True)


def listing(server: SimServer, market: str, key: str) -> SimListing:
    return server.markets[market].listings[key]


async def get(http: aiohttp.ClientSession, server: SimServer, path: str, status: int = 200, **headers: str) -> Any:
    async with http.get(f"{server.url}/api/v4{path}", headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


def trade(item: SimListing, server: SimServer) -> None:
    """A market buy of two lots, now."""
    item.engine.place("test", Side.BUY, 2, None, ts_ns=server.now_ns())


async def test_time_is_in_milliseconds(gate: SimServer, http: aiohttp.ClientSession) -> None:
    assert (await get(http, gate, "/spot/time"))["server_time"] == gate.now_ms()


async def test_pair_rules(gate: SimServer, http: aiohttp.ClientSession) -> None:
    rules = await get(http, gate, "/spot/currency_pairs/BTC_USDT")
    assert rules["id"] == "BTC_USDT"
    assert rules["precision"] == 1  # decimals of the price: tick 0.1
    assert rules["amount_precision"] == 6
    assert rules["fee"] == "0.1"  # percent
    assert (rules["min_base_amount"], rules["min_quote_amount"]) == ("0.00001", "3")
    assert rules["trade_status"] == "tradable"
    assert [pair["id"] for pair in await get(http, gate, "/spot/currency_pairs")] == ["BTC_USDT", "ETH_USDT"]


async def test_contract_rules(gate: SimServer, http: aiohttp.ClientSession) -> None:
    contract = await get(http, gate, "/futures/usdt/contracts/BTC_USDT")
    assert contract["quanto_multiplier"] == "0.0001"
    assert contract["order_price_round"] == "0.1"
    assert (contract["order_size_min"], contract["enable_decimal"]) == (1, False)
    assert (contract["taker_fee_rate"], contract["maker_fee_rate"]) == ("0.0005", "0.0002")
    assert contract["funding_interval"] == 28_800
    assert contract["funding_next_apply"] % 28_800 == 0
    assert contract["funding_next_apply"] > gate.now_ms() // 1_000
    assert contract["status"] == "trading"
    assert contract["in_delisting"] is False
    assert abs(Decimal(contract["mark_price"]) / Decimal(contract["index_price"]) - 1) < Decimal("0.002")


async def test_a_decimal_contract_needs_the_header(gate: SimServer, http: aiohttp.ClientSession) -> None:
    decimal = await get(http, gate, "/futures/usdt/contracts/ETH_USDT", **{"X-Gate-Size-Decimal": "1"})
    whole = await get(http, gate, "/futures/usdt/contracts/ETH_USDT")
    assert (decimal["enable_decimal"], decimal["order_size_min"]) == (True, "0.1")
    assert whole["order_size_min"] == 1
    path = "/futures/usdt/order_book?contract=ETH_USDT&limit=40"
    sizes = [level["s"] for level in (await get(http, gate, path, **{"X-Gate-Size-Decimal": "1"}))["bids"]]
    rounded = [level["s"] for level in (await get(http, gate, path))["bids"]]
    assert any("." in size for size in sizes)
    assert rounded == [int(Decimal(size)) for size in sizes]


async def test_the_spot_book_is_the_engines(gate: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(gate, "spot", "BTC/USDT")
    book = await get(http, gate, "/spot/order_book?currency_pair=BTC_USDT&limit=5&with_id=true")
    assert book["id"] == item.engine.update_id
    for name, side in (("bids", Side.BUY), ("asks", Side.SELL)):
        assert book[name] == [
            [item.price_text(price), item.lots_text(lots)] for price, lots in item.engine.levels(side, 5)
        ]
    assert book["update"] <= book["current"] <= gate.now_ms()
    without = await get(http, gate, "/spot/order_book?currency_pair=BTC_USDT")
    assert "id" not in without
    assert len(without["asks"]) == 10


async def test_a_spot_snapshot_comes_from_a_cache(gate: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(gate, "spot", "BTC/USDT")
    path = "/spot/order_book?currency_pair=BTC_USDT&with_id=true"
    first = await get(http, gate, path + "&limit=100")
    deep = await get(http, gate, path + "&limit=1000")
    trade(item, gate)
    assert await get(http, gate, path + "&limit=100") | {"current": 0} == first | {"current": 0}
    assert (await get(http, gate, path + "&limit=1000"))["id"] == deep["id"] < item.engine.update_id


async def test_the_futures_book_has_objects_and_seconds(gate: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(gate, "futures", "BTC/USDT:USDT")
    book = await get(http, gate, "/futures/usdt/order_book?contract=BTC_USDT&limit=3&with_id=true")
    assert book["id"] == item.engine.update_id
    assert book["asks"] == [
        {"p": item.price_text(price), "s": lots} for price, lots in item.engine.levels(Side.SELL, 3)
    ]
    assert book["current"] == gate.now_ms() / 1_000
    assert book["update"] <= book["current"]


async def test_trades_newest_first(gate: SimServer, http: aiohttp.ClientSession) -> None:
    spot, perpetual = listing(gate, "spot", "BTC/USDT"), listing(gate, "futures", "BTC/USDT:USDT")
    for item in (spot, perpetual):
        trade(item, gate)
        item.engine.place("test", Side.SELL, 1, None, ts_ns=gate.now_ns())
    newest, older = await get(http, gate, "/spot/trades?currency_pair=BTC_USDT&limit=2")
    assert (newest["side"], older["side"], older["amount"]) == ("sell", "buy", "0.000002")
    assert int(newest["id"]) == int(older["id"]) + 1
    assert int(newest["sequence_id"]) == int(older["sequence_id"]) + 1
    assert Decimal(newest["create_time_ms"]) // 1_000 == int(newest["create_time"])
    newest, older = await get(http, gate, "/futures/usdt/trades?contract=BTC_USDT&limit=2")
    assert (newest["size"], older["size"]) == (-1, 2)
    assert int(newest["create_time_ms"]) == newest["create_time"]  # seconds in spite of the name


async def test_tickers(gate: SimServer, http: aiohttp.ClientSession) -> None:
    top = listing(gate, "spot", "BTC/USDT").top
    (one,) = await get(http, gate, "/spot/tickers?currency_pair=BTC_USDT")
    assert one["highest_bid"] == listing(gate, "spot", "BTC/USDT").price_text(top.bid_ticks)
    assert "highest_size" in one
    every = await get(http, gate, "/spot/tickers")
    assert [item["currency_pair"] for item in every] == ["BTC_USDT", "ETH_USDT"]
    assert "highest_size" not in every[0]  # sizes only when a single pair is asked for
    low, last, high = (Decimal(one[name]) for name in ("low_24h", "last", "high_24h"))
    assert low <= last <= high
    (perpetual,) = await get(http, gate, "/futures/usdt/tickers?contract=BTC_USDT")
    assert perpetual["contract"] == "BTC_USDT"
    assert Decimal(perpetual["lowest_ask"]) > Decimal(perpetual["highest_bid"])
    assert len(await get(http, gate, "/futures/usdt/tickers")) == 2


async def test_candlesticks(gate: SimServer, http: aiohttp.ClientSession) -> None:
    rows = await get(http, gate, "/spot/candlesticks?currency_pair=BTC_USDT&interval=5m&limit=3")
    assert [int(row[0]) % 300 for row in rows] == [0, 0, 0]
    assert [row[7] for row in rows] == ["true", "true", "false"]
    for _, _, close, high, low, opening, volume, _ in rows:
        assert Decimal(low) <= min(Decimal(opening), Decimal(close)) <= Decimal(high)
        assert Decimal(volume) >= 0
    start = int(rows[0][0])
    path = f"/spot/candlesticks?currency_pair=BTC_USDT&interval=5m&from={start}&to={start + 300}"
    assert [row[:6] for row in await get(http, gate, path)] == [row[:6] for row in rows[:2]]
    (perpetual,) = await get(http, gate, "/futures/usdt/candlesticks?contract=BTC_USDT&interval=1h&limit=1")
    assert perpetual["t"] % 3_600 == 0
    assert {"t", "v", "c", "h", "l", "o", "sum"} == set(perpetual)


async def test_funding_history(gate: SimServer, http: aiohttp.ClientSession) -> None:
    newest, older = await get(http, gate, "/futures/usdt/funding_rate?contract=BTC_USDT&limit=2")
    assert newest["t"] - older["t"] == 28_800
    assert abs(Decimal(newest["r"])) < Decimal("0.003")


@pytest.mark.parametrize(
    ("path", "status", "label", "message"),
    [
        ("/spot/order_book", 400, "MISSING_REQUIRED_PARAM", "Missing required parameter: currency_pair"),
        ("/spot/trades?currency_pair=X_Y", 400, "INVALID_CURRENCY_PAIR", "Invalid currency pair X_Y"),
        ("/spot/currency_pairs/X_Y", 400, "INVALID_CURRENCY_PAIR", "Invalid currency pair X_Y"),
        ("/futures/usdt/contracts/X_Y", 400, "CONTRACT_NOT_FOUND", "contract X_Y not found"),
        (
            "/spot/order_book?currency_pair=BTC_USDT&limit=0",
            400,
            "INVALID_PARAM_VALUE",
            "Invalid parameter `limit` with value: 0",
        ),
        (
            "/spot/candlesticks?currency_pair=BTC_USDT&interval=7m",
            400,
            "INVALID_PARAM_VALUE",
            "Invalid parameter `interval` with value: 7m",
        ),
        (
            "/spot/candlesticks?currency_pair=BTC_USDT&limit=1&from=1",
            400,
            "INVALID_PARAM_VALUE",
            "limit conflicts with from and to",
        ),
        ("/spot/nonsense", 404, "NOT_FOUND", "/api/v4/spot/nonsense not found"),
    ],
)
async def test_errors(
    gate: SimServer, http: aiohttp.ClientSession, path: str, status: int, label: str, message: str
) -> None:
    assert await get(http, gate, path, status) == {"label": label, "message": message}


async def test_the_201st_request_to_an_endpoint_is_one_too_many(gate: SimServer, http: aiohttp.ClientSession) -> None:
    statuses, remaining = [], []
    for _ in range(201):
        async with http.get(f"{gate.url}/api/v4/spot/time") as answer:
            statuses.append(answer.status)
            remaining.append(int(answer.headers["X-Gate-RateLimit-Requests-Remain"]))
            body = await answer.json()
    assert statuses == [*[200] * 200, 429]
    assert remaining == [*range(199, -1, -1), 0]
    assert body == {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (211)"}
    assert answer.headers["X-Gate-RateLimit-Limit"] == "200"
    assert int(answer.headers["X-Gate-RateLimit-Reset-Timestamp"]) == gate.now_ms() // 1_000 + 10
    assert (await get(http, gate, "/spot/tickers"))[0]["currency_pair"] == "BTC_USDT"  # its own budget


async def test_every_answer_carries_a_trace(gate: SimServer, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{gate.url}/api/v4/spot/time") as answer:
        assert int(answer.headers["X-Out-Time"]) >= int(answer.headers["X-In-Time"])
        assert len(answer.headers["X-Gate-Trace-Id"]) == 32


async def test_faults_speak_gate(gate: SimServer, http: aiohttp.ClientSession) -> None:
    gate.faults.switch_on(FaultOrder(FaultKind.REST_ERROR, count=1))
    assert (await get(http, gate, "/spot/time", 503))["label"] == "SERVER_ERROR"
    gate.faults.switch_on(FaultOrder(FaultKind.RATE_LIMIT, count=1))
    limited = await get(http, gate, "/futures/usdt/contracts", 429)
    assert limited == {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (311)"}


async def test_products_it_does_not_list_are_empty(gate: SimServer, http: aiohttp.ClientSession) -> None:
    for path in ("/margin/currency_pairs", "/futures/btc/contracts", "/delivery/usdt/contracts"):
        assert await get(http, gate, path) == []
