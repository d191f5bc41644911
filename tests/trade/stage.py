"""A whole engine on simulated exchanges in the test's own event loop: real sockets and frames, and agents that rest,
so that a test alone decides who trades when.

    async with staged(folder, "gate-spot", "binance-spot") as stage:
        stage.ask_down("gate-spot")
        await stage.settled()
        await check(stage)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.exchange.accounts import Venue
from tests.trade.witness import SteppedClock, WatchedDisk, WatchedNetwork, Witness, our_id

from oneprice.app import Ports, build_account, build_market, simulated_hosts
from oneprice.exchange import AccountConfig, ConnectionConfig
from oneprice.ledger.journal import read
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import AnyRecord
from oneprice.live import LiveChance, LiveClock, LiveNetwork
from oneprice.market import MarketConfig, MarketData
from oneprice.model.deals import DealOutcome
from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import DayTicker, SimListing
from oneprice.sim.orders import OrderReport, Report, SimFill, SimOrder, Ticket
from oneprice.trade.account import TradingAccount
from oneprice.trade.desk import listing_key
from oneprice.trade.settings import BreakerLimits, CrossSettings, RiskLimits, Strategies, TradeSettings
from oneprice.trade.trader import Trader
from oneprice.trading import TradeRun, journal_folder, open_trader
from oneprice.venues.kit import Credentials

ROOMY = RiskLimits(
    order_notional_max=Decimal(2_000),
    venue_exposure_max=Decimal(20_000),
    position_notional_max=Decimal(20_000),
    unhedged_notional_max=Decimal(5_000),
    orders_per_minute_max=10_000,
    quotes_per_minute_max=10_000,
    daily_loss_max=Decimal(10_000),
    open_deals_max=20,
    cooldown_ms=50,
    cooldown_after_loss_ms=50,
    book_age_ms_max=10_000,
    price_band_bps=500.0,
    too_good_bps=500.0,
    hedge_cost_bps_max=300.0,
)
"""Limits that no story meets by accident."""

STILL = Strategies(cross=CrossSettings(enabled=False))
"""Nothing is entered."""

HASTY = AccountConfig(order_timeout_ms=250, find_for_s=2.0, overlap_s=30.0)
QUICK = ConnectionConfig(ping_every_ms=300, pong_within_ms=500, reconnect_first_ms=20, reconnect_max_ms=100)
SETTLES_AFTER_S = 0.4
"""Our exchanges show every order at once: one that is not found by then never came. Real venues have 10 s and more."""

AUDIT_EVERY_S = 0.3
LOOK_EVERY_S = 0.005
RICH = {"BTC": Decimal(10_000), "ETH": Decimal(100_000), "USDT": Decimal(1_000_000_000)}


@dataclass
class World:
    """What outlives an engine: exchanges, our accounts there, the data folder, clock and disk.

    `planted`: orders with our name that a test put at an exchange past the engine.
    """

    folder: Path
    markets: tuple[str, ...]
    symbols: tuple[str, ...]
    witness: Witness = field(default_factory=Witness)
    clock: SteppedClock = field(default_factory=lambda: SteppedClock(LiveClock()))
    venues: dict[str, Venue] = field(default_factory=dict)
    keys: dict[str, tuple[Account, ApiKey]] = field(default_factory=dict)
    planted: set[str] = field(default_factory=set)
    _starts: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.disk = WatchedDisk(self.witness)
        network = WatchedNetwork(LiveNetwork(self.clock), self.witness)
        self.ports = Ports(network, self.clock, LiveChance(1))

    async def open(self) -> None:
        """Start the exchanges, with an account of ours at each."""
        for name in dict.fromkeys(market.partition("-")[0] for market in self.markets):
            theirs = Ports(self.ports.network, LiveClock(), self.ports.chance)  # no step of our clock is theirs
            venue = self.venues[name] = await Venue.open(name, theirs, self.symbols)
            self.keys[name] = venue.open_account()
            for desk in venue.server.desks.values():
                for listing in desk.market.listings.values():
                    listing.day = _quiet_day(listing)  # type: ignore[method-assign]
                desk.listeners.append(self.witness.hear(self.keys[name][0], self.planted))

    async def close(self) -> None:
        """Stop them."""
        await self.ports.network.close()
        for venue in self.venues.values():
            await venue.server.stop()

    # ---- who is who

    def venue(self, market: str) -> Venue:
        """Of a VENUE-MARKET."""
        return self.venues[market.partition("-")[0]]

    def desk(self, market: str) -> TradingDesk:
        """The exchange's own, of a VENUE-MARKET."""
        return self.venue(market).desk(market)

    def listing(self, market: str, base: str = "BTC") -> SimListing:
        """The exchange's own, against USDT."""
        return self.venue(market).listing(market, base)

    def account(self, market: str) -> Account:
        """Ours, by the exchange's own word."""
        return self.keys[market.partition("-")[0]][0]

    # ---- the exchanges' truth

    def orders(self, market: str) -> list[SimOrder]:
        """Ours, by name, oldest first."""
        return [one for one in self.desk(market).orders(self.account(market)) if our_id(one.client_order_id)]

    def fills(self, market: str) -> list[SimFill]:
        """All of our account's, whoever gave the order."""
        return self.desk(market).fills(self.account(market))

    def wallet(self, market: str) -> dict[str, Decimal]:
        """What the exchange says that we have of each asset."""
        held = self.account(market).wallets.get(self.desk(market).wallet, {})
        return {asset: balance.total for asset, balance in held.items() if balance.total}

    def positions(self, market: str) -> dict[str, Decimal]:
        """Contracts by the exchange's listing key, where there are any."""
        found = {}
        for key, listing in self.desk(market).market.listings.items():
            lots = self.account(market).position(key).lots
            if lots:
                found[key] = lots * listing.lot_scale.step
        return found

    def when_filled(self, market: str, act: Callable[[], object]) -> None:
        """Do something at the exchange as soon as an order of ours is over there, once."""
        waiting = [act]

        def hear(report: Report) -> None:
            ours = isinstance(report, OrderReport) and our_id(report.order.client_order_id)
            if waiting and ours and isinstance(report, OrderReport) and report.order.filled_lots:
                waiting.pop()()

        self.desk(market).listeners.append(hear)

    # ---- what others do

    def bid_up(self, market: str, percent: str = "0.5", worth: int = 1_500, base: str = "BTC") -> SimOrder:
        """Another customer wants to buy at so much above the best ask, for `worth` quote beyond what stands there."""
        return self._push(market, Side.BUY, Decimal(percent), worth, base)

    def ask_down(self, market: str, percent: str = "0.5", worth: int = 1_500, base: str = "BTC") -> SimOrder:
        """Another customer wants to sell at so much below the best bid."""
        return self._push(market, Side.SELL, Decimal(percent), worth, base)

    def spread(self, buy: str, sell: str, worth: int = 1_500) -> None:
        """Something is cheap at `buy`; the other venue is as it was."""
        assert buy != sell
        self.ask_down(buy, worth=worth)

    def _push(self, market: str, side: Side, percent: Decimal, worth: int, base: str) -> SimOrder:
        listing = self.listing(market, base)
        sign = 1 if side is Side.BUY else -1
        if not (listing.top.ask_ticks and listing.top.bid_ticks):
            self.refresh(market)  # others have emptied a side
        top = listing.top
        ours, theirs = (top.ask_ticks, top.bid_ticks) if side is Side.BUY else (top.bid_ticks, top.ask_ticks)
        start = self._starts[market, base] = ours or theirs or self._starts[market, base]
        ticks = int(start * (1 + sign * percent / 100))
        price = ticks * listing.instrument.tick
        standing = sum(
            lots
            for level, lots in listing.engine.levels(side.opposite)
            if (level <= ticks if side is Side.BUY else level >= ticks)
        )
        own = int(Decimal(worth) / listing.quote_amount(ticks, 1)) + 1
        return self.other_order(market, side, (standing + own) * listing.lot_scale.step, price, base)

    def other_order(
        self,
        market: str,
        side: Side,
        quantity: Decimal,
        price: Decimal | None = None,
        base: str = "BTC",
        time_in_force: TimeInForce = TimeInForce.GTC,
    ) -> SimOrder:
        """An order of another customer, who has plenty of everything."""
        venue, desk, listing = self.venue(market), self.desk(market), self.listing(market, base)
        assets = {base, "USDT"} if market.endswith("-spot") else {"USDT"}
        for asset in sorted(assets):
            desk.deposit(venue.other, asset, RICH[asset], venue.server.now_ns())
        ticket = Ticket(side=side, quantity=quantity, price=price, time_in_force=time_in_force)
        return desk.place(venue.other, listing, ticket, venue.server.now_ns())

    def take(self, market: str, order: SimOrder, share: str = "1") -> None:
        """Another customer trades with so much of a resting order of ours, and with whatever is better."""
        assert order.price_ticks is not None
        listing, wanted = order.listing, order.filled_lots + max(1, int(order.left_lots * Decimal(share)))
        price, base = order.price_ticks * listing.instrument.tick, listing.instrument.base
        while order.filled_lots < wanted:
            levels = listing.engine.levels(order.side)
            better = sum(
                lots
                for ticks, lots in levels
                if (ticks > order.price_ticks if order.side is Side.BUY else ticks < order.price_ticks)
            )
            quantity = (better + wanted - order.filled_lots) * listing.lot_scale.step
            self.other_order(market, order.side.opposite, quantity, price, base, TimeInForce.IOC)

    def other_cancels(self, market: str, order: SimOrder) -> None:
        """The other customer changes their mind."""
        self.desk(market).cancel(order, self.venue(market).server.now_ns())

    def move_funds(self, market: str, asset: str, amount: Decimal) -> None:
        """A deposit, or below 0 a withdrawal, of our account that the engine has not made."""
        self.desk(market).deposit(self.account(market), asset, amount, self.venue(market).server.now_ns())

    def refresh(self, *markets: str) -> None:
        """The agents quote again, on both sides."""
        for market in markets or self.markets:
            self.venue(market).refresh(market)

    # ---- what goes wrong

    def fault(
        self, market: str, kind: FaultKind, *, count: int | None = None, seconds: float | None = None,
        delay_ms: int = 0, target: str = "",
    ) -> None:  # fmt: skip
        """Switch a fault on: for so many hits, for so many seconds, else once or for 5 s."""
        order = FaultOrder(kind, seconds=seconds, count=count, delay_ms=delay_ms, target=target)
        self.venue(market).server.faults.switch_on(order)

    def calm(self) -> None:
        """All faults are over."""
        for venue in self.venues.values():
            venue.server.faults.clear()


