"""Orders over Binance's WS API: the commands as text, and what each answer becomes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import (
    DuplicateOrderError,
    ExchangeAPIError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidResponseError,
    NotSupported,
    OrderNotFoundError,
    Outcome,
    RateLimitError,
    VenueUnavailableError,
)
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.binance import VENUE
from oneprice.venues.binance.order_commands import OrderCommands
from oneprice.venues.binance.orders import parameters
from oneprice.venues.binance.signing import Signing
from oneprice.venues.kit import Closing, Credentials, EntryAnswer, EntryReady, Hosts, OrderEntry, Pong, Refusal

D = Decimal
KEY, SECRET = "the-key-of-the-account", "the-secret"
PEM = (
    Ed25519PrivateKey.from_private_bytes(b"7" * 32)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
T_MS = 1_700_000_000_000
T_NS = T_MS * 1_000_000


def listing(kind: MarketKind) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol="BTCUSDT",
        tick_size=D("0.01"),
        lot_size=D("0.001"),
    )


def entry_of(kind: MarketKind, secret: str = SECRET, hosts: Hosts | None = None) -> OrderEntry:
    account = VENUE.accounts[kind](hosts, Credentials(KEY, secret))
    account.know([listing(kind)])
    entry = account.order_entry()
    assert entry is not None
    return entry


SPOT, USDM = entry_of(MarketKind.SPOT), entry_of(MarketKind.USDM)
both = pytest.mark.parametrize("entry", [SPOT, USDM], ids=["spot", "usdm"])


def order(kind: MarketKind, **changes: Any) -> NewOrder:
    told = {"listing": listing(kind), "side": Side.SELL, "client_order_id": "arb-1", "quantity": D("0.010")}
    return NewOrder(**{**told, "price": D("52000.00"), **changes})


def signed(frame: bytes) -> dict[str, Any]:
    """The command's parameters without key and time, its signature checked."""
    told: dict[str, Any] = json.loads(frame)
    params = dict(told["params"])
    signature = params.pop("signature")
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert signature == Credentials(KEY, SECRET).hmac_hex("sha256")(payload.encode())
    assert (params.pop("apiKey"), params.pop("timestamp"), params.pop("recvWindow")) == (KEY, T_MS, 3_000)
    return {"id": told["id"], "method": told["method"], **params}


def read(entry: OrderEntry, **frame: Any) -> Any:
    return entry.read(json.dumps(frame).encode(), False)


# ---------------------------------------------------------------------- commands


def test_orders_are_placed_in_the_words_of_rest() -> None:
    words = {"symbol": "BTCUSDT", "side": "SELL", "newClientOrderId": "arb-1", "quantity": "0.01", "price": "52000"}
    limit = {"id": "7", "method": "order.place", **words, "type": "LIMIT", "timeInForce": "GTC"}
    assert signed(SPOT.place(order(MarketKind.SPOT), 7, T_NS)) == {**limit, "newOrderRespType": "FULL"}
    assert signed(USDM.place(order(MarketKind.USDM), 7, T_NS)) == {**limit, "newOrderRespType": "RESULT"}
    maker = signed(USDM.place(order(MarketKind.USDM, type=OrderType.LIMIT_MAKER, reduce_only=True), 7, T_NS))
    assert (maker["type"], maker["timeInForce"], maker["reduceOnly"]) == ("LIMIT", "GTX", "true")


def test_cancels() -> None:
    for entry, kind in ((SPOT, MarketKind.SPOT), (USDM, MarketKind.USDM)):
        by_id = OrderRef(listing=listing(kind), venue_order_id="12569099453", client_order_id="arb-1")
        told = {"id": "8", "symbol": "BTCUSDT", "orderId": 12_569_099_453}
        assert signed(entry.cancel(by_id, 8, T_NS)) == {**told, "method": "order.cancel"}
        by_name = OrderRef(listing=listing(kind), client_order_id="arb-1")
        told = {"id": "9", "symbol": "BTCUSDT", "origClientOrderId": "arb-1"}
        assert signed(entry.cancel(by_name, 9, T_NS)) == {**told, "method": "order.cancel"}


def test_what_is_not_made() -> None:
    with pytest.raises(NotSupported):
        SPOT.place(order(MarketKind.SPOT, reduce_only=True), 1, T_NS)
    for make in (
        lambda: SPOT.place(order(MarketKind.SPOT, price=None), 1, T_NS),
        lambda: SPOT.cancel(OrderRef(listing=listing(MarketKind.SPOT)), 1, T_NS),
        lambda: SPOT.cancel(OrderRef(listing=listing(MarketKind.SPOT), venue_order_id="x1"), 1, T_NS),
    ):
        with pytest.raises(InvalidOrderError) as caught:
            make()
        assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("kind", list(MarketKind))
