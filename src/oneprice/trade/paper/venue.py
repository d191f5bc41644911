"""The venue's side of a paper account: orders matched against the live books, checked and booked as a venue does.

Nothing here waits: a command is done when it returns, and what happened was told by then, in its order. What is assumed
is to our disadvantage:

- a taker gets what the certified book shows within its limit, and no level twice;
- a resting order has everybody at its price before it: it fills, at its own price, with what comes to stand at that
  price or beyond on the other side of a live book, for by then nobody can be left before it;
- a book that is not live fills nothing.

Our own orders do not meet each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from oneprice.errors import (
    ExchangeAPIError,
    InsufficientBalanceError,
    InvalidOrderError,
    OrderNotFoundError,
    Outcome,
    TradingDisabledError,
)
from oneprice.exchange import AccountEvent
from oneprice.exchange.legal import require_legal
from oneprice.ledger.exact import ZERO, minus, plus, times
from oneprice.market.books import Book
from oneprice.model import (
    AssetBalance,
    AssetName,
    Fee,
    Fill,
    FundingRate,
    NewOrder,
    Order,
    OrderRef,
    OrderStatus,
    OrderType,
    Position,
    Side,
    SymbolInfo,
    TimeInForce,
)
from oneprice.ports import Clock
from oneprice.trade.desk import listing_key
from oneprice.trade.paper.depth import Depth, Level
from oneprice.trade.paper.grid import cost_of, limit_ticks, lots_for, lots_of, price_of, quantity_of, walk
from oneprice.trade.paper.money import PerpetualMoney, SpotMoney, Wish, worth_of
from oneprice.trade.paper.orders import Orders, PaperOrder
from oneprice.trade.paper.reducing import excess, room
from oneprice.venues.kit.account import BalanceUpdate, FillUpdate, OrderUpdate, PositionUpdate

OPEN_MAX = 1_000


class Fees(NamedTuple):
    """Fractions of the worth; negative for a rebate."""

    maker: Decimal
    taker: Decimal


class PaperVenue:
    """`name`: VENUE-MARKET. `book_of` gives a listing's book, `fees_of` what trading on it costs; `tell` hears events.

    Commands raise ExchangeAPIError with outcome REJECTED, and have changed nothing then.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        depth: Depth,
        money: SpotMoney | PerpetualMoney,
        book_of: Callable[[SymbolInfo], Book],
        fees_of: Callable[[SymbolInfo], Fees],
        tell: Callable[[AccountEvent], None],
    ) -> None:
        self.money, self.orders = money, Orders()
        self._name, self._clock, self._depth = name, clock, depth
        self._book_of, self._fees_of, self._tell = book_of, fees_of, tell
        self._last_id = clock.wall_ns() // 1_000  # so that ids of a later run are others
        self._version = 0
        self._countdowns: dict[str, tuple[int, SymbolInfo | None]] = {}
        self._fundings: dict[str, tuple[int, Decimal]] = {}  # by venue symbol: when the next is due, at which rate

    # ---- commands

    def place(self, new: NewOrder) -> Order:
        """A new order: filled, resting or ended when it returns."""
        try:
            order, taken = self._admit(new)
        except ExchangeAPIError as error:
            self._tell(OrderUpdate(_refused(new, str(error), self._clock.wall_ns())))
            raise
        book = self._book_of(new.listing)
        self.orders.add(order)
        filled = sum(lots for _, lots in taken)
        if new.time_in_force is TimeInForce.FOK and new.type is OrderType.LIMIT and filled < lots_of(book, order.total):
            taken, why = [], "it would not have filled wholly"
        else:
            why = "nothing more to take within its limit" if self._depth.is_live(book) else "its book is not live"
        for level, lots in taken:
            self._depth.take(book, new.side, level, lots)
            self._fill(order, price_of(book, level.ticks), quantity_of(book, lots), is_maker=False)
        if order.left and not _rests(new):
            self.orders.end(order, OrderStatus.EXPIRED, why)
        self._told(order)
        return order.told()

    def cancel(self, ref: OrderRef) -> Order:
        """Raises OrderNotFoundError for one that is over or never was."""
        order = self.orders.find(ref)
        if order is None or order.venue_id not in self.orders.open:
            raise self._refusal(OrderNotFoundError, ref.listing, "no such open order")
        self._end(order, "cancelled by us")
        return order.told()

    def cancel_all(self, listing: SymbolInfo) -> list[Order]:
        """Of a listing, oldest first."""
        ended = self.orders.open_at(listing)
        for order in ended:
            self._end(order, "cancelled by us")
        return [order.told() for order in ended]

    def order(self, ref: OrderRef) -> Order:
        """Raises OrderNotFoundError for one that never was taken, or is long over."""
        order = self.orders.find(ref)
        if order is None:
            raise self._refusal(OrderNotFoundError, ref.listing, "no such order")
        return order.told()

    def countdown(self, listing: SymbolInfo | None, seconds: int) -> None:
        """Cancel all orders (of a listing) after so long unless told anew; 0 disarms."""
        key = "" if listing is None else listing.venue_symbol
        if seconds:
            self._countdowns[key] = (self._clock.monotonic_ns() + seconds * 1_000_000_000, listing)
        else:
            self._countdowns.pop(key, None)

    def look(self, rates: Mapping[str, FundingRate]) -> None:
        """What time and the market have done: countdowns, funding (`rates` by listing key), and resting orders that the
        other side has come to."""
        self._pay_fundings(rates)
        now_ns = self._clock.monotonic_ns()
        for key, (until_ns, listing) in list(self._countdowns.items()):
            if now_ns >= until_ns:
                del self._countdowns[key]
                for order in list(self.orders.open.values()) if listing is None else self.orders.open_at(listing):
                    self._end(order, "cancelled by the dead man's switch")
        for order in sorted(self.orders.open.values(), key=_priority):
            self._meet(order)  # nothing is left of one that a fill before it has ended

    # ---- what there is

    def balances(self, *assets: str) -> tuple[AssetBalance, ...]:
        """Of these assets, or of all that are not empty."""
        self.mark()
        wishes = [order.wish() for order in self.orders.open.values()]
        names = assets or tuple(asset for asset, total in sorted(self.money.totals.items()) if total)
        self._version += 1
        return tuple(
            AssetBalance(
                asset=AssetName(asset),
                total=self.money.totals.get(asset, ZERO),
                free=self.money.free(asset, wishes),
                time_ns=self._clock.wall_ns(),
                version=self._version,
            )
            for asset in names
        )

    def positions(self) -> list[Position]:
        """Those that are not 0."""
        money = self.money
        if isinstance(money, SpotMoney):
            return []
        held = [money.listings[symbol] for symbol, one in money.positions.items() if one.quantity]
        return [money.position(listing, self._clock.wall_ns()) for listing in held]

    def mark(self) -> None:
        """Take note of the middles of live books where there are positions."""
        if isinstance(self.money, PerpetualMoney):
            for symbol, listing in self.money.listings.items():
                middle = self._depth.middle(self._book_of(listing))
                if middle is not None:
                    self.money.marks[symbol] = middle

    # ---- inside

    def _admit(self, new: NewOrder) -> tuple[PaperOrder, list[tuple[Level, int]]]:
        """The order, and what it takes. Raises ExchangeAPIError."""
        book, side = self._book_of(new.listing), new.side
        self.mark()
        self._check_rules(book, new)
        ladder = self._depth.ladder(book, side, limit_ticks(book, new))
        if new.type is OrderType.LIMIT_MAKER and ladder:
            raise self._refusal(InvalidOrderError, new.listing, "post-only, and it would take")
        lots = self._lots(book, new, ladder)
        taken, total = walk(ladder, lots), quantity_of(book, lots)
        cost = cost_of(book, taken) if new.price is None else worth_of(book.info, new.price, total)
        if new.price is None and taken and not new.reduce_only and cost < book.info.min_notional:
            text = f"its worth of {cost:f} is below min_notional {book.info.min_notional}"
            raise self._refusal(InvalidOrderError, new.listing, text)
        wishes = [order.wish() for order in self.orders.open.values()]
        wish = Wish(book.info, side, total, cost, new.reduce_only)
        lacking = self.money.lacks(wish, wishes, self._fees_of(new.listing).taker)
        if lacking:
            raise self._refusal(InsufficientBalanceError, new.listing, lacking)
        self._last_id += 1
        new = msgspec.structs.replace(new, listing=book.info)
        return PaperOrder(new, str(self._last_id), total, self._clock.wall_ns()), taken

    def _check_rules(self, book: Book, new: NewOrder) -> None:
        """By the rules as they are now: they may have changed while the order was on its way."""
        if book.closed:
            raise self._refusal(TradingDisabledError, new.listing, book.closed)
        if len(self.orders.open) >= OPEN_MAX:
            raise self._refusal(InvalidOrderError, new.listing, f"{OPEN_MAX} orders are open already")
        if book.info != new.listing:
            try:
                require_legal(msgspec.structs.replace(new, listing=book.info))
            except InvalidOrderError as error:
                text = error.message.removesuffix("; not sent")
                raise InvalidOrderError(self._name, text, outcome=Outcome.REJECTED) from None

    def _lots(self, book: Book, new: NewOrder, ladder: list[Level]) -> int:
        """How many the order is for. Raises InvalidOrderError."""
        if new.quantity is None:
            assert new.quote_quantity is not None, "the rules want one of the two"
            lots = lots_for(book, ladder, new.quote_quantity)
            if not lots or quantity_of(book, lots) < book.info.min_quantity:
                text = f"{new.quote_quantity} pays for less than an order may be"
                raise self._refusal(InvalidOrderError, new.listing, text)
        else:
            lots = lots_of(book, new.quantity)
        if new.reduce_only:
            reducible = lots_of(book, room(self.money, self.orders, new.listing, new.side))
            if not reducible:
                raise self._refusal(InvalidOrderError, new.listing, "reduce-only, and there is nothing to reduce")
            lots = min(lots, reducible)
        return lots

    def _meet(self, order: PaperOrder) -> None:
        """Fill a resting order with what has come to it."""
        new, book = order.new, self._book_of(order.new.listing)
        limit = limit_ticks(book, new)
        assert limit is not None, "a market order never rests"
        assert new.price is not None
        if not self._depth.reaches(book, new.side, limit):
            return
        taken = walk(self._depth.ladder(book, new.side, limit), lots_of(book, order.left))
        if taken:
            for level, lots in taken:
                self._depth.take(book, new.side, level, lots)
            self._fill(order, new.price, quantity_of(book, sum(lots for _, lots in taken)), is_maker=True)
            self._told(order)

    def _fill(self, order: PaperOrder, price: Decimal, quantity: Decimal, *, is_maker: bool) -> None:
        new, fees = order.new, self._fees_of(order.new.listing)
        rate = fees.maker if is_maker else fees.taker
        settled = self.money.settle(new.listing, new.side, price, quantity, rate)
        order.filled, order.left = plus(order.filled, quantity), minus(order.left, quantity)
        order.filled_quote = plus(order.filled_quote, worth_of(new.listing, price, quantity))
        order.updated_ns = self._clock.wall_ns()
        order.status = OrderStatus.PARTIALLY_FILLED
        if not order.left:
            self.orders.end(order, OrderStatus.FILLED, "")
        self._last_id += 1
        fill = Fill(
            listing=new.listing,
            venue_fill_id=str(self._last_id),
            venue_order_id=order.venue_id,
            client_order_id=new.client_order_id,
            side=new.side,
            price=price,
            quantity=quantity,
            time_ns=order.updated_ns,
            fees=(Fee(AssetName(settled.fee_asset), settled.fee),),
            is_maker=is_maker,
        )
        self.orders.fills.append(fill)
        self._tell(FillUpdate(fill))

    def _pay_fundings(self, rates: Mapping[str, FundingRate]) -> None:
        """At each time that was told ahead, the rate that was told last before it."""
        money, wall_ns = self.money, self._clock.wall_ns()
        if isinstance(money, SpotMoney):
            return
        for symbol, listing in money.listings.items():
            due_ns, rate = self._fundings.get(symbol, (0, ZERO))
            if 0 < due_ns <= wall_ns:
                del self._fundings[symbol]
                self._pay_funding(money, listing, rate)
            told = rates.get(listing_key(listing))
            if told is not None and told.next_time_ns > wall_ns:
                self._fundings[symbol] = (told.next_time_ns, told.rate)

    def _pay_funding(self, money: PerpetualMoney, listing: SymbolInfo, rate: Decimal) -> None:
        """Longs pay shorts where the rate is positive, on the worth at the mark."""
        mark, asset = money.marks.get(listing.venue_symbol), str(listing.symbol.quote)
        if mark is not None and money.quantity(listing):
            paid = times(worth_of(listing, mark, money.quantity(listing)), rate)
            money.totals[asset] = minus(money.totals.get(asset, ZERO), paid)
            self._tell(BalanceUpdate(self.balances(asset), "funding"))

    def _end(self, order: PaperOrder, reason: str) -> None:
        order.updated_ns = self._clock.wall_ns()
        self.orders.end(order, OrderStatus.CANCELED, reason)
        self._told(order)

    def _told(self, order: PaperOrder) -> None:
        """Tell of an order as it is now, and of what follows from it."""
        listing, money = order.new.listing, self.money
        self._tell(OrderUpdate(order.told()))
        symbol = listing.symbol
        if isinstance(money, SpotMoney):
            self._tell(BalanceUpdate(self.balances(str(symbol.base), str(symbol.quote)), "order"))
            return
        self._tell(BalanceUpdate(self.balances(str(symbol.quote)), "order"))
        if order.filled:
            self._tell(PositionUpdate(money.position(listing, order.updated_ns)))
            for other, left in excess(money, self.orders, listing):
                self._shrink(other, left)

    def _shrink(self, order: PaperOrder, left: Decimal) -> None:
        """A reduce-only order is never larger than the position."""
        order.total, order.left = plus(order.filled, left), left
        if left:
            self._tell(OrderUpdate(order.told()))
        else:
            self._end(order, "reduce-only, and nothing is left to reduce")

    def _refusal(self, kind: type[ExchangeAPIError], listing: SymbolInfo, why: str) -> ExchangeAPIError:
        return kind(self._name, f"{listing.symbol}: {why}", outcome=Outcome.REJECTED)


def _rests(new: NewOrder) -> bool:
    is_limit = new.type is OrderType.LIMIT and new.time_in_force is TimeInForce.GTC
    return is_limit or new.type is OrderType.LIMIT_MAKER


def _priority(order: PaperOrder) -> Decimal:
    """The best price first; the sort keeps the oldest first within one."""
    assert order.new.price is not None
    return -order.new.price if order.new.side is Side.BUY else order.new.price


def _refused(new: NewOrder, reason: str, now_ns: int) -> Order:
    """As our own side concludes it from the error."""
    return Order(
        listing=new.listing,
        venue_order_id="",
        client_order_id=new.client_order_id,
        status=OrderStatus.REJECTED,
        side=new.side,
        type=new.type,
        time_in_force=new.time_in_force,
        price=new.price,
        quantity=new.quantity,
        quote_quantity=new.quote_quantity,
        filled_quantity=ZERO,
        reduce_only=new.reduce_only,
        reason=reason,
        time_ns=now_ns,
    )
