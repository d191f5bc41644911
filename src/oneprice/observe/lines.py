"""A run in one plain line, for logs and pipes."""

from __future__ import annotations

from oneprice.market.view import MarketView
from oneprice.observe.figures import amount, bps, counted


def progress_line(view: MarketView) -> str:
    """Time, books by state, frames a second, opportunities, and the best that stands (or the nearest miss)."""
    books: dict[str, int] = {}
    for market in view.markets:
        for state, count in market.books.items():
            books[state] = books.get(state, 0) + count
    frames = sum(market.frames_per_s for market in view.markets)
    parts = [
        f"{view.running_s:6.1f} s",
        f"books {counted(books) or 'none yet'}",
        f"{frames:,.0f} frames/s",
        f"{view.opportunities_seen} opportunities",
    ]
    if view.opportunities:
        best = max(view.opportunities, key=lambda row: row.net_bps)
        parts.append(f"{bps(best.net_bps)} bps net: {best.symbol} {best.where}, {amount(best.size)}")
    elif view.nearest:
        near = view.nearest[0]
        # Without the reason, a spread that pays but cannot be used would look like one that can.
        why = f" ({near.why})" if near.net_bps > 0 else ""
        parts.append(f"nearest {bps(near.net_bps)} bps: {near.symbol} {near.where}{why}")
    return "  ".join(parts)
