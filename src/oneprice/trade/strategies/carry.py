"""Carry: spot against perpetual, perpetual against perpetual. Enter when the gap pays for leaving too; hold; leave.

While held, funding comes and goes with the position. A deal is left when what it brought so far and closing now leave
enough, when it has been held for long enough, or when one of its venues is to be left flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from oneprice.core.scan import PAIR
from oneprice.core.sizing import BUY, SELL
from oneprice.ledger.deals import Deal
from oneprice.market.opportunities import Standing
from oneprice.model import FundingRate
from oneprice.model.deals import DealState, Plan
from oneprice.trade.desk import Desk
from oneprice.trade.plans import Aim, Pairs
from oneprice.trade.strategies.closing import Closing
from oneprice.trade.switches import VenueHealth
from oneprice.trade.terms import PPT, Listings, Terms, ceil_scaled

SECOND = 1_000_000_000
MS = 1_000_000
INTERVAL_S = 28_800
"""Between two payments of funding, where a venue does not tell."""
RATE_OLD_S = 120
"""A rate whose payment is past by so much says nothing about the next."""
AGAIN_MS, AGAIN_MS_MAX = 250, 30_000
"""Between two tries to leave: books may show what cannot be had."""

HELD = frozenset({DealState.HOLDING, DealState.EXITING})


class Carry:
    """Takes pairs with a perpetual, and closes what any deal holds. `waits`: why each held deal is not closed yet."""

    name = "carry"

    def __init__(self, desk: Desk, listings: Listings, closing: Closing, funding: Mapping[str, FundingRate]) -> None:
        self._chosen = chosen = desk.settings.strategies.carry
        self._desk, self._ledger, self._funding = desk, desk.ledger, funding
        self._listings, self._pairs, self._closing = listings, Pairs(desk, listings), closing
        after = "fees of entry and exit, and funding"
        self._aim = Aim(self.name, chosen.min_net_bps, chosen.slack_share, rounds=2, holds=True, after=after)
        self._exit_ppt = ceil_scaled(Decimal(repr(chosen.exit_net_bps)), 8)
        self._hold_ns = int(chosen.hold_s_expected * SECOND)
        self._hold_ns_max = int(chosen.hold_s_max * SECOND)
        self._again: dict[int, tuple[int, int]] = {}
        self.waits: dict[int, str] = {}

    def on_opportunity(self, standing: Standing, now_ns: int) -> Plan | str | None:
        """A plan of two legs that is to be held, or why not."""
        if standing.key[0] != PAIR or not self._chosen.enabled:
            return None
        (number_bought, *_), (number_sold, *_) = standing.sized.legs
        bought, sold = self._listings.terms(number_bought), self._listings.terms(number_sold)
        if isinstance(bought, str):
            return bought
        if isinstance(sold, str):
            return sold
        if not (bought.is_perpetual or sold.is_perpetual):
            return None
        busy = self._busy(bought, sold)
        if busy:
            return busy
        costs = []
        for terms, side in ((bought, BUY), (sold, SELL)):
            cost = self._funding_cost(terms, side) if terms.is_perpetual else 0
            if isinstance(cost, str):
                return cost
            costs.append(cost)
        return self._pairs.plan(self._aim, standing, bought, sold, now_ns, (costs[0], costs[1]))

    def on_tick(self, now_ns: int) -> list[Plan]:
        """Plans that close deals whose time has come."""
        plans = []
        for number, deal in self._ledger.deals.items():
            if now_ns < self._again.get(number, (0, 0))[0] or deal.state not in HELD:
                continue
            made = self._leave(number, deal, now_ns) if deal.is_quiet() and deal.positions() else None
            if made is not None:
                _, pause_ms = self._again.get(number, (0, AGAIN_MS // 2))
                pause_ms = min(2 * pause_ms, AGAIN_MS_MAX)
                self._again[number] = (now_ns + pause_ms * MS, pause_ms)
                plans.append(made)
        for gone in [number for number in (*self._again, *self.waits) if number not in self._ledger.deals]:
            self._again.pop(gone, None)
            self.waits.pop(gone, None)
        return plans

    def close(self, number: int, deal: Deal, reason: str, now_ns: int) -> Plan | None:
        """Whatever a deal holds."""
        return self._closing.plan(number, deal, now_ns)

    # ------------------------------------------------------------------ entering

    def _busy(self, bought: Terms, sold: Terms) -> str:
        """Why what is held keeps from entering; "" when nothing does."""
        held, wanted = 0, ((bought.key, SELL), (sold.key, BUY))
        for number, deal in self._ledger.deals.items():
            if not deal.opened.holds:
                continue
            held += 1
            for leg in deal.opened.legs:
                if (leg.listing, leg.side) in wanted:
                    return f"deal {number} holds {leg.listing} the other way; its exit comes first"
        if held >= self._chosen.positions_max:
            return f"{held} deals are held; strategy.carry.positions_max is {self._chosen.positions_max}"
        return ""

    def _funding_cost(self, terms: Terms, side: int) -> int | str:
        """What funding is expected to cost of the leg's worth while it is held, in 1e-12; below 0 when it pays.

        By the payments that fall into the time, and by the time itself: whichever is worse for us.
        """
        known = self._funding.get(terms.key)
        if known is None:
            return f"funding of {terms.name} is not known"
        wall_ns, interval_ns = self._desk.clock.wall_ns(), (known.interval_s or INTERVAL_S) * SECOND
        past_ns = wall_ns - known.next_time_ns
        if known.next_time_ns and past_ns > RATE_OLD_S * SECOND:
            return f"funding of {terms.name} is old: it was paid {past_ns / SECOND:.0f} s ago"
        by_time = PPT * self._hold_ns // interval_ns
        payments = by_time
        if known.next_time_ns:
            after_next_ns = self._hold_ns - max(0, -past_ns)
            payments = PPT * (after_next_ns // interval_ns + 1) if after_next_ns >= 0 else 0
        costs = known.rate * side
        times = max(by_time, payments) if costs > 0 else min(by_time, payments)
        return ceil_scaled(costs * times, 0)

    # ------------------------------------------------------------------ leaving

    def _leave(self, number: int, deal: Deal, now_ns: int) -> Plan | None:
        """The plan that closes the deal, or None, with the reason in `waits`."""
        forced = self._forced(deal)
        if forced:
            self.waits[number] = forced
            return self._closing.plan(number, deal, now_ns)
        found = self._closing.look(deal)
        if isinstance(found, str):
            self.waits[number] = found
            return None
        if not found.leaves(self._exit_ppt):
            self.waits[number] = f"closing now leaves {found.bps:+.2f} bps; {self._chosen.exit_net_bps:.2f} wanted"
            return None
        self.waits[number] = f"closing leaves {found.bps:+.2f} bps"
        return self._closing.paying(number, deal, found, self._aim.slack_ppt, now_ns)

    def _forced(self, deal: Deal) -> str:
        """Why it is closed at any price that a hedge may have; "" when it is not."""
        held_ns = self._desk.clock.wall_ns() - deal.opened_ns
        if held_ns >= self._hold_ns_max:
            return f"held for {held_ns / SECOND:.0f} s; strategy.carry.hold_s_max is {self._chosen.hold_s_max:.0f}"
        for listing in (*(leg.listing for leg in deal.opened.legs), *deal.positions()):
            account = listing.partition(":")[0]
            health, reason = self._desk.switches.health_of(account)
            if health is VenueHealth.FLAT:
                return f"{account} is to be flat: {reason}"
        return ""
