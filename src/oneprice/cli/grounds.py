"""Where a run's markets are, and with which keys: the venues' own hosts, or simulated exchanges.

Real keys are never sent to a simulated exchange: those have names of their own, ONEPRICE_SIM_<VENUE>_API_KEY, and by
default the key that every simulated exchange lets in.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from oneprice.errors import ConfigError, VenueUnavailableError

if TYPE_CHECKING:
    from oneprice.config import Settings
    from oneprice.venues.kit import Credentials, Hosts


@contextlib.asynccontextmanager
async def hosts_for(settings: Settings, sims: Sequence[str], seed: int) -> AsyncIterator[dict[str, Hosts]]:
    """Where markets are elsewhere than at the venue, by VENUE-MARKET. In mode simulated exchanges of our own
    are started when none are named. Raises ConfigError, VenueUnavailableError."""
    from oneprice.app import simulated_hosts
    from oneprice.cli.feeds import hosts_of

    hosts = hosts_of(sims, settings.markets)
    if settings.mode != "simulated":
        yield hosts
        return
    real = sorted(set(settings.markets) - set(hosts))
    if not real:
        yield hosts
        return
    if hosts:
        raise ConfigError(f"--sim: mode is simulated, so {', '.join(real)} need one too; without --sim all are started")
    from oneprice.sim.cluster import VENUES, SimCluster

    unknown = [venue for venue in settings.venues if venue not in VENUES]
    if unknown:
        raise ConfigError(f"mode is simulated, but no {', '.join(unknown)} is simulated: only {', '.join(VENUES)}")
    cluster = SimCluster(seed=seed, venues=tuple(settings.venues))
    try:
        await cluster.__aenter__()
    except RuntimeError as error:
        raise VenueUnavailableError("simulated exchanges", str(error)) from error
    try:
        yield simulated_hosts(settings.markets, {name: one.url for name, one in cluster.exchanges.items()})
    finally:
        await cluster.stop()


def keys_for(settings: Settings, hosts: Mapping[str, Hosts], environment: Mapping[str, str]) -> dict[str, Credentials]:
    """The keys that are there, by venue. Raises ConfigError for half a key."""
    from oneprice.config import credentials_of

    simulated = {name.rpartition("-")[0] for name in hosts}
    found = {}
    for venue in settings.venues:
        keys = simulated_key(venue, environment) if venue in simulated else credentials_of(venue, environment)
        if keys is not None:
            found[venue] = keys
    return found


def simulated_key(venue: str, environment: Mapping[str, str]) -> Credentials:
    """The key for a simulated exchange."""
    from oneprice.config import credentials_of
    from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
    from oneprice.venues.kit import Credentials

    return credentials_of(f"sim_{venue}", environment) or Credentials(DEFAULT_KEY, DEFAULT_SECRET)
