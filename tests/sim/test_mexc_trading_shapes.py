"""The simulated MEXC's private answers have the fields of the recorded and documented ones, of the same types."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from oneprice.sim.accounts import ApiKey
from oneprice.sim.dialects.mexc.signing import sign
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
KEY, SECRET = "owner", "canary"
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "50000"}
FUTURE = {"symbol": "BTC_USDT", "vol": 2, "side": 1, "openType": 2}


@pytest.fixture
async def mexc(start_venue: StartVenue) -> SimServer:
    server = await start_venue("mexc", instruments=("BTC/USDT",), still=True)
    rights = frozenset({"read", "trade", "transfer", "withdraw"})
    funds = {"spot": {"USDT": Decimal(1_000), "BTC": Decimal(1)}, "futures": {"USDT": Decimal(1_000)}}
    server.accounts.open([ApiKey(key=KEY, secret=SECRET, rights=rights)], funds)
    return server


Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def ask(mexc: SimServer, http: aiohttp.ClientSession) -> Ask:
    """`await ask("POST /api/v3/order", params)`: the signed call's JSON, whatever the status."""

    async def call(what: str, params: Any = None) -> Any:
        method, path = what.split(" ")
        sent, text, body = str(mexc.now_ms()), "", b""
        headers = {"Content-Type": "application/json"}
        if path.startswith("/api/v3/"):
            text = urlencode({**(params or {}), "timestamp": sent})
            signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
            url, headers["X-MEXC-APIKEY"] = f"{mexc.url}{path}?{text}&signature={signature}", KEY
        else:
            if method == "POST":
                body = json.dumps(params or {}).encode()
            elif params:
                text = urlencode(sorted(params.items()))
            headers |= {
                "ApiKey": KEY, "Request-Time": sent, "Signature": sign(SECRET, KEY + sent + (body.decode() or text))
            }  # fmt: skip
            url = f"{mexc.url}{path}?{text}"
        async with http.request(method, url, headers=headers, data=body or None) as answer:
            return await answer.json() if answer.content_type == "application/json" else answer.status

    return call


def recorded(shared: Path, name: str) -> Any:
    return json.loads((shared / "fixtures" / "mexc" / f"{name}.json").read_text())


def lacking(sample: Any, ours: Any, path: str = "") -> Iterator[str]:
    """What the recorded sample has and ours has not, or has as another kind. An empty list shows nothing."""
    if isinstance(sample, Mapping):
        if not isinstance(ours, Mapping):
            yield f"{path} is no object"
            return
        for name, value in sample.items():
            if name not in ours:
                yield f"{path}.{name} is missing"
            else:
                yield from lacking(value, ours[name], f"{path}.{name}")
    elif isinstance(sample, list):
        if not isinstance(ours, list):
            yield f"{path} is no list"
        elif sample and ours:
            yield from lacking(sample[0], ours[0], f"{path}[0]")
    elif sample is not None and ours is not None and kind_of(sample) != kind_of(ours):
        yield f"{path} is {ours!r}, recorded was {sample!r}"


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


# Fields that are told otherwise on purpose: ids are text since 2025, `Qty` is a slip of the documents.
OTHERWISE = ("orderId is 'C02__", ".Qty is missing", "orderId is '1017")


