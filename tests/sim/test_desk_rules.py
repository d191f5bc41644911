"""What a desk refuses and in which order, ids, amendments, countdowns, forgetting, faults."""

import gc
from decimal import Decimal

import msgspec
import pytest
from tests.sim.trading_room import BUY, FUNDS, PERPETUAL, RULES, SECOND, SELL, T0, Room

from oneprice.sim import order_store
from oneprice.sim.accounts import Accounts
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import SelfTrade, TimeInForce
from oneprice.sim.faults import FaultBoard, FaultKind
from oneprice.sim.market import SimMarket
from oneprice.sim.orders import (
    Change,
    DuplicateIds,
    EndedBy,
    OrderReport,
    OrderState,
    Reason,
    Refused,
    SimOrder,
    Ticket,
)

GTC, IOC, FOK, POST_ONLY = TimeInForce


@pytest.fixture
def room() -> Room:
    return Room()


def changed(**options: object) -> Room:
    return Room(rules=msgspec.structs.replace(RULES, **options))


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("1", "100.05", Reason.PRICE_TICK),
        ("1", "0", Reason.PRICE_TICK),
        ("1", "-1", Reason.PRICE_TICK),
        ("1", "NaN", Reason.PRICE_TICK),
        ("1", "1E+999999", Reason.PRICE_TICK),
        ("0.0005", "100", Reason.LOT_SIZE),
        ("1E-999999", "100", Reason.LOT_SIZE),
        ("Infinity", "100", Reason.LOT_SIZE),
        ("0", "100", Reason.MIN_QUANTITY),
        ("-1", "100", Reason.MIN_QUANTITY),
        ("1000000000", "100", Reason.MAX_QUANTITY),
        ("0.049", "100", Reason.MIN_NOTIONAL),
        ("1", "150.1", Reason.PRICE_BAND),
        ("1", "49.9", Reason.PRICE_BAND),
        ("101", "100", Reason.INSUFFICIENT_BALANCE),
        ("0.0005", "100.05", Reason.PRICE_TICK),
        ("0.001", "200", Reason.MIN_NOTIONAL),
    ],
)
def test_ticket_against_the_rules_is_refused_and_changes_nothing(
    room: Room, quantity: str, price: str, reason: Reason
) -> None:
    assert room.reason(room.ann, BUY, quantity, price) is reason


def test_band_and_minimum_are_met_by_their_very_edge(room: Room) -> None:
    assert room.place(room.ann, BUY, "0.05", "100").state is OrderState.OPEN
    assert room.place(room.ann, BUY, "1", "50").state is OrderState.OPEN
    assert room.place(room.ann, SELL, "1", "150").state is OrderState.OPEN


def test_sell_needs_the_base(room: Room) -> None:
    assert room.reason(room.ann, SELL, "50.001", "100") is Reason.INSUFFICIENT_BALANCE
    assert room.place(room.ann, SELL, "50", "100").held == 50


@pytest.mark.parametrize(
    ("quantity", "quote", "reason"),
    [
        ("0.04", None, Reason.MIN_NOTIONAL),
        (None, "4", Reason.MIN_NOTIONAL),
        (None, "-10", Reason.LOT_SIZE),
        (None, "NaN", Reason.LOT_SIZE),
        (None, "10000.01", Reason.INSUFFICIENT_BALANCE),
        ("0.0005", None, Reason.LOT_SIZE),
        (None, None, Reason.LOT_SIZE),
    ],
)
def test_market_order_against_the_rules_is_refused(
    room: Room, quantity: str | None, quote: str | None, reason: Reason
) -> None:
    room.house(SELL, "1000", "110")
    assert room.reason(room.ann, BUY, quantity, quote=quote) is reason


def test_market_order_without_anybody_there_is_refused(room: Room) -> None:
    assert room.reason(room.ann, BUY, "1") is Reason.NO_LIQUIDITY
    assert room.reason(room.ann, SELL, None, quote="10") is Reason.NO_LIQUIDITY


