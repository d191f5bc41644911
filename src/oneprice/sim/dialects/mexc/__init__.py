"""MEXC's wire protocol for spot (REST v3, protobuf websocket) and USDT perpetuals, public side.

Spot is at `/api/v3/*` and `/ws`, perpetuals at `/api/v1/contract/*` and `/edge`, as at the venue.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from oneprice.sim.dialects.mexc.edge import serve_edge
from oneprice.sim.dialects.mexc.futures_rest import FuturesRest, refused
from oneprice.sim.dialects.mexc.listed import INSTRUMENTS
from oneprice.sim.dialects.mexc.spot_rest import SpotRest, too_many, unavailable
from oneprice.sim.dialects.mexc.spot_socket import serve_spot_socket
from oneprice.sim.dialects.mexc.spot_stream import SpotStreams
from oneprice.sim.faults import FaultKind
from oneprice.sim.market import SimMarket
from oneprice.sim.server import SimServer

__all__ = ["INSTRUMENTS", "build"]


def build(markets: Mapping[str, SimMarket], server: SimServer) -> None:
    """Serve the started markets ("spot", "futures"); one that is missing is simply not there."""
    spot, futures = markets.get("spot"), markets.get("futures")
    if spot is not None:
        SpotRest(server, spot).register()
        serve_spot_socket(server, SpotStreams(server, spot).find)
    if futures is not None:
        FuturesRest(server, futures).register()
        serve_edge(server, futures)
    server.fault_answer = _fault_answer


def _fault_answer(request: web.Request, kind: FaultKind) -> web.StreamResponse:
    """HTTP 503 and 429 in the market's shape; perpetuals report too many requests with HTTP 200."""
    is_futures = request.path.startswith("/api/v1/")
    if kind is FaultKind.RATE_LIMIT:
        return refused(510, "Requests are too frequent, please try again later") if is_futures else too_many(10)
    return refused(500, "Under maintenance, please try again later", 503) if is_futures else unavailable()
