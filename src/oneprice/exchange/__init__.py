"""The user's async API: one object per market of an exchange, over any venue and any network."""

from oneprice.exchange.config import ConnectionConfig, RequestConfig
from oneprice.exchange.figures import RestFigures
from oneprice.exchange.interfaces import (
    BaseWebSocketInterface,
    Listed,
    PublicExchangeInterface,
    SessionState,
)
from oneprice.exchange.public import PublicExchange
from oneprice.exchange.rest import RestClient

__all__ = [
    "BaseWebSocketInterface",
    "ConnectionConfig",
    "Listed",
    "PublicExchange",
    "PublicExchangeInterface",
    "RequestConfig",
    "RestClient",
    "RestFigures",
    "SessionState",
]
