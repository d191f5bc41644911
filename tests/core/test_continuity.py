"""A book is LIVE only while the venue's numbers prove that nothing is missing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.desk import ASKS, BIDS, Desk
from tests.core.dialects import OBJECT, RAW, WHOLE, WRAPPED, Dialect

from oneprice.core.states import BookState, Flag, Reason

LIVE = (BookState.LIVE, Reason.NONE)


@pytest.fixture(params=[RAW, WRAPPED], ids=["previous", "first"])
def desk(hub_class: Any, request: pytest.FixtureRequest) -> Desk:
    """Both of the ways in which venues number their changes."""
    return Desk(hub_class, request.param)


def test_a_new_listing_waits_for_its_snapshot(desk: Desk) -> None:
    desk.listing()
    assert desk.state() == (BookState.SYNCING, Reason.WAITING)
    assert desk.top() == (0, 0, 0, 0)


def test_changes_in_sequence_keep_the_book_live(desk: Desk) -> None:
    desk.live(last=10)
    assert desk.depth(11, 12, [(99, 0), (97, 3)], [(101, 1)]) == Flag.TOP
    assert desk.depth(12, 15, [(100, 2)]) == Flag.TOP
    assert desk.state() == LIVE
    assert desk.levels() == ([(100, 2), (98, 7), (97, 3)], [(101, 1), (102, 7)])
    assert desk.hub.sequence(0) == 15


def test_a_gap_takes_the_book_out_of_live_in_the_same_call(desk: Desk) -> None:
    desk.live(last=10)
    assert desk.depth(12, 13, [(100, 2)]) & Flag.STATE
    assert desk.state() == (BookState.GAP, Reason.SEQUENCE)
    assert desk.counts()["gaps"] == 1
    assert desk.hub.events() == [("state", desk.now_ns, 0, BookState.GAP, Reason.SEQUENCE)]


def test_a_gap_is_healed_by_a_snapshot_and_the_changes_that_were_held(desk: Desk) -> None:
    desk.live(last=10)
    desk.depth(12, 13, [(100, 2)])
    desk.depth(13, 14, [(100, 4)])
    assert desk.snapshot(12) & Flag.STATE
    assert desk.state() == LIVE
    assert desk.hub.sequence(0) == 14
    assert desk.levels()[0][0] == (100, 4)


def test_a_change_that_was_applied_already_is_dropped(desk: Desk) -> None:
    desk.live(last=10)
    desk.depth(11, 12, [(100, 2)])
    assert desk.depth(11, 12, [(100, 9)]) == Flag(0)
    assert desk.depth(9, 10, [(100, 9)]) == Flag(0)
    assert desk.levels()[0][0] == (100, 2)
    assert desk.counts()["dropped"] == 2
    assert desk.state() == LIVE


def test_a_change_that_overlaps_the_book_is_applied(desk: Desk) -> None:
    desk.live(last=10)
    desk.depth(9, 13, [(100, 2)])
    assert desk.hub.sequence(0) == 13
    assert desk.state() == LIVE


def test_changed_places_are_a_gap_and_the_late_one_does_not_heal_it(desk: Desk) -> None:
    desk.live(last=10)
    desk.depth(12, 13, [(97, 1)])
    desk.depth(11, 12, [(96, 1)])
    assert desk.state() == (BookState.GAP, Reason.SEQUENCE)


def test_held_changes_bridge_the_snapshot(desk: Desk) -> None:
    desk.listing()
    for previous, last, lots in ((7, 9, 1), (9, 11, 2), (11, 12, 3)):
        desk.depth(previous, last, [(100, lots)])
    assert desk.state() == (BookState.SYNCING, Reason.WAITING)
    desk.snapshot(10)
    assert desk.state() == LIVE
    assert desk.hub.sequence(0) == 12
    assert desk.levels()[0][0] == (100, 3)
    assert (desk.counts()["dropped"], desk.counts()["applied"]) == (1, 2)


def test_a_snapshot_before_the_first_held_change_is_too_old(desk: Desk) -> None:
    desk.listing()
    desk.depth(20, 21, [(100, 1)])
    desk.snapshot(18)
    assert desk.state() == (BookState.SYNCING, Reason.SNAPSHOT_OLD)
    desk.snapshot(20)
    assert desk.state() == LIVE
    assert desk.hub.sequence(0) == 21


def test_a_hole_in_the_held_changes_is_a_gap(desk: Desk) -> None:
    desk.listing()
    desk.depth(10, 11)
    desk.depth(12, 13, [(100, 1)])
    desk.snapshot(10)
    assert desk.state() == (BookState.GAP, Reason.SEQUENCE)
    desk.snapshot(12)
    assert desk.state() == LIVE
    assert desk.hub.sequence(0) == 13


def test_an_old_snapshot_of_a_live_book_changes_nothing(desk: Desk) -> None:
    desk.live(last=10)
    desk.depth(11, 12, [(100, 2)])
    assert desk.snapshot(11, [(50, 1)], [(51, 1)]) == Flag(0)
    assert desk.levels()[0][0] == (100, 2)
    assert desk.state() == LIVE


def test_a_newer_snapshot_of_a_live_book_replaces_it(desk: Desk) -> None:
    desk.live(last=10)
    desk.snapshot(30, [(50, 1)], [(51, 1)])
    assert desk.levels() == ([(50, 1)], [(51, 1)])
    assert desk.hub.sequence(0) == 30


def test_more_held_changes_than_allowed_are_forgotten(hub_class: Any) -> None:
    desk = Desk(hub_class, buffered_max=3)
    desk.listing()
    for number in range(20, 24):
        desk.depth(number, number + 1)
    assert desk.state() == (BookState.SYNCING, Reason.OVERFLOW)
    desk.snapshot(21)
    assert desk.state() == (BookState.SYNCING, Reason.SNAPSHOT_OLD)
    desk.snapshot(23)
    assert desk.state() == LIVE


def test_a_resync_empties_the_book_until_the_snapshot(desk: Desk) -> None:
    desk.live(last=10)
    assert Flag(desk.hub.begin_sync(0, desk.now_ns)) == Flag.STATE | Flag.TOP
    assert desk.state() == (BookState.SYNCING, Reason.WAITING)
    assert (desk.top(), desk.levels()) == ((0, 0, 0, 0), ([], []))
    desk.depth(11, 12, [(100, 1)])
    desk.snapshot(11)
    assert desk.hub.sequence(0) == 12
    assert desk.state() == LIVE


def test_a_book_can_be_lost_on_request(desk: Desk) -> None:
    desk.live()
    assert Flag(desk.hub.lose(0, Reason.REQUESTED, desk.now_ns)) & Flag.STATE
    assert desk.state() == (BookState.GAP, Reason.REQUESTED)


def test_whole_books_need_no_snapshot_and_know_no_gap(hub_class: Any) -> None:
    desk = Desk(hub_class, WHOLE)
    desk.listing()
    desk.depth(0, 5, BIDS, ASKS)
    assert desk.state() == LIVE
    desk.depth(0, 50, [(90, 1)], [(95, 1)])
    assert desk.state() == LIVE
    assert desk.levels() == ([(90, 1)], [(95, 1)])
    desk.depth(0, 49, BIDS, ASKS)
    assert desk.levels() == ([(90, 1)], [(95, 1)])
    assert desk.counts()["dropped"] == 1


def test_a_whole_book_among_changes_heals_a_gap(hub_class: Any) -> None:
    desk = Desk(hub_class, OBJECT)
    desk.live(last=10)
    desk.depth(20, 21)
    assert desk.state() == (BookState.GAP, Reason.SEQUENCE)
    desk.depth(29, 30, BIDS, ASKS, whole=True)
    assert desk.state() == LIVE
    assert desk.hub.sequence(0) == 30


def test_levels_beyond_what_the_venue_speaks_of_are_pruned(hub_class: Any) -> None:
    desk = Desk(hub_class, OBJECT)  # eight levels a side
    desk.live(bids=[(ticks, 1) for ticks in range(90, 98)])
    desk.depth(11, 12, [(98, 1)])
    assert desk.levels()[0] == [(ticks, 1) for ticks in range(98, 90, -1)]
    desk.depth(12, 13, [(98, 0)])
    assert len(desk.levels()[0]) == 7


@pytest.mark.parametrize("dialect", [RAW, WRAPPED])
def test_a_counter_at_its_end_still_counts(hub_class: Any, dialect: Dialect) -> None:
    desk = Desk(hub_class, dialect)
    last = 2**63 - 3
    desk.live(last=last)
    assert desk.depth(last + 1, last + 2, [(100, 1)]) == Flag.TOP
    assert desk.state() == LIVE
    assert desk.depth(last + 2, last + 3, [(100, 2)]) & Flag.MALFORMED
