"""Settings, wallet and market figures of the simulated Binance, over its raw REST."""

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.sim.binance_caller import LIMIT, MARKET, Api, Caller, Clock

from oneprice.sim.accounts import ApiKey

FUTURES = "/fapi/v1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(start_venue: Any, clock: Clock) -> Any:
    return await start_venue("binance", instruments=("BTC/USDT",), clock=clock, still=True)


@pytest.fixture
def caller(http: Any, venue: Any) -> Caller:
    return Caller(http, venue)


async def test_position_mode_changes_only_when_nothing_is_open(caller: Caller) -> None:
    path = f"{FUTURES}/positionSide/dual"
    order = await caller.done("POST", f"{FUTURES}/order", **LIMIT)
    assert (await caller.refused("POST", path, dualSidePosition="true"))[1] == -4067
    await caller.done("DELETE", f"{FUTURES}/order", symbol="BTCUSDT", orderId=order["orderId"])
    await caller.done("POST", f"{FUTURES}/order", **MARKET)
    assert (await caller.refused("POST", path, dualSidePosition="true"))[1] == -4068
    await caller.done("POST", f"{FUTURES}/order", **MARKET | {"side": "SELL"}, reduceOnly="true")
    assert await caller.done("POST", path, dualSidePosition="true") == {"code": 200, "msg": "success"}
    assert await caller.done("GET", path) == {"dualSidePosition": True}
    assert (await caller.refused("POST", f"{FUTURES}/order", **MARKET))[1] == -4061
    assert (await caller.refused("POST", f"{FUTURES}/order", **MARKET, positionSide="LONG"))[1] == -4084
    long_only = MARKET | {"positionSide": "LONG", "reduceOnly": "true"}
    assert (await caller.refused("POST", f"{FUTURES}/order", **long_only))[1] == -1106


@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, -4046),
        ("marginType", {"symbol": "BTCUSDT", "marginType": "ISOLATED"}, -4084),
        ("marginType", {"symbol": "BTCUSDT", "marginType": "MIXED"}, -4048),
        ("multiAssetsMargin", {"multiAssetsMargin": "false"}, -4171),
        ("multiAssetsMargin", {"multiAssetsMargin": "true"}, -4084),
        ("leverage", {"symbol": "BTCUSDT", "leverage": 0}, -4028),
        ("leverage", {"symbol": "BTCUSDT"}, -1102),
        ("countdownCancelAll", {"symbol": "BTCUSDT"}, -1102),
        ("batchOrders", {"batchOrders": "[]"}, -4082),
        ("batchOrders", {"batchOrders": "nonsense"}, -1130),
        ("batchOrders", {"batchOrders": json.dumps([MARKET] * 6)}, -4082),
    ],
)
async def test_settings_that_are_refused(caller: Caller, path: str, sent: dict[str, Any], code: int) -> None:
    assert (await caller.refused("POST", f"{FUTURES}/{path}", **sent))[1] == code


async def test_batches_of_changes_and_cancels(caller: Caller) -> None:
    rows = [LIMIT | {"newClientOrderId": name} for name in ("one", "two", "three")]
    placed = await caller.done("POST", f"{FUTURES}/batchOrders", batchOrders=json.dumps(rows))
    changes = [
        {"symbol": "BTCUSDT", "orderId": placed[0]["orderId"], "side": "BUY", "quantity": 0.02, "price": "60001"},
        {"symbol": "BTCUSDT", "orderId": 1, "side": "BUY", "quantity": "0.02", "price": "60001"},
    ]
    changed, failed = await caller.done("PUT", f"{FUTURES}/batchOrders", batchOrders=json.dumps(changes))
    assert (changed["origQty"], failed["code"]) == ("0.020", -2011)
    names = json.dumps(["two", "nobody"])
    gone, failed = await caller.done("DELETE", f"{FUTURES}/batchOrders", symbol="BTCUSDT", origClientOrderIdList=names)
    assert (gone["status"], failed["code"]) == ("CANCELED", -2011)
    ids = json.dumps([placed[2]["orderId"]])
    (gone,) = await caller.done("DELETE", f"{FUTURES}/batchOrders", symbol="BTCUSDT", orderidlist=ids)
    assert gone["clientOrderId"] == "three"
    too_many = json.dumps(list(range(11)))
    refused = await caller.refused("DELETE", f"{FUTURES}/batchOrders", symbol="BTCUSDT", orderIdList=too_many)
    assert refused[1] == -4082


