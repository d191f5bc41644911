"""Frames that a benchmark makes itself: one seeded market, told in Binance spot's combined form.

The mix is that of recorded frames (13,428 depth frames of spot and perpetual BTC and ETH, 2024-08-08): a depth frame
has 50 levels in the mean and 20 in the median, 48 % of them updates, 24 % inserts, 23 % deletes, 5 % deletes of what
is not there; of all frames 16 % are depth, 61 % best bid and ask, 23 % trades. Every best bid and ask is the true one
of its number, so book and quotes can be held against each other. In a `circle` the last depth frame leads back to the
book of the snapshot, so that the frames can be sent again and again when all numbers are raised by `span` each time.
"""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from decimal import Decimal
from math import exp, log
from typing import Literal

Kind = Literal["depth", "quote", "trade"]

FIRST_ID = 100_000_000_000
START_MS = 1_723_161_255_708
BOOK_LEVELS = 1_000
LEVELS_MEDIAN, LEVELS_SPREAD, LEVELS_MAX = 20.0, 1.43, 900  # log-normal: mean 50
QUOTES_PER_DEPTH, TRADES_PER_DEPTH = 61 / 16, 23 / 16
TOP_TICKS = 6_183_763
TICK_DECIMALS, LOT_DECIMALS = 2, 5
TICK, LOT = Decimal(1).scaleb(-TICK_DECIMALS), Decimal(1).scaleb(-LOT_DECIMALS)
DRIFT_TICKS_MAX = 600  # 1 bps


@dataclass
class Frame:
    """One frame as the socket gives it."""

    kind: Kind
    payload: bytes


@dataclass
class Market:
    """All frames of one listing in order, and the book they start from."""

    symbol: str
    snapshot: bytes
    frames: list[Frame]
    span: int
    mix: dict[str, int] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[bytes]:
        """Payloads of one kind."""
        return [frame.payload for frame in self.frames if frame.kind == kind]


def generate(symbol: str, depth_frames: int, seed: int = 7, *, circle: bool = False) -> Market:
    """A market with so many depth frames, and quotes and trades between them. `circle`: the last one leads back."""
    return _Generator(symbol, random.Random(seed)).run(depth_frames, circle)


class _Side:
    """Levels of one side, with ranks: `ticks` is sorted, the best one last. Asks have negative ticks here."""

    def __init__(self, sign: int, chance: random.Random) -> None:
        self.sign, self.chance = sign, chance
        self.lots: dict[int, int] = {}
        self.ticks: list[int] = []
        tick = sign * TOP_TICKS - (1 if sign < 0 else 0)
        for _ in range(BOOK_LEVELS):
            self.set(tick, self.some_lots())
            tick -= 1 + int(chance.expovariate(1 / 5))

    def some_lots(self) -> int:
        return 1 + int(self.chance.lognormvariate(9, 2)) % 2_000_000

    def set(self, tick: int, lots: int) -> None:
        known = tick in self.lots
        if lots:
            self.lots[tick] = lots
            if not known:
                insort(self.ticks, tick)
        elif known:
            del self.lots[tick]
            del self.ticks[bisect_left(self.ticks, tick)]

    @property
    def best(self) -> int:
        return self.ticks[-1]

    def deep(self) -> int:
        """A level behind the best one, near ones more often."""
        return self.ticks[-2 - min(int(self.chance.expovariate(1 / 120)), len(self.ticks) - 2)]

    def free(self) -> int:
        """A tick behind the best one without a level."""
        while True:
            tick = self.best - 1 - int(self.chance.expovariate(1 / 1_500))
            if tick not in self.lots:
                return tick

    def written(self, tick: int) -> str:
        return f'["{_price(tick * self.sign)}","{_quantity(self.lots.get(tick, 0))}"]'


