"""The fair price that every simulated venue shares, as a pure function of seed, coin and time.

Exchanges in different processes that are given the same `seed` and `t0_ns` follow the same path without
talking to each other. A coin's price walks in steps of 10 ms with occasional jumps; it is generated in
blocks of 10 s whose increments come from their own seeded generator, so a late start only adds up blocks.
Each venue sees the path with its own lag and premium: that is what makes spreads appear and vanish.

Floats are fine here: this is chance, not accounting. Agents round to whole ticks before they quote.
"""

import math
from random import Random
from typing import NamedTuple

STEP_NS = 10_000_000
BLOCK_NS = 10_000_000_000
MINUTE_NS = 60_000_000_000
_STEPS = BLOCK_NS // STEP_NS
_BPS = 1e-4
_BLOCKS_KEPT = 3
_PAST_NS_MAX = 3 * 1_440 * MINUTE_NS

LAG_S_MAX = 0.25
"""A venue sees the common price at most this much late."""

DISLOCATION_CHANCE = 0.22
"""Chance of a dislocation in one listing within 10 s; set so that demos see tens of episodes a minute."""


class CoinFacts(NamedTuple):
    """Start price in USDT and volatility in basis points per square root of a second."""

    start_usdt: float
    volatility_bps: float


COINS = {
    "USDT": CoinFacts(1.0, 0.0),
    "BTC": CoinFacts(64_000.0, 0.8),
    "ETH": CoinFacts(3_200.0, 1.0),
    "SOL": CoinFacts(150.0, 1.3),
    "XRP": CoinFacts(2.2, 1.3),
    "PEPE": CoinFacts(0.0000112, 1.6),
}


def coin_and_factor(base: str) -> tuple[str, int]:
    """The coin behind a base asset name and how many of it one unit is: 1000PEPE is 1000 PEPE."""
    for prefix, factor in (("1000000", 1_000_000), ("10000", 10_000), ("1000", 1_000), ("1M", 1_000_000)):
        if base.startswith(prefix) and len(base) > len(prefix):
            return base[len(prefix) :], factor
    return base, 1


class _Block(NamedTuple):
    increment: float
    volatility: float
    jumps: tuple[tuple[int, float], ...]
    random: Random


