"""What a scan of recordings tells, for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from oneprice.research.report import BookReport, PairReport, ScanReport, clock

ROWS_MAX = 40


def tables(report: ScanReport) -> Iterator[RenderableType]:
    """Books, spreads, what was found, what came near, what was not compared, and notes."""
    summary = report.summary
    yield Text(
        f"{summary.records:,} records, {summary.seconds:,.1f} s from {clock(summary.first_ns)}; core {summary.core}",
        style="dim",
    )
    yield _books(report.books)
    if report.pairs:
        yield _pairs(report.pairs, "best bid and ask" if summary.quotes == "bba" else "books")
    yield Text(_verdict(report), style="bold green" if report.opportunities else "bold")
    yield from _lines("", [found.why for found in report.opportunities])
    yield from _lines("why not:", [f"buy {miss.buy}, sell {miss.sell}: {miss.why}" for miss in report.near_misses])
    yield from _lines("not compared:", [f"buy {no.buy}, sell {no.sell}: {no.why}" for no in report.refused])
    yield from _lines("notes:", report.notes)


def plain_table(title: str) -> Table:
    """A table with a title at the left and no frame."""
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _verdict(report: ScanReport) -> str:
    count = report.summary.opportunities
    if count:
        return f"{count} opportunities after fees, on live books:"
    best = report.summary.best_gross_bps
    if best is None:
        return "no opportunity: nothing could be compared"
    return f"no opportunity after fees (best {best:.1f} bps gross)"


def _books(books: list[BookReport]) -> Table:
    table = plain_table("books at the end")
    table.add_column("listing", no_wrap=True)
    table.add_column("state")
    for heading in ("frames", "applied", "dropped", "gaps", "best bid", "best ask", "levels"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for book in books[:ROWS_MAX]:
        table.add_row(
            book.listing,
            Text(book.state, style="green" if book.state == "LIVE" else "red"),
            f"{book.frames:,}",
            f"{book.applied:,}",
            f"{book.dropped:,}",
            f"{book.gaps:,}",
            book.best_bid or "-",
            book.best_ask or "-",
            f"{book.levels:,}",
            book.why,
        )
    _and_more(table, len(books))
    return table


def _pairs(pairs: list[PairReport], quotes: str) -> Table:
    table = plain_table(f"spreads in bps of the {quotes}, by time; above the fees counts as an episode")
    table.add_column("buy", no_wrap=True)
    table.add_column("sell", no_wrap=True)
    for heading in ("both s", "p5", "p50", "p95", "max", "fees", "episodes", "total ms", "longest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for pair in sorted(pairs, key=lambda pair: pair.net_threshold_bps - pair.gross_bps.max)[:ROWS_MAX]:
        gross, episodes = pair.gross_bps, pair.episodes
        table.add_row(
            pair.buy,
            pair.sell,
            f"{pair.overlap_s:,.1f}",
            f"{gross.p5:.2f}",
            f"{gross.p50:.2f}",
            f"{gross.p95:.2f}",
            f"{gross.max:.2f}",
            f"{pair.net_threshold_bps:.1f}",
            f"{episodes.count:,}",
            f"{episodes.total_ms:,.1f}",
            f"{episodes.longest_ms:,.1f}",
            style="green" if episodes.count else None,
        )
    _and_more(table, len(pairs))
    return table


def _and_more(table: Table, count: int) -> None:
    if count > ROWS_MAX:
        table.add_row(f"and {count - ROWS_MAX:,} more: --json has all", style="dim")


def _lines(title: str, lines: list[str]) -> Iterator[Text]:
    if lines and title:
        yield Text(title, style="bold")
    for line in lines[:ROWS_MAX]:
        yield Text(f"  {line}")
    if len(lines) > ROWS_MAX:
        yield Text(f"  and {len(lines) - ROWS_MAX:,} more: --json has all", style="dim")
