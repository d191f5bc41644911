"""Keeps the last known funding rates of perpetuals, for strategies that hold positions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from oneprice.errors import ExchangeAPIError, NetworkError, NotSupported
from oneprice.model import FundingRate, MarketKind, SymbolInfo
from oneprice.ports import Clock
from oneprice.trade.desk import listing_key

EVERY_S = 60.0

Ask = Callable[[SymbolInfo], Awaitable[FundingRate]]
"""How a listing's rate is asked for."""


class Funding:
    """`rates` by listing key. A rate that could not be asked for again stays as it was last told."""

    def __init__(self, listings: Iterable[SymbolInfo], ask: Ask, clock: Clock, rates: dict[str, FundingRate]) -> None:
        self._perpetuals = [one for one in listings if one.market is MarketKind.USDM]
        self._ask, self._clock = ask, clock
        self.rates = rates

    async def run(self) -> None:
        """For ever."""
        while True:
            for info in self._perpetuals:
                try:
                    self.rates[listing_key(info)] = await self._ask(info)
                except (NetworkError, ExchangeAPIError, NotSupported):
                    continue
            await self._clock.sleep(EVERY_S)