def test_market_order_that_meets_only_its_own_ends_by_prevention(room: Room) -> None:
    room.place(room.ann, SELL, "1", "100")
    order = room.place(room.ann, BUY, "1", self_trade=SelfTrade.CANCEL_TAKER)
    assert (order.state, order.ended_by, room.held(room.ann)) == (OrderState.EXPIRED, EndedBy.SELF_TRADE, 0)


def test_halted_listing_takes_no_orders_but_cancels(room: Room) -> None:
    order = room.place(room.ann, BUY, "1", "99")
    room.desk.halted.add("BTC/USDT")
    assert room.reason(room.ann, BUY, "0.0001", "0.01") is Reason.HALTED, "before all other reasons"
    with pytest.raises(Refused, match="halted"):
        room.desk.amend(order, room.now, Decimal(98), None)
    room.desk.cancel(order, room.now)
    room.desk.halted.clear()
    assert room.place(room.ann, BUY, "1", "99").state is OrderState.OPEN


def test_duplicate_of_an_open_client_id_is_refused_with_the_first_order(room: Room) -> None:
    first = room.place(room.ann, BUY, "1", "99", client_id="x")
    with pytest.raises(Refused) as refused:
        room.place(room.ann, BUY, "1", "98", client_id="x")
    assert (refused.value.reason, refused.value.order) == (Reason.DUPLICATE_CLIENT_ID, first)
    assert room.place(room.bob, BUY, "1", "98", client_id="x").state is OrderState.OPEN, "another account's id"
    room.desk.cancel(first, room.now)
    second = room.place(room.ann, BUY, "1", "98", client_id="x")
    assert room.desk.by_client_id(room.ann, room.listing, "x") is second


def test_where_duplicates_are_accepted_the_later_order_is_found() -> None:
    room = changed(duplicate_ids=DuplicateIds.ACCEPTED)
    room.place(room.ann, BUY, "1", "99", client_id="x")
    second = room.place(room.ann, BUY, "1", "98", client_id="x")
    room.desk.cancel(second, room.now)
    assert room.desk.by_client_id(room.ann, room.listing, "x") is second
    assert len(room.desk.open_orders(room.ann)) == 1


def test_no_more_orders_are_open_than_the_limit() -> None:
    room = changed(open_orders_max=2)
    room.place(room.ann, BUY, "1", "99")
    room.place(room.ann, BUY, "1", "98")
    assert room.reason(room.ann, BUY, "1", "97") is Reason.TOO_MANY_ORDERS


def test_post_only_that_would_take_is_refused_or_ends_at_once() -> None:
    room = Room()
    room.house(SELL, "1", "100")
    assert room.reason(room.ann, BUY, "1", "100", POST_ONLY) is Reason.WOULD_TAKE
    assert room.place(room.ann, BUY, "1", "99.9", POST_ONLY).state is OrderState.OPEN
    room = changed(post_only_refused=False)
    room.house(SELL, "1", "100")
    order = room.place(room.ann, BUY, "1", "100", POST_ONLY)
    assert (order.state, order.ended_by, order.filled_lots) == (OrderState.EXPIRED, EndedBy.POST_ONLY, 0)
    assert room.held(room.ann) == 0


def test_fill_or_kill_is_refused_where_the_venue_does_so() -> None:
    room = changed(fok_refused=True)
    room.house(SELL, "1", "100")
    assert room.reason(room.ann, BUY, "2", "100", FOK) is Reason.FOK
    assert room.place(room.ann, BUY, "1", "100", FOK).state is OrderState.FILLED


# ---- amendments -----------------------------------------------------------------------------------------


def test_smaller_quantity_keeps_the_place_and_frees_the_difference(room: Room) -> None:
    first = room.place(room.ann, BUY, "2", "99")
    room.place(room.bob, BUY, "2", "99")
    room.tell()
    room.desk.amend(first, room.now, None, Decimal(1))
    assert room.tell() == ["ann amended", "balance order"]
    assert (first.lots, room.held(room.ann)) == (1_000, 99)
    room.house(SELL, "1", "99")
    assert first.state is OrderState.FILLED


def test_larger_quantity_goes_to_the_end_of_the_queue(room: Room) -> None:
    first = room.place(room.ann, BUY, "1", "99")
    second = room.place(room.bob, BUY, "1", "99")
    room.desk.amend(first, room.now, None, Decimal(2))
    room.house(SELL, "1", "99")
    assert (first.filled_lots, second.filled_lots, room.held(room.ann)) == (0, 1_000, 198)


