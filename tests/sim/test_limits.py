"""Rate counters and bans, by a clock that is set."""

import pytest

from oneprice.sim.limits import Bans, FixedWindows, RollingCounter, RollingWindows, WindowCounter

SECOND = 1_000_000_000


class Clock:
    """Nanoseconds, set by hand."""

    def __init__(self, now_ns: int = 0) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def test_window_counter_turns_with_the_clock() -> None:
    clock = Clock(120 * SECOND)
    counter = WindowCounter(10, 60, clock)
    assert [counter.add("a", 4), counter.add("a", 4), counter.add("b", 1)] == [4, 8, 1]
    assert 1 <= counter.retry_after_s() <= 61
    clock.now_ns += 60 * SECOND - 1
    assert counter.used("a") == 8
    clock.now_ns += 1
    assert counter.used("a") == 0


def test_given_back_weight_is_not_used_and_never_below_nothing() -> None:
    counter = WindowCounter(10, 10, Clock(5 * SECOND))
    counter.add(10_000_001, 2)
    assert counter.give_back(10_000_001, 1) == 1
    assert counter.give_back(10_000_001, 5) == 0
    assert counter.add(10_000_001, 1) == 1


def test_fixed_window_begins_with_the_first_request_of_a_key() -> None:
    clock = Clock(7 * SECOND)
    windows = FixedWindows(2, 1.0, clock)
    assert [windows.add(("uid", "/orders")).left for _ in range(2)] == [1, 0]
    refused = windows.add(("uid", "/orders"))
    assert (refused.is_allowed, refused.left, refused.limit, refused.resets_ns) == (False, 0, 2, 8 * SECOND)
    assert windows.add(("uid", "/accounts")).is_allowed
    clock.now_ns = 8 * SECOND - 1
    assert not windows.add(("uid", "/orders")).is_allowed
    clock.now_ns = 8 * SECOND
    assert windows.add(("uid", "/orders")).left == 1


def test_rolling_window_lets_in_as_the_oldest_falls_out() -> None:
    clock = Clock()
    windows = RollingWindows(10, 10.0, clock)
    assert windows.add("a", 6).left == 4
    clock.now_ns = 4 * SECOND
    assert windows.add("a", 4).left == 0
    refused = windows.add("a", 1)
    assert (refused.is_allowed, refused.resets_ns) == (False, 10 * SECOND)
    assert windows.add("b", 10).is_allowed
    clock.now_ns = 10 * SECOND
    assert windows.add("a", 6).is_allowed
    assert not windows.add("a", 1).is_allowed


@pytest.mark.parametrize("kind", [FixedWindows, RollingWindows])
def test_keys_whose_time_is_over_are_forgotten(kind: type[FixedWindows] | type[RollingWindows]) -> None:
    clock = Clock()
    windows = kind(1, 1.0, clock)
    for number in range(1_000):
        windows.add(number)
    assert not windows.add(0).is_allowed
    assert len(windows) == 1_000
    clock.now_ns = 2 * SECOND
    windows.add("new")
    assert len(windows) == 1


@pytest.mark.parametrize(("limit", "window_s"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("kind", [WindowCounter, FixedWindows, RollingWindows])
def test_senseless_limits_are_refused(kind: type[WindowCounter], limit: int, window_s: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        kind(limit, window_s, Clock())


def test_rolling_counter_looks_back_one_window() -> None:
    clock = Clock()
    counter = RollingCounter(2, 1.0, clock)
    assert [counter.add(), counter.add(), counter.add()] == [True, True, False]
    clock.now_ns = SECOND + 1
    assert counter.add()


def test_ban_ends_by_itself_and_is_never_shortened() -> None:
    clock = Clock(SECOND)
    bans = Bans(clock)
    assert bans.until_ns("10.0.0.1") is None
    assert bans.ban("10.0.0.1", 120) == 121 * SECOND
    assert bans.ban("10.0.0.1", 5) == 121 * SECOND
    assert bans.left_s("10.0.0.1") == 120
    assert bans.left_s("10.0.0.2") == 0
    clock.now_ns = 121 * SECOND - 1
    assert bans.left_s("10.0.0.1") == 1
    clock.now_ns += 1
    assert bans.until_ns("10.0.0.1") is None
    assert bans.left_s("10.0.0.1") == 0
