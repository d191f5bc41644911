"""Closing what a deal holds: its positions in perpetuals, reduce-only, and the spot coins that stand against them.

All legs by the same part, as deep as every book and balance allows. Sized to what the deal's own fills have left, never
to what the account holds besides.
"""

from __future__ import annotations

from decimal import Decimal

from oneprice.core.sizing import BUY, SELL
from oneprice.core.states import BookState
from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import ZERO, minus, plus, times
from oneprice.model import AssetName, Side
from oneprice.model.deals import Expected, Plan, PlanLeg, Purpose
from oneprice.trade.desk import Desk
from oneprice.trade.marks import Marks
from oneprice.trade.terms import BPS, PPT, Listings, Terms, ceil_share, from_atto, ladder, nearest, scaled

FORCED_PART = 4
"""A forced close may give up this part of what one hedge may cost, beyond the levels that it sees."""


class ClosingLeg:
    """An order that closes. `left`: base coins in atto that there are to close, `steps` the part of them that is
    closed; from `best` to `level` (the hub's ticks) they are worth `worth` (atto). `ticks`: its limit. `covered`: steps
    of a position that the account itself has: other deals may hold the opposite."""

    __slots__ = ("best", "covered", "left", "level", "side", "steps", "terms", "ticks", "worth")

    def __init__(self, terms: Terms, side: int, left: int, covered: int = 0) -> None:
        self.terms, self.side, self.left, self.covered = terms, side, left, covered
        self.steps = self.best = self.level = self.worth = self.ticks = 0

    @property
    def reduces(self) -> bool:
        """Whether it only makes the account's own position smaller."""
        return self.terms.is_perpetual and self.steps <= self.covered

    @property
    def whole(self) -> int:
        """Steps that close all of it; what a buy on spot pays in coins is bought too."""
        keeps = PPT
        if self.side == BUY and not self.terms.is_perpetual:
            keeps -= max(self.terms.fee_ppt, 0)
        return nearest(self.left * PPT, self.terms.base_step * keeps)

    def moved(self, share: int) -> int:
        """The limit, a share in 1e-12 beyond the level, outwards to a whole tick."""
        ticks = self.terms.ticks(self.side, self.level)
        away = ceil_share(ticks, share)
        return ticks + away if self.side == BUY else max(1, ticks - away)


class Close:
    """What closing now comes to. `net`: what the whole deal then leaves in its home asset, all marks and fees counted,
    and `worth` what its first leg was worth: both in atto."""

    __slots__ = ("legs", "net", "worth")

    def __init__(self, legs: list[ClosingLeg], net: int, worth: int) -> None:
        self.legs, self.net, self.worth = legs, net, worth

    @property
    def bps(self) -> float:
        """For people."""
        return self.net / self.worth * 1e4 if self.worth else 0.0

    def leaves(self, net_ppt: int) -> bool:
        """Whether the net is at least this share of the worth."""
        return self.net * PPT >= self.worth * net_ppt


