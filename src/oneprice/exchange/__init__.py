"""The user's async API: one object per market of an exchange, over any venue and any network."""

from oneprice.exchange.config import AccountConfig, ConnectionConfig, RequestConfig
from oneprice.exchange.figures import RestFigures
from oneprice.exchange.following import AccountEvent, StreamState
from oneprice.exchange.health import Health, HealthPoint, Standing
from oneprice.exchange.interfaces import (
    BaseWebSocketInterface,
    Listed,
    PrivateExchangeInterface,
    PublicExchangeInterface,
    SessionState,
)
from oneprice.exchange.private import PrivateExchange
from oneprice.exchange.public import PublicExchange
from oneprice.exchange.rest import RestClient

__all__ = [
    "AccountConfig",
    "AccountEvent",
    "BaseWebSocketInterface",
    "ConnectionConfig",
    "Health",
    "HealthPoint",
    "Listed",
    "PrivateExchange",
    "PrivateExchangeInterface",
    "PublicExchange",
    "PublicExchangeInterface",
    "RequestConfig",
    "RestClient",
    "RestFigures",
    "SessionState",
    "Standing",
    "StreamState",
]
