"""ccxt, unmodified but for its URLs (and its throttle off), trades on the simulated MEXC: REST and ccxt.pro."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest
from tests.sim.strangers import HASTY

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, ApiKey
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
SPOT, SWAP = "BTC/USDT", "ETH/USDT:USDT"
MARKETS = {SPOT: "spot", SWAP: "futures"}
AMOUNTS = {SPOT: 0.001, SWAP: 3}


@pytest.fixture
async def mexc(start_venue: StartVenue) -> SimServer:
    return await start_venue("mexc", instruments=(SPOT, "ETH/USDT"), still=True)


def connect(server: SimServer, key: str = DEFAULT_KEY, secret: str = DEFAULT_SECRET) -> Any:
    exchange = ccxt.pro.mexc({"apiKey": key, "secret": secret, **HASTY})
    socket = server.url.replace("http", "ws", 1)
    api = exchange.urls["api"]
    api["spot"] = {"public": server.url, "private": server.url}
    api["contract"] = {name: f"{server.url}/api/v1/{path}" for name, path in PATHS.items()}
    api["ws"] = {"spot": f"{socket}/ws", "swap": f"{socket}/edge"}
    return exchange


PATHS = {"public": "contract", "private": "private"}


@pytest.fixture
async def client(mexc: SimServer) -> AsyncIterator[Any]:
    exchange = connect(mexc)
    await exchange.load_markets()
    yield exchange
    await exchange.close()


def listing(server: SimServer, symbol: str) -> SimListing:
    return server.markets[MARKETS[symbol]].listings[symbol]


def top(server: SimServer, symbol: str, side: Side) -> float:
    item = listing(server, symbol)
    return float(item.price_text(item.top.bid_ticks if side is Side.BUY else item.top.ask_ticks))


# ---- orders of both markets ---------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", MARKETS)
async def test_a_limit_order_from_open_to_cancelled(mexc: SimServer, client: Any, symbol: str) -> None:
    price = round(top(mexc, symbol, Side.BUY) * 0.9, 1)
    placed = await client.create_order(symbol, "limit", "buy", AMOUNTS[symbol], price)
    order = await client.fetch_order(placed["id"], symbol)
    assert (order["status"], order["price"], order["amount"]) == ("open", price, AMOUNTS[symbol])
    assert (order["filled"], order["remaining"], order["side"]) == (0, AMOUNTS[symbol], "buy")
    kind = {"type": "spot" if symbol == SPOT else "swap"}
    assert [item["id"] for item in await client.fetch_open_orders(symbol)] == [placed["id"]]
    held = (await client.fetch_balance(kind))["USDT"]
    assert held["used"] > 0
    assert held["free"] + held["used"] == pytest.approx(200_000)
    await client.cancel_order(placed["id"], symbol)
    assert (await client.fetch_order(placed["id"], symbol))["status"] == "canceled"
    assert await client.fetch_open_orders(symbol) == []
    assert (await client.fetch_balance(kind))["USDT"]["used"] == 0


@pytest.mark.parametrize("symbol", MARKETS)
async def test_a_market_order_fills(mexc: SimServer, client: Any, symbol: str) -> None:
    amount, ask = AMOUNTS[symbol], top(mexc, symbol, Side.SELL)
    placed = await client.create_order(symbol, "market", "buy", amount)
    order = await client.fetch_order(placed["id"], symbol)
    assert (order["status"], order["filled"], order["remaining"]) == ("closed", amount, 0)
    assert order["average"] == pytest.approx(ask, rel=1e-6)
    (trade,) = await client.fetch_my_trades(symbol)
    assert (trade["order"], trade["side"], trade["takerOrMaker"]) == (placed["id"], "buy", "taker")
    assert (trade["price"], trade["amount"]) == (ask, amount)
    if symbol == SPOT:
        assert (trade["fee"]["currency"], trade["fee"]["cost"]) == ("BTC", pytest.approx(amount * 0.0005))
    else:
        expected = amount * 0.01 * ask * 0.0002
        assert (trade["fee"]["currency"], trade["fee"]["cost"]) == ("USDT", pytest.approx(expected))
    assert [item["id"] for item in await client.fetch_order_trades(placed["id"], symbol)] == [trade["id"]]


@pytest.mark.parametrize(
    ("symbol", "kind", "params"),
    [
        (SPOT, "limit", {"timeInForce": "IOC"}),
        (SPOT, "limit", {"timeInForce": "FOK"}),
        (SWAP, 3, {}),
        (SWAP, 4, {}),
    ],
)
async def test_immediate_or_cancel_and_fill_or_kill(
    mexc: SimServer, client: Any, symbol: str, kind: Any, params: dict[str, Any]
) -> None:
    away = round(top(mexc, symbol, Side.BUY) * 0.98, 1)
    missed = await client.create_order(symbol, kind, "buy", AMOUNTS[symbol], away, params)
    assert (await client.fetch_order(missed["id"], symbol))["status"] == "canceled"
    met = await client.create_order(symbol, kind, "buy", AMOUNTS[symbol], top(mexc, symbol, Side.SELL), params)
    assert (await client.fetch_order(met["id"], symbol))["status"] == "closed"
    assert await client.fetch_open_orders(symbol) == []


@pytest.mark.parametrize("symbol", MARKETS)
async def test_post_only_never_takes(mexc: SimServer, client: Any, symbol: str) -> None:
    post_only = {"postOnly": True}
    crossing = await client.create_order(
        symbol, "limit", "buy", AMOUNTS[symbol], top(mexc, symbol, Side.SELL), post_only
    )
    order = await client.fetch_order(crossing["id"], symbol)
    assert (order["status"], order["filled"]) == ("canceled", 0)
    resting = await client.create_order(symbol, "limit", "buy", AMOUNTS[symbol], top(mexc, symbol, Side.BUY), post_only)
    assert (await client.fetch_order(resting["id"], symbol))["status"] == "open"


@pytest.mark.parametrize("symbol", MARKETS)
async def test_cancel_all(client: Any, symbol: str) -> None:
    for price in (2_900, 2_950):
        await client.create_order(symbol, "limit", "buy", 1 if symbol == SWAP else 0.001, price)
    await client.cancel_all_orders(symbol)
    assert await client.fetch_open_orders(symbol) == []
    if symbol == SPOT:
        orders = await client.fetch_orders(symbol)
        assert {order["status"] for order in orders} == {"canceled"}
        await client.create_order(symbol, "limit", "buy", 0.001, 2_900)
        assert await client.cancel_all_orders() == []
        assert await client.fetch_open_orders(symbol) == []
    else:
        assert len(await client.fetch_canceled_orders(symbol)) == 2
        assert await client.fetch_closed_orders(symbol) == []
        assert len(await client.fetch_orders(symbol)) == 2


# ---- spot only ----------------------------------------------------------------------------------------


async def test_client_order_ids(client: Any) -> None:
    params = {"clientOrderId": "arb-77"}
    placed = await client.create_order(SPOT, "limit", "buy", 0.001, 50_000, dict(params))
    found = await client.fetch_order("", SPOT, dict(params))
    assert (found["id"], found["clientOrderId"]) == (placed["id"], "arb-77")
    assert (await client.cancel_order("", SPOT, dict(params)))["id"] == placed["id"]
    swap = await client.create_order(SWAP, "limit", "buy", 1, 2_900, {"clientOrderId": "arb-78"})
    raw = await client.contractPrivateGetOrderExternalSymbolExternalOid(
        {"symbol": "ETH_USDT", "external_oid": "arb-78"}
    )
    assert raw["data"]["orderId"] == swap["id"]


async def test_costs_batches_and_tests(client: Any) -> None:
    bought = await client.create_market_buy_order_with_cost(SPOT, 500)
    order = await client.fetch_order(bought["id"], SPOT)
    assert order["status"] == "closed"
    assert 499 < order["cost"] <= 500
    checked = await client.create_order(SPOT, "limit", "buy", 0.001, 50_000, {"test": True})
    assert checked["id"] is None
    batch = [
        {"symbol": SPOT, "type": "limit", "side": "buy", "amount": amount, "price": 50_000}
        for amount in (0.001, 0.00001)
    ]
    good, bad = await client.create_orders(batch)
    assert (good["id"].startswith("C02__"), bad["status"]) == (True, "rejected")


async def test_what_is_known_of_fees_and_the_wallet(mexc: SimServer, client: Any) -> None:
    fee = await client.fetch_trading_fee(SPOT)
    assert (fee["maker"], fee["taker"]) == (0, 0.0005)
    fees = await client.fetch_deposit_withdraw_fees(["USDT"])
    assert fees["USDT"]["networks"]["Tron(TRC20)"]["withdraw"]["fee"] == 1
    assert client.currencies["BTC"]["networks"]["BEP20"]["withdraw"] is False
    account, _ = mexc.accounts.find(DEFAULT_KEY) or pytest.fail("the default key opens an account")
    mexc.desks["spot"].deposit(account, "BTC", account.balance("spot", "BTC").free, mexc.now_ns())
    (deposit,) = await client.fetch_deposits("BTC")
    assert (deposit["amount"], deposit["status"], deposit["currency"]) == (2, "ok", "BTC")
    assert await client.fetch_withdrawals() == []
    address = await client.fetch_deposit_address("USDT", {"network": "TRC20"})
    assert (address["network"], bool(address["address"])) == ("TRC20", True)
    assert (await client.fetch_accounts())[0]["code"] == "USDT"


async def test_transfers(mexc: SimServer) -> None:
    rights = frozenset({"read", "trade", "transfer"})
    funds = {"spot": {"USDT": Decimal(100)}}
    mexc.accounts.open([ApiKey(key="mover", secret="canary", rights=rights)], funds)
    mover = connect(mexc, "mover", "canary")
    try:
        moved = await mover.transfer("USDT", 40, "spot", "swap")
        assert (await mover.fetch_balance({"type": "swap"}))["USDT"]["free"] == 40
        sides = {"fromAccountType": "SPOT", "toAccountType": "FUTURES"}
        (listed,) = await mover.fetch_transfers("USDT", None, None, sides)
        assert (listed["id"], listed["amount"], listed["status"]) == (moved["id"], 40, "ok")
        (into,) = await mover.fetch_transfers("USDT", None, None, sides | {"type": "swap"})
        assert (into["id"], into["toAccount"]) == (moved["id"], "swap")
    finally:
        await mover.close()


# ---- perpetuals only ----------------------------------------------------------------------------------


async def test_a_position_from_open_to_closed(mexc: SimServer, client: Any) -> None:
    bought = await client.create_order(SWAP, "market", "buy", 10)
    (position,) = await client.fetch_positions([SWAP])
    assert (position["side"], position["contracts"], position["contractSize"]) == ("long", 10, 0.01)
    trades = await client.fetch_order_trades(bought["id"], SWAP)
    assert sum(trade["amount"] for trade in trades) == 10
    paid = sum(Decimal(str(trade["price"])) * Decimal(str(trade["amount"])) for trade in trades)
    assert (position["entryPrice"], position["marginMode"]) == (float(paid / 10), "cross")
    assert (await client.fetch_order(bought["id"], SWAP))["average"] == position["entryPrice"]
    await client.set_leverage(10, SWAP, {"openType": 2, "positionType": 1})
    leverage = await client.fetch_leverage(SWAP)
    assert (leverage["longLeverage"], leverage["shortLeverage"]) == (10, 10)
    with pytest.raises(ccxt.InvalidOrder):
        await client.create_order(SWAP, "market", "buy", 1, None, {"reduceOnly": True})
    reduced = await client.create_order(SWAP, "market", "sell", 4, None, {"reduceOnly": True})
    assert (await client.fetch_order(reduced["id"], SWAP))["info"]["side"] == 4
    assert (await client.fetch_position(SWAP))["contracts"] == 6
    await client.close_all_positions()
    assert await client.fetch_positions() == []
    (closed,) = await client.fetch_positions_history([SWAP])
    assert (closed["contracts"], closed["side"]) == (0, "long")
    assert (await client.fetch_position_mode())["hedged"] is False
    await client.set_position_mode(True)
    assert (await client.fetch_position_mode())["hedged"] is True


async def test_funding_and_tiers(mexc: SimServer, client: Any) -> None:
    await client.create_order(SWAP, "market", "sell", 10)
    mexc.desks["futures"].settle_funding(mexc.now_ns())
    (paid,) = await client.fetch_funding_history(SWAP)
    assert paid["amount"] == pytest.approx(float(paid["info"]["rate"]) * float(paid["info"]["positionValue"]))
    account, _ = mexc.accounts.find(DEFAULT_KEY) or pytest.fail("the default key opens an account")
    (truth,) = mexc.desks["futures"].funding_payments(account)
    assert (paid["info"]["positionType"], paid["timestamp"]) == (2, truth.time_ns // 1_000_000)
    tiers = client.parse_market_leverage_tiers(client.market(SWAP)["info"])  # details may be read once in 5 s
    assert [tier["maxLeverage"] for tier in tiers][::4] == [125, pytest.approx(41.67, abs=0.01)]


# ---- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((SPOT, "limit", "buy", 1, 500_000), ccxt.InvalidOrder),  # far above the price band
        ((SPOT, "limit", "buy", 4, 60_000), ccxt.InsufficientFunds),
        ((SPOT, "limit", "sell", 3, 70_000), ccxt.InsufficientFunds),  # "Oversold"
        ((SPOT, "limit", "buy", 0.00001, 50_000), ccxt.InvalidOrder),
        ((SWAP, "limit", "buy", 500_000, 3_000), ccxt.InsufficientFunds),
        ((SWAP, "limit", "buy", 1, 9_000), ccxt.InvalidOrder),
    ],
)
async def test_refusals_are_understood(client: Any, order: tuple[Any, ...], expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await client.create_order(*order)


async def test_refusals_of_access_and_state_are_understood(mexc: SimServer, client: Any) -> None:
    for key, secret in ((DEFAULT_KEY, "wrong"), ("nobody", DEFAULT_SECRET)):
        stranger = connect(mexc, key, secret)
        try:
            with pytest.raises((ccxt.AuthenticationError, ccxt.BadRequest)):
                await stranger.spotPrivateGetAccount()
            with pytest.raises(ccxt.AuthenticationError):
                await stranger.contractPrivateGetAccountAssets()
        finally:
            await stranger.close()
    client.options["timeDifference"] = 10_000
    with pytest.raises(ccxt.InvalidNonce):
        await client.spotPrivateGetUid()
    client.options["timeDifference"] = 0
    with pytest.raises(ccxt.ExchangeError, match="-2013"):
        await client.fetch_order("C02__1001", SPOT)
    with pytest.raises(ccxt.BadRequest):
        await client.cancel_order("C02__1001", SPOT)
    with pytest.raises(ccxt.InvalidOrder):
        await client.cancel_order("700000000000000001", SWAP)
    mexc.faults.switch_on(FaultOrder(FaultKind.HALT, seconds=5))
    with pytest.raises(ccxt.ExchangeError):
        await client.create_order(SPOT, "limit", "buy", 0.001, 50_000)
    mexc.faults.switch_on(FaultOrder(FaultKind.MAINTENANCE, seconds=5))
    for call in (client.spotPrivateGetAccount, client.contractPrivateGetAccountAssets):
        with pytest.raises((ccxt.ExchangeNotAvailable, ccxt.ExchangeError)):
            await call()


# ---- ccxt.pro -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", MARKETS)
async def test_orders_trades_and_balances_are_watched(mexc: SimServer, client: Any, symbol: str) -> None:
    kind = {"type": "spot" if symbol == SPOT else "swap"}
    client.newUpdates = True

    async def filled() -> Any:
        while True:
            for order in await client.watch_orders(symbol):
                if order["status"] == "closed":
                    return order

    async with asyncio.timeout(15):
        watching = asyncio.gather(filled(), client.watch_my_trades(symbol), client.watch_balance(kind))
        while not is_listening(mexc, symbol):  # noqa: ASYNC110 - the exchange tells nobody who listens to it
            await asyncio.sleep(0.01)
        placed = await client.create_order(symbol, "market", "buy", AMOUNTS[symbol])
        order, trades, balance = await watching
    assert (order["id"], order["filled"]) == (placed["id"], AMOUNTS[symbol])
    assert [(trade["order"], trade["side"]) for trade in trades] == [(placed["id"], "buy")]
    assert balance["USDT"]["free"] is not None


def is_listening(server: SimServer, symbol: str) -> bool:
    """Whether the client's subscriptions have reached the exchange."""
    if symbol == SPOT:
        return sum(len(connection.topics) for connection in server.connections) == 3
    return any(connection.frames_sent for connection in server.connections)  # the answer to its one login
