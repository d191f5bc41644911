from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from oneprice.observe import WIDE, News, Tally, draw, markets_table, progress_line, summary_table


def printed(picture: object, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, no_color=True, force_terminal=False)
    console.print(picture)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.fixture
def busy(make):
    """A view with more of everything than fits."""
    return make.view(
        markets=tuple(make.market(f"venue{number}-spot", books={"live": 2, "gap": 1}) for number in range(6)),
        opportunities=tuple(make.spread(number, is_open=True, net_bps=float(number)) for number in range(40)),
        history=tuple(make.spread(number, why="[a] the books differ") for number in range(100, 140)),
        opportunities_seen=1_234,
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (140, 40), (200, 60)])
def test_the_picture_fits_its_screen(make, busy, width: int, height: int) -> None:
    news = News()
    for number in range(50):
        news.tell(make.wall_ns, f"{number} " + "a long line " * 30)
    lines = printed(draw(busy, news.tidings, "SIMULATED", width, height), width)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_the_picture_keeps_its_height_as_spreads_come_and_go(make, busy) -> None:
    few = make.view(markets=busy.markets)
    assert len(printed(draw(few, (), "x", 140, 40), 140)) == len(printed(draw(busy, (), "x", 140, 40), 140))


def test_the_best_spread_stands_first_and_what_ended_says_why(make) -> None:
    view = make.view(
        opportunities=(make.spread(1, is_open=True, net_bps=2.0), make.spread(2, is_open=True, net_bps=7.0)),
        history=(make.spread(3, why="gate-spot:BTC/USDT: its connection is down"),),
    )
    lines = [line for line in printed(draw(view, (), "x", 200, 40), 200) if "buy gate-spot" in line]
    assert ["+7.0" in lines[0], "+2.0" in lines[1], "its connection is down" in lines[2]] == [True] * 3


def test_a_narrow_screen_shows_what_cannot_be_done_without(make, busy) -> None:
    text = "\n".join(printed(draw(busy, (), "SIMULATED", 80, 24), 80))
    for word in ("SIMULATED", "best net", "buy gate", "live", "1 gap", "BTC/USDT", "open"):
        assert word in text


LONGEST = "buy binance-usdm, sell binance-spot"


@pytest.mark.parametrize("width", [80, 100, 120, 131, 160])
def test_both_sides_of_a_spread_can_be_read_at_every_width(make, width: int) -> None:
    spread = make.spread(1, where=LONGEST, is_open=True, cost=Decimal("0.0048775"), unit="BTC")
    tally = Tally()
    tally.take(make.view(history=(make.spread(2, where=LONGEST),)))
    picture = draw(make.view(opportunities=(spread,)), (), "x", width, 30)
    summary = summary_table(tally.totals(), "found", wide=width >= WIDE)
    for shown in (printed(picture, width), printed(summary, width)):
        (line,) = (line for line in shown if LONGEST in line)
        assert "BTC/USDT" in line


@pytest.mark.parametrize("width", [80, 120, 160])
def test_no_heading_and_no_row_is_cut_or_broken(make, width: int) -> None:
    rows = [make.market("binance-spot", books={"live": 2, "silent": 4}, state="reconnecting")]
    lines = printed(markets_table(rows, wide=width >= WIDE), width)
    assert len(lines) == 3
    assert "not live" in lines[0]
    assert "4 silent" in lines[2]
    spread = make.spread(1, where=LONGEST, is_open=True, cost=Decimal("0.0048775"), unit="BTC")
    first, second = (make.view(opportunities=(spread,)), make.view())
    assert len(printed(draw(first, (), "x", width, 30), width)) == len(printed(draw(second, (), "x", width, 30), width))


def test_markets_say_which_books_are_not_live(make) -> None:
    rows = [make.market(books={"live": 3, "silent": 2, "gap": 1}, state="reconnecting")]
    text = "\n".join(printed(markets_table(rows), 140))
    assert "2 silent, 1 gap" in text
    assert "reconnecting" in text


def test_the_summary_counts_the_pairs_it_does_not_show(make) -> None:
    tally = Tally()
    history = tuple(make.spread(number, symbol=f"COIN{number}/USDT") for number in range(30))
    tally.take(make.view(history=history))
    text = "\n".join(printed(summary_table(tally.totals(), "found", rows_max=25), 140))
    assert "and 5 more pairs" in text


def test_a_progress_line_is_one_line_with_books_by_state(make, busy) -> None:
    line = progress_line(busy)
    assert "\n" not in line
    assert "12 live, 6 gap" in line
    assert "1234 opportunities" in line
    assert "+39.0 bps net" in line


def test_a_progress_line_names_the_nearest_miss_when_nothing_stands(make) -> None:
    from oneprice.market import NearRow

    near = NearRow(
        kind="spot-spot",
        symbol="BTC/USDT",
        where="buy gate-spot, sell mexc-spot",
        gross_bps=11.0,
        net_bps=-4.0,
        why="fees",
    )
    assert "nearest -4.0 bps: BTC/USDT buy gate-spot" in progress_line(make.view(nearest=(near,)))


def test_a_spread_that_cannot_be_used_says_so_in_the_progress_line(make) -> None:
    from oneprice.market import NearRow

    why = "mexc-usdm:SOL/USDT: its connection is down"
    near = NearRow(
        kind="perp-perp",
        symbol="SOL/USDT",
        where="buy gate-usdm, sell mexc-usdm",
        gross_bps=24.0,
        net_bps=16.9,
        why=why,
    )
    assert why in progress_line(make.view(nearest=(near,)))
