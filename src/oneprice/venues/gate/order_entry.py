"""Orders over Gate's websocket, which is the public one after a login.

A placing has two answers: the first repeats the request and says that it was received, the second what became of it.
"""

from __future__ import annotations

from typing import Generic

import msgspec

from oneprice.errors import ExchangeAPIError, InvalidResponseError, RateLimitError
from oneprice.model import MarketKind, NewOrder, OrderRef
from oneprice.venues.gate import errors, streams
from oneprice.venues.gate.orders import EXPIRES_AFTER_MS, F, Listings, O, OrderCodec, order_id
from oneprice.venues.gate.product import Product
from oneprice.venues.gate.signing import Signing
from oneprice.venues.kit import (
    BodyError,
    Closing,
    EntryAnswer,
    EntryEvent,
    EntryReady,
    EntryReceived,
    Pong,
    Refusal,
    Response,
    decode,
    invalid,
)

MS, SECOND_NS = 1_000_000, 1_000_000_000
LOGIN = "login"
NUMBER_LENGTH_MAX = 18


class Header(msgspec.Struct):
    """`status` is like that of HTTP. Times in milliseconds. The reset has two names: most frames lack a letter."""

    status: str | int = ""
    channel: str = ""
    response_time: str | int = ""
    x_gate_ratelimit_reset_timestamp: str | int = ""
    x_gat_ratelimit_reset_timestamp: str | int = ""


class Errs(msgspec.Struct):
    """Why not."""

    label: str = ""
    message: str = ""


class Data(msgspec.Struct):
    """One of the two."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    errs: Errs | None = None


class Notice(msgspec.Struct):
    """`result` of a notice."""

    type: str = ""


class Frame(msgspec.Struct):
    """An answer; `channel` and `result` stand at the top in pongs and notices only."""

    request_id: str = ""
    ack: bool = False
    header: Header = msgspec.field(default_factory=Header)
    data: Data = msgspec.field(default_factory=Data)
    channel: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


class GateOrderEntry(Generic[O, F]):
    """One connection."""

    lifetime_s = 0.0
    ping_every_s = streams.LIMITS.ping_every_s

    def __init__(
        self, url: str, product: Product, codec: OrderCodec[O, F], signing: Signing, listings: Listings
    ) -> None:
        self.url = url
        self._word, self._symbol_key = product.word, product.symbol_key
        self._names_symbol = product.kind is MarketKind.SPOT
        self._codec, self._signing, self._listings = codec, signing, listings
        self._table = errors.TABLES[product.kind]

    def opening(self, time_ns: int) -> list[bytes]:
        """The login."""
        time_s, channel = time_ns // SECOND_NS, f"{self._word}.login"
        payload = {
            "api_key": self._signing.api_key,
            "signature": self._signing.login(channel, time_s),
            "timestamp": str(time_s),
            "req_id": LOGIN,
        }
        return [msgspec.json.encode({"time": time_s, "channel": channel, "event": "api", "payload": payload})]

    def place(self, order: NewOrder, number: int, time_ns: int) -> bytes:
        """With the time at which it expires."""
        expires = {"x-gate-exptime": str(time_ns // MS + EXPIRES_AFTER_MS)}
        return self._command("order_place", self._codec.body(order), number, time_ns, expires)

    def cancel(self, ref: OrderRef, number: int, time_ns: int) -> bytes:
        """By either id."""
        return self._command("order_cancel", self._meant(ref), number, time_ns)

    def read(self, payload: bytes, binary: bool) -> list[EntryEvent]:
        """An answer's number is its request's id."""
        frame = decode(payload, Frame, venue=self._table.venue, what="order entry")
        if not frame.header.channel:
            return self._told(frame, payload)
        failure = self._failure(frame)
        if frame.request_id == LOGIN or frame.header.channel == f"{self._word}.login":
            return [EntryReady() if failure is None else Refusal(f"login: {failure}")]
        number = _digits(frame.request_id)
        if number is None:
            if failure is None:
                raise self._unknown(f"request_id {frame.request_id!r} is none of ours", payload)
            return [Refusal(str(failure))]
        if failure is not None:
            return [EntryAnswer(number, failure)]
        return [EntryReceived(number) if frame.ack else self._answer(number, frame, payload)]

    def ping(self, time_ns: int) -> bytes | None:
        """As on the public side."""
        return streams.ping(self._word, time_ns)

    # ------------------------------------------------------------------ inside

    def _command(
        self, name: str, told: dict[str, object], number: int, time_ns: int, header: dict[str, str] | None = None
    ) -> bytes:
        payload: dict[str, object] = {"req_id": str(number), "req_param": told}
        if header:
            payload["req_header"] = header
        channel = f"{self._word}.{name}"
        return msgspec.json.encode(
            {"time": time_ns // SECOND_NS, "channel": channel, "event": "api", "payload": payload}
        )

    def _meant(self, ref: OrderRef) -> dict[str, object]:
        told: dict[str, object] = {"order_id": order_id(ref)}
        return told | {self._symbol_key: ref.listing.venue_symbol} if self._names_symbol else told

    def _answer(self, number: int, frame: Frame, payload: bytes) -> EntryAnswer:
        """What cannot be read is the answer to this command, and leaves it unknown; others wait on the connection."""
        what = frame.header.channel
        try:
            row = decode(bytes(frame.data.result), self._codec.order, venue=self._table.venue, what=what)
            return EntryAnswer(number, self._codec.order_of(row, self._listings(row.symbol)))
        except BodyError as error:
            return EntryAnswer(number, invalid(self._table.venue, what, str(error), payload))
        except InvalidResponseError as error:
            return EntryAnswer(number, error)

    def _failure(self, frame: Frame) -> ExchangeAPIError | None:
        told, status = frame.data.errs, _digits(frame.header.status)
        if told is None and status == 200:
            return None
        told, number = told or Errs(), status if status is not None and status < 1_000 else 0
        error = self._table.error(Response(number, {}, b""), told.label, told.message)
        if isinstance(error, RateLimitError):
            error.retry_after_ms = _until_reset_ms(frame.header)
        return error

    def _told(self, frame: Frame, payload: bytes) -> list[EntryEvent]:
        if frame.channel == f"{self._word}.pong":
            return [Pong()]
        if frame.channel.endswith(".system"):
            notice = decode(bytes(frame.result), Notice, venue=self._table.venue, what=frame.channel)
            return [Closing(notice.type)] if notice.type == "upgrade" else []
        if frame.channel:
            return []  # Gate may add channels, and commands wait on the connection
        raise self._unknown("neither an answer nor a channel", payload)

    def _unknown(self, why: str, payload: bytes) -> Exception:
        return invalid(self._table.venue, "order entry", why, payload)


def _digits(told: str | int) -> int | None:
    text = str(told)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_LENGTH_MAX else None


def _until_reset_ms(header: Header) -> int:
    """On the venue's own clock; a whole window where it does not tell."""
    reset = _digits(header.x_gate_ratelimit_reset_timestamp or header.x_gat_ratelimit_reset_timestamp)
    now = _digits(header.response_time)
    if reset is None or now is None:
        return errors.WINDOW_MS
    return min(max(0, reset - now), errors.WINDOW_MS)
