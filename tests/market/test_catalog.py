"""What is chosen, what is the same asset, which cycles there are, and how grids are refined: no I/O."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from oneprice.core.states import BookState, Miss, Reason
from oneprice.market.catalog import choose, same_rules
from oneprice.market.identity import plain, strangers
from oneprice.market.resync import finer, finest
from oneprice.market.triangles import Pair, triangles
from oneprice.market.words import MISSES, REASONS, STATES, why_not_live
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo


def listing(base: str, venue_symbol: str, multiplier: int = 1, tradable: bool = True) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("toy"),
        market=MarketKind.USDM,
        symbol=Symbol(AssetName(base), AssetName("USDT"), True),
        venue_symbol=venue_symbol,
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1),
        multiplier=Decimal(multiplier),
        tradable=tradable,
    )


def test_of_two_listings_of_one_instrument_the_plain_one_that_trades_is_chosen() -> None:
    plain_one, thousand = listing("PEPE", "PEPEUSDT"), listing("PEPE", "1000PEPEUSDT", 1000)
    assert choose([thousand, plain_one], ["PEPE/USDT"]) == [plain_one]
    halted = listing("PEPE", "PEPEUSDT", tradable=False)
    assert choose([halted, thousand], ["PEPE/USDT"]) == [thousand]
    assert choose([plain_one], ["BTC/USDT"]) == []


def test_rules_are_the_same_whatever_the_status() -> None:
    assert same_rules(listing("BTC", "BTCUSDT"), listing("BTC", "BTCUSDT", tradable=False))
    assert not same_rules(listing("BTC", "BTCUSDT"), listing("BTC", "BTCUSDT", 10))


def test_the_odd_one_out_is_the_stranger() -> None:
    prices = {"a": Decimal(100), "b": Decimal(101), "c": Decimal(3)}
    assert strangers(prices, 25) == {"c": "not the same asset? c costs 3, a 100; more than 25 % apart"}


def test_of_two_that_differ_neither_is_believed() -> None:
    assert set(strangers({"a": Decimal(1), "b": Decimal(2)}, 25)) == {"a", "b"}


@given(some.lists(some.decimals(min_value="0.0001", max_value=1_000_000, places=4), min_size=1, max_size=8))
def test_all_that_are_believed_are_joined_by_small_steps(prices: list[Decimal]) -> None:
    named = {f"{number}": price for number, price in enumerate(prices)}
    refused = strangers(named, 25)
    believed = sorted(price for name, price in named.items() if name not in refused)
    assert all(high <= low * Decimal("1.25") for low, high in pairwise(believed))
    assert len(believed) != 1 or len(prices) == 1, "one against one proves nothing"


def test_each_triangle_is_found_in_both_directions_from_the_money_it_is_counted_in() -> None:
    pairs = [Pair(0, "BTC", "USDT"), Pair(1, "ETH", "USDT"), Pair(2, "ETH", "BTC"), Pair(3, "SOL", "USDT")]
    assert triangles(pairs) == [[(0, 1), (2, 1), (1, -1)], [(1, 1), (2, -1), (0, -1)]]


def test_without_a_third_side_there_is_no_triangle() -> None:
    assert triangles([Pair(0, "BTC", "USDT"), Pair(1, "ETH", "USDT")]) == []


@given(some.lists(some.tuples(some.sampled_from("ABCDE"), some.sampled_from("ABCDE")), max_size=12, unique=True))
def test_every_cycle_leads_back_to_where_it_began(sides: list[tuple[str, str]]) -> None:
    pairs = [Pair(number, base, quote) for number, (base, quote) in enumerate(sides) if base != quote]
    by_number = {pair.number: pair for pair in pairs}
    found = triangles(pairs)
    assert len({tuple(sorted(legs)) for legs in found}) == len(found)
    for legs in found:
        ends = [(by_number[n].quote, by_number[n].base)[::side] for n, side in legs]
        assert all(ends[index][1] == ends[(index + 1) % 3][0] for index in range(3))


@pytest.mark.parametrize(
    ("step", "numbers", "wanted"),
    [
        ("0.1", ["1.2", "3"], "0.1"),
        ("0.1", ["1.25"], "0.01"),
        ("0.5", ["1.5", "1.3"], "0.1"),
        ("0.05", ["1.01"], "0.01"),
        ("100", ["150"], "10"),
        ("0.001", ["0.02", "25.426189"], "0.000001"),
    ],
)
def test_a_grid_gets_as_fine_as_what_was_seen(step: str, numbers: list[str], wanted: str) -> None:
    grid = finest(Decimal(step), map(Decimal, numbers))
    assert grid == Decimal(wanted)
    assert Decimal(step) % grid == 0, "orders' steps lie on it"


def test_where_nothing_odd_was_seen_a_grid_gets_one_step_finer() -> None:
    assert finer(Decimal("0.5")) == Decimal("0.1")
    assert finer(Decimal("0.1")) == Decimal("0.01")
    assert finer(Decimal(1)) == Decimal("0.1")


def test_every_state_reason_and_miss_has_its_words() -> None:
    assert set(STATES) == set(BookState)
    assert set(REASONS) == set(Reason)
    assert set(MISSES) == set(Miss) - {Miss.NOT_LIVE}
    for state in BookState:
        assert bool(why_not_live(state, Reason.NONE, 1_500.0)) is (state is not BookState.LIVE)
    assert why_not_live(BookState.SILENT, Reason.NONE, 1_500.0) == "nothing came over its connection for 1.5 s"
    assert "waiting for a frame of its own" in why_not_live(BookState.SILENT, Reason.NONE, 3.0)


def test_figures_read_well() -> None:
    told = {"64003.20000": "64003.2", "0.00000001": "0.00000001", "123456789": "123456790", "80000": "80000"}
    assert {text: plain(Decimal(text)) for text in told} == told
