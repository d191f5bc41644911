"""Strategies: each turns what the hub found, or what time brought, into plans for the one path.

A strategy decides nothing about risk: its plans go through the gates like everybody's. It answers an opportunity with a
plan, with why not (short, in numbers, for the black box), or with None when the opportunity is another's.
"""

from __future__ import annotations

from collections.abc import Mapping

from oneprice.model import FundingRate
from oneprice.trade.desk import Desk
from oneprice.trade.strategies.carry import Carry
from oneprice.trade.strategies.closing import Closing
from oneprice.trade.strategies.contract import Pull, Quote, Quoting, Strategy
from oneprice.trade.strategies.cross import Cross
from oneprice.trade.strategies.maker import Maker
from oneprice.trade.strategies.triangular import Triangular
from oneprice.trade.terms import Listings


def make_strategies(
    desk: Desk, funding: Mapping[str, FundingRate] | None = None
) -> tuple[list[Strategy], list[Quoting]]:
    """Those that are on. Carry is always among them: what deals hold has to be closed, whoever opened it.

    `funding`: the last known rates by listing key; it is read anew each time, and whoever gives it keeps it fresh.
    """
    chosen, listings = desk.settings.strategies, Listings(desk)
    closing = Closing(desk, listings)
    strategies: list[Strategy] = []
    if chosen.cross.enabled:
        strategies.append(Cross(desk, listings, closing))
    if chosen.triangular.enabled:
        strategies.append(Triangular(desk, listings, closing))
    strategies.append(Carry(desk, listings, closing, funding if funding is not None else {}))
    quoting: list[Quoting] = [Maker(desk, listings)] if chosen.maker.enabled else []
    return strategies, quoting


__all__ = ["Pull", "Quote", "Quoting", "Strategy", "make_strategies"]
