"""From what the hub sized to orders that may be sent: legal, within limits, equal in base, and no loss at the worst.

The hub sizes by the venue's usual fees, without balances, on its own grid. Here the account's own fees, our limits and
what accounts have free are applied to both legs together, and the hub's grid becomes the listing's.
"""

from __future__ import annotations

from decimal import Decimal

from oneprice.core.sizing import BUY, SELL
from oneprice.ledger.exact import ZERO, minus, plus, times
from oneprice.market.opportunities import Standing
from oneprice.model import AssetName, Side
from oneprice.model.deals import Expected, Plan, PlanLeg
from oneprice.trade.desk import Desk
from oneprice.trade.terms import BPS, PPT, Listings, Terms, ceil_scaled, ceil_share, from_atto, nearest, scaled

PAIRS_KEPT = 10_000
_BUY, _SELL = Side.BUY, Side.SELL


class Aim:
    """What a strategy wants of a plan. `rounds`: how often each leg's fee is paid, 2 when the plan has to be undone to
    be worth anything. `after`: what the net is counted after, for people. Shares in 1e-12."""

    __slots__ = ("after", "holds", "min_net_bps", "min_net_ppt", "rounds", "slack_ppt", "strategy")

    def __init__(
        self,
        strategy: str,
        min_net_bps: float,
        slack_share: float,
        *,
        rounds: int = 1,
        holds: bool = False,
        after: str = "fees",
    ) -> None:
        self.strategy, self.rounds, self.holds, self.after = strategy, rounds, holds, after
        self.min_net_bps = min_net_bps
        self.min_net_ppt = ceil_scaled(Decimal(repr(min_net_bps)), 8)
        self.slack_ppt = scaled(Decimal(repr(slack_share)), 12)


class Half:
    """One leg of a pair while its plan is made. `cost`: what a unit of its value costs besides, as a share in 1e-12;
    `keeps`: what is left of its coins after a fee that is paid in them. `purse`: the most that it may be worth, in
    atto; `limit`: the most steps; `bound` says by what. `there`: lots at `best`; from there to `level` (the hub's
    ticks) the steps are worth `worth` atto. `base_step`, `unit`, `lot_worth`: as in its terms and the hub's spec."""

    __slots__ = (
        "base_step", "best", "bound", "cost", "keeps", "level", "limit", "lot_worth", "order_lots", "order_ticks",
        "purse", "side", "steps", "terms", "there", "ticks", "unit", "value", "worth",
    )  # fmt: skip

    def __init__(self, terms: Terms, side: int, fee_ppt: int) -> None:
        self.terms, self.side, self.cost = terms, side, fee_ppt
        self.keeps = PPT if side != BUY or terms.is_perpetual or fee_ppt <= 0 else PPT - fee_ppt
        spec = terms.spec
        self.base_step, self.unit, self.lot_worth = terms.base_step, terms.unit, spec.value_unit_atto
        self.order_lots, self.order_ticks = spec.order_lots, spec.order_ticks
        self.purse = self.limit = self.steps = self.best = self.there = self.level = 0
        self.ticks = self.value = self.worth = 0
        self.bound = ""

    def leg(self) -> PlanLeg:
        """As it is to be sent."""
        terms = self.terms
        return PlanLeg(
            account=terms.account,
            listing=terms.info,
            side=_BUY if self.side == BUY else _SELL,
            price_ticks=self.ticks,
            lots=self.steps,
            value=times(terms.value_unit, Decimal(self.value)),
            fee=terms.fee,
            best=times(terms.tick, Decimal(self.best)),
        )


