"""Tens of thousands of random commands, and after each one every book, wallet, hold, fee and position is counted anew.

`ONEPRICE_DIFFERENTIAL=n` runs n times as many (0.1 for a tenth).
"""

import os
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random

import pytest
from tests.sim.shadow import Shadow

from oneprice.sim.accounts import Account, Accounts
from oneprice.sim.agents import Temper
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.faults import FaultBoard, FaultKind, FaultOrder
from oneprice.sim.market import Kind, SimInstrument, SimListing, SimMarket
from oneprice.sim.orders import DeskRules, DuplicateIds, OrderReport, Reason, Refused, SimOrder, Ticket

SCALE = float(os.environ.get("ONEPRICE_DIFFERENTIAL", "1"))
COMMANDS = 12_500
SEEDS = range(max(1, round(8 * SCALE)))
T0 = 1_700_000_000_000_000_000
MS = 1_000_000
HOUR_MS = 3_600_000
FUNDS = {
    "spot": {"USDT": Decimal(20_000), "BTC": Decimal("0.4"), "ETH": Decimal(5)},
    "usdm": {"USDT": Decimal(3_000)},
}


def instrument(
    base: str, quote: str, tick: str, lot: str, notional: str, multiplier: str = "1", kind: Kind = Kind.SPOT
) -> SimInstrument:
    return SimInstrument(
        base, quote, Decimal(tick), Decimal(lot), Decimal(lot), Decimal(notional), Decimal(multiplier), kind
    )


INSTRUMENTS = {
    "spot": [
        instrument("BTC", "USDT", "0.01", "0.00001", "5"),
        instrument("ETH", "BTC", "0.00001", "0.0001", "0.0001"),
    ],
    "usdm": [
        instrument("BTC", "USDT", "0.1", "1", "5", "0.0001", Kind.PERPETUAL),
        instrument("ETH", "USDT", "0.01", "0.001", "5", "1", Kind.PERPETUAL),
    ],
}


def rules(seed: int) -> DeskRules:
    """The venues' differences, by turns."""
    return DeskRules(
        maker_fee=(Decimal("0.0002"), Decimal("-0.0001"), Decimal(0))[seed % 3],
        taker_fee=Decimal("0.00075"),
        duplicate_ids=(DuplicateIds.REFUSED_WHILE_OPEN, DuplicateIds.ACCEPTED)[seed % 2],
        post_only_refused=seed % 4 < 2,
        fok_refused=seed % 4 == 1,
        open_orders_max=5,
        forget_unfilled_s=(0.0, 30.0)[seed % 2],
        client_id_kept_s=(10.0, 0.0)[seed % 2],
    )


