"""Breakers: every threshold from inside and outside, hysteresis, and bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.trade.breakers import LATENCIES_KEPT, Breakers
from oneprice.trade.settings import BreakerLimits
from oneprice.trade.switches import VenueHealth

OPEN, REDUCE_ONLY, FLAT = VenueHealth.OPEN, VenueHealth.REDUCE_ONLY, VenueHealth.FLAT
MS, SECOND = 1_000_000, 1_000_000_000
LIMITS = BreakerLimits()
HERE = "toy-spot"


class Ward:
    """One account's breaker, and a time that the test moves."""

    def __init__(self, limits: BreakerLimits = LIMITS) -> None:
        self.breakers = Breakers(limits, [HERE])
        self.now_ns = 5 * SECOND
        self.health = OPEN
        self.reason = ""

    def wait(self, seconds: float) -> VenueHealth:
        """Let time pass in steps of 100 ms or less, looking at each."""
        until_ns = self.now_ns + round(seconds * SECOND)
        while self.now_ns < until_ns:
            self.now_ns = min(self.now_ns + 100 * MS, until_ns)
            self.look()
        return self.health

    def look(self) -> VenueHealth:
        for account, health, reason in self.breakers.look(self.now_ns):
            assert account == HERE
            assert health is not self.health, "a change changes something"
            self.health, self.reason = health, reason
        return self.health

    def note(self, *kinds: str, latency_ms: float | None = None) -> VenueHealth:
        for kind in kinds:
            self.breakers.note(HERE, kind, latency_ms, self.now_ns)
        return self.look()

    def stream(self, complete: bool) -> None:
        self.breakers.stream(HERE, complete, self.now_ns)

    def fall_ill(self) -> None:
        assert self.note(*["error"] * 6) is REDUCE_ONLY


@pytest.fixture
def ward() -> Ward:
    return Ward()


def test_nothing_noted_is_open(ward: Ward) -> None:
    assert ward.breakers.look(ward.now_ns) == []
    assert ward.wait(1_000) is OPEN


@pytest.mark.parametrize("kind", ["error", "unknown"])
def test_one_error_more_than_allowed_makes_it_reduce_only(ward: Ward, kind: str) -> None:
    assert ward.note(*[kind] * 5) is OPEN
    assert ward.note(kind) is REDUCE_ONLY
    assert ward.reason == "more than 5 errors and unknown outcomes within 30 s"


def test_errors_and_unknown_outcomes_count_together(ward: Ward) -> None:
    assert ward.note("error", "unknown", "error", "unknown", "error") is OPEN
    assert ward.note("unknown") is REDUCE_ONLY


def test_one_reject_more_than_allowed_makes_it_reduce_only(ward: Ward) -> None:
    assert ward.note(*["reject"] * 8) is OPEN
    assert ward.note("reject") is REDUCE_ONLY
    assert ward.reason == "more than 8 rejected orders within 30 s"


def test_rejects_are_not_errors(ward: Ward) -> None:
    assert ward.note(*["reject"] * 8, *["error"] * 5, *["ok"] * 100) is OPEN


@pytest.mark.parametrize(("pause_s", "health"), [(29.9, REDUCE_ONLY), (30.0, OPEN)])
def test_what_lies_before_the_window_does_not_count(ward: Ward, pause_s: float, health: VenueHealth) -> None:
    ward.note("error")
    ward.wait(pause_s)
    assert ward.note(*["error"] * 5) is health


def test_a_limit_of_none_allows_none() -> None:
    ward = Ward(BreakerLimits(errors_max=0))
    assert ward.note("ok", "reject") is OPEN
    assert ward.note("error") is REDUCE_ONLY


def test_slow_answers_are_an_illness_beyond_a_tenth_of_them(ward: Ward) -> None:
    ward.note(*["ok"] * 27, latency_ms=50.0)
    assert ward.note("ok", "ok", "ok", latency_ms=2_001.0) is OPEN, "3 of 30"
    assert ward.note("ok", latency_ms=2_400.0) is REDUCE_ONLY, "4 of 31"
    assert ward.reason == "p90 from order to answer is 2001 ms; 2000 are allowed"


def test_answers_at_the_limit_are_not_slow(ward: Ward) -> None:
    assert ward.note(*["ok"] * 50, latency_ms=2_000.0) is OPEN
    assert ward.note(*["ok"] * 6, latency_ms=2_000.1) is REDUCE_ONLY


def test_one_slow_answer_is_chance(ward: Ward) -> None:
    assert ward.note("ok", latency_ms=60_000.0) is OPEN
    assert ward.note("ok", latency_ms=60_000.0) is REDUCE_ONLY


def test_rejects_can_be_slow_too(ward: Ward) -> None:
    assert ward.note("reject", "reject", latency_ms=3_000.0) is REDUCE_ONLY


def test_slow_answers_leave_the_window(ward: Ward) -> None:
    ward.note("ok", latency_ms=3_000.0)
    ward.wait(30.0)
    assert ward.note("ok", latency_ms=3_000.0) is OPEN


