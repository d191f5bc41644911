"""MEXC's signed REST of USDT perpetuals as its documents describe it: signatures, orders, refusals, positions."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from tests.sim.binance_caller import Clock
from yarl import URL

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, ApiKey
from oneprice.sim.dialects.mexc.signing import sign
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]


class Trader:
    """Signs as the documents say; `data` of a success, or the code of a failure."""

    def __init__(self, http: aiohttp.ClientSession, server: SimServer, key: str, secret: str) -> None:
        self._http, self.server, self._key, self._secret = http, server, key, secret

    async def get(self, path: str, **params: object) -> Any:
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in sorted(params.items()))
        return self._data(await self.send("GET", f"{path}?{query}" if query else path, query))

    async def post(self, path: str, body: object) -> Any:
        text = json.dumps(body)
        return self._data(await self.send("POST", path, text, text))

    async def send(self, method: str, path: str, signed: str, body: str = "", **headers: str) -> Any:
        sent = str(self.server.now_ms())
        known = {
            "ApiKey": self._key,
            "Request-Time": sent,
            "Signature": sign(self._secret, self._key + sent + signed),
            "Content-Type": "application/json",
        } | {name.replace("_", "-"): text for name, text in headers.items()}
        url = URL(f"{self.server.url}/api/v1/private{path}", encoded=True)
        async with self._http.request(method, url, data=body.encode() or None, headers=known) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def place(self, **change: object) -> Any:
        return await self.post("/order/create", ORDER | change)

    async def order(self, placed: Mapping[str, Any]) -> Any:
        return await self.get(f"/order/get/{placed['orderId']}")

    def _data(self, answer: Mapping[str, Any]) -> Any:
        if answer["success"]:
            assert answer["code"] == 0
            return answer.get("data")
        assert answer["message"]
        return answer["code"]


ORDER: Mapping[str, object] = {
    "symbol": "BTC_USDT", "price": 60000.5, "vol": 10, "side": 1, "type": 1, "openType": 2
}  # fmt: skip


@pytest.fixture
async def mexc(start_venue: StartVenue) -> SimServer:
    return await start_venue("mexc", instruments=("BTC/USDT", "ETH/USDT"), clock=Clock(), still=True)


@pytest.fixture
def trader(mexc: SimServer, http: aiohttp.ClientSession) -> Trader:
    return Trader(http, mexc, DEFAULT_KEY, DEFAULT_SECRET)


def btc(server: SimServer) -> SimListing:
    return server.markets["futures"].listings["BTC/USDT:USDT"]


# ---- signatures ---------------------------------------------------------------------------------------

KEY, SECRET = "mx0aBYs33eIilxBWC5", "45d0b3c26f2644f19bfb98b07741b2f5"


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (
            (
                '1644489390087{"symbol":"BTC_USDT","price":60000.5,"vol":1,"side":1,"type":1,"openType":2,'
                '"externalOid":"arb-1"}'
            ),
            "15101ae9692efe34e9fc06c7d4c62870ff285aa3aeb2fb0d847f2c235403c2ac",
        ),
        ("1644489390087page_num=1&page_size=20", "3c58767371bc8ab11f447679d6e7747d3140ba9fc6d2e0e3dd9d28a22ac5ff2e"),
        ("1644489390087", "8c0d829f0a56a0c771c2e0623e07a8f20d55a32b83a7eeb3b9c1c75d20c153b6"),
        ("1657186536762", "80ba7c7524202da3acc2c52f472307a442a59d731b729cb8aef100fff2b7a8c7"),
    ],
)
def test_signatures(text: str, signature: str) -> None:
    assert sign(SECRET, KEY + text) == signature


async def test_who_is_not_let_in(mexc: SimServer, http: aiohttp.ClientSession, trader: Trader) -> None:
    path, late = "/account/assets", str(mexc.now_ms() - 11_000)
    unsigned = {"Signature": ""}
    assert (await trader.send("GET", path, "", **unsigned))["code"] == 401
    assert (await trader.send("GET", path, "", ApiKey="nobody"))["code"] == 402
    assert (await trader.send("GET", path, "", Request_Time=late))["code"] == 513
    assert (await trader.send("GET", path, "", Recv_Window="61"))["code"] == 600
    assert (await trader.send("GET", path, "other=1"))["code"] == 602
    assert (await trader.send("POST", "/order/create", "{}", '{"a":1}'))["code"] == 602
    sent = sign(DEFAULT_SECRET, DEFAULT_KEY + late)
    patient = await trader.send("GET", path, "", Request_Time=late, Recv_Window="30", Signature=sent)
    assert patient["success"]
    mexc.accounts.open([ApiKey(key="reader", secret="canary", rights=frozenset({"read"}))])
    mexc.accounts.open([ApiKey(key="blind", secret="canary", rights=frozenset())])
    assert await Trader(http, mexc, "reader", "canary").place() == 704
    assert await Trader(http, mexc, "blind", "canary").get(path) == 701


async def test_a_query_is_signed_sorted_and_encoded(trader: Trader) -> None:
    rows = await trader.send(
        "GET",
        "/order/list/history_orders?symbol=BTC_USDT&page_num=1&states=3,4",
        "page_num=1&states=3%2C4&symbol=BTC_USDT",
    )
    assert rows == {"success": True, "code": 0, "data": []}


# ---- orders -------------------------------------------------------------------------------------------


async def test_an_order_from_open_to_cancelled(trader: Trader) -> None:
    placed = await trader.place(externalOid="arb-1")
    assert set(placed) == {"orderId", "ts"}
    assert len(placed["orderId"]) == 18
    row = await trader.order(placed)
    assert (row["state"], row["price"], row["vol"], row["side"], row["orderType"]) == (2, 60000.5, 10, 1, 1)
    assert (row["externalOid"], row["openType"], row["errorCode"]) == ("arb-1", 2, 0)
    assert row["orderMargin"] == pytest.approx(10 * 0.0001 * 60000.5 / 20)
    assert await trader.get("/order/external/BTC_USDT/arb-1") == row
    assert await trader.get("/order/list/open_orders") == [row]
    assert await trader.get("/order/list/open_orders/ETH_USDT") == []
    asset = await trader.get("/account/asset/USDT")
    assert asset["frozenBalance"] == row["orderMargin"]
    assert Decimal(str(asset["availableBalance"])) == 200_000 - Decimal(str(row["orderMargin"]))
    known, unknown = placed["orderId"], "700000000000000001"
    results = await trader.post("/order/cancel", [known, unknown])
    assert [(item["orderId"], item["errorCode"]) for item in results] == [(known, 0), (unknown, 2040)]
    (again,) = await trader.post("/order/cancel", [int(known)])
    assert (again["errorCode"], again["errorMsg"]) == (2041, "order state cannot be cancelled")
    assert (await trader.order(placed))["state"] == 4


async def test_market_orders_open_and_close_a_position(trader: Trader) -> None:
    item = btc(trader.server)
    ask = Decimal(item.price_text(item.top.ask_ticks))
    bought = await trader.order(await trader.place(type=5, price=None, vol=2))
    assert (bought["state"], bought["dealVol"], bought["dealAvgPrice"]) == (3, 2, float(ask))
    fee = 2 * Decimal("0.0001") * ask * Decimal("0.0002")
    assert 0 <= Decimal(str(bought["takerFee"])) - fee < Decimal("0.00000001")
    (position,) = await trader.get("/position/open_positions", symbol="BTC_USDT")
    assert (position["positionType"], position["holdVol"], position["state"]) == (1, 2, 1)
    assert position["holdAvgPrice"] == float(ask)
    assert position["positionId"] == bought["positionId"]
    assets = await trader.get("/account/assets")
    assert assets[0]["positionMargin"] == position["im"] > 0
    assert Decimal(str(assets[0]["cashBalance"])) == 200_000 - Decimal(str(bought["takerFee"]))
    assert assets[0]["equity"] == pytest.approx(assets[0]["cashBalance"] + assets[0]["unrealized"])
    sold = await trader.order(await trader.place(type=6, price=None, vol=2, side=4))
    assert (sold["side"], sold["reduceOnly"], sold["orderType"], sold["profit"]) == (4, True, 5, pytest.approx(
        float(2 * Decimal("0.0001") * (Decimal(item.price_text(item.top.bid_ticks)) - ask))
    ))  # fmt: skip
    assert await trader.get("/position/open_positions") == []
    (closed,) = await trader.get("/position/list/history_positions", page_num=1)
    assert (closed["state"], closed["closeVol"], closed["holdVol"]) == (3, 2, 0)
    assert closed["realised"] == pytest.approx(sold["profit"] - bought["takerFee"] - sold["takerFee"])
    deals = await trader.get("/order/list/order_deals/v3", symbol="BTC_USDT")
    assert [deal["orderId"] for deal in deals] == [sold["orderId"], bought["orderId"]]
    assert deals == await trader.get("/order/list/order_deals")
    assert await trader.get(f"/order/deal_details/{sold['orderId']}") == deals[:1]


@pytest.mark.parametrize(
    ("kind", "price", "error"), [(2, "ask", 20), (3, "low", 18), (4, "low", 19)], ids=["post only", "ioc", "fok"]
)
async def test_orders_that_end_at_once(trader: Trader, kind: int, price: str, error: int) -> None:
    item = btc(trader.server)
    wanted = float(item.price_text(item.top.ask_ticks)) if price == "ask" else 50_000
    row = await trader.order(await trader.place(type=kind, price=wanted))
    assert (row["state"], row["errorCode"], row["dealVol"]) == (4, error, 0)


async def test_fills_of_a_resting_order(trader: Trader) -> None:
    item = btc(trader.server)
    ticks = item.top.ask_ticks - 1
    placed = await trader.place(price=float(item.price_text(ticks)), vol=5)
    item.engine.place("test", Side.SELL, 2, ticks, ts_ns=trader.server.now_ns())
    row = await trader.order(placed)
    assert (row["state"], row["dealVol"], row["makerFee"], row["takerFee"]) == (2, 2, 0, 0)
    (deal,) = await trader.get(f"/order/deal_details/{placed['orderId']}")
    assert (deal["isTaker"], deal["vol"], deal["side"], deal["positionMode"]) == (False, 2, 1, 2)
    assert await trader.post("/order/cancel_all", {"symbol": "BTC_USDT"}) is None
    assert (await trader.order(placed))["state"] == 4


async def test_older_and_batch_endpoints(trader: Trader) -> None:
    number = await trader.post("/order/submit", ORDER | {"externalOid": "old"})
    assert isinstance(number, int)
    first, bad, known = await trader.post(
        "/order/submit_batch",
        [ORDER | {"externalOid": "new"}, ORDER | {"vol": 0, "externalOid": "bad"}, ORDER | {"externalOid": "old"}],
    )
    assert (first["errorCode"], first["externalOid"]) == (0, "new")
    assert (bad["errorCode"], "orderId" in bad) == (2011, False)
    assert known["orderId"] == str(number)  # no second order: the one that has the id
    assert len(await trader.get("/order/list/open_orders")) == 2
    one = {"symbol": "BTC_USDT", "externalOid": "new"}
    assert (await trader.post("/order/cancel_with_external", one))["errorCode"] == 0
    both = await trader.post("/order/batch_cancel_with_external", [one, one | {"externalOid": "old"}])
    assert [item["errorCode"] for item in both] == [2041, 0]
    rows = await trader.get("/order/list/history_orders", states="4", page_size=1)
    assert [row["externalOid"] for row in rows] == ["new"]
    ids = f"{number},{first['orderId']},17"
    assert [row["externalOid"] for row in await trader.get("/order/batch_query", order_ids=ids)] == ["old", "new"]


async def test_a_repeated_external_id_is_accepted(trader: Trader) -> None:
    first = await trader.place(externalOid="twice")
    second = await trader.place(externalOid="twice")
    found = await trader.get("/order/external/BTC_USDT/twice")
    assert found["orderId"] == second["orderId"] != first["orderId"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "NO_PE"}, 1001),
        ({"side": 5}, 2001),
        ({"openType": 0}, 2002),
        ({"openType": 1}, 2006),
        ({"openType": 1, "leverage": 500}, 2006),
        ({"type": 9}, 2029),
        ({"price": 0}, 2007),
        ({"price": 80000}, 2003),
        ({"side": 3, "price": 40000}, 2004),
        ({"price": 60000.55}, 2015),
        ({"vol": 0}, 2011),
        ({"vol": 1.5}, 2015),
        ({"vol": 1_000_001}, 2028),
        ({"vol": 900_000}, 2005),
        ({"side": 4, "price": 70000}, 2009),
        ({"externalOid": "x" * 33}, 2030),
        ({"positionMode": 1}, 2022),
        ({"stpMode": 9}, 600),
        ({"vol": "many"}, 600),
    ],
)
async def test_refusals(trader: Trader, change: dict[str, object], code: int) -> None:
    assert await trader.place(**change) == code


async def test_refusals_that_need_a_state(trader: Trader) -> None:
    faults = trader.server.faults
    faults.switch_on(FaultOrder(FaultKind.HALT, seconds=5))
    assert await trader.place() == 6005
    faults.clear()
    faults.switch_on(FaultOrder(FaultKind.REJECT_ORDER))
    assert await trader.place() == 2005
    assert await trader.get("/order/get/17") == 2040
    assert await trader.get("/order/external/BTC_USDT/nobody") == 2040
    assert await trader.get("/account/asset/DOGE") == 1000
    assert await trader.post("/planorder/place", {}) == 604
    assert await trader.get("/planorder/list/orders") == []
    malformed = await trader.send("POST", "/order/cancel", "[1", "[1")
    assert malformed["code"] == 601
    assert await trader.post("/order/cancel", list(range(51))) == 2013


async def test_two_hundred_open_orders_of_a_contract_are_the_most(trader: Trader) -> None:
    batches = [ORDER | {"vol": 1}] * 50
    for _ in range(4):
        assert {item["errorCode"] for item in await trader.post("/order/submit_batch", batches)} == {0}
    assert await trader.place() == 2036


# ---- account ------------------------------------------------------------------------------------------


async def test_leverage_and_position_mode(trader: Trader) -> None:
    assert [item["leverage"] for item in await trader.get("/position/leverage", symbol="BTC_USDT")] == [20, 20]
    new = {"symbol": "BTC_USDT", "openType": 2, "positionType": 1, "leverage": 50}
    assert await trader.post("/position/change_leverage", new) is None
    assert await trader.post("/position/leverage", new | {"leverage": 126}) == 2006
    await trader.place(type=5, price=None, vol=1)
    (position,) = await trader.get("/position/open_positions")
    assert position["leverage"] == 50
    by_id = {"positionId": position["positionId"], "leverage": 10}
    assert await trader.post("/position/change_leverage", by_id) is None
    assert [item["leverage"] for item in await trader.get("/position/leverage", symbol="BTC_USDT")] == [10, 10]
    assert await trader.get("/position/position_mode") == 2
    assert await trader.post("/position/change_position_mode", {"positionMode": 1}) == 2019
    assert await trader.post("/position/close_all", {}) == []
    assert await trader.post("/position/change_position_mode", {"positionMode": 1}) is None
    assert await trader.get("/position/position_mode") == 1
    assert await trader.place(positionMode=1) == 6001  # hedge mode can be set; the simulation does not trade in it


async def test_fees_and_funding(trader: Trader) -> None:
    fee = await trader.get("/account/tiered_fee_rate/v2", symbol="BTC_USDT")
    assert (fee["realMakerFee"], fee["realTakerFee"]) == (0, 0.0002)
    rates = await trader.get("/account/contract/fee_rate")
    assert [(row["symbol"], row["takerFeeRate"]) for row in rates] == [("BTC_USDT", 0.0002), ("ETH_USDT", 0.0002)]
    await trader.place(type=5, price=None, vol=10)
    trader.server.desks["futures"].settle_funding(trader.server.now_ns(), Decimal("0.0001"))
    page = await trader.get("/position/funding_records", symbol="BTC_USDT", page_num=1, page_size=20)
    assert (page["totalCount"], page["currentPage"]) == (1, 1)
    (paid,) = page["resultList"]
    assert paid["positionType"] == 1
    assert paid["funding"] == pytest.approx(-0.0001 * paid["positionValue"])
    assert paid["positionValue"] == pytest.approx(10 * 0.0001 * 64_000, rel=0.05)


async def test_each_endpoint_has_twenty_in_two_seconds(start_venue: StartVenue, http: aiohttp.ClientSession) -> None:
    now_ns = [1_795_000_000_000_000_000]
    server = await start_venue("mexc", instruments=("BTC/USDT",), clock=lambda: now_ns[0])
    trader = Trader(http, server, DEFAULT_KEY, DEFAULT_SECRET)
    for _ in range(20):
        assert isinstance(await trader.get("/account/assets"), list)
    assert await trader.get("/account/assets") == 510
    assert await trader.get("/order/list/open_orders") == []
    now_ns[0] += 2_000_000_000
    assert isinstance(await trader.get("/account/assets"), list)


async def test_maintenance_is_told_in_the_envelope(trader: Trader) -> None:
    trader.server.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, seconds=5))
    assert await trader.get("/account/assets") == 500
