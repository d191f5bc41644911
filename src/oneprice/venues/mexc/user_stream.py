"""MEXC's private websockets, one object for each connection. Spot: three subscriptions; perpetuals: a log-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from oneprice.errors import InvalidResponseError, Outcome
from oneprice.model import SymbolInfo
from oneprice.venues.kit import (
    BalanceUpdate,
    BodyError,
    FillUpdate,
    Millis,
    OrderUpdate,
    Pong,
    PositionUpdate,
    Refusal,
    Reply,
    StreamReady,
    UserEvent,
    decode,
)
from oneprice.venues.mexc import futures_orders, private_frames
from oneprice.venues.mexc.errors import FUTURES_TABLE, SPOT_TABLE
from oneprice.venues.mexc.futures_rows import AssetRow, FillRow, PositionRow, balance_of, fill_of, position_of
from oneprice.venues.mexc.signing import Signing
from oneprice.venues.mexc.streams import FUTURES_WIRE, REFUSED, SPOT_WIRE

T = TypeVar("T")
ListingOf = Callable[[str], SymbolInfo]

MS = 1_000_000
EXCERPT_LENGTH = 120
SPOT_CHANNELS = (
    "spot@private.orders.v3.api.pb",
    "spot@private.deals.v3.api.pb",
    "spot@private.account.v3.api.pb",
)


class SpotUserStream:
    """Spot's: the listen key in the address says whose it is. Frames are protobuf, control is JSON."""

    lifetime_s = SPOT_WIRE.limits.lifetime_s
    ping_every_s = SPOT_WIRE.limits.ping_every_s

    def __init__(self, url: str, listing_of: ListingOf, coins_of: private_frames.CoinsOf) -> None:
        self._url, self._listing_of, self._coins_of = url, listing_of, coins_of
        self._missing = set(SPOT_CHANNELS)

    @property
    def url(self) -> str:
        """With the listen key: not to be shown."""
        return self._url

    def opening(self, time_ns: int) -> list[bytes]:
        """One message for each channel: an answer names what it is for, and a refusal looks like any answer."""
        return [SPOT_WIRE.request(True, name, number) for number, name in enumerate(SPOT_CHANNELS, 1)]

    def read(self, payload: bytes, binary: bool, time_ns: int) -> list[UserEvent]:
        """Frames come in binary; the first byte tells them from JSON, whatever the websocket calls it."""
        if payload[:1] == b"{":
            return self._control(payload)
        try:
            return private_frames.events(payload, self._listing_of, self._coins_of)
        except ValueError as error:
            raise _unknown(SPOT_TABLE.venue, str(error), payload) from None

    def _control(self, payload: bytes) -> list[UserEvent]:
        told = decode(payload, _SpotAnswer, venue=SPOT_TABLE.venue, what="the private stream")
        if told.msg == "PONG":
            return [Pong()]
        if told.code != 0 or told.msg.startswith(REFUSED):
            return [Refusal(f"{told.msg.strip()} (code {told.code})")]
        taken = {name for name in SPOT_CHANNELS if name in told.msg}
        if not taken:
            return [Refusal(told.msg)] if self._missing else []
        waiting = bool(self._missing)
        self._missing -= taken
        return [StreamReady()] if waiting and not self._missing else []

    def ping(self, time_ns: int) -> bytes | None:
        """Needed: the venue closes connections on which nothing flows for 60 s."""
        return SPOT_WIRE.ping


class FuturesUserStream:
    """Perpetuals': after the log-in every private channel is sent, and the filter then leaves those that are read."""

    lifetime_s = FUTURES_WIRE.limits.lifetime_s
    ping_every_s = FUTURES_WIRE.limits.ping_every_s

    def __init__(self, url: str, signing: Signing, listing_of: ListingOf) -> None:
        self.url = url
        self._signing, self._listing_of = signing, listing_of

    def opening(self, time_ns: int) -> list[bytes]:
        """The log-in."""
        return [self._signing.login(time_ns)]

    def read(self, payload: bytes, binary: bool, time_ns: int) -> list[UserEvent]:
        """Ready with the log-in: from then on all is sent, filter or not."""
        head = self._decode(payload, _Head)
        if head.channel == "rs.login" and _is_success(head.data):
            return [StreamReady(), Reply(FILTER)]
        if head.channel == "pong":
            return [Pong()]
        if head.channel.startswith("rs."):
            if head.channel == "rs.personal.filter" and _is_success(head.data):
                return []
            reason = bytes(head.data)[:EXCERPT_LENGTH].decode("utf-8", "replace")
            return [Refusal(f"{head.channel}: {reason}")]
        try:
            return self._pushed(head.channel, payload)
        except BodyError as error:
            raise _unknown(FUTURES_TABLE.venue, str(error), payload) from None

    def _pushed(self, channel: str, payload: bytes) -> list[UserEvent]:
        if channel == "push.personal.order":
            row = self._decode(payload, _Push[futures_orders.OrderRow]).data
            return [OrderUpdate(futures_orders.order_of(row, self._listing_of(row.symbol)))]
        if channel == "push.personal.order.deal":
            told = self._decode(payload, _Push[list[FillRow] | FillRow]).data
            rows = told if isinstance(told, list) else [told]
            return [FillUpdate(fill_of(row, self._listing_of(row.symbol))) for row in rows]
        if channel == "push.personal.position":
            push = self._decode(payload, _Push[PositionRow])
            return [PositionUpdate(position_of(push.data, self._listing_of(push.data.symbol), push.ts * MS))]
        if channel == "push.personal.asset":
            asset = self._decode(payload, _Push[AssetRow])
            return [BalanceUpdate((balance_of(asset.data, asset.ts * MS),))]
        return []  # sent between the log-in and the filter, or new: of no use here

    def _decode(self, payload: bytes, form: type[T]) -> T:
        return decode(payload, form, venue=FUTURES_TABLE.venue, what="the private stream")

    def ping(self, time_ns: int) -> bytes | None:
        """Needed: the venue closes connections that have not pinged for 60 s."""
        return FUTURES_WIRE.ping


FILTER = msgspec.json.encode(
    {
        "method": "personal.filter",
        "param": {"filters": [{"filter": name} for name in ("order", "order.deal", "position", "asset")]},
    }
)
"""Later filters replace earlier ones: one message holds all that is wanted."""


class _SpotAnswer(msgspec.Struct):
    msg: str
    code: int = 0


class _Head(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw()


class _Push(msgspec.Struct, Generic[T]):
    data: T
    ts: Millis = 0


def _is_success(data: msgspec.Raw) -> bool:
    return bytes(data) == b'"success"'


def _unknown(market: str, why: str, payload: bytes) -> InvalidResponseError:
    excerpt = payload[:EXCERPT_LENGTH].decode("utf-8", "backslashreplace")
    message = f"a frame of the private stream is not as documented: {why}; it begins {excerpt!r}"
    return InvalidResponseError(market, message, outcome=Outcome.UNKNOWN)
