"""The WS API of a market: the operations of REST as requests over one websocket, and sessions logged on once.

A request is `{"id":any,"method":"order.place","params":{...}}`; the answer has the same id, a status as of HTTP, and
`result` or `error`, and the rate limits unless they are not wanted.
"""

from collections.abc import Callable, Mapping

import msgspec

from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.connection import Connection, Frame, SocketPolicy
from oneprice.sim.dialects.binance.feeds import text
from oneprice.sim.dialects.binance.operations import Call, Operation, Security
from oneprice.sim.dialects.binance.parameters import MICROS_NS, MILLIS_NS, Parameters
from oneprice.sim.dialects.binance.quotas import OrderCounts, Tired, WeightPool, banned
from oneprice.sim.dialects.binance.refusals import (
    OFF_SERVICE,
    REJECTED_KEY,
    UNSUPPORTED,
    RequestError,
)
from oneprice.sim.dialects.binance.signing import (
    check_right,
    check_signature,
    check_window,
    find_key,
    socket_payload,
)
from oneprice.sim.faults import FaultKind
from oneprice.sim.limits import RollingCounter
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

SPOT_API_POLICY = SocketPolicy(ping_interval_s=20.0, pong_timeout_s=60.0)
FUTURES_API_POLICY = SocketPolicy(ping_interval_s=180.0, pong_timeout_s=600.0)
_CONNECTS_PER_5_MIN = 300
_MALFORMED = (-1135, "Invalid JSON Request: the request could not be parsed.")


class Asked(msgspec.Struct, frozen=True):
    """One request as it came. `values`: the params as the text that was signed."""

    request_id: object
    method: str
    values: dict[str, str]

    def __repr__(self) -> str:
        return f"Asked({self.method!r}, ...)"  # the values hold a key and a signature


SessionMethod = Callable[["ApiSession", Asked], object]


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """What one market serves over its WS API. `sessions` are methods about the connection itself."""

    operations: Mapping[str, Operation]
    sessions: Mapping[str, SessionMethod]
    listings: Mapping[str, SimListing]
    weights: WeightPool
    orders: OrderCounts
    handshake_weight: int
    policy: SocketPolicy
    has_micros: bool
    on_close: Callable[["ApiSession"], None]


