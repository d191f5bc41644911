"""Whatever listings, books, fees, balances and limits are: a plan is legal, equal in base, affordable, within limits,
and loses nothing when all of it fills at its worst. Every figure is worked out a second time here, in fractions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.trade.floor import Floor, order_of

from oneprice.exchange.legal import require_legal
from oneprice.market.books import Book
from oneprice.model import FundingRate, MarketKind, Side
from oneprice.model.deals import Plan, PlanLeg
from oneprice.trade.settings import CarrySettings, CrossSettings, RiskLimits, Strategies, TradeSettings
from oneprice.trade.strategies import make_strategies

D = Decimal
TICKS = ("0.01", "0.05", "0.1", "1")
LOTS = ("0.00001", "0.001", "0.0025", "0.01", "0.1", "1")
FEES = ("0", "0.0001", "0.00055", "0.001", "0.0025", "-0.0001")


@dataclass
class Case:
    floor: Floor
    books: tuple[Book, Book]
    levels: dict[int, tuple[list[tuple[D, D]], list[tuple[D, D]]]]
    risk: RiskLimits
    carried: D


@st.composite
def ladders(draw: st.DrawFn, middle: int, tick: D, lot: D) -> tuple[list[tuple[D, D]], list[tuple[D, D]]]:
    """Bids and asks around a middle, in the book's own steps."""
    sides = []
    for sign in (-1, 1):
        price = D(middle)
        levels = []
        for gap, lots in draw(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 4_000)), min_size=1, max_size=4)):
            price += sign * gap * D("0.05")
            price -= price % tick
            quantity = lots * D("0.01")
            quantity -= quantity % lot
            if price > 0 and quantity > 0 and (not levels or (levels[-1][0] - price) * sign < 0):
                levels.append((price, quantity))
        sides.append(levels)
    return sides[0], sides[1]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sampled = st.sampled_from
    most = draw(sampled((50, 150, 1_000, 100_000)))
    risk = RiskLimits(
        order_notional_max=D(most),
        unhedged_notional_max=D(draw(sampled((most, 2 * most, 140)))),
        margin_share=draw(sampled((0.1, 0.25, 1.0))),
    )
    slack = draw(sampled((0.0, 0.3, 0.5, 1.0)))
    least = draw(sampled((0.0, 0.0, 4.0, 20.0)))
    chosen = Strategies(
        cross=CrossSettings(min_net_bps=least, slack_share=slack),
        carry=CarrySettings(enabled=True, min_net_bps=least, slack_share=slack),
    )
    floor = Floor(TradeSettings(risk=risk, strategies=chosen), cap=draw(sampled(("0", "0", str(most)))))
    books, levels = [], {}
    for venue, middle in (("a", 100), ("b", draw(st.integers(100, 106)))):
        kind = draw(sampled(("spot", "spot", "usdm")))
        tick, lot = D(draw(sampled(TICKS))), D(draw(sampled(LOTS)))
        contract = D(draw(sampled(("1", "0.01", "10")))) if kind == "usdm" else D(1)
        grid = None
        if draw(st.booleans()):
            grid = str(tick / draw(sampled((1, 5)))), str(lot / draw(sampled((1, 10))))
        book = floor.list(
            f"{venue}-{kind}",
            "ABC/USDT",
            tick=str(tick),
            lot=str(lot),
            fee=draw(sampled(("0", "0.001"))),
            grid=grid,
            contract_size=contract,
            min_quantity=draw(sampled(("0", "0", "0.015", "0.2"))),
            min_notional=draw(sampled(("0", "0", "5", "12.5"))),
            **({"max_quantity": "25"} if draw(st.booleans()) else {}),
        )
        floor.desk.taker_fees[f"{book.market}:ABCUSDT"] = D(draw(sampled(FEES)))
        levels[book.number] = draw(ladders(middle, book.tick_size, book.lot_size))
        books.append(book)
        money = sampled((10**6, 10**6, 10**6, "137.123456789012345678", "4.2"))
        for asset in ("USDT", "ABC"):
            floor.fund(book.market, asset, draw(money))
    for book in books:
        if all(levels[book.number]):
            floor.show(book, *levels[book.number])
    carried = D(draw(sampled(("0", "0", "0.00123", "-0.02", "5"))))
    if carried:
        floor.ledger.carried["ABC"] = carried
    return Case(floor, (books[0], books[1]), levels, risk, carried)


def answers(case: Case) -> list[Plan]:
    """The plans for all that stands. Everything else must be a reason."""
    wall_ns = case.floor.clock.wall_ns()
    funding = {
        f"{book.market}:{book.info.venue_symbol}": FundingRate(book.info.symbol, D("0.0001"), wall_ns + 10**13, 28_800)
        for book in case.books
    }
    strategies, _ = make_strategies(case.floor.desk, funding)
    plans = []
    for standing in case.floor.standings():
        told = [one for one in (each.on_opportunity(standing, 7) for each in strategies) if one is not None]
        assert len(told) == 1
        if isinstance(told[0], Plan):
            event(f"a plan of {told[0].strategy}")
            plans.append(told[0])
        else:
            event("a reason")
            assert 0 < len(told[0]) < 150
    return plans


