"""The switches, the plan itself, and our other orders and deals."""

from __future__ import annotations

from decimal import Decimal

from oneprice.model import OrderType
from oneprice.model.deals import DealState, Purpose
from oneprice.trade.case import Case
from oneprice.trade.figures import Figures, shown
from oneprice.trade.reserves import may_rest

MS = 1_000_000
MODES = ("simulated", "paper", "live")
MARKET, ENTRY, MAKER = OrderType.MARKET, Purpose.ENTRY, Purpose.MAKER


def run(case: Case) -> str:
    """The journal knows which run this is, and that it trades."""
    mode = case.ledger.mode
    return (
        "" if mode in MODES else f"the journal names no run: its mode is {mode!r}, not one of {', '.join(MODES)} (mode)"
    )


def kill(case: Case) -> str:
    """Nothing that adds risk after a kill."""
    kill = case.desk.switches.kill
    return f"killed: {kill}; nothing that adds risk is sent in the rest of this run (switch kill)" if kill else ""


def armed(case: Case) -> str:
    """No entries before accounts are reconciled."""
    return "" if case.desk.switches.armed else "not armed: no entries before accounts are reconciled (switch armed)"


def halt(case: Case) -> str:
    """No entries while something is wrong."""
    halt = case.desk.switches.halt
    return f"halted: {halt}; no entries until that is over (switch halt)" if halt else ""


# ---------------------------------------------------------------------- the plan itself


def plan(case: Case) -> str:
    """It makes sense, and belongs to a deal that may have it."""
    plan = case.plan
    if not plan.legs:
        return "a plan of 0 legs (at least 1)"
    if plan.deal:
        deal = case.ledger.deals.get(plan.deal)
        if deal is None:
            return f"deal {plan.deal} is settled, or was never there (plan.deal)"
        if case.adds_risk and deal.state is not DealState.WORKING:
            return f"deal {plan.deal} is {deal.state.value}; only a working one gets more entries (plan.deal)"
    for leg in plan.legs:
        if not (leg.value.is_finite() and leg.fee.is_finite()):
            return f"a leg is expected to be worth {leg.value}, its fee {leg.fee}: not numbers (plan.legs)"
        if leg.type is MARKET:
            return f"a leg of {shown(leg.quantity)} is a MARKET order: it has no worst price (plan.legs)"
        if leg.purpose is not MAKER and may_rest(leg.type, leg.time_in_force):
            what = f"a leg of {shown(leg.quantity)} may rest, and is {leg.purpose.name}"
            return f"{what}; only MAKER legs rest (plan.legs)"
    return ""


def listing(case: Case) -> str:
    """Each leg's account is ours, its listing is watched, and its rules are those of now."""
    if len(case.items) < len(case.plan.legs):
        known = [leg for leg, _, _, _ in case.items]
        lost = next(leg for leg in case.plan.legs if all(leg is not one for one in known))
        return f"{lost.account}:{lost.listing.symbol} is not watched (markets, symbols)"
    accounts, known_listings = case.desk.accounts, case.ledger.listings
    for leg, figures, _, _ in case.items:
        if leg.account not in accounts:
            return f"no account at {leg.account}; {len(accounts)} are there (venues)"
        if leg.listing is not figures.info and leg.listing != figures.info:
            return (
                f"{figures.book.name} has new rules since the plan was made: tick {figures.info.tick_size}, lot "
                f"{figures.info.lot_size} now (the venue's rules)"
            )
        if figures.key not in known_listings:
            return f"{figures.key} is not in the journal, where {len(known_listings)} listings are (journal)"
    return ""


def legal(case: Case) -> str:
    """By the listing's rules, as `exchange.legal` has them."""
    for leg, figures, _, _ in case.items:
        lots, ticks = leg.lots, leg.price_ticks
        if not (figures.lots_min <= lots <= figures.lots_max and ticks > 0 and figures.info.tradable):
            return _illegal(figures, lots, ticks)
        if leg.reduce_only:
            if figures.is_spot:
                return f"{figures.book.name}: reduce_only is for perpetuals (plan.legs)"
        elif ticks * lots * figures.unit < figures.min_notional:
            worth = ticks * lots * figures.unit
            return (
                f"{figures.book.name}: {shown(leg.quantity)} at {shown(leg.price)} is worth {shown(worth)} "
                f"{figures.quote}; {shown(figures.min_notional)} are asked for (the listing's min_notional)"
            )
    return ""


