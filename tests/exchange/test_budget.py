"""The venue's count of a rate limit can never pass its maximum, however it cuts its windows."""

from __future__ import annotations

import heapq

from hypothesis import given
from hypothesis import strategies as st

from oneprice.exchange.budget import WeightBudget
from oneprice.venues.kit.contract import Budget

SECOND_NS = 1_000_000_000


def simulate(
    requests: list[tuple[int, int, int, float]], maximum: int, window_s: float, *, hear: bool = False
) -> list[tuple[int, int]]:
    """Send (gap ns, weight, latency ns, when within it the venue counts it) in order, each as soon as it may.

    Gives (moment of counting, weight). With `hear` every answer tells what a sliding window of the venue holds.
    """
    budget = WeightBudget(Budget(maximum, window_s), 1.0)
    counted: list[tuple[int, int]] = []
    flying: list[tuple[int, int, int, tuple[int, int]]] = []  # (answer at, order, counted at, (weight, sent))
    now = 0

    def land_until(moment: int) -> None:
        while flying and flying[0][0] <= moment:
            answered, _, _, sending = heapq.heappop(flying)
            weight, sent_ns = sending
            budget.land(weight, answered)
            if hear:
                in_window = sum(w for at, w in counted if answered - budget.window_ns < at <= answered)
                budget.hear(in_window, sent_ns, answered)

    for order, (gap, weight, latency, share) in enumerate(requests):
        now += gap
        land_until(now)
        for _ in range(10_000):
            ready = budget.ready_ns(weight, now)
            if ready <= now:
                break
            now = min([ready] + [entry[0] for entry in flying])
            land_until(now)
        else:
            raise AssertionError("never admitted")
        budget.send(weight)
        counted.append((now + int(latency * share), weight))
        heapq.heappush(flying, (now + latency, order, counted[-1][0], (weight, now)))
    return counted


requests = st.lists(
    st.tuples(
        st.integers(0, 3 * SECOND_NS),
        st.integers(1, 10),
        st.integers(1, 4 * SECOND_NS),
        st.floats(0, 1),
    ),
    max_size=40,
)


@given(requests, st.integers(10, 25), st.booleans())
def test_no_sliding_window_ever_holds_more_than_the_maximum(requests, maximum, hear) -> None:
    counted = simulate(requests, maximum, 2.0, hear=hear)
    assert len(counted) == len(requests)
    for end, _ in counted:
        assert sum(w for at, w in counted if end - 2 * SECOND_NS < at <= end) <= maximum


@given(requests, st.integers(10, 25), st.integers(0, 2 * SECOND_NS))
def test_no_window_aligned_to_the_venues_clock_holds_more(requests, maximum, offset) -> None:
    sums: dict[int, int] = {}
    for at, weight in simulate(requests, maximum, 2.0):
        window = (at + offset) // (2 * SECOND_NS)
        sums[window] = sums.get(window, 0) + weight
    assert all(total <= maximum for total in sums.values())


def test_weight_is_free_again_one_window_after_the_answer_not_after_the_sending() -> None:
    budget = WeightBudget(Budget(10, 1.0), 1.0)
    budget.send(10)
    budget.land(10, 700_000_000)
    assert budget.ready_ns(1, 1_000_000_000) == 1_700_000_000
    assert budget.ready_ns(1, 1_700_000_000) == 1_700_000_000


def test_what_other_programs_used_counts_when_the_venue_tells() -> None:
    budget = WeightBudget(Budget(100, 60.0), 1.0)
    budget.send(1)
    budget.land(1, 1_000)
    first = 0
    budget.hear(95, first, 1_000)
    assert budget.used(2_000) == 95
    assert budget.ready_ns(5, 2_000) == 2_000
    assert budget.ready_ns(6, 2_000) == 1_000 + 60 * SECOND_NS


def test_a_request_after_the_venues_figure_adds_to_it() -> None:
    budget = WeightBudget(Budget(100, 60.0), 1.0)
    budget.send(1)
    budget.land(1, 1_000)
    first = 0
    budget.hear(95, first, 1_000)
    budget.send(5)
    assert budget.used(2_000) == 100
    assert budget.ready_ns(1, 2_000) > 2_000


def test_the_venues_new_window_is_believed_from_a_later_request() -> None:
    budget = WeightBudget(Budget(100, 60.0), 1.0)
    budget.send(1)
    budget.land(1, 1_000)
    first = 0
    budget.hear(95, first, 1_000)
    budget.send(1)
    budget.land(1, 3_000)
    second = 2_000
    budget.hear(2, second, 3_000)
    assert budget.used(3_000) == 2


def test_an_overtaken_answer_does_not_lower_the_count() -> None:
    budget = WeightBudget(Budget(100, 60.0), 1.0)
    early, late = 0, 10
    budget.send(1)
    budget.send(1)
    budget.land(1, 1_000)
    budget.hear(90, late, 1_000)
    budget.land(1, 2_000)
    budget.hear(50, early, 2_000)
    assert budget.used(2_000) >= 90


def test_what_is_still_on_its_way_is_added_to_the_venues_figure() -> None:
    budget = WeightBudget(Budget(100, 60.0), 1.0)
    budget.send(4)
    budget.send(1)
    budget.land(1, 1_000)
    second = 10
    budget.hear(95, second, 1_000)
    assert budget.used(1_000) == 99


def test_a_share_below_one_leaves_room_for_others() -> None:
    budget = WeightBudget(Budget(100, 60.0), 0.5)
    budget.send(50)
    assert budget.ready_ns(1, 0) > 0


def test_a_lower_priority_may_fill_a_part_only() -> None:
    budget = WeightBudget(Budget(100, 60.0), 1.0)
    budget.send(70)
    assert budget.ready_ns(1, 0, part=0.7) > 0
    assert budget.ready_ns(1, 0, part=0.8) == 0


def test_a_request_heavier_than_the_share_goes_when_nothing_else_is_counted() -> None:
    budget = WeightBudget(Budget(100, 60.0), 0.5)
    assert budget.ready_ns(80, 0) == 0
    budget.send(1)
    budget.land(1, 1)
    assert budget.ready_ns(80, 1) == 1 + 60 * SECOND_NS
