"""The report as one page: no script, nothing to load, light and dark, wide and narrow, and on paper."""

from __future__ import annotations

import json
from html import escape

from oneprice.report.facts import RunFacts, RunSummary, funnel, stopped_by
from oneprice.report.parts import (
    Table,
    agreement,
    by_route,
    by_strategy,
    cents,
    delays,
    drawdown,
    equity,
    held_line,
    latencies,
    left_out,
    traded,
    waterfall_steps,
)
from oneprice.report.pictures import bars, curve, waterfall

STYLE = """
:root { color-scheme: light dark; --paper: #fbfbfa; --ink: #1d2127; --quiet: #626a75; --line: #e2e4e8; --panel: #ffffff;
  --good: #1a7f4b; --bad: #b3261e; --sum: #3b6ea8; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e4e7eb; --quiet: #98a1ad; --line: #2b3138;
  --panel: #1a1e24; --good: #5fcf92; --bad: #ff8a80; --sum: #7eb0e6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 0 20px 48px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { margin-top: 28px; } h1 { margin: 0; font-size: 25px; line-height: 1.25; letter-spacing: -.01em; }
h2 { margin: 34px 0 8px; font-size: 18px; } p { margin: 4px 0 0; } .quiet { color: var(--quiet); }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 18px; }
.figures div { flex: 1 1 150px; padding: 12px 16px; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; }
.figures b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.good { color: var(--good); } .bad { color: var(--bad); }
.said { margin-top: 14px; }
.panel { padding: 14px 16px; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
svg { display: block; width: 100%; max-width: 780px; height: auto; margin: 0 auto; }
svg text { fill: var(--ink); font: 10px system-ui, sans-serif; }
svg .end { text-anchor: end; } svg .axis { stroke: var(--line); stroke-width: 1.5; }
svg .curve { fill: none; stroke: var(--sum); stroke-width: 2; stroke-linejoin: round; } svg .dot { fill: var(--sum); }
svg rect.good { fill: var(--good); } svg rect.bad { fill: var(--bad); } svg rect.sum { fill: var(--sum); }
.wide { overflow-x: auto; } table { width: 100%; border-collapse: collapse; background: var(--panel);
  border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px; border-top: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--quiet); font-size: 13px; font-weight: 600; border-top: 0; }
th.word, td.word { text-align: left; } ul { margin: 4px 0 0; padding-left: 20px; } li { overflow-wrap: anywhere; }
details { margin-top: 10px; } summary { cursor: pointer; }
pre { overflow-x: auto; padding: 12px; background: var(--panel); border: 1px solid var(--line); font-size: 13px; }
footer { margin-top: 32px; color: var(--quiet); font-size: 13px; }
@media (max-width: 560px) { body { padding: 0 12px 32px; } .panel { padding: 8px; } svg text { font-size: 14px; }
  .figures div { flex-basis: 130px; padding: 10px 12px; } th, td { padding: 6px 9px; } }
@media print { body { max-width: none; } section { break-inside: avoid; } }
"""
DEALS_SHOWN = 200


def page(facts: RunFacts, summary: RunSummary) -> str:
    """All of it."""
    title = escape(summary.title)
    sections = [
        _section("Where the edge went", _panel(_waterfall(facts), "no deal was settled")),
        _section(f"Equity, {summary.home}", _panel(_equity(facts, summary), "no deal was settled")),
        _section("From seen to captured", _panel(_funnel(facts), "no opportunity was seen")),
        _table(Table("What stopped the others", ("gate", "opportunities"), _counted(stopped_by(facts)))),
        _table(by_route(facts)),
        _table(by_strategy(facts)),
        _table(latencies(facts, summary)),
        _table(delays(facts)),
        _table(_markets(summary)),
        _table(_deals(facts)),
        _words("Alarms", list(facts.alarms), "none"),
        _section(
            "Settings", f"<details><summary>as JSON</summary><pre>{escape(_pretty(facts.config))}</pre></details>"
        ),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f"{_header(facts, summary)}{''.join(sections)}"
        f"<footer>{escape(facts.build)} &middot; run {facts.run} &middot; {facts.orders} orders</footer>"
        "</body></html>\n"
    )


