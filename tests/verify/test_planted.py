"""Exchanges that are broken on purpose: the cards that must notice fail, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.verify.planted.answers import ANSWERS
from tests.verify.planted.desks import DESKS
from tests.verify.planted.plant import Garden, Plant
from tests.verify.planted.public import PUBLIC
from tests.verify.planted.streams import PRIVATE_STREAMS
from tests.verify.simulated import failures, try_cards

from oneprice.verify import Thresholds, all_cards

pytestmark = pytest.mark.coreless

PLANTS = (*PUBLIC, *ANSWERS, *DESKS, *PRIVATE_STREAMS)
AT_A_TIME = 8
"""Exchanges that run in this one process together: more would keep each other waiting."""
DEAD_MAN = 322
HURRIED = Thresholds(card_s=20.0, report_s=1.0, live_s=10.0)
"""What does not come will not come: waiting for it is short."""


def _numbers(plant: Plant) -> list[int]:
    """The cards of its areas and those that it names. The slow one is only tried where it must notice."""
    named = {*plant.numbers, *plant.fails}
    of_areas = {one.number for one in all_cards() if one.number // 100 in plant.areas} - {DEAD_MAN}
    return sorted(of_areas | named)


async def _try(garden: Garden, plant: Plant, room: asyncio.Semaphore) -> dict[int, str]:
    wanted = _numbers(plant)
    async with room:
        results = await try_cards(plant.market, wanted, lambda server: garden.plant(server, plant), thresholds=HURRIED)
    return failures(results)


async def _try_all(garden: Garden) -> dict[str, dict[int, str]]:
    room = asyncio.Semaphore(AT_A_TIME)
    found = await asyncio.gather(*(_try(garden, plant, room) for plant in PLANTS))
    return {plant.name: seen for plant, seen in zip(PLANTS, found, strict=True)}


@pytest.fixture(scope="module")
def noticed() -> Mapping[str, Mapping[int, str]]:
    """What failed on each of the broken exchanges, all tried at the same time."""
    garden = Garden()
    with pytest.MonkeyPatch.context() as patches:
        garden.dig(patches)
        return asyncio.run(_try_all(garden))


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_just_the_right_cards_notice(noticed: Mapping[str, Mapping[int, str]], plant: Plant) -> None:
    assert set(noticed[plant.name]) == plant.fails, noticed[plant.name]


def test_faults_are_planted_at_every_venue_and_in_both_markets() -> None:
    assert len({plant.name for plant in PLANTS}) == len(PLANTS)
    assert {plant.market for plant in PLANTS} >= {
        f"{venue}-{kind}" for venue in ("binance", "gate", "mexc") for kind in ("spot", "usdm")
    }
