"""Triangular: cycles within one venue's spot market, all legs at once from what the account holds.

Each leg is sized to what the one before leaves after its fee, so that what stays in between is dust on our side. All
sums are exact fractions of the start asset.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from oneprice.core.scan import CYCLE
from oneprice.core.sizing import BUY
from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import minus, times
from oneprice.market.opportunities import Standing
from oneprice.model import AssetName, Side
from oneprice.model.deals import Expected, Plan, PlanLeg
from oneprice.trade.desk import Desk
from oneprice.trade.plans import Aim
from oneprice.trade.strategies.closing import Closing
from oneprice.trade.terms import PPT, Listings, Terms, ceil_share, from_atto, ladder, scaled

TRIES_MAX = 12
WORTH_SHARE = 99
"""Percent of the largest order that a cycle's legs are sized to: what they are worth depends on whose prices count."""


class Step:
    """One leg: from `best` to `level` (the hub's ticks) its `steps` are worth `value` (ticks times lots). `ticks`: its
    limit, in the listing's."""

    __slots__ = ("best", "level", "side", "steps", "terms", "ticks", "value")

    def __init__(self, terms: Terms, side: int, steps: int, best: int, level: int, value: int) -> None:
        self.terms, self.side, self.steps = terms, side, steps
        self.best, self.level, self.value = best, level, value
        self.ticks = terms.ticks(side, level)

    @property
    def pays(self) -> str:
        """The asset that it spends."""
        return self.terms.quote if self.side == BUY else self.terms.base

    @property
    def worth(self) -> int:
        """In atto of the quote asset, by its levels."""
        return self.value * self.terms.spec.value_unit_atto

    @property
    def worth_at_limit(self) -> int:
        """The same when everything fills at the limit."""
        return self.ticks * self.steps * self.terms.unit

    @property
    def base(self) -> int:
        """In atto of the base asset."""
        return self.steps * self.terms.base_step

    def flow(self, worth: int) -> tuple[int, int, int]:
        """`(spent, received, fee of what is received)` in atto, at a worth."""
        spent, got = (worth, self.base) if self.side == BUY else (self.base, worth)
        return spent, got, ceil_share(got, self.terms.fee_ppt)


