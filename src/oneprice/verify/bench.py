"""What cards work with: a market, an account there, and where it is simulated its faults and its truth."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Protocol

import msgspec

from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.exchange import AccountConfig, ConnectionConfig, PrivateExchange, PublicExchange, RequestConfig
from oneprice.market import MarketConfig
from oneprice.model import MarketKind, NewOrder, Order, OrderRef, OrderType, Side, Symbol, SymbolInfo, TimeInForce
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit import Channel, Credentials, PrivateMarket, PublicMarket
from oneprice.verify.card import Failed, Need, skip
from oneprice.verify.watch import LOOK_EVERY_S, SharedRest, Watch

ALL_CHANNELS = (Channel.DEPTH, Channel.QUOTE, Channel.TRADES)


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Beyond which a card fails. Simulated exchanges on loopback get the same ones as live ones."""

    card_s: float = 30.0
    clock_offset_ms: float = 1_000.0
    first_data_s: float = 10.0
    live_s: float = 15.0
    watch_s: float = 3.0
    spread_bps: float = 100.0
    rest_ms_p50: float = 500.0
    rest_ms_p99: float = 2_000.0
    order_ms_p50: float = 500.0
    frame_age_ms_p50: float = 500.0
    report_s: float = 3.0


class TradeCap(msgspec.Struct, frozen=True):
    """What a card may have at stake with one order, in quote asset."""

    notional: Decimal


class Faults(Protocol):
    """The control side of a simulated exchange."""

    async def switch(
        self,
        kind: str,
        *,
        seconds: float | None = None,
        count: int | None = None,
        delay_ms: int = 500,
        target: str = "",
    ) -> None:
        """Switch a fault on."""

    async def clear(self) -> None:
        """End all faults."""

    async def truth(self) -> Mapping[str, Any]:
        """`GET /_sim/accounts`: what the exchange itself has."""

    async def status(self) -> Mapping[str, Any]:
        """`GET /_sim/status`."""


class Ports(Protocol):
    """Everything ambient."""

    @property
    def network(self) -> Network:
        """Connections out."""

    @property
    def clock(self) -> Clock:
        """Both scales."""

    @property
    def chance(self) -> Chance:
        """For jitter."""