class Closing:
    """Shared by all strategies: any deal may end up holding a perpetual as its hedge."""

    def __init__(self, desk: Desk, listings: Listings) -> None:
        self._desk, self._hub, self._ledger = desk, desk.market.hub, desk.ledger
        self._listings, self._marks = listings, Marks(desk)
        self._forced_ppt = int(Decimal(repr(desk.settings.risk.hedge_cost_bps_max)) * BPS) // FORCED_PART

    def plan(self, number: int, deal: Deal, now_ns: int) -> Plan | None:
        """Close at what the books give, and a little beyond. None when nothing can be closed now."""
        found = self.look(deal)
        if isinstance(found, str):
            return None
        for leg in found.legs:
            leg.ticks = leg.moved(self._forced_ppt)
        return self._made(number, deal, found, now_ns)

    def paying(self, number: int, deal: Deal, found: Close, slack_ppt: int, now_ns: int) -> Plan:
        """Close while the limits may give up so much of the deal's net, and none of them what makes it a loss."""
        worth = sum(leg.worth for leg in found.legs)
        share = slack_ppt * max(found.net, 0) // worth
        for part in (share, share // 2, 0):
            for leg in found.legs:
                leg.ticks = leg.moved(part)
            if not part or self._worst(found) >= 0:
                break
        return self._made(number, deal, found, now_ns)

    def look(self, deal: Deal) -> Close | str:
        """What can be closed now and what it comes to, or why nothing can."""
        held = self._held(deal)
        if isinstance(held, str):
            return held
        for leg in held:
            if self._hub.state(leg.terms.number) != BookState.LIVE:
                return f"{leg.terms.name} is not live"
        part = self._part(held)
        if isinstance(part, str):
            return part
        legs = []
        for leg in held:
            there = leg.whole
            if part < PPT:
                there = min(there, nearest(there * part, PPT))
            leg.steps = min(there, leg.terms.steps_max)
            taken = leg.terms.take(self._hub, leg.side, leg.steps)
            if taken is None:
                return f"{leg.terms.name}: too little in its book"
            leg.best, leg.level, value = taken
            leg.worth = value * leg.terms.spec.value_unit_atto
            if self._is_order(leg):
                legs.append(leg)
        if not legs:
            return f"what is held is below the smallest order of {held[0].terms.name}"
        return Close(legs, self._net(deal, legs), _entered(deal))

    # ------------------------------------------------------------------ what there is to close

    def _held(self, deal: Deal) -> list[ClosingLeg] | str:
        """In the order of the deal's legs: each closes the one in its place."""
        coins: dict[str, int] = {}
        found: dict[str, Terms] = {}
        for order in deal.orders:
            key = order.intent.listing
            terms = self._listings.by_key(key)
            if isinstance(terms, str):
                return terms
            found[key] = terms
            if not terms.is_perpetual:
                bought = (
                    scaled(order.booked, 18) * order.intent.side * terms.base_step // scaled(terms.info.lot_size, 18)
                )
                coins[key] = coins.get(key, 0) + bought - scaled(order.fees.get(terms.base, ZERO), 18)
        legs = []
        for key, quantity in deal.positions().items():
            there = self._really(deal, key, quantity)
            if there:
                terms = found[key]
                left = scaled(abs(there), 18) * terms.base_step // scaled(terms.info.lot_size, 18)
                own = self._ledger.position(key) * (1 if there > 0 else -1)
                covered = int(max(ZERO, own) // terms.info.lot_size)
                legs.append(ClosingLeg(terms, SELL if there > 0 else BUY, left, covered))
        legs += _spot_legs(coins, found)
        place = {leg.listing: number for number, leg in reversed(list(enumerate(deal.opened.legs)))}
        legs.sort(key=lambda leg: place.get(leg.terms.key, len(place)))
        return legs or "nothing is held"

    def _really(self, deal: Deal, key: str, quantity: Decimal) -> Decimal:
        """No more than the account has of it beside what other deals hold: somebody may have closed it by hand."""
        there = self._ledger.position(key)
        for other in self._ledger.deals.values():
            if other is not deal:
                there = minus(there, other.positions().get(key, ZERO))
        if quantity > 0:
            return max(ZERO, min(quantity, there))
        return min(ZERO, max(quantity, there))

    def _part(self, held: list[ClosingLeg]) -> int | str:
        """What part of all legs can be closed, in 1e-12: the least that a book or a balance allows."""
        part = PPT
        for leg in held:
            terms, whole = leg.terms, leg.whole
            if not whole:
                continue
            there = self._in_book(leg, whole)
            why = f"{terms.name}: nothing in its book"
            if there and not terms.is_perpetual:
                there, why = self._affordable(leg, there)
            if not there:
                return why
            part = min(part, there * PPT // whole)
        return part

    def _in_book(self, leg: ClosingLeg, steps: int) -> int:
        """How many of the steps its book has."""
        spec, lots = leg.terms.spec, 0
        for _, there in ladder(self._hub, leg.terms.number, spec.depth, leg.side):
            lots += there
            if lots >= steps * spec.order_lots:
                return steps
        return lots // spec.order_lots

    def _affordable(self, leg: ClosingLeg, steps: int) -> tuple[int, str]:
        """How many of the steps the account can pay for, and what is missing."""
        terms = leg.terms
        asset = terms.quote if leg.side == BUY else terms.base
        free = minus(self._ledger.total(terms.account, asset), self._ledger.reserved(terms.account, asset))
        there = max(scaled(free, 18), 0)
        if leg.side == BUY:
            taken = terms.take(self._hub, BUY, steps)
            level = taken[1] if taken else 0
            each = terms.ticks(BUY, level) * terms.unit
            can = there * PPT // (each * (PPT + self._forced_ppt)) if each else 0
        else:
            can = there // terms.base_step
        return min(steps, can), f"{from_atto(there):f} {asset} free at {terms.account}"

    @staticmethod
    def _is_order(leg: ClosingLeg) -> bool:
        """Whether the listing takes it. A reduce-only order may be worth less than its minimum."""
        terms = leg.terms
        if leg.steps < terms.steps_min:
            return False
        return leg.reduces or leg.moved(0) * leg.steps * terms.unit >= terms.worth_min

    # ------------------------------------------------------------------ what it comes to

    def _net(self, deal: Deal, legs: list[ClosingLeg]) -> int:
        """Cash so far, what closing brings, and what is then left at its mark."""
        home, total = str(deal.opened.home), ZERO
        left = deal.exposure()
        bases = {leg.terms.base for leg in legs} | {
            self._ledger.listings[one.intent.listing].base for one in deal.orders
        }
        for (_, asset), amount in deal.flows().items():
            if asset not in bases:
                total = plus(total, times(amount, self._marks.price(asset, home) or ZERO))
        for leg in legs:
            closed = leg.steps * leg.terms.base_step
            if leg.side == BUY and not leg.terms.is_perpetual:
                closed -= ceil_share(closed, max(leg.terms.fee_ppt, 0))
            left[leg.terms.base] = plus(left.get(leg.terms.base, ZERO), from_atto(closed * leg.side))
        for base in bases:
            if left.get(base):
                total = plus(total, times(left[base], self._marks.price(base, home) or ZERO))
        return scaled(total, 18) + sum(_cash(leg, leg.worth) for leg in legs)

    def _worst(self, found: Close) -> int:
        """The net when everything fills at the limits."""
        worse = 0
        for leg in found.legs:
            worse += _cash(leg, leg.worth) - _cash(leg, leg.ticks * leg.steps * leg.terms.unit)
        return found.net - worse

    def _made(self, number: int, deal: Deal, found: Close, now_ns: int) -> Plan:
        fees = from_atto(sum(ceil_share(leg.worth, leg.terms.fee_ppt) for leg in found.legs))
        net = from_atto(found.net)
        return Plan(
            strategy=deal.opened.strategy,
            group=deal.opened.group,
            home=AssetName(deal.opened.home),
            legs=tuple(_order(leg) for leg in found.legs),
            expected=Expected(gross=plus(net, fees), fees=fees, net=net, net_bps=found.bps),
            made_ns=now_ns,
            deal=number,
        )


def _cash(leg: ClosingLeg, worth: int) -> int:
    """What the home asset gains by it; on spot the fee of a buy is in coins, and counted with them."""
    fee = 0 if leg.side == BUY and not leg.terms.is_perpetual else ceil_share(worth, leg.terms.fee_ppt)
    return -leg.side * worth - fee


def _spot_legs(coins: dict[str, int], found: dict[str, Terms]) -> list[ClosingLeg]:
    """What spot listings together have of an asset too much or too little, traded back where most of it came from."""
    legs = []
    for base in sorted({found[key].base for key in coins}):
        parts = {key: amount for key, amount in coins.items() if found[key].base == base and amount}
        whole = sum(parts.values())
        sign = 1 if whole > 0 else -1
        for key in sorted(parts, key=lambda one: (-sign * parts[one], one)):
            part = min(abs(whole), max(sign * parts[key], 0))
            if part:
                legs.append(ClosingLeg(found[key], -sign, part))
                whole -= sign * part
    return legs


def _entered(deal: Deal) -> int:
    """What the deal's first leg was worth, in atto; the largest of all where it has none."""
    first = [order for order in deal.orders if order.intent.leg == 0 and order.intent.purpose is not Purpose.EXIT]
    worth = sum((order.booked_quote for order in first), ZERO)
    if not worth:
        worth = max((order.booked_quote for order in deal.orders), default=ZERO)
    return scaled(worth, 18)


def _order(leg: ClosingLeg) -> PlanLeg:
    terms = leg.terms
    return PlanLeg(
        account=terms.account,
        listing=terms.info,
        side=Side.BUY if leg.side == BUY else Side.SELL,
        price_ticks=leg.ticks,
        lots=leg.steps,
        value=from_atto(leg.worth),
        fee=terms.fee,
        best=times(terms.tick, Decimal(leg.best)),
        purpose=Purpose.EXIT,
        reduce_only=leg.reduces,
    )
