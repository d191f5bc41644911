"""MEXC's private streams: how they are opened, and what their frames say. ccxt's protobuf classes write the frames."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from ccxt.protobuf.mexc import PushDataV3ApiWrapper_pb2
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import InvalidResponseError
from oneprice.model import (
    AssetBalance,
    AssetName,
    ExchangeName,
    Fee,
    Fill,
    MarketKind,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.kit import (
    BalanceMoved,
    BalanceUpdate,
    Credentials,
    FillUpdate,
    Hosts,
    OrderUpdate,
    Pong,
    PositionUpdate,
    Refusal,
    Reply,
    StreamReady,
    Ticket,
    UserEvent,
    UserStream,
)
from oneprice.venues.mexc import VENUE

D = Decimal
MS = 1_000_000
KEYS = Credentials("mx0aBYs33eIilxBWC5", "45d0b3c26f2644f19bfb98b07741b2f5")
SPOT, USDM = (VENUE.accounts[kind](None, KEYS) for kind in (MarketKind.SPOT, MarketKind.USDM))
CHANNELS = [f"spot@private.{word}.v3.api.pb" for word in ("orders", "deals", "account")]


def listing_of(kind: MarketKind) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol="BTCUSDT" if kind is MarketKind.SPOT else "BTC_USDT",
        tick_size=D("0.01"),
        lot_size=D("0.000001"),
        contract_size=D(1) if kind is MarketKind.SPOT else D("0.0001"),
    )


BTC, BTC_USDT = listing_of(MarketKind.SPOT), listing_of(MarketKind.USDM)
SPOT.know([BTC])
USDM.know([BTC_USDT])


def spot_stream() -> UserStream:
    return SPOT.user_stream(Ticket("a1b2"))


def told(stream: UserStream, frame: object) -> list[UserEvent]:
    if isinstance(frame, bytes):
        return stream.read(frame, True, 0)
    return stream.read(msgspec.json.encode(frame), False, 0)


# ---------------------------------------------------------------------- spot


def pushed(body: str, symbol: str = "BTCUSDT", **fields: Any) -> bytes:
    """A frame as the venue writes it: what is empty or 0 is not there."""
    wrapper = PushDataV3ApiWrapper_pb2.PushDataV3ApiWrapper(channel="spot@private", sendTime=1736417034281)
    if symbol:
        wrapper.symbol = symbol
    target = getattr(wrapper, body)
    target.SetInParent()
    for name, value in fields.items():
        setattr(target, name, value)
    return bytes(wrapper.SerializeToString())


def order_frame(**changes: Any) -> bytes:
    fields = {
        "id": "C02__5",
        "clientId": "op_1-a",
        "price": "60000.5",
        "quantity": "0.0012",
        "amount": "72.0006",
        "avgPrice": "60000.5",
        "orderType": 3,
        "tradeType": 2,
        "remainAmount": "42",
        "remainQuantity": "0.0007",
        "cumulativeQuantity": "0.0005",
        "cumulativeAmount": "30.00025",
        "status": 5,
        "createTime": 1736417034259,
    }
    return pushed("privateOrders", **{**fields, **changes})


def test_spot_subscribes_to_three_channels_and_is_ready_with_the_last() -> None:
    stream = spot_stream()
    assert stream.url == "wss://wbs-api.mexc.com/ws?listenKey=a1b2"
    opening = [msgspec.json.decode(message) for message in stream.opening(0)]
    assert opening == [
        {"method": "SUBSCRIPTION", "params": [name], "id": number} for number, name in enumerate(CHANNELS, 1)
    ]
    events = [told(stream, {"id": 0, "code": 0, "msg": name}) for name in (CHANNELS[1], CHANNELS[0], CHANNELS[2])]
    assert events == [[], [], [StreamReady()]]
    assert told(stream, {"id": 0, "code": 0, "msg": CHANNELS[0]}) == told(stream, {"code": 0, "msg": "news"}) == []
    assert told(spot_stream(), {"id": 1, "code": 0, "msg": ",".join(CHANNELS)}) == [StreamReady()]


def test_spot_elsewhere() -> None:
    account = VENUE.accounts[MarketKind.SPOT](Hosts("http://127.0.0.1:1", "ws://127.0.0.1:2"), KEYS)
    assert account.user_stream(Ticket("a&b")).url == "ws://127.0.0.1:2/ws?listenKey=a%26b"
    assert account.rest_url == "http://127.0.0.1:1"


def test_spot_refusals_have_code_0_too() -> None:
    refused = {"id": 1, "code": 0, "msg": f"Not Subscribed successfully! [{CHANNELS[0]}].  Reason: Blocked! "}
    stream = spot_stream()
    (refusal,) = told(stream, refused)
    assert isinstance(refusal, Refusal)
    assert "Blocked!" in refusal.reason
    assert isinstance(told(stream, {"id": 1, "code": 7, "msg": CHANNELS[0]})[0], Refusal)
    assert isinstance(told(stream, {"id": 1, "code": 0, "msg": "no"})[0], Refusal)


def test_we_ping_on_spot() -> None:
    stream = spot_stream()
    assert stream.ping(0) == b'{"method":"PING"}'
    assert (stream.ping_every_s, stream.lifetime_s) == (15.0, 86_400.0)
    assert told(stream, {"id": 0, "code": 0, "msg": "PONG"}) == [Pong()]
    assert stream.read(b'{"id":0,"code":0,"msg":"PONG"}', True, 0) == [Pong()]


def test_a_spot_order() -> None:
    assert told(spot_stream(), order_frame()) == [
        OrderUpdate(
            Order(
                listing=BTC,
                venue_order_id="C02__5",
                status=OrderStatus.CANCELED,
                client_order_id="op_1-a",
                side=Side.SELL,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.IOC,
                price=D("60000.5"),
                quantity=D("0.0012"),
                filled_quantity=D("0.0005"),
                filled_quote=D("30.00025"),
                time_ns=1736417034281 * MS,
                created_ns=1736417034259 * MS,
            )
        )
    ]


def order_told(**changes: Any) -> Order:
    (event,) = told(spot_stream(), order_frame(**changes))
    assert isinstance(event, OrderUpdate)
    return event.order


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (1, OrderStatus.NEW),
        (2, OrderStatus.FILLED),
        (3, OrderStatus.PARTIALLY_FILLED),
        (4, OrderStatus.CANCELED),
        (5, OrderStatus.CANCELED),
        (0, OrderStatus.UNKNOWN),
        (6, OrderStatus.UNKNOWN),
    ],
)
def test_spot_statuses(number: int, status: OrderStatus) -> None:
    order = order_told(status=number)
    assert (order.status, bool(order.reason)) == (status, status is OrderStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("number", "kind", "force"),
    [
        (1, OrderType.LIMIT, TimeInForce.GTC),
        (2, OrderType.LIMIT_MAKER, TimeInForce.GTC),
        (3, OrderType.LIMIT, TimeInForce.IOC),
        (4, OrderType.LIMIT, TimeInForce.FOK),
        (5, OrderType.MARKET, None),
        (100, None, None),
    ],
)
def test_spot_types(number: int, kind: OrderType | None, force: TimeInForce | None) -> None:
    order = order_told(orderType=number)
    assert (order.type, order.time_in_force) == (kind, force)
    assert (order.price is None) is (kind is OrderType.MARKET)


def test_a_market_order_by_quote_has_no_quantity() -> None:
    for quantity in ("", "0", "0.0004"):
        order = order_told(orderType=5, quantity=quantity, amount="25", tradeType=1)
        assert (order.quantity, order.quote_quantity, order.side) == (None, D(25), Side.BUY)
    order = order_told(orderType=5, quantity="0.5", amount="0")
    assert (order.quantity, order.quote_quantity) == (D("0.5"), None)


def test_what_a_spot_frame_leaves_out_is_not_told() -> None:
    order = order_told(clientId="", cumulativeQuantity="", cumulativeAmount="", price="", tradeType=0, createTime=0)
    assert (order.client_order_id, order.filled_quantity, order.filled_quote) == ("", None, None)
    assert (order.price, order.side, order.created_ns) == (None, None, 0)


DEAL: dict[str, Any] = {
    "price": "3.6962",
    "quantity": "1",
    "amount": "3.6962",
    "tradeType": 1,
    "isMaker": True,
    "tradeId": "505X1",
    "clientOrderId": "op_1-a",
    "orderId": "C02__5",
    "feeAmount": "0.00039983",
    "feeCurrency": "MX",
    "time": 1736417034280,
}


def test_a_spot_fill() -> None:
    fill = Fill(
        listing=BTC,
        venue_fill_id="505X1",
        venue_order_id="C02__5",
        side=Side.BUY,
        price=D("3.6962"),
        quantity=D(1),
        time_ns=1736417034280 * MS,
        client_order_id="op_1-a",
        fees=(Fee(AssetName("MX"), D("0.00039983")),),
        is_maker=True,
    )
    assert told(spot_stream(), pushed("privateDeals", **DEAL)) == [FillUpdate(fill)]
    (event,) = told(spot_stream(), pushed("privateDeals", **DEAL | {"feeAmount": "", "isMaker": False}))
    assert isinstance(event, FillUpdate)
    assert (event.fill.fees, event.fill.is_maker) == (None, False)
    for fee, fees in (("0", ()), ("0.1", None)):  # a fee of 0 is none; one in an unknown asset is not told
        (event,) = told(spot_stream(), pushed("privateDeals", **DEAL | {"feeAmount": fee, "feeCurrency": ""}))
        assert isinstance(event, FillUpdate)
        assert event.fill.fees == fees


@pytest.mark.parametrize("changes", [{"price": "0"}, {"quantity": ""}, {"tradeType": 3}, {"price": "dear"}])
def test_a_fill_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError, match="private stream"):
        told(spot_stream(), pushed("privateDeals", **DEAL | changes))


def account_frame(reason: str, balance_change: str, frozen_change: str) -> bytes:
    return pushed(
        "privateAccount",
        symbol="",
        vcoinName="USDT",
        coinId="128f",
        balanceAmount="0.006016465074677006",
        balanceAmountChange=balance_change,
        frozenAmount="4.4022",
        frozenAmountChange=frozen_change,
        type=reason,
        time=1758134605364,
    )


BALANCE = AssetBalance(
    asset=AssetName("USDT"),
    total=D("4.408216465074677006"),
    free=D("0.006016465074677006"),
    time_ns=1758134605364 * MS,
)


def test_a_spot_balance() -> None:
    frame = account_frame("ENTRUST_PLACE", "-4.4022", "4.4022")
    assert told(spot_stream(), frame) == [BalanceUpdate((BALANCE,), "ENTRUST_PLACE")]


def test_deposits_and_withdrawals_are_told_apart_from_trading() -> None:
    assert told(spot_stream(), account_frame("DEPOSIT", "0.0000001", "0")) == [
        BalanceUpdate((BALANCE,), "DEPOSIT"),
        BalanceMoved(AssetName("USDT"), "0.0000001", BALANCE.time_ns, "DEPOSIT"),
    ]
    held = told(spot_stream(), account_frame("WITHDRAW", "-4.4022", "4.4022"))
    assert held == [BalanceUpdate((BALANCE,), "WITHDRAW")]


def test_frames_without_body_and_fields_of_the_future_are_no_matter() -> None:
    wrapper = PushDataV3ApiWrapper_pb2.PushDataV3ApiWrapper(channel="spot@private.orders.v3.api.pb", symbol="BTCUSDT")
    assert told(spot_stream(), bytes(wrapper.SerializeToString())) == []
    assert told(spot_stream(), b"") == []
    number, eight, four, text = b"\xf8\x3e\x01", b"\xf9\x3e12345678", b"\xfd\x3e1234", b"\xfa\x3e\x02ab"  # field 1007
    for later in (number, eight, four, text):
        assert told(spot_stream(), later + later + order_frame()) == told(spot_stream(), order_frame())


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (order_frame() + b"\xf9\x3e1234", "cut short"),
        (order_frame()[:-1], "cut short"),
        (order_frame() + b"\x80", "cut short"),
        (order_frame() + b"\x80" * 12, "too long"),
        (b"\x00\x01", "field number 0"),
        (b"\x0b", "wire type 3"),
        (order_frame() + order_frame(), "twice"),
        (b"\x1a\x01\xff" + order_frame(), "utf-8"),
    ],
)
def test_a_frame_that_is_no_message_is_refused(frame: bytes, why: str) -> None:
    with pytest.raises(InvalidResponseError, match=why):
        told(spot_stream(), frame)


def test_a_symbol_that_is_not_listed() -> None:
    (event,) = told(spot_stream(), pushed("privateOrders", symbol="OLDUSDT", id="1", status=1))
    assert isinstance(event, OrderUpdate)
    assert (event.order.listing.venue_symbol, event.order.listing.status) == ("OLDUSDT", "unlisted")
    with pytest.raises(InvalidResponseError, match="symbol"):
        told(spot_stream(), pushed("privateOrders", symbol="", id="1", status=1))


FRAMES = [
    order_frame(),
    pushed("privateDeals", **DEAL),
    account_frame("DEPOSIT", "1", "0"),
    b'{"id":0,"code":0,"msg":"spot@private.orders.v3.api.pb"}',
]


@given(frame=st.sampled_from(FRAMES), cut=st.integers(0, 200), place=st.integers(0, 200), byte=st.binary(max_size=3))
def test_a_spoilt_spot_frame_is_read_or_refused(frame: bytes, cut: int, place: int, byte: bytes) -> None:
    refused: list[InvalidResponseError] = []
    for spoilt in (frame[:cut], frame[:place] + byte + frame[place + 1 :], byte):
        try:
            told(spot_stream(), spoilt)
        except InvalidResponseError as error:
            refused.append(error)
    assert all(error.venue == "mexc-spot" and len(str(error)) < 1_000 for error in refused)


# ---------------------------------------------------------------------- perpetuals


def futures_stream() -> UserStream:
    return USDM.user_stream(None)


def push(channel: str, data: object) -> dict[str, object]:
    return {"channel": f"push.personal.{channel}", "data": data, "ts": 1610005069989}


ORDER = {
    "orderId": "102067003631907840",
    "symbol": "BTC_USDT",
    "price": 60000.5,
    "vol": 12,
    "side": 4,
    "orderType": 1,
    "dealAvgPrice": 60000.25,
    "dealVol": 5,
    "remainVol": 7,
    "state": 2,
    "externalOid": "op_1-a",
    "errorCode": 0,
    "version": 2,
    "createTime": 1610005069976,
    "updateTime": 1610005069983,
}


def test_perpetuals_log_in_and_then_choose_what_they_hear() -> None:
    stream = futures_stream()
    assert stream.url == "wss://contract.mexc.com/edge"
    (login,) = stream.opening(1657186536762 * MS)
    assert msgspec.json.decode(login)["method"] == "login"
    ready, reply = told(stream, {"channel": "rs.login", "data": "success", "ts": "1587442022003"})
    assert ready == StreamReady()
    assert isinstance(reply, Reply)
    assert msgspec.json.decode(reply.payload) == {
        "method": "personal.filter",
        "param": {"filters": [{"filter": name} for name in ("order", "order.deal", "position", "asset")]},
    }
    assert told(stream, {"channel": "rs.personal.filter", "data": "success", "ts": 1}) == []


@pytest.mark.parametrize(
    ("channel", "data"),
    [("rs.error", "signature validation failed"), ("rs.login", {"code": 602}), ("rs.personal.filter", "no")],
)
def test_perpetuals_refusals(channel: str, data: object) -> None:
    (refusal,) = told(futures_stream(), {"channel": channel, "data": data, "ts": "1"})
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(channel)


def test_we_ping_on_perpetuals() -> None:
    stream = futures_stream()
    assert stream.ping(0) == b'{"method":"ping"}'
    assert (stream.ping_every_s, stream.lifetime_s) == (15.0, 0.0)
    assert told(stream, {"channel": "pong", "data": 1587453241453}) == [Pong()]


def test_a_perpetual_order() -> None:
    assert told(futures_stream(), push("order", ORDER)) == [
        OrderUpdate(
            Order(
                listing=BTC_USDT,
                venue_order_id="102067003631907840",
                status=OrderStatus.PARTIALLY_FILLED,
                client_order_id="op_1-a",
                side=Side.SELL,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                price=D("60000.5"),
                quantity=D(12),
                filled_quantity=D(5),
                filled_quote=D("30.000125"),
                reduce_only=True,
                time_ns=1610005069983 * MS,
                created_ns=1610005069976 * MS,
            )
        )
    ]


def test_perpetual_fills_alone_and_in_a_list() -> None:
    deal = {
        "id": 987654321,
        "symbol": "BTC_USDT",
        "side": 1,
        "vol": 10,
        "price": 45000.5,
        "feeCurrency": "USDT",
        "fee": -0.225,
        "timestamp": 1760942212000,
        "isTaker": False,
        "orderId": 123456789,
        "externalOid": "op_1-a",
    }
    (event,) = told(futures_stream(), push("order.deal", deal))
    assert isinstance(event, FillUpdate)
    fill = event.fill
    assert (fill.venue_fill_id, fill.venue_order_id, fill.client_order_id) == ("987654321", "123456789", "op_1-a")
    assert (fill.side, fill.price, fill.quantity, fill.is_maker) == (Side.BUY, D("45000.5"), D(10), True)
    assert (fill.fees, fill.time_ns) == ((Fee(AssetName("USDT"), D("-0.225")),), 1760942212000 * MS)
    assert told(futures_stream(), push("order.deal", [deal, deal])) == [event, event]


def test_positions_and_balances() -> None:
    row = {"symbol": "BTC_USDT", "positionType": 1, "holdVol": 0, "holdAvgPrice": 0.736, "leverage": 15, "state": 3}
    closed = Position(
        listing=BTC_USDT, quantity=D(0), entry_price=D("0.736"), leverage=D(15), time_ns=1610005069989 * MS
    )
    assert told(futures_stream(), push("position", row)) == [PositionUpdate(closed)]
    row = {"availableBalance": 0.75, "bonus": 0, "currency": "USDT", "frozenBalance": 1, "positionMargin": 2}
    balance = AssetBalance(asset=AssetName("USDT"), total=D("3.75"), free=D("0.75"), time_ns=1610005069989 * MS)
    assert told(futures_stream(), push("asset", row)) == [BalanceUpdate((balance,))]


def test_other_channels_say_nothing_to_us_and_do_not_end_the_stream() -> None:
    assert told(futures_stream(), push("adl.level", {"adlLevel": 0, "positionId": 1})) == []
    assert told(futures_stream(), {"channel": "push.news", "data": []}) == []


@pytest.mark.parametrize(
    "frame", [b"", b"null", b"[]", b'{"channel":1}', b"\xff", b"[" * 10_000, b'{"channel":"push.personal.order"}']
)
def test_a_spoilt_perpetual_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        futures_stream().read(frame, False, 0)
    with pytest.raises(InvalidResponseError):
        told(futures_stream(), push("order", ORDER | {"side": 9}))
