"""Our book against the venue's own: the same number, between two numbers, and what is too far apart to tell."""

from __future__ import annotations

from decimal import Decimal

from oneprice.model import AssetName, BookLevel, OrderBook, Symbol
from oneprice.verify.likeness import FLEETING_MAX, Likeness, Sides, likeness, not_ours

BTC = Symbol(AssetName("BTC"), AssetName("USDT"))


def side(*rows: tuple[int, int]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(Decimal(price), Decimal(quantity)) for price, quantity in rows)


def told(sequence: int, bids: tuple[BookLevel, ...], asks: tuple[BookLevel, ...]) -> OrderBook:
    return OrderBook(BTC, bids, asks, sequence)


ASKS = side((101, 5), (102, 6))
EARLY: Sides = (side((100, 1), (99, 2), (98, 3)), ASKS)
LATE: Sides = (side((100, 4), (98, 3), (97, 9)), ASKS)


def test_at_the_same_number_books_are_the_same_or_not() -> None:
    same = likeness({7: EARLY}, told(7, *EARLY))
    assert same is not None
    assert (same.exact, same.compared, same.same) == (True, 5, True)
    other = likeness({7: EARLY}, told(7, *LATE))
    assert other is not None
    assert not other.same
    assert "100: 4 there, 1 here" in str(other)
    assert "99: nothing there, 2 here" in other.different


def test_between_two_numbers_a_level_may_be_that_of_either() -> None:
    between = likeness({7: EARLY, 9: LATE}, told(8, side((100, 4), (99, 2), (98, 3)), ASKS))
    assert between is not None
    assert (between.exact, between.same) == (False, True)
    neither = likeness({7: EARLY, 9: LATE}, told(8, side((100, 3), (98, 3)), ASKS))
    assert neither is not None
    assert neither.different == ("100: 3 there, 4 here",)


def test_a_level_that_we_have_throughout_must_not_be_missing_there() -> None:
    found = likeness({7: EARLY, 9: LATE}, told(8, side((100, 1), (97, 9)), ASKS))
    assert found is not None
    assert found.different == ("98: nothing there, 3 here",)


def test_between_two_numbers_some_levels_may_come_and_go_counted_over_all_books() -> None:
    def between(*bids: tuple[int, int]) -> Likeness:
        found = likeness({7: EARLY, 9: LATE}, told(8, side(*bids), ASKS))
        assert found is not None
        assert not found.exact
        return found

    same, most = between((100, 4), (99, 2), (98, 3)), between((100, 3), (98, 2))
    assert same.same
    assert not most.same
    assert len(most.different) > FLEETING_MAX * most.compared
    assert not_ours([most]) == [most]
    assert not_ours([same] * 4 + [most]) == []
    assert not_ours([most] * 5) == [most] * 5
    exact = likeness({7: EARLY}, told(7, side((100, 3), (99, 2), (98, 3)), ASKS))
    assert exact is not None
    assert exact.exact
    assert not_ours([same] * 4 + [exact]) == [exact]


def test_levels_beyond_what_we_kept_are_left_out() -> None:
    found = likeness({7: EARLY}, told(7, (*EARLY[0], *side((97, 1), (96, 1))), ASKS))
    assert found is not None
    assert (found.compared, found.same) == (5, True)


def test_what_ours_does_not_reach_cannot_be_told() -> None:
    assert likeness({7: EARLY}, told(8, *EARLY)) is None
    assert likeness({7: EARLY}, told(6, *EARLY)) is None
    assert likeness({7: EARLY}, told(0, *EARLY)) is None
    assert likeness({}, told(7, *EARLY)) is None
