"""Money of a spot desk: what orders hold, and what a match moves. Customers' balances never go below zero."""

from decimal import Decimal

import msgspec

from oneprice.sim import money
from oneprice.sim.accounts import Account, Accounts
from oneprice.sim.engine import Side
from oneprice.sim.market import SimListing
from oneprice.sim.orders import DeskRules, OrderState, Reason, Refused, SimOrder
from oneprice.sim.ticket_check import Intent, worth


class Settled(msgspec.Struct, frozen=True):
    """What one match did to one side's account: the fee, a perpetual's booked profit, and changes of balances."""

    fee: Decimal
    fee_asset: str
    realised: Decimal
    changes: dict[str, Decimal]


class SpotMoney:
    """Holds and settlement in one spot market's wallets."""

    def __init__(self, accounts: Accounts, wallet: str, rules: DeskRules) -> None:
        self._accounts = accounts
        self._wallet = wallet
        self._rules = rules

    def available(self, account: Account, asset: str) -> Decimal:
        """What is free."""
        return account.balance(self._wallet, asset).free

    def require(
        self, account: Account, listing: SimListing, intent: Intent, reduce_only: bool, replaced: SimOrder | None = None
    ) -> Decimal:
        """What an order of that intent will hold; what `replaced` holds may be used for it.

        Raises Refused(INSUFFICIENT_BALANCE).
        """
        instrument = listing.instrument
        if intent.side is Side.SELL:
            asset, hold = instrument.base, base_amount(listing, intent.lots)
        else:
            asset, hold = instrument.quote, intent.to_spend if intent.to_spend is not None else intent.worth
        free = account.balance(self._wallet, asset).free
        if replaced is not None:
            free = money.plus(free, replaced.held)
        if hold > free:
            raise Refused(Reason.INSUFFICIENT_BALANCE, f"{hold} {asset} needed, {free} free")
        return hold

    def set_hold(self, order: SimOrder, amount: Decimal) -> str:
        """Make the order hold so much; returns the asset, "" when nothing changed."""
        difference = money.minus(amount, order.held)
        if not difference:
            return ""
        asset = _held_asset(order)
        balance = order.account.balance(self._wallet, asset)
        balance.free = money.minus(balance.free, difference)
        balance.held = money.plus(balance.held, difference)
        balance.version += 1
        order.held = amount
        return asset

    def hold_of(self, listing: SimListing, side: Side, price_ticks: int, lots: int) -> Decimal:
        """What a resting order of that many lots holds."""
        return worth(listing, price_ticks, lots) if side is Side.BUY else base_amount(listing, lots)

    def settle(self, order: SimOrder, price_ticks: int, lots: int, fee_rate: Decimal) -> Settled:
        """Book one match of the order: pay out of its hold, receive less the fee."""
        listing, instrument = order.listing, order.listing.instrument
        base, quote = base_amount(listing, lots), worth(listing, price_ticks, lots)
        if order.side is Side.BUY:
            paid_asset, paid, got_asset, got = instrument.quote, quote, instrument.base, base
        else:
            paid_asset, paid, got_asset, got = instrument.base, base, instrument.quote, quote
        self._pay(order, paid_asset, paid, lots)
        fee = min(money.fee(got, fee_rate, self._rules.fee_decimals), got)
        received = money.minus(got, fee)
        self._credit(order.account, got_asset, received)
        self._credit(self._accounts.revenue, got_asset, fee)
        return Settled(fee, got_asset, money.ZERO, {paid_asset: money.negated(paid), got_asset: received})

    def settle_house(self, listing: SimListing, side: Side, price_ticks: int, lots: int) -> None:
        """The agents' side of a match; they pay no fee and may owe."""
        base, quote = base_amount(listing, lots), worth(listing, price_ticks, lots)
        sign = 1 if side is Side.BUY else -1
        self._credit(self._accounts.house, listing.instrument.base, money.times(base, sign))
        self._credit(self._accounts.house, listing.instrument.quote, money.times(quote, -sign))

    def move(self, account: Account, asset: str, amount: Decimal) -> None:
        """A deposit, or a withdrawal when negative. Raises Refused(INSUFFICIENT_BALANCE)."""
        if money.plus(account.balance(self._wallet, asset).free, amount) < 0:
            raise Refused(Reason.INSUFFICIENT_BALANCE, f"{-amount} {asset} are not free")
        self._credit(account, asset, amount)

    def _pay(self, order: SimOrder, asset: str, paid: Decimal, lots: int) -> None:
        """From the hold: a fill gives back what its limit held beyond the price, the last one all that is left."""
        if order.state is not OrderState.OPEN:
            freed = order.held
        elif order.side is Side.BUY and order.price_ticks is not None:
            freed = worth(order.listing, order.price_ticks, lots)
        else:
            freed = paid
        assert paid <= freed <= order.held, "a match cannot cost more than its order holds"
        balance = order.account.balance(self._wallet, asset)
        order.held = money.minus(order.held, freed)
        balance.held = money.minus(balance.held, freed)
        balance.free = money.plus(balance.free, money.minus(freed, paid))
        balance.version += 1

    def _credit(self, account: Account, asset: str, amount: Decimal) -> None:
        balance = account.balance(self._wallet, asset)
        balance.free = money.plus(balance.free, amount)
        balance.version += 1


def base_amount(listing: SimListing, lots: int) -> Decimal:
    """Exact base units of lots."""
    return money.times(lots, listing.base_amount(1))


def _held_asset(order: SimOrder) -> str:
    instrument = order.listing.instrument
    return instrument.quote if order.side is Side.BUY else instrument.base
