"""`oneprice why` over the black box of a whole run: no opportunity is left without its reason, nor without its end."""

from __future__ import annotations

import json
from pathlib import Path

from tests.trade.stage import staged

BUY, SELL = "gate-spot", "binance-spot"


async def test_every_opportunity_of_a_run_is_explained(invoke, tmp_path: Path) -> None:
    async with staged(tmp_path, BUY, SELL) as stage:
        stage.world.spread(BUY, SELL)
        await stage.settled()
        await stage.until(lambda: not stage.market.hub.opportunities(), why="it is gone")
        stage.trader.desk.switches.armed = False
        stage.world.ask_down(BUY)
        await stage.until(lambda: stage.trader.refusals["armed"], why="one that a gate stops")

    told = json.loads(invoke("why", "--data-dir", str(tmp_path), "--json").stdout)["opportunities"]
    assert len(told) >= 2
    assert any(row["deal"] for row in told)
    assert any(row["gate"] == "armed" for row in told)
    for row in told:
        words = invoke("why", "--data-dir", str(tmp_path), f"o{row['number']}").stdout
        if row["deal"]:
            assert f"taken    by deal {row['deal']}" in words
        else:
            assert row["gate"]
            assert row["why"]
            assert f"stopped  {row['gate']}: {row['why']}" in words
        assert bool(row["ended"]) is row["is_over"]
        assert f"ended    {row['ended'] or 'it still stood when this was written'}" in words
