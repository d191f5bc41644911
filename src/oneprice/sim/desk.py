"""The trading desk of one market of a simulated exchange: customers' orders, checked, matched, booked and reported.

Orders match in the listings' engines, against the agents and each other. A command runs to its end before it returns,
and tells the `listeners` what happened in the order in which it did; a resting order's fills come when others trade.
A refused command changes nothing. The time is an argument and may step back.
"""

from collections.abc import Callable
from decimal import Decimal

from oneprice.sim import money, reduce_only
from oneprice.sim.accounts import Account, Accounts
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.faults import FaultBoard, FaultKind
from oneprice.sim.floor import Floor, Money, half_of, owner_of
from oneprice.sim.margin import FundingPayment, PerpetualMoney
from oneprice.sim.market import Kind, SimListing, SimMarket
from oneprice.sim.order_store import OrderStore
from oneprice.sim.orders import (
    BalanceReason,
    BalanceReport,
    DeskRules,
    DuplicateIds,
    EndedBy,
    OrderState,
    Reason,
    Refused,
    Report,
    SimFill,
    SimOrder,
    Ticket,
)
from oneprice.sim.reference import ReferencePrices
from oneprice.sim.spot_money import SpotMoney
from oneprice.sim.ticket_check import Intent, check_band, check_ticket, check_worth, lots_of, ticks_of, worth

_HOUR_NS = 3_600_000_000_000


