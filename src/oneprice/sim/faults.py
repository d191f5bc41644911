"""The switchable faults of one simulated exchange.

A fault lasts for `seconds`, or hits `count` times, and may be aimed at what contains `target` in its name: a
stream, a REST request ("POST /api/v3/order"), a websocket's command, an instrument. Nothing happens by chance:
whoever tests switches faults on.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec


class FaultKind(StrEnum):
    """What can go wrong. The comment says what a client sees."""

    FREEZE = "freeze"  # data frames stop; acks, pongs and REST go on
    HALF_OPEN = "half_open"  # sockets stay open; nothing is read, written or ponged; new connects hang
    DROP = "drop"  # every connection is closed abruptly, once
    REFUSE = "refuse"  # new connections are refused; open ones live
    GAP = "gap"  # depth diffs are skipped
    GARBAGE = "garbage"  # a data frame is mangled
    SLOW = "slow"  # data frames and answers come `delay_ms` late
    STALE_SNAPSHOT = "stale_snapshot"  # REST depth stays as it was when the fault began
    REJECT_SUBSCRIBE = "reject_subscribe"  # subscriptions are answered with an error
    REST_ERROR = "rest_error"  # REST answers HTTP 503
    RATE_LIMIT = "rate_limit"  # REST answers HTTP 429, a command by websocket gets the same in its shape
    RESTART = "restart"  # the venue announces a restart, if it does so, and closes all when the time is over
    LOST_REQUEST = "lost_request"  # a command is never carried out, and never answered
    LOST_ACK = "lost_ack"  # a command is carried out, and never answered
    LATE_ACK = "late_ack"  # a command is carried out at once and answered `delay_ms` later; its reports are not late
    DOUBLE_ACK = "double_ack"  # a command sent by websocket is answered twice
    LOST_REPORT = "lost_report"  # a private event is never sent
    LATE_REPORT = "late_report"  # private events come `delay_ms` late, in their order
    DOUBLE_REPORT = "double_report"  # a private event comes twice
    REORDER_REPORT = "reorder_report"  # a private event comes after the next one, or `delay_ms` late when none follows
    PARTIAL_FILL = "partial_fill"  # an order that takes finds about half of what it wants
    REJECT_ORDER = "reject_order"  # an order is refused for want of balance, whatever the balance is
    HALT = "halt"  # orders in the instruments whose key contains `target` are refused: trading is halted
    MAINTENANCE = "maintenance"  # REST and private commands are answered with the venue's unavailable error
    BAN = "ban"  # REST and websocket handshakes are answered as to a banned address
    CLOCK_SKEW = "clock_skew"  # the venue's clock is `delay_ms` ahead; negative: behind


ANSWERED = (FaultKind.BAN, FaultKind.MAINTENANCE, FaultKind.REST_ERROR, FaultKind.RATE_LIMIT)
"""Faults that answer REST requests in the place of their handlers, the first that is on. BAN answers handshakes too."""

_BY_COUNT = frozenset(
    {
        FaultKind.GAP,
        FaultKind.GARBAGE,
        FaultKind.REJECT_SUBSCRIBE,
        FaultKind.DROP,
        FaultKind.LOST_REQUEST,
        FaultKind.LOST_ACK,
        FaultKind.LATE_ACK,
        FaultKind.DOUBLE_ACK,
        FaultKind.LOST_REPORT,
        FaultKind.DOUBLE_REPORT,
        FaultKind.REORDER_REPORT,
        FaultKind.PARTIAL_FILL,
        FaultKind.REJECT_ORDER,
    }
)
"""These hit once when neither seconds nor a count is given."""

_STATES = frozenset(
    {
        FaultKind.FREEZE,
        FaultKind.HALF_OPEN,
        FaultKind.REFUSE,
        FaultKind.SLOW,
        FaultKind.STALE_SNAPSHOT,
        FaultKind.RESTART,
        FaultKind.HALT,
        FaultKind.CLOCK_SKEW,
    }
)
"""These are on or off and hit nothing that could be counted: by a count they would never end."""

_ON_MAX = 100

_SECONDS_MAX = 3_600.0
_DELAY_MS_MAX = 3_600_000


class FaultOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /_sim/fault`."""

    kind: FaultKind
    seconds: float | None = None
    count: int | None = None
    delay_ms: int = 500
    target: str = ""


