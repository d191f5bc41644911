"""What survives the fees: opened, changed and closed at once, and why the others do not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.core.desk import Desk
from tests.core.dialects import BARE, WHOLE

from oneprice.core.states import BookState, Flag, Miss, Reason

PAIR, CYCLE = 0, 1
BUY, SELL = 1, -1


@pytest.fixture
def desk(hub_class: Any) -> Desk:
    """A at 99/101 and B at 98/100, in one group, without fees."""
    desk = Desk(hub_class)
    for symbol in ("A", "B"):
        desk.listing(symbol, group="x")
    desk.live("A", bids=[(99, 5)], asks=[(101, 5)])
    desk.live("B", bids=[(98, 5)], asks=[(100, 4)])
    return desk


def keys(desk: Desk) -> list[tuple[int, ...]]:
    return [each[0] for each in desk.hub.opportunities()]


def nearest(desk: Desk) -> tuple[Miss, int]:
    near = desk.hub.near(1)[0]
    return Miss(near[3]), near[4]


def test_a_spread_between_two_listings_opens_an_opportunity(desk: Desk) -> None:
    assert keys(desk) == []
    assert desk.depth(11, 12, [(102, 3)], [(101, 0), (104, 1)], symbol="A") == Flag.TOP | Flag.OPPORTUNITY
    [(key, opened_ns, updated_ns, updates, sized, best)] = desk.hub.opportunities()
    assert key == (PAIR, 1, 0)
    assert (opened_ns, updated_ns, updates) == (desk.now_ns, desk.now_ns, 1)
    legs, gross_bps, net_bps, net_atto = sized
    assert legs == ((1, BUY, 100, 3, 300), (0, SELL, 102, 3, 306))
    assert gross_bps == net_bps == pytest.approx(200)
    assert net_atto == 6 * 10**18
    assert best == sized
    [(what, ns, told)] = desk.hub.events()
    assert (what, ns) == ("opened", desk.now_ns)
    assert told == desk.hub.opportunities()[0]


def test_an_opportunity_changes_and_keeps_its_best_moment(desk: Desk) -> None:
    opened_ns = desk.now_ns
    desk.depth(11, 12, [(102, 3)], [(101, 0), (104, 1)], symbol="A")
    desk.hub.events()
    desk.wait(0.5)
    assert desk.depth(12, 13, [(102, 1)], symbol="A") == Flag.TOP | Flag.OPPORTUNITY
    assert desk.depth(13, 14, [(103, 4)], symbol="A") == Flag.TOP | Flag.OPPORTUNITY
    assert desk.depth(14, 15, [(103, 2)], symbol="A") == Flag.TOP | Flag.OPPORTUNITY
    [(_, opened, updated, updates, sized, best)] = desk.hub.opportunities()
    assert (opened, updated, updates) == (opened_ns, desk.now_ns, 4)
    assert sized[3] == 8 * 10**18  # two at 103 and one at 102, for 100 each
    assert best[3] == 12 * 10**18
    assert desk.hub.events() == []


def test_an_opportunity_closes_when_the_spread_is_gone(desk: Desk) -> None:
    desk.depth(11, 12, [(102, 3)], [(101, 0), (104, 1)], symbol="A")
    desk.hub.events()
    desk.now_ns += 7
    assert desk.depth(11, 12, [], [(100, 0), (103, 1)], symbol="B") == Flag.TOP | Flag.OPPORTUNITY
    assert keys(desk) == []
    [(what, ns, (key, _, updated_ns, _, _, _))] = desk.hub.events()
    assert (what, ns, key, updated_ns) == ("closed", desk.now_ns, (PAIR, 1, 0), desk.now_ns)


@pytest.mark.parametrize("symbol", ["A", "B"])
@pytest.mark.parametrize("leave", ["gap", "malformed", "halt", "lose", "resync", "crossed", "down", "silent"])
def test_an_opportunity_closes_in_the_call_in_which_a_book_leaves_live(desk: Desk, symbol: str, leave: str) -> None:
    desk.depth(11, 12, [(102, 3)], [(101, 0), (104, 1)], symbol="A")
    desk.depth(11, 12, symbol="B")
    desk.hub.events()
    number = desk.symbols[symbol]
    act = {
        "gap": lambda: desk.depth(20, 21, symbol=symbol),
        "malformed": lambda: desk.depth(12, 13, [("x", 1)], symbol=symbol),
        "halt": lambda: desk.hub.set_halted(number, True, desk.now_ns),
        "lose": lambda: desk.hub.lose(number, Reason.REQUESTED, desk.now_ns),
        "resync": lambda: desk.hub.begin_sync(number, desk.now_ns),
        "crossed": lambda: desk.depth(12, 13, [(500, 1)], symbol=symbol),
        "down": lambda: desk.hub.stream_down(desk.stream, desk.now_ns),
        "silent": lambda: desk.wait(3),
    }[leave]
    assert Flag(act()) & Flag.OPPORTUNITY
    assert desk.state(symbol)[0] is not BookState.LIVE
    assert keys(desk) == []
    events = desk.hub.events()
    assert events[0][0] == "state"
    assert [event[0] for event in events].count("closed") == 1


def test_a_book_that_is_live_again_is_scanned_again(desk: Desk) -> None:
    desk.depth(11, 12, [(102, 3)], [(101, 0), (104, 1)], symbol="A")
    desk.hub.set_halted(0, True, desk.now_ns)
    assert Flag(desk.hub.set_halted(0, False, desk.now_ns)) == Flag.STATE | Flag.OPPORTUNITY
    assert keys(desk) == [(PAIR, 1, 0)]


def test_listings_of_other_groups_or_of_none_are_not_paired(hub_class: Any) -> None:
    desk = Desk(hub_class)
    for symbol, group in (("A", "x"), ("B", "y"), ("C", ""), ("D", "")):
        desk.listing(symbol, group=group)
    for place, symbol in enumerate("ABCD"):
        desk.live(symbol, bids=[(100 * place + 99, 5)], asks=[(100 * place + 101, 5)])
    assert keys(desk) == []
    assert desk.hub.near(9) == []


def test_fees_and_the_wanted_edge_must_be_survived(hub_class: Any) -> None:
    for edge, fee, opens in ((0.0, "0.001", True), (0.0, "0.011", False), (180.0, "0", True), (210.0, "0", False)):
        desk = Desk(hub_class, min_net_bps=edge)
        for symbol in ("A", "B"):
            desk.listing(symbol, group="x", taker_fee=Decimal(fee))
        desk.live("A", bids=[(102, 5)], asks=[(104, 5)])
        desk.live("B", bids=[(98, 5)], asks=[(100, 4)])
        assert (keys(desk) == [(PAIR, 1, 0)]) is opens
        if opens:
            assert desk.hub.opportunities()[0][4][2] > edge
        else:
            assert nearest(desk) == (Miss.FEES, 1)


def test_listings_of_different_lots_trade_what_both_can(hub_class: Any) -> None:
    desk = Desk(hub_class)
    desk.listing("A", group="x", lot="2", order_lot=Decimal(4))
    desk.listing("B", group="x", lot="3", base_per_unit=Decimal(2), quote_per_unit=Decimal(2))
    desk.live("A", bids=[(102, 60)], asks=[(104, 2)])
    desk.live("B", bids=[(98, 3)], asks=[(100, 30)])
    [(_, _, _, _, (legs, _, _, net_atto), _)] = desk.hub.opportunities()
    assert legs == ((1, BUY, 100, 10, 1_000), (0, SELL, 102, 30, 3_060))  # 60 coins: ten contracts of 6, 30 lots of 2
    assert net_atto == 60 * 2 * 10**18


def test_depth_is_taken_as_far_as_each_level_nets(desk: Desk) -> None:
    desk.depth(11, 12, [], [(101, 3), (102, 3), (103, 9)], symbol="B")
    desk.depth(11, 12, [(103, 2), (102, 5)], [(101, 0), (105, 1)], symbol="A")
    [(_, _, _, _, (legs, _, _, net_atto), _)] = desk.hub.opportunities()
    assert legs == ((1, BUY, 101, 7, 703), (0, SELL, 102, 7, 716))
    assert net_atto == 13 * 10**18


# ---------------------------------------------------------------------- near misses


def tell(hub_class: Any, **rules: Any) -> tuple[Miss, int]:
    """The nearest miss where only the buying listing's rules are in the way."""
    desk = Desk(hub_class)
    desk.listing("A", group="x")
    desk.listing("B", group="x", **rules)
    desk.live("A", bids=[(102, 5)], asks=[(104, 5)])
    desk.live("B", bids=[(98, 5)], asks=[(100, 4)])
    assert keys(desk) == []
    return nearest(desk)


