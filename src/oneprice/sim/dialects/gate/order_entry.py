"""Gate's order entry by websocket (`event` "api"): a login, then commands with the parameters that REST has.

Placing is answered twice: first `"ack": true` with the request as it was taken, then the result or `errs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.connection import Connection
from oneprice.sim.dialects.gate.caller import Call, Right, check_expiry, check_right
from oneprice.sim.dialects.gate.fields import decode
from oneprice.sim.dialects.gate.rates import Rate, Rates, TooManyError, too_many
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.dialects.gate.signing import Signatures
from oneprice.sim.faults import FaultKind
from oneprice.sim.limits import Quota
from oneprice.sim.server import SimServer

__all__ = ["Command", "CommandTable", "EntryDesk", "OrderEntry"]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel does. `market` names the parameter that the rate is counted for; `acks`: answered twice."""

    handle: Callable[[Call], object]
    right: Right = Right.TRADE
    rate: Rate
    market: str = ""
    acks: bool = False


CommandTable = Mapping[str, Command]

_EXPIRY: Final = "x-gate-exptime"


class EntryDesk(msgspec.Struct, frozen=True):
    """What the connections of a product share."""

    server: SimServer
    product: str
    signatures: Signatures
    rates: Rates
    commands: CommandTable


class _Payload(msgspec.Struct):
    req_id: str | int | None = None
    api_key: str = ""
    signature: str = ""
    timestamp: str | int = ""
    req_param: msgspec.Raw = msgspec.Raw()
    req_header: dict[str, str] | None = None


