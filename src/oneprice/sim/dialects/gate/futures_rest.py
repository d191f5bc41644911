"""Gate's public REST of USDT perpetuals: `/api/v4/futures/usdt/*`.

Sizes are contracts, signed in trades. With the request header `X-Gate-Size-Decimal: 1` they are decimal
strings; without it integers, rounded towards zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from aiohttp import web

from oneprice.sim.dialects.gate.listed import (
    INTERVALS_MS,
    by_name,
    change_percentage,
    name_of,
    plain,
    rounded,
)
from oneprice.sim.dialects.gate.rest import Gateway, RefusedError, choice, number, optional_number, required
from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.server import SimServer

__all__ = ["FuturesRest", "contract_size", "signed_lots", "ticker_fields", "wants_decimal_sizes"]

MAKER_FEE: Final = "0.0002"
TAKER_FEE: Final = "0.0005"
LOTS_MAX: Final = 1_000_000
LEVERAGE_MAX: Final = 100
OPEN_ORDERS_MAX: Final = 100
_FUNDING_HOURS: Final = 8
_LEVELS_MAX: Final = 300


def wants_decimal_sizes(headers: Mapping[str, str]) -> bool:
    """Whether the client asked for sizes as decimal strings."""
    return headers.get("X-Gate-Size-Decimal") == "1"


def contract_size(listing: SimListing, lots: int, *, decimal: bool) -> str | int:
    """A size in contracts as this client gets it."""
    return listing.lots_text(lots) if decimal else int(listing.lot_scale.value(lots))


def signed_lots(trade: TradePrint) -> int:
    """The taker's lots: sells are negative."""
    return trade.lots if trade.taker_side is Side.BUY else -trade.lots


