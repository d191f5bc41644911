"""What a replay found: opportunities as the hub sized them, and why what came near was none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import msgspec

from oneprice.core import Hub
from oneprice.core.scan import CYCLE, PAIR
from oneprice.core.specs import ATTO, ListingSpec
from oneprice.core.states import BookState, Miss, Reason
from oneprice.market.words import MISSES, REASONS, STATES
from oneprice.research.cast import Part
from oneprice.research.spreads import Direction

NEAR_MAX = 10_000
MS = 1_000_000

Key = tuple[int, int, int]


class Leg(NamedTuple):
    """As the hub gives it."""

    listing: int
    side: int
    limit_ticks: int
    lots: int
    value: int


class Sized(NamedTuple):
    """As the hub gives it."""

    legs: tuple[Leg, ...]
    gross_bps: float
    net_bps: float
    net_atto: int


class Standing(NamedTuple):
    """As the hub gives it."""

    key: Key
    opened_ns: int
    updated_ns: int
    updates: int
    sized: Sized
    best: Sized


class Near(NamedTuple):
    """As the hub gives it."""

    key: Key
    gross_bps: float
    net_bps: float
    miss: int
    listing: int


@dataclass
class Seen:
    """All opportunities of one pair or cycle. `best`: the one with the highest net amount."""

    count: int
    total_ns: int
    longest_ns: int
    best: Standing


class Findings:
    """Listens to the hub's events. `seen` by the hub's key."""

    def __init__(self, hub: Hub, parts: Sequence[Part], specs: Sequence[ListingSpec]) -> None:
        self.seen: dict[Key, Seen] = {}
        self.cycles: list[Sequence[tuple[int, int]]] = []
        self._hub, self._parts, self._specs = hub, parts, specs
        self._open: set[Key] = set()
        self._reasons: dict[tuple[int, int], Counter[str]] = {}

    def drain(self) -> None:
        """Take in the hub's events."""
        for event in self._hub.events():
            if event[0] == "opened":
                self._open.add(msgspec.convert(event[2], Standing).key)
            elif event[0] == "closed":
                standing = msgspec.convert(event[2], Standing)
                self._open.discard(standing.key)
                self._note(standing)

    def finish(self, now_ns: int) -> None:
        """The recording is over: what still stands, stood until now."""
        self.drain()
        for told in self._hub.opportunities():
            self._note(msgspec.convert(told, Standing)._replace(updated_ns=now_ns))

    def on_rise(self, direction: Direction) -> None:
        """A direction rose above its fees: if it is no opportunity, remember what was in the way."""
        pair = (direction.buy, direction.sell)
        if (PAIR, *pair) not in self._open:
            self._reasons.setdefault(pair, Counter())[self._in_the_way(*pair)] += 1

    def reasons(self, buy: int, sell: int) -> list[tuple[str, int]]:
        """What was in the way how often when the direction rose above its fees, most often first."""
        return self._reasons.get((buy, sell), Counter()).most_common()

    def quantity(self, leg: Leg) -> Decimal:
        """A leg's quantity in base coins."""
        return Decimal(leg.lots * self._specs[leg.listing].lot_base_atto) / ATTO

    def limit(self, leg: Leg) -> Decimal:
        """A leg's limit price."""
        return leg.limit_ticks * self._parts[leg.listing].tick

    # ------------------------------------------------------------------ inside

    def _note(self, standing: Standing) -> None:
        lasted_ns = standing.updated_ns - standing.opened_ns
        seen = self.seen.get(standing.key)
        if seen is None:
            self.seen[standing.key] = Seen(1, lasted_ns, lasted_ns, standing)
            return
        seen.count += 1
        seen.total_ns += lasted_ns
        seen.longest_ns = max(seen.longest_ns, lasted_ns)
        if standing.best.net_atto > seen.best.best.net_atto:
            seen.best = standing

    def _in_the_way(self, buy: int, sell: int) -> str:
        for number in (buy, sell):
            part = self._parts[number]
            if not part.group:
                return f"the contract size of {part.name} is not known, so that no size can be worked out"
        for number in (buy, sell):
            state = BookState(self._hub.state(number))
            if state is not BookState.LIVE:
                return f"{self._parts[number].name} was {_not_live(state, Reason(self._hub.reason(number)))}"
        for told in self._hub.near(NEAR_MAX):
            near = msgspec.convert(told, Near)
            if near.key == (PAIR, buy, sell) and near.miss != Miss.FEES:
                return f"{MISSES[Miss(near.miss)]}, at {self._parts[near.listing].name}"
        return "after both legs' fees nothing was left"


def _not_live(state: BookState, reason: Reason) -> str:
    told = REASONS[reason]
    return f"{STATES[state]} ({told})" if told else STATES[state]


__all__ = ["CYCLE", "Findings", "Leg", "Seen", "Sized", "Standing"]
