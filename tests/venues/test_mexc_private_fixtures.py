"""Every private payload of the mexc fixtures, as the codecs read it, against an independent reading of the file."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oneprice.errors import InvalidOrderError, OrderNotFoundError
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
    TransferStatus,
)
from oneprice.venues.kit import (
    BalanceUpdate,
    Call,
    Credentials,
    FillsQuery,
    FillUpdate,
    OrderUpdate,
    Response,
    Ticket,
    UserEvent,
)
from oneprice.venues.mexc import VENUE

D = Decimal
MS = 1_000_000
KEYS = Credentials("key", "secret")
SPOT, USDM = (VENUE.accounts[kind](None, KEYS) for kind in (MarketKind.SPOT, MarketKind.USDM))
Mangling = Callable[[Call[Any], bytes], None]
PRIVATE = (
    *("futures_rest_account_*", "futures_rest_order_*", "futures_rest_positions", "futures_ws_push_personal_*"),
    *("spot_rest_account", "spot_rest_api_key_info", "spot_rest_batch_*", "spot_rest_capital_*", "spot_rest_deposit_*"),
    *("spot_rest_listen_key_*", "spot_rest_my_trades", "spot_rest_open_orders", "spot_rest_order_*"),
    *("spot_rest_trade_fee", "spot_rest_withdraw_*", "spot_ws_private_*"),
)


def listing_of(kind: MarketKind, venue_symbol: str) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=kind,
        symbol=Symbol(AssetName("A"), AssetName("B"), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D(1),
        lot_size=D(1),
        contract_size=D("0.01") if kind is MarketKind.USDM else D(1),
    )


LTC, MX, BTC, BNB = (listing_of(MarketKind.SPOT, name) for name in ("LTCBTC", "MXUSDT", "BTCUSDT", "BNBBTC"))
ETH, CRV, XBT = (listing_of(MarketKind.USDM, name) for name in ("ETH_USDT", "CRV_USDT", "BTC_USDT"))
SPOT.know([LTC, MX, BTC, BNB])
USDM.know([ETH, CRV, XBT])


def fixture(shared: Path, name: str) -> tuple[bytes, Any]:
    """As it came, and parsed independently."""
    body = (shared / "fixtures" / "mexc" / f"{name}.json").read_bytes()
    return body, json.loads(body, parse_float=Decimal)


def new_order(listing: SymbolInfo, number: str) -> NewOrder:
    return NewOrder(listing=listing, side=Side.BUY, client_order_id=number, quantity=D(1), price=D(1))


def test_every_private_fixture_is_read_here(shared: Path) -> None:
    own = Path(__file__).read_text(encoding="utf-8")
    stems = {path.stem for path in (shared / "fixtures" / "mexc").iterdir()}
    private = {stem for stem in stems if any(fnmatch.fnmatch(stem, pattern) for pattern in PRIVATE)}
    assert not {stem for stem in private if f'"{stem}"' not in own}
    for pattern in PRIVATE:
        assert fnmatch.filter(stems, pattern), f"{pattern} names nothing"


# ---------------------------------------------------------------------- spot


@pytest.mark.parametrize("name", ["spot_rest_order_new_response", "spot_rest_order_new_response_minimal"])
def test_new_spot_orders(shared: Path, survives_mangling: Mangling, name: str) -> None:
    body, told = fixture(shared, name)
    call = SPOT.place(new_order(MX if told["symbol"] == "MXUSDT" else BTC, "mine"))
    order = call.read(Response(200, {}, body))
    assert (order.venue_order_id, order.status, order.client_order_id) == (told["orderId"], OrderStatus.NEW, "mine")
    assert order.filled_quantity is None
    if "price" in told:
        assert (order.price, order.quantity) == (D(told["price"]), D(told["origQty"]))
        assert order.time_ns == told["transactTime"] * MS
    survives_mangling(call, body)


def test_a_batch(shared: Path, survives_mangling: Mangling) -> None:
    body, rows = fixture(shared, "spot_rest_batch_orders_mixed_result")
    call = SPOT.place_many([new_order(BTC, number) for number in ("hio8279hbdsds", "123456", "third")])
    first, second, third = call.read(Response(200, {}, body))
    assert isinstance(first, Order)
    assert isinstance(third, Order)
    assert (first.venue_order_id, third.venue_order_id) == (rows[0]["orderId"], rows[2]["orderId"])
    assert (first.client_order_id, third.client_order_id) == ("hio8279hbdsds", "third")
    assert isinstance(second, InvalidOrderError)
    assert (second.code, second.message) == (str(rows[1]["code"]), rows[1]["msg"])
    survives_mangling(call, body)


@pytest.mark.parametrize(
    ("name", "status", "client_order_id"),
    [
        ("spot_rest_order_query", OrderStatus.NEW, "myOrder1"),
        ("spot_rest_order_query_origqty", OrderStatus.NEW, "myOrder1"),
        ("spot_rest_order_cancel", OrderStatus.CANCELED, "myOrder1"),
        ("spot_rest_open_orders", OrderStatus.NEW, "myOrder1"),
    ],
)
def test_spot_orders(
    shared: Path, survives_mangling: Mangling, name: str, status: OrderStatus, client_order_id: str
) -> None:
    body, told = fixture(shared, name)
    row = told[0] if isinstance(told, list) else told
    ref = OrderRef(listing=LTC, venue_order_id="1")
    calls: dict[str, Call[Any]] = {
        "spot_rest_order_cancel": SPOT.cancel(ref),
        "spot_rest_open_orders": SPOT.open_orders(None),
    }
    call = calls.get(name, SPOT.query(ref))
    found = call.read(Response(200, {}, body))
    order = found[0] if isinstance(found, list) else found
    assert (order.status, order.client_order_id, order.listing) == (status, client_order_id, LTC)
    assert (order.venue_order_id, order.side, order.type) == (str(row["orderId"]), Side.BUY, OrderType.LIMIT)
    assert (order.price, order.quantity) == (D(row["price"]), D(row.get("origQty", row.get("Qty"))))
    assert (order.filled_quantity, order.filled_quote) == (D(row["executedQty"]), D(row["cummulativeQuoteQty"]))
    assert (order.time_ns, order.reason) == (row.get("updateTime", 0) * MS, "")
    survives_mangling(call, body)


def test_spot_fills(shared: Path, survives_mangling: Mangling) -> None:
    body, (row,) = fixture(shared, "spot_rest_my_trades")
    call = SPOT.fills(FillsQuery(listing=BNB))
    (fill,) = call.read(Response(200, {}, body)).fills
    assert (fill.venue_fill_id, fill.venue_order_id, fill.side) == (row["id"], row["orderId"], Side.BUY)
    assert (fill.price, fill.quantity, fill.time_ns) == (D(row["price"]), D(row["qty"]), row["time"] * MS)
    assert fill.fees is not None
    assert (fill.fees[0].asset, fill.fees[0].amount) == (row["commissionAsset"], D(row["commission"]))
    assert (fill.is_maker, fill.client_order_id) == (False, "")
    survives_mangling(call, body)


def test_spot_balances(shared: Path, survives_mangling: Mangling) -> None:
    body, told = fixture(shared, "spot_rest_account")
    found = SPOT.balances().read(Response(200, {}, body))
    rows = told["balances"]
    assert [(one.asset, one.free, one.locked) for one in found] == [
        (row["asset"], D(row["free"]), D(row["locked"])) for row in rows
    ]
    survives_mangling(SPOT.balances(), body)


def test_spot_fees(shared: Path, survives_mangling: Mangling) -> None:
    body, told = fixture(shared, "spot_rest_trade_fee")
    found = SPOT.fees(BTC).read(Response(200, {}, body))
    assert (found.maker, found.taker) == (told["data"]["makerCommission"], told["data"]["takerCommission"])
    survives_mangling(SPOT.fees(BTC), json.dumps({"data": dict.fromkeys(told["data"], "0.003")}).encode())


def test_a_keys_rights(shared: Path, survives_mangling: Mangling) -> None:
    body, told = fixture(shared, "spot_rest_api_key_info")
    found = SPOT.permissions().read(Response(200, {}, body))
    assert found.scopes == tuple(told["permissions"].split(","))
    assert (found.can_read, found.can_trade, found.can_withdraw, found.can_transfer) == (True, True, False, False)
    assert found.ip_restricted is False
    of_perpetuals = USDM.permissions().read(Response(200, {}, body))
    assert (of_perpetuals.can_read, of_perpetuals.can_trade) == (True, False)
    survives_mangling(SPOT.permissions(), body)


def test_networks(shared: Path, survives_mangling: Mangling) -> None:
    body, told = fixture(shared, "spot_rest_capital_config_getall")
    call = SPOT.networks(AssetName("EOS"))
    rows = told[0]["networkList"]
    for found, row in zip(call.read(Response(200, {}, body)), rows, strict=True):
        assert (found.network, found.contract) == (row["netWork"], row["contract"])
        assert (found.deposit_enabled, found.withdraw_enabled) == (row["depositEnable"], row["withdrawEnable"])
        assert (found.withdraw_fee, found.withdraw_min) == (D(row["withdrawFee"]), D(row["withdrawMin"]))
    survives_mangling(call, body)


def test_deposits_and_withdrawals(shared: Path, survives_mangling: Mangling) -> None:
    body, (row,) = fixture(shared, "spot_rest_deposit_hisrec")
    (deposit,) = SPOT.deposits(0, MS).read(Response(200, {}, body))
    assert (deposit.id, deposit.amount, deposit.time_ns) == (row["txId"], D(row["amount"]), row["insertTime"] * MS)
    assert (deposit.status, deposit.venue_status) == (TransferStatus.DONE, "5")
    survives_mangling(SPOT.deposits(0, MS), body)
    body, (row,) = fixture(shared, "spot_rest_withdraw_history")
    (withdrawal,) = SPOT.withdrawals(0, MS).read(Response(200, {}, body))
    assert (withdrawal.id, withdrawal.fee, withdrawal.time_ns) == (row["id"], D(0), row["applyTime"] * MS)
    assert (withdrawal.status, withdrawal.transaction) == (TransferStatus.PENDING, row["transHash"])
    survives_mangling(SPOT.withdrawals(0, MS), body)


def test_a_listen_key(shared: Path, survives_mangling: Mangling) -> None:
    body, told = fixture(shared, "spot_rest_listen_key_create")
    call = SPOT.ticket()
    assert call is not None
    assert call.read(Response(200, {}, body)).value == told["listenKey"]
    survives_mangling(call, body)


def frame(shared: Path, name: str) -> tuple[UserEvent, dict[str, Any]]:
    """What the protobuf frame says, and its JSON twin."""
    _, told = fixture(shared, name)
    payload = (shared / "fixtures" / "mexc" / f"{name}.pb").read_bytes()
    (event,) = SPOT.user_stream(Ticket("a")).read(payload, True, 0)
    return event, told


def test_spot_frames(shared: Path) -> None:
    event, told = frame(shared, "spot_ws_private_orders_filled")
    assert isinstance(event, OrderUpdate)
    order, row = event.order, told["privateOrders"]
    assert (order.listing, order.venue_order_id, order.status) == (MX, row["id"], OrderStatus.FILLED)
    assert (order.type, order.side, order.price, order.client_order_id) == (OrderType.MARKET, Side.SELL, None, "")
    assert (order.filled_quantity, order.filled_quote) == (D(row["cumulativeQuantity"]), D(row["cumulativeAmount"]))
    assert order.average_price == D(row["avgPrice"])
    assert (order.time_ns, order.created_ns) == (int(told["sendTime"]) * MS, int(row["createTime"]) * MS)

    event, told = frame(shared, "spot_ws_private_deals")
    assert isinstance(event, FillUpdate)
    fill, row = event.fill, told["privateDeals"]
    assert (fill.listing, fill.venue_fill_id, fill.venue_order_id) == (MX, row["tradeId"], row["orderId"])
    assert (fill.side, fill.price, fill.quantity) == (Side.SELL, D(row["price"]), D(row["quantity"]))
    assert fill.fees is not None
    assert (fill.fees[0].asset, fill.fees[0].amount) == (row["feeCurrency"], D(row["feeAmount"]))
    assert (fill.time_ns, fill.is_maker) == (int(row["time"]) * MS, False)

    event, told = frame(shared, "spot_ws_private_account_order_placed")
    assert isinstance(event, BalanceUpdate)
    (balance,), row = event.balances, told["privateAccount"]
    assert (balance.asset, balance.free, balance.locked) == ("USDT", D(row["balanceAmount"]), D(row["frozenAmount"]))
    assert (event.reason, balance.time_ns) == ("ENTRUST_PLACE", int(row["time"]) * MS)


# ---------------------------------------------------------------------- perpetuals


@pytest.mark.parametrize("name", ["futures_rest_order_create_response", "futures_rest_order_create_response_2026"])
def test_new_perpetual_orders(shared: Path, survives_mangling: Mangling, name: str) -> None:
    body, told = fixture(shared, name)
    call = USDM.place(new_order(ETH, "mine"))
    order = call.read(Response(200, {}, body))
    assert (order.venue_order_id, order.time_ns) == (told["data"]["orderId"], told["data"]["ts"] * MS)
    assert (order.status, order.client_order_id) == (OrderStatus.NEW, "mine")
    survives_mangling(call, body)


def test_a_perpetual_order(shared: Path, survives_mangling: Mangling) -> None:
    body, told = fixture(shared, "futures_rest_order_by_external")
    row = told["data"]
    call = USDM.query(OrderRef(listing=ETH, client_order_id=row["externalOid"]))
    order = call.read(Response(200, {}, body))
    assert (order.status, order.type, order.side) == (OrderStatus.FILLED, OrderType.MARKET, Side.BUY)
    assert (order.reduce_only, order.client_order_id) == (True, row["externalOid"])
    assert (order.filled_quantity, order.average_price) == (D(row["dealVol"]), row["dealAvgPrice"])
    listed = body.replace(b'"data": {', b'"data": [{').replace(b"}\n}", b"}]\n}")
    assert USDM.open_orders(None).read(Response(200, {}, listed)) == [order]
    survives_mangling(USDM.open_orders(None), listed)


def test_cancels_of_which_some_failed(shared: Path) -> None:
    _, told = fixture(shared, "futures_rest_order_cancel_mixed")
    call = USDM.cancel(OrderRef(listing=ETH, venue_order_id="1"))
    for row in told["data"]:
        body = json.dumps(told | {"data": [row]}).encode()
        if row["errorCode"]:
            with pytest.raises(OrderNotFoundError) as caught:
                call.read(Response(200, {}, body))
            assert (caught.value.code, caught.value.message) == (str(row["errorCode"]), row["errorMsg"])
        else:
            assert call.read(Response(200, {}, body)) is None


def test_perpetual_balances_and_positions(shared: Path, survives_mangling: Mangling) -> None:
    body, told = fixture(shared, "futures_rest_account_assets")
    (balance,) = USDM.balances().read(Response(200, {}, body))
    assert (balance.asset, balance.total) == ("USDT", told["data"][0]["equity"])
    assert balance.free == told["data"][0]["availableBalance"]
    survives_mangling(USDM.balances(), body)
    body, told = fixture(shared, "futures_rest_positions")
    (position,) = USDM.positions().read(Response(200, {}, body))
    row = told["data"][0]
    assert (position.listing, position.quantity, position.leverage) == (ETH, D(1), D(100))
    assert (position.entry_price, position.liquidation_price) == (row["holdAvgPrice"], row["liquidatePrice"])
    survives_mangling(USDM.positions(), body)


def test_perpetual_frames(shared: Path) -> None:
    stream = USDM.user_stream(None)
    body, told = fixture(shared, "futures_ws_push_personal_order")
    (event,) = stream.read(body, False, 0)
    assert isinstance(event, OrderUpdate)
    order, row = event.order, told["data"]
    assert (order.listing, order.venue_order_id, order.status) == (CRV, row["orderId"], OrderStatus.FILLED)
    assert (order.side, order.reduce_only, order.average_price) == (Side.SELL, True, row["dealAvgPrice"])
    assert order.time_ns == row["updateTime"] * MS

    body, told = fixture(shared, "futures_ws_push_personal_order_deal")
    (event,) = stream.read(body, False, 0)
    assert isinstance(event, FillUpdate)
    fill, row = event.fill, told["data"]
    assert (fill.listing, fill.venue_fill_id, fill.venue_order_id) == (XBT, str(row["id"]), str(row["orderId"]))
    assert (fill.price, fill.quantity, fill.is_maker) == (row["price"], D(row["vol"]), False)
    assert fill.fees is not None
    assert fill.fees[0].amount == row["fee"]

    body, told = fixture(shared, "futures_ws_push_personal_asset")
    (event,) = stream.read(body, False, 0)
    assert isinstance(event, BalanceUpdate)
    assert event.balances[0].free == told["data"]["availableBalance"]
    assert event.balances[0].time_ns == told["ts"] * MS
