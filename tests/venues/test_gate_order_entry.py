"""Orders over Gate's websocket: commands to the letter, two answers for each placing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from oneprice.errors import (
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
from oneprice.venues.gate import VENUE
from oneprice.venues.gate.signing import Signing
from oneprice.venues.kit import (
    Closing,
    Credentials,
    EntryAnswer,
    EntryEvent,
    EntryReady,
    EntryReceived,
    OrderEntry,
    Pong,
    Refusal,
)

TIME_S = 1_700_000_000
NOW_NS = TIME_S * 10**9 + 123_456_789
KEYS = Credentials("key", "secret")
BOTH = pytest.mark.parametrize("kind", list(MarketKind), ids=["spot", "usdm"])


def listing(kind: MarketKind) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("gate"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol="BTC_USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1),
    )


def entry(kind: MarketKind) -> OrderEntry:
    account = VENUE.accounts[kind](None, KEYS)
    account.know([listing(kind)])
    made = account.order_entry()
    assert made is not None
    return made


def word(kind: MarketKind) -> str:
    return "spot" if kind is MarketKind.SPOT else "futures"


def limit(kind: MarketKind, **told: Any) -> NewOrder:
    return NewOrder(
        listing=listing(kind),
        side=Side.SELL,
        client_order_id="abc",
        **{"quantity": Decimal("2.50"), "price": Decimal(65_000), "time_in_force": TimeInForce.IOC, **told},
    )


def hear(of: OrderEntry, frame: object) -> list[EntryEvent]:
    return of.read(json.dumps(frame).encode(), False)


def answer(kind: MarketKind, number: int | str, status: str = "200", **told: Any) -> dict[str, object]:
    header = {"status": status, "channel": f"{word(kind)}.order_place", "event": "api", **told.pop("header", {})}
    return {"request_id": str(number), "header": header, **told}


def test_where_orders_go() -> None:
    assert entry(MarketKind.SPOT).url == "wss://api.gateio.ws/ws/v4/"
    assert entry(MarketKind.USDM).url == "wss://fx-ws.gateio.ws/v4/ws/usdt"


# ---------------------------------------------------------------------- logging in


@BOTH
def test_the_login(kind: MarketKind) -> None:
    (message,) = entry(kind).opening(NOW_NS)
    assert json.loads(message) == {
        "time": TIME_S,
        "channel": f"{word(kind)}.login",
        "event": "api",
        "payload": {
            "api_key": "key",
            "signature": Signing(KEYS).login(f"{word(kind)}.login", TIME_S),
            "timestamp": str(TIME_S),
            "req_id": "login",
        },
    }


@BOTH
def test_ready_or_refused(kind: MarketKind) -> None:
    told = {"header": {"channel": f"{word(kind)}.login"}, "data": {"result": {"api_key": "key", "uid": "110284739"}}}
    assert hear(entry(kind), answer(kind, "login", **told)) == [EntryReady()]
    told = {
        "header": {"channel": f"{word(kind)}.login"},
        "data": {"errs": {"label": "INVALID_KEY", "message": "Invalid key provided"}},
    }
    (refusal,) = hear(entry(kind), answer(kind, "login", "401", **told))
    assert isinstance(refusal, Refusal)
    assert "Invalid key provided" in refusal.reason


# ---------------------------------------------------------------------- commands


def test_placing_on_spot() -> None:
    message = entry(MarketKind.SPOT).place(limit(MarketKind.SPOT), 7, NOW_NS)
    assert json.loads(message) == {
        "time": TIME_S,
        "channel": "spot.order_place",
        "event": "api",
        "payload": {
            "req_id": "7",
            "req_param": {
                "text": "t-abc",
                "currency_pair": "BTC_USDT",
                "side": "sell",
                "action_mode": "FULL",
                "type": "limit",
                "amount": "2.5",
                "price": "65000",
                "time_in_force": "ioc",
            },
            "req_header": {"x-gate-exptime": "1700000005123"},
        },
    }


def test_placing_perpetuals() -> None:
    told = json.loads(entry(MarketKind.USDM).place(limit(MarketKind.USDM), 8, NOW_NS))
    assert told["channel"] == "futures.order_place"
    assert told["payload"]["req_param"] == {
        "text": "t-abc",
        "contract": "BTC_USDT",
        "size": "-2.5",
        "price": "65000",
        "tif": "ioc",
    }
    assert told["payload"]["req_header"] == {"x-gate-exptime": "1700000005123"}


def test_cancelling() -> None:
    spot, futures = entry(MarketKind.SPOT), entry(MarketKind.USDM)
    ours = OrderRef(listing=listing(MarketKind.SPOT), client_order_id="abc")
    theirs = OrderRef(listing=listing(MarketKind.USDM), client_order_id="abc", venue_order_id="77")
    of_spot, of_futures = json.loads(spot.cancel(ours, 1, NOW_NS)), json.loads(futures.cancel(theirs, 2, NOW_NS))
    assert (of_spot["channel"], of_spot["payload"]) == (
        "spot.order_cancel",
        {"req_id": "1", "req_param": {"order_id": "t-abc", "currency_pair": "BTC_USDT"}},
    )
    assert (of_futures["channel"], of_futures["payload"]) == (
        "futures.order_cancel",
        {"req_id": "2", "req_param": {"order_id": "77"}},
    )


@BOTH
def test_what_cannot_be_is_not_sent(kind: MarketKind) -> None:
    with pytest.raises(InvalidOrderError) as caught:
        entry(kind).place(limit(kind, price=None), 1, NOW_NS)
    assert caught.value.outcome is Outcome.NOT_SENT
    with pytest.raises(InvalidOrderError):
        entry(kind).cancel(OrderRef(listing=listing(kind)), 1, NOW_NS)
    by_quote = NewOrder(
        listing=listing(kind),
        side=Side.SELL,
        client_order_id="a",
        type=OrderType.MARKET,
        quote_quantity=Decimal(1),
    )
    with pytest.raises(NotSupported):
        entry(kind).place(by_quote, 1, NOW_NS)


# ---------------------------------------------------------------------- answers

ROWS: dict[MarketKind, dict[str, Any]] = {
    MarketKind.SPOT: {
        "id": "1852454420",
        "text": "t-abc",
        "status": "cancelled",
        "currency_pair": "BTC_USDT",
        "type": "limit",
        "side": "sell",
        "amount": "2.5",
        "left": "1.5",
        "price": "65000",
        "time_in_force": "ioc",
        "filled_total": "65000",
        "finish_as": "ioc",
        "update_time_ms": 1_710_488_334_074,
    },
    MarketKind.USDM: {
        "id": 74_046_514,
        "text": "t-abc",
        "status": "finished",
        "contract": "BTC_USDT",
        "size": "-2.5",
        "left": "-1.5",
        "price": "65000",
        "fill_price": "65000",
        "tif": "ioc",
        "finish_as": "ioc",
        "finish_time": 1_681_195_484.462,
    },
}


@BOTH
def test_received_is_not_accepted(kind: MarketKind) -> None:
    of = entry(kind)
    received = answer(kind, 7, ack=True, data={"result": {"req_id": "7", "req_param": {"text": "t-abc"}}})
    assert hear(of, received) == [EntryReceived(7)]
    (told,) = hear(of, answer(kind, 7, ack=False, data={"result": ROWS[kind]}))
    assert isinstance(told, EntryAnswer)
    assert isinstance(told.result, Order)
    assert (told.number, told.result.status) == (7, OrderStatus.EXPIRED)
    assert (told.result.filled_quantity, told.result.filled_quote) == (Decimal(1), Decimal(65_000))
    assert told.result.listing == listing(kind)


@pytest.mark.parametrize(
    ("status", "label", "error", "outcome"),
    [
        ("400", "BALANCE_NOT_ENOUGH", InsufficientBalanceError, Outcome.REJECTED),
        ("404", "ORDER_NOT_FOUND", OrderNotFoundError, Outcome.REJECTED),
        ("429", "TOO_MANY_REQUESTS", RateLimitError, Outcome.REJECTED),
        ("500", "SERVER_ERROR", VenueUnavailableError, Outcome.UNKNOWN),
        ("400", "SOMETHING_NEW", ExchangeAPIError, Outcome.UNKNOWN),
        ("200", "SOMETHING_NEW", ExchangeAPIError, Outcome.UNKNOWN),
        ("", "SOMETHING_NEW", ExchangeAPIError, Outcome.UNKNOWN),
    ],
)
@BOTH
def test_refusals(kind: MarketKind, status: str, label: str, error: type[Exception], outcome: Outcome) -> None:
    frame = answer(kind, 9, status, data={"errs": {"label": label, "message": "words"}})
    (told,) = hear(entry(kind), frame)
    assert isinstance(told, EntryAnswer)
    assert isinstance(told.result, ExchangeAPIError)
    assert (told.number, isinstance(told.result, error), told.result.outcome) == (9, True, outcome)


@BOTH
def test_a_bad_status_without_words_is_an_error_too(kind: MarketKind) -> None:
    (told,) = hear(entry(kind), answer(kind, 9, "503", data={"result": ROWS[kind]}))
    assert isinstance(told, EntryAnswer)
    assert isinstance(told.result, VenueUnavailableError)


def test_how_long_to_wait() -> None:
    header = {"response_time": "1677816784084", "x_gate_ratelimit_reset_timestamp": 1_677_816_785_084}
    errs = {"errs": {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (211)"}}
    misspelt = {"response_time": 1_677_816_784_084, "x_gat_ratelimit_reset_timestamp": "1677816784584"}
    for told, wait_ms in (
        (header, 1_000),
        (misspelt, 500),
        ({}, 10_000),
        (header | {"response_time": "soon"}, 10_000),
    ):
        (event,) = hear(entry(MarketKind.SPOT), answer(MarketKind.SPOT, 1, "429", header=told, data=errs))
        assert isinstance(event, EntryAnswer)
        assert isinstance(event.result, RateLimitError)
        assert event.result.retry_after_ms == wait_ms


@BOTH
def test_pings_notices_and_errors_of_nobody(kind: MarketKind) -> None:
    of = entry(kind)
    assert json.loads(of.ping(NOW_NS) or b"")["channel"] == f"{word(kind)}.ping"
    assert hear(of, {"time": TIME_S, "channel": f"{word(kind)}.pong", "event": "", "result": None}) == [Pong()]
    notice = {"channel": f"{word(kind)}.system", "event": "update", "result": {"type": "upgrade"}}
    assert hear(of, notice) == [Closing("upgrade")]
    errs = {"errs": {"label": "INVALID_ARGUMENT", "message": "no req_id"}}
    (refusal,) = hear(of, answer(kind, "", "400", data=errs))
    assert isinstance(refusal, Refusal)


@BOTH
@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"\xff", b"[" * 5_000, b"{}", b'{"header":{"channel":""}}'])
def test_unknown_frames_are_refused(kind: MarketKind, payload: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        entry(kind).read(payload, False)


@BOTH
def test_a_channel_that_is_new_does_not_end_a_connection_on_which_commands_wait(kind: MarketKind) -> None:
    assert hear(entry(kind), {"channel": "spot.news", "event": "update", "result": []}) == []


@BOTH
def test_a_spoilt_answer_leaves_its_own_command_unknown_and_no_other(kind: MarketKind) -> None:
    refused = 0
    for key in ROWS[kind]:
        for value in (None, [], {}, "NaN", True, "x" * 200):
            (told,) = hear(entry(kind), answer(kind, 7, data={"result": ROWS[kind] | {key: value}}))
            assert isinstance(told, EntryAnswer)
            assert told.number == 7
            if isinstance(told.result, InvalidResponseError):
                assert told.result.outcome is Outcome.UNKNOWN
                refused += 1
    assert refused > 20
    for number in ("99999999999999999999", "-1", "x"):
        with pytest.raises(InvalidResponseError):
            hear(entry(kind), answer(kind, number, data={"result": ROWS[kind]}))