class Exchange:
    """Both desks of one exchange, three customers and a shadow of each desk."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = T0 + 5_000 * MS
        self.accounts = Accounts()
        self.customers = [self.accounts.open([], FUNDS) for _ in range(3)]
        self.faults = FaultBoard(lambda: self.now)
        temper = Temper(levels=8, requotes_per_s=4.0, takers_per_s=6.0, sweeps_per_s=0.6)
        self.desks: list[TradingDesk] = []
        for wallet, instruments in INSTRUMENTS.items():
            market = SimMarket("binance", wallet, instruments, seed, T0, temper=temper)
            market.start(self.now)
            self.desks.append(TradingDesk(market, self.accounts, rules(seed), self.faults))
        self.shadows = [Shadow(desk, self.accounts) for desk in self.desks]
        self.counts: Counter[str] = Counter()
        for desk in self.desks:
            desk.listeners.append(self._count)
        self.commands: list[tuple[Callable[[], None], int]] = [
            (self.place, 62),
            (self.cancel, 6),
            (self.amend, 12),
            (self.pass_time, 12),
            (self.cancel_all, 1),
            (self.deposit, 3),
            (self.set_leverage, 2),
            (self.settle_funding, 1),
            (self.countdown, 1),
            (self.halt, 1),
            (self.hedge, 1),
            (self.fault, 1),
        ]

    def step(self) -> None:
        """One command and a full count."""
        command = self.random.choices([c for c, _ in self.commands], [w for _, w in self.commands])[0]
        before, refusal = self.picture(), None
        try:
            command()
        except Refused as refused:
            refusal = refused
            self.counts[refused.reason] += 1
        assert refusal is None or self.picture() == before, f"{refusal} changed something"
        for shadow in self.shadows:
            shadow.check()

    def picture(self) -> object:
        """The versions of everything that a refused command must leave alone."""
        return (
            [shadow.reports for shadow in self.shadows],
            [desk.market.listings[key].engine.update_id for desk in self.desks for key in desk.market.listings],
            [b.version for account in self.customers for wallet in account.wallets.values() for b in wallet.values()],
            [order.version for shadow in self.shadows for order in shadow.open.values()],
            [(account.hedge_mode, dict(account.leverages)) for account in self.customers],
        )

    # ---- commands -------------------------------------------------------------------------------------

    def place(self) -> None:
        desk, listing, account = self._somewhere()
        side, chance = self.random.choice(list(Side)), self.random.random()
        is_market = chance < 0.15
        by_quote = is_market and self.random.random() < 0.4
        ticket = Ticket(
            side=side,
            quantity=None if by_quote else self._quantity(listing),
            quote_quantity=Decimal(self.random.randint(1, 40_000)) * listing.quote_amount(1, 1) * 1_000
            if by_quote
            else None,
            price=None if is_market else self._price(listing, side),
            time_in_force=self.random.choices(list(TimeInForce), (6, 2, 1, 2))[0],
            client_order_id=self.random.choice(["", "", "a", "b", "c"]),
            reduce_only=self.random.random() < (0.3 if listing.instrument.kind is Kind.PERPETUAL else 0.0),
            self_trade=self.random.choice(list(SelfTrade)),
        )
        desk.place(account, listing, ticket, self.now)

    def cancel(self) -> None:
        order = self._some_order()
        if order is not None:
            self._desk_of(order).cancel(order, self.now)

    def amend(self) -> None:
        order = self._some_order()
        if order is None:
            return
        price = self._price(order.listing, order.side) if self.random.random() < 0.5 else None
        quantity = self._quantity(order.listing) if self.random.random() < 0.6 else None
        self._desk_of(order).amend(order, self.now, price, quantity)

    def pass_time(self) -> None:
        """The desks' clock may be ahead for a moment, as by the fault clock_skew."""
        self.now += self.random.randint(1, 200) * MS
        ahead_ms = self.random.choice([4 * HOUR_MS, 40_000]) if self.random.random() < 0.02 else 0
        for desk in self.desks:
            desk.market.step(self.now)
            desk.tick(self.now + ahead_ms * MS)

    def cancel_all(self) -> None:
        desk, listing, account = self._somewhere()
        side = self.random.choice([None, Side.BUY, Side.SELL])
        desk.cancel_all(account, self.random.choice([None, listing]), self.now, side)

    def deposit(self) -> None:
        desk, _, account = self._somewhere()
        asset = self.random.choice(sorted(account.wallets[desk.wallet]))
        whole = {"USDT": 1_000, "BTC": 1, "ETH": 3}[asset]
        desk.deposit(account, asset, Decimal(self.random.randint(-whole * 10**8, whole * 10**8)).scaleb(-8), self.now)

    def set_leverage(self) -> None:
        listing = self.random.choice(list(self.desks[1].market.listings.values()))
        leverage = self.random.choice([0, 1, 2, 5, 20, 125, 126])
        self.desks[1].set_leverage(self.random.choice(self.customers), listing, leverage)

    def settle_funding(self) -> None:
        rate = self.random.choice([None, Decimal("0.0001"), Decimal("-0.00037501")])
        self.desks[1].settle_funding(self.now, rate)
        self.counts["funding"] += 1

    def countdown(self) -> None:
        desk, listing, account = self._somewhere()
        until = self.random.choice([None, self.now + self.random.randint(1, 3_000) * MS, self.now - 1])
        desk.countdown(account, self.random.choice([None, listing]), until, self.now)

    def halt(self) -> None:
        desk, listing, _ = self._somewhere()
        if desk.halted:
            desk.halted.clear()
        elif self.random.random() < 0.2:
            desk.halted.add(listing.key)

    def hedge(self) -> None:
        account = self.random.choice(self.customers)
        self.desks[1].set_hedge_mode(account, not account.hedge_mode and self.random.random() < 0.3)

    def fault(self) -> None:
        kind = self.random.choice([FaultKind.PARTIAL_FILL, FaultKind.REJECT_ORDER])
        self.faults.switch_on(FaultOrder(kind, count=1))

    # ---- chance ---------------------------------------------------------------------------------------

    def _somewhere(self) -> tuple[TradingDesk, SimListing, Account]:
        desk = self.random.choice(self.desks)
        return desk, self.random.choice(list(desk.market.listings.values())), self.random.choice(self.customers)

    def _some_order(self) -> SimOrder | None:
        """Mostly an open one, at times one that may be over."""
        orders = list(self.random.choice(self.shadows).open.values())
        if self.random.random() < 0.1:
            orders = self.random.choice(self.desks).orders(self.random.choice(self.customers))[-5:]
        return self.random.choice(orders) if orders else None

    def _desk_of(self, order: SimOrder) -> TradingDesk:
        return self.desks[order.listing.instrument.kind is Kind.PERPETUAL]

    def _price(self, listing: SimListing, side: Side) -> Decimal:
        """Around the touch, where customers meet each other and the agents; at times a wrong one."""
        best = listing.engine.best(self.random.choice(list(Side))) or 1
        spread = max(2, best // 8_000)
        ticks = best + self.random.randint(-spread, spread)
        if self.random.random() < 0.4:
            ticks += (-1 if side is Side.BUY else 1) * self.random.randint(0, 20 * spread)
        chance = self.random.random()
        if chance < 0.02:
            return listing.instrument.tick * ticks + listing.instrument.tick / 2
        return listing.instrument.tick * (ticks if chance < 0.97 else ticks * self.random.choice([3, -1, 0]))

    def _quantity(self, listing: SimListing) -> Decimal:
        worth_usdt = self.random.choice([3, 40, 200, 700, 2_500, 9_000])
        per_lot = listing.quote_amount(1, 1) * (listing.engine.best(Side.SELL) or 1)
        usdt = Decimal(64_000) if listing.instrument.quote == "BTC" else Decimal(1)
        lots = int(Decimal(worth_usdt) * Decimal(self.random.uniform(0.5, 1.5)) / (per_lot * usdt))
        chance = self.random.random()
        if chance < 0.02:
            return listing.instrument.lot * lots + listing.instrument.lot / 3
        return listing.instrument.lot * (lots if chance < 0.98 else self.random.choice([0, -lots, 10**12]))

    def _count(self, report: object) -> None:
        if isinstance(report, OrderReport):
            self.counts[report.change] += 1
            if report.order.ended_by:
                self.counts[report.order.ended_by] += 1
            if report.fill is not None:
                self.counts["maker" if report.fill.is_maker else "taker"] += 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_unit_is_accounted_for_after_every_command(seed: int, record_property: Callable[..., None]) -> None:
    exchange = Exchange(seed)
    for number in range(COMMANDS):
        try:
            exchange.step()
        except AssertionError as error:
            raise AssertionError(f"command {number} of seed {seed}: {error}") from error
    record_property("commands", COMMANDS)
    record_property("fills", sum(shadow.fills for shadow in exchange.shadows))
    rare = {"self_trade", "reduce_only", "dead_man", "no_liquidity", "ioc", "amended", "maker", "taker", "funding"}
    never = {name for name in rare if not exchange.counts[name]}
    refusals = {reason for reason in Reason if not exchange.counts[reason]}
    refusals -= {Reason.UNKNOWN_ORDER, Reason.FOK, Reason.WOULD_TAKE, Reason.DUPLICATE_CLIENT_ID, Reason.NO_LIQUIDITY}
    assert not never | refusals, "the run was too tame to mean anything"
