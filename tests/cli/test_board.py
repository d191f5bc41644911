"""The live screen of a run that trades, as a terminal of a given size shows it."""

from __future__ import annotations

import io
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from rich.console import Console
from tests.ledger.making import BUY, NOW_NS, SELL, SPOT_A, SPOT_B, leg, listing, opened, settled
from tests.observe.conftest import WALL_NS, market_row, spread, view

from oneprice.cli.board import Board, draw_board
from oneprice.cli.heard import KEPT, Heard, deal_line
from oneprice.ledger.deals import SettledDeal
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.pnl import pnl_view
from oneprice.ledger.records import Alarmed, AnyRecord, Switched
from oneprice.model.deals import DealOutcome
from oneprice.observe import Tiding

D = Decimal
MARKETS = ("binance-spot", "binance-usdm", "gate-spot", "gate-usdm", "mexc-spot", "mexc-usdm")
ACCOUNT = {"health": "open", "reason": "", "stream_complete": True, "clock_offset_ms": 1.2, "order_room": 0.98}


def deal(number: int, net: str = "1.0389", home: str = "USDT") -> SettledDeal:
    ended_ns = WALL_NS - 1_000_000_000
    return SettledDeal(
        number, "triangular", "1000PEPE/USDT", home, DealOutcome.CAPTURED, "every leg whole", ended_ns, ended_ns,
        D("0.9659"), D(net),
    )  # fmt: skip


def open_deal(number: int) -> dict[str, Any]:
    return {
        "deal": number,
        "strategy": "carry",
        "group": "SOL/USDT",
        "state": "holding",
        "reason": "legs are equal",
        "opened_wall_ns": WALL_NS - 12_000_000_000,
        "expected_net": "2.003023",
        "residual": {},
        "positions": {"binance-usdm:SOLUSDT": "-0.0100"},
        "orders": [{"purpose": "exit", "side": "buy", "status": "unknown"}],
    }


def board(**changes: object) -> Board:
    pnl = pnl_view(Ledger(), "USDT", lambda asset: None)
    figures: dict[str, Any] = {
        "home": "USDT",
        "switch": ("armed", True),
        "pnl": msgspec.structs.replace(pnl, total=D("12345.678"), realised=D("-4.1"), unrealised=D("0.00012")),
        "today": D("4.05"),
        "fees": D("24.55"),
        "traded": "7 captured, 2 hedged, 16 missed",
        "settled": [deal(number) for number in range(1, 31)] + [deal(31, "-0.00000123456", "BTC")],
        "open_deals": [open_deal(40), open_deal(41)],
        "orders_open": 3,
        "orders_unknown": 1,
        "held": [
            {"asset": "ETH", "amount": "-0.0000166", "worth": "-0.05", "in": "USDT", "why": "carried dust"},
            {"listing": "binance-usdm:SOLUSDT", "amount": "-0.0100", "why": "deal 40 holding"},
        ],
        "accounts": dict.fromkeys(MARKETS, ACCOUNT),
    }
    return Board(**(figures | changes))


def shown(width: int, height: int, told: Board, **changes: object) -> list[str]:
    """The lines of the screen."""
    markets = tuple(market_row(name, frames_per_s=123_456.0, age_ms_p50=1234.0, age_ms_p99=9999.0) for name in MARKETS)
    seen = view(**({"markets": markets, "opportunities": (spread(is_open=True),)} | changes))
    tidings = [
        Tiding(WALL_NS, f"unhedged: deal {number} has been unequal " + "for long " * 20, False) for number in range(9)
    ]
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(draw_board(told, seen, tidings, "PAPER run 3  Ctrl-C ends", width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 40), (200, 60)])
def test_it_fits_and_shows_what_counts(width: int, height: int) -> None:
    lines = shown(width, height, board())
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "PAPER run 3  Ctrl-C ends  armed" in lines[0]
    assert "+12,345.68 USDT  today +4.05  realised -4.10  unrealised +0.00012  fees" in lines[1]
    assert "7 captured, 2 hedged, 16 missed   open 2 holding" in lines[2]
    assert "3 open, 1 of unknown outcome   best +5.0 bps net: BTC/USDT" in lines[3]
    assert "-0.01 binance-usdm:SOLUSDT (deal 40 holding), -0.0000166 ETH" in lines[4], "dust comes last"
    assert "-0.00000123 BTC" in text, "the deal that settled last"
    for name in MARKETS:
        (row,) = [line for line in lines if line.lstrip().startswith(name)]
        assert "open" in row
        assert "2/2" in row
        assert "123,456" in row
        assert "1,234/9,999" in row
        assert "ok" in row
    assert "deal 8 has been unequal" in lines[-1], "the newest comes last"


