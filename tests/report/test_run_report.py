"""The report of a small run, written from a real journal."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.ledger.making import (
    BUY,
    CROSSED,
    NOW_NS,
    SELL,
    SPOT_A,
    SPOT_B,
    fill,
    intent,
    leg,
    listing,
    opened,
    settled,
    told,
)

from oneprice.ledger.journal import Journal
from oneprice.ledger.records import Alarmed, AnyRecord, RunEnded, RunStarted
from oneprice.live.disk import LiveDisk
from oneprice.model import OrderStatus
from oneprice.report import RunSummary, gather, held_line, keep_summary, kept_summary, write_report
from oneprice.report.parts import achieved, equity, waterfall_steps
from oneprice.report.pictures import bars, curve, waterfall

EVIL = "<script>alert('&')</script>"
NEEDS_NO_END = {"meta", "line", "rect", "circle", "polyline", "!doctype"}


def run_started(config: str = "{}", run: int = 1) -> RunStarted:
    return RunStarted(NOW_NS, run, "simulated", "test", "c0ffee", config)


def deal(number: int, price: str = "102") -> list[AnyRecord]:
    """Bought here, sold there, both whole."""
    first, second = f"op{number}a", f"op{number}b"
    return [
        opened(
            number, leg(SPOT_A, BUY, "0.5", "100"), leg(SPOT_B, SELL, "0.5", "102"), gross="1", fees="0.2", net="0.8"
        ),
        intent(first, SPOT_A, BUY, "0.5", "100", deal=number),
        intent(second, SPOT_B, SELL, "0.5", "102", deal=number, leg=1),
        fill(f"f{number}a", first, "0.5", "100", key=SPOT_A, fees={"USDT": "0.1"}),
        fill(f"f{number}b", second, "0.5", price, key=SPOT_B, side=SELL, fees={"USDT": "0.1"}, venue_id="v2"),
        told(first, OrderStatus.FILLED, "0.5"),
        told(second, OrderStatus.FILLED, "0.5", venue_id="v2"),
        settled(number, marks={"BTC": "101"}, wall_ns=NOW_NS + number * 1_000_000_000),
    ]


def written(folder: Path, *records: AnyRecord) -> Path:
    journal, _ = Journal.open(LiveDisk(), str(folder / "journal"), build="test")
    journal.append(*records)
    journal.close()
    return folder


def summary(pnl: str = "0.8", **changes: object) -> RunSummary:
    figures: dict[str, object] = {"title": "A run", "home": "USDT", "seconds": 12.0, "pnl": Decimal(pnl)}
    return RunSummary(**(figures | changes))  # type: ignore[arg-type]


class Page(HTMLParser):
    """Notices tags that are not closed in their order, and whatever would have to be loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "xlink:href"}]
        if tag not in NEEDS_NO_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in NEEDS_NO_END:
            assert self.open.pop() == tag


def read_page(folder: Path) -> Page:
    text = (folder / "report.html").read_text()
    assert "http" not in text
    page = Page(text)
    assert page.open == []
    assert page.links == []
    assert "script" not in page.tags
    return page


def test_parts_sum_exactly_to_what_was_achieved(tmp_path: Path) -> None:
    folder = written(tmp_path, run_started(), listing(SPOT_A), listing(SPOT_B), *deal(1), *deal(2, "101.123456789"))
    facts = gather(LiveDisk(), folder, "USDT")
    steps = waterfall_steps(facts)
    assert sum(value for _, value in steps) == achieved(facts)
    assert achieved(facts) == Decimal("0.8") + (Decimal("101.123456789") - 100) / 2 - Decimal("0.2")
    assert equity(facts)[-1][1] == achieved(facts)
    write_report(LiveDisk(), folder, summary(str(achieved(facts)), balance_change=achieved(facts)))
    for row in csv.DictReader((folder / "deals.csv").read_text().splitlines()):
        parts = ("expected", "price_moved", "depth", "fees", "partial", "hedge", "rounding", "funding")
        assert sum(Decimal(row[name]) for name in parts) == Decimal(row["achieved"])
    assert "svg" in read_page(folder).tags
    assert "equal to the last unit" in (folder / "report.md").read_text()


def crossed(number: int) -> list[AnyRecord]:
    """A deal that counts in BTC: it sells ether dearer than it bought it."""
    legs = (leg(CROSSED, BUY, "1", "0.05"), leg(CROSSED, SELL, "1", "0.06"))
    return [
        opened(number, *legs, gross="0.01", net="0.01", home="BTC", group="ETH/BTC"),
        intent("x", CROSSED, BUY, "1", "0.05", deal=number),
        intent("y", CROSSED, SELL, "1", "0.06", deal=number, leg=1),
        fill("fx", "x", "1", "0.05", key=CROSSED),
        fill("fy", "y", "1", "0.06", key=CROSSED, side=SELL, venue_id="v2"),
        told("x", OrderStatus.FILLED, "1"),
        told("y", OrderStatus.FILLED, "1", venue_id="v2"),
        settled(number, marks={"ETH": "0.05"}),
    ]


def test_a_deal_in_another_asset_counts_at_what_that_was_worth(tmp_path: Path) -> None:
    known = [run_started(), *(listing(key) for key in (SPOT_A, SPOT_B, CROSSED))]
    facts = gather(LiveDisk(), written(tmp_path, *known, *crossed(1), *deal(2)), "USDT")
    assert facts.deals[0].parts.achieved == Decimal("0.01") * 101
    assert achieved(facts) == Decimal("1.01") + Decimal("0.8")
    assert sum(value for _, value in waterfall_steps(facts)) == achieved(facts)


