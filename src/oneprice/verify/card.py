"""What a card is: one numbered statement about a venue's market, and how it is tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, NoReturn

import msgspec

if TYPE_CHECKING:
    from oneprice.verify.bench import Bench

Run = Callable[["Bench"], Awaitable[str]]


class Area(str, Enum):
    """What a card is about; the first figure of its number."""

    PUBLIC_REST = "public REST"
    STREAMS = "streams"
    PRIVATE_REST = "private REST"
    PRIVATE_STREAMS = "private streams"
    ERRORS = "errors"
    LIMITS = "limits"
    RECONNECTION = "reconnection"
    QUALITY = "data quality"
    LATENCY = "latency"


AREAS = dict(enumerate(Area, start=1))
"""By hundred: card 304 is about private REST."""


class Need(Enum):
    """What a card cannot do without; where it is missing the card is skipped, and says so."""

    KEY = "an API key"
    TRADE = "leave to trade (--trade with a cap; simulated exchanges always have it)"
    FAULTS = "a simulated exchange, whose faults can be switched on"
    PERPETUAL = "a market of perpetuals"
    SPOT = "a spot market"


class Verdict(str, Enum):
    """What became of a card."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"


class Failed(Exception):
    """The statement does not hold; the message says what was seen instead."""


class Skipped(Exception):
    """The card cannot be tried here; the message says why."""


class Card(msgspec.Struct, frozen=True):
    """`title`: the statement. `does`: how it is tried. `run` gives what was seen, or raises Failed or Skipped."""

    number: int
    title: str
    does: str
    needs: frozenset[Need]
    run: Run

    @property
    def area(self) -> Area:
        """By its number."""
        return AREAS[self.number // 100]


class CardResult(msgspec.Struct, frozen=True, kw_only=True):
    """One card tried on one market. `saw`: what was seen, or why it was skipped."""

    number: int
    title: str
    area: Area
    verdict: Verdict
    did: str
    saw: str
    seconds: float


def card(number: int, title: str, *needs: Need) -> Callable[[Run], Card]:
    """Makes a card of a function: its docstring says what it does."""

    def make(run: Run) -> Card:
        does = " ".join((run.__doc__ or "").split())
        assert does, f"card {number} does not say what it does"
        return Card(number, title, does, frozenset(needs), run)

    return make


def expect(holds: bool, saw: str) -> None:
    """Raises Failed with what was seen unless it holds."""
    if not holds:
        raise Failed(saw)


def skip(reason: str) -> NoReturn:
    """This card cannot be tried here."""
    raise Skipped(reason)
