"""A MEXC account's perpetuals side: what is sent, to the letter, and what the answers say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from oneprice.errors import (
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
from oneprice.venues.kit import ACCOUNT_CAPABILITIES, Call, Credentials, FillsQuery, Priority, Response
from oneprice.venues.mexc import VENUE

T = TypeVar("T")
D = Decimal
USDM = VENUE.accounts[MarketKind.USDM](None, Credentials("mx0key", "secret"))
MS = 1_000_000
DAY_MS = 86_400_000


def listing_of(venue_symbol: str = "BTC_USDT") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=MarketKind.USDM,
        symbol=Symbol(AssetName(venue_symbol.removesuffix("_USDT")), AssetName("USDT"), is_futures=True),
        venue_symbol=venue_symbol,
        tick_size=D("0.1"),
        lot_size=D(1),
        contract_size=D("0.0001"),
    )


LISTING = listing_of()
USDM.know([LISTING])


def order(**changes: Any) -> NewOrder:
    plain: dict[str, Any] = {
        "listing": LISTING,
        "side": Side.BUY,
        "client_order_id": "op_1-a",
        "quantity": D(12),
        "price": D("60000.50"),
    }
    return NewOrder(**{**plain, **changes})


def good(data: object) -> bytes:
    return msgspec.json.encode({"success": True, "code": 0, "data": data})


def read(call: Call[T], body: bytes) -> T:
    return call.read(Response(200, {}, body))


def sent(call: Call[Any]) -> tuple[str, bytes]:
    """Method, path and query; the body. What a call costs is of its endpoint alone."""
    wire = USDM.wire(call.request, 0)
    assert call.request.budget in USDM.budgets
    assert call.request.also == ()
    assert wire.target.startswith("/api/v1/private/")
    return f"{wire.method} {wire.target.removeprefix('/api/v1/private/')}", wire.body


# ---------------------------------------------------------------------- placing


@pytest.mark.parametrize(
    ("changes", "side", "kind"),
    [
        ({}, 1, 1),
        ({"side": Side.SELL}, 3, 1),
        ({"time_in_force": TimeInForce.IOC}, 1, 3),
        ({"time_in_force": TimeInForce.FOK}, 1, 4),
        ({"type": OrderType.LIMIT_MAKER}, 1, 2),
    ],
    ids=["buy", "sell", "ioc", "fok", "post-only"],
)
def test_limit_orders(changes: dict[str, Any], side: int, kind: int) -> None:
    call = USDM.place(order(**changes))
    body = (
        b'{"symbol":"BTC_USDT","vol":12,"side":%d,"type":%d,"openType":2,"externalOid":"op_1-a","positionMode":2,'
        b'"price":60000.5}'
    )
    assert sent(call) == ("POST order/create", body % (side, kind))
    assert call.request.priority is Priority.ORDER
    assert USDM.budgets[call.request.budget].weight_max == 4


@pytest.mark.parametrize(("side", "number"), [(Side.BUY, 2), (Side.SELL, 4)])
def test_closing_orders_may_only_reduce(side: Side, number: int) -> None:
    call = USDM.place(order(side=side, reduce_only=True, type=OrderType.MARKET, price=None))
    body = (
        b'{"symbol":"BTC_USDT","vol":12,"side":%d,"type":5,"openType":2,"externalOid":"op_1-a","positionMode":2,'
        b'"reduceOnly":true}'
    )
    assert sent(call) == ("POST order/create", body % number)


def test_numbers_are_written_digit_by_digit() -> None:
    _, body = sent(USDM.place(order(quantity=D("1E+3"), price=D("0.000000012345678901234567890123"))))
    assert b'"vol":1000,' in body
    assert body.endswith(b'"price":0.000000012345678901234567890123}')


def test_what_is_not_sent() -> None:
    with pytest.raises(NotSupported, match="contracts"):
        USDM.place(order(type=OrderType.MARKET, price=None, quantity=None, quote_quantity=D(5)))
    for wrong in (order(price=None), order(quantity=D(0)), order(client_order_id='"')):
        with pytest.raises(InvalidOrderError) as caught:
            USDM.place(wrong)
        assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("data", "number", "at_ns"),
    [
        ({"orderId": "739113577038255616", "ts": 1761888808839}, "739113577038255616", 1761888808839 * MS),
        ({"orderId": 739113577038255616}, "739113577038255616", 0),
        (102057569836905984, "102057569836905984", 0),
        ("102057569836905984", "102057569836905984", 0),
    ],
)
def test_the_answer_is_an_id_and_says_taken(data: object, number: str, at_ns: int) -> None:
    assert read(USDM.place(order()), good(data)) == Order(
        listing=LISTING,
        venue_order_id=number,
        status=OrderStatus.NEW,
        client_order_id="op_1-a",
        time_ns=at_ns,
        created_ns=at_ns,
    )


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        (2005, InsufficientBalanceError, Outcome.REJECTED),
        (510, RateLimitError, Outcome.REJECTED),
        (987654, Exception, Outcome.UNKNOWN),
    ],
)
def test_errors_come_with_status_200(code: int, kind: type[Exception], outcome: Outcome) -> None:
    with pytest.raises(kind) as caught:
        read(USDM.place(order()), msgspec.json.encode({"success": False, "code": code, "message": "no"}))
    assert getattr(caught.value, "outcome", None) is outcome


# ---------------------------------------------------------------------- cancelling


def test_cancelling_by_either_id() -> None:
    by_venue = USDM.cancel(OrderRef(listing=LISTING, venue_order_id="739113577038255616", client_order_id="x"))
    by_us = USDM.cancel(OrderRef(listing=LISTING, client_order_id="op_1-a"))
    assert sent(by_venue) == ("POST order/cancel", b"[739113577038255616]")
    assert sent(by_us) == ("POST order/cancel_with_external", b'{"symbol":"BTC_USDT","externalOid":"op_1-a"}')
    assert by_venue.request.priority is by_us.request.priority is Priority.CANCEL
    assert sent(USDM.cancel(OrderRef(listing=LISTING, venue_order_id='a"b')))[1] == b'["a\\"b"]'
    with pytest.raises(InvalidOrderError):
        USDM.cancel(OrderRef(listing=LISTING))


def test_a_good_answer_does_not_say_that_it_was_cancelled() -> None:
    for ref in (OrderRef(listing=LISTING, venue_order_id="1"), OrderRef(listing=LISTING, client_order_id="a")):
        call = USDM.cancel(ref)
        done = {"orderId": "1", "errorCode": 0, "errorMsg": "success"}
        for answer in ([done], done, None):
            assert read(call, good(answer)) is None
        assert read(call, b'{"success":true,"code":0}') is None
        for code in (2040, "2041"):
            with pytest.raises(OrderNotFoundError) as caught:
                read(call, good([done | {"errorCode": code, "errorMsg": "over"}]))
            assert (caught.value.code, caught.value.outcome) == (str(code), Outcome.REJECTED)
        with pytest.raises(InvalidResponseError):
            read(call, good([done, done]))


def test_cancelling_all_of_a_listing() -> None:
    call = USDM.cancel_all(LISTING)
    assert sent(call) == ("POST order/cancel_all", b'{"symbol":"BTC_USDT"}')
    assert call.request.priority is Priority.CANCEL
    assert read(call, b'{"success":true,"code":0}') == []


# ---------------------------------------------------------------------- orders that are there


ROW = {
    "orderId": "102015012431820288",
    "symbol": "BTC_USDT",
    "price": 60000.5,
    "vol": 12,
    "side": 1,
    "orderType": 3,
    "dealAvgPrice": 60000.25,
    "dealVol": 5,
    "state": 4,
    "externalOid": "op_1-a",
    "errorCode": 18,
    "createTime": 1609992674000,
    "updateTime": 1609992674001,
}


def test_an_order_by_either_id() -> None:
    by_venue = USDM.query(OrderRef(listing=LISTING, venue_order_id="102015012431820288"))
    by_us = USDM.query(OrderRef(listing=LISTING, client_order_id="op_1-a"))
    assert sent(by_venue) == ("GET order/get/102015012431820288", b"")
    assert sent(by_us) == ("GET order/external/BTC_USDT/op_1-a", b"")
    assert sent(USDM.query(OrderRef(listing=LISTING, venue_order_id="a/b")))[0] == "GET order/get/a%2Fb"
    assert read(by_us, good(ROW)) == Order(
        listing=LISTING,
        venue_order_id="102015012431820288",
        status=OrderStatus.CANCELED,
        client_order_id="op_1-a",
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        price=D("60000.5"),
        quantity=D(12),
        filled_quantity=D(5),
        filled_quote=D("30.000125"),
        reason="ioc_cancel",
        time_ns=1609992674001 * MS,
        created_ns=1609992674000 * MS,
    )
    for answer in (good(None), msgspec.json.encode({"success": False, "code": 2040, "message": "order not exist"})):
        with pytest.raises(OrderNotFoundError) as caught:
            read(by_us, answer)
        assert caught.value.outcome is Outcome.REJECTED
    with pytest.raises(InvalidResponseError, match="ETH_USDT"):
        read(by_us, good(ROW | {"symbol": "ETH_USDT"}))


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"state": 1, "dealVol": 0, "errorCode": 0}, OrderStatus.NEW, ""),
        ({"state": 2, "dealVol": 0, "errorCode": 0}, OrderStatus.NEW, ""),
        ({"state": 2, "errorCode": 0}, OrderStatus.PARTIALLY_FILLED, ""),
        ({"state": 3, "dealVol": 12, "errorCode": 0}, OrderStatus.FILLED, ""),
        ({"state": 3, "errorCode": 21}, OrderStatus.CANCELED, "market_cancel"),
        ({"state": 4, "errorCode": 0}, OrderStatus.CANCELED, ""),
        ({"state": 4, "errorCode": 20}, OrderStatus.CANCELED, "post_only_cancel"),
        ({"state": 4, "errorCode": 99}, OrderStatus.CANCELED, "errorCode 99"),
        ({"state": 5, "errorCode": 2}, OrderStatus.REJECTED, "balance_insufficient"),
        ({"state": 5, "errorCode": 0}, OrderStatus.REJECTED, "invalid"),
        ({"state": 9, "errorCode": 0}, OrderStatus.UNKNOWN, "state 9"),
    ],
)
def test_states(changes: dict[str, int], status: OrderStatus, reason: str) -> None:
    told = read(USDM.query(OrderRef(listing=LISTING, venue_order_id="1")), good(ROW | changes))
    assert (told.status, told.reason) == (status, reason)


@pytest.mark.parametrize(
    ("changes", "side", "reduce_only"),
    [
        ({"side": 1}, Side.BUY, None),
        ({"side": 3, "reduceOnly": False}, Side.SELL, False),
        ({"side": 3, "reduceOnly": True}, Side.SELL, True),
        ({"side": 2}, Side.BUY, True),
        ({"side": 4, "reduceOnly": False}, Side.SELL, True),
    ],
)
def test_sides(changes: dict[str, Any], side: Side, reduce_only: bool | None) -> None:
    call = USDM.query(OrderRef(listing=LISTING, venue_order_id="1"))
    told = read(call, good(ROW | changes))
    assert (told.side, told.reduce_only) == (side, reduce_only)
    with pytest.raises(InvalidResponseError, match="side 7"):
        read(call, good(ROW | {"side": 7}))


def test_open_orders_are_all_or_an_error() -> None:
    paging = "page_num=1&page_size=100"
    assert sent(USDM.open_orders(LISTING)) == (f"GET order/list/open_orders/BTC_USDT?{paging}", b"")
    call = USDM.open_orders(None)
    assert sent(call) == (f"GET order/list/open_orders?{paging}", b"")
    known, unknown = read(call, good([ROW | {"state": 2}, ROW | {"state": 2, "symbol": "OLD_USDT"}]))
    assert known.listing is LISTING
    assert (unknown.listing.venue_symbol, unknown.listing.status) == ("OLD_USDT", "unlisted")
    with pytest.raises(InvalidResponseError, match="there may be more"):
        read(call, good([ROW] * 100))


# ---------------------------------------------------------------------- fills


FILL = {
    "id": "159274416",
    "symbol": "BTC_USDT",
    "side": 2,
    "vol": 5,
    "price": 60000.25,
    "feeCurrency": "USDT",
    "fee": 0.0072501,
    "timestamp": 1609992674000,
    "orderId": "102015012431820288",
    "taker": True,
}


def test_the_fills_of_an_order_come_at_once() -> None:
    call = USDM.fills(FillsQuery(listing=LISTING, venue_order_id="102015012431820288"))
    assert sent(call) == ("GET order/deal_details/102015012431820288", b"")
    page = read(call, good([FILL | {"id": number} for number in range(150)]))
    assert (len(page.fills), page.more) == (150, None)
    (fill,) = read(call, good([FILL])).fills
    assert (fill.venue_fill_id, fill.side, fill.price, fill.quantity) == ("159274416", Side.BUY, D("60000.25"), D(5))
    assert (fill.fees, fill.is_maker) == ((Fee(AssetName("USDT"), D("0.0072501")),), False)


def test_fills_come_in_pages_of_90_days() -> None:
    since_ms = 1_700_000_000_000
    query = FillsQuery(listing=LISTING, since_ns=since_ms * MS, until_ns=(since_ms + 100 * DAY_MS) * MS)
    call = USDM.fills(query)
    span = f"start_time={since_ms}&symbol=BTC_USDT"
    end_ms = since_ms + 90 * DAY_MS
    assert sent(call)[0] == f"GET order/list/order_deals/v3?end_time={end_ms}&page_num=1&page_size=100&{span}"
    newest_first = [FILL | {"id": number, "timestamp": 1609992674000 - number} for number in range(100)]
    page = read(call, good(newest_first))
    assert [fill.venue_fill_id for fill in page.fills] == [str(number) for number in reversed(range(100))]
    assert page.more is not None
    assert page.more.page == 2
    rest = read(USDM.fills(page.more), good([])).more
    assert rest is not None
    assert (rest.since_ns, rest.page) == (end_ms * MS, 1)
    assert f"end_time={since_ms + 100 * DAY_MS}&page_num=1" in sent(USDM.fills(rest))[0]
    assert read(USDM.fills(rest), good([])).more is None
    assert sent(USDM.fills(FillsQuery(listing=LISTING)))[0].endswith("v3?page_num=1&page_size=100&symbol=BTC_USDT")


# ---------------------------------------------------------------------- the account


def test_the_wallet_balance_is_without_profit() -> None:
    call = USDM.balances()
    assert sent(call) == ("GET account/assets", b"")
    row = {"currency": "USDT", "positionMargin": 10, "availableBalance": 80.5, "frozenBalance": 5}
    (told,) = read(call, good([row | {"equity": 100.5, "unrealized": -2.25}]))
    assert (told.asset, told.total, told.free) == ("USDT", D("102.75"), D("80.5"))
    (told,) = read(call, good([row]))
    assert told.total == D("95.5")


def test_positions_have_a_sign() -> None:
    call = USDM.positions()
    assert sent(call) == ("GET position/open_positions", b"")
    row = {"symbol": "BTC_USDT", "positionType": 2, "holdVol": 3, "holdAvgPrice": 1217.3, "leverage": 20}
    more = {"liquidatePrice": 0, "updateTime": 1609991676000}
    short, other = read(call, good([row | more, row | {"holdVol": 0}, row | {"positionType": 1, "symbol": "OLD_USDT"}]))
    assert (short.listing, short.quantity, short.entry_price) == (LISTING, D(-3), D("1217.3"))
    assert (short.liquidation_price, short.leverage, short.time_ns) == (None, D(20), 1609991676000 * MS)
    assert (other.quantity, other.listing.status) == (D(3), "unlisted")
    with pytest.raises(InvalidResponseError, match="positionType 3"):
        read(call, good([row | {"positionType": 3}]))
    with pytest.raises(InvalidResponseError, match="hedge mode"):
        read(call, good([row, row | {"positionType": 1}]))


def test_fees_are_what_is_really_paid() -> None:
    call = USDM.fees(LISTING)
    assert sent(call) == ("GET account/tiered_fee_rate/v2?symbol=BTC_USDT", b"")
    told = read(call, b'{"success":true,"code":0,"data":{"realMakerFee":0.0001,"realTakerFee":4e-4,"level":1}}')
    assert (told.maker, told.taker) == (D("0.0001"), D("0.0004"))


def test_leverage_and_position_mode() -> None:
    call = USDM.leverage(LISTING, 5)
    assert sent(call) == (
        "POST position/change_leverage",
        b'{"symbol":"BTC_USDT","leverage":5,"openType":2,"positionType":1}',
    )
    read(call, b'{"success":true,"code":0}')
    assert sent(USDM.position_mode()) == ("GET position/position_mode", b"")
    assert read(USDM.position_mode(), good(2)) is PositionMode.ONE_WAY
    assert read(USDM.position_mode(), good(1)) is PositionMode.HEDGE
    with pytest.raises(InvalidResponseError):
        read(USDM.position_mode(), good(3))
    change = USDM.set_position_mode(PositionMode.ONE_WAY)
    assert sent(change) == ("POST position/change_position_mode", b'{"positionMode":2}')
    read(change, b'{"success":true,"code":0}')


# ---------------------------------------------------------------------- what there is, and what not


def test_what_perpetuals_do_not_have() -> None:
    with pytest.raises(NotSupported):
        USDM.place_many([order()])
    with pytest.raises(NotSupported):
        USDM.dead_man(None, 10)
    assert (USDM.batch_max, USDM.ticket(), USDM.order_entry()) == (0, None, None)
    assert USDM.entry_charges("place", LISTING) == ()
    assert USDM.used_weight(Response(200, {}, b"")) == {}


def test_every_capability_is_told_in_order() -> None:
    assert [row.name for row in USDM.capabilities] == list(ACCOUNT_CAPABILITIES)
    assert all(row.note for row in USDM.capabilities if not row.supported)
    public = VENUE.markets[MarketKind.USDM](None).budgets
    assert {name: USDM.budgets[name] for name in public} == public
