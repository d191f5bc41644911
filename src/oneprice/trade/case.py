"""A plan before the gates, with what they look at. What several gates want is worked out once."""

from __future__ import annotations

from decimal import Decimal

from oneprice.ledger.exact import ZERO
from oneprice.model import Side
from oneprice.model.deals import Plan, PlanLeg, Purpose
from oneprice.trade.account import Standing
from oneprice.trade.desk import Desk
from oneprice.trade.figures import Figures, Sheet
from oneprice.trade.pace import Pace
from oneprice.trade.reserves import Reserves, Taken
from oneprice.trade.settings import RiskLimits

ONE = Decimal(1)
BUY, ENTRY, MAKER = Side.BUY, Purpose.ENTRY, Purpose.MAKER  # looking a member up in its class costs more than a gate


class Limits:
    """The settings as gates compare them: bands in parts per billion, times in nanoseconds."""

    __slots__ = (
        "band_ppb",
        "book_age_ns_max",
        "clock_offset_ns_max",
        "hedge_band_ppb",
        "loss_least",
        "margin_share",
        "risk",
    )

    def __init__(self, risk: RiskLimits) -> None:
        self.risk = risk
        self.band_ppb = _ppb(risk.price_band_bps)
        self.hedge_band_ppb = self.band_ppb + _ppb(risk.hedge_cost_bps_max)
        self.book_age_ns_max = risk.book_age_ms_max * 1_000_000
        self.clock_offset_ns_max = risk.clock_offset_ms_max * 1_000_000
        self.margin_share = Decimal(str(risk.margin_share))
        self.loss_least = -risk.daily_loss_max


Flow = tuple[str, Decimal, Decimal]
"""An asset, and what a plan buys and sells of it at its worst, in the base currency."""

Item = tuple[PlanLeg, Figures, bool, Decimal]
"""A leg, the figures of its listing, whether it buys, and its notional: in its quote asset, at its worst price, or as
expected where that is more."""