def _header(facts: RunFacts, summary: RunSummary) -> str:
    count, home = len(traded(facts)), escape(summary.home)
    points = equity(facts)
    figures = [
        ("net", cents(summary.pnl), f"{home}, by our books", "good" if summary.pnl >= 0 else "bad"),
        ("deals", str(count), f"{len(facts.deals) - count} more found nothing to fill", ""),
        ("seen", f"{len(facts.seen):,}", "opportunities after fees", ""),
        ("deepest fall", f"{drawdown(points):,.2f}", f"{home}, of the equity", ""),
    ]
    cells = "".join(
        f'<div><span class="quiet">{name}</span><b class="{kind}">{told}</b><span class="quiet">{note}</span></div>'
        for name, told, note, kind in figures
    )
    said, agrees = agreement(summary)
    words = [f"<p>{escape(said)}</p>" if agrees else f'<p class="bad"><b>{escape(said)}</b></p>']
    words += [f'<p class="quiet">{escape(line)}</p>' for line in (summary.missing, left_out(facts)) if line]
    held = "".join(f"<li>{escape(held_line(row))}</li>" for row in summary.residuals)
    words.append(f"<p>Still held:</p><ul>{held}</ul>" if held else "<p>Nothing is left open.</p>")
    return (
        f'<header><h1>{escape(summary.title)}</h1><p class="quiet">{summary.seconds:,.0f} s, {escape(facts.mode)}</p>'
        f'</header><div class="figures">{cells}</div><div class="said">{"".join(words)}</div>'
    )


def _waterfall(facts: RunFacts) -> str:
    steps = [(name, float(value)) for name, value in waterfall_steps(facts)]
    return waterfall(steps, "From expected gross to achieved") if facts.deals else ""


def _equity(facts: RunFacts, summary: RunSummary) -> str:
    points = [(seconds, float(value)) for seconds, value in equity(facts)]
    return curve(points, f"Equity after each settled deal, {summary.home}", "s")


def _funnel(facts: RunFacts) -> str:
    return (
        bars([(name, count, f"{count:,}") for name, count in funnel(facts)], "From seen to captured")
        if facts.seen
        else ""
    )


def _markets(summary: RunSummary) -> Table:
    columns = ("name", "state", "frames", "age_ms_p50", "age_ms_p99", "resyncs", "reconnects")
    rows = tuple(tuple(_figure(row.get(column)) for column in columns) for row in summary.markets)
    heads = ("market", "state", "frames", "age p50, ms", "age p99, ms", "resyncs", "reconnects")
    return Table("Data quality", heads, rows, 2)


def _deals(facts: RunFacts) -> Table:
    rows = tuple(
        (
            str(deal.deal),
            deal.strategy,
            deal.group,
            deal.route,
            deal.outcome.value,
            cents(deal.parts.expected),
            cents(deal.parts.achieved),
            f"{(deal.settled_ns - deal.opened_ns) / 1e6:,.0f}",
        )
        for deal in traded(facts)[-DEALS_SHOWN:]
    )
    return Table("Deals", ("deal", "strategy", "what", "where", "outcome", "expected", "achieved", "ms"), rows, 5)


def _counted(rows: list[tuple[str, int]]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, f"{count:,}") for name, count in rows)


def _figure(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{body}</section>"


def _panel(picture: str, empty: str) -> str:
    return f'<div class="panel">{picture}</div>' if picture else f'<p class="quiet">{escape(empty)}</p>'


def _table(table: Table) -> str:
    if not table.rows:
        return _section(table.heading, '<p class="quiet">nothing</p>')
    head = _row("th", table.columns, table.words)
    body = "".join(_row("td", row, table.words) for row in table.rows)
    rows = f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
    return _section(table.heading, f'<div class="wide">{rows}</div>')


def _row(tag: str, cells: tuple[str, ...], words: int) -> str:
    kinds = [' class="word"'] * words + [""] * (len(cells) - words)
    told = (f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
    return f"<tr>{''.join(told)}</tr>"


def _words(heading: str, lines: list[str], empty: str) -> str:
    if not lines:
        return _section(heading, f'<p class="quiet">{escape(empty)}</p>')
    return _section(heading, f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>")


def _pretty(config: str) -> str:
    try:
        return json.dumps(json.loads(config), indent=2)
    except ValueError:
        return config
