"""The top-N views behind Gate's depth channels, read by clients that follow the published rules."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from oneprice.sim.dialects.gate.depth import DepthUpdate, TopLevels
from oneprice.sim.engine import BookChange, Engine, Side

PRICES = st.integers(1, 9)
ORDERS = st.tuples(st.sampled_from(Side), PRICES, st.integers(1, 3))
CANCEL = st.integers(0, 60)
STEPS = st.lists(st.one_of(ORDERS, CANCEL, st.just("snapshot"), st.just("frame")), max_size=60)

Book = dict[Side, dict[int, int]]


def best(side: Side, levels: dict[int, int], depth: int) -> dict[int, int]:
    kept = sorted(levels, reverse=side is Side.BUY)[:depth]
    return {price: levels[price] for price in kept}


def apply(book: Book, update: DepthUpdate) -> None:
    for side, changes in ((Side.BUY, update.bids), (Side.SELL, update.asks)):
        for price, lots in changes:
            if lots:
                book[side][price] = lots
            else:
                book[side].pop(price, None)


def step(engine: Engine, command: object) -> None:
    if isinstance(command, tuple):
        engine.place("maker", command[0], command[2], command[1])
    elif isinstance(command, int):
        engine.cancel(command)


def observed(engine: Engine, view: TopLevels) -> None:
    engine.listeners.append(lambda event: view.add(event) if isinstance(event, BookChange) else None)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, depth=st.integers(1, 4))
def test_a_snapshot_inside_any_frame_and_the_frames_after_it_give_the_book(steps: list[object], depth: int) -> None:
    engine = Engine()
    view = TopLevels(engine, depth, deletes_pushed_out=False)
    observed(engine, view)
    clients: list[tuple[int, Book]] = []
    for command in [*steps, "frame"]:
        step(engine, command)
        if command == "snapshot":
            clients.append((engine.update_id, {side: dict(engine.levels(side, depth)) for side in Side}))
        elif command == "frame" and (update := view.take()) is not None:
            assert update.last_id == engine.update_id
            for _, book in clients:
                apply(book, update)
                for side in Side:  # the client's own duty: prune to the subscribed depth
                    book[side] = best(side, book[side], depth)
                    assert book[side] == dict(engine.levels(side, depth))
    assert all(base <= engine.update_id for base, _ in clients)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, depth=st.integers(1, 4))
def test_obu_needs_neither_a_snapshot_nor_pruning(steps: list[object], depth: int) -> None:
    engine = Engine()
    view = TopLevels(engine, depth, deletes_pushed_out=True)
    observed(engine, view)
    full = view.told()
    book: Book = {Side.BUY: dict(full.bids), Side.SELL: dict(full.asks)}
    last_id = full.last_id
    for command in [*steps, "frame"]:
        step(engine, command)
        if command == "frame" and (update := view.take()) is not None:
            assert update.first_id == last_id + 1
            last_id = update.last_id
            apply(book, update)
            assert book == {side: dict(engine.levels(side, depth)) for side in Side}


def test_a_full_push_joins_between_two_frames() -> None:
    engine = Engine()
    view = TopLevels(engine, 5, deletes_pushed_out=True)
    observed(engine, view)
    engine.place("maker", Side.BUY, 3, 100)
    view.take()
    engine.place("maker", Side.BUY, 4, 99)
    assert view.told() == DepthUpdate(1, 1, [(100, 3)], [])
    update = view.take()
    assert update is not None
    assert (update.first_id, update.last_id, update.bids) == (2, 2, [(99, 4)])


def test_an_unmoved_book_has_nothing_to_tell() -> None:
    engine = Engine()
    view = TopLevels(engine, 5, deletes_pushed_out=True)
    assert view.take() is None


def test_a_far_level_moves_only_the_id() -> None:
    engine = Engine()
    view = TopLevels(engine, 1, deletes_pushed_out=False)
    observed(engine, view)
    engine.place("maker", Side.BUY, 3, 100)
    view.take()
    for price in (80, 79):
        order = engine.place("maker", Side.BUY, 1, price)
        engine.cancel(order.order_id)
    update = view.take()
    assert update is not None
    assert (update.first_id, update.last_id, update.asks) == (2, 5, [])
    assert update.bids in ([], [(100, 3)])
