"""The simulated MEXC and clients that it was not written with."""

from __future__ import annotations

import ccxt
import pytest
from tests.sim.stranger_tests import StrangerTests
from tests.sim.strangers import Stranger


class TestMexcStrangers(StrangerTests):
    """MEXC."""

    venue_name = "mexc"

    async def test_what_is_not_there_is_told_in_the_markets_shape(self, ann: Stranger) -> None:
        """Clients read the bodies of errors as JSON without looking."""
        with pytest.raises(ccxt.ExchangeError, match='"code":404'):
            await ann.client.fetch_transfer("1")
        with pytest.raises(ccxt.ExchangeError, match='"success":false'):
            await ann.client.request("account/asset/analysis/today_pnl", ["contract", "private"], "GET")
