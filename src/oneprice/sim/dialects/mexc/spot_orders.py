"""MEXC's spot orders by REST: placing, cancelling, asking.

`timeInForce` is ignored, as at the venue: immediate-or-cancel is a type. Answers to new orders tell that they were
accepted and nothing more. Placing and cancelling share one bucket of 12 requests a second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.desk_rules import SPOT_PRICE_BAND
from oneprice.sim.dialects.mexc.listed import spot_maximums, spot_symbol
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError, spot_refusal
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate, missing, number, required
from oneprice.sim.dialects.mexc.spot_shapes import STP_MODES, MarketPrices, order_number, trade
from oneprice.sim.dialects.mexc.strategy_groups import StrategyGroups
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Reason, Refused, SimOrder, Ticket
from oneprice.sim.server import SimServer

__all__ = ["SpotOrders"]

BATCH_MAX: Final = 20
SYMBOLS_MAX: Final = 5
ORDERS_MAX: Final = 1_000
TRADES_MAX: Final = 100
_DAY_MS: Final = 86_400_000
_WEEK_MS: Final = 7 * _DAY_MS
_MONTH_MS: Final = 30 * _DAY_MS
_MS_MAX: Final = 2**53

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")  # (unverified): the documents name neither length nor charset
_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
_LIMITS: Final = {
    "LIMIT": TimeInForce.GTC,
    "LIMIT_MAKER": TimeInForce.POST_ONLY,
    "IMMEDIATE_OR_CANCEL": TimeInForce.IOC,
    "FILL_OR_KILL": TimeInForce.FOK,
}


class SpotOrders:
    """The handlers over the spot desk."""

    def __init__(self, server: SimServer, desk: TradingDesk, prices: MarketPrices, groups: StrategyGroups) -> None:
        self._server = server
        self._desk = desk
        self._prices = prices
        self._groups = groups
        self._listings = {spot_symbol(listing): listing for listing in desk.market.listings.values()}

    def register(self, door: SpotPrivate) -> None:
        """Put the endpoints on the server."""
        bucket = (door.limits.orders,)
        door.add("POST", "/order", self._place, right="trade", counters=bucket, changes=True)
        door.add("POST", "/order/test", self._test, right="trade")
        batch = (door.limits.orders, door.limits.batches)
        door.add("POST", "/batchOrders", self._batch, right="trade", counters=batch, changes=True)
        door.add("DELETE", "/order", self._cancel, right="trade", counters=bucket, changes=True)
        door.add("DELETE", "/openOrders", self._cancel_open, right="trade", counters=bucket, changes=True)
        door.add("DELETE", "/order/all", self._cancel_everything, right="trade", counters=bucket, changes=True)
        door.add("GET", "/order", lambda signed: self._prices.row(self._found(signed)), weight=2)
        door.add("GET", "/openOrders", self._open_orders, weight=3)
        door.add("GET", "/allOrders", self._all_orders, weight=10)
        door.add("GET", "/myTrades", self._my_trades, weight=10)

    # ---- placing and cancelling -----------------------------------------------------------------------

    def _place(self, signed: Signed) -> object:
        listing, ticket = self._read(signed, signed.params)
        return self._prices.accepted(self._placed(signed, listing, ticket))

    def _test(self, signed: Signed) -> object:
        """Looks at the parameters only."""
        self._read(signed, signed.params)
        return {}

    def _batch(self, signed: Signed) -> object:
        """Each order has a result of its own; all must be of one symbol."""
        try:
            asked = msgspec.json.decode(required(signed, "batchOrders"), type=list[dict[str, str | int | float]])
        except msgspec.DecodeError:
            raise missing("batchOrders") from None
        if not 0 < len(asked) <= BATCH_MAX or len({str(item.get("symbol")) for item in asked}) != 1:
            raise SpotRefusedError(33333, f"Param Error: 1 to {BATCH_MAX} orders of one symbol")
        return [self._one_of_batch(signed, {name: str(value) for name, value in item.items()}) for item in asked]

    def _one_of_batch(self, signed: Signed, params: Mapping[str, str]) -> object:
        client_id = params.get("newClientOrderId")
        try:
            listing, ticket = self._read(signed, params)
            order = self._placed(signed, listing, ticket)
        except SpotRefusedError as refusal:
            return {"newClientOrderId": client_id, "msg": refusal.message, "code": refusal.code}
        answer = self._prices.accepted_lean(order)
        return answer if client_id is None else answer | {"newClientOrderId": client_id}

    def _placed(self, signed: Signed, listing: SimListing, ticket: Ticket) -> SimOrder:
        try:
            if len(self._desk.open_orders(signed.account)) >= self._desk.rules.open_orders_max:
                raise Refused(Reason.TOO_MANY_ORDERS)  # the limit is the account's; the desk counts a symbol's
            order = self._desk.place(signed.account, listing, ticket, self._server.now_ns())
        except Refused as refusal:
            raise spot_refusal(refusal, ticket.side) from None
        self._prices.price(order)
        return order

    def _cancel(self, signed: Signed) -> object:
        try:
            order = self._found(signed)
            self._desk.cancel(order, self._server.now_ns())
        except Refused as refusal:
            raise SpotRefusedError(-2011, "Unknown order sent.") from refusal
        return self._prices.cancelled(order, signed.params.get("newClientOrderId", ""))

    def _cancel_open(self, signed: Signed) -> object:
        now_ns = self._server.now_ns()
        ended = [
            order
            for listing in self._named_listings(required(signed, "symbol"))
            for order in self._desk.cancel_all(signed.account, listing, now_ns)
        ]
        return [self._prices.cancelled(order) for order in ended]

    def _cancel_everything(self, signed: Signed) -> object:
        self._desk.cancel_all(signed.account, None, self._server.now_ns())
        return {"code": 0, "msg": "success"}

    # ---- asking ---------------------------------------------------------------------------------------

    def _found(self, signed: Signed) -> SimOrder:
        """The order of `orderId`, else of `origClientOrderId`. Raises Refused and SpotRefusedError."""
        listing = self._listing(required(signed, "symbol"))
        order_id, client_id = signed.params.get("orderId"), signed.params.get("origClientOrderId")
        if order_id:
            wanted = order_number(order_id)
            order = None if wanted is None else self._desk.order(signed.account, wanted)
            if order is None or order.listing is not listing:
                raise Refused(Reason.UNKNOWN_ORDER)
            return order
        if client_id:
            return self._desk.by_client_id(signed.account, listing, client_id)
        raise SpotRefusedError(700004, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")

    def _open_orders(self, signed: Signed) -> object:
        """Newest first; of all symbols when none is named."""
        names = signed.params.get("symbol", "")
        wanted: list[SimListing | None] = [*self._named_listings(names)] if names else [None]
        orders = [order for listing in wanted for order in self._desk.open_orders(signed.account, listing)]
        return [self._prices.row(order) for order in reversed(orders)]

    def _all_orders(self, signed: Signed) -> object:
        """Newest first: of a day unless times are given, of the last week at most."""
        listing = self._listing(required(signed, "symbol"))
        until_ms = number(signed, "endTime", self._server.now_ms(), 0, _MS_MAX)
        since_ms = max(number(signed, "startTime", until_ms - _DAY_MS, 0, _MS_MAX), until_ms - _WEEK_MS)
        limit = number(signed, "limit", 500, 1, ORDERS_MAX)
        # Whole milliseconds on the wire: an order of the last one is still within.
        orders = self._desk.orders(signed.account, listing, since_ms * 1_000_000, (until_ms + 1) * 1_000_000 - 1)
        return [self._prices.row(order) for order in orders[::-1][:limit]]

    def _my_trades(self, signed: Signed) -> object:
        """Newest first, of the last month; of an order when `orderId` is given."""
        listing = self._listing(required(signed, "symbol"))
        until_ms = number(signed, "endTime", self._server.now_ms(), 0, _MS_MAX)
        since_ms = max(number(signed, "startTime", 0, 0, _MS_MAX), until_ms - _MONTH_MS)
        limit = number(signed, "limit", TRADES_MAX, 1, TRADES_MAX)
        order_id = signed.params.get("orderId")
        wanted = order_number(order_id) if order_id else None
        if order_id and wanted is None:
            raise SpotRefusedError(30026, "invalid order ids")
        fills = self._desk.fills(
            signed.account, listing, since_ms * 1_000_000, (until_ms + 1) * 1_000_000 - 1, order_id=wanted
        )
        sides = Counter(fill.fill_id for fill in fills)
        return [trade(fill, sides[fill.fill_id] > 1) for fill in fills[::-1][:limit]]

    # ---- parameters -----------------------------------------------------------------------------------

    def _listing(self, symbol: str) -> SimListing:
        listing = self._listings.get(symbol)
        if listing is None:
            raise SpotRefusedError(-1121, "Invalid symbol.")
        return listing

    def _named_listings(self, names: str) -> list[SimListing]:
        symbols = names.split(",")
        if len(symbols) > SYMBOLS_MAX:
            raise SpotRefusedError(33333, f"Param Error: more than {SYMBOLS_MAX} symbols")
        return [self._listing(symbol) for symbol in symbols]

    def _read(self, signed: Signed, params: Mapping[str, str]) -> tuple[SimListing, Ticket]:
        """The ticket of a new order. Raises SpotRefusedError."""
        if not params.get("symbol"):
            raise missing("symbol")
        listing = self._listing(params["symbol"])
        side = {"BUY": Side.BUY, "SELL": Side.SELL}.get(params.get("side", ""))
        if side is None:
            raise missing("side")
        kind = params.get("type", "")
        if not kind:
            raise missing("type")
        if kind != "MARKET" and kind not in _LIMITS:
            raise SpotRefusedError(30041, "current order type can not place order")
        client_id = params.get("newClientOrderId", "")
        if client_id and _CLIENT_ID.fullmatch(client_id) is None:
            raise SpotRefusedError(700008, "Illegal characters found in parameter 'newClientOrderId'")
        mode = STP_MODES.get(params.get("stpMode", ""))
        if mode is None:
            raise SpotRefusedError(33333, "Param Error: stpMode")
        if not self._groups.is_member(signed.account):
            mode = SelfTrade.NONE
        ticket = _amounts(params, side, kind, client_id, mode)
        _check_bounds(listing, ticket)
        return listing, ticket


def _amounts(params: Mapping[str, str], side: Side, kind: str, client_id: str, mode: SelfTrade) -> Ticket:
    if kind in _LIMITS:
        quantity, price = _decimal(params, "quantity"), _decimal(params, "price")
        if quantity is None or price is None:
            raise missing("quantity" if quantity is None else "price")
        times = _LIMITS[kind]
        return Ticket(
            side=side, quantity=quantity, price=price, time_in_force=times, client_order_id=client_id, self_trade=mode
        )
    quantity, worth = _decimal(params, "quantity"), _decimal(params, "quoteOrderQty")
    if quantity is None and worth is None:
        raise missing("quoteOrderQty" if side is Side.BUY else "quantity")
    if quantity is not None and worth is not None:
        raise SpotRefusedError(-1128, "Combination of optional parameters invalid.")
    return Ticket(side=side, quantity=quantity, quote_quantity=worth, client_order_id=client_id, self_trade=mode)


def _decimal(params: Mapping[str, str], name: str) -> Decimal | None:
    text = params.get(name, "")
    if not text:
        return None
    if _DECIMAL.fullmatch(text) is None:
        raise (
            missing(name) if not text.startswith("-") else SpotRefusedError(10102, "amount cannot be zero or negative")
        )
    value = Decimal(text)
    if not value:
        raise SpotRefusedError(10102, "amount cannot be zero or negative")
    return value


def _check_bounds(listing: SimListing, ticket: Ticket) -> None:
    """The price band, which spares post-only and market orders, and the greatest worth."""
    last = listing.price_scale.value(listing.day().last_ticks)
    price = ticket.price if ticket.price is not None else last
    if ticket.price is not None and ticket.time_in_force is not TimeInForce.POST_ONLY:
        is_buy = ticket.side is Side.BUY
        if price > last * (1 + SPOT_PRICE_BAND) if is_buy else price < last * (1 - SPOT_PRICE_BAND):
            raise SpotRefusedError(30087, "Order price exceeds allowed range")
    limit_max, market_max = spot_maximums(listing)
    most = market_max if ticket.price is None else limit_max
    worth = ticket.quote_quantity if ticket.quote_quantity is not None else price * (ticket.quantity or 0)
    if worth > most:
        raise SpotRefusedError(30003, f"The maximum transaction volume cannot be greater than: {most:f}")
