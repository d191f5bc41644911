"""A bench on a simulated exchange inside the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from tests.sim.flows import keep_moving

from oneprice.app import find_account, find_market, live_ports, simulated_hosts
from oneprice.model import AssetName, Symbol
from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.serve import ServeOptions, start_exchange
from oneprice.sim.server import SimServer
from oneprice.venues.kit import Credentials, find_venue, find_venues
from oneprice.verify import Bench, CardResult, Thresholds, TradeCap, Verdict, all_cards, run_cards
from oneprice.verify.control import SimFaults

CAP = TradeCap(Decimal(2_000))
MARKETS = [f"{name}-{kind.value}" for name in find_venues() for kind in find_venue(name).accounts]
"""All that can be traded on, as far as venue folders say."""

Spoil = Callable[[SimServer], None]


@asynccontextmanager
async def simulated_bench(
    name: str,
    spoil: Spoil | None = None,
    instruments: tuple[str, ...] = ("BTC/USDT",),
    thresholds: Thresholds | None = None,
) -> AsyncIterator[Bench]:
    """A VENUE-MARKET on a fresh exchange with one instrument, whose books surely move; `spoil` may break the exchange
    before it is used."""
    venue, _, kind = name.rpartition("-")
    server = await start_exchange(ServeOptions(venue=venue, instruments=instruments))
    keep_moving(server)
    if spoil is not None:
        spoil(server)
    ports, control = live_ports(1), live_ports(2)
    hosts = simulated_hosts([name], {venue: server.url})[name]
    bench = Bench(
        find_market(name, hosts),
        ports,
        make_account=lambda credentials: find_account(name, credentials, hosts),
        credentials=Credentials(DEFAULT_KEY, DEFAULT_SECRET),
        faults=SimFaults(control.network, server.url),
        trade=CAP,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), is_futures=kind != "spot"),
        thresholds=thresholds,
    )
    try:
        yield bench
    finally:
        await bench.close()
        await ports.network.close()
        await control.network.close()
        await server.stop()


async def try_cards(
    name: str,
    numbers: Sequence[int],
    spoil: Spoil | None = None,
    instruments: tuple[str, ...] = ("BTC/USDT",),
    thresholds: Thresholds | None = None,
) -> tuple[CardResult, ...]:
    """These cards on a fresh exchange."""
    cards = [one for one in all_cards() if one.number in set(numbers)]
    async with simulated_bench(name, spoil, instruments, thresholds) as bench:
        return (await run_cards(bench, cards)).results


def failures(results: Sequence[CardResult]) -> dict[int, str]:
    """What was seen by the cards that failed."""
    return {one.number: one.saw for one in results if one.verdict is Verdict.FAIL}
