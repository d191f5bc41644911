"""Paper accounts over books that the test writes, under virtual time: two markets of a made-up venue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
from tests.market.toy import STREAM
from tests.market.world import SeededChance, VirtualClock, run

from oneprice.core import Hub
from oneprice.core.describe import encode
from oneprice.core.states import BookState, Reason
from oneprice.exchange import AccountEvent
from oneprice.ledger.ledger import Ledger
from oneprice.market.books import Book, Books
from oneprice.market.config import MarketConfig
from oneprice.model import (
    AssetName,
    ExchangeName,
    Fill,
    MarketKind,
    NewOrder,
    Order,
    OrderType,
    Side,
    Symbol,
    SymbolInfo,
    TimeInForce,
)
from oneprice.trade.paper import PaperAccount
from oneprice.venues.kit import Channel
from oneprice.venues.kit.account import BalanceUpdate, FillUpdate, OrderUpdate, PositionUpdate

BUY, SELL = Side.BUY, Side.SELL
GTC, IOC, FOK = TimeInForce
LIMIT, MARKET, LIMIT_MAKER = OrderType
Levels = Iterable[tuple[object, object]]
MAKER, TAKER = Decimal("0.0005"), Decimal("0.001")
FUNDS = {"USDT": Decimal(10_000), "BTC": Decimal(5)}


def info(kind: MarketKind = MarketKind.SPOT, **figures: object) -> SymbolInfo:
    """BTC/USDT: tick 0.1, lot 0.001 (spot) or contracts of 0.01 (perpetual), at least 5 USDT."""
    is_perpetual = kind is MarketKind.USDM
    told: dict[str, Any] = {
        "venue": ExchangeName("toy"),
        "market": kind,
        "symbol": Symbol(AssetName("BTC"), AssetName("USDT"), is_perpetual),
        "venue_symbol": "BTCUSDT",
        "tick_size": Decimal("0.1"),
        "lot_size": Decimal(1) if is_perpetual else Decimal("0.001"),
        "contract_size": Decimal("0.01") if is_perpetual else Decimal(1),
        "min_notional": Decimal(5),
    }
    return SymbolInfo(**told | figures)


class Market:
    """As much of a `MarketData` as a paper account looks at. Books are whole frames of the toy venue."""

    def __init__(self, clock: VirtualClock, *infos: SymbolInfo) -> None:
        self.clock, self.hub = clock, Hub(b"{}")
        self.books = Books(self.hub, MarketConfig(markets=("toy-spot",), symbols=("BTC/USDT",)))
        self._sequence = 0
        self._stream = self.hub.add_stream(encode(STREAM))
        self.feeds: dict[str, Any] = {}
        for one in infos:
            name = f"{one.venue}-{one.market.value}"
            book = Book(one, name, (Channel.DEPTH, Channel.QUOTE), TAKER)
            self.books.add(book, 0)
            self._bind(book)
            market = SimpleNamespace(venue=str(one.venue), kind=one.market)
            watch = SimpleNamespace(offset_ns=1_000_000)
            feed = SimpleNamespace(name=name, market=market, clock=watch, books={}, known=True, trouble="")
            self.feeds.setdefault(name, feed).books[one] = book

    def _bind(self, book: Book) -> None:
        self.hub.bind(self._stream, "depth", f"{book.market}:{book.info.venue_symbol}", book.number)

    def state(self, book: Book) -> BookState:
        return BookState(self.hub.state(book.number))

    def book(self, market: str = "toy-spot") -> Book:
        return next(book for book in self.books if book.market == market)

    def show(self, bids: Levels, asks: Levels, market: str = "toy-spot") -> None:
        """The book is this now."""
        self._sequence += 1
        frame = {
            "s": f"{market}:{self.book(market).info.venue_symbol}",
            "U": self._sequence,
            "u": self._sequence,
            "full": True,
            "b": [[str(price), str(quantity)] for price, quantity in bids],
            "a": [[str(price), str(quantity)] for price, quantity in asks],
        }
        self.hub.on_frame(self._stream, json.dumps(frame).encode(), self.clock.monotonic_ns())

    def lose(self, market: str = "toy-spot") -> None:
        """The book cannot be believed any more."""
        self.hub.lose(self.book(market).number, int(Reason.SEQUENCE), self.clock.monotonic_ns())

    def change_rules(self, new: SymbolInfo) -> None:
        """As the feed does it."""
        book = self.book(f"{new.venue}-{new.market.value}")
        book.info = new
        book.tick_size = book.tick_size if not new.tick_size % book.tick_size else new.tick_size
        book.lot_size = book.lot_size if not new.lot_size % book.lot_size else new.lot_size
        self.books.register_again(book, self.clock.monotonic_ns())
        self.hub.unbind(self._stream, f"{book.market}:{new.venue_symbol}")
        self._bind(book)


class Scene:
    """One account, and all that it told."""

    def __init__(
        self,
        kind: MarketKind = MarketKind.SPOT,
        *,
        funds: dict[str, Decimal] | None = None,
        latency_ms: float = 20.0,
        ledger: Ledger | None = None,
        **figures: object,
    ) -> None:
        self.clock, self.info = VirtualClock(), info(kind, **figures)
        self.name = f"toy-{kind.value}"
        self.funds = FUNDS if funds is None else funds
        self._made: tuple[float, Ledger | None] = (latency_ms, ledger)
        self.events: list[AccountEvent] = []
        self._count = 0
        self.market: Market
        self.account: PaperAccount

    def play(self, story: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            latency_ms, ledger = self._made
            self.market = Market(self.clock, self.info)
            ten = 10 if not 10 % self.info.lot_size else 10 * self.info.lot_size
            self.market.show([("99.9", ten), ("99.8", 2 * ten)], [("100.1", ten), ("100.2", 2 * ten)], self.name)
            self.account = PaperAccount(
                self.name,
                self.market,  # type: ignore[arg-type]
                self.clock,
                SeededChance(1),
                funds=self.funds,
                latency_ms=latency_ms,
                maker_fee=MAKER,
                ledger=ledger,
            )
            self.account.listen(self.events.append)
            async with self.account:
                await story(self)

        run(whole)

    def show(self, bids: Levels, asks: Levels) -> None:
        self.market.show(bids, asks, self.name)

    def new(
        self,
        side: Side,
        quantity: object,
        price: object = None,
        tif: TimeInForce = GTC,
        *,
        post_only: bool = False,
        quote: object = None,
        reduce_only: bool = False,
        name: str = "",
    ) -> NewOrder:
        """An order; a market order without a price."""
        self._count += 1
        return NewOrder(
            listing=self.info,
            side=side,
            client_order_id=name or f"order-{self._count}",
            type=LIMIT_MAKER if post_only else MARKET if price is None else LIMIT,
            quantity=None if quantity is None else Decimal(str(quantity)),
            quote_quantity=None if quote is None else Decimal(str(quote)),
            price=None if price is None else Decimal(str(price)),
            time_in_force=tif,
            reduce_only=reduce_only,
        )

    async def place(self, *what: Any, **more: Any) -> Order:
        return await self.account.place(self.new(*what, **more))

    async def rest(self, seconds: float = 0.1) -> None:
        """Long enough for the account to look, and to tell."""
        await asyncio.sleep(seconds)

    async def balance(self, asset: str) -> tuple[Decimal, Decimal | None]:
        """Total and free."""
        for one in await self.account.balances():
            if one.asset == asset:
                return one.total, one.free
        return Decimal(0), Decimal(0)

    @property
    def fills(self) -> list[Fill]:
        return [event.fill for event in self.events if isinstance(event, FillUpdate)]

    def told(self) -> list[str]:
        """The events in a word each, and forget them."""
        words = []
        for event in self.events:
            if isinstance(event, FillUpdate):
                words.append(f"fill {event.fill.quantity.normalize():f}")
            elif isinstance(event, OrderUpdate):
                words.append(event.order.status.name)
            elif isinstance(event, BalanceUpdate):
                words.append("balance " + " ".join(one.asset for one in event.balances))
            elif isinstance(event, PositionUpdate):
                words.append(f"position {event.position.quantity.normalize():f}")
            else:
                words.append(type(event).__name__)
        self.events.clear()
        return words


def copy_of(told: SymbolInfo, **figures: object) -> SymbolInfo:
    """The same listing with other rules."""
    return msgspec.structs.replace(told, **figures)
