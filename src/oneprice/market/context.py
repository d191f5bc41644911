"""What all sessions of one run share."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from oneprice.core import Hub
from oneprice.market.config import MarketConfig
from oneprice.market.recorder import Recorder
from oneprice.market.supervisor import Supervisor
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit import PublicMarket


@dataclass(frozen=True)
class Context:
    """The hub, the ports and the rules. `on_change`: the hub has news that should not wait for the next tick.
    `on_opportunity`: the frame of this monotonic time has opened, changed or closed opportunities; called in its turn.
    """

    config: MarketConfig
    hub: Hub
    network: Network
    clock: Clock
    chance: Chance
    supervisor: Supervisor
    on_change: Callable[[], None]
    recorder: Recorder | None = None
    tls: ssl.SSLContext | None = None
    on_opportunity: Callable[[int], None] | None = None
    connection_numbers: Iterator[int] = field(default_factory=lambda: count(1))


def market_name(market: PublicMarket) -> str:
    """The VENUE-MARKET name."""
    return f"{market.venue}-{market.kind.value}"
