"""The user's object against the simulated exchanges, over real sockets: every call of every market."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from oneprice.errors import ExchangeAPIError, NotSupported, RateLimitError
from oneprice.exchange import PublicExchange, RequestConfig
from oneprice.live import LiveChance, LiveClock, LiveNetwork
from oneprice.model import AssetName, KlineInterval, MarketKind, Symbol
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.serve import ServeOptions, start_exchange
from oneprice.sim.server import SimServer
from oneprice.venues.kit.contract import Hosts
from oneprice.venues.kit.discovery import find_venue

MARKETS = [(venue, kind) for venue in ("binance", "gate", "mexc") for kind in MarketKind]


@pytest.fixture(params=MARKETS, ids=[f"{venue}-{kind.value}" for venue, kind in MARKETS])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[tuple[PublicExchange, SimServer]]:
    """A user's object and the simulated exchange behind it."""
    venue, kind = request.param
    server, network, clock = await start_exchange(ServeOptions(venue=venue)), LiveNetwork(LiveClock()), LiveClock()
    hosts = Hosts(rest=server.url, stream=server.url.replace("http", "ws"))
    market = find_venue(venue).markets[kind](hosts)
    settings = RequestConfig(attempts_max=1, wait_max_ms=0)
    yield PublicExchange(market, network, clock, LiveChance(), settings), server
    await network.close()
    await server.stop()


async def test_every_call_gives_what_it_promises(place: tuple[PublicExchange, SimServer]) -> None:
    exchange, _ = place
    futures = exchange.market is MarketKind.USDM
    bitcoin = Symbol(AssetName("BTC"), AssetName("USDT"), is_futures=futures)
    rows = await exchange.symbols()
    assert bitcoin in {row.symbol for row in rows}
    assert await exchange.server_time() > 1_600_000_000 * 10**9
    book = await exchange.order_book(bitcoin, 20)
    assert book.symbol == bitcoin
    assert [level.price for level in book.bids] == sorted((level.price for level in book.bids), reverse=True)
    assert book.bids[0].price < book.asks[0].price
    ticker = await exchange.ticker(bitcoin)
    assert ticker.symbol == bitcoin
    assert {one.symbol for one in await exchange.tickers()} <= {row.symbol for row in rows}
    assert [one.symbol for one in await exchange.tickers([bitcoin])] == [bitcoin]
    (quote,) = await exchange.quotes([bitcoin])
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.ask
    candles = await exchange.klines(bitcoin, KlineInterval.MINUTE_1, 5)
    assert [candle.open_time_ns for candle in candles] == sorted(candle.open_time_ns for candle in candles)
    assert len(candles) == 5
    assert all(trade.symbol == bitcoin for trade in await exchange.trades(bitcoin, 5))
    if futures:
        assert (await exchange.funding(bitcoin)).symbol == bitcoin
        past = await exchange.funding_history(bitcoin, 3)
        assert [rate.time_ns for rate in past] == sorted({rate.time_ns for rate in past})
        assert [(rate.symbol, rate.next_time_ns) for rate in past] == [(bitcoin, 0)] * 3
    else:
        with pytest.raises(NotSupported):
            await exchange.funding(bitcoin)
        with pytest.raises(NotSupported):
            await exchange.funding_history(bitcoin)
    assert exchange.figures.requests == exchange.figures.answers
    assert exchange.figures.venue_errors == 0


async def test_a_venues_refusal_arrives_as_its_error_and_stops_us(place: tuple[PublicExchange, SimServer]) -> None:
    exchange, server = place
    await exchange.server_time()
    server.faults.switch_on(FaultOrder(kind=FaultKind.RATE_LIMIT, seconds=60.0))
    with pytest.raises(RateLimitError) as refused:
        await exchange.server_time()
    assert isinstance(refused.value, ExchangeAPIError)
    server.faults.clear()
    with pytest.raises(RateLimitError, match="not sent"):
        await exchange.server_time()
