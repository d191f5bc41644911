"""Recordings played to the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oneprice.research.names import parse_place
from oneprice.research.replay import Replay
from oneprice.research.sources import open_place


@pytest.fixture
def play() -> Callable[..., Replay]:
    """Open `VENUE-MARKET=PATH` places and play them to the end."""

    def opened(*places: str, **options: object) -> Replay:
        sources = [source for place in places for source in open_place(parse_place(place), ())]
        replay = Replay(sources, **options)  # type: ignore[arg-type]
        replay.run()
        return replay

    return opened
