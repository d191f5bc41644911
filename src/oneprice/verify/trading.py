"""What cards do with orders: send them within limits that all of a bench's accounts share, wait for what becomes of
them, listen to what is told, and undo them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import ROUND_FLOOR, Decimal
from typing import Self, TypeVar

import msgspec

from oneprice.errors import ExchangeAPIError, NetworkError, OrderNotFoundError, Outcome
from oneprice.exchange import AccountConfig, AccountEvent, ConnectionConfig, PrivateExchange, RequestConfig
from oneprice.exchange.limiter import Way
from oneprice.exchange.rest import charges_of
from oneprice.model import Fill, NewOrder, Order, OrderRef, OrderStatus, Position, Side, SymbolInfo, TimeInForce
from oneprice.venues.kit import Credentials, OrderUpdate, Priority
from oneprice.venues.kit.account import FillUpdate
from oneprice.verify.bench import Bench, Faults
from oneprice.verify.card import Failed, expect, skip
from oneprice.verify.measures import plain

T = TypeVar("T")

INTO = Decimal("-0.005")
"""So far into the other side that an order fills, as `away` of `Bench.order`."""
FAR_INTO = Decimal("-0.01")
_LOOK_EVERY_S = 0.05
_ATTEMPTS = 3
_NOTHING = Decimal(0)
_TURN_WITHIN_NS = 20_000_000_000


# ---------------------------------------------------------------------- what a venue has


def has_row(account: PrivateExchange, name: str) -> bool:
    """Whether the capability matrix says that the venue has it."""
    return any(row.name == name and row.supported for row in account.capabilities)


def need_rows(account: PrivateExchange, *names: str) -> None:
    """Skips the card, naming the first of these that the venue lacks."""
    for row in account.capabilities:
        if row.name in names and not row.supported:
            skip(f"{account.name} lacks {row.name}: {row.note or 'no word why'}")


def faults_of(bench: Bench) -> Faults:
    """For cards that want them, wholly or in part."""
    if bench.faults is None:
        skip("it needs a simulated exchange")
    return bench.faults


# ---------------------------------------------------------------------- orders


class Taken(msgspec.Struct, frozen=True):
    """An order that took, as it ended, with its fills by REST."""

    wanted: NewOrder
    order: Order
    fills: tuple[Fill, ...]

    @property
    def filled(self) -> Decimal:
        """By its fills."""
        return quantity_of(self.fills)


def ref_of(order: NewOrder) -> OrderRef:
    """By our own id."""
    return OrderRef(listing=order.listing, client_order_id=order.client_order_id)


def quantity_of(fills: Sequence[Fill]) -> Decimal:
    """All of them together."""
    return sum((fill.quantity for fill in fills), Decimal(0))


def quote_of(fills: Sequence[Fill]) -> Decimal:
    """What they were worth, in quote."""
    return sum((fill.price * fill.quantity * fill.listing.contract_size for fill in fills), Decimal(0))


def fees_of(fills: Sequence[Fill], asset: str) -> Decimal:
    """What they cost in this asset. Fails for a fill that does not tell."""
    for fill in fills:
        expect(fill.fees is not None, f"fill {fill.venue_fill_id} tells no fee")
    paid = [fee for fill in fills for fee in fill.fees or () if fee.asset == asset]
    return sum((fee.amount for fee in paid), Decimal(0))


def brief(order: Order) -> str:
    """`CANCELED, 0 of 0.01 filled`."""
    return f"{order.status.name}, {plain(order.filled_quantity)} of {plain(order.quantity)} filled"


async def turn(bench: Bench, order: NewOrder) -> None:
    """Wait until one more order fits the account's limits: all orders of a bench's accounts are counted together, as
    the venue does."""
    trader, codec = await bench.trader(), await bench.codec()
    charges = charges_of(codec.place(order).request)
    limiter = trader.rest.limiter
    limiter.require(charges, "an order of a card")
    deadline_ns = bench.ports.clock.monotonic_ns() + _TURN_WITHIN_NS
    limiter.land(await limiter.wait(charges, Priority.ORDER, Way.SOCKET, deadline_ns))


async def place(bench: Bench, account: PrivateExchange, order: NewOrder) -> Order:
    """Send it when it is its turn."""
    if account is not await bench.trader():  # whose own requests wait for their turn anyway
        await turn(bench, order)
    return await account.place(order)


async def eventually(
    bench: Bench, ask: Callable[[], Awaitable[T]], holds: Callable[[T], object], seconds: float | None = None
) -> T:
    """The first answer that holds, or the last one when none does within `report_s`."""
    clock = bench.ports.clock
    deadline_ns = clock.monotonic_ns() + round((seconds or bench.thresholds.report_s) * 1e9)
    while True:
        answer = await ask()
        if holds(answer) or clock.monotonic_ns() >= deadline_ns:
            return answer
        await clock.sleep(_LOOK_EVERY_S)


async def look_up(account: PrivateExchange, ref: OrderRef) -> Order | None:
    """As the venue tells it now; None where it does not know it (yet)."""
    try:
        return await account.order(ref)
    except OrderNotFoundError:
        return None


async def ended(bench: Bench, account: PrivateExchange, ref: OrderRef) -> Order:
    """The order when it is over, by REST. Fails when it is not in time."""
    order = await eventually(bench, lambda: look_up(account, ref), lambda one: one is not None and one.is_over)
    if order is None:
        raise Failed(f"{bench.market.venue} does not know {ref.client_order_id or ref.venue_order_id}")
    expect(order.is_over, f"{ref.client_order_id} is not over: {brief(order)}")
    return order


async def fills_of(bench: Bench, account: PrivateExchange, order: Order) -> tuple[Fill, ...]:
    """Its fills by REST, as soon as they come to what is filled, or as far as they come."""
    since_ns = account.rest.venue_clock.now_ns() - 60 * 10**9
    ref = order.venue_order_id

    async def ask() -> Sequence[Fill]:
        return await account.fills(order.listing, since_ns, ref)

    wanted = order.filled_quantity or Decimal(0)
    found: Sequence[Fill] = await eventually(bench, ask, lambda rows: quantity_of(rows) == wanted)
    return tuple(found)


async def take(
    bench: Bench, account: PrivateExchange, side: Side = Side.BUY, *, times: int = 1, reduce_only: bool = False
) -> Taken:
    """Place an IOC order that fills, and wait for its end and its fills. Fails when nothing of it filled, three times:
    a market may move away once."""
    for _ in range(_ATTEMPTS):
        order = await bench.order(side, away=INTO, time_in_force=TimeInForce.IOC, times=times, reduce_only=reduce_only)
        await place(bench, account, order)
        over = await ended(bench, account, ref_of(order))
        if over.filled_quantity:
            break
    return await taken(bench, account, order)


async def taken(bench: Bench, account: PrivateExchange, order: NewOrder) -> Taken:
    """What became of an order that was sent to take."""
    over = await ended(bench, account, ref_of(order))
    if not over.filled_quantity:
        raise Failed(f"{order.client_order_id} at {plain(order.price)} should have filled: {brief(over)}")
    return Taken(order, over, await fills_of(bench, account, over))


async def undo(bench: Bench, account: PrivateExchange, was: Taken, but: Decimal = _NOTHING) -> None:
    """Trade back, as far as it is worth an order: what cards leave behind should cost little. `but`: so much of it was
    traded back already."""
    listing = was.wanted.listing
    perpetual = bench.market.kind.value != "spot"
    quantity = (was.order.filled_quantity or _NOTHING) - but
    if not perpetual and was.wanted.side is Side.BUY:
        quantity -= sum(
            (fee.amount for fill in was.fills for fee in fill.fees or () if fee.asset == listing.symbol.base),
            Decimal(0),
        )
    quantity = (quantity / listing.lot_size).to_integral_value(ROUND_FLOOR) * listing.lot_size
    back = Side.SELL if was.wanted.side is Side.BUY else Side.BUY
    order = await bench.order(back, away=FAR_INTO, time_in_force=TimeInForce.IOC, reduce_only=perpetual)
    assert order.price is not None, "a limit order has a price"
    worth = quantity * order.price * listing.contract_size
    if quantity < listing.min_quantity or (not perpetual and worth < listing.min_notional):
        return
    order = msgspec.structs.replace(order, quantity=quantity)
    await place(bench, account, order)
    await ended(bench, account, ref_of(order))


@asynccontextmanager
async def resting(bench: Bench, account: PrivateExchange, side: Side = Side.BUY) -> AsyncIterator[NewOrder]:
    """An order that rests far away while the card looks at it; cancelled afterwards if it is still there."""
    order = await bench.order(side)
    await place(bench, account, order)
    try:
        yield order
    finally:
        await drop(account, ref_of(order))


async def drop(account: PrivateExchange, ref: OrderRef) -> None:
    """Cancel it if it is there. What goes wrong with that is not what the card is about; `Bench.tidy` tries again."""
    try:
        await account.cancel(ref)
    except (ExchangeAPIError, NetworkError):
        return


async def position_of(account: PrivateExchange, listing: SymbolInfo) -> Position | None:
    """The position in this listing, None when there is none."""
    rows = [row for row in await account.positions() if row.listing.venue_symbol == listing.venue_symbol]
    expect(len(rows) < 2, f"{len(rows)} positions in {listing.symbol}")
    return rows[0] if rows and rows[0].quantity else None


async def need_no_position(bench: Bench, account: PrivateExchange) -> None:
    """Cards that open and close positions keep away from those that are there."""
    position = await position_of(account, await bench.rules())
    if position is not None:
        skip(f"there is a position of {plain(position.quantity)} in {bench.symbol} already")


async def need_no_strangers(bench: Bench, account: PrivateExchange) -> None:
    """Cards that cancel everything of a listing keep away from orders that are not theirs."""
    strangers = await account.open_orders(bench.symbol)
    if strangers:
        skip(f"there are {len(strangers)} open orders in {bench.symbol} already")


def refused(error: ExchangeAPIError | Order | None, what: str, *kinds: type[ExchangeAPIError]) -> str:
    """Fails unless it is one of these errors, and proves that nothing was done. In words."""
    if not isinstance(error, ExchangeAPIError):
        raise Failed(f"{what} was accepted" + (f": {brief(error)}" if error is not None else ""))
    names = " or ".join(kind.__name__ for kind in kinds)
    expect(isinstance(error, kinds), f"{what} should be {names}, is {type(error).__name__}: {error}")
    expect(
        error.outcome is Outcome.REJECTED, f"{what}: the outcome should be REJECTED, is {error.outcome.name}: {error}"
    )
    return f"{what}: {type(error).__name__}" + (f" {error.code}" if error.code else "")


async def outcome_of(work: Awaitable[Order | None]) -> Order | ExchangeAPIError | None:
    """The order that came of it, or the venue's error."""
    try:
        return await work
    except ExchangeAPIError as error:
        return error


