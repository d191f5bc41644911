"""Binance's private streams: spot on the WS API, perpetuals by listen key.

Nothing is replayed after a reconnect. Source: binance-spot-api-docs user-data-stream.md; USDⓈ-M user data streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oneprice.errors import InvalidResponseError
from oneprice.venues.binance.account_facts import AccountFacts
from oneprice.venues.binance.names import Names
from oneprice.venues.binance.replies import (
    LIFETIME_S,
    PING,
    PING_EVERY_S,
    SUBSCRIBE,
    Kind,
    failure,
    read_frame,
    request,
)
from oneprice.venues.binance.signing import Signing
from oneprice.venues.binance.spot_events import (
    AccountPosition,
    BalanceChange,
    ExecutionReport,
    account_position,
    balance_change,
    execution,
)
from oneprice.venues.binance.usdm_events import (
    AccountUpdate,
    OrderTradeUpdate,
    account_update,
    order_update,
)
from oneprice.venues.kit import (
    BodyError,
    Closing,
    Pong,
    Refusal,
    StreamReady,
    UserEvent,
    decode,
    invalid,
)

_WHAT = "the private stream"
Reading = tuple[Any, Callable[[Any, Names], list[UserEvent]]]

_SPOT: Mapping[str, Reading] = {
    "executionReport": (ExecutionReport, execution),
    "outboundAccountPosition": (AccountPosition, account_position),
    "balanceUpdate": (BalanceChange, balance_change),
}
_USDM: Mapping[str, Reading] = {
    "ORDER_TRADE_UPDATE": (OrderTradeUpdate, order_update),
    "ACCOUNT_UPDATE": (AccountUpdate, account_update),
}
_CLOSING: Mapping[str, str] = {
    "serverShutdown": "the server restarts soon",
    "eventStreamTerminated": "the stream was ended",
    "listenKeyExpired": "the listen key has expired",
}
USDM_PING_EVERY_S = 30.0


class SpotUserStream:
    """`userDataStream.subscribe.signature`: one signed request, with any kind of key; nothing to keep alive."""

    def __init__(self, facts: AccountFacts, signing: Signing, names: Names, url: str) -> None:
        self._table, self._signing, self._names = facts.market.errors, signing, names
        self.url = url
        self.ping_every_s = PING_EVERY_S
        self.lifetime_s = LIFETIME_S

    def opening(self, time_ns: int) -> list[bytes]:
        """The subscription."""
        return [request(SUBSCRIBE, "userDataStream.subscribe.signature", self._signing.parameters({}, time_ns))]

    def read(self, payload: bytes, binary: bool, time_ns: int) -> list[UserEvent]:
        """One frame. An error that answers nothing (`id` null) tells that the key is no longer valid."""
        venue = self._table.venue
        frame = read_frame(payload, binary, venue)
        if frame.event:
            return _events(bytes(frame.event), _SPOT, self._names, venue)
        if frame.id == PING:
            return [Pong()]
        if frame.error is not None or (frame.id == SUBSCRIBE and frame.status != 200):
            error = failure(frame, self._table)
            return [Refusal(f"{error.message} (code {error.code})")]
        if frame.id == SUBSCRIBE:
            return [StreamReady()]
        raise invalid(venue, _WHAT, "no known kind of message", payload)

    def ping(self, time_ns: int) -> bytes | None:
        """A request of the WS API."""
        return request(PING, "ping", {})


class UsdmUserStream:
    """The listen key in the address is the subscription: once connected, nothing is missed."""

    def __init__(self, facts: AccountFacts, names: Names, url: str) -> None:
        self._venue, self._names = facts.market.errors.venue, names
        self.url = url
        self.ping_every_s = USDM_PING_EVERY_S
        self.lifetime_s = LIFETIME_S

    def opening(self, time_ns: int) -> list[bytes]:
        """Nothing."""
        return []

    def read(self, payload: bytes, binary: bool, time_ns: int) -> list[UserEvent]:
        """One frame."""
        if binary:
            raise invalid(self._venue, _WHAT, "a binary frame", payload)
        return _events(payload, _USDM, self._names, self._venue)

    def ping(self, time_ns: int) -> bytes | None:
        """A ping of the protocol; Binance's own come every 3 minutes only."""
        return None


def _events(event: bytes, known: Mapping[str, Reading], names: Names, venue: str) -> list[UserEvent]:
    """What an event says; nothing for all other kinds.

    Those of today tell of order lists, stops and settings, none of which are made here; a margin call shows in
    positions too. TRADE_LITE is a fill without its fee, which ORDER_TRADE_UPDATE brings a moment later: a fill counts
    once, so with it. Binance adds kinds without notice.
    """
    shown = b"(with a listen key)" if b"listenKey" in event else event
    try:
        kind = decode(event, Kind, venue=venue, what=_WHAT).e
    except InvalidResponseError:
        raise invalid(venue, _WHAT, "an event without a kind", shown) from None
    if kind in _CLOSING:
        return [Closing(_CLOSING[kind])]
    if kind not in known:
        return []
    form, read = known[kind]
    try:
        return read(decode(event, form, venue=venue, what=_WHAT), names)
    except BodyError as error:
        raise invalid(venue, _WHAT, str(error), event) from None