class OrderEntry:
    """One connection's order entry."""

    def __init__(self, desk: EntryDesk, connection: Connection, connection_id: str, *, decimal: bool) -> None:
        self._desk = desk
        self._connection = connection
        self._connection_id = connection_id
        self._decimal = decimal
        self._commands = 0
        self._login: tuple[Account, ApiKey] | None = None

    def take(self, channel: str, raw: msgspec.Raw) -> None:
        """Carry out one request and answer it."""
        self._commands += 1
        in_us = self._desk.server.now_ns() // 1_000
        try:
            payload = msgspec.json.decode(raw, type=_Payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            refusal = RefusedError("INVALID_REQUEST_BODY", "Invalid request body")
            self._refuse(channel, "", in_us, refusal)
            return
        request_id = "" if payload.req_id is None else str(payload.req_id)
        if channel == f"{self._desk.product}.login":
            self._log_in(channel, payload, request_id, in_us)
            return
        command = self._desk.commands.get(channel)
        if command is None:
            self._refuse(channel, request_id, in_us, RefusedError("INVALID_ARGUMENT", f"unknown channel {channel}"))
        elif not self._connection.loses(channel):
            self._run(channel, command, payload, request_id, in_us)

    def _log_in(self, channel: str, payload: _Payload, request_id: str, in_us: int) -> None:
        parameters = bytes(payload.req_param).decode()
        try:
            self._check_open(channel)
            self._login = self._desk.signatures.of_login(
                payload.api_key,
                payload.signature,
                channel,
                "" if parameters == "null" else parameters,
                str(payload.timestamp),
                self._desk.server.now_ms() // 1_000,
            )
        except RefusedError as refusal:
            self._refuse(channel, request_id, in_us, refusal)
            return
        account, key = self._login
        result = {"api_key": key.key, "uid": str(account.uid)}
        header = self._header(channel, in_us, "200") | {"clientId": ""}
        self._send(request_id, header, {"result": result})

    def _run(self, channel: str, command: Command, payload: _Payload, request_id: str, in_us: int) -> None:
        quota: Quota | None = None
        try:
            self._check_open(channel)
            account, key = self._signed_in()
            parameters = decode(bytes(payload.req_param))
            for market in _markets(command, parameters):
                who = f"{account.uid} {command.rate.name or channel} {market}"
                quota = self._desk.rates.take(command.rate, who, channel)
            headers = {name.lower(): value for name, value in (payload.req_header or {}).items()}
            if command.acks:
                self._acknowledge(channel, request_id, in_us, payload, quota)
            check_right(key, command.right)
            now_ns = self._desk.server.now_ns()
            check_expiry(headers.get(_EXPIRY, ""), now_ns)
            call = Call(account=account, key=key, now_ns=now_ns, body=parameters, decimal=self._decimal, by_socket=True)
            result = command.handle(call)
        except RefusedError as refusal:
            self._refuse(channel, request_id, in_us, refusal, quota)
            return
        frame = self._frame(request_id, self._header(channel, in_us, "200", quota), {"result": result})
        if command.right is Right.TRADE:
            self._connection.answer(frame, channel)
        else:
            self._connection.reply(frame)

    def _check_open(self, channel: str) -> None:
        if self._desk.server.faults.hit(FaultKind.RATE_LIMIT, channel) is not None:
            raise too_many(channel, self._desk.server.now_ns())
        if self._desk.server.faults.hit(FaultKind.MAINTENANCE, channel) is not None:
            raise RefusedError("TOO_BUSY", "System is busy. Please try again later", 503)

    def _signed_in(self) -> tuple[Account, ApiKey]:
        if self._login is None or not self._desk.signatures.still_valid(self._login[1]):
            raise RefusedError("AUTHENTICATION_FAILED", "Not login")  # HTTP-like 400, as recorded
        return self._login

    def _acknowledge(self, channel: str, request_id: str, in_us: int, payload: _Payload, quota: Quota | None) -> None:
        """Says only that the request has come in: no fault of answers strikes it."""
        result = {
            "req_id": request_id,
            "req_header": payload.req_header,
            "req_param": payload.req_param if bytes(payload.req_param) else None,
        }
        header = self._header(channel, in_us, "200", quota)
        self._connection.reply(self._frame(request_id, header, {"result": result}, ack=True))

    def _refuse(
        self, channel: str, request_id: str, in_us: int, refusal: RefusedError, quota: Quota | None = None
    ) -> None:
        header = self._header(channel, in_us, str(refusal.status), quota)
        if isinstance(refusal, TooManyError):
            header |= {
                "x_gate_ratelimit_limit": refusal.quota.limit,
                "x_gate_ratelimit_reset_timestamp": refusal.quota.resets_ns // 1_000_000,
            }
        errors = {"errs": {"label": refusal.label, "message": refusal.message}}
        self._connection.answer(self._frame(request_id, header, errors), channel)

    def _send(self, request_id: str, header: dict[str, object], data: object) -> None:
        self._connection.reply(self._frame(request_id, header, data))

    def _frame(self, request_id: str, header: dict[str, object], data: object, *, ack: bool = False) -> str:
        frame: dict[str, object] = {"request_id": request_id}
        frame |= {"ack": True} if ack else {}
        return msgspec.json.encode(frame | {"header": header, "data": data}).decode()

    def _header(self, channel: str, in_us: int, status: str, quota: Quota | None = None) -> dict[str, object]:
        """The rate's reset is spelled as the venue spells it; what is 0 is left out."""
        now_ns = self._desk.server.now_ns()
        trace = f"{self._connection_id}{self._commands:016x}"
        header: dict[str, object] = {
            "response_time": str(now_ns // 1_000_000),
            "status": status,
            "channel": channel,
            "event": "api",
            "client_id": f"{self._connection.request.remote}-0x{self._connection_id[-10:]}",
            "x_in_time": in_us,
            "x_out_time": now_ns // 1_000,
            "conn_id": self._connection_id,
            "conn_trace_id": trace,
            "trace_id": trace,
        }
        if quota is not None:
            header |= {"x_gate_ratelimit_requests_remain": quota.left} if quota.left else {}
            header |= {
                "x_gate_ratelimit_limit": quota.limit,
                "x_gat_ratelimit_reset_timestamp": quota.resets_ns // 1_000_000,
            }
        return header


def _markets(command: Command, parameters: object) -> list[str]:
    if not command.market:
        return [""]
    rows = parameters if isinstance(parameters, list) else [parameters]
    return sorted({str(row.get(command.market, "")) for row in rows if isinstance(row, dict)}) or [""]