class Fault(msgspec.Struct):
    """A fault that is on: until a time, or for `remaining` more hits."""

    kind: FaultKind
    until_ns: int | None
    remaining: int | None
    delay_ms: int
    target: str


class FaultBoard:
    """Which faults are on. `clock` gives nanoseconds; ends are judged by it."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._faults: list[Fault] = []
        self.hits: dict[str, int] = {}

    def switch_on(self, order: FaultOrder) -> Fault:
        """Start a fault. Without seconds and count it lasts 5 s, or hits once where hits are what counts.

        Raises ValueError for a duration, count or delay out of range.
        """
        seconds, count = order.seconds, order.count
        if seconds is None and count is None:
            if order.kind in _BY_COUNT:
                count = 1
            else:
                seconds = 5.0
        if seconds is not None and not 0 < seconds <= _SECONDS_MAX:
            raise ValueError(f"seconds must be above 0 and at most {_SECONDS_MAX:.0f}, got {seconds}")
        if count is not None and count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        if count is not None and order.kind in _STATES:
            raise ValueError(f"{order.kind} lasts for seconds and takes no count")
        delay_ms_min = -_DELAY_MS_MAX if order.kind is FaultKind.CLOCK_SKEW else 0
        if not delay_ms_min <= order.delay_ms <= _DELAY_MS_MAX:
            raise ValueError(f"delay_ms must be {delay_ms_min}..{_DELAY_MS_MAX}, got {order.delay_ms}")
        if len(self.status()) >= _ON_MAX:
            raise ValueError(f"{_ON_MAX} faults are on already; clear them first")
        until = None if seconds is None else self._clock() + int(seconds * 1e9)
        fault = Fault(order.kind, until, count, order.delay_ms, order.target)
        self._faults.append(fault)
        return fault

    def active(self, kind: FaultKind, name: str = "") -> Fault | None:
        """The fault of this kind that is on for `name`, without using it up."""
        if not self._faults:
            return None
        now = self._clock()
        self._faults = [fault for fault in self._faults if not _is_over(fault, now)]
        for fault in self._faults:
            if fault.kind is kind and fault.target in name:
                return fault
        return None

    def hit(self, kind: FaultKind, name: str = "") -> Fault | None:
        """Like `active`, and counts it: a fault with a count loses one."""
        fault = self.active(kind, name)
        if fault is None:
            return None
        if fault.remaining is not None:
            fault.remaining -= 1
        self.hits[kind] = self.hits.get(kind, 0) + 1
        return fault

    def left_s(self, kind: FaultKind) -> int:
        """Whole seconds, rounded up, until faults of this kind end, whatever their target: for Retry-After.

        At least 1, also for a fault that ends by its count.
        """
        now = self._clock()
        ends = [fault.until_ns for fault in self._faults if fault.kind is kind and fault.until_ns is not None]
        return max([1, *(-((now - until_ns) // 1_000_000_000) for until_ns in ends)])

    def clear(self) -> None:
        """End every fault now."""
        self._faults.clear()

    def status(self) -> list[dict[str, object]]:
        """The faults that are on, for the control API."""
        now = self._clock()
        return [
            {
                "kind": fault.kind.value,
                "seconds_left": None if fault.until_ns is None else round((fault.until_ns - now) / 1e9, 3),
                "hits_left": fault.remaining,
                "delay_ms": fault.delay_ms,
                "target": fault.target,
            }
            for fault in self._faults
            if not _is_over(fault, now)
        ]


def _is_over(fault: Fault, now_ns: int) -> bool:
    if fault.remaining is not None and fault.remaining <= 0:
        return True
    return fault.until_ns is not None and now_ns >= fault.until_ns
