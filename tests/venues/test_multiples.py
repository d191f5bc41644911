"""Assets that a venue names by the thousand: balances and fees are told in coins, as its listings are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from ccxt.protobuf.mexc import PushDataV3ApiWrapper_pb2

from oneprice.model import AssetBalance, AssetName, ExchangeName, Fee, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import (
    BalanceUpdate,
    Credentials,
    FillsQuery,
    Response,
    Ticket,
    fee_of,
    find_venue,
    in_coins,
    multiples,
)

D = Decimal


def listing(venue: str, base: str = "SATS", multiplier: int = 1_000, symbol: str = "1000SATSUSDT") -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName(venue),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName(base), AssetName("USDT")),
        venue_symbol=symbol.replace("USDT", "_USDT") if venue == "gate" else symbol,
        tick_size=D("0.0001"),
        lot_size=D(1),
        multiplier=D(multiplier),
    )


def account(venue: str) -> Any:
    made = find_venue(venue).accounts[MarketKind.SPOT](None, Credentials("key", "secret"))
    made.know([listing(venue), listing(venue, "ETH", 1, "ETHUSDT")])
    return made


HELD: dict[str, object] = {
    "binance": {"balances": [{"asset": "1000SATS", "free": "2", "locked": "0.5"}]},
    "gate": [{"currency": "1000SATS", "available": "2", "locked": "0.5"}],
    "mexc": {"balances": [{"asset": "1000SATS", "free": "2", "locked": "0.5"}]},
}
FILLS: dict[str, dict[str, object]] = {
    "binance": {
        "symbol": "1000SATSUSDT",
        "id": 1,
        "orderId": 2,
        "price": "0.1",
        "qty": "5",
        "time": 3,
        "isBuyer": True,
        "commission": "0.005",
        "commissionAsset": "1000SATS",
    },
    "gate": {
        "id": "1",
        "order_id": "2",
        "side": "buy",
        "amount": "5",
        "price": "0.1",
        "create_time_ms": "3",
        "fee": "0.005",
        "fee_currency": "1000SATS",
    },
    "mexc": {
        "symbol": "1000SATSUSDT",
        "id": "1",
        "orderId": "2",
        "price": "0.1",
        "qty": "5",
        "time": 3,
        "isBuyer": True,
        "commission": "0.005",
        "commissionAsset": "1000SATS",
    },
}


@pytest.mark.parametrize("venue", HELD)
def test_balances(venue: str) -> None:
    (told,) = account(venue).balances().read(Response(200, {}, msgspec.json.encode(HELD[venue])))
    assert (told.asset, told.total, told.free, told.locked) == ("SATS", D(2_500), D(2_000), D(500))


@pytest.mark.parametrize("venue", FILLS)
def test_fees_of_fills(venue: str) -> None:
    call = account(venue).fills(FillsQuery(listing=listing(venue), since_ns=1))
    (fill,) = call.read(Response(200, {}, msgspec.json.encode([FILLS[venue]]))).fills
    assert fill.fees == (Fee(AssetName("SATS"), D(5)),)
    assert (fill.price, fill.quantity) == (D("0.1"), D(5))


def test_balances_of_gates_stream() -> None:
    row = {"currency": "1000SATS", "timestamp_ms": "5", "total": "2.5", "available": "2", "change": "1"}
    frame = {"channel": "spot.balances", "event": "update", "result": [row]}
    (told,) = account("gate").user_stream(None).read(msgspec.json.encode(frame), False, 0)
    balance = AssetBalance(asset=AssetName("SATS"), total=D(2_500), free=D(2_000), time_ns=5_000_000)
    assert told == BalanceUpdate((balance,))


def test_balances_of_mexcs_stream() -> None:
    wrapper = PushDataV3ApiWrapper_pb2.PushDataV3ApiWrapper(channel="spot@private")
    for name, value in {"vcoinName": "1000SATS", "balanceAmount": "2", "frozenAmount": "0.5", "time": 5}.items():
        setattr(wrapper.privateAccount, name, value)
    (told,) = account("mexc").user_stream(Ticket("a1")).read(wrapper.SerializeToString(), True, 0)
    balance = AssetBalance(asset=AssetName("SATS"), total=D(2_500), free=D(2_000), time_ns=5_000_000)
    assert told == BalanceUpdate((balance,))


def test_a_word_that_is_an_asset_of_its_own_stands_for_itself() -> None:
    rows = [listing("mexc"), listing("mexc", "1000SATS", 1)]
    assert multiples(rows) == {}
    assert in_coins("1000SATS", multiples(rows)) == ("1000SATS", D(1))
    assert in_coins("1000SATS", multiples(rows[:1])) == ("SATS", D(1_000))
    assert multiples([listing("mexc", "BABYDOGE", 1_000_000)])["1MBABYDOGE"] == ("BABYDOGE", D(1_000_000))
    assert fee_of(rows[0], "USDT", D(1)) == Fee(AssetName("USDT"), D(1))
    assert fee_of(rows[1], "1000SATS", D(1)) == Fee(AssetName("1000SATS"), D(1))
