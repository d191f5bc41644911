"""Every private payload of the binance fixtures is read, or named with the reason why not.

The payloads are parsed here once more, independently, with the standard json module and Decimals.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oneprice.errors import InsufficientBalanceError, InvalidResponseError, RateLimitError
from oneprice.model import (
    AssetName,
    ExchangeName,
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
    TransferStatus,
)
from oneprice.venues.binance import VENUE
from oneprice.venues.kit import (
    BalanceMoved,
    BalanceUpdate,
    Call,
    Closing,
    Credentials,
    EntryReady,
    FillsQuery,
    FillUpdate,
    OrderUpdate,
    PositionUpdate,
    Refusal,
    Response,
    StreamReady,
    Ticket,
    UserEvent,
)

D = Decimal
MS = 1_000_000
Body = Callable[[str], bytes]
Mangling = Callable[[Call[Any], bytes], None]
SPOT, USDM = (VENUE.accounts[kind](None, Credentials("key-of-account", "secret")) for kind in MarketKind)
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

PRIVATE = (
    *("sapi_*", "*_user_*", "*_wsapi_*", "signing_vectors", "futures_ws_trade_lite", "spot_rest_account*"),
    *("*_rest_cancel_*", "*_rest_my_trades", "*_rest_new_order*", "*_rest_open_orders", "*_rest_query_order"),
    *("spot_rest_rate_limit_order", "spot_rest_test_order_*", "futures_rest_account*", "futures_rest_balance_*"),
    *("futures_rest_batch_*", "futures_rest_change_*", "futures_rest_commission_*", "futures_rest_countdown_*"),
    *("futures_rest_get_position_mode", "futures_rest_position_*", "futures_rest_start_*", "futures_rest_symbol_*"),
    "futures_rest_user_trades",
)
NOT_READ = {
    "signing_vectors": "read by test_binance_signing.py",
    "sapi_system_status": "asked by no call of the contract",
    "sapi_trade_fee": "account/commission tells more: tax, special and the discount",
    "sapi_universal_transfer": "nothing is moved between wallets",
    "spot_rest_rate_limit_order": "the counts come with every answer to an order",
    "spot_rest_test_order_commission": "orders are not tested but placed",
    "spot_sbe_*": "SBE is not connected to",
    "spot_wsapi_order_*_request": "requests of others: ours are in test_binance_order_entry.py",
    "spot_wsapi_session_logon_request": "as above",
    "spot_wsapi_signed_request_hmac_vector": "read by test_binance_signing.py, as published",
    "spot_wsapi_user_data_subscribe_signature_request": "as above, with a key that is not published",
    "spot_wsapi_open_orders_cancel_all_response": "cancels of all go over REST, whose answer is the same list",
    "futures_rest_account_config": "the position mode is asked for by its own call",
    "futures_rest_account_v3": "balances and positions are asked for by their own calls",
    "futures_rest_symbol_config": "leverage is set, not asked for",
    "futures_wsapi_user_data_start_response": "the listen key is asked for over REST",
}
ORDERS = {  # by query, cancel or placing; of these the first is what REST answers
    "spot_rest_query_order": SPOT,
    "spot_rest_cancel_order": SPOT,
    "spot_rest_new_order_ack": SPOT,
    "spot_rest_new_order_result": SPOT,
    "spot_rest_new_order_full": SPOT,
    "futures_rest_query_order": USDM,
    "futures_rest_cancel_order": USDM,
    "futures_rest_new_order": USDM,
}
ENTRIES = {
    "spot_wsapi_order_place_ack": SPOT,
    "spot_wsapi_order_place_result": SPOT,
    "spot_wsapi_order_place_full": SPOT,
    "spot_wsapi_order_cancel_response": SPOT,
    "spot_wsapi_order_status_response": SPOT,
    "futures_wsapi_order_place_response": USDM,
    "futures_wsapi_order_cancel_response": USDM,
    "futures_wsapi_order_status_response": USDM,
}
BY_NAME = {  # read by a test that names them
    *("sapi_api_restrictions", "sapi_capital_config_getall", "sapi_deposit_history", "sapi_withdraw_history"),
    *("spot_rest_account", "spot_rest_account_commission", "spot_rest_cancel_all_open_orders", "spot_rest_my_trades"),
    *("spot_rest_open_orders", "spot_user_account_position", "spot_user_balance_update"),
    *("spot_user_event_stream_terminated", "spot_user_execution_report_canceled", "spot_user_execution_report_new"),
    *("spot_user_execution_report_trade", "spot_wsapi_error_banned_418", "spot_wsapi_error_insufficient_balance"),
    *("spot_wsapi_server_shutdown", "spot_wsapi_session_logon_response", "spot_wsapi_session_revoked_401"),
    *("spot_wsapi_user_data_subscribe_response", "futures_rest_balance_v3", "futures_rest_open_orders"),
    *("futures_rest_batch_orders_mixed_result", "futures_rest_cancel_all_open_orders", "futures_rest_change_leverage"),
    *("futures_rest_commission_rate", "futures_rest_countdown_cancel_all", "futures_rest_get_position_mode"),
    *("futures_rest_position_risk_v3", "futures_rest_start_listen_key", "futures_rest_user_trades"),
    *("futures_user_account_config_update", "futures_user_account_update", "futures_user_listen_key_expired"),
    *("futures_user_margin_call", "futures_user_order_trade_update_new", "futures_user_order_trade_update_trade"),
    "futures_ws_trade_lite",
}


@pytest.fixture
def body(shared: Path) -> Body:
    """The bytes of a fixture by its name."""
    return lambda name: (shared / "fixtures" / "binance" / f"{name}.json").read_bytes()


def parsed(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


def ok(body: bytes) -> Response:
    return Response(200, {}, body)


def listing(kind: MarketKind, venue_symbol: str) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=kind,
        symbol=Symbol(AssetName("A"), AssetName("B"), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D(1),
        lot_size=D(1),
    )


def test_every_private_fixture_is_read_or_named_with_a_reason(shared: Path) -> None:
    read = {*ORDERS, *ENTRIES, *BY_NAME}
    stems = {path.stem for path in (shared / "fixtures" / "binance").iterdir()}
    assert read <= stems
    private = {stem for stem in stems if any(fnmatch.fnmatch(stem, pattern) for pattern in PRIVATE)}
    for stem in sorted(private - read):
        assert any(fnmatch.fnmatch(stem, pattern) for pattern in NOT_READ), f"{stem} is read by no test"
    for pattern in NOT_READ:
        assert fnmatch.filter(stems, pattern), f"{pattern} is there no more"
        assert not fnmatch.filter(read, pattern), f"{pattern} is read after all"


# ---------------------------------------------------------------------- orders


def is_as_told(order: Order, told: dict[str, Any]) -> None:
    """The order says what the payload says; what the payload does not say is None."""
    assert order.venue_order_id == str(told["orderId"])
    assert order.client_order_id == told.get("origClientOrderId", told["clientOrderId"])
    assert order.status is OrderStatus[told.get("status", "PENDING_NEW")]
    assert order.side is SIDES.get(told.get("side", ""))
    assert order.type is getattr(OrderType, told.get("type", ""), None)
    assert order.price == (D(told.get("price", "0")) or None)
    assert order.quantity == (D(told.get("origQty", "0")) or None)
    assert order.filled_quantity == (D(told["executedQty"]) if "executedQty" in told else None)
    quote = told.get("cummulativeQuoteQty", told.get("cumQuote", told.get("executedQty")))
    assert order.filled_quote == (None if quote is None else D(quote))
    assert order.time_ns == told.get("updateTime", told.get("transactTime")) * MS
    assert order.created_ns == told.get("time", 0) * MS
    for fill, row in zip(order.fills, told.get("fills", []), strict=True):
        assert (fill.price, fill.quantity, fill.venue_fill_id) == (D(row["price"]), D(row["qty"]), str(row["tradeId"]))
        assert [(fee.asset, fee.amount) for fee in fill.fees or ()] == [(row["commissionAsset"], D(row["commission"]))]


@pytest.mark.parametrize("name", ORDERS)
def test_orders_by_rest(name: str, body: Body, survives_mangling: Mangling) -> None:
    ours, told = ORDERS[name], parsed(body(name))
    of = listing(ours.kind, told["symbol"])
    call: Call[Any] = ours.query(OrderRef(listing=of, venue_order_id=str(told["orderId"])))
    if "cancel" in name:
        call = ours.cancel(OrderRef(listing=of, venue_order_id=str(told["orderId"])))
    elif "new" in name:
        wanted = NewOrder(listing=of, side=Side.BUY, client_order_id=told["clientOrderId"], quantity=D(1), price=D(1))
        call = ours.place(wanted)
    is_as_told(call.read(ok(body(name))), told)
    survives_mangling(call, body(name))


@pytest.mark.parametrize("name", ENTRIES)
def test_orders_over_the_websocket(name: str, body: Body) -> None:
    ours, frame = ENTRIES[name], parsed(body(name))
    entry = ours.order_entry()
    assert entry is not None
    numbered = json.dumps({**json.loads(body(name)), "id": "17"}).encode()  # ids there are others' texts
    (answer,) = entry.read(numbered, False)
    assert answer.number == 17
    is_as_told(answer.result, frame["result"])
    names = {"SECOND": "orders_10s", "DAY": "orders_1d", "MINUTE": "default"}
    expected = {names[row["interval"]]: row["count"] for row in frame.get("rateLimits", [])}
    assert answer.used == expected


def test_open_orders(body: Body, survives_mangling: Mangling) -> None:
    for ours, name in ((SPOT, "spot_rest_open_orders"), (USDM, "futures_rest_open_orders")):
        call, rows = ours.open_orders(None), parsed(body(name))
        for order, row in zip(call.read(ok(body(name))), rows, strict=True):
            is_as_told(order, row)
            assert order.listing.venue_symbol == row["symbol"]
        survives_mangling(call, body(name))


def test_cancels_of_all(body: Body, survives_mangling: Mangling) -> None:
    name = "spot_rest_cancel_all_open_orders"
    call, rows = SPOT.cancel_all(listing(MarketKind.SPOT, "BTCUSDT")), parsed(body(name))
    singles = [report for row in rows for report in row.get("orderReports", [row])]
    orders = call.read(ok(body(name)))
    assert len(orders) == len(singles) == 4
    for order, told in zip(orders, singles, strict=True):
        is_as_told(order, told)
    survives_mangling(call, body(name))
    done = USDM.cancel_all(listing(MarketKind.USDM, "BTCUSDT"))
    assert done.read(ok(body("futures_rest_cancel_all_open_orders"))) == []


def test_a_batch_answer_that_is_order_and_error_at_once(body: Body) -> None:
    """The documented sample shows both shapes in one element; no real answer does, so nothing is guessed."""
    wanted = NewOrder(
        listing=listing(MarketKind.USDM, "BTCUSDT"),
        side=Side.SELL,
        client_order_id="testOrder",
        quantity=D(10),
        price=D(1),
    )
    call, (told,) = USDM.place_many([wanted]), parsed(body("futures_rest_batch_orders_mixed_result"))
    with pytest.raises(InvalidResponseError, match="taken and refused"):
        call.read(ok(body("futures_rest_batch_orders_mixed_result")))
    code, message = told.pop("code"), told.pop("msg")
    (order,) = call.read(ok(json.dumps([told]).encode()))
    assert isinstance(order, Order)
    is_as_told(order, told)
    (error,) = call.read(ok(json.dumps([{"code": code, "msg": message}]).encode()))
    assert "ReduceOnly" in str(error)


def test_fills(body: Body, survives_mangling: Mangling) -> None:
    for ours, name in ((SPOT, "spot_rest_my_trades"), (USDM, "futures_rest_user_trades")):
        (row,) = parsed(body(name))
        call = ours.fills(FillsQuery(listing=listing(ours.kind, row["symbol"])))
        (fill,) = call.read(ok(body(name))).fills
        is_buyer, is_maker = row.get("isBuyer", row.get("buyer")), row.get("isMaker", row.get("maker"))
        assert (fill.side is Side.BUY, fill.is_maker) == (is_buyer, is_maker)
        assert (fill.venue_fill_id, fill.venue_order_id) == (str(row["id"]), str(row["orderId"]))
        assert (fill.price, fill.quantity, fill.time_ns) == (D(row["price"]), D(row["qty"]), row["time"] * MS)
        (fee,) = fill.fees or ()
        assert (fee.asset, fee.amount) == (row["commissionAsset"], D(row["commission"]))
        survives_mangling(call, body(name))


# ---------------------------------------------------------------------- the account


def test_balances_and_positions(body: Body, survives_mangling: Mangling) -> None:
    told = parsed(body("spot_rest_account"))
    for balance, row in zip(SPOT.balances().read(ok(body("spot_rest_account"))), told["balances"], strict=True):
        assert (balance.asset, balance.free, balance.locked) == (row["asset"], D(row["free"]), D(row["locked"]))
        assert balance.time_ns == told["updateTime"] * MS
    (row,) = parsed(body("futures_rest_balance_v3"))
    (margin,) = USDM.balances().read(ok(body("futures_rest_balance_v3")))
    assert (margin.asset, margin.total, margin.free) == (row["asset"], D(row["balance"]), D(row["availableBalance"]))
    assert margin.time_ns == row["updateTime"] * MS
    (row,) = parsed(body("futures_rest_position_risk_v3"))
    (held,) = USDM.positions().read(ok(body("futures_rest_position_risk_v3")))
    assert (held.listing.venue_symbol, held.quantity) == (row["symbol"], D(row["positionAmt"]))
    assert (held.entry_price, held.mark_price) == (D(row["entryPrice"]), D(row["markPrice"]))
    assert (held.liquidation_price, held.unrealised_pnl) == (None, D(row["unRealizedProfit"]))
    survives_mangling(SPOT.balances(), body("spot_rest_account"))
    survives_mangling(USDM.balances(), body("futures_rest_balance_v3"))
    survives_mangling(USDM.positions(), body("futures_rest_position_risk_v3"))


def test_fees(body: Body, survives_mangling: Mangling) -> None:
    told = parsed(body("spot_rest_account_commission"))
    fees = SPOT.fees(listing(MarketKind.SPOT, "BTCUSDT")).read(ok(body("spot_rest_account_commission")))
    for ours, part in ((fees.maker, "maker"), (fees.taker, "taker")):
        kinds = (("standardCommission", D("0.75")), ("specialCommission", D(1)), ("taxCommission", D(1)))
        rates = {kind: {word: D(rate) for word, rate in told[kind].items()} for kind, _ in kinds}
        either = {kind: max(rates[kind]["buyer"], rates[kind]["seller"]) for kind, _ in kinds}
        assert ours == sum((rates[kind][part] + either[kind]) * share for kind, share in kinds)
    assert fees.discount_asset == "BNB"
    told = parsed(body("futures_rest_commission_rate"))
    rate = USDM.fees(listing(MarketKind.USDM, "BTCUSDT")).read(ok(body("futures_rest_commission_rate")))
    assert (rate.maker, rate.taker) == (D(told["makerCommissionRate"]), D(told["takerCommissionRate"]))
    survives_mangling(SPOT.fees(listing(MarketKind.SPOT, "BTCUSDT")), body("spot_rest_account_commission"))


def test_settings_and_the_key(body: Body) -> None:
    btc = listing(MarketKind.USDM, "BTCUSDT")
    assert USDM.leverage(btc, 21).read(ok(body("futures_rest_change_leverage"))) is None
    assert USDM.position_mode().read(ok(body("futures_rest_get_position_mode"))) is PositionMode.HEDGE
    assert USDM.dead_man(btc, 100).read(ok(body("futures_rest_countdown_cancel_all"))) is None
    ticket = USDM.ticket()
    assert ticket is not None
    assert ticket.read(ok(body("futures_rest_start_listen_key"))).value.startswith("pqia91ma19a5")
    told = parsed(body("sapi_api_restrictions"))
    rights = SPOT.permissions().read(ok(body("sapi_api_restrictions")))
    assert (rights.can_read, rights.can_trade, rights.can_withdraw, rights.can_transfer) == (True, False, False, True)
    assert (rights.ip_restricted, rights.expires_ns) == (False, None)
    words = {word for word, value in told.items() if value is True}
    assert set(rights.scopes) == words
    assert USDM.permissions().read(ok(body("sapi_api_restrictions"))).can_trade is told["enableFutures"]


def test_networks_and_transfers(body: Body, survives_mangling: Mangling) -> None:
    for coin in parsed(body("sapi_capital_config_getall"))[:20]:
        networks = SPOT.networks(AssetName(coin["coin"])).read(ok(body("sapi_capital_config_getall")))
        for network, row in zip(networks, coin["networkList"], strict=True):
            assert (network.network, network.confirmations) == (row["network"], row["minConfirm"])
            assert (network.deposit_enabled, network.withdraw_enabled) == (row["depositEnable"], row["withdrawEnable"])
            assert (network.withdraw_fee, network.withdraw_min) == (D(row["withdrawFee"]), D(row["withdrawMin"]))
    (row,) = parsed(body("sapi_deposit_history"))
    (came,) = SPOT.deposits(0, 1).read(ok(body("sapi_deposit_history")))
    assert (came.id, came.asset, came.amount, came.network) == (row["id"], "BNB", D(row["amount"]), row["network"])
    assert (came.status, came.time_ns, came.transaction) == (TransferStatus.DONE, row["insertTime"] * MS, row["txId"])
    (row,) = parsed(body("sapi_withdraw_history"))
    (went,) = SPOT.withdrawals(0, 1).read(ok(body("sapi_withdraw_history")))
    assert (went.id, went.amount, went.fee) == (row["id"], D(row["amount"]), D(row["transactionFee"]))
    assert (went.status, went.time_ns) == (TransferStatus.DONE, 1_570_878_722 * 10**9)  # 2019-10-12 11:12:02 UTC
    survives_mangling(SPOT.deposits(0, 1), body("sapi_deposit_history"))
    survives_mangling(SPOT.withdrawals(0, 1), body("sapi_withdraw_history"))


# ---------------------------------------------------------------------- streams


def spot_events(payload: bytes) -> list[UserEvent]:
    return SPOT.user_stream(None).read(payload, False, 0)


def usdm_events(told: dict[str, Any]) -> list[UserEvent]:
    """Two samples are wrapped as combined streams are; a listen key's frames are not."""
    return USDM.user_stream(Ticket("key")).read(json.dumps(told.get("data", told)).encode(), False, 0)


