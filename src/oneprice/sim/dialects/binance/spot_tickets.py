"""A spot order as a client writes it, checked and read into a Ticket (POST /api/v3/order and its like)."""

from decimal import Decimal

from oneprice.sim.dialects.binance.identifiers import IdMaker, check_client_id
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.refusals import RequestError, missing, not_required
from oneprice.sim.dialects.binance.rules import SPOT_DECIMALS
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.orders import Ticket

SIGNING_NAMES = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits"})
ORDER_NAMES = SIGNING_NAMES | {
    "symbol",
    "side",
    "type",
    "timeInForce",
    "quantity",
    "quoteOrderQty",
    "price",
    "newClientOrderId",
    "strategyId",
    "strategyType",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
    "newOrderRespType",
    "selfTradePreventionMode",
    "pegPriceType",
    "pegOffsetValue",
    "pegOffsetType",
    "computeCommissionRates",
}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_SELF_TRADE = {
    "NONE": SelfTrade.NONE,
    "EXPIRE_TAKER": SelfTrade.CANCEL_TAKER,
    "EXPIRE_MAKER": SelfTrade.CANCEL_MAKER,
    "EXPIRE_BOTH": SelfTrade.CANCEL_BOTH,
}
_ABSENT_TYPES = {
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
_ABSENT_PARAMETERS = {
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
    "stopPrice": "Stop loss orders are not supported for this symbol.",
    "pegPriceType": "Pegged orders are not supported for this symbol.",
}
_RESPONSES = ("ACK", "RESULT", "FULL")


def read_spot_ticket(parameters: Parameters, ids: IdMaker) -> Ticket:
    """Raises RequestError with the venue's code for what is missing, malformed or does not go together."""
    side = read_side(parameters)
    kind = parameters.text("type")
    _refuse_absent(parameters, kind)
    if kind not in ("LIMIT", "LIMIT_MAKER", "MARKET"):
        raise RequestError(-1116, "Invalid orderType.")
    price = _decimal(parameters, "price")
    quantity = _decimal(parameters, "quantity")
    quote_quantity = _decimal(parameters, "quoteOrderQty")
    if kind == "MARKET":
        if price is not None:
            raise not_required("price")
        if "timeInForce" in parameters:
            raise not_required("timeInForce")
        if quantity is None and quote_quantity is None:
            raise RequestError(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        if quantity is not None and quote_quantity is not None:
            raise RequestError(-1128, "Combination of optional parameters invalid.")
    else:
        if quote_quantity is not None:
            raise not_required("quoteOrderQty")
        for name, value in (("quantity", quantity), ("price", price)):
            if value is None:
                raise missing(name)
    return Ticket(
        side=side,
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=price,
        time_in_force=_time_in_force(parameters, kind),
        client_order_id=new_client_id(parameters, "newClientOrderId", ids),
        self_trade=read_self_trade(parameters),
    )


def read_side(parameters: Parameters) -> Side:
    """`side`, in both markets."""
    side = _SIDES.get(parameters.text("side"))
    if side is None:
        raise RequestError(-1117, "Invalid side.")
    return side


def read_self_trade(parameters: Parameters) -> SelfTrade:
    """`selfTradePreventionMode`; both markets default to EXPIRE_MAKER."""
    mode = _SELF_TRADE.get(parameters.maybe("selfTradePreventionMode") or "EXPIRE_MAKER")
    if mode is None:
        raise RequestError(-2010, "This symbol does not allow the specified self-trade prevention mode.")
    return mode


def response_type(parameters: Parameters) -> str:
    """ACK, RESULT or FULL; LIMIT and MARKET default to FULL, the others to ACK."""
    chosen = parameters.maybe("newOrderRespType")
    if chosen is None:
        return "ACK" if parameters.values.get("type") == "LIMIT_MAKER" else "FULL"
    if chosen not in _RESPONSES:
        raise RequestError(-1122, "Invalid newOrderRespType.")
    return chosen


def new_client_id(parameters: Parameters, name: str, ids: IdMaker) -> str:
    """The client id sent under this name, or one made up."""
    value = parameters.maybe(name)
    return ids.client_id() if value is None else check_client_id(name, value, is_spot=True)


def _time_in_force(parameters: Parameters, kind: str) -> TimeInForce:
    if kind == "MARKET":
        return TimeInForce.GTC
    if kind == "LIMIT_MAKER":
        if "timeInForce" in parameters:
            raise not_required("timeInForce")
        return TimeInForce.POST_ONLY
    found = _TIMES_IN_FORCE.get(parameters.text("timeInForce"))
    if found is None:
        raise RequestError(-1115, "Invalid timeInForce.")
    return found


def _refuse_absent(parameters: Parameters, kind: str) -> None:
    """Order types that no symbol here has."""
    if kind in _ABSENT_TYPES:
        raise RequestError(-2010, _ABSENT_TYPES[kind])
    for name, message in _ABSENT_PARAMETERS.items():
        if name in parameters and parameters.values[name] not in ("0", "0.00000000"):
            raise RequestError(-2010, message)


def _decimal(parameters: Parameters, name: str) -> Decimal | None:
    value = parameters.number(name)
    if value is None:
        return None
    if decimals_of(value) > SPOT_DECIMALS:
        raise RequestError(-1111, f"Parameter '{name}' has too much precision.")
    if value == 0:
        wrong = {"price": "Invalid price.", "quantity": "Invalid quantity.", "quoteOrderQty": "Invalid quoteOrderQty."}
        raise RequestError(-1013, wrong[name])
    return value


def decimals_of(value: Decimal) -> int:
    """Decimal places that say something."""
    return len(f"{value:f}".partition(".")[2].rstrip("0"))
