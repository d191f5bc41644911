"""What differs between Binance's markets, as one table that `BinanceMarket` reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from oneprice.core.describe import Snapshot, Stream
from oneprice.model import MarketKind, SymbolInfo
from oneprice.venues.binance.bodies import ExchangeInfo
from oneprice.venues.kit import Budget, Channel, ErrorTable, StreamLimits, Support

Steps = tuple[tuple[int, int], ...]
"""`(up to this limit, this weight)`, smallest first; the last is the largest limit allowed."""


class ChannelFacts(msgspec.Struct, frozen=True):
    """A channel's stream name after `symbol@`, its connection path, and the described messages it brings."""

    suffix: str
    path: str
    messages: tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One market. `weights`: by path, 1 where not named. `depth_exact`: no limits but those in `depth`."""

    kind: MarketKind
    rest_url: str
    stream_url: str
    stream_paths: Mapping[str, str]
    prefix: str
    budgets: Mapping[str, Budget]
    limits: StreamLimits
    taker_fee_bps: float
    weights: Mapping[str, int]
    tickers_weight: int
    quotes_weight: int
    depth: Steps
    depth_exact: bool
    klines: Steps
    listings_query: tuple[tuple[str, str], ...] = ()
    read_listings: Callable[[ExchangeInfo], list[SymbolInfo]]
    errors: ErrorTable
    streams: Mapping[str, Stream]
    snapshot: Snapshot
    channels: Mapping[Channel, ChannelFacts]
    capabilities: Sequence[Support]
    pays_funding: bool


def step(steps: Steps, limit: int) -> tuple[int, int]:
    """The step that holds the limit, or the largest one."""
    return next((told for told in steps if limit <= told[0]), steps[-1])
