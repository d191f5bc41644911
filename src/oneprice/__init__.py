"""Arbitrage on centralised crypto exchanges: certified books, net spreads, simulated exchanges.

The public names, loaded on first use so that importing `oneprice` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oneprice.app import (
        build_market,
        find_market,
        live_ports,
    )
    from oneprice.core import (
        Hub,
    )
    from oneprice.errors import (
        ConfigError,
        ExchangeAPIError,
        InvariantError,
        NetworkError,
        NotSupported,
        OnePriceError,
        RateLimitError,
        RecordingError,
    )
    from oneprice.exchange import (
        BaseWebSocketInterface,
        ConnectionConfig,
        PublicExchange,
        PublicExchangeInterface,
        RequestConfig,
    )
    from oneprice.market import (
        MarketConfig,
        MarketData,
        MarketView,
    )
    from oneprice.model import (
        AssetName,
        BookLevel,
        ExchangeName,
        FundingRate,
        Kline,
        KlineInterval,
        ListingName,
        MarketKind,
        OrderBook,
        OrderSide,
        OrderStatus,
        OrderType,
        Side,
        Symbol,
        SymbolInfo,
        Ticker,
        TimeInForce,
        Trade,
    )
    from oneprice.venues.kit import (
        find_venues,
    )

__version__ = "0.1.0"

_ROOMS: Final = {
    "oneprice.app": (
        "build_market",
        "find_market",
        "live_ports",
    ),
    "oneprice.core": ("Hub",),
    "oneprice.errors": (
        "ConfigError",
        "ExchangeAPIError",
        "InvariantError",
        "NetworkError",
        "NotSupported",
        "OnePriceError",
        "RateLimitError",
        "RecordingError",
    ),
    "oneprice.exchange": (
        "BaseWebSocketInterface",
        "ConnectionConfig",
        "PublicExchange",
        "PublicExchangeInterface",
        "RequestConfig",
    ),
    "oneprice.market": (
        "MarketConfig",
        "MarketData",
        "MarketView",
    ),
    "oneprice.model": (
        "AssetName",
        "BookLevel",
        "ExchangeName",
        "FundingRate",
        "Kline",
        "KlineInterval",
        "ListingName",
        "MarketKind",
        "OrderBook",
        "OrderSide",
        "OrderStatus",
        "OrderType",
        "Side",
        "Symbol",
        "SymbolInfo",
        "Ticker",
        "TimeInForce",
        "Trade",
    ),
    "oneprice.venues.kit": ("find_venues",),
}
_HOME: Final = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "AssetName",
    "BaseWebSocketInterface",
    "BookLevel",
    "ConfigError",
    "ConnectionConfig",
    "ExchangeAPIError",
    "ExchangeName",
    "FundingRate",
    "Hub",
    "InvariantError",
    "Kline",
    "KlineInterval",
    "ListingName",
    "MarketConfig",
    "MarketData",
    "MarketKind",
    "MarketView",
    "NetworkError",
    "NotSupported",
    "OnePriceError",
    "OrderBook",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "PublicExchange",
    "PublicExchangeInterface",
    "RateLimitError",
    "RecordingError",
    "RequestConfig",
    "Side",
    "Symbol",
    "SymbolInfo",
    "Ticker",
    "TimeInForce",
    "Trade",
    "__version__",
    "build_market",
    "find_market",
    "find_venues",
    "live_ports",
]


def __getattr__(name: str) -> object:
    """Load a public name from its room, once."""
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module 'oneprice' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
