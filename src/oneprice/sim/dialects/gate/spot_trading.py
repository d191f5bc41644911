"""The signed REST endpoints of spot: `/api/v4/spot/*`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from oneprice.sim.dialects.gate.caller import Call, Right
from oneprice.sim.dialects.gate.rates import SPOT_CANCEL, SPOT_PLACE
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.dialects.gate.rest import Gateway
from oneprice.sim.dialects.gate.spot_account import SpotAccount
from oneprice.sim.dialects.gate.spot_orders import SpotOrders

__all__ = ["SpotTrading", "pairs_of"]


def pairs_of(call: Call) -> Iterable[str]:
    """The pairs a command names; its rate is counted for each."""
    body = call.body
    if isinstance(body, list):
        named = {str(item.get("currency_pair", "")) for item in body if isinstance(item, dict)}
        return sorted(named) or ("",)
    return (call.fields().text("currency_pair"),)


class SpotTrading:
    """Puts orders and account of a spot desk on the gateway."""

    def __init__(self, orders: SpotOrders, account: SpotAccount) -> None:
        self._orders = orders
        self._account = account

    def register(self, gateway: Gateway) -> None:
        """All endpoints."""
        self._register_reading(gateway)
        orders = self._orders
        place = partial(gateway.private, right=Right.TRADE, rate=SPOT_PLACE, markets=pairs_of)
        place("POST", "/spot/orders", lambda call: orders.place(call, call.fields()), status=201)
        place("PATCH", "/spot/orders/{order_id}", lambda call: orders.amend(call, call.fields()))
        place("POST", "/spot/batch_orders", orders.place_batch)
        place("POST", "/spot/amend_batch_orders", orders.amend_batch)
        cancel = partial(gateway.private, right=Right.TRADE, rate=SPOT_CANCEL)
        cancel("DELETE", "/spot/orders/{order_id}", lambda call: orders.cancel(call, call.fields()))
        cancel("DELETE", "/spot/orders", lambda call: orders.cancel_all(call, call.fields()))
        cancel("POST", "/spot/cancel_batch_orders", orders.cancel_batch)
        cancel("POST", "/spot/countdown_cancel_all", lambda call: orders.countdown(call, call.fields()))
        gateway.private("POST", "/spot/price_orders", _no_triggers, right=Right.TRADE)

    def _register_reading(self, gateway: Gateway) -> None:
        orders, account = self._orders, self._account
        gateway.private("GET", "/spot/orders/{order_id}", lambda call: orders.find(call, call.fields()))
        gateway.private("GET", "/spot/orders", lambda call: orders.find_many(call, call.fields()))
        gateway.private("GET", "/spot/open_orders", lambda call: orders.open_by_pair(call, call.fields()))
        gateway.private("GET", "/spot/accounts", account.accounts)
        gateway.private("GET", "/spot/my_trades", account.trades)
        gateway.private("GET", "/spot/account_book", account.book)
        gateway.private("GET", "/spot/fee", account.fee)
        gateway.private("GET", "/spot/batch_fee", account.batch_fee)
        gateway.private("GET", "/spot/price_orders", lambda call: [])
        gateway.private("DELETE", "/spot/price_orders", lambda call: [])


def _no_triggers(call: Call) -> object:
    raise RefusedError("INVALID_ARGUMENT", "price-triggered orders are not part of the simulation")
