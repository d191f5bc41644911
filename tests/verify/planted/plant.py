"""What is wrong with an exchange on purpose: hooks into one in-process exchange, on the far side of its wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from oneprice.sim.connection import Connection, Frame
from oneprice.sim.server import RestHandler, SimServer

Json = Any
RestChange = Callable[[str, Json], Json]
FrameChange = Callable[[str, Json], Json]
KEEP = object()
"""What a change gives where it leaves a message as it is; None drops a frame."""


class Plant(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of an exchange, and the cards that must fail by it: just these, of all that are tried.

    `areas`: hundreds whose cards are tried. `spoil`: breaks the exchange itself. `rest`: changes an answer, by
    "GET /path". `headers`: changes an answer's headers in place. `frame`: changes a frame by its stream's name.
    """

    name: str
    market: str
    fails: frozenset[int]
    areas: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    spoil: Callable[[SimServer], None] | None = None
    rest: RestChange | None = None
    headers: Callable[[str, Any], None] | None = None
    frame: FrameChange | None = None


class Garden:
    """The exchanges that have a fault planted. `dig` opens the ways in, for as long as the monkeypatch lasts."""

    def __init__(self) -> None:
        self._plants: dict[web.Application, Plant] = {}

    def plant(self, server: SimServer, plant: Plant) -> None:
        """Before the exchange is used."""
        self._plants[server._app] = plant
        if plant.spoil is not None:
            plant.spoil(server)

    def dig(self, patches: pytest.MonkeyPatch) -> None:
        """Have every exchange that is made from now on ask for its plant."""
        route, report, data = SimServer.route, Connection.report, Connection.send_data
        garden = self

        def routed(self: SimServer, method: str, path: str, handler: RestHandler, *, changes: bool = False) -> None:
            route(self, method, path, lambda request: garden._answer(request, handler(request)), changes=changes)

        def reported(self: Connection, frame: Frame, name: str = "") -> None:
            changed = garden._frame(self, frame, name)
            if changed is not None:
                report(self, changed, name)

        def sent(self: Connection, frame: Frame, name: str = "", *, is_diff: bool = False) -> None:
            changed = garden._frame(self, frame, name)
            if changed is not None:
                data(self, changed, name, is_diff=is_diff)

        patches.setattr(SimServer, "route", routed)
        patches.setattr(Connection, "report", reported)
        patches.setattr(Connection, "send_data", sent)

    def _answer(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        plant = self._plants.get(request.app)
        if plant is None or not isinstance(response, web.Response):
            return response
        name = f"{request.method} {request.path}"
        if plant.headers is not None:
            plant.headers(name, response.headers)
        if plant.rest is not None and isinstance(response.body, bytes) and response.body:
            changed = plant.rest(name, msgspec.json.decode(response.body))
            if changed is not KEEP:
                response.body = msgspec.json.encode(changed)
        return response

    def _frame(self, connection: Connection, frame: Frame, name: str) -> Frame | None:
        plant = self._plants.get(connection.request.app)
        if plant is None or plant.frame is None or not isinstance(frame, str):
            return frame
        changed = plant.frame(name, msgspec.json.decode(frame))
        if changed is KEEP:
            return frame
        return None if changed is None else msgspec.json.encode(changed).decode()
