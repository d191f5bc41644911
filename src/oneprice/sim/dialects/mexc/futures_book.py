"""What MEXC tells of perpetual orders and positions beyond what a desk keeps: fees by kind, open types, position ids.

A position has an id from its opening to its close; one that turns over is closed, and another is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from oneprice.sim import money
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import Side
from oneprice.sim.keeping import keep_newest
from oneprice.sim.market import SimListing
from oneprice.sim.orders import OrderReport, Report, SimFill, SimOrder

__all__ = ["CROSS", "ISOLATED", "FuturesBook", "OrderExtras", "PositionRecord"]

ISOLATED: Final = 1
CROSS: Final = 2
ORDERS_KEPT: Final = 100_000
CLOSED_KEPT: Final = 1_000
_FIRST_POSITION: Final = 1_394_650


class OrderExtras:
    """Of one order: isolated or cross as asked (the simulation margins all as cross), its fees, its booked profit."""

    __slots__ = ("maker_fee", "open_type", "position_id", "profit", "taker_fee")

    def __init__(self) -> None:
        self.open_type = CROSS
        self.position_id = 0
        self.taker_fee = Decimal(0)
        self.maker_fee = Decimal(0)
        self.profit = Decimal(0)


class PositionRecord:
    """One position from opening to close; lots are whole contracts, sums exact in quote. `profit` without `fees`."""

    def __init__(self, position_id: int, listing: SimListing, is_long: bool, open_type: int, now_ms: int) -> None:
        self.position_id = position_id
        self.listing = listing
        self.is_long = is_long
        self.open_type = open_type
        self.held_lots = 0
        self.closed_lots = 0
        self.closed_worth = Decimal(0)
        self.open_price = Decimal(0)
        self.profit = Decimal(0)
        self.fees = Decimal(0)
        self.created_ms = self.updated_ms = now_ms
        self.version = 1


class _File:
    def __init__(self) -> None:
        self.held: dict[str, PositionRecord] = {}
        self.closed: list[PositionRecord] = []


class FuturesBook:
    """Hears the desk's fills; must hear them before who tells of them. `changed` is called with each changed record."""

    def __init__(self, desk: TradingDesk) -> None:
        self.changed: list[Callable[[Account, PositionRecord], None]] = []
        self._orders: dict[int, OrderExtras] = {}
        self._files: dict[int, _File] = {}
        self._next_id = _FIRST_POSITION
        self._placing_open_type = CROSS
        desk.listeners.append(self._hear)

    # ---- reading --------------------------------------------------------------------------------------

    def order(self, order: SimOrder) -> OrderExtras:
        """What is known of the order; made when it is seen first."""
        found = self._orders.get(order.order_id)
        if found is None:
            found = self._orders[order.order_id] = OrderExtras()
            found.open_type = self._placing_open_type
            keep_newest(self._orders, ORDERS_KEPT)
        return found

    def held(self, account: Account) -> list[PositionRecord]:
        """Open positions, oldest first."""
        return list(self._file(account).held.values())

    def closed(self, account: Account) -> list[PositionRecord]:
        """Closed positions, the last one last."""
        return self._file(account).closed

    def placing(self, open_type: int) -> None:
        """The open type of the order that is placed next: its reports come before its number is known."""
        self._placing_open_type = open_type

    # ---- hearing --------------------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        if not isinstance(report, OrderReport):
            return
        extras, fill = self.order(report.order), report.fill
        if fill is None:
            held = self._file(report.order.account).held.get(report.order.listing.key)
            extras.position_id = extras.position_id or (0 if held is None else held.position_id)
            return
        if fill.is_maker:
            extras.maker_fee = money.plus(extras.maker_fee, fill.fee)
        else:
            extras.taker_fee = money.plus(extras.taker_fee, fill.fee)
        extras.profit = money.plus(extras.profit, fill.realised)
        for record in self._book(fill, extras.open_type):
            extras.position_id = record.position_id
            for tell in self.changed:
                tell(report.order.account, record)

    def _book(self, fill: SimFill, open_type: int) -> list[PositionRecord]:
        """The records that the fill changes: the one it closes, then the one it opens or adds to."""
        order, listing = fill.order, fill.order.listing
        file = self._file(order.account)
        is_buy, now_ms = order.side is Side.BUY, fill.ts_ns // 1_000_000
        held, left, fee = file.held.get(listing.key), fill.lots, fill.fee
        changed: list[PositionRecord] = []
        if held is not None and held.is_long is not is_buy:
            closing = min(left, held.held_lots)
            held.held_lots -= closing
            held.closed_lots += closing
            worth = money.times(fill.price_ticks * closing, listing.quote_amount(1, 1))
            held.closed_worth = money.plus(held.closed_worth, worth)
            held.profit = money.plus(held.profit, fill.realised)
            held.fees, fee = money.plus(held.fees, fee), Decimal(0)
            left -= closing
            changed.append(held)
            if not held.held_lots:
                file.closed.append(file.held.pop(listing.key))
                del file.closed[:-CLOSED_KEPT]
                held = None
        if left:
            if held is None:
                held = file.held[listing.key] = PositionRecord(self._next_id, listing, is_buy, open_type, now_ms)
                self._next_id += 1
            held.held_lots += left
            held.fees = money.plus(held.fees, fee)
            position = order.account.position(listing.key)
            # Of two fills of one command, the position is only as far as the first: what it holds is what counts.
            if position.lots:
                held.open_price = abs(position.cost) / abs(listing.base_amount(position.lots))
            changed.append(held)
        for record in changed:
            record.updated_ms = now_ms
            record.version += 1
        return changed

    def _file(self, account: Account) -> _File:
        return self._files.setdefault(account.uid, _File())
