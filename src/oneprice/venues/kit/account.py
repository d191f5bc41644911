"""The private side of a venue's market: the contract, beside `contract.py` for the public side.

Sans-IO like all of a venue folder: requests out as values, answers and frames in as values. Nothing here waits,
retries or remembers; `oneprice.exchange` does. A `Call` made here is not signed yet: the time in its signature is
that of its sending, so `wire` is the last thing that happens to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from oneprice.errors import ExchangeAPIError
from oneprice.model import (
    AssetBalance,
    AssetName,
    AssetNetwork,
    Fill,
    KeyPermissions,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    Position,
    PositionMode,
    SymbolInfo,
    TradingFee,
    Transfer,
)
from oneprice.venues.kit.contract import Budget, Call, Charge, Closing, Pong, Refusal, Reply, Request, Response, Support

CLIENT_ORDER_ID = r"[A-Za-z0-9_-]{1,28}"
"""What every venue takes as a client order id; a prefix that a venue wants is its codec's business."""

ACCOUNT_CAPABILITIES = (
    "balances",
    "positions",
    "account fees",
    "order: limit GTC",
    "order: limit IOC",
    "order: limit FOK",
    "order: post-only",
    "order: market by base",
    "order: market by quote",
    "order: reduce-only",
    "batch orders",
    "cancel",
    "cancel all",
    "query by client id",
    "open orders",
    "fills",
    "leverage",
    "position mode",
    "key permissions",
    "networks",
    "deposits and withdrawals",
    "dead man's switch",
    "stream: orders",
    "stream: fills",
    "stream: balances",
    "stream: positions",
    "websocket order entry",
    "client id refused twice",
)
"""What the capability matrix asks of every account, in this order. The last: the id of an open order is refused."""


class Wire(msgspec.Struct, frozen=True):
    """A request as its bytes will be: `target` is path and query, percent-encoded; `body` is what was signed.

    It holds keys and signatures, so its `repr` shows the path alone.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Wire({self.method} {self.target.partition('?')[0]})"


class FillsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which fills: of one listing, from `since_ns` on (inclusive), or those of one order.

    `after_id`: only those after this venue_fill_id, where the venue can page by it. `page`: 1 upwards, where it pages
    by number.
    """

    listing: SymbolInfo
    since_ns: int = 0
    until_ns: int = 0
    after_id: str = ""
    venue_order_id: str = ""
    page: int = 1


class FillsPage(msgspec.Struct, frozen=True):
    """Oldest first. `more`: the query for what follows; None when this was all. Overlaps are the caller's to drop."""

    fills: tuple[Fill, ...]
    more: FillsQuery | None = None


# ---------------------------------------------------------------------- streams


class StreamReady(msgspec.Struct, frozen=True):
    """Logged in, and every private subscription acknowledged: from here on nothing is missed."""


class OrderUpdate(msgspec.Struct, frozen=True):
    """An order changed. Its fills, where the message has them, come as `FillUpdate` beside it."""

    order: Order


class FillUpdate(msgspec.Struct, frozen=True):
    """A match. May come before or after the order's own update, and more than once."""

    fill: Fill


class BalanceUpdate(msgspec.Struct, frozen=True):
    """The assets that changed, as they are now. `reason`: the venue's word."""

    balances: tuple[AssetBalance, ...]
    reason: str = ""


class BalanceMoved(msgspec.Struct, frozen=True):
    """A deposit, withdrawal or transfer changed an asset by `change` (a balance's own state comes separately)."""

    asset: AssetName
    change: str
    time_ns: int
    reason: str = ""


class PositionUpdate(msgspec.Struct, frozen=True):
    """A position as it is now."""

    position: Position


UserEvent = (
    StreamReady
    | OrderUpdate
    | FillUpdate
    | BalanceUpdate
    | BalanceMoved
    | PositionUpdate
    | Reply
    | Pong
    | Closing
    | Refusal
)
"""What a private stream says. Refusal: a login or subscription was not taken, so the stream is of no use."""


