"""Which listings a venue market has, by REST, and which of them are watched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from oneprice.errors import InvalidResponseError
from oneprice.market.rest import Rest
from oneprice.model import SymbolInfo, Ticker
from oneprice.venues.kit import PublicMarket

RULES = (
    "tick_size",
    "lot_size",
    "min_quantity",
    "min_notional",
    "contract_size",
    "multiplier",
    "taker_fee",
)


class Catalog:
    """The listings of one venue market, asked for by REST."""

    def __init__(self, market: PublicMarket, rest: Rest) -> None:
        self._market, self._rest = market, rest

    async def rules(self) -> list[SymbolInfo]:
        """The rules of all listings. Raises NetworkError, ExchangeAPIError."""
        found = await self._rest.run(self._market.listings())
        if not found:
            kind = self._market.kind.value
            raise InvalidResponseError(self._market.venue, f"lists nothing on its {kind} market; no market is empty")
        return found

    async def prices(self, listings: Sequence[SymbolInfo]) -> dict[SymbolInfo, Decimal]:
        """A price per base coin of each listing that has one. Raises NetworkError, ExchangeAPIError."""
        tickers = {ticker.symbol: ticker for ticker in await self._rest.run(self._market.tickers(listings))}
        found = {}
        for listing in listings:
            price = middle(tickers[listing.symbol]) if listing.symbol in tickers else None
            if price is not None:
                found[listing] = price / listing.multiplier
        return found


def choose(rules: Iterable[SymbolInfo], symbols: Sequence[str]) -> list[SymbolInfo]:
    """The listings to watch, in the order of `symbols`. Where a market lists one twice (PEPE and 1000PEPE), the one
    with the smaller multiplier; one that trades before one that does not."""
    by_symbol: dict[str, SymbolInfo] = {}
    for info in sorted(rules, key=lambda info: (not info.tradable, info.multiplier, info.venue_symbol)):
        by_symbol.setdefault(str(info.symbol), info)
    return [by_symbol[symbol] for symbol in symbols if symbol in by_symbol]


def middle(ticker: Ticker) -> Decimal | None:
    """Between bid and ask, the last price where one of them is missing."""
    if ticker.bid and ticker.ask:
        return (ticker.bid + ticker.ask) / 2
    return ticker.last or None


def same_rules(one: SymbolInfo, other: SymbolInfo) -> bool:
    """Whether the hub would be told the same of both."""
    return all(getattr(one, name) == getattr(other, name) for name in RULES)
