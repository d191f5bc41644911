"""One order of ours, as far as it is known: its state goes along legal edges only, and what is filled never gets
less."""

from __future__ import annotations

from decimal import Decimal

from oneprice.ledger.exact import ZERO, minus, plus, times
from oneprice.ledger.records import FillTold, ListingKnown, OrderIntended, OrderTold
from oneprice.model import ENDED, OrderStatus, Side

_BEGIN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
_END = (*sorted(ENDED), OrderStatus.UNKNOWN)

EDGES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING_NEW: frozenset({*_BEGIN, OrderStatus.PENDING_CANCEL, *_END}),
    OrderStatus.NEW: frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL, *_END}),
    OrderStatus.PARTIALLY_FILLED: frozenset({OrderStatus.PENDING_CANCEL, *_END}),
    OrderStatus.PENDING_CANCEL: frozenset({*_BEGIN, *_END}),  # back, where the cancel was refused
    OrderStatus.UNKNOWN: frozenset({*_BEGIN, OrderStatus.PENDING_CANCEL, *ENDED}),
    **dict.fromkeys(ENDED, frozenset[OrderStatus]()),
}
"""What may follow a status. UNKNOWN is left by evidence alone; an end is final.

One exception: what counts as refused but was never told by the venue (REJECTED without its order id) is our own
conclusion, and the venue's word undoes it."""

# Looked up once: an attribute of an Enum's class takes as long as ten of an object's (Python 3.11).
_BUY, _NEW, _PENDING_NEW = Side.BUY, OrderStatus.NEW, OrderStatus.PENDING_NEW
_PARTIALLY_FILLED, _FILLED, _REJECTED = OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.REJECTED


