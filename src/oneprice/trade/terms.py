"""What a listing's number in the hub stands for, in whole numbers: steps, units, minimums, the account's own fee.

Amounts of an asset are in 1e-18 ("atto"), fees and shares in 1e-12; Decimals are exact products. What must be rounded
is rounded against us.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from oneprice.core import Hub
from oneprice.core.sizing import BUY, LADDER_MAX
from oneprice.core.specs import ATTO, ListingSpec
from oneprice.ledger.exact import EXACT
from oneprice.market.books import Book
from oneprice.model import MarketKind
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.marks import Marks

PPT = 10**12
BPS = PPT // 10_000
LEVELS_FIRST = 16
"""Levels that are looked at before the whole depth is: orders are small."""


class Terms:
    """What a listing's number in the hub stands for, worked out once. A step is the listing's own lot.

    `base_step`: base coins in one step, `unit`: quote asset of one tick of the listing times one step, both in atto.
    `steps_min`, `steps_max`: the listing's quantities. `worth_min`: its smallest order, in atto of the quote asset.
    `fee`: the account's own, as a taker; `fee_ppt` the same, rounded up. `tick`: the hub's, and `value_unit`: quote
    asset of one tick times one lot of the hub.
    """

    __slots__ = (
        "account",
        "base",
        "base_step",
        "book",
        "fee",
        "fee_ppt",
        "group",
        "info",
        "is_perpetual",
        "key",
        "name",
        "number",
        "quote",
        "spec",
        "steps_max",
        "steps_min",
        "tick",
        "unit",
        "value_unit",
        "worth_min",
    )

    def __init__(self, number: int, book: Book, spec: ListingSpec, fee: Decimal) -> None:
        info = book.info
        self.number, self.book, self.spec, self.info = number, book, spec, info
        self.key, self.account, self.name, self.group = listing_key(info), book.market, book.name, book.group
        self.base, self.quote = str(info.symbol.base), str(info.symbol.quote)
        self.is_perpetual = info.market is MarketKind.USDM
        self.base_step = spec.lot_base_atto * spec.order_lots
        self.unit = spec.value_unit_atto * spec.order_ticks * spec.order_lots
        lot = scaled(info.lot_size, 18)
        self.steps_min = max(1, -(-ceil_scaled(info.min_quantity, 18) // lot))
        self.steps_max = scaled(info.max_quantity, 18) // lot if info.max_quantity is not None else 1 << 80
        self.worth_min = ceil_scaled(info.min_notional, 18)
        self.fee, self.fee_ppt = fee, ceil_scaled(fee, 12)
        self.tick = EXACT.scaleb(Decimal(spec.price_unit), -spec.price_decimals)
        self.value_unit = from_atto(spec.value_unit_atto)

    def quantity(self, steps: int) -> Decimal:
        """In the listing's unit."""
        return steps * self.info.lot_size

    def take(self, hub: Hub, side: int, steps: int) -> tuple[int, int, int] | None:
        """`(best level, worst level, value)` of taking so many steps now: in the hub's ticks, and in its ticks times
        lots. None when there are not so many."""
        return taken(hub, self.number, self.spec.depth, side, steps * self.spec.order_lots)

    def ticks(self, side: int, level: int) -> int:
        """The limit, in the listing's ticks, that reaches a level of the hub's."""
        return -(-level // self.spec.order_ticks) if side == BUY else level // self.spec.order_ticks


class Listings:
    """The terms of listings that we have accounts for, by their number in the hub, and what an order may be worth."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._marks = desk, Marks(desk)
        self._known: dict[int, Terms] = {}
        self._books: dict[str, Book] = {}
        risk = desk.settings.risk
        self._most = [min(risk.order_notional_max, risk.unhedged_notional_max / loose) for loose in (1, 2)]
        self._most_atto = [scaled(most, 18) for most in self._most]

    def terms(self, number: int) -> Terms | str:
        """Why not, where it has a new number or there is no account."""
        known = self._known.get(number)
        if known is not None and known.book.number == number:
            fee = self._desk.taker_fees.get(known.key)
            if fee is None or fee is known.fee:
                return known
        return self._learn(number)

    def by_key(self, key: str) -> Terms | str:
        """The same by listing key."""
        book = self._books.get(key)
        if book is None:
            self._books = {listing_key(one.info): one for one in self._desk.market.books}
            book = self._books.get(key)
        return self.terms(book.number) if book is not None else f"{key} is not watched"

    def order_max(self, quote: str, loose: int = 1) -> int | str:
        """The most that one order may be worth, in atto of `quote`; `loose`: how many such orders a plan can leave
        unhedged at worst. Why not, where nobody knows what the quote is worth."""
        home = self._desk.settings.base_currency
        if quote == home:
            return self._most_atto[loose - 1]
        price = self._marks.price(quote, home)
        if not price:
            return f"no price of {quote} in {home}, which limits are in"
        return scaled(self._most[loose - 1] / price, 18)

    def _learn(self, number: int) -> Terms | str:
        books = self._desk.market.books
        book = books[number]
        if book.number != number:
            self._known.pop(number, None)
            return f"{book.name} has new rules"
        if book.market not in self._desk.accounts:
            return f"no account at {book.market}"
        fee = self._desk.taker_fees.get(listing_key(book.info), book.taker_fee)
        self._known[number] = terms = Terms(number, book, books.spec(number), fee)
        return terms


def ladder(hub: Hub, number: int, depth: bool, side: int) -> Iterator[tuple[int, int]]:
    """`(ticks, lots)` that an order of `side` meets, best first, as the hub sizes: the top, then the book behind it."""
    top = hub.top(number)
    best, there = (top[2], top[3]) if side == BUY else (top[0], top[1])
    if not there:
        return
    yield best, there
    seen, place = 1, 1 if side == BUY else 0
    levels: list[tuple[int, int]] = []
    for count in (LEVELS_FIRST, 2 * LADDER_MAX) if depth else ():
        looked = len(levels)
        levels = hub.levels(number, count)[place]
        for ticks, lots in levels[looked:]:
            if seen < LADDER_MAX and (ticks > best if side == BUY else ticks < best):
                seen += 1
                yield ticks, lots
        if len(levels) < count:
            return


def taken(hub: Hub, number: int, depth: bool, side: int, lots: int) -> tuple[int, int, int] | None:
    """`(best level, worst level, value)` of taking so many of the hub's lots. None when the depth ends before."""
    top = hub.top(number)
    best, there = (top[2], top[3]) if side == BUY else (top[0], top[1])
    if lots <= there:
        return best, best, best * lots
    value = 0
    for ticks, quantity in ladder(hub, number, depth, side):
        step = min(lots, quantity)
        value += ticks * step
        lots -= step
        if not lots:
            return best, ticks, value
    return None


def nearest(numerator: int, denominator: int) -> int:
    """The nearest whole number at or above 0; of two equally near, the smaller."""
    return max(0, -((denominator - 2 * numerator) // (2 * denominator)))


def scaled(value: Decimal, digits: int) -> int:
    """`value` times 10 to the `digits`, towards 0."""
    return int(EXACT.scaleb(value, digits))


def ceil_scaled(value: Decimal, digits: int) -> int:
    """`value` times 10 to the `digits`, rounded up."""
    up = EXACT.scaleb(value, digits)
    whole = int(up)
    return whole + 1 if up > whole else whole


def ceil_share(amount: int, ppt: int) -> int:
    """A share in 1e-12 of an amount, rounded up."""
    return -(-amount * ppt // PPT)


def from_atto(amount: int) -> Decimal:
    """In whole units of the asset, without zeros behind its last digit."""
    if not amount % ATTO:
        return Decimal(amount // ATTO)
    return EXACT.normalize(EXACT.scaleb(Decimal(amount), -18))
