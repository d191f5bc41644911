"""Binance's wire protocol: spot REST v3, streams and WS API, USDT-margined futures REST, streams and WS API, wallet.

Both markets share a port. REST paths are told apart by the venue itself (/api/v3, /fapi/v1); futures
streams live under /usdm (/usdm/public/ws, /usdm/market/stream, ...), spot streams at /ws and /stream, and
/spot works as a prefix of either. Spot streams also answer under /stream/ws, because ccxt recognises
Binance's spot by "/stream" in the URL.

Source: the venue's spot docs (2026-07) and futures docs; the rules each module follows are named there.
"""

from collections.abc import Mapping
from decimal import Decimal

from aiohttp import web

from oneprice.sim.dialects.binance.futures import build_futures
from oneprice.sim.dialects.binance.rest import RestPool
from oneprice.sim.dialects.binance.rules import INSTRUMENTS, SHARED_SEQUENCE
from oneprice.sim.dialects.binance.spot import build_spot
from oneprice.sim.dialects.binance.streams import announce_shutdown
from oneprice.sim.faults import FaultKind
from oneprice.sim.market import SimMarket
from oneprice.sim.orders import DeskRules
from oneprice.sim.server import SimServer, json_response

__all__ = ["DESK_RULES", "INSTRUMENTS", "SHARED_SEQUENCE", "build"]

_DAY_S = 86_400.0

DESK_RULES: Mapping[str, DeskRules] = {
    "spot": DeskRules(
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
        forget_unfilled_s=90 * _DAY_S,
        price_band=Decimal("0.8"),
    ),
    "usdm": DeskRules(
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
        fok_refused=True,
        forget_unfilled_s=3 * _DAY_S,
        price_band=Decimal(1_000),
        lots_max=1_000_000,
    ),
}
"""Default fees, and how orders are refused. Spot's price band is exchangeInfo's; futures' has one side only and is
checked by the dialect."""


def build(markets: Mapping[str, SimMarket], server: SimServer) -> None:
    """Register Binance's paths for the markets there are."""
    pools: dict[str, RestPool] = {}
    if "spot" in markets:
        pools["/api/"] = build_spot(markets["spot"], server)
    if "usdm" in markets:
        pools["/fapi/"] = build_futures(markets["usdm"], server)
    server.fault_answer = lambda request, kind: _fault_answer(pools, request, kind)
    server.announce_restart = lambda connection: announce_shutdown(server, connection)


def _fault_answer(pools: Mapping[str, RestPool], request: web.Request, kind: FaultKind) -> web.StreamResponse:
    """In the words of the pool that the path belongs to. The system's status is there to tell of maintenance."""
    if kind is FaultKind.MAINTENANCE and request.path.endswith("/sapi/v1/system/status"):
        return json_response({"status": 1, "msg": "system maintenance"})
    pool = next((pool for part, pool in pools.items() if part in request.path), next(iter(pools.values())))
    return pool.fault_answer(kind)
