"""Gate's REST side: what is asked, and what the answers become."""

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
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import Call, Hosts, PublicMarket, Request, Response

T = TypeVar("T")
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))
both = pytest.mark.parametrize("market", [SPOT, USDM], ids=["spot", "usdm"])
DECIMAL = ("X-Gate-Size-Decimal", "1")


def listing_of(market: PublicMarket, venue_symbol: str = "BTC_USDT") -> SymbolInfo:
    base, quote = venue_symbol.split("_")
    return SymbolInfo(
        venue=ExchangeName("gate"),
        market=market.kind,
        symbol=Symbol(AssetName(base), AssetName(quote), market.kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D("0.1"),
        lot_size=D("0.001"),
    )


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, body if isinstance(body, bytes) else msgspec.json.encode(body)))


def fixture(shared: Path, name: str) -> bytes:
    return (shared / "fixtures" / "gate" / name).read_bytes()


# ---------------------------------------------------------------------- what is asked


def asked(request: Request) -> tuple[str, dict[str, str]]:
    assert (request.method, request.body, request.weight, request.budget) == ("GET", b"", 1, "default")
    return request.path, dict(request.query)


def test_requests_of_spot() -> None:
    listing = listing_of(SPOT)
    pair = {"currency_pair": "BTC_USDT"}
    assert asked(SPOT.server_time().request) == ("/api/v4/spot/time", {})
    assert asked(SPOT.listings().request) == ("/api/v4/spot/currency_pairs", {})
    assert asked(SPOT.trades(listing, 5_000).request) == ("/api/v4/spot/trades", {**pair, "limit": "1000"})
    assert asked(SPOT.ticker(listing).request) == ("/api/v4/spot/tickers", pair)
    assert asked(SPOT.tickers([listing]).request) == ("/api/v4/spot/tickers", {})
    assert asked(SPOT.quotes([listing]).request) == ("/api/v4/spot/tickers", {})
    assert asked(SPOT.klines(listing, KlineInterval.HOUR_1, 9).request) == (
        "/api/v4/spot/candlesticks",
        {**pair, "interval": "1h", "limit": "9"},
    )
    assert SPOT.listings().request.headers == ()


def test_requests_of_perpetuals_ask_for_decimal_sizes() -> None:
    listing = listing_of(USDM)
    contract = {"contract": "BTC_USDT"}
    prefix = "/api/v4/futures/usdt"
    assert asked(USDM.server_time().request) == ("/api/v4/spot/time", {})
    calls: list[tuple[Request, str, dict[str, str]]] = [
        (USDM.listings().request, "/contracts", {}),
        (USDM.trades(listing, 3).request, "/trades", {**contract, "limit": "3"}),
        (USDM.ticker(listing).request, "/tickers", contract),
        (USDM.tickers([listing]).request, "/tickers", {}),
        (USDM.quotes([listing]).request, "/tickers", {}),
        (USDM.funding(listing).request, "/contracts/BTC_USDT", {}),
        (USDM.funding_history(listing, 3).request, "/funding_rate", {**contract, "limit": "3"}),
        (USDM.funding_history(listing, 5_000).request, "/funding_rate", {**contract, "limit": "1000"}),
        (
            USDM.klines(listing, KlineInterval.WEEK_1, 9).request,
            "/candlesticks",
            {**contract, "interval": "1w", "limit": "9"},
        ),
    ]
    for request, path, query in calls:
        assert asked(request) == (prefix + path, query)
        assert request.headers == (DECIMAL,)
    assert USDM.stream_headers == dict([DECIMAL])
    assert SPOT.stream_headers == {}


@both
def test_books_are_asked_for_with_their_id_and_never_from_the_stale_cache(market: PublicMarket) -> None:
    listing = listing_of(market)
    for request, limit in (
        (market.order_book(listing, 20).request, "20"),
        (market.order_book(listing, 1_000).request, "100"),
        (market.snapshot_request(listing), "100"),
    ):
        assert request.path.endswith("/order_book")
        assert dict(request.query)["limit"] == limit
        assert dict(request.query)["with_id"] == "true"


