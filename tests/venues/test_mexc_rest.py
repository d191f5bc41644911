"""MEXC's REST side: what is asked, what it costs, and what the answers become."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from oneprice.errors import InvalidResponseError, NotSupported
from oneprice.model import (
    AssetName,
    BookLevel,
    ExchangeName,
    FundingRate,
    Kline,
    KlineInterval,
    MarketKind,
    OrderBook,
    Side,
    Symbol,
    SymbolInfo,
    Ticker,
    Trade,
)
from oneprice.venues.kit import Budget, Call, Hosts, PublicMarket, Request, Response
from oneprice.venues.mexc import VENUE

T = TypeVar("T")
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))


def listing_of(market: PublicMarket, base: str = "BTC") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=market.kind,
        symbol=Symbol(AssetName(base), AssetName("USDT"), market.kind is MarketKind.USDM),
        venue_symbol=f"{base}USDT" if market.kind is MarketKind.SPOT else f"{base}_USDT",
        tick_size=D("0.1"),
        lot_size=D("0.001"),
    )


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, body if isinstance(body, bytes) else msgspec.json.encode(body)))


def wrapped(data: object) -> dict[str, object]:
    return {"success": True, "code": 0, "data": data}


def fixture(shared: Path, name: str) -> bytes:
    return (shared / "fixtures" / "mexc" / name).read_bytes()


# ---------------------------------------------------------------------- what is asked


def asked(request: Request) -> tuple[str, dict[str, str], int, str]:
    assert (request.method, request.body, request.headers) == ("GET", b"", ())
    return request.path, dict(request.query), request.weight, request.budget


def test_requests_of_spot_cost_the_stricter_of_the_documented_weights() -> None:
    listing = listing_of(SPOT)
    symbol = {"symbol": "BTCUSDT"}
    hour = {**symbol, "interval": "60m", "limit": "2"}
    start_ns = 1_700_000_000_000_000_000
    expected = [
        (SPOT.server_time().request, "time", {}, 1),
        (SPOT.listings().request, "exchangeInfo", {}, 25),
        (SPOT.order_book(listing, 9_999).request, "depth", {**symbol, "limit": "5000"}, 3),
        (SPOT.snapshot_request(listing), "depth", {**symbol, "limit": "1000"}, 3),
        (SPOT.trades(listing, 9_999).request, "trades", {**symbol, "limit": "1000"}, 5),
        (SPOT.ticker(listing).request, "ticker/24hr", symbol, 1),
        (SPOT.tickers([listing]).request, "ticker/24hr", {}, 40),
        (SPOT.quotes([listing]).request, "ticker/bookTicker", {}, 10),
        (SPOT.klines(listing, KlineInterval.HOUR_1, 2).request, "klines", hour, 1),
        (
            SPOT.klines(listing, KlineInterval.HOUR_1, 2, start_ns).request,
            "klines",
            {**hour, "startTime": "1700000000000", "endTime": "1700007199999"},
            1,
        ),
    ]
    for request, path, query, weight in expected:
        assert asked(request) == (f"/api/v3/{path}", query, weight, "default")
    most = dict(SPOT.klines(listing, KlineInterval.DAY_1, 9_999).request.query)
    assert most["limit"] == "500"


def test_requests_of_perpetuals_have_the_symbol_in_the_path() -> None:
    listing = listing_of(USDM)
    start_ns = 1_700_000_000_000_000_001
    expected: list[tuple[Request, str, dict[str, str]]] = [
        (USDM.server_time().request, "ping", {}),
        (USDM.order_book(listing, 20).request, "depth/BTC_USDT", {"limit": "20"}),
        (USDM.snapshot_request(listing), "depth/BTC_USDT", {"limit": "1000"}),
        (USDM.trades(listing, 9_999).request, "deals/BTC_USDT", {"limit": "100"}),
        (USDM.ticker(listing).request, "ticker", {"symbol": "BTC_USDT"}),
        (USDM.tickers([listing]).request, "ticker", {}),
        (USDM.quotes([listing]).request, "ticker", {}),
        (USDM.funding(listing).request, "funding_rate/BTC_USDT", {}),
        (
            USDM.funding_history(listing, 9_999).request,
            "funding_rate/history",
            {"symbol": "BTC_USDT", "page_num": "1", "page_size": "1000"},
        ),
        (USDM.klines(listing, KlineInterval.HOUR_4, 2).request, "kline/BTC_USDT", {"interval": "Hour4"}),
        (
            USDM.klines(listing, KlineInterval.MINUTE_1, 2, start_ns).request,
            "kline/BTC_USDT",
            {"interval": "Min1", "start": "1700000001", "end": "1700000120"},
        ),
    ]
    for request, path, query in expected:
        assert asked(request) == (f"/api/v1/contract/{path}", query, 1, "default")
    escaped = USDM.funding(listing_of(USDM, "币安人生")).request.path
    assert escaped == "/api/v1/contract/funding_rate/%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9F_USDT"


def test_contract_detail_has_a_budget_of_its_own() -> None:
    assert asked(USDM.listings().request) == ("/api/v1/contract/detail", {}, 1, "detail")
    assert USDM.budgets["detail"] == Budget(1, 5.0)


def test_hosts_replace_scheme_and_host_but_not_paths() -> None:
    hosts = Hosts("http://127.0.0.1:1", "ws://127.0.0.1:2")
    spot, usdm = (VENUE.markets[kind](hosts) for kind in (MarketKind.SPOT, MarketKind.USDM))
    assert (spot.rest_url, usdm.rest_url) == ("http://127.0.0.1:1", "http://127.0.0.1:1")
    assert spot.stream_urls == {"public": "ws://127.0.0.1:2/ws"}
    assert usdm.stream_urls == {"public": "ws://127.0.0.1:2/edge"}
    assert SPOT.stream_urls == {"public": "wss://wbs-api.mexc.com/ws"}
    assert USDM.stream_urls == {"public": "wss://contract.mexc.com/edge"}


def test_spot_has_no_funding() -> None:
    with pytest.raises(NotSupported, match="only perpetuals"):
        SPOT.funding(listing_of(SPOT))
    with pytest.raises(NotSupported, match="only perpetuals"):
        SPOT.funding_history(listing_of(SPOT), 1)


# ---------------------------------------------------------------------- market data

BOOK = {"lastUpdateId": 7, "timestamp": 17, "bids": [["1.17", "2"], ["1.16", "3"]], "asks": [["1.5", "1.1"]]}
CONTRACT_BOOK = wrapped(
    {"asks": [[1.5, 100, 2]], "bids": [[1.17, 15, 1], [1.16, 3e0, 1]], "version": 7, "timestamp": 17, "cts": None}
)


def test_books() -> None:
    bids = (BookLevel(D("1.17"), D(2)), BookLevel(D("1.16"), D(3)))
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    assert read(SPOT.order_book(spot, 5), BOOK) == OrderBook(
        spot.symbol, bids, (BookLevel(D("1.5"), D("1.1")),), 7, 17_000_000
    )
    assert read(SPOT.order_book(spot, 5), {**BOOK, "timestamp": None}).time_ns == 0
    told = read(USDM.order_book(usdm, 1), CONTRACT_BOOK)
    assert (told.bids, told.asks) == ((BookLevel(D("1.17"), D(15)),), (BookLevel(D("1.5"), D(100)),))
    assert (told.sequence, told.time_ns) == (7, 17_000_000)


def test_spot_trades_have_no_ids_and_come_oldest_first() -> None:
    listing = listing_of(SPOT)
    common = {"id": None, "quoteQty": "1", "isBestMatch": True}
    rows = [
        {**common, "price": "3", "qty": "0.4", "time": 1737623988881, "isBuyerMaker": False, "tradeType": "BID"},
        {**common, "price": "2", "qty": "0.9", "time": 1737623988876, "isBuyerMaker": True, "tradeType": "ASK"},
    ]
    assert read(SPOT.trades(listing, 2), rows) == [
        Trade(listing.symbol, D(2), D("0.9"), Side.SELL, 1_737_623_988_876_000_000),
        Trade(listing.symbol, D(3), D("0.4"), Side.BUY, 1_737_623_988_881_000_000),
    ]


def test_perpetual_trades() -> None:
    listing = listing_of(USDM)
    rows = [
        {"p": 115309.8, "v": 55, "T": 2, "O": 3, "M": 1, "t": 1755487578276, "i": "130"},
        {"p": 115309.9, "v": 1, "T": 1, "O": 3, "M": 1, "t": 1755487578276},
    ]
    assert read(USDM.trades(listing, 2), wrapped(rows)) == [
        Trade(listing.symbol, D("115309.9"), D(1), Side.BUY, 1_755_487_578_276_000_000),
        Trade(listing.symbol, D("115309.8"), D(55), Side.SELL, 1_755_487_578_276_000_000, "130"),
    ]


DAY = {
    "symbol": "BTCUSDT",
    "lastPrice": "5",
    "bidPrice": "4",
    "bidQty": "",
    "askPrice": "6",
    "askQty": "7",
    "openPrice": "1",
    "highPrice": "8",
    "lowPrice": "0.5",
    "volume": "100",
    "quoteVolume": None,
    "closeTime": 1700000000000,
    "count": None,
}
CONTRACT_TICKER = {
    "symbol": "BTC_USDT",
    "lastPrice": 83584.5,
    "bid1": 83584.4,
    "ask1": 0,
    "volume24": 358881264,
    "amount24": 3017260101.48246,
    "lower24Price": 83009.3,
    "high24Price": 85620,
    "timestamp": 1790845671713,
}


def test_tickers() -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    expected = Ticker(
        symbol=spot.symbol,
        last=D(5),
        bid=D(4),
        ask=D(6),
        ask_quantity=D(7),
        open=D(1),
        high=D(8),
        low=D("0.5"),
        volume=D(100),
        time_ns=1_700_000_000_000_000_000,
    )
    assert read(SPOT.ticker(spot), DAY) == expected
    assert read(SPOT.tickers([spot]), [DAY | {"symbol": "ETHUSDT"}, DAY]) == [expected]
    expected = Ticker(
        symbol=usdm.symbol,
        last=D("83584.5"),
        bid=D("83584.4"),
        high=D(85620),
        low=D("83009.3"),
        volume=D(358881264),
        quote_volume=D("3017260101.48246"),
        time_ns=1_790_845_671_713_000_000,
    )
    assert read(USDM.ticker(usdm), wrapped(CONTRACT_TICKER)) == expected
    rows = [CONTRACT_TICKER | {"symbol": "ETH_USDT"}, CONTRACT_TICKER]
    assert read(USDM.tickers([usdm]), wrapped(rows)) == [expected]


BOOK_TICKER = {"symbol": "BTCUSDT", "bidPrice": "4", "bidQty": "2.5", "askPrice": "6", "askQty": ""}


def test_quotes() -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    rows = [BOOK_TICKER | {"symbol": "ETHUSDT"}, BOOK_TICKER]
    assert read(SPOT.quotes([spot]), rows) == [Ticker(symbol=spot.symbol, bid=D(4), bid_quantity=D("2.5"), ask=D(6))]
    empty = {"symbol": "BTCUSDT", "bidPrice": "", "bidQty": "", "askPrice": None, "askQty": None}
    assert read(SPOT.quotes([spot]), [empty]) == [Ticker(symbol=spot.symbol)]
    (quote,) = read(USDM.quotes([usdm]), wrapped([CONTRACT_TICKER | {"ask1": 83584.5}]))
    assert (quote.bid, quote.ask) == (D("83584.4"), D("83584.5"))
    assert (quote.bid_quantity, quote.ask_quantity) == (None, None)


def test_answers_about_another_symbol_are_refused() -> None:
    with pytest.raises(InvalidResponseError, match="asked for was 'BTCUSDT'"):
        read(SPOT.ticker(listing_of(SPOT)), DAY | {"symbol": "ETHUSDT"})
    with pytest.raises(InvalidResponseError, match="asked for was 'BTC_USDT'"):
        read(USDM.ticker(listing_of(USDM)), wrapped(CONTRACT_TICKER | {"symbol": "ETH_USDT"}))
    with pytest.raises(InvalidResponseError, match="asked for was 'BTC_USDT'"):
        read(USDM.funding(listing_of(USDM)), wrapped(FUNDING | {"symbol": "ETH_USDT"}))
    with pytest.raises(InvalidResponseError, match="asked for was 'ETH_USDT'"):
        read(USDM.funding_history(listing_of(USDM, "ETH"), 2), wrapped(PAST_FUNDING))


CANDLES = [
    [1640804880000, "2", "4", "1", "3", "3.5", 1640804940000, "168387.3"],
    [1640804940000, "3", "3", "3", "3", "0", 1640805000000, "0"],
]
COLUMNS = {
    "time": [1609740600, 1609740660],
    "open": [2, 3],
    "close": [3.5, 3],
    "high": [4, 3],
    "low": [1, 3],
    "vol": [10.0, 0],
    "amount": [2e1, 0],
}


def test_the_newest_candle_counts_as_open() -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    minute = KlineInterval.MINUTE_1
    first, second = read(SPOT.klines(spot, minute, 2), CANDLES)
    assert first == Kline(
        spot.symbol, minute, 1_640_804_880_000_000_000, D(2), D(4), D(1), D(3), D("3.5"), D("168387.3"), closed=True
    )
    assert not second.closed
    first, second = read(USDM.klines(usdm, minute, 2), wrapped(COLUMNS))
    assert first == Kline(
        usdm.symbol, minute, 1_609_740_600_000_000_000, D(2), D(4), D(1), D("3.5"), D(10), D(20), closed=True
    )
    assert not second.closed
    assert read(USDM.klines(usdm, minute, 1), wrapped(COLUMNS)) == [second]
    empty: dict[str, list[object]] = {name: [] for name in COLUMNS}
    assert read(USDM.klines(usdm, minute, 1), wrapped(empty)) == []


def test_candle_columns_of_different_length_are_refused() -> None:
    call = USDM.klines(listing_of(USDM), KlineInterval.MINUTE_1, 2)
    with pytest.raises(InvalidResponseError, match="not of one length"):
        read(call, wrapped(COLUMNS | {"low": [1]}))


FUNDING = {
    "symbol": "BTC_USDT",
    "fundingRate": -4.89e-05,
    "collectCycle": 4,
    "nextSettleTime": 1609833600000,
    "timestamp": 1609829807577,
}


def test_funding_has_its_cycle_in_hours() -> None:
    listing = listing_of(USDM)
    assert read(USDM.funding(listing), wrapped(FUNDING)) == FundingRate(
        listing.symbol, D("-0.0000489"), 1_609_833_600_000_000_000, 14_400
    )
    assert USDM.funding_intervals() is None


PAST_FUNDING = {
    "pageSize": 2,
    "totalCount": 21,
    "totalPage": 11,
    "currentPage": 1,
    "resultList": [
        {"symbol": "BTC_USDT", "fundingRate": 0.000266, "settleTime": 1609819200000, "collectCycle": 4},
        {"symbol": "BTC_USDT", "fundingRate": -3e-05, "settleTime": 1609804800000},
    ],
}


def test_past_funding_comes_oldest_first_with_the_cycle_of_each() -> None:
    listing = listing_of(USDM)
    assert read(USDM.funding_history(listing, 2), wrapped(PAST_FUNDING)) == [
        FundingRate(listing.symbol, D("-0.00003"), 0, time_ns=1_609_804_800_000_000_000),
        FundingRate(listing.symbol, D("0.000266"), 0, 14_400, time_ns=1_609_819_200_000_000_000),
    ]


def test_server_times_are_in_nanoseconds() -> None:
    assert read(SPOT.server_time(), {"serverTime": 1645539742000}) == 1_645_539_742_000_000_000
    assert read(USDM.server_time(), wrapped(1645539742000)) == 1_645_539_742_000_000_000


BODIES: list[tuple[Callable[[], Call[Any]], object]] = [
    (lambda: SPOT.server_time(), {"serverTime": 1645539742000}),
    (lambda: USDM.server_time(), wrapped(1645539742000)),
    (lambda: SPOT.order_book(listing_of(SPOT), 5), BOOK),
    (lambda: USDM.order_book(listing_of(USDM), 5), CONTRACT_BOOK),
    (
        lambda: SPOT.trades(listing_of(SPOT), 1),
        [{"id": None, "price": "3", "qty": "0.4", "time": 1737623988881, "isBuyerMaker": False}],
    ),
    (
        lambda: USDM.trades(listing_of(USDM), 1),
        wrapped([{"p": 115309.8, "v": 55, "T": 2, "t": 1755487578276, "i": "130"}]),
    ),
    (lambda: SPOT.ticker(listing_of(SPOT)), DAY),
    (lambda: USDM.ticker(listing_of(USDM)), wrapped(CONTRACT_TICKER)),
    (lambda: SPOT.klines(listing_of(SPOT), KlineInterval.MINUTE_1, 2), CANDLES),
    (lambda: USDM.klines(listing_of(USDM), KlineInterval.MINUTE_1, 2), wrapped(COLUMNS)),
    (lambda: USDM.funding(listing_of(USDM)), wrapped(FUNDING)),
    (lambda: USDM.funding_history(listing_of(USDM), 2), wrapped(PAST_FUNDING)),
    (lambda: SPOT.quotes([listing_of(SPOT)]), [BOOK_TICKER]),
]


@pytest.mark.parametrize(("call", "body"), BODIES)
def test_spoilt_answers_are_refused_or_read(
    call: Callable[[], Call[Any]], body: object, survives_mangling: Callable[[Call[object], bytes], None]
) -> None:
    survives_mangling(call(), msgspec.json.encode(body))


# ---------------------------------------------------------------------- what the venue really sent


def test_recorded_and_documented_answers(shared: Path) -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    (rules,) = read(SPOT.listings(), fixture(shared, "spot_rest_exchange_info.json"))
    assert (rules.venue_symbol, rules.tick_size, rules.lot_size) == ("BROCKUSDT", D("0.00001"), D("0.01"))
    assert (rules.min_quantity, rules.min_notional, rules.taker_fee) == (D(0), D(1), D("0.0005"))
    assert rules.tradable
    assert read(SPOT.server_time(), fixture(shared, "spot_rest_server_time.json")) == 1_645_539_742_000_000_000
    book = read(SPOT.order_book(spot, 5), fixture(shared, "spot_rest_depth_snapshot_doc.json"))
    assert (book.bids, book.asks) == ((BookLevel(D(15), D(49999)),), (BookLevel(D(14), D(1)),))
    assert book.sequence == 1112416
    sold, bought = read(SPOT.trades(spot, 2), fixture(shared, "spot_rest_trades.json"))
    assert (sold.side, sold.quantity, bought.side, bought.quantity) == (Side.SELL, D("0.09293"), Side.BUY, D("0.04757"))
    (candle,) = read(SPOT.klines(spot, KlineInterval.MINUTE_1, 1), fixture(shared, "spot_rest_klines.json"))
    assert (candle.open, candle.low, candle.close) == (D("47482.36"), D("47416.57"), D("47436.1"))
    (rules,) = read(USDM.listings(), fixture(shared, "futures_rest_contract_detail_single.json"))
    assert (rules.contract_size, rules.tick_size, rules.tradable) == (D("0.0001"), D("0.5"), True)
    ticker = read(USDM.ticker(usdm), fixture(shared, "futures_rest_ticker.json"))
    assert (ticker.bid, ticker.ask, ticker.volume) == (D("83584.4"), D("83584.5"), D(358881264))
    funding = read(USDM.funding(usdm), fixture(shared, "futures_rest_funding_rate.json"))
    assert (funding.rate, funding.interval_s) == (D("-0.000489"), 28_800)
