"""An account at Gate's perpetuals."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from oneprice.errors import ExchangeAPIError, InvariantError
from oneprice.model import AssetBalance, AssetName, Order, Position, PositionMode, SymbolInfo, TradingFee
from oneprice.venues.gate import wallet
from oneprice.venues.gate.account import OPEN_ORDERS_MAX, GateAccount
from oneprice.venues.gate.futures import FUTURES
from oneprice.venues.gate.futures_orders import CODEC, SETTLE, FuturesFill, FuturesOrder, PositionRow, position_of
from oneprice.venues.gate.orders import in_time
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
    Support,
    Ticket,
    UserStream,
    unless,
)

FILLS_MAX = 100
SECOND_NS = 1_000_000_000
UNCHANGED = "NO_CHANGE"

BUDGETS: Mapping[str, Budget] = {
    **wallet.BUDGETS,
    "usdm private": Budget(200, 10.0),
    "usdm cancels": Budget(200, 1.0),
    "usdm orders": Budget(100, 1.0),
}
"""By user. The private endpoints share what each of them has."""

CAPABILITIES = (
    Support("balances", True, "the settlement asset"),
    Support("positions", True),
    Support("account fees", True),
    Support("order: limit GTC", True),
    Support("order: limit IOC", True),
    Support("order: limit FOK", True),
    Support("order: post-only", True),
    Support("order: market by base", True, "by contracts"),
    Support("order: market by quote", False, "Gate has none"),
    Support("order: reduce-only", True),
    Support("batch orders", True, "up to 10"),
    Support("cancel", True),
    Support("cancel all", True),
    Support("query by client id", True, "a minute after the end"),
    Support("open orders", True, "up to 99"),
    Support("fills", True),
    Support("leverage", True, "of cross margin"),
    Support("position mode", True),
    Support("key permissions", True, "main account's keys only"),
    Support("networks", True, "without fees"),
    Support("deposits and withdrawals", True, "30 days"),
    Support("dead man's switch", True, "at least 5 s"),
    Support("stream: orders", True),
    Support("stream: fills", True),
    Support("stream: balances", True, "totals only"),
    Support("stream: positions", True),
    Support("websocket order entry", True),
    Support("client id refused twice", False, "a second order with the same id is accepted"),
)


class AccountBody(msgspec.Struct):
    """`/futures/usdt/accounts`. `total` is without unrealised profit. `position_mode`: single, dual, split."""

    total: Number
    available: Number
    currency: str = SETTLE
    in_dual_mode: bool = False
    position_mode: str = ""


class FeeRow(msgspec.Struct):
    """Fractions."""

    taker_fee: Number
    maker_fee: Number


class FuturesAccount(GateAccount[FuturesOrder, FuturesFill]):
    """Orders, fills, positions and the balance of perpetuals."""

    capabilities = CAPABILITIES
    budgets = BUDGETS
    batch_max = 10
    forgotten_after_s = 600.0

    def __init__(self, hosts: Hosts | None, credentials: Credentials) -> None:
        super().__init__(FUTURES, CODEC, hosts, credentials)

    def entry_charges(self, what: str, listing: SymbolInfo) -> tuple[Charge, ...]:
        """Over websockets cancelling draws on the hundred a second of placing."""
        return (Charge("usdm orders", 1),)

    def open_orders(self, listing: SymbolInfo | None) -> Call[list[Order]]:
        """Raises InvalidResponseError at 100: what is on the next page would be missed."""
        of = () if listing is None else (self._of(listing),)
        request = self._request("GET", "/orders", *of, ("status", "open"), ("limit", str(OPEN_ORDERS_MAX)))
        return self._reader.call(request, list[FuturesOrder], self._all)

    def fills(self, query: FillsQuery) -> Call[FillsPage]:
        """Pages go from the newest to the oldest. By order, or by time: each has an endpoint of its own."""
        offset = (query.page - 1) * FILLS_MAX
        told = [self._of(query.listing), ("limit", str(FILLS_MAX)), ("offset", str(offset))]
        if query.venue_order_id:
            path = "/my_trades"
            told.append(("order", query.venue_order_id))
        else:
            path = "/my_trades_timerange"
            if query.since_ns:
                told.append(("from", str(query.since_ns // SECOND_NS)))
            if query.until_ns:
                told.append(("to", str(-(-query.until_ns // SECOND_NS))))

        def convert(rows: list[FuturesFill]) -> FillsPage:
            for row in rows:
                if row.contract != query.listing.venue_symbol:
                    raise BodyError(f"it is of {row.contract!r}, asked for was {query.listing.venue_symbol!r}")
            fills = in_time([CODEC.fill_of(row, query.listing) for row in rows])
            more = msgspec.structs.replace(query, page=query.page + 1) if len(rows) >= FILLS_MAX else None
            return FillsPage(fills, more)

        return self._reader.call(self._request("GET", path, *told), list[FuturesFill], convert)

    def balances(self) -> Call[list[AssetBalance]]:
        """The settlement asset."""

        def convert(told: AccountBody) -> list[AssetBalance]:
            return [AssetBalance(asset=AssetName(told.currency), total=told.total, free=told.available)]

        return self._reader.call(self._request("GET", "/accounts"), AccountBody, convert)

    def positions(self) -> Call[list[Position]]:
        """Those that are held. Raises InvalidResponseError in the answer of an account in hedge mode, where a listing
        may have two."""

        def convert(rows: list[PositionRow]) -> list[Position]:
            for row in rows:
                if row.is_hedged and row.size:
                    raise BodyError(f"{row.contract} has a {row.mode} position: the account is in hedge mode")
            return [position_of(row, self._listing(row.contract)) for row in rows if row.size]

        return self._reader.call(self._request("GET", "/positions", ("holding", "true")), list[PositionRow], convert)

    def fees(self, listing: SymbolInfo) -> Call[TradingFee]:
        """By contract."""

        def convert(told: dict[str, FeeRow]) -> TradingFee:
            row = told.get(listing.venue_symbol)
            if row is None:
                raise BodyError(f"there are no fees of {listing.venue_symbol!r}")
            maker, taker = wallet.rate(row.maker_fee, "the maker fee"), wallet.rate(row.taker_fee, "the taker fee")
            return TradingFee(listing=listing, maker=maker, taker=taker)

        return self._reader.call(self._request("GET", "/fee", self._of(listing)), dict[str, FeeRow], convert)

    def leverage(self, listing: SymbolInfo, leverage: int) -> Call[None]:
        """Of cross margin: Gate takes a leverage without `cross_leverage_limit` as a wish for isolated margin."""
        path = f"/positions/{quote(listing.venue_symbol, safe='')}/leverage"
        request = self._request("POST", path, ("leverage", "0"), ("cross_leverage_limit", str(leverage)))
        call = self._reader.call(request, PositionRow | list[PositionRow], _nothing)  # type: ignore[arg-type]
        return unless(call, _is_unchanged, None)

    def position_mode(self) -> Call[PositionMode]:
        """Stands in the account."""
        return self._reader.call(self._request("GET", "/accounts"), AccountBody, _mode)

    def set_position_mode(self, mode: PositionMode) -> Call[None]:
        """Gate refuses while there are orders or positions."""
        dual = "true" if mode is PositionMode.HEDGE else "false"
        request = self._request("POST", "/dual_mode", ("dual_mode", dual))
        return unless(self._reader.call(request, AccountBody, _nothing), _is_unchanged, None)

    def ticket(self) -> Call[Ticket] | None:
        """The user's number."""
        return wallet.ticket(self._reader, self._private)

    def user_stream(self, ticket: Ticket | None) -> UserStream:
        """Needs the ticket."""
        if ticket is None:
            raise InvariantError("gate-usdm: the private stream needs the ticket that `ticket` gives")
        return super().user_stream(ticket)


def _mode(told: AccountBody) -> PositionMode:
    one_way = told.position_mode == "single" if told.position_mode else not told.in_dual_mode
    return PositionMode.ONE_WAY if one_way else PositionMode.HEDGE


def _is_unchanged(error: ExchangeAPIError) -> bool:
    return error.code == UNCHANGED


def _nothing(told: object) -> None:
    return None
