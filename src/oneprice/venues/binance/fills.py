"""Binance's lists of fills: which page to ask for, and what comes after it.

A list is asked for from a time on, or from a trade id on, never both. From a time on, one request reaches over 24 hours
on spot and 7 days on perpetuals; by id there is no such end, so pages go on by id once there is one.
Source: binance-spot-api-docs rest-api.md "Account trade list"; USDⓈ-M "Account Trade List".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from oneprice.errors import InvalidRequestError, Outcome
from oneprice.model import Fill, Side
from oneprice.venues.binance.bodies import MS
from oneprice.venues.binance.errors import VENUE_NAME
from oneprice.venues.binance.names import Names
from oneprice.venues.binance.orders import SIDES, fill_fees
from oneprice.venues.kit import BodyError, FillsPage, FillsQuery, Millis, Number, Sequenced

ROWS_MAX = 1_000
_DAY_MS = 86_400_000


class TradeRow(msgspec.Struct, rename="camel"):
    """A fill. Spot names its side `isBuyer` and its part `isMaker`, perpetuals `side` and `maker`."""

    symbol: str
    id: Sequenced
    order_id: Sequenced
    price: Number
    qty: Number
    commission: Number
    commission_asset: str
    time: Millis
    is_buyer: bool | None = None
    is_maker: bool | None = None
    side: str = ""
    maker: bool | None = None


def asked(query: FillsQuery, days: int) -> tuple[tuple[str, str], ...]:
    """The parameters. `days`: over how many a request by time may reach. Raises InvalidRequestError (NOT_SENT)."""
    told = [("symbol", query.listing.venue_symbol)]
    if query.venue_order_id:
        told.append(("orderId", query.venue_order_id))
    if _by_time(query):
        start_ms = query.since_ns // MS
        told.append(("startTime", str(start_ms)))
        if query.until_ns:
            told.append(("endTime", str(min(query.until_ns // MS, start_ms + days * _DAY_MS))))
    elif query.after_id:
        told.append(("fromId", str(_number(query.after_id) + 1)))
    elif not query.venue_order_id:
        told.append(("fromId", "0"))
    return (*told, ("limit", str(ROWS_MAX)))


def page(rows: Sequence[TradeRow], query: FillsQuery, days: int, names: Names) -> FillsPage:
    """The fills, oldest first, and what to ask for next.

    A query by time without an end stops at the first empty span: give `until_ns` to look over longer ones.
    Raises BodyError.
    """
    rows = sorted(rows, key=lambda row: row.id)
    fills = tuple(_fill(row, query, names) for row in rows if not query.until_ns or row.time * MS <= query.until_ns)
    return FillsPage(fills, _more(rows, query, days) if len(fills) == len(rows) else None)


def _more(rows: Sequence[TradeRow], query: FillsQuery, days: int) -> FillsQuery | None:
    reached_ms = query.since_ns // MS + days * _DAY_MS
    is_span = _by_time(query) and (not query.until_ns or reached_ms < query.until_ns // MS)
    if rows and (is_span or len(rows) >= ROWS_MAX):
        return msgspec.structs.replace(query, after_id=str(rows[-1].id))
    if is_span and query.until_ns:
        return msgspec.structs.replace(query, since_ns=reached_ms * MS)
    return None


def _by_time(query: FillsQuery) -> bool:
    return bool(query.since_ns) and not query.after_id and not query.venue_order_id


def _number(after_id: str) -> int:
    if not (after_id.isascii() and after_id.isdigit()):
        why = f"after_id {after_id!r} is no fill id of Binance"
        raise InvalidRequestError(VENUE_NAME, why, outcome=Outcome.NOT_SENT)
    return int(after_id)


def _fill(row: TradeRow, query: FillsQuery, names: Names) -> Fill:
    if row.symbol != query.listing.venue_symbol:
        raise BodyError(f"a fill of {row.symbol}, not of {query.listing.venue_symbol}")
    if row.price <= 0 or row.qty <= 0:
        raise BodyError(f"a fill of {row.qty} at {row.price}")
    side = SIDES.get(row.side) if row.is_buyer is None else Side.BUY if row.is_buyer else Side.SELL
    if side is None:
        raise BodyError(f"fill {row.id} has no side")
    return Fill(
        listing=query.listing,
        venue_fill_id=str(row.id),
        venue_order_id=str(row.order_id),
        side=side,
        price=row.price,
        quantity=row.qty,
        time_ns=row.time * MS,
        fees=fill_fees(row.commission_asset, row.commission, names),
        is_maker=row.maker if row.is_maker is None else row.is_maker,
    )
