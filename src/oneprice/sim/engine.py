"""A price-time priority matching engine of one instrument.

Pure and deterministic: no clock, no chance, no I/O. Prices are integers of the tick, quantities integers of
the lot; the time of a command is an argument and only stamps its trades. Every change of a level's total
takes the next number of `UpdateSequence`, so a listener can rebuild the book from the changes alone.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import groupby

import msgspec


class Side(IntEnum):
    """Side of an order, or of the taker in a trade."""

    BUY = 1
    SELL = 2

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class TimeInForce(IntEnum):
    """How long a limit order may rest. POST_ONLY rests like GTC but never takes."""

    GTC = 1
    IOC = 2
    FOK = 3
    POST_ONLY = 4


class SelfTrade(IntEnum):
    """What happens when an order would meet one of the same owner. The taker's choice decides."""

    NONE = 0
    CANCEL_TAKER = 1
    CANCEL_MAKER = 2
    CANCEL_BOTH = 3


class PlaceStatus(IntEnum):
    """What became of a new order.

    EXPIRED: the rest of an IOC, FOK or market order; REJECTED: post-only; SELF_TRADE: the rest was cancelled because it
    met an order of the same owner.
    """

    RESTING = 1
    FILLED = 2
    EXPIRED = 3
    REJECTED = 4
    SELF_TRADE = 5


class BookChange(msgspec.Struct, frozen=True, gc=False):
    """The total of one level changed; `total_lots` 0 means the level is gone."""

    side: Side
    price_ticks: int
    total_lots: int
    update_id: int
    ts_ns: int


class TradePrint(msgspec.Struct, frozen=True, gc=False):
    """One match. The price is the maker's; `taker_side` is the aggressor's."""

    trade_id: int
    price_ticks: int
    lots: int
    taker_side: Side
    maker_order_id: int
    taker_order_id: int
    ts_ns: int


class Placement(msgspec.Struct, frozen=True, gc=False):
    """Answer to `Engine.place`; `resting_lots` is 0 unless the status is RESTING."""

    order_id: int
    status: PlaceStatus
    filled_lots: int
    resting_lots: int


class RestingOrder:
    """An order in the book; `lots` is what is left of it."""

    __slots__ = ("lots", "order_id", "owner", "price_ticks", "side")

    def __init__(self, order_id: int, owner: str, side: Side, price_ticks: int, lots: int) -> None:
        self.order_id = order_id
        self.owner = owner
        self.side = side
        self.price_ticks = price_ticks
        self.lots = lots


class Removal(msgspec.Struct, frozen=True, gc=False):
    """Lots that left a resting order during a match without trading; `left_lots` 0 means that the order is gone.

    `by_self_trade`: prevention took the order off, else `Engine.last_look` allowed it no more.
    """

    order_id: int
    lots: int
    left_lots: int
    by_self_trade: bool
    ts_ns: int


class _Meeting(msgspec.Struct, frozen=True, gc=False):
    """What a match will do to one resting order: lots that trade, and lots that are taken off."""

    maker: RestingOrder
    lots: int
    removed: int
    by_self_trade: bool


class UpdateSequence:
    """The counter behind `update_id`; venues that number all their symbols together share one."""

    __slots__ = ("last",)

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def take(self) -> int:
        """The next number."""
        self.last += 1
        return self.last


Event = BookChange | TradePrint
Listener = Callable[[Event], None]


class _Level:
    """Orders of one price in time order (a dict keeps insertion order and cancels in O(1))."""

    __slots__ = ("orders", "total_lots")

    def __init__(self) -> None:
        self.orders: dict[int, RestingOrder] = {}
        self.total_lots = 0


