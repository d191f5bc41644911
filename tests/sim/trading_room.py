"""A desk on a market without agents: the test makes the book, the time and the mark price."""

from decimal import Decimal

from oneprice.sim.accounts import Account, Accounts
from oneprice.sim.agents import Temper
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.faults import FaultBoard, FaultKind, FaultOrder
from oneprice.sim.market import Kind, SimInstrument, SimListing, SimMarket
from oneprice.sim.orders import (
    BalanceReport,
    Change,
    DeskRules,
    OrderReport,
    PositionReport,
    Reason,
    Refused,
    Report,
    SimOrder,
    Ticket,
)

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
BUY, SELL = Side.BUY, Side.SELL
RULES = DeskRules(maker_fee=Decimal("0.001"), taker_fee=Decimal("0.002"), leverage_default=10)
QUIET = Temper(levels=1, requotes_per_s=1e-9, takers_per_s=1e-9, sweeps_per_s=1e-9)

SPOT = SimInstrument("BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(5))
PERPETUAL = SimInstrument(
    "BTC", "USDT", Decimal("0.1"), Decimal(1), Decimal(1), Decimal(5), multiplier=Decimal("0.1"), kind=Kind.PERPETUAL
)
FUNDS = {"spot": {"USDT": Decimal(10_000), "BTC": Decimal(50)}, "usdm": {"USDT": Decimal(10_000)}}


class Room:
    """Ann and Bob trade one listing; prices are around 100, and nobody else is there unless `house` is asked."""

    def __init__(self, instrument: SimInstrument = SPOT, rules: DeskRules = RULES) -> None:
        wallet = "spot" if instrument.kind is Kind.SPOT else "usdm"
        self.market = SimMarket("binance", wallet, [instrument], 1, T0, temper=QUIET)
        self.market.start(T0)
        self.listing: SimListing = self.market.listings[instrument.key]
        self.engine = self.listing.engine
        for order in self.engine.reachable(BUY, None) + self.engine.reachable(SELL, None):
            self.engine.cancel(order.order_id)
        self.now = T0
        self.mark = Decimal(100)
        self.accounts = Accounts()
        self.ann, self.bob = self.accounts.open([], FUNDS), self.accounts.open([], FUNDS)
        self.faults = FaultBoard(lambda: self.now)
        self.desk = TradingDesk(self.market, self.accounts, rules, self.faults)
        self.desk._prices.of = lambda listing: self.mark  # type: ignore[method-assign]
        self.reports: list[Report] = []
        self.story: list[str] = []
        self.desk.listeners.append(self._hear)

    def place(
        self,
        account: Account,
        side: Side,
        quantity: str | None,
        price: str | None = None,
        tif: TimeInForce = TimeInForce.GTC,
        *,
        client_id: str = "",
        quote: str | None = None,
        reduce_only: bool = False,
        self_trade: SelfTrade = SelfTrade.NONE,
    ) -> SimOrder:
        """An order in text."""
        ticket = Ticket(
            side=side,
            quantity=None if quantity is None else Decimal(quantity),
            quote_quantity=None if quote is None else Decimal(quote),
            price=None if price is None else Decimal(price),
            time_in_force=tif,
            client_order_id=client_id,
            reduce_only=reduce_only,
            self_trade=self_trade,
        )
        return self.desk.place(account, self.listing, ticket, self.now)

    def house(self, side: Side, quantity: str, price: str | None, tif: TimeInForce = TimeInForce.GTC) -> int:
        """An agent's order; returns its number in the engine."""
        lots = int(Decimal(quantity) / self.listing.lot_scale.step)
        ticks = None if price is None else int(Decimal(price) / self.listing.instrument.tick)
        return self.engine.place("maker", side, lots, ticks, tif, self.now).order_id

    def reason(self, account: Account, side: Side, quantity: str | None, *details: object, **options: object) -> Reason:
        """Why the order is refused; asserts that nothing changed."""
        before = self.picture()
        try:
            self.place(account, side, quantity, *details, **options)  # type: ignore[arg-type]
        except Refused as refused:
            assert self.picture() == before
            return refused.reason
        raise AssertionError("the order was not refused")

    def picture(self) -> object:
        """Everything that a refused command must leave as it is."""
        accounts = (self.ann, self.bob, self.accounts.house, self.accounts.revenue)
        return (
            [
                (asset, balance.free, balance.held, balance.version)
                for account in accounts
                for wallet in account.wallets.values()
                for asset, balance in wallet.items()
            ],
            [(key, p.lots, p.cost, p.version) for account in accounts for key, p in account.positions.items()],
            [(o.order_id, o.version) for account in accounts for o in self.desk.orders(account)],
            self.engine.update_id,
            len(self.reports),
        )

    def fault(self, kind: FaultKind, target: str = "", count: int | None = None) -> None:
        """Switch a fault on."""
        self.faults.switch_on(FaultOrder(kind, count=count, target=target))

    def free(self, account: Account, asset: str = "USDT") -> Decimal:
        """Free balance in this room's wallet."""
        return account.balance(self.desk.wallet, asset).free

    def held(self, account: Account, asset: str = "USDT") -> Decimal:
        """Held balance in this room's wallet."""
        return account.balance(self.desk.wallet, asset).held

    def tell(self) -> list[str]:
        """What was reported since the last call, one word each."""
        told, self.story = self.story, []
        return told

    def _hear(self, report: Report) -> None:
        self.reports.append(report)
        if isinstance(report, OrderReport):
            who = "ann" if report.order.account is self.ann else "bob"
            filled = f" {report.fill.lots}" if report.change is Change.TRADE and report.fill else ""
            self.story.append(f"{who} {report.change.value}{filled}")
        elif isinstance(report, BalanceReport):
            self.story.append(f"balance {report.reason.value}")
        else:
            assert isinstance(report, PositionReport)
            self.story.append("position")


def perpetual(rules: DeskRules = RULES) -> Room:
    """A room of a perpetual: contracts of 0.1 BTC, leverage 10."""
    return Room(PERPETUAL, rules)
