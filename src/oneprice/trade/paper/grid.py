"""Between a listing's decimals and the whole ticks and lots of its live book, which may be finer than the rules."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from oneprice.ledger.exact import ZERO, minus, plus, times
from oneprice.market.books import Book
from oneprice.model import NewOrder, Side
from oneprice.trade.paper.depth import Level
from oneprice.trade.paper.money import worth_of


def limit_ticks(book: Book, order: NewOrder) -> int | None:
    """The worst level that the order accepts; None for a market order."""
    if order.price is None:
        return None
    ticks, rest = divmod(order.price, book.tick_size)
    return int(ticks) + (1 if rest and order.side is Side.SELL else 0)


def lots_of(book: Book, quantity: Decimal) -> int:
    """Whole lots of the book in a quantity."""
    return int(quantity // book.lot_size)


def quantity_of(book: Book, lots: int) -> Decimal:
    """In the listing's unit."""
    return times(book.lot_size, Decimal(lots))


def price_of(book: Book, ticks: int) -> Decimal:
    """In quote asset."""
    return times(book.tick_size, Decimal(ticks))


def walk(ladder: Iterable[Level], lots: int) -> list[tuple[Level, int]]:
    """The levels that an order of so many lots takes, and how much of each."""
    taken = []
    for level in ladder:
        if not lots:
            break
        part = min(lots, level.lots)
        taken.append((level, part))
        lots -= part
    return taken


def cost_of(book: Book, taken: Iterable[tuple[Level, int]]) -> Decimal:
    """What the levels are worth, in quote asset."""
    cost = ZERO
    for level, lots in taken:
        cost = plus(cost, worth_of(book.info, price_of(book, level.ticks), quantity_of(book, lots)))
    return cost


def lots_for(book: Book, ladder: Iterable[Level], amount: Decimal) -> int:
    """Lots of the book, in whole lots of the rules, that an amount of quote asset pays for."""
    lots = 0
    for level in ladder:
        of_one = worth_of(book.info, price_of(book, level.ticks), book.lot_size)
        affordable = int(amount // of_one)
        part = min(level.lots, affordable)
        lots += part
        amount = minus(amount, times(of_one, Decimal(part)))
        if affordable < level.lots:
            break
    step = int(book.info.lot_size / book.lot_size)
    return lots - lots % step
