"""Records, made short: what a test does not name is of no matter to it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import (
    AnyRecord,
    BalanceOpened,
    DealOpened,
    DealSettled,
    FillTold,
    LegOpened,
    ListingKnown,
    OrderIntended,
    OrderTold,
)
from oneprice.model import OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.deals import DealOutcome, Purpose

NOW_NS = 1_700_000_000_000_000_000
BUY, SELL = Side.BUY, Side.SELL
ZERO = Decimal(0)

SPOT_A, SPOT_B, PERPETUAL = "alpha-spot:BTCUSDT", "beta-spot:BTCUSDT", "alpha-usdm:BTCUSDT"
CROSSED = "alpha-spot:ETHBTC"
ETHER = "alpha-spot:ETHUSDT"


def D(text: str | int | Decimal) -> Decimal:  # as short as a digit
    return Decimal(text)


def listing(key: str, *, contract_size: str = "1", multiplier: str = "1") -> ListingKnown:
    account, _, name = key.partition(":")
    quote = "BTC" if name.endswith("BTC") else "USDT"
    base = name.removesuffix(quote)
    figures = (D("0.01"), D("0.00001"), D(contract_size), D(multiplier))
    return ListingKnown(NOW_NS, key, account, f"{base}/{quote}", base, quote, account.endswith("-usdm"), *figures)


def opened(
    deal: int = 1,
    *legs: LegOpened,
    net: str = "0",
    gross: str = "0",
    fees: str = "0",
    nets: str = "0",
    home: str = "USDT",
    group: str = "BTC/USDT",
    strategy: str = "cross",
    holds: bool = False,
) -> DealOpened:
    expected = (D(gross), D(fees), D(net))
    return DealOpened(NOW_NS, deal, strategy, group, home, 0, holds, D(nets), *expected, legs)


def leg(key: str, side: Side, quantity: str, price: str, value: str = "", best: str = "0") -> LegOpened:
    worth = D(value) if value else D(price) * D(quantity)
    return LegOpened(key, side, D(quantity), D(price), worth, D("0.001"), D(best))


def intent(
    name: str,
    key: str = SPOT_A,
    side: Side = BUY,
    quantity: str = "1",
    price: str = "100",
    *,
    deal: int = 1,
    leg: int = 0,
    purpose: Purpose = Purpose.ENTRY,
) -> OrderIntended:
    what = (OrderType.LIMIT, TimeInForce.IOC, D(price), D(quantity), False)
    return OrderIntended(NOW_NS, name, deal, leg, 0, purpose, key, side, *what)


def told(
    name: str,
    status: OrderStatus,
    filled: str = "0",
    *,
    venue_id: str = "v1",
    quote: str | None = None,
    reason: str = "",
    not_sent: bool = False,
) -> OrderTold:
    worth = None if quote is None else D(quote)
    return OrderTold(NOW_NS, name, status, venue_id, D(filled), worth, reason, not_sent)


def fill(
    fill_id: str,
    name: str = "o1",
    quantity: str = "1",
    price: str = "100",
    *,
    key: str = SPOT_A,
    side: Side = BUY,
    fees: dict[str, str] | None = None,
    venue_ns: int = NOW_NS,
    venue_id: str = "v1",
) -> FillTold:
    paid = tuple((asset, D(amount)) for asset, amount in (fees or {}).items())
    return FillTold(NOW_NS, key, fill_id, name, venue_id, side, D(price), D(quantity), paid, False, venue_ns)


def settled(
    deal: int = 1, carried: dict[str, str] | None = None, marks: dict[str, str] | None = None, wall_ns: int = NOW_NS
) -> DealSettled:
    left, prices = ({asset: D(amount) for asset, amount in (of or {}).items()} for of in (carried, marks))
    return DealSettled(wall_ns, deal, DealOutcome.CAPTURED, "", tuple(left.items()), tuple(prices.items()))


def balance(account: str, asset: str, total: str) -> BalanceOpened:
    return BalanceOpened(NOW_NS, account, asset, D(total))


def folded(*records: AnyRecord, into: Ledger | None = None) -> Ledger:
    """A ledger that knows the usual listings, and these records."""
    ledger = into or Ledger()
    if into is None:
        for key in (SPOT_A, SPOT_B, PERPETUAL, CROSSED, ETHER):
            ledger.apply(listing(key))
    apply_all(ledger, records)
    return ledger


def apply_all(ledger: Ledger, records: Iterable[AnyRecord]) -> None:
    for record in records:
        ledger.apply(record)
