"""Gate's private channels: subscribing, being ready, and what the updates mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from oneprice.errors import InvalidResponseError
from oneprice.model import AssetBalance, AssetName, ExchangeName, MarketKind, OrderStatus, Side, Symbol, SymbolInfo
from oneprice.venues.gate import VENUE
from oneprice.venues.gate.signing import Signing
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

TIME_S = 1_700_000_000
NOW_NS = TIME_S * 10**9 + 5
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
        contract_size=Decimal(1) if kind is MarketKind.SPOT else Decimal("0.0001"),
    )


def account(kind: MarketKind) -> PrivateMarket:
    made = VENUE.accounts[kind](None, KEYS)
    made.know([listing(kind)])
    return made


def stream(kind: MarketKind) -> UserStream:
    return account(kind).user_stream(Ticket("42"))


def word(kind: MarketKind) -> str:
    return "spot" if kind is MarketKind.SPOT else "futures"


def hear(of: UserStream, frame: object) -> list[UserEvent]:
    return of.read(json.dumps(frame).encode(), False, NOW_NS)


def update(channel: str, *rows: object) -> dict[str, object]:
    return {"time": TIME_S, "channel": channel, "event": "update", "result": list(rows)}


def ack(channel: str, **told: object) -> dict[str, object]:
    return {"time": TIME_S, "channel": channel, "event": "subscribe", "result": {"status": "success"}, **told}


# ---------------------------------------------------------------------- opening


def test_where_the_streams_are() -> None:
    assert stream(MarketKind.SPOT).url == "wss://api.gateio.ws/ws/v4/"
    assert stream(MarketKind.USDM).url == "wss://fx-ws.gateio.ws/v4/ws/usdt"
    here = VENUE.accounts[MarketKind.USDM](Hosts("http://127.0.0.1:1", "ws://127.0.0.1:2"), KEYS)
    assert here.user_stream(Ticket("42")).url == "ws://127.0.0.1:2/v4/ws/usdt"


def test_every_channel_is_signed_for() -> None:
    told = [json.loads(message) for message in stream(MarketKind.SPOT).opening(NOW_NS)]
    assert [(row["channel"], row.get("payload")) for row in told] == [
        ("spot.orders", ["!all"]),
        ("spot.usertrades", ["!all"]),
        ("spot.balances", None),
    ]
    for row in told:
        assert (row["time"], row["event"]) == (TIME_S, "subscribe")
        assert row["auth"] == Signing(KEYS).subscription(row["channel"], "subscribe", TIME_S)
    assert len({row["id"] for row in told}) == 3


def test_channels_of_perpetuals_want_the_users_number() -> None:
    told = [json.loads(message) for message in stream(MarketKind.USDM).opening(NOW_NS)]
    assert [(row["channel"], row["payload"]) for row in told] == [
        ("futures.orders", ["42", "!all"]),
        ("futures.usertrades", ["42", "!all"]),
        ("futures.balances", ["42"]),
        ("futures.positions", ["42", "!all"]),
    ]


@BOTH
def test_ready_when_every_channel_is_acknowledged_in_any_order(kind: MarketKind) -> None:
    of = stream(kind)
    channels = [json.loads(message)["channel"] for message in of.opening(NOW_NS)]
    *first, last = reversed(channels)
    assert [hear(of, ack(channel, id=7)) for channel in first] == [[]] * len(first)
    assert hear(of, ack(first[0])) == []
    assert hear(of, ack(last, error=None)) == [StreamReady()]
    assert hear(of, ack(last)) == []


@BOTH
def test_a_channel_that_is_refused(kind: MarketKind) -> None:
    channel = f"{word(kind)}.orders"
    error = {"code": 4, "message": "authentication fail"}
    (refusal,) = hear(stream(kind), ack(channel, error=error, result=None))
    assert refusal == Refusal(f"{channel}: authentication fail (code 4)")
    (refusal,) = hear(stream(kind), ack(channel, result={"status": "fail"}))
    assert isinstance(refusal, Refusal)


@BOTH
def test_pings_and_notices(kind: MarketKind) -> None:
    of = stream(kind)
    assert json.loads(of.ping(NOW_NS) or b"") == {"time": TIME_S, "channel": f"{word(kind)}.ping"}
    assert hear(of, {"time": TIME_S, "channel": f"{word(kind)}.pong", "event": "", "result": None}) == [Pong()]
    notice = {"channel": f"{word(kind)}.system", "event": "update", "result": {"type": "upgrade", "msg": "soon"}}
    assert hear(of, notice) == [Closing("upgrade")]


# ---------------------------------------------------------------------- orders

SPOT_ORDER = {
    "id": "399123456",
    "text": "t-testtext",
    "create_time_ms": "1694655225315",
    "update_time_ms": "1694655225999",
    "currency_pair": "BTC_USDT",
    "type": "limit",
    "side": "sell",
    "amount": "0.0003",
    "price": "26253.3",
    "time_in_force": "gtc",
    "left": "0.0001",
    "filled_total": "5.25",
    "filled_amount": "812.8",
    "event": "update",
    "finish_as": "open",
}


@pytest.mark.parametrize(
    ("event", "left", "finish_as", "status"),
    [
        ("put", "0.0003", "open", OrderStatus.NEW),
        ("update", "0.0001", "open", OrderStatus.PARTIALLY_FILLED),
        ("finish", "0", "filled", OrderStatus.FILLED),
        ("finish", "0.0001", "cancelled", OrderStatus.CANCELED),
        ("finish", "0.0001", "ioc", OrderStatus.EXPIRED),
        ("finish", "0.0003", "stp", OrderStatus.EXPIRED),
    ],
)
def test_a_spot_order_by_the_event(event: str, left: str, finish_as: str, status: OrderStatus) -> None:
    row = SPOT_ORDER | {"event": event, "left": left, "finish_as": finish_as}
    (told,) = hear(stream(MarketKind.SPOT), update("spot.orders", row))
    assert isinstance(told, OrderUpdate)
    order = told.order
    assert (order.status, order.filled_quantity) == (status, Decimal("0.0003") - Decimal(left))
    assert (order.client_order_id, order.side, order.time_ns) == ("testtext", Side.SELL, 1_694_655_225_999_000_000)
    assert order.listing == listing(MarketKind.SPOT)


FUTURES_ORDER = {
    "contract": "BTC_USDT",
    "create_time": 1_628_736_847,
    "create_time_ms": 1_628_736_847_325,
    "fill_price": "40000.4",
    "finish_as": "_new",
    "id": 4_872_460,
    "is_reduce_only": True,
    "left": "1",
    "price": "40000.4",
    "size": "-3",
    "status": "open",
    "text": "t-7",
    "tif": "gtc",
    "update_time": 1_628_736_848_321,
}


def test_a_futures_order_with_its_time_in_milliseconds() -> None:
    (told,) = hear(stream(MarketKind.USDM), update("futures.orders", FUTURES_ORDER))
    assert isinstance(told, OrderUpdate)
    order = told.order
    assert (order.status, order.side) == (OrderStatus.PARTIALLY_FILLED, Side.SELL)
    assert (order.quantity, order.filled_quantity, order.reduce_only) == (Decimal(3), Decimal(2), True)
    assert (order.filled_quote, order.reason) == (Decimal("8.00008"), "")
    assert (order.created_ns, order.time_ns) == (1_628_736_847_325_000_000, 1_628_736_848_321_000_000)
    finished = FUTURES_ORDER | {"status": "finished", "finish_as": "cancelled", "finish_time_ms": 1_628_736_849_000}
    del finished["update_time"]
    (told,) = hear(stream(MarketKind.USDM), update("futures.orders", finished))
    assert isinstance(told, OrderUpdate)
    assert (told.order.status, told.order.reason) == (OrderStatus.CANCELED, "cancelled")
    assert told.order.time_ns == 1_628_736_849_000_000_000


# ---------------------------------------------------------------------- fills, balances, positions


def test_a_spot_fill_whose_fee_names_no_asset() -> None:
    row = {
        "id": 5_736_713,
        "order_id": "30784428",
        "currency_pair": "BTC_USDT",
        "create_time_ms": "1605176741123.456",
        "side": "sell",
        "amount": "1.00000000",
        "role": "taker",
        "price": "10000.00000000",
        "fee": "0.002",
        "gt_fee": "0.5",
        "text": "apiv4",
    }
    sell, buy = hear(stream(MarketKind.SPOT), update("spot.usertrades", row, row | {"side": "buy", "gt_fee": "0"}))
    assert isinstance(sell, FillUpdate)
    assert isinstance(buy, FillUpdate)
    assert sell.fill.fees is not None
    assert buy.fill.fees is not None
    assert [(fee.asset, fee.amount) for fee in sell.fill.fees] == [("USDT", Decimal("0.002")), ("GT", Decimal("0.5"))]
    assert [fee.asset for fee in buy.fill.fees] == ["BTC"]
    assert (sell.fill.venue_fill_id, sell.fill.client_order_id) == ("5736713", "")
    assert (sell.fill.is_maker, sell.fill.time_ns) == (False, 1_605_176_741_123_456_000)


def test_a_futures_fill() -> None:
    row = {
        "id": "3335259",
        "create_time": 1_628_736_848,
        "create_time_ms": 1_628_736_848_321,
        "contract": "BTC_USDT",
        "order_id": "4872460",
        "size": -1,
        "price": "40000.4",
        "role": "maker",
        "text": "t-7",
        "fee": 0.0009290592,
        "point_fee": 0,
    }
    (told,) = hear(stream(MarketKind.USDM), update("futures.usertrades", row))
    assert isinstance(told, FillUpdate)
    fill = told.fill
    assert (fill.side, fill.quantity, fill.client_order_id, fill.is_maker) == (Side.SELL, Decimal(1), "7", True)
    assert fill.fees is not None
    assert [(fee.asset, fee.amount) for fee in fill.fees] == [("USDT", Decimal("0.0009290592"))]


SPOT_BALANCE = {
    "timestamp_ms": "1667556323730",
    "currency": "USDT",
    "change": "-5.10",
    "total": "222244.3827652",
    "available": "222239.3827652",
    "change_type": "order-create",
}


def test_balances_of_spot_and_what_moves_them() -> None:
    of, time_ns = stream(MarketKind.SPOT), 1_667_556_323_730_000_000
    balance = AssetBalance(
        asset=AssetName("USDT"), total=Decimal("222244.3827652"), free=Decimal("222239.3827652"), time_ns=time_ns
    )
    assert hear(of, update("spot.balances", SPOT_BALANCE)) == [BalanceUpdate((balance,), "order-create")]
    for reason in ("withdraw", "margin-transfer"):
        told = hear(of, update("spot.balances", SPOT_BALANCE | {"change_type": reason}))
        assert told == [
            BalanceUpdate((balance,), reason),
            BalanceMoved(AssetName("USDT"), "-5.1", time_ns, reason),
        ]


def test_the_balance_of_perpetuals() -> None:
    row = {"balance": 9.998739899488, "change": -2.074115e-06, "time_ms": 1_547_199_246_123, "type": "fee"}
    (told,) = hear(stream(MarketKind.USDM), update("futures.balances", row))
    assert isinstance(told, BalanceUpdate)
    assert (told.balances[0].total, told.balances[0].free) == (Decimal("9.998739899488"), None)
    change = row | {"type": "dnw", "change": "1E+2", "currency": "usdt"}
    moved = hear(stream(MarketKind.USDM), update("futures.balances", change))
    assert moved[1] == BalanceMoved(AssetName("USDT"), "100", 1_547_199_246_123_000_000, "dnw")


def test_positions_also_those_that_were_closed() -> None:
    row = {
        "contract": "BTC_USDT",
        "size": "0",
        "entry_price": 0,
        "leverage": 10,
        "time_ms": 1_628_736_848_321,
        "liq_price": 0.1,
    }
    (told,) = hear(stream(MarketKind.USDM), update("futures.positions", row))
    assert isinstance(told, PositionUpdate)
    assert (told.position.quantity, told.position.entry_price, told.position.leverage) == (0, None, Decimal(10))
    assert (told.position.time_ns, told.position.liquidation_price) == (1_628_736_848_321_000_000, None)


def test_a_symbol_that_the_rules_do_not_have() -> None:
    (told,) = hear(stream(MarketKind.SPOT), update("spot.orders", SPOT_ORDER | {"currency_pair": "GONE_USDT"}))
    assert isinstance(told, OrderUpdate)
    assert (told.order.listing.status, told.order.listing.venue_symbol) == ("unlisted", "GONE_USDT")


@pytest.mark.parametrize("mode", ["dual_long", "dual_short"])
def test_hedge_mode_makes_the_stream_useless_once_there_is_a_position(mode: str) -> None:
    row = {"contract": "BTC_USDT", "size": "3", "entry_price": 1, "mode": mode, "time_ms": 1_628_736_848_321}
    (told,) = hear(stream(MarketKind.USDM), update("futures.positions", row))
    assert isinstance(told, Refusal)
    assert "hedge mode" in told.reason
    assert hear(stream(MarketKind.USDM), update("futures.positions", row | {"size": "0"})) == []
    (told,) = hear(stream(MarketKind.USDM), update("futures.positions", row | {"mode": "single"}))
    assert isinstance(told, PositionUpdate)


def test_channels_and_events_that_are_new_do_not_end_the_stream() -> None:
    assert hear(stream(MarketKind.SPOT), {"channel": "what.ever", "event": "update", "result": []}) == []
    assert hear(stream(MarketKind.SPOT), {"channel": "spot.orders", "event": "news", "result": {}}) == []


# ---------------------------------------------------------------------- nonsense


def spoilt(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in row:
        for value in (None, [], {}, "x" * 200, "NaN", True, -1, 1.5, ""):
            yield row | {key: value}
        yield {name: told for name, told in row.items() if name != key}


@pytest.mark.parametrize(
    ("kind", "channel", "row"),
    [
        (MarketKind.SPOT, "spot.orders", SPOT_ORDER),
        (MarketKind.SPOT, "spot.balances", SPOT_BALANCE),
        (MarketKind.USDM, "futures.orders", FUTURES_ORDER),
    ],
    ids=["spot orders", "spot balances", "futures orders"],
)
def test_spoilt_updates_are_refused_or_read_and_nothing_else(
    kind: MarketKind, channel: str, row: dict[str, Any]
) -> None:
    refused: list[str] = []
    for bad in spoilt(row):
        try:
            hear(stream(kind), update(channel, bad))
        except InvalidResponseError as error:
            refused.append(error.venue)
    assert len(refused) > 20
    assert set(refused) == {f"gate-{kind.value}"}


@BOTH
@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b"\xff", b"[" * 5_000, b'{"event":"update","result":[]}'],
)
def test_unknown_frames_are_refused(kind: MarketKind, payload: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        stream(kind).read(payload, False, NOW_NS)