class Case:
    """`items`: the legs whose listings are watched. `adds_risk`: whether a leg is an entry or a quote. `home`: what
    limits are in. `reserves` are fresh."""

    __slots__ = (
        "_calm",
        "_flows",
        "_worths",
        "adds_risk",
        "desk",
        "home",
        "items",
        "ledger",
        "limits",
        "now_ns",
        "pace",
        "plan",
        "reserves",
        "sheet",
    )

    def __init__(
        self, plan: Plan, desk: Desk, limits: Limits, sheet: Sheet, reserves: Reserves, pace: Pace, now_ns: int
    ) -> None:
        self.plan, self.desk, self.limits, self.now_ns = plan, desk, limits, now_ns
        self.sheet, self.reserves, self.pace = sheet, reserves, pace
        self.ledger, self.home = desk.ledger, desk.settings.base_currency
        self.adds_risk = False
        self.items: list[Item] = []
        self._calm: bool | None = None
        self._worths: list[Decimal] | None = None
        self._flows: list[Flow] | None = None
        for leg in plan.legs:
            purpose = leg.purpose
            if purpose is ENTRY or purpose is MAKER:
                self.adds_risk = True
            figures = sheet.of_leg(leg)
            if figures is not None:
                notional, value = leg.price_ticks * leg.lots * figures.unit, leg.value
                if not value.is_nan() and value > notional:
                    notional = value
                self.items.append((leg, figures, leg.side is BUY, notional))

    # ---- accounts

    def standings(self) -> list[tuple[str, Standing]]:
        """What each leg's account says of itself."""
        accounts = self.desk.accounts
        return [(leg.account, accounts[leg.account].standing()) for leg, _, _, _ in self.items]

    def is_calm(self) -> bool:
        """Whether every account stands as it should; then no gate has to look for what is wrong with it."""
        calm = self._calm
        if calm is None:
            calm = True
            accounts, limits = self.desk.accounts, self.limits
            most_ns, kept = limits.clock_offset_ns_max, limits.risk.hedge_reserve
            for leg, _, _, _ in self.items:
                told = accounts[leg.account].standing()
                offset_ns = told.clock_offset_ns
                if not (
                    told.stream_complete
                    and told.banned_ns <= 0
                    and offset_ns is not None
                    and -most_ns <= offset_ns <= most_ns
                    and told.order_room > kept
                ):
                    calm = False
            self._calm = calm
        return calm

    # ---- amounts

    def rate(self, asset: str) -> Decimal | None:
        """What one of an asset is worth in the base currency; None when no price of it is known."""
        return ONE if asset == self.home else self.sheet.rate(asset, self.home, self.now_ns)

    def worths(self) -> list[Decimal] | None:
        """The notionals in the base currency; None when a quote asset has no price there."""
        if self._flows is None:
            self._count()
        return self._worths

    def flows(self) -> list[Flow]:
        """What the plan moves, by asset other than its home. Empty when `worths` has no price."""
        return [] if self.worths() is None else self._flows or []

    def _count(self) -> None:
        home, limit_home, asset, buys, sells = self.plan.home, self.home, "", ZERO, ZERO
        worths: list[Decimal] = []
        is_one_asset = True
        for _, figures, is_buy, worth in self.items:
            if figures.quote != limit_home:
                rate = self.rate(figures.quote)
                if rate is None:
                    self._flows = []
                    return
                worth = worth * rate
            worths.append(worth)
            if figures.quote != home or figures.base == home or (asset and figures.base != asset):
                is_one_asset = False
            asset = figures.base
            if is_buy:
                buys += worth
            else:
                sells += worth
        self._worths = worths
        self._flows = [(asset, buys, sells)] if is_one_asset else self._count_many_flows(worths)

    def _count_many_flows(self, worths: list[Decimal]) -> list[Flow]:
        """The same for legs of several assets, such as a cycle's."""
        home, flows = self.plan.home, dict[str, tuple[Decimal, Decimal]]()

        def move(asset: str, is_buy: bool, worth: Decimal) -> None:
            buys, sells = flows.get(asset, (ZERO, ZERO))
            flows[asset] = (buys + worth, sells) if is_buy else (buys, sells + worth)

        for (_, figures, is_buy, _), worth in zip(self.items, worths, strict=True):
            if figures.base != home:
                move(figures.base, is_buy, worth)
            if figures.is_spot and figures.quote != home:
                move(figures.quote, not is_buy, worth)
        return [(asset, buys, sells) for asset, (buys, sells) in flows.items()]

    def mark(self, asset: str) -> Decimal:
        """What one of an asset that the plan moves is worth in the base currency, at most: at a leg's worst price, or
        at the last one."""
        most = ZERO
        for leg, figures, _, _ in self.items:
            if figures.base == asset:
                price, last = leg.price_ticks * figures.tick_coin, figures.book.price
                if last is not None and last > price:
                    price = last
                if figures.quote != self.home:
                    price = price * (self.rate(figures.quote) or ZERO)
            elif figures.quote == asset:
                price = self.rate(asset) or ZERO
            else:
                continue
            if price > most:
                most = price
        return most

    def worst(
        self, taken: Taken, buys: Decimal = ZERO, sells: Decimal = ZERO, *, in_home: bool = False
    ) -> Decimal | None:
        """What a listing can come to be worth, with so much more bought or sold; all in its quote asset, or all in the
        base currency. None when a price for that is not known."""
        rate = self.rate(taken.quote) if in_home else ONE
        if rate is None:
            return None
        held = ZERO
        if taken.held:
            figures = self.sheet.of_key(taken.key)
            price = None if figures is None else figures.price
            if price is None:
                return None
            held = taken.held * price * rate
        return max(held + taken.buys * rate + buys, taken.sells * rate + sells - held)


def _ppb(bps: float) -> int:
    return round(bps * 100_000)
