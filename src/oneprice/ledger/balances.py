"""What each account should hold, by its own rules: spot moves both assets, perpetuals a wallet and a position.

All that changes anything here is to be called `exactly`.
"""

from __future__ import annotations

from decimal import Decimal

from oneprice.errors import InvariantError
from oneprice.ledger.exact import ZERO, minus, plus, share, times
from oneprice.ledger.records import BalanceOpened, ListingKnown, PositionOpened
from oneprice.model import Side

_BUY = Side.BUY  # looked up once: an attribute of an Enum's class takes as long as ten of an object's (Python 3.11)


class Holding:
    """One asset of one account. `opened`: what was there at first; `transferred`: moved in and out since; `traded`: by
    fills without their fees, on perpetuals what closing realised; `fees` paid; `funding` received."""

    __slots__ = ("account", "asset", "fees", "funding", "opened", "traded", "transferred")

    def __init__(self, account: str, asset: str) -> None:
        self.account, self.asset = account, asset
        self.opened: Decimal | None = None
        self.transferred = self.traded = self.fees = self.funding = ZERO

    @property
    def gained(self) -> Decimal:
        """What trading has changed, fees and funding included."""
        return plus(minus(self.traded, self.fees), self.funding)

    @property
    def total(self) -> Decimal:
        """What should be there."""
        return plus(plus(self.opened or ZERO, self.transferred), self.gained)


class Position:
    """A perpetual's: contracts, signed, and what they cost in quote (below 0 when they were sold), by average cost.

    `realised` and the cost of what is left sum to what was paid, exactly: a part's cost is rounded to 18 decimals, and
    the rest keeps what was rounded away. `coins`: base coins in it. `parts`: how often a part was closed since it was
    last flat. `opened`, `opened_coins`, `opened_cost`: what was there at first.
    """

    __slots__ = ("coins", "cost", "opened", "opened_coins", "opened_cost", "parts", "quantity", "realised")

    def __init__(self) -> None:
        self.quantity = self.coins = self.cost = self.realised = ZERO
        self.opened: Decimal | None = None
        self.opened_coins = self.opened_cost = ZERO
        self.parts = 0

    def open(self, quantity: Decimal, coins: Decimal, worth: Decimal) -> None:
        """It was there at first. All signed."""
        self.opened, self.opened_coins, self.opened_cost = quantity, coins, worth
        self.quantity, self.coins, self.cost = self.quantity + quantity, self.coins + coins, self.cost + worth

    def fill(self, quantity: Decimal, coins: Decimal, worth: Decimal) -> Decimal:
        """Take in a fill: all signed, above 0 when bought. Gives the profit that it realises."""
        held = self.quantity
        left = held + quantity
        self.coins += coins
        if not held or (held > 0) == (quantity > 0):
            self.quantity, self.cost = left, self.cost + worth
            return ZERO
        closing, opening = worth, ZERO
        if not left:
            released, self.parts = self.cost, 0
        elif (left > 0) == (held > 0):
            released = share(self.cost, abs(quantity), abs(held))
            self.parts += 1
        else:
            opening = share(worth, left, quantity)  # through flat: what is beyond it opens
            released, closing, self.parts = self.cost, worth - opening, 0
        profit = -closing - released
        self.quantity, self.cost = left, self.cost - released + opening
        self.realised += profit
        return profit


