"""Conditional futures orders at the simulated Binance: they wait beside the book and become plain orders."""

from decimal import Decimal
from typing import Any

import pytest
from tests.sim.binance_caller import MARKET, Api, Caller, Clock
from tests.sim.strangers import HASTY

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.engine import Side

PATH = "/fapi/v1/algoOrder"
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.01",
    "triggerPrice": "60000",
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(start_venue: Any, clock: Clock) -> Any:
    return await start_venue("binance", instruments=("BTC/USDT",), clock=clock, still=True)


@pytest.fixture
def caller(http: Any, venue: Any) -> Caller:
    return Caller(http, venue)


def trade_at(venue: Any, clock: Clock, price: int) -> None:
    """Somebody trades at a price, and the venue looks."""
    listing = venue.markets["usdm"].listings["BTC/USDT:USDT"]
    listing.engine.print_trade(price * 10, 1, Side.BUY, clock.now_ns)
    clock.pass_s(0.2)
    venue.tick(clock.now_ns)


async def test_a_stop_becomes_a_market_order(http: Any, venue: Any, caller: Caller, clock: Clock) -> None:
    _, answer, _ = await caller.send("POST", "/fapi/v1/listenKey", "")
    async with http.ws_connect(f"{venue.url}/private/ws/{answer['listenKey']}") as socket:
        stream = Api(caller, socket)
        stop = await caller.done("POST", PATH, **STOP, clientAlgoId="my-stop")
        assert (stop["algoStatus"], stop["triggerPrice"], stop["orderType"]) == ("NEW", "60000", "STOP_MARKET")
        named = {"algoId": stop["algoId"]}
        assert [row["algoId"] for row in await caller.done("GET", "/fapi/v1/openAlgoOrders")] == [stop["algoId"]]
        trade_at(venue, clock, 60_001)
        assert (await caller.done("GET", PATH, **named))["algoStatus"] == "NEW"
        trade_at(venue, clock, 60_000)
        done = await caller.done("GET", PATH, clientAlgoId="my-stop")
        assert (done["algoStatus"], done["actualType"], done["actualQty"]) == ("FINISHED", "MARKET", "0.010")
        order = await caller.done("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=done["actualOrderId"])
        assert (order["status"], order["side"]) == ("FILLED", "SELL")
        events = [await stream.next_event() for _ in range(2)]
        assert [(event["e"], event.get("o", {}).get("X")) for event in events] == [
            ("ALGO_UPDATE", "NEW"),
            ("ORDER_TRADE_UPDATE", "NEW"),
        ]
    assert await caller.done("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT") == []
    assert (await caller.refused("DELETE", PATH, **named))[1] == -2011


@pytest.mark.parametrize(
    ("kind", "side", "prices"),
    [
        ("STOP", "BUY", (65_900, 66_000)),
        ("TAKE_PROFIT", "SELL", (65_900, 66_000)),
        ("TAKE_PROFIT_MARKET", "BUY", (60_100, 60_000)),
    ],
)
async def test_which_way_a_price_triggers(
    caller: Caller, venue: Any, clock: Clock, kind: str, side: str, prices: tuple[int, int]
) -> None:
    before, reached = prices
    sent = STOP | {"type": kind, "side": side, "triggerPrice": str(reached)}
    if kind in ("STOP", "TAKE_PROFIT"):
        sent |= {"price": "66500" if side == "BUY" else "65000", "timeInForce": "GTC"}
    algo = await caller.done("POST", PATH, **sent)
    trade_at(venue, clock, before)
    assert (await caller.done("GET", PATH, algoId=algo["algoId"]))["algoStatus"] == "NEW"
    trade_at(venue, clock, reached)
    done = await caller.done("GET", PATH, algoId=algo["algoId"])
    assert done["algoStatus"] in ("TRIGGERED", "FINISHED")
    assert done["actualOrderId"]


async def test_a_trailing_stop_follows_the_price(caller: Caller, venue: Any, clock: Clock) -> None:
    sent = {name: value for name, value in STOP.items() if name != "triggerPrice"} | {"type": "TRAILING_STOP_MARKET"}
    trade_at(venue, clock, 64_000)
    algo = await caller.done("POST", PATH, **sent, callbackRate="1")
    for price, status in ((66_000, "NEW"), (65_500, "NEW"), (65_340, "FINISHED")):
        trade_at(venue, clock, price)
        assert (await caller.done("GET", PATH, algoId=algo["algoId"]))["algoStatus"] == status
    assert (await caller.refused("POST", PATH, **sent, callbackRate="11"))[1] == -2007


async def test_close_position_closes_what_there_is(caller: Caller, venue: Any, clock: Clock) -> None:
    await caller.done("POST", "/fapi/v1/order", **MARKET)
    sent = {name: value for name, value in STOP.items() if name != "quantity"} | {"closePosition": "true"}
    algo = await caller.done("POST", PATH, **sent)
    again = await caller.done("POST", PATH, **sent)
    trade_at(venue, clock, 59_000)
    assert (await caller.done("GET", PATH, algoId=algo["algoId"]))["actualQty"] == "0.010"
    # Nothing is left for the second one: the plain order is refused.
    assert (await caller.done("GET", PATH, algoId=again["algoId"]))["algoStatus"] == "REJECTED"
    assert await caller.done("GET", "/fapi/v3/positionRisk") == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"algoType": "VP"}, -1130),
        ({"type": "LIMIT"}, -1116),
        ({"triggerPrice": None}, -1102),
        ({"triggerPrice": "66000"}, -2021),
        ({"type": "STOP"}, -1102),
        ({"price": "60000"}, -1106),
        ({"closePosition": "true"}, -4137),
        ({"closePosition": "true", "type": "STOP", "price": "60000"}, -4136),
        ({"timeInForce": "FOREVER"}, -1115),
        ({"positionSide": "LONG"}, -4061),
        ({"quantity": "0.0001"}, -1111),
    ],
)
async def test_conditional_parameters(caller: Caller, change: dict[str, Any], code: int) -> None:
    sent = {name: value for name, value in (STOP | change).items() if value is not None}
    assert (await caller.refused("POST", PATH, **sent))[1] == code
    assert await caller.done("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT") == []


