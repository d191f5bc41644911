"""What Binance says when it refuses: `{"code":-nnnn,"msg":"text"}` with an HTTP status.

Spot and futures share code numbers with different meanings. On -2010, -2011 and -1013 the text decides.
"""

from collections.abc import Mapping

from oneprice.sim.orders import Reason, Refused


class RequestError(Exception):
    """A request the venue refuses: HTTP status, Binance code and text, and `data` where the venue adds some.

    `retry_after_s` goes into the Retry-After header.
    """

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        *,
        data: Mapping[str, object] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        body: dict[str, object] = {"code": self.code, "msg": self.message}
        return body if self.data is None else body | {"data": self.data}


Refusal = tuple[int, str]

INVALID_SYMBOL: Refusal = (-1121, "Invalid symbol.")
BAD_KEY_FORMAT: Refusal = (-2014, "API-key format invalid.")
REJECTED_KEY: Refusal = (-2015, "Invalid API-key, IP, or permissions for action.")
BAD_SIGNATURE: Refusal = (-1022, "Signature for this request is not valid.")
TOO_LATE: Refusal = (-1021, "Timestamp for this request is outside of the recvWindow.")
TOO_EARLY: Refusal = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
NO_SUCH_ORDER: Refusal = (-2013, "Order does not exist.")
UNKNOWN_ORDER: Refusal = (-2011, "Unknown order sent.")
NO_LISTEN_KEY: Refusal = (-1125, "This listenKey does not exist.")
UNSUPPORTED: Refusal = (-1020, "This operation is not supported.")
OFF_SERVICE: Refusal = (-1016, "This service is no longer available.")
ORDER_OR_CLIENT_ID: Refusal = (
    -1102,
    "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
)
NOT_MODELLED: Refusal = (-4084, "Method is not allowed currently. Coming soon.")

_UNRECORDED = "The order will not be recorded in the order history"

SPOT_REFUSALS: Mapping[Reason, Refusal] = {
    Reason.PRICE_TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MIN_QUANTITY: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MAX_QUANTITY: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Reason.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    Reason.TOO_MANY_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
    Reason.HALTED: (-2010, "Market is closed."),
    Reason.NO_LIQUIDITY: (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
    Reason.REDUCE_ONLY: (-1106, "Parameter 'reduceOnly' sent when not required."),
    Reason.FOK: (-2010, "Order could not be filled immediately."),
    Reason.UNKNOWN_ORDER: NO_SUCH_ORDER,
    Reason.ORDER_OVER: UNKNOWN_ORDER,
    Reason.BAD_LEVERAGE: UNSUPPORTED,
    Reason.IN_USE: UNSUPPORTED,
}

FUTURES_REFUSALS: Mapping[Reason, Refusal] = {
    Reason.PRICE_TICK: (-4014, "Price not increased by tick size."),
    Reason.PRICE_BAND: (-4024, "Limit price is outside of the PERCENT_PRICE filter limit."),
    Reason.LOT_SIZE: (-4023, "Qty not increased by step size."),
    Reason.MIN_QUANTITY: (-4004, "Quantity less than min quantity."),
    Reason.MAX_QUANTITY: (-4005, "Quantity greater than max quantity."),
    Reason.MIN_NOTIONAL: (-4164, "Order's notional must be no smaller than {0} (unless you choose reduce only)."),
    Reason.INSUFFICIENT_BALANCE: (-2019, "Margin is insufficient."),
    Reason.WOULD_TAKE: (
        -5022,
        f"Due to the order could not be executed as maker, the Post Only order will be rejected. {_UNRECORDED}",
    ),
    Reason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.TOO_MANY_ORDERS: (-2025, "Reach max open order limit."),
    Reason.HALTED: (-4141, "Symbol is closed."),
    Reason.NO_LIQUIDITY: (
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    ),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Reason.FOK: (
        -5021,
        f"Due to the order could not be filled immediately, the FOK order has been rejected. {_UNRECORDED}",
    ),
    Reason.UNKNOWN_ORDER: NO_SUCH_ORDER,
    Reason.ORDER_OVER: UNKNOWN_ORDER,
    Reason.BAD_LEVERAGE: (-4028, "Leverage {0} is not valid"),
    Reason.IN_USE: (-4068, "Position side cannot be changed if there exists position."),
}


def said(table: Mapping[Reason, Refusal], refused: Refused, *fill: object) -> RequestError:
    """A desk's refusal in the words of the table's market; `fill` goes into the text's {0}."""
    code, message = table[refused.reason]
    return RequestError(code, message.format(*fill) if fill else message)


def missing(name: str) -> RequestError:
    """A mandatory parameter is not there."""
    return RequestError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> RequestError:
    """A parameter that does not go with the others."""
    return RequestError(-1106, f"Parameter '{name}' sent when not required.")
