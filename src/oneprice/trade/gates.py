"""The gates: every reason for which a plan is not sent, in words and figures. What they let through may be journaled
and sent.

Limits count open orders and those of unknown outcome at their worst, so that whatever fills, none is broken. Plans that
only take risk away pass what guards entries: a deal must never be kept unequal by a limit on new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal, getcontext, localcontext, setcontext
from typing import NamedTuple, TypeAlias

from oneprice.core.specs import ATTO
from oneprice.ledger.exact import EXACT, ZERO
from oneprice.market.books import Book
from oneprice.model import MarketKind, Side
from oneprice.model.deals import Expected, Plan, PlanLeg, Purpose
from oneprice.trade.approved import SEAL, ApprovedPlan, Refusal
from oneprice.trade.case import Case, Limits
from oneprice.trade.checks import amounts, market
from oneprice.trade.checks import plan as own
from oneprice.trade.checks.reducing import reduces
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.figures import Sheet
from oneprice.trade.pace import MINUTE_NS, Pace
from oneprice.trade.reserves import Reserves

Look: TypeAlias = Callable[[Case], str]

_USE = ("identity", "book_live", "breaker", "ban", "self_cross")
_NOTHING = Expected(gross=ZERO, fees=ZERO, net=ZERO, net_bps=0.0)
_MANY = Decimal(10**18)


class Gates:
    """Approves plans. Owns what gates must remember; it is told by `sent` and `deal_over`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._limits = Limits(desk.settings.risk)
        self._sheet = Sheet(desk.market)
        self._reserves = Reserves(desk.ledger)
        self._pace = Pace(desk.settings.risk)
        self._minutes = ((Purpose.ENTRY, self._pace.entries), (Purpose.MAKER, self._pace.quotes))

    def approve(self, plan: Plan, now_ns: int) -> ApprovedPlan | Refusal:
        """Through all gates in their order, at the time of sending (monotonic); the first that says no decides."""
        before = getcontext()
        setcontext(EXACT)
        try:
            case = self._case(plan, now_ns)
            for name, look in _ENTRY_GATES if case.adds_risk else _REDUCING_GATES:
                text = look(case)
                if text:
                    return Refusal(name, text)
        finally:
            setcontext(before)
        return ApprovedPlan(plan, now_ns, SEAL)

    def why_unusable(self, book: Book, side: Side, price_ticks: int, deal: int, now_ns: int) -> str:
        """Why a hedge of a deal cannot go to a listing, whatever its size; "" when it can."""
        with localcontext(EXACT):
            case = self._case(_probe(book, side, price_ticks, deal, now_ns), now_ns)
            return next((text for _, look in _USE_GATES if (text := look(case))), "")

    def room(self, book: Book, side: Side, price: Decimal, now_ns: int) -> Decimal:
        """The most base coins that a hedge at `price` or better may move there, by what the account has free; rounded
        down to 18 digits. Never below 0."""
        info = book.info
        coins = info.contract_size * info.multiplier
        with localcontext(EXACT):
            case = self._case(_probe(book, side, 1, 0, now_ns), now_ns)
            reserves, account, quote = case.reserves, book.market, str(info.symbol.quote)
            if info.market is MarketKind.SPOT:
                if side is Side.SELL:
                    return max(ZERO, reserves.free((account, str(info.symbol.base))))
                fee = max(ZERO, self._desk.taker_fees.get(listing_key(info), book.taker_fee))
                return max(ZERO, _down(reserves.free((account, quote)) * info.multiplier, price * (1 + fee)))
            held = case.ledger.position(listing_key(info)) * coins
            closing = max(ZERO, held if side is Side.SELL else -held)
            margined = amounts.margined(case, account, quote)
            if margined is None:
                return closing
            share = self._limits.margin_share
            free = case.ledger.total(account, quote) - margined[0] * share
            opening = _down(free * coins, price * info.contract_size * share) if share else _MANY
            return closing + max(ZERO, opening)

    def sent(self, approved: ApprovedPlan, now_ns: int) -> None:
        """Its orders have left."""
        for purpose, minute in self._minutes:
            count = sum(leg.purpose is purpose for leg in approved.plan.legs)
            if count:
                minute.add(count, now_ns)

    def deal_over(self, group: str, listings: Collection[str], net: Decimal, now_ns: int) -> None:
        """A deal is settled: its listings (by key) rest in this group. `net` in its home asset."""
        self._pace.deal_over(group, listings, net, now_ns)

    def remember(self, wall_ns: int, now_ns: int) -> None:
        """At a start, before anything is sent: count what earlier runs on this journal have sent and ended lately, so
        that a restart gives no limit anew. A time ahead of our clock counts as now."""
        ledger = self._desk.ledger
        sent = [known.intent for known in ledger.remembered() if not known.not_sent]
        for purpose, minute in self._minutes:
            ages_ns = (max(0, wall_ns - intent.wall_ns) for intent in sent if intent.purpose is purpose)
            for age_ns in sorted((age_ns for age_ns in ages_ns if age_ns < MINUTE_NS), reverse=True):
                minute.add(1, now_ns - age_ns)
        for deal, ended_ns, net in ledger.ended_since(wall_ns - self._pace.longest_rest_ns):
            listings = tuple(dict.fromkeys(order.intent.listing for order in deal.orders))
            self._pace.deal_over(deal.opened.group, listings, net, now_ns - max(0, wall_ns - ended_ns))

    def _case(self, plan: Plan, now_ns: int) -> Case:
        self._reserves.refresh()
        return Case(plan, self._desk, self._limits, self._sheet, self._reserves, self._pace, now_ns)