def test_deals_whose_worth_is_not_known_are_left_out_and_told(tmp_path: Path) -> None:
    folder = written(tmp_path, run_started(), listing(CROSSED), *crossed(1))
    write_report(LiveDisk(), folder, summary("0"))
    assert "1 deals count in BTC" in (folder / "report.html").read_text()
    assert "1 deals count in BTC" in (folder / "report.md").read_text()


def test_an_earlier_run_is_reported_as_it_was(tmp_path: Path) -> None:
    known = [listing(SPOT_A), listing(SPOT_B)]
    second = [run_started(run=2), *deal(2, "103"), *deal(3)[:3], RunEnded(NOW_NS, "enough")]
    folder = written(tmp_path, run_started(), *known, *deal(1), *second, run_started(run=3))
    numbers = {run: [one.deal for one in gather(LiveDisk(), folder, "USDT", run).deals] for run in (1, 2, 3, 0)}
    assert numbers == {1: [1], 2: [2], 3: [], 0: []}
    facts = gather(LiveDisk(), folder, "USDT", 2)
    assert (facts.run, facts.orders, facts.open_deals) == (2, 4, 1)
    page = write_report(LiveDisk(), folder, summary("1.3"), run=2, out=folder / "elsewhere")
    assert page == folder / "elsewhere" / "report.html"
    assert "run 2" in page.read_text()
    assert not (folder / "report.html").exists()


def test_what_the_engine_knew_is_kept_beside_its_run(tmp_path: Path) -> None:
    known = summary("0.8", stages=[(1, 2, 3, 4, 5)], residuals=[{"asset": "ETH", "amount": "1"}], markets=[{"a": 1.5}])
    assert kept_summary(LiveDisk(), tmp_path / "runs" / "000001") is None
    keep_summary(LiveDisk(), tmp_path / "runs" / "000001", known)
    kept = kept_summary(LiveDisk(), tmp_path / "runs" / "000001")
    assert kept is not None
    assert (kept.pnl, kept.stages, kept.residuals, kept.markets) == (
        known.pnl,
        known.stages,
        known.residuals,
        known.markets,
    )
    (tmp_path / "runs" / "000001" / "engine.json").write_text("{")
    assert kept_summary(LiveDisk(), tmp_path / "runs" / "000001") is None


def test_a_run_without_deals_says_so(tmp_path: Path) -> None:
    folder = written(tmp_path, run_started())
    write_report(LiveDisk(), folder, summary("0"))
    assert "svg" not in read_page(folder).tags
    assert "no deal was settled" in (folder / "report.html").read_text()
    assert json.loads((folder / "summary.json").read_text())["deals"] == 0


def test_a_deal_that_is_not_settled_counts_as_open_and_alarms_are_told(tmp_path: Path) -> None:
    halted = [*deal(1)[:5], Alarmed(NOW_NS, "halt", "deal 1 cannot be made equal")]
    folder = written(tmp_path, run_started(), listing(SPOT_A), listing(SPOT_B), *halted)
    assert gather(LiveDisk(), folder, "USDT").open_deals == 1
    write_report(LiveDisk(), folder, summary("0"))
    read_page(folder)
    assert "halt: deal 1 cannot be made equal" in (folder / "report.html").read_text()
    assert "halt: deal 1 cannot be made equal" in (folder / "report.md").read_text()


def test_whatever_is_said_is_escaped(tmp_path: Path) -> None:
    folder = written(tmp_path, run_started(f'{{"a": "{EVIL}"}}'), Alarmed(NOW_NS, "x", EVIL))
    rows = [{"asset": EVIL, "amount": "1", "why": EVIL}]
    write_report(LiveDisk(), folder, summary(title=EVIL, residuals=rows, missing=EVIL, markets=[{"name": EVIL}]))
    read_page(folder)
    assert EVIL not in (folder / "report.html").read_text()


def test_balances_that_differ_are_not_called_equal(tmp_path: Path) -> None:
    folder = written(tmp_path, run_started())
    write_report(LiveDisk(), folder, summary("0.8", balance_change=Decimal("0.80000001")))
    assert "NOT EQUAL" in (folder / "report.html").read_text()
    assert "NOT EQUAL" in (folder / "report.md").read_text()


@pytest.mark.parametrize("value", [0.0, 1e-12, -3.5, 1e15, -1e15])
def test_pictures_are_well_formed_whatever_the_figures(value: float) -> None:
    drawn = waterfall([("a", value), ("b", -value)], "x") + bars([("a", abs(value), "told")], "x")
    page = Page(drawn + curve([(0.0, 0.0), (1.0, value), (1.0, -value)], "x", "s"))
    assert page.tags.count("svg") == 3
    assert page.open == []
    assert "nan" not in drawn


def test_what_is_held_is_told_without_powers_of_ten() -> None:
    row = {"asset": "ETH", "amount": "-2.0E-7", "why": "carried dust", "worth": "-0.00064", "in": "USDT"}
    assert held_line(row) == "-0.0000002 ETH, worth -0.00 USDT (carried dust)"
    assert held_line({"listing": "x:Y", "amount": "3", "why": "z"}) == "3 x:Y (z)"
