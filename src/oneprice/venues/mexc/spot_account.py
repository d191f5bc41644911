"""A MEXC account's spot side; PrivateMarket says what each method promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from urllib.parse import quote

import msgspec

from oneprice.errors import ConfigError, ExchangeAPIError, InvalidResponseError, NotSupported, Outcome
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
from oneprice.venues.kit import (
    Budget,
    Call,
    Charge,
    Credentials,
    FillsPage,
    FillsQuery,
    Hosts,
    Multiples,
    Number,
    OrderEntry,
    Priority,
    Reader,
    Request,
    Response,
    Support,
    Ticket,
    UserStream,
    Wire,
    in_coins,
    multiples,
    unlisted,
)
from oneprice.venues.mexc import spot_fills, spot_orders
from oneprice.venues.mexc.errors import SPOT_TABLE, VENUE_NAME, spot_error
from oneprice.venues.mexc.exact import product, total
from oneprice.venues.mexc.market import REST_URL
from oneprice.venues.mexc.orders import unsupported
from oneprice.venues.mexc.signing import RECV_WINDOW_MS, Signing
from oneprice.venues.mexc.spot import SPOT
from oneprice.venues.mexc.user_stream import SpotUserStream
from oneprice.venues.mexc.wallet import Wallet

IP, UID, ORDERS, ACCOUNT, BATCH = "default", "uid", "orders", "account", "batch"
BUDGETS: Mapping[str, Budget] = {
    **SPOT.budgets,
    UID: Budget(500, 10.0),
    ORDERS: Budget(12, 1.0),  # one bucket for new orders, cancels and batches
    ACCOUNT: Budget(2, 1.0),
    BATCH: Budget(2, 1.0),
}
"""The stricter of two documentations: whether the pools by address and by account are both drawn on is (unverified)."""

CAPABILITIES = (
    Support("balances", True),
    Support("positions", False, "spot has none"),
    Support("account fees", True),
    Support("order: limit GTC", True),
    Support("order: limit IOC", True, "a type of its own; doubted by some (unverified): prove it with a tiny order"),
    Support("order: limit FOK", True, "a type of its own (unverified)"),
    Support("order: post-only", True),
    Support("order: market by base", True, "selling only"),
    Support("order: market by quote", True, "buying only"),
    Support("order: reduce-only", False, "for perpetuals"),
    Support("batch orders", True, f"{spot_orders.BATCH_MAX} of one symbol, twice a second"),
    Support("cancel", True),
    Support("cancel all", True),
    Support("query by client id", True),
    Support("open orders", True, "of all listings at once (unverified)"),
    Support("fills", True, "of a month, with fees"),
    Support("leverage", False, "spot has none"),
    Support("position mode", False, "spot has none"),
    Support("key permissions", True),
    Support("networks", True),
    Support("deposits and withdrawals", True, "of 90 days"),
    Support("dead man's switch", False, "MEXC has none: cancel when a connection is lost"),
    Support("stream: orders", True, "protobuf"),
    Support("stream: fills", True, "protobuf, with fees"),
    Support("stream: balances", True, "protobuf, the asset that changed"),
    Support("stream: positions", False, "spot has none"),
    Support("websocket order entry", False, "MEXC has none"),
    Support("client id refused twice", False, "not documented: query before sending anything again"),
)

_ORDER_COSTS = (Charge(UID, 1), Charge(ORDERS, 1))


class BalanceRow(msgspec.Struct):
    """One asset."""

    asset: str
    free: Number
    locked: Number


class AccountBody(msgspec.Struct):
    """`/account`. Its rights are the account's, not the key's, and are not read."""

    balances: list[BalanceRow]


class FeeRates(msgspec.Struct, rename="camel"):
    """The account's own, as fractions."""

    maker_commission: Number
    taker_commission: Number


class FeeBody(msgspec.Struct):
    """`/tradeFee`."""

    data: FeeRates


class KeyBody(msgspec.Struct, rename="camel"):
    """`/userDataStream`."""

    listen_key: str


class KeysBody(msgspec.Struct, rename="camel"):
    """`/userDataStream`, when asked for all."""

    listen_key: list[str]


