"""Gate's REST manners: parameters, error bodies, request limits and the headers of every answer.

Errors are HTTP 4xx with `{"label": .., "message": ..}`. Public endpoints allow 200 requests in 10 s each per
address; going over is HTTP 429 `TOO_MANY_REQUESTS` with a code in the message (211 spot, 311 futures).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TypeVar

from aiohttp import web

from oneprice.sim.faults import FaultKind
from oneprice.sim.limits import WindowCounter
from oneprice.sim.server import SimServer, json_response

__all__ = ["Gateway", "RefusedError", "choice", "number", "optional_number", "required"]

REQUESTS_PER_WINDOW = 200
WINDOW_S = 10

Answer = Callable[[web.Request], object]
T = TypeVar("T")


class RefusedError(Exception):
    """An error the venue answers with; `status` is the HTTP status."""

    def __init__(self, label: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.label = label
        self.message = message
        self.status = status


class Gateway:
    """Registers GET endpoints whose handlers return the JSON body or raise `RefusedError`."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self._counter = WindowCounter(REQUESTS_PER_WINDOW, WINDOW_S, server.now_ns)
        self._trace = count(1)
        server.fault_answer = self._fault_answer

    def get(self, path: str, handler: Answer) -> None:
        """Serve `GET /api/v4<path>`."""

        def answer(request: web.Request) -> web.StreamResponse:
            return self._answer(request, path, handler)

        self._server.route("GET", f"/api/v4{path}", answer)

    def close_paths(self) -> None:
        """Answer every other path as unknown; to be called after the last `get`."""

        def unknown(request: web.Request) -> web.StreamResponse:
            return self._error(request, RefusedError("NOT_FOUND", f"{request.path} not found", 404), {})

        self._server.route("*", "/api/v4/{tail:.*}", unknown)

    def _answer(self, request: web.Request, path: str, handler: Answer) -> web.StreamResponse:
        used = self._counter.add(f"{request.remote} {path}", 1)
        reset_s = self._server.now_ns() // 1_000_000_000 + self._counter.retry_after_s()
        limits = {
            "X-Gate-RateLimit-Requests-Remain": str(max(0, REQUESTS_PER_WINDOW - used)),
            "X-Gate-RateLimit-Limit": str(REQUESTS_PER_WINDOW),
            "X-Gate-RateLimit-Reset-Timestamp": str(reset_s),
        }
        if used > REQUESTS_PER_WINDOW:
            return self._error(request, _too_many(request), limits)
        try:
            body = handler(request)
        except RefusedError as refusal:
            return self._error(request, refusal, limits)
        return json_response(body, headers=limits | self._stamps())

    def _error(self, request: web.Request, refusal: RefusedError, limits: dict[str, str]) -> web.StreamResponse:
        body = {"label": refusal.label, "message": refusal.message}
        return json_response(body, refusal.status, limits | self._stamps())

    def _stamps(self) -> dict[str, str]:
        now_us = str(self._server.now_ns() // 1_000)
        return {"X-In-Time": now_us, "X-Out-Time": now_us, "X-Gate-Trace-Id": f"{next(self._trace):032x}"}

    def _fault_answer(self, request: web.Request, kind: FaultKind) -> web.StreamResponse:
        if kind is FaultKind.RATE_LIMIT:
            return self._error(request, _too_many(request), {"X-Gate-RateLimit-Requests-Remain": "0"})
        return self._error(request, RefusedError("SERVER_ERROR", "Server error", 503), {})


def _too_many(request: web.Request) -> RefusedError:
    code = 311 if request.path.startswith("/api/v4/futures/") else 211
    return RefusedError("TOO_MANY_REQUESTS", f"Request Rate limit Exceeded ({code})", 429)


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
        raise _invalid(name, text)
    return value


def number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """Like `optional_number` with a default."""
    value = optional_number(request, name, low, high)
    return default if value is None else value


def choice(request: web.Request, name: str, choices: dict[str, T], default: str) -> T:
    """One of the values by its name."""
    text = request.query.get(name, default)
    if text not in choices:
        raise _invalid(name, text)
    return choices[text]


def _invalid(name: str, value: str) -> RefusedError:
    return RefusedError("INVALID_PARAM_VALUE", f"Invalid parameter `{name}` with value: {value}")
