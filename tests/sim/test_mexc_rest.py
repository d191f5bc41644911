"""MEXC's public REST of spot and perpetuals as its documents describe it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from tests.sim.binance_caller import Clock

from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def mexc(start_venue: StartVenue, clock: Clock) -> SimServer:
    return await start_venue("mexc", instruments=("BTC/USDT", "ETH/USDT"), clock=clock, still=True)


def listing(server: SimServer, market: str, key: str) -> SimListing:
    return server.markets[market].listings[key]


async def get(http: aiohttp.ClientSession, server: SimServer, path: str, status: int = 200) -> Any:
    async with http.get(server.url + path) as answer:
        assert answer.status == status, await answer.text()
        return msgspec.json.decode(await answer.read())


async def data(http: aiohttp.ClientSession, server: SimServer, path: str) -> Any:
    """What a perpetual endpoint wraps."""
    answer = await get(http, server, f"/api/v1/contract{path}")
    assert (answer["success"], answer["code"]) == (True, 0)
    return answer["data"]


# ---- spot ---------------------------------------------------------------------------------------------


async def test_ping_and_time(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    assert await get(http, mexc, "/api/v3/ping") == {}
    assert (await get(http, mexc, "/api/v3/time"))["serverTime"] == mexc.now_ms()
    assert await data(http, mexc, "/ping") == mexc.now_ms()


async def test_exchange_info(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    info = await get(http, mexc, "/api/v3/exchangeInfo")
    assert info["rateLimits"] == []  # the documents say: never read limits from here
    btc, eth = info["symbols"]
    assert (btc["symbol"], eth["symbol"], btc["status"]) == ("BTCUSDT", "ETHUSDT", "1")
    assert (btc["baseAsset"], btc["quoteAsset"]) == ("BTC", "USDT")
    assert (btc["baseAssetPrecision"], btc["quotePrecision"]) == (8, 2)  # decimals of quantity, of price
    assert btc["quoteAmountPrecision"] == "1"  # the smallest order in USDT, in spite of its name
    assert btc["baseSizePrecision"] == "0.00000001"
    assert btc["isSpotTradingAllowed"] is True
    assert (btc["takerCommission"], btc["makerCommission"]) == ("0.0005", "0")
    assert [item["filterType"] for item in btc["filters"]] == ["PERCENT_PRICE_BY_SIDE"]
    one = await get(http, mexc, "/api/v3/exchangeInfo?symbols=ETHUSDT,BTCUSDT")
    assert [item["symbol"] for item in one["symbols"]] == ["ETHUSDT", "BTCUSDT"]
    assert (await get(http, mexc, "/api/v3/defaultSymbols"))["data"] == ["BTCUSDT", "ETHUSDT"]


async def test_spot_depth(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(mexc, "spot", "BTC/USDT")
    book = await get(http, mexc, "/api/v3/depth?symbol=BTCUSDT&limit=5")
    assert book["lastUpdateId"] == item.engine.update_id
    assert book["bids"] == [
        [item.price_text(price), item.lots_text(lots)] for price, lots in item.engine.levels(Side.BUY, 5)
    ]
    assert len((await get(http, mexc, "/api/v3/depth?symbol=BTCUSDT&limit=5000"))["asks"]) > 20


async def test_a_stale_snapshot_stays_behind(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(mexc, "spot", "BTC/USDT")
    mexc.faults.switch_on(FaultOrder(FaultKind.STALE_SNAPSHOT, seconds=5))
    mexc.tick(mexc.now_ns())
    before = (await get(http, mexc, "/api/v3/depth?symbol=BTCUSDT"))["lastUpdateId"]
    item.engine.place("test", Side.BUY, 1, None, ts_ns=mexc.now_ns())
    assert (await get(http, mexc, "/api/v3/depth?symbol=BTCUSDT"))["lastUpdateId"] == before
    assert item.engine.update_id > before


async def test_spot_trades_have_no_id(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(mexc, "spot", "BTC/USDT")
    item.engine.place("test", Side.BUY, 1_000, None, ts_ns=mexc.now_ns())
    item.engine.place("test", Side.SELL, 2_000, None, ts_ns=mexc.now_ns())
    newest, older = await get(http, mexc, "/api/v3/trades?symbol=BTCUSDT&limit=2")
    assert newest["id"] is None
    assert (newest["tradeType"], newest["isBuyerMaker"], newest["qty"]) == ("ASK", True, "0.00002")
    assert (older["tradeType"], older["isBuyerMaker"]) == ("BID", False)
    assert Decimal(older["quoteQty"]) == Decimal(older["price"]) * Decimal(older["qty"])
    (last,) = await get(http, mexc, "/api/v3/aggTrades?symbol=BTCUSDT&limit=1")
    assert (last["a"], last["f"], last["l"], last["m"]) == (None, None, None, True)
    window = f"startTime={newest['time']}&endTime={newest['time'] + 1}"
    assert last in await get(http, mexc, f"/api/v3/aggTrades?symbol=BTCUSDT&{window}")


async def test_klines_have_eight_columns(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    rows = await get(http, mexc, "/api/v3/klines?symbol=BTCUSDT&interval=60m&limit=3")
    assert [len(row) for row in rows] == [8, 8, 8]
    assert [row[0] % 3_600_000 for row in rows] == [0, 0, 0]
    assert [row[6] - row[0] for row in rows] == [3_600_000] * 3
    for _, opening, high, low, close, *_ in rows:
        assert Decimal(low) <= min(Decimal(opening), Decimal(close)) <= Decimal(high)


async def test_spot_tickers(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(mexc, "spot", "BTC/USDT")
    one = await get(http, mexc, "/api/v3/ticker/bookTicker?symbol=BTCUSDT")
    assert one == {
        "symbol": "BTCUSDT",
        "bidPrice": item.price_text(item.top.bid_ticks),
        "bidQty": item.lots_text(item.top.bid_lots),
        "askPrice": item.price_text(item.top.ask_ticks),
        "askQty": item.lots_text(item.top.ask_lots),
    }
    both = await get(http, mexc, "/api/v3/ticker/bookTicker")
    assert [row["symbol"] for row in both] == ["BTCUSDT", "ETHUSDT"]
    day = await get(http, mexc, "/api/v3/ticker/24hr?symbol=BTCUSDT")
    assert day["count"] is None
    low, last, high = (Decimal(day[name]) for name in ("lowPrice", "lastPrice", "highPrice"))
    assert low <= last <= high
    assert Decimal(day["priceChange"]) == last - Decimal(day["openPrice"])
    assert (await get(http, mexc, "/api/v3/ticker/price?symbol=BTCUSDT"))["price"] == day["lastPrice"]
    assert (await get(http, mexc, "/api/v3/avgPrice?symbol=BTCUSDT"))["mins"] == 5


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v3/depth?symbol=NOPE", -1121),
        ("/api/v3/depth", 700004),
        ("/api/v3/depth?symbol=BTCUSDT&limit=5001", 33333),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1h", 33333),
        ("/api/v3/klines?symbol=BTCUSDT", 700004),
        ("/api/v3/aggTrades?symbol=BTCUSDT&startTime=1", 700004),
        ("/api/v3/exchangeInfo?symbol=btcusdt", -1121),
    ],
)
async def test_spot_errors(mexc: SimServer, http: aiohttp.ClientSession, path: str, code: int) -> None:
    answer = await get(http, mexc, path, 400)
    assert answer["code"] == code
    assert answer["msg"]


async def test_spot_limit_then_ban(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    seen: list[int] = []
    retry_after = 0
    for _ in range(25):
        async with http.get(mexc.url + "/api/v3/exchangeInfo") as answer:  # 25 of 300 in 10 s
            seen.append(answer.status)
            retry_after = int(answer.headers.get("Retry-After", "0"))
            body = await answer.json()
            if answer.status == 429:
                assert 1 <= retry_after <= 11
                assert body["code"] == 429
    assert seen == [*[200] * 12, *[429] * 12, 418]
    assert retry_after == 120
    async with http.get(mexc.url + "/api/v3/time") as answer:
        assert answer.status == 418
        assert int(answer.headers["Retry-After"]) == 120
    assert await data(http, mexc, "/ping")  # perpetuals have their own limits


async def test_unknown_paths(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    for path in ("/api/v3/nonsense", "/api/v1/contract/nonsense", "/api/v1/private/order/create"):
        async with http.get(mexc.url + path) as answer:
            assert answer.status == 404


# ---- perpetuals ---------------------------------------------------------------------------------------


async def test_contract_detail(mexc: SimServer, http: aiohttp.ClientSession, clock: Clock) -> None:
    btc = await data(http, mexc, "/detail?symbol=BTC_USDT")
    assert (btc["symbol"], btc["baseCoin"], btc["settleCoin"]) == ("BTC_USDT", "BTC", "USDT")
    assert (btc["contractSize"], btc["priceUnit"], btc["volUnit"], btc["minVol"]) == (0.0001, 0.1, 1, 1)
    assert (btc["state"], btc["apiAllowed"], btc["takerFeeRate"]) == (0, True, 0.0002)
    clock.pass_s(5)
    assert [item["symbol"] for item in await data(http, mexc, "/detail")] == ["BTC_USDT", "ETH_USDT"]
    clock.pass_s(4)
    assert await get(http, mexc, "/api/v1/contract/detail") == {  # one request in 5 s
        "success": False,
        "code": 510,
        "message": "Requests are too frequent, please try again later",
    }


async def test_contract_depth_counts_orders(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(mexc, "futures", "BTC/USDT:USDT")
    bid = item.engine.best(Side.BUY)
    assert bid is not None
    item.engine.place("test", Side.BUY, 7, bid, ts_ns=mexc.now_ns())
    book = await data(http, mexc, "/depth/BTC_USDT?limit=3")
    assert book["version"] == item.engine.update_id
    assert book["cts"] is None
    assert len(book["asks"]) == 3
    price, contracts, orders = book["bids"][0]
    assert Decimal(str(price)) == item.price_scale.value(bid)
    assert contracts == item.engine.total_lots(Side.BUY, bid)
    assert orders == 2


async def test_depth_commits_replay_the_book(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(mexc, "futures", "BTC/USDT:USDT")
    start = await data(http, mexc, "/depth/BTC_USDT")
    for lots in (40, 400, 4_000):
        item.engine.place("test", Side.BUY, lots, None, ts_ns=mexc.now_ns())
    book = {side: {row[0]: row[1] for row in start[side]} for side in ("asks", "bids")}
    commits = await data(http, mexc, "/depth_commits/BTC_USDT/1000")
    fresh = [commit for commit in commits if commit["version"] > start["version"]]
    assert [commit["version"] for commit in fresh] == list(range(start["version"] + 1, item.engine.update_id + 1))
    for commit in fresh:
        for side in ("asks", "bids"):
            for price, contracts, _ in commit[side]:
                book[side][price] = contracts
                if not contracts:
                    del book[side][price]
    end = await data(http, mexc, "/depth/BTC_USDT")
    assert book == {side: {row[0]: row[1] for row in end[side]} for side in ("asks", "bids")}


async def test_contract_prices_and_funding(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    index = (await data(http, mexc, "/index_price/BTC_USDT"))["indexPrice"]
    fair = (await data(http, mexc, "/fair_price/BTC_USDT"))["fairPrice"]
    assert abs(fair / index - 1) < 0.002
    funding = await data(http, mexc, "/funding_rate/BTC_USDT")
    assert funding["collectCycle"] == 8  # hours
    assert funding["nextSettleTime"] % 28_800_000 == 0
    assert funding["minFundingRate"] <= funding["fundingRate"] <= funding["maxFundingRate"]
    history = await data(http, mexc, "/funding_rate/history?symbol=BTC_USDT&page_num=2&page_size=20")
    assert (history["currentPage"], history["totalCount"], len(history["resultList"])) == (2, 30, 10)


async def test_contract_klines_are_columns(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    start = mexc.now_ms() // 1_000 - 600
    columns = await data(http, mexc, f"/kline/BTC_USDT?interval=Min5&start={start}")
    assert [second % 300 for second in columns["time"]] == [0] * len(columns["time"])
    assert len(columns["time"]) == 2
    assert {len(column) for column in columns.values()} == {len(columns["time"])}


async def test_contract_deals_and_tickers(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    item = listing(mexc, "futures", "BTC/USDT:USDT")
    item.engine.place("test", Side.SELL, 2, None, ts_ns=mexc.now_ns())
    made = item.trades[-1]
    newest = (await data(http, mexc, "/deals/BTC_USDT?limit=5"))[0]
    assert (newest["T"], newest["v"], newest["O"], newest["i"]) == (2, 2, 3, str(made.trade_id))
    one = await data(http, mexc, "/ticker?symbol=BTC_USDT")
    assert one["bid1"] < one["ask1"]
    assert one["lower24Price"] <= one["lastPrice"] <= one["high24Price"]
    assert [row["symbol"] for row in await data(http, mexc, "/ticker")] == ["BTC_USDT", "ETH_USDT"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/depth/X_USDT", 1001),
        ("/detail?symbol=X_USDT", 1001),
        ("/depth/BTC_USDT?limit=0", 600),
        ("/kline/BTC_USDT?interval=1m", 600),
        ("/deals/BTC_USDT?limit=101", 600),
    ],
)
async def test_contract_errors_come_with_200(
    mexc: SimServer, http: aiohttp.ClientSession, path: str, code: int
) -> None:
    answer = await get(http, mexc, f"/api/v1/contract{path}")
    assert (answer["success"], answer["code"]) == (False, code)
    assert answer["message"]


async def test_faults_speak_mexc(mexc: SimServer, http: aiohttp.ClientSession) -> None:
    mexc.faults.switch_on(FaultOrder(FaultKind.REST_ERROR, count=2))
    assert (await get(http, mexc, "/api/v3/time", 503))["code"] == 503
    assert (await get(http, mexc, "/api/v1/contract/ping", 503))["code"] == 500
    mexc.faults.switch_on(FaultOrder(FaultKind.RATE_LIMIT, count=2))
    assert (await get(http, mexc, "/api/v3/time", 429))["code"] == 429
    assert (await get(http, mexc, "/api/v1/contract/ping"))["code"] == 510
