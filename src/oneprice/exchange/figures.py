"""What is counted of a market's requests: plain integers, read by whoever wants to show them."""

from __future__ import annotations

_BUCKETS = 32


class RestFigures:
    """Counts since the start.

    `requests`: sent. `answers`: whole ones received, errors too. `network_failures`: sent or tried without an
    answer. `venue_errors`: answers that were errors, `rate_limited` those that said too many requests.
    `retries`: tries after the first. `unsent`: given up because a rate limit would have made them wait too
    long. `waited_ns`: spent waiting for rate limits. `bytes_received`: of bodies. `latency_*`: from sending
    to the whole answer. `latency_buckets[n]` counts answers that took at least 2^(n-1) and less than 2^n
    microseconds.
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
        "unsent",
        "venue_errors",
        "waited_ns",
    )

    def __init__(self) -> None:
        self.requests = self.answers = self.network_failures = 0
        self.venue_errors = self.rate_limited = self.retries = self.unsent = 0
        self.waited_ns = self.bytes_received = 0
        self.latency_ns_last = self.latency_ns_max = self.latency_ns_sum = 0
        self.latency_buckets = [0] * _BUCKETS

    def answered(self, latency_ns: int, body_bytes: int) -> None:
        """Count a whole answer."""
        self.answers += 1
        self.bytes_received += body_bytes
        self.latency_ns_last = latency_ns
        self.latency_ns_sum += latency_ns
        self.latency_ns_max = max(self.latency_ns_max, latency_ns)
        self.latency_buckets[min((latency_ns // 1_000).bit_length(), _BUCKETS - 1)] += 1