def test_spot_executions(body: Body) -> None:
    (new,) = spot_events(body("spot_user_execution_report_new"))
    assert isinstance(new, OrderUpdate)
    assert (new.order.client_order_id, new.order.price) == ("mUvoqJxFIILMdfAW5iGSOW", D("0.10264410"))
    (gone,) = spot_events(body("spot_user_execution_report_canceled"))
    assert isinstance(gone, OrderUpdate)
    assert (gone.order.client_order_id, gone.order.status) == ("OID1", OrderStatus.CANCELED)
    told = json.loads(body("spot_user_execution_report_trade"))  # the inner event alone
    match, update = spot_events(json.dumps({"subscriptionId": 0, "event": told}).encode())
    assert isinstance(match, FillUpdate)
    assert isinstance(update, OrderUpdate)
    assert (match.fill.venue_fill_id, match.fill.price, match.fill.is_maker) == ("98765432", D(2_500), True)
    assert (update.order.status, update.order.filled_quote) == (OrderStatus.FILLED, D(2_500))


def test_spot_account_events(body: Body) -> None:
    (balances,) = spot_events(body("spot_user_account_position"))
    assert isinstance(balances, BalanceUpdate)
    assert [(row.asset, row.free, row.locked) for row in balances.balances] == [("ETH", D(10_000), D(0))]
    (moved,) = spot_events(body("spot_user_balance_update"))
    assert isinstance(moved, BalanceMoved)
    assert (moved.asset, D(moved.change), moved.time_ns) == ("BTC", D(100), 1_573_200_697_068 * MS)
    for name in ("spot_user_event_stream_terminated", "spot_wsapi_server_shutdown"):
        assert isinstance(spot_events(body(name))[0], Closing)
    assert isinstance(spot_events(body("spot_wsapi_session_revoked_401"))[0], Refusal)
    ready = {**json.loads(body("spot_wsapi_user_data_subscribe_response")), "id": "subscribe"}
    assert spot_events(json.dumps(ready).encode()) == [StreamReady()]


