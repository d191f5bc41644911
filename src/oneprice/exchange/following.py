"""Follows one account: the private stream and the order connection, and by REST what they missed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping

import msgspec

from oneprice.errors import (
    AuthenticationError,
    ExchangeAPIError,
    InvariantError,
    NetworkError,
    NotSupported,
    OrderNotFoundError,
    RateLimitError,
)
from oneprice.exchange.account_stream import StreamTalk
from oneprice.exchange.config import AccountConfig, ConnectionConfig
from oneprice.exchange.interfaces import PrivateExchangeInterface, SessionState
from oneprice.exchange.legal import require_legal
from oneprice.exchange.order_entry import EntryTalk
from oneprice.exchange.rest import RestClient
from oneprice.exchange.session import Session, Talk
from oneprice.exchange.view import OrderView
from oneprice.model import MarketKind, NewOrder, Order, OrderRef, OrderStatus, SymbolInfo
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit.account import (
    BalanceMoved,
    BalanceUpdate,
    FillUpdate,
    OrderUpdate,
    PositionUpdate,
    PrivateMarket,
    Ticket,
    UserEvent,
)


class StreamState(msgspec.Struct, frozen=True):
    """Whether the private stream is complete: if not, events may be missing, and are told when it is again."""

    complete: bool
    reason: str = ""


AccountEvent = OrderUpdate | FillUpdate | BalanceUpdate | BalanceMoved | PositionUpdate | StreamState


class Following:
    """State and tasks of a `PrivateExchange`'s connections. `entry`: the order connection there is now, if any."""

    def __init__(
        self,
        exchange: PrivateExchangeInterface,
        account: PrivateMarket,
        rest: RestClient,
        view: OrderView,
        network: Network,
        clock: Clock,
        chance: Chance,
        config: AccountConfig,
        connections: ConnectionConfig | None,
        *,
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._exchange, self._account, self._rest, self._view = exchange, account, rest, view
        self._clock, self._chance, self._config = clock, chance, config
        self._followed: dict[str, SymbolInfo] = {}
        self._ears: list[Callable[[AccountEvent], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._complete, self._entry_open = asyncio.Event(), asyncio.Event()
        self._failed: asyncio.Future[None] | None = None
        self._since_ns = 0  # until then, by the venue's clock, nothing was missed
        self.entry: EntryTalk | None = None
        self.state = StreamState(False, "not started")
        connections = connections or ConnectionConfig()
        self._unnoticed_ns = (connections.ping_every_ms + connections.pong_within_ms) * 1_000_000
        parts = (network, clock, chance, connections)
        name = f"{account.venue}-{account.kind.value}"
        self.stream_session = Session(
            f"{name} private stream",
            *parts,
            self._make_stream,
            changed=self._on_stream_state,
            headers=headers,
            tls=tls,
        )
        self.entry_session = Session(
            f"{name} order entry", *parts, self._make_entry, changed=self._on_entry_state, headers=headers, tls=tls
        )

    def rehearse(self, order: NewOrder) -> None:
        """Do for an order what is done before its bytes leave over the order connection, where there is one, and
        forget it. Raises NotSupported and InvalidOrderError."""
        entry = self.entry
        if entry is None or not entry.is_ready or self._config.order_path == "rest":
            return
        require_legal(order)
        if not self._view.has(order.client_order_id):
            self._view.expect(order)
            try:
                entry.rehearse(order)
            finally:
                self._view.drop(order.client_order_id)

    # ---- its life

    async def start(self) -> None:
        """Run, and wait until the stream is complete, and order entry ready where orders insist on it.

        Raises what keeps them from ever being that: AuthenticationError when the key is refused. Nothing runs then.
        """
        if self._tasks:
            raise InvariantError("the private stream runs already")
        self._since_ns = self._rest.venue_clock.now_ns()
        self._failed = asyncio.get_running_loop().create_future()
        work = [self.stream_session.run(), self._keep()]
        if self._account.order_entry() is not None and self._config.order_path != "rest":
            work.append(self.entry_session.run())
        for one in work:
            task = asyncio.ensure_future(one)
            task.add_done_callback(self._on_done)
            self._tasks.append(task)
        standing = asyncio.ensure_future(self._stand())
        try:
            await asyncio.wait((standing, self._failed), return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                await self._failed
        except BaseException:
            await self._end()
            raise
        finally:
            standing.cancel()
        self._failed = None

    async def _stand(self) -> None:
        await self._complete.wait()
        if self._config.order_path == "websocket":
            await self._entry_open.wait()

    async def stop(self) -> None:
        """End all connections. Raises what broke a task, if something did."""
        for result in await self._end():
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _end(self) -> list[BaseException | None]:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self.stream_session.close()
        self.entry_session.close()
        return results

    def _on_done(self, task: asyncio.Task[None]) -> None:
        """Sessions run until they are cancelled: one that ends by itself has met what nobody foresaw."""
        if not task.cancelled():
            error = task.exception() or InvariantError("a session ended by itself")
            self._fail(error)
            self._on_stream_state(SessionState.CLOSED, f"it failed: {error!r}")

    def _fail(self, error: BaseException) -> None:
        """Have `start` raise this, if it still waits; later `stop` tells what broke a task."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # it may be that nobody waits for it any more

    # ---- who listens

    def listen(self, heard: Callable[[AccountEvent], None]) -> Callable[[], None]:
        """See `PrivateExchange.listen`."""
        self._ears.append(heard)
        return lambda: self._ears.remove(heard) if heard in self._ears else None

    def add(self, listing: SymbolInfo) -> None:
        """Catch up on this listing too, from now on."""
        self._followed[listing.venue_symbol] = listing

    def told(self, order: Order, ref: OrderRef | None) -> Order:
        """An order that an answer told of: what is known of it now, with the fills that the answer brought along.

        Listeners hear what is new of it.
        """
        if ref is not None and not order.client_order_id and ref.client_order_id:
            order = msgspec.structs.replace(order, client_order_id=ref.client_order_id)
        for fill in order.fills:
            self.hear(FillUpdate(fill))
        merged = self._view.merge(order)
        if merged is not None:
            self.tell_order(merged)
        else:
            known = OrderRef(
                listing=order.listing, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
            )
            merged = self._view.get(known) or order
        return msgspec.structs.replace(merged, fills=order.fills) if order.fills else merged

    def tell_order(self, order: Order) -> None:
        """Tell listeners of an order."""
        self._tell(OrderUpdate(order))

    def hear(self, event: UserEvent) -> None:
        """An event of the stream, or one that a catch-up found."""
        if isinstance(event, OrderUpdate):
            merged = self._view.merge(event.order)
            if merged is not None:
                self._tell(OrderUpdate(merged))
        elif isinstance(event, FillUpdate):
            if self._view.book(event.fill):
                self._tell(event)
        elif isinstance(event, BalanceUpdate | BalanceMoved | PositionUpdate):
            self._tell(event)

    def _tell(self, event: AccountEvent) -> None:
        for heard in tuple(self._ears):
            heard(event)

    # ---- connections

    async def _make_stream(self) -> Talk:
        self._require_no_ban()
        return StreamTalk(self._account, await self._ticket(), self._rest, self._clock, self.hear, self._catch_up)

    async def _ticket(self) -> Ticket | None:
        """A new one; one of those that are there where the venue gives no more. An engine that is started again and
        again, or whose connection does not hold, may leave as many as an account may have."""
        call = self._account.ticket()
        if call is None:
            return None
        try:
            return await self._rest.run(call)
        except (AuthenticationError, RateLimitError):
            raise
        except ExchangeAPIError:
            held = self._account.held_tickets()
            tickets = await self._rest.run(held) if held is not None else []
            if not tickets:
                raise
            ticket = tickets[int(self._chance.uniform(0, len(tickets))) % len(tickets)]
            renewal = self._account.renew(ticket)
            if renewal is not None:
                await self._rest.run(renewal)
            return ticket

    async def _make_entry(self) -> Talk:
        self._require_no_ban()
        entry = self._account.order_entry()
        assert entry is not None, "the session runs only where there is order entry"
        timeout_s = self._config.order_timeout_ms / 1e3
        self.entry = EntryTalk(self._account, entry, self._rest, self._clock, timeout_s)
        return self.entry

    def _require_no_ban(self) -> None:
        """Raises RateLimitError while the venue wants silence: a handshake is a request too."""
        wait_ns = self._rest.banned_until_ns - self._rest.now_ns()
        if wait_ns > 0:
            raise self._rest.unsent("a websocket's handshake", wait_ns)

    def _on_entry_state(self, state: SessionState, reason: str) -> None:
        if state is SessionState.OPEN:
            self._entry_open.set()
        elif self._config.order_path == "websocket":
            self._refused(self.entry_session)

    def _refused(self, session: Session) -> None:
        """A key that is refused at the start will be so for ever."""
        if isinstance(session.error, AuthenticationError):
            self._fail(session.error)

    def _on_stream_state(self, state: SessionState, reason: str) -> None:
        complete = state is SessionState.OPEN
        if self.state.complete and not complete:
            self._since_ns = self._rest.venue_clock.now_ns() - self._unnoticed_ns
        self.state = StreamState(complete, reason)
        if complete:
            self._complete.set()
        else:
            self._complete.clear()
            self._refused(self.stream_session)
        self._tell(self.state)

    async def _keep(self) -> None:
        """See to the clock and the order path's connections, for ever. A failure shows where they are used."""
        measured_ns = self._clock.monotonic_ns()
        while True:
            await self._clock.sleep(self._config.warm_every_s)
            try:
                await self._rest.warm()
                if self._clock.monotonic_ns() - measured_ns > self._config.measure_clock_every_s * 1e9:
                    await self._rest.measure_clock()
                    measured_ns = self._clock.monotonic_ns()
            except (NetworkError, ExchangeAPIError):
                continue

    # ---- catching up

    async def _catch_up(self) -> None:
        """What the stream may have missed, by REST. Raises NetworkError, ExchangeAPIError."""
        forgotten = await self._catch_up_orders()
        since_ns = self._since_ns - round(self._config.overlap_s * 1e9)
        for listing in list(self._followed.values()):
            for fill in await self._exchange.fills(listing, max(0, since_ns)):
                self.hear(FillUpdate(fill))
        for order in forgotten:
            reason = "it is not among the open orders, and the venue does not know it any more"
            self.hear(OrderUpdate(msgspec.structs.replace(order, status=OrderStatus.CANCELED, reason=reason)))
        self.hear(BalanceUpdate(tuple(await self._exchange.balances()), "caught up"))
        if self._account.kind is not MarketKind.SPOT:
            for position in await self._exchange.positions():
                self.hear(PositionUpdate(position))

    async def _catch_up_orders(self) -> list[Order]:
        """Gives those that the venue had taken, and now neither lists as open nor finds: they are over."""
        forgotten: list[Order] = []
        held = {_ids(one) for one in self._view.open}
        open_now = await self.ask_open(None)
        for order in open_now:
            self.told(order, None)
        for order in self._view.missing(open_now):
            if _ids(order) not in held:
                continue  # it came while we asked
            ref = OrderRef(
                listing=order.listing, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
            )
            try:
                self.told(await self._rest.run(self._account.query(ref)), ref)
            except OrderNotFoundError:
                age_ns = self._rest.venue_clock.now_ns() - max(order.time_ns, order.created_ns)
                if order.venue_order_id and age_ns > self._account.findable_after_s * 1e9:
                    forgotten.append(order)
                # of the others, whoever sent them looks for evidence with `find`
        return forgotten

    async def ask_open(self, listing: SymbolInfo | None) -> list[Order]:
        """Open orders as the venue tells them."""
        if listing is not None:
            return await self._rest.run(self._account.open_orders(listing))
        try:
            call = self._account.open_orders(None)
        except NotSupported:
            found: list[Order] = []
            for one in list(self._followed.values()):
                of_one: list[Order] = await self._rest.run(self._account.open_orders(one))
                found += of_one
            return found
        return await self._rest.run(call)


def _ids(order: Order) -> tuple[str, str]:
    return order.listing.venue_symbol, order.client_order_id or order.venue_order_id
