"""The real thing: real ports, real venues' codecs, the three simulated exchanges over loopback, and their faults."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict

import pytest

from oneprice.app import build_market, live_ports, simulated_hosts
from oneprice.core.states import BookState
from oneprice.market import MarketConfig, MarketData
from oneprice.sim.cluster import SimCluster

MARKETS = ("binance-spot", "binance-usdm", "gate-spot", "gate-usdm", "mexc-spot", "mexc-usdm")
CONFIG = MarketConfig(markets=MARKETS, symbols=("BTC/USDT", "ETH/USDT"), silent_after_ms=1_000)


async def seen_from_now(data: MarketData, seconds: float) -> dict[str, dict[BookState, float]]:
    """For each venue the states that its books showed, and after how many seconds first."""
    seen: dict[str, dict[BookState, float]] = defaultdict(dict)
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        for book in data.books:
            seen[str(book.info.venue)].setdefault(data.state(book), passed)
        await asyncio.sleep(0.01)
    return seen


@pytest.mark.timeout(60)
async def test_all_markets_get_live_and_heal_from_the_faults_of_their_exchanges() -> None:
    ports = live_ports(seed=1)
    async with SimCluster(seed=42, instruments=CONFIG.symbols) as cluster:
        urls = {name: exchange.url for name, exchange in cluster.exchanges.items()}
        try:
            async with build_market(CONFIG, ports, hosts=simulated_hosts(MARKETS, urls)) as data:
                assert await data.until_live(10.0), data.view()
                assert len(data.listings()) == 12

                await cluster.fault("binance", "freeze", seconds=1.8)
                await cluster.fault("gate", "half_open", seconds=4.5)
                await cluster.fault("mexc", "drop")
                seen = await seen_from_now(data, 5.0)
                assert BookState.SILENT in seen["binance"]
                assert seen["binance"][BookState.SILENT] < 1.8, "within the limit of 1 s, and a slow machine"
                assert seen["gate"][BookState.GAP] < 4.9, "dropped as dead before five seconds are over"
                assert seen["mexc"][BookState.GAP] < 0.5
                assert await data.until_live(10.0), data.view()
                rows = {row.name: row for row in data.view().markets}
                assert rows["binance-spot"].reconnects == 0, "silence heals by itself"
                assert rows["mexc-spot"].reconnects == rows["gate-usdm"].reconnects == 1

                gaps = sum(data.hub.counts(book.number)["gaps"] for book in data.books)
                for venue in urls:
                    await cluster.fault(venue, "gap", count=2)
                await asyncio.sleep(0.5)
                assert await data.until_live(5.0), data.view()
                assert sum(data.hub.counts(book.number)["gaps"] for book in data.books) > gaps

                # Quotes that a freeze has swallowed look like quotes never sent: two false alarms in a row are borne.
                assert all(row.counts["disagreements"] <= 2 for row in data.view().books), data.view()
                assert sum(row.counts["agreements"] for row in data.view().books) > 20
                for row in data.view().markets:
                    assert row.trouble == ""
                    assert row.clock_offset_ms == pytest.approx(0, abs=500)
                    assert row.frames > 20
                assert data.view().nearest or data.view().opportunities
        finally:
            await ports.network.close()
