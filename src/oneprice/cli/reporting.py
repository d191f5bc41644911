"""Reports of runs that are over, or go on: from the journal, and from what the engine kept or tells."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneprice.cli.asking import LastWorth, Told, home_of
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.ledger.ledger import Ledger
    from oneprice.ledger.records import AnyRecord
    from oneprice.report import RunSummary

CUT_OFF = "This run was cut off."
NOT_KEPT = "What the engine itself knew of this run was not kept."
BY_JOURNAL = (
    " How long its own steps took, and how its feeds were, nobody knows any more. Profit and what is held are by the "
    "journal, at what assets were last worth."
)
GOES_ON = (
    "This run still goes on: the figures are those of {at}. How long the engine's own steps take, and how its feeds "
    "were, is told when it has ended."
)
TITLES = {"paper": "Paper run", "live": "Live run", "simulated": "Run on simulated exchanges"}


@dataclass
class _Folded:
    """A journal up to the end of one run. Amounts in the home asset, times in wall nanoseconds."""

    ledger: Ledger
    worth: LastWorth
    home: str
    total_before: Decimal = Decimal(0)
    began_ns: int = 0
    last_ns: int = 0
    is_cut_off: bool = True


def make_report(folder: Path, run: int | None, out: Path | None) -> Told:
    """Write the report of a data folder's run, the last when None, into `out` or the run's own folder; gives what was
    written, and the figures at its top. Raises ConfigError, JournalError, NetworkError."""
    from oneprice.ledger.journal import read
    from oneprice.live.disk import LiveDisk
    from oneprice.report import gather, write_report
    from oneprice.report.parts import traded
    from oneprice.trading import journal_folder, runs_folder

    disk = LiveDisk()
    records = read(disk, journal_folder(folder)).records
    number = chosen_run(folder, records, run)
    own = runs_folder(folder) / f"{number:06d}"
    place = (out or own).expanduser()
    summary, goes_on = _summary(folder, records, number, own)
    try:
        page = write_report(disk, folder, summary, run=number, out=place, records=records)
    except OSError as error:
        raise ConfigError(f"{place}: the report cannot be written there: {error.strerror}") from error
    facts = gather(disk, folder, summary.home, number, records)
    return {
        "data": str(folder),
        "run": number,
        "mode": facts.mode,
        "running": goes_on,
        "report": str(page),
        "home": summary.home,
        "pnl": f"{summary.pnl:f}",
        "deals": len(traded(facts)),
        "opportunities": len(facts.seen),
        "missing": summary.missing,
    }


def chosen_run(folder: Path, records: Sequence[AnyRecord], run: int | None) -> int:
    """The run's number; the last when none is named. Raises ConfigError where there is none."""
    from oneprice.ledger.records import RunStarted

    runs = [record.run for record in records if type(record) is RunStarted]
    if not runs:
        raise ConfigError(f"no run to report on: nothing has run on {folder} yet; --data-dir names another folder")
    if run is not None and run not in runs:
        there = f"run {runs[0]} alone" if len(runs) == 1 else f"runs {runs[0]} to {runs[-1]}"
        raise ConfigError(f"no run {run}: the journal of {folder} has {there}")
    return run or runs[-1]


def _summary(folder: Path, records: Sequence[AnyRecord], run: int, own: Path) -> tuple[RunSummary, bool]:
    """What the engine kept, or tells while it runs, or what the journal alone can tell; and whether it runs."""
    from oneprice.live.disk import LiveDisk
    from oneprice.report import kept_summary
    from oneprice.trade.control import ask

    kept = kept_summary(LiveDisk(), own)
    if kept is not None:
        return kept, False
    status = ask(folder, "status")
    goes_on = status is not None and status["run"] == run
    told = ask(folder, "pnl") if goes_on else None
    folded = _fold(records, run, home_of_run(records, run))
    if status is None or told is None:
        return _by_journal(folded), False
    return _by_engine(folded, status, told), True


def home_of_run(records: Sequence[AnyRecord], run: int) -> str:
    """The asset that a run counted in."""
    from oneprice.ledger.records import RunStarted

    until = next(
        (place for place, one in enumerate(records) if type(one) is RunStarted and one.run > run), len(records)
    )
    return home_of(records[:until])


def _fold(records: Sequence[AnyRecord], run: int, home: str) -> _Folded:
    from oneprice.ledger.ledger import Ledger
    from oneprice.ledger.records import RunEnded, RunStarted

    folded = _Folded(Ledger(), LastWorth(), home)
    for record in records:
        if type(record) is RunStarted:
            if folded.ledger.run == run:
                break
            if record.run == run:
                folded.total_before, folded.began_ns = _total(folded), record.wall_ns
        folded.ledger.apply(record)
        folded.worth.hear(record)
        folded.last_ns, folded.is_cut_off = record.wall_ns, type(record) is not RunEnded
    return folded


def _total(folded: _Folded) -> Decimal:
    from oneprice.ledger.pnl import pnl_view

    return pnl_view(folded.ledger, folded.home, folded.worth.mark(folded.home)).total


def _by_journal(folded: _Folded) -> RunSummary:
    from oneprice.ledger.exact import minus
    from oneprice.report import RunSummary
    from oneprice.trade.telling import held_rows

    return RunSummary(
        title=title_of(folded.ledger.mode, folded.ledger.run),
        home=folded.home,
        seconds=(folded.last_ns - folded.began_ns) / 1e9,
        pnl=minus(_total(folded), folded.total_before),
        residuals=held_rows(folded.ledger, folded.worth.price, folded.home),
        missing=(CUT_OFF if folded.is_cut_off else NOT_KEPT) + BY_JOURNAL,
    )


def _by_engine(folded: _Folded, status: Told, told: dict[str, Any]) -> RunSummary:
    from oneprice.ledger.exact import minus
    from oneprice.report import RunSummary

    at = time.strftime("%H:%M:%S UTC", time.gmtime())
    return RunSummary(
        title=title_of(status["mode"], status["run"]),
        home=told["home"],
        seconds=float(status["running_s"]),
        pnl=minus(Decimal(told["total"]), folded.total_before),
        residuals=told["held"],
        refusals=status["refusals"],
        missing=GOES_ON.format(at=at),
    )


def title_of(mode: str, run: int) -> str:
    """`Paper run 3`."""
    return f"{TITLES.get(mode, 'Run')} {run}"
