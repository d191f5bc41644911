"""Whatever of all open and unknown orders fills, no limit is broken by what the gates have let through.

Random plans go through the gates; what is approved is sent, fills, half fills, is lost or refused, as it comes. After
each step every outcome that open orders can still have is tried, by plain sums over the ledger's orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import product

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.trade.gate_desk import MS, REST, D, GateDesk

from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import TransferTold
from oneprice.model import OrderStatus, Side
from oneprice.model.deals import ADDS_RISK, DealState, Plan, Purpose
from oneprice.trade.approved import ApprovedPlan

BUY, SELL = Side.BUY, Side.SELL
SPOT, PERPETUALS = ("binance-spot", "gate-spot", "mexc-spot"), ("binance-usdm", "gate-usdm")
PRICE = D(50_000)
NEARLY = D("1.0001")
"""Quotes rest a tick away from the price that everything is counted at here."""
SIZES = ("0.0002", "0.0004", "0.0006", "0.0008", "0.001", "0.0011")
LIMITS = {
    "order_notional_max": D(50),
    "venue_exposure_max": D(90),
    "position_notional_max": D(80),
    "unhedged_notional_max": D(60),
    "open_deals_max": 3,
    "orders_per_minute_max": 4,
    "quotes_per_minute_max": 3,
    "book_age_ms_max": 10_000_000,
}


class Run:
    """Steps, and what must be true after each."""

    def __init__(self) -> None:
        self.desk = GateDesk(**LIMITS)
        self.approved = 0
        self.sent_ns: dict[Purpose, list[int]] = {purpose: [] for purpose in ADDS_RISK}
        self.seen: set[str] = set()
        for account in SPOT:  # so little that balances bind too
            self.take(account, "USDT", -9_900)
            self.take(account, "BTC", "-0.998")
        for account in PERPETUALS:
            self.take(account, "USDT", -9_983)

    def take(self, account: str, asset: str, amount: object) -> None:
        moved = TransferTold(wall_ns=1, account=account, asset=asset, amount=D(str(amount)), why="")
        self.desk.ledger.apply(moved)

    # ---- steps

    def entry(self, place: int, size: int, group: int) -> None:
        desk, quantity = self.desk, SIZES[size % len(SIZES)]
        markets = (*SPOT, *PERPETUALS)
        buy, sell = markets[place % 5], markets[place // 5 % 5]
        legs = [self.leg(buy, BUY, quantity), self.leg(sell, SELL, quantity)]
        if group & 4:
            legs = legs[:1]
        self.offer(desk.plan(*legs, group=f"{group & 3}"))

    def quote(self, place: int, size: int, group: int) -> None:
        desk, side = self.desk, BUY if group & 4 else SELL
        price = PRICE - side * D("0.1")
        leg = self.leg((*SPOT, *PERPETUALS)[place % 5], side, SIZES[size % len(SIZES)], price=price, **REST)
        working = [number for number, deal in desk.ledger.deals.items() if deal.state is DealState.WORKING]
        deal = working[place % len(working)] if working and group & 8 else 0
        self.offer(desk.plan(leg, group=f"{group & 3}", deal=deal))

    def hedge(self, place: int, size: int, group: int) -> None:
        """Undo some of what a deal has bought or sold somewhere."""
        orders = [one for one in self.desk.ledger.orders.values() if one.filled]
        if not orders:
            return
        order = orders[place % len(orders)]
        market = order.intent.listing.partition(":")[0]
        side = SELL if order.intent.side is BUY else BUY
        leg = self.leg(market, side, SIZES[size % len(SIZES)], purpose=Purpose.HEDGE)
        self.offer(self.desk.plan(leg, deal=order.intent.deal))

    def leg(self, market: str, side: Side, quantity: str, price: Decimal = PRICE, **other: object) -> msgspec.Struct:
        contracts = D(quantity) / self.desk.book(market).info.contract_size
        return self.desk.leg(market, side, price, contracts, fee=D(0), **other)

    def offer(self, plan: Plan) -> None:
        desk = self.desk
        told = desk.ask(plan)
        if isinstance(told, ApprovedPlan):
            self.approved += 1
            desk.send(told.plan)
            desk.gates.sent(told, desk.now_ns)
            for leg in plan.legs:
                if leg.purpose in ADDS_RISK:
                    self.sent_ns[leg.purpose].append(desk.now_ns)
        else:
            self.seen.add(told.gate)

    def happen(self, place: int, size: int, group: int) -> None:
        """Something becomes of an open order."""
        desk = self.desk
        waiting = [(name, one) for name, one in desk.ledger.orders.items() if one.unbooked]
        if not waiting:
            return
        name, order = waiting[place % len(waiting)]
        part = (order.intent.quantity * (1 + size % 4) / 4).quantize(order.listing.lot_size)
        match group % 6:
            case 0:
                desk.tell(name, OrderStatus.UNKNOWN)
            case 1:
                desk.tell(name, OrderStatus.CANCELED, order.filled)
            case 2:
                desk.tell(name, OrderStatus.PARTIALLY_FILLED, max(order.filled, part))
            case 3:
                desk.fill(name, min(order.unbooked, max(part, order.listing.lot_size)))
            case 4:
                desk.fill(name, order.unbooked)
            case 5:
                desk.tell(name, OrderStatus.REJECTED, order.filled)

    def wait(self, place: int, size: int, group: int) -> None:
        self.desk.now_ns += (1 + place) * 400 * MS
        self.desk.refresh()

    def settle(self, place: int, size: int, group: int) -> None:
        desk = self.desk
        for number, deal in list(desk.ledger.deals.items()):
            if deal.is_quiet() and (not deal.positions() or group & 1):
                left = deal.exposure().get("BTC", D(0))
                desk.settle(number, carried=left)
                break
        else:
            if desk.ledger.deals:
                number = list(desk.ledger.deals)[place % len(desk.ledger.deals)]
                states = (DealState.HOLDING, DealState.WORKING, DealState.HALTED)
                desk.move(number, states[size % 3])

    # ---- what must be true

    def check(self) -> None:
        risk, ledger = self.desk.desk.settings.risk, self.desk.ledger
        assert len(ledger.deals) <= risk.open_deals_max
        for purpose, most in ((Purpose.ENTRY, risk.orders_per_minute_max), (Purpose.MAKER, risk.quotes_per_minute_max)):
            recent = [at for at in self.sent_ns[purpose] if self.desk.now_ns - at < 60_000 * MS]
            assert len(recent) <= most
        for order in ledger.orders.values():
            assert order.intent.quantity * order.listing.contract_size * order.intent.price <= risk.order_notional_max
        orders = list(ledger.orders.values())
        for outcome in outcomes(orders):
            self.check_outcome(orders, outcome)

    def check_outcome(self, orders: list[TrackedOrder], outcome: dict[int, Decimal]) -> None:
        """With so much more filled of each order: coins, by listing, by asset and by deal."""
        risk, ledger = self.desk.desk.settings.risk, self.desk.ledger
        listings: dict[str, Decimal] = defaultdict(Decimal)
        deals: dict[int, Decimal] = defaultdict(Decimal)
        totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for key, quantity in ledger.open_positions():
            listings[key] += quantity * ledger.listings[key].contract_size
        for place, order in enumerate(orders):
            known, side = order.listing, order.intent.side
            more = outcome.get(place, D(0))
            coins = (order.filled + more) * known.contract_size * side
            deals[order.intent.deal] += coins
            unbooked = (order.filled + more - order.booked) * known.contract_size * side
            if known.is_perpetual:
                listings[order.intent.listing] += unbooked
            else:
                listings[order.intent.listing] += coins
                totals[known.account, "BTC"] += unbooked
                totals[known.account, "USDT"] -= unbooked * order.intent.price
        net = sum(deals.values(), ledger.carried.get("BTC", D(0)))
        assert abs(net) * PRICE <= risk.position_notional_max * NEARLY
        for deal in deals.values():
            assert abs(deal) * PRICE <= risk.unhedged_notional_max * NEARLY
        for venue in ("binance", "gate", "mexc"):
            there = sum(abs(coins) for key, coins in listings.items() if key.startswith(venue))
            assert there * PRICE <= risk.venue_exposure_max * NEARLY, venue
        for (account, asset), moved in totals.items():
            assert ledger.total(account, asset) + moved >= 0
        for account in PERPETUALS:
            held = sum(abs(coins) for key, coins in listings.items() if key.startswith(account))
            assert held * PRICE * D("0.25") <= ledger.total(account, "USDT") * NEARLY


def outcomes(orders: list[TrackedOrder]) -> Iterator[dict[int, Decimal]]:
    """All that open orders can still come to: each filled whole or no further. What is between is never worse."""
    left = {place: order.left for place, order in enumerate(orders) if order.left}
    for choice in product((False, True), repeat=len(left)):
        yield {place: left[place] for place, fills in zip(left, choice, strict=True) if fills}


ACTIONS = ("entry", "entry", "quote", "hedge", "happen", "happen", "happen", "wait", "settle")
STEP = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 24), st.integers(0, 11), st.integers(0, 15))


@settings(max_examples=150)
@given(st.lists(STEP, min_size=1, max_size=40))
@example([("entry", 1, 3, 0), ("happen", 0, 3, 4), ("hedge", 0, 3, 0), ("entry", 13, 3, 1)])
def test_no_limit_is_ever_broken_whatever_fills(steps: list[tuple[str, int, int, int]]) -> None:
    run = Run()
    for action, place, size, group in steps:
        getattr(run, action)(place, size, group)
        run.check()


def test_the_random_runs_reach_what_they_are_about() -> None:
    seen: set[str] = set()
    approved = 0

    @settings(max_examples=60, database=None, derandomize=True)
    @given(st.lists(STEP, min_size=25, max_size=40))
    def explore(steps: list[tuple[str, int, int, int]]) -> None:
        nonlocal approved
        run = Run()
        for action, place, size, group in steps:
            getattr(run, action)(place, size, group)
        approved += run.approved
        seen.update(run.seen)

    explore()
    assert approved > 100
    expected = {"order_notional", "venue_exposure", "position", "unhedged", "balance", "orders_per_minute", "one_deal"}
    assert expected | {"open_deals", "self_cross", "reduces"} <= seen
