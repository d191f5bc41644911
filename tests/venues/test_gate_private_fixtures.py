"""Every private payload of the gate fixtures, read by us and, where it has figures, parsed independently beside."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oneprice.errors import RateLimitError
from oneprice.model import AssetName, ExchangeName, MarketKind, NewOrder, OrderRef, OrderStatus, Side, Symbol
from oneprice.model import SymbolInfo as Listing
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import (
    BalanceUpdate,
    Call,
    Credentials,
    EntryAnswer,
    EntryEvent,
    EntryReady,
    EntryReceived,
    FillsQuery,
    FillUpdate,
    OrderUpdate,
    PrivateMarket,
    Response,
    Ticket,
    UserEvent,
)

Fixture = Callable[[str], tuple[bytes, Any]]
MS = 1_000_000
KEYS = Credentials("ea83fad2604399da16bf97e6eea772a6", "secret")
SPOT, USDM = (VENUE.accounts[kind](None, KEYS) for kind in (MarketKind.SPOT, MarketKind.USDM))


@pytest.fixture
def fixture(shared: Path) -> Fixture:
    """As it came, and parsed independently."""

    def read(name: str) -> tuple[bytes, Any]:
        body = (shared / "fixtures" / "gate" / f"{name}.json").read_bytes()
        return body, json.loads(body, parse_float=Decimal)

    return read


def listing(kind: MarketKind, venue_symbol: str) -> Listing:
    base, _, quote = venue_symbol.partition("_")
    return Listing(
        venue=ExchangeName("gate"),
        market=kind,
        symbol=Symbol(AssetName(base), AssetName(quote), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=Decimal("0.00001"),
        lot_size=Decimal("0.00001"),
    )


BTC, BTC_PERP = listing(MarketKind.SPOT, "BTC_USDT"), listing(MarketKind.USDM, "BTC_USDT")


def answered(call: Call[Any], body: bytes, status: int = 200) -> Any:
    return call.read(Response(status, {}, body))


def order(of: Listing, client_order_id: str) -> NewOrder:
    return NewOrder(
        listing=of, side=Side.BUY, client_order_id=client_order_id, quantity=Decimal(1), price=Decimal(65_000)
    )


def by_id(of: Listing) -> OrderRef:
    return OrderRef(listing=of, venue_order_id="1852454420")


# ---------------------------------------------------------------------- REST


def test_a_spot_order_placed_and_asked_for(fixture: Fixture, survives_mangling: Any) -> None:
    for name, call in (
        ("spot_rest_order_create_full", SPOT.place(order(BTC, "abc123"))),
        ("spot_rest_order_get", SPOT.query(by_id(BTC))),
    ):
        body, row = fixture(name)
        told = answered(call, body)
        assert (told.venue_order_id, "t-" + told.client_order_id) == (row["id"], row["text"])
        assert (told.quantity, told.price) == (Decimal(row["amount"]), Decimal(row["price"]))
        assert (told.filled_quantity, told.filled_quote) == (
            Decimal(row["filled_amount"]),
            Decimal(row["filled_total"]),
        )
        assert (told.status, told.average_price) == (OrderStatus.FILLED, Decimal(row["avg_deal_price"]))
        assert (told.created_ns, told.time_ns) == (row["create_time_ms"] * MS, row["update_time_ms"] * MS)
        survives_mangling(call, body)


def test_an_acknowledged_spot_order(fixture: Fixture) -> None:
    body, row = fixture("spot_rest_order_create_ack")
    told = answered(SPOT.place(order(BTC, "123456")), body, 201)
    assert (told.venue_order_id, told.client_order_id, told.status) == (row["id"], "123456", OrderStatus.PENDING_NEW)


def test_a_futures_order_placed(fixture: Fixture, survives_mangling: Any) -> None:
    body, row = fixture("futures_rest_order_create")
    call = USDM.place(order(BTC_PERP, "my-custom-id"))
    told = answered(call, body, 201)
    assert (told.venue_order_id, told.client_order_id) == (str(row["id"]), "my-custom-id")
    assert (told.status, told.reason, told.side) == (OrderStatus.CANCELED, "cancelled", Side.BUY)
    assert (told.quantity, told.filled_quantity) == (Decimal(row["size"]), Decimal(0))
    survives_mangling(call, body)


def test_open_orders_of_all_pairs(fixture: Fixture) -> None:
    body, ((pair),) = fixture("spot_rest_open_orders")
    (told,) = answered(SPOT.open_orders(None), body)
    row = pair["orders"][0]
    assert told.listing.venue_symbol == pair["currency_pair"]
    assert (told.status, told.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.5"))
    assert (told.filled_quote, told.price) == (Decimal(row["filled_total"]), Decimal(row["price"]))


def test_fills(fixture: Fixture, survives_mangling: Any) -> None:
    body, (row,) = fixture("spot_rest_my_trades")
    call = SPOT.fills(FillsQuery(listing=listing(MarketKind.SPOT, "ETH_BTC")))
    (fill,) = answered(call, body).fills
    assert (fill.venue_fill_id, fill.venue_order_id, fill.is_maker) == (row["id"], row["order_id"], True)
    assert (fill.price, fill.quantity) == (Decimal(row["price"]), Decimal(row["amount"]))
    assert [(fee.asset, fee.amount) for fee in fill.fees] == [(row["fee_currency"], Decimal(row["fee"]))]
    assert fill.time_ns == 1_548_000_000_123_456_000
    survives_mangling(call, body)
    body, (row,) = fixture("futures_rest_user_trades")
    (fill,) = answered(USDM.fills(FillsQuery(listing=BTC_PERP)), body).fills
    assert (fill.venue_fill_id, fill.quantity, fill.side) == (str(row["id"]), Decimal(row["size"]), Side.BUY)
    assert [(fee.asset, fee.amount) for fee in fill.fees] == [("USDT", Decimal(row["fee"]))]
    assert fill.time_ns == 1_514_764_800_123_000_000


def test_balances(fixture: Fixture, survives_mangling: Any) -> None:
    body, (row,) = fixture("spot_rest_accounts")
    (told,) = answered(SPOT.balances(), body)
    assert (told.asset, told.total, told.version) == (row["currency"], Decimal(row["available"]), row["update_id"])
    body, row = fixture("futures_rest_account")
    (told,) = answered(USDM.balances(), body)
    assert (told.asset, told.total, told.free) == (row["currency"], Decimal(row["total"]), Decimal(row["available"]))
    survives_mangling(USDM.balances(), body)


def test_fees_user_number_networks_and_countdown(fixture: Fixture) -> None:
    body, row = fixture("spot_rest_fee")
    fee = answered(SPOT.fees(BTC), body)
    assert (fee.taker, fee.maker, fee.discount_asset) == (Decimal(row["taker_fee"]), Decimal(row["maker_fee"]), None)
    body, row = fixture("account_rest_detail")
    call = USDM.ticket()
    assert call is not None
    assert answered(call, body).value == str(row["user_id"])
    body, (row,) = fixture("wallet_rest_currency_chains")
    (network,) = answered(SPOT.networks(AssetName("ETH")), body)
    assert (network.network, network.deposit_enabled, network.withdraw_enabled) == (row["chain"], True, True)
    body, _ = fixture("spot_rest_countdown_cancel_all")
    assert answered(SPOT.dead_man(None, 30), body) is None


# ---------------------------------------------------------------------- streams


def heard(account: PrivateMarket, body: bytes) -> UserEvent:
    (event,) = account.user_stream(Ticket("1")).read(body, False, 0)
    return event


def test_private_channels_of_spot(fixture: Fixture) -> None:
    body, frame = fixture("spot_ws_orders_put")
    (row,) = frame["result"]
    told = heard(SPOT, body)
    assert isinstance(told, OrderUpdate)
    assert (told.order.status, told.order.filled_quantity) == (OrderStatus.NEW, Decimal(0))
    assert (told.order.venue_order_id, told.order.client_order_id) == (row["id"], "testtext")
    assert told.order.time_ns == int(row["update_time_ms"]) * MS
    body, frame = fixture("spot_ws_usertrades")
    (row,) = frame["result"]
    fill = heard(SPOT, body)
    assert isinstance(fill, FillUpdate)
    assert (fill.fill.venue_fill_id, fill.fill.side) == (str(row["id"]), Side.SELL)
    assert fill.fill.fees is not None
    assert [(fee.asset, fee.amount) for fee in fill.fill.fees] == [("USDT", Decimal("0.002"))]
    body, frame = fixture("spot_ws_balances")
    (row,) = frame["result"]
    balance = heard(SPOT, body)
    assert isinstance(balance, BalanceUpdate)
    assert balance.balances[0].free == Decimal(row["available"])
    assert (balance.balances[0].total, balance.reason) == (Decimal(row["total"]), "order-create")


def test_private_channels_of_perpetuals(fixture: Fixture) -> None:
    body, frame = fixture("futures_ws_orders")
    (row,) = frame["result"]
    told = heard(USDM, body)
    assert isinstance(told, OrderUpdate)
    assert (told.order.status, told.order.client_order_id) == (OrderStatus.FILLED, "")
    assert (told.order.filled_quantity, told.order.filled_quote) == (Decimal(1), row["fill_price"])
    assert told.order.time_ns == row["finish_time_ms"] * MS
    body, frame = fixture("futures_ws_usertrades")
    (row,) = frame["result"]
    fill = heard(USDM, body)
    assert isinstance(fill, FillUpdate)
    assert (fill.fill.venue_fill_id, fill.fill.time_ns) == (row["id"], row["create_time_ms"] * MS)
    assert fill.fill.fees is not None
    assert fill.fill.fees[0].amount == row["fee"]
    body, frame = fixture("futures_ws_balances")
    (row,) = frame["result"]
    balance = heard(USDM, body)
    assert isinstance(balance, BalanceUpdate)
    assert (balance.balances[0].total, balance.reason) == (row["balance"], row["type"])


# ---------------------------------------------------------------------- order entry


def said(account: PrivateMarket, body: bytes) -> EntryEvent:
    entry = account.order_entry()
    assert entry is not None
    (event,) = entry.read(body, False)
    return event


def numbered(body: bytes, request_id: str) -> bytes:
    """With a request id as ours are."""
    return body.replace(json.dumps(request_id).encode(), b'"2"')


def test_our_commands_have_the_documented_shape(fixture: Fixture) -> None:
    entry = SPOT.order_entry()
    assert entry is not None
    _, told = fixture("spot_wsapi_login_request")
    (login,) = (json.loads(message) for message in entry.opening(told["time"] * 10**9))
    assert {name: login[name] for name in ("time", "channel", "event")} == {
        name: told[name] for name in ("time", "channel", "event")
    }
    assert login["payload"].keys() == told["payload"].keys()
    assert login["payload"]["api_key"] == told["payload"]["api_key"]
    _, told = fixture("spot_wsapi_order_cancel_request")
    meant = OrderRef(listing=listing(MarketKind.SPOT, "GT_USDT"), venue_order_id="1700664330")
    ours = json.loads(entry.cancel(meant, 5, told["time"] * 10**9))
    told["payload"]["req_id"] = "5"
    assert ours == told


def test_answers_to_commands(fixture: Fixture) -> None:
    assert said(SPOT, fixture("spot_wsapi_login_response")[0].replace(b'"request-1"', b'"login"')) == EntryReady()
    received = numbered(fixture("spot_wsapi_order_place_ack")[0], "request-2")
    assert said(SPOT, received) == EntryReceived(2)
    body, frame = fixture("spot_wsapi_order_place_result_full")
    placed = said(SPOT, numbered(body, "request-2"))
    assert isinstance(placed, EntryAnswer)
    assert not isinstance(placed.result, Exception)
    assert placed.result is not None
    assert placed.result.filled_quote == Decimal(frame["data"]["result"]["filled_total"])
    body, frame = fixture("futures_wsapi_order_place_result")
    placed = said(USDM, numbered(body, "request-id-1"))
    assert isinstance(placed, EntryAnswer)
    assert not isinstance(placed.result, Exception)
    assert placed.result is not None
    assert (placed.result.status, placed.result.filled_quantity) == (OrderStatus.FILLED, Decimal(10))
    assert placed.result.time_ns == 1_681_195_484_462_000_000
    refused = said(SPOT, numbered(fixture("spot_wsapi_error_rate_limit")[0], "xxxx"))
    assert isinstance(refused, EntryAnswer)
    assert isinstance(refused.result, RateLimitError)
    assert refused.result.retry_after_ms == 1_000
