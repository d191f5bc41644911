"""Gate.io: facts and codecs of spot and USDT-margined perpetuals (API v4)."""

from oneprice.model import MarketKind
from oneprice.venues.gate.errors import VENUE_NAME
from oneprice.venues.gate.futures import FUTURES
from oneprice.venues.gate.futures_account import FuturesAccount
from oneprice.venues.gate.market import GateMarket
from oneprice.venues.gate.spot import SPOT
from oneprice.venues.gate.spot_account import SpotAccount
from oneprice.venues.kit import Venue

VENUE = Venue(
    name=VENUE_NAME,
    title="Gate.io",
    markets={
        MarketKind.SPOT: lambda hosts: GateMarket(SPOT, hosts),
        MarketKind.USDM: lambda hosts: GateMarket(FUTURES, hosts),
    },
    accounts={MarketKind.SPOT: SpotAccount, MarketKind.USDM: FuturesAccount},
    documentation="https://www.gate.com/docs/developers/apiv4/en/",
)

__all__ = ["VENUE"]
