"""MEXC's signed spot REST as its documents describe it: signatures, orders, refusals, limits."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from tests.sim.binance_caller import Clock
from yarl import URL

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, Account, ApiKey
from oneprice.sim.dialects.mexc.signing import sign
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Ticket
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
JSON = {"Content-Type": "application/json"}


class Trader:
    """Signs as the documents say and returns the answer's body; another status than expected fails."""

    def __init__(self, http: aiohttp.ClientSession, server: SimServer, key: str, secret: str) -> None:
        self._http, self.server, self._key, self._secret = http, server, key, secret
        self.headers: Mapping[str, str] = {}

    async def call(self, method: str, path: str, status: int = 200, **params: object) -> Any:
        query = urlencode({**params, "timestamp": params.get("timestamp", self.server.now_ms())})
        return await self.send(method, path, f"{query}&signature={self.signature(query)}", status=status)

    async def send(self, method: str, path: str, query: str, body: str = "", status: int = 200, **headers: str) -> Any:
        url = URL(f"{self.server.url}/api/v3{path}?{query}", encoded=True)
        sent = {"X-MEXC-APIKEY": self._key, **JSON} | {name.replace("_", "-"): text for name, text in headers.items()}
        async with self._http.request(method, url, data=body.encode() or None, headers=sent) as answer:
            assert answer.status == status, await answer.text()
            self.headers = answer.headers
            return json.loads(await answer.read())

    def signature(self, text: str) -> str:
        return hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    async def limit(self, side: str = "BUY", quantity: str = "0.001", price: str = "50000", **more: object) -> str:
        """Place a limit order; returns its id."""
        wanted = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "quantity": quantity, "price": price} | more
        answer = await self.call("POST", "/order", **wanted)
        return str(answer["orderId"])

    async def row(self, order_id: str) -> Any:
        return await self.call("GET", "/order", symbol="BTCUSDT", orderId=order_id)

    async def refused(self, path: str = "/order", method: str = "POST", **params: object) -> int:
        """The code of a refusal."""
        return int((await self.call(method, path, 400, **params))["code"])


@pytest.fixture
async def mexc(start_venue: StartVenue) -> SimServer:
    return await start_venue("mexc", instruments=("BTC/USDT", "ETH/USDT"), clock=Clock(), still=True)


@pytest.fixture
def trader(mexc: SimServer, http: aiohttp.ClientSession) -> Trader:
    return Trader(http, mexc, DEFAULT_KEY, DEFAULT_SECRET)


def btc(server: SimServer) -> SimListing:
    return server.markets["spot"].listings["BTC/USDT"]


def opened(server: SimServer, *rights: str, **funds: str) -> tuple[Account, Callable[[aiohttp.ClientSession], Trader]]:
    """Another account with a key of these rights."""
    key = ApiKey(key=f"mx-{'-'.join(rights)}", secret="canary", rights=frozenset(rights))
    wallet = {asset: Decimal(amount) for asset, amount in funds.items()}
    account = server.accounts.open([key], {"spot": wallet, "futures": {}})
    return account, lambda http: Trader(http, server, key.key, key.secret)


# ---- signatures ---------------------------------------------------------------------------------------

DOCUMENTED = "45d0b3c26f2644f19bfb98b07741b2f5"


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMITquantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&timestamp=1644489390087&recvWindow=5000",
            "cde30661a0504b2b922f1b00c74dc328308279854bb4899494e675e87a61f452",
        ),
    ],
)
def test_documented_signatures(text: str, signature: str) -> None:
    assert sign(DOCUMENTED, text) == signature


async def test_parameters_may_be_split_between_query_and_body(trader: Trader) -> None:
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT"
    body = f"quantity=0.001&price=50000&timestamp={trader.server.now_ms()}"
    signed = f"{body}&signature={trader.signature(query + body)}"
    answer = await trader.send("POST", "/order", query, signed, Content_Type="application/x-www-form-urlencoded")
    assert answer["origQty"] == "0.001"


