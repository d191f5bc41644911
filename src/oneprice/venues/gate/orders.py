"""What orders of both markets share: our ids, exact texts, what makes no sense, and why an order ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

import msgspec

from oneprice.errors import InvalidOrderError, Outcome
from oneprice.model import (
    Fee,
    Fill,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    OrderStatus,
    OrderType,
    SymbolInfo,
    TimeInForce,
)
from oneprice.venues.gate.errors import TABLES
from oneprice.venues.kit import fee_of, nonsense

PREFIX = "t-"
"""What Gate wants every client id to begin with; ids without it are of other makers ("apiv4", "web")."""

EXPIRES_AFTER_MS = 5_000
"""An order that reaches the venue later than this after its signing is refused there."""

WORDS = {TimeInForce.GTC: "gtc", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
POST_ONLY = "poc"
_BY_WORD = {word: time_in_force for time_in_force, word in WORDS.items()}

ENDINGS: Mapping[str, OrderStatus] = {
    "filled": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELED,
    "liquidate_cancelled": OrderStatus.CANCELED,
    "liquidated": OrderStatus.CANCELED,
    "auto_deleveraged": OrderStatus.CANCELED,
    "position_closed": OrderStatus.CANCELED,
}
"""`finish_as`. Whatever else it says (ioc, fok, poc, stp, small, reduce_only ...), the venue itself ended the order."""

Listings = Callable[[str], SymbolInfo]
"""Finds a listing by the venue's symbol."""


class Row(Protocol):
    """What orders of both markets have in common on the wire."""

    text: str
    succeeded: bool
    label: str

    @property
    def reason(self) -> str:
        """Why it was refused."""

    @property
    def symbol(self) -> str:
        """Of the listing; "" where the message does not tell."""


class Match(Protocol):
    """What fills of both markets have in common on the wire."""

    @property
    def symbol(self) -> str:
        """Of the listing; "" where the message does not tell."""


O = TypeVar("O", bound=Row)  # noqa: E741 - an order's row
F = TypeVar("F", bound=Match)


class OrderCodec(msgspec.Struct, Generic[O, F], frozen=True, kw_only=True):
    """One market's orders and fills: their forms on the wire, and what they become."""

    kind: MarketKind
    order: type[O]
    orders: type[list[O]]
    fill: type[F]
    fills: type[list[F]]
    body: Callable[[NewOrder], dict[str, object]]
    order_of: Callable[[O, SymbolInfo], Order]
    fill_of: Callable[[F, SymbolInfo], Fill]


def client_id(text: str) -> str:
    """Our part of `text`, "" when it is none of ours."""
    return text[len(PREFIX) :] if text.startswith(PREFIX) else ""


def order_id(ref: OrderRef) -> str:
    """What names the order to the venue. Raises InvalidOrderError (NOT_SENT) when neither id is known."""
    if ref.venue_order_id:
        return ref.venue_order_id
    if not ref.client_order_id:
        raise refused(ref.listing.market, "an order without any id is meant")
    return PREFIX + ref.client_order_id


def status_of(is_open: bool, ending: str, filled: Decimal | None, quantity: Decimal | None) -> OrderStatus:
    """`filled`, `quantity`: None where not told."""
    if is_open:
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW
    if filled and filled == quantity:
        return OrderStatus.FILLED
    return ENDINGS.get(ending, OrderStatus.EXPIRED)


def order_type(word: str, time_in_force: str) -> OrderType | None:
    """None where the message does not tell."""
    if word == "market":
        return OrderType.MARKET
    if word != "limit":
        return None
    return OrderType.LIMIT_MAKER if time_in_force == POST_ONLY else OrderType.LIMIT


def time_in_force(word: str) -> TimeInForce | None:
    """Post-only orders rest until cancelled."""
    return TimeInForce.GTC if word == POST_ONLY else _BY_WORD.get(word)


def fees(listing: SymbolInfo, *told: tuple[str, Decimal | None]) -> tuple[Fee, ...]:
    """Of pairs of asset and amount, those that are not 0."""
    return tuple(fee_of(listing, asset, amount) for asset, amount in told if amount)


def in_time(fills: list[Fill]) -> tuple[Fill, ...]:
    """Oldest first; ids tell which of one millisecond was first."""
    return tuple(sorted(fills, key=lambda fill: (fill.time_ns, len(fill.venue_fill_id), fill.venue_fill_id)))


# ---------------------------------------------------------------------- what makes no sense


def check(order: NewOrder, kind: MarketKind) -> None:
    """Raises InvalidOrderError (NOT_SENT)."""
    if order.listing.market is not kind:
        raise refused(kind, f"{order.listing.name} is of another market")
    why = nonsense(order)
    if why:
        raise refused(kind, why)


def refused(kind: MarketKind, why: str) -> InvalidOrderError:
    """An order that was not sent."""
    return InvalidOrderError(TABLES[kind].venue, why, outcome=Outcome.NOT_SENT)
