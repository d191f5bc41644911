"""Quotes: at the price that the hedge pays for, never crossing, moved within limits, and gone when the hedge is."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.trade.floor import Floor, order_of

from oneprice.exchange.legal import require_legal
from oneprice.ledger.records import TransferTold
from oneprice.model import OrderType, Side, TimeInForce
from oneprice.model.deals import Plan, PlanLeg, Purpose
from oneprice.trade.desk import listing_key
from oneprice.trade.settings import MakerSettings, RiskLimits, Strategies, TradeSettings
from oneprice.trade.strategies import Pull, Quote, make_strategies
from oneprice.trade.strategies.maker import Maker
from oneprice.trade.switches import VenueHealth

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


class Scene:
    """ABC is quoted at `a` (no maker's fee) and hedged at `b` and `c` (10 bps as a taker)."""

    def __init__(self, *, hedges: tuple[str, ...] = ("b-spot",), notional: Any = 50, **chosen: Any) -> None:
        rules = {name: chosen.pop(name) for name in ("lot", "tick", "min_notional") if name in chosen}
        hedge_rules = chosen.pop("hedge_rules", {})
        limits = chosen.pop("risk", {})
        maker = MakerSettings(
            **{
                "enabled": True, "post": ("a-spot",), "hedge": hedges, "symbols": ("ABC/USDT",),
                "order_notional": D(notional), "min_net_bps": 5.0, "requote_bps": 1.0, **chosen,
            }
        )  # fmt: skip
        risk = RiskLimits(**{"order_notional_max": D(10_000), "unhedged_notional_max": D(10_000), **limits})
        self.floor = Floor(TradeSettings(risk=risk, strategies=Strategies(maker=maker)))
        self.post = self.floor.list("a-spot", "ABC/USDT", **{"tick": "0.01", "lot": "0.01", "maker_fee": "0", **rules})
        plain = {"tick": "0.01", "lot": "0.01", "fee": "0.001"}
        self.hedges = [self.floor.list(name, "ABC/USDT", **{**plain, **hedge_rules}) for name in hedges]
        self.floor.fund_all()
        [found] = make_strategies(self.floor.desk)[1]
        assert isinstance(found, Maker)
        self.maker = found
        self.show_post()
        for book in self.hedges:
            self.floor.show(book, [("99.95", 100)], [("100.05", 100)])

    def show_post(self, bid: Any = 99, ask: Any = 101) -> None:
        self.floor.show(self.post, [(bid, 50)], [(ask, 50)])

    def show_hedge(self, bids: Any, asks: Any, which: int = 0) -> None:
        self.floor.show(self.hedges[which], bids, asks)

    def tick(self, seconds: float = 0.0) -> list[Quote | Pull]:
        return self.maker.on_tick(self.floor.pass_time(seconds))

    def quotes(self, seconds: float = 0.0) -> dict[Side, PlanLeg]:
        """What is wished for now, by side. Nothing is to be pulled."""
        found = {}
        for wish in self.tick(seconds):
            assert isinstance(wish, Quote), wish
            [leg] = wish.plan.legs
            found[leg.side] = leg
        return found

    def pulls(self, seconds: float = 0.0) -> dict[str, str]:
        return {wish.client_order_id: wish.reason for wish in self.tick(seconds) if isinstance(wish, Pull)}

    def rest(self) -> dict[Side, str]:
        """Post both quotes; gives their orders."""
        orders = {}
        for wish in self.tick():
            assert isinstance(wish, Quote), wish
            number = self.floor.open(wish.plan)
            [order] = self.floor.ledger.deals[number].orders
            orders[wish.plan.legs[0].side] = order.intent.client_order_id
            self.floor.fill(order.intent.client_order_id, wish.plan.legs[0], 0, over=False)
        return orders

    def why(self, side: Side) -> str:
        return self.maker.waits[listing_key(self.post.info), int(side)]


# ---------------------------------------------------------------------- the right price


def test_both_sides_are_quoted_at_what_the_hedge_pays_for() -> None:
    scene = Scene()
    legs = scene.quotes()
    # 99.95 less 10 bps, over 1.0005; 100.05 and 10 bps, over 0.9995. To the safe tick.
    assert legs[BUY].price == D("99.80")
    assert legs[SELL].price == D("100.21")
    for leg in legs.values():
        require_legal(order_of(leg))
        assert leg.account == "a-spot"
        assert leg.type is OrderType.LIMIT_MAKER
        assert leg.time_in_force is TimeInForce.GTC
        assert leg.purpose is Purpose.MAKER
        assert leg.fee == 0
        assert leg.quantity == D("0.49")  # of 50 at a price that may be a percent higher


def test_a_quotes_plan_says_what_a_fill_would_leave() -> None:
    scene = Scene()
    plans = {wish.plan.legs[0].side: wish.plan for wish in scene.tick() if isinstance(wish, Quote)}
    plan = plans[BUY]
    assert (plan.strategy, plan.group, plan.home, plan.deal, plan.holds) == ("maker", "ABC/USDT", "USDT", 0, False)
    expected, size = plan.expected, D("0.49")
    assert expected.gross == size * (D("99.95") - D("99.80"))
    assert expected.fees == size * D("99.95") * D("0.001")
    assert expected.net == expected.gross - expected.fees
    assert expected.net_bps >= 5


def test_the_price_is_of_the_whole_depth_that_a_hedge_needs() -> None:
    scene = Scene(notional=1_000)
    scene.show_hedge([("99.95", 4), ("99.55", 100)], [("100.05", 100)])
    size = scene.quotes()[BUY].quantity
    worth = 4 * D("99.95") + (size - 4) * D("99.55")
    price = worth * D("0.999") / (size * D("1.0005"))
    assert scene.maker.waits == {}
    scene = Scene(notional=1_000)
    scene.show_hedge([("99.95", 4), ("99.55", 100)], [("100.05", 100)])
    assert 0 <= price - scene.quotes()[BUY].price < D("0.01")


def test_the_best_of_the_hedges_counts() -> None:
    scene = Scene(hedges=("b-spot", "c-spot"))
    scene.show_hedge([("99.99", 100)], [("100.20", 100)], which=1)
    legs = scene.quotes()
    assert legs[BUY].price == D("99.84")
    assert legs[SELL].price == D("100.21")


def test_the_makers_fee_counts_and_so_does_a_rebate() -> None:
    prices = []
    for fee in ("0.001", "-0.0002"):
        scene = Scene()
        scene.floor.desk.maker_fees[listing_key(scene.post.info)] = D(fee)
        prices.append(scene.quotes()[BUY].price)
    assert prices == [D("99.70"), D("99.82")]


def test_a_quote_never_crosses_the_book_that_it_rests_in() -> None:
    scene = Scene()
    scene.show_post(bid="99.60", ask="99.75")
    assert scene.quotes()[BUY].price == D("99.74")
    scene = Scene()
    scene.show_post(bid="100.30", ask="100.40")
    assert scene.quotes()[SELL].price == D("100.31")


def test_a_quote_that_is_too_good_is_taken_for_an_error() -> None:
    scene = Scene(risk={"too_good_bps": 50.0})
    scene.show_post(bid=98, ask="99.20")
    assert BUY not in scene.quotes()
    assert scene.why(BUY) == "+66.5 bps; above risk.too_good_bps 50 is an error"


def test_a_quote_leaves_what_is_wanted_in_a_perpetual_hedge_too() -> None:
    scene = Scene(hedges=("b-usdm",), hedge_rules={"lot": "1", "contract_size": "0.1"})
    scene.show_hedge([("99.95", 1_000)], [("100.05", 1_000)])
    legs = scene.quotes()
    assert legs[BUY].price == D("99.80")
    assert legs[BUY].quantity == D("0.4")


# ---------------------------------------------------------------------- how much


def test_a_quote_is_no_larger_than_its_hedge_can_be() -> None:
    scene = Scene()
    ledger = scene.floor.ledger
    for asset, left in (("ABC", "0.2"), ("USDT", 30)):
        held = ledger.total("b-spot", asset)
        ledger.apply(TransferTold(wall_ns=0, account="b-spot", asset=asset, amount=D(left) - held, why="out"))
    legs = scene.quotes()
    assert legs[BUY].quantity == D("0.2")
    assert legs[SELL].quantity == D("0.29")


def test_two_quotes_do_not_count_on_the_same_coins() -> None:
    scene = Scene()
    other = scene.floor.list("a2-spot", "ABC/USDT", tick="0.01", lot="0.01", maker_fee="0")
    chosen = scene.floor.desk.settings.strategies.maker
    maker = MakerSettings(
        **{**{f: getattr(chosen, f) for f in chosen.__struct_fields__}, "post": ("a-spot", "a2-spot")}
    )
    object.__setattr__(scene.floor.desk, "settings", TradeSettings(
        risk=scene.floor.desk.settings.risk, strategies=Strategies(maker=maker)
    ))  # fmt: skip
    scene.floor.fund("a2-spot", "USDT", 1_000)
    scene.floor.show(other, [(99, 50)], [(101, 50)])
    ledger = scene.floor.ledger
    held = ledger.total("b-spot", "ABC")
    ledger.apply(TransferTold(wall_ns=0, account="b-spot", asset="ABC", amount=D("0.6") - held, why="out"))
    [found] = make_strategies(scene.floor.desk)[1]
    buys = [wish.plan.legs[0] for wish in found.on_tick(scene.floor.clock.now_ns) if isinstance(wish, Quote)]
    assert sum(leg.quantity for leg in buys if leg.side is BUY) <= D("0.6")


def test_a_hedge_below_its_smallest_order_is_not_counted_on() -> None:
    scene = Scene(notional=10, hedge_rules={"min_notional": "20"})
    assert scene.quotes() == {}
    assert scene.why(BUY) == "b-spot:ABC/USDT: 8.9955 USDT are below its smallest order"


# ---------------------------------------------------------------------- when it may stand


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        ("halted", "b-spot:ABC/USDT is not live"),
        ("old", "b-spot:ABC/USDT last changed 300 ms ago; 250 are allowed"),
        ("health", "b-spot is reduce_only: 6 errors"),
        ("stream", "b-spot: private stream is down"),
        ("ban", "b-spot wants silence"),
        ("balance", "0 "),
        ("depth", "b-spot:ABC/USDT: "),
        ("post", "a-spot:ABC/USDT is not live"),
        ("kill", "kill: file"),
        ("halt", "a deal is halted"),
        ("disarmed", "not armed"),
    ],
)
def test_a_quote_is_pulled_when_it_cannot_be_hedged(ill: str, words: str) -> None:
    scene = Scene()
    floor, hub = scene.floor, scene.floor.market.hub
    orders = scene.rest()
    assert set(orders) == {BUY, SELL}
    assert scene.tick() == []
    seconds = 0.0
    if ill == "halted":
        hub.set_halted(scene.hedges[0].number, True, floor.clock.now_ns)
    elif ill == "old":
        seconds = 0.3
    elif ill == "health":
        floor.switches.health["b-spot"] = (VenueHealth.REDUCE_ONLY, "6 errors")
    elif ill == "stream":
        floor.accounts["b-spot"].stream_complete, floor.accounts["b-spot"].reason = False, "is down"
    elif ill == "ban":
        floor.accounts["b-spot"].banned_ns = 10**9
    elif ill == "balance":
        for asset in ("ABC", "USDT"):
            gone = -floor.ledger.total("b-spot", asset)
            floor.ledger.apply(TransferTold(wall_ns=0, account="b-spot", asset=asset, amount=gone, why="out"))
    elif ill == "depth":
        scene.show_hedge([("99.95", "0.1")], [("100.05", "0.1")])
    elif ill == "post":
        hub.set_halted(scene.post.number, True, floor.clock.now_ns)
    elif ill == "kill":
        floor.switches.kill = "file"
    elif ill == "halt":
        floor.switches.halt = "a deal is halted"
    elif ill == "disarmed":
        floor.switches.armed = False
    pulled = scene.pulls(seconds)
    assert set(pulled) == set(orders.values())
    assert all(reason.startswith(words) for reason in pulled.values()), pulled
    assert set(scene.pulls()) == set(orders.values())  # again, until they are gone