def test_what_is_in_the_way_is_told_with_its_place(hub_class: Any, desk: Desk) -> None:
    assert nearest(desk) == (Miss.FEES, 1)
    assert tell(hub_class, order_lot=Decimal(5)) == (Miss.LOT, 1)
    assert tell(hub_class, min_quantity=Decimal(5)) == (Miss.MIN_QUANTITY, 1)
    assert tell(hub_class, min_notional=Decimal(401)) == (Miss.MIN_NOTIONAL, 1)
    assert tell(hub_class, max_notional=Decimal(99)) == (Miss.LOT, 1)
    desk.hub.set_halted(0, True, desk.now_ns)
    assert nearest(desk) == (Miss.NOT_LIVE, 0)


def test_the_nearest_miss_of_each_group_comes_first(hub_class: Any) -> None:
    desk = Desk(hub_class)
    for symbol, group in (("A", "x"), ("B", "x"), ("C", "y"), ("D", "y"), ("E", "y")):
        desk.listing(symbol, group=group)
    prices = {"A": (990, 1010), "B": (980, 1000), "C": (990, 1010), "D": (980, 995), "E": (900, 1100)}
    for symbol, (bid, ask) in prices.items():
        desk.live(symbol, bids=[(bid, 5)], asks=[(ask, 5)])
    near = desk.hub.near(9)
    assert [each[0] for each in near] == [(PAIR, 3, 2), (PAIR, 1, 0)]
    assert [each[2] for each in near] == pytest.approx([(990 / 995 - 1) * 1e4, -100])
    assert desk.hub.near(1) == near[:1]
    assert desk.hub.near(0) == []


