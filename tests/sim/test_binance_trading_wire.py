"""Binance's private wire as its documents have it: keys, signatures, time windows, parameters, rights and limits."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.sim.binance_caller import LIMIT, MARKET, NOW_NS, Caller, Clock, signed

from oneprice.sim.accounts import DEFAULT_KEY, ApiKey
from oneprice.sim.dialects.binance import signing
from oneprice.sim.dialects.binance.refusals import RequestError
from oneprice.sim.faults import FaultKind, FaultOrder

DOCUMENTED_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
_TAIL = "&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
DOCUMENTED_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(start_venue: Any, clock: Clock) -> Any:
    return await start_venue("binance", instruments=("BTC/USDT",), clock=clock, still=True)


@pytest.fixture
def caller(http: Any, venue: Any) -> Caller:
    return Caller(http, venue)


# ---- signatures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
            "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
        ),
        (
            f"symbol=LTCBTC{_TAIL}",
            "",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "",
            f"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96{_TAIL}",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
)
def test_documented_rest_signatures_are_good(query: str, body: str, signature: str) -> None:
    key = ApiKey(key=DOCUMENTED_KEY, secret=DOCUMENTED_SECRET)
    payload = signing.rest_payload(query + "&signature=ignored", body)
    signing.check_signature(key, payload, signature)
    signing.check_signature(key, payload, signature.upper())
    with pytest.raises(RequestError, match="Signature"):
        signing.check_signature(key, payload + "0", signature)


def test_documented_websocket_signature_is_good() -> None:
    request = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "recvWindow": "100",
        "timestamp": "1645423376532",
        "apiKey": DOCUMENTED_KEY,
        "signature": "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    }
    key = ApiKey(key=DOCUMENTED_KEY, secret=DOCUMENTED_SECRET)
    signing.check_signature(key, signing.socket_payload(request), request["signature"])


def test_ed25519_vector_of_rfc_8032_is_good() -> None:
    pem = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    text = public.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo).decode()
    key = ApiKey(key=DOCUMENTED_KEY, secret="", public_key=text)
    payload = f"apiKey={DOCUMENTED_KEY}&timestamp=1649729878532"
    good = "763GJeFgG09B/06V/dq24cLu6f0R57whgDMyOCubDex4CTTElmDgPSIQqLdOsvW5TBxyaaFotVCI8tUmQMChAA=="
    signing.check_signature(key, payload, good)
    for bad in (base64.b64encode(bytes(64)).decode(), "not base64", good.lower()):
        with pytest.raises(RequestError, match="Signature"):
            signing.check_signature(key, payload, bad)


def test_rsa_keys_sign_too() -> None:
    pem = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    private = rsa.generate_private_key(65_537, 2_048)
    text = private.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo).decode()
    key = ApiKey(key=DOCUMENTED_KEY, secret="", public_key=text)
    signature = base64.b64encode(private.sign(b"timestamp=1", padding.PKCS1v15(), SHA256())).decode()
    signing.check_signature(key, "timestamp=1", signature)
    for payload, public in (("timestamp=2", text), ("timestamp=1", "no key at all")):
        with pytest.raises(RequestError, match="Signature"):
            signing.check_signature(ApiKey(key=DOCUMENTED_KEY, secret="", public_key=public), payload, signature)


def test_recorded_vectors_are_good(shared: Path) -> None:
    recorded = json.loads((shared / "fixtures" / "binance" / "signing_vectors.json").read_text())
    key = ApiKey(key=recorded["apiKey"], secret=recorded["secret"])
    for vector in recorded["hmac_sha256_hex"]:
        signing.check_signature(key, vector["payload"], vector["signature"])


# ---- who may ask --------------------------------------------------------------------------------------


async def test_keys_signatures_and_what_is_missing(caller: Caller, clock: Clock) -> None:
    now = clock.now_ns // 1_000_000
    good = f"timestamp={now}"
    signature = signed(caller.secret, good)
    path = "/api/v3/account"
    assert (await caller.send("GET", f"{path}?{good}&signature={signature}"))[0] == 200
    cases = [
        (f"?{good}&signature={signature}", "", 401, -2014),
        (f"?{good}&signature={signature}", "bad key!", 401, -2014),
        (f"?{good}&signature={signature}", DOCUMENTED_KEY, 401, -2015),
        (f"?{good}&signature={'0' * 64}", None, 400, -1022),
        (f"?{good}", None, 400, -1102),
        (f"?signature={signature}", None, 400, -1102),
        (f"?timestamp=then&signature={signature}", None, 400, -1100),
        (f"?{good}&{good}&signature={signature}", None, 400, -1101),
    ]
    for query, key, status, code in cases:
        got, answer, _ = await caller.send("GET", path + query, key=key)
        assert (got, answer["code"]) == (status, code), query


async def test_query_and_body_are_signed_as_sent(caller: Caller, clock: Clock) -> None:
    query = f"timestamp={clock.now_ns // 1_000_000}&symbol=BTCUSDT&side=BUY&price=60000"
    body = "type=LIMIT&timeInForce=GTC&quantity=0.01&price=1"
    signature = signed(caller.secret, query + body)
    status, answer, _ = await caller.send("POST", f"/api/v3/order?{query}", f"{body}&signature={signature}")
    assert (status, answer["price"]) == (200, "60000.00000000")  # the query wins
    raw = f'symbols=["BTCUSDT"]&timestamp={clock.now_ns // 1_000_000}'
    status, answer, _ = await caller.send(
        "GET", f"/sapi/v1/asset/tradeFee?{raw}&signature={signed(caller.secret, raw)}"
    )
    assert status == 200
    raw = f"omitZeroBalances={quote('[true]')}&timestamp={clock.now_ns // 1_000_000}"
    unquoted = raw.replace("%5B", "[").replace("%5D", "]")
    for text, code in ((raw, -1130), (unquoted, -1022)):
        signature = signed(caller.secret, text)
        status, answer, _ = await caller.send("GET", f"/api/v3/account?{text}&signature={signature}")
        assert (status, answer["code"]) == (400, code)


@pytest.mark.parametrize("path", ["/api/v3/account", "/fapi/v3/account"])
async def test_time_window(caller: Caller, path: str) -> None:
    now = NOW_NS // 1_000_000
    for timestamp in (now, now - 5_000, now + 999, now * 1_000, now * 1_000 + 999_999):
        await caller.done("GET", path, timestamp=timestamp)
    late, early = "Timestamp for this request is outside of the recvWindow.", "1000ms ahead of the server's time."
    assert await caller.refused("GET", path, timestamp=now - 5_001) == (400, -1021, late)
    assert (await caller.refused("GET", path, timestamp=now + 1_000))[2].endswith(early)
    await caller.done("GET", path, timestamp=now - 59_999, recvWindow=60_000)
    await caller.done("GET", path, timestamp=(now - 1) * 1_000, recvWindow="1.5")
    assert (await caller.refused("GET", path, timestamp=now - 2, recvWindow="1.5"))[1] == -1021
    assert (await caller.refused("GET", path, recvWindow=60_001))[1] == -1131
    assert (await caller.refused("GET", path, recvWindow="many"))[1] == -1100


async def test_rights_of_a_key(http: Any, venue: Any, caller: Caller) -> None:
    account = venue.accounts.open([ApiKey(key="only-read", secret="s", rights=frozenset({"read"}))])
    reader = Caller(http, venue, "only-read", "s")
    assert (await reader.done("GET", "/api/v3/account"))["uid"] == account.uid
    for method, path, sent in (
        ("POST", "/api/v3/order", MARKET),
        ("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}),
        ("POST", "/fapi/v1/order", MARKET),
        ("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 3}),
        ("POST", "/sapi/v1/asset/transfer", {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": "1"}),
        ("POST", "/sapi/v1/capital/withdraw/apply", {"coin": "USDT", "address": "x", "amount": "100"}),
    ):
        assert (await reader.refused(method, path, **sent))[:2] == (401, -2015), path
    rights = await reader.done("GET", "/sapi/v1/account/apiRestrictions")
    names = ("enableReading", "enableSpotAndMarginTrading", "enableFutures", "enableWithdrawals")
    assert [rights[name] for name in names] == [True, False, False, False]
    rights = await caller.done("GET", "/sapi/v1/account/apiRestrictions")
    assert [rights[name] for name in names] == [True, True, True, False]


# ---- parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": None}, -1102),
        ({"symbol": "NOPE"}, -1121),
        ({"symbol": "btcusdt"}, -1100),
        ({"side": "HOLD"}, -1117),
        ({"type": "FANCY"}, -1116),
        ({"type": "STOP_LOSS", "stopPrice": "1"}, -2010),
        ({"timeInForce": "GTX"}, -1115),
        ({"timeInForce": None}, -1102),
        ({"price": None}, -1102),
        ({"price": ""}, -1105),
        ({"price": "1e5"}, -1100),
        ({"price": "-5"}, -1100),
        ({"price": "60000.123456789"}, -1111),
        ({"quantity": "0"}, -1013),
        ({"quoteOrderQty": "100"}, -1106),
        ({"type": "MARKET"}, -1106),
        ({"type": "LIMIT_MAKER"}, -1106),
        ({"icebergQty": "0.001"}, -2010),
        ({"selfTradePreventionMode": "TRANSFER"}, -2010),
        ({"newOrderRespType": "SHORT"}, -1122),
        ({"newClientOrderId": "no spaces"}, -1100),
        ({"newClientOrderId": "x" * 37}, -1100),
        ({"reduceOnly": "true"}, -1104),
    ],
)
async def test_spot_parameters(caller: Caller, change: dict[str, Any], code: int) -> None:
    sent = {name: value for name, value in (LIMIT | change).items() if value is not None}
    assert (await caller.refused("POST", "/api/v3/order", **sent))[:2] == (400, code)
    assert (await caller.refused("POST", "/api/v3/order/test", **sent))[:2] == (400, code)
    assert await caller.done("GET", "/api/v3/openOrders") == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "STOP_MARKET", "stopPrice": "1"}, -4120),
        ({"type": "FANCY"}, -1116),
        ({"timeInForce": "RPI"}, -1115),
        ({"timeInForce": "GTD"}, -1102),
        ({"timeInForce": "GTD", "goodTillDate": NOW_NS // 1_000_000 + 599_000}, -5040),
        ({"quantity": None}, -1102),
        ({"quantity": "0"}, -4003),
        ({"quantity": "0.0101"}, -1111),
        ({"price": "60000.123"}, -1111),
        ({"price": "0"}, -4001),
        ({"price": "1"}, -4013),
        ({"price": "70000"}, -4016),
        ({"side": "SELL", "price": "60000"}, -4024),
        ({"positionSide": "LONG"}, -4061),
        ({"positionSide": "UP"}, -4060),
        ({"closePosition": "true"}, -4136),
        ({"type": "MARKET"}, -1106),
        ({"priceMatch": "QUEUE"}, -1106),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newClientOrderId": "no spaces"}, -1100),
    ],
)
async def test_futures_parameters(caller: Caller, change: dict[str, Any], code: int) -> None:
    sent = {name: value for name, value in (LIMIT | change).items() if value is not None}
    assert (await caller.refused("POST", "/fapi/v1/order", **sent))[:2] == (400, code)


# ---- limits -------------------------------------------------------------------------------------------


async def test_spot_counts_unfilled_orders_only(caller: Caller, clock: Clock) -> None:
    _, _, headers = await caller.ask("POST", "/api/v3/order", **LIMIT)
    assert (headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    assert headers["X-MBX-USED-WEIGHT-1M"] == "0"  # what is taken costs nothing
    _, _, headers = await caller.ask("POST", "/api/v3/order", **MARKET)
    assert headers["X-MBX-ORDER-COUNT-10S"] == "1"
    missed = LIMIT | {"timeInForce": "IOC"}
    for number in range(2, 101):
        _, _, headers = await caller.ask("POST", "/api/v3/order", **missed)
        assert headers["X-MBX-ORDER-COUNT-10S"] == str(number)
    status, answer, headers = await caller.ask("POST", "/api/v3/order", **missed)
    assert (status, answer["code"]) == (429, -1015)
    assert answer["msg"] == "Too many new orders; current limit is 100 orders per 10 SECOND."
    assert 1 <= int(headers["Retry-After"]) <= 11
    clock.pass_s(10)
    assert (await caller.ask("POST", "/api/v3/order", **missed))[0] == 200
    rows = await caller.done("GET", "/api/v3/rateLimit/order")
    assert [row["count"] for row in rows] == [1, 101]


async def test_futures_count_every_order(caller: Caller, clock: Clock) -> None:
    for number in range(1, 4):
        _, _, headers = await caller.ask("POST", "/fapi/v1/order", **MARKET)
        assert headers["X-MBX-ORDER-COUNT-10S"] == headers["X-MBX-ORDER-COUNT-1M"] == str(number)
        assert headers["X-MBX-USED-WEIGHT-1M"] == "0"
    for _ in range(297):
        await caller.ask("POST", "/fapi/v1/order", **LIMIT | {"timeInForce": "IOC"})
    assert (await caller.refused("POST", "/fapi/v1/order", **MARKET))[:2] == (429, -1015)
    batch = json.dumps([MARKET])
    (answer,) = await caller.done("POST", "/fapi/v1/batchOrders", batchOrders=batch)
    assert answer["code"] == -1015


async def test_private_and_public_requests_share_the_weight(caller: Caller) -> None:
    await caller.send("GET", "/api/v3/depth?symbol=BTCUSDT&limit=5000")
    _, _, headers = await caller.ask("GET", "/api/v3/account")
    assert headers["X-MBX-USED-WEIGHT-1M"] == "270"
    for _ in range(286):
        await caller.ask("GET", "/api/v3/account")
    status, answer, headers = await caller.ask("GET", "/api/v3/account")
    assert (status, answer["code"]) == (429, -1003)
    assert int(headers["Retry-After"]) >= 1
    await caller.done("GET", "/fapi/v3/account")
    _, _, headers = await caller.ask("GET", "/sapi/v1/capital/config/getall")
    assert headers["X-SAPI-USED-IP-WEIGHT-1M"] == "10"
    for _ in range(20):
        status, answer, headers = await caller.ask("GET", "/api/v3/account")
    assert (status, answer["code"], headers["Retry-After"]) == (418, -1003, "120")


@pytest.mark.parametrize(
    ("kind", "path", "status", "code"),
    [
        (FaultKind.BAN, "/api/v3/account", 418, -1003),
        (FaultKind.RATE_LIMIT, "/fapi/v3/account", 429, -1003),
        (FaultKind.MAINTENANCE, "/api/v3/account", 503, -1016),
        (FaultKind.REST_ERROR, "/fapi/v3/account", 503, -1001),
    ],
)
async def test_faults_have_the_venues_shape(
    caller: Caller, venue: Any, kind: FaultKind, path: str, status: int, code: int
) -> None:
    venue.faults.switch_on(FaultOrder(kind=kind, seconds=30))
    got, answer, headers = await caller.ask("GET", path)
    assert (got, answer["code"]) == (status, code)
    if kind is FaultKind.BAN:
        assert headers["Retry-After"] == "30"
        assert str(NOW_NS // 1_000_000 + 30_000) in answer["msg"]
    if kind is FaultKind.MAINTENANCE:
        assert (await caller.send("GET", "/sapi/v1/system/status"))[1]["status"] == 1


async def test_what_is_gone_and_what_never_was(caller: Caller) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert (await caller.send(method, "/api/v3/userDataStream"))[0] == 410
    assert (await caller.ask("GET", "/api/v3/nothing"))[0] == 404
    assert (await caller.send("GET", "/fapi/v1/listenKey"))[0] == 405
    assert DEFAULT_KEY not in (await caller.refused("GET", "/api/v3/order", symbol="BTCUSDT", orderId=1))[2]
