"""Gate's private channels of USDT perpetuals: orders, personal trades, balances, positions.

Amounts and prices are JSON numbers here; sizes are as the connection asked for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from oneprice.sim.accounts import Account
from oneprice.sim.dialects.gate.fees import rates_of
from oneprice.sim.dialects.gate.futures_orders import FuturesOrders
from oneprice.sim.dialects.gate.futures_shapes import average_price, finish_as, futures_fill, signed_size
from oneprice.sim.dialects.gate.groups import SelfTradeGroups
from oneprice.sim.dialects.gate.ledger import Entry, Ledger
from oneprice.sim.dialects.gate.listed import name_of
from oneprice.sim.dialects.gate.positions import Positions
from oneprice.sim.dialects.gate.private_streams import AccountBook, Rows, silent
from oneprice.sim.dialects.gate.session import PrivatePlanner
from oneprice.sim.dialects.gate.spot_shapes import SELF_TRADE_NAMES, TIME_IN_FORCE_NAMES
from oneprice.sim.market import SimListing
from oneprice.sim.orders import BalanceReason, BalanceReport, Change, OrderReport, OrderState, PositionReport, Report
from oneprice.sim.server import SimServer

__all__ = ["FuturesPrivate"]

_SILENT: Final = ("autoorders", "liquidates", "auto_deleverages", "position_closes", "reduce_risk_limits")


class FuturesPrivate:
    """The channels of one perpetual desk."""

    def __init__(
        self, server: SimServer, orders: FuturesOrders, positions: Positions, groups: SelfTradeGroups, ledger: Ledger
    ) -> None:
        self._book = AccountBook(server, "futures", orders.desk, "unknown contract")
        self._server = server
        self._desk = orders.desk
        self._positions_of = positions
        self._groups = groups
        self._ledger = ledger

    def channels(self) -> Mapping[str, PrivatePlanner]:
        """What can be subscribed, by channel name. The payload begins with the user id."""
        book = self._book
        found = {
            "futures.orders": book.planner("orders", self._orders, takes_uid=True),
            "futures.usertrades": book.planner("usertrades", _trades, takes_uid=True),
            "futures.positions": book.planner("positions", self._positions, takes_uid=True),
            "futures.balances": book.planner("balances", self._balances, takes_uid=True, takes_listing=False),
        }
        return found | {f"futures.{name}": book.planner(name, silent, takes_uid=True) for name in _SILENT}

    def _orders(self, account: Account, listing: SimListing | None, decimal: bool) -> Rows:
        def rows(report: Report) -> list[dict[str, object]]:
            if not isinstance(report, OrderReport) or not _concerns(report, account, listing):
                return []
            return [self._order(report, decimal)]

        return rows

    def _order(self, report: OrderReport, decimal: bool) -> dict[str, object]:
        order, listing = report.order, report.order.listing
        maker, taker = rates_of(self._desk, order.account, listing)
        is_open = order.state is OrderState.OPEN
        created_ms, updated_ms = order.created_ns // 1_000_000, order.updated_ns // 1_000_000
        price = "0" if order.price_ticks is None else listing.price_text(order.price_ticks)
        return {
            "id": order.order_id,
            "id_string": str(order.order_id),
            "user": str(order.account.uid),
            "contract": name_of(listing),
            "create_time": created_ms // 1_000,
            "create_time_ms": created_ms,
            "update_time": updated_ms,
            "update_id": order.version,
            "finish_time": 0 if is_open else updated_ms // 1_000,
            "finish_time_ms": 0 if is_open else updated_ms,
            "size": signed_size(order, order.lots or 0, decimal=decimal),
            "left": signed_size(order, order.left_lots, decimal=decimal),
            "iceberg": "0" if decimal else 0,
            "price": float(price),
            "fill_price": float(average_price(order)),
            "status": "open" if is_open else "finished",
            "finish_as": _finish_as(report),
            "tif": TIME_IN_FORCE_NAMES[order.time_in_force],
            "text": order.client_order_id,
            "mkfr": float(maker),
            "tkfr": float(taker),
            "refr": 0,
            "refu": 0,
            "is_reduce_only": order.reduce_only,
            "is_close": False,
            "is_liq": False,
            "stp_id": self._groups.group_of(order.account),
            "stp_act": SELF_TRADE_NAMES[order.self_trade],
            "amend_text": "-",
            "biz_info": "-",
        }

    def _positions(self, account: Account, listing: SimListing | None, decimal: bool) -> Rows:
        def rows(report: Report) -> list[dict[str, object]]:
            if not isinstance(report, PositionReport) or report.account is not account:
                return []
            if listing is not None and report.listing is not listing:
                return []
            return [self._positions_of.event(account, report.listing, self._server.now_ns(), decimal=decimal)]

        return rows

    def _balances(self, account: Account, listing: SimListing | None, decimal: bool) -> Rows:
        """A line of the account book each; the ledger has heard the report before."""
        market, last_id = self._desk.wallet, next((e.entry_id for e in self._book_of(account)), 0)

        def rows(report: Report) -> list[dict[str, object]]:
            nonlocal last_id
            if not isinstance(report, BalanceReport) or report.account is not account or report.market != market:
                return []
            if report.reason is BalanceReason.ORDER:
                return []
            fresh: list[Entry] = []
            for entry in self._book_of(account):
                if entry.entry_id <= last_id:
                    break
                fresh.append(entry)
            last_id = fresh[0].entry_id if fresh else last_id
            return [_balance(account, entry) for entry in reversed(fresh)]

        return rows

    def _book_of(self, account: Account) -> Iterator[Entry]:
        return self._ledger.entries(account, self._desk.wallet)


def _balance(account: Account, entry: Entry) -> dict[str, object]:
    return {
        "balance": float(entry.balance),
        "change": float(entry.change),
        "text": entry.text,
        "time": entry.time_ns // 1_000_000_000,
        "time_ms": entry.time_ns // 1_000_000,
        "type": entry.kind,
        "user": str(account.uid),
        "currency": entry.asset.lower(),
    }


def _trades(account: Account, listing: SimListing | None, decimal: bool) -> Rows:
    def rows(report: Report) -> list[dict[str, object]]:
        if not isinstance(report, OrderReport) or report.fill is None or not _concerns(report, account, listing):
            return []
        fill = report.fill
        shape = futures_fill(fill, decimal=decimal)
        more = {
            "id": str(fill.fill_id),
            "create_time": fill.ts_ns // 1_000_000_000,
            "create_time_ms": fill.ts_ns // 1_000_000,
            "fee": float(fill.fee),
            "point_fee": 0,
        }
        return [{name: value for name, value in shape.items() if name not in ("close_size", "trade_value")} | more]

    return rows


def _concerns(report: OrderReport, account: Account, listing: SimListing | None) -> bool:
    return report.order.account is account and (listing is None or report.order.listing is listing)


def _finish_as(report: OrderReport) -> str:
    if report.change is Change.NEW:
        return "_new"
    return "_update" if report.order.state is OrderState.OPEN else finish_as(report.order)
