"""Streams of records as an engine may write them at venues that do what venues do: from a seed, any number of them."""

from __future__ import annotations

import random
from decimal import Decimal

from tests.ledger.making import (
    CROSSED,
    ETHER,
    NOW_NS,
    PERPETUAL,
    SPOT_A,
    SPOT_B,
    balance,
    fill,
    intent,
    leg,
    listing,
    opened,
    told,
)

from oneprice.ledger.ledger import ODD, Ledger
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import (
    Alarmed,
    AnyRecord,
    BalanceChecked,
    CancelIntended,
    DealMoved,
    DealSettled,
    FillTold,
    FundingPaid,
    PositionOpened,
    RunStarted,
    Switched,
    TransferTold,
)
from oneprice.model import OrderStatus, Side
from oneprice.model.deals import DealOutcome, DealState, Purpose

SMALL, COINS = "beta-usdm:BTCUSDT", "beta-spot:1000PEPEUSDT"
KEYS = [SPOT_A, SPOT_B, PERPETUAL, SMALL, CROSSED, ETHER, COINS]
STRATEGIES = ["cross", "carry", "maker"]
DEALS_MAX = 4


class Stream:
    """`records` so far; `ledger` has folded them, and is asked what an engine would ask it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.records: list[AnyRecord] = []
        self.ledger = Ledger()
        self._names = 0
        self._written: list[FillTold] = []
        self.write(RunStarted(NOW_NS, 1, "live", "b", "h", "{}"))
        for key in KEYS:
            size = "0.001" if key == SMALL else "1"
            self.write(listing(key, contract_size=size, multiplier="1000" if key == COINS else "1"))
        for account, asset in (("alpha-spot", "USDT"), ("beta-spot", "BTC"), ("alpha-usdm", "USDT")):
            self.write(balance(account, asset, str(self._amount(6))))
        if self.chance.random() < 0.3:
            self.write(PositionOpened(NOW_NS, PERPETUAL, self._signed(3), self._price(PERPETUAL)))

    def write(self, record: AnyRecord) -> None:
        """As a recorder does."""
        self.records.append(record)
        self.ledger.apply(record)
        if isinstance(record, FillTold):
            self._written.append(record)

    def go_on(self, records: int) -> list[AnyRecord]:
        """Until there are so many records."""
        doing = [
            (self._open, 3),
            (self._add, 2),
            (self._tell, 10),
            (self._fill, 10),
            (self._tell_twice, 2),
            (self._cancel, 1),
            (self._finish, 4),
            (self._stranger, 2),
            (self._move, 1),
            (self._pay, 2),
            (self._talk, 1),
        ]
        acts, weights = [act for act, _ in doing], [weight for _, weight in doing]
        while len(self.records) < records:
            self.chance.choices(acts, weights)[0]()
        return self.records

    # ---- what an engine does

    def _open(self) -> None:
        if len(self.ledger.deals) >= DEALS_MAX:
            return
        legs = []
        for _ in range(self.chance.randint(1, 3)):
            key = self.chance.choice(KEYS)
            price, best = self._price(key), self._price(key) if self.chance.random() < 0.5 else Decimal(0)
            legs.append(leg(key, self._side(), str(self._amount(4)), str(price), best=str(best)))
        number = self.ledger.next_deal
        self.write(
            opened(
                number,
                *legs,
                gross=str(self._amount(3)),
                fees=str(self._amount(2)),
                net=str(self._amount(3)),
                home="BTC" if self.chance.random() < 0.1 else "USDT",
                strategy=self.chance.choice(STRATEGIES),
            )
        )
        purpose = self.chance.choice([Purpose.ENTRY, Purpose.MAKER])
        for place, one in enumerate(legs):
            key, side, price = one.listing, one.side, str(one.price)
            self._intend(number, key, side, str(one.quantity), price, place=place, purpose=purpose)

    def _add(self) -> None:
        if self.ledger.deals:
            number, key = self.chance.choice(list(self.ledger.deals)), self.chance.choice(KEYS)
            what = (str(self._amount(4)), str(self._price(key)))
            purpose = self.chance.choice(list(Purpose))
            self._intend(number, key, self._side(), *what, place=self.chance.randint(-1, 2), purpose=purpose)

    def _intend(
        self, deal: int, key: str, side: Side, quantity: str, price: str, *, place: int, purpose: Purpose
    ) -> None:
        self._names += 1
        self.write(intent(f"o{self._names}", key, side, quantity, price, deal=deal, leg=place, purpose=purpose))

    def _cancel(self) -> None:
        if order := self._some_order():
            self.write(CancelIntended(NOW_NS, order.intent.client_order_id))

    def _move(self) -> None:
        if self.ledger.deals:
            state = self.chance.choice([DealState.HEDGING, DealState.HALTED, DealState.HOLDING])
            self.write(DealMoved(NOW_NS, self.chance.choice(list(self.ledger.deals)), state, "why"))

    def _finish(self) -> None:
        """Have all said that is to be said of a deal, and settle it."""
        if not self.ledger.deals:
            return
        number = self.chance.choice(list(self.ledger.deals))
        deal = self.ledger.deals[number]
        for order in deal.orders:
            while not order.is_over:
                status = self.chance.choice([OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED])
                self.write(told(order.intent.client_order_id, status, str(order.filled)))
            while not order.fills_complete:
                self._fill_order(order, order.filled - order.booked)
        assets = {asset for order in deal.orders for asset in (order.listing.base, order.listing.quote, "BNB")}
        marks = tuple((asset, self._amount(4)) for asset in sorted(assets) if asset != deal.opened.home)
        carried, outcome = tuple(deal.exposure().items()), self.chance.choice(list(DealOutcome))
        wall_ns = NOW_NS + self.chance.randint(0, 2) * 86_400_000_000_000
        self.write(DealSettled(wall_ns, number, outcome, "", carried, marks))

    # ---- what venues tell

    def _tell(self) -> None:
        if not (order := self._some_order()):
            return
        quantity = order.intent.quantity
        filled = quantity * self.chance.randint(0, 12) / 10 if self.chance.random() < 0.5 else order.filled
        worth = str(filled * order.intent.price) if self.chance.random() < 0.5 else None
        venue_id = self.chance.choice(["", "v1"])
        status = self.chance.choice(list(OrderStatus))
        self.write(told(order.intent.client_order_id, status, str(filled), venue_id=venue_id, quote=worth))

    def _fill(self) -> None:
        if order := self._some_order():
            self._fill_order(order, order.intent.quantity * self.chance.choice([1, 3, 5, 7]) / 10)

    def _fill_order(self, order: TrackedOrder, quantity: Decimal) -> None:
        what = order.intent
        side = what.side if self.chance.random() < 0.97 else Side(-what.side)
        self._fill_told(what.client_order_id, what.listing, side, quantity, venue_id=self.chance.choice(["", "v1"]))

    def _fill_told(self, name: str, key: str, side: Side, quantity: Decimal, venue_id: str = "v9") -> None:
        fees = {}
        for asset in self.chance.sample(["USDT", "BTC", "ETH", "BNB"], self.chance.randint(0, 2)):
            fees[asset] = str(self._signed(1) / 1000)
        self._names += 1
        price, venue_ns = str(self._price(key)), NOW_NS + self.chance.randint(0, 10**9)
        self.write(
            fill(f"f{self._names}", name, str(quantity), price, key=key, side=side, fees=fees, venue_ns=venue_ns,
                 venue_id=venue_id)
        )  # fmt: skip

    def _tell_twice(self) -> None:
        if self._written:
            self.write(self.chance.choice(self._written))

    def _stranger(self) -> None:
        draw = self.chance.random()
        if draw < 0.7:
            self._fill_told("", self.chance.choice(KEYS), self._side(), self._amount(3))
        elif draw < 0.8:
            self._fill_told("", "gamma-spot:XYZUSDT", self._side(), self._amount(3))
        elif draw < 0.9:
            self._fill_told("nobody", self.chance.choice(KEYS), self._side(), self._amount(3))
        else:
            self.write(told("nobody", OrderStatus.NEW))

    def _pay(self) -> None:
        account = self.chance.choice(["alpha-usdm", "beta-usdm"])
        if self.chance.random() < 0.5:
            deal = self.chance.choice([0, self.chance.randrange(self.ledger.next_deal), 10**6])
            self.write(FundingPaid(NOW_NS, account, PERPETUAL, "USDT", self._signed(2), deal))
        else:
            self.write(TransferTold(NOW_NS, account, self.chance.choice(["USDT", "BTC"]), self._signed(4), "deposit"))

    def _talk(self) -> None:
        text = self.ledger.untold[0] if self.ledger.untold else "something"
        talk = [
            Alarmed(NOW_NS, ODD, text),
            Alarmed(NOW_NS, "audit", "a balance"),
            Switched(NOW_NS, "halt", "on", "a loss"),
            BalanceChecked(NOW_NS, "alpha-spot", "USDT", Decimal(1), Decimal(2), ""),
            RunStarted(NOW_NS, self.ledger.run + 1, "live", "b", "h", "{}"),
        ]
        self.write(self.chance.choice(talk))

    # ---- draws

    def _some_order(self) -> TrackedOrder | None:
        """Of a deal that is not settled, mostly."""
        names = list(self.ledger.orders) if self.chance.random() < 0.9 else [f"o{n}" for n in range(self._names + 1)]
        return self.ledger.order(self.chance.choice(names)) if names else None

    def _side(self) -> Side:
        return self.chance.choice([Side.BUY, Side.SELL])

    def _amount(self, digits: int) -> Decimal:
        return Decimal(self.chance.randint(1, 10**digits)) / 100

    def _signed(self, digits: int) -> Decimal:
        return self._amount(digits) * self.chance.choice([1, -1])

    def _price(self, key: str) -> Decimal:
        return Decimal(self.chance.randint(9_000, 11_000)) / (10**5 if key in (CROSSED, COINS) else 100)
