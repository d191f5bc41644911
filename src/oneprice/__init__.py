"""Arbitrage on centralised crypto exchanges: certified books, net spreads, simulated exchanges.

The public names, loaded on first use so that importing `oneprice` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oneprice.app import (
        build_account,
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
        InsufficientBalanceError,
        InvariantError,
        NetworkError,
        NotSupported,
        OnePriceError,
        OrderNotFoundError,
        Outcome,
        RateLimitError,
        RecordingError,
    )
    from oneprice.exchange import (
        AccountConfig,
        BaseWebSocketInterface,
        ConnectionConfig,
        PrivateExchange,
        PrivateExchangeInterface,
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
        AccountInfo,
        AssetBalance,
        AssetName,
        BookLevel,
        ExchangeName,
        Fill,
        FundingRate,
        Kline,
        KlineInterval,
        ListingName,
        MarketKind,
        NewOrder,
        Order,
        OrderBook,
        OrderRef,
        OrderSide,
        OrderStatus,
        OrderType,
        Position,
        Side,
        Symbol,
        SymbolInfo,
        Ticker,
        TimeInForce,
        Trade,
        TradingFee,
    )
    from oneprice.venues.kit import (
        Credentials,
        find_venues,
    )

__version__ = "0.1.0"

_ROOMS: Final = {
    "oneprice.app": (
        "build_account",
        "build_market",
        "find_market",
        "live_ports",
    ),
    "oneprice.core": ("Hub",),
    "oneprice.errors": (
        "ConfigError",
        "ExchangeAPIError",
        "InsufficientBalanceError",
        "InvariantError",
        "NetworkError",
        "NotSupported",
        "OnePriceError",
        "OrderNotFoundError",
        "Outcome",
        "RateLimitError",
        "RecordingError",
    ),
    "oneprice.exchange": (
        "AccountConfig",
        "BaseWebSocketInterface",
        "ConnectionConfig",
        "PrivateExchange",
        "PrivateExchangeInterface",
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
        "AccountInfo",
        "AssetBalance",
        "AssetName",
        "BookLevel",
        "ExchangeName",
        "Fill",
        "FundingRate",
        "Kline",
        "KlineInterval",
        "ListingName",
        "MarketKind",
        "NewOrder",
        "Order",
        "OrderBook",
        "OrderRef",
        "OrderSide",
        "OrderStatus",
        "OrderType",
        "Position",
        "Side",
        "Symbol",
        "SymbolInfo",
        "Ticker",
        "TimeInForce",
        "Trade",
        "TradingFee",
    ),
    "oneprice.venues.kit": (
        "Credentials",
        "find_venues",
    ),
}
_HOME: Final = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "AccountConfig",
    "AccountInfo",
    "AssetBalance",
    "AssetName",
    "BaseWebSocketInterface",
    "BookLevel",
    "ConfigError",
    "ConnectionConfig",
    "Credentials",
    "ExchangeAPIError",
    "ExchangeName",
    "Fill",
    "FundingRate",
    "Hub",
    "InsufficientBalanceError",
    "InvariantError",
    "Kline",
    "KlineInterval",
    "ListingName",
    "MarketConfig",
    "MarketData",
    "MarketKind",
    "MarketView",
    "NetworkError",
    "NewOrder",
    "NotSupported",
    "OnePriceError",
    "Order",
    "OrderBook",
    "OrderNotFoundError",
    "OrderRef",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "Outcome",
    "Position",
    "PrivateExchange",
    "PrivateExchangeInterface",
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
    "TradingFee",
    "__version__",
    "build_account",
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
