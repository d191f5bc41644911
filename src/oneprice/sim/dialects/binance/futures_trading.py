"""The private side of Binance's USDT-margined futures put together: REST, WS API and user data."""

from collections.abc import Callable, Mapping

from oneprice.sim.dialects.binance.futures_account import FuturesAccount
from oneprice.sim.dialects.binance.futures_algo import FuturesAlgos
from oneprice.sim.dialects.binance.futures_orders import FuturesOrders
from oneprice.sim.dialects.binance.futures_streams import FuturesUserStreams
from oneprice.sim.dialects.binance.identifiers import IdMaker
from oneprice.sim.dialects.binance.operations import (
    Call,
    Operation,
    Security,
    fixed,
    reading,
    refusing,
    setting,
    trading,
)
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.quotas import OrderCounts
from oneprice.sim.dialects.binance.rest import RestPool
from oneprice.sim.dialects.binance.streams import FUTURES_POLICY, serve_private_streams
from oneprice.sim.dialects.binance.ws_api import FUTURES_API_POLICY, Api, ApiSession, serve_api
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

_API_PATHS = ("/ws-fapi/v1", "/usdm/ws-fapi/v1")
_HANDSHAKE_WEIGHT = 5
_CHECK_MS = 100
_PUBLIC_METHODS = {
    "ping": "v1/ping",
    "time": "v1/time",
    "depth": "v1/depth",
    "ticker.book": "v1/ticker/bookTicker",
    "ticker.price": "v1/ticker/price",
}


def add_futures_trading(
    server: SimServer,
    pool: RestPool,
    counts: OrderCounts,
    listings: Mapping[str, SimListing],
    public: Mapping[str, Operation],
) -> None:
    """Serve accounts and orders. `public`: the operations of /fapi that anybody may ask for."""
    desk = server.desks["usdm"]
    ids = IdMaker(f"{desk.market.seed}:{desk.market.t0_ns}:usdm")
    orders = FuturesOrders(desk, counts, ids)
    account = FuturesAccount(desk, listings)
    streams = FuturesUserStreams(server, desk, orders, ids)
    algos = FuturesAlgos(desk, counts, ids, streams.tell)
    server.every(_CHECK_MS, lambda now_ns: orders.tick(server.now_ns()))
    server.every(_CHECK_MS, lambda now_ns: algos.tick(server.now_ns()))
    for prefix in ("", "/usdm"):
        serve_private_streams(server, f"{prefix}/private", streams, FUTURES_POLICY)
    placing = Operation(run=orders.place, weight=0, security=Security.TRADE, changes=True, counts_orders=True)
    modifying = Operation(run=orders.modify, security=Security.TRADE, changes=True, counts_orders=True)
    rows = [
        *_order_routes(orders, placing, modifying),
        *_algo_routes(algos),
        *_account_routes(account, streams),
    ]
    for method, path, operation in rows:
        pool.add(method, f"/fapi/{path}", operation)
    api = Api(
        operations={method: public[path] for method, path in _PUBLIC_METHODS.items()}
        | _api_methods(orders, account, streams, algos, placing, modifying),
        sessions={},
        listings=listings,
        weights=pool.weights,
        orders=counts,
        handshake_weight=_HANDSHAKE_WEIGHT,
        policy=FUTURES_API_POLICY,
        has_micros=False,
        on_close=_nothing_to_end,
    )
    serve_api(server, _API_PATHS, api)


def _order_routes(orders: FuturesOrders, placing: Operation, modifying: Operation) -> list[tuple[str, str, Operation]]:
    batch = Operation(run=orders.place_batch, weight=5, security=Security.TRADE, changes=True, counts_orders=True)
    modify_batch = Operation(
        run=orders.modify_batch, weight=5, security=Security.TRADE, changes=True, counts_orders=True
    )
    return [
        ("POST", "v1/order", placing),
        ("PUT", "v1/order", modifying),
        ("POST", "v1/order/test", setting(orders.test, 0)),
        ("DELETE", "v1/order", trading(orders.cancel)),
        ("POST", "v1/batchOrders", batch),
        ("PUT", "v1/batchOrders", modify_batch),
        ("DELETE", "v1/batchOrders", trading(orders.cancel_batch)),
        ("DELETE", "v1/allOpenOrders", trading(orders.cancel_all)),
        ("POST", "v1/countdownCancelAll", trading(orders.countdown, 10)),
        ("GET", "v1/order", reading(orders.query)),
        ("GET", "v1/openOrder", reading(orders.open_order)),
        ("GET", "v1/openOrders", reading(orders.open_orders, _open_orders_weight)),
        ("GET", "v1/allOrders", reading(orders.all_orders, 5)),
        ("GET", "v1/userTrades", reading(orders.trades, 5)),
        ("GET", "v1/orderAmendment", reading(orders.amendments)),
        ("GET", "v1/forceOrders", reading(fixed([]), _forced_weight)),
    ]