class Limits:
    """What our limits and an account's means allow of one order."""

    def __init__(self, desk: Desk, listings: Listings) -> None:
        risk = desk.settings.risk
        self._hub, self._ledger, self._listings = desk.market.hub, desk.ledger, listings
        self._margin_ppt = ceil_scaled(Decimal(repr(risk.margin_share)), 12)
        smaller = risk.order_notional_max <= risk.unhedged_notional_max
        self._free: dict[tuple[int, int], int] = {}
        self._applied = -1
        self._bound = "risk.order_notional_max" if smaller else "risk.unhedged_notional_max"

    def apply(self, half: Half, each: int, *, wallets: int = 1, claimed: int = 0) -> None:
        """Set the most steps at a price of `each` atto a step, and bring the purse down to what there is.

        `wallets`: how many legs of the plan one margin has to do for; `claimed`: what of the means is for others.
        """
        terms = half.terms
        free = self.free(terms, half.side) - claimed
        limit, half.bound = terms.steps_max, self._bound
        if half.side == BUY or terms.is_perpetual:
            if free < 2 * wallets * half.purse:
                purse = max(free, 0) // wallets * PPT // self.needs_ppt(terms)
                if purse < half.purse:
                    half.purse, half.bound = purse, "free"
            steps = half.purse // each
        else:
            steps = half.purse // each
            coins = max(free, 0) // terms.base_step
            if coins < steps:
                steps, half.bound = coins, "free"
        if limit < steps:
            steps, half.bound = limit, "max_quantity"
        half.limit = steps

    def free(self, terms: Terms, side: int) -> int:
        """What an order may use, in atto: of the quote asset, of the margin, or of the coins that a spot sale gives.

        Counted anew after each record; the prices of positions that margin is counted by may be as old.
        """
        ledger, place = self._ledger, (terms.number, side)
        if ledger.applied != self._applied:
            self._free.clear()
            self._applied = ledger.applied
        free = self._free.get(place)
        if free is None:
            free = self._free[place] = self._count_free(terms, side)
        return free

    def _count_free(self, terms: Terms, side: int) -> int:
        ledger, account = self._ledger, terms.account
        if terms.is_perpetual:
            return scaled(minus(ledger.total(account, terms.quote), self._tied(account)), 18)
        asset = terms.quote if side == BUY else terms.base
        return scaled(minus(ledger.total(account, asset), ledger.reserved(account, asset)), 18)

    def _tied(self, account: str) -> Decimal:
        """Margin that positions and open orders of an account ask for, each listing at its worse side."""
        ledger, prefix, tied = self._ledger, f"{account}:", ZERO
        keys = {key for key, _ in ledger.open_positions() if key.startswith(prefix)}
        for order in ledger.orders.values():
            if not order.is_over and order.intent.listing.startswith(prefix):
                keys.add(order.intent.listing)
        for key in sorted(keys):
            held, (buys, sells) = ledger.position(key), ledger.open_worst(key)
            terms = self._listings.by_key(key)
            if isinstance(terms, str):
                continue
            top = self._hub.top(terms.number)
            worst = max(abs(plus(held, buys)), abs(minus(held, sells)))
            lots = ceil_scaled(worst, 18) * terms.spec.order_lots // scaled(terms.info.lot_size, 18)
            tied = plus(
                tied, from_atto(ceil_share(lots * max(top[0], top[2]) * terms.spec.value_unit_atto, self._margin_ppt))
            )
        return tied

    def needs_ppt(self, terms: Terms) -> int:
        """What of an order's worth has to be there, as a share in 1e-12: fee included, wherever it is taken from."""
        return (self._margin_ppt if terms.is_perpetual else PPT) + max(terms.fee_ppt, 0)

    def words(self, half: Half) -> str:
        """What keeps it from being larger."""
        terms = half.terms
        if half.bound == "max_quantity":
            return f"{terms.name} takes at most {terms.info.max_quantity}"
        if half.bound != "free":
            return f"{half.bound} is {from_atto(half.purse):f} {terms.quote}"
        free = from_atto(self.free(terms, half.side))
        if terms.is_perpetual:
            return f"{free:f} {terms.quote} of margin free at {terms.account}"
        return f"{free:f} {terms.quote if half.side == BUY else terms.base} free at {terms.account}"


