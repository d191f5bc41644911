"""An account at one market of an exchange: the user's object over any venue and any network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Self

import msgspec

from oneprice.errors import (
    ConfigError,
    ExchangeAPIError,
    InvalidRequestError,
    InvariantError,
    NetworkError,
    NotSupported,
    Outcome,
)
from oneprice.exchange.conclusions import Conclusions
from oneprice.exchange.config import AccountConfig, ConnectionConfig, RequestConfig
from oneprice.exchange.eager import start
from oneprice.exchange.evidence import find_order
from oneprice.exchange.figures import RestFigures
from oneprice.exchange.following import AccountEvent, Following
from oneprice.exchange.health import Health, Standing, examine, stand
from oneprice.exchange.interfaces import Listed
from oneprice.exchange.legal import require_legal
from oneprice.exchange.public import PublicExchange
from oneprice.exchange.rest import RestClient
from oneprice.exchange.view import OrderView
from oneprice.model import (
    AccountInfo,
    AssetBalance,
    AssetName,
    AssetNetwork,
    ExchangeName,
    Fill,
    KeyPermissions,
    MarketKind,
    NewOrder,
    Order,
    OrderRef,
    OrderStatus,
    Position,
    PositionMode,
    SymbolInfo,
    TradingFee,
    Transfer,
)
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit import FillsQuery, Priority, PrivateMarket, PublicMarket, Support

FILL_PAGES_MAX = 200
GIVEN_UP = "given up while it was on its way"
_CLOCK_DOUBT_NS = 1_000_000_000
"""Our idea of the venue's time may be behind: a fill of just now is not to be left out for that."""