async def test_positions_and_money_agree(caller: Caller, venue: Any) -> None:
    await caller.done("POST", f"{FUTURES}/leverage", symbol="BTCUSDT", leverage=10)
    bought = await caller.done("POST", f"{FUTURES}/order", **MARKET)
    await caller.done("POST", f"{FUTURES}/order", **LIMIT)
    order = await caller.done("GET", f"{FUTURES}/order", symbol="BTCUSDT", orderId=bought["orderId"])
    (position,) = await caller.done("GET", "/fapi/v3/positionRisk")
    assert Decimal(position["entryPrice"]) == Decimal(order["avgPrice"])
    mark, amount = Decimal(position["markPrice"]), Decimal(position["positionAmt"])
    assert Decimal(position["notional"]) == mark * amount
    assert Decimal(position["initialMargin"]) == mark * amount / 10
    gain = (mark - Decimal(position["entryPrice"])) * amount
    assert Decimal(position["unRealizedProfit"]) == gain
    account = await caller.done("GET", "/fapi/v3/account")
    assert Decimal(account["totalOpenOrderInitialMargin"]) == 60
    fee = Decimal(order["cumQuote"]) * Decimal("0.0005")
    assert Decimal(account["totalWalletBalance"]) == 200_000 - fee.quantize(Decimal("1e-8"), "ROUND_CEILING")
    assert Decimal(account["totalMarginBalance"]) == Decimal(account["totalWalletBalance"]) + gain
    free = Decimal(account["totalWalletBalance"]) + min(gain, Decimal(0)) - Decimal(account["totalInitialMargin"])
    assert Decimal(account["availableBalance"]) == free
    interest = await caller.done("GET", f"{FUTURES}/openInterest", symbol="BTCUSDT")
    assert interest["openInterest"] == "0.010"
    old = await caller.done("GET", "/fapi/v2/account")
    assert old["positions"][0]["entryPrice"] == position["entryPrice"]


async def test_leverage_that_the_margin_does_not_bear(caller: Caller) -> None:
    path = f"{FUTURES}/leverage"
    await caller.done("POST", path, symbol="BTCUSDT", leverage=125)
    await caller.done("POST", f"{FUTURES}/order", **LIMIT | {"quantity": "100"})
    assert (await caller.refused("POST", path, symbol="BTCUSDT", leverage=1))[1] == -2028
    assert (await caller.done("GET", f"{FUTURES}/symbolConfig"))[0]["leverage"] == 125


async def test_transfers_and_withdrawals(http: Any, venue: Any, clock: Clock) -> None:
    rights = frozenset({"read", "trade", "transfer", "withdraw"})
    account = venue.accounts.open([ApiKey(key="all-rights", secret="s", rights=rights)])
    venue.desks["spot"].deposit(account, "USDT", Decimal(500), clock.now_ns)
    caller = Caller(http, venue, "all-rights", "s")
    path, there = "/sapi/v1/asset/transfer", {"type": "MAIN_UMFUTURE", "asset": "USDT"}
    first = await caller.done("POST", path, **there, amount="100")
    assert (await caller.refused("POST", path, **there, amount="401"))[1] == -5013
    assert (await caller.refused("POST", path, type="MAIN_MARGIN", asset="USDT", amount="1"))[1] == -1130
    assert (await caller.refused("POST", path, type="MAIN_UMFUTURE", asset="DOGE", amount="1"))[1] == -4018
    listed = await caller.done("GET", path, type="MAIN_UMFUTURE")
    assert [row["tranId"] for row in listed["rows"]] == [first["tranId"]]
    (row,) = await caller.done("GET", f"{FUTURES}/income", incomeType="TRANSFER")
    assert row["income"] == "100.00000000"
    out = {"coin": "USDT", "address": "0x" + "1" * 40, "network": "BSC", "withdrawOrderId": "w-1"}
    assert (await caller.refused("POST", "/sapi/v1/capital/withdraw/apply", **out, amount="1"))[1] == -4028
    assert (await caller.refused("POST", "/sapi/v1/capital/withdraw/apply", **out, amount="400"))[1] == -4026
    unknown = out | {"network": "MOON"}
    assert (await caller.refused("POST", "/sapi/v1/capital/withdraw/apply", **unknown, amount="50"))[1] == -4019
    sent = await caller.done("POST", "/sapi/v1/capital/withdraw/apply", **out, amount="50")
    (gone,) = await caller.done("GET", "/sapi/v1/capital/withdraw/history", withdrawOrderId="w-1")
    assert (gone["id"], gone["amount"], gone["transactionFee"], gone["status"]) == (sent["id"], "50", "0.01", 6)
    (held,) = await caller.done("POST", "/sapi/v3/asset/getUserAsset")
    assert (held["asset"], held["free"]) == ("USDT", "349.99000000")
    assert (await caller.done("GET", "/sapi/v1/capital/deposit/hisrec", coin="BTC")) == []
    address = await caller.done("GET", "/sapi/v1/capital/deposit/address", coin="USDT", network="BSC")
    assert address["address"].startswith("0x")


