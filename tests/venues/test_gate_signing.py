"""Gate's signatures: documented vectors, and ccxt as a second witness."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest

from oneprice.errors import ExchangeAPIError, InvalidResponseError
from oneprice.model import AssetName, ExchangeName, MarketKind, NewOrder, OrderRef, Side, Symbol, SymbolInfo
from oneprice.venues.gate import VENUE
from oneprice.venues.gate.signing import NO_BODY, Signing
from oneprice.venues.kit import Credentials, PrivateMarket, Request, Response

TIME_S = 1541993715
CANARY = "canary-secret-0123456789"
KEYS = Credentials("key", "secret")


def account(kind: MarketKind, keys: Credentials = KEYS) -> PrivateMarket:
    return VENUE.accounts[kind](None, keys)


def listing(kind: MarketKind, venue_symbol: str = "BTC_USDT") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("gate"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
    )


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "signature"),
    [
        (
            "GET",
            "/api/v4/futures/orders",
            "contract=BTC_USD&status=finished&limit=50",
            b"",
            (
                "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6"
                "fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a"
            ),
        ),
        (
            "POST",
            "/api/v4/futures/orders",
            "",
            b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}',
            (
                "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541f"
                "c4c2c14017581b4199a1418d54471c269c03a38d788d802e2c306c37636389f0"
            ),
        ),
        (
            "POST",
            "/api/v4/spot/orders",
            "",
            (
                b'{"text":"t-abc123","currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy",'
                b'"amount":"0.001","price":"65000","time_in_force":"ioc"}'
            ),
            (
                "25c09a6d227b3f9fb9e8c6ee93d43084ca842a53a0a8ec94fd69b6d688517d06"
                "0214e2dc0c7f88121a89b8763e13b72248df274f9f47467ca12b4be5c1ba4b59"
            ),
        ),
        (
            "GET",
            "/api/v4/futures/usdt/orders",
            "contract=BTC_USDT&status=finished&limit=50",
            b"",
            (
                "20398568bd9743ccb6e0555cebf28b7ee4c1f39cb8023feda3d587801d55b22f"
                "90ac611ebfe8b13e2324b7743fb52466def455156fa6a15fa79f8447feba3351"
            ),
        ),
    ],
    ids=["documented get", "documented post", "spot order", "futures orders"],
)
def test_request_vectors(method: str, path: str, query: str, body: bytes, signature: str) -> None:
    assert Signing(KEYS).request(method, path, query, body, TIME_S) == signature


def test_the_digest_of_no_body() -> None:
    assert NO_BODY.startswith("cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce")


def test_subscription_and_login_vectors() -> None:
    signing = Signing(KEYS)
    assert signing.subscription("spot.orders", "subscribe", TIME_S) == {
        "method": "api_key",
        "KEY": "key",
        "SIGN": "e9c13b956612d4af11a7fd2025729fe28979b16153cf00e3aff2e4c7dd0155f4"
        "13dce9fdff2297d9f62bda58c0463792dab6163597b9095f9600ed0d61990a34",
    }
    assert signing.login("spot.login", TIME_S) == (
        "b1acb13f269de69da0e7bfa0445d67c9515640e6c91bd716a75a441757088b95"
        "bfa1ea3a049b0946e41409aac4a38110a28693d9ea6a83e113e00fb1287593ca"
    )
    assert signing.login("futures.login", TIME_S) == (
        "2085a2b6f0343904fb273d0dd6fbe5c4724286a72284822976925ec2496b8f74"
        "4d33aab0f5edfb886c4661951a407fb02e9238cb18dee6743b1ff409b0ab783f"
    )


def requests_of(kind: MarketKind) -> list[Request]:
    it, known = account(kind), listing(kind)
    ref = OrderRef(listing=known, client_order_id="abc123")
    order = NewOrder(listing=known, side=Side.BUY, client_order_id="abc123", quantity=Decimal(2), price=Decimal(65000))
    calls: list[Any] = [it.place(order), it.cancel(ref), it.query(ref), it.open_orders(known), it.balances()]
    return [call.request for call in calls]


@pytest.fixture(scope="module")
def witness() -> Any:
    """Another's implementation, with the time held still."""
    ccxt = pytest.importorskip("ccxt")
    gate = ccxt.gate({"apiKey": "key", "secret": "secret"})
    gate.nonce = lambda: TIME_S * 1_000
    return gate


