"""MEXC: facts and codecs of spot (v3, protobuf streams) and USDT-margined perpetuals (contract v1)."""

from oneprice.model import MarketKind
from oneprice.venues.kit import Venue
from oneprice.venues.mexc.errors import VENUE_NAME
from oneprice.venues.mexc.futures import FUTURES
from oneprice.venues.mexc.futures_account import MexcFuturesAccount
from oneprice.venues.mexc.market import MexcMarket
from oneprice.venues.mexc.spot import SPOT
from oneprice.venues.mexc.spot_account import MexcSpotAccount

VENUE = Venue(
    name=VENUE_NAME,
    title="MEXC",
    markets={
        MarketKind.SPOT: lambda hosts: MexcMarket(SPOT, hosts),
        MarketKind.USDM: lambda hosts: MexcMarket(FUTURES, hosts),
    },
    accounts={MarketKind.SPOT: MexcSpotAccount, MarketKind.USDM: MexcFuturesAccount},
    documentation="https://www.mexc.com/api-docs/",
)

__all__ = ["VENUE"]
