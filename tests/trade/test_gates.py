"""Each gate stops what is just outside its limit, in words, figures and the setting's name, and lets pass what is just
inside. Plans that only take risk away pass what guards entries."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.trade.gate_desk import FINE, LISTINGS, MS, PRICES, REST, START_NS, D, GateDesk, info

from oneprice.core.states import Reason
from oneprice.model import MarketKind, OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.deals import DealState, Expected, Plan, Purpose
from oneprice.trade.approved import Refusal
from oneprice.trade.case import Case
from oneprice.trade.checks.market import ban, clock, order_rate, stream
from oneprice.trade.gates import GATES
from oneprice.trade.pace import GROUPS_MAX, Pace
from oneprice.trade.settings import RiskLimits
from oneprice.trade.switches import VenueHealth

BUY, SELL = Side.BUY, Side.SELL
replace = msgspec.structs.replace
ACCOUNT = "gate-spot"


def unequal(desk: GateDesk, quantity: str = "0.0008") -> int:
    """A deal that bought at gate-spot and did not sell at binance-spot."""
    number, (bought, sold) = desk.send(desk.cross(quantity=quantity))
    desk.fill_all(bought)
    desk.tell(sold, OrderStatus.REJECTED)
    return number


def hedge(desk: GateDesk, number: int, market: str = "mexc-spot", quantity: str = "0.0008", **other: Any) -> Plan:
    return desk.hedge(number, desk.leg(market, SELL, quantity=quantity, **other))


def test_a_sound_plan_passes_every_gate() -> None:
    desk = GateDesk()
    desk.passes(desk.cross())
    desk.passes(desk.plan(desk.leg("gate-spot", BUY), desk.leg("gate-usdm", SELL, quantity=8), holds=True))
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, **REST)))


def test_gates_have_names_of_their_own() -> None:
    assert len({gate.name for gate in GATES}) == len(GATES) >= 25


# ---------------------------------------------------------------------- switches


def test_nothing_is_sent_before_the_journal_knows_the_run() -> None:
    desk = GateDesk()
    number = unequal(desk)
    desk.ledger.mode = ""
    desk.stops(desk.cross(), "run", "''", "(mode)")
    desk.stops(hedge(desk, number), "run")


@pytest.mark.parametrize("mode", ["simulated", "paper", "live"])
def test_a_run_of_any_mode_trades(mode: str) -> None:
    desk = GateDesk()
    desk.ledger.mode = mode
    desk.passes(desk.cross())


def turn(name: str, value: object) -> Callable[[GateDesk], None]:
    return lambda desk: setattr(desk.switches, name, value)


@pytest.mark.parametrize(
    ("gate", "act", "words"),
    [
        ("kill", turn("kill", "file DATA/KILL"), ("file DATA/KILL", "(switch kill)")),
        ("armed", turn("armed", False), ("(switch armed)",)),
        ("halt", turn("halt", "deal 3 is unequal"), ("deal 3 is unequal", "(switch halt)")),
    ],
)
def test_switches_stop_entries_and_quotes_but_no_hedge(
    gate: str, act: Callable[[GateDesk], None], words: tuple[str, ...]
) -> None:
    desk = GateDesk(open_deals_max=9)
    number = unequal(desk)
    act(desk)
    desk.stops(desk.cross(), gate, *words)
    desk.stops(desk.plan(desk.leg("gate-spot", BUY, **REST)), gate)
    desk.passes(hedge(desk, number))


def test_after_a_kill_nothing_that_adds_risk_is_sent_whatever_it_calls_itself() -> None:
    desk = GateDesk()
    desk.switches.kill = "by hand"
    for purpose in (Purpose.HEDGE, Purpose.EXIT):
        desk.stops(desk.plan(desk.leg("gate-spot", SELL, purpose=purpose)), "reduces")
    desk.stops(desk.plan(desk.leg("binance-usdm", SELL, purpose=Purpose.FLATTEN)), "reduces")
    mixed = desk.plan(desk.leg("gate-spot", BUY), desk.leg("binance-spot", SELL, purpose=Purpose.HEDGE))
    desk.stops(mixed, "kill")


# ---------------------------------------------------------------------- the plan


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"value": D("NaN")}, "NaN"),
        ({"value": D("Infinity")}, "Infinity"),
        ({"fee": D("NaN")}, "NaN"),
        ({"type": OrderType.MARKET}, "MARKET"),
        ({"time_in_force": TimeInForce.GTC}, "may rest"),
        ({"type": OrderType.LIMIT_MAKER}, "may rest"),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused(change: dict[str, Any], word: str) -> None:
    desk = GateDesk()
    leg = desk.leg("gate-spot", BUY)
    desk.stops(desk.plan(replace(leg, **change)), "plan", word, "(plan.legs)")
    desk.passes(desk.plan(leg))


def test_a_plan_without_legs_is_refused() -> None:
    desk = GateDesk()
    desk.stops(desk.plan(), "plan", "0 legs")


def test_entries_join_working_deals_only() -> None:
    desk = GateDesk(unhedged_notional_max=D(90), position_notional_max=D(200))
    quote = desk.plan(desk.leg("gate-spot", BUY, **REST))
    number, (name,) = desk.send(quote)
    desk.tell(name, OrderStatus.CANCELED)
    again = replace(quote, deal=number)
    desk.passes(again)
    for state in (DealState.HEDGING, DealState.HALTED, DealState.EXITING, DealState.HOLDING):
        desk.move(number, state)
        desk.stops(again, "plan", f"deal {number} is {state.value}")
    desk.move(number, DealState.WORKING)
    desk.settle(number)
    desk.stops(again, "plan", f"deal {number} is settled")


def test_only_listings_that_are_watched_with_an_account_and_in_the_journal_are_traded() -> None:
    desk = GateDesk()
    stranger = replace(desk.leg("gate-spot", BUY), listing=info("gate-spot", "DOGE"))
    desk.stops(desk.plan(stranger), "listing", "gate-spot:DOGE/USDT")
    elsewhere = replace(desk.leg("gate-spot", BUY), account="mexc-usdm")
    desk.stops(desk.plan(elsewhere), "listing", "mexc-usdm")
    del desk.standings["gate-spot"]
    desk.desk.accounts.pop("gate-spot")  # type: ignore[attr-defined]  # a dict here
    desk.stops(desk.cross(), "listing", "no account at gate-spot", "(venues)")
    other = GateDesk()
    del other.ledger.listings["gate-spot:BTCUSDT"]
    other.stops(other.cross(), "listing", "not in the journal")


def test_rules_that_changed_after_the_plan_was_made_stop_it() -> None:
    desk = GateDesk()
    plan = desk.cross()
    desk.passes(plan)
    book = desk.book("gate-spot")
    same = replace(book.info)
    book.info = same
    desk.passes(plan)
    book.info = replace(same, tick_size=D("0.5"))
    desk.stops(plan, "listing", "tick 0.5", "new rules")
    desk.passes(desk.cross())


def test_rules_that_changed_are_counted_by_from_then_on() -> None:
    desk = GateDesk()
    desk.passes(desk.cross())
    book = desk.book("gate-spot")
    book.info = replace(book.info, min_notional=D(41))
    desk.stops(desk.cross(), "legal", "41")


# ---------------------------------------------------------------------- books


def test_a_listing_that_may_be_another_asset_is_not_traded() -> None:
    desk = GateDesk()
    desk.book("gate-spot").doubted = "not the same asset? it costs 3"
    desk.stops(desk.cross(), "identity", "not the same asset?", "(market.price_gap_percent_max)")
    desk.stops(hedge(desk, unequal(desk), "gate-spot"), "identity")
    desk.passes(desk.cross("mexc-spot", group="x"))


def test_only_live_books_are_traded_on_by_hedges_too() -> None:
    desk = GateDesk()
    number = unequal(desk)
    book = desk.book("mexc-spot")
    desk.passes(hedge(desk, number))
    desk.hub.lose(book.number, int(Reason.SEQUENCE), desk.now_ns)
    desk.stops(desk.cross("mexc-spot"), "book_live", "mexc-spot:BTC/USDT", "did not follow", "0 ms ago")
    desk.stops(hedge(desk, number), "book_live")


def test_books_older_than_allowed_stop_entries_but_no_hedge() -> None:
    desk = GateDesk()
    number = unequal(desk)
    plan = desk.cross("mexc-spot", group="ETH/USDT")
    desk.now_ns += 250 * MS
    desk.passes(plan)
    desk.now_ns += 1
    desk.stops(plan, "book_age", "250.0 ms ago; 250 are allowed", "(risk.book_age_ms_max)")
    desk.passes(hedge(desk, number))
    desk.refresh()
    desk.stops(plan, "book_age", "the plan was made")
    desk.passes(replace(plan, made_ns=desk.now_ns))


def test_the_age_is_that_at_the_time_of_sending() -> None:
    desk = GateDesk(book_age_ms_max=10)
    plan = desk.cross()
    assert not isinstance(desk.gates.approve(plan, START_NS + 10 * MS), Refusal)
    assert isinstance(desk.gates.approve(plan, START_NS + 11 * MS), Refusal)


# ---------------------------------------------------------------------- venues


def test_an_ill_venue_takes_no_entries_and_a_venue_that_is_left_only_what_closes() -> None:
    desk = GateDesk()
    number = unequal(desk)
    desk.switches.health["mexc-spot"] = (VenueHealth.OPEN, "")
    desk.passes(desk.cross("mexc-spot", group="ETH/USDT"))
    desk.switches.health["mexc-spot"] = (VenueHealth.REDUCE_ONLY, "6 errors in 30 s")
    desk.stops(desk.cross("mexc-spot"), "breaker", "mexc-spot is reduce-only", "6 errors in 30 s", "(breaker)")
    desk.passes(hedge(desk, number))
    desk.switches.health["mexc-spot"] = (VenueHealth.FLAT, "ill for 120 s")
    desk.stops(desk.cross("mexc-spot"), "breaker", "being left")
    desk.passes(hedge(desk, number))  # fewer coins there afterwards
    desk.switches.health["binance-usdm"] = (VenueHealth.FLAT, "ill")
    desk.stops(hedge(desk, number, "binance-usdm"), "breaker", "0.0008 more would be held there")
    desk.hold("binance-usdm", "0.0008")
    desk.passes(hedge(desk, number, "binance-usdm"))


def test_a_venue_that_is_left_takes_coins_back_that_the_deal_had_sold_there() -> None:
    desk = GateDesk()
    number, (bought, sold) = desk.send(desk.cross())
    desk.fill_all(sold)
    desk.tell(bought, OrderStatus.REJECTED)
    for account in ("binance-spot", "mexc-spot"):
        desk.switches.health[account] = (VenueHealth.FLAT, "ill")
    desk.passes(desk.hedge(number, desk.leg("binance-spot", BUY)))
    desk.stops(desk.hedge(number, desk.leg("mexc-spot", BUY)), "breaker")


@pytest.mark.parametrize(
    ("gate", "inside", "outside", "words", "stops_hedges"),
    [
        ("ban", {"banned_ns": 0}, {"banned_ns": 2_500 * MS}, ("2.5 s", "ban"), True),
        ("stream", {}, {"stream_complete": False, "reason": "catching up"}, ("catching up",), False),
        ("clock", {"clock_offset_ns": 500 * MS}, {"clock_offset_ns": 501 * MS}, ("+501.0 ms", "500 ms"), False),
        ("clock", {"clock_offset_ns": -500 * MS}, {"clock_offset_ns": -500 * MS - 1}, ("-500.0 ms",), False),
        ("clock", {}, {"clock_offset_ns": None}, ("not measured yet", "(risk.clock_offset_ms_max)"), False),
        ("order_rate", {"order_room": 0.301}, {"order_room": 0.3}, ("30.0%", "(risk.hedge_reserve)"), False),
        ("order_rate", {"order_room": 1.0}, {"order_room": 0.0}, ("0.0%",), False),
    ],
)  # fmt: skip
def test_what_an_account_says_of_itself_stops_entries(
    gate: str, inside: dict[str, Any], outside: dict[str, Any], words: tuple[str, ...], stops_hedges: bool
) -> None:
    desk = GateDesk()
    number = unequal(desk)
    plan = desk.cross("mexc-spot", group="ETH/USDT")
    desk.standings["mexc-spot"] = replace(FINE, **inside)
    desk.passes(plan)
    desk.standings["mexc-spot"] = replace(FINE, **outside)
    desk.stops(plan, gate, "mexc-spot", *words)
    if stops_hedges:
        desk.stops(hedge(desk, number), gate)
    else:
        desk.passes(hedge(desk, number))


@pytest.mark.parametrize("gate", [ban, stream, clock, order_rate])
def test_what_is_wrong_with_an_account_is_told_by_the_gate_whose_matter_it_is(gate: Callable[[Case], str]) -> None:
    desk = GateDesk()
    wrong = {
        ban: replace(FINE, stream_complete=False),
        stream: replace(FINE, order_room=0.0),
        clock: replace(FINE, banned_ns=1),
        order_rate: replace(FINE, clock_offset_ns=None),
    }
    desk.standings["gate-spot"] = wrong[gate]
    assert gate(desk.gates._case(desk.cross(), desk.now_ns)) == ""


# ---------------------------------------------------------------------- our own orders and deals


def test_no_order_meets_a_resting_one_of_ours() -> None:
    desk = GateDesk(unhedged_notional_max=D(100))
    _, (resting,) = desk.send(desk.plan(desk.leg("gate-spot", SELL, "50000.2", **REST)))
    desk.stops(
        desk.plan(desk.leg("gate-spot", BUY, "50000.2")), "self_cross", "to buy at 50000.2", "resting order at 50000.2"
    )
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, "50000.1")))
    desk.passes(desk.plan(desk.leg("mexc-spot", BUY, "50000.2")))
    desk.passes(desk.plan(desk.leg("gate-spot", SELL, "50000.2")))
    desk.tell(resting, OrderStatus.UNKNOWN)
    desk.stops(desk.plan(desk.leg("gate-spot", BUY, "50000.2")), "self_cross")
    desk.tell(resting, OrderStatus.CANCELED)
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, "50000.2")))


def test_a_hedge_does_not_meet_a_resting_order_of_ours_either() -> None:
    desk = GateDesk()
    desk.send(desk.plan(desk.leg("mexc-spot", BUY, "49990", **REST), group="x"))
    number = unequal(desk)
    desk.stops(hedge(desk, number, price="49990"), "self_cross")
    desk.passes(hedge(desk, number, price="49990.1"))


def test_of_several_resting_orders_the_nearest_counts() -> None:
    desk = GateDesk(position_notional_max=D(900), venue_exposure_max=D(900))
    for price in ("50001", "50000.5", "50002"):
        desk.send(desk.plan(desk.leg("gate-spot", SELL, price, **REST)))
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, "50000.4")))
    desk.stops(desk.plan(desk.leg("gate-spot", BUY, "50000.5")), "self_cross")


def test_an_order_that_does_not_rest_is_not_met() -> None:
    desk = GateDesk()
    number, _ = desk.send(desk.plan(desk.leg("gate-spot", SELL, "50000"), group="x"))
    assert number
    desk.passes(desk.plan(desk.leg("gate-spot", BUY, "50000")))


def test_legs_of_one_plan_do_not_meet_each_other() -> None:
    desk = GateDesk()
    desk.stops(
        desk.plan(desk.leg("gate-spot", BUY, 50_000), desk.leg("gate-spot", SELL, 50_000)), "self_cross", "another leg"
    )
    desk.passes(desk.plan(desk.leg("gate-spot", SELL, "50000.1"), desk.leg("gate-spot", BUY, 50_000)))


def test_one_deal_at_a_time_in_a_group() -> None:
    desk = GateDesk(open_deals_max=9)
    number, names = desk.send(desk.cross())
    desk.stops(desk.cross("mexc-spot"), "one_deal", f"deal {number} of BTC/USDT is working")
    eth = desk.plan(desk.leg("gate-spot", BUY, quantity="0.016", symbol="ETH/USDT"))
    desk.passes(eth)
    for name in names:
        desk.fill_all(name)
    desk.move(number, DealState.HALTED)
    desk.stops(desk.cross("mexc-spot"), "one_deal", "halted")
    desk.move(number, DealState.HOLDING)
    desk.passes(desk.cross("mexc-spot"))
    desk.move(number, DealState.EXITING)
    desk.stops(desk.cross("mexc-spot"), "one_deal", "exiting")
    desk.settle(number)
    desk.passes(desk.cross("mexc-spot"))


def test_a_quote_that_nobody_has_taken_does_not_keep_its_group() -> None:
    desk = GateDesk(open_deals_max=9)
    number, (quote,) = desk.send(desk.plan(desk.leg("mexc-spot", BUY, "49990", **REST)))
    desk.passes(desk.cross())
    desk.fill(quote, "0.0001")
    desk.stops(desk.cross(), "one_deal", f"deal {number}")


def test_open_deals_are_counted() -> None:
    desk = GateDesk(open_deals_max=2)
    first, _ = desk.send(desk.plan(desk.leg("gate-spot", BUY, **REST)))
    desk.move(first, DealState.HOLDING)
    desk.passes(desk.cross("mexc-spot"))
    second = desk.deal(desk.cross("mexc-spot", group="x"))
    desk.stops(desk.cross("mexc-spot"), "open_deals", "2 deals are open; 2 are allowed", "(risk.open_deals_max)")
    desk.settle(second)
    desk.passes(desk.cross("mexc-spot"))


def test_listings_rest_after_a_deal_and_longer_after_a_loss() -> None:
    desk = GateDesk(cooldown_ms=100, cooldown_after_loss_ms=200, book_age_ms_max=10_000)
    pair = ("gate-spot:BTCUSDT", "binance-spot:BTCUSDT")
    desk.gates.deal_over("BTC/USDT", pair, D("0.01"), START_NS)
    plan = desk.cross()
    desk.stops(plan, "cooldown", "100 ms more", "(risk.cooldown_ms)")
    desk.passes(desk.cross("mexc-spot"))
    desk.passes(desk.cross(group="ETH/USDT"))
    desk.now_ns = START_NS + 100 * MS - 1
    desk.stops(plan, "cooldown")
    desk.now_ns += 1
    desk.passes(plan)
    desk.gates.deal_over("BTC/USDT", pair, D("-0.01"), desk.now_ns)
    desk.now_ns += 200 * MS - 1
    desk.stops(plan, "cooldown", "a deal that lost", "200 in all (risk.cooldown_after_loss_ms)")
    desk.now_ns += 1
    desk.passes(plan)


def test_groups_that_have_rested_are_forgotten() -> None:
    pace = Pace(RiskLimits(cooldown_ms=100))
    for number in range(GROUPS_MAX + 1):
        pace.deal_over(str(number), ("a",), D(0), number * MS)
    assert not pace.has_rests("0")
    assert pace.resting("0", ("a",), GROUPS_MAX * MS) is None
    assert pace.resting(str(GROUPS_MAX), ("a",), GROUPS_MAX * MS) is not None
    assert len(pace._rests) <= 101


def test_a_deal_that_was_hedged_elsewhere_lets_its_own_pair_rest_too() -> None:
    desk = GateDesk()
    three = ("gate-spot:BTCUSDT", "binance-spot:BTCUSDT", "mexc-spot:BTCUSDT")
    desk.gates.deal_over("BTC/USDT", three, D(0), START_NS)
    desk.stops(desk.cross(), "cooldown")
    desk.stops(desk.plan(desk.leg("gate-spot", BUY, **REST)), "cooldown")
    desk.gates.deal_over("ETH/USDT", ("gate-spot:ETHUSDT",), D(0), START_NS)
    desk.stops(desk.plan(desk.leg("gate-spot", BUY, quantity="0.016", symbol="ETH/USDT")), "cooldown")


def test_cooling_down_does_not_keep_a_deal_from_its_hedge_or_its_next_quote() -> None:
    desk = GateDesk(unhedged_notional_max=D(100))
    number = unequal(desk)
    quote = desk.plan(desk.leg("binance-spot", BUY, **REST), group="x")
    working, (name,) = desk.send(quote)
    desk.tell(name, OrderStatus.CANCELED)
    for group in ("x", "BTC/USDT"):
        desk.gates.deal_over(group, ("mexc-spot:BTCUSDT", "binance-spot:BTCUSDT"), D(-1), START_NS)
    desk.passes(hedge(desk, number))
    desk.passes(replace(quote, deal=working))


def test_quotes_have_a_figure_of_their_own() -> None:
    """However often a quote is moved, entries have their room, and the other way round."""
    desk = GateDesk(orders_per_minute_max=2, quotes_per_minute_max=1, book_age_ms_max=100_000)
    quote = desk.plan(desk.leg("mexc-spot", Side.BUY, 49_900, **REST), group="x")
    for plan in (quote, desk.cross()):
        approved = desk.ask(plan)
        assert not isinstance(approved, Refusal), str(approved)
        desk.gates.sent(approved, desk.now_ns)
    desk.stops(quote, "quotes_per_minute", "1 quotes", "1 more; 1 are allowed", "(risk.quotes_per_minute_max)")
    desk.stops(replace(desk.cross(), group="y"), "orders_per_minute", "2 orders", "2 more; 2 are allowed")
    desk.now_ns += 60_000 * MS
    desk.passes(quote)


def test_entries_are_counted_over_a_minute() -> None:
    desk = GateDesk(orders_per_minute_max=4, book_age_ms_max=100_000)
    plan = desk.cross()
    number = unequal(desk)
    approved = desk.ask(replace(plan, group="x"))
    assert not isinstance(approved, Refusal)
    helping = desk.ask(hedge(desk, number))
    assert not isinstance(helping, Refusal)
    desk.gates.sent(approved, desk.now_ns)
    desk.gates.sent(helping, desk.now_ns)
    desk.now_ns += MS
    desk.passes(replace(plan, group="x"))
    desk.gates.sent(approved, desk.now_ns)
    desk.stops(
        replace(plan, group="x"),
        "orders_per_minute",
        "4 orders",
        "2 more; 4 are allowed",
        "(risk.orders_per_minute_max)",
    )
    desk.passes(hedge(desk, number))
    desk.now_ns = START_NS + 60_000 * MS - 1
    desk.stops(replace(plan, group="x"), "orders_per_minute")
    desk.now_ns += 1
    desk.passes(replace(plan, group="x"))


# ---------------------------------------------------------------------- prices


def test_an_edge_that_is_too_good_is_taken_for_an_error() -> None:
    desk = GateDesk()

    def expecting(net_bps: float) -> Plan:
        return desk.cross(expected=Expected(gross=D(1), fees=D(0), net=D(1), net_bps=net_bps))

    desk.passes(expecting(150.0))
    desk.stops(expecting(150.1), "too_good", "150.1 bps", "150 are believed", "(risk.too_good_bps)")
    desk.stops(expecting(float("nan")), "too_good")
    desk.stops(expecting(float("inf")), "too_good")


@pytest.mark.parametrize(("side", "sign"), [(BUY, 1), (BUY, -1), (SELL, 1), (SELL, -1)])
def test_an_entry_stays_near_its_own_last_price(side: Side, sign: int) -> None:
    desk = GateDesk(order_notional_max=D(500))
    inside, outside = 50_000 + sign * D(500), 50_000 + sign * D("500.1")
    desk.book("mexc-spot").price = D(50_000)
    desk.passes(desk.plan(desk.leg("mexc-spot", side, inside)))
    desk.stops(
        desk.plan(desk.leg("mexc-spot", side, outside)),
        "price_band", "100.0 bps from its own last price, 50000; 100 are allowed", "(risk.price_band_bps)",
    )  # fmt: skip


@pytest.mark.parametrize(("side", "sign"), [(BUY, 1), (BUY, -1), (SELL, 1), (SELL, -1)])
def test_an_entry_stays_near_the_median_of_the_other_venues(side: Side, sign: int) -> None:
    desk = GateDesk(book_age_ms_max=1_000)
    far = 50_000 + sign * D(600)
    desk.book("mexc-spot").price = far
    price = far - sign * D(99)
    desk.stops(
        desk.plan(desk.leg("mexc-spot", side, price)), "price_band", "from the median of the other venues, 50000"
    )
    for market in ("binance-spot", "gate-spot", "gate-usdm"):
        middle = 50_000 + sign * D(2)
        desk.quote(desk.book(market), middle - D("0.1"), middle + D("0.1"))
    desk.passes(desk.plan(desk.leg("mexc-spot", side, price)))


def test_the_median_is_of_the_live_books_of_other_venues_alone() -> None:
    desk = GateDesk()
    leg = desk.leg("mexc-spot", BUY, 50_600)
    desk.book("mexc-spot").price = D(50_600)
    desk.stops(desk.plan(leg), "price_band", "the median")
    for market in ("binance-spot", "gate-spot", "gate-usdm", "binance-usdm"):
        desk.hub.lose(desk.book(market).number, int(Reason.SEQUENCE), desk.now_ns)
    desk.passes(desk.plan(leg))  # nobody left to compare with: its own last price decides
    desk.book("mexc-spot").price = D(50_000)
    desk.stops(desk.plan(leg), "price_band", "its own last price")


def test_a_median_of_two_is_between_them() -> None:
    desk = GateDesk([one for one in LISTINGS if one.market is MarketKind.SPOT])
    desk.book("mexc-spot").price = D(50_700)
    desk.quote(desk.book("binance-spot"), D("50299.9"), D("50300.1"))
    desk.passes(desk.plan(desk.leg("mexc-spot", BUY, "50651.5", quantity="0.0007")))
    desk.stops(desk.plan(desk.leg("mexc-spot", BUY, "50651.6", quantity="0.0007")), "price_band", "median", "50150")


def test_an_entry_needs_a_last_price_and_a_hedge_does_not() -> None:
    desk = GateDesk()
    number = unequal(desk)
    desk.book("mexc-spot").price = None
    desk.stops(desk.cross("mexc-spot", group="x"), "price_band", "no last price", "(risk.price_band_bps)")
    desk.passes(hedge(desk, number))


def test_a_hedge_has_a_wider_band_and_may_always_be_better() -> None:
    desk = GateDesk(hedge_cost_bps_max=50.0)
    number = unequal(desk)
    desk.passes(hedge(desk, number, price=49_250))
    desk.stops(
        hedge(desk, number, price="49249.9"),
        "price_band", "150 are allowed", "(risk.price_band_bps + risk.hedge_cost_bps_max)",
    )  # fmt: skip
    desk.passes(hedge(desk, number, price=60_000))
    desk.book("mexc-spot").price = D(48_000)
    desk.stops(hedge(desk, number, price=48_000), "price_band", "the median of the other venues")


def test_prices_are_compared_per_coin() -> None:
    rules = {"lot_size": D(1), "min_quantity": D(1), "max_quantity": D(10**9)}
    pepe = [
        info("gate-spot", "PEPE", tick_size=D("0.0000001"), **rules),
        info("binance-usdm", "PEPE", tick_size=D("0.0001"), multiplier=D(1000), **rules),
    ]
    PRICES["PEPE/USDT"] = D("0.0123")
    try:
        desk = GateDesk([*LISTINGS, *pepe])
        legs = (
            desk.leg("gate-spot", BUY, quantity=3000, symbol="PEPE/USDT"),
            desk.leg("binance-usdm", SELL, quantity=3, symbol="PEPE/USDT"),
        )
        desk.passes(desk.plan(*legs, holds=True))
        wrong = replace(legs[1], price_ticks=legs[1].price_ticks // 1000)
        desk.stops(desk.plan(legs[0], wrong), "legal")
        wrong = replace(legs[1], price_ticks=legs[1].price_ticks * 101 // 100 + 1)
        desk.stops(desk.plan(legs[0], wrong), "price_band", "0.0124")
    finally:
        del PRICES["PEPE/USDT"]


def test_the_last_prices_median_follows_a_market_that_moves() -> None:
    desk = GateDesk()
    for step in range(1, 4):
        desk.now_ns += 1_000 * MS
        middle = 50_000 * (1 + D(step) / 50)
        for book in desk.books:
            if book.group == "BTC/USDT":
                book.price = middle
                desk.quote(book, middle - book.tick_size, middle + book.tick_size)
        plan = desk.plan(desk.leg("mexc-spot", BUY, middle, quantity="0.0007"))
        desk.passes(plan)
        desk.stops(desk.plan(desk.leg("mexc-spot", BUY, middle * D("0.98"), quantity="0.0007")), "price_band")


# ---------------------------------------------------------------------- approved plans


def decimals(text: str) -> list[Decimal]:
    return [D(word) for word in text.replace(";", " ").split() if word.replace(".", "").isdigit()]


def test_a_refusal_reads_as_a_sentence() -> None:
    desk = GateDesk()
    text = desk.stops(desk.cross(quantity="0.00101"), "order_notional")
    assert text == "gate-spot:BTC/USDT: an order of 50.5 USDT; 50 are allowed (risk.order_notional_max)"
    assert decimals(text) == [D("50.5"), D(50)]
    assert str(Refusal("halt", "why")) == "halt: why"
