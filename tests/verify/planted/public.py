"""Exchanges whose market data are wrong."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

from tests.verify.planted.plant import KEEP, FrameChange, Json, Plant


def _five_seconds_ahead(name: str, told: Json) -> Json:
    if name != "GET /api/v4/spot/time":
        return KEEP
    return {"server_time": told["server_time"] + 5_000}


def _crossed(name: str, book: Json) -> Json:
    if name != "GET /api/v3/depth" or "bids" not in book:
        return KEEP
    return {**book, "bids": book["asks"][::-1], "asks": book["bids"][::-1]}


def _off_the_tick(name: str, book: Json) -> Json:
    if name != "GET /usdm/fapi/v1/depth" or "bids" not in book:
        return KEEP
    return {**book, "bids": [[format(Decimal(price) - Decimal("0.05"), "f"), size] for price, size in book["bids"]]}


def _candles_an_hour_old(name: str, rows: Json) -> Json:
    if name != "GET /api/v3/klines":
        return KEEP
    hour_ms = 3_600_000
    return [[row[0] - hour_ms, *row[1:6], row[6] - hour_ms, *row[7:]] for row in rows]


def _trades_twice(name: str, rows: Json) -> Json:
    """Two trades, whatever there were, under one id."""
    if name != "GET /api/v3/trades":
        return KEEP
    one = {"id": 7, "price": "64000.00000000", "qty": "0.01000000", "quoteQty": "640.00000000"}
    told = {**one, "time": 1_795_000_000_000, "isBuyerMaker": True, "isBestMatch": True}
    return [told, {**told, "time": told["time"] + 5}]


def _every_fifth_is_missing() -> FrameChange:
    numbers = count(1)

    def change(name: str, frame: Json) -> Json:
        if "@depth" not in name or next(numbers) % 5:
            return KEEP
        return None

    return change


def _last_outside(name: str, told: Json) -> Json:
    if name != "GET /api/v1/contract/ticker" or not isinstance(told.get("data"), dict):
        return KEEP
    return {**told, "data": {**told["data"], "lastPrice": told["data"]["high24Price"] * 2}}


PUBLIC = (
    Plant(
        name="the clock is told five seconds ahead",
        market="gate-spot",
        areas=(1,),
        fails=frozenset({101}),
        rest=_five_seconds_ahead,
    ),
    Plant(
        name="the book is told crossed",
        market="mexc-spot",
        areas=(1,),
        fails=frozenset({104}),
        rest=_crossed,
    ),
    Plant(
        name="bids are off the tick",
        market="binance-usdm",
        areas=(1,),
        fails=frozenset({104}),
        rest=_off_the_tick,
    ),
    Plant(
        name="candles are an hour old",
        market="binance-spot",
        areas=(1,),
        fails=frozenset({110}),
        rest=_candles_an_hour_old,
    ),
    Plant(
        name="trades share an id",
        market="binance-spot",
        areas=(1,),
        fails=frozenset({109}),
        rest=_trades_twice,
    ),
    Plant(
        name="the last price is twice the day's highest",
        market="mexc-usdm",
        numbers=(101, 104, 105, 106),
        fails=frozenset({106}),
        rest=_last_outside,
    ),
    Plant(
        name="every fifth change of the book is missing",
        market="binance-spot",
        numbers=(201, 202, 203, 205, 207, 209),
        fails=frozenset({205}),
        frame=_every_fifth_is_missing(),
    ),
)
