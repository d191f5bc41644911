"""What a Gate account has and may do, by REST."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from oneprice.errors import AuthenticationError, InvalidRequestError, InvalidResponseError, NotSupported, OnePriceError
from oneprice.model import (
    AssetName,
    ExchangeName,
    KeyPermissions,
    MarketKind,
    PositionMode,
    Symbol,
    SymbolInfo,
    TransferStatus,
)
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import Call, Credentials, Response, Ticket

T = TypeVar("T")
NOW_NS = 1_700_000_000_123_456_789
DAY_NS = 86_400 * 10**9
KEYS = Credentials("key", "secret")
SPOT, USDM = (VENUE.accounts[kind](None, KEYS) for kind in (MarketKind.SPOT, MarketKind.USDM))


def listing(kind: MarketKind) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("gate"),
        market=kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol="BTC_USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1),
    )


BTC, BTC_PERP = listing(MarketKind.SPOT), listing(MarketKind.USDM)
USDM.know([BTC_PERP])


def read(call: Call[T], body: object, status: int = 200) -> T:
    return call.read(Response(status, {}, json.dumps(body).encode()))


def target(call: Call[Any]) -> str:
    wire = SPOT.wire(call.request, NOW_NS)
    return f"{wire.method} {wire.target}"


# ---------------------------------------------------------------------- what there is


def test_balances_of_spot() -> None:
    (eth,) = read(SPOT.balances(), [{"currency": "ETH", "available": "968.8", "locked": "1.2", "update_id": 98}])
    assert (eth.asset, eth.total, eth.free, eth.locked, eth.version) == (
        "ETH",
        Decimal(970),
        Decimal("968.8"),
        Decimal("1.2"),
        98,
    )


ACCOUNT = {"total": "9707.803567115145", "available": "9669.09", "currency": "USDT", "in_dual_mode": False}


def test_the_balance_of_perpetuals_is_without_unrealised_profit() -> None:
    (usdt,) = read(USDM.balances(), ACCOUNT | {"unrealised_pnl": "3371.248828"})
    assert (usdt.asset, usdt.total, usdt.free) == ("USDT", Decimal("9707.803567115145"), Decimal("9669.09"))


POSITION = {
    "contract": "BTC_USDT",
    "size": "-12",
    "entry_price": "40000.5",
    "mark_price": "40001",
    "liq_price": "0",
    "unrealised_pnl": "-0.06",
    "leverage": "0",
    "cross_leverage_limit": "5",
    "update_time": 1_684_994_406,
}


def test_positions_that_are_held() -> None:
    call = USDM.positions()
    assert target(call) == "GET /api/v4/futures/usdt/positions?holding=true"
    (held,) = read(call, [POSITION, POSITION | {"size": 0, "contract": "ETH_USDT"}])
    assert (held.listing, held.quantity, held.entry_price) == (BTC_PERP, Decimal(-12), Decimal("40000.5"))
    assert (held.liquidation_price, held.leverage, held.time_ns) == (None, Decimal(5), 1_684_994_406 * 10**9)
    (isolated,) = read(call, [POSITION | {"leverage": "3", "contract": "OLD_USDT"}])
    assert (isolated.leverage, isolated.listing.tradable) == (Decimal(3), False)
    (near,) = read(call, [POSITION | {"liq_price": "39000"}])
    assert near.liquidation_price == Decimal(39_000)


def test_positions_of_hedge_mode_are_refused_for_a_listing_may_have_two() -> None:
    with pytest.raises(InvalidResponseError, match="hedge mode"):
        read(USDM.positions(), [POSITION | {"mode": "dual_long"}])
    assert read(USDM.positions(), [POSITION | {"mode": "dual_long", "size": 0}]) == []


def test_fees_of_spot_with_and_without_the_discount() -> None:
    call = SPOT.fees(BTC)
    assert target(call) == "GET /api/v4/wallet/fee?currency_pair=BTC_USDT"
    told = {"taker_fee": "0.002", "maker_fee": "0.0015", "gt_discount": False, "gt_taker_fee": "0", "gt_maker_fee": "0"}
    plain = read(call, told)
    assert (plain.taker, plain.maker, plain.discount_asset) == (Decimal("0.002"), Decimal("0.0015"), None)
    cheap = read(call, told | {"gt_discount": True, "gt_taker_fee": "0.0018", "gt_maker_fee": "0.0013"})
    assert (cheap.taker, cheap.maker, cheap.discount_asset) == (Decimal("0.0018"), Decimal("0.0013"), "GT")
    with pytest.raises(InvalidResponseError):
        read(call, told | {"taker_fee": "20"})


def test_fees_of_perpetuals() -> None:
    call = USDM.fees(BTC_PERP)
    assert target(call) == "GET /api/v4/futures/usdt/fee?contract=BTC_USDT"
    fee = read(call, {"BTC_USDT": {"taker_fee": "0.0005", "maker_fee": "-0.0001"}})
    assert (fee.taker, fee.maker) == (Decimal("0.0005"), Decimal("-0.0001"))
    with pytest.raises(InvalidResponseError):
        read(call, {"ETH_USDT": {"taker_fee": "0.0005", "maker_fee": "0"}})


# ---------------------------------------------------------------------- settings


def test_leverage_is_that_of_cross_margin() -> None:
    call = USDM.leverage(BTC_PERP, 5)
    assert target(call) == ("POST /api/v4/futures/usdt/positions/BTC_USDT/leverage?leverage=0&cross_leverage_limit=5")
    read(call, POSITION)
    read(call, {"label": "NO_CHANGE", "message": "No change is made"}, 400)
    with pytest.raises(InvalidRequestError):
        read(call, {"label": "LEVERAGE_TOO_HIGH", "message": "at most 100"}, 400)


def test_position_mode() -> None:
    assert read(USDM.position_mode(), ACCOUNT) is PositionMode.ONE_WAY
    assert read(USDM.position_mode(), ACCOUNT | {"in_dual_mode": True}) is PositionMode.HEDGE
    assert read(USDM.position_mode(), ACCOUNT | {"position_mode": "split"}) is PositionMode.HEDGE
    call = USDM.set_position_mode(PositionMode.ONE_WAY)
    assert target(call) == "POST /api/v4/futures/usdt/dual_mode?dual_mode=false"
    read(call, ACCOUNT)
    read(call, {"label": "NO_CHANGE", "message": "No change is made"}, 400)
    assert "dual_mode=true" in target(USDM.set_position_mode(PositionMode.HEDGE))


def test_what_only_perpetuals_have() -> None:
    wanted: list[Callable[[], object]] = [
        SPOT.positions,
        SPOT.position_mode,
        lambda: SPOT.leverage(BTC, 2),
        lambda: SPOT.set_position_mode(PositionMode.HEDGE),
    ]
    for ask in wanted:
        with pytest.raises(NotSupported):
            ask()


def test_the_dead_mans_switch() -> None:
    call = SPOT.dead_man(BTC, 30)
    assert (target(call), call.request.body) == (
        "POST /api/v4/spot/countdown_cancel_all",
        b'{"timeout":30,"currency_pair":"BTC_USDT"}',
    )
    read(call, {"triggerTime": "1660039145000"})
    assert USDM.dead_man(BTC_PERP, 5).request.body == b'{"timeout":5,"contract":"BTC_USDT"}'
    assert USDM.dead_man(None, 0).request.body == b'{"timeout":0}'
    for seconds in (1, 4, -1):
        with pytest.raises(NotSupported):
            SPOT.dead_man(None, seconds)


def test_the_ticket_of_perpetuals_is_the_users_number() -> None:
    call = USDM.ticket()
    assert call is not None
    assert target(call) == "GET /api/v4/account/detail"
    ticket = read(call, {"user_id": 1_667_201_533, "tier": 2})
    assert (ticket.value, repr(ticket)) == ("1667201533", "Ticket(...)")
    assert (SPOT.ticket(), SPOT.renew(Ticket("1")), USDM.renew(ticket), USDM.renew_every_s) == (None, None, None, 0)
    with pytest.raises(OnePriceError, match="ticket"):
        USDM.user_stream(None)


# ---------------------------------------------------------------------- the key

KEY = {
    "state": 1,
    "ip_whitelist": ["127.0.0.1"],
    "perms": [{"name": "spot", "read_only": False}, {"name": "futures", "read_only": True}, {"name": "wallet"}],
}


def test_what_the_key_may_do() -> None:
    spot = read(SPOT.permissions(), KEY)
    assert (spot.can_read, spot.can_trade, spot.can_withdraw, spot.can_transfer) == (True, True, False, True)
    assert (spot.ip_restricted, spot.scopes) == (True, ("spot", "futures (read only)", "wallet"))
    futures = read(USDM.permissions(), [KEY])
    assert (futures.can_read, futures.can_trade) == (True, False)


def test_ours_is_told_from_the_accounts_other_keys_by_its_first_letters() -> None:
    """Documented is a list of all keys, each cut short with stars; seen is also a single one with its mode."""
    other = {"key": "c5dcfbf1f3a7*****", "perms": [{"name": "withdrawal", "read_only": False}]}
    told = read(SPOT.permissions(), [other, KEY | {"key": "ke*****"}])
    assert (told.can_trade, told.can_withdraw) == (True, False)
    assert read(SPOT.permissions(), KEY | {"key": {"mode": 1}}).can_trade is True
    for unclear in ([other], [], [KEY | {"key": "ke**"}, KEY | {"key": "k***"}], [KEY, KEY]):
        assert read(SPOT.permissions(), unclear) == KeyPermissions()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_key_that_can_withdraw(read_only: bool) -> None:
    perms = [{"name": "withdrawal", "read_only": read_only}]
    told = read(SPOT.permissions(), KEY | {"perms": perms})
    assert (told.can_withdraw, told.can_trade, told.can_read) == (not read_only, False, False)


def test_a_key_that_may_not_ask_about_itself_is_not_judged() -> None:
    """Such an answer says nothing of what the key can do: None, not False."""
    assert read(SPOT.permissions(), {"label": "FORBIDDEN", "message": "no"}, 403) == KeyPermissions()
    assert read(SPOT.permissions(), {"ip_whitelist": []}) == KeyPermissions(ip_restricted=False)
    with pytest.raises(AuthenticationError):
        read(SPOT.permissions(), {"label": "INVALID_KEY", "message": "Invalid key"}, 401)


# ---------------------------------------------------------------------- in and out


def test_networks_tell_no_fees() -> None:
    rows = [
        {"chain": "ETH", "is_disabled": 0, "is_deposit_disabled": 0, "is_withdraw_disabled": 1},
        {"chain": "TRX", "is_disabled": 1, "contract_address": "TR7NHq"},
    ]
    eth, trx = read(SPOT.networks(AssetName("USDT")), rows)
    assert (eth.network, eth.deposit_enabled, eth.withdraw_enabled, eth.withdraw_fee) == ("ETH", True, False, None)
    assert (trx.deposit_enabled, trx.withdraw_enabled, trx.contract) == (False, False, "TR7NHq")


TRANSFER = {
    "id": "w1",
    "timestamp": "1542000000",
    "currency": "USDT",
    "amount": "222.61",
    "status": "DONE",
    "chain": "TRX",
    "txid": "128988928203",
    "fee": "1",
}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"block_number": "777"}, TransferStatus.DONE),
        ({}, TransferStatus.DONE),
        ({"block_number": "0"}, TransferStatus.PENDING),
        ({"block_number": ""}, TransferStatus.PENDING),
        ({"status": "CANCEL"}, TransferStatus.FAILED),
        ({"status": "FAIL"}, TransferStatus.FAILED),
        ({"status": "REVIEW"}, TransferStatus.PENDING),
        ({"status": "NEWWORD"}, TransferStatus.PENDING),
    ],
)
def test_withdrawals(told: dict[str, str], expected: TransferStatus) -> None:
    (gone,) = read(SPOT.withdrawals(0, NOW_NS), [TRANSFER | told])
    assert (gone.status, gone.venue_status) == (expected, {**TRANSFER, **told}["status"])
    assert (gone.amount, gone.fee, gone.transaction) == (Decimal("222.61"), Decimal(1), "128988928203")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("DONE", TransferStatus.DONE),
        ("DEP_CREDITED", TransferStatus.CREDITED),
        ("INVALID", TransferStatus.FAILED),
        ("BLOCKED", TransferStatus.PENDING),
        ("TRACK", TransferStatus.PENDING),
    ],
)
def test_deposits(word: str, expected: TransferStatus) -> None:
    later = TRANSFER | {"id": "d2", "timestamp": "1542000001"}
    first, second = read(SPOT.deposits(0, NOW_NS), [later, TRANSFER | {"status": word}])
    assert (first.id, first.status, second.id) == ("w1", expected, "d2")


def test_no_more_than_thirty_days_are_asked_for() -> None:
    recent = dict(SPOT.deposits(NOW_NS - DAY_NS, NOW_NS).request.query)
    assert (recent["from"], recent["to"]) == ("1699913600", "1700000001")
    old = dict(SPOT.withdrawals(0, NOW_NS).request.query)
    assert int(old["to"]) - int(old["from"]) < 30 * 86_400


def test_every_budget_that_is_charged_is_there() -> None:
    for account, known in ((SPOT, BTC), (USDM, BTC_PERP)):
        calls: list[Any] = [
            account.balances(),
            account.fees(known),
            account.permissions(),
            account.networks(AssetName("USDT")),
            account.deposits(0, NOW_NS),
            account.withdrawals(0, NOW_NS),
            account.dead_man(known, 0),
            account.cancel_all(known),
            account.open_orders(None),
        ]
        assert {call.request.budget for call in calls} <= set(account.budgets)


def test_spoilt_answers(survives_mangling: Callable[[Call[Any], bytes], None]) -> None:
    for call, body in (
        (SPOT.balances(), [{"currency": "ETH", "available": "968.8", "locked": "1.2", "update_id": 98}]),
        (USDM.balances(), ACCOUNT),
        (USDM.positions(), [POSITION]),
        (USDM.leverage(BTC_PERP, 5), POSITION),
        (SPOT.permissions(), KEY),
        (SPOT.withdrawals(0, NOW_NS), [TRANSFER]),
        (USDM.fees(BTC_PERP), {"BTC_USDT": {"taker_fee": "0.0005", "maker_fee": "0"}}),
    ):
        survives_mangling(call, json.dumps(body).encode())
