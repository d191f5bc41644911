"""The simulated MEXC at the edges: times are whole milliseconds, and a span ends with the millisecond that is named."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.sim.binance_caller import NOW_NS, Clock, signed

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.engine import Side
from oneprice.sim.orders import Ticket
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
NOW_MS = NOW_NS // 1_000_000


@pytest.fixture
async def mexc(start_venue: StartVenue) -> SimServer:
    """With a market buy in each market, in one millisecond."""
    server = await start_venue("mexc", instruments=("BTC/USDT",), clock=Clock(), still=True)
    for desk in server.desks.values():
        (listing,) = desk.market.listings.values()
        quantity = Decimal("0.01") if desk.wallet == "spot" else Decimal(10)
        desk.place(server.accounts.all()[0], listing, Ticket(side=Side.BUY, quantity=quantity), NOW_NS)
    return server


async def ask_spot(server: SimServer, http: aiohttp.ClientSession, path: str, **params: object) -> Any:
    query = "&".join(f"{name}={value}" for name, value in ({"timestamp": NOW_MS} | params).items())
    url = f"{server.url}/api/v3{path}?{query}&signature={signed(DEFAULT_SECRET, query)}"
    async with http.get(url, headers={"X-MEXC-APIKEY": DEFAULT_KEY}) as answer:
        return await answer.json()


async def ask_futures(server: SimServer, http: aiohttp.ClientSession, path: str, **params: object) -> Any:
    query = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    text = f"{DEFAULT_KEY}{NOW_MS}{query}"
    signature = hmac.new(DEFAULT_SECRET.encode(), text.encode(), "sha256").hexdigest()
    headers = {"ApiKey": DEFAULT_KEY, "Request-Time": str(NOW_MS), "Signature": signature}
    async with http.get(f"{server.url}/api/v1/private{path}?{query}", headers=headers) as answer:
        return (await answer.json())["data"]


@pytest.mark.parametrize(("end", "found"), [(-1, 0), (0, 1)])
async def test_spans_end_with_their_millisecond(
    mexc: SimServer, http: aiohttp.ClientSession, end: int, found: int
) -> None:
    for path in ("/allOrders", "/myTrades"):
        rows = await ask_spot(mexc, http, path, symbol="BTCUSDT", startTime=NOW_MS - 60_000, endTime=NOW_MS + end)
        assert len(rows) == found, path
    for path in ("/order/list/history_orders", "/order/list/order_deals/v3"):
        span = {"start_time": NOW_MS - 60_000, "end_time": NOW_MS + end}
        assert len(await ask_futures(mexc, http, path, symbol="BTC_USDT", **span)) == found, path
