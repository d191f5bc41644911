"""Cross-venue, taker against taker: buy on one spot market what another buys for more, both at once."""

from __future__ import annotations

from oneprice.core.scan import PAIR
from oneprice.ledger.deals import Deal
from oneprice.market.opportunities import Standing
from oneprice.model.deals import Plan
from oneprice.trade.desk import Desk
from oneprice.trade.plans import Aim, Pairs
from oneprice.trade.strategies.closing import Closing
from oneprice.trade.terms import Listings


class Cross:
    """Takes pairs of spot listings."""

    name = "cross"

    def __init__(self, desk: Desk, listings: Listings, closing: Closing) -> None:
        chosen = desk.settings.strategies.cross
        self._listings, self._pairs, self._closing = listings, Pairs(desk, listings), closing
        self._aim = Aim(self.name, chosen.min_net_bps, chosen.slack_share)

    def on_opportunity(self, standing: Standing, now_ns: int) -> Plan | str | None:
        """A plan of two legs, or why not."""
        if standing.key[0] != PAIR:
            return None
        legs = standing.sized.legs
        bought, sold = self._listings.terms(legs[0][0]), self._listings.terms(legs[1][0])
        if isinstance(bought, str):
            return bought
        if isinstance(sold, str):
            return sold
        if bought.is_perpetual or sold.is_perpetual:
            return None
        return self._pairs.plan(self._aim, standing, bought, sold, now_ns)

    def on_tick(self, now_ns: int) -> list[Plan]:
        """Nothing: its deals end by themselves."""
        return []

    def close(self, number: int, deal: Deal, reason: str, now_ns: int) -> Plan | None:
        """What a hedge in a perpetual has left open."""
        return self._closing.plan(number, deal, now_ns)
