"""The futures account: balances, positions, settings, fees and income."""

from collections import defaultdict, deque
from collections.abc import Mapping
from decimal import Decimal

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance import futures_shapes as shapes
from oneprice.sim.dialects.binance.operations import Call
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.quotas import FUTURES_ORDER_LIMITS
from oneprice.sim.dialects.binance.refusals import FUTURES_REFUSALS, NOT_MODELLED, RequestError, said
from oneprice.sim.dialects.binance.rules import symbol_of
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.spot_shapes import money
from oneprice.sim.keeping import histories
from oneprice.sim.market import SimListing
from oneprice.sim.orders import BalanceReason, BalanceReport, Refused, Report

MAINTENANCE = Decimal("0.004")
NOTIONAL_CAP = 100_000_000
_MOVES_KEPT = 10_000
_DONE: Fields = {"code": 200, "msg": "success"}


class FuturesAccount:
    """What clients ask and set about their futures account. Positions are one-way and in cross margin."""

    def __init__(self, desk: TradingDesk, listings: Mapping[str, SimListing]) -> None:
        self._desk = desk
        self._listings = listings
        self._moves: defaultdict[int, deque[tuple[int, str, Decimal]]] = histories(_MOVES_KEPT)
        desk.listeners.append(self._hear)

    # ---- balances -------------------------------------------------------------------------------------

    def balances(self, call: Call) -> object:
        """GET /fapi/v2|v3/balance."""
        return [
            {
                "accountAlias": "SimA",
                "asset": asset,
                "balance": money(self._wallet(call.account, asset)),
                "crossWalletBalance": money(self._wallet(call.account, asset)),
                "crossUnPnl": money(self._unrealised(call.account, asset)),
                "availableBalance": money(self._desk.available(call.account, asset)),
                "maxWithdrawAmount": money(self._desk.available(call.account, asset)),
                "marginAvailable": True,
                "updateTime": call.now_ns // 1_000_000,
            }
            for asset in self._assets(call.account)
        ]

    def account_v3(self, call: Call) -> object:
        """GET /fapi/v3/account: positions that are held or have orders."""
        rows = [
            self._position_row(call.account, listing)
            for listing in self._listings.values()
            if self._is_used(call.account, listing)
        ]
        return self._totals(call) | {"positions": rows}

    def account_v2(self, call: Call) -> object:
        """GET /fapi/v2/account: all positions, with leverage and entry price, and what accountConfig has."""
        account = call.account
        rows = []
        for listing in self._listings.values():
            position = account.position(listing.key)
            rows.append(
                self._position_row(account, listing)
                | {
                    "leverage": str(self._desk.leverage(account, listing)),
                    "isolated": False,
                    "entryPrice": shapes.entry_text(listing, position),
                    "breakEvenPrice": shapes.entry_text(listing, position, self._desk.rules.taker_fee),
                    "maxNotional": str(NOTIONAL_CAP),
                    "bidNotional": "0",
                    "askNotional": "0",
                }
            )
        return _config(account) | self._totals(call) | {"positions": rows}

    def config(self, call: Call) -> object:
        """GET /accountConfig."""
        return _config(call.account)

    # ---- positions ------------------------------------------------------------------------------------

    def positions_v3(self, call: Call) -> object:
        """GET /fapi/v3/positionRisk: what is held or has orders."""
        return [
            self._risk_row(call, listing) | {"marginAsset": listing.instrument.quote, "adl": 0}
            for listing in self._chosen(call.parameters)
            if self._is_used(call.account, listing)
        ]

    def positions_v2(self, call: Call) -> object:
        """GET /fapi/v2/positionRisk: every symbol, with leverage and margin type."""
        return [
            self._risk_row(call, listing)
            | {
                "leverage": str(self._desk.leverage(call.account, listing)),
                "maxNotionalValue": str(NOTIONAL_CAP),
                "marginType": "cross",
                "isAutoAddMargin": "false",
                "isolated": False,
                "adlQuantile": 0,
            }
            for listing in self._chosen(call.parameters)
        ]

    def adl(self, call: Call) -> object:
        """GET /adlQuantile: nobody is deleveraged here."""
        return [
            {"symbol": symbol_of(listing), "adlQuantile": {"LONG": 0, "SHORT": 0, "BOTH": 0}}
            for listing in self._chosen(call.parameters)
        ]

    # ---- settings -------------------------------------------------------------------------------------

    def set_leverage(self, call: Call) -> object:
        """POST /leverage."""
        symbol, listing = call.parameters.symbol()
        call.parameters.text("leverage")
        leverage = call.parameters.whole("leverage")
        assert leverage is not None
        try:
            self._desk.set_leverage(call.account, listing, leverage)
        except Refused as refused:
            if 1 <= leverage <= self._desk.rules.leverage_max:
                raise RequestError(
                    -2028, "Leverage is smaller than permitted: insufficient margin balance."
                ) from refused
            raise said(FUTURES_REFUSALS, refused, leverage) from refused
        return {"leverage": leverage, "maxNotionalValue": str(NOTIONAL_CAP), "symbol": symbol}

    def set_margin_type(self, call: Call) -> object:
        """POST /marginType: cross it is, and stays."""
        call.parameters.symbol()
        wanted = call.parameters.text("marginType")
        if wanted in ("CROSSED", "CROSS"):
            raise RequestError(-4046, "No need to change margin type.")
        if wanted != "ISOLATED":
            raise RequestError(-4048, "Invalid margin type.")
        raise RequestError(*NOT_MODELLED)

    def symbol_config(self, call: Call) -> object:
        """GET /symbolConfig."""
        return [
            {
                "symbol": symbol_of(listing),
                "marginType": "CROSSED",
                "isAutoAddMargin": False,
                "leverage": self._desk.leverage(call.account, listing),
                "maxNotionalValue": str(NOTIONAL_CAP),
            }
            for listing in self._chosen(call.parameters)
        ]

    def position_mode(self, call: Call) -> object:
        """GET /positionSide/dual."""
        return {"dualSidePosition": call.account.hedge_mode}

    def set_position_mode(self, call: Call) -> object:
        """POST /positionSide/dual. In hedge mode orders are refused here."""
        call.parameters.text("dualSidePosition")
        wanted = call.parameters.flag("dualSidePosition")
        if wanted is call.account.hedge_mode:
            raise RequestError(-4059, "No need to change position side.")
        try:
            self._desk.set_hedge_mode(call.account, wanted)
        except Refused as refused:
            if self._desk.open_orders(call.account):
                raise RequestError(-4067, "Position side cannot be changed if there exists open orders.") from refused
            raise said(FUTURES_REFUSALS, refused) from refused
        return _DONE

    def set_multi_assets(self, call: Call) -> object:
        """POST /multiAssetsMargin: single-asset mode it is, and stays."""
        call.parameters.text("multiAssetsMargin")
        if call.parameters.flag("multiAssetsMargin"):
            raise RequestError(*NOT_MODELLED)
        raise RequestError(-4171, "No need to change Multi-Assets mode.")

    # ---- rules and fees -------------------------------------------------------------------------------

    def commission_rate(self, call: Call) -> object:
        """GET /commissionRate."""
        symbol, listing = call.parameters.symbol()
        maker, taker = self._fees(call.account, listing)
        return {
            "symbol": symbol,
            "makerCommissionRate": f"{maker:f}",
            "takerCommissionRate": f"{taker:f}",
            "rpiCommissionRate": "0.00005",
        }

    def brackets(self, call: Call) -> object:
        """GET /leverageBracket: one bracket; the desk's largest leverage goes with every size."""
        bracket = {
            "bracket": 1,
            "initialLeverage": self._desk.rules.leverage_max,
            "notionalCap": NOTIONAL_CAP,
            "notionalFloor": 0,
            "maintMarginRatio": float(MAINTENANCE),
            "cum": 0.0,
        }
        return [
            {"symbol": symbol_of(listing), "notionalCoef": 1.0, "brackets": [bracket]}
            for listing in self._chosen(call.parameters)
        ]

    def order_limits(self, call: Call) -> object:
        """GET /rateLimit/order."""
        return [limit.row() for limit in FUTURES_ORDER_LIMITS]

    def trading_status(self, call: Call) -> object:
        """GET /apiTradingStatus: nobody is locked here."""
        return {"indicators": {}, "updateTime": call.now_ns // 1_000_000}

    def income(self, call: Call) -> object:
        """GET /income: fees, booked profits, funding and transfers, oldest first."""
        parameters = call.parameters
        wanted, kind = parameters.maybe_symbol(), parameters.maybe("incomeType")
        start_ns, end_ns = parameters.window()
        rows = [
            row
            for at_ns, row in sorted(self._income(call.account), key=lambda pair: pair[0])
            if start_ns <= at_ns
            and (end_ns is None or at_ns <= end_ns)
            and kind in (None, row["incomeType"])
            and (wanted is None or row["symbol"] == symbol_of(wanted))
        ]
        limit, page = parameters.limit(100, 1_000), parameters.whole("page", 1) or 1
        if start_ns or "page" in parameters:
            return rows[(page - 1) * limit : page * limit]
        return rows[-limit:]

    # ---- inside ---------------------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        if isinstance(report, BalanceReport) and report.reason in (BalanceReason.DEPOSIT, BalanceReason.WITHDRAW):
            now_ns = self._desk.market.now_ns
            for asset, delta in report.changes.items():
                self._moves[report.account.uid].append((now_ns, asset, delta))

    def _income(self, account: Account) -> list[tuple[int, Fields]]:
        rows: list[tuple[int, Fields]] = []
        for fill in self._desk.fills(account):
            symbol, asset = symbol_of(fill.order.listing), fill.order.listing.instrument.quote
            at, trade_id = fill.ts_ns, str(fill.fill_id)
            rows.append((at, _income_row(symbol, "COMMISSION", -fill.fee, fill.fee_asset, at, trade_id)))
            if fill.realised:
                rows.append((at, _income_row(symbol, "REALIZED_PNL", fill.realised, asset, at, trade_id)))
        by_key = {listing.key: listing for listing in self._listings.values()}
        for payment in self._desk.funding_payments(account):
            listing = by_key[payment.key]
            symbol, asset = symbol_of(listing), listing.instrument.quote
            rows.append(
                (payment.time_ns, _income_row(symbol, "FUNDING_FEE", payment.amount, asset, payment.time_ns, ""))
            )
        for at, asset, delta in self._moves[account.uid]:
            rows.append((at, _income_row("", "TRANSFER", delta, asset, at, "")))
        return rows

    def _assets(self, account: Account) -> list[str]:
        quotes = dict.fromkeys(listing.instrument.quote for listing in self._listings.values())
        return list(quotes | dict.fromkeys(account.wallets.get(self._desk.wallet, {})))

    def _chosen(self, parameters: Parameters) -> list[SimListing]:
        wanted = parameters.maybe_symbol()
        return list(self._listings.values()) if wanted is None else [wanted]

    def _is_used(self, account: Account, listing: SimListing) -> bool:
        return bool(account.position(listing.key).lots) or bool(self._desk.open_orders(account, listing))

    def _wallet(self, account: Account, asset: str) -> Decimal:
        return account.balance(self._desk.wallet, asset).total

    def _unrealised(self, account: Account, asset: str) -> Decimal:
        rows = [row for row in self._listings.values() if row.instrument.quote == asset]
        return sum((self._desk.unrealised(account, listing) for listing in rows), Decimal(0))

    def _notional(self, account: Account, listing: SimListing) -> Decimal:
        return listing.base_amount(account.position(listing.key).lots) * self._desk.mark_price(listing)

    def _fees(self, account: Account, listing: SimListing) -> tuple[Decimal, Decimal]:
        rules, wallet = self._desk.rules, self._desk.wallet
        maker = account.maker_fees.get(listing.key, account.maker_fees.get(wallet, rules.maker_fee))
        taker = account.taker_fees.get(listing.key, account.taker_fees.get(wallet, rules.taker_fee))
        return maker, taker

    def _totals(self, call: Call) -> Fields:
        account, desk = call.account, self._desk
        assets = []
        for asset in self._assets(account):
            rows = [row for row in self._listings.values() if row.instrument.quote == asset]
            position_margin = sum((desk.position_margin(account, row) for row in rows), Decimal(0))
            order_margin = desk.order_margin(account) if rows else Decimal(0)
            kept = sum((abs(self._notional(account, row)) for row in rows), Decimal(0)) * MAINTENANCE
            wallet, profit = self._wallet(account, asset), self._unrealised(account, asset)
            assets.append(
                {
                    "asset": asset,
                    "walletBalance": money(wallet),
                    "unrealizedProfit": money(profit),
                    "marginBalance": money(wallet + profit),
                    "maintMargin": money(kept),
                    "initialMargin": money(position_margin + order_margin),
                    "positionInitialMargin": money(position_margin),
                    "openOrderInitialMargin": money(order_margin),
                    "crossWalletBalance": money(wallet),
                    "crossUnPnl": money(profit),
                    "availableBalance": money(desk.available(account, asset)),
                    "maxWithdrawAmount": money(desk.available(account, asset)),
                    "marginAvailable": True,
                    "updateTime": call.now_ns // 1_000_000,
                }
            )
        return {total: assets[0][name] for total, name in _TOTALS.items()} | {"assets": assets}

    def _position_row(self, account: Account, listing: SimListing) -> Fields:
        position = account.position(listing.key)
        notional = self._notional(account, listing)
        margin = money(self._desk.position_margin(account, listing))
        return {
            "symbol": symbol_of(listing),
            "positionSide": "BOTH",
            "positionAmt": shapes.lots_text(listing, position.lots),
            "unrealizedProfit": money(self._desk.unrealised(account, listing)),
            "isolatedMargin": "0",
            "notional": money(notional),
            "isolatedWallet": "0",
            "initialMargin": margin,
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0",
            "maintMargin": money(abs(notional) * MAINTENANCE),
            "updateTime": position.updated_ns // 1_000_000,
        }

    def _risk_row(self, call: Call, listing: SimListing) -> Fields:
        account, position = call.account, call.account.position(listing.key)
        row = self._position_row(account, listing)
        profit = row.pop("unrealizedProfit")
        return row | {
            "entryPrice": shapes.entry_text(listing, position),
            "breakEvenPrice": shapes.entry_text(listing, position, self._fees(account, listing)[1]),
            "markPrice": money(self._desk.mark_price(listing)),
            "unRealizedProfit": profit,
            "liquidationPrice": "0",
            "bidNotional": "0",
            "askNotional": "0",
        }


_TOTALS = {
    "totalInitialMargin": "initialMargin",
    "totalMaintMargin": "maintMargin",
    "totalWalletBalance": "walletBalance",
    "totalUnrealizedProfit": "unrealizedProfit",
    "totalMarginBalance": "marginBalance",
    "totalPositionInitialMargin": "positionInitialMargin",
    "totalOpenOrderInitialMargin": "openOrderInitialMargin",
    "totalCrossWalletBalance": "crossWalletBalance",
    "totalCrossUnPnl": "crossUnPnl",
    "availableBalance": "availableBalance",
    "maxWithdrawAmount": "maxWithdrawAmount",
}
"""Totals are those of the first asset: all is quoted in USDT here."""


def _config(account: Account) -> Fields:
    return {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": account.hedge_mode,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def _income_row(symbol: str, kind: str, amount: Decimal, asset: str, at_ns: int, trade_id: str) -> Fields:
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": money(amount),
        "asset": asset,
        "info": trade_id or kind,
        "time": at_ns // 1_000_000,
        "tranId": at_ns // 1_000,
        "tradeId": trade_id,
    }