def test_latencies_kept_are_bounded_and_still_counted_right(ward: Ward) -> None:
    ward.note(*["ok"] * LATENCIES_KEPT, latency_ms=3_000.0)
    assert ward.health is REDUCE_ONLY
    ward = Ward()
    for _ in range(LATENCIES_KEPT):
        ward.breakers.note(HERE, "ok", 3_000.0, ward.now_ns)
    for _ in range(LATENCIES_KEPT):
        ward.breakers.note(HERE, "ok", 3.0, ward.now_ns)
    assert ward.look() is OPEN, "the slow ones have been pushed out"
    assert len(ward.breakers._breakers[HERE]._latencies) == LATENCIES_KEPT


def test_a_stream_that_is_incomplete_for_too_long_makes_it_reduce_only(ward: Ward) -> None:
    ward.stream(False)
    assert ward.wait(3.0) is OPEN
    ward.stream(False)
    assert ward.wait(0.001) is REDUCE_ONLY
    assert ward.reason == "private stream incomplete for 3001 ms; 3000 are allowed"


def test_a_stream_that_comes_back_in_time_is_no_illness(ward: Ward) -> None:
    ward.stream(False)
    ward.wait(2.9)
    ward.stream(True)
    assert ward.wait(100.0) is OPEN
    ward.stream(False)
    assert ward.wait(2.9) is OPEN, "its time starts anew"


def test_it_opens_once_nothing_was_wrong_for_the_healthy_time(ward: Ward) -> None:
    ward.stream(False)
    ward.wait(4.0)
    ward.stream(True)
    assert ward.wait(9.9) is REDUCE_ONLY
    assert ward.wait(0.1) is OPEN
    assert ward.reason == "well for 10.0 s; 10 are wanted"


def test_after_errors_the_healthy_time_starts_when_they_are_few_enough_again(ward: Ward) -> None:
    ward.fall_ill()
    assert ward.wait(39.8) is REDUCE_ONLY
    assert ward.wait(0.2) is OPEN


@pytest.mark.parametrize("kind", ["error", "reject", "unknown"])
def test_each_bad_answer_starts_the_healthy_time_anew(ward: Ward, kind: str) -> None:
    ward.fall_ill()
    ward.wait(39.0)
    assert ward.note(kind) is REDUCE_ONLY
    assert ward.wait(9.9) is REDUCE_ONLY
    assert ward.wait(0.1) is OPEN


def test_good_answers_do_not_delay_it(ward: Ward) -> None:
    ward.fall_ill()
    for _ in range(40):
        ward.note("ok", latency_ms=20.0)
        ward.wait(1.0)
    assert ward.wait(0.2) is OPEN


def test_a_slow_answer_delays_it(ward: Ward) -> None:
    ward.fall_ill()
    ward.wait(39.0)
    ward.note("ok", latency_ms=2_001.0)
    assert ward.wait(9.9) is REDUCE_ONLY
    assert ward.wait(0.1) is OPEN


def test_an_incomplete_stream_delays_it_even_before_it_is_an_illness(ward: Ward) -> None:
    ward.fall_ill()
    ward.wait(38.0)
    ward.stream(False)
    ward.wait(2.5)
    ward.stream(True)
    assert ward.wait(9.9) is REDUCE_ONLY
    assert ward.wait(0.1) is OPEN


def test_reduce_only_for_too_long_becomes_flat(ward: Ward) -> None:
    ward.fall_ill()
    ward.stream(False)
    assert ward.wait(120.0) is REDUCE_ONLY
    assert ward.wait(0.1) is FLAT
    assert ward.reason.startswith("reduce-only for 120.1 s; 120 are allowed. private stream incomplete for")


def test_trickling_errors_below_the_limit_end_in_flat_too(ward: Ward) -> None:
    ward.fall_ill()
    while ward.health is REDUCE_ONLY:
        ward.wait(9.0)
        ward.note("error")
    assert ward.health is FLAT
    assert "something went wrong" in ward.reason


def test_flat_goes_back_to_open_when_it_is_well(ward: Ward) -> None:
    ward.fall_ill()
    ward.stream(False)
    ward.wait(200.0)
    assert ward.health is FLAT
    ward.stream(True)
    assert ward.wait(9.9) is FLAT
    assert ward.wait(0.1) is OPEN
    ward.fall_ill()
    assert ward.wait(30.0) is REDUCE_ONLY, "the time to flat starts anew"


def test_accounts_have_breakers_of_their_own() -> None:
    breakers = Breakers(LIMITS, ["toy-spot", "toy-usdm"])
    for _ in range(6):
        breakers.note("toy-spot", "error", None, SECOND)
        breakers.note("toy-usdm", "ok", 1.0, SECOND)
    assert [(account, health) for account, health, _ in breakers.look(SECOND)] == [("toy-spot", REDUCE_ONLY)]
    assert breakers.look(SECOND) == [], "a change is told once"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ok", "error", "reject", "unknown", "down", "up"]),
            st.one_of(st.none(), st.floats(0, 5_000)),
            st.integers(0, 20_000),
        ),
        max_size=60,
    )
)
def test_whatever_happens_it_heals_when_all_is_quiet(events: list[tuple[str, float | None, int]]) -> None:
    ward = Ward()
    for what, latency_ms, pause_ms in events:
        if what in ("down", "up"):
            ward.stream(what == "up")
        else:
            ward.breakers.note(HERE, what, latency_ms, ward.now_ns)
        ward.look()
        ward.now_ns += pause_ms * MS
        ward.look()
    ward.stream(True)
    assert ward.wait(LIMITS.window_s + LIMITS.healthy_s + 0.2) is OPEN
