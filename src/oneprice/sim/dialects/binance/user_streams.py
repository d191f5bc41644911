"""Spot's user data: subscriptions on WS API connections, and the events that they carry.

There is no listen key any more. An account may be subscribed once per connection; nothing is replayed.
"""

from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance import spot_shapes as shapes
from oneprice.sim.dialects.binance.feeds import text
from oneprice.sim.dialects.binance.refusals import UNSUPPORTED, RequestError
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.signing import check_right
from oneprice.sim.dialects.binance.spot_orders import SpotOrders
from oneprice.sim.dialects.binance.ws_api import ApiSession, Asked, SessionMethod
from oneprice.sim.orders import BalanceReason, BalanceReport, OrderReport, Report
from oneprice.sim.server import SimServer

_SUBSCRIBED = (-2035, "User Data Stream subscription already active.")
_NOT_SUBSCRIBED = (-2036, "User Data Stream subscription not active.")


class SpotUserStreams:
    """Who listens to whose account. Sessions are forgotten when their connection closes."""

    def __init__(self, server: SimServer, desk: TradingDesk, orders: SpotOrders) -> None:
        self._server = server
        self._orders = orders
        self._by_session: dict[ApiSession, dict[int, Account]] = {}
        self._next_ids: dict[ApiSession, int] = {}
        self._executions = 0
        desk.listeners.append(self._hear)

    def methods(self) -> dict[str, SessionMethod]:
        """The WS API's methods about sessions and subscriptions."""
        return {
            "session.logon": self._log_on,
            "session.logout": self._log_out,
            "session.status": lambda session, asked: self._status(session),
            "session.subscriptions": self._subscriptions,
            "userDataStream.subscribe": self._subscribe_session,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }

    def close(self, session: ApiSession) -> None:
        """The connection is gone."""
        self._by_session.pop(session, None)
        self._next_ids.pop(session, None)

    # ---- methods --------------------------------------------------------------------------------------

    def _log_on(self, session: ApiSession, asked: Asked) -> object:
        account, key = session.let_in(asked)
        if not key.public_key:
            raise RequestError(*UNSUPPORTED)  # HMAC keys sign each request
        session.logon = (account, key)
        session.logon_ms = session.server.now_ms()
        return self._status(session)

    def _log_out(self, session: ApiSession, asked: Asked) -> object:
        if session.logon is not None:
            own = self._subscribed(session, session.logon[0])
            if own is not None:
                self._end(session, own)
        session.logon = None
        return self._status(session)

    def _status(self, session: ApiSession) -> object:
        on = session.logon
        return {
            "apiKey": None if on is None else on[1].key,
            "authorizedSince": None if on is None else session.logon_ms,
            "connectedSince": session.connected_ms,
            "returnRateLimits": session.returns_limits,
            "serverTime": session.server.now_ms(),
            "userDataStream": on is not None and self._subscribed(session, on[0]) is not None,
        }

    def _subscriptions(self, session: ApiSession, asked: Asked) -> object:
        return [{"subscriptionId": number} for number in self._by_session.get(session, {})]

    def _subscribe_session(self, session: ApiSession, asked: Asked) -> object:
        if session.logon is None:
            raise RequestError(-2014, "API-key format invalid.", 401)
        return self._subscribe(session, *session.logon)

    def _subscribe_signed(self, session: ApiSession, asked: Asked) -> object:
        return self._subscribe(session, *session.let_in(asked))

    def _subscribe(self, session: ApiSession, account: Account, key: ApiKey) -> object:
        check_right(key, "read")
        if self._subscribed(session, account) is not None:
            raise RequestError(*_SUBSCRIBED)
        number = self._next_ids.get(session, 0)
        self._next_ids[session] = number + 1
        self._by_session.setdefault(session, {})[number] = account
        return {"subscriptionId": number}

    def _unsubscribe(self, session: ApiSession, asked: Asked) -> object:
        present = self._by_session.get(session, {})
        wanted = asked.values.get("subscriptionId")
        if wanted is not None and (not wanted.isdigit() or int(wanted) not in present):
            raise RequestError(*_NOT_SUBSCRIBED)
        if not present:
            raise RequestError(*_NOT_SUBSCRIBED)
        for number in list(present) if wanted is None else [int(wanted)]:
            self._end(session, number)
        return {}

    def _end(self, session: ApiSession, number: int) -> None:
        del self._by_session[session][number]
        event: Fields = {"e": "eventStreamTerminated", "E": session.time(self._server.now_ns())}
        session.connection.reply(text({"subscriptionId": number, "event": event}))

    def _subscribed(self, session: ApiSession, account: Account) -> int | None:
        held = self._by_session.get(session, {})
        return next((number for number, whose in held.items() if whose is account), None)

    # ---- events ---------------------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        """Tell the subscribers of the account, each in the unit of time of its connection."""
        account = report.order.account if isinstance(report, OrderReport) else report.account
        self._executions += 1
        for session, held in list(self._by_session.items()):
            for number, whose in held.items():
                if whose is account:
                    for event in self._events(report, session):
                        frame = text({"subscriptionId": number, "event": event})
                        session.connection.report(frame, str(event["e"]))

    def _events(self, report: Report, session: ApiSession) -> list[Fields]:
        now_ns = self._server.now_ns()
        if isinstance(report, OrderReport):
            client_id = self._orders.client_id(report.order)
            return [shapes.execution_report(report, client_id, session.time, now_ns, self._executions)]
        if not isinstance(report, BalanceReport):
            return []
        position = shapes.account_position(report.account, report.changes, session.time, now_ns)
        if report.reason not in (BalanceReason.DEPOSIT, BalanceReason.WITHDRAW):
            return [position]
        moves = [
            shapes.balance_update(asset, delta, session.time, now_ns)
            for asset, delta in report.changes.items()
            if delta
        ]
        return [*moves, position]