async def test_escapes_are_signed_in_upper_case(trader: Trader) -> None:
    query = f"symbol=BTCUSDT&batchOrders=%5B%7B%7D%5D&timestamp={trader.server.now_ms()}"
    right = await trader.send("POST", "/batchOrders", f"{query}&signature={trader.signature(query)}", status=200)
    assert right[0]["code"] == 700004
    lower = query.replace("%5B", "%5b").replace("%7B", "%7b").replace("%5D", "%5d").replace("%7D", "%7d")
    wrong = await trader.send("POST", "/batchOrders", f"{lower}&signature={trader.signature(lower)}", status=400)
    assert wrong["code"] == 700002


@pytest.mark.parametrize(("off_ms", "window", "code"), [(900, 5_000, 0), (1_500, 60_000, 700003), (-4_000, 5_000, 0)])
async def test_the_time_window(trader: Trader, off_ms: int, window: int, code: int) -> None:
    """A second ahead is too much, however wide the window."""
    params = {"timestamp": trader.server.now_ms() + off_ms, "recvWindow": window}
    answer = await trader.call("GET", "/uid", 400 if code else 200, **params)
    assert answer.get("code", 0) == code


async def test_who_is_not_let_in(mexc: SimServer, http: aiohttp.ClientSession, trader: Trader) -> None:
    now = mexc.now_ms()
    assert await trader.refused("/uid", "GET", timestamp=now - 10_000) == 700003
    assert await trader.refused("/uid", "GET", recvWindow=60_001) == 700005
    assert await trader.refused("/uid", "GET", timestamp="") == 700004
    query = f"timestamp={now}"
    signed = f"{query}&signature={trader.signature(query)}"
    assert (await trader.send("GET", "/uid", query, status=400))["code"] == 700004
    assert (await trader.send("GET", "/uid", f"{query}&signature=00", status=400))["code"] == 700002
    assert (await trader.send("POST", "/order", signed, status=400, Content_Type="text/plain"))["code"] == 700013
    assert (await trader.send("GET", "/uid", signed, status=400, X_MEXC_APIKEY=""))["code"] == 400
    assert (await trader.send("GET", "/uid", signed, status=400, X_MEXC_APIKEY="mx0nobody"))["code"] == 10072
    reader = opened(mexc, "read")[1](http)
    assert await reader.refused(symbol="BTCUSDT") == 700007
    assert await reader.call("GET", "/openOrders") == []


# ---- orders -------------------------------------------------------------------------------------------


async def test_the_answer_tells_neither_status_nor_client_id(trader: Trader) -> None:
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.010", "price": "50000.00"}
    answer = await trader.call("POST", "/order", newClientOrderId="mine-1", **wanted)
    assert set(answer) == {
        "symbol", "orderId", "orderListId", "price", "origQty", "type", "side", "stpMode", "transactTime"
    }  # fmt: skip
    assert (answer["price"], answer["origQty"], answer["type"]) == ("50000", "0.01", "LIMIT")
    assert answer["orderId"].startswith("C02__")
    row = await trader.row(answer["orderId"])
    assert (row["status"], row["clientOrderId"], row["cummulativeQuoteQty"]) == ("NEW", "mine-1", "0")
    assert row == await trader.call("GET", "/order", symbol="BTCUSDT", origClientOrderId="mine-1")
    assert await trader.call("GET", "/openOrders", symbol="BTCUSDT") == [row]
    assert await trader.call("GET", "/openOrders", symbol="ETHUSDT") == []
    account = await trader.call("GET", "/account")
    (usdt,) = [item for item in account["balances"] if item["asset"] == "USDT"]
    assert usdt == {"asset": "USDT", "free": "199500", "locked": "500", "available": "199500"}
    cancelled = await trader.call("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="mine-1")
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "mine-1")
    again = await trader.call("DELETE", "/order", 400, symbol="BTCUSDT", orderId=answer["orderId"])
    assert again["code"] == -2011


