"""The control API: accounts are opened, paid and looked at from outside; what was wrong with a request is said."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from oneprice.sim import accounts
from oneprice.sim.accounts import DEFAULT_FUNDS, DEFAULT_KEY, DEFAULT_SECRET, FIRST_UID, Account
from oneprice.sim.control import Control
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import Kind, SimInstrument, SimMarket
from oneprice.sim.orders import DeskRules, Ticket
from oneprice.sim.server import SimServer

START_NS = 1_750_000_000_000_000_000
RULES = DeskRules(maker_fee=Decimal("0.001"), taker_fee=Decimal("0.002"))


def instrument(base: str, kind: Kind) -> SimInstrument:
    return SimInstrument(
        base, "USDT", Decimal("0.01"), Decimal("0.0001"), Decimal("0.0001"), Decimal(5), Decimal(1), kind
    )


@pytest.fixture
async def exchange() -> AsyncIterator[SimServer]:
    """Spot BTC and ETH and a BTC perpetual whose wallet has a name of its own; the clock stands still."""
    markets = {
        "spot": SimMarket(
            "toy", "spot", [instrument("BTC", Kind.SPOT), instrument("ETH", Kind.SPOT)], 42, START_NS - 1_000
        ),
        "futures": SimMarket("toy", "futures", [instrument("BTC", Kind.PERPETUAL)], 42, START_NS - 1_000),
    }
    for market in markets.values():
        market.start(START_NS)
    server = SimServer("toy", markets, clock=lambda: START_NS)
    server.open_desks({"spot": RULES, "futures": RULES})
    await server.start()
    yield server
    await server.stop()


class Outside:
    """Asks the control API."""

    def __init__(self, http: aiohttp.ClientSession, server: SimServer) -> None:
        self._http = http
        self._url = server.url + "/_sim/"

    async def get(self, what: str, status: int = 200) -> Any:
        async with self._http.get(self._url + what) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def post(self, what: str, body: object, status: int = 200) -> Any:
        async with self._http.post(self._url + what, data=json.dumps(body)) as response:
            assert response.status == status, await response.text()
            return await response.json()


@pytest.fixture
def outside(http: aiohttp.ClientSession, exchange: SimServer) -> Outside:
    return Outside(http, exchange)


def customer(exchange: SimServer) -> Account:
    found = exchange.accounts.find(DEFAULT_KEY)
    assert found is not None
    return found[0]


def buy(exchange: SimServer, market: str, quantity: str, price: str | None = None) -> None:
    desk = exchange.desks[market]
    listing = next(iter(exchange.markets[market].listings.values()))
    limit = None if price is None else Decimal(price)
    desk.place(customer(exchange), listing, Ticket(side=Side.BUY, quantity=Decimal(quantity), price=limit), START_NS)


def total(truth: dict[str, Any], market: str, asset: str) -> Decimal:
    """Of everybody: customers, house and revenue."""
    everybody = [*truth["accounts"], truth["house"], truth["revenue"]]
    held = [one["wallets"].get(market, {}).get(asset, {"free": "0", "held": "0"}) for one in everybody]
    return sum((Decimal(one["free"]) + Decimal(one["held"]) for one in held), Decimal(0))


async def test_default_account_has_the_assets_that_are_listed(outside: Outside) -> None:
    truth = await outside.get("accounts")
    (account,) = truth["accounts"]
    assert account["uid"] == FIRST_UID
    assert {asset: held["free"] for asset, held in account["wallets"]["spot"].items()} == {
        asset: str(DEFAULT_FUNDS["spot"][asset]) for asset in ("USDT", "BTC", "ETH")
    }
    assert account["wallets"]["futures"] == {"USDT": {"free": "200000", "held": "0"}}
    assert (account["positions"], account["open_orders"], account["fills"]) == ({}, [], {"spot": 0, "futures": 0})
    assert DEFAULT_SECRET not in json.dumps(truth)


def test_market_without_rules_has_no_desk_and_no_wallet() -> None:
    markets = {
        name: SimMarket("toy", name, [instrument("BTC", kind)], 42, START_NS)
        for name, kind in (("spot", Kind.SPOT), ("futures", Kind.PERPETUAL))
    }
    for market in markets.values():
        market.start(START_NS)
    server = SimServer("toy", markets, clock=lambda: START_NS)
    server.open_desks({"spot": RULES})
    assert (list(server.desks), list(customer(server).wallets)) == (["spot"], ["spot"])


async def test_opened_account_is_found_by_its_key(exchange: SimServer, outside: Outside) -> None:
    order = {"key": "k2", "secret": "s2", "rights": ["read"], "funds": {"spot": {"USDT": "12.5"}}}
    uid = (await outside.post("account", order))["uid"]
    found = exchange.accounts.find("k2")
    assert found is not None
    account, key = found
    assert (account.uid, key.secret, key.rights) == (uid, "s2", frozenset({"read"}))
    assert account.balance("spot", "USDT").free == Decimal("12.5")
    assert (await outside.post("account", {"key": "k3", "public_key": "PEM"}))["uid"] == uid + 1


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"key": DEFAULT_KEY, "secret": "x"}, "is taken"),
        ({"key": "", "secret": "x"}, "needs a key"),
        ({"key": "k"}, "either a secret or a public_key"),
        ({"key": "k", "secret": "x", "public_key": "y"}, "either a secret or a public_key"),
        ({"key": "k", "secret": "x", "rights": ["steal"]}, "steal"),
        ({"key": "k", "secret": "x", "funds": {"margin": {"USDT": "1"}}}, "no trading in 'margin'"),
        ({"key": "k", "secret": "x", "funds": {"spot": {"GOLD": "1"}}}, "no GOLD in spot"),
        ({"key": "k", "secret": "x", "funds": {"futures": {"BTC": "1"}}}, "no BTC in futures"),
        ({"key": "k", "secret": "x", "funds": {"spot": {"USDT": "-1"}}}, "above 0"),
        ({"key": "k", "secret": "x", "funds": {"spot": {"USDT": "NaN"}}}, "must be a number"),
        ({"key": "k", "secret": "x", "funds": {"spot": {"USDT": "1e99"}}}, "at most 18 digits"),
        ({"key": "k", "secret": "x", "color": "red"}, "color"),
    ],
)
async def test_senseless_accounts_are_refused(outside: Outside, order: dict[str, Any], named: str) -> None:
    assert named in (await outside.post("account", order, 400))["error"]
    assert len((await outside.get("accounts"))["accounts"]) == 1


async def test_deposit_and_withdrawal_change_the_wallet(outside: Outside) -> None:
    order = {"uid": FIRST_UID, "market": "spot", "asset": "BTC", "amount": "0.5"}
    assert (await outside.post("deposit", order))["wallets"]["spot"]["BTC"]["free"] == "2.5"
    withdrawn = await outside.post("deposit", order | {"amount": "-2.25"})
    assert Decimal(withdrawn["wallets"]["spot"]["BTC"]["free"]) == Decimal("0.25")
    refused = await outside.post("deposit", order | {"amount": "-0.26"}, 400)
    assert "insufficient_balance" in refused["error"]
    assert "no account 7" in (await outside.post("deposit", order | {"uid": 7}, 400))["error"]
    assert "must be a number" in (await outside.post("deposit", order | {"amount": "Infinity"}, 400))["error"]


async def test_numbers_that_no_wallet_holds_are_refused(outside: Outside) -> None:
    long = "1." + "0" * 120 + "1"
    order = {"uid": FIRST_UID, "market": "futures", "asset": "USDT", "amount": long}
    assert "must be a number" in (await outside.post("deposit", order, 400))["error"]
    account = {"key": "k", "secret": "s", "funds": {"spot": {"USDT": long}}}
    assert "must be a number" in (await outside.post("account", account, 400))["error"]
    rate = {"market": "futures", "rate": "0." + "0" * 120 + "1"}
    assert "a funding rate" in (await outside.post("funding", rate, 400))["error"]


async def test_there_is_a_most_of_accounts(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "ACCOUNTS_MAX", 2)
    await outside.post("account", {"key": "k1", "secret": "s"})
    assert "2 accounts" in (await outside.post("account", {"key": "k2", "secret": "s"}, 400))["error"]


async def test_trade_moves_assets_and_makes_none(exchange: SimServer, outside: Outside) -> None:
    before = await outside.get("accounts")
    buy(exchange, "spot", "0.01")
    after = await outside.get("accounts")
    for asset in ("BTC", "USDT"):
        assert total(after, "spot", asset) == total(before, "spot", asset)
    fills = (await outside.get(f"fills?uid={FIRST_UID}"))["fills"]
    assert sum(Decimal(fill["quantity"]) for fill in fills) == Decimal("0.01")
    assert {(fill["market"], fill["instrument"], fill["side"], fill["fee_asset"]) for fill in fills} == {
        ("spot", "BTC/USDT", "buy", "BTC")
    }
    wallet = after["accounts"][0]["wallets"]["spot"]
    assert Decimal(wallet["USDT"]["free"]) == 200_000 - sum(Decimal(fill["quote"]) for fill in fills)
    assert Decimal(wallet["BTC"]["free"]) == Decimal("2.01") - sum(Decimal(fill["fee"]) for fill in fills)
    assert after["accounts"][0]["fills"]["spot"] == len(fills)


async def test_resting_order_is_shown_with_what_it_holds(exchange: SimServer, outside: Outside) -> None:
    bid = exchange.markets["spot"].listings["BTC/USDT"].top.bid_ticks
    price = exchange.markets["spot"].listings["BTC/USDT"].price_text(bid * 9 // 10)
    buy(exchange, "spot", "0.01", price)
    (account,) = (await outside.get("accounts"))["accounts"]
    (order,) = account["open_orders"]
    assert (order["market"], order["side"], order["price"], order["quantity"], order["filled"]) == (
        "spot",
        "buy",
        price,
        "0.01",
        "0",
    )
    assert Decimal(account["wallets"]["spot"]["USDT"]["held"]) == Decimal(price) * Decimal("0.01")


async def test_funding_is_settled_when_told_to(exchange: SimServer, outside: Outside) -> None:
    buy(exchange, "futures", "0.1")
    before = await outside.get("accounts")
    assert before["accounts"][0]["positions"]["BTC/USDT:USDT"]["quantity"] == "0.1"
    await outside.post("funding", {"market": "futures", "rate": "0.001"})
    after = await outside.get("accounts")
    paid = [Decimal(one["accounts"][0]["wallets"]["futures"]["USDT"]["free"]) for one in (before, after)]
    assert paid[1] < paid[0]
    assert total(after, "futures", "USDT") == total(before, "futures", "USDT")


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"market": "spot"}, "no funding"),
        ({"market": "margin"}, "there is in: spot, futures"),
        ({"market": "futures", "rate": "1.5"}, "between -1 and 1"),
        ({"market": "futures", "rate": "NaN"}, "between -1 and 1"),
    ],
)
async def test_senseless_funding_is_refused(outside: Outside, order: dict[str, str], named: str) -> None:
    assert named in (await outside.post("funding", order, 400))["error"]


@pytest.mark.parametrize(("query", "named"), [("", "wants ?uid="), ("?uid=x", "'x'"), ("?uid=5", "no account 5")])
async def test_fills_want_an_account(outside: Outside, query: str, named: str) -> None:
    assert named in (await outside.get("fills" + query, 400))["error"]


async def test_status_tells_accounts_desks_and_fault_hits(exchange: SimServer, outside: Outside) -> None:
    exchange.faults.switch_on(FaultOrder(FaultKind.HALT, target="ETH/"))
    exchange.faults.hit(FaultKind.HALT, "ETH/USDT")
    status = await outside.get("status")
    assert status["accounts"] == [FIRST_UID]
    assert status["desks"] == {
        "spot": {"open_orders": 0, "halted": ["ETH/USDT"]},
        "futures": {"open_orders": 0, "halted": []},
    }
    assert status["fault_hits"] == {"halt": 1}


async def test_exchange_without_a_private_side_says_so(http: aiohttp.ClientSession) -> None:
    server = SimServer("toy", {})
    await server.start()
    try:
        outside = Outside(http, server)
        assert (await outside.get("accounts"))["accounts"] == []
        assert "no trading in 'spot'" in (await outside.post("funding", {"market": "spot"}, 400))["error"]
    finally:
        await server.stop()


@pytest.mark.parametrize(("remote", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.5", 403)])
async def test_only_loopback_is_answered(remote: str, status: int) -> None:
    app = web.Application()
    Control(SimServer("toy", {})).add_to(app.router)
    request = make_mocked_request("GET", "/_sim/status").clone(remote=remote)
    found = await app.router.resolve(request)
    answer = await found.handler(request)
    assert answer.status == status
