"""The simulated Gate and clients that it was not written with."""

from __future__ import annotations

from decimal import Decimal

import ccxt
import pytest
from tests.sim.stranger_tests import StrangerTests
from tests.sim.strangers import SPOT, SWAP, Stranger

from oneprice.sim.server import SimServer


class TestGateStrangers(StrangerTests):
    """Gate."""

    venue_name = "gate"

    async def test_closed_positions_are_remembered(self, venue: SimServer, ann: Stranger) -> None:
        """A long of 5 in two parts, turned into a short of 2, closed: two lives with what they earned."""
        client, desk = ann.client, ann.desk(SWAP)
        await client.create_order(SWAP, "market", "buy", 3)
        await client.create_order(SWAP, "market", "buy", 2)
        desk.settle_funding(venue.now_ns())
        await client.create_order(SWAP, "market", "sell", 7, None, ann.named("turn"))
        await client.close_position(SWAP)
        short, long = await client.fetch_position_history(SWAP)
        assert [row["side"] for row in (short, long)] == ["short", "long"]
        raw_short, raw_long = short["info"], long["info"]
        assert (raw_long["max_size"], raw_long["accum_size"], raw_long["text"]) == ("5", "5", "t-turn")
        assert (raw_short["max_size"], raw_short["accum_size"]) == ("2", "2")
        (paid,) = desk.funding_payments(ann.account)
        assert Decimal(raw_long["pnl_fund"]) == paid.amount
        fills = desk.fills(ann.account)
        for name, real in (
            ("pnl_pnl", sum(fill.realised for fill in fills)),
            ("pnl_fee", -sum(fill.fee for fill in fills)),
            ("pnl", ann.account.balance("futures", "USDT").total - 10_000),
        ):
            assert Decimal(raw_long[name]) + Decimal(raw_short[name]) == real, name
        assert len(await client.fetch_positions_history([SWAP], None, 1)) == 1
        assert await client.fetch_position_history(SWAP, venue.now_ms() + 5_000) == []

    async def test_candles_of_mark_and_index_prices(self, ann: Stranger) -> None:
        trades = await ann.client.fetch_ohlcv(SWAP, "5m", None, 5)
        for price in ("mark", "index"):
            rows = await ann.client.fetch_ohlcv(SWAP, "5m", None, 5, {"price": price})
            assert [row[:5] for row in rows] == [row[:5] for row in trades]

    async def test_finished_orders_come_by_the_thousand_and_open_ones_by_the_hundred(self, ann: Stranger) -> None:
        request = {"currency_pair": "BTC_USDT", "status": "finished", "limit": 1_000}
        assert await ann.client.privateSpotGetOrders(request) == []
        assert await ann.client.fetch_closed_orders(SPOT, 0, None, {"paginate": True}) == []
        with pytest.raises(ccxt.BadRequest):
            await ann.client.privateSpotGetOrders(request | {"status": "open"})
