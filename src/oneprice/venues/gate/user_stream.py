"""Gate's private channels, each subscribed to with a signature of its own.

Orders, matches and balances; of perpetuals positions too. What was missed while away is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from oneprice.model import AssetBalance, AssetName, MarketKind
from oneprice.venues.gate import errors, streams
from oneprice.venues.gate.futures_orders import SETTLE, PositionRow, position_of
from oneprice.venues.gate.orders import F, Listings, O, OrderCodec
from oneprice.venues.gate.product import Product
from oneprice.venues.gate.signing import Signing
from oneprice.venues.kit import (
    BalanceMoved,
    BalanceUpdate,
    BodyError,
    Closing,
    FillUpdate,
    Number,
    OrderUpdate,
    Pong,
    PositionUpdate,
    Refusal,
    StreamReady,
    UserEvent,
    decode,
    invalid,
    ns_of,
    plain,
)

SECOND_NS = 1_000_000_000
ALL = "!all"
Coins = Callable[[str], tuple[AssetName, Decimal]]
"""The asset that the venue's word means, and how many coins of it are in one."""

T = TypeVar("T")


class Failure(msgspec.Struct):
    """`error` of a frame."""

    code: int
    message: str = ""


class Frame(msgspec.Struct):
    """What all frames are. Acknowledgements may lack their id: the channel tells which one it is."""

    channel: str
    event: str = ""
    error: Failure | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


class Status(msgspec.Struct):
    """`result` of an acknowledgement, or of a notice."""

    status: str = ""
    type: str = ""


class SpotBalance(msgspec.Struct):
    """A row of `spot.balances`: the balance after a change."""

    currency: str
    timestamp_ms: Number
    total: Number
    available: Number
    change: Number
    change_type: str = ""


class FuturesBalance(msgspec.Struct):
    """A row of `futures.balances`: the total after a change. `currency` may be in lower case, or missing."""

    balance: Number
    change: Number
    time_ms: Number
    type: str = ""
    currency: str = SETTLE