def test_ed25519_keys_log_in_once(kind: MarketKind) -> None:
    entry = entry_of(kind, PEM)
    (logon,) = entry.opening(T_NS)
    told = json.loads(logon)
    assert (told["id"], told["method"]) == ("logon", "session.logon")
    assert sorted(told["params"]) == ["apiKey", "recvWindow", "signature", "timestamp"]
    placed = json.loads(entry.place(order(kind), 7, T_NS))["params"]
    assert placed["timestamp"] == T_MS
    assert not {"apiKey", "signature"} & set(placed)
    assert read(entry, id="logon", status=200, result={"apiKey": KEY, "authorizedSince": T_MS}) == [EntryReady()]
    (refused,) = read(entry, id="logon", status=400, error={"code": -1022, "msg": "Signature ... is not valid."})
    assert refused == Refusal("Signature ... is not valid. (code -1022)")
    assert entry_of(kind).opening(T_NS) == []


def test_where_they_are() -> None:
    assert SPOT.url == "wss://ws-api.binance.com:443/ws-api/v3"
    assert USDM.url == "wss://ws-fapi.binance.com/ws-fapi/v1"
    hosts = Hosts("http://127.0.0.1:9", "ws://127.0.0.1:9")
    assert entry_of(MarketKind.USDM, hosts=hosts).url == "ws://127.0.0.1:9/ws-fapi/v1"


def test_pings() -> None:
    assert SPOT.ping(T_NS) == b'{"id":"ping","method":"ping","params":{}}'
    assert read(SPOT, id="ping", status=200, result={}) == [Pong()]
    assert USDM.ping(T_NS) is None


# ---------------------------------------------------------------------- answers

RESULT = {
    "symbol": "BTCUSDT",
    "orderId": 12,
    "clientOrderId": "arb-1",
    "transactTime": T_MS,
    "price": "52000.00",
    "origQty": "0.01",
    "executedQty": "0.00",
    "cummulativeQuoteQty": "0.00",
    "status": "NEW",
    "side": "SELL",
    "timeInForce": "GTC",
    "type": "LIMIT",
}
LIMITS = [
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50, "count": 12},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 160_000, "count": 4_043},
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000, "count": 321},
    {"rateLimitType": "SOMETHING_NEW", "interval": "MINUTE", "intervalNum": 7, "limit": 1, "count": 1},
]


def test_a_placed_order_and_what_is_used() -> None:
    (told,) = read(SPOT, id="7", status=200, result=RESULT, rateLimits=LIMITS)
    assert isinstance(told, EntryAnswer)
    assert told.number == 7
    assert told.used == {"orders_10s": 12, "orders_1d": 4_043, "default": 321}
    assert isinstance(told.result, Order)
    assert (told.result.status, told.result.client_order_id) == (OrderStatus.NEW, "arb-1")
    assert (told.result.listing, told.result.venue_order_id) == (listing(MarketKind.SPOT), "12")


def test_a_cancelled_spot_order_keeps_our_name() -> None:
    cancelled = {**RESULT, "status": "CANCELED", "origClientOrderId": "arb-1", "clientOrderId": "made-by-binance"}
    (told,) = read(SPOT, id="8", status=200, result=cancelled)
    assert (told.result.client_order_id, told.result.status, told.used) == ("arb-1", OrderStatus.CANCELED, {})


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "outcome"),
    [
        (400, -2010, "Account has insufficient balance.", InsufficientBalanceError, Outcome.REJECTED),
        (400, -2010, "Duplicate order sent.", DuplicateOrderError, Outcome.REJECTED),
        (400, -2011, "Unknown order sent.", OrderNotFoundError, Outcome.REJECTED),
        (400, -9_999, "Something new.", ExchangeAPIError, Outcome.UNKNOWN),
        (504, -1007, "Timeout waiting for response.", VenueUnavailableError, Outcome.UNKNOWN),
        (503, -2010, "Duplicate order sent.", DuplicateOrderError, Outcome.UNKNOWN),
        (429, -1015, "Too many new orders.", RateLimitError, Outcome.REJECTED),
    ],
)
@both
def test_refused_commands(
    entry: OrderEntry, status: int, code: int, message: str, kind: type[ExchangeAPIError], outcome: Outcome
) -> None:
    (told,) = read(entry, id="9", status=status, error={"code": code, "msg": message}, rateLimits=LIMITS)
    assert (told.number, type(told.result), told.result.outcome) == (9, kind, outcome)
    assert (told.result.code, told.result.message) == (str(code), message)
    assert told.used["default"] == 321


