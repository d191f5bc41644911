"""Amounts: each of them with open and unknown orders at their worst."""

from __future__ import annotations

from decimal import Decimal

from oneprice.ledger.exact import ZERO
from oneprice.trade.case import Case
from oneprice.trade.figures import shown, signed
from oneprice.trade.reserves import open_coins


def order_notional(case: Case) -> str:
    """Of each order, in the base currency."""
    worths, most = case.worths(), case.limits.risk.order_notional_max
    if worths is None:
        lost = next(figures.quote for _, figures, _, _ in case.items if case.rate(figures.quote) is None)
        home = case.home
        return f"no price of {lost} in {home} to hold {shown(most)} {home} against (risk.order_notional_max)"
    for worth in worths:
        if worth > most:
            what = f"{case.items[worths.index(worth)][1].book.name}: an order of {shown(worth)} {case.home}"
            return f"{what}; {shown(most)} are allowed (risk.order_notional_max)"
    return ""


def venue_exposure(case: Case) -> str:
    """Per listing the larger of what it can come to be worth bought and sold, over all markets of the venue."""
    most, by_venue = case.limits.risk.venue_exposure_max, case.reserves.by_venue
    is_small = sum(case.worths() or (), ZERO) <= most
    for _, figures, _, _ in case.items:
        venue = figures.venue
        if is_small and venue not in by_venue:
            continue  # nothing is there but what the plan brings
        total = _exposure(case, venue)
        if total is None:
            return f"no price of a listing of {venue} to count {shown(most)} {case.home} by (risk.venue_exposure_max)"
        if total > most:
            what = f"{venue}: {shown(total)} {case.home} at worst with this"
            return f"{what}; {shown(most)} are allowed (risk.venue_exposure_max)"
    return ""


def _exposure(case: Case, venue: str) -> Decimal | None:
    """Of a venue with the plan, in the base currency. None without a price."""
    added: dict[str, tuple[Decimal, Decimal]] = {}
    for (_, figures, is_buy, _), worth in zip(case.items, case.worths() or (), strict=True):
        if figures.venue == venue:
            buys, sells = added.get(figures.key, (ZERO, ZERO))
            added[figures.key] = (buys + worth, sells) if is_buy else (buys, sells + worth)
    total = ZERO
    for taken in case.reserves.by_venue.get(venue, ()):
        buys, sells = added.pop(taken.key, (ZERO, ZERO))
        there = case.worst(taken, buys, sells, in_home=True)
        if there is None:
            return None
        total += there
    for buys, sells in added.values():
        total += max(buys, sells)
    return total


def position(case: Case) -> str:
    """Of one asset, net over all venues, whatever of all open orders fills."""
    most = case.limits.risk.position_notional_max
    for asset, buys, sells in case.flows():
        if asset == case.home:
            continue
        coins = case.reserves.coins.get(asset)
        if coins is not None:
            mark = case.mark(asset)
            buys += (coins.net + coins.buys) * mark
            sells += (coins.sells - coins.net) * mark
        worst = max(buys, sells)
        if worst > most:
            return (
                f"{asset} worth {shown(worst)} {case.home} at worst with this, over all venues; {shown(most)} are "
                "allowed (risk.position_notional_max)"
            )
    return ""


def unhedged(case: Case) -> str:
    """What the deal can be left with at worst, when some of its orders fill and others do not."""
    plan, most, total = case.plan, case.limits.risk.unhedged_notional_max, ZERO
    if plan.deal:
        deal = case.ledger.deals[plan.deal]
        there, out = deal.exposure(), open_coins(deal)
        for asset, buys, sells in case.flows():
            held, (may_buy, may_sell), mark = there.get(asset, ZERO), out.get(asset, (ZERO, ZERO)), case.mark(asset)
            total += max((held + may_buy) * mark + buys, (may_sell - held) * mark + sells)
    else:
        for _, buys, sells in case.flows():
            total += max(buys, sells)
    if total > most:
        return (
            f"{shown(total)} {case.home} would be unhedged at worst, if only some legs fill; {shown(most)} are "
            "allowed (risk.unhedged_notional_max)"
        )
    return ""


def daily_loss(case: Case) -> str:
    """What deals that were settled today have lost."""
    realised, least = case.ledger.realised_today(case.desk.clock.wall_ns()), case.limits.loss_least
    if realised > least:
        return ""
    return (
        f"{signed(realised)} {case.home} realised today; trading ends at {shown(least)} until midnight UTC "
        "(risk.daily_loss_max)"
    )


def balance(case: Case) -> str:
    """What orders need, of what is not reserved: coins on spot, margin on perpetuals."""
    needs: dict[tuple[str, str], Decimal] = {}
    perpetuals = False
    for leg, figures, is_buy, notional in case.items:
        if not figures.is_spot:
            perpetuals = True
            continue
        if is_buy:
            place, need = figures.quote_place, notional + notional * leg.fee if leg.fee > 0 else notional
        else:
            place, need = figures.base_place, leg.lots * figures.lot_coins
        needs[place] = needs[place] + need if place in needs else need
    for place, need in needs.items():
        free = case.reserves.free(place)
        if need > free:
            account, asset = place
            total = case.ledger.total(account, asset)
            return (
                f"{account}: {shown(need)} {asset} are needed; {shown(free)} are free of {shown(total)}, the rest is "
                "reserved for open orders (the account's balance)"
            )
    return _margin(case) if perpetuals else ""


def _margin(case: Case) -> str:
    """Of each account's perpetuals: a share of what they can come to be worth. What makes that no larger needs none."""
    share = case.limits.margin_share
    for account, quote in dict.fromkeys([one.quote_place for _, one, _, _ in case.items if not one.is_spot]):
        found = margined(case, account, quote)
        if found is None:
            return f"{account}: no price of a position there to count its margin by (risk.margin_share {shown(share)})"
        before, after = found
        total = case.ledger.total(account, quote)
        if after > before and after * share > total:
            return (
                f"{account}: {shown(after)} {quote} of perpetuals at worst with this need {shown(after * share)} of "
                f"margin; {shown(total)} are there (risk.margin_share {shown(share)})"
            )
    return ""


def margined(case: Case, account: str, quote: str) -> tuple[Decimal, Decimal] | None:
    """What an account's perpetuals in `quote` can come to be worth, without and with the plan. None without a price."""
    added: dict[str, tuple[Decimal, Decimal]] = {}
    for _, figures, is_buy, notional in case.items:
        if figures.account == account and figures.quote == quote:
            buys, sells = added.get(figures.key, (ZERO, ZERO))
            added[figures.key] = (buys + notional, sells) if is_buy else (buys, sells + notional)
    before = after = ZERO
    for taken in case.reserves.by_account.get(account, ()):
        if taken.quote != quote:
            continue
        buys, sells = added.pop(taken.key, (ZERO, ZERO))
        now, then = case.worst(taken), case.worst(taken, buys, sells)
        if now is None or then is None:
            return None
        before, after = before + now, after + then
    for buys, sells in added.values():
        after += max(buys, sells)
    return before, after
