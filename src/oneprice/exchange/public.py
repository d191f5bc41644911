"""A market of an exchange without an account: the user's object over any venue and any network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import TypeVar

from oneprice.errors import ConfigError
from oneprice.exchange.config import RequestConfig
from oneprice.exchange.figures import RestFigures
from oneprice.exchange.interfaces import Listed
from oneprice.exchange.listings import Listings
from oneprice.exchange.rest import RestClient
from oneprice.model import (
    ExchangeName,
    FundingRate,
    Kline,
    KlineInterval,
    MarketKind,
    OrderBook,
    SymbolInfo,
    Ticker,
    Trade,
)
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit.contract import Call, PublicMarket, Request, Response, Support

T = TypeVar("T")


class PublicExchange:
    """`PublicExchangeInterface` over a venue's market. The network stays its owner's: `close` does not close
    it. `rest`: requests shared with an account at the same market.
    """

    def __init__(
        self,
        market: PublicMarket,
        network: Network,
        clock: Clock,
        chance: Chance,
        config: RequestConfig | None = None,
        *,
        rest: RestClient | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._market, self._clock, self._config = market, clock, config or RequestConfig()
        self._rest = rest or RestClient(market, network, clock, chance, self._config, tls=tls)
        self._listings: Listings | None = None
        self._listings_stale_ns = 0
        self._asking = asyncio.Lock()

    @property
    def name(self) -> ExchangeName:
        """The venue."""
        return ExchangeName(self._market.venue)

    @property
    def market(self) -> MarketKind:
        """Which of the venue's markets."""
        return self._market.kind

    @property
    def capabilities(self) -> Sequence[Support]:
        """What this market can do, and what it cannot and why."""
        return self._market.capabilities

    @property
    def figures(self) -> RestFigures:
        """Counts and latencies of all requests."""
        return self._rest.figures

    @property
    def banned_until_ns(self) -> int:
        """Monotonic time before which nothing is sent; in the past when there is no ban."""
        return self._rest.banned_until_ns

    async def run(self, call: Call[T]) -> T:
        """Any call of the market, within its rate limits."""
        return await self._rest.run(call)

    async def fetch(self, request: Request) -> Response:
        """Any request of the market and its answer as it came. Raises the venue's error where it is one."""
        return await self._rest.fetch(request)

    async def server_time(self) -> int:
        """The venue's clock, nanoseconds since 1970."""
        return await self._rest.run(self._market.server_time())

    async def symbols(self) -> Sequence[SymbolInfo]:
        """All listings with their rules, asked anew."""
        return (await self._ask_listings()).rows

    async def rules(self, listed: Listed) -> SymbolInfo:
        """The rules of one listing, from memory while they are fresh."""
        return (await self._known_listings()).find(listed)

    async def known(self) -> Sequence[SymbolInfo]:
        """All listings, from memory while they are fresh."""
        return (await self._known_listings()).rows

    def know(self, rows: Sequence[SymbolInfo]) -> None:
        """Take the listings from another object on the same market, as fresh as if they had been asked for now."""
        self._listings = Listings(self._market.venue, self._market.kind, rows)
        self._listings_stale_ns = self._clock.monotonic_ns() + round(self._config.rules_age_max_s * 1e9)

    async def order_book(self, listed: Listed, levels: int = 100) -> OrderBook:
        """Best levels first; the venue may give fewer or more than asked."""
        _require_one("levels", levels)
        return await self._rest.run(self._market.order_book(await self.rules(listed), levels))

    async def trades(self, listed: Listed, count: int = 100) -> list[Trade]:
        """The last trades, oldest first."""
        _require_one("count", count)
        return await self._rest.run(self._market.trades(await self.rules(listed), count))

    async def ticker(self, listed: Listed) -> Ticker:
        """The last 24 hours, and the best bid and ask where the venue tells them with it."""
        return await self._rest.run(self._market.ticker(await self.rules(listed)))

    async def tickers(self, listed: Sequence[Listed] = ()) -> list[Ticker]:
        """Tickers of these, of all listings when none are named. One request either way."""
        return await self._rest.run(self._market.tickers(await self._rows(listed)))

    async def quotes(self, listed: Sequence[Listed] = ()) -> list[Ticker]:
        """Best bids and asks of these, of all listings when none are named. One request either way."""
        return await self._rest.run(self._market.quotes(await self._rows(listed)))

    async def klines(
        self, listed: Listed, interval: KlineInterval, count: int = 100, start_ns: int | None = None
    ) -> list[Kline]:
        """Candles, oldest first; the last ones when no start is given."""
        _require_one("count", count)
        call = self._market.klines(await self.rules(listed), interval, count, start_ns)
        return await self._rest.run(call)

    async def funding(self, listed: Listed) -> FundingRate:
        """The current funding rate. Raises NotSupported on spot."""
        return await self._rest.run(self._market.funding(await self.rules(listed)))

    async def funding_history(self, listed: Listed, count: int = 100) -> list[FundingRate]:
        """The last settlements, oldest first. Raises NotSupported on spot."""
        _require_one("count", count)
        return await self._rest.run(self._market.funding_history(await self.rules(listed), count))

    async def close(self) -> None:
        """No call may follow. What is in flight ends by itself."""
        self._rest.close()

    async def _rows(self, listed: Sequence[Listed]) -> Sequence[SymbolInfo]:
        """The listings of these, all when none are named."""
        known = await self._known_listings()
        return [known.find(one) for one in listed] if listed else known.rows

    async def _known_listings(self) -> Listings:
        """From memory, or asked once however many wait for it."""
        async with self._asking:
            if self._listings is None or self._clock.monotonic_ns() >= self._listings_stale_ns:
                return await self._ask_listings()
            return self._listings

    async def _ask_listings(self) -> Listings:
        rows = await self._rest.run(self._market.listings())
        self.know(rows)
        assert self._listings is not None, "they are known now"
        return self._listings


def _require_one(key: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{key} = {value!r}: must be 1 or more")