@both
def test_a_start_makes_a_span_of_time_since_a_count_is_refused_beside_it(market: PublicMarket) -> None:
    call = market.klines(listing_of(market), KlineInterval.MINUTE_5, 10, 1_700_000_100_000_000_001)
    query = dict(call.request.query)
    assert "limit" not in query
    assert (query["from"], query["to"]) == ("1700000101", str(1_700_000_101 + 10 * 300 - 1))


def test_a_name_outside_ascii_is_escaped_in_a_path() -> None:
    request = USDM.funding(listing_of(USDM, "币安人生_USDT")).request
    assert request.path.endswith("/contracts/%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9F_USDT")


def test_hosts_replace_scheme_and_host_but_not_paths() -> None:
    hosts = Hosts("http://127.0.0.1:1", "ws://127.0.0.1:2")
    spot, usdm = (VENUE.markets[kind](hosts) for kind in (MarketKind.SPOT, MarketKind.USDM))
    assert (spot.rest_url, usdm.rest_url) == ("http://127.0.0.1:1", "http://127.0.0.1:1")
    assert spot.stream_urls == {"public": "ws://127.0.0.1:2/ws/v4/"}
    assert usdm.stream_urls == {"public": "ws://127.0.0.1:2/v4/ws/usdt"}
    assert SPOT.stream_urls == {"public": "wss://api.gateio.ws/ws/v4/"}
    assert USDM.stream_urls == {"public": "wss://fx-ws.gateio.ws/v4/ws/usdt"}


def test_spot_has_no_funding() -> None:
    with pytest.raises(NotSupported, match="only perpetuals"):
        SPOT.funding(listing_of(SPOT))
    with pytest.raises(NotSupported, match="only perpetuals"):
        SPOT.funding_history(listing_of(SPOT), 1)
    assert SPOT.funding_intervals() is None
    assert USDM.funding_intervals() is None


# ---------------------------------------------------------------------- market data


def test_server_time_is_in_nanoseconds() -> None:
    assert read(SPOT.server_time(), {"server_time": 1597026383085}) == 1_597_026_383_085_000_000


SPOT_BOOK = {
    "id": 123456,
    "current": 1623898993123,
    "update": 1623898993121,
    "asks": [["1.52", "1.151"], ["1.53", "1.218"]],
    "bids": [["1.17", "201.863"], ["1.16", "725.464"]],
}
USDM_BOOK = {
    "id": 123456,
    "current": 1623898993.123,
    "update": 1623898993.121,
    "asks": [{"p": "1.52", "s": "100.5"}, {"p": "1.53", "s": 40}],
    "bids": [{"p": "1.17", "s": 150}, {"p": "1.16", "s": 203}],
}


def test_a_spot_book_has_milliseconds() -> None:
    listing = listing_of(SPOT)
    assert read(SPOT.order_book(listing, 2), SPOT_BOOK) == OrderBook(
        listing.symbol,
        (BookLevel(D("1.17"), D("201.863")), BookLevel(D("1.16"), D("725.464"))),
        (BookLevel(D("1.52"), D("1.151")), BookLevel(D("1.53"), D("1.218"))),
        123456,
        1_623_898_993_121_000_000,
    )


def test_a_perpetual_book_has_seconds_and_sizes_in_either_form() -> None:
    listing = listing_of(USDM)
    assert read(USDM.order_book(listing, 2), USDM_BOOK) == OrderBook(
        listing.symbol,
        (BookLevel(D("1.17"), D(150)), BookLevel(D("1.16"), D(203))),
        (BookLevel(D("1.52"), D("100.5")), BookLevel(D("1.53"), D(40))),
        123456,
        1_623_898_993_121_000_000,
    )


def test_a_book_without_its_id_or_out_of_order_is_refused() -> None:
    call = SPOT.order_book(listing_of(SPOT), 2)
    with pytest.raises(InvalidResponseError, match="missing required field `id`"):
        read(call, {key: value for key, value in SPOT_BOOK.items() if key != "id"})
    with pytest.raises(InvalidResponseError, match="not sorted"):
        read(call, SPOT_BOOK | {"asks": [["1.53", "1"], ["1.52", "1"]]})


