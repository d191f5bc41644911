"""Cycles: each leg no more than the one before leaves, all from what the account holds, and no loss at the worst."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.trade.floor import Floor, order_of

from oneprice.exchange.legal import require_legal
from oneprice.market.triangles import Pair, triangles
from oneprice.model import Side
from oneprice.model.deals import Plan, PlanLeg, Purpose
from oneprice.trade.settings import RiskLimits, Strategies, TradeSettings, TriangularSettings
from oneprice.trade.strategies import make_strategies
from oneprice.trade.strategies.triangular import Triangular

D = Decimal
ASSETS = ("USDT", "BTC", "ETH")


class Scene:
    """BTC at 50,000, ETH at 2,500, and ETH in BTC at `middle` (0.05 is fair), all at one venue."""

    def __init__(self, *, fee: str = "0.001", most: Any = 10_000, lots: tuple[str, ...] = (), **chosen: Any) -> None:
        cycles = TriangularSettings(**{"enabled": True, "slack_share": 0.5, **chosen})
        risk = RiskLimits(order_notional_max=D(most), unhedged_notional_max=D(2 * D(most)))
        self.floor = Floor(TradeSettings(risk=risk, strategies=Strategies(triangular=cycles)))
        lots = lots or ("0.00001", "0.0001", "0.0001")
        self.btc = self.floor.list("a-spot", "BTC/USDT", tick="0.01", lot=lots[0], fee=fee, min_notional="5")
        self.eth = self.floor.list("a-spot", "ETH/USDT", tick="0.01", lot=lots[1], fee=fee, min_notional="5")
        self.cross = self.floor.list("a-spot", "ETH/BTC", tick="0.000001", lot=lots[2], fee=fee)
        pairs = [
            Pair(book.number, str(book.info.symbol.base), str(book.info.symbol.quote))
            for book in (self.btc, self.eth, self.cross)
        ]
        for legs in triangles(pairs):
            self.floor.market.hub.add_cycle(legs)
        found = make_strategies(self.floor.desk)[0][1]
        assert isinstance(found, Triangular)
        self.strategy = found

    def show(self, middle: str = "0.0505", deep: Any = 100) -> None:
        half = D("0.00001")
        self.floor.show(self.btc, [(49_990, deep)], [(50_000, deep)])
        self.floor.show(self.eth, [(2_499, deep)], [(2_500, deep)])
        self.floor.show(self.cross, [(D(middle) - half, deep)], [(D(middle) + half, deep)])

    def fund(self, **amounts: Any) -> None:
        for asset in ASSETS:
            self.floor.fund("a-spot", asset, amounts.get(asset, 1_000_000))

    def answers(self) -> list[Plan | str]:
        found = []
        for standing in self.floor.standings():
            answer = self.strategy.on_opportunity(standing, 3)
            assert answer is not None
            found.append(answer)
        return found

    def plan(self) -> Plan:
        [answer] = self.answers()
        assert isinstance(answer, Plan), answer
        legal(answer)
        return answer

    def refusal(self) -> str:
        [answer] = self.answers()
        assert isinstance(answer, str)
        return answer


def legal(plan: Plan) -> None:
    for leg in plan.legs:
        require_legal(order_of(leg))
        assert leg.purpose is Purpose.ENTRY


def flow(leg: PlanLeg, worth: Fraction) -> tuple[str, Fraction, str, Fraction]:
    """What it spends and, after the fee, receives."""
    base, quote = str(leg.listing.symbol.base), str(leg.listing.symbol.quote)
    coins, keeps = Fraction(leg.base_quantity), 1 - Fraction(leg.fee)
    return (quote, worth, base, coins * keeps) if leg.side is Side.BUY else (base, coins, quote, worth * keeps)


def chain(plan: Plan) -> tuple[Fraction, list[Fraction]]:
    """What the start asset gains by the levels, and what is left over in between."""
    flows = [flow(leg, Fraction(leg.value)) for leg in plan.legs]
    assert flows[0][0] == flows[-1][2] == plan.home == plan.group
    left = []
    for one, following in pairwise(flows):
        assert one[2] == following[0]
        left.append(one[3] - following[1])
    return flows[-1][3] - flows[0][1], left


def at_worst(plan: Plan) -> Fraction:
    """The start asset's gain at the limits; what is then missing in between counts as what it would have become."""
    flows = [flow(leg, Fraction(leg.worst_notional)) for leg in plan.legs]
    gain = flows[-1][3] - flows[0][1]
    for place, following in enumerate(flows[1:]):
        rate = Fraction(1)
        for leg in plan.legs[place + 1 :]:
            _, spent, _, got = flow(leg, Fraction(leg.value))
            rate *= got / (1 - Fraction(leg.fee)) / spent
        gain += min(Fraction(0), flows[place][3] - following[1]) * rate
    return gain


