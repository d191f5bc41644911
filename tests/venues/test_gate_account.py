"""Gate's orders by REST: what is sent, to the letter, and what the answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from oneprice.errors import (
    ExchangeAPIError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidResponseError,
    NotSupported,
    OrderNotFoundError,
    Outcome,
)
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    NewOrder,
    OrderRef,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import ACCOUNT_CAPABILITIES, Call, Credentials, Priority, Response

T = TypeVar("T")
NOW_NS = 1_700_000_000_123_456_789
KEYS = Credentials("key", "secret")
SPOT, USDM = (VENUE.accounts[kind](None, KEYS) for kind in (MarketKind.SPOT, MarketKind.USDM))


def listing(kind: MarketKind, venue_symbol: str = "BTC_USDT", contract_size: str = "1") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("gate"),
        market=kind,
        symbol=Symbol(AssetName(venue_symbol[:-5]), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        contract_size=Decimal(contract_size),
    )


BTC, BTC_PERP = listing(MarketKind.SPOT), listing(MarketKind.USDM, contract_size="0.0001")
SPOT.know([BTC])
USDM.know([BTC_PERP])


def order(of: SymbolInfo = BTC, side: Side = Side.BUY, **told: Any) -> NewOrder:
    return NewOrder(listing=of, side=side, client_order_id="abc-1", **told)


def limit(of: SymbolInfo = BTC, side: Side = Side.BUY, **told: Any) -> NewOrder:
    return order(of, side, **{"quantity": Decimal("0.0010"), "price": Decimal(65_000), **told})


def body_of(wanted: NewOrder) -> dict[str, Any]:
    account = SPOT if wanted.listing.market is MarketKind.SPOT else USDM
    told: dict[str, Any] = json.loads(account.place(wanted).request.body)
    return told


def read(call: Call[T], body: object, status: int = 200) -> T:
    return call.read(Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode()))


# ---------------------------------------------------------------------- what is sent


def test_a_spot_order_to_the_letter() -> None:
    call = SPOT.place(limit())
    assert call.request.body == (
        b'{"text":"t-abc-1","currency_pair":"BTC_USDT","side":"buy","action_mode":"FULL",'
        b'"type":"limit","amount":"0.001","price":"65000","time_in_force":"gtc"}'
    )
    wire = SPOT.wire(call.request, NOW_NS)
    assert (wire.method, wire.target, wire.body) == ("POST", "/api/v4/spot/orders", call.request.body)
    assert [name for name, _ in wire.headers] == ["KEY", "Timestamp", "SIGN", "Content-Type", "x-gate-exptime"]
    assert dict(wire.headers)["x-gate-exptime"] == "1700000005123"
    assert (call.request.budget, call.request.priority) == ("spot orders:BTC_USDT", Priority.ORDER)


def test_a_futures_order_to_the_letter() -> None:
    call = USDM.place(limit(BTC_PERP, Side.SELL, quantity=Decimal("12.0"), reduce_only=True))
    assert call.request.body == (
        b'{"text":"t-abc-1","contract":"BTC_USDT","size":"-12","reduce_only":true,"price":"65000","tif":"gtc"}'
    )
    wire = USDM.wire(call.request, NOW_NS)
    assert wire.target == "/api/v4/futures/usdt/orders"
    assert dict(wire.headers)["X-Gate-Size-Decimal"] == "1"
    assert "x-gate-exptime" in dict(wire.headers)
    assert call.request.budget == "usdm orders"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"time_in_force": TimeInForce.IOC}, ("limit", "ioc")),
        ({"time_in_force": TimeInForce.FOK}, ("limit", "fok")),
        ({"type": OrderType.LIMIT_MAKER}, ("limit", "poc")),
        ({"type": OrderType.LIMIT_MAKER, "time_in_force": TimeInForce.IOC}, ("limit", "poc")),
    ],
)
def test_how_long_orders_rest(told: dict[str, Any], expected: tuple[str, str]) -> None:
    spot, futures = body_of(limit(**told)), body_of(limit(BTC_PERP, **told))
    assert (spot["type"], spot["time_in_force"], futures["tif"]) == (*expected, expected[1])


def test_market_orders() -> None:
    buy = body_of(order(type=OrderType.MARKET, quote_quantity=Decimal("1E+2")))
    assert (buy["type"], buy["amount"], buy["time_in_force"], "price" in buy) == ("market", "100", "ioc", False)
    sell = body_of(order(side=Side.SELL, type=OrderType.MARKET, quantity=Decimal("1E-7")))
    assert (sell["type"], sell["amount"]) == ("market", "0.0000001")
    futures = body_of(order(BTC_PERP, Side.SELL, type=OrderType.MARKET, quantity=Decimal("0.5")))
    assert (futures["size"], futures["price"], futures["tif"]) == ("-0.5", "0", "ioc")


@pytest.mark.parametrize(
    "wanted",
    [
        order(type=OrderType.MARKET, quantity=Decimal(1)),
        order(side=Side.SELL, type=OrderType.MARKET, quote_quantity=Decimal(1)),
        limit(reduce_only=True),
        order(BTC_PERP, type=OrderType.MARKET, quote_quantity=Decimal(1)),
    ],
    ids=["spot buy by base", "spot sell by quote", "spot reduce-only", "futures by quote"],
)
def test_what_gate_cannot_do(wanted: NewOrder) -> None:
    account = SPOT if wanted.listing.market is MarketKind.SPOT else USDM
    with pytest.raises(NotSupported):
        account.place(wanted)


@pytest.mark.parametrize("of", [BTC, BTC_PERP], ids=["spot", "usdm"])
@pytest.mark.parametrize(
    "told",
    [
        {"quantity": None},
        {"price": None},
        {"price": Decimal(0)},
        {"quantity": Decimal("NaN")},
        {"quantity": Decimal("Infinity")},
        {"quantity": Decimal(-1)},
        {"quote_quantity": Decimal(1)},
        {"quantity": None, "quote_quantity": Decimal(1)},
        {"type": OrderType.MARKET},
    ],
)
def test_what_makes_no_sense_is_not_sent(of: SymbolInfo, told: dict[str, Any]) -> None:
    account = SPOT if of is BTC else USDM
    with pytest.raises(InvalidOrderError) as caught:
        account.place(limit(of, **told))
    assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("client_order_id", ["", "a" * 29, "a b", "a.b", 'a"', "ü", "a\n"])
def test_client_ids_that_cannot_be(client_order_id: str) -> None:
    wanted = NewOrder(
        listing=BTC, side=Side.BUY, client_order_id=client_order_id, quantity=Decimal(1), price=Decimal(1)
    )
    with pytest.raises(InvalidOrderError, match="client_order_id"):
        SPOT.place(wanted)


def test_a_listing_of_another_market_is_not_sent() -> None:
    with pytest.raises(InvalidOrderError, match="another market"):
        SPOT.place(limit(BTC_PERP))


# ---------------------------------------------------------------------- what the answers mean

FULL = {
    "id": "1852454420",
    "text": "t-abc-1",
    "create_time_ms": 1_710_488_334_073,
    "update_time_ms": 1_710_488_334_074,
    "status": "closed",
    "currency_pair": "BTC_USDT",
    "type": "limit",
    "side": "buy",
    "amount": "0.001",
    "price": "65000",
    "time_in_force": "gtc",
    "left": "0",
    "filled_amount": "0.001",
    "fill_price": "63.4693",
    "filled_total": "63.4693",
    "finish_as": "filled",
}
FUTURE = {
    "id": 15_675_394,
    "contract": "BTC_USDT",
    "create_time": 1_546_569_968.5,
    "finish_time": 1_546_569_969.25,
    "size": "-10",
    "left": "-4",
    "price": "3765",
    "fill_price": "3766.5",
    "tif": "ioc",
    "text": "t-abc-1",
    "status": "finished",
    "finish_as": "ioc",
    "is_reduce_only": False,
}


def test_a_spot_order_that_filled_at_once() -> None:
    told = read(SPOT.place(limit()), FULL, 201)
    assert (told.venue_order_id, told.client_order_id) == ("1852454420", "abc-1")
    assert (told.status, told.side, told.type) == (OrderStatus.FILLED, Side.BUY, OrderType.LIMIT)
    assert (told.quantity, told.filled_quantity, told.filled_quote) == (
        Decimal("0.001"),
        Decimal("0.001"),
        Decimal("63.4693"),
    )
    assert told.average_price == Decimal("63469.3")
    assert (told.time_ns, told.created_ns) == (1_710_488_334_074_000_000, 1_710_488_334_073_000_000)
    assert told.listing is BTC


@pytest.mark.parametrize(
    ("status", "left", "finish_as", "expected"),
    [
        ("open", "0.001", "open", OrderStatus.NEW),
        ("open", "0.0004", "open", OrderStatus.PARTIALLY_FILLED),
        ("closed", "0", "filled", OrderStatus.FILLED),
        ("closed", "0.0004", "ioc", OrderStatus.EXPIRED),
        ("cancelled", "0.001", "cancelled", OrderStatus.CANCELED),
        ("cancelled", "0.0004", "ioc", OrderStatus.EXPIRED),
        ("cancelled", "0.001", "poc", OrderStatus.EXPIRED),
        ("cancelled", "0.001", "stp", OrderStatus.EXPIRED),
        ("cancelled", "0.001", "a new word", OrderStatus.EXPIRED),
    ],
)
def test_states_of_spot_orders(status: str, left: str, finish_as: str, expected: OrderStatus) -> None:
    told = read(SPOT.query(ref()), FULL | {"status": status, "left": left, "finish_as": finish_as})
    assert (told.status, told.filled_quantity) == (expected, Decimal("0.001") - Decimal(left))


def test_an_acknowledgement_alone_says_that_the_order_arrived() -> None:
    told = read(SPOT.place(limit()), {"id": "1", "text": "t-abc-1", "amend_text": "-"}, 201)
    assert (told.status, told.is_over, told.filled_quantity) == (OrderStatus.PENDING_NEW, False, None)


def test_a_market_buy_counts_what_is_left_in_quote() -> None:
    """`left` of 0.4 is USDT here: what is filled stands in `filled_amount`."""
    body = FULL | {"type": "market", "time_in_force": "ioc", "amount": "63.8693", "left": "0.4", "price": "0"}
    told = read(SPOT.place(order(type=OrderType.MARKET, quote_quantity=Decimal("63.8693"))), body)
    assert (told.quantity, told.quote_quantity, told.price) == (None, Decimal("63.8693"), None)
    assert (told.filled_quantity, told.filled_quote) == (Decimal("0.001"), Decimal("63.4693"))
    nothing = body | {"status": "cancelled", "filled_total": "0", "filled_amount": "812.8", "finish_as": "ioc"}
    assert read(SPOT.query(ref()), nothing).filled_quantity == 0


def ref(of: SymbolInfo = BTC, client: str = "abc-1", venue: str = "") -> OrderRef:
    return OrderRef(listing=of, client_order_id=client, venue_order_id=venue)


def test_a_futures_order_that_filled_in_part() -> None:
    told = read(USDM.place(limit(BTC_PERP, Side.SELL)), FUTURE, 201)
    assert (told.venue_order_id, told.client_order_id, told.side) == ("15675394", "abc-1", Side.SELL)
    assert (told.status, told.reason) == (OrderStatus.EXPIRED, "ioc")
    assert (told.quantity, told.filled_quantity) == (Decimal(10), Decimal(6))
    assert told.filled_quote == Decimal("2.2599")
    assert told.average_price == Decimal("3766.5")
    assert (told.created_ns, told.time_ns) == (1_546_569_968_500_000_000, 1_546_569_969_250_000_000)


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"status": "open", "left": "-10", "finish_as": ""}, OrderStatus.NEW, OrderType.LIMIT),
        ({"status": "open", "tif": "poc", "finish_as": ""}, OrderStatus.PARTIALLY_FILLED, OrderType.LIMIT_MAKER),
        ({"price": "0", "left": "0", "finish_as": "filled"}, OrderStatus.FILLED, OrderType.MARKET),
        ({"finish_as": "cancelled"}, OrderStatus.CANCELED, OrderType.LIMIT),
        ({"finish_as": "liquidated"}, OrderStatus.CANCELED, OrderType.LIMIT),
        ({"finish_as": "reduce_only"}, OrderStatus.EXPIRED, OrderType.LIMIT),
        ({"size": -10, "left": 0, "finish_as": "filled"}, OrderStatus.FILLED, OrderType.LIMIT),
    ],
)
def test_states_of_futures_orders(changes: dict[str, object], status: OrderStatus, kind: OrderType) -> None:
    told = read(USDM.query(ref(BTC_PERP)), FUTURE | changes)
    assert (told.status, told.type) == (status, kind)


def test_an_order_of_another_maker_has_no_id_of_ours() -> None:
    assert read(SPOT.query(ref(venue="1")), FULL | {"text": "apiv4"}).client_order_id == ""


def test_an_unknown_state_is_not_guessed_and_the_order_not_taken_for_ended() -> None:
    for call, body in ((SPOT.query(ref()), FULL), (USDM.query(ref(BTC_PERP)), FUTURE)):
        told = read(call, body | {"status": "dreaming"})
        assert (told.status, told.reason, told.is_over) == (OrderStatus.UNKNOWN, "dreaming", False)


def test_an_answer_about_another_symbol_is_refused() -> None:
    with pytest.raises(InvalidResponseError, match="ETH_USDT"):
        read(SPOT.place(limit()), FULL | {"currency_pair": "ETH_USDT"})


# ---------------------------------------------------------------------- cancelling and asking


def test_orders_are_meant_by_either_id() -> None:
    assert SPOT.wire(SPOT.query(ref()).request, NOW_NS).target == "/api/v4/spot/orders/t-abc-1?currency_pair=BTC_USDT"
    cancel = SPOT.cancel(ref(venue="77")).request
    assert SPOT.wire(cancel, NOW_NS).target == "/api/v4/spot/orders/77?currency_pair=BTC_USDT"
    assert (cancel.method, cancel.budget, cancel.priority) == ("DELETE", "spot cancels", Priority.CANCEL)
    assert "x-gate-exptime" not in dict(SPOT.wire(cancel, NOW_NS).headers)
    assert USDM.cancel(ref(BTC_PERP)).request.path == "/api/v4/futures/usdt/orders/t-abc-1"
    with pytest.raises(InvalidOrderError):
        SPOT.query(OrderRef(listing=BTC))


def test_cancelling_tells_how_the_order_ended() -> None:
    ended = read(SPOT.cancel(ref()), FULL | {"status": "cancelled", "left": "0.0004", "finish_as": "cancelled"})
    assert ended is not None
    assert (ended.status, ended.filled_quantity) == (OrderStatus.CANCELED, Decimal("0.0006"))


@pytest.mark.parametrize("label", ["ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "ORDER_CLOSED", "ORDER_CANCELLED"])
def test_an_order_that_is_not_there(label: str) -> None:
    for call in (SPOT.cancel(ref()), SPOT.query(ref())):
        with pytest.raises(OrderNotFoundError):
            read(call, {"label": label, "message": "Order not found"}, 404)


def test_all_orders_are_never_cancelled_without_a_symbol() -> None:
    spot, usdm = SPOT.cancel_all(BTC), USDM.cancel_all(BTC_PERP)
    assert (spot.request.method, spot.request.query) == ("DELETE", (("currency_pair", "BTC_USDT"),))
    assert (usdm.request.method, usdm.request.query) == ("DELETE", (("contract", "BTC_USDT"),))
    gone = FULL | {"status": "cancelled", "finish_as": "cancelled", "left": "0.001"}
    refused = {"succeeded": False, "label": "ORDER_CLOSED", "message": "", "id": "2"}
    (told,) = read(spot, [gone | {"succeeded": True}, refused])
    assert told.status is OrderStatus.CANCELED
    assert read(usdm, []) == []


def test_open_orders() -> None:
    open_order = FULL | {"status": "open", "left": "0.001", "finish_as": "open", "currency_pair": "NEW_USDT"}
    pairs = [{"currency_pair": "NEW_USDT", "total": 1, "orders": [open_order]}]
    (told,) = read(SPOT.open_orders(None), pairs)
    assert (told.listing.venue_symbol, told.listing.tradable, told.status) == ("NEW_USDT", False, OrderStatus.NEW)
    assert read(USDM.open_orders(BTC_PERP), [FUTURE | {"status": "open"}])[0].listing is BTC_PERP
    assert SPOT.open_orders(BTC).request.query[:2] == (("currency_pair", "BTC_USDT"), ("status", "open"))
    assert USDM.open_orders(None).request.query == (("status", "open"), ("limit", "100"))


def test_open_orders_that_may_not_be_all_are_refused() -> None:
    row = FULL | {"status": "open", "left": "0.001"}
    for call, body in (
        (SPOT.open_orders(BTC), [row] * 100),
        (SPOT.open_orders(None), [{"currency_pair": "BTC_USDT", "total": 2, "orders": [row]}]),
        (USDM.open_orders(None), [FUTURE | {"status": "open"}] * 100),
    ):
        with pytest.raises(InvalidResponseError, match="all"):
            read(call, body)


# ---------------------------------------------------------------------- several at once


def test_orders_in_one_request() -> None:
    eth = listing(MarketKind.SPOT, "ETH_USDT")
    wanted = [limit(), limit(eth), limit()]
    call = SPOT.place_many(wanted)
    assert [row["currency_pair"] for row in json.loads(call.request.body)] == ["BTC_USDT", "ETH_USDT", "BTC_USDT"]
    assert (call.request.budget, call.request.weight) == ("spot orders:BTC_USDT", 2)
    assert call.request.also == (("spot orders:ETH_USDT", 1),)
    assert "x-gate-exptime" in dict(SPOT.wire(call.request, NOW_NS).headers)
    refused = {"text": "t-abc-1", "succeeded": False, "label": "BALANCE_NOT_ENOUGH", "message": "Not enough balance"}
    unclear = refused | {"label": "SOMETHING_NEW"}
    first, second, third = read(call, [FULL | {"succeeded": True}, refused, unclear])
    assert not isinstance(first, ExchangeAPIError)
    assert first.status is OrderStatus.FILLED
    assert isinstance(second, InsufficientBalanceError)
    assert second.outcome is Outcome.REJECTED
    assert isinstance(third, ExchangeAPIError)
    assert third.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("rows", [[], [FULL, FULL], [FULL | {"text": "t-other"}]])
def test_answers_that_do_not_belong_to_the_orders(rows: list[object]) -> None:
    with pytest.raises(InvalidResponseError):
        read(SPOT.place_many([limit()]), rows)


def test_as_many_as_gate_takes() -> None:
    assert len(json.loads(USDM.place_many([limit(BTC_PERP)] * 10).request.body)) == 10
    for account, wanted in ((SPOT, [limit()] * 5), (USDM, [limit(BTC_PERP)] * 11), (SPOT, [])):
        with pytest.raises(NotSupported):
            account.place_many(wanted)


# ---------------------------------------------------------------------- the whole


@pytest.mark.parametrize("account", [SPOT, USDM], ids=["spot", "usdm"])
def test_capabilities_and_budgets_are_complete(account: Any) -> None:
    assert tuple(row.name for row in account.capabilities) == ACCOUNT_CAPABILITIES
    known = BTC if account is SPOT else BTC_PERP
    for what in ("place", "cancel"):
        for budget, weight in account.entry_charges(what, known):
            family = f"{budget.partition(':')[0]}:*" if ":" in budget else budget
            assert weight <= account.budgets[family].weight_max
    assert account.used_weight(Response(200, {"x-gate-ratelimit-limit": "200"}, b"")) == {}


def test_spoilt_answers(survives_mangling: Callable[[Call[Any], bytes], None]) -> None:
    for call, body in (
        (SPOT.query(ref()), FULL),
        (USDM.query(ref(BTC_PERP)), FUTURE),
        (SPOT.place_many([limit()]), [FULL]),
    ):
        survives_mangling(call, json.dumps(body).encode())
