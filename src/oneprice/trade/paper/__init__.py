"""Paper trading: accounts that live in this process and trade against the certified books of live feeds.

`PaperAccount` is a `TradingAccount`, so the engine that trades with it is the one that trades live.
"""

from oneprice.trade.paper.account import PaperAccount

__all__ = ["PaperAccount"]
