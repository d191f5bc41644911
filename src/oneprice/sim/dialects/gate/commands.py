"""The commands of websocket order entry, by channel: the same operations that REST has."""

from __future__ import annotations

from oneprice.sim.dialects.gate.caller import Call, Right
from oneprice.sim.dialects.gate.futures_orders import FuturesOrders
from oneprice.sim.dialects.gate.order_entry import Command, CommandTable
from oneprice.sim.dialects.gate.rates import DEFAULT_RATE, FUTURES_SOCKET, SPOT_CANCEL, SPOT_SOCKET
from oneprice.sim.dialects.gate.spot_orders import SpotOrders

__all__ = ["futures_commands", "spot_commands"]

_READ = Right.READ


def spot_commands(orders: SpotOrders) -> CommandTable:
    """`spot.order_*`."""

    def place(call: Call) -> object:
        """One order, or a list of them."""
        if isinstance(call.body, list):
            return orders.place_batch(call)
        return orders.place(call, call.fields())

    def cancel_pair(call: Call) -> object:
        call.fields().needed("currency_pair")
        return orders.cancel_all(call, call.fields())

    pair = "currency_pair"
    return {
        "spot.order_place": Command(handle=place, rate=SPOT_SOCKET, market=pair, acks=True),
        "spot.order_amend": Command(
            handle=lambda call: orders.amend(call, call.fields()), rate=SPOT_SOCKET, market=pair
        ),
        "spot.order_cancel": Command(handle=lambda call: orders.cancel(call, call.fields()), rate=SPOT_CANCEL),
        "spot.order_cancel_ids": Command(handle=orders.cancel_batch, rate=SPOT_CANCEL),
        "spot.order_cancel_cp": Command(handle=cancel_pair, rate=SPOT_CANCEL),
        "spot.order_status": Command(
            handle=lambda call: orders.find(call, call.fields()), rate=DEFAULT_RATE, right=_READ
        ),
        "spot.order_list": Command(
            handle=lambda call: orders.find_many(call, call.fields()), rate=DEFAULT_RATE, right=_READ
        ),
    }


def futures_commands(orders: FuturesOrders) -> CommandTable:
    """`futures.order_*`."""
    rate = FUTURES_SOCKET

    def cancel_contract(call: Call) -> object:
        call.fields().needed("contract")
        return orders.cancel_all(call, call.fields())

    return {
        "futures.order_place": Command(handle=lambda call: orders.place(call, call.fields()), rate=rate, acks=True),
        "futures.order_batch_place": Command(handle=orders.place_batch, rate=rate, acks=True),
        "futures.order_amend": Command(handle=lambda call: orders.amend(call, call.fields()), rate=rate),
        "futures.order_cancel": Command(handle=lambda call: orders.cancel(call, call.fields()), rate=rate),
        "futures.order_cancel_ids": Command(handle=orders.cancel_batch, rate=rate),
        "futures.order_cancel_cp": Command(handle=cancel_contract, rate=rate),
        "futures.order_status": Command(
            handle=lambda call: orders.find(call, call.fields()), rate=DEFAULT_RATE, right=_READ
        ),
        "futures.order_list": Command(
            handle=lambda call: orders.find_many(call, call.fields()), rate=DEFAULT_RATE, right=_READ
        ),
    }
