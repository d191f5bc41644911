"""Clients that the simulated Gate was not written with: crowds, duels, reconnects, ccxt's blocking client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt
import pytest
from strangers import SPOT, SWAP, Stranger, compare, crowd, hears, know, patient, quieten, race, settled, wealth

from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]


@pytest.fixture
async def venue(start_venue: StartVenue) -> SimServer:
    server = await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"))
    quieten(server)
    return server


@pytest.fixture
async def ann(venue: SimServer) -> AsyncIterator[Stranger]:
    stranger = Stranger(venue, "ann")
    await know(stranger)
    yield stranger
    await stranger.client.close()


@pytest.fixture
async def bob(venue: SimServer, ann: Stranger) -> AsyncIterator[Stranger]:
    stranger = Stranger(venue, "bob")
    await know(ann, stranger)
    yield stranger
    await stranger.client.close()
