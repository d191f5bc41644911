"""What every part of trading looks at: the books, the accounts, what is known, and the switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import ListingKnown
from oneprice.market import Book, MarketData
from oneprice.model import MarketKind, SymbolInfo
from oneprice.ports import Clock
from oneprice.trade.account import TradingAccount
from oneprice.trade.settings import TradeSettings
from oneprice.trade.switches import Switches


def listing_key(info: SymbolInfo) -> str:
    """How records name a listing: `VENUE-MARKET:VENUE_SYMBOL`."""
    return f"{info.venue}-{info.market.value}:{info.venue_symbol}"


def figures_of(info: SymbolInfo, wall_ns: int) -> ListingKnown:
    """A listing as the journal has it."""
    return ListingKnown(
        wall_ns=wall_ns,
        listing=listing_key(info),
        account=f"{info.venue}-{info.market.value}",
        symbol=str(info.symbol),
        base=str(info.symbol.base),
        quote=str(info.symbol.quote),
        is_perpetual=info.market is MarketKind.USDM,
        tick_size=info.tick_size,
        lot_size=info.lot_size,
        contract_size=info.contract_size,
        multiplier=info.multiplier,
    )


@dataclass(frozen=True)
class Desk:
    """Read by gates, strategies and policy; changed by nobody but its owner, the `Trader`.

    `accounts` by VENUE-MARKET. `taker_fees`, `maker_fees`: the accounts' own, as fractions, by listing key.
    """

    settings: TradeSettings
    market: MarketData
    accounts: Mapping[str, TradingAccount]
    ledger: Ledger
    switches: Switches
    clock: Clock
    taker_fees: dict[str, Decimal] = field(default_factory=dict)
    maker_fees: dict[str, Decimal] = field(default_factory=dict)

    def books(self, group: str) -> list[Book]:
        """The listings of a group (`BTC/USDT`) that we have accounts for, whatever their state."""
        return [book for book in self.market.books if book.group == group and book.market in self.accounts]

    def book(self, key: str) -> Book:
        """By listing key. Raises KeyError."""
        for book in self.market.books:
            if listing_key(book.info) == key:
                return book
        raise KeyError(key)
