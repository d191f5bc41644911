"""Gate's REST manners: parameters, error bodies, request limits and the headers of every answer.

Errors are HTTP 4xx with `{"label": .., "message": ..}`. Public endpoints allow 200 requests in 10 s each per
address, private ones per user and by their own rates; going over is HTTP 429 `TOO_MANY_REQUESTS` with a code
in the message (211 spot, 311 futures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Final, TypeVar

from aiohttp import web

from oneprice.sim.dialects.gate.caller import Call, Right, check_expiry, check_right
from oneprice.sim.dialects.gate.fields import decode
from oneprice.sim.dialects.gate.rates import DEFAULT_RATE, Rate, Rates, TooManyError, quota_headers, too_many
from oneprice.sim.dialects.gate.refusals import RefusedError, invalid
from oneprice.sim.dialects.gate.signing import Signatures
from oneprice.sim.faults import FaultKind
from oneprice.sim.server import SimServer, json_response

__all__ = ["Gateway", "RefusedError", "choice", "number", "optional_number", "required"]

Answer = Callable[[web.Request], object]
PrivateAnswer = Callable[[Call], object]
T = TypeVar("T")

_PREFIX: Final = "/api/v4"


def one_market(call: Call) -> Iterable[str]:
    """For rates that are not per market."""
    return ("",)


class Gateway:
    """Registers endpoints whose handlers return the JSON body or raise `RefusedError`."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self.signatures = Signatures(server.accounts)
        self.rates = Rates(server.now_ns)
        self._trace = count(1)
        server.fault_answer = self._fault_answer

    def get(self, path: str, handler: Answer) -> None:
        """Serve public `GET /api/v4<path>`."""

        def answer(request: web.Request) -> web.Response:
            def run() -> tuple[object, int, dict[str, str]]:
                quota = self.rates.take(DEFAULT_RATE, f"{request.remote} {path}", request.path)
                limits = quota_headers(quota)
                try:
                    return handler(request), 200, limits
                except RefusedError as refusal:
                    return refusal.body, refusal.status, limits

            return self._answer(run)

        self._server.route("GET", _PREFIX + path, answer)

    def private(
        self,
        method: str,
        path: str,
        handler: PrivateAnswer,
        *,
        right: Right = Right.READ,
        rate: Rate = DEFAULT_RATE,
        markets: Callable[[Call], Iterable[str]] = one_market,
        status: int = 200,
    ) -> None:
        """Serve a signed endpoint. `markets` names what the rate is counted for, where it is per market.

        Endpoints of the right to trade change orders, so that the faults of commands strike them.
        """

        def answer(request: web.Request) -> web.Response:
            def run() -> tuple[object, int, dict[str, str]]:
                call = self._call(request)
                limits: dict[str, str] = {}
                for market in markets(call):
                    name = f"{call.account.uid} {rate.name or f'{method} {path}'} {market}"
                    limits = quota_headers(self.rates.take(rate, name, request.path))
                try:
                    check_right(call.key, right)
                    check_expiry(request.headers.get("x-gate-exptime", ""), call.now_ns)
                    return handler(call), status, limits
                except RefusedError as refusal:
                    return refusal.body, refusal.status, limits

            return self._answer(run)

        self._server.route(method, _PREFIX + path, answer, changes=right is Right.TRADE)

    def close_paths(self) -> None:
        """Answer every other path as unknown; to be called after the last endpoint."""

        def unknown(request: web.Request) -> web.Response:
            refusal = RefusedError("NOT_FOUND", f"{request.path} not found", 404)
            return self._answer(lambda: (refusal.body, refusal.status, {}))

        self._server.route("*", "/api/v4/{tail:.*}", unknown)

    def _call(self, request: web.Request) -> Call:
        body, now_ns = self._server.body(request), self._server.now_ns()
        account, key = self.signatures.of_request(request, body, now_ns // 1_000_000_000)
        return Call(
            account=account,
            key=key,
            query=dict(request.query) | dict(request.match_info),
            body=decode(body),
            now_ns=now_ns,
            decimal=request.headers.get("X-Gate-Size-Decimal") == "1",
        )

    def _answer(self, run: Callable[[], tuple[object, int, dict[str, str]]]) -> web.Response:
        in_us = str(self._server.now_ns() // 1_000)
        try:
            body, status, limits = run()
        except RefusedError as refusal:
            limits = quota_headers(refusal.quota) if isinstance(refusal, TooManyError) else {}
            body, status = refusal.body, refusal.status
        stamps = {
            "X-In-Time": in_us,
            "X-Out-Time": str(self._server.now_ns() // 1_000),
            "X-Gate-Trace-Id": f"{next(self._trace):032x}",
        }
        return json_response(body, status, limits | stamps)

    def _fault_answer(self, request: web.Request, kind: FaultKind) -> web.Response:
        def run() -> tuple[object, int, dict[str, str]]:
            if kind is FaultKind.RATE_LIMIT:
                raise too_many(request.path, self._server.now_ns())
            if kind is FaultKind.BAN:
                raise RefusedError("IP_FORBIDDEN", "Request IP is not allowed", 403)
            if kind is FaultKind.MAINTENANCE:
                raise RefusedError("TOO_BUSY", "System is busy. Please try again later", 503)
            raise RefusedError("SERVER_ERROR", "Server error", 503)

        return self._answer(run)


def required(request: web.Request, name: str) -> str:
    """A parameter that must be there and not empty."""
    value = request.query.get(name)
    if not value:
        raise RefusedError("MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")
    return value


def optional_number(request: web.Request, name: str, low: int, high: int) -> int | None:
    """A whole number within [low, high], None when the parameter is absent."""
    text = request.query.get(name)
    if text is None:
        return None
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else low - 1
    if not low <= value <= high:
        raise invalid(name, text)
    return value


def number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """Like `optional_number` with a default."""
    value = optional_number(request, name, low, high)
    return default if value is None else value


def choice(request: web.Request, name: str, choices: dict[str, T], default: str) -> T:
    """One of the values by its name."""
    text = request.query.get(name, default)
    if text not in choices:
        raise invalid(name, text)
    return choices[text]
