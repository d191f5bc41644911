"""The report as files beside the page: Markdown, CSV and JSON for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from oneprice.ledger.blackbox import DELAYS_MS
from oneprice.report.facts import RunFacts, RunSummary, funnel, stopped_by
from oneprice.report.parts import (
    Table,
    achieved,
    agreement,
    by_route,
    by_strategy,
    delays,
    equity,
    held_line,
    latencies,
    left_out,
    money,
    traded,
    waterfall_steps,
)


def markdown(facts: RunFacts, summary: RunSummary) -> str:
    """What the page says, without its pictures."""
    lines = [f"# {summary.title}", "", f"{summary.seconds:,.0f} s, {facts.mode}, run {facts.run}, {facts.build}", ""]
    lines += [f"Net {money(summary.pnl)} {summary.home} by our books, {len(traded(facts))} deals with fills."]
    lines += [agreement(summary)[0], *(line for line in (summary.missing, left_out(facts)) if line)]
    lines += ["", *(["Still held:", ""] if summary.residuals else ["Nothing is left open."])]
    lines += [f"- {held_line(row)}" for row in summary.residuals]
    steps = tuple((name, money(value)) for name, value in (*waterfall_steps(facts), ("achieved", achieved(facts))))
    tables = [
        Table("From seen to captured", ("step", "count"), tuple((name, str(count)) for name, count in funnel(facts))),
        Table("What stopped the others", ("gate", "opportunities"), tuple((n, str(c)) for n, c in stopped_by(facts))),
        Table("Where the edge went", ("part", summary.home), steps),
        by_route(facts),
        by_strategy(facts),
        latencies(facts, summary),
        delays(facts),
    ]
    for table in tables:
        lines += ["", f"## {table.heading}", "", *_markdown_rows(table)]
    lines += ["", "## Alarms", "", *([f"- {line}" for line in facts.alarms] or ["none"])]
    return "\n".join(lines) + "\n"


def deals_csv(facts: RunFacts) -> str:
    """Every settled deal; its parts sum to what it achieved."""
    head = ["deal", "strategy", "group", "route", "outcome", "reason", "opened_wall_ns", "settled_wall_ns", "home"]
    parts = ["expected", "price_moved", "depth", "fees", "partial", "hedge", "rounding", "funding", "achieved"]
    rows = (
        [
            deal.deal,
            deal.strategy,
            deal.group,
            deal.route,
            deal.outcome.value,
            deal.reason,
            deal.opened_ns,
            deal.settled_ns,
            deal.home,
            *(money(getattr(deal.parts, name)) for name in parts),
        ]
        for deal in facts.deals
    )
    return _csv([*head, *parts], rows)


def equity_csv(facts: RunFacts) -> str:
    """After each settled deal."""
    return _csv(["seconds", "equity"], ([f"{seconds:.6f}", money(value)] for seconds, value in equity(facts)))


def opportunities_csv(facts: RunFacts) -> str:
    """Every opportunity, and what became of it."""
    head = [
        "number",
        "opened_wall_ns",
        "lifetime_ms",
        "gross_bps",
        "net_bps",
        "net",
        "home",
        "deal",
        "gate",
        "why",
        "ended",
        "legs",
    ]
    left = [f"left_after_{ms}_ms" for ms in DELAYS_MS]
    rows = (
        [
            one.number,
            one.opened_wall_ns,
            f"{one.lifetime_ms:.3f}",
            f"{one.gross_bps:.3f}",
            f"{one.net_bps:.3f}",
            money(one.net),
            one.home,
            one.deal or "",
            one.gate,
            one.why,
            one.ended,
            " ".join(f"{'buy' if leg.side > 0 else 'sell'} {leg.listing}" for leg in one.legs),
            *(money(value) for value in one.left),
        ]
        for one in facts.seen
    )
    return _csv([*head, *left], rows)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return written.getvalue()


def _markdown_rows(table: Table) -> list[str]:
    if not table.rows:
        return ["nothing"]
    head = f"| {' | '.join(table.columns)} |"
    rule = f"|{'|'.join(['---'] + ['---:'] * (len(table.columns) - 1))}|"
    return [head, rule, *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table.rows)]
