"""MEXC's signatures: the documented vectors, and ccxt as a second witness."""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import ConfigError, ExchangeAPIError, InvalidResponseError
from oneprice.model import AssetName, ExchangeName, MarketKind, NewOrder, OrderRef, Side, Symbol, SymbolInfo
from oneprice.venues.kit import Credentials, PrivateMarket, Request, Response, Ticket
from oneprice.venues.mexc import VENUE
from oneprice.venues.mexc.signing import Signing, encoded

KEY, SECRET = "mx0aBYs33eIilxBWC5", "45d0b3c26f2644f19bfb98b07741b2f5"  # the documentation's
TIME_MS = 1644489390087
TIME_NS = TIME_MS * 1_000_000 + 999_999
CANARY = "canary-secret-0123456789"
ORDER = (("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("quantity", "1"), ("price", "11"))
JSON = ("Content-Type", "application/json")


def account(kind: MarketKind, secret: str = SECRET) -> PrivateMarket:
    return VENUE.accounts[kind](None, Credentials(KEY, secret))


SPOT, USDM = account(MarketKind.SPOT), account(MarketKind.USDM)


def listing_of(kind: MarketKind) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol="BTCUSDT" if kind is MarketKind.SPOT else "BTC_USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1),
    )


def hexdigest(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


# ---------------------------------------------------------------------- spot


def test_spot_signs_the_query_as_it_is_sent() -> None:
    request = Request(method="POST", path="/api/v3/order", query=ORDER, signed=True)
    wire = SPOT.wire(request, TIME_NS)
    signature = "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"
    query = f"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp={TIME_MS}"
    assert wire.target == f"/api/v3/order?{query}&signature={signature}"
    assert (wire.method, wire.body, wire.headers) == ("POST", b"", (("X-MEXC-APIKEY", KEY), JSON))


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (
            f"symbol=BTCUSDT&side=BUY&type=LIMITquantity=1&price=11&recvWindow=5000&timestamp={TIME_MS}",
            "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592",
        ),
        (
            f"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&timestamp={TIME_MS}&recvWindow=5000",
            "cde30661a0504b2b922f1b00c74dc328308279854bb4899494e675e87a61f452",
        ),
    ],
    ids=["split between query and body", "in ccxt's order"],
)
def test_other_documented_vectors(text: str, signature: str) -> None:
    assert Credentials(KEY, SECRET).hmac_hex("sha256")(text.encode()) == signature


def test_a_request_without_fields_is_signed_too() -> None:
    wire = SPOT.wire(SPOT.balances().request, TIME_NS)
    text = f"recvWindow=5000&timestamp={TIME_MS}"
    assert wire.target == f"/api/v3/account?{text}&signature={hexdigest(text)}"


def test_an_unsigned_request_has_no_key() -> None:
    wire = SPOT.wire(Request(path="/api/v3/depth", query=(("symbol", "A B"),)), TIME_NS)
    assert (wire.target, wire.headers, wire.body) == ("/api/v3/depth?symbol=A%20B", (), b"")
    assert SPOT.wire(Request(path="/api/v3/time"), TIME_NS).target == "/api/v3/time"


def test_percent_encoding_is_in_upper_case() -> None:
    assert encoded((("batchOrders", '[{"a":"b,c"}]'),)) == "batchOrders=%5B%7B%22a%22%3A%22b%2Cc%22%7D%5D"
    assert encoded((("a", "x&b=y"), ("c", "ü"))) == "a=x%26b%3Dy&c=%C3%BC"


@given(st.lists(st.tuples(st.from_regex(r"[a-zA-Z]{1,8}", fullmatch=True), st.text(min_size=1, max_size=20))))
def test_what_is_encoded_can_be_read_back(query: list[tuple[str, str]]) -> None:
    assert parse_qsl(encoded(tuple(query)), strict_parsing=bool(query)) == query


@pytest.fixture(scope="module")
def witness() -> Any:
    exchange = ccxt.mexc({"apiKey": KEY, "secret": SECRET})
    exchange.nonce = lambda: TIME_MS
    return exchange


def test_ccxt_signs_alike_on_spot(witness: Any) -> None:
    told = witness.sign("order", ["spot", "private"], "POST", dict(ORDER))
    text, _, signature = told["url"].partition("?")[2].partition("&signature=")
    sign = Credentials(KEY, SECRET).hmac_hex("sha256")
    assert signature == sign(text.encode()) == "cde30661a0504b2b922f1b00c74dc328308279854bb4899494e675e87a61f452"
    assert told["headers"]["Content-Type"] == "application/json"
    ours = SPOT.wire(Request(method="POST", path="/api/v3/order", query=ORDER, signed=True), TIME_NS)
    assert sorted(parse_qsl(ours.target.partition("?")[2])[:-1]) == sorted(parse_qsl(text))


# ---------------------------------------------------------------------- perpetuals


