"""The matching engine against a slow and obvious model, and its promises about events."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneprice.sim.engine import (
    BookChange,
    Engine,
    Event,
    PlaceStatus,
    Removal,
    RestingOrder,
    SelfTrade,
    Side,
    TimeInForce,
    TradePrint,
    UpdateSequence,
)

GTC, IOC, FOK, POST_ONLY = TimeInForce
NONE, CANCEL_TAKER, CANCEL_MAKER, CANCEL_BOTH = SelfTrade


@dataclass
class ModelOrder:
    number: int
    owner: str
    side: Side
    price: int
    lots: int


@dataclass
class Model:
    """Every order in one list, sorted again for each match: too slow for use, too simple to be wrong."""

    orders: list[ModelOrder] = field(default_factory=list)
    trades: list[tuple[int, int, int, int]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    count: int = 0

    def place(
        self, owner: str, side: Side, lots: int, price: int | None, tif: TimeInForce, self_trade: SelfTrade
    ) -> None:
        self.count += 1
        number = self.count
        reachable = [
            order
            for order in self.orders
            if order.side is not side
            and (price is None or (order.price <= price if side is Side.BUY else order.price >= price))
        ]
        reachable.sort(key=lambda order: order.price if side is Side.BUY else -order.price)
        if tif is POST_ONLY and (price is None or reachable):
            return
        stops = False
        for index, order in enumerate(reachable):
            if owner and order.owner == owner and self_trade in (CANCEL_TAKER, CANCEL_BOTH):
                before = sum(earlier.lots for earlier in reachable[:index])
                stops = before < lots
                reachable = reachable[: index + (self_trade is CANCEL_BOTH)]
                break
        own = [order for order in reachable if owner and order.owner == owner and self_trade is not NONE]
        if tif is FOK and sum(order.lots for order in reachable if order not in own) < lots:
            return
        for order in reachable:
            if order in own:
                if lots:
                    self.removed.append(order.number)
                    order.lots = 0
                continue
            matched = min(lots, order.lots)
            if matched:
                self.trades.append((order.number, number, order.price, matched))
            lots -= matched
            order.lots -= matched
        self.orders = [order for order in self.orders if order.lots]
        if lots and price is not None and tif in (GTC, POST_ONLY) and not stops:
            self.orders.append(ModelOrder(number, owner, side, price, lots))

    def cancel(self, number: int) -> None:
        self.orders = [order for order in self.orders if order.number != number]

    def resize(self, number: int, lots: int) -> None:
        for order in self.orders:
            if order.number == number:
                if lots > order.lots:
                    self.orders.remove(order)
                    self.orders.append(order)
                order.lots = lots
                return

    def levels(self, side: Side) -> list[tuple[int, int]]:
        totals: dict[int, int] = {}
        for order in self.orders:
            if order.side is side:
                totals[order.price] = totals.get(order.price, 0) + order.lots
        return sorted(totals.items(), reverse=side is Side.BUY)


prices = st.integers(90, 110)
places = st.tuples(
    st.just("place"),
    st.sampled_from(["ann", "bob", "carl", ""]),
    st.sampled_from(list(Side)),
    st.integers(1, 9),
    st.none() | prices,
    st.sampled_from(list(TimeInForce)),
    st.sampled_from(list(SelfTrade)),
)
cancels = st.tuples(st.just("cancel"), st.integers(1, 40))
resizes = st.tuples(st.just("resize"), st.integers(1, 40), st.integers(1, 9))


def compare(commands: list[tuple[Any, ...]]) -> int:
    """Run the commands on both and compare after each; returns how many trades there were."""
    engine, model, events, removals = Engine(), Model(), list[Event](), list[Removal]()
    engine.listeners.append(events.append)
    engine.removals.append(removals.append)
    placed_lots = cancelled_lots = resized_lots = expired_lots = 0
    for name, *rest in commands:
        if name == "place":
            owner, side, lots, price, tif, self_trade = rest
            answer = engine.place(owner, side, lots, price, tif, self_trade=self_trade)
            model.place(owner, side, lots, price, tif, self_trade)
            placed_lots += lots
            expired_lots += lots - answer.filled_lots - answer.resting_lots
        elif name == "cancel":
            cancelled_lots += engine.cancel(rest[0])
            model.cancel(rest[0])
        else:
            before = engine.order(rest[0])
            before_lots = before.lots if before else 0
            if engine.resize(rest[0], rest[1]):
                resized_lots += rest[1] - before_lots
            model.resize(*rest)
        bid, ask = engine.best(Side.BUY), engine.best(Side.SELL)
        assert bid is None or ask is None or bid < ask
        assert engine.levels(Side.BUY) == model.levels(Side.BUY)
        assert engine.levels(Side.SELL) == model.levels(Side.SELL)
    trades = [event for event in events if isinstance(event, TradePrint)]
    assert [(t.maker_order_id, t.taker_order_id, t.price_ticks, t.lots) for t in trades] == model.trades
    assert [removal.order_id for removal in removals] == model.removed
    assert all(removal.by_self_trade and removal.left_lots == 0 for removal in removals)
    resting = sum(lots for side in Side for _, lots in engine.levels(side))
    traded = sum(trade.lots for trade in trades)
    prevented = sum(removal.lots for removal in removals)
    assert placed_lots + resized_lots == resting + 2 * traded + cancelled_lots + expired_lots + prevented
    return len(trades)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(places, places, cancels, resizes), max_size=60))
def test_engine_does_what_the_obvious_model_does(commands: list[tuple[Any, ...]]) -> None:
    compare(commands)


@pytest.mark.parametrize("seed", range(4))
def test_engine_does_what_the_obvious_model_does_over_long_runs(seed: int) -> None:
    random = Random(seed)

    def command(number: int) -> tuple[Any, ...]:
        kind = random.choices(("place", "cancel", "resize"), (8, 2, 1))[0]
        recent = random.randrange(max(0, number - 60), number + 1)
        if kind == "cancel":
            return kind, recent
        if kind == "resize":
            return kind, recent, random.randint(1, 9)
        price = None if random.random() < 0.1 else random.randint(95, 105)
        tif = random.choices(list(TimeInForce), (5, 2, 2, 2))[0]
        owner, side = random.choice(["ann", "bob", "carl", ""]), random.choice(list(Side))
        return kind, owner, side, random.randint(1, 9), price, tif, random.choice(list(SelfTrade))

    assert compare([command(number) for number in range(3_000)]) > 500


@settings(max_examples=100, deadline=None)
@given(st.lists(places, max_size=60))
def test_changes_alone_rebuild_the_book_and_number_without_a_gap(commands: list[tuple[Any, ...]]) -> None:
    engine = Engine(UpdateSequence(100))
    book: dict[tuple[Side, int], int] = {}
    ids: list[int] = []

    def hear(event: Event) -> None:
        if isinstance(event, BookChange):
            ids.append(event.update_id)
            book[event.side, event.price_ticks] = event.total_lots
            if event.total_lots == 0:
                del book[event.side, event.price_ticks]

    engine.listeners.append(hear)
    for _, owner, side, lots, price, tif, self_trade in commands:
        promised = engine.preview(owner, side, lots, price, self_trade)
        answer = engine.place(owner, side, lots, price, tif, 0, self_trade)
        if tif in (GTC, IOC):
            assert sum(met for _, met in promised) == answer.filled_lots
    assert ids == list(range(101, 101 + len(ids)))
    assert engine.update_id == (ids[-1] if ids else 100)
    for side in Side:
        assert dict(engine.levels(side)) == {price: lots for (s, price), lots in book.items() if s is side}


def test_older_order_at_a_price_trades_first_and_growing_loses_the_place() -> None:
    engine = Engine()
    first = engine.place("a", Side.SELL, 5, 100).order_id
    second = engine.place("b", Side.SELL, 5, 100).order_id
    engine.resize(first, 4)
    engine.place("t", Side.BUY, 4, 100, IOC)
    assert engine.order(first) is None
    third = engine.place("c", Side.SELL, 5, 100).order_id
    engine.resize(second, 6)
    engine.place("t", Side.BUY, 5, None)
    assert engine.order(third) is None
    remaining = engine.order(second)
    assert remaining is not None
    assert remaining.lots == 6


@pytest.mark.parametrize(
    ("lots", "price", "tif", "status", "filled"),
    [
        (3, 100, GTC, PlaceStatus.FILLED, 3),
        (8, 100, GTC, PlaceStatus.RESTING, 5),
        (8, 100, IOC, PlaceStatus.EXPIRED, 5),
        (8, 100, FOK, PlaceStatus.EXPIRED, 0),
        (8, 101, FOK, PlaceStatus.FILLED, 8),
        (8, None, GTC, PlaceStatus.FILLED, 8),
        (99, None, IOC, PlaceStatus.EXPIRED, 10),
        (1, 100, POST_ONLY, PlaceStatus.REJECTED, 0),
        (1, 99, POST_ONLY, PlaceStatus.RESTING, 0),
    ],
)
def test_time_in_force_decides_what_becomes_of_a_buy(
    lots: int, price: int | None, tif: TimeInForce, status: PlaceStatus, filled: int
) -> None:
    engine = Engine()
    engine.place("maker", Side.SELL, 5, 100)
    engine.place("maker", Side.SELL, 5, 101)
    answer = engine.place("taker", Side.BUY, lots, price, tif)
    assert (answer.status, answer.filled_lots) == (status, filled)


@pytest.mark.parametrize(
    ("self_trade", "status", "filled", "own_is_left", "far_lots"),
    [
        (NONE, PlaceStatus.FILLED, 8, False, 3),
        (CANCEL_TAKER, PlaceStatus.SELF_TRADE, 2, True, 5),
        (CANCEL_MAKER, PlaceStatus.RESTING, 7, False, 0),
        (CANCEL_BOTH, PlaceStatus.SELF_TRADE, 2, False, 5),
    ],
)
def test_self_trade_prevention_cancels_whom_the_taker_says(
    self_trade: SelfTrade, status: PlaceStatus, filled: int, own_is_left: bool, far_lots: int
) -> None:
    engine = Engine()
    engine.place("maker", Side.SELL, 2, 100)
    own = engine.place("ann", Side.SELL, 4 if self_trade is NONE else 9, 100).order_id
    engine.place("maker", Side.SELL, 5, 101)
    answer = engine.place("ann", Side.BUY, 8, 101, self_trade=self_trade)
    assert (answer.status, answer.filled_lots) == (status, filled)
    assert (engine.order(own) is not None) is own_is_left
    assert engine.total_lots(Side.SELL, 101) == far_lots


def test_orders_without_an_owner_meet_each_other() -> None:
    engine = Engine()
    engine.place("", Side.SELL, 2, 100)
    assert engine.place("", Side.BUY, 2, 100, self_trade=CANCEL_BOTH).status is PlaceStatus.FILLED


def test_fill_or_kill_that_prevention_keeps_from_filling_cancels_nothing() -> None:
    engine = Engine()
    engine.place("maker", Side.SELL, 2, 100)
    own = engine.place("ann", Side.SELL, 9, 100).order_id
    for self_trade in (CANCEL_TAKER, CANCEL_MAKER, CANCEL_BOTH):
        answer = engine.place("ann", Side.BUY, 3, 100, FOK, self_trade=self_trade)
        assert (answer.status, answer.filled_lots) == (PlaceStatus.EXPIRED, 0)
    assert engine.order(own) is not None
    assert engine.total_lots(Side.SELL, 100) == 11


def test_last_look_trims_a_resting_order_before_it_trades() -> None:
    engine, removals = Engine(), list[Removal]()
    engine.removals.append(removals.append)
    free = engine.place("ann", Side.SELL, 3, 100).order_id
    bound = engine.place("ann", Side.SELL, 6, 101).order_id

    def look(order: RestingOrder, before: int) -> int:
        return 5 - before if order.order_id == bound else order.lots

    engine.last_look = look
    assert engine.preview("bob", Side.BUY, 9, None) == [(100, 3), (101, 2)]
    answer = engine.place("bob", Side.BUY, 9, 101, FOK)
    assert answer.status is PlaceStatus.EXPIRED
    assert not removals
    answer = engine.place("bob", Side.BUY, 9, 101, IOC)
    assert answer.filled_lots == 5
    assert [(r.order_id, r.lots, r.left_lots, r.by_self_trade) for r in removals] == [(bound, 4, 0, False)]
    assert engine.order(free) is None
    assert engine.best(Side.SELL) is None


def test_command_settles_once_and_only_when_the_book_changed() -> None:
    engine, settled = Engine(), list[int]()
    engine.settled.append(settled.append)
    engine.place("maker", Side.SELL, 5, 100, GTC, 1)
    engine.place("maker", Side.SELL, 5, 101, GTC, 2)
    engine.place("taker", Side.BUY, 7, 101, IOC, 3)
    engine.place("taker", Side.BUY, 1, 50, IOC, 4)
    assert settled == [1, 2, 3]


@pytest.mark.parametrize(("lots", "price"), [(0, 100), (-1, 100), (1, 0), (1, -5)])
def test_senseless_orders_are_refused(lots: int, price: int) -> None:
    with pytest.raises(ValueError):
        Engine().place("owner", Side.BUY, lots, price)