async def test_cancels(caller: Caller) -> None:
    first = await caller.done("POST", PATH, **STOP, clientAlgoId="one")
    assert (await caller.refused("POST", PATH, **STOP, clientAlgoId="one"))[1] == -4116
    gone = await caller.done("DELETE", PATH, clientAlgoId="one")
    assert (gone["algoId"], gone["code"]) == (first["algoId"], "200")
    await caller.done("POST", PATH, **STOP)
    assert (await caller.done("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT"))["code"] == 200
    rows = await caller.done("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT")
    assert [row["algoStatus"] for row in rows] == ["CANCELED", "CANCELED"]
    assert (await caller.refused("GET", PATH))[1] == -1102


async def test_ccxt_places_and_finds_stops(start_venue: Any) -> None:
    ccxt = pytest.importorskip("ccxt.async_support")
    server = await start_venue("binance", instruments=("BTC/USDT",), still=True)
    options = {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False, "defaultType": "swap"}
    client = ccxt.binance({"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET, "options": options, **HASTY})
    urls = client.urls["api"]
    for name, url in urls.items():
        if isinstance(url, str):
            urls[name] = url.replace("https://fapi.binance.com", server.url).replace(
                "https://api.binance.com", server.url
            )
    symbol, trigger = "BTC/USDT:USDT", {"trigger": True}
    try:
        await client.load_markets()
        price = (await client.fetch_ticker(symbol))["last"]
        low = float(client.price_to_precision(symbol, price * 0.9))
        stop = await client.create_order(symbol, "market", "sell", 0.01, None, {"stopLossPrice": low})
        assert (stop["status"], stop["triggerPrice"], stop["amount"]) == ("open", low, 0.01)
        assert (await client.fetch_order(stop["id"], symbol, trigger))["id"] == stop["id"]
        assert [row["id"] for row in await client.fetch_open_orders(symbol, params=trigger)] == [stop["id"]]
        await client.cancel_order(stop["id"], symbol, trigger)
        assert (await client.fetch_order(stop["id"], symbol, trigger))["status"] == "canceled"
        await client.create_order(symbol, "limit", "sell", 0.01, low, {"triggerPrice": low})
        await client.cancel_all_orders(symbol, trigger)
        assert await client.fetch_open_orders(symbol, params=trigger) == []
        assert Decimal((await client.fetch_balance())["info"]["totalWalletBalance"]) == 200_000
    finally:
        await client.close()
