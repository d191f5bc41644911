"""A MEXC account's spot side: what is sent, to the letter, and what the answers say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from oneprice.errors import (
    ConfigError,
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
    Fee,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    OrderStatus,
    OrderType,
    PositionMode,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.kit import (
    ACCOUNT_CAPABILITIES,
    Call,
    Credentials,
    FillsQuery,
    Priority,
    Response,
    Ticket,
)
from oneprice.venues.mexc import VENUE

T = TypeVar("T")
D = Decimal
SPOT = VENUE.accounts[MarketKind.SPOT](None, Credentials("mx0key", "secret"))
MS = 1_000_000
NOW_NS = 1_795_000_000_000 * MS


def listing_of(venue_symbol: str = "BTCUSDT") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName(venue_symbol.removesuffix("USDT")), AssetName("USDT")),
        venue_symbol=venue_symbol,
        tick_size=D("0.01"),
        lot_size=D("0.000001"),
    )


LISTING = listing_of()
SPOT.know([LISTING])


def order(**changes: Any) -> NewOrder:
    plain: dict[str, Any] = {
        "listing": LISTING,
        "side": Side.BUY,
        "client_order_id": "op_1-a",
        "quantity": D("0.00120"),
        "price": D("60000.50"),
    }
    return NewOrder(**{**plain, **changes})


def market_order(**changes: Any) -> NewOrder:
    return order(**{"type": OrderType.MARKET, "price": None, "quantity": None, **changes})


def read(call: Call[T], body: object, status: int = 200, headers: dict[str, str] | None = None) -> T:
    told = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return call.read(Response(status, headers or {}, told))


def sent(call: Call[Any]) -> str:
    """Method, path and query, without what signing adds."""
    wire = SPOT.wire(call.request, NOW_NS)
    assert wire.body == b""
    return f"{wire.method} {wire.target.partition('recvWindow=')[0].rstrip('&?')}"


def costs(call: Call[Any]) -> dict[str, int]:
    request = call.request
    found = {request.budget: request.weight, **{charge.budget: charge.weight for charge in request.also}}
    assert found.keys() <= SPOT.budgets.keys()
    return found


# ---------------------------------------------------------------------- placing


@pytest.mark.parametrize(
    ("wanted", "query"),
    [
        (order(), "side=BUY&type=LIMIT&quantity=0.0012&price=60000.5"),
        (order(time_in_force=TimeInForce.IOC), "side=BUY&type=IMMEDIATE_OR_CANCEL&quantity=0.0012&price=60000.5"),
        (order(time_in_force=TimeInForce.FOK), "side=BUY&type=FILL_OR_KILL&quantity=0.0012&price=60000.5"),
        (
            order(type=OrderType.LIMIT_MAKER, side=Side.SELL),
            "side=SELL&type=LIMIT_MAKER&quantity=0.0012&price=60000.5",
        ),
        (order(quantity=D("1E+3"), price=D("1E-8")), "side=BUY&type=LIMIT&quantity=1000&price=0.00000001"),
        (market_order(quote_quantity=D("25")), "side=BUY&type=MARKET&quoteOrderQty=25"),
        (market_order(quantity=D("0.5"), side=Side.SELL), "side=SELL&type=MARKET&quantity=0.5"),
    ],
    ids=["limit", "ioc", "fok", "post-only", "no exponents", "market by quote", "market by base"],
)
def test_new_orders(wanted: NewOrder, query: str) -> None:
    call = SPOT.place(wanted)
    assert sent(call) == f"POST /api/v3/order?symbol=BTCUSDT&{query}&newClientOrderId=op_1-a"
    assert costs(call) == {"default": 1, "uid": 1, "orders": 1}
    assert (call.request.priority, call.request.signed) == (Priority.ORDER, True)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (market_order(quantity=D(1)), "quote asset, not a quantity"),
        (market_order(quote_quantity=D(1), side=Side.SELL), "a quantity, not an amount"),
        (order(reduce_only=True), "perpetuals"),
    ],
    ids=["buying at market by base", "selling at market by quote", "reduce-only"],
)
def test_what_spot_cannot_do_is_not_sent(wanted: NewOrder, reason: str) -> None:
    with pytest.raises(NotSupported, match=reason):
        SPOT.place(wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        order(price=None),
        order(quantity=None),
        order(quantity=D(0)),
        order(price=D(-1)),
        order(price=D("NaN")),
        order(quantity=D("Infinity")),
        order(quote_quantity=D(1)),
        order(client_order_id=""),
        order(client_order_id="a" * 29),
        order(client_order_id="a&side=SELL"),
        market_order(),
        market_order(quote_quantity=D(1), price=D(1)),
        market_order(quote_quantity=D(1), quantity=D(1)),
    ],
)
def test_an_order_without_sense_is_not_sent(wanted: NewOrder) -> None:
    with pytest.raises(InvalidOrderError) as caught:
        SPOT.place(wanted)
    assert caught.value.outcome is Outcome.NOT_SENT


def test_the_answer_says_taken_and_not_what_became_of_it() -> None:
    told = read(
        SPOT.place(order(time_in_force=TimeInForce.IOC)), {"symbol": "BTCUSDT", "orderId": "C02__5", "orderListId": -1}
    )
    assert told == Order(listing=LISTING, venue_order_id="C02__5", status=OrderStatus.NEW, client_order_id="op_1-a")
    assert told.filled_quantity is None


def test_a_longer_answer_says_more() -> None:
    body = {
        "symbol": "BTCUSDT",
        "orderId": "C02__5",
        "orderListId": -1,
        "price": "60000.5",
        "origQty": "0.0012",
        "type": "IMMEDIATE_OR_CANCEL",
        "side": "BUY",
        "stpMode": "",
        "transactTime": 1666676533741,
    }
    told = read(SPOT.place(order(time_in_force=TimeInForce.IOC)), body)
    assert (told.type, told.time_in_force, told.side) == (OrderType.LIMIT, TimeInForce.IOC, Side.BUY)
    assert (told.price, told.quantity, told.filled_quantity) == (D("60000.5"), D("0.0012"), None)
    assert told.time_ns == told.created_ns == 1666676533741 * MS
    with pytest.raises(InvalidResponseError, match="it is of 'ETHUSDT'"):
        read(SPOT.place(order()), body | {"symbol": "ETHUSDT"})


def test_a_refused_order_raises_and_an_unknown_code_proves_nothing() -> None:
    with pytest.raises(InsufficientBalanceError) as caught:
        read(SPOT.place(order()), {"code": 10101, "msg": "资金不足"}, status=400)
    assert caught.value.outcome is Outcome.REJECTED
    with pytest.raises(ExchangeAPIError) as caught_other:
        read(SPOT.place(order()), {"code": 424242, "msg": ""}, status=400)
    assert caught_other.value.outcome is Outcome.UNKNOWN


# ---------------------------------------------------------------------- batches


def test_a_batch_is_one_list_in_the_query() -> None:
    wanted = [order(client_order_id="a"), order(client_order_id="b", side=Side.SELL, type=OrderType.LIMIT_MAKER)]
    call = SPOT.place_many(wanted)
    head, _, tail = sent(call).partition("=")
    assert head == "POST /api/v3/batchOrders?batchOrders"
    assert tail.startswith("%5B%7B%22symbol%22%3A%22BTCUSDT%22%2C%22side%22%3A%22BUY%22%2C%22type%22%3A%22LIMIT%22")
    assert tail == tail.replace("%5b", "%5B")
    assert costs(call) == {"default": 1, "uid": 1, "orders": 1, "batch": 1}
    body = [
        {"symbol": "BTCUSDT", "orderId": "1", "newClientOrderId": "a", "orderListId": -1},
        {"newClientOrderId": "b", "msg": "too small", "code": 30002},
    ]
    first, second = read(call, body)
    assert isinstance(first, Order)
    assert (first.venue_order_id, first.client_order_id, first.status) == ("1", "a", OrderStatus.NEW)
    assert isinstance(second, InvalidOrderError)
    assert (second.code, second.outcome) == ("30002", Outcome.REJECTED)


@pytest.mark.parametrize(
    "body",
    [
        [{"symbol": "BTCUSDT", "orderId": "1"}],
        [{"symbol": "BTCUSDT", "orderId": "1"}, {}],
        [{"newClientOrderId": "b", "code": 1}, {"newClientOrderId": "a", "code": 1}],
    ],
    ids=["one missing", "says nothing", "swapped"],
)
def test_results_of_a_batch_that_do_not_fit_are_not_believed(body: object) -> None:
    with pytest.raises(InvalidResponseError):
        read(SPOT.place_many([order(client_order_id="a"), order(client_order_id="b")]), body)


def test_batches_have_limits() -> None:
    assert SPOT.batch_max == 20
    for wanted in ([], [order()] * 21, [order(), order(listing=listing_of("ETHUSDT"))]):
        with pytest.raises(NotSupported):
            SPOT.place_many(wanted)


# ---------------------------------------------------------------------- orders that are there


ROW = {
    "symbol": "BTCUSDT",
    "orderId": "C02__5",
    "orderListId": -1,
    "clientOrderId": "op_1-a",
    "price": "60000.5",
    "origQty": "0.0012",
    "executedQty": "0.0005",
    "cummulativeQuoteQty": "30.00025",
    "status": "PARTIALLY_CANCELED",
    "timeInForce": "GTC",
    "type": "IMMEDIATE_OR_CANCEL",
    "side": "BUY",
    "stpMode": "",
    "cancelReason": "stp_cancel",
    "time": 1499827319559,
    "updateTime": 1499827319999,
    "origQuoteOrderQty": "0.000000",
}


def test_an_order_by_either_id() -> None:
    by_venue = SPOT.query(OrderRef(listing=LISTING, client_order_id="op_1-a", venue_order_id="C02__5"))
    by_us = SPOT.query(OrderRef(listing=LISTING, client_order_id="op_1-a"))
    assert sent(by_venue) == "GET /api/v3/order?symbol=BTCUSDT&orderId=C02__5"
    assert sent(by_us) == "GET /api/v3/order?symbol=BTCUSDT&origClientOrderId=op_1-a"
    assert costs(by_us) == {"default": 2, "uid": 2}
    assert by_us.request.priority is Priority.QUERY
    with pytest.raises(InvalidOrderError) as caught:
        SPOT.query(OrderRef(listing=LISTING))
    assert caught.value.outcome is Outcome.NOT_SENT
    told = read(by_us, ROW)
    assert told == Order(
        listing=LISTING,
        venue_order_id="C02__5",
        status=OrderStatus.CANCELED,
        client_order_id="op_1-a",
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        price=D("60000.5"),
        quantity=D("0.0012"),
        filled_quantity=D("0.0005"),
        filled_quote=D("30.00025"),
        reason="stp_cancel",
        time_ns=1499827319999 * MS,
        created_ns=1499827319559 * MS,
    )
    with pytest.raises(OrderNotFoundError):
        read(by_us, {"code": -2013, "msg": "Order does not exist."}, status=400)


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("NEW", OrderStatus.NEW, ""),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, ""),
        ("FILLED", OrderStatus.FILLED, ""),
        ("CANCELED", OrderStatus.CANCELED, "stp_cancel"),
        ("PARTIALLY_CANCELED", OrderStatus.CANCELED, "stp_cancel"),
        ("FROZEN", OrderStatus.UNKNOWN, "FROZEN"),
    ],
)
def test_statuses(word: str, status: OrderStatus, reason: str) -> None:
    told = read(SPOT.query(OrderRef(listing=LISTING, venue_order_id="C02__5")), ROW | {"status": word})
    assert (told.status, told.reason) == (status, reason)


def test_a_market_order_by_quote_has_no_quantity() -> None:
    row = ROW | {"type": "MARKET", "origQuoteOrderQty": "25", "origQty": "0.0004", "price": "60100"}
    told = read(SPOT.query(OrderRef(listing=LISTING, venue_order_id="C02__5")), row)
    assert (told.quote_quantity, told.quantity, told.price, told.time_in_force) == (D(25), None, None, None)


def test_cancelling_tells_the_order_where_the_answer_does() -> None:
    call = SPOT.cancel(OrderRef(listing=LISTING, venue_order_id="C02__5"))
    assert sent(call) == "DELETE /api/v3/order?symbol=BTCUSDT&orderId=C02__5"
    assert costs(call) == {"default": 1, "uid": 1, "orders": 1}
    assert call.request.priority is Priority.CANCEL
    told = read(call, ROW | {"origClientOrderId": "op_1-a", "clientOrderId": "cancel-1"})
    assert told is not None
    assert (told.client_order_id, told.status, told.filled_quantity) == ("op_1-a", OrderStatus.CANCELED, D("0.0005"))
    assert read(call, {"symbol": "BTCUSDT", "orderId": "C02__5"}) is None
    with pytest.raises(OrderNotFoundError):
        read(call, {"code": -2011, "msg": "Unknown order sent."}, status=400)


def test_cancelling_all_of_a_listing() -> None:
    call = SPOT.cancel_all(LISTING)
    assert sent(call) == "DELETE /api/v3/openOrders?symbol=BTCUSDT"
    assert costs(call) == {"default": 1, "uid": 1, "orders": 1}
    assert [told.status for told in read(call, [ROW | {"status": "CANCELED"}])] == [OrderStatus.CANCELED]
    assert read(call, []) == []


def test_open_orders_of_one_listing_and_of_all() -> None:
    assert sent(SPOT.open_orders(LISTING)) == "GET /api/v3/openOrders?symbol=BTCUSDT"
    assert sent(SPOT.open_orders(None)) == "GET /api/v3/openOrders"
    known, unknown = read(
        SPOT.open_orders(None), [ROW | {"status": "NEW"}, ROW | {"symbol": "OLDUSDT", "status": "NEW"}]
    )
    assert known.listing is LISTING
    assert (unknown.listing.venue_symbol, unknown.listing.tradable, unknown.listing.status) == (
        "OLDUSDT",
        False,
        "unlisted",
    )


# ---------------------------------------------------------------------- fills


def test_a_fill_with_its_fee() -> None:
    call = SPOT.fills(FillsQuery(listing=LISTING, venue_order_id="C02__5"))
    assert sent(call) == "GET /api/v3/myTrades?symbol=BTCUSDT&orderId=C02__5&limit=100"
    assert costs(call) == {"default": 10, "uid": 10}
    row = {
        "symbol": "BTCUSDT",
        "id": "5X1",
        "orderId": "C02__5",
        "price": "60000.5",
        "qty": "0.0005",
        "quoteQty": "30.00025",
        "commission": "0.00001",
        "commissionAsset": "MX",
        "time": 1499865549590,
        "isBuyer": False,
        "isMaker": True,
        "clientOrderId": "op_1-a",
    }
    page = read(call, [row])
    assert page.more is None
    (fill,) = page.fills
    assert (fill.venue_fill_id, fill.venue_order_id, fill.client_order_id) == ("5X1", "C02__5", "op_1-a")
    assert (fill.side, fill.price, fill.quantity, fill.is_maker) == (Side.SELL, D("60000.5"), D("0.0005"), True)
    assert (fill.fees, fill.time_ns) == ((Fee(AssetName("MX"), D("0.00001")),), 1499865549590 * MS)
    (bare,) = read(call, [row | {"commission": None, "commissionAsset": None, "clientOrderId": None}]).fills
    assert (bare.fees, bare.client_order_id) == (None, "")


# ---------------------------------------------------------------------- the account


def test_balances_are_exact() -> None:
    call = SPOT.balances()
    assert costs(call) == {"default": 10, "uid": 10, "account": 1}
    long = {"asset": "PEPE", "free": "12345678901234567890.123456789012345678", "locked": "1.5", "available": "0"}
    (told,) = read(call, {"canTrade": True, "balances": [long]})
    assert (told.free, told.total) == (D(long["free"]), D("12345678901234567891.623456789012345678"))


def test_fees_are_the_accounts_own() -> None:
    call = SPOT.fees(LISTING)
    assert sent(call) == "GET /api/v3/tradeFee?symbol=BTCUSDT"
    assert costs(call) == {"default": 20, "uid": 20}
    told = read(call, b'{"data":{"makerCommission":0.0,"takerCommission":0.00050},"code":0,"msg":"success"}')
    assert (told.maker, told.taker, told.discount_asset) == (D(0), D("0.0005"), None)


# ---------------------------------------------------------------------- what there is, and what not


def test_a_ticket_and_its_renewal() -> None:
    call = SPOT.ticket()
    assert call is not None
    assert sent(call) == "POST /api/v3/userDataStream"
    ticket = read(call, {"listenKey": "a1b2"})
    renewal = SPOT.renew(ticket)
    assert renewal is not None
    assert sent(renewal) == "PUT /api/v3/userDataStream?listenKey=a1b2"
    read(renewal, {"listenKey": "a1b2"})
    with pytest.raises(ExchangeAPIError):
        read(renewal, {"code": 730706, "msg": ""}, status=400)
    assert SPOT.renew_every_s == 1_200.0
    assert SPOT.user_stream(ticket).url == "wss://wbs-api.mexc.com/ws?listenKey=a1b2"
    for nothing in (None, Ticket("")):
        with pytest.raises(ConfigError, match="listen key"):
            SPOT.user_stream(nothing)


def test_tickets_that_are_there() -> None:
    call = SPOT.held_tickets()
    assert call is not None
    assert sent(call) == "GET /api/v3/userDataStream"
    assert read(call, {"listenKey": ["a1b2", "c3d4"]}) == [Ticket("a1b2"), Ticket("c3d4")]
    assert read(call, {"listenKey": []}) == []
    with pytest.raises(InvalidResponseError, match="no listen keys") as told:
        read(call, {"listenKey": "a1b2"})
    assert "a1b2" not in str(told.value)
    with pytest.raises(ExchangeAPIError):
        read(call, {"code": 700002, "msg": ""}, status=400)


def test_what_spot_does_not_have() -> None:
    for ask in (
        SPOT.positions,
        SPOT.position_mode,
        lambda: SPOT.set_position_mode(PositionMode.ONE_WAY),
        lambda: SPOT.leverage(LISTING, 5),
        lambda: SPOT.dead_man(LISTING, 10),
        lambda: SPOT.dead_man(None, 0),
    ):
        with pytest.raises(NotSupported):
            ask()
    assert SPOT.order_entry() is None
    assert SPOT.entry_charges("place", LISTING) == ()
    assert SPOT.used_weight(Response(200, {}, b"")) == {}


def test_every_capability_is_told_in_order() -> None:
    assert [row.name for row in SPOT.capabilities] == list(ACCOUNT_CAPABILITIES)
    assert all(row.note for row in SPOT.capabilities if not row.supported)
    assert SPOT.budgets["orders"].weight_max == 12
    assert SPOT.budgets["default"] == VENUE.markets[MarketKind.SPOT](None).budgets["default"]
