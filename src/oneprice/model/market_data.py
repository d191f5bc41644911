"""What venues publish: books, tickers, trades, candles, funding. Decimals, times in nanoseconds since 1970."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from oneprice.model.codes import KlineInterval, Side
from oneprice.model.instrument import Symbol


class BookLevel(NamedTuple):
    """Price in quote asset, quantity in the venue's unit (coins, or contracts)."""

    price: Decimal
    quantity: Decimal


class OrderBook(msgspec.Struct, frozen=True):
    """Best levels first. `sequence`: the venue's number, 0 for none. `time_ns`: the venue's, 0 when not told."""

    symbol: Symbol
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    sequence: int = 0
    time_ns: int = 0


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The last 24 hours; None where the venue does not tell. `volume` in the venue's unit, `quote_volume` in quote."""

    symbol: Symbol
    last: Decimal | None = None
    bid: Decimal | None = None
    bid_quantity: Decimal | None = None
    ask: Decimal | None = None
    ask_quantity: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    quote_volume: Decimal | None = None
    time_ns: int = 0


class Trade(msgspec.Struct, frozen=True):
    """A public trade. `side` is the taker's. `id` is the venue's, empty when it gives none."""

    symbol: Symbol
    price: Decimal
    quantity: Decimal
    side: Side
    time_ns: int
    id: str = ""


class Kline(msgspec.Struct, frozen=True):
    """A candle. `volume` in the venue's unit, `quote_volume` None when the venue does not tell."""

    symbol: Symbol
    interval: KlineInterval
    open_time_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal | None = None
    closed: bool = True


class FundingRate(msgspec.Struct, frozen=True):
    """A perpetual's funding: fraction of notional per `interval_s`, longs pay when positive.

    `next_time_ns`: when it is paid next, 0 when not told. Prices None when not told.
    `time_ns`: when a past rate was settled; 0 for the rate that is still to be paid.
    """

    symbol: Symbol
    rate: Decimal
    next_time_ns: int
    interval_s: int | None = None
    mark_price: Decimal | None = None
    index_price: Decimal | None = None
    time_ns: int = 0
