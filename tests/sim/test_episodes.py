"""The demo's promise: over three venues opportunities beyond the fees appear by the dozen, and go again."""

from itertools import permutations
from statistics import median
from typing import NamedTuple

from oneprice.sim import dialects
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.price import coin_and_factor

T0 = 1_000_000_000_000_000_000
STEP_NS = 20_000_000
SECONDS = 40
TAKER_BPS = {"binance": (10, 5), "gate": (10, 5), "mexc": (5, 2)}  # spot, perpetual


class Quoted(NamedTuple):
    listing: SimListing
    fee_bps: int
    tick: float  # quote per coin: a multiplier contract's tick counts per coin


def groups_of(markets: list[SimMarket]) -> dict[tuple[str, str], list[Quoted]]:
    groups: dict[tuple[str, str], list[Quoted]] = {}
    for market in markets:
        for listing in market.listings.values():
            instrument = listing.instrument
            coin, factor = coin_and_factor(instrument.base)
            fee = TAKER_BPS[market.venue][":" in listing.key]
            quoted = Quoted(listing, fee, float(instrument.tick) / factor)
            groups.setdefault((coin, instrument.quote), []).append(quoted)
    return groups


def best_net_bps(group: list[Quoted]) -> float:
    """The best that buying at one ask and selling at another bid leaves after both taker fees."""
    return max(
        (sell.listing.top.bid_ticks * sell.tick / (buy.listing.top.ask_ticks * buy.tick) - 1.0) * 1e4
        - buy.fee_bps
        - sell.fee_bps
        for buy, sell in permutations(group, 2)
    )


def test_opportunities_come_by_the_dozen_and_none_stays() -> None:
    markets = [market for venue in TAKER_BPS for market in dialects.make_markets(venue, 42, T0).values()]
    for market in markets:
        market.start(T0 + 5_000_000_000)
    groups = groups_of(markets)
    open_since: dict[tuple[str, str], int] = {}
    lengths_s: list[float] = []
    quiet: list[float] = []
    for step in range(SECONDS * 1_000_000_000 // STEP_NS):
        now_ns = T0 + 5_000_000_000 + step * STEP_NS
        for market in markets:
            market.step(now_ns)
        for name, group in groups.items():
            net_bps = best_net_bps(group)
            if net_bps > 0:
                open_since.setdefault(name, now_ns)
            else:
                quiet.append(net_bps)
                if name in open_since:
                    lengths_s.append((now_ns - open_since.pop(name)) / 1e9)
    assert 10 <= len(lengths_s) <= 80, len(lengths_s)
    assert sum(0.15 <= length <= 5.0 for length in lengths_s) >= 0.7 * len(lengths_s)
    assert max(lengths_s) < 8.0
    assert median(quiet) < -3.0