class UserStream(Protocol):
    """One private websocket of one account: made anew for each connection."""

    @property
    def url(self) -> str:
        """Where to connect, ticket included. Not to be shown: it may hold a listen key."""

    def opening(self, time_ns: int) -> list[bytes]:
        """What to send once connected: logins and subscriptions. `time_ns`: the venue's clock.

        Where there is nothing to send, the stream is ready at once.
        """

    def read(self, payload: bytes, binary: bool, time_ns: int) -> list[UserEvent]:
        """One frame's events, in its order. Raises InvalidResponseError when it is nothing known.

        May answer with Reply: a further message of the log-in, say.
        """

    def ping(self, time_ns: int) -> bytes | None:
        """Our application-level ping; None where protocol pings do."""

    @property
    def ping_every_s(self) -> float:
        """How often to `ping`."""

    @property
    def lifetime_s(self) -> float:
        """The venue closes the connection after; 0 for never told."""


class Ticket(msgspec.Struct, frozen=True):
    """What a private stream needs to be opened: a listen key, a user number. Never shown: `repr` hides it."""

    value: str

    def __repr__(self) -> str:
        return "Ticket(...)"


# ---------------------------------------------------------------------- order entry over a websocket


class EntryReady(msgspec.Struct, frozen=True):
    """Logged in, where that is needed: orders may be sent."""


class EntryReceived(msgspec.Struct, frozen=True):
    """The venue has received command `number`; what became of it comes later."""

    number: int


class EntryAnswer(msgspec.Struct, frozen=True):
    """What became of command `number`. None: done, and nothing more is told. `used`: as `PublicMarket.used_weight`."""

    number: int
    result: Order | ExchangeAPIError | None
    used: Mapping[str, int] = {}


EntryEvent = EntryReady | EntryReceived | EntryAnswer | Reply | Pong | Closing | Refusal


class OrderEntry(Protocol):
    """One websocket for orders: made anew for each connection. `number` is ours, above 0, and comes back in the answer.

    Commands raise NotSupported and InvalidOrderError (NOT_SENT) before anything is made, as `PrivateMarket.place` does.
    """

    @property
    def url(self) -> str:
        """Where to connect."""

    def opening(self, time_ns: int) -> list[bytes]:
        """What to send once connected. Where there is nothing to send, the connection is ready at once."""

    def place(self, order: NewOrder, number: int, time_ns: int) -> bytes:
        """The command that places an order."""

    def cancel(self, ref: OrderRef, number: int, time_ns: int) -> bytes:
        """The command that cancels one."""

    def read(self, payload: bytes, binary: bool) -> list[EntryEvent]:
        """One frame's events. Raises InvalidResponseError when it is nothing known."""

    def ping(self, time_ns: int) -> bytes | None:
        """Our application-level ping; None where protocol pings do."""

    @property
    def ping_every_s(self) -> float:
        """How often to `ping`."""

    @property
    def lifetime_s(self) -> float:
        """The venue closes the connection after; 0 for never told."""


# ---------------------------------------------------------------------- the account


