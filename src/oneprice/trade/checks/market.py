"""Books, venues and prices."""

from __future__ import annotations

from decimal import Decimal

from oneprice.core.states import BookState
from oneprice.market.identity import plain
from oneprice.market.opportunities import not_live
from oneprice.trade.case import Case
from oneprice.trade.checks.reducing import shrinks_there
from oneprice.trade.figures import Figures, Group, shown
from oneprice.trade.switches import VenueHealth

MS = 1_000_000
PPB = 10**9
LIVE = int(BookState.LIVE)


def identity(case: Case) -> str:
    """Each listing is the asset that its name says."""
    for _, figures, _, _ in case.items:
        book = figures.book
        if book.doubted:
            return f"{book.name}: {book.doubted} (market.price_gap_percent_max)"
    return ""


def book_live(case: Case) -> str:
    """Each book is provably right."""
    hub = case.desk.market.hub
    for _, figures, _, _ in case.items:
        if hub.state(figures.number) != LIVE:
            age_ms = (case.now_ns - hub.times(figures.number)[0]) / MS
            why = not_live(figures.book, hub, case.now_ns)
            return f"{figures.book.name}: {why}; last heard {age_ms:.0f} ms ago (only a LIVE book is traded on)"
    return ""


def book_age(case: Case) -> str:
    """Of the plan as well: it is a picture of the books."""
    now_ns, most_ns = case.now_ns, case.limits.book_age_ns_max
    times = case.desk.market.hub.times
    for _, figures, _, _ in case.items:
        age_ns = now_ns - times(figures.number)[0]
        if age_ns > most_ns:
            return _too_old(f"{figures.book.name} last changed", age_ns, case)
    age_ns = now_ns - case.plan.made_ns
    return _too_old("the plan was made", age_ns, case) if age_ns > most_ns else ""


def _too_old(what: str, age_ns: int, case: Case) -> str:
    most = case.limits.risk.book_age_ms_max
    return f"{what} {age_ns / MS:.1f} ms ago; {most} are allowed (risk.book_age_ms_max)"


# ---------------------------------------------------------------------- venues


def breaker(case: Case) -> str:
    """An ill venue takes nothing that adds risk; one that is being left takes only what closes something there."""
    switches = case.desk.switches
    if not switches.health:
        return ""
    for leg, figures, _, _ in case.items:
        health, reason = switches.health_of(leg.account)
        if health is VenueHealth.OPEN:
            continue
        if case.adds_risk:
            return f"{leg.account} is {_NAMES[health]}: {reason} (breaker)"
        if health is VenueHealth.FLAT and not shrinks_there(case.ledger, case.plan, leg, figures):
            return (
                f"{leg.account} is {_NAMES[health]}: {reason}; {shown(leg.quantity)} more would be held there (breaker)"
            )
    return ""


_NAMES = {VenueHealth.REDUCE_ONLY: "reduce-only", VenueHealth.FLAT: "being left"}


def ban(case: Case) -> str:
    """The venue wants to hear of us."""
    if case.is_calm():
        return ""
    for account, told in case.standings():
        if told.banned_ns > 0:
            return f"{account} wants silence for {told.banned_ns / 1e9:.1f} s more (the venue's ban)"
    return ""


def stream(case: Case) -> str:
    """We would hear of fills."""
    if case.is_calm():
        return ""
    for account, told in case.standings():
        if not told.stream_complete:
            return f"{account}: its private stream is not complete: {told.reason} (the account's stream)"
    return ""


def clock(case: Case) -> str:
    """The venue's clock is known, and near ours."""
    if case.is_calm():
        return ""
    most_ns = case.limits.clock_offset_ns_max
    for account, told in case.standings():
        offset_ns = told.clock_offset_ns
        if offset_ns is None or not -most_ns <= offset_ns <= most_ns:
            off = "not measured yet" if offset_ns is None else f"{offset_ns / MS:+.1f} ms off"
            most = case.limits.risk.clock_offset_ms_max
            return f"{account}: its clock is {off}; {most} ms are allowed (risk.clock_offset_ms_max)"
    return ""


