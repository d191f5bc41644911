"""The fills of a MEXC spot account, whichever of too many fills the venue gives.

It gives at most 100 and cannot page; whether these are the first or the last of the time asked for is not documented.
So a full answer is asked for again in shorter spans of time, the first of them from the same beginning, until none is
full. `FillsQuery.page` says how short: each page number halves the span; page 1 is open, up to `until_ns` or now.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from oneprice.model import Fill, Side, SymbolInfo
from oneprice.venues.kit import BodyError, FillsPage, FillsQuery, Millis, Number, fee_of, positive

MS = 1_000_000
ROWS_MAX = 100
SPAN_MS = 30 * 86_400_000
"""The venue tells of a month."""


class FillRow(msgspec.Struct, rename="camel"):
    """A row of `/myTrades`."""

    symbol: str
    id: str | int
    order_id: str | int
    price: Number
    qty: Number
    time: Millis
    is_buyer: bool
    is_maker: bool | None = None
    commission: Number | None = None
    commission_asset: str | None = None
    client_order_id: str | None = None


def parameters(query: FillsQuery) -> tuple[tuple[str, str], ...]:
    """The fields of the request."""
    found = [("symbol", query.listing.venue_symbol)]
    if query.venue_order_id:
        found.append(("orderId", query.venue_order_id))
    if query.since_ns:
        found.append(("startTime", str(query.since_ns // MS)))
    end_ms = _end_ms(query)
    if end_ms is not None:
        found.append(("endTime", str(end_ms)))
    return (*found, ("limit", str(ROWS_MAX)))


def page_of(rows: Sequence[FillRow], query: FillsQuery) -> FillsPage:
    """The fills, and the query for what they lack. Raises BodyError when one millisecond has more than can be told."""
    fills = sorted((_fill(row, query.listing) for row in reversed(rows)), key=lambda fill: fill.time_ns)
    full, end_ms = len(rows) >= ROWS_MAX, _end_ms(query)
    if full:
        return FillsPage(tuple(fills), _shorter(query, fills[-1].time_ns // MS))
    if end_ms is None or end_ms >= query.until_ns // MS > 0:
        return FillsPage(tuple(fills))
    # Both ends are taken to count: the next span begins with the last millisecond of this one, unless it is this one.
    next_ms = max(end_ms, query.since_ns // MS + 1)
    return FillsPage(tuple(fills), msgspec.structs.replace(query, since_ns=next_ms * MS, page=query.page - 1))


def _end_ms(query: FillsQuery) -> int | None:
    until_ms = -(-query.until_ns // MS) if query.until_ns else None
    if query.page <= 1:
        return until_ms
    end_ms = query.since_ns // MS + _span_ms(query.page)
    return end_ms if until_ms is None else min(end_ms, until_ms)


def _span_ms(page: int) -> int:
    return SPAN_MS >> (page - 1)


def _shorter(query: FillsQuery, last_ms: int) -> FillsQuery:
    """From the same beginning, and not beyond the last fill told: that span was full too."""
    since_ms = query.since_ns // MS or max(last_ms - SPAN_MS, 1)
    if query.page > 1 and _span_ms(query.page) == 0:
        raise BodyError(f"{ROWS_MAX} fills in one millisecond: there may be more")
    page = query.page + 1
    while _span_ms(page) > max(last_ms - since_ms, 0):
        page += 1
    return msgspec.structs.replace(query, since_ns=since_ms * MS, page=page)


def _fill(row: FillRow, listing: SymbolInfo) -> Fill:
    if row.symbol != listing.venue_symbol:
        raise BodyError(f"it is of {row.symbol!r}, asked for was {listing.venue_symbol!r}")
    fees = None
    if row.commission is not None and row.commission_asset:
        fees = (fee_of(listing, row.commission_asset, row.commission),)
    return Fill(
        listing=listing,
        venue_fill_id=str(row.id),
        venue_order_id=str(row.order_id),
        side=Side.BUY if row.is_buyer else Side.SELL,
        price=positive(row.price, "a price"),
        quantity=positive(row.qty, "a quantity"),
        time_ns=row.time * MS,
        client_order_id=row.client_order_id or "",
        fees=fees,
        is_maker=row.is_maker,
    )
