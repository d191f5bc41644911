"""One side of a book against the simplest model of it, near the top and far away from it."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneprice.core.describe import Condition, Depth, Stream, encode
from oneprice.core.specs import listing_spec
from oneprice.core.states import Flag

WINDOW = 1 << 16
Changes = list[tuple[int, int]]


def stream(levels_max: int) -> bytes:
    depth = {"symbol": "s", "last": ("u",), "previous": ("p",), "bids": "b", "asks": "a", "levels_max": levels_max}
    return encode(
        Stream(
            messages=(
                Depth(name="depth", when=(Condition("w", has=False),), **depth),  # type: ignore[arg-type]
                Depth(name="whole", when=(Condition("w", has=True),), full=True, **depth),  # type: ignore[arg-type]
            )
        )
    )


class Model:
    """Both sides as plain dicts."""

    def __init__(self, levels_max: int) -> None:
        self.levels_max = levels_max
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def take(self, bids: Changes, asks: Changes, whole: bool) -> None:
        for number, changes in enumerate((bids, asks)):
            side = self.sides[number]
            if whole:
                side.clear()
            for ticks, lots in changes:
                side.pop(ticks, None)
                if lots:
                    side[ticks] = lots
            if self.levels_max and not whole:
                for ticks, _ in self.best(number)[self.levels_max :]:
                    del side[ticks]

    def best(self, number: int) -> Changes:
        return sorted(self.sides[number].items(), reverse=number == 0)


def near(anchor: int) -> st.SearchStrategy[int]:
    """Prices around a place: beside it, at the edges of the window around it, and anywhere."""
    edges = [
        shift + jitter
        for shift in (0, WINDOW // 4, WINDOW * 3 // 4, WINDOW, 2 * WINDOW)
        for jitter in (-2, -1, 0, 1, 2)
    ]
    offsets = st.one_of(
        st.integers(-6, 6), st.integers(-6, 6), st.sampled_from(edges), st.sampled_from([-edge for edge in edges])
    )
    ticks = offsets.map(lambda offset: max(1, anchor + offset))
    return st.one_of(ticks, ticks, st.sampled_from([1, 2, 63, 64, 65, 4096, 10**9, 10**17, 10**18 - 1]))


def changes(anchor: int) -> st.SearchStrategy[Changes]:
    lots = st.one_of(st.just(0), st.integers(1, 9), st.integers(1, 10**18 - 1))
    return st.lists(st.tuples(near(anchor), lots), max_size=12)


FRAMES = st.integers(0, 3).flatmap(
    lambda place: st.lists(
        st.tuples(
            changes((5, 70_000, 10**6, 10**12)[place]),
            changes((5, 70_000, 10**6, 10**12)[place]),
            st.sampled_from([False] * 7 + [True]),
        ),
        min_size=1,
        max_size=12,
    )
)


def write(side: Changes) -> str:
    return "[" + ",".join(f'["{ticks}","{lots}"]' for ticks, lots in side) + "]"


@settings(max_examples=80)
@given(frames=FRAMES, levels_max=st.sampled_from([0, 0, 1, 5]))
def test_a_book_is_what_a_sorted_dict_says(both: tuple[Any, Any], frames: list[Any], levels_max: int) -> None:
    spec = msgspec.json.encode(listing_spec("x", tick_size=Decimal(1), lot_size=Decimal(1)))
    hubs = []
    for hub_class in both:
        hub = hub_class(b'{"crossed_after_ns":9000000000000000000}')
        hub.add_listing(spec)
        hub.add_stream(stream(levels_max))
        for name in ("depth", "whole"):
            hub.bind(0, name, "A", 0)
        hubs.append(hub)
    model = Model(levels_max)
    for number, (bids, asks, whole) in enumerate([([], [], True), *frames], 1):
        model.take(bids, asks, whole)
        mark = ',"w":1' if whole else ""
        frame = f'{{"s":"A","p":{number - 1},"u":{number},"b":{write(bids)},"a":{write(asks)}{mark}}}'.encode()
        for hub in hubs:
            assert not hub.on_frame(0, frame, number) & Flag.MALFORMED
            assert hub.levels(0, 1_000) == (model.best(0), model.best(1))
            assert hub.levels(0, 2) == (model.best(0)[:2], model.best(1)[:2])
            assert hub.sizes(0) == tuple(map(len, model.sides))
            assert hub.top(0)[:4] == (*(model.best(0) or [(0, 0)])[0], *(model.best(1) or [(0, 0)])[0])


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 10**6), spread=st.sampled_from([300, 60_000, 10**7]))
def test_a_book_of_thousands_of_levels_stays_in_order(hub_class: Any, number: int, spread: int) -> None:
    spec = msgspec.json.encode(listing_spec("x", tick_size=Decimal(1), lot_size=Decimal(1)))
    seed = random.Random(number)
    hub = hub_class(b"{}")
    hub.add_listing(spec)
    hub.add_stream(stream(0))
    for name in ("depth", "whole"):
        hub.bind(0, name, "A", 0)
    model = Model(0)
    for number in range(1, 9):
        bids = [(seed.randint(1, spread) + 10**7, seed.choice((0, 1, 2, 3))) for _ in range(700)]
        asks = [(seed.randint(1, spread) + 2 * 10**7, seed.choice((0, 1, 2, 3))) for _ in range(700)]
        if number % 3 == 0:  # the best levels go, which moves the window
            bids += [(ticks, 0) for ticks, _ in model.best(0)[:200]]
            asks += [(ticks, 0) for ticks, _ in model.best(1)[:200]]
        model.take(bids, asks, number == 1)
        mark = ',"w":1' if number == 1 else ""
        frame = f'{{"s":"A","p":{number - 1},"u":{number},"b":{write(bids)},"a":{write(asks)}{mark}}}'.encode()
        assert not hub.on_frame(0, frame, number) & Flag.MALFORMED
        assert hub.levels(0, 10_000) == (model.best(0), model.best(1))
