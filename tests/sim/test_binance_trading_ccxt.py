"""Unmodified ccxt 4.5.90 trades on the simulated Binance, at the venue's own host names: its resolver leads to here."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from tests.sim.strangers import HASTY

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, ApiKey
from oneprice.sim.authority import TestCertificates, make_certificates
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder

ccxt = pytest.importorskip("ccxt")
ccxt_pro = pytest.importorskip("ccxt.pro")
pytest.importorskip("cryptography")

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
OpenClient = Callable[..., Awaitable[Any]]


class ToHere(AbstractResolver):
    """Every host is this port on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
        there = {"hostname": host, "host": "127.0.0.1", "port": self._port, "family": socket.AF_INET}
        return [there | {"proto": 0, "flags": socket.AI_NUMERICHOST}]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> TestCertificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def venue(start_venue: Any, certificates: TestCertificates) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.valid.certificate, certificates.valid.key)
    return await start_venue("binance", instruments=("BTC/USDT",), tls=context, still=True)


@pytest.fixture
async def open_client(venue: Any, certificates: TestCertificates) -> AsyncIterator[OpenClient]:
    clients, sessions = [], []
    trusting = ssl.create_default_context(cafile=str(certificates.authority))
    trusting.check_hostname = False

    async def open_one(**options: Any) -> Any:
        connector = aiohttp.TCPConnector(ssl=trusting, resolver=ToHere(venue.port))
        session = aiohttp.ClientSession(connector=connector)
        keys = {"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET, **HASTY}
        client = ccxt_pro.binance(keys | {"session": session} | options)
        clients.append(client)
        sessions.append(session)
        await client.load_markets()
        return client

    yield open_one
    for client in clients:
        await client.close()
    for session in sessions:
        await session.close()


@pytest.fixture
async def client(open_client: OpenClient) -> Any:
    return await open_client()


async def price_of(client: Any, symbol: str) -> float:
    return float((await client.fetch_ticker(symbol))["last"])


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_limit_orders_rest_are_found_and_cancelled(client: Any, symbol: str) -> None:
    price = float(client.price_to_precision(symbol, await price_of(client, symbol) * 0.9))
    order = await client.create_order(symbol, "limit", "buy", 0.01, price, {"clientOrderId": "mine-1"})
    assert (order["status"], order["filled"], order["remaining"], order["price"]) == ("open", 0.0, 0.01, price)
    by_id = await client.fetch_order(order["id"], symbol)
    by_client_id = await client.fetch_order(None, symbol, {"clientOrderId": "mine-1"})
    assert by_id["id"] == by_client_id["id"] == order["id"]
    assert by_id["clientOrderId"] == "mine-1"
    assert [row["id"] for row in await client.fetch_open_orders(symbol)] == [order["id"]]
    changed = await client.edit_order(order["id"], symbol, "limit", "buy", 0.02, price)
    assert (await client.fetch_order(changed["id"], symbol))["amount"] == 0.02
    cancelled = await client.cancel_order(changed["id"], symbol)
    assert cancelled["status"] == "canceled"
    assert (await client.fetch_order(changed["id"], symbol))["status"] == "canceled"
    for _ in range(2):
        await client.create_order(symbol, "limit", "buy", 0.01, price)
    await client.cancel_all_orders(symbol)
    assert await client.fetch_open_orders(symbol) == []
    assert len(await client.fetch_orders(symbol)) >= 3


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_times_in_force(client: Any, symbol: str) -> None:
    price = await price_of(client, symbol)
    low, high = (float(client.price_to_precision(symbol, price * factor)) for factor in (0.96, 1.04))
    missed = await client.create_order(symbol, "limit", "buy", 0.01, low, {"timeInForce": "IOC"})
    assert (missed["status"], missed["filled"], missed["timeInForce"]) == ("expired", 0.0, "IOC")
    taken = await client.create_order(symbol, "limit", "buy", 0.002, high, {"timeInForce": "IOC"})
    assert (taken["status"], taken["filled"]) == ("closed", 0.002)
    whole = await client.create_order(symbol, "limit", "sell", 0.002, low, {"timeInForce": "FOK"})
    assert (whole["status"], whole["filled"]) == ("closed", 0.002)
    maker = await client.create_order(symbol, "limit", "sell", 0.002, high, {"postOnly": True})
    assert (maker["status"], maker["postOnly"]) == ("open", True)
    would_take = ccxt.OrderImmediatelyFillable if symbol == SPOT else ccxt.OrderNotFillable
    with pytest.raises(would_take):
        await client.create_order(symbol, "limit", "sell", 0.002, low, {"postOnly": True})
    if symbol == SPOT:
        killed = await client.create_order(symbol, "limit", "buy", 0.01, low, {"timeInForce": "FOK"})
        assert killed["status"] == "expired"
    else:
        with pytest.raises(ccxt.OrderNotFillable):
            await client.create_order(symbol, "limit", "buy", 0.01, low, {"timeInForce": "FOK"})


async def test_spot_market_orders_move_exact_balances(client: Any) -> None:
    before = await client.fetch_balance()
    assert (before["USDT"]["free"], before["BTC"]["free"]) == (200_000.0, 2.0)
    bought = await client.create_order(SPOT, "market", "buy", 0.01)
    assert (bought["status"], bought["filled"]) == ("closed", 0.01)
    assert bought["cost"] == pytest.approx(bought["average"] * 0.01)
    assert bought["fee"] == {"currency": "BTC", "cost": 0.00001}
    spent = await client.create_order(SPOT, "market", "buy", 1, None, {"cost": 100})
    assert 99.0 < spent["cost"] <= 100.0
    after = await client.fetch_balance()
    assert after["USDT"]["free"] == pytest.approx(200_000 - bought["cost"] - spent["cost"], abs=1e-8)
    trades = await client.fetch_my_trades(SPOT)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(bought["filled"] + spent["filled"])
    assert {trade["takerOrMaker"] for trade in trades} == {"taker"}
    of_order = [row["id"] for row in await client.fetch_order_trades(bought["id"], SPOT)]
    assert of_order == [row["id"] for row in trades if row["order"] == bought["id"]]
    assert [row["id"] for row in await client.fetch_closed_orders(SPOT)] == [bought["id"], spent["id"]]


async def test_positions_leverage_and_reduce_only(client: Any) -> None:
    assert await client.fetch_positions([SWAP]) == []
    await client.set_leverage(10, SWAP)
    assert (await client.fetch_leverage(SWAP))["longLeverage"] == 10
    assert (await client.fetch_margin_mode(SWAP))["marginMode"] == "cross"
    assert (await client.fetch_position_mode(SWAP))["hedged"] is False
    bought = await client.create_order(SWAP, "market", "buy", 0.01)
    assert (bought["status"], bought["filled"]) == ("closed", 0.01)
    (position,) = await client.fetch_positions([SWAP])
    assert (position["side"], position["contracts"]) == ("long", 0.01)
    assert position["initialMargin"] == pytest.approx(position["notional"] / 10, abs=1e-6)
    filled = await client.fetch_order(bought["id"], SWAP)
    assert position["entryPrice"] == pytest.approx(filled["average"])
    with pytest.raises(ccxt.InvalidOrder):
        await client.create_order(SWAP, "market", "buy", 0.01, None, {"reduceOnly": True})
    closed = await client.create_order(SWAP, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert closed["reduceOnly"] is True
    assert await client.fetch_positions([SWAP]) == []
    balance = await client.fetch_balance({"type": "swap"})
    trades = await client.fetch_my_trades(SWAP)
    booked = sum(float(trade["info"]["realizedPnl"]) - trade["fee"]["cost"] for trade in trades)
    assert balance["USDT"]["total"] == pytest.approx(200_000 + booked, abs=1e-8)
    ledger = await client.fetch_ledger(None, params={"type": "swap"})
    assert {row["type"] for row in ledger} >= {"commission"}
    batch = [
        {"symbol": SWAP, "type": "limit", "side": "buy", "amount": 0.01, "price": 60_000.0},
        {"symbol": SWAP, "type": "limit", "side": "buy", "amount": 0.01, "price": 60_000.1},
    ]
    orders = await client.create_orders(batch)
    cancelled = await client.cancel_orders([order["id"] for order in orders], SWAP)
    assert [row["status"] for row in cancelled] == ["canceled", "canceled"]


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_refusals_are_ccxts_classes(client: Any, venue: Any, symbol: str) -> None:
    price = float(client.price_to_precision(symbol, await price_of(client, symbol) * 0.9))
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order(symbol, "limit", "buy", 90, price)
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order("1", symbol)
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order("1", symbol)
    with pytest.raises(ccxt.BadRequest if symbol == SPOT else ccxt.InvalidOrder):
        await client.create_order(symbol, "limit", "buy", 0.001, price / 20)
    await client.create_order(symbol, "limit", "buy", 0.01, price, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match=r"Duplicate order sent|ClientOrderId is duplicated"):
        await client.create_order(symbol, "limit", "buy", 0.01, price, {"clientOrderId": "twice"})
    venue.faults.switch_on(FaultOrder(kind=FaultKind.HALT, target="BTC/USDT"))
    with pytest.raises(ccxt.ExchangeError):
        await client.create_order(symbol, "limit", "buy", 0.01, price)


async def test_bad_keys_signatures_and_clocks(open_client: OpenClient, venue: Any) -> None:
    venue.accounts.open([ApiKey(key="reading-only", secret="s", rights=frozenset({"read"}))])
    reader = await open_client(apiKey="reading-only", secret="s")
    assert (await reader.fetch_balance())["total"] == {"BTC": 0.0, "USDT": 0.0}
    with pytest.raises((ccxt.AuthenticationError, ccxt.DDoSProtection)):
        await reader.create_order(SPOT, "market", "buy", 0.01)
    reader.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        await reader.fetch_balance()
    reader.secret = "s"
    venue.faults.switch_on(FaultOrder(kind=FaultKind.CLOCK_SKEW, delay_ms=-5_000))
    with pytest.raises(ccxt.InvalidNonce):
        await reader.fetch_balance()


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_private_streams_tell_orders_trades_and_balances(client: Any, venue: Any, symbol: str) -> None:
    kind = {"type": "spot" if symbol == SPOT else "swap"}
    heard: dict[str, list[Any]] = {"orders": [], "trades": [], "balances": []}
    told_something = asyncio.Event()

    async def listen(name: str, watch: Callable[[], Awaitable[Any]]) -> None:
        while True:
            heard[name].append(await watch())
            told_something.set()

    price = float(client.price_to_precision(symbol, await price_of(client, symbol) * 0.9))
    watches = {
        "orders": lambda: client.watch_orders(symbol),
        "trades": lambda: client.watch_my_trades(symbol),
        "balances": lambda: client.watch_balance(kind),
    }
    tasks = [asyncio.create_task(listen(name, watch)) for name, watch in watches.items()]
    if symbol == SWAP:
        tasks.append(asyncio.create_task(listen("positions", lambda: client.watch_positions([symbol]))))
        heard["positions"] = []
    await listening(client, venue, len(tasks))
    resting = await client.create_order(symbol, "limit", "buy", 0.01, price)
    await client.cancel_order(resting["id"], symbol)
    taken = await client.create_order(symbol, "market", "buy", 0.01)
    truth = (await client.fetch_balance(kind))["info"]
    if symbol == SPOT:
        wallet = next(float(row["free"]) for row in truth["balances"] if row["asset"] == "USDT")
    else:
        wallet = float(truth["totalWalletBalance"])

    def is_told() -> bool:
        done = heard["balances"] and heard["balances"][-1]["USDT"]["total"] == pytest.approx(wallet, abs=1e-8)
        return bool(done and heard["trades"]) and (symbol == SPOT or len(heard["positions"]) > 1)

    async with asyncio.timeout(5):
        while not is_told():
            told_something.clear()
            await told_something.wait()
    for task in tasks:
        task.cancel()
    # ccxt keeps one object per order and changes it in place, so only the last word on each is left.
    told = {row["id"]: (row["status"], row["clientOrderId"]) for rows in heard["orders"] for row in rows}
    assert told[resting["id"]] == ("canceled", resting["clientOrderId"])
    assert told[taken["id"]] == ("closed", taken["clientOrderId"])
    trade = heard["trades"][-1][-1]
    assert (trade["order"], trade["side"], trade["takerOrMaker"]) == (taken["id"], "buy", "taker")
    if symbol == SWAP:
        (position,) = [row for row in heard["positions"][-1] if row["symbol"] == SWAP]
        assert (position["side"], position["contracts"]) == ("long", 0.01)


async def listening(client: Any, venue: Any, watched: int) -> None:
    """Until the client waits for news of so many kinds, over a connection that the venue sends them to."""
    async with asyncio.timeout(10):
        while True:
            futures = [future for one in client.clients.values() for future in one.futures.values()]
            is_subscribed = any(connection.topics or connection.frames_sent for connection in venue.connections)
            if is_subscribed and sum(not future.done() for future in futures) >= watched:
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_orders_over_the_websocket_api(client: Any, symbol: str) -> None:
    price = float(client.price_to_precision(symbol, await price_of(client, symbol) * 0.96))
    async with asyncio.timeout(10):
        order = await client.create_order_ws(symbol, "limit", "buy", 0.01, price)
        assert (await client.fetch_order_ws(order["id"], symbol))["status"] == "open"
        changed = await client.edit_order_ws(order["id"], symbol, "limit", "buy", 0.02, price)
        cancelled = await client.cancel_order_ws(changed["id"], symbol)
        assert cancelled["status"] == "canceled"
        with pytest.raises(ccxt.ExchangeError):
            await client.create_order_ws(symbol, "limit", "buy", 90, price)
        if symbol == SPOT:
            await client.create_order_ws(symbol, "market", "buy", 0.01)
            assert sum(row["amount"] for row in await client.fetch_my_trades_ws(symbol)) == pytest.approx(0.01)
            rows = (await client.fetch_balance_ws())["info"]["balances"]
            assert {row["asset"]: row["free"] for row in rows}["BTC"] == "2.00999000"
            await client.create_order_ws(symbol, "limit", "buy", 0.01, price)
            await client.cancel_all_orders_ws(symbol)
            assert await client.fetch_open_orders_ws(symbol) == []
        else:
            await client.create_order_ws(symbol, "market", "buy", 0.01)
            (position,) = await client.fetch_positions_ws([symbol])
            assert position["contracts"] == 0.01


async def test_resting_orders_fill_when_others_trade(client: Any, venue: Any) -> None:
    listing = venue.markets["spot"].listings[SPOT]
    top = listing.top.bid_ticks + 1
    price = float(listing.price_text(top))
    order = await client.create_order(SPOT, "limit", "buy", 0.001, price, {"postOnly": True})
    listing.engine.place("stranger", Side.SELL, 100, top, ts_ns=venue.now_ns())
    filled = await client.fetch_order(order["id"], SPOT)
    assert (filled["status"], filled["filled"], filled["average"]) == ("closed", 0.001, price)
    (trade,) = await client.fetch_my_trades(SPOT)
    assert (trade["takerOrMaker"], trade["fee"]["currency"]) == ("maker", "BTC")


async def test_fees_networks_and_transfers(open_client: OpenClient, venue: Any) -> None:
    rights = frozenset({"read", "trade", "transfer", "withdraw"})
    account = venue.accounts.open([ApiKey(key="all-rights", secret="s", rights=rights)])
    venue.desks["spot"].deposit(account, "USDT", 1_000, venue.now_ns())
    client = await open_client(apiKey="all-rights", secret="s")
    fee = await client.fetch_trading_fee(SPOT)
    assert (fee["maker"], fee["taker"]) == (0.001, 0.001)
    fee = await client.fetch_trading_fee(SWAP)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)
    networks = (await client.fetch_deposit_withdraw_fees(["USDT"]))["USDT"]["networks"]
    assert networks["TRC20"]["withdraw"]["fee"] == 1.0
    assert client.currencies["USDT"]["networks"]["ERC20"]["limits"]["withdraw"]["min"] == 10.0
    (deposit,) = await client.fetch_deposits("USDT")
    assert (deposit["amount"], deposit["status"], deposit["currency"]) == (1_000.0, "ok", "USDT")
    await client.transfer("USDT", 100, "spot", "linear")
    assert (await client.fetch_balance({"type": "swap"}))["USDT"]["free"] == 100.0
    sent = await client.withdraw("USDT", 50, "T" + "A" * 33, {"network": "TRC20"})
    (gone,) = await client.fetch_withdrawals("USDT")
    assert (gone["id"], gone["amount"], gone["status"], gone["fee"]["cost"]) == (sent["id"], 50.0, "ok", 1.0)
    assert (await client.fetch_balance())["USDT"]["free"] == 849.0
    assert (await client.fetch_deposit_address("USDT", {"network": "TRC20"}))["address"]