def test_new_price_may_match_at_once_under_the_same_number(room: Room) -> None:
    room.house(SELL, "1", "100")
    order = room.place(room.ann, BUY, "2", "99")
    room.tell()
    room.desk.amend(order, room.now, Decimal(101), None)
    assert room.tell() == ["ann amended", "balance order", "ann trade 1000", "balance trade"]
    assert (order.state, order.left_lots, room.held(room.ann)) == (OrderState.OPEN, 1_000, 101)
    assert room.engine.best(BUY) == 1_010
    assert room.desk.order(room.ann, order.order_id) is order


@pytest.mark.parametrize(
    ("price", "quantity", "reason"),
    [
        ("99.05", None, Reason.PRICE_TICK),
        ("20", None, Reason.PRICE_BAND),
        (None, "0.0001", Reason.LOT_SIZE),
        (None, "0.01", Reason.MIN_NOTIONAL),
        (None, "1", Reason.MIN_QUANTITY),
        (None, "102", Reason.INSUFFICIENT_BALANCE),
    ],
)
def test_refused_amendment_leaves_the_order_as_it_was(
    room: Room, price: str | None, quantity: str | None, reason: Reason
) -> None:
    order = room.place(room.ann, BUY, "2", "99")
    room.house(SELL, "1", "99")
    before = room.picture()
    with pytest.raises(Refused) as refused:
        room.desk.amend(
            order, room.now, None if price is None else Decimal(price), None if quantity is None else Decimal(quantity)
        )
    assert refused.value.reason is reason
    assert room.picture() == before


def test_post_only_order_cannot_be_moved_into_taking(room: Room) -> None:
    room.house(SELL, "1", "100")
    order = room.place(room.ann, BUY, "1", "99", POST_ONLY)
    with pytest.raises(Refused, match="would_take"):
        room.desk.amend(order, room.now, Decimal(100), None)
    assert order.state is OrderState.OPEN


def test_what_is_over_can_be_neither_cancelled_nor_changed(room: Room) -> None:
    order = room.place(room.ann, BUY, "1", "99")
    room.desk.cancel(order, room.now)
    with pytest.raises(Refused, match="order_over") as refused:
        room.desk.cancel(order, room.now)
    assert refused.value.order is order
    with pytest.raises(Refused, match="order_over"):
        room.desk.amend(order, room.now, None, Decimal(2))


# ---- cancel all, countdowns, forgetting ----------------------------------------------------------------


def test_cancel_all_takes_a_side_or_a_listing_or_all(room: Room) -> None:
    buy, sell = room.place(room.ann, BUY, "1", "99"), room.place(room.ann, SELL, "1", "101")
    other = room.place(room.bob, BUY, "1", "99")
    assert room.desk.cancel_all(room.ann, room.listing, room.now, BUY) == [buy]
    assert room.desk.cancel_all(room.ann, None, room.now) == [sell]
    assert room.desk.open_orders(room.bob) == [other]
    assert room.held(room.ann) == room.held(room.ann, "BTC") == 0


def test_countdown_cancels_unless_set_anew(room: Room) -> None:
    order = room.place(room.ann, BUY, "1", "99")
    room.desk.countdown(room.ann, room.listing, room.now + 10 * SECOND, room.now)
    room.desk.tick(room.now + 9 * SECOND)
    room.desk.countdown(room.ann, room.listing, room.now + 19 * SECOND, room.now + 9 * SECOND)
    room.desk.tick(room.now + 18 * SECOND)
    assert order.state is OrderState.OPEN
    room.desk.tick(room.now + 19 * SECOND)
    assert (order.state, order.ended_by) == (OrderState.CANCELED, EndedBy.DEAD_MAN)
    later = room.place(room.ann, BUY, "1", "99")
    room.desk.tick(room.now + 60 * SECOND)
    assert later.state is OrderState.OPEN, "it goes off once"


