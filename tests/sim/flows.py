"""How the books of a simulated exchange move in a test: not at all, or surely. Left to the agents it is chance."""

from __future__ import annotations

from oneprice.sim.agents import MarketAgents
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.market import SimListing
from oneprice.sim.price import COINS, coin_and_factor
from oneprice.sim.server import SimServer

LEVELS = 40
GAP_BPS = 1.0
TOP_USDT, MORE_USDT = 2_137.0, 419.0
MOVES_EVERY_MS = 50
DEEP = 5


class Still:
    """Order flow that leaves the book as it is."""

    def start(self, now_ns: int) -> None: ...

    def step(self, now_ns: int) -> None: ...


def stand_still(server: SimServer) -> None:
    """No agents, and books that are always the same: around the coin's first price, 1 bp from level to level, worth
    about 2,100 USDT at the best level and ever more behind it. The mark price is the middle of the book."""
    for market in server.markets.values():
        for listing in market.listings.values():
            listing.flow = Still()
            _lay_out(listing, server.now_ns())


def _lay_out(listing: SimListing, now_ns: int) -> None:
    engine, instrument = listing.engine, listing.instrument
    for side in Side:
        for order in engine.reachable(side, None):
            engine.cancel(order.order_id, now_ns)
    (base, factor), (quote, _) = coin_and_factor(instrument.base), coin_and_factor(instrument.quote)
    price = COINS[base].start_usdt * factor / COINS[quote].start_usdt
    middle = listing.price_scale.nearest(price)
    gap = max(2, round(middle * GAP_BPS / 1e4))
    lot_usdt = price * float(listing.lot_scale.step * instrument.multiplier) * COINS[quote].start_usdt
    for number in range(LEVELS):
        lots = max(1, round((TOP_USDT + MORE_USDT * number) / lot_usdt))
        for side in Side:
            ticks = middle - (number + 1) * gap if side is Side.BUY else middle + (number + 1) * gap
            engine.place("maker", side, lots, ticks, TimeInForce.POST_ONLY, now_ns)


def keep_moving(server: SimServer) -> None:
    """Beside what their agents do, all books change every 50 ms of the exchange's clock: a trade at the best bid,
    another size there, and another one some levels deep on the other side."""
    resting: dict[str, list[int]] = {}

    def move(now_ns: int) -> None:
        for name, market in server.markets.items():
            for key, listing in market.listings.items():
                if isinstance(listing.flow, MarketAgents):
                    resting[name + key] = _move(listing, resting.get(name + key, []), now_ns)

    server.every(MOVES_EVERY_MS, move)


def _move(listing: SimListing, resting: list[int], now_ns: int) -> list[int]:
    """Returns the orders that rest until the next move."""
    engine = listing.engine
    for order_id in resting:
        engine.cancel(order_id, now_ns)
    best = engine.best(Side.BUY)
    if best is not None:
        engine.place("taker", Side.SELL, 1, best, TimeInForce.IOC, now_ns)
    lots = 2 + now_ns // (MOVES_EVERY_MS * 1_000_000) % 2
    *_, deep = [(0, 0), *engine.levels(Side.SELL, DEEP)]
    best = engine.best(Side.BUY)
    prices = {Side.SELL: deep[0], Side.BUY: best or 0}  # the best bid last: its quote has the number of the whole move
    return [
        engine.place("maker", side, lots, price, TimeInForce.POST_ONLY, now_ns).order_id
        for side, price in prices.items()
        if price
    ]
