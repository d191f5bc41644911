"""The Rust core does what the reference does, whatever it is fed.

`ONEPRICE_DIFFERENTIAL=n` runs n times as much (0.1 for a tenth).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.core.compare import Command, Different, Twins, difference, shortest
from tests.core.dialects import Dialect
from tests.core.generate import DIALECTS, Venue, World

from oneprice.core.describe import encode
from oneprice.core.specs import ListingSpec

SCALE = float(os.environ.get("ONEPRICE_DIFFERENTIAL", "1"))
COMMANDS = 25_000
SEEDS = range(max(1, round(38 * SCALE)))
PLACES_MAX = 8_500  # frames of `places` per dialect
BYTES = b'0195.-+eE"[]{},:\\ \x00\x7f\x80\xff\x08\x12a'


def run(
    both: tuple[Any, Any], config: bytes, setup: list[Command], commands: Iterator[Command], twins: Twins, note: Any
) -> int:
    """How many commands were compared. Fails with the fewest commands that show a difference."""
    given: list[Command] = []
    try:
        for command in setup:
            twins.do(command)
        for command in commands:
            given.append(command)
            twins.do(command)
        twins.look()
    except Different as error:
        for tail in (given[-3_000:], given):
            few = shortest(both, config, setup, tail)
            told = difference(both, config, setup, few)
            if told:
                break
        lines = "\n".join(f"  {command!r}" for command in few)
        pytest.fail(f"command {len(given)}: {error}\nshortest: {told}\n{lines}", pytrace=False)
    note("commands", len(given))
    return len(given)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_cores_do_the_same(both: tuple[Any, Any], seed: int, record_property: Any) -> None:
    world = World(seed)
    twins = Twins(both, world.config)
    compared = run(both, world.config, world.setup, world.commands(COMMANDS, twins.reference), twins, record_property)
    assert compared == COMMANDS


# ---------------------------------------------------------------------- every place of a frame


SPEC = ListingSpec(
    key="x",
    price_decimals=2,
    price_unit=1,
    quantity_decimals=3,
    quantity_unit=1,
    lot_base_atto=10**15,
    value_unit_atto=10**13,
    price_factor=0.01,
)


def places(frame: bytes) -> Iterator[bytes]:
    """The frame cut at every place, and with every byte left out, doubled, and replaced by each of some."""
    yield frame
    for at in range(len(frame)):
        before, after = frame[:at], frame[at + 1 :]
        yield before
        yield before + after
        yield frame[: at + 1] + frame[at:]
        for byte in BYTES:
            yield before + bytes((byte,)) + after


def spoilt_everywhere(dialect: Dialect, seed: int) -> Iterator[Command]:
    """Frames of every kind cut at every place and spoilt at a third of them, and the snapshots that heal the book."""
    rng = random.Random(seed)
    venue = Venue(rng, dialect, "A", SPEC, 10_000)
    kinds = [
        lambda: dialect.depth(venue.step()),
        lambda: dialect.quote(venue.best()),
        lambda: dialect.trades(venue.deals()),
        lambda: dialect.depth(venue.whole()),
    ]
    now_ns = 1_000
    for turn in range(12):
        whole = kinds[turn % 4]()
        for frame in places(whole):
            if not whole.startswith(frame) and rng.random() < 0.67:
                continue
            now_ns += 1
            yield ("on_frame", 0, frame, now_ns)
            if rng.random() < 0.2:
                venue.sequence += 1
                yield ("on_snapshot", 0, 0, dialect.body(venue.whole()), now_ns)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_both_cores_refuse_and_accept_the_same_at_every_place_of_a_frame(
    both: tuple[Any, Any], dialect: Dialect, record_property: Any
) -> None:
    setup: list[Command] = [
        ("add_snapshot", encode(dialect.snapshot)),
        ("add_stream", encode(dialect.stream)),
        *(("add_listing", msgspec.json.encode(SPEC)) for _ in "AB"),
        *(
            ("bind", 0, message.name, "AB"[listing], listing)
            for message in dialect.stream.messages
            for listing in (0, 1)
        ),
    ]
    commands = (command for _, command in zip(range(PLACES_MAX), spoilt_everywhere(dialect, 1), strict=False))
    compared = run(both, b"{}", setup, commands, Twins(both, b"{}"), record_property)
    assert compared == PLACES_MAX