async def test_market_orders_by_quote_and_by_base(trader: Trader) -> None:
    market = {"symbol": "BTCUSDT", "type": "MARKET"}
    bought = await trader.call("POST", "/order", side="BUY", quoteOrderQty="100", **market)
    assert bought == {"symbol": "BTCUSDT", "orderId": bought["orderId"], "orderListId": -1}  # the lean form
    row = await trader.row(bought["orderId"])
    assert (row["status"], row["origQuoteOrderQty"]) == ("FILLED", "100")
    assert Decimal("99.99") < Decimal(row["cummulativeQuoteQty"]) <= 100
    ask = btc(trader.server).price_scale.value(btc(trader.server).top.ask_ticks)
    assert Decimal(row["price"]) > ask * Decimal("1.04")  # a protective price, not what it was filled at
    sold = await trader.call("POST", "/order", side="SELL", quantity="0.001", **market)
    trades = await trader.call("GET", "/myTrades", symbol="BTCUSDT")
    assert [(item["orderId"], item["isBuyer"]) for item in trades] == [(sold["orderId"], False), (row["orderId"], True)]
    assert (trades[0]["commissionAsset"], trades[1]["commissionAsset"]) == ("USDT", "BTC")
    expected = Decimal(trades[1]["qty"]) * Decimal("0.0005")
    assert 0 <= Decimal(trades[1]["commission"]) - expected < Decimal("0.00000001")
    assert await trader.call("GET", "/myTrades", symbol="BTCUSDT", orderId=row["orderId"]) == trades[1:]


async def test_types_rule_and_time_in_force_is_ignored(trader: Trader) -> None:
    item = btc(trader.server)
    ask = item.price_text(item.top.ask_ticks)
    rests = await trader.limit(price="60000", timeInForce="IOC")
    assert (await trader.row(rests))["status"] == "NEW"
    rows = {}
    for kind, quantity, price in (
        ("IMMEDIATE_OR_CANCEL", "0.001", "60000"),
        ("FILL_OR_KILL", "3", ask),
        ("LIMIT_MAKER", "0.001", ask),
        ("IMMEDIATE_OR_CANCEL", "0.00002", ask),
    ):
        order_id = await trader.limit(quantity=quantity, price=price, type=kind)
        row = await trader.row(order_id)
        rows[kind, quantity] = (row["type"], row["status"], row["timeInForce"])
    assert rows == {
        ("IMMEDIATE_OR_CANCEL", "0.001"): ("IMMEDIATE_OR_CANCEL", "CANCELED", None),
        ("FILL_OR_KILL", "3"): ("FILL_OR_KILL", "CANCELED", None),
        ("LIMIT_MAKER", "0.001"): ("LIMIT_MAKER", "CANCELED", None),
        ("IMMEDIATE_OR_CANCEL", "0.00002"): ("IMMEDIATE_OR_CANCEL", "FILLED", None),
    }


async def test_partly_cancelled_is_a_status_of_its_own(trader: Trader) -> None:
    item = btc(trader.server)
    price = item.price_text(item.top.ask_ticks - 1)
    order_id = await trader.limit(price=price, quantity="0.1")
    item.engine.place("test", Side.SELL, 1_000_000, item.top.ask_ticks - 1, ts_ns=trader.server.now_ns())
    row = await trader.row(order_id)
    assert (row["status"], row["executedQty"]) == ("PARTIALLY_FILLED", "0.01")
    (cancelled,) = await trader.call("DELETE", "/openOrders", symbol="BTCUSDT,ETHUSDT")
    assert (cancelled["status"], cancelled["executedQty"]) == ("PARTIALLY_CANCELED", "0.01")
    (fill,) = await trader.call("GET", "/myTrades", symbol="BTCUSDT")
    assert (fill["isMaker"], fill["commission"]) == (True, "0")


async def test_a_repeated_client_id_is_accepted_and_the_later_order_is_found(trader: Trader) -> None:
    first = await trader.limit(newClientOrderId="twice")
    second = await trader.limit(newClientOrderId="twice", price="50001")
    found = await trader.call("GET", "/order", symbol="BTCUSDT", origClientOrderId="twice")
    assert found["orderId"] == second != first
    assert len(await trader.call("GET", "/openOrders", symbol="BTCUSDT")) == 2


