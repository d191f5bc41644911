"""Binance's wallet (/sapi): what a key may do, networks, deposits, withdrawals and transfers between wallets."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import msgspec

from oneprice.sim import money as exact
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.binance.identifiers import IdMaker
from oneprice.sim.dialects.binance.networks import Network, fee_of, network_row, networks_of
from oneprice.sim.dialects.binance.operations import Call
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.refusals import RequestError
from oneprice.sim.dialects.binance.shapes import Fields
from oneprice.sim.dialects.binance.spot_account import SpotAccount
from oneprice.sim.dialects.binance.spot_shapes import money
from oneprice.sim.keeping import histories
from oneprice.sim.orders import BalanceReason, BalanceReport, Reason, Refused, Report
from oneprice.sim.server import SimServer

_TRANSFERS = {
    "MAIN_UMFUTURE": ("spot", "usdm"),
    "UMFUTURE_MAIN": ("usdm", "spot"),
}
_WALLETS = {"spot": "Spot", "funding": "Funding", "usdm": "USDⓈ-M Futures"}
_KEPT = 10_000
"""Moves of one account that are remembered, of each kind."""

_POOR = (-4026, "The user has insufficient balance available.")


class _Move(msgspec.Struct, frozen=True):
    """A deposit or withdrawal that is through."""

    move_id: str
    coin: str
    amount: Decimal
    fee: Decimal
    network: str
    address: str
    tag: str
    client_id: str
    at_ns: int


class Wallet:
    """The /sapi side of an exchange. What goes in or out by the control API is in the histories too."""

    def __init__(self, server: SimServer, desks: Mapping[str, TradingDesk], account: SpotAccount, ids: IdMaker) -> None:
        self._server = server
        self._desks = desks
        self._account = account
        self._ids = ids
        self._deposits: defaultdict[int, deque[_Move]] = histories(_KEPT)
        self._withdrawals: defaultdict[int, deque[_Move]] = histories(_KEPT)
        self._transfers: defaultdict[int, deque[Fields]] = histories(_KEPT)
        self._move_ids, self._transfer_ids = count(769_800_519_366_885_376), count(13_526_853_600)
        self._is_silent = False
        desks["spot"].listeners.append(self._hear)

    # ---- keys and coins -------------------------------------------------------------------------------

    def restrictions(self, call: Call) -> object:
        """GET /account/apiRestrictions: of the key that signs."""
        rights = call.key.rights
        return {
            "ipRestrict": False,
            "createTime": 1_623_840_271_000,
            "enableReading": "read" in rights,
            "enableWithdrawals": "withdraw" in rights,
            "enableInternalTransfer": "transfer" in rights,
            "enableMargin": False,
            "enableFutures": "trade" in rights and "usdm" in self._desks,
            "permitsUniversalTransfer": "transfer" in rights,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": "trade" in rights,
            "enablePortfolioMarginTrading": False,
        }

    def trading_status(self, call: Call) -> object:
        """GET /account/apiTradingStatus."""
        return {"data": {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": {}, "updateTime": 0}}

    def coins(self, call: Call) -> object:
        """GET /capital/config/getall."""
        return [self._coin(call.account, coin) for coin in self._account.assets(call.account)]

    def user_assets(self, call: Call) -> object:
        """POST /sapi/v3/asset/getUserAsset: what is not zero."""
        wanted = call.parameters.maybe("asset")
        rows = []
        for coin in self._account.assets(call.account):
            balance = call.account.balance("spot", coin)
            if balance.total and wanted in (None, coin):
                rows.append(
                    {
                        "asset": coin,
                        "free": money(balance.free),
                        "locked": money(balance.held),
                        "freeze": "0",
                        "withdrawing": "0",
                        "ipoable": "0",
                        "btcValuation": "0",
                    }
                )
        return rows

    def asset_detail(self, call: Call) -> object:
        """GET /asset/assetDetail: what withdrawals cost by each coin's first network."""
        wanted = call.parameters.maybe("asset")
        return {
            coin: {
                "minWithdrawAmount": networks_of(coin)[0].minimum,
                "depositStatus": True,
                "withdrawFee": networks_of(coin)[0].fee,
                "withdrawStatus": True,
            }
            for coin in self._account.assets(call.account)
            if wanted in (None, coin)
        }

    def wallet_balances(self, call: Call) -> object:
        """GET /asset/wallet/balance: every wallet in `quoteAsset`, BTC at first."""
        unit = self._price(call.parameters.maybe("quoteAsset") or "BTC")
        if not unit:
            raise RequestError(-1102, "Mandatory parameter 'quoteAsset' was not sent, was empty/null, or malformed.")
        rows = []
        for market, name in _WALLETS.items():
            held = call.account.wallets.get(market, {})
            worth = exact.total([exact.times(balance.total, self._price(coin)) for coin, balance in held.items()])
            rows.append({"activate": market in self._desks, "balance": money(worth / unit), "walletName": name})
        return rows

    def _price(self, coin: str) -> Decimal:
        """In USDT, 0 when nothing tells it."""
        if coin == "USDT":
            return Decimal(1)
        desk = self._desks["spot"]
        for listing in desk.market.listings.values():
            if listing.instrument.base == coin and listing.instrument.quote == "USDT":
                return desk.mark_price(listing)
        return Decimal(0)

    def deposit_address(self, call: Call) -> object:
        """GET /capital/deposit/address: made up from the account, always the same."""
        coin = self._known(call)
        network = _network(coin, call.parameters)
        digest = hashlib.sha256(f"{call.account.uid}:{coin}:{network.code}".encode()).hexdigest()
        tag = str(int(digest[:8], 16)) if network.memo else ""
        return {"address": "0x" + digest[:40], "coin": coin, "tag": tag, "url": ""}

    # ---- moves ----------------------------------------------------------------------------------------

    def deposits(self, call: Call) -> object:
        """GET /capital/deposit/hisrec, newest first."""
        moves = _chosen(self._deposits[call.account.uid], call.parameters)
        return [
            {
                "id": move.move_id,
                "amount": f"{move.amount:f}",
                "coin": move.coin,
                "network": move.network,
                "status": 1,
                "address": move.address,
                "addressTag": move.tag,
                "txId": _transaction(move),
                "insertTime": move.at_ns // 1_000_000,
                "completeTime": move.at_ns // 1_000_000,
                "transferType": 0,
                "confirmTimes": "1/1",
                "unlockConfirm": 0,
                "walletType": 0,
                "travelRuleStatus": 0,
            }
            for move in moves
        ]

    def withdrawals(self, call: Call) -> object:
        """GET /capital/withdraw/history, newest first."""
        moves = _chosen(self._withdrawals[call.account.uid], call.parameters)
        wanted = call.parameters.maybe("withdrawOrderId")
        return [
            {
                "id": move.move_id,
                "amount": f"{move.amount:f}",
                "transactionFee": f"{move.fee:f}",
                "coin": move.coin,
                "status": 6,
                "address": move.address,
                "addressTag": move.tag,
                "txId": _transaction(move),
                "applyTime": _utc(move.at_ns),
                "network": move.network,
                "transferType": 0,
                "withdrawOrderId": move.client_id,
                "info": "",
                "confirmNo": 3,
                "walletType": 0,
                "txKey": "",
                "completeTime": _utc(move.at_ns),
            }
            for move in moves
            if wanted in (None, move.client_id)
        ]

    def withdraw(self, call: Call) -> object:
        """POST /capital/withdraw/apply. The fee comes on top unless the amount is all there is."""
        parameters, account = call.parameters, call.account
        coin = self._known(call)
        network = _network(coin, parameters)
        address = parameters.text("address")
        parameters.text("amount")
        amount = parameters.number("amount")
        assert amount is not None
        if amount < Decimal(network.minimum):
            raise RequestError(-4028, "The amount of withdrawal must be greater than the Commission.")
        if not self._move("spot", account, coin, -(amount + fee_of(network)), call.now_ns):
            raise RequestError(*_POOR)
        tag, client_id = parameters.maybe("addressTag") or "", parameters.maybe("withdrawOrderId") or ""
        move = _Move(
            self._ids.listen_key()[:32],
            coin,
            amount,
            fee_of(network),
            network.code,
            address,
            tag,
            client_id,
            call.now_ns,
        )
        self._withdrawals[account.uid].append(move)
        return {"id": move.move_id}

    def transfer(self, call: Call) -> object:
        """POST /asset/transfer between spot and futures."""
        parameters = call.parameters
        kind, coin = parameters.text("type"), self._known(call, "asset")
        parameters.text("amount")
        amount = parameters.number("amount")
        assert amount is not None
        places = _TRANSFERS.get(kind)
        if places is None or any(place not in self._desks for place in places) or not amount:
            raise RequestError(-1130, "Data sent for parameter 'type' is not valid.")
        source, target = places
        if not self._move(source, call.account, coin, -amount, call.now_ns):
            raise RequestError(-5013, "Asset transfer failed: insufficient balance")
        self._move(target, call.account, coin, amount, call.now_ns)
        number = next(self._transfer_ids)
        self._transfers[call.account.uid].append(
            {
                "asset": coin,
                "amount": f"{amount:f}",
                "type": kind,
                "status": "CONFIRMED",
                "tranId": number,
                "timestamp": call.now_ns // 1_000_000,
            }
        )
        return {"tranId": number}

    def transfers(self, call: Call) -> object:
        """GET /asset/transfer, newest first."""
        kind = call.parameters.text("type")
        rows = [row for row in reversed(self._transfers[call.account.uid]) if row["type"] == kind]
        return {"total": len(rows), "rows": rows[: call.parameters.whole("size", 10)]}

    # ---- inside ---------------------------------------------------------------------------------------

    def _coin(self, account: Account, coin: str) -> Fields:
        balance = account.balance("spot", coin)
        rows = [network_row(coin, network, not index) for index, network in enumerate(networks_of(coin))]
        return {
            "coin": coin,
            "depositAllEnable": True,
            "withdrawAllEnable": True,
            "name": coin,
            "free": money(balance.free),
            "locked": money(balance.held),
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "networkList": rows,
        }

    def _known(self, call: Call, name: str = "coin") -> str:
        coin = call.parameters.text(name)
        if coin not in self._account.assets(call.account):
            raise RequestError(-4018, "We don't have this asset.")
        return coin

    def _move(self, market: str, account: Account, coin: str, amount: Decimal, now_ns: int) -> bool:
        """Move without an entry in the histories of deposits and withdrawals; False when there is too little."""
        self._is_silent = True
        try:
            self._desks[market].deposit(account, coin, amount, now_ns)
        except Refused as refused:
            if refused.reason is not Reason.INSUFFICIENT_BALANCE:
                raise
            return False
        finally:
            self._is_silent = False
        return True

    def _hear(self, report: Report) -> None:
        """Coins that came or went by themselves."""
        if self._is_silent or not isinstance(report, BalanceReport):
            return
        moves = {BalanceReason.DEPOSIT: self._deposits, BalanceReason.WITHDRAW: self._withdrawals}.get(report.reason)
        if moves is None:
            return
        for coin, delta in report.changes.items():
            number = str(next(self._move_ids))
            network = networks_of(coin)[0].code
            move = _Move(number, coin, abs(delta), Decimal(0), network, "0x" + "0" * 40, "", "", self._server.now_ns())
            moves[report.account.uid].append(move)


def _network(coin: str, parameters: Parameters) -> Network:
    code = parameters.maybe("network")
    rows = networks_of(coin)
    found = rows[0] if code is None else next((row for row in rows if row.code == code), None)
    if found is None:
        raise RequestError(-4019, "Current network is not available.")
    return found


def _chosen(moves: deque[_Move], parameters: Parameters) -> list[_Move]:
    coin, limit = parameters.maybe("coin"), parameters.limit(1_000, 1_000)
    offset = parameters.whole("offset", 0) or 0
    start_ns, end_ns = parameters.window()
    found = [
        move
        for move in reversed(moves)
        if coin in (None, move.coin) and start_ns <= move.at_ns and (end_ns is None or move.at_ns <= end_ns)
    ]
    return found[offset : offset + limit]


def _transaction(move: _Move) -> str:
    return "0x" + hashlib.sha256(f"{move.move_id}:{move.coin}".encode()).hexdigest()


def _utc(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