class ListingMoney:
    """What a fill of one listing moves: two holdings, or a position and its wallet (`quote`; `base` is the same then).
    Amounts are above 0. `fills`: how many there were."""

    __slots__ = ("base", "by_asset", "coins_per_unit", "fills", "is_plain", "known", "position", "quote")

    def __init__(self, known: ListingKnown, by_asset: dict[str, Holding]) -> None:
        self.by_asset = by_asset
        self.quote = self.holding(known, known.quote)
        self.base = self.quote if known.is_perpetual else self.holding(known, known.base)
        self.position = Position() if known.is_perpetual else None
        self.fills = 0
        self.know(known)

    def know(self, known: ListingKnown) -> None:
        """Its figures, now and whenever they change."""
        self.known = known
        self.coins_per_unit = times(known.contract_size, known.multiplier)
        self.is_plain = known.contract_size == 1 and known.multiplier == 1

    def holding(self, known: ListingKnown, asset: str) -> Holding:
        """Of this account, made when it is not there."""
        found = self.by_asset.get(asset)
        if found is None:
            found = self.by_asset[asset] = Holding(known.account, asset)
        return found

    def worth(self, price: Decimal, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """`(quote, base coins)` of so much in the listing's unit."""
        worth = price * quantity
        if self.is_plain:
            return worth, quantity
        return worth * self.known.contract_size, quantity * self.coins_per_unit

    def fill(
        self, side: Side, quantity: Decimal, worth: Decimal, coins: Decimal, fees: tuple[tuple[str, Decimal], ...]
    ) -> None:
        """Take in a fill."""
        position, quote = self.position, self.quote
        self.fills += 1
        if position is not None:
            if side is _BUY:
                profit = position.fill(quantity, coins, worth)
            else:
                profit = position.fill(-quantity, -coins, -worth)
            if profit:
                quote.traded += profit
        elif side is _BUY:
            self.base.traded += coins
            quote.traded -= worth
        else:
            self.base.traded -= coins
            quote.traded += worth
        for asset, amount in fees:
            paid = quote if asset == quote.asset else self.holding(self.known, asset)
            paid.fees += amount


class Accounts:
    """All holdings, and the listings that move them. `opened`: the accounts whose books were opened."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        self.listings: dict[str, ListingKnown] = {}
        self.positions: dict[str, Position] = {}
        self.money: dict[str, ListingMoney] = {}
        self._holdings: dict[str, dict[str, Holding]] = {}

    def find(self, account: str, asset: str) -> Holding | None:
        """What is known of one asset of an account; None when nothing is."""
        return self._holdings.get(account, {}).get(asset)

    def holding(self, account: str, asset: str) -> Holding:
        """The same, made when it is not there."""
        by_asset = self._holdings.setdefault(account, {})
        found = by_asset.get(asset)
        if found is None:
            found = by_asset[asset] = Holding(account, asset)
        return found

    def all(self) -> list[Holding]:
        """Every holding, by account and asset."""
        return [held[asset] for _, held in sorted(self._holdings.items()) for asset in sorted(held)]

    def of_listing(self, key: str) -> ListingMoney:
        """Raises InvariantError for a listing that was never told."""
        found = self.money.get(key)
        if found is None:
            raise InvariantError(f"{key} is named, and no record told its figures")
        return found

    def know(self, record: ListingKnown) -> str:
        """A listing's figures. Gives what is odd about them, "" mostly: what is listed there stays the same thing, else
        its money would go to other assets."""
        key = record.listing
        money = self.money.get(key)
        if money is None:
            self.listings[key] = record
            money = self.money[key] = ListingMoney(record, self._holdings.setdefault(record.account, {}))
            if money.position is not None:
                self.positions[key] = money.position
            return ""
        before, position = money.known, money.position
        if (record.base, record.quote, record.is_perpetual) != (before.base, before.quote, before.is_perpetual):
            return f"{key} was {before.symbol} and is told to be {record.symbol}: it counts as what it was"
        self.listings[key] = record
        money.know(record)
        if position is None or not position.quantity or before.contract_size == record.contract_size:
            return ""
        change = f"{before.contract_size} and is {record.contract_size}"
        return f"a contract of {key} was {change}, with a position open: its coins are those of before"

    def open_balance(self, record: BalanceOpened) -> None:
        """Raises InvariantError for one that was opened before."""
        self.opened.add(record.account)
        held = self.holding(record.account, record.asset)
        if held.opened is not None:
            raise InvariantError(f"the book of {record.asset} at {record.account} was opened before")
        held.opened = record.total

    def open_position(self, record: PositionOpened) -> None:
        """Raises InvariantError for one that was opened before, or on spot."""
        money = self.of_listing(record.listing)
        position = money.position
        if position is None or position.opened is not None:
            raise InvariantError(f"{record.listing} has no positions, or its position was opened before")
        worth, coins = money.worth(record.price, record.quantity)
        position.open(record.quantity, coins, worth)
