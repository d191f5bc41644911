"""Gate's streams: names, frames through the hub, and control frames."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oneprice.core.states import BookState, Flag, Reason
from oneprice.errors import InvalidResponseError
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.gate import VENUE
from oneprice.venues.gate.streams import FUTURES_SNAPSHOT, FUTURES_STREAM, SPOT_SNAPSHOT, SPOT_STREAM
from oneprice.venues.kit import Ack, Binding, Channel, Closing, Pong, PublicMarket, Refusal

Follow = Callable[..., Any]
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))
both = pytest.mark.parametrize(("market", "word"), [(SPOT, "spot"), (USDM, "futures")], ids=["spot", "usdm"])
WALL_NS = 1_700_000_000_999_999_999


def listing_of(market: PublicMarket) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("gate"),
        market=market.kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), market.kind is MarketKind.USDM),
        venue_symbol="BTC_USDT",
        tick_size=D("0.1"),
        lot_size=D("0.001"),
    )


def fixture(shared: Path, name: str) -> bytes:
    return (shared / "fixtures" / "gate" / name).read_bytes()


# ---------------------------------------------------------------------- asking


@both
@pytest.mark.parametrize(
    ("channel", "message", "argument"),
    [
        (Channel.DEPTH, "obu", "ob.BTC_USDT.50"),
        (Channel.QUOTE, "book_ticker", "BTC_USDT"),
        (Channel.TRADES, "trades", "BTC_USDT"),
    ],
)
def test_names(market: PublicMarket, word: str, channel: Channel, message: str, argument: str) -> None:
    told = market.subscription(listing_of(market), channel)
    assert told.name == f"{word}.{message}:{argument}"
    assert told.path in market.stream_urls
    assert told.bindings == (Binding(message, argument),)
    assert message in {described.name for described in market.stream(told.path).messages}


@both
def test_each_name_is_asked_for_alone_since_one_bad_name_spoils_a_message(market: PublicMarket, word: str) -> None:
    assert market.limits.names_per_message == 1
    names = [f"{word}.obu:ob.BTC_USDT.50", f"{word}.order_book_update:币安人生_USDT,100ms"]
    sent = [msgspec.json.decode(message) for message in market.subscribe(names, 7, WALL_NS)]
    common = {"time": 1_700_000_000, "id": 7, "event": "subscribe"}
    assert sent == [
        {**common, "channel": f"{word}.obu", "payload": ["ob.BTC_USDT.50"]},
        {**common, "channel": f"{word}.order_book_update", "payload": ["币安人生_USDT", "100ms"]},
    ]
    (message,) = market.unsubscribe(names[:1], 8, WALL_NS)
    assert msgspec.json.decode(message) == sent[0] | {"event": "unsubscribe", "id": 8}


@both
def test_ping(market: PublicMarket, word: str) -> None:
    message = market.ping(WALL_NS)
    assert message is not None
    assert msgspec.json.decode(message) == {"time": 1_700_000_000, "channel": f"{word}.ping"}


@both
def test_books_come_whole_from_the_stream(market: PublicMarket, word: str) -> None:
    assert market.snapshot() is None


# ---------------------------------------------------------------------- Order Book V2


def obu(word: str, last: int, first: int | None = None, **told: object) -> dict[str, object]:
    result = {"t": 1_789_455_580_280, "s": "ob.BTC_USDT.50", "u": last} | told
    if first is not None:
        result["U"] = first
    return {"time": 1_789_455_580, "channel": f"{word}.obu", "event": "update", "result": result}


WHOLE: dict[str, Any] = {"full": True, "b": [["100.1", "6"], ["100", "1"]], "a": [["100.3", "4"], ["100.4", "7"]]}


def followed(follow: Follow, market: PublicMarket, *messages: str) -> Any:
    book = follow(market.stream("public"), "ob.BTC_USDT.50", ("obu",), "0.1", "0.1", None)
    for message in messages:
        book.hub.bind(book.stream, message, "BTC_USDT", book.listing)
    return book


@both
def test_the_first_push_is_the_book_and_the_next_ones_follow(market: PublicMarket, word: str, follow: Follow) -> None:
    book = followed(follow, market)
    book.frame(obu(word, 90, 80, b=[["99", "1"]]))
    assert book.state() is BookState.SYNCING
    book.frame(obu(word, 100, **WHOLE))
    assert book.state() is BookState.LIVE
    book.frame(obu(word, 105, 101, b=[["100.1", "6.5"]], a=[["100.3", "0"], ["100.2", "1"]]))
    book.frame(obu(word, 109, 106))  # moves the id and nothing else
    book.frame(obu(word, 110, 110, a=[["100.2", "2"]]))  # no bids is no change of bids
    assert book.levels(3) == ([(D("100.1"), D("6.5")), (D(100), D(1))], [(D("100.2"), D(2)), (D("100.4"), D(7))])
    assert book.hub.sequence(book.listing) == 110
    assert book.hub.times(book.listing)[1] == 1_789_455_580_280_000_000


@both
def test_a_gap_lasts_until_a_whole_book_comes_again(market: PublicMarket, word: str, follow: Follow) -> None:
    book = followed(follow, market)
    book.frame(obu(word, 100, **WHOLE))
    book.frame(obu(word, 105, 102, b=[["100.2", "1"]]))
    assert (book.state(), book.hub.reason(book.listing)) == (BookState.GAP, Reason.SEQUENCE)
    book.frame(obu(word, 106, 106, b=[["100.2", "1"]]))
    assert book.state() is BookState.GAP
    book.frame(obu(word, 120, full=True, b=[["90", "1"]], a=[["91", "1"]]))
    assert book.state() is BookState.LIVE
    assert book.levels(3) == ([(D(90), D(1))], [(D(91), D(1))])


@both
def test_a_whole_book_may_come_at_any_time_and_replaces(market: PublicMarket, word: str, follow: Follow) -> None:
    book = followed(follow, market)
    book.frame(obu(word, 100, **WHOLE))
    book.frame(obu(word, 300, full=True, b=[["90", "1"]], a=[["91", "1"]]))
    assert book.state() is BookState.LIVE
    assert book.levels(3) == ([(D(90), D(1))], [(D(91), D(1))])


@both
def test_levels_beyond_the_subscribed_depth_are_forgotten(market: PublicMarket, word: str, follow: Follow) -> None:
    book = followed(follow, market)
    bids = [[f"{100 - index}", "1"] for index in range(50)]
    book.frame(obu(word, 100, full=True, b=bids, a=[]))
    book.frame(obu(word, 101, 101, b=[["101", "1"]]))
    assert book.hub.sizes(book.listing) == (50, 0)
    assert book.levels(60)[0][-1] == (D(52), D(1))


def test_perpetual_sizes_may_be_bare(follow: Follow) -> None:
    book = followed(follow, USDM)
    book.frame(obu("futures", 100, full=True, b=[["100.1", 6]], a=[["100.3", 4]]))
    assert book.levels(1) == ([(D("100.1"), D(6))], [(D("100.3"), D(4))])


def test_a_frame_of_another_shape_takes_the_book_away(follow: Follow) -> None:
    book = followed(follow, SPOT)
    book.frame(obu("spot", 100, **WHOLE))
    assert Flag.MALFORMED in book.frame(obu("spot", 101, 101, b=[["100.1"]]))
    assert (book.state(), book.hub.reason(book.listing)) == (BookState.GAP, Reason.MALFORMED)


# ---------------------------------------------------------------------- quotes and trades


def quote(word: str, number: int, bid: str, bid_size: object, ask: str, ask_size: object) -> dict[str, object]:
    sides = {"b": bid, "B": bid_size, "a": ask, "A": ask_size}
    result = {"t": 1_606_293_275_123, "u": number, "s": "BTC_USDT", **sides}
    return {"channel": f"{word}.book_ticker", "event": "update", "result": result}


@both
def test_quotes(market: PublicMarket, word: str, follow: Follow) -> None:
    book = followed(follow, market, "book_ticker")
    assert Flag.QUOTE in book.frame(quote(word, 7, "100.1", "6.5", "100.3", "4"))
    assert book.quote() == (D("100.1"), D("6.5"), D("100.3"), D(4), 7)
    book.frame(quote(word, 8, "", "0", "100.3", "4"))
    assert book.quote() == (0, 0, D("100.3"), D(4), 8)
    book.frame(quote(word, 5, "99", "1", "100", "1"))
    assert book.quote()[4] == 8


def test_a_perpetuals_size_of_0_beside_a_price_is_held_against_nobody(follow: Follow) -> None:
    book = followed(follow, USDM, "book_ticker")
    book.frame(obu("futures", 100, **WHOLE))
    for number in range(100, 110):
        book.frame(quote("futures", number, "100.1", 0, "100.3", 4))
        book.frame(obu("futures", number + 1, number + 1))
    assert book.state() is BookState.LIVE
    assert book.counts["disagreements"] == 0


def test_sampled_quotes_are_true_of_their_own_number_only(follow: Follow) -> None:
    book = followed(follow, SPOT, "book_ticker")
    book.frame(obu("spot", 100, **WHOLE))
    book.frame(quote("spot", 100, "100.1", "6", "100.3", "4"))
    book.frame(obu("spot", 105, 101, b=[["100.2", "1"]]))  # between two samples the top moved
    book.frame(quote("spot", 110, "100.1", "6", "100.3", "4"))
    book.frame(obu("spot", 110, 106, b=[["100.2", "0"]]))
    assert book.counts["disagreements"] == 0
    for number in range(111, 120):
        book.frame(quote("spot", number, "100.2", "6", "100.3", "4"))
        book.frame(obu("spot", number, number))
    assert book.hub.reason(book.listing) == Reason.DISAGREES


def test_spot_trades(follow: Follow) -> None:
    book = followed(follow, SPOT, "trades")
    result = {
        "id": 816995772,
        "id_market": 5,
        "create_time": 1619093543,
        "create_time_ms": "1619093543708.2642",
        "side": "sell",
        "currency_pair": "BTC_USDT",
        "amount": "0.2000000000",
        "price": "121.5000000000",
    }
    book.frame({"channel": "spot.trades", "event": "update", "result": result})
    book.frame({"channel": "spot.trades", "event": "update", "result": result | {"side": "buy", "id": 9}})
    assert book.trades() == [
        (D("121.5"), D("0.2"), -1, "816995772", 1_619_093_543_708_264_200),
        (D("121.5"), D("0.2"), 1, "9", 1_619_093_543_708_264_200),
    ]


def test_perpetual_trades_of_several_contracts_in_one_frame(follow: Follow) -> None:
    book = followed(follow, USDM, "trades")
    rows = [
        {"size": -2, "id": 1, "create_time_ms": 1614556850860, "price": "45300", "contract": "BTC_USDT"},
        {"size": 9, "id": 2, "create_time_ms": 1614556850860, "price": "1500", "contract": "ETH_USDT"},
        {"size": "1.5", "id": 3, "create_time_ms": 1614556850861, "price": "45301", "contract": "BTC_USDT"},
    ]
    book.frame({"channel": "futures.trades", "event": "update", "result": rows})
    assert book.trades() == [
        (D(45300), D(2), -1, "1", 1_614_556_850_860_000_000),
        (D(45301), D("1.5"), 1, "3", 1_614_556_850_861_000_000),
    ]


# ---------------------------------------------------------------------- control


def answer(word: str, **told: object) -> bytes:
    common = {"time": 1747391482, "time_ms": 1747391482960, "id": 1, "channel": f"{word}.obu"}
    return msgspec.json.encode(common | {"event": "subscribe", "payload": ["ob.BTC_USDT.50"]} | told)


@both
def test_acknowledgements_carry_the_number(market: PublicMarket, word: str) -> None:
    ok = {"status": "success"}
    assert market.control(answer(word, error=None, result=ok), False) == [Ack(1)]
    assert market.control(answer(word, event="unsubscribe", result=ok), False) == [Ack(1)]
    without = msgspec.json.encode({"time": 1, "channel": "spot.trades", "event": "subscribe", "result": ok})
    assert market.control(without, False) == [Ack(0)]


@both
def test_refusals_name_what_was_asked_for(market: PublicMarket, word: str) -> None:
    error = {"code": 2, "message": "Alert sub ob.BTC_USDT.50"}
    failed = {"status": "fail"}
    name = market.subscription(listing_of(market), Channel.DEPTH).name
    assert market.control(answer(word, error=error, result=failed), False) == [
        Ack(1, {name: "Alert sub ob.BTC_USDT.50 (code 2)"})
    ]
    assert market.control(answer(word, error=error, payload=None), False) == [
        Ack(1, {"": "Alert sub ob.BTC_USDT.50 (code 2)"})
    ]
    assert market.control(answer(word, result=failed), False) == [Ack(1, {name: "failed without a reason"})]


@both
def test_pongs_notices_and_errors_of_nobody(market: PublicMarket, word: str) -> None:
    pong = {"time": 1545404023, "channel": f"{word}.pong", "event": "", "error": None, "result": None}
    assert market.control(msgspec.json.encode(pong), False) == [Pong()]
    notice = {"channel": f"{word}.system", "event": "update", "result": {"type": "upgrade", "msg": "soon"}}
    assert market.control(msgspec.json.encode(notice), False) == [Closing("upgrade")]
    nobody = {"channel": "", "event": "", "error": {"code": 1, "message": "invalid request format"}}
    assert market.control(msgspec.json.encode(nobody), False) == [Refusal("invalid request format (code 1)")]


@both
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 10_000,
        b'{"event":"subscribe"}',
        b'{"channel":7}',
        b'{"channel":"spot.obu","event":"subscribe","result":{"status":7}}',
        b'{"channel":"spot.system","event":"update","result":[]}',
        b'{"channel":"spot.tickers","event":"update","result":{"currency_pair":"NEO_BTC"}}',
    ],
)
def test_what_is_nothing_known_is_refused(market: PublicMarket, word: str, payload: bytes) -> None:
    with pytest.raises(InvalidResponseError, match="unknown control frame"):
        market.control(payload, False)


# ---------------------------------------------------------------------- what the venue really sent

SEQUENCES = [
    ("spot_seq_qtum3s", "QTUM3S_USDT", SPOT_STREAM, SPOT_SNAPSHOT, "0.000001", "0.0001"),
    ("spot_seq_hai_eth", "HAI_ETH", SPOT_STREAM, SPOT_SNAPSHOT, "0.00000001", "0.00000001"),
    ("futures_seq_sfp", "SFP_USDT", FUTURES_STREAM, FUTURES_SNAPSHOT, "0.0001", "1"),
    ("futures_seq_front", "FRONT_USDT", FUTURES_STREAM, FUTURES_SNAPSHOT, "0.0001", "1"),
]


@pytest.mark.parametrize("snapshot_after", [0, 1, 3, None])
@pytest.mark.parametrize(("name", "symbol", "stream", "snapshot", "tick", "lot"), SEQUENCES)
def test_recorded_books_of_order_book_update(
    shared: Path,
    follow: Follow,
    name: str,
    symbol: str,
    stream: Any,
    snapshot: Any,
    tick: str,
    lot: str,
    snapshot_after: int | None,
) -> None:
    """The same book, whenever the snapshot comes between the changes."""
    expected = msgspec.json.decode(fixture(shared, f"{name}_expected.json"))
    frames = fixture(shared, f"{name}_diffs.jsonl").splitlines()
    book = follow(stream, symbol, ("order_book_update",), tick, lot, snapshot)
    place = len(frames) if snapshot_after is None else snapshot_after
    for frame in frames[:place]:
        book.frame(frame)
    assert Flag.MALFORMED not in book.rest(fixture(shared, f"{name}_snapshot.json"))
    for frame in frames[place:]:
        book.frame(frame)
    assert book.state() is BookState.LIVE
    assert book.hub.sequence(book.listing) == expected["final_id"]
    assert (book.counts["dropped"], book.counts["applied"]) == (expected["dropped"], expected["applied"])
    assert book.levels(5) == tuple(
        [(D(price), D(quantity)) for price, quantity in expected["top"][side]] for side in ("bids", "asks")
    )


def test_recorded_order_book_v2(shared: Path, follow: Follow) -> None:
    book = follow(SPOT_STREAM, "ob.BTC_USDT.400", ("obu",), "0.1", "0.000001", None)
    book.frame(fixture(shared, "spot_ws_obu_full.json"))
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, 25847113075)
    assert book.levels(3) == (
        [(D("115765.1"), D("0.337839")), (D("115764.2"), D("0.005")), (D("115763.3"), D("0.004365"))],
        [(D("115765.2"), D("0.631155")), (D("115765.9"), D("0.001534")), (D("115769.4"), D("0.005014"))],
    )
    book.frame(fixture(shared, "spot_ws_obu_increment.json"))  # a minute later
    assert (book.state(), book.hub.reason(book.listing)) == (BookState.GAP, Reason.SEQUENCE)


def test_documented_whole_book_of_order_book_update(shared: Path, follow: Follow) -> None:
    book = follow(SPOT_STREAM, "BTC_USDT", ("order_book_update",), "0.01", "0.0001", None)
    book.frame(fixture(shared, "spot_ws_order_book_update_full.json"))
    assert book.levels(3) == ([(D("19137.74"), D("0.0001"))], [(D("19137.75"), D("0.6135"))])
    assert (book.state(), book.hub.sequence(book.listing)) == (BookState.LIVE, 48776306)


@pytest.mark.parametrize(
    ("name", "stream", "symbol", "expected"),
    [
        (
            "spot_ws_book_ticker.json",
            SPOT_STREAM,
            "BTC_USDT",
            ("19177.79", "0.0003341504", "19179.38", "0.09", 48733182),
        ),
        ("futures_ws_book_ticker.json", FUTURES_STREAM, "PHB_USDT", ("0.7379", "814", "0.739", "677", 6159967)),
        (
            "futures_ws_book_ticker_decimal_size.json",
            FUTURES_STREAM,
            "ETH_USDT",
            ("2172.82", "0", "2172.85", "1053.5", 92738902534),
        ),
    ],
)
def test_recorded_quotes(
    shared: Path, follow: Follow, name: str, stream: Any, symbol: str, expected: tuple[str, str, str, str, int]
) -> None:
    book = follow(stream, symbol, ("book_ticker",), "0.0001", "0.0000000001", None)
    assert Flag.QUOTE in book.frame(fixture(shared, name))
    assert book.quote() == (*map(D, expected[:4]), expected[4])


def test_recorded_trades(shared: Path, follow: Follow) -> None:
    book = follow(SPOT_STREAM, "DIS_USDT", ("trades",), "0.01", "0.001", None)
    book.frame(fixture(shared, "spot_ws_trades.json"))
    assert book.trades() == [(D("121.58"), D("0.201"), -1, "816995772", 1_619_093_543_708_264_200)]
    book = follow(FUTURES_STREAM, "BTC_USDT", ("trades",), "0.1", "1", None)
    book.frame(fixture(shared, "futures_ws_trades.json"))
    assert book.trades() == [
        (D(45300), D(1), 1, "13654526", 1_614_556_850_860_000_000),
        (D(45300), D(2000), 1, "13654527", 1_614_556_850_860_000_000),
    ]


def test_recorded_control_frames(shared: Path) -> None:
    assert SPOT.control(fixture(shared, "spot_ws_pong.json"), False) == [Pong()]
    assert SPOT.control(fixture(shared, "spot_ws_subscribe_ack.json"), False) == [Ack(0)]
    assert SPOT.control(fixture(shared, "spot_ws_obu_subscribe_ack.json"), False) == [Ack(0)]
    assert USDM.control(fixture(shared, "futures_ws_subscribe_ack.json"), False) == [Ack(0)]
    assert SPOT.control(fixture(shared, "spot_ws_obu_duplicate_subscribe_error.json"), False) == [
        Ack(1, {"spot.obu:ob.BTC_USDT.400": "Alert sub ob.BTC_USDT.400 (code 2)"})
    ]


def test_channels_that_we_never_ask_for_are_nothing_known(shared: Path) -> None:
    for market, name in ((SPOT, "spot_ws_tickers.json"), (USDM, "futures_ws_tickers.json")):
        with pytest.raises(InvalidResponseError, match="tickers"):
            market.control(fixture(shared, name), False)


def test_our_request_is_what_a_recorded_client_sent(shared: Path) -> None:
    told = msgspec.json.decode(fixture(shared, "spot_ws_subscribe_request_order_book_update.json"))
    (ours,) = SPOT.subscribe(["spot.order_book_update:INK_USDT,100ms"], 5, told["time"] * 1_000_000_000)
    assert msgspec.json.decode(ours) == told | {"id": 5}
