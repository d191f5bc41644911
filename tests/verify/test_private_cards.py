"""Every private card on every simulated exchange: none fails, and what is skipped says why."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.verify.simulated import MARKETS, failures, try_cards

from oneprice.verify import Area, CardResult, Verdict, all_cards

pytestmark = pytest.mark.coreless

PRIVATE = (Area.PRIVATE_REST, Area.PRIVATE_STREAMS, Area.ERRORS, Area.LIMITS)
NUMBERS = [one.number for one in all_cards() if one.area in PRIVATE]
AT_A_TIME = 12
"""Exchanges that run in this one process together: more would keep each other waiting."""
ROWS = 8
"""So many exchanges share the cards of a market, for most cards spend their time waiting."""


async def _all_markets() -> dict[str, list[CardResult]]:
    deals = [(market, NUMBERS[row::ROWS]) for market in MARKETS for row in range(ROWS)]
    room = asyncio.Semaphore(AT_A_TIME)

    async def deal(market: str, numbers: list[int]) -> tuple[CardResult, ...]:
        async with room:
            return await try_cards(market, numbers)

    results = await asyncio.gather(*(deal(market, numbers) for market, numbers in deals))
    found: dict[str, list[CardResult]] = {market: [] for market in MARKETS}
    for (market, _), some in zip(deals, results, strict=True):
        found[market].extend(some)
    return found


@pytest.fixture(scope="module")
def tried() -> Mapping[str, list[CardResult]]:
    """All cards tried on all markets, at the same time."""
    return asyncio.run(_all_markets())


@pytest.mark.parametrize("market", MARKETS)
def test_no_private_card_fails(tried: Mapping[str, list[CardResult]], market: str) -> None:
    assert failures(tried[market]) == {}
    assert sorted(one.number for one in tried[market]) == NUMBERS


@pytest.mark.parametrize("market", MARKETS)
def test_only_what_the_venue_lacks_is_skipped(tried: Mapping[str, list[CardResult]], market: str) -> None:
    skipped = {one.number: one.saw for one in tried[market] if one.verdict is Verdict.SKIP}
    venue = market.rpartition("-")[0]
    reasons = ("a spot market", "a market of perpetuals")
    unnamed = {number: saw for number, saw in skipped.items() if venue not in saw and not saw.endswith(reasons)}
    assert unnamed == {}
    assert len(skipped) <= 9


@pytest.mark.parametrize("market", MARKETS)
def test_every_card_says_what_it_saw(tried: Mapping[str, list[CardResult]], market: str) -> None:
    silent = [one.number for one in tried[market] if len(one.saw) < 5]
    assert silent == []


def test_every_card_is_tried_somewhere(tried: Mapping[str, list[CardResult]]) -> None:
    passed = {one.number for results in tried.values() for one in results if one.verdict is Verdict.PASS}
    assert passed == set(NUMBERS)