def walk(case: Case, leg: PlanLeg) -> tuple[D, D]:
    """`(value, worst level)` of taking the leg's quantity from the book."""
    [book] = [one for one in case.books if one.info is leg.listing]
    value, left, worst = D(0), leg.quantity, D(0)
    for price, there in case.levels[book.number][1 if leg.side is Side.BUY else 0]:
        taken = min(left, there)
        value += taken * price * leg.listing.contract_size
        left -= taken
        worst = price
        if not left:
            return value, worst
    raise AssertionError("the book is not so deep")


def is_spot(leg: PlanLeg) -> bool:
    return leg.listing.market is MarketKind.SPOT


@settings(max_examples=250)
@given(case=cases())
def test_a_plan_can_be_sent_paid_for_and_not_lose(case: Case) -> None:
    for plan in answers(case):
        buy, sell = plan.legs
        assert (buy.side, sell.side) == (Side.BUY, Side.SELL)
        for leg in plan.legs:
            require_legal(order_of(leg))
            assert max(leg.worst_notional, leg.value) <= min(
                case.risk.order_notional_max, case.risk.unhedged_notional_max
            )
        affordable(case, plan)
        equal(case, plan)
        worth(case, plan)


def affordable(case: Case, plan: Plan) -> None:
    ledger = case.floor.ledger
    for leg in plan.legs:
        fee = max(leg.fee, D(0))
        if not is_spot(leg):
            free, need = ledger.total(leg.account, "USDT"), leg.worst_notional * D(str(case.risk.margin_share))
        elif leg.side is Side.BUY:
            free, need = ledger.total(leg.account, "USDT"), leg.worst_notional * (1 + fee)
        else:
            free, need = ledger.total(leg.account, "ABC"), leg.base_quantity
        assert need <= free


def equal(case: Case, plan: Plan) -> None:
    """In base: but for what is netted on purpose, and less than one lot of the coarser leg."""
    buy, sell = plan.legs
    kept = Fraction(buy.base_quantity)
    if is_spot(buy):
        kept *= 1 - max(Fraction(buy.fee), Fraction(0))
    lots = [leg.listing.lot_size * leg.listing.contract_size * leg.listing.multiplier for leg in plan.legs]
    assert abs(kept - Fraction(sell.base_quantity) - Fraction(plan.nets)) < Fraction(max(lots))
    if plan.nets:
        event("netted")
        assert plan.nets * case.carried < 0  # it takes away from what is carried, and never more than that
        assert abs(plan.nets) <= abs(case.carried)
        assert abs(plan.nets) <= max(buy.base_quantity, sell.base_quantity)


def worth(case: Case, plan: Plan) -> None:
    buy, sell = plan.legs
    rounds = 2 if plan.holds else 1
    paid, ask = walk(case, buy)
    got, bid = walk(case, sell)
    assert (buy.value, sell.value) == (paid, got)
    more = Fraction(buy.base_quantity) - Fraction(sell.base_quantity)
    extra = more * Fraction(ask if more > 0 else bid)
    expected = plan.expected
    fees = rounds * (Fraction(paid) * Fraction(buy.fee) + Fraction(got) * Fraction(sell.fee))
    assert abs(Fraction(expected.gross) - (Fraction(got - paid) + extra)) < Fraction(1, 10**17)
    assert Fraction(expected.fees) == fees
    assert expected.net == expected.gross - expected.fees
    assert abs(expected.net_bps - float(Fraction(expected.net) / Fraction(paid) * 10_000)) < 1e-6
    # A payment of 1 bp every 8 hours, held for one, and none due: what it may bring does not count, what it costs does.
    pays = [leg for leg in plan.legs if plan.holds and not is_spot(leg) and leg.side is Side.BUY]
    funding = sum((Fraction(leg.value) / 80_000 for leg in pays), Fraction(0))
    least = Fraction(str(case.floor.desk.settings.strategies.cross.min_net_bps))
    assert (Fraction(expected.net) - funding) * 10_000 >= Fraction(paid) * least
    at_worst = Fraction(sell.worst_notional) - Fraction(buy.worst_notional) + extra
    at_worst -= rounds * (
        Fraction(buy.worst_notional) * Fraction(buy.fee) + Fraction(sell.worst_notional) * Fraction(sell.fee)
    )
    assert at_worst >= -Fraction(1, 10**12)


@settings(max_examples=40)
@given(case=cases())
def test_the_same_floor_gives_the_same_plans(case: Case) -> None:
    assert answers(case) == answers(case)
