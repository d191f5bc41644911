"""The black box over a real hub: an opportunity's inputs at its first frame and its best moment, in words and units."""

from __future__ import annotations

from decimal import Decimal

from tests.ledger.fake_disk import FakeDisk
from tests.market.world import VirtualClock, run
from tests.trade.paper_scene import Market, info

from oneprice.ledger.blackbox import BlackBox, Told, read_blackbox
from oneprice.market.opportunities import as_standing
from oneprice.model import MarketKind
from oneprice.trade.seeing import Describer

D = Decimal
MS = 1_000_000


def test_an_opportunity_of_the_hub_is_told_with_its_books_fees_and_ages() -> None:
    async def story() -> None:
        clock, disk = VirtualClock(), FakeDisk()
        spot, perpetual = info(MarketKind.SPOT), info(MarketKind.USDM)
        market = Market(clock, spot, perpetual)
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
        assert sum(leg.value * -leg.side for leg in seen.legs) - sum(leg.fee for leg in seen.legs) == seen.net

    run(story)
