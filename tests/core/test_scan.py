"""After every change the scan stands where a scan of everything would, also for listings of many cycles."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.core.compare import Twins
from tests.core.dialects import WHOLE, Best

from oneprice.core.describe import encode
from oneprice.core.scan import CYCLE, PAIR
from oneprice.core.sizing import Sized, size_cycle, size_pair
from oneprice.core.specs import listing_spec

BUY, SELL = 1, -1
COINS = 11
EDGES = (0.0, 2.0, -1.0)


def market(edge: float, both: tuple[Any, Any]) -> tuple[Twins, list[tuple[str, int]], list[Any]]:
    """Coins against two quotes at two venues. The listing between the quotes is in every cycle of its venue.

    Gives the hubs, the price of each listing in ticks, and the cycles.
    """
    twins = Twins(both, msgspec.json.encode({"min_net_bps": edge, "silent_after_ns": 10**18, "stale_after_ns": 10**18}))
    twins.do(("add_stream", encode(WHOLE.stream)))
    listings: list[tuple[str, int]] = []
    cycles: list[Any] = []

    def listing(symbol: str, ticks: int, tick: str, lot: str, group: str) -> int:
        spec = listing_spec(
            symbol,
            tick_size=Decimal(tick),
            lot_size=Decimal(lot),
            taker_fee=Decimal("0.0001"),
            group=group,
            depth=False,
        )
        twins.do(("add_listing", msgspec.json.encode(spec)))
        twins.do(("bind", 0, "quote", symbol, len(listings)))
        listings.append((symbol, ticks))
        return len(listings) - 1

    for venue in "uv":
        between = listing(f"{venue}BQ", 50_000, "1", "0.00001", "BQ")
        for coin in range(COINS):
            in_quote = listing(f"{venue}{coin}Q", 10_000, "0.01", "0.001", f"{coin}Q")
            in_coin = listing(f"{venue}{coin}B", 20_000, "0.0000001", "0.001", f"{coin}B")
            for legs in (
                [(between, BUY), (in_coin, BUY), (in_quote, SELL)],
                [(in_quote, BUY), (in_coin, SELL), (between, SELL)],
            ):
                twins.do(("add_cycle", legs))
                cycles.append(legs)
    return twins, listings, cycles


def everything(hub: Any, cycles: list[Any]) -> dict[tuple[int, int, int], Sized]:
    """Every pair and every cycle, worked out anew from the books."""
    listings, edge = hub._listings, 1.0 + hub.config.min_net_bps / 1e4
    live = [number for number, listing in enumerate(listings) if listing.state() == 0]
    found: dict[tuple[int, int, int], Any] = {}
    for buy in live:
        for sell in live:
            if buy != sell and listings[buy].spec.group == listings[sell].spec.group:
                found[PAIR, buy, sell] = size_pair(buy, listings[buy], sell, listings[sell], edge)
    for number, legs in enumerate(cycles):
        if all(listing in live for listing, _ in legs):
            sized = size_cycle([(listing, listings[listing], side) for listing, side in legs])
            if isinstance(sized, Sized) and sized.net_bps > hub.config.min_net_bps:
                found[CYCLE, number, 0] = sized
    return {key: sized for key, sized in found.items() if isinstance(sized, Sized)}


@pytest.mark.parametrize("seed", range(3))
def test_the_scan_stands_where_a_scan_of_everything_would(both: tuple[Any, Any], seed: int) -> None:
    rng = random.Random(seed)
    twins, listings, cycles = market(EDGES[seed % 3], both)
    seen: set[int] = set()
    for turn in range(240):
        number = 0 if rng.random() < 0.2 else rng.randrange(len(listings))
        symbol, middle = listings[number]
        ns = 1_000 + turn
        if rng.random() < 0.1:
            twins.do(("set_halted", number, rng.random() < 0.5, ns))
        middle += rng.randint(-8, 8)
        spread = rng.choice((1, 2, 6))
        lots = [str(rng.randint(1, 99_999)) for _ in range(2)]
        bid, ask = ((f"{middle - spread}", lots[0]), (f"{middle + spread}", lots[1]))
        if rng.random() < 0.05:
            bid = ("", "")
        frame = WHOLE.quote(Best(symbol, ns, scaled(symbol, bid), scaled(symbol, ask), 1))
        twins.do(("on_frame", 0, frame, ns))
        if turn % 6 == 0:
            standing = {each[0]: each[4] for each in twins.reference.opportunities()}
            wanted = everything(twins.reference, cycles)
            assert standing.keys() == wanted.keys()
            assert all(standing[key][3] == sized.net_atto for key, sized in wanted.items())
            twins.look()
            seen |= {key[0] for key in wanted}
    assert seen == {PAIR, CYCLE}


def scaled(symbol: str, side: tuple[str, str]) -> tuple[str, str]:
    """Ticks and lots as the venue writes them."""
    if not side[0]:
        return side
    if symbol.endswith("BQ"):
        return side[0], f"{side[1]}e-5"
    return f"{side[0]}e-2" if symbol.endswith("Q") else f"{side[0]}e-7", f"{side[1]}e-3"
