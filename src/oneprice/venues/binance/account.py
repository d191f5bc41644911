"""An account at a market of Binance: the private contract over a table of facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from oneprice.errors import ConfigError, ExchangeAPIError, InvalidResponseError, NotSupported, OrderNotFoundError
from oneprice.model import (
    AssetBalance,
    AssetName,
    AssetNetwork,
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
from oneprice.venues.binance import fills
from oneprice.venues.binance.account_facts import COUNT_HEADERS, SAPI_ORIGIN, AccountFacts
from oneprice.venues.binance.errors import VENUE_NAME, read_error
from oneprice.venues.binance.holdings import (
    Countdown,
    Done,
    Leverage,
    ListenKey,
    ModeBody,
    PositionRow,
    Renewed,
    position_mode,
    positions,
)
from oneprice.venues.binance.names import Names
from oneprice.venues.binance.order_entry import BinanceOrderEntry
from oneprice.venues.binance.orders import BatchRow, CancelledRow, OrderForms, OrderRow, order_of, parameters, which
from oneprice.venues.binance.signing import RECV_WINDOW_MS, Signing, form
from oneprice.venues.binance.transfers import Wallet
from oneprice.venues.binance.user_stream import SpotUserStream, UsdmUserStream
from oneprice.venues.kit import (
    BodyError,
    Call,
    Charge,
    Credentials,
    FillsPage,
    FillsQuery,
    Hosts,
    OrderEntry,
    Priority,
    Reader,
    Request,
    Response,
    Ticket,
    UserStream,
    Wire,
    decode,
    invalid,
    unless,
)

F = TypeVar("F")

ENGINE_TIMEOUT_S = 10.0
"""So long an order may wait for the matching engine after the gateway took it (-1007 then)."""
REPLICA_LAG_S = 2.0
"""A query's sources may be behind the engine; a guess on the long side (unverified)."""
FINDABLE_AFTER_S = RECV_WINDOW_MS / 1_000 + ENGINE_TIMEOUT_S + REPLICA_LAG_S

LISTEN_KEY = "/fapi/v1/listenKey"
LISTEN_KEY_FORM = re.compile(r"[A-Za-z0-9_-]{8,256}", re.ASCII)
RENEW_EVERY_S = 1_500.0
"""A listen key lasts an hour."""
DUAL = "/positionSide/dual"
_NO_CHANGE = "-4059"


