"""Gate's rules: what the venue says of a listing, and what we take it for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import Call, Response

T = TypeVar("T")
D = Decimal
SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))


def read(call: Call[T], body: object) -> T:
    return call.read(Response(200, {}, body if isinstance(body, bytes) else msgspec.json.encode(body)))


def pair(**changes: object) -> dict[str, object]:
    told: dict[str, object] = {
        "id": "ETH_USDT",
        "base": "ETH",
        "base_name": "Ethereum",
        "quote": "USDT",
        "fee": "0.2",
        "min_base_amount": "0.001",
        "min_quote_amount": "3",
        "max_base_amount": None,
        "max_quote_amount": "5000000",
        "amount_precision": 3,
        "precision": 2,
        "trade_status": "tradable",
        "sell_start": 1516378650,
        "buy_start": 1516378650,
        "delisting_time": 0,
        "type": "normal",
        "st_tag": False,
    }
    return told | changes


def test_spot_rules() -> None:
    (listing,) = read(SPOT.listings(), [pair()])
    assert listing == SymbolInfo(
        venue=ExchangeName("gate"),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName("ETH"), AssetName("USDT")),
        venue_symbol="ETH_USDT",
        tick_size=D("0.01"),
        lot_size=D("0.001"),
        min_quantity=D("0.001"),
        max_quantity=None,
        min_notional=D(3),
        taker_fee=D("0.002"),
        maker_fee=D("0.002"),
        tradable=True,
        status="tradable",
    )


@pytest.mark.parametrize(
    "change",
    [{"trade_status": "untradable"}, {"trade_status": "buyable"}, {"trade_status": "sellable"}, {"type": "premarket"}],
)
def test_a_pair_that_cannot_be_traded_both_ways_is_not_tradable(change: dict[str, object]) -> None:
    (listing,) = read(SPOT.listings(), [pair(**change)])
    assert not listing.tradable


def test_missing_minima_are_none_at_all() -> None:
    (listing,) = read(SPOT.listings(), [pair(min_base_amount=None, min_quote_amount=None)])
    assert (listing.min_quantity, listing.min_notional) == (D(0), D(0))


def test_pairs_whose_decimals_cannot_be_held_are_left_out() -> None:
    rows = [pair(precision=-1), pair(amount_precision=19), pair(fee=None)]
    (listing,) = read(SPOT.listings(), rows)
    assert (listing.taker_fee, listing.maker_fee) == (None, None)


def contract(name: str = "BTC_USDT", **changes: object) -> dict[str, object]:
    told: dict[str, object] = {
        "name": name,
        "type": "direct",
        "quanto_multiplier": "0.0001",
        "order_price_round": "0.1",
        "order_size_min": "1",
        "order_size_max": "1000000",
        "enable_decimal": False,
        "maker_fee_rate": "-0.0001",
        "taker_fee_rate": "0.00075",
        "in_delisting": False,
        "status": "trading",
        "contract_type": "",
        "funding_rate": "0.0001",
        "funding_interval": 14400,
        "funding_next_apply": 1610035200,
        "mark_price": "37985.6",
        "index_price": "37954.92",
    }
    return told | changes


def test_perpetual_rules_are_in_contracts() -> None:
    (listing,) = read(USDM.listings(), [contract()])
    assert listing == SymbolInfo(
        venue=ExchangeName("gate"),
        market=MarketKind.USDM,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT"), is_futures=True),
        venue_symbol="BTC_USDT",
        tick_size=D("0.1"),
        lot_size=D(1),
        min_quantity=D(1),
        max_quantity=D(1_000_000),
        contract_size=D("0.0001"),
        taker_fee=D("0.00075"),
        maker_fee=D("-0.0001"),
        status="trading",
    )


def test_fractions_of_contracts_have_the_least_size_as_lot() -> None:
    (listing,) = read(USDM.listings(), [contract("ETH_USDT", order_size_min="0.1", enable_decimal=True)])
    assert (listing.lot_size, listing.min_quantity) == (D("0.1"), D("0.1"))
    (listing,) = read(USDM.listings(), [contract("ETH_USDT", order_size_min=0, enable_decimal=True)])
    assert listing.lot_size == 1


@pytest.mark.parametrize("change", [{"in_delisting": True}, {"status": "prelaunch"}, {"is_pre_market": True}])
def test_a_contract_on_its_way_in_or_out_is_not_tradable(change: dict[str, object]) -> None:
    (listing,) = read(USDM.listings(), [contract("BTC_USDT", **change)])
    assert not listing.tradable


def test_stocks_and_contracts_without_a_size_are_left_out() -> None:
    rows = [
        contract("NVDA_USDT", contract_type="stocks"),
        contract("BTC_USD", quanto_multiplier="0"),
        contract("NEW_USDT", order_price_round="0"),
        contract(),
    ]
    assert [listing.venue_symbol for listing in read(USDM.listings(), rows)] == ["BTC_USDT"]


def test_names_that_stand_for_a_thousand_coins() -> None:
    rows = [contract("1000BONK_USDT"), contract("1000CAT_USDT"), contract("CAT_USDT")]
    told = {listing.venue_symbol: listing for listing in read(USDM.listings(), rows)}
    assert (str(told["1000BONK_USDT"].symbol), told["1000BONK_USDT"].multiplier) == ("BONK/USDT", D(1000))
    assert (str(told["1000CAT_USDT"].symbol), told["1000CAT_USDT"].multiplier) == ("1000CAT/USDT", D(1))
    assert len({listing.name for listing in told.values()}) == 3


@pytest.mark.parametrize(("call", "body"), [(SPOT.listings(), [pair()]), (USDM.listings(), [contract()])])
def test_spoilt_answers_are_refused_or_read(
    call: Call[Any], body: object, survives_mangling: Callable[[Call[object], bytes], None]
) -> None:
    survives_mangling(call, msgspec.json.encode(body))