def test_nothing_new_is_posted_in_the_place_of_one_that_is_being_pulled() -> None:
    scene = Scene()
    orders = scene.rest()
    scene.floor.switches.armed = False
    assert len(scene.tick()) == 2
    scene.floor.switches.armed = True
    assert scene.tick() == []  # they stand still, and their price is right
    for side, name in orders.items():
        order = scene.floor.ledger.orders[name]
        leg = PlanLeg(
            account="a-spot", listing=scene.post.info, side=side, price_ticks=1, lots=int(order.intent.quantity * 100),
            value=D(0), fee=D(0),
        )  # fmt: skip
        scene.floor.fill(name, leg, 0)
    assert scene.tick() == []  # their deals are not settled


# ---------------------------------------------------------------------- moving


def test_a_quote_moves_when_its_right_price_has_and_not_for_less() -> None:
    scene = Scene(rest_ms_min=0, requote_bps=1.5)
    orders = scene.rest()
    scene.show_hedge([("99.96", 100)], [("100.05", 100)])
    assert scene.tick() == []  # one tick is a basis point
    scene.show_hedge([("99.98", 100)], [("100.05", 100)])
    assert scene.pulls() == {orders[BUY]: "its right price is 99.83 now"}


def test_a_quote_stands_for_its_time_unless_it_would_lose() -> None:
    scene = Scene(rest_ms_min=250, risk={"book_age_ms_max": 10_000})
    orders = scene.rest()
    scene.show_hedge([("99.92", 100)], [("100.05", 100)])  # less than is wanted, but no loss
    assert scene.pulls(0.1) == {}
    assert scene.pulls(0.2) == {orders[BUY]: "its right price is 99.77 now"}
    scene = Scene(rest_ms_min=250)
    orders = scene.rest()
    scene.show_hedge([("99.85", 100)], [("100.05", 100)])
    assert scene.pulls() == {orders[BUY]: "it would lose 4.99 bps"}


