"""MEXC: facts and codecs of spot (v3, protobuf streams) and USDT-margined perpetuals (contract v1), public side."""

from oneprice.model import MarketKind
from oneprice.venues.kit import Venue
from oneprice.venues.mexc.errors import VENUE_NAME
from oneprice.venues.mexc.futures import FUTURES
from oneprice.venues.mexc.market import MexcMarket
from oneprice.venues.mexc.spot import SPOT

VENUE = Venue(
    name=VENUE_NAME,
    title="MEXC",
    markets={
        MarketKind.SPOT: lambda hosts: MexcMarket(SPOT, hosts),
        MarketKind.USDM: lambda hosts: MexcMarket(FUTURES, hosts),
    },
    documentation="https://www.mexc.com/api-docs/",
)

__all__ = ["VENUE"]
