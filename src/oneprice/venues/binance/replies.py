"""Frames of Binance's WS API that answer a request or tell of the connection: what both private websockets read.

Source: binance-spot-api-docs web-socket-api.md "Response format", "Event format".
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from oneprice.errors import ExchangeAPIError
from oneprice.venues.binance.account_facts import COUNT_WINDOWS
from oneprice.venues.binance.signing import Parameters
from oneprice.venues.kit import ErrorTable, Response, decode, invalid

LOGON, SUBSCRIBE, PING = "logon", "subscribe", "ping"
"""Ids of our own requests; commands have their number."""

PING_EVERY_S = 15.0
LIFETIME_S = 86_400.0


class RetryTimes(msgspec.Struct, rename="camel"):
    """Milliseconds since 1970, both by Binance's clock."""

    server_time: int = 0
    retry_after: int = 0


class Failure(msgspec.Struct):
    """An error."""

    code: int
    msg: str
    data: RetryTimes | None = None


class Count(msgspec.Struct, rename="camel"):
    """How much of one limit is used."""

    rate_limit_type: str
    interval: str
    interval_num: int
    count: int


class Frame(msgspec.Struct, rename="camel"):
    """An answer, or an event: those have no id."""

    id: str | int | None = None
    status: int = 0
    result: msgspec.Raw = msgspec.Raw()
    error: Failure | None = None
    event: msgspec.Raw = msgspec.Raw()
    rate_limits: list[Count] = []


class Kind(msgspec.Struct):
    """What an event is."""

    e: str


def read_frame(payload: bytes, binary: bool, venue: str) -> Frame:
    """Raises InvalidResponseError."""
    what = "a private websocket"
    if binary:
        raise invalid(venue, what, "a binary frame", payload)
    return decode(payload, Frame, venue=venue, what=what)


def request(name: str, method: str, parameters: Parameters) -> bytes:
    """A request; its answer bears the same name."""
    return msgspec.json.encode({"id": name, "method": method, "params": parameters})


def failure(frame: Frame, table: ErrorTable) -> ExchangeAPIError:
    """The error in an answer. When it may be tried again is told as a moment; Binance's clock comes along."""
    told = frame.error or Failure(0, "")
    times = told.data or RetryTimes()
    wait_ms = times.retry_after - times.server_time if times.retry_after and times.server_time else None
    code = str(told.code) if frame.error else ""
    return table.error(Response(frame.status, {}, b""), code, told.msg, None if wait_ms is None else max(0, wait_ms))


def used(frame: Frame) -> Mapping[str, int]:
    """Used so far of each budget's window."""
    told = {(row.rate_limit_type, row.interval, row.interval_num): row.count for row in frame.rate_limits}
    return {budget: told[window] for window, budget in COUNT_WINDOWS.items() if window in told}
