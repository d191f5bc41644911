"""Maker against taker: rest an order on one venue at a price that another venue's book pays for at once.

A quote's right price is what the hedge would give or cost now for all of it, less both fees and the wanted edge. The
hedge itself is the deal's: whatever a fill leaves unequal is made equal like after any other deal.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from oneprice.core.sizing import BUY, SELL
from oneprice.core.states import BookState
from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import minus, times
from oneprice.ledger.orders import TrackedOrder
from oneprice.model import AssetName, OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.deals import Expected, Plan, PlanLeg, Purpose
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.plans import Half, Limits, match
from oneprice.trade.strategies.contract import Pull, Quote
from oneprice.trade.switches import VenueHealth
from oneprice.trade.terms import BPS, PPT, Listings, Terms, ceil_scaled, ceil_share, from_atto, nearest, scaled

MS = 1_000_000
MINUTE_NS = 60_000 * MS
REFUSED_MS = 1_000
"""A quote that a gate stopped is not wished for again within."""
ROOM = 101
"""A quote is sized at one percent above the hedge's price, so that its own price still fits the limits."""

Place = tuple[str, int]
"""A listing's key and a side: one quote stands there at most."""


class Right(NamedTuple):
    """A price in ticks of the post listing at which a quote is worth having, and how good the hedge is behind it.

    `hedge_worth`: atto of the quote asset that as many base coins as are posted bring or cost at the hedge. `purse`:
    what the quote may be worth, in atto.
    """

    ticks: int
    steps: int
    hedge: Terms
    hedge_steps: int
    hedge_worth: int
    purse: int


class Tokens:
    """How many quotes a listing may still have, refilled evenly over the minute."""

    def __init__(self, per_minute: int, now_ns: int) -> None:
        self._most = per_minute * MINUTE_NS
        self._per_minute, self._left, self._told_ns = per_minute, self._most, now_ns

    def are_left(self, now_ns: int) -> bool:
        """Whether there is one."""
        self._left = min(self._most, self._left + (now_ns - self._told_ns) * self._per_minute)
        self._told_ns = now_ns
        return self._left >= MINUTE_NS

    def take(self) -> None:
        """One less."""
        self._left -= MINUTE_NS

    def give_back(self) -> None:
        """It was not used."""
        self._left = min(self._most, self._left + MINUTE_NS)


