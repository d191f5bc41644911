"""A real engine is killed with SIGKILL, and started again on what is left."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.trade.killing import Toll, take_toll
from tests.trade.killing_truth import Findings, Truth, judge

from oneprice.ledger.records import AnyRecord, DealSettled, FillTold, TransferTold

KILLS = 5
NOBODY: dict[str, Any] = {"open_orders": [], "positions": {}, "wallets": {}}


@pytest.mark.timeout(170)
async def test_nothing_is_lost_however_often_it_is_killed(tmp_path: Path) -> None:
    toll = await take_toll(KILLS, 3, tmp_path)
    assert toll.found.lines() == []
    assert toll.found.orders > 0
    assert len(toll.killed) == KILLS
    the_judge_sees_what_is_wrong(toll)


def the_judge_sees_what_is_wrong(toll: Toll) -> None:
    """The proof above could fail."""
    told = next(one for one in toll.records if isinstance(one, FillTold) and one.fees)
    number = told.venue_fill_id.partition("X")[0]

    def is_named(texts: list[str]) -> bool:
        return any(repr(number) in text for text in texts)

    as_it_is = with_fills(toll, told, [told])
    assert not is_named(as_it_is.lost)
    assert not as_it_is.doubled
    assert not as_it_is.unexplained
    assert is_named(with_fills(toll, told, []).lost)
    assert is_named(with_fills(toll, told, [msgspec.structs.replace(told, client_order_id="")]).lost)
    assert is_named(with_fills(toll, told, [told, told]).doubled)
    assert with_fills(toll, told, [told, msgspec.structs.replace(told, venue_fill_id="none")]).doubled
    assert with_fills(toll, told, [msgspec.structs.replace(told, fees=())]).unexplained
    moved = TransferTold(told.wall_ns, "gate-spot", "USDT", Decimal(1), "unexplained")
    assert judge(toll.truths, [*toll.records, moved]).unexplained
    unknown = {**toll.truths[0].fills[0], "client_order_id": "t-op00000000000000"}
    assert judge([*toll.truths, Truth("gate", NOBODY, [unknown])], toll.records).orphans
    still_open = {**NOBODY, "open_orders": [unknown]}
    assert judge([*toll.truths, Truth("gate", still_open, [])], toll.records).orphans


def with_fills(toll: Toll, told: FillTold, instead: list[FillTold]) -> Findings:
    """As if the journal had other fills in this one's place. A deal that lacks one cannot be settled, so none is."""
    records: list[AnyRecord] = []
    for one in toll.records:
        if one is told:
            records += instead
        elif not isinstance(one, DealSettled):
            records.append(one)
    return judge(toll.truths, records)
