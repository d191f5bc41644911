"""Futures trading: new orders, batches, changes and cancels, and what is asked about orders and fills."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import unquote

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance import futures_shapes as shapes
from oneprice.sim.dialects.binance.futures_shapes import NO_EXTRAS, Extras
from oneprice.sim.dialects.binance.futures_tickets import (
    read_futures_ticket,
    read_price,
    read_quantity,
    response_type,
)
from oneprice.sim.dialects.binance.identifiers import IdMaker
from oneprice.sim.dialects.binance.operations import Call
from oneprice.sim.dialects.binance.quotas import OrderCounts
from oneprice.sim.dialects.binance.refusals import (
    FUTURES_REFUSALS,
    NO_SUCH_ORDER,
    NOT_MODELLED,
    ORDER_OR_CLIENT_ID,
    UNKNOWN_ORDER,
    RequestError,
    missing,
    said,
)
from oneprice.sim.dialects.binance.rules import PRICE_TICKS_MAX, PRICE_TICKS_MIN, symbol_of
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.spot_orders import check_filters
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.keeping import keep_newest
from oneprice.sim.market import SimListing
from oneprice.sim.orders import EndedBy, OrderState, Reason, Refused, SimOrder

_BATCH_MAX = 5
_CANCELS_MAX = 10
_MODIFIED_MAX = 10_000
_AMENDED_KEPT = 1_000
_EXTRAS_KEPT = 100_000
_MARKET_LOTS_MAX = 120_000
_BAND = Decimal("0.05")
CANCELED_ALL = {"code": 200, "msg": "The operation of cancel all open order is done."}


class FuturesOrders:
    """Orders of the perpetuals' desk under Binance's rules. `tick` ends GTD orders whose time has come."""

    def __init__(self, desk: TradingDesk, counts: OrderCounts, ids: IdMaker) -> None:
        self._desk = desk
        self._counts = counts
        self._ids = ids
        self._extras: dict[int, Extras] = {}
        self._coming = ("", NO_EXTRAS)  # of the order that is being placed, by its client id: it has no number yet
        self._timed: dict[int, SimOrder] = {}
        self._amendments: dict[int, list[Fields]] = {}

    def extras(self, order: SimOrder) -> Extras:
        """What the order was sent with."""
        client_id, coming = self._coming
        return self._extras.get(order.order_id, coming if order.client_order_id == client_id else NO_EXTRAS)

    def tick(self, now_ns: int) -> None:
        """End the GTD orders whose time has come."""
        for order_id, order in list(self._timed.items()):
            if order.state is not OrderState.OPEN:
                del self._timed[order_id]
            elif now_ns >= self.extras(order).good_till_ms * 1_000_000:
                del self._timed[order_id]
                self._desk.cancel(order, now_ns, EndedBy.VENUE)

    # ---- commands -------------------------------------------------------------------------------------

    def place(self, call: Call) -> object:
        """POST /order, order.place. ACK tells the order as it came in, RESULT what became of it at once."""
        answer_type = response_type(call.parameters)
        _, listing = call.parameters.symbol()
        ticket, extras = read_futures_ticket(
            call.parameters, call.account, listing, self._ids, call.now_ns // 1_000_000
        )
        if call.account.hedge_mode:
            raise RequestError(*NOT_MODELLED)
        self._check_price(listing, ticket.side, ticket.price)
        if ticket.price is None and (ticket.quantity or 0) > listing.instrument.lot * _MARKET_LOTS_MAX:
            raise RequestError(*FUTURES_REFUSALS[Reason.MAX_QUANTITY])
        self._counts.check(call.account.uid)
        self._counts.add(call.account.uid)
        self._coming = (ticket.client_order_id, extras)
        try:
            order = self._desk.place(call.account, listing, ticket, call.now_ns)
        except Refused as refused:
            raise self._said(refused, listing) from refused
        finally:
            self._coming = ("", NO_EXTRAS)
        if extras != NO_EXTRAS:
            self._extras[order.order_id] = extras
            keep_newest(self._extras, _EXTRAS_KEPT)
        if extras.good_till_ms and order.state is OrderState.OPEN:
            self._timed[order.order_id] = order
        waits = order.is_market or order.time_in_force is not TimeInForce.GTC
        return shapes.commanded(order, extras, before_matching=answer_type == "ACK" or not waits)

    def test(self, call: Call) -> object:
        """POST /order/test: checks the parameters; the answer is an order that was never placed."""
        response_type(call.parameters)
        symbol, listing = call.parameters.symbol()
        ticket, extras = read_futures_ticket(
            call.parameters, call.account, listing, self._ids, call.now_ns // 1_000_000
        )
        self._check_price(listing, ticket.side, ticket.price)
        check_filters(self._desk, call.account, listing, ticket, FUTURES_REFUSALS)
        return {
            "orderId": 0,
            "symbol": symbol,
            "status": "NEW",
            "clientOrderId": ticket.client_order_id,
            "price": f"{ticket.price or 0:f}",
            "origQty": f"{ticket.quantity or 0:f}",
            "executedQty": "0",
            "cumQty": "0",
            "timeInForce": call.parameters.values.get("timeInForce", "GTC"),
            "type": call.parameters.text("type"),
            "reduceOnly": ticket.reduce_only,
            "closePosition": False,
            "side": call.parameters.text("side"),
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "origType": call.parameters.text("type"),
            "priceMatch": extras.price_match,
            "selfTradePreventionMode": "NONE",
            "goodTillDate": extras.good_till_ms,
            "updateTime": call.now_ns // 1_000_000,
        }

    def place_batch(self, call: Call) -> object:
        """POST /batchOrders: each element is an order or an error; HTTP is 200 even when all failed."""
        return self._batch(call, self.place)

    def modify_batch(self, call: Call) -> object:
        """PUT /batchOrders."""
        return self._batch(call, self.modify)

    def modify(self, call: Call) -> object:
        """PUT /order, order.modify: a new price and quantity. A GTX order that would take is cancelled, and so is one
        whose new quantity is no more than what is filled."""
        parameters = call.parameters
        order = self._find(call, UNKNOWN_ORDER)
        listing = order.listing
        if order.state is not OrderState.OPEN or order.is_market:
            raise RequestError(*UNKNOWN_ORDER)
        if (side := parameters.maybe("side")) is not None and side != shapes.side_text(order):
            raise RequestError(-1117, "Invalid side.")
        price, quantity = read_price(parameters, listing), read_quantity(parameters, listing)
        self._check_price(listing, order.side, price)
        before = (order.price_ticks, order.lots)
        extras = self.extras(order)
        if extras.modified >= _MODIFIED_MAX:
            raise RequestError(-5026, "Exceed maximum modify order limit.")
        if order.price_ticks == price / listing.instrument.tick and order.lots == quantity / listing.base_amount(1):
            raise RequestError(-5027, "No need to modify the order.")
        self._counts.check(call.account.uid)
        self._counts.add(call.account.uid)
        try:
            self._desk.amend(order, call.now_ns, price, quantity)
        except Refused as refused:
            has_left = quantity > listing.base_amount(order.filled_lots)
            if refused.reason is not Reason.WOULD_TAKE and has_left:
                raise self._said(refused, listing) from refused
            self._desk.cancel(order, call.now_ns)
        self._extras[order.order_id] = msgspec.structs.replace(extras, modified=extras.modified + 1)
        keep_newest(self._extras, _EXTRAS_KEPT)
        self._remember(order, before, call.now_ns)
        return shapes.commanded(order, self.extras(order))

    def cancel(self, call: Call) -> object:
        """DELETE /order, order.cancel. The client id stays as it is."""
        return self._cancel(call, self._find(call, UNKNOWN_ORDER))

    def cancel_batch(self, call: Call) -> object:
        """DELETE /batchOrders by orderIdList or origClientOrderIdList, which ccxt writes in lower case."""
        parameters = call.parameters
        symbol, _ = parameters.symbol()
        by_id = _listed(parameters.values, "orderIdList")
        by_name = _listed(parameters.values, "origClientOrderIdList")
        if not by_id and not by_name:
            raise missing("orderIdList")
        if len(by_id) + len(by_name) > _CANCELS_MAX:
            raise RequestError(-4082, "Invalid number of batch orders.")
        wishes = [{"symbol": symbol, "orderId": str(value)} for value in by_id]
        wishes += [{"symbol": symbol, "origClientOrderId": str(value)} for value in by_name]
        return [_answered(self.cancel, call.with_parameters(parameters.replaced(wish))) for wish in wishes]

    def cancel_all(self, call: Call) -> object:
        """DELETE /allOpenOrders of a symbol; fine with none."""
        _, listing = call.parameters.symbol()
        self._desk.cancel_all(call.account, listing, call.now_ns)
        return CANCELED_ALL

    def countdown(self, call: Call) -> object:
        """POST /countdownCancelAll: cancels a symbol's orders unless it is called again in time; 0 stops it."""
        symbol, listing = call.parameters.symbol()
        parts = call.parameters.text("countdownTime")
        after_ms = call.parameters.whole("countdownTime")
        assert after_ms is not None
        until_ns = call.now_ns + after_ms * 1_000_000 if after_ms else None
        self._desk.countdown(call.account, listing, until_ns, call.now_ns)
        return {"symbol": symbol, "countdownTime": parts}

    # ---- questions ------------------------------------------------------------------------------------

    def query(self, call: Call) -> object:
        """GET /order, order.status."""
        order = self._find(call, NO_SUCH_ORDER)
        return shapes.queried(order, self.extras(order))

    def open_order(self, call: Call) -> object:
        """GET /openOrder."""
        order = self._find(call, NO_SUCH_ORDER)
        if order.state is not OrderState.OPEN:
            raise RequestError(*NO_SUCH_ORDER)
        return shapes.queried(order, self.extras(order))

    def open_orders(self, call: Call) -> object:
        """GET /openOrders."""
        found = self._desk.open_orders(call.account, call.parameters.maybe_symbol())
        return [shapes.queried(order, self.extras(order)) for order in found]

    def all_orders(self, call: Call) -> object:
        """GET /allOrders: from orderId on, or of a window, or the newest."""
        _, listing = call.parameters.symbol()
        start_ns, end_ns = call.parameters.window()
        from_id, limit = call.parameters.whole("orderId"), call.parameters.limit(500, 1_000)
        found = self._desk.orders(call.account, listing, start_ns, end_ns)
        if from_id is not None:
            chosen = [order for order in found if order.order_id >= from_id][:limit]
        else:
            chosen = found[:limit] if start_ns else found[-limit:]
        return [shapes.queried(order, self.extras(order)) for order in chosen]

    def trades(self, call: Call) -> object:
        """GET /userTrades."""
        parameters = call.parameters
        _, listing = parameters.symbol()
        from_id, order_id = parameters.whole("fromId"), parameters.whole("orderId")
        if from_id is not None and ("startTime" in parameters or "endTime" in parameters):
            raise RequestError(-1128, "Combination of optional parameters invalid.")
        start_ns, end_ns = parameters.window()
        limit, after = parameters.limit(500, 1_000), 0 if from_id is None else from_id - 1
        found = self._desk.fills(call.account, listing, start_ns, end_ns, order_id=order_id, after_id=after)
        chosen = found[:limit] if from_id is not None or start_ns else found[-limit:]
        return [shapes.trade(fill) for fill in chosen]

    def amendments(self, call: Call) -> object:
        """GET /orderAmendment, newest first."""
        order = self._find(call, NO_SUCH_ORDER)
        return list(reversed(self._amendments.get(order.order_id, [])))[: call.parameters.limit(50, 100)]

    # ---- inside ---------------------------------------------------------------------------------------

    def _batch(self, call: Call, command: Callable[[Call], object]) -> list[object]:
        rows = _batch_rows(call.parameters.text("batchOrders"))
        if not 0 < len(rows) <= _BATCH_MAX:
            raise RequestError(-4082, "Invalid number of batch orders.")
        return [_answered(command, call.with_parameters(call.parameters.replaced(row))) for row in rows]

    def _cancel(self, call: Call, order: SimOrder) -> Fields:
        try:
            self._desk.cancel(order, call.now_ns)
        except Refused as refused:
            raise RequestError(*UNKNOWN_ORDER) from refused
        return shapes.commanded(order, self.extras(order))

    def _check_price(self, listing: SimListing, side: Side, price: Decimal | None) -> None:
        """PRICE_FILTER's ends, and PERCENT_PRICE, which has one side: what buys may not be far above the mark, what
        sells not far below."""
        if price is None:
            return
        tick, mark = listing.instrument.tick, self._desk.mark_price(listing)
        if price < tick * PRICE_TICKS_MIN:
            raise RequestError(-4013, "Price less than min price.")
        if price > tick * PRICE_TICKS_MAX:
            raise RequestError(-4002, "Price greater than max price.")
        if side is Side.BUY and price > (highest := mark * (1 + _BAND)):
            raise RequestError(-4016, f"Limit price can't be higher than {highest:.2f}.")
        if side is Side.SELL and price < (lowest := mark * (1 - _BAND)):
            raise RequestError(-4024, f"Limit price can't be lower than {lowest:.2f}.")

    def _said(self, refused: Refused, listing: SimListing) -> RequestError:
        if refused.reason is Reason.MIN_NOTIONAL:
            return said(FUTURES_REFUSALS, refused, f"{listing.instrument.min_notional:f}")
        return said(FUTURES_REFUSALS, refused)

    def _find(self, call: Call, absent: tuple[int, str]) -> SimOrder:
        _, listing = call.parameters.symbol()
        order_id, client_id = call.parameters.whole("orderId"), call.parameters.maybe("origClientOrderId")
        if order_id is None and client_id is None:
            raise RequestError(*ORDER_OR_CLIENT_ID)
        try:
            order = self._named(call.account, listing, order_id, client_id or "")
        except Refused as refused:
            raise RequestError(*absent) from refused
        if order.listing is not listing:
            raise RequestError(*absent)
        return order

    def _named(self, account: Account, listing: SimListing, order_id: int | None, client_id: str) -> SimOrder:
        if order_id is not None:
            return self._desk.order(account, order_id)
        return self._desk.by_client_id(account, listing, client_id)

    def _remember(self, order: SimOrder, before: tuple[int | None, int | None], now_ns: int) -> None:
        listing, (price_ticks, lots) = order.listing, before
        rows = self._amendments.setdefault(order.order_id, [])
        keep_newest(self._amendments, _AMENDED_KEPT)
        rows.append(
            {
                "amendmentId": len(rows) + 1,
                "symbol": symbol_of(listing),
                "pair": symbol_of(listing),
                "orderId": order.order_id,
                "clientOrderId": order.client_order_id,
                "time": now_ns // 1_000_000,
                "amendment": {
                    "price": {
                        "before": shapes.price_text(listing, price_ticks),
                        "after": shapes.price_text(listing, order.price_ticks),
                    },
                    "origQty": {
                        "before": shapes.lots_text(listing, lots or 0),
                        "after": shapes.lots_text(listing, order.lots or 0),
                    },
                    "count": len(rows) + 1,
                },
            }
        )


def _answered(command: Callable[[Call], object], call: Call) -> object:
    """What the command answers, or its error: an element of a batch."""
    try:
        return command(call)
    except RequestError as refused:
        return refused.body()


def _batch_rows(text: str) -> list[dict[str, str]]:
    """The JSON list of a batch, each value as text. Numbers keep the digits that were sent."""
    try:
        rows = _DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise RequestError(-1130, "Data sent for parameter 'batchOrders' is not valid.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RequestError(-1130, "Data sent for parameter 'batchOrders' is not valid.")
    return [{name: _text(value) for name, value in row.items() if value is not None} for row in rows]


_DECODER = msgspec.json.Decoder(float_hook=str)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _listed(values: Mapping[str, str], name: str) -> list[object]:
    """A JSON list of ids under its name or that in lower case."""
    text = values.get(name) or values.get(name.lower())
    if not text:
        return []
    try:
        found = msgspec.json.decode(unquote(text))
    except msgspec.DecodeError as error:
        raise RequestError(-1130, f"Data sent for parameter '{name}' is not valid.") from error
    if not isinstance(found, list):
        raise RequestError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return found
