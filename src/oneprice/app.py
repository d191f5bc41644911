"""The composition root: the place that puts configuration, ports and venues together."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oneprice.errors import ConfigError, NotSupported
from oneprice.exchange import AccountConfig, ConnectionConfig, PrivateExchange, PublicExchange, RequestConfig
from oneprice.market import MarketConfig, MarketData, Recorder
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit import Credentials, Hosts, PrivateMarket, PublicMarket, find_venue

FEED_REQUESTS = RequestConfig(timeout_ms=5_000, attempts_max=2)


@dataclass(frozen=True)
class Ports:
    """Everything ambient. `live_ports` makes the real ones."""

    network: Network
    clock: Clock
    chance: Chance


def live_ports(seed: int | None = None) -> Ports:
    """The machine's own. `seed` fixes the random waits, nothing else. Close `network` in the end."""
    from oneprice.live import LiveChance, LiveClock, LiveNetwork  # not wanted where another world is given

    clock = LiveClock()
    return Ports(LiveNetwork(clock), clock, LiveChance(seed))


def find_market(name: str, hosts: Hosts | None = None) -> PublicMarket:
    """A VENUE-MARKET such as `binance-usdm`. Raises ConfigError for one that does not exist."""
    venue_name, _, kind = name.rpartition("-")
    venue = find_venue(venue_name or name)
    for offered, make in venue.markets.items():
        if offered.value == kind:
            return make(hosts)
    offered_names = ", ".join(f"{venue.name}-{offered.value}" for offered in venue.markets)
    raise ConfigError(f"no market {name!r}; {venue.title} has: {offered_names}")


def find_account(name: str, credentials: Credentials, hosts: Hosts | None = None) -> PrivateMarket:
    """An account at a VENUE-MARKET. Raises ConfigError for a market that does not exist, NotSupported where a venue's
    private side is not there."""
    market = find_market(name, hosts)
    make = find_venue(market.venue).accounts.get(market.kind)
    if make is None:
        raise NotSupported(f"{name}: accounts are not supported yet")
    return make(hosts, credentials)


def build_account(
    name: str,
    credentials: Credentials,
    ports: Ports,
    *,
    hosts: Hosts | None = None,
    config: AccountConfig | None = None,
    requests: RequestConfig | None = None,
    connections: ConnectionConfig | None = None,
    tls: ssl.SSLContext | None = None,
) -> PrivateExchange:
    """An account at a VENUE-MARKET, not yet open: `async with` opens it. Raises as `find_account`."""
    return PrivateExchange(
        find_market(name, hosts),
        find_account(name, credentials, hosts),
        ports.network,
        ports.clock,
        ports.chance,
        config,
        requests,
        connections,
        tls=tls,
    )


def simulated_hosts(markets: Iterable[str], urls: Mapping[str, str]) -> dict[str, Hosts]:
    """Where the markets are on simulated exchanges: `urls` has each venue's base URL (`http://127.0.0.1:9001`).

    Raises ConfigError for a venue that is not simulated.
    """
    found = {}
    for name in markets:
        venue, _, kind = name.rpartition("-")
        if venue not in urls:
            raise ConfigError(f"markets: {name} is not simulated; simulated are {', '.join(urls)}")
        prefix = "/usdm" if (venue, kind) == ("binance", "usdm") else ""
        rest = urls[venue] + prefix
        found[name] = Hosts(rest=rest, stream=rest.replace("http", "ws", 1))
    return found


def build_market(
    config: MarketConfig,
    ports: Ports,
    *,
    hosts: Mapping[str, Hosts] | None = None,
    tls: ssl.SSLContext | None = None,
    recorder: Recorder | None = None,
) -> MarketData:
    """Live feeds of all markets of `config`, not yet running: `async with` runs them.

    `hosts`: by VENUE-MARKET, where a market is to be found elsewhere (a simulated exchange); `tls`: the authority
    that vouches for those. Raises ConfigError.
    """
    elsewhere = hosts or {}
    for name in elsewhere:
        if name not in config.markets:
            raise ConfigError(f"hosts: {name!r} is not a market of this run ({', '.join(config.markets)})")

    def exchange(market: PublicMarket) -> PublicExchange:
        return PublicExchange(market, ports.network, ports.clock, ports.chance, FEED_REQUESTS, tls=tls)

    return MarketData(
        config,
        [find_market(name, elsewhere.get(name)) for name in config.checked().markets],
        network=ports.network,
        clock=ports.clock,
        chance=ports.chance,
        exchanges=exchange,
        recorder=recorder,
        tls=tls,
    )


__all__ = [
    "Ports",
    "build_account",
    "build_market",
    "find_account",
    "find_market",
    "live_ports",
    "simulated_hosts",
]
