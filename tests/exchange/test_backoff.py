"""Waits between tries: longer with each failure, up to a limit, and never the same for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.exchange.conftest import MiddleChance

from oneprice.exchange.backoff import longest_pause_ms, pause_s


class NoChance:
    def uniform(self, low: float, high: float) -> float:
        raise AssertionError("nothing is left to chance")


@pytest.mark.parametrize(("failures", "longest_ms"), [(0, 0), (1, 250), (2, 500), (3, 1_000), (4, 1_500), (900, 1_500)])
def test_the_longest_wait_doubles_with_each_failure_up_to_a_limit(failures: int, longest_ms: int) -> None:
    assert longest_pause_ms(failures, 250, 1_500) == longest_ms
    assert pause_s(MiddleChance(), failures, 250, 1_500) == longest_ms / 2e3


def test_without_a_failure_there_is_no_wait_and_nothing_is_drawn() -> None:
    assert pause_s(NoChance(), 0, 250, 1_500) == 0.0


@given(st.integers(1, 10**6), st.integers(1, 60_000), st.integers(1, 3_600_000))
def test_it_is_never_above_the_limit_and_never_shorter_for_one_failure_more(
    failures: int, first_ms: int, most_ms: int
) -> None:
    longest_ms = longest_pause_ms(failures, first_ms, most_ms)
    assert 0 < longest_ms <= most_ms
    assert longest_ms <= longest_pause_ms(failures + 1, first_ms, most_ms)
