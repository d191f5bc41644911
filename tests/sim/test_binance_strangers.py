"""The simulated Binance and clients that it was not written with."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.sim.stranger_tests import StrangerTests
from tests.sim.strangers import SPOT, Stranger


class TestBinanceStrangers(StrangerTests):
    """Binance."""

    venue_name = "binance"

    async def test_the_wallet_in_sum(self, ann: Stranger) -> None:
        client = ann.client
        (detail,) = (await client.sapiGetAssetAssetDetail({"asset": "USDT"})).values()
        networks = (await client.fetch_currencies())["USDT"]["networks"]
        assert float(detail["withdrawFee"]) in [network["fee"] for network in networks.values()]
        rows = {row["walletName"]: row for row in await client.sapiGetAssetWalletBalance({"quoteAsset": "USDT"})}
        assert Decimal(rows["USDⓈ-M Futures"]["balance"]) == 10_000
        bitcoin = ann.desk(SPOT).mark_price(ann.listing(SPOT))
        assert float(rows["Spot"]["balance"]) == pytest.approx(float(100_000 + bitcoin), rel=1e-3)
        assert (await client.sapiGetBnbBurn())["spotBNBBurn"] is False
        assert (await client.sapiGetAccountInfo())["isMarginEnabled"] is False
