"""A perpetual desk: net positions, margin, funding, reduce-only orders. Contracts are 0.1 BTC, the leverage is 10."""

from decimal import Decimal

import pytest
from tests.sim.trading_room import BUY, HOUR, SELL, Room, perpetual

from oneprice.sim.accounts import Account
from oneprice.sim.engine import SelfTrade, TimeInForce
from oneprice.sim.orders import BalanceReport, EndedBy, OrderState, Reason, Refused, SimOrder

GTC, IOC, FOK, POST_ONLY = TimeInForce
KEY = "BTC/USDT:USDT"


@pytest.fixture
def room() -> Room:
    return perpetual()


def buy(room: Room, account: Account, quantity: str, price: str) -> SimOrder:
    room.house(SELL, quantity, price)
    return room.place(account, BUY, quantity, price)


def sell(room: Room, account: Account, quantity: str, price: str) -> SimOrder:
    room.house(BUY, quantity, price)
    return room.place(account, SELL, quantity, price)


def test_buying_opens_a_position_at_its_cost_and_pays_the_fee_in_quote(room: Room) -> None:
    order = buy(room, room.ann, "10", "100")
    position = room.ann.position(KEY)
    assert (position.lots, position.cost) == (10, 100)
    assert order.fees == {"USDT": Decimal("0.2")}
    assert room.free(room.ann) == Decimal("9999.8")
    assert room.tell() == ["ann new", "ann trade 10", "balance trade", "position"]
    house = room.accounts.house.position(KEY)
    assert (house.lots, house.cost) == (-10, -100)