class BinanceAccount:
    """Spot or perpetuals, as `facts` say."""

    def __init__(self, facts: AccountFacts, hosts: Hosts | None, credentials: Credentials) -> None:
        self._facts = facts
        self._market = facts.market
        self._signing = Signing(credentials, frozenset({LISTEN_KEY}))
        self._names = Names(self._market.kind)
        self._reader = Reader(self._market.errors.venue, self.error)
        self._hosts = hosts
        self.venue = VENUE_NAME
        self.kind = self._market.kind
        self.rest_url = hosts.rest if hosts else self._market.rest_url
        self.budgets = facts.budgets
        self.capabilities = facts.capabilities
        self.batch_max = facts.batch_max
        self.findable_after_s = FINDABLE_AFTER_S
        self.forgotten_after_s = facts.forgotten_after_s
        self.renew_every_s = 0.0 if self.kind is MarketKind.SPOT else RENEW_EVERY_S
        self._charges = facts.order_charges()
        self._forms = OrderForms(self._reader.venue, self.kind)
        self._place = Request(
            method="POST", path=self._path("/order"), also=self._charges, priority=Priority.ORDER, signed=True
        )
        self._entry_charges: Mapping[str, tuple[Charge, ...]] = {
            "place": (Charge("default", 1), *self._charges),
            "cancel": (Charge("default", 1),),
        }
        elsewhere = hosts is None and self.kind is MarketKind.USDM
        self._wallet = Wallet(self._reader, self.kind, self._names, SAPI_ORIGIN if elsewhere else "")

    def know(self, listings: Sequence[SymbolInfo]) -> None:
        """The market's listings."""
        self._names.know(listings)

    def wire(self, request: Request, time_ns: int) -> Wire:
        """Signed at `time_ns`; refused by Binance from `RECV_WINDOW_MS` later on."""
        return self._signing.wire(request, time_ns)

    def error(self, response: Response) -> ExchangeAPIError | None:
        """The error that an answer is."""
        return read_error(self._market.errors, response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Weight and order counts of the clock's windows."""
        used: dict[str, int] = {}
        for header, budget in COUNT_HEADERS.items():
            text = response.headers.get(header, "")
            if text.isascii() and text.isdigit() and len(text) < 10:
                used[budget] = int(text)
        return used

    # ------------------------------------------------------------------ orders

    def place(self, order: NewOrder) -> Call[Order]:
        """Spot answers with the fills so far, perpetuals after matching but without fills."""
        request = msgspec.structs.replace(self._place, body=self._forms.form(order))
        return self._reader.call(request, OrderRow, lambda row: self._placed(row, order))

    def place_many(self, orders: Sequence[NewOrder]) -> Call[list[Order | ExchangeAPIError]]:
        """Up to 5 perpetual orders. Binance carries them out side by side."""
        if not self.batch_max:
            raise NotSupported(f"{self._reader.venue} has no call for several orders")
        if not 0 < len(orders) <= self.batch_max:
            raise NotSupported(f"{self._reader.venue} takes 1 to {self.batch_max} orders at once, not {len(orders)}")
        listed = [parameters(order, self._reader.venue, self.kind) for order in orders]
        request = Request(
            method="POST",
            path=self._path("/batchOrders"),
            body=form((("batchOrders", msgspec.json.encode(listed).decode()),)),
            weight=5,
            also=self._facts.order_charges(len(orders)),
            priority=Priority.ORDER,
            signed=True,
        )
        return self._reader.call(request, list[BatchRow], lambda rows: self._batch(rows, orders))

    def cancel(self, ref: OrderRef) -> Call[Order | None]:
        """By Binance's id where it is known, which is faster."""
        request = self._cancels("/order", which(ref, self._reader.venue))
        return self._reader.call(request, OrderRow, lambda row: self._referred(row, ref))

    def cancel_all(self, listing: SymbolInfo) -> Call[list[Order]]:
        """No open order is no error. Perpetuals name none of what they cancel."""
        symbol = (("symbol", listing.venue_symbol),)
        if self.kind is MarketKind.USDM:
            request = self._cancels("/allOpenOrders", symbol)
            return self._reader.call(request, Done, lambda _: [])
        request = self._cancels("/openOrders", symbol)
        call = self._reader.call(request, list[CancelledRow], lambda rows: self._cancelled(rows, listing))
        return unless(call, lambda error: isinstance(error, OrderNotFoundError), [])

    def query(self, ref: OrderRef) -> Call[Order]:
        """A spot order that was cancelled is found by Binance's id alone."""
        request = _query(self._path("/order"), which(ref, self._reader.venue), self._facts.query_weight)
        return self._reader.call(request, OrderRow, lambda row: self._referred(row, ref))

    def open_orders(self, listing: SymbolInfo | None) -> Call[list[Order]]:
        """Of all listings at a much higher weight."""
        query = () if listing is None else (("symbol", listing.venue_symbol),)
        weight = self._facts.open_all_weight if listing is None else self._facts.open_weight
        request = _query(self._path("/openOrders"), query, weight)
        return self._reader.call(request, list[OrderRow], lambda rows: [self._order(row, listing) for row in rows])

    def fills(self, query: FillsQuery) -> Call[FillsPage]:
        """Raises InvalidRequestError (NOT_SENT) for an `after_id` that is none of Binance's."""
        facts = self._facts
        weight = facts.fills_of_order_weight if query.venue_order_id else facts.fills_weight
        request = _query(facts.fills_path, fills.asked(query, facts.fills_days), weight)
        return self._reader.call(
            request, list[fills.TradeRow], lambda rows: fills.page(rows, query, facts.fills_days, self._names)
        )

    # ------------------------------------------------------------------ the account

    def balances(self) -> Call[list[AssetBalance]]:
        """Spot without empty assets."""
        held = self._facts.held
        request = _query(held.path, held.query, held.weight)
        return self._reader.call(request, held.form, lambda told: held.convert(told, self._names))

    def positions(self) -> Call[list[Position]]:
        """Raises InvalidResponseError in the answer of an account in hedge mode."""
        self._only_perpetuals("positions")
        request = _query("/fapi/v3/positionRisk", (), 5)
        return self._reader.call(request, list[PositionRow], lambda rows: positions(rows, self._names))

    def fees(self, listing: SymbolInfo) -> Call[TradingFee]:
        """Of one listing."""
        paid = self._facts.paid
        request = _query(paid.path, (("symbol", listing.venue_symbol),), 20)
        return self._reader.call(request, paid.form, lambda told: paid.convert(told, listing))

    def leverage(self, listing: SymbolInfo, leverage: int) -> Call[None]:
        """For one listing."""
        self._only_perpetuals("leverage")
        fields = (("symbol", listing.venue_symbol), ("leverage", str(leverage)))
        return self._reader.call(self._posted("/leverage", fields), Leverage, lambda _: None)

    def position_mode(self) -> Call[PositionMode]:
        """Of all listings, those margined in coins too."""
        self._only_perpetuals("position modes")
        request = _query(self._path(DUAL), (), 30)
        return self._reader.call(request, ModeBody, position_mode)

    def set_position_mode(self, mode: PositionMode) -> Call[None]:
        """Refused while there are open orders or positions. Orders here are those of one-way mode."""
        self._only_perpetuals("position modes")
        fields = (("dualSidePosition", "true" if mode is PositionMode.HEDGE else "false"),)
        call = self._reader.call(self._posted(DUAL, fields), Done, lambda _: None)
        return unless(call, lambda error: error.code == _NO_CHANGE, None)

    def dead_man(self, listing: SymbolInfo | None, seconds: int) -> Call[None]:
        """For one listing of perpetuals; to be told anew well before the time is up."""
        self._only_perpetuals("dead man's switch")
        if listing is None:
            raise NotSupported(f"{self._reader.venue} has a dead man's switch for each listing, none for all")
        fields = (("symbol", listing.venue_symbol), ("countdownTime", str(seconds * 1_000)))
        request = self._posted("/countdownCancelAll", fields, weight=10, priority=Priority.CANCEL)
        return self._reader.call(request, Countdown, lambda _: None)

    def permissions(self) -> Call[KeyPermissions]:
        """Of the key."""
        return self._wallet.permissions()

    def networks(self, asset: AssetName) -> Call[list[AssetNetwork]]:
        """How an asset moves."""
        return self._wallet.networks(asset)

    def deposits(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """90 days at most."""
        return self._wallet.deposits(since_ns, now_ns)

    def withdrawals(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """90 days at most."""
        return self._wallet.withdrawals(since_ns, now_ns)

    # ------------------------------------------------------------------ websockets

    def ticket(self) -> Call[Ticket] | None:
        """A listen key, on perpetuals; a second call gives the same key, for longer."""
        if self.kind is MarketKind.SPOT:
            return None
        request = Request(method="POST", path=LISTEN_KEY, priority=Priority.QUERY, signed=True)
        return Call(request, self._ticket)

    def held_tickets(self) -> Call[list[Ticket]] | None:
        """None: the account has one key."""
        return None

    def renew(self, ticket: Ticket) -> Call[None] | None:
        """Raises InvalidRequestError (-1125) when the key is over: ask for a new one."""
        if self.kind is MarketKind.SPOT:
            return None
        request = Request(method="PUT", path=LISTEN_KEY, priority=Priority.QUERY, signed=True)
        return Call(request, self._renewed)

    def user_stream(self, ticket: Ticket | None) -> UserStream:
        """Raises ConfigError on perpetuals without a ticket."""
        url = (self._hosts.stream if self._hosts else self._facts.stream_url) + self._facts.stream_path
        if self.kind is MarketKind.SPOT:
            return SpotUserStream(self._facts, self._signing, self._names, url)
        if ticket is None:
            raise ConfigError(f"{self._reader.venue}: the private stream needs a ticket")
        return UsdmUserStream(self._facts, self._names, url + ticket.value)

    def order_entry(self) -> OrderEntry | None:
        """The WS API."""
        url = (self._hosts.stream if self._hosts else self._facts.entry_url) + self._facts.entry_path
        return BinanceOrderEntry(self._facts, self._signing, self._names, url)

    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        """The same as over REST, for every listing."""
        return self._entry_charges[what]

    # ------------------------------------------------------------------ inside

    def _path(self, path: str) -> str:
        return self._market.prefix + path

    def _only_perpetuals(self, what: str) -> None:
        if self.kind is MarketKind.SPOT:
            raise NotSupported(f"{self._reader.venue} has no {what}")

    def _cancels(self, path: str, query: tuple[tuple[str, str], ...]) -> Request:
        path = self._path(path)
        return Request(method="DELETE", path=path, query=query, priority=Priority.CANCEL, signed=True)

    def _posted(
        self, path: str, fields: tuple[tuple[str, str], ...], weight: int = 1, priority: Priority = Priority.QUERY
    ) -> Request:
        path, body = self._path(path), form(fields)
        return Request(method="POST", path=path, body=body, weight=weight, priority=priority, signed=True)

    def _placed(self, row: OrderRow, order: NewOrder) -> Order:
        if row.client_order_id != order.client_order_id:
            raise BodyError(f"the answer is about {row.client_order_id!r}, not about {order.client_order_id!r}")
        return order_of(row, order.listing, self._names)

    def _referred(self, row: OrderRow, ref: OrderRef) -> Order:
        if ref.venue_order_id and str(row.order_id) != ref.venue_order_id:
            raise BodyError(f"the answer is about order {row.order_id}, not about {ref.venue_order_id}")
        return order_of(row, ref.listing, self._names, ref.client_order_id)

    def _batch(self, rows: Sequence[BatchRow], orders: Sequence[NewOrder]) -> list[Order | ExchangeAPIError]:
        if len(rows) != len(orders):
            raise BodyError(f"{len(rows)} answers to {len(orders)} orders")
        return [self._one_of_batch(row, order) for row, order in zip(rows, orders, strict=True)]

    def _one_of_batch(self, row: BatchRow, order: NewOrder) -> Order | ExchangeAPIError:
        if row.code is None:
            return self._placed(row, order)
        if row.order_id:
            raise BodyError(f"order {row.order_id} was taken and refused with {row.code}")
        return self._market.errors.error(Response(400, {}, b""), str(row.code), row.msg)

    def _ticket(self, response: Response) -> Ticket:
        told = self._read_quietly(response, ListenKey).listen_key
        if not LISTEN_KEY_FORM.fullmatch(told):
            raise invalid(self._reader.venue, LISTEN_KEY, "no listen key of a known form", b"(not shown)")
        return Ticket(told)

    def _renewed(self, response: Response) -> None:
        self._read_quietly(response, Renewed)

    def _read_quietly(self, response: Response, shape: type[F]) -> F:
        """Without the first bytes of the answer in the error: they may be the key."""
        failure = self.error(response)
        if failure is not None:
            raise failure
        try:
            return decode(response.body, shape, venue=self._reader.venue, what=LISTEN_KEY)
        except InvalidResponseError:
            raise invalid(self._reader.venue, LISTEN_KEY, "not of its form", b"(not shown)") from None

    def _order(self, row: OrderRow, listing: SymbolInfo | None) -> Order:
        return order_of(row, listing or self._names.listing(row.symbol), self._names)

    def _cancelled(self, rows: Sequence[CancelledRow], listing: SymbolInfo) -> list[Order]:
        single = [report for row in rows for report in (row.order_reports or [row])]
        return [order_of(row, listing, self._names) for row in single]


def _query(path: str, query: tuple[tuple[str, str], ...], weight: int) -> Request:
    return Request(path=path, query=query, weight=weight, priority=Priority.QUERY, signed=True)
