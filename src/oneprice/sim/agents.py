"""Seeded traders of one simulated listing: a market maker's ladder, noise takers and occasional sweeps.

Their actions happen at drawn times, not at the times somebody calls `step`: the same seed and start give the
same orders with the same time stamps however coarsely the simulation is driven.
"""

import math
from collections.abc import Callable
from random import Random
from typing import Protocol

import msgspec

from oneprice.sim.engine import Engine, PlaceStatus, Side, TimeInForce

_BPS = 1e-4
_NEAR_LEVELS = 7
_PHASES = 4
_SWEEP_BPS = 2.0
_MAKER = "maker"
_TAKER = "taker"


class OrderFlow(Protocol):
    """What drives a listing's book: agents, or a recording."""

    def start(self, now_ns: int) -> None:
        """Fill the empty book as of `now_ns`."""
        ...

    def step(self, now_ns: int) -> None:
        """Do everything that is due up to `now_ns`."""
        ...


class Temper(msgspec.Struct, frozen=True):
    """How busy and how deep the agents are. Rates are per second, distances in basis points."""

    levels: int = 40
    half_spread_bps: float = 0.4
    first_gap_bps: float = 0.5
    gap_growth: float = 1.06
    requotes_per_s: float = 5.0
    resizes_per_requote: int = 1
    takers_per_s: float = 0.8
    sweeps_per_s: float = 0.03
    top_notional_usdt: float = 900.0

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= 500:
            raise ValueError(f"levels must be 1..500, got {self.levels}")


class _Slot:
    """One rung of the ladder on one side."""

    __slots__ = ("distance_bps", "number", "order_id", "price_ticks", "side")

    def __init__(self, side: Side, number: int, distance_bps: float) -> None:
        self.side = side
        self.number = number
        self.distance_bps = distance_bps
        self.order_id = 0
        self.price_ticks = 0


class MarketAgents:
    """Agents around `fair_ticks(ts_ns)`, a float price in ticks; `lot_usdt(ts_ns)` is one lot's worth."""

    def __init__(
        self,
        engine: Engine,
        fair_ticks: Callable[[int], float],
        lot_usdt: Callable[[int], float],
        minimum_lots: int,
        seed: str,
        temper: Temper | None = None,
    ) -> None:
        self._engine = engine
        self._fair_ticks = fair_ticks
        self._lot_usdt = lot_usdt
        self._minimum_lots = max(1, minimum_lots)
        self._temper = temper if temper is not None else Temper()
        self._random = Random(seed)
        self._slots = self._ladder()
        self._near = [slot for slot in self._slots if slot.number <= _NEAR_LEVELS]
        deep = [slot for slot in self._slots if slot.number > _NEAR_LEVELS]
        self._shifts = [self._near + deep[phase::_PHASES] for phase in range(_PHASES)]
        self._swept_at = 0.0
        self._lot_worth = 1.0
        self._actions: tuple[tuple[float, Callable[[int], None]], ...] = (
            (self._temper.requotes_per_s, self._make),
            (self._temper.takers_per_s, self._take),
            (self._temper.sweeps_per_s, self._sweep),
        )
        self._due: list[int] = []
        self._next_ns = 0

    def start(self, now_ns: int) -> None:
        """Quote the whole ladder and draw the first action times."""
        self._requote(now_ns, 0)
        self._due = [now_ns + self._wait(number) for number in range(len(self._actions))]
        self._next_ns = min(self._due)

    def step(self, now_ns: int) -> None:
        """Do the actions that are due, in the order of their times."""
        while self._next_ns <= now_ns:
            number = self._due.index(self._next_ns)
            self._actions[number][1](self._next_ns)
            self._due[number] += self._wait(number)
            self._next_ns = min(self._due)

    def _wait(self, number: int) -> int:
        return 1 + int(self._random.expovariate(self._actions[number][0]) * 1e9)

    def _ladder(self) -> list[_Slot]:
        slots, distance, gap = [], self._temper.half_spread_bps, self._temper.first_gap_bps
        for number in range(self._temper.levels):
            slots += [_Slot(Side.BUY, number, distance), _Slot(Side.SELL, number, distance)]
            distance += gap * self._random.uniform(0.6, 1.4)
            gap *= self._temper.gap_growth
        return slots

    # ---- the maker ------------------------------------------------------------------------------------

    def _make(self, ts_ns: int) -> None:
        self._requote(ts_ns, self._random.randrange(_PHASES))
        for _ in range(self._temper.resizes_per_requote):
            slot = self._random.choice(self._slots)
            if slot.order_id:
                self._engine.resize(slot.order_id, self._size(slot), ts_ns)

    def _requote(self, ts_ns: int, phase: int) -> None:
        """Move the rungs that are out of place: those near the top each time, further out in turns.

        When the price has run away from where all were last looked at, all are, lest they be picked off.
        """
        self._lot_worth = self._lot_usdt(ts_ns)
        fair = self._fair_ticks(ts_ns)
        slots = self._shifts[phase]
        if abs(fair - self._swept_at) > fair * _SWEEP_BPS * _BPS:
            slots, self._swept_at = self._slots, fair
        moves = []
        order = self._engine.order
        for slot in slots:
            offset = max(fair * slot.distance_bps * _BPS, slot.number + 0.3)
            target = math.floor(fair - offset) if slot.side is Side.BUY else math.ceil(fair + offset)
            tolerance = max(1.0, fair * (0.25 * slot.distance_bps + 0.25) * _BPS)
            if abs(slot.price_ticks - target) > tolerance or order(slot.order_id) is None:
                moves.append((slot, max(1, target)))
        for slot, _ in moves:
            if slot.order_id:
                self._engine.cancel(slot.order_id, ts_ns)
                slot.order_id = 0
        for slot, target in moves:
            placed = self._engine.place(_MAKER, slot.side, self._size(slot), target, TimeInForce.POST_ONLY, ts_ns)
            if placed.status is PlaceStatus.RESTING:
                slot.order_id, slot.price_ticks = placed.order_id, target

    def _size(self, slot: _Slot) -> int:
        middle = self._temper.top_notional_usdt * (1.0 + 0.15 * slot.number)
        worth = min(5.0 * middle, max(150.0, middle * self._random.lognormvariate(0.0, 0.8)))
        return max(self._minimum_lots, int(worth / self._lot_worth))

    # ---- the takers -----------------------------------------------------------------------------------

    def _take(self, ts_ns: int) -> None:
        """A small order at the touch; takers lean towards the fair price."""
        worth = min(20_000.0, 250.0 * self._random.lognormvariate(0.0, 1.0))
        self._cross(ts_ns, worth, reach_bps=5.0)

    def _sweep(self, ts_ns: int) -> None:
        """A large order that eats several levels."""
        self._cross(ts_ns, self._random.uniform(8_000.0, 40_000.0), reach_bps=8.0)

    def _cross(self, ts_ns: int, worth_usdt: float, reach_bps: float) -> None:
        bid, ask = self._engine.best(Side.BUY), self._engine.best(Side.SELL)
        if bid is None or ask is None:
            return
        leans_up = self._fair_ticks(ts_ns) > (bid + ask) / 2
        up = leans_up if self._random.random() < 0.65 else not leans_up
        lots = max(self._minimum_lots, int(worth_usdt / self._lot_worth))
        if up:
            side, limit = Side.BUY, math.floor(ask * (1.0 + reach_bps * _BPS))
        else:
            side, limit = Side.SELL, max(1, math.ceil(bid * (1.0 - reach_bps * _BPS)))
        self._engine.place(_TAKER, side, lots, limit, TimeInForce.IOC, ts_ns)
