"""Tables for the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from oneprice.market.view import MarketRow
from oneprice.observe.figures import amount, bps, counted, latency, span
from oneprice.observe.tally import PairTotal

PAIRS_SHOWN = 25


def summary_table(totals: Sequence[PairTotal], title: str, *, wide: bool = True, rows_max: int = PAIRS_SHOWN) -> Table:
    """What was found, pair by pair, the first `rows_max` of them; narrow leaves out what can be done without."""
    table = plain_table(title)
    if wide:
        table.add_column("kind", width=9)
    table.add_column("what", width=9)
    table.add_column("where", no_wrap=True, overflow="ellipsis", ratio=1, min_width=35)
    figures = [("count", 5), ("best bps", 8), ("longest", 7)]
    if wide:
        figures += [("best net", 11), ("largest", 11)]
    for heading, columns in figures:
        table.add_column(heading, justify="right", width=columns, no_wrap=True)
    for total in totals[:rows_max]:
        cells = [total.kind] if wide else []
        cells += [total.symbol, total.where, str(total.count), bps(total.best_net_bps), span(total.longest_ms)]
        if wide:
            cells += [f"{amount(total.best_net, 3)} {total.unit}", amount(total.size_max)]
        table.add_row(*cells)
    rest = totals[rows_max:]
    if rest:
        first = ["", ""] if wide else [""]
        count = sum(total.count for total in rest)
        table.add_row(*first, f"and {len(rest)} more pairs", str(count), style="dim")
    return table


def markets_table(rows: Sequence[MarketRow], *, title: str | None = None, wide: bool = True) -> Table:
    """Connections, books by state and rates, a row per venue market; narrow leaves out delays and counts."""
    table = plain_table(title)
    table.add_column("market", width=12)
    table.add_column("state", width=12)
    table.add_column("live", justify="right", width=4)
    table.add_column("not live", no_wrap=True, overflow="ellipsis", ratio=2, min_width=10)
    table.add_column("frames/s", justify="right", width=8)
    table.add_column("age ms p50/p99", justify="right", width=14)
    if wide:
        for heading in ("delay ms p50/p99", "resyncs", "reconnects"):
            table.add_column(heading, justify="right", width=len(heading))
    for row in rows:
        others = {state: count for state, count in row.books.items() if state != "live"}
        cells = [
            row.name,
            _state(row.state),
            str(row.books.get("live", 0)),
            f"[yellow]{counted(others)}[/]" if any(others.values()) else "",
            f"{row.frames_per_s:,.0f}",
            f"{latency(row.age_ms_p50)}/{latency(row.age_ms_p99)}",
        ]
        if wide:
            cells.append(f"{latency(row.delay_ms_p50)}/{latency(row.delay_ms_p99)}")
            cells += [str(row.resyncs), str(row.reconnects)]
        table.add_row(*cells)
    return table


def plain_table(title: str | None = None) -> Table:
    """The look of all tables: a line below the headings, nothing else."""
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1), expand=True)


def _state(state: str) -> str:
    colour = {"open": "green", "reconnecting": "red", "closed": "red"}.get(state, "yellow")
    return f"[{colour}]{state}[/]"