class TrackedOrder:
    """`filled`: the larger of what the venue told and what is booked; `filled_quote`: its worth as told, None when not.
    `booked`, `coins`, `booked_quote`: by fills alone, in the listing's unit, base coins and quote. `fees` by asset,
    negative for rebates. `fills`: their ids. `best`: the best price that a fill had, None before any.
    `listing`: its figures when it was intended.
    """

    __slots__ = (
        "best",
        "booked",
        "booked_quote",
        "coins",
        "fees",
        "filled",
        "filled_quote",
        "fills",
        "intent",
        "is_over",
        "listing",
        "not_sent",
        "reason",
        "status",
        "venue_order_id",
    )

    def __init__(self, intent: OrderIntended, listing: ListingKnown) -> None:
        self.intent, self.listing = intent, listing
        self.status = _PENDING_NEW
        self.venue_order_id = self.reason = ""
        self.filled = self.booked = self.booked_quote = self.coins = ZERO
        self.filled_quote: Decimal | None = None
        self.best: Decimal | None = None
        self.fees: dict[str, Decimal] = {}
        self.fills: tuple[str, ...] = ()
        self.is_over = self.not_sent = False

    @property
    def is_unknown(self) -> bool:
        """Whether nobody can say what became of it."""
        return self.status is OrderStatus.UNKNOWN

    @property
    def fills_complete(self) -> bool:
        """Whether every fill that the venue counts is booked."""
        return self.booked >= self.filled

    @property
    def left(self) -> Decimal:
        """What may still be filled; 0 once it is over."""
        if self.is_over:
            return ZERO
        return max(ZERO, minus(self.intent.quantity, self.filled))

    @property
    def unbooked(self) -> Decimal:
        """What may still be booked: what may be filled, and what is filled and not booked yet."""
        until = self.filled if self.is_over else max(self.intent.quantity, self.filled)
        return minus(until, self.booked)

    @property
    def moved(self) -> Decimal:
        """What is filled, told or booked, in the listing's unit; above 0 when bought."""
        return self.filled if self.intent.side is Side.BUY else self.filled.copy_negate()

    @property
    def moved_coins(self) -> Decimal:
        """Base coins that what is filled has moved, told or booked; above 0 when bought."""
        coins, listing = self.coins, self.listing
        if self.booked < self.filled:
            rest = times(times(minus(self.filled, self.booked), listing.contract_size), listing.multiplier)
            coins = plus(coins, rest)
        return coins if self.intent.side is Side.BUY else coins.copy_negate()

    @property
    def moved_quote(self) -> Decimal:
        """Quote that what is filled has moved, above 0 when sold: as booked, else as told, else at the order's
        price."""
        worth = self.booked_quote
        if self.booked < self.filled:
            if self.filled_quote is not None:
                worth = max(worth, self.filled_quote)
            else:
                rest = times(minus(self.filled, self.booked), self.listing.contract_size)
                worth = plus(worth, times(rest, self.intent.price))
        return worth.copy_negate() if self.intent.side is Side.BUY else worth

    def told(self, record: OrderTold) -> str:
        """Take in what is told. Gives what is odd about it, "" mostly."""
        status, before, was_over, odd = record.status, self.status, self.is_over, ""
        if was_over:
            odd = self._undo(record)
            was_over = not odd
        elif status is before:
            self.reason = record.reason or self.reason
        elif status in EDGES[before]:
            odd = self._move(record)
        if record.venue_order_id:
            self.venue_order_id = record.venue_order_id
        if record.filled > self.filled:
            odd = self._fill_to(record.filled, was_over) or odd
        if self.status is _FILLED and self.filled < self.intent.quantity:
            self.filled = self.intent.quantity  # that is what the word says, whatever figure came with it
        if record.filled_quote is not None and record.filled == self.filled:
            self.filled_quote = record.filled_quote
        return odd

    def cancelling(self) -> None:
        """A cancel of it leaves now."""
        if OrderStatus.PENDING_CANCEL in EDGES[self.status] and not self.is_unknown:
            self.status = OrderStatus.PENDING_CANCEL

    def book(self, fill: FillTold, worth: Decimal, coins: Decimal) -> str:
        """Take in a fill of it, worth so much quote, of so many base coins. Gives what is odd about it, "" mostly. To
        be called `exactly`."""
        intent, price, best, filled = self.intent, fill.price, self.best, self.filled
        booked = fill.quantity
        if best is None:
            self.booked, self.booked_quote, self.coins, self.best = booked, worth, coins, price
        else:
            self.booked = booked = self.booked + booked
            self.booked_quote += worth
            self.coins += coins
            if price < best if intent.side is _BUY else price > best:
                self.best = price
        self.fills += (fill.venue_fill_id,)
        for asset, amount in fill.fees:
            paid = self.fees.get(asset)
            self.fees[asset] = amount if paid is None else paid + amount
        odd = ""
        if self.is_over:
            odd = self._book_late(fill)
        elif booked >= intent.quantity:
            self.status, self.is_over = _FILLED, True  # nothing more can come of it
            odd = self._beyond(fill)
        elif self.status is _NEW or self.status is _PENDING_NEW:
            self.status = _PARTIALLY_FILLED
        if booked > filled:
            self.filled = booked
        if not self.venue_order_id:
            self.venue_order_id = fill.venue_order_id
        return odd

    # ---- inside

    def _move(self, record: OrderTold) -> str:
        """Along a legal edge."""
        status, odd = record.status, ""
        if status is _REJECTED and (self.filled or record.filled):
            status, odd = OrderStatus.CANCELED, f"{self} is told refused, and has filled; it counts as canceled"
        elif status is _NEW and self.filled:
            status = _PARTIALLY_FILLED
        self.status, self.reason, self.not_sent = status, record.reason, record.not_sent
        self.is_over = status in ENDED
        return odd

    def _undo(self, record: OrderTold) -> str:
        """An end stays, unless it was our own conclusion."""
        if self.status is not OrderStatus.REJECTED or self.venue_order_id or not record.venue_order_id:
            return ""
        if record.status in (OrderStatus.REJECTED, OrderStatus.PENDING_NEW, OrderStatus.UNKNOWN):
            return ""
        self._move(record)
        return f"{self} was taken for refused, and the venue has it: {record.status.name}"

    def _fill_to(self, filled: Decimal, was_over: bool) -> str:
        """The venue counts more than was known."""
        before, quantity, odd = self.filled, self.intent.quantity, ""
        if filled > quantity:
            odd = f"{self} is told filled with {filled}, which is beyond its quantity of {quantity}"
        elif was_over:
            odd = f"{self} was over ({self.status.name}) with {before} filled, and is told filled with {filled}"
        self.filled = max(before, min(filled, quantity))
        return odd

    def _book_late(self, fill: FillTold) -> str:
        """A fill after the end: one that the end had counted, or a late one."""
        if self.booked <= self.filled:
            return ""
        if self.status is OrderStatus.REJECTED:
            self.is_over, self.not_sent = self.booked >= self.intent.quantity, False
            self.status = OrderStatus.FILLED if self.is_over else OrderStatus.UNKNOWN
            return self._beyond(fill) or f"{self} was taken for refused, and has {_words(fill)}"
        return self._beyond(fill) or f"{self} was over ({self.status.name}), and has a late {_words(fill)}"

    def _beyond(self, fill: FillTold) -> str:
        quantity = self.intent.quantity
        if self.booked <= quantity:
            return ""
        return f"{self} has {_words(fill)}, which brings it to {self.booked}, beyond its quantity of {quantity}"

    def __str__(self) -> str:
        intent = self.intent
        return f"order {intent.client_order_id} ({intent.side.name} {intent.listing})"


def _words(fill: FillTold) -> str:
    return f"fill {fill.venue_fill_id} of {fill.quantity}"
