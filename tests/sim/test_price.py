"""The common price: the same for everyone, whatever order it is asked in."""

import time
from itertools import pairwise

import pytest

from oneprice.sim.price import BLOCK_NS, STEP_NS, FairPrice, Paths, Premium, PricePath, coin_and_factor

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def test_path_depends_on_seed_coin_and_time_only() -> None:
    times = [T0 + number * 1_700_000_000 for number in range(40)]
    forwards = PricePath(7, "BTC", T0)
    late = PricePath(7, "BTC", T0)
    prices = [forwards.at(ts) for ts in times]
    assert late.at(times[-1]) == prices[-1]
    assert [late.at(ts) for ts in times] == prices
    assert PricePath(8, "BTC", T0).at(times[-1]) != prices[-1]
    assert PricePath(7, "ETH", T0).at(times[-1]) != prices[-1]


def test_path_is_continuous_over_block_bounds_but_for_its_jumps() -> None:
    path = PricePath(3, "BTC", T0)
    steps = [path.at(T0 + number * STEP_NS) for number in range(12 * BLOCK_NS // STEP_NS)]
    moves = [abs(after / before - 1.0) for before, after in pairwise(steps)]
    jumps = [move for move in moves if move > 5e-4]
    assert len(jumps) <= 12
    assert max(moves) < 61e-4


def test_history_before_the_start_meets_the_path_at_the_start() -> None:
    path = PricePath(3, "ETH", T0)
    assert path.at(T0 - 1) == pytest.approx(path.at(T0), rel=1e-6)
    assert path.at(T0 - 3_600 * SECOND) != path.at(T0)
    assert path.coarse(T0 + 25 * SECOND) == pytest.approx(path.at(T0 + 20 * SECOND), rel=1e-3)


def test_joining_ten_minutes_late_is_cheap() -> None:
    started = time.perf_counter()
    for coin in ("BTC", "ETH", "SOL", "XRP", "PEPE"):
        PricePath(42, coin, T0).at(T0 + 600 * SECOND)
    assert time.perf_counter() - started < 0.3


def test_premium_leaves_and_comes_back() -> None:
    premium = Premium(42, "binance:spot:BTC/USDT", T0)
    values = [premium.at(T0 + number * 100_000_000) for number in range(3_000)]
    assert max(abs(value) for value in values) > 10.0
    near = [value for value in values if abs(value) < 4.0]
    assert len(near) > 0.8 * len(values)


def test_venues_share_the_index_and_differ_in_what_they_quote() -> None:
    paths = Paths(42, T0)
    binance = FairPrice(paths, "binance", "spot", "BTC", "USDT", perpetual=False)
    gate = FairPrice(Paths(42, T0), "gate", "spot", "BTC", "USDT", perpetual=False)
    at = T0 + 30 * SECOND
    assert binance.index(at) == gate.index(at)
    assert binance.at(at) != gate.at(at)
    assert binance.at(at) == pytest.approx(gate.at(at), rel=6e-3)


def test_cross_rate_follows_its_two_coins() -> None:
    paths = Paths(42, T0)
    cross = FairPrice(paths, "binance", "spot", "ETH", "BTC", perpetual=False)
    at = T0 + 30 * SECOND
    assert cross.index(at) == pytest.approx(paths.of("ETH").at(at) / paths.of("BTC").at(at), rel=1e-12)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("BTC", ("BTC", 1)),
        ("1000PEPE", ("PEPE", 1_000)),
        ("1MBABYDOGE", ("BABYDOGE", 1_000_000)),
        ("1INCH", ("1INCH", 1)),
    ],
)
def test_multiplier_names_are_read(base: str, expected: tuple[str, int]) -> None:
    assert coin_and_factor(base) == expected


def test_multiplier_contract_is_priced_per_thousand_coins() -> None:
    paths = Paths(42, T0)
    thousand = FairPrice(paths, "binance", "usdm", "1000PEPE", "USDT", perpetual=True)
    assert thousand.index(T0) == pytest.approx(1_000 * paths.of("PEPE").at(T0))