def test_quotes_are_moved_so_often_a_minute_and_no_more() -> None:
    scene = Scene(requotes_per_minute_max=4, risk={"book_age_ms_max": 10**9})
    assert len(scene.tick()) == 2
    assert len(scene.tick()) == 2
    assert scene.tick() == []
    assert scene.why(BUY) == "4 quotes a minute"
    assert len(scene.tick(15)) == 1
    assert len(scene.tick(15)) == 1


def test_without_a_token_a_quote_is_only_pulled_when_it_would_lose() -> None:
    scene = Scene(requotes_per_minute_max=2, rest_ms_min=0)
    orders = scene.rest()
    scene.show_hedge([("99.90", 100)], [("100.05", 100)])
    assert scene.tick() == []
    scene.show_hedge([("99.80", 100)], [("100.05", 100)])
    assert set(scene.pulls()) == {orders[BUY]}


def test_a_refused_quote_waits_and_costs_no_token() -> None:
    scene = Scene(requotes_per_minute_max=2, risk={"book_age_ms_max": 10**9})
    for wish in scene.tick():
        assert isinstance(wish, Quote)
        scene.maker.refused(wish, "a gate said no", scene.floor.clock.now_ns)
    assert scene.why(SELL) == "a gate said no"
    assert scene.tick(0.5) == []
    assert len(scene.tick(0.6)) == 2


