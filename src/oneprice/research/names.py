"""What things are called: `VENUE-MARKET=PATH`, and the base and quote in a venue's own symbol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from oneprice.errors import ConfigError, RecordingError
from oneprice.model import AssetName, MarketKind, Symbol

QUOTES = (
    *("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "USDD", "USD1", "DAI", "USD", "EUR", "GBP", "TRY", "BRL", "JPY"),
    *("KRW", "AUD", "UAH", "ARS", "MXN", "ZAR", "PLN", "BTC", "ETH", "BNB", "SOL", "XRP", "TRX", "DOGE", "GT", "MX"),
)
"""Assets that others are quoted in, where a venue writes both as one word; the first one that fits is taken."""

_VENUE = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class OtherMarket(RecordingError):
    """A recording is of another market than the one that was asked for."""


class Place(NamedTuple):
    """What one `--replay` names. `venue` is empty when only a path was given: then the files must say it."""

    venue: str
    market: MarketKind
    path: Path

    @property
    def name(self) -> str:
        """VENUE-MARKET."""
        return f"{self.venue}-{self.market.value}"


def parse_place(text: str) -> Place:
    """`VENUE-MARKET=PATH`, or a path alone. Raises ConfigError."""
    name, equals, path = text.partition("=")
    if not equals or "/" in name:
        if not Path(text).expanduser().exists():
            raise ConfigError(f"{text!r} is neither VENUE-MARKET=PATH nor a file or folder that is there")
        return Place("", MarketKind.SPOT, Path(text).expanduser())
    venue, market = parse_market(name)
    return Place(venue, market, existing(path))


def parse_market(name: str) -> tuple[str, MarketKind]:
    """A VENUE-MARKET name. Raises ConfigError."""
    venue, _, kind = name.rpartition("-")
    kinds = [market.value for market in MarketKind]
    if not _VENUE.fullmatch(venue) or kind not in kinds:
        raise ConfigError(f"{name!r} is not VENUE-MARKET, such as binance-spot; markets are {', '.join(kinds)}")
    return venue, MarketKind(kind)


def existing(text: str) -> Path:
    """A path to a file or folder that is there. Raises ConfigError."""
    path = Path(text).expanduser()
    if not text or not path.exists():
        raise ConfigError(f"there is no file or folder {text!r}")
    return path


def parse_symbols(text: str) -> tuple[str, ...]:
    """`BTC/USDT,ETH/USDT` as BASE/QUOTE names; empty for all. Raises ConfigError."""
    names = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    for name in names:
        base, slash, quote = name.partition("/")
        if not (base and slash and quote):
            raise ConfigError(f"symbol {name!r} is not BASE/QUOTE, such as BTC/USDT")
    return names


def symbol_of(venue_symbol: str, market: MarketKind, wanted: Sequence[str]) -> Symbol | None:
    """Base and quote of a venue's own symbol: `BTCUSDT`, `BTC_USDT`, `BTC-USDT`. None when it cannot be told.

    Where they are one word, the `wanted` names decide, then the usual quote assets.
    """
    text = venue_symbol.upper()
    parts = re.split(r"[_/-]", text)
    futures = market is MarketKind.USDM
    if len(parts) == 2 and all(parts):
        return Symbol(AssetName(parts[0]), AssetName(parts[1]), futures)
    if len(parts) != 1:
        return None
    for name in wanted:
        base, _, quote = name.partition("/")
        if text == base + quote:
            return Symbol(AssetName(base), AssetName(quote), futures)
    for quote in QUOTES:
        if text.endswith(quote) and len(text) > len(quote):
            return Symbol(AssetName(text.removesuffix(quote)), AssetName(quote), futures)
    return None
