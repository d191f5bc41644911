"""What the simulated MEXC lists, and how MEXC writes symbols, intervals and numbers.

Spot symbols are joined (BTCUSDT), perpetuals have an underscore (BTC_USDT). Spot numbers are strings;
perpetuals' are JSON numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import Kind, SimInstrument, SimListing
from oneprice.sim.money import plain

__all__ = [
    "CONTRACT_INTERVALS_MS",
    "INSTRUMENTS",
    "SPOT_INTERVALS_MS",
    "SPOT_STREAM_INTERVALS_MS",
    "contract_symbol",
    "figure",
    "plain",
    "price",
    "spot_maximums",
    "spot_symbol",
    "trade_type",
    "volume",
]


def _spot(base: str, quote: str, tick: str, lot: str, min_notional: str) -> SimInstrument:
    """MEXC has no minimum quantity on most pairs: one lot."""
    return SimInstrument(base, quote, Decimal(tick), Decimal(lot), Decimal(lot), Decimal(min_notional))


def _perpetual(base: str, tick: str, multiplier: str) -> SimInstrument:
    """Sizes are whole contracts of `multiplier` base units."""
    one = Decimal(1)
    return SimInstrument(base, "USDT", Decimal(tick), one, one, Decimal(0), Decimal(multiplier), Kind.PERPETUAL)


INSTRUMENTS: Final[dict[str, Sequence[SimInstrument]]] = {
    "spot": (
        _spot("BTC", "USDT", "0.01", "0.00000001", "1"),
        _spot("ETH", "USDT", "0.01", "0.00001", "1"),
        _spot("SOL", "USDT", "0.01", "0.0001", "1"),
        _spot("XRP", "USDT", "0.0001", "0.01", "1"),
        _spot("PEPE", "USDT", "0.00000000001", "0.01", "1"),
        _spot("ETH", "BTC", "0.000001", "0.0001", "0.00001"),
    ),
    "futures": (
        _perpetual("BTC", "0.1", "0.0001"),
        _perpetual("ETH", "0.01", "0.01"),
        _perpetual("SOL", "0.01", "0.1"),
        _perpetual("XRP", "0.0001", "1"),
    ),
}

_MINUTE_MS: Final = 60_000
SPOT_INTERVALS_MS: Final = {
    "1m": _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "60m": 60 * _MINUTE_MS,
    "4h": 240 * _MINUTE_MS,
    "1d": 1_440 * _MINUTE_MS,
    "1W": 10_080 * _MINUTE_MS,
}
"""Intervals of spot REST; MEXC also has 1M, which the simulation does not keep."""

CONTRACT_INTERVALS_MS: Final = {
    "Min1": _MINUTE_MS,
    "Min5": 5 * _MINUTE_MS,
    "Min15": 15 * _MINUTE_MS,
    "Min30": 30 * _MINUTE_MS,
    "Min60": 60 * _MINUTE_MS,
    "Hour4": 240 * _MINUTE_MS,
    "Hour8": 480 * _MINUTE_MS,
    "Day1": 1_440 * _MINUTE_MS,
    "Week1": 10_080 * _MINUTE_MS,
}
SPOT_STREAM_INTERVALS_MS: Final = CONTRACT_INTERVALS_MS
"""Spot streams name intervals like perpetuals, spot REST does not."""


def spot_symbol(listing: SimListing) -> str:
    """`BTCUSDT`."""
    return f"{listing.instrument.base}{listing.instrument.quote}"


def spot_maximums(listing: SimListing) -> tuple[Decimal, Decimal]:
    """The greatest worth in quote of a limit and of a market order; the latter is twenty times tighter."""
    least = listing.instrument.min_notional
    return least * 2_000_000, least * 100_000


def contract_symbol(listing: SimListing) -> str:
    """`BTC_USDT`."""
    return f"{listing.instrument.base}_{listing.instrument.quote}"


def trade_type(trade: TradePrint) -> int:
    """The taker's side: 1 buy, 2 sell."""
    return 1 if trade.taker_side is Side.BUY else 2


def price(listing: SimListing, ticks: int) -> msgspec.Raw:
    """An exact price as a JSON number."""
    return msgspec.Raw(listing.price_text(ticks).encode())


def volume(listing: SimListing, lots: int) -> msgspec.Raw:
    """Exact contracts as a JSON number."""
    return msgspec.Raw(listing.lots_text(lots).encode())


def figure(value: Decimal | float, decimals: int) -> msgspec.Raw:
    """A reference figure (rate, index price, turnover) as a JSON number of so many decimals, trimmed."""
    return msgspec.Raw(plain(Decimal(f"{value:.{decimals}f}")).encode())