async def test_market_figures_beside_prices(caller: Caller) -> None:
    for path, sent in (
        ("continuousKlines", {"pair": "BTCUSDT", "contractType": "PERPETUAL", "interval": "1m", "limit": 3}),
        ("indexPriceKlines", {"pair": "BTCUSDT", "interval": "1m", "limit": 3}),
        ("markPriceKlines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 3}),
        ("premiumIndexKlines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 3}),
    ):
        rows = await caller.done("GET", f"{FUTURES}/{path}", **sent)
        assert [len(row) for row in rows] == [12, 12, 12], path
    for name in ("openInterestHist", "globalLongShortAccountRatio", "topLongShortPositionRatio", "takerlongshortRatio"):
        rows = await caller.done("GET", f"/futures/data/{name}", symbol="BTCUSDT", period="5m", limit=4)
        assert [row["timestamp"] - rows[0]["timestamp"] for row in rows] == [0, 300_000, 600_000, 900_000]
    basis = await caller.done("GET", "/futures/data/basis", pair="BTCUSDT", period="1h", contractType="PERPETUAL")
    assert len(basis) == 30
    assert (await caller.refused("GET", "/futures/data/basis", symbol="BTCUSDT", period="1h"))[1] == -1102
    assert (await caller.refused("GET", "/futures/data/openInterestHist", symbol="BTCUSDT", period="7m"))[1] == -1130
    for name in ("constituents", "symbolAdlRisk", "adlQuantile"):
        assert await caller.done("GET", f"{FUTURES}/{name}", symbol="BTCUSDT")
    for name in ("assetIndex", "insuranceBalance", "tradingSchedule", "leverageBracket"):
        assert await caller.done("GET", f"{FUTURES}/{name}")
    for name in ("ticker", "ticker/tradingDay"):
        row = await caller.done("GET", f"/api/v3/{name}", symbol="BTCUSDT")
        assert "bidPrice" not in row
        assert (await caller.refused("GET", f"/api/v3/{name}"))[1] == -1102


async def test_a_halt_shows_in_exchange_info(caller: Caller, venue: Any) -> None:
    venue.desks["spot"].halted.add("BTC/USDT")
    venue.desks["usdm"].halted.add("BTC/USDT:USDT")
    for path, status in (("/api/v3/exchangeInfo", "HALT"), (f"{FUTURES}/exchangeInfo", "PENDING_TRADING")):
        _, answer, _ = await caller.send("GET", path)
        assert [row["status"] for row in answer["symbols"]] == [status]


async def test_amended_orders_keep_their_number(http: Any, venue: Any, caller: Caller) -> None:
    async with http.ws_connect(f"{venue.url}/ws-api/v3") as socket:
        api = Api(caller, socket)
        await api.ask("userDataStream.subscribe.signature")
        placed = (await api.ask("order.place", **LIMIT, newClientOrderId="first"))["result"]
        named = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        for quantity, code in (("0.01", -2038), ("0.02", -2038), ("0.000001", -1013)):
            refused = await api.ask("order.amend.keepPriority", **named, newQty=quantity)
            assert refused["error"]["code"] == code
        done = await api.ask("order.amend.keepPriority", **named, newQty="0.005", newClientOrderId="second")
        amended = done["result"]["amendedOrder"]
        assert (amended["origClientOrderId"], amended["clientOrderId"], amended["qty"]) == (
            "first",
            "second",
            "0.00500000",
        )
        replaced = [frame["event"] for frame in api.events if frame["event"].get("x") == "REPLACED"]
        assert [event["q"] for event in replaced] == ["0.00500000"]
        found = await api.ask("order.status", symbol="BTCUSDT", origClientOrderId="second")
        assert (found["result"]["orderId"], found["result"]["clientOrderId"]) == (placed["orderId"], "second")
        (row,) = (await api.ask("order.amendments", **named))["result"]
        assert (row["origQty"], row["newQty"]) == ("0.01000000", "0.00500000")
