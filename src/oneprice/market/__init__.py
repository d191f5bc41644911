"""Live feeds into one hub of certified books: subscribe, sync, notice, heal, and say in words what stands.

`MarketData` is the whole of it; `MarketConfig` what it is told, `MarketView` what it shows. `oneprice.app` builds one.
"""

from oneprice.market.books import Book
from oneprice.market.config import MarketConfig
from oneprice.market.engine import MarketData
from oneprice.market.recorder import Recorder
from oneprice.market.view import BookRow, MarketRow, MarketView, NearRow, OpportunityRow, Refused

__all__ = [
    "Book",
    "BookRow",
    "MarketConfig",
    "MarketData",
    "MarketRow",
    "MarketView",
    "NearRow",
    "OpportunityRow",
    "Recorder",
    "Refused",
]
