"""ccxt, unmodified but for its URLs (and its throttle off), takes the simulated MEXC for MEXC."""

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
async def mexc(start_venue: StartVenue, request: pytest.FixtureRequest) -> SimServer:
    """Its books are always the same, unless a test wants them to move."""
    still = getattr(request, "param", True)
    return await start_venue("mexc", instruments=("BTC/USDT", "ETH/USDT"), still=still)


@pytest.fixture
async def client(mexc: SimServer) -> AsyncIterator[Any]:
    exchange = ccxt.pro.mexc(dict(HASTY))
    socket = mexc.url.replace("http", "ws", 1)
    api = exchange.urls["api"]
    api["spot"]["public"] = mexc.url
    api["contract"]["public"] = f"{mexc.url}/api/v1/contract"
    api["ws"] = {"spot": f"{socket}/ws", "swap": f"{socket}/edge"}
    yield exchange
    await exchange.close()


def listing(server: SimServer, symbol: str) -> SimListing:
    return server.markets[SYMBOLS[symbol]].listings[symbol]


def engine_levels(item: SimListing, side: Side, depth: int) -> list[list[float]]:
    return [
        [float(item.price_text(price)), float(item.lots_text(lots))] for price, lots in item.engine.levels(side, depth)
    ]


def pairs(levels: Any) -> list[list[float]]:
    """Perpetual levels have a third column, the number of orders."""
    return [level[:2] for level in levels]


async def test_markets(mexc: SimServer, client: Any) -> None:
    await client.load_markets()
    spot, swap = client.market("BTC/USDT"), client.market("ETH/USDT:USDT")
    assert (spot["id"], swap["id"]) == ("BTCUSDT", "ETH_USDT")
    assert spot["precision"] == {"amount": 0.00000001, "price": 0.01}
    assert spot["limits"]["cost"]["min"] == 1.0
    assert (spot["active"], spot["taker"], spot["maker"]) == (True, 0.0005, 0.0)
    assert (swap["contractSize"], swap["linear"], swap["active"]) == (0.01, True, True)
    assert swap["precision"] == {"amount": 1.0, "price": 0.01}
    assert (swap["taker"], len(client.markets)) == (0.0002, 4)
    for kind in ("spot", "swap"):
        before_ms = mexc.now_ms()
        assert before_ms <= await client.fetch_time({"type": kind}) <= mexc.now_ms()


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_rest(mexc: SimServer, client: Any, symbol: str) -> None:
    item = listing(mexc, symbol)
    await client.load_markets()
    item.engine.place("test", Side.BUY, 3, None, ts_ns=mexc.now_ns())
    book = await client.fetch_order_book(symbol, 20)
    assert book["nonce"] == item.engine.update_id
    assert pairs(book["bids"]) == engine_levels(item, Side.BUY, 20)
    assert pairs(book["asks"]) == engine_levels(item, Side.SELL, 20)
    ticker = await client.fetch_ticker(symbol)
    assert (ticker["bid"], ticker["ask"]) == (book["bids"][0][0], book["asks"][0][0])
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert set(await client.fetch_tickers([symbol])) == {symbol}
    trade = (await client.fetch_trades(symbol))[-1]
    assert (trade["side"], trade["price"]) == ("buy", float(item.price_text(item.trades[-1].price_ticks)))
    assert trade["timestamp"] == item.trades[-1].ts_ns // 1_000_000
    rows = await client.fetch_ohlcv(symbol, "5m", limit=3)
    assert [row[0] % 300_000 for row in rows] == [0, 0, 0]


async def test_errors_are_understood(mexc: SimServer, client: Any) -> None:
    with pytest.raises(ccxt.BadSymbol):
        await client.spotPublicGetDepth({"symbol": "NOPE"})
    with pytest.raises(ccxt.ExchangeError):
        await client.contractPublicGetDepthSymbol({"symbol": "NO_PE"})


async def test_funding_rate(mexc: SimServer, client: Any) -> None:
    funding = await client.fetch_funding_rate("ETH/USDT:USDT")
    assert funding["interval"] == "8h"
    assert funding["fundingTimestamp"] % 28_800_000 == 0
    assert len(await client.fetch_funding_rate_history("ETH/USDT:USDT", limit=5)) == 5


@pytest.mark.parametrize("mexc", [False], indirect=True, ids=["moving"])
async def test_the_watched_books_end_as_the_engines(mexc: SimServer, client: Any) -> None:
    """ccxt takes its spot snapshot only after 25 pushes, so this one takes some seconds."""
    await client.load_markets()

    def agrees(symbol: str, book: Any) -> bool:
        item = listing(mexc, symbol)
        return all(
            pairs(book[name]) == engine_levels(item, side, 1_000)
            for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
        )

    async def watch(symbol: str) -> None:
        book = await client.watch_order_book(symbol)
        stop_at = mexc.now_ms() + 1_000
        while mexc.now_ms() < stop_at:
            book = await client.watch_order_book(symbol)
        listing(mexc, symbol).flow = Still()
        while not agrees(symbol, book):
            book = await client.watch_order_book(symbol)

    async with asyncio.timeout(30):
        await asyncio.gather(*(watch(symbol) for symbol in SYMBOLS))


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_watched_prices_and_trades(mexc: SimServer, client: Any, symbol: str) -> None:
    """`watch_bids_asks` is left out: ccxt 4.5.90 still reads the fields of MEXC's retired JSON channels."""
    item = listing(mexc, symbol)
    await client.load_markets()

    async def trade() -> None:
        while True:
            item.engine.place("test", Side.SELL, 2, None, ts_ns=mexc.now_ns())
            await asyncio.sleep(0.05)

    trading = asyncio.create_task(trade())
    async with asyncio.timeout(20):
        ticker, trades, rows = await asyncio.gather(
            client.watch_ticker(symbol), client.watch_trades(symbol), client.watch_ohlcv(symbol, "1m")
        )
    trading.cancel()
    with suppress(asyncio.CancelledError):
        await trading
    assert ticker["symbol"] == symbol
    assert ticker["bid"] < ticker["ask"]
    assert trades[-1]["side"] == "sell"
    assert trades[-1]["amount"] == float(item.lots_text(2))
    assert rows[-1][0] % 60_000 == 0
