"""Exchanges whose private streams say something wrong, or too little."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.verify.planted.answers import scaled
from tests.verify.planted.plant import KEEP, Json, Plant

_STREAMS = (401, 402, 403, 404, 405, 409, 410)
"""Without those that trade under faults."""


def _ends_are_not_told(name: str, frame: Json) -> Json:
    if not name.startswith("spot.orders"):
        return KEEP
    left = [row for row in frame["result"] if row["event"] != "finish"]
    return {**frame, "result": left} if left else None


def _other_fill_prices(name: str, frame: Json) -> Json:
    if name != "push.personal.order.deal":
        return KEEP
    return {**frame, "data": {**frame["data"], "price": frame["data"]["price"] + 0.1}}


def _fills_are_not_told(name: str, frame: Json) -> Json:
    return None if name.startswith("futures.usertrades") else KEEP


def _positions_twice_as_large(name: str, frame: Json) -> Json:
    if name != "ACCOUNT_UPDATE":
        return KEEP
    rows = [{**row, "pa": scaled(row["pa"], "2")} for row in frame["a"]["P"]]
    return {**frame, "a": {**frame["a"], "P": rows}}


def _balances_a_unit_more(name: str, frame: Json) -> Json:
    if name != "outboundAccountPosition":
        return KEEP
    rows: list[dict[str, Any]] = frame["event"]["B"]
    more = [{**row, "f": format(Decimal(row["f"]) + 1, "f")} for row in rows]
    return {**frame, "event": {**frame["event"], "B": more}}


def _fees_are_not_told(name: str, frame: Json) -> Json:
    if name != "executionReport":
        return KEEP
    return {**frame, "event": {**frame["event"], "n": scaled(frame["event"]["n"], "0.5")}}


PRIVATE_STREAMS = (
    Plant(
        name="the ends of orders are not told",
        market="gate-spot",
        numbers=_STREAMS,
        fails=frozenset({402}),
        frame=_ends_are_not_told,
    ),
    Plant(
        name="fills are told at another price",
        market="mexc-usdm",
        numbers=(401, 403, 404, 405),
        fails=frozenset({403}),
        frame=_other_fill_prices,
    ),
    Plant(
        name="fills are not told",
        market="gate-usdm",
        numbers=_STREAMS,
        fails=frozenset({403}),
        frame=_fills_are_not_told,
    ),
    Plant(
        name="positions are told twice as large",
        market="binance-usdm",
        numbers=(401, 402, 404, 405, 409, 410),
        fails=frozenset({405}),
        frame=_positions_twice_as_large,
    ),
    Plant(
        name="balances are told with a unit more",
        market="binance-spot",
        numbers=_STREAMS,
        fails=frozenset({404}),
        frame=_balances_a_unit_more,
    ),
    Plant(
        name="fees are told as half of what they are",
        market="binance-spot",
        numbers=_STREAMS,
        fails=frozenset({403}),
        frame=_fees_are_not_told,
    ),
)
