"""The Rust core does what the reference does, whatever it is fed."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.core.compare import Different, Twins, difference, shortest
from tests.core.generate import Command, World

SCALE = float(os.environ.get("ONEPRICE_DIFFERENTIAL", "1"))
COMMANDS = 25_000
SEEDS = range(max(1, round(40 * SCALE)))


def run(both: tuple[Any, Any], seed: int, count: int) -> int:
    """Commands that were compared. Fails with the shortest commands that show a difference."""
    world = World(seed)
    twins = Twins(both, world.config)
    given: list[Command] = []
    try:
        for command in world.setup:
            twins.do(command)
        for command in world.commands(count, twins.reference):
            given.append(command)
            twins.do(command)
        twins.look()
    except Different as error:
        few = shortest(both, world.config, world.setup, given[-3_000:])
        told = difference(both, world.config, world.setup, few)
        if not told:
            few = shortest(both, world.config, world.setup, given)
            told = difference(both, world.config, world.setup, few)
        lines = "\n".join(f"  {command!r}" for command in few)
        pytest.fail(f"seed {seed}, command {len(given)}: {error}\nshortest: {told}\n{lines}", pytrace=False)
    return len(given)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_cores_do_the_same(both: tuple[Any, Any], seed: int, record_property: Any) -> None:
    compared = run(both, seed, COMMANDS)
    record_property("commands", compared)
    assert compared == COMMANDS
