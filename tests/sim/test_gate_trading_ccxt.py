"""ccxt, unmodified but for its URLs, trades on the simulated Gate: REST and websockets, spot and perpetuals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt.pro
import pytest
from tests.sim.strangers import HASTY

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, ApiKey
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
MARKETS = {"BTC/USDT": "spot", "ETH/USDT:USDT": "futures"}
AMOUNTS = {"BTC/USDT": 0.002, "ETH/USDT:USDT": 2.5}
TOO_MUCH = {"BTC/USDT": 20, "ETH/USDT:USDT": 99_000}


@pytest.fixture
async def gate(start_venue: StartVenue) -> SimServer:
    return await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"), still=True)


def make_client(server: SimServer, key: str = DEFAULT_KEY, secret: str = DEFAULT_SECRET) -> Any:
    account = server.accounts.all()[0]
    exchange = ccxt.pro.gate({"apiKey": key, "secret": secret, "uid": str(account.uid), **HASTY})
    socket, api = server.url.replace("http", "ws", 1), exchange.urls["api"]
    for side in ("public", "private"):
        api[side] = dict.fromkeys(api[side], f"{server.url}/api/v4")
    api["spot"] = f"{socket}/v4/ws/spot"
    api["swap"] = {"usdt": f"{socket}/v4/ws/futures/usdt"}
    return exchange


@pytest.fixture
async def client(gate: SimServer) -> AsyncIterator[Any]:
    exchange = make_client(gate)
    await exchange.load_markets()
    yield exchange
    await exchange.close()


def listing(server: SimServer, symbol: str) -> SimListing:
    return server.markets[MARKETS[symbol]].listings[symbol]


def prices(server: SimServer, symbol: str) -> tuple[float, float]:
    """A bid that rests far from the market, and the best ask."""
    item = listing(server, symbol)
    return (
        float(item.price_text(item.top.bid_ticks * 9 // 10)),
        float(item.price_text(item.top.ask_ticks)),
    )


# ---- orders, alike on both markets --------------------------------------------------------------------


@pytest.mark.parametrize("symbol", MARKETS)
async def test_a_limit_order_rests_is_found_and_is_cancelled(gate: SimServer, client: Any, symbol: str) -> None:
    low, _ = prices(gate, symbol)
    made = await client.create_order(symbol, "limit", "buy", AMOUNTS[symbol], low, {"clientOrderId": "t-first.1"})
    assert (made["status"], made["filled"], made["remaining"]) == ("open", 0, AMOUNTS[symbol])
    assert (made["clientOrderId"], made["symbol"], made["side"], made["price"]) == ("t-first.1", symbol, "buy", low)
    by_id = await client.fetch_order(made["id"], symbol)
    by_text = await client.fetch_order("", symbol, {"clientOrderId": "t-first.1"})
    assert by_id["id"] == by_text["id"] == made["id"]
    assert [order["id"] for order in await client.fetch_open_orders(symbol)] == [made["id"]]
    ended = await client.cancel_order(made["id"], symbol)
    assert ended["status"] == "canceled"
    assert await client.fetch_open_orders(symbol) == []
    assert [order["id"] for order in await client.fetch_closed_orders(symbol)] == [made["id"]]
    with pytest.raises((ccxt.InvalidOrder, ccxt.ExchangeError)):
        await client.cancel_order(made["id"], symbol)
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order("12345", symbol)


@pytest.mark.parametrize("symbol", MARKETS)
async def test_cancel_by_text_and_all(gate: SimServer, client: Any, symbol: str) -> None:
    low, _ = prices(gate, symbol)
    await client.create_order(symbol, "limit", "buy", AMOUNTS[symbol], low, {"clientOrderId": "t-a"})
    assert (await client.cancel_order("t-a", symbol))["status"] == "canceled"
    ids = [(await client.create_order(symbol, "limit", "buy", AMOUNTS[symbol], low))["id"] for _ in range(3)]
    results = await client.cancel_orders(ids[:2], symbol)
    assert [order["id"] for order in results] == ids[:2]
    ended = await client.cancel_all_orders(symbol)
    assert [(order["id"], order["status"]) for order in ended] == [(ids[2], "canceled")]


@pytest.mark.parametrize("symbol", MARKETS)
async def test_a_taking_order_fills_and_pays(gate: SimServer, client: Any, symbol: str) -> None:
    _, ask = prices(gate, symbol)
    amount = AMOUNTS[symbol]
    made = await client.create_order(symbol, "limit", "buy", amount, ask * 1.01, {"timeInForce": "IOC"})
    assert (made["status"], made["filled"], made["remaining"]) == ("closed", amount, 0)
    assert ask <= made["average"] <= ask * 1.01
    trades = await client.fetch_my_trades(symbol)
    assert {trade["order"] for trade in trades} == {made["id"]}
    assert sum(trade["amount"] for trade in trades) == pytest.approx(amount)
    assert {trade["takerOrMaker"] for trade in trades} == {"taker"}
    asset, worth = ("BTC", amount) if symbol == "BTC/USDT" else ("USDT", amount * 0.01 * made["average"])
    rate = 0.001 if symbol == "BTC/USDT" else 0.0005
    fees = [fee for trade in trades for fee in trade["fees"]]
    assert {fee["currency"] for fee in fees} == {asset}
    assert sum(fee["cost"] for fee in fees) == pytest.approx(worth * rate, rel=1e-6)
    assert [t["id"] for t in await client.fetch_order_trades(made["id"], symbol)] == [t["id"] for t in trades]
    assert (await client.fetch_order(made["id"], symbol))["status"] == "closed"


@pytest.mark.parametrize("symbol", MARKETS)
async def test_times_in_force(gate: SimServer, client: Any, symbol: str) -> None:
    low, ask = prices(gate, symbol)
    amount = AMOUNTS[symbol]
    unfilled = await client.create_order(symbol, "limit", "buy", amount, low, {"timeInForce": "IOC"})
    assert (unfilled["status"], unfilled["filled"]) == ("canceled", 0)
    with pytest.raises(ccxt.ExchangeError):
        await client.create_order(symbol, "limit", "buy", amount, low, {"timeInForce": "FOK"})
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await client.create_order(symbol, "limit", "buy", amount, ask, {"postOnly": True})
    resting = await client.create_order(symbol, "limit", "buy", amount, low, {"postOnly": True})
    assert (resting["status"], resting["timeInForce"], resting["postOnly"]) == ("open", "PO", True)


@pytest.mark.parametrize("symbol", MARKETS)
async def test_an_order_is_amended(gate: SimServer, client: Any, symbol: str) -> None:
    low, _ = prices(gate, symbol)
    item, amount = listing(gate, symbol), AMOUNTS[symbol]
    made = await client.create_order(symbol, "limit", "buy", amount, low)
    lower = float(item.price_text(item.top.bid_ticks * 8 // 10))
    edited = await client.edit_order(made["id"], symbol, "limit", "buy", amount * 2, lower)
    assert (edited["id"], edited["amount"], edited["price"]) == (made["id"], amount * 2, lower)


@pytest.mark.parametrize("symbol", MARKETS)
async def test_a_batch_of_orders(gate: SimServer, client: Any, symbol: str) -> None:
    low, _ = prices(gate, symbol)
    good = {"symbol": symbol, "type": "limit", "side": "buy", "amount": AMOUNTS[symbol], "price": low}
    poor = good | {"amount": TOO_MUCH[symbol]}
    orders = await client.create_orders([good, poor, good])
    assert sorted(order["status"] for order in orders) == ["open", "open", "rejected"]
    (refused,) = (order for order in orders if order["status"] == "rejected")
    assert refused["info"]["label"] in ("BALANCE_NOT_ENOUGH", "INSUFFICIENT_AVAILABLE")


@pytest.mark.parametrize("symbol", MARKETS)
async def test_refusals_are_ccxts_classes(gate: SimServer, client: Any, symbol: str) -> None:
    low, _ = prices(gate, symbol)
    amount = AMOUNTS[symbol]
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order(symbol, "limit", "buy", TOO_MUCH[symbol], low)
    with pytest.raises(ccxt.InvalidOrder):
        await client.create_order(symbol, "limit", "buy", amount, low / 10)
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order("999", symbol)
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order("", symbol, {"clientOrderId": "t-never"})
    with pytest.raises(ccxt.BadRequest):
        await client.create_order(symbol, "limit", "buy", amount, low, {"text": "t-no spaces"})


# ---- what only one market has -------------------------------------------------------------------------


async def test_a_market_buy_spends_quote(gate: SimServer, client: Any) -> None:
    before = (await client.fetch_balance())["USDT"]["total"]
    made = await client.create_market_buy_order_with_cost("BTC/USDT", 100)
    assert made["status"] == "closed"
    assert 90 < made["cost"] <= 100
    after = await client.fetch_balance()
    assert before - after["USDT"]["total"] == pytest.approx(float(made["info"]["filled_total"]))
    assert after["BTC"]["total"] == pytest.approx(2 + made["filled"] * 0.999, rel=1e-9)
    sold = await client.create_order("BTC/USDT", "market", "sell", 0.001)
    assert (sold["status"], sold["filled"]) == ("closed", 0.001)


async def test_open_orders_hold_balance(gate: SimServer, client: Any) -> None:
    low, _ = prices(gate, "BTC/USDT")
    await client.create_order("BTC/USDT", "limit", "buy", 0.1, low)
    usdt = (await client.fetch_balance())["USDT"]
    assert usdt["used"] == pytest.approx(0.1 * low)
    assert usdt["free"] + usdt["used"] == pytest.approx(200_000)


async def test_a_position_opens_reduces_and_closes(gate: SimServer, client: Any) -> None:
    symbol = "ETH/USDT:USDT"
    await client.create_order(symbol, "market", "buy", 10)
    (position,) = await client.fetch_positions([symbol])
    assert (position["side"], position["contracts"], position["contractSize"]) == ("long", 10, 0.01)
    assert position["entryPrice"] > 0
    assert position["initialMargin"] > 0
    balance = await client.fetch_balance({"type": "swap"})
    assert balance["USDT"]["free"] < balance["USDT"]["total"] < 200_000
    reduced = await client.create_order(symbol, "market", "sell", 4, None, {"reduceOnly": True})
    assert (reduced["status"], reduced["filled"], reduced["reduceOnly"]) == ("closed", 4, True)
    assert (await client.fetch_position(symbol))["contracts"] == 6
    closed = await client.close_position(symbol)
    assert (closed["side"], closed["filled"]) == ("sell", 6)
    assert (await client.fetch_position(symbol))["contracts"] == 0
    with pytest.raises(ccxt.InvalidOrder):  # POSITION_EMPTY
        await client.create_order(symbol, "market", "sell", 4, None, {"reduceOnly": True})
    ledger = await client.fetch_ledger(since=gate.now_ms() - 60_000, params={"type": "swap"})
    assert {entry["info"]["type"] for entry in ledger} == {"pnl", "fee"}


async def test_leverage_and_position_mode(gate: SimServer, client: Any) -> None:
    symbol = "ETH/USDT:USDT"
    assert (await client.set_leverage(7, symbol))["leverage"] == "7"
    crossed = await client.set_leverage(9, symbol, {"marginMode": "cross"})
    assert (crossed["leverage"], crossed["cross_leverage_limit"]) == ("0", "9")
    with pytest.raises(ccxt.InvalidOrder):
        await client.privateFuturesPostSettlePositionsContractLeverage(
            {"settle": "usdt", "contract": "ETH_USDT", "leverage": "101"}
        )
    assert (await client.set_position_mode(True))["in_dual_mode"] is True
    assert (await client.set_position_mode(False))["in_dual_mode"] is False
    low, _ = prices(gate, symbol)
    await client.create_order(symbol, "limit", "buy", 1, low)
    with pytest.raises(ccxt.BadRequest):
        await client.set_position_mode(True)


async def test_funding_shows_in_the_history(gate: SimServer, client: Any) -> None:
    symbol = "ETH/USDT:USDT"
    await client.create_order(symbol, "market", "sell", 10)
    gate.desks["futures"].settle_funding(gate.now_ns())
    (payment,) = await client.fetch_funding_history(symbol)
    paid = gate.desks["futures"].funding_payments(gate.accounts.all()[0])[0]
    assert payment["symbol"] == symbol
    assert payment["amount"] == pytest.approx(float(paid.amount))


async def test_fees_networks_and_wallets(gate: SimServer, client: Any) -> None:
    fee = await client.fetch_trading_fee("BTC/USDT")
    assert (fee["maker"], fee["taker"]) == (0.001, 0.001)
    fees = await client.fetch_trading_fees()
    assert (fees["ETH/USDT:USDT"]["maker"], fees["ETH/USDT:USDT"]["taker"]) == (0.0002, 0.0005)
    networks = (await client.fetch_deposit_withdraw_fees(["USDT"]))["USDT"]["networks"]
    assert networks["TRC20"]["withdraw"]["fee"] == 1.0
    assert client.currencies["USDT"]["networks"]["BEP20"]["deposit"] is True
    assert await client.fetch_deposits() == []
    account = gate.accounts.all()[0]
    gate.desks["spot"].deposit(account, "USDT", gate.desks["spot"].rules.taker_fee * 50_000, gate.now_ns())
    (deposit,) = await client.fetch_deposits("USDT")
    assert (deposit["amount"], deposit["status"], deposit["type"]) == (50.0, "ok", "deposit")
    assert await client.fetch_withdrawals() == []
    assert (await client.fetch_deposit_address("USDT", {"network": "TRC20"}))["network"] == "TRC20"
    ledger = await client.fetch_ledger("USDT")
    assert (ledger[0]["type"], ledger[0]["amount"]) == ("deposit", 50.0)


async def test_keys_and_rights(gate: SimServer, client: Any) -> None:
    gate.accounts.open([ApiKey(key="reader", secret="r", rights=frozenset({"read"}))], {"spot": {}})
    low, _ = prices(gate, "BTC/USDT")
    for key, secret, error in (
        ("reader", "r", ccxt.PermissionDenied),
        ("nobody", "x", ccxt.AuthenticationError),
        (DEFAULT_KEY, "wrong", ccxt.AuthenticationError),
    ):
        other = make_client(gate, key, secret)
        try:
            await other.load_markets()
            with pytest.raises(error):
                await other.create_order("BTC/USDT", "limit", "buy", 0.001, low)
        finally:
            await other.close()


async def test_a_user_without_a_futures_wallet(gate: SimServer) -> None:
    gate.accounts.open([ApiKey(key="fresh", secret="f")], {"spot": {}})
    other = make_client(gate, "fresh", "f")
    try:
        with pytest.raises(ccxt.AccountNotEnabled):
            await other.fetch_balance({"type": "swap"})
    finally:
        await other.close()


# ---- websockets ---------------------------------------------------------------------------------------


async def settled(client: Any, symbol: str, status: str) -> Any:
    """The first watched order of that status."""
    async with asyncio.timeout(8):
        while True:
            for order in await client.watch_orders(symbol):
                if order["status"] == status:
                    return order


@pytest.mark.parametrize("symbol", MARKETS)
async def test_watched_orders_trades_and_balance(gate: SimServer, client: Any, symbol: str) -> None:
    low, ask = prices(gate, symbol)
    amount, kind = AMOUNTS[symbol], "spot" if symbol == "BTC/USDT" else "swap"
    watching = [
        asyncio.create_task(client.watch_orders(symbol)),
        asyncio.create_task(client.watch_my_trades(symbol)),
        asyncio.create_task(client.watch_balance({"type": kind})),
    ]
    await subscribed(gate, 3)
    resting = await client.create_order(symbol, "limit", "buy", amount, low, {"clientOrderId": "t-w1"})
    async with asyncio.timeout(5):
        (seen,) = await watching[0]
    assert (seen["id"], seen["clientOrderId"], seen["status"]) == (resting["id"], "t-w1", "open")
    again = asyncio.create_task(client.watch_orders(symbol))
    await asyncio.sleep(0)
    await client.cancel_order(resting["id"], symbol)
    async with asyncio.timeout(5):
        assert [(order["id"], order["status"]) for order in await again] == [(resting["id"], "canceled")]
    finished = asyncio.create_task(settled(client, symbol, "closed"))
    await asyncio.sleep(0)
    taken = await client.create_order(symbol, "limit", "buy", amount, ask * 1.01, {"timeInForce": "IOC"})
    async with asyncio.timeout(5):
        trades, balance = await asyncio.gather(watching[1], watching[2])
    assert {trade["order"] for trade in trades} == {taken["id"]}
    assert balance["USDT"]["total"] <= 200_000
    done = await finished
    assert (done["id"], done["filled"]) == (taken["id"], amount)


async def test_watched_positions(gate: SimServer, client: Any) -> None:
    symbol = "ETH/USDT:USDT"
    assert await client.watch_positions([symbol]) == []
    watching = asyncio.create_task(client.watch_positions([symbol]))
    await subscribed(gate, 1)
    await client.create_order(symbol, "market", "sell", 3)
    async with asyncio.timeout(5):
        (position,) = await watching
    assert (position["side"], position["contracts"]) == ("short", 3)


async def subscribed(server: SimServer, topics: int) -> None:
    """Until so many streams are subscribed."""
    done, stop = asyncio.Event(), server.every(5, lambda _: done.set() if count(server) >= topics else None)
    try:
        await asyncio.wait_for(done.wait(), 5)
    finally:
        stop()


def count(server: SimServer) -> int:
    return sum(len(connection.topics) for connection in server.connections)


@pytest.mark.parametrize("symbol", MARKETS)
async def test_orders_by_websocket(gate: SimServer, client: Any, symbol: str) -> None:
    low, ask = prices(gate, symbol)
    item, amount = listing(gate, symbol), AMOUNTS[symbol]
    made = await client.create_order_ws(symbol, "limit", "buy", amount, low, {"clientOrderId": "t-ws"})
    assert (made["status"], made["clientOrderId"]) == ("open", "t-ws")
    assert (await client.fetch_order_ws(made["id"], symbol))["id"] == made["id"]
    lower = float(item.price_text(item.top.bid_ticks * 8 // 10))
    edited = await client.edit_order_ws(made["id"], symbol, "limit", "buy", amount, lower)
    assert (edited["id"], edited["price"]) == (made["id"], lower)
    assert (await client.cancel_order_ws(made["id"], symbol))["status"] == "canceled"
    await client.create_order_ws(symbol, "limit", "buy", amount, low, {})
    assert len(await client.cancel_all_orders_ws(symbol)) == 1
    taken = await client.create_order_ws(symbol, "limit", "buy", amount, ask * 1.01, {"timeInForce": "IOC"})
    assert (taken["status"], taken["filled"]) == ("closed", amount)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await client.create_order_ws(symbol, "limit", "buy", amount, ask, {"postOnly": True})
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order_ws(symbol, "limit", "buy", TOO_MUCH[symbol], low, {})


async def test_perpetual_lists_by_websocket(gate: SimServer, client: Any) -> None:
    symbol = "ETH/USDT:USDT"
    low, _ = prices(gate, symbol)
    order = {"symbol": symbol, "type": "limit", "side": "buy", "amount": 1, "price": low}
    made = await client.create_orders_ws([order, order])
    open_orders = await client.fetch_open_orders_ws(symbol)
    assert {item["id"] for item in open_orders} == {item["id"] for item in made}
    await client.cancel_order_ws(made[0]["id"], symbol)
    assert [item["id"] for item in await client.fetch_closed_orders_ws(symbol)] == [made[0]["id"]]


async def test_a_wrong_secret_is_told_on_the_websocket(gate: SimServer) -> None:
    other = make_client(gate, DEFAULT_KEY, "wrong")
    try:
        await other.load_markets()
        with pytest.raises(ccxt.AuthenticationError):
            await asyncio.wait_for(other.watch_orders("BTC/USDT"), 5)
    finally:
        await other.close()