class PrivateExchange:
    """`PrivateExchangeInterface` over an account at a venue's market. `public` is the same market without the account,
    within the same rate limits. The network stays its owner's.

    `async with` opens it: rules are read, the clock is measured, connections are opened ahead, and the private stream
    runs. Without that (or with `stream=False` in `open`) requests work all the same, by REST.
    """

    def __init__(
        self,
        market: PublicMarket,
        account: PrivateMarket,
        network: Network,
        clock: Clock,
        chance: Chance,
        config: AccountConfig | None = None,
        requests: RequestConfig | None = None,
        connections: ConnectionConfig | None = None,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if (market.venue, market.kind) != (account.venue, account.kind):
            raise ConfigError(f"the account is at {account.venue}-{account.kind.value}, the market is not")
        self._account, self._clock = account, clock
        self._config = config or AccountConfig()
        requests = requests or RequestConfig()
        self._rest = RestClient(market, network, clock, chance, requests, account=account, tls=tls)
        self._rest.order_timeout_s = self._config.order_timeout_ms / 1e3
        self.public = PublicExchange(market, network, clock, chance, requests, rest=self._rest)
        self.view = OrderView()
        self._following = Following(
            self,
            account,
            self._rest,
            self.view,
            network,
            clock,
            chance,
            self._config,
            connections,
            headers=market.stream_headers,
            tls=tls,
        )
        self._conclusions = Conclusions(f"{account.venue}-{account.kind.value}", self.view, self._following)
        self._knows_listings = False
        if self._config.order_path == "websocket" and account.order_entry() is None:
            raise NotSupported(f"{account.venue}-{account.kind.value} has no order entry over a websocket")

    # ---- what it is

    @property
    def name(self) -> ExchangeName:
        """The venue."""
        return ExchangeName(self._account.venue)

    @property
    def market(self) -> MarketKind:
        """Which of the venue's markets."""
        return self._account.kind

    @property
    def capabilities(self) -> Sequence[Support]:
        """What an account can do here, and what it cannot and why."""
        return self._account.capabilities

    @property
    def figures(self) -> RestFigures:
        """Counts and latencies of all requests and order commands."""
        return self._rest.figures

    @property
    def rest(self) -> RestClient:
        """The market's requests."""
        return self._rest

    @property
    def following(self) -> Following:
        """The private stream and the order connection."""
        return self._following

    def __repr__(self) -> str:
        return f"PrivateExchange({self._account.venue}-{self._account.kind.value})"

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

    async def open(self, *, stream: bool = True, follow: Iterable[Listed] = ()) -> None:
        """Make ready to trade. `follow`: listings whose fills are caught up on besides those that were traded here.

        Returns when the private stream is complete. Raises NetworkError, ExchangeAPIError.
        """
        await self._listings()
        await self._rest.measure_clock()
        await self._rest.warm()
        for listed in follow:
            self._following.add(await self.public.rules(listed))
        if stream:
            await self._following.start()

    def follow(self, listing: SymbolInfo) -> None:
        """After a reconnection catch up on this listing's fills too, as on those that were traded here."""
        self._following.add(listing)

    async def close(self) -> None:
        """No call may follow. Open orders stay open."""
        await self._following.stop()
        await self._rest.aclose()

    def listen(self, heard: Callable[[AccountEvent], None]) -> Callable[[], None]:
        """Have `heard` called with each event: at once, on the event loop, so it must be quick. The answer stops it.

        Orders and fills are told once, whether they came by the stream, by an answer or by catching up.
        """
        return self._following.listen(heard)

    # ---- orders

    async def place(self, order: NewOrder, *, hedge: bool = False) -> Order:
        """Send an order, once. `hedge`: it lowers a risk, so it goes before other orders where a limit binds.

        The answer is what is known when it comes; the private stream tells the rest. Raises InvalidOrderError and
        NotSupported (nothing was sent), DuplicateOrderError for an id that was used here (neither), RateLimitError,
        NetworkError and other ExchangeAPIErrors. Their `outcome` says what may be concluded: after UNKNOWN the order
        may be live, and `find` looks for it.
        """
        sent = self._send_now(order, hedge)
        return await (self._place(order, hedge) if sent is None else sent)

    def begin(self, order: NewOrder, *, hedge: bool = False) -> asyncio.Future[Order]:
        """As `place`, from a callback: where nothing has to be waited for, the order has left when this returns.

        What `place` raises is in the future.
        """
        try:
            sent = self._send_now(order, hedge)
        except (NotSupported, NetworkError, ExchangeAPIError) as error:
            sent = asyncio.get_running_loop().create_future()
            sent.set_exception(error)
        return start(self._place(order, hedge), order.client_order_id) if sent is None else sent

    def _send_now(self, order: NewOrder, hedge: bool) -> asyncio.Future[Order] | None:
        """Over the order connection, if it is there and has room; else None, and nothing has happened."""
        entry = self._following.entry
        if entry is None or not entry.is_ready or self._config.order_path == "rest" or not self._knows_listings:
            return None
        require_legal(order)
        self._conclusions.require_new(order)
        self.view.expect(order)
        try:
            answered = entry.place_now(order, Priority.HEDGE if hedge else Priority.ORDER)
        except (NotSupported, NetworkError, ExchangeAPIError):
            self.view.drop(order.client_order_id)
            raise
        except BaseException:
            self._conclusions.settle(order, OrderStatus.UNKNOWN, GIVEN_UP)
            raise
        if answered is None:
            self.view.drop(order.client_order_id)
            return None
        self._following.add(order.listing)
        placed: asyncio.Future[Order] = answered.get_loop().create_future()
        answered.add_done_callback(partial(self._answered, order, placed))
        placed.add_done_callback(partial(self._given_up, order))
        return placed

    def _answered(self, order: NewOrder, placed: asyncio.Future[Order], answered: asyncio.Future[Order | None]) -> None:
        """Whatever comes of it, who waits for the order hears it: a listener that cannot go on (a full disk) too."""
        try:
            told = self._told(order, answered)
        except BaseException as error:
            if placed.done():  # nobody waits for it any more
                raise
            placed.set_exception(error)
        else:
            if not placed.done():
                placed.set_result(told)

    def _told(self, order: NewOrder, answered: asyncio.Future[Order | None]) -> Order:
        error = answered.exception()
        if isinstance(error, NetworkError | ExchangeAPIError):
            self._conclusions.failed(order, error)
        return self._conclusions.placed(order, answered.result())

    def _given_up(self, order: NewOrder, placed: asyncio.Future[Order]) -> None:
        if placed.cancelled():
            self._conclusions.settle(order, OrderStatus.UNKNOWN, GIVEN_UP)

    async def _place(self, order: NewOrder, hedge: bool) -> Order:
        """By whatever path there is, in its turn."""
        require_legal(order)
        if not self._knows_listings:
            await self._listings()
        self._conclusions.require_new(order)
        priority = Priority.HEDGE if hedge else Priority.ORDER
        self._following.add(order.listing)
        self.view.expect(order)
        try:
            told: Order | None
            entry = self._following.entry
            if entry is not None and entry.is_ready and self._config.order_path != "rest":
                told = await entry.place(order, priority)
            elif self._config.order_path == "websocket":
                raise NetworkError(f"{self._account.venue}: order entry is not connected", Outcome.NOT_SENT)
            else:
                call = self._account.place(order)
                if hedge:
                    request = msgspec.structs.replace(call.request, priority=priority)
                    call = msgspec.structs.replace(call, request=request)
                told = await self._rest.run(call)
        except NotSupported:
            self.view.drop(order.client_order_id)
            raise
        except (NetworkError, ExchangeAPIError) as error:
            self._conclusions.failed(order, error)
            raise
        except BaseException:
            self._conclusions.settle(order, OrderStatus.UNKNOWN, GIVEN_UP)
            raise
        return self._conclusions.placed(order, told)

    async def place_many(self, orders: Sequence[NewOrder]) -> list[Order | ExchangeAPIError]:
        """As `place`, in as few requests as the venue allows; one result for each, in their order.

        Raises NotSupported where the venue has no batches. A request that fails leaves its orders UNKNOWN: each of
        them then has that error as its result.
        """
        if not self._account.batch_max:
            raise NotSupported(f"{self._account.venue}-{self._account.kind.value} takes one order at a time")
        for place, order in enumerate(orders):
            require_legal(order)
            self._conclusions.require_new(order)
            if any(order.client_order_id == other.client_order_id for other in orders[:place]):
                raise InvalidRequestError(
                    self._account.venue, f"{order.client_order_id!r} is there twice", outcome=Outcome.NOT_SENT
                )
        await self._listings()
        results: list[Order | ExchangeAPIError] = []
        for first in range(0, len(orders), self._account.batch_max):
            results += await self._place_batch(orders[first : first + self._account.batch_max])
        return results

    async def _place_batch(self, orders: Sequence[NewOrder]) -> list[Order | ExchangeAPIError]:
        call = self._account.place_many(orders)
        for order in orders:
            self._following.add(order.listing)
            self.view.expect(order)
        try:
            told = await self._rest.run(call)
        except NetworkError as error:
            told = [ExchangeAPIError(self._account.venue, str(error), outcome=error.outcome) for _ in orders]
        except ExchangeAPIError as error:
            told = [error for _ in orders]
        except BaseException:
            for order in orders:
                self._conclusions.settle(order, OrderStatus.UNKNOWN, GIVEN_UP)
            raise
        results: list[Order | ExchangeAPIError] = []
        for order, one in zip(orders, told, strict=True):
            if isinstance(one, ExchangeAPIError):
                self._conclusions.failed(order, one)
                results.append(one)
            else:
                ref = OrderRef(listing=order.listing, client_order_id=order.client_order_id)
                results.append(self._following.told(one, ref))
        return results

    async def cancel(self, ref: OrderRef) -> Order | None:
        """Cancel an order. Gives what is known of it then; None when nothing is.

        Raises OrderNotFoundError when it is over already or never was: `order` tells which.
        """
        entry = self._following.entry
        if entry is not None and entry.is_ready and self._config.order_path != "rest":
            told = await entry.cancel(self._best(ref))
        else:
            told = await self._rest.run(self._account.cancel(self._best(ref)))
        return self.view.get(ref) if told is None else self._following.told(told, ref)

    async def cancel_all(self, listed: Listed) -> list[Order]:
        """Cancel all orders of a listing. Gives those that the answer told of."""
        listing = await self.public.rules(listed)
        await self._listings()
        told = await self._rest.run(self._account.cancel_all(listing))
        return [self._following.told(one, None) for one in told]

    async def order(self, ref: OrderRef) -> Order:
        """Ask the venue for an order. Raises OrderNotFoundError, which proves little while the order is young."""
        await self._listings()
        return self._following.told(await self._rest.run(self._account.query(self._best(ref))), ref)

    async def find(self, ref: OrderRef, *, sent_ns: int | None = None) -> Order | None:
        """Look for an order whose outcome is unknown, until the venue's evidence is enough.

        `sent_ns`: when it was sent, by our wall clock; now when not given. None: it is certain that nothing of it is
        open and nothing of it was filled. Raises NetworkError or ExchangeAPIError when there was no evidence to be had
        within `find_for_s`: the order stays UNKNOWN.
        """
        sent_ns = self._clock.wall_ns() if sent_ns is None else sent_ns
        found = await find_order(
            self,
            self._account,
            self.view,
            self._rest,
            self._clock,
            ref,
            sent_ns=sent_ns,
            for_s=self._config.find_for_s,
        )
        if found is None:
            self._conclusions.settle(ref, OrderStatus.REJECTED, "the venue has never had it")
        return found

    async def open_orders(self, listed: Listed | None = None) -> list[Order]:
        """As the venue tells them now: of one listing, or of all (one request for each listing followed, where the
        venue wants one)."""
        await self._listings()
        listing = None if listed is None else await self.public.rules(listed)
        return [self._following.told(one, None) for one in await self._following.ask_open(listing)]

    async def fills(self, listed: Listed, since_ns: int, venue_order_id: str = "") -> list[Fill]:
        """All fills of a listing since then (venue's time), or of one order, oldest first, each once."""
        await self._listings()
        listing = await self.public.rules(listed)
        until_ns = 0 if venue_order_id else self._rest.venue_clock.now_ns() + _CLOCK_DOUBT_NS
        query: FillsQuery | None = FillsQuery(
            listing=listing, since_ns=since_ns, until_ns=until_ns, venue_order_id=venue_order_id
        )
        found: dict[str, Fill] = {}
        for _ in range(FILL_PAGES_MAX):
            if query is None:
                break
            page = await self._rest.run(self._account.fills(query))
            found.update((fill.venue_fill_id, fill) for fill in page.fills)
            query = page.more
        else:
            raise InvariantError(
                f"{self._account.venue}: more than {FILL_PAGES_MAX} pages of fills of {listing.symbol}"
            )
        return sorted(found.values(), key=lambda fill: fill.time_ns)

    def _best(self, ref: OrderRef) -> OrderRef:
        """With the venue's own id, where it is known: it is found for longer."""
        if ref.venue_order_id:
            return ref
        known = self.view.get(ref)
        if known is None or not known.venue_order_id:
            return ref
        return msgspec.structs.replace(ref, venue_order_id=known.venue_order_id)

    # ---- the account

    async def balances(self) -> list[AssetBalance]:
        """Assets that are not empty."""
        return await self._rest.run(self._account.balances())

    async def positions(self) -> list[Position]:
        """Those that are not 0. Raises NotSupported on spot."""
        await self._listings()
        return await self._rest.run(self._account.positions())

    async def info(self) -> AccountInfo:
        """Balances, and on perpetuals positions and the position mode."""
        balances = tuple(await self.balances())
        if self.market is MarketKind.SPOT:
            return AccountInfo(balances=balances)
        mode = await self._rest.run(self._account.position_mode())
        return AccountInfo(balances=balances, positions=tuple(await self.positions()), position_mode=mode)

    async def fees(self, listed: Listed) -> TradingFee:
        """The account's own fees on a listing."""
        return await self._rest.run(self._account.fees(await self.public.rules(listed)))

    async def set_leverage(self, listed: Listed, leverage: int) -> None:
        """Raises NotSupported on spot."""
        if leverage < 1:
            raise ConfigError(f"leverage = {leverage!r}: must be 1 or more")
        await self._rest.run(self._account.leverage(await self.public.rules(listed), leverage))

    async def position_mode(self) -> PositionMode:
        """Raises NotSupported on spot."""
        return await self._rest.run(self._account.position_mode())

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Raises NotSupported on spot; InvalidRequestError where orders or positions forbid it."""
        await self._rest.run(self._account.set_position_mode(mode))

    async def permissions(self) -> KeyPermissions:
        """What the key may do."""
        return await self._rest.run(self._account.permissions())

    async def networks(self, asset: AssetName) -> list[AssetNetwork]:
        """How an asset moves in and out."""
        return await self._rest.run(self._account.networks(asset))

    async def deposits(self, since_ns: int) -> list[Transfer]:
        """Oldest first."""
        return await self._rest.run(self._account.deposits(since_ns, self._rest.venue_clock.now_ns()))

    async def withdrawals(self, since_ns: int) -> list[Transfer]:
        """Oldest first."""
        return await self._rest.run(self._account.withdrawals(since_ns, self._rest.venue_clock.now_ns()))

    async def dead_man(self, seconds: int, listed: Listed | None = None) -> None:
        """Have the venue cancel our orders after so long, unless told anew; 0 disarms."""
        listing = None if listed is None else await self.public.rules(listed)
        await self._rest.run(self._account.dead_man(listing, seconds))

    def standing(self) -> Standing:
        """Whether it can be relied on now, without asking anybody."""
        return stand(self._rest, self._following)

    async def health_check(self) -> Health:
        """Whether it could trade now, point by point; asks the venue for its time and the balances."""
        return await examine(self, self._rest, self._following, self.view)

    async def _listings(self) -> Sequence[SymbolInfo]:
        """The market's rules, known to the account's codec too."""
        rows = await self.public.known()
        if not self._knows_listings:
            self._account.know(rows)
            self._knows_listings = True
        return rows