def order_rate(case: Case) -> str:
    """Some of the venue's order rate stays free for hedges."""
    if case.is_calm():
        return ""
    kept = case.limits.risk.hedge_reserve
    for account, told in case.standings():
        if not told.order_room > kept:
            return (
                f"{account} has {told.order_room:.1%} of its order rate free; {kept:.1%} are kept for hedges "
                "(risk.hedge_reserve)"
            )
    return ""


# ---------------------------------------------------------------------- prices


def too_good(case: Case) -> str:
    """An edge that nobody leaves lying about is an error of ours. (One that is no number, too.)"""
    net_bps, most = case.plan.expected.net_bps, case.limits.risk.too_good_bps
    if net_bps <= most:
        return ""
    return f"{net_bps:.1f} bps net are too good to be true; {most:g} are believed (risk.too_good_bps)"


def price_band(case: Case) -> str:
    """Each worst price against the last price there, and against the median of the other venues. What only takes risk
    away has a wider band, and only against paying too much."""
    is_entry = case.adds_risk
    band_ppb = case.limits.band_ppb if is_entry else case.limits.hedge_band_ppb
    seen, low, high = None, 0, 0
    for leg, figures, is_buy, _ in case.items:
        group = case.sheet.group_of(figures, case.now_ns)
        if group is not seen:
            seen, (low, high) = group, group.range(case.desk.market.hub, case.now_ns)
        last = 2 * group.last(figures)
        if not last and is_entry:
            most = case.limits.risk.price_band_bps
            return f"{figures.book.name} has no last price to be within {most:g} bps of (risk.price_band_bps)"
        price = 2 * leg.price_ticks * figures.tick_parts
        lowest, highest = (min(low, last), max(high, last)) if low and last else (low or last, high or last)
        is_below = price * PPB <= lowest * (PPB + band_ppb) or not (is_buy or is_entry)
        is_above = price * PPB >= highest * (PPB - band_ppb) or is_buy and not is_entry
        if not (is_below and is_above):  # not near to all of them: then those that count decide
            text = _near(case, group, figures, price, is_buy, last, band_ppb)
            if text:
                return text
    return ""


def _near(case: Case, group: Group, figures: Figures, price: int, is_buy: bool, last: int, band_ppb: int) -> str:
    """Why a price (twice, in parts) is too far from the last one, or from the median of the other venues."""
    hub = case.desk.market.hub
    if last and _is_far(case, price, last, is_buy, band_ppb):
        return _out_of_band(case, figures, price, last, 2 * group.scale, "its own last price")
    middles = []
    for number, venue, parts in group.rows:
        bid, bid_lots, ask, ask_lots, _ = hub.top(number)
        if venue != figures.venue and hub.state(number) == LIVE and bid_lots and ask_lots:
            middles.append((bid + ask) * parts)
    if middles:
        middles.sort()
        half = len(middles) // 2
        median = 2 * middles[half] if len(middles) & 1 else middles[half - 1] + middles[half]
        if _is_far(case, 2 * price, median, is_buy, band_ppb):
            return _out_of_band(case, figures, 2 * price, median, 4 * group.scale, "the median of the other venues")
    return ""


def _is_far(case: Case, price: int, other: int, is_buy: bool, band_ppb: int) -> bool:
    gap = price - other if is_buy else other - price
    return (abs(gap) if case.adds_risk else gap) * PPB > band_ppb * other


def _out_of_band(case: Case, figures: Figures, price: int, other: int, parts: int, what: str) -> str:
    bps, risk = abs(price - other) * 10_000 / other, case.limits.risk
    most, keys = risk.price_band_bps, "risk.price_band_bps"
    if not case.adds_risk:
        most, keys = most + risk.hedge_cost_bps_max, f"{keys} + risk.hedge_cost_bps_max"
    own, its = plain(Decimal(price) / parts), plain(Decimal(other) / parts)
    return f"{figures.book.name}: {own} is {bps:.1f} bps from {what}, {its}; {most:g} are allowed ({keys})"
