"""A simulated exchange as a child process, for as long as a command needs it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from oneprice.errors import VenueUnavailableError


@contextlib.asynccontextmanager
async def own_exchange(venue: str, seed: int = 42) -> AsyncIterator[str]:
    """Gives its URL. Raises VenueUnavailableError with its own words when it does not come up."""
    from oneprice.sim.cluster import SimCluster

    cluster = SimCluster(seed=seed, venues=(venue,))
    try:
        await cluster.__aenter__()
    except RuntimeError as error:
        raise VenueUnavailableError(f"simulated {venue}", str(error)) from error
    try:
        yield cluster.exchanges[venue].url
    finally:
        await cluster.stop()
