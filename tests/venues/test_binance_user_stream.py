"""Binance's private streams: what is sent, and what each event becomes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import ConfigError, InvalidResponseError
from oneprice.model import (
    AssetName,
    ExchangeName,
    Fee,
    MarketKind,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.binance import VENUE
from oneprice.venues.kit import (
    BalanceMoved,
    BalanceUpdate,
    Closing,
    Credentials,
    FillUpdate,
    Hosts,
    OrderUpdate,
    Pong,
    PositionUpdate,
    PrivateMarket,
    Refusal,
    StreamReady,
    Ticket,
    UserEvent,
    UserStream,
)

D = Decimal
KEY, SECRET = "the-key-of-the-account", "the-secret"
T_MS = 1_700_000_000_000
T_NS = T_MS * 1_000_000
HOSTS = Hosts("http://127.0.0.1:9", "ws://127.0.0.1:9")


def account(kind: MarketKind, hosts: Hosts | None = None) -> PrivateMarket:
    made = VENUE.accounts[kind](hosts, Credentials(KEY, SECRET))
    made.know([listing(kind)])
    return made


def listing(kind: MarketKind) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol="BTCUSDT",
        tick_size=D("0.01"),
        lot_size=D("0.001"),
    )


SPOT = account(MarketKind.SPOT).user_stream(None)
USDM = account(MarketKind.USDM).user_stream(Ticket("pqia91ma19a5"))


def spot(event: dict[str, Any], stream: UserStream = SPOT) -> list[UserEvent]:
    return stream.read(json.dumps({"subscriptionId": 0, "event": event}).encode(), False, T_NS)


def usdm(event: dict[str, Any]) -> list[UserEvent]:
    return USDM.read(json.dumps(event).encode(), False, T_NS)


# ---------------------------------------------------------------------- opening


def test_where_they_are() -> None:
    assert SPOT.url == "wss://ws-api.binance.com:443/ws-api/v3"
    assert USDM.url == "wss://fstream.binance.com/private/ws/pqia91ma19a5"
    assert account(MarketKind.SPOT, HOSTS).user_stream(None).url == "ws://127.0.0.1:9/ws-api/v3"
    assert account(MarketKind.USDM, HOSTS).user_stream(Ticket("abc")).url == "ws://127.0.0.1:9/private/ws/abc"
    with pytest.raises(ConfigError, match="ticket"):
        account(MarketKind.USDM).user_stream(None)


def test_spot_subscribes_with_a_signature() -> None:
    (frame,) = SPOT.opening(T_NS)
    told = json.loads(frame)
    assert (told["id"], told["method"]) == ("subscribe", "userDataStream.subscribe.signature")
    payload = f"apiKey={KEY}&recvWindow=3000&timestamp={T_MS}"
    signature = Credentials(KEY, SECRET).hmac_hex("sha256")(payload.encode())
    assert told["params"] == {"apiKey": KEY, "recvWindow": 3_000, "timestamp": T_MS, "signature": signature}
    ready = b'{"id":"subscribe","status":200,"result":{"subscriptionId":0}}'
    assert SPOT.read(ready, False, T_NS) == [StreamReady()]
    assert USDM.opening(T_NS) == []


def test_pings() -> None:
    assert SPOT.ping(T_NS) == b'{"id":"ping","method":"ping","params":{}}'
    assert SPOT.read(b'{"id":"ping","status":200,"result":{},"rateLimits":[]}', False, T_NS) == [Pong()]
    assert USDM.ping(T_NS) is None
    assert (SPOT.lifetime_s, USDM.lifetime_s) == (86_400, 86_400)


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "subscribe", "status": 400, "error": {"code": -1022, "msg": "Signature for this request is not valid."}},
        {"id": None, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}},
    ],
)
def test_a_refused_subscription(answer: dict[str, Any]) -> None:
    (told,) = SPOT.read(json.dumps(answer).encode(), False, T_NS)
    assert told == Refusal(f"{answer['error']['msg']} (code {answer['error']['code']})")


# ---------------------------------------------------------------------- spot events

REPORT = {
    "e": "executionReport",
    "E": T_MS + 1,
    "s": "BTCUSDT",
    "c": "arb-1",
    "S": "BUY",
    "o": "LIMIT",
    "f": "IOC",
    "q": "1.00",
    "p": "30000.00",
    "P": "0",
    "F": "0",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00",
    "z": "0.00",
    "L": "0.00",
    "n": "0",
    "N": None,
    "T": T_MS,
    "t": -1,
    "I": 8641984,
    "w": True,
    "m": False,
    "M": False,
    "O": T_MS - 5,
    "Z": "0.00",
    "Y": "0.00",
    "Q": "0.00",
    "W": T_MS,
}
TRADE = {
    **REPORT,
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "l": "0.40",
    "z": "0.40",
    "L": "29999.50",
    "n": "0.0004",
    "N": "BTC",
    "t": 77,
    "Z": "11999.80",
}


def test_a_new_order() -> None:
    (told,) = spot(REPORT)
    assert isinstance(told, OrderUpdate)
    order = told.order
    assert (order.listing, order.client_order_id, order.venue_order_id) == (
        listing(MarketKind.SPOT),
        "arb-1",
        "4293153",
    )
    assert (order.status, order.type, order.time_in_force) == (OrderStatus.NEW, OrderType.LIMIT, TimeInForce.IOC)
    assert (order.side, order.price, order.quantity, order.quote_quantity) == (Side.BUY, D(30_000), D(1), None)
    assert (order.filled_quantity, order.filled_quote, order.reason) == (0, 0, "")
    assert (order.time_ns, order.created_ns) == (T_NS, T_NS - 5_000_000)


def test_a_fill_comes_before_its_order() -> None:
    match, update = spot(TRADE)
    assert isinstance(match, FillUpdate)
    assert isinstance(update, OrderUpdate)
    fill, order = match.fill, update.order
    assert (fill.venue_fill_id, fill.venue_order_id, fill.client_order_id) == ("77", order.venue_order_id, "arb-1")
    assert (fill.price, fill.quantity, fill.side, fill.is_maker) == (D("29999.5"), D("0.4"), Side.BUY, False)
    assert (fill.fees, fill.time_ns) == ((Fee(AssetName("BTC"), D("0.0004")),), T_NS)
    assert (order.status, order.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.4"))
    assert (order.filled_quote, order.average_price) == (D("11999.8"), D("29999.5"))


def test_a_fill_without_commission() -> None:
    match, _ = spot({**TRADE, "n": "0", "N": None})
    assert isinstance(match, FillUpdate)
    assert match.fill.fees == ()


def test_the_end_of_a_cancelled_order_bears_its_own_name() -> None:
    (told,) = spot({**REPORT, "x": "CANCELED", "X": "CANCELED", "c": "made-by-binance", "C": "arb-1", "z": "0.40"})
    assert isinstance(told, OrderUpdate)
    assert (told.order.client_order_id, told.order.status) == ("arb-1", OrderStatus.CANCELED)
    assert told.order.filled_quantity == D("0.4")


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"x": "EXPIRED", "X": "EXPIRED"}, OrderStatus.EXPIRED, ""),
        (
            {"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES"},
            OrderStatus.REJECTED,
            "INSUFFICIENT_BALANCES",
        ),
        (
            {"x": "EXPIRED", "X": "EXPIRED", "eR": "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"},
            OrderStatus.EXPIRED,
            "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
        ),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "l": "0.0"}, OrderStatus.EXPIRED, "EXPIRED_IN_MATCH"),
    ],
)
def test_ends_and_their_reasons(changes: dict[str, Any], status: OrderStatus, reason: str) -> None:
    (told,) = spot({**REPORT, **changes})
    assert isinstance(told, OrderUpdate)
    assert (told.order.status, told.order.reason) == (status, reason)


def test_spot_balances() -> None:
    rows = [{"a": "ETH", "f": "10000.5", "l": "0.5"}, {"a": "USDT", "f": "0", "l": "3"}]
    (told,) = spot({"e": "outboundAccountPosition", "E": T_MS + 1, "u": T_MS, "B": rows})
    assert isinstance(told, BalanceUpdate)
    eth, usdt = told.balances
    assert (eth.asset, eth.total, eth.free, eth.locked, eth.time_ns) == ("ETH", D(10_001), D("10000.5"), D("0.5"), T_NS)
    assert (usdt.asset, usdt.total, usdt.free) == ("USDT", 3, 0)
    moved = spot({"e": "balanceUpdate", "E": T_MS, "a": "BTC", "d": "-100.00000000", "T": T_MS})
    assert moved == [BalanceMoved(AssetName("BTC"), "-100.00000000", T_NS, "balanceUpdate")]


@pytest.mark.parametrize("name", ["serverShutdown", "eventStreamTerminated"])
def test_a_stream_that_will_end(name: str) -> None:
    (told,) = SPOT.read(json.dumps({"event": {"e": name, "E": T_MS}}).encode(), False, T_NS)
    assert isinstance(told, Closing)


# ---------------------------------------------------------------------- events of perpetuals

CHANGED = {
    "s": "BTCUSDT",
    "c": "arb-1",
    "S": "SELL",
    "o": "LIMIT",
    "f": "GTX",
    "q": "0.001",
    "p": "30000",
    "ap": "0",
    "sp": "0",
    "x": "NEW",
    "X": "NEW",
    "i": 8886774,
    "l": "0",
    "z": "0",
    "L": "0",
    "T": T_MS,
    "t": 0,
    "b": "0",
    "a": "0",
    "m": False,
    "R": True,
    "wt": "CONTRACT_PRICE",
    "ot": "LIMIT",
    "ps": "BOTH",
    "cp": False,
    "rp": "0",
}


def changed(**changes: Any) -> list[UserEvent]:
    return usdm({"e": "ORDER_TRADE_UPDATE", "E": T_MS, "T": T_MS, "o": {**CHANGED, **changes}})


def test_a_perpetual_order_and_its_fill() -> None:
    (first,) = changed()
    assert isinstance(first, OrderUpdate)
    assert (first.order.type, first.order.time_in_force) == (OrderType.LIMIT_MAKER, TimeInForce.GTC)
    assert (first.order.reduce_only, first.order.filled_quote, first.order.status) == (True, 0, OrderStatus.NEW)
    done = {"x": "TRADE", "X": "FILLED", "l": "0.001", "z": "0.001", "L": "30001.5", "t": 9, "n": "0.01", "N": "USDT"}
    match, update = changed(**done)
    assert isinstance(match, FillUpdate)
    assert isinstance(update, OrderUpdate)
    assert (match.fill.venue_fill_id, match.fill.price, match.fill.quantity) == ("9", D("30001.5"), D("0.001"))
    assert match.fill.fees == (Fee(AssetName("USDT"), D("0.01")),)
    assert (update.order.filled_quantity, update.order.filled_quote) == (D("0.001"), D("30.0015"))
    _, later = changed(**{**done, "l": "0.0004"})
    assert isinstance(later, OrderUpdate)
    assert later.order.filled_quote is None


def test_an_end_that_repeats_the_last_fill_is_no_fill() -> None:
    (told,) = changed(x="EXPIRED", X="EXPIRED", l="0.0004", z="0.0004", L="30000", t=9, er="IOC_EXPIRED")
    assert isinstance(told, OrderUpdate)
    assert (told.order.status, told.order.reason) == (OrderStatus.EXPIRED, "IOC_EXPIRED")


def test_a_fill_that_comes_sooner_but_without_its_fee_is_left_to_the_one_with_it() -> None:
    lite = {"e": "TRADE_LITE", "E": T_MS, "T": T_MS, "s": "BTCUSDT", "q": "0.5", "p": "1", "m": True, "c": "arb-1"}
    assert usdm({**lite, "S": "BUY", "L": "30000", "l": "0.1", "t": 9, "i": 8_389_765_739_703_625_592}) == []


def update(reason: str, **changes: Any) -> list[UserEvent]:
    return usdm({"e": "ACCOUNT_UPDATE", "E": T_MS, "T": T_MS, "a": {"m": reason, **changes}})


def test_what_changed_in_an_account_of_perpetuals() -> None:
    asset = {"a": "USDT", "wb": "122.5", "cw": "100", "bc": "0"}
    place = {
        "s": "BTCUSDT",
        "pa": "-0.5",
        "ep": "30000",
        "bep": "0",
        "cr": "0",
        "up": "1.5",
        "mt": "cross",
        "ps": "BOTH",
    }
    balance, position = update("ORDER", B=[asset], P=[place])
    assert isinstance(balance, BalanceUpdate)
    assert isinstance(position, PositionUpdate)
    (usdt,) = balance.balances
    assert (usdt.asset, usdt.total, usdt.free, usdt.time_ns, balance.reason) == (
        "USDT",
        D("122.5"),
        None,
        T_NS,
        "ORDER",
    )
    held = position.position
    assert (held.quantity, held.entry_price, held.unrealised_pnl, held.time_ns) == (D("-0.5"), 30_000, D("1.5"), T_NS)
    (closed,) = update("ORDER", P=[{**place, "pa": "0", "ep": "0.0"}])
    assert isinstance(closed, PositionUpdate)
    assert (closed.position.quantity, closed.position.entry_price) == (0, None)
    moved, _ = update("WITHDRAW", B=[{**asset, "bc": "-7.50"}])
    assert moved == BalanceMoved(AssetName("USDT"), "-7.50", T_NS, "WITHDRAW")


def test_hedge_mode_makes_the_stream_useless() -> None:
    place = {"s": "BTCUSDT", "pa": "2", "ep": "1", "up": "0", "mt": "cross", "ps": "LONG"}
    (told,) = update("ORDER", P=[place, {**place, "pa": "0"}])
    assert isinstance(told, Refusal)
    assert "hedge mode" in told.reason


@pytest.mark.parametrize("name", ["MARGIN_CALL", "ACCOUNT_CONFIG_UPDATE", "ALGO_UPDATE"])
def test_events_of_no_use_here(name: str) -> None:
    assert usdm({"e": name, "E": T_MS}) == []
    assert spot({"e": "listStatus", "E": T_MS}) == []


def test_a_kind_of_event_that_is_new_does_not_end_the_stream() -> None:
    assert usdm({"e": "somethingNew", "E": T_MS, "listenKey": "canary1234"}) == []
    assert spot({"e": "somethingNew", "E": T_MS}) == []


def test_an_order_by_quote_may_fill_more_base_than_the_venue_had_reckoned() -> None:
    (_, told) = spot({**TRADE, "q": "0.00000100", "Q": "100.00000000"})
    assert isinstance(told, OrderUpdate)
    assert (told.order.quantity, told.order.quote_quantity) == (None, D(100))
    assert told.order.filled_quantity == D(TRADE["z"])


def test_a_worth_of_0_for_something_filled_is_not_believed() -> None:
    (_, told) = spot({**TRADE, "Z": "0.00000000"})
    assert isinstance(told, OrderUpdate)
    assert (told.order.filled_quantity, told.order.filled_quote) == (D(TRADE["z"]), None)


# ---------------------------------------------------------------------- nonsense


@pytest.mark.parametrize("stream", [SPOT, USDM], ids=["spot", "usdm"])
@pytest.mark.parametrize(
    "frame",
    [b"", b"[]", b"{}", b'{"event":{"E":1}}', b'{"id":7,"status":200}', b"\xff"],
)
def test_what_is_nothing_known_is_an_error(stream: UserStream, frame: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        stream.read(frame, False, T_NS)
    with pytest.raises(InvalidResponseError, match="binary"):
        stream.read(b"{}", True, T_NS)


@pytest.mark.parametrize(
    "changes", [{"S": "HOLD"}, {"l": "-1"}, {"L": "0"}, {"t": -1}, {"z": "2"}, {"T": -1}, {"q": 1e300}]
)
def test_a_fill_that_cannot_be_is_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError):
        spot({**TRADE, **changes})


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_an_error(payload: bytes) -> None:
    for stream in (SPOT, USDM):
        refused = False
        try:
            told = stream.read(payload, False, T_NS)
        except InvalidResponseError:
            told, refused = [], True
        assert refused or isinstance(told, list)


def test_no_listen_key_is_in_what_may_be_printed() -> None:
    stream = account(MarketKind.USDM).user_stream(Ticket("canary1234"))
    assert "canary" not in repr(stream)
    (told,) = usdm({"e": "listenKeyExpired", "E": T_MS, "listenKey": "canary1234"})
    assert told == Closing("the listen key has expired")
    for frame in (b'{"e":"listenKeyExpired","listenKey":"canary1234"', b'{"e":7,"listenKey":"canary1234"}'):
        with pytest.raises(InvalidResponseError) as caught:
            stream.read(frame, False, T_NS)
        assert "canary" not in str(caught.value)