async def test_lists_are_newest_first_and_cut(trader: Trader) -> None:
    ids = [await trader.limit(price=price) for price in ("50000", "50001", "50002")]
    rows = await trader.call("GET", "/allOrders", symbol="BTCUSDT", limit=2)
    assert [row["orderId"] for row in rows] == [ids[2], ids[1]]
    assert len(await trader.call("GET", "/allOrders", symbol="BTCUSDT", limit=100_000)) == 3
    placed = rows[0]["time"]
    assert await trader.call("GET", "/allOrders", symbol="BTCUSDT", startTime=placed + 60_000) == []
    assert await trader.call("GET", "/allOrders", symbol="BTCUSDT", endTime=placed - 60_000) == []
    assert await trader.refused("/allOrders", "GET", symbol="BTCUSDT", limit=0) == 33333


async def test_a_batch_answers_for_each_order(trader: Trader) -> None:
    good = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "50000"}
    orders = [good | {"newClientOrderId": "a"}, good | {"newClientOrderId": "b", "quantity": "0.00001"}, good]
    results = await trader.call("POST", "/batchOrders", batchOrders=json.dumps(orders))
    assert [sorted(result) for result in results] == [
        ["newClientOrderId", "orderId", "orderListId", "symbol"],
        ["code", "msg", "newClientOrderId"],
        ["orderId", "orderListId", "symbol"],
    ]
    assert (results[1]["newClientOrderId"], results[1]["code"]) == ("b", 30002)
    too_many = json.dumps([good] * 21)
    assert await trader.refused("/batchOrders", batchOrders=too_many) == 33333
    assert await trader.call("POST", "/order/test", **good) == {}
    assert await trader.call("DELETE", "/order/all") == {"code": 0, "msg": "success"}
    assert await trader.call("GET", "/openOrders") == []


LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "50000"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "50000.001"}, 30010),
        ({"quantity": "0.000000001"}, 10096),
        ({"quantity": "0.00001"}, 30002),
        ({"quantity": "50"}, 30003),
        ({"price": "90000"}, 30087),
        ({"side": "SELL", "price": "40000"}, 30087),
        ({"quantity": "5"}, 10101),
        ({"side": "SELL", "price": "70000", "quantity": "3"}, 30005),
        ({"quantity": "0"}, 10102),
        ({"quantity": "-1"}, 10102),
        ({"quantity": "much"}, 700004),
        ({"quantity": ""}, 700004),
        ({"price": ""}, 700004),
        ({"symbol": ""}, 700004),
        ({"symbol": "NOPE"}, -1121),
        ({"side": "HOLD"}, 700004),
        ({"type": ""}, 700004),
        ({"type": "STOP"}, 30041),
        ({"newClientOrderId": "no spaces"}, 700008),
        ({"newClientOrderId": "x" * 33}, 700008),
        ({"stpMode": "often"}, 33333),
        ({"type": "MARKET", "quoteOrderQty": "5"}, -1128),
        ({"type": "MARKET", "quantity": ""}, 700004),
    ],
)
async def test_refusals(trader: Trader, change: dict[str, str], code: int) -> None:
    """The price is about 64,000; a buy may be 5 % above the last one."""
    assert await trader.refused(**(LIMIT | change)) == code