# ---------------------------------------------------------------------- cycles


def circle(hub_class: Any, fee: str = "0") -> Desk:
    """X/Q at 10, Y/X at 2, Y/Q at 20: buy X, buy Y with it, sell Y."""
    desk = Desk(hub_class)
    for symbol in ("XQ", "YX", "YQ"):
        desk.listing(symbol, lot="0.001", taker_fee=Decimal(fee))
    desk.hub.add_cycle([(0, BUY), (1, BUY), (2, SELL)])
    desk.live("XQ", bids=[(9, 40)], asks=[(10, 40)])
    desk.live("YX", bids=[(1, 10)], asks=[(2, 10)])
    desk.live("YQ", bids=[(19, 10)], asks=[(21, 10)])
    return desk


def test_a_cycle_opens_when_it_leads_back_to_more(hub_class: Any) -> None:
    desk = circle(hub_class)
    assert keys(desk) == []
    assert nearest(desk) == (Miss.FEES, 0)
    assert desk.depth(11, 12, [(21, 4)], [(21, 0), (22, 1)], symbol="YQ") == Flag.TOP | Flag.OPPORTUNITY
    [(key, _, _, _, (legs, gross_bps, net_bps, net_atto), _)] = desk.hub.opportunities()
    assert key == (CYCLE, 0, 0)
    (_, _, buy_limit, x_lots, paid), (_, _, change_limit, y_lots, x_paid), (_, _, sell_limit, y_sold, got) = legs
    assert (buy_limit, change_limit, sell_limit) == (10, 2, 21)
    assert x_paid <= x_lots
    assert y_sold == y_lots <= 4_000
    assert net_atto == (got - paid) * 10**15
    assert net_atto == pytest.approx(4 * 10**18, rel=0.01)
    assert gross_bps == net_bps == pytest.approx(500, rel=0.01)
    desk.hub.lose(1, Reason.REQUESTED, desk.now_ns)
    assert keys(desk) == []