class _HalfBook:
    """One side: levels by price, and the prices sorted upwards."""

    __slots__ = ("levels", "prices", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.levels: dict[int, _Level] = {}
        self.prices: list[int] = []

    def best(self) -> int | None:
        if not self.prices:
            return None
        return self.prices[-1] if self.side is Side.BUY else self.prices[0]

    def level(self, price_ticks: int) -> _Level:
        found = self.levels.get(price_ticks)
        if found is None:
            found = self.levels[price_ticks] = _Level()
            insort(self.prices, price_ticks)
        return found

    def discard(self, price_ticks: int) -> None:
        del self.levels[price_ticks]
        del self.prices[bisect_left(self.prices, price_ticks)]

    def from_best(self) -> Iterator[int]:
        return reversed(self.prices) if self.side is Side.BUY else iter(self.prices)


class Engine:
    """Order book and matching of one instrument.

    `listeners` are called for every `BookChange` and `TradePrint`, in order, while the command runs;
    `settled` is called with the command's time after each command that changed the book, so tops are read
    there. A listener may not send commands back; a `settled` callback may cancel and resize.

    `removals` hear of lots that a match takes off resting orders. `last_look`, where set, is asked before a match how
    many lots of a resting order may trade, given how many of its owner's lots trade in the same match before it.
    """

    def __init__(self, sequence: UpdateSequence | None = None, first_trade_id: int = 1) -> None:
        self.sequence = sequence if sequence is not None else UpdateSequence()
        self.update_id = self.sequence.last
        self.listeners: list[Listener] = []
        self.settled: list[Callable[[int], None]] = []
        self.removals: list[Callable[[Removal], None]] = []
        self.last_look: Callable[[RestingOrder, int], int] | None = None
        self._next_order_id = 1
        self.next_trade_id = first_trade_id
        self._orders: dict[int, RestingOrder] = {}
        self._halves = {Side.BUY: _HalfBook(Side.BUY), Side.SELL: _HalfBook(Side.SELL)}

    # ---- commands -------------------------------------------------------------------------------------

    def place(
        self,
        owner: str,
        side: Side,
        lots: int,
        price_ticks: int | None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        ts_ns: int = 0,
        self_trade: SelfTrade = SelfTrade.NONE,
    ) -> Placement:
        """Match a new order and rest what may rest. `price_ticks` None is a market order (never rests).

        `self_trade` decides what happens where the order meets one of its owner. A fill-or-kill order that prevention
        would keep from filling expires and cancels nothing.

        Raises ValueError for quantities or prices that are not positive.
        """
        if lots <= 0:
            raise ValueError(f"lots must be positive, got {lots}")
        if price_ticks is not None and price_ticks <= 0:
            raise ValueError(f"price_ticks must be positive, got {price_ticks}")
        order_id = self._next_order_id
        self._next_order_id += 1
        if time_in_force is TimeInForce.POST_ONLY and (price_ticks is None or self._crosses(side, price_ticks)):
            return Placement(order_id, PlaceStatus.REJECTED, 0, 0)
        meetings, stopped = self._plan(owner, side, lots, price_ticks, self_trade)
        filled = sum(meeting.lots for meeting in meetings)
        if time_in_force is TimeInForce.FOK and filled < lots:
            return Placement(order_id, PlaceStatus.EXPIRED, 0, 0)
        before = self.update_id
        self._match(order_id, side, meetings, ts_ns)
        remaining = lots - filled
        status, resting = PlaceStatus.EXPIRED, 0
        if remaining == 0:
            status = PlaceStatus.FILLED
        elif stopped:
            status = PlaceStatus.SELF_TRADE
        elif price_ticks is not None and time_in_force in (TimeInForce.GTC, TimeInForce.POST_ONLY):
            self._rest(RestingOrder(order_id, owner, side, price_ticks, remaining), ts_ns)
            status, resting = PlaceStatus.RESTING, remaining
        if self.update_id != before:
            self._settle(ts_ns)
        return Placement(order_id, status, filled, resting)

    def cancel(self, order_id: int, ts_ns: int = 0) -> int:
        """Take an order off the book and return the lots it still had; 0 when it is not in the book."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return 0
        half = self._halves[order.side]
        level = half.levels[order.price_ticks]
        del level.orders[order_id]
        self._add_total(half, order.price_ticks, level, -order.lots, ts_ns)
        self._settle(ts_ns)
        return order.lots

    def resize(self, order_id: int, lots: int, ts_ns: int = 0) -> bool:
        """Set what is left of an order: smaller keeps its place in the queue, larger goes to the end.

        Returns False when the order is no longer in the book. Raises ValueError unless lots is positive.
        """
        if lots <= 0:
            raise ValueError(f"lots must be positive, got {lots}; use cancel to remove an order")
        order = self._orders.get(order_id)
        if order is None:
            return False
        if lots == order.lots:
            return True
        half = self._halves[order.side]
        level = half.levels[order.price_ticks]
        if lots > order.lots:
            level.orders[order_id] = level.orders.pop(order_id)
        difference = lots - order.lots
        order.lots = lots
        self._add_total(half, order.price_ticks, level, difference, ts_ns)
        self._settle(ts_ns)
        return True

    def print_trade(self, price_ticks: int, lots: int, taker_side: Side, ts_ns: int) -> None:
        """Put a recorded trade on the tape without touching the book, whose changes are recorded too."""
        self._emit(TradePrint(self.next_trade_id, price_ticks, lots, taker_side, 0, 0, ts_ns))
        self.next_trade_id += 1

    # ---- views ----------------------------------------------------------------------------------------

    def order(self, order_id: int) -> RestingOrder | None:
        """The order while it rests, else None. The caller must not change it."""
        return self._orders.get(order_id)

    def best(self, side: Side) -> int | None:
        """Best price of a side in ticks, None when the side is empty."""
        return self._halves[side].best()

    def total_lots(self, side: Side, price_ticks: int) -> int:
        """Lots at one level, 0 when there is no such level."""
        level = self._halves[side].levels.get(price_ticks)
        return 0 if level is None else level.total_lots

    def order_count(self, side: Side, price_ticks: int) -> int:
        """Orders resting at one level, 0 when there is no such level."""
        level = self._halves[side].levels.get(price_ticks)
        return 0 if level is None else len(level.orders)

    def levels(self, side: Side, depth: int | None = None) -> list[tuple[int, int]]:
        """Up to `depth` levels as (price_ticks, total_lots), best first; all of them for None."""
        half = self._halves[side]
        prices = half.prices
        if depth is not None:
            prices = prices[-depth:] if side is Side.BUY else prices[:depth]
        ordered = reversed(prices) if side is Side.BUY else iter(prices)
        return [(price, half.levels[price].total_lots) for price in ordered]

    def preview(
        self, owner: str, side: Side, lots: int, price_ticks: int | None, self_trade: SelfTrade = SelfTrade.NONE
    ) -> list[tuple[int, int]]:
        """What `place` would trade now, as (price_ticks, lots) in the order of the matches."""
        meetings, _ = self._plan(owner, side, lots, price_ticks, self_trade)
        return [(meeting.maker.price_ticks, meeting.lots) for meeting in meetings if meeting.lots]

    def would_take(self, side: Side, price_ticks: int) -> bool:
        """Whether a limit order would meet an order, be it one of its owner."""
        return self._crosses(side, price_ticks)

    def reachable(self, taker_side: Side, price_ticks: int | None) -> list[RestingOrder]:
        """The orders that a taker accepts, in the order of the matches. The caller must not change them."""
        half = self._halves[taker_side.opposite]
        found: list[RestingOrder] = []
        for price in half.from_best():
            if not _reaches(taker_side, price_ticks, price):
                break
            found += half.levels[price].orders.values()
        return found

    # ---- inside ---------------------------------------------------------------------------------------

    def _crosses(self, side: Side, price_ticks: int) -> bool:
        best = self._halves[side.opposite].best()
        return best is not None and _reaches(side, price_ticks, best)

    def _plan(
        self, owner: str, side: Side, lots: int, limit: int | None, self_trade: SelfTrade
    ) -> tuple[list[_Meeting], bool]:
        """Whom a taker will meet, best price first and oldest order first, and whether prevention stops it there."""
        half = self._halves[side.opposite]
        prevents = self_trade is not SelfTrade.NONE and owner != ""
        meetings: list[_Meeting] = []
        traded: dict[str, int] = {}
        wanted = lots
        for price in half.from_best():
            if wanted == 0 or not _reaches(side, limit, price):
                break
            for maker in half.levels[price].orders.values():
                if prevents and maker.owner == owner:
                    if self_trade is not SelfTrade.CANCEL_TAKER:
                        meetings.append(_Meeting(maker, 0, maker.lots, True))
                    if self_trade is not SelfTrade.CANCEL_MAKER:
                        return meetings, True
                    continue
                allowed = maker.lots
                if self.last_look is not None:
                    allowed = max(0, min(allowed, self.last_look(maker, traded.get(maker.owner, 0))))
                matched = min(wanted, allowed)
                wanted -= matched
                traded[maker.owner] = traded.get(maker.owner, 0) + matched
                meetings.append(_Meeting(maker, matched, maker.lots - allowed, False))
                if wanted == 0:
                    break
        return meetings, False

    def _match(self, taker_id: int, side: Side, meetings: list[_Meeting], ts_ns: int) -> None:
        """Do what was planned; each level tells its new total once, after its trades."""
        half = self._halves[side.opposite]
        for price, at_price in groupby(meetings, key=lambda meeting: meeting.maker.price_ticks):
            level, gone = half.levels[price], 0
            for meeting in at_price:
                maker = meeting.maker
                gone += meeting.lots + meeting.removed
                maker.lots -= meeting.lots + meeting.removed
                assert maker.lots >= 0, "a match cannot take more than an order has"
                if maker.lots == 0:
                    del level.orders[maker.order_id]
                    del self._orders[maker.order_id]
                if meeting.lots:
                    trade_id, self.next_trade_id = self.next_trade_id, self.next_trade_id + 1
                    self._emit(TradePrint(trade_id, price, meeting.lots, side, maker.order_id, taker_id, ts_ns))
                if meeting.removed:
                    removal = Removal(maker.order_id, meeting.removed, maker.lots, meeting.by_self_trade, ts_ns)
                    for hear in self.removals:
                        hear(removal)
            if gone:
                self._add_total(half, price, level, -gone, ts_ns)

    def _rest(self, order: RestingOrder, ts_ns: int) -> None:
        half = self._halves[order.side]
        level = half.level(order.price_ticks)
        level.orders[order.order_id] = order
        self._orders[order.order_id] = order
        self._add_total(half, order.price_ticks, level, order.lots, ts_ns)

    def _add_total(self, half: _HalfBook, price_ticks: int, level: _Level, lots: int, ts_ns: int) -> None:
        level.total_lots += lots
        assert level.total_lots >= 0, "a level cannot hold less than nothing"
        if level.total_lots == 0:
            assert not level.orders, "an empty level must have no orders"
            half.discard(price_ticks)
        self.update_id = self.sequence.take()
        self._emit(BookChange(half.side, price_ticks, level.total_lots, self.update_id, ts_ns))

    def _settle(self, ts_ns: int) -> None:
        for callback in self.settled:
            callback(ts_ns)

    def _emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


def _reaches(taker_side: Side, limit: int | None, price_ticks: int) -> bool:
    """Whether a taker with this limit (None: market) accepts the price."""
    if limit is None:
        return True
    return price_ticks <= limit if taker_side is Side.BUY else price_ticks >= limit
