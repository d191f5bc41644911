"""Spreads over time, against an obvious slow computation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneprice.research.spreads import HELD_MAX, Spreads, Stretch

BUY, SELL = 0, 1
FEES = 10.0

Quotes = list[tuple[int, int, float, float]]
"""`(listing, ns, bid, ask)` in the order of time."""


@dataclass
class Slow:
    """What a direction did, worked out from all segments at once."""

    segments: list[tuple[int, int, float | None]]

    @property
    def known_ns(self) -> int:
        return sum(end - start for start, end, gross in self.segments if gross is not None)

    def quantile(self, share: float) -> float:
        passed = 0
        for gross, duration in sorted((gross, end - start) for start, end, gross in self.segments if gross is not None):
            passed += duration
            if passed >= share * self.known_ns:
                return gross
        raise AssertionError

    def episodes(self) -> list[int]:
        runs, before = [], None
        for start, end, gross in self.segments:
            if gross is not None and gross > FEES and end > start:
                if runs and before == start:
                    runs[-1] += end - start
                else:
                    runs.append(end - start)
                before = end
        return runs


def slow(quotes: Quotes) -> Slow:
    """As-of, from the later first quote to the earlier last one."""
    times = [[ns for listing, ns, _, _ in quotes if listing == side] for side in (BUY, SELL)]
    if not times[0] or not times[1]:
        return Slow([])
    start, end = max(times[0][0], times[1][0]), min(times[0][-1], times[1][-1])
    if end <= start:
        return Slow([])
    moments = sorted({ns for _, ns, _, _ in quotes if start <= ns <= end} | {start, end})
    segments = []
    for since, until in pairwise(moments):
        bid = [bid for listing, ns, bid, _ in quotes if listing == SELL and ns <= since][-1]
        ask = [ask for listing, ns, _, ask in quotes if listing == BUY and ns <= since][-1]
        segments.append((since, until, (bid / ask - 1) * 1e4 if bid and ask else None))
    return Slow(segments)


def fast(quotes: Quotes) -> Stretch:
    spreads = Spreads()
    spreads.add_listing()
    spreads.add_listing()
    spreads.add_direction(BUY, SELL, FEES)
    for quote in quotes:
        spreads.quote(*quote)
    return spreads.directions[0].done


prices = st.sampled_from([0.0, 99.9, 99.95, 100.0, 100.05, 100.15, 100.2, 101.0])


@st.composite
def quote_lists(draw: st.DrawFn, size: int = 40) -> Quotes:
    found: Quotes = []
    ns = 1_000
    for _ in range(draw(st.integers(0, size))):
        ns += draw(st.sampled_from([0, 1, 5, 1_000]))
        listing = draw(st.sampled_from([BUY, SELL]))
        found.append((listing, ns, draw(prices), draw(prices)))
    return found


@given(quotes=quote_lists())
def test_time_weights_and_episodes_are_those_of_the_slow_way(quotes: Quotes) -> None:
    expected, done = slow(quotes), fast(quotes)
    assert done.known_ns == expected.known_ns
    runs = expected.episodes()
    assert done.episodes() == (len(runs), sum(runs), max(runs, default=0))
    if expected.known_ns:
        for share, got in zip((0.05, 0.5, 0.95), done.quantiles((0.05, 0.5, 0.95)), strict=True):
            assert got == pytest.approx(expected.quantile(share), abs=0.0006)
        standing = [gross for start, end, gross in expected.segments if gross is not None and end > start]
        assert done.peak == max(standing)


@settings(max_examples=25)
@given(quotes=quote_lists(size=8))
def test_one_side_may_speak_for_long_alone(quotes: Quotes) -> None:
    many = [
        (listing, ns * 1_000 + extra, bid + extra / 1e3 if bid else 0.0, ask)
        for listing, ns, bid, ask in quotes
        for extra in range(2 * HELD_MAX if listing == BUY else 1)
    ]
    many.sort(key=lambda quote: quote[1])
    expected, done = slow(many), fast(many)
    assert (done.known_ns, done.span_ns) == (expected.known_ns, sum(end - start for start, end, _ in expected.segments))
    runs = expected.episodes()
    assert done.episodes() == (len(runs), sum(runs), max(runs, default=0))


def test_updates_count_quotes_of_both_sides_within_the_overlap() -> None:
    quotes: Quotes = [
        (BUY, 1, 99.0, 100.0),
        (BUY, 2, 99.0, 100.0),
        (SELL, 3, 101.0, 102.0),  # the overlap begins
        (BUY, 4, 99.0, 100.0),
        (SELL, 5, 101.0, 102.0),
        (BUY, 6, 99.0, 100.0),  # and ends with the earlier last quote
        (SELL, 7, 101.0, 102.0),
        (SELL, 8, 101.0, 102.0),
    ]
    done = fast(quotes)
    assert done.updates == 4
    assert done.span_ns == 3


def test_an_episode_is_above_the_fees_not_at_them() -> None:
    at_fees = [(BUY, 1, 0.0, 1.0), (SELL, 1, 1.001, 0.0), (BUY, 9, 0.0, 1.0), (SELL, 9, 1.001, 0.0)]
    done = fast(at_fees)
    assert done.peak == pytest.approx(FEES)
    exact = Stretch(FEES)
    exact.add(0, 5, FEES)
    assert exact.episodes().number == 0


def test_a_price_that_was_there_for_no_time_is_no_maximum() -> None:
    quotes: Quotes = [
        (BUY, 1, 1.0, 100.0),
        (SELL, 1, 99.0, 1.0),
        (SELL, 5, 150.0, 1.0),
        (SELL, 5, 99.5, 1.0),
        (BUY, 9, 1.0, 100.0),
        (SELL, 9, 99.0, 1.0),
    ]
    assert fast(quotes).peak == pytest.approx(-50)


@given(
    segments=st.lists(st.tuples(st.integers(0, 20), st.sampled_from([None, 5.0, 10.0, 10.5, 99.0])), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=4),
)
def test_stretches_can_be_joined_anywhere(segments: list[tuple[int, float | None]], cuts: list[int]) -> None:
    whole, joined, part = Stretch(FEES), Stretch(FEES), Stretch(FEES)
    for place, (duration, gross) in enumerate(segments):
        whole.add(place, duration, gross)
        if place in cuts:
            joined.join(part)
            part = Stretch(FEES)
        part.add(place, duration, gross)
    joined.join(part)
    assert joined.episodes() == whole.episodes()
    assert (joined.span_ns, joined.known_ns, joined.peak) == (whole.span_ns, whole.known_ns, whole.peak)
    if whole.known_ns:
        assert joined.quantiles((0.1, 0.5, 1.0)) == whole.quantiles((0.1, 0.5, 1.0))


def test_far_values_keep_memory_bounded_and_their_place() -> None:
    stretch = Stretch(FEES)
    for place, gross in enumerate((-9_999.0, -1_500.4, 0.0004, 0.0006, 2_000.4, 1e9)):
        stretch.add(place, 1, gross)
    assert stretch.quantiles((0.1, 0.3, 0.5, 0.6, 0.8, 1.0)) == [-9_999.0, -1_500.0, 0.0, 0.001, 2_000.0, 1e6]
