"""Silence, age, crossed books, halts and broken connections: what ends by itself, and what needs a snapshot."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.desk import SECOND, Desk
from tests.core.dialects import WHOLE

from oneprice.core.states import BookState, Flag, Reason

LIVE = (BookState.LIVE, Reason.NONE)
LOST = (BookState.GAP, Reason.DISCONNECTED)


@pytest.fixture
def desk(hub_class: Any) -> Desk:
    """Silent after 2 s, stale after 10 s, crossed for 1 s at most."""
    return Desk(hub_class)


def state(desk: Desk, symbol: str = "A") -> BookState:
    return desk.state(symbol)[0]


def test_a_connection_without_frames_is_silent(desk: Desk) -> None:
    desk.live()
    assert desk.wait(2.0) == Flag(0)
    assert desk.wait(0.001) == Flag.STATE
    assert desk.state() == (BookState.SILENT, Reason.NONE)
    assert desk.hub.events() == [("state", desk.now_ns, 0, BookState.SILENT, Reason.NONE)]


def test_silence_ends_with_the_next_change_in_sequence(desk: Desk) -> None:
    desk.live(last=10)
    desk.wait(3)
    assert desk.depth(11, 12) & Flag.STATE
    assert desk.state() == LIVE


def test_silence_ends_only_for_the_listing_that_is_heard(desk: Desk) -> None:
    desk.live("A")
    desk.live("B")
    desk.wait(3)
    desk.depth(11, 12, symbol="A")
    assert (state(desk, "A"), state(desk, "B")) == (BookState.LIVE, BookState.SILENT)
    desk.depth(13, 14, symbol="B")
    assert desk.state("B") == (BookState.GAP, Reason.SEQUENCE)


def test_a_connection_that_carries_other_symbols_is_not_silent(desk: Desk) -> None:
    desk.live("A")
    desk.live("B")
    desk.wait(1.5)
    desk.depth(11, 12, symbol="B")
    desk.wait(1.5)
    assert state(desk, "A") is BookState.LIVE


def test_pongs_do_not_hide_that_market_data_has_stopped(desk: Desk) -> None:
    desk.live()
    desk.wait(1.5)
    assert desk.frame(b'{"result":null,"id":1}') == Flag.CONTROL
    desk.wait(1)
    assert state(desk) is BookState.SILENT


def test_a_second_connection_that_is_heard_keeps_a_book_from_being_silent(desk: Desk) -> None:
    desk.live(last=10)
    spare = desk.connect()
    desk.bind("A", spare)
    desk.wait(1.5)
    desk.depth(11, 12, stream=spare)
    desk.wait(1.5)
    assert desk.state() == LIVE
    desk.wait(1)
    assert state(desk) is BookState.SILENT


def test_a_connection_that_was_never_heard_does_not_hide_silence(desk: Desk) -> None:
    desk.live()
    desk.bind("A", desk.connect())
    desk.wait(3)
    assert state(desk) is BookState.SILENT


def test_a_listing_without_changes_gets_stale(desk: Desk) -> None:
    desk.live("A")
    desk.live("B")
    for number in range(11, 19):
        desk.wait(1.5)
        desk.depth(number, number + 1, symbol="B")
    assert (state(desk, "A"), state(desk, "B")) == (BookState.STALE, BookState.LIVE)
    desk.depth(11, 12, symbol="A")
    assert desk.state("A") == LIVE


def test_a_listing_has_its_own_limit_of_age(desk: Desk) -> None:
    desk.listing("A", stale_after_ns=SECOND)
    desk.live("A")
    desk.wait(1.001)
    assert state(desk) is BookState.STALE


def test_changes_that_are_dropped_do_not_keep_a_book_young(desk: Desk) -> None:
    desk.live(last=1_000)
    for _ in range(12):
        desk.depth(10, 11)
        desk.wait(1)
    assert state(desk) is BookState.STALE


def test_a_crossed_book_is_not_live(desk: Desk) -> None:
    desk.live(last=10)
    assert desk.depth(11, 12, [(101, 1)]) & Flag.STATE
    assert state(desk) is BookState.CROSSED
    assert desk.depth(12, 13, [(101, 0)]) & Flag.STATE
    assert desk.state() == LIVE


def test_a_book_that_stays_crossed_is_lost(desk: Desk) -> None:
    desk.live(last=10)
    desk.depth(11, 12, [(103, 1)])
    desk.wait(1)
    assert state(desk) is BookState.CROSSED
    desk.depth(12, 13, [(104, 1)])
    desk.wait(0.001)
    assert desk.state() == (BookState.GAP, Reason.CROSSED)
    assert desk.counts()["gaps"] == 1


def test_a_halt_lies_over_every_other_state(desk: Desk) -> None:
    desk.live(last=10)
    assert Flag(desk.hub.set_halted(0, True, desk.now_ns)) == Flag.STATE
    assert desk.state() == (BookState.HALTED, Reason.NONE)
    desk.depth(15, 16)
    assert desk.state() == (BookState.HALTED, Reason.SEQUENCE)
    desk.hub.set_halted(0, False, desk.now_ns)
    assert desk.state() == (BookState.GAP, Reason.SEQUENCE)


def test_a_halted_book_goes_on_where_it_was(desk: Desk) -> None:
    desk.live(last=10)
    desk.hub.set_halted(0, True, desk.now_ns)
    desk.depth(11, 12, [(100, 3)])
    desk.hub.set_halted(0, False, desk.now_ns)
    assert desk.state() == LIVE
    assert desk.top() == (100, 3, 101, 5)


def test_a_broken_connection_loses_its_books(desk: Desk) -> None:
    desk.live("A")
    desk.live("B")
    assert Flag(desk.hub.stream_down(desk.stream, desk.now_ns)) & Flag.STATE
    assert desk.state("A") == desk.state("B") == LOST
    assert desk.top("A")[0] == 99  # to be looked at, never to be traded


def test_a_book_survives_on_a_second_connection(desk: Desk) -> None:
    desk.live(last=10)
    spare = desk.connect()
    desk.bind("A", spare)
    desk.depth(11, 12, stream=spare)
    assert Flag(desk.hub.stream_down(desk.stream, desk.now_ns)) == Flag(0)
    desk.depth(12, 13, stream=spare)
    assert desk.state() == LIVE
    desk.hub.stream_down(spare, desk.now_ns)
    assert desk.state() == LOST


def test_a_second_connection_that_was_never_heard_saves_nothing(desk: Desk) -> None:
    desk.live()
    desk.bind("A", desk.connect())
    desk.hub.stream_down(desk.stream, desk.now_ns)
    assert desk.state() == LOST


def test_a_connection_that_came_back_counts_once_it_is_heard(desk: Desk) -> None:
    desk.live(last=10)
    desk.hub.stream_down(desk.stream, desk.now_ns)
    desk.hub.stream_up(desk.stream)
    desk.wait(60)
    assert desk.state() == LOST
    desk.depth(20, 21)
    desk.snapshot(20)
    assert desk.state() == LIVE
    desk.wait(2.001)
    assert state(desk) is BookState.SILENT


def test_an_unbound_symbol_is_not_the_connections_to_lose(desk: Desk) -> None:
    desk.live("A")
    desk.live("B")
    desk.hub.unbind(desk.stream, "A")
    assert desk.depth(11, 12, symbol="A") == Flag.UNKNOWN
    desk.hub.stream_down(desk.stream, desk.now_ns)
    assert desk.state("A") == LIVE
    assert desk.state("B") == LOST


def test_a_listing_of_quotes_alone_is_live_from_its_first_quote(hub_class: Any) -> None:
    desk = Desk(hub_class, WHOLE)
    desk.listing(depth=False)
    assert desk.quote(1, (99, 1), (101, 2)) == Flag.TOP | Flag.STATE | Flag.QUOTE
    assert desk.state() == LIVE
    assert desk.top() == (99, 1, 101, 2)
    desk.wait(3)
    assert state(desk) is BookState.SILENT
    desk.quote(2, (99, 1), (101, 2))
    assert desk.state() == LIVE
    desk.hub.stream_down(desk.stream, desk.now_ns)
    assert desk.state() == LOST
    desk.quote(1, (98, 1), (101, 2))
    assert desk.state() == LIVE
