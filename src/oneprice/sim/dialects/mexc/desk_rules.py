"""How MEXC's two markets trade: fees, limits, and what becomes of orders that the documents leave open."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from oneprice.sim.orders import DeskRules, DuplicateIds

__all__ = ["DESK_RULES", "FUTURES_PRICE_BAND", "FUTURES_VOLUME_MAX", "SPOT_PRICE_BAND"]

SPOT_PRICE_BAND: Final = Decimal("0.05")
FUTURES_PRICE_BAND: Final = Decimal("0.1")
"""A buy may be so far above the last (spot) or index price, a sell so far below. The dialect checks it: MEXC bounds one
side only, so that orders far from the market may rest."""

FUTURES_VOLUME_MAX: Final = 1_000_000

_NO_BAND: Final = Decimal(10) ** 9

DESK_RULES: Final[Mapping[str, DeskRules]] = {
    "spot": DeskRules(
        maker_fee=Decimal(0),
        taker_fee=Decimal("0.0005"),
        # Not documented: the worst case, in which nothing stops a repeated id and the later order is found.
        duplicate_ids=DuplicateIds.ACCEPTED,
        # The answer to an order never tells its fate, so these end instead of being refused (unverified for spot).
        post_only_refused=False,
        fok_refused=False,
        open_orders_max=500,
        price_band=_NO_BAND,
        lots_max=10**16,  # the greatest worth of an order is what bounds it, see spot_maximums
    ),
    "futures": DeskRules(
        maker_fee=Decimal(0),
        taker_fee=Decimal("0.0002"),
        # A repeated externalOid of order/create: code 603 is not proven to mean it, so it is accepted (unverified).
        # order/submit_batch answers with the id of the order that has it; the dialect sees to that.
        duplicate_ids=DuplicateIds.ACCEPTED,
        post_only_refused=False,  # errorCode 20 of an order that ended
        fok_refused=False,  # errorCode 19
        open_orders_max=200,
        leverage_default=20,
        leverage_max=125,
        lots_max=FUTURES_VOLUME_MAX,
        price_band=_NO_BAND,
    ),
}
