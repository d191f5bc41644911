"""What a venue is: the contract that every venue folder fulfils.

A venue is sans-IO. It says which request to make and reads the answer; it says which text to send on a
websocket and describes the frames that come back. It opens nothing and reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, IntEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from oneprice.core.describe import Snapshot, Stream
from oneprice.errors import ExchangeAPIError
from oneprice.model import FundingRate, Kline, KlineInterval, MarketKind, OrderBook, SymbolInfo, Ticker, Trade

T = TypeVar("T")


class Priority(IntEnum):
    """Who goes first when a rate limit binds: the lowest number."""

    CANCEL = 0
    HEDGE = 1
    QUERY = 2
    ORDER = 3
    DATA = 4


class Charge(NamedTuple):
    """What a request costs of one budget."""

    budget: str
    weight: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A REST request. `path` starts with `/`; `query` is sent in this order, not yet percent-encoded.

    `weight`: what it costs of `budget`; `also`: what it costs of further budgets. `signed`: it needs the account's
    key, so it goes through `PrivateMarket.wire`. `origin`: scheme and host where it is not the market's `rest_url`.
    """

    method: str = "GET"
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    weight: int = 1
    budget: str = "default"
    also: tuple[Charge, ...] = ()
    priority: Priority = Priority.DATA
    signed: bool = False
    origin: str = ""

    def __repr__(self) -> str:
        """Without what a signed one carries: it may be a listen key."""
        query = "" if self.signed or not self.query else "?" + "&".join(f"{name}={value}" for name, value in self.query)
        return f"Request({self.method} {self.path}{query})"


class Response(msgspec.Struct, frozen=True):
    """A REST answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Call(msgspec.Struct, Generic[T], frozen=True):
    """A request and how to read its answer.

    `read` raises the venue's error as ExchangeAPIError, InvalidResponseError on nonsense, and nothing else.
    """

    request: Request
    read: Callable[[Response], T]


class Budget(msgspec.Struct, frozen=True):
    """At most `weight_max` of weight in each window of `seconds`."""

    weight_max: int
    seconds: float


class Channel(str, Enum):
    """What can be subscribed to for one listing."""

    DEPTH = "depth"
    QUOTE = "quote"
    TRADES = "trades"


class Binding(msgspec.Struct, frozen=True):
    """Frames of described message `message` that carry `symbol` belong to the listing."""

    message: str
    symbol: str


class Subscription(msgspec.Struct, frozen=True):
    """One thing to subscribe to. `name` is the venue's own word, `path` the connection kind it goes over."""

    listing: SymbolInfo
    channel: Channel
    name: str
    path: str
    bindings: tuple[Binding, ...]


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """A websocket's limits. `lifetime_s`: the venue closes it after; 0 for never told."""

    subscriptions_per_connection: int
    names_per_message: int
    messages_per_s: float
    connects: Budget
    lifetime_s: float = 0.0
    ping_every_s: float = 0.0  # how often `ping()`, or a protocol ping where that is None; 0: not needed
    ack_within_s: float = 10.0


class Ack(msgspec.Struct, frozen=True):
    """Answer to the subscribe or unsubscribe message with number `id`.

    `id` 0: the venue gives none; the answer is to the connection's oldest message without one.
    `refused`: the names that were not taken, with the reason; the name "" stands for all of the message.
    """

    id: int
    refused: Mapping[str, str] = {}


class Pong(msgspec.Struct, frozen=True):
    """Answer to our ping."""


class Reply(msgspec.Struct, frozen=True):
    """The venue wants this text sent back at once (an application-level ping of its own)."""

    payload: bytes


class Closing(msgspec.Struct, frozen=True):
    """The venue says that it will close this connection soon."""

    reason: str


class Refusal(msgspec.Struct, frozen=True):
    """An error that belongs to no subscribe message of ours."""

    reason: str


Control = Ack | Pong | Reply | Closing | Refusal


class Support(msgspec.Struct, frozen=True):
    """One row of the capability matrix: what, whether, and a word on how (or why not)."""

    name: str
    supported: bool
    note: str = ""


CAPABILITIES = (
    "listings",
    "order book",
    "ticker",
    "tickers",
    "quotes",
    "trades",
    "klines",
    "funding",
    "funding history",
    "stream: depth",
    "stream: quote",
    "stream: trades",
)
"""What the capability matrix asks of every market, in this order."""


