"""A spot desk: what orders hold, what matches move, and what is told of it."""

from decimal import Decimal

import pytest
from tests.sim.trading_room import BUY, FUNDS, SELL, SPOT, T0, Room

from oneprice.sim.accounts import Accounts
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import SelfTrade, TimeInForce
from oneprice.sim.faults import FaultBoard
from oneprice.sim.market import SimInstrument, SimMarket
from oneprice.sim.orders import (
    BalanceReport,
    Change,
    DeskRules,
    EndedBy,
    OrderReport,
    OrderState,
    Reason,
    Refused,
    Report,
    SimOrder,
    Ticket,
)

GTC, IOC, FOK, POST_ONLY = TimeInForce


@pytest.fixture
def room() -> Room:
    return Room()


def test_resting_buy_holds_quote_and_cancel_gives_it_back(room: Room) -> None:
    order = room.place(room.ann, BUY, "2", "99.5")
    assert order.state is OrderState.OPEN
    assert (room.free(room.ann), room.held(room.ann)) == (Decimal(9_801), Decimal(199))
    assert room.tell() == ["ann new", "balance order"]
    room.desk.cancel(order, room.now)
    assert (order.state, order.ended_by) == (OrderState.CANCELED, EndedBy.USER)
    assert (room.free(room.ann), room.held(room.ann)) == (Decimal(10_000), Decimal(0))
    assert room.tell() == ["ann canceled", "balance order"]


def test_resting_sell_holds_base(room: Room) -> None:
    room.place(room.ann, SELL, "2", "101")
    assert (room.free(room.ann, "BTC"), room.held(room.ann, "BTC")) == (Decimal(48), Decimal(2))


def test_taker_pays_the_makers_price_and_the_fee_in_what_it_receives(room: Room) -> None:
    room.house(SELL, "1", "100")
    room.house(SELL, "5", "101")
    order = room.place(room.ann, BUY, "3", "102")
    assert (order.state, order.filled_lots, order.filled_quote) == (OrderState.FILLED, 3_000, Decimal(302))
    assert order.fees == {"BTC": Decimal("0.006")}
    assert (room.free(room.ann), room.held(room.ann)) == (Decimal(9_698), Decimal(0))
    assert room.free(room.ann, "BTC") == Decimal("52.994")
    assert room.free(room.accounts.house) == Decimal(302)
    assert room.free(room.accounts.house, "BTC") == Decimal(-3)
    assert room.free(room.accounts.revenue, "BTC") == Decimal("0.006")


def test_one_command_tells_new_then_trades_with_balances_then_the_end(room: Room) -> None:
    room.house(SELL, "1", "100")
    room.house(SELL, "1", "101")
    room.place(room.ann, BUY, "3", "101", IOC)
    assert room.tell() == [
        "ann new",
        "balance order",
        "ann trade 1000",
        "balance trade",
        "ann trade 1000",
        "balance trade",
        "ann expired",
        "balance order",
    ]
    trades = [r for r in room.reports if isinstance(r, BalanceReport) and r.reason.value == "trade"]
    assert [trade.changes for trade in trades] == [
        {"USDT": Decimal(-100), "BTC": Decimal("0.998")},
        {"USDT": Decimal(-101), "BTC": Decimal("0.998")},
    ]


def test_last_trade_of_an_order_shows_it_filled(room: Room) -> None:
    room.house(SELL, "3", "100")
    states = []
    room.desk.listeners.append(
        lambda r: states.append((r.change, r.order.state)) if isinstance(r, OrderReport) else None
    )
    room.place(room.ann, BUY, "1", "100")
    room.place(room.ann, BUY, None, quote="150")
    assert states == [(Change.NEW, OrderState.OPEN), (Change.TRADE, OrderState.FILLED)] * 2


def test_agents_fill_a_resting_order_at_the_makers_fee(room: Room) -> None:
    order = room.place(room.ann, BUY, "2", "99")
    room.tell()
    room.house(SELL, "0.5", None)
    assert (order.filled_lots, order.state) == (500, OrderState.OPEN)
    assert room.held(room.ann) == Decimal("148.5")
    assert room.tell() == ["ann trade 500", "balance trade"]
    room.house(SELL, "3", "98")
    assert order.state is OrderState.FILLED
    assert room.held(room.ann) == 0
    assert room.free(room.ann, "BTC") == Decimal("51.998")
    fills = room.desk.fills(room.ann)
    assert [(fill.is_maker, fill.fee, fill.fee_asset) for fill in fills] == [
        (True, Decimal("0.0005"), "BTC"),
        (True, Decimal("0.0015"), "BTC"),
    ]
    assert [fill.fill_id for fill in fills] == [trade.trade_id for trade in room.listing.trades]


