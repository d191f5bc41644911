"""Gate's private spot channels: orders, personal trades, balances, and their leaner v2 forms without fees."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from oneprice.sim import money
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.groups import SelfTradeGroups
from oneprice.sim.dialects.gate.ledger import Ledger
from oneprice.sim.dialects.gate.listed import plain
from oneprice.sim.dialects.gate.private_streams import AccountBook, Rows, picked, silent
from oneprice.sim.dialects.gate.session import PrivatePlanner
from oneprice.sim.dialects.gate.spot_shapes import spot_fill, spot_order, without_fees
from oneprice.sim.market import SimListing
from oneprice.sim.orders import BalanceReason, BalanceReport, Change, OrderReport, OrderState, Report
from oneprice.sim.server import SimServer

__all__ = ["SpotPrivate"]

_ORDER_FIELDS: Final = (
    "id",
    "text",
    "create_time",
    "update_time",
    "currency_pair",
    "type",
    "account",
    "side",
    "amount",
    "price",
    "time_in_force",
    "left",
    "filled_total",
    "filled_amount",
    "avg_deal_price",
    "fee",
    "fee_currency",
    "point_fee",
    "gt_fee",
    "rebated_fee",
    "rebated_fee_currency",
    "stp_id",
    "stp_act",
    "finish_as",
    "amend_text",
)
_SILENT: Final = ("priceorders", "margin_balances", "funding_balances", "cross_balances", "cross_loan")


class SpotPrivate:
    """The channels of one spot desk."""

    def __init__(self, server: SimServer, desk: TradingDesk, groups: SelfTradeGroups, ledger: Ledger) -> None:
        self._book = AccountBook(server, "spot", desk, "unknown currency pair")
        self._server = server
        self._desk = desk
        self._groups = groups
        self._ledger = ledger

    def channels(self) -> Mapping[str, PrivatePlanner]:
        """What can be subscribed, by channel name."""
        book = self._book
        found = {
            "spot.orders": book.planner("orders", self._orders),
            "spot.orders_v2": book.planner("orders_v2", self._lean_orders),
            "spot.usertrades": book.planner("usertrades", _trades),
            "spot.usertrades_v2": book.planner("usertrades_v2", _lean_trades),
            "spot.balances": book.planner("balances", self._balances, takes_listing=False),
        }
        return found | {f"spot.{name}": book.planner(name, silent, takes_listing=False) for name in _SILENT}

    def _orders(self, account: Account, listing: SimListing | None, decimal: bool) -> Rows:
        def rows(report: Report) -> list[dict[str, object]]:
            if not isinstance(report, OrderReport) or not _concerns(report, account, listing):
                return []
            order = report.order
            shape = spot_order(order, stp_id=self._groups.group_of(account))
            more = {
                "create_time_ms": str(shape["create_time_ms"]),
                "update_time_ms": str(shape["update_time_ms"]),
                "user": account.uid,
                "event": _event(report),
                "biz_info": "-",
            }
            return [picked(shape, _ORDER_FIELDS) | more]

        return rows

    def _lean_orders(self, account: Account, listing: SimListing | None, decimal: bool) -> Rows:
        full = self._orders(account, listing, decimal)
        return lambda report: [without_fees(row) for row in full(report)]

    def _balances(self, account: Account, listing: SimListing | None, decimal: bool) -> Rows:
        """`change` is of the total, `freeze_change` of what orders hold."""
        held = {asset: balance.held for asset, balance in account.wallets.get(self._desk.wallet, {}).items()}

        def rows(report: Report) -> list[dict[str, object]]:
            if not isinstance(report, BalanceReport) or report.account is not account:
                return []
            return [self._balance(report, asset, change, held) for asset, change in report.changes.items()]

        return rows

    def _balance(
        self, report: BalanceReport, asset: str, change: Decimal, held: dict[str, Decimal]
    ) -> dict[str, object]:
        balance, now_ms = report.account.balance(self._desk.wallet, asset), self._server.now_ms()
        freeze_change = money.minus(balance.held, held.get(asset, Decimal(0)))
        held[asset] = balance.held
        return {
            "timestamp": str(now_ms // 1_000),
            "timestamp_ms": str(now_ms),
            "user": str(report.account.uid),
            "currency": asset,
            "change": plain(change),
            "total": plain(balance.total),
            "available": plain(balance.free),
            "freeze": plain(balance.held),
            "freeze_change": plain(freeze_change),
            "change_type": self._change_type(report, freeze_change),
        }

    def _change_type(self, report: BalanceReport, freeze_change: Decimal) -> str:
        if report.reason is BalanceReason.TRADE:
            return "order-match"
        if report.reason is BalanceReason.ORDER:
            return "order-create" if freeze_change > 0 else "order-update"
        if self._ledger.is_transferring:
            return "future-transfer"
        return "deposit" if report.reason is BalanceReason.DEPOSIT else "withdraw"


def _trades(account: Account, listing: SimListing | None, decimal: bool) -> Rows:
    def rows(report: Report) -> list[dict[str, object]]:
        if not isinstance(report, OrderReport) or report.fill is None or not _concerns(report, account, listing):
            return []
        fill = spot_fill(report.fill)
        more = {
            "id": report.fill.fill_id,
            "user_id": account.uid,
            "create_time": report.fill.ts_ns // 1_000_000_000,
            "id_market": report.fill.fill_id - report.order.listing.first_trade_id + 1,
            "biz_info": "-",
        }
        return [{name: value for name, value in fill.items() if name not in ("sequence_id", "deal")} | more]

    return rows


def _lean_trades(account: Account, listing: SimListing | None, decimal: bool) -> Rows:
    full = _trades(account, listing, decimal)
    return lambda report: [without_fees(row) for row in full(report)]


def _concerns(report: OrderReport, account: Account, listing: SimListing | None) -> bool:
    return report.order.account is account and (listing is None or report.order.listing is listing)


def _event(report: OrderReport) -> str:
    if report.change is Change.NEW:
        return "put"
    return "update" if report.order.state is OrderState.OPEN else "finish"