async def test_refusals_that_need_a_state(trader: Trader) -> None:
    trader.server.faults.switch_on(FaultOrder(FaultKind.HALT, seconds=5, target="BTC/USDT"))
    assert await trader.refused(**LIMIT) == 30000
    trader.server.faults.clear()
    trader.server.faults.switch_on(FaultOrder(FaultKind.REJECT_ORDER))
    assert await trader.refused(**LIMIT) == 10101
    assert await trader.refused("/order", "GET", symbol="BTCUSDT", orderId="C02__1001") == -2013
    assert await trader.refused("/order", "GET", symbol="BTCUSDT", orderId="17") == -2013
    assert await trader.refused("/order", "GET", symbol="BTCUSDT", origClientOrderId="nobody") == -2013
    assert await trader.refused("/order", "GET", symbol="BTCUSDT") == 700004
    assert await trader.refused("/order", "DELETE", symbol="BTCUSDT", orderId="17") == -2011
    assert await trader.refused("/myTrades", "GET", symbol="BTCUSDT", orderId="17") == 30026
    order_id = await trader.limit()
    assert await trader.refused("/order", "GET", symbol="ETHUSDT", orderId=order_id) == -2013
    item = btc(trader.server)
    for price, _ in item.engine.levels(Side.SELL, None):
        item.engine.place(
            "test", Side.BUY, item.engine.total_lots(Side.SELL, price), price, ts_ns=trader.server.now_ns()
        )
    buy = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    assert await trader.refused(**buy, quoteOrderQty="100") == 30025


async def test_five_hundred_open_orders_are_the_most(trader: Trader) -> None:
    account, _ = trader.server.accounts.find(DEFAULT_KEY) or pytest.fail("the default key opens an account")
    desk = trader.server.desks["spot"]
    small = Ticket(side=Side.BUY, quantity=Decimal("0.0001"), price=Decimal(50_000))
    for _ in range(499):
        desk.place(account, btc(trader.server), small, trader.server.now_ns())
    await trader.limit()
    assert await trader.refused(**LIMIT) == 30029


async def test_self_trade_prevention_needs_a_group(trader: Trader) -> None:
    item = btc(trader.server)
    between = item.price_text(item.top.bid_ticks + 1)
    sold = await trader.limit("SELL", price=between)
    await trader.limit(price=between, stpMode="cancel_taker")
    assert (await trader.row(sold))["status"] == "FILLED"
    assert [fill["isSelfTrade"] for fill in await trader.call("GET", "/myTrades", symbol="BTCUSDT")] == [True, True]
    group = await trader.call("POST", "/strategy/group", tradeGroupName="all")
    uid = (await trader.call("GET", "/uid"))["uid"]
    await trader.call("POST", "/strategy/group/uid", tradeGroupId=group["tradeGroupId"], uid=uid)
    sold = await trader.limit("SELL", price=between)
    bought = await trader.row(await trader.limit(price=between, stpMode="cancel_taker"))
    assert (bought["status"], bought["stpMode"], bought["cancelReason"]) == ("CANCELED", "cancel_taker", "stp_cancel")
    assert (await trader.row(sold))["status"] == "NEW"


# ---- limits -------------------------------------------------------------------------------------------


