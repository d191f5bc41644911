"""Reads that spot and futures answer alike: klines, aggregate trades, one symbol or all, and weights."""

from collections.abc import Callable

from oneprice.sim.dialects.binance.aggregates import AggregateTrade, AggregateTrades
from oneprice.sim.dialects.binance.feeds import INTERVALS_MS
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.refusals import RequestError
from oneprice.sim.dialects.binance.shapes import Fields, Shape, kline_row
from oneprice.sim.market import SimListing

Row = Callable[[str, SimListing], Fields]


def read_klines(shape: Shape, parameters: Parameters, limit_max: int) -> list[list[object]]:
    """`/klines`: from startTime on, or the newest before endTime."""
    _, listing = parameters.symbol()
    interval_ms = INTERVALS_MS.get(parameters.text("interval"))
    if interval_ms is None:
        raise RequestError(-1120, "Invalid interval.")
    rows = listing.klines(
        interval_ms,
        parameters.limit(500, limit_max),
        parameters.whole("startTime"),
        parameters.whole("endTime"),
    )
    return [kline_row(shape, listing, row) for row in rows]


def choose_aggregates(aggregates: AggregateTrades, parameters: Parameters) -> list[AggregateTrade]:
    """`/aggTrades`: by id, by time, or the newest; at most `limit` (500, up to 1000)."""
    limit = parameters.limit(500, 1_000)
    from_id = parameters.whole("fromId")
    start_ms, end_ms = parameters.whole("startTime"), parameters.whole("endTime")
    if from_id is None and start_ms is None and end_ms is None:
        return list(aggregates.rows)[-limit:]
    first_ns = (start_ms or 0) * 1_000_000
    last_ns = end_ms * 1_000_000 + 999_999 if end_ms is not None else None
    rows = [
        row
        for row in aggregates.rows
        if (from_id is None or row.aggregate_id >= from_id)
        and row.ts_ns >= first_ns
        and (last_ns is None or row.ts_ns <= last_ns)
    ]
    return rows[:limit]


def one_or_all(parameters: Parameters, row: Row) -> object:
    """One object for `symbol`, a list for `symbols` or for none."""
    chosen, single = parameters.symbols()
    rows = [row(symbol, listing) for symbol, listing in chosen.items()]
    return rows[0] if single else rows


def by_count(single: int, several: int) -> Callable[[Parameters], int]:
    """A weight for one symbol and another for several."""
    return lambda parameters: single if "symbol" in parameters else several


def by_limit(steps: tuple[tuple[int, int], ...], default: int) -> Callable[[Parameters], int]:
    """A weight that grows with `limit`: the first (limit, weight) that is large enough, else the last."""

    def weigh(parameters: Parameters) -> int:
        limit = parameters.whole("limit", default)
        assert limit is not None
        return next((weight for largest, weight in steps if limit <= largest), steps[-1][1])

    return weigh
