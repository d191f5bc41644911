"""What is done about legs that are not equal: the cheapest by depth and fee, legal, within what may be lost; or
nothing, for a reason."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trade.gate_desk import PERPETUAL, D, info

from oneprice.exchange.legal import require_legal
from oneprice.model import NewOrder, Side, SymbolInfo
from oneprice.trade.policy import Candidate, Carry, Choice, Halt, Hedge, Residual, Wait, choose
from oneprice.trade.settings import RiskLimits

BUY, SELL = Side.BUY, Side.SELL
LIMITS = RiskLimits()
replace = msgspec.structs.replace
FAIR = D(50_000)


def residual(coins: Any, worth: Any = None) -> Residual:
    """Of BTC; fair is 50,000."""
    coins = D(coins)
    return Residual(
        asset="BTC", base_quantity=coins, home="USDT", worth=abs(coins) * FAIR if worth is None else D(worth)
    )


def at(market: str, *levels: tuple[Any, Any], side: Side = SELL, **other: Any) -> Candidate:
    """A listing with these levels, price and quantity; no fee."""
    rules = other.pop("rules", {})
    if market == "gate-usdm":
        rules = PERPETUAL | {"contract_size": D("0.0001")} | rules
    values: dict[str, Any] = {
        "levels": tuple((D(price), D(quantity)) for price, quantity in levels),
        "taker_fee": D(0),
        "usable": "",
        "room": D(10),
        "is_leg": False,
    }
    return Candidate(account=market, listing=info(market, **rules), side=side, **(values | other))


def decide(left: Any, *candidates: Candidate, attempt: int = 0, age_ms: float = 0, **risk: Any) -> Choice:
    wanted = left if isinstance(left, Residual) else residual(left)
    limits = replace(LIMITS, **risk)
    return choose(wanted, candidates, limits, attempt=attempt, age_ms=age_ms)


def hedged(choice: Choice) -> Hedge:
    assert isinstance(choice, Hedge), choice
    return choice


# ---------------------------------------------------------------------- which listing


def test_the_missing_leg_is_completed_where_that_is_cheapest() -> None:
    choice = hedged(
        decide(
            "0.001",
            at("gate-spot", (49_990, 1), is_leg=True),  # reverse what was bought
            at("binance-spot", (50_010, 1), is_leg=True),  # complete what was not sold
            at("mexc-spot", (50_005, 1)),
        )
    )
    assert (choice.account, choice.side, choice.lots) == ("binance-spot", SELL, 100)
    assert choice.expected_cost == D("-0.01")  # better than fair


def test_the_filled_leg_is_reversed_where_that_is_cheapest() -> None:
    choice = hedged(
        decide(
            "0.001",
            at("gate-spot", (49_990, 1), is_leg=True),
            at("binance-spot", (49_980, 1), is_leg=True),
            at("mexc-spot", (49_985, 1)),
        )
    )
    assert choice.account == "gate-spot"
    assert choice.expected_cost == D("0.01")


def test_another_venue_is_taken_where_that_is_cheapest() -> None:
    choice = hedged(
        decide("0.001", at("gate-spot", (49_990, 1), is_leg=True), at("mexc-spot", (49_995, 1)), at("binance-spot"))
    )
    assert choice.account == "mexc-spot"


def test_a_perpetual_is_taken_where_that_is_cheapest_in_its_contracts() -> None:
    choice = hedged(decide("0.001", at("gate-spot", (49_950, 1), is_leg=True), at("gate-usdm", (49_999, 100))))
    assert (choice.account, choice.lots) == ("gate-usdm", 10)
    assert choice.expected_cost == D("0.001")


def test_too_little_is_bought_from_the_asks() -> None:
    choice = hedged(
        decide("-0.001", at("gate-spot", (50_020, 1), side=BUY), at("mexc-spot", (50_010, 1), side=BUY, is_leg=True))
    )
    assert (choice.account, choice.side, choice.lots, choice.expected_cost) == ("mexc-spot", BUY, 100, D("0.01"))


def test_fees_decide() -> None:
    choice = hedged(
        decide(
            "0.001",
            at("gate-spot", (50_000, 1), taker_fee=D("0.002")),
            at("mexc-spot", (49_960, 1), taker_fee=D("0.001")),
        )
    )
    assert choice.account == "mexc-spot"
    assert choice.expected_cost == D("0.08996")  # 0.04 by price, 0.04996 fee
    rebate = hedged(decide("-0.001", at("gate-spot", (50_000, 1), side=BUY, taker_fee=D("-0.0001"))))
    assert rebate.expected_cost == D("-0.005")


def test_depth_decides() -> None:
    choice = hedged(
        decide(
            "0.01",
            at("gate-spot", (50_000, "0.001"), (49_900, 1)),
            at("mexc-spot", (49_970, "0.005"), (49_960, 1)),
        )
    )
    assert choice.account == "mexc-spot"
    assert choice.expected_cost == D("0.35")  # 0.005 * 30 + 0.005 * 40
    assert choice.lots == 1_000


def test_what_would_be_left_counts_as_costing_the_most_that_is_allowed() -> None:
    thin, deep = at("gate-spot", (50_000, "0.004")), at("mexc-spot", (49_900, 1))
    assert hedged(decide("0.01", thin, deep)).account == "mexc-spot"  # 1 for all, against 0 and 3
    assert hedged(decide("0.01", thin, at("mexc-spot", (49_600, 1)))).account == "gate-spot"  # 4 against 3
    assert hedged(decide("0.01", thin, deep, hedge_cost_bps_max=25.0)).account == "gate-spot"  # 1 against 0.75


def test_the_deals_own_listing_is_preferred_among_equals_then_the_first() -> None:
    both = [at("gate-spot", (50_000, 1)), at("mexc-spot", (50_000, 1), is_leg=True)]
    assert hedged(decide("0.001", *both)).account == "mexc-spot"
    alike = [at("gate-spot", (50_000, 1)), at("mexc-spot", (50_000, 1))]
    assert hedged(decide("0.001", *alike)).account == "gate-spot"


def test_it_never_splits_but_shrinks_to_the_room() -> None:
    choice = decide(
        "0.01", at("gate-spot", (50_000, 1), room=D("0.0040099")), at("mexc-spot", (49_900, 1), room=D("0.003"))
    )
    assert (hedged(choice).account, hedged(choice).lots) == ("gate-spot", 400)
    assert "0.006 is left" in hedged(choice).why


def test_it_shrinks_to_the_depth_and_to_the_largest_order() -> None:
    assert hedged(decide("0.01", at("gate-spot", (50_000, "0.002"), (49_900, "0.00301")))).lots == 501
    small = at("gate-spot", (50_000, 1), rules={"max_quantity": D("0.002")})
    assert hedged(decide("0.01", small)).lots == 200


def test_an_unusable_listing_is_never_taken() -> None:
    closed = at("binance-spot", (50_100, 1), usable="private stream is not complete", is_leg=True)
    assert hedged(decide("0.001", closed, at("gate-spot", (49_900, 1)))).account == "gate-spot"


@pytest.mark.parametrize(
    "wrong",
    [
        at("mexc-spot", (50_100, 1), side=BUY),
        replace(at("mexc-spot", (50_100, 1)), listing=info("mexc-spot", "ETH")),
        replace(at("mexc-spot", (50_100, 1)), listing=info("mexc-spot", "BTC", "ETH")),
        at("mexc-spot", (50_100, 1), rules={"tradable": False}),
    ],
)
def test_a_listing_that_does_not_fit_is_never_taken(wrong: Candidate) -> None:
    assert hedged(decide("0.001", wrong, at("gate-spot", (49_900, 1)))).account == "gate-spot"
    assert isinstance(decide("0.001", wrong), Wait)


# ---------------------------------------------------------------------- how much


@pytest.mark.parametrize(
    ("left", "lots"),
    [("0.00100", 100), ("0.001004", 100), ("0.001005", 100), ("0.0010051", 101), ("0.001009", 101), ("-0.001009", 101)],
)
def test_the_nearest_lot_is_taken(left: str, lots: int) -> None:
    side = SELL if D(left) > 0 else BUY
    assert hedged(decide(left, at("gate-spot", (50_000, 1), side=side))).lots == lots


def test_the_next_lot_is_taken_where_the_nearest_is_too_small_and_no_more_is_left() -> None:
    rules = {"lot_size": D("0.001"), "min_quantity": D("0.002"), "min_notional": D(0)}
    assert hedged(decide("0.0014", at("gate-spot", (50_000, 1), rules=rules))).lots == 2
    assert isinstance(decide("0.0009", at("gate-spot", (50_000, 1), rules=rules)), Carry)
    notional = {"lot_size": D("0.0001"), "min_quantity": D(0), "min_notional": D(10)}
    assert hedged(decide("0.00012", at("gate-spot", (50_000, 1), rules=notional))).lots == 2
    assert isinstance(decide("0.00009", at("gate-spot", (50_000, 1), rules=notional)), Carry)


# ---------------------------------------------------------------------- its worst price


def test_the_limit_gives_up_more_of_what_may_be_lost_with_each_attempt() -> None:
    book = at("gate-spot", (50_000, 1))
    limits = [hedged(decide("0.001", book, attempt=attempt)).price_ticks for attempt in range(5)]
    assert limits == [499_000, 498_000, 497_000, 496_000, 495_000]  # of 1 % in five attempts
    buying = at("gate-spot", (50_000, 1), side=BUY)
    limits = [hedged(decide("-0.001", buying, attempt=attempt)).price_ticks for attempt in range(5)]
    assert limits == [501_000, 502_000, 503_000, 504_000, 505_000]


def test_the_limit_with_its_fee_never_loses_more_than_allowed() -> None:
    sold = hedged(decide("0.001", at("gate-spot", (50_000, 1), taker_fee=D("0.001")), attempt=4))
    assert sold.price_ticks == 495_496  # 49549.6 * 0.999 is the first above 49500
    bought = hedged(decide("-0.001", at("gate-spot", (50_000, 1), side=BUY, taker_fee=D("0.001")), attempt=4))
    assert bought.price_ticks == 504_495


def test_the_limit_reaches_the_level_where_the_book_is_finer_than_orders_may_be() -> None:
    rules = {"tick_size": D("0.5")}
    sold = hedged(decide("0.001", at("gate-spot", ("49999.7", 1), rules=rules), hedge_cost_bps_max=0.2))
    assert sold.price_ticks * D("0.5") <= D("49999.7")
    bought = hedged(decide("-0.001", at("gate-spot", ("50000.2", 1), side=BUY, rules=rules), hedge_cost_bps_max=0.2))
    assert bought.price_ticks * D("0.5") >= D("50000.2")


def test_a_sales_limit_keeps_it_above_the_smallest_worth() -> None:
    rules = {"min_notional": D(50), "min_quantity": D(0)}
    choice = hedged(decide("0.001", at("gate-spot", (50_010, 1), rules=rules), attempt=3))
    assert choice.price_ticks == 500_000
    assert isinstance(decide("0.001", at("gate-spot", ("49999.9", 1), rules=rules)), Carry)
    bought = decide("-0.001", at("gate-spot", ("49999.9", 1), side=BUY, rules=rules))
    assert isinstance(bought, Carry)  # by its level; the limit's worth is what it can only hope for


def test_a_perpetual_counts_by_its_contracts_and_multiplier() -> None:
    rules = {
        "lot_size": D(1),
        "min_quantity": D(1),
        "multiplier": D(1000),
        "tick_size": D("0.0001"),
        "min_notional": D(1),
    }
    one = replace(
        at("gate-spot"),
        account="binance-usdm",
        listing=info("binance-usdm", "PEPE", max_quantity=None, **rules),
        levels=((D("12.3"), D(5)), (D("12.2"), D(5))),
        room=D(10_000),
    )
    left = Residual(asset="PEPE", base_quantity=D(7_400), home="USDT", worth=D("91.02"))
    choice = hedged(decide(left, one))
    assert choice.lots == 7
    assert choice.expected_cost == D("0.2")  # 2 of 7 at 0.1 less
    assert "buy" not in choice.why
    assert "sell 7000" in choice.why


def test_without_a_mark_the_best_price_anywhere_is_fair() -> None:
    books = at("gate-spot", (49_000, 1)), at("mexc-spot", (49_500, 1)), at("binance-spot")
    choice = hedged(decide(residual("0.001", worth=0), *books))
    assert (choice.account, choice.expected_cost) == ("mexc-spot", 0)
    buying = at("gate-spot", (49_000, 1), side=BUY), at("mexc-spot", (49_500, 1), side=BUY)
    assert hedged(decide(residual("-0.001", worth=0), *buying)).account == "gate-spot"


def test_without_a_mark_prices_are_compared_per_coin() -> None:
    thousand = info("binance-usdm", multiplier=D(1000), lot_size=D(1), min_quantity=D(1), min_notional=D(1))
    dear = replace(
        at("gate-spot"), listing=thousand, account="binance-usdm", levels=((D(49_500_000), D(5)),), room=D(10**6)
    )
    choice = hedged(decide(residual(2_000, worth=0), dear, at("mexc-spot", (49_000, 2_000), room=D(10**6))))
    assert (choice.account, choice.lots, choice.expected_cost) == ("binance-usdm", 2, 0)
    odd = replace(dear, listing=replace(thousand, multiplier=D(3)))
    assert isinstance(decide(residual("6.1", worth=0), odd), Hedge)


def test_a_cost_that_is_no_whole_decimal_is_told_to_sixty_digits_and_more() -> None:
    left = Residual(asset="BTC", base_quantity=D("0.003"), home="USDT", worth=D(150))
    choice = hedged(decide(left, at("gate-spot", ("49999.7", 1), room=D("0.001"))))
    assert choice.expected_cost == D("0.0003")


# ---------------------------------------------------------------------- nothing to trade


def test_nothing_left_is_carried() -> None:
    assert decide(0) == Carry("nothing is left")


def test_what_is_below_every_minimum_is_carried_as_dust() -> None:
    choice = decide("0.00001", at("gate-spot", (50_000, 1)), at("gate-usdm", (50_000, 100)))
    assert isinstance(choice, Carry)
    assert choice.why == (
        "0.00001 BTC too much: below what any listing takes "
        "(gate-spot from 0.00002 BTC and 5 USDT, gate-usdm from 1 contracts and 5 USDT)"
    )


@pytest.mark.parametrize("attempt", [0, 5, 99])
def test_dust_is_carried_however_often_was_tried(attempt: int) -> None:
    assert isinstance(decide("0.00001", at("gate-spot", (50_000, 1)), attempt=attempt, age_ms=9_999), Carry)


def test_what_only_an_unusable_listing_takes_is_no_dust() -> None:
    fine = at("mexc-spot", usable="book is not live", rules={"min_notional": D(1)})
    books = (at("gate-spot", (50_000, 1)), fine)
    choice = decide("0.00005", *books)
    assert isinstance(choice, Wait)
    assert "gate-spot: it takes no so little (from 0.00002 BTC and 5 USDT); mexc-spot: book is not live" in choice.why
    assert isinstance(decide("0.00005", *books, age_ms=1_500), Halt)
    assert isinstance(decide("0.00001", *books), Carry)


def test_without_levels_the_fair_worth_says_what_is_dust() -> None:
    dead = at("gate-spot", usable="book is not live")
    assert isinstance(decide("0.00009", dead), Carry)  # 4.5 USDT
    assert isinstance(decide("0.0001", dead), Wait)
    assert isinstance(decide(residual("0.00009", worth=0), dead), Wait)  # nobody knows what it is worth


def test_what_closes_a_position_needs_no_smallest_worth() -> None:
    book = at("gate-usdm", (50_000, 100), rules={"min_notional": D(50)})
    assert isinstance(decide("0.0008", book), Carry)
    choice = hedged(decide("0.0008", replace(book, closes=D("0.0008"))))
    assert choice.lots == 8
    assert isinstance(decide("0.0008", replace(book, closes=D("0.0007"))), Carry)


# ---------------------------------------------------------------------- wait, or halt


def test_it_waits_while_nothing_is_usable_and_halts_when_that_takes_too_long() -> None:
    dead = at("gate-spot", (50_000, 1), usable="no change for 11.0 s")
    choice = decide("0.001", dead, age_ms=1_499)
    assert choice == Wait("0.001 BTC too much, nowhere to trade it: gate-spot: no change for 11.0 s")
    choice = decide("0.001", dead, age_ms=1_500)
    assert isinstance(choice, Halt)
    assert choice.why.endswith("for 1500 ms, 1500 are allowed (risk.unhedged_ms_max)")
    assert isinstance(decide("0.001"), Wait)


@pytest.mark.parametrize(
    ("book", "word"),
    [
        (at("gate-spot"), "nobody is on the other side"),
        (at("gate-spot", (50_000, 1), room=D(0)), "room for 0 only"),
        (at("gate-spot", (50_000, 1), room=D("0.00009")), "room for 0.00009 only"),
        (at("gate-spot", (50_000, 1), room=D(-1)), "room for -1 only"),
        (at("gate-spot", (50_000, "0.00009")), "only 0.00009 within what may be lost"),
        (at("gate-spot", (50_000, "0.00009"), (40_000, 5)), "only 0.00009 within what may be lost"),
    ],
)
def test_it_waits_for_room_and_depth(book: Candidate, word: str) -> None:
    choice = decide("0.001", book)
    assert isinstance(choice, Wait)
    assert word in choice.why
    assert isinstance(decide("0.001", book, age_ms=2_000), Halt)


def test_a_buy_waits_for_room_as_well() -> None:
    choice = decide("-0.001", at("gate-spot", (50_000, 1), side=BUY, room=D("0.00009")))
    assert isinstance(choice, Wait)
    assert "room for 0.00009 only" in choice.why


def test_it_halts_at_once_when_the_cheapest_costs_too_much() -> None:
    choice = decide("0.001", at("gate-spot", (49_000, 1)), at("mexc-spot", (49_499, 1)))
    assert choice == Halt(
        "0.001 BTC too much: the cheapest, mexc-spot at 49499, would lose 100.2 bps; 100 may be lost "
        "(risk.hedge_cost_bps_max)"
    )
    assert isinstance(decide("0.001", at("mexc-spot", (49_500, 1))), Hedge)
    assert isinstance(decide("0.001", at("mexc-spot", (49_500, 1), taker_fee=D("0.00001"))), Halt)
    assert isinstance(decide("-0.001", at("mexc-spot", (50_500, 1), side=BUY)), Hedge)
    assert isinstance(decide("-0.001", at("mexc-spot", ("50500.1", 1), side=BUY)), Halt)


def test_levels_that_cost_too_much_are_left_alone() -> None:
    choice = hedged(decide("0.01", at("gate-spot", (50_000, "0.004"), (49_499, 1))))
    assert choice.lots == 400
    assert choice.price_ticks >= 495_000


def test_it_halts_when_all_attempts_are_made() -> None:
    book = at("gate-spot", (50_000, 1))
    assert isinstance(decide("0.001", book, attempt=4), Hedge)
    choice = decide("0.001", book, attempt=5)
    assert choice == Halt("0.001 BTC too much after 5 hedges; 5 are tried (risk.hedge_attempts_max)")
    assert isinstance(decide("0.001", book, attempt=1, hedge_attempts_max=1), Halt)
    assert isinstance(decide("0.001", book, hedge_attempts_max=0), Halt)


def test_the_words_say_what_is_done_and_what_it_costs() -> None:
    choice = hedged(decide("0.001", at("gate-spot", (49_990, 1))))
    assert choice.why == "0.001 BTC too much: sell 0.001 at gate-spot, expected to cost 2.0 bps"
    choice = hedged(decide("-0.001", at("gate-spot", (50_010, "0.0005"), side=BUY)))
    assert choice.why == "0.001 BTC too little: buy 0.0005 at gate-spot, expected to cost 2.0 bps, 0.0005 is left"


# ---------------------------------------------------------------------- always


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(D(low), D(high), places=places)


@st.composite
def listings(draw: st.DrawFn, market: str) -> SymbolInfo:
    return info(
        market,
        tick_size=draw(st.sampled_from([D("0.1"), D("0.25"), D(1), D("0.01")])),
        lot_size=draw(st.sampled_from([D(1), D("0.1"), D("0.003"), D("0.00001")])),
        min_quantity=draw(st.sampled_from([D(0), D("0.00015"), D("0.01"), D(3)])),
        max_quantity=draw(st.sampled_from([None, D("0.5"), D("2.0005"), D(1000)])),
        min_notional=draw(st.sampled_from([D(0), D(5), D("33.3")])),
        contract_size=draw(st.sampled_from([D(1), D("0.0001"), D("0.01")])) if market.endswith("usdm") else D(1),
        multiplier=draw(st.sampled_from([D(1), D(1000)])),
        tradable=draw(st.integers(0, 9)) > 0,
    )


@st.composite
def candidates(draw: st.DrawFn, side: Side) -> Candidate:
    listing = draw(listings(draw(st.sampled_from(["gate-spot", "mexc-spot", "gate-usdm", "binance-usdm"]))))
    middle = 100 * listing.multiplier
    steps = sorted(draw(st.lists(st.integers(-40, 300), max_size=5, unique=True)))
    levels = [
        (
            middle - side * D(-1) * step * middle / 10_000,
            draw(decimals("0.00001", "3", 5)) * draw(st.sampled_from([1, 1000])),
        )
        for step in steps
    ]
    return Candidate(
        account=f"{listing.venue}-{listing.market.value}",
        listing=listing,
        side=side,
        levels=tuple(levels),
        taker_fee=draw(st.sampled_from([D(0), D("0.001"), D("0.00075"), D("-0.0001")])),
        usable=draw(st.sampled_from(["", "", "", "banned"])),
        room=draw(decimals("-1", "2000", 5)),
        is_leg=draw(st.booleans()),
        closes=draw(st.sampled_from([D(0), D(0), D("0.5")])),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Residual, list[Candidate]]:
    coins = draw(decimals("0.00001", "30", 5)) * draw(st.sampled_from([1, -1, D("0.001"), D("-0.001")]))
    side = SELL if coins > 0 else BUY
    marked = draw(st.integers(0, 5)) > 0
    worth = abs(coins) * 100 if marked else D(0)
    found = draw(st.lists(candidates(side), max_size=4))
    return Residual(asset="BTC", base_quantity=coins, home="USDT", worth=worth), found


@given(situations(), st.integers(0, 6), st.sampled_from([0.0, 1_499.0, 1_500.0]), st.sampled_from([0.0, 30.0, 100.0]))
def test_a_chosen_hedge_is_legal_within_room_and_depth_and_never_makes_things_worse(
    situation: tuple[Residual, list[Candidate]], attempt: int, age_ms: float, cost_bps: float
) -> None:
    left, found = situation
    limits = replace(LIMITS, hedge_cost_bps_max=cost_bps)
    choice = choose(left, found, limits, attempt=attempt, age_ms=age_ms)
    assert choice == choose(left, found, limits, attempt=attempt, age_ms=age_ms)
    if isinstance(choice, Wait):
        assert age_ms < limits.unhedged_ms_max
    if not isinstance(choice, Hedge):
        assert choice.why
        return
    assert attempt < limits.hedge_attempts_max
    match = [one for one in found if one.listing is choice.listing and one.account == choice.account]
    one = match[0]
    info_ = one.listing
    assert one.usable == ""
    assert choice.side is one.side
    quantity = choice.lots * info_.lot_size
    coins = quantity * info_.contract_size * info_.multiplier
    before = left.base_quantity
    after = before + choice.side * coins
    lot = info_.lot_size * info_.contract_size * info_.multiplier
    assert abs(after) <= abs(before)
    assert after * before >= 0 or abs(after) < lot
    assert coins <= one.room
    reached = [row for row in one.levels if (row[0] - choice.price_ticks * info_.tick_size) * choice.side <= 0]
    assert quantity <= sum(there for _, there in reached)
    order = NewOrder(
        listing=info_,
        side=choice.side,
        client_order_id="x",
        price=choice.price_ticks * info_.tick_size,
        quantity=quantity,
        reduce_only=coins <= one.closes and info_.market.value != "spot",
    )
    if coins > one.closes or info_.market.value != "spot":
        require_legal(order)
    check_cost(choice, one, left, found, cost_bps)


def check_cost(choice: Hedge, one: Candidate, left: Residual, found: list[Candidate], cost_bps: float) -> None:
    """By plain fractions: what the levels cost, that no coin loses more than allowed, and that no other usable listing
    would have done the same for less."""
    info_ = one.listing
    wanted = abs(left.base_quantity)
    if left.worth:
        fair = Fraction(left.worth) / Fraction(wanted)
    else:
        fits = [other for other in found if other.listing.tradable and other.levels]
        prices = [Fraction(other.levels[0][0]) / Fraction(other.listing.multiplier) for other in fits]
        fair = max(prices) if one.side is SELL else min(prices)
    rest, quote = Fraction(choice.lots * info_.lot_size), Fraction(0)
    for price, there in one.levels:
        taken = min(rest, Fraction(there))
        quote += Fraction(price) * taken * Fraction(info_.contract_size)
        rest -= taken
    assert not rest
    coins = Fraction(choice.lots * info_.lot_size * info_.contract_size * info_.multiplier)
    fee = quote * Fraction(one.taker_fee)
    cost = quote + fee - fair * coins if one.side is BUY else fair * coins - quote + fee
    assert abs(Fraction(choice.expected_cost) - cost) <= Fraction(1, 10**40)
    worst = Fraction(choice.price_ticks) * Fraction(info_.tick_size) / Fraction(info_.multiplier)
    loss = (
        worst * (1 + Fraction(one.taker_fee)) - fair
        if one.side is BUY
        else fair - worst * (1 - Fraction(one.taker_fee))
    )
    allowed = fair * Fraction(cost_bps) / 10_000
    assert loss <= allowed or choice.price_ticks == 1


@given(situations(), st.integers(0, 4))
def test_the_choice_does_not_hang_on_what_cannot_be_used(
    situation: tuple[Residual, list[Candidate]], attempt: int
) -> None:
    left, found = situation
    choice = choose(left, found, LIMITS, attempt=attempt, age_ms=0)
    if isinstance(choice, Hedge) and left.worth:
        usable = [one for one in found if not one.usable]
        assert choose(left, usable, LIMITS, attempt=attempt, age_ms=0) == choice
