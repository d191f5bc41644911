"""What differs between Binance's accounts, spot and perpetuals, as one table that `BinanceAccount` reads.

Weights and limits as of 2026-07, source: binance-spot-api-docs rest-api.md, USDⓈ-M trade and account endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from oneprice.model import AssetBalance, TradingFee
from oneprice.model import SymbolInfo as Listing
from oneprice.venues.binance.facts import Facts
from oneprice.venues.binance.holdings import (
    MarginAsset,
    MarginCommission,
    SpotAccount,
    SpotCommission,
    margin_balances,
    margin_fee,
    spot_balances,
    spot_fee,
)
from oneprice.venues.binance.names import Names
from oneprice.venues.binance.spot import SPOT
from oneprice.venues.binance.usdm import USDM
from oneprice.venues.kit import Budget, Charge, Support

DAY_S = 86_400.0
SAPI_ORIGIN = "https://api.binance.com"

SAPI_BUDGETS: Mapping[str, Budget] = {
    "sapi_ip": Budget(12_000, 60.0),  # (unverified)
    "sapi_uid": Budget(180_000, 60.0),  # (unverified)
}
COUNT_HEADERS: Mapping[str, str] = {
    "x-mbx-used-weight-1m": "default",
    "x-mbx-order-count-10s": "orders_10s",
    "x-mbx-order-count-1m": "orders_1m",
    "x-mbx-order-count-1d": "orders_1d",
    "x-sapi-used-ip-weight-1m": "sapi_ip",
    "x-sapi-used-uid-weight-1m": "sapi_uid",
}
COUNT_WINDOWS: Mapping[tuple[str, str, int], str] = {
    ("REQUEST_WEIGHT", "MINUTE", 1): "default",
    ("ORDERS", "SECOND", 10): "orders_10s",
    ("ORDERS", "MINUTE", 1): "orders_1m",
    ("ORDERS", "DAY", 1): "orders_1d",
}
"""Windows in the answers of the WS API, and the budget that each tells of."""


class Held(msgspec.Struct, frozen=True):
    """How balances are asked for."""

    path: str
    query: tuple[tuple[str, str], ...]
    weight: int
    form: Any
    convert: Callable[[Any, Names], list[AssetBalance]]


class Paid(msgspec.Struct, frozen=True):
    """How an account's fees are asked for."""

    path: str
    form: Any
    convert: Callable[[Any, Listing], TradingFee]


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One account. `counts`: budgets that each new order takes 1 of. `fills_days`: the longest span of one request."""

    market: Facts
    budgets: Mapping[str, Budget]
    counts: tuple[str, ...]
    entry_url: str
    entry_path: str
    stream_url: str
    stream_path: str
    query_weight: int
    open_weight: int
    open_all_weight: int
    fills_path: str
    fills_weight: int
    fills_of_order_weight: int
    fills_days: int
    held: Held
    paid: Paid
    batch_max: int
    forgotten_after_s: float
    capabilities: Sequence[Support]

    def order_charges(self, orders: int = 1) -> tuple[Charge, ...]:
        """What so many new orders take of the order limits. Spot gives back what fills; that is not counted on."""
        return tuple(Charge(name, orders) for name in self.counts)


SPOT_ACCOUNT = AccountFacts(
    market=SPOT,
    budgets={
        "default": SPOT.budgets["default"],
        "orders_10s": Budget(50, 10.0),  # documents' sample; 100 were recorded (unverified)
        "orders_1d": Budget(160_000, DAY_S),  # documents' sample; 200,000 were recorded (unverified)
        **SAPI_BUDGETS,
    },
    counts=("orders_10s", "orders_1d"),
    entry_url="wss://ws-api.binance.com:443",
    entry_path="/ws-api/v3",
    stream_url="wss://ws-api.binance.com:443",
    stream_path="/ws-api/v3",
    query_weight=4,
    open_weight=6,
    open_all_weight=80,
    fills_path="/api/v3/myTrades",
    fills_weight=20,
    fills_of_order_weight=5,
    fills_days=1,
    held=Held("/api/v3/account", (("omitZeroBalances", "true"),), 20, SpotAccount, spot_balances),
    paid=Paid("/api/v3/account/commission", SpotCommission, spot_fee),
    batch_max=0,
    forgotten_after_s=90 * DAY_S,
    capabilities=(
        Support("balances", True, "free and locked"),
        Support("positions", False, "spot has none"),
        Support("account fees", True, "standard, special and tax, with the BNB discount where it is on"),
        Support("order: limit GTC", True),
        Support("order: limit IOC", True, "ends EXPIRED, with what was filled"),
        Support("order: limit FOK", True, "ends EXPIRED when it cannot be filled"),
        Support("order: post-only", True, "LIMIT_MAKER; refused when it would take"),
        Support("order: market by base", True),
        Support("order: market by quote", True, "quoteOrderQty; the base quantity follows the lot"),
        Support("order: reduce-only", False, "spot has no positions"),
        Support("batch orders", False, "no such call"),
        Support("cancel", True),
        Support("cancel all", True, "of one listing"),
        Support("query by client id", True, "not after a cancel, which gives the order another id"),
        Support("open orders", True, "of one listing or all"),
        Support("fills", True, "paged by id, or 24 h at a time"),
        Support("leverage", False, "spot has none"),
        Support("position mode", False, "spot has none"),
        Support("key permissions", True, "apiRestrictions"),
        Support("networks", True, "capital/config/getall"),
        Support("deposits and withdrawals", True, "90 days at a time"),
        Support("dead man's switch", False, "perpetuals only"),
        Support("stream: orders", True, "on the WS API"),
        Support("stream: fills", True, "with fees"),
        Support("stream: balances", True, "free and locked of what changed"),
        Support("stream: positions", False, "spot has none"),
        Support("websocket order entry", True, "WS API v3; Ed25519 keys log in once"),
        Support("client id refused twice", True, "while the first order is open, not after"),
    ),
)

USDM_ACCOUNT = AccountFacts(
    market=USDM,
    budgets={
        "default": USDM.budgets["default"],
        "orders_10s": Budget(300, 10.0),
        "orders_1m": Budget(1_200, 60.0),
        **SAPI_BUDGETS,
    },
    counts=("orders_10s", "orders_1m"),
    entry_url="wss://ws-fapi.binance.com",
    entry_path="/ws-fapi/v1",
    stream_url="wss://fstream.binance.com",
    stream_path="/private/ws/",
    query_weight=1,
    open_weight=1,
    open_all_weight=40,
    fills_path="/fapi/v1/userTrades",
    fills_weight=5,
    fills_of_order_weight=5,
    fills_days=7,
    held=Held("/fapi/v3/balance", (), 5, list[MarginAsset], margin_balances),
    paid=Paid("/fapi/v1/commissionRate", MarginCommission, margin_fee),
    batch_max=5,
    forgotten_after_s=3 * DAY_S,
    capabilities=(
        Support("balances", True, "wallet balance, and what is available"),
        Support("positions", True, "positionRisk"),
        Support("account fees", True, "without the BNB discount"),
        Support("order: limit GTC", True),
        Support("order: limit IOC", True, "ends EXPIRED, with what was filled"),
        Support("order: limit FOK", True, "refused or EXPIRED when it cannot be filled"),
        Support("order: post-only", True, "GTX; refused or EXPIRED when it would take"),
        Support("order: market by base", True),
        Support("order: market by quote", False, "no such parameter"),
        Support("order: reduce-only", True, "in one-way mode"),
        Support("batch orders", True, "5 at once"),
        Support("cancel", True),
        Support("cancel all", True, "of one listing; the answer names no orders"),
        Support("query by client id", True),
        Support("open orders", True, "of one listing or all"),
        Support("fills", True, "paged by id, or 7 days at a time"),
        Support("leverage", True, "for each listing"),
        Support("position mode", True, "one for all listings; only one-way is traded in"),
        Support("key permissions", True, "apiRestrictions, at the spot host"),
        Support("networks", True, "capital/config/getall, at the spot host"),
        Support("deposits and withdrawals", True, "90 days at a time, at the spot host"),
        Support("dead man's switch", True, "countdownCancelAll, for each listing"),
        Support("stream: orders", True, "by listen key"),
        Support("stream: fills", True, "with fees (ORDER_TRADE_UPDATE)"),
        Support("stream: balances", True, "wallet balance of what changed"),
        Support("stream: positions", True, "of what changed"),
        Support("websocket order entry", True, "ws-fapi v1; Ed25519 keys log in once"),
        Support("client id refused twice", True, "while the first order is open, not after"),
    ),
)
