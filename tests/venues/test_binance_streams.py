"""Binance's streams: names, frames through the hub, and control frames."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneprice.core.states import BookState, Flag
from oneprice.errors import InvalidResponseError
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.binance import VENUE
from oneprice.venues.binance.streams import PUBLIC_RAW, SPOT_RAW
from oneprice.venues.kit import Ack, Binding, Channel, Closing, Control, PublicMarket, Refusal

Follow = Callable[..., Any]
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))
both = pytest.mark.parametrize("market", [SPOT, USDM], ids=["spot", "usdm"])


def listing_of(market: PublicMarket, venue_symbol: str = "BTCUSDT") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=market.kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), market.kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D("0.1"),
        lot_size=D("0.001"),
    )


def combined(payload: dict[str, object], suffix: str = "depth@100ms") -> dict[str, object]:
    return {"stream": f"btcusdt@{suffix}", "data": payload}


# ---------------------------------------------------------------------- subscriptions


@pytest.mark.parametrize(
    ("market", "channel", "name", "path", "messages"),
    [
        (SPOT, Channel.DEPTH, "btcusdt@depth@100ms", "stream", ["depth"]),
        (SPOT, Channel.QUOTE, "btcusdt@bookTicker", "stream", ["quote"]),
        (SPOT, Channel.TRADES, "btcusdt@trade", "stream", ["trades"]),
        (USDM, Channel.DEPTH, "btcusdt@depth@100ms", "public", ["depth"]),
        (USDM, Channel.QUOTE, "btcusdt@bookTicker", "public", ["quote"]),
        (USDM, Channel.TRADES, "btcusdt@trade", "public", ["trades", "trades_unmarked"]),
    ],
)
def test_stream_names_are_lower_case_and_on_their_path(
    market: PublicMarket, channel: Channel, name: str, path: str, messages: list[str]
) -> None:
    told = market.subscription(listing_of(market), channel)
    assert (told.name, told.path) == (name, path)
    assert told.bindings == tuple(Binding(message, "BTCUSDT") for message in messages)


def test_each_path_has_its_combined_stream() -> None:
    assert SPOT.stream_urls == {"stream": "wss://stream.binance.com:9443/stream"}
    assert USDM.stream_urls == {
        "public": "wss://fstream.binance.com/public/stream",
        "market": "wss://fstream.binance.com/market/stream",
    }


@both
def test_subscribe_and_unsubscribe_carry_the_number(market: PublicMarket) -> None:
    names = ["btcusdt@depth@100ms", "币安人生usdt@bookTicker"]
    (sent,) = market.subscribe(names, 7, 0)
    assert msgspec.json.decode(sent) == {"method": "SUBSCRIBE", "params": names, "id": 7}
    (sent,) = market.unsubscribe(names[:1], 8, 0)
    assert msgspec.json.decode(sent) == {"method": "UNSUBSCRIBE", "params": names[:1], "id": 8}


@both
def test_the_venue_pings_not_we(market: PublicMarket) -> None:
    assert market.ping(0) is None
    assert market.limits.ping_every_s == 0


# ---------------------------------------------------------------------- depth


def depth(first: int, last: int, previous: int | None = None, **sides: object) -> dict[str, object]:
    told = {"e": "depthUpdate", "E": 1_700_000_000_123, "s": "BTCUSDT", "U": first, "u": last, "b": [], "a": []}
    return combined(told | sides | ({} if previous is None else {"pu": previous}))


def rest(last: int) -> bytes:
    body = {"lastUpdateId": last, "bids": [["100.1", "1"], ["100.0", "2"]], "asks": [["100.3", "3"]]}
    return msgspec.json.encode(body)


def spot_book(follow: Follow) -> Any:
    return follow(SPOT.stream("stream"), "BTCUSDT", ("depth", "quote", "trades"), "0.1", "0.001", SPOT.snapshot())


def usdm_book(follow: Follow) -> Any:
    messages = ("depth", "quote", "trades", "trades_unmarked")
    return follow(USDM.stream("public"), "BTCUSDT", messages, "0.1", "0.001", USDM.snapshot())


def test_spot_changes_before_the_snapshot_are_held_and_old_ones_dropped(follow: Follow) -> None:
    book = spot_book(follow)
    book.frame(depth(8, 9, b=[["100.1", "9"]]))
    book.frame(depth(10, 12, b=[["100.1", "5"]], a=[["100.3", "0"], ["100.4", "1"]]))
    assert book.state() is BookState.SYNCING
    book.rest(rest(10))
    assert book.state() is BookState.LIVE
    assert book.levels(5) == ([(D("100.1"), D(5)), (D(100), D(2))], [(D("100.4"), D(1))])
    assert (book.counts["dropped"], book.counts["applied"]) == (1, 1)
    assert book.hub.sequence(book.listing) == 12
    assert book.hub.times(book.listing)[1] == 1_700_000_000_123_000_000


def test_a_spot_gap_stops_the_book_until_a_snapshot(follow: Follow) -> None:
    book = spot_book(follow)
    book.rest(rest(10))
    book.frame(depth(11, 12))
    book.frame(depth(14, 15))
    assert book.state() is BookState.GAP
    book.rest(rest(15))
    assert book.state() is BookState.LIVE


def test_perpetual_changes_follow_pu_whatever_U_says(follow: Follow) -> None:
    book = usdm_book(follow)
    book.frame(depth(90, 99, 80))
    book.frame(depth(95, 110, 99))
    book.frame(depth(500, 600, 110, b=[["100.2", "4"]]))
    book.rest(rest(100))
    assert book.state() is BookState.LIVE
    assert (book.counts["dropped"], book.counts["applied"]) == (1, 2)
    assert book.levels(1)[0] == [(D("100.2"), D(4))]
    book.frame(depth(601, 700, 601))
    assert book.state() is BookState.GAP


def test_a_snapshot_exactly_between_two_perpetual_changes_is_enough(follow: Follow) -> None:
    book = usdm_book(follow)
    book.frame(depth(180, 190, 150))
    book.rest(rest(150))
    assert book.state() is BookState.LIVE
    assert book.counts["applied"] == 1


# ---------------------------------------------------------------------- quotes and trades

QUOTE = {"u": 15, "s": "BTCUSDT", "b": "100.1", "B": "1.5", "a": "100.3", "A": "2"}


def test_spot_quotes_have_no_name_and_no_time(follow: Follow) -> None:
    book = spot_book(follow)
    assert book.frame(combined(QUOTE, "bookTicker")) & Flag.QUOTE
    assert book.quote() == (D("100.1"), D("1.5"), D("100.3"), D(2), 15)
    assert book.hub.times(book.listing)[1] == 0


def test_perpetual_quotes_have_both(follow: Follow) -> None:
    book = usdm_book(follow)
    told = QUOTE | {"e": "bookTicker", "E": 1_700_000_000_001, "T": 1_700_000_000_000, "ps": "BTCUSDT", "st": 1}
    assert book.frame(combined(told, "bookTicker")) & Flag.QUOTE
    assert book.quote()[4] == 15
    assert book.hub.times(book.listing)[1] == 1_700_000_000_001_000_000


def test_quotes_are_held_against_the_book_by_their_number(follow: Follow) -> None:
    book = spot_book(follow)
    book.rest(rest(10))
    book.frame(combined(QUOTE | {"u": 11, "B": "1", "A": "3"}, "bookTicker"))
    book.frame(depth(11, 12))
    book.frame(combined(QUOTE | {"u": 13}, "bookTicker"))
    assert (book.counts["agreements"], book.counts["disagreements"]) == (1, 0)


def trade(**changes: object) -> dict[str, object]:
    told = {"e": "trade", "E": 3, "s": "BTCUSDT", "t": 12345, "p": "100.2", "q": "0.5", "m": True}
    return combined(told | {"T": 1_700_000_000_002} | changes, "trade")


def test_spot_trades_tell_the_takers_side(follow: Follow) -> None:
    book = spot_book(follow)
    book.frame(trade(M=True))
    book.frame(trade(m=False, t=12346))
    at = 1_700_000_000_002_000_000
    assert book.trades() == [(D("100.2"), D("0.5"), -1, "12345", at), (D("100.2"), D("0.5"), 1, "12346", at)]


@pytest.mark.parametrize("origin", ["INSURANCE_FUND", "ADL", "NA", ""])
def test_perpetual_trades_that_are_no_market_trades_are_left_out(follow: Follow, origin: str) -> None:
    book = usdm_book(follow)
    frame = trade(X=origin)
    assert book.frame(frame) == Flag.CONTROL
    assert USDM.control(msgspec.json.encode(frame), False) == []
    assert book.trades() == []


def test_perpetual_trades_of_the_market_are_taken_marked_or_not(follow: Follow) -> None:
    book = usdm_book(follow)
    book.frame(trade(X="MARKET"))
    book.frame(trade(t=12346))
    assert [told[3] for told in book.trades()] == ["12345", "12346"]


# ---------------------------------------------------------------------- raw and combined

prices = st.integers(1, 10_000).map(lambda ticks: f"{D(ticks) / 10:.1f}")
sides = st.lists(st.tuples(prices, st.integers(0, 5_000).map(lambda lots: f"{D(lots) / 1000:.3f}")), max_size=4)
steps = st.lists(st.tuples(st.integers(1, 4), sides, sides, st.booleans()), max_size=12)


@settings(max_examples=40)
@given(steps)
@both
def test_raw_and_combined_frames_say_the_same(follow: Follow, market: PublicMarket, told: list[Any]) -> None:
    raw, path = (SPOT_RAW, "stream") if market is SPOT else (PUBLIC_RAW, "public")
    wrapped = follow(market.stream(path), "BTCUSDT", ["depth", "quote"], "0.1", "0.001", market.snapshot())
    bare = follow(raw, "BTCUSDT", ["depth", "quote"], "0.1", "0.001", market.snapshot())
    number = 100
    for book in (wrapped, bare):
        book.rest(rest(number))
    for length, bids, asks, gap in told:
        first = number + 1 + gap
        frame = depth(first, first + length, first - 1, b=bids, a=asks)
        flags = {wrapped.frame(frame), bare.frame(frame["data"])}
        assert len(flags) == 1
        number = first + length
    assert wrapped.hub.listing_hash(wrapped.listing) == bare.hub.listing_hash(bare.listing)


# ---------------------------------------------------------------------- control frames

CONTROL: list[tuple[str, list[Control]]] = [
    ('{"result":null,"id":1}', [Ack(1)]),
    ('{"id":312,"result":null}', [Ack(312)]),
    ('{"code":2,"msg":"Invalid request: unknown variant"}', [Refusal("Invalid request: unknown variant (code 2)")]),
    ('{"code":3,"msg":"Invalid JSON","id":null}', [Refusal("Invalid JSON (code 3)")]),
    ('{"code":2,"msg":"Invalid request","id":9}', [Ack(9, {"": "Invalid request (code 2)"})]),
    ('{"error":{"code":2,"msg":"Invalid request"},"id":9}', [Ack(9, {"": "Invalid request (code 2)"})]),
    ('{"e":"serverShutdown","E":1770123456789}', [Closing("the server restarts soon")]),
    ('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}', [Closing("the server restarts soon")]),
    ('{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT"}}', []),
    ('{"e":"markPriceUpdate","s":"BTCUSDT","p":"1","T":1}', []),
]


@pytest.mark.parametrize(("payload", "expected"), CONTROL)
@both
def test_control_frames(market: PublicMarket, payload: str, expected: list[Control]) -> None:
    assert market.control(payload.encode(), False) == expected


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{}", b"[]", b"null", b"7", b'{"id":null}', b'{"result":["a"],"id":1}', b'{"result":null,"id":"x"}'),
        *(b'{"e":"novelty"}', b'{"code":"2"}', b'{"stream":"a@depth5","data":{"lastUpdateId":1}}', b'{"id":1'),
        *(b"\xff", b'{"e":"\xff"}', b'{"x":' + b"[" * 100_000),
    ],
)
@both
def test_other_frames_are_invalid(market: PublicMarket, payload: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        market.control(payload, False)


@both
def test_binary_frames_are_invalid(market: PublicMarket) -> None:
    with pytest.raises(InvalidResponseError, match="binary"):
        market.control(b'{"result":null,"id":1}', True)


@given(st.binary(max_size=200))
@both
def test_any_bytes_are_control_or_invalid(market: PublicMarket, payload: bytes) -> None:
    try:
        told = market.control(payload, False)
    except InvalidResponseError:
        return
    assert all(isinstance(control, Ack | Closing | Refusal) for control in told)


def test_control_frames_reach_the_codec_through_the_hub(follow: Follow) -> None:
    book = spot_book(follow)
    for payload, _ in CONTROL:
        if "aggTrade" not in payload:
            assert book.frame(payload.encode()) == Flag.CONTROL
