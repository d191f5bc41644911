"""Binance USDT-margined futures: public REST and market streams (weights and paths as of 2026-07).

Every stream belongs to one path, /public or /market; subscribed on the other it is acknowledged and never
delivered. The old unsplit /ws and /stream are retired and not served.
"""

from oneprice.sim.dialects.binance.aggregates import AggregateTrades
from oneprice.sim.dialects.binance.feeds import Attach, Feeds
from oneprice.sim.dialects.binance.futures_data import MarketFigures
from oneprice.sim.dialects.binance.futures_trading import add_futures_trading
from oneprice.sim.dialects.binance.operations import Operation, public
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.queries import (
    by_count,
    by_limit,
    choose_aggregates,
    one_or_all,
    read_klines,
)
from oneprice.sim.dialects.binance.quotas import FUTURES_ORDER_LIMITS, OrderCounts, WeightPool
from oneprice.sim.dialects.binance.refusals import RequestError
from oneprice.sim.dialects.binance.rest import RestPool
from oneprice.sim.dialects.binance.rules import FUTURES_WEIGHT_LIMIT, by_symbol, futures_exchange_info, halted_in
from oneprice.sim.dialects.binance.shapes import Fields, FuturesShape, day_figures, levels
from oneprice.sim.dialects.binance.streams import FUTURES_POLICY, serve_streams
from oneprice.sim.engine import Side
from oneprice.sim.limits import WindowCounter
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.server import SimServer

_SPEEDS_MS = {"": 250, "0": 0, "100": 100, "250": 250, "500": 500}
_PREFIXES = ("", "/usdm")
_DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1_000)
_PUBLIC_KINDS = ("depth", "rpiDepth", "bookTicker", "trade")
_FUNDING_MS = 8 * 3_600_000
_FUNDING_REQUESTS_PER_5_MIN = 500


def build_futures(market: SimMarket, server: SimServer) -> RestPool:
    """Register the futures' REST paths and streams, and their private side where there is a desk."""
    futures = _Futures(market, server)
    futures.add_streams()
    counts = OrderCounts(FUTURES_ORDER_LIMITS, server.now_ns)
    weights = WeightPool(FUTURES_WEIGHT_LIMIT, server.now_ns)
    pool = RestPool(server, futures.listings, _PREFIXES, weights, ("X-MBX-USED-WEIGHT-1M",), counts)
    operations = futures.operations()
    for path, operation in operations.items():
        pool.add("GET", f"/fapi/{path}", operation)
    for path, operation in MarketFigures(server, futures.listings).operations().items():
        pool.add("GET", path, operation)
    futures.add_counted(pool)
    if "usdm" in server.desks:
        add_futures_trading(server, pool, counts, futures.listings, operations)
    return pool


class _PathFeeds(Feeds):
    """Feeds of one stream path: names that belong on the other path have no topic here."""

    is_public = True

    def _source(self, stream: str) -> Attach | None:
        kind = stream[1:] if stream.startswith("!") else stream.partition("@")[2]
        if kind.startswith(_PUBLIC_KINDS) is not self.is_public:
            return None
        return super()._source(stream)


class _MarketPathFeeds(_PathFeeds):
    is_public = False


