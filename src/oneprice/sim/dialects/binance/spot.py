"""Binance spot: public REST v3 and market streams (weights and limits as of 2026-07)."""

from oneprice.sim.dialects.binance.aggregates import AggregateTrades
from oneprice.sim.dialects.binance.feeds import Feeds
from oneprice.sim.dialects.binance.operations import Operation, public
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.queries import (
    by_count,
    by_limit,
    choose_aggregates,
    one_or_all,
    read_klines,
)
from oneprice.sim.dialects.binance.quotas import SPOT_ORDER_LIMITS, OrderCounts, WeightPool
from oneprice.sim.dialects.binance.refusals import RequestError
from oneprice.sim.dialects.binance.rest import RestPool
from oneprice.sim.dialects.binance.rules import SPOT_WEIGHT_LIMIT, by_symbol, halted_in, spot_exchange_info
from oneprice.sim.dialects.binance.shapes import Fields, SpotShape, day_figures, levels
from oneprice.sim.dialects.binance.spot_trading import add_spot_trading
from oneprice.sim.dialects.binance.streams import SPOT_POLICY, serve_streams
from oneprice.sim.engine import Side
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.server import SimServer

_SPEEDS_MS = {"": 1_000, "100": 100, "1000": 1_000}
_PREFIXES = ("", "/spot")
_ONLY_IN_DAY_TICKERS = ("prevClosePrice", "lastQty", "bidPrice", "bidQty", "askPrice", "askQty")


def build_spot(market: SimMarket, server: SimServer) -> RestPool:
    """Register spot's REST paths and streams, and its private side where there is a desk."""
    spot = _Spot(market, server)
    spot.add_streams()
    counts = OrderCounts(SPOT_ORDER_LIMITS, server.now_ns)
    weights = WeightPool(SPOT_WEIGHT_LIMIT, server.now_ns)
    pool = RestPool(
        server,
        spot.listings,
        _PREFIXES,
        weights,
        ("X-MBX-USED-WEIGHT-1M", "X-MBX-USED-WEIGHT"),
        counts,
        has_micros=True,
    )
    operations = spot.operations()
    for path, operation in operations.items():
        pool.add("GET", f"/api/v3/{path}", operation)
    pool.get("/sapi/v1/system/status", 1, lambda parameters: {"status": 0, "msg": "normal"})
    if "spot" in server.desks:
        add_spot_trading(server, pool, counts, spot.listings, operations)
    return pool


