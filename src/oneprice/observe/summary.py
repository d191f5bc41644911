"""Tables for the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from oneprice.market.view import MarketRow
from oneprice.observe.figures import amount, bps, counted, latency, span
from oneprice.observe.tally import PairTotal

PAIRS_SHOWN = 25


def summary_table(totals: Sequence[PairTotal], title: str, rows_max: int = PAIRS_SHOWN) -> Table:
    """What was found, pair by pair, the first `rows_max` of them."""
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("where", no_wrap=True, overflow="ellipsis")
    for heading in ("count", "best net, bps", "best net", "longest", "total", "largest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for total in totals[:rows_max]:
        table.add_row(
            total.kind,
            total.symbol,
            total.where,
            str(total.count),
            bps(total.best_net_bps),
            f"{amount(total.best_net, 3)} {total.unit}",
            span(total.longest_ms),
            span(total.total_ms),
            amount(total.size_max),
        )
    if len(totals) > rows_max:
        rest = totals[rows_max:]
        table.add_row("", "", f"and {len(rest)} more pairs", str(sum(total.count for total in rest)), style="dim")
    return table


def markets_table(rows: Sequence[MarketRow], *, title: str | None = None, trouble: bool = True) -> Table:
    """Connections, books by state and rates, a row per venue market."""
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=True)
    table.add_column("market", no_wrap=True)
    table.add_column("state", no_wrap=True, min_width=12)
    for heading in ("conns", "live"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("not live", no_wrap=True, min_width=10)
    for heading in ("frames/s", "age ms p50/p99", "delay ms p50/p99", "resyncs", "reconnects"):
        table.add_column(heading, justify="right", no_wrap=True)
    if trouble:
        table.add_column("last trouble", no_wrap=True, overflow="ellipsis")
    for row in rows:
        others = {state: count for state, count in row.books.items() if state != "live"}
        cells = [
            row.name,
            _state(row.state),
            str(row.connections),
            str(row.books.get("live", 0)),
            f"[yellow]{counted(others)}[/]" if any(others.values()) else "",
            f"{row.frames_per_s:,.0f}",
            f"{latency(row.age_ms_p50)}/{latency(row.age_ms_p99)}",
            f"{latency(row.delay_ms_p50)}/{latency(row.delay_ms_p99)}",
            str(row.resyncs),
            str(row.reconnects),
        ]
        table.add_row(*cells, *([row.trouble] if trouble else []))
    return table


def _state(state: str) -> str:
    colour = {"open": "green", "reconnecting": "red", "closed": "red"}.get(state, "yellow")
    return f"[{colour}]{state}[/]"
