"""Reference prices of a market's listings, on the tick: what marks positions and what price bands lie around."""

from decimal import Decimal

from oneprice.sim import money
from oneprice.sim.agents import MarketAgents
from oneprice.sim.market import Kind, SimListing


class ReferencePrices:
    """The fair price of listings with agents; the middle of the book where a recording drives it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Decimal]] = {}

    def of(self, listing: SimListing) -> Decimal:
        """As of the market's time: a perpetual's mark price, a spot listing's fair price."""
        top = listing.top
        if not isinstance(listing.flow, MarketAgents) and top.bid_ticks and top.ask_ticks:
            return money.times((top.bid_ticks + top.ask_ticks) // 2, listing.instrument.tick)
        now_ns = listing.market.now_ns
        known = self._known.get(listing.key)
        if known is not None and known[0] == now_ns:
            return known[1]
        perpetual = listing.instrument.kind is Kind.PERPETUAL
        fair = listing.funding().mark if perpetual else listing.fair.at(now_ns)
        price = money.times(max(1, listing.price_scale.nearest(fair)), listing.instrument.tick)
        self._known[listing.key] = (now_ns, price)
        return price
