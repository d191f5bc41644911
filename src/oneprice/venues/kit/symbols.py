"""Names of assets that stand for many coins, and listings that no rules are known of."""

from __future__ import annotations

import re
from decimal import Decimal

from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo

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
