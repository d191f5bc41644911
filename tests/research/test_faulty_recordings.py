"""A recording with any one diff frame removed, doubled or swapped never yields a LIVE book that is wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.research.written import Levels, Line, Market, make_market, write_lines

from oneprice.core.states import BookState
from oneprice.research.names import parse_place
from oneprice.research.replay import Replay
from oneprice.research.sources import open_place

FAULTS = ("removed", "doubled", "swapped")
CUT_LINES = 6_000


def spoiled(lines: list[Line], depth_at: list[int], fault: str, which: int) -> list[Line]:
    """The lines with one diff frame spoiled; receive times stay where they were."""
    found = list(lines)
    place = depth_at[which]
    if fault == "removed":
        del found[place]
    elif fault == "doubled":
        found.insert(place, found[place])
    else:
        other = depth_at[which + 1]
        found[place], found[other] = (found[place][0], found[other][1]), (found[other][0], found[place][1])
    return found


def watched(path: Path, market: str) -> Iterator[tuple[int, Levels]]:
    """After every record in which the book is LIVE: its number, and all its levels as texts."""
    replay = Replay(open_place(parse_place(f"{market}={path}"), ()))
    part = replay.parts[0]
    for _ in replay.steps():
        if replay.hub.state(0) == BookState.LIVE:
            sides = [
                tuple((f"{ticks * part.tick:f}", f"{lots * part.lot:f}") for ticks, lots in side)
                for side in replay.hub.levels(0, 100_000)
            ]
            yield replay.hub.sequence(0), (sides[0], sides[1])


def as_numbers(levels: Levels) -> list[list[tuple[float, float]]]:
    return [[(float(price), float(quantity)) for price, quantity in side] for side in levels]


@cache
def small(futures: bool) -> Market:
    return make_market(3, futures=futures)


@pytest.mark.parametrize("market", ["binance-spot", "binance-usdm"])
def test_an_unspoiled_recording_is_live_and_right_at_every_number(tmp_path: Path, market: str) -> None:
    made = small(market == "binance-usdm")
    path = write_lines(tmp_path / "whole", made.lines)
    seen = dict(watched(path, market))
    assert set(seen) == set(list(made.books)[5:])
    for number, levels in seen.items():
        assert as_numbers(levels) == as_numbers(made.books[number])


@pytest.mark.parametrize("market", ["binance-spot", "binance-usdm"])
@pytest.mark.parametrize("fault", FAULTS)
@settings(max_examples=25)
@given(which=st.integers(0, 58))
def test_one_spoiled_frame_never_gives_a_live_wrong_book(
    tmp_path_factory: pytest.TempPathFactory, market: str, fault: str, which: int
) -> None:
    made = small(market == "binance-usdm")
    path = write_lines(tmp_path_factory.mktemp("f") / "f", spoiled(made.lines, made.depth_at, fault, which))
    for number, levels in watched(path, market):
        assert as_numbers(levels) == as_numbers(made.books[number])


@cache
def cut_of(path: Path) -> tuple[list[Line], list[int], dict[int, tuple[float, float, int]]]:
    """The first lines of a real file, where its diffs are, and best bid, best ask, count of levels by number."""
    lines: list[Line] = []
    with gzip.open(path) as file:
        for text in islice(file, CUT_LINES):
            stamp, frame = text.split(b" ", 1)
            lines.append((int(stamp), frame.strip()))
    depth_at = [place for place, (_, frame) in enumerate(lines) if b'"depthUpdate"' in frame]
    (start,) = (json.loads(frame) for _, frame in lines if frame.startswith(b'{"lastUpdateId"'))
    sides = [{float(price): float(size) for price, size in start[name]} for name in ("bids", "asks")]
    truth = {start["lastUpdateId"]: _top(sides)}
    for place in depth_at:
        change = json.loads(lines[place][1])["data"]
        if change["u"] > start["lastUpdateId"]:
            for side, name in zip(sides, "ba", strict=True):
                for price, size in change[name]:
                    if float(size):
                        side[float(price)] = float(size)
                    else:
                        side.pop(float(price), None)
            truth[change["u"]] = _top(sides)
    return lines, depth_at, truth


def _top(sides: list[dict[float, float]]) -> tuple[float, float, int]:
    return max(sides[0]), min(sides[1]), len(sides[0]) + len(sides[1])


@pytest.mark.parametrize("market", ["spot", "usdm"])
@settings(max_examples=6)
@given(fault=st.sampled_from(FAULTS), share=st.floats(0, 1, exclude_max=True))
def test_one_spoiled_real_frame_never_gives_a_live_wrong_book(
    tmp_path_factory: pytest.TempPathFactory, shared: Path, market: str, fault: str, share: float
) -> None:
    lines, depth_at, truth = cut_of(shared / "recordings" / "binance_20240808" / market / "ethusdt_20240808.gz")
    which = int(share * (len(depth_at) - 1))
    path = write_lines(tmp_path_factory.mktemp("f") / "f", spoiled(lines, depth_at, fault, which))
    replay = Replay(open_place(parse_place(f"binance-{market}={path}"), ()))
    part, hub = replay.parts[0], replay.hub
    lived = 0
    for _ in replay.steps():
        if hub.state(0) == BookState.LIVE:
            lived += 1
            (bid, _), (ask, _) = (side[0] for side in hub.levels(0, 1))
            got = (float(bid * part.tick), float(ask * part.tick), sum(hub.sizes(0)))
            assert got == truth[hub.sequence(0)]
    assert lived or which < 60
