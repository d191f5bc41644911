"""Unmodified ccxt clients, async and blocking, at any of the simulated venues, and the truth behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro

from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.desk import TradingDesk
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

SPOT, SWAP = "BTC/USDT", "ETH/USDT:USDT"
INSTRUMENTS = ("BTC/USDT", "ETH/USDT")
RIGHTS = frozenset({"read", "trade", "transfer", "withdraw"})
PREFIXES = {"gate": "t-"}
PATHS = {"public": "contract", "private": "private"}
HASTY: Mapping[str, Any] = {"enableRateLimit": False, "timeout_on_exit": 0}
"""Options of ccxt: without its throttle, and without the quarter of a second that it waits when it is closed."""


class Stranger:
    """One account with all rights, its ccxt.pro client, and what the exchange knows of it."""

    def __init__(self, server: SimServer, name: str) -> None:
        key = ApiKey(key=f"{name}-key-of-a-stranger", secret="their-secret", rights=RIGHTS)
        perpetual = next(market for market in server.desks if market != "spot")
        funds = {
            "spot": {"USDT": Decimal(100_000), "BTC": Decimal(1)},
            perpetual: {"USDT": Decimal(10_000)},
        }
        self.server, self.perpetual = server, perpetual
        self.account: Account = server.accounts.open([key], funds)
        self.keys = {"apiKey": key.key, "secret": key.secret, "uid": str(self.account.uid), **HASTY}
        self.client: Any = self.aim(getattr(ccxt.pro, server.venue)(self.keys))

    def aim(self, client: Any) -> Any:
        """Point a client here."""
        _AIMS[self.server.venue](client, self.server.url)
        return client

    def blocking(self) -> Any:
        """The same account by ccxt's blocking client."""
        return self.aim(getattr(ccxt, self.server.venue)(self.keys))

    def desk(self, symbol: str) -> TradingDesk:
        """Where a symbol is traded."""
        return self.server.desks["spot" if symbol == SPOT else self.perpetual]

    def listing(self, symbol: str) -> SimListing:
        """A symbol's listing."""
        return self.desk(symbol).market.listings[symbol]

    def away(self, symbol: str, part: float = 0.97) -> float:
        """A price at this part of the best bid."""
        item = self.listing(symbol)
        return float(item.price_text(round(item.top.bid_ticks * part)))

    def between(self, symbol: str) -> float:
        """A price that is better than the agents' on both sides."""
        item = self.listing(symbol)
        return float(item.price_text((item.top.bid_ticks + item.top.ask_ticks) // 2))

    def amount(self, symbol: str) -> float:
        """A small amount in ccxt's unit: base on spot and at Binance, else contracts."""
        return 0.01 if symbol == SPOT or self.server.venue == "binance" else 3.0

    def named(self, name: str) -> dict[str, Any]:
        """ccxt's parameter of a client order id."""
        return {"clientOrderId": PREFIXES.get(self.server.venue, "") + name}


def _aim_gate(client: Any, url: str) -> None:
    api, socket = client.urls["api"], url.replace("http", "ws", 1)
    for side in ("public", "private"):
        api[side] = dict.fromkeys(api[side], f"{url}/api/v4")
    if "pro" in type(client).__module__:
        api |= {"spot": f"{socket}/v4/ws/spot", "swap": {"usdt": f"{socket}/v4/ws/futures/usdt"}}


def _aim_mexc(client: Any, url: str) -> None:
    api, socket = client.urls["api"], url.replace("http", "ws", 1)
    api["spot"] = {"public": url, "private": url}
    api["contract"] = {name: f"{url}/api/v1/{path}" for name, path in PATHS.items()}
    api["ws"] = {"spot": f"{socket}/ws", "swap": f"{socket}/edge"}


def _aim_binance(client: Any, url: str) -> None:
    api, socket = client.urls["api"], url.replace("http", "ws", 1)
    for name, address in api.items():
        if name != "ws":
            api[name] = url + urlsplit(address).path
    api["ws"] = {
        "spot": f"{socket}/stream/ws",
        "linear": f"{socket}/usdm/ws",
        "ws-api": {"spot": f"{socket}/ws-api/v3", "linear": f"{socket}/ws-fapi/v1"},
    }


_AIMS = {"gate": _aim_gate, "mexc": _aim_mexc, "binance": _aim_binance}


async def know(*strangers: Stranger) -> None:
    """Load the markets once, for all of them (MEXC gives its contracts once in 5 s)."""
    first, *others = (stranger.client for stranger in strangers)
    await first.load_markets()
    for other in others:
        other.set_markets(first.markets, first.currencies)


async def patient(call: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
    """The call again until the venue's limits let it through."""
    async with asyncio.timeout(8):
        while True:
            try:
                return await call(*given, **named)
            except (ccxt.RateLimitExceeded, ccxt.DDoSProtection):
                await asyncio.sleep(0.4)


def wealth(server: SimServer) -> Mapping[tuple[str, str], Decimal]:
    """What there is of every asset in every market, the house and the revenue included."""
    sums: dict[tuple[str, str], Decimal] = {}
    for account in [*server.accounts.all(), server.accounts.house, server.accounts.revenue]:
        for market, wallet in account.wallets.items():
            for asset, balance in wallet.items():
                sums[market, asset] = sums.get((market, asset), Decimal(0)) + balance.total
    return sums


# ---- what holds at every venue ------------------------------------------------------------------------


async def race(maker: Stranger, taker: Stranger, symbol: str, rounds: int) -> set[bool]:
    """One rests an order and cancels it while the other takes it: both must learn of the same end.

    In turn both are sent at once, the cancel first, the taker first. Returns which ends came: True for fills.
    """
    amount, ends = maker.amount(symbol), set()
    for number in range(rounds):
        price = maker.between(symbol)
        made = await patient(maker.client.create_order, symbol, "limit", "sell", amount, price)
        taking = patient(taker.client.create_order, symbol, "limit", "buy", amount, price, {"timeInForce": "IOC"})
        cancelling = patient(maker.client.cancel_order, made["id"], symbol)
        if number % 3 == 0:
            taken, cancelled = await asyncio.gather(taking, cancelling, return_exceptions=True)
        elif number % 3 == 1:
            cancelled, taken = await outcome(cancelling), await outcome(taking)
        else:
            taken, cancelled = await outcome(taking), await outcome(cancelling)
        assert not isinstance(taken, BaseException), taken
        there = await patient(maker.client.fetch_order, made["id"], symbol)
        here = await patient(taker.client.fetch_order, taken["id"], symbol)
        assert there["filled"] == here["filled"] in (0, amount)
        assert isinstance(cancelled, ccxt.ExchangeError) == (there["filled"] == amount), cancelled
        ends.add(there["filled"] == amount)
    return ends


async def outcome(doing: Awaitable[Any]) -> Any:
    """What came of it, be it an exception."""
    (result,) = await asyncio.gather(doing, return_exceptions=True)
    return result


async def compare(stranger: Stranger, symbol: str) -> None:
    """ccxt's trades, open orders, balance and position against what the exchange knows."""
    desk, item = stranger.desk(symbol), stranger.listing(symbol)
    trades = await patient(stranger.client.fetch_my_trades, symbol)
    fills = [fill for fill in desk.fills(stranger.account) if fill.order.listing is item]
    told = sorted((float(trade["price"]), Decimal(str(trade["amount"]))) for trade in trades)
    real = sorted((float(item.price_text(fill.price_ticks)), fill.lots * item.lot_scale.step) for fill in fills)
    assert told == real
    costs = [fee["cost"] for trade in trades for fee in (trade["fees"] or [trade["fee"]])]
    assert abs(Decimal(str(sum(costs))) - sum(fill.fee for fill in fills)) < Decimal("0.000001")
    kind = {"type": "spot" if symbol == SPOT else "swap"}
    balance = await patient(stranger.client.fetch_balance, kind)
    for asset in ("USDT", "BTC") if symbol == SPOT else ("USDT",):
        moved = Decimal("0.0001") if symbol == SPOT else Decimal("0.1")  # the mark price has gone on
        assert abs(Decimal(str(balance[asset]["free"])) - desk.available(stranger.account, asset)) < moved
        total = stranger.account.balance(desk.wallet, asset).total
        if (stranger.server.venue, symbol) == ("mexc", SWAP):  # ccxt leaves the margin of positions out
            total = desk.available(stranger.account, asset) + desk.order_margin(stranger.account)
        assert abs(Decimal(str(balance[asset]["total"])) - total) < moved
    resting = await patient(stranger.client.fetch_open_orders, symbol)
    assert sorted((order["price"], Decimal(str(order["remaining"]))) for order in resting) == sorted(
        (float(item.price_text(order.price_ticks or 0)), order.left_lots * item.lot_scale.step)
        for order in desk.open_orders(stranger.account, item)
    )
    if symbol == SWAP:
        positions = await patient(stranger.client.fetch_positions, [symbol])
        signs = {"long": 1, "short": -1}
        told_lots = sum(signs[row["side"]] * Decimal(str(row["contracts"])) for row in positions if row["contracts"])
        assert told_lots == stranger.account.position(symbol).lots * item.lot_scale.step


async def crowd(stranger: Stranger, symbol: str, number: int) -> list[Any]:
    """So many orders at once, with the client's own limiter off; returns those that the venue took."""
    amount, price = stranger.amount(symbol), stranger.away(symbol)
    placing = (stranger.client.create_order(symbol, "limit", "buy", amount, price) for _ in range(number))
    told = await asyncio.gather(*placing, return_exceptions=True)
    taken = [order for order in told if not isinstance(order, BaseException)]
    refusals = [error for error in told if isinstance(error, BaseException)]
    assert all(isinstance(error, (ccxt.RateLimitExceeded, ccxt.DDoSProtection)) for error in refusals), refusals[-1]
    assert len({order["id"] for order in taken}) == len(taken)
    assert len(stranger.desk(symbol).open_orders(stranger.account)) == len(taken)
    return taken


async def hears(stranger: Stranger, symbol: str, earlier: Collection[str] = ()) -> Any:
    """The first open order that is watched, apart from those of earlier ids, whatever breaks on the way."""
    while True:
        try:
            orders = await stranger.client.watch_orders(symbol)
        except ccxt.NetworkError:
            continue
        for order in orders:
            if order["status"] == "open" and order["id"] not in earlier:
                return order


async def places_until(stranger: Stranger, symbol: str, heard: asyncio.Future[Any]) -> set[str]:
    """The ids of orders that are placed one after the other until one is heard of: how long a client takes to
    subscribe is its own affair, and nobody tells."""
    ids: set[str] = set()
    async with asyncio.timeout(20):
        while not heard.done():
            amount, price = stranger.amount(symbol), stranger.away(symbol)
            placed = await patient(stranger.client.create_order, symbol, "limit", "buy", amount, price)
            ids.add(placed["id"])
            await asyncio.wait([heard], timeout=0.3)
    return ids


async def connected(server: SimServer, earlier: Collection[object] = ()) -> None:
    """Until connections other than the earlier ones are there."""
    done = asyncio.Event()

    def look(now_ns: int) -> None:
        if any(connection not in earlier for connection in server.connections):
            done.set()

    stop = server.every(5, look)
    try:
        await asyncio.wait_for(done.wait(), 10)
    finally:
        stop()
