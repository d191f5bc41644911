"""The signed REST endpoints of USDT perpetuals: `/api/v4/futures/usdt/*`."""

from __future__ import annotations

from functools import partial
from typing import Final

from oneprice.sim.dialects.gate.caller import Call, Right
from oneprice.sim.dialects.gate.closes import Closes
from oneprice.sim.dialects.gate.futures_account import FuturesAccount
from oneprice.sim.dialects.gate.futures_orders import FuturesOrders
from oneprice.sim.dialects.gate.rates import FUTURES_CANCEL, FUTURES_PLACE
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.dialects.gate.rest import Gateway

__all__ = ["FuturesTrading"]

_PREFIX: Final = "/futures/{settle:usdt|USDT}"


class FuturesTrading:
    """Puts orders and account of a perpetual desk on the gateway."""

    def __init__(self, orders: FuturesOrders, account: FuturesAccount, closes: Closes) -> None:
        self._orders = orders
        self._closes = closes
        self._account = account

    def register(self, gateway: Gateway) -> None:
        """All endpoints."""
        self._register_orders(gateway)
        self._register_settings(gateway)
        account, orders = self._account, self._orders
        gateway.private("GET", f"{_PREFIX}/orders/{{order_id}}", lambda call: orders.find(call, call.fields()))
        gateway.private("GET", f"{_PREFIX}/orders", lambda call: orders.find_many(call, call.fields()))
        gateway.private("GET", f"{_PREFIX}/orders_timerange", lambda call: orders.find_ended(call, call.fields()))
        gateway.private("GET", f"{_PREFIX}/accounts", account.account)
        gateway.private("GET", f"{_PREFIX}/account_book", account.book)
        gateway.private("GET", f"{_PREFIX}/fee", account.fee)
        gateway.private("GET", f"{_PREFIX}/my_trades", account.trades)
        gateway.private("GET", f"{_PREFIX}/my_trades_timerange", account.trades_by_time)
        gateway.private("GET", f"{_PREFIX}/positions", account.positions)
        gateway.private("GET", f"{_PREFIX}/positions/{{contract}}", account.position)
        gateway.private("GET", f"{_PREFIX}/dual_comp/positions/{{contract}}", account.both_sides)
        gateway.private("GET", f"{_PREFIX}/get_leverage/{{contract}}", account.leverage)
        gateway.private("GET", f"{_PREFIX}/position_close", self._closes.history)
        for name in ("liquidates", "auto_deleverages", "price_orders"):
            gateway.private("GET", f"{_PREFIX}/{name}", lambda call: [])

    def _register_orders(self, gateway: Gateway) -> None:
        orders, one = self._orders, f"{_PREFIX}/orders/{{order_id}}"
        place = partial(gateway.private, right=Right.TRADE, rate=FUTURES_PLACE)
        place("POST", f"{_PREFIX}/orders", lambda call: orders.place(call, call.fields()), status=201)
        place("PUT", one, lambda call: orders.amend(call, call.fields()))
        place("POST", f"{_PREFIX}/batch_orders", orders.place_batch)
        place("POST", f"{_PREFIX}/batch_amend_orders", orders.amend_batch)
        cancel = partial(gateway.private, right=Right.TRADE, rate=FUTURES_CANCEL)
        cancel("DELETE", one, lambda call: orders.cancel(call, call.fields()))
        cancel("DELETE", f"{_PREFIX}/orders", lambda call: orders.cancel_all(call, call.fields()))
        cancel("POST", f"{_PREFIX}/batch_cancel_orders", orders.cancel_batch)
        cancel("POST", f"{_PREFIX}/countdown_cancel_all", lambda call: orders.countdown(call, call.fields()))
        gateway.private("POST", f"{_PREFIX}/price_orders", _no_triggers, right=Right.TRADE)
        gateway.private("DELETE", f"{_PREFIX}/price_orders", lambda call: [], right=Right.TRADE)

    def _register_settings(self, gateway: Gateway) -> None:
        account, trade = self._account, Right.TRADE
        for name in ("leverage", "set_leverage"):
            gateway.private("POST", f"{_PREFIX}/positions/{{contract}}/{name}", account.set_leverage, right=trade)
        gateway.private(
            "POST", f"{_PREFIX}/dual_comp/positions/{{contract}}/leverage", account.set_leverage_both, right=trade
        )
        gateway.private("POST", f"{_PREFIX}/positions/{{contract}}/margin", account.change_margin, right=trade)
        gateway.private("POST", f"{_PREFIX}/positions/cross_mode", account.set_cross_mode, right=trade)
        gateway.private("POST", f"{_PREFIX}/dual_mode", account.set_dual_mode, right=trade)
        gateway.private("POST", f"{_PREFIX}/set_position_mode", account.set_position_mode, right=trade)


def _no_triggers(call: Call) -> object:
    raise RefusedError("INVALID_ARGUMENT", "price-triggered orders are not part of the simulation")
