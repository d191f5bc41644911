"""What MEXC tells of perpetual orders and fills by REST. Lists are newest first."""

from __future__ import annotations

from typing import Final

import msgspec

from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.futures_orders import FuturesOrders
from oneprice.sim.dialects.mexc.futures_private import FuturesPrivate, asked, number, page_of
from oneprice.sim.dialects.mexc.futures_shapes import FuturesShapes
from oneprice.sim.dialects.mexc.refusals import FuturesRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Refused, SimOrder
from oneprice.sim.server import SimServer

__all__ = ["FuturesQueries"]

IDS_MAX: Final = 50
_MS_MAX: Final = 2**53

_UNDER_MAINTENANCE: Final = (
    *(f"/planorder/{name}" for name in ("place", "place/v2", "cancel", "cancel_all", "change_stop_order")),
    *(f"/stoporder/{name}" for name in ("place", "cancel", "cancel_all", "change_price", "change_plan_price")),
    *(f"/trackorder/{name}" for name in ("place", "cancel", "change_order")),
    "/order/change_limit_order",
    "/order/chase_limit_order",
    "/position/reverse",
    "/position/change_margin",
    "/position/change_auto_add_im",
)
"""Trigger orders and isolated margin, which are not simulated, and what the documents themselves mark so."""


class _External(msgspec.Struct, rename="camel"):
    symbol: str = ""
    external_oid: str = ""


class FuturesQueries:
    """The handlers over the perpetual desk that change nothing."""

    def __init__(self, server: SimServer, desk: TradingDesk, shapes: FuturesShapes, orders: FuturesOrders) -> None:
        self._server = server
        self._desk = desk
        self._shapes = shapes
        self._orders = orders

    def register(self, door: FuturesPrivate) -> None:
        """Put the endpoints on the server. Open orders have an older path, too."""
        door.add("GET", "/order/get/{order_id}", self._by_id)
        door.add("GET", "/order/external/{symbol}/{external_oid}", self._by_external)
        door.add("GET", "/order/batch_query", self._by_ids)
        door.add("POST", "/order/batch_query_with_external", self._by_externals)
        for path in ("/order/list/open_orders", "/order/open_orders"):
            door.add("GET", path, self._open)
            door.add("GET", f"{path}/{{symbol}}", self._open)
        door.add("POST", "/order/open_order_total_count", self._count)
        door.add("GET", "/order/list/history_orders", self._history)
        for path in ("/order/list/close_orders", "/order/close_orders"):
            door.add("GET", path, self._history)
        door.add("GET", "/order/deal_details/{order_id}", self._deals_of_order)
        door.add("GET", "/order/list/order_deals", self._deals)
        door.add("GET", "/order/list/order_deals/v3", self._deals)
        for path in (
            "/planorder/list/orders",
            "/stoporder/list/orders",
            "/stoporder/open_orders",
            "/trackorder/list/orders",
        ):
            door.add("GET", path, lambda _: [])  # trigger orders are not simulated: there are none
        for path in _UNDER_MAINTENANCE:
            door.add("POST", path, _not_served, right="trade")
        door.add("POST", "/account/change_risk_level", _no_risk_levels, right="trade")

    # ---- orders ---------------------------------------------------------------------------------------

    def _by_id(self, signed: Signed) -> object:
        return self._shapes.order(self._orders.by_id(signed, signed.params["order_id"]))

    def _by_external(self, signed: Signed) -> object:
        listing = self._orders.listing(signed.params["symbol"])
        order = self._desk.by_client_id(signed.account, listing, signed.params["external_oid"])
        return self._shapes.order(order)

    def _by_ids(self, signed: Signed) -> object:
        """Those that are there."""
        wanted = signed.params.get("order_ids", "").split(",")
        if len(wanted) > IDS_MAX:
            raise FuturesRefusedError(2034, "The batch query quantity limit is exceeded")
        rows: list[object] = []
        for order_id in wanted:
            try:
                rows.append(self._shapes.order(self._orders.by_id(signed, order_id)))
            except Refused:
                continue
        return rows

    def _by_externals(self, signed: Signed) -> object:
        rows: list[object] = []
        for one in asked(signed, list[_External]):
            try:
                listing = self._orders.listing(one.symbol)
                rows.append(self._shapes.order(self._desk.by_client_id(signed.account, listing, one.external_oid)))
            except Refused:
                continue
        return rows

    def _open(self, signed: Signed) -> object:
        orders = self._desk.open_orders(signed.account, self._named(signed))
        return [self._shapes.order(order) for order in page_of(signed.params).cut(orders[::-1])]

    def _count(self, signed: Signed) -> object:
        return len(self._desk.open_orders(signed.account))

    def _history(self, signed: Signed) -> object:
        """Open ones too, unless `states` says otherwise (2 open, 3 completed, 4 cancelled)."""
        states = {part for part in signed.params.get("states", "").split(",") if part}
        since, until = self._times(signed)
        orders = self._desk.orders(signed.account, self._named(signed), since * 1_000_000, (until + 1) * 1_000_000 - 1)
        rows = [self._shapes.order(order) for order in orders[::-1] if self._is_wanted(signed, order)]
        return page_of(signed.params).cut([row for row in rows if not states or str(row["state"]) in states])

    def _is_wanted(self, signed: Signed, order: SimOrder) -> bool:
        order_id = signed.params.get("order_id") or signed.params.get("orderId")
        return not order_id or self._orders.by_id(signed, order_id) is order

    # ---- fills ----------------------------------------------------------------------------------------

    def _deals_of_order(self, signed: Signed) -> object:
        order = self._orders.by_id(signed, signed.params["order_id"])
        return [self._shapes.deal(fill) for fill in self._desk.fills(signed.account, order_id=order.order_id)]

    def _deals(self, signed: Signed) -> object:
        since, until = self._times(signed)
        listing = self._named(signed)
        fills = self._desk.fills(signed.account, listing, since * 1_000_000, (until + 1) * 1_000_000 - 1)
        return [self._shapes.deal(fill) for fill in page_of(signed.params).cut(fills[::-1])]

    # ---- parameters -----------------------------------------------------------------------------------

    def _named(self, signed: Signed) -> SimListing | None:
        symbol = signed.params.get("symbol")
        return self._orders.listing(symbol) if symbol else None

    def _times(self, signed: Signed) -> tuple[int, int]:
        """From and until in milliseconds; both spellings are in use."""
        params = signed.params
        since = number(params, "start_time", number(params, "startTime", 0))
        until = number(params, "end_time", number(params, "endTime", _MS_MAX))
        if since > until:
            raise FuturesRefusedError(6003, "Time range error")
        return since, until


def _not_served(_: Signed) -> object:
    raise FuturesRefusedError(604, "Sorry, this feature is under maintenance")


def _no_risk_levels(_: Signed) -> object:
    raise FuturesRefusedError(8817, "The risk limit feature has been upgraded")
