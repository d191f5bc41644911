"""An engine that dies at any step of a deal: nothing is orphaned, lost or doubled, and the next one trades again.

Here a spread of the steps, each story at every `EVERY`th of them beginning at its own place; all of them:
`python -m tests.trade.killing --steps`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.trade.killing_steps import STORIES, play

from oneprice.trade.tracker import Tracker

pytestmark = pytest.mark.coreless

EVERY, STEPS_MAX = 9, 45
SPREAD = [(name, at) for place, name in enumerate(STORIES) for at in range(1 + place % EVERY, STEPS_MAX, EVERY)]


@pytest.mark.parametrize(("name", "at"), SPREAD)
async def test_a_death_at_this_step_loses_nothing(tmp_path: Path, name: str, at: int) -> None:
    """A story of fewer steps is ended where it is over."""
    steps, _ = await play(STORIES[name], at, tmp_path)
    assert len(steps) <= at


BETWEEN = "before the answer to binance-spot GET api/v3/myTrades is read"
"""Its order is known to be filled, and the fill is not in the journal. Binance names the order by its own id alone."""


async def test_a_death_between_an_orders_end_and_its_fill(tmp_path: Path) -> None:
    """The next engine knows whose the fill is."""
    steps, _ = await play(STORIES["recovery"], BETWEEN, tmp_path)
    assert steps[-1] == BETWEEN


async def test_an_engine_that_forgets_fills_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests could fail."""
    monkeypatch.setattr(Tracker, "book", lambda *_: False)
    with pytest.raises(AssertionError, match="it sends nothing within"):
        await play(STORIES["cross"], 12, tmp_path)
