"""Binance's REST side: what is asked, what it costs, and what the answers become."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

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
from oneprice.venues.binance import VENUE
from oneprice.venues.kit import Call, Hosts, PublicMarket, Request, Response

T = TypeVar("T")
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))
both = pytest.mark.parametrize("market", [SPOT, USDM], ids=["spot", "usdm"])


def listing_of(market: PublicMarket, base: str = "BTC", venue_symbol: str = "BTCUSDT") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=market.kind,
        symbol=Symbol(AssetName(base), AssetName("USDT"), market.kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D("0.1"),
        lot_size=D("0.001"),
    )


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, msgspec.json.encode(body)))


def asked(request: Request) -> tuple[str, dict[str, str], int, str]:
    assert (request.method, request.body, request.headers) == ("GET", b"", ())
    return request.path, dict(request.query), request.weight, request.budget


# ---------------------------------------------------------------------- what is asked


def test_requests_of_spot() -> None:
    listing = listing_of(SPOT)
    symbol = {"symbol": "BTCUSDT"}
    assert asked(SPOT.server_time().request) == ("/api/v3/time", {}, 1, "default")
    assert asked(SPOT.listings().request) == ("/api/v3/exchangeInfo", {"showPermissionSets": "false"}, 20, "default")
    assert asked(SPOT.trades(listing, 5_000).request) == ("/api/v3/trades", symbol | {"limit": "1000"}, 25, "default")
    assert asked(SPOT.ticker(listing).request) == ("/api/v3/ticker/24hr", symbol, 2, "default")
    assert asked(SPOT.tickers([listing]).request) == ("/api/v3/ticker/24hr", {}, 80, "default")
    assert asked(SPOT.quotes([listing]).request) == ("/api/v3/ticker/bookTicker", {}, 4, "default")
    assert asked(SPOT.snapshot_request(listing)) == ("/api/v3/depth", symbol | {"limit": "1000"}, 50, "default")
    query = symbol | {"interval": "1M", "startTime": "1700000000000", "limit": "1000"}
    klines = SPOT.klines(listing, KlineInterval.MONTH_1, 1_000, 1_700_000_000_000_999_999)
    assert asked(klines.request) == ("/api/v3/klines", query, 2, "default")


def test_requests_of_perpetuals() -> None:
    listing = listing_of(USDM)
    symbol = {"symbol": "BTCUSDT"}
    assert asked(USDM.listings().request) == ("/fapi/v1/exchangeInfo", {}, 1, "default")
    assert asked(USDM.trades(listing, 10).request) == ("/fapi/v1/trades", symbol | {"limit": "10"}, 5, "default")
    assert asked(USDM.ticker(listing).request) == ("/fapi/v1/ticker/24hr", symbol, 1, "default")
    assert asked(USDM.tickers([]).request) == ("/fapi/v1/ticker/24hr", {}, 40, "default")
    assert asked(USDM.quotes([]).request) == ("/fapi/v1/ticker/bookTicker", {}, 5, "default")
    for count, limit in ((3, "3"), (5_000, "1000")):
        history = USDM.funding_history(listing, count).request
        assert asked(history) == ("/fapi/v1/fundingRate", symbol | {"limit": limit}, 1, "funding")
    assert asked(USDM.snapshot_request(listing)) == ("/fapi/v1/depth", symbol | {"limit": "1000"}, 20, "default")
    assert asked(USDM.funding(listing).request) == ("/fapi/v1/premiumIndex", symbol, 1, "default")
    intervals = USDM.funding_intervals()
    assert intervals is not None
    assert asked(intervals.request) == ("/fapi/v1/fundingInfo", {}, 1, "funding")


@pytest.mark.parametrize(
    ("market", "levels", "limit", "weight"),
    [
        (SPOT, 1, 1, 5),
        (SPOT, 100, 100, 5),
        (SPOT, 101, 101, 25),
        (SPOT, 1_000, 1_000, 50),
        (SPOT, 5_001, 5_000, 250),
        (USDM, 1, 5, 2),
        (USDM, 21, 50, 2),
        (USDM, 51, 100, 5),
        (USDM, 101, 500, 10),
        (USDM, 9_999, 1_000, 20),
    ],
)
def test_a_book_costs_by_its_depth(market: PublicMarket, levels: int, limit: int, weight: int) -> None:
    request = market.order_book(listing_of(market), levels).request
    assert (dict(request.query)["limit"], request.weight) == (str(limit), weight)


@pytest.mark.parametrize(("count", "weight"), [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (9_999, 5)])
def test_candles_of_perpetuals_cost_by_their_count(count: int, weight: int) -> None:
    request = USDM.klines(listing_of(USDM), KlineInterval.MINUTE_1, count).request
    assert (dict(request.query)["limit"], request.weight) == (str(min(count, 1_000)), weight)


@both
def test_every_interval_has_the_venues_word(market: PublicMarket) -> None:
    words = [dict(market.klines(listing_of(market), told, 1).request.query)["interval"] for told in KlineInterval]
    assert words == ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1M"]


def test_hosts_point_the_market_elsewhere() -> None:
    market = VENUE.markets[MarketKind.USDM](Hosts("http://127.0.0.1:9001", "ws://127.0.0.1:9001"))
    assert market.rest_url == "http://127.0.0.1:9001"
    assert market.stream_urls == {
        "public": "ws://127.0.0.1:9001/public/stream",
        "market": "ws://127.0.0.1:9001/market/stream",
    }


def test_spot_has_no_funding() -> None:
    with pytest.raises(NotSupported, match="binance-spot"):
        SPOT.funding(listing_of(SPOT))
    with pytest.raises(NotSupported, match="binance-spot"):
        SPOT.funding_history(listing_of(SPOT), 1)
    assert SPOT.funding_intervals() is None


@pytest.mark.parametrize(("header", "used"), [("17", {"default": 17}), ("", {}), ("x", {}), ("-1", {}), ("9" * 12, {})])
@both
def test_used_weight_is_read_from_the_header(market: PublicMarket, header: str, used: dict[str, int]) -> None:
    assert market.used_weight(Response(200, {"x-mbx-used-weight-1m": header}, b"{}")) == used
    assert market.used_weight(Response(200, {}, b"{}")) == {}


# ---------------------------------------------------------------------- answers

BOOK = {"lastUpdateId": 160, "bids": [["0.0024", "10"], ["0.0022", "5"]], "asks": [["0.0026", "100"]]}
TRADES = [
    {"id": 1, "price": "100.5", "qty": "2", "quoteQty": "201", "time": 1_700_000_000_001, "isBuyerMaker": True},
    {"id": 2, "price": "100.6", "qty": "0.5", "quoteQty": "50.3", "time": 1_700_000_000_002, "isBuyerMaker": False},
]
DAY = {
    "symbol": "BTCUSDT",
    "lastPrice": "100.5",
    "openPrice": "90",
    "highPrice": "110",
    "lowPrice": "80.1",
    "volume": "1000",
    "quoteVolume": "100000.5",
    "closeTime": 1_700_000_000_003,
}
QUOTE = {"symbol": "BTCUSDT", "bidPrice": "100.4", "bidQty": "3", "askPrice": "100.6", "askQty": "4"}
QUOTED = DAY | {"bidPrice": "100.4", "bidQty": "3", "askPrice": "100.6", "askQty": "4"}
KLINES = [
    [1_700_000_000_000, "1", "4", "0.5", "2", "10", 1_700_000_059_999, "20", 3, "5", "10", "0"],
    [1_700_000_060_000, "2", "5", "1.5", "3", "11", 1_700_000_119_999, "30", 4, "6", "12", "0"],
]
PREMIUM = {
    "symbol": "BTCUSDT",
    "markPrice": "100.1",
    "indexPrice": "100.2",
    "lastFundingRate": "-0.00010000",
    "nextFundingTime": 1_700_006_400_000,
    "time": 1_700_000_000_000,
}
PAST_FUNDING = [
    {
        "symbol": "BTCUSDT",
        "fundingRate": "0.00010000",
        "fundingTime": 1_700_006_400_013,
        "markPrice": "34287.54619963",
        "rateType": "Regular",
    },
    {"symbol": "BTCUSDT", "fundingRate": "-0.00020000", "fundingTime": 1_699_977_600_000, "markPrice": ""},
]
FUNDING_INFO = [{"symbol": "LPTUSDT", "fundingIntervalHours": 4}, {"symbol": "GTCUSDT", "fundingIntervalHours": 8}]


@both
def test_server_time_is_in_nanoseconds(market: PublicMarket) -> None:
    assert read(market.server_time(), {"serverTime": 1_499_827_319_559}) == 1_499_827_319_559_000_000


def test_a_book_is_cut_to_the_levels_asked_for() -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    levels = (BookLevel(D("0.0024"), D(10)),), (BookLevel(D("0.0026"), D(100)),)
    assert read(SPOT.order_book(spot, 1), BOOK) == OrderBook(spot.symbol, *levels, 160, 0)
    timed = BOOK | {"E": 1_700_000_000_000, "T": 1_699_999_999_999}
    book = read(USDM.order_book(usdm, 1), timed)
    assert book == OrderBook(usdm.symbol, *levels, 160, 1_700_000_000_000_000_000)


@both
def test_the_taker_sold_when_the_buyer_was_the_maker(market: PublicMarket) -> None:
    listing = listing_of(market)
    assert read(market.trades(listing, 2), TRADES) == [
        Trade(listing.symbol, D("100.5"), D(2), Side.SELL, 1_700_000_000_001_000_000, "1"),
        Trade(listing.symbol, D("100.6"), D("0.5"), Side.BUY, 1_700_000_000_002_000_000, "2"),
    ]


def test_tickers_have_best_prices_where_the_market_tells_them() -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    plain = Ticker(
        symbol=usdm.symbol,
        last=D("100.5"),
        open=D(90),
        high=D(110),
        low=D("80.1"),
        volume=D(1_000),
        quote_volume=D("100000.5"),
        time_ns=1_700_000_000_003_000_000,
    )
    quote = {"bid": D("100.4"), "bid_quantity": D(3), "ask": D("100.6"), "ask_quantity": D(4)}
    assert read(USDM.ticker(usdm), DAY) == plain
    assert read(SPOT.ticker(spot), QUOTED) == msgspec.structs.replace(plain, symbol=spot.symbol, **quote)


def test_a_price_of_zero_is_none_at_all() -> None:
    empty = QUOTED | {"bidPrice": "0.00000000", "bidQty": "0.00000000", "lastPrice": "0.00000000"}
    ticker = read(SPOT.ticker(listing_of(SPOT)), empty)
    assert (ticker.bid, ticker.bid_quantity, ticker.last, ticker.ask) == (None, None, None, D("100.6"))


@both
def test_tickers_of_unknown_symbols_are_left_out(market: PublicMarket) -> None:
    rows = [DAY | {"symbol": "OTHERUSDT"}, DAY]
    assert [told.symbol for told in read(market.tickers([listing_of(market)]), rows)] == [listing_of(market).symbol]


def test_quotes_are_the_best_prices_of_the_listings() -> None:
    spot, usdm = listing_of(SPOT), listing_of(USDM)
    rows = [QUOTE | {"symbol": "OTHERUSDT"}, QUOTE]
    plain = Ticker(symbol=spot.symbol, bid=D("100.4"), bid_quantity=D(3), ask=D("100.6"), ask_quantity=D(4))
    assert read(SPOT.quotes([spot]), rows) == [plain]
    timed = [row | {"time": 1_700_000_000_003, "lastUpdateId": 7} for row in rows]
    expected = msgspec.structs.replace(plain, symbol=usdm.symbol, time_ns=1_700_000_000_003_000_000)
    assert read(USDM.quotes([usdm]), timed) == [expected]
    halted = QUOTE | {"askPrice": "0.00000000", "askQty": "0.00000000"}
    (one_sided,) = read(SPOT.quotes([spot]), [halted])
    assert (one_sided.bid, one_sided.ask, one_sided.ask_quantity) == (D("100.4"), None, None)


def test_past_funding_is_oldest_first_and_old_rows_have_no_mark_price() -> None:
    listing = listing_of(USDM)
    newest_ns = 1_700_006_400_013_000_000
    assert read(USDM.funding_history(listing, 2), PAST_FUNDING) == [
        FundingRate(listing.symbol, D("-0.0002"), 0, time_ns=newest_ns - 28_800_013_000_000),
        FundingRate(listing.symbol, D("0.0001"), 0, mark_price=D("34287.54619963"), time_ns=newest_ns),
    ]
    assert read(USDM.funding_history(listing, 2), []) == []


@both
def test_the_last_candle_counts_as_open(market: PublicMarket) -> None:
    listing, interval = listing_of(market), KlineInterval.MINUTE_1
    first, second = read(market.klines(listing, interval, 2), KLINES)
    start_ns = 1_700_000_000_000_000_000
    assert first == Kline(listing.symbol, interval, start_ns, D(1), D(4), D("0.5"), D(2), D(10), D(20), True)
    assert (second.open_time_ns, second.closed) == (start_ns + 60_000_000_000, False)


def test_funding_has_the_default_interval_unless_told() -> None:
    listing = listing_of(USDM)
    assert read(USDM.funding(listing), PREMIUM) == FundingRate(
        listing.symbol, D("-0.0001"), 1_700_006_400_000_000_000, 28_800, D("100.1"), D("100.2")
    )
    intervals = USDM.funding_intervals()
    assert intervals is not None
    assert read(intervals, FUNDING_INFO) == {"LPTUSDT": 14_400, "GTCUSDT": 28_800}


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (SPOT.ticker(listing_of(SPOT)), QUOTED | {"symbol": "ETHUSDT"}),
        (USDM.funding(listing_of(USDM)), PREMIUM | {"symbol": "ETHUSDT"}),
        (USDM.funding_history(listing_of(USDM), 2), [PAST_FUNDING[0], PAST_FUNDING[1] | {"symbol": "ETHUSDT"}]),
        (USDM.funding_history(listing_of(USDM), 2), [PAST_FUNDING[0] | {"markPrice": "much"}]),
        (SPOT.klines(listing_of(SPOT), KlineInterval.MINUTE_1, 2), KLINES[::-1]),
        (SPOT.order_book(listing_of(SPOT), 5), BOOK | {"bids": BOOK["bids"][::-1]}),  # type: ignore[index]
        (SPOT.order_book(listing_of(SPOT), 5), BOOK | {"asks": [["0", "1"]]}),
        (SPOT.trades(listing_of(SPOT), 1), [TRADES[0] | {"price": "0"}]),
        (USDM.funding_intervals(), [{"symbol": "LPTUSDT", "fundingIntervalHours": 0}]),
    ],
)
def test_answers_that_cannot_be_true_are_refused(call: Call[object], body: object) -> None:
    with pytest.raises(InvalidResponseError):
        read(call, body)


# ---------------------------------------------------------------------- rules


def spot_symbol(base: str = "BTC", quote: str = "USDT", **changes: object) -> dict[str, object]:
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quoteAssetPrecision": 6,
        "isSpotTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00010000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.0", "maxQty": "10", "stepSize": "0.0"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "avgPriceMins": 5},
        ],
    } | changes


def perpetual(base: str = "BTC", **changes: object) -> dict[str, object]:
    return {
        "symbol": base + "USDT",
        "status": "TRADING",
        "contractType": "PERPETUAL",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ],
    } | changes


def listed(market: PublicMarket, *rows: dict[str, object]) -> list[SymbolInfo]:
    return read(market.listings(), {"timezone": "UTC", "symbols": list(rows)})


def test_spot_rules_come_from_the_filters() -> None:
    (info,) = listed(SPOT, spot_symbol())
    assert str(info.name) == "binance-spot:BTC/USDT"
    assert (info.venue_symbol, info.symbol.is_futures, info.tradable, info.status) == (
        "BTCUSDT",
        False,
        True,
        "TRADING",
    )
    assert (info.tick_size, info.lot_size) == (D("0.01"), D("0.00001"))
    assert (info.min_quantity, info.max_quantity, info.min_notional) == (D("0.0001"), D(9_000), D(5))
    assert (info.contract_size, info.multiplier, info.taker_fee, info.maker_fee) == (D(1), D(1), None, None)


def test_the_older_notional_filter_counts_too() -> None:
    filters = [{"filterType": "MIN_NOTIONAL", "minNotional": "10.0"}]
    assert listed(SPOT, spot_symbol(filters=filters))[0].min_notional == 10


def test_where_a_spot_filter_is_off_the_assets_precision_is_the_grid() -> None:
    off = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.0"},
        {"filterType": "LOT_SIZE", "stepSize": "0", "maxQty": "0"},
    ]
    (info,) = listed(SPOT, spot_symbol(filters=off))
    assert (info.tick_size, info.lot_size, info.max_quantity) == (D("0.000001"), D("0.00000001"), None)


def test_the_price_precision_of_perpetuals_is_not_their_tick() -> None:
    (info,) = listed(USDM, perpetual())
    assert str(info.name) == "binance-usdm:BTC/USDT"
    assert info.symbol.is_futures
    assert (info.tick_size, info.lot_size, info.min_notional) == (D("0.1"), D("0.001"), D(100))
    assert (info.min_quantity, info.max_quantity) == (D("0.001"), D(1_000))


@pytest.mark.parametrize(
    "changes",
    [
        {"contractType": "CURRENT_QUARTER"},
        {"contractType": "TRADIFI_PERPETUAL"},
        {"contractType": ""},
        {"quoteAsset": "USDC", "marginAsset": "USDC"},
        {"marginAsset": "BTC"},
        {"filters": []},
    ],
)
def test_only_perpetuals_in_usdt_with_a_grid_are_listed(changes: dict[str, object]) -> None:
    assert [info.venue_symbol for info in listed(USDM, perpetual("ETH", **changes), perpetual())] == ["BTCUSDT"]


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY", "SOMETHING_NEW"])
def test_spot_that_does_not_trade_is_not_tradable(status: str) -> None:
    (info,) = listed(SPOT, spot_symbol(status=status))
    assert (info.tradable, info.status) == (False, status)
    assert not listed(SPOT, spot_symbol(isSpotTradingAllowed=False))[0].tradable


@pytest.mark.parametrize("status", ["PENDING_TRADING", "PRE_SETTLE", "SETTLING", "CLOSE"])
def test_perpetuals_that_do_not_trade_are_not_tradable(status: str) -> None:
    (info,) = listed(USDM, perpetual(status=status))
    assert (info.tradable, info.status) == (False, status)


@pytest.mark.parametrize(("name", "base", "coins"), [("1000PEPE", "PEPE", 1_000), ("1MBABYDOGE", "BABYDOGE", 10**6)])
def test_multiples_are_the_asset_they_stand_for(name: str, base: str, coins: int) -> None:
    for info in (*listed(USDM, perpetual(name)), *listed(SPOT, spot_symbol(name))):
        assert (info.symbol.base, info.multiplier, info.venue_symbol) == (AssetName(base), D(coins), name + "USDT")


def test_names_that_come_down_to_one_asset_stay_apart() -> None:
    told = listed(USDM, perpetual("CAT"), perpetual("1000CAT"), perpetual("1000BOB"), perpetual("1000000BOB"))
    assert [info.symbol.base for info in told] == ["CAT", "1000CAT", "1000BOB", "1000000BOB"]
    assert {info.multiplier for info in told} == {D(1)}


@pytest.mark.parametrize(
    "row", [spot_symbol(baseAssetPrecision=99, filters=[]), spot_symbol(quoteAssetPrecision=-1, filters=[])]
)
def test_rules_that_cannot_be_are_refused(row: dict[str, object]) -> None:
    with pytest.raises(InvalidResponseError):
        listed(SPOT, row)


def test_a_filter_below_zero_is_refused() -> None:
    with pytest.raises(InvalidResponseError, match="BTCUSDT"):
        listed(
            USDM,
            perpetual(
                filters=[{"filterType": "PRICE_FILTER", "tickSize": "-1"}, {"filterType": "LOT_SIZE", "stepSize": "1"}]
            ),
        )


# ---------------------------------------------------------------------- spoilt answers

spot_listing, usdm_listing = listing_of(SPOT), listing_of(USDM)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (SPOT.server_time(), {"serverTime": 1_499_827_319_559}),
        (SPOT.listings(), {"symbols": [spot_symbol()]}),
        (USDM.listings(), {"symbols": [perpetual()]}),
        (SPOT.order_book(spot_listing, 5), BOOK),
        (USDM.order_book(usdm_listing, 5), BOOK | {"E": 1}),
        (SPOT.trades(spot_listing, 2), TRADES),
        (SPOT.ticker(spot_listing), QUOTED),
        (USDM.tickers([usdm_listing]), [DAY]),
        (SPOT.klines(spot_listing, KlineInterval.DAY_1, 2), KLINES),
        (USDM.funding(usdm_listing), PREMIUM),
        (USDM.funding_intervals(), FUNDING_INFO),
    ],
    ids=[
        "time",
        "spot-rules",
        "usdm-rules",
        "spot-book",
        "usdm-book",
        "trades",
        "ticker",
        "tickers",
        "klines",
        "funding",
        "intervals",
    ],
)
def test_a_spoilt_answer_is_an_invalid_response_and_nothing_else(
    call: Call[object], body: object, survives_mangling: Callable[[Call[object], bytes], None]
) -> None:
    survives_mangling(call, msgspec.json.encode(body))