class TradingDesk:
    """One market's desk. `accounts` may be shared with the exchange's other desks; `wallet` is this one's.

    Every command and view of an order that is not there, over or against the rules raises Refused.
    """

    def __init__(self, market: SimMarket, accounts: Accounts, rules: DeskRules, faults: FaultBoard) -> None:
        self.market = market
        self.accounts = accounts
        self.rules = rules
        self.wallet = market.market
        self.halted: set[str] = set()
        self.listeners: list[Callable[[Report], None]] = []
        self._faults = faults
        self._store = OrderStore(rules)
        self._prices = ReferencePrices()
        # A spot desk has one too, which knows no listing: every margin is 0 there.
        self._perpetuals = PerpetualMoney(accounts, self.wallet, rules, self._store, self._prices)
        is_spot = all(listing.instrument.kind is Kind.SPOT for listing in market.listings.values())
        self._funds: Money = SpotMoney(accounts, self.wallet, rules) if is_spot else self._perpetuals
        self._floor = Floor(self.wallet, rules, self._store, self._funds, self._tell)
        self._next_order_id = market.now_ns // 1_000_000
        self._countdowns: dict[tuple[int, str], tuple[int, Account, SimListing | None]] = {}
        self._funding_due_ns: int | None = None
        assert market.listings, "a desk opens on a market that has started"
        for listing in market.listings.values():
            self._floor.watch(listing)
            if not is_spot:
                self._perpetuals.know(listing)

    # ---- orders ---------------------------------------------------------------------------------------

    def is_halted(self, listing: SimListing) -> bool:
        """Whether new orders are refused there, by `halted` or by a fault."""
        return listing.key in self.halted or self._faults.active(FaultKind.HALT, listing.key) is not None

    def place(self, account: Account, listing: SimListing, ticket: Ticket, now_ns: int) -> SimOrder:
        """A new order, which may be over already on return: filled, or ended by its time in force."""
        self._check_trading(account, listing)
        intent = check_ticket(listing, ticket, self.rules, self._prices.of(listing), owner_of(account))
        self._check_id_and_count(account, listing, ticket)
        if ticket.reduce_only:
            intent = self._reduced(account, listing, intent)
        self._check_taking(account, listing, ticket, intent)
        self._check_reject_fault(listing)
        hold = self._funds.require(account, listing, intent, ticket.reduce_only)
        order = self._order(account, listing, ticket, intent, now_ns)
        lots = intent.lots
        with self._floor.command(now_ns):
            if self._fills_in_part(order):
                if order.is_market:
                    lots = half_of(listing, lots)
                else:
                    self._floor.thin(order, lots, now_ns)
            self._floor.open(order, hold)
            if lots:
                self._floor.run(order, lots, ticket.time_in_force, now_ns)
            else:
                self._floor.end(order, EndedBy.NO_LIQUIDITY, now_ns)
        return order

    def cancel(self, order: SimOrder, now_ns: int, by: EndedBy = EndedBy.USER) -> None:
        """End an open order; allowed while trading is halted. Raises Refused(ORDER_OVER)."""
        _check_is_open(order)
        with self._floor.command(now_ns):
            self._floor.end(order, by, now_ns)

    def cancel_all(
        self,
        account: Account,
        listing: SimListing | None,
        now_ns: int,
        side: Side | None = None,
        by: EndedBy = EndedBy.USER,
    ) -> list[SimOrder]:
        """End all open orders (of a listing, of a side), oldest first; returns them."""
        orders = self._store.open_orders(account, None if listing is None else listing.key, side)
        with self._floor.command(now_ns):
            for order in orders:
                self._floor.end(order, by, now_ns)
        return orders

    def amend(self, order: SimOrder, now_ns: int, price: Decimal | None, quantity: Decimal | None) -> None:
        """A new price or whole quantity (what is filled included); None leaves it. The number stays the same.

        A smaller quantity keeps the place in the queue; a larger one or a new price loses it, and a new price may
        match at once. Raises Refused; the order is then as it was.
        """
        _check_is_open(order)
        listing = order.listing
        if self.is_halted(listing):
            raise Refused(Reason.HALTED, listing.key, order)
        assert order.price_ticks is not None, "only limit orders rest"
        assert order.lots is not None, "only limit orders rest"
        price_ticks = order.price_ticks if price is None else ticks_of(listing, price)
        lots = order.lots if quantity is None else lots_of(listing, quantity, self.rules)
        if not order.reduce_only:
            check_worth(listing, worth(listing, price_ticks, lots))
        if price_ticks != order.price_ticks:
            check_band(listing, price_ticks, self.rules, self._prices.of(listing))
            if order.time_in_force is TimeInForce.POST_ONLY and listing.engine.would_take(order.side, price_ticks):
                raise Refused(Reason.WOULD_TAKE, "the order would take at its new price", order)
        left = lots - order.filled_lots
        if left <= 0:
            raise Refused(Reason.MIN_QUANTITY, "the new quantity is no more than what is filled", order)
        room = order.left_lots + reduce_only.room(self._store, order.account, listing, order.side)
        if order.reduce_only and left > room:
            raise Refused(Reason.REDUCE_ONLY, "the order would be larger than the position", order)
        intent = Intent(
            side=order.side,
            lots=left,
            price_ticks=price_ticks,
            worth=worth(listing, price_ticks, left),
            target_lots=lots,
        )
        hold = self._funds.require(order.account, listing, intent, order.reduce_only, order)
        with self._floor.command(now_ns):
            self._floor.change(order, price_ticks, lots, hold, now_ns)

    def countdown(self, account: Account, listing: SimListing | None, until_ns: int | None, now_ns: int) -> None:
        """Dead man's switch: cancels all (of a listing) at `until_ns` unless set anew before; None disarms."""
        place = (account.uid, "" if listing is None else listing.key)
        self._countdowns.pop(place, None)
        if until_ns is not None:
            self._countdowns[place] = (until_ns, account, listing)
            self._run_countdowns(now_ns)

    # ---- what is known of orders ------------------------------------------------------------------------

    def order(self, account: Account, order_id: int) -> SimOrder:
        """By number. Raises Refused(UNKNOWN_ORDER)."""
        return self._store.by_id(account, order_id)

    def by_client_id(self, account: Account, listing: SimListing, client_order_id: str) -> SimOrder:
        """The latest with that id. Raises Refused(UNKNOWN_ORDER)."""
        return self._store.by_client_id(account, listing.key, client_order_id)

    def open_orders(self, account: Account, listing: SimListing | None = None) -> list[SimOrder]:
        """Oldest first."""
        return self._store.open_orders(account, None if listing is None else listing.key)

    def orders(
        self, account: Account, listing: SimListing | None = None, since_ns: int = 0, until_ns: int | None = None
    ) -> list[SimOrder]:
        """Open and ended ones by the time of placing, oldest first."""
        return self._store.orders(account, None if listing is None else listing.key, since_ns, until_ns)

    def fills(
        self,
        account: Account,
        listing: SimListing | None = None,
        since_ns: int = 0,
        until_ns: int | None = None,
        order_id: int | None = None,
        after_id: int = 0,
    ) -> list[SimFill]:
        """Oldest first; `after_id` leaves out fills up to that number."""
        return self._store.fills(account, listing, since_ns, until_ns, order_id, after_id)

    # ---- money ----------------------------------------------------------------------------------------

    def available(self, account: Account, asset: str) -> Decimal:
        """Spot: what is free. Perpetuals: wallet and losses less margin, rounded down, never below zero."""
        return self._funds.available(account, asset)

    def deposit(self, account: Account, asset: str, amount: Decimal, now_ns: int) -> None:
        """Add to a balance; a negative amount withdraws. Raises Refused(INSUFFICIENT_BALANCE)."""
        self._funds.move(account, asset, amount)
        reason = BalanceReason.DEPOSIT if amount >= 0 else BalanceReason.WITHDRAW
        self._tell(BalanceReport(account, self.wallet, {asset: amount}, reason))

    def mark_price(self, listing: SimListing) -> Decimal:
        """Exact, on the tick."""
        return self._prices.of(listing)

    def leverage(self, account: Account, listing: SimListing) -> int:
        """As set, else the venue's default."""
        return self._perpetuals.leverage(account, listing)

    def set_leverage(self, account: Account, listing: SimListing, leverage: int) -> None:
        """Raises Refused(BAD_LEVERAGE)."""
        self._perpetuals.set_leverage(account, listing, leverage)

    def set_hedge_mode(self, account: Account, on: bool) -> None:
        """Raises Refused(IN_USE) with open orders or positions. Orders in hedge mode are refused."""
        if account.hedge_mode == on:
            return
        positions = (account.positions.get(key) for key in self.market.listings)
        if self._store.has_open(account) or any(position and position.lots for position in positions):
            raise Refused(Reason.IN_USE, "there are open orders or positions")
        account.hedge_mode = on

    def unrealised(self, account: Account, listing: SimListing) -> Decimal:
        """Exact profit of the position at the mark price."""
        return self._perpetuals.unrealised(account, listing)

    def position_margin(self, account: Account, listing: SimListing) -> Decimal:
        """Margin of the position, rounded up."""
        return self._perpetuals.position_margin(account, listing)

    def order_margin(self, account: Account) -> Decimal:
        """Margin that open orders may need, rounded up."""
        return self._perpetuals.order_margin(account)

    def settle_funding(self, now_ns: int, rate: Decimal | None = None) -> None:
        """Pay funding on every position, at `rate` or at each listing's own."""
        for listing in self.market.listings.values():
            if listing.instrument.kind is not Kind.PERPETUAL:
                continue
            own = round(Decimal(listing.fair.funding_rate(self.market.now_ns)), self.rules.funding_decimals)
            paid = self._perpetuals.pay_funding(listing, own if rate is None else rate, now_ns)
            for account, amount in paid:
                changes = {listing.instrument.quote: amount}
                self._tell(BalanceReport(account, self.wallet, changes, BalanceReason.FUNDING))

    def funding_payments(self, account: Account, listing: SimListing | None = None) -> list[FundingPayment]:
        """Oldest first."""
        payments = self._perpetuals.payments[account.uid]
        return [payment for payment in payments if listing is None or payment.key == listing.key]

    # ---- time -----------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        """Everything that is due: countdowns, forgetting, funding at its hours."""
        self._run_countdowns(now_ns)
        self._store.forget(now_ns)
        interval_ns = self.rules.funding_hours * _HOUR_NS
        if self._funding_due_ns is None:
            self._funding_due_ns = (now_ns // interval_ns + 1) * interval_ns
        elif now_ns >= self._funding_due_ns:
            self._funding_due_ns = (now_ns // interval_ns + 1) * interval_ns
            self.settle_funding(now_ns)

    # ---- inside ---------------------------------------------------------------------------------------

    def _check_trading(self, account: Account, listing: SimListing) -> None:
        if self.is_halted(listing):
            raise Refused(Reason.HALTED, listing.key)
        if account.hedge_mode and listing.instrument.kind is Kind.PERPETUAL:
            raise Refused(Reason.HALTED, "hedge mode is not traded here; switch to one-way mode")

    def _check_id_and_count(self, account: Account, listing: SimListing, ticket: Ticket) -> None:
        name = ticket.client_order_id
        if name and self.rules.duplicate_ids is DuplicateIds.REFUSED_WHILE_OPEN:
            same = self._store.open_with_client_id(account, listing.key, name)
            if same is not None:
                raise Refused(Reason.DUPLICATE_CLIENT_ID, f"{name!r} is open already", same)
        if self._store.open_count(account, listing.key) >= self.rules.open_orders_max:
            raise Refused(Reason.TOO_MANY_ORDERS, f"{self.rules.open_orders_max} orders are open in {listing.key}")

    def _reduced(self, account: Account, listing: SimListing, intent: Intent) -> Intent:
        """No larger than what of the position no other reduce-only order closes."""
        room = reduce_only.room(self._store, account, listing, intent.side)
        if room == 0:
            raise Refused(Reason.REDUCE_ONLY, "there is no position that the order would reduce")
        if intent.lots <= room:
            return intent
        part = money.share(intent.worth, room, intent.lots, self.rules.fee_decimals)
        return Intent(side=intent.side, lots=room, price_ticks=intent.price_ticks, worth=part, target_lots=room)

    def _check_taking(self, account: Account, listing: SimListing, ticket: Ticket, intent: Intent) -> None:
        price_ticks = intent.price_ticks
        takes = price_ticks is None or listing.engine.would_take(intent.side, price_ticks)
        if ticket.time_in_force is TimeInForce.POST_ONLY and takes and self.rules.post_only_refused:
            raise Refused(Reason.WOULD_TAKE, "the order would take")
        if ticket.time_in_force is TimeInForce.FOK and self.rules.fok_refused:
            met = listing.engine.preview(owner_of(account), intent.side, intent.lots, price_ticks, ticket.self_trade)
            if sum(lots for _, lots in met) < intent.lots:
                raise Refused(Reason.FOK, "the order would not fill wholly")

    def _check_reject_fault(self, listing: SimListing) -> None:
        if self._faults.hit(FaultKind.REJECT_ORDER, listing.key) is not None:
            raise Refused(Reason.INSUFFICIENT_BALANCE, "fault reject_order")

    def _fills_in_part(self, order: SimOrder) -> bool:
        """Whether the fault partial_fill strikes an order, which it does only when that takes.

        For a limit order the agents' side is thinned; a market order, which reaches all of it, is cut in half instead.
        """
        if order.time_in_force is TimeInForce.POST_ONLY:
            return False
        if order.price_ticks is not None and not order.listing.engine.would_take(order.side, order.price_ticks):
            return False
        return self._faults.hit(FaultKind.PARTIAL_FILL, order.listing.key) is not None

    def _order(self, account: Account, listing: SimListing, ticket: Ticket, intent: Intent, now_ns: int) -> SimOrder:
        order = SimOrder(self._next_order_id, account, listing, ticket, now_ns)
        self._next_order_id += 1
        order.price_ticks = intent.price_ticks
        order.lots = None if intent.by_quote else intent.lots
        order.target_lots = intent.target_lots
        return order

    def _run_countdowns(self, now_ns: int) -> None:
        for place, (until_ns, account, listing) in list(self._countdowns.items()):
            if now_ns >= until_ns:
                del self._countdowns[place]
                self.cancel_all(account, listing, now_ns, by=EndedBy.DEAD_MAN)

    def _tell(self, report: Report) -> None:
        for listener in self.listeners:
            listener(report)


def _check_is_open(order: SimOrder) -> None:
    if order.state is not OrderState.OPEN:
        raise Refused(Reason.ORDER_OVER, f"the order is {order.state.value}", order)