class Triangular:
    """Takes cycles."""

    name = "triangular"

    def __init__(self, desk: Desk, listings: Listings, closing: Closing) -> None:
        chosen = desk.settings.strategies.triangular
        self._desk, self._hub, self._listings, self._closing = desk, desk.market.hub, listings, closing
        self._aim = Aim(self.name, chosen.min_net_bps, chosen.slack_share)

    def on_opportunity(self, standing: Standing, now_ns: int) -> Plan | str | None:
        """A plan with a leg for each step of the cycle, or why not."""
        if standing.key[0] != CYCLE:
            return None
        route: list[tuple[Terms, int]] = []
        for number, side, *_ in standing.sized.legs:
            terms = self._listings.terms(number)
            if isinstance(terms, str):
                return terms
            route.append((terms, side))
        first, side = route[0]
        start = first.quote if side == BUY else first.base
        order_max = self._listings.order_max(start, loose=len(route) - 1)
        if isinstance(order_max, str):
            return order_max
        return self._sized(route, standing, start, order_max, now_ns)

    def on_tick(self, now_ns: int) -> list[Plan]:
        """Nothing: its deals end by themselves."""
        return []

    def close(self, number: int, deal: Deal, reason: str, now_ns: int) -> Plan | None:
        """What a hedge in a perpetual has left open."""
        return self._closing.plan(number, deal, now_ns)

    # ------------------------------------------------------------------ inside

    def _sized(
        self, route: list[tuple[Terms, int]], standing: Standing, start: str, order_max: int, now_ns: int
    ) -> Plan | str:
        """As large as the hub says, or as limits and balances allow; a little smaller where lots waste much of the
        edge, and half as large where the worst would lose."""
        _, side, _, lots, value = standing.sized.legs[0]
        terms, worth_max = route[0][0], order_max * WORTH_SHARE // 100
        steps = min(lots // terms.spec.order_lots, terms.steps_max)
        spent = value * terms.spec.value_unit_atto if side == BUY else steps * terms.base_step
        if spent > worth_max:
            steps = steps * worth_max // spent
        best: Plan | None = None
        missing = why = ""
        for _ in range(TRIES_MAX):
            found = self._chain(route, steps)
            if isinstance(found, str):
                return best or why or missing or found
            short = self._short_of(found, worth_max)
            if short is not None:
                there, needed, missing = short
                steps = min(steps - 1, steps * there // needed)
                continue
            wasted = _wasted(found)
            made = self._plan(found, start, order_max, now_ns)
            if isinstance(made, str):
                why = why or made
            elif best is None or made.expected.net > best.expected.net:
                best = made
            if best is not None and not wasted:
                break
            steps = steps - max(1, steps // 128) if wasted else steps // 2
        return best or why or missing

    def _chain(self, route: list[tuple[Terms, int]], steps: int) -> list[Step] | str:
        """The legs when the first takes so many steps, or which of them is below its minimum."""
        chain: list[Step] = []
        for terms, side in route:
            if chain:
                before = chain[-1]
                _, got, fee = before.flow(before.worth)
                steps = self._affordable(terms, side, got - fee)
            taken = terms.take(self._hub, side, steps) if steps >= terms.steps_min else None
            step = Step(terms, side, steps, *taken) if taken else None
            if step is None or min(step.worth, step.worth_at_limit) < terms.worth_min or steps > terms.steps_max:
                least = f"{terms.quantity(terms.steps_min):f} or {terms.info.min_notional:f} {terms.quote}"
                return f"{terms.name}: {terms.quantity(steps):f} cannot be ordered; it takes no fewer than {least}"
            chain.append(step)
        return chain

    def _affordable(self, terms: Terms, side: int, amount: int) -> int:
        """How many steps an amount (atto of what the leg spends) is enough for."""
        if side != BUY:
            return amount // terms.base_step
        spec, lots = terms.spec, 0
        left = amount // spec.value_unit_atto
        for ticks, there in ladder(self._hub, terms.number, spec.depth, BUY):
            taken = min(there, left // ticks)
            lots += taken
            left -= taken * ticks
            if taken < there:
                break
        return lots // spec.order_lots

    def _short_of(self, chain: list[Step], worth_max: int) -> tuple[int, int, str] | None:
        """Where a leg is larger than it may be, or the account holds too little for it: what may be and what would be
        needed, in atto, and in words."""
        ledger, last = self._desk.ledger, chain[-1].flow(chain[-1].worth)[1]
        if last > worth_max:
            return worth_max, last, f"a last leg of {from_atto(last):f}; {from_atto(worth_max):f} are allowed"
        for step in chain:
            account, asset = step.terms.account, step.pays
            free = minus(ledger.total(account, asset), ledger.reserved(account, asset))
            there, needed = max(scaled(free, 18), 0), step.flow(step.worth_at_limit)[0]
            if there < needed:
                return there, needed, f"{from_atto(there):f} {asset} free at {account}; {from_atto(needed):f} needed"
        return None

    def _plan(self, chain: list[Step], start: str, order_max: int, now_ns: int) -> Plan | str:
        aim = self._aim
        spent, last = chain[0].flow(chain[0].worth)[0], chain[-1].flow(chain[-1].worth)
        net = last[1] - last[2] - spent
        bps = net / spent * 1e4
        if net * PPT < spent * aim.min_net_ppt:
            return f"{bps:+.2f} bps after {aim.after}; {aim.min_net_bps:.2f} wanted"
        if not self._give_way(chain, net, spent, order_max):
            return f"{bps:+.2f} bps, but a loss at the worst of its levels"
        rates = zip(chain, _rates(chain), strict=True)
        paid = sum((step.flow(step.worth)[2] * rate for step, rate in rates), Fraction(0))
        fees = -(-paid.numerator // paid.denominator)
        return Plan(
            strategy=self.name,
            group=start,
            home=AssetName(start),
            legs=tuple(_leg(step) for step in chain),
            expected=Expected(gross=from_atto(net + fees), fees=from_atto(fees), net=from_atto(net), net_bps=bps),
            made_ns=now_ns,
        )

    def _give_way(self, chain: list[Step], net: int, spent: int, order_max: int) -> bool:
        """Move the limits from their levels by the slack share of the net edge, outwards to whole ticks where that
        still cannot lose. False: it could already."""
        levels = [step.ticks for step in chain]
        if _worst(chain) < 0:
            return False
        share = Fraction(self._aim.slack_ppt * max(net, 0), PPT * spent * len(chain))
        rates = [Fraction(1), *_rates(chain)]  # of what each leg spends
        for part, outwards in ((share, True), (share, False), (share / 2, False)):
            for step, ticks, rate in zip(chain, levels, rates, strict=False):
                step.ticks = self._moved(step, ticks, part, int(order_max / rate), outwards and bool(part))
            if _worst(chain) >= 0:
                return True
        for step, ticks in zip(chain, levels, strict=True):
            step.ticks = ticks
        return True

    def _moved(self, step: Step, ticks: int, share: Fraction, worth_max: int, outwards: bool) -> int:
        """A limit moved by a share of its price, no farther than our cap, the account and the listing allow."""
        moved = ticks * share
        away = -(-moved.numerator // moved.denominator) if outwards else moved.numerator // moved.denominator
        each = step.steps * step.terms.unit
        if step.side != BUY:
            return min(ticks, max(ticks - away, -(-step.terms.worth_min // each), 1))
        ledger, account = self._desk.ledger, step.terms.account
        free = scaled(minus(ledger.total(account, step.pays), ledger.reserved(account, step.pays)), 18)
        return max(ticks, min(ticks + away, min(free, worth_max) // each))


def _wasted(chain: list[Step]) -> bool:
    """Whether what lots leave over in between is worth more than a quarter of what the cycle brings."""
    flows = [step.flow(step.worth) for step in chain]
    left = Fraction(0)
    for place, rate in enumerate(_rates(chain)[:-1]):
        _, got, fee = flows[place]
        left += (got - fee - flows[place + 1][0]) * rate
    return left * 4 > flows[-1][1] - flows[-1][2] - flows[0][0]


def _rates(chain: list[Step]) -> list[Fraction]:
    """What one of the asset that each leg receives becomes in the start asset through the legs after it, by their
    levels and before fees."""
    rates = [Fraction(1)]
    for step in reversed(chain[1:]):
        spent, got, _ = step.flow(step.worth)
        rates.append(rates[-1] * got / spent)
    return rates[::-1]


def _worst(chain: list[Step]) -> Fraction:
    """What is left of the start asset when everything fills at the limits; what is then missing in between counts as
    what it would have become."""
    flows = [step.flow(step.worth_at_limit) for step in chain]
    left = Fraction(flows[-1][1] - flows[-1][2] - flows[0][0])
    for place, rate in enumerate(_rates(chain)[:-1]):
        _, got, fee = flows[place]
        left += min(0, got - fee - flows[place + 1][0]) * rate
    return left


def _leg(step: Step) -> PlanLeg:
    terms = step.terms
    return PlanLeg(
        account=terms.account,
        listing=terms.info,
        side=Side.BUY if step.side == BUY else Side.SELL,
        price_ticks=step.ticks,
        lots=step.steps,
        value=from_atto(step.worth),
        fee=terms.fee,
        best=times(terms.tick, Decimal(step.best)),
    )