class Pairs:
    """Makes plans that buy at one listing and sell the same at another."""

    def __init__(self, desk: Desk, listings: Listings) -> None:
        self._hub, self._ledger = desk.market.hub, desk.ledger
        self._listings, self._limits = listings, Limits(desk, listings)
        self._halves: dict[tuple[int, int], tuple[Half, Half]] = {}

    def plan(
        self, aim: Aim, standing: Standing, bought: Terms, sold: Terms, now_ns: int, costs: tuple[int, int] = (0, 0)
    ) -> Plan | str:
        """The plan, or why there is none. `costs`: of the legs besides their fees, as shares in 1e-12."""
        order_max = self._listings.order_max(bought.quote)
        if isinstance(order_max, str):
            return order_max
        (_, _, limit, lots, value), _ = standing.sized.legs
        buy, sell = self._pair(bought, sold)
        buy.cost, sell.cost = aim.rounds * bought.fee_ppt + costs[0], aim.rounds * sold.fee_ppt + costs[1]
        buy.purse = sell.purse = order_max
        top = self._hub.top
        _, _, buy.best, buy.there, _ = top(bought.number)
        sell.best, sell.there, _, _, _ = top(sold.number)
        for half in (buy, sell):
            if not half.there:
                return f"{half.terms.name}: nothing is left in its book"
        wallets = 2 if bought.is_perpetual and sold.is_perpetual and bought.account == sold.account else 1
        each = limit * buy.lot_worth * buy.order_lots
        if standing.sized.net_atto > 0:  # room for the worst price, which is beyond the level
            each += each * aim.slack_ppt * standing.sized.net_atto // (2 * PPT * value * buy.lot_worth) + buy.unit
        self._limits.apply(buy, each, wallets=wallets)
        self._limits.apply(sell, sell.best * sell.lot_worth * sell.order_lots, wallets=wallets)
        # What is held is closed again as it was opened, so that it nets nothing for good.
        whole, carried = lots * bought.spec.lot_base_atto, 0 if aim.holds else self._carried(bought.base)
        made = self._make(aim, buy, sell, whole, carried, now_ns)
        if isinstance(made, str):
            for base, net in _smaller(buy, sell, whole, carried):
                again = self._make(aim, buy, sell, base, net, now_ns)
                if isinstance(again, Plan):
                    return again
        return made

    # ------------------------------------------------------------------ inside

    def _pair(self, bought: Terms, sold: Terms) -> tuple[Half, Half]:
        """The same two for the same listings each time: they are worked with and then left."""
        key = (bought.number, sold.number)
        pair = self._halves.get(key)
        if pair is None or pair[0].terms is not bought or pair[1].terms is not sold:
            if len(self._halves) >= PAIRS_KEPT:
                self._halves.clear()
            pair = self._halves[key] = Half(bought, BUY, bought.fee_ppt), Half(sold, SELL, sold.fee_ppt)
        return pair

    def _carried(self, base: str) -> int:
        """Base coins in atto that earlier deals left and no open deal takes care of; above 0: too much."""
        carried = self._ledger.carried.get(base)
        if not carried:
            return 0
        for deal in self._ledger.deals.values():
            if deal.opened.nets and deal.opened.group.partition("/")[0] == base:
                carried += deal.opened.nets
        return scaled(carried, 18)

    def _make(self, aim: Aim, buy: Half, sell: Half, whole: int, carried: int, now_ns: int) -> Plan | str:
        """With `whole` base coins at most (atto), netting what is carried."""
        nets = match(buy, sell, whole, carried)
        for half in (buy, sell):
            terms, steps = half.terms, half.steps
            if steps < terms.steps_min:
                return self._too_small(half, buy, sell, whole)
            if steps * half.order_lots <= half.there:
                half.level, half.value = half.best, half.best * steps * half.order_lots
            else:
                found = terms.take(self._hub, half.side, steps)
                if found is None:
                    return f"{terms.name}: fewer than {terms.quantity(steps):f} are left in its book"
                _, half.level, half.value = found
            half.worth = half.value * half.lot_worth
            half.ticks = half.level if half.order_ticks == 1 else terms.ticks(half.side, half.level)
            least = terms.worth_min
            if least and (half.worth < least or half.ticks * steps * half.unit < least):
                return self._too_small(half, buy, sell, whole)
        extra = _extra_worth(buy, sell)
        net = (sell.worth - buy.worth + extra) * PPT - buy.worth * buy.cost - sell.worth * sell.cost
        if net < buy.worth * aim.min_net_ppt:
            bps = net / (buy.worth * BPS)
            return f"{bps:+.2f} bps after {aim.after}; {aim.min_net_bps:.2f} wanted"
        if not give_way(buy, sell, extra, net, aim.slack_ppt):
            return f"{net / (buy.worth * BPS):+.2f} bps, but a loss at the worst of its levels"
        return _pair_plan(aim, buy, sell, extra, nets, now_ns)

    def _too_small(self, half: Half, buy: Half, sell: Half, whole: int) -> str:
        short = [one for one in (buy, sell) if one.steps < one.terms.steps_min]
        terms = max(short or [half], key=lambda one: one.base_step * one.terms.steps_min).terms
        least = terms.info.min_notional
        wanted = f"{terms.name} takes no fewer than {terms.quantity(terms.steps_min):f} or {least:f} {terms.quote}"
        reach = {one: one.limit * one.base_step for one in (buy, sell)}
        tight = min(reach, key=lambda one: reach[one])
        if reach[tight] >= whole:
            return f"{from_atto(whole):f} {terms.base} pay; {wanted}"
        return f"{self._limits.words(tight)}; {wanted}"


def _smaller(buy: Half, sell: Half, whole: int, carried: int) -> list[tuple[int, int]]:
    """What to try when the whole does not work: without netting, then the tops alone, whose price is best."""
    tries = [(whole, 0)] if carried else []
    top = min(one.there * one.terms.spec.lot_base_atto for one in (buy, sell))
    if 0 < top < whole:
        tries.append((top, 0))
    return tries


