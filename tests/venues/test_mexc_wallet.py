"""What MEXC tells of a whole account, whichever side of it asks: rights, networks, deposits, withdrawals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from oneprice.model import AssetName, MarketKind, TransferStatus
from oneprice.venues.kit import Call, Credentials, Response
from oneprice.venues.mexc import VENUE

T = TypeVar("T")
D = Decimal
KEYS = Credentials("mx0key", "secret")
SPOT, USDM = (VENUE.accounts[kind](None, KEYS) for kind in (MarketKind.SPOT, MarketKind.USDM))
MS = 1_000_000
NOW_NS = 1_795_000_000_000 * MS
DAY_NS = 86_400_000 * MS


def read(call: Call[T], body: object, headers: dict[str, str] | None = None) -> T:
    return call.read(Response(200, headers or {}, msgspec.json.encode(body)))


def sent(call: Call[Any]) -> str:
    """Method, path and query, without what signing adds."""
    wire = SPOT.wire(call.request, NOW_NS)
    return f"{wire.method} {wire.target.partition('recvWindow=')[0].rstrip('&?')}"


@pytest.mark.parametrize(
    ("scopes", "rights"),
    [
        ("SPOT_ACCOUNT_READ,SPOT_DEAL_READ,SPOT_DEAL_WRITE", (True, True, False, False)),
        ("SPOT_ACCOUNT_READ,CONTRACT_DEAL_WRITE,SPOT_WITHDRAW_READ", (False, False, False, False)),
        ("SPOT_DEAL_WRITE,SPOT_WITHDRAW_W", (False, True, True, False)),
        ("SPOT_WITHDRAW_WRITE,SPOT_TRANSFER_WRITE,SPOT_TRANSFER_READ", (False, False, True, True)),
        ("SPOT_WITHDRAW_R, SPOT_TRANSFER_READ", (False, False, False, False)),
        ("", (False, False, False, False)),
    ],
)
def test_what_a_key_may_do(scopes: str, rights: tuple[bool, bool, bool, bool]) -> None:
    call = SPOT.permissions()
    assert sent(call) == "GET /api/v3/apiKeyInfo?accessKey=mx0key"
    assert call.request.method == "GET"  # a POST there changes the key's addresses
    body = {"permissions": scopes, "remainingValidity": 82, "ipWhiteList": "1.2.3.4", "status": "VALID"}
    told = read(call, body, headers={"date": "Mon, 23 Nov 2026 17:00:00 GMT"})
    assert (told.can_read, told.can_trade, told.can_withdraw, told.can_transfer) == rights
    assert told.ip_restricted is True
    assert told.expires_ns == 1795453200 * 1_000_000_000 + 82 * DAY_NS
    assert read(call, body).expires_ns is None
    assert read(call, body, headers={"date": "soon"}).expires_ns is None
    over = read(call, body | {"status": "EXPIRED"})
    assert (over.can_read, over.can_trade) == (False, False)


def test_networks_of_one_coin() -> None:
    network = {"network": "Tron(TRC20)", "netWork": "TRX", "depositEnable": True, "withdrawEnable": False}
    more = {"withdrawFee": "1.5", "withdrawMin": "5", "minConfirm": 20, "contract": "T1"}
    body = [
        {"coin": "USDT", "networkList": [network | more, network | {"netWork": None}]},
        {"coin": "X", "networkList": []},
    ]
    call = SPOT.networks(AssetName("USDT"))
    assert sent(call) == "GET /api/v3/capital/config/getall"
    first, second = read(call, body)
    assert (first.network, first.deposit_enabled, first.withdraw_enabled) == ("TRX", True, False)
    assert (first.withdraw_fee, first.withdraw_min, first.confirmations, first.contract) == (D("1.5"), D(5), 20, "T1")
    assert (second.network, second.withdraw_fee) == ("Tron(TRC20)", None)
    assert read(SPOT.networks(AssetName("NONE")), body) == []


def test_transfers_are_asked_for_90_days_at_most() -> None:
    span = f"startTime={(NOW_NS - 90 * DAY_NS) // MS}&endTime={NOW_NS // MS}&limit=1000"
    assert sent(SPOT.deposits(0, NOW_NS)) == f"GET /api/v3/capital/deposit/hisrec?{span}"
    since = NOW_NS - DAY_NS
    span = f"startTime={since // MS}&endTime={NOW_NS // MS}&limit=1000"
    assert sent(SPOT.withdrawals(since, NOW_NS)) == f"GET /api/v3/capital/withdraw/history?{span}"


def test_deposits_and_withdrawals_come_oldest_first() -> None:
    deposit = {"coin": "USDT", "amount": "5", "network": "TRX", "txId": "t", "insertTime": 2}
    rows = [deposit | {"status": 5}, deposit | {"status": 7, "insertTime": 1}, deposit | {"status": 99, "txId": None}]
    failed, done, other = read(SPOT.deposits(0, NOW_NS), rows)
    assert (failed.status, done.status, other.status) == (
        TransferStatus.FAILED,
        TransferStatus.DONE,
        TransferStatus.PENDING,
    )
    assert (other.id, other.venue_status, other.transaction) == ("USDT-2", "99", "")
    withdrawal = {
        "id": "w",
        "coin": "USDT",
        "amount": "5",
        "status": 7,
        "transactionFee": "1",
        "transHash": "h",
        "applyTime": 3,
    }
    texts = {"status": "5", "insertTime": "1664805021000"}
    (told,) = read(SPOT.deposits(0, NOW_NS), [deposit | texts | {"txId": None}])
    assert (told.id, told.status, told.venue_status) == ("USDT-1664805021000", TransferStatus.DONE, "5")
    assert told.time_ns == 1_664_805_021_000 * MS
    (told,) = read(SPOT.withdrawals(0, NOW_NS), [withdrawal])
    assert (told.id, told.fee, told.transaction, told.status) == ("w", D(1), "h", TransferStatus.DONE)


def test_perpetuals_ask_the_same_and_read_their_own_rights() -> None:
    for spot, usdm in (
        (SPOT.permissions(), USDM.permissions()),
        (SPOT.networks(AssetName("X")), USDM.networks(AssetName("X"))),
        (SPOT.deposits(0, NOW_NS), USDM.deposits(0, NOW_NS)),
        (SPOT.withdrawals(0, NOW_NS), USDM.withdrawals(0, NOW_NS)),
    ):
        assert sent(spot) == sent(usdm)
        for market, call in ((SPOT, spot), (USDM, usdm)):
            request = call.request
            assert {request.budget, *(charge.budget for charge in request.also)} <= market.budgets.keys()
    scopes = "SPOT_ACCOUNT_READ,SPOT_DEAL_READ,CONTRACT_ACCOUNT_READ,CONTRACT_DEAL_READ,CONTRACT_DEAL_WRITE"
    of_spot, of_usdm = (read(market.permissions(), {"permissions": scopes}) for market in (SPOT, USDM))
    assert (of_spot.can_read, of_spot.can_trade) == (True, False)
    assert (of_usdm.can_read, of_usdm.can_trade) == (True, True)
    assert of_spot.scopes == of_usdm.scopes == tuple(scopes.split(","))
