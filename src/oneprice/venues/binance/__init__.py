"""Binance: facts and codecs of spot (REST v3) and USDT-margined perpetuals (fapi v1)."""

from oneprice.model import MarketKind
from oneprice.venues.binance.account import BinanceAccount
from oneprice.venues.binance.account_facts import SPOT_ACCOUNT, USDM_ACCOUNT
from oneprice.venues.binance.market import BinanceMarket
from oneprice.venues.binance.spot import SPOT
from oneprice.venues.binance.usdm import USDM
from oneprice.venues.kit import Venue

VENUE = Venue(
    name="binance",
    title="Binance",
    markets={
        MarketKind.SPOT: lambda hosts: BinanceMarket(SPOT, hosts),
        MarketKind.USDM: lambda hosts: BinanceMarket(USDM, hosts),
    },
    accounts={
        MarketKind.SPOT: lambda hosts, credentials: BinanceAccount(SPOT_ACCOUNT, hosts, credentials),
        MarketKind.USDM: lambda hosts, credentials: BinanceAccount(USDM_ACCOUNT, hosts, credentials),
    },
    documentation="https://developers.binance.com/docs",
)

__all__ = ["VENUE"]