class Bench:
    """One market under test. `symbol`: what most cards look at.

    `make_account(credentials, rest_only)`: a further account at the same market.
    """

    def __init__(
        self,
        market: PublicMarket,
        ports: Ports,
        *,
        make_account: Callable[[Credentials], PrivateMarket] | None = None,
        credentials: Credentials | None = None,
        faults: Faults | None = None,
        trade: TradeCap | None = None,
        symbol: Symbol,
        thresholds: Thresholds | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.market, self.ports, self.faults, self.trade, self.symbol = market, ports, faults, trade, symbol
        self.thresholds, self.tls = thresholds or Thresholds(), tls
        self.name = f"{market.venue}-{market.kind.value}"
        self._make_account, self._credentials = make_account, credentials
        self.public = PublicExchange(market, ports.network, ports.clock, ports.chance, tls=tls)
        self.rest = SharedRest(self.public, (market.listings().request, market.tickers(()).request))
        self._seen: Watch | None = None
        self._account: PrivateExchange | None = None
        self._trader: PrivateExchange | None = None
        self._codec: PrivateMarket | None = None
        self._made: list[PrivateExchange] = []
        self._numbers = itertools.count(1)
        self._run = format(ports.clock.wall_ns() // 1_000_000 % 36**6, "x")
        self._placed: list[OrderRef] = []

    def has(self, need: Need) -> bool:
        """Whether that is there."""
        return {
            Need.KEY: self._credentials is not None and self._make_account is not None,
            Need.TRADE: self._credentials is not None and self.trade is not None,
            Need.FAULTS: self.faults is not None,
            Need.PERPETUAL: self.market.kind is MarketKind.USDM,
            Need.SPOT: self.market.kind is MarketKind.SPOT,
        }[need]

    # ---- the streams

    def watch(self, *, channels: Sequence[Channel] = (), symbols: Sequence[str] = (), **settings: Any) -> Watch:
        """A live feed of its own for one card, to be entered by `async with`: of the symbol under test alone, on depth
        and quotes, unless told otherwise. `settings`: of `MarketConfig`."""
        config = MarketConfig(
            markets=(self.name,),
            symbols=tuple(symbols) or (str(self.symbol),),
            channels=tuple(channels) or (Channel.DEPTH, Channel.QUOTE),
            triangles=False,
            **settings,
        )
        return Watch(self, config.symbols, config.channels, config)

    async def seen(self) -> Watch:
        """What was seen of the symbol on all channels while its book was LIVE for `watch_s` and until a trade came.

        Watched once, at the first use; the feed is closed by then. Raises Failed when the book does not become LIVE.
        """
        if self._seen is None:
            limits = self.thresholds
            async with self.watch(channels=ALL_CHANNELS) as watch:
                await watch.must(lambda: watch.is_live, limits.live_s, "the book is not LIVE")
                await self.ports.clock.sleep(limits.watch_s)
                if Channel.TRADES in watch.book.channels:
                    await watch.until(lambda: watch.first_ns(Channel.TRADES) is not None, limits.first_data_s)
            self._seen = watch
        return self._seen

    # ---- the account

    async def account(self) -> PrivateExchange:
        """The account with its private stream, opened at the first use and kept for the cards that follow.

        Its connections stand: where an earlier card had them cut, they are waited for. Raises Failed when they do not
        come back within `live_s`.
        """
        if self._account is None:
            made = self.new_account()
            made.public.know(await self.public.known())
            await made.open(follow=[await self.rules()])
            self._account = made
        await self._stands(self._account)
        return self._account

    async def _stands(self, account: PrivateExchange) -> None:
        following, clock = account.following, self.ports.clock
        has_entry = (await self.codec()).order_entry() is not None
        until_ns = clock.monotonic_ns() + round(self.thresholds.live_s * 1e9)
        while not following.state.complete or (has_entry and not (following.entry and following.entry.is_ready)):
            if clock.monotonic_ns() > until_ns:
                reason = following.state.reason or following.entry_session.reason
                raise Failed(f"the account's connections do not stand within {self.thresholds.live_s:g} s: {reason}")
            await clock.sleep(LOOK_EVERY_S)

    async def trader(self) -> PrivateExchange:
        """The same account by REST alone, opened at the first use and kept: what fails here is no stream's fault."""
        if self._trader is None:
            made = self.new_account(config=AccountConfig(order_path="rest"))
            made.public.know(await self.public.known())
            await made.open(stream=False, follow=[await self.rules()])
            self._trader = made
        return self._trader

    async def codec(self) -> PrivateMarket:
        """The account's codec itself, for what the exchange layer would not send."""
        if self._codec is None:
            self._codec = self._make_codec(self.credentials)
            self._codec.know(await self.public.known())
        return self._codec

    @property
    def credentials(self) -> Credentials:
        """Those of the account. Skips the card where there are none."""
        if self._credentials is None:
            skip(f"it needs {Need.KEY.value}")
        return self._credentials

    def _make_codec(self, credentials: Credentials) -> PrivateMarket:
        if self._make_account is None:
            skip(f"it needs {Need.KEY.value}")
        return self._make_account(credentials)

    def new_account(
        self,
        credentials: Credentials | None = None,
        config: AccountConfig | None = None,
        requests: RequestConfig | None = None,
        connections: ConnectionConfig | None = None,
    ) -> PrivateExchange:
        """An account of its own for one card, not open; the card closes it."""
        ports = self.ports
        made = PrivateExchange(
            self.market,
            self._make_codec(credentials or self.credentials),
            ports.network,
            ports.clock,
            ports.chance,
            config,
            requests,
            connections,
            tls=self.tls,
        )
        self._made.append(made)
        return made

    async def close(self) -> None:
        """The accounts' connections."""
        for kept in (self._account, self._trader):
            if kept is not None:
                await kept.close()
        self._account = self._trader = None

    # ---- orders within the cap

    async def rules(self) -> SymbolInfo:
        """The listing that most cards look at."""
        return await self.public.rules(self.symbol)

    def client_id(self) -> str:
        """One that was never used."""
        return f"v{self._run}-{next(self._numbers)}"

    async def order(
        self,
        side: Side = Side.BUY,
        *,
        away: Decimal = Decimal("0.05"),
        type: OrderType = OrderType.LIMIT,  # noqa: A002  (the field's own name)
        time_in_force: TimeInForce = TimeInForce.GTC,
        times: int = 1,
        reduce_only: bool = False,
    ) -> NewOrder:
        """A legal order of `times` the smallest size that is worth enough, within the cap.

        `away`: so far on the passive side of the best price of its own side, as a fraction; negative: so far into the
        other side. No price for MARKET.
        """
        rules = await self.rules()
        book = await self.public.order_book(rules, 5)
        if not book.bids or not book.asks:
            skip(f"{rules.symbol} has an empty side")
        sign = 1 if side is Side.BUY else -1
        best = (book.bids if side is Side.BUY else book.asks)[0].price
        if away < 0:
            best = (book.asks if side is Side.BUY else book.bids)[0].price
        price = _on_grid(best * (1 - sign * away), rules.tick_size, up=side is Side.SELL)
        quantity = self.smallest(rules, price) * times
        worth = quantity * price * rules.contract_size
        if self.trade is None or worth > self.trade.notional:
            cap = "none" if self.trade is None else self.trade.notional
            skip(f"the order would be worth {worth:.2f} {rules.symbol.quote}; the cap is {cap}")
        order = NewOrder(
            listing=rules,
            side=side,
            client_order_id=self.client_id(),
            type=type,
            quantity=quantity,
            price=None if type is OrderType.MARKET else price,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
        )
        self._placed.append(OrderRef(listing=rules, client_order_id=order.client_order_id))
        return order

    @staticmethod
    def smallest(rules: SymbolInfo, price: Decimal) -> Decimal:
        """The smallest quantity that is legal at this price, with a tenth to spare for the notional."""
        worth = rules.min_notional * Decimal("1.1") / (price * rules.contract_size)
        wanted = max(rules.min_quantity, rules.lot_size, worth)
        return _on_grid(wanted, rules.lot_size, up=True)

    @asynccontextmanager
    async def patience(self, number: int) -> AsyncIterator[None]:
        """A card has `card_s`, by the real clock."""
        async with asyncio.timeout(self.thresholds.card_s):
            yield

    async def tidy(self) -> None:
        """After each card: no fault is left on, and no order of its own open."""
        if self.faults is not None:
            await self.faults.clear()
        placed, self._placed = self._placed, []
        made, self._made = self._made, [one for one in (self._account, self._trader) if one is not None]
        asked = self._trader or self._account
        if asked is None:
            return
        for ref in placed:
            known = [one for account in made if (one := account.view.get(ref)) is not None]
            if known and not any(one.is_over for one in known):
                await self._cancel(asked, ref)

    @staticmethod
    async def _cancel(account: PrivateExchange, ref: OrderRef) -> Order | None:
        try:
            return await account.cancel(ref)
        except (ExchangeAPIError, NetworkError):
            return None  # it is over, or the card was about that


def _on_grid(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    steps = (value / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    return steps * step
