"""What a spot account holds, paid and traded: `/spot/accounts`, `/spot/my_trades`, `/spot/account_book`, fees."""

from __future__ import annotations

from typing import Final

from oneprice.sim.dialects.gate.caller import Call
from oneprice.sim.dialects.gate.fees import fee_shape
from oneprice.sim.dialects.gate.ledger import Ledger
from oneprice.sim.dialects.gate.listed import plain
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.dialects.gate.spot_orders import SpotOrders
from oneprice.sim.dialects.gate.spot_shapes import side_name, spot_fill

__all__ = ["SpotAccount"]

_TRADES_MAX: Final = 1_000
_SPAN_MAX_NS: Final = 30 * 86_400_000_000_000


class SpotAccount:
    """Views of one spot desk's accounts."""

    def __init__(self, orders: SpotOrders, ledger: Ledger) -> None:
        self._orders = orders
        self._desk = orders.desk
        self._ledger = ledger

    def accounts(self, call: Call) -> list[dict[str, object]]:
        """Balances, or the one of `currency`; `update_id` counts a balance's changes."""
        wanted = call.fields().text("currency")
        wallet = call.account.wallets.get(self._desk.wallet, {})
        return [
            {
                "currency": asset,
                "available": plain(balance.free),
                "locked": plain(balance.held),
                "update_id": balance.version,
            }
            for asset, balance in wallet.items()
            if not wanted or asset == wanted
        ]

    def trades(self, call: Call) -> list[dict[str, object]]:
        """Newest first. `from` and `to` may be 30 days apart."""
        fields = call.fields()
        since_ns, until_ns = fields.since_ns(), fields.until_ns()
        if since_ns and (until_ns or call.now_ns) - since_ns > _SPAN_MAX_NS + 1_000_000_000:
            raise RefusedError("INVALID_PARAM_VALUE", "the time range must not exceed 30 days")
        name, order_id = fields.text("currency_pair"), fields.number("order_id", 0, 1, 2**60)
        listing = self._orders.listing(name) if name else None
        found = self._desk.fills(call.account, listing, since_ns, until_ns, order_id or None)
        side = fields.text("side")
        chosen = [fill for fill in reversed(found) if not side or side_name(fill.order.side) == side]
        limit = fields.number("limit", 100, 1, _TRADES_MAX)
        start = (fields.number("page", 1, 1, 10_000) - 1) * limit
        return [spot_fill(fill) for fill in chosen[start : start + limit]]

    def book(self, call: Call) -> list[dict[str, object]]:
        """The account book, newest first."""
        fields = call.fields()
        since_ns, until_ns = fields.since_ns(), fields.until_ns()
        currency, kind = fields.text("currency"), fields.text("type")
        rows = [
            {
                "id": str(entry.entry_id),
                "time": entry.time_ns // 1_000_000,
                "currency": entry.asset,
                "change": plain(entry.change),
                "balance": plain(entry.balance),
                "type": entry.kind,
                "code": "",
                "text": entry.text,
            }
            for entry in self._ledger.entries(call.account, self._desk.wallet)
            if (not currency or entry.asset == currency)
            and (not kind or entry.kind == kind)
            and since_ns <= entry.time_ns
            and (until_ns is None or entry.time_ns <= until_ns)
        ]
        limit = fields.number("limit", 100, 1, _TRADES_MAX)
        start = (fields.number("page", 1, 1, 10_000) - 1) * limit
        return rows[start : start + limit]

    def fee(self, call: Call) -> dict[str, object]:
        """Of a pair, or in general."""
        name = call.fields().text("currency_pair")
        listing = self._orders.listing(name) if name else None
        return fee_shape(self._desk, call.account, listing) | {"currency_pair": name}

    def batch_fee(self, call: Call) -> dict[str, object]:
        """Of several pairs, by pair."""
        pairs = call.fields().needed("currency_pairs").split(",")
        listings = {name: self._orders.listing(name) for name in pairs}
        return {
            name: fee_shape(self._desk, call.account, listing) | {"currency_pair": name}
            for name, listing in listings.items()
        }
