"""Closed sets of codes. Numbers are ours; each venue's codec maps its own words by a table."""

from __future__ import annotations

from enum import Enum, IntEnum


class Side(IntEnum):
    """The side of an order, or of the taker in a trade."""

    BUY = 1
    SELL = -1


OrderSide = Side


class MarketKind(str, Enum):
    """A venue's market. The value is the second half of a VENUE-MARKET name such as `binance-usdm`."""

    SPOT = "spot"
    USDM = "usdm"  # perpetuals margined and settled in USDT


class OrderType(IntEnum):
    """LIMIT_MAKER is post-only."""

    LIMIT = 1
    MARKET = 2
    LIMIT_MAKER = 3


class TimeInForce(IntEnum):
    """How long an order may rest."""

    GTC = 1
    IOC = 2
    FOK = 3


class OrderStatus(IntEnum):
    """UNKNOWN is a state, not an error: it lasts until the venue gives evidence."""

    PENDING_NEW = 1
    NEW = 2
    PARTIALLY_FILLED = 3
    FILLED = 4
    PENDING_CANCEL = 5
    CANCELED = 6
    REJECTED = 7
    EXPIRED = 8
    UNKNOWN = 9


class KlineInterval(IntEnum):
    """Length of a candle in seconds; a month counts 30 days and is cut by the calendar."""

    MINUTE_1 = 60
    MINUTE_5 = 300
    MINUTE_15 = 900
    MINUTE_30 = 1_800
    HOUR_1 = 3_600
    HOUR_4 = 14_400
    DAY_1 = 86_400
    WEEK_1 = 604_800
    MONTH_1 = 2_592_000
