"""What MEXC's private spot streams push: orders, deals and balances of one account, as protobuf frames.

Nothing is numbered and nothing is repeated after a reconnect. A balance frame tells one asset: `balanceAmount` is what
is free, `frozenAmount` what orders hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from oneprice.sim.accounts import Account
from oneprice.sim.connection import Topic
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.listed import plain, spot_symbol
from oneprice.sim.dialects.mexc.protobuf import Value, encode
from oneprice.sim.dialects.mexc.spot_shapes import MarketPrices, trade_frame
from oneprice.sim.orders import BalanceReason, BalanceReport, OrderReport, OrderState, Report
from oneprice.sim.server import SimServer

__all__ = ["ACCOUNT", "DEALS", "ORDERS", "PrivateStreams"]

ORDERS: Final = "spot@private.orders.v3.api.pb"
DEALS: Final = "spot@private.deals.v3.api.pb"
ACCOUNT: Final = "spot@private.account.v3.api.pb"
_CHANNELS: Final = (ORDERS, DEALS, ACCOUNT)

_WHY: Final = {
    BalanceReason.TRADE: "ENTRUST",
    BalanceReason.DEPOSIT: "DEPOSIT",
    BalanceReason.WITHDRAW: "WITHDRAW",
    BalanceReason.FUNDING: "SUGAR",
}


class PrivateStreams:
    """The topics of all accounts. `moves_inside` tells whether a change is a transfer between wallets."""

    def __init__(
        self, server: SimServer, desk: TradingDesk, prices: MarketPrices, moves_inside: Callable[[], bool]
    ) -> None:
        self._server = server
        self._desk = desk
        self._prices = prices
        self._moves_inside = moves_inside
        self._topics: dict[tuple[int, str], Topic] = {}
        self._seen: dict[tuple[int, str], tuple[Decimal, Decimal]] = {}
        desk.listeners.append(self._hear)

    def topic(self, account: Account, channel: str) -> Topic | None:
        """The topic of an account's channel; None when there is no such channel."""
        if channel not in _CHANNELS:
            return None
        for asset, balance in account.wallets.get(self._desk.wallet, {}).items():
            self._seen.setdefault((account.uid, asset), (balance.free, balance.held))
        topic = self._topics.get((account.uid, channel))
        if topic is None:
            topic = self._topics[account.uid, channel] = Topic(channel, _no_source)
        return topic

    def _hear(self, report: Report) -> None:
        if isinstance(report, OrderReport):
            order, fill = report.order, report.fill
            symbol = spot_symbol(order.listing)
            self._send(order.account, ORDERS, symbol, lambda: {"privateOrders": self._prices.frame(order, fill)})
            if fill is not None:
                self._send(order.account, DEALS, symbol, lambda: {"privateDeals": trade_frame(fill)})
        elif isinstance(report, BalanceReport):
            for asset, change in report.changes.items():
                self._tell_balance(report, asset, change)

    def _tell_balance(self, report: BalanceReport, asset: str, change: Decimal) -> None:
        account = report.account
        balance = account.balance(self._desk.wallet, asset)
        now = (balance.free, balance.held)
        # An account seen for the first time: all of the change is taken to be of what is free.
        free, held = self._seen.get((account.uid, asset), (balance.free - change, balance.held))
        self._seen[account.uid, asset] = now
        body: dict[str, Value] = {
            "vcoinName": asset,
            "coinId": coin_id(asset),
            "balanceAmount": plain(balance.free),
            "balanceAmountChange": plain(balance.free - free),
            "frozenAmount": plain(balance.held),
            "frozenAmountChange": plain(balance.held - held),
            "type": self._why(report),
            "time": self._server.now_ms(),
        }
        self._send(account, ACCOUNT, "", lambda: {"privateAccount": body})

    def _why(self, report: BalanceReport) -> str:
        if report.reason is BalanceReason.ORDER:
            is_over = report.order is not None and report.order.state is not OrderState.OPEN
            return "ENTRUST_CANCEL" if is_over else "ENTRUST_PLACE"
        if self._moves_inside() and report.reason in (BalanceReason.DEPOSIT, BalanceReason.WITHDRAW):
            return "CONTRACT_TRANSFER"
        return _WHY[report.reason]

    def _send(self, account: Account, channel: str, symbol: str, body: Callable[[], Mapping[str, Value]]) -> None:
        topic = self._topics.get((account.uid, channel))
        if topic is None or not topic.subscribers:
            return
        now_ms = self._server.now_ms()
        values: dict[str, Value] = {"channel": channel, "symbol": symbol, "createTime": now_ms, "sendTime": now_ms}
        frame = encode("PushDataV3ApiWrapper", values | dict(body()))
        for connection in list(topic.subscribers):
            connection.report(frame, channel)


def coin_id(asset: str) -> str:
    """MEXC's internal id of a coin, 32 hex digits."""
    return hashlib.md5(asset.encode(), usedforsecurity=False).hexdigest()


def _no_source(topic: Topic) -> Callable[[], None]:
    """Reports come from the desk whether somebody listens or not."""
    return lambda: None
