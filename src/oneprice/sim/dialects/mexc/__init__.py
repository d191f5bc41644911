"""MEXC's wire protocol for spot (REST v3, protobuf websocket) and USDT perpetuals, public and private.

Spot is at `/api/v3/*` and `/ws`, perpetuals at `/api/v1/contract/*`, `/api/v1/private/*` and `/edge`, as at the venue.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.desk_rules import DESK_RULES
from oneprice.sim.dialects.mexc.edge import serve_edge
from oneprice.sim.dialects.mexc.futures_account import FuturesAccount
from oneprice.sim.dialects.mexc.futures_book import FuturesBook
from oneprice.sim.dialects.mexc.futures_orders import FuturesOrders
from oneprice.sim.dialects.mexc.futures_private import FuturesPrivate
from oneprice.sim.dialects.mexc.futures_queries import FuturesQueries
from oneprice.sim.dialects.mexc.futures_rest import FuturesRest
from oneprice.sim.dialects.mexc.futures_shapes import FuturesShapes
from oneprice.sim.dialects.mexc.listed import INSTRUMENTS
from oneprice.sim.dialects.mexc.listen_keys import ListenKeys
from oneprice.sim.dialects.mexc.personal import Personal
from oneprice.sim.dialects.mexc.private_streams import PrivateStreams
from oneprice.sim.dialects.mexc.refusals import banned, refused, too_many, unavailable
from oneprice.sim.dialects.mexc.spot_account import SpotAccount
from oneprice.sim.dialects.mexc.spot_limits import SpotLimits
from oneprice.sim.dialects.mexc.spot_orders import SpotOrders
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate
from oneprice.sim.dialects.mexc.spot_quiet import register_quiet
from oneprice.sim.dialects.mexc.spot_rest import SpotRest
from oneprice.sim.dialects.mexc.spot_shapes import MarketPrices
from oneprice.sim.dialects.mexc.spot_socket import serve_spot_socket
from oneprice.sim.dialects.mexc.spot_stream import SpotStreams
from oneprice.sim.dialects.mexc.strategy_groups import StrategyGroups
from oneprice.sim.dialects.mexc.transfers import Transfers
from oneprice.sim.dialects.mexc.wallet import Wallet
from oneprice.sim.faults import FaultKind
from oneprice.sim.market import SimMarket
from oneprice.sim.server import SimServer

__all__ = ["DESK_RULES", "INSTRUMENTS", "build"]


def build(markets: Mapping[str, SimMarket], server: SimServer) -> None:
    """Serve the started markets ("spot", "futures"); one that is missing is simply not there."""
    spot, futures = markets.get("spot"), markets.get("futures")
    transfers = Transfers(server)
    if spot is not None:
        limits = SpotLimits(server.now_ns)
        _serve_spot_account(server, server.desks["spot"], transfers, limits, SpotStreams(server, spot))
        SpotRest(server, spot, limits, server.desks["spot"].is_halted).register()
    if futures is not None:
        serve_edge(server, futures, _serve_futures_account(server, server.desks["futures"], transfers))
        FuturesRest(server, futures, server.desks["futures"].is_halted).register()
    server.fault_answer = lambda request, kind: _fault_answer(server, request, kind)


def _serve_spot_account(
    server: SimServer, desk: TradingDesk, transfers: Transfers, limits: SpotLimits, public: SpotStreams
) -> None:
    """The signed endpoints, and the websocket, whose connections may be an account's."""
    door, keys, prices = SpotPrivate(server, limits), ListenKeys(server), MarketPrices()
    groups = StrategyGroups(server)
    SpotOrders(server, desk, prices, groups).register(door)
    SpotAccount(server, desk).register(door)
    for part in (transfers, Wallet(server, transfers.moves_inside), keys, groups):
        part.register(door)
    register_quiet(door)
    streams = PrivateStreams(server, desk, prices, transfers.moves_inside)
    serve_spot_socket(server, public.find, keys, streams)


def _serve_futures_account(server: SimServer, desk: TradingDesk, transfers: Transfers) -> Personal:
    """The signed endpoints; returns what pushes to connections that log in. The book hears the desk first."""
    door, book = FuturesPrivate(server), FuturesBook(desk)
    shapes = FuturesShapes(desk, book)
    orders = FuturesOrders(server, desk, book, shapes)
    orders.register(door)
    FuturesQueries(server, desk, shapes, orders).register(door)
    FuturesAccount(desk, book, shapes, orders, transfers).register(door)
    return Personal(server, desk, book, shapes)


def _fault_answer(server: SimServer, request: web.Request, kind: FaultKind) -> web.StreamResponse:
    """In the market's shape; perpetuals report too many requests with HTTP 200. A ban is the address's, of both."""
    is_futures = request.path.startswith("/api/v1/")
    if kind is FaultKind.BAN:
        return banned(server.faults.left_s(kind))
    if kind is FaultKind.RATE_LIMIT:
        return (
            refused(510, "Requests are too frequent, please try again later")
            if is_futures
            else too_many(server.faults.left_s(kind))
        )
    if not is_futures:
        return unavailable()
    text = "Under maintenance, please try again later"
    return refused(500, text, 200 if kind is FaultKind.MAINTENANCE else 503)