def test_spot_trades_come_oldest_first_with_fractions_of_milliseconds() -> None:
    listing = listing_of(SPOT)
    rows = [
        {"id": "2", "create_time_ms": "1548000000123.456", "side": "sell", "amount": "0.15", "price": "0.03"},
        {"id": "1", "create_time_ms": "1548000000120", "side": "buy", "amount": "1", "price": "0.04"},
    ]
    assert read(SPOT.trades(listing, 2), rows) == [
        Trade(listing.symbol, D("0.04"), D(1), Side.BUY, 1_548_000_000_120_000_000, "1"),
        Trade(listing.symbol, D("0.03"), D("0.15"), Side.SELL, 1_548_000_000_123_456_000, "2"),
    ]


def test_perpetual_trades_have_the_side_in_their_sign_and_seconds_for_milliseconds() -> None:
    listing = listing_of(USDM)
    rows = [
        {"id": 8, "create_time": 1548000001, "create_time_ms": 1548000001.5, "size": "-2.5", "price": "90"},
        {"id": 7, "create_time": 1548000000, "size": 3, "price": "91"},
    ]
    assert read(USDM.trades(listing, 2), rows) == [
        Trade(listing.symbol, D(91), D(3), Side.BUY, 1_548_000_000_000_000_000, "7"),
        Trade(listing.symbol, D(90), D("2.5"), Side.SELL, 1_548_000_001_500_000_000, "8"),
    ]


def test_a_trade_of_no_size_is_refused() -> None:
    with pytest.raises(InvalidResponseError, match="size of trade 7 is 0"):
        read(USDM.trades(listing_of(USDM), 1), [{"id": 7, "create_time": 1, "size": 0, "price": "91"}])


SPOT_TICKER = {
    "currency_pair": "BTC_USDT",
    "last": "2.46",
    "lowest_ask": "2.477",
    "lowest_size": "3",
    "highest_bid": "",
    "highest_size": "",
    "change_percentage": "-8.91",
    "base_volume": "656614.08",
    "quote_volume": "1602221.66468375534639404191",
    "high_24h": "2.7431",
    "low_24h": "1.9863",
}


def test_a_spot_ticker_may_have_an_empty_side() -> None:
    listing = listing_of(SPOT)
    assert read(SPOT.ticker(listing), [SPOT_TICKER]) == Ticker(
        symbol=listing.symbol,
        last=D("2.46"),
        ask=D("2.477"),
        ask_quantity=D(3),
        high=D("2.7431"),
        low=D("1.9863"),
        volume=D("656614.08"),
        quote_volume=D("1602221.66468375534639404191"),
    )


@both
def test_a_ticker_must_be_the_only_one_and_of_the_listing_asked_for(market: PublicMarket) -> None:
    key = "currency_pair" if market is SPOT else "contract"
    for rows in ([], [{key: "ETH_USDT"}], [{key: "BTC_USDT"}] * 2):
        with pytest.raises(InvalidResponseError):
            read(market.ticker(listing_of(market)), rows)


def test_tickers_of_other_contracts_are_left_out() -> None:
    listing = listing_of(USDM)
    row = {
        "contract": "BTC_USDT",
        "last": "23160.2",
        "highest_bid": "23160.1",
        "highest_size": "7.5",
        "volume_24h": "155496714",
        "volume_24h_base": "15549",
        "volume_24h_quote": "360157621",
    }
    assert read(USDM.tickers([listing]), [{"contract": "ETH_USDT", "last": "1"}, row]) == [
        Ticker(
            symbol=listing.symbol,
            last=D("23160.2"),
            bid=D("23160.1"),
            bid_quantity=D("7.5"),
            volume=D(155496714),
            quote_volume=D(360157621),
        )
    ]


def test_spot_candles_say_which_are_closed() -> None:
    listing = listing_of(SPOT)
    rows = [
        ["1717246860", "10", "2", "4", "1", "3", "5", "false"],
        ["1717246800", "1157762.8", "67772.5", "67839.9", "67715", "67715.1", "17.0779", "true"],
    ]
    first, second = read(SPOT.klines(listing, KlineInterval.MINUTE_1, 2), rows)
    assert first == Kline(
        listing.symbol,
        KlineInterval.MINUTE_1,
        1_717_246_800_000_000_000,
        D("67715.1"),
        D("67839.9"),
        D(67715),
        D("67772.5"),
        D("17.0779"),
        D("1157762.8"),
        closed=True,
    )
    assert (second.open, second.high, second.low, second.close, second.closed) == (D(3), D(4), D(1), D(2), False)