# ---------------------------------------------------------------------- accounts for one card


@asynccontextmanager
async def account_of(
    bench: Bench,
    *,
    credentials: Credentials | None = None,
    stream: bool = True,
    config: AccountConfig | None = None,
    requests: RequestConfig | None = None,
    connections: ConnectionConfig | None = None,
) -> AsyncIterator[PrivateExchange]:
    """A further account object, open while the card looks at it; on the same key unless another is given."""
    account = bench.new_account(credentials, config, requests, connections)
    account.public.know(await bench.public.known())
    try:
        await account.open(stream=stream, follow=[await bench.rules()])
        yield account
    finally:
        await account.close()


# ---------------------------------------------------------------------- what is told


class Ears:
    """Hears all events of an account while it is open as a context."""

    def __init__(self, bench: Bench, account: PrivateExchange) -> None:
        self._bench, self._account = bench, account
        self.events: list[AccountEvent] = []
        self._stop: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self._stop = self._account.listen(self.events.append)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._stop()

    def of(self, kind: type[T]) -> list[T]:
        """Events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def orders(self, order: NewOrder) -> list[Order]:
        """What was told of one order."""
        return [one.order for one in self.of(OrderUpdate) if one.order.client_order_id == order.client_order_id]

    def fills(self, order: Order) -> list[Fill]:
        """Those of one order, as often as they were told."""
        return [one.fill for one in self.of(FillUpdate) if one.fill.venue_order_id == order.venue_order_id]

    async def until(self, holds: Callable[[], bool], seconds: float | None = None) -> bool:
        """Whether it came to hold within `report_s`."""

        async def ask() -> bool:
            return holds()

        return await eventually(self._bench, ask, bool, seconds)


def words(orders: Sequence[Order]) -> str:
    """`NEW, CANCELED`."""
    return ", ".join(order.status.name for order in orders) or "nothing"


WITHOUT_FILL = (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