def _illegal(figures: Figures, lots: int, ticks: int) -> str:
    name, info = figures.book.name, figures.info
    if not info.tradable:
        return f"{name} takes no orders: {info.status or 'not tradable'} (the venue's rules)"
    if ticks <= 0:
        return f"{name}: a price of {ticks} ticks; at least 1 (the listing's tick_size {info.tick_size})"
    what = f"{name}: a quantity of {shown(lots * info.lot_size)}"
    if lots < figures.lots_min:
        return f"{what}; {shown(figures.lots_min * info.lot_size)} is the least (the listing's min_quantity)"
    return f"{what}; {info.max_quantity} is the most (the listing's max_quantity)"


# ---------------------------------------------------------------------- our own orders and deals


def self_cross(case: Case) -> str:
    """No order meets one of ours."""
    listings, items = case.reserves.listings, case.items
    for place, (leg, figures, is_buy, _) in enumerate(items):
        taken = listings.get(figures.key)
        if taken is not None:
            resting = taken.lowest_sell if is_buy else taken.highest_buy
            if resting is not None:
                price = leg.price_ticks * figures.info.tick_size
                if price >= resting if is_buy else price <= resting:
                    return _crossing(figures, is_buy, price, resting, "our own resting order")
        if place:
            for other, its, buys, _ in items[:place]:
                if its is figures and buys is not is_buy:
                    gap = leg.price_ticks - other.price_ticks
                    if gap >= 0 if is_buy else gap <= 0:
                        return _crossing(figures, is_buy, leg.price, other.price, "another leg")
    return ""


def _crossing(figures: Figures, is_buy: bool, price: Decimal, resting: Decimal, whose: str) -> str:
    what = f"{figures.book.name}: to {'buy' if is_buy else 'sell'} at {shown(price)}"
    return f"{what} would meet {whose} at {shown(resting)} (no trade with ourselves)"


def one_deal(case: Case) -> str:
    """One deal at a time in a group; those that hold, and quotes that nobody has taken, do not count."""
    for number in case.reserves.busy.get(case.plan.group, ()):
        if number != case.plan.deal:
            state = case.ledger.deals[number].state.value
            return f"deal {number} of {case.plan.group} is {state}; 1 at a time in a group (one deal per group)"
    return ""


def open_deals(case: Case) -> str:
    """All deals that are not settled count."""
    count, most = len(case.ledger.deals), case.limits.risk.open_deals_max
    if case.plan.deal or count < most:
        return ""
    return f"{count} deals are open; {most} are allowed (risk.open_deals_max)"


def cooldown(case: Case) -> str:
    """Listings rest after a deal."""
    if case.plan.deal or not case.pace.has_rests(case.plan.group):
        return ""
    rest = case.pace.resting(case.plan.group, [figures.key for _, figures, _, _ in case.items], case.now_ns)
    if rest is None:
        return ""
    left_ms = (rest.until_ns - case.now_ns) / MS
    if rest.lost:
        why, key, most = "a deal that lost", "risk.cooldown_after_loss_ms", case.limits.risk.cooldown_after_loss_ms
    else:
        why, key, most = "a deal", "risk.cooldown_ms", case.limits.risk.cooldown_ms
    return f"{case.plan.group} rests {left_ms:.0f} ms more on these listings, after {why}; {most} in all ({key})"


def orders_per_minute(case: Case) -> str:
    """Entries. What rests has a figure of its own."""
    more = sum(leg.purpose is ENTRY for leg, _, _, _ in case.items)
    sent, most = case.pace.entries.count(case.now_ns), case.limits.risk.orders_per_minute_max
    if not more or sent + more <= most:
        return ""
    return f"{sent} orders left in the last minute, and {more} more; {most} are allowed (risk.orders_per_minute_max)"


def quotes_per_minute(case: Case) -> str:
    """Quotes that rest."""
    more = sum(leg.purpose is MAKER for leg, _, _, _ in case.items)
    sent, most = case.pace.quotes.count(case.now_ns), case.limits.risk.quotes_per_minute_max
    if not more or sent + more <= most:
        return ""
    return f"{sent} quotes left in the last minute, and {more} more; {most} are allowed (risk.quotes_per_minute_max)"
