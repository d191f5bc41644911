"""What `oneprice verify` tries: the venue itself, or a simulated exchange, started here or running already."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from oneprice.app import Ports, find_account, find_market, live_ports
from oneprice.cli.exchanges import own_exchange
from oneprice.config import credentials_of
from oneprice.errors import ConfigError
from oneprice.model import AssetName, MarketKind, Symbol
from oneprice.venues.kit import Credentials, Hosts, PrivateMarket, find_venue
from oneprice.verify import Bench, Thresholds, TradeCap
from oneprice.verify.control import SimFaults

CAP_SIMULATED = Decimal(2_000)
"""In quote asset. Nothing is at stake there; the smallest legal order of a perpetual may be worth 100."""


@dataclass(frozen=True)
class Asked:
    """What the command line asked for. `markets` empty: all that the venue has. `sim_url` empty: one of our own.

    `cap`: what an order may be worth, None where none may be sent (live).
    """

    venue: str
    markets: tuple[MarketKind, ...]
    symbol: str
    live: bool
    sim_url: str
    cap: Decimal | None
    card_s: float


@contextlib.asynccontextmanager
async def benches(asked: Asked) -> AsyncIterator[list[Bench]]:
    """A bench for each market. Raises ConfigError, VenueUnavailableError where no exchange can be started."""
    ports = live_ports()
    beside = live_ports()
    async with contextlib.AsyncExitStack() as open_here:
        open_here.push_async_callback(ports.network.close)
        open_here.push_async_callback(beside.network.close)
        if asked.live:
            made = _live(asked, ports)
        else:
            url = asked.sim_url or await open_here.enter_async_context(own_exchange(asked.venue))
            made = _simulated(asked, ports, SimFaults(beside.network, url), url)
        for bench in made:
            open_here.push_async_callback(bench.close)
        yield made


def kinds_of(venue: str, wanted: Sequence[str]) -> tuple[MarketKind, ...]:
    """The markets of a venue by name, all when none is named. Raises ConfigError."""
    offered = {kind.value: kind for kind in find_venue(venue).markets}
    unknown = [name for name in wanted if name not in offered]
    if unknown:
        raise ConfigError(f"--markets {', '.join(unknown)}: {venue} has {', '.join(offered)}")
    return tuple(offered[name] for name in wanted or offered)


def _live(asked: Asked, ports: Ports) -> list[Bench]:
    credentials = credentials_of(asked.venue, os.environ)
    if asked.cap is not None and credentials is None:
        prefix = f"ONEPRICE_{asked.venue.upper()}"
        raise ConfigError(f"--trade needs {prefix}_API_KEY and {prefix}_API_SECRET (or both with _FILE)")
    return [
        _bench(asked, kind, ports, None, credentials, None if asked.cap is None else TradeCap(asked.cap), None)
        for kind in asked.markets
    ]


def _simulated(asked: Asked, ports: Ports, faults: SimFaults, url: str) -> list[Bench]:
    from oneprice.app import simulated_hosts
    from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET

    credentials, cap = Credentials(DEFAULT_KEY, DEFAULT_SECRET), TradeCap(asked.cap or CAP_SIMULATED)
    names = [f"{asked.venue}-{kind.value}" for kind in asked.markets]
    hosts = simulated_hosts(names, {asked.venue: url})
    return [
        _bench(asked, kind, ports, hosts[name], credentials, cap, faults)
        for kind, name in zip(asked.markets, names, strict=True)
    ]


def _bench(
    asked: Asked,
    kind: MarketKind,
    ports: Ports,
    hosts: Hosts | None,
    credentials: Credentials | None,
    cap: TradeCap | None,
    faults: SimFaults | None,
) -> Bench:
    name = f"{asked.venue}-{kind.value}"
    has_account = kind in find_venue(asked.venue).accounts

    def make_account(chosen: Credentials) -> PrivateMarket:
        return find_account(name, chosen, hosts)

    base, _, quote = asked.symbol.partition("/")
    return Bench(
        find_market(name, hosts),
        ports,
        make_account=make_account if has_account else None,
        credentials=credentials,
        faults=faults,
        trade=cap,
        symbol=Symbol(AssetName(base), AssetName(quote), is_futures=kind is MarketKind.USDM),
        thresholds=Thresholds(card_s=asked.card_s),
    )