@pytest.mark.parametrize(
    ("fixture", "what", "params"),
    [
        ("spot_rest_account", "GET /api/v3/account", {}),
        ("spot_rest_order_new_response", "POST /api/v3/order", ORDER),
        ("spot_rest_order_new_response_minimal", "POST /api/v3/order", ORDER),
        ("spot_rest_order_query", "GET /api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": "resting"}),
        ("spot_rest_order_query_origqty", "GET /api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": "resting"}),
        ("spot_rest_open_orders", "GET /api/v3/openOrders", {}),
        ("spot_rest_order_cancel", "DELETE /api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": "resting"}),
        ("spot_rest_my_trades", "GET /api/v3/myTrades", {"symbol": "BTCUSDT"}),
        ("spot_rest_trade_fee", "GET /api/v3/tradeFee", {"symbol": "BTCUSDT"}),
        ("spot_rest_api_key_info", "GET /api/v3/apiKeyInfo", {"accessKey": KEY}),
        ("spot_rest_listen_key_create", "POST /api/v3/userDataStream", {}),
        ("spot_rest_capital_config_getall", "GET /api/v3/capital/config/getall", {}),
        ("spot_rest_deposit_hisrec", "GET /api/v3/capital/deposit/hisrec", {}),
        ("spot_rest_withdraw_history", "GET /api/v3/capital/withdraw/history", {}),
        ("futures_rest_account_assets", "GET /api/v1/private/account/assets", {}),
        ("futures_rest_order_create_response", "POST /api/v1/private/order/create", {**FUTURE, "type": 5}),
        ("futures_rest_order_create_response_2026", "POST /api/v1/private/order/create", {**FUTURE, "type": 5}),
        ("futures_rest_order_by_external", "GET /api/v1/private/order/external/BTC_USDT/filled", {}),
        ("futures_rest_positions", "GET /api/v1/private/position/open_positions", {}),
        ("futures_rest_order_cancel_mixed", "POST /api/v1/private/order/cancel", ["101716841474621953"]),
    ],
)
async def test_answers_have_the_recorded_fields(
    mexc: SimServer, ask: Ask, shared: Path, fixture: str, what: str, params: Any
) -> None:
    found = mexc.accounts.find(KEY)
    assert found is not None
    mexc.desks["spot"].deposit(found[0], "USDT", Decimal(5), mexc.now_ns())
    withdrawal = {"coin": "USDT", "netWork": "TRX", "address": "Tsomewhere", "amount": "50"}
    assert "id" in await ask("POST /api/v3/capital/withdraw", withdrawal)
    await ask("POST /api/v3/order", {**ORDER, "newClientOrderId": "resting"})
    await ask("POST /api/v3/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "20"})
    await ask("POST /api/v1/private/order/create", {**FUTURE, "type": 5, "externalOid": "filled"})
    missing = list(lacking(recorded(shared, fixture), await ask(what, params)))
    assert [text for text in missing if not any(known in text for known in OTHERWISE)] == []


@pytest.mark.parametrize(
    ("fixture", "what", "params"),
    [
        ("spot_rest_error_insufficient_10101", "POST /api/v3/order", {**ORDER, "quantity": "1"}),
        ("spot_rest_error_timestamp_700003", "GET /api/v3/account", {"recvWindow": "0"}),
    ],
)
async def test_refusals_are_the_recorded_ones(
    mexc: SimServer, ask: Ask, shared: Path, fixture: str, what: str, params: Any
) -> None:
    if "recvWindow" in params:
        mexc.faults.switch_on(FaultOrder(FaultKind.SLOW, seconds=5, delay_ms=20))
    assert await ask(what, params) == recorded(shared, fixture)


@pytest.mark.parametrize(
    "what",
    [
        "GET /api/v3/sub-account/list",
        "GET /api/v3/strategy/group",
        "GET /api/v3/rebate/detail",
        "GET /api/v3/rebate/affiliate/referral",
        "GET /api/v3/capital/convert",
        "GET /api/v3/capital/withdraw/address",
        "GET /api/v3/kyc/status",
        "GET /api/v1/private/planorder/list/orders",
        "GET /api/v1/private/account/risk_limit",
        "GET /api/v1/private/account/transfer_record",
    ],
)
async def test_there_is_nothing_to_tell_but_it_is_told(ask: Ask, what: str) -> None:
    answer = await ask(what)
    assert isinstance(answer, list) or answer.get("code", 0) == 0


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("POST /api/v3/sub-account/apiKey", 140001),
        ("DELETE /api/v3/capital/withdraw", 22222),
        ("POST /api/v3/apiKeyInfo", 700007),
        ("POST /api/v1/private/planorder/place", 604),
        ("POST /api/v1/private/position/reverse", 604),
        ("POST /api/v1/private/account/change_risk_level", 8817),
    ],
)
async def test_what_is_not_simulated_is_refused(ask: Ask, what: str, code: int) -> None:
    assert (await ask(what))["code"] == code


@pytest.mark.parametrize("what", ["GET /api/v3/margin/order", "POST /api/v3/nonsense", "GET /api/v1/private/nonsense"])
async def test_unknown_paths(ask: Ask, what: str) -> None:
    assert (await ask(what))["code"] == 404


async def test_a_halt_shows_in_the_rules(mexc: SimServer, ask: Ask) -> None:
    mexc.faults.switch_on(FaultOrder(FaultKind.HALT, seconds=5, target="BTC/USDT"))
    (rules,) = (await ask("GET /api/v3/exchangeInfo"))["symbols"]
    assert rules["status"] == "2"
    contract = (await ask("GET /api/v1/contract/detail", {"symbol": "BTC_USDT"}))["data"]
    assert contract["state"] == 4
    assert (await ask("POST /api/v3/order", ORDER))["code"] == 30000


async def test_an_order_whose_answer_is_lost_stands(mexc: SimServer, ask: Ask) -> None:
    named = {**ORDER, "newClientOrderId": "lost"}
    mexc.faults.switch_on(FaultOrder(FaultKind.LOST_ACK, seconds=0.3, target="/api/v3/order"))
    with pytest.raises(aiohttp.ClientError):
        await ask("POST /api/v3/order", named)
    (row,) = await ask("GET /api/v3/openOrders", {"symbol": "BTCUSDT"})
    assert row["clientOrderId"] == "lost"