def test_two_customers_trade_with_each_other_and_both_pay(room: Room) -> None:
    room.place(room.ann, SELL, "1", "100")
    room.place(room.bob, BUY, "1", "100")
    assert room.free(room.ann) == Decimal("10099.9")
    assert room.free(room.bob, "BTC") == Decimal("50.998")
    assert room.free(room.accounts.revenue) == Decimal("0.1")
    assert room.free(room.accounts.revenue, "BTC") == Decimal("0.002")
    assert room.accounts.house.wallets == {}
    taker, maker = room.desk.fills(room.bob)[0], room.desk.fills(room.ann)[0]
    assert taker.fill_id == maker.fill_id
    assert (taker.is_maker, maker.is_maker) == (False, True)


def test_account_that_trades_with_itself_only_pays_fees(room: Room) -> None:
    room.place(room.ann, SELL, "1", "100")
    room.place(room.ann, BUY, "1", "100")
    assert (room.free(room.ann), room.free(room.ann, "BTC")) == (Decimal("9999.9"), Decimal("49.998"))
    assert (room.held(room.ann), room.held(room.ann, "BTC")) == (Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    ("self_trade", "maker_state", "taker_state", "taker_end", "story"),
    [
        (SelfTrade.CANCEL_TAKER, OrderState.OPEN, OrderState.EXPIRED, EndedBy.SELF_TRADE, ["ann new", "ann expired"]),
        (SelfTrade.CANCEL_MAKER, OrderState.EXPIRED, OrderState.OPEN, EndedBy.NOTHING, ["ann new", "ann expired"]),
        (
            SelfTrade.CANCEL_BOTH,
            OrderState.EXPIRED,
            OrderState.EXPIRED,
            EndedBy.SELF_TRADE,
            ["ann new", "ann expired", "ann expired"],
        ),
    ],
)
def test_self_trade_prevention_ends_orders_and_frees_what_they_held(
    room: Room,
    self_trade: SelfTrade,
    maker_state: OrderState,
    taker_state: OrderState,
    taker_end: EndedBy,
    story: list[str],
) -> None:
    maker = room.place(room.ann, SELL, "1", "100")
    room.tell()
    taker = room.place(room.ann, BUY, "1", "100", self_trade=self_trade)
    assert (maker.state, taker.state, taker.ended_by) == (maker_state, taker_state, taker_end)
    assert maker.ended_by is (EndedBy.NOTHING if maker_state is OrderState.OPEN else EndedBy.SELF_TRADE)
    assert [told for told in room.tell() if told.startswith("ann")] == story
    assert room.held(room.ann, "BTC") == (1 if maker.state is OrderState.OPEN else 0)
    assert room.held(room.ann) == (100 if taker.state is OrderState.OPEN else 0)
    assert not room.desk.fills(room.ann)


def test_prevention_ends_the_maker_before_the_rest_of_the_taker(room: Room) -> None:
    maker = room.place(room.ann, SELL, "1", "100")
    room.house(SELL, "1", "100")
    ended: list[SimOrder] = []

    def hear(report: Report) -> None:
        if isinstance(report, OrderReport) and report.change is Change.EXPIRED:
            ended.append(report.order)

    room.desk.listeners.append(hear)
    taker = room.place(room.ann, BUY, "3", "100", IOC, self_trade=SelfTrade.CANCEL_MAKER)
    assert ended == [maker, taker]
    assert (taker.filled_lots, taker.ended_by) == (1_000, EndedBy.IOC)


def test_market_buy_by_quote_spends_no_more_and_keeps_the_rest(room: Room) -> None:
    room.house(SELL, "1", "100")
    room.house(SELL, "5", "150")
    order = room.place(room.ann, BUY, None, quote="200.1")
    assert (order.lots, order.filled_lots, order.filled_quote) == (None, 1_667, Decimal("200.05"))
    assert order.state is OrderState.FILLED
    assert (room.free(room.ann), room.held(room.ann)) == (Decimal("9799.95"), Decimal(0))


def test_market_sell_by_quote_receives_no_more_than_asked(room: Room) -> None:
    room.house(BUY, "5", "100")
    order = room.place(room.ann, SELL, None, quote="150.05")
    assert (order.filled_lots, order.filled_quote, order.state) == (1_500, Decimal(150), OrderState.FILLED)
    assert room.held(room.ann, "BTC") == 0


def test_market_order_by_quote_beyond_the_book_ends_for_want_of_liquidity(room: Room) -> None:
    room.house(SELL, "1", "100")
    order = room.place(room.ann, BUY, None, quote="500")
    assert (order.filled_lots, order.state, order.ended_by) == (1_000, OrderState.EXPIRED, EndedBy.NO_LIQUIDITY)
    assert (room.free(room.ann), room.held(room.ann)) == (Decimal(9_900), Decimal(0))


def test_market_buy_needs_only_what_it_will_cost(room: Room) -> None:
    room.house(SELL, "50", "150")
    room.house(SELL, "50", "250")
    room.mark = Decimal(150)
    order = room.place(room.ann, BUY, "60")
    assert (order.state, order.filled_quote, room.free(room.ann)) == (OrderState.FILLED, Decimal(10_000), Decimal(0))


def test_market_buy_that_costs_more_than_there_is_is_refused(room: Room) -> None:
    room.house(SELL, "100", "100.1")
    assert room.reason(room.ann, BUY, "100") is Reason.INSUFFICIENT_BALANCE


