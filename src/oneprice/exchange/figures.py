"""What is counted of a market's requests: plain integers, read by whoever wants to show them."""

from __future__ import annotations

import math

_STEPS = 8
_BUCKETS = 32 * _STEPS


class RestFigures:
    """Counts since the start.

    `requests`: sent. `answers`: whole ones received, errors too. `network_failures`: sent or tried without an
    answer. `venue_errors`: answers that were errors, `rate_limited` those that said too many requests.
    `retries`: tries after the first. `unsent`: given up because a rate limit would have made them wait too
    long. `waited_ns`: spent waiting for rate limits. `bytes_received`: of bodies. `latency_*`: from sending
    to the whole answer; `percentile_ns` is right to 9 %. `reused`: answers over a connection that had served before.
    `unasked`: answers over a websocket for which no command waited (any more): told twice, or too late.
    """

    __slots__ = (
        "answers",
        "bytes_received",
        "latency_buckets",
        "latency_ns_last",
        "latency_ns_max",
        "latency_ns_sum",
        "network_failures",
        "rate_limited",
        "requests",
        "retries",
        "reused",
        "unasked",
        "unsent",
        "venue_errors",
        "waited_ns",
    )

    def __init__(self) -> None:
        self.requests = self.answers = self.network_failures = 0
        self.venue_errors = self.rate_limited = self.retries = self.unsent = self.reused = self.unasked = 0
        self.waited_ns = self.bytes_received = 0
        self.latency_ns_last = self.latency_ns_max = self.latency_ns_sum = 0
        self.latency_buckets = [0] * _BUCKETS

    def answered(self, latency_ns: int, body_bytes: int, reused: bool = False) -> None:
        """Count a whole answer."""
        self.answers += 1
        self.reused += reused
        self.bytes_received += body_bytes
        self.latency_ns_last = latency_ns
        self.latency_ns_sum += latency_ns
        if latency_ns > self.latency_ns_max:
            self.latency_ns_max = latency_ns
        self.latency_buckets[_bucket(latency_ns // 1_000)] += 1

    def percentile_ns(self, part: float) -> int | None:
        """What this part (0 to 1) of the answers took at most; None without answers."""
        if not self.answers:
            return None
        wanted = max(1, math.ceil(self.answers * part))
        seen = 0
        for number, count in enumerate(self.latency_buckets):
            seen += count
            if seen >= wanted:
                return min(_upper_us(number) * 1_000, self.latency_ns_max)
        return self.latency_ns_max


def _bucket(us: int) -> int:
    """Eight steps for each doubling."""
    if us < _STEPS:
        return us
    shift = us.bit_length() - 4
    return min((shift + 1) * _STEPS + (us >> shift) - _STEPS, _BUCKETS - 1)


def _upper_us(number: int) -> int:
    """The end of a bucket, not part of it."""
    if number < _STEPS:
        return number + 1
    shift, step = divmod(number, _STEPS)
    return (_STEPS + step + 1) << (shift - 1)
