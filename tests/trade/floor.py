"""Books in a real hub, accounts with money in a real ledger, and no engine around them: what strategies look at.

Prices and quantities are texts or numbers in the listing's own units. Time stands still until it is moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec
from tests.core.dialects import RAW, Change

from oneprice.core import Hub
from oneprice.core.describe import encode
from oneprice.core.specs import HubConfig
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import (
    BalanceOpened,
    DealMoved,
    DealOpened,
    FillTold,
    LegOpened,
    ListingKnown,
    OrderIntended,
    OrderTold,
)
from oneprice.market.books import Book, Books
from oneprice.market.config import MarketConfig
from oneprice.market.opportunities import Sized, Standing
from oneprice.model import AssetName, ExchangeName, MarketKind, NewOrder, OrderStatus, Symbol, SymbolInfo
from oneprice.model.deals import DealState, Plan, PlanLeg, Purpose
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.settings import TradeSettings
from oneprice.trade.switches import Switches
from oneprice.venues.kit import Channel

SECOND = 1_000_000_000
START_WALL_NS = 1_700_000_000 * SECOND
Side = Sequence[tuple[Any, Any]]
RICH = Decimal(1_000_000)


class Clock:
    """Stands still."""

    def __init__(self) -> None:
        self.now_ns = 100 * SECOND

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return START_WALL_NS + self.now_ns

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


class Account:
    """Its standing alone."""

    def __init__(self) -> None:
        self.stream_complete, self.reason, self.banned_ns = True, "", 0

    def standing(self) -> Account:
        return self


class Market:
    """The part of MarketData that strategies read."""

    def __init__(self, config: MarketConfig) -> None:
        self.hub = Hub(msgspec.json.encode(HubConfig(min_net_bps=config.min_net_bps, silent_after_ns=3_600 * SECOND)))
        self.books = Books(self.hub, config)


class Floor:
    """`desk` is what strategies are made with."""

    def __init__(self, settings: TradeSettings | None = None, *, min_net_bps: float = 0.0, cap: str = "0") -> None:
        config = MarketConfig(
            markets=("a-spot",), symbols=("BTC/USDT",), min_net_bps=min_net_bps, order_notional_max=Decimal(cap)
        )
        self.market, self.clock, self.ledger = Market(config), Clock(), Ledger()
        self.stream = self.market.hub.add_stream(encode(RAW.stream))
        self.body = self.market.hub.add_snapshot(encode(RAW.snapshot))
        self.accounts: dict[str, Account] = {}
        self.switches = Switches()
        self.switches.armed = True
        self.desk = Desk(
            settings=settings or TradeSettings(),
            market=cast("Any", self.market),
            accounts=cast("Any", self.accounts),
            ledger=self.ledger,
            switches=self.switches,
            clock=self.clock,
        )
        self._sequence: dict[int, int] = {}
        self._fills = 0

    # ---- what is there

    def list(
        self,
        market: str = "a-spot",
        symbol: str = "BTC/USDT",
        *,
        tick: str = "0.1",
        lot: str = "0.001",
        fee: str = "0.001",
        maker_fee: str | None = None,
        grid: tuple[str, str] | None = None,
        venue_symbol: str = "",
        **rules: Any,
    ) -> Book:
        """A listing, with an account for it. `grid`: its book's tick and lot where they are finer than the rules'."""
        venue, _, kind = market.rpartition("-")
        base, _, quote = symbol.partition("/")
        info = SymbolInfo(
            venue=ExchangeName(venue),
            market=MarketKind(kind),
            symbol=Symbol(AssetName(base), AssetName(quote), kind == "usdm"),
            venue_symbol=venue_symbol or base + quote,
            tick_size=Decimal(tick),
            lot_size=Decimal(lot),
            **{name: Decimal(value) for name, value in rules.items()},
        )
        book = Book(info, market, (Channel.DEPTH,), Decimal(fee))
        if grid:
            book.tick_size, book.lot_size = Decimal(grid[0]), Decimal(grid[1])
        self.market.books.add(book, self.clock.now_ns)
        for message in RAW.stream.messages:
            self.market.hub.bind(self.stream, message.name, listing_key(info), book.number)
        self.accounts.setdefault(market, Account())
        key = listing_key(info)
        self.desk.taker_fees[key] = Decimal(fee)
        if maker_fee is not None:
            self.desk.maker_fees[key] = Decimal(maker_fee)
        self.ledger.apply(
            ListingKnown(
                wall_ns=0,
                listing=key,
                account=market,
                symbol=symbol,
                base=base,
                quote=quote,
                is_perpetual=kind == "usdm",
                tick_size=info.tick_size,
                lot_size=info.lot_size,
                contract_size=info.contract_size,
                multiplier=info.multiplier,
            )
        )
        return book

    def fund(self, account: str, asset: str, amount: Any = RICH) -> None:
        """It holds so much more."""
        self.ledger.apply(BalanceOpened(wall_ns=0, account=account, asset=asset, total=Decimal(amount)))

    def fund_all(self, amount: Any = RICH) -> None:
        """Every account has plenty of everything that is listed there."""
        places = set()
        for book in self.market.books:
            places |= {(book.market, str(book.info.symbol.base)), (book.market, str(book.info.symbol.quote))}
        for account, asset in sorted(places):
            self.fund(account, asset, amount)

    def show(self, book: Book, bids: Side = (), asks: Side = ()) -> None:
        """The whole book is this now."""
        number = book.number
        self._sequence[number] = last = self._sequence.get(number, 10) + 10
        self.market.hub.lose(number, 10, self.clock.now_ns)
        self.market.hub.begin_sync(number, self.clock.now_ns)
        name = listing_key(book.info)
        change = Change(name, last - 1, last, _texts(bids), _texts(asks), True, 5)
        self.market.hub.on_snapshot(number, self.body, RAW.body(change), self.clock.now_ns)
        assert self.market.hub.state(number) == 0

    def pass_time(self, seconds: float) -> int:
        self.clock.now_ns += int(seconds * SECOND)
        return self.clock.now_ns

    # ---- what the hub finds

    def standings(self) -> list[Standing]:
        """As the trader hands them on."""
        found = []
        for key, opened_ns, updated_ns, updates, sized, best in self.market.hub.opportunities():
            found.append(Standing(key, opened_ns, updated_ns, updates, Sized(*sized), Sized(*best)))
        return found

    def standing(self) -> Standing:
        """The only one."""
        [only] = self.standings()
        return only

    # ---- what has happened

    def open(self, plan: Plan, *, state: DealState = DealState.WORKING) -> int:
        """Journal a plan as the sender does: its deal, where it opens one, and its orders. Gives the deal's number."""
        wall_ns, number = self.clock.wall_ns(), plan.deal
        if not number:
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
                    wall_ns=wall_ns,
                    deal=number,
                    strategy=plan.strategy,
                    group=plan.group,
                    home=str(plan.home),
                    opportunity=0,
                    holds=plan.holds,
                    nets=plan.nets,
                    expected_gross=plan.expected.gross,
                    expected_fees=plan.expected.fees,
                    expected_net=plan.expected.net,
                    legs=legs,
                )
            )
        for place, leg in enumerate(plan.legs):
            attempt = len(self.ledger.deals[number].orders)
            self.ledger.apply(
                OrderIntended(
                    wall_ns=wall_ns,
                    client_order_id=f"d{number}-{attempt}",
                    deal=number,
                    leg=-1 if leg.purpose is Purpose.HEDGE else place,
                    attempt=attempt,
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
        if state is not DealState.WORKING:
            self.ledger.apply(DealMoved(wall_ns=wall_ns, deal=number, state=state, reason=""))
        return number

    def fill(self, client_order_id: str, leg: PlanLeg, quantity: Any = None, *, over: bool = True) -> None:
        """The order was filled at its worst price, all of it or so much, its fee paid as venues here do."""
        info, key = leg.listing, listing_key(leg.listing)
        size = leg.quantity if quantity is None else Decimal(quantity)
        coins = size * info.contract_size * info.multiplier
        in_base = leg.side == 1 and info.market is MarketKind.SPOT
        fee = (str(info.symbol.base), coins * leg.fee)
        if not in_base:
            fee = (str(info.symbol.quote), size * leg.price * info.contract_size * leg.fee)
        if size:
            self._fills += 1
            self.ledger.apply(
                FillTold(
                    wall_ns=0,
                    listing=key,
                    venue_fill_id=str(self._fills),
                    client_order_id=client_order_id,
                    venue_order_id=client_order_id,
                    side=leg.side,
                    price=leg.price,
                    quantity=size,
                    fees=(fee,),
                    is_maker=False,
                    venue_ns=0,
                )
            )
        whole = size == leg.quantity
        over_as = OrderStatus.FILLED if whole else OrderStatus.CANCELED
        status = over_as if over else OrderStatus.PARTIALLY_FILLED if size else OrderStatus.NEW
        self.ledger.apply(
            OrderTold(
                wall_ns=0,
                client_order_id=client_order_id,
                status=status,
                venue_order_id=client_order_id,
                filled=size,
                filled_quote=None,
                reason="",
            )
        )

    def traded(self, plan: Plan, *, state: DealState = DealState.WORKING) -> int:
        """Open it, and fill all of it."""
        number = self.open(plan, state=state)
        orders = self.ledger.deals[number].orders[-len(plan.legs) :]
        for order, leg in zip(orders, plan.legs, strict=True):
            self.fill(order.intent.client_order_id, leg)
        return number


def order_of(leg: PlanLeg) -> NewOrder:
    """As the sender makes it."""
    return NewOrder(
        listing=leg.listing,
        side=leg.side,
        client_order_id="op1",
        type=leg.type,
        quantity=leg.quantity,
        price=leg.price,
        time_in_force=leg.time_in_force,
        reduce_only=leg.reduce_only,
    )


def _texts(side: Side) -> list[tuple[str, str]]:
    return [(str(price), str(quantity)) for price, quantity in side]
