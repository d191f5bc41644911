"""What the user's objects promise: the public side of an exchange, and a websocket session to one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import Protocol, TypeAlias

from oneprice.model import (
    ExchangeName,
    FundingRate,
    Kline,
    KlineInterval,
    MarketKind,
    OrderBook,
    Symbol,
    SymbolInfo,
    Ticker,
    Trade,
)
from oneprice.venues.kit.contract import Channel

Listed: TypeAlias = Symbol | SymbolInfo
"""An instrument, or one listing of it where a market lists the instrument twice."""


class PublicExchangeInterface(Protocol):
    """One market of an exchange, without an account.

    Every call raises NetworkError (below the venue's protocol), ExchangeAPIError (the venue's answer;
    RateLimitError with outcome NOT_SENT when a rate limit would keep it waiting too long), ConfigError (no
    such listing) or NotSupported. Times are nanoseconds since 1970.
    """

    @property
    def name(self) -> ExchangeName:
        """The venue."""

    @property
    def market(self) -> MarketKind:
        """Which of the venue's markets."""

    async def server_time(self) -> int:
        """The venue's clock."""

    async def symbols(self) -> Sequence[SymbolInfo]:
        """All listings with their rules, asked anew."""

    async def rules(self, listed: Listed) -> SymbolInfo:
        """The rules of one listing, from memory while they are fresh."""

    async def order_book(self, listed: Listed, levels: int = 100) -> OrderBook:
        """Best levels first; the venue may give fewer or more than asked."""

    async def trades(self, listed: Listed, count: int = 100) -> list[Trade]:
        """The last trades, oldest first."""

    async def ticker(self, listed: Listed) -> Ticker:
        """The last 24 hours, and the best bid and ask where the venue tells them with it."""

    async def tickers(self, listed: Sequence[Listed] = ()) -> list[Ticker]:
        """Tickers of these, of all listings when none are named. One request either way."""

    async def quotes(self, listed: Sequence[Listed] = ()) -> list[Ticker]:
        """Best bids and asks of these, of all listings when none are named. One request either way.

        Quantities are None where the venue tells none. Raises NotSupported where it has no such call.
        """

    async def klines(
        self, listed: Listed, interval: KlineInterval, count: int = 100, start_ns: int | None = None
    ) -> list[Kline]:
        """Candles, oldest first; the last ones when no start is given."""

    async def funding(self, listed: Listed) -> FundingRate:
        """Raises NotSupported on spot."""

    async def funding_history(self, listed: Listed, count: int = 100) -> list[FundingRate]:
        """The last settlements with their `time_ns`, oldest first; fewer where the venue gives fewer at once.

        Raises NotSupported on spot.
        """

    async def close(self) -> None:
        """No call may follow. What is in flight ends by itself."""


class SessionState(IntEnum):
    """Where a websocket session is. RECONNECTING sessions get their subscriptions back by themselves."""

    CONNECTING = 1
    OPEN = 2
    RECONNECTING = 3
    CLOSING = 4
    CLOSED = 5


class BaseWebSocketInterface(Protocol):
    """A websocket session to one market of a venue: what is subscribed stays so over any number of
    connections.
    """

    @property
    def state(self) -> SessionState:
        """As it is now."""

    @property
    def subscriptions(self) -> Collection[tuple[SymbolInfo, Channel]]:
        """What is wanted, acknowledged by the venue or not yet."""

    async def subscribe(self, listings: Sequence[SymbolInfo], channels: Sequence[Channel]) -> None:
        """Subscribe each listing to each channel. Returns when the venue has acknowledged.

        Raises NotSupported (nothing was sent), InvalidRequestError when the venue refuses a name,
        NetworkError when the session is closed.
        """

    async def unsubscribe(self, listings: Sequence[SymbolInfo], channels: Sequence[Channel]) -> None:
        """Undo. What was not subscribed is no error."""

    async def close(self) -> None:
        """End the session. Harmless when repeated."""
