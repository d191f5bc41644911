"""Names of assets that stand for many coins, and listings that no rules are known of.

Assets of accounts are told in coins: a balance of 2 1000PEPE is one of 2,000 PEPE, where the venue's own listings are
of PEPE so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from oneprice.model import AssetName, ExchangeName, Fee, MarketKind, Symbol, SymbolInfo

Multiples = Mapping[str, tuple[AssetName, Decimal]]
"""The venue's word for an asset -> (asset, how many of its coins the word stands for)."""

_MULTIPLE = re.compile(r"1(0{3,9}|M)([A-Z][A-Z0-9]{2,})", re.ASCII)


def multiple(name: str) -> tuple[AssetName, Decimal]:
    """`(asset, how many of its coins the name stands for)`: 1000PEPE is 1,000 PEPE, 1MBABYDOGE a million.

    To be used only by venues that name assets so. What follows the number must be a name of three characters
    or more, beginning with a letter: 1INCH, 1MIL and 1000X are assets of their own.
    """
    match = _MULTIPLE.fullmatch(name)
    if match is None:
        return AssetName(name), Decimal(1)
    zeros, asset = match.groups()
    return AssetName(asset), Decimal(1_000_000 if zeros == "M" else 10 ** len(zeros))


def multiples(listings: Sequence[SymbolInfo]) -> Multiples:
    """Words for many coins, as far as these listings are of such. A word that is an asset of its own is none."""
    told = {(listing.symbol.base, listing.multiplier) for listing in listings if listing.multiplier != 1}
    bases = {listing.symbol.base for listing in listings}
    return {
        word: (base, coins)
        for base, coins in told
        for word in (f"{coins}{base}", f"1M{base}")
        if word not in bases and multiple(word) == (base, coins)
    }


def in_coins(word: str, known: Multiples) -> tuple[AssetName, Decimal]:
    """`(asset, coins of it in one of the venue's)`."""
    return known.get(word) or (AssetName(word), Decimal(1))


def fee_of(listing: SymbolInfo, word: str, amount: Decimal) -> Fee:
    """A commission on a fill of the listing, in coins."""
    if listing.multiplier != 1 and multiple(word) == (listing.symbol.base, listing.multiplier):
        return Fee(listing.symbol.base, amount * listing.multiplier)
    return Fee(AssetName(word), amount)


def unlisted(venue: str, kind: MarketKind, venue_symbol: str) -> SymbolInfo:
    """A listing for what an account-wide answer tells of a symbol that the venue's rules do not have (any more).

    It can be neither priced nor traded: its base is the venue's word, and steps and quote asset are empty.
    """
    return SymbolInfo(
        venue=ExchangeName(venue),
        market=kind,
        symbol=Symbol(AssetName(venue_symbol), AssetName(""), is_futures=kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=Decimal(0),
        lot_size=Decimal(0),
        tradable=False,
        status="unlisted",
    )
