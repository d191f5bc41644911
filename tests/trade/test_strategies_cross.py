"""Which opportunities are whose."""

from __future__ import annotations

from tests.trade.floor import Floor

from oneprice.core.scan import CYCLE, PAIR
from oneprice.market.opportunities import Sized, Standing
from oneprice.model.deals import Plan
from oneprice.trade.settings import CarrySettings, CrossSettings, MakerSettings, Strategies, TradeSettings
from oneprice.trade.settings import TriangularSettings as Triangles
from oneprice.trade.strategies import make_strategies


def standing(kind: int, first: int, second: int) -> Standing:
    legs = ((first, 1, 1_000, 1, 1_000), (second, -1, 1_010, 1, 1_010))
    sized = Sized(legs, 100.0, 90.0, 9 * 10**15)
    return Standing((kind, first, second), 1, 1, 1, sized, sized)


def test_only_what_is_on_is_made_and_carry_always_to_close() -> None:
    nothing = Strategies(cross=CrossSettings(enabled=False))
    strategies, quoting = make_strategies(Floor(TradeSettings(strategies=nothing)).desk)
    assert [one.name for one in strategies] == ["carry"]
    assert quoting == []
    everything = Strategies(
        triangular=Triangles(enabled=True), carry=CarrySettings(enabled=True), maker=MakerSettings(enabled=True)
    )
    strategies, quoting = make_strategies(Floor(TradeSettings(strategies=everything)).desk)
    assert [one.name for one in strategies] == ["cross", "triangular", "carry"]
    assert [one.name for one in quoting] == ["maker"]


def test_pairs_of_spot_are_cross_and_others_are_not() -> None:
    floor = Floor()
    spot, other, perpetual = (floor.list(market, "ABC/USDT", tick="0.1") for market in ("a-spot", "b-spot", "c-usdm"))
    floor.fund_all()
    for book in (spot, other, perpetual):
        floor.show(book, [(100, 1)], [(101, 1)])
    [cross, _] = make_strategies(floor.desk)[0]
    assert isinstance(cross.on_opportunity(standing(PAIR, spot.number, other.number), 1), Plan | str)
    assert cross.on_opportunity(standing(PAIR, spot.number, perpetual.number), 1) is None
    assert cross.on_opportunity(standing(PAIR, perpetual.number, spot.number), 1) is None
    assert cross.on_opportunity(standing(CYCLE, spot.number, 0), 1) is None


def test_carry_that_is_off_enters_nothing() -> None:
    floor = Floor()
    spot, perpetual = floor.list("a-spot", "ABC/USDT"), floor.list("c-usdm", "ABC/USDT")
    [_, carry] = make_strategies(floor.desk)[0]
    assert carry.on_opportunity(standing(PAIR, spot.number, perpetual.number), 1) is None


def test_time_alone_brings_no_plans() -> None:
    [cross, carry] = make_strategies(Floor().desk)[0]
    assert cross.on_tick(1) == carry.on_tick(1) == []