@pytest.mark.parametrize(
    ("tif", "ended_by"), [(IOC, EndedBy.IOC), (FOK, EndedBy.FOK)], ids=["ioc takes what it gets", "fok takes nothing"]
)
def test_time_in_force_ends_an_order_that_the_book_cannot_fill(room: Room, tif: TimeInForce, ended_by: EndedBy) -> None:
    room.house(SELL, "1", "100")
    order = room.place(room.ann, BUY, "2", "100", tif)
    assert (order.state, order.ended_by) == (OrderState.EXPIRED, ended_by)
    assert order.filled_lots == (1_000 if tif is IOC else 0)
    assert room.held(room.ann) == 0


@pytest.mark.parametrize(("decimals", "fee"), [(8, "0.0000222"), (4, "0.0001"), (2, "0.01")])
def test_fee_is_rounded_up(decimals: int, fee: str) -> None:
    room = Room(rules=DeskRules(maker_fee=Decimal(0), taker_fee=Decimal("0.0001"), fee_decimals=decimals))
    room.house(SELL, "1", "100")
    assert room.place(room.ann, BUY, "0.222", "100").fees == {"BTC": Decimal(fee)}


def test_fee_is_never_more_than_what_is_received() -> None:
    fine = SimInstrument("BTC", "USDT", Decimal("0.1"), Decimal("1E-10"), Decimal("1E-10"), Decimal(0))
    room = Room(fine)
    room.house(SELL, "1", "100")
    order = room.place(room.ann, BUY, "0.0000000003", "100")
    assert order.fees == {"BTC": Decimal("0.0000000003")}
    assert room.free(room.ann, "BTC") == 50


def test_own_fee_rates_go_before_the_markets(room: Room) -> None:
    room.ann.taker_fees["spot"] = Decimal("0.01")
    room.ann.maker_fees["BTC/USDT"] = Decimal("-0.001")
    room.house(SELL, "1", "100")
    assert room.place(room.ann, BUY, "1", "100").fees == {"BTC": Decimal("0.01")}
    rebated = room.place(room.ann, BUY, "1", "99")
    room.house(SELL, "1", "99")
    assert rebated.fees == {"BTC": Decimal("-0.001")}
    assert room.free(room.accounts.revenue, "BTC") == Decimal("0.009")


def test_deposit_and_withdrawal_are_told_and_bounded(room: Room) -> None:
    room.place(room.ann, BUY, "50", "100")
    room.tell()
    room.desk.deposit(room.ann, "USDT", Decimal("0.00000001"), room.now)
    room.desk.deposit(room.ann, "USDT", Decimal(-4_000), room.now)
    assert room.free(room.ann) == Decimal("1000.00000001")
    assert room.tell() == ["balance deposit", "balance withdraw"]
    with pytest.raises(Refused, match="insufficient_balance"):
        room.desk.deposit(room.ann, "USDT", Decimal(-1_001), room.now)


def test_spot_orders_need_no_margin(room: Room) -> None:
    room.place(room.ann, BUY, "1", "99")
    assert room.desk.order_margin(room.ann) == room.desk.position_margin(room.ann, room.listing) == 0
    assert room.reason(room.ann, BUY, "1", "99", reduce_only=True) is Reason.REDUCE_ONLY
    room.desk.settle_funding(room.now)
    assert room.tell() == ["ann new", "balance order"]


def test_orders_in_a_recorded_book_use_the_listings_own_lot() -> None:
    class Still:
        """A recording that has ended."""

        def start(self, now_ns: int) -> None:
            assert now_ns == T0

        def step(self, now_ns: int) -> None:
            raise AssertionError("not stepped here")

    market = SimMarket("binance", "spot", [SPOT], 1, T0)
    market.start(T0, {"BTC/USDT": lambda listing: Still()})
    listing, accounts = market.listings["BTC/USDT"], Accounts()
    ann = accounts.open([], FUNDS)
    rules = Room().desk.rules
    desk = TradingDesk(market, accounts, rules, FaultBoard(lambda: T0))
    listing.engine.place("playback", SELL, 123_456_789, 1_000)
    listing.engine.place("playback", BUY, 123_456_789, 990)
    assert desk.mark_price(listing) == Decimal("99.5"), "the middle of the recorded book"
    with pytest.raises(Refused, match="lot_size"):
        desk.place(ann, listing, Ticket(side=BUY, quantity=Decimal("0.0001"), price=Decimal(100)), T0)
    order = desk.place(ann, listing, Ticket(side=BUY, quote_quantity=Decimal(100)), T0)
    assert (order.filled_lots, order.filled_quote) == (100_000_000, Decimal(100))
    rest = desk.place(ann, listing, Ticket(side=BUY, quantity=Decimal("0.235"), price=Decimal(100)), T0)
    assert (rest.filled_lots, rest.left_lots) == (23_456_789, 43_211)
    assert desk.available(ann, "USDT") == Decimal("9876.5")
