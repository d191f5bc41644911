"""The door to MEXC's signed perpetual endpoints: signature, the key's rights, and 20 requests in 2 s for each endpoint.

Handlers get a proven sender and the parameters of path and query; what they return goes out as `data`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from oneprice.sim.dialects.mexc.refusals import FuturesRefusedError, futures_refusal
from oneprice.sim.dialects.mexc.signing import Signed, signed_futures
from oneprice.sim.limits import WindowCounter
from oneprice.sim.orders import Refused
from oneprice.sim.server import SimServer, json_response

__all__ = ["NO_DATA", "FuturesHandler", "FuturesPrivate", "Page", "asked", "number", "page_of"]

FuturesHandler = Callable[[Signed], object]
T = TypeVar("T")

NO_DATA: Final = object()
"""Returned by handlers whose answer has no `data`."""

_REQUESTS: Final = 20
_WINDOW_S: Final = 2
_PAGE_MAX: Final = 100
_LACKS: Final = {
    "read": (701, "Please enable API Key read access"),
    "trade": (704, "Please enable API Key trading information write access"),
}


class FuturesPrivate:
    """Registers signed endpoints of `/api/v1/private`."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self._often = WindowCounter(_REQUESTS, _WINDOW_S, server.now_ns)

    def add(
        self, method: str, path: str, handler: FuturesHandler, *, right: str = "read", changes: bool = False
    ) -> None:
        """Serve `method /api/v1/private<path>` to keys that have `right`. `changes`: it changes orders."""

        def answer(request: web.Request) -> web.StreamResponse:
            try:
                signed = signed_futures(
                    self._server.accounts, request, self._server.body(request), self._server.now_ms()
                )
                if right not in signed.key.rights:
                    raise FuturesRefusedError(*_LACKS[right])
                if self._often.add(f"{signed.account.uid} {method} {path}", 1) > self._often.limit:
                    raise FuturesRefusedError(510, "Requests are too frequent, please try again later")
                params = {**signed.params, **request.match_info}
                data = handler(msgspec.structs.replace(signed, params=params))
            except FuturesRefusedError as refusal:
                return refusal.response()
            except Refused as refusal:
                return futures_refusal(refusal).response()
            envelope: dict[str, object] = {"success": True, "code": 0}
            return json_response(envelope if data is NO_DATA else envelope | {"data": data})

        self._server.route(method, f"/api/v1/private{path}", answer, changes=changes)


def asked(signed: Signed, kind: type[T]) -> T:
    """The body of a POST, or its query where there is no body. Raises FuturesRefusedError."""
    try:
        if signed.body:
            return msgspec.json.decode(signed.body, type=kind, strict=False)
        return msgspec.convert(dict(signed.params), type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise FuturesRefusedError(600, f"Parameter error! {error}") from None
    except msgspec.DecodeError:
        raise FuturesRefusedError(601, "Data parsing error") from None


def number(params: Mapping[str, str], name: str, default: int, low: int = 0, high: int = 2**53) -> int:
    """A whole number, at least `low`; what is above `high` counts as that (unverified). Raises FuturesRefusedError."""
    text = params.get(name)
    if not text:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else low - 1
    if value < low:
        raise FuturesRefusedError(600, f"Parameter error! {name}")
    return min(value, high)


class Page(msgspec.Struct, frozen=True):
    """Which part of a list is wanted: `page_num` from 1, `page_size` 20 unless told."""

    num: int
    size: int

    def cut(self, rows: list[T]) -> list[T]:
        """The rows of the page."""
        return rows[(self.num - 1) * self.size : self.num * self.size]

    def described(self, rows: list[T]) -> dict[str, object]:
        """The page with how many there are in all."""
        return {
            "pageSize": self.size,
            "totalCount": len(rows),
            "totalPage": -(-len(rows) // self.size),
            "currentPage": self.num,
            "resultList": self.cut(rows),
        }


def page_of(params: Mapping[str, str]) -> Page:
    """The page that is asked for. Raises FuturesRefusedError."""
    return Page(number(params, "page_num", 1, 1, 100_000), number(params, "page_size", 20, 1, _PAGE_MAX))
