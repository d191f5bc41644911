"""Aggregate trades: the fills of one taker order at one price count as one trade, with ids of their own."""

from collections import deque
from collections.abc import Callable

import msgspec

from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import SimListing

_KEPT = 1_000


class AggregateTrade(msgspec.Struct, frozen=True, gc=False):
    """Consecutive trades of one taker order at one price."""

    aggregate_id: int
    price_ticks: int
    lots: int
    first_trade_id: int
    last_trade_id: int
    taker_side: Side
    ts_ns: int


class AggregateTrades:
    """A listing's aggregate trades, kept from the start; `listeners` hear each when its order is done."""

    def __init__(self, listing: SimListing) -> None:
        self.rows: deque[AggregateTrade] = deque(maxlen=_KEPT)
        self.listeners: list[Callable[[AggregateTrade], None]] = []
        self._next_id = listing.first_trade_id
        self._pending: list[TradePrint] = []
        listing.on_trade.append(self._add)
        listing.engine.settled.append(self._settle)

    def _add(self, trade: TradePrint) -> None:
        if self._pending and self._pending[0].price_ticks != trade.price_ticks:
            self._flush()
        self._pending.append(trade)

    def _settle(self, ts_ns: int) -> None:
        # The engine settles once per command, so what is pending belongs to one taker order.
        if self._pending:
            self._flush()

    def _flush(self) -> None:
        first, last = self._pending[0], self._pending[-1]
        row = AggregateTrade(
            self._next_id,
            first.price_ticks,
            sum(trade.lots for trade in self._pending),
            first.trade_id,
            last.trade_id,
            first.taker_side,
            first.ts_ns,
        )
        self._next_id += 1
        self._pending = []
        self.rows.append(row)
        for listener in self.listeners:
            listener(row)
