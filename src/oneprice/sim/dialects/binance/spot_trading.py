"""The private side of Binance spot put together: REST, WS API, user data and the wallet."""

from collections.abc import Mapping

from oneprice.sim.dialects.binance.identifiers import IdMaker
from oneprice.sim.dialects.binance.operations import (
    Operation,
    Security,
    fixed,
    reading,
    refusing,
    trading,
)
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.quotas import OrderCounts, WeightPool
from oneprice.sim.dialects.binance.rest import RestPool
from oneprice.sim.dialects.binance.spot_account import SpotAccount
from oneprice.sim.dialects.binance.spot_orders import SpotOrders
from oneprice.sim.dialects.binance.user_streams import SpotUserStreams
from oneprice.sim.dialects.binance.wallet import Wallet
from oneprice.sim.dialects.binance.ws_api import SPOT_API_POLICY, Api, serve_api
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

_API_PATHS = ("/ws-api/v3", "/spot/ws-api/v3")
_HANDSHAKE_WEIGHT = 2
_SAPI_WEIGHT_LIMIT = 12_000
_NO_LISTS = refusing(-2010, "OCO orders are not supported for this symbol.")
_NO_ROUTING = refusing(-2010, "Smart order routing is not supported for this symbol.")
_ACCOUNT_INFO = {
    "vipLevel": 0,
    "isMarginEnabled": False,
    "isFutureEnabled": True,
    "isOptionsEnabled": False,
    "isPortfolioMarginRetailEnabled": False,
}
_GONE = refusing(-1020, "This operation is not supported.", 410)
_PUBLIC_METHODS = {
    "ping": "ping",
    "time": "time",
    "exchangeInfo": "exchangeInfo",
    "depth": "depth",
    "trades.recent": "trades",
    "trades.historical": "historicalTrades",
    "trades.aggregate": "aggTrades",
    "klines": "klines",
    "uiKlines": "uiKlines",
    "avgPrice": "avgPrice",
    "ticker": "ticker",
    "ticker.tradingDay": "ticker/tradingDay",
    "ticker.book": "ticker/bookTicker",
    "ticker.price": "ticker/price",
    "ticker.24hr": "ticker/24hr",
    "executionRules": "executionRules",
    "referencePrice": "referencePrice",
    "referencePrice.calculation": "referencePrice/calculation",
    "blockTrades.historical": "historicalBlockTrades",
}


def add_spot_trading(
    server: SimServer,
    pool: RestPool,
    counts: OrderCounts,
    listings: Mapping[str, SimListing],
    public: Mapping[str, Operation],
) -> None:
    """Serve accounts and orders. `public`: the operations of /api/v3 that anybody may ask for."""
    desk = server.desks["spot"]
    ids = IdMaker(f"{desk.market.seed}:{desk.market.t0_ns}:spot")
    orders = SpotOrders(desk, counts, ids)
    account = SpotAccount(desk, counts, listings)
    streams = SpotUserStreams(server, desk, orders)
    operations = _operations(orders, account)
    _add_rest(pool, operations)
    _add_wallet(server, listings, account, ids)
    methods = {method: public[path] for method, path in _PUBLIC_METHODS.items() if path in public}
    api = Api(
        operations=methods | {method: operation for (_, _, method), operation in operations.items() if method},
        sessions=streams.methods(),
        listings=listings,
        weights=pool.weights,
        orders=counts,
        handshake_weight=_HANDSHAKE_WEIGHT,
        policy=SPOT_API_POLICY,
        has_micros=True,
        on_close=streams.close,
    )
    serve_api(server, _API_PATHS, api)


def _operations(orders: SpotOrders, account: SpotAccount) -> dict[tuple[str, str, str], Operation]:
    """(HTTP method, path under /api/v3, WS API method) -> operation."""
    placing = Operation(
        run=orders.place, security=Security.TRADE, changes=True, is_free_if_done=True, counts_orders=True
    )
    testing = Operation(run=orders.test, weight=_test_weight, security=Security.TRADE)
    return {
        ("POST", "order", "order.place"): placing,
        ("POST", "order/test", "order.test"): testing,
        ("DELETE", "order", "order.cancel"): trading(orders.cancel, is_free=True),
        ("DELETE", "openOrders", "openOrders.cancelAll"): trading(orders.cancel_all, is_free=True),
        ("POST", "order/cancelReplace", "order.cancelReplace"): Operation(
            run=orders.cancel_replace, security=Security.TRADE, changes=True, counts_orders=True
        ),
        ("PUT", "order/amend/keepPriority", "order.amend.keepPriority"): trading(orders.amend, 4),
        ("GET", "order", "order.status"): reading(orders.query, 4),
        ("GET", "order/amendments", "order.amendments"): reading(orders.amendments, 4),
        ("GET", "openOrders", "openOrders.status"): reading(orders.open_orders, _open_orders_weight),
        ("GET", "allOrders", "allOrders"): reading(orders.all_orders, 20),
        ("GET", "myTrades", "myTrades"): reading(orders.trades, _trades_weight),
        ("GET", "myPreventedMatches", "myPreventedMatches"): reading(fixed([]), 2),
        ("GET", "myAllocations", "myAllocations"): reading(fixed([]), 20),
        ("GET", "openOrderList", "openOrderLists.status"): reading(fixed([]), 6),
        ("GET", "allOrderList", "allOrderLists"): reading(fixed([]), 20),
        ("GET", "orderList", "orderList.status"): reading(refusing(-2018, "Order list does not exist."), 4),
        ("DELETE", "orderList", "orderList.cancel"): trading(refusing(-2011, "Unknown order list sent.")),
        ("POST", "order/oco", "orderList.place"): trading(_NO_LISTS),
        ("POST", "orderList/oco", "orderList.place.oco"): trading(_NO_LISTS),
        ("POST", "orderList/oto", "orderList.place.oto"): trading(_NO_LISTS),
        ("POST", "orderList/otoco", "orderList.place.otoco"): trading(_NO_LISTS),
        ("POST", "orderList/opo", "orderList.place.opo"): trading(_NO_LISTS),
        ("POST", "orderList/opoco", "orderList.place.opoco"): trading(_NO_LISTS),
        ("POST", "sor/order", "sor.order.place"): trading(_NO_ROUTING),
        ("POST", "sor/order/test", "sor.order.test"): trading(_NO_ROUTING),
        ("GET", "account", "account.status"): reading(account.account, 20),
        ("GET", "account/commission", "account.commission"): reading(account.commission, 20),
        ("GET", "rateLimit/order", "account.rateLimits.orders"): reading(account.order_counts, 40),
        ("GET", "myFilters", "myFilters"): reading(account.filters, 40),
    }


