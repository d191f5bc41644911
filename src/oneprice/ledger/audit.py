"""The venues' balances against ours: what differs, and whether it is understood."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from oneprice.ledger.exact import ZERO, minus, times
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.orders import TrackedOrder

COST_ROUNDING = Decimal("0.000001")
"""A venue rounds the cost of the part of a position that is closed, each time; it shows until the position is flat."""


class Difference(msgspec.Struct, frozen=True):
    """`amount`: the venue's total minus ours. `asset`: or a perpetual's listing, where `is_position`. `explained`: in
    words, "" when nothing does."""

    asset: str
    venue: Decimal
    ours: Decimal
    amount: Decimal
    explained: str
    is_position: bool = False


def compare(
    ledger: Ledger, account: str, balances: Mapping[str, Decimal], positions: Mapping[str, Decimal]
) -> list[Difference]:
    """All differences of one account, assets first, then positions. What the venue does not tell counts as 0."""
    out = [order for order in ledger.awaited() if order.listing.account == account]
    ours = {held.asset: held.total for held in ledger.holdings() if held.account == account}
    found = []
    for asset in sorted(ours.keys() | balances.keys()):
        mine, theirs = ours.get(asset, ZERO), balances.get(asset, ZERO)
        amount = minus(theirs, mine)
        if amount:
            explained = _awaits(out, asset) or _rounded(ledger, account, asset, amount)
            found.append(Difference(asset, theirs, mine, amount, explained))
    held = {key: quantity for key, quantity in ledger.open_positions() if ledger.listings[key].account == account}
    for key in sorted(held.keys() | positions.keys()):
        mine, theirs = held.get(key, ZERO), positions.get(key, ZERO)
        if mine != theirs:
            explained = _awaits([order for order in out if order.intent.listing == key], "")
            explained = explained or "a position that differs: its money is in the wallet, nothing is adopted"
            found.append(Difference(key, theirs, mine, minus(theirs, mine), explained, is_position=True))
    return found


def _awaits(out: list[TrackedOrder], asset: str) -> str:
    """Orders that may have filled, or have, without our having been told each fill. `asset` "" for any."""
    names = [
        order.intent.client_order_id
        for order in out
        if asset in ("", order.listing.quote) or (asset == order.listing.base and not order.listing.is_perpetual)
    ]
    if not names:
        return ""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"a fill may not be told yet: order {names[0]}{more}"


def _rounded(ledger: Ledger, account: str, asset: str, amount: Decimal) -> str:
    """The venue's rounding of average costs, while perpetuals are open of which parts were closed."""
    parts = sum(
        position.parts
        for key, position in ledger.positions.items()
        if ledger.listings[key].account == account and ledger.listings[key].quote == asset
    )
    if amount.copy_abs() > times(COST_ROUNDING, Decimal(parts)):
        return ""
    return "the venue's rounding of the cost of an open position"