class _Generator:
    def __init__(self, symbol: str, chance: random.Random) -> None:
        self.symbol, self.chance = symbol, chance
        self.bids, self.asks = _Side(1, chance), _Side(-1, chance)
        self.start = {1: dict(self.bids.lots), -1: dict(self.asks.lots)}
        self.id = FIRST_ID
        self.ms = START_MS
        self.trade_id = FIRST_ID // 10
        self.told = FIRST_ID
        self.changed: dict[int, dict[int, bool]] = {1: {}, -1: {}}  # by sign: ticks, and whether a level was there
        self.frames: list[Frame] = []
        self.mix = {"update": 0, "insert": 0, "delete": 0, "absent": 0}

    def run(self, depth_frames: int, circle: bool) -> Market:
        snapshot = self._snapshot()
        for _ in range(depth_frames - circle):
            self._interval()
        if circle:
            self._return()
        return Market(self.symbol, snapshot, self.frames, self.id - FIRST_ID, self.mix)

    def _interval(self) -> None:
        """What happens between two depth frames, then the depth frame."""
        chance = self.chance
        levels = int(min(LEVELS_MAX, max(1.0, exp(chance.gauss(log(LEVELS_MEDIAN), LEVELS_SPREAD)))))
        tops = _about(chance, QUOTES_PER_DEPTH)
        trades = _about(chance, TRADES_PER_DEPTH)
        events = ["deep"] * max(0, levels - tops) + ["top"] * tops + ["trade"] * trades
        chance.shuffle(events)
        for event in events:
            side = chance.choice((self.bids, self.asks))
            if event == "deep":
                self._deep(side)
            elif event == "top":
                self._top(side)
            else:
                self._trade(side)
        if any(self.changed.values()):
            self._tell_depth()

    def _deep(self, side: _Side) -> None:
        draw = self.chance.random()
        full = len(side.ticks) > BOOK_LEVELS
        if draw < 0.55:
            self._set(side, side.deep(), side.some_lots())
        elif draw < 0.55 + (0.19 if full else 0.23):
            self._set(side, side.free(), side.some_lots())
        elif draw < 0.965:
            self._set(side, side.deep(), 0)
        else:
            self._set(side, side.free(), 0)

    def _top(self, side: _Side) -> None:
        """The best level changes: its quantity, or it goes, or a better one comes. The spread stays near a tick."""
        other = self.asks if side is self.bids else self.bids
        spread = -(side.best + other.best)
        drift = (side.best * side.sign - TOP_TICKS) * side.sign
        draw = self.chance.random()
        if draw < 0.5:
            self._set(side, side.best, side.some_lots())
        elif spread > 1 and drift < DRIFT_TICKS_MAX and (draw < 0.75 or spread > 20):
            self._set(side, side.best + self.chance.randint(1, min(spread - 1, 10)), side.some_lots())
        elif spread < 20 and drift > -DRIFT_TICKS_MAX:
            self._set(side, side.best, 0)
        else:
            self._set(side, side.best, side.some_lots())
        self._tell_quote()

    def _set(self, side: _Side, tick: int, lots: int) -> None:
        self.id += 1
        self.changed[side.sign].setdefault(tick, tick in side.lots)
        side.set(tick, lots)

    def _tell_quote(self) -> None:
        bid, ask = self.bids.best, self.asks.best
        self._tell(
            "quote",
            "bookTicker",
            f'{{"u":{self.id},"s":"{self.symbol}",'
            f'"b":"{_price(bid)}","B":"{_quantity(self.bids.lots[bid])}",'
            f'"a":"{_price(-ask)}","A":"{_quantity(self.asks.lots[ask])}"}}',
        )

    def _trade(self, side: _Side) -> None:
        self.ms += 1
        self.trade_id += 1
        maker = "true" if side is self.bids else "false"
        lots = min(side.lots[side.best], side.some_lots())
        self._tell(
            "trade",
            "trade",
            f'{{"e":"trade","E":{self.ms},"s":"{self.symbol}","t":{self.trade_id},"p":"{_price(abs(side.best))}",'
            f'"q":"{_quantity(lots)}","T":{self.ms - 2},"m":{maker},"M":true}}',
        )

    def _tell_depth(self) -> None:
        self.ms += 100
        sides = []
        for side in (self.bids, self.asks):
            changed = self.changed[side.sign]
            for tick, was in changed.items():
                self.mix[("absent", "insert", "delete", "update")[2 * was + (tick in side.lots)]] += 1
            sides.append(",".join(side.written(tick) for tick in sorted(changed, reverse=True)))
            self.changed[side.sign] = {}
        self._tell(
            "depth",
            "depth@100ms",
            f'{{"e":"depthUpdate","E":{self.ms},"s":"{self.symbol}","U":{self.told + 1},"u":{self.id},'
            f'"b":[{sides[0]}],"a":[{sides[1]}]}}',
        )
        self.told = self.id

    def _return(self) -> None:
        """Back to the first book in one change."""
        for side in (self.bids, self.asks):
            for tick in side.lots.keys() | self.start[side.sign].keys():
                lots = self.start[side.sign].get(tick, 0)
                if side.lots.get(tick, 0) != lots:
                    self._set(side, tick, lots)
        self._tell_quote()
        self._tell_depth()

    def _tell(self, kind: Kind, channel: str, data: str) -> None:
        self.frames.append(Frame(kind, f'{{"stream":"{self.symbol.lower()}@{channel}","data":{data}}}'.encode()))

    def _snapshot(self) -> bytes:
        bids, asks = (",".join(side.written(tick) for tick in reversed(side.ticks)) for side in (self.bids, self.asks))
        return f'{{"lastUpdateId":{self.id},"bids":[{bids}],"asks":[{asks}]}}'.encode()


def _about(chance: random.Random, mean: float) -> int:
    """A whole number, geometric, with this mean."""
    return int(log(1.0 - chance.random()) / log(mean / (1.0 + mean)))


def _price(ticks: int) -> str:
    whole, part = divmod(ticks, 10**TICK_DECIMALS)
    return f"{whole}.{part:0{TICK_DECIMALS}d}000000"


def _quantity(lots: int) -> str:
    whole, part = divmod(lots, 10**LOT_DECIMALS)
    return f"{whole}.{part:0{LOT_DECIMALS}d}000"
