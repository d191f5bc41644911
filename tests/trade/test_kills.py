"""A real engine is killed with SIGKILL, and started again on what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.trade.killing import take_toll

KILLS = 6


@pytest.mark.timeout(170)
@pytest.mark.asyncio
async def test_nothing_is_lost_however_often_it_is_killed(tmp_path: Path) -> None:
    toll = await take_toll(KILLS, 3, tmp_path)
    assert toll.found.lines() == []
    assert toll.found.orders > 0
    assert len(toll.killed) == KILLS
