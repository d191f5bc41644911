"""The kit itself: cards are numbered, say what they do, and are in the document; whatever a card does, the next one is
tried."""

from __future__ import annotations

import asyncio

from tests.verify.card_table import DOCUMENT, card_table
from tests.verify.simulated import simulated_bench

from oneprice.errors import InvalidRequestError, NotSupported
from oneprice.verify import Bench, Need, Thresholds, Verdict, all_cards, card, expect, run_cards, skip


@card(191, "It holds")
async def holds(bench: Bench) -> str:
    """Looks."""
    return "1 thing"


@card(192, "It does not hold")
async def fails(bench: Bench) -> str:
    """Looks."""
    expect(False, "2 things")
    return ""


@card(193, "It cannot be tried")
async def skips(bench: Bench) -> str:
    """Looks."""
    skip("there is none")


@card(194, "The venue lacks it")
async def lacks(bench: Bench) -> str:
    """Looks."""
    raise NotSupported("gate lacks it")


@card(195, "The venue refuses")
async def refused(bench: Bench) -> str:
    """Looks."""
    raise InvalidRequestError("gate", "no such thing")


@card(196, "It takes too long")
async def hangs(bench: Bench) -> str:
    """Looks."""
    await asyncio.sleep(60)
    return ""


@card(197, "It needs a fault", Need.FAULTS)
async def needs_faults(bench: Bench) -> str:
    """Looks."""
    return "3 things"


@card(198, "It leaves a fault on", Need.FAULTS)
async def leaves_a_fault(bench: Bench) -> str:
    """Looks."""
    assert bench.faults is not None
    await bench.faults.switch("freeze", seconds=60.0)
    return "1 fault"


async def test_each_card_has_a_verdict_and_none_ends_the_run() -> None:
    cards = [holds, fails, skips, lacks, refused, hangs, needs_faults]
    async with simulated_bench("gate-spot") as bench:
        bench.faults, faults = None, bench.faults
        bench.thresholds = Thresholds(card_s=0.05)
        told = []
        report = await run_cards(bench, cards, done=told.append)
        bench.faults = faults
    assert [(one.number, one.verdict, one.saw) for one in report.results] == [
        (191, Verdict.PASS, "1 thing"),
        (192, Verdict.FAIL, "2 things"),
        (193, Verdict.SKIP, "there is none"),
        (194, Verdict.SKIP, "gate lacks it"),
        (195, Verdict.FAIL, "InvalidRequestError: gate: no such thing"),
        (196, Verdict.FAIL, "nothing came of it within 0.05 s"),
        (197, Verdict.SKIP, "it needs a simulated exchange, whose faults can be switched on"),
    ]
    assert told == list(report.results)
    assert (report.market, report.subject, len(report.failed)) == ("gate-spot", "live", 3)


async def test_no_fault_outlives_its_card() -> None:
    async with simulated_bench("gate-spot") as bench:
        await run_cards(bench, [leaves_a_fault])
        assert bench.faults is not None
        assert (await bench.faults.status())["faults"] == []


async def test_the_control_side_tells_the_truth_and_what_is_on() -> None:
    async with simulated_bench("binance-spot") as bench:
        faults = bench.faults
        assert faults is not None
        await faults.switch("rate_limit", count=2, target="GET /api/v3/time")
        status = await faults.status()
        assert [(one["kind"], one["hits_left"]) for one in status["faults"]] == [("rate_limit", 2)]
        assert (await faults.truth())["accounts"][0]["uid"]


async def test_answers_that_cost_much_are_asked_for_once() -> None:
    async with simulated_bench("binance-spot") as bench:
        request, cheap = bench.market.listings().request, bench.market.server_time().request
        first = await bench.rest.fetch(request)
        requests = bench.public.figures.requests
        assert await bench.rest.fetch(request) is first
        assert bench.public.figures.requests == requests
        await bench.rest.fetch(cheap)
        await bench.rest.fetch(cheap)
        assert bench.public.figures.requests == requests + 2


def test_cards_have_areas_statements_and_descriptions() -> None:
    cards = all_cards()
    assert len(cards) >= 70
    assert [one.number for one in cards] == sorted(one.number for one in cards)
    for one in cards:
        assert one.title[0].isupper(), one.title
        assert not one.title.endswith("."), one.title
        assert one.does.endswith("."), one.number
    assert len({one.title for one in cards}) == len(cards)
    assert {one.area for one in cards} == {one.area for one in cards if one.number // 100 in range(1, 10)}


def test_the_document_has_every_card() -> None:
    assert card_table() in DOCUMENT.read_text(), "write it with: python tests/verify/card_table.py"


async def test_what_nobody_foresaw_fails_its_card_and_stops_no_other() -> None:
    @card(901, "It breaks")
    async def breaks(_: Bench) -> str:
        """Divides by nothing."""
        raise ZeroDivisionError("by nothing")

    @card(902, "It stands")
    async def stands(_: Bench) -> str:
        """Looks at nothing."""
        return "nothing"

    async with simulated_bench("gate-spot") as bench:
        report = await run_cards(bench, [breaks, stands])
    assert [one.verdict for one in report.results] == [Verdict.FAIL, Verdict.PASS]
    assert "test_kit.py line" in report.results[0].saw
    assert "ZeroDivisionError: by nothing" in report.results[0].saw
