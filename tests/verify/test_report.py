"""The report: one JSON object, and one page that needs nothing but itself."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from oneprice.verify import Area, CardResult, VenueReport, Verdict
from oneprice.verify.report import Report, as_html, as_json

pytestmark = pytest.mark.coreless

VOID = {"meta", "input", "br", "link", "img"}


def result(number: int, verdict: Verdict, saw: str = "20 bids") -> CardResult:
    return CardResult(
        number=number,
        title=f"Statement {number}",
        area=list(Area)[number // 100 - 1],
        verdict=verdict,
        did="Asks & looks.",
        saw=saw,
        seconds=0.125,
    )


def market(name: str, *results: CardResult) -> VenueReport:
    return VenueReport(market=name, subject="simulated", started_ns=1_800_000_000 * 10**9, results=results)


def report(*markets: VenueReport) -> Report:
    return Report(venue="gate", title="Gate.io", oneprice="9.9", markets=markets)


BOTH = report(
    market("gate-spot", result(101, Verdict.PASS), result(201, Verdict.FAIL, "crossed: <script>1 & 2</script>")),
    market("gate-usdm", result(101, Verdict.SKIP, "it needs an API key")),
)


def test_json_has_the_counts_and_every_card() -> None:
    told = json.loads(as_json(BOTH))
    assert (told["venue"], told["subject"], told["ok"]) == ("gate", "simulated", False)
    assert (told["passed"], told["failed"], told["skipped"]) == (1, 1, 1)
    assert [one["market"] for one in told["markets"]] == ["gate-spot", "gate-usdm"]
    assert told["markets"][0]["started"] == "2027-01-15T08:00:00Z"
    assert told["markets"][0]["cards"][0] == {
        "number": 101,
        "title": "Statement 101",
        "area": "public REST",
        "verdict": "pass",
        "did": "Asks & looks.",
        "saw": "20 bids",
        "seconds": 0.125,
    }


def test_skipped_cards_do_not_fail_a_report() -> None:
    assert report(market("gate-spot", result(101, Verdict.SKIP))).ok
    assert not BOTH.ok


class Page(HTMLParser):
    """Checks that what is opened is closed, and keeps what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        given = dict(attrs)
        if tag == "tr" and given.get("id"):
            self.rows[str(given["id"])] = str(given.get("class"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> Page:
    page = Page()
    page.feed(text)
    assert page.open == []
    return page


def test_the_page_is_whole_and_tells_everything() -> None:
    page = read(as_html(BOTH))
    words = " ".join(page.words)
    for wanted in ("Gate.io", "1 of 2 cards failed; 1 skipped", "gate-spot", "gate-usdm", "Asks & looks.", "0.12 s"):
        assert wanted in words
    assert page.rows == {"c101": "has-pass has-skip", "c201": "has-fail"}
    assert "not tried" in words


def test_what_a_venue_says_is_no_markup() -> None:
    text = as_html(BOTH)
    assert "<script" not in text
    assert "crossed: <script>1 & 2</script>" in " ".join(read(text).words)


def test_the_page_needs_nothing_but_itself() -> None:
    text = as_html(BOTH)
    targets = [value or "" for name, value in read(text).attributes if name in ("src", "href")]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_of_a_venue_that_holds_says_so() -> None:
    text = as_html(report(market("gate-spot", result(101, Verdict.PASS))))
    assert "all 1 cards that could be tried hold" in text
    assert "<title>Gate.io passed</title>" in text
