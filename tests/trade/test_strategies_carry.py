"""Carry: entries pay for their exits and funding; what is held is closed when it pays, when it is late, or must be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.trade.floor import Floor, order_of

from oneprice.exchange.legal import require_legal
from oneprice.ledger.records import FillTold, FundingPaid, TransferTold
from oneprice.model import FundingRate, Side
from oneprice.model.deals import DealState, Expected, Plan, PlanLeg, Purpose
from oneprice.trade.desk import listing_key
from oneprice.trade.settings import CarrySettings, CrossSettings, RiskLimits, Strategies, TradeSettings
from oneprice.trade.strategies import make_strategies
from oneprice.trade.strategies.carry import Carry
from oneprice.trade.switches import VenueHealth

D = Decimal
SECOND = 1_000_000_000
HOUR = 3_600


class Scene:
    """ABC on spot at `a` and as a perpetual at `b`, of contracts of a tenth of a coin; fees of 5 bps everywhere."""

    def __init__(self, lot: str = "0.001", contract: str = "0.1", fee: str = "0.0005", **chosen: Any) -> None:
        carry = CarrySettings(**{"enabled": True, "min_net_bps": 4.0, "slack_share": 0.0, **chosen})
        risk = RiskLimits(order_notional_max=D(1_000), unhedged_notional_max=D(1_000))
        self.floor = Floor(TradeSettings(risk=risk, strategies=Strategies(carry=carry)))
        self.spot = self.floor.list("a-spot", "ABC/USDT", tick="0.01", lot=lot, fee=fee)
        self.perp = self.floor.list("b-usdm", "ABC/USDT", tick="0.01", lot="1", fee=fee, contract_size=contract)
        self.floor.fund_all()
        self.funding: dict[str, FundingRate] = {}
        self.rate("0", in_s=5 * HOUR)
        found = make_strategies(self.floor.desk, self.funding)[0][-1]
        assert isinstance(found, Carry)
        self.carry = found

    def rate(self, rate: str, in_s: float, interval_s: int | None = 8 * HOUR) -> None:
        due_ns = self.floor.clock.wall_ns() + int(in_s * SECOND) if in_s else 0
        self.funding[listing_key(self.perp.info)] = FundingRate(self.perp.info.symbol, D(rate), due_ns, interval_s)

    def show(self, spot: tuple[Any, Any], perp: tuple[Any, Any], deep: Any = 10) -> None:
        """Bid and ask of both."""
        for book, (bid, ask), size in ((self.spot, spot, deep), (self.perp, perp, deep * 10)):
            self.floor.show(book, [(bid, size)], [(ask, size)])

    def answer(self) -> Plan | str | None:
        return self.carry.on_opportunity(self.floor.standing(), self.floor.clock.now_ns)

    def entry(self) -> Plan:
        plan = self.answer()
        assert isinstance(plan, Plan), plan
        for leg in plan.legs:
            require_legal(order_of(leg))
        return plan

    def hold(self) -> int:
        """A deal that is long one spot coin for 100 and short one for 101."""
        self.show(spot=(99, 100), perp=(101, 102), deep=1)
        return self.floor.traded(self.entry(), state=DealState.HOLDING)

    def leave(self, seconds: float = 1.0) -> list[Plan]:
        return self.carry.on_tick(self.floor.pass_time(seconds))


@pytest.fixture
def scene() -> Scene:
    return Scene()


# ---------------------------------------------------------------------- entering


def test_an_entry_is_held_and_counts_the_fees_of_its_exit(scene: Scene) -> None:
    scene.show(spot=(99, 100), perp=(101, 102), deep=1)
    plan = scene.entry()
    buy, sell = plan.legs
    assert plan.holds
    assert (buy.account, sell.account) == ("a-spot", "b-usdm")
    assert (buy.quantity, sell.quantity) == (D(1), D(10))
    assert all(leg.purpose is Purpose.ENTRY and not leg.reduce_only for leg in plan.legs)
    fees = 2 * (buy.value + sell.value) * D("0.0005")
    assert plan.expected.fees == fees
    assert plan.expected.net == plan.expected.gross - fees


@pytest.mark.parametrize(
    ("bid", "rate", "in_s", "taken"),
    [
        ("100.25", "0", 5 * HOUR, True),  # 25 bps less 20 of four fees
        ("100.23", "0", 5 * HOUR, False),
        ("100.23", "0.0032", 5 * HOUR, False),  # shorts are paid, but not within the hour that it is held
        ("100.23", "0.0032", 0.5 * HOUR, True),  # due soon: counted as the hour's part of it, 4 bps
        ("100.25", "-0.0032", 5 * HOUR, False),  # shorts pay: by the hour's part of it
        ("100.50", "-0.0032", 5 * HOUR, True),
        ("100.50", "-0.0032", 0.5 * HOUR, False),  # due soon: all of it
    ],
)
def test_expected_funding_counts_with_its_sign(bid: str, rate: str, in_s: float, taken: bool) -> None:
    scene = Scene()
    scene.rate(rate, in_s)
    scene.show(spot=(99, 100), perp=(bid, 102))
    answer = scene.answer()
    assert isinstance(answer, Plan) is taken, answer
    if not taken:
        assert "after fees of entry and exit, and funding; 4.00 wanted" in str(answer)


def test_longs_pay_what_shorts_are_paid(scene: Scene) -> None:
    scene.show(spot=("100.50", 102), perp=(99, 100))
    assert isinstance(scene.answer(), Plan)
    scene.rate("0.0032", 0.5 * HOUR)
    assert isinstance(scene.answer(), str)
    scene.rate("-0.0032", 0.5 * HOUR)
    assert isinstance(scene.answer(), Plan)


def test_without_a_rate_or_with_an_old_one_nothing_is_entered(scene: Scene) -> None:
    scene.show(spot=(99, 100), perp=(101, 102))
    scene.floor.pass_time(6 * HOUR)
    assert scene.answer() == "funding of b-usdm:ABC/USDT is old: it was paid 3600 s ago"
    scene.funding.clear()
    assert scene.answer() == "funding of b-usdm:ABC/USDT is not known"


def test_a_rate_without_a_time_or_an_interval_is_counted_by_time(scene: Scene) -> None:
    scene.show(spot=(99, 100), perp=("100.25", 102))
    scene.rate("-0.0008", 0, None)  # a basis point an hour
    assert isinstance(scene.answer(), str)
    scene.rate("0.0008", 0, None)
    assert isinstance(scene.answer(), Plan)


def test_so_many_are_held_at_once_and_no_more() -> None:
    scene = Scene(positions_max=1)
    scene.hold()
    scene.show(spot=(99, 100), perp=(101, 102))
    assert scene.answer() == "1 deals are held; strategy.carry.positions_max is 1"


def test_nothing_is_entered_against_what_is_held(scene: Scene) -> None:
    number = scene.hold()
    scene.show(spot=(101, 102), perp=(99, 100))
    assert scene.answer() == f"deal {number} holds a-spot:ABCUSDT the other way; its exit comes first"


def test_margin_shrinks_both_legs() -> None:
    scene = Scene()
    floor = scene.floor
    held = floor.ledger.total("b-usdm", "USDT")
    floor.ledger.apply(TransferTold(wall_ns=0, account="b-usdm", asset="USDT", amount=60 - held, why="out"))
    scene.show(spot=(99, 100), perp=(101, 102))
    first = scene.entry()
    assert first.legs[1].quantity == 23  # a quarter of 2.3 coins of 101 and a fee are below 60
    floor.traded(first, state=DealState.HOLDING)
    assert "of margin free at b-usdm; b-usdm:ABC/USDT takes no fewer than 1" in str(scene.answer())


# ---------------------------------------------------------------------- leaving


def test_a_deal_is_left_when_closing_pays(scene: Scene) -> None:
    number = scene.hold()
    opened = scene.floor.ledger.deals[number].opened
    assert scene.leave() == []
    assert scene.carry.waits[number].startswith("closing now leaves -")
    scene.show(spot=("100.60", "100.70"), perp=("100.50", "100.60"))
    [plan] = scene.leave()
    assert (plan.deal, plan.strategy, plan.group, plan.holds) == (number, "carry", "ABC/USDT", False)
    assert [leg.side for leg in plan.legs] == [Side.SELL, Side.BUY]
    assert [leg.purpose for leg in plan.legs] == [Purpose.EXIT, Purpose.EXIT]
    assert [leg.reduce_only for leg in plan.legs] == [False, True]
    assert [listing_key(leg.listing) for leg in plan.legs] == [leg.listing for leg in opened.legs]
    for leg in plan.legs:
        require_legal(order_of(leg))


def test_what_leaving_brings_is_exact() -> None:
    scene = Scene(fee="0.0004", exit_net_bps=2.0)
    number = scene.hold()
    deal = scene.floor.ledger.deals[number]
    scene.show(spot=("100.60", "100.62"), perp=("100.58", "100.60"))
    [plan] = scene.leave()
    before = sum((amount for (_, asset), amount in deal.flows().items() if asset == "USDT"), D(0))
    scene.floor.traded(plan)
    after = sum((amount for (_, asset), amount in deal.flows().items() if asset == "USDT"), D(0))
    assert deal.positions() == {}
    dust = deal.exposure().get("ABC", D(0))
    assert abs(dust) <= D("0.0005")
    assert after - before < 1
    assert plan.expected.net == after + dust * D("100.61")
    assert plan.expected == Expected(
        gross=plan.expected.net + plan.expected.fees,
        fees=plan.expected.fees,
        net=plan.expected.net,
        net_bps=pytest.approx(float(plan.expected.net / deal.orders[0].booked_quote * 10_000)),
    )


@pytest.mark.parametrize(("close_at", "left"), [("100.78", False), ("100.77", True)])
def test_the_whole_deal_has_to_bring_what_is_wanted(close_at: str, left: bool) -> None:
    scene = Scene(fee="0.0005", exit_net_bps=2.0)
    scene.hold()  # 101 - 100, less four fees of 0.05; 0.02 are wanted
    scene.show(spot=("100", "100.02"), perp=("100.60", close_at))
    assert bool(scene.leave()) is left


def test_funding_received_counts() -> None:
    scene = Scene()
    number = scene.hold()
    scene.show(spot=(100, "100.01"), perp=("100.99", 101))
    assert scene.leave() == []
    for amount, left in (("0.1", False), ("0.2", True)):
        scene.floor.ledger.apply(
            FundingPaid(
                wall_ns=0, account="b-usdm", listing=listing_key(scene.perp.info), asset="USDT", amount=D(amount),
                deal=number,
            )
        )  # fmt: skip
        assert bool(scene.leave()) is left


def test_a_deal_is_left_after_its_time_at_any_sane_price(scene: Scene) -> None:
    scene.hold()
    scene.show(spot=(90, 100), perp=(101, 110))
    assert scene.leave() == []
    [plan] = scene.leave(28_800)
    assert plan.expected.net < 0
    sell, buy = plan.legs
    assert sell.price == D("89.77")  # a quarter of risk.hedge_cost_bps_max beyond the book
    assert buy.price == D("110.28")


def test_a_venue_that_is_to_be_flat_is_left(scene: Scene) -> None:
    number = scene.hold()
    scene.floor.switches.health["a-spot"] = (VenueHealth.REDUCE_ONLY, "6 errors in 30 s")
    assert scene.leave() == []
    scene.floor.switches.health["a-spot"] = (VenueHealth.FLAT, "reduce-only for 120 s")
    assert len(scene.leave()) == 1
    assert scene.carry.waits[number] == "a-spot is to be flat: reduce-only for 120 s"


def test_leaving_is_tried_again_ever_more_rarely(scene: Scene) -> None:
    number = scene.hold()
    scene.floor.switches.health["b-usdm"] = (VenueHealth.FLAT, "ill")
    waits = []
    for _ in range(5):
        seconds = 0.0
        while not scene.leave(0.05):
            seconds += 0.05
        waits.append(round(seconds, 1))
    assert waits == pytest.approx([0.0, 0.2, 0.4, 0.9, 1.9], abs=0.11)
    del scene.floor.ledger.deals[number]
    scene.leave()
    assert scene.carry.waits == {}


def test_a_book_that_is_not_live_closes_nothing(scene: Scene) -> None:
    number = scene.hold()
    scene.show(spot=("100.60", "100.70"), perp=("100.50", "100.60"))
    scene.floor.market.hub.set_halted(scene.perp.number, True, scene.floor.clock.now_ns)
    assert scene.leave() == []
    assert scene.carry.waits[number] == "b-usdm:ABC/USDT is not live"
    assert scene.carry.close(number, scene.floor.ledger.deals[number], "flatten", 1) is None


def test_what_is_held_nets_nothing(scene: Scene) -> None:
    scene.floor.ledger.carried["ABC"] = D("0.3")
    scene.show(spot=(99, 100), perp=(101, 102), deep=1)
    plan = scene.entry()
    assert plan.nets == 0
    assert [leg.base_quantity for leg in plan.legs] == [1, 1]


def test_an_exit_that_is_out_is_waited_for(scene: Scene) -> None:
    scene.hold()
    scene.show(spot=("100.60", "100.70"), perp=("100.50", "100.60"))
    [plan] = scene.leave()
    number = scene.floor.open(plan)
    assert scene.leave(60) == []
    orders = scene.floor.ledger.deals[number].orders[-2:]
    for order, leg in zip(orders, plan.legs, strict=True):
        scene.floor.fill(order.intent.client_order_id, leg)
    assert scene.leave(60) == []
    assert scene.floor.ledger.deals[number].positions() == {}


def test_a_partial_exit_goes_on_with_the_rest(scene: Scene) -> None:
    number = scene.hold()
    scene.show(spot=("100.60", "100.70"), perp=("100.50", "100.60"))
    [plan] = scene.leave()
    scene.floor.open(plan)
    spot, perp = scene.floor.ledger.deals[number].orders[-2:]
    scene.floor.fill(spot.intent.client_order_id, plan.legs[0], "0.4")
    scene.floor.fill(perp.intent.client_order_id, plan.legs[1], 4)
    [rest] = scene.leave(60)
    assert [leg.quantity for leg in rest.legs] == [D("0.599"), 6]


def test_a_thin_book_closes_the_same_part_of_both(scene: Scene) -> None:
    scene.hold()
    scene.floor.show(scene.spot, [("100.60", "0.32")], [("100.70", 1)])
    scene.floor.show(scene.perp, [("100.50", 10)], [("100.60", 50)])
    [plan] = scene.leave()
    assert [leg.base_quantity for leg in plan.legs] == [D("0.32"), D("0.3")]


def test_coins_that_went_away_are_not_sold(scene: Scene) -> None:
    number = scene.hold()
    held = scene.floor.ledger.total("a-spot", "ABC")
    scene.floor.ledger.apply(TransferTold(wall_ns=0, account="a-spot", asset="ABC", amount=-held, why="taken"))
    scene.show(spot=("100.60", "100.70"), perp=("100.50", "100.60"))
    assert scene.leave() == []
    assert scene.carry.waits[number] == "0 ABC free at a-spot"


def test_a_position_that_another_closed_is_not_opened_again(scene: Scene) -> None:
    number = scene.hold()
    scene.floor.ledger.apply(
        FillTold(
            wall_ns=0, listing=listing_key(scene.perp.info), venue_fill_id="x", client_order_id="", venue_order_id="x",
            side=Side.BUY, price=D(100), quantity=D(10), fees=(), is_maker=False, venue_ns=0,
        )
    )  # fmt: skip
    scene.show(spot=("100.60", "100.70"), perp=("100.50", "100.60"))
    plan = scene.carry.close(number, scene.floor.ledger.deals[number], "flatten", 1)
    assert plan is not None
    assert [listing_key(leg.listing) for leg in plan.legs] == ["a-spot:ABCUSDT"]


def test_deals_that_hold_the_opposite_at_one_account_are_both_closed(scene: Scene) -> None:
    """The account has nothing then: who closes first opens what the other one closes."""
    scene.show(spot=(101, 102), perp=(99, 100), deep=1)
    opposite = scene.entry()
    first = scene.hold()
    second = scene.floor.traded(opposite, state=DealState.HOLDING)
    scene.show(spot=("100.60", "100.70"), perp=("100.50", "100.60"))
    deals, key = scene.floor.ledger.deals, listing_key(scene.perp.info)
    assert scene.floor.ledger.position(key) == 0
    for number, reduces in ((first, False), (second, True)):
        plan = scene.carry.close(number, deals[number], "flatten", 1)
        assert plan is not None
        perpetual = next(leg for leg in plan.legs if listing_key(leg.listing) == key)
        assert (perpetual.quantity, perpetual.reduce_only) == (10, reduces)
        scene.floor.traded(plan)
        assert deals[number].positions() == {}
    assert scene.floor.ledger.position(key) == 0


def test_a_short_of_spot_is_bought_back_with_its_fee() -> None:
    scene = Scene()
    scene.show(spot=(101, 102), perp=(99, 100), deep=1)
    number = scene.floor.traded(scene.entry(), state=DealState.HOLDING)
    scene.show(spot=("99.90", 100), perp=("100.50", "100.60"))
    [plan] = scene.leave()
    buy = next(leg for leg in plan.legs if leg.side is Side.BUY)
    sold = -scene.floor.ledger.deals[number].orders[1].booked
    assert buy.account == "a-spot"
    assert abs(buy.quantity * D("0.9995") + sold) <= D("0.0005")


def test_a_perpetual_that_hedged_a_spot_deal_is_closed_with_its_coins() -> None:
    settings = TradeSettings(
        risk=RiskLimits(order_notional_max=D(1_000), unhedged_notional_max=D(1_000)),
        strategies=Strategies(cross=CrossSettings(slack_share=0.0)),
    )
    floor = Floor(settings)
    one, other = (floor.list(market, "ABC/USDT", tick="0.01", lot="0.001", fee="0") for market in ("a-spot", "b-spot"))
    perp = floor.list("c-usdm", "ABC/USDT", tick="0.01", lot="0.1", fee="0")
    floor.fund_all()
    floor.show(one, [(99, 1)], [(100, 1)])
    floor.show(other, [(101, 1)], [(102, 1)])
    strategies, _ = make_strategies(floor.desk)
    plan = strategies[0].on_opportunity(floor.standing(), 1)
    assert isinstance(plan, Plan)
    number = floor.open(plan)
    bought, sold = floor.ledger.deals[number].orders
    floor.fill(bought.intent.client_order_id, plan.legs[0])
    floor.fill(sold.intent.client_order_id, plan.legs[1], "0.4")
    hedge = PlanLeg(
        account="c-usdm", listing=perp.info, side=Side.SELL, price_ticks=10_050, lots=6, value=D(0), fee=D(0),
        purpose=Purpose.HEDGE,
    )  # fmt: skip
    floor.traded(plan_of(hedge, number), state=DealState.HOLDING)
    assert floor.ledger.deals[number].residual() == {}
    floor.show(perp, [(100, 1)], [("100.10", 1)])
    plan = strategies[0].close(number, floor.ledger.deals[number], "flatten", 2)
    assert plan is not None
    told = [(listing_key(leg.listing), leg.side, leg.quantity, leg.reduce_only) for leg in plan.legs]
    assert told == [
        ("a-spot:ABCUSDT", Side.SELL, D("0.6"), False),  # what was moved from one venue to the other stays moved
        ("c-usdm:ABCUSDT", Side.BUY, D("0.6"), True),
    ]


def plan_of(leg: PlanLeg, deal: int) -> Plan:
    nothing = Expected(gross=D(0), fees=D(0), net=D(0), net_bps=0.0)
    return Plan(strategy="cross", group="ABC/USDT", home=_usdt(), legs=(leg,), expected=nothing, made_ns=1, deal=deal)


def _usdt() -> Any:
    return "USDT"


def test_two_perpetuals_of_one_account_share_its_margin() -> None:
    carry = CarrySettings(enabled=True, slack_share=0.0)
    risk = RiskLimits(order_notional_max=D(1_000), unhedged_notional_max=D(1_000))
    floor = Floor(TradeSettings(risk=risk, strategies=Strategies(carry=carry)))
    books = [
        floor.list("b-usdm", "ABC/USDT", tick="0.01", lot="0.1", fee="0", venue_symbol=name) for name in ("ABC", "ABC2")
    ]
    floor.fund("b-usdm", "USDT", 50)
    floor.show(books[0], [(99, 10)], [(100, 10)])
    floor.show(books[1], [(101, 10)], [(102, 10)])
    rate = FundingRate(books[0].info.symbol, D(0), 0)
    strategies, _ = make_strategies(floor.desk, {listing_key(book.info): rate for book in books})
    plan = strategies[-1].on_opportunity(floor.standing(), 1)
    assert isinstance(plan, Plan)
    assert [leg.quantity for leg in plan.legs] == [D("0.9"), D("0.9")]  # a quarter of 0.9 of both is below 50
