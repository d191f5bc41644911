"""The fills of MEXC's perpetuals: pages by number, newest first, of at most 90 days; or all those of one order."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from oneprice.venues.kit import FillsPage, FillsQuery
from oneprice.venues.mexc.futures_rows import FillRow, fill_of

MS = 1_000_000
ROWS_MAX = 100  # the stricter of two documentations: the other has 1,000
SPAN_MS = 90 * 86_400_000


def parameters(query: FillsQuery) -> tuple[tuple[str, str], ...]:
    """The fields of the request. Without a beginning the venue takes the last 7 days."""
    found = [("symbol", query.listing.venue_symbol)]
    end_ms = _end_ms(query)
    if query.since_ns:
        found.append(("start_time", str(query.since_ns // MS)))
    if end_ms is not None:
        found.append(("end_time", str(end_ms)))
    return (*found, ("page_num", str(query.page)), ("page_size", str(ROWS_MAX)))


def page_of(rows: Sequence[FillRow], query: FillsQuery) -> FillsPage:
    """A full page may have one behind it; then comes what is left of the time asked for."""
    fills = tuple(sorted((fill_of(row, query.listing) for row in rows), key=lambda fill: fill.time_ns))
    end_ms = _end_ms(query)
    more = None
    if len(rows) >= ROWS_MAX:
        more = msgspec.structs.replace(query, page=query.page + 1)
    elif end_ms is not None and end_ms * MS < query.until_ns:
        more = msgspec.structs.replace(query, since_ns=end_ms * MS, page=1)
    return FillsPage(fills, more)


def _end_ms(query: FillsQuery) -> int | None:
    """With a beginning goes an end: the two may be 90 days apart."""
    until_ms = -(-query.until_ns // MS) if query.until_ns else None
    if not query.since_ns:
        return until_ms
    last_ms = query.since_ns // MS + SPAN_MS
    return last_ms if until_ms is None else min(until_ms, last_ms)
