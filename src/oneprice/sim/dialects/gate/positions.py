"""Perpetual positions as Gate writes them, on REST and in `futures.positions`."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from oneprice.sim import money
from oneprice.sim.accounts import Account, SimPosition
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.futures_rest import LEVERAGE_MAX, contract_size
from oneprice.sim.dialects.gate.listed import name_of, plain, quotient
from oneprice.sim.market import SimListing

__all__ = ["Positions"]

_MAINTENANCE: Final = Decimal("0.005")
_RISK_LIMIT: Final = "1000000"


class Positions:
    """The shapes, and which positions are shown as isolated."""

    def __init__(self, desk: TradingDesk) -> None:
        self._desk = desk
        self._isolated: set[tuple[int, str]] = set()

    def show_isolated(self, account: Account, listing: SimListing, isolated: bool) -> None:
        """How the position's margin is shown from now on."""
        place = (account.uid, listing.key)
        if isolated:
            self._isolated.add(place)
        else:
            self._isolated.discard(place)

    def maintenance(self, account: Account, listing: SimListing) -> Decimal:
        """The margin below which the venue would liquidate."""
        return money.times(self._value(account, listing), _MAINTENANCE)

    def rows(self, account: Account, listing: SimListing, *, decimal: bool) -> list[dict[str, object]]:
        """One row, or both sides in dual mode (where the simulation takes no orders, so that both are empty)."""
        if account.hedge_mode:
            return [self._row(account, listing, decimal, mode) for mode in ("dual_long", "dual_short")]
        return [self._row(account, listing, decimal, "single")]

    def event(self, account: Account, listing: SimListing, now_ns: int, *, decimal: bool) -> dict[str, object]:
        """As pushed: prices and amounts are numbers."""
        row = self.rows(account, listing, decimal=decimal)[0]
        numbers = (
            "cross_leverage_limit",
            "entry_price",
            "history_pnl",
            "history_point",
            "last_close_pnl",
            "leverage",
            "leverage_max",
            "liq_price",
            "maintenance_rate",
            "margin",
            "realised_pnl",
            "realised_point",
            "risk_limit",
        )
        return {name: float(str(row[name])) for name in numbers} | {
            "contract": row["contract"],
            "mode": row["mode"],
            "size": row["size"],
            "time": now_ns // 1_000_000_000,
            "time_ms": now_ns // 1_000_000,
            "update_id": row["update_id"],
            "user": str(account.uid),
        }

    def _row(self, account: Account, listing: SimListing, decimal: bool, mode: str) -> dict[str, object]:
        position = account.positions.get(listing.key) or SimPosition()
        desk, leverage = self._desk, self._desk.leverage(account, listing)
        isolated = (account.uid, listing.key) in self._isolated
        margin, realised = plain(desk.position_margin(account, listing)), plain(position.realised)
        updated_s = position.updated_ns // 1_000_000_000
        return {
            "user": account.uid,
            "contract": name_of(listing),
            "size": contract_size(listing, position.lots, decimal=decimal),
            "leverage": str(leverage) if isolated else "0",
            "cross_leverage_limit": "0" if isolated else str(leverage),
            "lever": str(leverage),
            "pos_margin_mode": "isolated" if isolated else "cross",
            "leverage_max": str(LEVERAGE_MAX),
            "risk_limit": _RISK_LIMIT,
            "risk_limit_table": "",
            "maintenance_rate": plain(_MAINTENANCE),
            "average_maintenance_rate": plain(_MAINTENANCE),
            "value": plain(self._value(account, listing)),
            "margin": margin,
            "initial_margin": margin,
            "maintenance_margin": plain(self.maintenance(account, listing)),
            "entry_price": _entry_price(listing, position),
            "liq_price": "0",
            "mark_price": plain(desk.mark_price(listing)),
            "unrealised_pnl": plain(desk.unrealised(account, listing)),
            "realised_pnl": realised,
            "pnl_pnl": realised,
            "pnl_fund": "0",
            "pnl_fee": "0",
            "history_pnl": realised,
            "last_close_pnl": "0",
            "realised_point": "0",
            "history_point": "0",
            "adl_ranking": 5 if position.lots else 6,
            "pending_orders": len(desk.open_orders(account, listing)),
            "close_order": None,
            "mode": mode,
            "update_time": updated_s,
            "update_id": position.version,
            "open_time": updated_s if position.lots else 0,
            "trade_max_size": "0",
            "pid": 0,
        }

    def _value(self, account: Account, listing: SimListing) -> Decimal:
        position = account.positions.get(listing.key)
        lots = 0 if position is None else abs(position.lots)
        return money.times(listing.base_amount(lots), self._desk.mark_price(listing))


def _entry_price(listing: SimListing, position: SimPosition) -> str:
    base = listing.base_amount(position.lots)
    return quotient(position.cost, base, listing.price_scale.decimals + 8)
