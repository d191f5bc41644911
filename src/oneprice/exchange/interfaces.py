"""What the user's objects promise: the public side of an exchange, an account there, and a websocket session."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import Protocol, TypeAlias

from oneprice.errors import ExchangeAPIError
from oneprice.model import (
    AccountInfo,
    AssetBalance,
    AssetName,
    AssetNetwork,
    ExchangeName,
    Fill,
    FundingRate,
    KeyPermissions,
    Kline,
    KlineInterval,
    MarketKind,
    NewOrder,
    Order,
    OrderBook,
    OrderRef,
    Position,
    PositionMode,
    Symbol,
    SymbolInfo,
    Ticker,
    Trade,
    TradingFee,
    Transfer,
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


class PrivateExchangeInterface(Protocol):
    """An account at one market of an exchange.

    Every call raises NetworkError, ExchangeAPIError, ConfigError or NotSupported as those of `PublicExchangeInterface`
    do. What may be concluded of an order whose call raised is in the error's `outcome`. Times are nanoseconds since
    1970, of the venue's clock.
    """

    @property
    def name(self) -> ExchangeName:
        """The venue."""

    @property
    def market(self) -> MarketKind:
        """Which of the venue's markets."""

    async def place(self, order: NewOrder, *, hedge: bool = False) -> Order:
        """Send an order, once. After an UNKNOWN outcome it may be live: `find` looks for it."""

    async def place_many(self, orders: Sequence[NewOrder]) -> list[Order | ExchangeAPIError]:
        """As `place`, in as few requests as the venue allows."""

    async def cancel(self, ref: OrderRef) -> Order | None:
        """Raises OrderNotFoundError when it is over already or never was."""

    async def cancel_all(self, listed: Listed) -> list[Order]:
        """All of a listing. Gives those that the answer told of."""

    async def order(self, ref: OrderRef) -> Order:
        """As the venue tells it now."""

    async def find(self, ref: OrderRef, *, sent_ns: int | None = None) -> Order | None:
        """Look for an order of unknown outcome; None: certainly nothing of it is open or filled."""

    async def open_orders(self, listed: Listed | None = None) -> list[Order]:
        """Of one listing, or of all."""

    async def fills(self, listed: Listed, since_ns: int, venue_order_id: str = "") -> list[Fill]:
        """Since then, oldest first, each once."""

    async def balances(self) -> list[AssetBalance]:
        """Assets that are not empty."""

    async def positions(self) -> list[Position]:
        """Raises NotSupported on spot."""

    async def info(self) -> AccountInfo:
        """Balances, positions, position mode."""

    async def fees(self, listed: Listed) -> TradingFee:
        """The account's own."""

    async def set_leverage(self, listed: Listed, leverage: int) -> None:
        """Raises NotSupported on spot."""

    async def position_mode(self) -> PositionMode:
        """Raises NotSupported on spot."""

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Raises NotSupported on spot."""

    async def permissions(self) -> KeyPermissions:
        """What the key may do."""

    async def networks(self, asset: AssetName) -> list[AssetNetwork]:
        """How an asset moves in and out, and what that costs."""

    async def deposits(self, since_ns: int) -> list[Transfer]:
        """Oldest first."""

    async def withdrawals(self, since_ns: int) -> list[Transfer]:
        """Oldest first."""

    async def dead_man(self, seconds: int, listed: Listed | None = None) -> None:
        """Have the venue cancel our orders after so long unless told anew; 0 disarms. NotSupported where it cannot."""

    async def close(self) -> None:
        """No call may follow. Open orders stay open."""


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
