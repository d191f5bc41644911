"""Gate's public spot REST: `/api/v4/spot/*`, and the empty lists of products this exchange has none of."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from aiohttp import web

from oneprice.sim.dialects.gate.listed import INTERVALS_MS, by_name, change_percentage, name_of, plain
from oneprice.sim.dialects.gate.networks import networks_of
from oneprice.sim.dialects.gate.rest import Gateway, RefusedError, choice, number, optional_number, required
from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import BookSnapshot, SimListing, SimMarket
from oneprice.sim.server import SimServer

__all__ = ["SpotRest", "day_fields"]

TAKER_FEE_PERCENT: Final = "0.1"
_CACHE_MS: Final = 1_000
_DEEP_CACHE_MS: Final = 30_000
_DEEP: Final = 100
_MISSING: Final = (
    "/margin/currency_pairs",
    "/margin/uni/currency_pairs",
    "/futures/btc/contracts",
    "/delivery/{settle}/contracts",
    "/options/underlyings",
)
_LISTED_S: Final = 1_516_378_650


class SpotRest:
    """The handlers; they answer from the spot market's listings."""

    def __init__(self, server: SimServer, market: SimMarket) -> None:
        self._server = server
        self._listings = by_name(market)
        self._snapshots: dict[tuple[str, bool], tuple[int, BookSnapshot]] = {}

    def register(self, gateway: Gateway) -> None:
        """Put the endpoints on the gateway."""
        gateway.get("/spot/time", lambda _: {"server_time": self._server.now_ms()})
        gateway.get("/spot/currencies", lambda _: self._currencies())
        gateway.get("/spot/currencies/{currency}", self._currency)
        gateway.get("/spot/currency_pairs", lambda _: [_rules(item) for item in self._listings.values()])
        gateway.get("/spot/currency_pairs/{pair}", lambda request: _rules(self._in_path(request)))
        gateway.get("/spot/order_book", self._order_book)
        gateway.get("/spot/tickers", self._tickers)
        gateway.get("/spot/trades", self._trades)
        gateway.get("/spot/candlesticks", self._candlesticks)

    def _listing(self, request: web.Request) -> SimListing:
        return self._named(required(request, "currency_pair"))

    def _in_path(self, request: web.Request) -> SimListing:
        return self._named(request.match_info["pair"])

    def _named(self, name: str) -> SimListing:
        listing = self._listings.get(name)
        if listing is None:
            raise RefusedError("INVALID_CURRENCY_PAIR", f"Invalid currency pair {name}")
        return listing

    def _currencies(self) -> list[dict[str, object]]:
        listings = self._listings.values()
        names = {item.instrument.base for item in listings} | {item.instrument.quote for item in listings}
        return [_currency(name) for name in sorted(names)]

    def _currency(self, request: web.Request) -> dict[str, object]:
        wanted = request.match_info["currency"]
        for currency in self._currencies():
            if currency["currency"] == wanted:
                return currency
        raise RefusedError("INVALID_CURRENCY", f"Invalid currency {wanted}")

    def _order_book(self, request: web.Request) -> dict[str, object]:
        """Served from a cache: about a second old, deeper than 100 levels up to half a minute [S51][N]."""
        listing = self._listing(request)
        limit = number(request, "limit", 10, 1, 1_000)
        choice(request, "interval", {"0": None}, "0")
        snapshot = self._cached(listing, deep=limit > _DEEP)
        body: dict[str, object] = {
            "current": self._server.now_ms(),
            "update": snapshot.ts_ns // 1_000_000,
            "asks": _levels(listing, snapshot.asks[:limit]),
            "bids": _levels(listing, snapshot.bids[:limit]),
        }
        if request.query.get("with_id", "").lower() == "true":
            body = {"id": snapshot.update_id} | body
        return body

    def _cached(self, listing: SimListing, *, deep: bool) -> BookSnapshot:
        now_ms, key = self._server.now_ms(), (listing.key, deep)
        taken = self._snapshots.get(key)
        if taken is None or now_ms - taken[0] >= (_DEEP_CACHE_MS if deep else _CACHE_MS):
            taken = self._snapshots[key] = now_ms, listing.snapshot(None if deep else _DEEP)
        return taken[1]

    def _tickers(self, request: web.Request) -> list[dict[str, object]]:
        if not request.query.get("currency_pair"):
            return [_ticker(listing) for listing in self._listings.values()]
        listing = self._listing(request)
        top = listing.top
        sizes = {
            "lowest_size": listing.lots_text(top.ask_lots),
            "highest_size": listing.lots_text(top.bid_lots),
        }
        return [_ticker(listing) | sizes]

    def _trades(self, request: web.Request) -> list[dict[str, object]]:
        """Newest first."""
        listing = self._listing(request)
        limit = number(request, "limit", 100, 1, 1_000)
        since = optional_number(request, "from", 0, 2**40) or 0
        until = optional_number(request, "to", 0, 2**40) or 2**40
        chosen = [trade for trade in reversed(listing.trades) if since <= trade.ts_ns // 1_000_000_000 <= until]
        return [_trade(listing, trade) for trade in chosen[:limit]]

    def _candlesticks(self, request: web.Request) -> list[list[str]]:
        """Rows of strings: time, quote volume, close, high, low, open, base volume, whether it is closed."""
        listing = self._listing(request)
        interval_ms = choice(request, "interval", INTERVALS_MS, "30m")
        since, until = optional_number(request, "from", 0, 2**40), optional_number(request, "to", 0, 2**40)
        if "limit" in request.query and (since is not None or until is not None):
            raise RefusedError("INVALID_PARAM_VALUE", "limit conflicts with from and to")
        limit = number(request, "limit", 100, 1, 1_000)
        now_ms = self._server.now_ms()
        rows = listing.klines(
            interval_ms,
            limit if since is None else 1_000,
            None if since is None else since * 1_000,
            None if until is None else until * 1_000,
        )
        return [
            [
                str(row.open_ms // 1_000),
                plain(listing.quote_amount(1, row.notional)),
                listing.price_text(row.close_ticks),
                listing.price_text(row.high_ticks),
                listing.price_text(row.low_ticks),
                listing.price_text(row.open_ticks),
                listing.lots_text(row.volume_lots),
                "true" if row.close_ms < now_ms else "false",
            ]
            for row in rows
        ]


def register_missing_products(gateway: Gateway) -> None:
    """Products of Gate that this exchange lists nothing of."""
    for path in _MISSING:
        gateway.get(path, lambda _: [])


def day_fields(listing: SimListing) -> dict[str, object]:
    """What spot tickers have in common on REST and websocket."""
    day, top = listing.day(), listing.top
    return {
        "currency_pair": name_of(listing),
        "last": listing.price_text(day.last_ticks),
        "lowest_ask": listing.price_text(top.ask_ticks) if top.ask_lots else "",
        "highest_bid": listing.price_text(top.bid_ticks) if top.bid_lots else "",
        "change_percentage": change_percentage(day.open_ticks, day.last_ticks),
        "base_volume": listing.lots_text(day.volume_lots),
        "quote_volume": plain(day.quote_volume),
        "high_24h": listing.price_text(day.high_ticks),
        "low_24h": listing.price_text(day.low_ticks),
    }


def _ticker(listing: SimListing) -> dict[str, object]:
    fields = day_fields(listing)
    return fields | {"change_utc0": fields["change_percentage"], "change_utc8": fields["change_percentage"]}


def _levels(listing: SimListing, levels: list[tuple[int, int]]) -> list[list[str]]:
    return [[listing.price_text(price), listing.lots_text(lots)] for price, lots in levels]


def _currency(name: str) -> dict[str, object]:
    networks = networks_of(name)
    return {
        "currency": name,
        "name": name,
        "delisted": False,
        "withdraw_disabled": False,
        "withdraw_delayed": False,
        "deposit_disabled": False,
        "trade_disabled": False,
        "chain": networks[0].chain,
        "chains": [
            {
                "name": network.chain,
                "addr": network.contract,
                "withdraw_disabled": not network.sends_withdrawals,
                "withdraw_delayed": False,
                "deposit_disabled": not network.takes_deposits,
            }
            for network in networks
        ],
    }


def _rules(listing: SimListing) -> dict[str, object]:
    item = listing.instrument
    return {
        "id": name_of(listing),
        "base": item.base,
        "base_name": item.base,
        "quote": item.quote,
        "quote_name": item.quote,
        "fee": TAKER_FEE_PERCENT,
        "min_base_amount": plain(item.min_quantity),
        "min_quote_amount": plain(item.min_notional),
        "max_base_amount": None,
        "max_quote_amount": plain(item.min_notional * Decimal(1_000_000)),
        "amount_precision": listing.lot_scale.decimals,
        "precision": listing.price_scale.decimals,
        "trade_status": "tradable",
        "sell_start": _LISTED_S,
        "buy_start": _LISTED_S,
        "delisting_time": 0,
        "type": "normal",
        "st_tag": False,
    }


def _trade(listing: SimListing, trade: TradePrint) -> dict[str, object]:
    return {
        "id": str(trade.trade_id),
        "create_time": str(trade.ts_ns // 1_000_000_000),
        "create_time_ms": f"{trade.ts_ns // 1_000_000}.{trade.ts_ns // 1_000 % 1_000:03d}",
        "currency_pair": name_of(listing),
        "side": "buy" if trade.taker_side is Side.BUY else "sell",
        "amount": listing.lots_text(trade.lots),
        "price": listing.price_text(trade.price_ticks),
        "sequence_id": str(trade.trade_id - listing.first_trade_id + 1),
    }
