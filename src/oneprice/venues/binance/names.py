"""What an account's answers name: listings by the venue's symbol, assets by the venue's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from oneprice.model import AssetName, ExchangeName, Fee, MarketKind, SymbolInfo
from oneprice.venues.binance.errors import VENUE_NAME
from oneprice.venues.kit import Multiples, in_coins, multiples, unlisted


class Names:
    """The market's listings, and the assets that go by many coins (1000SATS) where its listings do."""

    def __init__(self, kind: MarketKind) -> None:
        self._kind = kind
        self._listings: Mapping[str, SymbolInfo] = {}
        self._assets: Multiples = {}

    def know(self, listings: Sequence[SymbolInfo]) -> None:
        """Replaces what was known."""
        self._listings = {listing.venue_symbol: listing for listing in listings}
        self._assets = multiples(listings)

    def listing(self, venue_symbol: str) -> SymbolInfo:
        """The listing, or one that is not tradable where the symbol is not known."""
        known = self._listings.get(venue_symbol)
        return known or unlisted(ExchangeName(VENUE_NAME), self._kind, venue_symbol)

    def asset(self, word: str) -> tuple[AssetName, Decimal]:
        """`(asset, coins of it in one of the venue's)`."""
        return in_coins(word, self._assets)

    def fee(self, word: str, amount: Decimal) -> Fee:
        """A commission in coins."""
        asset, coins = self.asset(word)
        return Fee(asset, amount * coins)