class PublicMarket(Protocol):
    """The public side of one market of a venue (binance spot, say)."""

    @property
    def venue(self) -> str:
        """The venue's name, that of its folder."""

    @property
    def kind(self) -> MarketKind:
        """Which of the venue's markets it is."""

    @property
    def rest_url(self) -> str:
        """Scheme and host, without a trailing slash. Requests' paths are appended."""

    @property
    def stream_urls(self) -> Mapping[str, str]:
        """Websocket URL for each connection kind that subscriptions name in `path`."""

    @property
    def stream_headers(self) -> Mapping[str, str]:
        """Headers for the handshake of every websocket of this market; mostly none."""

    @property
    def budgets(self) -> Mapping[str, Budget]:
        """What requests draw on, by the name in `Request.budget`."""

    @property
    def taker_fee_bps(self) -> float:
        """Default taker fee where the rules do not tell, in basis points of the notional."""

    @property
    def sizes_in_coins(self) -> bool:
        """Whether quantities are in base coins on every listing; if not, they are in contracts of `contract_size`."""

    @property
    def limits(self) -> StreamLimits:
        """Limits of each websocket of this market."""

    @property
    def capabilities(self) -> Sequence[Support]:
        """One row for each of CAPABILITIES, in that order."""

    # ---- REST

    def server_time(self) -> Call[int]:
        """The venue's clock, nanoseconds since 1970."""

    def listings(self) -> Call[list[SymbolInfo]]:
        """The rules of all listings of this market (for perpetuals: margined in USDT, no dated ones)."""

    def order_book(self, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
        """The best levels, `levels` a side or as many as the venue gives."""

    def trades(self, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
        """The last trades, oldest first."""

    def ticker(self, listing: SymbolInfo) -> Call[Ticker]:
        """The last 24 hours of one listing."""

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """Tickers of the whole market; what is not in `listings` is left out."""

    def quotes(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        """Best bid and ask of the whole market; what is not in `listings` is left out.

        Quantities are None where the venue tells none; the other fields where it tells them along. Raises
        NotSupported where the venue has no such call.
        """

    def klines(
        self, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None = None
    ) -> Call[list[Kline]]:
        """Candles, oldest first. Raises NotSupported for an interval that the venue lacks."""

    def funding(self, listing: SymbolInfo) -> Call[FundingRate]:
        """Raises NotSupported on spot."""

    def funding_history(self, listing: SymbolInfo, count: int) -> Call[list[FundingRate]]:
        """The last settlements with their `time_ns`, oldest first: `count`, or as many as the venue gives at once.

        Raises NotSupported on spot.
        """

    def funding_intervals(self) -> Call[Mapping[str, int]] | None:
        """Seconds between payments by venue symbol, where `funding` cannot tell them; None where it does.

        A perpetual that is missing in the answer has the interval that `funding` gave.
        """

    def error(self, response: Response) -> ExchangeAPIError | None:
        """The error that an answer is, None when it is none."""

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Weight used so far of each budget's window, where the answer's headers tell."""

    # ---- streams

    def stream(self, path: str) -> Stream:
        """The description of the frames on connections of this kind."""

    def snapshot(self) -> Snapshot | None:
        """How the body of `snapshot_request` is read; None where streams bring whole books themselves."""

    def snapshot_request(self, listing: SymbolInfo) -> Request:
        """The request for a whole book, the body of which `snapshot` describes."""

    def subscription(self, listing: SymbolInfo, channel: Channel) -> Subscription:
        """Raises NotSupported."""

    def subscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """The message or messages that subscribe; every answer to them is an `Ack` with `number` as id."""

    def unsubscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        """As `subscribe`."""

    def control(self, payload: bytes, binary: bool) -> list[Control]:
        """Read a control frame. Raises InvalidResponseError when it is nothing known."""

    def ping(self, wall_ns: int) -> bytes | None:
        """Our application-level ping; None where protocol pings do."""


class Hosts(msgspec.Struct, frozen=True):
    """Another place that speaks the venue's protocol: `http://127.0.0.1:9001`. Paths stay the venue's; `stream`
    serves private streams and order entry too.
    """

    rest: str
    stream: str
