"""How far a venue's clock is from ours, and what time it is there."""

from __future__ import annotations

from collections import deque

from oneprice.ports import Clock

SAMPLES = 8
DRIFT_NS = 5_000_000
"""So far two clocks may drift apart between samples, and venues tell whole milliseconds."""


class VenueClock:
    """The sample with the shortest way there and back counts, of the last eight.

    Between samples the venue's time advances with our monotonic clock: a step of our wall clock does not reach it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=SAMPLES)  # (doubt, to monotonic, to wall)
        self._to_monotonic_ns = 0
        self._is_doubted = False

    @property
    def is_known(self) -> bool:
        """Whether it was measured, and not doubted since."""
        return bool(self._samples) and not self._is_doubted

    @property
    def offset_ns(self) -> int:
        """What to add to our wall clock to get the venue's, as measured; 0 while unknown."""
        return min(self._samples)[2] if self._samples else 0

    @property
    def doubt_ns(self) -> int | None:
        """The offset is right to so many nanoseconds: half of the time there and back. None while unknown."""
        return min(self._samples)[0] if self._samples else None

    @property
    def count(self) -> int:
        """Samples at hand, up to SAMPLES."""
        return len(self._samples)

    def now_ns(self) -> int:
        """The venue's time now, nanoseconds since 1970; our own wall clock's while unknown."""
        if not self._samples:
            return self._clock.wall_ns()
        return self._clock.monotonic_ns() + self._to_monotonic_ns

    def sample(self, venue_ns: int, wall_ns: int, took_ns: int) -> None:
        """The venue said `venue_ns` in an answer that took so long, to a request that left at `wall_ns`."""
        if self._is_doubted:
            self._samples.clear()
            self._is_doubted = False
        half_ns = took_ns // 2
        sent_ns = self._clock.monotonic_ns() - took_ns
        to_monotonic_ns = venue_ns - sent_ns - half_ns
        if self._samples:
            best_half_ns, best_ns, _ = min(self._samples)
            if abs(to_monotonic_ns - best_ns) > half_ns + best_half_ns + DRIFT_NS:
                self._samples.clear()  # both cannot be right: the venue's clock was set
        self._samples.append((half_ns, to_monotonic_ns, venue_ns - wall_ns - half_ns))
        self._to_monotonic_ns = min(self._samples)[1]

    def forget(self) -> None:
        """The venue says that it is wrong: the next sample counts alone. Until then there is nothing better."""
        self._is_doubted = True