def test_the_newest_candle_of_a_perpetual_counts_as_open() -> None:
    listing = listing_of(USDM)
    rows = [
        {"t": 1717246860, "o": "3", "h": "4", "l": "1", "c": "2", "v": 5, "sum": "10"},
        {"t": 1717246800, "o": "1", "h": "1", "l": "1", "c": "1", "v": "2.5", "sum": "2"},
    ]
    first, second = read(USDM.klines(listing, KlineInterval.MINUTE_1, 2), rows)
    assert (first.volume, first.quote_volume, first.closed) == (D("2.5"), D(2), True)
    assert (second.open, second.high, second.low, second.close, second.closed) == (D(3), D(4), D(1), D(2), False)
    assert read(USDM.klines(listing, KlineInterval.MINUTE_1, 2), []) == []


CONTRACT = {
    "name": "BTC_USDT",
    "quanto_multiplier": "0.0001",
    "order_price_round": "0.1",
    "order_size_min": "1",
    "funding_rate": "0.0001",
    "funding_interval": 14400,
    "funding_next_apply": 1610035200,
    "mark_price": "37985.6",
    "index_price": "37954.92",
}


def test_funding_has_its_own_interval() -> None:
    listing = listing_of(USDM)
    assert read(USDM.funding(listing), CONTRACT) == FundingRate(
        listing.symbol, D("0.0001"), 1_610_035_200_000_000_000, 14_400, D("37985.6"), D("37954.92")
    )


@pytest.mark.parametrize("change", [{"funding_rate": None}, {"funding_interval": -1}])
def test_funding_without_a_rate_or_with_an_impossible_interval_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidResponseError, match="BTC_USDT: funding_rate"):
        read(USDM.funding(listing_of(USDM)), CONTRACT | change)


PAST_FUNDING = [{"t": 1543996800, "r": "-0.00002"}, {"t": 1543968000, "r": "0.000157"}]


def test_past_funding_comes_oldest_first() -> None:
    listing = listing_of(USDM)
    assert read(USDM.funding_history(listing, 2), PAST_FUNDING) == [
        FundingRate(listing.symbol, D("0.000157"), 0, time_ns=1_543_968_000_000_000_000),
        FundingRate(listing.symbol, D("-0.00002"), 0, time_ns=1_543_996_800_000_000_000),
    ]
    assert read(USDM.funding_history(listing, 2), []) == []


def test_quotes_are_the_tickers_with_sizes_only_on_perpetuals() -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    best = {"highest_bid": "2.4", "lowest_ask": "2.5"}
    rows = [best | {"currency_pair": "BTC_USDT"}, best | {"currency_pair": "ETH_USDT"}]
    assert read(SPOT.quotes([spot]), rows) == [Ticker(symbol=spot.symbol, bid=D("2.4"), ask=D("2.5"))]
    (quote,) = read(USDM.quotes([usdm]), [best | {"contract": "BTC_USDT", "highest_size": "7", "lowest_size": "1.5"}])
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == (D("2.4"), D(7), D("2.5"), D("1.5"))


def test_a_price_of_0_stands_for_none() -> None:
    row = {**SPOT_TICKER, "last": "0", "lowest_ask": "0", "highest_bid": "2", "highest_size": "1", "low_24h": "0"}
    told = read(SPOT.ticker(listing_of(SPOT)), [row])
    assert (told.last, told.ask, told.ask_quantity, told.low) == (None, None, None, None)
    assert (told.bid, told.bid_quantity) == (D(2), D(1))