def test_a_quote_that_is_partly_filled_counts_on_what_is_left() -> None:
    scene = Scene()
    orders = scene.rest()
    floor = scene.floor
    leg = PlanLeg(
        account="a-spot", listing=scene.post.info, side=BUY, price_ticks=9980, lots=49, value=D(0), fee=D(0),
    )  # fmt: skip
    floor.fill(orders[BUY], leg, "0.4", over=False)
    held = floor.ledger.total("b-spot", "ABC")
    floor.ledger.apply(TransferTold(wall_ns=0, account="b-spot", asset="ABC", amount=D("0.1") - held, why="out"))
    assert scene.tick() == []
    floor.ledger.apply(TransferTold(wall_ns=0, account="b-spot", asset="ABC", amount=D("-0.05"), why="out"))
    assert scene.pulls() == {orders[BUY]: "0.05 ABC free at b-spot; its hedge needs 0.09"}


def test_an_order_where_nothing_is_quoted_any_more_is_pulled() -> None:
    scene = Scene()
    orders = scene.rest()
    scene.floor.market.books.register_again(scene.post, scene.floor.clock.now_ns)
    scene.floor.accounts.pop("a-spot")
    assert set(scene.pulls()) == set(orders.values())


# ---------------------------------------------------------------------- whatever the figures


