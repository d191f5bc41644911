"""A MEXC account's perpetuals side, cross margin and one net position; PrivateMarket says what each method promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import quote

import msgspec

from oneprice.errors import ExchangeAPIError
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
    BodyError,
    Budget,
    Call,
    Charge,
    Credentials,
    FillsPage,
    FillsQuery,
    Hosts,
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
    unlisted,
)
from oneprice.venues.mexc import futures_fills, futures_orders
from oneprice.venues.mexc.errors import FUTURES_TABLE, VENUE_NAME, futures_error
from oneprice.venues.mexc.futures import FUTURES, Answer
from oneprice.venues.mexc.futures_rows import AssetRow, FillRow, PositionRow, balance_of, position_of
from oneprice.venues.mexc.market import REST_URL
from oneprice.venues.mexc.orders import require_id, unsupported
from oneprice.venues.mexc.signing import Signing
from oneprice.venues.mexc.user_stream import FuturesUserStream
from oneprice.venues.mexc.wallet import Wallet

PRIVATE = "/api/v1/private/"
OPEN_ORDERS_MAX = 100
MODES: Mapping[int, PositionMode] = {1: PositionMode.HEDGE, 2: PositionMode.ONE_WAY}
MODE_NUMBERS: Mapping[PositionMode, int] = {mode: number for number, mode in MODES.items()}
LONG = 1

CREATE, CANCEL, CANCEL_OWN = "order/create", "order/cancel", "order/cancel_with_external"
ORDER, ORDER_OWN, OPEN_ORDERS = "order/get", "order/external", "order/list/open_orders"
CANCEL_ALL, DEALS, ORDER_DEALS = "order/cancel_all", "order/list/order_deals/v3", "order/deal_details"
ASSETS, FEES = "account/assets", "account/tiered_fee_rate/v2"
POSITIONS, LEVERAGE = "position/open_positions", "position/change_leverage"
MODE, SET_MODE = "position/position_mode", "position/change_position_mode"
ENDPOINTS = (
    *(CANCEL, CANCEL_OWN, CANCEL_ALL, ORDER, ORDER_OWN, OPEN_ORDERS, DEALS, ORDER_DEALS, ASSETS, FEES),
    *(POSITIONS, LEVERAGE, MODE, SET_MODE),
)
WALLET_IP, WALLET_UID = "wallet ip", "wallet uid"
BUDGETS: Mapping[str, Budget] = {
    **FUTURES.budgets,
    **dict.fromkeys(ENDPOINTS, Budget(20, 2.0)),  # each has its own
    CREATE: Budget(4, 2.0),  # (unverified): documented are 20, as for the others
    WALLET_IP: Budget(300, 10.0),  # spot's pools, as if spot drew nothing from them
    WALLET_UID: Budget(500, 10.0),
}

CAPABILITIES = (
    Support("balances", True),
    Support("positions", True, "without mark price and profit"),
    Support("account fees", True),
    Support("order: limit GTC", True),
    Support("order: limit IOC", True),
    Support("order: limit FOK", True),
    Support("order: post-only", True),
    Support("order: market by base", True),
    Support("order: market by quote", False, "quantities are contracts"),
    Support("order: reduce-only", True),
    Support("batch orders", False, "only for accounts that MEXC admits"),
    Support("cancel", True),
    Support("cancel all", True, "the answer names none"),
    Support("query by client id", True),
    Support("open orders", True, f"fewer than {OPEN_ORDERS_MAX}"),
    Support("fills", True, "of 90 days at a time, with fees"),
    Support("leverage", True, "of cross margin without a position, the long side's (unverified: both)"),
    Support("position mode", True),
    Support("key permissions", True),
    Support("networks", True, "of spot's wallet"),
    Support("deposits and withdrawals", True, "of spot's wallet, of 90 days"),
    Support("dead man's switch", False, "MEXC has none: cancel when a connection is lost"),
    Support("stream: orders", True),
    Support("stream: fills", True, "with fees"),
    Support("stream: balances", True, "the sum of its parts, where profit may be contained (unverified)"),
    Support("stream: positions", True),
    Support("websocket order entry", False, "MEXC has none"),
    Support("client id refused twice", False, "not documented: query before sending anything again"),
)


_Created = Answer[futures_orders.CreatedRow | int | str]


class Done(msgspec.Struct):
    """A good answer of which the data, if any, say nothing."""

    success: Literal[True]


class Cancelled(msgspec.Struct):
    """The answer to a cancel, which is good also when nothing was cancelled."""

    success: Literal[True]
    data: list[futures_orders.CancelRow] | futures_orders.CancelRow | None = None


class FeeRates(msgspec.Struct, rename="camel"):
    """The account's own, as fractions, with all discounts."""

    real_maker_fee: Number
    real_taker_fee: Number