class MexcSpotAccount:
    """Requests and answers of one account's spot side."""

    venue = VENUE_NAME
    kind = MarketKind.SPOT
    budgets = BUDGETS
    capabilities: Sequence[Support] = CAPABILITIES
    batch_max = spot_orders.BATCH_MAX
    findable_after_s = RECV_WINDOW_MS / 1_000 + 5.0  # it may be taken as long as its time is valid, and seen later
    forgotten_after_s = 0.0
    renew_every_s = 1_200.0  # a key lasts an hour; the venue advises half of that

    def __init__(self, hosts: Hosts | None, credentials: Credentials) -> None:
        self._signing = Signing(credentials)
        hosts = hosts or Hosts(REST_URL, SPOT.stream_url)
        self.rest_url = hosts.rest
        self._stream_url = hosts.stream + SPOT.stream_path
        self._reader = Reader(SPOT_TABLE.venue, spot_error)
        self._wallet = Wallet(credentials.api_key, "SPOT", IP, UID)
        self._listings: dict[str, SymbolInfo] = {}
        self._multiples: Multiples = {}

    def know(self, listings: Sequence[SymbolInfo]) -> None:
        """By the venue's symbol."""
        self._listings = {listing.venue_symbol: listing for listing in listings}
        self._multiples = multiples(listings)

    def wire(self, request: Request, time_ns: int) -> Wire:
        """All in the query, also of changes."""
        return self._signing.wire(request, time_ns)

    def error(self, response: Response) -> ExchangeAPIError | None:
        """By code."""
        return spot_error(response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Not told."""
        return {}

    # ------------------------------------------------------------------ orders

    def place(self, order: NewOrder) -> Call[Order]:
        """The answer says that it was taken, not what became of it."""
        request = Request(
            method="POST",
            path="/api/v3/order",
            query=spot_orders.parameters(order),
            also=_ORDER_COSTS,
            priority=Priority.ORDER,
            signed=True,
        )
        return self._reader.call(request, spot_orders.AckRow, lambda row: spot_orders.accepted(row, order))

    def place_many(self, orders: Sequence[NewOrder]) -> Call[list[Order | ExchangeAPIError]]:
        """All of one symbol."""
        orders = tuple(orders)
        request = _request(
            "batchOrders",
            ("batchOrders", spot_orders.batch(orders)),
            method="POST",
            also=(Charge(ORDERS, 1), Charge(BATCH, 1)),
            priority=Priority.ORDER,
        )
        return self._reader.call(
            request, list[spot_orders.BatchRow], lambda rows: spot_orders.batch_results(rows, orders)
        )

    def cancel(self, ref: OrderRef) -> Call[Order | None]:
        """The order as it is then."""
        request = Request(
            method="DELETE",
            path="/api/v3/order",
            query=spot_orders.reference(ref),
            also=_ORDER_COSTS,
            priority=Priority.CANCEL,
            signed=True,
        )

        def convert(row: spot_orders.OrderRow) -> Order | None:
            return spot_orders.order_of(row, ref.listing) if row.status else None

        return self._reader.call(request, spot_orders.OrderRow, convert)

    def cancel_all(self, listing: SymbolInfo) -> Call[list[Order]]:
        """The orders as they are then."""
        request = _request(
            "openOrders",
            ("symbol", listing.venue_symbol),
            method="DELETE",
            also=(Charge(ORDERS, 1),),
            priority=Priority.CANCEL,
        )

        def convert(rows: list[spot_orders.OrderRow]) -> list[Order]:
            return [spot_orders.order_of(row, listing) for row in rows if row.status]

        return self._reader.call(request, list[spot_orders.OrderRow], convert)

    def query(self, ref: OrderRef) -> Call[Order]:
        """By either id."""
        request = _request("order", *spot_orders.reference(ref), weight=2)
        return self._reader.call(request, spot_orders.OrderRow, lambda row: spot_orders.order_of(row, ref.listing))

    def open_orders(self, listing: SymbolInfo | None) -> Call[list[Order]]:
        """Of all listings too (unverified: the older documentation wanted one)."""
        query = () if listing is None else (("symbol", listing.venue_symbol),)
        return self._reader.call(_request("openOrders", *query, weight=3), list[spot_orders.OrderRow], self._orders)

    def fills(self, query: FillsQuery) -> Call[FillsPage]:
        """Of a month at most."""
        request = _request("myTrades", *spot_fills.parameters(query), weight=10)
        return self._reader.call(request, list[spot_fills.FillRow], lambda rows: spot_fills.page_of(rows, query))

    def _orders(self, rows: list[spot_orders.OrderRow]) -> list[Order]:
        return [spot_orders.order_of(row, self._listing(row.symbol)) for row in rows]

    def _listing(self, venue_symbol: str) -> SymbolInfo:
        return self._listings.get(venue_symbol) or unlisted(self.venue, self.kind, venue_symbol)

    # ------------------------------------------------------------------ the account

    def balances(self) -> Call[list[AssetBalance]]:
        """Those that are not empty (unverified)."""

        def convert(told: AccountBody) -> list[AssetBalance]:
            return [_balance(row, *in_coins(row.asset, self._multiples)) for row in told.balances]

        request = _request("account", weight=10, also=(Charge(ACCOUNT, 1),))
        return self._reader.call(request, AccountBody, convert)

    def positions(self) -> Call[list[Position]]:
        """Spot has none."""
        raise _spot_has_no("positions")

    def fees(self, listing: SymbolInfo) -> Call[TradingFee]:
        """Without what paying in MX saves: fills tell what was paid."""

        def convert(told: FeeBody) -> TradingFee:
            rates = told.data
            return TradingFee(listing=listing, maker=rates.maker_commission, taker=rates.taker_commission)

        request = _request("tradeFee", ("symbol", listing.venue_symbol), weight=20, priority=Priority.DATA)
        return self._reader.call(request, FeeBody, convert)

    def leverage(self, listing: SymbolInfo, leverage: int) -> Call[None]:
        """Spot has none."""
        raise _spot_has_no("leverage")

    def position_mode(self) -> Call[PositionMode]:
        """Spot has none."""
        raise _spot_has_no("position mode")

    def set_position_mode(self, mode: PositionMode) -> Call[None]:
        """Spot has none."""
        raise _spot_has_no("position mode")

    def permissions(self) -> Call[KeyPermissions]:
        """Reading and trading are those of spot."""
        return self._wallet.permissions()

    def networks(self, asset: AssetName) -> Call[list[AssetNetwork]]:
        """Of the account's one wallet."""
        return self._wallet.networks(asset)

    def deposits(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """Of 90 days at most."""
        return self._wallet.deposits(since_ns, now_ns)

    def withdrawals(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """Of 90 days at most."""
        return self._wallet.withdrawals(since_ns, now_ns)

    def dead_man(self, listing: SymbolInfo | None, seconds: int) -> Call[None]:
        """MEXC has none."""
        raise unsupported(SPOT_TABLE.venue, "MEXC has no dead man's switch: cancel when a connection is lost")

    # ------------------------------------------------------------------ websockets

    def ticket(self) -> Call[Ticket]:
        """A listen key. Its answer is shown in no error."""
        request = _request("userDataStream", method="POST")

        def read(response: Response) -> Ticket:
            failure = spot_error(response)
            if failure is not None:
                raise failure
            try:
                return Ticket(msgspec.json.decode(response.body, type=KeyBody).listen_key)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                message = "the answer to POST /api/v3/userDataStream holds no listen key"
                raise InvalidResponseError(SPOT_TABLE.venue, message, outcome=Outcome.UNKNOWN) from None

        return Call(request, read)

    def held_tickets(self) -> Call[list[Ticket]]:
        """Listen keys that are valid, 60 at most; each is good for 5 connections. (The form of the answer: unverified.)
        They are shown in no error."""
        request = _request("userDataStream")

        def read(response: Response) -> list[Ticket]:
            failure = spot_error(response)
            if failure is not None:
                raise failure
            try:
                return [Ticket(key) for key in msgspec.json.decode(response.body, type=KeysBody).listen_key]
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                message = "the answer to GET /api/v3/userDataStream holds no listen keys"
                raise InvalidResponseError(SPOT_TABLE.venue, message, outcome=Outcome.UNKNOWN) from None

        return Call(request, read)

    def renew(self, ticket: Ticket) -> Call[None]:
        """For another hour."""
        request = _request("userDataStream", ("listenKey", ticket.value), method="PUT")

        def read(response: Response) -> None:
            failure = spot_error(response)
            if failure is not None:
                raise failure

        return Call(request, read)

    def user_stream(self, ticket: Ticket | None) -> UserStream:
        """Raises ConfigError without a ticket."""
        if ticket is None or not ticket.value:
            raise ConfigError("MEXC's private stream on spot needs a listen key: ask for a ticket first")
        url = f"{self._stream_url}?listenKey={quote(ticket.value, safe='')}"
        return SpotUserStream(url, self._listing, lambda word: in_coins(word, self._multiples))

    def order_entry(self) -> OrderEntry | None:
        """MEXC has none."""
        return None

    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        """There is no order entry to cost anything."""
        return ()


def _balance(row: BalanceRow, asset: AssetName, coins: Decimal) -> AssetBalance:
    return AssetBalance(asset=asset, total=product(total(row.free, row.locked), coins), free=product(row.free, coins))


def _spot_has_no(what: str) -> NotSupported:
    return unsupported(SPOT_TABLE.venue, f"spot has no {what}")


def _request(
    path: str,
    *query: tuple[str, str],
    method: str = "GET",
    weight: int = 1,
    also: tuple[Charge, ...] = (),
    priority: Priority = Priority.QUERY,
) -> Request:
    return Request(
        method=method,
        path=f"/api/v3/{path}",
        query=query,
        weight=weight,
        also=(Charge(UID, weight), *also),
        priority=priority,
        signed=True,
    )
