"""The exchange's own Python SDKs trade on the simulated Binance: REST, WS API and user data, spot and futures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, ApiKey

common = pytest.importorskip("binance_common.configuration")
errors = pytest.importorskip("binance_common.errors")
spot_sdk = pytest.importorskip("binance_sdk_spot.spot")
futures_sdk = pytest.importorskip("binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures")

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01}


async def ask(method: Callable[..., Any], **parameters: Any) -> Any:
    """One REST call of the SDK, which blocks; its data as a model."""
    answer = await asyncio.to_thread(method, **parameters)
    return answer.data()


@pytest.fixture
async def venue(start_venue: Any) -> Any:
    return await start_venue("binance", instruments=("BTC/USDT",), still=True)


@pytest.fixture
def keys(venue: Any) -> dict[str, Any]:
    return {"api_key": DEFAULT_KEY, "api_secret": DEFAULT_SECRET}


@pytest.fixture
def spot(venue: Any, keys: dict[str, Any]) -> Any:
    rest = common.ConfigurationRestAPI(base_path=venue.url, retries=0, **keys)
    stream = venue.url.replace("http", "ws") + "/ws-api/v3"
    return spot_sdk.Spot(
        config_rest_api=rest, config_ws_api=common.ConfigurationWebSocketAPI(stream_url=stream, **keys)
    )


@pytest.fixture
def futures(venue: Any, keys: dict[str, Any]) -> Any:
    sockets = venue.url.replace("http", "ws")
    return futures_sdk.DerivativesTradingUsdsFutures(
        config_rest_api=common.ConfigurationRestAPI(base_path=venue.url, retries=0, **keys),
        config_ws_api=common.ConfigurationWebSocketAPI(stream_url=f"{sockets}/ws-fapi/v1", **keys),
        config_ws_streams=common.ConfigurationWebSocketStreams(stream_url=f"{sockets}/usdm"),
    )


@pytest.fixture
async def spot_socket(spot: Any) -> AsyncIterator[Any]:
    connection = await spot.websocket_api.create_connection()
    yield connection
    await connection.close_connection(close_session=True)


@pytest.fixture
async def futures_socket(futures: Any) -> AsyncIterator[Any]:
    connection = await futures.websocket_api.create_connection()
    yield connection
    await connection.close_connection(close_session=True)


@pytest.fixture
async def futures_streams(futures: Any) -> AsyncIterator[Any]:
    connection = await futures.websocket_streams.create_connection()
    yield connection
    await connection.close_connection(close_session=True)


async def test_spot_orders_by_rest(spot: Any) -> None:
    rest = spot.rest_api
    order = await ask(rest.new_order, **LIMIT, price=58_000.0)
    assert (order.status, order.price, order.orig_qty) == ("NEW", "58000.00000000", "0.01000000")
    assert (await ask(rest.get_order, symbol="BTCUSDT", order_id=order.order_id)).status == "NEW"
    assert len(await ask(rest.get_open_orders)) == 1
    amended = await ask(rest.order_amend_keep_priority, symbol="BTCUSDT", new_qty=0.005, order_id=order.order_id)
    assert amended.amended_order.qty == "0.00500000"
    assert len(await ask(rest.order_amendments, symbol="BTCUSDT", order_id=order.order_id)) == 1
    replace = LIMIT | {"price": 58_001.0, "cancel_order_id": order.order_id}
    replaced = await ask(rest.order_cancel_replace, **replace, cancel_replace_mode="STOP_ON_FAILURE")
    assert (replaced.cancel_result, replaced.new_order_result) == ("SUCCESS", "SUCCESS")
    with pytest.raises(errors.BadRequestError):
        await ask(rest.order_cancel_replace, **replace, cancel_replace_mode="STOP_ON_FAILURE")
    with pytest.raises(errors.ClientError, match="partially failed"):
        await ask(rest.order_cancel_replace, **replace, cancel_replace_mode="ALLOW_FAILURE")
    (first, second) = await ask(rest.delete_open_orders, symbol="BTCUSDT")
    assert first.status == second.status == "CANCELED"
    bought = await ask(rest.new_order, symbol="BTCUSDT", side="BUY", type="MARKET", quote_order_qty=100)
    assert bought.status == "FILLED"
    assert sum(Decimal(fill.qty) for fill in bought.fills) == Decimal(bought.executed_qty)
    maker = await ask(rest.new_order, symbol="BTCUSDT", side="SELL", type="LIMIT_MAKER", quantity=0.01, price=70_000)
    assert maker.status is None
    trades = await ask(rest.my_trades, symbol="BTCUSDT")
    assert {trade.order_id for trade in trades} == {bought.order_id}
    assert len(await ask(rest.all_orders, symbol="BTCUSDT")) == 5
    with pytest.raises(errors.BadRequestError) as refused:
        await ask(rest.new_order, **LIMIT | {"quantity": 10}, price=58_000.0)
    assert refused.value.status_code == -2010


async def test_spot_account_by_rest(spot: Any) -> None:
    rest = spot.rest_api
    account = await ask(rest.get_account, omit_zero_balances=True)
    assert {row.asset: row.free for row in account.balances} == {"BTC": "2.00000000", "USDT": "200000.00000000"}
    rates = await ask(rest.account_commission, symbol="BTCUSDT")
    assert (rates.standard_commission.maker, rates.discount.discount_asset) == ("0.00100000", "BNB")
    tested = await ask(rest.order_test, **LIMIT, price=58_000.0, compute_commission_rates=True)
    assert tested.standard_commission_for_order.taker == "0.00100000"
    limits = await ask(rest.rate_limit_order)
    assert [(row.interval, row.limit, row.count) for row in limits] == [("SECOND", 100, 0), ("DAY", 200_000, 0)]
    assert (await ask(rest.my_filters, symbol="BTCUSDT")).symbol_filters
    for method in (rest.my_allocations, rest.my_prevented_matches):
        assert await ask(method, symbol="BTCUSDT") == []
    for method in (rest.open_order_list, rest.all_order_list):
        assert await ask(method) == []


async def test_spot_websocket_api_and_user_data(spot_socket: Any) -> None:
    heard: list[Any] = []
    filled = asyncio.Event()

    def hear(event: Any) -> None:
        heard.append(event.actual_instance)
        if getattr(heard[-1], "X", "") == "FILLED":
            filled.set()

    subscription = await spot_socket.user_data_stream_subscribe_signature()
    subscription.stream.on("message", hear)
    placed = (await spot_socket.order_place(**LIMIT, price=58_000.0)).data().result
    status = (await spot_socket.order_status(symbol="BTCUSDT", order_id=placed.order_id)).data().result
    assert status.status == "NEW"
    cancelled = await spot_socket.order_cancel(symbol="BTCUSDT", order_id=placed.order_id)
    assert cancelled.data().result.status == "CANCELED"
    answer = await spot_socket.order_place(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
    assert answer.data().result.status == "FILLED"
    assert {limit.rateLimitType for limit in answer.rate_limits} == {"ORDERS", "REQUEST_WEIGHT"}
    await asyncio.wait_for(filled.wait(), 5)
    reports = [event for event in heard if hasattr(event, "X")]
    assert [report.x for report in reports[:3]] == ["NEW", "CANCELED", "NEW"]
    assert placed.client_order_id == reports[1].C
    assert reports[-1].x == "TRADE"
    refused = (await spot_socket.order_place(**LIMIT | {"quantity": 10}, price=58_000.0)).data()
    assert refused["error"]["code"] == -2010
    assert (await spot_socket.account_status()).data().result.balances
    assert (await spot_socket.depth(symbol="BTCUSDT", limit=5)).data().result.bids
    assert (await spot_socket.session_subscriptions()).data().result[0].subscription_id == 0


async def test_futures_orders_by_rest(futures: Any) -> None:
    rest = futures.rest_api
    order = await ask(rest.new_order, **LIMIT, price=60_000.0)
    assert (order.status, order.executed_qty, order.time_in_force) == ("NEW", "0.000", "GTC")
    named = {"symbol": "BTCUSDT", "order_id": order.order_id}
    changed = await ask(rest.modify_order, **named, side="BUY", quantity=0.02, price=60_001.0)
    assert (changed.orig_qty, changed.price) == ("0.020", "60001.00")
    assert (await ask(rest.query_order, **named)).orig_qty == "0.020"
    (amendment,) = await ask(rest.get_order_modify_history, **named)
    assert amendment.amendment.price.after == "60001.00"
    assert (await ask(rest.cancel_order, **named)).status == "CANCELED"
    market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": 0.01}
    assert (await ask(rest.new_order, **market)).status == "NEW"
    bought = await ask(rest.new_order, **market, new_order_resp_type="RESULT")
    assert (bought.status, bought.executed_qty) == ("FILLED", "0.010")
    (position,) = await ask(rest.position_information_v3)
    assert (position.position_amt, position.margin_asset) == ("0.020", "USDT")
    rows = [
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": amount,
            "price": "60000",
        }
        for amount in ("0.01", "0.0001")
    ]
    good, bad = await ask(rest.place_multiple_orders, batch_orders=rows)
    assert (good.status, bad.code) == ("NEW", -1111)
    (gone,) = await ask(rest.cancel_multiple_orders, symbol="BTCUSDT", order_id_list=[good.order_id])
    assert gone.status == "CANCELED"
    assert (await ask(rest.cancel_all_open_orders, symbol="BTCUSDT")).code == 200
    armed = await ask(rest.auto_cancel_all_open_orders, symbol="BTCUSDT", countdown_time=100_000)
    assert armed.countdown_time == "100000"
    trades = await ask(rest.account_trade_list, symbol="BTCUSDT")
    income = await ask(rest.get_income_history, income_type="COMMISSION")
    assert sum(Decimal(row.income) for row in income) == -sum(Decimal(trade.commission) for trade in trades)
    with pytest.raises(errors.BadRequestError) as refused:
        await ask(rest.new_order, **LIMIT | {"time_in_force": "GTX"}, price=64_500.0)
    assert refused.value.status_code == -5022


async def test_futures_account_by_rest(futures: Any) -> None:
    rest = futures.rest_api
    assert (await ask(rest.change_initial_leverage, symbol="BTCUSDT", leverage=5)).leverage == 5
    (config,) = await ask(rest.symbol_configuration, symbol="BTCUSDT")
    assert (config.leverage, config.margin_type) == (5, "CROSSED")
    for call, code in (
        (lambda: ask(rest.change_margin_type, symbol="BTCUSDT", margin_type="CROSSED"), -4046),
        (lambda: ask(rest.change_position_mode, dual_side_position="false"), -4059),
        (lambda: ask(rest.change_initial_leverage, symbol="BTCUSDT", leverage=126), -4028),
    ):
        with pytest.raises(errors.BadRequestError) as refused:
            await call()
        assert refused.value.status_code == code
    old, new = await ask(rest.account_information_v2), await ask(rest.account_information_v3)
    assert old.total_wallet_balance == new.total_wallet_balance == "200000.00000000"
    for method in (rest.futures_account_balance_v2, rest.futures_account_balance_v3):
        (balance,) = await ask(method)
        assert (balance.asset, balance.available_balance) == ("USDT", "200000.00000000")
    rate = await ask(rest.user_commission_rate, symbol="BTCUSDT")
    assert (rate.maker_commission_rate, rate.taker_commission_rate) == ("0.0002", "0.0005")
    (brackets,) = (await ask(rest.notional_and_leverage_brackets)).actual_instance
    assert brackets.brackets[0].initial_leverage == 125
    assert [row.limit for row in await ask(rest.query_user_rate_limit)] == [300, 1_200]
    assert (await ask(rest.futures_account_configuration)).multi_assets_margin is False
    assert (await ask(rest.get_current_position_mode)).dual_side_position is False
    assert await ask(rest.current_all_algo_open_orders) == []
    assert (await ask(rest.position_information_v2))[0].leverage == "5"


async def test_futures_websocket_api_and_user_data(futures: Any, futures_socket: Any, futures_streams: Any) -> None:
    key = (await ask(futures.rest_api.start_user_data_stream)).listen_key
    assert (await futures_socket.start_user_data_stream()).data().result.listen_key == key
    heard: list[Any] = []
    booked = asyncio.Event()

    def hear(event: Any) -> None:
        heard.append(event.actual_instance)
        if type(heard[-1]).__name__ == "AccountUpdate":
            booked.set()

    stream = await futures_streams.user_data(key)
    stream.on("message", hear)
    placed = (await futures_socket.new_order(**LIMIT, price=60_000.0)).data().result
    named = {"symbol": "BTCUSDT", "order_id": placed.order_id}
    changed = await futures_socket.modify_order(**named, side="BUY", quantity=0.02, price=60_001.0)
    assert changed.data().result.orig_qty == "0.020"
    assert (await futures_socket.query_order(**named)).data().result.status == "NEW"
    assert (await futures_socket.cancel_order(**named)).data().result.status == "CANCELED"
    await futures_socket.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
    await asyncio.wait_for(booked.wait(), 5)
    names = [type(event).__name__ for event in heard]
    assert names[:4] == ["OrderTradeUpdate"] * 4
    assert [event.o.x for event in heard[:4]] == ["NEW", "AMENDMENT", "CANCELED", "NEW"]
    assert "TradeLite" in names
    (position,) = (await futures_socket.position_information_v2()).data().result
    assert position.position_amt == "0.010"
    assert (await futures_socket.futures_account_balance_v2()).data().result[0].asset == "USDT"


async def test_ed25519_keys_sign_and_log_on(venue: Any) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo).decode()
    secret = private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode()
    account = venue.accounts.open([ApiKey(key="ed25519-key", secret="", public_key=public)])
    venue.desks["spot"].deposit(account, "USDT", Decimal(1_000), venue.now_ns())
    keys = {"api_key": "ed25519-key", "private_key": secret}
    stream = venue.url.replace("http", "ws") + "/ws-api/v3"
    client = spot_sdk.Spot(
        config_rest_api=common.ConfigurationRestAPI(base_path=venue.url, retries=0, **keys),
        config_ws_api=common.ConfigurationWebSocketAPI(stream_url=stream, **keys),
    )
    assert (await ask(client.rest_api.get_account)).uid == account.uid
    connection = await client.websocket_api.create_connection()
    logged = (await connection.session_logon()).data().result
    assert logged.api_key == "ed25519-key"
    order = (await connection.order_place(**LIMIT, price=58_000.0)).data().result
    assert order.status == "NEW"
    await connection.user_data_stream_subscribe()
    assert (await connection.session_status()).data().result.user_data_stream is True
    venue.accounts.revoke("ed25519-key")
    assert (await connection.open_orders_status()).data()["error"]["code"] == -2015
    await connection.close_connection(close_session=True)
