"""What Gate's depth channels tell: the best N levels, as the difference to what was told before.

A level that a better one pushes out of the best N is not mentioned by `order_book_update` (the client must
prune it) but deleted by `obu`; a level that moves up into the best N is told as if it were new. So a client
that follows the channel's rule holds the best N levels exactly at every id.

`order_book_update` starts from a REST snapshot, whose id may lie inside the range of a frame. A frame
therefore repeats every level that was touched in its range, even when it ends as it began, and the last few
levels of the N, which may have been outside them for a moment (as recorded frames do).
"""

from __future__ import annotations

from msgspec import Struct

from oneprice.sim.engine import BookChange, Engine, Side

__all__ = ["DepthUpdate", "TopLevels"]

Levels = list[tuple[int, int]]


class DepthUpdate(Struct, frozen=True):
    """Levels as (price_ticks, lots), lots 0 for a deletion; ids first_id..last_id are covered by it."""

    first_id: int
    last_id: int
    bids: Levels
    asks: Levels


class TopLevels:
    """The best `depth` levels of one book as last told to the subscribers of one channel.

    `ts_ns` is when the book last changed, 0 before the first change is noted.
    """

    def __init__(self, engine: Engine, depth: int, *, deletes_pushed_out: bool) -> None:
        self._engine = engine
        self._depth = depth
        self._deletes_pushed_out = deletes_pushed_out
        self._told = {side: dict(engine.levels(side, depth)) for side in Side}
        self._told_id = engine.update_id
        self.ts_ns = 0
        self._touched: dict[Side, set[int]] = {side: set() for side in Side}

    def add(self, change: BookChange) -> None:
        """Note a change of the book; to be called for every one."""
        self._touched[change.side].add(change.price_ticks)
        self.ts_ns = change.ts_ns

    def told(self) -> DepthUpdate:
        """The whole view as last told, for a subscriber who joins between two updates."""
        return DepthUpdate(
            self._told_id,
            self._told_id,
            list(self._told[Side.BUY].items()),
            list(self._told[Side.SELL].items()),
        )

    def take(self) -> DepthUpdate | None:
        """What changed since the last call; None when the id did not move, empty sides when only it did."""
        if self._engine.update_id == self._told_id:
            return None
        first_id, self._told_id = self._told_id + 1, self._engine.update_id
        return DepthUpdate(first_id, self._told_id, self._changes(Side.BUY), self._changes(Side.SELL))

    def _changes(self, side: Side) -> Levels:
        touched = self._touched[side]
        if not touched:
            return []
        before, levels = self._told[side], self._engine.levels(side, self._depth)
        certain = self._depth - len(touched)  # a rank moves by one per touched level at most
        changes = [
            level
            for rank, level in enumerate(levels)
            if level[0] in touched or rank >= certain or before.get(level[0]) != level[1]
        ]
        now = dict(levels)
        changes += [(price, 0) for price in self._deleted(side, (before.keys() | touched) - now.keys(), levels)]
        self._told[side] = now
        self._touched[side] = set()
        return changes

    def _deleted(self, side: Side, prices: set[int], levels: Levels) -> list[int]:
        """Which of the prices that are not in the view any more are told as deleted."""
        if len(levels) < self._depth:
            return sorted(prices)
        told, worst = self._told[side], levels[-1][0]
        gone = []
        for price in prices:
            if price in told:
                if self._deletes_pushed_out or not self._engine.total_lots(side, price):
                    gone.append(price)
            elif price > worst if side is Side.BUY else price < worst:
                gone.append(price)
        return sorted(gone)
