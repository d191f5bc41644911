"""Accounts at simulated exchanges inside the test's own event loop: the user's object on one side, the truth on the
other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from tests.canaries import planted

from oneprice.app import Ports, build_account, live_ports, simulated_hosts
from oneprice.exchange import AccountConfig, ConnectionConfig, PrivateExchange, RequestConfig
from oneprice.exchange.following import AccountEvent
from oneprice.live import LiveChance, LiveNetwork
from oneprice.model import AssetName, Fill, NewOrder, Order, OrderRef, OrderStatus, Symbol, SymbolInfo
from oneprice.sim.accounts import DEFAULT_FUNDS, Account, ApiKey
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.orders import Report, SimOrder, Ticket
from oneprice.sim.serve import ServeOptions, start_exchange
from oneprice.sim.server import SimServer
from oneprice.venues.kit import Credentials
from oneprice.venues.kit.account import FillUpdate, OrderUpdate

MARKETS = ("binance-spot", "binance-usdm", "gate-spot", "gate-usdm", "mexc-spot", "mexc-usdm")
PATHS = tuple(
    (market, path) for market in MARKETS for path in ("rest", "websocket") if path == "rest" or "mexc" not in market
)
"""Every way that an order can take."""

WORTH = Decimal(150)
TICK_S = 0.005
"""How often a simulated exchange looks at what is due."""


class Member:
    """One account, and what its user's object said and told."""

    def __init__(self, exchange: PrivateExchange, account: Account) -> None:
        self.exchange, self.account = exchange, account
        self.events: list[AccountEvent] = []
        self._news = asyncio.Event()
        exchange.listen(self._hear)

    def _hear(self, event: AccountEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, holds: Callable[[], bool], within_s: float = 5.0) -> None:
        """Wait for an event after which it holds."""
        async with asyncio.timeout(within_s):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def told(self, client_order_id: str) -> list[Order]:
        """The states of an order that listeners were told, in their order."""
        return [
            event.order
            for event in self.events
            if isinstance(event, OrderUpdate) and event.order.client_order_id == client_order_id
        ]

    def fills(self, venue_order_id: str) -> list[Fill]:
        """The fills of an order that listeners were told."""
        return [
            event.fill
            for event in self.events
            if isinstance(event, FillUpdate) and event.fill.venue_order_id == venue_order_id
        ]

    def status(self, ref: OrderRef) -> OrderStatus | None:
        """What the view has."""
        known = self.exchange.view.get(ref)
        return None if known is None else known.status


class Venue:
    """One simulated exchange. Its agents rest until `refresh`, so that a test alone decides who trades when."""

    def __init__(self, server: SimServer, ports: Ports) -> None:
        self.server, self._ports = server, ports
        self._steps = {market.market: market.step for market in server.markets.values()}
        for market in server.markets.values():
            _let_rest(market)
        self._count = 0
        self._rows: dict[str, Sequence[SymbolInfo]] = {}
        self.other = self.open_account()[0]

    @classmethod
    async def open(cls, name: str, ports: Ports, instruments: tuple[str, ...] = ("BTC/USDT", "ETH/USDT")) -> Venue:
        """Start it, with the time of these ports."""
        options = ServeOptions(venue=name, instruments=instruments, clock=ports.clock.wall_ns)
        return cls(await start_exchange(options), ports)

    def open_account(self) -> tuple[Account, ApiKey]:
        """A new customer with the default funds."""
        self._count += 1
        name, secret = planted(self._count)
        key = ApiKey(key=name, secret=secret)
        return self.server.accounts.open([key], self.funds()), key

    def funds(self) -> dict[str, dict[str, Decimal]]:
        """What a customer gets, as far as the exchange has it."""
        kept = {name: DEFAULT_FUNDS["spot" if name == "spot" else "usdm"] for name in self.server.desks}
        return {
            name: {asset: amount for asset, amount in assets.items() if asset in ("USDT", "BTC", "ETH")}
            for name, assets in kept.items()
        }

    async def join(
        self,
        market: str,
        config: AccountConfig | None = None,
        requests: RequestConfig | None = None,
        connections: ConnectionConfig | None = None,
    ) -> Member:
        """A new account with an open user's object. The market's rules are asked for once only."""
        account, key = self.open_account()
        hosts = simulated_hosts([market], {market.partition("-")[0]: self.server.url})[market]
        credentials = Credentials(key.key, key.secret)
        exchange = build_account(
            market,
            credentials,
            self._ports,
            hosts=hosts,
            config=config,
            requests=requests,
            connections=connections,
        )
        if market in self._rows:
            exchange.public.know(self._rows[market])
        member = Member(exchange, account)
        async with asyncio.timeout(20):
            await exchange.open()
        self._rows[market] = await exchange.public.known()
        return member

    def desk(self, market: str) -> TradingDesk:
        """The desk of a VENUE-MARKET."""
        spot = market.endswith("-spot")
        return next(desk for name, desk in self.server.desks.items() if (name == "spot") == spot)

    def listing(self, market: str, base: str = "BTC") -> SimListing:
        """The exchange's own listing."""
        key = f"{base}/USDT" if market.endswith("-spot") else f"{base}/USDT:USDT"
        return self.desk(market).market.listings[key]

    def refresh(self, market: str) -> None:
        """Let the agents do what they have put off."""
        sim = self.desk(market).market
        self._steps[sim.market](self.server.now_ns())

    def fault(self, kind: FaultKind, count: int | None = None, delay_ms: int = 0) -> None:
        """Switch a fault on for so many hits, or once where hits count and for 5 s where they do not."""
        self.server.faults.switch_on(FaultOrder(kind, count=count, delay_ms=delay_ms))

    def truth(self, market: str, member: Member, client_order_id: str) -> list[SimOrder]:
        """The orders that the exchange has under an id of ours."""
        orders = self.desk(market).orders(member.account)
        return [order for order in orders if order.client_order_id.endswith(client_order_id)]

    async def placed(self, market: str, member: Member, client_order_id: str) -> SimOrder:
        """The order, as soon as the exchange has it."""
        there = asyncio.Event()
        desk = self.desk(market)

        def hear(report: Report) -> None:
            there.set()

        desk.listeners.append(hear)
        try:
            async with asyncio.timeout(5):
                while not (orders := self.truth(market, member, client_order_id)):
                    there.clear()
                    await there.wait()
        finally:
            desk.listeners.remove(hear)
        return orders[0]

    def serve_whole(self, market: str, order: SimOrder) -> None:
        """Another customer trades against a resting order until it is filled."""
        desk = self.desk(market)
        while order.left_lots:
            ticket = Ticket(
                side=order.side.opposite,
                quantity=order.left_lots * order.listing.lot_scale.step,
                price=None if order.price_ticks is None else order.price_ticks * order.listing.instrument.tick,
                time_in_force=TimeInForce.IOC,
            )
            desk.place(self.other, order.listing, ticket, self.server.now_ns())

    def take_position(self, market: str, member: Member, quantity: Decimal) -> None:
        """Give an account a long position, past its user's object."""
        ticket = Ticket(side=Side.BUY, quantity=quantity)
        self.desk(market).place(member.account, self.listing(market), ticket, self.server.now_ns())