@pytest.mark.parametrize(
    ("request_", "target", "signature"),
    [
        (
            Request(
                method="POST",
                path="/api/v1/private/order/create",
                body=b'{"symbol":"BTC_USDT","price":60000.5,"vol":1,"side":1,"type":1,"openType":2,"externalOid":"arb-1"}',
                signed=True,
            ),
            "/api/v1/private/order/create",
            "15101ae9692efe34e9fc06c7d4c62870ff285aa3aeb2fb0d847f2c235403c2ac",
        ),
        (
            Request(path="/api/v1/private/x", query=(("page_size", "20"), ("page_num", "1")), signed=True),
            "/api/v1/private/x?page_num=1&page_size=20",
            "3c58767371bc8ab11f447679d6e7747d3140ba9fc6d2e0e3dd9d28a22ac5ff2e",
        ),
        (
            Request(path="/api/v1/private/account/assets", signed=True),
            "/api/v1/private/account/assets",
            "8c0d829f0a56a0c771c2e0623e07a8f20d55a32b83a7eeb3b9c1c75d20c153b6",
        ),
    ],
    ids=["body", "sorted query", "nothing"],
)
def test_perpetuals_sign_key_time_and_what_is_sent(request_: Request, target: str, signature: str) -> None:
    wire = USDM.wire(request_, TIME_NS)
    assert (wire.method, wire.target, wire.body) == (request_.method, target, request_.body)
    assert wire.headers == (("ApiKey", KEY), ("Request-Time", str(TIME_MS)), ("Signature", signature), JSON)


def test_ccxt_signs_alike_on_perpetuals(witness: Any) -> None:
    order = NewOrder(
        listing=listing_of(MarketKind.USDM),
        side=Side.BUY,
        client_order_id="arb-1",
        quantity=Decimal(1),
        price=Decimal("60000.5"),
    )
    wire = USDM.wire(USDM.place(order).request, TIME_NS)
    told = witness.sign("order/create", ["contract", "private"], "POST", json.loads(wire.body))
    assert told["body"].encode() == wire.body
    assert told["headers"]["Signature"] == dict(wire.headers)["Signature"]
    assert told["headers"]["Request-Time"] == dict(wire.headers)["Request-Time"]

    wire = USDM.wire(USDM.open_orders(None).request, TIME_NS)
    fields = dict(parse_qsl(wire.target.partition("?")[2]))
    told = witness.sign("order/list/open_orders", ["contract", "private"], "GET", fields)
    assert told["url"].endswith(wire.target)
    assert told["headers"]["Signature"] == dict(wire.headers)["Signature"]


def test_the_websocket_log_in() -> None:
    told = json.loads(Signing(Credentials(KEY, SECRET)).login(1657186536762 * 1_000_000))
    signature = "80ba7c7524202da3acc2c52f472307a442a59d731b729cb8aef100fff2b7a8c7"
    param = {"apiKey": KEY, "reqTime": "1657186536762", "signature": signature}
    assert told == {"method": "login", "param": param}


def test_the_wallet_is_signed_as_spot_is_for_both_accounts() -> None:
    text = f"accessKey={KEY}&recvWindow=5000&timestamp={TIME_MS}"
    for market in (SPOT, USDM):
        wire = market.wire(market.permissions().request, TIME_NS)
        assert wire.target == f"/api/v3/apiKeyInfo?{text}&signature={hexdigest(text)}"
        assert wire.headers == (("X-MEXC-APIKEY", KEY), JSON)


# ---------------------------------------------------------------------- secrets


def test_a_private_key_is_no_secret_of_mexcs() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
    with pytest.raises(ConfigError, match="HMAC") as caught:
        account(MarketKind.SPOT, pem)
    assert "MC4C" not in str(caught.value)


@pytest.mark.parametrize("kind", [MarketKind.SPOT, MarketKind.USDM])
def test_a_secret_is_nowhere_to_be_seen(kind: MarketKind) -> None:
    market, listing = account(kind, CANARY), listing_of(kind)
    calls = [market.balances(), market.open_orders(None), market.permissions()]
    shown = [repr(market), repr(vars(market)), *(repr(call.request) for call in calls)]
    for call in calls:
        shown.append(repr(market.wire(call.request, TIME_NS)))
        for body in (b"<html>", b'{"code":700002,"msg":"bad","success":false}', b'{"success":true,"code":0,"data":7}'):
            with pytest.raises(ExchangeAPIError) as caught:
                call.read(Response(400, {}, body))
            shown += [str(caught.value), repr(caught.value)]
    stream = market.user_stream(Ticket("a" * 64))
    shown += [
        repr(stream),
        repr(stream.opening(TIME_NS)),
        repr(market.query(OrderRef(listing=listing, venue_order_id="1"))),
    ]
    assert not [text for text in shown if CANARY in text]
    with pytest.raises(TypeError):
        pickle.dumps(Credentials(KEY, CANARY))


@pytest.mark.parametrize("body", [b'{"listenkey":"%s"}', b'{"listenKey":["%s"]}', b'{"listenKey":"%s"', b"%s"])
def test_a_listen_key_is_in_no_error(body: bytes) -> None:
    call = SPOT.ticket()
    assert call is not None
    with pytest.raises(InvalidResponseError, match="no listen key") as caught:
        call.read(Response(200, {}, body % CANARY.encode()))
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None
    ticket = call.read(Response(200, {}, b'{"listenKey":"%s"}' % CANARY.encode()))
    assert CANARY not in repr(ticket)
    assert CANARY not in repr(SPOT.user_stream(ticket))
