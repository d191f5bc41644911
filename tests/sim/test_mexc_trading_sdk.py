"""pymexc trades on the simulated MEXC: its spot and perpetual HTTP clients and websockets.

Its files are as they were installed. Two things are given from outside: the addresses, which it keeps in constants, and
the module `pymexc._async.web`, which the wheel of 1.3.1 forgot and cannot be imported without.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
KEYS = {"api_key": DEFAULT_KEY, "api_secret": DEFAULT_SECRET}

if "pymexc" not in sys.modules:
    sys.modules.setdefault("pymexc._async.web", ModuleType("pymexc._async.web"))
pymexc = pytest.importorskip("pymexc")


@pytest.fixture
async def mexc(start_venue: StartVenue, monkeypatch: pytest.MonkeyPatch) -> SimServer:
    server = await start_venue("mexc", instruments=("BTC/USDT",), still=True)
    socket = server.url.replace("http", "ws", 1)
    monkeypatch.setattr("pymexc.base.SPOT", server.url)
    monkeypatch.setattr("pymexc.base.FUTURES", server.url)
    monkeypatch.setattr("pymexc.base_websocket.SPOT", f"{socket}/ws")
    monkeypatch.setattr("pymexc.base_websocket.FUTURES", f"{socket}/edge")
    return server


Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def spot(mexc: SimServer) -> Call:
    """`await spot("order", ...)` calls a method in a thread: the client blocks."""
    client = pymexc.spot.HTTP(**KEYS)
    return lambda name, *args, **kwargs: asyncio.to_thread(partial(getattr(client, name), *args, **kwargs))


@pytest.fixture
def futures(mexc: SimServer) -> Call:
    client = pymexc.futures.HTTP(**KEYS)
    return lambda name, *args, **kwargs: asyncio.to_thread(partial(getattr(client, name), *args, **kwargs))


class Heard:
    """Collects what a websocket's thread calls back with."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def __call__(self, message: Any) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, message)

    async def next(self) -> Any:
        return await asyncio.wait_for(self._queue.get(), 5)


# ---- spot ---------------------------------------------------------------------------------------------


async def test_spot_orders(spot: Call) -> None:
    placed = await spot(
        "order", "BTCUSDT", "BUY", "LIMIT", quantity=0.00002, price="60000", new_client_order_id="sdk-1"
    )
    assert placed["origQty"] == "0.00002"  # sent as 2e-05
    row = await spot("query_order", "BTCUSDT", order_id=placed["orderId"])
    assert (row["status"], row["clientOrderId"]) == ("NEW", "sdk-1")
    assert row == await spot("query_order", "BTCUSDT", orig_client_order_id="sdk-1")
    assert await spot("current_open_orders", "BTCUSDT") == [row]
    cancelled = await spot("cancel_order", "BTCUSDT", order_id=placed["orderId"])
    assert cancelled["status"] == "CANCELED"
    await spot("order", "BTCUSDT", "BUY", "MARKET", quote_order_qty=100)
    (trade,) = await spot("account_trade_list", "BTCUSDT")
    assert (trade["isBuyer"], trade["commissionAsset"]) == (True, "BTC")
    assert [item["status"] for item in await spot("all_orders", "BTCUSDT")] == ["FILLED", "CANCELED"]
    assert await spot("test_order", "BTCUSDT", "BUY", "LIMIT", quantity=1, price=50_000) == {}
    many = [{"quantity": "0.001"}, {"quantity": "0.00001"}]
    good, bad = await spot("batch_orders", many, "BTCUSDT", "BUY", "LIMIT", quantity=1, price=50_000)
    assert ("orderId" in good, bad["code"]) == (True, 30002)
    assert len(await spot("cancel_all_open_orders", "BTCUSDT")) == 1


async def test_spot_account(spot: Call) -> None:
    account = await spot("account_information")
    assert {item["asset"]: item["free"] for item in account["balances"]} == {"USDT": "200000", "BTC": "2"}
    assert (await spot("query_symbol_commission", "BTCUSDT"))["data"]["takerCommission"] == 0.0005
    assert (await spot("get_default_symbols"))["data"] == ["BTCUSDT"]
    assert [coin["coin"] for coin in await spot("get_currency_info")] == ["USDT", "BTC"]
    assert await spot("deposit_history") == await spot("withdraw_history") == []
    assert (await spot("query_mx_deduct_status"))["data"]["mxDeductEnable"] is False
    assert (await spot("deposit_address", "USDT"))[0]["netWork"] == "ETH"
    assert (await spot("get_uid"))["uid"] == "10000001"
    assert (await spot("create_stp_strategy_group", "g"))["tradeGroupName"] == "g"


async def test_spot_errors(mexc: SimServer, spot: Call) -> None:
    with pytest.raises(pymexc.base.MexcAPIError, match="code=10101"):
        await spot("order", "BTCUSDT", "BUY", "LIMIT", quantity=100, price=20_000)
    with pytest.raises(pymexc.base.MexcAPIError, match="code=-2013"):
        await spot("query_order", "BTCUSDT", order_id="C02__1001")
    stranger = pymexc.spot.HTTP(api_key=DEFAULT_KEY, api_secret="wrong")
    with pytest.raises(pymexc.base.MexcAPIError, match="code=700002"):
        await asyncio.to_thread(stranger.account_information)