def test_countdown_of_an_account_covers_all_and_can_be_disarmed(room: Room) -> None:
    mine, other = room.place(room.ann, BUY, "1", "99"), room.place(room.bob, BUY, "1", "99")
    room.desk.countdown(room.ann, None, room.now + SECOND, room.now)
    room.desk.countdown(room.bob, None, room.now + SECOND, room.now)
    room.desk.countdown(room.bob, None, None, room.now)
    room.desk.tick(room.now + 2 * SECOND)
    assert (mine.state, other.state) == (OrderState.CANCELED, OrderState.OPEN)


def test_cancelled_orders_without_a_fill_are_forgotten_and_others_kept() -> None:
    room = changed(forget_unfilled_s=60.0)
    room.house(SELL, "1", "100")
    filled = room.place(room.ann, BUY, "2", "100", client_id="f")
    empty = room.place(room.ann, BUY, "1", "99", client_id="e")
    room.desk.cancel_all(room.ann, None, room.now)
    room.desk.tick(room.now + 59 * SECOND)
    assert room.desk.order(room.ann, empty.order_id) is empty
    room.desk.tick(room.now + 60 * SECOND)
    for find in (
        lambda: room.desk.order(room.ann, empty.order_id),
        lambda: room.desk.by_client_id(room.ann, room.listing, "e"),
    ):
        with pytest.raises(Refused, match="unknown_order"):
            find()
    assert room.desk.orders(room.ann) == [filled]


def test_client_id_of_an_ended_order_is_found_for_a_time() -> None:
    room = changed(client_id_kept_s=60.0)
    old = room.place(room.ann, BUY, "1", "99", client_id="x")
    kept = room.place(room.ann, BUY, "1", "99", client_id="y")
    room.desk.cancel(old, room.now)
    room.desk.tick(room.now + 60 * SECOND)
    assert room.desk.order(room.ann, old.order_id) is old
    assert room.desk.by_client_id(room.ann, room.listing, "y") is kept
    with pytest.raises(Refused, match="unknown_order"):
        room.desk.by_client_id(room.ann, room.listing, "x")


def test_orders_and_fills_are_found_by_time_and_number(room: Room) -> None:
    orders = []
    for _ in range(3):
        room.house(SELL, "1", "100")
        orders.append(room.place(room.ann, BUY, "1", "100"))
        room.now += SECOND
    start = orders[0].created_ns
    assert room.desk.orders(room.ann, room.listing, start + SECOND) == orders[1:]
    assert room.desk.orders(room.ann, until_ns=start + SECOND) == orders[:2]
    fills = room.desk.fills(room.ann)
    assert [fill.order for fill in fills] == orders
    assert room.desk.fills(room.ann, after_id=fills[0].fill_id) == fills[1:]
    assert room.desk.fills(room.ann, order_id=orders[1].order_id) == [fills[1]]
    assert room.desk.fills(room.ann, since_ns=start + 2 * SECOND) == [fills[2]]
    assert room.desk.fills(room.bob) == []
    with pytest.raises(Refused, match="unknown_order"):
        room.desk.order(room.bob, orders[0].order_id)


def test_oldest_ended_orders_are_forgotten_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_store, "ENDED_KEPT_MAX", 2)
    room, orders = Room(), []
    for number in range(4):
        room.house(SELL, "1", "100")
        orders.append(room.place(room.ann, BUY, "1", "100", client_id=str(number)))
    assert room.desk.orders(room.ann) == orders[2:]
    assert room.desk.fills(room.ann, order_id=orders[1].order_id) == []
    with pytest.raises(Refused, match="unknown_order"):
        room.desk.by_client_id(room.ann, room.listing, "1")


