"""`Ledger`: everything that is known, folded from the journal's records. The same fold runs while trading and after a
crash.

It judges nothing that a venue tells: what is odd (a fill after an end, more than was ordered) is taken in all the
same, and told as an alarm. It never reads a clock and makes no records itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, getcontext, setcontext

from oneprice.errors import InvariantError
from oneprice.ledger.attribution import Split, split, worth
from oneprice.ledger.balances import Accounts, Holding, ListingMoney, Position
from oneprice.ledger.deals import Deal, SettledDeal
from oneprice.ledger.digest import fingerprint
from oneprice.ledger.exact import EXACT, ONE, ZERO, add, exactly, plus, times
from oneprice.ledger.fills import FillIds
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.quiet import no_collecting
from oneprice.ledger.records import (
    Alarmed,
    AnyRecord,
    BalanceChecked,
    BalanceOpened,
    CancelIntended,
    DealMoved,
    DealOpened,
    DealSettled,
    FillTold,
    FundingPaid,
    ListingKnown,
    OrderIntended,
    OrderTold,
    PositionOpened,
    RunEnded,
    RunStarted,
    Switched,
    TransferTold,
)
from oneprice.ledger.tallies import EXTERNAL, Tally
from oneprice.model import Side
from oneprice.model.deals import DealState

SETTLED_KEPT = 10_000
PAST_KEPT = 2_500
"""Settled deals with all their orders: so many at least, twice as many at most."""
ALARMS_KEPT = 1_000
DAYS_KEPT = 400
DAY_NS = 86_400_000_000_000
ODD = "ledger"
"""The kind of alarm that the ledger itself raises."""

# Looked up once: an attribute of an Enum's class takes as long as ten of an object's (Python 3.11).
_BUY, _SETTLED = Side.BUY, DealState.SETTLED


class Ledger:
    """`orders` and `deals` are those that are not settled, by name and number; `settled` the last that are.

    `carried`: base coins that settled deals have left, to be netted. `positions`: perpetuals by listing. `switches`:
    the last value and reason of each. `tallies` by strategy. `alarms`: the last, in words. `untold`: alarms of the
    ledger's own that the journal does not have yet; whoever writes it writes `Alarmed(kind=ODD)` of the first until
    none is left. `applied` counts records. `ended_well`: the last run came to an orderly end.
    """

    def __init__(self) -> None:
        self.run = self.deals_settled = self.applied = 0
        self.next_deal = 1
        self.mode = ""
        self.ended_well = False
        self.orders: dict[str, TrackedOrder] = {}
        self.deals: dict[int, Deal] = {}
        self.settled: deque[SettledDeal] = deque(maxlen=SETTLED_KEPT)
        self.carried: dict[str, Decimal] = {}
        self.switches: dict[str, tuple[str, str]] = {}
        self.tallies: dict[str, Tally] = {EXTERNAL: Tally()}
        self.alarms: deque[str] = deque(maxlen=ALARMS_KEPT)
        self.untold: deque[str] = deque(maxlen=ALARMS_KEPT)
        self.fills = FillIds()
        self._accounts = Accounts()
        self.accounts: set[str] = self._accounts.opened
        self.listings: dict[str, ListingKnown] = self._accounts.listings
        self.positions: dict[str, Position] = self._accounts.positions
        self._money = self._accounts.money
        self._open: dict[str, TrackedOrder] = {}
        self._past: dict[int, tuple[Deal, dict[str, Decimal]]] = {}
        self._ended: dict[str, TrackedOrder] = {}
        self._watermarks: dict[str, int] = {}
        self._realised: dict[int, Decimal] = {}
        self._folds: dict[type, Callable[..., None]] = {
            RunStarted: self._on_start,
            RunEnded: self._on_end,
            Switched: self._on_switch,
            Alarmed: self._on_alarm,
            ListingKnown: self._on_listing,
            BalanceOpened: self._on_balance,
            PositionOpened: self._on_position,
            DealOpened: self._on_deal,
            OrderIntended: self._on_intent,
            CancelIntended: self._on_cancel,
            OrderTold: self._on_order,
            FillTold: self._on_fill,
            DealMoved: self._on_moved,
            DealSettled: self._on_settled,
            FundingPaid: self._on_funding,
            TransferTold: self._on_transfer,
            BalanceChecked: self._on_checked,
        }

    def apply(self, *records: AnyRecord) -> None:
        """Take in records. Raises InvariantError for one of our own that cannot be: of a deal, order or listing that no
        record before told, or told twice; never for what a venue has told."""
        before = getcontext()
        setcontext(EXACT)
        try:
            for record in records:
                self.applied += 1
                self._folds[type(record)](record)
        finally:
            setcontext(before)

    def fold(self, records: Iterable[AnyRecord]) -> None:
        """`apply` all of them, as a start does with what the journal has. Raises as it does."""
        folds, before = self._folds, self.applied
        with exactly(), no_collecting():
            for self.applied, record in enumerate(records, before + 1):
                folds[type(record)](record)

    # ---- asked: money

    def holding(self, account: str, asset: str) -> Holding | None:
        """What is known of one asset of an account; None when nothing is."""
        return self._accounts.find(account, asset)

    def holdings(self) -> list[Holding]:
        """All of them, by account and asset."""
        return self._accounts.all()

    def total(self, account: str, asset: str) -> Decimal:
        """What the account should hold; on perpetuals the wallet, without unrealised profit."""
        held = self._accounts.find(account, asset)
        return ZERO if held is None else held.total

    def position(self, listing: str) -> Decimal:
        """Contracts, signed."""
        held = self.positions.get(listing)
        return ZERO if held is None else held.quantity

    def open_positions(self) -> list[tuple[str, Decimal]]:
        """`(listing, contracts)` of those that are not 0."""
        return [(key, held.quantity) for key, held in self.positions.items() if held.quantity]

    def reserved(self, account: str, asset: str) -> Decimal:
        """What open, pending and unknown orders may still take of a spot balance, at their worst price; also for what
        they have filled already while that is not booked."""
        reserved = ZERO
        for order in self._open.values():
            listing = order.listing
            if listing.account != account or listing.is_perpetual:
                continue
            if order.intent.side is _BUY:
                if asset == listing.quote:
                    units = times(order.unbooked, listing.contract_size)
                    reserved = plus(reserved, times(units, order.intent.price))
            elif asset == listing.base:
                units = times(order.unbooked, listing.contract_size)
                reserved = plus(reserved, times(units, listing.multiplier))
        return reserved

    def open_worst(self, listing: str) -> tuple[Decimal, Decimal]:
        """How much open, pending and unknown orders may still buy and sell, beside `position`: what is filled and not
        booked counts."""
        buys = sells = ZERO
        for order in self._open.values():
            if order.intent.listing == listing:
                if order.intent.side is _BUY:
                    buys = plus(buys, order.unbooked)
                else:
                    sells = plus(sells, order.unbooked)
        return buys, sells

    def realised_today(self, now_wall_ns: int) -> Decimal:
        """What deals settled on this UTC day have brought, in their home asset."""
        return self._realised.get(now_wall_ns // DAY_NS, ZERO)

    # ---- asked: orders and fills

    def order(self, client_order_id: str) -> TrackedOrder | None:
        """An order of ours, also of a deal that was settled not too long ago."""
        return self.orders.get(client_order_id) or self._ended.get(client_order_id)

    def remembered(self) -> list[TrackedOrder]:
        """All orders that `order` finds."""
        return [*self._ended.values(), *self.orders.values()]

    def split(self, deal: int, marks: Mapping[str, Decimal] | None = None) -> Split | None:
        """Why a deal brought what it did, at `marks`; a settled one at those of its end, when they are None. None for
        a deal that was settled long ago, or never opened."""
        if deal in self.deals:
            return split(self.deals[deal], marks or {})
        if deal not in self._past:
            return None
        past, marks_of_end = self._past[deal]
        return split(past, marks_of_end if marks is None else marks)

    def ended_since(self, wall_ns: int) -> list[tuple[Deal, int, Decimal]]:
        """Deals that were settled after a time, with the time, and what each brought in its home asset; in the order in
        which they were settled."""
        found: list[tuple[Deal, int, Decimal]] = []
        for one in reversed(self.settled):
            if one.settled_ns <= wall_ns or one.deal not in self._past:
                break
            found.append((self._past[one.deal][0], one.settled_ns, one.net))
        return found[::-1]

    def awaited(self) -> list[TrackedOrder]:
        """Orders that are not over, or lack fills; those of settled deals among them."""
        return list(self._open.values())

    def has_fill(self, listing: str, venue_fill_id: str) -> bool:
        """Whether it is booked."""
        return (listing, venue_fill_id) in self.fills

    def fills_booked(self, account: str) -> int:
        """How many, ever."""
        return sum(money.fills for money in self._money.values() if money.known.account == account)

    def watermarks(self) -> dict[str, int]:
        """Until when each listing's fills are known: the venue's time of the last, or our time of the first order."""
        return dict(self._watermarks)

    def digest(self) -> str:
        """Of all that is known; equal after equal records, in any process."""
        money = [(one.known, one.fills) for one in self._money.values()]
        return fingerprint(
            (self.run, self.mode, self.ended_well, self.applied, self.next_deal, self.deals_settled),
            (self.orders, self.deals, self.settled, self._past, list(self._open)),
            (self.holdings(), self.positions, self.carried, self.tallies, self._realised),
            (money, self._watermarks, list(self.fills), sorted(self.accounts), self.switches),
            (self.alarms, self.untold),
        )

    # ---- folds: runs, listings, what was there

    def _on_start(self, record: RunStarted) -> None:
        self.run, self.mode, self.ended_well = record.run, record.mode, False

    def _on_end(self, record: RunEnded) -> None:
        self.ended_well = True

    def _on_switch(self, record: Switched) -> None:
        self.switches[record.switch] = (record.value, record.reason)

    def _on_alarm(self, record: Alarmed) -> None:
        if record.kind == ODD and record.text in self.untold:
            self.untold.remove(record.text)
        else:
            self.alarms.append(f"{record.kind}: {record.text}")

    def _on_listing(self, record: ListingKnown) -> None:
        odd = self._accounts.know(record)
        if odd:
            self._odd(odd)

    def _on_balance(self, record: BalanceOpened) -> None:
        self._accounts.open_balance(record)

    def _on_position(self, record: PositionOpened) -> None:
        self._accounts.open_position(record)

    def _on_transfer(self, record: TransferTold) -> None:
        held = self._accounts.holding(record.account, record.asset)
        held.transferred += record.amount

    def _on_funding(self, record: FundingPaid) -> None:
        held = self._accounts.holding(record.account, record.asset)
        held.funding += record.amount
        deal = self.deals.get(record.deal)
        if deal is not None:
            add(deal.funding, (record.account, record.asset), record.amount)
        else:
            of_deal = (one.strategy for one in reversed(self.settled) if one.deal == record.deal)
            self._tally(next(of_deal, EXTERNAL)).fund(record.asset, record.amount)

    def _on_checked(self, record: BalanceChecked) -> None:
        """It is there to be read by people."""

    # ---- folds: deals

    def _on_deal(self, record: DealOpened) -> None:
        if record.deal < self.next_deal:
            raise InvariantError(f"deal {record.deal} is opened, and the next is {self.next_deal}")
        self.deals[record.deal] = Deal(record)
        self.next_deal = record.deal + 1

    def _on_moved(self, record: DealMoved) -> None:
        deal = self._deal(record.deal)
        deal.state, deal.reason = record.state, record.reason

    def _on_settled(self, record: DealSettled) -> None:
        number = record.deal
        deal = self._deal(number)
        if not deal.is_quiet():
            raise InvariantError(f"deal {number} is settled, and an order of it is open or lacks fills")
        opened, (changed, fees), marks = deal.opened, deal.sums(), dict(record.marks)
        marks[opened.home] = ONE
        net = worth(changed, marks)
        deal.state, deal.reason = _SETTLED, record.reason
        carried = self.carried
        for asset, amount in record.carried:
            carried[asset] = carried[asset] + amount if asset in carried else amount
        self.settled.append(
            SettledDeal(
                number,
                opened.strategy,
                opened.group,
                opened.home,
                record.outcome,
                record.reason,
                opened.wall_ns,
                record.wall_ns,
                opened.expected_net,
                net,
            )
        )
        self.deals_settled += 1
        self._tally(opened.strategy).settle(deal, net, changed, fees)
        day = record.wall_ns // DAY_NS
        self._realised[day] = self._realised.get(day, ZERO) + net
        if len(self._realised) > DAYS_KEPT:
            del self._realised[min(self._realised)]
        del self.deals[number]
        self._past[number] = (deal, marks)
        for order in deal.orders:
            name = order.intent.client_order_id
            self._ended[name] = self.orders.pop(name)
        if len(self._past) > 2 * PAST_KEPT:
            self._forget(list(self._past)[:PAST_KEPT])

    def _forget(self, numbers: list[int]) -> None:
        """Deals that were settled long ago, and their orders."""
        for number in numbers:
            deal, _ = self._past.pop(number)
            for order in deal.orders:
                name = order.intent.client_order_id
                del self._ended[name]
                self._open.pop(name, None)

    # ---- folds: orders

    def _on_intent(self, record: OrderIntended) -> None:
        name, key = record.client_order_id, record.listing
        listing = self._accounts.of_listing(key).known
        deal = self._deal(record.deal)
        if name in self.orders or name in self._ended:
            raise InvariantError(f"order {name} is intended a second time")
        order = self.orders[name] = self._open[name] = TrackedOrder(record, listing)
        deal.orders.append(order)
        if self.fills.is_full:
            self._turn_fills()
        if key not in self._watermarks:
            self._watermarks[key] = record.wall_ns

    def _on_cancel(self, record: CancelIntended) -> None:
        order = self.order(record.client_order_id)
        if order is None:
            raise InvariantError(f"order {record.client_order_id} is to be canceled, and was never intended")
        order.cancelling()

    def _on_order(self, record: OrderTold) -> None:
        name = record.client_order_id
        order = self.orders.get(name)
        if order is None:
            self._on_late_order(record)
            return
        odd = order.told(record)
        if order.is_over and order.booked >= order.filled:
            self._open.pop(name, None)
        else:
            self._open[name] = order
        if odd:
            self._odd(odd)

    def _on_late_order(self, record: OrderTold) -> None:
        late = self._ended.get(record.client_order_id)
        if late is None:
            self._odd(f"order {record.client_order_id} is told of ({record.status.name}), and is not known here")
            return
        odd = late.told(record)
        if odd:
            self._odd(f"{odd}; its deal {late.intent.deal} is settled")
        self._sort(record.client_order_id, late)

    def _sort(self, name: str, order: TrackedOrder) -> None:
        """Open orders, and those that lack fills, are reserved for."""
        if order.is_over and order.booked >= order.filled:
            self._open.pop(name, None)
        elif name not in self._open:
            self._open[name] = order

    # ---- folds: fills

    def _on_fill(self, record: FillTold) -> None:
        money, name, quantity = self._money.get(record.listing), record.client_order_id, record.quantity
        key = record.listing if money is None else money.known.listing
        if not self.fills.add((key, record.venue_fill_id)):
            return
        if money is None or not quantity > 0:
            self._odd(f"fill {record.venue_fill_id} at {key} of {quantity} cannot be counted")
            return
        cash, coins = record.price * quantity, quantity
        if not money.is_plain:
            cash, coins = money.worth(record.price, quantity)
        money.fill(record.side, quantity, cash, coins, record.fees)
        if record.venue_ns > self._watermarks.get(key, 0):
            self._watermarks[key] = record.venue_ns
        order = self.orders.get(name)
        if order is None or order.intent.side is not record.side or order.intent.listing != key:
            self._book_apart(money, record, cash, coins)
            return
        odd = order.book(record, cash, coins)
        if order.is_over and order.booked >= order.filled:
            self._open.pop(name, None)
        elif odd:  # it was over, and is not any more
            self._open[name] = order
        if odd:
            self._odd(odd)

    def _book_apart(self, money: ListingMoney, record: FillTold, cash: Decimal, coins: Decimal) -> None:
        """A fill of no deal that is open: of other hands, or of a deal that was taken to be over."""
        if self.fills.is_full:
            self._turn_fills()
        name, known = record.client_order_id, money.known
        is_buy = record.side is _BUY
        late = self._ended.get(name)
        tally = self.tallies[EXTERNAL]
        if late is not None and late.intent.side is record.side and late.intent.listing == known.listing:
            opened = self._past[late.intent.deal][0].opened
            tally = self._tally(opened.strategy)
            self._odd(f"{late.book(record, cash, coins) or late}; its deal {opened.deal} is settled")
            self._sort(name, late)
            self._carry(known, record, opened.home, cash, coins)
        elif name:
            self._odd(f"fill {record.venue_fill_id} at {known.listing} is told of order {name}, which it does not fit")
        add(tally.left, known.quote, -cash if is_buy else cash)
        add(tally.left, known.base, coins if is_buy else -coins)
        tally.pay(record.fees)

    def _carry(self, known: ListingKnown, record: FillTold, home: str, cash: Decimal, coins: Decimal) -> None:
        """A late fill leaves coins that nobody hedges: they are carried, to be netted."""
        is_buy = record.side is _BUY
        left = {known.base: coins if is_buy else -coins}
        if not known.is_perpetual:
            left[known.quote] = -cash if is_buy else cash
        for asset, amount in record.fees:
            if asset in left:
                left[asset] -= amount
        for asset, amount in left.items():
            if asset != home:
                add(self.carried, asset, amount)

    def _turn_fills(self) -> None:
        """Fills of deals that are not settled are kept, however old."""
        kept = [(order.intent.listing, fill) for order in self.orders.values() for fill in order.fills]
        self.fills.turn(kept)

    # ---- inside

    def _tally(self, strategy: str) -> Tally:
        found = self.tallies.get(strategy)
        if found is None:
            found = self.tallies[strategy] = Tally()
        return found

    def _deal(self, number: int) -> Deal:
        found = self.deals.get(number)
        if found is None:
            raise InvariantError(f"deal {number} is not open")
        return found

    def _odd(self, text: str) -> None:
        self.alarms.append(f"{ODD}: {text}")
        self.untold.append(text)
