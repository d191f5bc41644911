"""Deals as they stand, and what is kept of those that are settled."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.ledger.exact import add, minus
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import DealOpened
from oneprice.model import Side
from oneprice.model.deals import DealOutcome, DealState

# Looked up once: an attribute of an Enum's class takes as long as ten of an object's (Python 3.11).
_BUY, _WORKING = Side.BUY, DealState.WORKING


class Split(msgspec.Struct, frozen=True, gc=False):
    """Why a deal brought what it did, in its home asset. All but `achieved` sum to `achieved`, exactly.

    `expected`: by the books that the plan was made from, after fees. `partial`: what of it was not to be had, since a
    leg filled less than planned; what follows is about the part that all legs filled alike, but for `hedge`.
    `price_moved`: prices that had moved when the orders came, and for a position held on purpose until it was closed.
    `depth`: taking more, or less, than was planned from behind the best price. `fees`: above or below the expected.
    `hedge`: what legs filled beyond each other, and what making them equal brought. `funding`: received. `rounding`:
    coins left by steps of lots, at what they are worth, and shares that are no whole decimals.
    """

    expected: Decimal
    price_moved: Decimal
    depth: Decimal
    fees: Decimal
    partial: Decimal
    hedge: Decimal
    rounding: Decimal
    funding: Decimal
    achieved: Decimal


class SettledDeal(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a deal for long. Times are wall nanoseconds, amounts in its home asset, at the marks of its
    end."""

    deal: int
    strategy: str
    group: str
    home: str
    outcome: DealOutcome
    reason: str
    opened_ns: int
    settled_ns: int
    expected_net: Decimal
    net: Decimal


class Deal:
    """One deal. `funding`: received, by (account, asset)."""

    __slots__ = ("funding", "opened", "opened_ns", "orders", "reason", "state")

    def __init__(self, opened: DealOpened) -> None:
        self.opened, self.opened_ns = opened, opened.wall_ns
        self.state, self.reason = _WORKING, ""
        self.orders: list[TrackedOrder] = []
        self.funding: dict[tuple[str, str], Decimal] = {}

    @property
    def nets(self) -> Decimal:
        """Base coins that its legs leave on purpose."""
        return self.opened.nets

    @property
    def has_fills(self) -> bool:
        """Whether anything of it was filled."""
        return any(order.filled for order in self.orders)

    def is_quiet(self) -> bool:
        """Whether every order is over, and its fills are all booked."""
        for order in self.orders:  # noqa: SIM110  # all() takes twice as long
            if not order.is_over or order.booked < order.filled:
                return False
        return True

    def exposure(self) -> dict[str, Decimal]:
        """By asset other than home: coins that its fills, told or booked, have left, signed. A perpetual counts as the
        coins that it stands for. Fees count where they were paid in an asset that the deal trades; what is kept to pay
        fees with is no exposure of a deal."""
        left: dict[str, Decimal] = {}
        filled = [order for order in self.orders if order.filled]
        for order in filled:
            add(left, order.listing.base, order.moved_coins)
            if not order.listing.is_perpetual:
                add(left, order.listing.quote, order.moved_quote)
        for order in filled:
            for asset, amount in order.fees.items():
                if asset in left:
                    left[asset] = minus(left[asset], amount)
        home = self.opened.home
        return {asset: amount for asset, amount in left.items() if amount and asset != home}

    def residual(self) -> dict[str, Decimal]:
        """Exposure beyond what is left on purpose; empty while nothing is filled."""
        if not self.has_fills:
            return {}
        left = self.exposure()
        if self.opened.nets:
            add(left, self.opened.group.partition("/")[0], self.opened.nets.copy_negate())
        return {asset: amount for asset, amount in left.items() if amount}

    def positions(self) -> dict[str, Decimal]:
        """Perpetuals: contracts that its orders have left, by listing, signed."""
        held: dict[str, Decimal] = {}
        for order in self.orders:
            if order.filled and order.listing.is_perpetual:
                add(held, order.intent.listing, order.moved)
        return {key: quantity for key, quantity in held.items() if quantity}

    def flows(self) -> dict[tuple[str, str], Decimal]:
        """What its booked fills have changed, by (account, asset). Perpetuals count what was paid and got, as spot
        does, but no coins: their sum is the profit once the position is closed."""
        moved: dict[tuple[str, str], Decimal] = dict(self.funding)
        for order in self.orders:
            if not order.booked:
                continue
            listing = order.listing
            is_buy = order.intent.side is _BUY
            add(moved, (listing.account, listing.quote), _signed(order.booked_quote, not is_buy))
            if not listing.is_perpetual:
                add(moved, (listing.account, listing.base), _signed(order.coins, is_buy))
            for asset, amount in order.fees.items():
                add(moved, (listing.account, asset), amount.copy_negate())
        return {place: amount for place, amount in moved.items() if amount}

    def sums(self) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        """By asset, over all accounts: what its booked fills, fees and funding have changed, where a perpetual moves
        the coins that it stands for as spot does; and the fees in it, below 0 where rebates were more. To be called
        `exactly`."""
        changed: dict[str, Decimal] = {}
        paid: dict[str, Decimal] = {}
        for order in self.orders:
            if not order.booked:
                continue
            listing, coins, cash = order.listing, order.coins, order.booked_quote
            base, quote = listing.base, listing.quote
            if order.intent.side is _BUY:
                changed[base] = changed[base] + coins if base in changed else coins
                changed[quote] = changed[quote] - cash if quote in changed else -cash
            else:
                changed[base] = changed[base] - coins if base in changed else -coins
                changed[quote] = changed[quote] + cash if quote in changed else cash
            for asset, amount in order.fees.items():
                changed[asset] = changed[asset] - amount if asset in changed else -amount
                paid[asset] = paid[asset] + amount if asset in paid else amount
        for (_, asset), amount in self.funding.items():
            changed[asset] = changed[asset] + amount if asset in changed else amount
        return changed, paid


def _signed(amount: Decimal, is_above: bool) -> Decimal:
    return amount if is_above else amount.copy_negate()
