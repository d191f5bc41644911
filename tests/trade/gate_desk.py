"""A desk for gates: a real hub with live books, a real ledger, accounts that stand as they are told to.

One listing of BTC/USDT at each of three spot markets and two perpetual ones, ETH at one. A test says what is different.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from oneprice.core import Hub
from oneprice.core.describe import Condition, Quote, Stream, encode
from oneprice.core.states import BookState
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import (
    BalanceOpened,
    DealMoved,
    DealOpened,
    DealSettled,
    FillTold,
    LegOpened,
    ListingKnown,
    OrderIntended,
    OrderTold,
    PositionOpened,
    RunStarted,
)
from oneprice.market import MarketConfig, MarketData
from oneprice.market.books import Book, Books
from oneprice.market.identity import price_of
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.model.deals import DealOutcome, DealState, Expected, Plan, PlanLeg, Purpose
from oneprice.trade.account import Standing, TradingAccount
from oneprice.trade.approved import ApprovedPlan, Refusal
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.gates import Gates
from oneprice.trade.settings import RiskLimits, TradeSettings
from oneprice.trade.switches import Switches
from oneprice.venues.kit import Channel

D = Decimal
MS = 1_000_000
START_NS = 1_000_000 * MS
WALL_NS = 1_700_000_000_000_000_000
FINE = Standing(stream_complete=True, reason="", clock_offset_ns=3 * MS, banned_ns=0, order_room=1.0)
STREAM = Stream(
    messages=(
        Quote(
            name="quote",
            when=(Condition("bp", has=True),),
            symbol="s",
            bid_price="bp",
            bid_quantity="bq",
            ask_price="ap",
            ask_quantity="aq",
            id=("id",),
        ),
    )
)


def info(market: str, base: str = "BTC", quote: str = "USDT", **rules: Any) -> SymbolInfo:
    """A listing of `VENUE-MARKET`."""
    venue, _, kind = market.rpartition("-")
    values: dict[str, Any] = {
        "tick_size": D("0.1"),
        "lot_size": D("0.00001"),
        "min_quantity": D("0.00002"),
        "max_quantity": D(10),
        "min_notional": D(5),
    }
    return SymbolInfo(
        venue=ExchangeName(venue),
        market=MarketKind(kind),
        symbol=Symbol(AssetName(base), AssetName(quote), kind != "spot"),
        venue_symbol=base + quote,
        **(values | rules),
    )


PERPETUAL: dict[str, Any] = {"lot_size": D(1), "min_quantity": D(1), "max_quantity": D(100_000)}
LISTINGS = (
    info("binance-spot"),
    info("gate-spot"),
    info("mexc-spot"),
    info("binance-usdm", lot_size=D("0.00001"), min_notional=D(5)),
    info("gate-usdm", contract_size=D("0.0001"), **PERPETUAL),
    info("gate-spot", "ETH", "USDT", tick_size=D("0.01"), lot_size=D("0.0001"), min_quantity=D("0.0002")),
    info("gate-spot", "ETH", "BTC", tick_size=D("0.000001"), lot_size=D("0.0001"), min_notional=D("0.0001")),
)
MARKETS = tuple(dict.fromkeys(f"{one.venue}-{one.market.value}" for one in LISTINGS))
PRICES = {"BTC/USDT": D(50_000), "ETH/USDT": D(2_500), "ETH/BTC": D("0.05")}


class GateDesk:
    """`now_ns` is monotonic; `standings` by account. Limits are the defaults, but for what a test names."""

    def __init__(self, listings: Sequence[SymbolInfo] = LISTINGS, **risk: Any) -> None:
        self.now_ns, self.wall_ns = START_NS, WALL_NS
        self.hub = Hub(b'{"stale_after_ns":1000000000000,"silent_after_ns":1000000000000}')
        config = MarketConfig(markets=MARKETS, symbols=tuple(PRICES))
        self.books = Books(self.hub, config)
        self.stream = self.hub.add_stream(encode(STREAM))
        self.ledger = Ledger()
        self.standings = dict.fromkeys(MARKETS, FINE)
        self.fills = self.names = 0
        self.ledger.apply(RunStarted(wall_ns=WALL_NS, run=1, mode="simulated", build="", config_hash="", config="{}"))
        for one in listings:
            self.add(one)
        for account in MARKETS:
            self.fund(account, "USDT", 10_000)
            if account.endswith("-spot"):
                self.fund(account, "BTC", 1)
                self.fund(account, "ETH", 10)
        self.switches = Switches()
        self.switches.armed = True
        accounts = {name: cast(TradingAccount, Account(self.standings, name)) for name in MARKETS}
        self.desk = Desk(
            settings=TradeSettings(risk=RiskLimits(**risk)),
            market=cast(MarketData, SimpleNamespace(hub=self.hub, books=self.books)),
            accounts=accounts,
            ledger=self.ledger,
            switches=self.switches,
            clock=cast(Any, SimpleNamespace(wall_ns=lambda: self.wall_ns, monotonic_ns=lambda: self.now_ns)),
        )
        self.gates = Gates(self.desk)

    # ---- markets

    def add(self, one: SymbolInfo) -> Book:
        """A listing, its book live at the usual price."""
        market = f"{one.venue}-{one.market.value}"
        book = Book(one, market, (Channel.QUOTE,), D("0.001"))
        self.books.add(book, self.now_ns)
        self.hub.bind(self.stream, "quote", listing_key(one), book.number)
        price = PRICES[str(one.symbol)] * one.multiplier
        self.quote(book, price - one.tick_size, price + one.tick_size)
        assert self.hub.state(book.number) == BookState.LIVE
        book.price = price_of(book, self.hub)
        self.ledger.apply(known(one))
        return book

    def quote(self, book: Book, bid: Decimal, ask: Decimal) -> None:
        """A best bid and ask comes now. The last price that identity looks at stays."""
        self.names += 1
        frame = {
            "s": listing_key(book.info),
            "id": self.names,
            "bp": f"{bid:f}",
            "bq": f"{1000 * book.info.lot_size:f}",
            "ap": f"{ask:f}",
            "aq": f"{1000 * book.info.lot_size:f}",
        }
        self.hub.on_frame(self.stream, msgspec.json.encode(frame), self.now_ns)

    def book(self, market: str, symbol: str = "BTC/USDT") -> Book:
        return next(one for one in self.books if one.market == market and one.group == symbol)

    def refresh(self) -> None:
        """Every book is heard again now."""
        for book in self.books:
            bid, _, ask, _, _ = self.hub.top(book.number)
            self.quote(book, bid * book.tick_size, ask * book.tick_size)

    # ---- what is known

    def fund(self, account: str, asset: str, amount: Any) -> None:
        self.ledger.apply(BalanceOpened(wall_ns=WALL_NS, account=account, asset=asset, total=D(amount)))

    def hold(self, market: str, contracts: Any, price: Any = 50_000) -> None:
        """A position that was there before."""
        key = listing_key(self.book(market).info)
        self.ledger.apply(PositionOpened(wall_ns=WALL_NS, listing=key, quantity=D(contracts), price=D(price)))

    def deal(self, plan: Plan) -> int:
        """Open a deal for a plan, with nothing sent yet."""
        number = self.ledger.next_deal
        legs = tuple(
            LegOpened(
                listing=listing_key(leg.listing),
                side=leg.side,
                quantity=leg.quantity,
                price=leg.price,
                value=leg.value,
                fee=leg.fee,
            )
            for leg in plan.legs
        )
        self.ledger.apply(
            DealOpened(
                wall_ns=WALL_NS,
                deal=number,
                strategy=plan.strategy,
                group=plan.group,
                home=str(plan.home),
                opportunity=0,
                holds=plan.holds,
                nets=plan.nets,
                expected_gross=D(0),
                expected_fees=D(0),
                expected_net=D(0),
                legs=legs,
            )
        )
        return number

    def order(self, deal: int, leg: PlanLeg, place: int = 0) -> str:
        """An order that was sent for a deal; nothing is known of it yet."""
        self.names += 1
        name = f"op{self.names:06}"
        self.ledger.apply(
            OrderIntended(
                wall_ns=WALL_NS,
                client_order_id=name,
                deal=deal,
                leg=place,
                attempt=0,
                purpose=leg.purpose,
                listing=listing_key(leg.listing),
                side=leg.side,
                type=leg.type,
                time_in_force=leg.time_in_force,
                price=leg.price,
                quantity=leg.quantity,
                reduce_only=leg.reduce_only,
            )
        )
        return name

    def send(self, plan: Plan) -> tuple[int, list[str]]:
        """As the trader would, approved or not: the deal's number and the names of its orders."""
        number = plan.deal or self.deal(plan)
        return number, [self.order(number, leg, place) for place, leg in enumerate(plan.legs)]

    def tell(self, name: str, status: OrderStatus, filled: Any = 0) -> None:
        self.ledger.apply(
            OrderTold(
                wall_ns=WALL_NS,
                client_order_id=name,
                status=status,
                venue_order_id="1",
                filled=D(filled),
                filled_quote=None,
                reason="",
            )
        )

    def fill(self, name: str, quantity: Any, price: Any = None, fees: tuple[tuple[str, Decimal], ...] = ()) -> None:
        """A fill that is booked at once."""
        intent = self.ledger.orders[name].intent
        self.fills += 1
        self.ledger.apply(
            FillTold(
                wall_ns=WALL_NS,
                listing=intent.listing,
                venue_fill_id=str(self.fills),
                client_order_id=name,
                venue_order_id="1",
                side=intent.side,
                price=intent.price if price is None else D(price),
                quantity=D(quantity),
                fees=fees,
                is_maker=False,
                venue_ns=WALL_NS,
            )
        )

    def fill_all(self, name: str, price: Any = None) -> None:
        order = self.ledger.orders[name]
        if order.left:
            self.fill(name, order.left, price)
        self.tell(name, OrderStatus.FILLED, order.intent.quantity)

    def move(self, deal: int, state: DealState) -> None:
        self.ledger.apply(DealMoved(wall_ns=WALL_NS, deal=deal, state=state, reason="a test's"))

    def settle(self, deal: int, carried: Any = 0) -> None:
        left = (("BTC", D(carried)),) if carried else ()
        self.ledger.apply(
            DealSettled(
                wall_ns=self.wall_ns,
                deal=deal,
                outcome=DealOutcome.CAPTURED,
                reason="",
                carried=left,
                marks=(("BTC", D(50_000)), ("ETH", D(2_500))),
            )
        )

    # ---- plans

    def leg(
        self,
        market: str,
        side: Side,
        price: Any = None,
        quantity: Any = "0.0008",
        symbol: str = "BTC/USDT",
        **other: Any,
    ) -> PlanLeg:
        """A leg at the usual price; a quantity of 0.0008 BTC is worth 40 USDT."""
        one = self.book(market, symbol).info
        price = PRICES[symbol] * one.multiplier if price is None else D(price)
        values: dict[str, Any] = {
            "price_ticks": int(price / one.tick_size),
            "lots": int(D(quantity) / one.lot_size),
            "value": price * D(quantity) * one.contract_size,
            "fee": D("0.001"),
        }
        return PlanLeg(account=market, listing=one, side=side, **(values | other))

    def plan(self, *legs: PlanLeg, **other: Any) -> Plan:
        """As `cross`, of these legs."""
        values: dict[str, Any] = {
            "strategy": "test",
            "group": str(legs[0].listing.symbol) if legs else "BTC/USDT",
            "home": AssetName("USDT"),
            "expected": Expected(gross=D("0.04"), fees=D("0.02"), net=D("0.02"), net_bps=5.0),
            "made_ns": self.now_ns,
        }
        return Plan(legs=legs, **(values | other))

    def cross(self, buy: str = "gate-spot", sell: str = "binance-spot", quantity: Any = "0.0008", **other: Any) -> Plan:
        """Buy here, sell there, at the usual price."""
        return self.plan(
            self.leg(buy, Side.BUY, quantity=quantity), self.leg(sell, Side.SELL, quantity=quantity), **other
        )

    def hedge(self, deal: int, leg: PlanLeg, purpose: Purpose = Purpose.HEDGE, **other: Any) -> Plan:
        return self.plan(msgspec.structs.replace(leg, purpose=purpose), deal=deal, **other)

    # ---- asking

    def ask(self, plan: Plan) -> ApprovedPlan | Refusal:
        return self.gates.approve(plan, self.now_ns)

    def passes(self, plan: Plan) -> None:
        told = self.ask(plan)
        assert isinstance(told, ApprovedPlan), str(told)
        assert told.plan is plan

    def stops(self, plan: Plan, gate: str, *words: str) -> str:
        """The gate refuses, and its text has all of these words."""
        told = self.ask(plan)
        assert isinstance(told, Refusal), f"{gate} let it pass"
        assert told.gate == gate, str(told)
        for word in words:
            assert word in told.text, told.text
        return told.text


class Account:
    """As much of a TradingAccount as gates ask for."""

    def __init__(self, standings: dict[str, Standing], name: str) -> None:
        self._standings, self._name = standings, name

    def standing(self) -> Standing:
        return self._standings[self._name]


def known(one: SymbolInfo) -> ListingKnown:
    return ListingKnown(
        wall_ns=WALL_NS,
        listing=listing_key(one),
        account=f"{one.venue}-{one.market.value}",
        symbol=str(one.symbol),
        base=str(one.symbol.base),
        quote=str(one.symbol.quote),
        is_perpetual=one.symbol.is_futures,
        tick_size=one.tick_size,
        lot_size=one.lot_size,
        contract_size=one.contract_size,
        multiplier=one.multiplier,
    )


REST = {"type": OrderType.LIMIT_MAKER, "time_in_force": TimeInForce.GTC, "purpose": Purpose.MAKER}
