"""Money of a perpetual desk: net positions in cross margin, their profit, and funding.

Over all accounts, house and revenue included, the sum of wallets less costs of positions changes by deposits only: a
match adds to one side's cost what it takes from the other's, fees go to the revenue, funding goes from side to side.
There is no liquidation: a wallet may go below zero.
"""

from collections import defaultdict, deque
from decimal import Decimal

import msgspec

from oneprice.sim import money
from oneprice.sim.accounts import Account, Accounts
from oneprice.sim.engine import Side
from oneprice.sim.market import SimListing
from oneprice.sim.order_store import OrderStore
from oneprice.sim.orders import DeskRules, Reason, Refused, SimOrder
from oneprice.sim.reference import ReferencePrices
from oneprice.sim.spot_money import Settled
from oneprice.sim.ticket_check import Intent, worth

_PAYMENTS_KEPT_MAX = 10_000
"""Funding payments of one account that are remembered."""


class FundingPayment(msgspec.Struct, frozen=True):
    """What an account got at a funding time, negative when it paid."""

    time_ns: int
    key: str
    amount: Decimal
    rate: Decimal


class _Wish(msgspec.Struct, frozen=True):
    """An order as margin sees it."""

    side: Side
    lots: int
    worth: Decimal


class PerpetualMoney:
    """Wallets, positions and margin of one perpetual market."""

    def __init__(
        self, accounts: Accounts, wallet: str, rules: DeskRules, store: OrderStore, prices: ReferencePrices
    ) -> None:
        self._accounts = accounts
        self._wallet = wallet
        self._rules = rules
        self._store = store
        self._prices = prices
        self._listings: dict[str, SimListing] = {}
        self.payments: defaultdict[int, deque[FundingPayment]] = defaultdict(lambda: deque(maxlen=_PAYMENTS_KEPT_MAX))

    def know(self, listing: SimListing) -> None:
        """Positions in this listing belong to this desk."""
        self._listings[listing.key] = listing

    # ---- margin ---------------------------------------------------------------------------------------

    def leverage(self, account: Account, listing: SimListing) -> int:
        """As set, else the venue's default."""
        return account.leverages.get(listing.key, self._rules.leverage_default)

    def set_leverage(self, account: Account, listing: SimListing, leverage: int) -> None:
        """Raises Refused(BAD_LEVERAGE) when out of range, or when less of it would need more than there is."""
        if not 1 <= leverage <= self._rules.leverage_max:
            raise Refused(Reason.BAD_LEVERAGE, f"leverage must be 1..{self._rules.leverage_max}, got {leverage}")
        before, is_less = dict(account.leverages), leverage < self.leverage(account, listing)
        account.leverages[listing.key] = leverage
        if is_less and self._left(account, listing.instrument.quote) < 0:
            account.leverages = before
            raise Refused(Reason.BAD_LEVERAGE, f"leverage {leverage} would need more margin than there is")

    def available(self, account: Account, asset: str) -> Decimal:
        """What may become margin: rounded down, never below zero."""
        return max(money.ZERO, money.floored(self._left(account, asset), self._rules.fee_decimals))

    def unrealised(self, account: Account, listing: SimListing) -> Decimal:
        """Exact profit of the position at the mark price."""
        position = account.positions.get(listing.key)
        if position is None or not position.lots:
            return money.ZERO
        return money.minus(self._marked(listing, position.lots), position.cost)

    def position_margin(self, account: Account, listing: SimListing) -> Decimal:
        """The position's worth at the mark price through the leverage, rounded up."""
        position = account.positions.get(listing.key)
        if position is None or not position.lots:
            return money.ZERO
        at_mark = self._marked(listing, abs(position.lots))
        return money.divided_up(at_mark, self.leverage(account, listing), self._rules.fee_decimals)

    def order_margin(self, account: Account, asset: str | None = None) -> Decimal:
        """What open orders may need: those that close no position, at their limit, through the leverage."""
        margins = [
            self._wishes_margin(account, listing, self._wishes(account, listing, None))
            for listing in self._listings.values()
            if asset is None or listing.instrument.quote == asset
        ]
        return money.total(margins)

    def require(
        self, account: Account, listing: SimListing, intent: Intent, reduce_only: bool, replaced: SimOrder | None = None
    ) -> Decimal:
        """Margin and fee must be there for what an order opens. Perpetual orders hold nothing: always 0.

        Raises Refused(INSUFFICIENT_BALANCE).
        """
        if reduce_only:
            return money.ZERO
        others = self._wishes(account, listing, replaced)
        present = self._wishes_margin(account, listing, self._wishes(account, listing, None))
        wish = _Wish(intent.side, intent.lots, intent.worth)
        wanted = self._wishes_margin(account, listing, [*others, wish])
        more = money.minus(wanted, present)
        if more <= 0:
            return money.ZERO
        fee = money.fee(intent.worth, max(money.ZERO, self._rules.taker_fee), self._rules.fee_decimals)
        left = self._left(account, listing.instrument.quote)
        if money.plus(more, fee) > left:
            raise Refused(Reason.INSUFFICIENT_BALANCE, f"{more} margin and {fee} fee needed, {left} available")
        return money.ZERO

    # ---- settlement -----------------------------------------------------------------------------------

    def set_hold(self, order: SimOrder, amount: Decimal) -> str:
        """Perpetual orders hold nothing."""
        assert not amount, "margin of orders is computed, not held"
        return ""

    def hold_of(self, listing: SimListing, side: Side, price_ticks: int, lots: int) -> Decimal:
        """Always 0, see `set_hold`."""
        return money.ZERO

    def settle(self, order: SimOrder, price_ticks: int, lots: int, fee_rate: Decimal) -> Settled:
        """Book one match of the order into its account's position and wallet."""
        asset = order.listing.instrument.quote
        realised = self._trade(order.account, order.listing, order.side, price_ticks, lots, order.updated_ns)
        fee = money.fee(worth(order.listing, price_ticks, lots), fee_rate, self._rules.fee_decimals)
        change = money.minus(realised, fee)
        self._credit(order.account, asset, change)
        self._credit(self._accounts.revenue, asset, fee)
        return Settled(fee, asset, realised, {asset: change})

    def settle_house(self, listing: SimListing, side: Side, price_ticks: int, lots: int) -> None:
        """The agents' side of a match; they pay no fee."""
        house = self._accounts.house
        realised = self._trade(house, listing, side, price_ticks, lots, listing.market.now_ns)
        self._credit(house, listing.instrument.quote, realised)

    def move(self, account: Account, asset: str, amount: Decimal) -> None:
        """A deposit, or a withdrawal when negative. Raises Refused(INSUFFICIENT_BALANCE)."""
        if amount < 0 and -amount > self.available(account, asset):
            raise Refused(Reason.INSUFFICIENT_BALANCE, f"{-amount} {asset} are not available")
        self._credit(account, asset, amount)

    def pay_funding(self, listing: SimListing, rate: Decimal, now_ns: int) -> list[tuple[Account, Decimal]]:
        """Longs pay shorts where the rate is positive; returns what each customer got.

        Rounded down to what wallets have; the house, which has the other side of all positions, has that of all sums.
        """
        paid: list[tuple[Account, Decimal]] = []
        asset = listing.instrument.quote
        for account in self._accounts.all():
            position = account.positions.get(listing.key)
            if position is None or not position.lots:
                continue
            exact = money.times(self._marked(listing, position.lots), money.negated(rate))
            amount = money.floored(exact, self._rules.fee_decimals)
            self._credit(account, asset, amount)
            self._credit(self._accounts.house, asset, money.negated(amount))
            self.payments[account.uid].append(FundingPayment(now_ns, listing.key, amount, rate))
            paid.append((account, amount))
        return paid

    # ---- inside ---------------------------------------------------------------------------------------

    def _trade(
        self, account: Account, listing: SimListing, side: Side, price_ticks: int, lots: int, now_ns: int
    ) -> Decimal:
        """Change the position; returns the profit that closing booked."""
        position = account.position(listing.key)
        sign = 1 if side is Side.BUY else -1
        closing = min(lots, max(0, -position.lots * sign))
        realised = money.ZERO
        if closing:
            cost = money.share(position.cost, closing, abs(position.lots), self._rules.fee_decimals)
            realised = money.minus(money.times(worth(listing, price_ticks, closing), -sign), cost)
            position.cost = money.minus(position.cost, cost)
        position.cost = money.plus(position.cost, money.times(worth(listing, price_ticks, lots - closing), sign))
        position.lots += lots * sign
        position.realised = money.plus(position.realised, realised)
        position.updated_ns = now_ns
        position.version += 1
        return realised

    def _left(self, account: Account, asset: str) -> Decimal:
        """Wallet and losses less all margin; below zero when there is too little."""
        profit, margin = money.ZERO, self.order_margin(account, asset)
        for key in account.positions:
            listing = self._listings.get(key)
            if listing is not None and listing.instrument.quote == asset:
                profit = money.plus(profit, self.unrealised(account, listing))
                margin = money.plus(margin, self.position_margin(account, listing))
        wallet = account.balance(self._wallet, asset).free
        return money.minus(money.plus(wallet, min(money.ZERO, profit)), margin)

    def _wishes(self, account: Account, listing: SimListing, without: SimOrder | None) -> list[_Wish]:
        return [
            _Wish(order.side, order.left_lots, worth(listing, order.price_ticks, order.left_lots))
            for order in self._store.open_orders(account, listing.key)
            if order is not without and not order.reduce_only and order.price_ticks is not None
        ]

    def _wishes_margin(self, account: Account, listing: SimListing, wishes: list[_Wish]) -> Decimal:
        """Oldest orders close the position first; what is beyond it opens."""
        if not wishes:
            return money.ZERO
        position = account.positions.get(listing.key)
        lots = position.lots if position is not None else 0
        closable = {Side.BUY: max(0, -lots), Side.SELL: max(0, lots)}
        opening = money.ZERO
        for wish in wishes:
            closing = min(closable[wish.side], wish.lots)
            closable[wish.side] -= closing
            if closing < wish.lots:
                part = money.share(wish.worth, wish.lots - closing, wish.lots, self._rules.fee_decimals)
                opening = money.plus(opening, part)
        return money.divided_up(opening, self.leverage(account, listing), self._rules.fee_decimals)

    def _marked(self, listing: SimListing, lots: int) -> Decimal:
        unit = listing.base_amount(1)
        return money.times(money.times(lots, unit), self._prices.of(listing))

    def _credit(self, account: Account, asset: str, amount: Decimal) -> None:
        balance = account.balance(self._wallet, asset)
        balance.free = money.plus(balance.free, amount)
        balance.version += 1
