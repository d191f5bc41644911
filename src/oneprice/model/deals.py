"""Deals: what is to be traded together, why, and how far it has come."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum, IntEnum

import msgspec

from oneprice.model.codes import OrderType, Side, TimeInForce
from oneprice.model.instrument import AssetName, SymbolInfo


class Purpose(IntEnum):
    """Why an order is sent. ENTRY and MAKER may add risk; the others only take it away."""

    ENTRY = 1  # a leg of the plan, taken at once
    MAKER = 2  # a leg of the plan, resting until somebody takes it
    EXIT = 3  # closes a position that a deal holds on purpose
    HEDGE = 4  # completes, hedges or reverses what legs left unequal
    FLATTEN = 5  # a person wants it closed


ADDS_RISK = frozenset({Purpose.ENTRY, Purpose.MAKER})


class DealState(str, Enum):
    """Where a deal is. It ends as SETTLED; HALTED waits for its venue or a person, and is never forgotten."""

    WORKING = "working"  # orders of its legs are out
    HEDGING = "hedging"  # legs were unequal; orders that make them equal are out, or will be
    HOLDING = "holding"  # legs are equal and stay open on purpose (a carry)
    EXITING = "exiting"  # the held legs are being closed
    HALTED = "halted"  # unequal, and nothing more is tried by itself for now
    SETTLED = "settled"


class DealOutcome(str, Enum):
    """How a deal ended."""

    CAPTURED = "captured"  # every leg filled whole
    PARTIAL = "partial"  # equal legs, smaller than planned
    HEDGED = "hedged"  # legs were unequal and were made equal
    MISSED = "missed"  # nothing filled


class PlanLeg(msgspec.Struct, frozen=True, kw_only=True):
    """One order to be. `account`: its VENUE-MARKET. `price_ticks`: the worst price, in steps of the listing's
    tick_size; `lots` in steps of its lot_size.

    `value`: what the fills are expected to be worth, in quote asset, by the book that the plan was made from. `fee`:
    expected, as a fraction of the worth; negative for a rebate. `best`: the best price of that book, in quote asset; 0
    when not told.
    """

    account: str
    listing: SymbolInfo
    side: Side
    price_ticks: int
    lots: int
    value: Decimal
    fee: Decimal
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.IOC
    purpose: Purpose = Purpose.ENTRY
    reduce_only: bool = False
    best: Decimal = Decimal(0)

    @property
    def price(self) -> Decimal:
        """In quote asset."""
        return self.price_ticks * self.listing.tick_size

    @property
    def quantity(self) -> Decimal:
        """In the listing's unit."""
        return self.lots * self.listing.lot_size

    @property
    def base_quantity(self) -> Decimal:
        """In base coins."""
        return self.quantity * self.listing.contract_size * self.listing.multiplier

    @property
    def worst_notional(self) -> Decimal:
        """In quote asset, at the worst price."""
        return self.price * self.quantity * self.listing.contract_size


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan should bring, in its home asset, by the books it was made from: `gross` before, `net` after `fees`.

    `net_bps` of the first leg's value, for ranking and for people.
    """

    gross: Decimal
    fees: Decimal
    net: Decimal
    net_bps: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be traded together. Nothing is sent for a plan: only for what the gates have approved.

    `opportunity`: its number in the black box, 0 for none. `group`: the asset and what it is paid with, `BTC/USDT`,
    or the cycle's start asset. `home`: the asset that profit is counted in. `holds`: equal legs are to stay open.
    `deal`: the deal that it belongs to, 0 when it opens one. `nets`: base coins of the group that the legs leave on
    purpose (negative: that they take away), to net what earlier deals carried. `made_ns`: monotonic.
    """

    strategy: str
    group: str
    home: AssetName
    legs: tuple[PlanLeg, ...]
    expected: Expected
    made_ns: int
    opportunity: int = 0
    holds: bool = False
    deal: int = 0
    nets: Decimal = Decimal(0)
