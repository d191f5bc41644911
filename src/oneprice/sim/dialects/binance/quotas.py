"""Request weights per address and order counts per account, shared by REST and the WS API of a market.

A pool over its limit refuses with 429 and Retry-After until the minute turns; a client that goes on regardless is
banned with 418. Windows are aligned to the clock.
"""

from collections.abc import Callable

import msgspec

from oneprice.sim.dialects.binance.refusals import RequestError
from oneprice.sim.limits import Bans, WindowCounter

_REFUSALS_BEFORE_BAN = 20
_BAN_S = 120
_SECONDS = {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}


class Tired(RequestError):
    """Too much was asked for: HTTP 429, or 418 with `banned_until_ms`."""

    def __init__(self, code: int, message: str, status: int, retry_after_s: int, banned_until_ms: int | None) -> None:
        super().__init__(code, message, status, retry_after_s=retry_after_s)
        self.banned_until_ms = banned_until_ms


class WeightPool:
    """REQUEST_WEIGHT of one market per address. `clock` gives wall time in nanoseconds."""

    def __init__(self, limit: int, clock: Callable[[], int]) -> None:
        self._weights = WindowCounter(limit, 60, clock)
        self._refusals = WindowCounter(_REFUSALS_BEFORE_BAN, 60, clock)
        self._bans = Bans(clock)

    @property
    def limit(self) -> int:
        """Weight that an address may use a minute."""
        return self._weights.limit

    def used(self, client: str) -> int:
        """What the address has used in this minute."""
        return self._weights.used(client)

    def enter(self, client: str) -> None:
        """Refuse an address that is banned. Raises Tired."""
        if self._bans.until_ns(client) is not None:
            raise self._banned(client)

    def charge(self, client: str, weight: int) -> None:
        """Count a request. Raises Tired when it is too much."""
        if self._weights.add(client, weight) <= self._weights.limit:
            return
        if self._refusals.add(client, 1) > _REFUSALS_BEFORE_BAN:
            self._bans.ban(client, _BAN_S)
            raise self._banned(client)
        raise self.too_much()

    def give_back(self, client: str, weight: int) -> None:
        """Orders that are taken cost nothing."""
        self._weights.give_back(client, weight)

    def row(self, client: str) -> dict[str, object]:
        """The pool's entry of `rateLimits`."""
        return {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": self.limit,
            "count": self.used(client),
        }

    def too_much(self) -> Tired:
        """What a client over the limit is told."""
        message = (
            f"Too much request weight used; current limit is {self.limit} request weight per "
            "1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return Tired(-1003, message, 429, self._weights.retry_after_s(), None)

    def _banned(self, client: str) -> Tired:
        until_ms = (self._bans.until_ns(client) or 0) // 1_000_000
        return banned(until_ms, self._bans.left_s(client))


def banned(until_ms: int, left_s: int) -> Tired:
    """What a banned address is told."""
    message = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return Tired(-1003, message, 418, max(1, left_s), until_ms)


class OrderLimit(msgspec.Struct, frozen=True):
    """So many orders in a window, as exchangeInfo has it."""

    interval: str
    number: int
    limit: int

    @property
    def window_s(self) -> int:
        """The window in seconds."""
        return self.number * _SECONDS[self.interval]

    def row(self) -> dict[str, object]:
        """Its entry of `rateLimits`, without a count."""
        return {
            "rateLimitType": "ORDERS",
            "interval": self.interval,
            "intervalNum": self.number,
            "limit": self.limit,
        }


SPOT_ORDER_LIMITS = (OrderLimit("SECOND", 10, 100), OrderLimit("DAY", 1, 200_000))
FUTURES_ORDER_LIMITS = (OrderLimit("SECOND", 10, 300), OrderLimit("MINUTE", 1, 1_200))


class OrderCounts:
    """Orders per account. Spot counts those that have not filled: `filled` takes one off again."""

    def __init__(self, limits: tuple[OrderLimit, ...], clock: Callable[[], int]) -> None:
        self._windows = [(limit, WindowCounter(limit.limit, limit.window_s, clock)) for limit in limits]

    def check(self, uid: int) -> None:
        """Raises Tired (-1015) when the account may not place one more."""
        for limit, window in self._windows:
            if window.used(uid) >= limit.limit:
                message = f"Too many new orders; current limit is {limit.limit} orders per {limit.number} "
                message += f"{limit.interval}."
                raise Tired(-1015, message, 429, window.retry_after_s(), None)

    def add(self, uid: int) -> None:
        """Count an order."""
        for _, window in self._windows:
            window.add(uid, 1)

    def filled(self, uid: int) -> None:
        """An order of the account got its first fill."""
        for _, window in self._windows:
            window.give_back(uid, 1)

    def headers(self, uid: int) -> dict[str, str]:
        """X-MBX-ORDER-COUNT-10S and so on."""
        return {
            f"X-MBX-ORDER-COUNT-{limit.number}{limit.interval[0]}": str(window.used(uid))
            for limit, window in self._windows
        }

    def rows(self, uid: int) -> list[dict[str, object]]:
        """The entries of `rateLimits` with counts."""
        return [limit.row() | {"count": window.used(uid)} for limit, window in self._windows]