def _probe(book: Book, side: Side, price_ticks: int, deal: int, now_ns: int) -> Plan:
    """A hedge of one lot, to ask what holds for all of them."""
    leg = PlanLeg(
        account=book.market,
        listing=book.info,
        side=side,
        price_ticks=price_ticks,
        lots=1,
        value=ZERO,
        fee=ZERO,
        purpose=Purpose.HEDGE,
    )
    home = book.info.symbol.quote
    return Plan(strategy="", group=book.group, home=home, legs=(leg,), expected=_NOTHING, made_ns=now_ns, deal=deal)


def _down(value: Decimal, by: Decimal) -> Decimal:
    """A quotient in steps of 1e-18, rounded down."""
    return (value * ATTO // by).scaleb(-18)


class Gate(NamedTuple):
    """`look` gives "" to let a plan pass. `for_entries`: plans that only take risk away are not asked."""

    name: str
    look: Look
    for_entries: bool


GATES = (
    Gate("run", own.run, False),
    Gate("kill", own.kill, True),
    Gate("armed", own.armed, True),
    Gate("halt", own.halt, True),
    Gate("plan", own.plan, False),
    Gate("listing", own.listing, False),
    Gate("identity", market.identity, False),
    Gate("book_live", market.book_live, False),
    Gate("book_age", market.book_age, True),
    Gate("breaker", market.breaker, False),
    Gate("ban", market.ban, False),
    Gate("stream", market.stream, True),
    Gate("clock", market.clock, True),
    Gate("order_rate", market.order_rate, True),
    Gate("legal", own.legal, False),
    Gate("self_cross", own.self_cross, False),
    Gate("reduces", reduces, False),
    Gate("one_deal", own.one_deal, True),
    Gate("open_deals", own.open_deals, True),
    Gate("cooldown", own.cooldown, True),
    Gate("orders_per_minute", own.orders_per_minute, True),
    Gate("quotes_per_minute", own.quotes_per_minute, True),
    Gate("too_good", market.too_good, True),
    Gate("price_band", market.price_band, False),
    Gate("order_notional", amounts.order_notional, True),
    Gate("venue_exposure", amounts.venue_exposure, True),
    Gate("position", amounts.position, True),
    Gate("unhedged", amounts.unhedged, True),
    Gate("daily_loss", amounts.daily_loss, True),
    Gate("balance", amounts.balance, False),
)
"""In the order in which they are asked: who says no first is the reason that is told."""

_ENTRY_GATES = tuple((gate.name, gate.look) for gate in GATES if gate.name != "reduces")
_USE_GATES = tuple((gate.name, gate.look) for gate in GATES if gate.name in _USE)
_REDUCING_GATES = tuple((gate.name, gate.look) for gate in GATES if not gate.for_entries)
