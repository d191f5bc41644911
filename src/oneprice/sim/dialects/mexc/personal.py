"""MEXC's private pushes of USDT perpetuals: `push.personal.*` to connections that have logged in.

All channels push after the login; `personal.filter` restricts a connection to some of them, and to some symbols. A
login with `"subscribe": false` pushes nothing before a filter asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.connection import Connection
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.futures_book import FuturesBook, PositionRecord
from oneprice.sim.dialects.mexc.futures_shapes import FuturesShapes
from oneprice.sim.dialects.mexc.listed import contract_symbol
from oneprice.sim.orders import BalanceReport, Change, OrderReport, PositionReport, Report
from oneprice.sim.server import SimServer

__all__ = ["CHANNELS", "Listener", "Personal"]

CHANNELS: Final = frozenset(
    {
        "order",
        "order.deal",
        "position",
        "asset",
        "plan.order",
        "stop.order",
        "stop.planorder",
        "risk.limit",
        "adl.level",
        "liquidate.risk",
        "position.mode",
        "leverage.mode",
        "track.order",
    }
)


class Listener:
    """A connection that has logged in. `filters`: symbols by channel, an empty set for all; None for everything."""

    def __init__(self, account: Account, connection: Connection, filters: Mapping[str, frozenset[str]] | None) -> None:
        self.account = account
        self.connection = connection
        self.filters = filters

    def wants(self, channel: str, symbol: str) -> bool:
        """Whether the connection gets this channel's pushes of this symbol ("" for the account's)."""
        if self.filters is None:
            return True
        symbols = self.filters.get(channel)
        return symbols is not None and (not symbols or not symbol or symbol in symbols)


class Personal:
    """Tells every listener of an account what the desk reports."""

    def __init__(self, server: SimServer, desk: TradingDesk, book: FuturesBook, shapes: FuturesShapes) -> None:
        self._server = server
        self._shapes = shapes
        self._listeners: dict[int, dict[Listener, None]] = {}
        self._assets: dict[tuple[int, str], bytes] = {}
        self._changed: list[PositionRecord] = []
        book.changed.append(lambda _, record: self._changed.append(record))
        desk.listeners.append(self._hear)

    def add(self, listener: Listener) -> None:
        """Tell this one from now on."""
        self._listeners.setdefault(listener.account.uid, {})[listener] = None

    def remove(self, listener: Listener) -> None:
        """Its connection is gone."""
        self._listeners.get(listener.account.uid, {}).pop(listener, None)

    def tell(self, account: Account, channel: str, data: object, symbol: str = "") -> None:
        """Push to the account's connections."""
        frame = ""
        for listener in list(self._listeners.get(account.uid, ())):
            if not listener.wants(channel, symbol):
                continue
            if not frame:
                push = {"channel": f"push.personal.{channel}", "data": data, "ts": self._server.now_ms()}
                frame = msgspec.json.encode(push).decode()
            listener.connection.report(frame, f"push.personal.{channel}")

    # ---- inside ---------------------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        account = report.order.account if isinstance(report, OrderReport) else report.account
        if not self._listeners.get(account.uid):
            self._changed.clear()
            return
        if isinstance(report, OrderReport):
            symbol = contract_symbol(report.order.listing)
            self.tell(account, "order", self._shapes.order(report.order), symbol)
            if report.fill is not None:
                self.tell(account, "order.deal", self._shapes.deal(report.fill), symbol)
            if report.change is not Change.TRADE:  # a fill's balances are reported after it
                self._tell_asset(account, report.order.listing.instrument.quote)
        elif isinstance(report, PositionReport):
            changed, self._changed = self._changed, []
            for record in changed:
                data = self._shapes.position(account, record)
                self.tell(account, "position", data, contract_symbol(record.listing))
            self._tell_asset(account, report.listing.instrument.quote)
        elif isinstance(report, BalanceReport):
            for asset in report.changes:
                self._tell_asset(account, asset)

    def _tell_asset(self, account: Account, asset: str) -> None:
        """Only when what a push tells has changed since the last one."""
        row = self._shapes.asset(account, asset)
        data = {name: row[name] for name in _ASSET_FIELDS}
        key, told = (account.uid, asset), msgspec.json.encode(data)
        if self._assets.get(key) != told:
            self._assets[key] = told
            self.tell(account, "asset", data)


_ASSET_FIELDS: Final = ("availableBalance", "bonus", "currency", "frozenBalance", "positionMargin")
