"""MEXC's public spot REST (`/api/v3/*`).

Errors are HTTP 400 with `{"code": n, "msg": ".."}`. All requests of an address share the weights of `spot_limits`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from aiohttp import web

from oneprice.sim.dialects.mexc.desk_rules import DESK_RULES, SPOT_PRICE_BAND
from oneprice.sim.dialects.mexc.listed import SPOT_INTERVALS_MS, plain, spot_maximums, spot_symbol
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError, not_found
from oneprice.sim.dialects.mexc.spot_limits import SpotLimits
from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.server import SimServer, json_response

__all__ = ["SpotRest"]

_BAD_PARAMETER: Final = 33333
_MISSING: Final = 700004
_INVALID_SYMBOL: Final = -1121
_MS_MAX: Final = 2**53

Weight = int | Callable[[web.Request], int]
T = TypeVar("T")


class SpotRest:
    """The handlers; they answer from the spot market's listings."""

    def __init__(
        self, server: SimServer, market: SimMarket, limits: SpotLimits, is_halted: Callable[[SimListing], bool]
    ) -> None:
        self._server = server
        self._limits = limits
        self._is_halted = is_halted
        self._listings = {spot_symbol(listing): listing for listing in market.listings.values()}

    def register(self) -> None:
        """Put the endpoints on the server."""
        self._get("/ping", 1, lambda _: {})
        self._get("/time", 1, lambda _: {"serverTime": self._server.now_ms()})
        self._get("/exchangeInfo", 25, self._exchange_info)
        self._get("/defaultSymbols", 1, self._default_symbols)
        self._get("/depth", 3, self._depth)
        self._get("/symbol/offline", 10, lambda _: [])
        self._get("/trades", 5, self._trades)
        self._get("/historicalTrades", 5, self._trades)
        self._get("/aggTrades", 1, self._aggregated_trades)
        self._get("/klines", 1, self._klines)
        self._get("/avgPrice", 1, self._average_price)
        self._get("/ticker/24hr", 25, lambda request: self._one_or_all(request, _day))
        self._get("/ticker/price", 10, lambda request: self._one_or_all(request, _last_price))
        self._get("/ticker/bookTicker", 10, lambda request: self._one_or_all(request, _top))
        self._server.route("*", "/api/v3/{tail:.*}", lambda _: not_found())

    def _get(self, path: str, weight: int, handler: Callable[[web.Request], object]) -> None:
        def answer(request: web.Request) -> web.StreamResponse:
            refused = self._limits.check_address(request.remote or "", weight)
            if refused is not None:
                return refused
            try:
                return json_response(handler(request))
            except SpotRefusedError as refusal:
                return refusal.response()

        self._server.route("GET", f"/api/v3{path}", answer)

    # ---- parameters -----------------------------------------------------------------------------------

    def _listing(self, request: web.Request) -> SimListing:
        return self._named(_required(request, "symbol"))

    def _named(self, symbol: str) -> SimListing:
        listing = self._listings.get(symbol)
        if listing is None:
            raise SpotRefusedError(_INVALID_SYMBOL, "Invalid symbol.")
        return listing

    def _one_or_all(self, request: web.Request, row: Callable[[SimListing], T]) -> T | list[T]:
        if "symbol" in request.query:
            return row(self._listing(request))
        return [row(listing) for listing in self._listings.values()]

    # ---- handlers -------------------------------------------------------------------------------------

    def _exchange_info(self, request: web.Request) -> dict[str, object]:
        listings = list(self._listings.values())
        if "symbol" in request.query:
            listings = [self._listing(request)]
        elif "symbols" in request.query:
            listings = [self._named(symbol) for symbol in request.query["symbols"].split(",")]
        return {
            "timezone": "CST",
            "serverTime": self._server.now_ms(),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_rules(listing, self._is_halted(listing)) for listing in listings],
        }

    def _default_symbols(self, request: web.Request) -> dict[str, object]:
        return {
            "data": list(self._listings),
            "code": 0,
            "msg": "success",
            "timestamp": self._server.now_ms(),
        }

    def _depth(self, request: web.Request) -> dict[str, object]:
        listing = self._listing(request)
        snapshot = listing.snapshot(_number(request, "limit", 100, 1, 5_000))
        return {
            "lastUpdateId": snapshot.update_id,
            "bids": _levels(listing, snapshot.bids),
            "asks": _levels(listing, snapshot.asks),
            "timestamp": self._server.now_ms(),
        }

    def _trades(self, request: web.Request) -> list[dict[str, object]]:
        """Newest first, without ids."""
        listing = self._listing(request)
        newest = listing.recent_trades(_number(request, "limit", 500, 1, 1_000))[::-1]
        return [
            {
                "id": None,
                "price": listing.price_text(trade.price_ticks),
                "qty": listing.lots_text(trade.lots),
                "quoteQty": plain(listing.quote_amount(trade.price_ticks, trade.lots)),
                "time": trade.ts_ns // 1_000_000,
                "isBuyerMaker": trade.taker_side is Side.SELL,
                "isBestMatch": True,
                "tradeType": "BID" if trade.taker_side is Side.BUY else "ASK",
            }
            for trade in newest
        ]

    def _aggregated_trades(self, request: web.Request) -> list[dict[str, object]]:
        """Newest first; start and end only together."""
        listing = self._listing(request)
        if ("startTime" in request.query) != ("endTime" in request.query):
            raise SpotRefusedError(_MISSING, "startTime and endTime must be both sent or both omitted.")
        since = _number(request, "startTime", 0, 0, _MS_MAX)
        until = _number(request, "endTime", _MS_MAX, 0, _MS_MAX)
        limit = _number(request, "limit", 500, 1, 1_000)
        chosen = [trade for trade in reversed(listing.trades) if since <= trade.ts_ns // 1_000_000 <= until]
        return [_aggregated(listing, trade) for trade in chosen[:limit]]

    def _klines(self, request: web.Request) -> list[list[object]]:
        """Rows of eight, oldest first."""
        listing = self._listing(request)
        interval_ms = SPOT_INTERVALS_MS.get(_required(request, "interval"))
        if interval_ms is None:
            raise SpotRefusedError(_BAD_PARAMETER, "Invalid interval.")
        start = _number(request, "startTime", -1, 0, _MS_MAX)
        end = _number(request, "endTime", -1, 0, _MS_MAX)
        limit = _number(request, "limit", 500, 1, 1_000)
        rows = listing.klines(interval_ms, min(limit, 500), start if start >= 0 else None, end if end >= 0 else None)
        return [
            [
                row.open_ms,
                listing.price_text(row.open_ticks),
                listing.price_text(row.high_ticks),
                listing.price_text(row.low_ticks),
                listing.price_text(row.close_ticks),
                listing.lots_text(row.volume_lots),
                row.open_ms + row.interval_ms,
                plain(listing.quote_amount(1, row.notional)),
            ]
            for row in rows
        ]

    def _average_price(self, request: web.Request) -> dict[str, object]:
        listing = self._listing(request)
        rows = listing.klines(60_000, 5)
        lots, notional = sum(row.volume_lots for row in rows), sum(row.notional for row in rows)
        ticks = notional // lots if lots else listing.day().last_ticks
        return {"mins": 5, "price": listing.price_text(ticks)}


def _required(request: web.Request, name: str) -> str:
    value = request.query.get(name)
    if not value:
        text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise SpotRefusedError(_MISSING, text)
    return value


def _number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else low - 1
    if not low <= value <= high:
        raise SpotRefusedError(_BAD_PARAMETER, f"Invalid {name}.")
    return value


def _rules(listing: SimListing, is_halted: bool) -> dict[str, object]:
    """Status "1" online, "2" paused."""
    item, fees = listing.instrument, DESK_RULES["spot"]
    limit_max, market_max = spot_maximums(listing)
    decimals = listing.price_scale.decimals
    return {
        "symbol": spot_symbol(listing),
        "status": "2" if is_halted else "1",
        "baseAsset": item.base,
        "baseAssetPrecision": listing.lot_scale.decimals,
        "quoteAsset": item.quote,
        "quotePrecision": decimals,
        "quoteAssetPrecision": decimals,
        "baseCommissionPrecision": listing.lot_scale.decimals,
        "quoteCommissionPrecision": decimals,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": plain(item.min_notional),
        "baseSizePrecision": plain(item.min_quantity),
        "permissions": ["SPOT"],
        "filters": [
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": plain(SPOT_PRICE_BAND),
                "askMultiplierDown": plain(SPOT_PRICE_BAND),
            }
        ],
        "maxQuoteAmount": plain(limit_max),
        "makerCommission": plain(fees.maker_fee),
        "takerCommission": plain(fees.taker_fee),
        "quoteAmountPrecisionMarket": plain(item.min_notional),
        "maxQuoteAmountMarket": plain(market_max),
        "fullName": item.base,
        "tradeSideType": 1,
        "st": False,
    }