def test_forgotten_orders_are_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of 90 days must not keep what the maximum has driven out: a busy exchange would grow for as long."""
    monkeypatch.setattr(order_store, "ENDED_KEPT_MAX", 3)
    room = changed(forget_unfilled_s=90 * 86_400.0, client_id_kept_s=3_600.0)
    for number in range(10):
        room.desk.cancel(room.place(room.ann, BUY, "1", "99", client_id=str(number)), room.now)
    room.reports.clear()
    gc.collect()
    alive = [one for one in gc.get_objects() if isinstance(one, SimOrder) and one.account is room.ann]
    assert sorted(order.client_order_id for order in alive) == ["7", "8", "9"]


def test_reference_price_is_the_fair_price_on_the_tick() -> None:
    market = SimMarket("binance", "usdm", [PERPETUAL], 1, T0)
    market.start(T0)
    listing = market.listings[PERPETUAL.key]
    desk = TradingDesk(market, Accounts(), RULES, FaultBoard(lambda: T0))
    for _ in range(3):
        market.step(market.now_ns + SECOND)
        mark = desk.mark_price(listing)
        assert mark % PERPETUAL.tick == 0
        assert abs(float(mark) - listing.funding().mark) <= 0.05
    far = Ticket(side=BUY, quantity=Decimal(1), price=mark * 2)
    ann = desk.accounts.open([], FUNDS)
    with pytest.raises(Refused, match="price_band"):
        desk.place(ann, listing, far, market.now_ns)


# ---- faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "halts"), [("", True), ("BTC/USDT", True), ("ETH", False)])
def test_halt_fault_halts_what_its_target_names(room: Room, target: str, halts: bool) -> None:
    room.fault(FaultKind.HALT, target)
    assert room.desk.is_halted(room.listing) is halts
    if halts:
        assert room.reason(room.ann, BUY, "1", "99") is Reason.HALTED


def test_reject_fault_refuses_for_want_of_balance(room: Room) -> None:
    room.fault(FaultKind.REJECT_ORDER, count=1)
    assert room.reason(room.ann, BUY, "0.0005", "99") is Reason.LOT_SIZE, "a wrong ticket does not use it up"
    assert room.reason(room.ann, BUY, "1", "99") is Reason.INSUFFICIENT_BALANCE
    assert room.place(room.ann, BUY, "1", "99").state is OrderState.OPEN


@pytest.mark.parametrize(
    ("tif", "price", "state", "filled"),
    [
        (GTC, "101", OrderState.OPEN, 2_000),
        (IOC, "101", OrderState.EXPIRED, 2_000),
        (FOK, "101", OrderState.EXPIRED, 0),
        (GTC, None, OrderState.EXPIRED, 2_000),
    ],
)
def test_partial_fill_fault_lets_about_half_fill(
    room: Room, tif: TimeInForce, price: str | None, state: OrderState, filled: int
) -> None:
    room.fault(FaultKind.PARTIAL_FILL, count=1)
    room.place(room.bob, SELL, "1", "100.5")
    room.house(SELL, "3", "100")
    room.house(SELL, "5", "101")
    resting = room.place(room.ann, BUY, "1", "99")
    order = room.place(room.ann, BUY, "4", price, tif)
    assert (order.state, order.filled_lots) == (state, filled)
    assert resting.state is OrderState.OPEN
    assert not room.faults.status(), "used up by the order that takes, not by the one that rests"
    room.desk.cancel_all(room.ann, None, room.now)
    assert room.held(room.ann) == 0


def test_listeners_see_the_order_as_it_is_at_each_report(room: Room) -> None:
    seen = []

    def look(report: object) -> None:
        if isinstance(report, OrderReport):
            order = report.order
            seen.append((report.change, order.filled_lots, order.state, room.held(room.ann)))

    room.desk.listeners.append(look)
    room.house(SELL, "1", "100")
    order = room.place(room.ann, BUY, "2", "100")
    room.desk.cancel(order, room.now)
    assert seen == [
        (Change.NEW, 0, OrderState.OPEN, 200),
        (Change.TRADE, 1_000, OrderState.OPEN, 100),
        (Change.CANCELED, 1_000, OrderState.CANCELED, 0),
    ]


def test_time_may_step_back(room: Room) -> None:
    order = room.place(room.ann, BUY, "1", "99")
    room.desk.tick(room.now)
    room.desk.tick(room.now - 3_600 * SECOND)
    room.desk.cancel(order, room.now - 3_600 * SECOND)
    again = room.desk.place(
        room.ann, room.listing, Ticket(side=BUY, quantity=Decimal(1), price=Decimal(99)), room.now - SECOND
    )
    assert again.order_id == order.order_id + 1
