"""MEXC's public REST of USDT perpetuals (`/api/v1/contract/*`).

Answers are `{"success": true, "code": 0, "data": ..}` or `{"success": false, "code": n, "message": ..}`,
both with HTTP 200. Numbers are JSON numbers. Each endpoint allows 20 requests in 2 s per address, contract
details one in 5 s; above that the code is 510.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from aiohttp import web

from oneprice.sim.dialects.mexc.desk_rules import DESK_RULES, FUTURES_PRICE_BAND, FUTURES_VOLUME_MAX
from oneprice.sim.dialects.mexc.listed import (
    CONTRACT_INTERVALS_MS,
    contract_symbol,
    figure,
    price,
    trade_type,
    volume,
)
from oneprice.sim.dialects.mexc.refusals import FuturesRefusedError, refused
from oneprice.sim.engine import BookChange, Side, TradePrint
from oneprice.sim.limits import WindowCounter
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.server import SimServer, json_response

__all__ = ["FuturesRest", "changed_levels", "deal", "levels", "ticker"]

COMMITS_KEPT: Final = 1_000
_FUNDING_HOURS: Final = 8
_HISTORY_ROWS: Final = 30

_TOO_OFTEN: Final = 510
_BAD_PARAMETER: Final = 600
_NO_CONTRACT: Final = 1001


class FuturesRest:
    """The handlers; they answer from the perpetual market's listings."""

    def __init__(self, server: SimServer, market: SimMarket, is_halted: Callable[[SimListing], bool]) -> None:
        self._server = server
        self._is_halted = is_halted
        self._listings = {contract_symbol(listing): listing for listing in market.listings.values()}
        self._commits = {symbol: _remember(listing) for symbol, listing in self._listings.items()}
        self._often = WindowCounter(20, 2, server.now_ns)
        self._seldom = WindowCounter(1, 5, server.now_ns)

    def register(self) -> None:
        """Put the endpoints on the server."""
        self._get("/ping", lambda _: self._server.now_ms())
        self._get("/detail", self._detail, self._seldom)
        self._get("/support_currencies", lambda _: ["USDT"])
        self._get("/depth/{symbol}", self._depth)
        self._get("/depth_commits/{symbol}/{limit}", self._depth_commits)
        self._get("/index_price/{symbol}", lambda request: self._price(request, "indexPrice"))
        self._get("/fair_price/{symbol}", lambda request: self._price(request, "fairPrice"))
        self._get("/funding_rate/history", self._funding_history)
        self._get("/funding_rate/{symbol}", self._funding)
        self._get("/kline/{symbol}", self._kline)
        for name in ("index_price", "fair_price"):  # the trades' own: index and fair prices leave no history
            self._get(f"/kline/{name}/{{symbol}}", self._kline)
        self._get("/deals/{symbol}", self._deals)
        self._get("/ticker", self._ticker)
        self._server.route("*", "/api/v1/{tail:.*}", lambda _: refused(404, "Not Found", 404))

    def _get(self, path: str, handler: Callable[[web.Request], object], counter: WindowCounter | None = None) -> None:
        limiter = counter if counter is not None else self._often

        def answer(request: web.Request) -> web.StreamResponse:
            if limiter.add(f"{request.remote} {path}", 1) > limiter.limit:
                return refused(_TOO_OFTEN, "Requests are too frequent, please try again later")
            try:
                return json_response({"success": True, "code": 0, "data": handler(request)})
            except FuturesRefusedError as refusal:
                return refusal.response()

        self._server.route("GET", f"/api/v1/contract{path}", answer)

    def _named(self, symbol: str) -> SimListing:
        listing = self._listings.get(symbol)
        if listing is None:
            raise FuturesRefusedError(_NO_CONTRACT, "Contract does not exist!")
        return listing

    def _in_path(self, request: web.Request) -> SimListing:
        return self._named(request.match_info["symbol"])

    # ---- handlers -------------------------------------------------------------------------------------

    def _detail(self, request: web.Request) -> object:
        """An object for one symbol, a list for all."""
        if "symbol" in request.query:
            listing = self._named(request.query["symbol"])
            return _rules(listing, self._is_halted(listing))
        return [_rules(listing, self._is_halted(listing)) for listing in self._listings.values()]

    def _depth(self, request: web.Request) -> dict[str, object]:
        listing = self._in_path(request)
        snapshot = listing.snapshot(_number(request.query.get("limit", "1000"), 1, 10_000))
        return {
            "asks": levels(listing, Side.SELL, snapshot.asks),
            "bids": levels(listing, Side.BUY, snapshot.bids),
            "version": snapshot.update_id,
            "timestamp": self._server.now_ms(),
            "cts": None,
        }

    def _depth_commits(self, request: web.Request) -> list[dict[str, object]]:
        """The last increments, one version each, upwards."""
        listing = self._in_path(request)
        limit = _number(request.match_info["limit"], 1, COMMITS_KEPT)
        kept = list(self._commits[contract_symbol(listing)])[-limit:]
        return [changed_levels(listing, change) | {"version": change.update_id} for change in kept]

    def _price(self, request: web.Request, name: str) -> dict[str, object]:
        listing = self._in_path(request)
        funding = listing.funding(_FUNDING_HOURS)
        value = funding.index if name == "indexPrice" else funding.mark
        return {
            "symbol": contract_symbol(listing),
            name: figure(value, listing.price_scale.decimals + 1),
            "timestamp": self._server.now_ms(),
        }

    def _funding(self, request: web.Request) -> dict[str, object]:
        listing = self._in_path(request)
        funding = listing.funding(_FUNDING_HOURS)
        return {
            "symbol": contract_symbol(listing),
            "fundingRate": figure(funding.rate, 6),
            "maxFundingRate": figure(0.003, 6),
            "minFundingRate": figure(-0.003, 6),
            "collectCycle": _FUNDING_HOURS,
            "nextSettleTime": funding.next_funding_ms,
            "timestamp": self._server.now_ms(),
        }

    def _funding_history(self, request: web.Request) -> dict[str, object]:
        """Settlements, newest first, as far as the simulation reaches back."""
        listing = self._named(request.query.get("symbol", ""))
        page = _number(request.query.get("page_num", "1"), 1, 1_000)
        size = _number(request.query.get("page_size", "20"), 1, 1_000)
        last_ms = listing.funding(_FUNDING_HOURS).last_funding_ms
        times = [last_ms - index * _FUNDING_HOURS * 3_600_000 for index in range(_HISTORY_ROWS)]
        return {
            "pageSize": size,
            "totalCount": _HISTORY_ROWS,
            "totalPage": -(-_HISTORY_ROWS // size),
            "currentPage": page,
            "resultList": [
                {
                    "symbol": contract_symbol(listing),
                    "fundingRate": figure(listing.fair.funding_rate(ms * 1_000_000), 6),
                    "settleTime": ms,
                    "collectCycle": _FUNDING_HOURS,
                }
                for ms in times[(page - 1) * size : page * size]
            ],
        }

    def _kline(self, request: web.Request) -> dict[str, object]:
        """One array per column; times and the start and end parameters are seconds."""
        listing = self._in_path(request)
        interval_ms = CONTRACT_INTERVALS_MS.get(request.query.get("interval", "Min1"))
        if interval_ms is None:
            raise FuturesRefusedError(_BAD_PARAMETER, "Parameter error: interval")
        start, end = request.query.get("start"), request.query.get("end")
        rows = listing.klines(
            interval_ms,
            2_000,
            None if start is None else _number(start, 0, 2**40) * 1_000,
            None if end is None else _number(end, 0, 2**40) * 1_000,
        )
        columns: dict[str, object] = {
            "time": [row.open_ms // 1_000 for row in rows],
            "open": [price(listing, row.open_ticks) for row in rows],
            "close": [price(listing, row.close_ticks) for row in rows],
            "high": [price(listing, row.high_ticks) for row in rows],
            "low": [price(listing, row.low_ticks) for row in rows],
            "vol": [volume(listing, row.volume_lots) for row in rows],
            "amount": [figure(listing.quote_amount(1, row.notional), 5) for row in rows],
        }
        real = {f"real{name.capitalize()}": columns[name] for name in ("open", "close", "high", "low")}
        return columns | real

    def _deals(self, request: web.Request) -> list[dict[str, object]]:
        """Newest first."""
        listing = self._in_path(request)
        limit = _number(request.query.get("limit", "100"), 1, 100)
        return [deal(listing, trade) for trade in reversed(listing.recent_trades(limit))]

    def _ticker(self, request: web.Request) -> object:
        """An object for one symbol, a list for all."""
        now_ms = self._server.now_ms()
        if "symbol" in request.query:
            return ticker(self._named(request.query["symbol"]), now_ms)
        return [ticker(listing, now_ms) for listing in self._listings.values()]


def levels(listing: SimListing, side: Side, rows: list[tuple[int, int]]) -> list[list[object]]:
    """Rows of price, contracts and number of orders (0 of them for a deleted level)."""
    count = listing.engine.order_count
    return [[price(listing, ticks), volume(listing, lots), count(side, ticks) if lots else 0] for ticks, lots in rows]


def changed_levels(listing: SimListing, change: BookChange) -> dict[str, object]:
    """`asks` and `bids` of an increment of one version."""
    row = levels(listing, change.side, [(change.price_ticks, change.total_lots)])
    is_ask = change.side is Side.SELL
    return {"asks": row if is_ask else [], "bids": [] if is_ask else row}


def deal(listing: SimListing, trade: TradePrint) -> dict[str, object]:
    """A public trade: T 1 buy 2 sell, O 3 neither opens nor closes, M 2 not with oneself."""
    return {
        "p": price(listing, trade.price_ticks),
        "v": volume(listing, trade.lots),
        "T": trade_type(trade),
        "O": 3,
        "M": 2,
        "t": trade.ts_ns // 1_000_000,
        "i": str(trade.trade_id),
    }


def ticker(listing: SimListing, now_ms: int) -> dict[str, object]:
    """The fields of REST and websocket tickers."""
    day, top, funding = listing.day(), listing.top, listing.funding(_FUNDING_HOURS)
    decimals = listing.price_scale.decimals
    change = day.last_ticks - day.open_ticks
    rate = figure(change / day.open_ticks, 4)
    return {
        "contractId": 10,
        "symbol": contract_symbol(listing),
        "lastPrice": price(listing, day.last_ticks),
        "bid1": price(listing, top.bid_ticks),
        "ask1": price(listing, top.ask_ticks),
        "volume24": volume(listing, day.volume_lots),
        "amount24": figure(day.quote_volume, 5),
        "holdVol": volume(listing, day.volume_lots * 2),
        "lower24Price": price(listing, day.low_ticks),
        "high24Price": price(listing, day.high_ticks),
        "riseFallRate": rate,
        "riseFallValue": price(listing, change),
        "indexPrice": figure(funding.index, decimals),
        "fairPrice": figure(funding.mark, decimals),
        "fundingRate": figure(funding.rate, 6),
        "maxBidPrice": figure(funding.index * 1.1, decimals),
        "minAskPrice": figure(funding.index * 0.9, decimals),
        "timestamp": now_ms,
        "riseFallRates": {"zone": "UTC+8", "r": rate, "v": price(listing, change)},
        "riseFallRatesOfTimezone": [rate, rate, rate],
    }


def _remember(listing: SimListing) -> deque[BookChange]:
    kept: deque[BookChange] = deque(maxlen=COMMITS_KEPT)

    def hear(change: BookChange) -> None:
        kept.append(change)

    listing.on_book.append(hear)
    return kept


def _number(text: str, low: int, high: int) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else low - 1
    if not low <= value <= high:
        raise FuturesRefusedError(_BAD_PARAMETER, f"Parameter error: {text}")
    return value


def _rules(listing: SimListing, is_halted: bool) -> dict[str, object]:
    """State 0 enabled, 4 paused."""
    item, symbol, rules = listing.instrument, contract_symbol(listing), DESK_RULES["futures"]
    return {
        "symbol": symbol,
        "displayName": symbol,
        "displayNameEn": f"{symbol} PERPETUAL",
        "positionOpenType": 3,
        "baseCoin": item.base,
        "quoteCoin": item.quote,
        "settleCoin": item.quote,
        "contractSize": figure(item.multiplier, 8),
        "minLeverage": 1,
        "maxLeverage": rules.leverage_max,
        "priceScale": listing.price_scale.decimals,
        "volScale": listing.lot_scale.decimals,
        "amountScale": 4,
        "priceUnit": figure(item.tick, 12),
        "volUnit": figure(item.lot, 8),
        "minVol": figure(item.min_quantity, 8),
        "maxVol": FUTURES_VOLUME_MAX,
        "bidLimitPriceRate": figure(FUTURES_PRICE_BAND, 4),
        "askLimitPriceRate": figure(FUTURES_PRICE_BAND, 4),
        "takerFeeRate": figure(rules.taker_fee, 6),
        "makerFeeRate": figure(rules.maker_fee, 6),
        "maintenanceMarginRate": figure(0.004, 6),
        "initialMarginRate": figure(0.008, 6),
        "riskBaseVol": FUTURES_VOLUME_MAX,
        "riskIncrVol": FUTURES_VOLUME_MAX // 5,
        "riskIncrMmr": figure(0.004, 6),
        "riskIncrImr": figure(0.004, 6),
        "riskLevelLimit": 5,
        "maxNumOrders": [rules.open_orders_max, 50],
        "state": 4 if is_halted else 0,
        "isNew": False,
        "isHot": True,
        "isHidden": False,
        "apiAllowed": True,
    }
