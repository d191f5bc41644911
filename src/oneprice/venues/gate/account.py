"""What the accounts at both of Gate's markets share; PrivateMarket says what each method promises."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Generic
from urllib.parse import quote, unquote

import msgspec

from oneprice.errors import ExchangeAPIError, NotSupported
from oneprice.model import (
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
    Transfer,
)
from oneprice.venues.gate import errors, wallet
from oneprice.venues.gate.market import REST_URL, SECOND_NS
from oneprice.venues.gate.order_entry import GateOrderEntry
from oneprice.venues.gate.orders import EXPIRES_AFTER_MS, F, O, OrderCodec, order_id
from oneprice.venues.gate.product import Product
from oneprice.venues.gate.signing import Signing
from oneprice.venues.gate.user_stream import GateUserStream
from oneprice.venues.kit import (
    BodyError,
    Budget,
    Call,
    Charge,
    Credentials,
    Hosts,
    Multiples,
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

MS = 1_000_000
OPEN_ORDERS_MAX = 100
DEAD_MAN_S_MIN = 5
_PLACES_MAX = 4_096
_ENCODER = msgspec.json.Encoder()
_JSON = (("Content-Type", "application/json"),)
_PLAIN = re.compile(r"[A-Za-z0-9_.~=&,:/-]*", re.ASCII)


class GateAccount(ABC, Generic[O, F]):
    """Calls of one product. What only one market has is in its own class."""

    capabilities: Sequence[Support]
    budgets: Mapping[str, Budget]
    batch_max: int
    findable_after_s = EXPIRES_AFTER_MS / 1_000 + 10.0  # taken until it expires; users saw it unfindable for up to 10 s
    forgotten_after_s: float
    renew_every_s = 0.0

    def __init__(
        self, product: Product, codec: OrderCodec[O, F], hosts: Hosts | None, credentials: Credentials
    ) -> None:
        self._product, self._codec = product, codec
        self.venue = errors.VENUE_NAME
        self.kind: MarketKind = product.kind
        self.rest_url = hosts.rest if hosts else REST_URL
        self._stream_url = (hosts.stream if hosts else product.stream_url) + product.stream_path
        self._errors = errors.TABLES[product.kind]
        self._reader = Reader(self._errors.venue, self.error)
        self._signing = Signing(credentials)
        self._listings: Mapping[str, SymbolInfo] = {}
        self._multiples: Multiples = {}
        self._places: dict[str, Request] = {}
        self._orders_path, self._batch_path = f"{product.prefix}/orders", f"{product.prefix}/batch_orders"
        self._timed = frozenset({self._orders_path, self._batch_path})
        self._private, self._cancels = f"{self.kind.value} private", f"{self.kind.value} cancels"

    def know(self, listings: Sequence[SymbolInfo]) -> None:
        """By the venue's symbols."""
        self._listings = {listing.venue_symbol: listing for listing in listings}
        self._multiples = multiples(listings) if self.kind is MarketKind.SPOT else {}

    def wire(self, request: Request, time_ns: int) -> Wire:
        """Path and query are signed as they were before percent-encoding (of the path unverified). Orders get the time
        at which they expire."""
        method, path, body = request.method, request.path, request.body
        raw, target = "", path
        if request.query:
            raw = "&".join([f"{name}={value}" for name, value in request.query])
            plainly = (
                raw if _PLAIN.fullmatch(raw) else "&".join(f"{name}={quote(value)}" for name, value in request.query)
            )
            target = f"{path}?{plainly}"
        if not request.signed:
            return Wire(method, target, request.headers, body)
        time_s = time_ns // SECOND_NS
        headers: tuple[tuple[str, str], ...] = (
            ("KEY", self._signing.api_key),
            ("Timestamp", str(time_s)),
            ("SIGN", self._signing.request(method, unquote(path) if "%" in path else path, raw, body, time_s)),
        )
        if not body:
            return Wire(method, target, headers + request.headers)
        headers += _JSON
        if path in self._timed:
            headers += (("x-gate-exptime", str(time_ns // MS + EXPIRES_AFTER_MS)),)
        return Wire(method, target, headers + request.headers, body)

    def error(self, response: Response) -> ExchangeAPIError | None:
        """By label."""
        return errors.error_of(self._errors, response)

    def used_weight(self, response: Response) -> Mapping[str, int]:
        """Nothing: the headers speak of one endpoint's window, and do not say of which."""
        return {}

    # ------------------------------------------------------------------ orders

    @abstractmethod
    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        """Placing costs the same by REST."""

    def place(self, order: NewOrder) -> Call[Order]:
        """The answer waits for the match: it tells what was filled at once, in sum."""
        listing = order.listing
        body = _ENCODER.encode(self._codec.body(order))
        bare = self._places.get(listing.venue_symbol) or self._bare_place(listing)
        request = msgspec.structs.replace(bare, body=body)
        return self._reader.call(request, self._codec.order, partial(self._order, listing=listing))

    def place_many(self, orders: Sequence[NewOrder]) -> Call[list[Order | ExchangeAPIError]]:
        """Each counts as one of the rate limit, as if sent alone (unverified)."""
        if not 0 < len(orders) <= self.batch_max:
            raise NotSupported(f"{self._errors.venue}: {len(orders)} orders at once, 1 to {self.batch_max} can be")
        weights: dict[str, int] = {}
        for order in orders:
            for budget, weight in self.entry_charges("place", order.listing):
                weights[budget] = weights.get(budget, 0) + weight
        body = msgspec.json.encode([self._codec.body(order) for order in orders])
        charges = tuple(Charge(budget, weight) for budget, weight in weights.items())
        request = self._order_request(self._batch_path, body, charges)
        return self._reader.call(request, self._codec.orders, partial(self._placed, wanted=tuple(orders)))

    def cancel(self, ref: OrderRef) -> Call[Order | None]:
        """The answer is the order as it ended."""
        request = self._of_order("DELETE", ref)
        return self._reader.call(request, self._codec.order, partial(self._order, listing=ref.listing))

    def cancel_all(self, listing: SymbolInfo) -> Call[list[Order]]:
        """Always of one listing: without it Gate would cancel those of every market."""
        request = self._request("DELETE", "/orders", self._of(listing), budget=self._cancels, priority=Priority.CANCEL)
        return self._reader.call(request, self._codec.orders, partial(self._canceled, listing=listing))

    def query(self, ref: OrderRef) -> Call[Order]:
        """By our id only while it is open and for a while after; of a text used twice Gate finds the latter."""
        request = self._of_order("GET", ref)
        return self._reader.call(request, self._codec.order, partial(self._order, listing=ref.listing))

    # ------------------------------------------------------------------ the account, as far as both have it

    def positions(self) -> Call[list[Position]]:
        """Perpetuals only."""
        raise self._only_perpetuals("positions")

    def leverage(self, listing: SymbolInfo, leverage: int) -> Call[None]:
        """Perpetuals only."""
        raise self._only_perpetuals("leverage")

    def position_mode(self) -> Call[PositionMode]:
        """Perpetuals only."""
        raise self._only_perpetuals("position mode")

    def set_position_mode(self, mode: PositionMode) -> Call[None]:
        """Perpetuals only."""
        raise self._only_perpetuals("position mode")

    def permissions(self) -> Call[KeyPermissions]:
        """All None for keys that may not ask, as those of a sub-account (unverified), and where ours is not to be told
        from the others."""
        return wallet.permissions(self._reader, self.kind, self._private, self._signing.api_key)

    def networks(self, asset: AssetName) -> Call[list[AssetNetwork]]:
        """Fees are in another list of Gate's, so None here."""
        return wallet.networks(self._reader, asset)

    def deposits(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """At most 30 days and 500 of them."""
        return wallet.deposits(self._reader, since_ns, now_ns)

    def withdrawals(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """At most 30 days and 500 of them."""
        return wallet.withdrawals(self._reader, since_ns, now_ns)

    def dead_man(self, listing: SymbolInfo | None, seconds: int) -> Call[None]:
        """Gate takes no less than 5 s."""
        if seconds < 0 or 0 < seconds < DEAD_MAN_S_MIN:
            raise NotSupported(f"{self._errors.venue}: {seconds} s, it takes 0 or at least {DEAD_MAN_S_MIN}")
        told: dict[str, object] = {"timeout": seconds}
        if listing is not None:
            told[self._product.symbol_key] = listing.venue_symbol
        request = self._request(
            "POST", "/countdown_cancel_all", body=msgspec.json.encode(told), priority=Priority.CANCEL
        )
        return self._reader.call(request, wallet.Countdown, _nothing)

    def ticket(self) -> Call[Ticket] | None:
        """None: nothing is needed."""
        return None

    def held_tickets(self) -> Call[list[Ticket]] | None:
        """None: there is no limit to them."""
        return None

    def renew(self, ticket: Ticket) -> Call[None] | None:
        """None: it never ends."""
        return None

    def user_stream(self, ticket: Ticket | None) -> UserStream:
        """Orders, matches, balances and, of perpetuals, positions."""
        user = "" if ticket is None else ticket.value
        codec, signing = self._codec, self._signing
        return GateUserStream(self._stream_url, self._product, codec, signing, self._listing, self._coins, user)

    def order_entry(self) -> OrderEntry | None:
        """The public connection's URL, logged in."""
        return GateOrderEntry(self._stream_url, self._product, self._codec, self._signing, self._listing)

    # ------------------------------------------------------------------ inside

    def _listing(self, venue_symbol: str) -> SymbolInfo:
        """The known one, or a stand-in."""
        return self._listings.get(venue_symbol) or unlisted(self.venue, self.kind, venue_symbol)

    def _coins(self, word: str) -> tuple[AssetName, Decimal]:
        return in_coins(word, self._multiples)

    def _bare_place(self, listing: SymbolInfo) -> Request:
        """An order's request but for its body, kept by listing."""
        if len(self._places) >= _PLACES_MAX:
            self._places.clear()
        bare = self._order_request(self._orders_path, b"", self.entry_charges("place", listing))
        self._places[listing.venue_symbol] = bare
        return bare

    def _order_request(self, path: str, body: bytes, charges: tuple[Charge, ...]) -> Request:
        return Request(
            method="POST",
            path=path,
            body=body,
            headers=self._product.headers,
            weight=charges[0].weight,
            budget=charges[0].budget,
            also=charges[1:],
            priority=Priority.ORDER,
            signed=True,
        )

    def _request(
        self,
        method: str,
        path: str,
        *query: tuple[str, str],
        body: bytes = b"",
        budget: str = "",
        priority: Priority = Priority.QUERY,
    ) -> Request:
        return Request(
            method=method,
            path=self._product.prefix + path,
            query=query,
            body=body,
            headers=self._product.headers,
            budget=budget or self._private,
            priority=priority,
            signed=True,
        )

    def _of(self, listing: SymbolInfo) -> tuple[str, str]:
        return self._product.symbol_key, listing.venue_symbol

    def _of_order(self, method: str, ref: OrderRef) -> Request:
        cancels = method == "DELETE"
        return self._request(
            method,
            f"/orders/{order_id(ref)}",
            self._of(ref.listing),
            budget=self._cancels if cancels else "",
            priority=Priority.CANCEL if cancels else Priority.QUERY,
        )

    def _order(self, row: O, listing: SymbolInfo) -> Order:
        if row.symbol not in ("", listing.venue_symbol):
            raise BodyError(f"it is of {row.symbol!r}, asked for was {listing.venue_symbol!r}")
        return self._codec.order_of(row, listing)

    def _placed(self, rows: list[O], wanted: tuple[NewOrder, ...]) -> list[Order | ExchangeAPIError]:
        if len(rows) != len(wanted):
            raise BodyError(f"{len(rows)} answers to {len(wanted)} orders")
        return [self._one_placed(row, order) for row, order in zip(rows, wanted, strict=True)]

    def _one_placed(self, row: O, order: NewOrder) -> Order | ExchangeAPIError:
        if row.text and row.text[2:] != order.client_order_id:
            raise BodyError(f"{row.text!r} stands where {order.client_order_id!r} was asked for")
        if row.succeeded:
            return self._order(row, order.listing)
        return self._errors.error(Response(400, {}, b""), row.label, row.reason)

    def _canceled(self, rows: list[O], listing: SymbolInfo) -> list[Order]:
        return [self._order(row, listing) for row in rows if row.succeeded]

    def _all(self, rows: list[O]) -> list[Order]:
        """Raises BodyError when there may be more: an open order that is missed would be taken for ended."""
        if len(rows) >= OPEN_ORDERS_MAX:
            raise BodyError(f"{len(rows)} open orders came, which may not be all")
        return [self._codec.order_of(row, self._listing(row.symbol)) for row in rows]

    def _only_perpetuals(self, what: str) -> NotSupported:
        return NotSupported(f"{self._errors.venue} has no {what}: only perpetuals have")


def _nothing(told: object) -> None:
    return None