def _levels(listing: SimListing, levels: list[tuple[int, int]]) -> list[list[str]]:
    return [[listing.price_text(price), listing.lots_text(lots)] for price, lots in levels]


def _aggregated(listing: SimListing, trade: TradePrint) -> dict[str, object]:
    return {
        "a": None,
        "f": None,
        "l": None,
        "p": listing.price_text(trade.price_ticks),
        "q": listing.lots_text(trade.lots),
        "T": trade.ts_ns // 1_000_000,
        "m": trade.taker_side is Side.SELL,
        "M": True,
    }


def _day(listing: SimListing) -> dict[str, object]:
    """`priceChangePercent` is a fraction in spite of its name."""
    day, top = listing.day(), listing.top
    change = day.last_ticks - day.open_ticks
    return _top(listing) | {
        "priceChange": listing.price_text(change),
        "priceChangePercent": f"{change / day.open_ticks:.4f}",
        "prevClosePrice": listing.price_text(day.open_ticks),
        "lastPrice": listing.price_text(day.last_ticks),
        "bidQty": listing.lots_text(top.bid_lots) if top.bid_lots else "",
        "askQty": listing.lots_text(top.ask_lots) if top.ask_lots else "",
        "openPrice": listing.price_text(day.open_ticks),
        "highPrice": listing.price_text(day.high_ticks),
        "lowPrice": listing.price_text(day.low_ticks),
        "volume": listing.lots_text(day.volume_lots),
        "quoteVolume": plain(day.quote_volume),
        "openTime": day.open_ms,
        "closeTime": day.close_ms,
        "count": None,
    }


def _last_price(listing: SimListing) -> dict[str, object]:
    return {"symbol": spot_symbol(listing), "price": listing.price_text(listing.day().last_ticks)}


def _top(listing: SimListing) -> dict[str, object]:
    top = listing.top
    return {
        "symbol": spot_symbol(listing),
        "bidPrice": listing.price_text(top.bid_ticks) if top.bid_lots else "",
        "bidQty": listing.lots_text(top.bid_lots) if top.bid_lots else "",
        "askPrice": listing.price_text(top.ask_ticks) if top.ask_lots else "",
        "askQty": listing.lots_text(top.ask_lots) if top.ask_lots else "",
    }
