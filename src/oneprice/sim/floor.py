"""Where customers' orders meet the engines: what a match, a cancel or a change does to them, and the reports of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Protocol

from oneprice.sim import money, reduce_only
from oneprice.sim.accounts import Account
from oneprice.sim.engine import Event, Placement, PlaceStatus, Removal, RestingOrder, Side, TimeInForce, TradePrint
from oneprice.sim.market import Kind, SimListing
from oneprice.sim.order_store import OrderStore
from oneprice.sim.orders import (
    BalanceReason,
    BalanceReport,
    Change,
    DeskRules,
    EndedBy,
    OrderReport,
    OrderState,
    PositionReport,
    Report,
    SimFill,
    SimOrder,
)
from oneprice.sim.spot_money import Settled
from oneprice.sim.ticket_check import Intent, lots_per_step, worth

_EXPIRES = frozenset({EndedBy.IOC, EndedBy.FOK, EndedBy.POST_ONLY, EndedBy.NO_LIQUIDITY, EndedBy.SELF_TRADE})
"""Ends that the exchange itself brings about; by all others an order is cancelled."""


class Money(Protocol):
    """What the floor and the desk ask of a market's wallets; see SpotMoney and PerpetualMoney."""

    def available(self, account: Account, asset: str) -> Decimal:
        """What new orders may use."""
        ...

    def require(
        self, account: Account, listing: SimListing, intent: Intent, reduce_only: bool, replaced: SimOrder | None = None
    ) -> Decimal:
        """What the order will hold. Raises Refused(INSUFFICIENT_BALANCE)."""
        ...

    def set_hold(self, order: SimOrder, amount: Decimal) -> str:
        """Make the order hold so much; the asset whose balance changed, or ""."""
        ...

    def hold_of(self, listing: SimListing, side: Side, price_ticks: int, lots: int) -> Decimal:
        """What a resting order holds."""
        ...

    def settle(self, order: SimOrder, price_ticks: int, lots: int, fee_rate: Decimal) -> Settled:
        """Book one match of a customer's order."""
        ...

    def settle_house(self, listing: SimListing, side: Side, price_ticks: int, lots: int) -> None:
        """Book the agents' side of a match."""
        ...

    def move(self, account: Account, asset: str, amount: Decimal) -> None:
        """Deposit or withdraw."""
        ...