class GateUserStream(Generic[O, F]):
    """One connection. `user`: the account's number, for perpetuals."""

    lifetime_s = 0.0
    ping_every_s = streams.LIMITS.ping_every_s

    def __init__(
        self,
        url: str,
        product: Product,
        codec: OrderCodec[O, F],
        signing: Signing,
        listings: Listings,
        coins: Coins,
        user: str,
    ) -> None:
        self.url = url
        self._word, self._market = product.word, errors.TABLES[product.kind].venue
        self._codec, self._signing, self._listings, self._coins = codec, signing, listings, coins
        self._payloads = _payloads(product.kind, user)
        self._readers: Mapping[str, Callable[[bytes], list[UserEvent]]] = {
            f"{self._word}.orders": self._orders,
            f"{self._word}.usertrades": self._fills,
            f"{self._word}.balances": self._spot_balances if product.kind is MarketKind.SPOT else self._balances,
            f"{self._word}.positions": self._positions,
        }
        self._awaited = {f"{self._word}.{channel}" for channel in self._payloads}

    def opening(self, time_ns: int) -> list[bytes]:
        """A message for each channel."""
        return [
            self._subscribe(f"{self._word}.{channel}", payload, number, time_ns // SECOND_NS)
            for number, (channel, payload) in enumerate(self._payloads.items(), 1)
        ]

    def read(self, payload: bytes, binary: bool, time_ns: int) -> list[UserEvent]:
        """Ready once every channel is acknowledged. Other channels and events, which Gate may add, say nothing here."""
        frame = self._decode(payload, Frame)
        reader = self._readers.get(frame.channel)
        if frame.error is not None:
            return [Refusal(f"{frame.channel}: {frame.error.message} (code {frame.error.code})")]
        if reader is not None and frame.event == "update":
            try:
                return reader(bytes(frame.result))
            except BodyError as error:
                raise self._unknown(frame.channel, str(error), payload) from None
        if frame.channel == f"{self._word}.pong":
            return [Pong()]
        if frame.event == "subscribe" and reader is not None:
            return self._acknowledged(frame)
        if frame.channel.endswith(".system"):
            notice = self._decode(bytes(frame.result), Status)
            return [Closing(notice.type)] if notice.type == "upgrade" else []
        return []

    def ping(self, time_ns: int) -> bytes | None:
        """As on the public side."""
        return streams.ping(self._word, time_ns)

    # ------------------------------------------------------------------ updates

    def _orders(self, rows: bytes) -> list[UserEvent]:
        convert, listings = self._codec.order_of, self._listings
        return [OrderUpdate(convert(row, listings(row.symbol))) for row in self._decode(rows, self._codec.orders)]

    def _fills(self, rows: bytes) -> list[UserEvent]:
        convert, listings = self._codec.fill_of, self._listings
        return [FillUpdate(convert(row, listings(row.symbol))) for row in self._decode(rows, self._codec.fills)]

    def _spot_balances(self, rows: bytes) -> list[UserEvent]:
        events: list[UserEvent] = []
        for row in self._decode(rows, list[SpotBalance]):
            (asset, coins), time_ns = self._coins(row.currency), ns_of(row.timestamp_ms, "ms")
            total, free = row.total * coins, row.available * coins
            balance = AssetBalance(asset=asset, total=total, free=free, time_ns=time_ns)
            events.append(BalanceUpdate((balance,), row.change_type))
            if row.change_type in ("deposit", "withdraw") or row.change_type.endswith("-transfer"):
                events.append(BalanceMoved(asset, plain(row.change * coins), time_ns, row.change_type))
        return events

    def _balances(self, rows: bytes) -> list[UserEvent]:
        """`dnw`: a deposit, withdrawal or transfer."""
        events: list[UserEvent] = []
        for row in self._decode(rows, list[FuturesBalance]):
            asset, time_ns = AssetName(row.currency.upper()), ns_of(row.time_ms, "ms")
            events.append(BalanceUpdate((AssetBalance(asset=asset, total=row.balance, time_ns=time_ns),), row.type))
            if row.type == "dnw":
                events.append(BalanceMoved(asset, plain(row.change), time_ns, row.type))
        return events

    def _positions(self, rows: bytes) -> list[UserEvent]:
        """A position of hedge mode makes the stream useless: orders here are those of one-way mode."""
        events: list[UserEvent] = []
        for row in self._decode(rows, list[PositionRow]):
            if not row.is_hedged:
                events.append(PositionUpdate(position_of(row, self._listings(row.contract))))
            elif row.size:
                events.append(Refusal(f"{row.contract} has a {row.mode} position: the account is in hedge mode"))
        return events

    # ------------------------------------------------------------------ inside

    def _subscribe(self, channel: str, payload: list[str], number: int, time_s: int) -> bytes:
        told: dict[str, object] = {"time": time_s, "id": number, "channel": channel, "event": "subscribe"}
        if payload:
            told["payload"] = payload
        return msgspec.json.encode(told | {"auth": self._signing.subscription(channel, "subscribe", time_s)})

    def _acknowledged(self, frame: Frame) -> list[UserEvent]:
        told = self._decode(bytes(frame.result), Status | None)  # type: ignore[arg-type]
        if told is not None and told.status == "fail":
            return [Refusal(f"{frame.channel}: failed without a reason")]
        if frame.channel not in self._awaited:
            return []
        self._awaited.remove(frame.channel)
        return [] if self._awaited else [StreamReady()]

    def _decode(self, payload: bytes, form: type[T]) -> T:
        return decode(payload, form, venue=self._market, what="the private stream")

    def _unknown(self, channel: str, why: str, payload: bytes) -> Exception:
        return invalid(self._market, f"the private stream ({channel})", why, payload)


def _payloads(kind: MarketKind, user: str) -> dict[str, list[str]]:
    if kind is MarketKind.SPOT:
        return {"orders": [ALL], "usertrades": [ALL], "balances": []}
    return {"orders": [user, ALL], "usertrades": [user, ALL], "balances": [user], "positions": [user, ALL]}
