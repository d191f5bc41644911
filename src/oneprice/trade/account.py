"""What trading wants of an account, live or on paper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from oneprice.exchange import AccountEvent, Listed, PrivateExchangeInterface, Standing
from oneprice.model import NewOrder, Order, SymbolInfo


class TradingAccount(PrivateExchangeInterface, Protocol):
    """An account whose events can be heard, and whose standing can be asked without waiting."""

    async def open(self) -> None:
        """Make ready to trade. Returns when the private stream is complete."""

    def begin(self, order: NewOrder, *, hedge: bool = False) -> asyncio.Future[Order]:
        """As `place`, from a callback: where nothing has to be waited for, the order has left when this returns. What
        `place` raises is in the future."""

    def follow(self, listing: SymbolInfo) -> None:
        """After a reconnection catch up on this listing's fills too, as on those that were traded here."""

    def listen(self, heard: Callable[[AccountEvent], None]) -> Callable[[], None]:
        """Have `heard` called with each event, at once. The answer stops it."""

    def standing(self) -> Standing:
        """As it is now."""


def account_name(account: TradingAccount) -> str:
    """Its VENUE-MARKET name."""
    return f"{account.name}-{account.market.value}"


__all__ = ["AccountEvent", "Listed", "Standing", "TradingAccount", "account_name"]
