"""The nouns: what is traded, where, by which rules, and what the venues tell about it."""

from oneprice.model.codes import (
    KlineInterval,
    MarketKind,
    OrderSide,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from oneprice.model.instrument import AssetName, ExchangeName, ListingName, Symbol, SymbolInfo
from oneprice.model.market_data import BookLevel, FundingRate, Kline, OrderBook, Ticker, Trade

__all__ = [
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
]
