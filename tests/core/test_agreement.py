"""Book and quotes are held against each other, and the newer of both is the top."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.desk import Desk
from tests.core.dialects import BARE, OBJECT, RAW, WHOLE

from oneprice.core.states import BookState, Flag, Reason

BEST = ((99, 5), (101, 5))
WRONG = ((99, 5), (101, 6))


@pytest.fixture
def desk(hub_class: Any) -> Desk:
    """A live book at 11 of a venue whose quotes are on the depth counter."""
    desk = Desk(hub_class, RAW)
    desk.live(last=10)
    return desk


def judged(desk: Desk) -> tuple[int, int]:
    counts = desk.counts()
    return counts["agreements"], counts["disagreements"]


def test_a_newer_quote_is_the_top(desk: Desk) -> None:
    assert desk.quote(12, (100, 1), (101, 5)) == Flag.TOP | Flag.QUOTE
    assert desk.top() == (100, 1, 101, 5)
    desk.depth(11, 12, [(100, 2)])
    assert desk.top() == (100, 2, 101, 5)


def test_an_older_quote_is_not_the_top(desk: Desk) -> None:
    assert desk.quote(5, (97, 1), (103, 1)) == Flag.QUOTE
    assert desk.top() == (99, 5, 101, 5)


def test_a_quote_older_than_the_one_before_is_dropped(desk: Desk) -> None:
    desk.quote(20, *BEST)
    assert desk.quote(19, (1, 1), (2, 2)) == Flag(0)
    assert desk.hub.quote(0) == (99, 5, 101, 5, 20)
    assert desk.counts()["dropped"] == 1


def test_a_quote_is_judged_by_the_book_at_its_number(desk: Desk) -> None:
    desk.quote(11, *BEST)
    desk.quote(13, (99, 4), (101, 5))
    desk.depth(11, 12)
    assert judged(desk) == (1, 0)
    desk.depth(12, 13, [(99, 4)])
    desk.quote(15, *BEST)
    assert judged(desk) == (2, 0)


def test_a_quote_is_not_judged_before_the_next_one_shows_how_long_it_held(desk: Desk) -> None:
    desk.quote(11, *WRONG)
    desk.depth(11, 12)
    assert judged(desk) == (0, 0)
    desk.quote(12, *BEST)
    desk.depth(12, 13)
    assert judged(desk) == (0, 0)
    desk.quote(14, *BEST)
    assert judged(desk) == (1, 0)


def disagree(desk: Desk, number: int) -> None:
    desk.quote(number, *WRONG)
    desk.depth(number - 1, number)
    desk.quote(number + 1, *WRONG)


def test_three_contradictions_in_a_row_lose_the_book(desk: Desk) -> None:
    disagree(desk, 12)
    disagree(desk, 13)
    assert desk.state()[0] is BookState.LIVE
    disagree(desk, 14)
    assert judged(desk) == (0, 3)
    assert desk.state() == (BookState.GAP, Reason.DISAGREES)
    assert desk.counts()["gaps"] == 1


def test_an_agreement_between_contradictions_forgives_them(desk: Desk) -> None:
    disagree(desk, 12)
    disagree(desk, 13)
    desk.depth(13, 14, [], [(101, 6)])  # now the book says the same
    desk.quote(15, *WRONG)
    assert judged(desk) == (1, 2)
    disagree(desk, 15)
    assert judged(desk) == (2, 2)
    assert desk.state()[0] is BookState.LIVE


def test_a_sampled_quote_is_judged_at_its_own_number_only(hub_class: Any) -> None:
    desk = Desk(hub_class, OBJECT)
    desk.live(last=10)
    desk.quote(10, *WRONG)
    assert judged(desk) == (0, 0)
    desk.quote(11, *BEST)
    assert judged(desk) == (1, 0)
    desk.quote(13, *WRONG)
    desk.depth(11, 12)
    assert judged(desk) == (1, 0)
    desk.depth(12, 13)
    assert judged(desk) == (1, 1)
    desk.depth(13, 14)
    assert judged(desk) == (1, 1)


def test_a_sampled_quote_with_a_side_of_unknown_size_is_not_judged(hub_class: Any) -> None:
    desk = Desk(hub_class, OBJECT)
    desk.live(last=10)
    desk.quote(11, (99, 0), (101, 6))
    assert judged(desk) == (0, 0)


def test_a_quote_from_before_a_silence_judges_nothing(desk: Desk) -> None:
    desk.quote(11, *BEST)
    desk.wait(3)
    assert desk.state()[0] is BookState.SILENT
    desk.depth(11, 12, [(99, 4)])  # the quote that told of it may have been lost
    desk.quote(14, (99, 4), (101, 5))
    assert judged(desk) == (0, 0)
    desk.depth(12, 14)
    desk.quote(15, *BEST)
    assert judged(desk) == (1, 0)


def test_quotes_off_the_counter_are_never_judged_and_the_latest_is_the_top(hub_class: Any) -> None:
    desk = Desk(hub_class, BARE)
    desk.listing()
    desk.depth(9, 11, [(99, 5)], [(101, 5)], whole=True)
    desk.quote(0, (97, 1), (103, 1))
    assert desk.top() == (97, 1, 103, 1)
    desk.depth(11, 12, [(96, 1)])
    assert desk.top() == (99, 5, 101, 5)
    assert judged(desk) == (0, 0)


def test_a_quote_without_either_side_is_an_empty_top(hub_class: Any) -> None:
    desk = Desk(hub_class, BARE)
    desk.listing()
    desk.depth(9, 11, [(99, 5)], [(101, 5)], whole=True)
    assert desk.quote(0, None, None) == Flag.TOP | Flag.QUOTE
    assert desk.top() == (0, 0, 0, 0)


@pytest.mark.parametrize("empty", ["0", "0.000", "", "0.0"])
def test_a_price_of_nothing_is_an_empty_side(desk: Desk, empty: str) -> None:
    desk.quote(12, (empty, "0"), (101, 5))
    assert desk.top() == (0, 0, 101, 5)
    assert desk.state()[0] is BookState.LIVE


@pytest.mark.parametrize(
    ("source", "top"), [("quote", (97, 1, 103, 1)), ("depth", (99, 5, 101, 5)), ("newer", (97, 1, 103, 1))]
)
def test_the_source_of_the_top_can_be_chosen(hub_class: Any, source: str, top: tuple[int, ...]) -> None:
    desk = Desk(hub_class, WHOLE)
    desk.listing(source=source)
    desk.depth(0, 20, [(99, 5)], [(101, 5)])
    desk.quote(21, (97, 1), (103, 1))
    assert desk.top() == top


def test_a_lost_connection_forgets_the_quote(desk: Desk) -> None:
    desk.quote(50, *BEST)
    desk.hub.stream_down(desk.stream, desk.now_ns)
    assert desk.hub.quote(0) == (0, 0, 0, 0, 0)
    assert desk.quote(5, *BEST) & Flag.QUOTE
