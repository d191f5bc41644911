"""`PaperAccount`: an account at one market of an exchange that exists in this process alone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Self, TypeVar

from oneprice.errors import (
    ConfigError,
    DuplicateOrderError,
    ExchangeAPIError,
    InvalidRequestError,
    NetworkError,
    NotSupported,
    OrderNotFoundError,
    Outcome,
    RateLimitError,
)
from oneprice.exchange import AccountEvent, Listed, Standing, StreamState
from oneprice.exchange.eager import start
from oneprice.exchange.legal import require_legal
from oneprice.exchange.listings import Listings
from oneprice.ledger.ledger import Ledger
from oneprice.market import MarketData
from oneprice.market.books import Book
from oneprice.model import (
    AccountInfo,
    AssetBalance,
    AssetName,
    AssetNetwork,
    ExchangeName,
    Fill,
    FundingRate,
    KeyPermissions,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    Position,
    PositionMode,
    SymbolInfo,
    TradingFee,
    Transfer,
)
from oneprice.ports import Chance, Clock
from oneprice.trade.paper.depth import Depth
from oneprice.trade.paper.money import PerpetualMoney, SpotMoney
from oneprice.trade.paper.restart import resume
from oneprice.trade.paper.venue import Fees, PaperVenue
from oneprice.trade.paper.wire import Wire

T = TypeVar("T")
LOOK_EVERY_S = 0.01
LATENCY_MS = 20.0
IDS_KEPT = 20_000
LEVERAGE_MAX = 125


class PaperAccount:
    """A `TradingAccount` over the books of a running `market`. `name`: its VENUE-MARKET.

    `funds`: by asset, at the first start; with a `ledger` that knows the account it goes on from there. `latency_ms`:
    from sending to the match, on average, and the same back. Takers pay the fees that the market data reckons with,
    makers `maker_fee` (a fraction) or else the rules' own. Orders rest from `open` to `close`. `funding_rates`: by
    listing key (`trade.funding.Funding.rates`); positions pay and receive them when they are due. Without, nothing.

    Errors are those of `PrivateExchange`: NOT_SENT for what our own rules refuse, REJECTED for what the venue would.
    """

    def __init__(
        self,
        name: str,
        market: MarketData,
        clock: Clock,
        chance: Chance,
        *,
        funds: Mapping[str, Decimal],
        latency_ms: float = LATENCY_MS,
        maker_fee: Decimal | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        if name not in market.feeds:
            raise ConfigError(f"paper: {name} is no market of this run ({', '.join(market.feeds)})")
        self._name, self._market, self._feed = name, market, market.feeds[name]
        self._clock, self._maker_fee = clock, maker_fee
        self._books: dict[str, Book] = {}
        self._ears: list[Callable[[AccountEvent], None]] = []
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._events: list[AccountEvent] = []
        self._state = StreamState(False, "not started")
        self._watching: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._is_closed = False
        self._wire = Wire(clock, chance, latency_ms, self._fail)
        money = SpotMoney(funds) if self.market is MarketKind.SPOT else PerpetualMoney(funds)
        self._venue = PaperVenue(name, clock, Depth(market.hub), money, self._book, self._fees_of, self._events.append)
        self._ledger = ledger
        self.funding_rates: Mapping[str, FundingRate] = {}

    # ---- what it is

    @property
    def name(self) -> ExchangeName:
        """The venue."""
        return ExchangeName(self._feed.market.venue)

    @property
    def market(self) -> MarketKind:
        """Which of the venue's markets."""
        return self._feed.market.kind

    def __repr__(self) -> str:
        return f"PaperAccount({self._name})"

    # ---- its life

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def follow(self, listing: SymbolInfo) -> None:
        """Nothing is ever missed here, so nothing is caught up on."""

    async def open(self) -> None:
        """Returns when a book of the market is live."""
        while not self._feed.known:
            await self._clock.sleep(LOOK_EVERY_S)
        if self._ledger is not None and self._name in self._ledger.accounts:
            resume(self._venue, self._name, self._ledger, [book.info for book in self._feed.books.values()])
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name=f"{self._name}: paper")
        self._watching.add_done_callback(self._on_watch_done)
        while not self._state.complete:
            if self._failure is not None:
                raise self._failure
            await self._clock.sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        """No call may follow. Open orders are forgotten. Raises what broke it, if something did."""
        self._is_closed = True
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await self._wire.close()
        self._to(StreamState(False, "closed"))
        if self._failure is not None:
            raise self._failure

    def listen(self, heard: Callable[[AccountEvent], None]) -> Callable[[], None]:
        """Have `heard` called with each event, when it has come back from the venue. The answer stops it."""
        self._ears.append(heard)
        return lambda: self._ears.remove(heard) if heard in self._ears else None

    def standing(self) -> Standing:
        """As it was at the last look, at most LOOK_EVERY_S ago; the clock is the market data's measure."""
        return Standing(
            stream_complete=self._state.complete,
            reason=self._state.reason,
            clock_offset_ns=self._feed.clock.offset_ns,
            banned_ns=0,
            order_room=1.0,
        )

    # ---- orders

    async def place(self, order: NewOrder, *, hedge: bool = False) -> Order:
        """As `PrivateExchange.place`. Matched against the book as it is when the order gets there."""
        self._require_new(order)
        answer = self._ask(lambda: self._venue.place(order))
        self._remember(order)
        return await answer

    def begin(self, order: NewOrder, *, hedge: bool = False) -> asyncio.Future[Order]:
        """As `PrivateExchange.begin`."""
        return start(self.place(order, hedge=hedge), order.client_order_id)

    async def place_many(self, orders: Sequence[NewOrder]) -> list[Order | ExchangeAPIError]:
        """All of them get there together, in their order."""
        for place, order in enumerate(orders):
            self._require_new(order)
            if any(order.client_order_id == other.client_order_id for other in orders[:place]):
                text = f"{order.client_order_id!r} is there twice"
                raise InvalidRequestError(self._name, text, outcome=Outcome.NOT_SENT)

        def place_all() -> list[Order | ExchangeAPIError]:
            results: list[Order | ExchangeAPIError] = []
            for order in orders:
                try:
                    results.append(self._venue.place(order))
                except ExchangeAPIError as error:
                    results.append(error)
            return results

        answer = self._ask(place_all)
        for order in orders:
            self._remember(order)
        return await answer

    async def cancel(self, ref: OrderRef) -> Order | None:
        """Raises OrderNotFoundError when it is over already or never was."""
        return await self._ask(lambda: self._venue.cancel(ref))

    async def cancel_all(self, listed: Listed) -> list[Order]:
        """All of a listing."""
        listing = self._rules(listed)
        return await self._ask(lambda: self._venue.cancel_all(listing))

    async def order(self, ref: OrderRef) -> Order:
        """As the venue has it. Raises OrderNotFoundError."""
        return await self._ask(lambda: self._venue.order(ref))

    async def find(self, ref: OrderRef, *, sent_ns: int | None = None) -> Order | None:
        """One question settles it: nothing is lost on the way here, or late."""
        try:
            return await self.order(ref)
        except OrderNotFoundError:
            return None

    async def open_orders(self, listed: Listed | None = None) -> list[Order]:
        """Oldest first."""
        symbol = "" if listed is None else self._rules(listed).venue_symbol
        orders = self._venue.orders
        return await self._ask(
            lambda: [one.told() for one in orders.open.values() if symbol in ("", one.new.listing.venue_symbol)]
        )

    async def fills(self, listed: Listed, since_ns: int, venue_order_id: str = "") -> list[Fill]:
        """Oldest first, of those that are remembered: the last ones since the start."""
        symbol = self._rules(listed).venue_symbol
        return await self._ask(
            lambda: [
                fill
                for fill in self._venue.orders.fills
                if fill.listing.venue_symbol == symbol
                and fill.time_ns >= since_ns
                and venue_order_id in ("", fill.venue_order_id)
            ]
        )

    # ---- the account

    async def balances(self) -> list[AssetBalance]:
        """Assets that are not empty."""
        return await self._ask(lambda: list(self._venue.balances()))

    async def positions(self) -> list[Position]:
        """Those that are not 0. Raises NotSupported on spot."""
        self._only_perpetuals("positions")
        return await self._ask(self._venue.positions)

    async def info(self) -> AccountInfo:
        """Balances, and on perpetuals positions in one-way mode."""
        mode = None if self.market is MarketKind.SPOT else PositionMode.ONE_WAY
        return await self._ask(
            lambda: AccountInfo(
                balances=self._venue.balances(), positions=tuple(self._venue.positions()), position_mode=mode
            )
        )

    async def fees(self, listed: Listed) -> TradingFee:
        """What fills are charged."""
        listing = self._rules(listed)
        fees = self._fees_of(listing)
        return await self._ask(lambda: TradingFee(listing=listing, maker=fees.maker, taker=fees.taker))

    async def set_leverage(self, listed: Listed, leverage: int) -> None:
        """Raises NotSupported on spot."""
        money, listing = self._only_perpetuals("leverage"), self._rules(listed)
        if not 1 <= leverage <= LEVERAGE_MAX:
            raise ConfigError(f"leverage = {leverage!r}: must be 1 to {LEVERAGE_MAX}")
        await self._ask(lambda: money.leverages.update({listing.venue_symbol: leverage}))

    async def position_mode(self) -> PositionMode:
        """ONE_WAY. Raises NotSupported on spot."""
        self._only_perpetuals("a position mode")
        return await self._ask(lambda: PositionMode.ONE_WAY)

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Raises NotSupported on spot, and for HEDGE."""
        self._only_perpetuals("a position mode")
        if mode is not PositionMode.ONE_WAY:
            raise NotSupported(f"{self._name} on paper has one net position for a listing")

    async def permissions(self) -> KeyPermissions:
        """There is no key, and nothing to withdraw."""
        return await self._ask(
            lambda: KeyPermissions(can_read=True, can_trade=True, can_withdraw=False, can_transfer=False)
        )

    async def networks(self, asset: AssetName) -> list[AssetNetwork]:
        """Raises NotSupported."""
        raise NotSupported(f"{self._name} on paper: {asset} moves over no network")

    async def deposits(self, since_ns: int) -> list[Transfer]:
        """None ever."""
        return await self._ask(list)

    async def withdrawals(self, since_ns: int) -> list[Transfer]:
        """None ever."""
        return await self._ask(list)

    async def dead_man(self, seconds: int, listed: Listed | None = None) -> None:
        """Cancel our orders after so long unless told anew; 0 disarms."""
        listing = None if listed is None else self._rules(listed)
        await self._ask(lambda: self._venue.countdown(listing, seconds))

    # ---- inside: the way there and back

    def _ask(self, act: Callable[[], T]) -> asyncio.Future[T]:
        """Done when it gets to the venue; the answer comes back after all that was told before it.

        It is on its way when this returns, whether or not anybody waits for the answer.
        """
        if self._is_closed:
            raise NetworkError(f"{self._name}: the account is closed", Outcome.NOT_SENT)
        if self._wire.is_full:
            raise RateLimitError(self._name, "too much is on its way already; not sent", outcome=Outcome.NOT_SENT)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            try:
                result = act()
            except ExchangeAPIError as error:
                failure = error
                self._flush()
                self._wire.from_venue(lambda: None if answer.done() else answer.set_exception(failure))
            else:
                self._flush()
                self._wire.from_venue(lambda: None if answer.done() else answer.set_result(result))

        self._wire.to_venue(arrive)
        return answer

    def _flush(self) -> None:
        """What the venue has just told goes on its way to the listeners."""
        events = self._events[:]
        self._events.clear()
        if events:
            self._wire.from_venue(lambda: self._hear(events))

    def _hear(self, events: Iterable[AccountEvent]) -> None:
        for event in events:
            for heard in tuple(self._ears):
                heard(event)

    # ---- inside: what goes on by itself

    async def _watch(self) -> None:
        """Look at the market, for ever."""
        while True:
            self._to(self._stream_state())
            self._venue.mark()
            self._venue.look(self.funding_rates)
            self._flush()
            await self._clock.sleep(LOOK_EVERY_S)

    def _stream_state(self) -> StreamState:
        """Nothing can be known of orders while no book is: as if the private stream were down."""
        if self._failure is not None:
            return StreamState(False, f"it failed: {self._failure!r}")
        books = self._feed.books.values()
        if not self._feed.known:
            return StreamState(False, self._feed.trouble or "its rules are not known yet")
        if any(self._market.state(book) == 0 for book in books) or all(book.closed or book.doubted for book in books):
            return StreamState(True)
        return StreamState(False, self._feed.trouble or "none of its books is live")

    def _to(self, state: StreamState) -> None:
        if state != self._state:
            self._state = state
            self._hear((state,))

    def _on_watch_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Who listens raised, or this is wrong itself: nothing that comes after it can be relied on."""
        self._failure = self._failure or error

    # ---- inside: listings

    def _rules(self, listed: Listed) -> SymbolInfo:
        """Raises ConfigError for what is not watched."""
        if isinstance(listed, SymbolInfo) and (listed.venue, listed.market) == (self.name, self.market):
            return self._book(listed).info
        rows = [book.info for book in self._feed.books.values()]
        return Listings(str(self.name), self.market, rows).find(listed)

    def _book(self, listing: SymbolInfo) -> Book:
        """Raises ConfigError for what is not watched."""
        book = self._books.get(listing.venue_symbol)
        if book is None:
            self._books = {one.info.venue_symbol: one for one in self._feed.books.values()}
            book = self._books.get(listing.venue_symbol)
            if book is None:
                raise ConfigError(f"paper: {listing.name} is not watched, so there is nothing to trade against")
        return book

    def _fees_of(self, listing: SymbolInfo) -> Fees:
        book = self._book(listing)
        maker = self._maker_fee if self._maker_fee is not None else book.info.maker_fee
        return Fees(book.taker_fee if maker is None else maker, book.taker_fee)

    # ---- inside: checks before anything is sent

    def _require_new(self, order: NewOrder) -> None:
        """As on the way to a real venue. Raises InvalidOrderError, NotSupported, ConfigError, DuplicateOrderError."""
        require_legal(order)
        self._rules(order.listing)
        if order.client_order_id in self._ids:
            text = f"an order {order.client_order_id!r} was sent before; not sent"
            raise DuplicateOrderError(self._name, text, outcome=Outcome.NOT_SENT)

    def _remember(self, order: NewOrder) -> None:
        self._ids[order.client_order_id] = None
        if len(self._ids) > IDS_KEPT:
            self._ids.popitem(last=False)

    def _only_perpetuals(self, what: str) -> PerpetualMoney:
        money = self._venue.money
        if isinstance(money, SpotMoney):
            raise NotSupported(f"{self._name} has no {what}: it is for perpetuals")
        return money
