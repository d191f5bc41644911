"""The live screen: spreads that pay, markets and their books, what happened last."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from oneprice.market.view import MarketView, OpportunityRow
from oneprice.observe.figures import amount, bps, clock, span
from oneprice.observe.news import Tiding
from oneprice.observe.summary import markets_table

FIXED_LINES = 9  # headings, rules and blank lines between the parts
SPREADS_MIN, SPREADS_MAX = 3, 12
NEWS_MIN, NEWS_MAX = 3, 10


def draw(view: MarketView, tidings: Sequence[Tiding], title: str, height: int) -> RenderableType:
    """One picture for a screen of `height` lines; the parts keep their places as rows come and go."""
    free = max(0, height - FIXED_LINES - len(view.markets))
    spreads = min(SPREADS_MAX, max(SPREADS_MIN, free // 2))
    news = min(NEWS_MAX, max(NEWS_MIN, free - spreads))
    return Group(
        _header(view, title),
        Text(),
        _spreads(view, spreads),
        Text(),
        markets_table(view.markets),
        Text(),
        _news(tidings, news),
    )


def _header(view: MarketView, title: str) -> Text:
    return Text.assemble(
        (title, "bold"),
        f"   core {view.core}   {span(view.running_s * 1_000)}   {view.opportunities_seen} opportunities so far",
        overflow="ellipsis",
        no_wrap=True,
    )


def _spreads(view: MarketView, rows: int) -> Table:
    """What stands, best first; below it, dimmed, what ended last."""
    table = Table(show_edge=False, pad_edge=True)
    table.add_column("net of fees", no_wrap=True)
    table.add_column("where", no_wrap=True, overflow="ellipsis", min_width=30)
    for heading in ("gross bps", "fees", "net bps", "size", "worth", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    standing = sorted(view.opportunities, key=lambda row: -row.net_bps)[:rows]
    ended = view.history[: rows - len(standing)]
    for row in standing:
        table.add_row(*_cells(row), style="green")
    for row in ended:
        table.add_row(*_cells(row), style="dim")
    for _ in range(rows - len(standing) - len(ended)):
        table.add_row()
    return table


def _cells(row: OpportunityRow) -> list[str]:
    return [
        row.symbol,
        row.where,
        bps(row.gross_bps),
        f"{row.fees_bps:.1f}",
        bps(row.net_bps),
        amount(row.size),
        f"{amount(row.cost)} {row.unit}",
        span(row.age_ms),
        "" if row.is_open else escape(f"ended: {row.why}"),
    ]


def _news(tidings: Sequence[Tiding], rows: int) -> Text:
    """The newest last, as in a log."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for tiding in list(tidings)[-rows:]:
        text.append(f"  {clock(tiding.wall_ns)}  ", "dim")
        text.append(f"{tiding.text}\n", "green" if tiding.good else "yellow")
    return text