class Maker:
    """`waits`: why no quote stands, or the one that does is about to go, by listing and side."""

    name = "maker"

    def __init__(self, desk: Desk, listings: Listings) -> None:
        self._desk, self._hub, self._ledger = desk, desk.market.hub, desk.ledger
        self._chosen, self._risk = desk.settings.strategies.maker, desk.settings.risk
        self._listings, self._limits = listings, Limits(desk, listings)
        self._min_net_ppt = ceil_scaled(Decimal(repr(self._chosen.min_net_bps)), 8)
        self._requote_ppt = scaled(Decimal(repr(self._chosen.requote_bps)), 8)
        self._too_good_ppt = scaled(Decimal(repr(self._risk.too_good_bps)), 8)
        self._tokens: dict[str, Tokens] = {}
        self._not_before: dict[Place, int] = {}
        self.waits: dict[Place, str] = {}

    def on_tick(self, now_ns: int) -> list[Quote | Pull]:
        """Quotes to post and to pull. What is pulled is posted anew once it is over."""
        wishes: list[Quote | Pull] = []
        claimed: dict[tuple[str, str], int] = {}
        standing, busy = self._standing()
        stopped = self._stopped()
        posts = {} if stopped else {terms.key: terms for terms in self._posts()}
        for place, order in standing.items():
            why = stopped or self._why_pull(place, order, posts.get(place[0]), claimed, now_ns)
            if why:
                self.waits[place] = why
                wishes.append(Pull(order.intent.client_order_id, why))
        for terms in posts.values():
            tokens = self._tokens.setdefault(terms.key, Tokens(self._chosen.requotes_per_minute_max, now_ns))
            for side in (BUY, SELL):
                place = (terms.key, side)
                if place in busy or now_ns < self._not_before.get(place, 0):
                    continue
                found = self._wish(terms, side, claimed, now_ns)
                if isinstance(found, Quote) and not tokens.are_left(now_ns):
                    found = f"{self._chosen.requotes_per_minute_max} quotes a minute"
                if isinstance(found, Quote):
                    tokens.take()
                    self.waits.pop(place, None)
                    wishes.append(found)
                else:
                    self.waits[place] = found
        return wishes

    def refused(self, wish: Quote, why: str, now_ns: int) -> None:
        """A gate stopped it."""
        leg = wish.plan.legs[0]
        key = listing_key(leg.listing)
        if key in self._tokens:
            self._tokens[key].give_back()
        self._not_before[key, int(leg.side)] = now_ns + REFUSED_MS * MS
        self.waits[key, int(leg.side)] = why

    # ------------------------------------------------------------------ what there is

    def _standing(self) -> tuple[dict[Place, TrackedOrder], set[Place]]:
        """Our resting orders, and all places where a deal of ours is not over."""
        standing: dict[Place, TrackedOrder] = {}
        busy: set[Place] = set()
        for deal in self._ledger.deals.values():
            if deal.opened.strategy == self.name:
                place = _place(deal)
                busy.add(place)
                for order in deal.orders:
                    if order.intent.purpose is Purpose.MAKER and not order.is_over and not order.is_unknown:
                        standing[place] = order
        return standing, busy

    def _posts(self) -> Iterator[Terms]:
        for symbol in self._chosen.symbols:
            for book in self._desk.books(symbol):
                terms = self._listings.terms(book.number)
                if book.market in self._chosen.post and isinstance(terms, Terms):
                    yield terms

    def _hedges(self, post: Terms) -> Iterator[Terms]:
        for book in self._desk.books(post.group):
            terms = self._listings.terms(book.number)
            if book.market in self._chosen.hedge and isinstance(terms, Terms) and terms.key != post.key:
                yield terms

    def _stopped(self) -> str:
        switches = self._desk.switches
        if switches.kill:
            return f"kill: {switches.kill}"
        return "" if switches.armed and not switches.halt else switches.halt or "not armed"

    def _unusable(self, terms: Terms, now_ns: int, *, age: bool) -> str:
        """Why the venue cannot be relied on now; "" when it can."""
        if self._hub.state(terms.number) != BookState.LIVE:
            return f"{terms.name} is not live"
        age_ms = (now_ns - self._hub.times(terms.number)[0]) / MS
        if age and age_ms > self._risk.book_age_ms_max:
            return f"{terms.name} last changed {age_ms:.0f} ms ago; {self._risk.book_age_ms_max} are allowed"
        health, reason = self._desk.switches.health_of(terms.account)
        if health is not VenueHealth.OPEN:
            return f"{terms.account} is {health.name.lower()}: {reason}"
        account = self._desk.accounts[terms.account].standing()
        if not account.stream_complete:
            return f"{terms.account}: private stream {account.reason}"
        return f"{terms.account} wants silence" if account.banned_ns else ""

    # ------------------------------------------------------------------ prices

    def _wish(self, post: Terms, side: int, claimed: dict[tuple[str, str], int], now_ns: int) -> Quote | str:
        """A new quote, or why there is none."""
        why = self._unusable(post, now_ns, age=False)
        if why:
            return why
        best, why = None, f"{post.group}: no venue of strategy.maker.hedge lists it"
        for hedge in self._hedges(post):
            found = self._unusable(hedge, now_ns, age=True) or self._sized(post, side, hedge, claimed)
            if isinstance(found, str):
                why = found
            elif best is None or side * found.ticks > side * best.ticks:
                best = found
        if best is None:
            return why
        ticks = self._not_crossing(post, side, best.ticks)
        if ticks * best.steps * post.unit > best.purse:
            steps = best.purse // (ticks * post.unit)
            hedge_steps = nearest(steps * post.base_step, best.hedge.base_step)
            smaller = self._right(post, side, steps, best.hedge, hedge_steps, best.purse)
            if isinstance(smaller, str):
                return smaller
            best, ticks = smaller, self._not_crossing(post, side, smaller.ticks)
        net = self._net(post, side, ticks, best)
        worth = ticks * best.steps * post.unit
        if ticks < 1 or worth < post.worth_min:
            return f"{post.name}: {from_atto(max(worth, 0)):f} {post.quote} are below its smallest order"
        if net * PPT > worth * self._too_good_ppt:
            return (
                f"{net * PPT / (worth * BPS):+.1f} bps; above risk.too_good_bps {self._risk.too_good_bps:g} is an error"
            )
        self._claim(best.hedge, -side, best.hedge_steps, best.hedge_worth, claimed)
        self._claim(post, side, best.steps, worth, claimed)
        return Quote(self._plan(post, side, ticks, best, net, now_ns))

    def _sized(self, post: Terms, side: int, hedge: Terms, claimed: dict[tuple[str, str], int]) -> Right | str:
        """How much can be quoted against a hedge, and its right price."""
        wanted, order_max = scaled(self._chosen.order_notional, 18), self._listings.order_max(post.quote)
        top = self._hub.top(hedge.number)
        level = top[0] if side == BUY else top[2]
        if isinstance(order_max, str) or not level:
            return order_max if isinstance(order_max, str) else f"{hedge.name} has nothing on that side"
        mine, other = Half(post, side, self._fee_ppt(post)), Half(hedge, -side, hedge.fee_ppt)
        worth_max = min(wanted, order_max)
        mine.purse = other.purse = worth_max
        step_worth = level * hedge.spec.value_unit_atto * ROOM
        mine_each = -(-step_worth * post.base_step // (100 * hedge.spec.lot_base_atto))
        self._limits.apply(mine, mine_each, claimed=claimed.get(_means(post, side), 0))
        other_each = -(-step_worth * hedge.spec.order_lots // 100)
        self._limits.apply(other, other_each, claimed=claimed.get(_means(hedge, -side), 0))
        whole = worth_max * hedge.spec.lot_base_atto // (level * hedge.spec.value_unit_atto)
        match(*((mine, other) if side == BUY else (other, mine)), whole, 0)
        for half in (mine, other):
            if half.steps < half.terms.steps_min:
                least = half.terms.quantity(half.terms.steps_min)
                return f"{self._limits.words(half)}; {half.terms.name} takes no fewer than {least:f}"
        return self._right(post, side, mine.steps, hedge, other.steps, mine.purse)

    def _right(self, post: Terms, side: int, steps: int, hedge: Terms, hedge_steps: int, purse: int) -> Right | str:
        """The right price for so much."""
        for terms, size in ((post, steps), (hedge, hedge_steps)):
            if size < terms.steps_min:
                return f"{terms.name}: {terms.quantity(size):f} are below its smallest order"
        found = hedge.take(self._hub, -side, hedge_steps)
        if found is None:
            return f"{hedge.name}: fewer than {hedge.quantity(hedge_steps):f} in its book"
        worth = found[2] * hedge.spec.value_unit_atto
        if min(worth, hedge.ticks(-side, found[1]) * hedge_steps * hedge.unit) < hedge.worth_min:
            return f"{hedge.name}: {from_atto(worth):f} {hedge.quote} are below its smallest order"
        posted, hedged = steps * post.base_step, hedge_steps * hedge.base_step
        worth = worth * posted // hedged if side == BUY else -(-worth * posted // hedged)
        ticks = self._ticks(post, side, steps, worth, hedge, self._min_net_ppt)
        return Right(ticks, steps, hedge, hedge_steps, worth, purse)

    def _ticks(self, post: Terms, side: int, steps: int, hedge_worth: int, hedge: Terms, net_ppt: int) -> int:
        """The price that leaves a share of the quote's worth after both fees, on the safe tick."""
        each, fee = steps * post.unit, self._fee_ppt(post)
        if side == BUY:
            return hedge_worth * (PPT - hedge.fee_ppt) // (each * (PPT + fee + net_ppt))
        return -(-hedge_worth * (PPT + hedge.fee_ppt) // (each * (PPT - fee - net_ppt)))

    def _not_crossing(self, post: Terms, side: int, ticks: int) -> int:
        """Never at or through the other side of the book that it rests in."""
        bid, bid_lots, ask, ask_lots, _ = self._hub.top(post.number)
        if side == BUY:
            return min(ticks, (ask - 1) // post.spec.order_ticks) if ask_lots else ticks
        return max(ticks, bid // post.spec.order_ticks + 1) if bid_lots else ticks

    def _net(self, post: Terms, side: int, ticks: int, right: Right) -> int:
        """What a whole fill at a price leaves after both fees, in atto."""
        worth = ticks * right.steps * post.unit
        return side * (right.hedge_worth - worth) - self._fees(post, worth, right)

    def _fees(self, post: Terms, worth: int, right: Right) -> int:
        return ceil_share(worth, self._fee_ppt(post)) + ceil_share(right.hedge_worth, right.hedge.fee_ppt)

    def _fee(self, post: Terms) -> Decimal:
        """The account's own as a maker; as a taker where that is not known."""
        return self._desk.maker_fees.get(post.key, post.info.maker_fee if post.info.maker_fee is not None else post.fee)

    def _fee_ppt(self, post: Terms) -> int:
        return ceil_scaled(self._fee(post), 12)

    def _claim(self, terms: Terms, side: int, steps: int, worth: int, claimed: dict[tuple[str, str], int]) -> None:
        """Keep what an order will need from others of this tick."""
        means = _means(terms, side)
        is_coins = side == SELL and not terms.is_perpetual
        needed = steps * terms.base_step if is_coins else ceil_share(worth, self._limits.needs_ppt(terms))
        claimed[means] = claimed.get(means, 0) + needed

    def _plan(self, post: Terms, side: int, ticks: int, right: Right, net: int, now_ns: int) -> Plan:
        worth = ticks * right.steps * post.unit
        fees = self._fees(post, worth, right)
        leg = PlanLeg(
            account=post.account,
            listing=post.info,
            side=Side(side),
            price_ticks=ticks,
            lots=right.steps,
            value=from_atto(worth),
            fee=self._fee(post),
            type=OrderType.LIMIT_MAKER,
            time_in_force=TimeInForce.GTC,
            purpose=Purpose.MAKER,
            best=times(Decimal(ticks), post.info.tick_size),
        )
        return Plan(
            strategy=self.name,
            group=post.group,
            home=AssetName(post.quote),
            legs=(leg,),
            expected=Expected(
                gross=from_atto(net + fees), fees=from_atto(fees), net=from_atto(net), net_bps=net / worth * 1e4
            ),
            made_ns=now_ns,
        )

    # ------------------------------------------------------------------ quotes that stand

    def _why_pull(
        self, place: Place, order: TrackedOrder, post: Terms | None, claimed: dict[tuple[str, str], int], now_ns: int
    ) -> str:
        """Why a standing quote has to go; "" when it stays."""
        if order.status is OrderStatus.PENDING_CANCEL:
            return ""
        if post is None:
            return f"{place[0]} is not quoted any more"
        why = self._unusable(post, now_ns, age=False)
        if why:
            return why
        side, quantity = place[1], minus(order.intent.quantity, order.filled)
        steps = scaled(quantity, 18) // scaled(post.info.lot_size, 18)
        if steps < 1:
            return ""
        best, why = None, f"{post.group}: no venue of strategy.maker.hedge lists it"
        for hedge in self._hedges(post):
            found = self._unusable(hedge, now_ns, age=True) or self._behind(post, side, steps, hedge, claimed)
            if isinstance(found, str):
                why = found
            elif best is None or side * found.ticks > side * best.ticks:
                best = found
        if best is None:
            return why
        self._claim(best.hedge, -side, best.hedge_steps, best.hedge_worth, claimed)
        return self._why_move(post, side, order, best, now_ns)

    def _behind(
        self, post: Terms, side: int, steps: int, hedge: Terms, claimed: dict[tuple[str, str], int]
    ) -> Right | str:
        """What stands behind a quote of so many steps at a hedge, when it is enough."""
        hedge_steps = max(1, steps * post.base_step // hedge.base_step)
        found = hedge.take(self._hub, -side, hedge_steps)
        if found is None:
            return f"{hedge.name}: fewer than {hedge.quantity(hedge_steps):f} in its book"
        posted, hedged = steps * post.base_step, hedge_steps * hedge.base_step
        worth = found[2] * hedge.spec.value_unit_atto
        worth = worth * posted // hedged if side == BUY else -(-worth * posted // hedged)
        needs: dict[tuple[str, str], int] = {}
        self._claim(hedge, -side, hedge_steps, worth, needs)
        for means, needed in needs.items():
            there = self._limits.free(hedge, -side) - claimed.get(means, 0)
            if there < needed:
                return (
                    f"{from_atto(max(there, 0)):f} {means[1]} free at {means[0]}; its hedge needs {from_atto(needed):f}"
                )
        ticks = self._ticks(post, side, steps, worth, hedge, self._min_net_ppt)
        return Right(ticks, steps, hedge, hedge_steps, worth, 0)

    def _why_move(self, post: Terms, side: int, order: TrackedOrder, right: Right, now_ns: int) -> str:
        """Whether the price is wrong by now. One that would lose goes at once, others as often as quotes may move."""
        stands = scaled(order.intent.price, 18) // scaled(post.info.tick_size, 18)
        net, worth = self._net(post, side, stands, right), stands * right.steps * post.unit
        if net < 0:
            return f"it would lose {-net * PPT / (worth * BPS):.2f} bps"
        if net * PPT > worth * self._too_good_ppt:
            return (
                f"{net * PPT / (worth * BPS):+.1f} bps; above risk.too_good_bps {self._risk.too_good_bps:g} is an error"
            )
        wanted = self._not_crossing(post, side, right.ticks)
        if abs(wanted - stands) * PPT <= stands * self._requote_ppt:
            return ""
        rested_ms = (self._desk.clock.wall_ns() - order.intent.wall_ns) / MS
        tokens = self._tokens.setdefault(post.key, Tokens(self._chosen.requotes_per_minute_max, now_ns))
        if rested_ms < self._chosen.rest_ms_min or not tokens.are_left(now_ns):
            return ""
        return f"its right price is {wanted * post.info.tick_size:f} now"


def _place(deal: Deal) -> Place:
    leg = deal.opened.legs[0]
    return leg.listing, int(leg.side)


def _means(terms: Terms, side: int) -> tuple[str, str]:
    """What an order is paid with: account and asset."""
    return terms.account, terms.base if side == SELL and not terms.is_perpetual else terms.quote