def _let_rest(market: SimMarket) -> None:
    def stand_still(now_ns: int) -> None:
        market.now_ns = max(market.now_ns, now_ns)

    market.step = stand_still  # type: ignore[method-assign]


class FastClock:
    """`faster` seconds pass in one real one, for exchanges and users alike: their windows are soon over."""

    def __init__(self, faster: int) -> None:
        self._faster = faster
        self._began_ns, self._wall_ns = time.monotonic_ns(), time.time_ns()

    def _passed_ns(self) -> int:
        return (time.monotonic_ns() - self._began_ns) * self._faster

    def monotonic_ns(self) -> int:
        return self._began_ns + self._passed_ns()

    def wall_ns(self) -> int:
        return self._wall_ns + self._passed_ns()

    async def sleep(self, seconds: float) -> None:
        until_ns = self.monotonic_ns() + round(seconds * 1e9)
        left_ns = until_ns - self.monotonic_ns()
        while True:
            await asyncio.sleep(left_ns / 1e9 / self._faster)
            left_ns = until_ns - self.monotonic_ns()
            if left_ns <= 0:
                return


def fast_ports(faster: int) -> Ports:
    """Real sockets, and a clock that runs so much faster."""
    clock = FastClock(faster)
    return Ports(LiveNetwork(clock), clock, LiveChance(1))


class House:
    """All venues of a test module, opened when they are first wanted."""

    def __init__(self, ports: Ports | None = None) -> None:
        self.ports = ports or live_ports(1)
        self._venues: dict[str, Venue] = {}
        self._members: dict[tuple[object, ...], Member] = {}

    async def venue(self, market: str) -> Venue:
        """The venue of a VENUE-MARKET."""
        name = market.partition("-")[0]
        if name not in self._venues:
            self._venues[name] = await Venue.open(name, self.ports)
        return self._venues[name]

    async def member(
        self,
        market: str,
        config: AccountConfig,
        number: int = 0,
        *,
        requests: RequestConfig | None = None,
        connections: ConnectionConfig | None = None,
    ) -> Member:
        """An account at a market with these settings, the same one whenever it is asked for by the same number."""
        key = (market, config, requests, connections, number)
        if key not in self._members:
            self._members[key] = await (await self.venue(market)).join(market, config, requests, connections)
        return self._members[key]

    async def close(self) -> None:
        """End everything."""
        for member in self._members.values():
            await member.exchange.close()
        await self.ports.network.close()
        for venue in self._venues.values():
            await venue.server.stop()


def bitcoin(market: str) -> Symbol:
    """The instrument that tests trade."""
    return Symbol(AssetName("BTC"), AssetName("USDT"), is_futures=market.endswith("-usdm"))


def lots_of_worth(rules: SymbolInfo, price: Decimal, worth: Decimal = WORTH) -> Decimal:
    """A quantity of about this worth in quote, in the listing's unit."""
    lots = worth / (price * rules.contract_size) // rules.lot_size + 1
    return max(rules.min_quantity, lots * rules.lot_size)


def on_tick(rules: SymbolInfo, price: Decimal) -> Decimal:
    """The price, rounded down to what the listing allows."""
    return price // rules.tick_size * rules.tick_size


def ref_of(order: NewOrder) -> OrderRef:
    """How its user names it."""
    return OrderRef(listing=order.listing, client_order_id=order.client_order_id)
