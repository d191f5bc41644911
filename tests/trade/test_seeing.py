"""The black box over a real hub: an opportunity's inputs at its first frame and its best moment, in words and units."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace

import pytest
from tests.ledger.fake_disk import FakeDisk
from tests.market.world import VirtualClock, run
from tests.trade.paper_scene import Market, info

from oneprice.ledger.blackbox import BlackBox, Told, read_blackbox
from oneprice.market.opportunities import as_standing
from oneprice.model import MarketKind, SymbolInfo
from oneprice.trade.seeing import Describer

D = Decimal
MS = 1_000_000


def watched(clock: VirtualClock, *infos: SymbolInfo) -> Market:
    """As much of a market as is looked at."""
    market = Market(clock, *infos)
    market.config = SimpleNamespace(min_net_bps=0.0)  # type: ignore[attr-defined]
    return market


def test_an_opportunity_of_the_hub_is_told_with_its_books_fees_and_ages() -> None:
    async def story() -> None:
        clock, disk = VirtualClock(), FakeDisk()
        spot, perpetual = info(MarketKind.SPOT), info(MarketKind.USDM)
        market = watched(clock, spot, perpetual)
        box = BlackBox(disk, "runs/1", Describer(market), clock)  # type: ignore[arg-type]
        market.show([("99", 1)], [("100", 3)], "toy-spot")
        await clock.sleep(0.020)
        market.show([("101", 200)], [("102", 500)], "toy-usdm")
        now_ns = clock.monotonic_ns()
        (told,) = market.hub.opportunities()
        first = as_standing(told)
        number = box.number_of(first)
        box.seen(first, Told("cooldown", "not yet", 0), now_ns, first.sized.net_atto)
        await clock.sleep(0.010)
        market.show([("99", 1)], [("99.5", 5)], "toy-spot")
        (told,) = market.hub.opportunities()
        better = as_standing(told)
        box.moved(better, clock.monotonic_ns(), better.sized.net_atto)
        await clock.sleep(0.009)
        market.show([("99", 1)], [("110", 5)], "toy-spot")
        (closed,) = [event for event in market.hub.events() if event[0] == "closed"]
        over = as_standing(closed[2])  # type: ignore[arg-type]
        box.over(over, clock.monotonic_ns())
        box.close()

        (seen,) = read_blackbox(disk, "runs/1")
        assert (seen.number, seen.home, round(seen.lifetime_ms, 3), seen.is_over) == (number, "USDT", 19.0, True)
        assert seen.net == D(better.sized.net_atto) / 10**18 > seen.first_net == D(first.sized.net_atto) / 10**18
        assert seen.left == (seen.first_net, seen.first_net, 0, 0, 0)
        buy, sell = seen.legs
        assert (buy.listing, buy.side, buy.price, buy.quantity) == ("toy-spot:BTCUSDT", 1, D("99.5"), 2)
        assert (sell.listing, sell.side, sell.price, sell.quantity) == ("toy-usdm:BTCUSDT", -1, 101, 200)
        assert (buy.bid, buy.bid_quantity, buy.ask, buy.ask_quantity) == (99, 1, 100, 3), "of the first frame"
        assert (sell.bid, sell.bid_quantity, sell.ask, sell.ask_quantity) == (101, 200, 102, 500)
        assert (round(buy.age_ms, 3), sell.age_ms) == (20.0, 0.0)
        assert buy.value == D("99.5") * 2
        assert buy.fee == buy.value / 1_000
        assert (
            seen.ended == "the price moved away: ask of toy-spot:BTCUSDT 99.5 -> 110.0; -836.53 bps after fees are left"
        )
        assert sum(leg.value * -leg.side for leg in seen.legs) - sum(leg.fee for leg in seen.legs) == seen.net

    run(story)


def ended(change: Callable[[Market], None], after_s: float = 0.0, then: Callable[[Market], None] | None = None) -> str:
    """Why an opportunity of 1 % ended with this change of its books; `then`: what happens before anybody looks."""
    told: list[str] = []

    async def story() -> None:
        clock = VirtualClock()
        market = watched(clock, info(MarketKind.SPOT), info(MarketKind.USDM))
        describer = Describer(market)  # type: ignore[arg-type]
        market.show([("99", 1)], [("100", 3)], "toy-spot")
        market.show([("102", 200)], [("103", 500)], "toy-usdm")
        await clock.sleep(0.050)
        change(market)
        await clock.sleep(after_s)
        if then is not None:
            then(market)
        (closed,) = [event for event in market.hub.events() if event[0] == "closed"]
        over = as_standing(closed[2])  # type: ignore[arg-type]
        told.append(describer.ended(over, describer.ending(over, closed[1])))  # type: ignore[arg-type]

    run(story)
    return told[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda market: market.show([("99.9", 1)], [("100", 1)], "toy-usdm"),
            "the price moved away: bid of toy-usdm:BTCUSDT 102.0 -> 99.9; -29.96 bps after fees are left",
        ),
        (
            lambda market: market.show([], [("103", 1)], "toy-usdm"),
            "the price moved away: toy-usdm:BTCUSDT has no bids",
        ),
        (
            lambda market: market.show([("99", 1)], [("100", "0.01")], "toy-spot"),
            (
                "too little is left where it pays (+179.62 bps after fees): buy 0.010 toy-spot:BTCUSDT at 100.0, "
                "sell 200 toy-usdm:BTCUSDT at 102.0"
            ),
        ),
        (
            lambda market: market.lose("toy-spot"),
            "the book of toy-spot:BTCUSDT is gap: a change did not follow the one before it",
        ),
        (
            lambda market: market.hub.tick(20_000_000_000),
            (
                "the book of toy-spot:BTCUSDT is silent: nothing came over its connection for 20.0 s; "
                "the book of toy-usdm:BTCUSDT is silent: nothing came over its connection for 20.0 s"
            ),
        ),
        (
            lambda market: market.change_rules(info(MarketKind.SPOT, min_notional=D(50))),
            "the rules of toy-spot:BTCUSDT changed: another listing stands for it",
        ),
    ],
)
def test_why_an_opportunity_ended_is_told_in_figures(change: Callable[[Market], None], words: str) -> None:
    assert ended(change) == words


def test_a_price_that_is_back_before_anybody_looked_is_told_as_that() -> None:
    told = ended(
        lambda market: market.show([("99", 1)], [("110", 3)], "toy-spot"),
        0.001,
        lambda market: market.show([("99", 1)], [("100", 3)], "toy-spot"),
    )
    assert told == "the price moved away and came back within the same moment"
