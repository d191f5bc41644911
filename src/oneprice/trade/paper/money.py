"""Money of a paper account, exact: spot balances, or a wallet with positions in cross margin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

from oneprice.ledger.exact import ZERO, minus, plus, share, times
from oneprice.model import Position, Side, SymbolInfo

LEVERAGE_DEFAULT = 10
_ROUNDING = Context(prec=60)
"""For margins, which are compared and never booked."""
_SHORT = Context(prec=18)
"""For prices that are told and not reckoned with."""
_FREE_UNIT = Decimal("1e-8")


class Wish(NamedTuple):
    """An order as money sees it: `quantity` is what is left of it, `worth` that in quote asset, at its worst price."""

    listing: SymbolInfo
    side: Side
    quantity: Decimal
    worth: Decimal
    reduce_only: bool


class Settled(NamedTuple):
    """What a fill did: the fee and its asset, and the assets whose balances moved."""

    fee: Decimal
    fee_asset: str
    assets: tuple[str, ...]


def worth_of(listing: SymbolInfo, price: Decimal, quantity: Decimal) -> Decimal:
    """In quote asset."""
    return times(times(price, quantity), listing.contract_size)


class SpotMoney:
    """Both assets of a fill move; the fee is paid in what is received, as venues do. `totals` by asset."""

    def __init__(self, totals: Mapping[str, Decimal]) -> None:
        self.totals = dict(totals)

    def free(self, asset: str, wishes: Iterable[Wish]) -> Decimal:
        """The balance less what open orders hold, never below 0."""
        held = ZERO
        for wish in wishes:
            needed, amount = _needed(wish)
            if needed == asset:
                held = plus(held, amount)
        return max(ZERO, minus(self.totals.get(asset, ZERO), held))

    def lacks(self, wish: Wish, others: Iterable[Wish], fee_rate: Decimal) -> str:
        """Why there is not enough for one more order beside the others, in words; "" when there is.

        A buy needs its worth at the limit, a sale its coins; the fee comes out of what is received.
        """
        asset, amount = _needed(wish)
        free = self.free(asset, others)
        return f"{amount:f} {asset} needed, {free:f} free" if amount > free else ""

    def settle(self, listing: SymbolInfo, side: Side, price: Decimal, quantity: Decimal, rate: Decimal) -> Settled:
        """Book a fill; `rate`: the fee as a fraction, negative for a rebate."""
        base, quote = str(listing.symbol.base), str(listing.symbol.quote)
        coins, worth = _coins(listing, quantity), worth_of(listing, price, quantity)
        if side is Side.BUY:
            paid_asset, paid, got_asset, got = quote, worth, base, coins
        else:
            paid_asset, paid, got_asset, got = base, coins, quote, worth
        fee = times(got, rate)
        self.totals[paid_asset] = minus(self.totals.get(paid_asset, ZERO), paid)
        assert self.totals[paid_asset] >= 0, "a fill costs no more than its order held"
        self.totals[got_asset] = plus(self.totals.get(got_asset, ZERO), minus(got, fee))
        return Settled(fee, got_asset, (base, quote))


class Held:
    """A net position: contracts and what they cost in quote, both below 0 when short."""

    __slots__ = ("cost", "quantity")

    def __init__(self, quantity: Decimal = ZERO, cost: Decimal = ZERO) -> None:
        self.quantity, self.cost = quantity, cost

    def fill(self, quantity: Decimal, worth: Decimal) -> Decimal:
        """Take in a fill, signed as the position is. Gives the profit that closing books, by average cost; what a
        part's cost is rounded by stays in the rest."""
        left = plus(self.quantity, quantity)
        if self.quantity * quantity >= 0:
            released, closing, opening = ZERO, ZERO, worth
        elif not left or left * self.quantity < 0:
            opening = share(worth, left, quantity)
            released, closing = self.cost, minus(worth, opening)
        else:
            released, closing, opening = share(self.cost, abs(quantity), abs(self.quantity)), worth, ZERO
        self.quantity, self.cost = left, plus(minus(self.cost, released), opening)
        return minus(ZERO, plus(closing, released))


