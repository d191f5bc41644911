"""An order that breaks a rule of its listing is refused before a byte leaves, with the rule and its figure."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import InvalidOrderError, NotSupported, Outcome
from oneprice.exchange.legal import require_legal
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    NewOrder,
    OrderType,
    Side,
    Symbol,
    SymbolInfo,
)

SPOT = SymbolInfo(
    venue=ExchangeName("testvenue"),
    market=MarketKind.SPOT,
    symbol=Symbol(AssetName("BTC"), AssetName("USDT")),
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.05"),
    lot_size=Decimal("0.002"),
    min_quantity=Decimal("0.004"),
    max_quantity=Decimal(100),
    min_notional=Decimal(5),
)
PERPETUAL = msgspec.structs.replace(
    SPOT, market=MarketKind.USDM, lot_size=Decimal(1), min_quantity=Decimal(1), contract_size=Decimal("0.1")
)
GOOD = NewOrder(
    listing=SPOT, side=Side.BUY, client_order_id="a-1_Z", price=Decimal("100.05"), quantity=Decimal("0.102")
)
MARKET = msgspec.structs.replace(GOOD, type=OrderType.MARKET, price=None)
BY_QUOTE = msgspec.structs.replace(MARKET, quantity=None, quote_quantity=Decimal(5))
ON_PERPETUAL = msgspec.structs.replace(GOOD, listing=PERPETUAL, quantity=Decimal(1))
NAN, INFINITE = Decimal("NaN"), Decimal("Infinity")


@pytest.mark.parametrize(
    "order",
    [
        GOOD,
        MARKET,
        BY_QUOTE,
        ON_PERPETUAL,
        msgspec.structs.replace(GOOD, type=OrderType.LIMIT_MAKER),
        msgspec.structs.replace(GOOD, price=Decimal("50.0"), quantity=Decimal("0.1")),  # just worth enough
        msgspec.structs.replace(GOOD, quantity=Decimal(100)),
        msgspec.structs.replace(ON_PERPETUAL, price=Decimal("0.05"), reduce_only=True),  # a small rest may be closed
        msgspec.structs.replace(GOOD, client_order_id="a" * 28),
    ],
)
def test_what_keeps_the_rules_passes(order: NewOrder) -> None:
    require_legal(order)


BROKEN = [
    (GOOD, {"client_order_id": ""}, "client_order_id"),
    (GOOD, {"client_order_id": "a" * 29}, "client_order_id"),
    (GOOD, {"client_order_id": "a b"}, "client_order_id"),
    (GOOD, {"client_order_id": "a\n"}, "client_order_id"),
    (GOOD, {"client_order_id": "ä"}, "client_order_id"),
    (GOOD, {"listing": msgspec.structs.replace(SPOT, tradable=False, status="BREAK")}, "BREAK"),
    (GOOD, {"price": None}, "price None must be above 0"),
    (GOOD, {"price": Decimal(0)}, "price 0 must be above 0"),
    (GOOD, {"price": Decimal(-1)}, "price -1 must be above 0"),
    (GOOD, {"price": NAN}, "price NaN must be above 0"),
    (GOOD, {"price": INFINITE}, "price Infinity must be above 0"),
    (GOOD, {"price": Decimal("100.01")}, "no multiple of tick_size 0.05"),
    (GOOD, {"price": Decimal("1E+40")}, "1E+40"),
    (GOOD, {"quantity": Decimal("1E+40")}, "1E+40"),
    (GOOD, {"price": Decimal("1E-40")}, "no multiple of tick_size"),
    (GOOD, {"quantity": None}, "quantity None must be above 0"),
    (GOOD, {"quantity": Decimal(0)}, "quantity 0 must be above 0"),
    (GOOD, {"quantity": NAN}, "quantity NaN must be above 0"),
    (GOOD, {"quantity": INFINITE}, "quantity Infinity must be above 0"),
    (GOOD, {"quantity": Decimal("0.103")}, "no multiple of lot_size 0.002"),
    (GOOD, {"quantity": Decimal("0.002")}, "below min_quantity 0.004"),
    (GOOD, {"quantity": Decimal("100.002")}, "above max_quantity 100"),
    (GOOD, {"price": Decimal("10.0")}, "below min_notional 5"),
    (GOOD, {"quote_quantity": Decimal(10)}, "quote_quantity is for MARKET orders"),
    (MARKET, {"price": Decimal(100)}, "a MARKET order has no price"),
    (MARKET, {"quote_quantity": Decimal(10)}, "quote_quantity is for MARKET orders, instead of quantity"),
    (BY_QUOTE, {"quote_quantity": Decimal(0)}, "quote_quantity 0 must be above 0"),
    (BY_QUOTE, {"quote_quantity": NAN}, "quote_quantity NaN must be above 0"),
    (BY_QUOTE, {"quote_quantity": Decimal("4.99")}, "below min_notional 5"),
    (ON_PERPETUAL, {"price": Decimal("49.95")}, "below min_notional 5"),  # of 0.1 coin
]


@pytest.mark.parametrize(
    ("order", "change", "told"), BROKEN, ids=[f"{told} {n}" for n, (_, _, told) in enumerate(BROKEN)]
)
def test_what_breaks_one_is_refused_unsent_and_named(order: NewOrder, change: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidOrderError) as refused:
        require_legal(msgspec.structs.replace(order, **change))
    assert told in str(refused.value)
    assert refused.value.outcome is Outcome.NOT_SENT


def test_reduce_only_is_not_for_spot() -> None:
    with pytest.raises(NotSupported, match="reduce_only is for perpetuals"):
        require_legal(msgspec.structs.replace(GOOD, reduce_only=True))


numbers = st.decimals(-1, 10**30) | st.sampled_from([NAN, INFINITE, Decimal("1E+90"), Decimal("1E-90")])


@given(numbers, numbers)
def test_no_number_makes_it_fail_otherwise(price: Decimal, quantity: Decimal) -> None:
    order = msgspec.structs.replace(GOOD, price=price, quantity=quantity)
    try:
        require_legal(order)
    except InvalidOrderError:
        return
    assert price % SPOT.tick_size == quantity % SPOT.lot_size == 0
    assert price * quantity >= SPOT.min_notional
    assert SPOT.min_quantity <= quantity <= Decimal(100)