def test_entry_sessions_and_errors(body: Body) -> None:
    entry = SPOT.order_entry()
    assert entry is not None
    logon = {**json.loads(body("spot_wsapi_session_logon_response")), "id": "logon"}
    assert entry.read(json.dumps(logon).encode(), False) == [EntryReady()]
    assert isinstance(entry.read(body("spot_wsapi_session_revoked_401"), False)[0], Refusal)
    assert isinstance(entry.read(body("spot_wsapi_server_shutdown"), False)[0], Closing)
    for name, kind in (
        ("spot_wsapi_error_banned_418", RateLimitError),
        ("spot_wsapi_error_insufficient_balance", InsufficientBalanceError),
    ):
        told = json.loads(body(name))
        (answer,) = entry.read(json.dumps({**told, "id": "3"}).encode(), False)
        assert type(answer.result) is kind
        assert answer.used["default"] == told["rateLimits"][-1]["count"]


def test_events_of_perpetuals(body: Body) -> None:
    (new,) = usdm_events(json.loads(body("futures_user_order_trade_update_new")))
    assert isinstance(new, OrderUpdate)
    assert (new.order.client_order_id, new.order.type, new.order.status) == ("TEST", None, OrderStatus.NEW)
    match, update = usdm_events(json.loads(body("futures_user_order_trade_update_trade")))
    assert isinstance(match, FillUpdate)
    assert isinstance(update, OrderUpdate)
    assert (match.fill.price, match.fill.quantity, match.fill.is_maker) == (D("7100.5"), D("0.001"), True)
    assert update.order.filled_quote == D("7.1005")
    assert usdm_events(json.loads(body("futures_ws_trade_lite"))) == []  # the same fill comes with its fee after it
    balances, closed, long, short = usdm_events(json.loads(body("futures_user_account_update")))
    assert isinstance(balances, BalanceUpdate)
    assert balances.balances[0].total == D("122624.12345678")
    assert isinstance(closed, PositionUpdate)
    assert closed.position.quantity == 0
    assert isinstance(long, Refusal)
    assert isinstance(short, Refusal)
    assert isinstance(usdm_events(json.loads(body("futures_user_listen_key_expired")))[0], Closing)
    for name in ("futures_user_account_config_update", "futures_user_margin_call"):
        assert usdm_events(json.loads(body(name))) == []