class ApiSession:
    """One client's WS API connection. `logon` is set while a session is logged on."""

    def __init__(self, connection: Connection, server: SimServer, api: Api) -> None:
        self.connection = connection
        self.server = server
        self.logon: tuple[Account, ApiKey] | None = None
        self.logon_ms = 0
        self.connected_ms = server.now_ms()
        query = connection.request.query
        micros = api.has_micros and query.get("timeUnit", "").upper().startswith("MICRO")
        self.unit_ns = MICROS_NS if micros else MILLIS_NS
        self.returns_limits = query.get("returnRateLimits", "true").lower() != "false"
        self._api = api
        self._client = connection.request.remote or "unknown"
        connection.wrap = _as_event

    def time(self, ts_ns: int) -> int:
        """A time in the unit that the connection was opened with."""
        return ts_ns // self.unit_ns

    def on_message(self, frame: Frame) -> None:
        """Do what is asked and answer."""
        asked: Asked | None = None
        operation: Operation | None = None
        account: Account | None = None
        try:
            asked = _read(frame)
            operation = self._api.operations.get(asked.method)
            if operation is not None and operation.changes and self.connection.loses(asked.method):
                return
            result, account = self._run(asked, operation)
            answer: dict[str, object] = {"id": asked.request_id, "status": 200, "result": result}
        except RequestError as refused:
            answer = self._refusal(asked, refused)
        if asked is not None and self._wants_limits(asked):
            answer["rateLimits"] = self._limits(operation, account)
        if operation is not None and operation.changes and asked is not None:
            self.connection.answer(text(answer), asked.method)
        else:
            self.connection.reply(text(answer))

    def on_close(self) -> None:
        """End the subscriptions of this connection."""
        self._api.on_close(self)

    def let_in(self, asked: Asked) -> tuple[Account, ApiKey]:
        """Who signed the request, or who is logged on. Raises RequestError."""
        now_ns = self.server.now_ns()
        if self.logon is not None and "apiKey" not in asked.values:
            if self.server.accounts.find(self.logon[1].key) is None:
                self.logon = None
                raise RequestError(*REJECTED_KEY, status=401)
            check_window(asked.values, now_ns)
            return self.logon
        account, key = find_key(self.server.accounts, asked.values.get("apiKey", ""))
        check_window(asked.values, now_ns)
        check_signature(key, socket_payload(asked.values), asked.values.get("signature", ""))
        return account, key

    # ---- inside ---------------------------------------------------------------------------------------

    def _run(self, asked: Asked, operation: Operation | None) -> tuple[object, Account | None]:
        weights = self._api.weights
        weights.enter(self._client)
        self._check_open(asked.method, operation)
        about_session = self._api.sessions.get(asked.method)
        if about_session is not None:
            weights.charge(self._client, 2)
            return about_session(self, asked), None
        if operation is None:
            weights.charge(self._client, 1)
            raise RequestError(*UNSUPPORTED)
        parameters = Parameters(asked.values, self._api.listings, self.unit_ns)
        cost = operation.cost(parameters)
        weights.charge(self._client, cost)
        account, key = self._caller(asked, operation.security)
        result = operation.run(Call(parameters, self.server.now_ns(), account, key))
        if operation.is_free_if_done:
            weights.give_back(self._client, cost)
        return result, account

    def _check_open(self, method: str, operation: Operation | None) -> None:
        """The faults that answer commands in the place of what is asked. Raises RequestError."""
        faults = self.server.faults
        if faults.hit(FaultKind.BAN, method) is not None:
            left_s = faults.left_s(FaultKind.BAN)
            raise banned(self.server.now_ms() + left_s * 1_000, left_s)
        is_private = method in self._api.sessions or (operation is not None and operation.security is not Security.NONE)
        if is_private and faults.hit(FaultKind.MAINTENANCE, method) is not None:
            raise RequestError(*OFF_SERVICE, status=503)
        if faults.hit(FaultKind.RATE_LIMIT, method) is not None:
            raise self._api.weights.too_much()

    def _caller(self, asked: Asked, security: Security) -> tuple[Account | None, ApiKey | None]:
        if security is Security.NONE:
            return None, None
        if security is Security.KEY:
            return find_key(self.server.accounts, asked.values.get("apiKey", ""))
        account, key = self.let_in(asked)
        check_right(key, security.value)
        return account, key

    def _refusal(self, asked: Asked | None, refused: RequestError) -> dict[str, object]:
        error = refused.body()
        if isinstance(refused, Tired):
            now_ms = self.server.now_ms()
            retry_ms = refused.banned_until_ms or now_ms + (refused.retry_after_s or 1) * 1_000
            error["data"] = {"serverTime": now_ms, "retryAfter": retry_ms}
        return {"id": None if asked is None else asked.request_id, "status": refused.status, "error": error}

    def _wants_limits(self, asked: Asked) -> bool:
        wanted = asked.values.get("returnRateLimits")
        return self.returns_limits if wanted is None else wanted != "false"

    def _limits(self, operation: Operation | None, account: Account | None) -> list[dict[str, object]]:
        rows = [self._api.weights.row(self._client)]
        if operation is not None and operation.counts_orders and account is not None:
            rows = self._api.orders.rows(account.uid) + rows
        return rows


def serve_api(server: SimServer, paths: tuple[str, ...], api: Api) -> None:
    """Serve a market's WS API at the paths."""
    attempts = RollingCounter(_CONNECTS_PER_5_MIN, 300.0, server.now_ns)

    def open_session(connection: Connection) -> ApiSession:
        session = ApiSession(connection, server, api)
        client = connection.request.remote or "unknown"
        try:
            api.weights.enter(client)
            api.weights.charge(client, api.handshake_weight)
        except RequestError as tired:
            connection.close(1008, tired.message[:120])
        if not attempts.add():
            connection.close(1008, "Too many connection attempts")
        return session

    for path in paths:
        server.websocket(path, open_session, api.policy)


def _as_event(topic_name: str, frame: Frame) -> Frame:
    """The form of what the server says by itself: serverShutdown."""
    return f'{{"event":{frame if isinstance(frame, str) else frame.decode()}}}'


_DECODER = msgspec.json.Decoder(float_hook=str)  # a signed number must stay the text that was sent


def _read(frame: Frame) -> Asked:
    try:
        request = _DECODER.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(*_MALFORMED) from error
    if not isinstance(request, dict):
        raise RequestError(*_MALFORMED)
    request_id, method, params = request.get("id"), request.get("method"), request.get("params")
    if not isinstance(method, str) or not isinstance(params, dict | None):
        raise RequestError(*_MALFORMED)
    values = {name: _text(value) for name, value in (params or {}).items() if value is not None}
    return Asked(request_id, method, values)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else text(value)
