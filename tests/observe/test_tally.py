from __future__ import annotations

from decimal import Decimal

from oneprice.observe import Tally


def test_each_ended_opportunity_is_counted_once(make) -> None:
    tally = Tally()
    history: list[object] = []
    for number in range(1, 6):
        history.insert(0, make.spread(number))
        tally.take(make.view(history=tuple(history)))
        tally.take(make.view(history=tuple(history)))
    assert [total.count for total in tally.totals()] == [5]


def test_what_stands_is_counted_but_not_kept(make) -> None:
    tally = Tally()
    tally.take(make.view(opportunities=(make.spread(1, is_open=True, net_bps=3.0),)))
    assert tally.totals()[0].count == 1
    tally.take(make.view(history=(make.spread(1, net_bps=4.0),)))
    assert tally.totals()[0].count == 1
    assert tally.totals()[0].best_net_bps == 4.0


def test_a_pair_has_its_best_its_longest_and_its_sum(make) -> None:
    tally = Tally()
    first = make.spread(1, net_bps=5.0, net=Decimal("0.5"), age_ms=100.0, size=Decimal(2))
    second = make.spread(2, net_bps=9.0, net=Decimal("0.1"), age_ms=40.0, size=Decimal(1))
    tally.take(make.view(history=(second, first)))
    (total,) = tally.totals()
    assert (total.best_net_bps, total.best_net) == (9.0, Decimal("0.1"))
    assert (total.longest_ms, total.total_ms, total.size_max) == (100.0, 140.0, Decimal(2))


def test_directions_are_different_pairs_and_the_best_comes_first(make) -> None:
    tally = Tally()
    there = make.spread(1, net_bps=1.0)
    back = make.spread(2, net_bps=2.0, where="buy mexc-spot, sell gate-spot")
    tally.take(make.view(history=(back, there)))
    assert [total.where for total in tally.totals()] == [back.where, there.where]


def test_history_that_has_dropped_its_oldest_is_no_trouble(make) -> None:
    tally = Tally()
    tally.take(make.view(history=tuple(make.spread(number) for number in (3, 2, 1))))
    tally.take(make.view(history=tuple(make.spread(number) for number in (5, 4, 3))))
    assert tally.totals()[0].count == 5
