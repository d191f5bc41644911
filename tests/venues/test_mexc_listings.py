"""MEXC's rules: what the venue says of a listing, and what we take it for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import Call, Response
from oneprice.venues.mexc import VENUE

T = TypeVar("T")
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, body if isinstance(body, bytes) else msgspec.json.encode(body)))


def wrapped(data: object) -> dict[str, object]:
    return {"success": True, "code": 0, "data": data}


def symbol(name: str = "BROCK", **changes: object) -> dict[str, object]:
    told: dict[str, object] = {
        "symbol": f"{name}USDT",
        "status": "1",
        "baseAsset": name,
        "baseAssetPrecision": 2,
        "quoteAsset": "USDT",
        "quotePrecision": 5,
        "quoteAssetPrecision": 5,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": True,
        "quoteAmountPrecision": "1.000000000000000000000000000000",
        "baseSizePrecision": "0.001",
        "filters": [],
        "maxQuoteAmount": "2000000",
        "makerCommission": "0",
        "takerCommission": "0.0005",
        "tradeSideType": 1,
        "st": False,
    }
    return told | changes


def info(*rows: dict[str, object]) -> dict[str, object]:
    return {"timezone": "CST", "serverTime": 1737623435453, "rateLimits": [], "symbols": list(rows)}


def test_spot_rules_do_not_mean_what_their_names_say() -> None:
    (listing,) = read(SPOT.listings(), info(symbol()))
    assert listing == SymbolInfo(
        venue=ExchangeName("mexc"),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName("BROCK"), AssetName("USDT")),
        venue_symbol="BROCKUSDT",
        tick_size=D("0.00001"),
        lot_size=D("0.01"),
        min_quantity=D("0.001"),
        min_notional=D(1),
        taker_fee=D("0.0005"),
        maker_fee=D(0),
        status="online",
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"isSpotTradingAllowed": False}, "not open to the API"),
        ({"status": "2"}, "paused"),
        ({"status": "3"}, "offline"),
        ({"status": "7"}, "7"),
        ({"tradeSideType": 2}, "buy only"),
        ({"tradeSideType": 3}, "sell only"),
        ({"tradeSideType": 4, "status": "2"}, "paused, closed"),
        ({"tradeSideType": 9}, "sides 9"),
    ],
)
def test_what_keeps_a_symbol_from_being_traded(change: dict[str, object], status: str) -> None:
    (listing,) = read(SPOT.listings(), info(symbol("BROCK", **change)))
    assert (listing.tradable, listing.status) == (False, status)


def test_the_older_word_for_online_is_understood() -> None:
    (listing,) = read(SPOT.listings(), info(symbol(status="ENABLED", makerCommission=None)))
    assert (listing.tradable, listing.maker_fee) == (True, None)


def test_symbols_that_cannot_be_priced_are_left_out() -> None:
    nameless = {"symbol": "AAPLXUSDT", "status": "1", "baseAsset": "AAPLX", "quotePrecision": 2}
    rows = (nameless, symbol("A", quotePrecision=None), symbol("B", baseAssetPrecision=30), symbol("C"))
    assert [listing.venue_symbol for listing in read(SPOT.listings(), info(*rows))] == ["CUSDT"]


def test_names_that_stand_for_a_thousand_coins() -> None:
    rows = (symbol("1000BONK"), symbol("1000CAT"), symbol("CAT"))
    told = {listing.venue_symbol: listing for listing in read(SPOT.listings(), info(*rows))}
    assert (str(told["1000BONKUSDT"].symbol), told["1000BONKUSDT"].multiplier) == ("BONK/USDT", D(1000))
    assert (str(told["1000CATUSDT"].symbol), told["1000CATUSDT"].multiplier) == ("1000CAT/USDT", D(1))


def contract(base: str = "BTC", **changes: object) -> dict[str, object]:
    told: dict[str, object] = {
        "symbol": f"{base}_USDT",
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "contractSize": 0.0001,
        "priceUnit": 0.5,
        "volUnit": 1,
        "minVol": 1,
        "maxVol": 1000000,
        "takerFeeRate": 0.0006,
        "makerFeeRate": 0.0002,
        "state": 0,
        "apiAllowed": True,
        "futureType": 1,
    }
    return told | changes


def test_perpetual_rules_are_in_contracts() -> None:
    expected = SymbolInfo(
        venue=ExchangeName("mexc"),
        market=MarketKind.USDM,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), is_futures=True),
        venue_symbol="BTC_USDT",
        tick_size=D("0.5"),
        lot_size=D(1),
        min_quantity=D(1),
        max_quantity=D(1_000_000),
        contract_size=D("0.0001"),
        taker_fee=D("0.0006"),
        maker_fee=D("0.0002"),
        status="enabled",
    )
    assert read(USDM.listings(), wrapped([contract()])) == [expected]
    assert read(USDM.listings(), wrapped(contract())) == [expected]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": 4}, "paused"),
        ({"state": 3}, "offline"),
        ({"state": 9}, "state 9"),
        ({"apiAllowed": False}, "enabled, not open to the API"),
    ],
)
def test_a_contract_that_the_api_may_not_trade(change: dict[str, object], status: str) -> None:
    (listing,) = read(USDM.listings(), wrapped([contract("BTC", **change)]))
    assert (listing.tradable, listing.status) == (False, status)


def test_only_perpetuals_in_usdt_that_can_be_priced() -> None:
    rows = [
        contract("A", quoteCoin="USD", settleCoin="A"),
        contract("B", settleCoin="USDC"),
        contract("C", futureType=2),
        contract("D", volUnit=0),
        contract("1000BONK", contractSize=1e1),
    ]
    (listing,) = read(USDM.listings(), wrapped(rows))
    assert (str(listing.symbol), listing.multiplier, listing.contract_size) == ("BONK/USDT", D(1000), D(10))


@pytest.mark.parametrize(
    ("call", "body"), [(SPOT.listings(), info(symbol())), (USDM.listings(), wrapped([contract()]))]
)
def test_spoilt_answers_are_refused_or_read(
    call: Call[Any], body: object, survives_mangling: Callable[[Call[object], bytes], None]
) -> None:
    survives_mangling(call, msgspec.json.encode(body))