@pytest.mark.parametrize("kind", list(MarketKind))
@pytest.mark.parametrize("number", range(5), ids=["place", "cancel", "query", "open orders", "balances"])
def test_ccxt_signs_our_requests_alike(
    kind: MarketKind, number: int, witness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = requests_of(kind)[number]
    if request.body:
        monkeypatch.setattr(witness, "json", lambda told: request.body.decode())
    product = "spot" if kind is MarketKind.SPOT else "futures"
    path = request.path.removeprefix(f"/api/v4/{product}/")
    told = witness.sign(path, ["private", product], request.method, dict(request.query))
    wire = account(kind).wire(request, TIME_S * 10**9 + 999_999_999)
    ours = dict(wire.headers)
    assert "https://api.gateio.ws" + wire.target == told["url"]
    assert {name: ours[name] for name in ("KEY", "Timestamp", "SIGN")} == {
        name: told["headers"][name] for name in ("KEY", "Timestamp", "SIGN")
    }
    assert ours.get("X-Gate-Size-Decimal") == told["headers"].get("X-Gate-Size-Decimal")
    assert (wire.body.decode() or None) == told["body"]


def test_a_query_is_signed_as_it_was_before_its_encoding() -> None:
    it = account(MarketKind.SPOT)
    request = Request(path="/api/v4/spot/my_trades", query=(("currency_pair", "币安人生_USDT"),), signed=True)
    wire = it.wire(request, TIME_S * 10**9)
    assert wire.target == "/api/v4/spot/my_trades?currency_pair=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9F_USDT"
    expected = Signing(KEYS).request("GET", request.path, "currency_pair=币安人生_USDT", b"", TIME_S)
    assert dict(wire.headers)["SIGN"] == expected


def test_a_path_too_is_signed_as_it_was_before_its_encoding() -> None:
    it = account(MarketKind.USDM)
    wire = it.wire(it.leverage(listing(MarketKind.USDM, "龙虾_USDT"), 3).request, TIME_S * 10**9)
    assert wire.target.startswith("/api/v4/futures/usdt/positions/%E9%BE%99%E8%99%BE_USDT/leverage?")
    path, query = "/api/v4/futures/usdt/positions/龙虾_USDT/leverage", "leverage=0&cross_leverage_limit=3"
    assert dict(wire.headers)["SIGN"] == Signing(KEYS).request("POST", path, query, b"", TIME_S)


def test_what_needs_no_key_goes_out_without() -> None:
    call = account(MarketKind.SPOT).networks(AssetName("USDT"))
    wire = account(MarketKind.SPOT).wire(call.request, TIME_S * 10**9)
    assert (wire.headers, wire.target) == ((), "/api/v4/wallet/currency_chains?currency=USDT")


@pytest.mark.parametrize("kind", list(MarketKind))
def test_the_secret_is_nowhere_to_be_seen(kind: MarketKind) -> None:
    it = account(kind, Credentials("public-key-of-tests", CANARY))
    known = listing(kind)
    order = NewOrder(listing=known, side=Side.BUY, client_order_id="a", quantity=Decimal(1), price=Decimal(1))
    call = it.place(order)
    entry = it.order_entry()
    assert entry is not None
    ticket = it.ticket()
    stream = it.user_stream(None if ticket is None else ticket.read(Response(200, {}, b'{"user_id":1}')))
    shown = [repr(it), repr(vars(it)), repr(call), repr(it.wire(call.request, TIME_S * 10**9)), repr(vars(entry))]
    shown += [repr(vars(stream)), *map(repr, entry.opening(TIME_S * 10**9)), *map(repr, stream.opening(TIME_S * 10**9))]
    refused = it.error(Response(401, {}, b'{"label":"INVALID_SIGNATURE","message":"Signature mismatch"}'))
    assert isinstance(refused, ExchangeAPIError)
    with pytest.raises(InvalidResponseError) as caught:
        call.read(Response(200, {}, b"<html>"))
    shown += [repr(refused), str(caught.value)]
    assert all(CANARY not in text for text in shown)
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(it)