def _placing_algos(algos: FuturesAlgos) -> Operation:
    return Operation(run=algos.place, weight=0, security=Security.TRADE, changes=True, counts_orders=True)


def _algo_routes(algos: FuturesAlgos) -> list[tuple[str, str, Operation]]:
    return [
        ("POST", "v1/algoOrder", _placing_algos(algos)),
        ("DELETE", "v1/algoOrder", trading(algos.cancel)),
        ("DELETE", "v1/algoOpenOrders", trading(algos.cancel_all)),
        ("GET", "v1/algoOrder", reading(algos.query)),
        ("GET", "v1/openAlgoOrders", reading(algos.open_orders, _open_orders_weight)),
        ("GET", "v1/allAlgoOrders", reading(algos.all_orders, 5)),
    ]


def _account_routes(account: FuturesAccount, streams: FuturesUserStreams) -> list[tuple[str, str, Operation]]:
    def keyed(run: Callable[[Call], object]) -> Operation:
        return Operation(run=run, security=Security.KEY)

    return [
        ("GET", "v2/account", reading(account.account_v2, 5)),
        ("GET", "v3/account", reading(account.account_v3, 5)),
        ("GET", "v2/balance", reading(account.balances, 5)),
        ("GET", "v3/balance", reading(account.balances, 5)),
        ("GET", "v2/positionRisk", reading(account.positions_v2, 5)),
        ("GET", "v3/positionRisk", reading(account.positions_v3, 5)),
        ("GET", "v1/accountConfig", reading(account.config, 5)),
        ("GET", "v1/symbolConfig", reading(account.symbol_config, 5)),
        ("GET", "v1/commissionRate", reading(account.commission_rate, 20)),
        ("GET", "v1/leverageBracket", reading(account.brackets)),
        ("POST", "v1/leverage", setting(streams.configured(account.set_leverage))),
        ("POST", "v1/marginType", setting(account.set_margin_type)),
        ("GET", "v1/positionSide/dual", reading(account.position_mode, 30)),
        ("POST", "v1/positionSide/dual", setting(account.set_position_mode)),
        ("GET", "v1/multiAssetsMargin", reading(fixed({"multiAssetsMargin": False}), 30)),
        ("POST", "v1/multiAssetsMargin", setting(account.set_multi_assets)),
        ("GET", "v1/feeBurn", reading(fixed({"feeBurn": False}), 30)),
        ("POST", "v1/feeBurn", setting(fixed({"code": 200, "msg": "success"}))),
        ("GET", "v1/income", reading(account.income, 30)),
        ("GET", "v1/adlQuantile", reading(account.adl, 5)),
        ("GET", "v1/rateLimit/order", reading(account.order_limits)),
        ("GET", "v1/apiTradingStatus", reading(account.trading_status)),
        ("GET", "v1/positionMargin/history", reading(fixed([]))),
        ("POST", "v1/positionMargin", setting(refusing(-4046, "Cross position can not adjust margin."))),
        ("POST", "v1/listenKey", keyed(streams.start)),
        ("PUT", "v1/listenKey", keyed(streams.extend)),
        ("DELETE", "v1/listenKey", keyed(streams.stop)),
    ]


def _api_methods(
    orders: FuturesOrders,
    account: FuturesAccount,
    streams: FuturesUserStreams,
    algos: FuturesAlgos,
    placing: Operation,
    modifying: Operation,
) -> dict[str, Operation]:
    return {
        "order.place": placing,
        "order.modify": modifying,
        "order.cancel": trading(orders.cancel),
        "order.status": reading(orders.query),
        "algoOrder.place": _placing_algos(algos),
        "algoOrder.cancel": trading(algos.cancel),
        "account.balance": reading(account.balances, 5),
        "v2/account.balance": reading(account.balances, 5),
        "account.status": reading(account.account_v2, 5),
        "v2/account.status": reading(account.account_v3, 5),
        "account.position": reading(account.positions_v2, 5),
        "v2/account.position": reading(account.positions_v3, 5),
        "userDataStream.start": Operation(run=streams.start, weight=5, security=Security.KEY),
        "userDataStream.ping": Operation(run=streams.extend, security=Security.KEY),
        "userDataStream.stop": Operation(run=streams.stop, security=Security.KEY),
    }


def _open_orders_weight(parameters: Parameters) -> int:
    return 1 if "symbol" in parameters else 40


def _forced_weight(parameters: Parameters) -> int:
    return 20 if "symbol" in parameters else 50


def _nothing_to_end(session: ApiSession) -> None:
    """User data is on a connection of its own."""