async def test_listen_keys(spot: Call) -> None:
    key = (await spot("create_listen_key"))["listenKey"]
    assert await spot("keep_alive_listen_key", key) == {"listenKey": key}
    assert await spot("get_listen_keys") == {"listenKey": [key]}
    assert await spot("close_listen_key", key) == {"listenKey": key}
    assert await spot("get_listen_keys") == {"listenKey": []}


@pytest.fixture
async def spot_socket(mexc: SimServer, spot: Call) -> AsyncIterator[Any]:
    """With a listen key of its own the client starts no thread that would sleep for an hour."""
    key = (await spot("create_listen_key"))["listenKey"]
    socket = pymexc.spot.WebSocket(listenKey=key)
    socket.endpoint = f"{mexc.url.replace('http', 'ws', 1)}/ws?listenKey={key}"
    yield socket
    await asyncio.to_thread(socket.exit)


async def test_the_spot_websocket_tells_orders_deals_and_balances(
    mexc: SimServer, spot: Call, spot_socket: Any
) -> None:
    orders, deals, balances = Heard(), Heard(), Heard()
    for subscribe, heard in (
        (spot_socket.account_orders, orders),
        (spot_socket.account_deals, deals),
        (spot_socket.account_update, balances),
    ):
        await asyncio.to_thread(subscribe, heard)
    async with asyncio.timeout(10):
        while sum(len(connection.topics) for connection in mexc.connections) < 3:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)
    placed = await spot("order", "BTCUSDT", "SELL", "MARKET", quantity=0.001)
    opened, filled, deal = await orders.next(), await orders.next(), await deals.next()
    assert (opened.id, opened.status, filled.status) == (placed["orderId"], 1, 2)
    assert (deal.orderId, deal.feeCurrency, deal.quantity) == (placed["orderId"], "USDT", "0.001")
    held = await balances.next()
    assert (held.vcoinName, held.type, held.frozenAmount) == ("BTC", "ENTRUST_PLACE", "0.001")


# ---- perpetuals ---------------------------------------------------------------------------------------


async def test_perpetual_orders(futures: Call) -> None:
    """pymexc puts an order's parameters into the query, and signs `False` where it sends `false`: hence the None."""
    placed = await futures(
        "order",
        symbol="BTC_USDT",
        price=60_000,
        vol=5,
        side=1,
        type=1,
        open_type=2,
        external_oid="sdk-2",
        reduce_only=None,
    )
    order_id = placed["data"]["orderId"]
    row = (await futures("get_order", order_id))["data"]
    assert (row["state"], row["vol"], row["externalOid"]) == (2, 5, "sdk-2")
    assert (await futures("get_order_external", "BTC_USDT", "sdk-2"))["data"] == row
    assert (await futures("open_orders"))["data"] == [row]
    await futures("cancel_all", "BTC_USDT")
    assert [item["state"] for item in (await futures("history_orders"))["data"]] == [4]
    await futures("order", symbol="BTC_USDT", price=0, vol=5, side=3, type=5, open_type=2, reduce_only=None)
    (position,) = (await futures("open_positions", "BTC_USDT"))["data"]
    assert (position["positionType"], position["holdVol"]) == (2, 5)
    (deal,) = (await futures("order_deals", "BTC_USDT"))["data"]
    assert (deal["side"], deal["vol"], deal["isTaker"]) == (3, 5, True)


async def test_perpetual_account(futures: Call) -> None:
    assert (await futures("asset", "USDT"))["data"]["availableBalance"] == 200_000
    assert [item["currency"] for item in (await futures("assets"))["data"]] == ["USDT"]
    await futures("change_leverage", leverage=30, open_type=2, symbol="BTC_USDT", position_type=1)
    assert (await futures("get_leverage", "BTC_USDT"))["data"][0]["leverage"] == 30
    assert (await futures("get_position_mode"))["data"] == 2
    assert (await futures("funding_records", position_type=None, start_time=None, end_time=None))["data"][
        "totalCount"
    ] == 0
    assert (await futures("tiered_fee_rate", "BTC_USDT"))["data"]["realTakerFee"] == 0.0002
    assert (await futures("history_positions"))["data"] == []
    with pytest.raises(pymexc.base.MexcAPIError, match="code=2005"):
        await futures(
            "order", symbol="BTC_USDT", price=60_000, vol=1_000_000, side=1, type=1, open_type=2, reduce_only=None
        )


async def test_the_perpetual_websocket_logs_in(mexc: SimServer) -> None:
    """No further: 1.3.1 fails on every push, public ones too ('dict' object has no attribute 'channel')."""
    socket = await asyncio.to_thread(partial(pymexc.futures.WebSocket, **KEYS))
    try:
        await asyncio.to_thread(socket.connect)
        async with asyncio.timeout(10):
            while not socket.auth:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.01)
    finally:
        await asyncio.to_thread(socket.exit)