class PricePath:
    """Price of one coin in USDT over time. Cheap to ask forwards; the last blocks are kept."""

    def __init__(self, seed: int, coin: str, t0_ns: int) -> None:
        self.coin = coin
        self._seed = seed
        self._t0_ns = t0_ns
        facts = COINS.get(coin)
        if facts is None:
            # An unlisted coin still needs a price all processes agree on.
            facts = CoinFacts(round(Random(f"start:{coin}").uniform(0.5, 50.0), 2), 1.3)
        self._log_start = math.log(facts.start_usdt)
        self._volatility = facts.volatility_bps * _BPS
        self._bounds = [0.0]
        self._walks: dict[int, list[float]] = {}
        self._past = [0.0]
        self._past_random = Random(f"{seed}:past:{coin}")

    def at(self, ts_ns: int) -> float:
        """USDT price at a time; before `t0_ns` a coarse walk of minutes."""
        elapsed = ts_ns - self._t0_ns
        if self._volatility == 0.0:
            return math.exp(self._log_start)
        if elapsed < 0:
            return math.exp(self._log_start + self._before(-elapsed))
        index, within = divmod(elapsed, BLOCK_NS)
        walk = self._walks.get(index)
        if walk is None:
            walk = self._generate(index)
        return math.exp(self._log_start + walk[within // STEP_NS])

    def coarse(self, ts_ns: int) -> float:
        """Like `at` but only to the 10 s block: cheap for long histories."""
        elapsed = ts_ns - self._t0_ns
        if elapsed < 0:
            return self.at(ts_ns)
        return math.exp(self._log_start + self._bound(elapsed // BLOCK_NS))

    def _before(self, age_ns: int) -> float:
        """Log return at a time before t0; older than `_PAST_NS_MAX` it stays the same."""
        minute, within = divmod(min(age_ns, _PAST_NS_MAX), MINUTE_NS)
        while len(self._past) <= minute + 1:
            step = self._past_random.gauss(0.0, self._volatility * math.sqrt(60.0))
            self._past.append(self._past[-1] + step)
        share = within / MINUTE_NS
        return self._past[minute] * (1.0 - share) + self._past[minute + 1] * share

    def _draw(self, index: int) -> _Block:
        random = Random(f"{self._seed}:{self.coin}:{index}")
        volatility = self._volatility * random.choice((0.7, 0.7, 0.7, 1.0, 1.0, 1.8))
        increment = random.gauss(0.0, volatility * math.sqrt(BLOCK_NS / 1e9))
        jumps = []
        if random.random() < 0.2:
            size = random.choice((-1.0, 1.0)) * (6.0 + random.expovariate(1 / 7.0)) * _BPS
            jumps.append((random.randrange(_STEPS), max(-60 * _BPS, min(60 * _BPS, size))))
        return _Block(increment, volatility, tuple(jumps), random)

    def _bound(self, index: int) -> float:
        """Log return from t0 to the start of a block."""
        while len(self._bounds) <= index:
            block = self._draw(len(self._bounds) - 1)
            self._bounds.append(self._bounds[-1] + block.increment + sum(size for _, size in block.jumps))
        return self._bounds[index]

    def _generate(self, index: int) -> list[float]:
        """One block's steps: a Brownian bridge between its bounds, plus its jumps."""
        block = self._draw(index)
        start = self._bound(index)
        gauss, step = block.random.gauss, block.volatility * math.sqrt(STEP_NS / 1e9)
        walk, position = [], 0.0
        for _ in range(_STEPS):
            walk.append(position)
            position += gauss(0.0, step)
        correction = (block.increment - position) / _STEPS
        walk = [start + value + correction * number for number, value in enumerate(walk)]
        for at_step, size in block.jumps:
            for number in range(at_step, _STEPS):
                walk[number] += size
        self._walks[index] = walk
        for old in [number for number in self._walks if number < index - _BLOCKS_KEPT]:
            del self._walks[old]
        return walk


class Premium:
    """How far one venue's listing is from the common price, in basis points.

    A slow part of about one basis point, and dislocations: at random times the listing is pushed away by
    10-40 bps and comes back within seconds, as after a large local order.
    """

    def __init__(self, seed: int, name: str, t0_ns: int, slow_bps: float = 0.8) -> None:
        self._key = f"{seed}:premium:{name}"
        self._t0_ns = t0_ns
        random = Random(self._key)
        self._waves = [
            (random.uniform(0.4, 1.0) * slow_bps, random.uniform(*periods), random.uniform(0.0, math.tau))
            for periods in ((40.0, 120.0), (150.0, 500.0))
        ]
        self._events: dict[int, tuple[float, float, float] | None] = {}

    def at(self, ts_ns: int) -> float:
        """Premium in basis points at a time."""
        seconds = (ts_ns - self._t0_ns) / 1e9
        block = int(seconds // 10)
        return self.slow(ts_ns) + self._dislocation(block - 1, seconds) + self._dislocation(block, seconds)

    def slow(self, ts_ns: int) -> float:
        """The slow part alone."""
        seconds = (ts_ns - self._t0_ns) / 1e9
        return sum(size * math.sin(math.tau * seconds / period + phase) for size, period, phase in self._waves)

    def _dislocation(self, block: int, seconds: float) -> float:
        if block not in self._events:
            self._events[block] = self._draw(block)
            self._events.pop(block - 4, None)
        event = self._events[block]
        if event is None or seconds < event[0]:
            return 0.0
        start, size, decay = event
        return size * math.exp(-(seconds - start) / decay)

    def _draw(self, block: int) -> tuple[float, float, float] | None:
        random = Random(f"{self._key}:{block}")
        if random.random() > DISLOCATION_CHANCE:
            return None
        size = random.choice((-1.0, 1.0)) * min(45.0, 12.0 + random.expovariate(1 / 8.0))
        return block * 10.0 + random.random() * 10.0, size, random.uniform(0.4, 2.2)


class Paths:
    """The price paths of one simulation, one per coin."""

    def __init__(self, seed: int, t0_ns: int) -> None:
        self.seed = seed
        self.t0_ns = t0_ns
        self._paths: dict[str, PricePath] = {}

    def of(self, coin: str) -> PricePath:
        """The path of a coin."""
        if coin not in self._paths:
            self._paths[coin] = PricePath(self.seed, coin, self.t0_ns)
        return self._paths[coin]


class FairPrice:
    """The fair price of one listing at one venue: quote units per base unit."""

    def __init__(
        self,
        paths: "Paths",
        venue: str,
        market: str,
        base: str,
        quote: str,
        perpetual: bool,
    ) -> None:
        coin, self._factor = coin_and_factor(base)
        seed, t0_ns = paths.seed, paths.t0_ns
        self._base, self._quote = paths.of(coin), paths.of(quote)
        self._lag_ns = int(Random(f"{seed}:lag:{venue}:{market}").uniform(0.0, LAG_S_MAX) * 1e9)
        self._premium = Premium(seed, f"{venue}:{market}:{base}/{quote}", t0_ns)
        self._basis = Premium(seed, f"basis:{coin}", t0_ns, slow_bps=1.5) if perpetual else None

    def at(self, ts_ns: int) -> float:
        """What this venue's makers quote around."""
        seen_ns = ts_ns - self._lag_ns
        bps = self._premium.at(ts_ns) + self.basis_bps(ts_ns)
        return self._base.at(seen_ns) * self._factor / self._quote.at(seen_ns) * (1.0 + bps * _BPS)

    def index(self, ts_ns: int) -> float:
        """The common price without lag, premium or basis."""
        return self._base.at(ts_ns) * self._factor / self._quote.at(ts_ns)

    def coarse(self, ts_ns: int) -> float:
        """The common price to the nearest 10 s block, for history."""
        return self._base.coarse(ts_ns) * self._factor / self._quote.coarse(ts_ns)

    def basis_bps(self, ts_ns: int) -> float:
        """Perpetual above index in basis points, 0 for spot."""
        return self._basis.slow(ts_ns) if self._basis is not None else 0.0

    def quote_in_usdt(self, ts_ns: int) -> float:
        """What one unit of the quote is worth in USDT."""
        return self._quote.at(ts_ns)

    def funding_rate(self, ts_ns: int) -> float:
        """Estimated rate per funding interval as a fraction: 1 bp of interest and a share of the basis."""
        return (1.0 + 0.5 * self.basis_bps(ts_ns)) * _BPS
