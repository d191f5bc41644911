"""Orders at the simulated Binance: the venue's code for each reason to refuse, its shapes, ids and statuses."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.sim.binance_caller import LIMIT, MARKET, Caller, Clock

from oneprice.sim.accounts import ApiKey
from oneprice.sim.dialects.binance.refusals import FUTURES_REFUSALS, SPOT_REFUSALS
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.orders import Reason

SPOT, FUTURES = "/api/v3", "/fapi/v1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(start_venue: Any, clock: Clock) -> Any:
    return await start_venue("binance", instruments=("BTC/USDT",), clock=clock, still=True)


@pytest.fixture
def caller(http: Any, venue: Any) -> Caller:
    return Caller(http, venue)


def test_every_reason_has_a_code_in_both_markets() -> None:
    assert set(SPOT_REFUSALS) == set(FUTURES_REFUSALS) == set(Reason)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"price": "60000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "1000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "9001"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "10"}, -2010, "Account has insufficient balance for requested action."),
    ],
)
async def test_spot_refusals(caller: Caller, change: dict[str, str], code: int, message: str) -> None:
    assert await caller.refused("POST", f"{SPOT}/order", **LIMIT | change) == (400, code, message)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "60000.05"}, -4014),
        ({"quantity": "0.001"}, -4164),
        ({"quantity": "1001"}, -4005),
        ({"quantity": "900"}, -2019),
        ({"reduceOnly": "true"}, -2022),
        ({"timeInForce": "FOK"}, -5021),
        ({"timeInForce": "GTX", "price": "66000"}, -5022),
    ],
)
async def test_futures_refusals(caller: Caller, change: dict[str, str], code: int) -> None:
    assert (await caller.refused("POST", f"{FUTURES}/order", **LIMIT | change))[:2] == (400, code)
    assert await caller.done("GET", f"{FUTURES}/allOrders", symbol="BTCUSDT") == []


@pytest.mark.parametrize(
    ("base", "codes"),
    [
        (SPOT, {"duplicate": -2010, "halted": -2010, "post": -2010, "poor": -2010, "many": -1013, "empty": -2010}),
        (FUTURES, {"duplicate": -4116, "halted": -4141, "post": -5022, "poor": -2019, "many": -2025, "empty": -4131}),
    ],
)
async def test_refusals_that_need_a_situation(
    caller: Caller, venue: Any, clock: Clock, base: str, codes: dict[str, int]
) -> None:
    faults, path = venue.faults, f"{base}/order"

    async def code_of(**sent: Any) -> int:
        return (await caller.refused("POST", path, **sent))[1]

    named = LIMIT | {"newClientOrderId": "once"}
    await caller.done("POST", path, **named)
    assert await code_of(**named) == codes["duplicate"]
    post_only = {"type": "LIMIT_MAKER"} if base == SPOT else {"timeInForce": "GTX"}
    sent = {name: value for name, value in LIMIT.items() if name != "timeInForce"} if base == SPOT else LIMIT
    assert await code_of(**sent | post_only | {"price": "66000"}) == codes["post"]
    faults.switch_on(FaultOrder(kind=FaultKind.REJECT_ORDER))
    assert await code_of(**LIMIT) == codes["poor"]
    faults.switch_on(FaultOrder(kind=FaultKind.HALT, target="BTC/USDT"))
    assert await code_of(**LIMIT) == codes["halted"]
    await caller.done("DELETE", path, symbol="BTCUSDT", origClientOrderId="once")  # cancels go on
    faults.clear()
    await caller.done("POST", path, **named)  # the id is free again
    for number in range(199):
        if number % 90 == 0:
            clock.pass_s(10)
        await caller.done("POST", path, **LIMIT | {"quantity": "0.002"})
    assert await code_of(**LIMIT) == codes["many"]
    listing = venue.markets["spot" if base == SPOT else "usdm"].listings
    engine = next(iter(listing.values())).engine
    engine.place("sweeper", Side.BUY, 10**12, None, ts_ns=clock.now_ns)
    await caller.done("DELETE", path, symbol="BTCUSDT", origClientOrderId="once")
    assert await code_of(**MARKET) == codes["empty"]


async def test_spot_answers_as_much_as_was_asked_for(caller: Caller) -> None:
    ack = await caller.done("POST", f"{SPOT}/order", **LIMIT, newOrderRespType="ACK")
    assert list(ack) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    result = await caller.done("POST", f"{SPOT}/order", **LIMIT, newOrderRespType="RESULT")
    assert "fills" not in result
    assert result["status"] == "NEW"
    full = await caller.done("POST", f"{SPOT}/order", **MARKET)
    assert full["status"] == "FILLED"
    assert sum(Decimal(fill["qty"]) for fill in full["fills"]) == Decimal("0.01")
    paid = sum(Decimal(fill["price"]) * Decimal(fill["qty"]) for fill in full["fills"])
    assert paid == Decimal(full["cummulativeQuoteQty"])
    maker = {name: value for name, value in LIMIT.items() if name != "timeInForce"} | {"type": "LIMIT_MAKER"}
    assert "status" not in await caller.done("POST", f"{SPOT}/order", **maker)
    tested = await caller.done("POST", f"{SPOT}/order/test", **LIMIT)
    assert tested == {}
    by_quote = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quoteOrderQty": "1000"}
    sold = await caller.done("POST", f"{SPOT}/order", **by_quote)
    assert sold["origQuoteOrderQty"] == "1000.00000000"
    assert Decimal(sold["cummulativeQuoteQty"]) <= 1_000
    assert sold["origQty"] == sold["executedQty"]


@pytest.mark.parametrize("force", ["IOC", "FOK"])
async def test_spot_rests_of_ioc_and_fok_expire(caller: Caller, venue: Any, force: str) -> None:
    none = await caller.done("POST", f"{SPOT}/order", **LIMIT | {"timeInForce": force})
    assert (none["status"], none["executedQty"], none["fills"]) == ("EXPIRED", "0.00000000", [])
    if force == "IOC":
        venue.faults.switch_on(FaultOrder(kind=FaultKind.PARTIAL_FILL))
        part = await caller.done("POST", f"{SPOT}/order", **LIMIT | {"timeInForce": force, "price": "66000"})
        assert part["status"] == "EXPIRED"
        assert 0 < Decimal(part["executedQty"]) < Decimal("0.01")


async def test_a_cancel_gives_the_spot_order_a_new_client_id(caller: Caller) -> None:
    path = f"{SPOT}/order"
    order = await caller.done("POST", path, **LIMIT, newClientOrderId="mine")
    named = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert (await caller.refused("DELETE", path, **named, cancelRestrictions="ONLY_PARTIALLY_FILLED"))[1] == -2011
    cancelled = await caller.done("DELETE", path, **named, newClientOrderId="the-cancel")
    assert (cancelled["origClientOrderId"], cancelled["clientOrderId"]) == ("mine", "the-cancel")
    assert cancelled["status"] == "CANCELED"
    assert (await caller.done("GET", path, **named))["clientOrderId"] == "the-cancel"
    found = await caller.done("GET", path, symbol="BTCUSDT", origClientOrderId="the-cancel")
    assert found["orderId"] == order["orderId"]
    unknown = (400, -2011, "Unknown order sent.")
    assert await caller.refused("DELETE", path, **named) == unknown
    assert await caller.refused("DELETE", f"{SPOT}/openOrders", symbol="BTCUSDT") == unknown
    assert await caller.refused("GET", path, symbol="BTCUSDT", orderId=1) == (400, -2013, "Order does not exist.")
    assert (await caller.refused("GET", path, symbol="BTCUSDT"))[1] == -1102


async def test_futures_ack_tells_the_order_before_matching(caller: Caller) -> None:
    path = f"{FUTURES}/order"
    ack = await caller.done("POST", path, **MARKET)
    assert (ack["status"], ack["executedQty"], ack["cumQty"]) == ("NEW", "0.000", "0.000")
    assert "avgPrice" not in ack
    queried = await caller.done("GET", path, symbol="BTCUSDT", orderId=ack["orderId"])
    assert (queried["status"], queried["executedQty"]) == ("FILLED", "0.010")
    assert Decimal(queried["avgPrice"]) * Decimal("0.01") == Decimal(queried["cumQuote"])
    rest = await caller.done("POST", path, **LIMIT | {"timeInForce": "IOC"}, newOrderRespType="RESULT")
    assert rest["status"] == "EXPIRED"
    kept = await caller.done("POST", path, **LIMIT, newClientOrderId="kept")
    gone = await caller.done("DELETE", path, symbol="BTCUSDT", origClientOrderId="kept")
    assert (gone["clientOrderId"], gone["orderId"], gone["status"]) == ("kept", kept["orderId"], "CANCELED")
    assert (await caller.refused("GET", f"{FUTURES}/openOrder", symbol="BTCUSDT", orderId=gone["orderId"]))[1] == -2013
    queue = {name: value for name, value in LIMIT.items() if name != "price"} | {"priceMatch": "QUEUE_5"}
    matched = await caller.done("POST", path, **queue)
    assert (matched["priceMatch"], matched["status"]) == ("QUEUE_5", "NEW")


async def test_futures_good_till_date_and_countdown(caller: Caller, venue: Any, clock: Clock) -> None:
    path = f"{FUTURES}/order"
    until_ms = clock.now_ns // 1_000_000 + 601_000
    dated = await caller.done("POST", path, **LIMIT | {"timeInForce": "GTD"}, goodTillDate=until_ms)
    assert (dated["timeInForce"], dated["goodTillDate"]) == ("GTD", until_ms - until_ms % 1_000)
    resting = await caller.done("POST", path, **LIMIT)
    armed = await caller.done("POST", f"{FUTURES}/countdownCancelAll", symbol="BTCUSDT", countdownTime=12_000)
    assert armed == {"symbol": "BTCUSDT", "countdownTime": "12000"}
    clock.pass_s(11)
    venue.tick(clock.now_ns)
    assert len(await caller.done("GET", f"{FUTURES}/openOrders", symbol="BTCUSDT")) == 2
    await caller.done("POST", f"{FUTURES}/countdownCancelAll", symbol="BTCUSDT", countdownTime=0)
    clock.pass_s(2)
    venue.tick(clock.now_ns)
    assert len(await caller.done("GET", f"{FUTURES}/openOrders", symbol="BTCUSDT")) == 2
    venue.faults.switch_on(FaultOrder(kind=FaultKind.CLOCK_SKEW, delay_ms=600_000))
    clock.pass_s(1)
    venue.tick(clock.now_ns)
    (left,) = await caller.done("GET", f"{FUTURES}/openOrders", symbol="BTCUSDT")
    assert left["orderId"] == resting["orderId"]
    assert (await caller.done("GET", path, symbol="BTCUSDT", orderId=dated["orderId"]))["status"] == "EXPIRED"
    await caller.done("POST", f"{FUTURES}/countdownCancelAll", symbol="BTCUSDT", countdownTime=1_000)
    clock.pass_s(1)
    venue.tick(clock.now_ns)
    assert (await caller.done("GET", path, symbol="BTCUSDT", orderId=resting["orderId"]))["status"] == "CANCELED"


async def test_futures_modify_keeps_or_cancels(caller: Caller) -> None:
    path = f"{FUTURES}/order"
    order = await caller.done("POST", path, **LIMIT | {"timeInForce": "GTX"})
    named = {"symbol": "BTCUSDT", "orderId": order["orderId"], "side": "BUY"}
    changed = await caller.done("PUT", path, **named, quantity="0.02", price="60001")
    assert (changed["orderId"], changed["origQty"], changed["status"]) == (order["orderId"], "0.020", "NEW")
    assert (await caller.refused("PUT", path, **named, quantity="0.02", price="60001"))[1] == -5027
    assert (await caller.refused("PUT", path, **named, quantity="0.02"))[1] == -1102
    taking = await caller.done("PUT", path, **named, quantity="0.02", price="66000")
    assert taking["status"] == "CANCELED"
    assert (await caller.refused("PUT", path, **named, quantity="0.02", price="60001"))[1] == -2011


async def test_spot_cancel_replace_halves(caller: Caller) -> None:
    path = f"{SPOT}/order/cancelReplace"
    order = await caller.done("POST", f"{SPOT}/order", **LIMIT)
    sent = LIMIT | {"cancelOrderId": order["orderId"], "cancelReplaceMode": "STOP_ON_FAILURE"}
    poor = sent | {"quantity": "10"}
    status, answer, _ = await caller.ask("POST", path, **poor)
    assert (status, answer["code"]) == (409, -2021)
    halves = answer["data"]
    assert (halves["cancelResult"], halves["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert halves["newOrderResponse"]["code"] == -2010
    status, answer, _ = await caller.ask("POST", path, **sent)
    assert (status, answer["code"], answer["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    status, answer, _ = await caller.ask("POST", path, **sent | {"cancelReplaceMode": "ALLOW_FAILURE"})
    assert (status, answer["data"]["newOrderResult"]) == (409, "SUCCESS")


@pytest.mark.parametrize("base", [SPOT, FUTURES])
@pytest.mark.parametrize(
    ("mode", "old", "new"),
    [
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", None),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    ],
)
async def test_self_trades_are_prevented(
    caller: Caller, venue: Any, base: str, mode: str, old: str, new: str | None
) -> None:
    market = venue.markets["spot" if base == SPOT else "usdm"]
    listing = next(iter(market.listings.values()))
    price = listing.price_text(listing.top.bid_ticks + 1)
    resting = await caller.done("POST", f"{base}/order", **LIMIT | {"price": price})
    selling = LIMIT | {"side": "SELL", "price": price, "selfTradePreventionMode": mode}
    taking = await caller.done("POST", f"{base}/order", **selling)
    for order, status in ((resting, old), (taking, new)):
        found = await caller.done("GET", f"{base}/order", symbol="BTCUSDT", orderId=order["orderId"])
        assert status is None or found["status"] == status
    assert await caller.done("GET", f"{base}/{'myTrades' if base == SPOT else 'userTrades'}", symbol="BTCUSDT") == []


async def test_histories_can_be_bounded(caller: Caller, clock: Clock) -> None:
    ids = []
    for _ in range(5):
        ids.append((await caller.done("POST", f"{SPOT}/order", **MARKET | {"quantity": "0.001"}))["orderId"])
        clock.pass_s(1)
    start = clock.now_ns // 1_000_000 - 2_000
    found = await caller.done("GET", f"{SPOT}/allOrders", symbol="BTCUSDT", startTime=start)
    assert [row["orderId"] for row in found] == ids[3:]
    found = await caller.done("GET", f"{SPOT}/allOrders", symbol="BTCUSDT", orderId=ids[2], limit=2)
    assert [row["orderId"] for row in found] == ids[2:4]
    trades = await caller.done("GET", f"{SPOT}/myTrades", symbol="BTCUSDT")
    later = await caller.done("GET", f"{SPOT}/myTrades", symbol="BTCUSDT", fromId=trades[2]["id"])
    assert [row["id"] for row in later] == [row["id"] for row in trades[2:]]
    of_one = await caller.done("GET", f"{SPOT}/myTrades", symbol="BTCUSDT", orderId=ids[0])
    assert {row["orderId"] for row in of_one} == {ids[0]}
    window = {"symbol": "BTCUSDT", "startTime": start - 86_400_001, "endTime": start + 1}
    assert (await caller.refused("GET", f"{SPOT}/myTrades", **window))[1] == -1127


async def test_others_orders_are_not_found(http: Any, venue: Any, caller: Caller) -> None:
    venue.accounts.open([ApiKey(key="somebody-else", secret="s")])
    other = Caller(http, venue, "somebody-else", "s")
    for base in (SPOT, FUTURES):
        order = await caller.done("POST", f"{base}/order", **LIMIT)
        named = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
        assert (await other.refused("GET", f"{base}/order", **named))[1] == -2013
        assert (await other.refused("DELETE", f"{base}/order", **named))[1] == -2011
        assert await other.done("GET", f"{base}/openOrders") == []


RECORDED = [
    ("spot_rest_new_order_ack", "POST", f"{SPOT}/order", LIMIT | {"newOrderRespType": "ACK"}),
    ("spot_rest_new_order_result", "POST", f"{SPOT}/order", MARKET | {"newOrderRespType": "RESULT"}),
    ("spot_rest_new_order_full", "POST", f"{SPOT}/order", MARKET),
    ("spot_rest_account", "GET", f"{SPOT}/account", {}),
    ("spot_rest_account_commission", "GET", f"{SPOT}/account/commission", {"symbol": "BTCUSDT"}),
    ("spot_rest_open_orders", "GET", f"{SPOT}/openOrders", {}),
    ("spot_rest_my_trades", "GET", f"{SPOT}/myTrades", {"symbol": "BTCUSDT"}),
    ("spot_rest_cancel_all_open_orders", "DELETE", f"{SPOT}/openOrders", {"symbol": "BTCUSDT"}),
    ("spot_rest_rate_limit_order", "GET", f"{SPOT}/rateLimit/order", {}),
    ("spot_rest_test_order_commission", "POST", f"{SPOT}/order/test", LIMIT | {"computeCommissionRates": "true"}),
    ("futures_rest_new_order", "POST", f"{FUTURES}/order", LIMIT),
    ("futures_rest_open_orders", "GET", f"{FUTURES}/openOrders", {}),
    ("futures_rest_user_trades", "GET", f"{FUTURES}/userTrades", {"symbol": "BTCUSDT"}),
    ("futures_rest_account_v3", "GET", "/fapi/v3/account", {}),
    ("futures_rest_balance_v3", "GET", "/fapi/v3/balance", {}),
    ("futures_rest_position_risk_v3", "GET", "/fapi/v3/positionRisk", {}),
    ("futures_rest_account_config", "GET", f"{FUTURES}/accountConfig", {}),
    ("futures_rest_symbol_config", "GET", f"{FUTURES}/symbolConfig", {}),
    ("futures_rest_commission_rate", "GET", f"{FUTURES}/commissionRate", {"symbol": "BTCUSDT"}),
    ("futures_rest_change_leverage", "POST", f"{FUTURES}/leverage", {"symbol": "BTCUSDT", "leverage": 3}),
    ("futures_rest_get_position_mode", "GET", f"{FUTURES}/positionSide/dual", {}),
    ("futures_rest_start_listen_key", "POST", f"{FUTURES}/listenKey", {}),
    ("sapi_api_restrictions", "GET", "/sapi/v1/account/apiRestrictions", {}),
    ("sapi_trade_fee", "GET", "/sapi/v1/asset/tradeFee", {}),
    ("sapi_capital_config_getall", "GET", "/sapi/v1/capital/config/getall", {}),
    ("sapi_deposit_history", "GET", "/sapi/v1/capital/deposit/hisrec", {}),
]
_CONDITIONAL_ONLY = {"activatePrice", "priceRate"}


@pytest.mark.parametrize(("fixture", "method", "path", "sent"), RECORDED, ids=[row[0] for row in RECORDED])
async def test_answers_have_the_recorded_fields(
    caller: Caller, venue: Any, clock: Clock, shared: Path, fixture: str, method: str, path: str, sent: dict[str, Any]
) -> None:
    recorded = json.loads((shared / "fixtures" / "binance" / f"{fixture}.json").read_text())
    account = venue.accounts.find(caller.key)[0]
    venue.desks["spot"].deposit(account, "USDT", Decimal(5), clock.now_ns)
    for base in (SPOT, FUTURES):
        await caller.done("POST", f"{base}/order", **LIMIT)
        await caller.done("POST", f"{base}/order", **MARKET)
    answer = await caller.done(method, path, **sent)
    theirs = recorded[0] if isinstance(recorded, list) else recorded
    ours = answer[0] if isinstance(answer, list) else answer
    assert ours.keys() >= theirs.keys() - _CONDITIONAL_ONLY
    for name in ("assets", "positions", "networkList", "fills", "balances"):
        if name in theirs:
            assert ours[name][0].keys() >= theirs[name][0].keys()
