"""Every public market-data payload of the binance fixtures that a call or stream asks for says what comes out.

The payloads are parsed here once more, independently, with the standard json module and Decimals. Files that no test
reads are named in NOT_READ with the reason, and a test sees to it that none is forgotten.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oneprice.core.states import BookState, Flag
from oneprice.errors import (
    AuthenticationError,
    DuplicateOrderError,
    ExchangeAPIError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidRequestError,
    OrderNotFoundError,
    Outcome,
    RateLimitError,
    TradingDisabledError,
    VenueUnavailableError,
)
from oneprice.model import AssetName, ExchangeName, KlineInterval, MarketKind, Side, Symbol, SymbolInfo
from oneprice.venues.binance import VENUE
from oneprice.venues.binance.streams import MARKET_RAW, PUBLIC_RAW, SPOT_RAW
from oneprice.venues.kit import Ack, Call, Closing, PublicMarket, Response

D = Decimal
Follow = Callable[..., Any]
Mangling = Callable[[Call[Any], bytes], None]
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))

ERRORS: dict[str, type[ExchangeAPIError]] = {
    "spot_rest_error_banned_418": RateLimitError,
    "spot_rest_error_duplicate_order": DuplicateOrderError,
    "spot_rest_error_filter_lot_size": InvalidOrderError,
    "spot_rest_error_filter_notional": InvalidOrderError,
    "spot_rest_error_filter_price": InvalidOrderError,
    "spot_rest_error_insufficient_balance": InsufficientBalanceError,
    "spot_rest_error_invalid_signature": AuthenticationError,
    "spot_rest_error_invalid_timestamp": AuthenticationError,
    "spot_rest_error_invalid_timestamp_ahead": AuthenticationError,
    "spot_rest_error_market_closed": TradingDisabledError,
    "spot_rest_error_order_does_not_exist": OrderNotFoundError,
    "spot_rest_error_post_only_would_match": InvalidOrderError,
    "spot_rest_error_rejected_api_key": AuthenticationError,
    "spot_rest_error_timeout_unknown": VenueUnavailableError,
    "spot_rest_error_unknown_order_cancel": OrderNotFoundError,
    "spot_rest_error_weight_429": RateLimitError,
}
DEPTH = {
    "spot_ws_depth_diff": (SPOT_RAW, SPOT),
    "futures_ws_depth_diff": (PUBLIC_RAW, USDM),
    "futures_ws_depth_0ms_recorded": (None, USDM),
}
QUOTES = {
    "spot_ws_book_ticker": (SPOT_RAW, SPOT),
    "spot_ws_book_ticker_recorded": (None, SPOT),
    "futures_ws_book_ticker": (PUBLIC_RAW, USDM),
    "futures_ws_book_ticker_recorded": (None, USDM),
}
TRADES = {
    "spot_ws_trade": (SPOT_RAW, SPOT, "stream", "trades"),
    "spot_ws_trade_recorded_2021": (None, SPOT, "stream", "trades"),
    "futures_ws_trade_recorded": (None, USDM, "public", "trades"),
    "spot_ws_agg_trade": (SPOT_RAW, SPOT, "stream", "aggregates"),
    "spot_ws_agg_trade_recorded": (None, SPOT, "stream", "aggregates"),
    "futures_ws_agg_trade": (MARKET_RAW, USDM, "market", "aggregates"),
    "futures_ws_agg_trade_recorded_2021": (None, USDM, "market", "aggregates"),
}
SEQUENCES = {
    "spot_seq_lrcbtc": (SPOT, "LRCBTC", "0.00000001", "1", True),
    "spot_seq_runeeur": (SPOT, "RUNEEUR", "0.001", "0.1", True),
    "futures_seq_ctkusdt": (USDM, "CTKUSDT", "0.00001", "1", False),
}
QUOTED = {"spot_rest_book_ticker": SPOT, "futures_rest_book_ticker": USDM}
PAST_FUNDING = ("futures_rest_funding_rate_history", "futures_rest_funding_rate_history_2026")
BY_NAME = {  # read by a test that names them
    "spot_rest_depth",
    "spot_rest_exchange_info",
    "spot_rest_exchange_info_documented_fields",
    "spot_rest_klines",
    "spot_rest_ticker_24hr",
    "spot_rest_time",
    "spot_rest_trades",
    "spot_ws_depth_partial",
    "spot_ws_reference_price",
    "spot_ws_server_shutdown_combined",
    "spot_ws_server_shutdown_raw",
    "spot_ws_subscribe_ack",
    "spot_ws_subscribe_request",
    "spot_ws_unsubscribe_request",
    "futures_rest_depth_5",
    "futures_rest_error_invalid_symbol",
    "futures_rest_exchange_info",
    "futures_rest_funding_info",
    "futures_rest_premium_index",
    "futures_ws_mark_price",
}
NOT_READ = {
    "SOURCES": "where the payloads come from",
    "signing_vectors": "private side: test_binance_private_fixtures.py",
    "sapi_*": "wallet and account: test_binance_private_fixtures.py",
    "spot_user_*": "private side: test_binance_private_fixtures.py",
    "futures_user_*": "private side: test_binance_private_fixtures.py",
    "spot_wsapi_*": "order entry: test_binance_private_fixtures.py",
    "futures_wsapi_*": "order entry: test_binance_private_fixtures.py",
    "spot_sbe_*": "binary SBE streams need an Ed25519 key and are not connected to",
    "futures_ws_trade_lite": "private side: test_binance_private_fixtures.py",
    "spot_rest_execution_rules": "a rule for takers, for the order side",
    "spot_rest_reference_price": "part of that rule",
    "spot_rest_account*": "private side: test_binance_private_fixtures.py",
    "spot_rest_cancel_*": "private side: test_binance_private_fixtures.py",
    "spot_rest_my_trades": "private side: test_binance_private_fixtures.py",
    "spot_rest_new_order_*": "private side: test_binance_private_fixtures.py",
    "spot_rest_open_orders": "private side: test_binance_private_fixtures.py",
    "spot_rest_query_order": "private side: test_binance_private_fixtures.py",
    "spot_rest_rate_limit_order": "private side: test_binance_private_fixtures.py",
    "spot_rest_test_order_commission": "private side: test_binance_private_fixtures.py",
    "futures_rest_account*": "private side: test_binance_private_fixtures.py",
    "futures_rest_balance_v3": "private side: test_binance_private_fixtures.py",
    "futures_rest_batch_orders_*": "private side: test_binance_private_fixtures.py",
    "futures_rest_cancel_*": "private side: test_binance_private_fixtures.py",
    "futures_rest_change_leverage": "private side: test_binance_private_fixtures.py",
    "futures_rest_commission_rate": "private side: test_binance_private_fixtures.py",
    "futures_rest_countdown_cancel_all": "private side: test_binance_private_fixtures.py",
    "futures_rest_get_position_mode": "private side: test_binance_private_fixtures.py",
    "futures_rest_new_order": "private side: test_binance_private_fixtures.py",
    "futures_rest_open_orders": "private side: test_binance_private_fixtures.py",
    "futures_rest_position_risk_v3": "private side: test_binance_private_fixtures.py",
    "futures_rest_query_order": "private side: test_binance_private_fixtures.py",
    "futures_rest_start_listen_key": "private side: test_binance_private_fixtures.py",
    "futures_rest_symbol_config": "private side: test_binance_private_fixtures.py",
    "futures_rest_user_trades": "private side: test_binance_private_fixtures.py",
}


@pytest.fixture
def body(shared: Path) -> Callable[[str], bytes]:
    """The bytes of a fixture by its name."""
    return lambda name: (shared / "fixtures" / "binance" / f"{name}.json").read_bytes()


def parsed(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


def listing_of(market: PublicMarket, venue_symbol: str) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=market.kind,
        symbol=Symbol(AssetName("A"), AssetName("B"), market.kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D(1),
        lot_size=D(1),
    )


def ok(body: bytes) -> Response:
    return Response(200, {}, body)


def test_every_fixture_is_read_or_named_with_a_reason(shared: Path) -> None:
    read = {*ERRORS, *DEPTH, *QUOTES, *TRADES, *QUOTED, *PAST_FUNDING, *BY_NAME}
    read |= {f"{name}_{part}" for name in SEQUENCES for part in ("snapshot", "diffs", "expected")}
    stems = {path.stem for path in (shared / "fixtures" / "binance").iterdir()}
    assert read <= stems
    for stem in sorted(stems - read):
        assert any(fnmatch.fnmatch(stem, pattern) for pattern in NOT_READ), f"{stem} is read by no test"
    for pattern in NOT_READ:
        assert not fnmatch.filter(read, pattern), f"{pattern} is read after all"


# ---------------------------------------------------------------------- books, rebuilt


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("late", [False, True], ids=["snapshot-first", "snapshot-late"])
def test_recorded_changes_rebuild_the_book(name: str, late: bool, follow: Follow, shared: Path) -> None:
    market, symbol, tick, lot, is_spot = SEQUENCES[name]
    folder = shared / "fixtures" / "binance"
    frames = (folder / f"{name}_diffs.jsonl").read_bytes().splitlines()
    snapshot = (folder / f"{name}_snapshot.json").read_bytes()
    expected = parsed((folder / f"{name}_expected.json").read_bytes())
    book = follow(market.stream("stream" if is_spot else "public"), symbol, ["depth"], tick, lot, market.snapshot())
    if not late:
        book.rest(snapshot)
        assert book.hub.sequence(book.listing) == expected["snapshot_lastUpdateId"]
    for frame in frames:
        assert not book.frame(frame) & (Flag.MALFORMED | Flag.UNKNOWN | Flag.CONTROL)
    if late:
        assert book.state() is BookState.SYNCING
        book.rest(snapshot)
    assert book.state() is BookState.LIVE
    assert book.hub.sequence(book.listing) == expected["final_update_id"]
    # The documented futures rule applies a change that ends exactly at the snapshot; the hub drops it as known.
    at_snapshot = [frame for frame in frames if parsed(frame)["data"]["u"] == expected["snapshot_lastUpdateId"]]
    known = 0 if is_spot else len(at_snapshot)
    counted = book.counts["dropped"] - known, book.counts["applied"] + known
    assert counted == (expected["dropped"], expected["applied"])
    assert (book.counts["gaps"], book.counts["malformed"]) == (0, 0)
    bids, asks = book.levels(len(expected["top"]["bids"]))
    assert bids == [(D(price), D(quantity)) for price, quantity in expected["top"]["bids"]]
    assert asks == [(D(price), D(quantity)) for price, quantity in expected["top"]["asks"]]


@pytest.mark.parametrize("name", DEPTH)
def test_a_depth_change_is_applied_as_it_stands(name: str, follow: Follow, body: Callable[[str], bytes]) -> None:
    raw, market = DEPTH[name]
    frame = parsed(body(name))
    told = frame if raw else frame["data"]
    stream = raw or market.stream("public")
    book = follow(stream, told["s"], ["depth"], "0.0001", "0.0001", market.snapshot())
    before = told["pu"] if market is USDM else told["U"] - 1
    book.rest(msgspec.json.encode({"lastUpdateId": before, "bids": [], "asks": []}))
    assert book.frame(body(name)) & Flag.TOP
    assert book.hub.sequence(book.listing) == told["u"]
    assert book.hub.times(book.listing)[1] == told["E"] * 1_000_000
    bids, asks = book.levels(10_000)
    assert sorted(bids) == sorted((D(price), D(lots)) for price, lots in told["b"] if D(lots))
    assert sorted(asks) == sorted((D(price), D(lots)) for price, lots in told["a"] if D(lots))


@pytest.mark.parametrize(
    ("name", "market"), [("spot_rest_depth", SPOT), ("futures_rest_depth_5", USDM), ("spot_ws_depth_partial", SPOT)]
)
def test_a_whole_book_is_read_alike_by_codec_and_hub(
    name: str, market: PublicMarket, follow: Follow, body: Callable[[str], bytes], survives_mangling: Mangling
) -> None:
    told, listing = parsed(body(name)), listing_of(market, "X")
    call = market.order_book(listing, 100)
    book = call.read(ok(body(name)))
    followed = follow(market.stream(next(iter(market.stream_urls))), "X", [], "0.000001", "0.0001", market.snapshot())
    followed.rest(body(name))
    for side, levels, key in zip((book.bids, book.asks), followed.levels(100), ("bids", "asks"), strict=True):
        assert list(side) == [(D(price), D(quantity)) for price, quantity in told[key]] == levels
    assert book.sequence == told["lastUpdateId"] == followed.hub.sequence(followed.listing)
    assert book.time_ns == told.get("E", 0) * 1_000_000
    survives_mangling(call, body(name))


# ---------------------------------------------------------------------- quotes and trades


@pytest.mark.parametrize("name", QUOTES)
def test_a_quote_says_what_the_frame_says(name: str, follow: Follow, body: Callable[[str], bytes]) -> None:
    raw, market = QUOTES[name]
    frame = parsed(body(name))
    told = frame if raw else frame["data"]
    stream = raw or market.stream("stream" if market is SPOT else "public")
    book = follow(stream, told["s"], ["quote"], "0.00000001", "0.00000001", None)
    assert book.frame(body(name)) & Flag.QUOTE
    assert book.quote() == (*(D(told[key]) for key in "bBaA"), told["u"])
    assert book.hub.times(book.listing)[1] == told.get("E", 0) * 1_000_000


@pytest.mark.parametrize("name", TRADES)
def test_a_trade_says_what_the_frame_says(name: str, follow: Follow, body: Callable[[str], bytes]) -> None:
    raw, market, path, message = TRADES[name]
    frame = parsed(body(name))
    told = frame if raw else frame["data"]
    book = follow(raw or market.stream(path), told["s"], [message], "0.00000001", "0.00000001", None)
    assert book.frame(body(name)) & Flag.TRADE
    number = told["a"] if message == "aggregates" else told["t"]
    side = -1 if told["m"] else 1
    assert book.trades() == [(D(told["p"]), D(told["q"]), side, str(number), told["T"] * 1_000_000)]


@pytest.mark.parametrize(("name", "market"), [("futures_ws_mark_price", USDM), ("spot_ws_reference_price", SPOT)])
def test_events_that_we_do_not_ask_for_are_recognised_and_passed_over(
    name: str, market: PublicMarket, follow: Follow, body: Callable[[str], bytes]
) -> None:
    path = "stream" if market is SPOT else "market"
    book = follow(market.stream(path), "X", [], "1", "1", None)
    assert book.frame(body(name)) == Flag.CONTROL
    assert market.control(body(name), False) == []


def test_control_frames(body: Callable[[str], bytes]) -> None:
    assert SPOT.control(body("spot_ws_subscribe_ack"), False) == [Ack(1)]
    for name in ("spot_ws_server_shutdown_raw", "spot_ws_server_shutdown_combined"):
        (told,) = SPOT.control(body(name), False)
        assert isinstance(told, Closing)


def test_requests_are_the_documented_ones(body: Callable[[str], bytes]) -> None:
    told = parsed(body("spot_ws_subscribe_request"))
    assert [parsed(sent) for sent in SPOT.subscribe(told["params"], told["id"], 0)] == [told]
    told = parsed(body("spot_ws_unsubscribe_request"))
    assert [parsed(sent) for sent in SPOT.unsubscribe(told["params"], told["id"], 0)] == [told]


# ---------------------------------------------------------------------- rules


def filter_of(row: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((told for told in row["filters"] if told["filterType"] == kind), {})


@pytest.mark.parametrize(("name", "market"), [("spot_rest_exchange_info", SPOT), ("futures_rest_exchange_info", USDM)])
def test_rules_are_those_of_the_filters(
    name: str, market: PublicMarket, body: Callable[[str], bytes], survives_mangling: Mangling
) -> None:
    rows = parsed(body(name))["symbols"]
    call = market.listings()
    listings = call.read(ok(body(name)))
    assert [info.venue_symbol for info in listings] == [row["symbol"] for row in rows]
    for info, row in zip(listings, rows, strict=True):
        lots, prices = filter_of(row, "LOT_SIZE"), filter_of(row, "PRICE_FILTER")
        floor = filter_of(row, "NOTIONAL") or filter_of(row, "MIN_NOTIONAL")
        assert info.tick_size == D(prices["tickSize"])
        assert (info.lot_size, info.min_quantity) == (D(lots["stepSize"]), D(lots["minQty"]))
        assert info.max_quantity == D(lots["maxQty"])
        assert info.min_notional == D(floor.get("minNotional") or floor["notional"])
        assert (info.symbol.quote, info.status) == (row["quoteAsset"], row["status"])
        assert info.tradable is (row["status"] == "TRADING")
        assert info.multiplier == 1
        assert info.symbol.base == row["baseAsset"]
        assert info.spec(taker_fee=D("0.001"), group="x").key == str(info.name)
    survives_mangling(call, body(name))


def test_the_documented_symbol_without_filters_has_the_assets_precision(body: Callable[[str], bytes]) -> None:
    (info,) = SPOT.listings().read(ok(body("spot_rest_exchange_info_documented_fields")))
    assert str(info.name) == "binance-spot:ETH/BTC"
    assert (info.tick_size, info.lot_size, info.min_notional) == (D("1e-8"), D("1e-8"), D(0))


# ---------------------------------------------------------------------- the rest of REST


def test_server_time(body: Callable[[str], bytes], survives_mangling: Mangling) -> None:
    name = "spot_rest_time"
    assert SPOT.server_time().read(ok(body(name))) == parsed(body(name))["serverTime"] * 1_000_000
    survives_mangling(SPOT.server_time(), body(name))


def test_trades(body: Callable[[str], bytes], survives_mangling: Mangling) -> None:
    name, call = "spot_rest_trades", SPOT.trades(listing_of(SPOT, "BTCUSDT"), 15)
    rows = parsed(body(name))
    for trade, row in zip(call.read(ok(body(name))), rows, strict=True):
        assert (trade.price, trade.quantity, trade.id) == (D(row["price"]), D(row["qty"]), str(row["id"]))
        assert trade.side is (Side.SELL if row["isBuyerMaker"] else Side.BUY)
        assert trade.time_ns == row["time"] * 1_000_000
    survives_mangling(call, body(name))


def test_klines(body: Callable[[str], bytes], survives_mangling: Mangling) -> None:
    name, listing = "spot_rest_klines", listing_of(SPOT, "BTCUSDT")
    call = SPOT.klines(listing, KlineInterval.MINUTE_5, 3)
    rows = parsed(body(name))
    candles = call.read(ok(body(name)))
    assert [candle.closed for candle in candles] == [True, True, False]
    for candle, row in zip(candles, rows, strict=True):
        assert candle.open_time_ns == row[0] * 1_000_000
        assert [candle.open, candle.high, candle.low, candle.close, candle.volume] == [D(text) for text in row[1:6]]
        assert candle.quote_volume == D(row[7])
    survives_mangling(call, body(name))


def test_the_ticker_of_24_hours(body: Callable[[str], bytes], survives_mangling: Mangling) -> None:
    name, call = "spot_rest_ticker_24hr", SPOT.ticker(listing_of(SPOT, "ETHBTC"))
    told, ticker = parsed(body(name)), call.read(ok(body(name)))
    fields = {"last": "lastPrice", "bid": "bidPrice", "bid_quantity": "bidQty", "ask": "askPrice", "open": "openPrice"}
    fields |= {"ask_quantity": "askQty", "high": "highPrice", "low": "lowPrice", "volume": "volume"}
    for ours, theirs in (fields | {"quote_volume": "quoteVolume"}).items():
        assert getattr(ticker, ours) == D(told[theirs]), ours
    assert ticker.time_ns == told["closeTime"] * 1_000_000
    survives_mangling(call, body(name))


@pytest.mark.parametrize("name", QUOTED)
def test_best_prices_by_rest(name: str, body: Callable[[str], bytes], survives_mangling: Mangling) -> None:
    market, told = QUOTED[name], parsed(body(name))
    rows = b"[" + body(name) + b"]"  # asked for by symbol there; of the whole market it is a list
    call = market.quotes([listing_of(market, told["symbol"])])
    (quote,) = call.read(ok(rows))
    expected = tuple(D(told[key]) for key in ("bidPrice", "bidQty", "askPrice", "askQty"))
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == expected
    assert quote.time_ns == told.get("time", 0) * 1_000_000
    assert market.quotes([listing_of(market, "OTHER")]).read(ok(rows)) == []
    survives_mangling(call, rows)


@pytest.mark.parametrize("name", PAST_FUNDING)
def test_past_funding(name: str, body: Callable[[str], bytes], survives_mangling: Mangling) -> None:
    call, rows = USDM.funding_history(listing_of(USDM, "BTCUSDT"), 100), parsed(body(name))
    for rate, row in zip(call.read(ok(body(name))), rows, strict=True):
        assert (rate.rate, rate.time_ns) == (D(row["fundingRate"]), row["fundingTime"] * 1_000_000)
        assert rate.mark_price == (D(row["markPrice"]) if "markPrice" in row else None)
        assert (rate.next_time_ns, rate.interval_s, rate.index_price) == (0, None, None)
    survives_mangling(call, body(name))


def test_funding(body: Callable[[str], bytes], survives_mangling: Mangling) -> None:
    call = USDM.funding(listing_of(USDM, "BTCUSDT"))
    told, rate = parsed(body("futures_rest_premium_index")), call.read(ok(body("futures_rest_premium_index")))
    assert (rate.rate, rate.next_time_ns) == (D(told["lastFundingRate"]), told["nextFundingTime"] * 1_000_000)
    assert (rate.mark_price, rate.index_price) == (D(told["markPrice"]), D(told["indexPrice"]))
    assert rate.interval_s == 28_800
    survives_mangling(call, body("futures_rest_premium_index"))
    intervals = USDM.funding_intervals()
    assert intervals is not None
    rows = parsed(body("futures_rest_funding_info"))
    expected = {row["symbol"]: row["fundingIntervalHours"] * 3_600 for row in rows}
    assert intervals.read(ok(body("futures_rest_funding_info"))) == expected
    survives_mangling(intervals, body("futures_rest_funding_info"))


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, body: Callable[[str], bytes]) -> None:
    told = parsed(body(name))
    headers = {key.lower(): value for key, value in told.get("headers", {}).items()}
    response = Response(told["http_status"], headers, json.dumps(told["body"]).encode())
    error = SPOT.error(response)
    assert type(error) is ERRORS[name]
    assert (error.code, error.message) == (str(told["body"]["code"]), told["body"]["msg"])
    assert error.retry_after_ms == (int(headers["retry-after"]) * 1_000 if "retry-after" in headers else None)
    assert error.outcome is (Outcome.UNKNOWN if told["http_status"] >= 500 else Outcome.REJECTED)
    if "x-mbx-used-weight-1m" in headers:
        assert SPOT.used_weight(response) == {"default": int(headers["x-mbx-used-weight-1m"])}
    with pytest.raises(ERRORS[name]):
        SPOT.server_time().read(response)


def test_the_error_of_an_unknown_perpetual(body: Callable[[str], bytes]) -> None:
    error = USDM.error(Response(400, {}, body("futures_rest_error_invalid_symbol")))
    assert isinstance(error, InvalidRequestError)
    assert (error.code, error.message, error.outcome) == ("-1121", "Invalid symbol.", Outcome.REJECTED)
