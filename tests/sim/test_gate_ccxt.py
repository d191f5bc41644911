"""ccxt, unmodified but for its URLs (and its throttle off), takes the simulated Gate for Gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import ccxt.pro
import pytest
from tests.sim.flows import Still
from tests.sim.strangers import HASTY

from oneprice.sim.engine import Side
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
SYMBOLS = {"BTC/USDT": "spot", "ETH/USDT:USDT": "futures"}


@pytest.fixture
async def gate(start_venue: StartVenue, request: pytest.FixtureRequest) -> SimServer:
    """Its books are always the same, unless a test wants them to move."""
    still = getattr(request, "param", True)
    return await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"), still=still)


@pytest.fixture
async def client(gate: SimServer) -> AsyncIterator[Any]:
    exchange = ccxt.pro.gate(dict(HASTY))
    socket = gate.url.replace("http", "ws", 1)
    api = exchange.urls["api"]
    api["public"] = dict.fromkeys(api["public"], f"{gate.url}/api/v4")
    api["spot"] = f"{socket}/ws/v4/"
    api["swap"] = {"usdt": f"{socket}/v4/ws/usdt"}
    yield exchange
    await exchange.close()


def listing(server: SimServer, symbol: str) -> SimListing:
    return server.markets[SYMBOLS[symbol]].listings[symbol]


def engine_levels(item: SimListing, side: Side, depth: int) -> list[list[float]]:
    return [
        [float(item.price_text(price)), float(item.lots_text(lots))] for price, lots in item.engine.levels(side, depth)
    ]


async def test_markets(gate: SimServer, client: Any) -> None:
    await client.load_markets()
    spot, swap = client.market("BTC/USDT"), client.market("ETH/USDT:USDT")
    assert (spot["id"], swap["id"]) == ("BTC_USDT", "ETH_USDT")
    assert spot["precision"] == {"amount": 0.000001, "price": 0.1}
    assert spot["limits"]["amount"]["min"] == 0.00001
    assert spot["limits"]["cost"]["min"] == 3.0
    assert (spot["active"], spot["taker"]) == (True, 0.001)
    assert (swap["contractSize"], swap["linear"], swap["active"]) == (0.01, True, True)
    assert swap["precision"] == {"amount": 0.1, "price": 0.01}
    assert len(client.markets) == 4
    assert {"BTC", "ETH", "USDT"} <= set(client.currencies)
    before_ms = gate.now_ms()
    assert before_ms <= await client.fetch_time() <= gate.now_ms()


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_rest(gate: SimServer, client: Any, symbol: str) -> None:
    item = listing(gate, symbol)
    await client.load_markets()
    item.engine.place("test", Side.BUY, 3, None, ts_ns=gate.now_ns())
    book = await client.fetch_order_book(symbol, 20)
    assert book["nonce"] == item.engine.update_id
    assert book["bids"] == engine_levels(item, Side.BUY, 20)
    assert book["asks"] == engine_levels(item, Side.SELL, 20)
    ticker = await client.fetch_ticker(symbol)
    assert (ticker["bid"], ticker["ask"]) == (book["bids"][0][0], book["asks"][0][0])
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert set(await client.fetch_tickers([symbol])) == {symbol}
    trade = (await client.fetch_trades(symbol))[-1]
    assert trade["id"] == str(item.trades[-1].trade_id)
    assert (trade["side"], trade["price"]) == ("buy", float(item.price_text(item.trades[-1].price_ticks)))
    assert trade["timestamp"] == item.trades[-1].ts_ns // 1_000_000
    rows = await client.fetch_ohlcv(symbol, "5m", limit=3)
    assert [row[0] % 300_000 for row in rows] == [0, 0, 0]
    with pytest.raises(ccxt.BadRequest):
        await client.fetch_order_book(symbol, params={"interval": "7"})


async def test_funding_rate(gate: SimServer, client: Any) -> None:
    funding = await client.fetch_funding_rate("ETH/USDT:USDT")
    assert funding["interval"] == "8h"
    assert funding["fundingTimestamp"] % 28_800_000 == 0
    assert abs(funding["markPrice"] / funding["indexPrice"] - 1) < 0.002
    assert len(await client.fetch_funding_rate_history("ETH/USDT:USDT", limit=5)) == 5


@pytest.mark.parametrize("gate", [False], indirect=True, ids=["moving"])
async def test_the_watched_books_end_as_the_engines(gate: SimServer, client: Any) -> None:
    await client.load_markets()

    async def watch(symbol: str) -> None:
        item = listing(gate, symbol)
        stop_at = gate.now_ms() + 1_000
        book = await client.watch_order_book(symbol)
        while gate.now_ms() < stop_at:
            book = await client.watch_order_book(symbol)
        item.flow = Still()
        while book["nonce"] != item.engine.update_id:
            book = await client.watch_order_book(symbol)
        assert book["bids"] == engine_levels(item, Side.BUY, 50)
        assert book["asks"] == engine_levels(item, Side.SELL, 50)

    async with asyncio.timeout(20):
        await asyncio.gather(*(watch(symbol) for symbol in SYMBOLS))


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_watched_prices_and_trades(gate: SimServer, client: Any, symbol: str) -> None:
    item = listing(gate, symbol)
    await client.load_markets()

    async def trade() -> None:
        while True:
            item.engine.place("test", Side.SELL, 2, None, ts_ns=gate.now_ns())
            await asyncio.sleep(0.05)

    trading = asyncio.create_task(trade())
    async with asyncio.timeout(20):
        ticker, trades, tops, rows = await asyncio.gather(
            client.watch_ticker(symbol),
            client.watch_trades(symbol),
            client.watch_bids_asks([symbol]),
            client.watch_ohlcv(symbol, "1m"),
        )
    trading.cancel()
    with suppress(asyncio.CancelledError):
        await trading
    assert ticker["symbol"] == symbol
    assert trades[-1]["side"] == "sell"
    assert trades[-1]["amount"] == float(item.lots_text(2))
    assert tops[symbol]["bid"] < tops[symbol]["ask"]
    assert rows[-1][0] % 60_000 == 0
