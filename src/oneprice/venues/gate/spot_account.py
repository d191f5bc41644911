"""An account at Gate's spot market."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from oneprice.model import AssetBalance, AssetName, Order, SymbolInfo, TradingFee
from oneprice.venues.gate import wallet
from oneprice.venues.gate.account import OPEN_ORDERS_MAX, GateAccount
from oneprice.venues.gate.orders import in_time
from oneprice.venues.gate.spot import SPOT
from oneprice.venues.gate.spot_orders import CODEC, GT, SpotFill, SpotOrder
from oneprice.venues.kit import (
    BodyError,
    Budget,
    Call,
    Charge,
    Credentials,
    FillsPage,
    FillsQuery,
    Hosts,
    Number,
    Support,
)

FILLS_MAX = 1_000
FILLS_SPAN_NS = 30 * 86_400 * 1_000_000_000
SECOND_NS = 1_000_000_000

BUDGETS: Mapping[str, Budget] = {
    **wallet.BUDGETS,
    "spot private": Budget(200, 10.0),
    "spot cancels": Budget(200, 1.0),
    "spot orders:*": Budget(10, 1.0),
}
"""By user, orders by user and market. The private endpoints share what each of them has."""

CAPABILITIES = (
    Support("balances", True),
    Support("positions", False, "spot has none"),
    Support("account fees", True),
    Support("order: limit GTC", True),
    Support("order: limit IOC", True),
    Support("order: limit FOK", True),
    Support("order: post-only", True),
    Support("order: market by base", True, "selling only"),
    Support("order: market by quote", True, "buying only"),
    Support("order: reduce-only", False, "spot has none"),
    Support("batch orders", True, "up to 4: Gate takes 10 a market, of 4 markets"),
    Support("cancel", True),
    Support("cancel all", True),
    Support("query by client id", True, "up to an hour after the end; a minute when nothing was filled"),
    Support("open orders", True, "up to 99 a market"),
    Support("fills", True),
    Support("leverage", False, "spot has none"),
    Support("position mode", False, "spot has none"),
    Support("key permissions", True, "main account's keys only"),
    Support("networks", True, "without fees"),
    Support("deposits and withdrawals", True, "30 days"),
    Support("dead man's switch", True, "at least 5 s"),
    Support("stream: orders", True),
    Support("stream: fills", True),
    Support("stream: balances", True),
    Support("stream: positions", False, "spot has none"),
    Support("websocket order entry", True),
    Support("client id refused twice", False, "a second order with the same id is accepted"),
)


class AccountRow(msgspec.Struct):
    """A row of `/spot/accounts`."""

    currency: str
    available: Number
    locked: Number
    update_id: int = 0


class OpenOrders(msgspec.Struct):
    """A row of `/spot/open_orders`: one pair's. `total`: all of them, on every page."""

    currency_pair: str
    orders: list[SpotOrder]
    total: int = 0


class FeeBody(msgspec.Struct):
    """`/wallet/fee`: fractions. The `gt_` rates are those with the discount, 0 where it is off."""

    taker_fee: Number
    maker_fee: Number
    gt_discount: bool = False
    gt_taker_fee: Number | None = None
    gt_maker_fee: Number | None = None


class SpotAccount(GateAccount[SpotOrder, SpotFill]):
    """Orders, fills and balances of spot."""

    capabilities = CAPABILITIES
    budgets = BUDGETS
    batch_max = 4  # more could be of too many markets
    forgotten_after_s = 60.0

    def __init__(self, hosts: Hosts | None, credentials: Credentials) -> None:
        super().__init__(SPOT, CODEC, hosts, credentials)

    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        """As by REST, whose limits order entry shares."""
        return (Charge(f"spot orders:{listing.venue_symbol}" if what == "place" else self._cancels, 1),)

    def open_orders(self, listing: SymbolInfo | None) -> Call[list[Order]]:
        """Raises InvalidResponseError at 100 in one market: what is on the next page would be missed."""
        limit = ("limit", str(OPEN_ORDERS_MAX))
        if listing is None:
            request = self._request("GET", "/open_orders", limit)
            return self._reader.call(request, list[OpenOrders], self._of_all_pairs)
        request = self._request("GET", "/orders", self._of(listing), ("status", "open"), limit)
        return self._reader.call(request, list[SpotOrder], self._all)

    def fills(self, query: FillsQuery) -> Call[FillsPage]:
        """Pages go from the newest to the oldest. Without times Gate gives its last 7 days; a span is cut at 30."""
        until_ns, rest_ns = query.until_ns, 0
        if query.since_ns and until_ns - query.since_ns > FILLS_SPAN_NS:
            until_ns = rest_ns = query.since_ns + FILLS_SPAN_NS
        told = [self._of(query.listing), ("limit", str(FILLS_MAX)), ("page", str(query.page))]
        if query.venue_order_id:
            told.append(("order_id", query.venue_order_id))
        if query.since_ns:
            told.append(("from", str(query.since_ns // SECOND_NS)))
        if until_ns:
            told.append(("to", str(-(-until_ns // SECOND_NS))))

        def convert(rows: list[SpotFill]) -> FillsPage:
            fills = in_time([CODEC.fill_of(row, query.listing) for row in rows])
            more = None
            if len(rows) >= FILLS_MAX:
                more = msgspec.structs.replace(query, page=query.page + 1)
            elif rest_ns:
                more = msgspec.structs.replace(query, since_ns=rest_ns, page=1)
            return FillsPage(fills, more)

        return self._reader.call(self._request("GET", "/my_trades", *told), list[SpotFill], convert)

    def balances(self) -> Call[list[AssetBalance]]:
        """Every asset with a version of its own."""

        def convert(rows: list[AccountRow]) -> list[AssetBalance]:
            return [_balance(row, *self._coins(row.currency)) for row in rows]

        return self._reader.call(self._request("GET", "/accounts"), list[AccountRow], convert)

    def fees(self, listing: SymbolInfo) -> Call[TradingFee]:
        """Paid in GT at a discount where the account has that on."""
        request = msgspec.structs.replace(
            self._request("GET", "", self._of(listing)), path="/api/v4/wallet/fee", budget=wallet.BUDGET
        )
        return self._reader.call(request, FeeBody, lambda told: _fee(told, listing))

    def _of_all_pairs(self, pairs: list[OpenOrders]) -> list[Order]:
        missing = [pair.currency_pair for pair in pairs if pair.total > len(pair.orders)]
        if missing:
            raise BodyError(f"not all open orders of {', '.join(missing[:5])} came")
        return [order for pair in pairs for order in self._all(pair.orders)]


def _balance(row: AccountRow, asset: AssetName, coins: Decimal) -> AssetBalance:
    total, free = (row.available + row.locked) * coins, row.available * coins
    return AssetBalance(asset=asset, total=total, free=free, version=row.update_id)


def _fee(told: FeeBody, listing: SymbolInfo) -> TradingFee:
    on = told.gt_discount and bool(told.gt_taker_fee)
    return TradingFee(
        listing=listing,
        maker=wallet.rate(told.gt_maker_fee if on else told.maker_fee, "the maker fee"),
        taker=wallet.rate(told.gt_taker_fee if on else told.taker_fee, "the taker fee"),
        discount_asset=AssetName(GT) if on else None,
    )
