"""Spot trading: new orders, cancels, replacements, amendments, and what is asked about orders and fills."""

from collections.abc import Mapping

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance import spot_shapes as shapes
from oneprice.sim.dialects.binance.identifiers import IdMaker
from oneprice.sim.dialects.binance.operations import Call
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.quotas import OrderCounts
from oneprice.sim.dialects.binance.refusals import (
    NO_SUCH_ORDER,
    ORDER_OR_CLIENT_ID,
    SPOT_REFUSALS,
    UNKNOWN_ORDER,
    Refusal,
    RequestError,
    said,
)
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.spot_tickets import (
    ORDER_NAMES,
    SIGNING_NAMES,
    new_client_id,
    read_spot_ticket,
    response_type,
)
from oneprice.sim.floor import owner_of
from oneprice.sim.keeping import keep_newest
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Change, OrderReport, OrderState, Reason, Refused, Report, SimFill, SimOrder, Ticket
from oneprice.sim.ticket_check import check_ticket

_CANCEL_NAMES = SIGNING_NAMES | {"symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"}
_NAMES_KEPT = 100_000
_MARKET_LOTS_MAX = 9_000_000
_NOTIONAL_MAX = 9_000_000
_DAY_NS = 86_400_000_000_000


class SpotOrders:
    """Orders of the spot desk under Binance's rules.

    A cancel gives the order a new client id (its own moves to origClientOrderId); `client_id` knows it.
    """

    def __init__(self, desk: TradingDesk, counts: OrderCounts, ids: IdMaker) -> None:
        self._desk = desk
        self._counts = counts
        self._ids = ids
        self._renamed: dict[int, str] = {}
        self._by_new_name: dict[tuple[int, str, str], SimOrder] = {}
        self._amendments: dict[int, list[Fields]] = {}
        self._fresh_fills: list[SimFill] | None = None  # of the order that is being placed
        desk.listeners.append(self._hear)

    def client_id(self, order: SimOrder) -> str:
        """The order's client id as it is now."""
        return self._renamed.get(order.order_id, order.client_order_id)

    # ---- commands -------------------------------------------------------------------------------------

    def place(self, call: Call) -> object:
        """POST /order, order.place."""
        parameters = call.parameters
        parameters.only(ORDER_NAMES)
        _, listing = parameters.symbol()
        answer_type = response_type(parameters)
        ticket = read_spot_ticket(parameters, self._ids)
        _check_largest(listing, ticket)
        self._counts.check(call.account.uid)
        heard: list[SimFill] = []
        self._fresh_fills = heard
        try:
            order = self._desk.place(call.account, listing, ticket, call.now_ns)
        except Refused as refused:
            raise said(SPOT_REFUSALS, refused) from refused
        finally:
            self._fresh_fills = None
        return self._placed(order, answer_type, parameters, [fill for fill in heard if fill.order is order])

    def test(self, call: Call) -> object:
        """POST /order/test, order.test: checks parameters and filters, and goes no further."""
        parameters = call.parameters
        parameters.only(ORDER_NAMES)
        _, listing = parameters.symbol()
        response_type(parameters)
        ticket = read_spot_ticket(parameters, self._ids)
        _check_largest(listing, ticket)
        check_filters(self._desk, call.account, listing, ticket, SPOT_REFUSALS)
        if not parameters.flag("computeCommissionRates"):
            return {}
        none = {"maker": "0.00000000", "taker": "0.00000000"}
        return {
            "standardCommissionForOrder": commission_rates(self._desk, call.account),
            "specialCommissionForOrder": none,
            "taxCommissionForOrder": none,
            "discount": DISCOUNT,
        }

    def cancel(self, call: Call) -> object:
        """DELETE /order, order.cancel."""
        parameters = call.parameters
        parameters.only(_CANCEL_NAMES)
        order = self._find(call, "orderId", "origClientOrderId", UNKNOWN_ORDER)
        return self._cancel(call, order, new_client_id(parameters, "newClientOrderId", self._ids))

    def cancel_all(self, call: Call) -> object:
        """DELETE /openOrders, openOrders.cancelAll: all of a symbol."""
        _, listing = call.parameters.symbol()
        orders = self._desk.open_orders(call.account, listing)
        if not orders:
            raise RequestError(*UNKNOWN_ORDER)
        cancel_id = self._ids.client_id()
        return [self._cancel(call, order, cancel_id) for order in orders]

    def cancel_replace(self, call: Call) -> object:
        """POST /order/cancelReplace: cancels, then places. Raises RequestError -2021 or -2022 with the halves."""
        parameters = call.parameters
        mode = parameters.text("cancelReplaceMode")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise RequestError(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
        halves: Fields = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
        failed = 0
        try:
            order = self._find(call, "cancelOrderId", "cancelOrigClientOrderId", UNKNOWN_ORDER)
            cancel_id = new_client_id(parameters, "cancelNewClientOrderId", self._ids)
            halves["cancelResponse"] = self._cancel(call, order, cancel_id)
        except RequestError as refused:
            failed += 1
            halves |= {"cancelResult": "FAILURE", "cancelResponse": refused.body(), "newOrderResponse": None}
        if failed == 0 or mode == "ALLOW_FAILURE":
            try:
                halves["newOrderResponse"] = self.place(call.with_parameters(_new_half(parameters)))
                halves["newOrderResult"] = "SUCCESS"
            except RequestError as refused:
                failed += 1
                halves |= {"newOrderResult": "FAILURE", "newOrderResponse": refused.body()}
        if failed == 0:
            return halves
        if failed == 2 or halves["newOrderResult"] == "NOT_ATTEMPTED":
            raise RequestError(-2022, "Order cancel-replace failed.", data=halves)
        raise RequestError(-2021, "Order cancel-replace partially failed.", 409, data=halves)

    def amend(self, call: Call) -> object:
        """PUT /order/amend/keepPriority: a smaller quantity, the same place in the queue."""
        parameters = call.parameters
        order = self._find(call, "orderId", "origClientOrderId", NO_SUCH_ORDER)
        if order.state is not OrderState.OPEN or order.lots is None:
            raise RequestError(-2038, "Order amend rejected: the order is not open.")
        quantity = parameters.number("newQty")
        if quantity is None:
            parameters.text("newQty")
        assert quantity is not None
        present = order.lots * order.listing.lot_scale.step
        if quantity >= present:
            same = "The requested action would change no state; rejecting."
            raise RequestError(
                -2038, same if quantity == present else "Order amend (quantity increase) is not supported."
            )
        before, old_id = shapes.money(present), self.client_id(order)
        name = new_client_id(parameters, "newClientOrderId", self._ids)
        self._rename(order, name)
        try:
            self._desk.amend(order, call.now_ns, None, quantity)
        except Refused as refused:
            self._rename(order, old_id)
            raise said(SPOT_REFUSALS, refused) from refused
        row = _amendment(order, old_id, name, before, parameters)
        self._amendments.setdefault(order.order_id, []).append(row)
        keep_newest(self._amendments, _NAMES_KEPT)
        return {
            "transactTime": parameters.time(call.now_ns),
            "executionId": row["executionId"],
            "amendedOrder": _amended(order, name, parameters),
        }

    # ---- questions ------------------------------------------------------------------------------------

    def query(self, call: Call) -> object:
        """GET /order, order.status."""
        order = self._find(call, "orderId", "origClientOrderId", NO_SUCH_ORDER)
        return shapes.queried(order, self.client_id(order), call.parameters.time)

    def open_orders(self, call: Call) -> object:
        """GET /openOrders, openOrders.status."""
        found = self._desk.open_orders(call.account, call.parameters.maybe_symbol())
        return [shapes.queried(order, self.client_id(order), call.parameters.time) for order in found]

    def all_orders(self, call: Call) -> object:
        """GET /allOrders: from orderId on, or in at most 24 hours, or the newest."""
        parameters = call.parameters
        _, listing = parameters.symbol()
        start_ns, end_ns = checked_day(parameters)
        from_id, limit = parameters.whole("orderId"), parameters.limit(500, 1_000)
        found = self._desk.orders(call.account, listing, start_ns, end_ns)
        if from_id is not None:
            chosen = [order for order in found if order.order_id >= from_id][:limit]
        else:
            chosen = found[:limit] if start_ns else found[-limit:]
        return [shapes.queried(order, self.client_id(order), parameters.time) for order in chosen]

    def trades(self, call: Call) -> object:
        """GET /myTrades."""
        parameters = call.parameters
        _, listing = parameters.symbol()
        order_id, from_id = parameters.whole("orderId"), parameters.whole("fromId")
        has_times = "startTime" in parameters or "endTime" in parameters
        if has_times and not (from_id is None and order_id is None):
            raise RequestError(-1128, "Combination of optional parameters invalid.")
        start_ns, end_ns = checked_day(parameters)
        limit = parameters.limit(500, 1_000)
        after = 0 if from_id is None else from_id - 1
        found = self._desk.fills(call.account, listing, start_ns, end_ns, order_id=order_id, after_id=after)
        chosen = found[:limit] if from_id is not None or start_ns else found[-limit:]
        return [shapes.trade(fill, parameters.time) for fill in chosen]

    def amendments(self, call: Call) -> object:
        """GET /order/amendments."""
        order = self._find(call, "orderId", "origClientOrderId", NO_SUCH_ORDER)
        return self._amendments.get(order.order_id, [])

    # ---- inside ---------------------------------------------------------------------------------------

    def _placed(self, order: SimOrder, answer_type: str, parameters: Parameters, fills: list[SimFill]) -> Fields:
        time, client_id = parameters.time, self.client_id(order)
        if answer_type == "ACK":
            answer = shapes.acknowledged(order, client_id, time)
        elif answer_type == "RESULT":
            answer = shapes.placed(order, client_id, time)
        else:
            answer = shapes.filled(order, client_id, time, fills)
        for name in ("strategyId", "strategyType"):
            if (value := parameters.whole(name)) is not None and answer_type != "ACK":
                answer[name] = value
        return answer

    def _cancel(self, call: Call, order: SimOrder, cancel_id: str) -> Fields:
        parameters = call.parameters
        restriction = parameters.maybe("cancelRestrictions")
        wanted = {None: "", "ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}.get(restriction)
        if wanted is None:
            raise RequestError(-1130, "Data sent for parameter 'cancelRestrictions' is not valid.")
        if wanted and shapes.status_of(order) != wanted and order.state is OrderState.OPEN:
            raise RequestError(-2011, "Order was not canceled due to cancel restrictions.")
        if order.state is not OrderState.OPEN:
            raise RequestError(*UNKNOWN_ORDER)
        before = self._renamed.get(order.order_id)
        self._rename(order, cancel_id)
        try:
            self._desk.cancel(order, call.now_ns)
        except Refused as refused:
            self._rename(order, before or order.client_order_id)
            code, message = UNKNOWN_ORDER
            raise RequestError(code, message) from refused
        return shapes.canceled(order, cancel_id, parameters.time)

    def _rename(self, order: SimOrder, client_id: str) -> None:
        self._renamed[order.order_id] = client_id
        self._by_new_name[order.account.uid, order.listing.key, client_id] = order
        keep_newest(self._renamed, _NAMES_KEPT)
        keep_newest(self._by_new_name, _NAMES_KEPT)

    def _find(self, call: Call, id_name: str, client_id_name: str, absent: tuple[int, str]) -> SimOrder:
        """The order that orderId or origClientOrderId names; both given must name the same."""
        parameters, account = call.parameters, call.account
        _, listing = parameters.symbol()
        order_id, client_id = parameters.whole(id_name), parameters.maybe(client_id_name)
        if order_id is None and client_id is None:
            code, message = ORDER_OR_CLIENT_ID
            raise RequestError(code, message.replace("origClientOrderId", client_id_name).replace("orderId", id_name))
        try:
            if order_id is not None:
                order = self._desk.order(account, order_id)
                named = client_id is None or client_id in (order.client_order_id, self.client_id(order))
                if order.listing is not listing or not named:
                    raise RequestError(*absent)
                return order
            assert client_id is not None
            return self._by_name(account, listing, client_id)
        except Refused as refused:
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise said(SPOT_REFUSALS, refused) from refused
            raise RequestError(*absent) from refused

    def _by_name(self, account: Account, listing: SimListing, client_id: str) -> SimOrder:
        renamed = self._by_new_name.get((account.uid, listing.key, client_id))
        return renamed if renamed is not None else self._desk.by_client_id(account, listing, client_id)

    def _hear(self, report: Report) -> None:
        """Count the order; its first fill takes it off the count of unfilled ones again."""
        if not isinstance(report, OrderReport):
            return
        if report.change is Change.NEW:
            self._counts.add(report.order.account.uid)
        elif report.fill is not None:
            if self._fresh_fills is not None:
                self._fresh_fills.append(report.fill)
            if report.order.filled_lots == report.fill.lots:
                self._counts.filled(report.order.account.uid)


DISCOUNT: Fields = {
    "enabledForAccount": False,
    "enabledForSymbol": False,
    "discountAsset": "BNB",
    "discount": "0.00000000",
}


def commission_rates(desk: TradingDesk, account: Account, listing: SimListing | None = None) -> Fields:
    """Maker and taker fee of an account, in a listing or as a rule."""
    key = desk.wallet if listing is None else listing.key
    rows = (("maker", account.maker_fees, desk.rules.maker_fee), ("taker", account.taker_fees, desk.rules.taker_fee))
    return {name: shapes.money(own.get(key, own.get(desk.wallet, rule))) for name, own, rule in rows}


def check_filters(
    desk: TradingDesk, account: Account, listing: SimListing, ticket: Ticket, table: Mapping[Reason, Refusal]
) -> None:
    """What test orders are checked for: everything before the matching. Raises RequestError."""
    try:
        check_ticket(listing, ticket, desk.rules, desk.mark_price(listing), owner_of(account))
    except Refused as refused:
        raise said(table, refused, f"{listing.instrument.min_notional:f}") from refused


def _check_largest(listing: SimListing, ticket: Ticket) -> None:
    """The filters' upper ends that are not of the lot: MARKET_LOT_SIZE and NOTIONAL."""
    if ticket.quantity is None:
        return
    if ticket.price is None and ticket.quantity > listing.instrument.lot * _MARKET_LOTS_MAX:
        raise RequestError(-1013, "Filter failure: MARKET_LOT_SIZE")
    if ticket.price is not None and ticket.price * ticket.quantity > _NOTIONAL_MAX:
        raise RequestError(-1013, "Filter failure: NOTIONAL")


def checked_day(parameters: Parameters) -> tuple[int, int | None]:
    """startTime and endTime, at most a day apart."""
    start_ns, end_ns = parameters.window()
    if start_ns and end_ns is not None and end_ns - start_ns > _DAY_NS + 1_000_000:
        raise RequestError(-1127, "More than 24 hours between startTime and endTime.")
    return start_ns, end_ns


def _new_half(parameters: Parameters) -> Parameters:
    """What of a cancelReplace makes the new order."""
    kept = {name: value for name, value in parameters.values.items() if name in ORDER_NAMES}
    return parameters.replaced(kept)


def _amendment(order: SimOrder, old_id: str, new_id: str, before: str, parameters: Parameters) -> Fields:
    return {
        "symbol": parameters.text("symbol"),
        "orderId": order.order_id,
        "executionId": order.version,
        "origClientOrderId": old_id,
        "newClientOrderId": new_id,
        "origQty": before,
        "newQty": shapes.money((order.lots or 0) * order.listing.lot_scale.step),
        "time": parameters.time(order.updated_ns),
    }


def _amended(order: SimOrder, client_id: str, parameters: Parameters) -> Fields:
    row = shapes.queried(order, client_id, parameters.time)
    return {
        "symbol": row["symbol"],
        "orderId": order.order_id,
        "orderListId": -1,
        "origClientOrderId": order.client_order_id,
        "clientOrderId": client_id,
        "price": row["price"],
        "qty": row["origQty"],
        "executedQty": row["executedQty"],
        "preventedQty": "0.00000000",
        "quoteOrderQty": row["origQuoteOrderQty"],
        "cumulativeQuoteQty": row["cummulativeQuoteQty"],
        "status": row["status"],
        "timeInForce": row["timeInForce"],
        "type": row["type"],
        "side": row["side"],
        "workingTime": row["workingTime"],
        "selfTradePreventionMode": row["selfTradePreventionMode"],
    }
