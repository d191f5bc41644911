"""A venue folder's front door. `venues/NAME/__init__.py` exposes `VENUE: Venue`, and is found by discovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from oneprice.model import MarketKind
from oneprice.venues.kit.account import PrivateMarket
from oneprice.venues.kit.contract import Hosts, PublicMarket
from oneprice.venues.kit.credentials import Credentials


class Venue(msgspec.Struct, frozen=True):
    """A venue folder. `markets[kind](hosts)` gives a market; None is for the venue's own hosts.

    `accounts[kind](hosts, credentials)` gives an account at it.
    """

    name: str
    title: str
    markets: Mapping[MarketKind, Callable[[Hosts | None], PublicMarket]]
    accounts: Mapping[MarketKind, Callable[[Hosts | None, Credentials], PrivateMarket]] = {}
    documentation: str = ""