class Floor:
    """The one place that changes orders. `tell` gets every report; what it calls may not send commands back."""

    def __init__(
        self, wallet: str, rules: DeskRules, store: OrderStore, funds: Money, tell: Callable[[Report], None]
    ) -> None:
        self._wallet = wallet
        self._rules = rules
        self._store = store
        self._funds = funds
        self._tell = tell
        self._resting: dict[str, dict[int, SimOrder]] = {}
        self._taking: SimOrder | None = None
        self._removals: list[tuple[SimListing, Removal]] = []
        self._moved: dict[tuple[int, str], tuple[Account, SimListing]] = {}
        self._depth = 0

    def watch(self, listing: SimListing) -> None:
        """Hear the listing's engine from now on; a second time does nothing."""
        if listing.key in self._resting:
            return
        self._resting[listing.key] = {}
        listing.engine.listeners.append(partial(self._hear, listing))
        listing.engine.settled.append(self._agents_settled)
        listing.engine.removals.append(lambda removal: self._removals.append((listing, removal)))
        if listing.instrument.kind is Kind.PERPETUAL:
            listing.engine.last_look = partial(self._last_look, listing)

    @contextmanager
    def command(self, now_ns: int) -> Iterator[None]:
        """Around whatever changes orders: what follows from it (reduce-only orders) is done at its end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if not self._depth:
            self._follow_up(now_ns)

    # ---- commands, within `command` ---------------------------------------------------------------------

    def open(self, order: SimOrder, hold: Decimal) -> None:
        """A new order, not in the book yet."""
        self._store.add(order)
        asset = self._funds.set_hold(order, hold)
        self._tell(OrderReport(Change.NEW, order))
        self._tell_hold(order, asset)

    def run(self, order: SimOrder, lots: int, time_in_force: TimeInForce, now_ns: int) -> None:
        """Match the order and rest or end what is left of it."""
        assert self._taking is None, "one order is matched at a time"
        self._taking = order
        try:
            placed = order.listing.engine.place(
                owner_of(order.account), order.side, lots, order.price_ticks, time_in_force, now_ns, order.self_trade
            )
        finally:
            self._taking = None
        self._take_removals()
        if placed.status is PlaceStatus.RESTING:
            order.engine_id = placed.order_id
            self._resting[order.listing.key][placed.order_id] = order
        elif order.state is OrderState.OPEN:
            self.end(order, _ended_by(order, placed, time_in_force), now_ns)

    def end(self, order: SimOrder, by: EndedBy, now_ns: int) -> None:
        """Take the order off the book, if it is there, and give back what it holds."""
        self._leave_book(order, now_ns)
        order.state = OrderState.EXPIRED if by in _EXPIRES else OrderState.CANCELED
        order.ended_by = by
        _touch(order, now_ns)
        asset = self._funds.set_hold(order, money.ZERO)
        self._store.end(order)
        self._tell(OrderReport(Change.EXPIRED if by in _EXPIRES else Change.CANCELED, order))
        self._tell_hold(order, asset)

    def shrink(self, order: SimOrder, left_lots: int, now_ns: int) -> None:
        """Leave so many lots of a reduce-only order; with none left it ends."""
        if left_lots == 0:
            self.end(order, EndedBy.REDUCE_ONLY, now_ns)
            return
        order.listing.engine.resize(order.engine_id, left_lots, now_ns)
        self._shrunk(order, left_lots, now_ns)

    def change(self, order: SimOrder, price_ticks: int, lots: int, hold: Decimal, now_ns: int) -> None:
        """A new price or quantity. A smaller quantity alone keeps the place; a new price may match at once."""
        left = lots - order.filled_lots
        is_moved = price_ticks != order.price_ticks
        if is_moved:
            self._leave_book(order, now_ns)
        else:
            order.listing.engine.resize(order.engine_id, left, now_ns)
        order.price_ticks, order.lots, order.target_lots = price_ticks, lots, lots
        _touch(order, now_ns)
        asset = self._funds.set_hold(order, hold)
        self._tell(OrderReport(Change.AMENDED, order))
        self._tell_hold(order, asset)
        if is_moved:
            self.run(order, left, order.time_in_force, now_ns)

    def thin(self, order: SimOrder, lots: int, now_ns: int) -> None:
        """Take agents' orders off until about half of a limit order can fill (fault partial_fill)."""
        engine, resting = order.listing.engine, self._resting[order.listing.key]
        reachable = engine.reachable(order.side, order.price_ticks)
        customers = sum(maker.lots for maker in reachable if maker.order_id in resting)
        left = max(0, half_of(order.listing, lots) - customers)
        for maker in reachable:
            if maker.order_id in resting:
                continue
            keep = min(maker.lots, left)
            left -= keep
            if keep:
                engine.resize(maker.order_id, keep, now_ns)
            else:
                engine.cancel(maker.order_id, now_ns)

    # ---- from the engine ------------------------------------------------------------------------------

    def _hear(self, listing: SimListing, event: Event) -> None:
        if not isinstance(event, TradePrint):
            return
        maker, taker = self._resting[listing.key].get(event.maker_order_id), self._taking
        if maker is None and taker is None:
            return
        for order, is_maker in ((taker, False), (maker, True)):
            side = event.taker_side.opposite if is_maker else event.taker_side
            if order is None:
                self._funds.settle_house(listing, side, event.price_ticks, event.lots)
            else:
                self._fill(order, event, is_maker)

    def _fill(self, order: SimOrder, trade: TradePrint, is_maker: bool) -> None:
        listing = order.listing
        quote = worth(listing, trade.price_ticks, trade.lots)
        order.filled_lots += trade.lots
        order.filled_quote = money.plus(order.filled_quote, quote)
        _touch(order, trade.ts_ns)
        if order.filled_lots == order.target_lots:
            order.state = OrderState.FILLED
        settled = self._funds.settle(order, trade.price_ticks, trade.lots, self._fee_rate(order, is_maker))
        order.fees[settled.fee_asset] = money.plus(order.fees.get(settled.fee_asset, money.ZERO), settled.fee)
        fill = SimFill(
            fill_id=trade.trade_id,
            order=order,
            price_ticks=trade.price_ticks,
            lots=trade.lots,
            quote=quote,
            fee=settled.fee,
            fee_asset=settled.fee_asset,
            is_maker=is_maker,
            ts_ns=trade.ts_ns,
            realised=settled.realised,
        )
        self._store.add_fill(fill)
        if order.state is OrderState.FILLED:
            self._resting[listing.key].pop(order.engine_id, None)
            order.engine_id = 0
            self._store.end(order)
        self._tell(OrderReport(Change.TRADE, order, fill))
        self._tell(BalanceReport(order.account, self._wallet, settled.changes, BalanceReason.TRADE, order))
        if listing.instrument.kind is Kind.PERPETUAL:
            self._moved[order.account.uid, listing.key] = (order.account, listing)
            self._tell(PositionReport(order.account, listing))

    def _last_look(self, listing: SimListing, maker: RestingOrder, before: int) -> int:
        """A reduce-only order never trades beyond the position, whatever else of its owner the match takes first."""
        order = self._resting[listing.key].get(maker.order_id)
        if order is None or not order.reduce_only:
            return maker.lots
        return reduce_only.closable(order.account, listing, order.side) - before

    def _agents_settled(self, now_ns: int) -> None:
        if not self._depth and (self._moved or self._removals):
            self._follow_up(now_ns)

    # ---- inside ---------------------------------------------------------------------------------------

    def _follow_up(self, now_ns: int) -> None:
        self._depth += 1
        self._take_removals()
        for account, listing in self._moved.values():
            for order, left_lots in reduce_only.excess(self._store, account, listing):
                self.shrink(order, left_lots, now_ns)
        self._moved.clear()
        self._depth -= 1

    def _take_removals(self) -> None:
        """Orders that a match took lots off without a trade."""
        removals, self._removals = self._removals, []
        for listing, removal in removals:
            order = self._resting[listing.key].get(removal.order_id)
            if order is None:
                continue
            if removal.left_lots:
                self._shrunk(order, removal.left_lots, removal.ts_ns)
            else:
                by = EndedBy.SELF_TRADE if removal.by_self_trade else EndedBy.REDUCE_ONLY
                self.end(order, by, removal.ts_ns)

    def _shrunk(self, order: SimOrder, left_lots: int, now_ns: int) -> None:
        order.lots = order.target_lots = order.filled_lots + left_lots
        _touch(order, now_ns)
        self._tell(OrderReport(Change.AMENDED, order))

    def _leave_book(self, order: SimOrder, now_ns: int) -> None:
        if order.engine_id:
            del self._resting[order.listing.key][order.engine_id]
            order.listing.engine.cancel(order.engine_id, now_ns)
            order.engine_id = 0

    def _tell_hold(self, order: SimOrder, asset: str) -> None:
        if asset:
            changes = {asset: money.ZERO}
            self._tell(BalanceReport(order.account, self._wallet, changes, BalanceReason.ORDER, order))

    def _fee_rate(self, order: SimOrder, is_maker: bool) -> Decimal:
        account = order.account
        own, usual = (
            (account.maker_fees, self._rules.maker_fee) if is_maker else (account.taker_fees, self._rules.taker_fee)
        )
        return own.get(order.listing.key, own.get(self._wallet, usual))


def owner_of(account: Account) -> str:
    """The account's name in the engines."""
    return str(account.uid)


def half_of(listing: SimListing, lots: int) -> int:
    """Half of the lots, down to what an order may have."""
    step = lots_per_step(listing)
    return lots // 2 // step * step


def _touch(order: SimOrder, now_ns: int) -> None:
    order.updated_ns = now_ns
    order.version += 1


def _ended_by(order: SimOrder, placed: Placement, time_in_force: TimeInForce) -> EndedBy:
    if placed.status is PlaceStatus.SELF_TRADE:
        return EndedBy.SELF_TRADE
    if placed.status is PlaceStatus.REJECTED:
        return EndedBy.POST_ONLY
    if time_in_force is TimeInForce.FOK:
        return EndedBy.FOK
    return EndedBy.NO_LIQUIDITY if order.price_ticks is None else EndedBy.IOC
