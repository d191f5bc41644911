"""What one of an asset is worth in another now, by our own books. Exact middles, for counting; never for pricing."""

from __future__ import annotations

from decimal import Decimal

from oneprice.core.states import BookState
from oneprice.market.books import Book
from oneprice.trade.desk import Desk


class Marks:
    """Remembers the last price of each asset, for when no book of it is live."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last: dict[tuple[str, str], Decimal] = {}

    def price(self, asset: str, home: str) -> Decimal | None:
        """Home units for one of the asset; None when no book has ever told."""
        if asset == home:
            return Decimal(1)
        live = [book for book in self._desk.market.books if book.group == f"{asset}/{home}"]
        for book in live:
            middle = middle_of(book, self._desk)
            if middle is not None:
                self._last[asset, home] = middle
                return middle
        return self._last.get((asset, home))


def middle_of(book: Book, desk: Desk) -> Decimal | None:
    """Between bid and ask, per base coin; None while the book is not live."""
    hub = desk.market.hub
    if hub.state(book.number) != BookState.LIVE:
        return None
    bid_ticks, bid_lots, ask_ticks, ask_lots, _ = hub.top(book.number)
    if not bid_lots or not ask_lots:
        return None
    return (bid_ticks + ask_ticks) * book.tick_size / 2 / book.info.multiplier