def _quiet_day(listing: SimListing) -> Callable[[], DayTicker]:
    """The last 24 hours as if nothing had happened in them: to make them up takes longer than a story."""
    now_ms, ticks = listing.market.now_ns // 1_000_000, listing.top.bid_ticks
    first, worth = listing.first_trade_id, listing.quote_amount(ticks, 1)
    return lambda: DayTicker(ticks, ticks, ticks, ticks, 1, 1, worth, 1, first, first, now_ms - 86_400_000, now_ms)


class Stage:
    """A world and the engine that trades in it now. `heard`: records since it opened."""

    def __init__(self, world: World, folder: Path, market: MarketData, trader: Trader, settings: TradeSettings) -> None:
        self.world, self.folder, self.market, self.trader, self.settings = world, folder, market, trader, settings
        self.heard: list[AnyRecord] = []
        trader.recorder.listeners.append(self.heard.append)

    @property
    def ledger(self) -> Ledger:
        """What the engine knows."""
        return self.trader.ledger

    def journal(self) -> list[AnyRecord]:
        """What the disk has."""
        return read(self.world.disk, journal_folder(self.folder)).records

    def of(self, kind: type[AnyRecord]) -> list[AnyRecord]:
        """The journal's records of one kind."""
        return [record for record in self.journal() if isinstance(record, kind)]

    def order(self, number: int) -> TrackedOrder | None:
        """The engine's n-th order, once it has left."""
        sent = self.world.witness.sent
        return self.ledger.order(sent[number]) if number < len(sent) else None

    def key(self, market: str, base: str = "BTC") -> str:
        """How records name a listing against USDT."""
        for book in self.market.books:
            if book.market == market and str(book.info.symbol.base) == base and str(book.info.symbol.quote) == "USDT":
                return listing_key(book.info)
        raise KeyError(market)

    def before(self, number: int, act: Callable[[], object]) -> None:
        """Do something when the n-th order from now is about to leave: 0 for a plan's first leg, 1 for its second."""
        witness = self.world.witness
        witness.before_send[len(witness.sent) + number] = lambda order: act()

    def when_told(self, kind: type[AnyRecord], act: Callable[[], object]) -> None:
        """Do something when the next record of a kind counts, once."""
        waiting = [act]

        def hear(record: AnyRecord) -> None:
            if waiting and isinstance(record, kind):
                waiting.pop()()

        self.trader.recorder.listeners.append(hear)

    # ---- waiting

    async def until(self, holds: Callable[[], object], within_s: float = 8.0, why: str = "") -> None:
        """Wait until it holds."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)  # what is waited for has no event of its own
        except TimeoutError:
            raise AssertionError(f"it did not come to that within {within_s} s: {why}; {self.picture()}") from None

    async def settled(self, count: int = 1, within_s: float = 8.0) -> None:
        """Wait for so many settled deals in which something was filled."""
        await self.until(lambda: len(self.traded()) >= count, within_s, f"{count} settled deals")

    async def missed(self, count: int = 1) -> None:
        """Wait for so many settled deals in which nothing was filled."""
        await self.until(lambda: len(self.ledger.settled) - len(self.traded()) >= count, why=f"{count} missed deals")

    async def sent(self, count: int, within_s: float = 8.0) -> None:
        """Wait until so many orders have left."""
        await self.until(lambda: len(self.world.witness.sent) >= count, within_s, f"{count} orders")

    def traded(self) -> list[DealOutcome]:
        """Outcomes of settled deals but those that missed."""
        return [one.outcome for one in self.ledger.settled if one.outcome is not DealOutcome.MISSED]

    def picture(self) -> str:
        """For a failing test."""
        orders = [
            (name, known.intent.listing, known.status.name, str(known.filled), known.reason)
            for name, known in self.ledger.orders.items()
        ]
        deals = [(number, deal.state.value, deal.reason) for number, deal in self.ledger.deals.items()]
        settled = [(one.deal, one.outcome.value, one.reason) for one in self.ledger.settled]
        books = {book.name: self.market.state(book).name for book in self.market.books}
        switches = self.trader.desk.switches
        return (
            f"deals {deals}, settled {settled}, orders {orders}, refusals {dict(self.trader.refusals)}, books {books}, "
            f"armed {switches.armed}, halt {switches.halt!r}, kill {switches.kill!r}, alarms {list(self.ledger.alarms)}"
        )


@contextlib.asynccontextmanager
async def exchanges(folder: Path, *markets: str, symbols: tuple[str, ...] = ("BTC/USDT",)) -> AsyncIterator[World]:
    """Simulated exchanges with the venues of these markets."""
    world = World(folder, markets, symbols)
    try:
        await world.open()
        yield world
    finally:
        await world.close()


@contextlib.asynccontextmanager
async def engine(
    world: World,
    *,
    folder: Path | None = None,
    risk: RiskLimits = ROOMY,
    strategies: Strategies | None = None,
    breaker: BreakerLimits | None = None,
    account: AccountConfig = HASTY,
    tell: Callable[[str], None] | None = None,
) -> AsyncIterator[Stage]:
    """An engine that trades there. A second one on the same folder goes on where the first one ended."""
    folder = folder or world.folder
    hosts = simulated_hosts(world.markets, {name: venue.server.url for name, venue in world.venues.items()})
    settings = TradeSettings(
        risk=risk,
        breaker=breaker or BreakerLimits(errors_max=50, rejects_max=50),
        strategies=strategies or Strategies(),
        dead_man_s=0,
        audit_every_s=AUDIT_EVERY_S,
    )

    def accounts(market: MarketData, ledger: Ledger) -> Mapping[str, TradingAccount]:
        made = {}
        for name in world.markets:
            key = world.keys[name.partition("-")[0]][1]
            one = made[name] = build_account(
                name,
                Credentials(key.key, key.secret),
                world.ports,
                hosts=hosts[name],
                config=account,
                connections=QUICK,
            )
            one._account.findable_after_s = SETTLES_AFTER_S  # type: ignore[misc]
            world.witness.watch(one, market, risk.book_age_ms_max * 1_000_000)
        return made

    never_ms = 600_000
    config = MarketConfig(
        markets=world.markets,
        symbols=world.symbols,
        triangles=settings.strategies.triangular.enabled,
        stale_after_ms=never_ms,
        silent_after_ms=never_ms,
        renew_silent_after_ms=never_ms,
        renew_stale_after_ms=never_ms,
    )
    run = TradeRun("simulated", folder, settings, "{}", "test", accounts, tell=tell)
    async with (
        build_market(config, world.ports, hosts=hosts) as market,
        open_trader(run, market, world.ports, world.disk) as trader,
    ):
        yield Stage(world, folder, market, trader, settings)


@contextlib.asynccontextmanager
async def staged(
    folder: Path,
    *markets: str,
    symbols: tuple[str, ...] = ("BTC/USDT",),
    risk: RiskLimits = ROOMY,
    strategies: Strategies | None = None,
    breaker: BreakerLimits | None = None,
    account: AccountConfig = HASTY,
) -> AsyncIterator[Stage]:
    """Exchanges and an engine, for stories of one life."""
    async with exchanges(folder, *markets, symbols=symbols) as world:
        opened = engine(world, risk=risk, strategies=strategies, breaker=breaker, account=account)
        async with opened as stage:
            yield stage


class Crash(Exception):
    """The process ends here: no byte leaves it any more, to a disk or a venue."""


@contextlib.asynccontextmanager
async def crashing(world: World, **settings: Any) -> AsyncIterator[Stage]:
    """An engine whose process ends with the body, or where the body raises Crash."""
    with contextlib.suppress(Crash):
        async with engine(world, **settings) as stage:
            try:
                yield stage
            finally:
                world.disk.fails = 1
                world.witness.is_dead = True
            raise Crash
    world.disk.fails = 0
    world.witness.is_dead = False