def test_a_ban_says_for_how_long_by_binances_own_clock() -> None:
    error = {"code": -1003, "msg": "banned", "data": {"serverTime": 1_659_142_907_531, "retryAfter": 1_659_146_400_000}}
    (told,) = read(SPOT, id="9", status=418, error=error)
    assert type(told.result) is RateLimitError
    assert told.result.is_ban
    assert told.result.retry_after_ms == 1_659_146_400_000 - 1_659_142_907_531
    (later,) = read(SPOT, id="9", status=418, error={**error, "data": {"retryAfter": 1_659_146_400_000}})
    assert later.result.retry_after_ms is None
    (past,) = read(SPOT, id="9", status=418, error={**error, "data": {"retryAfter": 1, "serverTime": 2}})
    assert past.result.retry_after_ms == 0


@pytest.mark.parametrize("result", [{}, [], {**RESULT, "executedQty": "9"}, {**RESULT, "orderId": "x"}, None])
def test_an_answer_that_cannot_be_leaves_its_command_unknown(result: Any) -> None:
    (told,) = read(SPOT, id="9", status=200, result=result)
    assert (told.number, type(told.result)) == (9, InvalidResponseError)
    assert told.result.outcome is Outcome.UNKNOWN


def test_the_end_of_a_session_and_of_the_server() -> None:
    (told,) = read(SPOT, id=None, status=401, error={"code": -2015, "msg": "Invalid API-key, IP, or permissions."})
    assert told == Refusal("Invalid API-key, IP, or permissions. (code -2015)")
    assert isinstance(read(SPOT, event={"e": "serverShutdown", "E": T_MS})[0], Closing)


@both
def test_an_event_that_is_new_does_not_end_a_connection_on_which_commands_wait(entry: OrderEntry) -> None:
    assert read(entry, event={"e": "somethingNew", "E": T_MS}) == []


@pytest.mark.parametrize("frame", [b"", b"{}", b"[]", b'{"id":"x"}', b'{"id":"7"}', b'{"event":{"E":1}}'])
@both
def test_what_is_nothing_known_is_an_error(entry: OrderEntry, frame: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        entry.read(frame, False)
    with pytest.raises(InvalidResponseError, match="binary"):
        entry.read(b"{}", True)


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda told: f'{{"id":"1","status":200,{told}}}'.encode()))
def test_any_bytes_are_answers_or_an_error(payload: bytes) -> None:
    refused = False
    try:
        told = SPOT.read(payload, False)
    except InvalidResponseError:
        told, refused = [], True
    assert refused or isinstance(told, list)


AMOUNTS = st.decimals(D("0.00000001"), D(10_000_000), places=8)


@given(
    kind=st.sampled_from([MarketKind.SPOT, MarketKind.USDM]),
    side=st.sampled_from(Side),
    order_type=st.sampled_from([OrderType.LIMIT, OrderType.LIMIT_MAKER]),
    time_in_force=st.sampled_from(TimeInForce),
    reduces=st.booleans(),
    quantity=AMOUNTS,
    price=AMOUNTS,
    symbol=st.sampled_from(["BTCUSDT", "币安人生USDT", "100%USDT"]),
    number=st.integers(1, 10**9),
)
def test_an_order_from_its_template_is_the_order_that_is_signed_as_a_whole(
    kind: MarketKind,
    side: Side,
    order_type: OrderType,
    time_in_force: TimeInForce,
    reduces: bool,
    quantity: Decimal,
    price: Decimal,
    symbol: str,
    number: int,
) -> None:
    signing = Signing(Credentials(KEY, SECRET))
    commands = OrderCommands(VENUE, kind, signing)
    for name in ("first", "the-second"):  # the template is made for the first
        order = NewOrder(
            listing=msgspec.structs.replace(listing(kind), venue_symbol=symbol),
            side=side,
            client_order_id=name,
            type=order_type,
            quantity=quantity,
            price=price,
            time_in_force=time_in_force,
            reduce_only=reduces and kind is MarketKind.USDM,
        )
        asked = signing.parameters(parameters(order, VENUE, kind), T_NS)
        expected = {"id": str(number), "method": "order.place", "params": asked}
        assert json.loads(commands.place(order, number, T_NS)) == expected