@settings(max_examples=100)
@given(
    post=st.tuples(st.sampled_from(("0.01", "0.05", "1")), st.sampled_from(("0.001", "0.01", "0.1"))),
    hedge=st.tuples(st.sampled_from(("0.01", "0.05")), st.sampled_from(("0.0001", "0.01", "0.25"))),
    fees=st.tuples(st.sampled_from(("0", "0.001", "-0.0002")), st.sampled_from(("0", "0.0005", "0.001"))),
    bids=st.lists(st.tuples(st.integers(9_000, 10_100), st.integers(1, 4_000)), min_size=1, max_size=3),
    spread=st.integers(1, 300),
    top=st.integers(9_500, 10_500),
    notional=st.sampled_from((8, 50, 900)),
    least=st.sampled_from((0.0, 3.0, 25.0)),
)
def test_a_filled_quote_leaves_what_is_wanted(
    post: tuple[str, str],
    hedge: tuple[str, str],
    fees: tuple[str, str],
    bids: list[tuple[int, int]],
    spread: int,
    top: int,
    notional: int,
    least: float,
) -> None:
    scene = Scene(
        tick=post[0], lot=post[1], min_notional="5", hedge_rules={"tick": hedge[0], "lot": hedge[1], "fee": fees[1]},
        notional=notional, min_net_bps=least, risk={"too_good_bps": 10_000.0},
    )  # fmt: skip
    scene.floor.desk.maker_fees[listing_key(scene.post.info)] = D(fees[0])
    tick, lot = D(hedge[0]), D(hedge[1])
    there = dict(sorted(((price * D("0.01") // tick * tick, size * D("0.1") // lot * lot) for price, size in bids)))
    levels = sorted(((price, size) for price, size in there.items() if size), reverse=True)
    asks = [(max(there) + spread * tick, D(50))]
    if not levels:
        return
    scene.show_hedge(levels, asks)
    step = D(post[0])
    bid = top * D("0.01") // step * step
    scene.show_post(bid=bid, ask=bid + step)
    for wish in scene.tick():
        assert isinstance(wish, Quote)
        event("a quote")
        check(wish.plan, levels, asks, bid, step, Fraction(fees[1]), Fraction(str(least)), notional, lot)


def check(
    plan: Plan, bids: Any, asks: Any, bid: D, step: D, fee: Fraction, least: Fraction, notional: int, hedge_lot: D
) -> None:
    [leg] = plan.legs
    require_legal(order_of(leg))
    assert leg.worst_notional <= notional
    assert leg.price <= bid if leg.side is BUY else leg.price >= bid + step
    left, worth = leg.base_quantity, Fraction(0)
    for price, size in bids if leg.side is BUY else asks:
        worth += Fraction(price) * Fraction(min(left, size))
        left -= min(left, size)
    if left:  # what the hedge's coarser lots leave of it counts at the same price
        return
    own = Fraction(leg.worst_notional)
    net = int(leg.side) * (worth - own) - own * Fraction(leg.fee) - worth * fee
    # On one level the price of a part is the price of the whole; on several, coarser lots of the hedge blur it.
    fine = not leg.listing.lot_size % hedge_lot
    tolerance = Fraction(1, 10**9) if len(bids) == 1 else Fraction(1, 1_000 if fine else 100)
    assert net * 10_000 >= own * least - own * tolerance * 10_000
