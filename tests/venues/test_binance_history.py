"""Binance's lists: fills page by page, deposits, withdrawals, networks, and what an account pays."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import InvalidRequestError, InvalidResponseError, Outcome
from oneprice.model import (
    AssetName,
    ExchangeName,
    Fee,
    Fill,
    MarketKind,
    Side,
    Symbol,
    SymbolInfo,
    TransferStatus,
)
from oneprice.venues.binance import VENUE
from oneprice.venues.kit import Call, Credentials, FillsPage, FillsQuery, PrivateMarket, Response

D = Decimal
MS = 1_000_000
DAY_MS = 86_400_000
NOW_MS = 1_700_000_000_000
SPOT, USDM = (VENUE.accounts[kind](None, Credentials("key-of-account", "secret")) for kind in MarketKind)
both = pytest.mark.parametrize("ours", [SPOT, USDM], ids=["spot", "usdm"])


def listing(ours: PrivateMarket) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=ours.kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), ours.kind is MarketKind.USDM),
        venue_symbol="BTCUSDT",
        tick_size=D("0.01"),
        lot_size=D("0.001"),
    )


def asked(call: Call[Any]) -> dict[str, str]:
    return {name: value for name, value in call.request.query if name not in ("symbol", "limit")}


def answer(call: Call[Any], body: Any) -> Any:
    return call.read(Response(200, {}, json.dumps(body).encode()))


def row(number: int, time_ms: int, **changes: Any) -> dict[str, Any]:
    told = {"symbol": "BTCUSDT", "id": number, "orderId": 7, "price": "30000.0", "qty": "0.5", "commission": "0.1"}
    told |= {"quoteQty": "15000", "commissionAsset": "BNB", "time": time_ms, "isBuyer": False, "isMaker": True}
    return {**told, **changes}


# ---------------------------------------------------------------------- fills


@pytest.mark.parametrize(
    ("query", "spot", "usdm"),
    [
        ({}, {"fromId": "0"}, {"fromId": "0"}),
        ({"after_id": "41"}, {"fromId": "42"}, {"fromId": "42"}),
        ({"since_ns": 5 * MS, "after_id": "41"}, {"fromId": "42"}, {"fromId": "42"}),
        ({"venue_order_id": "7"}, {"orderId": "7"}, {"orderId": "7"}),
        ({"venue_order_id": "7", "after_id": "41"}, {"orderId": "7", "fromId": "42"}, {"orderId": "7", "fromId": "42"}),
        ({"since_ns": 5_999_999}, {"startTime": "5"}, {"startTime": "5"}),
        (
            {"since_ns": 5 * MS, "until_ns": 9 * DAY_MS * MS},
            {"startTime": "5", "endTime": str(5 + DAY_MS)},
            {"startTime": "5", "endTime": str(5 + 7 * DAY_MS)},
        ),
        (
            {"since_ns": 5 * MS, "until_ns": 9 * MS},
            {"startTime": "5", "endTime": "9"},
            {"startTime": "5", "endTime": "9"},
        ),
    ],
    ids=str,
)
def test_what_is_asked_for(query: dict[str, Any], spot: dict[str, str], usdm: dict[str, str]) -> None:
    for ours, expected in ((SPOT, spot), (USDM, usdm)):
        call = ours.fills(FillsQuery(listing=listing(ours), **query))
        assert asked(call) == expected
        assert call.request.path == ("/api/v3/myTrades" if ours is SPOT else "/fapi/v1/userTrades")
    by_order = SPOT.fills(FillsQuery(listing=listing(SPOT), venue_order_id="7"))
    assert (SPOT.fills(FillsQuery(listing=listing(SPOT))).request.weight, by_order.request.weight) == (20, 5)


def test_an_id_that_is_none_is_not_sent() -> None:
    with pytest.raises(InvalidRequestError, match="'x1'") as caught:
        SPOT.fills(FillsQuery(listing=listing(SPOT), after_id="x1"))
    assert caught.value.outcome is Outcome.NOT_SENT


def test_a_fill_of_either_market() -> None:
    (spot,) = answer(SPOT.fills(FillsQuery(listing=listing(SPOT), venue_order_id="7")), [row(3, NOW_MS)]).fills
    usdm_row = row(3, NOW_MS, side="SELL", maker=True, buyer=False, realizedPnl="0", positionSide="BOTH")
    del usdm_row["isBuyer"], usdm_row["isMaker"]
    (usdm,) = answer(USDM.fills(FillsQuery(listing=listing(USDM), venue_order_id="7")), [usdm_row]).fills
    for fill in (spot, usdm):
        assert (fill.venue_fill_id, fill.venue_order_id, fill.client_order_id) == ("3", "7", "")
        assert (fill.side, fill.price, fill.quantity, fill.is_maker) == (Side.SELL, D(30_000), D("0.5"), True)
        assert (fill.fees, fill.time_ns) == ((Fee(AssetName("BNB"), D("0.1")),), NOW_MS * MS)
    call = SPOT.fills(FillsQuery(listing=listing(SPOT)))
    for wrong in ({"symbol": "ETHUSDT"}, {"qty": "0"}, {"price": "-1"}, {"isBuyer": None}):
        with pytest.raises(InvalidResponseError):
            answer(call, [row(1, NOW_MS, **wrong)])


@given(
    st.lists(st.integers(0, 40 * DAY_MS), max_size=60).map(sorted),
    st.integers(0, 40 * DAY_MS),
    st.integers(0, 45 * DAY_MS),
    st.integers(2, 20),
)
@both
def test_following_the_pages_finds_every_fill_once(
    ours: PrivateMarket, times_ms: list[int], since_ms: int, span_ms: int, rows_max: int
) -> None:
    """Against a venue that answers as the documents say, with smaller pages."""
    since_ms += NOW_MS
    until_ms = since_ms + span_ms
    held = [row(number, NOW_MS + time_ms) for number, time_ms in enumerate(times_ms, 1)]
    wanted = [told["id"] for told in held if since_ms <= told["time"] <= until_ms]
    found: list[Fill] = []
    query: FillsQuery | None = FillsQuery(listing=listing(ours), since_ns=since_ms * MS, until_ns=until_ms * MS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oneprice.venues.binance.fills.ROWS_MAX", rows_max)
        for _ in range(200):
            if query is None:
                break
            call = ours.fills(query)
            page: FillsPage = answer(call, venue_answer(held, asked(call), rows_max))
            found += page.fills
            query = page.more
    assert query is None
    assert [int(fill.venue_fill_id) for fill in found] == wanted


def venue_answer(held: list[dict[str, Any]], fields: dict[str, str], rows_max: int) -> list[dict[str, Any]]:
    assert not ("fromId" in fields and "startTime" in fields)
    first, start, end = (int(fields.get(name, 0)) for name in ("fromId", "startTime", "endTime"))
    told = [one for one in held if one["id"] >= first and one["time"] >= start and (not end or one["time"] <= end)]
    return told[:rows_max]


# ---------------------------------------------------------------------- transfers


def test_deposits_and_withdrawals() -> None:
    since_ns, now_ns = 0, NOW_MS * MS
    for ours in (SPOT, USDM):
        for call in (ours.deposits(since_ns, now_ns), ours.withdrawals(since_ns, now_ns)):
            span_ms = int(asked(call)["endTime"]) - int(asked(call)["startTime"])
            assert 89 * DAY_MS < span_ms < 90 * DAY_MS
            assert call.request.budget == "sapi_ip"
    charges = SPOT.withdrawals(since_ns, now_ns).request.also
    assert [(charge.budget, charge.weight) for charge in charges] == [("sapi_uid", 18_000)]
    assert asked(SPOT.deposits(now_ns - MS, now_ns))["startTime"] == str(NOW_MS - 1)
    told = {"coin": "USDT", "network": "ETH", "amount": "8.91", "txId": "0xb5"}
    rows = [{**told, "id": str(at), "status": 1, "insertTime": at} for at in (20, 10)]
    first, second = answer(SPOT.deposits(0, now_ns), rows)
    assert (first.id, second.id, first.time_ns, first.amount) == ("10", "20", 10 * MS, D("8.91"))
    row = {**told, "id": "b6", "status": 6, "applyTime": "2019-10-12 11:12:02", "transactionFee": "0.004"}
    (gone,) = answer(SPOT.withdrawals(0, now_ns), [row])
    assert (gone.time_ns, gone.fee, gone.transaction) == (1_570_878_722 * 10**9, D("0.004"), "0xb5")
    with pytest.raises(InvalidResponseError, match="no time"):
        answer(SPOT.withdrawals(0, now_ns), [{**row, "applyTime": "yesterday"}])


@pytest.mark.parametrize(
    ("code", "deposit", "withdrawal"),
    [
        (0, TransferStatus.PENDING, TransferStatus.PENDING),
        (1, TransferStatus.DONE, TransferStatus.FAILED),
        (2, TransferStatus.FAILED, TransferStatus.PENDING),
        (3, TransferStatus.PENDING, TransferStatus.FAILED),
        (5, TransferStatus.PENDING, TransferStatus.FAILED),
        (6, TransferStatus.CREDITED, TransferStatus.DONE),
        (7, TransferStatus.FAILED, TransferStatus.PENDING),
        (99, TransferStatus.PENDING, TransferStatus.PENDING),
    ],
)
def test_states_of_transfers(code: int, deposit: TransferStatus, withdrawal: TransferStatus) -> None:
    told = {"id": "1", "coin": "BTC", "network": "BTC", "amount": "1", "status": code, "txId": None}
    (came,) = answer(SPOT.deposits(0, 1), [{**told, "insertTime": 1}])
    (went,) = answer(SPOT.withdrawals(0, 1), [{**told, "applyTime": "2026-01-01 00:00:00"}])
    assert (came.status, came.venue_status) == (deposit, str(code))
    assert (went.status, went.venue_status) == (withdrawal, str(code))


def test_networks_of_one_asset() -> None:
    network = {"network": "ETH", "depositEnable": True, "withdrawEnable": False, "withdrawFee": "3.5", "minConfirm": 12}
    coins = [
        {"coin": "USDT", "networkList": [{**network, "contractAddress": "0xda"}]},
        {"coin": "BTC", "networkList": []},
    ]
    (told,) = answer(SPOT.networks(AssetName("USDT")), coins)
    assert (told.asset, told.network, told.deposit_enabled, told.withdraw_enabled) == ("USDT", "ETH", True, False)
    assert (told.withdraw_fee, told.withdraw_min, told.confirmations, told.contract) == (D("3.5"), None, 12, "0xda")
    assert answer(SPOT.networks(AssetName("ETH")), coins) == []


# ---------------------------------------------------------------------- fees

ON = {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"}


@pytest.mark.parametrize(
    ("discount", "taker", "asset"),
    [
        ({}, "0.0013", None),
        (
            {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"},
            "0.00105",
            "BNB",
        ),
        (
            {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.25"},
            "0.00105",
            "BNB",
        ),
        (
            {"enabledForAccount": False, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"},
            "0.0013",
            None,
        ),
    ],
)
def test_spot_fees_add_up(discount: dict[str, Any], taker: str, asset: str | None) -> None:
    rates = {"maker": "0.0008", "taker": "0.0009", "buyer": "0", "seller": "0.0001"}
    extra = {"maker": "0.0001", "taker": "0.0002", "buyer": "0", "seller": "0"}
    none = dict.fromkeys(rates, "0")
    body = {"standardCommission": rates, "specialCommission": none, "taxCommission": {**extra, "buyer": "0.0001"}}
    told = answer(SPOT.fees(listing(SPOT)), {**body, "discount": discount})
    assert (told.taker, told.discount_asset) == (D(taker), asset)
    assert told.maker == D(taker) - (D("0.000175") if asset else D("0.0002"))
    with pytest.raises(InvalidResponseError):
        answer(SPOT.fees(listing(SPOT)), {**body, "discount": {**ON, "discount": "25"}})


def test_perpetual_fees() -> None:
    told = answer(USDM.fees(listing(USDM)), {"makerCommissionRate": "-0.0001", "takerCommissionRate": "0.0005"})
    assert (told.maker, told.taker, told.discount_asset) == (D("-0.0001"), D("0.0005"), None)
