"""`oneprice report`: of runs that were cut off, that ended, and that go on."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_engine_commands import RECORDS
from tests.ledger.making import BUY, NOW_NS, SPOT_A, fill, intent

from oneprice.ledger.journal import Journal
from oneprice.ledger.records import AnyRecord, RunEnded, RunStarted
from oneprice.live.disk import LiveDisk
from oneprice.report import RunSummary, keep_summary

FILES = {"report.html", "report.md", "deals.csv", "equity.csv", "opportunities.csv", "summary.json"}
LATER = (
    RunEnded(NOW_NS + 20_000_000_000, "enough"),
    RunStarted(NOW_NS + 30_000_000_000, 4, "paper", "test", "c0ffee", '{"base_currency": "USDT"}'),
)


def written(folder: Path, *records: AnyRecord) -> Path:
    journal, _ = Journal.open(LiveDisk(), str(folder / "journal"), build="test")
    journal.append(*records)
    journal.close()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where `invoke` has its data."""
    return tmp_path / "data"


def test_a_run_that_was_cut_off_says_what_nobody_knows(invoke, data: Path) -> None:
    written(data, *RECORDS)
    result = invoke("report")
    assert result.exit_code == 0, result.output
    own = data / "runs" / "000003"
    assert {path.name for path in own.iterdir()} == FILES
    assert "paper run 3: +0.8 USDT, 1 deals with fills, 0 opportunities" in result.stdout
    assert "This run was cut off. How long its own steps took" in result.stdout
    assert f"report {own / 'report.html'}" in result.stdout
    for name in ("report.html", "report.md"):
        text = (own / name).read_text()
        assert "Paper run 3" in text
        assert "This run was cut off" in text
        assert "opabcd00300002000 is looked for" in text
    assert Decimal(json.loads((own / "summary.json").read_text())["pnl"]) == Decimal("0.8")


def test_what_is_held_counts_at_what_it_was_last_worth(invoke, data: Path) -> None:
    """The last settlement said 101, a fill after it 110."""
    more = [
        intent("opabcd00300002001", SPOT_A, BUY, "0.5", "110", deal=2),
        fill("f3", "opabcd00300002001", "0.5", "110", key=SPOT_A, fees={"USDT": "0.1"}, venue_id="v3"),
    ]
    written(data, *RECORDS, *more)
    told = json.loads(invoke("report", "--json").stdout)
    assert Decimal(told["pnl"]) == Decimal("0.8") - Decimal("0.1")
    assert "0.5 BTC, worth +55.00 USDT (deal 2 working)" in Path(told["report"]).read_text()


def test_an_earlier_run_and_a_place_of_its_own(invoke, data: Path, tmp_path: Path) -> None:
    written(data, *RECORDS, *LATER)
    told = json.loads(invoke("report", "--run", "3", "--out", str(tmp_path / "out"), "--json").stdout)
    assert (told["run"], told["deals"], told["pnl"]) == (3, 1, "0.8")
    assert told["missing"].startswith("What the engine itself knew of this run was not kept.")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    last = json.loads(invoke("report", "--json").stdout)
    assert (last["run"], last["deals"], Decimal(last["pnl"])) == (4, 0, 0)


def test_what_the_engine_kept_is_in_it(invoke, data: Path) -> None:
    written(data, *RECORDS)
    kept = RunSummary(
        title="A demo",
        home="USDT",
        seconds=12.0,
        pnl=Decimal("0.75"),
        balance_change=Decimal("0.75"),
        stages=[(0, 1_000, 2_000, 3_000, 4_000)],
    )
    keep_summary(LiveDisk(), data / "runs" / "000003", kept)
    told = json.loads(invoke("report", "--json").stdout)
    assert (told["pnl"], told["missing"], told["running"]) == ("0.75", "", False)
    text = Path(told["report"]).with_suffix(".md").read_text()
    assert "# A demo" in text
    assert "equal to the last unit" in text
    assert "| frame to sent | 4.0 us |" in text


def test_a_run_that_goes_on_is_asked(invoke, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(data, *RECORDS)
    answers: dict[str, dict[str, Any]] = {
        "status": {"run": 3, "mode": "paper", "running_s": 61.5, "refusals": {"cooldown": 4}},
        "pnl": {"home": "USDT", "total": "7.5", "held": [{"asset": "BTC", "amount": "0.5", "why": "deal 2 working"}]},
    }
    monkeypatch.setattr("oneprice.trade.control.ask", lambda folder, do: answers[do])
    told = json.loads(invoke("report", "--json").stdout)
    assert (told["running"], told["pnl"]) == (True, "7.5")
    text = Path(told["report"]).read_text()
    assert "This run still goes on: the figures are those of" in text
    assert "0.5 BTC (deal 2 working)" in text
    assert "62 s, paper" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--run", "7"), "no run 7: the journal of {data} has run 3 alone"),
        (("--run", "0"), "0 is not in the range x>=1"),
        (("--out", "{data}/journal/00000001.journal"), "is a file"),
        (("--out", "{data}/journal/00000001.journal/x"), "the report cannot be written there"),
        (("--data-dir", "{data}/none"), "nothing has run on {data}/none yet; --data-dir names another folder"),
    ],
)
def test_what_cannot_be_reported(invoke, data: Path, arguments: tuple[str, ...], words: str) -> None:
    written(data, *RECORDS)
    result = invoke("report", *(text.format(data=data) for text in arguments))
    assert result.exit_code == 2
    assert words.format(data=data) in result.stderr
