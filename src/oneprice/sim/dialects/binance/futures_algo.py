"""Conditional futures orders (/fapi/v1/algoOrder): stops, take profits and trailing stops, which live beside the desk.

They hold no margin. When the price is reached a plain order is placed, which may be refused like any other.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance.futures_orders import CANCELED_ALL
from oneprice.sim.dialects.binance.futures_shapes import average_text, lots_text
from oneprice.sim.dialects.binance.futures_tickets import check_position_side, read_price, read_quantity
from oneprice.sim.dialects.binance.identifiers import IdMaker, check_client_id
from oneprice.sim.dialects.binance.operations import Call
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.quotas import OrderCounts
from oneprice.sim.dialects.binance.refusals import (
    FUTURES_REFUSALS,
    NO_SUCH_ORDER,
    UNKNOWN_ORDER,
    RequestError,
    missing,
    not_required,
)
from oneprice.sim.dialects.binance.rules import symbol_of
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.spot_shapes import SELF_TRADE_NAMES
from oneprice.sim.dialects.binance.spot_tickets import read_self_trade, read_side
from oneprice.sim.engine import SelfTrade, Side, TimeInForce, TradePrint
from oneprice.sim.keeping import keep_newest
from oneprice.sim.market import SimListing
from oneprice.sim.orders import OrderState, Refused, SimOrder, Ticket

_LIMITS = ("STOP", "TAKE_PROFIT")
_MARKETS = ("STOP_MARKET", "TAKE_PROFIT_MARKET")
_TRAILING = "TRAILING_STOP_MARKET"
_TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.POST_ONLY,
}
_KEPT = 10_000


Tell = Callable[[Account, Fields], None]


class AlgoOrder:
    """One conditional order. `trigger` is its price; a trailing one gets it from `extreme`, the best price since it
    became active, and `callback`, a fraction."""

    def __init__(self, algo_id: int, call: Call, listing: SimListing, client_id: str) -> None:
        parameters = call.parameters
        self.algo_id = algo_id
        self.client_id = client_id
        self.account = call.account
        self.listing = listing
        self.kind = parameters.text("type")
        self.side = read_side(parameters)
        self.force = parameters.maybe("timeInForce") or "GTC"
        self.by_mark = parameters.maybe("workingType") == "MARK_PRICE"
        self.closes = parameters.flag("closePosition")
        self.reduce_only = parameters.flag("reduceOnly")
        self.self_trade: SelfTrade = read_self_trade(parameters)
        self.quantity: Decimal | None = None
        self.price: Decimal | None = None
        self.trigger: Decimal | None = None
        self.activation: Decimal | None = None
        self.callback: Decimal | None = None
        self.extreme: Decimal | None = None
        self.status = "NEW"
        self.failure = ""
        self.order: SimOrder | None = None
        self.created_ns = self.updated_ns = call.now_ns
        self.triggered_ns = 0

    @property
    def is_open(self) -> bool:
        """Whether it still waits for its price."""
        return self.status == "NEW"

    def is_reached(self, price: Decimal) -> bool:
        """Whether the price triggers it; a trailing order follows the price here."""
        buys = self.side is Side.BUY
        if self.kind == _TRAILING:
            return self._trails(price, buys)
        assert self.trigger is not None, "every other type has its price"
        upwards = buys if self.kind in ("STOP", "STOP_MARKET") else not buys
        return price >= self.trigger if upwards else price <= self.trigger

    def _trails(self, price: Decimal, buys: bool) -> bool:
        assert self.callback is not None, "trailing orders have their rate"
        if self.extreme is None:
            if self.activation is not None and (price > self.activation if buys else price < self.activation):
                return False
            self.extreme = price
        self.extreme = min(self.extreme, price) if buys else max(self.extreme, price)
        edge = self.extreme * (1 + self.callback if buys else 1 - self.callback)
        return price >= edge if buys else price <= edge


class FuturesAlgos:
    """All conditional orders. Trades make them due, and `tick` places those; it also looks at the mark prices."""

    def __init__(self, desk: TradingDesk, counts: OrderCounts, ids: IdMaker, tell: Tell) -> None:
        self._desk = desk
        self._counts = counts
        self._ids = ids
        self._tell = tell
        self._orders: dict[int, AlgoOrder] = {}
        self._waiting: dict[int, AlgoOrder] = {}
        self._due: dict[int, AlgoOrder] = {}
        self._working: dict[int, AlgoOrder] = {}
        for listing in desk.market.listings.values():
            listing.on_trade.append(partial(self._hear, listing))
        self._next_id = desk.market.now_ns // 1_000_000_000

    # ---- commands -------------------------------------------------------------------------------------

    def place(self, call: Call) -> object:
        """POST /algoOrder, algoOrder.place."""
        parameters = call.parameters
        if parameters.text("algoType") != "CONDITIONAL":
            raise RequestError(-1130, "Data sent for parameter 'algoType' is not valid.")
        _, listing = parameters.symbol()
        check_position_side(parameters, call.account)
        name = parameters.maybe("clientAlgoId")
        client_id = self._ids.client_id() if name is None else check_client_id("clientAlgoId", name, is_spot=False)
        if any(one.client_id == client_id and one.account is call.account for one in self._waiting.values()):
            raise RequestError(-4116, "ClientOrderId is duplicated.")
        order = AlgoOrder(self._next_id, call, listing, client_id)
        _read_prices(order, parameters)
        if order.is_reached(self._price(order)):
            raise RequestError(-2021, "Order would immediately trigger.")
        self._counts.check(call.account.uid)
        self._counts.add(call.account.uid)
        self._next_id += 1
        self._orders[order.algo_id] = self._waiting[order.algo_id] = order
        keep_newest(self._orders, _KEPT)
        self._say(order)
        return _row(order)

    def cancel(self, call: Call) -> object:
        """DELETE /algoOrder, algoOrder.cancel."""
        order = self._find(call, UNKNOWN_ORDER)
        if not order.is_open:
            raise RequestError(*UNKNOWN_ORDER)
        self._end(order, "CANCELED", call.now_ns)
        return {"algoId": order.algo_id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def cancel_all(self, call: Call) -> object:
        """DELETE /algoOpenOrders of a symbol."""
        _, listing = call.parameters.symbol()
        for order in list(self._waiting.values()):
            if order.account is call.account and order.listing is listing:
                self._end(order, "CANCELED", call.now_ns)
        return CANCELED_ALL

    # ---- questions ------------------------------------------------------------------------------------

    def query(self, call: Call) -> object:
        """GET /algoOrder."""
        return _row(self._find(call, NO_SUCH_ORDER))

    def open_orders(self, call: Call) -> object:
        """GET /openAlgoOrders."""
        wanted = call.parameters.maybe_symbol()
        return [
            _row(order)
            for order in self._waiting.values()
            if order.account is call.account and wanted in (None, order.listing)
        ]

    def all_orders(self, call: Call) -> object:
        """GET /allAlgoOrders."""
        _, listing = call.parameters.symbol()
        start_ns, end_ns = call.parameters.window()
        found = [
            order
            for order in self._orders.values()
            if order.account is call.account
            and order.listing is listing
            and start_ns <= order.created_ns
            and (end_ns is None or order.created_ns <= end_ns)
        ]
        return [_row(order) for order in found[-call.parameters.limit(500, 1_000) :]]

    # ---- time -----------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        """Place what is due, and tell of what is finished."""
        for order in self._waiting.values():
            if order.by_mark and order.is_reached(self._price(order)):
                self._due[order.algo_id] = order
        due, self._due = self._due, {}
        for order in due.values():
            if order.is_open:
                self._trigger(order, now_ns)
        for algo_id, order in list(self._working.items()):
            assert order.order is not None, "what works has an order"
            if order.order.state is not OrderState.OPEN:
                del self._working[algo_id]
                order.status, order.updated_ns = "FINISHED", now_ns
                self._say(order)

    def _hear(self, listing: SimListing, trade: TradePrint) -> None:
        """Every trade counts, but while the engine matches nothing can be placed."""
        for order in self._waiting.values():
            if order.listing is listing and not order.by_mark:
                price = listing.price_scale.value(trade.price_ticks)
                if order.algo_id not in self._due and order.is_reached(price):
                    self._due[order.algo_id] = order

    def _trigger(self, order: AlgoOrder, now_ns: int) -> None:
        del self._waiting[order.algo_id]
        order.triggered_ns = order.updated_ns = now_ns
        try:
            order.order = self._desk.place(order.account, order.listing, _ticket(order), now_ns)
        except Refused as refused:
            order.status, order.failure = "REJECTED", FUTURES_REFUSALS[refused.reason][1]
        else:
            order.status = "TRIGGERED"
            self._working[order.algo_id] = order
        self._say(order)

    def _end(self, order: AlgoOrder, status: str, now_ns: int) -> None:
        del self._waiting[order.algo_id]
        order.status, order.updated_ns = status, now_ns
        self._say(order)

    # ---- inside ---------------------------------------------------------------------------------------

    def _price(self, order: AlgoOrder) -> Decimal:
        """The price that triggers: the mark or the last trade."""
        listing = order.listing
        if order.by_mark or not listing.trades:
            return self._desk.mark_price(listing)
        return listing.price_scale.value(listing.trades[-1].price_ticks)

    def _find(self, call: Call, absent: tuple[int, str]) -> AlgoOrder:
        algo_id, client_id = call.parameters.whole("algoId"), call.parameters.maybe("clientAlgoId")
        if algo_id is None and client_id is None:
            raise RequestError(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
        for order in reversed(self._orders.values()):
            if order.account is call.account and (order.algo_id == algo_id or order.client_id == client_id):
                return order
        raise RequestError(*absent)

    def _say(self, order: AlgoOrder) -> None:
        """ALGO_UPDATE."""
        at_ms = order.updated_ns // 1_000_000
        row, actual = _row(order), order.order
        inner: Fields = {
            "caid": order.client_id,
            "aid": order.algo_id,
            "at": "CONDITIONAL",
            "o": order.kind,
            "s": row["symbol"],
            "S": row["side"],
            "ps": "BOTH",
            "f": order.force,
            "q": row["quantity"],
            "X": order.status,
            "ai": "" if actual is None else str(actual.order_id),
            "ap": "0.00000" if actual is None else average_text(actual),
            "aq": "0.00000" if actual is None else lots_text(order.listing, actual.filled_lots),
            "act": "0" if actual is None else row["actualType"],
            "tp": row["triggerPrice"],
            "p": row["price"],
            "V": row["selfTradePreventionMode"],
            "wt": row["workingType"],
            "pm": "NONE",
            "cp": order.closes,
            "pP": False,
            "R": order.reduce_only,
            "tt": row["triggerTime"],
            "gtd": 0,
            "rm": order.failure,
        }
        self._tell(order.account, {"e": "ALGO_UPDATE", "T": at_ms, "E": at_ms, "o": inner})


def _read_prices(order: AlgoOrder, parameters: Parameters) -> None:
    if order.kind not in (*_LIMITS, *_MARKETS, _TRAILING):
        raise RequestError(-1116, "Invalid orderType.")
    if order.force not in _TIMES_IN_FORCE:
        raise RequestError(-1115, "Invalid timeInForce.")
    if order.closes:
        if order.kind not in _MARKETS:
            raise RequestError(-4136, f"Target strategy invalid for orderType {order.kind},closePosition true.")
        if "quantity" in parameters:
            raise RequestError(-4137, "Quantity must be zero with closePosition equals true")
    else:
        order.quantity = read_quantity(parameters, order.listing)
    if order.kind in _LIMITS:
        order.price = read_price(parameters, order.listing)
    elif "price" in parameters:
        raise not_required("price")
    if order.kind != _TRAILING:
        order.trigger = parameters.number("triggerPrice")
        if not order.trigger:
            raise missing("triggerPrice")
        return
    rate = parameters.number("callbackRate")
    if rate is None:
        raise missing("callbackRate")
    if not Decimal("0.1") <= rate <= 10:
        raise RequestError(-2007, "Invalid callBack rate")
    order.callback, order.activation = rate / 100, parameters.number("activatePrice")


def _ticket(order: AlgoOrder) -> Ticket:
    quantity = order.quantity
    if order.closes:
        quantity = order.listing.base_amount(abs(order.account.position(order.listing.key).lots))
    return Ticket(
        side=order.side,
        quantity=quantity,
        price=order.price,
        time_in_force=TimeInForce.GTC if order.price is None else _TIMES_IN_FORCE[order.force],
        client_order_id=order.client_id,
        reduce_only=order.reduce_only or order.closes,
        self_trade=order.self_trade,
    )


def _row(order: AlgoOrder) -> Fields:
    actual = order.order
    row: Fields = {
        "algoId": order.algo_id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.kind,
        "symbol": symbol_of(order.listing),
        "side": "BUY" if order.side is Side.BUY else "SELL",
        "positionSide": "BOTH",
        "timeInForce": order.force,
        "quantity": f"{order.quantity or Decimal(0):f}",
        "algoStatus": order.status,
        "actualOrderId": "" if actual is None else str(actual.order_id),
        "actualPrice": "0.00000" if actual is None else average_text(actual),
        "actualType": "" if actual is None else ("MARKET" if actual.is_market else "LIMIT"),
        "actualQty": "0" if actual is None else lots_text(order.listing, actual.filled_lots),
        "triggerPrice": f"{order.trigger or Decimal(0):f}",
        "price": f"{order.price or Decimal(0):f}",
        "icebergQuantity": None,
        "tpOrderType": "",
        "selfTradePreventionMode": SELF_TRADE_NAMES[order.self_trade],
        "workingType": "MARK_PRICE" if order.by_mark else "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": order.closes,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "createTime": order.created_ns // 1_000_000,
        "updateTime": order.updated_ns // 1_000_000,
        "triggerTime": order.triggered_ns // 1_000_000,
        "goodTillDate": 0,
    }
    if order.callback is not None:
        row |= {
            "callbackRate": f"{order.callback * 100:f}",
            "activatePrice": f"{order.activation or Decimal(0):f}",
        }
    return row
