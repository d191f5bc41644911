"""Another customer of a simulated exchange, who offers something worth taking again and again: an engine that trades
finds a deal at any time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from oneprice.app import build_account, live_ports, simulated_hosts
from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.exchange import PrivateExchange
from oneprice.model import BookLevel, NewOrder, Side, SymbolInfo
from oneprice.sim.cluster import SimCluster
from oneprice.venues.kit import Credentials

VENUE, MARKET = "gate", "gate-spot"
KEY, SECRET = "offers-key", "offers-secret"
EVERY_S = 0.4
BEYOND = Decimal("0.006")
"""Below the best bid, or above the best ask, as a share: more than both fees."""
WORTH = Decimal(1_500)
FUNDS = Decimal(1_000_000_000)


@contextlib.asynccontextmanager
async def offers(cluster: SimCluster, symbols: Sequence[str], seed: int) -> AsyncIterator[None]:
    """While this is entered somebody buys too dear and sells too cheap, every 0.4 s, in a symbol by chance."""
    assets = {asset for symbol in symbols for asset in symbol.split("/")}
    await cluster.open_account(VENUE, KEY, SECRET, funds={"spot": dict.fromkeys(sorted(assets), FUNDS)})
    ports, hosts = live_ports(), simulated_hosts([MARKET], {VENUE: cluster.exchanges[VENUE].url})
    account = build_account(MARKET, Credentials(KEY, SECRET), ports, hosts=hosts[MARKET])
    await account.open(stream=False)
    offering = asyncio.create_task(_offer_on(account, symbols, random.Random(seed)))
    try:
        yield
    finally:
        offering.cancel()
        await asyncio.gather(offering, return_exceptions=True)
        await account.close()
        await ports.network.close()


async def _offer_on(account: PrivateExchange, symbols: Sequence[str], chance: random.Random) -> None:
    listings = {str(row.symbol): row for row in await account.public.known()}
    for number in itertools.count():
        listing = listings[chance.choice(list(symbols))]
        with contextlib.suppress(NetworkError, ExchangeAPIError):  # the exchange has its faults; another time
            await _offer(account, listing, chance.choice(list(Side)), f"offer-{number}")
            await asyncio.sleep(EVERY_S)
            await account.cancel_all(listing)


async def _offer(account: PrivateExchange, listing: SymbolInfo, side: Side, name: str) -> None:
    """Take all that stands up to a price, and leave something to be taken there."""
    book = await account.public.order_book(listing)
    levels = book.bids if side is Side.SELL else book.asks
    if levels:
        price, standing = _reach(levels, side, listing)
        quantity = (standing + WORTH / price) // listing.lot_size * listing.lot_size
        await account.place(NewOrder(listing=listing, side=side, client_order_id=name, quantity=quantity, price=price))


def _reach(levels: Sequence[BookLevel], side: Side, listing: SymbolInfo) -> tuple[Decimal, Decimal]:
    """The price, and what stands up to there."""
    sign = -1 if side is Side.SELL else 1
    price = levels[0].price * (1 + sign * BEYOND) // listing.tick_size * listing.tick_size
    standing = sum((one.quantity for one in levels if (one.price - price) * sign <= 0), Decimal(0))
    return price, standing
