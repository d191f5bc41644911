"""Views as the market gives them, made by hand."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from oneprice.market import BookRow, MarketRow, MarketView, OpportunityRow

WALL_NS = 1_700_000_000_000_000_000


def market_row(name: str = "gate-spot", **changes: object) -> MarketRow:
    figures: dict[str, object] = {
        "state": "open",
        "connections": 1,
        "books": {"live": 2},
        "frames": 1_000,
        "frames_per_s": 120.0,
        "age_ms_p50": 12.0,
        "age_ms_p99": 180.0,
        "delay_ms_p50": 0.5,
        "delay_ms_p99": None,
        "clock_offset_ms": 0.1,
        "clock_doubt_ms": 0.2,
        "resyncs": 0,
        "reconnects": 0,
        "replacements": 0,
        "trouble": "",
    }
    return MarketRow(name=name, **(figures | changes))  # type: ignore[arg-type]


def book_row(name: str = "gate-spot:BTC/USDT", state: str = "live", why: str = "") -> BookRow:
    return BookRow(
        name=name,
        state=state,
        why=why,
        bid=Decimal(100),
        bid_quantity=Decimal(1),
        ask=Decimal(101),
        ask_quantity=Decimal(1),
        age_ms=5.0,
        resyncs=0,
        counts={},
    )


def spread(number: int = 1, **changes: object) -> OpportunityRow:
    """An opportunity that ended; `number` makes it another one."""
    figures: dict[str, object] = {
        "key": (0, 1, 2),
        "kind": "spot-spot",
        "symbol": "BTC/USDT",
        "where": "buy gate-spot, sell mexc-spot",
        "size": Decimal("0.5"),
        "cost": Decimal(50),
        "unit": "USDT",
        "gross_bps": 20.0,
        "fees_bps": 15.0,
        "net_bps": 5.0,
        "net": Decimal("0.025"),
        "opened_wall_ns": WALL_NS + number,
        "age_ms": 100.0,
        "updates": 3,
        "is_open": False,
        "why": "the spread no longer pays the fees",
    }
    row = figures | changes
    known = {name: value for name, value in row.items() if name in OpportunityRow.__struct_fields__}
    if "net_now_bps" in OpportunityRow.__struct_fields__:
        known.setdefault("net_now_bps", row["net_bps"])
    return OpportunityRow(**known)  # type: ignore[arg-type]


def view(**changes: object) -> MarketView:
    parts: dict[str, object] = {
        "wall_ns": WALL_NS,
        "running_s": 12.5,
        "core": "python",
        "markets": (market_row(),),
        "books": (book_row(),),
        "opportunities": (),
        "history": (),
        "opportunities_seen": 0,
        "nearest": (),
        "refused": (),
        "events_lost": 0,
    }
    return MarketView(**(parts | changes))  # type: ignore[arg-type]


@pytest.fixture
def make() -> SimpleNamespace:
    """`make.view(...)`, `make.market(...)`, `make.book(...)`, `make.spread(...)`, and the time of all views."""
    return SimpleNamespace(view=view, market=market_row, book=book_row, spread=spread, wall_ns=WALL_NS)
