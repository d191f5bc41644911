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
from oneprice.observe.summary import markets_table, plain_table

FIXED_LINES = 8  # title, headings, rules, and the blank lines between the parts
SPREADS_MIN, SPREADS_MAX = 3, 12
NEWS_MIN, NEWS_MAX = 3, 10
WIDE = 120


def draw(view: MarketView, tidings: Sequence[Tiding], title: str, width: int, height: int) -> RenderableType:
    """One picture for a screen of that size; the parts keep their places as rows come and go."""
    free = max(0, height - FIXED_LINES - len(view.markets))
    spreads = min(SPREADS_MAX, max(SPREADS_MIN, free // 2))
    news = min(NEWS_MAX, max(NEWS_MIN, free - spreads))
    wide = width >= WIDE
    return Group(
        _header(view, title),
        Text(),
        _spreads(view, spreads, wide=wide),
        Text(),
        markets_table(view.markets, wide=wide),
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


def _spreads(view: MarketView, rows: int, *, wide: bool) -> Table:
    """What stands, best first; below it, dimmed, what ended last."""
    table = plain_table()
    table.add_column("what", width=9)
    table.add_column("where", no_wrap=True, overflow="ellipsis", width=35)
    figures = [("best net", 8), ("size", 11)]
    if wide:
        figures = [("gross", 6), ("fees", 5), *figures, ("age", 7)]
    for heading, columns in figures:
        table.add_column(heading, justify="right", width=columns, no_wrap=True)
    if wide:
        table.add_column("ended because", no_wrap=True, overflow="ellipsis", ratio=1)
    standing = sorted(view.opportunities, key=lambda row: -row.net_bps)[:rows]
    ended = view.history[: rows - len(standing)]
    for row in standing:
        table.add_row(*_cells(row, wide=wide), style="green")
    for row in ended:
        table.add_row(*_cells(row, wide=wide), style="dim")
    for _ in range(rows - len(standing) - len(ended)):
        table.add_row()
    return table


def _cells(row: OpportunityRow, *, wide: bool) -> list[str]:
    net = [bps(row.net_bps), amount(row.size)]
    if not wide:
        return [row.symbol, row.where, *net]
    gross = [bps(row.gross_bps), f"{row.fees_bps:.1f}"]
    note = "" if row.is_open else escape(row.why)
    return [row.symbol, row.where, *gross, *net, span(row.age_ms), note]


def _news(tidings: Sequence[Tiding], rows: int) -> Text:
    """The newest last, as in a log."""
    text = Text("\n").join(_line(tiding) for tiding in list(tidings)[-rows:])
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _line(tiding: Tiding) -> Text:
    return Text.assemble((f"  {clock(tiding.wall_ns)}  ", "dim"), (tiding.text, "green" if tiding.good else "yellow"))