def match(buy: Half, sell: Half, whole: int, carried: int) -> int:
    """Set the steps of both legs, as many as `whole` base coins and both limits allow, so that what the buy leaves
    after its fee in base is what the sale takes away and what is carried. Gives what of that is netting, in base atto;
    what lots do not allow of it is dust again.

    The leg with the coarser steps leads, and the other comes as near to it as its steps allow.
    """
    if carried:
        bound = min(whole, buy.limit * buy.base_step, sell.limit * sell.base_step) // 2
        carried = max(-bound, min(bound, carried))
    most_buy, most_sell = min(buy.limit, whole // buy.base_step), min(sell.limit, whole // sell.base_step)
    bought, sold, nets = buy.base_step * buy.keeps, sell.base_step * PPT, carried * PPT  # of one step, in 1e-30 coins
    if sell.base_step >= buy.base_step:
        steps = min(most_sell, ((2 * most_buy + 1) * bought + 2 * nets) // (2 * sold))
        bare = min(most_sell, ((2 * most_buy + 1) * buy.base_step * PPT + 2 * nets) // (2 * sold))
        if steps * 100 < bare * 99:
            # A coarse lot weighs more than the coins of a fee. They are bought too where the best price has them.
            steps, most_buy = bare, max(most_buy, min(buy.limit, buy.there // buy.order_lots))
        sell.steps = max(0, steps)
        buy.steps = min(nearest(sell.steps * sold - nets, bought), most_buy)
        changed = carried and buy.steps != nearest(sell.steps * sold, bought)
    else:
        buy.steps = max(0, min(most_buy, ((2 * most_sell + 1) * sold - 2 * nets) // (2 * bought)))
        sell.steps = min(nearest(buy.steps * bought + nets, sold), most_sell)
        changed = carried and sell.steps != nearest(buy.steps * bought, sold)
    return -carried if changed else 0


def give_way(buy: Half, sell: Half, extra: int, net: int, slack_ppt: int) -> bool:
    """Move both limits from their worst levels by the slack share of the net edge, divided by worth: outwards to whole
    ticks where that still cannot lose, all fees paid, when everything fills at the limits. False: it could already."""
    gain, loss = sell.steps * sell.unit * (PPT - sell.cost), buy.steps * buy.unit * (PPT + buy.cost)
    sure = sell.ticks * gain - buy.ticks * loss + extra * PPT
    if sure < 0:
        for half, back, won in ((sell, 1, gain), (buy, -1, loss)):
            # Only a limit that lies beyond its level can come back without leaving the level.
            if sure < 0 and half.ticks * half.order_ticks != half.level:
                half.ticks += back
                sure += won
        if sure < 0:
            return False
    slack = slack_ppt * net // PPT
    slack = 0 if slack < 0 else min(slack, sure)
    both = buy.worth + sell.worth
    add, rest = divmod(slack * buy.worth, both * loss)
    less, over = divmod(slack * sell.worth, both * gain)
    left = sure - add * loss - less * gain
    if rest and loss <= left:
        add, left = add + 1, left - loss
    if over and gain <= left:
        less += 1
    if add:
        buy.ticks = max(buy.ticks, min(buy.ticks + add, buy.purse // (buy.steps * buy.unit)))
    if less:
        least = -(-sell.terms.worth_min // (sell.steps * sell.unit))
        sell.ticks = min(sell.ticks, max(sell.ticks - less, least, 1))
    return True


def _extra_worth(buy: Half, sell: Half) -> int:
    """What the base coins are worth that one leg has more than the other, at the price of the last of them: so that
    they make the plan neither better nor worse. In atto, rounded down."""
    more = buy.steps * buy.base_step - sell.steps * sell.base_step
    if not more:
        return 0
    larger = buy if more > 0 else sell
    return more * larger.level * larger.lot_worth // larger.terms.spec.lot_base_atto


def _pair_plan(aim: Aim, buy: Half, sell: Half, extra: int, nets: int, now_ns: int) -> Plan:
    legs = (buy.leg(), sell.leg())
    gross = minus(legs[1].value, legs[0].value)
    if extra:
        gross = plus(gross, from_atto(extra))
    fees = plus(times(legs[0].value, legs[0].fee), times(legs[1].value, legs[1].fee))
    if aim.rounds != 1:
        fees = times(fees, Decimal(aim.rounds))
    net = minus(gross, fees)
    return Plan(
        strategy=aim.strategy,
        group=buy.terms.group,
        home=AssetName(buy.terms.quote),
        legs=legs,
        expected=Expected(gross=gross, fees=fees, net=net, net_bps=float(net) / float(legs[0].value) * 1e4),
        made_ns=now_ns,
        holds=aim.holds,
        nets=from_atto(nets) if nets else ZERO,
    )