async def test_orders_and_cancels_share_twelve_a_second(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    clock = Clock()
    server = await start_venue("mexc", instruments=("BTC/USDT",), clock=clock)
    trader = Trader(http, server, DEFAULT_KEY, DEFAULT_SECRET)
    orders = [await trader.limit() for _ in range(10)]
    for order_id in orders[:2]:
        await trader.call("DELETE", "/order", symbol="BTCUSDT", orderId=order_id)
    refused = await trader.call("POST", "/order", 429, **LIMIT)
    assert refused["code"] == 429
    assert int(trader.headers["Retry-After"]) in (1, 2)
    clock.pass_s(1)
    await trader.limit()
    assert len(await trader.call("GET", "/openOrders")) == 9


async def test_who_ignores_the_limit_is_banned(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    clock = Clock()
    server = await start_venue("mexc", instruments=("BTC/USDT",), clock=clock)
    trader = Trader(http, server, DEFAULT_KEY, DEFAULT_SECRET)
    assert [await trader.call("GET", "/account") for _ in range(2)]
    for _ in range(27):
        await trader.call("GET", "/account", 429)  # weights of the address, too: 10 each of 300
    for _ in range(3):
        await trader.call("GET", "/account", 429)
    assert (await trader.call("GET", "/account", 418))["code"] == 429
    assert int(trader.headers["Retry-After"]) == 120
    clock.pass_s(119)
    await trader.call("GET", "/uid", 418)
    clock.pass_s(1)
    await trader.call("GET", "/uid")


async def test_faults_speak_spot(trader: Trader) -> None:
    for kind, status, code in (
        (FaultKind.MAINTENANCE, 503, 503),
        (FaultKind.BAN, 418, 429),
        (FaultKind.RATE_LIMIT, 429, 429),
    ):
        trader.server.faults.switch_on(FaultOrder(kind, count=1))
        assert (await trader.call("GET", "/uid", status))["code"] == code


# ---- account and wallet -------------------------------------------------------------------------------


async def test_fees_symbols_and_key(trader: Trader) -> None:
    fee = await trader.call("GET", "/tradeFee", symbol="BTCUSDT")
    assert (fee["code"], fee["data"]) == (0, {"makerCommission": 0, "takerCommission": 0.0005})
    assert (await trader.call("GET", "/selfSymbols"))["data"] == ["BTCUSDT", "ETHUSDT"]
    info = await trader.call("GET", "/apiKeyInfo", accessKey=DEFAULT_KEY)
    assert info["permissions"].split(",")[:2] == ["SPOT_ACCOUNT_READ", "SPOT_DEAL_READ"]
    assert "WITHDRAW" not in info["permissions"]
    assert info["status"] == "VALID"
    assert await trader.refused("/apiKeyInfo", "GET", accessKey="mx0other") == 730706
    assert (await trader.call("GET", "/mxDeduct/enable"))["data"] == {"mxDeductEnable": False}
    await trader.call("POST", "/mxDeduct/enable", mxDeductEnable="true")
    assert (await trader.call("GET", "/mxDeduct/enable"))["data"] == {"mxDeductEnable": True}


async def test_networks(trader: Trader) -> None:
    coins = {row["coin"]: row for row in await trader.call("GET", "/capital/config/getall")}
    assert set(coins) == {"USDT", "BTC", "ETH"}
    assert [item["netWork"] for item in coins["USDT"]["networkList"]] == ["ETH", "TRX", "BSC", "SOL"]
    closed = coins["BTC"]["networkList"][1]
    assert (closed["depositEnable"], closed["withdrawEnable"]) == (True, False)
    (address,) = await trader.call("GET", "/capital/deposit/address", coin="USDT", network="TRX")
    assert (address["netWork"], address["network"]) == ("TRX", "Tron(TRC20)")


async def test_money_comes_moves_and_goes(mexc: SimServer, http: aiohttp.ClientSession, trader: Trader) -> None:
    account, make = opened(mexc, "read", "transfer", "withdraw", USDT="1000")
    owner = make(http)
    mexc.desks["spot"].deposit(account, "USDT", Decimal("25.5"), mexc.now_ns())
    (deposit,) = await owner.call("GET", "/capital/deposit/hisrec", coin="USDT")
    assert (deposit["amount"], deposit["status"], deposit["coin"]) == ("25.5", 5, "USDT-ETH")
    move = {"asset": "USDT", "amount": "100", "fromAccountType": "SPOT", "toAccountType": "FUTURES"}
    moved = await owner.call("POST", "/capital/transfer", **move)
    listed = await owner.call("GET", "/capital/transfer", fromAccountType="SPOT", toAccountType="FUTURES")
    assert (listed["total"], listed["rows"][0]["tranId"]) == (1, moved["tranId"])
    assert account.balance("futures", "USDT").free == 100
    assert await owner.refused("/capital/transfer", **(move | {"amount": "5000"})) == 10101
    assert await owner.refused("/capital/transfer", **(move | {"asset": "BTC"})) == 10100
    out = {"coin": "USDT", "netWork": "TRX", "address": "Tsomewhere", "amount": "50"}
    gone = await owner.call("POST", "/capital/withdraw", **out)
    (withdrawal,) = await owner.call("GET", "/capital/withdraw/history")
    assert (withdrawal["id"], withdrawal["status"], withdrawal["netWork"]) == (gone["id"], 7, "TRX")
    assert account.balance("spot", "USDT").free == Decimal("875.5")
    assert await trader.refused("/capital/withdraw", **out) == 700007
    assert await trader.refused("/capital/transfer", **move) == 700007
