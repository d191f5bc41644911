"""The nouns: what is traded, where, by which rules, what the venues tell about it, and what an account has."""

from oneprice.model.account import (
    AccountInfo,
    AssetBalance,
    AssetNetwork,
    KeyPermissions,
    Position,
    PositionMode,
    TradingFee,
    Transfer,
    TransferStatus,
)
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
from oneprice.model.orders import ENDED, Fee, Fill, NewOrder, Order, OrderRef

__all__ = [
    "ENDED",
    "AccountInfo",
    "AssetBalance",
    "AssetName",
    "AssetNetwork",
    "BookLevel",
    "ExchangeName",
    "Fee",
    "Fill",
    "FundingRate",
    "KeyPermissions",
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
    "PositionMode",
    "Side",
    "Symbol",
    "SymbolInfo",
    "Ticker",
    "TimeInForce",
    "Trade",
    "TradingFee",
    "Transfer",
    "TransferStatus",
]
