"""The independent proof: ccxt 4.5.90, unmodified but for its URLs (and its throttle off), understands the simulated
Binance, over REST and streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.sim.flows import Still
from tests.sim.strangers import HASTY

from oneprice.sim.engine import Side

ccxt_pro = pytest.importorskip("ccxt.pro")

SYMBOLS = ("BTC/USDT", "BTC/USDT:USDT")


@pytest.fixture
async def venue(start_venue: Any) -> Any:
    return await start_venue("binance")


@pytest.fixture
async def client(venue: Any) -> AsyncIterator[Any]:
    exchange = ccxt_pro.binance({"options": {"fetchMarkets": {"types": ["spot", "linear"]}}, **HASTY})
    urls = exchange.urls["api"]
    for name, url in urls.items():
        if isinstance(url, str):
            for host in ("https://api.binance.com", "https://fapi.binance.com"):
                urls[name] = urls[name].replace(host, venue.url)
    sockets = venue.url.replace("http", "ws")
    # ccxt takes a connection for spot when its URL contains "/stream".
    urls["ws"]["spot"], urls["ws"]["linear"] = f"{sockets}/stream/ws", f"{sockets}/usdm/ws"
    yield exchange
    await exchange.close()


async def test_markets_have_the_rules_of_the_listings(venue: Any, client: Any) -> None:
    before_ms = venue.now_ms()
    assert before_ms <= await client.fetch_time() <= venue.now_ms()
    markets = {market["symbol"]: market for market in await client.fetch_markets()}
    for sim in venue.markets.values():
        for key, listing in sim.listings.items():
            market, instrument = markets[key], listing.instrument
            assert market["active"]
            assert market["precision"]["price"] == float(instrument.tick)
            assert market["precision"]["amount"] == float(instrument.lot)
            assert market["limits"]["amount"]["min"] == float(instrument.min_quantity)
            assert market["limits"]["cost"]["min"] == float(instrument.min_notional)
    assert markets["1000PEPE/USDT:USDT"]["swap"]
    assert markets["BTC/USDT:USDT"]["contractSize"] == 1.0


async def test_public_rest_is_understood(client: Any) -> None:
    await client.load_markets()
    for symbol in SYMBOLS:
        book = await client.fetch_order_book(symbol, 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert book["nonce"]
        ticker = await client.fetch_ticker(symbol)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
        assert len(await client.fetch_ohlcv(symbol, "1m", limit=30)) == 30
        assert len(await client.fetch_ohlcv(symbol, "1h", limit=5)) == 5
        assert isinstance(await client.fetch_trades(symbol, limit=5), list)
    assert len(await client.fetch_tickers()) == 6
    assert set(await client.fetch_tickers(["ETH/USDT:USDT"])) == {"ETH/USDT:USDT"}
    assert len(await client.fetch_bids_asks()) == 6
    funding = await client.fetch_funding_rate("BTC/USDT:USDT")
    assert abs(funding["fundingRate"]) < 0.001
    assert funding["fundingTimestamp"] > client.milliseconds()
    assert len(await client.fetch_funding_rate_history("BTC/USDT:USDT", limit=10)) == 10


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_watched_book_equals_the_engines(venue: Any, client: Any, symbol: str) -> None:
    listing = next(sim.listings[symbol] for sim in venue.markets.values() if symbol in sim.listings)
    async with asyncio.timeout(20):
        for _ in range(10):
            book = await client.watch_order_book(symbol)
        listing.flow = Still()
        while book["nonce"] != listing.engine.update_id:
            book = await client.watch_order_book(symbol)
    now = listing.book()
    for ours, theirs in ((now.bids, book["bids"]), (now.asks, book["asks"])):
        expected = [[float(listing.price_text(ticks)), float(listing.lots_text(lots))] for ticks, lots in ours]
        assert [list(level) for level in theirs] == expected


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_watched_quotes_trades_tickers_and_klines(venue: Any, client: Any, symbol: str) -> None:
    listing = next(sim.listings[symbol] for sim in venue.markets.values() if symbol in sim.listings)
    async with asyncio.timeout(25), asyncio.TaskGroup() as group:
        trading = group.create_task(trade_now_and_then(venue, listing))
        quote = (await client.watch_bids_asks([symbol]))[symbol]
        assert quote["bid"] < quote["ask"]
        trade = (await client.watch_trades(symbol))[-1]
        assert trade["price"] in [float(listing.price_text(row.price_ticks)) for row in listing.trades]
        ticker = await client.watch_ticker(symbol)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
        rows = await client.watch_ohlcv(symbol, "1m")
        assert rows[-1][3] <= rows[-1][4] <= rows[-1][2]
        trading.cancel()


async def trade_now_and_then(venue: Any, listing: Any) -> None:
    """Agents trade about once a second; the tests need not wait for them."""
    while True:
        listing.engine.place("test", Side.BUY, 1, None, ts_ns=venue.now_ns())
        await asyncio.sleep(0.1)


async def test_ccxt_with_its_own_options_finds_the_markets_that_are_there(venue: Any) -> None:
    exchange = ccxt_pro.binance()
    urls = exchange.urls["api"]
    for name, url in urls.items():
        if isinstance(url, str):
            for host in ("api", "fapi", "dapi"):
                urls[name] = urls[name].replace(f"https://{host}.binance.com", venue.url)
    try:
        found = {market["symbol"] for market in await exchange.fetch_markets()}
    finally:
        await exchange.close()
    assert {"BTC/USDT", "BTC/USDT:USDT"} <= found
