"""Two hubs that get the same commands and must show the same, and the shortest way to a difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from oneprice.core.states import Flag

Command = tuple[Any, ...]
LOOK_EVERY = 128
LOST = int(Flag.STATE | Flag.MALFORMED)


class Different(AssertionError):
    """The cores do not agree."""


class Twins:
    """A reference hub and another one. `do` gives both the same command and holds the outcomes together."""

    def __init__(self, classes: tuple[Any, Any], config: bytes) -> None:
        self.reference, self.other = (hub(config) for hub in classes)
        self.listings = 0
        self.done = 0

    def do(self, command: Command) -> None:
        """One command to both. Raises Different."""
        name, *args = command
        left, right = outcome(self.reference, name, args), outcome(self.other, name, args)
        same("the result", left, right)
        self.listings += name == "add_listing"
        self.done += 1
        for listing in self._touched(name, args, left):
            same(f"listing_hash({listing})", self.reference.listing_hash(listing), self.other.listing_hash(listing))
        if self.done % LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """All that can be seen of both. Raises Different."""
        for listing in range(self.listings):
            for name in ("listing_hash", "state", "reason", "top", "quote", "times", "sequence", "sizes", "counts"):
                self._ask(name, listing)
            self._ask("levels", listing, 3)
        for name in ("events", "opportunities"):
            self._ask(name)
        self._ask("near", 10)
        same("events_lost", self.reference.events_lost, self.other.events_lost)

    def _ask(self, name: str, *args: Any) -> None:
        same(f"{name}{args}", getattr(self.reference, name)(*args), getattr(self.other, name)(*args))

    def _touched(self, name: str, args: Sequence[Any], flags: Any) -> Sequence[int]:
        if name == "on_frame":
            number = self.reference.listing_of_frame
            same("listing_of_frame", number, self.other.listing_of_frame)
            same("message_of_frame", self.reference.message_of_frame, self.other.message_of_frame)
            if number >= 0:
                return (number,)
            return range(self.listings) if flags & LOST else ()
        if name in ("on_snapshot", "begin_sync", "lose", "set_halted"):
            return (args[0],)
        return range(self.listings) if name in ("tick", "stream_down") else ()


def outcome(hub: Any, name: str, args: Sequence[Any]) -> Any:
    """What a call gives. Raises Different when it raises what no command of ours may."""
    try:
        return getattr(hub, name)(*args)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Different(f"{type(hub).__module__}.{name} raised {error!r}") from error


def same(what: str, left: Any, right: Any) -> None:
    """Raises Different unless both are equal, floats to 1e-9."""
    if left != right and not close(left, right):
        raise Different(f"{what}: the reference says {left!r}, the other core {right!r}")


def close(left: Any, right: Any) -> bool:
    """Equal, but for the last digits of floats."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9) or math.isnan(left) and math.isnan(right)
    if isinstance(left, (list, tuple)) and type(left) is type(right):
        return len(left) == len(right) and all(map(close, left, right))
    return bool(left == right)


def difference(classes: tuple[Any, Any], config: bytes, setup: Sequence[Command], commands: Sequence[Command]) -> str:
    """What the cores disagree about after these commands; "" when they agree."""
    twins = Twins(classes, config)
    try:
        for command in (*setup, *commands):
            twins.do(command)
        twins.look()
    except Different as error:
        return str(error)
    return ""


def shortest(
    classes: tuple[Any, Any],
    config: bytes,
    setup: Sequence[Command],
    commands: Sequence[Command],
    tries_max: int = 3_000,
) -> list[Command]:
    """Commands left when all are left out that the difference does not need."""
    left = list(commands)
    step = max(1, len(left) // 2)
    tries = 0
    while tries < tries_max:
        at, before = 0, len(left)
        while at < len(left) and tries < tries_max:
            tries += 1
            without = left[:at] + left[at + step :]
            if difference(classes, config, setup, without):
                left = without
            else:
                at += step
        if step == 1 and len(left) == before:
            break
        step = max(1, step // 2)
    return left