def test_a_cycle_pays_a_fee_on_every_leg(hub_class: Any) -> None:
    desk = circle(hub_class, fee="0.01")
    desk.depth(11, 12, [(21, 4)], [(21, 0), (22, 1)], symbol="YQ")
    [(_, _, _, _, (legs, gross_bps, net_bps, _), _)] = desk.hub.opportunities()
    assert 0 < net_bps < 250 < gross_bps <= 500
    assert legs[1][3] * 2 <= legs[0][3] * 0.99
    assert legs[2][3] <= legs[1][3] * 0.99


def test_a_cycle_obeys_the_cap_of_every_leg(hub_class: Any) -> None:
    for capped in range(3):
        desk = Desk(hub_class)
        for number, symbol in enumerate(("XQ", "YX", "YQ")):
            cap = Decimal((20, 2, 21)[number]) if number == capped else Decimal(0)
            desk.listing(symbol, lot="0.001", max_notional=cap)
        desk.hub.add_cycle([(0, BUY), (1, BUY), (2, SELL)])
        desk.live("XQ", bids=[(9, 40)], asks=[(10, 40)])
        desk.live("YX", bids=[(1, 10)], asks=[(2, 10)])
        desk.live("YQ", bids=[(21, 10)], asks=[(22, 10)])
        [(_, _, _, _, (legs, _, _, _), _)] = desk.hub.opportunities()
        assert 980 <= legs[2][3] <= 1_000  # one Y: worth 2 X, 20 to buy and 21 to sell


# ---------------------------------------------------------------------- events


def test_events_come_once_and_in_order(desk: Desk) -> None:
    desk.depth(11, 12, [(102, 3)], [(101, 0), (104, 1)], symbol="A")
    desk.now_ns += 1
    desk.depth(15, 16, symbol="B")
    kinds = [event[0] for event in desk.hub.events()]
    assert kinds == ["opened", "state", "closed"]
    assert desk.hub.events() == []


def test_events_that_nobody_fetches_are_bounded_and_counted(hub_class: Any) -> None:
    desk = Desk(hub_class, BARE, events_max=3)
    desk.listing()
    for halted in (True, False, True, False, True):
        desk.now_ns += 1
        desk.hub.set_halted(0, halted, desk.now_ns)
    events = desk.hub.events()
    assert [event[1] for event in events] == [desk.now_ns - 2, desk.now_ns - 1, desk.now_ns]
    assert desk.hub.events_lost == 2
    desk.hub.set_halted(0, False, desk.now_ns)
    assert len(desk.hub.events()) == 1


def test_quotes_alone_make_an_opportunity_of_their_size(hub_class: Any) -> None:
    desk = Desk(hub_class, WHOLE)
    for symbol in ("A", "B"):
        desk.listing(symbol, group="x", depth=False)
    desk.quote(1, (99, 5), (101, 5), symbol="A")
    assert desk.quote(1, (103, 2), (104, 5), symbol="B") & Flag.OPPORTUNITY
    assert desk.hub.opportunities()[0][4][0] == ((0, BUY, 101, 2, 202), (1, SELL, 103, 2, 206))
