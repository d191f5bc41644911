"""What holds at every venue for clients that it was not written with: crowds, duels, broken connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any, ClassVar

import ccxt
import pytest
from tests.sim.strangers import (
    INSTRUMENTS,
    SPOT,
    SWAP,
    Stranger,
    compare,
    connected,
    crowd,
    hears,
    know,
    patient,
    places_until,
    race,
    wealth,
)

from oneprice.app import build_account, live_ports, simulated_hosts
from oneprice.exchange import AccountEvent
from oneprice.model import NewOrder, Order, OrderStatus, Side, Symbol
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.server import SimServer
from oneprice.venues.kit import Credentials
from oneprice.venues.kit.account import OrderUpdate

StartVenue = Callable[..., Awaitable[SimServer]]
ALLOWED = {("gate", SPOT): 10, ("mexc", SPOT): 12, ("mexc", SWAP): 20}
"""Orders in one window, at least; the other markets take all that are sent."""


class StrangerTests:
    """Tests of the venue that a subclass names."""

    venue_name: ClassVar[str]

    @pytest.fixture
    async def venue(self, start_venue: StartVenue) -> SimServer:
        return await start_venue(self.venue_name, instruments=INSTRUMENTS, still=True)

    @pytest.fixture
    async def ann(self, venue: SimServer) -> AsyncIterator[Stranger]:
        stranger = Stranger(venue, "ann")
        await know(stranger)
        yield stranger
        await stranger.client.close()

    @pytest.fixture
    async def bob(self, venue: SimServer, ann: Stranger) -> AsyncIterator[Stranger]:
        stranger = Stranger(venue, "bob")
        stranger.client.set_markets(ann.client.markets, ann.client.currencies)
        yield stranger
        await stranger.client.close()

    @pytest.mark.parametrize("symbol", [SPOT, SWAP])
    async def test_a_crowd_of_orders_and_its_end(self, venue: SimServer, ann: Stranger, symbol: str) -> None:
        taken = await crowd(ann, symbol, 25)
        assert ALLOWED.get((venue.venue, symbol), 25) <= len(taken) <= 25
        await compare(ann, symbol)
        if venue.venue == "mexc" or symbol == SPOT:
            await patient(ann.client.cancel_all_orders, symbol)
        else:
            await asyncio.gather(*(ann.client.cancel_order(order["id"], symbol) for order in taken))
        assert ann.desk(symbol).open_orders(ann.account) == []
        await compare(ann, symbol)

    @pytest.mark.parametrize("symbol", [SPOT, SWAP])
    async def test_cancels_race_fills(self, venue: SimServer, ann: Stranger, bob: Stranger, symbol: str) -> None:
        before = wealth(venue)
        assert await race(ann, bob, symbol, 7) == {True, False}
        await compare(ann, symbol)
        await compare(bob, symbol)
        assert wealth(venue) == before

    @pytest.mark.parametrize("symbol", [SPOT, SWAP])
    @pytest.mark.parametrize("fault", [FaultKind.DROP, FaultKind.RESTART])
    async def test_watching_goes_on_after(self, venue: SimServer, ann: Stranger, symbol: str, fault: FaultKind) -> None:
        if (venue.venue, symbol, fault) == ("binance", SPOT, FaultKind.RESTART):
            pytest.skip("ccxt 4.5.90 takes the old connection's end for the new one's and stops listening")
        watching = asyncio.create_task(hears(ann, symbol))
        earlier = await places_until(ann, symbol, watching)
        before = set(venue.connections)
        watching = asyncio.create_task(hears(ann, symbol, earlier))
        venue.faults.switch_on(FaultOrder(fault, seconds=0.2 if fault is FaultKind.RESTART else None))
        await connected(venue, before)
        placed = await places_until(ann, symbol, watching)
        assert (await watching)["id"] in placed

    async def test_a_blocking_client_trades(self, venue: SimServer, ann: Stranger) -> None:
        blocking = ann.blocking()
        blocking.set_markets(ann.client.markets, ann.client.currencies)

        def trade(symbol: str) -> Any:
            low, amount = ann.away(symbol), ann.amount(symbol)
            resting = blocking.create_order(symbol, "limit", "buy", amount, low)
            assert [order["id"] for order in blocking.fetch_open_orders(symbol)] == [resting["id"]]
            blocking.cancel_order(resting["id"], symbol)
            taken = blocking.create_order(symbol, "market", "sell", amount)
            return blocking.fetch_order(taken["id"], symbol)

        for symbol in (SPOT, SWAP):
            order = await asyncio.to_thread(trade, symbol)
            assert (order["status"], order["remaining"] == 0) == ("closed", True)
            await compare(ann, symbol)

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (FaultKind.RATE_LIMIT, (ccxt.RateLimitExceeded, ccxt.DDoSProtection)),
            (FaultKind.REST_ERROR, ccxt.OperationFailed),
            (FaultKind.REJECT_ORDER, ccxt.InsufficientFunds),
            (FaultKind.HALT, ccxt.ExchangeError),
        ],
    )
    async def test_faults_are_ccxts_classes(
        self, venue: SimServer, ann: Stranger, fault: FaultKind, error: type[Exception]
    ) -> None:
        for symbol in (SPOT, SWAP):
            if (venue.venue, symbol, fault) == ("binance", SWAP, FaultKind.REJECT_ORDER):
                continue  # ccxt tells Binance's perpetual codes by the host's name: see test_binance_trading_ccxt
            counts = {"seconds": 5} if fault is FaultKind.HALT else {"count": 1}
            venue.faults.switch_on(FaultOrder(fault, **counts))
            with pytest.raises(error):
                await ann.client.create_order(symbol, "limit", "buy", ann.amount(symbol), ann.away(symbol))
            venue.faults.clear()
            assert ann.desk(symbol).open_orders(ann.account) == []

    async def test_who_asks_on_regardless_is_told_so(self, venue: SimServer, ann: Stranger) -> None:
        """With the client's limiter off every refusal is one that ccxt knows as such, bans too."""
        refusals: list[BaseException] = []
        for _ in range(10):
            asking = (ann.client.fetch_balance() for _ in range(100))
            told = await asyncio.gather(*asking, return_exceptions=True)
            refusals += [error for error in told if isinstance(error, BaseException)]
            if len(refusals) > 40:
                break
        assert refusals
        assert all(isinstance(error, (ccxt.RateLimitExceeded, ccxt.DDoSProtection)) for error in refusals)

    @pytest.mark.parametrize("symbol", [SPOT, SWAP])
    async def test_the_houses_own_client_and_ccxt_trade_with_each_other(
        self, venue: SimServer, ann: Stranger, symbol: str
    ) -> None:
        if (venue.venue, symbol) == ("mexc", SWAP):
            pytest.skip("MEXC tells its contracts once in 5 s, and ccxt has just asked; tests/exchange trade there")
        own = Stranger(venue, "own")
        market = f"{venue.venue}-{'spot' if symbol == SPOT else 'usdm'}"
        ports, hosts = live_ports(1), simulated_hosts([market], {venue.venue: venue.url})[market]
        credentials = Credentials(own.keys["apiKey"], own.keys["secret"])
        filled: asyncio.Queue[Order] = asyncio.Queue()
        amount, price = ann.amount(symbol), ann.between(symbol)

        def hear(event: AccountEvent) -> None:
            if isinstance(event, OrderUpdate) and event.order.status is OrderStatus.FILLED:
                filled.put_nowait(event.order)

        try:
            async with build_account(market, credentials, ports, hosts=hosts) as exchange:
                exchange.listen(hear)
                rules = await exchange.public.rules(Symbol(symbol[:3], "USDT", symbol == SWAP))
                size = Decimal(str(amount))
                order = NewOrder(
                    listing=rules, side=Side.SELL, client_order_id="own-1", quantity=size, price=Decimal(str(price))
                )
                resting = await exchange.place(order)
                taken = await ann.client.create_order(symbol, "limit", "buy", amount, price, {"timeInForce": "IOC"})
                done = await asyncio.wait_for(filled.get(), 5)
                assert (done.venue_order_id, done.filled_quantity) == (resting.venue_order_id, size)
                (fill,) = await exchange.fills(rules, 0)
                assert (fill.quantity, float(fill.price)) == (size, price)
                trades = await ann.client.fetch_my_trades(symbol)
                assert [(row["order"], row["price"], row["amount"]) for row in trades] == [(taken["id"], price, amount)]
        finally:
            await ports.network.close()
        await compare(ann, symbol)