def test_a_cycle_becomes_three_orders_at_once() -> None:
    scene = Scene()
    scene.fund()
    scene.show()
    plan = scene.plan()
    assert (plan.strategy, plan.group, plan.home, plan.holds, plan.nets) == ("triangular", "USDT", "USDT", False, 0)
    assert [(str(leg.listing.symbol), leg.side) for leg in plan.legs] == [
        ("ETH/USDT", Side.BUY),
        ("ETH/BTC", Side.SELL),
        ("BTC/USDT", Side.SELL),
    ]
    gain, left = chain(plan)
    assert min(left) >= 0
    assert Fraction(plan.expected.net) == pytest.approx(gain)
    assert plan.expected.gross - plan.expected.fees == plan.expected.net
    assert plan.expected.net_bps == pytest.approx(float(gain / Fraction(plan.legs[0].value) * 10_000))
    assert plan.expected.fees == pytest.approx(plan.legs[0].value * D("0.003"), rel=D("0.02"))
    assert at_worst(plan) >= 0


def test_its_size_is_what_may_be_left_unhedged_at_worst() -> None:
    scene = Scene(most=50, lots=("0.000001", "0.00001", "0.00001"))
    scene.fund()
    scene.show()
    plan = scene.plan()
    assert D(48) < plan.legs[0].value <= 50
    assert all(D(48) < leg.value * (50_000 if leg.listing.symbol.quote == "BTC" else 1) <= 50 for leg in plan.legs[1:])


@pytest.mark.parametrize("asset", ASSETS)
def test_every_leg_is_paid_from_what_is_there(asset: str) -> None:
    scene = Scene()
    worth = {"USDT": 1, "BTC": 50_000, "ETH": 2_500}
    scene.fund(**{asset: D(200) / worth[asset]})
    scene.show()
    plan = scene.plan()
    assert D(180) < plan.legs[0].value <= 202
    for leg in plan.legs:
        spends, amount, _, _ = flow(leg, Fraction(leg.worst_notional))
        assert amount <= scene.floor.ledger.total("a-spot", spends)


def test_without_one_of_the_assets_there_is_no_cycle() -> None:
    scene = Scene()
    scene.fund(BTC="0.0001")
    scene.show()
    assert scene.refusal().startswith("0.0001 BTC free at a-spot; ")


def test_too_little_net_is_said() -> None:
    scene = Scene(min_net_bps=70.1)
    scene.fund()
    scene.show()
    assert scene.refusal() == "+65.26 bps after fees; 70.10 wanted"


def test_minimums_are_said() -> None:
    scene = Scene(most=4)
    scene.fund()
    scene.show()
    assert scene.refusal() == "a-spot:ETH/USDT: 0.0015 cannot be ordered; it takes no fewer than 0.0001 or 5 USDT"


def test_deals_of_cycles_leave_dust_alone() -> None:
    scene = Scene()
    scene.fund()
    scene.show()
    plan = scene.plan()
    deal = scene.floor.ledger.deals[scene.floor.traded(plan)]
    for asset, amount in deal.exposure().items():
        lots = [leg.listing for leg in plan.legs if asset in (leg.listing.symbol.base, leg.listing.symbol.quote)]
        assert lots
        assert abs(amount) * {"BTC": 50_000, "ETH": 2_500}[asset] < plan.legs[0].value / 200


def test_pairs_are_not_cycles() -> None:
    scene = Scene()
    other = scene.floor.list("b-spot", "BTC/USDT", tick="0.01")
    scene.fund()
    scene.floor.show(scene.btc, [(49_990, 1)], [(50_000, 1)])
    scene.floor.show(other, [(51_000, 1)], [(51_001, 1)])
    assert scene.strategy.on_opportunity(scene.floor.standing(), 1) is None


@settings(max_examples=60)
@given(
    middle=st.sampled_from(("0.0480", "0.0495", "0.0504", "0.0505", "0.052")),
    lots=st.tuples(*[st.sampled_from(("0.000001", "0.000001", "0.00001", "0.0001", "0.001"))] * 3),
    fee=st.sampled_from(("0", "0.0002", "0.001")),
    most=st.sampled_from((30, 100, 3_000, 10**6)),
    slack=st.sampled_from((0.0, 0.5, 1.0)),
    deep=st.sampled_from(("0.2", "3", "1000")),
    funds=st.tuples(*[st.sampled_from((few, "1000000", "1000000")) for few in ("40", "0.002", "0.05")]),
)
def test_a_cycle_can_be_sent_paid_for_and_not_lose(
    middle: str, lots: tuple[str, ...], fee: str, most: int, slack: float, deep: str, funds: tuple[str, ...]
) -> None:
    scene = Scene(fee=fee, most=most, lots=lots, slack_share=slack, min_net_bps=1.0)
    scene.fund(**dict(zip(ASSETS, funds, strict=True)))
    scene.show(middle, deep)
    for plan in scene.answers():
        if isinstance(plan, str):
            event("a reason")
            assert len(plan) < 150
            continue
        event("a plan")
        legal(plan)
        gain, left = chain(plan)
        assert min(left) >= 0
        assert gain >= Fraction(plan.expected.net) >= gain - Fraction(1, 10**12)
        assert Fraction(plan.expected.net) * 10_000 >= Fraction(plan.legs[0].value)
        assert at_worst(plan) >= -Fraction(1, 10**12)
        spent = {}
        for leg in plan.legs:
            spends, amount, _, _ = flow(leg, Fraction(leg.worst_notional))
            spent[spends] = amount
            worth = amount * {"USDT": 1, "BTC": 50_000, "ETH": 2_500}[spends]
            assert worth <= most * Fraction(105 if middle == "0.0480" else 101, 100)
        for asset, amount in spent.items():
            assert amount <= Fraction(scene.floor.ledger.total("a-spot", asset))
