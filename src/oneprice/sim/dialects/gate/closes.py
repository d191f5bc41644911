"""Closed perpetual positions (`/futures/usdt/position_close`): what each earned from its first match to its last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from oneprice.sim import money
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.caller import Call
from oneprice.sim.dialects.gate.futures_rest import contract_size
from oneprice.sim.dialects.gate.listed import name_of, plain, quotient
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.engine import Side
from oneprice.sim.market import SimListing
from oneprice.sim.orders import OrderReport, Report, SimFill

__all__ = ["Closes"]

_KEPT: Final = 1_000


class _Life:
    """A position from its first match on. `side` opened it; `lots` is how much of it is there."""

    def __init__(self, listing: SimListing, side: Side, opened_ns: int) -> None:
        self.listing = listing
        self.side = side
        self.opened_ns = opened_ns
        self.closed_ns = 0
        self.lots = 0
        self.most = 0
        self.traded = {Side.BUY: 0, Side.SELL: 0}
        self.quote = {Side.BUY: Decimal(0), Side.SELL: Decimal(0)}
        self.realised = self.fees = self.funding = Decimal(0)
        self.text = ""

    def add(self, fill: SimFill, lots: int) -> None:
        """So many lots of a match."""
        side = fill.order.side
        self.lots += lots if side is self.side else -lots
        self.most = max(self.most, self.lots)
        self.traded[side] += lots
        self.quote[side] = money.plus(self.quote[side], self.listing.quote_amount(fill.price_ticks, lots))

    def average(self, side: Side) -> str:
        """What its buys or sells were done at, "0" without any."""
        base = self.listing.base_amount(self.traded[side])
        return quotient(self.quote[side], base, self.listing.price_scale.decimals + 8)


class Closes:
    """Hears a perpetual desk and keeps the positions that ended."""

    def __init__(self, desk: TradingDesk, listings: Mapping[str, SimListing]) -> None:
        self._desk = desk
        self._listings = listings
        self._living: dict[tuple[int, str], _Life] = {}
        self._ended: dict[int, deque[_Life]] = {}
        desk.listeners.append(self._hear)

    def history(self, call: Call) -> list[dict[str, object]]:
        """Newest first; `contract`, `side` (long, short), `from`, `to`, `offset` and `limit` choose."""
        fields = call.fields()
        since_ns, until_ns = fields.since_ns(), fields.until_ns()
        name, side = fields.text("contract"), fields.text("side")
        if name and name not in self._listings:
            raise RefusedError("CONTRACT_NOT_FOUND", f"contract {name} not found")
        chosen = [
            life
            for life in self._ended.get(call.account.uid, ())
            if (not name or name_of(life.listing) == name)
            and since_ns <= life.closed_ns
            and (until_ns is None or life.closed_ns <= until_ns)
        ]
        rows = [row for row in (_row(life, decimal=call.decimal) for life in chosen) if side in ("", row["side"])]
        start, limit = fields.number("offset", 0, 0, 1_000_000), fields.number("limit", 100, 1, _KEPT)
        return rows[start : start + limit]

    # ---- hearing --------------------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        if isinstance(report, OrderReport) and report.fill is not None:
            self._match(report.order.account, report.fill)

    def _match(self, account: Account, fill: SimFill) -> None:
        """A match that turns a position round ends it, with all of the fee, and begins another."""
        listing, side = fill.order.listing, fill.order.side
        place = (account.uid, listing.key)
        life = self._living.setdefault(place, _Life(listing, side, fill.ts_ns))
        here = fill.lots if side is life.side else min(fill.lots, life.lots)
        life.realised = money.plus(life.realised, fill.realised)
        life.fees = money.plus(life.fees, fill.fee)
        life.add(fill, here)
        if life.lots:
            return
        self._end(account, life, fill)
        del self._living[place]
        if fill.lots > here:
            following = self._living[place] = _Life(listing, side, fill.ts_ns)
            following.add(fill, fill.lots - here)

    def _end(self, account: Account, life: _Life, fill: SimFill) -> None:
        life.closed_ns = fill.ts_ns
        life.text = fill.order.client_order_id
        payments = self._desk.funding_payments(account, life.listing)
        life.funding = money.total([paid.amount for paid in payments if paid.time_ns >= life.opened_ns])
        self._ended.setdefault(account.uid, deque(maxlen=_KEPT)).appendleft(life)


def _row(life: _Life, *, decimal: bool) -> dict[str, object]:
    fees = money.negated(life.fees)
    return {
        "time": life.closed_ns // 1_000_000 / 1_000,
        "contract": name_of(life.listing),
        "side": "long" if life.side is Side.BUY else "short",
        "pnl": plain(money.total([life.realised, life.funding, fees])),
        "pnl_pnl": plain(life.realised),
        "pnl_fund": plain(life.funding),
        "pnl_fee": plain(fees),
        "text": life.text,
        "max_size": contract_size(life.listing, life.most, decimal=decimal),
        "accum_size": contract_size(life.listing, life.traded[life.side], decimal=decimal),
        "first_open_time": life.opened_ns // 1_000_000_000,
        "long_price": life.average(Side.BUY),
        "short_price": life.average(Side.SELL),
    }