class FuturesRest:
    """The handlers; they answer from the perpetual market's listings."""

    def __init__(self, server: SimServer, market: SimMarket) -> None:
        self._server = server
        self._listings = by_name(market)

    def register(self, gateway: Gateway) -> None:
        """Put the endpoints on the gateway."""
        prefix = "/futures/usdt"
        gateway.get(f"{prefix}/contracts", self._contracts)
        gateway.get(f"{prefix}/contracts/{{contract}}", self._contract)
        gateway.get(f"{prefix}/order_book", self._order_book)
        gateway.get(f"{prefix}/trades", self._trades)
        gateway.get(f"{prefix}/candlesticks", self._candlesticks)
        gateway.get(f"{prefix}/tickers", self._tickers)
        gateway.get(f"{prefix}/funding_rate", self._funding_rate)
        gateway.get(f"{prefix}/risk_limit_tiers", self._risk_limit_tiers)
        for name in ("liq_orders", "insurance"):
            gateway.get(f"{prefix}/{name}", lambda _: [])

    def _listing(self, request: web.Request) -> SimListing:
        return self._named(required(request, "contract"))

    def _named(self, name: str) -> SimListing:
        listing = self._listings.get(name)
        if listing is None:
            raise RefusedError("CONTRACT_NOT_FOUND", f"contract {name} not found")
        return listing

    def _contracts(self, request: web.Request) -> list[dict[str, object]]:
        decimal = wants_decimal_sizes(request.headers)
        return [_rules(listing, decimal=decimal) for listing in self._listings.values()]

    def _contract(self, request: web.Request) -> dict[str, object]:
        listing = self._named(request.match_info["contract"])
        return _rules(listing, decimal=wants_decimal_sizes(request.headers))

    def _order_book(self, request: web.Request) -> dict[str, object]:
        listing, decimal = self._listing(request), wants_decimal_sizes(request.headers)
        limit = number(request, "limit", 10, 1, _LEVELS_MAX)
        choice(request, "interval", {"0": None}, "0")
        snapshot = listing.snapshot(limit)
        body: dict[str, object] = {
            "current": _seconds(self._server.now_ms()),
            "update": _seconds(snapshot.ts_ns // 1_000_000),
            "asks": _levels(listing, snapshot.asks, decimal=decimal),
            "bids": _levels(listing, snapshot.bids, decimal=decimal),
        }
        if request.query.get("with_id", "").lower() == "true":
            body = {"id": snapshot.update_id} | body
        return body

    def _trades(self, request: web.Request) -> list[dict[str, object]]:
        """Newest first. Here even `create_time_ms` is in seconds, with decimals."""
        listing, decimal = self._listing(request), wants_decimal_sizes(request.headers)
        limit = number(request, "limit", 100, 1, 1_000)
        since = optional_number(request, "from", 0, 2**40) or 0
        until = optional_number(request, "to", 0, 2**40) or 2**40
        chosen = [trade for trade in reversed(listing.trades) if since <= trade.ts_ns // 1_000_000_000 <= until]
        return [
            {
                "id": trade.trade_id,
                "create_time": trade.ts_ns // 1_000_000_000,
                "create_time_ms": _seconds(trade.ts_ns // 1_000_000),
                "contract": name_of(listing),
                "size": contract_size(listing, signed_lots(trade), decimal=decimal),
                "price": listing.price_text(trade.price_ticks),
            }
            for trade in chosen[:limit]
        ]

    def _candlesticks(self, request: web.Request) -> list[dict[str, object]]:
        """`mark_` and `index_` before the contract ask for those prices, which leave no history here: they get the
        candles of the trades, without volume."""
        name = required(request, "contract")
        plain_name = name.removeprefix("mark_").removeprefix("index_")
        listing, decimal = self._named(plain_name), wants_decimal_sizes(request.headers)
        interval_ms = choice(request, "interval", INTERVALS_MS, "5m")
        since, until = optional_number(request, "from", 0, 2**40), optional_number(request, "to", 0, 2**40)
        if "limit" in request.query and (since is not None or until is not None):
            raise RefusedError("INVALID_PARAM_VALUE", "limit conflicts with from and to")
        limit = number(request, "limit", 100, 1, 2_000)
        rows = listing.klines(
            interval_ms,
            limit if since is None else 2_000,
            None if since is None else since * 1_000,
            None if until is None else until * 1_000,
        )
        candles: list[dict[str, object]] = [
            {
                "t": row.open_ms // 1_000,
                "c": listing.price_text(row.close_ticks),
                "h": listing.price_text(row.high_ticks),
                "l": listing.price_text(row.low_ticks),
                "o": listing.price_text(row.open_ticks),
            }
            for row in rows
        ]
        if plain_name != name:
            return candles
        return [
            candle
            | {
                "v": contract_size(listing, row.volume_lots, decimal=decimal),
                "sum": plain(listing.quote_amount(1, row.notional)),
            }
            for candle, row in zip(candles, rows, strict=True)
        ]

    def _tickers(self, request: web.Request) -> list[dict[str, object]]:
        decimal = wants_decimal_sizes(request.headers)
        chosen = [self._listing(request)] if request.query.get("contract") else self._listings.values()
        return [_ticker(listing, decimal=decimal) for listing in chosen]

    def _funding_rate(self, request: web.Request) -> list[dict[str, object]]:
        """Past settlements, newest first, as far as the simulation reaches back (a rate each 8 hours)."""
        listing = self._listing(request)
        limit = number(request, "limit", 100, 1, 1_000)
        last_ms = listing.funding(_FUNDING_HOURS).last_funding_ms
        times = [last_ms - index * _FUNDING_HOURS * 3_600_000 for index in range(min(limit, 30))]
        return [{"t": ms // 1_000, "r": rounded(listing.fair.funding_rate(ms * 1_000_000), 6)} for ms in times]

    def _risk_limit_tiers(self, request: web.Request) -> list[dict[str, object]]:
        """One tier per contract: the simulation has no others."""
        chosen = [self._listing(request)] if request.query.get("contract") else list(self._listings.values())
        return [
            {
                "tier": 1,
                "contract": name_of(listing),
                "risk_limit": "1000000",
                "initial_rate": "0.01",
                "maintenance_rate": "0.005",
                "leverage_max": str(LEVERAGE_MAX),
                "deduction": "0",
            }
            for listing in chosen
        ]


def ticker_fields(listing: SimListing, *, decimal: bool) -> dict[str, object]:
    """What perpetual tickers have in common on REST and websocket; `decimal` is how sizes are written."""
    day, funding = listing.day(), listing.funding(_FUNDING_HOURS)
    base = listing.lot_scale.value(day.volume_lots) * listing.instrument.multiplier
    worth, rate = plain(day.quote_volume.quantize(Decimal(1))), rounded(funding.rate, 6)
    return {
        "contract": name_of(listing),
        "last": listing.price_text(day.last_ticks),
        "change_percentage": change_percentage(day.open_ticks, day.last_ticks),
        "total_size": str(contract_size(listing, day.volume_lots * 3, decimal=decimal)),
        "volume_24h": str(contract_size(listing, day.volume_lots, decimal=decimal)),
        "volume_24h_base": str(int(base)),
        "volume_24h_quote": worth,
        "volume_24h_settle": worth,
        "mark_price": _reference(listing, funding.mark),
        "funding_rate": rate,
        "funding_rate_indicative": rate,
        "index_price": _reference(listing, funding.index),
        "quanto_base_rate": "",
        "low_24h": listing.price_text(day.low_ticks),
        "high_24h": listing.price_text(day.high_ticks),
    }


def _ticker(listing: SimListing, *, decimal: bool) -> dict[str, object]:
    top = listing.top
    return ticker_fields(listing, decimal=decimal) | {
        "highest_bid": listing.price_text(top.bid_ticks) if top.bid_lots else "",
        "highest_size": str(contract_size(listing, top.bid_lots, decimal=decimal)),
        "lowest_ask": listing.price_text(top.ask_ticks) if top.ask_lots else "",
        "lowest_size": str(contract_size(listing, top.ask_lots, decimal=decimal)),
    }


def _rules(listing: SimListing, *, decimal: bool) -> dict[str, object]:
    item, day, funding = listing.instrument, listing.day(), listing.funding(_FUNDING_HOURS)
    rate = rounded(funding.rate, 6)
    minimum = int(item.min_quantity / item.lot)
    fractional = item.lot != int(item.lot)
    return {
        "name": name_of(listing),
        "type": "direct",
        "quanto_multiplier": plain(item.multiplier),
        "order_price_round": plain(item.tick),
        "mark_price_round": plain(item.tick / 10),
        "order_size_min": contract_size(listing, minimum, decimal=True) if decimal else max(1, minimum),
        "order_size_max": contract_size(listing, LOTS_MAX, decimal=decimal),
        "enable_decimal": fractional,
        "order_price_deviate": "0.5",
        "leverage_min": "1",
        "leverage_max": str(LEVERAGE_MAX),
        "maintenance_rate": "0.005",
        "maker_fee_rate": MAKER_FEE,
        "taker_fee_rate": TAKER_FEE,
        "mark_type": "index",
        "last_price": listing.price_text(day.last_ticks),
        "mark_price": _reference(listing, funding.mark),
        "index_price": _reference(listing, funding.index),
        "funding_rate": rate,
        "funding_rate_indicative": rate,
        "funding_interval": _FUNDING_HOURS * 3_600,
        "funding_next_apply": funding.next_funding_ms // 1_000,
        "funding_offset": 0,
        "funding_rate_limit": "0.003",
        "interest_rate": "0.0003",
        "in_delisting": False,
        "status": "trading",
        "market_order_slip_ratio": "0.05",
        "market_order_size_max": "0",
        "orders_limit": OPEN_ORDERS_MAX,
        "trade_id": day.last_trade_id,
        "orderbook_id": listing.engine.update_id,
        "create_time": 1_669_688_556,
    }


def _reference(listing: SimListing, price: float) -> str:
    """Mark and index prices have one decimal more than orders."""
    return rounded(price, listing.price_scale.decimals + 1)


def _levels(listing: SimListing, levels: list[tuple[int, int]], *, decimal: bool) -> list[dict[str, object]]:
    return [
        {"p": listing.price_text(price), "s": contract_size(listing, lots, decimal=decimal)} for price, lots in levels
    ]


def _seconds(ms: int) -> float:
    """Seconds with three decimals as a JSON number."""
    return ms / 1_000