class _Spot:
    def __init__(self, market: SimMarket, server: SimServer) -> None:
        self._server = server
        self.listings = by_symbol(market)
        self._aggregates = {name: AggregateTrades(listing) for name, listing in self.listings.items()}

    def add_streams(self) -> None:
        millis, micros = self._feeds("spot", SpotShape()), self._feeds("spot-us", SpotShape(1_000))
        for prefix in (*_PREFIXES, "/stream"):
            serve_streams(self._server, prefix, millis, SPOT_POLICY, micros)

    def _feeds(self, label: str, shape: SpotShape) -> Feeds:
        periodic = {
            "ticker": (1_000, shape.ticker),
            "miniTicker": (1_000, shape.mini_ticker),
            "!miniTicker@arr": (1_000, shape.mini_ticker),
            "referencePrice": (
                1_000,
                lambda symbol, listing, now_ns: {
                    "e": "referencePrice",
                    "s": symbol,
                    "r": _reference(listing),
                    "t": shape.time(now_ns),
                },
            ),
        }
        return Feeds(label, self._server, self.listings, self._aggregates, shape, _SPEEDS_MS, periodic)

    def operations(self) -> dict[str, Operation]:
        """What anybody may ask for, by path under /api/v3."""
        depth_weight = by_limit(((100, 5), (500, 25), (1_000, 50), (5_000, 250)), 100)
        return {
            "ping": public(lambda parameters: {}),
            "time": public(lambda parameters: {"serverTime": parameters.time(self._server.now_ns())}),
            "exchangeInfo": public(self._exchange_info, 20),
            "depth": public(self._depth, depth_weight),
            "trades": public(self._trades, 25),
            "historicalTrades": public(self._trades, 25),
            "historicalBlockTrades": public(lambda parameters: [], 25),
            "aggTrades": public(self._aggregate_trades, 4),
            "klines": public(self._klines, 2),
            "uiKlines": public(self._klines, 2),
            "avgPrice": public(self._average_price, 2),
            "ticker": public(self._short_tickers, 4),
            "ticker/tradingDay": public(self._short_tickers, 4),
            "ticker/bookTicker": public(self._book_tickers, by_count(2, 4)),
            "ticker/price": public(self._prices, by_count(2, 4)),
            "ticker/24hr": public(self._day_tickers, by_count(2, 80)),
            "executionRules": public(self._execution_rules, 40),
            "referencePrice": public(self._reference_price, 2),
            "referencePrice/calculation": public(self._reference_calculation, 2),
        }

    # ---- REST answers ---------------------------------------------------------------------------------

    def _exchange_info(self, parameters: Parameters) -> object:
        chosen, _ = parameters.symbols()
        sets = not parameters.is_false("showPermissionSets")
        halted = halted_in(self._server.desks.get("spot"))
        return spot_exchange_info(chosen, self._server.now_ms(), sets, halted)

    def _depth(self, parameters: Parameters) -> object:
        _, listing = parameters.symbol()
        book = listing.snapshot(parameters.limit(100, 5_000))
        shape = SpotShape()
        return {
            "lastUpdateId": book.update_id,
            "bids": levels(shape, listing, book.bids),
            "asks": levels(shape, listing, book.asks),
        }

    def _trades(self, parameters: Parameters) -> object:
        _, listing = parameters.symbol()
        shape = SpotShape()
        return [
            {
                "id": trade.trade_id,
                "price": shape.price(listing, trade.price_ticks),
                "qty": shape.quantity(listing, trade.lots),
                "quoteQty": shape.amount(listing, listing.quote_amount(trade.price_ticks, trade.lots)),
                "time": parameters.time(trade.ts_ns),
                "isBuyerMaker": trade.taker_side is Side.SELL,
                "isBestMatch": True,
            }
            for trade in listing.recent_trades(parameters.limit(500, 1_000))
        ]

    def _aggregate_trades(self, parameters: Parameters) -> object:
        symbol, listing = parameters.symbol()
        shape = SpotShape()
        rows = choose_aggregates(self._aggregates[symbol], parameters)
        return [shape.aggregate_row(listing, row) | {"T": parameters.time(row.ts_ns)} for row in rows]

    def _klines(self, parameters: Parameters) -> object:
        return read_klines(SpotShape(parameters.unit_ns), parameters, limit_max=1_000)

    def _average_price(self, parameters: Parameters) -> object:
        _, listing = parameters.symbol()
        rows = listing.klines(60_000, 5)
        ticks = sum(row.close_ticks for row in rows) // len(rows)
        last_ns = listing.trades[-1].ts_ns if listing.trades else self._server.now_ns()
        return {
            "mins": 5,
            "price": SpotShape().price(listing, ticks),
            "closeTime": parameters.time(last_ns),
        }

    def _book_tickers(self, parameters: Parameters) -> object:
        shape = SpotShape()
        return one_or_all(
            parameters,
            lambda symbol, listing: {
                "symbol": symbol,
                "bidPrice": shape.price(listing, listing.top.bid_ticks),
                "bidQty": shape.quantity(listing, listing.top.bid_lots),
                "askPrice": shape.price(listing, listing.top.ask_ticks),
                "askQty": shape.quantity(listing, listing.top.ask_lots),
            },
        )

    def _prices(self, parameters: Parameters) -> object:
        shape = SpotShape()
        return one_or_all(
            parameters,
            lambda symbol, listing: {
                "symbol": symbol,
                "price": shape.price(listing, listing.day().last_ticks),
            },
        )

    def _day_tickers(self, parameters: Parameters) -> object:
        return one_or_all(parameters, lambda symbol, listing: _day_row(symbol, listing, parameters))

    def _short_tickers(self, parameters: Parameters) -> object:
        """Rolling windows and the trading day: those of the last 24 hours, without quotes."""
        if "symbol" not in parameters and "symbols" not in parameters:
            raise RequestError(-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!")
        return one_or_all(
            parameters,
            lambda symbol, listing: {
                name: value
                for name, value in _day_row(symbol, listing, parameters).items()
                if name not in _ONLY_IN_DAY_TICKERS
            },
        )

    def _reference_calculation(self, parameters: Parameters) -> object:
        symbol, _ = parameters.symbol()
        return {"symbol": symbol, "calculationType": "ARITHMETIC_MEAN", "bucketCount": 10, "bucketWidthMs": 1_000}

    def _execution_rules(self, parameters: Parameters) -> object:
        chosen, _ = parameters.symbols()
        rule = {
            "ruleType": "PRICE_RANGE",
            "bidLimitMultUp": "1.05",
            "bidLimitMultDown": "0.95",
            "askLimitMultUp": "1.05",
            "askLimitMultDown": "0.95",
        }
        return {"symbolRules": [{"symbol": symbol, "rules": [rule]} for symbol in chosen]}

    def _reference_price(self, parameters: Parameters) -> object:
        symbol, listing = parameters.symbol()
        return {
            "symbol": symbol,
            "referencePrice": _reference(listing),
            "timestamp": parameters.time(self._server.now_ns()),
        }


def _reference(listing: SimListing) -> str:
    ticks = listing.price_scale.nearest(listing.fair.index(listing.market.now_ns))
    return SpotShape().price(listing, ticks)


def _day_row(symbol: str, listing: SimListing, parameters: Parameters) -> Fields:
    shape, day, top = SpotShape(), listing.day(), listing.top
    figures = day_figures(shape, listing, day)
    opening = shape.price(listing, day.open_ticks)
    return {
        "symbol": symbol,
        "priceChange": figures["change"],
        "priceChangePercent": figures["percent"],
        "weightedAvgPrice": figures["average"],
        "prevClosePrice": opening,
        "lastPrice": shape.price(listing, day.last_ticks),
        "lastQty": shape.quantity(listing, day.last_lots),
        "bidPrice": shape.price(listing, top.bid_ticks),
        "bidQty": shape.quantity(listing, top.bid_lots),
        "askPrice": shape.price(listing, top.ask_ticks),
        "askQty": shape.quantity(listing, top.ask_lots),
        "openPrice": opening,
        "highPrice": shape.price(listing, day.high_ticks),
        "lowPrice": shape.price(listing, day.low_ticks),
        "volume": shape.quantity(listing, day.volume_lots),
        "quoteVolume": figures["quote_volume"],
        "openTime": parameters.time_of_ms(day.open_ms),
        "closeTime": parameters.time_of_ms(day.close_ms),
        "firstId": day.first_trade_id,
        "lastId": day.last_trade_id,
        "count": day.trades,
    }
