"""What time it is at a venue, by samples of which the quickest counts."""

from __future__ import annotations

from tests.exchange.conftest import VirtualClock

from oneprice.exchange.clock import VenueClock

MS = 1_000_000


def sampled(clock: VirtualClock, venue: VenueClock, offset_ms: int, took_ms: int) -> None:
    """A sample of a venue whose clock is so far ahead of ours."""
    sent_ns = clock.now_ns
    clock.now_ns += took_ms * MS
    venue.sample(sent_ns + (offset_ms + took_ms // 2) * MS, sent_ns, took_ms * MS)


def test_the_quickest_sample_counts() -> None:
    clock = VirtualClock()
    venue = VenueClock(clock)
    for offset_ms, took_ms in ((105, 40), (100, 10), (92, 60)):
        sampled(clock, venue, offset_ms, took_ms)
    assert (venue.offset_ns, venue.doubt_ns) == (100 * MS, 5 * MS)
    assert venue.now_ns() == clock.now_ns + 100 * MS


def test_a_step_of_the_venues_clock_is_noticed_at_once_though_older_samples_were_quicker() -> None:
    clock = VirtualClock()
    venue = VenueClock(clock)
    sampled(clock, venue, 100, 2)
    sampled(clock, venue, 3_100, 40)
    assert (venue.offset_ns, venue.count) == (3_100 * MS, 1)


def test_what_is_doubted_is_replaced_by_the_next_sample_and_used_until_then() -> None:
    clock = VirtualClock()
    venue = VenueClock(clock)
    sampled(clock, venue, 100, 2)
    venue.forget()
    assert venue.now_ns() == clock.now_ns + 100 * MS
    sampled(clock, venue, 104, 40)
    assert (venue.offset_ns, venue.count) == (104 * MS, 1)
