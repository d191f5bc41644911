"""Orders over Binance's WS API, spot (v3) and perpetuals (ws-fapi v1).

HMAC keys sign each command. Ed25519 keys log the connection in once; commands then need a time alone.
Source: binance-spot-api-docs web-socket-api.md; USDⓈ-M websocket API.
"""

from __future__ import annotations

from collections.abc import Mapping

from oneprice.errors import ExchangeAPIError, InvalidOrderError, Outcome
from oneprice.model import MarketKind, NewOrder, Order, OrderRef
from oneprice.venues.binance.account_facts import AccountFacts
from oneprice.venues.binance.names import Names
from oneprice.venues.binance.order_commands import OrderCommands
from oneprice.venues.binance.orders import OrderRow, order_of, which
from oneprice.venues.binance.replies import (
    LIFETIME_S,
    LOGON,
    PING,
    PING_EVERY_S,
    Frame,
    Kind,
    failure,
    read_frame,
    request,
    used,
)
from oneprice.venues.binance.signing import Parameters, Signing
from oneprice.venues.kit import (
    BodyError,
    Closing,
    EntryAnswer,
    EntryEvent,
    EntryReady,
    Pong,
    Refusal,
    decode,
    invalid,
)


class BinanceOrderEntry:
    """One connection for orders."""

    def __init__(self, facts: AccountFacts, signing: Signing, names: Names, url: str) -> None:
        self._table = facts.market.errors
        self._venue = facts.market.errors.venue
        self._kind = facts.market.kind
        self._signing, self._names = signing, names
        self._commands = OrderCommands(self._venue, self._kind, signing)
        self.url = url
        self.ping_every_s = PING_EVERY_S
        self.lifetime_s = LIFETIME_S

    def opening(self, time_ns: int) -> list[bytes]:
        """A log-in, where the key can."""
        if not self._signing.is_ed25519:
            return []
        return [request(LOGON, "session.logon", self._signing.parameters({}, time_ns))]

    def place(self, order: NewOrder, number: int, time_ns: int) -> bytes:
        """The same words as over REST."""
        return self._commands.place(order, number, time_ns)

    def cancel(self, ref: OrderRef, number: int, time_ns: int) -> bytes:
        """By Binance's id where it is known."""
        return self._command("order.cancel", self._which(ref), number, time_ns)

    def read(self, payload: bytes, binary: bool) -> list[EntryEvent]:
        """One frame."""
        frame = read_frame(payload, binary, self._venue)
        is_good = frame.status == 200 and frame.error is None
        if frame.id == LOGON:
            return [EntryReady() if is_good else _refusal(failure(frame, self._table))]
        if frame.id == PING:
            return [Pong()]
        if isinstance(frame.id, str) and frame.id.isascii() and frame.id.isdigit() and frame.status:
            result = self._order(frame, payload) if is_good else failure(frame, self._table)
            return [EntryAnswer(int(frame.id), result, used(frame))]
        if frame.id is None and frame.error is not None:
            return [_refusal(failure(frame, self._table))]
        if frame.event:
            return self._event(bytes(frame.event))
        raise invalid(self._venue, "order entry", "no known kind of message", payload)

    def ping(self, time_ns: int) -> bytes | None:
        """Spot answers a request of its own; perpetuals a ping of the protocol."""
        return request(PING, "ping", {}) if self._kind is MarketKind.SPOT else None

    def _command(self, method: str, asked: Mapping[str, str | int], number: int, time_ns: int) -> bytes:
        if self._signing.is_ed25519:
            told = self._signing.dated(asked, time_ns)
        else:
            told = self._signing.parameters(asked, time_ns)
        return request(str(number), method, told)

    def _which(self, ref: OrderRef) -> Parameters:
        told: Parameters = dict(which(ref, self._venue))
        if ref.venue_order_id:
            if not (ref.venue_order_id.isascii() and ref.venue_order_id.isdigit()):
                why = f"venue_order_id {ref.venue_order_id!r} is no order id of Binance"
                raise InvalidOrderError(self._venue, why, outcome=Outcome.NOT_SENT)
            told["orderId"] = int(ref.venue_order_id)
        return told

    def _order(self, frame: Frame, payload: bytes) -> Order | ExchangeAPIError:
        """What cannot be read is the answer to this command, and leaves it unknown."""
        what = f"command {frame.id}"
        try:
            row = decode(bytes(frame.result), OrderRow, venue=self._venue, what=what)
            return order_of(row, self._names.listing(row.symbol), self._names)
        except BodyError as error:
            return invalid(self._venue, what, str(error), payload)
        except ExchangeAPIError as error:
            return error

    def _event(self, event: bytes) -> list[EntryEvent]:
        """Nothing but the server's end matters here: commands that wait are not to be lost for an event that is new."""
        kind = decode(event, Kind, venue=self._venue, what="order entry").e
        return [Closing("the server restarts soon")] if kind == "serverShutdown" else []


def _refusal(error: ExchangeAPIError) -> Refusal:
    return Refusal(f"{error.message} (code {error.code})")
