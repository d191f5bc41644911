"""Gate's wire protocol (REST v4, websocket v4) for spot and USDT perpetuals, public side.

Spot is at `/api/v4/spot/*` and `/ws/v4/`, perpetuals at `/api/v4/futures/usdt/*` and `/v4/ws/usdt`, as at the
venue, where they are different hosts.
"""

from __future__ import annotations

from collections.abc import Mapping

from oneprice.sim.connection import Connection
from oneprice.sim.dialects.gate.futures_rest import FuturesRest, wants_decimal_sizes
from oneprice.sim.dialects.gate.futures_stream import FuturesStreams
from oneprice.sim.dialects.gate.listed import INSTRUMENTS
from oneprice.sim.dialects.gate.rest import Gateway
from oneprice.sim.dialects.gate.session import serve_socket
from oneprice.sim.dialects.gate.spot_rest import SpotRest, register_missing_products
from oneprice.sim.dialects.gate.spot_stream import SpotStreams
from oneprice.sim.market import SimMarket
from oneprice.sim.server import SimServer

__all__ = ["INSTRUMENTS", "build"]


def build(markets: Mapping[str, SimMarket], server: SimServer) -> None:
    """Serve the started markets ("spot", "futures"); one that is missing is simply not there."""
    gateway = Gateway(server)
    spot, futures = markets.get("spot"), markets.get("futures")
    if spot is not None:
        SpotRest(server, spot).register(gateway)
        channels = SpotStreams(server, spot).channels()
        serve_socket(server, ("/ws/v4/", "/ws/v4"), "spot", channels, lambda _: True)
    if futures is not None:
        FuturesRest(server, futures).register(gateway)
        channels = FuturesStreams(server, futures).channels()
        serve_socket(server, ("/v4/ws/usdt", "/v4/ws/usdt/"), "futures", channels, _sizes_are_decimal)
    register_missing_products(gateway)
    gateway.close_paths()


def _sizes_are_decimal(connection: Connection) -> bool:
    return wants_decimal_sizes(connection.request.headers)
