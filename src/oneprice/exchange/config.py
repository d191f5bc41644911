"""Settings of requests and of websocket connections. Checked when made; units are in the names."""

from __future__ import annotations

import msgspec

from oneprice.errors import ConfigError


def _require(fits: bool, owner: str, key: str, value: object, allowed: str) -> None:
    if not fits:
        raise ConfigError(f"{owner}.{key} = {value!r}: must be {allowed}")


def _require_range(settings: msgspec.Struct, ranges: dict[str, tuple[float, float]]) -> None:
    """Raise ConfigError for the first figure out of its range (both ends belong to it)."""
    for key, (low, high) in ranges.items():
        value = getattr(settings, key)
        _require(low <= value <= high, type(settings).__name__, key, value, f"from {low:g} to {high:g}")


class RequestConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How REST requests are made.

    `timeout_ms`: of one request, from connecting to the last byte. `bytes_max`: of one answer, decompressed.
    `attempts_max`: tries of an idempotent GET, the first counted; anything else is tried once. Between tries
    a random time up to `backoff_first_ms`, doubled each try, never above `backoff_max_ms`. `wait_max_ms`: how
    long one try may wait for a rate limit or the end of a ban before it is given up unsent. `budget_share`:
    the part of a venue's published rate limits that is used. `concurrency_max`: requests in flight. `ban_ms`:
    how long to keep still after a ban for which the venue tells no time. `order_connections`: kept open for orders and
    cancels alone. `rules_age_max_s`: how long
    listings' rules are taken from memory.
    """

    timeout_ms: int = 10_000
    bytes_max: int = 64 * 1024 * 1024
    attempts_max: int = 3
    backoff_first_ms: int = 250
    backoff_max_ms: int = 5_000
    wait_max_ms: int = 30_000
    budget_share: float = 0.9
    concurrency_max: int = 8
    ban_ms: int = 120_000
    rules_age_max_s: float = 3_600.0
    order_connections: int = 4

    def __post_init__(self) -> None:
        _require_range(
            self,
            {
                "timeout_ms": (1, 600_000),
                "bytes_max": (1, 1 << 30),
                "attempts_max": (1, 10),
                "backoff_first_ms": (1, 60_000),
                "backoff_max_ms": (self.backoff_first_ms, 600_000),
                "wait_max_ms": (0, 3_600_000),
                "budget_share": (0.01, 1.0),
                "concurrency_max": (1, 1_000),
                "ban_ms": (1_000, 3 * 86_400_000),
                "rules_age_max_s": (0, 7 * 86_400),
                "order_connections": (1, 64),
            },
        )


class ConnectionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How websocket connections are kept.

    `open_timeout_ms`: from resolving the host to the accepted upgrade. `message_bytes_max`: of one message,
    fragments put together. `ping_every_ms`: how often we ping; a connection whose last pong is older than
    that by more than `pong_within_ms` is dropped. Between attempts to connect a random time up to
    `reconnect_first_ms`, doubled each try, never above `reconnect_max_ms`. `renew_before_s`: how long before
    the venue's own limit on a connection's lifetime its successor is opened. `ready_within_ms`: from the connection
    to the end of its log-in, private ones' catching up by REST included.
    """

    open_timeout_ms: int = 10_000
    message_bytes_max: int = 16 * 1024 * 1024
    ping_every_ms: int = 10_000
    pong_within_ms: int = 10_000
    reconnect_first_ms: int = 250
    reconnect_max_ms: int = 30_000
    renew_before_s: float = 600.0
    ready_within_ms: int = 30_000

    def __post_init__(self) -> None:
        _require_range(
            self,
            {
                "open_timeout_ms": (1, 600_000),
                "message_bytes_max": (1_024, 1 << 30),
                "ping_every_ms": (100, 600_000),
                "pong_within_ms": (100, 600_000),
                "reconnect_first_ms": (1, 60_000),
                "reconnect_max_ms": (self.reconnect_first_ms, 3_600_000),
                "renew_before_s": (0, 43_200),
                "ready_within_ms": (100, 600_000),
            },
        )


class AccountConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an account is kept.

    `order_path`: "auto" takes the venue's websocket for orders where it has one and it is ready, REST else; "rest" and
    "websocket" insist. `order_timeout_ms`: after which an order's outcome is unknown. `measure_clock_every_s`: the
    venue's clock against ours. `warm_every_s`: how often the order path's connections are seen to. `overlap_s`: how far
    before a gap its catch-up looks. `find_for_s`: how long `find` looks for evidence of an order.
    """

    order_path: str = "auto"
    order_timeout_ms: int = 5_000
    measure_clock_every_s: float = 60.0
    warm_every_s: float = 20.0
    overlap_s: float = 60.0
    find_for_s: float = 30.0

    def __post_init__(self) -> None:
        paths = ("auto", "rest", "websocket")
        _require(self.order_path in paths, "AccountConfig", "order_path", self.order_path, f"one of {', '.join(paths)}")
        _require_range(
            self,
            {
                "order_timeout_ms": (10, 600_000),
                "measure_clock_every_s": (1, 86_400),
                "warm_every_s": (1, 3_600),
                "overlap_s": (0, 86_400),
                "find_for_s": (1, 3_600),
            },
        )
