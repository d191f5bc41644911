"""A run's report: one HTML page with pictures, the same in Markdown, and its rows as CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from oneprice.ledger.records import AnyRecord
from oneprice.ports import Disk
from oneprice.report.facts import RunFacts, RunSummary, funnel, gather, stopped_by
from oneprice.report.files import deals_csv, equity_csv, markdown, opportunities_csv
from oneprice.report.page import page
from oneprice.report.parts import held_line, latencies, waterfall_steps

__all__ = ["RunSummary", "gather", "held_line", "keep_summary", "kept_summary", "write_report"]


PAGE = "report.html"
ENGINE = "engine.json"
"""In a run's folder: what only the engine knew, so that its report can be written again."""


def write_report(
    disk: Disk,
    folder: Path,
    summary: RunSummary,
    *,
    run: int = 0,
    out: Path | None = None,
    records: Sequence[AnyRecord] | None = None,
) -> Path:
    """Write the report of a data folder's run, 0 for the last, into the folder or into `out`; gives the page's path.

    `records`: of the journal, where somebody has read it already. Raises JournalError when the journal cannot be read,
    OSError when a file cannot be written.
    """
    facts = gather(disk, folder, summary.home, run, records)
    place = folder if out is None else out
    disk.make_folder(str(place))
    written = {
        PAGE: page(facts, summary),
        "report.md": markdown(facts, summary),
        "deals.csv": deals_csv(facts),
        "equity.csv": equity_csv(facts),
        "opportunities.csv": opportunities_csv(facts),
        "summary.json": _summary(facts, summary),
    }
    for name, text in written.items():
        disk.write(str(place / name), text.encode())
    return place / PAGE


def keep_summary(disk: Disk, run_folder: Path, summary: RunSummary) -> None:
    """Keep what only the engine knew, beside its run's black box. Raises OSError."""
    disk.make_folder(str(run_folder))
    disk.write(str(run_folder / ENGINE), msgspec.json.encode(summary) + b"\n")


def kept_summary(disk: Disk, run_folder: Path) -> RunSummary | None:
    """What `keep_summary` kept; None where nothing (readable) is: the run was cut off, or still goes on."""
    try:
        return msgspec.json.decode(disk.read(str(run_folder / ENGINE)), type=RunSummary)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _summary(facts: RunFacts, summary: RunSummary) -> str:
    told = {
        "title": summary.title,
        "run": facts.run,
        "mode": facts.mode,
        "build": facts.build,
        "seconds": round(summary.seconds, 3),
        "home": summary.home,
        "pnl": summary.pnl,
        "venue_balance_change": summary.balance_change,
        "residuals": summary.residuals,
        "deals": len(facts.deals),
        "orders": facts.orders,
        "opportunities": len(facts.seen),
        "funnel": dict(funnel(facts)),
        "stopped_by": dict(stopped_by(facts)),
        "waterfall": dict(waterfall_steps(facts)),
        "latency": [
            dict(zip(latencies(facts, summary).columns, row, strict=True)) for row in latencies(facts, summary).rows
        ],
        "alarms": facts.alarms,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"