def _add_rest(pool: RestPool, operations: Mapping[tuple[str, str, str], Operation]) -> None:
    for (method, path, _), operation in operations.items():
        pool.add(method, f"/api/v3/{path}", operation)
    for method in ("POST", "PUT", "DELETE"):
        # Listen keys of spot were taken away on 2026-02-20.
        for path in ("/api/v3/userDataStream", "/api/v1/userDataStream"):
            pool.add(method, path, Operation(run=_GONE, security=Security.NONE))


def _add_wallet(server: SimServer, listings: Mapping[str, SimListing], account: SpotAccount, ids: IdMaker) -> None:
    """/sapi has weight pools of its own."""
    wallet = Wallet(server, server.desks, account, ids)
    pool = RestPool(
        server,
        listings,
        ("", "/spot", "/usdm"),
        WeightPool(_SAPI_WEIGHT_LIMIT, server.now_ns),
        ("X-SAPI-USED-IP-WEIGHT-1M",),
    )
    moving = Operation(run=wallet.transfer, weight=900, security=Security.TRANSFER)
    leaving = Operation(run=wallet.withdraw, weight=600, security=Security.WITHDRAW)
    rows: list[tuple[str, str, Operation]] = [
        ("GET", "v1/account/apiRestrictions", reading(wallet.restrictions)),
        ("GET", "v1/account/apiTradingStatus", reading(wallet.trading_status)),
        ("GET", "v1/account/status", reading(fixed({"data": "Normal"}))),
        ("GET", "v1/account/info", reading(fixed(_ACCOUNT_INFO))),
        ("GET", "v1/asset/assetDetail", reading(wallet.asset_detail)),
        ("GET", "v1/asset/wallet/balance", reading(wallet.wallet_balances, 60)),
        ("GET", "v1/bnbBurn", reading(fixed({"spotBNBBurn": False, "interestBNBBurn": False}))),
        ("GET", "v1/asset/tradeFee", reading(account.trade_fees)),
        ("POST", "v3/asset/getUserAsset", reading(wallet.user_assets, 5)),
        ("POST", "v1/asset/get-funding-asset", reading(fixed([]))),
        ("GET", "v1/capital/config/getall", reading(wallet.coins, 10)),
        ("GET", "v1/capital/deposit/address", reading(wallet.deposit_address, 10)),
        ("GET", "v1/capital/deposit/hisrec", reading(wallet.deposits)),
        ("GET", "v1/capital/withdraw/history", reading(wallet.withdrawals, 2)),
        ("GET", "v1/capital/withdraw/quota", reading(fixed({"wdQuota": "8000000", "usedWdQuota": "0"}), 10)),
        ("POST", "v1/capital/withdraw/apply", leaving),
        ("GET", "v1/spot/delist-schedule", Operation(run=fixed([]), weight=100, security=Security.KEY)),
        ("POST", "v1/asset/transfer", moving),
        ("GET", "v1/asset/transfer", reading(wallet.transfers)),
        ("GET", "v1/asset/dribblet", reading(fixed({"total": 0, "userAssetDribblets": []}))),
        ("GET", "v1/asset/assetDividend", reading(fixed({"rows": [], "total": 0}), 10)),
        ("GET", "v1/fiat/orders", reading(fixed({"code": "000000", "message": "success", "data": [], "total": 0}))),
    ]
    # There is no margin trading here.
    nothing = Operation(run=fixed([]), security=Security.KEY)
    rows += [("GET", f"v1/margin/{path}", nothing) for path in ("allPairs", "isolated/allPairs", "allAssets")]
    for method, path, operation in rows:
        pool.add(method, f"/sapi/{path}", operation)


def _open_orders_weight(parameters: Parameters) -> int:
    return 6 if "symbol" in parameters else 80


def _trades_weight(parameters: Parameters) -> int:
    return 5 if "orderId" in parameters else 20


def _test_weight(parameters: Parameters) -> int:
    return 20 if parameters.flag("computeCommissionRates") else 1
