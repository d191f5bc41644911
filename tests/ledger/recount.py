"""The slow, obvious count of what records say: from the beginning, in fractions, one plain rule after the other.

It shares nothing with the ledger but the records.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from oneprice.ledger.records import (
    AnyRecord,
    BalanceOpened,
    CancelIntended,
    DealOpened,
    DealSettled,
    FillTold,
    FundingPaid,
    ListingKnown,
    OrderIntended,
    OrderTold,
    PositionOpened,
    TransferTold,
)
from oneprice.model import OrderStatus as S

OVER = {S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED}
Amounts = dict[object, Fraction]


class CountedOrder:
    """One order: `late` counts fills and figures that came after its end, `beyond` those above its quantity."""

    def __init__(self, intent: OrderIntended, listing: ListingKnown) -> None:
        self.intent, self.listing = intent, listing
        self.quantity, self.sign = Fraction(intent.quantity), int(intent.side)
        self.status, self.has_venue_id = S.PENDING_NEW, False
        self.told_most, self.told_worth = Fraction(0), Fraction(0)
        self.has_worth = False
        self.fills: list[FillTold] = []
        self.late = self.beyond = 0

    @property
    def booked(self) -> Fraction:
        return sum((Fraction(fill.quantity) for fill in self.fills), Fraction(0))

    @property
    def worth(self) -> Fraction:
        contract = Fraction(self.listing.contract_size)
        return sum((Fraction(fill.quantity) * Fraction(fill.price) * contract for fill in self.fills), Fraction(0))

    @property
    def filled(self) -> Fraction:
        return max(self.told_most, self.booked)

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def unbooked(self) -> Fraction:
        return (self.filled if self.is_over else max(self.quantity, self.filled)) - self.booked

    def coins(self, quantity: Fraction) -> Fraction:
        return quantity * Fraction(self.listing.contract_size) * Fraction(self.listing.multiplier)

    def told(self, record: OrderTold) -> None:
        before, was_over = self.filled, self.is_over
        if was_over:
            ours = self.status is S.REJECTED and not self.has_venue_id
            if ours and record.venue_order_id and record.status not in (S.REJECTED, S.PENDING_NEW, S.UNKNOWN):
                self.status, was_over = self._meant(record), False
        elif self._may_follow(record.status):
            self.status = self._meant(record)
        self.has_venue_id = self.has_venue_id or bool(record.venue_order_id)
        told = Fraction(record.filled)
        if told > before:
            self.beyond += told > self.quantity
            self.late += was_over
        self.told_most = max(self.told_most, min(told, self.quantity))
        if self.status is S.FILLED:
            self.told_most = max(self.told_most, self.quantity)
        if record.filled_quote is not None and told == self.filled:
            self.told_worth, self.has_worth = Fraction(record.filled_quote), True

    def _may_follow(self, status: S) -> bool:
        if status is S.PENDING_NEW or status is self.status:
            return False
        if status is S.NEW:
            return self.status in (S.PENDING_NEW, S.PENDING_CANCEL, S.UNKNOWN)
        if status is S.PARTIALLY_FILLED:
            return True
        return True

    def _meant(self, record: OrderTold) -> S:
        if record.status is S.REJECTED and (self.filled or record.filled):
            return S.CANCELED
        return S.PARTIALLY_FILLED if record.status is S.NEW and self.filled else record.status

    def fill(self, record: FillTold) -> None:
        before = self.filled
        self.fills.append(record)
        is_whole = self.booked >= self.quantity
        if self.is_over:
            self.late += self.booked > before
            if self.status is S.REJECTED and self.booked > before:
                self.status = S.FILLED if is_whole else S.UNKNOWN
        elif is_whole:
            self.status = S.FILLED
        elif self.status in (S.PENDING_NEW, S.NEW):
            self.status = S.PARTIALLY_FILLED
        self.beyond += self.booked > max(before, self.quantity)
        self.has_venue_id = self.has_venue_id or bool(record.venue_order_id)

    def cancel(self) -> None:
        if self.status in (S.PENDING_NEW, S.NEW, S.PARTIALLY_FILLED):
            self.status = S.PENDING_CANCEL


class Recount:
    """All that can be asked of a ledger, from all records each time."""

    def __init__(self, records: list[AnyRecord]) -> None:
        self.records = records
        self.listings: dict[str, ListingKnown] = {}
        self.orders: dict[str, CountedOrder] = {}
        self.opened: dict[int, DealOpened] = {}
        self.settled: dict[int, DealSettled] = {}
        self.seen: set[tuple[str, str]] = set()
        self.fills: list[tuple[FillTold, str]] = []  # and whose it is: an order's name, or ""
        self.carried: Amounts = defaultdict(Fraction)
        self.net: dict[int, Fraction] = {}
        for record in records:
            self._look_at(record)

    def _look_at(self, record: AnyRecord) -> None:
        if isinstance(record, ListingKnown):
            self.listings[record.listing] = record
        elif isinstance(record, DealOpened):
            self.opened[record.deal] = record
        elif isinstance(record, OrderIntended):
            self.orders[record.client_order_id] = CountedOrder(record, self.listings[record.listing])
        elif isinstance(record, OrderTold) and record.client_order_id in self.orders:
            self.orders[record.client_order_id].told(record)
        elif isinstance(record, CancelIntended):
            self.orders[record.client_order_id].cancel()
        elif isinstance(record, FillTold):
            self._fill(record)
        elif isinstance(record, DealSettled):
            self._settle(record)

    def _fill(self, record: FillTold) -> None:
        key = (record.listing, record.venue_fill_id)
        if key in self.seen:
            return
        self.seen.add(key)
        if record.listing not in self.listings or record.quantity <= 0:
            return
        order = self.orders.get(record.client_order_id)
        fits = order is not None and (order.intent.listing, order.intent.side) == (record.listing, record.side)
        self.fills.append((record, record.client_order_id if fits else ""))
        if order is None or not fits:
            return
        order.fill(record)
        if order.intent.deal in self.settled:
            home = self.opened[order.intent.deal].home
            left = self.exposure_of([(order, [record])])
            for asset, amount in left.items():
                if asset != home:
                    self.carried[asset] += amount

    def _settle(self, record: DealSettled) -> None:
        assert self.is_quiet(record.deal), "only what is over and complete is settled"
        self.settled[record.deal] = record
        for asset, amount in record.carried:
            self.carried[asset] += Fraction(amount)
        self.net[record.deal] = self.worth_of(record.deal, dict(record.marks))

    # ---- deals

    def of_deal(self, deal: int) -> list[CountedOrder]:
        return [order for order in self.orders.values() if order.intent.deal == deal]

    def is_quiet(self, deal: int) -> bool:
        return all(order.is_over and order.booked == order.filled for order in self.of_deal(deal))

    def exposure_of(self, orders: list[tuple[CountedOrder, list[FillTold]]]) -> Amounts:
        """Of these fills alone."""
        left: Amounts = defaultdict(Fraction)
        for order, fills in orders:
            listing = order.listing
            for fill in fills:
                left[listing.base] += order.sign * order.coins(Fraction(fill.quantity))
                if not listing.is_perpetual:
                    worth = Fraction(fill.quantity) * Fraction(fill.price) * Fraction(listing.contract_size)
                    left[listing.quote] -= order.sign * worth
        for _, fills in orders:
            for fill in fills:
                for asset, amount in fill.fees:
                    if asset in left:
                        left[asset] -= Fraction(amount)
        return left

    def exposure(self, deal: int) -> Amounts:
        orders = [order for order in self.of_deal(deal) if order.filled]
        left = self.exposure_of([(order, order.fills) for order in orders])
        for order in orders:  # what is told and not booked
            rest = order.filled - order.booked
            left[order.listing.base] += order.sign * order.coins(rest)
            if not order.listing.is_perpetual:
                worth = rest * Fraction(order.intent.price) * Fraction(order.listing.contract_size)
                if order.has_worth and rest:
                    worth = max(Fraction(0), order.told_worth - order.worth)
                left[order.listing.quote] -= order.sign * worth
        for order in orders:  # fees in assets that only what is told trades
            traded_by_fills = self.exposure_of([(one, one.fills) for one in orders])
            for fill in order.fills:
                for asset, amount in fill.fees:
                    if asset in left and asset not in traded_by_fills:
                        left[asset] -= Fraction(amount)
        return {asset: amount for asset, amount in left.items() if amount and asset != self.opened[deal].home}

    def changed(self, fills: list[FillTold]) -> Amounts:
        """What fills have changed by asset, fees too; a perpetual moves its coins."""
        left: Amounts = defaultdict(Fraction)
        for fill in fills:
            listing, sign = self.listings[fill.listing], int(fill.side)
            units = Fraction(fill.quantity) * Fraction(listing.contract_size)
            left[listing.base] += sign * units * Fraction(listing.multiplier)
            left[listing.quote] -= sign * units * Fraction(fill.price)
            for asset, amount in fill.fees:
                left[asset] -= Fraction(amount)
        return left

    def funding(self, deals: set[int]) -> Amounts:
        got: Amounts = defaultdict(Fraction)
        for record in self.records:
            if isinstance(record, FundingPaid) and record.deal in deals:
                got[record.asset] += Fraction(record.amount)
        return got

    def worth_of(self, deal: int, marks: dict[str, object]) -> Fraction:
        home = self.opened[deal].home
        fills = [fill for fill, name in self.fills if name and self.orders[name].intent.deal == deal]
        total = Fraction(0)
        funded_before = [
            record
            for record in self.records[: self._place(deal)]
            if isinstance(record, FundingPaid) and record.deal == deal
        ]
        changed = self.changed(fills)
        for record in funded_before:
            changed[record.asset] += Fraction(record.amount)
        for asset, amount in changed.items():
            total += amount * (1 if asset == home else Fraction(str(marks.get(str(asset), 0))))
        return total

    def _place(self, deal: int) -> int:
        for place, record in enumerate(self.records):
            if isinstance(record, DealSettled) and record.deal == deal:
                return place
        return len(self.records)

    def by_strategy(self) -> dict[str, Amounts]:
        """What each strategy has changed, settled or not; "external" for the rest."""
        found: dict[str, Amounts] = {}
        names = {opened.strategy for opened in self.opened.values()} | {"external"}
        for strategy in names:
            deals = {number for number, opened in self.opened.items() if opened.strategy == strategy}
            fills = [fill for fill, name in self.fills if name and self.orders[name].intent.deal in deals]
            if strategy == "external":
                fills = [fill for fill, name in self.fills if not name]
                deals = {record.deal for record in self.records if isinstance(record, FundingPaid)} - set(self.opened)
            found[strategy] = self.changed(fills)
            for asset, amount in self.funding(deals).items():
                found[strategy][asset] = found[strategy].get(asset, Fraction(0)) + amount
        return found

    # ---- accounts

    def totals(self) -> tuple[Amounts, Amounts]:
        """By (account, asset): what is held, counting perpetuals as what was paid and got for them; and the cost of
        open positions beyond that of those that were there. Their sum is what the wallet has."""
        held: Amounts = defaultdict(Fraction)
        for record in self.records:
            if isinstance(record, BalanceOpened):
                held[record.account, record.asset] += Fraction(record.total)
            elif isinstance(record, FundingPaid | TransferTold):
                held[record.account, record.asset] += Fraction(record.amount)
        costs: Amounts = defaultdict(Fraction)
        for fill, _ in self.fills:
            listing = self.listings[fill.listing]
            sign, account = int(fill.side), listing.account
            units = Fraction(fill.quantity) * Fraction(listing.contract_size)
            held[account, listing.quote] -= sign * units * Fraction(fill.price)
            if not listing.is_perpetual:
                held[account, listing.base] += sign * units * Fraction(listing.multiplier)
            for asset, amount in fill.fees:
                held[account, asset] -= Fraction(amount)
        for key in self.listings:
            if self.listings[key].is_perpetual:
                _, cost = self.position(key)
                before = sum(
                    Fraction(one.quantity) * Fraction(one.price) * Fraction(self.listings[key].contract_size)
                    for one in self.records
                    if isinstance(one, PositionOpened) and one.listing == key
                )
                costs[self.listings[key].account, self.listings[key].quote] += cost - before
        return held, costs

    def position(self, key: str) -> tuple[Fraction, Fraction]:
        """`(contracts, cost)` by average cost, without rounding."""
        contract = Fraction(self.listings[key].contract_size)
        held = cost = Fraction(0)
        for record in self.records:
            if isinstance(record, PositionOpened) and record.listing == key:
                held, cost = Fraction(record.quantity), Fraction(record.quantity * record.price) * contract
        for fill, _ in self.fills:
            if fill.listing == key:
                size = int(fill.side) * Fraction(fill.quantity)
                worth, after = size * Fraction(fill.price) * contract, held + size
                if held * size >= 0:
                    cost += worth
                elif held * after > 0:
                    cost = cost * after / held
                else:
                    cost = worth * after / size
                held = after
        return held, cost

    def reserved(self, account: str, asset: str) -> Fraction:
        total = Fraction(0)
        for order in self.orders.values():
            listing = order.listing
            if listing.account != account or listing.is_perpetual:
                continue
            if order.sign > 0 and asset == listing.quote:
                total += order.unbooked * Fraction(order.intent.price) * Fraction(listing.contract_size)
            if order.sign < 0 and asset == listing.base:
                total += order.coins(order.unbooked)
        return total

    def open_worst(self, key: str) -> tuple[Fraction, Fraction]:
        orders = [order for order in self.orders.values() if order.intent.listing == key]
        buys = sum((order.unbooked for order in orders if order.sign > 0), Fraction(0))
        return buys, sum((order.unbooked for order in orders if order.sign < 0), Fraction(0))