def test_a_wide_one_says_why_and_how_the_clocks_are() -> None:
    text = "\n".join(shown(140, 40, board()))
    assert "-0.01 binance-usdm:SOLUSDT; exit buy is unknown" in text
    assert "every leg whole" in text
    assert "98%" in text
    assert "+1.2" in text
    assert "buy gate-spot, sell mexc-spot" in text


def test_what_is_wrong_cannot_be_overlooked() -> None:
    ill = ACCOUNT | {"health": "reduce_only", "reason": "5 errors within 30 s"}
    behind = ACCOUNT | {"stream_complete": False, "reason": "reconnecting"}
    accounts = {"gate-spot": ill, "mexc-spot": behind}
    halted = board(switch=("HALTED: deal 27 is unequal", False), accounts=accounts, fees=None)
    for width in (80, 140):
        lines = shown(width, 40, halted)
        assert "HALTED: deal 27 is unequal" in lines[0]
        text = "\n".join(lines)
        assert "reduce-only" in text
        assert "catching up" in text
    assert "fees ?" in text
    assert "5 errors within 30 s" in text


def test_a_run_to_which_nothing_has_happened_yet() -> None:
    empty = board(traded="none", settled=(), open_deals=(), held=(), orders_open=0, orders_unknown=0)
    lines = shown(80, 24, empty, opportunities=())
    assert len(lines) <= 24
    assert "none   open none" in lines[2]
    assert "nothing" in lines[4]


def test_words_of_others_are_no_markup() -> None:
    told = open_deal(1) | {"group": "[red]X[/]", "positions": {}, "orders": [], "reason": "[bold]no[/]"}
    text = "\n".join(shown(160, 40, board(open_deals=[told])))
    assert "carry [red]X[/]" in text
    assert "[bold]no[/]" in text


# ---------------------------------------------------------------------- what is heard


def heard_of(*records: AnyRecord) -> Heard:
    """A trader that writes these records."""
    ledger = Ledger()
    recorder = SimpleNamespace(listeners=[])
    heard = Heard(SimpleNamespace(ledger=ledger, recorder=recorder))  # type: ignore[arg-type]
    for record in records:
        ledger.apply(record)
        for listener in recorder.listeners:
            listener(record)
    return heard


def test_deals_are_counted_by_outcome_and_those_without_fills_are_not_shown() -> None:
    legs = (leg(SPOT_A, BUY, "0.5", "100"), leg(SPOT_B, SELL, "0.5", "102"))
    records: list[AnyRecord] = []
    for number, outcome in enumerate((DealOutcome.MISSED, DealOutcome.HEDGED, DealOutcome.MISSED), 1):
        records += [opened(number, *legs), msgspec.structs.replace(settled(number), outcome=outcome)]
    heard = heard_of(listing(SPOT_A), listing(SPOT_B), *records)
    assert heard.traded() == "1 hedged, 2 missed"
    assert [one.deal for one in heard.new_deals()] == [2]
    assert heard.new_deals() == []
    assert [one.deal for one in heard.last] == [2]


def test_alarms_are_told_once_and_no_more_than_can_be_read() -> None:
    heard = heard_of(*(Alarmed(NOW_NS, "x", str(number)) for number in range(KEPT + 5)))
    assert heard.new_alarms()[0] == "x: 5"
    assert heard.new_alarms() == []
    heard = heard_of(
        Switched(NOW_NS, "venue:gate-spot", "reduce_only", "5 errors"), Switched(NOW_NS, "armed", "on", "")
    )
    assert heard.new_alarms() == ["gate-spot is reduce_only: 5 errors"]


def test_a_deal_in_a_line() -> None:
    line = deal_line(deal(7, "-0.00000123456", "BTC"))
    assert line == (
        "deal 7  triangular 1000PEPE/USDT  captured  -0.00000123 BTC, expected +0.9659, 0 ms  (every leg whole)"
    )
