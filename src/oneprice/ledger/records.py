"""What the journal holds: everything that was intended, told or concluded, in the order in which it happened.

Facts only, and each only once: whatever else is known (open orders, balances, profit) is folded from them, the same
way while running and after a crash. Accounts are VENUE-MARKET names, listings `VENUE-MARKET:VENUE_SYMBOL` (a market
may list an instrument twice). `wall_ns`: ours, since 1970. Amounts are Decimals in the venue's units.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.model import OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.deals import DealOutcome, DealState, Purpose

SCHEMA = 1
"""Of the records below. A journal of another schema is refused."""


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True, tag_field="record"):
    """A record. The tag, its first element, is the class's name; no field may be called `record`."""

    wall_ns: int


# ---------------------------------------------------------------------- runs


class RunStarted(Record, frozen=True):
    """`run` counts the starts on this data folder; `mode`: simulated, paper or live. `config`: JSON, no secrets."""

    run: int
    mode: str
    build: str
    config_hash: str
    config: str


class RunEnded(Record, frozen=True):
    """An orderly end. A journal whose last record is another was cut by a crash."""

    reason: str


class Switched(Record, frozen=True):
    """A switch was turned: `armed`, `kill`, `halt` or `venue:NAME`. `value`: "on", "off", or a breaker's state."""

    switch: str
    value: str
    reason: str


class Alarmed(Record, frozen=True):
    """Something that a person should know."""

    kind: str
    text: str


# ---------------------------------------------------------------------- what is traded, and what was there


class ListingKnown(Record, frozen=True):
    """The figures of a listing that money is counted by. Again when the venue changes them."""

    listing: str
    account: str
    symbol: str
    base: str
    quote: str
    is_perpetual: bool
    tick_size: Decimal
    lot_size: Decimal
    contract_size: Decimal
    multiplier: Decimal


class BalanceOpened(Record, frozen=True):
    """What an account held of an asset when its book was opened."""

    account: str
    asset: str
    total: Decimal


class PositionOpened(Record, frozen=True):
    """A position that was there when the book was opened; `price` is what it counts from."""

    listing: str
    quantity: Decimal
    price: Decimal


# ---------------------------------------------------------------------- deals and orders


class LegOpened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A planned leg: quantity in the listing's unit, `value` and `fee` as expected, in quote asset. `best`: the best
    price of the book that the plan was made from, 0 when not told."""

    listing: str
    side: Side
    quantity: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    best: Decimal = Decimal(0)


class DealOpened(Record, frozen=True):
    """A plan that the gates approved. `expected_*` in the home asset. `nets`: base coins of the group that its legs
    leave on purpose, signed, to net what earlier deals carried."""

    deal: int
    strategy: str
    group: str
    home: str
    opportunity: int
    holds: bool
    nets: Decimal
    expected_gross: Decimal
    expected_fees: Decimal
    expected_net: Decimal
    legs: tuple[LegOpened, ...]


class OrderIntended(Record, frozen=True):
    """Written before the order's first byte. `leg`: its place in the deal's plan, -1 for a hedge of the whole."""

    client_order_id: str
    deal: int
    leg: int
    attempt: int
    purpose: Purpose
    listing: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    reduce_only: bool


class CancelIntended(Record, frozen=True):
    """Written before the cancel's first byte."""

    client_order_id: str


class OrderTold(Record, frozen=True):
    """What is known of an order of ours now. `filled_quote` None when not told. `not_sent`: no byte of it left."""

    client_order_id: str
    status: OrderStatus
    venue_order_id: str
    filled: Decimal
    filled_quote: Decimal | None
    reason: str
    not_sent: bool = False


class FillTold(Record, frozen=True):
    """A match. `client_order_id` "" for an order that is not ours (adopted as external)."""

    listing: str
    venue_fill_id: str
    client_order_id: str
    venue_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fees: tuple[tuple[str, Decimal], ...]
    is_maker: bool
    venue_ns: int


class DealMoved(Record, frozen=True):
    """A deal's new state, and why in words."""

    deal: int
    state: DealState
    reason: str


class DealSettled(Record, frozen=True):
    """The end of a deal. `carried`: what it leaves in assets other than its home, to be netted later; `marks`: what one
    of each is worth in the home asset now (fee assets too)."""

    deal: int
    outcome: DealOutcome
    reason: str
    carried: tuple[tuple[str, Decimal], ...]
    marks: tuple[tuple[str, Decimal], ...]


# ---------------------------------------------------------------------- money that moved without an order


class FundingPaid(Record, frozen=True):
    """Funding that an account received, negative when it paid. `deal` 0 when no deal holds the position."""

    account: str
    listing: str
    asset: str
    amount: Decimal
    deal: int


class TransferTold(Record, frozen=True):
    """A deposit (above 0), withdrawal, or a difference that nothing else explains; `why` in words."""

    account: str
    asset: str
    amount: Decimal
    why: str


class BalanceChecked(Record, frozen=True):
    """The venue's balance held against ours. `explained`: how much of the difference is understood, "" when none."""

    account: str
    asset: str
    venue_total: Decimal
    our_total: Decimal
    explained: str


AnyRecord = (
    RunStarted
    | RunEnded
    | Switched
    | Alarmed
    | ListingKnown
    | BalanceOpened
    | PositionOpened
    | DealOpened
    | OrderIntended
    | CancelIntended
    | OrderTold
    | FillTold
    | DealMoved
    | DealSettled
    | FundingPaid
    | TransferTold
    | BalanceChecked
)
