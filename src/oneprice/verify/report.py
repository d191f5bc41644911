"""What came of a run: one JSON object, and one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

import msgspec

from oneprice.verify.card import Area, CardResult, Verdict
from oneprice.verify.page import STYLE
from oneprice.verify.run import VenueReport


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A venue tried: all its markets. `venue`: its name, `title`: as people write it; `oneprice`: our version."""

    venue: str
    title: str
    oneprice: str
    markets: tuple[VenueReport, ...]

    @property
    def ok(self) -> bool:
        """Whether no card failed."""
        return not any(market.failed for market in self.markets)

    @property
    def subject(self) -> str:
        """ "simulated" or "live"."""
        return self.markets[0].subject if self.markets else ""

    @property
    def seconds(self) -> float:
        """What all cards took together."""
        return sum(result.seconds for market in self.markets for result in market.results)

    def count(self, verdict: Verdict) -> int:
        """How many cards got it, over all markets."""
        return sum(market.count(verdict) for market in self.markets)


def as_json(report: Report) -> bytes:
    """The object that `--json` gives."""
    told = {
        "venue": report.venue,
        "subject": report.subject,
        "oneprice": report.oneprice,
        "ok": report.ok,
        "passed": report.count(Verdict.PASS),
        "failed": report.count(Verdict.FAIL),
        "skipped": report.count(Verdict.SKIP),
        "seconds": round(report.seconds, 3),
        "markets": [
            {
                "market": market.market,
                "started": _when(market.started_ns),
                "passed": market.count(Verdict.PASS),
                "failed": market.count(Verdict.FAIL),
                "skipped": market.count(Verdict.SKIP),
                "cards": [_plain(result) for result in market.results],
            }
            for market in report.markets
        ],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=1)


def _plain(result: CardResult) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(result)
    return {**told, "seconds": round(result.seconds, 3)}


def as_html(report: Report) -> str:
    """The page: summary, a map of all cards, then a table for each area."""
    word = "passed" if report.ok else "failed"
    title = f"{report.title}: verified on {_subject(report)}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(report.title)} {word}</title><style>{STYLE}</style></head>",
            "<body>",
            f'<header class="{"pass" if report.ok else "fail"}"><h1>{escape(title)}</h1>',
            f"<p>{escape(_verdict(report))}</p>",
            f"<p class=quiet>{escape(_circumstances(report))}</p></header>",
            _filters(report),
            "<main>",
            _summary(report),
            *(_area(report, area) for area in _areas(report)),
            "</main>",
            f"<footer>oneprice {escape(report.oneprice)} &middot; what each card stands for: docs/verify.md</footer>",
            "</body></html>",
            "",
        ]
    )


def _subject(report: Report) -> str:
    return "the live venue" if report.subject == "live" else "its simulated exchange"


def _verdict(report: Report) -> str:
    failed, skipped, passed = (report.count(one) for one in (Verdict.FAIL, Verdict.SKIP, Verdict.PASS))
    found = f"{failed} of {passed + failed} cards failed" if failed else f"all {passed} cards that could be tried hold"
    return f"{found}; {skipped} skipped" if skipped else found


def _circumstances(report: Report) -> str:
    began = _when(report.markets[0].started_ns) if report.markets else "-"
    names = ", ".join(market.market for market in report.markets)
    return f"{names} · begun {began} · {report.seconds:.0f} s of cards"


def _when(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _filters(report: Report) -> str:
    """Which rows are shown: without a script, by the style alone."""
    counts = [(one.value, report.count(one)) for one in Verdict]
    rows = [("all", sum(count for _, count in counts)), *counts]
    parts = [
        f'<label><input type="radio" name="show" id="show-{key}"{" checked" if key == "all" else ""}>'
        f"{key} <b>{count}</b></label>"
        for key, count in rows
    ]
    return f"<nav aria-label='which cards to show'>{''.join(parts)}</nav>"


def _summary(report: Report) -> str:
    """A row for each area, a square for each card and market."""
    head = "".join(f"<th>{escape(market.market)}</th>" for market in report.markets)
    rows = []
    for area in _areas(report):
        cells = "".join(f"<td>{_squares(market, area)}</td>" for market in report.markets)
        anchor = _anchor(area)
        rows.append(f'<tr><th scope="row"><a href="#{anchor}">{escape(area.value)}</a></th>{cells}</tr>')
    body = f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<section><table class="map">{body}</table></section>'


def _squares(market: VenueReport, area: Area) -> str:
    mine = [one for one in market.results if one.area is area]
    squares = "".join(
        f'<a class="square {one.verdict.value}" href="#c{one.number}" title="{one.number} {escape(one.title)}:'
        f' {one.verdict.value}"></a>'
        for one in mine
    )
    good = sum(one.verdict is Verdict.PASS for one in mine)
    tried = sum(one.verdict is not Verdict.SKIP for one in mine)
    return f'<span class="squares">{squares}</span><span class="quiet">{good}/{tried}</span>'


def _area(report: Report, area: Area) -> str:
    """The cards of an area: a row for each, a column for each market."""
    head = "".join(f"<th>{escape(market.market)}</th>" for market in report.markets)
    by_market = [{one.number: one for one in market.results} for market in report.markets]
    rows = []
    for number in _numbers(report):
        found = [results.get(number) for results in by_market]
        known = next(one for one in found if one is not None)
        if known.area is not area:
            continue
        verdicts = " ".join(sorted({f"has-{one.verdict.value}" for one in found if one is not None}))
        cells = "".join(_cell(one, market.market) for one, market in zip(found, report.markets, strict=True))
        rows.append(
            f'<tr id="c{number}" class="{verdicts}"><td class="number">{number}</td>'
            f"<td class=card><b>{escape(known.title)}</b><p>{escape(known.did)}</p></td>{cells}</tr>"
        )
    return (
        f'<section id="{_anchor(area)}"><h2>{escape(area.value)}</h2><table class="cards">'
        f"<thead><tr><th></th><th>card</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _cell(result: CardResult | None, market: str) -> str:
    if result is None:
        return f'<td class="result quiet" data-market="{escape(market)}">not tried</td>'
    verdict = result.verdict.value
    return (
        f'<td class="result {verdict}" data-market="{escape(market)}"><span class="verdict">{verdict}</span>'
        f'<span class="quiet seconds">{result.seconds:.2f} s</span><p>{escape(result.saw)}</p></td>'
    )


def _areas(report: Report) -> list[Area]:
    there = {result.area for market in report.markets for result in market.results}
    return [area for area in Area if area in there]


def _numbers(report: Report) -> Sequence[int]:
    return sorted({result.number for result in _results(report)})


def _results(report: Report) -> Iterable[CardResult]:
    return (result for market in report.markets for result in market.results)


def _anchor(area: Area) -> str:
    return area.value.replace(" ", "-").lower()
