from __future__ import annotations

import io

import pytest
from rich.console import Console

from oneprice.observe import News, Tally, draw, markets_table, progress_line, summary_table


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
