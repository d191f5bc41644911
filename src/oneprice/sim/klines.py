"""Klines of one listing: from its trades since the start, made up from the price path before that."""

import datetime as dt
from collections.abc import Callable
from random import Random

import msgspec

from oneprice.sim.engine import Side, TradePrint

_MINUTE_MS = 60_000
_KEPT_MINUTES = 1_440 * 2
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
WEEK_MS = 7 * _DAY_MS
MONTH_MS = 30 * _DAY_MS
"""Names the calendar month; its klines are as long as the month is."""
_MONDAY_MS = 4 * _DAY_MS  # 1970-01-05


def opening(ts_ms: int, interval_ms: int) -> int:
    """When the kline that holds a time opens."""
    if interval_ms == MONTH_MS:
        first = dt.datetime.fromtimestamp(ts_ms / 1_000, dt.UTC).replace(day=1)
        return int(first.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000
    offset = _MONDAY_MS if interval_ms == WEEK_MS else 0
    return ts_ms - (ts_ms - offset) % interval_ms


def closing(open_ms: int, interval_ms: int) -> int:
    """When the kline after the one that opens at `open_ms` opens."""
    if interval_ms == MONTH_MS:
        return opening(open_ms + 31 * _DAY_MS, MONTH_MS)
    return open_ms + interval_ms


class Kline(msgspec.Struct):
    """One kline in ticks and lots. `notional` and `taker_buy_notional` are sums of ticks x lots (exact);
    trade ids are -1 where no trade of ours is in it."""

    open_ms: int
    interval_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int = 0
    notional: int = 0
    trades: int = 0
    taker_buy_lots: int = 0
    taker_buy_notional: int = 0
    first_trade_id: int = -1
    last_trade_id: int = -1

    @property
    def close_ms(self) -> int:
        """The last millisecond that belongs to the kline."""
        return self.open_ms + self.interval_ms - 1


class KlineStore:
    """One-minute klines kept for two days; longer intervals are added up from them.

    `price_at(ms)` gives a float price in ticks for minutes without trades of our own.
    """

    def __init__(self, price_at: Callable[[int], float], minute_lots: int, live_from_ms: int) -> None:
        self._price_at = price_at
        self._minute_lots = minute_lots
        self._minutes: dict[int, Kline] = {}
        self._live_from_ms = live_from_ms - live_from_ms % _MINUTE_MS

    def add(self, trade: TradePrint) -> None:
        """Count one trade."""
        open_ms = trade.ts_ns // 1_000_000 // _MINUTE_MS * _MINUTE_MS
        price_ticks, lots, worth = trade.price_ticks, trade.lots, trade.price_ticks * trade.lots
        row = self._minutes.get(open_ms)
        if row is None or row.trades == 0:
            row = self._open(open_ms, trade)
        row.high_ticks = max(row.high_ticks, price_ticks)
        row.low_ticks = min(row.low_ticks, price_ticks)
        row.close_ticks = price_ticks
        row.volume_lots += lots
        row.notional += worth
        row.trades += 1
        row.last_trade_id = trade.trade_id
        if trade.taker_side is Side.BUY:
            row.taker_buy_lots += lots
            row.taker_buy_notional += worth

    def _open(self, open_ms: int, trade: TradePrint) -> Kline:
        """A new minute opens where the one before closed."""
        previous = self._minutes.get(open_ms - _MINUTE_MS)
        start = previous.close_ticks if previous is not None else trade.price_ticks
        row = Kline(open_ms, _MINUTE_MS, start, start, start, start, first_trade_id=trade.trade_id)
        self._minutes[open_ms] = row
        if len(self._minutes) > _KEPT_MINUTES + 60:
            self._drop_before(open_ms - _KEPT_MINUTES * _MINUTE_MS)
        return row

    def minutes(self, start_ms: int, end_ms: int) -> list[Kline]:
        """One-minute klines whose opening lies in [start, end], oldest first."""
        first = start_ms - start_ms % _MINUTE_MS
        if first < start_ms:
            first += _MINUTE_MS
        return [self._minute(open_ms) for open_ms in range(first, end_ms + 1, _MINUTE_MS)]

    def rows(self, now_ms: int, interval_ms: int, limit: int, start_ms: int | None, end_ms: int | None) -> list[Kline]:
        """Klines of any whole-minute interval, oldest first; history reaches back one day.

        `WEEK_MS` klines open on Mondays and `MONTH_MS` klines on the first of the month, in UTC.
        """
        if interval_ms % _MINUTE_MS:
            raise ValueError(f"kline intervals are whole minutes, got {interval_ms} ms")
        oldest = now_ms - _KEPT_MINUTES // 2 * _MINUTE_MS
        last_ms = min(now_ms, end_ms if end_ms is not None else now_ms)
        opens = [opening(oldest, interval_ms)]
        while (following := closing(opens[-1], interval_ms)) <= last_ms:
            opens.append(following)
        if start_ms is None:
            opens = opens[-limit:]
        else:
            opens = [open_ms for open_ms in opens if open_ms >= start_ms][:limit]
        return [
            self._sum(open_ms, closing(open_ms, interval_ms), oldest, now_ms) for open_ms in opens if open_ms <= last_ms
        ]

    def _sum(self, open_ms: int, close_ms: int, oldest_ms: int, now_ms: int) -> Kline:
        day_before = opening(oldest_ms, _DAY_MS)
        parts = self.minutes(max(open_ms, day_before), min(now_ms, close_ms - 1))
        traded = [part for part in parts if part.first_trade_id >= 0]
        return Kline(
            open_ms,
            close_ms - open_ms,
            parts[0].open_ticks,
            max(part.high_ticks for part in parts),
            min(part.low_ticks for part in parts),
            parts[-1].close_ticks,
            sum(part.volume_lots for part in parts),
            sum(part.notional for part in parts),
            sum(part.trades for part in parts),
            sum(part.taker_buy_lots for part in parts),
            sum(part.taker_buy_notional for part in parts),
            traded[0].first_trade_id if traded else -1,
            traded[-1].last_trade_id if traded else -1,
        )

    def _minute(self, open_ms: int) -> Kline:
        row = self._minutes.get(open_ms)
        if row is None and self._is_live(open_ms):
            row = self._minutes[open_ms] = self._quiet(open_ms)
        elif row is None:
            self._make_up_hour(open_ms - open_ms % _HOUR_MS)
            row = self._minutes[open_ms]
        return row

    def _is_live(self, open_ms: int) -> bool:
        return open_ms >= self._live_from_ms

    def _quiet(self, open_ms: int) -> Kline:
        """A minute in which nothing traded repeats the close before it."""
        before = open_ms - _MINUTE_MS
        while before not in self._minutes and self._is_live(before):
            before -= _MINUTE_MS
        close = self._minute(before).close_ticks
        return Kline(open_ms, _MINUTE_MS, close, close, close, close)

    def _make_up_hour(self, hour_ms: int) -> None:
        random = Random(hour_ms)
        close = max(1, round(self._price_at(hour_ms)))
        for open_ms in range(hour_ms, hour_ms + _HOUR_MS, _MINUTE_MS):
            start, close = close, max(1, round(self._price_at(open_ms + _MINUTE_MS)))
            spread = max(1, round(start * 2e-4 * random.random()))
            lots = max(1, int(self._minute_lots * random.lognormvariate(0.0, 0.5)))
            buys = int(lots * random.uniform(0.4, 0.6))
            trades = random.randint(20, 80)
            if open_ms in self._minutes or self._is_live(open_ms):
                continue
            middle = (start + close) // 2
            self._minutes[open_ms] = Kline(
                open_ms,
                _MINUTE_MS,
                start,
                max(start, close) + spread,
                max(1, min(start, close) - spread),
                close,
                lots,
                lots * middle,
                trades,
                buys,
                buys * middle,
            )

    def _drop_before(self, oldest_ms: int) -> None:
        for open_ms in [key for key in self._minutes if key < oldest_ms]:
            del self._minutes[open_ms]