class PrivateMarket(Protocol):
    """An account at one market of a venue. Every method that gives a Call may raise NotSupported; nothing was sent."""

    @property
    def venue(self) -> str:
        """The venue's name, that of its folder."""

    @property
    def kind(self) -> MarketKind:
        """Which of the venue's markets."""

    @property
    def rest_url(self) -> str:
        """Scheme and host, without a trailing slash."""

    @property
    def budgets(self) -> Mapping[str, Budget]:
        """What private requests draw on besides the public ones' budgets; a name in both is the same budget.

        A name that ends in `:*` stands for a budget of its own for each name that begins so: `orders:BTC_USDT`.
        """

    @property
    def capabilities(self) -> Sequence[Support]:
        """One row for each of ACCOUNT_CAPABILITIES, in that order."""

    @property
    def batch_max(self) -> int:
        """Orders that `place_many` takes at once; 0 where there is no such call."""

    @property
    def findable_after_s(self) -> float:
        """For so long after its sending, "not found" does not prove that an order never arrived."""

    @property
    def forgotten_after_s(self) -> float:
        """So long after it ended without a fill, an order may be unknown to `query`; 0 for never told."""

    def know(self, listings: Sequence[SymbolInfo]) -> None:
        """The rules of the market's listings: needed to read what names a symbol. Replaces what was known."""

    def wire(self, request: Request, time_ns: int) -> Wire:
        """The request signed (where it must be) at `time_ns` of the venue's clock, as it goes out."""

    def error(self, response: Response) -> ExchangeAPIError | None:
        """The error that an answer is, None when it is none."""

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Used so far of each budget's window, where the answer's headers tell."""

    # ---- orders

    def place(self, order: NewOrder) -> Call[Order]:
        """Raises NotSupported for a kind of order that the venue lacks; InvalidOrderError (NOT_SENT) for one that
        makes no sense. Ticks, lots and minimums are checked before, by `oneprice.exchange`."""

    def place_many(self, orders: Sequence[NewOrder]) -> Call[list[Order | ExchangeAPIError]]:
        """Up to `batch_max` orders in one request; one result for each, in their order."""

    def cancel(self, ref: OrderRef) -> Call[Order | None]:
        """Raises OrderNotFoundError when it is over, or never was. None: done, and nothing more is told."""

    def cancel_all(self, listing: SymbolInfo) -> Call[list[Order]]:
        """Orders that the answer tells of; maybe none though some were cancelled."""

    def query(self, ref: OrderRef) -> Call[Order]:
        """Raises OrderNotFoundError."""

    def open_orders(self, listing: SymbolInfo | None) -> Call[list[Order]]:
        """Of one listing, or of all (NotSupported where the venue wants one)."""

    def fills(self, query: FillsQuery) -> Call[FillsPage]:
        """One page. `FillsPage.more` leads on."""

    # ---- the account

    def balances(self) -> Call[list[AssetBalance]]:
        """Assets that are not empty, at least."""

    def positions(self) -> Call[list[Position]]:
        """Those that are not 0."""

    def fees(self, listing: SymbolInfo) -> Call[TradingFee]:
        """The account's own."""

    def leverage(self, listing: SymbolInfo, leverage: int) -> Call[None]:
        """Set it. Setting what is set already is no error."""

    def position_mode(self) -> Call[PositionMode]:
        """Which one the account has."""

    def set_position_mode(self, mode: PositionMode) -> Call[None]:
        """Set it. Setting what is set already is no error."""

    def permissions(self) -> Call[KeyPermissions]:
        """What the key may do."""

    def networks(self, asset: AssetName) -> Call[list[AssetNetwork]]:
        """How an asset moves in and out, and what that costs."""

    def deposits(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """From `since_ns` on, as far back as the venue goes in one request; oldest first."""

    def withdrawals(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """As `deposits`."""

    def dead_man(self, listing: SymbolInfo | None, seconds: int) -> Call[None]:
        """Have the venue cancel our orders after so many seconds, unless told anew; 0 disarms."""

    # ---- websockets

    def ticket(self) -> Call[Ticket] | None:
        """What the private stream needs first; None where it needs nothing."""

    def held_tickets(self) -> Call[list[Ticket]] | None:
        """Those that earlier connections of the account have left: any of them does where the venue gives no more. None
        where that does not happen."""

    def renew(self, ticket: Ticket) -> Call[None] | None:
        """Keeps a ticket valid; to be made every `renew_every_s`. None where it needs none."""

    @property
    def renew_every_s(self) -> float:
        """How often; 0 where never."""

    def user_stream(self, ticket: Ticket | None) -> UserStream:
        """The private stream, for one connection."""

    def order_entry(self) -> OrderEntry | None:
        """Order entry for one connection; None where the venue has no such thing."""

    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        """What order entry's "place" and "cancel" cost of the budgets."""