BODIES: list[tuple[Callable[[], Call[Any]], object]] = [
    (lambda: SPOT.server_time(), {"server_time": 1597026383085}),
    (lambda: SPOT.order_book(listing_of(SPOT), 2), SPOT_BOOK),
    (lambda: USDM.order_book(listing_of(USDM), 2), USDM_BOOK),
    (
        lambda: SPOT.trades(listing_of(SPOT), 1),
        [{"id": "2", "create_time_ms": "1548000000123.4", "side": "sell", "amount": "1", "price": "3"}],
    ),
    (
        lambda: USDM.trades(listing_of(USDM), 1),
        [{"id": 7, "create_time": 1548000000, "create_time_ms": 1548000000.5, "size": 3, "price": "91"}],
    ),
    (lambda: SPOT.ticker(listing_of(SPOT)), [SPOT_TICKER]),
    (lambda: USDM.ticker(listing_of(USDM)), [{"contract": "BTC_USDT", "last": "1", "volume_24h": "2"}]),
    (
        lambda: SPOT.klines(listing_of(SPOT), KlineInterval.DAY_1, 1),
        [["1717246800", "1", "2", "3", "1", "2", "5", "true"]],
    ),
    (
        lambda: USDM.klines(listing_of(USDM), KlineInterval.DAY_1, 1),
        [{"t": 1717246860, "o": "3", "h": "4", "l": "1", "c": "2", "v": 5, "sum": "10"}],
    ),
    (lambda: USDM.funding(listing_of(USDM)), CONTRACT),
    (lambda: USDM.funding_history(listing_of(USDM), 2), PAST_FUNDING),
]


@pytest.mark.parametrize(("call", "body"), BODIES)
def test_spoilt_answers_are_refused_or_read(
    call: Callable[[], Call[Any]], body: object, survives_mangling: Callable[[Call[object], bytes], None]
) -> None:
    survives_mangling(call(), msgspec.json.encode(body))


# ---------------------------------------------------------------------- what the venue really sent


def test_recorded_and_documented_answers(shared: Path) -> None:
    spot, usdm = listing_of(SPOT, "ETH_USDT"), listing_of(USDM)
    (rules,) = read(SPOT.listings(), b"[" + fixture(shared, "spot_rest_currency_pair.json") + b"]")
    assert (rules.tick_size, rules.lot_size, rules.min_notional) == (D("0.000001"), D("0.001"), D("1.0"))
    assert (rules.max_quantity, rules.taker_fee) == (D(10000), D("0.002"))
    (rules,) = read(USDM.listings(), b"[" + fixture(shared, "futures_rest_contract.json") + b"]")
    assert (rules.contract_size, rules.tick_size, rules.lot_size) == (D("0.0001"), D("0.1"), D(1))
    assert (rules.tradable, rules.taker_fee, rules.maker_fee) == (True, D("0.00075"), D("-0.00025"))
    funding = read(USDM.funding(usdm), fixture(shared, "futures_rest_contract.json"))
    assert (funding.rate, funding.interval_s, funding.mark_price) == (D("0.002053"), 28_800, D("37985.6"))
    assert read(SPOT.server_time(), fixture(shared, "spot_rest_time.json")) == 1_597_026_383_085_000_000
    book = read(SPOT.order_book(spot, 5), fixture(shared, "spot_rest_order_book.json"))
    assert (book.bids[0], book.asks[1], book.sequence) == ((D("1.17"), D("201.863")), (D("1.53"), D("1.218")), 123456)
    book = read(USDM.order_book(usdm, 5), fixture(shared, "futures_rest_order_book.json"))
    assert (book.bids[0], book.asks[1]) == (BookLevel(D("1.17"), D(150)), BookLevel(D("1.53"), D(40)))
    assert book.time_ns == 1_623_898_993_121_000_000
    (trade,) = read(SPOT.trades(spot, 1), fixture(shared, "spot_rest_trades.json"))
    assert (trade.price, trade.quantity, trade.side, trade.id) == (D("0.03"), D("0.15"), Side.BUY, "1232893232")
    assert trade.time_ns == 1_548_000_000_123_456_000
    lever = listing_of(SPOT, "BTC3L_USDT")
    ticker = read(SPOT.ticker(lever), fixture(shared, "spot_rest_tickers.json"))
    assert (ticker.last, ticker.bid, ticker.ask) == (D("2.46140352"), D("2.4606821"), D("2.477"))
    assert read(SPOT.tickers([lever, spot]), fixture(shared, "spot_rest_tickers.json")) == [ticker]
    (candle,) = read(SPOT.klines(spot, KlineInterval.HOUR_1, 1), fixture(shared, "spot_rest_klines.json"))
    assert (candle.open, candle.close, candle.volume) == (D("67715.1"), D("67772.5"), D("17.0779"))
