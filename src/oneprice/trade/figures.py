"""The figures of watched listings that gates count by, made once for each set of rules."""

from __future__ import annotations

from decimal import Context, Decimal

from oneprice.core import Hub
from oneprice.core.states import BookState
from oneprice.market import MarketData
from oneprice.market.books import Book
from oneprice.model import MarketKind
from oneprice.model.deals import PlanLeg
from oneprice.trade.desk import listing_key

LIVE = int(BookState.LIVE)
GROUP_FRESH_NS = 1_000_000_000
RANGE_FRESH_NS = 50_000_000
DECIMALS_MAX = 24
NO_MAX = 1 << 62
_ROUNDED = Context(prec=60)


class Figures:
    """Of one listing. `lot_coins`: base coins in a lot; `unit`: notional of one price step and one lot; `tick_coin`: a
    price step per base coin. `tick_parts`: that in parts of its `group`, which is set with it."""

    __slots__ = (
        "account",
        "base",
        "base_place",
        "book",
        "contract_size",
        "group",
        "group_name",
        "info",
        "is_spot",
        "key",
        "last_parts",
        "last_seen",
        "lot_coins",
        "lots_max",
        "lots_min",
        "min_notional",
        "multiplier",
        "number",
        "quote",
        "quote_place",
        "tick_coin",
        "tick_parts",
        "unit",
        "venue",
    )

    def __init__(self, book: Book) -> None:
        info = book.info
        self.book, self.info, self.number = book, info, book.number
        self.account, self.key, self.venue = book.market, listing_key(info), str(info.venue)
        self.is_spot = info.market is MarketKind.SPOT
        self.base, self.quote, self.group_name = str(info.symbol.base), str(info.symbol.quote), book.group
        self.base_place, self.quote_place = (self.account, self.base), (self.account, self.quote)
        self.contract_size, self.multiplier = info.contract_size, info.multiplier
        self.lot_coins = info.lot_size * info.contract_size * info.multiplier
        self.unit = info.tick_size * info.lot_size * info.contract_size
        self.tick_coin = _ROUNDED.divide(info.tick_size, info.multiplier)
        self.group: Group | None = None
        self.tick_parts = 0
        self.lots_min = max(1, ceil_div(info.min_quantity, info.lot_size))
        self.lots_max = NO_MAX if info.max_quantity is None else int(info.max_quantity // info.lot_size)
        self.min_notional = info.min_notional
        self.last_seen: Decimal | None = None
        self.last_parts = 0

    @property
    def is_current(self) -> bool:
        """Whether the rules and the book's grid are still those that it was made from."""
        return self.book.info is self.info and self.book.number == self.number

    @property
    def price(self) -> Decimal | None:
        """The last known, for one of the listing's priced units."""
        price = self.book.price
        return None if price is None else price * self.multiplier


class Group:
    """Listings of one group, ours or not, with prices per base coin as whole numbers: `scale` parts are one quote unit.
    `rows`: number in the hub, venue, and the parts of a step of the book's grid."""

    __slots__ = ("_high", "_low", "_ranged_ns", "figures", "made_ns", "rows", "scale")

    def __init__(self, members: list[Figures], now_ns: int) -> None:
        self.figures, self.made_ns = members, now_ns
        self._low = self._high = 0
        self._ranged_ns = now_ns - RANGE_FRESH_NS
        steps = [step / one.multiplier for one in members for step in (one.info.tick_size, one.book.tick_size)]
        places = [-int(step.normalize().as_tuple().exponent) for step in steps]
        self.scale = 10 ** min(DECIMALS_MAX, max(places, default=0) + 2)
        self.rows = tuple((one.number, one.venue, self._parts(one, one.book.tick_size)) for one in members)
        for one in members:
            one.group, one.tick_parts, one.last_seen = self, self._parts(one, one.info.tick_size), None

    def _parts(self, one: Figures, price: Decimal) -> int:
        return int(price * self.scale // one.multiplier)

    def range(self, hub: Hub, now_ns: int) -> tuple[int, int]:
        """The lowest and the highest price of the LIVE books, twice in parts, 0 when there is none; at most
        RANGE_FRESH_NS old."""
        if now_ns - self._ranged_ns >= RANGE_FRESH_NS:
            low = high = 0
            for number, _, parts in self.rows:
                if hub.state(number) == LIVE:
                    bid, bid_lots, ask, ask_lots, _ = hub.top(number)
                    if bid_lots and ask_lots:
                        middle = (bid + ask) * parts
                        low, high = min(low or middle, middle), max(high, middle)
            self._low, self._high, self._ranged_ns = low, high, now_ns
        return self._low, self._high

    def last(self, figures: Figures) -> int:
        """A member's last known price of a base coin in parts, 0 when there is none."""
        last = figures.book.price
        if last is not figures.last_seen:
            figures.last_seen, figures.last_parts = last, int(last * self.scale) if last is not None else 0
        return figures.last_parts if last is not None else 0


class Sheet:
    """Figures of all watched listings, by name and by group."""

    def __init__(self, market: MarketData) -> None:
        self._market = market
        self._by_symbol: dict[tuple[str, str], Figures] = {}
        self._by_rules: dict[int, Figures] = {}  # by the identity of the rules, which the figures keep alive
        self._groups: dict[str, Group] = {}

    def of_leg(self, leg: PlanLeg) -> Figures | None:
        """None when the listing is not watched."""
        listing = leg.listing
        found = self._by_rules.get(id(listing))
        if found is not None:
            book = found.book
            if book.info is listing and book.number == found.number and found.account == leg.account:
                return found
        return self.of(leg.account, listing.venue_symbol)

    def of(self, account: str, venue_symbol: str) -> Figures | None:
        """None when the listing is not watched."""
        found = self._by_symbol.get((account, venue_symbol))
        if found is not None and found.is_current:
            return found
        for book in self._market.books:
            if book.market == account and book.info.venue_symbol == venue_symbol:
                if found is not None:
                    self._by_rules.pop(id(found.info), None)
                made = self._by_symbol[account, venue_symbol] = Figures(book)
                self._by_rules[id(made.info)] = made
                return made
        return None

    def of_key(self, key: str) -> Figures | None:
        """By listing key."""
        account, _, venue_symbol = key.partition(":")
        return self.of(account, venue_symbol)

    def group_of(self, figures: Figures, now_ns: int) -> Group:
        """What a listing is compared with. One that is new, or has a new grid, is in it within a second."""
        group = figures.group
        if group is None or now_ns - group.made_ns >= GROUP_FRESH_NS:
            group = self._make_group(figures.group_name, now_ns)
        return group

    def rate(self, asset: str, home: str, now_ns: int) -> Decimal | None:
        """What one of an asset is worth in `home`: the highest last price of its listings; None when none is known."""
        name = f"{asset}/{home}"
        group = self._groups.get(name)
        if group is None or now_ns - group.made_ns >= GROUP_FRESH_NS:
            group = self._make_group(name, now_ns)
        return max([one.book.price for one in group.figures if one.book.price], default=None)

    def _make_group(self, name: str, now_ns: int) -> Group:
        found = [self.of(book.market, book.info.venue_symbol) for book in self._market.books if book.group == name]
        group = self._groups[name] = Group([one for one in found if one is not None], now_ns)
        return group


def ceil_div(value: Decimal, step: Decimal) -> int:
    """How many steps reach a value that is not below 0. (`//` of Decimals cuts towards 0.)"""
    whole = int(value // step)
    return whole + (whole * step < value)


def shown(value: Decimal) -> str:
    """For people: exact, without idle zeros."""
    return f"{value.normalize():f}" if value else "0"


def signed(value: Decimal) -> str:
    """The same with its sign."""
    return f"{value.normalize():+f}" if value else "0"
