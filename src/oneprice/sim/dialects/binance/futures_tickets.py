"""A futures order as a client writes it, checked and read into a Ticket (POST /fapi/v1/order and its like)."""

from decimal import Decimal

from oneprice.sim.accounts import Account
from oneprice.sim.dialects.binance.futures_shapes import Extras
from oneprice.sim.dialects.binance.identifiers import IdMaker, check_client_id
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.refusals import RequestError, missing, not_required
from oneprice.sim.dialects.binance.rules import futures_decimals
from oneprice.sim.dialects.binance.spot_tickets import decimals_of, read_self_trade, read_side
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Ticket

_TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.POST_ONLY,
    "GTD": TimeInForce.GTC,
}
_ALGO_TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_MATCHES = {f"{name}{level}": level for name in ("OPPONENT", "QUEUE") for level in ("", "_5", "_10", "_20")}
_GOOD_TILL_MIN_MS = 600_000
_PRECISION = (-1111, "Precision is over the maximum defined for this asset.")


def read_futures_ticket(
    parameters: Parameters, account: Account, listing: SimListing, ids: IdMaker, now_ms: int
) -> tuple[Ticket, Extras]:
    """Raises RequestError with the venue's code for what is missing, malformed or does not go together."""
    side = read_side(parameters)
    kind = parameters.text("type")
    if kind in _ALGO_TYPES:
        raise RequestError(
            -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    if kind not in ("LIMIT", "MARKET"):
        raise RequestError(-1116, "Invalid orderType.")
    check_position_side(parameters, account)
    if parameters.flag("closePosition"):
        raise RequestError(-4136, "Target strategy invalid for orderType " + kind + ",closePosition true.")
    quantity = read_quantity(parameters, listing)
    extras = _extras(parameters, kind, now_ms)
    price = _price(parameters, kind, side, listing, extras)
    client_id = parameters.maybe("newClientOrderId")
    ticket = Ticket(
        side=side,
        quantity=quantity,
        price=price,
        time_in_force=_time_in_force(parameters, kind),
        client_order_id=ids.client_id()
        if client_id is None
        else check_client_id("newClientOrderId", client_id, is_spot=False),
        reduce_only=parameters.flag("reduceOnly"),
        self_trade=read_self_trade(parameters),
    )
    return ticket, extras


def response_type(parameters: Parameters) -> str:
    """ACK, the default, or RESULT. FULL is spot's and is read as RESULT."""
    chosen = parameters.maybe("newOrderRespType") or "ACK"
    if chosen not in ("ACK", "RESULT", "FULL"):
        raise RequestError(-1122, "Invalid newOrderRespType.")
    return chosen


def read_price(parameters: Parameters, listing: SimListing) -> Decimal:
    """`price` with no more decimals than pricePrecision."""
    value = parameters.number("price")
    if value is None:
        raise missing("price")
    if value == 0:
        raise RequestError(-4001, "Price less than 0.")
    if decimals_of(value) > futures_decimals(listing)[0]:
        raise RequestError(*_PRECISION)
    return value


def read_quantity(parameters: Parameters, listing: SimListing) -> Decimal:
    """`quantity` with no more decimals than quantityPrecision."""
    value = parameters.number("quantity")
    if value is None:
        raise missing("quantity")
    if value == 0:
        raise RequestError(-4003, "Quantity less than or equal to zero.")
    if decimals_of(value) > futures_decimals(listing)[1]:
        raise RequestError(*_PRECISION)
    return value


def _price(parameters: Parameters, kind: str, side: Side, listing: SimListing, extras: Extras) -> Decimal | None:
    if kind == "MARKET":
        if "price" in parameters:
            raise not_required("price")
        return None
    if extras.price_match == "NONE":
        return read_price(parameters, listing)
    if "price" in parameters:
        raise not_required("price")
    return _matched_price(side, listing, extras.price_match)


def _matched_price(side: Side, listing: SimListing, match: str) -> Decimal:
    """priceMatch: the n-th best price of the other side (OPPONENT) or the own one (QUEUE)."""
    level = int(_MATCHES[match].lstrip("_") or 1)
    half = side.opposite if match.startswith("OPPONENT") else side
    rows = listing.engine.levels(half, level)
    if len(rows) < level:
        raise RequestError(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")
    return listing.price_scale.value(rows[-1][0])


def _extras(parameters: Parameters, kind: str, now_ms: int) -> Extras:
    match = parameters.maybe("priceMatch") or "NONE"
    if match != "NONE" and (match not in _MATCHES or kind != "LIMIT"):
        raise RequestError(-1130, "Data sent for parameter 'priceMatch' is not valid.")
    if parameters.values.get("timeInForce") != "GTD":
        return Extras(price_match=match)
    until_ms = parameters.whole("goodTillDate")
    if until_ms is None:
        raise missing("goodTillDate")
    until_ms -= until_ms % 1_000
    if until_ms < now_ms + _GOOD_TILL_MIN_MS:
        raise RequestError(-5040, "goodTillDate must be at least 600 seconds from now.")
    return Extras(price_match=match, good_till_ms=until_ms)


def _time_in_force(parameters: Parameters, kind: str) -> TimeInForce:
    if kind == "MARKET":
        if "timeInForce" in parameters:
            raise not_required("timeInForce")
        return TimeInForce.GTC
    found = _TIMES_IN_FORCE.get(parameters.text("timeInForce"))
    if found is None:
        # RPI is for market makers with an agreement.
        raise RequestError(-1115, "Invalid timeInForce.")
    return found


def check_position_side(parameters: Parameters, account: Account) -> None:
    """BOTH in one-way mode, LONG or SHORT in hedge mode. Raises RequestError."""
    side = parameters.maybe("positionSide") or "BOTH"
    if side not in ("BOTH", "LONG", "SHORT"):
        raise RequestError(-4060, "Invalid position side.")
    if (side == "BOTH") is account.hedge_mode:
        raise RequestError(-4061, "Order's position side does not match user's setting.")
    if account.hedge_mode and "reduceOnly" in parameters:
        raise not_required("reduceOnly")
