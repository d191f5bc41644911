"""What the hub is told about a listing, and the hub's own limits. Both cores take these as JSON."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.core.numbers import grid_of

ATTO = 10**18
PPB = 10**9
EXACT_MAX = 10**30


class ListingSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One listing as the hub sees it: grids as integers, everything else exact or a code.

    `price_decimals`, `price_unit`: the tick is `price_unit * 10**-price_decimals`; the same for quantity and the lot.
    `lot_base_atto`: base coins in one lot, times 1e18. `value_unit_atto`: quote units of one tick times one lot, 1e18.
    `price_factor`: quote per base coin that one tick stands for, for ranking only.
    `order_ticks`, `order_lots`: an order's price and quantity are multiples of these; above 1 where the book holds
    finer levels than the rules allow orders to be (left from before a change of rules).
    `min_lots`, `min_value`: the venue's minimum quantity in lots, and notional in ticks times lots (rounded up).
    `max_value`: our own cap per order in ticks times lots, 0 for none. `fee_ppb`: taker fee in parts per billion.
    `group`: listings of one group are the same thing to own; empty is never scanned against others.
    `source`: what the top is taken from: the book, the quotes, or whichever is newer.
    """

    key: str
    price_decimals: int
    price_unit: int
    quantity_decimals: int
    quantity_unit: int
    lot_base_atto: int
    value_unit_atto: int
    price_factor: float
    order_ticks: int = 1
    order_lots: int = 1
    min_lots: int = 1
    min_value: int = 0
    max_value: int = 0
    fee_ppb: int = 0
    group: str = ""
    depth: bool = True
    source: str = "newer"  # newer | depth | quote
    stale_after_ns: int = 0  # 0: the hub's


class HubConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of a hub. Times in nanoseconds."""

    silent_after_ns: int = 2_000_000_000
    stale_after_ns: int = 10_000_000_000
    crossed_after_ns: int = 1_000_000_000
    min_net_bps: float = 0.0
    buffered_max: int = 4_096
    levels_per_frame_max: int = 20_000
    disagreements_max: int = 3
    events_max: int = 65_536


def listing_spec(
    key: str,
    *,
    tick_size: Decimal,
    lot_size: Decimal,
    order_tick: Decimal | None = None,
    order_lot: Decimal | None = None,
    base_per_unit: Decimal = Decimal(1),
    quote_per_unit: Decimal = Decimal(1),
    min_quantity: Decimal = Decimal(0),
    min_notional: Decimal = Decimal(0),
    max_notional: Decimal = Decimal(0),
    taker_fee: Decimal = Decimal(0),
    group: str = "",
    depth: bool = True,
    source: str = "newer",
    stale_after_ns: int = 0,
) -> ListingSpec:
    """A ListingSpec from decimals.

    `tick_size`, `lot_size`: the book's grid; `order_tick`, `order_lot`: coarser steps for orders, where they differ.
    `lot_size`, `min_quantity`: in the venue's unit of quantity (coins, or contracts). `base_per_unit`: base coins in
    one such unit (contract size times the multiplier of a 1000PEPE). `quote_per_unit`: what one unit is worth per
    1 of price (contract size). `taker_fee`: a fraction. Raises ValueError when a figure cannot be held exactly.
    """
    price_decimals, price_unit = grid_of(tick_size)
    quantity_decimals, quantity_unit = grid_of(lot_size)
    value_unit = tick_size * lot_size * quote_per_unit
    lot_base_atto = _exact(lot_size * base_per_unit, ATTO, f"{key}: lot")
    value_unit_atto = _exact(value_unit, ATTO, f"{key}: value of one tick and lot")
    return ListingSpec(
        key=key,
        price_decimals=price_decimals,
        price_unit=price_unit,
        quantity_decimals=quantity_decimals,
        quantity_unit=quantity_unit,
        lot_base_atto=lot_base_atto,
        value_unit_atto=value_unit_atto,
        price_factor=value_unit_atto / lot_base_atto,
        order_ticks=_multiple(order_tick or tick_size, tick_size, f"{key}: tick"),
        order_lots=_multiple(order_lot or lot_size, lot_size, f"{key}: lot"),
        min_lots=max(1, _ceil_div(min_quantity, lot_size)),
        min_value=_ceil_div(min_notional, value_unit),
        max_value=int(max_notional / value_unit),
        fee_ppb=_exact(taker_fee, PPB, f"{key}: taker fee"),
        group=group,
        depth=depth,
        source=source,
        stale_after_ns=stale_after_ns,
    )


def _exact(value: Decimal, scale: int, what: str) -> int:
    scaled = value * scale
    whole = int(scaled)
    if whole != scaled or abs(whole) >= EXACT_MAX:
        raise ValueError(f"{what} {value} cannot be held exactly in units of 1/{scale}")
    return whole


def _multiple(step: Decimal, grid: Decimal, what: str) -> int:
    count = int(step / grid)
    if count < 1 or grid * count != step:
        raise ValueError(f"{what} {step} is no multiple of the book's grid {grid}")
    return count


def _ceil_div(value: Decimal, step: Decimal) -> int:
    if value <= 0:
        return 0
    count = int(value // step)  # of decimals this cuts towards 0
    return count + (count * step < value)
