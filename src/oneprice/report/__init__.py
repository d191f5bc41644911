"""A run's report: one HTML page with pictures, the same in Markdown, and its rows as CSV and JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec

from oneprice.ports import Disk
from oneprice.report.facts import RunFacts, RunSummary, funnel, gather, stopped_by
from oneprice.report.files import deals_csv, equity_csv, markdown, opportunities_csv
from oneprice.report.page import page
from oneprice.report.parts import held_line, latencies, waterfall_steps

__all__ = ["RunSummary", "gather", "held_line", "write_report"]


def write_report(disk: Disk, folder: Path, summary: RunSummary) -> Path:
    """Write the report of the folder's last run into the folder; gives the page's path.

    Raises JournalError when the journal cannot be read, OSError when a file cannot be written.
    """
    facts = gather(disk, folder, summary.home)
    written = {
        "report.html": page(facts, summary),
        "report.md": markdown(facts, summary),
        "deals.csv": deals_csv(facts),
        "equity.csv": equity_csv(facts),
        "opportunities.csv": opportunities_csv(facts),
        "summary.json": _summary(facts, summary),
    }
    for name, text in written.items():
        disk.write(str(folder / name), text.encode())
    return folder / "report.html"


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
