"""Frames that are not as described: what is refused, whom it costs the book, and what is passed over."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.desk import ASKS, BIDS, Desk
from tests.core.dialects import BARE, OBJECT, RAW, WRAPPED, Deal
from tests.core.wire import WIRE, field, fixed64

from oneprice.core.describe import encode
from oneprice.core.states import BookState, Flag, Reason

LIVE = (BookState.LIVE, Reason.NONE)
MALFORMED = (BookState.GAP, Reason.MALFORMED)


@pytest.fixture
def desk(hub_class: Any) -> Desk:
    """Two live books at 11 on one connection."""
    desk = Desk(hub_class)
    desk.live("A")
    desk.live("B")
    return desk


def raw(members: str = '"pu":11,"u":12', bids: str = '[["100","1"]]', rest: str = "", symbol: str = '"A"') -> bytes:
    return f'{{"e":"depthUpdate","s":{symbol},{members},"b":{bids},"a":[]{rest}}}'.encode()


def nest(count: int) -> str:
    return "[" * count + "]" * count


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        raw()[:-1],
        raw() + b"x",
        raw() + raw(),
        b"\xef\xbb\xbf" + raw(),
        raw().replace(b"100", b"\xff00"),
        raw(rest=',"x":NaN'),
        raw(rest=',"x":-Infinity'),
        raw(rest=',"x":01'),
        raw(rest=',"x":1.'),
        raw(rest=',"x":.5'),
        raw(rest=',"x":+1'),
        raw(rest=',"x":"a\tb"'),
        raw(rest=',"x":"\\x41"'),
        raw(rest=',"x":"\\u12"'),
        raw(rest=","),
        raw(rest=',"x":[1,]'),
        raw(rest=',"s":"A"'),
        raw(rest=',"\\u0073":"A"'),
        raw(rest=f',"x":{nest(32)}'),
        raw(rest=f',"x":1,"x":{nest(32)},"x":2'),
        raw(bids=f'[["100","1"],["101",{nest(30)}]]'),
        raw(symbol="5"),
        raw(symbol="null"),
        raw(rest=',"x":"' + "y" * 1500 + '"'),
    ],
)
def test_a_frame_that_cannot_be_trusted_costs_all_books_of_its_connection(desk: Desk, frame: bytes) -> None:
    assert desk.frame(frame) == Flag.MALFORMED | Flag.STATE
    assert desk.state("A") == desk.state("B") == MALFORMED
    assert (desk.counts("A")["malformed"], desk.counts("B")["malformed"]) == (1, 1)
    assert (desk.hub.listing_of_frame, desk.hub.message_of_frame) == (-1, -1)


@pytest.mark.parametrize(
    "frame",
    [
        raw('"pu":11'),
        raw('"u":12'),
        raw('"pu":11,"u":null'),
        raw('"pu":11,"u":0'),
        raw('"pu":11,"u":-12'),
        raw('"pu":11,"u":12.0'),
        raw('"pu":11,"u":true'),
        raw('"pu":11,"u":9223372036854775808'),
        raw('"pu":13,"u":12'),
        raw(bids="null"),
        raw(bids="5"),
        raw(bids="{}"),
        raw(bids='["100","1"]'),
        raw(bids='[["100"]]'),
        raw(bids='[[100,"1"]]'),
        raw(bids='[["100",1]]'),
        raw(bids='[["100",null]]'),
        raw(bids='[["","1"]]'),
        raw(bids='[["0","1"]]'),
        raw(bids='[["-100","1"]]'),
        raw(bids='[["+100","1"]]'),
        raw(bids='[[" 100","1"]]'),
        raw(bids='[["1_00","1"]]'),
        raw(bids='[["0x64","1"]]'),
        raw(bids='[["100","NaN"]]'),
        raw(bids='[["100","1e"]]'),
        raw(bids='[["100","1e18"]]'),
        raw(bids='[["100.5","1"],["x","1"]]'),
        raw(bids='[["\u0661","1"]]'),
        raw(rest=',"T":"soon"'),
        raw(rest=',"T":-5'),
        raw(rest=',"T":[]'),
    ],
)
def test_a_message_that_makes_no_sense_costs_its_own_book_alone(desk: Desk, frame: bytes) -> None:
    assert desk.frame(frame) == Flag.MALFORMED | Flag.STATE
    assert desk.state("A") == MALFORMED
    assert desk.state("B") == LIVE
    assert (desk.counts("A")["malformed"], desk.counts("B")["malformed"]) == (1, 0)
    assert (desk.hub.listing_of_frame, desk.hub.message_of_frame) == (0, 0)


@pytest.mark.parametrize("bids", ['[["100.5","1"]]', '[["100","0.5"]]', '[["100.5","0"]]', '[["1e-1","1"]]'])
def test_a_number_off_the_grid_asks_for_new_rules(desk: Desk, bids: str) -> None:
    assert desk.frame(raw(bids=bids)) == Flag.MALFORMED | Flag.STATE
    assert desk.state("A") == (BookState.GAP, Reason.OFF_GRID)
    assert desk.state("B") == LIVE


@pytest.mark.parametrize(
    "frame",
    [
        raw(rest=',"x":{"s":[null,true,{"s":-0.5e-3}]}'),
        raw(rest=',"x":1,"x":2'),
        raw(rest=f',"x":{nest(31)}'),
        raw(rest=',"\u00e9":"\\ud83d\\ude00 \\ud800"'),
        raw().replace(b'"u"', b'"\\u0075"'),
        raw().replace(b'"100"', b'"\\u0031\\u00300"'),
        raw().replace(b'"100"', b'"100.000"'),
        raw().replace(b'"100"', b'"00100"'),
        raw().replace(b'"100"', b'"1e2"'),
        raw().replace(b'"100"', b'"1000E-1"'),
        raw().replace(b'["100","1"]', b'["100","1","more",[]]'),
        raw('"pu":"11","u":"12"'),
        raw().replace(b",", b" ,\n").replace(b":", b"\t: "),
        b'{"a":[],"b":[["100","1"]],"u":12,"pu":11,"s":"A","e":"depthUpdate"}',
        b'{"b":[["100","1"]],"s":"A","a":[],"u":12,"e":"depthUpdate","pu":11}',
    ],
)
def test_what_json_allows_makes_no_difference(desk: Desk, frame: bytes) -> None:
    assert desk.frame(frame) == Flag.TOP
    assert desk.state("A") == LIVE
    assert desk.levels("A")[0] == [(100, 1), *BIDS]


@pytest.mark.parametrize("again", range(4))
def test_a_frame_is_read_the_same_however_often_its_shape_came_before(desk: Desk, again: int) -> None:
    for number in range(11, 12 + again):
        desk.depth(number, number + 1, [(97, number)])
    for spoilt in (raw(rest=',"x":1.'), raw(bids='[["100","1"'), raw('"pu":11,"u":1x')):
        assert desk.frame(spoilt) & Flag.MALFORMED


@pytest.mark.parametrize(
    "frame", [b'{"result":null,"id":1}', b"[]", b'"pong"', b"5", b'{"e":"pong","s":"A"}', b'{"e":5}']
)
def test_what_is_described_nowhere_is_for_the_codec(desk: Desk, frame: bytes) -> None:
    assert desk.frame(frame) == Flag.CONTROL
    assert desk.state("A") == LIVE
    assert desk.hub.message_of_frame == -1


@pytest.mark.parametrize("symbol", ['"C"', '""', '"a"', '"A\\u0000"', '"\\ud800"'])
def test_a_symbol_that_nobody_asked_for_is_passed_over(desk: Desk, symbol: str) -> None:
    assert desk.frame(raw(symbol=symbol)) == Flag.UNKNOWN
    assert desk.state("A") == LIVE
    assert (desk.hub.listing_of_frame, desk.hub.message_of_frame) == (-1, 0)


def test_a_symbol_in_escapes_is_the_same_symbol(desk: Desk) -> None:
    assert desk.frame(raw(symbol='"\\u0041"')) == Flag.TOP


def test_more_levels_than_allowed_are_refused(hub_class: Any) -> None:
    desk = Desk(hub_class, levels_per_frame_max=3)
    desk.live()
    assert desk.depth(11, 12, [(90 + place, 1) for place in range(3)]) == Flag(0)
    assert desk.depth(12, 13, [(90 + place, 1) for place in range(4)]) & Flag.MALFORMED
    assert desk.state() == MALFORMED


def test_a_side_may_be_missing_where_the_venue_leaves_it_out(hub_class: Any) -> None:
    desk = Desk(hub_class, BARE)
    desk.listing()
    desk.snapshot(10)
    assert desk.depth(10, 11, [(100, 1)]) == Flag.TOP
    assert desk.depth(11, 12, [], [(100, 0)]) == Flag(0)
    assert desk.levels() == ([(100, 1), *BIDS], [*ASKS])


def test_an_empty_list_of_levels_is_no_change_whatever_levels_look_like(hub_class: Any) -> None:
    desk = Desk(hub_class, OBJECT)
    desk.live()
    assert desk.depth(11, 12, [], []) == Flag(0)
    assert desk.state() == LIVE


@pytest.mark.parametrize(
    ("level", "fine"),
    [
        ('{"p":"100","s":"1"}', True),
        ('{"s":1,"x":{"p":[]},"p":"100"}', True),
        ('{"x":1,"x":2,"s":1,"p":"100"}', True),
        ('{"p":100,"s":"1"}', False),
        ('{"p":"100"}', False),
        ('{"p":"100","s":"1","p":"100"}', False),
        ('["100","1"]', False),
        ("null", False),
    ],
)
def test_levels_as_objects(hub_class: Any, level: str, fine: bool) -> None:
    desk = Desk(hub_class, OBJECT)
    desk.live()
    inner = f'"t":5,"s":"A","U":12,"u":12,"b":[{level}],"a":[]'
    flags = desk.frame(f'{{"channel":"ob.update","event":"update","result":{{{inner}}}}}'.encode())
    assert flags == (Flag.TOP if fine else Flag.MALFORMED | Flag.STATE)


def test_a_malformed_snapshot_costs_its_own_book_alone(desk: Desk) -> None:
    for body in (b"<html>", b'{"lastUpdateId":50,"bids":[]}', b'{"lastUpdateId":50,"bids":[["x","1"]],"asks":[]}'):
        desk.live("A", last=desk.hub.sequence(0) + 10)
        assert Flag(desk.hub.on_snapshot(0, desk.body, body, desk.now_ns)) == Flag.MALFORMED | Flag.STATE
        assert desk.state("A") == MALFORMED
        assert desk.state("B") == LIVE


# ---------------------------------------------------------------------- trades


def test_trades_are_told_in_their_order(hub_class: Any) -> None:
    desk = Desk(hub_class, BARE)
    desk.live()
    deals = [Deal("A", "100", "2", True, 7, 1_700_000_000_123), Deal("A", "101", "3", False, 8, 5)]
    assert desk.frame(BARE.trades(deals)) == Flag.TRADE
    assert desk.hub.events() == [
        ("trade", desk.now_ns, 0, 100, 2, 1, "7", 1_700_000_000_123_000_000),
        ("trade", desk.now_ns, 0, 101, 3, -1, "8", 5_000_000),
    ]


def test_a_trade_that_makes_no_sense_costs_no_book(hub_class: Any) -> None:
    desk = Desk(hub_class, RAW)
    desk.live()
    for price in ("x", "100.5", "0"):
        assert desk.frame(RAW.trades([Deal("A", price, "1", True, 1, 5)])) == Flag.MALFORMED
    assert desk.state() == LIVE
    assert desk.counts()["malformed"] == 3
    assert desk.hub.events() == []


def test_the_sign_of_a_quantity_is_the_takers_side(hub_class: Any) -> None:
    desk = Desk(hub_class, RAW)
    desk.listing()
    for buys in (True, False):
        desk.frame(RAW.trades([Deal("A", "100", "3", buys, 1, 5)]))
    assert [event[4:6] for event in desk.hub.events()] == [(3, 1), (3, -1)]


def test_trades_of_several_symbols_in_one_frame_go_to_each_its_own(hub_class: Any) -> None:
    desk = Desk(hub_class, OBJECT)
    desk.live("A")
    desk.live("B")
    deals = [Deal(symbol, "100", "3", True, 1, 5) for symbol in ("B", "C", "A")]
    assert desk.frame(OBJECT.trades(deals)) == Flag.TRADE | Flag.UNKNOWN
    assert [event[2] for event in desk.hub.events()] == [1, 0]
    spoilt = [Deal("A", "x", "3", True, 1, 5), Deal("B", "100", "3", True, 1, 5)]
    assert desk.frame(OBJECT.trades(spoilt)) == Flag.MALFORMED | Flag.TRADE
    assert [event[2] for event in desk.hub.events()] == [1]
    assert desk.frame(b'{"channel":"ob.trades","event":"update","result":{}}') == Flag.MALFORMED
    assert desk.state("A") == desk.state("B") == LIVE


@pytest.mark.parametrize("number", [b'"\\ud800"', b'"\\udc00\\ud800"', b"true", b"[]"])
def test_a_trade_id_that_is_no_text_is_refused(hub_class: Any, number: bytes) -> None:
    desk = Desk(hub_class, RAW)
    desk.live()
    frame = RAW.trades([Deal("A", "100", "1", True, 99, 5)]).replace(b'"99"', number)
    assert desk.frame(frame) == Flag.MALFORMED


def test_a_trade_id_may_be_any_text(hub_class: Any) -> None:
    desk = Desk(hub_class, RAW)
    desk.live()
    frame = RAW.trades([Deal("A", "100", "1", True, 99, 5)]).replace(b'"99"', '"\\ud83d\\ude00é"'.encode())
    assert desk.frame(frame) == Flag.TRADE
    assert desk.hub.events()[0][6] == "\U0001f600é"


# ---------------------------------------------------------------------- protobuf


def wire_depth(bids: bytes, asks: bytes = b"", *, last: bytes = field(5, "12")) -> bytes:
    body = asks + bids + field(4, "12") + last
    return field(1, "channel") + field(3, "A") + field(6, 1_700_000_000_000) + field(313, body)


def wire_level(number: int, price: str, quantity: str) -> bytes:
    return field(number, field(1, price) + field(2, quantity))


@pytest.fixture
def wire(hub_class: Any) -> Desk:
    """A live protobuf book at 11 beside another on the same connection."""
    desk = Desk(hub_class, WIRE)
    desk.live("A")
    desk.live("B")
    return desk


@pytest.mark.parametrize(
    "frame",
    [
        wire_depth(wire_level(2, "100", "1")),
        wire_depth(wire_level(2, "100", "1"), last=field(6, 12)),
        wire_depth(wire_level(2, "100", "1") + field(77, "new") + fixed64(78) + field(79, 2**64 - 1)),
        wire_depth(field(2, field(9, b"\xff") + field(2, "1") + field(1, "100"))),
    ],
)
def test_protobuf_is_read_by_field_number(wire: Desk, frame: bytes) -> None:
    assert wire.frame(frame) == Flag.TOP
    assert wire.top("A") == (100, 1, 101, 5)
    assert wire.hub.times(0)[1] == 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    "frame",
    [
        wire_depth(b"")[:-1],
        wire_depth(b"") + b"\x00",
        wire_depth(b"") + b"\x0b",
        wire_depth(b"") + field(3, "A"),
        wire_depth(b"") + b"\x80" * 10 + b"\x01",
        wire_depth(field(2, b"\x0a\x05")),
        wire_depth(wire_level(2, "x", "1"), field(1, b"\x0a\x05")),
        wire_depth(field(2, 5)),
        field(3, 5) + field(313, field(4, "12")),
    ],
)
def test_protobuf_that_cannot_be_trusted_costs_all_books(wire: Desk, frame: bytes) -> None:
    assert wire.frame(frame) == Flag.MALFORMED | Flag.STATE
    assert wire.state("A") == wire.state("B") == MALFORMED


@pytest.mark.parametrize(
    "frame",
    [
        wire_depth(wire_level(2, "x", "1")),
        wire_depth(field(2, field(1, "100"))),
        wire_depth(field(2, field(1, "100") + field(2, 1))),
        wire_depth(field(2, field(1, "100") + field(2, "1") + field(1, "100"))),
        wire_depth(wire_level(2, "1\xe9", "1")),
        wire_depth(b"", last=field(6, 2**63)),
        wire_depth(b"", last=fixed64(6)),
        wire_depth(b"", last=b""),
    ],
)
def test_a_protobuf_message_that_makes_no_sense_costs_its_own_book_alone(wire: Desk, frame: bytes) -> None:
    assert wire.frame(frame) == Flag.MALFORMED | Flag.STATE
    assert wire.state("A") == MALFORMED
    assert wire.state("B") == LIVE


def test_json_on_a_protobuf_connection_is_for_the_codec(wire: Desk) -> None:
    assert wire.frame(b'{"msg":"PONG"}') == Flag.CONTROL


def test_a_trades_side_of_another_kind_of_field_is_refused(wire: Desk) -> None:
    def trade(side: bytes) -> bytes:
        return field(3, "A") + field(314, field(1, field(1, "100") + field(2, "1") + side))

    assert wire.frame(trade(field(3, 2))) == Flag.TRADE
    for side in (fixed64(3), field(3, 1) + field(3, 1), b"", field(3, 0)):
        assert wire.frame(trade(side)) == Flag.MALFORMED


# ---------------------------------------------------------------------- what the hub is told


def test_wrong_arguments_are_refused_by_name(hub_class: Any) -> None:
    desk = Desk(hub_class)
    desk.listing()
    with pytest.raises(ValueError, match="nonsense"):
        desk.hub.bind(desk.stream, "nonsense", "A", 0)
    with pytest.raises(ValueError):
        desk.hub.add_cycle([(0, 1), (7, 1)])
    with pytest.raises(ValueError):
        desk.hub.add_cycle([(0, 1), (0, 0)])
    for legs in (1, 7):
        with pytest.raises(ValueError):
            desk.hub.add_cycle([(0, 1)] * legs)
    with pytest.raises(ValueError):
        desk.hub.lose(0, 99, 0)
    with pytest.raises(ValueError):
        desk.hub.add_listing(b'{"key":"x"}')
    with pytest.raises(ValueError):
        desk.hub.add_stream(encode(WRAPPED.snapshot)[:-1])
    with pytest.raises(ValueError):
        hub_class(b'{"silent_after":1}')
    for call in (desk.hub.state, desk.hub.top, desk.hub.listing_hash, desk.hub.stream_up):
        with pytest.raises(IndexError):
            call(7)
    with pytest.raises(IndexError):
        desk.hub.on_snapshot(0, 7, b"", 0)
    with pytest.raises(IndexError):
        desk.hub.on_frame(7, b"", 0)
