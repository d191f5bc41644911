"""Binance's public REST as its documents have it: fields, errors, weights and limits."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.sim.binance_caller import NOW_NS, Clock

from oneprice.sim.engine import Side


async def get(http: aiohttp.ClientSession, server: Any, path: str, **options: Any) -> tuple[int, Any, Any]:
    async with http.get(server.url + path, **options) as response:
        return response.status, json.loads(await response.text()), response.headers


def keys_of(recorded: Any) -> set[str]:
    return set((recorded[0] if isinstance(recorded, list) else recorded).keys())


@pytest.mark.parametrize(
    ("path", "fixture"),
    [
        ("/api/v3/time", "spot_rest_time"),
        ("/api/v3/depth?symbol=BTCUSDT", "spot_rest_depth"),
        ("/api/v3/trades?symbol=BTCUSDT", "spot_rest_trades"),
        ("/api/v3/ticker/bookTicker?symbol=BTCUSDT", "spot_rest_book_ticker"),
        ("/api/v3/ticker/24hr?symbol=BTCUSDT", "spot_rest_ticker_24hr"),
        ("/api/v3/executionRules?symbol=BTCUSDT", "spot_rest_execution_rules"),
        ("/api/v3/referencePrice?symbol=BTCUSDT", "spot_rest_reference_price"),
        ("/sapi/v1/system/status", "sapi_system_status"),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=5", "futures_rest_depth_5"),
        ("/fapi/v1/ticker/bookTicker?symbol=BTCUSDT", "futures_rest_book_ticker"),
        ("/fapi/v1/premiumIndex?symbol=BTCUSDT", "futures_rest_premium_index"),
        ("/fapi/v1/fundingRate?symbol=BTCUSDT", "futures_rest_funding_rate_history_2026"),
    ],
)
async def test_answers_have_the_recorded_fields(
    start_venue: Any, http: Any, shared: Path, path: str, fixture: str
) -> None:
    recorded = json.loads((shared / "fixtures" / "binance" / f"{fixture}.json").read_text())
    server = await start_venue("binance", instruments=("BTC/USDT",))
    server.markets["spot"].listings["BTC/USDT"].engine.print_trade(6_400_000, 3, Side.BUY, server.now_ns())
    status, answer, _ = await get(http, server, path)
    assert status == 200
    assert keys_of(answer) >= keys_of(recorded)


@pytest.mark.parametrize(
    ("path", "fixture"),
    [
        ("/api/v3/exchangeInfo", "spot_rest_exchange_info"),
        ("/fapi/v1/exchangeInfo", "futures_rest_exchange_info"),
    ],
)
async def test_exchange_info_has_the_recorded_rules(
    start_venue: Any, http: Any, shared: Path, path: str, fixture: str
) -> None:
    recorded = json.loads((shared / "fixtures" / "binance" / f"{fixture}.json").read_text())
    server = await start_venue("binance")
    _, answer, _ = await get(http, server, path)
    assert answer.keys() >= recorded.keys()
    theirs, ours = recorded["symbols"][0], answer["symbols"][0]
    assert ours.keys() >= theirs.keys()
    their_filters = {row["filterType"]: row.keys() for row in theirs["filters"]}
    our_filters = {row["filterType"]: row.keys() for row in ours["filters"]}
    assert our_filters == their_filters


async def test_numbers_are_padded_as_the_venue_pads_them(start_venue: Any, http: Any) -> None:
    server = await start_venue("binance")
    _, spot, _ = await get(http, server, "/api/v3/depth?symbol=PEPEUSDT&limit=1")
    _, futures, _ = await get(http, server, "/fapi/v1/depth?symbol=BTCUSDT&limit=5")
    assert len(spot["bids"][0][0].partition(".")[2]) == 8
    assert len(spot["bids"][0][1].partition(".")[2]) == 8
    assert len(futures["bids"][0][0].partition(".")[2]) == 2
    assert len(futures["bids"][0][1].partition(".")[2]) == 3
    assert Decimal(futures["bids"][0][0]) % Decimal("0.10") == 0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v3/depth", -1102),
        ("/api/v3/depth?symbol=NOPE", -1121),
        ("/api/v3/depth?symbol=BTCUSDT&limit=abc", -1100),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/api/v3/ticker/24hr?symbol=BTCUSDT&symbols=[]", -1128),
        ("/api/v3/ticker/24hr?symbols=BTCUSDT", -1100),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=7", -4021),
        ("/fapi/v1/depth?symbol=NOPE", -1121),
    ],
)
async def test_bad_requests_get_the_venues_code(start_venue: Any, http: Any, path: str, code: int) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    status, answer, headers = await get(http, server, path)
    assert (status, answer["code"]) == (400, code)
    assert answer["msg"]
    assert int(headers["X-MBX-USED-WEIGHT-1M"]) >= 1


async def test_unknown_path_is_404(start_venue: Any, http: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",))
    async with http.get(server.url + "/api/v9/nothing") as response:
        assert response.status == 404


async def test_several_symbols_and_microseconds(start_venue: Any, http: Any) -> None:
    server = await start_venue("binance", clock=Clock())
    path = "/api/v3/ticker/bookTicker?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D"
    _, answer, _ = await get(http, server, path)
    assert [row["symbol"] for row in answer] == ["BTCUSDT", "ETHUSDT"]
    _, millis, _ = await get(http, server, "/api/v3/time")
    _, micros, _ = await get(http, server, "/api/v3/time", headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    assert micros["serverTime"] == NOW_NS // 1_000
    assert millis["serverTime"] == NOW_NS // 1_000_000


async def test_weight_adds_up_then_429_then_418(start_venue: Any, http: Any) -> None:
    clock = [1_700_000_000_000_000_000]
    server = await start_venue("binance", instruments=("BTC/USDT",), clock=lambda: clock[0])
    path = "/api/v3/depth?symbol=BTCUSDT&limit=5000"
    for number in range(1, 25):
        status, _, headers = await get(http, server, path)
        assert (status, headers["X-MBX-USED-WEIGHT-1M"]) == (200, str(250 * number))
    status, answer, headers = await get(http, server, path)
    assert (status, answer["code"]) == (429, -1003)
    assert 1 <= int(headers["Retry-After"]) <= 61
    status, _, _ = await get(http, server, "/fapi/v1/time")
    assert status == 200
    for _ in range(20):
        status, answer, headers = await get(http, server, path)
    assert (status, answer["code"]) == (418, -1003)
    assert "banned until" in answer["msg"]
    assert int(headers["Retry-After"]) == 120
    clock[0] += 61_000_000_000
    assert (await get(http, server, path))[0] == 418
    clock[0] += 60_000_000_000
    assert (await get(http, server, path))[0] == 200


async def test_funding_has_a_request_limit_of_its_own(start_venue: Any, http: Any) -> None:
    clock = [1_700_000_000_000_000_000]
    server = await start_venue("binance", instruments=("BTC/USDT",), clock=lambda: clock[0])
    for _ in range(500):
        status, _, headers = await get(http, server, "/fapi/v1/fundingInfo")
        assert (status, headers["X-MBX-USED-WEIGHT-1M"]) == (200, "0")
    assert (await get(http, server, "/fapi/v1/fundingRate?symbol=BTCUSDT"))[0] == 429
    assert (await get(http, server, "/fapi/v1/time"))[0] == 200
    clock[0] += 300_000_000_000
    assert (await get(http, server, "/fapi/v1/fundingInfo"))[0] == 200


async def test_klines_and_trades_can_be_bounded(start_venue: Any, http: Any) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",), clock=Clock())
    _, rows, _ = await get(http, server, "/api/v3/klines?symbol=BTCUSDT&interval=5m&limit=10")
    assert len(rows) == 10
    assert [row[0] % 300_000 for row in rows] == [0] * 10
    start = rows[4][0]
    bounded = f"/api/v3/klines?symbol=BTCUSDT&interval=5m&startTime={start}&endTime={rows[6][0]}"
    assert [row[0] for row in (await get(http, server, bounded))[1]] == [row[0] for row in rows[4:7]]
    engine = server.markets["spot"].listings["BTC/USDT"].engine
    for _ in range(5):
        engine.print_trade(6_400_000, 1, Side.SELL, server.now_ns())
    _, trades, _ = await get(http, server, "/api/v3/trades?symbol=BTCUSDT&limit=3")
    assert len(trades) == 3
    assert [trade["id"] - trades[0]["id"] for trade in trades] == [0, 1, 2]
    assert trades[-1]["isBuyerMaker"] is True
