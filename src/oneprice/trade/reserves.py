"""What is taken already: positions, and orders that are open or of unknown outcome, each at its worst.

Folded from the ledger, and kept until the next record is. Amounts are exact; call it where the decimal context is
`ledger.exact`'s.
"""

from __future__ import annotations

from decimal import Decimal

from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import ZERO
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import ListingKnown
from oneprice.model import OrderType, Side, TimeInForce
from oneprice.model.deals import DealState, Purpose

BUY = Side.BUY
LIMIT, LIMIT_MAKER, GTC = OrderType.LIMIT, OrderType.LIMIT_MAKER, TimeInForce.GTC
IN_MOTION = frozenset({DealState.WORKING, DealState.HEDGING, DealState.EXITING, DealState.HALTED})


class Taken:
    """Of one listing. `held`: priced units, signed: the position of a perpetual, or what deals that are not settled
    have bought or sold on spot. `buys`, `sells`: quote that open orders may still move. `lowest_sell`, `highest_buy`:
    prices of those that may rest."""

    __slots__ = (
        "account",
        "buys",
        "held",
        "highest_buy",
        "key",
        "lowest_sell",
        "quote",
        "sells",
        "venue",
    )

    def __init__(self, key: str, account: str, quote: str) -> None:
        self.key, self.account, self.quote = key, account, quote
        self.venue = account.rpartition("-")[0]
        self.held = self.buys = self.sells = ZERO
        self.lowest_sell: Decimal | None = None
        self.highest_buy: Decimal | None = None


class Coins:
    """Of one asset, in coins. `net`: what unsettled deals leave of it, and what earlier ones carried. `buys`, `sells`:
    what open orders may still move."""

    __slots__ = ("buys", "net", "sells")

    def __init__(self) -> None:
        self.net = self.buys = self.sells = ZERO


class Reserves:
    """`refresh` before use. `listings` by key, `by_venue` and `by_account` the same ones; `coins` by asset; `busy`: the
    deal in motion, by group, unless all of it is a quote that nobody has taken."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._applied = -1
        self.listings: dict[str, Taken] = {}
        self.by_venue: dict[str, list[Taken]] = {}
        self.by_account: dict[str, list[Taken]] = {}
        self.coins: dict[str, Coins] = {}
        self.busy: dict[str, list[int]] = {}
        self._spoken_for: dict[tuple[str, str], Decimal] = {}
        self._free: dict[tuple[str, str], Decimal] = {}

    def free(self, place: tuple[str, str]) -> Decimal:
        """What new spot orders may use of (account, asset). A fill that is told and not booked is still reserved."""
        found = self._free.get(place)
        if found is None:
            found = self._ledger.total(*place) - self._spoken_for.get(place, ZERO)
            self._free[place] = found
        return found

    def refresh(self) -> None:
        """Count again, when something was recorded since."""
        ledger = self._ledger
        if ledger.applied == self._applied:
            return
        self.listings, self.by_venue, self.by_account = {}, {}, {}
        self.coins, self.busy = {}, {}
        self._spoken_for, self._free = {}, {}
        for key, quantity in ledger.open_positions():
            self._taken(ledger.listings[key]).held += quantity * ledger.listings[key].contract_size
        for order in ledger.awaited():
            self._count_open(order)
        for number, deal in ledger.deals.items():
            self._count_deal(number, deal)
        for asset, amount in ledger.carried.items():
            self._coins(asset).net += amount
        self._applied = ledger.applied

    def _count_open(self, order: TrackedOrder) -> None:
        """What may still be filled, and what is filled and not booked: at the order's price."""
        intent, known = order.intent, order.listing
        is_buy = intent.side is BUY
        taken = self._taken(known)
        units = order.unbooked * known.contract_size
        notional = units * intent.price
        if is_buy:
            taken.buys += notional
        else:
            taken.sells += notional
        if not known.is_perpetual:
            place = (known.account, known.quote if is_buy else known.base)
            amount = notional if is_buy else units * known.multiplier
            self._spoken_for[place] = self._spoken_for.get(place, ZERO) + amount
        for asset, buys, sells in open_of(order):
            coins = self._coins(asset)
            coins.buys += buys
            coins.sells += sells
        if not order.is_over and may_rest(intent.type, intent.time_in_force):
            if is_buy:
                taken.highest_buy = max(taken.highest_buy or ZERO, intent.price)
            elif taken.lowest_sell is None or intent.price < taken.lowest_sell:
                taken.lowest_sell = intent.price

    def _count_deal(self, number: int, deal: Deal) -> None:
        for asset, amount in deal.exposure().items():
            self._coins(asset).net += amount
        for order in deal.orders:
            known = order.listing
            if order.booked and not known.is_perpetual:
                units = order.booked * known.contract_size
                self._taken(known).held += units if order.intent.side is BUY else -units
        if deal.state in IN_MOTION and not is_untaken_quote(deal):
            self.busy.setdefault(deal.opened.group, []).append(number)

    def _taken(self, known: ListingKnown) -> Taken:
        found = self.listings.get(known.listing)
        if found is None:
            found = self.listings[known.listing] = Taken(known.listing, known.account, known.quote)
            self.by_venue.setdefault(found.venue, []).append(found)
            self.by_account.setdefault(found.account, []).append(found)
        return found

    def _coins(self, asset: str) -> Coins:
        found = self.coins.get(asset)
        if found is None:
            found = self.coins[asset] = Coins()
        return found


def may_rest(kind: OrderType, time_in_force: TimeInForce) -> bool:
    """Whether an order may stand in the venue's book."""
    return kind is LIMIT_MAKER or kind is LIMIT and time_in_force is GTC


def is_untaken_quote(deal: Deal) -> bool:
    """Whether all that a deal has done is to rest a quote of which nothing is filled."""
    return all(order.intent.purpose is Purpose.MAKER and not order.filled for order in deal.orders)


def open_of(order: TrackedOrder) -> list[tuple[str, Decimal, Decimal]]:
    """What an order may still buy and sell of each asset, in coins. A perpetual's quote does not move."""
    left = order.left
    if not left:
        return []
    known, is_buy = order.listing, order.intent.side is BUY
    units = left * known.contract_size
    coins = units * known.multiplier
    moves = [(known.base, coins, ZERO) if is_buy else (known.base, ZERO, coins)]
    if not known.is_perpetual:
        notional = units * order.intent.price
        moves.append((known.quote, ZERO, notional) if is_buy else (known.quote, notional, ZERO))
    return moves


def open_coins(deal: Deal) -> dict[str, tuple[Decimal, Decimal]]:
    """What the deal's open orders may still buy and sell, by asset, in coins."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for order in deal.orders:
        for asset, bought, sold in open_of(order):
            buys, sells = found.get(asset, (ZERO, ZERO))
            found[asset] = buys + bought, sells + sold
    return found
