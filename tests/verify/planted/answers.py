"""Exchanges whose answers by REST are wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.verify.planted.plant import KEEP, Json, Plant


def scaled(text: str, factor: str) -> str:
    """The same figure, so many times."""
    return format(Decimal(text) * Decimal(factor), "f")


def _fees_ten_times(name: str, rows: Json) -> Json:
    if name != "GET /api/v3/myTrades":
        return KEEP
    return [{**row, "commission": scaled(row["commission"], "10")} for row in rows]


def _every_fill_twice(name: str, rows: Json) -> Json:
    if not name.startswith("GET /api/v4/spot/my_trades") or not isinstance(rows, list):
        return KEEP
    return [row for one in rows for row in (one, {**one, "id": one["id"] + "7"})]


def _fills_a_lot_too_large(name: str, rows: Json) -> Json:
    if name != "GET /usdm/fapi/v1/userTrades":
        return KEEP
    return [{**row, "qty": format(Decimal(row["qty"]) + Decimal("0.001"), "f")} for row in rows]


def _cancelled_told_as_filled(name: str, row: Json) -> Json:
    if name != "GET /usdm/fapi/v1/order" or row.get("status") != "CANCELED":
        return KEEP
    return {**row, "status": "FILLED"}


def _another_client_id(name: str, rows: Json) -> Json:
    if name != "GET /api/v3/openOrders":
        return KEEP
    return [{**row, "clientOrderId": "somebody-elses"} for row in rows]


class _FirstAnswerForEver:
    """Whatever is asked there is answered as it was the first time."""

    def __init__(self, name: str) -> None:
        self._name, self._first = name, None

    def __call__(self, name: str, told: Json) -> Json:
        if name != self._name:
            return KEEP
        if self._first is None:
            self._first = told
        return self._first


def _another_order(name: str, told: Json) -> Json:
    if not name.startswith("GET /api/v4/futures/usdt/orders/") or told.get("status") != "open":
        return KEEP
    other = told["id"] + 10**9
    return {**told, "id": other, "id_string": str(other), "text": "t-somebody-elses"}


def _insufficient_as_filter(name: str, told: Json) -> Json:
    if "insufficient" not in str(told):
        return KEEP
    return {"code": -1013, "msg": "Filter failure: NOTIONAL"}


def _may_withdraw(name: str, told: Json) -> Json:
    if not name.endswith("apiRestrictions"):
        return KEEP
    return {**told, "enableWithdrawals": True}


def _dear(name: str, told: Json) -> Json:
    if name != "GET /api/v3/tradeFee":
        return KEEP
    return {**told, "data": {**told["data"], "takerCommission": 0.005}}


def _batch_forgets_one(name: str, rows: Json) -> Json:
    if name != "POST /api/v4/futures/usdt/batch_orders":
        return KEEP
    return rows[:-1]


def _other_listen_keys(name: str, told: Json) -> Json:
    if name != "POST /usdm/fapi/v1/listenKey":
        return KEEP
    return {"listenKey": told["listenKey"][::-1]}


def _open_orders_hidden(name: str, rows: Json) -> Json:
    if name != "GET /api/v4/futures/usdt/orders":
        return KEEP
    return []


def _weight_twice(name: str, headers: Any) -> None:
    used = headers.get("X-MBX-USED-WEIGHT-1M")
    if used is not None:
        headers["X-MBX-USED-WEIGHT-1M"] = str(2 * int(used))


def _network_twice(name: str, rows: Json) -> Json:
    if name != "GET /api/v3/capital/config/getall":
        return KEEP
    return [{**row, "networkList": row["networkList"] * 2} for row in rows]


ANSWERS = (
    Plant(
        name="fees of fills are told ten times too high",
        market="binance-spot",
        numbers=(*range(301, 324), *range(401, 406)),
        fails=frozenset({321, 403}),
        rest=_fees_ten_times,
    ),
    Plant(
        name="each fill is told again under another id",
        market="gate-spot",
        areas=(3,),
        fails=frozenset({311, 315, 316, 321}),
        rest=_every_fill_twice,
    ),
    Plant(
        name="fills are told a lot too large",
        market="binance-usdm",
        areas=(3,),
        fails=frozenset({311, 315, 321}),
        rest=_fills_a_lot_too_large,
    ),
    Plant(
        name="a cancelled order is told as filled",
        market="binance-usdm",
        areas=(3,),
        fails=frozenset({310, 319}),
        rest=_cancelled_told_as_filled,
    ),
    Plant(
        name="open orders are told under another client id",
        market="binance-spot",
        areas=(3,),
        fails=frozenset({310}),
        rest=_another_client_id,
    ),
    Plant(
        name="balances are told as they were",
        market="gate-spot",
        numbers=(*range(301, 324), *range(401, 406)),
        fails=frozenset({321, 404}),
        rest=_FirstAnswerForEver("GET /api/v4/spot/accounts"),
    ),
    Plant(
        name="a query is answered with another order",
        market="gate-usdm",
        areas=(3,),
        fails=frozenset({310}),
        rest=_another_order,
    ),
    Plant(
        name="too little balance is told as a broken filter",
        market="binance-spot",
        numbers=(501, 502, 504, 505, 506, 511, 513),
        fails=frozenset({504, 513}),
        rest=_insufficient_as_filter,
    ),
    Plant(
        name="the key may withdraw",
        market="binance-spot",
        areas=(3,),
        fails=frozenset({302}),
        rest=_may_withdraw,
    ),
    Plant(
        name="the account's fees are ten times the schedule's",
        market="mexc-spot",
        numbers=(301, 302, 303, 304, 305, 306, 311, 321),
        fails=frozenset({303}),
        rest=_dear,
    ),
    Plant(
        name="a network is told twice",
        market="mexc-spot",
        numbers=(301, 302, 303, 304, 305, 306),
        fails=frozenset({304}),
        rest=_network_twice,
    ),
    Plant(
        name="a batch brings one result too few",
        market="gate-usdm",
        areas=(3,),
        fails=frozenset({318}),
        rest=_batch_forgets_one,
    ),
    Plant(
        name="open orders are not told",
        market="gate-usdm",
        areas=(3,),
        fails=frozenset({310}),
        rest=_open_orders_hidden,
    ),
    Plant(
        name="listen keys open nothing",
        market="binance-usdm",
        numbers=(301, 310, 321, 401, 402, 404, 405),
        fails=frozenset({402, 404, 405}),
        rest=_other_listen_keys,
    ),
    Plant(
        name="used weight is told twice as high",
        market="binance-usdm",
        numbers=(601, 603, 604),
        fails=frozenset({601}),
        headers=_weight_twice,
    ),
)
