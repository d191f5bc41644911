"""What the simulated Binance must not do: remember for ever, tell what did not happen, give a number twice."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.sim.binance_caller import LIMIT, Api, Caller, Clock

from oneprice.sim.accounts import ApiKey
from oneprice.sim.dialects.binance import futures_account, wallet

FUTURES_LIMIT = LIMIT | {"price": "60000.0"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def venue(start_venue: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(wallet, "_KEPT", 3)
    monkeypatch.setattr(futures_account, "_MOVES_KEPT", 3)
    return await start_venue("binance", instruments=("BTC/USDT",), clock=clock, still=True)


@pytest.fixture
def caller(http: aiohttp.ClientSession, venue: Any) -> Caller:
    return Caller(http, venue)


@pytest.fixture
async def user_data(http: aiohttp.ClientSession, venue: Any, caller: Caller) -> AsyncIterator[Api]:
    """The futures account's stream."""
    _, answer, _ = await caller.send("POST", "/fapi/v1/listenKey", "")
    async with http.ws_connect(f"{venue.url}/usdm/private/ws/{answer['listenKey']}") as socket:
        yield Api(caller, socket)


async def test_histories_of_moves_have_a_maximum(http: aiohttp.ClientSession, venue: Any) -> None:
    key = ApiKey(key="mover" * 8, secret="s", rights=frozenset({"read", "transfer"}))
    venue.accounts.open([key], {"spot": {"USDT": Decimal(9)}})
    caller = Caller(http, venue, key.key, "s")
    for _ in range(5):
        await caller.done("POST", "/sapi/v1/asset/transfer", type="MAIN_UMFUTURE", asset="USDT", amount="1")
    answer = await caller.done("GET", "/sapi/v1/asset/transfer", type="MAIN_UMFUTURE")
    numbers = [row["tranId"] for row in answer["rows"]]
    assert len(numbers) == answer["total"] == 3
    assert len(set(numbers)) == 3
    income = await caller.done("GET", "/fapi/v1/income", incomeType="TRANSFER")
    assert len(income) == 3


async def test_deposits_have_a_maximum_and_numbers_of_their_own(caller: Caller, venue: Any) -> None:
    account = venue.accounts.all()[0]
    for _ in range(5):
        venue.desks["spot"].deposit(account, "USDT", Decimal(1), venue.now_ns())
    rows = await caller.done("GET", "/sapi/v1/capital/deposit/hisrec")
    assert len(rows) == len({row["id"] for row in rows}) == 3


async def test_a_modification_that_changes_nothing_is_told_to_nobody(caller: Caller, user_data: Api) -> None:
    order = await caller.done("POST", "/fapi/v1/order", **FUTURES_LIMIT)
    assert (await user_data.next_event())["o"]["x"] == "NEW"
    same = {"symbol": "BTCUSDT", "orderId": order["orderId"], "side": "BUY", "quantity": "0.010", "price": "60000"}
    assert (await caller.refused("PUT", "/fapi/v1/order", **same))[1] == -5027
    await caller.done("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=order["orderId"])
    assert (await user_data.next_event())["o"]["x"] == "CANCELED"
