"""MEXC: facts and codecs of spot (v3, protobuf streams) and USDT-margined perpetuals (contract v1), public side."""

from oneprice.model import MarketKind
from oneprice.venues.kit import Venue
from oneprice.venues.mexc.errors import VENUE_NAME
from oneprice.venues.mexc.futures import MexcFutures
from oneprice.venues.mexc.spot import MexcSpot

VENUE = Venue(
    name=VENUE_NAME,
    title="MEXC",
    markets={MarketKind.SPOT: MexcSpot, MarketKind.USDM: MexcFutures},
    documentation="https://www.mexc.com/api-docs/",
)

__all__ = ["VENUE"]