class MexcFuturesAccount:
    """Requests and answers of one account's perpetuals side."""

    venue = VENUE_NAME
    kind = MarketKind.USDM
    budgets = BUDGETS
    capabilities: Sequence[Support] = CAPABILITIES
    batch_max = 0
    findable_after_s = 15.0  # it may be taken as long as its time is valid, which is 10 s, and seen later
    forgotten_after_s = 0.0
    renew_every_s = 0.0

    def __init__(self, hosts: Hosts | None, credentials: Credentials) -> None:
        self._signing = Signing(credentials)
        hosts = hosts or Hosts(REST_URL, FUTURES.stream_url)
        self.rest_url = hosts.rest
        self._stream_url = hosts.stream + FUTURES.stream_path
        self._reader = Reader(FUTURES_TABLE.venue, futures_error)
        self._wallet = Wallet(credentials.api_key, "CONTRACT", WALLET_IP, WALLET_UID)
        self._listings: dict[str, SymbolInfo] = {}

    def know(self, listings: Sequence[SymbolInfo]) -> None:
        """By the venue's symbol."""
        self._listings = {listing.venue_symbol: listing for listing in listings}

    def wire(self, request: Request, time_ns: int) -> Wire:
        """Signed in the headers."""
        return self._signing.wire(request, time_ns)

    def error(self, response: Response) -> ExchangeAPIError | None:
        """By code, which comes with status 200."""
        return futures_error(response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Not told."""
        return {}

    # ------------------------------------------------------------------ orders

    def place(self, order: NewOrder) -> Call[Order]:
        """The answer says that it was taken, not what became of it."""
        request = msgspec.structs.replace(_PLACE, body=futures_orders.body(order))
        return self._reader.call(request, _Created, lambda answer: futures_orders.created(answer.data, order))

    def place_many(self, orders: Sequence[NewOrder]) -> Call[list[Order | ExchangeAPIError]]:
        """MEXC admits few accounts to its batches."""
        raise unsupported(FUTURES_TABLE.venue, "batches are for accounts that MEXC admits: place orders one by one")

    def cancel(self, ref: OrderRef) -> Call[Order | None]:
        """Done or refused, and nothing more is told."""
        path = CANCEL if ref.venue_order_id else CANCEL_OWN
        request = _post(path, futures_orders.cancel_body(ref), Priority.CANCEL)
        return self._reader.call(request, Cancelled, lambda answer: futures_orders.cancelled(answer.data))

    def cancel_all(self, listing: SymbolInfo) -> Call[list[Order]]:
        """The answer tells of none."""
        request = _post(CANCEL_ALL, msgspec.json.encode({"symbol": listing.venue_symbol}), Priority.CANCEL)
        return self._reader.call(request, Done, lambda answer: [])

    def query(self, ref: OrderRef) -> Call[Order]:
        """By either id."""
        require_id(ref, self._reader.venue)
        if ref.venue_order_id:
            request = _get(ORDER, ref.venue_order_id)
        else:
            request = _get(ORDER_OWN, ref.listing.venue_symbol, ref.client_order_id)

        def convert(answer: Answer[futures_orders.OrderRow | None]) -> Order:
            if answer.data is None:
                raise futures_orders.not_found()
            return futures_orders.order_of(answer.data, ref.listing)

        return self._reader.call(request, Answer[futures_orders.OrderRow | None], convert)

    def open_orders(self, listing: SymbolInfo | None) -> Call[list[Order]]:
        """At most 99: an answer of 100 may not be all, and is refused."""
        words = () if listing is None else (listing.venue_symbol,)
        request = _get(OPEN_ORDERS, *words, query=(("page_num", "1"), ("page_size", str(OPEN_ORDERS_MAX))))

        def convert(answer: Answer[list[futures_orders.OrderRow]]) -> list[Order]:
            if len(answer.data) >= OPEN_ORDERS_MAX:
                raise BodyError(f"{len(answer.data)} open orders are a full page: there may be more")
            return [futures_orders.order_of(row, self._listing(row.symbol)) for row in answer.data]

        return self._reader.call(request, Answer[list[futures_orders.OrderRow]], convert)

    def fills(self, query: FillsQuery) -> Call[FillsPage]:
        """Of one order all at once."""
        if query.venue_order_id:
            request = _get(ORDER_DEALS, query.venue_order_id)
        else:
            request = _get(DEALS, query=futures_fills.parameters(query))

        def convert(answer: Answer[list[FillRow]]) -> FillsPage:
            page = futures_fills.page_of(answer.data, query)
            return FillsPage(page.fills) if query.venue_order_id else page

        return self._reader.call(request, Answer[list[FillRow]], convert)

    def _listing(self, venue_symbol: str) -> SymbolInfo:
        return self._listings.get(venue_symbol) or unlisted(self.venue, self.kind, venue_symbol)

    # ------------------------------------------------------------------ the account

    def balances(self) -> Call[list[AssetBalance]]:
        """Also those that are empty."""
        return self._reader.call(
            _get(ASSETS), Answer[list[AssetRow]], lambda answer: [balance_of(row) for row in answer.data]
        )

    def positions(self) -> Call[list[Position]]:
        """Of all listings. Raises InvalidResponseError in the answer of an account that holds both sides of one."""

        def convert(answer: Answer[list[PositionRow]]) -> list[Position]:
            held: dict[str, Position] = {}
            for row in answer.data:
                if not row.hold_vol:
                    continue
                if row.symbol in held:
                    raise BodyError(f"{row.symbol} has two positions: the account is in hedge mode")
                held[row.symbol] = position_of(row, self._listing(row.symbol))
            return list(held.values())

        return self._reader.call(_get(POSITIONS), Answer[list[PositionRow]], convert)

    def fees(self, listing: SymbolInfo) -> Call[TradingFee]:
        """What is really paid."""

        def convert(answer: Answer[FeeRates]) -> TradingFee:
            rates = answer.data
            return TradingFee(listing=listing, maker=rates.real_maker_fee, taker=rates.real_taker_fee)

        return self._reader.call(_get(FEES, query=(("symbol", listing.venue_symbol),)), Answer[FeeRates], convert)

    def leverage(self, listing: SymbolInfo, leverage: int) -> Call[None]:
        """Of cross margin, where there is no position. One of a net position has one figure (unverified)."""
        body = {
            "symbol": listing.venue_symbol,
            "leverage": leverage,
            "openType": futures_orders.CROSS,
            "positionType": LONG,
        }
        return self._done(LEVERAGE, body, Priority.DATA)

    def position_mode(self) -> Call[PositionMode]:
        """Of the whole account."""

        def convert(answer: Answer[int]) -> PositionMode:
            if answer.data not in MODES:
                raise BodyError(f"position mode {answer.data}")
            return MODES[answer.data]

        return self._reader.call(_get(MODE), Answer[int], convert)

    def set_position_mode(self, mode: PositionMode) -> Call[None]:
        """Refused while there are orders or positions. Orders here are for one net position."""
        return self._done(SET_MODE, {"positionMode": MODE_NUMBERS[mode]}, Priority.DATA)

    def _done(self, endpoint: str, body: dict[str, object], priority: Priority) -> Call[None]:
        return self._reader.call(_post(endpoint, msgspec.json.encode(body), priority), Done, lambda answer: None)

    def permissions(self) -> Call[KeyPermissions]:
        """Reading and trading are those of perpetuals."""
        return self._wallet.permissions()

    def networks(self, asset: AssetName) -> Call[list[AssetNetwork]]:
        """Coins move in and out through spot."""
        return self._wallet.networks(asset)

    def deposits(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """Those of spot, of 90 days at most."""
        return self._wallet.deposits(since_ns, now_ns)

    def withdrawals(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """Those of spot, of 90 days at most."""
        return self._wallet.withdrawals(since_ns, now_ns)

    def dead_man(self, listing: SymbolInfo | None, seconds: int) -> Call[None]:
        """MEXC has none."""
        raise unsupported(FUTURES_TABLE.venue, "MEXC has no dead man's switch: cancel when a connection is lost")

    # ------------------------------------------------------------------ websockets

    def ticket(self) -> Call[Ticket] | None:
        """Not needed: the stream logs in."""
        return None

    def held_tickets(self) -> Call[list[Ticket]] | None:
        """There are none."""
        return None

    def renew(self, ticket: Ticket) -> Call[None] | None:
        """Nothing to renew."""
        return None

    def user_stream(self, ticket: Ticket | None) -> UserStream:
        """It logs in with the key."""
        return FuturesUserStream(self._stream_url, self._signing, self._listing)

    def order_entry(self) -> OrderEntry | None:
        """MEXC has none."""
        return None

    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        """There is no order entry to cost anything."""
        return ()


def _get(endpoint: str, *words: str, query: tuple[tuple[str, str], ...] = ()) -> Request:
    path = PRIVATE + "/".join((endpoint, *(quote(word, safe="") for word in words)))
    return Request(path=path, query=query, budget=endpoint, priority=Priority.QUERY, signed=True)


def _post(endpoint: str, body: bytes, priority: Priority) -> Request:
    return Request(method="POST", path=PRIVATE + endpoint, body=body, budget=endpoint, priority=priority, signed=True)


_PLACE = _post(CREATE, b"", Priority.ORDER)
