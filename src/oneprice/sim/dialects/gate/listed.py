"""What the simulated Gate lists, and how Gate writes symbols, intervals and numbers.

Spot pairs and perpetual contracts of one pair have the same name (BTC_USDT). Numbers are strings without
trailing zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Final

from oneprice.sim.market import Kind, SimInstrument, SimListing, SimMarket
from oneprice.sim.money import plain

__all__ = ["INSTRUMENTS", "INTERVALS_MS", "by_name", "change_percentage", "name_of", "plain", "quotient", "rounded"]


def _spot(base: str, quote: str, tick: str, lot: str, min_quantity: str, min_notional: str) -> SimInstrument:
    return SimInstrument(base, quote, Decimal(tick), Decimal(lot), Decimal(min_quantity), Decimal(min_notional))


def _perpetual(base: str, tick: str, lot: str, multiplier: str) -> SimInstrument:
    """Sizes are contracts of `multiplier` base units; the smallest order is one lot."""
    return SimInstrument(
        base,
        "USDT",
        Decimal(tick),
        Decimal(lot),
        Decimal(lot),
        Decimal(0),
        Decimal(multiplier),
        Kind.PERPETUAL,
    )


INSTRUMENTS: Final[dict[str, Sequence[SimInstrument]]] = {
    "spot": (
        _spot("BTC", "USDT", "0.1", "0.000001", "0.00001", "3"),
        _spot("ETH", "USDT", "0.01", "0.0001", "0.001", "3"),
        _spot("SOL", "USDT", "0.01", "0.001", "0.01", "3"),
        _spot("XRP", "USDT", "0.0001", "0.001", "1", "3"),
        _spot("PEPE", "USDT", "0.000000001", "1", "1", "3"),
        _spot("ETH", "BTC", "0.000001", "0.0001", "0.001", "0.00001"),
    ),
    "futures": (
        _perpetual("BTC", "0.1", "1", "0.0001"),
        _perpetual("ETH", "0.01", "0.1", "0.01"),
        _perpetual("SOL", "0.001", "1", "1"),
        _perpetual("XRP", "0.0001", "1", "10"),
    ),
}

_SECOND_MS: Final = 1_000
INTERVALS_MS: Final = {
    "1m": 60 * _SECOND_MS,
    "5m": 300 * _SECOND_MS,
    "15m": 900 * _SECOND_MS,
    "30m": 1_800 * _SECOND_MS,
    "1h": 3_600 * _SECOND_MS,
    "4h": 14_400 * _SECOND_MS,
    "8h": 28_800 * _SECOND_MS,
    "1d": 86_400 * _SECOND_MS,
    "7d": 604_800 * _SECOND_MS,
}
"""Gate also has 10s and 30d, which the simulation does not keep."""


def name_of(listing: SimListing) -> str:
    """`BTC_USDT`, for the pair as for its perpetual."""
    return f"{listing.instrument.base}_{listing.instrument.quote}"


def by_name(market: SimMarket) -> dict[str, SimListing]:
    """The market's listings by Gate's name."""
    return {name_of(listing): listing for listing in market.listings.values()}


def quotient(part: Decimal, whole: Decimal, decimals: int) -> str:
    """A quotient to so many decimals, trimmed; "0" when there is nothing to divide by."""
    if not whole:
        return "0"
    with localcontext(prec=60):
        return plain((part / whole).quantize(Decimal(1).scaleb(-decimals)))


def rounded(value: float, decimals: int) -> str:
    """A reference figure (mark price, rate) to so many decimals, trimmed."""
    return plain(Decimal(f"{value:.{decimals}f}")) if value else "0"


def change_percentage(open_ticks: int, last_ticks: int) -> str:
    """The change over 24 hours in percent, two decimals."""
    return f"{Decimal(last_ticks - open_ticks) * 100 / open_ticks:.2f}"
