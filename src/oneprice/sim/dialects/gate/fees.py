"""What trading costs an account: its own rate of a listing or market where it has one, else everybody's."""

from __future__ import annotations

from decimal import Decimal

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.listed import plain
from oneprice.sim.market import SimListing

__all__ = ["fee_shape", "rates_of"]


def rates_of(desk: TradingDesk, account: Account, listing: SimListing | None = None) -> tuple[Decimal, Decimal]:
    """Maker and taker rate, as fractions."""
    key = "" if listing is None else listing.key
    maker, taker = (
        own.get(key, own.get(desk.wallet, usual))
        for own, usual in (
            (account.maker_fees, desk.rules.maker_fee),
            (account.taker_fees, desk.rules.taker_fee),
        )
    )
    return maker, taker


def fee_shape(desk: TradingDesk, account: Account, listing: SimListing | None = None) -> dict[str, object]:
    """Spot's, as `/spot/fee` and `/wallet/fee` tell it."""
    maker, taker = rates_of(desk, account, listing)
    return {
        "user_id": account.uid,
        "taker_fee": plain(taker),
        "maker_fee": plain(maker),
        "rpi_maker_fee": plain(maker),
        "gt_discount": False,
        "gt_taker_fee": "0",
        "gt_maker_fee": "0",
        "loan_fee": "0.18",
        "point_type": "0",
        "debit_fee": 0,
        "rpi_mm": 0,
    }
