"""MEXC's streams: names, protobuf and JSON frames through the hub, and control frames."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.core.states import BookState, Flag, Reason
from oneprice.errors import InvalidResponseError, NotSupported
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import Ack, Binding, Channel, Pong, PublicMarket, Refusal
from oneprice.venues.mexc import VENUE

Follow = Callable[..., Any]
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))


def listing_of(market: PublicMarket) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=market.kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), market.kind is MarketKind.USDM),
        venue_symbol="BTCUSDT" if market.kind is MarketKind.SPOT else "BTC_USDT",
        tick_size=D("0.1"),
        lot_size=D("0.001"),
    )


def fixture(shared: Path, name: str) -> bytes:
    return (shared / "fixtures" / "mexc" / name).read_bytes()


def sent(messages: list[bytes]) -> list[object]:
    return [msgspec.json.decode(message) for message in messages]


# ---------------------------------------------------------------------- asking


@pytest.mark.parametrize(
    ("market", "channel", "name", "message", "symbol"),
    [
        (SPOT, Channel.DEPTH, "spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT", "depth", "BTCUSDT"),
        (SPOT, Channel.QUOTE, "spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT", "book_ticker", "BTCUSDT"),
        (SPOT, Channel.TRADES, "spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT", "deals", "BTCUSDT"),
        (USDM, Channel.DEPTH, "depth:BTC_USDT", "depth", "BTC_USDT"),
        (USDM, Channel.TRADES, "deal:BTC_USDT", "deal", "BTC_USDT"),
    ],
)
def test_names(market: PublicMarket, channel: Channel, name: str, message: str, symbol: str) -> None:
    told = market.subscription(listing_of(market), channel)
    assert (told.name, told.bindings) == (name, (Binding(message, symbol),))
    assert told.path in market.stream_urls
    assert message in {described.name for described in market.stream(told.path).messages}


def test_a_ticker_without_quantities_is_no_quote() -> None:
    with pytest.raises(NotSupported, match="depth serves"):
        USDM.subscription(listing_of(USDM), Channel.QUOTE)


def test_each_name_has_a_message_since_answers_have_no_number() -> None:
    assert SPOT.limits.names_per_message == USDM.limits.names_per_message == 1
    names = ["spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT", "spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT"]
    assert sent(SPOT.subscribe(names, 7, 0)) == [
        {"method": "SUBSCRIPTION", "params": [name], "id": 7} for name in names
    ]
    assert sent(SPOT.unsubscribe(names[:1], 8, 0)) == [{"method": "UNSUBSCRIPTION", "params": names[:1], "id": 8}]
    depth = {"symbol": "BTC_USDT", "compress": False}
    assert sent(USDM.subscribe(["depth:BTC_USDT", "deal:BTC_USDT"], 7, 0)) == [
        {"method": "sub.depth", "param": depth, "gzip": False},
        {"method": "sub.deal", "param": {"symbol": "BTC_USDT"}, "gzip": False},
    ]
    assert sent(USDM.unsubscribe(["depth:BTC_USDT"], 8, 0)) == [
        {"method": "unsub.depth", "param": depth, "gzip": False}
    ]


def test_we_ping_on_both_markets() -> None:
    assert SPOT.ping(0) == b'{"method":"PING"}'
    assert USDM.ping(0) == b'{"method":"ping"}'
    assert SPOT.limits.ping_every_s == USDM.limits.ping_every_s == 15.0
    assert SPOT.limits.subscriptions_per_connection == 30
    assert SPOT.limits.lifetime_s == 86_400.0


# ---------------------------------------------------------------------- protobuf by hand


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def level(price: str, quantity: str) -> bytes:
    return field(1, price) + field(2, quantity)


def push(channel: str, body: bytes, symbol: str = "BTCUSDT") -> bytes:
    return field(1, channel) + field(3, symbol) + body + field(6, 1754741322152)


def depth(first: int, last: int, bids: list[bytes] = [], asks: list[bytes] = []) -> bytes:  # noqa: B006 - read only
    sides = b"".join(field(1, ask) for ask in asks) + b"".join(field(2, bid) for bid in bids)
    versions = field(4, str(first)) + field(5, str(last)) + field(6, 1754741322000)
    body = sides + field(3, "spot@public.aggre.depth.v3.api.pb@10ms") + versions
    return push("spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT", field(313, body))


def rest(last: int) -> bytes:
    book = {"lastUpdateId": last, "bids": [["100.1", "1"], ["100.0", "2"]], "asks": [["100.3", "3"]]}
    return msgspec.json.encode(book)


def spot_book(follow: Follow, *messages: str, tick: str = "0.1", symbol: str = "BTCUSDT") -> Any:
    return follow(SPOT.stream("public"), symbol, messages, tick, "0.00000001", SPOT.snapshot())


def test_field_313_is_two_bytes_on_the_wire() -> None:
    assert field(313, b"")[:2] == bytes.fromhex("ca13")


def test_a_spot_book_is_the_snapshot_and_the_versions_after_it(follow: Follow) -> None:
    book = spot_book(follow, "depth")
    book.frame(depth(5, 9, bids=[level("100.1", "9")]))
    book.frame(depth(10, 12, bids=[level("100.1", "5")], asks=[level("100.3", "0"), level("100.4", "1")]))
    assert book.state() is BookState.SYNCING
    book.rest(rest(10))
    assert book.state() is BookState.LIVE
    book.frame(depth(13, 13, asks=[level("100.4", "0.00000000"), level("100.5", "1.5")]))
    assert book.levels(3) == ([(D("100.1"), D(5)), (D(100), D(2))], [(D("100.5"), D("1.5"))])
    assert (book.counts["dropped"], book.counts["applied"]) == (1, 2)
    assert book.hub.times(book.listing)[1] == 1_754_741_322_152_000_000


def test_a_snapshot_before_the_first_version_is_too_old(follow: Follow) -> None:
    book = spot_book(follow, "depth")
    book.frame(depth(12, 14))
    book.rest(rest(10))
    assert (book.state(), book.hub.reason(book.listing)) == (BookState.SYNCING, Reason.SNAPSHOT_OLD)
    book.rest(rest(11))
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, 14)


def test_a_missing_version_is_a_gap(follow: Follow) -> None:
    book = spot_book(follow, "depth")
    book.rest(rest(10))
    book.frame(depth(12, 12))
    assert (book.state(), book.hub.reason(book.listing)) == (BookState.GAP, Reason.SEQUENCE)


def test_a_frame_without_a_body_is_ignored_and_no_gap(follow: Follow) -> None:
    book = spot_book(follow, "depth")
    book.rest(rest(10))
    empty = push("spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT", b"")
    assert book.frame(empty) == Flag.CONTROL
    assert SPOT.control(empty, True) == []
    book.frame(depth(11, 11))
    assert book.state() is BookState.LIVE


def test_a_truncated_frame_takes_the_book_away(follow: Follow) -> None:
    book = spot_book(follow, "depth")
    book.rest(rest(10))
    assert Flag.MALFORMED in book.frame(depth(11, 11, bids=[level("100.1", "1")])[:-9])
    assert book.state() is BookState.GAP


@given(cut=st.integers(0, 140), put=st.binary(max_size=4))
def test_no_bytes_make_the_hub_raise(cut: int, put: bytes) -> None:
    from oneprice.core import Hub
    from oneprice.core.describe import encode
    from oneprice.core.specs import listing_spec

    hub = Hub(b"{}")
    spec = listing_spec("mexc-spot:BTC/USDT", tick_size=D("0.1"), lot_size=D("0.001"))
    listing = hub.add_listing(msgspec.json.encode(spec))
    stream = hub.add_stream(encode(SPOT.stream("public")))
    hub.bind(stream, "depth", "BTCUSDT", listing)
    whole = depth(11, 11, bids=[level("100.1", "1")], asks=[level("100.2", "1")])
    for frame in (whole[:cut] + put, whole[:cut] + put + whole[cut + len(put) :]):
        hub.on_frame(stream, frame, 1)
    assert hub.state(listing) in (BookState.SYNCING, BookState.GAP)


def test_quotes(follow: Follow) -> None:
    book = spot_book(follow, "book_ticker")
    both = field(1, "100.1") + field(2, "0.5") + field(3, "100.2") + field(4, "3") + field(5, "43296363255")
    channel = "spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT"
    assert Flag.QUOTE in book.frame(push(channel, field(315, both)))
    assert book.quote() == (D("100.1"), D("0.5"), D("100.2"), D(3), 0)
    book.frame(push(channel, field(315, field(3, "100.2") + field(4, "3"))))
    assert book.quote() == (0, 0, D("100.2"), D(3), 0)


def test_trades_have_the_takers_side(follow: Follow) -> None:
    book = spot_book(follow, "deals")
    sold = level("100.1", "0.2") + field(3, 2) + field(4, 1710000000001) + field(5, "1X0_2X0")
    bought = level("100.2", "0.3") + field(3, 1) + field(4, 1710000000002)
    body = field(1, sold) + field(1, bought) + field(2, "spot@public.aggre.deals.v3.api.pb@10ms")
    book.frame(push("spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT", field(314, body)))
    assert book.trades() == [
        (D("100.1"), D("0.2"), -1, "1X0_2X0", 1_710_000_000_001_000_000),
        (D("100.2"), D("0.3"), 1, "", 1_710_000_000_002_000_000),
    ]


# ---------------------------------------------------------------------- perpetuals


def change(
    version: int, bids: list[object] | None = None, asks: list[object] | None = None, **merged: object
) -> dict[str, object]:
    data = {"cts": 1790855361782, "bids": bids or [], "asks": asks or [], "version": version} | merged
    return {"symbol": "BTC_USDT", "data": data, "channel": "push.depth", "ts": 1790855361787}


def contract_rest(version: int) -> bytes:
    data = {"asks": [[100.3, 3, 1]], "bids": [[100.1, 1, 1], [100, 2, 1]], "version": version, "timestamp": 5}
    return msgspec.json.encode({"success": True, "code": 0, "data": data})


def usdm_book(follow: Follow, *messages: str) -> Any:
    return follow(USDM.stream("public"), "BTC_USDT", messages, "0.1", "1", USDM.snapshot())


def test_a_perpetual_book_counts_versions_or_spans_of_them(follow: Follow) -> None:
    book = usdm_book(follow, "depth")
    book.frame(change(10, bids=[[100.1, 9, 1]]))
    book.frame(change(12, asks=[[100.4, 1, 1]], begin=10, end=12))
    book.rest(contract_rest(10))
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, 12)
    book.frame(change(13, bids=[[100.1, 7, 1]], begin=None, end=0))
    book.frame(change(14, bids=[[1.002e2, 4, 2]], asks=[[100.3, 0, 0]]))
    book.frame(change(17, begin=15, end=17))
    assert book.state() is BookState.LIVE
    assert book.levels(3) == ([(D("100.2"), D(4)), (D("100.1"), D(7)), (D(100), D(2))], [(D("100.4"), D(1))])
    assert book.hub.times(book.listing)[1] == 1_790_855_361_787_000_000
    book.frame(change(20, begin=19, end=20))
    assert (book.state(), book.hub.reason(book.listing)) == (BookState.GAP, Reason.SEQUENCE)


def test_perpetual_trades(follow: Follow) -> None:
    book = usdm_book(follow, "deal")
    rows = [
        {"p": 115309.8, "v": 55, "T": 2, "O": 3, "M": 1, "t": 1755487578276, "i": "130"},
        {"p": 115309.9, "v": 1, "T": 1, "O": 3, "M": 1, "t": 1755487578275, "i": "131"},
    ]
    book.frame({"symbol": "BTC_USDT", "data": rows, "channel": "push.deal", "ts": 1})
    assert book.trades() == [
        (D("115309.8"), D(55), -1, "130", 1_755_487_578_276_000_000),
        (D("115309.9"), D(1), 1, "131", 1_755_487_578_275_000_000),
    ]


# ---------------------------------------------------------------------- control

NAME = "spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT"


def test_spot_control_frames_are_told_by_their_text() -> None:
    def told(**answer: object) -> object:
        return SPOT.control(msgspec.json.encode({"id": 0, "code": 0} | answer), False)

    assert told(msg=NAME) == [Ack(0)]
    assert told(msg=NAME, id=7) == [Ack(7)]
    assert told(msg="PONG") == [Pong()]
    refusal = f"Not Subscribed successfully! [{NAME}].  Reason\uff1a Blocked! "
    assert told(msg=refusal, id=7) == [Ack(7, {"": f"{refusal.strip()} (code 0)"})]
    assert told(msg="busy", code=1) == [Ack(0, {"": "busy (code 1)"})]
    assert told(msg="msg format invalid") == [Refusal("msg format invalid")]


def test_perpetual_control_frames() -> None:
    def told(**answer: object) -> object:
        return USDM.control(msgspec.json.encode(answer), False)

    assert told(channel="pong", data=1790855361766) == [Pong()]
    assert told(channel="rs.sub.depth", data="success", ts=1790855361766) == [Ack(0)]
    assert told(channel="rs.unsub.deal", data="success", ts="1790855361766") == [Ack(0)]
    assert told(channel="rs.error", data="Contract doesn't exist!") == [Ack(0, {"": "Contract doesn't exist!"})]
    assert told(channel="rs.sub.depth", data="fail") == [Ack(0, {"": "fail"})]


@pytest.mark.parametrize("market", [SPOT, USDM], ids=["spot", "usdm"])
@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"\xff", b"[" * 10_000, b"{}", b'{"msg":7,"channel":7}'])
def test_what_is_nothing_known_is_refused(market: PublicMarket, payload: bytes) -> None:
    with pytest.raises(InvalidResponseError, match="unknown control frame"):
        market.control(payload, False)


# ---------------------------------------------------------------------- what the venue really sent


def decoded(shared: Path, name: str, body: str) -> tuple[dict[str, Any], Any]:
    whole = msgspec.json.decode(fixture(shared, f"{name}.json"))
    return whole, whole[body]


def pairs(rows: list[dict[str, str]]) -> list[tuple[Decimal, Decimal]]:
    return [(D(row["price"]), D(row["quantity"])) for row in rows if D(row["quantity"])]


@pytest.mark.parametrize("name", ["spot_ws_public_aggre_depth", "spot_ws_public_aggre_depth_btcusdc"])
def test_depth_frames_are_what_their_json_says(shared: Path, follow: Follow, name: str) -> None:
    whole, body = decoded(shared, name, "publicAggreDepths")
    book = spot_book(follow, "depth", tick="0.01", symbol=whole["symbol"])
    first, last = int(body["fromVersion"]), int(body["toVersion"])
    empty = msgspec.json.encode({"lastUpdateId": first - 1, "bids": [], "asks": []})
    book.rest(empty)
    book.frame(fixture(shared, f"{name}.pb"))
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, last)
    assert book.levels(5) == (pairs(body["bids"]), pairs(body["asks"]))
    assert book.hub.times(book.listing)[1] == int(whole["sendTime"]) * 1_000_000


def test_a_limit_depth_frame_is_a_whole_book(shared: Path, follow: Follow) -> None:
    _, body = decoded(shared, "spot_ws_public_limit_depth", "publicLimitDepths")
    book = spot_book(follow, "limit_depth", tick="0.01")
    book.frame(fixture(shared, "spot_ws_public_limit_depth.pb"))
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, int(body["version"]))
    assert book.levels(5) == (pairs(body["bids"]), pairs(body["asks"]))


def test_a_quote_frame_is_what_its_json_says(shared: Path, follow: Follow) -> None:
    _, body = decoded(shared, "spot_ws_public_aggre_book_ticker", "publicAggreBookTicker")
    book = spot_book(follow, "book_ticker", tick="0.01")
    book.frame(fixture(shared, "spot_ws_public_aggre_book_ticker.pb"))
    names = ("bidPrice", "bidQuantity", "askPrice", "askQuantity")
    assert book.quote() == (*(D(body[name]) for name in names), 0)


@pytest.mark.parametrize("name", ["spot_ws_public_aggre_deals", "spot_ws_public_aggre_deals_2026_trade_id"])
def test_trade_frames_are_what_their_json_says(shared: Path, follow: Follow, name: str) -> None:
    whole, body = decoded(shared, name, "publicAggreDeals")
    book = spot_book(follow, "deals", tick="0.01", symbol=whole["symbol"])
    book.frame(fixture(shared, f"{name}.pb"))
    assert book.trades() == [
        (
            D(row["price"]),
            D(row["quantity"]),
            {1: 1, 2: -1}[row["tradeType"]],
            row.get("tradeId", ""),
            int(row["time"]) * 1_000_000,
        )
        for row in body["deals"]
    ]


@pytest.mark.parametrize(
    "name",
    [
        "spot_ws_public_aggre_depth_empty_body",
        "spot_ws_private_account_order_placed",
        "spot_ws_private_deals",
        "spot_ws_private_orders_filled",
    ],
)
def test_frames_without_a_body_of_ours_say_nothing(shared: Path, follow: Follow, name: str) -> None:
    book = spot_book(follow, "depth", "book_ticker", "deals")
    frame = fixture(shared, f"{name}.pb")
    assert book.frame(frame) == Flag.CONTROL
    assert SPOT.control(frame, True) == []
    assert book.state() is BookState.SYNCING


def test_recorded_perpetual_depth(shared: Path, follow: Follow) -> None:
    frames = fixture(shared, "futures_ws_push_depth_sequence.jsonl").splitlines()
    book = usdm_book(follow, "depth")
    before = {"asks": [[83948.4, 5, 1]], "bids": [[83944.6, 1, 1]], "version": 42265411273, "timestamp": 1}
    book.rest(msgspec.json.encode({"success": True, "code": 0, "data": before}))
    for frame in frames:
        book.frame(frame)
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, 42265411279)
    assert (book.counts["applied"], book.counts["gaps"]) == (6, 0)
    assert book.levels(5) == (
        [(D("83944.6"), D(33003)), (D("83943.9"), D(7240))],
        [(D("83944.7"), D(478428)), (D("83948.2"), D(303))],
    )
    without = usdm_book(follow, "depth")
    without.rest(msgspec.json.encode({"success": True, "code": 0, "data": before}))
    for frame in (*frames[:2], *frames[3:]):
        without.frame(frame)
    assert without.state() is BookState.GAP


def test_recorded_merged_perpetual_depth(shared: Path, follow: Follow) -> None:
    book = usdm_book(follow, "depth")
    before = {"asks": [], "bids": [], "version": 4895965270, "timestamp": 1}
    book.rest(msgspec.json.encode({"success": True, "code": 0, "data": before}))
    book.frame(fixture(shared, "futures_ws_push_depth_compressed.json"))
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, 4895965272)
    assert book.levels(2) == ([(D(39144), D(35460))], [(D("39146.5"), D(11264))])


def test_recorded_perpetual_trades(shared: Path, follow: Follow) -> None:
    book = usdm_book(follow, "deal")
    book.frame(fixture(shared, "futures_ws_push_deal.json"))
    assert book.trades() == [
        (D("115309.8"), D(55), -1, "13064218826", 1_755_487_578_276_000_000),
        (D("115309.8"), D(11), 1, "13064218827", 1_755_487_578_275_000_000),
    ]


def test_recorded_control_frames(shared: Path) -> None:
    assert SPOT.control(fixture(shared, "spot_ws_pong.json"), False) == [Pong()]
    assert SPOT.control(fixture(shared, "spot_ws_subscribe_ack.json"), False) == [Ack(0)]
    (refused,) = SPOT.control(fixture(shared, "spot_ws_subscribe_blocked.json"), False)
    assert isinstance(refused, Ack)
    assert "Blocked!" in refused.refused[""]
    assert USDM.control(fixture(shared, "futures_ws_sub_depth_ack.json"), False) == [Ack(0)]


@pytest.mark.parametrize("name", ["futures_ws_push_ticker.json", "futures_ws_push_contract.json"])
def test_channels_that_we_never_ask_for_are_nothing_known(shared: Path, name: str) -> None:
    with pytest.raises(InvalidResponseError, match="unknown control frame"):
        USDM.control(fixture(shared, name), False)
