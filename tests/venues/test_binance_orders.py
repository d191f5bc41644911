"""Binance's order calls: the exact text of each request, what it costs, and what its answer becomes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

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
)
from oneprice.model import (
    AssetName,
    ExchangeName,
    Fee,
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
from oneprice.venues.binance import VENUE
from oneprice.venues.kit import (
    Call,
    Credentials,
    Priority,
    PrivateMarket,
    Response,
)

D = Decimal
T_MS = 1_700_000_000_000
T_NS = T_MS * 1_000_000


def account(kind: MarketKind) -> PrivateMarket:
    made = VENUE.accounts[kind](None, Credentials("the-key-of-the-account", "the-secret"))
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


def order(kind: MarketKind, **changes: Any) -> NewOrder:
    told = {"listing": listing(kind), "side": Side.BUY, "client_order_id": "arb-1", "quantity": D("0.00100")}
    return NewOrder(**{**told, "price": D("30000.10"), "time_in_force": TimeInForce.IOC, **changes})


SPOT, USDM = account(MarketKind.SPOT), account(MarketKind.USDM)
SPOT_BTC, USDM_BTC = listing(MarketKind.SPOT), listing(MarketKind.USDM)
both = pytest.mark.parametrize("ours", [SPOT, USDM], ids=["spot", "usdm"])


def ref(kind: MarketKind, **ids: str) -> OrderRef:
    return OrderRef(listing=listing(kind), **ids)


def sent(ours: PrivateMarket, call: Call[Any]) -> str:
    """Method, target and body as they go out, without what every signed request has."""
    wire = ours.wire(call.request, T_NS)
    text = f"{wire.method} {wire.target} {wire.body.decode()}".rstrip()
    text = text.partition("&signature=")[0]
    return text.replace(f"timestamp={T_MS}", "T").replace("recvWindow=3000", "R")


def answer(call: Call[Any], body: Any, status: int = 200, **headers: str) -> Any:
    return call.read(Response(status, headers, json.dumps(body).encode()))


# ---------------------------------------------------------------------- orders as text

LIMIT = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce={}&quantity=0.001&price=30000.1&newClientOrderId=arb-1"
MARKET = {"type": OrderType.MARKET, "price": None}
BY_QUOTE = {**MARKET, "quantity": None, "quote_quantity": D("1E+2")}


@pytest.mark.parametrize(
    ("changes", "spot", "usdm"),
    [
        ({}, LIMIT.format("IOC"), LIMIT.format("IOC")),
        ({"time_in_force": TimeInForce.GTC}, LIMIT.format("GTC"), LIMIT.format("GTC")),
        ({"time_in_force": TimeInForce.FOK}, LIMIT.format("FOK"), LIMIT.format("FOK")),
        (
            {"type": OrderType.LIMIT_MAKER},
            LIMIT.replace("LIMIT&timeInForce={}", "LIMIT_MAKER"),
            LIMIT.format("GTX"),
        ),
        (
            {**MARKET, "side": Side.SELL},
            "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.001&newClientOrderId=arb-1",
            "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.001&newClientOrderId=arb-1",
        ),
        (BY_QUOTE, "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=100&newClientOrderId=arb-1", None),
        (
            {"reduce_only": True},
            None,
            LIMIT.format("IOC").replace("&quantity", "&reduceOnly=true&quantity"),
        ),
    ],
    ids=["ioc", "gtc", "fok", "post-only", "market", "by-quote", "reduce-only"],
)
def test_orders_in_binances_words(changes: dict[str, Any], spot: str | None, usdm: str | None) -> None:
    for ours, text, path, kind in ((SPOT, spot, "/api/v3", "FULL"), (USDM, usdm, "/fapi/v1", "RESULT")):
        if text is None:
            with pytest.raises(NotSupported):
                ours.place(order(ours.kind, **changes))
        else:
            call = ours.place(order(ours.kind, **changes))
            assert sent(ours, call) == f"POST {path}/order T&{text}&newOrderRespType={kind}&R"


@pytest.mark.parametrize(
    ("quantity", "text"),
    [("1E+3", "1000"), ("100", "100"), ("0.00100000", "0.001"), ("1E-8", "0.00000001"), ("12.50", "12.5")],
)
def test_numbers_go_out_without_exponent_and_without_spare_zeros(quantity: str, text: str) -> None:
    call = SPOT.place(order(MarketKind.SPOT, quantity=D(quantity)))
    assert f"&quantity={text}&" in call.request.body.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": ""},
        {"client_order_id": "a" * 29},
        {"client_order_id": "a&b"},
        {"client_order_id": "ä"},
        {"quantity": D(0)},
        {"quantity": D("-1")},
        {"quantity": D("NaN")},
        {"price": D("Infinity")},
        {"price": None},
        {"quantity": None},
        {"quote_quantity": D(1)},
        {"type": OrderType.MARKET},
        {**MARKET, "quantity": None},
        {**MARKET, "quote_quantity": D(1)},
        {"type": OrderType.LIMIT_MAKER, "price": None},
    ],
    ids=str,
)
@both
def test_orders_that_make_no_sense_are_not_sent(ours: PrivateMarket, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidOrderError) as caught:
        ours.place(order(ours.kind, **changes))
    assert caught.value.outcome is Outcome.NOT_SENT


ORDER_COUNTS = {
    MarketKind.SPOT: [("orders_10s", 1), ("orders_1d", 1)],
    MarketKind.USDM: [("orders_10s", 1), ("orders_1m", 1)],
}


@pytest.mark.parametrize(("make", "spot", "usdm"), [("place", 1, 1), ("cancel", 1, 1), ("query", 4, 1)])
def test_what_order_calls_cost(make: str, spot: int, usdm: int) -> None:
    first = {"place": Priority.ORDER, "cancel": Priority.CANCEL, "query": Priority.QUERY}[make]
    for ours, weight in ((SPOT, spot), (USDM, usdm)):
        what = order(ours.kind) if make == "place" else ref(ours.kind, venue_order_id="7")
        request = getattr(ours, make)(what).request
        charges = [(charge.budget, charge.weight) for charge in request.also]
        assert charges == (ORDER_COUNTS[ours.kind] if make == "place" else [])
        assert (request.weight, request.budget, request.priority, request.signed) == (weight, "default", first, True)
        if make != "query":
            entry = [(charge.budget, charge.weight) for charge in ours.entry_charges(make, listing(ours.kind))]
            assert entry == [(request.budget, request.weight), *charges]


def test_references_go_by_binances_id_where_it_is_known() -> None:
    kind = MarketKind.SPOT
    for path, ours in (("/api/v3/order", SPOT), ("/fapi/v1/order", USDM)):
        by_id = ours.cancel(ref(ours.kind, venue_order_id="28", client_order_id="arb-1"))
        assert sent(ours, by_id) == f"DELETE {path}?T&symbol=BTCUSDT&orderId=28&R"
        by_name = ours.query(ref(ours.kind, client_order_id="arb-1"))
        assert sent(ours, by_name) == f"GET {path}?T&symbol=BTCUSDT&origClientOrderId=arb-1&R"
    with pytest.raises(InvalidOrderError, match="neither id"):
        SPOT.cancel(ref(kind))


def test_calls_of_many_orders() -> None:
    assert sent(SPOT, SPOT.cancel_all(SPOT_BTC)) == "DELETE /api/v3/openOrders?T&symbol=BTCUSDT&R"
    assert sent(USDM, USDM.cancel_all(USDM_BTC)) == "DELETE /fapi/v1/allOpenOrders?T&symbol=BTCUSDT&R"
    assert sent(SPOT, SPOT.open_orders(SPOT_BTC)) == "GET /api/v3/openOrders?T&symbol=BTCUSDT&R"
    assert sent(USDM, USDM.open_orders(None)) == "GET /fapi/v1/openOrders?T&R"
    weights = [ours.open_orders(one).request.weight for ours, one in ((SPOT, SPOT_BTC), (SPOT, None), (USDM, None))]
    assert weights == [6, 80, 40]


# ---------------------------------------------------------------------- order answers

ACK = {"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "arb-1", "transactTime": T_MS}
RESULT = {
    **ACK,
    "price": "30000.10000000",
    "origQty": "0.00100000",
    "executedQty": "0.00060000",
    "status": "EXPIRED",
    "origQuoteOrderQty": "0.000000",
    "cummulativeQuoteQty": "18.00000000",
    "timeInForce": "IOC",
    "type": "LIMIT",
    "side": "BUY",
    "workingTime": T_MS,
    "selfTradePreventionMode": "EXPIRE_MAKER",
}
PLACED = {
    "orderId": 5,
    "symbol": "BTCUSDT",
    "status": "NEW",
    "clientOrderId": "arb-1",
    "price": "30000.10",
    "origQty": "0.001",
    "executedQty": "0",
    "cumQty": "0",
    "timeInForce": "GTX",
    "type": "LIMIT",
    "reduceOnly": True,
    "side": "SELL",
    "positionSide": "BOTH",
    "updateTime": T_MS,
    "goodTillDate": 0,
}


def test_an_immediate_order_that_was_filled_in_part_is_over_with_its_fills() -> None:
    fill = {"price": "30000.00", "qty": "0.00060000", "commission": "0.001", "commissionAsset": "BNB", "tradeId": 56}
    told = answer(SPOT.place(order(MarketKind.SPOT)), {**RESULT, "fills": [fill]})
    assert (told.status, told.is_over, told.venue_order_id) == (OrderStatus.EXPIRED, True, "28")
    assert (told.filled_quantity, told.filled_quote, told.average_price) == (D("0.0006"), D(18), D(30_000))
    assert (told.side, told.type, told.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.IOC)
    assert (told.price, told.quantity, told.quote_quantity) == (D("30000.1"), D("0.001"), None)
    (match,) = told.fills
    assert (match.venue_fill_id, match.venue_order_id, match.client_order_id) == ("56", "28", "arb-1")
    assert (match.price, match.quantity, match.side, match.is_maker) == (D(30_000), D("0.0006"), Side.BUY, False)
    assert match.fees == (Fee(AssetName("BNB"), D("0.001")),)
    assert match.time_ns == told.time_ns == T_NS


def test_an_acknowledgement_does_not_say_what_became_of_the_order() -> None:
    told = answer(SPOT.place(order(MarketKind.SPOT)), ACK)
    assert (told.status, told.filled_quantity, told.filled_quote, told.side) == (
        OrderStatus.PENDING_NEW,
        None,
        None,
        None,
    )


def test_a_post_only_perpetual_order() -> None:
    told = answer(USDM.place(order(MarketKind.USDM)), PLACED)
    assert (told.type, told.time_in_force, told.reduce_only) == (OrderType.LIMIT_MAKER, TimeInForce.GTC, True)
    assert (told.filled_quantity, told.filled_quote, told.side) == (0, 0, Side.SELL)
    filled = answer(USDM.place(order(MarketKind.USDM)), {**PLACED, "status": "FILLED", "executedQty": "0.001"})
    assert (filled.status, filled.filled_quantity, filled.filled_quote) == (OrderStatus.FILLED, D("0.001"), None)


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("NEW", OrderStatus.NEW, ""),
        ("PENDING_NEW", OrderStatus.PENDING_NEW, ""),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, ""),
        ("FILLED", OrderStatus.FILLED, ""),
        ("CANCELED", OrderStatus.CANCELED, ""),
        ("REJECTED", OrderStatus.REJECTED, ""),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED, "EXPIRED_IN_MATCH"),
        ("BEWITCHED", OrderStatus.UNKNOWN, "BEWITCHED"),
    ],
)
def test_statuses(word: str, status: OrderStatus, reason: str) -> None:
    told = answer(SPOT.query(ref(MarketKind.SPOT, client_order_id="arb-1")), {**RESULT, "status": word})
    assert (told.status, told.reason) == (status, reason)


def test_a_market_order_by_quote_has_no_quantity_of_its_own() -> None:
    body = {**RESULT, "type": "MARKET", "origQuoteOrderQty": "100.0", "price": "0.00000000"}
    told = answer(SPOT.place(order(MarketKind.SPOT, **BY_QUOTE)), body)
    assert (told.quantity, told.quote_quantity, told.price, told.type) == (None, D(100), None, OrderType.MARKET)
    reckoned = answer(SPOT.place(order(MarketKind.SPOT, **BY_QUOTE)), {**body, "origQty": "0.00000001"})
    assert reckoned.filled_quantity == told.filled_quantity


def test_a_worth_of_0_for_something_filled_is_not_believed() -> None:
    told = answer(SPOT.query(ref(MarketKind.SPOT, venue_order_id="28")), {**RESULT, "cummulativeQuoteQty": "0.0"})
    assert told.filled_quantity
    assert (told.filled_quote, told.average_price) == (None, None)


def test_a_lost_quote_amount_is_not_told() -> None:
    told = answer(SPOT.query(ref(MarketKind.SPOT, venue_order_id="28")), {**RESULT, "cummulativeQuoteQty": "-1"})
    assert (told.filled_quote, told.average_price) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETHUSDT"},
        {"clientOrderId": "another"},
        {"executedQty": "2"},
        {"executedQty": "-1"},
        {"fills": [{"price": "0", "qty": "1", "commission": "0", "commissionAsset": "BNB", "tradeId": 1}]},
        {"orderId": -1},
        {"orderId": None},
    ],
    ids=str,
)
def test_an_answer_that_cannot_be_leaves_the_order_unknown(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError) as caught:
        answer(SPOT.place(order(MarketKind.SPOT)), {**RESULT, **changes})
    assert caught.value.outcome is Outcome.UNKNOWN


def test_a_cancelled_spot_order_keeps_our_name() -> None:
    body = {**RESULT, "status": "CANCELED", "origClientOrderId": "arb-1", "clientOrderId": "made-by-binance"}
    told = answer(SPOT.cancel(ref(MarketKind.SPOT, venue_order_id="28")), body)
    assert (told.client_order_id, told.status, told.filled_quantity) == ("arb-1", OrderStatus.CANCELED, D("0.0006"))
    asked = ref(MarketKind.SPOT, venue_order_id="28", client_order_id="arb-1")
    later = answer(SPOT.query(asked), {**RESULT, "status": "CANCELED", "clientOrderId": "made-by-binance"})
    assert later.client_order_id == "arb-1"
    with pytest.raises(InvalidResponseError, match="order 28, not about 29"):
        answer(SPOT.query(ref(MarketKind.SPOT, venue_order_id="29")), RESULT)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-2010, "Account has insufficient balance for requested action.", InsufficientBalanceError),
        (-2010, "Duplicate order sent.", DuplicateOrderError),
        (-2010, "Order would immediately match and take.", InvalidOrderError),
        (-2011, "Unknown order sent.", OrderNotFoundError),
        (-2013, "Order does not exist.", OrderNotFoundError),
        (-9_999, "?", ExchangeAPIError),
    ],
)
@both
def test_refusals_are_raised(ours: PrivateMarket, code: int, message: str, kind: type[ExchangeAPIError]) -> None:
    for call in (ours.place(order(ours.kind)), ours.cancel(ref(ours.kind, venue_order_id="1"))):
        with pytest.raises(kind) as caught:
            answer(call, {"code": code, "msg": message}, 400)
        assert type(caught.value) is kind
        assert caught.value.outcome is (Outcome.UNKNOWN if kind is ExchangeAPIError else Outcome.REJECTED)


def test_cancel_all_without_open_orders_is_no_error() -> None:
    unknown = {"code": -2011, "msg": "Unknown order sent."}
    assert answer(SPOT.cancel_all(SPOT_BTC), unknown, 400) == []
    assert (
        answer(USDM.cancel_all(USDM_BTC), {"code": 200, "msg": "The operation of cancel all open order is done."}) == []
    )
    with pytest.raises(RateLimitError):
        answer(SPOT.cancel_all(SPOT_BTC), {"code": -1003, "msg": "Too many requests."}, 429)


def test_orders_of_symbols_that_the_rules_do_not_have_are_unlisted() -> None:
    (told,) = answer(SPOT.open_orders(None), [{**RESULT, "symbol": "GONEUSDT"}])
    assert (told.listing.venue_symbol, told.listing.tradable, told.listing.status) == ("GONEUSDT", False, "unlisted")
    (known,) = answer(SPOT.open_orders(None), [RESULT])
    assert known.listing == SPOT_BTC


# ---------------------------------------------------------------------- batches


def test_a_batch_of_perpetual_orders() -> None:
    orders = [order(MarketKind.USDM, client_order_id=f"arb-{number}") for number in (1, 2)]
    call = USDM.place_many(orders)
    assert sent(USDM, call).startswith("POST /fapi/v1/batchOrders T&batchOrders=%5B%7B%22symbol%22%3A%22BTCUSDT%22%2C")
    assert [(charge.budget, charge.weight) for charge in call.request.also] == [("orders_10s", 2), ("orders_1m", 2)]
    refused = {"code": -2019, "msg": "Margin is insufficient."}
    first, second = answer(call, [PLACED, refused])
    assert (first.client_order_id, first.status) == ("arb-1", OrderStatus.NEW)
    assert (type(second), second.outcome) == (InsufficientBalanceError, Outcome.REJECTED)
    for wrong in ([PLACED], [refused, PLACED], [{**PLACED, **refused}, refused]):
        with pytest.raises(InvalidResponseError):
            answer(call, wrong)


def test_what_cannot_be_a_batch() -> None:
    assert (SPOT.batch_max, USDM.batch_max) == (0, 5)
    for ours, count in ((SPOT, 1), (USDM, 0), (USDM, 6)):
        with pytest.raises(NotSupported):
            ours.place_many([order(ours.kind)] * count)