class _Futures:
    def __init__(self, market: SimMarket, server: SimServer) -> None:
        self._server = server
        self.listings = by_symbol(market)
        self._aggregates = {name: AggregateTrades(listing) for name, listing in self.listings.items()}
        self._shape = FuturesShape()

    def add_streams(self) -> None:
        shape = self._shape
        periodic = {
            "ticker": (2_000, shape.ticker),
            "!ticker@arr": (1_000, shape.ticker),
            "miniTicker": (2_000, shape.mini_ticker),
            "!miniTicker@arr": (1_000, shape.mini_ticker),
            "markPrice": (3_000, _mark_frame),
            "markPrice@1s": (1_000, _mark_frame),
            "!markPrice@arr": (3_000, _mark_frame),
            "!markPrice@arr@1s": (1_000, _mark_frame),
        }
        for name, feeds_class in (("public", _PathFeeds), ("market", _MarketPathFeeds)):
            feeds = feeds_class(
                f"usdm-{name}",
                self._server,
                self.listings,
                self._aggregates,
                shape,
                _SPEEDS_MS,
                periodic,
            )
            serve_streams(self._server, f"/usdm/{name}", feeds, FUTURES_POLICY)
            serve_streams(self._server, f"/{name}", feeds, FUTURES_POLICY)

    def operations(self) -> dict[str, Operation]:
        """What anybody may ask for, by path under /fapi."""
        depth_weight = by_limit(((50, 2), (100, 5), (500, 10), (1_000, 20)), 500)
        kline_weight = by_limit(((99, 1), (499, 2), (1_000, 5), (1_500, 10)), 500)
        return {
            "v1/ping": public(lambda parameters: {}),
            "v1/time": public(lambda parameters: {"serverTime": self._server.now_ms()}),
            "v1/exchangeInfo": public(self._exchange_info),
            "v1/depth": public(self._depth, depth_weight),
            "v1/rpiDepth": public(self._depth, 20),
            "v1/trades": public(self._trades, 5),
            "v1/historicalTrades": public(self._trades, 20),
            "v1/aggTrades": public(self._aggregate_trades, 20),
            "v1/klines": public(self._klines, kline_weight),
            "v1/ticker/bookTicker": public(self._book_tickers, by_count(2, 5)),
            "v1/ticker/price": public(self._prices, by_count(1, 2)),
            "v2/ticker/price": public(self._prices, by_count(1, 2)),
            "v1/ticker/24hr": public(self._day_tickers, by_count(1, 40)),
            "v1/premiumIndex": public(self._premium_index, by_count(1, 10)),
        }

    def add_counted(self, pool: RestPool) -> None:
        """Paths without weight."""
        # Coin-margined contracts are not simulated; clients that look for all of the venue's markets find none.
        pool.get(
            "/dapi/v1/exchangeInfo", 1, lambda parameters: {"rateLimits": [], "exchangeFilters": [], "symbols": []}
        )
        # These two have a request limit of their own.
        funding = WindowCounter(_FUNDING_REQUESTS_PER_5_MIN, 300, self._server.now_ns)
        pool.get("/fapi/v1/fundingInfo", 0, lambda parameters: [], funding)
        pool.get("/fapi/v1/fundingRate", 0, self._funding_rates, funding)

    # ---- REST answers ---------------------------------------------------------------------------------

    def _exchange_info(self, parameters: Parameters) -> object:
        return futures_exchange_info(self.listings, self._server.now_ms(), halted_in(self._server.desks.get("usdm")))

    def _depth(self, parameters: Parameters) -> object:
        _, listing = parameters.symbol()
        limit = parameters.whole("limit", 500)
        if limit not in _DEPTH_LIMITS:
            raise RequestError(-4021, f"{limit} is not valid depth limit.")
        book = listing.snapshot(limit)
        return {
            "lastUpdateId": book.update_id,
            "E": self._server.now_ms(),
            "T": book.ts_ns // 1_000_000,
            "bids": levels(self._shape, listing, book.bids),
            "asks": levels(self._shape, listing, book.asks),
        }

    def _trades(self, parameters: Parameters) -> object:
        _, listing = parameters.symbol()
        shape = self._shape
        return [
            {
                "id": trade.trade_id,
                "price": shape.price(listing, trade.price_ticks),
                "qty": shape.quantity(listing, trade.lots),
                "quoteQty": shape.amount(listing, listing.quote_amount(trade.price_ticks, trade.lots)),
                "time": trade.ts_ns // 1_000_000,
                "isBuyerMaker": trade.taker_side is Side.SELL,
                "isRPITrade": False,
            }
            for trade in listing.recent_trades(parameters.limit(500, 1_000))
        ]

    def _aggregate_trades(self, parameters: Parameters) -> object:
        symbol, listing = parameters.symbol()
        rows = choose_aggregates(self._aggregates[symbol], parameters)
        return [self._shape.aggregate_row(listing, row) for row in rows]

    def _klines(self, parameters: Parameters) -> object:
        return read_klines(self._shape, parameters, limit_max=1_500)

    def _book_tickers(self, parameters: Parameters) -> object:
        shape = self._shape
        return one_or_all(
            parameters,
            lambda symbol, listing: {
                "symbol": symbol,
                "bidPrice": shape.price(listing, listing.top.bid_ticks),
                "bidQty": shape.quantity(listing, listing.top.bid_lots),
                "askPrice": shape.price(listing, listing.top.ask_ticks),
                "askQty": shape.quantity(listing, listing.top.ask_lots),
                "time": listing.top.ts_ns // 1_000_000,
                "lastUpdateId": listing.top.update_id,
            },
        )

    def _prices(self, parameters: Parameters) -> object:
        return one_or_all(
            parameters,
            lambda symbol, listing: {
                "symbol": symbol,
                "price": self._shape.price(listing, listing.day().last_ticks),
                "time": self._server.now_ms(),
            },
        )

    def _day_tickers(self, parameters: Parameters) -> object:
        return one_or_all(parameters, self._day_row)

    def _day_row(self, symbol: str, listing: SimListing) -> Fields:
        shape, day = self._shape, listing.day()
        figures = day_figures(shape, listing, day)
        return {
            "symbol": symbol,
            "priceChange": figures["change"],
            "priceChangePercent": figures["percent"],
            "weightedAvgPrice": figures["average"],
            "lastPrice": shape.price(listing, day.last_ticks),
            "lastQty": shape.quantity(listing, day.last_lots),
            "openPrice": shape.price(listing, day.open_ticks),
            "highPrice": shape.price(listing, day.high_ticks),
            "lowPrice": shape.price(listing, day.low_ticks),
            "volume": shape.quantity(listing, day.volume_lots),
            "quoteVolume": figures["quote_volume"],
            "openTime": day.open_ms,
            "closeTime": day.close_ms,
            "firstId": day.first_trade_id,
            "lastId": day.last_trade_id,
            "count": day.trades,
        }

    def _premium_index(self, parameters: Parameters) -> object:
        return one_or_all(parameters, self._premium_row)

    def _premium_row(self, symbol: str, listing: SimListing) -> Fields:
        funding = listing.funding()
        return {
            "symbol": symbol,
            "markPrice": f"{funding.mark:.8f}",
            "indexPrice": f"{funding.index:.8f}",
            "estimatedSettlePrice": f"{funding.index:.8f}",
            "lastFundingRate": f"{funding.rate:.8f}",
            "interestRate": "0.00010000",
            "nextFundingTime": funding.next_funding_ms,
            "time": self._server.now_ms(),
        }

    def _funding_rates(self, parameters: Parameters) -> object:
        """Past rates, oldest first; the simulation invents one for each of the last funding times."""
        chosen, _ = parameters.symbols()
        limit = parameters.limit(100, 1_000)
        now_ms = self._server.now_ms()
        last_ms = now_ms - now_ms % _FUNDING_MS
        end_ms = min(parameters.whole("endTime", last_ms) or last_ms, last_ms)
        newest_ms = end_ms - end_ms % _FUNDING_MS
        oldest_ms = max(parameters.whole("startTime", 0) or 0, newest_ms - (limit - 1) * _FUNDING_MS)
        times = range(-(-oldest_ms // _FUNDING_MS) * _FUNDING_MS, newest_ms + 1, _FUNDING_MS)
        return [
            {
                "symbol": symbol,
                "fundingRate": f"{listing.fair.funding_rate(at_ms * 1_000_000):.8f}",
                "fundingTime": at_ms,
                "markPrice": f"{listing.fair.index(at_ms * 1_000_000):.8f}",
                "rateType": "Regular",
            }
            for at_ms in times[:limit]
            for symbol, listing in chosen.items()
        ]


def _mark_frame(symbol: str, listing: SimListing, now_ns: int) -> Fields:
    funding = listing.funding()
    return {
        "e": "markPriceUpdate",
        "E": now_ns // 1_000_000,
        "s": symbol,
        "ps": symbol,
        "p": f"{funding.mark:.8f}",
        "ap": f"{funding.mark:.8f}",
        "P": f"{funding.index:.8f}",
        "i": f"{funding.index:.8f}",
        "r": f"{funding.rate:.8f}",
        "T": funding.next_funding_ms,
        "st": 1,
    }
