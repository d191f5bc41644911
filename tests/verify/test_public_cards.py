"""Every public card, and those of reconnection, quality and latency, on every simulated exchange: none fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from tests.verify.simulated import MARKETS, failures, try_cards

from oneprice.verify import CardResult, Verdict, all_cards

DEALS = (
    (*range(101, 114), 201, 202, 205, 206, *range(801, 807), 902, 903),
    (203, 204, 207, 208, 209),
    (701, 702, 706, 901),
    (703, 704, 707),
    (705, 708, 904, 905),
)
"""Cards that share an exchange: most of them spend their time waiting, and faults hit the whole exchange."""

AT_A_TIME = 12
"""Exchanges that run at the same time in this process: more would be slow enough to be taken for silent."""

ELSEWHERE = {210}
"""It needs several instruments: see test_card_210_follows_several_listings."""


async def _all_markets() -> dict[str, list[CardResult]]:
    deals = [(market, numbers) for numbers in DEALS for market in MARKETS]
    room = asyncio.Semaphore(AT_A_TIME)

    async def deal(market: str, numbers: Sequence[int]) -> list[CardResult]:
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
def test_no_card_fails(tried: Mapping[str, list[CardResult]], market: str) -> None:
    assert failures(tried[market]) == {}


@pytest.mark.parametrize("market", MARKETS)
def test_only_what_the_venue_lacks_is_skipped(tried: Mapping[str, list[CardResult]], market: str) -> None:
    skipped = {one.number for one in tried[market] if one.verdict is Verdict.SKIP}
    lacking = {
        "funding": {111, 112} if market.endswith("spot") else set(),
        "quotes on the depth counter": {206} if market.startswith("mexc") else set(),
        "a quote stream": {202} if market == "mexc-usdm" else set(),
        "snapshots by REST": {705} if market.startswith("gate") else set(),
        "orders over a websocket": {708} if market.startswith("mexc") else set(),
    }
    always = set().union(*lacking.values())
    assert skipped == always


def test_every_public_card_is_tried(tried: Mapping[str, list[CardResult]]) -> None:
    wanted = {one.number for one in all_cards() if one.number // 100 not in (3, 4, 5, 6)} - ELSEWHERE
    passed = {one.number for results in tried.values() for one in results if one.verdict is Verdict.PASS}
    assert passed == wanted


def test_every_card_says_what_it_saw(tried: Mapping[str, list[CardResult]]) -> None:
    passed = [one for results in tried.values() for one in results if one.verdict is Verdict.PASS]
    assert [one.number for one in passed if len(one.saw) < 15] == []


async def test_card_210_follows_several_listings() -> None:
    (result,) = await try_cards("binance-spot", [210], instruments=("BTC/USDT", "ETH/USDT", "SOL/USDT"))
    assert result.verdict is Verdict.PASS
    assert result.saw.startswith("BTC/USDT, ETH/USDT, SOL/USDT: all LIVE")


async def test_card_210_is_skipped_where_there_is_one_listing() -> None:
    (result,) = await try_cards("binance-spot", [210])
    assert result.verdict is Verdict.SKIP
