"""Spot's account: balances, commissions, filters and order counts."""

from collections.abc import Mapping

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance import spot_shapes as shapes
from oneprice.sim.dialects.binance.operations import Call
from oneprice.sim.dialects.binance.quotas import OrderCounts
from oneprice.sim.dialects.binance.rules import spot_filters
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.spot_orders import DISCOUNT, commission_rates
from oneprice.sim.market import SimListing

_NO_FEES = {
    "maker": "0.00000000",
    "taker": "0.00000000",
    "buyer": "0.00000000",
    "seller": "0.00000000",
}


class SpotAccount:
    """What clients ask about their spot account."""

    def __init__(self, desk: TradingDesk, counts: OrderCounts, listings: Mapping[str, SimListing]) -> None:
        self._desk = desk
        self._counts = counts
        self._listings = listings

    def assets(self, account: Account) -> list[str]:
        """The market's assets and whatever else the wallet holds, as the venue lists them all."""
        known = dict.fromkeys(
            asset
            for listing in self._listings.values()
            for asset in (listing.instrument.base, listing.instrument.quote)
        )
        return list(known | dict.fromkeys(account.wallets.get(self._desk.wallet, {})))

    def account(self, call: Call) -> object:
        """GET /account, account.status."""
        rates = commission_rates(self._desk, call.account)
        rows = shapes.balances(call.account, self.assets(call.account))
        if call.parameters.flag("omitZeroBalances"):
            rows = [row for row in rows if float(str(row["free"])) or float(str(row["locked"]))]
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": _NO_FEES | rates,
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.parameters.time(call.now_ns),
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
            "uid": call.account.uid,
        }

    def commission(self, call: Call) -> object:
        """GET /account/commission: standard, special and tax parts, and the BNB discount that nobody has here."""
        symbol, listing = call.parameters.symbol()
        return {
            "symbol": symbol,
            "standardCommission": _NO_FEES | commission_rates(self._desk, call.account, listing),
            "specialCommission": _NO_FEES,
            "taxCommission": _NO_FEES,
            "discount": DISCOUNT,
        }

    def trade_fees(self, call: Call) -> object:
        """GET /sapi/v1/asset/tradeFee, for one symbol or all."""
        rows = []
        for symbol, listing in call.parameters.symbols()[0].items():
            rates = commission_rates(self._desk, call.account, listing)
            rows.append({"symbol": symbol, "makerCommission": rates["maker"], "takerCommission": rates["taker"]})
        return rows

    def order_counts(self, call: Call) -> object:
        """GET /rateLimit/order, account.rateLimits.orders."""
        return self._counts.rows(call.account.uid)

    def filters(self, call: Call) -> object:
        """GET /myFilters."""
        _, listing = call.parameters.symbol()
        rows: list[Fields] = spot_filters(listing.instrument)
        return {"exchangeFilters": [], "symbolFilters": rows, "assetFilters": []}
