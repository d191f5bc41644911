"""Gate's own Python SDK (gate-api), unmodified but for its host, trades on the simulated Gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import gate_api
import pytest
from gate_api.exceptions import GateApiException

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, ApiKey
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
USDT = "usdt"


class Sdk:
    """The SDK's classes; it blocks, so its calls go to a thread."""

    def __init__(self, server: SimServer, key: str = DEFAULT_KEY, secret: str = DEFAULT_SECRET) -> None:
        self.client = gate_api.ApiClient(gate_api.Configuration(host=f"{server.url}/api/v4", key=key, secret=secret))
        self.spot = gate_api.SpotApi(self.client)
        self.futures = gate_api.FuturesApi(self.client)
        self.wallet = gate_api.WalletApi(self.client)
        self.account = gate_api.AccountApi(self.client)
        self.withdrawal = gate_api.WithdrawalApi(self.client)
        self.unified = gate_api.UnifiedApi(self.client)

    async def __call__(self, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return await asyncio.to_thread(method, *given, **named)


@pytest.fixture
async def gate(start_venue: StartVenue) -> SimServer:
    return await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"), still=True)


@pytest.fixture
def sdk(gate: SimServer) -> Sdk:
    return Sdk(gate)


def low(server: SimServer, market: str, key: str) -> str:
    """A bid that rests."""
    item = listing(server, market, key)
    return item.price_text(item.top.bid_ticks * 9 // 10)


def listing(server: SimServer, market: str, key: str) -> SimListing:
    return server.markets[market].listings[key]


def spot_order(server: SimServer, **more: Any) -> Any:
    given = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": low(server, "spot", "BTC/USDT")}
    return gate_api.Order(**(given | more))


def futures_order(server: SimServer, **more: Any) -> Any:
    price = low(server, "futures", "ETH/USDT:USDT")
    return gate_api.FuturesOrder(**({"contract": "ETH_USDT", "size": "2.5", "price": price, "tif": "gtc"} | more))


async def test_spot_orders(gate: SimServer, sdk: Sdk) -> None:
    made = await sdk(sdk.spot.create_order, spot_order(gate, text="t-sdk"))
    assert (made.status, made.text, made.left, made.finish_as) == ("open", "t-sdk", "0.01", "open")
    assert (await sdk(sdk.spot.get_order, "t-sdk", "BTC_USDT")).id == made.id
    ((pair),) = await sdk(sdk.spot.list_all_open_orders)
    assert (pair.currency_pair, pair.total, pair.orders[0].id) == ("BTC_USDT", 1, made.id)
    patch = gate_api.OrderPatch(amount="0.02", amend_text="bigger")
    amended = await sdk(sdk.spot.amend_order, made.id, patch, currency_pair="BTC_USDT")
    assert (amended.amount, amended.amend_text, amended.status) == ("0.02", "bigger", "open")
    (item,) = await sdk(
        sdk.spot.amend_batch_orders,
        [gate_api.BatchAmendItem(order_id=made.id, currency_pair="BTC_USDT", amount="0.03")],
    )
    assert (item.succeeded, item.amount) == (True, "0.03")
    ended = await sdk(sdk.spot.cancel_order, made.id, "BTC_USDT")
    assert (ended.status, ended.finish_as) == ("cancelled", "cancelled")
    assert [order.id for order in await sdk(sdk.spot.list_orders, "BTC_USDT", "finished")] == [made.id]
    with pytest.raises(GateApiException) as refused:
        await sdk(sdk.spot.cancel_order, made.id, "BTC_USDT")
    assert (refused.value.label, refused.value.status) == ("ORDER_CANCELLED", 400)


async def test_spot_batches(gate: SimServer, sdk: Sdk) -> None:
    wanted = [spot_order(gate, text="t-1"), spot_order(gate, text="t-2", amount="100"), spot_order(gate, text="nope")]
    first, poor, nameless = await sdk(sdk.spot.create_batch_orders, wanted)
    assert (first.succeeded, first.status) == (True, "open")
    assert (poor.succeeded, poor.label) == (False, "BALANCE_NOT_ENOUGH")
    assert (nameless.succeeded, nameless.label) == (False, "INVALID_PARAM_VALUE")
    cancels = [gate_api.CancelBatchOrder(currency_pair="BTC_USDT", id=name) for name in (first.id, "77")]
    good, unknown = await sdk(sdk.spot.cancel_batch_orders, cancels)
    assert (good.succeeded, unknown.succeeded, unknown.label) == (True, False, "ORDER_NOT_FOUND")
    await sdk(sdk.spot.create_order, spot_order(gate))
    (gone,) = await sdk(sdk.spot.cancel_orders, currency_pair="BTC_USDT")
    assert gone.status == "cancelled"


async def test_spot_money(gate: SimServer, sdk: Sdk) -> None:
    order = spot_order(gate, type="market", amount="500", price=None, time_in_force="ioc", account="spot")
    bought = await sdk(sdk.spot.create_order, order)
    assert (bought.status, bought.finish_as, bought.fee_currency) == ("closed", "filled", "BTC")
    assert Decimal(bought.left) == 500 - Decimal(bought.filled_total)
    fills = await sdk(sdk.spot.list_my_trades, currency_pair="BTC_USDT", order_id=bought.id)
    assert sum(Decimal(fill.fee) for fill in fills) == Decimal(bought.fee)
    assert sum(Decimal(fill.amount) for fill in fills) == Decimal(bought.filled_amount)
    (btc,) = await sdk(sdk.spot.list_spot_accounts, currency="BTC")
    assert Decimal(btc.available) == 2 + Decimal(bought.filled_amount) - Decimal(bought.fee)
    book = await sdk(sdk.spot.list_spot_account_book, currency="BTC")
    assert {entry.type for entry in book} == {"order_fill", "order_fee"}
    assert sum(Decimal(entry.change) for entry in book) == Decimal(btc.available) - 2
    assert Decimal(book[0].balance) == Decimal(btc.available)
    assert (await sdk(sdk.spot.get_fee)).taker_fee == "0.001"
    assert (await sdk(sdk.spot.get_batch_spot_fee, "BTC_USDT,ETH_USDT"))["ETH_USDT"].maker_fee == "0.001"


async def test_futures_orders(gate: SimServer, sdk: Sdk) -> None:
    made = await sdk(sdk.futures.create_futures_order, USDT, futures_order(gate, text="t-fut"))
    assert (made.status, made.size, made.left, made.text) == ("open", "2.5", "2.5", "t-fut")
    assert (await sdk(sdk.futures.get_futures_order, USDT, "t-fut")).id == made.id
    assert [order.id for order in await sdk(sdk.futures.list_futures_orders, USDT, "open")] == [made.id]
    change = gate_api.FuturesOrderAmendment(size="5")
    assert (await sdk(sdk.futures.amend_futures_order, USDT, str(made.id), change)).size == "5"
    ended = await sdk(sdk.futures.cancel_futures_order, USDT, str(made.id))
    assert (ended.status, ended.finish_as) == ("finished", "cancelled")
    good, bad = await sdk(
        sdk.futures.create_batch_futures_order, USDT, [futures_order(gate), futures_order(gate, contract="X_USDT")]
    )
    assert (good.succeeded, bad.succeeded, bad.label) == (True, False, "CONTRACT_NOT_FOUND")
    (gone,) = await sdk(sdk.futures.cancel_batch_future_orders, USDT, [str(good.id)])
    assert gone.succeeded is True
    await sdk(sdk.futures.create_futures_order, USDT, futures_order(gate))
    assert len(await sdk(sdk.futures.cancel_futures_orders, USDT, contract="ETH_USDT")) == 1
    assert len(await sdk(sdk.futures.get_orders_with_time_range, USDT, contract="ETH_USDT")) == 3


async def test_futures_money(gate: SimServer, sdk: Sdk) -> None:
    sold = await sdk(sdk.futures.create_futures_order, USDT, futures_order(gate, size="-30", price="0", tif="ioc"))
    assert (sold.status, sold.finish_as, sold.left) == ("finished", "filled", "0")
    trades = await sdk(sdk.futures.get_my_trades, USDT, contract="ETH_USDT")
    assert sum(Decimal(trade.size) for trade in trades) == -30
    assert {trade.role for trade in trades} == {"taker"}
    position = await sdk(sdk.futures.get_position, USDT, "ETH_USDT")
    assert (position.size, position.mode) == ("-30", "single")
    assert Decimal(position.entry_price) == pytest.approx(Decimal(sold.fill_price))
    assert [item.contract for item in await sdk(sdk.futures.list_positions, USDT, holding=True)] == ["ETH_USDT"]
    account = await sdk(sdk.futures.list_futures_accounts, USDT)
    fees = sum(Decimal(trade.fee) for trade in trades)
    assert Decimal(account.total) == 200_000 - fees
    assert Decimal(account.available) < Decimal(account.total) - Decimal(account.position_margin) + 1
    assert Decimal(account.history.fee) == -fees
    assert (await sdk(sdk.futures.get_futures_fee, USDT))["ETH_USDT"].taker_fee == "0.0005"
    assert (await sdk(sdk.futures.update_position_leverage, USDT, "ETH_USDT", "5")).leverage == "5"
    closing = gate_api.FuturesOrder(contract="ETH_USDT", size="0", close=True, price="0", tif="ioc")
    closed = await sdk(sdk.futures.create_futures_order, USDT, closing)
    assert (closed.size, closed.finish_as, closed.is_close) == ("30", "filled", True)
    book = await sdk(sdk.futures.list_futures_account_book, USDT)
    assert {entry.type for entry in book} == {"fee", "pnl"}
    account = await sdk(sdk.futures.list_futures_accounts, USDT)
    assert sum(Decimal(entry.change) for entry in book) == Decimal(account.total) - 200_000
    assert (await sdk(sdk.futures.set_dual_mode, USDT, True)).in_dual_mode is True


async def test_dead_mans_switches(gate: SimServer, sdk: Sdk) -> None:
    await sdk(sdk.spot.create_order, spot_order(gate))
    task = gate_api.CountdownCancelAllSpotTask(timeout=30)
    assert (await sdk(sdk.spot.countdown_cancel_all_spot, task)) is not None
    gate.desks["spot"].tick(gate.now_ns() + 31_000_000_000)
    assert await sdk(sdk.spot.list_all_open_orders) == []
    await sdk(sdk.futures.create_futures_order, USDT, futures_order(gate))
    await sdk(
        sdk.futures.countdown_cancel_all_futures,
        USDT,
        gate_api.CountdownCancelAllFuturesTask(timeout=5, contract="ETH_USDT"),
    )
    await sdk(
        sdk.futures.countdown_cancel_all_futures,
        USDT,
        gate_api.CountdownCancelAllFuturesTask(timeout=0, contract="ETH_USDT"),
    )
    gate.desks["futures"].tick(gate.now_ns() + 31_000_000_000)
    assert len(await sdk(sdk.futures.list_futures_orders, USDT, "open")) == 1


async def test_wallet(gate: SimServer, sdk: Sdk) -> None:
    chains = await sdk(sdk.wallet.list_currency_chains, "USDT")
    assert {chain.chain for chain in chains} >= {"TRX", "ETH", "BSC"}
    assert [chain.is_deposit_disabled for chain in chains if chain.chain == "ARBEVM"] == [1]
    assert (await sdk(sdk.wallet.get_trade_fee)).futures_taker_fee == "0.0005"
    (status,) = await sdk(sdk.wallet.list_withdraw_status, currency="USDT")
    assert status.withdraw_fix_on_chains["TRX"] == "1"
    total = await sdk(sdk.wallet.get_total_balance)
    assert total.details["futures"].amount == "200000"
    assert Decimal(total.total.amount) > 400_000
    address = await sdk(sdk.wallet.get_deposit_address, "XRP")
    assert address.multichain_addresses[0].payment_id != ""
    with pytest.raises(GateApiException) as refused:
        await sdk(sdk.wallet.transfer, gate_api.Transfer(currency="USDT", _from="spot", to="futures", amount="10"))
    assert refused.value.label == "FORBIDDEN"


async def test_transfers_and_withdrawals_need_their_rights(gate: SimServer) -> None:
    rights = frozenset({"read", "trade", "transfer", "withdraw"})
    account = gate.accounts.open([ApiKey(key="rich", secret="r", rights=rights)], {"spot": {"USDT": Decimal(1_000)}})
    sdk = Sdk(gate, "rich", "r")
    with pytest.raises(GateApiException) as refused:
        await sdk(sdk.futures.list_futures_accounts, USDT)
    assert refused.value.label == "USER_NOT_FOUND"
    move = gate_api.Transfer(currency="USDT", _from="spot", to="futures", amount="400", settle="usdt")
    moved = await sdk(sdk.wallet.transfer, move)
    assert (await sdk(sdk.wallet.get_transfer_order_status, tx_id=str(moved.tx_id))).status == "SUCCESS"
    assert (await sdk(sdk.wallet.get_transfer, str(moved.tx_id))).to_account == "futures"
    assert (await sdk(sdk.futures.list_futures_accounts, USDT)).total == "400"
    assert {entry.type for entry in await sdk(sdk.spot.list_spot_account_book)} == {"futures_out"}
    await sdk(
        sdk.withdrawal.withdraw, gate_api.LedgerRecord(currency="USDT", amount="100", address="Tabc", chain="TRX")
    )
    (left,) = await sdk(sdk.wallet.list_withdrawals)
    assert (left.amount, left.status, left.chain, left.address) == ("100", "DONE", "TRX", "Tabc")
    assert account.balance("spot", "USDT").free == 500
    perms = (await sdk(sdk.account.get_account_main_keys)).perms
    assert {perm.name: perm.read_only for perm in perms}["withdrawal"] is False


async def test_account(gate: SimServer, sdk: Sdk) -> None:
    detail = await sdk(sdk.account.get_account_detail)
    assert (detail.user_id, detail.key.mode) == (gate.accounts.all()[0].uid, 1)
    perms = (await sdk(sdk.account.get_account_main_keys)).perms
    assert {perm.name: perm.read_only for perm in perms} == {
        "wallet": True,
        "spot": False,
        "futures": False,
        "account": True,
    }
    assert (await sdk(sdk.account.get_account_rate_limit))[0].tier == "0"
    assert (await sdk(sdk.unified.get_unified_mode)).mode == "classic"
    with pytest.raises(GateApiException):
        await sdk(sdk.unified.list_unified_accounts)


async def test_self_trades_are_prevented_in_a_group(gate: SimServer, sdk: Sdk) -> None:
    item = listing(gate, "spot", "BTC/USDT")
    inside = item.price_text(item.top.ask_ticks - 1)
    await sdk(sdk.spot.create_order, spot_order(gate, side="sell", price=inside))
    with pytest.raises(GateApiException) as refused:
        await sdk(sdk.spot.create_order, spot_order(gate, price=inside, stp_act="cn"))
    assert refused.value.label == "INVALID_PARAM_VALUE"
    group = await sdk(sdk.account.create_stp_group, gate_api.StpGroup(name="mine"))
    assert [item.id for item in await sdk(sdk.account.list_stp_groups)] == [group.id]
    stopped = await sdk(sdk.spot.create_order, spot_order(gate, price=inside, stp_act="cn"))
    assert (stopped.status, stopped.finish_as, stopped.stp_id) == ("cancelled", "stp", group.id)
