"""What a perpetual account holds: wallet, positions, leverage, mode, trades and book (`/futures/usdt/*`).

Margin is cross throughout; a leverage above 0 is shown as the venue shows an isolated one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeVar

from oneprice.sim import money
from oneprice.sim.accounts import Account, Balance
from oneprice.sim.dialects.gate.caller import Call
from oneprice.sim.dialects.gate.fees import rates_of
from oneprice.sim.dialects.gate.fields import Fields
from oneprice.sim.dialects.gate.futures_orders import FuturesOrders, check_wallet
from oneprice.sim.dialects.gate.futures_rest import LEVERAGE_MAX
from oneprice.sim.dialects.gate.futures_shapes import futures_fill
from oneprice.sim.dialects.gate.ledger import Entry, Ledger
from oneprice.sim.dialects.gate.listed import name_of, plain, quotient
from oneprice.sim.dialects.gate.positions import Positions
from oneprice.sim.dialects.gate.refusals import RefusedError, futures_refusals, invalid
from oneprice.sim.market import SimListing

__all__ = ["FuturesAccount"]

T = TypeVar("T")

_ASSET: Final = "USDT"
_ROWS_MAX: Final = 1_000
_KINDS: Final = ("dnw", "pnl", "fee", "refr", "fund", "point_dnw", "point_fee", "point_refr")


class FuturesAccount:
    """Views of one perpetual desk's accounts, and their settings."""

    def __init__(self, orders: FuturesOrders, positions: Positions, ledger: Ledger) -> None:
        self._orders = orders
        self._desk = orders.desk
        self._positions = positions
        self._ledger = ledger

    def account(self, call: Call) -> dict[str, object]:
        """The wallet. `total` is without the unrealised profit; `history` adds up the book."""
        check_wallet(self._desk, call.account)
        return self._account(call.account)

    def fee(self, call: Call) -> dict[str, object]:
        """Fees by contract."""
        wanted = call.fields().text("contract")
        chosen = [self._orders.listing(wanted)] if wanted else self._orders.listings.values()
        rates = {name_of(listing): rates_of(self._desk, call.account, listing) for listing in chosen}
        return {name: {"taker_fee": plain(taker), "maker_fee": plain(maker)} for name, (maker, taker) in rates.items()}

    # ---- positions ------------------------------------------------------------------------------------

    def positions(self, call: Call) -> list[dict[str, object]]:
        """Positions the account has or had; with `holding` those it has."""
        check_wallet(self._desk, call.account)
        holding = call.fields().flag("holding")
        return [
            shape
            for listing in self._orders.listings.values()
            if self._is_known(call.account, listing, holding)
            for shape in self._positions.rows(call.account, listing, decimal=call.decimal)
        ]

    def position(self, call: Call) -> dict[str, object]:
        """The position in a contract, empty or not. In dual mode its long side."""
        check_wallet(self._desk, call.account)
        listing = self._orders.listing(call.fields().needed("contract"))
        return self._positions.rows(call.account, listing, decimal=call.decimal)[0]

    def both_sides(self, call: Call) -> list[dict[str, object]]:
        """`dual_comp`: the sides of a contract's position."""
        check_wallet(self._desk, call.account)
        listing = self._orders.listing(call.fields().needed("contract"))
        return self._positions.rows(call.account, listing, decimal=call.decimal)

    def set_leverage(self, call: Call) -> dict[str, object]:
        """`leverage` above 0, or 0 with `cross_leverage_limit`."""
        self._set_leverage(call, call.fields())
        return self.position(call)

    def set_leverage_both(self, call: Call) -> list[dict[str, object]]:
        """`dual_comp` of the same."""
        self._set_leverage(call, call.fields())
        return self.both_sides(call)

    def leverage(self, call: Call) -> dict[str, object]:
        """`get_leverage`."""
        listing = self._orders.listing(call.fields().needed("contract"))
        shape = self._positions.rows(call.account, listing, decimal=call.decimal)[0]
        limit = str(self._desk.leverage(call.account, listing))
        return {"leverage": shape["leverage"], "cross_leverage_limit": limit, "lever": limit, "Lever": limit}

    def set_dual_mode(self, call: Call) -> dict[str, object]:
        """`dual_mode`: two positions per contract, or one."""
        check_wallet(self._desk, call.account)
        call.fields().needed("dual_mode")
        return self._set_mode(call, call.fields().flag("dual_mode"))

    def set_position_mode(self, call: Call) -> dict[str, object]:
        """`position_mode`: single or dual."""
        check_wallet(self._desk, call.account)
        modes = {"single": False, "dual": True}
        return self._set_mode(call, call.fields().choice("position_mode", modes, call.fields().needed("position_mode")))

    def set_cross_mode(self, call: Call) -> dict[str, object]:
        """`positions/cross_mode`: how a position is shown; margin is cross all the same."""
        fields = call.fields()
        listing = self._orders.listing(fields.needed("contract"))
        mode = fields.needed("mode")
        if mode.upper() not in ("CROSS", "ISOLATED"):
            raise invalid("mode", mode)
        self._positions.show_isolated(call.account, listing, mode.upper() == "ISOLATED")
        return self._positions.rows(call.account, listing, decimal=call.decimal)[0]

    def change_margin(self, call: Call) -> dict[str, object]:
        """`positions/{contract}/margin` is for isolated positions, which are only shown here."""
        self._orders.listing(call.fields().needed("contract"))
        raise RefusedError("POSITION_CROSS_MARGIN", "position is in cross margin mode")

    # ---- history --------------------------------------------------------------------------------------

    def trades(self, call: Call) -> list[dict[str, object]]:
        """Personal trades, newest first."""
        fields = call.fields()
        name, order_id = fields.text("contract"), fields.text("order")
        listing = self._orders.listing(name) if name else None
        number = fields.number("order", 0, 1, 2**60) if order_id else None
        found = self._desk.fills(call.account, listing, fields.since_ns(), fields.until_ns(), number)
        last_id = fields.number("last_id", 0, 0, 2**60)
        role = fields.text("role")
        chosen = [
            fill
            for fill in reversed(found)
            if (not last_id or fill.fill_id < last_id) and (not role or role == ("maker" if fill.is_maker else "taker"))
        ]
        return [futures_fill(fill, decimal=call.decimal) for fill in _page(chosen, fields)]

    def trades_by_time(self, call: Call) -> list[dict[str, object]]:
        """`my_trades_timerange`: the same, the id under another name."""
        return [
            {("trade_id" if name == "id" else name): value for name, value in row.items()}
            | {"trade_id": str(row["id"])}
            for row in self.trades(call)
        ]

    def book(self, call: Call) -> list[dict[str, object]]:
        """The account book, newest first; `type` chooses."""
        fields = call.fields()
        kind, contract = fields.text("type"), fields.text("contract")
        if kind and kind not in _KINDS:
            raise invalid("type", kind)
        since_ns, until_ns = fields.since_ns(), fields.until_ns()
        chosen = [
            entry
            for entry in self._ledger.entries(call.account, self._desk.wallet)
            if (not kind or entry.kind == kind)
            and (not contract or entry.contract == contract)
            and since_ns <= entry.time_ns
            and (until_ns is None or entry.time_ns <= until_ns)
        ]
        return [_book_row(entry) for entry in _page(chosen, fields)]

    # ---- inside ---------------------------------------------------------------------------------------

    def _is_known(self, account: Account, listing: SimListing, holding: bool) -> bool:
        position = account.positions.get(listing.key)
        if holding:
            return position is not None and position.lots != 0
        return position is not None or listing.key in account.leverages

    def _set_leverage(self, call: Call, fields: Fields) -> None:
        check_wallet(self._desk, call.account)
        listing = self._orders.listing(fields.needed("contract"))
        fields.needed("leverage")
        shown = fields.decimal("leverage") or Decimal(0)
        wanted = shown or fields.decimal("cross_leverage_limit") or Decimal(self._desk.rules.leverage_default)
        if wanted != int(wanted):
            raise invalid("leverage", wanted)
        if wanted < 1:
            raise RefusedError("LEVERAGE_TOO_LOW", f"leverage must be 1..{LEVERAGE_MAX}")
        with futures_refusals(listing):
            self._desk.set_leverage(call.account, listing, int(wanted))
        self._positions.show_isolated(call.account, listing, bool(shown))

    def _set_mode(self, call: Call, dual: bool) -> dict[str, object]:
        if dual == call.account.hedge_mode:
            raise RefusedError("NO_CHANGE", "No change is made")
        with futures_refusals():
            self._desk.set_hedge_mode(call.account, dual)
        return self._account(call.account)

    def _account(self, account: Account) -> dict[str, object]:
        desk, listings = self._desk, self._orders.listings.values()
        wallet = account.wallets.get(desk.wallet, {}).get(_ASSET) or Balance()
        unrealised = money.total([desk.unrealised(account, listing) for listing in listings])
        margin = plain(money.total([desk.position_margin(account, listing) for listing in listings]))
        maintenance = plain(money.total([self._positions.maintenance(account, listing) for listing in listings]))
        order_margin = plain(desk.order_margin(account))
        available = plain(desk.available(account, _ASSET))
        total = plain(wallet.total)
        return {
            "user": account.uid,
            "currency": _ASSET,
            "total": total,
            "unrealised_pnl": plain(unrealised),
            "position_margin": margin,
            "order_margin": order_margin,
            "available": available,
            "point": "0",
            "bonus": "0",
            "in_dual_mode": account.hedge_mode,
            "position_mode": "dual" if account.hedge_mode else "single",
            "margin_mode": 0,
            "margin_mode_name": "classic",
            "enable_credit": False,
            "enable_evolved_classic": True,
            "enable_new_dual_mode": True,
            "enable_tiered_mm": True,
            "enable_dual_plus": False,
            "position_initial_margin": margin,
            "maintenance_margin": maintenance,
            "cross_order_margin": order_margin,
            "cross_initial_margin": margin,
            "cross_maintenance_margin": maintenance,
            "cross_unrealised_pnl": plain(unrealised),
            "cross_available": available,
            "cross_margin_balance": plain(money.plus(wallet.total, unrealised)),
            "cross_mmr": quotient(Decimal(maintenance), wallet.total, 8),
            "cross_imr": quotient(Decimal(margin), wallet.total, 8),
            "isolated_position_margin": "0",
            "update_id": wallet.version,
            "history": self._history(account),
        }

    def _history(self, account: Account) -> dict[str, str]:
        sums = dict.fromkeys(("dnw", "pnl", "fee", "refr", "fund"), Decimal(0))
        for entry in self._ledger.entries(account, self._desk.wallet):
            sums[entry.kind] = money.plus(sums[entry.kind], entry.change)
        zeros = dict.fromkeys(
            ("point_dnw", "point_fee", "point_refr", "bonus_dnw", "bonus_offset", "cross_settle"), "0"
        )
        return {kind: plain(value) for kind, value in sums.items()} | zeros


def _book_row(entry: Entry) -> dict[str, object]:
    return {
        "time": entry.time_ns // 1_000_000_000,
        "change": plain(entry.change),
        "balance": plain(entry.balance),
        "text": entry.text,
        "type": entry.kind,
        "contract": entry.contract,
        "trade_id": str(entry.trade_id or ""),
        "id": str(entry.entry_id),
    }


def _page(rows: list[T], fields: Fields) -> list[T]:
    start, limit = fields.number("offset", 0, 0, 1_000_000), fields.number("limit", 100, 1, _ROWS_MAX)
    return rows[start : start + limit]
