"""Binance's signatures: published vectors, the fixtures' vectors, and ccxt as a second witness."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import ccxt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from oneprice.errors import OnePriceError
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    NewOrder,
    OrderRef,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.binance import VENUE
from oneprice.venues.binance.signing import RECV_WINDOW_MS, Signing, encoded
from oneprice.venues.kit import Call, Credentials, PrivateMarket, Request, Response

D = Decimal
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PEM = (
    Ed25519PrivateKey.from_private_bytes(SEED).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
NOW_MS = 1_700_000_000_000
NOW_NS = NOW_MS * 1_000_000

LTC = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
ENTRY = "price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC"
ARB = "quantity=0.001&price=30000"
PUBLISHED = {
    f"symbol=LTCBTC&{LTC}": "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    f"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&{LTC}": (
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"
    ),
    f"timestamp={NOW_MS}&symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&{ARB}.00&newClientOrderId=arb-1"
    "&recvWindow=5000": "7e851236b779957a892d6dd21cc91b0ce0f1281540b57b3d3cbe3af6dcfe1440",
    f"timestamp={NOW_MS}&symbol=BTCUSDT&origClientOrderId=arb-1&recvWindow=5000": (
        "39e84f8228201c3fc2ecaf8047fc5e6e4898aeabf59e8c2b3dfc02e05a44e5e9"
    ),
    f"timestamp={NOW_MS}&symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTX&{ARB}.0&newClientOrderId=arb-2"
    "&recvWindow=5000": "ce281f583642aff6518ebb8cb9ddf2c0cb8d0883c0c371ba7e296ab7526c928e",
    f"apiKey={KEY}&{ENTRY}&timestamp=1645423376532&type=LIMIT": (
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    ),
    f"apiKey={KEY}&timestamp=1747385641636": "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e",
}


def account(kind: MarketKind, secret: str = SECRET) -> PrivateMarket:
    return VENUE.accounts[kind](None, Credentials(KEY, secret))


def listing(kind: MarketKind, venue_symbol: str = "BTCUSDT") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D("0.10"),
        lot_size=D("0.00100000"),
    )


def order(kind: MarketKind, venue_symbol: str = "BTCUSDT") -> NewOrder:
    return NewOrder(
        listing=listing(kind, venue_symbol),
        side=Side.BUY,
        client_order_id="arb-1",
        quantity=D("0.00100000"),
        price=D("30000.00"),
        time_in_force=TimeInForce.IOC,
    )


@pytest.mark.parametrize("payload", PUBLISHED)
def test_published_hmac_vectors(payload: str) -> None:
    assert Credentials(KEY, SECRET).hmac_hex("sha256")(payload.encode()) == PUBLISHED[payload]


def test_the_vectors_of_the_fixtures(shared: Path) -> None:
    told = json.loads((shared / "fixtures" / "binance" / "signing_vectors.json").read_bytes())
    plain = Credentials(told["apiKey"], told["secret"]).hmac_hex("sha256")
    for case in told["hmac_sha256_hex"]:
        assert plain(case["payload"].encode()) == case["signature"], case["what"]
    sealed = Credentials(told["apiKey"], told["ed25519"]["pkcs8_pem"]).ed25519_base64()
    for case in told["ed25519"]["cases"]:
        assert sealed(case["payload"].encode()) == case["signature_base64"], case["what"]


def test_the_published_websocket_request_is_made_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oneprice.venues.binance.signing.RECV_WINDOW_MS", 100)
    asked: dict[str, str | int] = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC"}
    asked |= {"quantity": "0.01000000", "price": "52000.00"}
    told = Signing(Credentials(KEY, SECRET)).parameters(asked, 1_645_423_376_532_999_999)
    assert told["signature"] == "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    assert (told["apiKey"], told["timestamp"], told["recvWindow"]) == (KEY, 1_645_423_376_532, 100)


def test_websocket_parameters_are_signed_raw_and_sorted() -> None:
    told = Signing(Credentials(KEY, SECRET)).parameters({"symbol": "币安", "newClientOrderId": "a"}, NOW_NS)
    names = sorted(set(told) - {"signature"})
    assert names == ["apiKey", "newClientOrderId", "recvWindow", "symbol", "timestamp"]
    payload = "&".join(f"{name}={told[name]}" for name in names)
    assert "symbol=币安" in payload
    assert told["signature"] == Credentials(KEY, SECRET).hmac_hex("sha256")(payload.encode())


# ---------------------------------------------------------------------- ccxt


class Witness(ccxt.binance):  # type: ignore[misc]
    """ccxt at a fixed moment."""

    def nonce(self) -> int:
        return NOW_MS


@pytest.mark.parametrize("secret", [SECRET, PEM], ids=["hmac", "ed25519"])
@pytest.mark.parametrize("kind", list(MarketKind))
@pytest.mark.parametrize("venue_symbol", ["BTCUSDT", "BTCUSDT_260626", "币安USDT"])
def test_ccxt_signs_the_same_text(kind: MarketKind, secret: str, venue_symbol: str) -> None:
    witness = Witness({"apiKey": KEY, "secret": secret, "options": {"recvWindow": RECV_WINDOW_MS}})
    ours, api = account(kind, secret), ["private" if kind is MarketKind.SPOT else "fapiPrivate"]
    ref = OrderRef(listing=listing(kind, venue_symbol), client_order_id="arb-1")
    calls: list[Call[Any]] = [ours.place(order(kind, venue_symbol)), ours.cancel(ref), ours.query(ref)]
    for call in calls:
        wire = ours.wire(call.request, NOW_NS)
        text = wire.body.decode() or wire.target.partition("?")[2]
        fields = dict(pair.split("=") for pair in text.split("&"))
        asked = {name: unquote(fields[name]) for name in fields if name not in ("timestamp", "recvWindow", "signature")}
        told = witness.sign("order", api, wire.method, asked)
        theirs = told["body"] or told["url"].partition("?")[2]
        assert text.partition("signature=")[0] == theirs.partition("signature=")[0]
        assert unquote(fields["signature"]) == unquote(theirs.partition("signature=")[2])
        assert dict(wire.headers)["X-MBX-APIKEY"] == told["headers"]["X-MBX-APIKEY"]
        assert ours.rest_url + wire.target.partition("?")[0] == told["url"].partition("?")[0]


@pytest.mark.parametrize("kind", list(MarketKind))
def test_ed25519_is_percent_encoded_in_text_and_bare_in_frames(kind: MarketKind) -> None:
    ours = account(kind, PEM)
    wire = ours.wire(ours.place(order(kind)).request, NOW_NS)
    payload, _, signature = wire.body.partition(b"&signature=")
    assert b"+" not in signature
    assert b"=" not in signature
    Ed25519PrivateKey.from_private_bytes(SEED).public_key().verify(
        base64.b64decode(unquote(signature.decode())), payload
    )
    entry = ours.order_entry()
    assert entry is not None
    (logon,) = entry.opening(1_649_729_878_532_000_000)
    told = json.loads(logon)["params"]
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    payload = f"apiKey={KEY}&recvWindow={RECV_WINDOW_MS}&timestamp=1649729878532".encode()
    public.verify(base64.b64decode(told["signature"]), payload)


# ---------------------------------------------------------------------- text


def test_a_request_without_parameters_and_one_without_signature() -> None:
    ours = account(MarketKind.USDM)
    wire = ours.wire(Request(path="/fapi/v3/balance", signed=True), NOW_NS)
    payload = f"timestamp={NOW_MS}&recvWindow={RECV_WINDOW_MS}"
    signature = Credentials(KEY, SECRET).hmac_hex("sha256")(payload.encode())
    assert wire.target == f"/fapi/v3/balance?{payload}&signature={signature}"
    assert ours.wire(Request(path="/fapi/v1/time", query=(("a", "ü"),)), NOW_NS).target == "/fapi/v1/time?a=%C3%BC"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ((), ""),
        ((("symbol", "BTCUSDT_260626"),), "symbol=BTCUSDT_260626"),
        ((("a", "1&b=2"),), "a=1%26b%3D2"),
        ((("a", "1="), ("b", "")), "a=1%3D&b="),
        ((("list", '["A","B"]'),), "list=%5B%22A%22%2C%22B%22%5D"),
    ],
)
def test_what_is_no_unreserved_character_is_percent_encoded(query: tuple[tuple[str, str], ...], text: str) -> None:
    assert encoded(query) == text


# ---------------------------------------------------------------------- secrets


@pytest.mark.parametrize("kind", list(MarketKind))
def test_no_secret_is_in_what_may_be_printed(kind: MarketKind) -> None:
    ours = account(kind)
    entry, stream = ours.order_entry(), ours.user_stream(None) if kind is MarketKind.SPOT else None
    call = ours.place(order(kind))
    shown = [repr(told) for told in (ours, entry, stream, call, call.request, Credentials(KEY, SECRET))]
    for body in (b"", b"[]", b'{"code":-1022,"msg":"Signature for this request is not valid."}'):
        with pytest.raises(OnePriceError) as caught:
            call.read(Response(400, {}, body))
        shown.append(repr(caught.value) + str(caught.value))
    signature = ours.wire(call.request, NOW_NS).body.partition(b"signature=")[2].decode()
    for text in shown:
        assert SECRET not in text
        assert signature not in text
        assert KEY not in text