class PerpetualMoney:
    """Net positions in cross margin; profit and fees go to the quote asset's wallet. There is no liquidation: a wallet
    may go below zero.

    `totals`: wallets, without unrealised profit. `marks`: the last known middle of each listing that has a position;
    `leverages` as set; both by venue symbol.
    """

    def __init__(self, totals: Mapping[str, Decimal]) -> None:
        self.totals = dict(totals)
        self.positions: dict[str, Held] = {}
        self.listings: dict[str, SymbolInfo] = {}
        self.leverages: dict[str, int] = {}
        self.marks: dict[str, Decimal] = {}

    def quantity(self, listing: SymbolInfo) -> Decimal:
        """Contracts, signed."""
        held = self.positions.get(listing.venue_symbol)
        return ZERO if held is None else held.quantity

    def leverage(self, listing: SymbolInfo) -> int:
        """As set, or the usual one."""
        return self.leverages.get(listing.venue_symbol, LEVERAGE_DEFAULT)

    def position(self, listing: SymbolInfo, now_ns: int) -> Position:
        """As a venue tells it; the entry price is the average."""
        quantity, mark = self.quantity(listing), self.marks.get(listing.venue_symbol)
        entry = None
        if quantity:
            entry = _SHORT.divide(self.positions[listing.venue_symbol].cost, times(quantity, listing.contract_size))
        return Position(
            listing=listing,
            quantity=quantity,
            entry_price=entry,
            mark_price=mark,
            unrealised_pnl=None if mark is None else self.unrealised(listing),
            leverage=Decimal(self.leverage(listing)),
            time_ns=now_ns,
        )

    def unrealised(self, listing: SymbolInfo) -> Decimal:
        """Profit of the position at its mark; 0 while there is no mark."""
        held, mark = self.positions.get(listing.venue_symbol), self.marks.get(listing.venue_symbol)
        if held is None or mark is None:
            return ZERO
        return minus(worth_of(listing, mark, held.quantity), held.cost)

    def free(self, asset: str, wishes: Iterable[Wish]) -> Decimal:
        """Wallet and unrealised loss, less the margin of positions (at their cost) and of what orders may open."""
        return max(ZERO, self._left(asset, wishes).quantize(_FREE_UNIT, ROUND_FLOOR, _ROUNDING))

    def lacks(self, wish: Wish, others: Iterable[Wish], fee_rate: Decimal) -> str:
        """As of spot. Margin and fee must be there for what the order opens; closing is always allowed."""
        if wish.reduce_only:
            return ""
        others, asset = list(others), str(wish.listing.symbol.quote)
        more = minus(self._orders_margin(asset, [*others, wish]), self._orders_margin(asset, others))
        if more <= 0:
            return ""
        needed, left = plus(more, max(ZERO, times(wish.worth, fee_rate))), self._left(asset, others)
        return f"{needed:f} {asset} of margin and fee needed, {left:f} available" if needed > left else ""

    def settle(self, listing: SymbolInfo, side: Side, price: Decimal, quantity: Decimal, rate: Decimal) -> Settled:
        """Book a fill; `rate`: the fee as a fraction, negative for a rebate."""
        quote, worth, sign = str(listing.symbol.quote), worth_of(listing, price, quantity), Decimal(int(side))
        self.listings[listing.venue_symbol] = listing
        held = self.positions.setdefault(listing.venue_symbol, Held())
        profit, fee = held.fill(times(quantity, sign), times(worth, sign)), times(worth, rate)
        self.totals[quote] = plus(self.totals.get(quote, ZERO), minus(profit, fee))
        return Settled(fee, quote, (quote,))

    def _left(self, asset: str, wishes: Iterable[Wish]) -> Decimal:
        profit, margin = ZERO, self._orders_margin(asset, wishes)
        for symbol, held in self.positions.items():
            listing = self.listings[symbol]
            if held.quantity and listing.symbol.quote == asset:
                profit = plus(profit, self.unrealised(listing))
                margin = _ROUNDING.add(margin, _ROUNDING.divide(abs(held.cost), Decimal(self.leverage(listing))))
        return _ROUNDING.subtract(plus(self.totals.get(asset, ZERO), min(ZERO, profit)), margin)

    def _orders_margin(self, asset: str, wishes: Iterable[Wish]) -> Decimal:
        """The oldest orders close the position first; what is beyond it opens."""
        closable: dict[tuple[str, Side], Decimal] = {}
        margin = ZERO
        for wish in wishes:
            listing = wish.listing
            if wish.reduce_only or listing.symbol.quote != asset or not wish.quantity:
                continue
            place = (listing.venue_symbol, wish.side)
            room = closable.setdefault(place, max(ZERO, times(self.quantity(listing), Decimal(-int(wish.side)))))
            closing = min(room, wish.quantity)
            closable[place] = minus(room, closing)
            opening = _ROUNDING.multiply(wish.worth, minus(wish.quantity, closing))
            margin = _ROUNDING.add(
                margin, _ROUNDING.divide(opening, times(wish.quantity, Decimal(self.leverage(listing))))
            )
        return margin


def _coins(listing: SymbolInfo, quantity: Decimal) -> Decimal:
    return times(times(quantity, listing.contract_size), listing.multiplier)


def _needed(wish: Wish) -> tuple[str, Decimal]:
    """What a spot order holds."""
    if wish.side is Side.BUY:
        return str(wish.listing.symbol.quote), wish.worth
    return str(wish.listing.symbol.base), _coins(wish.listing, wish.quantity)
