"""Fills of Gate's accounts by REST: pages, spans and fees."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from oneprice.errors import InvalidResponseError
from oneprice.model import AssetName, ExchangeName, MarketKind, Side, Symbol, SymbolInfo
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import Call, Credentials, FillsQuery, Response

T = TypeVar("T")
NOW_NS = 1_700_000_000_123_456_789
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


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, json.dumps(body).encode()))


TRADE = {
    "id": "123",
    "create_time_ms": "1548000000123.456",
    "order_id": "4128442423",
    "side": "buy",
    "role": "maker",
    "amount": "0.15",
    "price": "0.03",
    "fee": "0.0005",
    "fee_currency": "ETH",
    "point_fee": "0.1",
    "gt_fee": "0",
    "text": "t-test",
}


def test_fills_of_spot() -> None:
    call = SPOT.fills(FillsQuery(listing=BTC, since_ns=1_548_000_000_500_000_000, until_ns=1_548_000_100_500_000_000))
    assert SPOT.wire(call.request, NOW_NS).target == (
        "/api/v4/spot/my_trades?currency_pair=BTC_USDT&limit=1000&page=1&from=1548000000&to=1548000101"
    )
    page = read(call, [TRADE | {"id": "124"}, TRADE])
    assert [fill.venue_fill_id for fill in page.fills] == ["123", "124"]
    fill = page.fills[0]
    assert (fill.client_order_id, fill.venue_order_id, fill.is_maker) == ("test", "4128442423", True)
    assert fill.fees is not None
    assert [(fee.asset, fee.amount) for fee in fill.fees] == [("ETH", Decimal("0.0005")), ("POINT", Decimal("0.1"))]
    assert (fill.time_ns, page.more) == (1_548_000_000_123_456_000, None)


def test_a_full_page_leads_to_the_next() -> None:
    query = FillsQuery(listing=BTC, venue_order_id="4128442423")
    page = read(SPOT.fills(query), [TRADE] * 1_000)
    assert page.more is not None
    assert (page.more.page, page.more.venue_order_id) == (2, "4128442423")
    assert ("page", "2") in SPOT.fills(page.more).request.query


def test_more_than_a_month_is_asked_for_in_parts() -> None:
    day_ns = 86_400 * 10**9
    query = FillsQuery(listing=BTC, since_ns=100 * day_ns, until_ns=140 * day_ns)
    call = SPOT.fills(query)
    assert dict(call.request.query)["to"] == str(130 * 86_400)
    more = read(call, []).more
    assert more is not None
    assert (more.since_ns, more.until_ns) == (130 * day_ns, 140 * day_ns)
    assert read(SPOT.fills(more), []).more is None


def test_fills_of_perpetuals() -> None:
    row = {
        "id": 9,
        "create_time": 1_514_764_800.123,
        "contract": "BTC_USDT",
        "order_id": "21893289839",
        "size": "-100",
        "price": "100.123",
        "text": "t-123456",
        "fee": "0.01",
        "point_fee": "0",
        "role": "taker",
    }
    call = USDM.fills(FillsQuery(listing=BTC_PERP, since_ns=5 * 10**9))
    assert call.request.path == "/api/v4/futures/usdt/my_trades_timerange"
    page = read(call, [row] * 100)
    fill = page.fills[0]
    assert (fill.side, fill.quantity, fill.is_maker) == (Side.SELL, Decimal(100), False)
    assert fill.fees is not None
    assert [(fee.asset, fee.amount) for fee in fill.fees] == [("USDT", Decimal("0.01"))]
    assert fill.time_ns == 1_514_764_800_123_000_000
    assert page.more is not None
    assert ("offset", "100") in USDM.fills(page.more).request.query
    by_order = USDM.fills(FillsQuery(listing=BTC_PERP, venue_order_id="21893289839")).request
    assert (by_order.path.rpartition("/")[2], ("order", "21893289839") in by_order.query) == ("my_trades", True)
    renamed = {"trade_id": "9", **{name: told for name, told in row.items() if name != "id"}}
    assert read(call, [renamed]).fills == page.fills[:1]
    for wrong in ({"contract": "ETH_USDT"}, {"id": ""}, {"size": "0"}):
        with pytest.raises(InvalidResponseError):
            read(call, [row | wrong])


def test_spoilt_answers(survives_mangling: Callable[[Call[Any], bytes], None]) -> None:
    survives_mangling(SPOT.fills(FillsQuery(listing=BTC)), json.dumps([TRADE]).encode())