def test_closing_books_the_profit(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    sell(room, room.ann, "10", "110")
    position = room.ann.position(KEY)
    assert (position.lots, position.cost, position.realised) == (0, 0, 10)
    assert room.free(room.ann) == Decimal(10_000) + 10 - Decimal("0.2") - Decimal("0.22")
    assert [fill.realised for fill in room.desk.fills(room.ann)] == [0, 10]
    assert room.accounts.house.position(KEY).realised == -10


def test_closing_a_part_books_its_share_and_keeps_the_remainder_in_the_cost(room: Room) -> None:
    buy(room, room.ann, "1", "100")
    buy(room, room.ann, "2", "100.1")
    sell(room, room.ann, "1", "110")
    position = room.ann.position(KEY)
    assert position.realised == Decimal("0.99333333"), "11 less a third of 30.02, rounded to 8 decimals"
    assert position.cost == Decimal("20.01333333")
    sell(room, room.ann, "2", "110")
    assert (position.cost, position.realised) == (0, Decimal("2.98"))


def test_selling_more_than_there_is_turns_the_position_round(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    sell(room, room.ann, "15", "90")
    position = room.ann.position(KEY)
    assert (position.lots, position.cost, position.realised) == (-5, -45, -10)
    room.mark = Decimal(80)
    assert room.desk.unrealised(room.ann, room.listing) == 5


def test_agents_fill_a_resting_order_into_the_position(room: Room) -> None:
    room.place(room.ann, SELL, "4", "101")
    room.house(BUY, "3", None)
    assert room.ann.position(KEY).lots == -3
    assert room.desk.fills(room.ann)[0].fee == Decimal("0.0303")


def test_available_is_wallet_and_losses_less_margin(room: Room) -> None:
    buy(room, room.ann, "100", "100")
    assert room.desk.position_margin(room.ann, room.listing) == 100
    assert room.desk.available(room.ann, "USDT") == Decimal(9_998 - 100)
    room.mark = Decimal(90)
    assert room.desk.position_margin(room.ann, room.listing) == 90
    assert room.desk.available(room.ann, "USDT") == Decimal(9_998 - 100 - 90)
    room.mark = Decimal(120)
    assert room.desk.unrealised(room.ann, room.listing) == 200
    assert room.desk.available(room.ann, "USDT") == Decimal(9_998 - 120), "profit is not available before it is booked"
    room.mark = Decimal("0.1")
    assert room.desk.available(room.ann, "USDT") == Decimal(9_998 - 999 - Decimal("0.1"))


def test_open_orders_need_margin_only_for_what_they_open(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    room.place(room.ann, SELL, "4", "110")
    assert room.desk.order_margin(room.ann) == 0
    room.place(room.ann, SELL, "10", "120")
    assert room.desk.order_margin(room.ann) == 4 * 12 / Decimal(10), "4 of 10 open a short at 120"
    room.place(room.ann, BUY, "10", "90")
    assert room.desk.order_margin(room.ann) == Decimal("4.8") + 9


def test_order_that_needs_more_margin_than_there_is_is_refused(room: Room) -> None:
    assert room.reason(room.ann, BUY, "10000", "100") is Reason.INSUFFICIENT_BALANCE
    assert room.place(room.ann, BUY, "9000", "100").state is OrderState.OPEN
    assert room.reason(room.ann, BUY, "1000", "100") is Reason.INSUFFICIENT_BALANCE
    room.house(SELL, "1000", "100.5")
    assert room.reason(room.ann, BUY, "1000") is Reason.INSUFFICIENT_BALANCE
    order = room.desk.open_orders(room.ann)[0]
    with pytest.raises(Refused, match="insufficient_balance"):
        room.desk.amend(order, room.now, None, Decimal(11_000))
    room.desk.amend(order, room.now, None, Decimal(9_500))
    assert room.desk.available(room.ann, "USDT") == 500


def test_closing_is_allowed_without_margin(room: Room) -> None:
    buy(room, room.ann, "9000", "100")
    room.mark = Decimal(95)
    assert room.desk.available(room.ann, "USDT") == 0
    assert sell(room, room.ann, "9000", "95").state is OrderState.FILLED


def test_leverage_has_bounds_and_must_be_covered(room: Room) -> None:
    assert room.desk.leverage(room.ann, room.listing) == 10
    buy(room, room.ann, "1000", "100")
    for wrong in (0, 126, -1):
        with pytest.raises(Refused, match="bad_leverage"):
            room.desk.set_leverage(room.ann, room.listing, wrong)
    room.desk.set_leverage(room.ann, room.listing, 2)
    assert room.desk.position_margin(room.ann, room.listing) == 5_000
    with pytest.raises(Refused, match="bad_leverage"):
        room.desk.set_leverage(room.ann, room.listing, 1)
    assert room.desk.leverage(room.ann, room.listing) == 2


def test_hedge_mode_needs_a_clean_account_and_takes_no_orders(room: Room) -> None:
    order = room.place(room.ann, BUY, "1", "99")
    with pytest.raises(Refused, match="in_use"):
        room.desk.set_hedge_mode(room.ann, True)
    room.desk.cancel(order, room.now)
    room.desk.set_hedge_mode(room.ann, True)
    assert room.reason(room.ann, BUY, "1", "99") is Reason.HALTED
    room.desk.set_hedge_mode(room.ann, False)
    buy(room, room.ann, "1", "100")
    with pytest.raises(Refused, match="in_use"):
        room.desk.set_hedge_mode(room.ann, True)
    room.desk.set_hedge_mode(room.ann, False)


def test_only_what_is_available_can_be_withdrawn(room: Room) -> None:
    buy(room, room.ann, "1000", "100")
    assert room.desk.available(room.ann, "USDT") == 8_980
    with pytest.raises(Refused, match="insufficient_balance"):
        room.desk.deposit(room.ann, "USDT", Decimal("-8980.01"), room.now)
    room.desk.deposit(room.ann, "USDT", Decimal(-8_980), room.now)
    assert room.desk.available(room.ann, "USDT") == 0


# ---- funding ------------------------------------------------------------------------------------------


def test_funding_goes_from_longs_to_shorts_where_the_rate_is_positive(room: Room) -> None:
    buy(room, room.ann, "30", "100")
    sell(room, room.bob, "10", "100")
    before = room.free(room.ann), room.free(room.bob), room.free(room.accounts.house)
    room.tell()
    room.desk.settle_funding(room.now, Decimal("0.0001"))
    after = room.free(room.ann), room.free(room.bob), room.free(room.accounts.house)
    changes = [new - old for new, old in zip(after, before, strict=True)]
    assert changes == [Decimal("-0.03"), Decimal("0.01"), Decimal("0.02")]
    assert room.tell() == ["balance funding", "balance funding"]
    payment = room.desk.funding_payments(room.ann, room.listing)[0]
    assert (payment.time_ns, payment.key, payment.amount, payment.rate) == (
        room.now,
        KEY,
        changes[0],
        Decimal("0.0001"),
    )


def test_funding_is_rounded_as_wallets_are_and_the_house_takes_the_rest(room: Room) -> None:
    """Wallets have 8 decimals on the wire: what is paid must be what income says."""
    buy(room, room.ann, "30", "100")
    sell(room, room.bob, "10", "100")
    before = room.free(room.ann), room.free(room.bob), room.free(room.accounts.house)
    room.desk.settle_funding(room.now, Decimal("0.00000000123456"))
    after = room.free(room.ann), room.free(room.bob), room.free(room.accounts.house)
    changes = [new - old for new, old in zip(after, before, strict=True)]
    assert changes == [Decimal("-0.00000038"), Decimal("0.00000012"), Decimal("0.00000026")]
    assert [room.desk.funding_payments(who)[0].amount for who in (room.ann, room.bob)] == changes[:2]


def test_funding_is_paid_once_at_each_of_its_hours(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    interval = 8 * HOUR
    first = (room.now // interval + 1) * interval
    for now in (room.now, first - 1, first, first + 1, first - HOUR, first + interval):
        room.desk.tick(now)
    assert [payment.time_ns for payment in room.desk.funding_payments(room.ann)] == [first, first + interval]


def test_nobody_pays_funding_without_a_position(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    sell(room, room.ann, "10", "100")
    room.tell()
    room.desk.settle_funding(room.now)
    assert room.tell() == []
    assert room.desk.funding_payments(room.ann) == []


# ---- reduce-only --------------------------------------------------------------------------------------


def test_reduce_only_needs_a_position_on_the_other_side(room: Room) -> None:
    assert room.reason(room.ann, SELL, "1", "101", reduce_only=True) is Reason.REDUCE_ONLY
    buy(room, room.ann, "10", "100")
    assert room.reason(room.ann, BUY, "1", "99", reduce_only=True) is Reason.REDUCE_ONLY


def test_reduce_only_is_cut_to_what_it_can_close(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    first = room.place(room.ann, SELL, "7", "101", reduce_only=True)
    second = room.place(room.ann, SELL, "7", "102", reduce_only=True)
    assert (first.lots, second.lots) == (7, 3)
    assert room.reason(room.ann, SELL, "1", "103", reduce_only=True) is Reason.REDUCE_ONLY
    with pytest.raises(Refused, match="reduce_only"):
        room.desk.amend(second, room.now, None, Decimal(4))
    assert room.desk.order_margin(room.ann) == 0


def test_small_rest_of_a_position_can_be_closed(room: Room) -> None:
    buy(room, room.ann, "1", "100")
    room.mark = Decimal(40)
    room.house(BUY, "50", "40")
    assert room.reason(room.ann, SELL, "1", "41") is Reason.MIN_NOTIONAL
    assert room.reason(room.ann, SELL, "1") is Reason.MIN_NOTIONAL
    resting = room.place(room.ann, SELL, "1", "41", reduce_only=True)
    room.desk.amend(resting, room.now, Decimal(42), None)
    room.desk.cancel(resting, room.now)
    assert room.place(room.ann, SELL, "1", reduce_only=True).state is OrderState.FILLED


def test_market_reduce_only_closes_and_never_turns_round(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    room.house(BUY, "50", "99")
    order = room.place(room.ann, SELL, "25", reduce_only=True)
    assert (order.state, order.lots, order.filled_lots) == (OrderState.FILLED, 10, 10)
    assert room.ann.position(KEY).lots == 0


def test_reduce_only_orders_shrink_with_the_position_newest_first(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    first = room.place(room.ann, SELL, "5", "101", reduce_only=True)
    second = room.place(room.ann, SELL, "5", "102", reduce_only=True)
    room.tell()
    sell(room, room.ann, "3", "100")
    assert (first.lots, second.lots) == (5, 2)
    assert room.tell() == ["ann new", "ann trade 3", "balance trade", "position", "ann amended"]
    sell(room, room.ann, "4", "100")
    assert (first.lots, second.state, second.ended_by) == (3, OrderState.CANCELED, EndedBy.REDUCE_ONLY)
    sell(room, room.ann, "6", "100")
    assert (first.state, first.ended_by, room.ann.position(KEY).lots) == (OrderState.CANCELED, EndedBy.REDUCE_ONLY, -3)
    assert room.engine.best(SELL) is None


def test_one_sweep_through_both_kinds_of_orders_does_not_turn_the_position_round(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    plain = room.place(room.ann, SELL, "7", "101")
    reducing = room.place(room.ann, SELL, "10", "102", reduce_only=True)
    room.house(BUY, "30", "105", IOC)
    assert (plain.state, reducing.filled_lots) == (OrderState.FILLED, 3)
    assert (reducing.state, reducing.ended_by) == (OrderState.CANCELED, EndedBy.REDUCE_ONLY)
    assert room.ann.position(KEY).lots == 0
    assert room.engine.best(SELL) is None


def test_reduce_only_maker_is_cut_before_a_fill_or_kill_counts_on_it(room: Room) -> None:
    buy(room, room.ann, "10", "100")
    room.place(room.ann, SELL, "7", "101")
    room.place(room.ann, SELL, "10", "102", reduce_only=True)
    assert room.place(room.bob, BUY, "12", "102", FOK).ended_by is EndedBy.FOK
    assert room.place(room.bob, BUY, "10", "102", FOK).state is OrderState.FILLED


def test_self_trade_prevention_works_on_perpetuals(room: Room) -> None:
    maker = room.place(room.ann, SELL, "5", "100")
    taker = room.place(room.ann, BUY, "5", "100", self_trade=SelfTrade.CANCEL_BOTH)
    assert (maker.ended_by, taker.ended_by) == (EndedBy.SELF_TRADE, EndedBy.SELF_TRADE)
    assert room.ann.position(KEY).lots == 0


def test_account_that_trades_with_itself_keeps_its_position(room: Room) -> None:
    buy(room, room.ann, "5", "100")
    room.place(room.ann, SELL, "5", "101")
    room.place(room.ann, BUY, "5", "101")
    position = room.ann.position(KEY)
    assert position.lots == 5
    assert room.free(room.ann) - position.cost == 10_000 - 50 - sum(fill.fee for fill in room.desk.fills(room.ann))
    assert all(isinstance(r.changes["USDT"], Decimal) for r in room.reports if isinstance(r, BalanceReport))
