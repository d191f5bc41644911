"""Gate's wire protocol (REST v4, websocket v4) for spot and USDT perpetuals.

Spot is at `/api/v4/spot/*` and `/ws/v4/`, perpetuals at `/api/v4/futures/usdt/*` and `/v4/ws/usdt`, as at the
venue, where they are different hosts. The websockets are at the testnet's paths too.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from oneprice.sim.connection import Connection
from oneprice.sim.dialects.gate.account import register_account
from oneprice.sim.dialects.gate.closes import Closes
from oneprice.sim.dialects.gate.commands import futures_commands, spot_commands
from oneprice.sim.dialects.gate.futures_account import FuturesAccount
from oneprice.sim.dialects.gate.futures_orders import FuturesOrders
from oneprice.sim.dialects.gate.futures_private import FuturesPrivate
from oneprice.sim.dialects.gate.futures_rest import (
    LEVERAGE_MAX,
    LOTS_MAX,
    MAKER_FEE,
    OPEN_ORDERS_MAX,
    TAKER_FEE,
    FuturesRest,
    wants_decimal_sizes,
)
from oneprice.sim.dialects.gate.futures_stream import FuturesStreams
from oneprice.sim.dialects.gate.futures_trading import FuturesTrading
from oneprice.sim.dialects.gate.groups import SelfTradeGroups
from oneprice.sim.dialects.gate.ledger import Ledger
from oneprice.sim.dialects.gate.listed import INSTRUMENTS
from oneprice.sim.dialects.gate.order_entry import CommandTable, EntryDesk
from oneprice.sim.dialects.gate.positions import Positions
from oneprice.sim.dialects.gate.rest import Gateway
from oneprice.sim.dialects.gate.session import PrivateSide, serve_socket
from oneprice.sim.dialects.gate.spot_account import SpotAccount
from oneprice.sim.dialects.gate.spot_orders import SpotOrders
from oneprice.sim.dialects.gate.spot_private import SpotPrivate
from oneprice.sim.dialects.gate.spot_rest import TAKER_FEE_PERCENT, SpotRest, register_missing_products
from oneprice.sim.dialects.gate.spot_stream import SpotStreams
from oneprice.sim.dialects.gate.spot_trading import SpotTrading
from oneprice.sim.dialects.gate.transfers import Transfers
from oneprice.sim.dialects.gate.wallet import Wallet
from oneprice.sim.market import SimMarket
from oneprice.sim.orders import DeskRules, DuplicateIds
from oneprice.sim.server import SimServer

__all__ = ["DESK_RULES", "INSTRUMENTS", "build"]

_SPOT_FEE: Final = Decimal(TAKER_FEE_PERCENT) / 100

DESK_RULES: Final[Mapping[str, DeskRules]] = {
    # Orders cancelled without a fill vanish after a minute (spot) or ten (perpetuals); a text finds an ended order
    # for an hour or a minute.
    "spot": DeskRules(
        maker_fee=_SPOT_FEE,
        taker_fee=_SPOT_FEE,
        duplicate_ids=DuplicateIds.ACCEPTED,
        fok_refused=True,
        fee_decimals=12,
        forget_unfilled_s=60.0,
        client_id_kept_s=3_600.0,
    ),
    "futures": DeskRules(
        maker_fee=Decimal(MAKER_FEE),
        taker_fee=Decimal(TAKER_FEE),
        duplicate_ids=DuplicateIds.ACCEPTED,
        fok_refused=True,
        fee_decimals=12,
        open_orders_max=OPEN_ORDERS_MAX,
        forget_unfilled_s=600.0,
        client_id_kept_s=60.0,
        leverage_default=10,
        leverage_max=LEVERAGE_MAX,
        lots_max=LOTS_MAX,
    ),
}


def build(markets: Mapping[str, SimMarket], server: SimServer) -> None:
    """Serve the started markets ("spot", "futures"); one that is missing is simply not there."""
    exchange = _Exchange(server)
    spot, futures = markets.get("spot"), markets.get("futures")
    if spot is not None:
        exchange.serve_spot(spot)
    if futures is not None:
        exchange.serve_futures(futures)
    register_account(exchange.gateway, exchange.groups)
    Wallet(server.desks).register(exchange.gateway)
    Transfers(server.desks, exchange.ledger).register(exchange.gateway)
    register_missing_products(exchange.gateway)
    exchange.gateway.close_paths()


class _Exchange:
    """What spot and perpetuals share."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self.gateway = Gateway(server)
        self.groups = SelfTradeGroups()
        self.ledger = Ledger(server.desks, server.now_ns)

    def serve_spot(self, market: SimMarket) -> None:
        """REST and websocket of spot."""
        server, desk = self._server, self._server.desks["spot"]
        SpotRest(server, market).register(self.gateway)
        orders = SpotOrders(desk, self.groups)
        SpotTrading(orders, SpotAccount(orders, self.ledger)).register(self.gateway)
        private = SpotPrivate(server, desk, self.groups, self.ledger)
        side = PrivateSide(private.channels(), self._entry("spot", spot_commands(orders)))
        paths = ("/ws/v4/", "/ws/v4", "/v4/ws/spot")
        serve_socket(server, paths, "spot", SpotStreams(server, market).channels(), lambda _: True, side)

    def serve_futures(self, market: SimMarket) -> None:
        """REST and websocket of USDT perpetuals."""
        server, desk = self._server, self._server.desks["futures"]
        FuturesRest(server, market).register(self.gateway)
        orders, positions = FuturesOrders(desk, self.groups), Positions(desk)
        account = FuturesAccount(orders, positions, self.ledger)
        FuturesTrading(orders, account, Closes(desk, orders.listings)).register(self.gateway)
        private = FuturesPrivate(server, orders, positions, self.groups, self.ledger)
        side = PrivateSide(private.channels(), self._entry("futures", futures_commands(orders)))
        paths = ("/v4/ws/usdt", "/v4/ws/usdt/", "/v4/ws/futures/usdt")
        channels = FuturesStreams(server, market).channels()
        serve_socket(server, paths, "futures", channels, _sizes_are_decimal, side)

    def _entry(self, product: str, commands: CommandTable) -> EntryDesk:
        gateway = self.gateway
        return EntryDesk(self._server, product, gateway.signatures, gateway.rates, commands)


def _sizes_are_decimal(connection: Connection) -> bool:
    return wants_decimal_sizes(connection.request.headers)
