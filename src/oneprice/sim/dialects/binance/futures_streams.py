"""Futures' user data: listen keys, and the events of their streams on /private.

A key is good for 60 minutes and for more when it is asked for again or extended; then the stream says
listenKeyExpired and is silent.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.connection import Connection, Frame, Topic
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance import futures_shapes as shapes
from oneprice.sim.dialects.binance.feeds import text
from oneprice.sim.dialects.binance.futures_orders import FuturesOrders
from oneprice.sim.dialects.binance.identifiers import IdMaker
from oneprice.sim.dialects.binance.operations import Call
from oneprice.sim.dialects.binance.refusals import NO_LISTEN_KEY, RequestError
from oneprice.sim.dialects.binance.rules import symbol_of
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.orders import BalanceReason, BalanceReport, OrderReport, PositionReport, Report
from oneprice.sim.server import SimServer

_LIFE_NS = 3_600_000_000_000
_CHECK_MS = 1_000
_REASONS = {
    BalanceReason.ORDER: "ORDER",
    BalanceReason.TRADE: "ORDER",
    BalanceReason.DEPOSIT: "DEPOSIT",
    BalanceReason.WITHDRAW: "WITHDRAW",
    BalanceReason.FUNDING: "FUNDING_FEE",
}


class _KeyTopic(Topic):
    """The stream of one listen key: its events are private reports."""

    def tell(self, event: Fields) -> None:
        """Send an event to whoever listens."""
        name, frame = str(event["e"]), text(event)
        for connection in list(self.subscribers):
            connection.report(_wrapped(connection, self.name, frame), name)


def _wrapped(connection: Connection, name: str, frame: Frame) -> Frame:
    return frame if connection.wrap is None else connection.wrap(name, frame)


class _Key(msgspec.Struct):
    account: Account
    topic: _KeyTopic
    until_ns: int


class FuturesUserStreams:
    """Listen keys and what their streams tell. `topic` finds a stream by name, as those of market data are."""

    def __init__(self, server: SimServer, desk: TradingDesk, orders: FuturesOrders, ids: IdMaker) -> None:
        self._server = server
        self._desk = desk
        self._orders = orders
        self._ids = ids
        self._keys: dict[str, _Key] = {}
        self._by_uid: dict[int, str] = {}
        self._pending: tuple[Account, dict[str, Decimal]] | None = None
        desk.listeners.append(self._hear)
        server.every(_CHECK_MS, lambda now_ns: self._expire(server.now_ns()))

    def topic(self, stream: str) -> Topic | None:
        """The stream of a listen key; None when there is no such key."""
        key = self._keys.get(stream)
        return None if key is None else key.topic

    # ---- keys -----------------------------------------------------------------------------------------

    def start(self, call: Call) -> object:
        """POST /listenKey, userDataStream.start: a new key, or the present one for another hour."""
        self._expire(call.now_ns)
        name = self._by_uid.get(call.account.uid)
        until_ns = call.now_ns + _LIFE_NS
        if name is None:
            name = self._ids.listen_key()
            self._by_uid[call.account.uid] = name
            self._keys[name] = _Key(call.account, _KeyTopic(f"private/{name}", _no_source), until_ns)
        self._keys[name].until_ns = until_ns
        return {"listenKey": name}

    def extend(self, call: Call) -> object:
        """PUT /listenKey, userDataStream.ping: another hour."""
        self._expire(call.now_ns)
        name = self._by_uid.get(call.account.uid)
        if name is None:
            raise RequestError(*NO_LISTEN_KEY)
        self._keys[name].until_ns = call.now_ns + _LIFE_NS
        return {"listenKey": name}

    def stop(self, call: Call) -> object:
        """DELETE /listenKey, userDataStream.stop."""
        name = self._by_uid.pop(call.account.uid, None)
        if name is not None:
            del self._keys[name]
        return {}

    def _expire(self, now_ns: int) -> None:
        for name, key in list(self._keys.items()):
            if now_ns >= key.until_ns:
                del self._keys[name]
                self._by_uid.pop(key.account.uid, None)
                key.topic.tell({"e": "listenKeyExpired", "E": now_ns // 1_000_000, "listenKey": name})

    # ---- events ---------------------------------------------------------------------------------------

    def configured(self, change: Callable[[Call], object]) -> Callable[[Call], object]:
        """A change of leverage that is told as ACCOUNT_CONFIG_UPDATE."""

        def run(call: Call) -> object:
            answer = change(call)
            now_ms = call.now_ns // 1_000_000
            symbol, listing = call.parameters.symbol()
            leverage = self._desk.leverage(call.account, listing)
            event: Fields = {
                "e": "ACCOUNT_CONFIG_UPDATE",
                "E": now_ms,
                "T": now_ms,
                "ac": {"s": symbol, "l": leverage},
            }
            self.tell(call.account, event)
            return answer

        return run

    def tell(self, account: Account, event: Fields) -> None:
        """Send an event on the account's stream, if it has one."""
        name = self._by_uid.get(account.uid)
        if name is not None:
            self._keys[name].topic.tell(event)

    def _hear(self, report: Report) -> None:
        now_ns = self._server.now_ns()
        if isinstance(report, OrderReport):
            account = report.order.account
            if report.fill is not None:
                self.tell(account, shapes.trade_lite(report.fill, now_ns))
            self.tell(account, shapes.order_update(report, self._orders.extras(report.order), now_ns))
        elif isinstance(report, PositionReport):
            self._tell_position(report, now_ns)
        elif report.reason is BalanceReason.TRADE:
            # The position that the same match changed is told next: both go into one event.
            self._pending = (report.account, dict.fromkeys(report.changes, Decimal(0)))
        else:
            self._tell_balances(report, now_ns)

    def _tell_balances(self, report: BalanceReport, now_ns: int) -> None:
        reason = _REASONS[report.reason]
        update = shapes.account_update(report.account, reason, report.changes, None, self._desk.wallet, now_ns)
        self.tell(report.account, update)

    def _tell_position(self, report: PositionReport, now_ns: int) -> None:
        account, listing = report.account, report.listing
        pending, self._pending = self._pending, None
        assets = pending[1] if pending is not None and pending[0] is account else {}
        position = shapes.stream_position(
            listing,
            account.position(listing.key),
            self._desk.unrealised(account, listing),
            self._desk.rules.taker_fee,
        )
        assert position["s"] == symbol_of(listing)
        self.tell(account, shapes.account_update(account, "ORDER", assets, position, self._desk.wallet, now_ns))


def _no_source(topic: Topic) -> Callable[[], None]:
    """Events come from the desk, whether anybody listens or not."""
    return _no_more


def _no_more() -> None:
    """Nothing runs that would have to be stopped."""
